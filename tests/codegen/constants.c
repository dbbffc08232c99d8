/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Constants that are wider than an immediate operand.  With RAW defined they
 * are stored as Concurrency Kit alone stores them, which does not assemble.
 */
#include <vqp/atomic.h>

#ifdef RAW
#define STORE(cell, value) ck_pr_store_64(&(cell)->v_, value)
#else
#define STORE(cell, value) do {						\
	vqp_store_relaxed(cell, value);					\
	vqp_store_release(cell, value);					\
} while (0)
#endif

void
constants_store(struct vqp_cell64 *cell)
{
	STORE(cell, UINT64_C(0x7fffffff));
	STORE(cell, UINT64_C(0x80000000));
	STORE(cell, UINT64_C(0xdeadbeef));
	STORE(cell, UINT64_C(0xffffffff));
	STORE(cell, UINT64_C(0x100000000));
	STORE(cell, UINT64_MAX);
}
