/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How fast can one thread copy at all, by where the bytes lie?  What copies
 * in and out cannot be faster.
 */
#ifndef BENCH_MEMCPY_LIMIT_H
#define BENCH_MEMCPY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "crew.h"
#include "samples.h"
#include "topo.h"

struct memcpy_limit {
	char name[24];
	const char *level;	/* "l1", "l2", "l3", "dram" */
	uint64_t bytes;		/* source and copy together */
	struct samples gib_per_s;

	struct crew *crew;	/* its first thread copies */
	struct arena arena;
	uint64_t at;		/* how far the copy has come */
	double ns;
	bool quiet;
};

#define MEMCPY_LIMITS 4

/*
 * Choose the levels by the caches of the machine.  Returns how many of
 * MEMCPY_LIMITS there are: one for each cache it has, and memory.
 */
unsigned memcpy_limits_open(struct memcpy_limit limits[MEMCPY_LIMITS],
    struct crew *crew, const struct topo *topo);
void memcpy_limit_close(struct memcpy_limit *limit);

/*
 * One sample, unless it was disturbed.  Returns the seconds measured, or less
 * than 0, with a message on stderr: no memory, or a hang, which sets `*hung`.
 */
double memcpy_limit_sample(struct memcpy_limit *limit, bool *hung);

#endif
