/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Explores everything that threads can see of each other's memory.
 *
 *	start() lays out memory, names the shared words and the plain bytes;
 *	each thread runs once; end() judges what is left.
 *
 * sim_explore() repeats that for every schedule and for every value that each
 * load may return, and stops at the first violation.  The operations are those
 * of vqp/atomic.h, through the backend in this folder.  README.md says which
 * memory model this is and how the search is reduced.
 *
 * A program must be deterministic except for these operations.  Its threads
 * have small stacks, so they must not call printf.
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

/* The ways in which a run can be weaker than the code says. */
enum sim_weakness {
	SIM_AS_WRITTEN,
	SIM_LOAD_RELAXED,	/* acquiring loads of the cell */
	SIM_STORE_RELAXED,	/* releasing stores to the cell */
	SIM_NO_FENCE,		/* the thread's full fences */
	SIM_SWAP_RELAXED,	/* its swaps are atomic, but order nothing */
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
		const char *name;	/* NULL after the last one */
		void (*run)(void);
	} thread[SIM_THREADS];
};

struct sim_report {
	uint64_t runs;		/* that were complete */
	uint64_t redundant;	/* ended early: nothing new could follow */
	uint64_t outcomes;	/* bit n: a run called sim_outcome(n) */
	uint64_t weakened;	/* accesses that the fault applied to */
	bool failed;
	char why[160];
};

/* True if the search skips what it has seen in another order; default true. */
extern bool sim_reduce;

/*
 * Explore.  `fault` may be NULL.  More than `runs_max` runs are a failure, so
 * that an incomplete search is never taken for a complete one.
 */
void sim_explore(const struct sim_model *model, const struct sim_fault *fault,
    uint64_t runs_max, struct sim_report *report);
/* Print the failing schedule of the last sim_explore(), step by step. */
void sim_print(void);

/*
 * Call in start(): name a word of 1 or 8 bytes for the operations of all
 * threads.
 */
void sim_cell(const char *name, void *cell, unsigned bytes);
/*
 * Call in start(): name bytes for plain accesses, which are checked for races.
 */
void sim_bytes(const char *name, const void *base, size_t length);

/* Call in a thread or in end(): check a property.  False ends the search. */
void sim_check(bool truth, const char *why);
/* Call anywhere in a run: report that this outcome, below 64, is possible. */
void sim_outcome(unsigned outcome);
/*
 * Call in a thread: stands for a loop that loads the cell, which one other
 * thread writes, until there is a newer value than this thread knows of.  Like
 * every wait it must end: a thread that waits when no other thread can move is
 * a violation.
 */
void sim_await(const void *cell);
/* Call in a thread: wait until another thread has ended, and see all it did. */
void sim_join(const char *thread);
/*
 * A bell is rung or not, as an interrupt is pending or not.  A thread that
 * waits takes one or several rings at once, and sees what the ringing threads
 * saw.
 */
void sim_ring(unsigned bell);
void sim_wait(unsigned bell);

/*
 * The operations, for the backend.  A cell that start() did not name is private
 * to the first thread that touches it.
 */
uint64_t sim_load(const void *cell, enum sim_order order);
void sim_store(void *cell, uint64_t value, enum sim_order order);
uint64_t sim_swap_full(void *cell, uint64_t value);
void sim_fence_full(void);

/* For plain.c: a plain access of the running thread. */
void sim_plain(const void *at, size_t length, bool is_write);

#endif
