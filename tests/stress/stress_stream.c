/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two threads stream through a ring with every verb there is.  Each byte
 * depends on its position, so that none can be lost, doubled or early; under
 * ThreadSanitizer every byte is also a question about E1 and E2.
 */
#include <pthread.h>

#include "effort.h"
#include "longrun.h"
#include "loop.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"
#include "wait.h"

/* The longest message, unless the ring is shorter; and of some, if large. */
#define MESSAGE_MAX 600
#define MESSAGE_LARGE 20000

/* One direction: `total` bytes from one end to the other. */
struct stream {
	struct vqp_pair *from, *to;
	uint64_t size;
	uint64_t total;
	bool lazy;		/* the consumer only ever releases lazily */
	bool large;		/* some go the ways of bulk */
	struct progress *progress;	/* or NULL */
	uint64_t done;		/* by streams before this one */
};

static uint64_t
message_length(struct rng *rng, const struct stream *stream, uint64_t done)
{
	const uint64_t most = stream->large && rng_below(rng, 4) == 0 ?
	    MESSAGE_LARGE : MESSAGE_MAX;
	const uint64_t longest =
	    stream->size - 1 < most ? stream->size - 1 : most;
	const uint64_t n = 1 + rng_below(rng, longest);

	return n < stream->total - done ? n : stream->total - done;
}

static void *
produce(void *arg)
{
	const struct stream *stream = arg;
	struct vqp_pair *pair = stream->from;
	struct rng rng = { stream->size };
	uint8_t bytes[MESSAGE_LARGE];
	uint64_t sent = 0;
	unsigned waits = 0;

	while (sent < stream->total) {
		const uint64_t length = message_length(&rng, stream, sent);
		const struct vqp_iovec pieces[2] = {
			{ bytes, length / 2 },
			{ bytes + length / 2, length - length / 2 },
		};
		const uint64_t verb = rng_below(&rng, 7);
		struct vqp_span out[2];
		int64_t n;

		switch (verb) {
		case 0:
			pattern_fill(bytes, sent, length);
			n = vqp_pair_enqueue(pair, bytes, length);
			break;
		case 1:
			pattern_fill(bytes, sent, length);
			n = vqp_pair_enqueuev(pair, pieces, 2);
			break;
		case 2:
			pattern_fill(bytes, sent, length);
			n = vqp_pair_send(pair, bytes, length);
			break;
		case 3:
			pattern_fill(bytes, sent, length);
			n = vqp_pair_send_more(pair, bytes, length);
			break;
		case 4:
			pattern_fill(bytes, sent, length);
			n = vqp_pair_send_batch(pair, bytes, 1, length);
			break;
		default:
			n = vqp_tx_reserve(&pair->tx, length, out);
			if (n < 0)
				break;
			pattern_fill_spans(out, sent);
			if (verb == 5)
				vqp_tx_stage(&pair->tx, (uint64_t)n);
			else
				vqp_tx_commit(&pair->tx, (uint64_t)n);
			break;
		}
		if (n > 0) {
			sent += (uint64_t)n;
			continue;
		}
		CHECK_EQ(n, VQP_ERROR_NO_SPACE);
		vqp_tx_publish(&pair->tx);
		stand_aside(&waits);
	}
	vqp_tx_publish(&pair->tx);
	return NULL;
}

static void *
consume(void *arg)
{
	const struct stream *stream = arg;
	struct vqp_pair *pair = stream->to;
	struct rng rng = { stream->size + 1 };
	uint8_t bytes[MESSAGE_LARGE];
	uint64_t got = 0, next = 0;
	unsigned waits = 0;

	while (got < stream->total) {
		const uint64_t length = message_length(&rng, stream, got);
		const struct vqp_iovec pieces[2] = {
			{ bytes, length / 3 },
			{ bytes + length / 3, length - length / 3 },
		};
		const uint64_t verb = stream->lazy ? 7 : rng_below(&rng, 8);
		struct vqp_span out[2];
		int64_t n;

		switch (verb) {
		case 0:
			n = vqp_pair_dequeue(pair, bytes, length);
			break;
		case 1:
			n = vqp_pair_dequeuev(pair, pieces, 2);
			break;
		case 2:
			n = vqp_pair_receive(pair, bytes, length);
			break;
		case 3:
			n = vqp_pair_peek(pair, bytes, length);
			if (n > 0)
				CHECK_EQ(vqp_pair_dequeue(pair, bytes,
				    (uint64_t)n), n);
			break;
		case 4:
			n = vqp_pair_receive_batch(pair, bytes, 1, length);
			break;
		default:
			n = vqp_rx_peek(&pair->rx, length, out);
			if (n < 0)
				break;
			CHECK(pattern_matches_spans(out, got));
			if (verb == 5)
				vqp_rx_stage(&pair->rx, (uint64_t)n);
			else if (verb == 6)
				vqp_rx_release(&pair->rx, (uint64_t)n);
			else
				vqp_rx_release_lazy(&pair->rx, (uint64_t)n);
			break;
		}
		if (n > 0) {
			if (verb < 5)
				CHECK(pattern_matches(bytes, got,
				    (uint64_t)n));
			got += (uint64_t)n;
			if (stream->progress != NULL && got >= next) {
				progress_at(stream->progress,
				    stream->done + got);
				next = got + (1 << 20);
			}
			continue;
		}
		CHECK_EQ(n, VQP_ERROR_NO_DATA);
		if (!stream->lazy)
			vqp_rx_publish(&pair->rx);
		stand_aside(&waits);
	}
	return NULL;
}

/* Bytes for a ring: some thousand turns of a small one. */
static uint64_t
stream_bytes(uint64_t size)
{
	return effort(size < 1000 ? size * 3000 : 4000000);
}

static void
stream_both_ways(uint64_t size, enum vqp_layout layout)
{
	struct loop_pair pair;
	struct stream there, back;
	pthread_t thread[3];

	loop_pair_open(&pair, size, layout);
	there = (struct stream){ .from = &pair.a, .to = &pair.b,
		.size = size, .total = stream_bytes(size) };
	back = (struct stream){ .from = &pair.b, .to = &pair.a,
		.size = size, .total = stream_bytes(size) };
	CHECK_EQ(pthread_create(&thread[0], NULL, produce, &there), 0);
	CHECK_EQ(pthread_create(&thread[1], NULL, consume, &back), 0);
	CHECK_EQ(pthread_create(&thread[2], NULL, produce, &back), 0);
	consume(&there);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	loop_pair_close(&pair);
}

static void
stream_one_way(uint64_t size, enum vqp_layout layout, bool mirrored, bool lazy)
{
	struct loop_pair pair;
	struct stream stream;
	pthread_t thread;

	loop_pair_open_as(&pair, size, 0, layout, mirrored);
	stream = (struct stream){ .from = &pair.a, .to = &pair.b,
		.size = size, .total = stream_bytes(size), .lazy = lazy };
	CHECK_EQ(pthread_create(&thread, NULL, produce, &stream), 0);
	consume(&stream);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	loop_pair_close(&pair);
}

TEST(every_size, "two threads lose no byte in a ring of any size")
{
	static const uint64_t sizes[] = { 2, 3, 127, 4095, 4097, 65536 };

	for (int i = 0; i < 6; i++)
		stream_one_way(sizes[i], VQP_LAYOUT_COMPAT, false, false);
}

TEST(wide, "two threads lose no byte in the wide layout")
{
	static const uint64_t sizes[] = { 2, 127, 65536 };

	for (int i = 0; i < 3; i++)
		stream_one_way(sizes[i], VQP_LAYOUT_WIDE, false, false);
}

TEST(mirrored, "two threads lose no byte in a mirrored ring")
{
	if (!loop_can_mirror(65536))
		SKIP("no memory that can be mapped twice");
	stream_one_way(65536, VQP_LAYOUT_COMPAT, true, false);
}

TEST(lazy_never_stalls, "a consumer that only releases lazily stalls nobody")
{
	static const uint64_t sizes[] = { 2, 3, 127, 4097 };

	for (int i = 0; i < 4; i++)
		stream_one_way(sizes[i], VQP_LAYOUT_COMPAT, false, true);
}

/*
 * Primes, powers of two and what lies beside them, in both layouts.  Each ring
 * gets its share of the bytes, a small one less, since there every few of them
 * are a round trip.  VQP_TEST_BYTES in the environment asks for more, or fewer.
 */
#define TURNS_MAX 300000

TEST(awkward, "no byte is lost, doubled or early in a ring of awkward size")
{
	static const uint64_t sizes[] = {
		2, 3, 5, 7, 31, 33, 127, 128, 251, 509, 1021, 1023, 1025,
		4093, 4095, 4096, 4097, 8191, 16381, 65521, 65535, 65536,
		65537, 131071, 262143, 262147, 524287, 524289, 1048573,
		1048575, 1048577,
	};
	const uint64_t count = sizeof(sizes) / sizeof(sizes[0]);
	const uint64_t all = effort_or("VQP_TEST_BYTES", 8000000);
	const uint64_t turns = all / 4000 < TURNS_MAX ? all / 4000 : TURNS_MAX;
	struct progress progress;
	uint64_t done = 0;

	progress_start(&progress, "bytes", all);
	for (uint64_t i = 0; i < 2 * count; i++) {
		const uint64_t size = sizes[i / 2];
		const uint64_t share = (all - done) / (2 * count - i) + 1;
		const uint64_t most = size * turns;
		struct loop_pair pair;
		struct stream stream;
		pthread_t thread;

		loop_pair_open_as(&pair, size, 0, i % 2 == 0 ?
		    VQP_LAYOUT_COMPAT : VQP_LAYOUT_WIDE, false);
		stream = (struct stream){ .from = &pair.a, .to = &pair.b,
			.size = size, .large = true, .progress = &progress,
			.done = done, .total = share < most ? share : most };
		CHECK_EQ(pthread_create(&thread, NULL, produce, &stream), 0);
		consume(&stream);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		loop_pair_close(&pair);
		done += stream.total;
	}
	progress_end(&progress, done);
}

TEST(both_ways, "four threads stream both ways through one pair")
{
	stream_both_ways(127, VQP_LAYOUT_COMPAT);
	stream_both_ways(4097, VQP_LAYOUT_WIDE);
}

TEST_MAIN()
