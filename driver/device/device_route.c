/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams and events between contexts: check the source, find the
 * destination, and queue what is for a guest until its driver reads it.
 */
#include "device_private.h"

static uint32_t
message_bytes(uint32_t padded)
{
	return (uint32_t)sizeof(struct device_message) + padded;
}

void
vqp_device_free_message(struct vqp_device *device,
    struct device_message *message)
{
	if (message != NULL)
		vqp_hub_free(device->context.hub, message,
		    message_bytes(message->padded));
}

/*
 * Events were lost: when there is room again, one event tells the guest to
 * check all its queue pairs.
 */
static void
tell_of_loss(struct vqp_device *device)
{
	if (!device->events_lost || device->event_count >=
	    (device->context.hub->limits.event_count + 1) / 2)
		return;
	device->events_lost = false;
	vqp_hub_event_resumed(&device->context);
}

/* Queue for a guest.  Events have a limit of their own. */
static int
queue(struct vqp_device *device, const struct vqp_datagram *datagram,
    const void *payload, bool is_event)
{
	struct hub_context *context = &device->context;
	const struct vqp_hub_limits *limits = &context->hub->limits;
	const uint32_t bytes = DATAGRAM_BYTES +
	    (uint32_t)datagram->payload_size;
	const uint32_t padded = (bytes + VQP_DATAGRAM_ALIGN - 1) &
	    ~(uint32_t)(VQP_DATAGRAM_ALIGN - 1);
	struct device_message *message;

	/* Without a driver they would pile up, stale for the next driver. */
	if ((device->caps & VQP_CAP_DATAGRAM) == 0)
		return vqp_hub_refuse(context, VQP_COUNT_NOT_LISTENING,
		    VQP_ERROR_UNAVAILABLE);
	if (is_event) {
		/* The one that was lost may be the only one there was. */
		tell_of_loss(device);
		if (device->events_lost ||
		    device->event_count >= limits->event_count) {
			device->events_lost = true;
			return vqp_hub_refuse(context, VQP_COUNT_EVENT_LIMIT,
			    VQP_ERROR_NO_RESOURCES);
		}
	} else if (bytes >= limits->queue_bytes ||
	    device->queue_bytes >= limits->queue_bytes - bytes) {
		return vqp_hub_refuse(context, VQP_COUNT_QUEUE_LIMIT,
		    VQP_ERROR_NO_RESOURCES);
	}
	message = vqp_hub_alloc(context->hub, message_bytes(padded));
	if (message == NULL) {
		device->events_lost |= is_event;
		return vqp_hub_refuse(context, VQP_COUNT_NO_MEMORY,
		    VQP_ERROR_NO_MEM);
	}
	message->bytes = bytes;
	message->padded = padded;
	message->is_event = is_event;
	device_copy(message->body, datagram, DATAGRAM_BYTES);
	device_copy((uint8_t *)message->body + DATAGRAM_BYTES, payload,
	    datagram->payload_size);
	*device->tail = message;
	device->tail = &message->next;
	if (is_event)
		device->event_count++;
	else
		device->queue_bytes += bytes;
	vqp_device_raise(device, VQP_CAUSE_DATAGRAM);
	return VQP_SUCCESS;
}

/*
 * The host context of CID 2 may send as the hypervisor to the control port of
 * a guest, and to no other resource: at resource 0 it would be a forged event.
 */
static bool
may_be_hypervisor(const struct hub_context *from,
    const struct vqp_datagram *datagram)
{
	const struct hub_context *to =
	    vqp_hub_find(from->hub, datagram->dst.context);

	return from->program != NULL && from->cid == VQP_CONTEXT_HOST &&
	    vqp_vsock_is_hypervisor(datagram->src) &&
	    datagram->dst.resource == VQP_VSOCK_RESOURCE &&
	    (to == NULL || to->device != NULL);
}

int
vqp_hub_stamp(struct hub_context *from, struct vqp_datagram *datagram)
{
	const uint32_t claimed = datagram->src.context;

	if (may_be_hypervisor(from, datagram))
		return VQP_SUCCESS;
	if (claimed != from->cid && claimed != VQP_CONTEXT_ANY &&
	    (from->device == NULL || claimed != from->device->cid_before))
		return vqp_hub_refuse(from, VQP_COUNT_SPOOFED_SOURCE,
		    VQP_ERROR_NO_ACCESS);
	datagram->src.context = from->cid;
	return VQP_SUCCESS;
}

int64_t
vqp_hub_route(struct hub_context *from, const struct vqp_datagram *datagram,
    const void *payload)
{
	const bool from_guest = from->device != NULL;
	const bool to_hypervisor = from_guest &&
	    vqp_vsock_is_hypervisor(datagram->dst);
	struct hub_context *to;
	int status;

	if (datagram->dst.context == VQP_CONTEXT_ANY)
		return vqp_hub_refuse(from, VQP_COUNT_BAD_DESTINATION,
		    VQP_ERROR_INVALID_ARGS);
	/* On DATA_IN it would look like filler, and the rest would be lost. */
	if (datagram->dst.resource == VQP_RESOURCE_ANY)
		return vqp_hub_refuse(from, VQP_COUNT_BAD_DESTINATION,
		    VQP_ERROR_INVALID_RESOURCE);
	to = vqp_hub_find(from->hub, to_hypervisor ? VQP_CONTEXT_HOST :
	    datagram->dst.context);
	/* An unknown resource makes the guest's connect() report no route. */
	if (to == NULL || !vqp_hub_reachable(from, to))
		return vqp_hub_refuse(from, VQP_COUNT_UNREACHABLE,
		    to_hypervisor ? VQP_ERROR_INVALID_RESOURCE :
		    VQP_ERROR_DST_UNREACHABLE);
	if (vqp_hub_denied(from, to))
		return vqp_hub_refuse(from, VQP_COUNT_DENIED,
		    VQP_ERROR_NO_ACCESS);
	if (to->device != NULL) {
		status = queue(to->device, datagram, payload, false);
	} else {
		const struct vqp_program_calls *calls = &to->program->calls;

		status = calls->datagram == NULL ? VQP_ERROR_INVALID_RESOURCE :
		    calls->datagram(calls->context, datagram, payload);
		/* Sender and receiver may be gone after this callback. */
		if (status < 0 && from_guest)
			vqp_hub_refuse(from, VQP_COUNT_REFUSED_BY_PEER, status);
	}
	return status < 0 ? status :
	    (int64_t)(DATAGRAM_BYTES + datagram->payload_size);
}

/*
 * ---- Events.
 */

/*
 * Events are built as whole zeroed records: no unset byte may reach a guest.
 */
static void
send_event(struct hub_context *to, struct vqp_event_header *event,
    enum vqp_event kind, uint64_t bytes)
{
	event->datagram.dst.context = to->cid;
	event->datagram.dst.resource = VQP_RESOURCE_EVENTS;
	event->datagram.src.context = VQP_CONTEXT_HYPERVISOR;
	event->datagram.src.resource = VQP_RESOURCE_CONTEXT;
	event->datagram.payload_size = bytes - DATAGRAM_BYTES;
	event->event = kind;
	if (to->closing)
		return;
	if (to->device != NULL)
		queue(to->device, &event->datagram, &event->event, true);
	else if (to->program->calls.event != NULL)
		to->program->calls.event(to->program->calls.context, event);
}

void
vqp_hub_event_qpair(struct hub_context *to, enum vqp_event event,
    struct vqp_handle handle, uint32_t peer)
{
	struct vqp_event_qpair record = { .handle = handle, .peer = peer };

	send_event(to, &record.header, event, sizeof(record));
}

void
vqp_hub_event_context(struct hub_context *to, enum vqp_event event,
    uint32_t cid)
{
	struct vqp_event_context record = { .context = cid };

	send_event(to, &record.header, event, sizeof(record));
}

void
vqp_hub_event_resumed(struct hub_context *to)
{
	struct vqp_event_header record = { .event = 0 };

	send_event(to, &record, VQP_EVENT_QP_RESUMED, sizeof(record));
}

struct device_message *
vqp_device_pop(struct vqp_device *device)
{
	struct device_message *message = device->head;

	device->head = message->next;
	if (device->head == NULL)
		device->tail = &device->head;
	/*
	 * Also when popped by DMA: a driver that continues the image through
	 * the port reads filler.
	 */
	if (device->image_count > 0)
		device->image_count--;
	if (message->is_event)
		device->event_count--;
	else
		device->queue_bytes -= message->bytes;
	tell_of_loss(device);
	return message;
}
