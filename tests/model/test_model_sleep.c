/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Models of E3 in the shipped ring.h, in both directions: a side that sleeps on
 * an empty or a full ring is notified.  If no notification comes, the side
 * waits without end, and the explorer reports that as a violation.
 */
#include "model_ring.h"

enum bell { FOR_CONSUMER, FOR_PRODUCER };

static struct plan {
	uint64_t size;
	unsigned bytes;			/* of the whole stream, one by one */
	bool producer_sleeps;		/* or it polls */
	bool consumer_sleeps;
	/*
	 * Bytes from one notification to the next, or from publish to publish
	 * if none is due; what is staged then is published by the request to
	 * sleep.
	 */
	unsigned batch;
	/* The same for space, if the producer does not sleep. */
	enum { AT_ONCE, LAZY, STAGED } release;
} plan;

static void
start(void)
{
	model_ring_start(plan.size, plan.size - 1);
}

static void
producer(void)
{
	struct vqp_span span[2];
	unsigned since_edge = 0;

	while (m.sent < plan.bytes) {
		const int64_t n = vqp_tx_reserve(&m.tx, 1, span);

		sim_check(n == 1 || n == VQP_ERROR_NO_SPACE, "broken");
		if (n == 1) {
			model_fill(span);
			vqp_tx_stage(&m.tx, 1);
			if (!plan.consumer_sleeps) {
				if (m.sent % plan.batch == 1 % plan.batch ||
				    m.sent == plan.bytes)
					vqp_tx_publish(&m.tx);
				continue;
			}
			if (++since_edge < plan.batch && m.sent < plan.bytes) {
				vqp_tx_publish(&m.tx);
				continue;
			}
		} else if (since_edge == 0) {
			if (!plan.producer_sleeps)
				sim_await(&m.head);
			else if (vqp_tx_may_sleep(&m.tx))
				sim_wait(FOR_PRODUCER);
			continue;
		}
		/*
		 * The producer owes the consumer a notification before it waits
		 * for space.
		 */
		if (vqp_tx_publish_edge(&m.tx))
			sim_ring(FOR_CONSUMER);
		since_edge = 0;
	}
}

static void
consumer(void)
{
	struct vqp_span span[2];

	while (m.received < plan.bytes) {
		const int64_t n = vqp_rx_peek(&m.rx, 1, span);

		sim_check(n == 1 || n == VQP_ERROR_NO_DATA, "broken");
		if (n != 1) {
			if (!plan.consumer_sleeps)
				sim_await(&m.tail);
			else if (vqp_rx_may_sleep(&m.rx))
				sim_wait(FOR_CONSUMER);
			continue;
		}
		model_drain(span);
		if (plan.producer_sleeps) {
			if (vqp_rx_release_edge(&m.rx, 1))
				sim_ring(FOR_PRODUCER);
		} else if (plan.release == LAZY) {
			vqp_rx_release_lazy(&m.rx, 1);
		} else if (plan.release == STAGED) {
			vqp_rx_stage(&m.rx, 1);
		} else {
			vqp_rx_release(&m.rx, 1);
		}
	}
}

static const struct sim_model sleeping = { start, NULL,
	{ { "producer", producer }, { "consumer", consumer } } };

static void
holds(struct plan p)
{
	plan = p;
	printf("# ring of %u, %u bytes, an edge every %u; sleeps:%s%s%s\n",
	    (unsigned)p.size, p.bytes, p.batch,
	    p.producer_sleeps ? " producer" : "",
	    p.consumer_sleeps ? " consumer" : "",
	    p.release == LAZY ? "; released lazily" :
	    p.release == STAGED ? "; released when it sleeps" : "");
	model_holds(&sleeping);
}

static void
fails(struct plan p, const char *thread)
{
	plan = p;
	model_fails(&sleeping, (struct sim_fault){ SIM_NO_FENCE, thread, NULL },
	    "a thread waits");
}

TEST(empty, "a consumer asleep on an empty ring is rung")
{
	holds((struct plan){ 2, 3, false, true, 1, AT_ONCE });
	holds((struct plan){ 3, 4, false, true, 1, AT_ONCE });
	holds((struct plan){ 3, 4, false, true, 2, AT_ONCE });
	holds((struct plan){ 3, 3, false, true, 1, LAZY });
	holds((struct plan){ 3, 3, false, true, 1, STAGED });
	if (getenv("VQP_TEST_LONG") == NULL)
		return;
	holds((struct plan){ 4, 4, false, true, 1, AT_ONCE });
	holds((struct plan){ 3, 4, false, true, 1, LAZY });
	holds((struct plan){ 2, 4, false, true, 1, AT_ONCE });
}

TEST(full, "a producer asleep on a full ring is rung")
{
	holds((struct plan){ 2, 3, true, false, 1, AT_ONCE });
	holds((struct plan){ 3, 4, true, false, 1, AT_ONCE });
	holds((struct plan){ 3, 4, true, false, 2, AT_ONCE });
	holds((struct plan){ 4, 5, true, false, 1, AT_ONCE });
	if (getenv("VQP_TEST_LONG") == NULL)
		return;
	holds((struct plan){ 3, 5, true, false, 1, AT_ONCE });
}

TEST(both, "both may sleep")
{
	holds((struct plan){ 2, 2, true, true, 1, AT_ONCE });
	holds((struct plan){ 3, 3, true, true, 1, AT_ONCE });
}

/* ---- Each of these faults must fail. */

TEST(weakened_empty, "a sleeping consumer needs the fence of both")
{
	fails((struct plan){ 3, 4, false, true, 1, AT_ONCE }, "producer");
	fails((struct plan){ 3, 4, false, true, 1, AT_ONCE }, "consumer");
}

/*
 * In a ring of 2 the consumer cannot be behind, because it has seen the one
 * byte.
 */
TEST(weakened_full, "a sleeping producer needs the fence of both")
{
	fails((struct plan){ 3, 5, true, false, 1, AT_ONCE }, "producer");
	fails((struct plan){ 3, 5, true, false, 1, AT_ONCE }, "consumer");
}

TEST_MAIN()
