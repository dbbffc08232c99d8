/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Doorbells, data path DOORBELL: find the handle, set its byte of the guest's
 * notification page, raise the cause.  Notifications coalesce: while there is
 * no page, one mark at the doorbell link stands for all that wait.
 */
#include "device_private.h"

static struct device_link **
bucket_of(struct hub_context *context, uint32_t resource)
{
	return &context->links[resource % LINK_BUCKETS];
}

static int
bad_doorbell(struct hub_context *context, int status)
{
	return vqp_hub_refuse(context, VQP_COUNT_BAD_DOORBELL, status);
}

int
vqp_hub_link(struct hub_context *context, struct vqp_handle handle,
    uint32_t index)
{
	struct device_link **bucket = bucket_of(context, handle.resource);
	struct device_link *link;

	if (handle.context == VQP_CONTEXT_ANY ||
	    handle.resource == VQP_RESOURCE_ANY)
		return bad_doorbell(context, VQP_ERROR_INVALID_ARGS);
	if (handle.context != context->cid)
		return bad_doorbell(context, VQP_ERROR_NO_ACCESS);
	for (link = *bucket; link != NULL; link = link->next)
		if (handle_is(link->handle, handle))
			return bad_doorbell(context,
			    VQP_ERROR_DUPLICATE_ENTRY);
	if (context->link_count >= context->hub->limits.doorbell_count)
		return vqp_hub_refuse(context, VQP_COUNT_DOORBELL_LIMIT,
		    VQP_ERROR_NO_RESOURCES);
	link = vqp_hub_alloc(context->hub, sizeof(*link));
	if (link == NULL)
		return vqp_hub_refuse(context, VQP_COUNT_NO_MEMORY,
		    VQP_ERROR_NO_MEM);
	link->handle = handle;
	link->index = index;
	link->next = *bucket;
	*bucket = link;
	context->link_count++;
	return VQP_SUCCESS;
}

int
vqp_hub_unlink(struct hub_context *context, struct vqp_handle handle)
{
	struct device_link **at = bucket_of(context, handle.resource);

	for (; *at != NULL; at = &(*at)->next) {
		struct device_link *link = *at;

		if (!handle_is(link->handle, handle))
			continue;
		*at = link->next;
		vqp_hub_free(context->hub, link, sizeof(*link));
		context->link_count--;
		return VQP_SUCCESS;
	}
	return vqp_hub_refuse(context, VQP_COUNT_NO_DOORBELL,
	    VQP_ERROR_NOT_FOUND);
}

void
vqp_hub_drop_links(struct hub_context *context)
{
	for (uint32_t i = 0; i < LINK_BUCKETS; i++) {
		struct device_link *link;

		while ((link = context->links[i]) != NULL) {
			context->links[i] = link->next;
			vqp_hub_free(context->hub, link, sizeof(*link));
		}
	}
	context->link_count = 0;
}

/* Write a ring to the page, if there is one. */
static bool
deliver(struct vqp_device *device, struct device_link *link)
{
	if (device->notify == NULL)
		return false;
	link->pending = false;
	/* The page may be smaller than at the time the doorbell was linked. */
	if (link->index >= device->notify_bytes)
		return false;
	/* E4: what the ringer wrote is out /before/ the guest sees the bit */
	vqp_or8_full(&device->notify[link->index], VQP_DOORBELL_RUNG);
	return true;
}

int
vqp_hub_ring(struct hub_context *from, struct vqp_handle handle)
{
	struct hub_context *to;
	struct device_link *link;

	if (handle.context == VQP_CONTEXT_ANY ||
	    handle.resource == VQP_RESOURCE_ANY)
		return bad_doorbell(from, VQP_ERROR_INVALID_ARGS);
	to = vqp_hub_find(from->hub, handle.context);
	/* The answer must not tell a guest which foreign ids are in use. */
	if (to == NULL ? from->device != NULL &&
	    handle.context > VQP_CONTEXT_HOST : !vqp_hub_reachable(from, to))
		return vqp_hub_refuse(from, VQP_COUNT_UNREACHABLE,
		    VQP_ERROR_DST_UNREACHABLE);
	if (to != NULL && vqp_hub_denied(from, to))
		return vqp_hub_refuse(from, VQP_COUNT_DENIED,
		    VQP_ERROR_NO_ACCESS);
	/* Compare the resource alone: links outlive a change of the id. */
	link = to != NULL ? *bucket_of(to, handle.resource) : NULL;
	while (link != NULL && link->handle.resource != handle.resource)
		link = link->next;
	if (link == NULL)
		return vqp_hub_refuse(from, VQP_COUNT_NO_DOORBELL,
		    VQP_ERROR_NOT_FOUND);
	if (to->device != NULL) {
		link->pending = true;
		if (deliver(to->device, link))
			vqp_device_raise(to->device, VQP_CAUSE_NOTIFICATION);
	} else if (to->program->calls.doorbell != NULL) {
		to->program->calls.doorbell(to->program->calls.context, handle);
	}
	return VQP_SUCCESS;
}

/*
 * ---- The page.
 */

static void
unmap_notify(struct vqp_device *device)
{
	if (device->notify == NULL)
		return;
	device->host.unmap(device->host.context, device->notify, 1,
	    device->notify_bytes);
	device->notify = NULL;
}

static int
bad_page(struct vqp_device *device, int status)
{
	return vqp_hub_refuse(&device->context, VQP_COUNT_BAD_NOTIFY_PAGE,
	    status);
}

/* Use this page from now on, and write the rings that waited for it. */
static int
map_notify(struct vqp_device *device, uint64_t address, uint64_t bytes)
{
	struct vqp_cell8 *page = device->host.map(device->host.context,
	    &address, 1, bytes);
	bool rang = false;

	if (page == NULL)
		return bad_page(device, VQP_ERROR_INVALID_ARGS);
	unmap_notify(device);
	device->notify = page;
	device->notify_address = address;
	device->notify_bytes = bytes;
	device->notify_set = true;
	for (uint32_t i = 0; i < LINK_BUCKETS; i++)
		for (struct device_link *link = device->context.links[i];
		    link != NULL; link = link->next)
			if (link->pending)
				rang |= deliver(device, link);
	if (rang)
		vqp_device_raise(device, VQP_CAUSE_NOTIFICATION);
	return VQP_SUCCESS;
}

/* A second page replaces the first; a bad one changes nothing. */
int
vqp_device_set_notify(struct vqp_device *device, uint64_t page_number)
{
	if (device->suspended)
		return bad_page(device, VQP_ERROR_UNAVAILABLE);
	if (page_number > UINT64_MAX >> device->page_shift)
		return bad_page(device, VQP_ERROR_INVALID_ARGS);
	return map_notify(device, page_number << device->page_shift,
	    UINT64_C(1) << device->page_shift);
}

void
vqp_device_drop_notify(struct vqp_device *device)
{
	unmap_notify(device);
	device->notify_set = false;
}

void
vqp_device_suspend_notify(struct vqp_device *device)
{
	unmap_notify(device);
}

void
vqp_device_resume_notify(struct vqp_device *device)
{
	if (device->notify_set && map_notify(device, device->notify_address,
	    device->notify_bytes) != VQP_SUCCESS)
		device->notify_set = false;
}
