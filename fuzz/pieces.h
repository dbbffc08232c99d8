/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The caller's memory, as an input describes it.  Each buffer and each piece is
 * a heap block of exactly the bytes that a call may touch, which are never more
 * than the ring holds.  So a length near 2^64 needs no memory, and
 * AddressSanitizer finds an access of one byte too many.
 */
#ifndef PIECES_H
#define PIECES_H

#include <vqp/pair.h>

#include "fuzz.h"
#include "loop.h"

#define PIECES_MAX 7

struct pieces {
	struct vqp_iovec piece[PIECES_MAX];
	uint64_t touched[PIECES_MAX];	/* the bytes that exist */
	unsigned count;
	uint64_t total;
	bool too_long;			/* 2^63 or more; total is invalid */
};

static inline uint8_t *
buffer_open(uint64_t length, uint64_t size)
{
	return loop_must(malloc((size_t)(length < size ? length : size)));
}

/* Make `count` pieces; each takes its length from a step of its own. */
static inline void
pieces_open(struct pieces *it, struct input *input, unsigned count,
    uint64_t size)
{
	it->count = count;
	it->total = 0;
	it->too_long = false;
	for (unsigned i = 0; i < count; i++) {
		uint64_t length;
		struct step step;

		input_step(input, &step);
		length = step_number(&step, size, 0);
		it->touched[i] = length < size ? length : size;
		it->piece[i].length = length;
		it->piece[i].base = buffer_open(length, size);
		if (length > (uint64_t)INT64_MAX - it->total)
			it->too_long = true;
		else
			it->total += length;
	}
}

static inline void
pieces_close(struct pieces *it)
{
	for (unsigned i = 0; i < it->count; i++)
		free(it->piece[i].base);
}

#endif
