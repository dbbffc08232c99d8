/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Uses the kernel's accounting of a thread to tell whether it was disturbed. */
#include "quiet.h"

#include <sys/resource.h>

#include "clock.h"

/*
 * Timer ticks and exits to the hypervisor alone take 1 to 3 % of a burst.  A
 * second thread on the same processor takes far more.
 */
#define LOST_PERCENT 5

void
quiet_begin(struct quiet *quiet)
{
	struct rusage usage;
	struct timespec cpu;

	getrusage(RUSAGE_THREAD, &usage);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	quiet->switches = usage.ru_nivcsw;
	quiet->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u +
	    (uint64_t)cpu.tv_nsec;
	quiet->wall_ns = clock_monotonic_ns();
}

bool
quiet_end(const struct quiet *quiet, bool sleeps)
{
	struct quiet now;
	uint64_t wall, cpu;

	quiet_begin(&now);
	wall = now.wall_ns - quiet->wall_ns;
	cpu = now.cpu_ns - quiet->cpu_ns;
	return now.switches == quiet->switches &&
	    (sleeps || cpu * 100 >= wall * (100 - LOST_PERCENT));
}
