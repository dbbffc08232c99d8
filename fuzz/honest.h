/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A pair between two honest ends and what the oracle says about it: every
 * verb of vqp/ring.h and vqp/pair.h, each answer, byte and published index
 * compared.
 */
#ifndef HONEST_H
#define HONEST_H

#include "fuzz.h"
#include "loop.h"
#include "oracle.h"

/* One direction.  A size of 0 has no oracle. */
struct way {
	struct vqp_pair *from, *to;
	const struct vqp_queue *queue;
	struct oracle oracle;
	uint64_t offered;	/* what is left of the producer's last offer */
	uint64_t drained;	/* and of the consumer's */
};

struct honest {
	struct loop_pair pair;
	struct way way[2];	/* a to b, b to a */
};

/*
 * Set up the ways of a pair whose ends are attached: the oracles start with
 * the bytes and at the indices that are there.
 */
void honest_open(struct honest *honest);

/* Run the calls of an input. */
void honest_run(struct honest *honest, struct input *input);

void honest_close(struct honest *honest);

#endif
