/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E3 in the shipped ring.h: one side sleeps once, and the peer sends a
 * notification after whatever it sleeps on.  With -DFULL the producer sleeps,
 * on a full ring; otherwise the consumer sleeps, on an empty ring.
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stddef.h>

#include "weaken.h"

#include <vqp/ring.h>

/* GenMC reads a single file. */
#include <ring.c>
#include <tune.c>

#ifndef SIZE
#define SIZE 3
#endif
#ifndef BYTES
#define BYTES 3
#endif

static struct vqp_cell64 tail, head;
static uint8_t data[SIZE];
static struct vqp_tx tx;
static struct vqp_rx rx;

/* One thread writes each of these; main() judges them when both have ended. */
static unsigned sent, received, rung;	/* rung: count of the last one */
static int asleep;

static void *
producer(void *unused)
{
	struct vqp_span span[2];

	who = PRODUCER;
	while (sent < BYTES) {
		const int64_t n = vqp_tx_reserve(&tx, 1, span);

		if (n == 1) {
			span[0].base[0] = 1;
			sent++;
#ifdef FULL
			vqp_tx_commit(&tx, 1);
#else
			if (vqp_tx_commit_edge(&tx, 1))
				rung = sent;
#endif
			continue;
		}
		assert(n == VQP_ERROR_NO_SPACE);
#ifdef FULL
		if (vqp_tx_may_sleep(&tx)) {
			asleep = 1;
			break;
		}
#else
		__VERIFIER_assume(0);
#endif
	}
	return unused;
}

static void *
consumer(void *unused)
{
	struct vqp_span span[2];

	who = CONSUMER;
	while (received < BYTES) {
		const int64_t n = vqp_rx_peek(&rx, 1, span);

		if (n == 1) {
			assert(span[0].base[0] == 1);
			received++;
#ifdef FULL
			if (vqp_rx_release_edge(&rx, 1))
				rung = received;
#else
			vqp_rx_release(&rx, 1);
#endif
			continue;
		}
		assert(n == VQP_ERROR_NO_DATA);
#ifdef FULL
		/* The ring is empty, and a sleeping producer sends no more. */
		break;
#else
		if (vqp_rx_may_sleep(&rx)) {
			asleep = 1;
			break;
		}
#endif
	}
	return unused;
}

int
main(void)
{
	const struct vqp_ring ring = { .data = data, .size = SIZE,
		.tail_cell = &tail, .head_cell = &head };
	pthread_t threads[2];

	vqp_store_relaxed(&tail, SIZE - 1);
	vqp_store_relaxed(&head, SIZE - 1);
	(void)vqp_tx_attach(&tx, &ring);
	(void)vqp_rx_attach(&rx, &ring);
	pthread_create(&threads[0], NULL, producer, NULL);
	pthread_create(&threads[1], NULL, consumer, NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
#ifdef FULL
	/* The producer slept with the head SIZE - 1 behind its tail. */
	assert(!asleep || received + SIZE - 1 == sent ||
	    rung + SIZE - 1 > sent);
#else
	assert(!asleep || received == sent || rung > received);
#endif
	return 0;
}
