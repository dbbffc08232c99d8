/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The types of driver/os/vqp_os.h, as Linux has them. */
#ifndef VQP_OS_TYPES_H
#define VQP_OS_TYPES_H

#include <linux/completion.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct vqp_os;

struct vqp_os_lock {
	spinlock_t lock;	/* of what, the core says */
	unsigned long flags;	/* of who holds it */
};

struct vqp_os_read {
	int unused;		/* RCU needs no memory */
};

struct vqp_os_work {
	struct work_struct work;
	void (*function)(void *argument);
	void *argument;
};

struct vqp_os_event {
	struct completion completion;
};

#endif
