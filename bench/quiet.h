/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tells whether a thread was disturbed while it measured.  Other threads,
 * interrupts and the hypervisor take processors away; a burst that lost time to
 * them says nothing about a queue.
 */
#ifndef BENCH_QUIET_H
#define BENCH_QUIET_H

#include <stdbool.h>
#include <stdint.h>

struct quiet {
	long switches;		/* involuntary */
	uint64_t cpu_ns;
	uint64_t wall_ns;
};

/* Begin to observe the calling thread. */
void quiet_begin(struct quiet *quiet);

/*
 * True if there was no involuntary switch since quiet_begin(), and if hardly
 * any time passed without the thread running.  The second condition also shows
 * the time that the hypervisor stole.  It does not apply to a thread that
 * `sleeps` on its own account.
 */
bool quiet_end(const struct quiet *quiet, bool sleeps);

#endif
