/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "sim_world.h"

static uint32_t
some(struct rng *rng, uint32_t one_in, uint32_t most)
{
	return rng_below(rng, one_in) == 0 ?
	    1 + (uint32_t)rng_below(rng, most) : 0;
}

static void
plan_guest(struct rig_options *guest, struct rng *rng, unsigned index)
{
	static const char *const names[] = { "anna", "bert", "cora" };
	const uint32_t caps = VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS;

	memset(guest, 0, sizeof(*guest));
	guest->name = names[index];
	guest->mmio = rng_below(rng, 2) == 0;
	guest->shared = rng_below(rng, 3) == 0;
	guest->data_in = (enum vqp_data_in)rng_below(rng, 3);
	if (rng_below(rng, 2) == 0)	/* narrow page numbers */
		guest->caps = caps | (guest->mmio ? VQP_CAP_DMA_DATAGRAM : 0);
	else if (rng_below(rng, 2) == 0)
		guest->first_page = UINT64_C(1) << 33;
	guest->cid = world_cid(index, rng);
	guest->domain = 7;
	guest->budget = (uint32_t)rng_below(rng, 3) * 5;
	guest->workers = 1 + (uint32_t)rng_below(rng, 3);
	guest->atomic_service = rng_below(rng, 3) == 0;
	guest->limit_ns = UINT64_C(100000000);
	guest->late_interrupts = some(rng, 2, 500);
	guest->lost_interrupts = some(rng, 3, 300);
	guest->more_interrupts = some(rng, 3, 300);
	guest->late_answers = some(rng, 3, 500);
}

/*
 * Give some guests pages of 16 or 64 KiB.  This uses random numbers of its own,
 * so that the other worlds stay as they were.
 */
static void
plan_pages(struct world_plan *plan)
{
	struct rng rng = { plan->seed * UINT64_C(0xd1342543de82ef95) + 29 };

	for (unsigned i = 0; i < plan->guest_count; i++) {
		const uint64_t draw = rng_below(&rng, 10);

		if (plan->guest[i].mmio && draw < 2)
			plan->guest[i].page_shift = draw == 0 ? 14 : 16;
	}
}

void
world_plan(struct world_plan *plan, uint64_t seed)
{
	struct rng rng = { seed * UINT64_C(0xd1342543de82ef95) + 11 };

	memset(plan, 0, sizeof(*plan));
	plan->seed = seed;
	plan->guest_count = 1 + (unsigned)rng_below(&rng, WORLD_GUESTS);
	for (unsigned i = 0; i < plan->guest_count; i++)
		plan_guest(&plan->guest[i], &rng, i);
	plan_pages(plan);
	plan->clients = 1 + (unsigned)rng_below(&rng, 3);
	plan->hosts = 1 + (unsigned)rng_below(&rng, 2);
	plan->operations = 20 + (unsigned)rng_below(&rng, 100);
	plan->large = some(&rng, 2, 200);
	plan->leave_behind = rng_below(&rng, 3) == 0;
	if (rng_below(&rng, 3) == 0)
		plan->alloc_failures = some(&rng, 2, 100000);
	if (rng_below(&rng, 4) == 0)
		plan->hub_failures = some(&rng, 2, 50000);
	if (rng_below(&rng, 4) != 0) {
		plan->faults = 4 + (uint32_t)rng_below(&rng, 20);
		plan->kinds = UINT32_C(1) << FAULT_SPURIOUS;
		for (unsigned i = FAULT_NONE + 1; i < FAULT_KINDS; i++) {
			/* The harsher faults are rarer. */
			if (rng_below(&rng, i <= FAULT_HALT ? 2 :
			    i <= FAULT_UNPLUG ? 3 : 5) == 0)
				plan->kinds |= UINT32_C(1) << i;
		}
	}
}

void
world_plan_print(const struct world_plan *plan)
{
	static const char *const data_in[] = { "image", "stream", "piece" };

	printf("# world %llu: %u clients, %u hosts, %u operations, "
	    "%u faults of kinds 0x%x, memory fails %u/%u per million%s\n",
	    (unsigned long long)plan->seed, plan->clients, plan->hosts,
	    plan->operations, plan->faults, plan->kinds, plan->alloc_failures,
	    plan->hub_failures, plan->leave_behind ? ", things stay behind" :
	    "");
	for (unsigned i = 0; i < plan->guest_count; i++) {
		const struct rig_options *guest = &plan->guest[i];

		printf("#   %s: %s, %s vectors, %s, %s numbers of %u KiB, budget %u, "
		    "%u workers%s; interrupts %u late %u lost %u more, "
		    "%u answers late\n", guest->name,
		    guest->mmio ? "DMA" : "ports",
		    guest->shared ? "shared" : "exclusive",
		    data_in[guest->data_in],
		    guest->caps != 0 ? "narrow" : "wide",
		    guest->page_shift == 0 ? 4 : 1u << (guest->page_shift - 10),
		    guest->budget,
		    guest->workers, guest->atomic_service ? ", atomic" : "",
		    guest->late_interrupts, guest->lost_interrupts,
		    guest->more_interrupts, guest->late_answers);
	}
}
