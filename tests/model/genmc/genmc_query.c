/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E8 in the shipped ring.h: a third thread queries how much the ring holds, at
 * the producer or, with -DRX, at the consumer.  Messages of two bytes go
 * through a ring of three, so the ring holds zero or two bytes at any moment.
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

#ifndef BYTES
#define BYTES 4
#endif

static struct vqp_cell64 tail, head;
static uint8_t data[3];
static struct vqp_tx tx;
static struct vqp_rx rx;

static void *
producer(void *unused)
{
	struct vqp_span span[2];

	who = PRODUCER;
	for (unsigned sent = 0; sent < BYTES; sent += 2) {
		__VERIFIER_assume(vqp_tx_reserve(&tx, 2, span) == 2);
		vqp_tx_commit(&tx, 2);
	}
	return unused;
}

static void *
consumer(void *unused)
{
	struct vqp_span span[2];

	who = CONSUMER;
	for (unsigned received = 0; received < BYTES; received += 2) {
		__VERIFIER_assume(vqp_rx_peek(&rx, 2, span) == 2);
		vqp_rx_release(&rx, 2);
	}
	return unused;
}

static void *
observer(void *unused)
{
	uint64_t t, h;
	int64_t n;

	who = OBSERVER;
#ifdef RX
	n = vqp_rx_query(&rx, &t, &h);
#else
	n = vqp_tx_query(&tx, &t, &h);
#endif
	assert(n == 0 || n == 2);
	return unused;
}

int
main(void)
{
	const struct vqp_ring ring = { .data = data, .size = 3,
		.tail_cell = &tail, .head_cell = &head };
	pthread_t threads[3];

	vqp_store_relaxed(&tail, 2);
	vqp_store_relaxed(&head, 2);
	(void)vqp_tx_attach(&tx, &ring);
	(void)vqp_rx_attach(&rx, &ring);
	pthread_create(&threads[0], NULL, producer, NULL);
	pthread_create(&threads[1], NULL, consumer, NULL);
	pthread_create(&threads[2], NULL, observer, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
