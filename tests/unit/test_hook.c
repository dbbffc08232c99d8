/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which shared words a verb touches, in which order, and with which verb of
 * vqp/atomic.h.  Order that is missing shows on no test machine for long, and
 * a second load of a word the peer can write shows on none; here both do.
 */
#include "hook.h"
#include "loop.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"

#define LOAD(cell, value)	{ HOOK_LOAD_RELAXED, cell, value }
#define ACQUIRE(cell, value)	{ HOOK_LOAD_ACQUIRE, cell, value }
#define STORE(cell, value)	{ HOOK_STORE_RELAXED, cell, value }
#define RELEASE(cell, value)	{ HOOK_STORE_RELEASE, cell, value }
#define FENCE			{ HOOK_FENCE_FULL, NULL, 0 }

static const char *const verb_name[] = {
	"load_relaxed", "load_acquire", "store_relaxed", "store_release",
	"swap8_full", "fence_full", "fence_past", "or8_full",
	"add_relaxed",
};

/* An end's look at its own private words is nobody else's business. */
static bool
is_private_load(const struct hook_step *step, const void *end, size_t size)
{
	return step->verb == HOOK_LOAD_RELAXED &&
	    (uintptr_t)step->cell - (uintptr_t)end < size;
}

static void
check_trace(int line, const void *end, size_t end_size,
    const struct hook_step *expected, unsigned count)
{
	unsigned at = 0;
	bool same = true;

	for (unsigned i = 0; i < hook.steps; i++) {
		const struct hook_step *step = &hook.step[i];

		if (is_private_load(step, end, end_size))
			continue;
		same = same && at < count && step->verb == expected[at].verb &&
		    step->cell == expected[at].cell &&
		    step->value == expected[at].value;
		at++;
	}
	if (same && at == count)
		return;
	test_fail(__FILE__, line, "the verbs are the expected ones; they are");
	for (unsigned i = 0; i < hook.steps; i++) {
		const struct hook_step *step = &hook.step[i];

		if (!is_private_load(step, end, end_size))
			printf("#   %s %p %llu\n", verb_name[step->verb],
			    step->cell, (unsigned long long)step->value);
	}
}

/* The statement's verbs, but for an end's loads of its own private words. */
#define CHECK_TRACE(end, statement, ...) do {				\
	const struct hook_step expected_[] = { __VA_ARGS__ };		\
	hook_record();							\
	statement;							\
	hook_stop();							\
	check_trace(__LINE__, end, sizeof(*(end)), expected_,		\
	    sizeof(expected_) / sizeof(expected_[0]));			\
} while (0)

#define CHECK_NO_TRACE(end, statement) do {				\
	hook_record();							\
	statement;							\
	hook_stop();							\
	check_trace(__LINE__, end, sizeof(*(end)), NULL, 0);		\
} while (0)

TEST(trace_attach, "attach acquires both indices once and publishes privately")
{
	struct loop loop;
	struct vqp_tx *tx = &loop.tx;
	struct vqp_rx *rx = &loop.rx;

	loop_open(&loop, 8);
	loop_start(&loop, 5, 3);
	CHECK_TRACE(tx, vqp_tx_attach(tx, &loop.ring),
	    ACQUIRE(&loop.tail_cell, 5), ACQUIRE(&loop.head_cell, 3),
	    STORE(&tx->tail_published, 5), STORE(&tx->broken, 0));
	CHECK_TRACE(rx, vqp_rx_attach(rx, &loop.ring),
	    ACQUIRE(&loop.tail_cell, 5), ACQUIRE(&loop.head_cell, 3),
	    STORE(&rx->head_released, 3), STORE(&rx->broken, 0));
	loop_close(&loop);
}

TEST(trace_tx, "a producer's verbs publish in order and look as they should")
{
	uint64_t tail, head;
	struct vqp_span out[2];
	struct loop loop;
	struct vqp_tx *tx = &loop.tx;

	loop_open(&loop, 8);
	/* Below the soft limit: no shared word. */
	CHECK_NO_TRACE(tx, vqp_tx_reserve(tx, 3, out));
	CHECK_NO_TRACE(tx, vqp_tx_stage(tx, 1));
	CHECK_TRACE(tx, vqp_tx_publish(tx),
	    RELEASE(&tx->tail_published, 1), RELEASE(&loop.tail_cell, 1));
	CHECK_TRACE(tx, vqp_tx_commit(tx, 1),
	    RELEASE(&tx->tail_published, 2), RELEASE(&loop.tail_cell, 2));
	CHECK_TRACE(tx, vqp_tx_commit_edge(tx, 1),
	    RELEASE(&tx->tail_published, 3), RELEASE(&loop.tail_cell, 3),
	    FENCE, LOAD(&loop.head_cell, 0));
	CHECK_TRACE(tx, vqp_tx_publish_edge(tx),
	    RELEASE(&tx->tail_published, 3), RELEASE(&loop.tail_cell, 3),
	    FENCE, LOAD(&loop.head_cell, 0));
	CHECK_TRACE(tx, vqp_tx_may_sleep(tx),
	    RELEASE(&tx->tail_published, 3), RELEASE(&loop.tail_cell, 3),
	    FENCE, LOAD(&loop.head_cell, 0));
	CHECK_TRACE(tx, vqp_tx_query(tx, &tail, &head),
	    ACQUIRE(&tx->tail_published, 3), ACQUIRE(&loop.head_cell, 0));
	/* Beyond the limit: more space, none, a wrap, a lie. */
	vqp_store_relaxed(&loop.head_cell, 2);
	CHECK_TRACE(tx, CHECK_EQ(vqp_tx_reserve(tx, 5, out), 5),
	    ACQUIRE(&loop.head_cell, 2));
	CHECK_NO_TRACE(tx, CHECK_EQ(vqp_tx_reserve(tx, 6, out), 6));
	CHECK_TRACE(tx, vqp_tx_commit(tx, 6),
	    RELEASE(&tx->tail_published, 1), RELEASE(&loop.tail_cell, 1));
	CHECK_TRACE(tx, CHECK_EQ(vqp_tx_reserve(tx, 1, out),
	    VQP_ERROR_NO_SPACE), ACQUIRE(&loop.head_cell, 2));
	vqp_store_relaxed(&loop.head_cell, 8);
	CHECK_TRACE(tx, CHECK_EQ(vqp_tx_reserve(tx, 1, out),
	    VQP_ERROR_INVALID_SIZE),
	    ACQUIRE(&loop.head_cell, 8), STORE(&tx->broken, VQP_BROKEN_RANGE));
	CHECK_NO_TRACE(tx, vqp_tx_reserve(tx, 1, out));
	loop_close(&loop);
}

TEST(trace_rx, "a consumer's verbs publish in order and look as they should")
{
	uint64_t tail, head;
	struct vqp_span out[2];
	struct loop loop;
	struct vqp_rx *rx = &loop.rx;

	loop_open(&loop, 8);
	vqp_store_relaxed(&loop.tail_cell, 7);
	CHECK_TRACE(rx, CHECK_EQ(vqp_rx_peek(rx, 1, out), 1),
	    ACQUIRE(&loop.tail_cell, 7));
	/* Below the soft limit: no shared word. */
	CHECK_NO_TRACE(rx, vqp_rx_peek(rx, 7, out));
	CHECK_NO_TRACE(rx, vqp_rx_stage(rx, 1));
	CHECK_TRACE(rx, vqp_rx_publish(rx),
	    RELEASE(&rx->head_released, 1), RELEASE(&loop.head_cell, 1));
	CHECK_TRACE(rx, vqp_rx_release(rx, 1),
	    RELEASE(&rx->head_released, 2), RELEASE(&loop.head_cell, 2));
	CHECK_TRACE(rx, vqp_rx_release_edge(rx, 1),
	    RELEASE(&rx->head_released, 3), RELEASE(&loop.head_cell, 3),
	    FENCE, LOAD(&loop.tail_cell, 7));
	CHECK_TRACE(rx, vqp_rx_publish_edge(rx),
	    RELEASE(&rx->head_released, 3), RELEASE(&loop.head_cell, 3),
	    FENCE, LOAD(&loop.tail_cell, 7));
	CHECK_TRACE(rx, vqp_rx_may_sleep(rx),
	    RELEASE(&rx->head_released, 3), RELEASE(&loop.head_cell, 3),
	    FENCE, LOAD(&loop.tail_cell, 7));
	CHECK_TRACE(rx, vqp_rx_query(rx, &tail, &head),
	    ACQUIRE(&rx->head_released, 3), ACQUIRE(&loop.tail_cell, 7));
	/* Lazily: two bytes are a quarter, the third is beyond. */
	CHECK_TRACE(rx, vqp_rx_release_lazy(rx, 2),
	    RELEASE(&rx->head_released, 5));
	CHECK_TRACE(rx, vqp_rx_release_lazy(rx, 1),
	    RELEASE(&rx->head_released, 6),
	    RELEASE(&rx->head_released, 6), RELEASE(&loop.head_cell, 6));
	CHECK_TRACE(rx, vqp_rx_release_lazy(rx, 1),
	    RELEASE(&rx->head_released, 7));
	CHECK_TRACE(rx, CHECK_EQ(vqp_rx_peek(rx, 1, out), VQP_ERROR_NO_DATA),
	    ACQUIRE(&loop.tail_cell, 7),
	    RELEASE(&rx->head_released, 7), RELEASE(&loop.head_cell, 7));
	vqp_store_relaxed(&loop.tail_cell, 9);
	CHECK_TRACE(rx, CHECK_EQ(vqp_rx_peek(rx, 1, out),
	    VQP_ERROR_INVALID_SIZE),
	    ACQUIRE(&loop.tail_cell, 9), STORE(&rx->broken, VQP_BROKEN_RANGE));
	CHECK_NO_TRACE(rx, vqp_rx_peek(rx, 1, out));
	loop_close(&loop);
}

TEST(trace_pair, "a copying verb is at most one look and one publish")
{
	static const struct vqp_handle handle = { 1, 2 };
	struct vqp_queue_header_wide page;
	uint8_t bytes[8] = { 0 };
	struct vqp_iovec pieces[2] = { { bytes, 3 }, { bytes, 2 } };
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;
	struct vqp_cell64 *tail_cell, *head_cell;

	CHECK_TRACE(&handle, vqp_queue_header_init(&page, handle),
	    STORE(&page.compat.producer_tail, 0),
	    STORE(&page.compat.consumer_head, 0),
	    STORE(&page.producer_tail, 0), STORE(&page.consumer_head, 0));
	loop_pair_open(&pair, 8, VQP_LAYOUT_WIDE);
	tail_cell = a->tx.tail_cell;
	head_cell = b->rx.head_cell;

	CHECK_TRACE(a, vqp_pair_enqueue(a, bytes, 3),
	    RELEASE(&a->tx.tail_published, 3), RELEASE(tail_cell, 3));
	CHECK_TRACE(b, vqp_pair_peek(b, bytes, 2), ACQUIRE(tail_cell, 3));
	CHECK_NO_TRACE(b, vqp_pair_peek(b, bytes, 2));
	CHECK_TRACE(b, vqp_pair_dequeue(b, bytes, 2),
	    RELEASE(&b->rx.head_released, 2));
	CHECK_TRACE(b, vqp_rx_publish(&b->rx),
	    RELEASE(&b->rx.head_released, 2), RELEASE(head_cell, 2));
	CHECK_TRACE(a, CHECK_EQ(vqp_pair_enqueuev(a, pieces, 2), 5),
	    ACQUIRE(head_cell, 2),
	    RELEASE(&a->tx.tail_published, 0), RELEASE(tail_cell, 0));
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_dequeuev(b, pieces, 2), 5),
	    ACQUIRE(tail_cell, 0),
	    RELEASE(&b->rx.head_released, 7),
	    RELEASE(&b->rx.head_released, 7), RELEASE(head_cell, 7));
	CHECK_TRACE(a, CHECK_EQ(vqp_pair_send(a, bytes, 6), 6),
	    ACQUIRE(head_cell, 7),
	    RELEASE(&a->tx.tail_published, 6), RELEASE(tail_cell, 6));
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_receive(b, bytes, 7), 7),
	    ACQUIRE(tail_cell, 6),
	    RELEASE(&b->rx.head_released, 6),
	    RELEASE(&b->rx.head_released, 6), RELEASE(head_cell, 6));
	/* What fails publishes nothing. */
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_receive(b, bytes, 1),
	    VQP_ERROR_NO_DATA), ACQUIRE(tail_cell, 6));
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_dequeue(b, bytes, 1),
	    VQP_ERROR_NO_DATA), ACQUIRE(tail_cell, 6));
	CHECK_TRACE(a, CHECK_EQ(vqp_pair_send(a, bytes, 8),
	    VQP_ERROR_PAYLOAD_TOO_LARGE), ACQUIRE(head_cell, 6));
	CHECK_TRACE(a, vqp_pair_produce_free(a),
	    ACQUIRE(&a->tx.tail_published, 6), ACQUIRE(head_cell, 6));
	CHECK_TRACE(b, vqp_pair_consume_ready(b),
	    ACQUIRE(&b->rx.head_released, 6), ACQUIRE(tail_cell, 6));
	loop_pair_close(&pair);
}

TEST(trace_more, "MORE touches no shared word, and a batch is one publish")
{
	uint8_t bytes[48] = { 0 };
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;
	struct vqp_cell64 *tail_cell, *head_cell;

	loop_pair_open(&pair, 40, VQP_LAYOUT_WIDE);
	tail_cell = a->tx.tail_cell;
	head_cell = b->rx.head_cell;
	CHECK_NO_TRACE(a, vqp_pair_send_more(a, bytes, 4));
	CHECK_NO_TRACE(a, vqp_pair_send_more(a, bytes, 4));
	CHECK_TRACE(a, vqp_pair_flush(a),
	    RELEASE(&a->tx.tail_published, 8), RELEASE(tail_cell, 8));
	CHECK_TRACE(a, vqp_pair_send_batch(a, bytes, 2, 4),
	    RELEASE(&a->tx.tail_published, 16), RELEASE(tail_cell, 16));
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_receive_batch(b, bytes, 4, 2), 2),
	    ACQUIRE(tail_cell, 16),
	    RELEASE(&b->rx.head_released, 8));
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_receive_batch(b, bytes, 1, 2), 2),
	    RELEASE(&b->rx.head_released, 10));
	/* What wraps and what falls short looks once, too. */
	CHECK_TRACE(b, CHECK_EQ(vqp_pair_receive_batch(b, bytes, 5, 3), 1),
	    ACQUIRE(tail_cell, 16),
	    RELEASE(&b->rx.head_released, 10), RELEASE(head_cell, 10),
	    RELEASE(&b->rx.head_released, 15));
	CHECK_TRACE(a, CHECK_EQ(vqp_pair_send_batch(a, bytes, 16, 3), 2),
	    ACQUIRE(head_cell, 10),
	    RELEASE(&a->tx.tail_published, 8), RELEASE(tail_cell, 8));
	CHECK_NO_TRACE(a, CHECK_EQ(vqp_pair_send_more(a, bytes, 1), 1));
	CHECK_TRACE(a, CHECK_EQ(vqp_pair_send_more(a, bytes, 9),
	    VQP_ERROR_NO_SPACE), ACQUIRE(head_cell, 10),
	    RELEASE(&a->tx.tail_published, 9), RELEASE(tail_cell, 9));
	CHECK_TRACE(a, CHECK_EQ(vqp_pair_send_more(a, bytes, 9),
	    VQP_ERROR_NO_SPACE), ACQUIRE(head_cell, 10));
	loop_pair_close(&pair);
}

/*
 * What lies in memory when an index is looked at or published.  `copied` is
 * where the bytes of the verb end up.
 */
static struct {
	const void *look, *publish;	/* the cells */
	const uint8_t *copied;
	unsigned looks, publishes;
} moment;

#define MOMENT_BYTES 6

static void
check_moment(enum hook_verb verb, const void *cell)
{
	if (cell == moment.look && verb == HOOK_LOAD_ACQUIRE) {
		moment.looks++;
		for (int i = 0; i < MOMENT_BYTES; i++)
			CHECK_EQ(moment.copied[i], 0xee);
	}
	if (cell == moment.publish && verb == HOOK_STORE_RELEASE) {
		moment.publishes++;
		CHECK(pattern_matches(moment.copied, 0, MOMENT_BYTES));
	}
}

/* A reordering by hand, which no fence can mend. */
TEST(copies_in_between, "bytes move after the look and before the publish")
{
	uint8_t bytes[MOMENT_BYTES], got[MOMENT_BYTES];
	struct loop_pair pair;

	loop_pair_open(&pair, 10, VQP_LAYOUT_COMPAT);
	pattern_fill(bytes, 0, MOMENT_BYTES);
	/* The producer believes the ring full, which is empty by now. */
	vqp_store_relaxed(pair.a.tx.tail_cell, 1);
	vqp_store_relaxed(pair.b.rx.head_cell, 2);
	CHECK_EQ(vqp_pair_attach(&pair.a, &pair.a_config), VQP_SUCCESS);
	vqp_store_relaxed(pair.b.rx.head_cell, 1);
	CHECK_EQ(vqp_pair_attach(&pair.b, &pair.b_config), VQP_SUCCESS);
	memset(pair.a_config.produce.data, 0xee, 10);

	moment.look = pair.b.rx.head_cell;
	moment.publish = pair.a.tx.tail_cell;
	moment.copied = (uint8_t *)pair.a_config.produce.data + 1;
	hook.before = check_moment;
	CHECK_EQ(vqp_pair_send(&pair.a, bytes, MOMENT_BYTES), MOMENT_BYTES);
	CHECK_EQ(moment.looks, 1);
	CHECK_EQ(moment.publishes, 1);

	memset(got, 0xee, sizeof(got));
	moment.look = pair.a.tx.tail_cell;
	moment.publish = pair.b.rx.head_cell;
	moment.copied = got;
	CHECK_EQ(vqp_pair_receive(&pair.b, got, MOMENT_BYTES), MOMENT_BYTES);
	CHECK_EQ(moment.looks, 2);
	CHECK_EQ(moment.publishes, 2);
	hook.before = NULL;
	loop_pair_close(&pair);
}

/*
 * Abandoned before any one of its steps a verb answers as before or as after:
 * never that it offers no bytes.
 */
static struct loop abandoned;
static unsigned steps, abandon_at;

static void
abandon_between(enum hook_verb verb, const void *cell)
{
	(void)verb;
	(void)cell;
	if (steps++ != abandon_at)
		return;
	hook.before = NULL;
	vqp_store_relaxed(&abandoned.rx.broken, VQP_BROKEN_LOST);
	hook.before = abandon_between;
}

TEST(abandoned_at_any_load, "an end abandoned in a verb answers before or after")
{
	struct vqp_span out[2];
	int64_t n;

	loop_open(&abandoned, 8);
	for (uint64_t ready = 0; ready <= 2; ready++) {
		for (abandon_at = 0; abandon_at < 8; abandon_at++) {
			loop_start(&abandoned, ready, 0);
			vqp_store_relaxed(&abandoned.tail_cell, ready + 1);
			steps = 0;
			hook.before = abandon_between;
			n = vqp_rx_peek(&abandoned.rx, 3, out);
			hook.before = NULL;
			CHECK(n == VQP_ERROR_INVALID_SIZE ||
			    n == (int64_t)ready || n == (int64_t)ready + 1);
			CHECK(n != 0);
		}
	}
	loop_close(&abandoned);
}

/*
 * Messages come and go between an observer's looks: before the one numbered
 * `move_at`, or before each from there on.  There are none or three bytes in
 * the ring at any moment, and in one of eight two moments make any number.
 */
static struct loop moving;
static unsigned looks, move_at;
static bool move_always;

static void
move_between(enum hook_verb verb, const void *cell)
{
	struct vqp_span out[2];

	(void)cell;
	if (verb != HOOK_LOAD_ACQUIRE && cell != &moving.tx.tail_published &&
	    cell != &moving.rx.head_released)
		return;
	if (++looks < move_at || (looks != move_at && !move_always))
		return;
	hook.before = NULL;
	CHECK_EQ(vqp_rx_peek(&moving.rx, 3, out), 3);
	vqp_rx_release(&moving.rx, 3);
	CHECK_EQ(vqp_tx_reserve(&moving.tx, 3, out), 3);
	vqp_tx_commit(&moving.tx, 3);
	hook.before = move_between;
}

static int64_t
query_moving(bool is_tx)
{
	uint64_t tail, head;
	int64_t n;

	loop_start(&moving, 0, 5);
	looks = 0;
	hook.before = move_between;
	n = is_tx ? vqp_tx_query(&moving.tx, &tail, &head) :
	    vqp_rx_query(&moving.rx, &tail, &head);
	hook.before = NULL;
	CHECK_EQ(n, vqp_ring_distance(head, tail, 8));
	return n;
}

TEST(queries_are_of_one_moment, "a query interrupted at any look looks again")
{
	loop_open(&moving, 8);
	for (int is_tx = 0; is_tx < 2; is_tx++) {
		move_always = false;
		for (move_at = 1; move_at <= 6; move_at++)
			CHECK_EQ(query_moving(is_tx), 3);
		/* It does not wait for an end that never stands still. */
		move_always = true;
		move_at = 1;
		CHECK(query_moving(is_tx) < 8);
		CHECK_EQ(looks, 3 * VQP_QUERY_TRIES);
	}
	loop_close(&moving);
}

/*
 * Beside the owner of an end an observer asks, and meets one lie just before
 * the owner meets another.
 */
static struct loop observed;

static void
observe_between(enum hook_verb verb, const void *cell)
{
	uint64_t tail, head;

	if (verb != HOOK_LOAD_ACQUIRE)
		return;
	if (cell == &observed.head_cell) {
		vqp_store_relaxed(&observed.head_cell, 8);
		CHECK_EQ(vqp_tx_query(&observed.tx, &tail, &head),
		    VQP_ERROR_INVALID_SIZE);
		vqp_store_relaxed(&observed.head_cell, 5);
	} else {
		vqp_store_relaxed(&observed.tail_cell, 8);
		CHECK_EQ(vqp_rx_query(&observed.rx, &tail, &head),
		    VQP_ERROR_INVALID_SIZE);
		vqp_store_relaxed(&observed.tail_cell, 3);
	}
}

TEST(first_reason_is_kept, "the reason of whoever found the first lie stays")
{
	struct vqp_span out[2];

	loop_open(&observed, 8);
	loop_start(&observed, 4, 0);
	hook.before = observe_between;
	CHECK_EQ(vqp_tx_reserve(&observed.tx, 8, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_load_relaxed(&observed.tx.broken), VQP_BROKEN_RANGE);
	CHECK_EQ(vqp_rx_peek(&observed.rx, 8, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_load_relaxed(&observed.rx.broken), VQP_BROKEN_RANGE);
	hook.before = NULL;
	loop_close(&observed);
}

/*
 * Any verb at any moment, for the two cases below.  The victim is a; what was
 * last offered to it is in `fill` and `drain`.
 */
static struct {
	struct loop_pair pair;
	struct rng rng;
	uint64_t size;
	uint64_t fill, drain;
} any;

static void
check_offer(const struct vqp_queue *queue, const struct vqp_span out[2],
    int64_t n, int64_t none, uint64_t *offered)
{
	const uintptr_t data = (uintptr_t)queue->data;

	*offered = n > 0 ? (uint64_t)n : 0;
	CHECK(n >= 0 || n == none || n == VQP_ERROR_INVALID_SIZE);
	CHECK(n < (int64_t)queue->size);
	if (n < 0)
		return;
	CHECK_EQ(out[0].length + out[1].length, n);
	CHECK((uintptr_t)out[0].base - data < queue->size);
	CHECK(out[0].length <= queue->size - ((uintptr_t)out[0].base - data));
	CHECK((uintptr_t)out[1].base == data);
}

/* Part of an offer, which is then used up. */
static uint64_t
some_of(uint64_t *offered)
{
	const uint64_t n = rng_below(&any.rng, *offered + 1);

	*offered = 0;
	return n;
}

static void
any_verb(void)
{
	static uint8_t bytes[8192];
	struct vqp_pair *a = &any.pair.a;
	const uint64_t length = rng_length(&any.rng, any.size);
	const struct vqp_iovec piece[2] = {
		{ bytes, length / 3 }, { bytes, length - length / 3 },
	};
	uint64_t tail, head;
	struct vqp_span out[2];
	int64_t n;

	bytes[length] = 0xee;
	switch (rng_below(&any.rng, 27)) {
	case 0:
	case 1:
	case 2:
		n = vqp_tx_reserve(&a->tx, length, out);
		check_offer(&any.pair.a_config.produce, out, n,
		    VQP_ERROR_NO_SPACE, &any.fill);
		return;
	case 3:
	case 4:
	case 5:
		n = vqp_rx_peek(&a->rx, length, out);
		check_offer(&any.pair.a_config.consume, out, n,
		    VQP_ERROR_NO_DATA, &any.drain);
		return;
	case 6:
		vqp_tx_stage(&a->tx, some_of(&any.fill));
		return;
	case 7:
		vqp_tx_commit(&a->tx, some_of(&any.fill));
		return;
	case 8:
		vqp_tx_commit_edge(&a->tx, some_of(&any.fill));
		return;
	case 9:
		vqp_tx_may_sleep(&a->tx);
		return;
	case 10:
		vqp_rx_stage(&a->rx, some_of(&any.drain));
		return;
	case 11:
		vqp_rx_release(&a->rx, some_of(&any.drain));
		return;
	case 12:
		vqp_rx_release_edge(&a->rx, some_of(&any.drain));
		return;
	case 13:
		vqp_rx_release_lazy(&a->rx, some_of(&any.drain));
		return;
	case 14:
		vqp_rx_may_sleep(&a->rx);
		return;
	case 15:
		n = vqp_tx_query(&a->tx, &tail, &head);
		break;
	case 16:
		n = vqp_rx_query(&a->rx, &tail, &head);
		break;
	case 17:
		any.fill = 0;
		n = vqp_pair_enqueue(a, bytes, length);
		break;
	case 18:
		any.fill = 0;
		n = vqp_pair_enqueuev(a, piece, 2);
		break;
	case 19:
		any.fill = 0;
		n = vqp_pair_send(a, bytes, length);
		break;
	case 20:
		any.drain = 0;
		n = vqp_pair_dequeue(a, bytes, length);
		break;
	case 21:
		any.drain = 0;
		n = vqp_pair_dequeuev(a, piece, 2);
		break;
	case 22:
		any.drain = 0;
		n = vqp_pair_receive(a, bytes, length);
		break;
	case 23:
		any.fill = 0;
		n = vqp_pair_send_more(a, bytes, length);
		break;
	case 24:
		any.fill = 0;
		n = vqp_pair_send_batch(a, bytes, length / 2, 2);
		break;
	case 25:
		any.drain = 0;
		n = vqp_pair_receive_batch(a, bytes, length / 2, 2);
		break;
	default:
		any.drain = 0;
		n = vqp_pair_peek(a, bytes, length);
		break;
	}
	CHECK(n < (int64_t)any.size);
	CHECK_EQ(bytes[length], 0xee);
}

static uint64_t
any_index(void)
{
	switch (rng_below(&any.rng, 8)) {
	case 0:
		return any.size;
	case 1:
		return rng_next(&any.rng);
	default:
		return rng_below(&any.rng, any.size);
	}
}

/* The peer has read all and filled its own ring; or says anything. */
static void
any_peer(bool lying)
{
	struct vqp_pair *a = &any.pair.a, *b = &any.pair.b;

	vqp_store_relaxed(b->rx.head_cell, lying ? any_index() :
	    vqp_load_relaxed(&a->tx.tail_published));
	vqp_store_relaxed(b->tx.tail_cell, lying ? any_index() :
	    vqp_ring_advance(a->rx.head_published, any.size - 1, any.size));
}

static void
any_attach(void)
{
	struct vqp_pair *a = &any.pair.a;

	vqp_store_relaxed(a->tx.tail_cell, rng_below(&any.rng, any.size));
	vqp_store_relaxed(a->rx.head_cell, rng_below(&any.rng, any.size));
	vqp_store_relaxed(any.pair.b.rx.head_cell,
	    vqp_load_relaxed(a->tx.tail_cell));
	vqp_store_relaxed(any.pair.b.tx.tail_cell,
	    vqp_load_relaxed(a->rx.head_cell));
	loop_pair_attach(&any.pair);
	any.fill = any.drain = 0;
}

static void
check_looks(void)
{
	const struct vqp_pair *a = &any.pair.a;

	CHECK(hook_loads(a->tx.head_cell) <= 1);
	CHECK(hook_loads(a->rx.tail_cell) <= 1);
	CHECK_EQ(hook_loads(a->tx.tail_cell), 0);
	CHECK_EQ(hook_loads(a->rx.head_cell), 0);
}

static void
lie_before_loads(enum hook_verb verb, const void *cell)
{
	(void)cell;
	if (verb == HOOK_LOAD_RELAXED || verb == HOOK_LOAD_ACQUIRE)
		any_peer(true);
}

static const uint64_t any_sizes[] = { 1, 2, 3, 7, 127, 4097 };

/* All paths of all verbs, towards a peer that is honest or lies. */
TEST(one_look, "a verb loads the peer's word once at most, and ours never")
{
	for (int i = 0; i < 6; i++) {
		any.size = any_sizes[i];
		any.rng.state = any.size;
		loop_pair_open(&any.pair, any.size, VQP_LAYOUT_COMPAT);
		any_attach();
		for (int k = 0; k < 20000; k++) {
			if (rng_below(&any.rng, 20) == 0)
				any_attach();
			any_peer(rng_below(&any.rng, 50) == 0);
			hook_record();
			any_verb();
			hook_stop();
			check_looks();
		}
		loop_pair_close(&any.pair);
	}
}

TEST(words_change_at_any_load, "no word that changes moves an offer outside")
{
	for (int i = 0; i < 6; i++) {
		any.size = any_sizes[i];
		any.rng.state = any.size;
		loop_pair_open(&any.pair, any.size, VQP_LAYOUT_COMPAT);
		any_attach();
		for (int k = 0; k < 20000; k++) {
			if (rng_below(&any.rng, 10) == 0)
				any_attach();
			hook.before = lie_before_loads;
			any_verb();
			hook.before = NULL;
		}
		loop_pair_close(&any.pair);
	}
}

TEST_MAIN()
