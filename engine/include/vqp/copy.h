/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Copying into and out of a ring, without libc: the engine's objects call
 * nothing.  Both sides may be at any address; they never overlap.  Shared
 * bytes may change under the copy, which is then a mixture of old and new.
 */
#ifndef VQP_COPY_H
#define VQP_COPY_H

#include <stdint.h>

#include <vqp/atomic.h>

/* Units of a copy, at any address, over memory of any type. */
typedef uint16_t vqp_unit2 __attribute__((may_alias, aligned(1)));
typedef uint32_t vqp_unit4 __attribute__((may_alias, aligned(1)));
typedef uint64_t vqp_unit8 __attribute__((may_alias, aligned(1)));
/* One vector register, or two words where kernels forbid those. */
typedef uint64_t vqp_unit16
    __attribute__((vector_size(16), may_alias, aligned(1)));

#define VQP_COPY_UNIT(unit, to, from, at)				\
	(*(unit *)((uint8_t *)(to) + (at)) =				\
	    *(const unit *)((const uint8_t *)(from) + (at)))

/* One unit at each end; they meet or overlap in the middle. */
#define VQP_COPY_ENDS(unit, to, from, n) do {				\
	VQP_COPY_UNIT(unit, to, from, 0);				\
	if (!__builtin_constant_p(n) || (n) != sizeof(unit))		\
		VQP_COPY_UNIT(unit, to, from, (n) - sizeof(unit));	\
} while (0)

/* 1 to 64 bytes. */
static inline void
vqp_copy_small(void *to, const void *from, uint64_t n)
{
	if (n > 32) {
		VQP_COPY_UNIT(vqp_unit16, to, from, 0);
		VQP_COPY_UNIT(vqp_unit16, to, from, 16);
		VQP_COPY_UNIT(vqp_unit16, to, from, n - 32);
		VQP_COPY_UNIT(vqp_unit16, to, from, n - 16);
	} else if (n >= 16) {
		VQP_COPY_ENDS(vqp_unit16, to, from, n);
	} else if (n >= 8) {
		VQP_COPY_ENDS(vqp_unit8, to, from, n);
	} else if (n >= 4) {
		VQP_COPY_ENDS(vqp_unit4, to, from, n);
	} else if (n >= 2) {
		VQP_COPY_ENDS(vqp_unit2, to, from, n);
	} else {
		VQP_COPY_UNIT(uint8_t, to, from, 0);
	}
}

/* Any number of bytes, 0 included; a constant number becomes plain moves. */
static inline void
vqp_copy(void *to, const void *from, uint64_t n)
{
	if (n == 0)
		return;
	while (n > 64) {
		VQP_COPY_UNIT(vqp_unit16, to, from, 0);
		VQP_COPY_UNIT(vqp_unit16, to, from, 16);
		VQP_COPY_UNIT(vqp_unit16, to, from, 32);
		VQP_COPY_UNIT(vqp_unit16, to, from, 48);
		to = (uint8_t *)to + 64;
		from = (const uint8_t *)from + 64;
		n -= 64;
	}
	vqp_copy_small(to, from, n);
}

#endif
