/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the device, and the DMA operations that carry them.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core_private.h"

/*
 * A DMA operation's header in a page of its own, as Linux has it, and what is
 * received in the pages behind.
 */
#define VQP_CORE_DMA_OFFSET	4096
#define VQP_CORE_DMA_BYTES	(VQP_CORE_DMA_OFFSET + VQP_DATAGRAM_BYTES_MAX)

/*
 * `busy` and `opcode` as the one word they are: what the driver writes and the
 * device answers.
 */
void vqp_dma_begin(struct vqp_dma_operation *operation, uint32_t busy,
    uint32_t opcode);
uint32_t vqp_dma_busy(const struct vqp_dma_operation *operation);

/* A message in the pieces it is made of. */
struct vqp_message {
	const void *head;
	uint64_t head_bytes;
	const void *body;
	uint64_t body_bytes;
	const struct vqp_os_pages *pages[2];	/* their numbers follow */
	uint64_t epoch;		/* vqp_core_epoch() before there were pages */
	bool early;		/* of anybody, while the device is started */
};

/* Talk to the device, also while it is being brought up.  Any. */
int64_t vqp_core_exchange(struct vqp_core *core,
    const struct vqp_message *message);

/* A call of one piece with a header that we fill in. */
int64_t vqp_core_call(struct vqp_core *core, enum vqp_hypercall number,
    struct vqp_datagram *call, uint64_t bytes);

void vqp_send_init(struct vqp_core *core);
void vqp_send_destroy(struct vqp_core *core);

/* For a device that is talked to by DMA.  False on shortage. */
bool vqp_send_memory_alloc(struct vqp_core *core);
void vqp_send_memory_free(struct vqp_core *core);

/* Where the device finds messages. */
static inline uint64_t
vqp_send_address(const struct vqp_core *core)
{
	return core->send.dma.address;
}

/* No message is with the device. */
void vqp_send_abort(struct vqp_core *core);

/* The id of a virtual machine, and no error that was taken for one. */
static inline bool
vqp_context_is_guest(uint32_t context)
{
	return context > VQP_CONTEXT_HOST && context <= VQP_CONTEXT_FREE_MAX;
}

/* Our context id as the device said last, or VQP_INVALID_ID. */
static inline uint32_t
vqp_context_known(const struct vqp_core *core)
{
	return (uint32_t)vqp_load_relaxed(&core->send.context);
}

/* The next device may give another. */
void vqp_context_forget(struct vqp_core *core);

/* Ask the device for our context id, believe only what can be one.  Any. */
uint32_t vqp_core_context_ask(struct vqp_core *core);

#endif
