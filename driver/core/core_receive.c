/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams from the device, through the port or by DMA.  Assemble each one in
 * our own memory, check it there, and pass it to its endpoint or to the events.
 */
#include "core_call.h"
#include "core_endpoint.h"
#include "core_event.h"
#include "core_receive.h"
#include "core_resource.h"
#include "core_state.h"

/* The longest payload of an oversized datagram that is skipped, in bytes. */
#define VQP_RECEIVE_SKIP_BYTES_MAX	(1 << 20)

#define VQP_RECEIVE_PAGE_BYTES	4096	/* of port mode */

/*
 * Copy bytes that the device may still be writing, once, so that the core
 * checks and uses the same bytes.
 */
static void
vqp_core_snapshot(void *to, const void *from, uint64_t bytes)
{
	__builtin_memcpy(to, from, (size_t)bytes);
	__asm__ volatile("" : : "r"(to) : "memory");
}

bool
vqp_receive_init(struct vqp_core *core)
{
	core->receive.buffer = vqp_os_alloc(core->os, VQP_DATAGRAM_BYTES_MAX);
	return core->receive.buffer != NULL;
}

void
vqp_receive_destroy(struct vqp_core *core)
{
	vqp_os_free(core->os, core->receive.buffer, VQP_DATAGRAM_BYTES_MAX);
}

bool
vqp_receive_memory_alloc(struct vqp_core *core)
{
	return vqp_os_dma_alloc(core->os, VQP_CORE_DMA_BYTES,
	    &core->receive.dma);
}

void
vqp_receive_memory_free(struct vqp_core *core)
{
	if (core->receive.dma.base != NULL)
		vqp_os_dma_free(core->os, &core->receive.dma);
	core->receive.dma.base = NULL;
}

/* Deliver a complete datagram in our own copy, with payload_size checked. */
static void
vqp_receive_route(struct vqp_core *core, const struct vqp_datagram *datagram)
{
	struct vqp_resource *resource;
	struct vqp_call call;

	if (datagram->dst.resource == VQP_RESOURCE_EVENTS) {
		vqp_event_receive(core, datagram);
		return;
	}
	resource = vqp_resource_enter(core, VQP_RESOURCE_ENDPOINT,
	    datagram->dst, &call);
	if (resource != NULL && !resource->any_context &&
	    datagram->dst.context != vqp_context_known(core)) {
		vqp_call_leave(resource, &call);
		resource = NULL;
	}
	if (resource == NULL) {
		VQP_CORE_COUNT(core, receive_no_endpoint);
		return;
	}
	VQP_CORE_COUNT(core, datagrams_received);
	vqp_endpoint_receive(resource, datagram);
	vqp_call_leave(resource, &call);
}

/*
 * Through the port (docs/wire.md 2.6).  The device delivers exactly the number
 * of bytes that we read, so the reads follow the rules that all drivers share:
 * first a page; the whole buffer when a datagram is longer than the bytes left;
 * the same number again when less than a header is left.  Filler skips to the
 * next page.
 */
static void
vqp_receive_more(struct vqp_core *core, uint64_t at, uint64_t end)
{
	struct vqp_receive *receive = &core->receive;

	vqp_os_stream_read(core->os, VQP_REG_DATA_IN, receive->buffer + at,
	    end - at);
	receive->at = 0;
	receive->end = end;
}

static bool
vqp_receive_skip(struct vqp_core *core, const struct vqp_datagram *datagram)
{
	struct vqp_receive *receive = &core->receive;
	uint64_t left = receive->end - receive->at, skip;

	VQP_CORE_COUNT(core, receive_oversized);
	if (datagram->payload_size > VQP_RECEIVE_SKIP_BYTES_MAX) {
		vqp_core_fail(core, "a datagram longer than all memory");
		return false;
	}
	skip = vqp_datagram_padded(datagram) - left;
	vqp_receive_more(core, 0, VQP_DATAGRAM_BYTES_MAX);
	while (skip > VQP_DATAGRAM_BYTES_MAX) {
		skip -= VQP_DATAGRAM_BYTES_MAX;
		vqp_receive_more(core, 0, VQP_DATAGRAM_BYTES_MAX);
	}
	receive->at = skip;
	return true;
}

/*
 * A missing device reads as all ones.  If the device is torn out during a read,
 * the datagram ends in such bytes; then check that the device is still there.
 */
static bool
vqp_receive_torn(struct vqp_core *core, const struct vqp_datagram *datagram)
{
	const uint8_t *bytes = (const uint8_t *)datagram;

	if (bytes[sizeof(*datagram) + datagram->payload_size - 1] != 0xff ||
	    vqp_os_reg_read(core->os, VQP_REG_CAPS) != VQP_ICR_DEVICE_GONE)
		return false;
	vqp_core_gone(core);
	return true;
}

static bool
vqp_receive_port(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;
	const struct vqp_datagram *datagram;
	/* The open buffer lacks datagrams that came after the last budget. */
	bool resumes = receive->open;
	uint64_t left, bytes;

	for (uint32_t budget = core->config.budget; budget > 0; budget--) {
		if (!vqp_core_works(core))
			return false;
		if (!receive->open) {
			vqp_receive_more(core, 0, VQP_RECEIVE_PAGE_BYTES);
			receive->open = true;
		}
		left = receive->end - receive->at;
		if (left < sizeof(*datagram)) {
			vqp_receive_more(core, 0, receive->end);
			continue;
		}
		datagram = (const struct vqp_datagram *)(const void *)
		    (receive->buffer + receive->at);
		if (datagram->dst.resource == VQP_RESOURCE_ANY) {
			if (left <= VQP_RECEIVE_PAGE_BYTES) {
				receive->open = false;
				if (!resumes)
					return false;
				resumes = false;
				continue;
			}
			receive->at = (receive->at / VQP_RECEIVE_PAGE_BYTES +
			    1) * VQP_RECEIVE_PAGE_BYTES;
			continue;
		}
		if (datagram->payload_size > VQP_DATAGRAM_PAYLOAD_BYTES_MAX) {
			if (!vqp_receive_skip(core, datagram))
				return false;
			continue;
		}
		bytes = vqp_datagram_padded(datagram);
		if (bytes > left) {
			__builtin_memmove(receive->buffer, datagram,
			    (size_t)left);
			vqp_receive_more(core, left, VQP_DATAGRAM_BYTES_MAX);
			datagram = (const struct vqp_datagram *)(const void *)
			    receive->buffer;
		}
		receive->at += bytes;
		if (vqp_receive_torn(core, datagram))
			return false;
		vqp_receive_route(core, datagram);
	}
	return true;
}

/* Ask the device for its datagrams (docs/wire.md 1.9). */
static void
vqp_receive_post(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;
	struct vqp_dma_operation *operation = receive->dma.base;
	struct vqp_dma_element *element = (struct vqp_dma_element *)
	    (operation + 1);

	/*
	 * The rest of a held datagram comes first.  If the device does not
	 * write it, the buffer must not still hold earlier datagrams, or we
	 * would read those again and again.
	 */
	if (receive->held != 0)
		__builtin_memset((uint8_t *)receive->dma.base +
		    VQP_CORE_DMA_OFFSET, VQP_DATAGRAM_FILLER,
		    VQP_DATAGRAM_BYTES_MAX);
	*operation = (struct vqp_dma_operation){ 0 };
	operation->size = 1;
	element->address = receive->dma.address + VQP_CORE_DMA_OFFSET;
	element->length = VQP_DATAGRAM_BYTES_MAX;
	vqp_dma_begin(operation, 0, VQP_DMA_SCATTER);
	receive->posted = true;
	receive->wanted = false;
	vqp_os_reg_write(core->os, VQP_REG_DATA_IN_LOW,
	    (uint32_t)receive->dma.address);
}

/*
 * Append up to `bytes` of the bytes that the device wrote to our own copy.
 */
static void
vqp_receive_hold(struct vqp_receive *receive, uint64_t bytes)
{
	uint64_t left = receive->end - receive->at;

	if (bytes > left)
		bytes = left;
	vqp_core_snapshot(receive->buffer + receive->held,
	    (const uint8_t *)receive->dma.base + VQP_CORE_DMA_OFFSET +
	    receive->at, bytes);
	receive->held += bytes;
	receive->at += bytes;
}

/*
 * Assemble and deliver one datagram from the bytes that the device wrote; the
 * header is checked in our own copy.  False when the core must ask for the
 * rest, or when nothing is left.
 */
static bool
vqp_receive_assemble(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;
	const struct vqp_datagram *datagram =
	    (const struct vqp_datagram *)(const void *)receive->buffer;
	uint64_t bytes;

	if (receive->held < sizeof(*datagram)) {
		/* Too few bytes are left for a header; there may be more. */
		if (receive->end - receive->at < sizeof(*datagram)) {
			receive->at = receive->end;
			receive->wanted = true;
			return false;
		}
		vqp_receive_hold(receive, sizeof(*datagram));
		if (datagram->dst.resource == VQP_RESOURCE_ANY) {
			receive->held = 0;
			receive->at = receive->end;
			return false;
		}
		if (datagram->payload_size > VQP_DATAGRAM_PAYLOAD_BYTES_MAX) {
			/* Drop the buffer; the next begins with a datagram. */
			VQP_CORE_COUNT(core, receive_oversized);
			receive->held = 0;
			receive->at = receive->end;
			receive->wanted = true;
			return false;
		}
	}
	bytes = vqp_datagram_padded(datagram);
	vqp_receive_hold(receive, bytes - receive->held);
	if (receive->held < bytes) {
		receive->wanted = true;
		return false;
	}
	receive->held = 0;
	vqp_receive_route(core, datagram);
	return true;
}

static bool
vqp_receive_dma(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;

	for (uint32_t budget = core->config.budget; budget > 0; budget--) {
		if (!vqp_core_works(core))
			return false;
		if (!receive->open) {
			if (!receive->posted) {
				if (!receive->wanted)
					return false;
				vqp_receive_post(core);
			}
			/* Not complete yet: an interrupt follows. */
			if (vqp_dma_busy(receive->dma.base) == 0)
				return false;
			receive->posted = false;
			receive->open = true;
			receive->at = 0;
			receive->end = VQP_DATAGRAM_BYTES_MAX;
		}
		if (!vqp_receive_assemble(core)) {
			receive->open = false;
			if (!receive->wanted)
				return false;
		}
	}
	return true;
}

bool
vqp_receive_serve(struct vqp_core *core, uint32_t causes)
{
	if (!vqp_core_works(core))
		return false;
	VQP_CORE_COUNT(core, receive_passes);
	if (!vqp_core_dma(core))
		return vqp_receive_port(core);
	if (causes & VQP_CAUSE_DATAGRAM)
		core->receive.wanted = true;
	return vqp_receive_dma(core);
}

void
vqp_receive_reset(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;

	receive->open = receive->wanted = receive->posted = false;
	receive->held = 0;
}
