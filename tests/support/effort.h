/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How often a case repeats what it repeats.  The numbers in the cases are the
 * everyday ones; VQP_TEST_LONG=1 in the environment asks for ten times as
 * many.  The build defines VQP_TEST_SLOW as the divisor for worlds that run
 * everything slowly: sanitizers, emulators.
 */
#ifndef EFFORT_H
#define EFFORT_H

#include <stdint.h>
#include <stdlib.h>

#ifndef VQP_TEST_SLOW
#define VQP_TEST_SLOW 1
#endif

static inline uint64_t
effort(uint64_t everyday)
{
	uint64_t factor = getenv("VQP_TEST_LONG") != NULL ? 10 : 1;

	return (everyday * factor + VQP_TEST_SLOW - 1) / VQP_TEST_SLOW;
}

/* The same, or just what a variable of the environment says: 1e9, perhaps. */
static inline uint64_t
effort_or(const char *variable, uint64_t everyday)
{
	const char *chosen = getenv(variable);

	return chosen != NULL ? (uint64_t)strtod(chosen, NULL) :
	    effort(everyday);
}

#endif
