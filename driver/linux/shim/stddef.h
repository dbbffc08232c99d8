/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the engine asks of C's <stddef.h>, in a kernel that has none. */
#include <linux/stddef.h>
