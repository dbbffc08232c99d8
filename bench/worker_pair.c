/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Runs jobs on two pinned threads. */
#include "worker_pair.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static void *
worker_main(void *arg)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	struct worker *worker = arg;
	size_t arena_bytes = worker->arena.size;
	sigset_t all;

	/* The waiting thread handles signals; a measuring thread must not. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	worker->ready = topo_pin(worker->topo, worker->cpu) &&
	    arena_open(&worker->arena, arena_bytes);
	/*
	 * Raise the priority only here: a real-time thread on its parent's
	 * processor would keep the parent from starting the other one.  The
	 * policy is round robin because of two runs at a time: with first in,
	 * first out, each run would hold one processor and wait there for the
	 * processor of the other.
	 */
	worker->real_time = pthread_setschedparam(pthread_self(), SCHED_RR,
	    &lowest) == 0;
	sem_post(&worker->done);
	for (;;) {
		while (sem_wait(&worker->go) != 0)
			;	/* a signal */
		if (worker->job == NULL)
			return NULL;
		worker->job(worker->arg);
		sem_post(&worker->done);
	}
}

static bool
worker_open(struct worker *worker, const struct topo *topo, unsigned cpu,
    size_t arena_bytes)
{
	worker->topo = topo;
	worker->cpu = cpu;
	worker->arena.size = arena_bytes;
	sem_init(&worker->go, 0, 0);
	sem_init(&worker->done, 0, 0);
	if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
		fprintf(stderr, "worker pair: no thread for processor %u\n",
		    cpu);
		return false;
	}
	while (sem_wait(&worker->done) != 0)
		;
	if (!worker->ready)
		fprintf(stderr, "worker pair: processor %u has no pinned "
		    "thread with %zu bytes\n", cpu, arena_bytes);
	return worker->ready;
}

bool
worker_pair_open(struct worker_pair *workers, const struct topo *topo,
    const struct topo_pair *pair, size_t arena_bytes)
{
	return worker_open(&workers->worker[0], topo, pair->cpu_a,
	    arena_bytes) &&
	    worker_open(&workers->worker[1], topo, pair->cpu_b, arena_bytes);
}

static void
start(struct worker *worker, void (*job)(void *arg), void *arg)
{
	worker->job = job;
	worker->arg = arg;
	sem_post(&worker->go);
}

void
worker_idle(void *arg)
{
	(void)arg;
}

bool
worker_pair_run(struct worker_pair *workers, void (*first)(void *arg),
    void (*second)(void *arg), void *arg, unsigned seconds)
{
	struct timespec limit;

	start(&workers->worker[0], first, arg);
	start(&workers->worker[1], second, arg);
	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += seconds;
	for (unsigned i = 0; i < 2; i++)
		while (sem_clockwait(&workers->worker[i].done, CLOCK_MONOTONIC,
		    &limit) != 0)
			if (errno != EINTR)
				return false;
	return true;
}

void
worker_pair_close(struct worker_pair *workers)
{
	for (unsigned i = 0; i < 2; i++) {
		struct worker *worker = &workers->worker[i];

		start(worker, NULL, NULL);
		pthread_join(worker->thread, NULL);
		arena_close(&worker->arena);
	}
}
