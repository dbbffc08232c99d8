/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A machine in a process: a hub, one guest's device in it, and the driver core
 * on that device, with a thread for interrupts.  For programs that want both
 * sides of the wire without a hypervisor: tests, benchmarks.
 */
#ifndef USER_MACHINE_H
#define USER_MACHINE_H

#include <vqp_core.h>
#include <vqp_device.h>

#include "user_os.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vqp_machine;

struct vqp_machine_config {
	enum vqp_device_generation generation;
	uint32_t cid;		/* the guest's */
	bool shared;		/* one interrupt for all causes */
	FILE *log;		/* the core's, or NULL */
};

/* Returns VQP_SUCCESS and *machine, or an error of the hub or the core. */
int vqp_machine_open(const struct vqp_machine_config *config,
    struct vqp_machine **machine);

/* Close everything; the caller has destroyed all host contexts before. */
void vqp_machine_close(struct vqp_machine *machine);

struct vqp_core *vqp_machine_core(struct vqp_machine *machine);
struct vqp_hub *vqp_machine_hub(struct vqp_machine *machine);

/*
 * Only one thread at a time may call the hub: hold this lock around each call.
 * The functions of a host context run with the lock held.
 */
void vqp_machine_lock(struct vqp_machine *machine);
void vqp_machine_unlock(struct vqp_machine *machine);

#ifdef __cplusplus
}
#endif

#endif
