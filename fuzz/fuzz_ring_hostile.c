/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The peer writes any word of the shared pages, between our calls and within
 * them: before a load of a word that belongs to the peer, the input may put
 * another value there, so a second load of the same word sees a second lie.
 *
 * What must hold whatever the peer writes: no access outside the ring and the
 * pages; every answer is one that the contract names; reservations, readable
 * spans and our own indices stay inside the ring; no index of the peer's is
 * accepted if it moves further than it may; a broken side stays broken, for the
 * same reason; a call loads a word of the peer's at most once, and never loads
 * our own words after attaching; only our own words are stored to.
 *
 * Input: a step that describes the rings (how, k: their size; op bit 0: the
 * wide layout, bit 1: mirrored, bit 2: one has no bytes, bit 3: a processor
 * that evicts no lines; more: how far the peer is), then calls.  A call's
 * `more` has a bit for each of its loads before which the peer writes; each
 * such write takes the next step, whose number counts.
 */
#include "fuzz.h"
#include "hook.h"
#include "loop.h"
#include "pieces.h"
#include "verbs.h"

#define WORDS (sizeof(struct vqp_queue_header_wide) / 8)

/* The four index words, as the attacked side names them. */
enum word { OWN_TAIL, OWN_HEAD, PEER_HEAD, PEER_TAIL, INDEX_WORDS };

/* What one side of the attacked pair must remember. */
struct end {
	uint64_t size;
	uint64_t broken;	/* the first reason it reported */
	bool refused;		/* it answered so, and must continue so */
	uint64_t offered;	/* unused rest of its last span */
};

static struct victim {
	struct vqp_pair pair;
	struct vqp_pair_config config;
	struct vqp_cell64 *word[INDEX_WORDS];
	struct end tx, rx;
	uint64_t size;			/* of the one or both rings */
	struct input input;
	/* About the call that is running: */
	struct step step;
	uint64_t number;
	bool attaching;
	unsigned peer_writes;	/* a bit for each load */
	unsigned loads[INDEX_WORDS];
	bool stored[INDEX_WORDS];
} victim;

/* A number for one of these words is chosen near the true value. */
static uint64_t
word_number(enum word word, const struct step *step)
{
	return step_number(step, victim.size,
	    word == OWN_TAIL || word == PEER_HEAD ?
	    vqp_load_relaxed(&victim.pair.tx.tail_published) :
	    victim.pair.rx.head_published);
}

static void
before(enum hook_verb verb, const void *cell)
{
	const bool loads = verb == HOOK_LOAD_RELAXED ||
	    verb == HOOK_LOAD_ACQUIRE;
	struct step step;
	int word = 0;

	if (cell == NULL ||
	    (uintptr_t)cell - (uintptr_t)&victim.pair < sizeof(victim.pair))
		return;
	while (word < INDEX_WORDS && cell != victim.word[word])
		word++;
	MUST(word < INDEX_WORDS);
	if (!loads) {
		MUST(word == OWN_TAIL || word == OWN_HEAD);
		victim.stored[word] = true;
		return;
	}
	MUST(victim.attaching || word == PEER_HEAD || word == PEER_TAIL);
	MUST(++victim.loads[word] == 1);
	if ((victim.peer_writes & 1) != 0 && input_step(&victim.input, &step))
		vqp_store_relaxed(victim.word[word],
		    word_number((enum word)word, &step));
	victim.peer_writes >>= 1;
}

static void
check_line(uint8_t *line)
{
	MUST((uint64_t)((uintptr_t)line - (uintptr_t)victim.pair.rx.data) <
	    victim.rx.size);
}

/* ---- Answers.  `want`: the bytes requested. */

static void
check_answer(struct end *end, int64_t n, uint64_t want, bool whole)
{
	const int64_t none = end == &victim.tx ?
	    VQP_ERROR_NO_SPACE : VQP_ERROR_NO_DATA;

	if (n == VQP_ERROR_INVALID_SIZE) {
		end->refused = true;
		return;
	}
	MUST(!end->refused);
	MUST(end->size != 0);
	if (n >= 0) {
		MUST((uint64_t)n <= want && (uint64_t)n < end->size);
		MUST(n > 0 || want == 0);
		MUST(!whole || (uint64_t)n == want);
	} else if (n == VQP_ERROR_PAYLOAD_TOO_LARGE) {
		MUST(whole && want >= end->size);
	} else {
		MUST_EQ(n, none);
	}
}

static void
check_span(const struct vqp_queue *queue, const struct vqp_span *span)
{
	const uint64_t mapped = queue->mirrored ? 2 * queue->size :
	    queue->size;
	const uint64_t at = (uint64_t)((uintptr_t)span->base -
	    (uintptr_t)queue->data);

	MUST(at <= mapped && span->length <= mapped - at);
	/* AddressSanitizer knows exactly where the ring ends. */
	if (span->length != 0) {
		span->base[0] = 1;
		span->base[span->length - 1] = 1;
	}
}

static void
check_offer(struct end *end, const struct vqp_queue *queue, int64_t n,
    const struct vqp_span out[2])
{
	check_answer(end, n, victim.number, false);
	end->offered = 0;
	if (n < 0)
		return;
	MUST_EQ(out[0].length + out[1].length, n);
	MUST(!queue->mirrored || out[1].length == 0);
	check_span(queue, &out[0]);
	check_span(queue, &out[1]);
	end->offered = (uint64_t)n;
}

/* ---- Calls. */

static void
peer(void)
{
	struct vqp_cell64 *page = step_other(&victim.step) ?
	    victim.config.produce.header : victim.config.consume.header;
	const unsigned at = victim.step.more % WORDS;
	int word = 0;

	while (word < INDEX_WORDS && &page[at] != victim.word[word])
		word++;
	vqp_store_relaxed(&page[at], word_number((enum word)word,
	    &victim.step));
}

static void
put(void)
{
	const uint64_t n = victim.number;
	const struct put_verb *verb;
	uint8_t *from;

	if (step_which(&victim.step) >= COUNT(put_verbs))
		return;
	verb = &put_verbs[step_which(&victim.step)];
	from = buffer_open(n, victim.tx.size);
	memset(from, 1, (size_t)(n < victim.tx.size ? n : victim.tx.size));
	victim.tx.offered = 0;
	if (!verb->whole && n > INT64_MAX)
		MUST_EQ(verb->call(&victim.pair, from, n),
		    VQP_ERROR_INVALID_ARGS);
	else
		check_answer(&victim.tx, verb->call(&victim.pair, from, n), n,
		    verb->whole);
	free(from);
}

static void
get(void)
{
	const uint64_t n = victim.number;
	const struct get_verb *verb;
	uint8_t *to;

	if (step_which(&victim.step) >= COUNT(get_verbs))
		return;
	verb = &get_verbs[step_which(&victim.step)];
	to = buffer_open(n, victim.rx.size);
	victim.rx.offered = 0;
	if (!verb->whole && n > INT64_MAX)
		MUST_EQ(verb->call(&victim.pair, to, n),
		    VQP_ERROR_INVALID_ARGS);
	else
		check_answer(&victim.rx, verb->call(&victim.pair, to, n), n,
		    verb->whole);
	free(to);
}

static void
check_batch(struct end *end, int64_t n, uint64_t length, uint64_t total)
{
	end->offered = 0;
	if (total == 0 || total > INT64_MAX)
		MUST_EQ(n, VQP_ERROR_INVALID_ARGS);
	else if (n == VQP_ERROR_PAYLOAD_TOO_LARGE)
		MUST(end->size != 0 && length >= end->size);
	else
		check_answer(end, n > 0 ? n * (int64_t)length : n, total,
		    false);
}

/* Messages of 1 to 9 bytes, as many as the number has bytes for. */
static void
put_batch(void)
{
	const uint64_t length = 1 + victim.step.k % 9;
	const uint64_t count = victim.number / length;
	const uint64_t total = length * count;
	uint8_t *from = buffer_open(total, victim.tx.size);

	memset(from, 1, (size_t)(total < victim.tx.size ? total :
	    victim.tx.size));
	check_batch(&victim.tx, vqp_pair_send_batch(&victim.pair, from, length,
	    count), length, total);
	free(from);
}

static void
get_batch(void)
{
	const uint64_t length = 1 + victim.step.k % 9;
	const uint64_t count = victim.number / length;
	const uint64_t total = length * count;
	uint8_t *to = buffer_open(total, victim.rx.size);

	check_batch(&victim.rx, vqp_pair_receive_batch(&victim.pair, to, length,
	    count), length, total);
	free(to);
}

static void
check_vector(struct end *end, const struct pieces *pieces, int64_t n)
{
	end->offered = 0;
	if (pieces->too_long)
		MUST_EQ(n, VQP_ERROR_INVALID_ARGS);
	else
		check_answer(end, n, pieces->total, false);
}

static void
putv(void)
{
	struct pieces pieces;

	if (step_which(&victim.step) >= COUNT(putv_verbs))
		return;
	pieces_open(&pieces, &victim.input, victim.step.k % (PIECES_MAX + 1),
	    victim.tx.size);
	for (unsigned i = 0; i < pieces.count; i++)
		memset(pieces.piece[i].base, 1, (size_t)pieces.touched[i]);
	check_vector(&victim.tx, &pieces,
	    putv_verbs[step_which(&victim.step)].call(&victim.pair,
	    pieces.piece, pieces.count));
	pieces_close(&pieces);
}

static void
getv(void)
{
	struct pieces pieces;

	if (step_which(&victim.step) >= COUNT(getv_verbs))
		return;
	pieces_open(&pieces, &victim.input, victim.step.k % (PIECES_MAX + 1),
	    victim.rx.size);
	check_vector(&victim.rx, &pieces,
	    getv_verbs[step_which(&victim.step)].call(&victim.pair,
	    pieces.piece, pieces.count));
	pieces_close(&pieces);
}

static void
tx_reserve(void)
{
	struct vqp_span out[2];

	check_offer(&victim.tx, &victim.config.produce,
	    vqp_tx_reserve(&victim.pair.tx, victim.number, out), out);
}

static void
rx_peek(void)
{
	struct vqp_span out[2];

	check_offer(&victim.rx, &victim.config.consume,
	    vqp_rx_peek(&victim.pair.rx, victim.number, out), out);
}

/* A part of the last span. */
static uint64_t
take(struct end *end)
{
	const uint64_t n = part_of(end->offered, victim.step.k);

	end->offered -= n;
	return n;
}

static void
tx_stage(void)
{
	vqp_tx_stage(&victim.pair.tx, take(&victim.tx));
}

static void
tx_commit(void)
{
	vqp_tx_commit(&victim.pair.tx, take(&victim.tx));
}

/*
 * Whether a notification is due depends on the peer's word, so any answer is
 * valid.
 */
static void
tx_commit_edge(void)
{
	vqp_tx_commit_edge(&victim.pair.tx, take(&victim.tx));
}

static void
tx_publish(void)
{
	vqp_tx_publish(&victim.pair.tx);
}

static void
tx_publish_edge(void)
{
	vqp_tx_publish_edge(&victim.pair.tx);
}

static void
tx_may_sleep(void)
{
	const bool sleeps = vqp_tx_may_sleep(&victim.pair.tx);

	MUST(!sleeps || (!victim.tx.refused && victim.tx.broken == VQP_INTACT &&
	    victim.tx.size != 0));
}

static void
rx_stage(void)
{
	vqp_rx_stage(&victim.pair.rx, take(&victim.rx));
}

static void
rx_release(void)
{
	vqp_rx_release(&victim.pair.rx, take(&victim.rx));
}

static void
rx_release_edge(void)
{
	vqp_rx_release_edge(&victim.pair.rx, take(&victim.rx));
}

static void
rx_release_lazy(void)
{
	vqp_rx_release_lazy(&victim.pair.rx, take(&victim.rx));
}

static void
rx_publish(void)
{
	vqp_rx_publish(&victim.pair.rx);
}

static void
rx_publish_edge(void)
{
	vqp_rx_publish_edge(&victim.pair.rx);
}

static void
rx_may_sleep(void)
{
	const bool sleeps = vqp_rx_may_sleep(&victim.pair.rx);

	MUST(!sleeps || (!victim.rx.refused && victim.rx.broken == VQP_INTACT &&
	    victim.rx.size != 0));
}

static void
check_query(const struct end *end, int64_t n)
{
	if (end->broken != VQP_INTACT || end->size == 0)
		MUST_EQ(n, VQP_ERROR_INVALID_SIZE);
	MUST(n == VQP_ERROR_INVALID_SIZE ||
	    (n >= 0 && (uint64_t)n < end->size));
}

static void
produce_query(void)
{
	uint64_t tail, head;

	switch (victim.step.k % 3) {
	case 0:
		check_query(&victim.tx, vqp_pair_produce_free(&victim.pair));
		break;
	case 1:
		check_query(&victim.tx, vqp_pair_produce_ready(&victim.pair));
		break;
	default:
		check_query(&victim.tx,
		    vqp_pair_produce_indexes(&victim.pair, &tail, &head));
		MUST(tail < victim.tx.size || victim.tx.size == 0);
		break;
	}
}

static void
consume_query(void)
{
	uint64_t tail, head;

	switch (victim.step.k % 3) {
	case 0:
		check_query(&victim.rx, vqp_pair_consume_free(&victim.pair));
		break;
	case 1:
		check_query(&victim.rx, vqp_pair_consume_ready(&victim.pair));
		break;
	default:
		check_query(&victim.rx,
		    vqp_pair_consume_indexes(&victim.pair, &tail, &head));
		MUST(head < victim.rx.size || victim.rx.size == 0);
		break;
	}
}

/* A pair that could not attach must not be used: make the pages valid. */
static void
attach(void)
{
	int status;

	victim.attaching = true;
	status = vqp_pair_attach(&victim.pair, &victim.config);
	victim.attaching = false;
	hook.before = NULL;
	if (status != VQP_SUCCESS) {
		MUST_EQ(status, VQP_ERROR_INVALID_SIZE);
		for (int word = 0; word < INDEX_WORDS; word++)
			vqp_store_relaxed(victim.word[word], 0);
		MUST_EQ(vqp_pair_attach(&victim.pair, &victim.config),
		    VQP_SUCCESS);
	}
	victim.tx = (struct end){ .size = victim.config.produce.size };
	victim.rx = (struct end){ .size = victim.config.consume.size };
}

static void
distance(void)
{
	hook.cpu.distance = victim.number;
}

/* Inputs name calls by their place in this table: add new ones at the end. */
static void (*const calls[])(void) = {
	peer, put, putv, get, getv,
	tx_reserve, tx_stage, tx_commit, tx_commit_edge,
	tx_publish, tx_publish_edge, tx_may_sleep,
	rx_peek, rx_stage, rx_release, rx_release_edge, rx_release_lazy,
	rx_publish, rx_publish_edge, rx_may_sleep,
	produce_query, consume_query, attach, distance,
	put_batch, get_batch,
};

/* ---- What must hold after every call. */

static void
check_end(struct end *end, uint64_t broken, uint64_t index,
    uint64_t published, enum word word)
{
	MUST(end->broken == VQP_INTACT || end->broken == broken);
	end->broken = broken;
	MUST(index < end->size || end->size == 0);
	MUST(published < end->size || end->size == 0);
	if (victim.stored[word])
		MUST_EQ(vqp_load_relaxed(victim.word[word]), published);
}

static void
check_victim(void)
{
	const struct vqp_tx *tx = &victim.pair.tx;
	const struct vqp_rx *rx = &victim.pair.rx;

	check_end(&victim.tx, vqp_load_relaxed(&tx->broken), tx->tail,
	    vqp_load_relaxed(&tx->tail_published), OWN_TAIL);
	check_end(&victim.rx, vqp_load_relaxed(&rx->broken), rx->head,
	    rx->head_published, OWN_HEAD);
}

/* How far an index is ahead of another one in a ring. */
static uint64_t
ahead(uint64_t from, uint64_t to, uint64_t size)
{
	return (to + size - from) % size;
}

/*
 * No accepted index released more than we had published, or withdrew what the
 * peer had already published.
 */
static void
check_steps(const struct vqp_tx *tx_old, const struct vqp_rx *rx_old)
{
	const struct vqp_tx *tx = &victim.pair.tx;
	const struct vqp_rx *rx = &victim.pair.rx;
	const uint64_t tail = vqp_load_relaxed(&tx_old->tail_published);
	const uint64_t head = rx_old->head_published;

	if (tx->size != 0)
		MUST(ahead(tx_old->head_seen, tx->head_seen, tx->size) <=
		    ahead(tx_old->head_seen, tail, tx->size));
	if (rx->size != 0)
		MUST(ahead(head, rx->tail_seen, rx->size) >=
		    ahead(head, rx_old->tail_seen, rx->size));
}

static void
run_call(void)
{
	const struct vqp_tx tx_old = victim.pair.tx;
	const struct vqp_rx rx_old = victim.pair.rx;
	const unsigned call = step_call(&victim.step);

	if (call >= COUNT(calls))
		return;
	victim.number = step_number(&victim.step, victim.size, 0);
	victim.peer_writes = victim.step.more;
	memset(victim.loads, 0, sizeof(victim.loads));
	memset(victim.stored, 0, sizeof(victim.stored));
	hook.before = calls[call] == peer ? NULL : before;
	calls[call]();
	hook.before = NULL;
	check_victim();
	if (calls[call] != attach)
		check_steps(&tx_old, &rx_old);
}

static void
open_rings(const struct step *shape)
{
	const bool mirrored = (shape->op & 2) != 0 && loop_can_mirror(PAGE);
	const bool wide = (shape->op & 1) != 0;
	const bool no_bytes = (shape->op & 4) != 0;
	const bool no_bytes_in = step_other(shape);
	const struct vqp_handle handle = { 3, 1024 };
	struct vqp_pair_config *config = &victim.config;
	struct vqp_cell64 *own, *peers;

	victim.size = step_ring_size(shape);
	if (mirrored)
		victim.size = PAGE * (1 + victim.size / PAGE);
	config->handle = handle;
	config->layout = wide ? VQP_LAYOUT_WIDE : VQP_LAYOUT_COMPAT;
	loop_queue_open(&config->produce, no_bytes && !no_bytes_in ? 0 :
	    victim.size, mirrored, handle);
	loop_queue_open(&config->consume, no_bytes && no_bytes_in ? 0 :
	    victim.size, mirrored, handle);
	own = config->produce.header;
	peers = config->consume.header;
	victim.word[OWN_TAIL] = own + (wide ? 16 : 1);
	victim.word[OWN_HEAD] = own + (wide ? 32 : 2);
	victim.word[PEER_TAIL] = peers + (wide ? 16 : 1);
	victim.word[PEER_HEAD] = peers + (wide ? 32 : 2);
	hook.cpu = (struct hook_cpu){
		.distance = (uint64_t)shape->more << 3,
		.give_back = (shape->op & 8) != 0 ? NULL : check_line,
	};
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct step shape;

	memset(&victim, 0, sizeof(victim));
	victim.input = (struct input){ bytes, length };
	if (!input_step(&victim.input, &shape))
		return 0;
	open_rings(&shape);
	attach();
	while (input_step(&victim.input, &victim.step))
		run_call();
	loop_queue_close(&victim.config.produce);
	loop_queue_close(&victim.config.consume);
	return 0;
}
