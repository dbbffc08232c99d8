/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Waiting for another thread, which may need the processor we wait on. */
#ifndef WAIT_H
#define WAIT_H

#include <sched.h>

/* Once per turn of a waiting loop; `waits` counts the turns. */
static inline void
stand_aside(unsigned *waits)
{
	if (++*waits % 1024 == 0)
		sched_yield();
}

#endif
