/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The slow halves of vqp/ring.h: attaching, the soft limits, loading and
 * checking the peer's index, evicting lines, and queries.
 */
#include <vqp/ring.h>

/*
 * Check that the ring is a possible one, and load its indices.  Only here is
 * our own index read back from shared memory: a producer or consumer that
 * attaches has no other.
 */
static inline int
vqp_ring_read(const struct vqp_ring *ring, uint64_t *tail, uint64_t *head)
{
	const uintptr_t misaligned = (uintptr_t)ring->tail_cell |
	    (uintptr_t)ring->head_cell;

	if (ring->tail_cell == NULL || ring->head_cell == NULL ||
	    (misaligned & 7) != 0)
		return VQP_ERROR_INVALID_ARGS;
	*tail = *head = 0;
	if (ring->size == 0)
		return VQP_SUCCESS;
	/* Half, so that a mirrored ring and every count can be represented. */
	if (ring->data == NULL || ring->size > PTRDIFF_MAX / 2)
		return VQP_ERROR_INVALID_ARGS;
	/* E1: producer's bytes are there /before/ we believe its tail */
	*tail = vqp_load_acquire(ring->tail_cell);
	/* E2: consumer finished reading /before/ we believe its head */
	*head = vqp_load_acquire(ring->head_cell);
	if (*tail >= ring->size || *head >= ring->size)
		return VQP_ERROR_INVALID_SIZE;
	return VQP_SUCCESS;
}

/*
 * Load a foreign index, and unless `distance` is NULL learn from the load how
 * far away its line was.  Only one load in `so_many` is used, since a clock is
 * slow.  An interrupted load says nothing about the distance.  Neither does one
 * that found the index as it was `seen`: its line may never have left.  The
 * clock is read before every load that may be timed.  Otherwise a processor
 * that expects no clock loads the index ahead of it.
 */
static inline uint64_t
vqp_ring_look(const struct vqp_cell64 *cell, uint64_t seen,
    struct vqp_distance *distance, uint8_t so_many)
{
	const bool learn = VQP_CPU_TELLS_TIME && distance != NULL &&
	    !distance->told;
	uint64_t start = learn ? vqp_ticks() : 0;
	/* E1, E2: peer's side is done /before/ we believe its index */
	uint64_t index = vqp_load_acquire(cell);
	uint64_t end, nothing, ticks;

	if (!learn || index == seen || distance->looks++ % so_many != 0)
		return index;
	end = vqp_ticks();
	nothing = vqp_ticks() - end;
	ticks = end - start > nothing ? end - start - nothing : 0;
	vqp_distance_learn(distance, ticks);
	return index;
}

/* ---- Producer. */

int
vqp_tx_attach(struct vqp_tx *tx, const struct vqp_ring *ring)
{
	uint64_t tail, head;
	int status = vqp_ring_is_aligned(tx) ?
	    vqp_ring_read(ring, &tail, &head) : VQP_ERROR_INVALID_ARGS;

	if (status != VQP_SUCCESS)
		return status;
	tx->data = (uint8_t *)ring->data;
	tx->size = ring->size;
	tx->mirrored = ring->mirrored;
	tx->tail_cell = ring->tail_cell;
	tx->head_cell = ring->head_cell;
	tx->tail = tail;
	/* The producer before us may have died between publish and doorbell. */
	tx->tail_rung = head;
	tx->head_seen = head;
	vqp_tune_tx_start(&tx->tune, ring->size, ring->placement);
	tx->can = (uint8_t)vqp_cpu_can();
	tx->pending = false;
	vqp_store_relaxed(&tx->tail_published, tail);
	vqp_store_relaxed(&tx->broken, VQP_INTACT);
	vqp_tx_set_soft(tx);
	return VQP_SUCCESS;
}

int64_t
vqp_tx_break(struct vqp_tx *tx, enum vqp_broken reason)
{
	if (vqp_load_relaxed(&tx->broken) == VQP_INTACT)
		vqp_store_relaxed(&tx->broken, reason);
	tx->soft = tx->tail;
	return VQP_ERROR_INVALID_SIZE;
}

int64_t
vqp_tx_reserve_slow(struct vqp_tx *tx, uint64_t want, struct vqp_span out[2])
{
	uint64_t room;

	vqp_tx_renew(tx);
	if (vqp_load_relaxed(&tx->broken) != VQP_INTACT || tx->size == 0)
		return VQP_ERROR_INVALID_SIZE;
	room = vqp_tx_room(tx);
	if (room < want || room == 0) {
		uint64_t published = vqp_load_relaxed(&tx->tail_published);
		/* E2: peer finished reading these bytes /before/ we reuse them */
		uint64_t head = vqp_ring_look(tx->head_cell, tx->head_seen,
		    &tx->tune.distance, 1);

		if (head >= tx->size)
			return vqp_tx_break(tx, VQP_BROKEN_RANGE);
		if (vqp_ring_distance(tx->head_seen, head, tx->size) >
		    vqp_ring_distance(tx->head_seen, published, tx->size))
			return vqp_tx_break(tx, VQP_BROKEN_STEP);
		/*
		 * No consumer sleeps behind its own head, so the notify window
		 * may begin at that head.  Its beginning stays less than a lap
		 * behind the tail.
		 */
		if (vqp_ring_distance(tx->head_seen, tx->tail_rung, tx->size) <
		    vqp_ring_distance(tx->head_seen, head, tx->size))
			tx->tail_rung = head;
		tx->head_seen = head;
		vqp_tx_set_soft(tx);
		room = vqp_tx_room(tx);
		if (room == 0)
			return VQP_ERROR_NO_SPACE;
		if (want > room)
			want = room;
	}
	vqp_ring_split(tx->data, tx->tail, want, tx->size, tx->mirrored, out);
	return (int64_t)want;
}

void
vqp_tx_stage_slow(struct vqp_tx *tx, uint64_t n)
{
	VQP_CHECK(n == 0 || (tx->size != 0 && n <= vqp_tx_room(tx)));
	if (n != 0)
		tx->tail = vqp_ring_advance(tx->tail, n, tx->size);
	vqp_tx_set_soft(tx);
}

__attribute__((__flatten__)) void
vqp_tx_commit_slow(struct vqp_tx *tx, uint64_t n)
{
	vqp_tx_stage_slow(tx, n);
	vqp_tx_publish(tx);
}

int64_t
vqp_tx_query(struct vqp_tx *tx, uint64_t *tail, uint64_t *head)
{
	vqp_ring_snapshot(&tx->tail_published, tx->head_cell, tail, head);
	if (vqp_load_relaxed(&tx->broken) != VQP_INTACT || tx->size == 0)
		return VQP_ERROR_INVALID_SIZE;
	if (*head >= tx->size) {
		vqp_store_relaxed(&tx->broken, VQP_BROKEN_RANGE);
		return VQP_ERROR_INVALID_SIZE;
	}
	return (int64_t)vqp_ring_distance(*head, *tail, tx->size);
}

/* ---- Consumer. */

/* Readable bytes according to the accepted tail: 0 to size - 1. */
static inline uint64_t
vqp_rx_ready(const struct vqp_rx *rx)
{
	return vqp_ring_distance(rx->head, rx->tail_seen, rx->size);
}

/*
 * Whether the peer's indices can be believed.  A peer that is gone wrote no bad
 * index, and what it left in the ring can be read.
 */
static inline bool
vqp_rx_believes(uint64_t broken)
{
	return broken <= VQP_BROKEN_LOST;
}

/*
 * Set the soft limit to what the accepted tail allows, and to 0 bytes once
 * broken.  The limit never goes so far that lines would leave the cache before
 * they are evicted, or that a lazy release could pass the quarter.
 */
static inline void
vqp_rx_set_soft(struct vqp_rx *rx)
{
	uint64_t held, most;

	rx->soft = rx->head;
	if (rx->size == 0 || !vqp_rx_believes(vqp_load_relaxed(&rx->broken)))
		return;
	held = vqp_ring_distance(rx->head_published,
	    rx->head, rx->size);
	most = rx->size / 4 > held ? rx->size / 4 - held : 0;
	if (most > VQP_GIVE_BACK_BYTES)
		most = VQP_GIVE_BACK_BYTES;
	if (rx->tail_seen >= rx->head)
		rx->soft = rx->tail_seen;
	else
		rx->soft = rx->size - 1;
	if (rx->soft - rx->head > most)
		rx->soft = rx->head + most;
}

int
vqp_rx_attach(struct vqp_rx *rx, const struct vqp_ring *ring)
{
	uint64_t tail, head;
	int status = vqp_ring_is_aligned(rx) ?
	    vqp_ring_read(ring, &tail, &head) : VQP_ERROR_INVALID_ARGS;

	if (status != VQP_SUCCESS)
		return status;
	rx->data = (uint8_t *)ring->data;
	rx->size = ring->size;
	rx->mirrored = ring->mirrored;
	rx->head_cell = ring->head_cell;
	rx->tail_cell = ring->tail_cell;
	rx->head = head;
	/*
	 * As in vqp_tx_attach(): a producer that sleeps on a full ring stands
	 * there.
	 */
	rx->head_rung = ring->size == 0 ? 0 :
	    vqp_ring_advance(tail, 1, ring->size);
	rx->tail_seen = tail;
	rx->can = (uint8_t)vqp_cpu_can();
	vqp_tune_rx_start(&rx->tune, ring->placement);
	rx->given_back = head;
	rx->head_published = head;
	vqp_store_relaxed(&rx->head_released, head);
	vqp_store_relaxed(&rx->broken, VQP_INTACT);
	vqp_rx_set_soft(rx);
	return VQP_SUCCESS;
}

static inline __attribute__((__always_inline__)) int64_t
vqp_rx_refuse(struct vqp_rx *rx, enum vqp_broken reason)
{
	if (vqp_rx_believes(vqp_load_relaxed(&rx->broken)))
		vqp_store_relaxed(&rx->broken, reason);
	rx->soft = rx->head;
	return VQP_ERROR_INVALID_SIZE;
}

int64_t
vqp_rx_break(struct vqp_rx *rx, enum vqp_broken reason)
{
	return vqp_rx_refuse(rx, reason);
}

/* The wait is inside the call, so no answer is untrue. */
static inline uint64_t
vqp_rx_look(struct vqp_rx *rx, uint64_t want)
{
	const bool timed = vqp_tune_wait(&rx->tune, want);

	/* E1: peer wrote these bytes /before/ the tail that covers them */
	return vqp_ring_look(rx->tail_cell, rx->tail_seen,
	    timed ? &rx->tune.distance : NULL, VQP_LOOKS);
}

/* Accept a tail, or break.  Returns whether it was accepted. */
static inline bool
vqp_rx_accept(struct vqp_rx *rx, uint64_t tail)
{
	uint64_t published = rx->head_published;
	uint64_t full, full_seen;

	if (tail >= rx->size) {
		vqp_rx_refuse(rx, VQP_BROKEN_RANGE);
		return false;
	}
	/*
	 * A tail short of the accepted one takes back bytes that the peer
	 * published.
	 */
	if (vqp_ring_distance(published, tail, rx->size) <
	    vqp_ring_distance(published, rx->tail_seen, rx->size)) {
		vqp_rx_refuse(rx, VQP_BROKEN_STEP);
		return false;
	}
	/*
	 * No producer sleeps behind its own tail, so a head that made the ring
	 * full before this tail is not in the notify window any more.  The
	 * window's beginning stays less than a lap behind the head.
	 */
	full_seen = vqp_ring_advance(rx->tail_seen, 1, rx->size);
	full = vqp_ring_advance(tail, 1, rx->size);
	if (vqp_ring_distance(full_seen, rx->head_rung, rx->size) <
	    vqp_ring_distance(full_seen, full, rx->size))
		rx->head_rung = full;
	rx->tail_seen = tail;
	return true;
}

/* What vqp_rx_refill() does after the eviction. */
static inline __attribute__((__always_inline__)) int64_t
vqp_rx_refill_rest(struct vqp_rx *rx, uint64_t want, uint64_t broken)
{
	uint64_t ready, tail, released, found = 0;

	ready = vqp_rx_ready(rx);
	if (ready < want || ready == 0) {
		tail = vqp_rx_look(rx, want);
		if (tail != rx->tail_seen) {
			found = ready;
			if (!vqp_rx_accept(rx, tail))
				return VQP_ERROR_INVALID_SIZE;
			ready = vqp_rx_ready(rx);
			found = ready - found;
		}
		vqp_tune_polled(&rx->tune, found, want, rx->size);
		released = vqp_load_relaxed(&rx->head_released);
		if ((ready < want || ready == 0) &&
		    released != rx->head_published)
			vqp_rx_publish_to(rx, released);
		if (ready == 0)
			return broken == VQP_INTACT ? VQP_ERROR_NO_DATA :
			    VQP_ERROR_INVALID_SIZE;
	}
	vqp_rx_set_soft(rx);
	return (int64_t)(want < ready ? want : ready);
}

/*
 * A line that we have read stays in our cache, and the producer must fetch it
 * from here before it writes it again.  That is the cost of a small message,
 * and the producer pays it.  So evict the lines of the last `n` bytes, if the
 * trial says so.
 */
static inline void
vqp_rx_give_back(struct vqp_rx *rx, uint64_t n)
{
	if (vqp_tune_evicts(&rx->tune, n, rx->size)) {
		for (uint64_t i = 0; i < n; i += VQP_LINE_BYTES)
			vqp_give_back(rx->data + vqp_ring_advance(
			    rx->given_back, i, rx->size));
	}
	rx->given_back = vqp_ring_advance(rx->given_back, n, rx->size);
}

/* A function of its own: a refill that calls nothing saves no registers. */
static __attribute__((__noinline__)) int64_t
vqp_rx_refill_evicting(struct vqp_rx *rx, uint64_t want, uint64_t broken,
    uint64_t n)
{
	vqp_rx_give_back(rx, n);
	return vqp_rx_refill_rest(rx, want, broken);
}

int64_t
vqp_rx_refill(struct vqp_rx *rx, uint64_t want)
{
	const uint64_t broken = vqp_load_relaxed(&rx->broken);
	uint64_t n;

	if (rx->size == 0 || !vqp_rx_believes(broken)) {
		rx->soft = rx->head;
		return VQP_ERROR_INVALID_SIZE;
	}
	if (vqp_tune_is_lone(&rx->tune, want)) {
		rx->given_back = rx->head;
	} else {
		n = vqp_ring_distance(rx->given_back, rx->head, rx->size);
		n -= n % VQP_LINE_BYTES;
		if ((rx->can & VQP_CAN_GIVE_BACK) != 0 &&
		    vqp_tune_may_evict(&rx->tune, n))
			return vqp_rx_refill_evicting(rx, want, broken, n);
		rx->given_back = vqp_ring_advance(rx->given_back, n, rx->size);
	}
	return vqp_rx_refill_rest(rx, want, broken);
}

int64_t
vqp_rx_peek_slow(struct vqp_rx *rx, uint64_t want, struct vqp_span out[2])
{
	int64_t n = vqp_rx_refill(rx, want);

	if (n >= 0)
		vqp_ring_split(rx->data, rx->head, (uint64_t)n, rx->size,
		    rx->mirrored, out);
	return n;
}

void
vqp_rx_stage_slow(struct vqp_rx *rx, uint64_t n)
{
	VQP_CHECK(n == 0 || (rx->size != 0 && n <= vqp_rx_ready(rx)));
	if (n != 0)
		rx->head = vqp_ring_advance(rx->head, n, rx->size);
	vqp_rx_set_soft(rx);
}

__attribute__((__flatten__)) void
vqp_rx_release_slow(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_stage_slow(rx, n);
	vqp_rx_publish(rx);
}

__attribute__((__flatten__)) void
vqp_rx_release_lazy_slow(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_stage_slow(rx, n);
	/* E8: the tail that allows a head is known /before/ that head */
	vqp_store_release(&rx->head_released, rx->head);
	if (n > VQP_GIVE_BACK_BYTES || vqp_ring_distance(rx->head_published,
	    rx->head, rx->size) > rx->size / 4)
		vqp_rx_publish(rx);
}

int64_t
vqp_rx_query(struct vqp_rx *rx, uint64_t *tail, uint64_t *head)
{
	const uint64_t broken = vqp_load_relaxed(&rx->broken);
	uint64_t ready;

	vqp_ring_snapshot(&rx->head_released, rx->tail_cell, head, tail);
	if (!vqp_rx_believes(broken) || rx->size == 0)
		return VQP_ERROR_INVALID_SIZE;
	if (*tail >= rx->size) {
		vqp_store_relaxed(&rx->broken, VQP_BROKEN_RANGE);
		return VQP_ERROR_INVALID_SIZE;
	}
	ready = vqp_ring_distance(*head, *tail, rx->size);
	if (ready == 0 && broken != VQP_INTACT)
		return VQP_ERROR_INVALID_SIZE;
	return (int64_t)ready;
}
