/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A case is what is measured once a round and has a name: a queue in one shape,
 * a bare copy, an operation of the driver.  Each kind has a struct that begins
 * with this one.
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

/* The table of the results that holds the rows of a case. */
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
	uint64_t errors;	/* wrong messages and failed samples */

	/*
	 * Called before the first round: take what all samples use.  Returns
	 * false with a message on stderr; sets `*hung` if a worker never
	 * returned.  NULL if there is nothing to take.
	 */
	bool (*open)(struct bench_case *self, bool *hung);

	/*
	 * Measure once, and keep the sample if nothing disturbed it.  Returns
	 * the seconds measured.  On failure returns less than 0, writes a
	 * message to stderr and counts in `errors`.  Sets `*hung` if a worker
	 * never returned.
	 */
	double (*sample)(struct bench_case *self, bool *hung);

	/* Write the rows of its table.  NULL: another case writes them. */
	void (*write)(struct bench_case *self, struct json *json);

	/* Free the case. */
	void (*close)(struct bench_case *self);
};

/* All cases whose names match the filter. */
struct bench_cases {
	const regex_t *filter;
	struct bench_case **list;
	size_t count;
};

/*
 * Add a case that came from malloc(), or close it if its name does not match.
 * A case of NULL means that malloc() failed.  Returns false, with a message on
 * stderr, when there is no memory.
 */
bool bench_cases_add(struct bench_cases *cases, struct bench_case *one);

/* Close all cases. */
void bench_cases_close(struct bench_cases *cases);

/*
 * Say on stderr why a sample failed, and count the error.  Returns -1, which
 * sample() returns.
 */
double bench_case_fail(struct bench_case *self, const char *what);

/*
 * The length of the next burst: `count`, which took `ns`, scaled so that it
 * takes about `want_ns`.  It stays if it is off by less than 2, and changes 32
 * times at most.
 */
uint64_t bench_next_count(uint64_t count, double ns, double want_ns);

/*
 * Add latencies to *into, which is NULL until the first.  Without memory they
 * are left out.
 */
void bench_merge(struct histogram **into, const struct histogram *from);

/* What happened to the bursts between one pair of processors. */
struct bench_tally {
	uint64_t total;
	uint64_t moved;		/* left out: the pair moved during it */
	uint64_t switched;	/* left out: a thread was disturbed */
	struct samples line_ns[PROBE_CLASSES];	/* bare line round trips */
};

/*
 * Write the mean, percentiles and maximum of latencies, converted from ticks to
 * nanoseconds.
 */
void bench_write_quantiles(struct json *json,
    const struct histogram *latencies);

#endif
