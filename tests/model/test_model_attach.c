/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Models of attaching in the shipped ring.h while the peer is at work.  A new
 * side takes over from a side that is gone, at the indices found: on the same
 * thread, or on a successor that waits for its predecessor's end.  The stream
 * continues where it was published.
 */
#include "model_ring.h"

static struct plan {
	uint64_t size;
	unsigned bytes;		/* of the whole stream */
	unsigned first;		/* of them, before a side attaches again */
	bool leaves_staged;	/* the old producer leaves a byte unpublished */
} plan;

/* The sides that attach during the run. */
static struct vqp_tx new_tx;
static struct vqp_rx new_rx;

static void
start(void)
{
	model_ring_start(plan.size, plan.size - 1);
	memset(&new_tx, 0, sizeof(new_tx));
	memset(&new_rx, 0, sizeof(new_rx));
}

static void
send_until(struct vqp_tx *tx, unsigned count)
{
	struct vqp_span span[2];

	while (m.sent < count) {
		const int64_t n = vqp_tx_reserve(tx, 1, span);

		sim_check(n == 1 || n == VQP_ERROR_NO_SPACE, "broken");
		if (n != 1) {
			sim_await(&m.head);
			continue;
		}
		model_fill(span);
		vqp_tx_commit(tx, 1);
	}
}

static void
receive_until(struct vqp_rx *rx, unsigned count)
{
	struct vqp_span span[2];

	while (m.received < count) {
		const int64_t n = vqp_rx_peek(rx, 1, span);

		sim_check(n == 1 || n == VQP_ERROR_NO_DATA, "broken");
		if (n != 1) {
			sim_await(&m.tail);
			continue;
		}
		model_drain(span);
		vqp_rx_release(rx, 1);
	}
}

static void
producer(void)
{
	send_until(&m.tx, plan.bytes);
}

static void
consumer(void)
{
	receive_until(&m.rx, plan.bytes);
}

static void
producer_first(void)
{
	struct vqp_span span[2];

	send_until(&m.tx, plan.first);
	if (plan.leaves_staged && vqp_tx_reserve(&m.tx, 1, span) == 1) {
		span[0].base[0] = 0xee;
		vqp_tx_stage(&m.tx, 1);
	}
}

static void
consumer_first(void)
{
	receive_until(&m.rx, plan.first);
}

static void
producer_rest(void)
{
	sim_check(vqp_tx_attach(&new_tx, &m.ring) == VQP_SUCCESS,
	    "tx_attach refuses");
	send_until(&new_tx, plan.bytes);
}

static void
consumer_rest(void)
{
	sim_check(vqp_rx_attach(&new_rx, &m.ring) == VQP_SUCCESS,
	    "rx_attach refuses");
	receive_until(&new_rx, plan.bytes);
}

static void
producer_again(void)
{
	producer_first();
	producer_rest();
}

static void
consumer_again(void)
{
	consumer_first();
	consumer_rest();
}

static void
producer_next(void)
{
	sim_join("producer");
	producer_rest();
}

static void
consumer_next(void)
{
	sim_join("consumer");
	consumer_rest();
}

static const struct sim_model producer_same = { start, NULL,
	{ { "producer", producer_again }, { "consumer", consumer } } };
static const struct sim_model consumer_same = { start, NULL,
	{ { "producer", producer }, { "consumer", consumer_again } } };
static const struct sim_model both_same = { start, NULL,
	{ { "producer", producer_again }, { "consumer", consumer_again } } };
static const struct sim_model producer_third = { start, NULL,
	{ { "producer", producer_first }, { "successor", producer_next },
	  { "consumer", consumer } } };
static const struct sim_model consumer_third = { start, NULL,
	{ { "producer", producer }, { "consumer", consumer_first },
	  { "successor", consumer_next } } };

TEST(at_work, "an end attaches while the peer is at work")
{
	plan = (struct plan){ 3, 5, 0, false };
	model_holds(&producer_same);
	model_holds(&consumer_same);
	model_holds(&both_same);
}

TEST(anew, "an end attaches anew in the middle of the stream")
{
	for (uint64_t size = 3; size <= 4; size++) {
		plan = (struct plan){ size, 5, 3, false };
		model_holds(&producer_same);
		model_holds(&consumer_same);
		model_holds(&both_same);
		plan.leaves_staged = true;
		model_holds(&producer_same);
	}
}

TEST(successor, "another thread takes an end over")
{
	for (uint64_t size = 3; size <= 4; size++) {
		plan = (struct plan){ size, 5, 3, false };
		model_holds(&consumer_third);
		model_holds(&producer_third);
		plan.leaves_staged = true;
		model_holds(&producer_third);
	}
}

/*
 * ---- The old side dies between its publish and its notification, and the peer
 * sleeps.  The successor must request a notification at once, or what is left
 * in the ring is never announced.  A successor that sends or reads notifies the
 * sleeper without that.
 */

static bool asks_at_once;

static void
send_ringing(struct vqp_tx *tx, unsigned count, bool dies)
{
	struct vqp_span span[2];

	while (m.sent < count) {
		if (vqp_tx_reserve(tx, 1, span) != 1) {
			sim_await(&m.head);
			continue;
		}
		model_fill(span);
		if (vqp_tx_commit_edge(tx, 1) && !(dies && m.sent == count))
			sim_ring(0);
	}
}

static void
receive_ringing(struct vqp_rx *rx, unsigned count, bool dies)
{
	struct vqp_span span[2];

	while (m.received < count) {
		if (vqp_rx_peek(rx, 1, span) != 1) {
			sim_await(&m.tail);
			continue;
		}
		model_drain(span);
		if (vqp_rx_release_edge(rx, 1) &&
		    !(dies && m.received == count))
			sim_ring(0);
	}
}

static void
producer_dies(void)
{
	send_ringing(&m.tx, plan.first, true);
}

static void
producer_takes_over(void)
{
	sim_join("producer");
	sim_check(vqp_tx_attach(&new_tx, &m.ring) == VQP_SUCCESS,
	    "tx_attach refuses");
	if (asks_at_once && vqp_tx_publish_edge(&new_tx))
		sim_ring(0);
	send_ringing(&new_tx, plan.bytes, false);
}

static void
consumer_sleeps(void)
{
	struct vqp_span span[2];

	while (m.received < plan.bytes) {
		if (vqp_rx_peek(&m.rx, 1, span) == 1) {
			model_drain(span);
			vqp_rx_release(&m.rx, 1);
		} else if (vqp_rx_may_sleep(&m.rx)) {
			sim_wait(0);
		}
	}
}

static void
consumer_dies(void)
{
	receive_ringing(&m.rx, plan.first, true);
}

static void
consumer_takes_over(void)
{
	sim_join("consumer");
	sim_check(vqp_rx_attach(&new_rx, &m.ring) == VQP_SUCCESS,
	    "rx_attach refuses");
	if (asks_at_once && vqp_rx_publish_edge(&new_rx))
		sim_ring(0);
	receive_ringing(&new_rx, plan.bytes, false);
}

static void
producer_sleeps(void)
{
	struct vqp_span span[2];

	while (m.sent < plan.bytes) {
		if (vqp_tx_reserve(&m.tx, 1, span) == 1) {
			model_fill(span);
			vqp_tx_commit(&m.tx, 1);
		} else if (vqp_tx_may_sleep(&m.tx)) {
			sim_wait(0);
		}
	}
}

static const struct sim_model producer_killed = { start, NULL,
	{ { "producer", producer_dies }, { "successor", producer_takes_over },
	  { "consumer", consumer_sleeps } } };
static const struct sim_model consumer_killed = { start, NULL,
	{ { "producer", producer_sleeps }, { "consumer", consumer_dies },
	  { "successor", consumer_takes_over } } };

TEST(killed, "who slept when the other end was killed is rung by its successor")
{
	/* The ring is empty or not, and more bytes follow or none. */
	asks_at_once = true;
	plan = (struct plan){ 3, 1, 1, false };
	model_holds(&producer_killed);
	plan = (struct plan){ 3, 3, 2, false };
	model_holds(&producer_killed);
	plan = (struct plan){ 2, 3, 1, false };
	model_holds(&consumer_killed);
	plan = (struct plan){ 3, 4, 1, false };
	model_holds(&consumer_killed);
	asks_at_once = false;
	plan = (struct plan){ 3, 3, 1, false };
	model_holds(&producer_killed);
	plan = (struct plan){ 3, 3, 2, false };
	model_holds(&producer_killed);
	plan = (struct plan){ 3, 4, 1, false };
	model_holds(&consumer_killed);
}

/* ---- Each of these faults must fail. */

TEST(weakened, "an attach must acquire the peer's index")
{
	plan = (struct plan){ 3, 5, 3, false };
	model_fails(&producer_third, (struct sim_fault){
	    SIM_LOAD_RELAXED, "successor", "head" }, "race: ");
	model_fails(&consumer_third, (struct sim_fault){
	    SIM_LOAD_RELAXED, "successor", "tail" }, "race: ");
}

TEST_MAIN()
