/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whole machines in the simulator: a hub and guests plugged into it.  Each
 * guest has a device, an operating system, and a core with the interrupt
 * threads that a shell has.  The connection between device and core can be
 * slow, lose interrupts or be cut.
 */
#ifndef SIM_RIG_H
#define SIM_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <sim_os.h>
#include <vqp_core.h>
#include <vqp_device.h>

struct rig_options {
	const char *name;
	bool mmio;			/* else ports */
	bool shared;			/* one interrupt for all causes */
	enum vqp_data_in data_in;
	uint32_t caps;			/* offered; 0: all */
	uint32_t cid, privileges, domain;
	uint32_t budget;		/* of the core; 0: its default */
	uint32_t workers;
	bool atomic_service;		/* a handler calls service */
	uint64_t first_page;
	uint32_t page_shift;		/* 0: 12 */
	uint64_t limit_ns;

	/* Faults, as a rate per thousand. */
	uint32_t late_interrupts;
	uint32_t lost_interrupts;	/* a spurious one follows later */
	uint32_t more_interrupts;	/* spurious or repeated */
	uint32_t late_answers;		/* DMA that completes later */
};

struct rig_hub {
	struct vqp_hub *hub;
	uint64_t bytes_live, allocations;
	uint32_t fail_per_million;
};

#define RIG_VECTORS 3

struct rig_guest {
	struct rig_options options;
	struct rig_hub *hub;
	struct vqp_os *os;
	struct vqp_device *device;
	struct vqp_core *core;

	/* The interrupt threads. */
	struct sim_thread *irq[RIG_VECTORS];
	struct rig_irq {
		struct rig_guest *guest;
		uint32_t vector;
		bool pending, running;
		char name[24];
	} irq_of[RIG_VECTORS];
	struct sim_thread *ticker;	/* replaces lost interrupts */
	bool stop_irqs;
	uint64_t interrupts, interrupts_lost;

	/* DMA operations that the device has not begun. */
	struct sim_thread *dma_thread;
	bool dma_pending[2];
	uint32_t dma_low[2];
	bool dma_stuck;			/* and never will begin */

	bool asleep;			/* the machine is halted */
	bool pulled;
	char os_name[16];
};

void rig_hub_open(struct rig_hub *hub, const struct vqp_hub_limits *limits);
void rig_hub_close(struct rig_hub *hub);

/* Open a machine with its device, without a driver. */
void rig_open(struct rig_guest *guest, struct rig_hub *hub,
    const struct rig_options *options);
/*
 * Load the driver as a shell does: core, interrupts, start.  rig_unload()
 * undoes it.
 */
int rig_load(struct rig_guest *guest);
void rig_unload(struct rig_guest *guest);
/* Pull the device out. rig_unload() must follow at some time. */
void rig_pull(struct rig_guest *guest);
void rig_suspend(struct rig_guest *guest);
int rig_resume(struct rig_guest *guest);
/* The hypervisor halts the machine; and resumes it. */
void rig_halt(struct rig_guest *guest);
void rig_continue(struct rig_guest *guest, bool restored);
/* Close everything.  The core must have released all that it took. */
void rig_close(struct rig_guest *guest);

/* Raise a spurious interrupt. */
void rig_spurious(struct rig_guest *guest);
/* True if all interrupts are served and no work is left. */
bool rig_is_idle(const struct rig_guest *guest);

/* True for this many of a thousand calls. */
bool rig_chance(uint32_t per_mille);

#endif
