/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A list of numbers of one kind, and its statistics. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>

/* All zero: no samples yet. */
struct samples {
	double *value;
	size_t count;
	size_t room;
};

/* Ends the program when there is no memory. */
void samples_add(struct samples *samples, double value);
void samples_free(struct samples *samples);

/* These need at least one sample, and sort the samples. */
double samples_min(struct samples *samples);
double samples_max(struct samples *samples);
double samples_median(struct samples *samples);

/*
 * The median absolute deviation: the median of the distances from the median.
 */
double samples_mad(struct samples *samples);

#endif
