/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The functions of a queue pair that are not inlined: attaching, and copies
 * that wrap, fall short, or come in pieces.
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

/* Find the two cells in the header page that one side writes. */
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

	if (!vqp_ring_is_aligned(pair) ||
	    (config->produce.size == 0 && config->consume.size == 0))
		return VQP_ERROR_INVALID_ARGS;
	/* The indices are crossed: see the figure in vqp/wire.h. */
	if (!header_cells(config->produce.header, config->layout,
	    &produce.tail_cell, &consume.head_cell) ||
	    !header_cells(config->consume.header, config->layout,
	    &consume.tail_cell, &produce.head_cell))
		return VQP_ERROR_INVALID_ARGS;
	queue_ring(&produce, &config->produce);
	queue_ring(&consume, &config->consume);
	produce.placement = consume.placement = config->placement;

	pair->handle = config->handle;
	status = vqp_tx_attach(&pair->tx, &produce);
	if (status != VQP_SUCCESS)
		return status;
	return vqp_rx_attach(&pair->rx, &consume);
}

/*
 * Return `n`, the result of a producer's verb.  Before the verb returns that
 * there is no space, it publishes what was sent with more to follow: that is
 * all that could make the peer release some.
 */
static int64_t
answer(struct vqp_tx *tx, int64_t n)
{
	if (n == VQP_ERROR_NO_SPACE &&
	    vqp_load_relaxed(&tx->tail_published) != tx->tail)
		vqp_tx_publish(tx);
	return n;
}

/*
 * Every verb below has the same shape: one reserve or peek that returns at most
 * two spans, a copy between the spans and the caller's pieces, and on success
 * one publish.
 */

/*
 * Copy into the ring.  Large pieces for a consumer far away use non-temporal
 * stores: otherwise it would fetch every line out of our cache, one by one.
 */
static void
copy_in(struct vqp_tx *tx, uint8_t *to, const void *from, uint64_t n)
{
	const uint64_t first = -(uintptr_t)to % VQP_LINE_BYTES;
	const uint64_t last = (n - first) % 8;

	if (n >= VQP_BULK_BYTES &&
	    vqp_tune_prefetches(&tx->tune, tx->size)) {
		vqp_copy_fetching(to, (const uint8_t *)from, n);
		return;
	}
	if (n < VQP_BULK_BYTES || !vqp_is_far(&tx->tune.distance)) {
		vqp_copy_as(tx->can, to, from, n);
		return;
	}
	tx->pending = true;
	vqp_copy(to, from, first);
	vqp_copy_past(to + first, (const uint8_t *)from + first,
	    n - first - last);
	vqp_copy(to + n - last, (const uint8_t *)from + n - last, last);
}

/* A private position in the caller's pieces. */
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
			vqp_copy_as(pair->rx.can, mine,
			    span->base + done, n);
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

/* The bytes of a vector, or -1 for 2^63 or more. */
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
		return answer(&pair->tx, n);
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
		vqp_rx_release_lazy(&pair->rx, (uint64_t)n);
	return n;
}

/*
 * Copy from or to one buffer: the first `n` bytes of the two spans that a
 * reserve or peek returned.  This does no more than one buffer needs.
 */

static void
put_spans(struct vqp_tx *tx, const struct vqp_span span[2], const void *from,
    uint64_t n)
{
	const uint64_t first = n < span[0].length ? n : span[0].length;

	copy_in(tx, span[0].base, from, first);
	copy_in(tx, span[1].base, (const uint8_t *)from + first, n - first);
	vqp_tx_stage(tx, n);
}

static void
get_spans(const struct vqp_rx *rx, const struct vqp_span span[2], void *to,
    uint64_t n)
{
	const uint64_t first = n < span[0].length ? n : span[0].length;

	vqp_copy_as(rx->can, to, span[0].base, first);
	vqp_copy_as(rx->can, (uint8_t *)to + first, span[1].base, n - first);
}

int64_t
vqp_pair_enqueue_slow(struct vqp_pair *pair, const void *from, uint64_t length)
{
	struct vqp_span span[2];
	int64_t n;

	if (length > INT64_MAX)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_tx_reserve(&pair->tx, length, span);
	if (n > 0) {
		put_spans(&pair->tx, span, from, (uint64_t)n);
		vqp_tx_publish(&pair->tx);
	}
	return answer(&pair->tx, n);
}

/* Stage all of a message or nothing; do not publish it. */
static int64_t
stage_message(struct vqp_tx *tx, const void *from, uint64_t length)
{
	struct vqp_span span[2];
	int64_t n = vqp_tx_reserve(tx, length, span);

	if (n > 0 && (uint64_t)n == length) {
		put_spans(tx, span, from, length);
		return n;
	}
	if ((n > 0 || n == VQP_ERROR_NO_SPACE) && length >= tx->size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	return n > 0 ? VQP_ERROR_NO_SPACE : n;
}

int64_t
vqp_pair_send_slow(struct vqp_pair *pair, const void *from, uint64_t length)
{
	int64_t n;

	vqp_tx_renew(&pair->tx);
	if (vqp_pair_put_fast(pair, from, length))
		return (int64_t)length;
	n = stage_message(&pair->tx, from, length);
	if (n > 0)
		vqp_tx_publish(&pair->tx);
	return answer(&pair->tx, n);
}

int64_t
vqp_pair_send_more_slow(struct vqp_pair *pair, const void *from,
    uint64_t length)
{
	struct vqp_tx *tx = &pair->tx;
	int64_t n = stage_message(tx, from, length);
	uint64_t staged = vqp_ring_distance(
	    vqp_load_relaxed(&tx->tail_published), tx->tail, tx->size);

	if (staged >= tx->tune.chunk) {
		vqp_tx_publish(tx);
		vqp_tx_renew(tx);
		/* A sender that fills a chunk is taken for a stream. */
		if (vqp_is_far(&tx->tune.distance))
			tx->pending = true;
	}
	return answer(tx, n);
}

int64_t
vqp_pair_send_batch_slow(struct vqp_pair *pair, const void *from,
    uint64_t length, uint64_t count)
{
	struct vqp_span span[2];
	uint64_t total;
	int64_t n;

	if (__builtin_mul_overflow(length, count, &total) || total == 0 ||
	    total > INT64_MAX)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_tx_reserve(&pair->tx, total, span);
	if ((n > 0 || n == VQP_ERROR_NO_SPACE) && length >= pair->tx.size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (n < 0)
		return answer(&pair->tx, n);
	count = (uint64_t)n / length;
	if (count == 0)
		return answer(&pair->tx, VQP_ERROR_NO_SPACE);
	put_spans(&pair->tx, span, from, count * length);
	vqp_tx_publish(&pair->tx);
	return (int64_t)count;
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
		get_spans(&pair->rx, span, to, (uint64_t)n);
	return n;
}

int64_t
vqp_pair_dequeue_slow(struct vqp_pair *pair, void *to, uint64_t length)
{
	int64_t n = vqp_pair_peek_slow(pair, to, length);

	if (n > 0)
		vqp_rx_release_lazy(&pair->rx, (uint64_t)n);
	return n;
}

/*
 * The error for fewer bytes than were wanted.  If the peer is gone, no more
 * come.
 */
static int64_t
no_data(const struct vqp_rx *rx)
{
	return vqp_load_relaxed(&rx->broken) == VQP_INTACT ?
	    VQP_ERROR_NO_DATA : VQP_ERROR_INVALID_SIZE;
}

int64_t
vqp_pair_receive_slow(struct vqp_pair *pair, void *to, uint64_t length,
    int64_t offered)
{
	struct vqp_rx *rx = &pair->rx;
	struct vqp_span span[2];

	if (offered > 0 && (uint64_t)offered == length) {
		vqp_ring_split(rx->data, rx->head, length, rx->size,
		    rx->mirrored, span);
		get_spans(rx, span, to, length);
		vqp_rx_release_lazy(rx, length);
		return offered;
	}
	if ((offered > 0 || offered == VQP_ERROR_NO_DATA) && length >= rx->size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	return offered > 0 ? no_data(rx) : offered;
}

int64_t
vqp_pair_receive_batch_slow(struct vqp_pair *pair, void *to, uint64_t length,
    uint64_t count)
{
	struct vqp_span span[2];
	uint64_t total;
	int64_t n;

	if (__builtin_mul_overflow(length, count, &total) || total == 0 ||
	    total > INT64_MAX)
		return VQP_ERROR_INVALID_ARGS;
	n = vqp_rx_peek(&pair->rx, total, span);
	if ((n > 0 || n == VQP_ERROR_NO_DATA) && length >= pair->rx.size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (n < 0)
		return n;
	count = (uint64_t)n / length;
	if (count == 0)
		return no_data(&pair->rx);
	get_spans(&pair->rx, span, to, count * length);
	vqp_rx_release_lazy(&pair->rx, count * length);
	return (int64_t)count;
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
