/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_host.h"
#include "test.h"

#define BYTES ((uint64_t)FAKE_PAGES * FAKE_PAGE)

static void *
hub_alloc(void *context, size_t bytes)
{
	struct fake_hub *hub = context;

	if (hub->fail_after == 0)
		return NULL;
	if (hub->fail_after > 0)
		hub->fail_after--;
	hub->taken++;
	hub->taken_bytes += bytes;
	if (bytes > hub->largest)
		hub->largest = bytes;
	return calloc(1, bytes);
}

static void
hub_free(void *context, void *memory, size_t bytes)
{
	struct fake_hub *hub = context;

	hub->taken--;
	hub->taken_bytes -= bytes;
	/*
	 * Code that uses the memory after this finds true bools and pointers to
	 * nowhere, instead of the old contents.
	 */
	memset(memory, 1, bytes);
	__asm__ volatile("" : : "r"(memory) : "memory");
	free(memory);
}

/* The status that goes with each count, if it is always the same; else 0. */
static const int64_t status_of[VQP_DEVICE_COUNTS] = {
	[VQP_COUNT_BAD_REGISTER] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_BAD_CONTROL] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_BAD_CAPS] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_BAD_PAGE_SHIFT] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_BAD_IMR] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_NESTED_ACCESS] = VQP_ERROR_UNAVAILABLE,
	[VQP_COUNT_BAD_ADDRESS] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_DMA_SHORT] = VQP_ERROR_MORE_DATA,
	[VQP_COUNT_OVERSIZE] = VQP_ERROR_PAYLOAD_TOO_LARGE,
	[VQP_COUNT_BAD_HYPERCALL] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_UNKNOWN_HYPERCALL] = VQP_ERROR_INVALID_RESOURCE,
	[VQP_COUNT_SPOOFED_SOURCE] = VQP_ERROR_NO_ACCESS,
	[VQP_COUNT_DENIED] = VQP_ERROR_NO_ACCESS,
	[VQP_COUNT_NO_MEMORY] = VQP_ERROR_NO_MEM,
	[VQP_COUNT_QUEUE_LIMIT] = VQP_ERROR_NO_RESOURCES,
	[VQP_COUNT_EVENT_LIMIT] = VQP_ERROR_NO_RESOURCES,
	[VQP_COUNT_NOT_LISTENING] = VQP_ERROR_UNAVAILABLE,
	[VQP_COUNT_DOORBELL_LIMIT] = VQP_ERROR_NO_RESOURCES,
	[VQP_COUNT_NO_DOORBELL] = VQP_ERROR_NOT_FOUND,
	[VQP_COUNT_QPAIR_BYTES_LIMIT] = VQP_ERROR_NO_RESOURCES,
	[VQP_COUNT_QPAIR_COUNT_LIMIT] = VQP_ERROR_NO_RESOURCES,
	[VQP_COUNT_QPAIR_BAD_PAGES] = VQP_ERROR_INVALID_ARGS,
	[VQP_COUNT_QPAIR_LOST] = VQP_ERROR_NOT_ATTACHED,
	[VQP_COUNT_CONTEXT_LIMIT] = VQP_ERROR_NO_RESOURCES,
};

static void
hub_log(void *context, uint32_t cid, enum vqp_device_count count,
    int64_t status)
{
	struct fake_hub *hub = context;

	if (status_of[count] != 0)
		CHECK_EQ(status, status_of[count]);
	if (count == VQP_COUNT_BAD_DMA)
		CHECK(status == VQP_ERROR_INVALID_ARGS ||
		    status == VQP_ERROR_UNAVAILABLE);
	CHECK(status < 0);
	hub->logged_cid = cid;
	hub->logged = count;
	hub->logged_status = status;
	hub->log_count++;
}

void
fake_hub_open(struct fake_hub *hub, const struct vqp_hub_limits *limits)
{
	const struct vqp_hub_host host = { hub_alloc, hub_free, hub_log, hub };

	memset(hub, 0, sizeof(*hub));
	hub->fail_after = -1;
	CHECK_EQ(vqp_hub_create(&host, limits, &hub->hub), VQP_SUCCESS);
}

void
fake_hub_close(struct fake_hub *hub)
{
	vqp_hub_destroy(hub->hub);
	CHECK_EQ(hub->taken, 0);
	CHECK_EQ(hub->taken_bytes, 0);
}

static bool
is_ours(const struct fake_guest *guest, uint64_t address, uint64_t bytes)
{
	return !guest->refuse && address >= FAKE_BASE && bytes <= BYTES &&
	    address - FAKE_BASE <= BYTES - bytes;
}

static bool
guest_read(void *context, uint64_t address, void *to, uint64_t bytes)
{
	struct fake_guest *guest = context;

	guest->touches++;
	if (!is_ours(guest, address, bytes))
		return false;
	memcpy(to, guest->memory + (address - FAKE_BASE), bytes);
	return true;
}

static bool
guest_write(void *context, uint64_t address, const void *from, uint64_t bytes)
{
	struct fake_guest *guest = context;

	guest->touches++;
	if (!is_ours(guest, address, bytes))
		return false;
	memcpy(guest->memory + (address - FAKE_BASE), from, bytes);
	return true;
}

static void *
guest_map(void *context, const uint64_t *addresses, uint32_t count,
    uint64_t page_bytes)
{
	struct fake_guest *guest = context;
	uint8_t *at;

	guest->map_calls++;
	for (uint32_t i = 0; i < count; i++)
		if (addresses[i] % page_bytes != 0 ||
		    !is_ours(guest, addresses[i], page_bytes))
			return NULL;
	at = mmap(NULL, count * page_bytes, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		CHECK(mmap(at + i * page_bytes, page_bytes,
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, guest->fd,
		    (off_t)(addresses[i] - FAKE_BASE)) != MAP_FAILED);
	guest->mapped++;
	return at;
}

static void
guest_unmap(void *context, void *memory, uint32_t count, uint64_t page_bytes)
{
	struct fake_guest *guest = context;

	guest->mapped--;
	CHECK_EQ(munmap(memory, count * page_bytes), 0);
}

static void
guest_interrupt(void *context, uint32_t vector, bool level)
{
	struct fake_guest *guest = context;

	CHECK(vector < 3);
	guest->interrupts[vector] += level;
	if (guest->interrupt_hook != NULL)
		guest->interrupt_hook(guest);
	guest->level = level;
}

int
fake_guest_create(struct fake_guest *guest, struct fake_hub *hub,
    const struct vqp_device_config *config)
{
	const struct vqp_device_host host = { guest_read, guest_write,
	    guest_map, guest_unmap, guest_interrupt, guest };
	int status;

	memset(guest, 0, sizeof(*guest));
	guest->hub = hub;
	guest->fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK(guest->fd >= 0);
	CHECK_EQ(ftruncate(guest->fd, BYTES), 0);
	guest->memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    guest->fd, 0);
	CHECK(guest->memory != MAP_FAILED);
	status = vqp_device_create(hub->hub, &host, config, &guest->device);
	if (status != VQP_SUCCESS) {
		munmap(guest->memory, BYTES);
		close(guest->fd);
	}
	return status;
}

void
fake_guest_open(struct fake_guest *guest, struct fake_hub *hub, uint32_t cid,
    uint32_t caps)
{
	const struct vqp_device_config config = {
		.context = { .cid = cid },
		.generation = (caps & VQP_CAP_DMA_DATAGRAM) != 0 ?
		    VQP_DEVICE_MMIO : VQP_DEVICE_PORT,
		.data_in = VQP_DATA_IN_STREAM,
	};

	CHECK_EQ(fake_guest_create(guest, hub, &config), VQP_SUCCESS);
	guest->ppn64 = (caps & VQP_CAP_PPN64) != 0;
	fake_write32(guest, VQP_REG_CAPS, caps);
	fake_write32(guest, VQP_REG_IMR,
	    (caps & VQP_CAP_DMA_DATAGRAM) != 0 ? 7 : 3);
	fake_write32(guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
}

void
fake_guest_close(struct fake_guest *guest)
{
	vqp_device_destroy(guest->device);
	CHECK_EQ(guest->mapped, 0);
	munmap(guest->memory, BYTES);
	close(guest->fd);
}

static void
program_hook(struct fake_program *program, const char *call)
{
	if (program->hook != NULL)
		program->hook(program, call);
}

static int
program_datagram(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	struct fake_program *program = context;
	const int answer = program->answer;

	program->datagrams++;
	program->last = *datagram;
	CHECK(datagram->payload_size <= sizeof(program->payload));
	if (datagram->payload_size != 0)
		memcpy(program->payload, payload, datagram->payload_size);
	program_hook(program, "datagram");
	return answer;
}

static void
program_doorbell(void *context, struct vqp_handle handle)
{
	struct fake_program *program = context;

	program->rings++;
	program->rung = handle;
	program_hook(program, "doorbell");
}

static void
program_event(void *context, const struct vqp_event_header *event)
{
	struct fake_program *program = context;
	const struct vqp_event_context *removed = (const void *)event;
	const struct vqp_event_qpair *qpair = (const void *)event;
	struct fake_event it = { .event = event->event };

	CHECK_EQ(event->datagram.src.context, VQP_CONTEXT_HYPERVISOR);
	CHECK_EQ(event->datagram.dst.context,
	    vqp_program_cid(program->program));
	if (event->event == VQP_EVENT_CTX_REMOVED) {
		it.cid = removed->context;
	} else {
		it.handle = qpair->handle;
		it.cid = qpair->peer;
	}
	if (program->events < FAKE_EVENTS)
		program->event[program->events] = it;
	program->events++;
	program_hook(program, "event");
}

static void
program_memory(void *context, struct vqp_handle handle,
    const struct vqp_qpair_memory *memory)
{
	struct fake_program *program = context;

	program->memory_calls++;
	program->has_memory = memory != NULL;
	if (memory != NULL) {
		program->memory = *memory;
		CHECK_EQ(memory->handle.resource, handle.resource);
	}
	program_hook(program, memory != NULL ? "memory" : "no memory");
}

void
fake_program_open(struct fake_program *program, struct fake_hub *hub,
    uint32_t cid, uint32_t privileges)
{
	const struct vqp_program_calls calls = { program_datagram,
	    program_doorbell, program_event, program_memory, program };
	const struct vqp_context_config config = { .cid = cid,
	    .privileges = privileges };

	memset(program, 0, sizeof(*program));
	program->hub = hub;
	CHECK_EQ(vqp_program_create(hub->hub, &config, &calls,
	    &program->program), VQP_SUCCESS);
}

void
fake_program_close(struct fake_program *program)
{
	vqp_program_destroy(program->program);
}

void
fake_write32(struct fake_guest *guest, uint64_t offset, uint32_t value)
{
	vqp_device_write(guest->device, offset, 4, value);
}

uint32_t
fake_read32(struct fake_guest *guest, uint64_t offset)
{
	return (uint32_t)vqp_device_read(guest->device, offset, 4);
}

int32_t
fake_send(struct fake_guest *guest, struct vqp_handle dst,
    struct vqp_handle src, const void *payload, uint64_t payload_size)
{
	const struct vqp_datagram datagram = { dst, src, payload_size };
	const uint8_t *byte = (const void *)&datagram;

	if (guest->dma) {
		uint8_t *at = guest->memory + 300 * FAKE_PAGE;
		const struct vqp_dma_operation operation = { .busy = 1,
		    .size = (uint32_t)(24 + payload_size) };
		struct vqp_dma_operation after;

		memcpy(at, &operation, 24);
		memcpy(at + 24, &datagram, 24);
		if (payload_size != 0)
			memcpy(at + 48, payload, payload_size);
		fake_write32(guest, VQP_REG_DATA_OUT_HIGH, 0);
		fake_write32(guest, VQP_REG_DATA_OUT_LOW,
		    (uint32_t)FAKE_BASE + 300 * FAKE_PAGE);
		memcpy(&after, at, 24);
		CHECK_EQ(after.busy, 0);
		CHECK_EQ((int64_t)after.result,
		    (int32_t)fake_read32(guest, VQP_REG_RESULT_LOW));
	} else if (guest->by_bytes) {
		for (unsigned i = 0; i < sizeof(datagram); i++)
			vqp_device_write(guest->device, VQP_REG_DATA_OUT, 1,
			    byte[i]);
		byte = payload;
		for (uint64_t i = 0; i < payload_size; i++)
			vqp_device_write(guest->device, VQP_REG_DATA_OUT, 1,
			    byte[i]);
	} else {
		vqp_device_data_out(guest->device, &datagram,
		    sizeof(datagram));
		vqp_device_data_out(guest->device, payload, payload_size);
	}
	return (int32_t)fake_read32(guest, VQP_REG_RESULT_LOW);
}

int32_t
fake_hypercall(struct fake_guest *guest, uint32_t resource,
    const void *payload, uint64_t payload_size)
{
	const struct vqp_handle dst = { VQP_CONTEXT_HYPERVISOR, resource };
	const struct vqp_handle nobody = { VQP_INVALID_ID, VQP_INVALID_ID };

	return fake_send(guest, dst, nobody, payload, payload_size);
}

int32_t
fake_set_notify(struct fake_guest *guest, uint64_t ppn)
{
	return fake_hypercall(guest, VQP_HYPERCALL_SET_NOTIFY_BITMAP, &ppn, 8);
}

int32_t
fake_link(struct fake_guest *guest, struct vqp_handle handle, uint64_t index)
{
	uint8_t payload[16];

	memcpy(payload, &handle, 8);
	memcpy(payload + 8, &index, 8);
	return fake_hypercall(guest, VQP_HYPERCALL_DOORBELL_LINK, payload, 16);
}

int32_t
fake_handle_call(struct fake_guest *guest, uint32_t resource,
    struct vqp_handle handle)
{
	return fake_hypercall(guest, resource, &handle, 8);
}

int32_t
fake_qpair_alloc_pages(struct fake_guest *guest,
    const struct fake_qpair *qpair, const uint64_t *ppns, uint64_t count,
    uint64_t count_said)
{
	const uint64_t width = guest->ppn64 ? 8 : 4;
	const uint64_t bytes = 40 + count * width;
	uint8_t *payload = malloc(bytes);
	int32_t result;

	memcpy(payload, &qpair->handle, 8);
	memcpy(payload + 8, &qpair->peer, 4);
	memcpy(payload + 12, &qpair->flags, 4);
	memcpy(payload + 16, &qpair->produce, 8);
	memcpy(payload + 24, &qpair->consume, 8);
	memcpy(payload + 32, &count_said, 8);
	for (uint64_t i = 0; i < count; i++)
		memcpy(payload + 40 + i * width, &ppns[i], width);
	result = fake_hypercall(guest, VQP_HYPERCALL_QPAIR_ALLOC, payload,
	    bytes);
	free(payload);
	return result;
}

static uint64_t
pages_of(uint64_t bytes)
{
	return bytes / FAKE_PAGE + (bytes % FAKE_PAGE != 0);
}

int32_t
fake_qpair_alloc(struct fake_guest *guest, const struct fake_qpair *qpair)
{
	uint64_t count = pages_of(qpair->produce) + pages_of(qpair->consume) +
	    2;
	uint64_t *ppns;
	int32_t result;

	/*
	 * A request larger than any memory passes as many pages as the list can
	 * hold.
	 */
	if (count > VQP_QPAIR_PAGE_COUNT_MAX)
		count = VQP_QPAIR_PAGE_COUNT_MAX;
	ppns = malloc(count * sizeof(*ppns));
	for (uint64_t i = 0; i < count; i++)
		ppns[i] = FAKE_PPN((qpair->page + i) % FAKE_PAGES);
	result = fake_qpair_alloc_pages(guest, qpair, ppns, count, count);
	free(ppns);
	return result;
}

int32_t
fake_qpair_detach(struct fake_guest *guest, struct vqp_handle handle)
{
	return fake_handle_call(guest, VQP_HYPERCALL_QPAIR_DETACH, handle);
}

uint64_t
fake_receive(struct fake_guest *guest, void *to, uint64_t room)
{
	static uint8_t buffer[2 * VQP_DATAGRAM_BYTES_MAX];
	struct vqp_datagram datagram;
	uint64_t bytes, padded;

	vqp_device_data_in(guest->device, buffer, sizeof(datagram));
	memcpy(&datagram, buffer, sizeof(datagram));
	if (datagram.dst.resource == VQP_RESOURCE_ANY)
		return 0;
	bytes = 24 + datagram.payload_size;
	padded = (bytes + 7) / 8 * 8;
	vqp_device_data_in(guest->device, buffer + 24, padded - 24);
	for (uint64_t i = bytes; i < padded; i++)
		CHECK_EQ(buffer[i], 0);
	memcpy(to, buffer, bytes < room ? bytes : room);
	return bytes;
}

uint64_t
fake_count(struct fake_guest *guest, enum vqp_device_count count)
{
	return vqp_device_count(guest->device, count);
}
