/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Copying into and out of a ring without libc, because the engine's objects
 * call nothing.  Source and destination may be at any address; they never
 * overlap.  If shared bytes change during the copy, the result is a mixture of
 * old and new.
 */
#ifndef VQP_COPY_H
#define VQP_COPY_H

#include <stdint.h>

#include <vqp/atomic.h>

/* How many bytes ahead lines to be written are prefetched. */
#define VQP_FETCH_BYTES 1024

/*
 * From this many bytes on, another way to copy is faster, where there is one.
 */
#define VQP_WIDE_BYTES 256
#define VQP_STRING_BYTES 1024

/* Units of a copy, at any address, over memory of any type. */
typedef uint16_t vqp_unit2 __attribute__((may_alias, aligned(1)));
typedef uint32_t vqp_unit4 __attribute__((may_alias, aligned(1)));
typedef uint64_t vqp_unit8 __attribute__((may_alias, aligned(1)));
/* One vector register, or two words in kernels, which forbid vectors. */
typedef uint64_t vqp_unit16
    __attribute__((vector_size(16), may_alias, aligned(1)));

#define VQP_COPY_UNIT(unit, to, from, at)				\
	(*(unit *)((uint8_t *)(to) + (at)) =				\
	    *(const unit *)((const uint8_t *)(from) + (at)))

/* Copy one unit at each end; the two meet or overlap in the middle. */
#define VQP_COPY_ENDS(unit, to, from, n) do {				\
	VQP_COPY_UNIT(unit, to, from, 0);				\
	if (!__builtin_constant_p(n) || (n) != sizeof(unit))		\
		VQP_COPY_UNIT(unit, to, from, (n) - sizeof(unit));	\
} while (0)

/*
 * Copy 1 to 64 bytes.  Always inlined: for a constant length only the moves
 * remain, but a compiler does not foresee that when it decides.
 */
static inline __attribute__((__always_inline__)) void
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

/*
 * Copy any number of bytes, 0 included.  A constant number becomes plain moves.
 */
static inline void
vqp_copy(void *to, const void *from, uint64_t n)
{
	if (n == 0)
		return;
#ifdef VQP_CPU_COPIES_STRINGS
	if (n >= VQP_STRING_BYTES) {
		vqp_copy_string(to, from, n);
		return;
	}
#endif
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

#ifdef VQP_CPU_COPIES_WIDE
typedef uint64_t vqp_unit32
    __attribute__((vector_size(32), may_alias, aligned(1)));

/* The avx2 copy: at least VQP_WIDE_BYTES, only if VQP_CAN_COPY_WIDE is set. */
__attribute__((__target__("avx2"), __noinline__, __unused__)) static void
vqp_copy_wide(void *to, const void *from, uint64_t n)
{
	uint8_t *last_to = (uint8_t *)to + n - 128;
	const uint8_t *last_from = (const uint8_t *)from + n - 128;

	for (; n > 128; n -= 128) {
		VQP_COPY_UNIT(vqp_unit32, to, from, 0);
		VQP_COPY_UNIT(vqp_unit32, to, from, 32);
		VQP_COPY_UNIT(vqp_unit32, to, from, 64);
		VQP_COPY_UNIT(vqp_unit32, to, from, 96);
		to = (uint8_t *)to + 128;
		from = (const uint8_t *)from + 128;
	}
	/* The last 128 bytes, some of which were copied already. */
	VQP_COPY_UNIT(vqp_unit32, last_to, last_from, 0);
	VQP_COPY_UNIT(vqp_unit32, last_to, last_from, 32);
	VQP_COPY_UNIT(vqp_unit32, last_to, last_from, 64);
	VQP_COPY_UNIT(vqp_unit32, last_to, last_from, 96);
}
#endif

/* As vqp_copy(), with the avx2 copy where `can` allows it. */
static inline void
vqp_copy_as(unsigned can, void *to, const void *from, uint64_t n)
{
#ifdef VQP_CPU_COPIES_WIDE
	if (n >= VQP_WIDE_BYTES && (can & VQP_CAN_COPY_WIDE) != 0) {
		vqp_copy_wide(to, from, n);
		return;
	}
#endif
	(void)can;
	vqp_copy(to, from, n);
}

/* As vqp_copy(), and prefetches each line VQP_FETCH_BYTES ahead. */
static inline void
vqp_copy_fetching(uint8_t *to, const uint8_t *from, uint64_t n)
{
	for (; n > VQP_FETCH_BYTES; n -= VQP_LINE_BYTES) {
		vqp_fetch(to + VQP_FETCH_BYTES);
		vqp_copy(to, from, VQP_LINE_BYTES);
		to += VQP_LINE_BYTES;
		from += VQP_LINE_BYTES;
	}
	vqp_copy(to, from, n);
}

#define VQP_COPY_PAST(to, from, at)					\
	vqp_store_past((uint8_t *)(to) + (at),				\
	    *(const vqp_unit8 *)((const uint8_t *)(from) + (at)))

/*
 * As vqp_copy(), with non-temporal stores if `to` and `n` are multiples of 8.
 * Only vqp_fence_past() orders these stores before later ones.
 */
static inline void
vqp_copy_past(void *to, const void *from, uint64_t n)
{
	if ((((uintptr_t)to | n) & 7) != 0) {
		vqp_copy(to, from, n);
		return;
	}
	/* Line by line, since a compiler may not unroll the loop. */
	for (; n >= VQP_LINE_BYTES; n -= VQP_LINE_BYTES) {
		VQP_COPY_PAST(to, from, 0);
		VQP_COPY_PAST(to, from, 8);
		VQP_COPY_PAST(to, from, 16);
		VQP_COPY_PAST(to, from, 24);
		VQP_COPY_PAST(to, from, 32);
		VQP_COPY_PAST(to, from, 40);
		VQP_COPY_PAST(to, from, 48);
		VQP_COPY_PAST(to, from, 56);
		to = (uint8_t *)to + VQP_LINE_BYTES;
		from = (const uint8_t *)from + VQP_LINE_BYTES;
	}
	for (uint64_t i = 0; i < n; i += 8)
		VQP_COPY_PAST(to, from, i);
}

#endif
