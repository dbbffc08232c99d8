/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the core is made of: a struct for each file, which alone touches it.
 * Other files call functions of that file or of its header.
 *
 * The locks, in the order in which they nest (vqp_os.h):
 *
 *	send.lock	the one message that the device may be working on
 *	pairs.lock	which ends and rings there are
 *	life.table_lock	which objects there are, and their names: writers only,
 *			lookup takes none
 *	resource.lock	of each object: who is in a call, and whether it may be
 *			called any more (core_resource.h)
 *	endpoint.lock	of each endpoint: the queue, if it is DELAYED
 *			(core_endpoint.c)
 *	service.lock	who works in which lane
 */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <vqp_core.h>

struct vqp_resource;
struct vqp_rings;
struct vqp_end;

/* core_state.c: the device's state, and who needs the core. */
struct vqp_life {
	struct vqp_cell64 state;	/* w:core r:core e:E6 */
	struct vqp_cell64 starter;	/* w:core r:core e:none */
	struct vqp_cell64 is_up;	/* w:core r:core e:none */
	struct vqp_cell64 dma;		/* w:core r:core e:none */
	struct vqp_cell64 caps;		/* w:core r:core e:none */
	struct vqp_cell64 epoch;	/* w:core r:core e:E6 */
	struct vqp_os_work breaker;	/* after the device broke */

	struct vqp_os_lock table_lock;
	uint32_t object_count;		/* under table_lock; allocated, and 1 */
	bool closed;			/* under table_lock; no more objects */
	void (*free)(struct vqp_core *core);	/* by the last */

	struct vqp_cell64 counter[sizeof(struct vqp_core_counters) /
	    sizeof(uint64_t)];		/* w:core r:core e:none */
};

#define VQP_TABLE_BITS 10

/* core_resource.c: objects by name, and those that ended. */
struct vqp_table {
	struct vqp_cell64 bucket[1 << VQP_TABLE_BITS];	/* w:core r:core e:E6 */
	uint32_t id;			/* under table_lock; the next to try */
	uint32_t count;			/* under table_lock; linked */
	struct vqp_resource *reap;	/* under table_lock */
	uint32_t due_count;		/* under table_lock; with the reaper */
	struct vqp_os_work reaper;
};

/* core_call.c: the message that is with the device. */
struct vqp_send {
	struct vqp_os_lock lock;
	struct vqp_os_dma dma;
	int64_t *answer;		/* under lock; where it goes, or NULL */
	uint64_t count;			/* under lock; messages sent by DMA */
	struct vqp_cell64 context;	/* w:core r:core e:none */
};

/* core_event.c */
struct vqp_events {
	struct vqp_cell64
	    subscription[VQP_EVENT_GUEST_COUNT];	/* w:core r:core e:E6 */
	uint64_t sequence;		/* under table_lock; of the last */
	uint32_t id;			/* under table_lock; the last */
};

/* core_qpair.c */
struct vqp_pairs {
	struct vqp_os_lock lock;
	struct vqp_end *ends;		/* under lock */
	struct vqp_rings *quarantine;	/* under lock */
	uint64_t bytes;			/* under lock */
	uint32_t count;			/* under lock */
	bool unheard;			/* under lock; lost, and nobody told */
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
 * core_receive.c: datagrams on their way from the device.  Of who works in the
 * lane.
 */
struct vqp_receive {
	uint8_t *buffer;	/* VQP_DATAGRAM_BYTES_MAX, ours alone */
	uint64_t at, end;	/* bytes not looked at yet */
	bool open;		/* there are such bytes */

	/* By DMA: */
	struct vqp_os_dma dma;
	uint64_t held;		/* bytes in buffer of a datagram in two parts */
	bool wanted;		/* the device has something */
	bool posted;		/* and was asked for it */
};

/* Of one kind of service: who works, and what came meanwhile. */
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
	struct vqp_os_event idle;	/* the lanes, after stopping */
};

struct vqp_core {
	/* Of everybody, and never changed. */
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
