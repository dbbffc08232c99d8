/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random calls of all verbs on both ends of both rings of a pair, each
 * answer, byte and published index compared with the oracle's.
 *
 * VQP_TEST_SEED in the environment chooses another sequence; a failure says
 * which it was.
 */
#include "effort.h"
#include "loop.h"
#include "oracle.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"

#define SIZE_MAX_TESTED 262144

/* One direction. */
struct way {
	struct vqp_tx *tx;
	struct vqp_rx *rx;
	struct vqp_pair *from, *to;
	const struct vqp_queue *queue;
	struct oracle oracle;
	uint64_t drained;	/* what is left of the consumer's last offer */
};

static struct rng rng;

/* A longest length is a few bytes more than the ring's. */
static uint8_t bytes[SIZE_MAX_TESTED + 8];
static uint8_t expected[SIZE_MAX_TESTED + 8];

/* New bytes to send. */
static void
ink(uint64_t n)
{
	pattern_fill(bytes, rng_next(&rng) >> 16, n);
}

/* Three pieces of any length, back to front in memory, with gaps. */
static uint8_t apart[SIZE_MAX_TESTED + 64];

static void
cut(struct vqp_iovec piece[3], uint64_t n)
{
	uint8_t *at = apart;

	piece[0].length = rng_below(&rng, n + 1);
	piece[1].length = rng_below(&rng, n - piece[0].length + 1);
	piece[2].length = n - piece[0].length - piece[1].length;
	for (int i = 2; i >= 0; i--) {
		piece[i].base = at;
		at += piece[i].length + 8;
	}
}

static void
scatter(const struct vqp_iovec piece[3])
{
	const uint8_t *from = bytes;

	for (int i = 0; i < 3; from += piece[i].length, i++)
		memcpy(piece[i].base, from, (size_t)piece[i].length);
}

static void
gather(const struct vqp_iovec piece[3])
{
	uint8_t *to = bytes;

	for (int i = 0; i < 3; to += piece[i].length, i++)
		memcpy(to, piece[i].base, (size_t)piece[i].length);
}

/* An offer lies where the oracle's count says. */
static void
check_offer(const struct way *way, const struct vqp_span out[2], int64_t n,
    uint64_t at)
{
	const uint64_t size = way->queue->size;
	const uint8_t *data = way->queue->data;
	uint64_t first = (uint64_t)n;

	if (n < 0)
		return;
	if (!way->queue->mirrored && first > size - at % size)
		first = size - at % size;
	CHECK(out[0].base == data + at % size);
	CHECK_EQ(out[0].length, first);
	CHECK(out[1].base == data);
	CHECK_EQ(out[1].length, (uint64_t)n - first);
}

static uint64_t
some_of(uint64_t *offered)
{
	const uint64_t n = rng_below(&rng, *offered + 1);

	*offered -= n;
	return n;
}

/* Cut a length into messages of a batch that the ring can hold. */
static uint64_t
some_count(uint64_t *length, uint64_t size)
{
	const uint64_t total = *length;

	*length = rng_below(&rng, size < 40 ? size + 2 : 40);
	return *length == 0 ? rng_below(&rng, 3) : total / *length;
}

static void
check_got(int64_t got, int64_t want)
{
	CHECK_EQ(got, want);
	if (got > 0 && got == want)
		CHECK_EQ(memcmp(bytes, expected, (size_t)got), 0);
}

static void
produce(struct way *way)
{
	struct oracle *oracle = &way->oracle;
	uint64_t n = rng_length(&rng, way->queue->size);
	struct vqp_span out[2];
	struct vqp_iovec piece[3];
	uint64_t count;
	int64_t offer;

	switch (rng_below(&rng, 11)) {
	case 0:
		offer = vqp_tx_reserve(way->tx, n, out);
		CHECK_EQ(offer, oracle_tx_reserve(oracle, n));
		check_offer(way, out, offer, oracle->tail_staged);
		if (offer <= 0)
			break;
		ink((uint64_t)offer);
		memcpy(out[0].base, bytes, (size_t)out[0].length);
		memcpy(out[1].base, bytes + out[0].length,
		    (size_t)out[1].length);
		n = rng_below(&rng, (uint64_t)offer + 1);
		vqp_tx_stage(way->tx, n);
		oracle_tx_stage(oracle, bytes, n);
		break;
	case 1:
		vqp_tx_publish(way->tx);
		oracle_tx_publish(oracle);
		break;
	case 2:
		CHECK_EQ(vqp_tx_publish_edge(way->tx),
		    oracle_tx_publish_edge(oracle));
		break;
	case 3:
		CHECK_EQ(vqp_tx_may_sleep(way->tx),
		    oracle_tx_may_sleep(oracle));
		break;
	case 4:
		ink(n);
		CHECK_EQ(vqp_pair_enqueue(way->from, bytes, n),
		    oracle_enqueue(oracle, bytes, n));
		break;
	case 5:
		ink(n);
		cut(piece, n);
		scatter(piece);
		CHECK_EQ(vqp_pair_enqueuev(way->from, piece, 3),
		    oracle_enqueue(oracle, bytes, n));
		break;
	case 6:
		ink(n);
		CHECK_EQ(vqp_pair_send(way->from, bytes, n),
		    oracle_send(oracle, bytes, n));
		break;
	case 7:
		ink(n);
		CHECK_EQ(vqp_pair_send_more(way->from, bytes, n),
		    oracle_send_more(oracle, bytes, n));
		/* Published or not, but then all of it. */
		if (vqp_load_relaxed(way->tx->tail_cell) ==
		    oracle->tail_staged % oracle->size)
			oracle_tx_publish(oracle);
		break;
	case 8:
		vqp_pair_flush(way->from);
		oracle_tx_publish(oracle);
		break;
	case 9:
		count = some_count(&n, oracle->size);
		ink(n * count);
		CHECK_EQ(vqp_pair_send_batch(way->from, bytes, n, count),
		    oracle_send_batch(oracle, bytes, n, count));
		break;
	default:
		CHECK_EQ(vqp_pair_produce_free(way->from),
		    oracle_free(oracle));
		CHECK_EQ(vqp_pair_produce_ready(way->from),
		    oracle_ready(oracle));
		break;
	}
}

static void
consume(struct way *way)
{
	struct oracle *oracle = &way->oracle;
	uint64_t n = rng_length(&rng, way->queue->size);
	struct vqp_span out[2];
	struct vqp_iovec piece[3];
	uint64_t count;
	int64_t got, whole;

	switch (rng_below(&rng, 12)) {
	case 0:
		got = vqp_rx_peek(way->rx, n, out);
		check_offer(way, out, got, oracle->head_staged);
		way->drained = got > 0 ? (uint64_t)got : 0;
		if (way->drained != 0) {
			memcpy(bytes, out[0].base, (size_t)out[0].length);
			memcpy(bytes + out[0].length, out[1].base,
			    (size_t)out[1].length);
		}
		check_got(got, oracle_rx_peek(oracle, expected, n));
		break;
	case 1:
		n = some_of(&way->drained);
		vqp_rx_stage(way->rx, n);
		oracle_rx_stage(oracle, n);
		break;
	case 2:
		n = some_of(&way->drained);
		vqp_rx_release_lazy(way->rx, n);
		oracle_rx_release_lazy(oracle, n);
		break;
	case 3:
		n = some_of(&way->drained);
		vqp_rx_release(way->rx, n);
		oracle_rx_stage(oracle, n);
		oracle_rx_publish(oracle);
		break;
	case 4:
		CHECK_EQ(vqp_rx_publish_edge(way->rx),
		    oracle_rx_publish_edge(oracle));
		break;
	case 5:
		CHECK_EQ(vqp_rx_may_sleep(way->rx),
		    oracle_rx_may_sleep(oracle));
		break;
	case 6:
		way->drained = 0;
		check_got(vqp_pair_dequeue(way->to, bytes, n),
		    oracle_dequeue(oracle, expected, n));
		break;
	case 7:
		way->drained = 0;
		cut(piece, n);
		got = vqp_pair_dequeuev(way->to, piece, 3);
		gather(piece);
		check_got(got, oracle_dequeue(oracle, expected, n));
		break;
	case 8:
		cut(piece, n);
		got = vqp_pair_peekv(way->to, piece, 3);
		gather(piece);
		check_got(got, oracle_rx_peek(oracle, expected, n));
		break;
	case 9:
		way->drained = 0;
		check_got(vqp_pair_receive(way->to, bytes, n),
		    oracle_receive(oracle, expected, n));
		break;
	case 10:
		way->drained = 0;
		count = some_count(&n, oracle->size);
		got = vqp_pair_receive_batch(way->to, bytes, n, count);
		whole = oracle_receive_batch(oracle, expected, n, count);
		CHECK_EQ(got, whole);
		if (got > 0 && got == whole)
			check_got(got * (int64_t)n, whole * (int64_t)n);
		break;
	default:
		check_got(vqp_pair_peek(way->to, bytes, n),
		    oracle_rx_peek(oracle, expected, n));
		CHECK_EQ(vqp_pair_consume_free(way->to),
		    oracle->size - 1 - oracle_unread(oracle));
		CHECK_EQ(vqp_pair_consume_ready(way->to),
		    oracle_unread(oracle));
		break;
	}
}

static void
way_open(struct way *way, struct vqp_pair *from, struct vqp_pair *to,
    const struct vqp_queue *queue, uint64_t start)
{
	way->tx = &from->tx;
	way->rx = &to->rx;
	way->from = from;
	way->to = to;
	way->queue = queue;
	way->drained = 0;
	oracle_open(&way->oracle, queue->size, start);
	vqp_store_relaxed(from->tx.tail_cell, start);
	vqp_store_relaxed(to->rx.head_cell, start);
}

static void
compare(uint64_t size, enum vqp_layout layout, bool mirrored)
{
	const char *chosen = getenv("VQP_TEST_SEED");
	const uint64_t seed = chosen != NULL ? strtoull(chosen, NULL, 0) : 1;
	const uint64_t steps = effort(size > 10000 ? 1000 : 20000);
	struct loop_pair pair;
	struct way way[2];

	rng.state = seed;
	loop_pair_open_as(&pair, size, size, layout, mirrored);
	way_open(&way[0], &pair.a, &pair.b, &pair.a_config.produce,
	    rng_below(&rng, size));
	way_open(&way[1], &pair.b, &pair.a, &pair.b_config.produce,
	    rng_below(&rng, size));
	loop_pair_attach(&pair);
	for (uint64_t step = 0; step < steps; step++) {
		struct way *one = &way[rng_below(&rng, 2)];

		if (rng_below(&rng, 2) == 0)
			produce(one);
		else
			consume(one);
		CHECK_EQ(vqp_load_relaxed(one->tx->tail_cell),
		    one->oracle.tail % size);
		CHECK_EQ(vqp_load_relaxed(one->rx->head_cell),
		    one->oracle.head % size);
		if (test_state.failures != 0) {
			printf("# VQP_TEST_SEED=%llu, size %llu, layout %d, "
			    "mirrored %d, step %llu\n",
			    (unsigned long long)seed,
			    (unsigned long long)size, (int)layout, mirrored,
			    (unsigned long long)step);
			break;
		}
	}
	oracle_close(&way[0].oracle);
	oracle_close(&way[1].oracle);
	loop_pair_close(&pair);
}

static void
compare_sizes(enum vqp_layout layout, bool mirrored)
{
	static const uint64_t sizes[] = {
		1, 2, 3, 9, 127, 4095, 4096, 4097, SIZE_MAX_TESTED,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) &&
	    test_state.failures == 0; i++) {
		if (!mirrored || loop_can_mirror(sizes[i]))
			compare(sizes[i], layout, mirrored);
	}
}

TEST(compat, "any calls in VMCI's layout answer as VMCI's arithmetic does")
{
	compare_sizes(VQP_LAYOUT_COMPAT, false);
}

TEST(wide, "any calls in the wide layout answer as VMCI's arithmetic does")
{
	compare_sizes(VQP_LAYOUT_WIDE, false);
}

TEST(mirrored, "any calls on mirrored rings answer as VMCI's arithmetic does")
{
	if (!loop_can_mirror(SIZE_MAX_TESTED))
		SKIP("no memory that can be mapped twice");
	compare_sizes(VQP_LAYOUT_COMPAT, true);
	compare_sizes(VQP_LAYOUT_WIDE, true);
}

TEST_MAIN()
