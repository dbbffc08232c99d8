/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_rig.h"

#define TICK_NS UINT64_C(200000)

bool
rig_chance(uint32_t per_mille)
{
	return per_mille != 0 && rng_below(sim_rng(), 1000) < per_mille;
}

/* ---- The hub. */

static void *
hub_alloc(void *context, size_t bytes)
{
	struct rig_hub *hub = context;
	void *memory;

	if (hub->fail_per_million != 0 &&
	    rng_below(sim_rng(), 1000000) < hub->fail_per_million) {
		sim_note("the hub has no memory");
		return NULL;
	}
	memory = calloc(1, bytes);
	if (memory == NULL)
		abort();
	hub->bytes_live += bytes;
	hub->allocations++;
	return memory;
}

static void
hub_free(void *context, void *memory, size_t bytes)
{
	struct rig_hub *hub = context;

	hub->bytes_live -= bytes;
	hub->allocations--;
	memset(memory, 0xdd, bytes);
	free(memory);
}

static void
hub_log(void *context, uint32_t cid, enum vqp_device_count count,
    int64_t status)
{
	(void)context;
	sim_note("hub: %u: %s: %s", (unsigned)cid,
	    vqp_device_count_name(count), vqp_status_name(status));
}

void
rig_hub_open(struct rig_hub *hub, const struct vqp_hub_limits *limits)
{
	const struct vqp_hub_host host = {
		hub_alloc, hub_free, hub_log, hub
	};
	int status;

	memset(hub, 0, sizeof(*hub));
	status = vqp_hub_create(&host, limits, &hub->hub);
	if (status != VQP_SUCCESS)
		sim_fail("no hub: %s", vqp_status_name(status));
}

void
rig_hub_close(struct rig_hub *hub)
{
	vqp_hub_destroy(hub->hub);
	if (hub->bytes_live != 0 || hub->allocations != 0)
		sim_fail("the hub leaks %llu bytes in %llu pieces",
		    (unsigned long long)hub->bytes_live,
		    (unsigned long long)hub->allocations);
}

/* ---- What a device needs from its machine. */

static bool
device_copy(struct rig_guest *guest, uint64_t address, uint8_t *to,
    const uint8_t *from, uint64_t bytes)
{
	while (bytes > 0) {
		const uint64_t left = 4096 - address % 4096;
		const uint64_t n = bytes < left ? bytes : left;
		uint8_t *at = sim_os_bus(guest->os, address, n);

		if (at == NULL)
			return false;
		if (to != NULL) {
			memcpy(to, at, (size_t)n);
			to += n;
		} else {
			memcpy(at, from, (size_t)n);
			from += n;
		}
		address += n;
		bytes -= n;
	}
	return true;
}

static bool
device_read(void *context, uint64_t address, void *to, uint64_t bytes)
{
	return device_copy(context, address, to, NULL, bytes);
}

static bool
device_write(void *context, uint64_t address, const void *from,
    uint64_t bytes)
{
	return device_copy(context, address, NULL, from, bytes);
}

static void *
device_map(void *context, const uint64_t *addresses, uint32_t count,
    uint64_t page_bytes)
{
	struct rig_guest *guest = context;

	if (page_bytes != UINT64_C(1) << vqp_os_page_shift(guest->os))
		sim_fail("the device maps pages of %llu bytes",
		    (unsigned long long)page_bytes);
	return sim_os_map(guest->os, addresses, count);
}

static void
device_unmap(void *context, void *memory, uint32_t count, uint64_t page_bytes)
{
	struct rig_guest *guest = context;

	(void)page_bytes;
	sim_os_unmap(guest->os, memory, count);
}

static void
irq_raise(struct rig_guest *guest, uint32_t vector)
{
	guest->irq_of[vector].pending = true;
	sim_wake(&guest->irq_of[vector]);
}

static void
device_interrupt(void *context, uint32_t vector, bool level)
{
	struct rig_guest *guest = context;

	if (vector >= RIG_VECTORS)
		sim_fail("vector %u", (unsigned)vector);
	sim_note("%s: interrupt %u %s", guest->os_name, (unsigned)vector,
	    level ? "up" : "down");
	if (!level)
		return;
	guest->interrupts++;
	if (rig_chance(guest->options.lost_interrupts)) {
		guest->interrupts_lost++;
		return;
	}
	irq_raise(guest, vector);
	if (rig_chance(guest->options.more_interrupts))
		irq_raise(guest, (uint32_t)rng_below(sim_rng(), RIG_VECTORS));
}

/* ---- The bus. */

static void
dma_main(void *argument)
{
	struct rig_guest *guest = argument;

	while (!guest->stop_irqs) {
		if ((!guest->dma_pending[0] && !guest->dma_pending[1]) ||
		    guest->dma_stuck || guest->asleep) {
			sim_wait(&guest->dma_pending, "dma");
			continue;
		}
		sim_sleep(rng_below(sim_rng(), 100000));
		for (unsigned i = 0; i < 2; i++) {
			if (!guest->dma_pending[i] || guest->dma_stuck ||
			    guest->asleep || guest->pulled)
				continue;
			guest->dma_pending[i] = false;
			vqp_device_write(guest->device, i == 0 ?
			    VQP_REG_DATA_OUT_LOW : VQP_REG_DATA_IN_LOW, 4,
			    guest->dma_low[i]);
		}
	}
}

/* An access of a virtual machine that is halted does not return. */
static bool
bus_is_there(struct rig_guest *guest)
{
	while (guest->asleep)
		sim_wait(&guest->asleep, "halted");
	return !guest->pulled;
}

static uint32_t
bus_reg_read(void *device, uint32_t reg)
{
	struct rig_guest *guest = device;

	if (!bus_is_there(guest))
		return UINT32_MAX;
	return (uint32_t)vqp_device_read(guest->device, reg, 4);
}

static void
bus_reg_write(void *device, uint32_t reg, uint32_t value)
{
	struct rig_guest *guest = device;
	const unsigned in = reg == VQP_REG_DATA_IN_LOW;

	if (!bus_is_there(guest))
		return;
	if (reg == VQP_REG_CONTROL && (value & VQP_CONTROL_RESET) != 0)
		guest->dma_pending[0] = guest->dma_pending[1] = false;
	if ((reg == VQP_REG_DATA_OUT_LOW || in) && (guest->dma_stuck ||
	    rig_chance(guest->options.late_answers))) {
		guest->dma_pending[in] = true;
		guest->dma_low[in] = value;
		sim_wake(&guest->dma_pending);
		return;
	}
	vqp_device_write(guest->device, reg, 4, value);
}

static void
bus_stream_read(void *device, uint32_t reg, uint8_t *to, uint64_t bytes)
{
	struct rig_guest *guest = device;

	if (!bus_is_there(guest)) {
		memset(to, 0xff, (size_t)bytes);
		return;
	}
	if (reg != VQP_REG_DATA_IN)
		sim_fail("a stream from register %u", (unsigned)reg);
	vqp_device_data_in(guest->device, to, bytes);
}

static void
bus_stream_write(void *device, uint32_t reg, const uint8_t *from,
    uint64_t bytes)
{
	struct rig_guest *guest = device;

	if (!bus_is_there(guest))
		return;
	if (reg != VQP_REG_DATA_OUT)
		sim_fail("a stream to register %u", (unsigned)reg);
	vqp_device_data_out(guest->device, from, bytes);
}

/* ---- Interrupt threads. */

static void
irq_serve(struct rig_guest *guest, uint32_t causes)
{
	while (causes != 0 && !guest->stop_irqs) {
		if (guest->options.atomic_service)
			sim_set_kind(SIM_ATOMIC);
		causes = vqp_core_service(guest->core, causes);
		sim_set_kind(SIM_TASK);
		sim_point("served", causes);
	}
}

static void
irq_main(void *argument)
{
	struct rig_irq *irq = argument;
	struct rig_guest *guest = irq->guest;

	for (;;) {
		uint32_t causes = UINT32_C(1) << irq->vector;

		irq->running = false;
		while (!irq->pending && !guest->stop_irqs)
			sim_wait(irq, "interrupt");
		if (guest->stop_irqs)
			return;
		irq->pending = false;
		irq->running = true;
		if (rig_chance(guest->options.late_interrupts))
			sim_sleep(rng_below(sim_rng(), TICK_NS));
		if (guest->stop_irqs)
			return;
		if (guest->options.shared) {
			sim_set_kind(SIM_ATOMIC);
			causes = vqp_core_interrupt(guest->core);
			sim_set_kind(SIM_TASK);
		}
		irq_serve(guest, causes);
		if (guest->options.shared && !guest->pulled &&
		    !guest->asleep &&
		    vqp_device_interrupt_level(guest->device))
			irq->pending = true;
	}
}

/* A lost interrupt comes back as a spurious one. */
static void
ticker_main(void *argument)
{
	struct rig_guest *guest = argument;
	uint64_t seen = 0;

	while (!guest->stop_irqs) {
		sim_sleep(TICK_NS);
		if (guest->interrupts_lost == seen &&
		    !rig_chance(guest->options.more_interrupts))
			continue;
		seen = guest->interrupts_lost;
		rig_spurious(guest);
	}
}

void
rig_spurious(struct rig_guest *guest)
{
	for (uint32_t i = 0; i < RIG_VECTORS; i++)
		irq_raise(guest, i);
}

bool
rig_is_idle(const struct rig_guest *guest)
{
	for (uint32_t i = 0; i < RIG_VECTORS; i++) {
		if (guest->irq_of[i].pending || guest->irq_of[i].running)
			return false;
	}
	return !guest->dma_pending[0] && !guest->dma_pending[1];
}

static void
irqs_begin(struct rig_guest *guest)
{
	for (uint32_t i = 0; i < RIG_VECTORS; i++) {
		struct rig_irq *irq = &guest->irq_of[i];

		irq->guest = guest;
		irq->vector = i;
		irq->pending = false;
		snprintf(irq->name, sizeof(irq->name), "%s.irq%u",
		    guest->os_name, (unsigned)i);
		guest->irq[i] = sim_spawn(irq->name, SIM_TASK, irq_main, irq);
	}
	guest->ticker = sim_spawn("ticker", SIM_TASK, ticker_main, guest);
}

static void
irqs_end(struct rig_guest *guest)
{
	guest->stop_irqs = true;
	for (uint32_t i = 0; i < RIG_VECTORS && guest->ticker != NULL; i++) {
		sim_wake(&guest->irq_of[i]);
		sim_join(guest->irq[i]);
	}
	if (guest->ticker != NULL)
		sim_join(guest->ticker);
	guest->ticker = NULL;
	sim_wake(&guest->dma_pending);
	sim_join(guest->dma_thread);
}

/* ---- Machines. */

void
rig_open(struct rig_guest *guest, struct rig_hub *hub,
    const struct rig_options *options)
{
	const struct vqp_device_host host = {
		device_read, device_write, device_map, device_unmap,
		device_interrupt, guest
	};
	const struct vqp_device_config config = {
		.context = { options->cid, options->privileges,
		    options->domain },
		.generation = options->mmio ? VQP_DEVICE_MMIO :
		    VQP_DEVICE_PORT,
		.data_in = options->data_in,
		.caps = options->caps,
	};
	struct sim_os_options machine = {
		.bus = { guest, bus_reg_read, bus_reg_write, bus_stream_read,
		    bus_stream_write,
		    .whole_reads = options->data_in != VQP_DATA_IN_IMAGE },
		.worker_count = options->workers,
		.first_page = options->first_page,
		.page_shift = options->page_shift,
		.mirror_percent = 30,
	};
	int status;

	memset(guest, 0, sizeof(*guest));
	guest->options = *options;
	guest->hub = hub;
	snprintf(guest->os_name, sizeof(guest->os_name), "%s",
	    options->name != NULL ? options->name : "guest");
	machine.name = guest->os_name;
	guest->os = sim_os_open(&machine);
	for (;;) {
		status = vqp_device_create(hub->hub, &host, &config,
		    &guest->device);
		if (status != VQP_ERROR_NO_MEM)
			break;
	}
	if (status != VQP_SUCCESS)
		sim_fail("no device: %s", vqp_status_name(status));
	vqp_device_set_interrupts(guest->device, options->shared ?
	    VQP_INTERRUPTS_SHARED : VQP_INTERRUPTS_EXCLUSIVE);
}

int
rig_load(struct rig_guest *guest)
{
	const struct vqp_core_config config = {
		.budget = guest->options.budget,
		.limit_ns = guest->options.limit_ns,
	};
	int status;

	guest->stop_irqs = false;
	guest->dma_thread = sim_spawn("dma", SIM_TASK, dma_main, guest);
	status = vqp_core_attach(guest->os, &config, guest->options.mmio,
	    &guest->core);
	if (status != VQP_SUCCESS) {
		irqs_end(guest);
		guest->core = NULL;
		return status;
	}
	irqs_begin(guest);
	vqp_core_start(guest->core);
	return VQP_SUCCESS;
}

void
rig_unload(struct rig_guest *guest)
{
	vqp_core_stop(guest->core);
	irqs_end(guest);
	vqp_core_detach(guest->core);
	guest->core = NULL;
}

void
rig_pull(struct rig_guest *guest)
{
	guest->pulled = true;
	guest->asleep = false;
	sim_wake(&guest->asleep);
	sim_os_pull(guest->os);
	vqp_core_gone(guest->core);
	vqp_device_destroy(guest->device);
	guest->device = NULL;
}

void
rig_suspend(struct rig_guest *guest)
{
	vqp_core_suspend(guest->core);
}

int
rig_resume(struct rig_guest *guest)
{
	return vqp_core_resume(guest->core);
}

void
rig_halt(struct rig_guest *guest)
{
	if (guest->pulled)
		return;
	guest->asleep = true;
	vqp_device_suspend(guest->device);
}

void
rig_continue(struct rig_guest *guest, bool restored)
{
	if (!guest->asleep)
		return;
	vqp_device_resume(guest->device, restored);
	guest->asleep = false;
	sim_wake(&guest->asleep);
	sim_wake(&guest->dma_pending);
}

void
rig_close(struct rig_guest *guest)
{
	if (guest->device != NULL)
		vqp_device_destroy(guest->device);
	sim_os_close(guest->os, false);
}
