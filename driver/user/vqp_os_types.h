/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The types of driver/os/vqp_os.h in a process. */
#ifndef VQP_OS_TYPES_H
#define VQP_OS_TYPES_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct vqp_os;

struct vqp_os_lock {
	pthread_mutex_t mutex;
	unsigned kind;		/* enum vqp_os_lock_kind */
};

struct vqp_os_read {
	int unused;		/* the sections of one os are counted there */
};

struct vqp_os_work {
	void (*function)(void *argument);
	void *argument;
	struct vqp_os_work *next;	/* under the queue's mutex */
	bool queued;			/* under the queue's mutex */
};

struct vqp_os_event {
	sem_t semaphore;
};

#endif
