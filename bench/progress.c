/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The live line that shows how far a run has come. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define REDRAW_NS UINT64_C(100000000)

void
progress_begin(struct progress *progress, size_t per_round, unsigned rounds,
    double seconds)
{
	memset(progress, 0, sizeof(*progress));
	progress->per_round = per_round;
	progress->rounds = rounds;
	progress->seconds = seconds;
	progress->terminal = isatty(STDERR_FILENO) != 0;
	progress->start_ns = clock_monotonic_ns();
}

double
progress_elapsed(const struct progress *progress)
{
	return (double)(clock_monotonic_ns() - progress->start_ns) * 1e-9;
}

/* How much of the run is done, from 0 to 1. */
static double
fraction(const struct progress *progress)
{
	double done = progress->rounds == 0 ?
	    progress_elapsed(progress) / progress->seconds :
	    (double)progress->done /
	    ((double)progress->rounds * (double)progress->per_round);

	return done < 1 ? done : 1;
}

static void
show(const struct progress *progress, const char *name)
{
	double done = fraction(progress);
	unsigned elapsed = (unsigned)progress_elapsed(progress);
	unsigned left = done > 0 ?
	    (unsigned)(elapsed * (1 - done) / done) : 0;

	fprintf(stderr, "%s[%3.0f %%] round %zu, %zu/%zu  %u:%02u  eta %u:%02u"
	    "  %.36s%s", progress->terminal ? "\r" : "", 100 * done,
	    progress->done / progress->per_round + 1,
	    progress->done % progress->per_round + 1, progress->per_round,
	    elapsed / 60, elapsed % 60, left / 60, left % 60, name,
	    progress->terminal ? "\033[K" : "\n");
}

void
progress_step(struct progress *progress, const char *name)
{
	uint64_t now = clock_monotonic_ns();

	if (progress->terminal && now - progress->shown_ns > REDRAW_NS) {
		progress->shown_ns = now;
		show(progress, name);
	} else if (!progress->terminal &&
	    fraction(progress) * 20 >= progress->twentieths + 1) {
		progress->twentieths = (unsigned)(fraction(progress) * 20);
		show(progress, name);
	}
	progress->done++;
}

void
progress_end(struct progress *progress)
{
	if (progress->terminal)
		fprintf(stderr, "\r\033[K");
}
