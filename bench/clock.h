/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one clock of the benchmarks: the processor's counter.  It is read without
 * a system call and is the same on every core, so one thread may stamp a start
 * and another thread the end.  clock_calibrate() measures it once against
 * CLOCK_MONOTONIC.
 */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

static inline uint64_t
clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t
clock_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return clock_monotonic_ns();
#endif
}

/*
 * Read the clock only when all earlier loads are done.  With the plain read, a
 * message could seem to arrive before it was sent.
 */
static inline uint64_t
clock_ticks_past_loads(void)
{
#if defined(__x86_64__) || defined(__i386__)
	_mm_lfence();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" : : : "memory");
#endif
	return clock_ticks();
}

/* The pause of a polling loop between two polls. */
static inline void
clock_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	_mm_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" : : : "memory");
#endif
}

/* Takes 50 ms; call it before anything below. */
void clock_calibrate(void);

double clock_ticks_per_ns(void);

static inline double
clock_ns(uint64_t ticks)
{
	return (double)ticks / clock_ticks_per_ns();
}

/* True if the counter runs at one rate through every power state. */
bool clock_is_invariant(void);

#ifdef __cplusplus
}
#endif

#endif
