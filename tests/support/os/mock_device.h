/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A device that does as it is told: each register, each answer and each byte
 * it gives can be set by a test.  Left alone it behaves.  It records every
 * message that came, byte by byte.
 */
#ifndef MOCK_DEVICE_H
#define MOCK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <sim_os.h>
#include <vqp/wire_device.h>
#include <vqp_core.h>

#define MOCK_CID 0x4711

struct mock_message {
	uint64_t bytes;
	uint8_t *at;
};

struct mock {
	struct vqp_os *os;
	struct vqp_core *core;
	uint64_t seed, first_page;
	uint32_t machine_page_shift;	/* 0: 12 */

	/* What it says of itself. */
	bool dma;
	bool deaf;			/* to its ports, if it has DMA */
	bool takes_all;			/* calls that nobody knows */
	uint32_t caps;			/* offered */
	uint32_t caps_later;		/* what it offers after the ack, or 0 */
	uint32_t icr;			/* next answer, then 0 */
	bool icr_stays;
	int32_t cid;
	uint32_t known;			/* hypercalls RESOURCES_QUERY knows */

	/* Answers to hypercalls, by number; else 0 or what is right. */
	bool answers[VQP_HYPERCALL_COUNT];
	int32_t answer[VQP_HYPERCALL_COUNT];
	bool sends_answer;		/* to datagrams to others: */
	int32_t send_answer;
	/* Called with each message before it is answered; may be NULL. */
	void (*sees)(struct mock *mock, const struct vqp_datagram *datagram);

	/* DMA: what it does with an operation. */
	bool never_busy_done;		/* leaves it as it was posted */
	bool busy_held;			/* until mock_answer() */
	uint32_t busy_value;		/* that it writes into a receive; 0: 1 */
	bool scribbles;			/* over opcode, size and result, too */

	/* What was written. */
	uint32_t caps_acked, imr, control, page_shift;
	uint32_t in_high, out_high, out_low;
	unsigned resets, enables, disables;
	uint64_t accesses;		/* of any register */
	struct vqp_handle pair[64];	/* it knows; {0, 0} is none */
	uint64_t bitmap_page;		/* registered; 0: none */
	bool has_bitmap;
	struct mock_message message[4096];
	unsigned message_count;

	/* DATA_IN, or what the next receive by DMA is given. */
	uint8_t *in;
	uint64_t in_bytes, in_at;
	uint64_t in_reads;		/* bytes of filler that were read */
	void *in_memory;		/* where DMA put the last */
	bool in_endless;		/* the same bytes over and over */

	uint8_t *out;
	uint64_t out_bytes;
	int32_t result;
};

/*
 * A simulation, a machine, this device in it; mock_attach() a core on top, and
 * all of it down again, in which the core must have given back everything.
 */
void mock_open(struct mock *mock, uint64_t seed, bool dma);
/* In a machine whose page numbers begin here. */
void mock_open_high(struct mock *mock, uint64_t seed, bool dma,
    uint64_t first_page);
/* With ports, in a machine that says its pages have another size than 4 KiB. */
void mock_open_paged(struct mock *mock, uint64_t seed, uint32_t page_shift);
/* After a core was detached: another machine with the same device. */
void mock_reopen(struct mock *mock);
int mock_attach(struct mock *mock);
void mock_close(struct mock *mock);
/* The two in one: the core works, or the test fails. */
void mock_start(struct mock *mock, uint64_t seed, bool dma);

/* Answer what `busy_held` kept, and hold no more. */
void mock_answer(struct mock *mock);

/* Bytes for the driver to find, as they are; and padded to 8. */
void mock_give(struct mock *mock, const void *bytes, uint64_t count);
void mock_give_padded(struct mock *mock, const void *bytes, uint64_t count);
/* A datagram to us, with this payload. */
void mock_datagram(struct mock *mock, struct vqp_handle src,
    struct vqp_handle dst, const void *payload, uint64_t bytes);
/* An event with so many bytes behind the first 24. */
void mock_event(struct mock *mock, uint32_t event, const void *payload,
    uint64_t bytes);
/* Interrupt until the core says there is no more to do. */
void mock_serve(struct mock *mock, uint32_t causes);

/* The last message to that resource of the hypervisor, or NULL. */
const struct mock_message *mock_last(const struct mock *mock,
    uint32_t resource);
unsigned mock_count(const struct mock *mock, uint32_t resource);
/* The notification page, as the device sees it. */
volatile uint8_t *mock_bitmap(struct mock *mock);

#endif
