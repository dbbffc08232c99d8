/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A world: guests with clients, a host context, and the faults that happen to
 * them.  All of it follows from one number.
 *
 *	sim_schedule.c	the world of a seed
 *	sim_world.c	the clients, what they do, and what must hold
 *	sim_faults.c	the faults
 *	sim_main.c	seeds from the command line
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <rng.h>
#include <sim_rig.h>

#define WORLD_GUESTS 3
#define WORLD_ACTORS 24
#define WORLD_THINGS 400

enum world_fault {
	FAULT_NONE,
	FAULT_CONTEXT_ID,
	FAULT_SPURIOUS,
	FAULT_HALT,		/* by the hypervisor; nothing is lost */
	FAULT_SUSPEND,		/* by the guest */
	FAULT_UNPLUG,		/* and plugged in again */
	FAULT_RESET,		/* of the device, behind the guest's back */
	FAULT_PULL,
	FAULT_STUCK,		/* DMA is never answered */
	FAULT_KINDS
};

/* The contents of a seed. */
struct world_plan {
	uint64_t seed;
	unsigned guest_count;
	struct rig_options guest[WORLD_GUESTS];
	unsigned clients;		/* of each guest */
	unsigned hosts;			/* threads of the host context */
	unsigned operations;		/* of each of them */
	uint32_t alloc_failures;	/* per million requests */
	uint32_t hub_failures;
	uint32_t faults;		/* how many */
	uint32_t kinds;			/* which; bits by enum world_fault */
	bool leave_behind;		/* objects outlive the core */
	uint32_t large;			/* per mille of datagrams */
};

void world_plan(struct world_plan *plan, uint64_t seed);
void world_plan_print(const struct world_plan *plan);

/* An id that no other guest has; odd ids are 2^31 and above. */
static inline uint32_t
world_cid(unsigned index, struct rng *rng)
{
	const uint32_t n = (uint32_t)rng_below(rng, 50);

	return 100 + 100 * index + n + (n % 2 << 31);
}

/* Run one world to its end.  A broken rule ends the program. */
uint64_t world_run(const struct world_plan *plan, bool trace);

/* The totals of all worlds of this process. */
struct world_tally {
	uint64_t worlds, steps, sent, received, bells, events, pairs, met;
	uint64_t bytes, faults[FAULT_KINDS];
};

extern struct world_tally world_tally;

/* ---- What sim_world.c and sim_faults.c share. */

struct world_guest {
	struct rig_guest rig;
	unsigned index;
	bool lossy;		/* a message may be lost, and was counted */
	bool gone, stuck;
	bool muddled;		/* half of a datagram may have been lost */
	bool any_cid_change;
	unsigned deaf;		/* reasons why it cannot receive */
};

struct world {
	const struct world_plan *plan;
	struct rig_hub hub;
	struct world_guest guest[WORLD_GUESTS];
	bool over;
	uint64_t clock;		/* counts events */
	uint64_t fault_counts[FAULT_KINDS];
};

extern struct world world;

/* The main function of a thread. */
void world_faults(void *argument);

#endif
