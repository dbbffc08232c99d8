/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams from the device.
 */
#ifndef CORE_RECEIVE_H
#define CORE_RECEIVE_H

#include "core_private.h"

/* False on shortage of memory; the caller still calls vqp_receive_destroy(). */
bool vqp_receive_init(struct vqp_core *core);
void vqp_receive_destroy(struct vqp_core *core);

/* The buffer for a device with DMA.  False on shortage of memory. */
bool vqp_receive_memory_alloc(struct vqp_core *core);
void vqp_receive_memory_free(struct vqp_core *core);

/* The bus address of the operation that asks for datagrams. */
static inline uint64_t
vqp_receive_address(const struct vqp_core *core)
{
	return core->receive.dma.address;
}

/* Receive up to one budget of datagrams.  True if more work is left. */
bool vqp_receive_serve(struct vqp_core *core, uint32_t causes);

/* Forget all that an earlier device sent. */
void vqp_receive_reset(struct vqp_core *core);

#endif
