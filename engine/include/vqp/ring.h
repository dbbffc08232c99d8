/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One direction of a queue pair: a byte ring between one producer (vqp_tx)
 * and one consumer (vqp_rx) that need not trust each other.  Road 1 passes
 * through here and nothing on it waits, allocates or calls back.
 *
 * Each end keeps its own index in private memory and only publishes it; what
 * the peer writes over the shared copy is never read.  The peer's index is
 * loaded once, checked, and kept.  An end whose peer lied is *broken* and
 * stays so: every later verb that has to look answers an error.
 *
 * Both ends move a private cursor below a soft limit: up to there everything
 * is known to be ours and contiguous, so a verb costs one compare.  Wraps,
 * looks at the peer and errors happen beyond the limit, in the slow halves.
 *
 * The structs are ABI for whoever inlines over them: VQP_RING_ABI counts
 * their changes.
 *
 * E1, E2, E3, E8: docs/ordering.md.
 */
#ifndef VQP_RING_H
#define VQP_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vqp/atomic.h>
#include <vqp/check.h>
#include <vqp/copy.h>
#include <vqp/index.h>
#include <vqp/status.h>
#include <vqp/tune.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQP_RING_ABI 3

/* Why an end refuses to work with its peer any more. */
enum vqp_broken {
	VQP_INTACT = 0,
	VQP_BROKEN_LOST,	/* gone for good: vqp_pair_abandon(); what it
				   published is still read */
	VQP_BROKEN_RANGE,	/* the peer's index is not below the size */
	VQP_BROKEN_STEP,	/* it went back, or past what we published */
};

/* A piece of the ring.  Never longer than what its offer answered. */
struct vqp_span {
	uint8_t *base;
	uint64_t length;
};

/* What both ends of one direction must be told; see vqp_tx_attach(). */
struct vqp_ring {
	void *data;		/* `size` bytes; twice that if mirrored */
	uint64_t size;		/* bytes; any number, of which one stays empty */
	bool mirrored;		/* data is mapped twice, back to back */
	struct vqp_cell64 *tail_cell;	/* w:producer r:consumer e:E1,E3 */
	struct vqp_cell64 *head_cell;	/* w:consumer r:producer e:E2,E3 */
	enum vqp_placement placement;
};

/*
 * The producer's end.  Private memory: the peer must not be able to map it.
 *
 * What a verb touches lies in the second line.  A load waits for an earlier
 * store to the same place in another page, so that line must not lie where
 * the cells do in their page: none of them is there modulo 128.
 */
struct vqp_tx {
	uint64_t size;
	uint64_t tail_rung;		/* no consumer sleeps before it */
	struct vqp_cell64 broken;	/* w:us,observers r:us e:none */
	struct vqp_tune_tx tune;
	bool mirrored;

	uint8_t *data VQP_ALIGNED(64);
	uint64_t tail;			/* next byte to fill, staged */
	uint64_t soft;			/* the tail may go here unseen */
	struct vqp_cell64 *tail_cell;	/* w:us r:peer e:E1,E3 */
	struct vqp_cell64 tail_published; /* w:us r:observers e:E8 */
	const struct vqp_cell64 *head_cell; /* w:peer r:us e:E2,E3 */
	uint64_t head_seen;		/* below size, or attach refused */
	bool pending;			/* stores past the caches are under way */
	uint8_t can;			/* vqp_cpu_can() */
} VQP_ALIGNED(128);

/* The consumer's end, its mirror image. */
struct vqp_rx {
	uint64_t size;
	uint64_t head_rung;		/* no producer sleeps on one before */
	struct vqp_cell64 broken;	/* w:us,observers r:us e:none */
	bool mirrored;
	uint8_t can;			/* vqp_cpu_can() */
	uint64_t given_back;		/* lines before it */

	uint8_t *data VQP_ALIGNED(64);
	uint64_t head;			/* next byte to read, staged */
	uint64_t soft;			/* the head may go here unseen */
	struct vqp_cell64 *head_cell;	/* w:us r:peer e:E2,E3 */
	struct vqp_cell64 head_released; /* w:us r:observers e:E8 */
	uint64_t head_published;	/* up to head_released */
	const struct vqp_cell64 *tail_cell; /* w:peer r:us e:E1,E3 */
	uint64_t tail_seen;

	struct vqp_tune_rx tune;
} VQP_ALIGNED(128);

VQP_STATIC_ASSERT(sizeof(struct vqp_tx) == 128, "VQP_RING_ABI");
VQP_STATIC_ASSERT(sizeof(struct vqp_rx) == 256, "VQP_RING_ABI");

/* Looks of a query at an end that is at work. */
#define VQP_QUERY_TRIES 8

static inline void
vqp_ring_split(uint8_t *data, uint64_t at, uint64_t n, uint64_t size,
    bool mirrored, struct vqp_span out[2])
{
	uint64_t first = size - at;

	if (mirrored || first > n)
		first = n;
	out[0].base = data + at;
	out[0].length = first;
	out[1].base = data;
	out[1].length = n - first;
}

/*
 * Is an end, or what holds one, where its type must be?  Memory of malloc() is
 * mostly not, and a compiler that believes the type writes whole vectors.
 */
static inline bool
vqp_ring_is_aligned(const void *end)
{
	return (uintptr_t)end % __alignof__(struct vqp_tx) == 0;
}

/*
 * The indices of one moment, for any thread: those between whose looks our own
 * stood still.  After VQP_QUERY_TRIES in vain, of the last two moments.
 */
static inline __attribute__((__always_inline__)) void
vqp_ring_snapshot(const struct vqp_cell64 *own,
    const struct vqp_cell64 *foreign, uint64_t *mine, uint64_t *theirs)
{
	for (unsigned tried = 0; tried < VQP_QUERY_TRIES; tried++) {
		/* E8: what the owner accepted is there /before/ its index */
		*mine = vqp_load_acquire(own);
		/* E8: what the peer accepted is there /before/ its index */
		*theirs = vqp_load_acquire(foreign);
		if (vqp_load_relaxed(own) == *mine)
			break;
	}
}

/*
 * ---- Producer.  One thread at a time calls these for one vqp_tx; only
 * vqp_tx_query() may run beside it.  All are wait-free and callable in any
 * context.
 */

/*
 * The soft limit that the accepted head allows; 0 bytes once broken.  Never so
 * far that staged bytes would wait or lines be fetched too late.
 */
static inline void
vqp_tx_set_soft(struct vqp_tx *tx)
{
	uint64_t staged, most;

	tx->soft = tx->tail;
	if (vqp_load_relaxed(&tx->broken) != VQP_INTACT || tx->size == 0)
		return;
	staged = vqp_ring_distance(vqp_load_relaxed(&tx->tail_published),
	    tx->tail, tx->size);
	most = staged < tx->tune.chunk ? tx->tune.chunk - staged : 0;
	if (most > VQP_FETCH_BYTES &&
	    vqp_tune_prefetches(&tx->tune, tx->size))
		most = VQP_FETCH_BYTES;
	if (tx->head_seen > tx->tail)
		tx->soft = tx->head_seen - 1;
	else
		tx->soft = tx->size - 1;
	if (tx->soft - tx->tail > most)
		tx->soft = tx->tail + most;
}

/* Bytes free according to the accepted head: 0 to size - 1. */
static inline uint64_t
vqp_tx_room(const struct vqp_tx *tx)
{
	return tx->size - 1 -
	    vqp_ring_distance(tx->head_seen, tx->tail, tx->size);
}

/*
 * Take the producer's end of `ring`, at the indices that stand in its cells.
 * The peer may be at work already.
 *
 * What stands in the ring counts as not announced, so the first edge may ring
 * for nothing.  An end before this one may have been killed between its publish
 * and its ring: where the peer sleeps, a successor that may have nothing to
 * send asks vqp_tx_publish_edge() at once.
 *
 * Returns VQP_SUCCESS, or, with *tx untouched,
 *	VQP_ERROR_INVALID_ARGS	*tx is not aligned to 128 bytes, as its type
 *				is, no or misaligned cells, no data, or a
 *				size no address range can hold
 *	VQP_ERROR_INVALID_SIZE	an index lies outside the ring
 * A ring of 0 bytes is allowed; every verb on it answers INVALID_SIZE.
 */
int vqp_tx_attach(struct vqp_tx *tx, const struct vqp_ring *ring);

/* Refuse from now on.  The first reason is kept. */
int64_t vqp_tx_break(struct vqp_tx *tx, enum vqp_broken reason);

/*
 * Move the soft limit on as far as the accepted head allows, and ask for the
 * lines that come after.
 */
static inline void
vqp_tx_renew(struct vqp_tx *tx)
{
	vqp_tx_set_soft(tx);
	if (tx->soft == tx->tail ||
	    !vqp_tune_prefetches(&tx->tune, tx->size) ||
	    vqp_tx_room(tx) < 2 * VQP_FETCH_BYTES)
		return;
	for (uint64_t i = 0; i < VQP_FETCH_BYTES; i += VQP_LINE_BYTES)
		vqp_fetch(tx->data + vqp_ring_advance(tx->tail,
		    VQP_FETCH_BYTES + i, tx->size));
}

/* The halves of the verbs below for what lies beyond the soft limit. */
int64_t vqp_tx_reserve_slow(struct vqp_tx *tx, uint64_t want,
    struct vqp_span out[2]);
void vqp_tx_stage_slow(struct vqp_tx *tx, uint64_t n);
void vqp_tx_commit_slow(struct vqp_tx *tx, uint64_t n);

/*
 * Offer up to `want` writable bytes.  Nothing becomes visible until they are
 * published; reserving twice offers the same bytes.
 *
 * Returns the bytes offered, 1 to want (0 for want 0), in `out`: the second
 * span is empty unless the offer wraps, which it never does in a mirrored
 * ring.  Or
 *	VQP_ERROR_NO_SPACE	the ring is full, perhaps of staged bytes of
 *				ours alone; a caller that waits publishes
 *				them first
 *	VQP_ERROR_INVALID_SIZE	the end is broken or the ring has no bytes
 * Reads the peer's cache line only when the head it keeps is not enough.
 */
static inline int64_t
vqp_tx_reserve(struct vqp_tx *tx, uint64_t want, struct vqp_span out[2])
{
	/* want 0 wraps around and is left to the slow half */
	if (VQP_LIKELY(want - 1 < tx->soft - tx->tail)) {
		out[0].base = tx->data + tx->tail;
		out[0].length = want;
		out[1].base = tx->data;
		out[1].length = 0;
		return (int64_t)want;
	}
	return vqp_tx_reserve_slow(tx, want, out);
}

/*
 * Take the first `n` bytes of the last offer as filled, without publishing:
 * the next offer begins behind them.  At most what was offered.
 */
static inline void
vqp_tx_stage(struct vqp_tx *tx, uint64_t n)
{
	if (VQP_LIKELY(n <= tx->soft - tx->tail))
		tx->tail += n;
	else
		vqp_tx_stage_slow(tx, n);
}

static inline void
vqp_tx_settle(struct vqp_tx *tx)
{
	/* E1: bytes past the caches are out /before/ the tail */
	vqp_fence_past();
	tx->pending = false;
}

static inline void
vqp_tx_publish_to(struct vqp_tx *tx, uint64_t tail)
{
	if (VQP_SELDOM(tx->pending))
		vqp_tx_settle(tx);
	/* E8: the head that allows a tail is known /before/ that tail */
	vqp_store_release(&tx->tail_published, tail);
	/* E1: peer sees our bytes /before/ it sees the tail that covers them */
	vqp_store_release(tx->tail_cell, tail);
}

/* Let the peer see all that was staged. */
static inline void
vqp_tx_publish(struct vqp_tx *tx)
{
	vqp_tx_publish_to(tx, tx->tail);
}

/*
 * Publish, and tell whether the consumer may have gone to sleep on an empty
 * ring since the last edge.  True asks for a doorbell; a false true costs one
 * spurious wakeup, a false false would cost a hang and cannot happen (E3).
 * Publishing without an edge in between delays the answer, it is not lost.
 */
static inline bool
vqp_tx_publish_edge(struct vqp_tx *tx)
{
	uint64_t rung = tx->tail_rung;
	uint64_t head;

	vqp_tx_publish(tx);
	tx->tail_rung = tx->tail;
	/* E3: our tail is out /before/ we look at the head; rx_may_sleep */
	vqp_fence_full();
	head = vqp_load_relaxed(tx->head_cell);
	/* Asleep it stands at a tail we published from the last edge on. */
	return head >= tx->size || vqp_ring_distance(rung, head, tx->size) <
	    vqp_ring_distance(rung, tx->tail, tx->size);
}

/* Stage and publish. */
static inline void
vqp_tx_commit(struct vqp_tx *tx, uint64_t n)
{
	if (VQP_LIKELY(n <= tx->soft - tx->tail)) {
		tx->tail += n;
		vqp_tx_publish(tx);
	} else
		vqp_tx_commit_slow(tx, n);
}

/* Stage and publish, with the answer of vqp_tx_publish_edge(). */
static inline bool
vqp_tx_commit_edge(struct vqp_tx *tx, uint64_t n)
{
	vqp_tx_stage(tx, n);
	return vqp_tx_publish_edge(tx);
}

/*
 * Publish, and tell whether the ring is full, so that the producer may sleep
 * until the consumer's next release edge.  Never true on a broken end or a
 * ring without bytes.  It rings nobody for what it publishes: a producer whose
 * consumer sleeps asks vqp_tx_publish_edge() first.
 */
static inline bool
vqp_tx_may_sleep(struct vqp_tx *tx)
{
	vqp_tx_publish(tx);
	/* E3: our tail is out /before/ we look at the head; rx_publish_edge */
	vqp_fence_full();
	return tx->size != 0 &&
	    vqp_load_relaxed(&tx->broken) == VQP_INTACT &&
	    vqp_load_relaxed(tx->head_cell) ==
	    vqp_ring_advance(tx->tail, 1, tx->size);
}

/*
 * The published tail and the peer's head of one moment of the call, for any
 * thread at any time; with it, how many bytes were in the ring then.  The query
 * looks at most VQP_QUERY_TRIES times: if the end published between every two
 * looks, or went around the ring between them, the two are of two moments, and
 * the count is only known to be 0 to size - 1.
 * Returns the bytes (0 to size - 1), or VQP_ERROR_INVALID_SIZE for a ring
 * without bytes, a broken end, or a head outside the ring, which breaks the
 * end: the producer learns it at its next look.  The indices are stored in
 * every case.
 */
int64_t vqp_tx_query(struct vqp_tx *tx, uint64_t *tail, uint64_t *head);

/*
 * ---- Consumer.  One thread at a time calls these for one vqp_rx; only
 * vqp_rx_query() may run beside it.  All are wait-free and callable in any
 * context.
 */

/*
 * Take the consumer's end of `ring`: as vqp_tx_attach(), and its errors.  A
 * successor that may have nothing to read asks vqp_rx_publish_edge().
 */
int vqp_rx_attach(struct vqp_rx *rx, const struct vqp_ring *ring);

/* Refuse from now on.  The first lie is kept. */
int64_t vqp_rx_break(struct vqp_rx *rx, enum vqp_broken reason);

static inline void
vqp_rx_publish_to(struct vqp_rx *rx, uint64_t head)
{
	rx->head_published = head;
	/* E8: the tail that allows a head is known /before/ that head */
	vqp_store_release(&rx->head_released, head);
	/* E2: we finished reading these bytes /before/ peer may reuse them */
	vqp_store_release(rx->head_cell, head);
}

/*
 * Move the soft limit on, with a look at the tail if what was accepted is
 * less than `want`.  Returns what vqp_rx_peek() does, without the offer.
 */
int64_t vqp_rx_refill(struct vqp_rx *rx, uint64_t want);

int64_t vqp_rx_peek_slow(struct vqp_rx *rx, uint64_t want,
    struct vqp_span out[2]);
void vqp_rx_stage_slow(struct vqp_rx *rx, uint64_t n);
void vqp_rx_release_slow(struct vqp_rx *rx, uint64_t n);
void vqp_rx_release_lazy_slow(struct vqp_rx *rx, uint64_t n);

/*
 * Offer up to `want` readable bytes, in place.  They stay ours until they are
 * released, but the peer can still write them: copy, then judge the copy.
 * Peeking twice offers the same bytes.
 *
 * Returns the bytes offered, 1 to want (0 for want 0), in `out`, split as by
 * vqp_tx_reserve().  Or
 *	VQP_ERROR_NO_DATA	the ring is empty, but perhaps for staged
 *				bytes; a caller that waits publishes them
 *				first
 *	VQP_ERROR_INVALID_SIZE	the end is broken or the ring has no bytes;
 *				if the peer is gone, once all that it
 *				published is read
 * An offer of less than `want`, or none, publishes what was released lazily.
 * Reads the peer's cache line only when the tail it keeps is not enough, and
 * behind a stream waits up to VQP_GATE_PAUSES_MAX pauses before it does.
 */
static inline int64_t
vqp_rx_peek(struct vqp_rx *rx, uint64_t want, struct vqp_span out[2])
{
	if (VQP_LIKELY(want - 1 < rx->soft - rx->head)) {
		out[0].base = rx->data + rx->head;
		out[0].length = want;
		out[1].base = rx->data;
		out[1].length = 0;
		return (int64_t)want;
	}
	return vqp_rx_peek_slow(rx, want, out);
}

/*
 * Step over the first `n` bytes of the last offer without giving their space
 * back: the next offer begins behind them, and they stay readable until the
 * head is published.  At most what was offered.
 */
static inline void
vqp_rx_stage(struct vqp_rx *rx, uint64_t n)
{
	if (VQP_LIKELY(n <= rx->soft - rx->head))
		rx->head += n;
	else
		vqp_rx_stage_slow(rx, n);
}

/* Give the space of all that was staged or lazily released to the peer. */
static inline void
vqp_rx_publish(struct vqp_rx *rx)
{
	vqp_rx_publish_to(rx, rx->head);
}

/*
 * Publish, and tell whether the producer may have gone to sleep on a full
 * ring since the last edge: vqp_tx_publish_edge() for the other direction of
 * waiting.  A consumer whose producer sleeps asks this before it sleeps
 * itself.
 */
static inline bool
vqp_rx_publish_edge(struct vqp_rx *rx)
{
	uint64_t rung = rx->head_rung;
	uint64_t tail;

	vqp_rx_publish(rx);
	rx->head_rung = rx->head;
	/* E3: our head is out /before/ we look at the tail; tx_may_sleep */
	vqp_fence_full();
	tail = vqp_load_relaxed(rx->tail_cell);
	/* Asleep it stands one byte short of a head we published since. */
	return tail >= rx->size || vqp_ring_distance(rung,
	    vqp_ring_advance(tail, 1, rx->size), rx->size) <
	    vqp_ring_distance(rung, rx->head, rx->size);
}

/* Stage and publish. */
static inline void
vqp_rx_release(struct vqp_rx *rx, uint64_t n)
{
	if (VQP_LIKELY(n <= rx->soft - rx->head)) {
		rx->head += n;
		vqp_rx_publish(rx);
	} else
		vqp_rx_release_slow(rx, n);
}

/* Stage and publish, with the answer of vqp_rx_publish_edge(). */
static inline bool
vqp_rx_release_edge(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_stage(rx, n);
	return vqp_rx_publish_edge(rx);
}

/*
 * Stage, and give back everything staged, but spare the peer a look at each
 * message: the head is published once more than a quarter of the ring has
 * been given back, or VQP_GIVE_BACK_BYTES at once, or by the first offer that
 * falls short.
 */
static inline void
vqp_rx_release_lazy(struct vqp_rx *rx, uint64_t n)
{
	/* No head up to the soft limit is past the quarter, if n is not 0. */
	if (VQP_LIKELY(n - 1 < rx->soft - rx->head)) {
		rx->head += n;
		/* E8: the tail that allows a head is known /before/ that head */
		vqp_store_release(&rx->head_released, rx->head);
	} else
		vqp_rx_release_lazy_slow(rx, n);
}

/*
 * Publish, and tell whether the ring is empty, so that the consumer may sleep
 * until the producer's next commit edge.  Never true on a broken end or a
 * ring without bytes.
 */
static inline bool
vqp_rx_may_sleep(struct vqp_rx *rx)
{
	vqp_rx_publish(rx);
	/* E3: our head is out /before/ we look at the tail; tx_publish_edge */
	vqp_fence_full();
	return rx->size != 0 &&
	    vqp_load_relaxed(&rx->broken) == VQP_INTACT &&
	    vqp_load_relaxed(rx->tail_cell) == rx->head;
}

/*
 * The peer's tail and the released head, published or not, for any thread at
 * any time: vqp_tx_query() for the other end, with its answers.  Of a peer that
 * is gone it answers what can still be read, and INVALID_SIZE for nothing.
 */
int64_t vqp_rx_query(struct vqp_rx *rx, uint64_t *tail, uint64_t *head);

#ifdef __cplusplus
}
#endif

#endif
