/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The explorer against the classic litmus shapes.  The outcomes of each shape
 * are a constant that lists all of them: an extra outcome is as wrong as a
 * missing one.  Each shape is explored with and without the reduction, and so
 * are random programs, because skipping what was seen must not lose an outcome.
 *
 * The memory model is RC11 with full fences, so load buffering (LB) is
 * impossible.
 */
#include <vqp/atomic.h>

#include "model.h"
#include "rng.h"

static struct vqp_cell64 x, y, z;
static uint8_t byte;
static uint64_t r0, r1, r2, r3;

static void
start(void)
{
	x.v_ = y.v_ = z.v_ = 0;
	r0 = r1 = r2 = r3 = 0;
	sim_cell("x", &x, 8);
	sim_cell("y", &y, 8);
	sim_cell("z", &z, 8);
	sim_bytes("byte", &byte, 1);
}

/* Outcomes: each register is a digit, the first register the lowest digit. */
static void
bits(void)
{
	sim_outcome((unsigned)(r0 + 2 * r1 + 4 * r2 + 8 * r3));
}

#define THREAD(name, ...) static void name(void) { __VA_ARGS__ }
#define END(name, outcome)						\
	static void name(void) { sim_outcome((unsigned)(outcome)); }

/* The operations of a shape: load and store, relaxed or ordered; fence. */
#define R(cell) vqp_load_relaxed(&cell)
#define A(cell) vqp_load_acquire(&cell)
#define W(cell, value) vqp_store_relaxed(&cell, value)
#define L(cell, value) vqp_store_release(&cell, value)
#define F vqp_fence_full()

static uint64_t
outcomes(const struct sim_model *model, const struct sim_fault *fault)
{
	struct sim_report with, without;

	sim_explore(model, fault, 1000000, &with);
	sim_reduce = false;
	sim_explore(model, fault, 10000000, &without);
	sim_reduce = true;
	CHECK(!with.failed);
	CHECK(!without.failed);
	CHECK(with.outcomes == without.outcomes);
	CHECK(with.runs <= without.runs);
	printf("# %llu runs and %llu redundant; without reduction %llu\n",
	    (unsigned long long)with.runs, (unsigned long long)with.redundant,
	    (unsigned long long)without.runs);
	return with.outcomes;
}

#define SHAPE(expected, end_, ...) do {					\
	static const struct sim_model model = { start, end_,		\
	    { __VA_ARGS__ } };						\
	const uint64_t seen = outcomes(&model, NULL);			\
									\
	CHECK_EQ(seen & ~UINT64_C(expected), 0);	/* forbidden */	\
	CHECK_EQ(~seen & UINT64_C(expected), 0);	/* missing */	\
} while (0)
#define T(run) { #run, run }

/* ---- SB, store buffering: do both read the old value? */
THREAD(sb_x, W(x, 1); r0 = R(y);)
THREAD(sb_y, W(y, 1); r1 = R(x);)
THREAD(sb_x_ra, L(x, 1); r0 = A(y);)
THREAD(sb_y_ra, L(y, 1); r1 = A(x);)
THREAD(sb_x_f, W(x, 1); F; r0 = R(y);)
THREAD(sb_y_f, W(y, 1); F; r1 = R(x);)

TEST(sb, "store buffering needs a fence on both sides")
{
	SHAPE(0xf, bits, T(sb_x), T(sb_y));
	SHAPE(0xf, bits, T(sb_x_ra), T(sb_y_ra));
	SHAPE(0xf, bits, T(sb_x_f), T(sb_y));
	SHAPE(0xf, bits, T(sb_x), T(sb_y_f));
	SHAPE(0xe, bits, T(sb_x_f), T(sb_y_f));
}

/* ---- MP, message passing: is the flag seen, but not the message? */
THREAD(mp_w, W(x, 1); W(y, 1);)
THREAD(mp_w_l, W(x, 1); L(y, 1);)
THREAD(mp_w_f, W(x, 1); F; W(y, 1);)
THREAD(mp_r, r0 = R(y); r1 = R(x);)
THREAD(mp_r_a, r0 = A(y); r1 = R(x);)
THREAD(mp_r_f, r0 = R(y); F; r1 = R(x);)

TEST(mp, "a message needs release, or a fence, and acquire, or a fence")
{
	SHAPE(0xf, bits, T(mp_w), T(mp_r));
	SHAPE(0xf, bits, T(mp_w_l), T(mp_r));
	SHAPE(0xf, bits, T(mp_w), T(mp_r_a));
	SHAPE(0xf, bits, T(mp_w_f), T(mp_r));
	SHAPE(0xf, bits, T(mp_w), T(mp_r_f));
	SHAPE(0xd, bits, T(mp_w_l), T(mp_r_a));
	SHAPE(0xd, bits, T(mp_w_f), T(mp_r_f));
	SHAPE(0xd, bits, T(mp_w_f), T(mp_r_a));
	SHAPE(0xd, bits, T(mp_w_l), T(mp_r_f));
}

/* ---- LB, load buffering: do both read the future?  Not in this model. */
THREAD(lb_x, r0 = R(x); W(y, 1);)
THREAD(lb_y, r1 = R(y); W(x, 1);)

TEST(lb, "load buffering is not in this model")
{
	SHAPE(0x7, bits, T(lb_x), T(lb_y));
}

/* ---- Coherence: one word alone. */
THREAD(co_ww, W(x, 1); W(x, 2);)
THREAD(co_rr, r0 = R(x); r1 = R(x);)
THREAD(co_rr_2, r2 = R(x); r3 = R(x);)
THREAD(co_1, W(x, 1);)
THREAD(co_2, W(x, 2);)
THREAD(co_rw, r0 = R(x); W(x, 1);)
THREAD(co_wr, W(x, 1); r0 = R(x);)
END(co_two_reads, r0 + 3 * r1)
END(co_last, x.v_)
END(co_read_last, r0 + 3 * x.v_)

static uint64_t
co_order(uint64_t first, uint64_t second)
{
	return first == 1 && second == 2 ? 1 : first == 2 && second == 1 ? 2 : 0;
}

END(co_two_orders, co_order(r0, r1) + 3 * co_order(r2, r3))

TEST(coherence, "CoRR, CoWW, CoRW, CoWR: one word has one order")
{
	SHAPE(0x1d9, co_two_reads, T(co_ww), T(co_rr));
	SHAPE(0x15f, co_two_orders, T(co_1), T(co_2), T(co_rr), T(co_rr_2));
	SHAPE(0x4, co_last, T(co_ww), T(co_rr));
	SHAPE(0x68, co_read_last, T(co_rw), T(co_2));
	SHAPE(0x190, co_read_last, T(co_wr), T(co_2));
}

/* ---- 2+2W: are both first stores the last in order? */
THREAD(w22_x, W(x, 1); W(y, 2);)
THREAD(w22_y, W(y, 1); W(x, 2);)
THREAD(w22_x_l, L(x, 1); L(y, 2);)
THREAD(w22_y_l, L(y, 1); L(x, 2);)
THREAD(w22_x_f, W(x, 1); F; W(y, 2);)
THREAD(w22_y_f, W(y, 1); F; W(x, 2);)
END(w22_last, x.v_ - 1 + 2 * (y.v_ - 1))

TEST(w22, "2+2W: stores of two threads to two words need fences")
{
	SHAPE(0xf, w22_last, T(w22_x), T(w22_y));
	SHAPE(0xf, w22_last, T(w22_x_l), T(w22_y_l));
	SHAPE(0xf, w22_last, T(w22_x_f), T(w22_y));
	SHAPE(0xe, w22_last, T(w22_x_f), T(w22_y_f));
}

/* ---- R and S: a store that turns out to come first, against a read. */
THREAD(r_w, W(x, 1); W(y, 1);)
THREAD(r_r, W(y, 2); r0 = R(x);)
THREAD(r_w_l, W(x, 1); L(y, 1);)
THREAD(r_r_a, W(y, 2); r0 = A(x);)
THREAD(r_w_f, W(x, 1); F; W(y, 1);)
THREAD(r_r_f, W(y, 2); F; r0 = R(x);)
END(r_end, r0 + 2 * (y.v_ - 1))

THREAD(s_w, W(x, 2); W(y, 1);)
THREAD(s_r, r0 = R(y); W(x, 1);)
THREAD(s_w_l, W(x, 2); L(y, 1);)
THREAD(s_r_a, r0 = A(y); W(x, 1);)
END(s_end, r0 + 2 * (x.v_ - 1))

TEST(r_and_s, "R needs fences, S release and acquire")
{
	SHAPE(0xf, r_end, T(r_w), T(r_r));
	SHAPE(0xf, r_end, T(r_w_l), T(r_r_a));
	SHAPE(0xf, r_end, T(r_w), T(r_r_f));
	SHAPE(0xb, r_end, T(r_w_f), T(r_r_f));
	SHAPE(0xf, s_end, T(s_w), T(s_r));
	SHAPE(0xf, s_end, T(s_w_l), T(s_r));
	SHAPE(0x7, s_end, T(s_w_l), T(s_r_a));
}

/* ---- Three and four threads. */
THREAD(x_1, W(x, 1);)
THREAD(y_1, W(y, 1);)
THREAD(wrc_2, r0 = R(x); W(y, 1);)
THREAD(wrc_2_l, r0 = R(x); L(y, 1);)
THREAD(wrc_3, r1 = R(y); r2 = R(x);)
THREAD(wrc_3_a, r1 = A(y); r2 = R(x);)

TEST(wrc, "WRC: who passes on what it read needs release and acquire")
{
	SHAPE(0xff, bits, T(x_1), T(wrc_2), T(wrc_3));
	SHAPE(0xff, bits, T(x_1), T(wrc_2_l), T(wrc_3));
	SHAPE(0xff, bits, T(x_1), T(wrc_2), T(wrc_3_a));
	SHAPE(0xf7, bits, T(x_1), T(wrc_2_l), T(wrc_3_a));
}

THREAD(isa_1, W(x, 1); W(y, 1);)
THREAD(isa_2, r0 = R(y); W(z, 1);)
THREAD(isa_3, r1 = R(z); r2 = R(x);)
THREAD(isa_1_l, W(x, 1); L(y, 1);)
THREAD(isa_2_al, r0 = A(y); L(z, 1);)
THREAD(isa_2_l, r0 = R(y); L(z, 1);)
THREAD(isa_3_a, r1 = A(z); r2 = R(x);)

TEST(isa2, "ISA2: a chain of three holds if each link does")
{
	SHAPE(0xff, bits, T(isa_1), T(isa_2), T(isa_3));
	SHAPE(0xff, bits, T(isa_1_l), T(isa_2_l), T(isa_3_a));
	SHAPE(0xf7, bits, T(isa_1_l), T(isa_2_al), T(isa_3_a));
}

THREAD(rwc_2, r0 = R(x); r1 = R(y);)
THREAD(rwc_3, W(y, 1); r2 = R(x);)
THREAD(rwc_2_f, r0 = R(x); F; r1 = R(y);)
THREAD(rwc_3_f, W(y, 1); F; r2 = R(x);)

TEST(rwc, "RWC: a reader between two writers needs fences")
{
	SHAPE(0xff, bits, T(x_1), T(rwc_2), T(rwc_3));
	SHAPE(0xff, bits, T(x_1), T(rwc_2), T(rwc_3_f));
	SHAPE(0xfd, bits, T(x_1), T(rwc_2_f), T(rwc_3_f));
}

THREAD(iriw_3, r0 = A(x); r1 = A(y);)
THREAD(iriw_4, r2 = A(y); r3 = A(x);)
THREAD(iriw_3_f, r0 = R(x); F; r1 = R(y);)
THREAD(iriw_4_f, r2 = R(y); F; r3 = R(x);)

TEST(iriw, "IRIW: two readers agree on two writers only by fences")
{
	SHAPE(0xffff, bits, T(x_1), T(y_1), T(iriw_3), T(iriw_4));
	SHAPE(0xffff, bits, T(x_1), T(y_1), T(iriw_3_f), T(iriw_4));
	SHAPE(0xffdf, bits, T(x_1), T(y_1), T(iriw_3_f), T(iriw_4_f));
}

/* ---- Swaps, which the engine uses on bytes only. */
THREAD(swap_1, r0 = sim_swap_full(&x, 1);)
THREAD(swap_2, r1 = sim_swap_full(&x, 2);)
END(swap_both, r0 + 3 * r1)

THREAD(rs_1, W(x, 1); L(y, 1);)
THREAD(rs_2, r2 = sim_swap_full(&y, 2);)
THREAD(rs_3, r0 = A(y); r1 = R(x);)
END(rs_end, r0 + 3 * r1 + 6 * r2)

TEST(swaps, "a swap is whole, and hands on the release it took the place of")
{
	static const struct sim_model rs = { start, rs_end,
	    { T(rs_1), T(rs_2), T(rs_3) } };
	static const struct sim_fault relaxed = {
	    SIM_SWAP_RELAXED, "rs_2", "y" };

	SHAPE(0xc, swap_both, T(swap_1), T(swap_2));
	CHECK_EQ(outcomes(&rs, &relaxed), 0xe7d);
}

/* ---- Plain bytes. */
THREAD(race_w, byte = 1; L(y, 1);)
THREAD(race_w_rlx, byte = 1; W(y, 1);)
THREAD(race_r, if (A(y) == 1) r0 = byte;)
THREAD(race_r_rlx, if (R(y) == 1) r0 = byte;)
THREAD(race_reuse, r0 = byte; L(y, 1);)
THREAD(race_reuse_rlx, r0 = byte; W(y, 1);)
THREAD(race_user, if (A(y) == 1) byte = 2;)

static bool
races(void (*one)(void), void (*two)(void))
{
	const struct sim_model model = { start, NULL,
	    { { "one", one }, { "two", two } } };
	struct sim_report report;

	sim_explore(&model, NULL, 1000, &report);
	return report.failed && strncmp(report.why, "race: ", 6) == 0;
}

TEST(plain, "bytes race unless release and acquire stand between")
{
	CHECK(!races(race_w, race_r));
	CHECK(races(race_w_rlx, race_r));
	CHECK(races(race_w, race_r_rlx));
	CHECK(!races(race_reuse, race_user));
	CHECK(races(race_reuse_rlx, race_user));
}

/* ---- The explorer's own alarms. */
THREAD(waits, sim_wait(0);)
THREAD(nothing, (void)0;)
THREAD(lies, sim_check(R(x) == 0, "x is not 0");)

TEST(alarms, "a hang, a false property and an unfinished search are failures")
{
	static const struct sim_model hang = { start, NULL,
	    { T(waits), T(nothing) } };
	static const struct sim_model lie = { start, NULL,
	    { T(lies), T(x_1) } };
	static const struct sim_model large = { start, NULL,
	    { T(x_1), T(y_1), T(iriw_3), T(iriw_4) } };
	struct sim_report report;

	sim_explore(&hang, NULL, 10, &report);
	CHECK(report.failed);
	sim_explore(&lie, NULL, 10, &report);
	CHECK(report.failed);
	CHECK(strcmp(report.why, "x is not 0") == 0);
	sim_explore(&large, NULL, 5, &report);
	CHECK(report.failed);
	CHECK(strcmp(report.why, "not complete after 5 runs") == 0);
}

/* ---- Random programs: three threads, two words, a few operations each. */
#define RANDOM_VERBS 2
static uint8_t random_verb[3][RANDOM_VERBS];
static uint64_t random_read[3];

static void
random_thread(unsigned t)
{
	random_read[t] = 0;
	for (unsigned i = 0; i < RANDOM_VERBS; i++) {
		const uint8_t verb = random_verb[t][i];
		struct vqp_cell64 *cell = verb & 1 ? &x : &y;
		uint64_t read = 0;

		switch (verb >> 1) {
		case 0:
			read = vqp_load_relaxed(cell);
			break;
		case 1:
			read = vqp_load_acquire(cell);
			break;
		case 2:
			vqp_store_relaxed(cell, 2 * t + i + 1);
			break;
		case 3:
			vqp_store_release(cell, 2 * t + i + 1);
			break;
		case 4:
			read = sim_swap_full(cell, 2 * t + i + 1);
			break;
		case 5:
			vqp_fence_full();
			break;
		}
		random_read[t] = 10 * random_read[t] + read;
	}
}

THREAD(random_0, random_thread(0);)
THREAD(random_1, random_thread(1);)
THREAD(random_2, random_thread(2);)
END(random_end, (random_read[0] + 7 * random_read[1] + 31 * random_read[2] +
    5 * x.v_ + 11 * y.v_) % 61)

TEST(random_programs, "the reduction loses no outcome of random programs")
{
	static const struct sim_model model = { start, random_end,
	    { T(random_0), T(random_1), T(random_2) } };
	struct rng rng = { 1 };
	uint64_t with_runs = 0, without_runs = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct sim_report with, without;

		for (unsigned t = 0; t < 3; t++) {
			for (unsigned v = 0; v < RANDOM_VERBS; v++)
				random_verb[t][v] =
				    (uint8_t)rng_below(&rng, 12);
		}
		sim_explore(&model, NULL, 1000000, &with);
		sim_reduce = false;
		sim_explore(&model, NULL, 1000000, &without);
		sim_reduce = true;
		CHECK(!with.failed);
		CHECK(!without.failed);
		CHECK(with.outcomes == without.outcomes);
		with_runs += with.runs + with.redundant;
		without_runs += without.runs;
	}
	printf("# %llu runs; without reduction %llu\n",
	    (unsigned long long)with_runs, (unsigned long long)without_runs);
	CHECK(10 * with_runs < without_runs);
}

TEST_MAIN()
