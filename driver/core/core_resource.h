/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Objects with a name: endpoints, doorbells, queue pairs, subscriptions.
 */
#ifndef CORE_RESOURCE_H
#define CORE_RESOURCE_H

#include "core_private.h"

enum vqp_resource_type {
	VQP_RESOURCE_ENDPOINT,
	VQP_RESOURCE_DOORBELL,
	VQP_RESOURCE_QPAIR,
	VQP_RESOURCE_SUBSCRIPTION,
};

/* One pin, on the stack of the thread that holds it. */
struct vqp_call {
	struct vqp_call *next;
	uintptr_t self;
};

/*
 * An object with a name.  Threads find it without a lock and call it, and any
 * thread may destroy it at any moment, also from its own callback.  The owner
 * embeds this struct.
 *
 * A thread finds the object in a read section and pins it under its lock;
 * destroying waits for the pins.  An unlinked object is not found any more, and
 * a dying object is not pinned any more.  So after the last unpin the owner
 * frees at once what the object holds, because only pins give access to it.
 * A read section may still walk over the object itself: the reaper frees it
 * after a grace period, one for all objects that wait.
 */
struct vqp_resource {
	struct vqp_cell64 next;		/* w:core r:core e:E6 */
	struct vqp_core *core;
	/*
	 * Free what the owner holds, not the owner.  No pin is left.
	 * Context: task.
	 */
	void (*finish)(struct vqp_resource *resource);
	uint64_t bytes;			/* the size of the owner */
	struct vqp_handle handle;
	enum vqp_resource_type type;
	bool any_context;		/* an endpoint of ANY_CONTEXT */

	struct vqp_os_lock lock;
	struct vqp_call *calls;		/* under lock; the pins */
	bool unlinked;			/* under lock */
	bool dying;			/* under lock */
	bool orphan;			/* under lock; the reaper finishes it */
	struct vqp_os_event left;	/* the last unpin, if not an orphan */
	struct vqp_resource *reap_next;	/* under table_lock */
};

/*
 * When this many objects wait for the reaper, a thread that ends one more waits
 * for a grace period itself, so that a client in a loop cannot outrun the
 * reaper.  An object is a few hundred bytes.
 */
#define VQP_CORE_DUE_MAX	4096

void vqp_table_init(struct vqp_core *core);

void vqp_resource_init(struct vqp_resource *resource, struct vqp_core *core,
    enum vqp_resource_type type, uint64_t bytes,
    void (*finish)(struct vqp_resource *));

/* Free an object that was never added.  Drops its reference to the core. */
void vqp_resource_discard(struct vqp_resource *resource);

/*
 * Give the object a name; from here on other threads find and destroy it.  A
 * handle with resource ANY gets a free id.  Returns VQP_SUCCESS,
 * VQP_ERROR_NO_HANDLE or VQP_ERROR_ALREADY_EXISTS.
 */
int vqp_resource_add(struct vqp_resource *resource,
    struct vqp_handle *handle);

/*
 * Unlink the object of that name and return it, or NULL.  Of several callers
 * only one gets it.
 */
struct vqp_resource *vqp_resource_take(struct vqp_core *core,
    enum vqp_resource_type type, struct vqp_handle handle);

/* The same for this object; false if another thread unlinked it before. */
bool vqp_resource_withdraw(struct vqp_resource *resource);

/* Find by name and pin; NULL if there is none.  Context: any. */
struct vqp_resource *vqp_resource_enter(struct vqp_core *core,
    enum vqp_resource_type type, struct vqp_handle handle,
    struct vqp_call *call);

/* True if an object of that name is in the table. */
bool vqp_resource_exists(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle);

/* Pin and unpin.  Pinning fails if the object is dying. */
bool vqp_call_enter(struct vqp_resource *resource, struct vqp_call *call);
void vqp_call_leave(struct vqp_resource *resource, struct vqp_call *call);

/*
 * End an object that the caller has unlinked: wait until nobody pins it, finish
 * it, and pass it to the reaper.  If the calling thread pins the object itself,
 * the call does not wait: the last unpin passes it to the reaper, which
 * finishes it.  The object, and the core with it, may be freed on return.
 */
void vqp_resource_end(struct vqp_resource *resource);

struct vqp_resource *vqp_resource_at(const struct vqp_cell64 *link);
void vqp_resource_link(struct vqp_cell64 *link, struct vqp_resource *resource);

#endif
