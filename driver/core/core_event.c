/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events: the device, or a local pair, notifies all subscribers.
 */
#include "core_call.h"
#include "core_event.h"
#include "core_resource.h"
#include "core_state.h"

struct vqp_subscription {
	struct vqp_resource resource;	/* first */
	uint64_t sequence;		/* grows with each subscription */
	uint32_t event;
	void (*tell)(uint32_t id, const struct vqp_event_data *data,
	    const struct vqp_qpair *origin, void *argument);
	void (*ended)(void *argument);
	void *argument;
};

static void
vqp_subscription_finish(struct vqp_resource *resource)
{
	struct vqp_subscription *subscription =
	    (struct vqp_subscription *)resource;

	if (subscription->ended != NULL)
		subscription->ended(subscription->argument);
}

/*
 * Find the subscription with an id; *link is the list link that points to it.
 * Under table_lock.
 */
static struct vqp_resource *
vqp_subscription_find(struct vqp_core *core, uint32_t id,
    struct vqp_cell64 **link)
{
	struct vqp_resource *resource;

	for (unsigned event = 0; event < VQP_EVENT_GUEST_COUNT; event++) {
		*link = &core->events.subscription[event];
		while ((resource = vqp_resource_at(*link)) != NULL) {
			if (resource->handle.resource == id)
				return resource;
			*link = &resource->next;
		}
	}
	return NULL;
}

/* Append, so that the list is sorted by sequence.  Under table_lock. */
static void
vqp_subscription_add(struct vqp_core *core,
    struct vqp_subscription *subscription)
{
	struct vqp_cell64 *link =
	    &core->events.subscription[subscription->event];
	struct vqp_resource *resource;
	uint32_t id = core->events.id;
	struct vqp_cell64 *other;

	/*
	 * The loop ends, because there are more ids than subscriptions.  Before
	 * the ids wrap for the first time, no id can be in use.
	 */
	do {
		id = id + 1 != 0 ? id + 1 : 1;
	} while (core->events.sequence >= UINT32_MAX &&
	    vqp_subscription_find(core, id, &other) != NULL);
	core->events.id = id;
	subscription->resource.handle.resource = id;
	subscription->sequence = ++core->events.sequence;
	while ((resource = vqp_resource_at(link)) != NULL)
		link = &resource->next;
	vqp_resource_link(link, &subscription->resource);
}

int
vqp_core_event_subscribe(struct vqp_core *core, uint32_t event,
    void (*tell)(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument), void *argument,
    uint32_t *id)
{
	return vqp_core_event_subscribe_owned(core, event, tell, NULL,
	    argument, id);
}

int
vqp_core_event_subscribe_owned(struct vqp_core *core, uint32_t event,
    void (*tell)(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument),
    void (*ended)(void *argument), void *argument, uint32_t *id)
{
	struct vqp_subscription *subscription;

	if (tell == NULL || id == NULL || event >= VQP_EVENT_GUEST_COUNT)
		return VQP_ERROR_INVALID_ARGS;
	if (!vqp_core_get(core))
		return VQP_ERROR_UNAVAILABLE;
	subscription = vqp_os_alloc(core->os, sizeof(*subscription));
	if (subscription == NULL) {
		vqp_core_put(core);
		return VQP_ERROR_NO_MEM;
	}
	subscription->event = event;
	subscription->tell = tell;
	subscription->ended = ended;
	subscription->argument = argument;
	vqp_resource_init(&subscription->resource, core,
	    VQP_RESOURCE_SUBSCRIPTION, sizeof(*subscription),
	    vqp_subscription_finish);
	vqp_table_lock(core);
	vqp_subscription_add(core, subscription);
	*id = subscription->resource.handle.resource;
	vqp_table_unlock(core);
	return VQP_SUCCESS;
}

int
vqp_core_event_unsubscribe(struct vqp_core *core, uint32_t id)
{
	struct vqp_resource *resource;
	struct vqp_cell64 *link;

	vqp_table_lock(core);
	resource = vqp_subscription_find(core, id, &link);
	if (resource != NULL) {
		/* A dispatch that pins it must not follow its link any more. */
		vqp_os_lock(&resource->lock);
		resource->unlinked = true;
		vqp_os_unlock(&resource->lock);
		vqp_resource_link(link, vqp_resource_at(&resource->next));
	}
	vqp_table_unlock(core);
	if (resource == NULL)
		return VQP_ERROR_NOT_FOUND;
	vqp_resource_end(resource);
	return VQP_SUCCESS;
}

/*
 * The next subscription after `sequence`.  Starts from the head again if `at`
 * is NULL or was unlinked.  In a read section.
 */
static struct vqp_resource *
vqp_subscription_next(struct vqp_core *core, uint32_t event,
    struct vqp_resource *at, uint64_t sequence)
{
	bool unlinked = true;
	struct vqp_resource *next;

	if (at != NULL) {
		vqp_os_lock(&at->lock);
		unlinked = at->unlinked;
		vqp_os_unlock(&at->lock);
	}
	next = vqp_resource_at(unlinked ? &core->events.subscription[event] :
	    &at->next);
	while (next != NULL &&
	    ((struct vqp_subscription *)next)->sequence <= sequence)
		next = vqp_resource_at(&next->next);
	return next;
}

uint32_t
vqp_event_dispatch(struct vqp_core *core, const struct vqp_event_data *data,
    const struct vqp_qpair *origin)
{
	struct vqp_subscription *subscription;
	struct vqp_resource *at = NULL, *next;
	struct vqp_call calls[2];
	uint64_t sequence = 0, last;
	uint32_t told = 0;
	unsigned turn = 0;

	vqp_table_lock(core);
	last = core->events.sequence;
	vqp_table_unlock(core);
	/* Pin the next one before unpinning this one, whose link leads on. */
	do {
		struct vqp_os_read section;

		vqp_os_read_enter(core->os, &section);
		next = at;
		do {
			next = vqp_subscription_next(core, data->event,
			    next == at ? at : NULL, sequence);
			if (next == NULL)
				break;
			sequence = ((struct vqp_subscription *)next)->sequence;
		} while (sequence <= last &&
		    !vqp_call_enter(next, &calls[turn]));
		if (next != NULL && sequence > last)
			next = NULL;
		vqp_os_read_leave(core->os, &section);
		if (at != NULL)
			vqp_call_leave(at, &calls[turn ^ 1]);
		at = next;
		turn ^= 1;
		if (at != NULL) {
			subscription = (struct vqp_subscription *)at;
			subscription->tell(at->handle.resource, data, origin,
			    subscription->argument);
			told++;
		}
	} while (at != NULL);
	return told;
}

/* The least payload bytes of an event, counted from `event` on. */
static uint64_t
vqp_event_bytes_min(uint32_t event)
{
	switch (event) {
	case VQP_EVENT_CTX_ID_UPDATE:
	case VQP_EVENT_CTX_REMOVED:
		return 8 + sizeof(uint32_t);
	case VQP_EVENT_QP_PEER_ATTACH:
	case VQP_EVENT_QP_PEER_DETACH:
		return 8 + sizeof(struct vqp_handle) + sizeof(uint32_t);
	default:
		return VQP_EVENT_PAYLOAD_BYTES_MIN;
	}
}

/*
 * The device says that our context id changed.  Subscribers get the id that the
 * device returns when asked, because the device stamps our messages with that
 * one; the id in the event is only checked.
 */
static bool
vqp_event_context(struct vqp_core *core, struct vqp_event_data *data)
{
	uint32_t context = data->payload.context.context;

	if (!vqp_context_is_guest(context)) {
		VQP_CORE_COUNT(core, event_bad_context);
		return false;
	}
	data->payload.context.context = vqp_core_context_ask(core);
	return true;
}

void
vqp_event_receive(struct vqp_core *core, const struct vqp_datagram *datagram)
{
	struct vqp_event_data data = { 0 };
	uint64_t bytes = datagram->payload_size;

	if (datagram->src.context != VQP_CONTEXT_HYPERVISOR ||
	    datagram->src.resource != VQP_RESOURCE_CONTEXT) {
		VQP_CORE_COUNT(core, receive_bad_source);
		return;
	}
	if (bytes < VQP_EVENT_PAYLOAD_BYTES_MIN) {
		VQP_CORE_COUNT(core, event_bad_size);
		return;
	}
	/* Later devices may send more; the core does not read the rest. */
	__builtin_memcpy(&data, datagram + 1,
	    bytes < sizeof(data) ? (size_t)bytes : sizeof(data));
	if (data.event >= VQP_EVENT_GUEST_COUNT) {
		VQP_CORE_COUNT(core, event_unknown);
		return;
	}
	if (bytes < vqp_event_bytes_min(data.event)) {
		VQP_CORE_COUNT(core, event_bad_size);
		return;
	}
	data.reserved = 0;
	VQP_CORE_COUNT(core, events_received);
	if (data.event == VQP_EVENT_CTX_ID_UPDATE &&
	    !vqp_event_context(core, &data))
		return;
	(void)vqp_event_dispatch(core, &data, NULL);
}
