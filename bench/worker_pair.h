/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two threads that live as long as the run.  Each one runs on its own processor
 * of a pair, at real-time priority where that is allowed, and sleeps between
 * jobs.
 */
#ifndef BENCH_WORKER_PAIR_H
#define BENCH_WORKER_PAIR_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "arena.h"
#include "topo.h"

struct worker {
	struct arena arena;	/* its own memory, on its own node */
	bool real_time;

	const struct topo *topo;
	unsigned cpu;
	bool ready;
	pthread_t thread;
	sem_t go;
	sem_t done;
	void (*job)(void *arg);	/* NULL: exit */
	void *arg;
};

struct worker_pair {
	struct worker worker[2];
};

/*
 * Start two threads on the processors of a pair, each with this much memory.
 * False with a message on stderr on failure.
 */
bool worker_pair_open(struct worker_pair *workers, const struct topo *topo,
    const struct topo_pair *pair, size_t arena_bytes);
void worker_pair_close(struct worker_pair *workers);

/*
 * Run a job on each thread, both with the same argument, and wait for them.
 * False if they have not returned after `seconds`: then they hang, and the pair
 * is lost.
 */
bool worker_pair_run(struct worker_pair *workers, void (*first)(void *arg),
    void (*second)(void *arg), void *arg, unsigned seconds);

/* The job of the worker that has nothing to do. */
void worker_idle(void *arg);

#endif
