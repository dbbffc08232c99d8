/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A machine in a process.  Bus addresses are addresses of the process, so the
 * device copies and maps by pointer.  The guest is this process, and is trusted
 * as much.
 */
#include <stdlib.h>
#include <string.h>

#include "user_machine.h"

struct vqp_machine {
	struct vqp_hub *hub;
	struct vqp_device *device;
	struct vqp_os *os;
	struct vqp_core *core;
	bool shared;
	pthread_mutex_t hub_mutex;
	pthread_t thread;
	pthread_mutex_t mutex;		/* protects the members below */
	pthread_cond_t raised;
	uint32_t causes;		/* raised by the device */
	bool level;			/* of the shared interrupt line */
	bool stopping;
};

static void *
hub_alloc(void *context, size_t bytes)
{
	(void)context;
	return calloc(1, bytes);
}

static void
hub_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

static bool
guest_read(void *context, uint64_t address, void *to, uint64_t bytes)
{
	(void)context;
	memcpy(to, (const void *)(uintptr_t)address, (size_t)bytes);
	return true;
}

/* The guest may poll a word during the write, so store words atomically. */
static bool
guest_write(void *context, uint64_t address, const void *from, uint64_t bytes)
{
	void *to = (void *)(uintptr_t)address;
	uint32_t half;
	uint64_t whole;

	(void)context;
	if (bytes == sizeof(half) && address % sizeof(half) == 0) {
		memcpy(&half, from, sizeof(half));
		__atomic_store_n((uint32_t *)to, half, __ATOMIC_RELEASE);
	} else if (bytes == sizeof(whole) && address % sizeof(whole) == 0) {
		memcpy(&whole, from, sizeof(whole));
		__atomic_store_n((uint64_t *)to, whole, __ATOMIC_RELEASE);
	} else {
		memcpy(to, from, (size_t)bytes);
	}
	return true;
}

/* user_os.c allocates contiguous pages; others cannot be mapped. */
static void *
guest_map(void *context, const uint64_t *addresses, uint32_t count,
    uint64_t page_bytes)
{
	(void)context;
	for (uint32_t i = 1; i < count; i++) {
		if (addresses[i] != addresses[0] + i * page_bytes)
			return NULL;
	}
	return (void *)(uintptr_t)addresses[0];
}

static void
guest_unmap(void *context, void *memory, uint32_t count, uint64_t page_bytes)
{
	(void)context;
	(void)memory;
	(void)count;
	(void)page_bytes;
}

static void
guest_interrupt(void *context, uint32_t vector, bool level)
{
	struct vqp_machine *machine = context;

	pthread_mutex_lock(&machine->mutex);
	machine->level = level;
	if (!machine->shared)
		machine->causes |= UINT32_C(1) << vector;
	pthread_cond_signal(&machine->raised);
	pthread_mutex_unlock(&machine->mutex);
}

static uint32_t
bus_read(void *context, uint32_t reg)
{
	struct vqp_machine *machine = context;
	uint32_t value;

	vqp_machine_lock(machine);
	value = (uint32_t)vqp_device_read(machine->device, reg, 4);
	vqp_machine_unlock(machine);
	return value;
}

static void
bus_write(void *context, uint32_t reg, uint32_t value)
{
	struct vqp_machine *machine = context;

	vqp_machine_lock(machine);
	vqp_device_write(machine->device, reg, 4, value);
	vqp_machine_unlock(machine);
}

static void
bus_stream_read(void *context, uint32_t reg, void *to, uint64_t bytes)
{
	struct vqp_machine *machine = context;

	(void)reg;
	vqp_machine_lock(machine);
	vqp_device_data_in(machine->device, to, bytes);
	vqp_machine_unlock(machine);
}

static void
bus_stream_write(void *context, uint32_t reg, const void *from,
    uint64_t bytes)
{
	struct vqp_machine *machine = context;

	(void)reg;
	vqp_machine_lock(machine);
	vqp_device_data_out(machine->device, from, bytes);
	vqp_machine_unlock(machine);
}

/* The interrupt handler is a thread. */
static void *
interrupts(void *argument)
{
	struct vqp_machine *machine = argument;
	uint32_t causes;

	pthread_mutex_lock(&machine->mutex);
	while (!machine->stopping) {
		causes = machine->causes;
		machine->causes = 0;
		if (causes == 0 && !(machine->shared && machine->level)) {
			pthread_cond_wait(&machine->raised, &machine->mutex);
			continue;
		}
		pthread_mutex_unlock(&machine->mutex);
		if (machine->shared)
			causes |= vqp_core_interrupt(machine->core);
		causes = vqp_core_service(machine->core, causes);
		pthread_mutex_lock(&machine->mutex);
		machine->causes |= causes;
	}
	pthread_mutex_unlock(&machine->mutex);
	return NULL;
}

static int
machine_device(struct vqp_machine *machine,
    const struct vqp_machine_config *config)
{
	const struct vqp_hub_host hub = { hub_alloc, hub_free, NULL, NULL };
	const struct vqp_device_host host = {
		.read = guest_read,
		.write = guest_write,
		.map = guest_map,
		.unmap = guest_unmap,
		.interrupt = guest_interrupt,
		.context = machine,
	};
	const struct vqp_device_config device = {
		.context.cid = config->cid,
		.generation = config->generation,
		.data_in = VQP_DATA_IN_STREAM,
	};
	int status = vqp_hub_create(&hub, NULL, &machine->hub);

	if (status < 0)
		return status;
	status = vqp_device_create(machine->hub, &host, &device,
	    &machine->device);
	if (status < 0) {
		vqp_hub_destroy(machine->hub);
		return status;
	}
	vqp_device_set_interrupts(machine->device, config->shared ?
	    VQP_INTERRUPTS_SHARED : VQP_INTERRUPTS_EXCLUSIVE);
	return VQP_SUCCESS;
}

static void
machine_device_close(struct vqp_machine *machine)
{
	vqp_device_destroy(machine->device);
	vqp_hub_destroy(machine->hub);
}

static int
machine_core(struct vqp_machine *machine,
    const struct vqp_machine_config *config)
{
	const struct vqp_user_bus bus = { bus_read, bus_write, bus_stream_read,
	    bus_stream_write, machine };
	const struct vqp_core_config core = { 0 };
	int status;

	machine->os = vqp_user_os_new(&bus, config->log);
	if (machine->os == NULL)
		return VQP_ERROR_NO_MEM;
	status = vqp_core_attach(machine->os, &core,
	    config->generation == VQP_DEVICE_MMIO, &machine->core);
	if (status < 0) {
		vqp_user_os_cancel(machine->os);
		return status;
	}
	if (pthread_create(&machine->thread, NULL, interrupts, machine) != 0) {
		vqp_core_detach(machine->core);
		vqp_user_os_free(machine->os);
		return VQP_ERROR_NO_MEM;
	}
	vqp_core_start(machine->core);
	return VQP_SUCCESS;
}

int
vqp_machine_open(const struct vqp_machine_config *config,
    struct vqp_machine **made)
{
	struct vqp_machine *machine = calloc(1, sizeof(*machine));
	int status;

	if (machine == NULL)
		return VQP_ERROR_NO_MEM;
	machine->shared = config->shared;
	pthread_mutex_init(&machine->hub_mutex, NULL);
	pthread_mutex_init(&machine->mutex, NULL);
	pthread_cond_init(&machine->raised, NULL);
	status = machine_device(machine, config);
	if (status >= 0) {
		status = machine_core(machine, config);
		if (status < 0)
			machine_device_close(machine);
	}
	if (status < 0) {
		free(machine);
		return status;
	}
	*made = machine;
	return VQP_SUCCESS;
}

void
vqp_machine_close(struct vqp_machine *machine)
{
	vqp_core_stop(machine->core);
	pthread_mutex_lock(&machine->mutex);
	machine->stopping = true;
	pthread_cond_signal(&machine->raised);
	pthread_mutex_unlock(&machine->mutex);
	pthread_join(machine->thread, NULL);
	vqp_core_detach(machine->core);
	vqp_user_os_free(machine->os);
	machine_device_close(machine);
	pthread_cond_destroy(&machine->raised);
	pthread_mutex_destroy(&machine->mutex);
	pthread_mutex_destroy(&machine->hub_mutex);
	free(machine);
}

struct vqp_core *
vqp_machine_core(struct vqp_machine *machine)
{
	return machine->core;
}

struct vqp_hub *
vqp_machine_hub(struct vqp_machine *machine)
{
	return machine->hub;
}

void
vqp_machine_lock(struct vqp_machine *machine)
{
	pthread_mutex_lock(&machine->hub_mutex);
}

void
vqp_machine_unlock(struct vqp_machine *machine)
{
	pthread_mutex_unlock(&machine->hub_mutex);
}
