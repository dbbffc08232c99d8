/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One ring and its two ends, verb by verb.  Who must be woken when has a file
 * of its own, test_edge.c; what a lying peer can do is in test_hostile.c.
 */
#include <setjmp.h>
#include <signal.h>

#include <vqp/ring.h>

#include "loop.h"
#include "pattern.h"
#include "test.h"

/* A VQP_CHECK of the engine stops a case, not the program. */
static sigjmp_buf stopped;

static void
stop(int number)
{
	(void)number;
	siglongjmp(stopped, 1);
}

/* Does a statement stop at a VQP_CHECK? */
#define CHECK_STOPS(statement) do {					\
	signal(SIGILL, stop);		/* x86-64 */			\
	signal(SIGTRAP, stop);		/* arm64 */			\
	if (sigsetjmp(stopped, 1) == 0) {				\
		statement;						\
		test_fail(__FILE__, __LINE__, #statement " stops");	\
	}								\
	signal(SIGILL, SIG_DFL);					\
	signal(SIGTRAP, SIG_DFL);					\
} while (0)

static uint64_t
tail_now(const struct loop *loop)
{
	return vqp_load_relaxed(&loop->tail_cell);
}

static uint64_t
head_now(const struct loop *loop)
{
	return vqp_load_relaxed(&loop->head_cell);
}

static void
put(struct loop *loop, uint64_t n)
{
	struct vqp_span out[2];

	CHECK_EQ(vqp_tx_reserve(&loop->tx, n, out), n);
	vqp_tx_commit(&loop->tx, n);
}

static void
take(struct loop *loop, uint64_t n)
{
	struct vqp_span out[2];

	CHECK_EQ(vqp_rx_peek(&loop->rx, n, out), n);
	vqp_rx_release(&loop->rx, n);
}

TEST(one_byte_stays_empty, "a ring of N bytes offers N - 1, and one of 1 none")
{
	struct vqp_span out[2];
	struct loop loop;

	for (uint64_t size = 1; size <= 40; size++) {
		loop_open(&loop, size);
		if (size > 1) {
			CHECK_EQ(vqp_tx_reserve(&loop.tx, size, out), size - 1);
			vqp_tx_commit(&loop.tx, size - 1);
			CHECK_EQ(vqp_rx_peek(&loop.rx, size, out), size - 1);
		} else {
			CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out),
			    VQP_ERROR_NO_DATA);
		}
		CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_tx_reserve(&loop.tx, 0, out), VQP_ERROR_NO_SPACE);
		CHECK_EQ(tail_now(&loop), size - 1);
		loop_close(&loop);
	}
}

TEST(offers_wrap, "every offer is the next bytes, split only at the ring's end")
{
	struct vqp_span out[2];
	struct loop loop;

	for (uint64_t size = 2; size <= 9; size++) {
		loop_open(&loop, size);
		for (uint64_t at = 0; at < size; at++) {
			for (uint64_t n = 1; n < size; n++) {
				const uint8_t *data = loop.ring.data;
				uint64_t first = n < size - at ? n : size - at;

				loop_start(&loop, at, at);
				CHECK_EQ(vqp_tx_reserve(&loop.tx, n, out), n);
				CHECK(out[0].base == data + at);
				CHECK_EQ(out[0].length, first);
				CHECK(out[1].base == data);
				CHECK_EQ(out[1].length, n - first);
				pattern_fill_spans(out, size);
				vqp_tx_commit(&loop.tx, n);
				CHECK_EQ(tail_now(&loop), (at + n) % size);
				CHECK_EQ(vqp_rx_peek(&loop.rx, size, out), n);
				CHECK(out[0].base == data + at);
				CHECK_EQ(out[0].length, first);
				CHECK(out[1].base == data);
				CHECK_EQ(out[1].length, n - first);
				CHECK(pattern_matches_spans(out, size));
				vqp_rx_release(&loop.rx, n);
				CHECK_EQ(head_now(&loop), (at + n) % size);
			}
		}
		loop_close(&loop);
	}
}

TEST(offers_repeat, "an offer not committed or released is offered again")
{
	struct vqp_span once[2], again[2];
	struct loop loop;

	loop_open(&loop, 10);
	loop_start(&loop, 7, 7);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 6, once), 6);
	pattern_fill_spans(once, 0);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 6, again), 6);
	CHECK_EQ(memcmp(once, again, sizeof(once)), 0);
	vqp_tx_commit(&loop.tx, 2);	/* fewer than offered */
	CHECK_EQ(vqp_tx_reserve(&loop.tx, UINT64_MAX, again), 7);
	CHECK(again[0].base == once[0].base + 2);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 9, once), 2);
	CHECK_EQ(vqp_rx_peek(&loop.rx, UINT64_MAX, again), 2);
	CHECK_EQ(memcmp(once, again, sizeof(once)), 0);
	CHECK(pattern_matches_spans(once, 0));
	vqp_rx_release(&loop.rx, 1);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 9, again), 1);
	CHECK(pattern_matches_spans(again, 1));
	loop_close(&loop);
}

TEST(nothing_is_allowed, "a count of 0 changes nothing, whatever the state")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 5);
	for (uint64_t at = 0; at < 5; at++) {
		loop_start(&loop, at, at);
		CHECK_EQ(vqp_tx_reserve(&loop.tx, 0, out), 0);
		CHECK_EQ(out[0].length + out[1].length, 0);
		vqp_tx_commit(&loop.tx, 0);
		vqp_tx_stage(&loop.tx, 0);
		CHECK_EQ(vqp_rx_peek(&loop.rx, 0, out), VQP_ERROR_NO_DATA);
		vqp_rx_release(&loop.rx, 0);
		vqp_rx_release_lazy(&loop.rx, 0);
		vqp_rx_stage(&loop.rx, 0);
		CHECK_EQ(tail_now(&loop), at);
		CHECK_EQ(head_now(&loop), at);
		put(&loop, 4);
		CHECK_EQ(vqp_tx_reserve(&loop.tx, 0, out), VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_rx_peek(&loop.rx, 0, out), 0);
		CHECK_EQ(out[0].length + out[1].length, 0);
	}
	loop_close(&loop);
}

/* What the verbs cost hangs on it: below the limit one compare decides. */
TEST(soft_limits, "after a look what is contiguous is below the limit")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	for (uint64_t at = 0; at < 8; at++) {
		for (uint64_t used = 1; used < 7; used++) {
			const uint64_t end = (at + used) % 8;
			/* The last byte of the ring always goes slow. */
			const uint64_t tx_limit = at > end ? at - 1 : 7;
			/* A consumer stops at a quarter, to publish. */
			const uint64_t rx_end = end >= at ? end : 7;
			const uint64_t rx_limit = rx_end < at + 2 ?
			    rx_end : at + 2;

			/* Full and empty, until the ends look. */
			loop_start(&loop, end, (end + 1) % 8);
			vqp_store_relaxed(&loop.head_cell, at);
			CHECK(vqp_tx_reserve(&loop.tx, 1, out) == 1);
			CHECK_EQ(loop.tx.soft, tx_limit);
			loop_start(&loop, at, at);
			vqp_store_relaxed(&loop.tail_cell, end);
			CHECK(vqp_rx_peek(&loop.rx, 1, out) == 1);
			CHECK_EQ(loop.rx.soft, rx_limit);
		}
		/* Over the end of the ring it opens again. */
		loop_start(&loop, 7, 7);
		put(&loop, 2);
		CHECK_EQ(loop.tx.soft, 6);
		take(&loop, 2);
		CHECK_EQ(loop.rx.soft, 1);
	}
	loop_close(&loop);
}

TEST(staged_is_invisible, "staged bytes appear when published, all at once")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	loop_start(&loop, 5, 5);
	for (uint64_t i = 0; i < 7; i++) {
		CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), 1);
		pattern_fill_spans(out, i);
		vqp_tx_stage(&loop.tx, 1);
		CHECK_EQ(tail_now(&loop), 5);
		CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), VQP_ERROR_NO_DATA);
	}
	/* Full of our own: only publishing can help. */
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), VQP_ERROR_NO_SPACE);
	vqp_tx_publish(&loop.tx);
	CHECK_EQ(tail_now(&loop), 4);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 8, out), 7);
	CHECK(pattern_matches_spans(out, 0));
	loop_close(&loop);
}

TEST(staged_keeps_its_space, "a consumer's staged bytes stay until published")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	loop_start(&loop, 3, 3);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 7, out), 7);
	pattern_fill_spans(out, 0);
	vqp_tx_commit(&loop.tx, 7);
	for (uint64_t i = 0; i < 7; i++) {
		CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), 1);
		CHECK(pattern_matches_spans(out, i));
		vqp_rx_stage(&loop.rx, 1);
		CHECK_EQ(head_now(&loop), 3);
	}
	CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), VQP_ERROR_NO_DATA);
	/* Staged is not lazily released: a short offer gives nothing back. */
	CHECK_EQ(head_now(&loop), 3);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), VQP_ERROR_NO_SPACE);
	vqp_rx_publish(&loop.rx);
	CHECK_EQ(head_now(&loop), 2);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 8, out), 7);
	loop_close(&loop);
}

TEST(lazy_by_quarter, "lazy releases are published beyond a quarter ring")
{
	struct loop loop;

	for (uint64_t size = 2; size <= 64; size++) {
		struct vqp_span out[2];
		uint64_t pending = 0;

		loop_open(&loop, size);
		put(&loop, size - 1);
		CHECK_EQ(vqp_rx_peek(&loop.rx, size - 1, out), size - 1);
		for (uint64_t i = 1; i < size; i++) {
			vqp_rx_release_lazy(&loop.rx, 1);
			pending++;
			if (pending > size / 4)
				pending = 0;
			CHECK_EQ(head_now(&loop), i - pending);
		}
		loop_close(&loop);
	}
}

TEST(lazy_by_short_offer, "an offer that falls short publishes lazy releases")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 100);
	put(&loop, 10);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 10, out), 10);
	vqp_rx_release_lazy(&loop.rx, 4);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 6, out), 6);
	CHECK_EQ(head_now(&loop), 0);
	put(&loop, 2);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 8, out), 8);
	CHECK_EQ(head_now(&loop), 0);	/* it looked, and got all */
	vqp_rx_stage(&loop.rx, 1);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 8, out), 7);
	CHECK_EQ(head_now(&loop), 4);	/* not what is only staged */
	vqp_rx_release_lazy(&loop.rx, 7);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), VQP_ERROR_NO_DATA);
	CHECK_EQ(head_now(&loop), 12);
	put(&loop, 10);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 10, out), 10);
	vqp_rx_release_lazy(&loop.rx, 3);
	vqp_rx_release(&loop.rx, 3);	/* takes the lazy ones along */
	CHECK_EQ(head_now(&loop), 18);
	loop_close(&loop);
}

TEST(mirrored_never_wraps, "an offer in a mirrored ring is one span")
{
	const uint64_t size = 65536;
	struct vqp_span out[2];
	struct loop loop;

	if (!loop_can_mirror(size))
		SKIP("no memory that can be mapped twice");
	loop_open_as(&loop, size, true);
	for (uint64_t at = 1; at < size; at += 4095) {
		loop_start(&loop, at, at);
		CHECK_EQ(vqp_tx_reserve(&loop.tx, size, out), size - 1);
		CHECK_EQ(out[0].length, size - 1);
		CHECK_EQ(out[1].length, 0);
		pattern_fill_spans(out, at);
		vqp_tx_commit(&loop.tx, size - 1);
		CHECK_EQ(tail_now(&loop), at - 1);
		CHECK_EQ(vqp_rx_peek(&loop.rx, size, out), size - 1);
		CHECK_EQ(out[0].length, size - 1);
		CHECK_EQ(out[1].length, 0);
		CHECK(pattern_matches_spans(out, at));
		vqp_rx_release(&loop.rx, size - 1);
	}
	loop_close(&loop);
}

/*
 * What an edge answers with the peer's index at each place: true where a
 * sleeper can stand, false elsewhere.  The window must not be wider, or each
 * message costs a doorbell.
 */
TEST(tx_edge_truth, "commit_edge rings a consumer that stands at the old tail")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 6);
	for (uint64_t at = 0; at < 6; at++) {
		for (uint64_t behind = 0; behind < 4; behind++) {
			/* `behind` bytes are unread before we add one. */
			loop_start(&loop, (at + behind) % 6, at);
			/* Of a dead end, that may not have announced them. */
			CHECK_EQ(vqp_tx_publish_edge(&loop.tx), behind != 0);
			CHECK_EQ(vqp_tx_publish_edge(&loop.tx), 0);
			CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), 1);
			CHECK_EQ(vqp_tx_commit_edge(&loop.tx, 1), behind == 0);
			/* Nothing new: nobody can sleep on it. */
			CHECK_EQ(vqp_tx_publish_edge(&loop.tx), 0);
		}
		/* Silent commits: the consumer may sleep at any of them. */
		for (uint64_t seen = 0; seen <= 2; seen++) {
			loop_start(&loop, at, at);
			put(&loop, 1);
			put(&loop, 1);
			if (seen != 0)
				take(&loop, seen);
			CHECK_EQ(vqp_tx_publish_edge(&loop.tx), seen < 2);
		}
	}
	loop_close(&loop);
}

TEST(rx_edge_truth, "release_edge rings a producer that found the ring full")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 6);
	for (uint64_t at = 0; at < 6; at++) {
		for (uint64_t used = 1; used < 6; used++) {
			loop_start(&loop, (at + used) % 6, at);
			CHECK_EQ(vqp_rx_publish_edge(&loop.rx), used != 5);
			CHECK_EQ(vqp_rx_publish_edge(&loop.rx), 0);
			CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), 1);
			CHECK_EQ(vqp_rx_release_edge(&loop.rx, 1), used == 5);
			CHECK_EQ(vqp_rx_publish_edge(&loop.rx), 0);
		}
		/* Silent releases: it may sleep at any head so far. */
		for (uint64_t refill = 0; refill <= 2; refill++) {
			loop_start(&loop, (at + 5) % 6, at);
			take(&loop, 1);
			take(&loop, 1);
			if (refill != 0)
				put(&loop, refill);
			CHECK_EQ(vqp_rx_publish_edge(&loop.rx), refill < 2);
		}
	}
	loop_close(&loop);
}

TEST(sleep_truth, "may_sleep is true exactly on a full or an empty ring")
{
	struct loop loop;

	for (uint64_t size = 1; size <= 6; size++) {
		loop_open(&loop, size);
		for (uint64_t at = 0; at < size; at++) {
			for (uint64_t used = 0; used < size; used++) {
				loop_start(&loop, (at + used) % size, at);
				CHECK_EQ(vqp_tx_may_sleep(&loop.tx),
				    used == size - 1);
				CHECK_EQ(vqp_rx_may_sleep(&loop.rx),
				    used == 0);
			}
		}
		loop_close(&loop);
	}
}

TEST(sleepers_publish, "an end that asks to sleep or for an edge publishes")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 6);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 5, out), 5);
	vqp_tx_stage(&loop.tx, 2);
	CHECK(vqp_tx_publish_edge(&loop.tx));
	CHECK_EQ(tail_now(&loop), 2);
	vqp_tx_stage(&loop.tx, 3);
	CHECK(vqp_tx_may_sleep(&loop.tx));
	CHECK_EQ(tail_now(&loop), 5);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 5, out), 5);
	vqp_rx_release_lazy(&loop.rx, 1);
	CHECK_EQ(head_now(&loop), 0);
	CHECK(vqp_rx_publish_edge(&loop.rx));
	CHECK_EQ(head_now(&loop), 1);
	vqp_rx_release_lazy(&loop.rx, 1);
	CHECK_EQ(head_now(&loop), 1);
	CHECK(!vqp_rx_may_sleep(&loop.rx));
	CHECK_EQ(head_now(&loop), 2);
	loop_close(&loop);
}

/* What a question for sleep publishes is announced by no one else. */
TEST(edge_before_sleep, "who asks to sleep asks for an edge first, and gets it")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 6);
	CHECK(vqp_rx_may_sleep(&loop.rx));
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 5, out), 5);
	vqp_tx_stage(&loop.tx, 5);
	CHECK(vqp_tx_may_sleep(&loop.tx));
	/* Published already, and the edge is not lost. */
	CHECK(vqp_tx_publish_edge(&loop.tx));
	CHECK(vqp_tx_may_sleep(&loop.tx));
	CHECK_EQ(vqp_rx_peek(&loop.rx, 5, out), 5);
	vqp_rx_release_lazy(&loop.rx, 5);
	CHECK(vqp_rx_may_sleep(&loop.rx));
	CHECK(vqp_rx_publish_edge(&loop.rx));
	CHECK(!vqp_tx_may_sleep(&loop.tx));
	loop_close(&loop);
}

TEST(queries_count, "a query answers what is published, from either end")
{
	uint64_t tail, head;
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 7);
	for (uint64_t at = 0; at < 7; at++) {
		for (uint64_t used = 0; used < 7; used++) {
			const uint64_t end = (at + used) % 7;

			loop_start(&loop, end, at);
			/* Staged bytes do not count. */
			if (vqp_tx_reserve(&loop.tx, 1, out) == 1)
				vqp_tx_stage(&loop.tx, 1);
			CHECK_EQ(vqp_tx_query(&loop.tx, &tail, &head), used);
			CHECK_EQ(tail, end);
			CHECK_EQ(head, at);
			if (vqp_rx_peek(&loop.rx, 1, out) == 1)
				vqp_rx_stage(&loop.rx, 1);
			CHECK_EQ(vqp_rx_query(&loop.rx, &tail, &head), used);
			CHECK_EQ(tail, end);
			CHECK_EQ(head, at);
		}
	}
	loop_close(&loop);
}

/* All verbs of an end that may no longer work, except the ones that add. */
static void
check_tx_refuses(struct loop *loop)
{
	uint64_t tail, head;
	struct vqp_span out[2];

	CHECK_EQ(vqp_tx_reserve(&loop->tx, 1, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_tx_reserve(&loop->tx, 0, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_tx_reserve(&loop->tx, UINT64_MAX, out),
	    VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_tx_query(&loop->tx, &tail, &head),
	    VQP_ERROR_INVALID_SIZE);
	CHECK(!vqp_tx_may_sleep(&loop->tx));
	vqp_tx_commit(&loop->tx, 0);
	CHECK_EQ(vqp_tx_reserve(&loop->tx, 1, out), VQP_ERROR_INVALID_SIZE);
}

static void
check_rx_refuses(struct loop *loop)
{
	uint64_t tail, head;
	struct vqp_span out[2];

	CHECK_EQ(vqp_rx_peek(&loop->rx, 1, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_rx_peek(&loop->rx, 0, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_rx_peek(&loop->rx, UINT64_MAX, out),
	    VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_rx_query(&loop->rx, &tail, &head),
	    VQP_ERROR_INVALID_SIZE);
	CHECK(!vqp_rx_may_sleep(&loop->rx));
	vqp_rx_release(&loop->rx, 0);
	vqp_rx_release_lazy(&loop->rx, 0);
	CHECK_EQ(vqp_rx_peek(&loop->rx, 1, out), VQP_ERROR_INVALID_SIZE);
}

TEST(zero_bytes, "a ring of 0 bytes attaches, and every verb refuses")
{
	struct loop loop;

	loop_open(&loop, 0);
	check_tx_refuses(&loop);
	check_rx_refuses(&loop);
	CHECK_EQ(vqp_load_relaxed(&loop.tx.broken), VQP_INTACT);
	CHECK_EQ(vqp_load_relaxed(&loop.rx.broken), VQP_INTACT);
	loop_close(&loop);
}

TEST(broken_by_range, "an index outside the ring breaks an end, for good")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	put(&loop, 7);
	vqp_store_relaxed(&loop.head_cell, 8);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_load_relaxed(&loop.tx.broken), VQP_BROKEN_RANGE);
	vqp_store_relaxed(&loop.head_cell, 3);
	check_tx_refuses(&loop);
	CHECK_EQ(vqp_load_relaxed(&loop.tx.broken), VQP_BROKEN_RANGE);

	vqp_store_relaxed(&loop.tail_cell, UINT64_MAX);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_load_relaxed(&loop.rx.broken), VQP_BROKEN_RANGE);
	vqp_store_relaxed(&loop.tail_cell, 7);
	check_rx_refuses(&loop);
	CHECK_EQ(vqp_load_relaxed(&loop.rx.broken), VQP_BROKEN_RANGE);
	loop_close(&loop);
}

TEST(broken_by_step, "a head beyond our tail or a tail that goes back breaks")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	for (uint64_t head = 0; head < 8; head++) {
		const bool honest = head >= 2 && head <= 6;
		const int64_t room = (int64_t)(8 - 1 - (6 - head));

		loop_start(&loop, 6, 2);
		vqp_store_relaxed(&loop.head_cell, head);
		CHECK_EQ(vqp_tx_reserve(&loop.tx, 8, out),
		    honest ? room : VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_load_relaxed(&loop.tx.broken),
		    honest ? VQP_INTACT : VQP_BROKEN_STEP);
		if (!honest) {
			vqp_store_relaxed(&loop.head_cell, 9);
			check_tx_refuses(&loop);
			CHECK_EQ(vqp_load_relaxed(&loop.tx.broken),
			    VQP_BROKEN_STEP);
		}
	}
	for (uint64_t tail = 0; tail < 8; tail++) {
		/* From 6 it may go on to 1, one byte short of the head. */
		const bool honest = tail >= 6 || tail <= 1;
		const int64_t ready = (int64_t)((tail + 8 - 2) % 8);

		loop_start(&loop, 6, 2);
		vqp_store_relaxed(&loop.tail_cell, tail);
		CHECK_EQ(vqp_rx_peek(&loop.rx, 8, out),
		    honest ? ready : VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_load_relaxed(&loop.rx.broken),
		    honest ? VQP_INTACT : VQP_BROKEN_STEP);
		if (!honest) {
			vqp_store_relaxed(&loop.tail_cell, 9);
			check_rx_refuses(&loop);
			CHECK_EQ(vqp_load_relaxed(&loop.rx.broken),
			    VQP_BROKEN_STEP);
		}
	}
	loop_close(&loop);
}

/* The producer may be ahead with staged bytes when it checks a head. */
TEST(staged_is_not_published, "a head in our staged bytes claims too much")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	put(&loop, 2);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 3, out), 3);
	vqp_tx_stage(&loop.tx, 3);
	vqp_store_relaxed(&loop.head_cell, 3);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 7, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_load_relaxed(&loop.tx.broken), VQP_BROKEN_STEP);
	loop_close(&loop);
}

/* The consumer may be ahead with staged bytes when it checks a tail. */
TEST(staged_is_still_theirs, "a tail in bytes we staged over takes them back")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	put(&loop, 6);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 6, out), 6);
	vqp_rx_stage(&loop.rx, 5);
	vqp_store_relaxed(&loop.tail_cell, 3);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 7, out), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_load_relaxed(&loop.rx.broken), VQP_BROKEN_STEP);
	loop_close(&loop);
}

TEST(queries_break, "an observer that sees a bad index stops the end's verbs")
{
	uint64_t tail, head;
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 7, out), 7);
	vqp_store_relaxed(&loop.head_cell, 8);
	CHECK_EQ(vqp_tx_query(&loop.tx, &tail, &head), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(tail, 0);
	CHECK_EQ(head, 8);
	CHECK_EQ(vqp_load_relaxed(&loop.tx.broken), VQP_BROKEN_RANGE);
	vqp_store_relaxed(&loop.head_cell, 0);
	/* What was offered before may still be used up. */
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 3, out), 3);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 8, out), VQP_ERROR_INVALID_SIZE);
	check_tx_refuses(&loop);
	vqp_tx_commit(&loop.tx, 7);
	check_tx_refuses(&loop);

	CHECK_EQ(vqp_rx_peek(&loop.rx, 7, out), 7);
	vqp_store_relaxed(&loop.tail_cell, UINT64_C(1) << 32);
	CHECK_EQ(vqp_rx_query(&loop.rx, &tail, &head), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(tail, UINT64_C(1) << 32);
	CHECK_EQ(head, 0);
	vqp_store_relaxed(&loop.tail_cell, 7);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 2, out), 2);
	CHECK_EQ(vqp_rx_peek(&loop.rx, 8, out), VQP_ERROR_INVALID_SIZE);
	check_rx_refuses(&loop);
	vqp_rx_release(&loop.rx, 7);
	check_rx_refuses(&loop);
	loop_close(&loop);
}

TEST(bad_index_rings, "an edge with a bad foreign index is true: better awake")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	loop_start(&loop, 4, 2);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), 1);
	vqp_store_relaxed(&loop.head_cell, 8);
	CHECK(vqp_tx_commit_edge(&loop.tx, 1));
	CHECK_EQ(vqp_rx_peek(&loop.rx, 1, out), 1);
	vqp_store_relaxed(&loop.tail_cell, 8);
	CHECK(vqp_rx_release_edge(&loop.rx, 1));
	loop_close(&loop);
}

TEST(attach_refuses, "a ring that cannot be one is refused, untouched")
{
	struct vqp_cell64 cell[2];	/* w:test r:test e:none */
	uint8_t data[8];
	const struct vqp_ring good = { .data = data, .size = 8,
		.tail_cell = &cell[0], .head_cell = &cell[1] };
	static const struct {
		uint64_t size, tail, head;
		int status;
	} row[] = {
		{ 8, 7, 7, VQP_SUCCESS },
		{ 8, 8, 0, VQP_ERROR_INVALID_SIZE },
		{ 8, 0, 8, VQP_ERROR_INVALID_SIZE },
		{ 8, UINT64_MAX, 0, VQP_ERROR_INVALID_SIZE },
		{ 8, 0, UINT64_C(1) << 32, VQP_ERROR_INVALID_SIZE },
		{ PTRDIFF_MAX / 2, 0, 0, VQP_SUCCESS },
		{ PTRDIFF_MAX / 2 + 1, 0, 0, VQP_ERROR_INVALID_ARGS },
		{ PTRDIFF_MAX, 0, 0, VQP_ERROR_INVALID_ARGS },
		{ UINT64_C(1) << 63, 0, 0, VQP_ERROR_INVALID_ARGS },
		{ UINT64_MAX, 0, 0, VQP_ERROR_INVALID_ARGS },
		{ 0, 77, UINT64_MAX, VQP_SUCCESS },
	};
	struct vqp_tx tx, tx_before;
	struct vqp_rx rx, rx_before;
	struct vqp_ring ring;

	memset(&tx_before, 0x5a, sizeof(tx));
	memset(&rx_before, 0x5a, sizeof(rx));
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ring = good;
		ring.size = row[i].size;
		vqp_store_relaxed(&cell[0], row[i].tail);
		vqp_store_relaxed(&cell[1], row[i].head);
		memcpy(&tx, &tx_before, sizeof(tx));
		memcpy(&rx, &rx_before, sizeof(rx));
		CHECK_EQ(vqp_tx_attach(&tx, &ring), row[i].status);
		CHECK_EQ(vqp_rx_attach(&rx, &ring), row[i].status);
		if (row[i].status != VQP_SUCCESS) {
			CHECK_EQ(memcmp(&tx, &tx_before, sizeof(tx)), 0);
			CHECK_EQ(memcmp(&rx, &rx_before, sizeof(rx)), 0);
		}
	}
	for (int i = 0; i < 5; i++) {
		ring = good;
		switch (i) {
		case 0:
			ring.data = NULL;
			break;
		case 1:
			ring.tail_cell = NULL;
			break;
		case 2:
			ring.head_cell = NULL;
			break;
		case 3:
			ring.tail_cell = (struct vqp_cell64 *)
			    ((uintptr_t)&cell[0] + 4);
			break;
		case 4:
			ring.head_cell = (struct vqp_cell64 *)
			    ((uintptr_t)&cell[0] + 1);
			break;
		}
		CHECK_EQ(vqp_tx_attach(&tx, &ring), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_rx_attach(&rx, &ring), VQP_ERROR_INVALID_ARGS);
		/* Bad cells are refused without bytes, too; no data is fine. */
		ring.size = 0;
		CHECK_EQ(vqp_tx_attach(&tx, &ring),
		    i == 0 ? VQP_SUCCESS : VQP_ERROR_INVALID_ARGS);
	}
}

/* Offers are only computed here, so the largest ring needs no memory. */
TEST(largest_ring, "arithmetic near the largest size does not overflow")
{
	const uint64_t size = PTRDIFF_MAX / 2;
	uint8_t *const data = (uint8_t *)(uintptr_t)4096;
	uint64_t tail, head;
	struct vqp_span out[2];
	struct loop loop;

	loop.ring = (struct vqp_ring){ .data = data, .size = size,
		.tail_cell = &loop.tail_cell, .head_cell = &loop.head_cell };
	loop_start(&loop, size - 1, size - 1);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, UINT64_MAX, out), size - 1);
	CHECK(out[0].base == data + (size - 1));
	CHECK_EQ(out[0].length, 1);
	CHECK_EQ(out[1].length, size - 2);
	vqp_tx_commit(&loop.tx, size - 1);
	CHECK_EQ(tail_now(&loop), size - 2);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 1, out), VQP_ERROR_NO_SPACE);
	CHECK_EQ(vqp_tx_query(&loop.tx, &tail, &head), size - 1);
	CHECK_EQ(vqp_rx_peek(&loop.rx, UINT64_MAX, out), size - 1);
	vqp_rx_release_lazy(&loop.rx, size - 2);
	CHECK_EQ(head_now(&loop), size - 3);
	CHECK_EQ(vqp_rx_query(&loop.rx, &tail, &head), 1);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, size, out), size - 2);
	CHECK_EQ(out[0].length, 2);
}

TEST(largest_vmci_ring, "a ring of 128 MiB wraps at its last byte")
{
	const uint64_t size = UINT64_C(128) << 20;
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, size);
	loop_start(&loop, size - 5, size - 5);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 10, out), 10);
	CHECK_EQ(out[0].length, 5);
	CHECK_EQ(out[1].length, 5);
	pattern_fill_spans(out, size);
	vqp_tx_commit(&loop.tx, 10);
	CHECK_EQ(tail_now(&loop), 5);
	CHECK_EQ(vqp_rx_peek(&loop.rx, size, out), 10);
	CHECK(pattern_matches_spans(out, size));
	vqp_rx_release(&loop.rx, 10);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, size, out), size - 1);
	CHECK_EQ(out[0].length, size - 5);
	CHECK_EQ(out[1].length, 4);
	loop_close(&loop);
}

TEST(attach_in_the_middle, "an end attaches where the indices stand")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 9);
	loop_start(&loop, 7, 7);
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 5, out), 5);
	pattern_fill_spans(out, 0);
	vqp_tx_commit(&loop.tx, 5);
	take(&loop, 1);
	/* Both ends go and come again. */
	loop_start(&loop, tail_now(&loop), head_now(&loop));
	CHECK_EQ(vqp_rx_peek(&loop.rx, 9, out), 4);
	CHECK(pattern_matches_spans(out, 1));
	CHECK_EQ(vqp_tx_reserve(&loop.tx, 9, out), 4);
	loop_close(&loop);
}

TEST(too_much_stops, "committing or releasing more than there was stops")
{
	struct vqp_span out[2];
	struct loop loop;

	loop_open(&loop, 8);
	loop_start(&loop, 6, 4);
	CHECK_STOPS(vqp_tx_commit(&loop.tx, 6));
	CHECK_STOPS(vqp_tx_stage(&loop.tx, UINT64_MAX));
	CHECK_EQ(vqp_rx_peek(&loop.rx, 8, out), 2);
	CHECK_STOPS(vqp_rx_release(&loop.rx, 3));
	CHECK_STOPS(vqp_rx_stage(&loop.rx, 8));
	CHECK_STOPS(vqp_rx_release_lazy(&loop.rx, UINT64_MAX));
	CHECK_EQ(tail_now(&loop), 6);
	CHECK_EQ(head_now(&loop), 4);
	loop_close(&loop);

	loop_open(&loop, 0);
	CHECK_STOPS(vqp_tx_commit(&loop.tx, 1));
	CHECK_STOPS(vqp_rx_release(&loop.rx, 1));
	loop_close(&loop);
}

TEST_MAIN()
