/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The words that two sides may access at the same time, and the only verbs that
 * may access them.  The include path chooses which instructions the verbs
 * become: engine/atomic/ck (the product), engine/atomic/gnu (builtins, for
 * ThreadSanitizer and other tools that cannot see assembly), and the backends
 * of tests/.  A backend defines:
 *
 *	vqp_load_relaxed	one full-width load
 *	vqp_load_acquire	the same, before every later access
 *	vqp_store_relaxed	one full-width store
 *	vqp_store_release	the same, after every earlier access
 *	vqp_swap8_full		exchange a byte; full fence on both sides
 *	vqp_or8_full		set bits of a byte; the same (a device only)
 *	vqp_add_relaxed		add to a word; no order (counters)
 *	vqp_fence_full		earlier stores before later loads
 *
 * and the processor's hints of vqp/cpu.h.
 *
 * The order belongs to the operation, never to a lone acquire or release fence,
 * so that every checker sees it.
 */
#ifndef VQP_ATOMIC_H
#define VQP_ATOMIC_H

#include <stdint.h>

#define VQP_ALIGNED(bytes) __attribute__((aligned(bytes)))

/*
 * For sparse, a word that code must not access directly or cast to a plain
 * word.  Not in a kernel, where sparse reads the backend as well.
 */
#if defined(__CHECKER__) && !defined(__KERNEL__)
#define VQP_SHARED __attribute__((noderef, address_space(__vqp_shared)))
#else
#define VQP_SHARED
#endif

/* A struct, so that a plain read or write of the word does not compile. */
struct vqp_cell64 {
	uint64_t VQP_SHARED v_;
} VQP_ALIGNED(8);	/* i386 would align it to 4, and tear it */

struct vqp_cell8 {
	uint8_t VQP_SHARED v_;
};

#include <vqp_atomic_backend.h>

#endif
