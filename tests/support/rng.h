/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random numbers that a seed repeats on any machine: splitmix64.  So a failure
 * under one compiler or machine can be repeated under another.
 */
#ifndef RNG_H
#define RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Returns 0 to bound - 1; slightly uneven, which matters to no test here. */
static inline uint64_t
rng_below(struct rng *rng, uint64_t bound)
{
	return rng_next(rng) % bound;
}

/*
 * Returns a length for a ring of `size` bytes: often small, sometimes about the
 * size, rarely 0 or too long.
 */
static inline uint64_t
rng_length(struct rng *rng, uint64_t size)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return rng_below(rng, size + 3);
	case 1:
		return size - rng_below(rng, size < 4 ? size + 1 : 4);
	case 2:
		return rng_below(rng, size / 3 + 2);
	default:
		return rng_below(rng, size < 100 ? size + 1 : 100);
	}
}

#endif
