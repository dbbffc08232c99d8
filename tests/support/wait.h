/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Waiting for another thread, which may need the processor we wait on. */
#ifndef WAIT_H
#define WAIT_H

#include <sched.h>
#include <time.h>

/*
 * Once per turn of a waiting loop; `waits` counts the turns.  Where there are
 * fewer processors than threads, ours or a neighbour's, who only spins costs the
 * other a time slice for every message, and so does who only yields: the
 * neighbour goes first.  Who sleeps is let in when it wakes.
 */
static inline void
stand_aside(unsigned *waits)
{
	const struct timespec moment = { 0, 1000 };

	if (++*waits % 256 == 0)
		nanosleep(&moment, NULL);
}

/* The same, where two must set off at one moment: to come back takes long. */
static inline void
stand_ready(unsigned *waits)
{
	if (++*waits % 1024 == 0)
		sched_yield();
}

#endif
