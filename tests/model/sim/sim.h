/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An explorer of everything that threads can see of each other's memory.
 *
 *	start() lays out memory, names the shared words and the plain bytes;
 *	each thread runs once; end() judges what is left.
 *
 * sim_explore() repeats that for every schedule and for every value that each
 * load may return, and stops at the first violation.  The verbs are those of
 * vqp/atomic.h, by the backend beside this file.  README.md says which memory
 * model this is and how the search is cut.
 *
 * A program is deterministic but for its verbs.  Its threads' stacks are small:
 * no printf there.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_THREADS 4
#define SIM_CELLS 8
#define SIM_BELLS 2

enum sim_order { SIM_RELAXED, SIM_ACQUIRE, SIM_RELEASE };

/* How a run can be made weaker than the code says. */
enum sim_weakness {
	SIM_AS_WRITTEN,
	SIM_LOAD_RELAXED,	/* the thread's acquiring loads of the cell */
	SIM_STORE_RELAXED,	/* its releasing stores to the cell */
	SIM_NO_FENCE,		/* its full fences */
	SIM_SWAP_RELAXED,	/* its swaps are whole, and order nothing */
	SIM_SWAP_PLAIN,		/* its swaps are a load and a store */
};

struct sim_fault {
	enum sim_weakness what;
	const char *thread;
	const char *cell;	/* NULL for SIM_NO_FENCE */
};

struct sim_model {
	void (*start)(void);
	void (*end)(void);		/* or NULL */
	struct {
		const char *name;	/* NULL behind the last */
		void (*run)(void);
	} thread[SIM_THREADS];
};

struct sim_report {
	uint64_t runs;		/* that came to their end */
	uint64_t redundant;	/* left when only what is known could follow */
	uint64_t outcomes;	/* bit n: some run said sim_outcome(n) */
	uint64_t weakened;	/* accesses that the fault applied to */
	bool failed;
	char why[160];
};

/* Whether the search skips what it has seen in another order; default true. */
extern bool sim_reduce;

/*
 * Explore.  `fault` may be NULL.  More than `runs_max` runs are a failure, so
 * that no search is ever believed to be complete when it is not.
 */
void sim_explore(const struct sim_model *model, const struct sim_fault *fault,
    uint64_t runs_max, struct sim_report *report);
/* Print the failing schedule of the last sim_explore(), step by step. */
void sim_print(void);

/* In start(): a word for verbs of all threads, of 1 or 8 bytes. */
void sim_cell(const char *name, void *cell, unsigned bytes);
/* In start(): bytes for plain accesses, to be checked for races. */
void sim_bytes(const char *name, const void *base, size_t length);

/* In a thread, or end(): a property.  False ends the search. */
void sim_check(bool truth, const char *why);
/* Anywhere in a run: this outcome, below 64, is possible. */
void sim_outcome(unsigned outcome);
/*
 * In a thread: a loop that loads the cell, which one other thread writes, until
 * something newer is there than this one knows of.  Like every wait it must
 * come to an end: a thread that waits when nothing else can move is a
 * violation.
 */
void sim_await(const void *cell);
/* In a thread: wait until another has ended, and see all it did. */
void sim_join(const char *thread);
/*
 * A bell is rung or not, as an interrupt is pending or not: who waits takes
 * one or several rings, and sees what the ringers saw.
 */
void sim_ring(unsigned bell);
void sim_wait(unsigned bell);

/* The verbs, for the backend.  A cell that start() did not name is private to
 * the first thread that touches it. */
uint64_t sim_load(const void *cell, enum sim_order order);
void sim_store(void *cell, uint64_t value, enum sim_order order);
uint64_t sim_swap_full(void *cell, uint64_t value);
void sim_fence_full(void);

/* For plain.c: a plain access of the running thread. */
void sim_plain(const void *at, size_t length, bool is_write);

#endif
