/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How often a case repeats its loop.  In the environment VQP_TEST_LONG=1 asks
 * for ten times the number that the case states, and VQP_TEST_QUICK=1, which
 * the everyday run sets, asks for a third.  The build defines VQP_TEST_SLOW as
 * the divisor for builds that run everything slowly: sanitizers and emulators.
 */
#ifndef EFFORT_H
#define EFFORT_H

#include <stdint.h>
#include <stdlib.h>

#ifndef VQP_TEST_SLOW
#define VQP_TEST_SLOW 1
#endif

static inline uint64_t
effort(uint64_t usual)
{
	const uint64_t factor = getenv("VQP_TEST_LONG") != NULL ? 10 : 1;
	const uint64_t divisor = VQP_TEST_SLOW *
	    (getenv("VQP_TEST_QUICK") != NULL ? 3 : 1);

	return (usual * factor + divisor - 1) / divisor;
}

/*
 * The same, unless a variable of the environment names the number, such as 1e9.
 */
static inline uint64_t
effort_or(const char *variable, uint64_t usual)
{
	const char *chosen = getenv(variable);

	return chosen != NULL ? (uint64_t)strtod(chosen, NULL) :
	    effort(usual);
}

#endif
