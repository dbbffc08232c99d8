/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ways to wait for another thread, which may need the processor we wait on. */
#ifndef WAIT_H
#define WAIT_H

#include <sched.h>
#include <time.h>

/*
 * Call this once per turn of a waiting loop; `waits` counts the turns.  Where
 * there are fewer processors than threads, ours or of other programs, a waiting
 * thread that only spins costs the other one a time slice for every message.  A
 * thread that only yields does the same, because another program goes first.  A
 * thread that sleeps gets the processor when it wakes.
 */
static inline void
stand_aside(unsigned *waits)
{
	const struct timespec moment = { 0, 1000 };

	if (++*waits % 256 == 0)
		nanosleep(&moment, NULL);
}

/*
 * The same for two threads that must start at one moment: a sleeping thread
 * would take too long to return.
 */
static inline void
stand_ready(unsigned *waits)
{
	if (++*waits % 1024 == 0)
		sched_yield();
}

#endif
