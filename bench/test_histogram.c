/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tests the histogram against the sorted values themselves. */
#include "histogram.h"

#include <math.h>
#include <stdlib.h>

#include "rng.h"
#include "test.h"

enum { VALUES = 20000 };

static uint64_t values[VALUES];
static struct histogram whole, part[2];

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values of every magnitude, many of them small, as latencies are. */
static void
draw(uint64_t seed)
{
	struct rng rng = { seed };

	histogram_reset(&whole);
	histogram_reset(&part[0]);
	histogram_reset(&part[1]);
	for (unsigned i = 0; i < VALUES; i++) {
		uint64_t shift = 10 + rng_below(&rng, 54);

		values[i] = rng_next(&rng) >> shift;
		histogram_add(&whole, values[i]);
		histogram_add(&part[i % 3 == 0], values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
}

TEST(edges_enclose, "a value lies in its bucket, within 1/64 of its edge")
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int64_t near = -2; near <= 2; near++) {
			uint64_t value = (UINT64_C(1) << bit) + (uint64_t)near;
			uint32_t index = histogram_index(value);
			uint64_t edge;

			CHECK(index < HISTOGRAM_BUCKETS);
			if (index >= HISTOGRAM_BUCKETS)
				continue;
			edge = histogram_upper_edge(index);
			CHECK(value <= edge);
			CHECK(edge - value <= value / 64);
			CHECK(index == 0 ||
			    histogram_upper_edge(index - 1) < value);
		}
	}
}

TEST(small_values_are_exact, "below 128 a bucket holds one value")
{
	for (uint64_t value = 0; value < 128; value++)
		CHECK_EQ(histogram_upper_edge(histogram_index(value)), value);
}

TEST(quantiles, "a quantile is the sorted value at that rank, or 1/64 more")
{
	static const double qs[] = { 0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };

	for (uint64_t seed = 1; seed <= 20; seed++) {
		draw(seed);
		for (unsigned i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
			uint64_t rank = (uint64_t)ceil(qs[i] * VALUES);
			uint64_t exact = values[rank == 0 ? 0 : rank - 1];
			uint64_t got = histogram_quantile(&whole, qs[i]);

			CHECK(got >= exact);
			CHECK(got - exact <= exact / 64);
		}
	}
}

TEST(mean_and_max, "the mean and the largest value are exact")
{
	uint64_t sum = 0;

	draw(7);
	for (unsigned i = 0; i < VALUES; i++)
		sum += values[i];
	CHECK_EQ(whole.count, VALUES);
	CHECK_EQ(whole.max, values[VALUES - 1]);
	CHECK(histogram_mean(&whole) == (double)sum / VALUES);
}

TEST(merge, "the parts merged are the whole")
{
	draw(42);
	histogram_merge(&part[0], &part[1]);
	CHECK(memcmp(&part[0], &whole, sizeof(whole)) == 0);
}

TEST(empty, "nothing in, nothing out")
{
	histogram_reset(&whole);
	CHECK_EQ(histogram_quantile(&whole, 0.5), 0);
	CHECK(histogram_mean(&whole) == 0);
}

TEST_MAIN()
