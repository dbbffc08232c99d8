/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E5 in the shipped pair.h: a producer that copies its messages inline while
 * the consumer may be reading the copy of the last one.  A message is never
 * made of two, and never one of an earlier lap.
 */
#include <vqp/pair.h>

#include "model_ring.h"

static struct plan {
	uint64_t size;
	unsigned messages;
	unsigned ahead;		/* refusals before the consumer waits */
	bool both;		/* the producer copies, too, not the reader alone */
} plan;

static uint8_t headers[2][sizeof(struct vqp_queue_header_wide)] VQP_ALIGNED(64);
static struct vqp_pair a, b;

static void
start(void)
{
	struct vqp_queue_header_wide *page =
	    (struct vqp_queue_header_wide *)headers;
	const struct vqp_handle handle = { 3, 1024 };
	struct vqp_pair_config config = { .handle = handle,
		.layout = VQP_LAYOUT_COMPAT,
		.produce = { headers[0], m.data, plan.size, false },
		.consume = { headers[1], NULL, 0, false },
		.inline_copy = plan.both };
	struct vqp_inline *copy = (struct vqp_inline *)(&page[0].compat + 1);

	memset(&m, 0, sizeof(m));
	vqp_queue_header_init(headers[0], handle);
	vqp_queue_header_init(headers[1], handle);
	if (vqp_pair_attach(&a, &config) != VQP_SUCCESS)
		abort();
	config.inline_copy = true;
	config.consume = config.produce;
	config.produce = (struct vqp_queue){ headers[1], NULL, 0, false };
	if (vqp_pair_attach(&b, &config) != VQP_SUCCESS)
		abort();
	sim_cell("tail", a.tx.tail_cell, 8);
	sim_cell("head", b.rx.head_cell, 8);
	sim_cell("tag", &copy->tag, 8);
	sim_cell("word", &copy->word[0], 8);
	sim_bytes("ring", m.data, plan.size);
}

static void
sender(void)
{
	while (m.sent < plan.messages) {
		uint8_t message = (uint8_t)(m.sent + 1);

		if (vqp_pair_send(&a, &message, 1) == 1)
			m.sent++;
		else
			sim_await(a.tx.head_cell);
	}
}

static void
receiver(void)
{
	unsigned refusals = 0;

	while (m.received < plan.messages) {
		uint8_t message;
		const int64_t n = vqp_pair_receive(&b, &message, 1);
		const struct vqp_span span[2] = { { &message, 1 }, { NULL, 0 } };

		sim_check(n == 1 || n == VQP_ERROR_NO_DATA,
		    "an end calls its peer a liar");
		if (n == 1)
			model_drain(span);
		else if (++refusals > plan.ahead)
			sim_await(b.rx.tail_cell);
	}
}

static const struct sim_model inlined = { start, NULL,
	{ { "producer", sender }, { "consumer", receiver } } };

TEST(copies, "a message that is copied inline arrives, whole and once")
{
	static const uint64_t sizes[] = { 2, 3, 4 };

	for (int i = 0; i < 3; i++) {
		plan = (struct plan){ sizes[i], 3, 0, true };
		model_holds(&inlined);
	}
	plan = (struct plan){ 3, 3, 1, true };
	model_holds(&inlined);
}

TEST(reader_alone, "a reader who looks for copies that nobody makes is right")
{
	plan = (struct plan){ 3, 4, 0, false };
	model_holds(&inlined);
}

/* The release of the tag is the tail's once more: see docs/ordering.md. */
TEST(weakened, "each order of E5 is needed")
{
	plan = (struct plan){ 3, 3, 0, true };
	model_fails(&inlined, (struct sim_fault){
	    SIM_STORE_RELAXED, "producer", "word" }, "a byte out of its order");
	model_fails(&inlined, (struct sim_fault){
	    SIM_LOAD_RELAXED, "consumer", "word" }, "a byte out of its order");
}

TEST_MAIN()
