/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The protocol between QEMU and a host context: a program on the host that is
 * a context of the guest's hub, for instance CID 2.  A Unix socket of type
 * SOCK_SEQPACKET carries datagrams, doorbell rings, events, and who may touch
 * which memory; never a byte of a ring.  The rings lie in the guest's memory,
 * whose file descriptors are passed along, and the program maps them.
 *
 *	program			QEMU
 *	HELLO		->			the first packet
 *			<- RESULT		its cid is plugged in, or not
 *			<- GUEST		the guest that it serves
 *	BIND 5000	->			accept datagrams to 2:5000
 *			<- RESULT
 *			<- DATAGRAM		one came
 *	SEND		->			send one
 *			<- RESULT
 *	ALLOC		->			attach to a queue pair
 *			<- FILE			descriptor 0, sent once
 *			<- MEMORY, PIECES...	where its pages lie in it
 *			<- RESULT
 *			<- NO_MEMORY		for instance: the guest detached
 *	RELEASED	->			unmapped; QEMU waits for this
 *			<- EVENT		PEER_DETACH
 *
 * Each message is one packet: a struct vqp_link_message, then its body.  On the
 * SOCK_STREAM of a chardev each packet, and any descriptor, follows its length,
 * a uint32_t.  Every request (of the program) except RELEASED is answered by
 * one RESULT with its tag, in order.  All numbers are in the byte order of the
 * machine; both sides run on it.  MEMORY comes at most once for each ALLOC:
 * memory that went does not come back; the program detaches and asks again.
 *
 * QEMU disconnects a program that does not read when 8 MiB wait for it, and
 * sends it no datagram beyond 4 MiB; docs/limits.md has all limits.
 *
 * Trust: the program gets all of the guest's memory, so QEMU is as safe from it
 * as it is from its own user.  In the other direction, the program trusts
 * nothing that lies in that memory.
 */
#ifndef VQP_LINK_H
#define VQP_LINK_H

#include <stdint.h>

#include <vqp/wire_device.h>

#define VQP_LINK_VERSION	1
/* The largest packet: the largest datagram and the headers before it. */
#define VQP_LINK_BYTES_MAX	(VQP_DATAGRAM_BYTES_MAX + 64)

enum vqp_link_type {
	/* Requests. */
	VQP_LINK_HELLO = 1,	/* struct vqp_link_hello */
	/*
	 * struct vqp_handle: accept datagrams to this resource.  { 0, 15 } is
	 * the control port of the stream sockets of context 0, which only the
	 * program of context 2 may have (else NO_ACCESS); in any other handle
	 * the context is not read.
	 */
	VQP_LINK_BIND = 2,
	VQP_LINK_UNBIND = 3,	/* the same */
	VQP_LINK_SEND = 4,	/* struct vqp_datagram, and its payload */
	VQP_LINK_LINK = 5,	/* struct vqp_handle: have this doorbell */
	VQP_LINK_UNLINK = 6,	/* the same */
	VQP_LINK_RING = 7,	/* struct vqp_handle, of any context */
	VQP_LINK_ALLOC = 8,	/* struct vqp_link_alloc */
	VQP_LINK_DETACH = 9,	/* struct vqp_handle */
	VQP_LINK_RELEASED = 10,	/* struct vqp_handle; no RESULT */
	/*
	 * struct vqp_link_file: send it again.  Its descriptor was truncated
	 * (MSG_CTRUNC), or QEMU had none to send.
	 */
	VQP_LINK_FILE_AGAIN = 11,

	/* From QEMU. */
	VQP_LINK_RESULT = 32,	/* struct vqp_link_result */
	VQP_LINK_DATAGRAM = 33,	/* struct vqp_datagram, and its payload */
	VQP_LINK_DOORBELL = 34,	/* struct vqp_handle: yours was rung */
	VQP_LINK_EVENT = 35,	/* a struct vqp_event_qpair or _context */
	VQP_LINK_FILE = 36,	/* struct vqp_link_file, and a descriptor */
	VQP_LINK_MEMORY = 37,	/* struct vqp_link_memory */
	VQP_LINK_PIECES = 38,	/* some struct vqp_link_piece */
	VQP_LINK_NO_MEMORY = 39, /* struct vqp_handle; answer RELEASED */
	VQP_LINK_GUEST = 40,	/* struct vqp_link_guest */
	/*
	 * struct vqp_link_file: that memory was unplugged; close it.  The next
	 * FILE may have its index.
	 */
	VQP_LINK_NO_FILE = 41,
};

struct vqp_link_message {
	uint32_t type;		/* enum vqp_link_type */
	uint32_t tag;		/* a request's, any; else 0 */
};

struct vqp_link_hello {
	uint32_t version;	/* VQP_LINK_VERSION */
	uint32_t cid;		/* VQP_CONTEXT_HOST, 16 or more, or ANY */
	uint32_t privileges;	/* VQP_PRIVILEGE_ bits */
	uint32_t reserved;
};

/* The guest of this QEMU. */
struct vqp_link_guest {
	uint32_t cid;
	uint32_t reserved;
};

struct vqp_link_result {
	/*
	 * The result of the function of vqp_device.h; for HELLO the cid, or an
	 * error: OBSOLETE for a version that QEMU does not speak.
	 */
	int64_t status;
};

struct vqp_link_alloc {
	struct vqp_handle handle;
	uint32_t peer;
	uint32_t flags;
	uint64_t produce_size;	/* as the program calls it */
	uint64_t consume_size;
};

/*
 * Descriptor `index`, for pieces that come later: the lowest free index, or
 * the same index again for a file that was requested again.
 */
struct vqp_link_file {
	uint32_t index;
	uint32_t reserved;
};

/*
 * The memory of a pair, with the queues named from the program's side.  The
 * pieces that follow, one behind the other, are
 *
 *	page_bytes		header of the produce queue
 *	produce_bytes		its data, rounded up to pages
 *	page_bytes		header of the consume queue
 *	consume_bytes		its data
 */
struct vqp_link_memory {
	struct vqp_handle handle;
	uint64_t produce_size;
	uint64_t consume_size;
	uint64_t page_bytes;
	uint64_t produce_bytes;
	uint64_t consume_bytes;
	uint32_t piece_count;	/* of all PIECES messages that follow */
	uint32_t reserved;
};

struct vqp_link_piece {
	uint32_t file;		/* index of a FILE */
	uint32_t reserved;
	uint64_t offset;	/* in that file; a multiple of 4096 */
	uint64_t bytes;		/* the same */
};

#define VQP_LINK_PIECES_MAX	1024	/* in one message */

#endif
