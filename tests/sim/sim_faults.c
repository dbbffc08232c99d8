/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sim_world.h"

static void
nap(uint64_t most)
{
	sim_sleep(1 + rng_below(sim_rng(), most));
}

/*
 * Suspend, unplug or halt a guest, and restore it.  What is sent in between is
 * refused, and what was under way may be lost.
 */
static void
befall(struct world_guest *guest, enum world_fault fault)
{
	struct rig_guest *rig = &guest->rig;

	switch (fault) {
	case FAULT_CONTEXT_ID:
		guest->any_cid_change = true;
		/* Without memory the hub may be unable to notify the guest. */
		guest->lossy |= world.plan->hub_failures != 0;
		(void)vqp_device_set_cid(rig->device,
		    world_cid(guest->index, sim_rng()));
		break;
	case FAULT_SPURIOUS:
		for (unsigned i = 0; i < 5; i++) {
			rig_spurious(rig);
			nap(20000);
		}
		break;
	case FAULT_HALT:
		rig_halt(rig);
		nap(100000);
		rig_continue(rig, rng_below(sim_rng(), 2) == 0);
		break;
	case FAULT_SUSPEND:
		guest->lossy = true;
		guest->deaf++;
		rig_suspend(rig);
		nap(100000);
		if (rig_resume(rig) != VQP_SUCCESS)
			guest->gone = true;
		guest->deaf--;
		break;
	case FAULT_UNPLUG:
		guest->lossy = true;
		guest->deaf++;
		vqp_core_unplug(rig->core);
		sim_os_forget(rig->os);
		nap(100000);
		if (vqp_core_plug(rig->core, rig->options.mmio) ==
		    VQP_SUCCESS)
			vqp_core_start(rig->core);
		else
			guest->gone = true;
		guest->deaf--;
		break;
	case FAULT_RESET:
		/*
		 * The guest does not know of the reset, so it restarts at some
		 * later time.
		 */
		guest->lossy = guest->muddled = true;
		guest->deaf++;
		vqp_device_reset(rig->device);
		nap(100000);
		rig_suspend(rig);
		if (rig_resume(rig) != VQP_SUCCESS)
			guest->gone = true;
		guest->deaf--;
		break;
	case FAULT_PULL:
		guest->lossy = guest->gone = true;
		rig_pull(rig);
		break;
	case FAULT_STUCK:
		if (!rig->options.mmio)
			return;
		guest->lossy = guest->gone = guest->stuck = true;
		rig->dma_stuck = true;
		break;
	default:
		return;
	}
	world.fault_counts[fault]++;
}

void
world_faults(void *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < world.plan->faults && !world.over; i++) {
		struct world_guest *guest = &world.guest[rng_below(sim_rng(),
		    world.plan->guest_count)];
		const enum world_fault fault = (enum world_fault)
		    rng_below(sim_rng(), FAULT_KINDS);

		nap(120000);
		if ((world.plan->kinds >> fault & 1) == 0 || guest->gone)
			continue;
		sim_note("fault %u befalls %s", (unsigned)fault,
		    guest->rig.os_name);
		befall(guest, fault);
	}
}
