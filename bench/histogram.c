/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The part of a histogram that no measured loop runs. */
#include "histogram.h"

#include <math.h>
#include <string.h>

void
histogram_reset(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

uint64_t
histogram_upper_edge(uint32_t index)
{
	uint32_t shift;
	uint64_t step;

	if (index < 2 * HISTOGRAM_STEPS)
		return index;
	shift = (index >> HISTOGRAM_BITS) - 1;
	step = HISTOGRAM_STEPS + index % HISTOGRAM_STEPS;
	return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

uint64_t
histogram_quantile(const struct histogram *histogram, double q)
{
	uint64_t wanted = (uint64_t)ceil(q * (double)histogram->count);
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t edge = histogram_upper_edge(i);

		seen += histogram->bucket[i];
		if (seen != 0 && seen >= wanted)
			return edge < histogram->max ? edge : histogram->max;
	}
	return histogram->max;
}

double
histogram_mean(const struct histogram *histogram)
{
	return histogram->count == 0 ? 0 :
	    (double)histogram->sum / (double)histogram->count;
}
