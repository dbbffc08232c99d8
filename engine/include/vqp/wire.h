/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The shared page of a queue pair.  Everything here is frozen: VMware's host,
 * the Linux and FreeBSD drivers and every vqp peer read the same bytes.
 * Little-endian, naturally aligned.  Source: docs/wire.md.
 */
#ifndef VQP_WIRE_H
#define VQP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <vqp/atomic.h>
#include <vqp/check.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "VMCI is little-endian on the wire and vqp does not swap"
#endif

/*
 * Names a resource of a context: a queue pair, a doorbell, an endpoint (2.1).
 */
struct vqp_handle {
	uint32_t context;
	uint32_t resource;
};

VQP_STATIC_ASSERT(sizeof(struct vqp_handle) == 8, "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_handle, context) == 0, "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_handle, resource) == 4, "frozen");

#define VQP_INVALID_ID UINT32_C(0xffffffff)

/*
 * The first page of a queue (4.1).  Each side writes both indices in the page
 * of its produce queue and only reads the page of its consume queue.  So the
 * tail and the head of one ring lie in two pages:
 *
 *	 A's produce header                    B's produce header
 *	 written by A, read by B               written by B, read by A
 *	+---------------------+               +---------------------+
 *	| producer_tail  tail-+- ring A to B -+-head  consumer_head |
 *	| consumer_head  head-+- ring B to A -+-tail  producer_tail |
 *	+---------------------+               +---------------------+
 *
 * An index is a byte offset in [0, size); one byte of a ring stays empty.  The
 * rest of the page is reserved.
 */
struct vqp_queue_header {
	struct vqp_handle handle;		/* written before sharing */
	struct vqp_cell64 producer_tail;	/* w:owner r:peer e:E1,E3 */
	struct vqp_cell64 consumer_head;	/* w:owner r:peer e:E2,E3 */
};

VQP_STATIC_ASSERT(sizeof(struct vqp_queue_header) == 24, "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_queue_header, handle) == 0, "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_queue_header, producer_tail) == 8,
    "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_queue_header, consumer_head) == 16,
    "frozen");

/*
 * The wide layout of the same page: each index has a pair of cache lines of its
 * own, since processors fetch lines in pairs.  Two sides use it only when both
 * agreed to before they attached.  A peer that knows only VMCI never meets it.
 */
struct vqp_queue_header_wide {
	struct vqp_queue_header compat;		/* as above, indices unused */
	uint8_t reserved0[128 - 24];
	struct vqp_cell64 producer_tail;	/* w:owner r:peer e:E1,E3 */
	uint8_t reserved1[128 - 8];
	struct vqp_cell64 consumer_head;	/* w:owner r:peer e:E2,E3 */
	uint8_t reserved2[128 - 8];
};

VQP_STATIC_ASSERT(sizeof(struct vqp_queue_header_wide) == 384, "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_queue_header_wide, producer_tail) == 128,
    "frozen");
VQP_STATIC_ASSERT(offsetof(struct vqp_queue_header_wide, consumer_head) == 256,
    "frozen");

#endif
