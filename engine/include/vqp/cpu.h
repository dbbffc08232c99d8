/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a ring needs from the processor beside atomics, to be fast where its two
 * sides run far apart: pause, measure how far away a cache line was, prefetch a
 * line or evict it, and use non-temporal stores.  All but the fence are hints.
 *
 * A processor that has none of this does not tell the time, and then the ring
 * never uses the rest.  A backend does the same if it defines VQP_CPU_PORTABLE,
 * because its tools cannot see assembly.  A backend that defines VQP_CPU_OWN
 * brings its own.
 */
#ifndef VQP_CPU_H
#define VQP_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define VQP_LINE_BYTES 64

/*
 * Hints to the compiler.  A call on the unlikely path then saves the registers
 * around itself, and the likely path saves none.
 */
#ifdef __has_builtin
#if __has_builtin(__builtin_expect_with_probability)
#define VQP_LIKELY(truth)						\
	__builtin_expect_with_probability(!!(truth), 1, 0.9999)
#endif
#endif
#ifndef VQP_LIKELY
#define VQP_LIKELY(truth) __builtin_expect(!!(truth), 1)
#endif
#define VQP_SELDOM(truth) (!VQP_LIKELY(!(truth)))

/* The bits that vqp_cpu_can() returns. */
#define VQP_CAN_GIVE_BACK 1u
#define VQP_CAN_COPY_WIDE 2u	/* by registers of 32 bytes */

typedef uint64_t vqp_word __attribute__((may_alias));

#if defined(VQP_CPU_OWN)

#elif defined(__x86_64__) && !defined(VQP_CPU_PORTABLE)

#define VQP_CPU_TELLS_TIME true
#ifdef __SSE2__
#define VQP_CPU_COPIES_WIDE
#else
#define VQP_CPU_COPIES_STRINGS	/* a kernel may use no vectors */
#endif

static inline void
vqp_pause(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

/* Read a counter of 2 to 4 GHz, between all earlier and all later loads. */
static inline uint64_t
vqp_ticks(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence\n\trdtsc\n\tlfence"
	    : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void
vqp_cpuid(uint32_t leaf, uint32_t *ebx, uint32_t *ecx)
{
	uint32_t eax = leaf, edx;

	*ecx = 0;
	__asm__ __volatile__("cpuid"
	    : "+a"(eax), "=b"(*ebx), "+c"(*ecx), "=d"(edx));
}

/*
 * Which of these the processor has and the operating system allows.  Leaf 7 of
 * cpuid has in EBX bit 23 for clflushopt and bit 5 for AVX2.  AVX2 also needs
 * OSXSAVE and AVX (leaf 1, ECX, bits 27 and 28) and registers that the system
 * saves (XCR0, bits 1 and 2).  Slow: call it once.
 */
static inline unsigned
vqp_cpu_can(void)
{
	uint32_t eax = 0, ebx, ecx, edx;
	unsigned can = 0;

	__asm__ __volatile__("cpuid"
	    : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	if (eax < 7)
		return can;
	vqp_cpuid(7, &ebx, &ecx);
	if ((ebx >> 23 & 1) != 0)
		can |= VQP_CAN_GIVE_BACK;
#ifdef __SSE2__
	if ((ebx >> 5 & 1) != 0) {
		vqp_cpuid(1, &ebx, &ecx);
		if ((ecx >> 27 & 3) != 3)
			return can;
		__asm__ __volatile__("xgetbv"
		    : "=a"(eax), "=d"(edx) : "c"(0));
		if ((eax >> 1 & 3) == 3)
			can |= VQP_CAN_COPY_WIDE;
	}
#endif
	return can;
}

/*
 * Evict a line that we only read, so that its next writer need not fetch it
 * from our cache.
 */
static inline void
vqp_give_back(uint8_t *line)
{
	__asm__ __volatile__("clflushopt %0" : "+m"(*line));
}

/* Prefetch a line that we are going to write. */
static inline void
vqp_fetch(uint8_t *line)
{
	__asm__ __volatile__("prefetchw %0" : : "m"(*line));
}

/* The processor's own copy: slow to start, then it moves whole lines. */
static inline void
vqp_copy_string(void *to, const void *from, uint64_t n)
{
	__asm__ __volatile__("rep movsb"
	    : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/*
 * A non-temporal store: it does not fetch the line first, and eight of them
 * make a whole line.
 */
static inline void
vqp_store_past(void *to, uint64_t value)
{
	__asm__ __volatile__("movnti %1, %0"
	    : "=m"(*(vqp_word *)to) : "r"(value));
}

/* Order all earlier non-temporal stores before every later store. */
static inline void
vqp_fence_past(void)
{
	__asm__ __volatile__("sfence" : : : "memory");
}

#else

#define VQP_CPU_TELLS_TIME false

static inline void
vqp_pause(void)
{
}

static inline uint64_t
vqp_ticks(void)
{
	return 0;
}

static inline unsigned
vqp_cpu_can(void)
{
	return 0;
}

static inline void
vqp_give_back(uint8_t *line)
{
	(void)line;
}

static inline void
vqp_fetch(uint8_t *line)
{
	(void)line;
}

static inline void
vqp_store_past(void *to, uint64_t value)
{
	*(vqp_word *)to = value;
}

static inline void
vqp_fence_past(void)
{
}

#endif

#endif
