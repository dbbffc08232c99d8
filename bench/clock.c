/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The length of one tick of the benchmarks' clock. */
#include "clock.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

static double ticks_per_ns = 1;

void
clock_calibrate(void)
{
	const struct timespec nap = { 0, 50 * 1000 * 1000 };
	uint64_t ticks = clock_ticks();
	uint64_t ns = clock_monotonic_ns();

	nanosleep(&nap, NULL);
	ticks = clock_ticks() - ticks;
	ns = clock_monotonic_ns() - ns;
	ticks_per_ns = (double)ticks / (double)ns;
}

double
clock_ticks_per_ns(void)
{
	return ticks_per_ns;
}

bool
clock_is_invariant(void)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned a, b, c, d;

	/*
	 * The leaf of advanced power management: EDX bit 8 is the invariant
	 * TSC.
	 */
	return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 &&
	    (d & (1u << 8)) != 0;
#else
	return true;
#endif
}
