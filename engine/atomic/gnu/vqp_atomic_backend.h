/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The verbs of vqp/atomic.h by compiler builtins.  ThreadSanitizer, the fuzzers
 * and model checkers see through these; they cannot see through the assembly of
 * the ck backend.  It is also the backend for 32-bit x86: there it gives whole
 * 64-bit accesses, and Concurrency Kit does not.
 */
#ifndef VQP_ATOMIC_BACKEND_H
#define VQP_ATOMIC_BACKEND_H

#define VQP_CPU_PORTABLE
#include <vqp/cpu.h>

static inline uint64_t
vqp_load_relaxed(const struct vqp_cell64 *cell)
{
	return __atomic_load_n(&cell->v_, __ATOMIC_RELAXED);
}

static inline uint64_t
vqp_load_acquire(const struct vqp_cell64 *cell)
{
	return __atomic_load_n(&cell->v_, __ATOMIC_ACQUIRE);
}

static inline void
vqp_store_relaxed(struct vqp_cell64 *cell, uint64_t value)
{
	__atomic_store_n(&cell->v_, value, __ATOMIC_RELAXED);
}

static inline void
vqp_store_release(struct vqp_cell64 *cell, uint64_t value)
{
	__atomic_store_n(&cell->v_, value, __ATOMIC_RELEASE);
}

static inline void
vqp_add_relaxed(struct vqp_cell64 *cell, uint64_t n)
{
	__atomic_fetch_add(&cell->v_, n, __ATOMIC_RELAXED);
}

static inline void
vqp_fence_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline uint8_t
vqp_swap8_full(struct vqp_cell8 *cell, uint8_t value)
{
	uint8_t old;

	/* On arm64 a later plain access may pass the exchange alone. */
	vqp_fence_full();
	old = __atomic_exchange_n(&cell->v_, value, __ATOMIC_SEQ_CST);
	vqp_fence_full();
	return old;
}

static inline void
vqp_or8_full(struct vqp_cell8 *cell, uint8_t bits)
{
	vqp_fence_full();
	__atomic_fetch_or(&cell->v_, bits, __ATOMIC_SEQ_CST);
	vqp_fence_full();
}

#endif
