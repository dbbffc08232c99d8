/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Objects with a name: endpoints, doorbells, queue pairs, subscriptions.
 */
#ifndef CORE_RESOURCE_H
#define CORE_RESOURCE_H

#include "core_private.h"

/*
 * Something with a name that may be found without a lock, called, and
 * destroyed at any moment, also by what it calls.  The owner embeds it.
 *
 * Found in a read section, entered under its lock: whoever is entered will be
 * waited for.  An unlinked one is no longer found; a dying one is no longer
 * entered.  So when the last visitor has left, the owner gives back at once all
 * that it holds, which only visitors can reach.  A read section can still stand
 * on the object itself: the reaper frees it after a grace period, one for all
 * objects that are due.
 */
enum vqp_resource_type {
	VQP_RESOURCE_ENDPOINT,
	VQP_RESOURCE_DOORBELL,
	VQP_RESOURCE_QPAIR,
	VQP_RESOURCE_SUBSCRIPTION,
};

/* One visit, on the visitor's stack. */
struct vqp_call {
	struct vqp_call *next;
	uintptr_t self;
};

struct vqp_resource {
	struct vqp_cell64 next;		/* w:core r:core e:E6 */
	struct vqp_core *core;
	/* Give back what the owner holds, not itself.  In a task; nobody is in. */
	void (*finish)(struct vqp_resource *resource);
	uint64_t bytes;			/* of the owner */
	struct vqp_handle handle;
	enum vqp_resource_type type;
	bool any_context;		/* an endpoint of ANY_CONTEXT */

	struct vqp_os_lock lock;
	struct vqp_call *calls;		/* under lock; who is in */
	bool unlinked;			/* under lock */
	bool dying;			/* under lock */
	bool orphan;			/* under lock; the reaper finishes it */
	struct vqp_os_event left;	/* by the last, if not an orphan */
	struct vqp_resource *reap_next;	/* under table_lock */
};

/*
 * With more than this with the reaper, whoever ends an object waits for a grace
 * period of its own, so that a client in a loop cannot outrun the reaper.  An
 * object is a few hundred bytes.
 */
#define VQP_CORE_DUE_MAX	4096

void vqp_table_init(struct vqp_core *core);

void vqp_resource_init(struct vqp_resource *resource, struct vqp_core *core,
    enum vqp_resource_type type, uint64_t bytes,
    void (*finish)(struct vqp_resource *));

/* End one that was never added.  Puts the core. */
void vqp_resource_discard(struct vqp_resource *resource);

/*
 * Give it a name, and let it be found, and destroyed, by others.  A handle with
 * resource ANY gets a free one.  VQP_SUCCESS, _NO_HANDLE, _ALREADY_EXISTS.
 */
int vqp_resource_add(struct vqp_resource *resource,
    struct vqp_handle *handle);

/* Take the name away, if it has one: only one caller gets it. */
struct vqp_resource *vqp_resource_take(struct vqp_core *core,
    enum vqp_resource_type type, struct vqp_handle handle);

/* The same for this one; false if somebody took its name away before. */
bool vqp_resource_withdraw(struct vqp_resource *resource);

/* Find by name, and enter; NULL if there is none.  Any. */
struct vqp_resource *vqp_resource_enter(struct vqp_core *core,
    enum vqp_resource_type type, struct vqp_handle handle,
    struct vqp_call *call);

/* Is there one that lives? */
bool vqp_resource_exists(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle);

bool vqp_call_enter(struct vqp_resource *resource, struct vqp_call *call);
void vqp_call_leave(struct vqp_resource *resource, struct vqp_call *call);

/*
 * End one that was taken: waits for its visitors, finishes it and hands it to
 * the reaper; inside one of its own calls, leaves all that to the last visitor.
 * It, and with it the core, may be gone on return.
 */
void vqp_resource_end(struct vqp_resource *resource);

struct vqp_resource *vqp_resource_at(const struct vqp_cell64 *link);
void vqp_resource_link(struct vqp_cell64 *link, struct vqp_resource *resource);

#endif
