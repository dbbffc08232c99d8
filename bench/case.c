/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The list of cases, and what their kinds share. */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

/* The most by which a burst grows at once. */
#define GROWTH 32

static bool
no_memory(void)
{
	fprintf(stderr, "no memory for the list of cases\n");
	return false;
}

bool
bench_cases_add(struct bench_cases *cases, struct bench_case *one)
{
	size_t count = cases->count;
	struct bench_case **list;

	if (one == NULL)
		return no_memory();
	if (regexec(cases->filter, one->name, 0, NULL, 0) != 0) {
		one->close(one);
		return true;
	}
	/* The array doubles when it is full, which is at every power of two. */
	if ((count & (count - 1)) == 0) {
		list = realloc(cases->list, (count == 0 ? 1 : 2 * count) *
		    sizeof(struct bench_case *));
		if (list == NULL) {
			one->close(one);
			return no_memory();
		}
		cases->list = list;
	}
	cases->list[cases->count++] = one;
	return true;
}

void
bench_cases_close(struct bench_cases *cases)
{
	for (size_t i = 0; i < cases->count; i++)
		cases->list[i]->close(cases->list[i]);
	free(cases->list);
	cases->list = NULL;
	cases->count = 0;
}

double
bench_case_fail(struct bench_case *self, const char *what)
{
	fprintf(stderr, "%s: %s\n", self->name, what);
	self->errors++;
	return -1;
}

uint64_t
bench_next_count(uint64_t count, double ns, double want_ns)
{
	double factor = want_ns / ns;

	if (factor > 0.5 && factor < 2)
		return count;
	if (factor > GROWTH)
		factor = GROWTH;
	return (uint64_t)((double)count * factor) + 1;
}

void
bench_merge(struct histogram **into, const struct histogram *from)
{
	if (*into == NULL)
		*into = calloc(1, sizeof(**into));
	if (*into != NULL)
		histogram_merge(*into, from);
}

void
bench_write_quantiles(struct json *json, const struct histogram *latencies)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = {
		{ "p50_ns", 0.5 }, { "p90_ns", 0.9 }, { "p99_ns", 0.99 },
		{ "p999_ns", 0.999 },
	};

	json_number(json, "mean_ns", histogram_mean(latencies) /
	    clock_ticks_per_ns());
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		json_number(json, quantiles[i].key, clock_ns(
		    histogram_quantile(latencies, quantiles[i].q)));
	json_number(json, "max_ns", clock_ns(latencies->max));
}
