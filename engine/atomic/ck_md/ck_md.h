/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What Concurrency Kit must know of the machine, keyed on the compiler.
 *
 * An installed ck_md.h speaks for the processor it was configured on: with
 * amd64's, an arm64 build loses the release barrier without a word.  This one
 * comes first in the include path everywhere but in the FreeBSD kernel, which
 * brings the right one itself.
 */
#ifndef CK_MD_H
#define CK_MD_H

#if defined(__x86_64__) && !defined(__ILP32__)
#define CK_MD_TSO
#elif defined(__aarch64__) && !defined(__ILP32__)
#define CK_MD_RMO
#else
#error "no memory model is known here for this processor: use engine/atomic/gnu"
#endif

#define CK_MD_CACHELINE (64)
#define CK_MD_PAGESIZE (4096)
#define CK_MD_RTM_DISABLE
#define CK_MD_LSE_DISABLE
#define CK_MD_POINTER_PACK_DISABLE
#define CK_MD_PPC32_LWSYNC_DISABLE
#define CK_MD_VMA_BITS 48ULL

/* Kernels have no floating point, and the engine never asks for it. */
#define CK_PR_DISABLE_DOUBLE

#endif
