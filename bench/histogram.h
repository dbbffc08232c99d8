/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A histogram over all of uint64_t whose buckets grow with the value, as in
 * HdrHistogram.  Each power of two has 64 buckets, so a value is known to 1/64
 * of itself and adding one takes a handful of instructions.  Values below 64,
 * the mean and the largest value are exact.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HISTOGRAM_BITS 6
#define HISTOGRAM_STEPS (1u << HISTOGRAM_BITS)
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) * HISTOGRAM_STEPS)

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline uint32_t
histogram_index(uint64_t value)
{
	uint32_t shift;

	if (value < HISTOGRAM_STEPS)
		return (uint32_t)value;
	shift = 63 - HISTOGRAM_BITS - (uint32_t)__builtin_clzll(value);
	/*
	 * The top bit of value >> shift supplies the step that `shift` lacks.
	 */
	return (shift << HISTOGRAM_BITS) + (uint32_t)(value >> shift);
}

static inline void
histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->bucket[histogram_index(value)]++;
}

void histogram_reset(struct histogram *histogram);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The largest value that falls into a bucket. */
uint64_t histogram_upper_edge(uint32_t index);

/*
 * Returns the value that a share `q` (0 to 1) of all values does not exceed, at
 * most 1/64 too high; 0 for an empty histogram.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

/* Returns the exact mean; 0 for an empty histogram. */
double histogram_mean(const struct histogram *histogram);

#ifdef __cplusplus
}
#endif

#endif
