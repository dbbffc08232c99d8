/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Find an object by its handle, and end an object.  Data paths DOORBELL and
 * MEETING: every datagram looks up its endpoint here, without a lock.
 */
#include "core_resource.h"
#include "core_state.h"

struct vqp_resource *
vqp_resource_at(const struct vqp_cell64 *link)
{
	/* E6: an object is whole /before/ it can be found */
	return (struct vqp_resource *)(uintptr_t)vqp_load_acquire(link);
}

void
vqp_resource_link(struct vqp_cell64 *link, struct vqp_resource *resource)
{
	/* E6: an object is whole /before/ it can be found */
	vqp_store_release(link, (uintptr_t)resource);
}

static struct vqp_cell64 *
vqp_resource_bucket(struct vqp_core *core, uint32_t resource)
{
	return &core->table.bucket[(resource * UINT32_C(2654435769)) >>
	    (32 - VQP_TABLE_BITS)];
}

/*
 * Endpoints and doorbells are always our own, so the resource id alone names
 * them; our context id may have changed since.  A pair may have a handle of the
 * peer's context.
 */
static bool
vqp_resource_is(const struct vqp_resource *resource,
    enum vqp_resource_type type, struct vqp_handle handle)
{
	return resource->type == type &&
	    resource->handle.resource == handle.resource &&
	    (type != VQP_RESOURCE_QPAIR ||
	    resource->handle.context == handle.context);
}

/* In a read section, or under table_lock. */
static struct vqp_resource *
vqp_resource_find(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle)
{
	struct vqp_resource *resource =
	    vqp_resource_at(vqp_resource_bucket(core, handle.resource));

	while (resource != NULL && !vqp_resource_is(resource, type, handle))
		resource = vqp_resource_at(&resource->next);
	return resource;
}

void
vqp_resource_init(struct vqp_resource *resource, struct vqp_core *core,
    enum vqp_resource_type type, uint64_t bytes,
    void (*finish)(struct vqp_resource *))
{
	resource->core = core;
	resource->type = type;
	resource->bytes = bytes;
	resource->finish = finish;
	vqp_os_lock_init(&resource->lock, VQP_OS_LOCK_RESOURCE);
	vqp_os_event_init(&resource->left);
}

/* Free the owner's memory, and put the core.  Nobody finds the object now. */
static void
vqp_resource_free(struct vqp_resource *resource)
{
	struct vqp_core *core = resource->core;

	vqp_os_event_destroy(&resource->left);
	vqp_os_lock_destroy(&resource->lock);
	vqp_os_free(core->os, resource, resource->bytes);
	vqp_core_put(core);
}

void
vqp_resource_discard(struct vqp_resource *resource)
{
	resource->finish(resource);
	vqp_resource_free(resource);
}

/* Under table_lock. */
static bool
vqp_resource_id_used(struct vqp_core *core, uint32_t id)
{
	const struct vqp_resource *resource =
	    vqp_resource_at(vqp_resource_bucket(core, id));

	while (resource != NULL && resource->handle.resource != id)
		resource = vqp_resource_at(&resource->next);
	return resource != NULL;
}

/*
 * The next free id after the last one allocated, so that a late message for an
 * old object does not reach a new one.  With n objects, one of n + 1 ids is
 * free.  Under table_lock.
 */
static uint32_t
vqp_resource_id_new(struct vqp_core *core)
{
	uint32_t id;

	do {
		id = core->table.id++;
		if (core->table.id == VQP_RESOURCE_ANY)
			core->table.id = VQP_RESOURCE_FREE_MIN;
	} while (vqp_resource_id_used(core, id));
	return id;
}

int
vqp_resource_add(struct vqp_resource *resource, struct vqp_handle *handle)
{
	struct vqp_core *core = resource->core;
	struct vqp_cell64 *bucket;
	int status = VQP_SUCCESS;

	vqp_table_lock(core);
	if (core->table.count >= core->config.resource_count_max)
		status = VQP_ERROR_NO_HANDLE;
	else if (handle->resource == VQP_RESOURCE_ANY)
		handle->resource = vqp_resource_id_new(core);
	else if (vqp_resource_find(core, resource->type, *handle) != NULL)
		status = VQP_ERROR_ALREADY_EXISTS;
	if (status == VQP_SUCCESS) {
		resource->handle = *handle;
		bucket = vqp_resource_bucket(core, handle->resource);
		vqp_store_relaxed(&resource->next, vqp_load_relaxed(bucket));
		vqp_resource_link(bucket, resource);
		core->table.count++;
	}
	vqp_table_unlock(core);
	return status;
}

/* Under table_lock.  The object keeps its link: a reader may follow it. */
static void
vqp_resource_unlink(struct vqp_core *core, struct vqp_cell64 *link,
    struct vqp_resource *resource)
{
	vqp_resource_link(link, vqp_resource_at(&resource->next));
	core->table.count--;
}

struct vqp_resource *
vqp_resource_take(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle)
{
	struct vqp_cell64 *link = vqp_resource_bucket(core, handle.resource);
	struct vqp_resource *resource;

	vqp_table_lock(core);
	while ((resource = vqp_resource_at(link)) != NULL &&
	    !vqp_resource_is(resource, type, handle))
		link = &resource->next;
	if (resource != NULL)
		vqp_resource_unlink(core, link, resource);
	vqp_table_unlock(core);
	return resource;
}

bool
vqp_resource_withdraw(struct vqp_resource *resource)
{
	struct vqp_core *core = resource->core;
	struct vqp_cell64 *link =
	    vqp_resource_bucket(core, resource->handle.resource);
	struct vqp_resource *at;

	vqp_table_lock(core);
	while ((at = vqp_resource_at(link)) != NULL && at != resource)
		link = &at->next;
	if (at != NULL)
		vqp_resource_unlink(core, link, at);
	vqp_table_unlock(core);
	return at != NULL;
}

bool
vqp_call_enter(struct vqp_resource *resource, struct vqp_call *call)
{
	bool enters;

	call->self = vqp_os_self(resource->core->os);
	vqp_os_lock(&resource->lock);
	enters = !resource->dying;
	if (enters) {
		call->next = resource->calls;
		resource->calls = call;
	}
	vqp_os_unlock(&resource->lock);
	return enters;
}

/* Queue for the reaper.  The object and the core may be freed on return. */
static void
vqp_resource_retire(struct vqp_resource *resource)
{
	struct vqp_core *core = resource->core;

	/* Under the lock: the run that takes this list was queued for it. */
	vqp_table_lock(core);
	core->table.due_count++;
	resource->reap_next = core->table.reap;
	core->table.reap = resource;
	if (resource->reap_next == NULL)
		vqp_os_work_queue(core->os, &core->table.reaper);
	vqp_table_unlock(core);
}

void
vqp_call_leave(struct vqp_resource *resource, struct vqp_call *call)
{
	struct vqp_call **at = &resource->calls;
	bool reap;

	vqp_os_lock(&resource->lock);
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	reap = resource->orphan && resource->calls == NULL;
	if (resource->dying && !resource->orphan && resource->calls == NULL)
		vqp_os_event_signal(&resource->left);
	vqp_os_unlock(&resource->lock);
	if (reap)
		vqp_resource_retire(resource);
}

struct vqp_resource *
vqp_resource_enter(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle, struct vqp_call *call)
{
	struct vqp_resource *resource;
	struct vqp_os_read section;

	vqp_os_read_enter(core->os, &section);
	resource = vqp_resource_find(core, type, handle);
	if (resource != NULL && !vqp_call_enter(resource, call))
		resource = NULL;
	vqp_os_read_leave(core->os, &section);
	return resource;
}

bool
vqp_resource_exists(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle)
{
	struct vqp_os_read section;
	bool exists;

	vqp_os_read_enter(core->os, &section);
	exists = vqp_resource_find(core, type, handle) != NULL;
	vqp_os_read_leave(core->os, &section);
	return exists;
}

void
vqp_resource_end(struct vqp_resource *resource)
{
	struct vqp_core *core = resource->core;
	uintptr_t self = vqp_os_self(core->os);
	bool inside = false, empty, crowded;

	vqp_os_lock(&resource->lock);
	resource->dying = true;
	for (const struct vqp_call *call = resource->calls; call != NULL;
	    call = call->next)
		inside = inside || call->self == self;
	resource->orphan = inside;
	empty = resource->calls == NULL;
	vqp_os_unlock(&resource->lock);
	if (inside)
		return;
	if (!empty) {
		vqp_os_event_wait(&resource->left);
		/* The last unpin signals under the lock: let it unlock. */
		vqp_os_lock(&resource->lock);
		vqp_os_unlock(&resource->lock);
	}
	resource->finish(resource);
	vqp_table_lock(core);
	crowded = core->table.due_count >= VQP_CORE_DUE_MAX;
	vqp_table_unlock(core);
	if (crowded)
		vqp_os_synchronize(core->os);
	vqp_resource_retire(resource);
}

/* The reaper's work. */
static void
vqp_resource_reap(void *argument)
{
	struct vqp_core *core = argument;
	struct vqp_resource *first, *resource, *next;
	uint32_t count = 0;

	vqp_table_lock(core);
	first = core->table.reap;
	core->table.reap = NULL;
	vqp_table_unlock(core);
	for (resource = first; resource != NULL;
	    resource = resource->reap_next) {
		count++;
		if (resource->orphan)
			resource->finish(resource);
	}
	if (count == 0)
		return;
	/* E6: nobody stands on them any more /before/ they are freed */
	vqp_os_synchronize(core->os);
	vqp_table_lock(core);
	core->table.due_count -= count;
	vqp_table_unlock(core);
	/* The last object may free the core, and the reaper with it. */
	for (resource = first; resource != NULL; resource = next) {
		next = resource->reap_next;
		vqp_resource_free(resource);
	}
}

void
vqp_table_init(struct vqp_core *core)
{
	core->table.id = VQP_RESOURCE_FREE_MIN;
	vqp_os_work_init(&core->table.reaper, vqp_resource_reap, core);
}
