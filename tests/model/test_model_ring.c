/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Models of E1 and E2 in the shipped ring.h and pair.h: all schedules of a
 * producer and a consumer, and everything that they may see of each other's
 * index, on rings of 3 and 4 bytes that begin just below the wrap.  Every byte
 * arrives in order, and no access to a byte races.
 */
#include <vqp/pair.h>

#include "model_ring.h"

static struct plan {
	uint64_t size;
	unsigned bytes;		/* of the whole stream */
	unsigned chunk;
	unsigned batch;		/* chunks in one publish */
	enum { RELEASE, LAZY, EARLY } release;
	unsigned refusals;	/* that a side may meet; then it waits */
} plan;

static void
start(void)
{
	model_ring_start(plan.size, plan.size - 1);
}

/*
 * Check the answer `n` of a call.  After a refusal the caller tries again: at
 * once for some times, then when the peer has moved its index.
 */
static bool
served(int64_t n, int64_t refusal, unsigned *refusals,
    const struct vqp_cell64 *index)
{
	sim_check(n > 0 || n == refusal, "an end calls its peer a liar");
	if (n > 0)
		return true;
	if (++*refusals > plan.refusals)
		sim_await(index);
	return false;
}

static void
producer(void)
{
	unsigned staged = 0, refusals = 0;
	struct vqp_span span[2];

	while (m.sent < plan.bytes) {
		const int64_t n = vqp_tx_reserve(&m.tx, plan.chunk, span);

		if (n == VQP_ERROR_NO_SPACE && staged != 0) {
			vqp_tx_publish(&m.tx);
			staged = 0;
			continue;
		}
		if (!served(n, VQP_ERROR_NO_SPACE, &refusals, &m.head))
			continue;
		model_fill(span);
		vqp_tx_stage(&m.tx, (uint64_t)n);
		if (++staged >= plan.batch || m.sent >= plan.bytes) {
			vqp_tx_publish(&m.tx);
			staged = 0;
		}
	}
}

static void
consumer(void)
{
	struct vqp_span span[2];
	unsigned refusals = 0;

	while (m.received < plan.bytes) {
		const int64_t n = vqp_rx_peek(&m.rx, plan.chunk, span);

		if (!served(n, VQP_ERROR_NO_DATA, &refusals, &m.tail))
			continue;
		if (plan.release == EARLY)
			vqp_rx_release(&m.rx, (uint64_t)n);
		model_drain(span);
		if (plan.release == LAZY)
			vqp_rx_release_lazy(&m.rx, (uint64_t)n);
		else if (plan.release == RELEASE)
			vqp_rx_release(&m.rx, (uint64_t)n);
	}
}

static const struct sim_model ring = { start, NULL,
	{ { "producer", producer }, { "consumer", consumer } } };

static void
holds(struct plan p)
{
	plan = p;
	printf("# ring of %u, %u bytes by %u, batches of %u%s, %u refusals\n",
	    (unsigned)p.size, p.bytes, p.chunk, p.batch,
	    p.release == LAZY ? ", lazily" : "", p.refusals);
	model_holds(&ring);
}

/* One byte more with VQP_TEST_LONG. */
static unsigned
longer(unsigned count)
{
	return count + (getenv("VQP_TEST_LONG") != NULL);
}

TEST(fifo, "a stream longer than the ring arrives, byte by byte and in chunks")
{
	holds((struct plan){ 3, longer(6), 1, 1, RELEASE, 0 });
	holds((struct plan){ 4, longer(7), 1, 1, RELEASE, 0 });
	holds((struct plan){ 3, longer(7), 2, 1, RELEASE, 0 });
	holds((struct plan){ 4, 2 * longer(5), 2, 1, RELEASE, 0 });
}

TEST(refused, "an end that was refused, and tries at once, goes on as before")
{
	holds((struct plan){ 3, longer(5), 1, 1, RELEASE, 1 });
	holds((struct plan){ 4, 2 * longer(4), 2, 1, RELEASE, 1 });
}

TEST(staged, "bytes that are published in batches arrive")
{
	holds((struct plan){ 3, longer(6), 1, 2, RELEASE, 0 });
	holds((struct plan){ 4, longer(7), 1, 3, RELEASE, 0 });
	holds((struct plan){ 4, 2 * longer(5), 2, 2, RELEASE, 0 });
}

TEST(lazy, "space that is released lazily comes back in time")
{
	holds((struct plan){ 3, longer(6), 1, 1, LAZY, 0 });
	holds((struct plan){ 4, longer(7), 1, 1, LAZY, 0 });
	holds((struct plan){ 4, 2 * longer(5), 2, 1, LAZY, 0 });
	holds((struct plan){ 4, longer(7), 1, 3, LAZY, 0 });
}

/* ---- The calls of pair.h: a sends to b, with the copies. */

static uint8_t headers[2][sizeof(struct vqp_queue_header_wide)] VQP_ALIGNED(64);
static struct vqp_pair a, b;
static enum vqp_layout layout;
static bool vectors;

static void
pair_start(void)
{
	struct vqp_queue_header_wide *page =
	    (struct vqp_queue_header_wide *)headers;
	const struct vqp_handle handle = { 3, 1024 };
	struct vqp_pair_config config = { .handle = handle, .layout = layout,
		.produce = { headers[0], m.data, plan.size, false },
		.consume = { headers[1], NULL, 0, false } };
	const bool is_wide = layout == VQP_LAYOUT_WIDE;
	struct vqp_cell64 *tail = is_wide ? &page[0].producer_tail :
	    &page[0].compat.producer_tail;
	struct vqp_cell64 *head = is_wide ? &page[1].consumer_head :
	    &page[1].compat.consumer_head;

	memset(&m, 0, sizeof(m));
	vqp_queue_header_init(headers[0], handle);
	vqp_queue_header_init(headers[1], handle);
	tail->v_ = head->v_ = plan.size - 1;
	if (vqp_pair_attach(&a, &config) != VQP_SUCCESS)
		abort();
	config.consume = config.produce;
	config.produce = (struct vqp_queue){ headers[1], NULL, 0, false };
	if (vqp_pair_attach(&b, &config) != VQP_SUCCESS)
		abort();
	sim_cell("tail", tail, sizeof(*tail));
	sim_cell("head", head, sizeof(*head));
	sim_bytes("ring", m.data, plan.size);
}

static void
sender(void)
{
	unsigned refusals = 0;

	while (m.sent < plan.bytes) {
		uint8_t message[2] = {
		    (uint8_t)(m.sent + 1), (uint8_t)(m.sent + 2) };
		const struct vqp_iovec pieces[2] = {
		    { &message[0], 1 }, { &message[1], plan.chunk - 1 } };

		if (served(vectors ? vqp_pair_enqueuev(&a, pieces, 2) :
		    vqp_pair_send(&a, message, plan.chunk),
		    VQP_ERROR_NO_SPACE, &refusals, a.tx.head_cell))
			m.sent += plan.chunk;
	}
}

static void
receiver(void)
{
	unsigned refusals = 0;

	while (m.received < plan.bytes) {
		uint8_t message[2];
		const struct vqp_span span[2] = {
		    { message, plan.chunk }, { NULL, 0 } };
		const struct vqp_iovec pieces[2] = {
		    { &message[0], 1 }, { &message[1], plan.chunk - 1 } };

		if (served(vectors ? vqp_pair_dequeuev(&b, pieces, 2) :
		    vqp_pair_receive(&b, message, plan.chunk),
		    VQP_ERROR_NO_DATA, &refusals, b.rx.tail_cell))
			model_drain(span);
	}
}

static const struct sim_model pair = { pair_start, NULL,
	{ { "producer", sender }, { "consumer", receiver } } };

TEST(messages, "send and receive copy whole messages, in both layouts")
{
	vectors = false;
	for (layout = VQP_LAYOUT_COMPAT; layout <= VQP_LAYOUT_WIDE; layout++) {
		plan = (struct plan){ 3, 5, 1, 1, RELEASE, 0 };
		model_holds(&pair);
		plan = (struct plan){ 4, 8, 2, 1, RELEASE, 0 };
		model_holds(&pair);
		/*
		 * Two messages at once, so that the second takes the fast path.
		 */
		plan = (struct plan){ 5, 8, 2, 1, RELEASE, 0 };
		model_holds(&pair);
	}
}

/* Pieces of one byte: no answer is partial. */
TEST(vectors, "the verbs with vectors do")
{
	vectors = true;
	layout = VQP_LAYOUT_COMPAT;
	plan = (struct plan){ 4, 5, 1, 1, RELEASE, 0 };
	model_holds(&pair);
}

/* One byte with more to follow, then more bytes than there is space for. */
static void
more_sender(void)
{
	const uint8_t bytes[4] = { 1, 2, 3, 4 };

	sim_check(vqp_pair_send_more(&a, bytes, 1) == 1, "send_more");
	while (vqp_pair_send(&a, bytes + 1, 3) != 3)
		sim_await(a.tx.head_cell);
	m.sent = 4;
}

static const struct sim_model more_pair = { pair_start, NULL,
	{ { "producer", more_sender }, { "consumer", receiver } } };

TEST(more, "what was sent with more to follow is seen when the rest must wait")
{
	vectors = false;
	layout = VQP_LAYOUT_COMPAT;
	plan = (struct plan){ 4, 4, 1, 1, RELEASE, 0 };
	model_holds(&more_pair);
}

/*
 * A message, and one that fills the ring.  The consumer, which has received the
 * first message, waits for the second one by querying how many bytes there are.
 */
static void
filling_sender(void)
{
	const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	sim_check(vqp_pair_send(&a, bytes, 1) == 1, "send");
	while (vqp_pair_send(&a, bytes + 1, 7) != 7)
		sim_await(a.tx.head_cell);
	m.sent = 8;
}

static void
polling_receiver(void)
{
	uint8_t bytes[7];

	while (vqp_pair_receive(&b, bytes, 1) != 1)
		sim_await(b.rx.tail_cell);
	while (vqp_pair_poll(&b) != 7)
		sim_await(b.rx.tail_cell);
	sim_check(vqp_pair_receive(&b, bytes, 7) == 7 && bytes[6] == 8,
	    "receive");
	m.received = 8;
}

static const struct sim_model polled_pair = { pair_start, NULL,
	{ { "producer", filling_sender }, { "consumer", polling_receiver } } };

TEST(polls, "a consumer that waits by asking gives its space back")
{
	layout = VQP_LAYOUT_COMPAT;
	plan = (struct plan){ 8, 8, 1, 1, RELEASE, 0 };
	model_holds(&polled_pair);
}

/* ---- Each of these faults must fail. */

TEST(weakened, "each half of E1 and E2 is needed")
{
	static const struct sim_model *const models[] = { &ring, &pair };

	vectors = false;
	layout = VQP_LAYOUT_COMPAT;
	plan = (struct plan){ 3, 6, 1, 1, RELEASE, 0 };
	for (unsigned i = 0; i < 2; i++) {
		model_fails(models[i], (struct sim_fault){
		    SIM_STORE_RELAXED, "producer", "tail" }, "race: ");
		model_fails(models[i], (struct sim_fault){
		    SIM_LOAD_RELAXED, "consumer", "tail" }, "race: ");
		model_fails(models[i], (struct sim_fault){
		    SIM_STORE_RELAXED, "consumer", "head" }, "race: ");
		model_fails(models[i], (struct sim_fault){
		    SIM_LOAD_RELAXED, "producer", "head" }, "race: ");
	}
}

TEST(early, "a consumer that releases before it reads is caught")
{
	struct sim_report report;

	/* Two bytes at once: the last one becomes the byte that stays empty. */
	plan = (struct plan){ 4, 8, 2, 1, EARLY, 0 };
	sim_explore(&ring, NULL, MODEL_RUNS_MAX, &report);
	CHECK(report.failed);
	CHECK(strncmp(report.why, "race: ", 6) == 0);
}

TEST_MAIN()
