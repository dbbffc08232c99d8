/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One ring for models, with both its sides, and a stream of bytes through it.
 * Byte n of the stream is n + 1, so that an extra, missing or old byte is seen.
 */
#ifndef MODEL_RING_H
#define MODEL_RING_H

#include <vqp/ring.h>

#include "model.h"

#define MODEL_RING_BYTES_MAX 5

static struct {
	struct vqp_tx tx;
	struct vqp_rx rx;
	struct vqp_ring ring;
	struct vqp_cell64 tail;		/* w:tx r:rx e:E1,E3 */
	struct vqp_cell64 head;		/* w:rx r:tx e:E2,E3 */
	uint8_t data[MODEL_RING_BYTES_MAX];
	unsigned sent, received;
} m;

/* For start(): make an empty ring whose next byte is at index `at`. */
static inline void
model_ring_start(uint64_t size, uint64_t at)
{
	memset(&m, 0, sizeof(m));
	m.tail.v_ = at;
	m.head.v_ = at;
	m.ring = (struct vqp_ring){ .data = m.data, .size = size,
		.tail_cell = &m.tail, .head_cell = &m.head };
	if (vqp_tx_attach(&m.tx, &m.ring) != VQP_SUCCESS ||
	    vqp_rx_attach(&m.rx, &m.ring) != VQP_SUCCESS)
		abort();
	sim_cell("tail", &m.tail, sizeof(m.tail));
	sim_cell("head", &m.head, sizeof(m.head));
	sim_bytes("ring", m.data, size);
}

static inline void
model_fill(const struct vqp_span span[2])
{
	for (unsigned s = 0; s < 2; s++) {
		for (uint64_t i = 0; i < span[s].length; i++)
			span[s].base[i] = (uint8_t)++m.sent;
	}
}

static inline void
model_drain(const struct vqp_span span[2])
{
	for (unsigned s = 0; s < 2; s++) {
		for (uint64_t i = 0; i < span[s].length; i++)
			sim_check(span[s].base[i] == (uint8_t)++m.received,
			    "a byte out of its order");
	}
}

#endif
