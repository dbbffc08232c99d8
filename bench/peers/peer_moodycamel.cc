/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * moodycamel::ReaderWriterQueue as a bounded queue: only its calls that do not
 * allocate.  It has no call for batches.  In place, it constructs a message in
 * the queue (try_emplace) and shows the oldest message (peek, pop).
 */
#include "peer.h"

#define NAME "moodycamel"
#define PACKAGE "libreaderwriterqueue-dev"

#ifdef BENCH_MOODYCAMEL

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <semaphore.h>

/*
 * The queue takes its blocks from std::malloc.  Only its header sees this
 * replacement, so that the blocks come from the same memory as all other rings.
 */
static struct arena *blocks;

namespace std {

inline void *
bench_malloc(size_t bytes)
{
	return arena_take(blocks, bytes, 64);
}

inline void
bench_free(void *)
{
}

}

#define malloc bench_malloc
#define free bench_free
#include <readerwriterqueue/readerwriterqueue.h>
#undef malloc
#undef free

#include "traffic.h"

template <uint64_t bytes> struct Message {
	uint64_t word[bytes / 8];

	explicit Message(uint64_t message)
	{
		traffic_fill(word, bytes, message);
	}
};

template <uint64_t bytes>
using Queue = moodycamel::ReaderWriterQueue<Message<bytes>>;

template <uint64_t bytes>
TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t)
{
	return static_cast<Queue<bytes> *>(out)->try_enqueue(
	    *static_cast<const Message<bytes> *>(from));
}

template <uint64_t bytes>
TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t)
{
	return static_cast<Queue<bytes> *>(in)->try_dequeue(
	    *static_cast<Message<bytes> *>(to));
}

template <uint64_t bytes>
TRAFFIC_INLINE uint64_t
fill(void *out, uint64_t, uint64_t, uint64_t first)
{
	return static_cast<Queue<bytes> *>(out)->try_emplace(first);
}

template <uint64_t bytes>
TRAFFIC_INLINE uint64_t
drain(void *in, uint64_t, uint64_t, uint64_t first, uint64_t *mismatches)
{
	Queue<bytes> *queue = static_cast<Queue<bytes> *>(in);
	const Message<bytes> *message = queue->peek();

	if (message == nullptr)
		return 0;
	*mismatches += traffic_differs(message->word, bytes, first);
	queue->pop();
	return 1;
}

template <uint64_t bytes>
static void *
queue_open(const struct peer_shape *shape, struct arena *arena)
{
	void *at = arena_take(arena, sizeof(Queue<bytes>), 4096);

	/*
	 * The size is rounded up to a power of two of slots, one of which stays
	 * empty.
	 */
	blocks = arena;
	return at == nullptr ? nullptr :
	    new (at) Queue<bytes>(shape->ring_bytes / bytes - 1);
}

template <uint64_t bytes>
static bool
open_queues(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	return peer_link_queues(link, queue_open<bytes>(shape, arena),
	    queue_open<bytes>(shape, arena));
}

#define LOOPS(bytes)							\
	TRAFFIC_COPY(copy_##bytes, bytes, put<bytes>, get<bytes>)	\
	TRAFFIC_IN_PLACE(in_place_##bytes, bytes, 1, fill<bytes>,	\
	    drain<bytes>)						\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes, bytes, put<bytes>,	\
	    get<bytes>)							\
	TRAFFIC_OPEN_LOOP(open_loop_##bytes, bytes, put<bytes>,		\
	    get<bytes>)							\
	static const struct peer_menu menu_##bytes = { {		\
		&copy_##bytes, nullptr, nullptr, &in_place_##bytes,	\
		nullptr, &round_trip_##bytes, &open_loop_##bytes	\
	}, open_queues<bytes> };

TRAFFIC_SIZES(LOOPS)

static const struct peer_menu *
menu(const struct peer_shape *shape)
{
	if (shape->ring_bytes / shape->message_bytes < 2)
		return nullptr;
	TRAFFIC_MENU(shape);
}

const struct peer peer_moodycamel = {
	NAME, PACKAGE, nullptr,
	"ReaderWriterQueue, try_enqueue and try_dequeue; in place try_emplace, "
	"peek and pop",
	false, false, nullptr, menu, nullptr, nullptr, nullptr
};

#else

const struct peer peer_moodycamel = PEER_MISSING(NAME, PACKAGE);

#endif
