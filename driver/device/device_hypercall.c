/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a guest sends: read from DATA_OUT and checked; a hypercall is carried
 * out, any other datagram is routed.  device_dma.c brings it by DMA instead.
 */
#include "device_private.h"

/*
 * ---- Hypercalls.  `at` is the whole datagram, in memory of the device model
 * that the guest cannot reach.
 */

static int
bad_hypercall(struct vqp_device *device)
{
	return vqp_hub_refuse(&device->context, VQP_COUNT_BAD_HYPERCALL,
	    VQP_ERROR_INVALID_ARGS);
}

static bool
supports(const struct vqp_device *device, uint32_t resource)
{
	switch (resource) {
	case VQP_HYPERCALL_RESOURCES_QUERY:
	case VQP_HYPERCALL_GET_CONTEXT_ID:
	case VQP_HYPERCALL_QPAIR_ALLOC:
	case VQP_HYPERCALL_QPAIR_DETACH:
	case VQP_HYPERCALL_DOORBELL_NOTIFY:
		return true;
	case VQP_HYPERCALL_SET_NOTIFY_BITMAP:
	case VQP_HYPERCALL_DOORBELL_LINK:
	case VQP_HYPERCALL_DOORBELL_UNLINK:
		return (device->caps_offered & VQP_CAP_NOTIFICATIONS) != 0;
	default:
		return false;
	}
}

static int
resources_query(struct vqp_device *device, const uint8_t *at, uint64_t size)
{
	struct vqp_hypercall_resources_query call;
	uint32_t resource;
	int bits = 0;

	if (size < sizeof(call))
		return bad_hypercall(device);
	device_copy(&call, at, sizeof(call));
	if (call.resource_count > VQP_RESOURCES_QUERY_COUNT_MAX ||
	    size - sizeof(call) != call.resource_count * sizeof(resource))
		return bad_hypercall(device);
	for (uint32_t i = 0; i < call.resource_count; i++) {
		device_copy(&resource, at + sizeof(call) +
		    i * sizeof(resource), sizeof(resource));
		if (supports(device, resource))
			bits |= 1 << i;
	}
	return bits;
}

static int
set_notify_bitmap(struct vqp_device *device, const uint8_t *at, uint64_t size)
{
	struct vqp_hypercall_set_notify_bitmap call;

	if (size != sizeof(call))
		return bad_hypercall(device);
	device_copy(&call, at, sizeof(call));
	/* FreeBSD leaves stack garbage in the high half. */
	if ((device->caps & VQP_CAP_PPN64) == 0)
		call.page_number &= UINT32_MAX;
	return vqp_device_set_notify(device, call.page_number);
}

static int
doorbell_link(struct vqp_device *device, const uint8_t *at, uint64_t size)
{
	struct vqp_hypercall_doorbell_link call;
	uint64_t bytes = device->notify_set ? device->notify_bytes :
	    UINT64_C(1) << device->page_shift;

	if (size != sizeof(call))
		return bad_hypercall(device);
	device_copy(&call, at, sizeof(call));
	if (call.index >= bytes)
		return vqp_hub_refuse(&device->context, VQP_COUNT_BAD_DOORBELL,
		    VQP_ERROR_INVALID_ARGS);
	return vqp_hub_link(&device->context, call.handle,
	    (uint32_t)call.index);
}

static int
qpair_alloc(struct vqp_device *device, const uint8_t *at, uint64_t size)
{
	struct vqp_hypercall_qpair_alloc call;
	struct qpair_asked asked;

	if (size < sizeof(call))
		return bad_hypercall(device);
	device_copy(&call, at, sizeof(call));
	asked.handle = call.handle;
	/* Stream sockets to context 0 are served by the host context. */
	asked.peer = call.peer == VQP_CONTEXT_HYPERVISOR ? VQP_CONTEXT_HOST :
	    call.peer;
	asked.flags = call.flags;
	asked.produce_size = call.produce_size;
	asked.consume_size = call.consume_size;
	asked.shared = NULL;
	asked.page_count = call.page_count;
	asked.pages = at + sizeof(call);
	asked.pages_bytes = size - sizeof(call);
	asked.page_width = (device->caps & VQP_CAP_PPN64) != 0 ? 8 : 4;
	return vqp_hub_qpair_alloc(&device->context, &asked);
}

static int64_t
hypercall(struct vqp_device *device, uint32_t resource, const uint8_t *at,
    uint64_t size)
{
	struct hub_context *context = &device->context;
	struct vqp_hypercall_handle call;

	if (!supports(device, resource))
		return vqp_hub_refuse(context, VQP_COUNT_UNKNOWN_HYPERCALL,
		    VQP_ERROR_INVALID_RESOURCE);
	switch (resource) {
	case VQP_HYPERCALL_RESOURCES_QUERY:
		return resources_query(device, at, size);
	case VQP_HYPERCALL_GET_CONTEXT_ID:
		return size == DATAGRAM_BYTES ? (int64_t)context->cid :
		    bad_hypercall(device);
	case VQP_HYPERCALL_SET_NOTIFY_BITMAP:
		return set_notify_bitmap(device, at, size);
	case VQP_HYPERCALL_DOORBELL_LINK:
		return doorbell_link(device, at, size);
	case VQP_HYPERCALL_QPAIR_ALLOC:
		return qpair_alloc(device, at, size);
	default:
		break;
	}
	if (size != sizeof(call))
		return bad_hypercall(device);
	device_copy(&call, at, sizeof(call));
	if (resource == VQP_HYPERCALL_DOORBELL_UNLINK)
		return vqp_hub_unlink(context, call.handle);
	if (resource == VQP_HYPERCALL_DOORBELL_NOTIFY)
		return vqp_hub_ring(context, call.handle);
	return vqp_hub_qpair_detach(context, call.handle);
}

/*
 * ---- Datagrams of a guest, from their first byte to their result.
 */

void
vqp_device_out_clear(struct vqp_device *device)
{
	if (device->out != device->small)
		vqp_hub_free(device->context.hub, device->out,
		    device->out_room);
	device->out = device->small;
	device->out_room = VQP_DATAGRAM_BYTES_MAX;
	device->out_have = 0;
	device->out_want = 0;
}

/*
 * Only the largest hypercall may be larger than a datagram, and memory is
 * allocated only for that one.
 */
int
vqp_device_out_judge(struct vqp_device *device)
{
	const uint64_t width = (device->caps & VQP_CAP_PPN64) != 0 ? 8 : 4;
	uint64_t payload_max = VQP_DATAGRAM_PAYLOAD_BYTES_MAX;
	struct vqp_datagram datagram;
	uint8_t *large;

	device_copy(&datagram, device->out, DATAGRAM_BYTES);
	if (datagram.dst.context == VQP_CONTEXT_HYPERVISOR &&
	    datagram.dst.resource == VQP_HYPERCALL_QPAIR_ALLOC)
		payload_max = sizeof(struct vqp_hypercall_qpair_alloc) -
		    DATAGRAM_BYTES + VQP_QPAIR_PAGE_COUNT_MAX * width;
	if (datagram.payload_size > payload_max)
		return vqp_hub_refuse(&device->context, VQP_COUNT_OVERSIZE,
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
	device->out_want = DATAGRAM_BYTES + datagram.payload_size;
	if (device->out_want <= device->out_room)
		return VQP_SUCCESS;
	large = vqp_hub_alloc(device->context.hub, device->out_want);
	if (large == NULL)
		return vqp_hub_refuse(&device->context, VQP_COUNT_NO_MEMORY,
		    VQP_ERROR_NO_MEM);
	device_copy(large, device->out, DATAGRAM_BYTES);
	device->out = large;
	device->out_room = device->out_want;
	return VQP_SUCCESS;
}

int64_t
vqp_device_execute(struct vqp_device *device, uint64_t size)
{
	struct vqp_datagram datagram;
	int64_t result;

	device_copy(&datagram, device->out, DATAGRAM_BYTES);
	result = vqp_hub_stamp(&device->context, &datagram);
	if (result != VQP_SUCCESS)
		return result;
	device->serving = true;
	if (datagram.dst.context == VQP_CONTEXT_HYPERVISOR &&
	    !vqp_vsock_is_hypervisor(datagram.dst))
		result = hypercall(device, datagram.dst.resource, device->out,
		    size);
	else
		result = vqp_hub_route(&device->context, &datagram,
		    device->out + DATAGRAM_BYTES);
	device->serving = false;
	return result;
}

void
vqp_device_data_out(struct vqp_device *device, const void *bytes,
    uint64_t length)
{
	const uint8_t *from = bytes;

	if (vqp_device_nested(device))
		return;
	while (length > 0) {
		uint64_t n, want = device->out_want;

		if (device->swallow > 0) {
			n = length < device->swallow ? length : device->swallow;
			device->swallow -= n;
			from += n;
			length -= n;
			continue;
		}
		if (want == 0)
			want = DATAGRAM_BYTES;
		n = want - device->out_have;
		if (n > length)
			n = length;
		device_copy(device->out + device->out_have, from, n);
		device->out_have += n;
		from += n;
		length -= n;
		if (device->out_have < want)
			return;
		if (device->out_want == 0) {
			const int status = vqp_device_out_judge(device);

			if (status != VQP_SUCCESS) {
				struct vqp_datagram datagram;

				device_copy(&datagram, device->out,
				    DATAGRAM_BYTES);
				device->swallow = datagram.payload_size;
				device->result = status;
				vqp_device_out_clear(device);
				continue;
			}
			if (device->out_want > DATAGRAM_BYTES)
				continue;
		}
		device->result = vqp_device_execute(device, device->out_want);
		vqp_device_out_clear(device);
	}
}
