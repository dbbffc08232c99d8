/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E1 and E2 in the shipped ring.h: BYTES through a ring of SIZE, CHUNK at
 * once, from just below the wrap.  GenMC reports a race on a byte by itself.
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stddef.h>

#include "weaken.h"

#include <vqp/ring.h>

#ifndef SIZE
#define SIZE 3
#endif
#ifndef BYTES
#define BYTES 6
#endif
#ifndef CHUNK
#define CHUNK 1
#endif

static struct vqp_cell64 tail, head;
static uint8_t data[SIZE];
static struct vqp_tx tx;
static struct vqp_rx rx;

static void *
producer(void *unused)
{
	struct vqp_span span[2];

	for (unsigned sent = 0; sent < BYTES;) {
		const int64_t n = vqp_tx_reserve(&tx, CHUNK, span);

		__VERIFIER_assume(n != VQP_ERROR_NO_SPACE);
		assert(n > 0);
		for (unsigned s = 0; s < 2; s++) {
			for (uint64_t i = 0; i < span[s].length; i++)
				span[s].base[i] = (uint8_t)++sent;
		}
		vqp_tx_commit(&tx, (uint64_t)n);
	}
	return unused;
}

static void *
consumer(void *unused)
{
	struct vqp_span span[2];

	for (unsigned received = 0; received < BYTES;) {
		const int64_t n = vqp_rx_peek(&rx, CHUNK, span);

		__VERIFIER_assume(n != VQP_ERROR_NO_DATA);
		assert(n > 0);
		for (unsigned s = 0; s < 2; s++) {
			for (uint64_t i = 0; i < span[s].length; i++)
				assert(span[s].base[i] == (uint8_t)++received);
		}
		vqp_rx_release(&rx, (uint64_t)n);
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
	return 0;
}
