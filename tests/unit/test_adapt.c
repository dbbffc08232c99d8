/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a ring does about distance: it may change when something is looked at
 * and by which way bytes travel, never what arrives or which memory is
 * touched.  The processor is the hook backend's: it has the distance that a
 * case gives it.
 */
#include <stdlib.h>

#include "hook.h"
#include "loop.h"
#include "pattern.h"
#include "test.h"

enum { SAME_CORE = 20, NEAR = 100, FAR = 300 };

static const uint8_t *ring_begin, *ring_end;
static uint64_t lines_given_back;
static uint64_t lines_outside;

static void
give_back(uint8_t *line)
{
	lines_given_back++;
	lines_outside += line < ring_begin || line >= ring_end;
}

/* A pair whose first ring is watched, between processors so far apart. */
static void
open_apart(struct loop_pair *pair, uint64_t size, uint64_t distance)
{
	hook.cpu = (struct hook_cpu){ .distance = distance,
		.give_back = give_back };
	lines_given_back = lines_outside = 0;
	loop_pair_open(pair, size, VQP_LAYOUT_COMPAT);
	ring_begin = pair->b.rx.data;
	ring_end = ring_begin + size;
}

static void
close_apart(struct loop_pair *pair)
{
	CHECK_EQ(lines_outside, 0);
	loop_pair_close(pair);
	hook.cpu = (struct hook_cpu){ 0 };
}

/* Send that many bytes in bursts of several messages, and check them. */
static void
stream(struct loop_pair *pair, uint64_t length, uint64_t burst,
    uint64_t bytes)
{
	uint8_t *from = malloc((size_t)length);
	uint8_t *to = malloc((size_t)length);
	uint64_t sent = 0, received = 0;

	while (received < bytes) {
		for (uint64_t i = 0; i < burst; i++) {
			pattern_fill(from, sent, length);
			if (vqp_pair_send(&pair->a, from, length) < 0)
				break;
			sent += length;
		}
		while (received < sent) {
			CHECK_EQ(vqp_pair_receive(&pair->b, to, length),
			    length);
			CHECK(pattern_matches(to, received, length));
			received += length;
		}
	}
	CHECK_EQ(vqp_pair_receive(&pair->b, to, length), VQP_ERROR_NO_DATA);
	free(from);
	free(to);
}

/* Every look finds so many messages of 8 bytes, and never none. */
static void
stream_ahead(struct loop_pair *pair, unsigned burst, unsigned looks)
{
	uint64_t message = 0;

	for (unsigned i = 0; i < looks; i++) {
		for (unsigned j = 0; j < burst; j++)
			CHECK_EQ(vqp_pair_send(&pair->a, &message, 8), 8);
		for (unsigned j = 0; j < burst; j++)
			CHECK_EQ(vqp_pair_receive(&pair->b, &message, 8), 8);
	}
}

TEST(gives_lines_back, "small messages from afar leave no line behind")
{
	static const uint64_t sizes[] = { 1000, 4096, 65536, 65537, 262144 };
	struct loop_pair pair;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint64_t length = 1; length < 300; length += 43) {
			open_apart(&pair, sizes[i], NEAR);
			stream(&pair, length, 3, 10 * sizes[i]);
			/* All but what passed before the distance was known. */
			CHECK(lines_given_back >= 7 * sizes[i] / 64);
			CHECK(lines_given_back <= 11 * sizes[i] / 64);
			close_apart(&pair);
		}
	}
}

TEST(keeps_lines, "one core, or a processor that cannot, gives nothing back")
{
	struct loop_pair pair;

	open_apart(&pair, 4096, SAME_CORE);
	stream(&pair, 64, 3, 100000);
	CHECK_EQ(lines_given_back, 0);
	close_apart(&pair);

	open_apart(&pair, 4096, FAR);
	pair.b.rx.can_give_back = false;
	stream(&pair, 64, 3, 100000);
	CHECK_EQ(lines_given_back, 0);
	close_apart(&pair);
}

TEST(learns_from_batches, "a large offer tells the distance without a backlog")
{
	struct loop_pair pair;

	/* Lone small messages: never timed, and nothing given back... */
	open_apart(&pair, 65536, FAR);
	stream(&pair, 64, 1, 100000);
	CHECK_EQ(pair.b.rx.distance_ticks, 0);
	CHECK_EQ(lines_given_back, 0);
	/* ...even when the distance is known. */
	pair.b.rx.distance_ticks = FAR;
	stream(&pair, 64, 1, 100000);
	CHECK_EQ(lines_given_back, 0);
	close_apart(&pair);

	open_apart(&pair, 65536, FAR);
	stream(&pair, VQP_MEDIUM_BYTES, 1, 1000000);
	CHECK_EQ(pair.b.rx.distance_ticks, FAR);
	CHECK(lines_given_back > 900000 / VQP_LINE_BYTES);
	close_apart(&pair);

	open_apart(&pair, 65536, FAR);
	pair.b.rx.distance_ticks = FAR;
	/* Large ones leave their lines, in whatever backlog. */
	stream(&pair, VQP_LARGE_BYTES, 2, 1000000);
	CHECK_EQ(lines_given_back, 0);
	close_apart(&pair);
}

TEST(waits_for_a_stream, "a look waits after a backlog, and a bounded time")
{
	struct loop_pair pair;
	uint64_t looks;

	open_apart(&pair, 65536, NEAR);
	stream(&pair, 8, 1, 8000);
	CHECK_EQ(hook.cpu.pauses, 0);	/* one at a time: never */
	close_apart(&pair);

	open_apart(&pair, 65536, NEAR);
	stream(&pair, 8, 100, 800000);
	looks = 2 * 800000 / 800;
	CHECK(hook.cpu.pauses >= looks / 2);
	CHECK(hook.cpu.pauses <= looks * VQP_GATE_PAUSES_MAX);
	close_apart(&pair);

	/* A producer always ahead of the look: as long as it ever gets. */
	open_apart(&pair, 65536, NEAR);
	stream_ahead(&pair, 3, 1000);
	CHECK(hook.cpu.pauses > 900 * VQP_GATE_PAUSES_MAX);
	CHECK(hook.cpu.pauses <= 1000 * VQP_GATE_PAUSES_MAX);
	/* It ends with the stream. */
	for (int i = 0; i < 8; i++)
		vqp_pair_receive(&pair.b, &looks, 8);
	hook.cpu.pauses = 0;
	vqp_pair_receive(&pair.b, &looks, 8);
	CHECK_EQ(hook.cpu.pauses, 0);
	close_apart(&pair);
}

TEST(stores_past, "large copies to a far consumer go past the caches, fenced")
{
	struct loop_pair pair;
	bool fenced = false;
	unsigned step;

	open_apart(&pair, 65536, NEAR);
	stream(&pair, 5000, 100, 1000000);
	CHECK_EQ(hook.cpu.stored_past, 0);
	close_apart(&pair);

	open_apart(&pair, 65536, FAR);
	stream(&pair, 300, 1000, 1000000);
	CHECK_EQ(hook.cpu.stored_past, 0);
	/* Any alignment, wraps, and the ends of a copy that is no line. */
	for (uint64_t length = VQP_BULK_BYTES; length < 20000; length += 1237)
		stream(&pair, length, 100, 1000000);
	CHECK(hook.cpu.stored_past > 1000000 / 8);

	/* The fence comes before the tail that covers the bytes. */
	hook_record();
	stream(&pair, 2 * VQP_BULK_BYTES, 1, 1);
	hook_stop();
	for (step = 0; step < hook.steps; step++) {
		fenced |= hook.step[step].verb == HOOK_FENCE_PAST;
		if (hook.step[step].cell == pair.a.tx.tail_cell)
			break;
	}
	CHECK(step < hook.steps);
	CHECK_EQ(hook.step[step].verb, HOOK_STORE_RELEASE);
	CHECK(fenced);
	close_apart(&pair);
}

TEST_MAIN()
