/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Index arithmetic of a ring.  Indices are below `size`, lengths at most
 * `size`.  Two of them are never added unless the sum is below `size`: near
 * 2^64 a larger sum would wrap first.
 */
#ifndef VQP_INDEX_H
#define VQP_INDEX_H

#include <stdint.h>

/* Bytes from one index forward to another: 0 to size - 1. */
static inline uint64_t
vqp_ring_distance(uint64_t from, uint64_t to, uint64_t size)
{
	return to >= from ? to - from : size - (from - to);
}

static inline uint64_t
vqp_ring_advance(uint64_t index, uint64_t n, uint64_t size)
{
	return index >= size - n ? index - (size - n) : index + n;
}

#endif
