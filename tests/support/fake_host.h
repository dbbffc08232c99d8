/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An embedder for the device's tests.  The memory of guests is a memfd, so that
 * any list of pages can be mapped and is really gone after unmap.  Interrupts
 * are counted, host contexts remember their events, and a guest's driver can
 * make any hypercall.  Everything that was taken must be released at the end.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <vqp_device.h>

#define FAKE_PAGE	4096
#define FAKE_PAGES	512
#define FAKE_BASE	UINT64_C(0x40000000)	/* bus address of page 0 */
#define FAKE_PPN(page)	(FAKE_BASE / FAKE_PAGE + (page))

struct fake_hub {
	struct vqp_hub *hub;
	uint64_t taken;		/* allocations not yet freed */
	uint64_t taken_bytes;
	uint64_t largest;	/* largest allocation so far */
	int64_t fail_after;	/* this many more succeed; -1: all */
	uint32_t logged_cid;	/* of the last refusal */
	enum vqp_device_count logged;
	int64_t logged_status;
	uint64_t log_count;
};

struct fake_guest {
	struct fake_hub *hub;
	struct vqp_device *device;
	uint8_t *memory;	/* FAKE_PAGES pages, all the guest's */
	int fd;
	uint64_t mapped;	/* maps not yet unmapped */
	uint64_t map_calls;
	uint64_t touches;	/* memory accesses of any kind */
	bool refuse;		/* refuse every access */
	unsigned interrupts[3];	/* messages for each vector */
	bool level;
	/* Called on each message, if set. */
	void (*interrupt_hook)(struct fake_guest *guest);
	bool by_bytes;		/* DATA_OUT one byte at a time */
	bool dma;		/* hypercalls by DMA, from page 300 on */
	bool ppn64;
};

struct fake_event {
	uint32_t event;
	uint32_t cid;		/* peer, or context */
	struct vqp_handle handle;
};

#define FAKE_EVENTS 64

struct fake_program {
	struct fake_hub *hub;
	struct vqp_program *program;
	int answer;		/* to datagrams */
	uint64_t datagrams;
	struct vqp_datagram last;
	uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
	uint64_t rings;
	struct vqp_handle rung;
	uint64_t events;
	struct fake_event event[FAKE_EVENTS];	/* the first few */
	bool has_memory;
	uint64_t memory_calls;
	struct vqp_qpair_memory memory;
	/* Called on each event, if set, with the name of the call. */
	void (*hook)(struct fake_program *program, const char *call);
	void *hook_arg;
};

void fake_hub_open(struct fake_hub *hub, const struct vqp_hub_limits *limits);
/* Close the hub, and report everything that was not released. */
void fake_hub_close(struct fake_hub *hub);

/* Plug a guest in whose driver has acked `caps` and enabled all interrupts. */
void fake_guest_open(struct fake_guest *guest, struct fake_hub *hub,
    uint32_t cid, uint32_t caps);
/* The same with any configuration, and without a driver. */
int fake_guest_create(struct fake_guest *guest, struct fake_hub *hub,
    const struct vqp_device_config *config);
void fake_guest_close(struct fake_guest *guest);

void fake_program_open(struct fake_program *program, struct fake_hub *hub,
    uint32_t cid, uint32_t privileges);
void fake_program_close(struct fake_program *program);

void fake_write32(struct fake_guest *guest, uint64_t offset, uint32_t value);
uint32_t fake_read32(struct fake_guest *guest, uint64_t offset);

/* Send a whole datagram; returns RESULT_LOW. */
int32_t fake_send(struct fake_guest *guest, struct vqp_handle dst,
    struct vqp_handle src, const void *payload, uint64_t payload_size);
int32_t fake_hypercall(struct fake_guest *guest, uint32_t resource,
    const void *payload, uint64_t payload_size);

int32_t fake_set_notify(struct fake_guest *guest, uint64_t ppn);
int32_t fake_link(struct fake_guest *guest, struct vqp_handle handle,
    uint64_t index);
int32_t fake_handle_call(struct fake_guest *guest, uint32_t resource,
    struct vqp_handle handle);

/* What a guest requests; its pages are `page_count` pages from `page` on. */
struct fake_qpair {
	struct vqp_handle handle;
	uint32_t peer;
	uint32_t flags;
	uint64_t produce;
	uint64_t consume;
	uint32_t page;
};

int32_t fake_qpair_alloc(struct fake_guest *guest,
    const struct fake_qpair *qpair);
/* The same with the caller's own page list. */
int32_t fake_qpair_alloc_pages(struct fake_guest *guest,
    const struct fake_qpair *qpair, const uint64_t *ppns, uint64_t count,
    uint64_t count_said);
int32_t fake_qpair_detach(struct fake_guest *guest, struct vqp_handle handle);

/*
 * Receive one datagram by STREAM, header first.  Returns its bytes, 0 for none.
 */
uint64_t fake_receive(struct fake_guest *guest, void *to, uint64_t room);

uint64_t fake_count(struct fake_guest *guest, enum vqp_device_count count);

#endif
