/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the device, and the DMA operations that carry them.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core_private.h"

/*
 * The header of a DMA operation has a page of its own, as in Linux's driver,
 * and received data is in the pages behind it.
 */
#define VQP_CORE_DMA_OFFSET	4096
#define VQP_CORE_DMA_BYTES	(VQP_CORE_DMA_OFFSET + VQP_DATAGRAM_BYTES_MAX)

/*
 * `busy` and `opcode` share one 64-bit word.  The driver writes it at once to
 * begin an operation, and the device answers in `busy`.
 */
void vqp_dma_begin(struct vqp_dma_operation *operation, uint32_t busy,
    uint32_t opcode);
uint32_t vqp_dma_busy(const struct vqp_dma_operation *operation);

/* A message in several pieces, so that it need not be copied together. */
struct vqp_message {
	const void *head;
	uint64_t head_bytes;
	const void *body;
	uint64_t body_bytes;
	const struct vqp_os_pages *pages[2];	/* their numbers follow */
	uint64_t epoch;		/* vqp_core_epoch() before the pages existed */
	/*
	 * Any thread may send it once the starting thread has brought the
	 * device up.
	 */
	bool early;
};

/*
 * Send a message and return the device's answer, also while the device is
 * brought up.  Context: any.
 */
int64_t vqp_core_exchange(struct vqp_core *core,
    const struct vqp_message *message);

/* Send a hypercall in one piece; fills in its header. */
int64_t vqp_core_call(struct vqp_core *core, enum vqp_hypercall number,
    struct vqp_datagram *call, uint64_t bytes);

void vqp_send_init(struct vqp_core *core);
void vqp_send_destroy(struct vqp_core *core);

/* The buffer for a device with DMA.  False on shortage of memory. */
bool vqp_send_memory_alloc(struct vqp_core *core);
void vqp_send_memory_free(struct vqp_core *core);

/* The bus address of the buffer for messages. */
static inline uint64_t
vqp_send_address(const struct vqp_core *core)
{
	return core->send.dma.address;
}

/* A thread that waits for an answer gets VQP_ERROR_UNAVAILABLE. */
void vqp_send_abort(struct vqp_core *core);

/* An error code read as unsigned is above FREE_MAX: it is no guest's id. */
static inline bool
vqp_context_is_guest(uint32_t context)
{
	return context > VQP_CONTEXT_HOST && context <= VQP_CONTEXT_FREE_MAX;
}

/* Our context id from the device's last answer, or VQP_INVALID_ID. */
static inline uint32_t
vqp_context_known(const struct vqp_core *core)
{
	return (uint32_t)vqp_load_relaxed(&core->send.context);
}

/* The next device may assign another context id. */
void vqp_context_forget(struct vqp_core *core);

/*
 * Ask the device for our context id; accept only an id of a guest.
 * Context: any.
 */
uint32_t vqp_core_context_ask(struct vqp_core *core);

#endif
