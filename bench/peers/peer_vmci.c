/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The queue of a VMCI kernel driver as it is today, written in our own words
 * (docs/wire.md), to show what vqp improves on.  It has the header of VMCI,
 * fetches its own index from shared memory three times a call, loads the peer's
 * index every time, and reaches the ring through a list of pages.  It has no
 * lock, no vector of the caller's and no call into another module, so it is
 * faster than the real one.
 *
 * Here a message passes whole or not at all.  In the kernel a part of a message
 * may pass, and its clients ask for the space first.
 */
#include <string.h>

#include "traffic.h"

#define PAGE_BYTES 4096

/*
 * One side writes a header: it produces by one word and consumes by the other.
 */
struct header {
	uint64_t handle;
	uint64_t producer_tail;
	uint64_t consumer_head;
};

struct queue {
	struct header *header;
	uint8_t **pages;
};

/* One side: the queue it fills and the queue it drains. */
struct end {
	struct queue produce;
	struct queue consume;
	uint64_t bytes;		/* of each ring */
};

static uint64_t
fetch(const uint64_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/*
 * The bytes ready between two indices, or less than 0 if an index is
 * impossible.
 */
static int64_t
ready(uint64_t tail, uint64_t head, uint64_t bytes)
{
	if (tail >= bytes || head >= bytes)
		return -1;
	return (int64_t)(tail >= head ? tail - head : bytes - (head - tail));
}

static void
advance(uint64_t *index, uint64_t n, uint64_t bytes)
{
	uint64_t at = fetch(index);

	__atomic_store_n(index, at >= bytes - n ? at - (bytes - n) : at + n,
	    __ATOMIC_RELEASE);
}

/* Copy page by page; one of the two addresses is in the ring. */
static void
copy_in(uint8_t *const *pages, uint64_t at, const uint8_t *from, uint64_t n)
{
	while (n != 0) {
		uint64_t offset = at % PAGE_BYTES;
		uint64_t piece = PAGE_BYTES - offset < n ?
		    PAGE_BYTES - offset : n;

		memcpy(pages[at / PAGE_BYTES] + offset, from, piece);
		at += piece;
		from += piece;
		n -= piece;
	}
}

static void
copy_out(uint8_t *const *pages, uint64_t at, uint8_t *to, uint64_t n)
{
	while (n != 0) {
		uint64_t offset = at % PAGE_BYTES;
		uint64_t piece = PAGE_BYTES - offset < n ?
		    PAGE_BYTES - offset : n;

		memcpy(to, pages[at / PAGE_BYTES] + offset, piece);
		at += piece;
		to += piece;
		n -= piece;
	}
}

TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t n)
{
	struct end *end = out;
	uint64_t *tail_cell = &end->produce.header->producer_tail;
	const uint64_t *head_cell = &end->consume.header->consumer_head;
	int64_t used = ready(fetch(tail_cell), fetch(head_cell), end->bytes);
	uint64_t tail, first;

	if (used < 0 || end->bytes - 1 - (uint64_t)used < n)
		return false;
	tail = fetch(tail_cell);
	first = end->bytes - tail < n ? end->bytes - tail : n;
	copy_in(end->produce.pages, tail, from, first);
	if (first < n)
		copy_in(end->produce.pages, 0, (const uint8_t *)from + first,
		    n - first);
	advance(tail_cell, n, end->bytes);
	return true;
}

TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t n)
{
	struct end *end = in;
	const uint64_t *tail_cell = &end->consume.header->producer_tail;
	uint64_t *head_cell = &end->produce.header->consumer_head;
	int64_t there = ready(fetch(tail_cell), fetch(head_cell), end->bytes);
	uint64_t head, first;

	if (there < 0 || (uint64_t)there < n)
		return false;
	head = fetch(head_cell);
	first = end->bytes - head < n ? end->bytes - head : n;
	copy_out(end->consume.pages, head, to, first);
	if (first < n)
		copy_out(end->consume.pages, 0, (uint8_t *)to + first,
		    n - first);
	advance(head_cell, n, end->bytes);
	return true;
}

static bool
queue_open(struct queue *queue, uint64_t bytes, struct arena *arena)
{
	uint64_t count = bytes / PAGE_BYTES;

	queue->header = arena_take(arena, PAGE_BYTES, PAGE_BYTES);
	queue->pages = arena_take(arena, count * sizeof(*queue->pages), 64);
	if (queue->header == NULL || queue->pages == NULL)
		return false;
	memset(queue->header, 0, sizeof(*queue->header));
	for (uint64_t i = 0; i < count; i++) {
		queue->pages[i] = arena_take(arena, PAGE_BYTES, PAGE_BYTES);
		if (queue->pages[i] == NULL)
			return false;
	}
	return true;
}

static bool
open_ends(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	struct queue queue[2];

	if (!queue_open(&queue[0], shape->ring_bytes, arena) ||
	    !queue_open(&queue[1], shape->ring_bytes, arena))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		struct end *end = arena_take(arena, sizeof(*end), 128);

		if (end == NULL)
			return false;
		end->produce = queue[i];
		end->consume = queue[1 - i];
		end->bytes = shape->ring_bytes;
		link->end[i].out = link->end[i].in = end;
	}
	return true;
}

#define LOOPS(bytes)							\
	TRAFFIC_COPY(copy_##bytes, bytes, put, get)			\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes, bytes, put, get)		\
	static const struct peer_menu menu_##bytes = { {		\
		[PEER_COPY] = &copy_##bytes,				\
		[PEER_ROUND_TRIP] = &round_trip_##bytes,		\
	}, open_ends };

TRAFFIC_SIZES(LOOPS)

static const struct peer_menu *
menu(const struct peer_shape *shape)
{
	/* One byte stays empty. */
	if (shape->message_bytes == shape->ring_bytes)
		return NULL;
	TRAFFIC_MENU(shape);
}

const struct peer peer_vmci = {
	.name = "vmci",
	.package = "",
	.note = "today's kernel drivers' queue, rendered in user space",
	.menu = menu,
	.role = PEER_ROLE_BASELINE,
};
