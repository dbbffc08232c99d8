/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tests what the benchmarks derive from a machine's description, on machines
 * that do not exist here: hwloc makes them from HWLOC_SYNTHETIC.
 */
#include "memcpy_case.h"
#include "topo.h"

#include <sched.h>
#include <stdlib.h>

#include "test.h"

static struct topo_pair pairs[TOPO_RELATIONS];

/* The topology of the machine that `text` describes. */
static struct topo *
make_up(const char *text)
{
	struct topo *topo;

	setenv("HWLOC_SYNTHETIC", text, 1);
	topo = topo_open();
	unsetenv("HWLOC_SYNTHETIC");
	CHECK(topo != NULL);
	return topo;
}

/*
 * Pick pairs on the machine that `text` describes; `expected` is a set of bits.
 */
static void
pick(const char *text, unsigned expected)
{
	struct topo *topo = make_up(text);

	if (topo == NULL)
		return;
	topo_pairs(topo, pairs);
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		CHECK_EQ(pairs[i].present, (expected >> i) & 1);
		CHECK(!pairs[i].present || pairs[i].cpu_a != pairs[i].cpu_b);
	}
	topo_close(topo);
}

static void
check_pair(enum topo_relation relation, unsigned cpu_a, unsigned cpu_b)
{
	CHECK_EQ(pairs[relation].cpu_a, cpu_a);
	CHECK_EQ(pairs[relation].cpu_b, cpu_b);
}

TEST(everything, "two sockets of everything have a pair of every relation")
{
	pick("pack:2 numa:2 l3:2 l2:2 core:2 pu:2",
	    1 << TOPO_SAME_CORE | 1 << TOPO_SAME_L2 | 1 << TOPO_SAME_L3 |
	    1 << TOPO_SAME_NODE | 1 << TOPO_OTHER_NODE);
	check_pair(TOPO_SAME_CORE, 0, 1);
	check_pair(TOPO_SAME_L2, 0, 2);
	check_pair(TOPO_SAME_L3, 0, 4);
	check_pair(TOPO_SAME_NODE, 0, 8);
	check_pair(TOPO_OTHER_NODE, 0, 16);
}

TEST(clustered_l2, "cores that share an L2 are found, as are those that do not")
{
	pick("pack:1 l3:1 l2:4 core:4 pu:1",
	    1 << TOPO_SAME_L2 | 1 << TOPO_SAME_L3);
	check_pair(TOPO_SAME_L2, 0, 1);
	check_pair(TOPO_SAME_L3, 0, 4);
}

TEST(smt, "the pair in one L3 is of first threads, not of siblings")
{
	pick("pack:1 l3:1 l2:4 core:1 pu:2",
	    1 << TOPO_SAME_CORE | 1 << TOPO_SAME_L3);
	check_pair(TOPO_SAME_CORE, 0, 1);
	check_pair(TOPO_SAME_L3, 0, 2);
}

TEST(two_l3s, "one node of two L3s: the other L3 is the same node")
{
	pick("pack:1 numa:1 l3:2 l2:2 core:1 pu:1",
	    1 << TOPO_SAME_L3 | 1 << TOPO_SAME_NODE);
	check_pair(TOPO_SAME_NODE, 0, 2);
}

TEST(one_core, "one processor makes no pair")
{
	pick("pack:1 l3:1 l2:1 core:1 pu:1", 0);
}

TEST(one_core_smt, "one core of two threads makes one pair")
{
	pick("pack:1 l3:1 l2:1 core:1 pu:2", 1 << TOPO_SAME_CORE);
}

TEST(no_caches, "a machine that hides its caches still has its node")
{
	pick("pack:1 core:2 pu:1", 1 << TOPO_SAME_NODE);
}

TEST(foreign_pin, "nothing is pinned by a topology that is not this machine's")
{
	struct topo *topo = make_up("pack:1 core:2 pu:1");

	CHECK(topo != NULL && !topo_pin(topo, 0));
	topo_close(topo);
}

TEST(affinity, "a processor outside the affinity mask is in no pair")
{
	cpu_set_t before, one;
	struct topo *topo;

	CHECK_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	topo = topo_open();
	CHECK(topo != NULL);
	topo_pairs(topo, pairs);
	for (unsigned i = 0; i < TOPO_RELATIONS; i++)
		CHECK(!pairs[i].present);
	CHECK(topo_pin(topo, (unsigned)sched_getcpu()));
	topo_close(topo);
	CHECK_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

TEST(huge_cache, "a cache of any size leaves a memory that a run can touch")
{
	static const uint64_t bytes[] = { 254 << 20, 512 << 20 };
	struct topo *topo = make_up("pack:1 l3:1(size=508MiB) core:2 pu:1");
	struct bench_cases cases = { 0 };
	regex_t all;

	CHECK_EQ(regcomp(&all, "", REG_NOSUB), 0);
	cases.filter = &all;
	CHECK(memcpy_cases_add(&cases, NULL, topo));
	CHECK_EQ(cases.count, 2);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(((struct memcpy_case *)cases.list[i])->bytes,
		    bytes[i]);
	bench_cases_close(&cases);
	regfree(&all);
	topo_close(topo);
}

TEST_MAIN()
