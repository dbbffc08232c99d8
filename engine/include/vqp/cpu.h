/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a ring asks of the processor beside atomics, to be fast where the two
 * ends stand far apart: to wait a moment, to tell how far away a cache line
 * was, to fetch a line or let go of one, to store past the caches.  All but the fence is
 * advice.  A processor without it, or a backend that defines VQP_CPU_PORTABLE
 * since its tools see no assembly, does not tell the time, and the ring then
 * never asks for the rest.  A backend that defines VQP_CPU_OWN brings its own.
 */
#ifndef VQP_CPU_H
#define VQP_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define VQP_LINE_BYTES 64

/*
 * Advice to the compiler.  A call on the way that is seldom taken then saves
 * the registers around itself, and the other way saves none.
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

/* What vqp_cpu_can() answers. */
#define VQP_CAN_GIVE_BACK 1u
#define VQP_CAN_COPY_WIDE 2u	/* with registers of 32 bytes */

typedef uint64_t vqp_word __attribute__((may_alias));

#if defined(VQP_CPU_OWN)

#elif defined(__x86_64__) && !defined(VQP_CPU_PORTABLE)

#define VQP_CPU_TELLS_TIME true
#ifdef __SSE2__
#define VQP_CPU_COPIES_WIDE
#else
#define VQP_CPU_COPIES_STRINGS	/* a kernel: it may use no vectors */
#endif

static inline void
vqp_pause(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

/* A counter of 2 to 4 GHz, read between all earlier and all later loads. */
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
 * What not every processor can, or system lets it: leaf 7 of cpuid, in EBX
 * bit 23 for clflushopt and 5 for AVX2, which takes OSXSAVE and AVX (leaf 1,
 * ECX, bits 27 and 28) and registers that are saved (XCR0, bits 1 and 2).
 * Slow: ask once.
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

/* Drop a line we only read, so that its next writer has nobody to ask. */
static inline void
vqp_give_back(uint8_t *line)
{
	__asm__ __volatile__("clflushopt %0" : "+m"(*line));
}

/* Fetch a line that we are going to write. */
static inline void
vqp_fetch(uint8_t *line)
{
	__asm__ __volatile__("prefetchw %0" : : "m"(*line));
}

/* The processor's own copy: a slow start, and then whole lines. */
static inline void
vqp_copy_string(void *to, const void *from, uint64_t n)
{
	__asm__ __volatile__("rep movsb"
	    : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* Store without first fetching the line; eight of them make a whole one. */
static inline void
vqp_store_past(void *to, uint64_t value)
{
	__asm__ __volatile__("movnti %1, %0"
	    : "=m"(*(vqp_word *)to) : "r"(value));
}

/* What was stored past the caches comes before every later store. */
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
