/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The limit of one direction: how fast bytes can go from one thread to the
 * other at all.  Blocks of 16 KiB are written and read in place.  Two counters
 * of blocks lie on lines of their own; a side loads the peer's counter only
 * when it has used up the blocks it knows of.  The fastest kind of store
 * depends on where the threads run: plain stores within an L3, non-temporal
 * stores between two.
 */
#include "traffic.h"

#ifdef __x86_64__
#include <emmintrin.h>
#endif

struct stream {
	struct {
		uint64_t blocks;	/* blocks written, visible to all */
		uint64_t seen;		/* blocks read, as last seen */
	} writer __attribute__((aligned(128)));
	struct {
		uint64_t blocks;
		uint64_t seen;
	} reader __attribute__((aligned(128)));
	uint64_t ring_blocks __attribute__((aligned(128)));
	uint8_t *data;
};

/*
 * `write` fills a block with a message; a reader may read the block once it
 * sees the counter.
 */
TRAFFIC_INLINE uint64_t
fill_by(void *out, uint64_t bytes, uint64_t first,
    void (*write)(void *at, uint64_t bytes, uint64_t message))
{
	struct stream *stream = out;
	uint64_t at = stream->writer.blocks;

	if (at - stream->writer.seen == stream->ring_blocks) {
		stream->writer.seen = __atomic_load_n(&stream->reader.blocks,
		    __ATOMIC_ACQUIRE);
		if (at - stream->writer.seen == stream->ring_blocks)
			return 0;
	}
	write(stream->data + at % stream->ring_blocks * bytes, bytes, first);
	__atomic_store_n(&stream->writer.blocks, at + 1, __ATOMIC_RELEASE);
	return 1;
}

TRAFFIC_INLINE uint64_t
fill_plain(void *out, uint64_t bytes, uint64_t count, uint64_t first)
{
	(void)count;
	return fill_by(out, bytes, first, traffic_fill);
}

#ifdef __x86_64__

TRAFFIC_INLINE void
write_past_caches(void *at, uint64_t bytes, uint64_t message)
{
	__m128i two_words = _mm_set1_epi64x((long long)traffic_word(message));
	__m128i *to = at;

	for (uint64_t i = 0; i < bytes / sizeof(*to); i++)
		_mm_stream_si128(&to[i], two_words);
	/*
	 * Non-temporal stores are not ordered before the store of the counter
	 * without this fence.
	 */
	_mm_sfence();
}

TRAFFIC_INLINE uint64_t
fill_past_caches(void *out, uint64_t bytes, uint64_t count, uint64_t first)
{
	(void)count;
	return fill_by(out, bytes, first, write_past_caches);
}

#endif

TRAFFIC_INLINE uint64_t
drain(void *in, uint64_t bytes, uint64_t count, uint64_t first,
    uint64_t *mismatches)
{
	struct stream *stream = in;
	uint64_t at = stream->reader.blocks;

	(void)count;
	if (at == stream->reader.seen) {
		stream->reader.seen = __atomic_load_n(&stream->writer.blocks,
		    __ATOMIC_ACQUIRE);
		if (at == stream->reader.seen)
			return 0;
	}
	*mismatches += traffic_differs(stream->data +
	    at % stream->ring_blocks * bytes, bytes, first);
	__atomic_store_n(&stream->reader.blocks, at + 1, __ATOMIC_RELEASE);
	return 1;
}

static struct stream *
stream_open(const struct peer_shape *shape, struct arena *arena)
{
	struct stream *stream = arena_take(arena, sizeof(*stream), 4096);

	if (stream == NULL)
		return NULL;
	stream->writer.blocks = stream->writer.seen = 0;
	stream->reader.blocks = stream->reader.seen = 0;
	stream->ring_blocks = shape->ring_bytes / shape->message_bytes;
	stream->data = arena_take(arena, shape->ring_bytes, 4096);
	return stream->data == NULL ? NULL : stream;
}

static bool
open_streams(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	return peer_link_queues(link, stream_open(shape, arena),
	    stream_open(shape, arena));
}

#define STREAM(stores)							\
	TRAFFIC_IN_PLACE(stores##_loops, 16384, 1, fill_##stores, drain) \
	static const struct peer_menu *					\
	stores##_menu(const struct peer_shape *shape)			\
	{								\
		static const struct peer_menu blocks = {		\
			{ [PEER_IN_PLACE] = &stores##_loops },		\
			open_streams					\
		};							\
									\
		return shape->message_bytes == 16384 ? &blocks : NULL;	\
	}

STREAM(plain)
static const struct peer stream_plain = {
	.name = "stream", .stores = "plain", .menu = plain_menu,
};
#ifdef __x86_64__
STREAM(past_caches)
static const struct peer stream_past_caches = {
	.name = "stream", .stores = "non_temporal", .menu = past_caches_menu,
};
#endif

const struct peer *const peer_streams[] = {
	&stream_plain,
#ifdef __x86_64__
	&stream_past_caches,
#endif
	NULL
};
