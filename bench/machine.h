/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Describes the machine of a run, because a number without its machine is no
 * result.  Also measures how busy the machine was with other things.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "json.h"
#include "topo.h"

/* The readings of /proc/stat and of the load average at one moment. */
struct machine_load {
	double average[3];	/* 1, 5 and 15 minutes */
	double ticks;		/* of all processors */
	double stolen_ticks;
};

void machine_load(struct machine_load *load);

/*
 * The share of processor time that the hypervisor gave to others, in percent.
 */
double machine_steal_percent(const struct machine_load *before,
    const struct machine_load *after);

/* Write the members of "machine". */
void machine_write(struct json *json, const struct topo *topo);

#endif
