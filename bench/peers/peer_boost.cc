/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * boost::lockfree::spsc_queue with a capacity fixed at compile time and
 * messages by value; push and pop of arrays for batches.  A consumer could work
 * in place but a producer cannot, so neither does here.
 */
#include "peer.h"

#define NAME "boost"
#define PACKAGE "libboost-dev"

#ifdef BENCH_BOOST

#include <boost/lockfree/spsc_queue.hpp>
#include <boost/version.hpp>
#include <new>

#include "traffic.h"

template <uint64_t bytes> struct Message {
	uint64_t word[bytes / 8];
};

template <uint64_t bytes, uint64_t ring>
using Queue = boost::lockfree::spsc_queue<Message<bytes>,
    boost::lockfree::capacity<ring / bytes>>;

template <uint64_t bytes, uint64_t ring>
TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t)
{
	return static_cast<Queue<bytes, ring> *>(out)->push(
	    *static_cast<const Message<bytes> *>(from));
}

template <uint64_t bytes, uint64_t ring>
TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t)
{
	return static_cast<Queue<bytes, ring> *>(in)->pop(
	    *static_cast<Message<bytes> *>(to));
}

template <uint64_t bytes, uint64_t ring>
TRAFFIC_INLINE uint64_t
put_batch(void *out, const uint8_t *from, uint64_t, uint64_t count)
{
	return static_cast<Queue<bytes, ring> *>(out)->push(
	    reinterpret_cast<const Message<bytes> *>(from), count);
}

template <uint64_t bytes, uint64_t ring>
TRAFFIC_INLINE uint64_t
get_batch(void *in, uint8_t *to, uint64_t, uint64_t count)
{
	return static_cast<Queue<bytes, ring> *>(in)->pop(
	    reinterpret_cast<Message<bytes> *>(to), count);
}

template <uint64_t bytes, uint64_t ring>
static void *
queue_open(struct arena *arena)
{
	void *at = arena_take(arena, sizeof(Queue<bytes, ring>), 4096);

	return at == nullptr ? nullptr : new (at) Queue<bytes, ring>;
}

template <uint64_t bytes, uint64_t ring>
static bool
open_queues(const struct peer_shape *, struct arena *arena,
    struct peer_link *link)
{
	return peer_link_queues(link, queue_open<bytes, ring>(arena),
	    queue_open<bytes, ring>(arena));
}

#define LOOPS(bytes, ring)						\
	TRAFFIC_COPY(copy_##bytes##_##ring, bytes, (put<bytes, ring>),	\
	    (get<bytes, ring>))						\
	TRAFFIC_COPY_BATCH(copy_batch_##bytes##_##ring, bytes,		\
	    (put_batch<bytes, ring>), (get_batch<bytes, ring>))		\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes##_##ring, bytes,		\
	    (put<bytes, ring>), (get<bytes, ring>))			\
	TRAFFIC_OPEN_LOOP(open_loop_##bytes##_##ring, bytes,		\
	    (put<bytes, ring>), (get<bytes, ring>))			\
	static const struct peer_menu menu_##bytes##_##ring = { {	\
		&copy_##bytes##_##ring, nullptr,			\
		&copy_batch_##bytes##_##ring, nullptr, nullptr,		\
		&round_trip_##bytes##_##ring,				\
		&open_loop_##bytes##_##ring				\
	}, open_queues<bytes, ring> };

TRAFFIC_SHAPES(LOOPS)

static const struct peer_menu *
menu(const struct peer_shape *shape)
{
#define CASE(bytes, ring)						\
	if (shape->message_bytes == bytes && shape->ring_bytes == ring)	\
		return &menu_##bytes##_##ring;
	TRAFFIC_SHAPES(CASE)
	return nullptr;
}

const struct peer peer_boost = {
	NAME, PACKAGE, nullptr,
	"spsc_queue with capacity<>, Boost " BOOST_LIB_VERSION,
	false, false, nullptr, menu, nullptr, nullptr, nullptr
};

#else

const struct peer peer_boost = PEER_MISSING(NAME, PACKAGE);

#endif
