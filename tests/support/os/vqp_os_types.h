/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The types of the OS layer in the simulator (sim_os.h).  Each object records
 * whether it is alive, so that use before its init or after its destroy is
 * caught.
 */
#ifndef VQP_OS_TYPES_H
#define VQP_OS_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct vqp_os;
struct sim_thread;

struct vqp_os_lock {
	uint32_t alive;
	uint32_t kind;			/* enum vqp_os_lock_kind */
	struct sim_thread *owner;
};

struct vqp_os_read {
	uint32_t alive;
	uint64_t began;			/* sequence number of this section */
	struct sim_thread *owner;
	struct vqp_os *os;
	struct vqp_os_read *next;
};

struct vqp_os_work {
	uint32_t alive;
	bool queued;
	void (*function)(void *argument);
	void *argument;
	struct vqp_os *os;		/* it was queued to this one last */
	struct vqp_os_work *next;
};

struct vqp_os_event {
	uint32_t alive;
	uint32_t signals;
	struct sim_thread *waiter;
};

#endif
