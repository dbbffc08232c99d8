/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams from the device.
 */
#ifndef CORE_RECEIVE_H
#define CORE_RECEIVE_H

#include "core_private.h"

/* False on shortage; destroyed all the same. */
bool vqp_receive_init(struct vqp_core *core);
void vqp_receive_destroy(struct vqp_core *core);

/* For a device that is talked to by DMA.  False on shortage. */
bool vqp_receive_memory_alloc(struct vqp_core *core);
void vqp_receive_memory_free(struct vqp_core *core);

/* Where the device finds what we ask of it. */
static inline uint64_t
vqp_receive_address(const struct vqp_core *core)
{
	return core->receive.dma.address;
}

/* Whether there is more to do. */
bool vqp_receive_serve(struct vqp_core *core, uint32_t causes);

/* Nothing is left of what an earlier device gave. */
void vqp_receive_reset(struct vqp_core *core);

#endif
