/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints: the names under which clients send and receive datagrams, and the
 * queues of the DELAYED ones.
 */
#include "core_call.h"
#include "core_endpoint.h"
#include "core_resource.h"
#include "core_state.h"

/*
 * The queue of a DELAYED endpoint, one datagram behind the other.  The receive
 * work class fills one half while the endpoint's work empties the other.
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

/*
 * Append to the queue of a DELAYED endpoint.  Only the thread that serves the
 * receive work class does this.
 */
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
	/* The thread that fills the half queues this work again when done. */
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
	/*
	 * A datagram is sent whole or fails.  The hypervisor's own resources
	 * may answer with any number.
	 */
	if (result >= 0 && head.dst.context != VQP_CONTEXT_HYPERVISOR &&
	    result != (int64_t)(sizeof(head) + head.payload_size)) {
		VQP_CORE_COUNT(core, bad_results);
		return VQP_ERROR_GENERIC;
	}
	if (result >= 0)
		VQP_CORE_COUNT(core, datagrams_sent);
	return result;
}
