/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Models of E4, the doorbell's byte.  A device fills a ring, sets the byte and
 * raises an interrupt.  The driver swaps the byte to 0 and, if it was set,
 * reads its ring.  No doorbell may be lost: if the driver never reads a byte of
 * the ring, it waits for another interrupt, and the explorer reports that as a
 * violation.
 */
#include "model_ring.h"

#define RUNG 1

static struct plan {
	unsigned bytes;
	bool device_tests;	/* raises only if it found the byte clear */
} plan;

static struct vqp_cell8 flag;	/* w:device,driver r:driver e:E4 */

static void
start(void)
{
	model_ring_start(4, 3);
	flag.v_ = 0;
	sim_cell("flag", &flag, sizeof(flag));
}

static void
device(void)
{
	struct vqp_span span[2];

	while (m.sent < plan.bytes) {
		while (vqp_tx_reserve(&m.tx, 1, span) != 1)
			sim_await(&m.head);
		model_fill(span);
		vqp_tx_commit(&m.tx, 1);
		if (!plan.device_tests)
			sim_store(&flag, RUNG, SIM_RELEASE);
		else if (vqp_swap8_full(&flag, RUNG) != 0)
			continue;
		sim_ring(0);
	}
}

static void
driver(void)
{
	struct vqp_span span[2];

	while (m.received < plan.bytes) {
		sim_wait(0);
		if (vqp_swap8_full(&flag, 0) == 0)
			continue;
		while (vqp_rx_peek(&m.rx, 1, span) == 1) {
			model_drain(span);
			vqp_rx_release(&m.rx, 1);
		}
	}
}

static const struct sim_model bell = { start, NULL,
	{ { "device", device }, { "driver", driver } } };

TEST(stores, "a device that stores the byte and raises, each time")
{
	plan = (struct plan){ 2, false };
	model_holds(&bell);
	plan = (struct plan){ 4, false };
	model_holds(&bell);
}

TEST(tests, "a device that raises only when the byte was clear")
{
	plan = (struct plan){ 2, true };
	model_holds(&bell);
	plan = (struct plan){ 4, true };
	model_holds(&bell);
}

/* ---- Each of these faults must fail. */

TEST(weakened, "the swap must be whole, and ordered on both sides")
{
	for (unsigned i = 0; i < 2; i++) {
		plan = (struct plan){ 2, i == 1 };
		model_fails(&bell, (struct sim_fault){
		    SIM_SWAP_PLAIN, "driver", "flag" }, "a thread waits");
		model_fails(&bell, (struct sim_fault){
		    SIM_SWAP_RELAXED, "driver", "flag" }, "a thread waits");
	}
	plan = (struct plan){ 2, false };
	model_fails(&bell, (struct sim_fault){
	    SIM_STORE_RELAXED, "device", "flag" }, "a thread waits");
	plan = (struct plan){ 2, true };
	model_fails(&bell, (struct sim_fault){
	    SIM_SWAP_RELAXED, "device", "flag" }, "a thread waits");
}

TEST_MAIN()
