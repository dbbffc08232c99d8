/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The wire between a guest's driver and its VMCI device: registers, datagrams,
 * hypercalls, events.  driver/core and driver/device may know nothing else of
 * each other.  The paths DOORBELL and MEETING of docs/architecture.md cross it.
 *
 * Everything here is frozen, little-endian and naturally aligned.  The receiver
 * of a structure copies it once and checks the copy, because the sender may
 * still be writing.  Fields named `reserved` are sent as 0 and never read,
 * since some drivers send old bytes of their stack in them.
 *
 * Result numbers (docs/wire.md 9) are in vqp/status.h.
 */
#ifndef VQP_WIRE_DEVICE_H
#define VQP_WIRE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vqp/check.h>
#include <vqp/wire.h>

#define VQP_FROZEN_SIZE(type, bytes)					\
	VQP_STATIC_ASSERT(sizeof(type) == (bytes), "frozen")
#define VQP_FROZEN_AT(type, member, offset)				\
	VQP_STATIC_ASSERT(offsetof(type, member) == (offset), "frozen")

/*
 * ---- docs/wire.md 1.  The device.
 *
 * docs/wire.md 1.1: how a driver finds it.  Drivers match vendor and device
 * only.
 */
#define VQP_PCI_VENDOR		0x15ad
#define VQP_PCI_DEVICE		0x0740
#define VQP_PCI_CLASS		0x088000	/* system peripheral, other */
#define VQP_PCI_REVISION	0x10

/*
 * docs/wire.md 1.2: BAR 0 is an I/O range with the registers.  BAR 1 is 64-bit
 * memory; its exact length tells a device with MMIO registers and DMA datagrams
 * from one without.
 */
#define VQP_BAR_PORT		0
#define VQP_BAR_PORT_BYTES	64
#define VQP_BAR_MEMORY		1
#define VQP_BAR_MEMORY_BYTES_PORT	0x2000	/* MSI-X table and PBA only */
#define VQP_BAR_MEMORY_BYTES_MMIO	0x40000	/* these; the rest is unused: */
#define VQP_MMIO_MSIX_OFFSET	0x00000
#define VQP_MMIO_MSIX_BYTES	0x20000
#define VQP_MMIO_REG_OFFSET	0x20000		/* add a VQP_REG_ offset */
#define VQP_MMIO_REG_BYTES	0x10000

/*
 * docs/wire.md 1.3: byte offsets.  All registers are 32 bits wide, except the
 * two data ports, which are streams of bytes.  R, W: how the driver accesses
 * it.
 */
enum vqp_reg {
	VQP_REG_STATUS = 0x00,		/* R; no driver reads it */
	VQP_REG_CONTROL = 0x04,		/* W; one command per write */
	VQP_REG_ICR = 0x08,		/* R; causes; reading clears them */
	VQP_REG_IMR = 0x0c,		/* W; 1 lets a cause interrupt */
	VQP_REG_DATA_OUT = 0x10,	/* W bytes; see 2.5 */
	VQP_REG_DATA_IN = 0x14,		/* R bytes; see 2.6 */
	VQP_REG_CAPS = 0x18,		/* R offers; W what will be used */
	VQP_REG_RESULT_LOW = 0x1c,	/* R; int32_t, stays until the next */
	VQP_REG_RESULT_HIGH = 0x20,	/* R; no driver reads it */

	/*
	 * Only with DMA datagrams (1.9).  A write of a low half starts the
	 * operation.
	 */
	VQP_REG_DATA_OUT_LOW = 0x24,	/* W; bus address of an operation */
	VQP_REG_DATA_OUT_HIGH = 0x28,	/* W; once, before any low half */
	VQP_REG_DATA_IN_LOW = 0x2c,	/* W */
	VQP_REG_DATA_IN_HIGH = 0x30,	/* W; once */
	VQP_REG_GUEST_PAGE_SHIFT = 0x34, /* RW; unit of page numbers, log2 */
};

/* Page numbers count 4 KiB pages until GUEST_PAGE_SHIFT says otherwise. */
#define VQP_PAGE_SHIFT_DEFAULT	12

/*
 * docs/wire.md 1.4: bits of the registers.  The device offers capabilities, and
 * the driver answers with a subset.  Capabilities outside VQP_CAPS_IMPLICIT are
 * off until then.
 */
#define VQP_STATUS_INT_ON	(UINT32_C(1) << 0)

#define VQP_CONTROL_RESET	(UINT32_C(1) << 0)
#define VQP_CONTROL_INT_ENABLE	(UINT32_C(1) << 1)
#define VQP_CONTROL_INT_DISABLE	(UINT32_C(1) << 2)

#define VQP_CAP_HYPERCALL	(UINT32_C(1) << 0)
#define VQP_CAP_GUESTCALL	(UINT32_C(1) << 1)
#define VQP_CAP_DATAGRAM	(UINT32_C(1) << 2)	/* required */
#define VQP_CAP_NOTIFICATIONS	(UINT32_C(1) << 3)
#define VQP_CAP_PPN64		(UINT32_C(1) << 4)
#define VQP_CAP_DMA_DATAGRAM	(UINT32_C(1) << 5)	/* MMIO: required */
#define VQP_CAP_CLEAR_TO_ACK	(UINT32_C(1) << 31)	/* meaning unknown */
#define VQP_CAPS_IMPLICIT	UINT32_C(0x0f)

/* Bits of ICR and IMR. */
#define VQP_CAUSE_DATAGRAM	(UINT32_C(1) << 0)
#define VQP_CAUSE_NOTIFICATION	(UINT32_C(1) << 1)
#define VQP_CAUSE_DMA_DATAGRAM	(UINT32_C(1) << 2)
#define VQP_ICR_DEVICE_GONE	UINT32_C(0xffffffff)

/*
 * docs/wire.md 1.6: if the guest was given a vector for each cause, there is
 * one MSI-X vector per cause, and nobody reads ICR.  Otherwise one interrupt
 * serves all.
 */
enum vqp_vector {
	VQP_VECTOR_DATAGRAM = 0,
	VQP_VECTOR_NOTIFICATION = 1,
	VQP_VECTOR_DMA_DATAGRAM = 2,
};

#define VQP_VECTOR_COUNT_PORT	2
#define VQP_VECTOR_COUNT_MMIO	3

/*
 * docs/wire.md 1.9: what lies at the bus address of a DMA operation.  To send,
 * the driver sets busy to 1 and the device clears it when done.  To receive,
 * the driver clears it and the device sets it.
 *
 * The driver polls `busy` while the device writes it.  This memory is shared
 * with a device and not with a peer, so it has no cell type.  A shell accesses
 * it by the means that it has for such memory, one whole field at a time, and
 * reads `result` only after `busy` says so.
 */
struct vqp_dma_operation {
	uint32_t busy;		/* w:driver,device r:driver,device */
	uint32_t opcode;	/* w:driver; an enum vqp_dma_opcode */
	uint32_t size;		/* w:driver; bytes, or elements */
	uint32_t reserved;
	uint64_t result;	/* w:device r:driver; low half an int32_t */
	/* `size` bytes of datagram, or `size` struct vqp_dma_element, follow */
};

struct vqp_dma_element {
	uint64_t address;	/* bus address */
	uint64_t length;	/* bytes */
};

enum vqp_dma_opcode {
	VQP_DMA_INLINE = 0,	/* send: the datagram follows, unpadded */
	VQP_DMA_SCATTER = 1,	/* receive: elements follow */
};

VQP_FROZEN_SIZE(struct vqp_dma_operation, 24);
VQP_FROZEN_AT(struct vqp_dma_operation, busy, 0);
VQP_FROZEN_AT(struct vqp_dma_operation, opcode, 4);
VQP_FROZEN_AT(struct vqp_dma_operation, size, 8);
VQP_FROZEN_AT(struct vqp_dma_operation, reserved, 12);
VQP_FROZEN_AT(struct vqp_dma_operation, result, 16);
VQP_FROZEN_SIZE(struct vqp_dma_element, 16);
VQP_FROZEN_AT(struct vqp_dma_element, address, 0);
VQP_FROZEN_AT(struct vqp_dma_element, length, 8);

/*
 * ---- docs/wire.md 2.  Names and datagrams.
 *
 * docs/wire.md 2.1: the context and resource ids with a meaning.  A context is
 * a virtual machine if it is above VQP_CONTEXT_HOST and at most
 * VQP_CONTEXT_FREE_MAX; ids of 2^31 and above are common.  The host assigns a
 * guest's id and may change it (VQP_EVENT_CTX_ID_UPDATE).
 */
#define VQP_CONTEXT_HYPERVISOR	UINT32_C(0)
#define VQP_CONTEXT_WELL_KNOWN	UINT32_C(1)	/* obsolete; "local" in vsock */
#define VQP_CONTEXT_HOST	UINT32_C(2)
#define VQP_CONTEXT_FREE_MIN	UINT32_C(16)	/* all below are reserved */
#define VQP_CONTEXT_FREE_MAX	UINT32_C(0xffffff9b)	/* -1 to -100: errors */
#define VQP_CONTEXT_ANY		VQP_INVALID_ID

#define VQP_RESOURCE_CONTEXT	UINT32_C(0)	/* source of events */
#define VQP_RESOURCE_EVENTS	UINT32_C(0)	/* destination of events */
#define VQP_RESOURCE_HOST_VSOCK	UINT32_C(1)	/* 1 and 2: of the host */
#define VQP_RESOURCE_HOST_DVFILTER	UINT32_C(2)
#define VQP_RESOURCE_FREE_MIN	UINT32_C(1024)	/* all below are reserved */
#define VQP_RESOURCE_ANY	VQP_INVALID_ID	/* allocate one for me */

/*
 * docs/wire.md 2.2: the resources of VQP_CONTEXT_HYPERVISOR.  A datagram to one
 * of the first twelve is a hypercall.  A device that knows these is complete.
 */
enum vqp_hypercall {
	VQP_HYPERCALL_RESOURCES_QUERY = 0,
	VQP_HYPERCALL_GET_CONTEXT_ID = 1,
	VQP_HYPERCALL_SET_NOTIFY_BITMAP = 2,
	VQP_HYPERCALL_DOORBELL_LINK = 3,
	VQP_HYPERCALL_DOORBELL_UNLINK = 4,
	VQP_HYPERCALL_DOORBELL_NOTIFY = 5,
	VQP_HYPERCALL_DATAGRAM_REQUEST_MAP = 6,	/* 6, 7: obsolete */
	VQP_HYPERCALL_DATAGRAM_REMOVE_MAP = 7,
	VQP_HYPERCALL_EVENT_SUBSCRIBE = 8,	/* 8, 9: sent by no driver */
	VQP_HYPERCALL_EVENT_UNSUBSCRIBE = 9,
	VQP_HYPERCALL_QPAIR_ALLOC = 10,		/* create or attach */
	VQP_HYPERCALL_QPAIR_DETACH = 11,
};

#define VQP_HYPERCALL_COUNT	12

/* Resources of other users of the same context, not of vqp. */
#define VQP_HYPERVISOR_VSOCK_LOOKUP	UINT32_C(12)	/* of old hosts */
#define VQP_HYPERVISOR_HGFS	UINT32_C(13)
#define VQP_HYPERVISOR_UNITY	UINT32_C(14)
/*
 * FreeBSD's header calls 15 the packets of vsock; it ends there and uses 16 as
 * the count.  Linux calls the two privileged and unprivileged RPC and counts
 * 17, and yet its vsock sends to 15.
 */
#define VQP_HYPERVISOR_RPC_PRIVILEGED	UINT32_C(15)
#define VQP_HYPERVISOR_RPC_UNPRIVILEGED	UINT32_C(16)

/*
 * docs/wire.md 2.3: a RESTRICTED party communicates only with TRUSTED ones.
 * The host enforces this; a guest can only check the mask.
 */
#define VQP_PRIVILEGE_NONE	UINT32_C(0)
#define VQP_PRIVILEGE_RESTRICTED	UINT32_C(1)
#define VQP_PRIVILEGE_TRUSTED	UINT32_C(2)
#define VQP_PRIVILEGE_ALL	UINT32_C(3)

/*
 * docs/wire.md 2.4: the header of every message.  The sender's kernel fills in
 * src.  The device believes src only as far as it knows the sender.
 */
struct vqp_datagram {
	struct vqp_handle dst;
	struct vqp_handle src;
	uint64_t payload_size;	/* bytes that follow; any value, if a lie */
};

VQP_FROZEN_SIZE(struct vqp_datagram, 24);
VQP_FROZEN_AT(struct vqp_datagram, dst, 0);
VQP_FROZEN_AT(struct vqp_datagram, src, 8);
VQP_FROZEN_AT(struct vqp_datagram, payload_size, 16);

/*
 * docs/wire.md 2.4: limits, in bytes: 17 pages of 4 KiB, whatever the size of
 * the guest's pages.  Only a hypercall may be larger, and only through the
 * port.
 */
#define VQP_DATAGRAM_BYTES_MAX	(17 * 4096)
#define VQP_DATAGRAM_PAYLOAD_BYTES_MAX	(VQP_DATAGRAM_BYTES_MAX - 24)
/* Datagrams to the guest are padded to a multiple of this. */
#define VQP_DATAGRAM_ALIGN	8
/*
 * Fills DATA_IN between datagrams.  A dst.resource of filler, VQP_INVALID_ID,
 * is the end of those before it.
 */
#define VQP_DATAGRAM_FILLER	0xff

/* What a host queues for one context: datagrams, and space for 1024 events. */
#define VQP_HOST_QUEUE_BYTES_MAX	(2 * VQP_DATAGRAM_BYTES_MAX)
#define VQP_HOST_EVENT_QUEUE_BYTES_MAX	(VQP_HOST_QUEUE_BYTES_MAX + 1024 * 48)
/* Host to host, in flight over all contexts: the 256th is refused. */
#define VQP_HOST_DELAYED_COUNT	256

/* docs/wire.md 2.4: how an endpoint is registered.  Never on the wire. */
#define VQP_DATAGRAM_WELL_KNOWN	UINT32_C(1)	/* refused: INVALID_ARGS */
#define VQP_DATAGRAM_ANY_CONTEXT	UINT32_C(2)	/* under context ANY */
#define VQP_DATAGRAM_DELAYED	UINT32_C(4)	/* called back from a worker */

/*
 * ---- docs/wire.md 3.  Hypercalls: from the driver, dst
 * { VQP_CONTEXT_HYPERVISOR, an enum vqp_hypercall }, src { ANY, ANY }.
 * payload_size counts everything after the first 24 bytes.
 *
 * GET_CONTEXT_ID is a bare struct vqp_datagram; its result is the id.
 */

/* RESOURCES_QUERY.  Bit i of the result: the i-th resource is supported. */
struct vqp_hypercall_resources_query {
	struct vqp_datagram datagram;
	uint32_t resource_count;
	uint32_t reserved;
	/* resource_count words follow: uint32_t resource ids */
};

/* A non-negative int32_t has this many bits. */
#define VQP_RESOURCES_QUERY_COUNT_MAX	31

/* SET_NOTIFY_BITMAP.  Without VQP_CAP_PPN64 the high half is reserved. */
struct vqp_hypercall_set_notify_bitmap {
	struct vqp_datagram datagram;
	uint64_t page_number;
};

/* DOORBELL_LINK.  Any result except 0 is a failure. */
struct vqp_hypercall_doorbell_link {
	struct vqp_datagram datagram;
	struct vqp_handle handle;
	uint64_t index;		/* of a byte of the notification page (5.1) */
};

/* DOORBELL_UNLINK, DOORBELL_NOTIFY, QPAIR_DETACH. */
struct vqp_hypercall_handle {
	struct vqp_datagram datagram;
	struct vqp_handle handle;
};

/* DATAGRAM_REQUEST_MAP, _REMOVE_MAP, EVENT_SUBSCRIBE, _UNSUBSCRIBE. */
struct vqp_hypercall_id {
	struct vqp_datagram datagram;
	uint32_t id;		/* a well-known id, or an enum vqp_event */
	uint32_t reserved;
};

/*
 * QPAIR_ALLOC.  Page numbers are uint32_t, or uint64_t with VQP_CAP_PPN64.
 * Their order is produce header, produce data, consume header, consume data, as
 * the caller names them.
 */
struct vqp_hypercall_qpair_alloc {
	struct vqp_datagram datagram;
	struct vqp_handle handle;
	uint32_t peer;		/* context, or VQP_CONTEXT_ANY */
	uint32_t flags;		/* VQP_QPAIR_ bits */
	uint64_t produce_size;	/* bytes of data, without the header page */
	uint64_t consume_size;
	uint64_t page_count;	/* the pages of both, and the two headers */
	/* page_count page numbers follow */
};

VQP_FROZEN_SIZE(struct vqp_hypercall_resources_query, 32);
VQP_FROZEN_AT(struct vqp_hypercall_resources_query, datagram, 0);
VQP_FROZEN_AT(struct vqp_hypercall_resources_query, resource_count, 24);
VQP_FROZEN_AT(struct vqp_hypercall_resources_query, reserved, 28);
VQP_FROZEN_SIZE(struct vqp_hypercall_set_notify_bitmap, 32);
VQP_FROZEN_AT(struct vqp_hypercall_set_notify_bitmap, datagram, 0);
VQP_FROZEN_AT(struct vqp_hypercall_set_notify_bitmap, page_number, 24);
VQP_FROZEN_SIZE(struct vqp_hypercall_doorbell_link, 40);
VQP_FROZEN_AT(struct vqp_hypercall_doorbell_link, datagram, 0);
VQP_FROZEN_AT(struct vqp_hypercall_doorbell_link, handle, 24);
VQP_FROZEN_AT(struct vqp_hypercall_doorbell_link, index, 32);
VQP_FROZEN_SIZE(struct vqp_hypercall_handle, 32);
VQP_FROZEN_AT(struct vqp_hypercall_handle, datagram, 0);
VQP_FROZEN_AT(struct vqp_hypercall_handle, handle, 24);
VQP_FROZEN_SIZE(struct vqp_hypercall_id, 32);
VQP_FROZEN_AT(struct vqp_hypercall_id, datagram, 0);
VQP_FROZEN_AT(struct vqp_hypercall_id, id, 24);
VQP_FROZEN_AT(struct vqp_hypercall_id, reserved, 28);
VQP_FROZEN_SIZE(struct vqp_hypercall_qpair_alloc, 64);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, datagram, 0);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, handle, 24);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, peer, 32);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, flags, 36);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, produce_size, 40);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, consume_size, 48);
VQP_FROZEN_AT(struct vqp_hypercall_qpair_alloc, page_count, 56);

/*
 * docs/wire.md 3.1: events, which the device sends without a request.  A
 * datagram is an event if its src is { 0, 0 } and its dst.resource is
 * VQP_RESOURCE_EVENTS.
 */
enum vqp_event {
	VQP_EVENT_CTX_ID_UPDATE = 0,	/* struct vqp_event_context */
	VQP_EVENT_CTX_REMOVED = 1,		/* struct vqp_event_context */
	VQP_EVENT_QP_RESUMED = 2,		/* the payload has no meaning */
	VQP_EVENT_QP_PEER_ATTACH = 3,		/* struct vqp_event_qpair */
	VQP_EVENT_QP_PEER_DETACH = 4,		/* struct vqp_event_qpair */

	/* Never sent to a guest; Linux does not know 7 and 8. */
	VQP_EVENT_MEM_ACCESS_ON = 5,
	VQP_EVENT_MEM_ACCESS_OFF = 6,
	VQP_EVENT_GUEST_PAUSED = 7,
	VQP_EVENT_GUEST_UNPAUSED = 8,
};

#define VQP_EVENT_GUEST_COUNT	5	/* a guest refuses this id and above */

/* The payload_size that a guest accepts for an event, in bytes. */
#define VQP_EVENT_PAYLOAD_BYTES_MIN	4
#define VQP_EVENT_PAYLOAD_BYTES_MAX	24

struct vqp_event_header {
	struct vqp_datagram datagram;
	uint32_t event;		/* an enum vqp_event */
	uint32_t reserved;
};

struct vqp_event_context {
	struct vqp_event_header header;
	uint32_t context;	/* the new id, or the removed one */
	uint32_t reserved;
};

struct vqp_event_qpair {
	struct vqp_event_header header;
	struct vqp_handle handle;
	uint32_t peer;		/* the context that attached or detached */
	uint32_t reserved;
};

VQP_FROZEN_SIZE(struct vqp_event_header, 32);
VQP_FROZEN_AT(struct vqp_event_header, datagram, 0);
VQP_FROZEN_AT(struct vqp_event_header, event, 24);
VQP_FROZEN_AT(struct vqp_event_header, reserved, 28);
VQP_FROZEN_SIZE(struct vqp_event_context, 40);
VQP_FROZEN_AT(struct vqp_event_context, header, 0);
VQP_FROZEN_AT(struct vqp_event_context, context, 32);
VQP_FROZEN_AT(struct vqp_event_context, reserved, 36);
VQP_FROZEN_SIZE(struct vqp_event_qpair, 48);
VQP_FROZEN_AT(struct vqp_event_qpair, header, 0);
VQP_FROZEN_AT(struct vqp_event_qpair, handle, 32);
VQP_FROZEN_AT(struct vqp_event_qpair, peer, 40);
VQP_FROZEN_AT(struct vqp_event_qpair, reserved, 44);

/*
 * ---- docs/wire.md 4.  Queue pairs; the shared pages are in vqp/wire.h.
 *
 * docs/wire.md 4.2: sizes count data bytes, without the header pages.  The
 * limit holds for the two sizes of one pair together, and for all pairs of a
 * device.
 */
#define VQP_QPAIR_BYTES_MAX	(UINT32_C(128) << 20)
/* Linux's, with 4 KiB pages; the second is its answer to an unused flag. */
#define VQP_QPAIR_COUNT_MAX	16384
#define VQP_QPAIR_PINNED_BYTES_MAX	32768
/*
 * 128 MiB of 4 KiB pages, and one more, because the two sizes may not divide
 * into whole pages, and the two header pages.
 */
#define VQP_QPAIR_PAGE_COUNT_MAX	(32768 + 1 + 2)

/*
 * docs/wire.md 4.4: flags of the caller.  Both sides must agree on most of
 * them.
 */
#define VQP_QPAIR_ATTACH_ONLY	UINT32_C(1)	/* NOT_FOUND if there is none */
#define VQP_QPAIR_LOCAL		UINT32_C(2)	/* never reaches the device */
#define VQP_QPAIR_NONBLOCK	UINT32_C(4)	/* valid, but always refused */
#define VQP_QPAIR_PINNED	UINT32_C(8)	/* the same; FreeBSD: unknown */
#define VQP_QPAIR_FLAGS_ALL	UINT32_C(0x0f)
/* The two sides may differ in these, and in ATTACH_ONLY. */
#define VQP_QPAIR_FLAGS_ASYMMETRIC	\
	(VQP_QPAIR_NONBLOCK | VQP_QPAIR_PINNED)

/*
 * ---- docs/wire.md 5.  Doorbells.
 *
 * docs/wire.md 5.1: the notification page is an array of struct vqp_cell8 with
 * one byte for each index, as many as the guest's page has bytes.  The device
 * sets bit 0 and raises VQP_CAUSE_NOTIFICATION.  The guest clears the bit, then
 * polls its queue (E4).  The other bits belong to the guest.
 */
#define VQP_DOORBELL_RUNG	UINT8_C(1)

/* docs/wire.md 5.3: how a doorbell is registered.  Never on the wire. */
#define VQP_DOORBELL_DELAYED	UINT32_C(1)	/* called back from a worker */

/*
 * ---- docs/wire.md 14.  The control packet of stream sockets, which most
 * datagrams carry.  We forward it; only a simulated host sends and understands
 * it.
 */
#define VQP_VSOCK_RESOURCE	UINT32_C(1)
#define VQP_VSOCK_RESOURCE_HYPERVISOR	UINT32_C(15)	/* of context 0 */
#define VQP_VSOCK_VERSION	1

/*
 * Whether a handle is where control packets of stream sockets to context 0 go
 * to and come from.  Every other resource of context 0 is a hypercall, or is 0,
 * the source of events.
 */
static inline bool
vqp_vsock_is_hypervisor(struct vqp_handle handle)
{
	return handle.context == VQP_CONTEXT_HYPERVISOR &&
	    handle.resource == VQP_VSOCK_RESOURCE_HYPERVISOR;
}

enum vqp_vsock_type {			/* body */
	VQP_VSOCK_INVALID = 0,		/* none; type not understood */
	VQP_VSOCK_REQUEST = 1,		/* size */
	VQP_VSOCK_NEGOTIATE = 2,	/* size */
	VQP_VSOCK_OFFER = 3,		/* handle */
	VQP_VSOCK_ATTACH = 4,		/* handle */
	VQP_VSOCK_WROTE = 5,		/* none */
	VQP_VSOCK_READ = 6,		/* none */
	VQP_VSOCK_RST = 7,		/* none */
	VQP_VSOCK_SHUTDOWN = 8,		/* mode */
	VQP_VSOCK_WAITING_WRITE = 9,	/* wait */
	VQP_VSOCK_WAITING_READ = 10,	/* wait */
	VQP_VSOCK_REQUEST2 = 11,	/* size */
	VQP_VSOCK_NEGOTIATE2 = 12,	/* size */
};

struct vqp_vsock_wait {
	uint64_t generation;
	uint64_t offset;
};

union vqp_vsock_body {
	uint64_t size;			/* bytes of each ring */
	uint64_t mode;
	struct vqp_handle handle;	/* of the queue pair */
	struct vqp_vsock_wait wait;
};

struct vqp_vsock_packet {
	struct vqp_datagram datagram;	/* payload_size 32 */
	uint8_t version;
	uint8_t type;			/* an enum vqp_vsock_type */
	uint16_t protocol;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t reserved;
	union vqp_vsock_body body;
};

VQP_FROZEN_SIZE(struct vqp_vsock_wait, 16);
VQP_FROZEN_AT(struct vqp_vsock_wait, generation, 0);
VQP_FROZEN_AT(struct vqp_vsock_wait, offset, 8);
VQP_FROZEN_SIZE(union vqp_vsock_body, 16);
VQP_FROZEN_SIZE(struct vqp_vsock_packet, 56);
VQP_FROZEN_AT(struct vqp_vsock_packet, datagram, 0);
VQP_FROZEN_AT(struct vqp_vsock_packet, version, 24);
VQP_FROZEN_AT(struct vqp_vsock_packet, type, 25);
VQP_FROZEN_AT(struct vqp_vsock_packet, protocol, 26);
VQP_FROZEN_AT(struct vqp_vsock_packet, src_port, 28);
VQP_FROZEN_AT(struct vqp_vsock_packet, dst_port, 32);
VQP_FROZEN_AT(struct vqp_vsock_packet, reserved, 36);
VQP_FROZEN_AT(struct vqp_vsock_packet, body, 40);

#undef VQP_FROZEN_SIZE
#undef VQP_FROZEN_AT

#endif
