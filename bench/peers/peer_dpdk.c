/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DPDK's rte_ring with a single producer and a single consumer, from its
 * headers alone: elements by value, bursts of them, and its zero-copy calls.
 * The ring is made for elements of a few words; larger ones are legal and slow.
 */
#include "peer.h"

#define NAME "dpdk"
#define PACKAGE "libdpdk-dev"

#ifdef BENCH_DPDK

#include <rte_config.h>
#include <rte_ring.h>
#include <rte_ring_peek_zc.h>

#include "traffic.h"

TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t bytes)
{
	return rte_ring_sp_enqueue_elem(out, (void *)(uintptr_t)from,
	    (unsigned)bytes) == 0;
}

TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t bytes)
{
	return rte_ring_sc_dequeue_elem(in, to, (unsigned)bytes) == 0;
}

TRAFFIC_INLINE uint64_t
put_batch(void *out, const uint8_t *from, uint64_t bytes, uint64_t count)
{
	return rte_ring_sp_enqueue_burst_elem(out, from, (unsigned)bytes,
	    (unsigned)count, NULL);
}

TRAFFIC_INLINE uint64_t
get_batch(void *in, uint8_t *to, uint64_t bytes, uint64_t count)
{
	return rte_ring_sc_dequeue_burst_elem(in, to, (unsigned)bytes,
	    (unsigned)count, NULL);
}

/* Element i of a reservation or readable span that may lie in two parts. */
TRAFFIC_INLINE void *
element(const struct rte_ring_zc_data *offer, uint64_t bytes, uint64_t i)
{
	return i < offer->n1 ? (uint8_t *)offer->ptr1 + i * bytes :
	    (uint8_t *)offer->ptr2 + (i - offer->n1) * bytes;
}

TRAFFIC_INLINE uint64_t
fill(void *out, uint64_t bytes, uint64_t count, uint64_t first)
{
	struct rte_ring_zc_data offer;
	unsigned n = rte_ring_enqueue_zc_burst_elem_start(out,
	    (unsigned)bytes, (unsigned)count, &offer, NULL);

	for (uint64_t i = 0; i < n; i++)
		traffic_fill(element(&offer, bytes, i), bytes, first + i);
	if (n != 0)
		rte_ring_enqueue_zc_elem_finish(out, n);
	return n;
}

TRAFFIC_INLINE uint64_t
drain(void *in, uint64_t bytes, uint64_t count, uint64_t first,
    uint64_t *mismatches)
{
	struct rte_ring_zc_data offer;
	unsigned n = rte_ring_dequeue_zc_burst_elem_start(in,
	    (unsigned)bytes, (unsigned)count, &offer, NULL);

	for (uint64_t i = 0; i < n; i++)
		*mismatches += traffic_differs(element(&offer, bytes, i),
		    bytes, first + i);
	if (n != 0)
		rte_ring_dequeue_zc_elem_finish(in, n);
	return n;
}

/* Do what rte_ring_init() does, because that function is not in a header. */
static struct rte_ring *
queue_open(const struct peer_shape *shape, struct arena *arena)
{
	struct rte_ring *ring = arena_take(arena,
	    sizeof(*ring) + shape->ring_bytes, 4096);

	if (ring == NULL)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->size = (uint32_t)(shape->ring_bytes / shape->message_bytes);
	ring->mask = ring->size - 1;
	ring->capacity = ring->mask;
	ring->prod.sync_type = RTE_RING_SYNC_ST;
	ring->cons.sync_type = RTE_RING_SYNC_ST;
	return ring;
}

static bool
open_queues(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	return peer_link_queues(link, queue_open(shape, arena),
	    queue_open(shape, arena));
}

#define LOOPS(bytes)							\
	TRAFFIC_COPY(copy_##bytes, bytes, put, get)			\
	TRAFFIC_COPY_BATCH(copy_batch_##bytes, bytes, put_batch,	\
	    get_batch)							\
	TRAFFIC_IN_PLACE(in_place_##bytes, bytes, 1, fill, drain)	\
	TRAFFIC_IN_PLACE(in_place_batch_##bytes, bytes, PEER_BATCH,	\
	    fill, drain)						\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes, bytes, put, get)		\
	TRAFFIC_OPEN_LOOP(open_loop_##bytes, bytes, put, get)		\
	static const struct peer_menu menu_##bytes = { {		\
		&copy_##bytes, NULL, &copy_batch_##bytes,		\
		&in_place_##bytes, &in_place_batch_##bytes,		\
		&round_trip_##bytes, &open_loop_##bytes			\
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

const struct peer peer_dpdk = {
	.name = NAME,
	.package = PACKAGE,
	.note = "rte_ring, SP/SC, elements by value; burst; zero-copy burst",
	.menu = menu,
};

#else

const struct peer peer_dpdk = PEER_MISSING(NAME, PACKAGE);

#endif
