/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whole machines in the simulator: a hub, guests plugged into it, each a
 * device, an operating system and a core with the interrupt threads a shell
 * has; and the wire between, which can be slow, forgetful or cut.
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
	bool atomic_service;		/* service is called in a handler */
	uint64_t first_page;
	uint32_t page_shift;		/* 0: 12 */
	uint64_t limit_ns;

	/* Faults, each in per mille of what it is about. */
	uint32_t late_interrupts;
	uint32_t lost_interrupts;	/* a spurious one follows, later */
	uint32_t more_interrupts;	/* spurious, and twice */
	uint32_t late_answers;		/* DMA operations done later */
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
	struct sim_thread *ticker;	/* brings back what was lost */
	bool stop_irqs;
	uint64_t interrupts, interrupts_lost;

	/* DMA operations that the device has not begun. */
	struct sim_thread *dma_thread;
	bool dma_pending[2];
	uint32_t dma_low[2];
	bool dma_stuck;			/* and never will */

	bool asleep;			/* the machine stands still */
	bool pulled;
	char os_name[16];
};

void rig_hub_open(struct rig_hub *hub, const struct vqp_hub_limits *limits);
void rig_hub_close(struct rig_hub *hub);

/* A machine with its device, without a driver. */
void rig_open(struct rig_guest *guest, struct rig_hub *hub,
    const struct rig_options *options);
/* As a shell does: core, interrupts, go.  Undone by rig_unload(). */
int rig_load(struct rig_guest *guest);
void rig_unload(struct rig_guest *guest);
/* The device is pulled out.  Then rig_unload(), sometime. */
void rig_pull(struct rig_guest *guest);
void rig_suspend(struct rig_guest *guest);
int rig_resume(struct rig_guest *guest);
/* The hypervisor halts the machine, and lets it go on. */
void rig_halt(struct rig_guest *guest);
void rig_continue(struct rig_guest *guest, bool restored);
/* Everything down.  All that the core took must have come back. */
void rig_close(struct rig_guest *guest);

/* An interrupt that nobody meant. */
void rig_spurious(struct rig_guest *guest);
/* Are all interrupts served, and is no work left? */
bool rig_is_idle(const struct rig_guest *guest);

/* Of a thousand so many. */
bool rig_chance(uint32_t per_mille);

#endif
