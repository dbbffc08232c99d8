/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The verbs of vqp/atomic.h by ck_pr of Concurrency Kit: the backend of the
 * product, in userspace and in both kernels.
 *
 * FreeBSD 12 and 13 assume that a module built outside a kernel build runs on
 * one processor, and drop the lock prefix (CK_MD_UMP).  The order of the lines
 * below undoes that.
 */
#ifndef VQP_ATOMIC_BACKEND_H
#define VQP_ATOMIC_BACKEND_H

#if defined(CK_PR_H) && defined(CK_MD_UMP)
#error "ck_pr.h was included before the engine, without the lock prefix"
#endif
#include <ck_md.h>
#undef CK_MD_UMP
#include <ck_pr.h>
#ifndef CK_F_PR_LOAD_64
#error "this processor has no whole 64-bit access in Concurrency Kit: use engine/atomic/gnu"
#endif

#include <vqp/cpu.h>

static inline uint64_t
vqp_load_relaxed(const struct vqp_cell64 *cell)
{
	return ck_pr_load_64(&cell->v_);
}

static inline uint64_t
vqp_load_acquire(const struct vqp_cell64 *cell)
{
	uint64_t value = ck_pr_load_64(&cell->v_);

	ck_pr_fence_acquire();
	return value;
}

static inline void
vqp_store_relaxed(struct vqp_cell64 *cell, uint64_t value)
{
	/*
	 * On x86-64 ck_pr_store_64() makes a constant in 0x80000000 to
	 * 0xffffffff an immediate operand, which no assembler accepts.  VMCI's
	 * invalid id is such a constant.  In a register it is only a number.
	 */
	__asm__("" : "+r"(value));
	ck_pr_store_64(&cell->v_, value);
}

static inline void
vqp_store_release(struct vqp_cell64 *cell, uint64_t value)
{
	ck_pr_fence_release();
	vqp_store_relaxed(cell, value);
}

static inline uint8_t
vqp_swap8_full(struct vqp_cell8 *cell, uint8_t value)
{
	uint8_t old;

	/* Nothing on x86-64, where xchg is the fence; barriers on arm64. */
	ck_pr_fence_load_atomic();
	ck_pr_fence_store_atomic();
	old = ck_pr_fas_8(&cell->v_, value);
	ck_pr_fence_atomic_load();
	ck_pr_fence_atomic_store();
	return old;
}

static inline void
vqp_or8_full(struct vqp_cell8 *cell, uint8_t bits)
{
	/* The same: a locked or is a full fence on x86-64. */
	ck_pr_fence_load_atomic();
	ck_pr_fence_store_atomic();
	ck_pr_or_8(&cell->v_, bits);
	ck_pr_fence_atomic_load();
	ck_pr_fence_atomic_store();
}

static inline void
vqp_add_relaxed(struct vqp_cell64 *cell, uint64_t n)
{
	ck_pr_add_64(&cell->v_, n);
}

static inline void
vqp_fence_full(void)
{
	ck_pr_fence_memory();
}

#endif
