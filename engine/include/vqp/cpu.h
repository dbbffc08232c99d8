/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a ring asks of the processor beside atomics, to be fast where the two
 * ends stand far apart: to wait a moment, to tell how far away a cache line
 * was, to let go of a line, to store past the caches.  All but the fence is
 * advice.  A processor without it, or a backend that defines VQP_CPU_PORTABLE
 * since its tools see no assembly, does not tell the time, and the ring then
 * never asks for the rest.  A backend that defines VQP_CPU_OWN brings its own.
 */
#ifndef VQP_CPU_H
#define VQP_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define VQP_LINE_BYTES 64

typedef uint64_t vqp_word __attribute__((may_alias));

#if defined(VQP_CPU_OWN)

#elif defined(__x86_64__) && !defined(VQP_CPU_PORTABLE)

#define VQP_CPU_TELLS_TIME true

static inline void
vqp_pause(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

/* A counter of 2 to 4 GHz, read when all earlier loads have their value. */
static inline uint64_t
vqp_ticks(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence\n\trdtsc"
	    : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Leaf 7 of cpuid, bit 23 of EBX: clflushopt.  Slow: ask once. */
static inline bool
vqp_can_give_back(void)
{
	uint32_t eax = 0, ebx, ecx = 0, edx;

	__asm__ __volatile__("cpuid"
	    : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (eax < 7)
		return false;
	eax = 7;
	ecx = 0;
	__asm__ __volatile__("cpuid"
	    : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return (ebx >> 23 & 1) != 0;
}

/* Drop a line we only read, so that its next writer has nobody to ask. */
static inline void
vqp_give_back(uint8_t *line)
{
	__asm__ __volatile__("clflushopt %0" : "+m"(*line));
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

static inline bool
vqp_can_give_back(void)
{
	return false;
}

static inline void
vqp_give_back(uint8_t *line)
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
