/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two threads that stay: each on its own processor of a pair, at real-time
 * priority where that is allowed, asleep between jobs.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "arena.h"
#include "topo.h"

struct crew_worker {
	struct arena arena;	/* its own memory, on its own node */
	bool real_time;

	const struct topo *topo;
	unsigned cpu;
	bool ready;
	pthread_t thread;
	sem_t go;
	sem_t done;
	void (*job)(void *arg);	/* NULL: leave */
	void *arg;
};

struct crew {
	struct crew_worker worker[2];
};

/*
 * Put two threads on the processors of a pair, with so much memory each.
 * False with a message on stderr if that cannot be.
 */
bool crew_open(struct crew *crew, const struct topo *topo,
    const struct topo_pair *pair, size_t arena_bytes);
void crew_close(struct crew *crew);

/*
 * Run a job on each thread, both with the same argument, and wait for them.
 * False if they have not come back after `seconds`: then they hang, and the
 * crew is lost.
 */
bool crew_run(struct crew *crew, void (*first)(void *arg),
    void (*second)(void *arg), void *arg, unsigned seconds);

#endif
