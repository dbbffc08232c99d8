/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_device.h"

static struct vqp_handle *
pair_find(struct mock *mock, struct vqp_handle handle)
{
	for (unsigned i = 0; i < 64; i++) {
		if (mock->pair[i].context == handle.context &&
		    mock->pair[i].resource == handle.resource)
			return &mock->pair[i];
	}
	return NULL;
}

/* Remember a pair, if there is space for it. */
static void
pairs(struct mock *mock, uint32_t number, const uint8_t *bytes)
{
	const struct vqp_handle none = { 0, 0 };
	struct vqp_handle handle, *pair;

	memcpy(&handle, bytes + 24, sizeof(handle));
	if (number == VQP_HYPERCALL_QPAIR_ALLOC) {
		pair = pair_find(mock, none);
		if (mock->result >= 0 && pair != NULL)
			*pair = handle;
		return;
	}
	pair = pair_find(mock, handle);
	if (pair == NULL)
		mock->result = VQP_ERROR_NOT_FOUND;
	else
		*pair = none;
}

static void
answer(struct mock *mock, const uint8_t *bytes, uint64_t count)
{
	struct vqp_datagram datagram;
	struct mock_message *message;
	uint32_t number;

	memcpy(&datagram, bytes, sizeof(datagram));
	if (mock->message_count == sizeof(mock->message) /
	    sizeof(mock->message[0])) {
		/* Keep the last half when the list is full. */
		mock->message_count /= 2;
		for (unsigned i = mock->message_count; i <
		    sizeof(mock->message) / sizeof(mock->message[0]); i++)
			free(mock->message[i].at);
	}
	message = &mock->message[mock->message_count++];
	message->bytes = count;
	message->at = malloc((size_t)count);
	if (message->at == NULL)
		abort();
	memcpy(message->at, bytes, (size_t)count);
	if (mock->sees != NULL)
		mock->sees(mock, &datagram);
	number = datagram.dst.resource;
	if (datagram.dst.context == VQP_CONTEXT_HYPERVISOR &&
	    number == VQP_RESOURCE_ANY - 1) {
		mock->result = mock->takes_all ? 0 :
		    VQP_ERROR_INVALID_RESOURCE;
		return;
	}
	if (datagram.dst.context != VQP_CONTEXT_HYPERVISOR ||
	    number >= VQP_HYPERCALL_COUNT) {
		mock->result = mock->sends_answer ? mock->send_answer :
		    (int32_t)count;
		return;
	}
	mock->result = 0;
	if (count < sizeof(datagram) + sizeof(uint64_t) &&
	    number != VQP_HYPERCALL_GET_CONTEXT_ID) {
		/*
		 * A client may make this call, too, so an error is a valid
		 * answer.
		 */
		mock->result = VQP_ERROR_INVALID_ARGS;
		return;
	}
	if (number == VQP_HYPERCALL_SET_NOTIFY_BITMAP) {
		mock->bitmap_page = 0;
		memcpy(&mock->bitmap_page, bytes + 24,
		    mock->caps_acked & VQP_CAP_PPN64 ? 8 : 4);
		mock->has_bitmap = true;
	} else if (number == VQP_HYPERCALL_GET_CONTEXT_ID) {
		mock->result = mock->cid;
	} else if (number == VQP_HYPERCALL_RESOURCES_QUERY) {
		uint32_t n, resource;

		memcpy(&n, bytes + 24, 4);
		for (uint32_t i = 0; i < n && 32 + 4 * i + 4 <= count; i++) {
			memcpy(&resource, bytes + 32 + 4 * i, 4);
			if (resource < 32 && mock->known >> resource & 1)
				mock->result |= (int32_t)(1u << i);
		}
	}
	if (mock->answers[number])
		mock->result = mock->answer[number];
	if (number == VQP_HYPERCALL_QPAIR_ALLOC ||
	    (number == VQP_HYPERCALL_QPAIR_DETACH &&
	    !mock->answers[number]))
		pairs(mock, number, bytes);
}

static uint32_t
reg_read(void *device, uint32_t reg)
{
	struct mock *mock = device;
	uint32_t value;

	mock->accesses++;
	switch (reg) {
	case VQP_REG_CAPS:
		return mock->caps_acked != 0 && mock->caps_later != 0 ?
		    mock->caps_later : mock->caps;
	case VQP_REG_ICR:
		value = mock->icr;
		if (!mock->icr_stays)
			mock->icr = 0;
		return value;
	case VQP_REG_RESULT_LOW:
		return (uint32_t)mock->result;
	case VQP_REG_GUEST_PAGE_SHIFT:
		return mock->page_shift;
	default:
		return 0;
	}
}

static void
dma_out(struct mock *mock)
{
	const uint64_t address = mock->out_low |
	    (uint64_t)mock->out_high << 32;
	volatile struct vqp_dma_operation *operation =
	    sim_os_bus(mock->os, address, sizeof(*operation));
	uint32_t size;
	uint8_t *bytes;

	if (operation == NULL)
		sim_fail("DATA_OUT_LOW is no memory of the guest's");
	if (mock->never_busy_done || mock->busy_held)
		return;
	size = operation->size;
	bytes = sim_os_bus(mock->os, address + sizeof(*operation), size);
	if (operation->busy != 1 || operation->opcode != VQP_DMA_INLINE ||
	    operation->reserved != 0 || size < 24 || bytes == NULL)
		sim_fail("a bad operation to send");
	answer(mock, bytes, size);
	operation->result = (uint64_t)(int64_t)mock->result;
	if (mock->scribbles) {
		operation->opcode = UINT32_MAX;
		operation->size = UINT32_MAX;
		operation->result = UINT64_MAX;
	}
	operation->busy = 0;
}

static void
dma_in(struct mock *mock, uint32_t low)
{
	const uint64_t address = low | (uint64_t)mock->in_high << 32;
	volatile struct vqp_dma_operation *operation =
	    sim_os_bus(mock->os, address, sizeof(*operation));
	const volatile struct vqp_dma_element *element =
	    sim_os_bus(mock->os, address + 24, sizeof(*element));
	uint64_t n = mock->in_bytes - mock->in_at;
	uint8_t *to;

	if (operation == NULL || element == NULL)
		sim_fail("DATA_IN_LOW is no memory of the guest's");
	if (mock->never_busy_done)
		return;
	to = sim_os_bus(mock->os, element->address, element->length);
	if (operation->opcode != VQP_DMA_SCATTER || operation->size != 1 ||
	    operation->busy != 0 || to == NULL)
		sim_fail("a bad operation to receive");
	if (n > element->length)
		n = element->length;
	mock->in_memory = to;
	if (n != 0)
		memcpy(to, mock->in + mock->in_at, (size_t)n);
	mock->in_at = mock->in_endless ? 0 : mock->in_at + n;
	if (element->length - n >= 24)
		memset(to + n, 0xff, 24);
	if (mock->scribbles) {
		operation->opcode = UINT32_MAX;
		operation->size = UINT32_MAX;
		operation->result = UINT64_MAX;
	}
	operation->busy = mock->busy_value != 0 ? mock->busy_value : 1;
}

static void
reg_write(void *device, uint32_t reg, uint32_t value)
{
	struct mock *mock = device;

	mock->accesses++;
	switch (reg) {
	case VQP_REG_CAPS:
		mock->caps_acked = value;
		break;
	case VQP_REG_IMR:
		mock->imr = value;
		break;
	case VQP_REG_CONTROL:
		mock->control = value;
		if (value & VQP_CONTROL_RESET) {
			mock->resets++;
			mock->caps_acked = mock->imr = 0;
			mock->has_bitmap = false;
			memset(mock->pair, 0, sizeof(mock->pair));
			mock->out_bytes = 0;
		}
		mock->enables += (value & VQP_CONTROL_INT_ENABLE) != 0;
		mock->disables += (value & VQP_CONTROL_INT_DISABLE) != 0;
		break;
	case VQP_REG_GUEST_PAGE_SHIFT:
		mock->page_shift = value;
		break;
	case VQP_REG_DATA_OUT_HIGH:
		mock->out_high = value;
		break;
	case VQP_REG_DATA_IN_HIGH:
		mock->in_high = value;
		break;
	case VQP_REG_DATA_OUT_LOW:
		mock->out_low = value;
		dma_out(mock);
		break;
	case VQP_REG_DATA_IN_LOW:
		dma_in(mock, value);
		break;
	default:
		break;
	}
}

static void
stream_read(void *device, uint32_t reg, uint8_t *to, uint64_t bytes)
{
	struct mock *mock = device;

	if (reg != VQP_REG_DATA_IN || mock->dma)
		sim_fail("a stream from register %u", (unsigned)reg);
	while (bytes > 0) {
		const uint64_t left = mock->in_bytes - mock->in_at;
		const uint64_t n = left < bytes ? left : bytes;

		if (left == 0) {
			memset(to, 0xff, (size_t)bytes);
			mock->in_reads += bytes;
			return;
		}
		memcpy(to, mock->in + mock->in_at, (size_t)n);
		to += n;
		bytes -= n;
		mock->in_at += n;
		if (mock->in_endless && mock->in_at == mock->in_bytes)
			mock->in_at = 0;
	}
}

static void
stream_write(void *device, uint32_t reg, const uint8_t *from, uint64_t bytes)
{
	struct mock *mock = device;
	uint64_t need;

	if (reg != VQP_REG_DATA_OUT)
		sim_fail("a stream to register %u", (unsigned)reg);
	if (mock->dma && mock->deaf)
		return;
	mock->out = realloc(mock->out, (size_t)(mock->out_bytes + bytes));
	if (mock->out == NULL)
		abort();
	memcpy(mock->out + mock->out_bytes, from, (size_t)bytes);
	mock->out_bytes += bytes;
	if (mock->out_bytes < sizeof(struct vqp_datagram))
		return;
	memcpy(&need, mock->out + 16, sizeof(need));
	need += sizeof(struct vqp_datagram);
	if (mock->out_bytes > need)
		sim_fail("more bytes than the datagram says");
	if (mock->dma && need <= VQP_DATAGRAM_BYTES_MAX)
		sim_fail("by port what goes by DMA");
	if (mock->out_bytes == need) {
		mock->out_bytes = 0;
		answer(mock, mock->out, need);
	}
}

static void
machine_open(struct mock *mock)
{
	struct sim_os_options machine = {
		.name = "guest",
		.bus = { mock, reg_read, reg_write, stream_read,
		    stream_write, false },
		.worker_count = 1 + (uint32_t)(mock->seed % 3),
		.mirror_percent = 30,
		.first_page = mock->first_page,
		.page_shift = mock->machine_page_shift,
	};

	mock->os = sim_os_open(&machine);
}

static void
open_at(struct mock *mock, uint64_t seed, bool dma, uint64_t first_page,
    uint32_t page_shift)
{
	struct sim_options options = { .seed = seed, .quiet = true };

	memset(mock, 0, sizeof(*mock));
	sim_begin(&options);
	mock->seed = seed;
	mock->first_page = first_page;
	mock->machine_page_shift = page_shift;
	machine_open(mock);
	mock->dma = dma;
	mock->caps = VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64;
	if (dma)
		mock->caps |= VQP_CAP_DMA_DATAGRAM;
	mock->cid = MOCK_CID;
	mock->known = (1u << VQP_HYPERCALL_COUNT) - 1;
}

void
mock_open(struct mock *mock, uint64_t seed, bool dma)
{
	open_at(mock, seed, dma, 0, 0);
}

void
mock_open_high(struct mock *mock, uint64_t seed, bool dma,
    uint64_t first_page)
{
	open_at(mock, seed, dma, first_page, 0);
}

void
mock_open_paged(struct mock *mock, uint64_t seed, uint32_t page_shift)
{
	open_at(mock, seed, false, 0, page_shift);
}

void
mock_reopen(struct mock *mock)
{
	sim_os_close(mock->os, true);
	machine_open(mock);
}

int
mock_attach(struct mock *mock)
{
	struct vqp_core_config config = {
		.limit_ns = 20 * 1000 * 1000,
	};

	return vqp_core_attach(mock->os, &config, mock->dma, &mock->core);
}

void
mock_start(struct mock *mock, uint64_t seed, bool dma)
{
	int status;

	mock_open(mock, seed, dma);
	status = mock_attach(mock);
	if (status != VQP_SUCCESS)
		sim_fail("no core: %s", vqp_status_name(status));
	vqp_core_start(mock->core);
}

void
mock_close(struct mock *mock)
{
	const bool attached = mock->core != NULL;

	if (attached)
		vqp_core_detach(mock->core);
	sim_os_close(mock->os, attached);
	sim_end();
	for (unsigned i = 0; i < mock->message_count; i++)
		free(mock->message[i].at);
	free(mock->in);
	free(mock->out);
}

void
mock_answer(struct mock *mock)
{
	mock->busy_held = false;
	dma_out(mock);
}

void
mock_give(struct mock *mock, const void *bytes, uint64_t count)
{
	if (mock->in_at == mock->in_bytes)
		mock->in_at = mock->in_bytes = 0;
	mock->in = realloc(mock->in, (size_t)(mock->in_bytes + count) + 1);
	if (mock->in == NULL)
		abort();
	memcpy(mock->in + mock->in_bytes, bytes, (size_t)count);
	mock->in_bytes += count;
}

void
mock_give_padded(struct mock *mock, const void *bytes, uint64_t count)
{
	static const uint8_t pad[8];

	mock_give(mock, bytes, count);
	mock_give(mock, pad, -count & 7);
}

void
mock_datagram(struct mock *mock, struct vqp_handle src, struct vqp_handle dst,
    const void *payload, uint64_t bytes)
{
	const struct vqp_datagram datagram = { dst, src, bytes };
	uint8_t *whole = malloc((size_t)(sizeof(datagram) + bytes));

	if (whole == NULL)
		abort();
	memcpy(whole, &datagram, sizeof(datagram));
	if (bytes != 0)
		memcpy(whole + sizeof(datagram), payload, (size_t)bytes);
	mock_give_padded(mock, whole, sizeof(datagram) + bytes);
	free(whole);
}

void
mock_event(struct mock *mock, uint32_t event, const void *payload,
    uint64_t bytes)
{
	const struct vqp_handle src = { 0, 0 }, dst = { MOCK_CID, 0 };
	uint8_t whole[256] = { 0 };

	if (bytes > sizeof(whole) - 8)
		abort();
	memcpy(whole, &event, sizeof(event));
	if (bytes > 8)
		memcpy(whole + 8, payload, (size_t)bytes - 8);
	mock_datagram(mock, src, dst, whole, bytes);
}

void
mock_serve(struct mock *mock, uint32_t causes)
{
	for (unsigned turn = 0; causes != 0; turn++) {
		causes = vqp_core_service(mock->core, causes);
		if (mock->dma && mock->in_at < mock->in_bytes &&
		    !mock->in_endless)
			causes |= VQP_CAUSE_DATAGRAM;
		if (mock->in_endless && turn > 100)
			return;
		if (turn > 100000)
			sim_fail("service has no end");
	}
}

const struct mock_message *
mock_last(const struct mock *mock, uint32_t resource)
{
	for (unsigned i = mock->message_count; i-- > 0;) {
		struct vqp_datagram datagram;

		memcpy(&datagram, mock->message[i].at, sizeof(datagram));
		if (datagram.dst.context == VQP_CONTEXT_HYPERVISOR &&
		    datagram.dst.resource == resource)
			return &mock->message[i];
	}
	return NULL;
}

unsigned
mock_count(const struct mock *mock, uint32_t resource)
{
	unsigned count = 0;

	for (unsigned i = 0; i < mock->message_count; i++) {
		struct vqp_datagram datagram;

		memcpy(&datagram, mock->message[i].at, sizeof(datagram));
		count += datagram.dst.context == VQP_CONTEXT_HYPERVISOR &&
		    datagram.dst.resource == resource;
	}
	return count;
}

volatile uint8_t *
mock_bitmap(struct mock *mock)
{
	return mock->has_bitmap ? sim_os_bus(mock->os,
	    mock->bitmap_page * 4096, 4096) : NULL;
}
