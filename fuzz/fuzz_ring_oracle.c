/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two honest sides and any calls: the engine answers as the oracle does.
 *
 * Input: a step that describes the rings (how, k: their size; op bit 0: the
 * wide layout, bit 1: mirrored; more: where they start), then calls (honest.c).
 */
#include "honest.h"

static void
start_at(struct vqp_pair *from, struct vqp_pair *to, uint64_t index)
{
	vqp_store_relaxed(from->tx.tail_cell, index);
	vqp_store_relaxed(to->rx.head_cell, index);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	struct honest honest;
	struct loop_pair *pair = &honest.pair;
	struct step shape;
	uint64_t size, start;
	bool mirrored;

	if (!input_step(&input, &shape))
		return 0;
	size = step_ring_size(&shape);
	mirrored = (shape.op & 2) != 0 && loop_can_mirror(PAGE);
	if (mirrored)
		size = PAGE * (1 + size / PAGE);
	start = part_of(size - 1, shape.more);
	loop_pair_open_as(pair, size, size, shape.op & 1 ?
	    VQP_LAYOUT_WIDE : VQP_LAYOUT_COMPAT, mirrored);
	memset(pair->a_config.produce.data, 0, (size_t)size);
	memset(pair->b_config.produce.data, 0, (size_t)size);
	start_at(&pair->a, &pair->b, start);
	start_at(&pair->b, &pair->a, size - 1 - start);
	loop_pair_attach(pair);
	honest_open(&honest);
	honest_run(&honest, &input);
	honest_close(&honest);
	loop_pair_close(pair);
	return 0;
}
