/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The calls of two honest sides, one function each, and their table. */
#include "hook.h"
#include "honest.h"
#include "pattern.h"
#include "pieces.h"
#include "verbs.h"

struct call {
	struct honest *honest;
	struct way *way;
	struct input *input;
	struct step step;
	uint64_t number;
};

/* The bytes that a call must deliver; the oracle writes them here. */
static uint8_t expected[RING_BYTES_MAX];

/*
 * The bytes to send from a position of the stream on, as many as a ring can
 * hold.  They come from a table, because a loop over bytes would take most of
 * the time.  The period of the table is a prime larger than any ring, so that
 * no byte equals the one it replaces.
 */
#define PERIOD 20011

static const uint8_t *
stream_at(uint64_t position)
{
	static uint8_t stream[PERIOD + RING_BYTES_MAX];

	if (stream[0] == 0) {
		pattern_fill(stream, 0, PERIOD);
		memcpy(stream + PERIOD, stream, RING_BYTES_MAX);
	}
	return stream + position % PERIOD;
}

/*
 * Check the answers of a call with `length` bytes that do not depend on the
 * oracle.
 */
static bool
is_refused(const struct way *way, bool too_long, int64_t got)
{
	if (too_long)
		MUST_EQ(got, VQP_ERROR_INVALID_ARGS);
	else if (way->queue->size == 0)
		MUST_EQ(got, VQP_ERROR_INVALID_SIZE);
	return too_long || way->queue->size == 0;
}

/* ---- Copying calls. */

static void
put(struct call *call)
{
	struct way *way = call->way;
	const uint64_t size = way->queue->size;
	const uint64_t n = call->number;
	const struct put_verb *verb;
	uint8_t *from;
	int64_t got;

	if (step_which(&call->step) >= COUNT(put_verbs))
		return;
	verb = &put_verbs[step_which(&call->step)];
	from = buffer_open(n, size);
	memcpy(from, stream_at(way->oracle.tail_staged),
	    (size_t)(n < size ? n : size));
	got = verb->call(way->from, from, n);
	if (!is_refused(way, !verb->whole && n > INT64_MAX, got)) {
		MUST_EQ(got, verb->oracle(&way->oracle, from, n));
		/*
		 * With more to follow, the engine may publish or not, but then
		 * it publishes everything.
		 */
		if (vqp_load_relaxed(way->from->tx.tail_cell) ==
		    way->oracle.tail_staged % size)
			oracle_tx_publish(&way->oracle);
	}
	way->offered = 0;
	free(from);
}

/* The number of messages of this length, 0 included, that fit into `bytes`. */
static uint64_t
messages(uint64_t length, uint64_t bytes)
{
	return length == 0 ? bytes : bytes / length;
}

static void
put_batch(struct call *call)
{
	struct way *way = call->way;
	const uint64_t size = way->queue->size;
	const uint64_t length = call->step.more;
	const uint64_t count = messages(length, call->number);
	const uint64_t total = length * count;
	uint8_t *from = buffer_open(total, size);
	int64_t got;

	memcpy(from, stream_at(way->oracle.tail_staged),
	    (size_t)(total < size ? total : size));
	got = vqp_pair_send_batch(way->from, from, length, count);
	if (!is_refused(way, total == 0 || total > INT64_MAX, got))
		MUST_EQ(got, oracle_send_batch(&way->oracle, from, length,
		    count));
	way->offered = 0;
	free(from);
}

static void
get_batch(struct call *call)
{
	struct way *way = call->way;
	const uint64_t length = call->step.more;
	const uint64_t count = messages(length, call->number);
	const uint64_t total = length * count;
	uint8_t *to = buffer_open(total, way->queue->size);
	const int64_t got = vqp_pair_receive_batch(way->to, to, length, count);

	if (!is_refused(way, total == 0 || total > INT64_MAX, got)) {
		MUST_EQ(got, oracle_receive_batch(&way->oracle, expected,
		    length, count));
		MUST(got <= 0 || memcmp(to, expected,
		    (size_t)((uint64_t)got * length)) == 0);
	}
	way->drained = 0;
	free(to);
}

static void
putv(struct call *call)
{
	struct way *way = call->way;
	const uint64_t size = way->queue->size;
	const struct putv_verb *verb;
	struct pieces pieces;
	uint64_t at = way->oracle.tail_staged;
	int64_t got;

	if (step_which(&call->step) >= COUNT(putv_verbs))
		return;
	verb = &putv_verbs[step_which(&call->step)];
	pieces_open(&pieces, call->input, call->step.more % (PIECES_MAX + 1),
	    size);
	for (unsigned i = 0; i < pieces.count; i++) {
		memcpy(pieces.piece[i].base, stream_at(at),
		    (size_t)pieces.touched[i]);
		at += pieces.piece[i].length;
	}
	got = verb->call(way->from, pieces.piece, pieces.count);
	if (!is_refused(way, pieces.too_long, got))
		MUST_EQ(got, verb->oracle(&way->oracle,
		    stream_at(way->oracle.tail_staged), pieces.total));
	way->offered = 0;
	pieces_close(&pieces);
}

static void
get(struct call *call)
{
	struct way *way = call->way;
	const uint64_t n = call->number;
	const struct get_verb *verb;
	uint8_t *to;
	int64_t got;

	if (step_which(&call->step) >= COUNT(get_verbs))
		return;
	verb = &get_verbs[step_which(&call->step)];
	to = buffer_open(n, way->queue->size);
	got = verb->call(way->to, to, n);
	if (!is_refused(way, !verb->whole && n > INT64_MAX, got)) {
		MUST_EQ(got, verb->oracle(&way->oracle, expected, n));
		MUST(got <= 0 || memcmp(to, expected, (size_t)got) == 0);
	}
	if (!verb->stays)
		way->drained = 0;
	free(to);
}

/* The first n bytes of the pieces are the expected ones. */
static void
check_pieces(const struct pieces *pieces, uint64_t n)
{
	const uint8_t *from = expected;

	for (unsigned i = 0; i < pieces->count && n != 0; i++) {
		const uint64_t length = pieces->piece[i].length;
		const uint64_t part = length < n ? length : n;

		MUST(memcmp(pieces->piece[i].base, from, (size_t)part) == 0);
		from += part;
		n -= part;
	}
}

static void
getv(struct call *call)
{
	struct way *way = call->way;
	const struct getv_verb *verb;
	struct pieces pieces;
	int64_t got;

	if (step_which(&call->step) >= COUNT(getv_verbs))
		return;
	verb = &getv_verbs[step_which(&call->step)];
	pieces_open(&pieces, call->input, call->step.more % (PIECES_MAX + 1),
	    way->queue->size);
	got = verb->call(way->to, pieces.piece, pieces.count);
	if (!is_refused(way, pieces.too_long, got)) {
		MUST_EQ(got, verb->oracle(&way->oracle, expected,
		    pieces.total));
		check_pieces(&pieces, got > 0 ? (uint64_t)got : 0);
	}
	if (!verb->stays)
		way->drained = 0;
	pieces_close(&pieces);
}

/* ---- In place. */

/* A span begins where the oracle's count says. */
static void
check_offer(const struct way *way, const struct vqp_span out[2], int64_t n,
    uint64_t at)
{
	const uint64_t size = way->queue->size;
	const uint8_t *data = way->queue->data;
	uint64_t first = (uint64_t)n;

	if (!way->queue->mirrored && first > size - at % size)
		first = size - at % size;
	MUST(out[0].base == data + at % size);
	MUST_EQ(out[0].length, first);
	MUST(out[1].base == data);
	MUST_EQ(out[1].length, (uint64_t)n - first);
}

static void
tx_reserve(struct call *call)
{
	struct way *way = call->way;
	const struct oracle *oracle = &way->oracle;
	struct vqp_span out[2];
	const int64_t got = vqp_tx_reserve(&way->from->tx, call->number, out);

	way->offered = 0;
	if (is_refused(way, false, got))
		return;
	MUST_EQ(got, oracle_tx_reserve(oracle, call->number));
	if (got < 0)
		return;
	check_offer(way, out, got, oracle->tail_staged);
	memcpy(out[0].base, stream_at(oracle->tail_staged),
	    (size_t)out[0].length);
	memcpy(out[1].base, stream_at(oracle->tail_staged + out[0].length),
	    (size_t)out[1].length);
	way->offered = (uint64_t)got;
}

/* A part of the last span. */
static uint64_t
take(uint64_t *offer, uint8_t part)
{
	const uint64_t n = part_of(*offer, part);

	*offer -= n;
	return n;
}

/*
 * Stage in the oracle the bytes that a stage, commit or edge call of the engine
 * takes.
 */
static uint64_t
tx_take(struct call *call)
{
	struct oracle *oracle = &call->way->oracle;
	const uint64_t n = take(&call->way->offered, call->step.more);

	oracle_tx_stage(oracle, stream_at(oracle->tail_staged), n);
	return n;
}

static void
tx_stage(struct call *call)
{
	vqp_tx_stage(&call->way->from->tx, tx_take(call));
}

static void
tx_commit(struct call *call)
{
	vqp_tx_commit(&call->way->from->tx, tx_take(call));
	oracle_tx_publish(&call->way->oracle);
}

static void
tx_commit_edge(struct call *call)
{
	const bool edge = vqp_tx_commit_edge(&call->way->from->tx,
	    tx_take(call));

	if (call->way->queue->size != 0)
		MUST_EQ(edge, oracle_tx_publish_edge(&call->way->oracle));
}

static void
tx_publish(struct call *call)
{
	vqp_tx_publish(&call->way->from->tx);
	oracle_tx_publish(&call->way->oracle);
}

static void
tx_publish_edge(struct call *call)
{
	const bool edge = vqp_tx_publish_edge(&call->way->from->tx);

	if (call->way->queue->size != 0)
		MUST_EQ(edge, oracle_tx_publish_edge(&call->way->oracle));
}

static void
tx_may_sleep(struct call *call)
{
	const bool sleeps = vqp_tx_may_sleep(&call->way->from->tx);

	MUST_EQ(sleeps, call->way->queue->size != 0 &&
	    oracle_tx_may_sleep(&call->way->oracle));
}

static void
rx_peek(struct call *call)
{
	struct way *way = call->way;
	const uint64_t at = way->oracle.head_staged;
	struct vqp_span out[2];
	const int64_t got = vqp_rx_peek(&way->to->rx, call->number, out);

	way->drained = 0;
	if (is_refused(way, false, got))
		return;
	MUST_EQ(got, oracle_rx_peek(&way->oracle, expected, call->number));
	if (got < 0)
		return;
	check_offer(way, out, got, at);
	MUST(memcmp(out[0].base, expected, (size_t)out[0].length) == 0);
	MUST(memcmp(out[1].base, expected + out[0].length,
	    (size_t)out[1].length) == 0);
	way->drained = (uint64_t)got;
}

static uint64_t
rx_take(struct call *call)
{
	const uint64_t n = take(&call->way->drained, call->step.more);

	oracle_rx_stage(&call->way->oracle, n);
	return n;
}

static void
rx_stage(struct call *call)
{
	vqp_rx_stage(&call->way->to->rx, rx_take(call));
}

static void
rx_release(struct call *call)
{
	vqp_rx_release(&call->way->to->rx, rx_take(call));
	oracle_rx_publish(&call->way->oracle);
}

static void
rx_release_edge(struct call *call)
{
	const bool edge = vqp_rx_release_edge(&call->way->to->rx,
	    rx_take(call));

	if (call->way->queue->size != 0)
		MUST_EQ(edge, oracle_rx_publish_edge(&call->way->oracle));
}

static void
rx_release_lazy(struct call *call)
{
	const uint64_t n = take(&call->way->drained, call->step.more);

	vqp_rx_release_lazy(&call->way->to->rx, n);
	oracle_rx_release_lazy(&call->way->oracle, n);
}

static void
rx_publish(struct call *call)
{
	vqp_rx_publish(&call->way->to->rx);
	oracle_rx_publish(&call->way->oracle);
}

static void
rx_publish_edge(struct call *call)
{
	const bool edge = vqp_rx_publish_edge(&call->way->to->rx);

	if (call->way->queue->size != 0)
		MUST_EQ(edge, oracle_rx_publish_edge(&call->way->oracle));
}

static void
rx_may_sleep(struct call *call)
{
	const bool sleeps = vqp_rx_may_sleep(&call->way->to->rx);

	MUST_EQ(sleeps, call->way->queue->size != 0 &&
	    oracle_rx_may_sleep(&call->way->oracle));
}

/* ---- Queries, and attaching again. */

/* A ring without bytes has indices, too, but they mean nothing. */
static void
check_indexes(const struct way *way, uint64_t tail, uint64_t head)
{
	if (way->queue->size == 0)
		return;
	MUST_EQ(tail, way->oracle.tail % way->queue->size);
	MUST_EQ(head, way->oracle.head % way->queue->size);
}

static void
query(struct call *call)
{
	const struct way *way = call->way;
	struct vqp_pair *from = way->from, *to = way->to;
	const uint64_t size = way->queue->size;
	const struct oracle *oracle = &way->oracle;
	const int status = size == 0 ? VQP_ERROR_INVALID_SIZE : VQP_SUCCESS;
	const int64_t ready = size == 0 ? status :
	    (int64_t)oracle_ready(oracle);
	const int64_t space = size == 0 ? status :
	    (int64_t)oracle_free(oracle);
	const int64_t unread = size == 0 ? status :
	    (int64_t)oracle_unread(oracle);
	uint64_t tail, head;

	MUST_EQ(vqp_pair_produce_ready(from), ready);
	MUST_EQ(vqp_pair_produce_free(from), space);
	MUST_EQ(vqp_pair_consume_ready(to), unread);
	MUST_EQ(vqp_pair_consume_free(to), size == 0 ? status :
	    (int64_t)(size - 1) - unread);
	MUST_EQ(vqp_pair_produce_indexes(from, &tail, NULL), status);
	MUST_EQ(vqp_pair_produce_indexes(from, NULL, &head), status);
	check_indexes(way, tail, head);
	MUST_EQ(vqp_pair_consume_indexes(to, &tail, NULL), status);
	MUST_EQ(vqp_pair_consume_indexes(to, NULL, &head), status);
	if (size != 0) {
		MUST_EQ(tail, oracle->tail % size);
		/*
		 * Released bytes have left the ring, whether published or not.
		 */
		MUST_EQ(head, oracle->head_lazy % size);
	}
}

/* One side detaches and attaches again: it loses what it had staged. */
static void
attach(struct call *call)
{
	struct honest *honest = call->honest;
	struct loop_pair *pair = &honest->pair;
	const bool is_a = call->way == &honest->way[0];
	struct oracle *out = &honest->way[!is_a].oracle;
	struct oracle *in = &honest->way[is_a].oracle;

	MUST_EQ(vqp_pair_attach(is_a ? &pair->a : &pair->b,
	    is_a ? &pair->a_config : &pair->b_config), VQP_SUCCESS);
	out->tail_staged = out->tail;
	in->head_staged = in->head_lazy = in->head;
	/* A new side does not know which notifications were sent before. */
	out->tail_rung = out->head;
	in->head_rung = in->tail + 1 - in->size;
	honest->way[!is_a].offered = 0;
	honest->way[is_a].drained = 0;
}

static void
poll(struct call *call)
{
	struct way *way = call->way;
	const int64_t ready = vqp_pair_poll(way->to);

	way->oracle.head = way->oracle.head_lazy;
	MUST_EQ(ready, way->queue->size == 0 ? VQP_ERROR_INVALID_SIZE :
	    (int64_t)oracle_unread(&way->oracle));
}

/* From now on every poll finds the peer's line this far away. */
static void
distance(struct call *call)
{
	hook.cpu.distance = call->number;
}

/* Inputs name calls by their place in this table: add new ones at the end. */
static void (*const calls[])(struct call *) = {
	put, putv, get, getv,
	tx_reserve, tx_stage, tx_commit, tx_commit_edge,
	tx_publish, tx_publish_edge, tx_may_sleep,
	rx_peek, rx_stage, rx_release, rx_release_edge, rx_release_lazy,
	rx_publish, rx_publish_edge, rx_may_sleep,
	query, attach, distance, put_batch, get_batch, poll,
};

/*
 * A line that is evicted must belong to the ring of one direction or the other.
 */
static const struct honest *giving;

static void
check_line(uint8_t *line)
{
	bool inside = false;

	for (int i = 0; i < 2; i++) {
		const struct vqp_queue *queue = giving->way[i].queue;

		inside = inside || (uint64_t)((uintptr_t)line -
		    (uintptr_t)queue->data) < queue->size;
	}
	MUST(inside);
}

static void
way_open(struct way *way, struct vqp_pair *from, struct vqp_pair *to,
    const struct vqp_queue *queue)
{
	const uint64_t size = queue->size;
	const uint64_t tail = vqp_load_relaxed(from->tx.tail_cell);
	const uint64_t head = vqp_load_relaxed(to->rx.head_cell);
	struct oracle *oracle = &way->oracle;

	memset(way, 0, sizeof(*way));
	way->from = from;
	way->to = to;
	way->queue = queue;
	if (size == 0)
		return;
	oracle_open(oracle, size, head);
	memcpy(oracle->bytes, queue->data, (size_t)size);
	oracle->tail = tail >= head ? tail : tail + size;
	oracle->tail_staged = oracle->tail;
	oracle->head_rung = oracle->tail + 1 - size;
}

void
honest_open(struct honest *honest)
{
	struct loop_pair *pair = &honest->pair;

	hook.cpu = (struct hook_cpu){ .give_back = check_line };
	giving = honest;
	way_open(&honest->way[0], &pair->a, &pair->b,
	    &pair->a_config.produce);
	way_open(&honest->way[1], &pair->b, &pair->a,
	    &pair->b_config.produce);
}

void
honest_run(struct honest *honest, struct input *input)
{
	struct call call = { .honest = honest, .input = input };

	while (input_step(input, &call.step)) {
		const struct way *way;
		uint64_t size;

		if (step_call(&call.step) >= COUNT(calls))
			continue;
		call.way = &honest->way[step_other(&call.step)];
		way = call.way;
		size = way->queue->size;
		call.number = step_number(&call.step, size,
		    size == 0 ? 0 : oracle_ready(&way->oracle));
		calls[step_call(&call.step)](&call);
		check_indexes(way, vqp_load_relaxed(way->from->tx.tail_cell),
		    vqp_load_relaxed(way->to->rx.head_cell));
	}
}

void
honest_close(struct honest *honest)
{
	for (int i = 0; i < 2; i++)
		oracle_close(&honest->way[i].oracle);
}
