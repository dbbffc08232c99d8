/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A device whose behaviour a test controls: each register, each answer and each
 * byte it gives can be set.  Without settings it behaves correctly.  It records
 * every message that arrived, byte by byte.
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

	/* What the device reports about itself. */
	bool dma;
	bool deaf;			/* ignores its ports, if it has DMA */
	bool takes_all;			/* accepts unknown calls */
	uint32_t caps;			/* offered */
	uint32_t caps_later;		/* offered after the ack, or 0 */
	uint32_t icr;			/* next answer, then 0 */
	bool icr_stays;
	int32_t cid;
	uint32_t known;			/* hypercalls in RESOURCES_QUERY */

	/* Answers to hypercalls, by number; else 0 or the correct answer. */
	bool answers[VQP_HYPERCALL_COUNT];
	int32_t answer[VQP_HYPERCALL_COUNT];
	bool sends_answer;		/* to datagrams to others: */
	int32_t send_answer;
	/* Called with each message before it is answered; may be NULL. */
	void (*sees)(struct mock *mock, const struct vqp_datagram *datagram);

	/* With DMA: what it does with an operation. */
	bool never_busy_done;		/* leaves it as posted */
	bool busy_held;			/* until mock_answer() */
	uint32_t busy_value;		/* written into a receive; 0: 1 */
	bool scribbles;			/* over opcode, size and result, too */

	/* What the driver wrote. */
	uint32_t caps_acked, imr, control, page_shift;
	uint32_t in_high, out_high, out_low;
	unsigned resets, enables, disables;
	uint64_t accesses;		/* of any register */
	struct vqp_handle pair[64];	/* known ones; {0, 0} is none */
	uint64_t bitmap_page;		/* registered; 0: none */
	bool has_bitmap;
	struct mock_message message[4096];
	unsigned message_count;

	/* The bytes of DATA_IN, or of the next receive by DMA. */
	uint8_t *in;
	uint64_t in_bytes, in_at;
	uint64_t in_reads;		/* bytes of filler that were read */
	void *in_memory;		/* where the last DMA wrote */
	bool in_endless;		/* repeats the same bytes */

	uint8_t *out;
	uint64_t out_bytes;
	int32_t result;
};

/*
 * Open a simulation, a machine and this device in it; mock_attach() attaches a
 * core.  Closing undoes all of it, and checks that the core has released
 * everything.
 */
void mock_open(struct mock *mock, uint64_t seed, bool dma);
/* The same in a machine whose page numbers begin at `first_page`. */
void mock_open_high(struct mock *mock, uint64_t seed, bool dma,
    uint64_t first_page);
/*
 * The same with ports, in a machine that reports pages of another size than 4
 * KiB.
 */
void mock_open_paged(struct mock *mock, uint64_t seed, uint32_t page_shift);
/* Open another machine with the same device, after a core was detached. */
void mock_reopen(struct mock *mock);
int mock_attach(struct mock *mock);
void mock_close(struct mock *mock);
/* Open and attach: the test fails unless the core works. */
void mock_start(struct mock *mock, uint64_t seed, bool dma);

/* Answer what `busy_held` withheld, and withhold no more. */
void mock_answer(struct mock *mock);

/* Give the driver bytes unchanged; and padded to 8. */
void mock_give(struct mock *mock, const void *bytes, uint64_t count);
void mock_give_padded(struct mock *mock, const void *bytes, uint64_t count);
/* Give the driver a datagram to us, with this payload. */
void mock_datagram(struct mock *mock, struct vqp_handle src,
    struct vqp_handle dst, const void *payload, uint64_t bytes);
/* Give the driver an event with this many bytes after the first 24. */
void mock_event(struct mock *mock, uint32_t event, const void *payload,
    uint64_t bytes);
/* Interrupt until the core says that nothing is left to do. */
void mock_serve(struct mock *mock, uint32_t causes);

/* The last message to this resource of the hypervisor, or NULL. */
const struct mock_message *mock_last(const struct mock *mock,
    uint32_t resource);
unsigned mock_count(const struct mock *mock, uint32_t resource);
/* The notification page, as the device sees it. */
volatile uint8_t *mock_bitmap(struct mock *mock);

#endif
