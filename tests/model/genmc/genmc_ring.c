/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E1 and E2 in the shipped ring.h: BYTES go through a ring of SIZE, CHUNK at
 * once, from just below the wrap.  GenMC reports a race on a byte by itself.
 *
 * -DLAZY: the consumer releases lazily. -DEVERY=2: both sides stage, and
 * publish every second byte. -DATTACH_TX, -DATTACH_RX: that side attaches while
 * the peer is at work.
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
#define BYTES 6
#endif
#ifndef CHUNK
#define CHUNK 1
#endif
#ifndef EVERY
#define EVERY 1
#endif

static struct vqp_cell64 tail, head;
static uint8_t data[SIZE];
static const struct vqp_ring ring = { .data = data, .size = SIZE,
	.tail_cell = &tail, .head_cell = &head };
static struct vqp_tx tx;
static struct vqp_rx rx;

static void *
producer(void *unused)
{
	struct vqp_span span[2];

	who = PRODUCER;
#ifdef ATTACH_TX
	(void)vqp_tx_attach(&tx, &ring);
#endif
	for (unsigned sent = 0; sent < BYTES;) {
		const int64_t n = vqp_tx_reserve(&tx, CHUNK, span);

		__VERIFIER_assume(n != VQP_ERROR_NO_SPACE);
		assert(n > 0);
		for (unsigned s = 0; s < 2; s++) {
			for (uint64_t i = 0; i < span[s].length; i++)
				span[s].base[i] = (uint8_t)++sent;
		}
		vqp_tx_stage(&tx, (uint64_t)n);
		if (sent % EVERY == 0 || sent == BYTES)
			vqp_tx_publish(&tx);
	}
	return unused;
}

static void *
consumer(void *unused)
{
	struct vqp_span span[2];

	who = CONSUMER;
#ifdef ATTACH_RX
	(void)vqp_rx_attach(&rx, &ring);
#endif
	for (unsigned received = 0; received < BYTES;) {
		const int64_t n = vqp_rx_peek(&rx, CHUNK, span);

		__VERIFIER_assume(n != VQP_ERROR_NO_DATA);
		assert(n > 0);
		for (unsigned s = 0; s < 2; s++) {
			for (uint64_t i = 0; i < span[s].length; i++)
				assert(span[s].base[i] == (uint8_t)++received);
		}
#ifdef LAZY
		vqp_rx_release_lazy(&rx, (uint64_t)n);
#else
		vqp_rx_stage(&rx, (uint64_t)n);
		if (received % EVERY == 0 || received == BYTES)
			vqp_rx_publish(&rx);
#endif
	}
	return unused;
}

int
main(void)
{
	pthread_t threads[2];

	vqp_store_relaxed(&tail, SIZE - 1);
	vqp_store_relaxed(&head, SIZE - 1);
#ifndef ATTACH_TX
	(void)vqp_tx_attach(&tx, &ring);
#endif
#ifndef ATTACH_RX
	(void)vqp_rx_attach(&rx, &ring);
#endif
	pthread_create(&threads[0], NULL, producer, NULL);
	pthread_create(&threads[1], NULL, consumer, NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return 0;
}
