/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Statistics of samples.  They use medians instead of means, because the
 * outliers of a virtual machine say nothing about the subject.
 */
#include "samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
samples_add(struct samples *samples, double value)
{
	if (samples->count == samples->room) {
		samples->room = samples->room == 0 ? 16 : 2 * samples->room;
		samples->value = realloc(samples->value,
		    samples->room * sizeof(samples->value[0]));
		if (samples->value == NULL) {
			fprintf(stderr, "samples: no memory\n");
			exit(1);
		}
	}
	samples->value[samples->count++] = value;
}

void
samples_free(struct samples *samples)
{
	free(samples->value);
	*samples = (struct samples){ 0 };
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
sort(struct samples *samples)
{
	qsort(samples->value, samples->count, sizeof(samples->value[0]),
	    compare);
}

double
samples_min(struct samples *samples)
{
	sort(samples);
	return samples->value[0];
}

double
samples_max(struct samples *samples)
{
	sort(samples);
	return samples->value[samples->count - 1];
}

double
samples_median(struct samples *samples)
{
	size_t half = samples->count / 2;

	sort(samples);
	if (samples->count % 2 != 0)
		return samples->value[half];
	return (samples->value[half - 1] + samples->value[half]) / 2;
}

double
samples_mad(struct samples *samples)
{
	double median = samples_median(samples), mad;
	struct samples distance = { 0 };

	for (size_t i = 0; i < samples->count; i++)
		samples_add(&distance, fabs(samples->value[i] - median));
	mad = samples_median(&distance);
	samples_free(&distance);
	return mad;
}
