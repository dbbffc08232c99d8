/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What ring.h promises, in ACSL: a prototype again, after the body, with its
 * contract.  The header itself stays as it is.
 *
 * A verb is proved alone, from every state that the invariant allows to every
 * answer that the contract names, and keeps the invariant; so any sequence of
 * verbs does.  A clause is one line of a proof: they are kept small.
 */
#ifndef CONTRACTS_RING_H
#define CONTRACTS_RING_H

/*@ requires truth;
    assigns \nothing;
*/
extern void contract_check(_Bool truth);
#define VQP_CHECK(truth) contract_check(truth)

/* Frama-C 25 knows no sizeof in these; every compiler checks them. */
#define _Static_assert(truth, text) extern int contract_static_assert

/* Nor this builtin. */
#define __builtin_expect_with_probability(truth, value, probability) (truth)

/* Nor vectors: what copies is not proved here, see README.md. */
#define vector_size(bytes) aligned(1)

#include <vqp/ring.h>
#include <ring.c>
#include <tune.c>

/* Ring arithmetic, without a size that wraps. */

/*@ axiomatic Bits {
      axiom or_one: \forall integer x; 0 <= x ==> (x | 1) <= x + 1;
    }
*/

/*@ // Parts of two objects: what is ours, and what is shared.
    predicate apart{L}(void *one, void *other) =
      \base_addr{L}(one) != \base_addr{L}(other);

    logic integer distance(integer from, integer to, integer size) =
      to >= from ? to - from : size - (from - to);

    logic integer advance(integer index, integer n, integer size) =
      index + n >= size ? index + n - size : index + n;

    logic integer mapped(integer size, boolean mirrored) =
      mirrored ? 2 * size : size;

    predicate ring_bytes(uint8_t *data, integer size, boolean mirrored) =
      size == 0 || \valid(data + (0 .. mapped(size, mirrored) - 1));
*/

/*@ requires size <= INT64_MAX / 2;
    requires from < size && to < size || from == to;
    assigns \nothing;
    ensures \result == distance(from, to, size);
    ensures \result < size || from == to;
*/
static inline uint64_t
vqp_ring_distance(uint64_t from, uint64_t to, uint64_t size);

/*@ requires size <= INT64_MAX / 2 && index < size && n <= size;
    assigns \nothing;
    ensures \result == advance(index, n, size);
    ensures \result < size;
*/
static inline uint64_t
vqp_ring_advance(uint64_t index, uint64_t n, uint64_t size);

/* Two spans of n bytes from `at` on, inside the ring. */
#define OFFER(when, n, data, at, size, mirrored)			\
    ensures when ==> out[0].base == data + at;				\
    ensures when ==> out[1].base == data;				\
    ensures when ==> out[0].length + out[1].length == n;		\
    ensures when ==> at + out[0].length <= mapped(size, (boolean)mirrored); \
    ensures when ==> out[1].length <= at;				\
    ensures when && mirrored ==> out[1].length == 0;
#define OUT(out)							\
	out[0].base, out[0].length, out[1].base, out[1].length

/*@ requires \valid(out + (0 .. 1));
    requires size <= INT64_MAX / 2 && at < size && n < size;
    requires ring_bytes(data, size, (boolean)mirrored);
    assigns OUT(out);
    OFFER(\true, n, data, at, size, mirrored)
*/
static inline void
vqp_ring_split(uint8_t *data, uint64_t at, uint64_t n, uint64_t size,
    bool mirrored, struct vqp_span out[2]);

/* Cells, if given and aligned, are there; so are the bytes. */
/*@ predicate ring_given(struct vqp_ring *ring) =
      \valid_read(ring) &&
      (ring->tail_cell == \null || \valid(ring->tail_cell)) &&
      (ring->head_cell == \null || \valid(ring->head_cell)) &&
      (ring->data == \null || ring->size > INT64_MAX / 2 ||
        ring_bytes((uint8_t *)ring->data, ring->size,
          (boolean)ring->mirrored));
*/

/*@ requires ring_given(ring) && \valid(tail) && \valid(head);
    requires \separated(ring, tail, head);
    assigns *tail, *head;
    ensures \result == VQP_SUCCESS || \result == VQP_ERROR_INVALID_ARGS ||
      \result == VQP_ERROR_INVALID_SIZE;
    ensures \result == VQP_SUCCESS ==> ring->size <= INT64_MAX / 2;
    ensures \result == VQP_SUCCESS ==> ring->tail_cell != \null;
    ensures \result == VQP_SUCCESS ==> ring->head_cell != \null;
    ensures \result == VQP_SUCCESS && ring->size != 0 ==>
      ring->data != \null;
    ensures \result == VQP_SUCCESS && ring->size != 0 ==>
      *tail < ring->size;
    ensures \result == VQP_SUCCESS && ring->size != 0 ==>
      *head < ring->size;
    ensures \result == VQP_SUCCESS && ring->size == 0 ==>
      *tail == 0 && *head == 0;
*/
static inline int
vqp_ring_read(const struct vqp_ring *ring, uint64_t *tail, uint64_t *head);

/*@ requires \valid_read(cell) && so_many != 0;
    requires distance == \null || \valid(distance);
    assigns distance->looks, distance->ticks;
*/
static inline uint64_t
vqp_ring_look(const struct vqp_cell64 *cell, uint64_t seen,
    struct vqp_distance *distance, uint8_t so_many);

/*@ assigns \nothing; */
static inline bool
vqp_ring_is_aligned(const void *end);

/*@ requires \valid(distance);
    assigns *distance;
*/
static void
vqp_distance_set(struct vqp_distance *distance, enum vqp_placement placement);

/*@ requires \valid_read(distance);
    assigns \nothing;
*/
static inline bool
vqp_is_far(const struct vqp_distance *distance);

/*@ requires \valid_read(distance);
    assigns \nothing;
*/
static inline bool
vqp_is_near(const struct vqp_distance *distance);

/*@ requires \valid(distance);
    assigns distance->ticks;
*/
static inline void
vqp_distance_learn(struct vqp_distance *distance, uint64_t ticks);

/*@ requires \valid_read(tune);
    assigns \nothing;
*/
static inline bool
vqp_tune_prefetches(const struct vqp_tune_tx *tune, uint64_t size);

/*@ requires \valid(trial);
    assigns *trial;
*/
static void
vqp_trial_start(struct vqp_trial *trial, bool far);

/*@ requires \valid(trial);
    assigns *trial;
*/
static void
vqp_trial_next(struct vqp_trial *trial);

/*@ requires \valid(tune);
    assigns *tune;
*/
void
vqp_tune_tx_start(struct vqp_tune_tx *tune, uint64_t size,
    enum vqp_placement placement);

/*@ requires \valid(tune);
    assigns *tune;
    ensures tune->backoff <= VQP_GATE_PAUSES_MAX;
*/
void
vqp_tune_rx_start(struct vqp_tune_rx *tune, enum vqp_placement placement);

/*@ requires \valid_read(tune);
    assigns \nothing;
*/
static inline bool
vqp_tune_is_lone(const struct vqp_tune_rx *tune, uint64_t want);

/*@ requires \valid_read(tune);
    assigns \nothing;
*/
static inline bool
vqp_tune_may_evict(const struct vqp_tune_rx *tune, uint64_t n);

/*@ requires \valid(tune);
    assigns tune->trial;
*/
bool
vqp_tune_evicts(struct vqp_tune_rx *tune, uint64_t n, uint64_t size);

/*@ requires \valid_read(tune);
    assigns \nothing;
*/
static inline bool
vqp_tune_wait(const struct vqp_tune_rx *tune, uint64_t want);

/*@ requires \valid(tune) && tune->backoff <= VQP_GATE_PAUSES_MAX;
    assigns tune->backoff;
    ensures tune->backoff <= VQP_GATE_PAUSES_MAX;
*/
static inline void
vqp_tune_polled(struct vqp_tune_rx *tune, uint64_t found, uint64_t want,
    uint64_t size);

/*@ requires \valid_read(own) && \valid_read(foreign);
    requires \valid(mine) && \valid(theirs);
    requires \separated(mine, theirs, own) && \separated(mine, theirs, foreign);
    assigns *mine, *theirs;
    ensures own_word((struct vqp_cell64 *)own) ==> *mine == own->v_;
*/
static inline void
vqp_ring_snapshot(const struct vqp_cell64 *own,
    const struct vqp_cell64 *foreign, uint64_t *mine, uint64_t *theirs);

/*
 * ---- The producer's end.
 */

/* Private memory of ours, and cells outside of it. */
#define tx_memory(tx)							\
    (\valid(tx) && \valid(tx->tail_cell) && \valid_read(tx->head_cell) && \
    apart(tx, tx->tail_cell) && apart(tx, tx->head_cell) &&		\
    \separated(tx->tail_cell, tx->head_cell) &&				\
    own_word(&tx->tail_published) && flag_word(&tx->broken))

#define tx_indices(tx)							\
    (tx->size <= INT64_MAX / 2 &&					\
    (tx->size == 0 ==> tx->tail == 0) &&				\
    (tx->size != 0 ==>							\
    tx->tail < tx->size && tx->head_seen < tx->size &&			\
    tx->tail_rung < tx->size && tx->tail_published.v_ < tx->size))

#define tx_room(tx)							\
    (tx->size - 1 - distance(tx->head_seen, tx->tail, tx->size))

/* Up to the soft limit all is ours, and in one piece. */
#define tx_soft(tx)							\
    (tx->tail <= tx->soft &&						\
    (tx->size == 0 ==> tx->soft == 0) &&				\
    (tx->size != 0 ==> tx->soft < tx->size) &&				\
    (tx->size != 0 ==> tx->soft - tx->tail <= tx_room(tx)))

#define tx_holds(tx)							\
    (tx_memory(tx) && tx_indices(tx) && tx_soft(tx) &&			\
    ring_bytes(tx->data, tx->size, (boolean)tx->mirrored))

#define tx_broken(tx)							\
    (tx->broken.v_ != VQP_INTACT)

/* Broken, and it knows: an observer alone does not move the soft limit. */
#define tx_dead(tx)							\
    (tx_broken(tx) && tx->soft == tx->tail)

#define TX_SOFT								\
    ensures tx->tail <= tx->soft;					\
    ensures tx->size == 0 ==> tx->soft == 0;				\
    ensures tx->size != 0 ==> tx->soft < tx->size;			\
    ensures tx->size != 0 ==> tx->soft - tx->tail <= tx_room(tx);

/*
 * The invariant again, and a broken end stays so.  What a verb does not list
 * in `assigns` stays by itself.
 */
#define TX_KEPT								\
    ensures tx->size == 0 ==> tx->tail == 0;				\
    ensures tx->size != 0 ==> tx->tail < tx->size;			\
    TX_SOFT								\
    ensures \old(tx_dead(tx)) ==> tx_dead(tx);

/*@ requires tx_memory(tx) && tx_indices(tx);
    assigns tx->soft;
    TX_SOFT
    ensures tx_broken(tx) ==> tx->soft == tx->tail;
*/
static inline void
vqp_tx_set_soft(struct vqp_tx *tx);

/*@ requires \valid_read(tx) && tx_indices(tx) && tx->size != 0;
    assigns \nothing;
    ensures \result == tx_room(tx);
    ensures \result < tx->size;
*/
static inline uint64_t
vqp_tx_room(const struct vqp_tx *tx);

/*@ requires \valid(tx) && \separated(tx, ring) && ring_given(ring);
    requires apart(tx, ring->tail_cell) && apart(tx, ring->head_cell) &&
      \separated(ring->tail_cell, ring->head_cell);
    requires own_word(&tx->tail_published) && flag_word(&tx->broken);
    assigns *tx;
    ensures \result == VQP_SUCCESS || \result == VQP_ERROR_INVALID_ARGS ||
      \result == VQP_ERROR_INVALID_SIZE;
    ensures \result == VQP_SUCCESS ==> tx_memory(tx);
    ensures \result == VQP_SUCCESS ==> (tx->size <= INT64_MAX / 2);
    ensures \result == VQP_SUCCESS ==> (tx->size == 0 ==> tx->tail == 0);
    ensures \result == VQP_SUCCESS ==> (tx->size != 0 ==> tx->tail < tx->size);
    ensures \result == VQP_SUCCESS ==> (tx->size != 0 ==> tx->head_seen < tx->size);
    ensures \result == VQP_SUCCESS ==> (tx->size != 0 ==> tx->tail_rung < tx->size);
    ensures \result == VQP_SUCCESS ==> (tx->size != 0 ==> tx->tail_published.v_ < tx->size);
    ensures \result == VQP_SUCCESS ==> tx->tail <= tx->soft;
    ensures \result == VQP_SUCCESS ==> (tx->size == 0 ==> tx->soft == 0);
    ensures \result == VQP_SUCCESS ==> (tx->size != 0 ==> tx->soft < tx->size);
    ensures \result == VQP_SUCCESS ==>
      (tx->size != 0 ==> tx->soft - tx->tail <= tx_room(tx));
    ensures \result == VQP_SUCCESS ==>
      ring_bytes(tx->data, tx->size, (boolean)tx->mirrored);
    ensures \result == VQP_SUCCESS ==> tx->size == ring->size;
    ensures \result != VQP_SUCCESS ==> *tx == \old(*tx);
*/
int
vqp_tx_attach(struct vqp_tx *tx, const struct vqp_ring *ring);

/*@ requires tx_memory(tx) && tx_indices(tx) && reason != VQP_INTACT;
    assigns tx->broken.v_, tx->soft;
    TX_SOFT
    ensures tx->soft == tx->tail;
    ensures own_word(&tx->broken) ==> tx_broken(tx);
    ensures \old(tx_broken(tx)) ==> tx->broken.v_ == \old(tx->broken.v_);
    ensures \result == VQP_ERROR_INVALID_SIZE;
*/
int64_t
vqp_tx_break(struct vqp_tx *tx, enum vqp_broken reason);

/* Only lines of the ring are fetched. */
/*@ requires tx_memory(tx) && tx_indices(tx);
    requires ring_bytes(tx->data, tx->size, (boolean)tx->mirrored);
    assigns tx->soft;
    TX_SOFT
    ensures tx_broken(tx) ==> tx->soft == tx->tail;
*/
static inline void
vqp_tx_renew(struct vqp_tx *tx);

#define TX_RESERVE							\
    requires tx_holds(tx) && \valid(out + (0 .. 1));			\
    requires apart(tx, out);						\
    requires \separated(tx, &out[0]) && \separated(tx, &out[1]);	\
    assigns tx->soft, tx->head_seen, tx->tail_rung, tx->broken.v_,	\
      tx->tune.distance.looks, tx->tune.distance.ticks, OUT(out);	\
    ensures tx->size != 0 ==> tx->head_seen < tx->size;			\
    ensures tx->size != 0 ==> tx->tail_rung < tx->size;			\
    TX_SOFT								\
    ensures \old(tx_dead(tx)) ==> tx_dead(tx);				\
    ensures \result == VQP_ERROR_NO_SPACE ||				\
      \result == VQP_ERROR_INVALID_SIZE || 0 <= \result <= want;	\
    ensures \result == 0 ==> want == 0;					\
    ensures \result > 0 ==> tx->size != 0 && \result <= tx_room(tx);	\
    OFFER(\result >= 0, \result, tx->data, tx->tail, tx->size,		\
      tx->mirrored)							\
    ensures \old(tx_dead(tx)) ==> \result == VQP_ERROR_INVALID_SIZE;	\
    ensures tx->size == 0 ==> \result == VQP_ERROR_INVALID_SIZE;

/*@ TX_RESERVE */
int64_t
vqp_tx_reserve_slow(struct vqp_tx *tx, uint64_t want, struct vqp_span out[2]);

/*@ TX_RESERVE */
static inline int64_t
vqp_tx_reserve(struct vqp_tx *tx, uint64_t want, struct vqp_span out[2]);

/* The caller stages no more than it was offered. */
#define TX_STAGED(n) (n == 0 || tx->size != 0 && n <= tx_room(tx))

#define TX_STAGE							\
    requires tx_holds(tx) && TX_STAGED(n);				\
    assigns tx->tail, tx->soft;				\
    TX_KEPT								\
    ensures tx->size != 0 ==>						\
      tx->tail == advance(\old(tx->tail), n, tx->size);			\
    ensures tx->size != 0 ==> tx_room(tx) == \old(tx_room(tx)) - n;

/*@ TX_STAGE */
void
vqp_tx_stage_slow(struct vqp_tx *tx, uint64_t n);

/*@ TX_STAGE */
static inline void
vqp_tx_stage(struct vqp_tx *tx, uint64_t n);

/*@ requires tx_memory(tx);
    assigns tx->pending;
    ensures tx->pending == 0;
*/
static inline void
vqp_tx_settle(struct vqp_tx *tx);

/*
 * What `assigns` says, too, but only to who can tell the words apart: once
 * here, not at each call.
 */
#define TX_STANDS							\
    ensures tx->tail == \old(tx->tail);					\
    ensures tx->soft == \old(tx->soft);					\
    ensures tx->size == \old(tx->size);					\
    ensures tx->head_seen == \old(tx->head_seen);			\
    ensures tx->broken.v_ == \old(tx->broken.v_);

#define TX_PUBLISHES							\
	tx->tail_published.v_, tx->tail_cell->v_, tx->pending

/*@ requires tx_memory(tx);
    assigns TX_PUBLISHES;
    TX_STANDS
    ensures tx->pending == 0;
    ensures tx->tail_published.v_ == tail;
    ensures tx->tail_cell->v_ == tail;
*/
static inline void
vqp_tx_publish_to(struct vqp_tx *tx, uint64_t tail);

#define TX_PUBLISHED							\
    ensures tx->pending == 0;						\
    ensures tx->tail_published.v_ == tx->tail;				\
    ensures tx->tail_cell->v_ == tx->tail;

#define TX_STAGES tx->tail, tx->soft
#define TX_STEPPED							\
    ensures tx->size != 0 ==>						\
      tx->tail == advance(\old(tx->tail), n, tx->size);

/*@ requires tx_holds(tx);
    assigns TX_PUBLISHES;
    TX_STANDS
    TX_KEPT
    TX_PUBLISHED
*/
static inline void
vqp_tx_publish(struct vqp_tx *tx);

/*@ requires tx_holds(tx);
    assigns TX_PUBLISHES, tx->tail_rung;
    TX_STANDS
    TX_KEPT
    TX_PUBLISHED
    ensures tx->tail_rung == tx->tail;
*/
static inline bool
vqp_tx_publish_edge(struct vqp_tx *tx);

#define TX_COMMIT							\
    requires tx_holds(tx) && TX_STAGED(n);				\
    assigns TX_STAGES, TX_PUBLISHES;					\
    TX_KEPT								\
    TX_PUBLISHED							\
    TX_STEPPED

/*@ TX_COMMIT */
void
vqp_tx_commit_slow(struct vqp_tx *tx, uint64_t n);

/*@ TX_COMMIT */
static inline void
vqp_tx_commit(struct vqp_tx *tx, uint64_t n);

/*@ requires tx_holds(tx) && TX_STAGED(n);
    assigns TX_STAGES, TX_PUBLISHES, tx->tail_rung;
    TX_KEPT
    TX_PUBLISHED
    TX_STEPPED
*/
static inline bool
vqp_tx_commit_edge(struct vqp_tx *tx, uint64_t n);

/*@ requires tx_holds(tx);
    assigns TX_PUBLISHES;
    TX_STANDS
    TX_KEPT
    TX_PUBLISHED
    ensures \result ==> tx->size != 0;
    ensures \old(tx_broken(tx)) ==> !\result;
*/
static inline bool
vqp_tx_may_sleep(struct vqp_tx *tx);

/* For any thread: nothing but the sticky word is written. */
#define QUERY_INTO(end, cell)						\
    requires \valid(tail) && \valid(head) && \separated(tail, head);	\
    requires \separated(end, tail) && \separated(end, head);		\
    requires \separated(tail, cell) && \separated(head, cell);
#define QUERY(size, broken, closed)					\
    ensures \result == VQP_ERROR_INVALID_SIZE || 0 <= \result < size;	\
    ensures \result >= 0 ==> *tail < size && *head < size;		\
    ensures \result >= 0 ==> \result == distance(*head, *tail, size);	\
    ensures \old(closed) ==> broken == \old(broken);			\
    ensures \old(closed) ==> \result == VQP_ERROR_INVALID_SIZE;		\
    ensures size == 0 ==> \result == VQP_ERROR_INVALID_SIZE;

/*@ requires tx_holds(tx);
    QUERY_INTO(tx, tx->head_cell)
    assigns *tail, *head, tx->broken.v_;
    QUERY(tx->size, tx->broken.v_, tx_broken(tx))
    ensures own_word(&tx->broken) && tx->size != 0 && *head >= tx->size ==>
      tx_broken(tx);
    ensures *tail == tx->tail_published.v_;
*/
int64_t
vqp_tx_query(struct vqp_tx *tx, uint64_t *tail, uint64_t *head);

/*
 * ---- The consumer's end.
 */

#define rx_memory(rx)							\
    (\valid(rx) && \valid(rx->head_cell) && \valid_read(rx->tail_cell) && \
    apart(rx, rx->head_cell) && apart(rx, rx->tail_cell) &&		\
    \separated(rx->head_cell, rx->tail_cell) &&				\
    own_word(&rx->head_released) && flag_word(&rx->broken))

#define rx_indices(rx)							\
    (rx->size <= INT64_MAX / 2 &&					\
    (rx->size == 0 ==> rx->head == 0 && rx->head_published == 0) &&	\
    (rx->size != 0 ==>							\
    rx->head < rx->size && rx->tail_seen < rx->size &&			\
    rx->head_rung < rx->size && rx->head_published < rx->size &&	\
    rx->head_released.v_ < rx->size && rx->given_back < rx->size))

#define rx_ready(rx)							\
    (distance(rx->head, rx->tail_seen, rx->size))

/* Bytes read, of which the producer does not know. */
#define rx_held(rx)							\
    (distance(rx->head_published, rx->head, rx->size))

/* Nor could a lazy release of what is below it pass the quarter. */
#define rx_soft(rx)							\
    (rx->head <= rx->soft &&						\
    (rx->size == 0 ==> rx->soft == 0) &&				\
    (rx->size != 0 ==> rx->soft < rx->size) &&				\
    (rx->size != 0 ==> rx->soft - rx->head <= rx_ready(rx)) &&		\
    (rx->soft != rx->head ==> rx_held(rx) + rx->soft - rx->head <=	\
    rx->size / 4))

/* Published, released, read, accepted: in this order around the ring. */
#define rx_order(rx)							\
    (distance(rx->head_published, rx->head_released.v_, rx->size) <=	\
      rx_held(rx) &&							\
    rx_held(rx) <=							\
      distance(rx->head_published, rx->tail_seen, rx->size))

#define rx_holds(rx)							\
    (rx_memory(rx) && rx_indices(rx) && rx_soft(rx) &&			\
    (rx->size != 0 ==> rx_order(rx)) &&					\
    ring_bytes(rx->data, rx->size, (boolean)rx->mirrored))

#define rx_broken(rx)							\
    (rx->broken.v_ != VQP_INTACT)

/* Of a peer that is gone, and did not lie, what is there is offered. */
#define rx_lied(rx)							\
    (rx_broken(rx) && rx->broken.v_ != VQP_BROKEN_LOST)

#define rx_dead(rx)							\
    (rx_lied(rx) && rx->soft == rx->head)

#define RX_SOFT								\
    ensures rx->head <= rx->soft;					\
    ensures rx->size == 0 ==> rx->soft == 0;				\
    ensures rx->size != 0 ==> rx->soft < rx->size;			\
    ensures rx->size != 0 ==> rx->soft - rx->head <= rx_ready(rx);	\
    ensures rx->soft != rx->head ==>					\
      rx_held(rx) + rx->soft - rx->head <= rx->size / 4;

#define RX_ORDER							\
    ensures rx->size != 0 ==>						\
      distance(rx->head_published, rx->head_released.v_, rx->size) <=	\
      rx_held(rx);							\
    ensures rx->size != 0 ==> rx_held(rx) <=				\
      distance(rx->head_published, rx->tail_seen, rx->size);

#define RX_KEPT								\
    ensures rx->size == 0 ==> rx->head == 0;				\
    ensures rx->size != 0 ==> rx->head < rx->size;			\
    RX_SOFT								\
    RX_ORDER								\
    ensures \old(rx_dead(rx)) ==> rx_dead(rx);

/*@ requires rx_memory(rx) && rx_indices(rx);
    assigns rx->soft;
    RX_SOFT
    ensures rx_lied(rx) ==> rx->soft == rx->head;
*/
static inline void
vqp_rx_set_soft(struct vqp_rx *rx);

/*@ requires \valid_read(rx) && rx_indices(rx) && rx->size != 0;
    assigns \nothing;
    ensures \result == rx_ready(rx);
    ensures \result < rx->size;
*/
static inline uint64_t
vqp_rx_ready(const struct vqp_rx *rx);

/*@ assigns \nothing;
    ensures \result == (broken <= VQP_BROKEN_LOST ? 1 : 0);
*/
static inline bool
vqp_rx_believes(uint64_t broken);

/*@ requires \valid(rx) && \separated(rx, ring) && ring_given(ring);
    requires apart(rx, ring->head_cell) && apart(rx, ring->tail_cell) &&
      \separated(ring->head_cell, ring->tail_cell);
    requires own_word(&rx->head_released) && flag_word(&rx->broken);
    assigns *rx;
    ensures \result == VQP_SUCCESS || \result == VQP_ERROR_INVALID_ARGS ||
      \result == VQP_ERROR_INVALID_SIZE;
    ensures \result == VQP_SUCCESS ==> rx_memory(rx);
    ensures \result == VQP_SUCCESS ==> (rx->size <= INT64_MAX / 2);
    ensures \result == VQP_SUCCESS ==> (rx->size == 0 ==> rx->head == 0);
    ensures \result == VQP_SUCCESS ==> (rx->size == 0 ==> rx->head_published == 0);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->head < rx->size);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->tail_seen < rx->size);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->head_rung < rx->size);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->head_published < rx->size);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->head_released.v_ < rx->size);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->given_back < rx->size);
    ensures \result == VQP_SUCCESS ==> rx->head <= rx->soft;
    ensures \result == VQP_SUCCESS ==> (rx->size == 0 ==> rx->soft == 0);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx->soft < rx->size);
    ensures \result == VQP_SUCCESS ==>
      (rx->size != 0 ==> rx->soft - rx->head <= rx_ready(rx));
    ensures \result == VQP_SUCCESS ==>
      (rx->soft != rx->head ==>
        rx_held(rx) + rx->soft - rx->head <= rx->size / 4);
    ensures \result == VQP_SUCCESS ==> (rx->size != 0 ==> rx_order(rx));
    ensures \result == VQP_SUCCESS ==>
      rx->tune.backoff <= VQP_GATE_PAUSES_MAX;
    ensures \result == VQP_SUCCESS ==>
      ring_bytes(rx->data, rx->size, (boolean)rx->mirrored);
    ensures \result == VQP_SUCCESS ==> rx->size == ring->size;
    ensures \result != VQP_SUCCESS ==> *rx == \old(*rx);
*/
int
vqp_rx_attach(struct vqp_rx *rx, const struct vqp_ring *ring);

/*@ requires rx_memory(rx) && rx_indices(rx) && reason != VQP_INTACT &&
      reason != VQP_BROKEN_LOST;
    assigns rx->broken.v_, rx->soft;
    RX_SOFT
    ensures rx->soft == rx->head;
    ensures own_word(&rx->broken) ==> rx_lied(rx);
    ensures \old(rx_lied(rx)) ==> rx->broken.v_ == \old(rx->broken.v_);
    ensures \result == VQP_ERROR_INVALID_SIZE;
*/
static int64_t
vqp_rx_refuse(struct vqp_rx *rx, enum vqp_broken reason);

/*@ requires rx_memory(rx) && rx_indices(rx) && reason != VQP_INTACT &&
      reason != VQP_BROKEN_LOST;
    assigns rx->broken.v_, rx->soft;
    RX_SOFT
    ensures rx->soft == rx->head;
    ensures own_word(&rx->broken) ==> rx_lied(rx);
    ensures \old(rx_lied(rx)) ==> rx->broken.v_ == \old(rx->broken.v_);
    ensures \result == VQP_ERROR_INVALID_SIZE;
*/
int64_t
vqp_rx_break(struct vqp_rx *rx, enum vqp_broken reason);

/* The soft limit stays: a later published head allows more. */
#define RX_STANDS							\
    ensures rx->head == \old(rx->head);					\
    ensures rx->soft == \old(rx->soft);					\
    ensures rx->size == \old(rx->size);					\
    ensures rx->tail_seen == \old(rx->tail_seen);			\
    ensures rx->broken.v_ == \old(rx->broken.v_);

#define RX_PUBLISHES							\
	rx->head_published, rx->head_released.v_, rx->head_cell->v_

/*@ requires rx_memory(rx);
    assigns RX_PUBLISHES;
    RX_STANDS
    ensures rx->head_published == head;
    ensures rx->head_released.v_ == head;
    ensures rx->head_cell->v_ == head;
*/
static inline void
vqp_rx_publish_to(struct vqp_rx *rx, uint64_t head);

/* Only lines of the ring are given back. */
/*@ requires \valid(rx) && rx_indices(rx) && rx->size != 0;
    requires ring_bytes(rx->data, rx->size, (boolean)rx->mirrored);
    requires n <= distance(rx->given_back, rx->head, rx->size);
    assigns rx->given_back, rx->tune.trial;
    ensures rx->given_back < rx->size;
*/
static inline void
vqp_rx_give_back(struct vqp_rx *rx, uint64_t n);

/*@ requires rx_memory(rx);
    assigns rx->tune.distance.looks, rx->tune.distance.ticks;
*/
static inline uint64_t
vqp_rx_look(struct vqp_rx *rx, uint64_t want);

/*@ requires rx_memory(rx) && rx_indices(rx) && rx->size != 0;
    assigns rx->tail_seen, rx->head_rung, rx->broken.v_, rx->soft;
    ensures rx->tail_seen < rx->size;
    ensures rx->head_rung < rx->size;
    ensures \result ==> rx->tail_seen == tail;
    ensures \result ==> rx->soft == \old(rx->soft);
    ensures \result ==> rx->broken.v_ == \old(rx->broken.v_);
    ensures \result ==> distance(rx->head_published, tail, rx->size) >=
      distance(rx->head_published, \old(rx->tail_seen), rx->size);
    ensures !\result ==> rx->soft == rx->head;
    ensures !\result && own_word(&rx->broken) ==> rx_lied(rx);
    ensures !\result ==> rx->tail_seen == \old(rx->tail_seen);
    ensures \old(rx_lied(rx)) ==> rx_lied(rx);
*/
static inline bool
vqp_rx_accept(struct vqp_rx *rx, uint64_t tail);

#define RX_REFILLS							\
	rx->soft, rx->tail_seen, rx->head_rung, rx->broken.v_,		\
	rx->head_published, rx->head_released.v_, rx->head_cell->v_,	\
	rx->tune.distance.looks, rx->tune.distance.ticks,		\
	rx->tune.backoff, rx->tune.trial, rx->given_back
#define RX_REFILLED							\
    ensures rx->size != 0 ==> rx->tail_seen < rx->size;			\
    ensures rx->size != 0 ==> rx->head_rung < rx->size;			\
    ensures rx->size != 0 ==> rx->head_published < rx->size;		\
    ensures rx->size == 0 ==> rx->head_published == 0;			\
    ensures rx->size != 0 ==> rx->head_released.v_ < rx->size;		\
    ensures rx->size != 0 ==> rx->given_back < rx->size;		\
    RX_SOFT								\
    RX_ORDER								\
    ensures rx->tune.backoff <= VQP_GATE_PAUSES_MAX;				\
    ensures \old(rx_dead(rx)) ==> rx_dead(rx);				\
    ensures \result == VQP_ERROR_NO_DATA ||				\
      \result == VQP_ERROR_INVALID_SIZE || 0 <= \result <= want;	\
    ensures \result == 0 ==> want == 0;					\
    ensures \result > 0 ==> rx->size != 0 && \result <= rx_ready(rx);	\
    ensures \old(rx_dead(rx)) ==> \result == VQP_ERROR_INVALID_SIZE;	\
    ensures rx->size == 0 ==> \result == VQP_ERROR_INVALID_SIZE;

/* `broken` was loaded when the refill began; an observer may raise it since. */
#define RX_REST								\
    requires rx_holds(rx) && rx->tune.backoff <= VQP_GATE_PAUSES_MAX;	\
    requires rx->size != 0;						\
    requires broken <= VQP_BROKEN_LOST && !rx_dead(rx);			\
    assigns RX_REFILLS;							\
    RX_REFILLED

/*@ RX_REST */
static inline int64_t
vqp_rx_refill_rest(struct vqp_rx *rx, uint64_t want, uint64_t broken);

/*@ requires n <= distance(rx->given_back, rx->head, rx->size);
    RX_REST
*/
static int64_t
vqp_rx_refill_evicting(struct vqp_rx *rx, uint64_t want, uint64_t broken,
    uint64_t n);

/*@ requires rx_holds(rx) && rx->tune.backoff <= VQP_GATE_PAUSES_MAX;
    assigns RX_REFILLS;
    RX_REFILLED
*/
int64_t
vqp_rx_refill(struct vqp_rx *rx, uint64_t want);

#define RX_PEEK								\
    requires rx_holds(rx) && rx->tune.backoff <= VQP_GATE_PAUSES_MAX;		\
    requires \valid(out + (0 .. 1));					\
    requires apart(rx, out);						\
    requires \separated(rx, &out[0]) && \separated(rx, &out[1]) &&	\
      \separated(rx->head_cell, &out[0]) &&				\
      \separated(rx->head_cell, &out[1]);				\
    assigns RX_REFILLS, OUT(out);					\
    RX_REFILLED								\
    OFFER(\result >= 0, \result, rx->data, rx->head, rx->size,		\
      rx->mirrored)

/*@ RX_PEEK */
int64_t
vqp_rx_peek_slow(struct vqp_rx *rx, uint64_t want, struct vqp_span out[2]);

/*@ RX_PEEK */
static inline int64_t
vqp_rx_peek(struct vqp_rx *rx, uint64_t want, struct vqp_span out[2]);

/* The caller stages no more than it was offered. */
#define RX_STAGED(n) (n == 0 || rx->size != 0 && n <= rx_ready(rx))

#define RX_STAGE							\
    requires rx_holds(rx) && RX_STAGED(n);				\
    assigns rx->head, rx->soft;				\
    RX_KEPT								\
    ensures rx->size != 0 ==>						\
      rx->head == advance(\old(rx->head), n, rx->size);			\
    ensures rx->size != 0 ==> rx_ready(rx) == \old(rx_ready(rx)) - n;

/*@ RX_STAGE */
void
vqp_rx_stage_slow(struct vqp_rx *rx, uint64_t n);

/*@ RX_STAGE */
static inline void
vqp_rx_stage(struct vqp_rx *rx, uint64_t n);

#define RX_PUBLISHED							\
    ensures rx->head_published == rx->head;				\
    ensures rx->head_released.v_ == rx->head;				\
    ensures rx->head_cell->v_ == rx->head;

#define RX_STAGES rx->head, rx->soft
#define RX_STEPPED							\
    ensures rx->size != 0 ==>						\
      rx->head == advance(\old(rx->head), n, rx->size);

/*@ requires rx_holds(rx);
    assigns RX_PUBLISHES;
    RX_STANDS
    RX_KEPT
    RX_PUBLISHED
*/
static inline void
vqp_rx_publish(struct vqp_rx *rx);

/*@ requires rx_holds(rx);
    assigns RX_PUBLISHES, rx->head_rung;
    RX_STANDS
    RX_KEPT
    RX_PUBLISHED
    ensures rx->head_rung == rx->head;
*/
static inline bool
vqp_rx_publish_edge(struct vqp_rx *rx);

#define RX_RELEASE							\
    requires rx_holds(rx) && RX_STAGED(n);				\
    assigns RX_STAGES, RX_PUBLISHES;					\
    RX_KEPT								\
    RX_PUBLISHED							\
    RX_STEPPED

/*@ RX_RELEASE */
void
vqp_rx_release_slow(struct vqp_rx *rx, uint64_t n);

/*@ RX_RELEASE */
static inline void
vqp_rx_release(struct vqp_rx *rx, uint64_t n);

/*@ requires rx_holds(rx) && RX_STAGED(n);
    assigns RX_STAGES, RX_PUBLISHES, rx->head_rung;
    RX_KEPT
    RX_PUBLISHED
    RX_STEPPED
*/
static inline bool
vqp_rx_release_edge(struct vqp_rx *rx, uint64_t n);

/* Never is more than a quarter of the ring kept from the producer. */
#define RX_LAZY								\
    requires rx_holds(rx) && RX_STAGED(n);				\
    assigns RX_STAGES, RX_PUBLISHES;					\
    RX_KEPT								\
    RX_STEPPED								\
    ensures rx->head_released.v_ == rx->head;				\
    ensures rx_held(rx) <= rx->size / 4;

/*@ RX_LAZY */
void
vqp_rx_release_lazy_slow(struct vqp_rx *rx, uint64_t n);

/*@ RX_LAZY */
static inline void
vqp_rx_release_lazy(struct vqp_rx *rx, uint64_t n);

/*@ requires rx_holds(rx);
    assigns RX_PUBLISHES;
    RX_STANDS
    RX_KEPT
    RX_PUBLISHED
    ensures \result ==> rx->size != 0;
    ensures \old(rx_broken(rx)) ==> !\result;
*/
static inline bool
vqp_rx_may_sleep(struct vqp_rx *rx);

/*@ requires rx_holds(rx);
    QUERY_INTO(rx, rx->tail_cell)
    assigns *tail, *head, rx->broken.v_;
    QUERY(rx->size, rx->broken.v_, rx_lied(rx))
    ensures own_word(&rx->broken) && rx->size != 0 && *tail >= rx->size ==>
      rx_lied(rx);
    ensures \old(rx_broken(rx)) ==> \result != 0;
    ensures *head == rx->head_released.v_;
*/
int64_t
vqp_rx_query(struct vqp_rx *rx, uint64_t *tail, uint64_t *head);

#endif
