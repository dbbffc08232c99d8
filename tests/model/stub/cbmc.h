/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* For a machine without CBMC: its intrinsics, to compile its harnesses. */
#ifndef CBMC_H
#define CBMC_H

#include <stdbool.h>
#include <stddef.h>

void __CPROVER_assume(bool truth);
void __CPROVER_assert(bool truth, const char *what);
bool __CPROVER_w_ok(const void *base, size_t length);

#endif
