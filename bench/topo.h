/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which two processors talk decides a number more than what they say, so the
 * benchmarks ask hwloc for one pair of each relation and never name a
 * processor themselves.
 */
#ifndef BENCH_TOPO_H
#define BENCH_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is the closest thing two processors share? */
enum topo_relation {
	TOPO_SAME_CORE,
	TOPO_SAME_L2,
	TOPO_SAME_L3,
	TOPO_SAME_NODE,
	TOPO_OTHER_NODE,	/* nothing but memory on another's node */
	TOPO_RELATIONS
};

struct topo_pair {
	bool present;		/* has the machine two such processors? */
	unsigned cpu_a;		/* as the system numbers them */
	unsigned cpu_b;
};

enum topo_cache { TOPO_L1D, TOPO_L2, TOPO_L3 };

struct topo;

/*
 * Read the topology: of this machine as far as we may use it (cgroup and
 * affinity mask), or the one that hwloc's environment variables describe.
 * NULL with a message on stderr if hwloc cannot.
 */
struct topo *topo_open(void);
void topo_close(struct topo *topo);

/*
 * The first pair of every relation, in the order of the machine's cores.
 * Pairs other than TOPO_SAME_CORE are of first threads of two cores.
 */
void topo_pairs(const struct topo *topo,
    struct topo_pair pairs[TOPO_RELATIONS]);

/* "same_core" and so on. */
const char *topo_relation_name(enum topo_relation relation);

/*
 * Bind the calling thread to a processor and make sure that it runs there.
 * False with a message on stderr if it does not, or if the topology is not
 * this machine's.
 */
bool topo_pin(const struct topo *topo, unsigned cpu);

/* Bytes of one such cache, of the first processor; 0 if it has none. */
uint64_t topo_cache_bytes(const struct topo *topo, enum topo_cache cache);

/* hwloc's one-line description; "" for a topology without one. */
void topo_describe(const struct topo *topo, char *text, size_t length);

#endif
