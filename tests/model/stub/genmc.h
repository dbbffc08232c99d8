/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For a machine without GenMC: enough of its header to compile its harnesses
 * as ordinary programs, which then try one schedule.
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
