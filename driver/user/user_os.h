/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The OS layer of the core (driver/os/vqp_os.h) in a process, on POSIX threads.
 * The core's device is a model in the same process, or one of a simulator.
 */
#ifndef USER_OS_H
#define USER_OS_H

#include <stdint.h>
#include <stdio.h>

#include <vqp_os.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the device is reached.  Called from any thread, also under locks. */
struct vqp_user_bus {
	uint32_t (*read)(void *context, uint32_t reg);
	void (*write)(void *context, uint32_t reg, uint32_t value);
	void (*stream_read)(void *context, uint32_t reg, void *to,
	    uint64_t bytes);
	void (*stream_write)(void *context, uint32_t reg, const void *from,
	    uint64_t bytes);
	void *context;		/* first argument of all of them */
};

/*
 * Create an OS layer with a thread for work.  Log lines go to `log`; NULL drops
 * them.  Bus addresses are addresses of this process, and pages of one
 * allocation are contiguous.
 * Returns NULL on shortage of memory or threads.
 */
struct vqp_os *vqp_user_os_new(const struct vqp_user_bus *bus, FILE *log);

/* Wait until the core calls vqp_os_release(), and free it. */
void vqp_user_os_free(struct vqp_os *os);

/* The same, if no core was created on it. */
void vqp_user_os_cancel(struct vqp_os *os);

#ifdef __cplusplus
}
#endif

#endif
