/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Measures how far apart the two threads are at this moment.  The topology of a
 * virtual machine does not tell: about once a second the hypervisor moves
 * virtual processors between cores of one L3, cores of two L3s, and threads of
 * one core.  A bare cache-line round trip before and after every burst does
 * tell.
 */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "spin.h"

/*
 * One line for each direction, each in a pair of lines of its own.  Both begin
 * at 0.
 */
struct probe {
	uint64_t ping __attribute__((aligned(128)));
	uint64_t pong __attribute__((aligned(128)));
};

/*
 * The placement of two threads that a round trip shows.  The medians seen on
 * real machines fall into three groups with nothing between them, in
 * nanoseconds:
 *
 *			one core	one L3		two L3s
 *	Zen 4, 2.6 GHz	43 to 53	80 to 115	380 to 500
 *	Zen 3, 3.2 GHz	about 70	130 to 172	480 to 600
 *
 * On a processor unlike these the names may fit less well; the round trips
 * themselves are in the results.
 */
enum probe_class { PROBE_SMT, PROBE_NEAR, PROBE_FAR, PROBE_CLASSES };

#define PROBE_SMT_BELOW_NS 75
#define PROBE_NEAR_BELOW_NS 200

enum probe_class probe_classify(double round_trip_ns);

/* "smt", "near", "far". */
const char *probe_class_name(enum probe_class found);

/*
 * Both threads of a pair call this at the same time.  The first thread stores
 * the median round trip.  False when the other thread never answered.
 */
bool probe_ping(struct probe *probe, struct spin *spin, double *median_ns);
bool probe_pong(struct probe *probe, struct spin *spin);

#endif
