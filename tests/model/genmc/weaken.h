/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Included before ring.h: makes the engine readable for GenMC, and turns a
 * mistake of ours into a failed assertion.  With -DWEAK_RELEASE=PRODUCER and
 * the like an operation is weaker than the engine requires, in that thread
 * alone, and the harness must fail.
 */
#ifndef WEAKEN_H
#define WEAKEN_H

#include <assert.h>

#define VQP_CHECK(truth) assert(truth)
/* GenMC's interpreter does not know it, and copy.h uses it for speed only. */
#define __builtin_constant_p(value) 0

#include <vqp/atomic.h>

enum weak_thread { PRODUCER = 1, CONSUMER, OBSERVER };

static __thread enum weak_thread who;

#ifdef WEAK_RELEASE
#define vqp_store_release(cell, value)					\
	(who == WEAK_RELEASE ? vqp_store_relaxed(cell, value) :		\
	    (vqp_store_release)(cell, value))
#endif
#ifdef WEAK_ACQUIRE
#define vqp_load_acquire(cell)						\
	(who == WEAK_ACQUIRE ? vqp_load_relaxed(cell) :			\
	    (vqp_load_acquire)(cell))
#endif
#ifdef WEAK_FENCE
#define vqp_fence_full()						\
	(who == WEAK_FENCE ? (void)0 : (vqp_fence_full)())
#endif

#endif
