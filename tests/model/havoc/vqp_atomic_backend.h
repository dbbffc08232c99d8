/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The operations of vqp/atomic.h in a world where anything may happen between
 * two steps: a load returns any value, and a store has no effect.  A proof on
 * this backend holds whatever the peer does.
 */
#ifndef VQP_ATOMIC_BACKEND_H
#define VQP_ATOMIC_BACKEND_H

#define VQP_CPU_PORTABLE
#include <vqp/cpu.h>

/* The checker takes a function without a body as one that returns any value. */
uint64_t nondet_uint64(void);
uint8_t nondet_uint8(void);

static inline uint64_t
vqp_load_relaxed(const struct vqp_cell64 *cell)
{
	(void)cell->v_;
	return nondet_uint64();
}

static inline uint64_t
vqp_load_acquire(const struct vqp_cell64 *cell)
{
	return vqp_load_relaxed(cell);
}

static inline void
vqp_store_relaxed(struct vqp_cell64 *cell, uint64_t value)
{
	cell->v_ = value;
}

static inline void
vqp_store_release(struct vqp_cell64 *cell, uint64_t value)
{
	cell->v_ = value;
}

static inline uint8_t
vqp_swap8_full(struct vqp_cell8 *cell, uint8_t value)
{
	cell->v_ = value;
	return nondet_uint8();
}

static inline void
vqp_fence_full(void)
{
}

#endif
