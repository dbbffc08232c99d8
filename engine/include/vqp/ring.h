/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One direction of a queue pair: a byte ring between one producer (vqp_tx) and
 * one consumer (vqp_rx) that need not trust each other.  The path MESSAGE of
 * docs/architecture.md goes through here.  Nothing on it allocates, calls back
 * or waits for the peer.
 *
 * The producer and the consumer each keep their own index in private memory and
 * only publish it.  They never read what the peer writes over the shared copy.
 * They load the peer's index once, check it, and keep it.  If the peer wrote an
 * impossible index, the producer or consumer is *broken* and stays so: every
 * later verb that has to load the peer's index returns an error.
 *
 * Both move a private cursor below a soft limit.  All bytes up to the limit are
 * known to be their own and contiguous, so a verb costs one compare.  Wraps,
 * loads of the peer's index, and errors happen beyond the limit, in the slow
 * halves.
 *
 * Callers inline these functions, so the structs are ABI.  VQP_RING_ABI counts
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

/* Why a producer or consumer no longer works with its peer. */
enum vqp_broken {
	VQP_INTACT = 0,
	VQP_BROKEN_LOST,	/* the peer is gone for good, see
				   vqp_pair_abandon(); what it published can
				   still be read */
	VQP_BROKEN_RANGE,	/* the peer's index is not below the size */
	VQP_BROKEN_STEP,	/* it went back, or past what we published */
};

/* A piece of the ring, never longer than the returned number of bytes. */
struct vqp_span {
	uint8_t *base;
	uint64_t length;
};

/* What the producer and the consumer of a ring must know: vqp_tx_attach(). */
struct vqp_ring {
	void *data;		/* `size` bytes; twice that if mirrored */
	uint64_t size;		/* bytes; any number; one byte stays empty */
	bool mirrored;		/* data is mapped twice, back to back */
	struct vqp_cell64 *tail_cell;	/* w:producer r:consumer e:E1,E3 */
	struct vqp_cell64 *head_cell;	/* w:consumer r:producer e:E2,E3 */
	enum vqp_placement placement;
};

/*
 * The producer.  It lies in private memory: the peer must not be able to map
 * it.
 *
 * The fields that a verb uses lie in the second cache line.  A load waits for
 * an earlier store to the same offset in another page, so this line must not
 * have the offset that the cells have in their page: no cell has it modulo 128.
 */
struct vqp_tx {
	uint64_t size;
	uint64_t tail_rung;		/* where the notify window begins */
	struct vqp_cell64 broken;	/* w:us,observers r:us e:none */
	struct vqp_tune_tx tune;
	bool mirrored;

	uint8_t *data VQP_ALIGNED(64);
	uint64_t tail;			/* next byte to fill, staged */
	uint64_t soft;			/* the tail needs no check to here */
	struct vqp_cell64 *tail_cell;	/* w:us r:peer e:E1,E3 */
	struct vqp_cell64 tail_published; /* w:us r:observers e:E8 */
	const struct vqp_cell64 *head_cell; /* w:peer r:us e:E2,E3 */
	uint64_t head_seen;		/* below size: attach checked it */
	bool pending;			/* non-temporal stores not fenced yet */
	uint8_t can;			/* vqp_cpu_can() */
} VQP_ALIGNED(128);

/* The consumer, the mirror image of the producer. */
struct vqp_rx {
	uint64_t size;
	uint64_t head_rung;		/* where the notify window begins */
	struct vqp_cell64 broken;	/* w:us,observers r:us e:none */
	bool mirrored;
	uint8_t can;			/* vqp_cpu_can() */
	uint64_t given_back;		/* eviction goes on from here */

	uint8_t *data VQP_ALIGNED(64);
	uint64_t head;			/* next byte to read, staged */
	uint64_t soft;			/* the head needs no check to here */
	struct vqp_cell64 *head_cell;	/* w:us r:peer e:E2,E3 */
	struct vqp_cell64 head_released; /* w:us r:observers e:E8 */
	uint64_t head_published;	/* the last published head */
	const struct vqp_cell64 *tail_cell; /* w:peer r:us e:E1,E3 */
	uint64_t tail_seen;

	struct vqp_tune_rx tune;
} VQP_ALIGNED(128);

VQP_STATIC_ASSERT(sizeof(struct vqp_tx) == 128, "VQP_RING_ABI");
VQP_STATIC_ASSERT(sizeof(struct vqp_rx) == 256, "VQP_RING_ABI");

/* The most attempts of a query, if the owner keeps moving its index. */
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
 * Whether a producer or consumer, or the struct that holds one, is aligned as
 * its type must be.  Memory from malloc() often is not, and a compiler that
 * relies on the type writes whole vectors.
 */
static inline bool
vqp_ring_is_aligned(const void *end)
{
	return (uintptr_t)end % __alignof__(struct vqp_tx) == 0;
}

/*
 * Load both indices as they were at one moment, from any thread: our own index
 * did not change between its two loads.  After VQP_QUERY_TRIES attempts that
 * failed, the two indices may be of two moments, those of the last attempt.
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
 * vqp_tx_query() may run at the same time.  All are wait-free, and any context
 * may call them.
 */

/*
 * Set the soft limit to what the accepted head allows, and to 0 bytes once
 * broken.  The limit never goes so far that staged bytes would wait too long,
 * or that lines would be prefetched too late.
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
 * Attach a producer to `ring`, at the indices that stand in its cells.  The
 * peer may be working already.
 *
 * The peer counts as not yet notified of bytes that are in the ring already, so
 * the first notify verb may return true though nobody sleeps.  A producer
 * before this one may have been killed after it published and before it
 * notified.  If the peer sleeps, a successor that may have nothing to send must
 * call vqp_tx_publish_edge() at once.
 *
 * Returns VQP_SUCCESS, or one of these, with *tx unchanged:
 *	VQP_ERROR_INVALID_ARGS	*tx is not aligned to 128 bytes, as its type
 *				is, a cell is missing or misaligned, the data
 *				is missing, or the size is more than an
 *				address range can hold
 *	VQP_ERROR_INVALID_SIZE	an index lies outside the ring
 * A ring of 0 bytes is allowed; every verb on it returns INVALID_SIZE.
 */
int vqp_tx_attach(struct vqp_tx *tx, const struct vqp_ring *ring);

/*
 * Break the producer: verbs return an error from now on.  The first reason is
 * kept.  Returns VQP_ERROR_INVALID_SIZE.
 */
int64_t vqp_tx_break(struct vqp_tx *tx, enum vqp_broken reason);

/*
 * Move the soft limit as far as the accepted head allows, and prefetch the
 * lines after it.
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

/* The slow halves of the verbs below, for what lies beyond the soft limit. */
int64_t vqp_tx_reserve_slow(struct vqp_tx *tx, uint64_t want,
    struct vqp_span out[2]);
void vqp_tx_stage_slow(struct vqp_tx *tx, uint64_t n);
void vqp_tx_commit_slow(struct vqp_tx *tx, uint64_t n);

/*
 * Reserve up to `want` writable bytes.  The peer sees nothing of them until
 * they are published.  Reserving twice returns the same bytes.
 *
 * Returns the size of the reservation, 1 to want bytes (0 for want 0), and the
 * reservation in `out`.  The second span is empty unless the reservation wraps,
 * which it never does in a mirrored ring.  Or returns
 *	VQP_ERROR_NO_SPACE	the ring is full, perhaps only of our own
 *				staged bytes; a caller that waits publishes
 *				them first
 *	VQP_ERROR_INVALID_SIZE	the producer is broken, or the ring has no
 *				bytes
 * Reads the peer's cache line only when the accepted head is not enough.
 */
static inline int64_t
vqp_tx_reserve(struct vqp_tx *tx, uint64_t want, struct vqp_span out[2])
{
	/* For want 0 the subtraction wraps, and the slow half handles it. */
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
 * Count the first `n` bytes of the last reservation as filled, without
 * publishing them: the next reservation begins behind them.  `n` is at most the
 * size of that reservation.
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
 * Publish, and return whether the consumer may have gone to sleep on an empty
 * ring since the last notify verb.  True means that the consumer must be
 * notified, for example by a doorbell.  A true that was not needed costs one
 * spurious wakeup.  A false that was wrong would cost a hang, and cannot happen
 * (E3).  If other verbs publish in between, the answer comes later, but it is
 * not lost.
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
	/*
	 * A sleeping consumer's head is a tail that we published at or after
	 * the last notify verb.
	 */
	return head >= tx->size || vqp_ring_distance(rung, head, tx->size) <
	    vqp_ring_distance(rung, tx->tail, tx->size);
}

/* Stage the first `n` bytes and publish; otherwise as vqp_tx_stage(). */
static inline void
vqp_tx_commit(struct vqp_tx *tx, uint64_t n)
{
	if (VQP_LIKELY(n <= tx->soft - tx->tail)) {
		tx->tail += n;
		vqp_tx_publish(tx);
	} else
		vqp_tx_commit_slow(tx, n);
}

/* Stage and publish; returns what vqp_tx_publish_edge() does. */
static inline bool
vqp_tx_commit_edge(struct vqp_tx *tx, uint64_t n)
{
	vqp_tx_stage(tx, n);
	return vqp_tx_publish_edge(tx);
}

/*
 * Prepare to sleep: publish, and return whether the ring is full.  If it is,
 * the producer may sleep until the consumer's next vqp_rx_publish_edge() or
 * vqp_rx_release_edge() returns true.  Never true for a broken producer or a
 * ring without bytes.  The answer does not say whether to notify the consumer
 * of what is published here: if the consumer may sleep, the producer calls
 * vqp_tx_publish_edge() first.
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
 * Store the published tail and the peer's head as they were at one moment of
 * the call, and return how many bytes were in the ring then.  Any thread may
 * call it at any time.  The query loads the indices at most VQP_QUERY_TRIES
 * times.  If the producer published between the two loads of every attempt, or
 * went around the ring between them, the two indices are of two moments, and
 * the number is only known to be 0 to size - 1.
 *
 * Returns the bytes (0 to size - 1), or VQP_ERROR_INVALID_SIZE for a ring
 * without bytes, for a broken producer, or for a head outside the ring.  Such a
 * head breaks the producer, which learns it when it next loads the head.  The
 * indices are stored in every case.
 */
int64_t vqp_tx_query(struct vqp_tx *tx, uint64_t *tail, uint64_t *head);

/*
 * ---- Consumer.  One thread at a time calls these for one vqp_rx; only
 * vqp_rx_query() may run at the same time.  All are wait-free, and any context
 * may call them.
 */

/*
 * Attach a consumer to `ring`: as vqp_tx_attach(), with the same errors.  If
 * the peer sleeps, a successor that may have nothing to read must call
 * vqp_rx_publish_edge() at once.
 */
int vqp_rx_attach(struct vqp_rx *rx, const struct vqp_ring *ring);

/*
 * Break the consumer: verbs return an error from now on.  The first reason
 * other than VQP_BROKEN_LOST is kept.  Returns VQP_ERROR_INVALID_SIZE.
 */
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
 * Move the soft limit, and load the tail if less than `want` was accepted.
 * Returns what vqp_rx_peek() does, without the readable span.
 */
int64_t vqp_rx_refill(struct vqp_rx *rx, uint64_t want);

int64_t vqp_rx_peek_slow(struct vqp_rx *rx, uint64_t want,
    struct vqp_span out[2]);
void vqp_rx_stage_slow(struct vqp_rx *rx, uint64_t n);
void vqp_rx_release_slow(struct vqp_rx *rx, uint64_t n);
void vqp_rx_release_lazy_slow(struct vqp_rx *rx, uint64_t n);

/*
 * Get up to `want` readable bytes in place.  They stay ours until they are
 * released, but the peer can still write them: copy them, then check the copy.
 * Peeking twice returns the same bytes.
 *
 * Returns the size of the readable span, 1 to want bytes (0 for want 0), and
 * the span in `out`, split as by vqp_tx_reserve().  Or returns
 *	VQP_ERROR_NO_DATA	the ring is empty, except perhaps for staged
 *				bytes; a caller that waits publishes them
 *				first
 *	VQP_ERROR_INVALID_SIZE	the consumer is broken, or the ring has no
 *				bytes; if the peer is gone, only once all
 *				that it published is read
 * If the span is shorter than `want`, or there is none, what was released
 * lazily is published.  Reads the peer's cache line only when the accepted tail
 * is not enough; behind a stream it first waits up to VQP_GATE_PAUSES_MAX
 * pauses.
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
 * Step over the first `n` bytes of the last readable span without releasing
 * their space.  The next span begins behind them, and they stay readable until
 * the head is published.  `n` is at most the size of that span.
 */
static inline void
vqp_rx_stage(struct vqp_rx *rx, uint64_t n)
{
	if (VQP_LIKELY(n <= rx->soft - rx->head))
		rx->head += n;
	else
		vqp_rx_stage_slow(rx, n);
}

/* Release the space of all that was staged or lazily released to the peer. */
static inline void
vqp_rx_publish(struct vqp_rx *rx)
{
	vqp_rx_publish_to(rx, rx->head);
}

/*
 * Publish, and return whether the producer may have gone to sleep on a full
 * ring since the last notify verb: vqp_tx_publish_edge() for the other
 * direction of waiting.  If the producer may sleep, a consumer calls this
 * before it sleeps itself.
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
	/*
	 * A sleeping producer's tail is one byte short of a head that we
	 * published at or after the last notify verb.
	 */
	return tail >= rx->size || vqp_ring_distance(rung,
	    vqp_ring_advance(tail, 1, rx->size), rx->size) <
	    vqp_ring_distance(rung, rx->head, rx->size);
}

/* Stage the first `n` bytes and publish; otherwise as vqp_rx_stage(). */
static inline void
vqp_rx_release(struct vqp_rx *rx, uint64_t n)
{
	if (VQP_LIKELY(n <= rx->soft - rx->head)) {
		rx->head += n;
		vqp_rx_publish(rx);
	} else
		vqp_rx_release_slow(rx, n);
}

/* Stage and publish; returns what vqp_rx_publish_edge() does. */
static inline bool
vqp_rx_release_edge(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_stage(rx, n);
	return vqp_rx_publish_edge(rx);
}

/*
 * Stage, and release all that was staged, but spare the peer a load of a new
 * head for each message.  The head is published later: once more than a quarter
 * of the ring was released, or more than VQP_GIVE_BACK_BYTES at once, or by the
 * first peek that finds less than it wants.
 */
static inline void
vqp_rx_release_lazy(struct vqp_rx *rx, uint64_t n)
{
	/* If n is not 0, no head up to the soft limit is past the quarter. */
	if (VQP_LIKELY(n - 1 < rx->soft - rx->head)) {
		rx->head += n;
		/* E8: the tail that allows a head is known /before/ that head */
		vqp_store_release(&rx->head_released, rx->head);
	} else
		vqp_rx_release_lazy_slow(rx, n);
}

/*
 * Prepare to sleep: publish, and return whether the ring is empty.  If it is,
 * the consumer may sleep until the producer's next vqp_tx_publish_edge() or
 * vqp_tx_commit_edge() returns true.  Never true for a broken consumer or a
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
 * Store the peer's tail and the released head, published or not: vqp_tx_query()
 * for the consumer, with the same results.  Any thread may call it at any time.
 * If the peer is gone, it returns how many bytes can still be read, and
 * INVALID_SIZE once there are none.
 */
int64_t vqp_rx_query(struct vqp_rx *rx, uint64_t *tail, uint64_t *head);

#ifdef __cplusplus
}
#endif

#endif
