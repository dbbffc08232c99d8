/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams: taken from a guest byte by byte or by DMA, judged, carried out
 * if they are hypercalls and routed if not; queued for a guest and given out
 * through DATA_IN or by DMA.  Roads 2 and 3 pass here, both ways.
 */
#include "device_private.h"

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

void
vqp_device_drop_datagrams(struct vqp_device *device)
{
	while (device->head != NULL) {
		struct device_message *message = device->head;

		device->head = message->next;
		vqp_device_free_message(device, message);
	}
	device->tail = &device->head;
	device->queue_bytes = 0;
	device->event_count = 0;
	device->events_lost = false;
	vqp_device_free_message(device, device->in);
	device->in = NULL;
	device->image_left = 0;
	device->image_count = 0;
	device->swallow = 0;
	/* One that is being carried out is still looked at. */
	if (!device->serving)
		vqp_device_out_clear(device);
}

/*
 * ---- Hypercalls.  `at` is all of the datagram, in memory of ours that the
 * guest cannot reach.
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
	/* FreeBSD leaves the high half as its stack had it. */
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
	/* Stream sockets to context 0: the host's program is the other end. */
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

/*
 * Only the largest hypercall may take more than a datagram may, and only then
 * is memory asked for.
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

/*
 * ---- DMA (docs/wire.md 1.9).  The operation and its elements are copied
 * once; a walk over guest memory never goes beyond what they say.
 */

struct dma_walk {
	struct vqp_device *device;
	struct vqp_dma_element element[DMA_ELEMENTS_MAX];
	uint32_t count;
	uint32_t at;		/* element */
	uint64_t done;		/* bytes of it */
	uint64_t left;		/* bytes of all that is left */
};

static bool
guest_copy(struct vqp_device *device, uint64_t address, void *ours,
    uint64_t bytes, bool to_guest)
{
	const struct vqp_device_host *host = &device->host;
	bool good = bytes <= UINT64_MAX - address;

	if (good && bytes != 0)
		good = to_guest ?
		    host->write(host->context, address, ours, bytes) :
		    host->read(host->context, address, ours, bytes);
	if (!good)
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_ADDRESS,
		    VQP_ERROR_INVALID_ARGS);
	return good;
}

/* Read the operation, and where it wants its bytes. */
static bool
dma_open(struct dma_walk *walk, uint64_t address,
    struct vqp_dma_operation *operation)
{
	struct vqp_device *device = walk->device;
	const uint64_t behind = address + sizeof(*operation);

	walk->count = 0;
	walk->at = 0;
	walk->done = 0;
	walk->left = 0;
	if (!guest_copy(device, address, operation, sizeof(*operation), false))
		return false;
	if (operation->opcode == VQP_DMA_INLINE) {
		walk->count = 1;
		walk->element[0].address = behind;
		walk->element[0].length = operation->size;
	} else if (operation->opcode == VQP_DMA_SCATTER) {
		walk->count = operation->size < DMA_ELEMENTS_MAX ?
		    operation->size : DMA_ELEMENTS_MAX;
		if (!guest_copy(device, behind, walk->element,
		    walk->count * sizeof(walk->element[0]), false))
			walk->count = 0;
	} else {
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_DMA,
		    VQP_ERROR_INVALID_ARGS);
	}
	for (uint32_t i = 0; i < walk->count; i++) {
		if (walk->element[i].length > UINT32_MAX)
			walk->element[i].length = UINT32_MAX;
		walk->left += walk->element[i].length;
	}
	return true;
}

/* The next `bytes` bytes, at most walk->left. */
static bool
dma_move(struct dma_walk *walk, void *ours, uint64_t bytes, bool to_guest)
{
	uint8_t *at = ours;

	walk->left -= bytes;
	while (bytes > 0) {
		const struct vqp_dma_element *element =
		    &walk->element[walk->at];
		uint64_t n = element->length - walk->done;

		if (n == 0) {
			walk->at++;
			walk->done = 0;
			continue;
		}
		if (n > bytes)
			n = bytes;
		if (walk->done > UINT64_MAX - element->address) {
			vqp_hub_refuse(&walk->device->context,
			    VQP_COUNT_BAD_ADDRESS, VQP_ERROR_INVALID_ARGS);
			return false;
		}
		if (!guest_copy(walk->device, element->address + walk->done,
		    at, n, to_guest))
			return false;
		walk->done += n;
		at += n;
		bytes -= n;
	}
	return true;
}

static int64_t
dma_hypercall(struct dma_walk *walk)
{
	struct vqp_device *device = walk->device;
	const uint64_t size = walk->left;
	int status;

	if (size < DATAGRAM_BYTES)
		return vqp_hub_refuse(&device->context, VQP_COUNT_BAD_DMA,
		    VQP_ERROR_INVALID_ARGS);
	if (!dma_move(walk, device->out, DATAGRAM_BYTES, false))
		return VQP_ERROR_INVALID_ARGS;
	status = vqp_device_out_judge(device);
	if (status != VQP_SUCCESS)
		return status;
	if (device->out_want != size)
		return vqp_hub_refuse(&device->context, VQP_COUNT_BAD_DMA,
		    VQP_ERROR_INVALID_ARGS);
	if (!dma_move(walk, device->out + DATAGRAM_BYTES, walk->left, false))
		return VQP_ERROR_INVALID_ARGS;
	return vqp_device_execute(device, size);
}

/* Calls of programs were refused in vqp_device_write() already. */
static bool
dma_refused(struct vqp_device *device)
{
	if (device->suspended)
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_DMA,
		    VQP_ERROR_UNAVAILABLE);
	return device->suspended;
}

void
vqp_device_dma_send(struct vqp_device *device, uint64_t address)
{
	struct vqp_dma_operation operation;
	struct dma_walk walk;
	uint32_t idle = 0;
	uint64_t result;

	if (dma_refused(device)) {
		device->result = VQP_ERROR_UNAVAILABLE;
		return;
	}
	walk.device = device;
	/* A datagram that the port has half of is given up. */
	vqp_device_out_clear(device);
	device->swallow = 0;
	if (!dma_open(&walk, address, &operation)) {
		device->result = VQP_ERROR_INVALID_ARGS;
		return;
	}
	device->result = dma_hypercall(&walk);
	vqp_device_out_clear(device);
	/* The register and the header: some drivers read one, some both. */
	result = (uint64_t)device->result;
	guest_copy(device, address + offsetof(struct vqp_dma_operation, result),
	    &result, sizeof(result), true);
	guest_copy(device, address + offsetof(struct vqp_dma_operation, busy),
	    &idle, sizeof(idle), true);
}

void
vqp_device_dma_receive(struct vqp_device *device, uint64_t address)
{
	struct vqp_dma_operation operation;
	struct dma_walk walk;
	struct vqp_datagram terminator = {
		.dst = { VQP_INVALID_ID, VQP_RESOURCE_ANY },
		.src = { VQP_INVALID_ID, VQP_INVALID_ID },
	};
	uint32_t done = 1;
	bool good = true, some = false;

	if (dma_refused(device))
		return;
	walk.device = device;
	if (!dma_open(&walk, address, &operation))
		return;
	while (good && device->head != NULL &&
	    device->head->padded <= walk.left) {
		good = dma_move(&walk, device->head->body,
		    device->head->padded, true);
		if (good) {
			vqp_device_free_message(device, vqp_device_pop(device));
			some = true;
		}
	}
	if (good && walk.left >= DATAGRAM_BYTES)
		dma_move(&walk, &terminator, DATAGRAM_BYTES, true);
	guest_copy(device, address + offsetof(struct vqp_dma_operation, busy),
	    &done, sizeof(done), true);
	vqp_device_raise(device, VQP_CAUSE_DMA_DATAGRAM);
	if (device->head == NULL)
		return;
	/* Whoever posts too little is not asked again at once, for ever. */
	if (some)
		vqp_device_raise(device, VQP_CAUSE_DATAGRAM);
	else
		vqp_hub_refuse(&device->context, VQP_COUNT_DMA_SHORT,
		    VQP_ERROR_MORE_DATA);
}
