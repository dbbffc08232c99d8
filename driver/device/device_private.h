/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of driver/device share.  One rule keeps callbacks harmless:
 * code that calls a host context holds no pointer to a pair, a doorbell link
 * or a host context across the call, unless the comment there says what keeps
 * it alive.
 */
#ifndef DEVICE_PRIVATE_H
#define DEVICE_PRIVATE_H

#include "vqp_device.h"

#define DATAGRAM_BYTES	((uint32_t)sizeof(struct vqp_datagram))

#define CONTEXT_BUCKETS	64
#define QPAIR_BUCKETS	1024
#define LINK_BUCKETS	64

/* Page sizes that GUEST_PAGE_SHIFT accepts: 4 KiB to 64 KiB. */
#define PAGE_SHIFT_MAX	16

/* Elements of one DMA operation: a hypercall of 262,232 bytes, and slack. */
#define DMA_ELEMENTS_MAX	128

/* A doorbell: a resource of a context; for a guest also a byte to set. */
struct device_link {
	struct device_link *next;
	struct vqp_handle handle;
	uint32_t index;
	bool pending;		/* rung while the page was not mapped */
};

/* A datagram or event on its way to a guest, padded with zeros. */
struct device_message {
	struct device_message *next;
	uint32_t bytes;		/* without the padding */
	uint32_t padded;
	bool is_event;
	uint64_t body[];	/* struct vqp_datagram and payload */
};

struct hub_qpair;

/* One side of a pair, on the list of the context that is this side. */
struct qpair_end {
	struct hub_context *context;	/* NULL: not attached, or detached */
	struct hub_qpair *pair;
	struct qpair_end *next;
	struct qpair_end **link;
	bool told;		/* this host context has the memory */
};

enum { CREATOR, ATTACHER };
/* The four parts of a guest's memory, named from the guest's side. */
enum { PRODUCE_HEADER, PRODUCE_DATA, CONSUME_HEADER, CONSUME_DATA, PARTS };

/*
 * A queue pair.  Sizes are those of the creator.  States (docs/wire.md 4.7):
 * CREATED until `met`, then ATTACHED while both sides are there, then SHUTDOWN.
 * A pair has memory while `mapped`; a pair of two host contexts always has it.
 */
struct hub_qpair {
	struct hub_qpair *next;		/* in its bucket */
	uint64_t serial;		/* differs for a later pair */
	struct vqp_handle handle;
	uint32_t peer;
	uint32_t flags;
	uint64_t produce_size;
	uint64_t consume_size;
	struct qpair_end ends[2];
	bool met;
	bool creator_trusted;
	bool creator_restricted;
	void *shared;
	/* The guest whose pages these are, while it is attached. */
	struct hub_context *guest;
	uint64_t *addresses;
	uint32_t page_count;
	uint32_t part_pages[PARTS];
	uint64_t page_bytes;
	void *part[PARTS];
	bool mapped;
	bool saved;
	struct vqp_qpair_indexes copy;	/* from the guest's side */
};

/* What a device and a host context have in common. */
struct hub_context {
	struct vqp_hub *hub;
	struct hub_context *next;	/* in its bucket */
	uint32_t cid;
	uint32_t privileges;
	uint32_t domain;
	struct vqp_device *device;	/* one of the two is NULL */
	struct vqp_program *program;
	bool closing;
	uint64_t removal_told;		/* the last it was notified of */
	struct qpair_end *ends;
	struct qpair_end *cursor;	/* of a walk over pairs */
	uint32_t qpair_count;
	uint64_t qpair_bytes;
	struct device_link *links[LINK_BUCKETS];
	uint32_t link_count;
	uint64_t counts[VQP_DEVICE_COUNTS];
};

struct vqp_hub {
	struct vqp_hub_host host;
	struct vqp_hub_limits limits;
	struct hub_context *contexts[CONTEXT_BUCKETS];
	uint32_t context_count;
	struct hub_context *gone;	/* unplugged; others to be notified */
	uint64_t removals;
	uint64_t serials;
	struct hub_qpair *qpairs[QPAIR_BUCKETS];
};

struct vqp_program {
	struct hub_context context;
	struct vqp_program_calls calls;
};

struct vqp_device {
	struct hub_context context;
	struct vqp_device_host host;
	enum vqp_device_generation generation;
	enum vqp_data_in data_in;
	uint32_t caps_offered;
	bool suspended;
	bool serving;		/* in a hypercall or datagram */
	bool interrupting;	/* in host.interrupt() */
	uint32_t cid_before;	/* still accepted as a source */

	/* Registers. */
	uint32_t caps;
	uint32_t imr;
	uint32_t causes;	/* happened, not yet delivered */
	bool enabled;
	enum vqp_interrupts interrupts;
	bool level;
	int64_t result;
	uint32_t page_shift;
	uint32_t out_high;
	uint32_t in_high;

	/* DATA_OUT: the part of a datagram that came so far, in `out`. */
	uint8_t *small;		/* VQP_DATAGRAM_BYTES_MAX, always there */
	uint8_t *out;		/* small, or larger for a large hypercall */
	uint64_t out_room;
	uint64_t out_have;
	uint64_t out_want;	/* whole size; 0: header incomplete */
	uint64_t swallow;	/* bytes of a refused one to discard */

	/* The queue, first in first out, and the message DATA_IN returns. */
	struct device_message *head;
	struct device_message **tail;
	uint64_t queue_bytes;	/* of datagrams */
	uint32_t event_count;
	bool events_lost;
	struct device_message *in;
	uint32_t in_at;
	uint64_t image_left;	/* IMAGE: bytes of this transaction */
	uint32_t image_count;	/* messages of the queue that are in it */

	/* The notification page. */
	struct vqp_cell8 *notify; /* w:guest,device r:guest e:E4 */
	uint64_t notify_address;
	uint64_t notify_bytes;
	bool notify_set;	/* registered, mapped or suspended */
};

/*
 * Each file calls those above it in this list, and none below: the hub,
 * interrupts, routing, doorbells, queue pairs, DATA_IN, hypercalls, DMA,
 * registers, contexts.
 */

/* ---- device_hub.c */

void *vqp_hub_alloc(struct vqp_hub *hub, uint64_t bytes);
void vqp_hub_free(struct vqp_hub *hub, void *memory, uint64_t bytes);

/* Count a refusal of this context, log it, and return the status. */
int vqp_hub_refuse(struct hub_context *context, enum vqp_device_count count,
    int status);

/* The context of an id that is plugged in and open, or NULL. */
struct hub_context *vqp_hub_find(struct vqp_hub *hub, uint32_t cid);

/* True if these two may meet; true if their privileges forbid it. */
bool vqp_hub_reachable(const struct hub_context *a,
    const struct hub_context *b);
bool vqp_hub_denied(const struct hub_context *a, const struct hub_context *b);

int vqp_hub_plug(struct vqp_hub *hub, struct hub_context *context,
    const struct vqp_context_config *config);
int vqp_hub_rename(struct hub_context *context, uint32_t cid);
/* Take a context out of the table, which frees its id. */
void vqp_hub_take_out(struct hub_context *context);

/* ---- device_interrupt.c */

/* Record that these causes happened. */
void vqp_device_raise(struct vqp_device *device, uint32_t causes);
/* Deliver what the guest may see.  `fresh`: causes that just happened. */
void vqp_device_deliver(struct vqp_device *device, uint32_t fresh);
/* The causes that the guest may see, and that this delivers. */
uint32_t vqp_device_read_icr(struct vqp_device *device);

/*
 * True, and counted, when this access must be refused: a host context accesses
 * the registers from a callback, or the guest aimed an interrupt message at
 * them.
 */
bool vqp_device_nested(struct vqp_device *device);

/* ---- device_route.c */

/* Check a datagram's src for this context and set its id there. */
int vqp_hub_stamp(struct hub_context *from, struct vqp_datagram *datagram);

/* Route a stamped datagram.  Returns bytes accepted, or an error. */
int64_t vqp_hub_route(struct hub_context *from,
    const struct vqp_datagram *datagram, const void *payload);

/* Events: to a guest's queue, or to a host context at once. */
void vqp_hub_event_qpair(struct hub_context *to, enum vqp_event event,
    struct vqp_handle handle, uint32_t peer);
void vqp_hub_event_context(struct hub_context *to, enum vqp_event event,
    uint32_t cid);
void vqp_hub_event_resumed(struct hub_context *to);

/* Take the first message from the queue of a guest, which is not empty. */
struct device_message *vqp_device_pop(struct vqp_device *device);
void vqp_device_free_message(struct vqp_device *device,
    struct device_message *message);

/* ---- device_doorbell.c */

int vqp_hub_link(struct hub_context *context, struct vqp_handle handle,
    uint32_t index);
int vqp_hub_unlink(struct hub_context *context, struct vqp_handle handle);
int vqp_hub_ring(struct hub_context *from, struct vqp_handle handle);
void vqp_hub_drop_links(struct hub_context *context);

int vqp_device_set_notify(struct vqp_device *device, uint64_t page_number);
void vqp_device_drop_notify(struct vqp_device *device);
void vqp_device_suspend_notify(struct vqp_device *device);
void vqp_device_resume_notify(struct vqp_device *device);

/* ---- device_qpair.c */

/* A context asks for a pair; a guest brings pages. */
struct qpair_asked {
	struct vqp_handle handle;
	uint32_t peer;
	uint32_t flags;
	uint64_t produce_size;
	uint64_t consume_size;
	void *shared;		/* a host context's; else NULL */
	uint64_t page_count;	/* a guest's, as it claims */
	const uint8_t *pages;	/* page_count page numbers, or fewer */
	uint64_t pages_bytes;	/* bytes that are there */
	uint32_t page_width;	/* 4 or 8 */
};

int vqp_hub_qpair_alloc(struct hub_context *context,
    const struct qpair_asked *asked);
int vqp_hub_qpair_detach(struct hub_context *context,
    struct vqp_handle handle);
void vqp_hub_qpair_detach_all(struct hub_context *context);
void vqp_hub_qpair_rename(struct vqp_hub *hub, uint32_t from, uint32_t to);
void vqp_device_suspend_qpairs(struct vqp_device *device);
/* True when a pair was lost. */
bool vqp_device_resume_qpairs(struct vqp_device *device);

/* ---- device_hypercall.c */

/*
 * Call with the header of a guest's datagram in device->out.  VQP_SUCCESS if
 * the size it announces is within bounds; then `out` has room for all of it.
 */
int vqp_device_out_judge(struct vqp_device *device);
/* Carry out the datagram of `size` bytes in device->out; its result. */
int64_t vqp_device_execute(struct vqp_device *device, uint64_t size);
/* Get ready for the next datagram of the guest. */
void vqp_device_out_clear(struct vqp_device *device);

/* ---- device_dma.c */

void vqp_device_dma_send(struct vqp_device *device, uint64_t address);
void vqp_device_dma_receive(struct vqp_device *device, uint64_t address);

/* ---- device_regs.c */

/* Drop the queue and all half-read and half-written datagrams. */
void vqp_device_drop_datagrams(struct vqp_device *device);

static inline void
device_copy(void *to, const void *from, uint64_t bytes)
{
	if (bytes != 0)
		__builtin_memcpy(to, from, (size_t)bytes);
}

static inline bool
handle_is(struct vqp_handle a, struct vqp_handle b)
{
	return a.context == b.context && a.resource == b.resource;
}

#endif
