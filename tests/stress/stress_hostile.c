/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A peer that writes the shared pages as fast as it can while we call every
 * verb: indices, ours and its own, the rest of the headers, and the bytes.
 * Some of it is plausible, or we would not get far.  Whatever a verb believes,
 * it answers what its contract names, its end's own indices stay in the ring,
 * and it touches nothing else: AddressSanitizer guards both ends of all that
 * we own.
 *
 * What matters is how many values were believed, so that is what is counted;
 * VQP_TEST_LOADS in the environment asks for more, or fewer.
 */
#include <pthread.h>

#include "effort.h"
#include "longrun.h"
#include "loop.h"
#include "rng.h"
#include "test.h"
#include "wait.h"

/* The longest of the caller's buffers: some copies are bulk. */
#define BYTES_MAX 5000

uint64_t count_loads;		/* of the victim's thread */

/* a is the victim; b's end is never used, its words are the peer's. */
static struct fight {
	struct loop_pair pair;
	uint64_t size;
	struct vqp_cell64 stop;		/* w:victim r:peer e:none */
	struct vqp_cell64 stores;	/* w:peer r:victim e:none */
} fight;

/* ---- The peer. */

static struct vqp_cell64 *
index_cell(uint64_t which)
{
	struct vqp_pair *a = &fight.pair.a, *b = &fight.pair.b;

	switch (which) {
	case 0:
		return b->rx.head_cell;		/* it has read so much */
	case 1:
		return b->tx.tail_cell;		/* it has sent so much */
	case 2:
		return a->tx.tail_cell;
	default:
		return a->rx.head_cell;
	}
}

/* An index: mostly one that could be, near another, or anything. */
static uint64_t
some_index(struct rng *rng)
{
	const uint64_t size = fight.size, what = rng_below(rng, 16);

	if (what < 7)
		return rng_below(rng, size);
	if (what < 12)
		return (vqp_load_relaxed(index_cell(rng_below(rng, 4))) +
		    rng_below(rng, 5) + size - 2) % size;
	if (what < 14)
		return size - 2 + rng_below(rng, 4);
	if (what < 15)
		return (uint64_t)1 << rng_below(rng, 64);
	return rng_next(rng);
}

static void
scribble(struct rng *rng)
{
	const uint64_t where = rng_below(rng, 16);
	const struct vqp_queue *queue = rng_below(rng, 2) == 0 ?
	    &fight.pair.a_config.produce : &fight.pair.a_config.consume;
	struct vqp_cell64 *page = queue->header;

	if (where < 12)
		vqp_store_relaxed(index_cell(where % 4), some_index(rng));
	else if (where < 14)
		vqp_store_relaxed(&page[rng_below(rng,
		    LOOP_HEADER_BYTES / 8)], some_index(rng));
	else
		__atomic_store_n((uint8_t *)queue->data +
		    rng_below(rng, fight.size), (uint8_t)rng_next(rng),
		    __ATOMIC_RELAXED);
}

static void *
peer(void *arg)
{
	struct rng rng = { fight.size };

	for (uint64_t i = 1; vqp_load_relaxed(&fight.stop) == 0; i++) {
		scribble(&rng);
		vqp_store_relaxed(&fight.stores, i);
	}
	return arg;
}

/* ---- The victim. */

struct victim {
	struct rng rng;
	uint8_t *bytes;		/* BYTES_MAX of them */
	uint64_t refused;	/* times that it attached anew */
	uint64_t passed;	/* bytes */
};

/* The answer to `length` bytes; `none` is the ring's full or empty. */
static void
check_answer(struct victim *us, int64_t n, uint64_t length, int64_t none,
    const struct vqp_cell64 *broken)
{
	if (n >= 0) {
		CHECK((uint64_t)n <= length && (uint64_t)n < fight.size);
		us->passed += (uint64_t)n;
	} else if (n == VQP_ERROR_INVALID_SIZE) {
		CHECK(vqp_load_relaxed(broken) != VQP_INTACT);
	} else if (n == VQP_ERROR_PAYLOAD_TOO_LARGE) {
		CHECK(length >= fight.size);
	} else {
		CHECK_EQ(n, none);
	}
}

/* In the ring, to its ends; there AddressSanitizer watches. */
static void
check_offer(const struct vqp_queue *queue, const struct vqp_span out[2],
    int64_t n)
{
	const uintptr_t data = (uintptr_t)queue->data;
	const uint64_t bytes = queue->size * (1 + queue->mirrored);

	CHECK_EQ(out[0].length + out[1].length, n);
	CHECK((uintptr_t)out[0].base - data < bytes);
	CHECK(out[0].length <= bytes - ((uintptr_t)out[0].base - data));
	CHECK((uintptr_t)out[1].base == data);
	CHECK(out[1].length < bytes);
	for (int i = 0; i < 2; i++) {
		volatile uint8_t *base = out[i].base;

		if (out[i].length != 0) {
			base[0] = base[0];
			base[out[i].length - 1] = base[out[i].length - 1];
		}
	}
}

static void
check_ready(int64_t ready, const struct vqp_cell64 *broken)
{
	if (ready < 0) {
		CHECK_EQ(ready, VQP_ERROR_INVALID_SIZE);
		CHECK(vqp_load_relaxed(broken) != VQP_INTACT);
	} else {
		CHECK((uint64_t)ready < fight.size);
	}
}

static uint64_t
some_length(struct rng *rng)
{
	const uint64_t size = fight.size;
	uint64_t length;

	/* Mostly one that makes the verb look. */
	switch (rng_below(rng, 16)) {
	case 0:
		length = rng_below(rng, BYTES_MAX + 1);
		break;
	case 1:
		length = size + 1 - rng_below(rng, 3);
		break;
	case 2:
		length = rng_below(rng, 300);
		break;
	default:
		length = rng_below(rng, 34);
	}
	return length <= BYTES_MAX ? length : BYTES_MAX;
}

static void
call_producer(struct victim *us)
{
	struct vqp_pair *pair = &fight.pair.a;
	struct vqp_tx *tx = &pair->tx;
	const uint64_t verb = rng_below(&us->rng, 16);
	const uint64_t length = some_length(&us->rng);
	const uint64_t item = 1 + length % 7;
	/* Up to the very end. */
	uint8_t *bytes = us->bytes + BYTES_MAX - length;
	const struct vqp_iovec pieces[2] = {
		{ bytes, length / 3 },
		{ bytes + length / 3, length - length / 3 },
	};
	struct vqp_span out[2];
	uint64_t tail, head;
	int64_t n;

	switch (verb) {
	case 0:
		n = vqp_pair_enqueue(pair, bytes, length);
		break;
	case 1:
		n = vqp_pair_enqueuev(pair, pieces, 2);
		break;
	case 2:
		n = vqp_pair_send(pair, bytes, length);
		break;
	case 3:
		n = vqp_pair_send_more(pair, bytes, length);
		break;
	case 4:
		if (length / item == 0)
			return;
		n = vqp_pair_send_batch(pair, bytes, item, length / item);
		n = n > 0 ? n * (int64_t)item : n;
		break;
	case 5:
		check_ready(vqp_tx_query(tx, &tail, &head), &tx->broken);
		check_ready(vqp_pair_produce_free(pair), &tx->broken);
		CHECK(tail < fight.size);
		return;
	case 6:
		vqp_pair_flush(pair);
		return;
	case 7:
		vqp_tx_publish_edge(tx);
		vqp_tx_may_sleep(tx);
		return;
	default:
		n = vqp_tx_reserve(tx, verb < 12 ? fight.size : length, out);
		check_answer(us, n, fight.size > length ? fight.size : length,
		    VQP_ERROR_NO_SPACE, &tx->broken);
		if (n < 0)
			return;
		check_offer(&fight.pair.a_config.produce, out, n);
		n -= n == 0 ? 0 : (int64_t)rng_below(&us->rng, (uint64_t)n);
		if (verb % 4 == 0)
			vqp_tx_stage(tx, (uint64_t)n);
		else if (verb % 4 == 1)
			vqp_tx_commit(tx, (uint64_t)n);
		else
			vqp_tx_commit_edge(tx, (uint64_t)n);
		return;
	}
	check_answer(us, n, length, VQP_ERROR_NO_SPACE, &tx->broken);
}

static void
call_consumer(struct victim *us)
{
	struct vqp_pair *pair = &fight.pair.a;
	struct vqp_rx *rx = &pair->rx;
	const uint64_t verb = rng_below(&us->rng, 16);
	const uint64_t length = some_length(&us->rng);
	const uint64_t item = 1 + length % 7;
	uint8_t *bytes = us->bytes + BYTES_MAX - length;
	const struct vqp_iovec pieces[2] = {
		{ bytes, length / 3 },
		{ bytes + length / 3, length - length / 3 },
	};
	struct vqp_span out[2];
	uint64_t tail, head;
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
		break;
	case 4:
		n = vqp_pair_peekv(pair, pieces, 2);
		break;
	case 5:
		if (length / item == 0)
			return;
		n = vqp_pair_receive_batch(pair, bytes, item, length / item);
		n = n > 0 ? n * (int64_t)item : n;
		break;
	case 6:
		check_ready(vqp_rx_query(rx, &tail, &head), &rx->broken);
		check_ready(vqp_pair_consume_free(pair), &rx->broken);
		CHECK(head < fight.size);
		return;
	case 7:
		vqp_rx_publish_edge(rx);
		vqp_rx_may_sleep(rx);
		return;
	default:
		n = vqp_rx_peek(rx, verb < 12 ? fight.size : length, out);
		check_answer(us, n, fight.size > length ? fight.size : length,
		    VQP_ERROR_NO_DATA, &rx->broken);
		if (n < 0)
			return;
		check_offer(&fight.pair.a_config.consume, out, n);
		n -= n == 0 ? 0 : (int64_t)rng_below(&us->rng, (uint64_t)n);
		if (verb % 4 == 0)
			vqp_rx_stage(rx, (uint64_t)n);
		else if (verb % 4 == 1)
			vqp_rx_release(rx, (uint64_t)n);
		else if (verb % 4 == 2)
			vqp_rx_release_edge(rx, (uint64_t)n);
		else
			vqp_rx_release_lazy(rx, (uint64_t)n);
		return;
	}
	check_answer(us, n, length, VQP_ERROR_NO_DATA, &rx->broken);
}

/* Broken for good, until attached anew: a peer may keep that from us, too. */
static void
attach_again(struct victim *us)
{
	struct vqp_pair *pair = &fight.pair.a;
	const uint64_t loads = count_loads;
	unsigned waits = 0;
	struct vqp_span out[2];
	int status;

	if (vqp_load_relaxed(&pair->tx.broken) != VQP_INTACT)
		CHECK_EQ(vqp_tx_reserve(&pair->tx, fight.size, out),
		    VQP_ERROR_INVALID_SIZE);
	else
		CHECK_EQ(vqp_rx_peek(&pair->rx, fight.size, out),
		    VQP_ERROR_INVALID_SIZE);
	us->refused++;
	while ((status = vqp_pair_attach(pair, &fight.pair.a_config)) !=
	    VQP_SUCCESS) {
		CHECK_EQ(status, VQP_ERROR_INVALID_SIZE);
		if (++waits % 8 == 0)
			sched_yield();
		/* It has to let us in: not worth a count. */
		count_loads = loads;
	}
}

static void
fight_on(struct victim *us, uint64_t loads, struct progress *progress)
{
	const struct vqp_pair *pair = &fight.pair.a;

	for (uint64_t i = 0; count_loads < loads; i++) {
		call_producer(us);
		call_consumer(us);
		CHECK(pair->tx.tail < fight.size);
		CHECK(pair->tx.soft <= fight.size);
		CHECK(pair->rx.head < fight.size);
		CHECK(pair->rx.soft <= fight.size);
		if (vqp_load_relaxed(&pair->tx.broken) != VQP_INTACT ||
		    vqp_load_relaxed(&pair->rx.broken) != VQP_INTACT)
			attach_again(us);
		if (i % 65536 == 0)
			progress_at(progress, count_loads);
	}
}

static void
fight_in(struct victim *us, uint64_t size, enum vqp_layout layout,
    bool mirrored, uint64_t loads, struct progress *progress)
{
	struct loop_pair *pair = &fight.pair;
	unsigned waits = 0;
	pthread_t thread;

	loop_pair_open_as(pair, size, size, layout, mirrored);
	loop_pair_attach(pair);
	fight.size = size;
	memset(pair->a_config.produce.data, 0, (size_t)size);
	memset(pair->a_config.consume.data, 0, (size_t)size);
	vqp_store_relaxed(&fight.stop, 0);
	vqp_store_relaxed(&fight.stores, 0);
	CHECK_EQ(pthread_create(&thread, NULL, peer, NULL), 0);
	while (vqp_load_relaxed(&fight.stores) == 0)
		stand_aside(&waits);
	fight_on(us, loads, progress);
	vqp_store_relaxed(&fight.stop, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	loop_pair_close(pair);
}

TEST(all_words, "a peer that writes at full speed gets nothing out of bounds")
{
	static const uint64_t sizes[] = { 2, 3, 40, 127, 4095, 4097, 65536 };
	const uint64_t all = effort_or("VQP_TEST_LOADS", 4000000);
	struct victim us = { .rng = { 1 } };
	struct progress progress;
	uint64_t stores = 0;

	count_loads = 0;
	us.bytes = loop_must(calloc(1, BYTES_MAX));
	progress_start(&progress, "loads", all);
	for (uint64_t i = 0; i < 16; i++) {
		const uint64_t size = i / 2 < 7 ? sizes[i / 2] : 65536;
		const bool mirrored = i / 2 == 7 && loop_can_mirror(size);

		fight_in(&us, size, i % 2 == 0 ?
		    VQP_LAYOUT_COMPAT : VQP_LAYOUT_WIDE, mirrored,
		    all / 16 * (i + 1), &progress);
		stores += vqp_load_relaxed(&fight.stores);
	}
	progress_end(&progress, count_loads);
	printf("# %llu stores of the peer's, %llu times broken, %llu bytes\n",
	    (unsigned long long)stores, (unsigned long long)us.refused,
	    (unsigned long long)us.passed);
	CHECK(us.refused != 0 && us.passed != 0);
	free(us.bytes);
}

TEST_MAIN()
