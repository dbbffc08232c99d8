/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the engine asks of C's <stdint.h>, in a kernel that has none. */
#include <linux/types.h>

#define INT64_MAX __INT64_MAX__
#define PTRDIFF_MAX __PTRDIFF_MAX__
#define UINT32_C(number) number##U
#define UINT64_C(number) number##ULL
#define UINT8_C(number) number
#ifndef UINT32_MAX
#define UINT32_MAX 0xffffffffU
#endif
