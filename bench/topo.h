/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The choice of two processors changes a result more than the traffic between
 * them.  So the benchmarks ask hwloc for one pair of each relation, and never
 * name a processor themselves.
 */
#ifndef BENCH_TOPO_H
#define BENCH_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The closest thing that two processors share. */
enum topo_relation {
	TOPO_SAME_CORE,
	TOPO_SAME_L2,
	TOPO_SAME_L3,
	TOPO_SAME_NODE,
	TOPO_OTHER_NODE,	/* nothing but memory on another node */
	TOPO_RELATIONS
};

struct topo_pair {
	bool present;		/* the machine has two such processors */
	unsigned cpu_a;		/* the system's number */
	unsigned cpu_b;
};

enum topo_cache { TOPO_L1D, TOPO_L2, TOPO_L3 };

struct topo;

/*
 * Read the topology of this machine, as far as the cgroup and the affinity mask
 * let us use it, or the topology that hwloc's environment variables describe.
 * Returns NULL with a message on stderr if hwloc cannot.
 */
struct topo *topo_open(void);
void topo_close(struct topo *topo);

/*
 * Find the first pair of every relation, in the order of the machine's cores.
 * Except for TOPO_SAME_CORE, a pair consists of the first threads of two cores.
 */
void topo_pairs(const struct topo *topo,
    struct topo_pair pairs[TOPO_RELATIONS]);

/* Returns "same_core" and so on. */
const char *topo_relation_name(enum topo_relation relation);

/*
 * Bind the calling thread to a processor and check that it runs there.  False
 * with a message on stderr if it does not, or if the topology is not this
 * machine's.
 */
bool topo_pin(const struct topo *topo, unsigned cpu);

/* The bytes of one such cache of the first processor; 0 if it has none. */
uint64_t topo_cache_bytes(const struct topo *topo, enum topo_cache cache);

/* hwloc's one-line description; "" for a topology that has none. */
void topo_describe(const struct topo *topo, char *text, size_t length);

#endif
