/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shows on stderr how far a run has come: on a terminal, one line that is
 * overwritten; elsewhere, one line for every twentieth of the run.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	size_t per_round;
	unsigned rounds;	/* 0: as many as the seconds allow */
	double seconds;

	bool terminal;
	uint64_t start_ns;
	uint64_t shown_ns;
	unsigned twentieths;
	size_t done;
};

void progress_begin(struct progress *progress, size_t per_round,
    unsigned rounds, double seconds);

/* Call this before each measurement. */
void progress_step(struct progress *progress, const char *name);

/* End the live line. */
void progress_end(struct progress *progress);

double progress_elapsed(const struct progress *progress);

#endif
