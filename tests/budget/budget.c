/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Makes every call of a ring and of a pair, on each path through it, so that
 * budget.py can count its instructions under callgrind.
 *
 *	budget CALLS
 *
 * A path is a function of its own, budget_<verb>_<path>[_<bytes>], that makes
 * the call once.  Before each of CALLS calls, and uncounted, a state attaches
 * both sides again, so that every call costs the same.  After the call the
 * answer is checked, so that a path is what its name says.
 *
 * The cost of a path includes the call of its function and what it returns.
 * Both sides get a fixed placement, because a side that measures the distance
 * would decide by the clock.
 */
#include <stdio.h>
#include <stdlib.h>

#include "loop.h"

#define RING_BYTES 65536
#define CHUNK_BYTES (RING_BYTES / 16)	/* unpublished bytes a tail may pass */
#define QUARTER_BYTES (RING_BYTES / 4)	/* unpublished bytes of a head */
#define MIDDLE (RING_BYTES / 2)

struct world {
	struct loop_pair loop;
	struct vqp_span span[2];
	struct vqp_iovec vector[2];	/* a message in two halves */
	uint64_t tail, head;
	uint8_t bytes[2 * CHUNK_BYTES] VQP_ALIGNED(64);
};

/* ---- States: each returns the side that a path uses. */

typedef struct vqp_pair *state_function(struct world *w, uint64_t n);

static void
start_as(struct world *w, uint64_t tail, uint64_t head,
    const struct vqp_pair_config *as)
{
	struct loop_pair *loop = &w->loop;

	loop->a_config.placement = loop->b_config.placement = as->placement;
	loop->a_config.produce.mirrored = loop->b_config.consume.mirrored =
	    as->produce.mirrored;
	vqp_store_relaxed(loop->a.tx.tail_cell, tail);
	vqp_store_relaxed(loop->b.rx.head_cell, head);
	loop_pair_attach(loop);
}

static void
start(struct world *w, uint64_t tail, uint64_t head)
{
	start_as(w, tail, head, &(struct vqp_pair_config){
		.placement = VQP_PLACEMENT_SAME_CORE });
}

/* All space of the ring is free for the producer. */
static struct vqp_pair *
roomy(struct world *w, uint64_t n)
{
	(void)n;
	start(w, 0, 0);
	return &w->loop.a;
}

/* The producer is at its soft limit, with space beyond it. */
static struct vqp_pair *
at_chunk(struct world *w, uint64_t n)
{
	roomy(w, n);
	vqp_tx_commit(&w->loop.a.tx, CHUNK_BYTES);
	return &w->loop.a;
}

static struct vqp_pair *
staged_chunk(struct world *w, uint64_t n)
{
	roomy(w, n);
	vqp_tx_stage(&w->loop.a.tx, CHUNK_BYTES);
	return &w->loop.a;
}

static struct vqp_pair *
full(struct world *w, uint64_t n)
{
	(void)n;
	start(w, MIDDLE - 1, MIDDLE);
	return &w->loop.a;
}

/* The ring is full, and its last message is not published yet. */
static struct vqp_pair *
staged_full(struct world *w, uint64_t n)
{
	start(w, MIDDLE - 1 - n, MIDDLE);
	vqp_tx_stage(&w->loop.a.tx, n);
	return &w->loop.a;
}

/*
 * The ring was full when the producer polled, and the consumer has read
 * everything since.
 */
static struct vqp_pair *
full_before(struct world *w, uint64_t n)
{
	full(w, n);
	vqp_store_relaxed(w->loop.b.rx.head_cell, MIDDLE - 1);
	return &w->loop.a;
}

static struct vqp_pair *
half_fits(struct world *w, uint64_t n)
{
	start(w, MIDDLE, MIDDLE + n / 2 + 1);
	return &w->loop.a;
}

/* The message wraps around the end of the ring. */
static struct vqp_pair *
tail_wraps(struct world *w, uint64_t n)
{
	start(w, RING_BYTES - n / 2, MIDDLE);
	return &w->loop.a;
}

static struct vqp_pair *
tail_wraps_mirrored(struct world *w, uint64_t n)
{
	start_as(w, RING_BYTES - n / 2, MIDDLE, &(struct vqp_pair_config){
		.placement = VQP_PLACEMENT_SAME_CORE,
		.produce.mirrored = true });
	return &w->loop.a;
}

static struct vqp_pair *
producer_broken(struct world *w, uint64_t n)
{
	roomy(w, n);
	vqp_tx_break(&w->loop.a.tx, VQP_BROKEN_RANGE);
	return &w->loop.a;
}

static struct vqp_pair *
roomy_near(struct world *w, uint64_t n)
{
	(void)n;
	start_as(w, 0, 0, &(struct vqp_pair_config){
		.placement = VQP_PLACEMENT_NEAR });
	return &w->loop.a;
}

/* The side is where the next lines are to be prefetched. */
static struct vqp_pair *
at_fetch(struct world *w, uint64_t n)
{
	roomy_near(w, n);
	vqp_tx_commit(&w->loop.a.tx, VQP_FETCH_BYTES);
	return &w->loop.a;
}

static struct vqp_pair *
roomy_far(struct world *w, uint64_t n)
{
	(void)n;
	start_as(w, 0, 0, &(struct vqp_pair_config){
		.placement = VQP_PLACEMENT_FAR });
	return &w->loop.a;
}

/* The producer has streamed a chunk to a consumer that is far away. */
static struct vqp_pair *
streaming_far(struct world *w, uint64_t n)
{
	roomy_far(w, n);
	vqp_tx_stage(&w->loop.a.tx, CHUNK_BYTES);
	if (vqp_pair_send_more(&w->loop.a, w->bytes, 64) != 64)
		abort();
	return &w->loop.a;
}

/* The consumer has half a ring to read. */
static struct vqp_pair *
ready(struct world *w, uint64_t n)
{
	(void)n;
	start(w, MIDDLE, 0);
	return &w->loop.b;
}

/* The consumer is at its soft limit, with more to read beyond it. */
static struct vqp_pair *
at_give_back(struct world *w, uint64_t n)
{
	ready(w, n);
	vqp_rx_release_lazy(&w->loop.b.rx, VQP_GIVE_BACK_BYTES);
	return &w->loop.b;
}

/* One more message passes the quarter. */
static struct vqp_pair *
at_quarter(struct world *w, uint64_t n)
{
	ready(w, n);
	while (w->loop.b.rx.head < QUARTER_BYTES)
		vqp_rx_release_lazy(&w->loop.b.rx, VQP_GIVE_BACK_BYTES);
	return &w->loop.b;
}

static struct vqp_pair *
empty(struct world *w, uint64_t n)
{
	(void)n;
	start(w, 0, 0);
	return &w->loop.b;
}

/*
 * The ring was empty when the consumer polled, and one message has arrived
 * since.
 */
static struct vqp_pair *
empty_before(struct world *w, uint64_t n)
{
	empty(w, n);
	vqp_store_relaxed(w->loop.a.tx.tail_cell, n);
	return &w->loop.b;
}

static struct vqp_pair *
half_there(struct world *w, uint64_t n)
{
	start(w, n / 2, 0);
	return &w->loop.b;
}

static struct vqp_pair *
head_wraps(struct world *w, uint64_t n)
{
	start(w, MIDDLE, RING_BYTES - n / 2);
	return &w->loop.b;
}

static struct vqp_pair *
head_wraps_mirrored(struct world *w, uint64_t n)
{
	start_as(w, MIDDLE, RING_BYTES - n / 2, &(struct vqp_pair_config){
		.placement = VQP_PLACEMENT_SAME_CORE,
		.produce.mirrored = true });
	return &w->loop.b;
}

/* The producer may sleep. */
static struct vqp_pair *
full_to_read(struct world *w, uint64_t n)
{
	(void)n;
	start(w, MIDDLE - 1, MIDDLE);
	return &w->loop.b;
}

static struct vqp_pair *
consumer_broken(struct world *w, uint64_t n)
{
	ready(w, n);
	vqp_rx_break(&w->loop.b.rx, VQP_BROKEN_RANGE);
	return &w->loop.b;
}

/* ---- Paths. */

struct path {
	const char *name;
	state_function *state;
	uint64_t bytes;
	int64_t answer;
	int64_t (*call)(struct world *w, struct vqp_pair *pair, uint64_t n);
};

extern const struct path *const __start_budget_paths[];
extern const struct path *const __stop_budget_paths[];

/* One call, on `pair` with `n` bytes; the compiler knows neither value. */
#define PATH(name_, state_, bytes_, answer_, ...)			\
	__attribute__((__noipa__, __flatten__)) static int64_t	\
	budget_##name_(struct world *w, struct vqp_pair *pair, uint64_t n) \
	{								\
		(void)w, (void)n;					\
		return (int64_t)(__VA_ARGS__);				\
	}								\
	static const struct path path_##name_ = {			\
		#name_, state_, bytes_, answer_, budget_##name_		\
	};								\
	__attribute__((used, section("budget_paths")))			\
	static const struct path *const path_link_##name_ =		\
	    &path_##name_

#define PATH_VOID(name_, state_, bytes_, ...)				\
	PATH(name_, state_, bytes_, 0, (__VA_ARGS__, 0))

/* A call that copies a message, whole. */
#define PATHS(name_, state_, ...)					\
	PATH(name_##_8, state_, 8, 8, __VA_ARGS__);			\
	PATH(name_##_64, state_, 64, 64, __VA_ARGS__);			\
	PATH(name_##_1024, state_, 1024, 1024, __VA_ARGS__)

#define RESERVE vqp_tx_reserve(&pair->tx, n, w->span)
PATH(tx_reserve_fast, roomy, 64, 64, RESERVE);
PATH(tx_reserve_chunk, at_chunk, 64, 64, RESERVE);
PATH(tx_reserve_look, full_before, 64, 64, RESERVE);
PATH(tx_reserve_fetch, at_fetch, 64, 64, RESERVE);
PATH(tx_reserve_wrap, tail_wraps, 64, 64, RESERVE);
PATH(tx_reserve_wrap_mirrored, tail_wraps_mirrored, 64, 64, RESERVE);
PATH(tx_reserve_part, half_fits, 64, 32, RESERVE);
PATH(tx_reserve_full, full, 64, VQP_ERROR_NO_SPACE, RESERVE);
PATH(tx_reserve_broken, producer_broken, 64, VQP_ERROR_INVALID_SIZE, RESERVE);

PATH_VOID(tx_stage_fast, roomy, 64, vqp_tx_stage(&pair->tx, n));
PATH_VOID(tx_stage_chunk, at_chunk, 64, vqp_tx_stage(&pair->tx, n));
PATH_VOID(tx_stage_wrap, tail_wraps, 64, vqp_tx_stage(&pair->tx, n));

PATH_VOID(tx_publish_fast, roomy, 0, vqp_tx_publish(&pair->tx));
PATH_VOID(tx_publish_far, streaming_far, 0, vqp_tx_publish(&pair->tx));
PATH(tx_publish_edge_fast, roomy, 0, false, vqp_tx_publish_edge(&pair->tx));

PATH_VOID(tx_commit_fast, roomy, 64, vqp_tx_commit(&pair->tx, n));
PATH_VOID(tx_commit_wrap, tail_wraps, 64, vqp_tx_commit(&pair->tx, n));

#define COMMIT_EDGE vqp_tx_commit_edge(&pair->tx, n)
PATH(tx_commit_edge_fast, roomy, 64, true, COMMIT_EDGE);
PATH(tx_commit_edge_wrap, tail_wraps, 64, true, COMMIT_EDGE);

PATH(tx_may_sleep_fast, roomy, 0, false, vqp_tx_may_sleep(&pair->tx));
PATH(tx_may_sleep_full, full, 0, true, vqp_tx_may_sleep(&pair->tx));

#define TX_QUERY vqp_tx_query(&pair->tx, &w->tail, &w->head)
PATH(tx_query_look, full, 0, RING_BYTES - 1, TX_QUERY);
PATH(tx_query_broken, producer_broken, 0, VQP_ERROR_INVALID_SIZE, TX_QUERY);

#define PEEK vqp_rx_peek(&pair->rx, n, w->span)
PATH(rx_peek_fast, ready, 64, 64, PEEK);
PATH(rx_peek_more, at_give_back, 64, 64, PEEK);
PATH(rx_peek_look, empty_before, 64, 64, PEEK);
PATH(rx_peek_wrap, head_wraps, 64, 64, PEEK);
PATH(rx_peek_wrap_mirrored, head_wraps_mirrored, 64, 64, PEEK);
PATH(rx_peek_part, half_there, 64, 32, PEEK);
PATH(rx_peek_empty, empty, 64, VQP_ERROR_NO_DATA, PEEK);
PATH(rx_peek_broken, consumer_broken, 64, VQP_ERROR_INVALID_SIZE, PEEK);

PATH_VOID(rx_stage_fast, ready, 64, vqp_rx_stage(&pair->rx, n));
PATH_VOID(rx_stage_more, at_give_back, 64, vqp_rx_stage(&pair->rx, n));
PATH_VOID(rx_stage_wrap, head_wraps, 64, vqp_rx_stage(&pair->rx, n));

PATH_VOID(rx_publish_fast, ready, 0, vqp_rx_publish(&pair->rx));
PATH(rx_publish_edge_fast, ready, 0, true, vqp_rx_publish_edge(&pair->rx));

PATH_VOID(rx_release_fast, ready, 64, vqp_rx_release(&pair->rx, n));
PATH_VOID(rx_release_wrap, head_wraps, 64, vqp_rx_release(&pair->rx, n));

#define RELEASE_EDGE vqp_rx_release_edge(&pair->rx, n)
PATH(rx_release_edge_fast, full_to_read, 64, true, RELEASE_EDGE);
PATH(rx_release_edge_wrap, head_wraps, 64, true, RELEASE_EDGE);

#define RELEASE_LAZY vqp_rx_release_lazy(&pair->rx, n)
PATH_VOID(rx_release_lazy_fast, ready, 64, RELEASE_LAZY);
PATH_VOID(rx_release_lazy_wrap, head_wraps, 64, RELEASE_LAZY);
PATH_VOID(rx_release_lazy_publish, at_quarter, 64, RELEASE_LAZY);

PATH(rx_may_sleep_fast, ready, 0, false, vqp_rx_may_sleep(&pair->rx));
PATH(rx_may_sleep_empty, empty, 0, true, vqp_rx_may_sleep(&pair->rx));

#define RX_QUERY vqp_rx_query(&pair->rx, &w->tail, &w->head)
PATH(rx_query_look, ready, 0, MIDDLE, RX_QUERY);
PATH(rx_query_broken, consumer_broken, 0, VQP_ERROR_INVALID_SIZE, RX_QUERY);

#define SEND vqp_pair_send(pair, w->bytes, n)
PATHS(pair_send_fast, roomy, SEND);
PATH(pair_send_fast_constant_8, roomy, 8, 8, vqp_pair_send(pair, w->bytes, 8));
PATHS(pair_send_chunk, at_chunk, SEND);
PATHS(pair_send_look, full_before, SEND);
PATHS(pair_send_wrap, tail_wraps, SEND);
PATHS(pair_send_wrap_mirrored, tail_wraps_mirrored, SEND);
PATHS(pair_send_fetch, at_fetch, SEND);
PATH(pair_send_near_4096, roomy_near, 4096, 4096, SEND);
PATH(pair_send_far_4096, roomy_far, 4096, 4096, SEND);
PATH(pair_send_part, half_fits, 64, VQP_ERROR_NO_SPACE, SEND);
PATH(pair_send_full, full, 64, VQP_ERROR_NO_SPACE, SEND);
PATH(pair_send_broken, producer_broken, 64, VQP_ERROR_INVALID_SIZE, SEND);

#define MORE vqp_pair_send_more(pair, w->bytes, n)
PATHS(pair_send_more_fast, roomy, MORE);
PATHS(pair_send_more_chunk, staged_chunk, MORE);
PATHS(pair_send_more_wrap, tail_wraps, MORE);
PATHS(pair_send_more_far, streaming_far, MORE);
PATH(pair_send_more_full, staged_full, 64, VQP_ERROR_NO_SPACE, MORE);

PATH_VOID(pair_flush_fast, roomy, 0, vqp_pair_flush(pair));
PATH_VOID(pair_flush_far, streaming_far, 0, vqp_pair_flush(pair));

/* A batch of eight messages. */
#define SEND_BATCH vqp_pair_send_batch(pair, w->bytes, n / 8, 8)
PATH(pair_send_batch_fast_8x8, roomy, 8 * 8, 8, SEND_BATCH);
PATH(pair_send_batch_fast_8x64, roomy, 8 * 64, 8, SEND_BATCH);
PATH(pair_send_batch_bulk_8x1024, roomy, 8 * 1024, 8, SEND_BATCH);
PATH(pair_send_batch_wrap_8x8, tail_wraps, 8 * 8, 8, SEND_BATCH);
PATH(pair_send_batch_wrap_8x64, tail_wraps, 8 * 64, 8, SEND_BATCH);
PATH(pair_send_batch_part_4x8, half_fits, 8 * 8, 4, SEND_BATCH);
PATH(pair_send_batch_full, full, 8 * 8, VQP_ERROR_NO_SPACE, SEND_BATCH);

#define ENQUEUE vqp_pair_enqueue(pair, w->bytes, n)
PATHS(pair_enqueue_fast, roomy, ENQUEUE);
PATHS(pair_enqueue_chunk, at_chunk, ENQUEUE);
PATHS(pair_enqueue_look, full_before, ENQUEUE);
PATHS(pair_enqueue_wrap, tail_wraps, ENQUEUE);
PATH(pair_enqueue_part, half_fits, 64, 32, ENQUEUE);
PATH(pair_enqueue_full, full, 64, VQP_ERROR_NO_SPACE, ENQUEUE);

#define ENQUEUEV vqp_pair_enqueuev(pair, w->vector, 2)
PATHS(pair_enqueuev_roomy, roomy, ENQUEUEV);
PATHS(pair_enqueuev_wrap, tail_wraps, ENQUEUEV);
PATH(pair_enqueuev_full, full, 64, VQP_ERROR_NO_SPACE, ENQUEUEV);

#define RECEIVE vqp_pair_receive(pair, w->bytes, n)
PATHS(pair_receive_fast, ready, RECEIVE);
PATH(pair_receive_fast_constant_8, ready, 8, 8,
    vqp_pair_receive(pair, w->bytes, 8));
PATHS(pair_receive_more, at_give_back, RECEIVE);
PATHS(pair_receive_look, empty_before, RECEIVE);
PATHS(pair_receive_wrap, head_wraps, RECEIVE);
PATHS(pair_receive_wrap_mirrored, head_wraps_mirrored, RECEIVE);
PATHS(pair_receive_publish, at_quarter, RECEIVE);
PATH(pair_receive_part, half_there, 64, VQP_ERROR_NO_DATA, RECEIVE);
PATH(pair_receive_empty, empty, 64, VQP_ERROR_NO_DATA, RECEIVE);
PATH(pair_receive_broken, consumer_broken, 64, VQP_ERROR_INVALID_SIZE,
    RECEIVE);

#define RECEIVE_BATCH vqp_pair_receive_batch(pair, w->bytes, n / 8, 8)
PATH(pair_receive_batch_fast_8x8, ready, 8 * 8, 8, RECEIVE_BATCH);
PATH(pair_receive_batch_fast_8x64, ready, 8 * 64, 8, RECEIVE_BATCH);
PATH(pair_receive_batch_bulk_8x1024, ready, 8 * 1024, 8, RECEIVE_BATCH);
PATH(pair_receive_batch_wrap_8x8, head_wraps, 8 * 8, 8, RECEIVE_BATCH);
PATH(pair_receive_batch_wrap_8x64, head_wraps, 8 * 64, 8, RECEIVE_BATCH);
PATH(pair_receive_batch_part_4x8, half_there, 8 * 8, 4, RECEIVE_BATCH);
PATH(pair_receive_batch_empty, empty, 8 * 8, VQP_ERROR_NO_DATA,
    RECEIVE_BATCH);

#define DEQUEUE vqp_pair_dequeue(pair, w->bytes, n)
PATHS(pair_dequeue_fast, ready, DEQUEUE);
PATHS(pair_dequeue_more, at_give_back, DEQUEUE);
PATHS(pair_dequeue_look, empty_before, DEQUEUE);
PATHS(pair_dequeue_wrap, head_wraps, DEQUEUE);
PATHS(pair_dequeue_publish, at_quarter, DEQUEUE);
PATH(pair_dequeue_part, half_there, 64, 32, DEQUEUE);
PATH(pair_dequeue_empty, empty, 64, VQP_ERROR_NO_DATA, DEQUEUE);

#define DEQUEUEV vqp_pair_dequeuev(pair, w->vector, 2)
PATHS(pair_dequeuev_ready, ready, DEQUEUEV);
PATHS(pair_dequeuev_wrap, head_wraps, DEQUEUEV);
PATH(pair_dequeuev_empty, empty, 64, VQP_ERROR_NO_DATA, DEQUEUEV);

PATHS(pair_peek_fast, ready, vqp_pair_peek(pair, w->bytes, n));
PATHS(pair_peek_wrap, head_wraps, vqp_pair_peek(pair, w->bytes, n));
PATH(pair_peek_empty, empty, 64, VQP_ERROR_NO_DATA,
    vqp_pair_peek(pair, w->bytes, n));

PATHS(pair_peekv_ready, ready, vqp_pair_peekv(pair, w->vector, 2));
PATHS(pair_peekv_wrap, head_wraps, vqp_pair_peekv(pair, w->vector, 2));
PATH(pair_peekv_empty, empty, 64, VQP_ERROR_NO_DATA,
    vqp_pair_peekv(pair, w->vector, 2));

PATH(pair_produce_free_look, full, 0, 0, vqp_pair_produce_free(pair));
PATH(pair_produce_ready_look, full, 0, RING_BYTES - 1,
    vqp_pair_produce_ready(pair));
PATH(pair_consume_free_look, ready, 0, MIDDLE - 1,
    vqp_pair_consume_free(pair));
PATH(pair_consume_ready_look, ready, 0, MIDDLE,
    vqp_pair_consume_ready(pair));
PATH(pair_produce_indexes, full, 0, VQP_SUCCESS,
    vqp_pair_produce_indexes(pair, &w->tail, &w->head));
#define POLL vqp_pair_poll(pair)
PATH(pair_poll_look, ready, 0, MIDDLE, POLL);
PATH(pair_poll_publish, at_give_back, 0, MIDDLE - VQP_GIVE_BACK_BYTES, POLL);
PATH(pair_poll_empty, empty, 0, 0, POLL);
PATH(pair_poll_broken, consumer_broken, 0, VQP_ERROR_INVALID_SIZE, POLL);

PATH(pair_consume_indexes, ready, 0, VQP_SUCCESS,
    vqp_pair_consume_indexes(pair, &w->tail, &w->head));

static void
run(struct world *w, const struct path *path)
{
	const uint64_t half = path->bytes / 2;
	struct vqp_pair *pair;
	int64_t answer;

	w->vector[0] = (struct vqp_iovec){ w->bytes, half };
	w->vector[1] = (struct vqp_iovec){ w->bytes + half, half };
	pair = path->state(w, path->bytes);
	answer = path->call(w, pair, path->bytes);
	if (answer != path->answer) {
		fprintf(stderr, "%s: answers %lld, not %lld\n", path->name,
		    (long long)answer, (long long)path->answer);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	static struct world w;
	const int calls = argc > 1 ? atoi(argv[1]) : 1;

	/*
	 * Mirrored memory begins at a page, whatever malloc() does.  The sides
	 * need not know that the memory is mirrored.
	 */
	loop_pair_open_as(&w.loop, RING_BYTES, RING_BYTES, VQP_LAYOUT_WIDE,
	    true);
	for (const struct path *const *link = __start_budget_paths;
	    link < __stop_budget_paths; link++) {
		for (int i = 0; i < calls; i++)
			run(&w, *link);
	}
	return 0;
}
