/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of the core share.  vqp_os.h says in which order its locks
 * nest:
 *
 *	send.lock	the one message that the device may be working on
 *	pair_lock	which ends and rings there are
 *	table_lock	what has a name: writers only, lookup takes none
 *	resource.lock	who is being called, and whether it still may be
 *	endpoint.lock	the queue of a DELAYED endpoint
 *	service_lock	who works in which lane
 */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <vqp_core.h>

#define VQP_BELL_COUNT	4096	/* docs/wire.md 5.1: the bytes of the page */

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

/* Datagrams on their way from the device.  Of who works in the lane. */
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

struct vqp_send {
	struct vqp_os_lock lock;
	struct vqp_os_dma dma;
	int64_t *answer;	/* under lock; who waits wants it there, or NULL */
	uint64_t count;		/* under lock; messages that the device was told */
};

struct vqp_rings;
struct vqp_end;

#define VQP_TABLE_BITS 10

struct vqp_core {
	struct vqp_os *os;
	struct vqp_core_config config;
	struct vqp_cell64 state;	/* w:core r:core e:E6 */
	struct vqp_cell64 starter;	/* w:core r:core e:none */
	struct vqp_cell64 is_up;	/* w:core r:core e:none */
	struct vqp_cell64 context;	/* w:core r:core e:none */
	struct vqp_cell64 dma;		/* w:core r:core e:none */
	struct vqp_cell64 caps;		/* w:core r:core e:none */
	struct vqp_cell64 epoch;	/* w:core r:core e:E6 */

	struct vqp_os_lock table_lock;
	struct vqp_cell64 bucket[1 << VQP_TABLE_BITS];	/* w:core r:core e:E6 */
	struct vqp_cell64 subscription[VQP_EVENT_GUEST_COUNT]; /* w:core r:core e:E6 */
	uint64_t subscription_sequence;	/* under table_lock; of the last */
	uint32_t subscription_id;	/* under table_lock; the last */
	uint32_t resource_id;		/* under table_lock; the next to try */
	uint32_t resource_count;	/* under table_lock; linked */
	uint32_t object_count;		/* under table_lock; allocated, and 1 */
	bool closed;			/* under table_lock; no more of them */
	struct vqp_resource *reap;	/* under table_lock */
	uint32_t due_count;		/* under table_lock; with the reaper */
	struct vqp_os_work reaper;
	struct vqp_os_work breaker;	/* after the device broke */

	struct vqp_send send;

	struct vqp_os_lock service_lock;
	struct vqp_lane lane[VQP_LANE_COUNT];	/* under service_lock */
	bool stopped;			/* under service_lock */
	bool stopping;			/* under service_lock */
	struct vqp_os_event idle;	/* the lanes, after stopping */
	struct vqp_receive receive;

	struct vqp_os_pages bell_page;
	struct vqp_cell64 *bell;	/* w:core r:core e:E6 */
	struct vqp_cell64 bell_word_count;	/* w:core r:core e:none */
	uint64_t bell_used[VQP_BELL_COUNT / 64];	/* under table_lock */

	struct vqp_os_lock pair_lock;
	struct vqp_end *ends;		/* under pair_lock */
	struct vqp_rings *quarantine;	/* under pair_lock */
	uint64_t pair_bytes;		/* under pair_lock */
	uint32_t pair_count;		/* under pair_lock */
	bool pair_unheard;		/* under pair_lock; and nobody told */

	struct vqp_cell64 counter[sizeof(struct vqp_core_counters) /
	    sizeof(uint64_t)];		/* w:core r:core e:none */
};

#endif
