/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A peer that owns the shared pages and writes what it likes into them.  One
 * case per row of the hostile-peer matrix, part A, under the row's number:
 * whatever the peer does, a verb answers one of its documented results, no
 * offer leaves the ring, and the end can be attached again afterwards.
 *
 * a is the victim; the cells that b would write are the peer's to spoil.
 */
#include <pthread.h>

#include "effort.h"
#include "loop.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"
#include "wait.h"

static const enum vqp_layout layouts[] = { VQP_LAYOUT_COMPAT, VQP_LAYOUT_WIDE };

static const uint64_t sizes[] = {
	1, 2, 127, 4095, 4096, 4097, 262144, UINT64_C(64) << 20,
};

/* Run the body in a fresh pair of every size and layout. */
#define FOR_EACH_PAIR(pair, size)					\
	for (unsigned shape_ = 0;					\
	    shape_ < 2 * sizeof(sizes) / sizeof(sizes[0]); shape_++)	\
		for (uint64_t size = shape_open(&pair, shape_);		\
		    size != 0; loop_pair_close(&pair), size = 0)

static uint64_t
shape_open(struct loop_pair *pair, unsigned shape)
{
	loop_pair_open(pair, sizes[shape / 2], layouts[shape % 2]);
	return sizes[shape / 2];
}

/* Put the ring from a to b, and the one back, to these indices. */
static void
start_at(struct loop_pair *pair, uint64_t tail, uint64_t head)
{
	vqp_store_relaxed(pair->a.tx.tail_cell, tail);
	vqp_store_relaxed(pair->b.rx.head_cell, head);
	vqp_store_relaxed(pair->b.tx.tail_cell, tail);
	vqp_store_relaxed(pair->a.rx.head_cell, head);
	loop_pair_attach(pair);
}

/* What the peer says: the head of a's ring to it, the tail of its to a. */
static void
peer_says(struct loop_pair *pair, uint64_t head, uint64_t tail)
{
	vqp_store_relaxed(pair->b.rx.head_cell, head);
	vqp_store_relaxed(pair->b.tx.tail_cell, tail);
}

/* An offer of n bytes lies in the ring, in one or two pieces. */
static void
check_inside(const struct vqp_queue *queue, const struct vqp_span out[2],
    int64_t n)
{
	const uintptr_t data = (uintptr_t)queue->data;

	CHECK(n >= 0 && (uint64_t)n <= queue->size - 1);
	CHECK_EQ(out[0].length + out[1].length, n);
	CHECK((uintptr_t)out[0].base - data <= queue->size);
	CHECK(out[0].length <= queue->size - ((uintptr_t)out[0].base - data));
	CHECK((uintptr_t)out[1].base == data);
	CHECK(out[1].length <= queue->size);
}

/* Every call that produces or asks about the produced. */
#define PRODUCE_CALLS 11

static int64_t
produce_call(struct vqp_pair *end, int call)
{
	uint8_t bytes[2] = { 0 };
	const struct vqp_iovec piece = { bytes, 2 };
	struct vqp_span out[2];
	uint64_t tail, head;

	switch (call) {
	case 0:
		return vqp_pair_enqueue(end, bytes, 2);
	case 1:
		return vqp_pair_enqueuev(end, &piece, 1);
	case 2:
		return vqp_pair_send(end, bytes, 2);
	case 3:
		return vqp_tx_reserve(&end->tx, 1, out);
	case 4:
		return vqp_pair_produce_free(end);
	case 5:
		return vqp_pair_produce_ready(end);
	case 6:
		return vqp_pair_produce_indexes(end, &tail, &head);
	case 7:
		return vqp_pair_send_more(end, bytes, 2);
	case 8:
		return vqp_pair_send_batch(end, bytes, 1, 2);
	case 9:
		return vqp_pair_send_batch(end, bytes, 2, 1);
	default:
		return vqp_pair_produce_indexes(end, NULL, NULL);
	}
}

#define CONSUME_CALLS 11

static int64_t
consume_call(struct vqp_pair *end, int call)
{
	uint8_t bytes[2] = { 0 };
	const struct vqp_iovec piece = { bytes, 2 };
	struct vqp_span out[2];
	uint64_t tail, head;

	switch (call) {
	case 0:
		return vqp_pair_dequeue(end, bytes, 2);
	case 1:
		return vqp_pair_dequeuev(end, &piece, 1);
	case 2:
		return vqp_pair_receive(end, bytes, 2);
	case 3:
		return vqp_pair_peek(end, bytes, 2);
	case 4:
		return vqp_pair_peekv(end, &piece, 1);
	case 5:
		return vqp_rx_peek(&end->rx, 1, out);
	case 6:
		return vqp_pair_consume_free(end);
	case 7:
		return vqp_pair_consume_ready(end);
	case 8:
		return vqp_pair_consume_indexes(end, &tail, &head);
	case 9:
		return vqp_pair_receive_batch(end, bytes, 1, 2);
	default:
		return vqp_pair_consume_indexes(end, NULL, NULL);
	}
}

static void
check_all_refuse(struct vqp_pair *end)
{
	for (int call = 0; call < PRODUCE_CALLS; call++)
		CHECK_EQ(produce_call(end, call), VQP_ERROR_INVALID_SIZE);
	for (int call = 0; call < CONSUME_CALLS; call++)
		CHECK_EQ(consume_call(end, call), VQP_ERROR_INVALID_SIZE);
	CHECK(!vqp_tx_may_sleep(&end->tx));
	CHECK(!vqp_rx_may_sleep(&end->rx));
}

/*
 * Each call must find the bad index by itself: the ring out is full and the
 * ring in is empty, so that it has to look.
 */
static void
check_refused(struct loop_pair *pair, uint64_t index)
{
	const uint64_t size = pair->a_config.produce.size;

	for (int call = 0; call < PRODUCE_CALLS || call < CONSUME_CALLS;
	    call++) {
		struct vqp_span out[2];

		start_at(pair, 0, 0);
		if (size > 1) {
			CHECK_EQ(vqp_tx_reserve(&pair->a.tx, size, out),
			    size - 1);
			vqp_tx_commit(&pair->a.tx, size - 1);
		}
		peer_says(pair, index, index);
		if (call < PRODUCE_CALLS)
			CHECK_EQ(produce_call(&pair->a, call),
			    VQP_ERROR_INVALID_SIZE);
		if (call < CONSUME_CALLS)
			CHECK_EQ(consume_call(&pair->a, call),
			    VQP_ERROR_INVALID_SIZE);
	}
	/* All calls so far broke a direction each; now both are, for good. */
	check_all_refuse(&pair->a);
	peer_says(pair, 0, 0);
	check_all_refuse(&pair->a);
	CHECK_EQ(vqp_load_relaxed(&pair->a.tx.broken), VQP_BROKEN_RANGE);
	CHECK_EQ(vqp_load_relaxed(&pair->a.rx.broken), VQP_BROKEN_RANGE);
	CHECK_EQ(vqp_pair_attach(&pair->a, &pair->a_config), VQP_SUCCESS);
}

TEST(a01_index_is_size, "an index of exactly the size is refused for good")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size)
		check_refused(&pair, size);
}

TEST(a02_index_is_larger, "no larger index is cut, sign-extended or wrapped")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		check_refused(&pair, size + 1);
		check_refused(&pair, UINT64_C(1) << 31);
		check_refused(&pair, (UINT64_C(1) << 32) - 1);
		check_refused(&pair, UINT64_C(1) << 32);
		check_refused(&pair, UINT64_C(1) << 63);
		check_refused(&pair, UINT64_MAX);
	}
}

/*
 * With `used` bytes unread from index `at`, the head moves forward by `step`,
 * modulo the size: a step beyond `used` is a lie.
 */
static void
check_head_step(struct loop_pair *pair, uint64_t at, uint64_t used,
    uint64_t step)
{
	const struct vqp_queue *queue = &pair->a_config.produce;
	const uint64_t size = queue->size;
	struct vqp_span out[2];
	int64_t n;

	start_at(pair, vqp_ring_advance(at, used, size), at);
	peer_says(pair, vqp_ring_advance(at, step, size), 0);
	n = vqp_tx_reserve(&pair->a.tx, size, out);
	if (step > used) {
		CHECK_EQ(n, VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_load_relaxed(&pair->a.tx.broken),
		    VQP_BROKEN_STEP);
	} else if (n != VQP_ERROR_NO_SPACE) {
		check_inside(queue, out, n);
		CHECK_EQ(n, size - 1 - (used - step));
	} else {
		CHECK_EQ(size - 1, used - step);
	}
}

TEST(a03_index_goes_back, "an index that goes back never yields bytes twice")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		const struct vqp_queue *queue = &pair.a_config.consume;
		const uint64_t back[] = { 1, 2, size / 2, size - 1 };

		for (int i = 0; i < 4; i++) {
			struct vqp_span out[2];
			int64_t n;

			if (back[i] == 0 || back[i] >= size)
				continue;
			/* A head back by k is a head forward by size - k. */
			check_head_step(&pair, size / 3, 0, size - back[i]);
			check_head_step(&pair, size / 3, size / 2,
			    size - back[i]);
			/* A tail back into the bytes we accepted. */
			start_at(&pair, size - 1, 0);
			peer_says(&pair, 0, size - 1 - back[i]);
			CHECK_EQ(vqp_rx_peek(&pair.a.rx, size, out),
			    VQP_ERROR_INVALID_SIZE);
			CHECK_EQ(vqp_load_relaxed(&pair.a.rx.broken),
			    VQP_BROKEN_STEP);
			/* Back from an empty ring: then it is a full one. */
			start_at(&pair, 0, 0);
			peer_says(&pair, 0, size - back[i]);
			n = vqp_rx_peek(&pair.a.rx, size, out);
			check_inside(queue, out, n);
			CHECK_EQ(n, size - back[i]);
		}
	}
}

TEST(a04_index_jumps_ahead, "a head past our tail is refused: never sent")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		const uint64_t at[] = { 0, size / 2, size - 1 };

		for (int i = 0; i < 3; i++) {
			for (uint64_t used = 0; used < size;
			    used += size / 4 + 1) {
				check_head_step(&pair, at[i], used, used);
				if (used + 1 < size)
					check_head_step(&pair, at[i], used,
					    used + 1);
				check_head_step(&pair, at[i], used, size - 1);
			}
		}
	}
}

TEST(a05_index_stands_still, "a silent peer is full or empty, time and again")
{
	struct loop_pair pair;
	struct vqp_span out[2];
	uint8_t byte = 0;

	FOR_EACH_PAIR(pair, size) {
		if (size > 1) {
			CHECK(vqp_tx_reserve(&pair.a.tx, size, out) > 0);
			vqp_tx_commit(&pair.a.tx, size - 1);
		}
		for (int i = 0; i < 1000; i++) {
			CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, 1),
			    VQP_ERROR_NO_SPACE);
			CHECK_EQ(vqp_pair_dequeue(&pair.a, &byte, 1),
			    VQP_ERROR_NO_DATA);
			CHECK(vqp_tx_may_sleep(&pair.a.tx));
			CHECK(vqp_rx_may_sleep(&pair.a.rx));
		}
	}
}

/* The peer's thread for a06: cells that are valid now and invalid then. */
struct flipping {
	struct loop loop;
	struct vqp_cell64 stop;		/* w:victim r:peer e:none */
};

static void *
flip(void *arg)
{
	struct flipping *it = arg;
	const uint64_t size = it->loop.ring.size;
	const uint64_t lies[] = {
		0, size, 1, UINT64_MAX, size - 1, UINT64_C(1) << 32,
		size / 2, size + 1, 2, UINT64_C(1) << 63,
	};

	for (unsigned i = 0; vqp_load_relaxed(&it->stop) == 0; i++) {
		const uint64_t lie = lies[i % 10];

		vqp_store_relaxed(&it->loop.tail_cell, lie);
		vqp_store_relaxed(&it->loop.head_cell, lie);
	}
	return NULL;
}

/* Touch the ends of what was offered: there AddressSanitizer watches. */
static void
touch(const struct vqp_span out[2])
{
	for (int i = 0; i < 2; i++) {
		if (out[i].length != 0) {
			out[i].base[0] = 1;
			out[i].base[out[i].length - 1] = 1;
		}
	}
}

static void
flip_against(uint64_t size, uint64_t rounds)
{
	struct flipping it;
	struct vqp_span out[2];
	unsigned waits = 0;
	pthread_t thread;

	loop_open(&it.loop, size);
	vqp_store_relaxed(&it.stop, 0);
	CHECK_EQ(pthread_create(&thread, NULL, flip, &it), 0);
	while (vqp_load_relaxed(&it.loop.head_cell) == 0)
		stand_aside(&waits);	/* until the other thread runs */
	/* A want of the whole size looks at the peer every time. */
	for (uint64_t i = 0; i < rounds; i++) {
		int64_t n = vqp_tx_reserve(&it.loop.tx, size, out);

		if (n > 0) {
			CHECK((uint64_t)n < size);
			touch(out);
		} else if (n == VQP_ERROR_INVALID_SIZE) {
			vqp_tx_attach(&it.loop.tx, &it.loop.ring);
		} else {
			CHECK_EQ(n, VQP_ERROR_NO_SPACE);
		}
		n = vqp_rx_peek(&it.loop.rx, size, out);
		if (n > 0) {
			CHECK((uint64_t)n < size);
			touch(out);
		} else if (n == VQP_ERROR_INVALID_SIZE) {
			vqp_rx_attach(&it.loop.rx, &it.loop.ring);
		} else {
			CHECK_EQ(n, VQP_ERROR_NO_DATA);
		}
	}
	vqp_store_relaxed(&it.stop, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	loop_close(&it.loop);
}

TEST(a06_index_flips, "an index that changes between loads never gets through")
{
	static const uint64_t flipped[] = { 3, 127, 4097 };

	/* Two loads a round. */
	for (int i = 0; i < 3; i++)
		flip_against(flipped[i], effort(5000000) / 3);
}

TEST(a07_own_index_overwritten, "what the peer writes over ours is not read")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		uint8_t byte = 1;

		if (size == 1)
			continue;
		CHECK_EQ(vqp_pair_send(&pair.a, &byte, 1), 1);
		CHECK_EQ(vqp_pair_send(&pair.b, &byte, 1), 1);
		CHECK_EQ(vqp_pair_receive(&pair.a, &byte, 1), 1);
		vqp_store_relaxed(pair.a.tx.tail_cell, UINT64_MAX);
		vqp_store_relaxed(pair.a.rx.head_cell, size);
		CHECK_EQ(vqp_pair_produce_ready(&pair.a), 1);
		CHECK_EQ(vqp_pair_consume_ready(&pair.a), 0);
		/* The next publish puts it right. */
		peer_says(&pair, 1, 2 % size);
		CHECK_EQ(vqp_pair_send(&pair.a, &byte, 1), 1);
		CHECK_EQ(vqp_load_relaxed(pair.a.tx.tail_cell), 2 % size);
		CHECK_EQ(vqp_pair_receive(&pair.a, &byte, 1), 1);
		vqp_rx_publish(&pair.a.rx);
		CHECK_EQ(vqp_load_relaxed(pair.a.rx.head_cell), 2 % size);
	}
}

TEST(a08_all_ones, "all four indices all ones are refused by every call")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		(void)size;
		check_refused(&pair, UINT64_MAX);
		/* It left the end attached, the ring out full, ours good. */
		vqp_store_relaxed(pair.a.tx.tail_cell, UINT64_MAX);
		vqp_store_relaxed(pair.a.rx.head_cell, UINT64_MAX);
		peer_says(&pair, UINT64_MAX, UINT64_MAX);
		check_all_refuse(&pair.a);
		CHECK_EQ(vqp_pair_attach(&pair.a, &pair.a_config),
		    VQP_ERROR_INVALID_SIZE);
	}
}

TEST(a09_wrap_at_the_end, "a write from the last byte goes on at 0")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		const uint64_t lengths[] = { 1, 2, size - 1 };

		for (int i = 0; i < 3; i++) {
			const uint64_t n = lengths[i];
			const uint8_t *data = pair.a_config.produce.data;
			uint8_t *bytes;

			if (n == 0 || n >= size || n > 1 << 20)
				continue;
			bytes = loop_must(malloc((size_t)n));
			start_at(&pair, size - 1, size - 1);
			pattern_fill(bytes, 0, n);
			CHECK_EQ(vqp_pair_send(&pair.a, bytes, n), n);
			CHECK_EQ(vqp_load_relaxed(pair.a.tx.tail_cell), n - 1);
			CHECK(pattern_matches(data + size - 1, 0, 1));
			CHECK(pattern_matches(data, 1, n - 1));
			memset(bytes, 0, (size_t)n);
			CHECK_EQ(vqp_pair_receive(&pair.b, bytes, n), n);
			CHECK(pattern_matches(bytes, 0, n));
			vqp_rx_publish(&pair.b.rx);
			CHECK_EQ(vqp_load_relaxed(pair.b.rx.head_cell), n - 1);
			free(bytes);
		}
	}
}

TEST(a10_full_is_full, "the byte that stays empty is never written")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		const uint64_t empty = size / 2;
		uint8_t *data = pair.a_config.produce.data;
		const uint8_t byte = 1;
		struct vqp_span out[2];

		start_at(&pair, (empty + 1) % size, (empty + 1) % size);
		data[empty] = 0xee;
		if (size > 1) {
			CHECK_EQ(vqp_tx_reserve(&pair.a.tx, size, out),
			    size - 1);
			touch(out);
			vqp_tx_commit(&pair.a.tx, size - 1);
		}
		CHECK_EQ(vqp_pair_produce_free(&pair.a), 0);
		CHECK_EQ(vqp_pair_produce_ready(&pair.a), size - 1);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, 1),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_send(&pair.a, &byte, 1), size > 1 ?
		    VQP_ERROR_NO_SPACE : VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_load_relaxed(pair.a.tx.tail_cell), empty);
		CHECK_EQ(data[empty], 0xee);
	}
}

TEST(a11_awkward_sizes, "no size of ring or message loses or doubles a byte")
{
	static const uint64_t awkward[] = { 2, 3, 127, 1001, 4095, 4097 };
	uint8_t bytes[5000];
	struct rng rng = { 11 };

	for (int i = 0; i < 6; i++) {
		const uint64_t size = awkward[i];
		uint64_t sent = 0, got = 0;
		struct loop_pair pair;

		loop_pair_open(&pair, size, layouts[i % 2]);
		for (uint64_t k = effort(1000000) / 12; k > 0; k--) {
			uint64_t length = rng_length(&rng, size);
			int64_t n;

			pattern_fill(bytes, sent, length);
			n = vqp_pair_enqueue(&pair.a, bytes, length);
			CHECK(n >= 0 || n == VQP_ERROR_NO_SPACE);
			sent += n > 0 ? (uint64_t)n : 0;
			length = rng_length(&rng, size);
			n = vqp_pair_dequeue(&pair.b, bytes, length);
			CHECK(n >= 0 || n == VQP_ERROR_NO_DATA);
			if (n > 0) {
				CHECK(pattern_matches(bytes, got,
				    (uint64_t)n));
				got += (uint64_t)n;
			}
			CHECK_EQ(vqp_pair_consume_ready(&pair.b), sent - got);
		}
		loop_pair_close(&pair);
	}
}

TEST(a12_one_byte, "a ring of one byte carries nothing and stays intact")
{
	struct loop_pair pair;
	uint8_t byte = 0;

	for (int l = 0; l < 2; l++) {
		loop_pair_open(&pair, 1, layouts[l]);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, 1),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, &byte, 1),
		    VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_produce_free(&pair.a), 0);
		CHECK_EQ(vqp_pair_consume_ready(&pair.a), 0);
		CHECK(!vqp_tx_publish_edge(&pair.a.tx));
		CHECK(!vqp_rx_publish_edge(&pair.a.rx));
		vqp_rx_release_lazy(&pair.a.rx, 0);
		CHECK_EQ(vqp_load_relaxed(&pair.a.tx.broken), VQP_INTACT);
		CHECK_EQ(vqp_load_relaxed(&pair.a.rx.broken), VQP_INTACT);
		check_refused(&pair, 1);
		loop_pair_close(&pair);
	}
}

TEST(a13_no_bytes_one_way, "a direction of 0 bytes refuses, the other works")
{
	struct loop_pair pair;
	uint8_t byte = 0;

	for (int l = 0; l < 2; l++) {
		loop_pair_open_as(&pair, 0, 127, layouts[l], false);
		/* The peer's words of a ring that is not there. */
		peer_says(&pair, UINT64_MAX, 0);
		for (int call = 0; call < PRODUCE_CALLS; call++)
			CHECK_EQ(produce_call(&pair.a, call),
			    VQP_ERROR_INVALID_SIZE);
		CHECK(!vqp_tx_may_sleep(&pair.a.tx));
		CHECK_EQ(vqp_pair_send(&pair.b, &byte, 1), 1);
		CHECK_EQ(vqp_pair_receive(&pair.a, &byte, 1), 1);
		loop_pair_close(&pair);
	}
}

/* That a word is loaded whole on 32 bits too is test_atomic's to show. */
TEST(a14_torn_index, "a good low word under a stale high word is refused")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		check_refused(&pair, UINT64_C(1) << 32 | 0);
		check_refused(&pair, UINT64_C(1) << 32 | (size - 1));
		check_refused(&pair, UINT64_C(0xffffffff) << 32 | 0);
	}
}

TEST(a15_counts_go_on, "more than 2^33 bytes pass and no counter overflows")
{
	static const uint64_t through[] = { 4097, 262144, UINT64_C(64) << 20 };

	for (int i = 0; i < 3; i++) {
		const uint64_t size = through[i];
		struct vqp_span out[2];
		uint64_t passed = 0, total = (UINT64_C(1) << 33) + 1;
		struct loop loop;

		loop_open(&loop, size);
		while (passed < total) {
			int64_t n = vqp_tx_reserve(&loop.tx, size, out);

			CHECK_EQ(n, size - 1);
			vqp_tx_commit(&loop.tx, (uint64_t)n);
			CHECK_EQ(vqp_rx_peek(&loop.rx, size, out), n);
			vqp_rx_release(&loop.rx, (uint64_t)n);
			passed += size - 1;
			CHECK_EQ(vqp_load_relaxed(&loop.tail_cell),
			    passed % size);
			CHECK_EQ(vqp_load_relaxed(&loop.head_cell),
			    passed % size);
		}
		loop_close(&loop);
	}
}

/* One thread sends what depends on its position; the other must see that. */
static void *
send_pattern(void *arg)
{
	const uint64_t messages = effort(20000);
	struct loop_pair *pair = arg;
	unsigned waits = 0;
	uint8_t bytes[7];

	for (uint64_t i = 0; i < messages; i++) {
		pattern_fill(bytes, i * 7, 7);
		while (vqp_pair_send(&pair->a, bytes, 7) != 7)
			stand_aside(&waits);
	}
	return NULL;
}

/* Says something on a weakly ordered machine, and under ThreadSanitizer. */
TEST(a16_data_before_index, "who sees the index sees the bytes behind it")
{
	const uint64_t messages = effort(20000);

	for (int l = 0; l < 2; l++) {
		struct loop_pair pair;
		pthread_t thread;
		unsigned waits = 0;
		uint8_t bytes[7];

		loop_pair_open(&pair, 127, layouts[l]);
		CHECK_EQ(pthread_create(&thread, NULL, send_pattern, &pair), 0);
		for (uint64_t i = 0; i < messages; i++) {
			while (vqp_pair_receive(&pair.b, bytes, 7) != 7)
				stand_aside(&waits);
			CHECK(pattern_matches(bytes, i * 7, 7));
		}
		CHECK_EQ(pthread_join(thread, NULL), 0);
		loop_pair_close(&pair);
	}
}

#if defined(__SANITIZE_THREAD__)
#define RACES_ARE_REPORTED true
#elif defined(__has_feature)
#define RACES_ARE_REPORTED __has_feature(thread_sanitizer)
#else
#define RACES_ARE_REPORTED false
#endif

struct scribble {
	volatile uint8_t *bytes;
	uint64_t size;
	struct vqp_cell64 stop;		/* w:victim r:peer e:none */
};

static void *
scribble(void *arg)
{
	struct scribble *it = arg;

	for (uint8_t ink = 0; vqp_load_relaxed(&it->stop) == 0; ink ^= 0xff) {
		for (uint64_t i = 0; i < it->size; i++)
			it->bytes[i] = ink;
	}
	return NULL;
}

TEST(a17_bytes_change, "bytes rewritten under a copy give a mixture, no more")
{
	struct loop_pair pair;
	struct scribble it;
	pthread_t thread;
	uint8_t copy[4096];

	if (RACES_ARE_REPORTED)
		SKIP("the race is the case");
	loop_pair_open(&pair, 4097, VQP_LAYOUT_COMPAT);
	it.bytes = pair.a_config.consume.data;
	it.size = 4097;
	vqp_store_relaxed(&it.stop, 0);
	memset(pair.a_config.consume.data, 0, 4097);
	CHECK_EQ(pthread_create(&thread, NULL, scribble, &it), 0);
	for (uint64_t i = effort(20000); i > 0; i--) {
		uint8_t odd = 0;

		peer_says(&pair, 0,
		    vqp_ring_advance(pair.a.rx.head, 4096, 4097));
		CHECK_EQ(vqp_pair_dequeue(&pair.a, copy, 4096), 4096);
		for (int k = 0; k < 4096; k++)
			odd |= copy[k] != 0 && copy[k] != 0xff;
		CHECK_EQ(odd, 0);
	}
	vqp_store_relaxed(&it.stop, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	loop_pair_close(&pair);
}

/* A message each way arrives. */
static void
check_works(struct loop_pair *pair)
{
	uint8_t byte = 7;

	CHECK_EQ(vqp_pair_send(&pair->a, &byte, 1), 1);
	CHECK_EQ(vqp_pair_receive(&pair->b, &byte, 1), 1);
	CHECK_EQ(vqp_pair_send(&pair->b, &byte, 1), 1);
	CHECK_EQ(vqp_pair_receive(&pair->a, &byte, 1), 1);
	CHECK_EQ(byte, 7);
}

TEST(a18_handle_overwritten, "the handle in the page is never looked at again")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		const struct vqp_handle ours = pair.a_config.handle;

		memset(pair.a_config.produce.header, 0xff, 8);
		memset(pair.a_config.consume.header, 0x55, 8);
		if (size > 1)
			check_works(&pair);
		CHECK_EQ(pair.a.handle.context, ours.context);
		CHECK_EQ(pair.a.handle.resource, ours.resource);
		CHECK_EQ(vqp_pair_attach(&pair.a, &pair.a_config),
		    VQP_SUCCESS);
		CHECK_EQ(pair.a.handle.resource, ours.resource);
	}
}

/* Everything in a header page but the two words of this layout. */
static void
spoil_page(uint8_t *page, enum vqp_layout layout)
{
	const size_t tail = layout == VQP_LAYOUT_WIDE ? 128 : 8;
	const size_t head = layout == VQP_LAYOUT_WIDE ? 256 : 16;

	for (size_t i = 0; i < LOOP_HEADER_BYTES; i++) {
		if (i - tail >= 8 && i - head >= 8)
			page[i] = 0xff;
	}
}

TEST(a19_page_overwritten, "reserved bytes are ignored, a zeroed page is empty")
{
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		if (size == 1)
			continue;
		spoil_page(pair.a_config.produce.header, pair.a_config.layout);
		spoil_page(pair.a_config.consume.header, pair.a_config.layout);
		check_works(&pair);
		loop_pair_attach(&pair);
		check_works(&pair);
		start_at(&pair, 0, 0);
		memset(pair.a_config.produce.header, 0, LOOP_HEADER_BYTES);
		memset(pair.a_config.consume.header, 0, LOOP_HEADER_BYTES);
		CHECK_EQ(vqp_pair_produce_ready(&pair.a), 0);
		check_works(&pair);
		/* A page zeroed later takes back what the peer has read. */
		memset(pair.a_config.consume.header, 0, LOOP_HEADER_BYTES);
		CHECK(vqp_pair_produce_ready(&pair.a) <= (int64_t)size - 1);
	}
}

TEST(a20_tail_back_after_peek, "a dequeue looks again, or gives what it had")
{
	uint8_t bytes[100];
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		if (size < 127)
			continue;
		pattern_fill(bytes, 0, 100);
		CHECK_EQ(vqp_pair_send(&pair.b, bytes, 50), 50);
		CHECK_EQ(vqp_pair_peek(&pair.a, bytes, 50), 50);
		peer_says(&pair, 0, 40);
		/* Accepted before, so it may still be had. */
		memset(bytes, 0, 100);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, bytes, 30), 30);
		CHECK(pattern_matches(bytes, 0, 30));
		/* More than that needs a look, which finds the lie. */
		CHECK_EQ(vqp_pair_dequeue(&pair.a, bytes, 30),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(pair.a.rx.head, 30);
	}
}

TEST(a21_lengths, "length 0 and lengths that wrap do nothing")
{
	const volatile uint64_t most = UINT64_MAX;
	uint8_t byte = 0;
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		const struct vqp_iovec wraps[2] = {
			{ &byte, most }, { &byte, 2 },
		};

		CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, 0),
		    size > 1 ? 0 : VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, &byte, 0),
		    VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, most),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_enqueuev(&pair.a, wraps, 2),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, &byte, most),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_dequeuev(&pair.a, wraps, 2),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_send(&pair.a, &byte, most),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_pair_receive(&pair.a, &byte, most),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		/* With bytes to give, too. */
		peer_says(&pair, 0, size - 1);
		CHECK_EQ(vqp_pair_peek(&pair.a, &byte, 1),
		    size > 1 ? 1 : VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_peek(&pair.a, &byte, most),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, &byte, most),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_receive(&pair.a, &byte, most),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_load_relaxed(pair.a.tx.tail_cell), 0);
		CHECK_EQ(vqp_load_relaxed(pair.a.rx.head_cell), 0);
	}
}

/* A fault in a caller's copy: it stops half way and does not commit. */
TEST(a22_copy_faults, "a copy given up half way leaves the stream as it was")
{
	struct vqp_span out[2];
	uint8_t bytes[10];
	struct loop_pair pair;

	FOR_EACH_PAIR(pair, size) {
		if (size < 127)
			continue;
		start_at(&pair, size - 5, size - 5);
		CHECK_EQ(vqp_tx_reserve(&pair.a.tx, 10, out), 10);
		memset(out[0].base, 0xee, 3);
		CHECK_EQ(vqp_load_relaxed(pair.a.tx.tail_cell), size - 5);
		CHECK_EQ(vqp_pair_receive(&pair.b, bytes, 1),
		    VQP_ERROR_NO_DATA);
		pattern_fill(bytes, 0, 10);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 10), 10);
		/* The reader faults too, after three bytes, and comes again. */
		CHECK_EQ(vqp_rx_peek(&pair.b.rx, 10, out), 10);
		CHECK(pattern_matches(out[0].base, 0, 3));
		memset(bytes, 0, 10);
		CHECK_EQ(vqp_pair_receive(&pair.b, bytes, 10), 10);
		CHECK(pattern_matches(bytes, 0, 10));
	}
}

/* a23: two producers behind a lock, one consumer, one who only asks. */
static struct crowd {
	struct loop_pair pair;
	pthread_mutex_t lock;
	uint32_t messages;		/* of each producer */
	struct vqp_cell64 stop;		/* w:consumer r:asker e:none */
} crowd = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct message {
	uint32_t producer;
	uint32_t number;
};

static void *
crowd_produce(void *arg)
{
	struct message message = { *(const uint32_t *)arg, 0 };
	unsigned waits = 0;

	while (message.number < crowd.messages) {
		int64_t n;

		pthread_mutex_lock(&crowd.lock);
		n = vqp_pair_send(&crowd.pair.a, &message, sizeof(message));
		pthread_mutex_unlock(&crowd.lock);
		if (n > 0)
			message.number++;
		else
			stand_aside(&waits);
	}
	return NULL;
}

static void *
crowd_ask(void *arg)
{
	uint64_t tail, head;
	unsigned waits = 0;

	while (vqp_load_relaxed(&crowd.stop) == 0) {
		CHECK(vqp_pair_produce_free(&crowd.pair.a) >= 0);
		CHECK(vqp_pair_consume_ready(&crowd.pair.b) < 128);
		CHECK_EQ(vqp_pair_produce_indexes(&crowd.pair.a, &tail, &head),
		    VQP_SUCCESS);
		CHECK(tail < 128 && head < 128);
		stand_aside(&waits);
	}
	return arg;
}

TEST(a23_a_crowd, "queries beside serialised producers disturb nobody")
{
	static const uint32_t names[2] = { 0, 1 };
	uint32_t next[2] = { 0, 0 };
	pthread_t thread[3];
	unsigned waits = 0;

	loop_pair_open(&crowd.pair, 128, VQP_LAYOUT_COMPAT);
	crowd.messages = (uint32_t)effort(5000);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, crowd_produce,
		    (void *)(uintptr_t)&names[i]), 0);
	CHECK_EQ(pthread_create(&thread[2], NULL, crowd_ask, NULL), 0);
	for (uint32_t got = 0; got < 2 * crowd.messages;) {
		struct message message;

		if (vqp_pair_receive(&crowd.pair.b, &message,
		    sizeof(message)) < 0) {
			stand_aside(&waits);
			continue;
		}
		CHECK(message.producer < 2);
		CHECK_EQ(message.number, next[message.producer & 1]++);
		got++;
	}
	vqp_store_relaxed(&crowd.stop, 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	loop_pair_close(&crowd.pair);
}

TEST_MAIN()
