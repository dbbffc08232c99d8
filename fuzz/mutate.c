/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Mutates whole steps half of the time, besides libFuzzer's own mutations.
 * Those move single bytes, and a byte lost in the middle would change the
 * meaning of every later step.
 */
#include "fuzz.h"
#include "rng.h"

#define STEP sizeof(struct step)

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max,
    unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
    const uint8_t *b, size_t b_size, uint8_t *to, size_t size_max,
    unsigned seed);

/* There are few calls, so most random bytes would not name one. */
static void
random_step(struct rng *rng, uint8_t *at)
{
	const uint64_t bits = rng_next(rng);

	memcpy(at, &bits, STEP);
	at[0] &= 128 | 31;
	at[1] &= 63;
	if (rng_below(rng, 2) == 0)
		at[2] &= 15;
	if (rng_below(rng, 2) == 0)
		at[3] &= 3;
}

/* Make room for n steps before step `at`, or leave the input as it is. */
static bool
open_gap(uint8_t *bytes, size_t *size, size_t size_max, size_t at, size_t n)
{
	if (n * STEP > size_max - *size)
		return false;
	memmove(bytes + (at + n) * STEP, bytes + at * STEP,
	    *size - at * STEP);
	*size += n * STEP;
	return true;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max,
    unsigned seed)
{
	struct rng rng = { seed };
	size_t steps, at, n;

	if (size > size_max)	/* to minimise a crash */
		size = size_max;
	steps = size / STEP;
	if (steps < 2 || rng_below(&rng, 2) == 0)
		return LLVMFuzzerMutate(bytes, size, size_max);
	at = rng_below(&rng, steps);
	n = 1 + rng_below(&rng, steps - at < 8 ? steps - at : 8);
	switch (rng_below(&rng, 5)) {
	case 0:			/* insert */
		if (open_gap(bytes, &size, size_max, at, 1))
			random_step(&rng, bytes + at * STEP);
		break;
	case 1:			/* append */
		if (open_gap(bytes, &size, size_max, steps, 1))
			random_step(&rng, bytes + steps * STEP);
		break;
	case 2:			/* delete */
		memmove(bytes + at * STEP, bytes + (at + n) * STEP,
		    size - (at + n) * STEP);
		size -= n * STEP;
		break;
	case 3:			/* duplicate */
		if (open_gap(bytes, &size, size_max, at, n))
			memmove(bytes + at * STEP, bytes + (at + n) * STEP,
			    n * STEP);
		break;
	default:		/* another argument */
		LLVMFuzzerMutate(bytes + at * STEP + 1, STEP - 1, STEP - 1);
		break;
	}
	return size;
}

/* Crossover: put steps of one input between the steps of the other. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b,
    size_t b_size, uint8_t *to, size_t size_max, unsigned seed)
{
	struct rng rng = { seed };
	const size_t head = rng_below(&rng, a_size / STEP + 1) * STEP;
	const size_t skip = rng_below(&rng, b_size / STEP + 1) * STEP;
	size_t size = head < size_max ? head : size_max;
	size_t n = b_size - skip;

	memcpy(to, a, size);
	if (n > size_max - size)
		n = size_max - size;
	memcpy(to + size, b + skip, n);
	return size + n;
}
