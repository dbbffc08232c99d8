/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wraps the backend that comes next in the include path and counts how often
 * the engine relied on a shared word: each acquiring load reads one.  The
 * relaxed loads, in notifications and queries, do not count.  For one thread
 * only.
 */
#ifndef COUNT_ATOMIC_BACKEND_H
#define COUNT_ATOMIC_BACKEND_H

#define vqp_load_acquire vqp_load_acquire_uncounted
#include_next <vqp_atomic_backend.h>
#undef vqp_load_acquire

extern uint64_t count_loads;

static inline uint64_t
vqp_load_acquire(const struct vqp_cell64 *cell)
{
	count_loads++;
	return vqp_load_acquire_uncounted(cell);
}

#endif
