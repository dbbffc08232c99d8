/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The broker of queue pairs, data path MEETING: who created a pair, who
 * attached to it, and whose memory it is.  The checks, their order and their
 * answers are those of docs/wire.md 4.7.  The memory is a guest's, except for a
 * pair between two host contexts, whose memory the hub only names.
 */
#include "device_private.h"

static int
refuse(struct hub_context *context, int status)
{
	return vqp_hub_refuse(context, VQP_COUNT_QPAIR_REFUSED, status);
}

static struct hub_qpair **
bucket_of(struct vqp_hub *hub, struct vqp_handle handle)
{
	return &hub->qpairs[(handle.resource ^ handle.context * 31) %
	    QPAIR_BUCKETS];
}

static struct hub_qpair *
find(struct vqp_hub *hub, struct vqp_handle handle)
{
	struct hub_qpair *pair = *bucket_of(hub, handle);

	while (pair != NULL && !handle_is(pair->handle, handle))
		pair = pair->next;
	return pair;
}

/* Find the same pair again after a callback; NULL if it is gone. */
static struct hub_qpair *
find_again(struct vqp_hub *hub, struct vqp_handle handle, uint64_t serial)
{
	struct hub_qpair *pair = find(hub, handle);

	return pair != NULL && pair->serial == serial ? pair : NULL;
}

/*
 * The side that a context is, or -1.  `context` may be stale; it is compared,
 * never dereferenced.
 */
static int
end_of(const struct hub_qpair *pair, const struct hub_context *context)
{
	for (int i = CREATOR; i <= ATTACHER; i++)
		if (pair->ends[i].context == context)
			return i;
	return -1;
}

static uint64_t
total_bytes(const struct hub_qpair *pair)
{
	return pair->produce_size + pair->consume_size;
}

static void
end_join(struct hub_qpair *pair, int which, struct hub_context *context)
{
	struct qpair_end *end = &pair->ends[which];

	end->context = context;
	end->pair = pair;
	end->told = false;
	end->next = context->ends;
	end->link = &context->ends;
	if (end->next != NULL)
		end->next->link = &end->next;
	context->ends = end;
	context->qpair_count++;
	context->qpair_bytes += total_bytes(pair);
}

static void
end_leave(struct qpair_end *end)
{
	struct hub_context *context = end->context;

	if (context->cursor == end)
		context->cursor = end->next;
	*end->link = end->next;
	if (end->next != NULL)
		end->next->link = end->link;
	context->qpair_count--;
	context->qpair_bytes -= total_bytes(end->pair);
	end->context = NULL;
}

/*
 * ---- Memory.
 */

/* This side's sizes: the creator's, or the same two exchanged. */
static uint64_t
size_of(const struct hub_qpair *pair, int which, bool produce)
{
	return (which == CREATOR) == produce ? pair->produce_size :
	    pair->consume_size;
}

static void
unmap_parts(struct hub_qpair *pair, int count)
{
	const struct vqp_device_host *host = &pair->guest->device->host;

	for (int i = 0; i < count; i++) {
		if (pair->part[i] != NULL)
			host->unmap(host->context, pair->part[i],
			    pair->part_pages[i], pair->page_bytes);
		pair->part[i] = NULL;
	}
	pair->mapped = false;
}

static bool
map_parts(struct hub_qpair *pair)
{
	const struct vqp_device_host *host = &pair->guest->device->host;
	const uint64_t *addresses = pair->addresses;

	for (int i = 0; i < PARTS; i++) {
		const uint32_t pages = pair->part_pages[i];

		if (pages == 0)
			continue;
		pair->part[i] = host->map(host->context, addresses, pages,
		    pair->page_bytes);
		if (pair->part[i] == NULL) {
			unmap_parts(pair, i);
			return false;
		}
		addresses += pages;
	}
	pair->mapped = true;
	return true;
}

static void
drop_memory(struct hub_qpair *pair)
{
	if (pair->mapped)
		unmap_parts(pair, PARTS);
	vqp_hub_free(pair->guest->hub, pair->addresses,
	    pair->page_count * sizeof(*pair->addresses));
	pair->addresses = NULL;
	pair->guest = NULL;
	pair->saved = false;
}

/* Named from the guest's side: the guest writes the produce header. */
static void
read_indexes(const struct hub_qpair *pair, struct vqp_qpair_indexes *indexes)
{
	const struct vqp_queue_header *own = pair->part[PRODUCE_HEADER];
	const struct vqp_queue_header *peer = pair->part[CONSUME_HEADER];

	indexes->produce_tail = vqp_load_relaxed(&own->producer_tail);
	indexes->produce_head = vqp_load_relaxed(&peer->consumer_head);
	indexes->consume_tail = vqp_load_relaxed(&peer->producer_tail);
	indexes->consume_head = vqp_load_relaxed(&own->consumer_head);
}

static void
view(const struct hub_qpair *pair, int which, struct vqp_qpair_memory *memory)
{
	__builtin_memset(memory, 0, sizeof(*memory));
	memory->handle = pair->handle;
	memory->shared = pair->shared;
	memory->produce.size = size_of(pair, which, true);
	memory->consume.size = size_of(pair, which, false);
	if (!pair->mapped)
		return;
	/* The queue that the guest consumes is the one this side produces. */
	memory->produce.header = pair->part[CONSUME_HEADER];
	memory->produce.data = pair->part[CONSUME_DATA];
	memory->consume.header = pair->part[PRODUCE_HEADER];
	memory->consume.data = pair->part[PRODUCE_DATA];
}

static bool
has_memory(const struct hub_qpair *pair)
{
	return pair->mapped || pair->shared != NULL;
}

/* Calls back: the pair and the host context may be gone afterwards. */
static void
tell_memory(struct hub_qpair *pair, int which)
{
	struct qpair_end *end = &pair->ends[which];
	struct vqp_qpair_memory memory;

	if (end->context == NULL || end->context->program == NULL)
		return;
	end->told = true;
	view(pair, which, &memory);
	if (end->context->program->calls.memory != NULL)
		end->context->program->calls.memory(
		    end->context->program->calls.context, memory.handle,
		    &memory);
}

static void
tell_no_memory(struct hub_qpair *pair, int which)
{
	struct qpair_end *end = &pair->ends[which];

	if (!end->told)
		return;
	end->told = false;
	if (end->context->program->calls.memory != NULL)
		end->context->program->calls.memory(
		    end->context->program->calls.context, pair->handle, NULL);
}

/*
 * ---- Alloc.
 */

static uint64_t
pages_of(uint64_t bytes, uint64_t page_bytes)
{
	return (bytes + page_bytes - 1) / page_bytes;
}

/* The checks that need no knowledge of who is plugged in. */
static int
judge(struct hub_context *context, const struct qpair_asked *asked)
{
	const uint64_t max = context->hub->limits.qpair_bytes;
	const uint64_t produce = asked->produce_size;
	const uint64_t consume = asked->consume_size;
	uint64_t page_bytes, count;

	if (produce > max || consume > max - produce)
		return vqp_hub_refuse(context, VQP_COUNT_QPAIR_BYTES_LIMIT,
		    VQP_ERROR_NO_RESOURCES);
	if (asked->handle.context == VQP_CONTEXT_ANY ||
	    asked->handle.resource == VQP_RESOURCE_ANY ||
	    (asked->flags & ~VQP_QPAIR_FLAGS_ALL) != 0 ||
	    (asked->flags & VQP_QPAIR_LOCAL) != 0 ||
	    (produce == 0 && consume == 0))
		return refuse(context, VQP_ERROR_INVALID_ARGS);
	if (context->device == NULL)
		return VQP_SUCCESS;
	if (context->device->suspended)
		return refuse(context, VQP_ERROR_UNAVAILABLE);
	page_bytes = UINT64_C(1) << context->device->page_shift;
	count = pages_of(produce, page_bytes) + pages_of(consume, page_bytes) +
	    2;
	if (asked->page_count != count ||
	    asked->pages_bytes != count * asked->page_width)
		return vqp_hub_refuse(context, VQP_COUNT_QPAIR_BAD_PAGES,
		    VQP_ERROR_INVALID_ARGS);
	return VQP_SUCCESS;
}

/* True if this context may name that one as the peer of a pair it creates. */
static bool
is_possible_peer(struct hub_context *context, uint32_t cid)
{
	const struct hub_context *peer;

	if (cid == VQP_CONTEXT_ANY || cid == VQP_CONTEXT_HOST)
		return cid != context->cid;
	if (cid < VQP_CONTEXT_HOST || cid == context->cid)
		return false;
	if (context->device == NULL)
		return true;	/* a guest that may be plugged in later */
	peer = vqp_hub_find(context->hub, cid);
	return peer != NULL && vqp_hub_reachable(context, peer);
}

static int
may_create(struct hub_context *context, const struct qpair_asked *asked)
{
	if ((asked->flags & VQP_QPAIR_ATTACH_ONLY) != 0)
		return refuse(context, VQP_ERROR_NOT_FOUND);
	if (asked->handle.context != context->cid &&
	    asked->handle.context != asked->peer)
		return refuse(context, VQP_ERROR_NO_ACCESS);
	if (!is_possible_peer(context, asked->peer))
		return refuse(context, VQP_ERROR_DST_UNREACHABLE);
	return VQP_SUCCESS;
}

static int
may_attach(struct hub_context *context, const struct qpair_asked *asked,
    const struct hub_qpair *pair)
{
	const uint32_t may_differ = VQP_QPAIR_ATTACH_ONLY |
	    VQP_QPAIR_FLAGS_ASYMMETRIC;
	const bool restricted =
	    (context->privileges & VQP_PRIVILEGE_RESTRICTED) != 0;
	const bool trusted =
	    (context->privileges & VQP_PRIVILEGE_TRUSTED) != 0;

	if (pair->met)
		return refuse(context, VQP_ERROR_UNAVAILABLE);
	if (!vqp_hub_reachable(context, pair->ends[CREATOR].context))
		return refuse(context, VQP_ERROR_DST_UNREACHABLE);
	if ((restricted && !pair->creator_trusted) ||
	    (pair->creator_restricted && !trusted))
		return vqp_hub_refuse(context, VQP_COUNT_DENIED,
		    VQP_ERROR_NO_ACCESS);
	if (pair->peer != VQP_CONTEXT_ANY && pair->peer != context->cid)
		return refuse(context, VQP_ERROR_NO_ACCESS);
	if (((asked->flags ^ pair->flags) & ~may_differ) != 0 ||
	    asked->produce_size != pair->consume_size ||
	    asked->consume_size != pair->produce_size)
		return refuse(context, VQP_ERROR_MISMATCH);
	if (context->device != NULL || asked->shared != NULL) {
		/* One side alone brings memory, and a waiting pair needs it. */
		if (has_memory(pair) || pair->guest != NULL)
			return refuse(context, VQP_ERROR_INVALID_ARGS);
	}
	if (context->device == NULL && !has_memory(pair))
		return refuse(context, VQP_ERROR_UNAVAILABLE);
	return VQP_SUCCESS;
}

static int
has_room(struct hub_context *context, const struct qpair_asked *asked)
{
	const struct vqp_hub_limits *limits = &context->hub->limits;

	if (context->qpair_count >= limits->qpair_count)
		return vqp_hub_refuse(context, VQP_COUNT_QPAIR_COUNT_LIMIT,
		    VQP_ERROR_NO_RESOURCES);
	/* A host context serves many guests; the limit is for each guest. */
	if (context->device != NULL && context->qpair_bytes >
	    limits->qpair_bytes - (asked->produce_size + asked->consume_size))
		return vqp_hub_refuse(context, VQP_COUNT_QPAIR_BYTES_LIMIT,
		    VQP_ERROR_NO_RESOURCES);
	return VQP_SUCCESS;
}

/*
 * Map the pages that a guest brings, all or none: after an error the pair has
 * no memory, as before.
 */
static int
bring_pages(struct hub_qpair *pair, struct hub_context *guest,
    const struct qpair_asked *asked)
{
	const uint32_t shift = guest->device->page_shift;
	const uint32_t count = (uint32_t)asked->page_count;

	pair->addresses = vqp_hub_alloc(guest->hub,
	    count * sizeof(*pair->addresses));
	if (pair->addresses == NULL)
		return vqp_hub_refuse(guest, VQP_COUNT_NO_MEMORY,
		    VQP_ERROR_NO_MEM);
	pair->guest = guest;
	pair->page_count = count;
	pair->page_bytes = UINT64_C(1) << shift;
	pair->part_pages[PRODUCE_HEADER] = 1;
	pair->part_pages[PRODUCE_DATA] =
	    (uint32_t)pages_of(asked->produce_size, pair->page_bytes);
	pair->part_pages[CONSUME_HEADER] = 1;
	pair->part_pages[CONSUME_DATA] =
	    (uint32_t)pages_of(asked->consume_size, pair->page_bytes);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t number = 0;	/* page_width 4 fills the low half */

		device_copy(&number, asked->pages +
		    (uint64_t)i * asked->page_width, asked->page_width);
		if (number > UINT64_MAX >> shift)
			goto bad;
		pair->addresses[i] = number << shift;
	}
	if (!map_parts(pair))
		goto bad;
	vqp_queue_header_init(pair->part[PRODUCE_HEADER], pair->handle);
	vqp_queue_header_init(pair->part[CONSUME_HEADER], pair->handle);
	return VQP_SUCCESS;
bad:
	drop_memory(pair);
	return vqp_hub_refuse(guest, VQP_COUNT_QPAIR_BAD_PAGES,
	    VQP_ERROR_INVALID_ARGS);
}

static int
create(struct hub_context *context, const struct qpair_asked *asked)
{
	struct vqp_hub *hub = context->hub;
	struct hub_qpair *pair = vqp_hub_alloc(hub, sizeof(*pair));
	struct hub_qpair **bucket = bucket_of(hub, asked->handle);

	if (pair == NULL)
		return vqp_hub_refuse(context, VQP_COUNT_NO_MEMORY,
		    VQP_ERROR_NO_MEM);
	pair->serial = ++hub->serials;
	pair->handle = asked->handle;
	pair->peer = asked->peer;
	pair->flags = asked->flags;
	pair->produce_size = asked->produce_size;
	pair->consume_size = asked->consume_size;
	pair->shared = asked->shared;
	pair->creator_trusted =
	    (context->privileges & VQP_PRIVILEGE_TRUSTED) != 0;
	pair->creator_restricted =
	    (context->privileges & VQP_PRIVILEGE_RESTRICTED) != 0;
	if (context->device != NULL) {
		const int status = bring_pages(pair, context, asked);

		if (status != VQP_SUCCESS) {
			vqp_hub_free(hub, pair, sizeof(*pair));
			return status;
		}
	}
	end_join(pair, CREATOR, context);
	pair->next = *bucket;
	*bucket = pair;
	return VQP_SUCCESS_CREATED;
}

static int
attach(struct hub_context *context, const struct qpair_asked *asked,
    struct hub_qpair *pair)
{
	struct vqp_hub *hub = context->hub;
	const struct vqp_handle handle = pair->handle;
	const uint64_t serial = pair->serial;
	const uint32_t cid = context->cid;

	if (context->device != NULL) {
		const int status = bring_pages(pair, context, asked);

		if (status != VQP_SUCCESS)
			return status;
	}
	end_join(pair, ATTACHER, context);
	pair->met = true;
	/* The state is complete; host contexts are called from here on. */
	tell_memory(pair, context->device != NULL ? CREATOR : ATTACHER);
	pair = find_again(hub, handle, serial);
	if (pair != NULL && pair->ends[CREATOR].context != NULL &&
	    pair->ends[ATTACHER].context != NULL)
		vqp_hub_event_qpair(pair->ends[CREATOR].context,
		    VQP_EVENT_QP_PEER_ATTACH, handle, cid);
	return VQP_SUCCESS_ATTACHED;
}

int
vqp_hub_qpair_alloc(struct hub_context *context,
    const struct qpair_asked *asked)
{
	struct hub_qpair *pair;
	int status = judge(context, asked);

	if (status != VQP_SUCCESS)
		return status;
	pair = find(context->hub, asked->handle);
	if (pair != NULL && end_of(pair, context) >= 0)
		return refuse(context, VQP_ERROR_ALREADY_EXISTS);
	status = pair == NULL ? may_create(context, asked) :
	    may_attach(context, asked, pair);
	if (status == VQP_SUCCESS)
		status = has_room(context, asked);
	if (status != VQP_SUCCESS)
		return status;
	return pair == NULL ? create(context, asked) :
	    attach(context, asked, pair);
}

/*
 * ---- Detach.
 */

static void
forget(struct vqp_hub *hub, struct hub_qpair *pair)
{
	struct hub_qpair **at = bucket_of(hub, pair->handle);

	while (*at != pair)
		at = &(*at)->next;
	*at = pair->next;
	vqp_hub_free(hub, pair, sizeof(*pair));
}

/*
 * A context leaves a pair.  Host contexts are notified before the memory goes,
 * and notified of the peer's detach when everything is done.  The first
 * callback may detach by itself, and may even unplug `context`; as long as
 * `context` is a side of the pair, it exists.
 */
static int
detach(struct hub_context *context, struct hub_qpair *pair)
{
	struct vqp_hub *hub = context->hub;
	const struct vqp_handle handle = pair->handle;
	const uint64_t serial = pair->serial;
	const uint32_t cid = context->cid;
	const int which = end_of(pair, context);
	struct hub_context *other;

	tell_no_memory(pair, pair->guest == context ? !which : which);
	pair = find_again(hub, handle, serial);
	if (pair == NULL)
		return VQP_SUCCESS_LAST_DETACH;
	if (pair->ends[which].context != context)
		return VQP_SUCCESS;
	if (pair->guest == context)
		drop_memory(pair);
	end_leave(&pair->ends[which]);
	other = pair->ends[!which].context;
	if (other == NULL) {
		forget(hub, pair);
		return VQP_SUCCESS_LAST_DETACH;
	}
	vqp_hub_event_qpair(other, VQP_EVENT_QP_PEER_DETACH, handle, cid);
	return VQP_SUCCESS;
}

int
vqp_hub_qpair_detach(struct hub_context *context, struct vqp_handle handle)
{
	struct hub_qpair *pair = find(context->hub, handle);

	if (pair == NULL)
		return refuse(context, VQP_ERROR_NOT_FOUND);
	if (end_of(pair, context) < 0)
		return refuse(context, VQP_ERROR_NOT_ATTACHED);
	return detach(context, pair);
}

/* Each turn takes one side off the list, here or in a callback. */
void
vqp_hub_qpair_detach_all(struct hub_context *context)
{
	while (context->ends != NULL)
		detach(context, context->ends->pair);
}

/* Follow a change of id in waiting pairs that name the context as peer. */
void
vqp_hub_qpair_rename(struct vqp_hub *hub, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < QPAIR_BUCKETS; i++)
		for (struct hub_qpair *pair = hub->qpairs[i]; pair != NULL;
		    pair = pair->next)
			if (!pair->met && pair->peer == from)
				pair->peer = to;
}

/*
 * ---- Suspend and resume.  A walk keeps its place in context->cursor;
 * end_leave() advances the cursor when a callback removes what it points to.
 */

void
vqp_device_suspend_qpairs(struct vqp_device *device)
{
	struct hub_context *context = &device->context;

	for (struct qpair_end *end = context->ends; end != NULL;
	    end = context->cursor) {
		struct hub_qpair *pair = end->pair;
		const struct vqp_handle handle = pair->handle;
		const uint64_t serial = pair->serial;

		context->cursor = end->next;
		if (!pair->mapped)
			continue;
		/* The indices are final only after the host context stopped. */
		tell_no_memory(pair, !end_of(pair, context));
		pair = find_again(context->hub, handle, serial);
		if (pair == NULL || !pair->mapped)
			continue;
		read_indexes(pair, &pair->copy);
		pair->saved = true;
		unmap_parts(pair, PARTS);
	}
	context->cursor = NULL;
}

bool
vqp_device_resume_qpairs(struct vqp_device *device)
{
	struct hub_context *context = &device->context;
	bool lost = false;

	for (struct qpair_end *end = context->ends; end != NULL;
	    end = context->cursor) {
		struct hub_qpair *pair = end->pair;

		context->cursor = end->next;
		if (pair->mapped)
			continue;
		if (map_parts(pair)) {
			pair->saved = false;
			tell_memory(pair, !end_of(pair, context));
			continue;
		}
		lost = true;
		vqp_hub_refuse(context, VQP_COUNT_QPAIR_LOST,
		    VQP_ERROR_NOT_ATTACHED);
		detach(context, pair);
	}
	context->cursor = NULL;
	return lost;
}

/*
 * ---- What host contexts call.
 */

int
vqp_program_qpair_alloc(struct vqp_program *program,
    const struct vqp_qpair_request *request)
{
	struct qpair_asked asked = {
		.handle = request->handle,
		.peer = request->peer,
		.flags = request->flags,
		.produce_size = request->produce_size,
		.consume_size = request->consume_size,
		.shared = request->shared,
	};

	return program->context.closing ? VQP_ERROR_UNAVAILABLE :
	    vqp_hub_qpair_alloc(&program->context, &asked);
}

int
vqp_program_qpair_detach(struct vqp_program *program,
    struct vqp_handle handle)
{
	return vqp_hub_qpair_detach(&program->context, handle);
}

/* Find the pair of a handle and the side that the caller is, or an error. */
static int
find_own(struct vqp_program *program, struct vqp_handle handle,
    struct hub_qpair **pair)
{
	*pair = find(program->context.hub, handle);
	if (*pair == NULL)
		return VQP_ERROR_NOT_FOUND;
	return end_of(*pair, &program->context) < 0 ? VQP_ERROR_NOT_ATTACHED :
	    VQP_SUCCESS;
}

int
vqp_program_qpair_memory(struct vqp_program *program,
    struct vqp_handle handle, struct vqp_qpair_memory *memory)
{
	struct hub_qpair *pair;
	const int status = find_own(program, handle, &pair);

	if (status != VQP_SUCCESS)
		return status;
	if (!has_memory(pair))
		return VQP_ERROR_NOT_READY;
	view(pair, end_of(pair, &program->context), memory);
	return VQP_SUCCESS;
}

static bool
is_outside(uint64_t size, uint64_t tail, uint64_t head)
{
	return size != 0 && (tail >= size || head >= size);
}

int
vqp_program_qpair_indexes(struct vqp_program *program,
    struct vqp_handle handle, struct vqp_qpair_indexes *indexes)
{
	struct vqp_qpair_indexes guest;
	struct hub_qpair *pair;
	int which, status = find_own(program, handle, &pair);

	if (status != VQP_SUCCESS)
		return status;
	if (pair->mapped)
		read_indexes(pair, &guest);
	else if (pair->saved)
		guest = pair->copy;
	else
		return VQP_ERROR_NOT_ATTACHED;
	indexes->produce_tail = guest.consume_tail;
	indexes->produce_head = guest.consume_head;
	indexes->consume_tail = guest.produce_tail;
	indexes->consume_head = guest.produce_head;
	which = end_of(pair, &program->context);
	if (is_outside(size_of(pair, which, true), indexes->produce_tail,
	    indexes->produce_head) ||
	    is_outside(size_of(pair, which, false), indexes->consume_tail,
	    indexes->consume_head))
		return VQP_ERROR_INVALID_SIZE;
	return VQP_SUCCESS;
}
