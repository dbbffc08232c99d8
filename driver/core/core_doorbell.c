/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Doorbells: each has a byte of the notification page and a callback, which the
 * core calls when the device has set the byte.  This is data path DOORBELL from
 * the interrupt to the callback.
 */
#include "core_call.h"
#include "core_doorbell.h"
#include "core_resource.h"
#include "core_state.h"

#define VQP_BELL_NONE	VQP_BELL_COUNT

/* The scan loads eight bytes of the notification page at once. */
union vqp_bell_word {
	struct vqp_cell64 word;		/* w:device,core r:core e:E4 */
	struct vqp_cell8 byte[8];	/* w:device,core r:core e:E4 */
};

struct vqp_bell {
	struct vqp_resource resource;	/* first */
	struct vqp_doorbell_options options;
	struct vqp_os_work work;
	uint32_t index;			/* of its byte, or VQP_BELL_NONE */
	/* The id in the last link call; our own id may have changed since. */
	struct vqp_cell64 context;	/* w:core r:core e:none */
};

/* Under table_lock. */
static void
vqp_bells_measure(struct vqp_core *core)
{
	uint64_t words = 0;

	for (uint32_t i = VQP_BELL_COUNT / 64; i-- > 0 && words == 0;) {
		if (core->bells.used[i] != 0)
			words = (i * 64 + 63 -
			    (uint32_t)__builtin_clzll(core->bells.used[i])) /
			    8 + 1;
	}
	vqp_store_relaxed(&core->bells.word_count, words);
}

/* The lowest free place, so that a scan is short; VQP_BELL_NONE if none. */
static uint32_t
vqp_bell_place(struct vqp_core *core)
{
	uint32_t index = VQP_BELL_NONE;

	vqp_table_lock(core);
	for (uint32_t i = 0; i < VQP_BELL_COUNT / 64; i++) {
		if (~core->bells.used[i] == 0)
			continue;
		index = i * 64 +
		    (uint32_t)__builtin_ctzll(~core->bells.used[i]);
		core->bells.used[i] |= UINT64_C(1) << index % 64;
		vqp_bells_measure(core);
		break;
	}
	vqp_table_unlock(core);
	return index;
}

static void
vqp_bell_unplace(struct vqp_core *core, uint32_t index)
{
	vqp_table_lock(core);
	core->bells.used[index / 64] &= ~(UINT64_C(1) << index % 64);
	vqp_bells_measure(core);
	vqp_table_unlock(core);
}

static void
vqp_bell_finish(struct vqp_resource *resource)
{
	struct vqp_bell *bell = (struct vqp_bell *)resource;

	vqp_os_work_drain(resource->core->os, &bell->work);
	if (bell->index != VQP_BELL_NONE)
		vqp_bell_unplace(resource->core, bell->index);
}

static void
vqp_bell_work(void *argument)
{
	struct vqp_bell *bell = argument;
	struct vqp_call call;

	if (!vqp_call_enter(&bell->resource, &call))
		return;
	VQP_CORE_COUNT(bell->resource.core, bells_rung);
	bell->options.ring(bell->options.argument);
	vqp_call_leave(&bell->resource, &call);
}

static struct vqp_handle
vqp_bell_told(const struct vqp_bell *bell)
{
	struct vqp_handle handle = {
		(uint32_t)vqp_load_relaxed(&bell->context),
		bell->resource.handle.resource,
	};

	return handle;
}

static int64_t
vqp_bell_link(struct vqp_bell *bell, uint32_t context)
{
	struct vqp_hypercall_doorbell_link call = { .index = bell->index };

	vqp_store_relaxed(&bell->context, context);
	call.handle = vqp_bell_told(bell);
	return vqp_core_call(bell->resource.core,
	    VQP_HYPERCALL_DOORBELL_LINK, &call.datagram, sizeof(call));
}

static int64_t
vqp_bell_call(struct vqp_core *core, enum vqp_hypercall number,
    struct vqp_handle handle)
{
	struct vqp_hypercall_handle call = { .handle = handle };

	return vqp_core_call(core, number, &call.datagram, sizeof(call));
}

/* Neither the scan nor the device finds this doorbell any more. */
static void
vqp_bell_unlink(struct vqp_bell *bell)
{
	struct vqp_core *core = bell->resource.core;

	/*
	 * Clear the list link before the call: vqp_bells_relink() checks the
	 * list link after it has linked the doorbell in the device.
	 */
	vqp_resource_link(&core->bells.link[bell->index], NULL);
	/* A device that does not know the doorbell needs nothing more. */
	(void)vqp_bell_call(core, VQP_HYPERCALL_DOORBELL_UNLINK,
	    vqp_bell_told(bell));
}

static int
vqp_bell_handle(struct vqp_core *core, struct vqp_handle *handle)
{
	uint32_t context = vqp_core_context_id(core);
	bool new = handle->context == VQP_CONTEXT_ANY &&
	    handle->resource == VQP_RESOURCE_ANY;

	if (context == VQP_INVALID_ID)
		return VQP_ERROR_NO_RESOURCES;
	if (!new && (handle->context != context ||
	    handle->resource == VQP_RESOURCE_ANY))
		return VQP_ERROR_INVALID_ARGS;
	handle->context = context;
	return VQP_SUCCESS;
}

/* Give it a place and a name.  After an error the caller discards it. */
static int
vqp_bell_name(struct vqp_bell *bell, struct vqp_handle *name)
{
	bell->index = vqp_bell_place(bell->resource.core);
	if (bell->index == VQP_BELL_NONE)
		return VQP_ERROR_NO_RESOURCES;
	return vqp_resource_add(&bell->resource, name);
}

/* Link a doorbell that has place and name in the device, or end it. */
static int
vqp_bell_open(struct vqp_bell *bell, struct vqp_handle name,
    struct vqp_call *call)
{
	struct vqp_core *core = bell->resource.core;
	int64_t result;
	bool taken;

	vqp_resource_link(&core->bells.link[bell->index], &bell->resource);
	result = vqp_bell_link(bell, name.context);
	if (result == VQP_ERROR_DUPLICATE_ENTRY) {
		/* vqp_bells_relink() has linked it already: link it again. */
		(void)vqp_bell_call(core, VQP_HYPERCALL_DOORBELL_UNLINK,
		    vqp_bell_told(bell));
		result = vqp_bell_link(bell, name.context);
	}
	if (result == 0) {
		vqp_call_leave(&bell->resource, call);
		return VQP_SUCCESS;
	}
	if (result > 0) {
		VQP_CORE_COUNT(core, bad_results);
		result = VQP_ERROR_GENERIC;
	}
	/* vqp_bells_relink() may have linked it since. */
	vqp_bell_unlink(bell);
	/*
	 * A client that guessed the name may be destroying the doorbell at this
	 * moment, and another doorbell may have the name by now.
	 */
	taken = vqp_resource_withdraw(&bell->resource);
	vqp_call_leave(&bell->resource, call);
	if (taken)
		vqp_resource_end(&bell->resource);
	return (int)result;
}

int
vqp_core_doorbell_create(struct vqp_core *core,
    const struct vqp_doorbell_options *options, struct vqp_handle *handle)
{
	struct vqp_handle name;
	struct vqp_bell *bell;
	struct vqp_call call;
	int status;

	if (options == NULL || handle == NULL || options->ring == NULL ||
	    options->flags & ~VQP_DOORBELL_DELAYED ||
	    options->privilege & ~VQP_PRIVILEGE_ALL)
		return VQP_ERROR_INVALID_ARGS;
	if (!vqp_core_works(core) ||
	    !vqp_core_agreed(core, VQP_CAP_NOTIFICATIONS))
		return VQP_ERROR_UNAVAILABLE;
	name = *handle;
	status = vqp_bell_handle(core, &name);
	if (status != VQP_SUCCESS)
		return status;
	if (!vqp_core_get(core))
		return VQP_ERROR_UNAVAILABLE;
	bell = vqp_os_alloc(core->os, sizeof(*bell));
	if (bell == NULL) {
		vqp_core_put(core);
		return VQP_ERROR_NO_MEM;
	}
	bell->options = *options;
	vqp_resource_init(&bell->resource, core, VQP_RESOURCE_DOORBELL,
	    sizeof(*bell), vqp_bell_finish);
	vqp_os_work_init(&bell->work, vqp_bell_work, bell);
	/* A thread that destroys the doorbell too early waits for our pin. */
	(void)vqp_call_enter(&bell->resource, &call);
	status = vqp_bell_name(bell, &name);
	if (status != VQP_SUCCESS) {
		vqp_resource_discard(&bell->resource);
		return status;
	}
	status = vqp_bell_open(bell, name, &call);
	if (status == VQP_SUCCESS)
		*handle = name;
	return status;
}

int
vqp_core_doorbell_destroy(struct vqp_core *core, struct vqp_handle handle)
{
	struct vqp_resource *resource;

	if (handle.context == VQP_CONTEXT_ANY ||
	    handle.resource == VQP_RESOURCE_ANY)
		return VQP_ERROR_INVALID_ARGS;
	resource = vqp_resource_take(core, VQP_RESOURCE_DOORBELL, handle);
	if (resource == NULL)
		return VQP_ERROR_NOT_FOUND;
	vqp_bell_unlink((struct vqp_bell *)resource);
	vqp_resource_end(resource);
	return VQP_SUCCESS;
}

int
vqp_core_doorbell_notify(struct vqp_core *core, struct vqp_handle handle,
    uint32_t privilege)
{
	int64_t result;

	if (handle.context == VQP_CONTEXT_ANY ||
	    handle.resource == VQP_RESOURCE_ANY ||
	    privilege & ~VQP_PRIVILEGE_ALL)
		return VQP_ERROR_INVALID_ARGS;
	if (!vqp_core_works(core))
		return VQP_ERROR_UNAVAILABLE;
	result = vqp_bell_call(core, VQP_HYPERCALL_DOORBELL_NOTIFY, handle);
	return result > 0 ? VQP_SUCCESS : (int)result;
}

/*
 * ---- The page.
 */

bool
vqp_bells_init(struct vqp_core *core)
{
	core->bells.link = vqp_os_alloc(core->os,
	    VQP_BELL_COUNT * sizeof(core->bells.link[0]));
	return core->bells.link != NULL;
}

void
vqp_bells_destroy(struct vqp_core *core)
{
	vqp_os_free(core->os, core->bells.link,
	    VQP_BELL_COUNT * sizeof(core->bells.link[0]));
}

bool
vqp_bells_page_alloc(struct vqp_core *core)
{
	return vqp_os_pages_alloc(core->os, 1, false, &core->bells.page);
}

void
vqp_bells_page_free(struct vqp_core *core)
{
	if (core->bells.page.base != NULL)
		vqp_os_pages_free(core->os, &core->bells.page);
	core->bells.page.base = NULL;
}

/* Find the doorbell of byte `index` and pin it; NULL if there is none. */
static struct vqp_bell *
vqp_bell_enter(struct vqp_core *core, uint32_t index, struct vqp_call *call)
{
	struct vqp_resource *resource;
	struct vqp_os_read section;

	vqp_os_read_enter(core->os, &section);
	resource = vqp_resource_at(&core->bells.link[index]);
	if (resource != NULL && !vqp_call_enter(resource, call))
		resource = NULL;
	vqp_os_read_leave(core->os, &section);
	return (struct vqp_bell *)resource;
}

/* The device has set byte `index`. */
static void
vqp_bell_rung(struct vqp_core *core, uint32_t index)
{
	struct vqp_call call;
	struct vqp_bell *bell = vqp_bell_enter(core, index, &call);

	if (bell == NULL)
		return;		/* notified before it was unlinked */
	if (bell->options.flags & VQP_DOORBELL_DELAYED) {
		vqp_os_work_queue(core->os, &bell->work);
	} else {
		VQP_CORE_COUNT(core, bells_rung);
		bell->options.ring(bell->options.argument);
	}
	vqp_call_leave(&bell->resource, &call);
}

void
vqp_bells_scan(struct vqp_core *core)
{
	union vqp_bell_word *page = core->bells.page.base;
	uint64_t words = vqp_load_relaxed(&core->bells.word_count);

	if (!vqp_core_agreed(core, VQP_CAP_NOTIFICATIONS))
		return;
	for (uint64_t i = 0; i < words; i++) {
		/* Few bytes are set, and a load is cheaper than a swap. */
		uint64_t rung = vqp_load_relaxed(&page[i].word) &
		    VQP_DOORBELL_RUNG * UINT64_C(0x0101010101010101);

		for (; rung != 0; rung &= rung - 1) {
			unsigned byte =
			    (unsigned)__builtin_ctzll(rung) / 8;

			/* E4: the flag is down /before/ the callback looks */
			vqp_swap8_full(&page[i].byte[byte], 0);
			vqp_bell_rung(core, (uint32_t)i * 8 + byte);
		}
	}
}

int64_t
vqp_bells_register(struct vqp_core *core)
{
	struct vqp_hypercall_set_notify_bitmap call = {
		.page_number = core->bells.page.page_numbers[0],
	};

	if (!vqp_core_agreed(core, VQP_CAP_PPN64) &&
	    call.page_number > UINT32_MAX)
		return VQP_ERROR_NO_MEM;
	return vqp_core_call(core, VQP_HYPERCALL_SET_NOTIFY_BITMAP,
	    &call.datagram, sizeof(call));
}

/*
 * After a reset the device knows no doorbell, and our context id may have
 * changed.
 */
void
vqp_bells_relink(struct vqp_core *core)
{
	uint32_t context = vqp_core_context_id(core);
	uint64_t words = vqp_load_relaxed(&core->bells.word_count);

	for (uint32_t i = 0; i < words * 8; i++) {
		struct vqp_call call;
		struct vqp_bell *bell = vqp_bell_enter(core, i, &call);

		if (bell == NULL)
			continue;
		if (!vqp_core_agreed(core, VQP_CAP_NOTIFICATIONS) ||
		    vqp_bell_link(bell, context) != 0)
			vqp_os_log(core->os, VQP_OS_WARNING,
			    "doorbell %u:%u was lost", context,
			    bell->resource.handle.resource);
		/* A client may have destroyed it while it was linked. */
		if (vqp_resource_at(&core->bells.link[i]) != &bell->resource)
			(void)vqp_bell_call(core,
			    VQP_HYPERCALL_DOORBELL_UNLINK,
			    vqp_bell_told(bell));
		vqp_call_leave(&bell->resource, &call);
	}
}
