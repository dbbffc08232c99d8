/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Was a thread left alone while it measured?  Other threads, interrupts and
 * the hypervisor take processors away; a burst that lost time to them says
 * nothing about a queue.
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

/* For the calling thread. */
void quiet_begin(struct quiet *quiet);

/*
 * No involuntary switch since, and hardly any time that passed without the
 * thread running, which also shows time the hypervisor stole.  A thread that
 * `sleeps` on its own account is only asked for the former.
 */
bool quiet_end(const struct quiet *quiet, bool sleeps);

#endif
