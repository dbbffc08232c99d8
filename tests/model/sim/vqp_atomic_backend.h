/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Turns the operations of vqp/atomic.h into steps of the explorer. */
#ifndef VQP_ATOMIC_BACKEND_H
#define VQP_ATOMIC_BACKEND_H

#define VQP_CPU_PORTABLE
#include <vqp/cpu.h>

#include <sim.h>

static inline uint64_t
vqp_load_relaxed(const struct vqp_cell64 *cell)
{
	return sim_load(cell, SIM_RELAXED);
}

static inline uint64_t
vqp_load_acquire(const struct vqp_cell64 *cell)
{
	return sim_load(cell, SIM_ACQUIRE);
}

static inline void
vqp_store_relaxed(struct vqp_cell64 *cell, uint64_t value)
{
	sim_store(cell, value, SIM_RELAXED);
}

static inline void
vqp_store_release(struct vqp_cell64 *cell, uint64_t value)
{
	sim_store(cell, value, SIM_RELEASE);
}

static inline uint8_t
vqp_swap8_full(struct vqp_cell8 *cell, uint8_t value)
{
	return (uint8_t)sim_swap_full(cell, value);
}

static inline void
vqp_fence_full(void)
{
	sim_fence_full();
}

#endif
