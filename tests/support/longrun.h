/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shows the person who waits how far a case has come: one line every two
 * seconds, and one at its end.
 */
#ifndef LONGRUN_H
#define LONGRUN_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct progress {
	const char *what;	/* of the things counted */
	uint64_t all;
	uint64_t begin, next;	/* milliseconds */
};

static inline uint64_t
progress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void
progress_start(struct progress *it, const char *what, uint64_t all)
{
	it->what = what;
	it->all = all;
	it->begin = progress_now();
	it->next = it->begin + 2000;
}

/* Reads a clock, so do not call it in every turn of a loop. */
static inline void
progress_at(struct progress *it, uint64_t done)
{
	const uint64_t now = progress_now();

	if (now < it->next)
		return;
	it->next = now + 2000;
	printf("# %.3g of %.3g %s, %.0f s\n", (double)done, (double)it->all,
	    it->what, (double)(now - it->begin) / 1e3);
}

static inline void
progress_end(const struct progress *it, uint64_t done)
{
	printf("# %llu %s in %.1f s\n", (unsigned long long)done, it->what,
	    (double)(progress_now() - it->begin) / 1e3);
}

#endif
