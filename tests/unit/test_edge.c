/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who must be woken when: every state that two ends of a small ring can reach
 * by any sequence of verbs is visited once, breadth first, with each end
 * awake or asleep.  The model beside them knows what an edge must answer.
 *
 * An edge and a question for sleep are two steps, publish and look.  Built on
 * the hook backend, any verb of the other end also happens between the two.
 */
#include "hook.h"
#include "loop.h"
#include "test.h"

/*
 * The model.  A window counts the bytes that were published, or given back,
 * since the end last asked for an edge, as far as they are still unread, or
 * free.  An edge is due when they are all there are: before them the ring was
 * empty, or full, and the other end may have fallen asleep on it.
 */
static struct world {
	struct loop loop;
	uint64_t tx_window, rx_window;
	uint64_t tx_asleep, rx_asleep;
} world;

static uint64_t
unread(void)
{
	return vqp_ring_distance(world.loop.head_cell.v_,
	    world.loop.tail_cell.v_, world.loop.ring.size);
}

static uint64_t
unused(void)
{
	return world.loop.ring.size - 1 - unread();
}

static void
tx_model_publish(void)
{
	world.tx_window += vqp_ring_distance(world.loop.tail_cell.v_,
	    world.loop.tx.tail, world.loop.ring.size);
}

static void
rx_model_publish(uint64_t head)
{
	world.rx_window += vqp_ring_distance(world.loop.head_cell.v_, head,
	    world.loop.ring.size);
}

/* Keeps the states finite: only bytes that are still there matter. */
static void
model_shrink(void)
{
	if (world.tx_window > unread())
		world.tx_window = unread();
	if (world.rx_window > unused())
		world.rx_window = unused();
}

enum verb {
	TX_STAGE, TX_PUBLISH, TX_EDGE, TX_SLEEP, TX_WAKE,
	RX_STAGE, RX_LAZY, RX_PUBLISH, RX_EDGE, RX_SLEEP, RX_WAKE,
};

static const char *const verb_name[] = {
	"tx_reserve+stage", "tx_publish", "tx_publish_edge", "tx_may_sleep",
	"tx wakes by itself", "rx_peek+stage", "rx_peek+release_lazy",
	"rx_publish", "rx_publish_edge", "rx_may_sleep", "rx wakes by itself",
};

struct action {
	enum verb verb;
	uint64_t want, take;		/* of TX_STAGE, RX_STAGE, RX_LAZY */
	const struct action *between;	/* of the other end, after publishing */
};

/* Does nothing if the end sleeps, or the offer is shorter than the take. */
static void act(const struct action *action);

static const struct action *between;

static void
before_verb(enum hook_verb verb, const void *cell)
{
	const struct action *action = between;

	if (verb != HOOK_LOAD_RELAXED || action == NULL ||
	    cell != (action->verb >= RX_STAGE ?
	    &world.loop.head_cell : &world.loop.tail_cell))
		return;
	between = NULL;
	act(action);
}

static void
tx_stage(uint64_t want, uint64_t take)
{
	struct vqp_span out[2];
	const int64_t n = vqp_tx_reserve(&world.loop.tx, want, out);

	if (n > 0 && take <= (uint64_t)n)
		vqp_tx_stage(&world.loop.tx, take);
}

static void
rx_stage(uint64_t want, uint64_t take, bool lazy)
{
	struct vqp_rx *rx = &world.loop.rx;
	const uint64_t head_old = world.loop.head_cell.v_;
	struct vqp_span out[2];
	const int64_t n = vqp_rx_peek(rx, want, out);

	/* Empty for us, so what we gave back lazily is the producer's. */
	if (n == VQP_ERROR_NO_DATA)
		CHECK_EQ(world.loop.head_cell.v_,
		    rx->head_released.v_);
	if (n > 0 && take <= (uint64_t)n) {
		if (lazy)
			vqp_rx_release_lazy(rx, take);
		else
			vqp_rx_stage(rx, take);
	}
	world.rx_window += vqp_ring_distance(head_old,
	    world.loop.head_cell.v_, world.loop.ring.size);
}

static void
tx_edge(void)
{
	bool edge;

	tx_model_publish();
	edge = vqp_tx_publish_edge(&world.loop.tx);
	CHECK_EQ(edge, unread() != 0 && world.tx_window >= unread());
	CHECK(edge || !world.rx_asleep || unread() == 0);
	world.tx_window = 0;
	if (edge)
		world.rx_asleep = false;
}

static void
rx_edge(void)
{
	bool edge;

	rx_model_publish(world.loop.rx.head);
	edge = vqp_rx_publish_edge(&world.loop.rx);
	CHECK_EQ(edge, unused() != 0 && world.rx_window >= unused());
	CHECK(edge || !world.tx_asleep || unused() == 0);
	world.rx_window = 0;
	if (edge)
		world.tx_asleep = false;
}

static void
act(const struct action *action)
{
	const bool is_rx = action->verb >= RX_STAGE;
	const bool is_wake =
	    action->verb == TX_WAKE || action->verb == RX_WAKE;

	if ((is_rx ? world.rx_asleep : world.tx_asleep) != is_wake)
		return;
	between = action->between;
	switch (action->verb) {
	case TX_STAGE:
		tx_stage(action->want, action->take);
		break;
	case TX_PUBLISH:
		tx_model_publish();
		vqp_tx_publish(&world.loop.tx);
		break;
	case TX_EDGE:
		tx_edge();
		break;
	case TX_SLEEP:
		tx_model_publish();
		world.tx_asleep = vqp_tx_may_sleep(&world.loop.tx);
		CHECK_EQ(world.tx_asleep, unused() == 0);
		break;
	case TX_WAKE:
		world.tx_asleep = false;
		break;
	case RX_STAGE:
	case RX_LAZY:
		rx_stage(action->want, action->take, action->verb == RX_LAZY);
		break;
	case RX_PUBLISH:
		rx_model_publish(world.loop.rx.head);
		vqp_rx_publish(&world.loop.rx);
		break;
	case RX_EDGE:
		rx_edge();
		break;
	case RX_SLEEP:
		rx_model_publish(world.loop.rx.head);
		world.rx_asleep = vqp_rx_may_sleep(&world.loop.rx);
		CHECK_EQ(world.rx_asleep, unread() == 0);
		break;
	case RX_WAKE:
		world.rx_asleep = false;
		break;
	}
	model_shrink();
}

/*
 * All that distinguishes one state from another, three bits each.  What is
 * left out never changes here, or is a copy, which visit() checks.
 */
#define STATE(field)							\
	field(tx_window) field(rx_window)				\
	field(tx_asleep) field(rx_asleep)				\
	field(loop.tail_cell.v_) field(loop.head_cell.v_)		\
	field(loop.tx.tail) field(loop.tx.soft)				\
	field(loop.tx.head_seen) field(loop.tx.tail_rung)		\
	field(loop.rx.head) field(loop.rx.soft)				\
	field(loop.rx.tail_seen) field(loop.rx.head_rung)		\
	field(loop.rx.head_released.v_)
#define STATE_BITS 3

static uint64_t
state_pack(void)
{
	uint64_t state = 0;
	unsigned at = 0;

#define PACK(field) state |= world.field << at; at += STATE_BITS;
	STATE(PACK)
	return state;
}

static void
state_unpack(uint64_t state)
{
#define UNPACK(field)							\
	world.field = state & ((1u << STATE_BITS) - 1);			\
	state >>= STATE_BITS;
	STATE(UNPACK)
	world.loop.tx.tail_published = world.loop.tail_cell;
	world.loop.rx.head_published = world.loop.head_cell.v_;
}

/* Every state seen, in the order of discovery, and how it was reached. */
#define VISITS_MAX (1u << 17)
static struct visit {
	uint64_t state;
	const struct action *action;
	uint32_t parent;
} visits[VISITS_MAX];
static uint32_t visit_count;
static uint32_t visit_table[2 * VISITS_MAX];	/* hash -> visit + 1 */

static void
visit(uint32_t parent, const struct action *action)
{
	const uint64_t state = state_pack();
	uint32_t slot = (uint32_t)(state * UINT64_C(0x9e3779b97f4a7c15) >> 46);

	CHECK_EQ(world.loop.tx.tail_published.v_, world.loop.tail_cell.v_);
	CHECK_EQ(world.loop.rx.head_published, world.loop.head_cell.v_);
	CHECK_EQ(world.loop.tx.broken.v_, VQP_INTACT);
	CHECK_EQ(world.loop.rx.broken.v_, VQP_INTACT);
	for (; visit_table[slot] != 0; slot = (slot + 1) % (2 * VISITS_MAX)) {
		if (visits[visit_table[slot] - 1].state == state)
			return;
	}
	if (visit_count == VISITS_MAX)
		abort();
	visits[visit_count] = (struct visit){ state, action, parent };
	visit_table[slot] = ++visit_count;
}

static void
say_action(const struct action *action)
{
	printf("#   %s %u %u\n", verb_name[action->verb],
	    (unsigned)action->want, (unsigned)action->take);
	if (action->between != NULL) {
		printf("#     and before it looks:\n");
		say_action(action->between);
	}
}

static void
say_path(uint32_t at)
{
	if (visits[at].action == NULL) {
		printf("# in a ring of %u bytes, from index %u:\n",
		    (unsigned)world.loop.ring.size, (unsigned)at);
		return;
	}
	say_path(visits[at].parent);
	say_action(visits[at].action);
}

/* All actions in a ring of `size` bytes; those that look, with a between. */
#define ACTIONS_MAX 128

static unsigned
actions_list(uint64_t size, struct action actions[ACTIONS_MAX])
{
	unsigned count = 0, plain;

	for (enum verb verb = TX_STAGE; verb <= RX_WAKE; verb++) {
		if (verb != TX_STAGE && verb != RX_STAGE && verb != RX_LAZY) {
			actions[count++] = (struct action){ .verb = verb };
			continue;
		}
		/* One byte by the soft limit, or what only a look allows. */
		for (uint64_t want = 1; want <= size; want += size - 1) {
			for (uint64_t take = 0; take <= want && take < size;
			    take++)
				actions[count++] = (struct action){
				    verb, want, take, NULL };
			if (size == 1)
				break;
		}
	}
	plain = count;
	for (unsigned i = 0; i < plain; i++) {
		const enum verb verb = actions[i].verb;

		if (verb != TX_EDGE && verb != TX_SLEEP && verb != RX_EDGE &&
		    verb != RX_SLEEP)
			continue;
		for (unsigned j = 0; j < plain; j++) {
			if ((actions[j].verb >= RX_STAGE) ==
			    (verb >= RX_STAGE))
				continue;
			if (count == ACTIONS_MAX)
				abort();
			actions[count++] = (struct action){ .verb = verb,
			    .between = &actions[j] };
		}
	}
	return count;
}

static void
explore(uint64_t size)
{
	static struct action actions[ACTIONS_MAX];
	const unsigned count = actions_list(size, actions);

	memset(&world, 0, sizeof(world));
	memset(visit_table, 0, sizeof(visit_table));
	visit_count = 0;
	hook.before = before_verb;
	loop_open(&world.loop, size);
	for (uint64_t at = 0; at < size; at++) {
		loop_start(&world.loop, at, at);
		/* Of the space that is there nothing may be announced. */
		world.rx_window = unused();
		visit(0, NULL);
	}
	for (uint32_t i = 0; i < visit_count; i++) {
		for (unsigned a = 0; a < count; a++) {
			state_unpack(visits[i].state);
			act(&actions[a]);
			visit(i, &actions[a]);
			if (test_state.failures != 0) {
				say_path(i);
				say_action(&actions[a]);
				goto out;
			}
		}
	}
out:
	loop_close(&world.loop);
}

TEST(small_rings, "no lost and no needless bell in any state of a small ring")
{
	for (uint64_t size = 1; size <= 6 && test_state.failures == 0; size++)
		explore(size);
}

TEST_MAIN()
