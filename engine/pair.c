/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The out-of-line half of a queue pair: attaching, and copies that wrap, fall
 * short or come in pieces.  All of road 1 that is not inline.
 */
#include <vqp/pair.h>

void
vqp_queue_header_init(void *header, struct vqp_handle handle)
{
	struct vqp_queue_header_wide *wide =
	    (struct vqp_queue_header_wide *)header;

	wide->compat.handle = handle;
	vqp_store_relaxed(&wide->compat.producer_tail, 0);
	vqp_store_relaxed(&wide->compat.consumer_head, 0);
	vqp_store_relaxed(&wide->producer_tail, 0);
	vqp_store_relaxed(&wide->consumer_head, 0);
}

/* Find the two index cells of the page that one endpoint writes. */
static bool
header_cells(void *header, enum vqp_layout layout,
    struct vqp_cell64 **producer_tail, struct vqp_cell64 **consumer_head)
{
	struct vqp_queue_header *compat = (struct vqp_queue_header *)header;
	struct vqp_queue_header_wide *wide =
	    (struct vqp_queue_header_wide *)header;

	if (header == NULL || ((uintptr_t)header & 7) != 0)
		return false;
	switch (layout) {
	case VQP_LAYOUT_COMPAT:
		*producer_tail = &compat->producer_tail;
		*consumer_head = &compat->consumer_head;
		return true;
	case VQP_LAYOUT_WIDE:
		*producer_tail = &wide->producer_tail;
		*consumer_head = &wide->consumer_head;
		return true;
	}
	return false;
}

static void
queue_ring(struct vqp_ring *ring, const struct vqp_queue *queue)
{
	ring->data = queue->data;
	ring->size = queue->size;
	ring->mirrored = queue->mirrored;
}

int
vqp_pair_attach(struct vqp_pair *pair, const struct vqp_pair_config *config)
{
	struct vqp_ring produce, consume;
	int status;

	if (config->produce.size == 0 && config->consume.size == 0)
		return VQP_ERROR_INVALID_ARGS;
	/* The crossed indices: see the figure in vqp/wire.h. */
	if (!header_cells(config->produce.header, config->layout,
	    &produce.tail_cell, &consume.head_cell) ||
	    !header_cells(config->consume.header, config->layout,
	    &consume.tail_cell, &produce.head_cell))
		return VQP_ERROR_INVALID_ARGS;
	queue_ring(&produce, &config->produce);
	queue_ring(&consume, &config->consume);

	pair->handle = config->handle;
	status = vqp_tx_attach(&pair->tx, &produce);
	if (status != VQP_SUCCESS)
		return status;
	return vqp_rx_attach(&pair->rx, &consume);
}

/*
 * Every verb below has the shape: one offer of at most two spans, a copy
 * between the spans and the caller's pieces, and on success one publish.
 */

/*
 * Into the ring.  Large pieces for a consumer far away are stored past the
 * caches: it would have to fetch every line out of ours, one by one.
 */
static void
copy_in(const struct vqp_tx *tx, uint8_t *to, const void *from, uint64_t n)
{
	const uint8_t *at = (const uint8_t *)from;
	uint64_t first = -(uintptr_t)to % VQP_LINE_BYTES;

	if (n < VQP_BULK_BYTES || tx->distance_ticks <= VQP_TICKS_FAR) {
		vqp_copy(to, from, n);
		return;
	}
	vqp_copy(to, at, first);
	to += first;
	at += first;
	for (n -= first; n >= VQP_LINE_BYTES; n -= VQP_LINE_BYTES) {
		for (int i = 0; i < VQP_LINE_BYTES; i += 8)
			vqp_store_past(to + i, *(const vqp_unit8 *)(at + i));
		to += VQP_LINE_BYTES;
		at += VQP_LINE_BYTES;
	}
	vqp_copy(to, at, n);
	/* E1: these bytes are out /before/ the tail that covers them */
	vqp_fence_past();
}

/* A private cursor over the caller's pieces. */
struct cursor {
	const struct vqp_iovec *piece;
	uint64_t at;		/* bytes of the piece already used */
};

enum direction { INTO_RING, OUT_OF_RING };

static void
copy_span(struct vqp_pair *pair, struct cursor *cursor,
    const struct vqp_span *span, enum direction direction)
{
	uint64_t done = 0;

	while (done < span->length) {
		uint64_t n = cursor->piece->length - cursor->at;
		uint8_t *mine;

		if (n == 0) {
			cursor->piece++;
			cursor->at = 0;
			continue;
		}
		mine = (uint8_t *)cursor->piece->base + cursor->at;
		if (n > span->length - done)
			n = span->length - done;
		if (direction == INTO_RING)
			copy_in(&pair->tx, span->base + done, mine, n);
		else
			vqp_copy(mine, span->base + done, n);
		done += n;
		cursor->at += n;
	}
}

static void
copy_spans(struct vqp_pair *pair, const struct vqp_iovec *vector,
    const struct vqp_span span[2], enum direction direction)
{
	struct cursor cursor = { vector, 0 };

	copy_span(pair, &cursor, &span[0], direction);
	copy_span(pair, &cursor, &span[1], direction);
}

/* The bytes of a vector; -1 for 2^63 or more. */
static int64_t
vector_length(const struct vqp_iovec *vector, uint64_t count)
{
	uint64_t total = 0;

	for (uint64_t i = 0; i < count; i++) {
		if (vector[i].length > (uint64_t)INT64_MAX - total)
			return -1;
		total += vector[i].length;
	}
	return (int64_t)total;
}

int64_t
vqp_pair_enqueuev(struct vqp_pair *pair, const struct vqp_iovec *vector,
    uint64_t count)
{
	int64_t n = vector_length(vector, count);
	struct vqp_span span[2];

	if (n < 0)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_tx_reserve(&pair->tx, (uint64_t)n, span);
	if (n <= 0)
		return n;
	copy_spans(pair, vector, span, INTO_RING);
	vqp_tx_commit(&pair->tx, (uint64_t)n);
	return n;
}

int64_t
vqp_pair_peekv(struct vqp_pair *pair, const struct vqp_iovec *vector,
    uint64_t count)
{
	int64_t n = vector_length(vector, count);
	struct vqp_span span[2];

	if (n < 0)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_rx_peek(&pair->rx, (uint64_t)n, span);
	if (n <= 0)
		return n;
	copy_spans(pair, vector, span, OUT_OF_RING);
	return n;
}

int64_t
vqp_pair_dequeuev(struct vqp_pair *pair, const struct vqp_iovec *vector,
    uint64_t count)
{
	int64_t n = vqp_pair_peekv(pair, vector, count);

	if (n > 0)
		vqp_rx_release(&pair->rx, (uint64_t)n);
	return n;
}

/* From or to one buffer, with what an offer of two spans needs and no more. */

static void
put_spans(struct vqp_tx *tx, const struct vqp_span span[2], const void *from)
{
	copy_in(tx, span[0].base, from, span[0].length);
	copy_in(tx, span[1].base, (const uint8_t *)from + span[0].length,
	    span[1].length);
	vqp_tx_commit(tx, span[0].length + span[1].length);
}

static void
get_spans(const struct vqp_span span[2], void *to)
{
	vqp_copy(to, span[0].base, span[0].length);
	vqp_copy((uint8_t *)to + span[0].length, span[1].base,
	    span[1].length);
}

int64_t
vqp_pair_enqueue_slow(struct vqp_pair *pair, const void *from, uint64_t length)
{
	struct vqp_span span[2];
	int64_t n;

	if (length > INT64_MAX)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_tx_reserve(&pair->tx, length, span);
	if (n > 0)
		put_spans(&pair->tx, span, from);
	return n;
}

int64_t
vqp_pair_send_slow(struct vqp_pair *pair, const void *from, uint64_t length)
{
	struct vqp_span span[2];
	int64_t n = vqp_tx_reserve(&pair->tx, length, span);

	if (n > 0 && (uint64_t)n == length) {
		put_spans(&pair->tx, span, from);
		return n;
	}
	if ((n > 0 || n == VQP_ERROR_NO_SPACE) && length >= pair->tx.size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	return n > 0 ? VQP_ERROR_NO_SPACE : n;
}

int64_t
vqp_pair_peek_slow(struct vqp_pair *pair, void *to, uint64_t length)
{
	struct vqp_span span[2];
	int64_t n;

	if (length > INT64_MAX)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_rx_peek(&pair->rx, length, span);
	if (n > 0)
		get_spans(span, to);
	return n;
}

int64_t
vqp_pair_dequeue_slow(struct vqp_pair *pair, void *to, uint64_t length)
{
	int64_t n = vqp_pair_peek_slow(pair, to, length);

	if (n > 0)
		vqp_rx_release(&pair->rx, (uint64_t)n);
	return n;
}

int64_t
vqp_pair_receive_slow(struct vqp_pair *pair, void *to, uint64_t length)
{
	struct vqp_span span[2];
	int64_t n = vqp_rx_peek(&pair->rx, length, span);

	if (n > 0 && (uint64_t)n == length) {
		get_spans(span, to);
		vqp_rx_release(&pair->rx, length);
		return n;
	}
	if ((n > 0 || n == VQP_ERROR_NO_DATA) && length >= pair->rx.size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	return n > 0 ? VQP_ERROR_NO_DATA : n;
}

int
vqp_pair_produce_indexes(struct vqp_pair *pair, uint64_t *tail, uint64_t *head)
{
	uint64_t tail_now, head_now;
	int64_t ready = vqp_tx_query(&pair->tx, &tail_now, &head_now);

	if (tail != NULL)
		*tail = tail_now;
	if (head != NULL)
		*head = head_now;
	return ready < 0 ? (int)ready : VQP_SUCCESS;
}

int
vqp_pair_consume_indexes(struct vqp_pair *pair, uint64_t *tail, uint64_t *head)
{
	uint64_t tail_now, head_now;
	int64_t ready = vqp_rx_query(&pair->rx, &tail_now, &head_now);

	if (tail != NULL)
		*tail = tail_now;
	if (head != NULL)
		*head = head_now;
	return ready < 0 ? (int)ready : VQP_SUCCESS;
}
