/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the device and from it.  Roads 2 and 3.
 */
#include "core_private.h"

/* Of a datagram too long to be one: what we read over, in bytes. */
#define VQP_RECEIVE_SKIP_BYTES_MAX	(1 << 20)

#define VQP_RECEIVE_PAGE_BYTES	4096	/* of port mode */

int64_t
vqp_core_send(struct vqp_core *core, const struct vqp_datagram *datagram,
    const void *payload)
{
	struct vqp_datagram head;
	struct vqp_message message;
	int64_t result;

	if (datagram == NULL ||
	    datagram->payload_size > VQP_DATAGRAM_PAYLOAD_BYTES_MAX ||
	    (payload == NULL && datagram->payload_size != 0) ||
	    datagram->dst.context == VQP_CONTEXT_ANY)
		return VQP_ERROR_INVALID_ARGS;
	head = *datagram;
	if (!vqp_core_works(core))
		return VQP_ERROR_UNAVAILABLE;
	if (!vqp_resource_exists(core, VQP_RESOURCE_ENDPOINT, head.src))
		return VQP_ERROR_NO_HANDLE;
	head.src.context = vqp_core_context_id(core);
	if (head.src.context == VQP_INVALID_ID)
		return VQP_ERROR_NO_RESOURCES;
	message = (struct vqp_message){ &head, sizeof(head), payload,
	    head.payload_size, { NULL, NULL }, 0, false };
	result = vqp_core_exchange(core, &message);
	/* All of it or an error; what the hypervisor serves answers as it likes. */
	if (result >= 0 && head.dst.context != VQP_CONTEXT_HYPERVISOR &&
	    result != (int64_t)(sizeof(head) + head.payload_size)) {
		VQP_CORE_COUNT(core, bad_results);
		return VQP_ERROR_GENERIC;
	}
	if (result >= 0)
		VQP_CORE_COUNT(core, datagrams_sent);
	return result;
}

/*
 * ---- Endpoints.
 */

/*
 * What a DELAYED endpoint has not received yet, one datagram behind the other.
 * The receive lane fills one half while the work empties the other.
 */
struct vqp_endpoint_half {
	uint8_t *bytes;		/* VQP_HOST_QUEUE_BYTES_MAX */
	uint64_t used;
};

struct vqp_endpoint {
	struct vqp_resource resource;	/* first */
	struct vqp_endpoint_options options;
	struct vqp_os_work work;
	struct vqp_os_lock lock;
	struct vqp_endpoint_half half[2];	/* [filled].used under lock */
	unsigned filled;		/* under lock */
	bool filling;			/* under lock */
};

static void
vqp_endpoint_finish(struct vqp_resource *resource)
{
	struct vqp_endpoint *endpoint = (struct vqp_endpoint *)resource;
	struct vqp_os *os = resource->core->os;

	if (endpoint->options.flags & VQP_DATAGRAM_DELAYED)
		vqp_os_work_drain(os, &endpoint->work);
	for (int i = 0; i < 2; i++)
		vqp_os_free(os, endpoint->half[i].bytes,
		    VQP_HOST_QUEUE_BYTES_MAX);
	vqp_os_lock_destroy(&endpoint->lock);
}

/* Append to a delayed endpoint.  In the receive lane: one at a time. */
static void
vqp_endpoint_delay(struct vqp_endpoint *endpoint,
    const struct vqp_datagram *datagram)
{
	struct vqp_core *core = endpoint->resource.core;
	uint64_t bytes = vqp_datagram_padded(datagram);
	struct vqp_endpoint_half *half;
	uint64_t at;

	vqp_os_lock(&endpoint->lock);
	half = &endpoint->half[endpoint->filled];
	at = half->used;
	endpoint->filling = bytes <= VQP_HOST_QUEUE_BYTES_MAX - at;
	vqp_os_unlock(&endpoint->lock);
	if (bytes > VQP_HOST_QUEUE_BYTES_MAX - at) {
		VQP_CORE_COUNT(core, receive_queue_full);
		return;
	}
	__builtin_memcpy(half->bytes + at, datagram,
	    sizeof(*datagram) + (size_t)datagram->payload_size);
	vqp_os_lock(&endpoint->lock);
	half->used = at + bytes;
	endpoint->filling = false;
	vqp_os_unlock(&endpoint->lock);
	vqp_os_work_queue(core->os, &endpoint->work);
}

void
vqp_endpoint_receive(struct vqp_resource *resource,
    const struct vqp_datagram *datagram)
{
	struct vqp_endpoint *endpoint = (struct vqp_endpoint *)resource;

	if (endpoint->options.flags & VQP_DATAGRAM_DELAYED)
		vqp_endpoint_delay(endpoint, datagram);
	else
		endpoint->options.receive(endpoint->options.argument,
		    datagram);
}

static void
vqp_endpoint_work(void *argument)
{
	struct vqp_endpoint *endpoint = argument;
	struct vqp_endpoint_half *half = NULL;
	const struct vqp_datagram *datagram;
	struct vqp_call call;

	vqp_os_lock(&endpoint->lock);
	/* Who fills now queues us again. */
	if (!endpoint->filling) {
		half = &endpoint->half[endpoint->filled];
		endpoint->filled ^= 1;
	}
	vqp_os_unlock(&endpoint->lock);
	if (half == NULL)
		return;
	for (uint64_t at = 0; at < half->used;
	    at += vqp_datagram_padded(datagram)) {
		datagram = (const struct vqp_datagram *)(const void *)
		    (half->bytes + at);
		if (!vqp_call_enter(&endpoint->resource, &call))
			break;
		endpoint->options.receive(endpoint->options.argument,
		    datagram);
		vqp_call_leave(&endpoint->resource, &call);
	}
	half->used = 0;
}

int
vqp_core_endpoint_create(struct vqp_core *core,
    const struct vqp_endpoint_options *options, struct vqp_handle *handle)
{
	struct vqp_endpoint *endpoint;
	struct vqp_handle name;
	int status;

	if (options == NULL || handle == NULL || options->receive == NULL ||
	    options->privilege & ~VQP_PRIVILEGE_ALL || options->flags &
	    ~(VQP_DATAGRAM_ANY_CONTEXT | VQP_DATAGRAM_DELAYED))
		return VQP_ERROR_INVALID_ARGS;
	name.context = VQP_CONTEXT_ANY;
	name.resource = options->resource;
	if ((options->flags & VQP_DATAGRAM_ANY_CONTEXT) == 0) {
		name.context = vqp_core_context_id(core);
		if (name.context == VQP_INVALID_ID)
			return VQP_ERROR_NO_RESOURCES;
	}
	if (!vqp_core_get(core))
		return VQP_ERROR_UNAVAILABLE;
	endpoint = vqp_os_alloc(core->os, sizeof(*endpoint));
	if (endpoint == NULL) {
		vqp_core_put(core);
		return VQP_ERROR_NO_MEM;
	}
	endpoint->options = *options;
	endpoint->resource.any_context = name.context == VQP_CONTEXT_ANY;
	vqp_resource_init(&endpoint->resource, core, VQP_RESOURCE_ENDPOINT,
	    sizeof(*endpoint), vqp_endpoint_finish);
	vqp_os_lock_init(&endpoint->lock, VQP_OS_LOCK_QUEUE);
	vqp_os_work_init(&endpoint->work, vqp_endpoint_work, endpoint);
	status = VQP_SUCCESS;
	for (int i = 0; i < 2 && options->flags & VQP_DATAGRAM_DELAYED; i++) {
		endpoint->half[i].bytes = vqp_os_alloc(core->os,
		    VQP_HOST_QUEUE_BYTES_MAX);
		if (endpoint->half[i].bytes == NULL)
			status = VQP_ERROR_NO_MEM;
	}
	if (status == VQP_SUCCESS)
		status = vqp_resource_add(&endpoint->resource, &name);
	if (status != VQP_SUCCESS) {
		vqp_resource_discard(&endpoint->resource);
		return status;
	}
	*handle = name;
	return VQP_SUCCESS;
}

int
vqp_core_endpoint_destroy(struct vqp_core *core, struct vqp_handle handle)
{
	struct vqp_resource *resource =
	    vqp_resource_take(core, VQP_RESOURCE_ENDPOINT, handle);

	if (resource == NULL)
		return VQP_ERROR_NOT_FOUND;
	vqp_resource_end(resource);
	return VQP_SUCCESS;
}

/*
 * ---- Receiving.
 */

/* One whole datagram, our own copy, its payload within the limit. */
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
	    datagram->dst.context != vqp_load_relaxed(&core->context)) {
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
 * Through the port (docs/wire.md 2.6).  The device serves exactly what we ask
 * for, so what we ask follows the rules that all drivers share: first a page;
 * the whole buffer when a datagram is longer than what is left; as much again
 * when less than a header is left.  Filler skips to the next page.
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
 * Where no device is all bytes are ones.  One that was torn out while it was
 * read leaves a datagram that ends in them, so those are asked about.
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
	/* What was announced since the budget ended is not in what is open. */
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

/* Ask the device for what it has (docs/wire.md 1.9). */
static void
vqp_receive_post(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;
	struct vqp_dma_operation *operation = receive->dma.base;
	struct vqp_dma_element *element = (struct vqp_dma_element *)
	    (operation + 1);

	/*
	 * The rest of a datagram comes first.  A device that does not give it
	 * must not make us read what it gave before, again and again.
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
 * Move up to `bytes` from where the device wrote to our own copy, behind what
 * is held.
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
 * One datagram of what the device wrote, from its header, of which we judge
 * our copy, to its last byte.  False when the rest must be asked for, or
 * nothing is left.
 */
static bool
vqp_receive_assemble(struct vqp_core *core)
{
	struct vqp_receive *receive = &core->receive;
	const struct vqp_datagram *datagram =
	    (const struct vqp_datagram *)(const void *)receive->buffer;
	uint64_t bytes;

	if (receive->held < sizeof(*datagram)) {
		/* What is left is too short for one: there may be more. */
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
			/* Whole ones come next: leave out the rest of these. */
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
			/* If not yet, an interrupt tells when. */
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
