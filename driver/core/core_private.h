/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The core's state: one struct for each file.  Only that file, and its own
 * header, touch the struct; other files call functions.
 *
 * The locks, in the order in which they nest (vqp_os.h):
 *
 *	send.lock	the message that the device is working on
 *	pairs.lock	our sides of pairs, the quarantined pairs, and how
 *			many pairs and bytes there are
 *	life.table_lock	the table of objects and their names; for writers only,
 *			lookup takes no lock
 *	resource.lock	one in each object: its pins, and whether it is dying
 *			(core_resource.h)
 *	endpoint.lock	one in each endpoint: the queue of a DELAYED endpoint
 *			(core_endpoint.c)
 *	service.lock	whether a thread serves a work class
 */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <vqp_core.h>

struct vqp_resource;
struct vqp_rings;
struct vqp_end;

/* core_state.c: the device's state, and the references to the core. */
struct vqp_life {
	struct vqp_cell64 state;	/* w:core r:core e:E6 */
	struct vqp_cell64 starter;	/* w:core r:core e:none */
	struct vqp_cell64 is_up;	/* w:core r:core e:none */
	struct vqp_cell64 dma;		/* w:core r:core e:none */
	struct vqp_cell64 caps;		/* w:core r:core e:none */
	struct vqp_cell64 epoch;	/* w:core r:core e:E6 */
	struct vqp_os_work breaker;	/* runs after the device broke */

	struct vqp_os_lock table_lock;
	/* Under table_lock; references: one by each object, one by the core. */
	uint32_t object_count;
	bool closed;			/* under table_lock; no new objects */
	void (*free)(struct vqp_core *core);	/* at the last vqp_core_put() */

	struct vqp_cell64 counter[sizeof(struct vqp_core_counters) /
	    sizeof(uint64_t)];		/* w:core r:core e:none */
};

#define VQP_TABLE_BITS 10

/* core_resource.c: the objects by name, and those that wait to be freed. */
struct vqp_table {
	struct vqp_cell64 bucket[1 << VQP_TABLE_BITS];	/* w:core r:core e:E6 */
	uint32_t id;			/* under table_lock; the next to try */
	uint32_t count;			/* under table_lock; linked objects */
	struct vqp_resource *reap;	/* under table_lock */
	uint32_t due_count;		/* under table_lock; not freed yet */
	struct vqp_os_work reaper;
};

/* core_call.c: the message that the device is working on. */
struct vqp_send {
	struct vqp_os_lock lock;
	struct vqp_os_dma dma;
	int64_t *answer;		/* under lock; the waiter's, or NULL */
	uint64_t count;			/* under lock; messages sent by DMA */
	struct vqp_cell64 context;	/* w:core r:core e:none */
};

/* core_event.c */
struct vqp_events {
	struct vqp_cell64
	    subscription[VQP_EVENT_GUEST_COUNT];	/* w:core r:core e:E6 */
	uint64_t sequence;		/* under table_lock; the newest one's */
	uint32_t id;			/* under table_lock; the newest one's */
};

/* core_qpair.c */
struct vqp_pairs {
	struct vqp_os_lock lock;
	struct vqp_end *ends;		/* under lock */
	struct vqp_rings *quarantine;	/* under lock */
	uint64_t bytes;			/* under lock */
	uint32_t count;			/* under lock */
	bool unheard;			/* under lock; lost, no subscriber */
};

#define VQP_BELL_COUNT	4096	/* docs/wire.md 5.1: the bytes of the page */

/* core_doorbell.c */
struct vqp_bells {
	struct vqp_os_pages page;
	struct vqp_cell64 *link;	/* w:core r:core e:E6 */
	struct vqp_cell64 word_count;	/* w:core r:core e:none */
	uint64_t used[VQP_BELL_COUNT / 64];	/* under table_lock */
};

/*
 * core_receive.c: datagrams from the device.  Only the thread that serves the
 * receive work class touches this.
 */
struct vqp_receive {
	uint8_t *buffer;	/* VQP_DATAGRAM_BYTES_MAX; not for the device */
	uint64_t at, end;	/* the bytes that are not parsed yet */
	bool open;		/* `at` and `end` are valid */

	/* With DMA only: */
	struct vqp_os_dma dma;
	uint64_t held;		/* bytes in buffer of an incomplete datagram */
	bool wanted;		/* the device has something */
	bool posted;		/* an operation asks the device for it */
};

/*
 * One class of interrupt work: whether a thread serves it, and which causes
 * arrived since.
 */
struct vqp_lane {
	bool busy;
	uint32_t causes;
};

enum vqp_lane_of {
	VQP_LANE_RECEIVE,
	VQP_LANE_BELLS,
	VQP_LANE_COUNT,
};

/* core_service.c */
struct vqp_service {
	struct vqp_os_lock lock;
	struct vqp_lane lane[VQP_LANE_COUNT];	/* under lock */
	bool stopped;			/* under lock */
	bool stopping;			/* under lock */
	struct vqp_os_event idle;	/* no thread serves, after stopping */
};

struct vqp_core {
	/* Every file reads these; nobody changes them after create. */
	struct vqp_os *os;
	struct vqp_core_config config;

	struct vqp_life life;
	struct vqp_table table;
	struct vqp_send send;
	struct vqp_events events;
	struct vqp_pairs pairs;
	struct vqp_bells bells;
	struct vqp_receive receive;
	struct vqp_service service;
};

#endif
