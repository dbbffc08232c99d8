/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * atomic_queue for one producer and one consumer, set up as in its author's
 * benchmarks: no shuffling of slots, and push and pop, which wait by themselves
 * and are its fastest calls ("optimist").  A parameter of the type decides
 * whether they pause while they wait.  A message of 8 bytes is an atomic
 * element whose value is the flag; a larger one has a flag beside it.  The
 * queue has no batches and no access in place.
 *
 * Its calls wait by themselves, so they know no deadline; worker_pair_run()
 * would notice a side that hangs.
 */
#include "peer.h"

#define NAME "atomic_queue"
#define PACKAGE "libatomic-queue-dev"

#ifdef BENCH_ATOMIC_QUEUE

#include <atomic_queue/atomic_queue.h>
#include <new>
#include <type_traits>

#include "traffic.h"

template <uint64_t bytes> struct Message {
	uint64_t word[bytes / 8];
};

template <uint64_t bytes, uint64_t ring, bool pause>
struct QueueOf {
	using type = atomic_queue::AtomicQueue2<Message<bytes>, ring / bytes,
	    false, pause, false, true>;
};

template <uint64_t ring, bool pause>
struct QueueOf<8, ring, pause> {
	using type = atomic_queue::AtomicQueue<uint64_t, ring / 8, 0, false,
	    pause, false, true>;
};

template <uint64_t bytes, uint64_t ring, bool pause>
using Queue = typename QueueOf<bytes, ring, pause>::type;

template <uint64_t bytes, uint64_t ring, bool pause>
TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t)
{
	using Q = Queue<bytes, ring, pause>;

	static_cast<Q *>(out)->push(
	    *static_cast<const typename Q::value_type *>(from));
	return true;
}

template <uint64_t bytes, uint64_t ring, bool pause>
TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t)
{
	using Q = Queue<bytes, ring, pause>;

	new (to) typename Q::value_type(static_cast<Q *>(in)->pop());
	return true;
}

template <uint64_t bytes, uint64_t ring, bool pause>
static void *
queue_open(struct arena *arena)
{
	using Q = Queue<bytes, ring, pause>;
	void *at = arena_take(arena, sizeof(Q), 4096);

	return at == nullptr ? nullptr : new (at) Q;
}

template <uint64_t bytes, uint64_t ring, bool pause>
static bool
open_queues(const struct peer_shape *, struct arena *arena,
    struct peer_link *link)
{
	return peer_link_queues(link, queue_open<bytes, ring, pause>(arena),
	    queue_open<bytes, ring, pause>(arena));
}

#define LOOPS_OF(name, bytes, ring, pause)				\
	TRAFFIC_COPY(copy_##name, bytes, (put<bytes, ring, pause>),	\
	    (get<bytes, ring, pause>))					\
	TRAFFIC_ROUND_TRIP(round_trip_##name, bytes,			\
	    (put<bytes, ring, pause>), (get<bytes, ring, pause>))	\
	TRAFFIC_OPEN_LOOP(open_loop_##name, bytes,			\
	    (put<bytes, ring, pause>), (get<bytes, ring, pause>))	\
	static const struct peer_menu menu_##name = { {			\
		&copy_##name, nullptr, nullptr, nullptr, nullptr,	\
		&round_trip_##name, &open_loop_##name			\
	}, open_queues<bytes, ring, pause> };

#define LOOPS(bytes, ring)						\
	LOOPS_OF(tight_##bytes##_##ring, bytes, ring, false)		\
	LOOPS_OF(pause_##bytes##_##ring, bytes, ring, true)

TRAFFIC_SHAPES(LOOPS)

static const struct peer_menu *
menu(const struct peer_shape *shape)
{
#define CASE(bytes, ring)						\
	if (shape->message_bytes == bytes && shape->ring_bytes == ring)	\
		return shape->pause ? &menu_pause_##bytes##_##ring :	\
		    &menu_tight_##bytes##_##ring;
	TRAFFIC_SHAPES(CASE)
	return nullptr;
}

const struct peer peer_atomic_queue = {
	NAME, PACKAGE, nullptr,
	"AtomicQueue (8 bytes) and AtomicQueue2, SPSC, push and pop",
	false, false, nullptr, menu, nullptr, nullptr, nullptr
};

#else

const struct peer peer_atomic_queue = PEER_MISSING(NAME, PACKAGE);

#endif
