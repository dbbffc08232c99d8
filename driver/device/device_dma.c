/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams by DMA, in both directions (docs/wire.md 1.9).  The operation and
 * its elements are copied once, so a walk over guest memory never goes beyond
 * the lengths that were checked.
 */
#include "device_private.h"

struct dma_walk {
	struct vqp_device *device;
	struct vqp_dma_element element[DMA_ELEMENTS_MAX];
	uint32_t count;
	uint32_t at;		/* element */
	uint64_t done;		/* bytes of this element */
	uint64_t left;		/* bytes left in all elements */
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

/* Copy the operation and the list of elements that it names. */
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

/* Move the next `bytes` bytes, at most walk->left. */
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

/* vqp_device_write() has refused accesses by host contexts already. */
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
	/* A datagram that is half-written through the port is dropped. */
	vqp_device_out_clear(device);
	device->swallow = 0;
	if (!dma_open(&walk, address, &operation)) {
		device->result = VQP_ERROR_INVALID_ARGS;
		return;
	}
	device->result = dma_hypercall(&walk);
	vqp_device_out_clear(device);
	/* The result goes to both: some drivers read one, some both. */
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
	/* A driver that posts too little would be interrupted endlessly. */
	if (some)
		vqp_device_raise(device, VQP_CAUSE_DATAGRAM);
	else
		vqp_hub_refuse(&device->context, VQP_COUNT_DMA_SHORT,
		    VQP_ERROR_MORE_DATA);
}
