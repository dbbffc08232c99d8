/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A pair between two honest sides and what the oracle says about it.  Every
 * call of vqp/ring.h and vqp/pair.h is made, and each answer, byte and
 * published index is compared.
 */
#ifndef HONEST_H
#define HONEST_H

#include "fuzz.h"
#include "loop.h"
#include "oracle.h"

/* One direction.  A way of size 0 has no oracle. */
struct way {
	struct vqp_pair *from, *to;
	const struct vqp_queue *queue;
	struct oracle oracle;
	uint64_t offered;	/* unused rest of the producer's last span */
	uint64_t drained;	/* the same for the consumer */
};

struct honest {
	struct loop_pair pair;
	struct way way[2];	/* a to b, b to a */
};

/*
 * Set up the ways of a pair whose two sides are attached: the oracles start
 * with the bytes and indices that are in the memory.
 */
void honest_open(struct honest *honest);

/* Run the calls of an input. */
void honest_run(struct honest *honest, struct input *input);

void honest_close(struct honest *honest);

#endif
