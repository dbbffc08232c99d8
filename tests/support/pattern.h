/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bytes that the tests stream.  Each byte depends on its position in the
 * stream, so that a lost, repeated or misplaced byte shows.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include <vqp/ring.h>

static inline uint8_t
pattern_at(uint64_t position)
{
	return (uint8_t)((position + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static inline void
pattern_fill(uint8_t *to, uint64_t position, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		to[i] = pattern_at(position + i);
}

static inline bool
pattern_matches(const uint8_t *bytes, uint64_t position, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (bytes[i] != pattern_at(position + i))
			return false;
	}
	return true;
}

/* The same in place, in a reservation or a readable span. */

static inline void
pattern_fill_spans(const struct vqp_span out[2], uint64_t position)
{
	pattern_fill(out[0].base, position, out[0].length);
	pattern_fill(out[1].base, position + out[0].length, out[1].length);
}

static inline bool
pattern_matches_spans(const struct vqp_span out[2], uint64_t position)
{
	return pattern_matches(out[0].base, position, out[0].length) &&
	    pattern_matches(out[1].base, position + out[0].length,
	    out[1].length);
}

#endif
