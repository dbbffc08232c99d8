// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * tests/conform inside a kernel, over the interface that clients use: whichever
 * vmw_vmci.ko is loaded is held to the cases.  Loading runs them; KTAP goes to
 * the log, and the module does not stay if one failed.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <linux/vmw_vmci_api.h>
#include <linux/vmw_vmci_defs.h>
#include <linux/xarray.h>

#include <conform.h>

#ifndef ITER_SOURCE		/* before 6.2 */
#define ITER_SOURCE WRITE
#define ITER_DEST READ
#endif

static char *only;
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "Run this case alone");

static int host;
module_param(host, int, 0444);
MODULE_PARM_DESC(host, "Then stream to vqp-host --pair-echo of this number");

static int large;
module_param(large, int, 0444);
MODULE_PARM_DESC(large, "Make a pair of two rings of so many MiB");

static bool large_refused;
module_param(large_refused, bool, 0444);
MODULE_PARM_DESC(large_refused, "That pair is one for which the device is deaf");

/* A callback of the cases', behind one of the kernel's type. */
struct subject_call {
	conform_receive_fn *receive;
	conform_event_fn *tell;
	void *argument;
};

static DEFINE_XARRAY(subject_receivers);
static DEFINE_XARRAY(subject_tellers);

static uint32_t subject_context_id(void *context)
{
	return vmci_get_context_id();
}

static int subject_receive(void *argument, struct vmci_datagram *datagram)
{
	struct subject_call *call = argument;

	call->receive(call->argument, (struct vqp_datagram *)datagram);
	return VMCI_SUCCESS;
}

static int subject_endpoint_create(void *context, uint32_t resource,
				   uint32_t flags, conform_receive_fn *receive,
				   void *argument, struct vqp_handle *handle)
{
	struct subject_call *call = kzalloc(sizeof(*call), GFP_KERNEL);
	struct vmci_handle made;
	int status;

	if (!call)
		return VMCI_ERROR_NO_MEM;
	call->receive = receive;
	call->argument = argument;
	status = vmci_datagram_create_handle(resource, flags,
					     receive ? subject_receive : NULL,
					     call, handle ? &made : NULL);
	if (status < 0) {
		kfree(call);
		return status;
	}
	xa_store(&subject_receivers, made.resource, call, GFP_KERNEL);
	*handle = (struct vqp_handle){ made.context, made.resource };
	return status;
}

static int subject_endpoint_destroy(void *context, struct vqp_handle handle)
{
	struct subject_call *call = xa_load(&subject_receivers,
					    handle.resource);
	int status = vmci_datagram_destroy_handle(vmci_make_handle(
		handle.context, handle.resource));

	if (status >= 0) {
		xa_erase(&subject_receivers, handle.resource);
		kfree(call);
	}
	return status;
}

/* The kernel takes header and payload in one piece. */
static int64_t subject_send(void *context, const struct vqp_datagram *datagram,
			    const void *payload)
{
	struct vqp_datagram *whole;
	size_t bytes = 0;
	int64_t status;

	if (!datagram)
		return vmci_datagram_send(NULL);
	/* What is too long is refused by its header. */
	if (datagram->payload_size <= VQP_DATAGRAM_PAYLOAD_BYTES_MAX)
		bytes = datagram->payload_size;
	whole = kvzalloc(sizeof(*whole) + bytes, GFP_KERNEL);
	if (!whole)
		return VMCI_ERROR_NO_MEM;
	*whole = *datagram;
	if (payload)
		memcpy(whole + 1, payload, bytes);
	status = vmci_datagram_send((struct vmci_datagram *)whole);
	kvfree(whole);
	return status;
}

static int subject_doorbell_create(void *context, uint32_t flags,
				   conform_ring_fn *ring, void *argument,
				   struct vqp_handle *handle)
{
	struct vmci_handle name = VMCI_INVALID_HANDLE;
	int status;

	if (handle)
		name = vmci_make_handle(handle->context, handle->resource);
	status = vmci_doorbell_create(handle ? &name : NULL, flags,
				      VMCI_NO_PRIVILEGE_FLAGS, ring, argument);
	if (status >= 0)
		*handle = (struct vqp_handle){ name.context, name.resource };
	return status;
}

static int subject_doorbell_destroy(void *context, struct vqp_handle handle)
{
	return vmci_doorbell_destroy(vmci_make_handle(handle.context,
						      handle.resource));
}

static int subject_doorbell_notify(void *context, struct vqp_handle handle)
{
	return vmci_doorbell_notify(vmci_make_handle(handle.context,
						     handle.resource), 0);
}

static void subject_tell(u32 id, const struct vmci_event_data *data,
			 void *argument)
{
	const struct vmci_event_payload_qp *payload =
		vmci_event_data_const_payload(data);
	struct subject_call *call = argument;
	struct vqp_handle handle = { VMCI_INVALID_ID, VMCI_INVALID_ID };
	u32 peer = VMCI_INVALID_ID;

	if (data->event == VMCI_EVENT_QP_PEER_ATTACH ||
	    data->event == VMCI_EVENT_QP_PEER_DETACH) {
		handle.context = payload->handle.context;
		handle.resource = payload->handle.resource;
		peer = payload->peer_id;
	}
	call->tell(call->argument, data->event, handle, peer);
}

static int subject_subscribe(void *context, uint32_t event,
			     conform_event_fn *tell, void *argument,
			     uint32_t *id)
{
	struct subject_call *call = kzalloc(sizeof(*call), GFP_KERNEL);
	int status;

	if (!call)
		return VMCI_ERROR_NO_MEM;
	call->tell = tell;
	call->argument = argument;
	status = vmci_event_subscribe(event, tell ? subject_tell : NULL, call,
				      id);
	if (status < 0)
		kfree(call);
	else
		xa_store(&subject_tellers, *id, call, GFP_KERNEL);
	return status;
}

static int subject_unsubscribe(void *context, uint32_t id)
{
	struct subject_call *call = xa_load(&subject_tellers, id);
	int status = vmci_event_unsubscribe(id);

	if (status >= 0) {
		xa_erase(&subject_tellers, id);
		/* The stock module may still be telling. */
		synchronize_rcu();
		kfree(call);
	}
	return status;
}

static int subject_pair_alloc(void *context, uint64_t produce_bytes,
			      uint64_t consume_bytes, uint32_t peer,
			      uint32_t flags, uint32_t privilege,
			      struct vqp_handle *handle, void **pair)
{
	struct vmci_handle name = VMCI_INVALID_HANDLE;
	struct vmci_qp *made = NULL;
	int status;

	if (handle)
		name = vmci_make_handle(handle->context, handle->resource);
	status = vmci_qpair_alloc(pair ? &made : NULL, handle ? &name : NULL,
				  produce_bytes, consume_bytes, peer, flags,
				  privilege);
	if (status < 0)
		return status;
	*handle = (struct vqp_handle){ name.context, name.resource };
	*pair = made;
	return status;
}

static int subject_pair_detach(void *context, void **pair)
{
	struct vmci_qp *made = pair ? *pair : NULL;
	int status = vmci_qpair_detach(pair ? &made : NULL);

	if (pair)
		*pair = made;
	return status;
}

static int64_t subject_enqueue(void *pair, const void *from, uint64_t length)
{
	return vmci_qpair_enqueue(pair, from, length, 0);
}

static int64_t subject_dequeue(void *pair, void *to, uint64_t length)
{
	return vmci_qpair_dequeue(pair, to, length, 0);
}

static int64_t subject_peek(void *pair, void *to, uint64_t length)
{
	return vmci_qpair_peek(pair, to, length, 0);
}

typedef ssize_t subject_vector_fn(struct vmci_qp *pair, struct msghdr *message,
				  size_t bytes, int mode);

static int64_t subject_vector(subject_vector_fn *call, unsigned int direction,
			      void *pair, const struct vqp_iovec *vector,
			      uint64_t count)
{
	struct msghdr message = { };
	struct kvec pieces[8];
	size_t bytes = 0;
	uint64_t i;

	if (count > ARRAY_SIZE(pieces))
		return VMCI_ERROR_INVALID_ARGS;
	for (i = 0; i < count; i++) {
		pieces[i].iov_base = vector[i].base;
		pieces[i].iov_len = vector[i].length;
		bytes += vector[i].length;
	}
	iov_iter_kvec(&message.msg_iter, direction, pieces, count, bytes);
	return call(pair, &message, bytes, 0);
}

static int64_t subject_enqueuev(void *pair, const struct vqp_iovec *vector,
				uint64_t count)
{
	return subject_vector(vmci_qpair_enquev, ITER_SOURCE, pair, vector,
			      count);
}

static int64_t subject_dequeuev(void *pair, const struct vqp_iovec *vector,
				uint64_t count)
{
	return subject_vector(vmci_qpair_dequev, ITER_DEST, pair, vector,
			      count);
}

static int64_t subject_peekv(void *pair, const struct vqp_iovec *vector,
			     uint64_t count)
{
	return subject_vector(vmci_qpair_peekv, ITER_DEST, pair, vector,
			      count);
}

static int64_t subject_produce_free(void *pair)
{
	return vmci_qpair_produce_free_space(pair);
}

static int64_t subject_produce_ready(void *pair)
{
	return vmci_qpair_produce_buf_ready(pair);
}

static int64_t subject_consume_free(void *pair)
{
	return vmci_qpair_consume_free_space(pair);
}

static int64_t subject_consume_ready(void *pair)
{
	return vmci_qpair_consume_buf_ready(pair);
}

static int subject_produce_indexes(void *pair, uint64_t *tail, uint64_t *head)
{
	return vmci_qpair_get_produce_indexes(pair, tail, head);
}

static int subject_consume_indexes(void *pair, uint64_t *tail, uint64_t *head)
{
	return vmci_qpair_get_consume_indexes(pair, tail, head);
}

static void subject_wait(void *context)
{
	msleep(50);
}

static __printf(1, 2) void subject_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintk(format, arguments);
	va_end(arguments);
}

static const struct conform_verbs subject_verbs = {
	.context_id = subject_context_id,
	.endpoint_create = subject_endpoint_create,
	.endpoint_destroy = subject_endpoint_destroy,
	.send = subject_send,
	.doorbell_create = subject_doorbell_create,
	.doorbell_destroy = subject_doorbell_destroy,
	.doorbell_notify = subject_doorbell_notify,
	.subscribe = subject_subscribe,
	.unsubscribe = subject_unsubscribe,
	.pair_alloc = subject_pair_alloc,
	.pair_detach = subject_pair_detach,
	.enqueue = subject_enqueue,
	.dequeue = subject_dequeue,
	.peek = subject_peek,
	.enqueuev = subject_enqueuev,
	.dequeuev = subject_dequeuev,
	.peekv = subject_peekv,
	.produce_free = subject_produce_free,
	.produce_ready = subject_produce_ready,
	.consume_free = subject_consume_free,
	.consume_ready = subject_consume_ready,
	.produce_indexes = subject_produce_indexes,
	.consume_indexes = subject_consume_indexes,
};

/* ---- A program on the host, whose rings are these pages. */

#define HOST_RING_BYTES	262144
#define HOST_BYTES	(16 * HOST_RING_BYTES)
#define HOST_CHUNK	10007

static DECLARE_COMPLETION(host_rang);

static void host_ring(void *argument)
{
	complete(&host_rang);
}

static u8 host_byte(u64 at)
{
	return at ^ at >> 8;
}

/* False if a byte is another, or nothing happens any more. */
static bool host_echoes(struct vmci_qp *pair, struct vmci_handle bell,
			u8 *buffer)
{
	u64 sent = 0, came = 0, before, i;
	ssize_t n;

	while (came < HOST_BYTES) {
		before = sent + came;
		n = min_t(u64, HOST_CHUNK, HOST_BYTES - sent);
		for (i = 0; i < n; i++)
			buffer[i] = host_byte(sent + i);
		if (n > 0)
			n = vmci_qpair_enqueue(pair, buffer, n, 0);
		sent += n > 0 ? n : 0;
		n = vmci_qpair_dequeue(pair, buffer, HOST_CHUNK, 0);
		for (i = 0; n > 0 && i < n; i++)
			if (buffer[i] != host_byte(came + i))
				return false;
		came += n > 0 ? n : 0;
		if (sent + came != before)
			vmci_doorbell_notify(bell, VMCI_NO_PRIVILEGE_FLAGS);
		else if (!wait_for_completion_timeout(&host_rang, 30 * HZ))
			return false;
	}
	return true;
}

static bool host_case(u8 *buffer)
{
	struct vmci_handle bell = vmci_make_handle(VMCI_HOST_CONTEXT_ID, host);
	struct vmci_handle own = vmci_make_handle(vmci_get_context_id(), host);
	struct vmci_handle name = bell;
	struct vmci_qp *pair;
	bool good = false;

	if (vmci_doorbell_create(&own, 0, VMCI_NO_PRIVILEGE_FLAGS, host_ring,
				 NULL) < 0)
		return false;
	if (vmci_qpair_alloc(&pair, &name, HOST_RING_BYTES, HOST_RING_BYTES,
			     VMCI_HOST_CONTEXT_ID, 0,
			     VMCI_NO_PRIVILEGE_FLAGS) >= 0) {
		good = host_echoes(pair, bell, buffer);
		vmci_qpair_detach(&pair);
	}
	vmci_doorbell_destroy(own);
	return good;
}

static int host_run(void)
{
	u8 *buffer = kmalloc(HOST_CHUNK, GFP_KERNEL);
	const bool good = buffer && host_case(buffer);

	pr_info("%sok 1 - kernel.host_pair: the host sends back what it is sent\n",
		good ? "" : "not ");
	kfree(buffer);
	return good ? 0 : -EIO;
}

/* ---- A pair of which the device must be told more pages than DMA takes. */

static bool large_case(void)
{
	struct vmci_handle name = VMCI_INVALID_HANDLE;
	const u64 bytes = (u64)large << 20;
	struct vmci_qp *pair = NULL;
	int status;

	status = vmci_qpair_alloc(&pair, &name, bytes, bytes,
				  VMCI_HOST_CONTEXT_ID, 0,
				  VMCI_NO_PRIVILEGE_FLAGS);
	if (large_refused)
		return status == VMCI_ERROR_PAYLOAD_TOO_LARGE;
	return status >= 0 &&
	       vmci_qpair_produce_free_space(pair) == bytes - 1 &&
	       vmci_qpair_enqueue(pair, &bytes, sizeof(bytes), 0) ==
	       sizeof(bytes) && vmci_qpair_detach(&pair) >= 0;
}

static int large_run(void)
{
	const bool good = large_case();

	pr_info("%sok 1 - kernel.large_pair: two rings of %d MiB%s\n",
		good ? "" : "not ", large, large_refused ? " are refused" : "");
	return good ? 0 : -EIO;
}

/* ---- What is no pair, and no place to put an answer. */

static bool nothing_case(void)
{
	struct vmci_handle name = VMCI_INVALID_HANDLE;
	struct kvec piece = { .iov_base = &name, .iov_len = sizeof(name) };
	struct msghdr message = { };
	struct vmci_qp *none = NULL;
	u64 index;
	s64 answers[15];
	int i;

	iov_iter_kvec(&message.msg_iter, ITER_DEST, &piece, 1, sizeof(name));
	answers[0] = vmci_qpair_alloc(NULL, &name, 4096, 4096,
				      VMCI_HOST_CONTEXT_ID, 0, 0);
	answers[1] = vmci_qpair_alloc(&none, NULL, 4096, 4096,
				      VMCI_HOST_CONTEXT_ID, 0, 0);
	answers[2] = vmci_qpair_detach(&none);
	answers[3] = vmci_qpair_get_produce_indexes(NULL, &index, &index);
	answers[4] = vmci_qpair_get_consume_indexes(NULL, &index, &index);
	answers[5] = vmci_qpair_produce_free_space(NULL);
	answers[6] = vmci_qpair_consume_free_space(NULL);
	answers[7] = vmci_qpair_produce_buf_ready(NULL);
	answers[8] = vmci_qpair_consume_buf_ready(NULL);
	answers[9] = vmci_qpair_enqueue(NULL, &index, sizeof(index), 0);
	answers[10] = vmci_qpair_dequeue(NULL, &index, sizeof(index), 0);
	answers[11] = vmci_qpair_peek(NULL, &index, sizeof(index), 0);
	answers[12] = vmci_qpair_dequev(NULL, &message, sizeof(name), 0);
	answers[13] = vmci_qpair_peekv(NULL, &message, sizeof(name), 0);
	answers[14] = vmci_qpair_detach(NULL);
	for (i = 0; i < ARRAY_SIZE(answers); i++)
		if (answers[i] != VMCI_ERROR_INVALID_ARGS) {
			pr_info("# nothing %d: %lld\n", i, answers[i]);
			return false;
		}
	iov_iter_kvec(&message.msg_iter, ITER_SOURCE, &piece, 1, sizeof(name));
	return vmci_qpair_enquev(NULL, &message, sizeof(name), 0) ==
	       VMCI_ERROR_INVALID_ARGS;
}

static int nothing_run(void)
{
	const bool good = nothing_case();

	pr_info("%sok 1 - kernel.nothing: no pair is INVALID_ARGS\n",
		good ? "" : "not ");
	return good ? 0 : -EIO;
}

static int __init subject_init(void)
{
	static const struct conform_subject subject = {
		.name = "kernel",
		.own = &subject_verbs,
		.reaches_itself = true,
		.wait = subject_wait,
		.print = subject_print,
	};

	if (conform_run(&subject, only))
		return -EIO;
	if (!only && nothing_run())
		return -EIO;
	if (large && large_run())
		return -EIO;
	return host ? host_run() : 0;
}

static void __exit subject_exit(void)
{
}

module_init(subject_init);
module_exit(subject_exit);

MODULE_DESCRIPTION("VMCI's behaviour as cases, over the loaded vmw_vmci");
MODULE_LICENSE("Dual BSD/GPL");
