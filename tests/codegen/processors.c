/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FreeBSD 12 and 13 define CK_MD_UMP for modules built alone.  With CK_FIRST
 * defined, Concurrency Kit comes before the engine, as a program may include
 * it.
 */
#ifdef CK_FIRST
#include <ck_pr.h>
#endif
#include <vqp/atomic.h>

uint64_t
processors_add(struct vqp_cell64 *cell, uint64_t value)
{
	return ck_pr_faa_64(&cell->v_, value);
}
