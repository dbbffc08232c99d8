/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Numbers of one kind, and what they have in common. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>

/* All zero: none yet. */
struct samples {
	double *value;
	size_t count;
	size_t room;
};

/* Ends the program when memory is short. */
void samples_add(struct samples *samples, double value);
void samples_free(struct samples *samples);

/* Of at least one sample.  They sort the samples. */
double samples_min(struct samples *samples);
double samples_max(struct samples *samples);
double samples_median(struct samples *samples);

/* The median of the distances from the median. */
double samples_mad(struct samples *samples);

#endif
