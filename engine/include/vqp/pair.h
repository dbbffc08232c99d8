/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A queue pair as one side holds it: a producer, a consumer, and VMCI's copying
 * verbs on top of them, with VMCI's exact results (docs/wire.md 4.3).  Shells
 * and clients send and receive here.  Callers that want the bytes in place use
 * the producer and the consumer directly (vqp/ring.h).
 *
 * Producing verbs and consuming verbs may run at the same time.  One thread at
 * a time may call those of each kind.  Any thread may call the queries at any
 * time.
 */
#ifndef VQP_PAIR_H
#define VQP_PAIR_H

#include <vqp/copy.h>
#include <vqp/ring.h>
#include <vqp/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where the indices lie in a header page.  Both sides must use the same layout.
 */
enum vqp_layout {
	VQP_LAYOUT_COMPAT,	/* struct vqp_queue_header: VMCI's */
	VQP_LAYOUT_WIDE,	/* struct vqp_queue_header_wide: if agreed */
};

/* One queue of a pair, as it lies in our address space. */
struct vqp_queue {
	void *header;		/* its header page */
	void *data;		/* `size` bytes, contiguous; NULL for none */
	uint64_t size;		/* data bytes, any number, 0 for none */
	bool mirrored;		/* data is mapped twice, back to back */
};

struct vqp_pair_config {
	struct vqp_handle handle;
	enum vqp_layout layout;
	struct vqp_queue produce;	/* its header is the one we write */
	struct vqp_queue consume;	/* the peer's produce queue */
	enum vqp_placement placement;	/* where the peer runs */
};

/*
 * Aligned to 128 bytes: static, on a stack, or from aligned_alloc() or
 * posix_memalign() with _Alignof() of the type that holds it.
 */
struct vqp_pair {
	struct vqp_tx tx;
	struct vqp_rx rx;
	struct vqp_handle handle;	/* ours; the page's copy is not read */
};

/* A piece of the caller's memory. */
struct vqp_iovec {
	void *base;
	uint64_t length;	/* bytes, 0 allowed */
};

/*
 * Prepare a header page before it is shared: the side that supplies the pages
 * does so.  Writes the handle, and 0 into both indices of both layouts.
 * Context: any.
 */
void vqp_queue_header_init(void *header, struct vqp_handle handle);

/*
 * Attach to our side of a pair whose pages are mapped and whose headers are
 * initialised.  Every index is loaded and checked here, once; a peer that works
 * already does no harm.  A side that takes over from a killed one, while the
 * peer sleeps, calls a notify verb at once: see vqp_tx_attach().
 *
 * Returns VQP_SUCCESS, or one of these, and then *pair must not be used:
 *	VQP_ERROR_INVALID_ARGS	*pair is not aligned to 128 bytes, as its type
 *				is (malloc() does not); both sizes are 0; the
 *				layout is unknown; a header is missing or
 *				misaligned; the data for a size is missing; or
 *				a size is more than an address range can hold
 *	VQP_ERROR_INVALID_SIZE	an index lies outside its ring
 * A direction of 0 bytes is allowed; its verbs return INVALID_SIZE.
 *
 * Context: any.  Wait-free.  Role: before any other verb on this pair.
 */
int vqp_pair_attach(struct vqp_pair *pair,
    const struct vqp_pair_config *config);

/*
 * Copy `count` pieces into the ring, in order, as one message that is published
 * once.  Copies as many bytes as fit.  The vector is not changed.
 *
 * Returns the bytes copied, 1 to the total (0 for a total of 0), or
 *	VQP_ERROR_NO_SPACE	the ring is full; also for a total of 0
 *	VQP_ERROR_INVALID_SIZE	the peer's index was bad, now or before; or
 *				the peer was abandoned (when receiving: and
 *				all that it published was read); or the
 *				direction has no bytes
 *	VQP_ERROR_INVALID_ARGS	the lengths add up to 2^63 or more
 * On an error nothing was copied.  Nothing was published either, except
 * with NO_SPACE: it publishes what was sent by vqp_pair_send_more() or staged
 * before.
 *
 * So after NO_SPACE from this or any other verb that sends, the consumer sees
 * all that was sent.  If the consumer may sleep, vqp_tx_publish_edge() tells
 * whether to notify it.
 *
 * Context: any.  Wait-free, linear in the bytes.  Role: producer.
 */
int64_t vqp_pair_enqueuev(struct vqp_pair *pair,
    const struct vqp_iovec *vector, uint64_t count);

/*
 * Copy bytes out of the ring into `count` pieces, in order, and release their
 * space lazily.  Copies as many bytes as are there.  The vector is not changed.
 *
 * Every verb that receives releases lazily: the peer sees the space once more
 * than a quarter of the ring has come together, or when one of our verbs finds
 * too few bytes.  A consumer that waits by asking for the number of bytes calls
 * vqp_pair_poll(), which publishes.  A consumer that notifies the peer in
 * another way publishes first: with vqp_rx_publish(), or with the notify or
 * prepare_sleep verbs of vqp/ring.h, which publish by themselves.
 *
 * Returns the bytes copied, 1 to the total (0 for a total of 0), or
 *	VQP_ERROR_NO_DATA	the ring is empty; also for a total of 0
 *	VQP_ERROR_INVALID_SIZE, VQP_ERROR_INVALID_ARGS	as enqueuev
 * On an error nothing was copied.  NO_DATA publishes the space of what was
 * received before.
 *
 * Context: any.  Wait-free, linear in the bytes.  Role: consumer.
 */
int64_t vqp_pair_dequeuev(struct vqp_pair *pair,
    const struct vqp_iovec *vector, uint64_t count);

/* As vqp_pair_dequeuev(), but the bytes stay in the ring. */
int64_t vqp_pair_peekv(struct vqp_pair *pair,
    const struct vqp_iovec *vector, uint64_t count);

/* The slow halves of the verbs below, for what lies beyond the soft limit. */
int64_t vqp_pair_enqueue_slow(struct vqp_pair *pair, const void *from,
    uint64_t length);
int64_t vqp_pair_send_slow(struct vqp_pair *pair, const void *from,
    uint64_t length);
int64_t vqp_pair_send_more_slow(struct vqp_pair *pair, const void *from,
    uint64_t length);
int64_t vqp_pair_send_batch_slow(struct vqp_pair *pair, const void *from,
    uint64_t length, uint64_t count);
int64_t vqp_pair_dequeue_slow(struct vqp_pair *pair, void *to,
    uint64_t length);
int64_t vqp_pair_receive_slow(struct vqp_pair *pair, void *to,
    uint64_t length, int64_t offered);
int64_t vqp_pair_receive_batch_slow(struct vqp_pair *pair, void *to,
    uint64_t length, uint64_t count);
int64_t vqp_pair_peek_slow(struct vqp_pair *pair, void *to, uint64_t length);

/*
 * The fast halves: they copy all bytes or none.  Length 0 always takes the slow
 * path.
 */
static inline bool
vqp_pair_put_fast(struct vqp_pair *pair, const void *from, uint64_t length)
{
	struct vqp_tx *tx = &pair->tx;
	uint64_t tail = tx->tail;

	if (!VQP_LIKELY(length - 1 < tx->soft - tail) ||
	    length >= VQP_BULK_BYTES)
		return false;
	vqp_copy_as(tx->can, tx->data + tail, from, length);
	tx->tail = tail + length;
	vqp_tx_publish_to(tx, tail + length);
	/* Fetch the next line while the caller awaits the answer. */
	if (length >= VQP_LINE_BYTES &&
	    tx->soft - tx->tail >= 2 * VQP_LINE_BYTES)
		vqp_fetch(tx->data + tx->tail + VQP_LINE_BYTES - 1);
	return true;
}

static inline bool
vqp_pair_get_fast(struct vqp_pair *pair, void *to, uint64_t length)
{
	struct vqp_rx *rx = &pair->rx;
	uint64_t head = rx->head;

	if (!VQP_LIKELY(length - 1 < rx->soft - head))
		return false;
	vqp_copy_as(rx->can, to, rx->data + head, length);
	rx->head = head + length;
	/* E8: the tail that allows a head is known /before/ that head */
	vqp_store_release(&rx->head_released, head + length);
	return true;
}

/* As vqp_pair_enqueuev(), from one buffer: copies as many bytes as fit. */
static inline int64_t
vqp_pair_enqueue(struct vqp_pair *pair, const void *from, uint64_t length)
{
	return vqp_pair_put_fast(pair, from, length) ?
	    (int64_t)length : vqp_pair_enqueue_slow(pair, from, length);
}

/*
 * Send all of a message or nothing.  Returns `length`; or VQP_ERROR_NO_SPACE
 * while the message does not fit; or VQP_ERROR_PAYLOAD_TOO_LARGE if it can
 * never fit; or the other errors of vqp_pair_enqueuev().  Context, progress and
 * role are those of vqp_pair_enqueuev().
 */
static inline int64_t
vqp_pair_send(struct vqp_pair *pair, const void *from, uint64_t length)
{
	return vqp_pair_put_fast(pair, from, length) ?
	    (int64_t)length : vqp_pair_send_slow(pair, from, length);
}

/*
 * As vqp_pair_send(), when more follows at once.  The message may stay
 * unpublished until the next vqp_pair_send(), vqp_pair_flush() or
 * vqp_tx_publish().  At most a chunk of such messages stays unpublished: a
 * sixteenth of the ring, but at least VQP_MORE_BYTES and at most
 * VQP_MORE_BYTES_MAX.  After NO_SPACE none does.
 */
static inline int64_t
vqp_pair_send_more(struct vqp_pair *pair, const void *from, uint64_t length)
{
	struct vqp_tx *tx = &pair->tx;
	uint64_t tail = tx->tail;

	if (!VQP_LIKELY(length - 1 < tx->soft - tail) ||
	    length >= VQP_BULK_BYTES)
		return vqp_pair_send_more_slow(pair, from, length);
	if (!tx->pending)
		vqp_copy_as(tx->can, tx->data + tail, from, length);
	else
		vqp_copy_past(tx->data + tail, from, length);
	tx->tail = tail + length;
	return (int64_t)length;
}

/* Publish all that was sent. */
static inline void
vqp_pair_flush(struct vqp_pair *pair)
{
	vqp_tx_publish(&pair->tx);
}

/*
 * Send `count` messages of `length` bytes each, which lie one behind the other
 * at `from`: as many whole ones as fit, published once.  Returns how many were
 * sent, 1 to count, or
 *	VQP_ERROR_NO_SPACE	not one fits now
 *	VQP_ERROR_INVALID_ARGS	count or length is 0, or 2^63 bytes or more
 * or the other errors of vqp_pair_send().
 */
static inline int64_t
vqp_pair_send_batch(struct vqp_pair *pair, const void *from, uint64_t length,
    uint64_t count)
{
	uint64_t total;

	return !__builtin_mul_overflow(length, count, &total) &&
	    vqp_pair_put_fast(pair, from, total) ? (int64_t)count :
	    vqp_pair_send_batch_slow(pair, from, length, count);
}

/*
 * As vqp_pair_dequeuev(), into one buffer: copies as many bytes as are there.
 */
static inline int64_t
vqp_pair_dequeue(struct vqp_pair *pair, void *to, uint64_t length)
{
	return vqp_pair_get_fast(pair, to, length) ?
	    (int64_t)length : vqp_pair_dequeue_slow(pair, to, length);
}

/*
 * Receive all of `length` bytes or nothing.  Returns `length`; or
 * VQP_ERROR_NO_DATA while there are fewer; or VQP_ERROR_PAYLOAD_TOO_LARGE if
 * there can never be as many; or the other errors of vqp_pair_dequeuev().  Once
 * the peer is abandoned, fewer bytes give VQP_ERROR_INVALID_SIZE;
 * vqp_pair_dequeue() still reads them.  Context, progress and role are those of
 * vqp_pair_dequeuev().
 */
static inline int64_t
vqp_pair_receive(struct vqp_pair *pair, void *to, uint64_t length)
{
	int64_t n = 0;

	/* Try again after a refill that found bytes: a wait ends here. */
	do {
		if (vqp_pair_get_fast(pair, to, length))
			return (int64_t)length;
		if (n != 0)
			break;
		n = vqp_rx_refill(&pair->rx, length);
	} while (n > 0);
	return vqp_pair_receive_slow(pair, to, length, n);
}

/*
 * Receive up to `count` messages of `length` bytes each, and store them one
 * behind the other at `to`: the mirror image of vqp_pair_send_batch(), with
 * NO_DATA for NO_SPACE.
 */
static inline int64_t
vqp_pair_receive_batch(struct vqp_pair *pair, void *to, uint64_t length,
    uint64_t count)
{
	uint64_t total;

	return !__builtin_mul_overflow(length, count, &total) &&
	    vqp_pair_get_fast(pair, to, total) ? (int64_t)count :
	    vqp_pair_receive_batch_slow(pair, to, length, count);
}

/* As vqp_pair_peekv(), into one buffer. */
static inline int64_t
vqp_pair_peek(struct vqp_pair *pair, void *to, uint64_t length)
{
	const struct vqp_rx *rx = &pair->rx;

	if (VQP_LIKELY(length - 1 < rx->soft - rx->head)) {
		vqp_copy_as(rx->can, to, rx->data + rx->head, length);
		return (int64_t)length;
	}
	return vqp_pair_peek_slow(pair, to, length);
}

/*
 * Count what is in the rings.  The numbers are snapshots, stale when they are
 * returned.  What we received is out of a ring, though the peer may not have
 * seen that yet: the queries publish nothing, and a consumer that waits by
 * asking calls vqp_pair_poll().  All of them return VQP_ERROR_INVALID_SIZE for
 * a direction that is broken or has no bytes.  A bad index of the peer breaks
 * the direction.  Bytes that an abandoned peer left are counted; once there are
 * none, the result is INVALID_SIZE, too.
 *
 * Context: any.  Wait-free.  Role: any thread.
 */

/* Bytes free, and bytes the peer has not read, in the ring that we write. */
static inline int64_t
vqp_pair_produce_free(struct vqp_pair *pair)
{
	uint64_t tail, head;
	int64_t ready = vqp_tx_query(&pair->tx, &tail, &head);

	return ready < 0 ? ready : (int64_t)pair->tx.size - 1 - ready;
}

static inline int64_t
vqp_pair_produce_ready(struct vqp_pair *pair)
{
	uint64_t tail, head;

	return vqp_tx_query(&pair->tx, &tail, &head);
}

/*
 * Bytes the peer may still write, and bytes to read, in the ring that we read.
 */
static inline int64_t
vqp_pair_consume_free(struct vqp_pair *pair)
{
	uint64_t tail, head;
	int64_t ready = vqp_rx_query(&pair->rx, &tail, &head);

	return ready < 0 ? ready : (int64_t)pair->rx.size - 1 - ready;
}

static inline int64_t
vqp_pair_consume_ready(struct vqp_pair *pair)
{
	uint64_t tail, head;

	return vqp_rx_query(&pair->rx, &tail, &head);
}

/*
 * As vqp_pair_consume_ready(), and publishes the space of what we received: a
 * producer may wait for just that space.  Staged bytes count until they are
 * released.
 *
 * Context: any.  Wait-free.  Role: consumer.
 */
static inline int64_t
vqp_pair_poll(struct vqp_pair *pair)
{
	struct vqp_rx *rx = &pair->rx;
	const uint64_t released = vqp_load_relaxed(&rx->head_released);

	if (released != rx->head_published)
		vqp_rx_publish_to(rx, released);
	return vqp_pair_consume_ready(pair);
}

/*
 * Store the indices of a ring, even when the result is an error.  Either
 * pointer may be NULL.  Returns VQP_SUCCESS or VQP_ERROR_INVALID_SIZE.
 */
int vqp_pair_produce_indexes(struct vqp_pair *pair, uint64_t *tail,
    uint64_t *head);
int vqp_pair_consume_indexes(struct vqp_pair *pair, uint64_t *tail,
    uint64_t *head);

/*
 * Abandon the peer, which is gone for good.  The consumer can still read the
 * bytes that the peer published; after them its verbs return
 * VQP_ERROR_INVALID_SIZE.  The producer's verbs return that error once they
 * leave the fast path.  If the peer wrote a bad index, the direction stays
 * broken for that reason, also if the bad index is found later.  If two reasons
 * arrive at the same moment, the direction keeps one of them.
 *
 * Context: any.  Wait-free.  Role: any thread.
 */
static inline void
vqp_pair_abandon(struct vqp_pair *pair)
{
	if (vqp_load_relaxed(&pair->tx.broken) == VQP_INTACT)
		vqp_store_relaxed(&pair->tx.broken, VQP_BROKEN_LOST);
	if (vqp_load_relaxed(&pair->rx.broken) == VQP_INTACT)
		vqp_store_relaxed(&pair->rx.broken, VQP_BROKEN_LOST);
}

#ifdef __cplusplus
}
#endif

#endif
