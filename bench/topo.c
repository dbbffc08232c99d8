/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Finds pairs of processors and pins threads, with hwloc. */
#include "topo.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topo {
	hwloc_topology_t hwloc;
};

/*
 * hwloc leaves out the processors that the cgroup forbids, but not those that
 * the affinity mask (taskset) forbids.
 */
static bool
restrict_to_affinity(hwloc_topology_t hwloc)
{
	hwloc_cpuset_t ours;
	bool done;

	if (!hwloc_topology_is_thissystem(hwloc))
		return true;
	ours = hwloc_bitmap_alloc();
	done = ours != NULL &&
	    hwloc_get_cpubind(hwloc, ours, HWLOC_CPUBIND_PROCESS) == 0 &&
	    hwloc_topology_restrict(hwloc, ours, 0) == 0;
	hwloc_bitmap_free(ours);
	return done;
}

struct topo *
topo_open(void)
{
	struct topo *topo = calloc(1, sizeof(*topo));

	if (topo == NULL || hwloc_topology_init(&topo->hwloc) != 0) {
		fprintf(stderr, "topology: no memory\n");
		free(topo);
		return NULL;
	}
	if (hwloc_topology_load(topo->hwloc) != 0 ||
	    !restrict_to_affinity(topo->hwloc)) {
		fprintf(stderr, "topology: hwloc cannot read it\n");
		topo_close(topo);
		return NULL;
	}
	return topo;
}

void
topo_close(struct topo *topo)
{
	hwloc_topology_destroy(topo->hwloc);
	free(topo);
}

/*
 * True if both lie below one object of this type; false if there is no such
 * object.
 */
static bool
share(hwloc_topology_t hwloc, hwloc_obj_type_t type, hwloc_obj_t a,
    hwloc_obj_t b)
{
	hwloc_obj_t over = hwloc_get_ancestor_obj_by_type(hwloc, type, a);

	return over != NULL &&
	    over == hwloc_get_ancestor_obj_by_type(hwloc, type, b);
}

/*
 * The type of the common ancestor does not tell the relation: the ancestor may
 * be a Group, a Die or a Package.  Nodes are compared as sets, because they are
 * not ancestors of a processor.
 */
static enum topo_relation
relate(hwloc_topology_t hwloc, hwloc_obj_t a, hwloc_obj_t b)
{
	if (share(hwloc, HWLOC_OBJ_CORE, a, b))
		return TOPO_SAME_CORE;
	if (share(hwloc, HWLOC_OBJ_L1CACHE, a, b) ||
	    share(hwloc, HWLOC_OBJ_L2CACHE, a, b))
		return TOPO_SAME_L2;
	if (share(hwloc, HWLOC_OBJ_L3CACHE, a, b))
		return TOPO_SAME_L3;
	if (hwloc_bitmap_isequal(a->nodeset, b->nodeset))
		return TOPO_SAME_NODE;
	return TOPO_OTHER_NODE;
}

static bool
is_first_thread(hwloc_topology_t hwloc, hwloc_obj_t pu)
{
	hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(hwloc,
	    HWLOC_OBJ_CORE, pu);

	return core == NULL || (unsigned)hwloc_bitmap_first(core->cpuset) ==
	    pu->os_index;
}

void
topo_pairs(const struct topo *topo, struct topo_pair pairs[TOPO_RELATIONS])
{
	hwloc_topology_t hwloc = topo->hwloc;
	hwloc_obj_t a = NULL, b;

	memset(pairs, 0, TOPO_RELATIONS * sizeof(pairs[0]));
	while ((a = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PU, a))) {
		if (!is_first_thread(hwloc, a))
			continue;
		b = a;
		while ((b = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PU,
		    b))) {
			enum topo_relation relation = relate(hwloc, a, b);

			if (pairs[relation].present ||
			    (relation != TOPO_SAME_CORE &&
			    !is_first_thread(hwloc, b)))
				continue;
			pairs[relation].present = true;
			pairs[relation].cpu_a = a->os_index;
			pairs[relation].cpu_b = b->os_index;
		}
	}
}

const char *
topo_relation_name(enum topo_relation relation)
{
	static const char *const names[TOPO_RELATIONS] = {
		[TOPO_SAME_CORE] = "same_core",
		[TOPO_SAME_L2] = "same_l2",
		[TOPO_SAME_L3] = "same_l3",
		[TOPO_SAME_NODE] = "same_node",
		[TOPO_OTHER_NODE] = "other_node",
	};

	return names[relation];
}

bool
topo_pin(const struct topo *topo, unsigned cpu)
{
	hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(topo->hwloc, cpu);

	/*
	 * On a topology of another machine hwloc binds nothing and reports
	 * success.
	 */
	if (!hwloc_topology_is_thissystem(topo->hwloc)) {
		fprintf(stderr, "topology: it is not this machine's, "
		    "nothing can be pinned\n");
		return false;
	}
	if (pu == NULL || hwloc_set_cpubind(topo->hwloc, pu->cpuset,
	    HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) != 0 ||
	    sched_getcpu() != (int)cpu) {
		fprintf(stderr, "topology: cannot run on processor %u\n", cpu);
		return false;
	}
	return true;
}

uint64_t
topo_cache_bytes(const struct topo *topo, enum topo_cache cache)
{
	static const hwloc_obj_type_t types[] = {
		[TOPO_L1D] = HWLOC_OBJ_L1CACHE,
		[TOPO_L2] = HWLOC_OBJ_L2CACHE,
		[TOPO_L3] = HWLOC_OBJ_L3CACHE,
	};
	hwloc_obj_t object = hwloc_get_obj_by_type(topo->hwloc, types[cache],
	    0);

	return object == NULL ? 0 : object->attr->cache.size;
}

void
topo_describe(const struct topo *topo, char *text, size_t length)
{
	if (hwloc_topology_export_synthetic(topo->hwloc, text, length, 0) < 0)
		text[0] = '\0';
}
