/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Devices and host contexts as contexts of a hub: how they are created, change
 * their id, are suspended and destroyed, and the calls that a host context
 * makes.
 */
#include "device_private.h"

/* A context that could talk to `gone` and has no event of this removal yet. */
static struct hub_context *
next_to_tell(struct hub_context *gone, uint64_t removal)
{
	struct vqp_hub *hub = gone->hub;

	for (uint32_t i = 0; i < CONTEXT_BUCKETS; i++) {
		for (struct hub_context *to = hub->contexts[i]; to != NULL;
		    to = to->next) {
			if (to->removal_told == removal || to->closing)
				continue;
			to->removal_told = removal;
			if (vqp_hub_reachable(to, gone) &&
			    !vqp_hub_denied(to, gone))
				return to;
		}
	}
	return NULL;
}

static void
free_context(struct hub_context *context)
{
	struct vqp_hub *hub = context->hub;
	struct vqp_device *device = context->device;

	if (device != NULL) {
		vqp_hub_free(hub, device->small, VQP_DATAGRAM_BYTES_MAX);
		vqp_hub_free(hub, device, sizeof(*device));
	} else {
		vqp_hub_free(hub, context->program, sizeof(*context->program));
	}
}

/*
 * First everything goes that the context was a side or an owner of; then the
 * others are notified; then the context is freed.  A host context that is
 * notified may unplug itself or others.  Those are appended to hub->gone and
 * wait for their turn, so that each context hears of each removal once.  The
 * search for the next context starts from the beginning each time, because a
 * callback may have freed any of them.
 */
static void
unplug(struct hub_context *context)
{
	struct vqp_hub *hub = context->hub;
	struct hub_context **last = &hub->gone;

	context->closing = true;
	vqp_hub_qpair_detach_all(context);
	vqp_hub_drop_links(context);
	if (context->device != NULL)
		vqp_device_drop_datagrams(context->device);
	vqp_hub_take_out(context);
	while (*last != NULL)
		last = &(*last)->next;
	context->next = NULL;
	*last = context;
	if (hub->gone != context)
		return;
	while ((context = hub->gone) != NULL) {
		const uint64_t removal = ++hub->removals;
		struct hub_context *to;

		while ((to = next_to_tell(context, removal)) != NULL)
			vqp_hub_event_context(to, VQP_EVENT_CTX_REMOVED,
			    context->cid);
		hub->gone = context->next;
		hub->context_count--;
		free_context(context);
	}
}

/*
 * ---- Devices as contexts.
 */

int
vqp_device_create(struct vqp_hub *hub, const struct vqp_device_host *host,
    const struct vqp_device_config *config, struct vqp_device **device)
{
	uint32_t can = VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64;
	struct vqp_device *made;
	int status = VQP_ERROR_NO_MEM;

	if (config->generation == VQP_DEVICE_MMIO)
		can |= VQP_CAP_DMA_DATAGRAM;
	if (host->read == NULL || host->write == NULL || host->map == NULL ||
	    host->unmap == NULL || host->interrupt == NULL ||
	    (config->generation != VQP_DEVICE_PORT &&
	    config->generation != VQP_DEVICE_MMIO) ||
	    (config->data_in != VQP_DATA_IN_IMAGE &&
	    config->data_in != VQP_DATA_IN_STREAM &&
	    config->data_in != VQP_DATA_IN_PIECE) ||
	    (config->caps & ~can) != 0)
		return VQP_ERROR_INVALID_ARGS;
	made = vqp_hub_alloc(hub, sizeof(*made));
	if (made == NULL)
		return VQP_ERROR_NO_MEM;
	made->small = vqp_hub_alloc(hub, VQP_DATAGRAM_BYTES_MAX);
	if (made->small == NULL)
		goto fail;
	made->context.device = made;
	status = vqp_hub_plug(hub, &made->context, &config->context);
	if (status != VQP_SUCCESS)
		goto fail;
	made->host = *host;
	made->generation = config->generation;
	made->data_in = config->data_in;
	made->caps_offered = config->caps != 0 ? config->caps : can;
	made->cid_before = made->context.cid;
	made->out = made->small;
	made->out_room = VQP_DATAGRAM_BYTES_MAX;
	made->tail = &made->head;
	made->page_shift = VQP_PAGE_SHIFT_DEFAULT;
	made->result = VQP_ERROR_UNAVAILABLE;
	*device = made;
	return VQP_SUCCESS;
fail:
	vqp_hub_free(hub, made->small, VQP_DATAGRAM_BYTES_MAX);
	vqp_hub_free(hub, made, sizeof(*made));
	return status;
}

void
vqp_device_destroy(struct vqp_device *device)
{
	VQP_CHECK(!device->serving);
	vqp_device_reset(device);
	unplug(&device->context);
}

uint32_t
vqp_device_cid(const struct vqp_device *device)
{
	return device->context.cid;
}

int
vqp_device_set_cid(struct vqp_device *device, uint32_t cid)
{
	const uint32_t before = device->context.cid;
	int status;

	if (cid == before)
		return VQP_SUCCESS;
	status = vqp_hub_rename(&device->context, cid);
	if (status != VQP_SUCCESS)
		return status;
	device->cid_before = before;
	vqp_hub_qpair_rename(device->context.hub, before, cid);
	vqp_hub_event_context(&device->context, VQP_EVENT_CTX_ID_UPDATE, cid);
	return VQP_SUCCESS;
}

void
vqp_device_suspend(struct vqp_device *device)
{
	if (device->suspended)
		return;
	device->suspended = true;
	vqp_device_suspend_qpairs(device);
	vqp_device_suspend_notify(device);
}

void
vqp_device_resume(struct vqp_device *device, bool restored)
{
	if (device->suspended) {
		device->suspended = false;
		vqp_device_resume_notify(device);
		restored |= vqp_device_resume_qpairs(device);
	}
	if (restored)
		vqp_hub_event_resumed(&device->context);
}

uint64_t
vqp_device_count(const struct vqp_device *device, enum vqp_device_count count)
{
	return (unsigned)count < VQP_DEVICE_COUNTS ?
	    device->context.counts[count] : 0;
}

/*
 * ---- Host contexts.
 */

int
vqp_program_create(struct vqp_hub *hub,
    const struct vqp_context_config *config,
    const struct vqp_program_calls *calls, struct vqp_program **program)
{
	struct vqp_program *made = vqp_hub_alloc(hub, sizeof(*made));
	int status;

	if (made == NULL)
		return VQP_ERROR_NO_MEM;
	made->calls = *calls;
	made->context.program = made;
	status = vqp_hub_plug(hub, &made->context, config);
	if (status != VQP_SUCCESS) {
		vqp_hub_free(hub, made, sizeof(*made));
		return status;
	}
	*program = made;
	return VQP_SUCCESS;
}

void
vqp_program_destroy(struct vqp_program *program)
{
	/* The context's own `memory` may call this again during unplug(). */
	if (program->context.closing)
		return;
	unplug(&program->context);
}

uint32_t
vqp_program_cid(const struct vqp_program *program)
{
	return program->context.cid;
}

uint64_t
vqp_program_count(const struct vqp_program *program,
    enum vqp_device_count count)
{
	return (unsigned)count < VQP_DEVICE_COUNTS ?
	    program->context.counts[count] : 0;
}

int64_t
vqp_program_send(struct vqp_program *program,
    const struct vqp_datagram *datagram, const void *payload)
{
	struct vqp_datagram copy = *datagram;
	int status;

	if (program->context.closing)
		return VQP_ERROR_UNAVAILABLE;
	if (copy.payload_size > VQP_DATAGRAM_PAYLOAD_BYTES_MAX)
		return vqp_hub_refuse(&program->context, VQP_COUNT_OVERSIZE,
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
	status = vqp_hub_stamp(&program->context, &copy);
	if (status != VQP_SUCCESS)
		return status;
	return vqp_hub_route(&program->context, &copy, payload);
}

int
vqp_program_ring(struct vqp_program *program, struct vqp_handle handle)
{
	return program->context.closing ? VQP_ERROR_UNAVAILABLE :
	    vqp_hub_ring(&program->context, handle);
}

int
vqp_program_link(struct vqp_program *program, uint32_t resource)
{
	const struct vqp_handle handle = { program->context.cid, resource };

	return program->context.closing ? VQP_ERROR_UNAVAILABLE :
	    vqp_hub_link(&program->context, handle, 0);
}

int
vqp_program_unlink(struct vqp_program *program, uint32_t resource)
{
	const struct vqp_handle handle = { program->context.cid, resource };

	return vqp_hub_unlink(&program->context, handle);
}
