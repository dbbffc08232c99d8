/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What Concurrency Kit must know about the machine, chosen by what the compiler
 * builds for.
 *
 * An installed ck_md.h describes the processor that it was configured on: with
 * the one of amd64, an arm64 build loses the release barrier without a warning.
 * This file comes first in the include path everywhere except in the FreeBSD
 * kernel, which brings the right one itself.
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

/* Kernels have no floating point, and the engine never uses it. */
#define CK_PR_DISABLE_DOUBLE

#endif
