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

/* What happens to the lines of the ring that the pair's a fills. */
static struct {
	const struct loop_pair *pair;
	uint64_t given_back, fetched;
	uint64_t next;			/* fetched behind a message */
	uint64_t outside;		/* no line of the ring */
	uint64_t unread;		/* the consumer still has to read it */
} lines;

static uint64_t
ring_index(const uint8_t *line)
{
	const struct vqp_queue *queue = &lines.pair->a_config.produce;
	const uint64_t index = (uintptr_t)line - (uintptr_t)queue->data;

	lines.outside += index >= queue->size;
	return index;
}

static void
give_back(uint8_t *line)
{
	ring_index(line);
	lines.given_back++;
}

/* None of the line's bytes that lie in the ring is unread. */
static void
fetch(uint8_t *line)
{
	const struct vqp_pair *a = &lines.pair->a, *b = &lines.pair->b;
	const uint64_t size = a->tx.size;
	const uint64_t index = ring_index(line);
	const uint64_t begin = (uintptr_t)line % VQP_LINE_BYTES;

	if (vqp_ring_distance(a->tx.tail, index, size) < 2 * VQP_LINE_BYTES)
		lines.next++;
	else
		lines.fetched++;
	for (uint64_t i = 0; i < VQP_LINE_BYTES; i++) {
		const uint64_t byte = index + i - begin;

		lines.unread += byte < size &&
		    vqp_ring_distance(b->rx.head, byte, size) <
		    vqp_ring_distance(b->rx.head, a->tx.tail, size);
	}
}

/* A pair whose first ring is watched, its ends so far apart, as if told. */
static void
open_told(struct loop_pair *pair, uint64_t size, uint64_t distance,
    enum vqp_placement placement)
{
	hook.cpu = (struct hook_cpu){ .distance = distance,
		.give_back = give_back, .fetch = fetch };
	loop_pair_open(pair, size, VQP_LAYOUT_COMPAT);
	pair->a_config.placement = pair->b_config.placement = placement;
	loop_pair_attach(pair);
	memset(&lines, 0, sizeof(lines));
	lines.pair = pair;
}

static void
open_apart(struct loop_pair *pair, uint64_t size, uint64_t distance)
{
	open_told(pair, size, distance, VQP_PLACEMENT_MEASURED);
}

static void
close_apart(struct loop_pair *pair)
{
	CHECK_EQ(lines.outside, 0);
	CHECK_EQ(lines.unread, 0);
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

TEST(gives_lines_back, "messages from afar leave no line behind, until tried")
{
	static const uint64_t sizes[] = { 1000, 4096, 65536, 65537 };
	struct loop_pair pair;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint64_t length = 1; length < 300; length += 43) {
			open_apart(&pair, sizes[i], FAR);
			/* The first window ends with the distance known. */
			stream(&pair, length, 3, VQP_TRIAL_BYTES);
			CHECK(lines.given_back >= VQP_TRIAL_BYTES / 64 * 9 / 10);
			CHECK(lines.given_back <= VQP_TRIAL_BYTES / 64);
			close_apart(&pair);
		}
	}
}

TEST(keeps_lines, "one core, or a processor that cannot, gives nothing back")
{
	struct loop_pair pair;

	open_apart(&pair, 4096, SAME_CORE);
	stream(&pair, 64, 3, 1000000);
	CHECK_EQ(lines.given_back, 0);
	close_apart(&pair);

	open_apart(&pair, 4096, FAR);
	pair.b.rx.can = 0;
	stream(&pair, 64, 3, 1000000);
	CHECK_EQ(lines.given_back, 0);
	close_apart(&pair);
}

TEST(learns_from_batches, "a large offer tells the distance without a backlog")
{
	struct loop_pair pair;

	/* Lone small messages: never timed, and nothing given back... */
	open_apart(&pair, 65536, FAR);
	stream(&pair, 64, 1, 100000);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, 0);
	CHECK_EQ(lines.given_back, 0);
	/* ...even when the distance is known. */
	pair.b.rx.tune.distance.ticks = FAR;
	stream(&pair, 64, 1, 100000);
	CHECK_EQ(lines.given_back, 0);
	close_apart(&pair);

	open_apart(&pair, 65536, FAR);
	stream(&pair, VQP_MEDIUM_BYTES, 1, VQP_TRIAL_BYTES);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, FAR);
	CHECK(lines.given_back > VQP_TRIAL_BYTES / VQP_LINE_BYTES * 9 / 10);
	close_apart(&pair);

	open_apart(&pair, 65536, FAR);
	stream(&pair, VQP_LARGE_BYTES, 1, 1000000);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, 0);
	pair.b.rx.tune.distance.ticks = FAR;
	/* Large ones leave their lines, in whatever backlog. */
	stream(&pair, VQP_LARGE_BYTES, 2, 1000000);
	CHECK_EQ(lines.given_back, 0);
	close_apart(&pair);
}

TEST(samples_looks, "of the looks that may be timed one of several is")
{
	struct loop_pair pair;

	open_apart(&pair, 65536, FAR);
	stream(&pair, VQP_MEDIUM_BYTES, 1, VQP_MEDIUM_BYTES);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, FAR);
	hook.cpu.distance = NEAR;
	stream(&pair, VQP_MEDIUM_BYTES, 1,
	    (VQP_LOOKS - 1) * VQP_MEDIUM_BYTES);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, FAR);
	stream(&pair, VQP_MEDIUM_BYTES, 1, VQP_MEDIUM_BYTES);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, (3 * FAR + NEAR) / 4);
	/* One that was interrupted says nothing; a slow one is cut. */
	hook.cpu.distance = 8 * VQP_TICKS_FAR;
	stream(&pair, VQP_MEDIUM_BYTES, 1, VQP_LOOKS * VQP_MEDIUM_BYTES);
	CHECK_EQ(pair.b.rx.tune.distance.ticks, (3 * FAR + NEAR) / 4);
	hook.cpu.distance--;
	stream(&pair, VQP_MEDIUM_BYTES, 1, VQP_LOOKS * VQP_MEDIUM_BYTES);
	CHECK_EQ(pair.b.rx.tune.distance.ticks,
	    (3 * ((3 * FAR + NEAR) / 4) + 2 * VQP_TICKS_FAR) / 4);
	close_apart(&pair);
}

TEST(told_same_core, "told of one core, nothing is fetched, given or passed")
{
	struct loop_pair pair;

	open_told(&pair, 65536, FAR, VQP_PLACEMENT_SAME_CORE);
	stream(&pair, 300, 20, 1000000);
	stream(&pair, VQP_MEDIUM_BYTES, 1, 1000000);
	stream(&pair, 2 * VQP_BULK_BYTES, 3, 1000000);
	CHECK_EQ(lines.given_back, 0);
	CHECK_EQ(lines.fetched, 0);
	CHECK_EQ(hook.cpu.stored_past, 0);
	close_apart(&pair);
}

TEST(told_near, "told of one cache, lines are fetched and none passed")
{
	static const uint64_t sizes[] = { 1000, 4096, 10000, 65536, 65537 };
	struct loop_pair pair;

	for (int i = 0; i < 5; i++) {
		open_told(&pair, sizes[i], FAR, VQP_PLACEMENT_NEAR);
		stream(&pair, 300, 1000, 1000000);
		/* Those of nearly all that is written, once room is for it. */
		CHECK((lines.fetched > 7000) ==
		    (sizes[i] > 2 * VQP_FETCH_BYTES));
		lines.fetched = 0;
		for (uint64_t length = VQP_BULK_BYTES;
		    length < sizes[i] && length < 20000; length += 1237)
			stream(&pair, length, 100, 100000);
		CHECK((lines.fetched > 1000) == (sizes[i] > VQP_BULK_BYTES));
		/* A long message: all of it, and not just its beginning. */
		lines.fetched = 0;
		if (sizes[i] > 32768)
			stream(&pair, 32768, 1, 32768);
		CHECK((lines.fetched > 32768 / 64 * 3 / 4) ==
		    (sizes[i] > 32768));
		CHECK_EQ(hook.cpu.stored_past, 0);
		CHECK_EQ(pair.a.tx.tune.distance.ticks, VQP_TICKS_FAR);
		close_apart(&pair);
	}
}

TEST(large_rings, "out of a ring beyond the caches no line is fetched")
{
	struct loop_pair pair;

	open_told(&pair, 2 * VQP_FETCH_RING_BYTES, FAR, VQP_PLACEMENT_NEAR);
	stream(&pair, 300, 1000, 1000000);
	stream(&pair, 2 * VQP_BULK_BYTES, 3, 1000000);
	CHECK_EQ(lines.fetched, 0);
	CHECK(lines.next > 2000);
	close_apart(&pair);
}

TEST(told_far, "told of no shared cache, large copies pass and none is fetched")
{
	struct loop_pair pair;

	open_told(&pair, 65536, SAME_CORE, VQP_PLACEMENT_FAR);
	stream(&pair, 64, 3, VQP_TRIAL_BYTES);
	CHECK(lines.given_back > VQP_TRIAL_BYTES / 64 * 9 / 10);
	CHECK_EQ(hook.cpu.stored_past, 0);
	stream(&pair, 2 * VQP_BULK_BYTES, 1, 8 * VQP_BULK_BYTES);
	CHECK(hook.cpu.stored_past >= 8 * VQP_BULK_BYTES / 8 - 100);
	CHECK_EQ(lines.fetched, 0);
	CHECK(vqp_is_far(&pair.a.tx.tune.distance));
	CHECK(vqp_is_far(&pair.b.rx.tune.distance));
	close_apart(&pair);

	/* Those below a soft limit that is farther than that, too. */
	open_told(&pair, 1 << 20, SAME_CORE, VQP_PLACEMENT_FAR);
	stream(&pair, VQP_BULK_BYTES, 1, 8 * VQP_BULK_BYTES);
	CHECK(hook.cpu.stored_past >= 8 * VQP_BULK_BYTES / 8 - 100);
	close_apart(&pair);
}

TEST(fetches_near_only, "the distance found decides whether lines are fetched")
{
	static const unsigned far_apart[] = { SAME_CORE, NEAR, FAR };
	struct loop_pair pair;

	for (int i = 0; i < 3; i++) {
		open_apart(&pair, 4096, far_apart[i]);
		stream(&pair, 200, 100, 100000);
		if (far_apart[i] == NEAR)
			CHECK(lines.fetched > 500);
		else
			CHECK_EQ(lines.fetched, 0);
		close_apart(&pair);
	}
}

/*
 * The trial of giving lines back, by windows: what one costs with and without.
 */
struct trial {
	struct loop_pair pair;
	uint64_t cost[2];
};

/* The consumer read some bytes; are their lines evicted? */
static bool
trial_read(struct trial *it, uint64_t n)
{
	return vqp_tune_evicts(&it->pair.b.rx.tune, n, it->pair.b.rx.size);
}

static void
trial_open(struct trial *it, uint64_t size, enum vqp_placement placement,
    uint64_t without, uint64_t with)
{
	open_told(&it->pair, size, FAR, placement);
	it->cost[0] = without;
	it->cost[1] = with;
	/* The moment of attaching is in no window. */
	hook.cpu.ticks = 1 << 20;
	trial_read(it, 0);
}

/* What comes before anything is timed, and before the other way is. */
#define SETTLE VQP_TRIAL_SETTLE_WINDOWS
#define OTHER_WAY (SETTLE + VQP_TRIAL_WINDOWS)

/* A window passes; were its lines given back? */
static bool
trial_window(struct trial *it)
{
	const uint64_t size = it->pair.b.rx.size;
	struct vqp_trial *trial = &it->pair.b.rx.tune.trial;
	const uint64_t bytes = size / 4 > VQP_TRIAL_BYTES ?
	    size / 4 : VQP_TRIAL_BYTES;
	const bool gives_back = trial->gives_back;

	CHECK_EQ(trial->left, bytes);
	CHECK_EQ(trial_read(it, bytes / 2), gives_back);
	hook.cpu.ticks += it->cost[gives_back];
	CHECK_EQ(trial_read(it, bytes - bytes / 2 - 1), gives_back);
	trial_read(it, 1);
	return gives_back;
}

static void
check_windows(struct trial *it, bool gives_back, unsigned windows)
{
	for (unsigned i = 0; i < windows; i++)
		CHECK_EQ(trial_window(it), gives_back);
}

TEST(trial_decides, "lines are given back if that is an eighth faster")
{
	static const struct {
		uint64_t with;
		bool gives_back;
	} row[] = {
		{ 50, true }, { 874, true }, { 876, false }, { 1000, false },
		{ 2000, false },
	};

	for (int i = 0; i < 10; i++) {
		const bool far = i % 2 != 0;
		const bool gives_back = row[i / 2].gives_back;
		struct trial it;

		/* A window is a quarter of a large ring. */
		trial_open(&it, i < 5 ? 1000 : 1000000, far ?
		    VQP_PLACEMENT_FAR : VQP_PLACEMENT_NEAR, 1000,
		    row[i / 2].with);
		check_windows(&it, far, SETTLE + VQP_TRIAL_WINDOWS);
		/* The other way: two laps until it shows, and then in earnest. */
		check_windows(&it, !far, OTHER_WAY);
		check_windows(&it, gives_back, VQP_TRIAL_KEEP_MIN);
		close_apart(&it.pair);
	}
}

TEST(trial_takes_the_best, "one good window of each way is what counts")
{
	struct trial it;

	trial_open(&it, 65536, VQP_PLACEMENT_NEAR, 10, 5000);
	check_windows(&it, false, SETTLE);
	it.cost[0] = 5000;
	check_windows(&it, false, 1);
	it.cost[0] = 1000;
	check_windows(&it, false, 1);
	it.cost[0] = 9000;
	check_windows(&it, false, 2);
	/* None of the settling ones. */
	it.cost[1] = 10;
	check_windows(&it, true, SETTLE);
	it.cost[1] = 1500;
	check_windows(&it, true, 3);
	it.cost[1] = 900;
	check_windows(&it, true, 1);
	check_windows(&it, false, VQP_TRIAL_KEEP_MIN);
	/* The best of the last trial is forgotten. */
	it.cost[0] = 2000;
	it.cost[1] = 1500;
	check_windows(&it, false, VQP_TRIAL_KEEP_MIN + VQP_TRIAL_WINDOWS);
	check_windows(&it, true, OTHER_WAY);
	check_windows(&it, true, 10);
	close_apart(&it.pair);
}

TEST(trial_grows_rare, "what stays better is asked again ever more seldom")
{
	struct trial it;
	unsigned keep = VQP_TRIAL_KEEP_MIN;

	trial_open(&it, 65536, VQP_PLACEMENT_NEAR, 1000, 2000);
	check_windows(&it, false, SETTLE);
	for (int i = 0; i < 8; i++) {
		check_windows(&it, false, VQP_TRIAL_WINDOWS);
		check_windows(&it, true, OTHER_WAY);
		if (keep < VQP_TRIAL_KEEP_MAX)
			keep *= 2;
		check_windows(&it, false, keep);
	}
	CHECK_EQ(keep, VQP_TRIAL_KEEP_MAX);
	/* Another answer, and it is asked soon again. */
	it.cost[1] = 10;
	check_windows(&it, false, VQP_TRIAL_WINDOWS);
	check_windows(&it, true, OTHER_WAY);
	check_windows(&it, true, VQP_TRIAL_KEEP_MIN + VQP_TRIAL_WINDOWS);
	check_windows(&it, false, OTHER_WAY);
	check_windows(&it, true, 2 * VQP_TRIAL_KEEP_MIN);
	close_apart(&it.pair);
}

TEST(trial_restarts, "another distance is another question")
{
	struct trial it;

	trial_open(&it, 65536, VQP_PLACEMENT_NEAR, 1000, 2000);
	check_windows(&it, false, SETTLE + VQP_TRIAL_WINDOWS);
	check_windows(&it, true, OTHER_WAY);
	check_windows(&it, false, 100);
	it.pair.b.rx.tune.distance.ticks = FAR;
	CHECK(trial_read(&it, 0));
	check_windows(&it, true, SETTLE + VQP_TRIAL_WINDOWS);
	check_windows(&it, false, OTHER_WAY);
	check_windows(&it, false, VQP_TRIAL_KEEP_MIN);
	it.pair.b.rx.tune.distance.ticks = NEAR;
	CHECK(!trial_read(&it, 0));
	check_windows(&it, false, SETTLE + VQP_TRIAL_WINDOWS);
	check_windows(&it, true, OTHER_WAY);
	check_windows(&it, false, VQP_TRIAL_KEEP_MIN);
	close_apart(&it.pair);
}

/* Both answers, and both ways in between, with every byte checked. */
TEST(tries_while_streaming, "a trial loses no byte and gives no other line")
{
	struct loop_pair pair;

	open_told(&pair, 65537, 0, VQP_PLACEMENT_NEAR);
	stream(&pair, 1024, 1, OTHER_WAY * VQP_TRIAL_BYTES - 1024);
	CHECK_EQ(lines.given_back, 0);
	stream(&pair, 1000, 2, OTHER_WAY * VQP_TRIAL_BYTES);
	CHECK(lines.given_back > VQP_TRIAL_BYTES / 64 * (OTHER_WAY - 1));
	CHECK(lines.given_back < VQP_TRIAL_BYTES / 64 * (OTHER_WAY + 1));
	/* No time passed: no eighth less. */
	lines.given_back = 0;
	stream(&pair, 1000, 2, 100 * VQP_TRIAL_BYTES);
	CHECK(lines.given_back < 100);
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
	stream_ahead(&pair, 300, 1000);
	CHECK(hook.cpu.pauses > 900 * VQP_GATE_PAUSES_MAX);
	CHECK(hook.cpu.pauses <= 1000 * VQP_GATE_PAUSES_MAX);
	/* One of less than a message a pause is not waited for, but from afar. */
	hook.cpu.pauses = 0;
	stream_ahead(&pair, 3, 1000);
	CHECK(hook.cpu.pauses < 5 * 1000);
	pair.b.rx.tune.distance.ticks = FAR;
	hook.cpu.distance = FAR;
	hook.cpu.pauses = 0;
	stream_ahead(&pair, 3, 1000);
	CHECK(hook.cpu.pauses > 900 * VQP_GATE_PAUSES_MAX);
	/* It ends with the stream. */
	for (int i = 0; i < 8; i++)
		vqp_pair_receive(&pair.b, &looks, 8);
	hook.cpu.pauses = 0;
	vqp_pair_receive(&pair.b, &looks, 8);
	CHECK_EQ(hook.cpu.pauses, 0);
	close_apart(&pair);
}

/* Each recorded store of the tail follows a fence; how many there were. */
static unsigned
check_fenced(const void *tail_cell)
{
	unsigned published = 0;
	bool fenced = false;

	for (unsigned i = 0; i < hook.steps; i++) {
		fenced |= hook.step[i].verb == HOOK_FENCE_PAST;
		if (hook.step[i].cell != tail_cell ||
		    hook.step[i].verb != HOOK_STORE_RELEASE)
			continue;
		published++;
		CHECK(fenced);
		fenced = false;
	}
	return published;
}

TEST(stores_past, "large copies to a far consumer go past the caches, fenced")
{
	struct loop_pair pair;

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
	CHECK_EQ(check_fenced(pair.a.tx.tail_cell), 1);
	close_apart(&pair);
}

/* The verbs that publish, after messages that may stay unseen. */
static void
publish_by(struct vqp_pair *pair, int verb)
{
	const uint8_t byte = 7;

	switch (verb) {
	case 0:
		vqp_pair_flush(pair);
		break;
	case 1:
		vqp_pair_send(pair, &byte, 1);
		break;
	case 2:
		vqp_tx_publish(&pair->tx);
		break;
	case 3:
		vqp_tx_publish_edge(&pair->tx);
		break;
	case 4:
		vqp_tx_may_sleep(&pair->tx);
		break;
	case 5:
		vqp_pair_send_batch(pair, &byte, 1, 1);
		break;
	default:
		vqp_tx_commit(&pair->tx, 0);
		break;
	}
}

TEST(more_streams_past, "a stream of MORE passes the caches, always fenced")
{
	static const uint64_t message[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint64_t got[8];
	struct loop_pair pair;

	for (int verb = 0; verb < 7; verb++) {
		struct vqp_tx *tx = &pair.a.tx;
		unsigned sent = 0;

		open_told(&pair, 65536, 0, VQP_PLACEMENT_FAR);
		/* Nothing in the first chunk, all of the next. */
		while (vqp_load_relaxed(tx->tail_cell) == 0) {
			CHECK_EQ(vqp_pair_send_more(&pair.a, message, 64), 64);
			sent++;
		}
		CHECK_EQ(hook.cpu.stored_past, 0);
		hook_record();
		for (int i = 0; i < 10; i++, sent++)
			CHECK_EQ(vqp_pair_send_more(&pair.a, message, 64), 64);
		CHECK_EQ(hook.cpu.stored_past, 80);
		publish_by(&pair.a, verb);
		hook_stop();
		CHECK_EQ(check_fenced(tx->tail_cell), 1);
		/* The stream is over: the next message is an ordinary one. */
		CHECK_EQ(vqp_pair_send_more(&pair.a, message, 64), 64);
		CHECK_EQ(hook.cpu.stored_past, 80);
		while (sent-- > 0) {
			CHECK_EQ(vqp_pair_receive(&pair.b, got, 64), 64);
			CHECK_EQ(memcmp(got, message, 64), 0);
		}
		close_apart(&pair);
	}

	/* Each chunk of a long one is fenced, too; nearer, none passes. */
	open_told(&pair, 65536, 0, VQP_PLACEMENT_FAR);
	for (int i = 0; i < 500; i++) {
		hook_record();
		CHECK_EQ(vqp_pair_send_more(&pair.a, message, 64), 64);
		hook_stop();
		/* The first chunk's tail needs none. */
		if (i > 70)
			check_fenced(pair.a.tx.tail_cell);
	}
	CHECK(hook.cpu.stored_past > 400 * 8);
	close_apart(&pair);
	open_told(&pair, 65536, 0, VQP_PLACEMENT_NEAR);
	for (int i = 0; i < 500; i++)
		CHECK_EQ(vqp_pair_send_more(&pair.a, message, 64), 64);
	CHECK_EQ(hook.cpu.stored_past, 0);
	close_apart(&pair);
}

TEST_MAIN()
