/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Enough of GenMC's header to compile its harnesses on a machine without GenMC,
 * as ordinary programs that try one schedule.
 */
#ifndef GENMC_H
#define GENMC_H

#include <stdlib.h>

static inline void
__VERIFIER_assume(int truth)
{
	if (!truth)
		exit(0);
}

#endif
