/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Included before ring.h: the engine as GenMC can read it, a mistake of ours
 * an assertion.  With -DWEAK_RELEASE=PRODUCER and the like a verb is weaker
 * than the engine asks, in that thread alone, and the harness must fail.
 */
#ifndef WEAKEN_H
#define WEAKEN_H

#include <assert.h>

#define VQP_CHECK(truth) assert(truth)
/* Not known to its interpreter; copy.h asks for speed alone. */
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
