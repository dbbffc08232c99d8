/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How fast one thread copies, for each level of memory that holds the bytes.  A
 * queue that copies in and out cannot be faster.
 */
#ifndef BENCH_MEMCPY_CASE_H
#define BENCH_MEMCPY_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "case.h"
#include "samples.h"
#include "topo.h"
#include "worker_pair.h"

struct memcpy_case {
	struct bench_case base;	/* first */
	const char *level;	/* "l1", "l2", "l3", "dram" */
	uint64_t bytes;		/* of source and copy together */
	struct samples gib_per_s;

	struct worker_pair *pair;	/* its first thread copies */
	struct arena arena;
	uint64_t at;		/* offset of the next copy */
	double ns;
	bool quiet;
};

/*
 * Add one case for each cache of the machine, and one for memory.  False with a
 * message on stderr.
 */
bool memcpy_cases_add(struct bench_cases *cases, struct worker_pair *pair,
    const struct topo *topo);

#endif
