/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queue pairs: allocate pages, have the device accept them, and attach the
 * engine.  This is data path MEETING; MESSAGE begins where alloc ends.
 */
#include "core_call.h"
#include "core_event.h"
#include "core_qpair.h"
#include "core_resource.h"
#include "core_state.h"

/*
 * The two rings of a pair and their name.  A pair with another context has one
 * side here; a LOCAL pair has up to two, and what one side produces the other
 * consumes.  "Under lock" means under pairs.lock.
 */
struct vqp_rings {
	struct vqp_resource resource;	/* first */
	struct vqp_qpair_options options;	/* the creator's */
	struct vqp_os_pages pages[2];	/* the creator's produce, consume */
	bool taken[2];			/* under lock; the attached sides */
	bool ready;			/* under lock; may be attached to */
	/* The device returned an undefined success code, refused the detach. */
	bool refused;
	uint64_t epoch;			/* vqp_core_epoch() at creation */
	bool said;		/* under lock; detach sent to the device */
	bool told;			/* under lock; clients got the event */
	struct vqp_rings *quarantine_next;	/* under lock */
};

/* One side of a pair, which a client holds. */
struct vqp_end {
	struct vqp_qpair qpair;		/* first */
	struct vqp_core *core;
	struct vqp_rings *rings;
	unsigned side;			/* 1: produce and consume exchanged */
	struct vqp_end *next;		/* under lock */
};

VQP_STATIC_ASSERT(_Alignof(struct vqp_end) <= VQP_OS_ALIGNMENT, "vqp_os_alloc");

struct vqp_handle
vqp_core_qpair_handle(const struct vqp_qpair *qpair)
{
	return ((const struct vqp_end *)qpair)->rings->resource.handle;
}

static bool
vqp_rings_local(const struct vqp_rings *rings)
{
	return (rings->options.flags & VQP_QPAIR_LOCAL) != 0;
}

/* The device was reset since the pair was made.  Under pairs.lock. */
static bool
vqp_rings_lost(const struct vqp_rings *rings)
{
	return !vqp_rings_local(rings) &&
	    rings->epoch != vqp_core_epoch(rings->resource.core);
}

/*
 * ---- Rings.
 */

static uint64_t
vqp_rings_bytes(const struct vqp_qpair_options *options)
{
	return options->produce_bytes + options->consume_bytes;
}

/* One page for the header, and the pages of the data. */
static uint32_t
vqp_ring_page_count(const struct vqp_core *core, uint64_t bytes)
{
	uint32_t shift = vqp_os_page_shift(core->os);

	return 1 + (uint32_t)((bytes + (UINT64_C(1) << shift) - 1) >> shift);
}

/* Undo vqp_rings_reserve(). */
static void
vqp_rings_unreserve(struct vqp_core *core,
    const struct vqp_qpair_options *options)
{
	vqp_os_lock(&core->pairs.lock);
	core->pairs.bytes -= vqp_rings_bytes(options);
	core->pairs.count--;
	vqp_os_unlock(&core->pairs.lock);
}

/* Free the pages and their share of the limits; no side, no pin is left. */
static void
vqp_rings_finish(struct vqp_resource *resource)
{
	struct vqp_rings *rings = (struct vqp_rings *)resource;
	struct vqp_core *core = resource->core;

	for (int i = 0; i < 2; i++) {
		if (rings->pages[i].base != NULL)
			vqp_os_pages_free(core->os, &rings->pages[i]);
	}
	vqp_rings_unreserve(core, &rings->options);
}

/* Free the name first, then the rest. */
static void
vqp_rings_free(struct vqp_rings *rings)
{
	(void)vqp_resource_take(rings->resource.core, VQP_RESOURCE_QPAIR,
	    rings->resource.handle);
	vqp_resource_end(&rings->resource);
}

/* Count against the limits.  VQP_SUCCESS or VQP_ERROR_NO_RESOURCES. */
static int
vqp_rings_reserve(struct vqp_core *core,
    const struct vqp_qpair_options *options)
{
	int status = VQP_ERROR_NO_RESOURCES;

	vqp_os_lock(&core->pairs.lock);
	if (core->pairs.count < VQP_QPAIR_COUNT_MAX &&
	    vqp_rings_bytes(options) <=
	    VQP_QPAIR_BYTES_MAX - core->pairs.bytes) {
		core->pairs.count++;
		core->pairs.bytes += vqp_rings_bytes(options);
		status = VQP_SUCCESS;
	}
	vqp_os_unlock(&core->pairs.lock);
	return status;
}

/* New rings with a name and no pages; a failure leaves nothing behind. */
static int
vqp_rings_new(struct vqp_core *core, const struct vqp_qpair_options *options,
    struct vqp_handle *name, struct vqp_rings **made)
{
	struct vqp_rings *rings;
	int status;

	if (!vqp_core_get(core))
		return VQP_ERROR_UNAVAILABLE;
	status = vqp_rings_reserve(core, options);
	if (status != VQP_SUCCESS) {
		vqp_core_put(core);
		return status;
	}
	rings = vqp_os_alloc(core->os, sizeof(*rings));
	if (rings == NULL) {
		vqp_rings_unreserve(core, options);
		vqp_core_put(core);
		return VQP_ERROR_NO_MEM;
	}
	rings->options = *options;
	rings->taken[0] = true;
	vqp_resource_init(&rings->resource, core, VQP_RESOURCE_QPAIR,
	    sizeof(*rings), vqp_rings_finish);
	status = vqp_resource_add(&rings->resource, name);
	if (status != VQP_SUCCESS) {
		vqp_resource_discard(&rings->resource);
		return status;
	}
	*made = rings;
	return VQP_SUCCESS;
}

/* Without PPN64 the device takes page numbers of 32 bits. */
static bool
vqp_pages_fit(const struct vqp_core *core, const struct vqp_os_pages *pages)
{
	for (uint32_t i = 0; i < pages->page_count; i++) {
		if (pages->page_numbers[i] > UINT32_MAX &&
		    !vqp_core_agreed(core, VQP_CAP_PPN64))
			return false;
	}
	return true;
}

static int
vqp_rings_pages(struct vqp_rings *rings)
{
	struct vqp_core *core = rings->resource.core;
	uint64_t bytes[2] = { rings->options.produce_bytes,
	    rings->options.consume_bytes };

	for (int i = 0; i < 2; i++) {
		uint32_t shift = vqp_os_page_shift(core->os);
		bool whole = bytes[i] != 0 &&
		    bytes[i] % (UINT64_C(1) << shift) == 0;

		if (!vqp_os_pages_alloc(core->os,
		    vqp_ring_page_count(core, bytes[i]), whole,
		    &rings->pages[i])) {
			rings->pages[i].base = NULL;
			return VQP_ERROR_NO_MEM;
		}
		if (!vqp_rings_local(rings) &&
		    !vqp_pages_fit(core, &rings->pages[i])) {
			vqp_os_log(core->os, VQP_OS_WARNING,
			    "page number needs more than 32 bits and the "
			    "device lacks PPN64");
			return VQP_ERROR_NO_MEM;
		}
	}
	return VQP_SUCCESS;
}

static int64_t
vqp_rings_detach_call(struct vqp_rings *rings)
{
	struct vqp_hypercall_handle call = {
		.handle = rings->resource.handle,
	};

	return vqp_core_call(rings->resource.core,
	    VQP_HYPERCALL_QPAIR_DETACH, &call.datagram, sizeof(call));
}

/* Send the alloc call.  An undefined answer of the device is a failure. */
static int64_t
vqp_rings_alloc_call(struct vqp_rings *rings)
{
	const struct vqp_qpair_options *options = &rings->options;
	struct vqp_core *core = rings->resource.core;
	uint64_t pages = (uint64_t)rings->pages[0].page_count +
	    rings->pages[1].page_count;
	struct vqp_hypercall_qpair_alloc call = {
		.datagram = {
			.dst = { VQP_CONTEXT_HYPERVISOR,
			    VQP_HYPERCALL_QPAIR_ALLOC },
			.src = { VQP_CONTEXT_ANY, VQP_RESOURCE_ANY },
			.payload_size = sizeof(call) - sizeof(call.datagram) +
			    pages * (vqp_core_agreed(core, VQP_CAP_PPN64) ?
			    8 : 4),
		},
		.handle = rings->resource.handle,
		.peer = options->peer,
		.flags = options->flags,
		.produce_size = options->produce_bytes,
		.consume_size = options->consume_bytes,
		.page_count = pages,
	};
	struct vqp_message message = { &call, sizeof(call), NULL, 0,
	    { &rings->pages[0], &rings->pages[1] }, rings->epoch,
	    false };
	int64_t result = vqp_core_exchange(core, &message);

	if (result > 0 && result != VQP_SUCCESS_CREATED &&
	    result != VQP_SUCCESS_ATTACHED) {
		VQP_CORE_COUNT(core, bad_results);
		rings->refused = vqp_rings_detach_call(rings) < 0;
		result = VQP_ERROR_GENERIC;
	}
	return result;
}

/*
 * Keep the rings until the device is reset, because it may still write to them.
 * False if the device was reset since they were made, or is not there.  Sets
 * `asleep` if a reset is about to come.
 */
static bool
vqp_rings_quarantine(struct vqp_rings *rings, bool *asleep)
{
	struct vqp_core *core = rings->resource.core;
	bool kept;

	vqp_os_lock(&core->pairs.lock);
	kept = !vqp_rings_lost(rings) &&
	    vqp_core_state(core) != VQP_CORE_UNPLUGGED;
	*asleep = !vqp_core_talks(core);
	if (kept) {
		rings->quarantine_next = core->pairs.quarantine;
		core->pairs.quarantine = rings;
	}
	vqp_os_unlock(&core->pairs.lock);
	return kept;
}

/*
 * The last side of the rings has detached.  Returns the device's answer to the
 * detach, or 0 if the device was not asked.
 */
static int64_t
vqp_rings_close(struct vqp_rings *rings)
{
	struct vqp_core *core = rings->resource.core;
	struct vqp_handle name = rings->resource.handle;
	int64_t result = VQP_SUCCESS;
	bool lost, said, asleep;

	vqp_os_lock(&core->pairs.lock);
	lost = vqp_rings_lost(rings);
	said = rings->said;
	vqp_os_unlock(&core->pairs.lock);
	if (!vqp_rings_local(rings) && !lost)
		result = vqp_rings_detach_call(rings);
	/* NOT_FOUND: the device does not know the pair and has no pages. */
	if (result >= 0 || result == VQP_ERROR_NOT_FOUND ||
	    !vqp_rings_quarantine(rings, &asleep)) {
		vqp_rings_free(rings);
		return result < 0 ? VQP_SUCCESS : result;
	}
	/* The call was not sent, or a detach was sent before. */
	if (said || asleep)
		return VQP_SUCCESS;
	VQP_CORE_COUNT(core, pairs_quarantined);
	vqp_os_log(core->os, VQP_OS_WARNING,
	    "the device keeps queue pair %u:%u; its memory stays out of use",
	    name.context, name.resource);
	return result;
}

/*
 * ---- Ends.
 */

static struct vqp_queue
vqp_end_queue(const struct vqp_core *core, const struct vqp_os_pages *pages,
    uint64_t bytes)
{
	struct vqp_queue queue = {
		.header = pages->base,
		.data = bytes == 0 ? NULL : (uint8_t *)pages->base +
		    (UINT64_C(1) << vqp_os_page_shift(core->os)),
		.size = bytes,
		.mirrored = bytes != 0 && pages->mirrored,
	};

	return queue;
}

static int
vqp_end_open(struct vqp_end *end)
{
	struct vqp_rings *rings = end->rings;
	struct vqp_queue queue[2] = {
		vqp_end_queue(end->core, &rings->pages[0],
		    rings->options.produce_bytes),
		vqp_end_queue(end->core, &rings->pages[1],
		    rings->options.consume_bytes),
	};
	struct vqp_pair_config config = {
		.handle = rings->resource.handle,
		.layout = VQP_LAYOUT_COMPAT,
		.produce = queue[end->side],
		.consume = queue[end->side ^ 1],
	};

	return vqp_pair_attach(&end->qpair.pair, &config);
}

/* False if the device was reset since, and may not know the pair. */
static bool
vqp_end_link(struct vqp_end *end)
{
	struct vqp_core *core = end->core;
	bool lives;

	vqp_os_lock(&core->pairs.lock);
	lives = !vqp_rings_lost(end->rings);
	if (lives) {
		end->next = core->pairs.ends;
		core->pairs.ends = end;
		end->rings->ready = true;
	}
	vqp_os_unlock(&core->pairs.lock);
	return lives;
}

/* Of several callers only one gets it; NULL if it is not one of ours. */
static struct vqp_end *
vqp_end_unlink(struct vqp_core *core, const struct vqp_qpair *qpair)
{
	struct vqp_end **at, *end;

	vqp_os_lock(&core->pairs.lock);
	for (at = &core->pairs.ends; (end = *at) != NULL; at = &end->next) {
		if (&end->qpair == qpair) {
			*at = end->next;
			break;
		}
	}
	vqp_os_unlock(&core->pairs.lock);
	return end;
}

/* One side has detached.  Returns whether it was the last one. */
static bool
vqp_end_give_up(struct vqp_end *end)
{
	struct vqp_core *core = end->core;
	bool last;

	vqp_os_lock(&core->pairs.lock);
	end->rings->taken[end->side] = false;
	last = !end->rings->taken[end->side ^ 1];
	vqp_os_unlock(&core->pairs.lock);
	return last;
}

/* Notify our own clients that a local side attached or detached. */
static void
vqp_end_tell(struct vqp_end *end, enum vqp_event event)
{
	struct vqp_event_data data = { .event = event };

	data.payload.qpair.handle = end->rings->resource.handle;
	data.payload.qpair.peer = vqp_core_context_id(end->core);
	(void)vqp_event_dispatch(end->core, &data, &end->qpair);
}

/*
 * ---- Alloc.
 */

static int
vqp_qpair_judge(const struct vqp_core *core,
    const struct vqp_qpair_options *options)
{
	uint64_t pages, bytes;

	if (options->produce_bytes > VQP_QPAIR_BYTES_MAX ||
	    options->consume_bytes > VQP_QPAIR_BYTES_MAX ||
	    vqp_rings_bytes(options) > VQP_QPAIR_BYTES_MAX)
		return VQP_ERROR_NO_RESOURCES;
	if (vqp_rings_bytes(options) == 0 || options->produce_bytes == 1 ||
	    options->consume_bytes == 1 ||
	    options->flags & ~(VQP_QPAIR_ATTACH_ONLY | VQP_QPAIR_LOCAL))
		return VQP_ERROR_INVALID_ARGS;
	if (options->privilege != VQP_PRIVILEGE_NONE)
		return VQP_ERROR_NO_ACCESS;
	if ((options->flags & VQP_QPAIR_LOCAL) != 0)
		return VQP_SUCCESS;
	if (!vqp_core_dma(core) || vqp_os_has_ports(core->os))
		return VQP_SUCCESS;
	pages = (uint64_t)vqp_ring_page_count(core, options->produce_bytes) +
	    vqp_ring_page_count(core, options->consume_bytes);
	bytes = sizeof(struct vqp_hypercall_qpair_alloc) +
	    pages * (vqp_core_agreed(core, VQP_CAP_PPN64) ? 8 : 4);
	if (bytes > VQP_DATAGRAM_BYTES_MAX) {
		vqp_os_log(core->os, VQP_OS_WARNING, "a queue pair of %llu "
		    "pages takes a message of %llu bytes: without I/O ports "
		    "(BAR 0) the device is told %u at most",
		    (unsigned long long)pages, (unsigned long long)bytes,
		    VQP_DATAGRAM_BYTES_MAX);
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	}
	return VQP_SUCCESS;
}

/* Check the caller's name, or fill in our context for a new one. */
static int
vqp_qpair_name(struct vqp_core *core, const struct vqp_qpair_options *options,
    struct vqp_handle *name)
{
	uint32_t context = vqp_core_context_id(core);

	if (context == VQP_INVALID_ID)
		return VQP_ERROR_NO_RESOURCES;
	if (name->resource == VQP_RESOURCE_ANY &&
	    (name->context == VQP_CONTEXT_ANY || name->context == context)) {
		name->context = context;
		return VQP_SUCCESS;
	}
	if (name->resource == VQP_RESOURCE_ANY ||
	    name->context < VQP_CONTEXT_HOST ||
	    name->context == VQP_CONTEXT_ANY)
		return VQP_ERROR_INVALID_ARGS;
	if ((options->flags & VQP_QPAIR_LOCAL) != 0 &&
	    (name->context != context || (options->peer != context &&
	    options->peer != VQP_CONTEXT_ANY)))
		return VQP_ERROR_NO_ACCESS;
	return VQP_SUCCESS;
}

/* Whether another side may attach, and which one.  Under pairs.lock. */
static int
vqp_rings_join(struct vqp_rings *rings,
    const struct vqp_qpair_options *options, unsigned *side)
{
	uint64_t bytes[2] = { rings->options.produce_bytes,
	    rings->options.consume_bytes };

	if (!vqp_rings_local(rings))
		return VQP_ERROR_ALREADY_EXISTS;
	if (!rings->ready || rings->taken[0] == rings->taken[1])
		return VQP_ERROR_UNAVAILABLE;
	*side = rings->taken[0];
	if ((options->flags & VQP_QPAIR_LOCAL) == 0 ||
	    bytes[*side] != options->produce_bytes ||
	    bytes[*side ^ 1] != options->consume_bytes)
		return VQP_ERROR_MISMATCH;
	rings->taken[*side] = true;
	return VQP_SUCCESS;
}

/*
 * Attach as the second side of a local pair, if we hold rings of that name.
 * VQP_ERROR_NOT_FOUND if we hold none.
 */
static int
vqp_qpair_join(struct vqp_end *end, const struct vqp_qpair_options *options,
    struct vqp_handle name)
{
	struct vqp_core *core = end->core;
	struct vqp_resource *resource;
	struct vqp_call call;
	int status;

	if (name.resource == VQP_RESOURCE_ANY)
		return VQP_ERROR_NOT_FOUND;
	resource = vqp_resource_enter(core, VQP_RESOURCE_QPAIR, name, &call);
	if (resource == NULL)
		return VQP_ERROR_NOT_FOUND;
	end->rings = (struct vqp_rings *)resource;
	vqp_os_lock(&core->pairs.lock);
	status = vqp_rings_join(end->rings, options, &end->side);
	vqp_os_unlock(&core->pairs.lock);
	vqp_call_leave(resource, &call);
	if (status != VQP_SUCCESS)
		return status;
	/* The other side may be in use: check its indexes as a peer's. */
	status = vqp_end_open(end);
	if (status != VQP_SUCCESS) {
		if (vqp_end_give_up(end))
			(void)vqp_rings_close(end->rings);
		return status;
	}
	(void)vqp_end_link(end);
	vqp_end_tell(end, VQP_EVENT_QP_PEER_ATTACH);
	return VQP_SUCCESS_ATTACHED;
}

/* Create the first side: rings, the device's consent, the engine. */
static int
vqp_qpair_create(struct vqp_end *end, const struct vqp_qpair_options *options,
    struct vqp_handle *name)
{
	struct vqp_core *core = end->core;
	bool local = (options->flags & VQP_QPAIR_LOCAL) != 0;
	uint64_t epoch = vqp_core_epoch(core);
	int64_t result = VQP_SUCCESS_CREATED;
	bool keeps, asleep;
	int status;

	if (local && (options->flags & VQP_QPAIR_ATTACH_ONLY) != 0)
		return VQP_ERROR_NOT_FOUND;
	status = vqp_rings_new(core, options, name, &end->rings);
	if (status != VQP_SUCCESS)
		return status;
	end->rings->epoch = epoch;
	status = vqp_rings_pages(end->rings);
	if (status == VQP_SUCCESS && !local) {
		result = vqp_rings_alloc_call(end->rings);
		status = result < 0 ? (int)result : VQP_SUCCESS;
	} else if (status == VQP_SUCCESS) {
		vqp_queue_header_init(end->rings->pages[0].base, *name);
		vqp_queue_header_init(end->rings->pages[1].base, *name);
	}
	if (status != VQP_SUCCESS) {
		/* Without an answer the device may have them until a reset. */
		keeps = end->rings->refused ||
		    (!local && !vqp_core_talks(core));
		if (!keeps || !vqp_rings_quarantine(end->rings, &asleep))
			vqp_rings_free(end->rings);
		return status;
	}
	status = vqp_end_open(end);
	if (status != VQP_SUCCESS) {
		(void)vqp_rings_close(end->rings);
		return status;
	}
	if (!vqp_end_link(end)) {
		/* The device was reset before or after it accepted the pair. */
		result = vqp_rings_detach_call(end->rings);
		if (result < 0 && result != VQP_ERROR_NOT_FOUND)
			end->rings->epoch = vqp_core_epoch(core);
		(void)vqp_rings_close(end->rings);
		return VQP_ERROR_UNAVAILABLE;
	}
	return (int)result;
}

int
vqp_core_qpair_alloc(struct vqp_core *core,
    const struct vqp_qpair_options *options, struct vqp_handle *handle,
    struct vqp_qpair **qpair)
{
	struct vqp_handle name;
	struct vqp_end *end;
	int status;

	if (options == NULL || handle == NULL || qpair == NULL)
		return VQP_ERROR_INVALID_ARGS;
	status = vqp_qpair_judge(core, options);
	if (status != VQP_SUCCESS)
		return status;
	if (!vqp_core_works(core))
		return VQP_ERROR_UNAVAILABLE;
	name = *handle;
	status = vqp_qpair_name(core, options, &name);
	if (status != VQP_SUCCESS)
		return status;
	if (!vqp_core_get(core))
		return VQP_ERROR_UNAVAILABLE;
	end = vqp_os_alloc(core->os, sizeof(*end));
	if (end == NULL) {
		vqp_core_put(core);
		return VQP_ERROR_NO_MEM;
	}
	end->core = core;
	status = vqp_qpair_join(end, options, name);
	if (status == VQP_ERROR_NOT_FOUND)
		status = vqp_qpair_create(end, options, &name);
	if (status < 0) {
		vqp_os_free(core->os, end, sizeof(*end));
		vqp_core_put(core);
		return status;
	}
	*handle = name;
	*qpair = &end->qpair;
	return status;
}

int
vqp_core_qpair_detach(struct vqp_core *core, struct vqp_qpair **qpair)
{
	struct vqp_rings *rings;
	struct vqp_end *end;
	int64_t result = VQP_SUCCESS;
	bool others;

	if (qpair == NULL || *qpair == NULL)
		return VQP_ERROR_INVALID_ARGS;
	end = vqp_end_unlink(core, *qpair);
	*qpair = NULL;
	if (end == NULL)
		return VQP_ERROR_NOT_FOUND;
	rings = end->rings;
	/* Indexes may not be published yet (vqp/pair.h). */
	vqp_tx_publish(&end->qpair.pair.tx);
	vqp_rx_publish(&end->qpair.pair.rx);
	vqp_os_lock(&core->pairs.lock);
	others = rings->taken[end->side ^ 1];
	vqp_os_unlock(&core->pairs.lock);
	if (others)
		vqp_end_tell(end, VQP_EVENT_QP_PEER_DETACH);
	if (vqp_end_give_up(end))
		result = vqp_rings_close(rings);
	vqp_os_free(core->os, end, sizeof(*end));
	vqp_core_put(core);
	return (int)result;
}

/*
 * ---- The device's life.
 */

void
vqp_qpairs_init(struct vqp_core *core)
{
	vqp_os_lock_init(&core->pairs.lock, VQP_OS_LOCK_PAIR);
}

void
vqp_qpairs_destroy(struct vqp_core *core)
{
	vqp_os_lock_destroy(&core->pairs.lock);
}

static void
vqp_qpairs_free_quarantine(struct vqp_core *core)
{
	struct vqp_rings *rings, *next;

	vqp_os_lock(&core->pairs.lock);
	rings = core->pairs.quarantine;
	core->pairs.quarantine = NULL;
	vqp_os_unlock(&core->pairs.lock);
	for (; rings != NULL; rings = next) {
		next = rings->quarantine_next;
		vqp_rings_free(rings);
	}
}

void
vqp_qpairs_lose(struct vqp_core *core)
{
	vqp_os_lock(&core->pairs.lock);
	vqp_core_epoch_next(core);
	for (struct vqp_end *end = core->pairs.ends; end != NULL;
	    end = end->next) {
		if (vqp_rings_lost(end->rings))
			vqp_pair_abandon(&end->qpair.pair);
	}
	vqp_os_unlock(&core->pairs.lock);
	vqp_qpairs_free_quarantine(core);
}

/* Find the next lost pair; its event is sent without the lock. */
static bool
vqp_qpairs_tell_one(struct vqp_core *core, struct vqp_event_data *data)
{
	struct vqp_end *end;

	vqp_os_lock(&core->pairs.lock);
	for (end = core->pairs.ends; end != NULL; end = end->next) {
		if (vqp_rings_lost(end->rings) && !end->rings->told)
			break;
	}
	if (end != NULL) {
		end->rings->told = true;
		data->payload.qpair.handle = end->rings->resource.handle;
		data->payload.qpair.peer = end->rings->options.peer;
	}
	vqp_os_unlock(&core->pairs.lock);
	return end != NULL;
}

void
vqp_qpairs_tell(struct vqp_core *core)
{
	struct vqp_event_data data = { .event = VQP_EVENT_QP_PEER_DETACH };

	while (vqp_qpairs_tell_one(core, &data)) {
		if (vqp_event_dispatch(core, &data, NULL) != 0)
			continue;
		vqp_os_lock(&core->pairs.lock);
		core->pairs.unheard = true;
		vqp_os_unlock(&core->pairs.lock);
	}
}

bool
vqp_qpairs_unheard(struct vqp_core *core)
{
	bool unheard;

	vqp_os_lock(&core->pairs.lock);
	unheard = core->pairs.unheard;
	core->pairs.unheard = false;
	vqp_os_unlock(&core->pairs.lock);
	return unheard;
}

/* Find the next pair to detach; the device has its pages until then. */
static bool
vqp_qpairs_say_one(struct vqp_core *core, struct vqp_handle *name)
{
	struct vqp_end *end;

	vqp_os_lock(&core->pairs.lock);
	for (end = core->pairs.ends; end != NULL; end = end->next) {
		if (!vqp_rings_local(end->rings) &&
		    !vqp_rings_lost(end->rings) && !end->rings->said)
			break;
	}
	if (end != NULL) {
		end->rings->said = true;
		*name = end->rings->resource.handle;
	}
	vqp_os_unlock(&core->pairs.lock);
	return end != NULL;
}

void
vqp_qpairs_detach(struct vqp_core *core)
{
	struct vqp_hypercall_handle call;

	while (vqp_qpairs_say_one(core, &call.handle))
		(void)vqp_core_call(core, VQP_HYPERCALL_QPAIR_DETACH,
		    &call.datagram, sizeof(call));
}
