/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages to the device, through the port or by DMA: one at a time, and each
 * with its answer.  Hypercalls and datagrams go this way.
 */
#include "core_call.h"
#include "core_state.h"

/* What one look at `busy` may cost others: then the lock is given up. */
#define VQP_SEND_LOOKS		1000

/* Others may send between the two halves of a long message so often. */
#define VQP_SEND_LONG_TRIES	8

/* Behind the time limit. */
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

/* Longer than what goes by DMA. */
static bool
vqp_message_is_long(const struct vqp_core *core, uint64_t bytes)
{
	return vqp_core_dma(core) && bytes > VQP_DATAGRAM_BYTES_MAX;
}

/* What the device says of the last message.  Under send.lock. */
static int64_t
vqp_send_result(struct vqp_core *core)
{
	/* By DMA too: the answer in the operation is no driver's yet. */
	int64_t result = (int32_t)vqp_os_reg_read(core->os,
	    VQP_REG_RESULT_LOW);

	/* All ones is an answer, and what reads where nothing is. */
	if (result == -1 && vqp_os_reg_read(core->os, VQP_REG_CAPS) ==
	    VQP_ICR_DEVICE_GONE) {
		vqp_core_gone(core);
		result = VQP_ERROR_UNAVAILABLE;
	}
	return result;
}

/*
 * Whether the buffer is free, under send.lock.  Who finds that its message was
 * answered takes the answer for whoever waits for it: that one may be stopped
 * on our own processor.
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

/* Messages of this kind may be sent now. */
static bool
vqp_send_may(const struct vqp_core *core, bool early)
{
	return vqp_core_talks(core) || (early &&
	    vqp_core_state(core) == VQP_CORE_STARTING &&
	    vqp_core_is_up(core));
}

/*
 * Hand the buffer to the device; its answer, or why none will come.  Under
 * send.lock, which is given up now and then if the device takes its time.
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
	/* Who was stopped for long, or the machine, looks once more. */
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

/* Get send.lock, and the buffer.  VQP_SUCCESS with the lock held. */
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
		/* Each message has its time. */
		if (seen != count)
			begin = vqp_os_now_ns(core->os);
		else if (vqp_os_now_ns(core->os) - begin >
		    core->config.limit_ns)
			return VQP_ERROR_TIMEOUT;
		count = seen;
		vqp_os_relax(core->os);
	}
}

/* Who waits for an answer gets none; it may be stopped, and is not waited for. */
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
 * Whether it can be sent as it is.  Not before the lock is held: it may be
 * another device that we got in to.  Under send.lock.
 */
static int
vqp_message_judge(struct vqp_core *core, const struct vqp_message *message,
    uint64_t bytes)
{
	const struct vqp_datagram *head = message->head;

	if (vqp_message_is_long(core, bytes) && !vqp_os_has_ports(core->os))
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (bytes != sizeof(*head) + head->payload_size)
		return VQP_ERROR_UNAVAILABLE;	/* its numbers are wider */
	if (message->pages[0] != NULL &&
	    message->epoch != vqp_core_epoch(core))
		return VQP_ERROR_UNAVAILABLE;	/* and not of these pages */
	return VQP_SUCCESS;
}

/* Send it, and get the device's answer.  Under send.lock. */
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
 * What is longer than the DMA buffer goes by the port.  A device that is talked
 * to by DMA may be deaf there, and RESULT_LOW keep the answer of the message
 * before: that is made a refusal first.  `again` if another message came in
 * between, and nothing was sent.  Under send.lock.
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

	/* The lock may have been given up meanwhile. */
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
	/* The largest message that there is names the pages of a pair. */
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
	/* As 32 bits without a sign: an id may have the highest bit. */
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
