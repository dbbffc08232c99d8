/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the device, hypercalls and datagrams, through the port or by DMA.
 * The device handles one message at a time and answers each.
 */
#include "core_call.h"
#include "core_state.h"

/* After this many polls of `busy` the sender drops the lock between polls. */
#define VQP_SEND_LOOKS		1000

/* How often another message may come between the two steps of a long one. */
#define VQP_SEND_LONG_TRIES	8

/* Polls of `busy` after the time limit. */
#define VQP_SEND_LATE_LOOKS	16

void
vqp_send_init(struct vqp_core *core)
{
	vqp_os_lock_init(&core->send.lock, VQP_OS_LOCK_SEND);
	vqp_context_forget(core);
}

void
vqp_send_destroy(struct vqp_core *core)
{
	vqp_os_lock_destroy(&core->send.lock);
}

bool
vqp_send_memory_alloc(struct vqp_core *core)
{
	return vqp_os_dma_alloc(core->os, VQP_CORE_DMA_BYTES,
	    &core->send.dma);
}

void
vqp_send_memory_free(struct vqp_core *core)
{
	if (core->send.dma.base != NULL)
		vqp_os_dma_free(core->os, &core->send.dma);
	core->send.dma.base = NULL;
}

void
vqp_dma_begin(struct vqp_dma_operation *operation, uint32_t busy,
    uint32_t opcode)
{
	/* E7: the operation is whole /before/ the device may look at it */
	vqp_store_release((struct vqp_cell64 *)(void *)operation,
	    busy | (uint64_t)opcode << 32);
}

uint32_t
vqp_dma_busy(const struct vqp_dma_operation *operation)
{
	/* E7: the device wrote its answer /before/ it changed `busy` */
	return (uint32_t)vqp_load_acquire(
	    (const struct vqp_cell64 *)(const void *)operation);
}

/* Where the next bytes of a message go. */
struct vqp_emit {
	struct vqp_core *core;
	bool port;
	uint64_t at;		/* by DMA */
};

static void
vqp_emit(struct vqp_emit *emit, const void *from, uint64_t bytes)
{
	struct vqp_core *core = emit->core;

	if (bytes == 0)
		return;
	if (emit->port) {
		vqp_os_stream_write(core->os, VQP_REG_DATA_OUT, from, bytes);
		return;
	}
	__builtin_memcpy((uint8_t *)core->send.dma.base +
	    sizeof(struct vqp_dma_operation) + emit->at, from, (size_t)bytes);
	emit->at += bytes;
}

static void
vqp_emit_pages(struct vqp_emit *emit, const struct vqp_os_pages *pages)
{
	uint32_t chunk[64];
	uint32_t n = 0;

	if (vqp_core_agreed(emit->core, VQP_CAP_PPN64)) {
		vqp_emit(emit, pages->page_numbers,
		    pages->page_count * sizeof(uint64_t));
		return;
	}
	for (uint32_t i = 0; i < pages->page_count; i++) {
		chunk[n++] = (uint32_t)pages->page_numbers[i];
		if (n == 64 || i + 1 == pages->page_count) {
			vqp_emit(emit, chunk, n * sizeof(chunk[0]));
			n = 0;
		}
	}
}

static uint64_t
vqp_message_bytes(const struct vqp_core *core,
    const struct vqp_message *message)
{
	uint64_t bytes = message->head_bytes + message->body_bytes;

	for (int i = 0; i < 2; i++) {
		if (message->pages[i] != NULL)
			bytes += message->pages[i]->page_count *
			    (vqp_core_agreed(core, VQP_CAP_PPN64) ?
			    sizeof(uint64_t) : sizeof(uint32_t));
	}
	return bytes;
}

/* Too long for the DMA buffer. */
static bool
vqp_message_is_long(const struct vqp_core *core, uint64_t bytes)
{
	return vqp_core_dma(core) && bytes > VQP_DATAGRAM_BYTES_MAX;
}

/* The device's answer to the last message.  Under send.lock. */
static int64_t
vqp_send_result(struct vqp_core *core)
{
	/* With DMA too: no driver reads the answer in the operation yet. */
	int64_t result = (int32_t)vqp_os_reg_read(core->os,
	    VQP_REG_RESULT_LOW);

	/* -1 is a valid answer, and also what a missing device reads as. */
	if (result == -1 && vqp_os_reg_read(core->os, VQP_REG_CAPS) ==
	    VQP_ICR_DEVICE_GONE) {
		vqp_core_gone(core);
		result = VQP_ERROR_UNAVAILABLE;
	}
	return result;
}

/*
 * Whether the buffer is free, under send.lock.  A thread that finds the message
 * answered stores the answer for the thread that waits for it, because the
 * waiting thread may be preempted by this one.
 */
static bool
vqp_send_free(struct vqp_core *core)
{
	if (core->send.answer == NULL)
		return true;
	if (vqp_dma_busy(core->send.dma.base) != 0)
		return false;
	*core->send.answer = vqp_send_result(core);
	core->send.answer = NULL;
	return true;
}

/* Whether a message may be sent in the present state of the device. */
static bool
vqp_send_may(const struct vqp_core *core, bool early)
{
	return vqp_core_talks(core) || (early &&
	    vqp_core_state(core) == VQP_CORE_STARTING &&
	    vqp_core_is_up(core));
}

/*
 * Pass the buffer to the device and return its answer, or an error if no answer
 * will come.  Under send.lock, which is dropped between polls if the device
 * takes long.
 */
static int64_t
vqp_send_dma(struct vqp_core *core, bool early)
{
	int64_t answer = 0;
	unsigned late = 0;
	uint64_t begin;

	vqp_os_reg_write(core->os, VQP_REG_DATA_OUT_LOW,
	    (uint32_t)core->send.dma.address);
	core->send.answer = &answer;
	core->send.count++;
	for (unsigned looks = 0; looks < VQP_SEND_LOOKS; looks++) {
		if (vqp_send_free(core))
			return answer;
	}
	begin = vqp_os_now_ns(core->os);
	/*
	 * If this thread or the machine was stopped, the limit may have passed
	 * unseen: poll a few more times before giving up.
	 */
	while (vqp_send_may(core, early) && late <= VQP_SEND_LATE_LOOKS) {
		vqp_os_unlock(&core->send.lock);
		vqp_os_relax(core->os);
		vqp_os_lock(&core->send.lock);
		if (core->send.answer != &answer || vqp_send_free(core))
			return answer;
		late += vqp_os_now_ns(core->os) - begin >
		    core->config.limit_ns;
	}
	core->send.answer = NULL;
	if (vqp_send_may(core, early)) {
		VQP_CORE_COUNT(core, time_limits);
		vqp_core_fail(core, "a message was not answered");
	}
	return vqp_core_state(core) == VQP_CORE_BROKEN ?
	    VQP_ERROR_TIMEOUT : VQP_ERROR_UNAVAILABLE;
}

/* Take send.lock and the buffer.  Holds the lock on VQP_SUCCESS only. */
static int
vqp_send_enter(struct vqp_core *core, bool early)
{
	uint64_t begin = 0, count = 0, seen;

	for (;;) {
		vqp_os_lock(&core->send.lock);
		if (!vqp_send_may(core, early)) {
			vqp_os_unlock(&core->send.lock);
			return VQP_ERROR_UNAVAILABLE;
		}
		if (vqp_send_free(core))
			return VQP_SUCCESS;
		seen = core->send.count;
		vqp_os_unlock(&core->send.lock);
		/* The time limit is that of one message, not of the queue. */
		if (seen != count)
			begin = vqp_os_now_ns(core->os);
		else if (vqp_os_now_ns(core->os) - begin >
		    core->config.limit_ns)
			return VQP_ERROR_TIMEOUT;
		count = seen;
		vqp_os_relax(core->os);
	}
}

/*
 * Answers for the device.  The thread that waits may not run for long, so this
 * does not wait for it.
 */
void
vqp_send_abort(struct vqp_core *core)
{
	vqp_os_lock(&core->send.lock);
	if (core->send.answer != NULL)
		*core->send.answer = VQP_ERROR_UNAVAILABLE;
	core->send.answer = NULL;
	vqp_os_unlock(&core->send.lock);
}

/*
 * Whether the message can be sent to the present device.  Under send.lock,
 * because the device may have been replaced while we waited for the lock.
 */
static int
vqp_message_judge(struct vqp_core *core, const struct vqp_message *message,
    uint64_t bytes)
{
	const struct vqp_datagram *head = message->head;

	if (vqp_message_is_long(core, bytes) && !vqp_os_has_ports(core->os))
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (bytes != sizeof(*head) + head->payload_size)
		return VQP_ERROR_UNAVAILABLE;	/* other page number width */
	if (message->pages[0] != NULL &&
	    message->epoch != vqp_core_epoch(core))
		return VQP_ERROR_UNAVAILABLE;	/* pages of a device before */
	return VQP_SUCCESS;
}

/* Send a message and return the device's answer.  Under send.lock. */
static int64_t
vqp_send(struct vqp_core *core, const struct vqp_message *message,
    uint64_t bytes, bool port)
{
	struct vqp_emit emit = { core, port, 0 };
	struct vqp_dma_operation *operation = core->send.dma.base;

	if (!port) {
		*operation = (struct vqp_dma_operation){ 0 };
		operation->size = (uint32_t)bytes;
	}
	vqp_emit(&emit, message->head, message->head_bytes);
	vqp_emit(&emit, message->body, message->body_bytes);
	for (int i = 0; i < 2; i++) {
		if (message->pages[i] != NULL)
			vqp_emit_pages(&emit, message->pages[i]);
	}
	if (port)
		return vqp_send_result(core);
	vqp_dma_begin(operation, 1, VQP_DMA_INLINE);
	return vqp_send_dma(core, message->early);
}

/*
 * Send a message that is longer than the DMA buffer through the port.  A device
 * with DMA may ignore its port, and then RESULT_LOW keeps the answer to the
 * message before.  So first send a message by DMA that the device refuses: if
 * the answer does not change afterwards, the device ignored the port.  Sets
 * `again` if another message came between the two; then nothing was sent.
 * Under send.lock.
 */
static int64_t
vqp_send_long(struct vqp_core *core, const struct vqp_message *message,
    uint64_t bytes, bool *again)
{
	const struct vqp_datagram unknown = {
		.dst = { VQP_CONTEXT_HYPERVISOR, VQP_RESOURCE_ANY - 1 },
		.src = { VQP_CONTEXT_ANY, VQP_RESOURCE_ANY },
	};
	const struct vqp_message question = {
		.head = &unknown,
		.head_bytes = sizeof(unknown),
		.early = message->early,
	};
	const uint64_t count = core->send.count + 1;
	int64_t refusal = vqp_send(core, &question, sizeof(unknown), false);
	int64_t result;

	/* vqp_send() may have dropped the lock. */
	if (!vqp_send_may(core, message->early))
		return vqp_core_state(core) == VQP_CORE_BROKEN ?
		    VQP_ERROR_TIMEOUT : VQP_ERROR_UNAVAILABLE;
	*again = core->send.count != count;
	result = vqp_message_judge(core, message, bytes);
	if (*again || result != VQP_SUCCESS)
		return result;
	result = refusal < 0 ? vqp_send(core, message, bytes, true) : refusal;
	if (result != refusal)
		return result;
	vqp_os_log(core->os, VQP_OS_WARNING, "the device does not take "
	    "messages by its port: one of %llu bytes was not sent",
	    (unsigned long long)bytes);
	return VQP_ERROR_PAYLOAD_TOO_LARGE;
}

int64_t
vqp_core_exchange(struct vqp_core *core, const struct vqp_message *message)
{
	unsigned tries = VQP_SEND_LONG_TRIES;
	int64_t result;
	uint64_t bytes;
	bool again;

	do {
		result = vqp_send_enter(core, message->early);
		if (result != VQP_SUCCESS)
			return result;
		again = false;
		bytes = vqp_message_bytes(core, message);
		result = vqp_message_judge(core, message, bytes);
		if (result == VQP_SUCCESS && vqp_message_is_long(core, bytes))
			result = vqp_send_long(core, message, bytes, &again);
		else if (result == VQP_SUCCESS)
			result = vqp_send(core, message, bytes,
			    !vqp_core_dma(core));
		vqp_os_unlock(&core->send.lock);
	} while (again && --tries > 0);
	return again ? VQP_ERROR_TIMEOUT : result;
}

int64_t
vqp_core_call(struct vqp_core *core, enum vqp_hypercall number,
    struct vqp_datagram *call, uint64_t bytes)
{
	struct vqp_message message = {
		.head = call, .head_bytes = bytes,
		.early = number == VQP_HYPERCALL_DOORBELL_UNLINK,
	};

	call->dst.context = VQP_CONTEXT_HYPERVISOR;
	call->dst.resource = number;
	call->src.context = VQP_CONTEXT_ANY;
	call->src.resource = VQP_RESOURCE_ANY;
	call->payload_size = bytes - sizeof(*call);
	return vqp_core_exchange(core, &message);
}

int64_t
vqp_core_hypercall(struct vqp_core *core, const struct vqp_datagram *datagram,
    const void *payload)
{
	struct vqp_message message;

	if (datagram == NULL ||
	    (payload == NULL && datagram->payload_size != 0))
		return VQP_ERROR_INVALID_ARGS;
	if (!vqp_core_works(core))
		return VQP_ERROR_UNAVAILABLE;
	/* The largest valid message names the pages of a pair. */
	if (datagram->payload_size > sizeof(struct vqp_hypercall_qpair_alloc) +
	    VQP_QPAIR_PAGE_COUNT_MAX * sizeof(uint64_t))
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	message = (struct vqp_message){ datagram, sizeof(*datagram), payload,
	    datagram->payload_size, { NULL, NULL }, 0, false };
	return vqp_core_exchange(core, &message);
}

void
vqp_context_forget(struct vqp_core *core)
{
	vqp_store_relaxed(&core->send.context, VQP_INVALID_ID);
}

uint32_t
vqp_core_context_ask(struct vqp_core *core)
{
	struct vqp_datagram call;
	/* Unsigned, because a valid id may have the highest bit set. */
	uint32_t context = (uint32_t)vqp_core_call(core,
	    VQP_HYPERCALL_GET_CONTEXT_ID, &call, sizeof(call));

	if (!vqp_context_is_guest(context)) {
		if (context <= VQP_CONTEXT_HOST)
			VQP_CORE_COUNT(core, bad_results);
		return vqp_context_known(core);
	}
	vqp_store_relaxed(&core->send.context, context);
	return context;
}

uint32_t
vqp_core_context_id(struct vqp_core *core)
{
	uint32_t context = vqp_context_known(core);

	return context != VQP_INVALID_ID || !vqp_core_works(core) ? context :
	    vqp_core_context_ask(core);
}
