/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Included before ring.h: with -DWEAK_RELEASE, -DWEAK_ACQUIRE or -DWEAK_FENCE
 * that verb is weaker than the engine asks, and the harness must fail.
 */
#ifndef WEAKEN_H
#define WEAKEN_H

#include <vqp/atomic.h>

#ifdef WEAK_RELEASE
#define vqp_store_release vqp_store_relaxed
#endif
#ifdef WEAK_ACQUIRE
#define vqp_load_acquire vqp_load_relaxed
#endif
#ifdef WEAK_FENCE
#define vqp_fence_full() ((void)0)
#endif

#endif
