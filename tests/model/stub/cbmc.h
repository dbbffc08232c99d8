/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* CBMC's intrinsics, to compile its harnesses on a machine without CBMC. */
#ifndef CBMC_H
#define CBMC_H

#include <stdbool.h>
#include <stddef.h>

void __CPROVER_assume(bool truth);
void __CPROVER_assert(bool truth, const char *what);
bool __CPROVER_w_ok(const void *base, size_t length);

#endif
