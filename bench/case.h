/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A case: what is measured once a round and has a name.  A queue in one shape,
 * a bare copy and an operation of the driver are cases.  Each kind has a
 * struct that begins with this one.
 */
#ifndef BENCH_CASE_H
#define BENCH_CASE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "json.h"
#include "probe.h"
#include "samples.h"

/* Where in the results the rows of a case stand. */
enum bench_table {
	BENCH_THROUGHPUT,
	BENCH_LATENCY,
	BENCH_OPEN_LOOP,
	BENCH_STREAM,
	BENCH_MEMCPY,
	BENCH_DRIVER
};

struct bench_case {
	char name[64];
	enum bench_table table;
	uint64_t errors;	/* messages that were wrong, samples that failed */

	/*
	 * Before the first round: take what all samples use.  False with a
	 * message on stderr; `*hung` if a worker never came back.  NULL if
	 * there is nothing to take.
	 */
	bool (*open)(struct bench_case *self, bool *hung);

	/*
	 * Measure once, and keep the sample if nothing disturbed it.  Returns
	 * the seconds measured; less than 0, with a message on stderr and in
	 * `errors`, if it failed.  `*hung` is set if a worker never came back.
	 */
	double (*sample)(struct bench_case *self, bool *hung);

	/* Write the rows of its table.  NULL: another case writes for it. */
	void (*write)(struct bench_case *self, struct json *json);

	/* Free it. */
	void (*close)(struct bench_case *self);
};

/* All cases whose names match. */
struct bench_cases {
	const regex_t *filter;
	struct bench_case **list;
	size_t count;
};

/*
 * Add a case that malloc() gave, or close it if its name does not match; NULL
 * if there was no memory for it.  False, with a message on stderr, when there
 * is no memory.
 */
bool bench_cases_add(struct bench_cases *cases, struct bench_case *one);

/* Close all. */
void bench_cases_close(struct bench_cases *cases);

/* What happened to the bursts between one pair of processors. */
struct bench_tally {
	uint64_t total;
	uint64_t moved;		/* left out: the pair moved meanwhile */
	uint64_t switched;	/* left out: a thread was not left alone */
	struct samples line_ns[PROBE_CLASSES];	/* bare line round trips */
};

/* Mean, percentiles and maximum of latencies in ticks, in nanoseconds. */
void bench_write_quantiles(struct json *json,
    const struct histogram *latencies);

#endif
