/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Models of E8 in the shipped ring.h: a third thread queries how much the ring
 * holds.  Messages of two bytes go through a ring of three, so the ring holds
 * zero or two bytes at any moment; a tail and a head of different moments would
 * give one.
 */
#include "model_ring.h"

enum { SIZE = 3, MESSAGE = 2 };

static unsigned messages;
static bool asks_tx;

static void
start(void)
{
	model_ring_start(SIZE, SIZE - 1);
	sim_cell("tail_published", &m.tx.tail_published,
	    sizeof(m.tx.tail_published));
	sim_cell("head_released", &m.rx.head_released,
	    sizeof(m.rx.head_released));
	sim_cell("tx.broken", &m.tx.broken, sizeof(m.tx.broken));
	sim_cell("rx.broken", &m.rx.broken, sizeof(m.rx.broken));
}

static void
producer(void)
{
	struct vqp_span span[2];

	while (m.sent < MESSAGE * messages) {
		if (vqp_tx_reserve(&m.tx, MESSAGE, span) != MESSAGE) {
			sim_await(&m.head);
			continue;
		}
		model_fill(span);
		vqp_tx_commit(&m.tx, MESSAGE);
	}
}

static void
consumer(void)
{
	struct vqp_span span[2];

	while (m.received < MESSAGE * messages) {
		if (vqp_rx_peek(&m.rx, MESSAGE, span) != MESSAGE) {
			sim_await(&m.tail);
			continue;
		}
		model_drain(span);
		vqp_rx_release(&m.rx, MESSAGE);
	}
}

static void
observer(void)
{
	uint64_t tail, head;
	int64_t n;

	n = asks_tx ? vqp_tx_query(&m.tx, &tail, &head) :
	    vqp_rx_query(&m.rx, &tail, &head);
	sim_check(n == 0 || n == MESSAGE, "a count of no moment");
}

static const struct sim_model asked = { start, NULL,
	{ { "producer", producer }, { "consumer", consumer },
	  { "observer", observer } } };

TEST(counts, "a third thread's count is one of a moment")
{
	for (messages = 1; messages <= 2; messages++) {
		asks_tx = true;
		model_holds(&asked);
		asks_tx = false;
		model_holds(&asked);
	}
}

/* ---- Each of these faults must fail. */

TEST(weakened, "each half of E8 is needed")
{
	messages = 2;
	asks_tx = true;
	model_fails(&asked, (struct sim_fault){
	    SIM_STORE_RELAXED, "producer", "tail_published" }, "a count");
	model_fails(&asked, (struct sim_fault){
	    SIM_LOAD_RELAXED, "observer", "tail_published" }, "a count");
	model_fails(&asked, (struct sim_fault){
	    SIM_LOAD_RELAXED, "observer", "head" }, "a count");
	asks_tx = false;
	model_fails(&asked, (struct sim_fault){
	    SIM_STORE_RELAXED, "consumer", "head_released" }, "a count");
	model_fails(&asked, (struct sim_fault){
	    SIM_LOAD_RELAXED, "observer", "head_released" }, "a count");
	model_fails(&asked, (struct sim_fault){
	    SIM_LOAD_RELAXED, "observer", "tail" }, "a count");
}

TEST_MAIN()
