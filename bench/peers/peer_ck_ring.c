/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Concurrency Kit's ck_ring between one producer and one consumer.  Messages
 * have a fixed size and lie in the ring by value, which its header offers as
 * CK_RING_PROTOTYPE.  It has no call for batches and none to read in place.
 */
#include "peer.h"

#define NAME "ck_ring"
#define PACKAGE "libck-dev"

#ifdef BENCH_CK_RING

#include <ck_ring.h>
#include <string.h>

#include "traffic.h"

struct queue {
	struct ck_ring ring;
	void *slots;
};

#define VERBS(bytes)							\
	struct message_##bytes {					\
		uint64_t word[bytes / 8];				\
	};								\
	CK_RING_PROTOTYPE(message_##bytes, message_##bytes)		\
	TRAFFIC_INLINE bool						\
	put_##bytes(void *out, const void *from, uint64_t length)	\
	{								\
		struct queue *queue = out;				\
									\
		(void)length;						\
		return ck_ring_enqueue_spsc_message_##bytes(		\
		    &queue->ring, queue->slots,				\
		    (struct message_##bytes *)(uintptr_t)from);		\
	}								\
	TRAFFIC_INLINE bool						\
	get_##bytes(void *in, void *to, uint64_t length)		\
	{								\
		struct queue *queue = in;				\
									\
		(void)length;						\
		return ck_ring_dequeue_spsc_message_##bytes(		\
		    &queue->ring, queue->slots, to);			\
	}

static struct queue *
queue_open(const struct peer_shape *shape, struct arena *arena)
{
	struct queue *queue = arena_take(arena, sizeof(*queue), 4096);

	if (queue == NULL)
		return NULL;
	ck_ring_init(&queue->ring,
	    (unsigned)(shape->ring_bytes / shape->message_bytes));
	queue->slots = arena_take(arena, shape->ring_bytes, 4096);
	return queue->slots == NULL ? NULL : queue;
}

static bool
open_queues(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	return peer_link_queues(link, queue_open(shape, arena),
	    queue_open(shape, arena));
}

#define LOOPS(bytes)							\
	VERBS(bytes)							\
	TRAFFIC_COPY(copy_##bytes, bytes, put_##bytes, get_##bytes)	\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes, bytes, put_##bytes,	\
	    get_##bytes)						\
	TRAFFIC_OPEN_LOOP(open_loop_##bytes, bytes, put_##bytes,	\
	    get_##bytes)						\
	static const struct peer_menu menu_##bytes = { {		\
		[PEER_COPY] = &copy_##bytes,				\
		[PEER_ROUND_TRIP] = &round_trip_##bytes,		\
		[PEER_OPEN_LOOP] = &open_loop_##bytes,			\
	}, open_queues };

TRAFFIC_SIZES(LOOPS)

static const struct peer_menu *
menu(const struct peer_shape *shape)
{
	/* One slot stays empty. */
	if (shape->ring_bytes / shape->message_bytes < 2)
		return NULL;
	TRAFFIC_MENU(shape);
}

const struct peer peer_ck_ring = {
	.name = NAME,
	.package = PACKAGE,
	.note = "CK_RING_PROTOTYPE, spsc, messages by value",
	.menu = menu,
};

#else

const struct peer peer_ck_ring = PEER_MISSING(NAME, PACKAGE);

#endif
