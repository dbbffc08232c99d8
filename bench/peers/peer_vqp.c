/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * vqp itself, as used by a program that includes vqp/pair.h: send and receive
 * to copy one message or many, and the producer and consumer of vqp/ring.h to
 * work in place.  Also variants of vqp: each one fixes a choice that vqp makes
 * itself, or turns it off.
 */
#include <vqp/pair.h>

#include "traffic.h"

TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t bytes)
{
	struct vqp_pair *pair = (struct vqp_pair *)out;

	return vqp_pair_send(pair, from, bytes) == (int64_t)bytes;
}

TRAFFIC_INLINE bool
put_more(void *out, const void *from, uint64_t bytes)
{
	struct vqp_pair *pair = (struct vqp_pair *)out;

	return vqp_pair_send_more(pair, from, bytes) == (int64_t)bytes;
}

TRAFFIC_INLINE void
flush(void *out)
{
	vqp_pair_flush((struct vqp_pair *)out);
}

TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t bytes)
{
	struct vqp_pair *pair = (struct vqp_pair *)in;

	return vqp_pair_receive(pair, to, bytes) == (int64_t)bytes;
}

TRAFFIC_INLINE uint64_t
put_batch(void *out, const uint8_t *from, uint64_t bytes, uint64_t count)
{
	int64_t n = vqp_pair_send_batch((struct vqp_pair *)out, from, bytes,
	    count);

	return n > 0 ? (uint64_t)n : 0;
}

TRAFFIC_INLINE uint64_t
get_batch(void *in, uint8_t *to, uint64_t bytes, uint64_t count)
{
	int64_t n = vqp_pair_receive_batch((struct vqp_pair *)in, to, bytes,
	    count);

	return n > 0 ? (uint64_t)n : 0;
}

/* A message as large as the ring passes as a stream of bytes. */
TRAFFIC_INLINE int64_t
write_some(void *out, const void *from, uint64_t bytes)
{
	return vqp_pair_enqueue((struct vqp_pair *)out, from, bytes);
}

TRAFFIC_INLINE int64_t
read_some(void *in, void *to, uint64_t bytes)
{
	return vqp_pair_dequeue((struct vqp_pair *)in, to, bytes);
}

/*
 * Rings are whole numbers of messages, so no message of a span lies in two
 * parts.  In a ring that is about to be full, the last message lacks the byte
 * that stays empty.
 */
TRAFFIC_INLINE uint64_t
fill_one(void *out, uint64_t bytes, uint64_t count, uint64_t first)
{
	struct vqp_tx *tx = &((struct vqp_pair *)out)->tx;
	struct vqp_span span[2];

	(void)count;
	if (vqp_tx_reserve(tx, bytes, span) != (int64_t)bytes)
		return 0;
	traffic_fill(span[0].base, bytes, first);
	vqp_tx_commit(tx, bytes);
	return 1;
}

TRAFFIC_INLINE uint64_t
drain_one(void *in, uint64_t bytes, uint64_t count, uint64_t first,
    uint64_t *mismatches)
{
	struct vqp_rx *rx = &((struct vqp_pair *)in)->rx;
	struct vqp_span span[2];

	(void)count;
	if (vqp_rx_peek(rx, bytes, span) != (int64_t)bytes)
		return 0;
	*mismatches += traffic_differs(span[0].base, bytes, first);
	vqp_rx_release(rx, bytes);
	return 1;
}

/*
 * Many messages at once: one reservation of one or two parts, published whole.
 */
TRAFFIC_INLINE uint8_t *
message(const struct vqp_span span[2], uint64_t bytes, uint64_t i)
{
	return i * bytes < span[0].length ? span[0].base + i * bytes :
	    span[1].base + (i * bytes - span[0].length);
}

TRAFFIC_INLINE uint64_t
whole_messages(int64_t offered, uint64_t bytes)
{
	return offered > 0 ? (uint64_t)offered / bytes : 0;
}

TRAFFIC_INLINE uint64_t
fill(void *out, uint64_t bytes, uint64_t count, uint64_t first)
{
	struct vqp_tx *tx = &((struct vqp_pair *)out)->tx;
	struct vqp_span span[2];
	uint64_t n = whole_messages(vqp_tx_reserve(tx, count * bytes, span),
	    bytes);

	for (uint64_t i = 0; i < n; i++)
		traffic_fill(message(span, bytes, i), bytes, first + i);
	if (n != 0)
		vqp_tx_commit(tx, n * bytes);
	return n;
}

TRAFFIC_INLINE uint64_t
drain(void *in, uint64_t bytes, uint64_t count, uint64_t first,
    uint64_t *mismatches)
{
	struct vqp_rx *rx = &((struct vqp_pair *)in)->rx;
	struct vqp_span span[2];
	uint64_t n = whole_messages(vqp_rx_peek(rx, count * bytes, span),
	    bytes);

	for (uint64_t i = 0; i < n; i++)
		*mismatches += traffic_differs(message(span, bytes, i), bytes,
		    first + i);
	if (n != 0)
		vqp_rx_release(rx, n * bytes);
	return n;
}

/* Take the pages that both sides share, for one direction. */
static bool
queue_open(struct vqp_queue *queue, uint64_t bytes, struct arena *arena)
{
	const struct vqp_handle handle = { 1, 1 };

	queue->header = arena_take(arena, 4096, 4096);
	queue->data = arena_take(arena, bytes, 4096);
	queue->size = bytes;
	queue->mirrored = false;
	if (queue->header == NULL || queue->data == NULL)
		return false;
	vqp_queue_header_init(queue->header, handle);
	return true;
}

static bool
open_pair(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	struct vqp_pair_config config =
	    *(const struct vqp_pair_config *)shape->config;
	struct vqp_queue queue[2];
	uint8_t *ends = arena_take(arena, 4096, 4096);

	if (ends == NULL ||
	    !queue_open(&queue[0], shape->ring_bytes, arena) ||
	    !queue_open(&queue[1], shape->ring_bytes, arena))
		return false;
	/* Variants use the wide layout. */
	config.layout = shape->layout == PEER_LAYOUT_COMPAT ?
	    VQP_LAYOUT_COMPAT : VQP_LAYOUT_WIDE;
	for (unsigned i = 0; i < 2; i++) {
		/*
		 * The pair lies inside a page, as most memory does.  At the
		 * start of a page, where the headers have their indices, one
		 * address in 16 is twice as slow: a Zen 4 mistakes it for a
		 * header's address in its first cache.
		 */
		struct vqp_pair *pair =
		    (struct vqp_pair *)(void *)(ends + 1024) + i;

		config.produce = queue[i];
		config.consume = queue[1 - i];
		if (vqp_pair_attach(pair, &config) != VQP_SUCCESS)
			return false;
		link->end[i].out = link->end[i].in = pair;
	}
	return true;
}

#define LOOPS(bytes)							\
	TRAFFIC_COPY(copy_##bytes, bytes, put, get)			\
	TRAFFIC_COPY_MORE(copy_more_##bytes, bytes, put_more, flush,	\
	    get)							\
	TRAFFIC_COPY_BATCH(copy_batch_##bytes, bytes, put_batch,	\
	    get_batch)							\
	TRAFFIC_IN_PLACE(in_place_##bytes, bytes, 1, fill_one,		\
	    drain_one)							\
	TRAFFIC_IN_PLACE(in_place_batch_##bytes, bytes, PEER_BATCH,	\
	    fill, drain)						\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes, bytes, put, get)		\
	TRAFFIC_OPEN_LOOP(open_loop_##bytes, bytes, put, get)		\
	static const struct peer_menu menu_##bytes = { {		\
		&copy_##bytes, &copy_more_##bytes, &copy_batch_##bytes,	\
		&in_place_##bytes, &in_place_batch_##bytes,		\
		&round_trip_##bytes, &open_loop_##bytes			\
	}, open_pair };							\
	static const struct peer_menu copies_##bytes = { {		\
		&copy_##bytes, &copy_more_##bytes, &copy_batch_##bytes	\
	}, open_pair };

TRAFFIC_SIZES(LOOPS)
TRAFFIC_STREAM(stream, 65536, write_some, read_some)

static const struct peer_menu only_stream = { { &stream }, open_pair };

static const struct peer_menu *
menu(const struct peer_shape *shape)
{
	if (shape->message_bytes == shape->ring_bytes)
		return &only_stream;
	TRAFFIC_MENU(shape);
}

/* Placement decides how bytes are copied.  One way to wait is enough. */
static const struct peer_menu *
placed_menu(const struct peer_shape *shape)
{
	if (!shape->pause)
		return NULL;
	if (shape->message_bytes == shape->ring_bytes)
		return &only_stream;
	switch (shape->message_bytes) {
#define COPIES_CASE(bytes) case bytes: return &copies_##bytes;
	TRAFFIC_SIZES(COPIES_CASE)
	}
	return NULL;
}

const struct peer peer_vqp = {
	.name = "vqp",
	.package = "",
	.note = "send and receive, each with a batch; send_more and flush; in "
	    "place reserve and commit, peek and release. A message as large "
	    "as its ring passes in pieces.",
	.layouts = true,
	.menu = menu,
	.role = PEER_ROLE_VQP,
	.config = &(const struct vqp_pair_config){
		.placement = VQP_PLACEMENT_MEASURED,
	},
};

#define PLACED(suffix, where)						\
	const struct peer peer_vqp_##suffix = {				\
		.name = "vqp-" #suffix,					\
		.package = "",						\
		.note = "vqp, wide, told where it is: " #where,		\
		.menu = placed_menu,					\
		.role = PEER_ROLE_VARIANT,				\
		.config = &(const struct vqp_pair_config){		\
			.placement = where				\
		},							\
	};

PLACED(same_core, VQP_PLACEMENT_SAME_CORE)
PLACED(near, VQP_PLACEMENT_NEAR)
PLACED(far, VQP_PLACEMENT_FAR)
