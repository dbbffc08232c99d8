/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * VQP_CHECK stops on a mistake of our own side, for example a caller that
 * commits more than the ring had space for.  Nothing that a peer writes can
 * reach a VQP_CHECK; a peer's bad index gives an error code.  Every check is in
 * a slow path, so the checks stay in every build.  The build may define
 * VQP_CHECK to stop in its own way; it must not return.
 */
#ifndef VQP_CHECK_H
#define VQP_CHECK_H

#ifndef VQP_CHECK
#define VQP_CHECK(truth) ((truth) ? (void)0 : __builtin_trap())
#endif

#ifdef __cplusplus
#define VQP_STATIC_ASSERT static_assert
#else
#define VQP_STATIC_ASSERT _Static_assert
#endif

#endif
