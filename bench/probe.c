/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Measures the raw round trip of a cache line. */
#include "probe.h"

#include <stdlib.h>

/*
 * Some clocks step by 10 ns and more, so several round trips are timed
 * together.
 */
#define TRIPS_AT_ONCE 4
#define TIMINGS 32

enum probe_class
probe_classify(double round_trip_ns)
{
	if (round_trip_ns < PROBE_SMT_BELOW_NS)
		return PROBE_SMT;
	return round_trip_ns < PROBE_NEAR_BELOW_NS ? PROBE_NEAR : PROBE_FAR;
}

const char *
probe_class_name(enum probe_class found)
{
	static const char *const names[PROBE_CLASSES] = {
		[PROBE_SMT] = "smt",
		[PROBE_NEAR] = "near",
		[PROBE_FAR] = "far",
	};

	return names[found];
}

static bool
await(const uint64_t *word, uint64_t value, struct spin *spin)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		if (!spin_again(spin))
			return false;
	return true;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool
probe_ping(struct probe *probe, struct spin *spin, double *median_ns)
{
	uint64_t trip = probe->ping;
	uint64_t ticks[TIMINGS];

	for (unsigned i = 0; i < TIMINGS; i++) {
		uint64_t start = clock_ticks();

		for (unsigned j = 0; j < TRIPS_AT_ONCE; j++) {
			__atomic_store_n(&probe->ping, ++trip,
			    __ATOMIC_RELEASE);
			if (!await(&probe->pong, trip, spin))
				return false;
		}
		ticks[i] = clock_ticks() - start;
	}
	qsort(ticks, TIMINGS, sizeof(ticks[0]), compare);
	*median_ns = clock_ns(ticks[TIMINGS / 2]) / TRIPS_AT_ONCE;
	return true;
}

bool
probe_pong(struct probe *probe, struct spin *spin)
{
	uint64_t trip = probe->pong;

	for (unsigned i = 0; i < TIMINGS * TRIPS_AT_ONCE; i++) {
		if (!await(&probe->ping, ++trip, spin))
			return false;
		__atomic_store_n(&probe->pong, trip, __ATOMIC_RELEASE);
	}
	return true;
}
