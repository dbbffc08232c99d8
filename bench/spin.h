/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How a measured thread waits for the other thread: it polls, with or without a
 * pause in between, and never longer than the deadline.
 */
#ifndef BENCH_SPIN_H
#define BENCH_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

struct spin {
	bool pause;
	uint32_t looks;
	uint64_t deadline;	/* in ticks */
	bool *abandoned;	/* shared: if one gives up, both do */
};

/* Call this before every further poll.  False: give up. */
static inline bool
spin_again(struct spin *spin)
{
	if (spin->pause)
		clock_pause();
	if (++spin->looks % 1024 != 0)
		return true;
	if (clock_ticks() > spin->deadline)
		__atomic_store_n(spin->abandoned, true, __ATOMIC_RELAXED);
	return !__atomic_load_n(spin->abandoned, __ATOMIC_RELAXED);
}

#endif
