/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Waiting for another thread, which may need the processor we wait on. */
#ifndef WAIT_H
#define WAIT_H

#include <sched.h>

/*
 * Once per turn of a waiting loop; `waits` counts the turns.  With a processor
 * less than threads, whoever does not stand aside costs the other its time
 * slice for every message.
 */
static inline void
stand_aside(unsigned *waits)
{
	if (++*waits % 32 == 0)
		sched_yield();
}

/* The same, where two must set off at one moment: to come back takes long. */
static inline void
stand_ready(unsigned *waits)
{
	if (++*waits % 1024 == 0)
		sched_yield();
}

#endif
