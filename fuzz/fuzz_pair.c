/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a caller may pass: any parameters to attach, and then, if they were
 * valid, any calls as in fuzz_ring_oracle, beginning with the indices and bytes
 * that are in the memory.  A ring too large to have bytes gets only calls that
 * do not touch its bytes.
 *
 * Input: a step for the layout (its number); one for each queue (its number:
 * the size; op and more: see queue_open); one for the indices of each ring (how
 * bits 0-3 and k: the tail, how bits 4-7 and more: the head); then calls.
 */
#include "honest.h"

/*
 * A ring of at most this size has bytes.  A larger one is refused, or gets only
 * queries.
 */
static bool
is_real(uint64_t size)
{
	return size <= RING_BYTES_MAX;
}

/*
 * Make a queue as it should be, in *real, and as it is passed.  op bit 0: there
 * is no header; bit 1: the header begins `more` bytes, up to 15, too late; bit
 * 2: there are no data.
 */
static void
queue_open(struct vqp_queue *real, struct vqp_queue *passed,
    const struct step *step)
{
	const uint64_t size = step_number(step, PAGE, PTRDIFF_MAX / 2);
	const struct vqp_handle handle = { 3, 1024 };

	loop_queue_open(real, is_real(size) ? size : 1, false, handle);
	if (real->size != 0)
		memset(real->data, step->k, (size_t)real->size);
	*passed = *real;
	passed->size = size;
	if ((step->op & 1) != 0)
		passed->header = NULL;
	else if ((step->op & 2) != 0)
		passed->header = (uint8_t *)real->header + step->more % 16;
	if ((step->op & 4) != 0)
		passed->data = NULL;
}

/* Attaching one side of a ring alone must check each of its cells, too. */
static void
check_cells(const struct vqp_queue *queue)
{
	struct vqp_cell64 good = { 0 };
	struct vqp_ring ring = {
		.data = queue->data,
		.size = queue->size,
		.tail_cell = queue->header,
		.head_cell = &good,
	};
	struct vqp_tx tx;
	struct vqp_rx rx;

	MUST_EQ(vqp_tx_attach(&tx, &ring), VQP_ERROR_INVALID_ARGS);
	ring.tail_cell = &good;
	ring.head_cell = queue->header;
	MUST_EQ(vqp_rx_attach(&rx, &ring), VQP_ERROR_INVALID_ARGS);
}

static bool
is_header_wrong(const struct vqp_queue *queue)
{
	const bool wrong = queue->header == NULL ||
	    (uintptr_t)queue->header % 8 != 0;

	if (wrong)
		check_cells(queue);
	return wrong;
}

static bool
is_data_wrong(const struct vqp_queue *queue)
{
	return queue->size != 0 &&
	    (queue->data == NULL || queue->size > PTRDIFF_MAX / 2);
}

/*
 * Put the indices of a ring where both sides load them.  True if an index is
 * outside the ring.
 */
static bool
say_indices(struct step *step, enum vqp_layout layout,
    const struct vqp_queue *produce, const struct vqp_queue *consume)
{
	const int wide = layout == VQP_LAYOUT_WIDE;
	const uint64_t size = produce->size;
	uint64_t tail, head;

	tail = step_number(step, size, 0);
	step->how >>= 4;
	step->k = step->more;
	head = step_number(step, size, 0);
	vqp_store_relaxed((struct vqp_cell64 *)produce->header +
	    (wide ? 16 : 1), tail);
	vqp_store_relaxed((struct vqp_cell64 *)consume->header +
	    (wide ? 32 : 2), head);
	return size != 0 && (tail >= size || head >= size);
}

/* Every number has a name.  Every status lies within a byte of -750 or of 0. */
static void
check_names(const struct step *step)
{
	const uint64_t number = step_number(step, (uint64_t)-750, 0);

	for (uint64_t i = 0; i < 16; i++)
		MUST(vqp_status_name((int64_t)(number - i)) != NULL);
}

static bool
attaches(struct vqp_pair *pair, const struct vqp_pair_config *config,
    bool wrong, bool outside)
{
	const int status = vqp_pair_attach(pair, config);

	if (status == VQP_ERROR_INVALID_ARGS)
		MUST(wrong);
	else if (status == VQP_ERROR_INVALID_SIZE)
		MUST(outside);
	else
		MUST(status == VQP_SUCCESS && !wrong && !outside);
	return status == VQP_SUCCESS;
}

/* Make the queries that do not touch the bytes of a ring. */
static void
ask(struct vqp_pair *pair, const struct vqp_pair_config *config)
{
	const struct vqp_queue *queue = &config->produce;
	struct vqp_span out[2];
	int64_t n;

	if (queue->size == 0)
		return;
	n = vqp_pair_produce_free(pair);
	MUST_EQ(vqp_pair_produce_ready(pair) + n, queue->size - 1);
	MUST_EQ(vqp_tx_reserve(&pair->tx, UINT64_MAX, out),
	    n == 0 ? VQP_ERROR_NO_SPACE : n);
	if (n == 0)
		return;
	MUST_EQ(out[0].length + out[1].length, n);
	MUST((uintptr_t)out[0].base - (uintptr_t)queue->data < queue->size);
	MUST(out[0].length <= queue->size -
	    ((uintptr_t)out[0].base - (uintptr_t)queue->data));
	MUST(out[1].base == queue->data);
	MUST_EQ(vqp_pair_send(pair, NULL, queue->size),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	struct step layout, produce, consume, out, in;
	struct vqp_queue real[2];
	struct honest honest;
	struct vqp_pair_config *a = &honest.pair.a_config;
	struct vqp_pair_config *b = &honest.pair.b_config;
	bool wrong, outside = false, attached;

	input_step(&input, &layout);
	input_step(&input, &produce);
	input_step(&input, &consume);
	input_step(&input, &out);
	if (!input_step(&input, &in))
		return 0;
	check_names(&layout);

	memset(a, 0, sizeof(*a));
	a->layout = (enum vqp_layout)step_number(&layout, 0, 0);
	queue_open(&real[0], &a->produce, &produce);
	queue_open(&real[1], &a->consume, &consume);
	*b = *a;
	b->produce = a->consume;
	b->consume = a->produce;
	wrong = is_header_wrong(&a->produce) || is_header_wrong(&a->consume);
	if (!wrong) {
		outside = say_indices(&out, a->layout, &a->produce,
		    &a->consume);
		outside |= say_indices(&in, a->layout, &a->consume,
		    &a->produce);
	}
	wrong = wrong || (a->produce.size == 0 && a->consume.size == 0) ||
	    (a->layout != VQP_LAYOUT_COMPAT && a->layout != VQP_LAYOUT_WIDE) ||
	    is_data_wrong(&a->produce) || is_data_wrong(&a->consume);
	attached = attaches(&honest.pair.a, a, wrong, outside);
	MUST_EQ(attaches(&honest.pair.b, b, wrong, outside), attached);
	if (attached && is_real(a->produce.size) && is_real(a->consume.size)) {
		honest_open(&honest);
		honest_run(&honest, &input);
		honest_close(&honest);
	} else if (attached) {
		ask(&honest.pair.a, a);
		ask(&honest.pair.b, b);
	}
	loop_queue_close(&real[0]);
	loop_queue_close(&real[1]);
	return 0;
}
