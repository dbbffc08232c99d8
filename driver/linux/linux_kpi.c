// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel interface of VMCI, as <linux/vmw_vmci_api.h> declares it, on top of
 * driver/core.  The only file that sees those headers.
 *
 * The vector calls take a struct msghdr, and genksyms looks into it: the
 * includes are those whose types it must know for the stock checksums
 * (tests/kernel compares all of them).
 */
#include <linux/vmw_vmci_defs.h>
#include <linux/vmw_vmci_api.h>
#include <linux/highmem.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/vmalloc.h>
#include <linux/skbuff.h>
#include <linux/xarray.h>

#include "linux_driver.h"

/* ---- Both vocabularies say the same. */

#define SAME(ours, theirs) \
	static_assert((long long)(ours) == (long long)(theirs), #theirs)
#define SAME_SIZE(ours, theirs) SAME(sizeof(ours), sizeof(theirs))
#define SAME_AT(ours, member, theirs, their_member) \
	SAME(offsetof(ours, member), offsetof(theirs, their_member))

SAME(VQP_ERROR_INVALID_RESOURCE, VMCI_ERROR_INVALID_RESOURCE);
SAME(VQP_ERROR_INVALID_ARGS, VMCI_ERROR_INVALID_ARGS);
SAME(VQP_ERROR_NO_MEM, VMCI_ERROR_NO_MEM);
SAME(VQP_ERROR_NO_ACCESS, VMCI_ERROR_NO_ACCESS);
SAME(VQP_ERROR_NO_HANDLE, VMCI_ERROR_NO_HANDLE);
SAME(VQP_ERROR_DST_UNREACHABLE, VMCI_ERROR_DST_UNREACHABLE);
SAME(VQP_ERROR_PAYLOAD_TOO_LARGE, VMCI_ERROR_PAYLOAD_TOO_LARGE);
SAME(VQP_ERROR_NO_RESOURCES, VMCI_ERROR_NO_RESOURCES);
SAME(VQP_ERROR_UNAVAILABLE, VMCI_ERROR_UNAVAILABLE);
SAME(VQP_ERROR_NOT_FOUND, VMCI_ERROR_NOT_FOUND);
SAME(VQP_ERROR_ALREADY_EXISTS, VMCI_ERROR_ALREADY_EXISTS);
SAME(VQP_ERROR_INVALID_SIZE, VMCI_ERROR_INVALID_SIZE);
SAME(VQP_ERROR_TIMEOUT, VMCI_ERROR_TIMEOUT);
SAME(VQP_ERROR_MISMATCH, VMCI_ERROR_QUEUEPAIR_MISMATCH);
SAME(VQP_ERROR_NO_SPACE, VMCI_ERROR_QUEUEPAIR_NOSPACE);
SAME(VQP_ERROR_NO_DATA, VMCI_ERROR_QUEUEPAIR_NODATA);
SAME(VQP_DATAGRAM_WELL_KNOWN, VMCI_FLAG_WELLKNOWN_DG_HND);
SAME(VQP_DATAGRAM_ANY_CONTEXT, VMCI_FLAG_ANYCID_DG_HND);
SAME(VQP_DATAGRAM_DELAYED, VMCI_FLAG_DG_DELAYED_CB);
SAME(VQP_DOORBELL_DELAYED, VMCI_FLAG_DELAYED_CB);
SAME(VQP_QPAIR_ATTACH_ONLY, VMCI_QPFLAG_ATTACH_ONLY);
SAME(VQP_QPAIR_LOCAL, VMCI_QPFLAG_LOCAL);
SAME(VQP_PRIVILEGE_ALL, VMCI_PRIVILEGE_ALL_FLAGS);
SAME(VQP_EVENT_QP_PEER_DETACH, VMCI_EVENT_QP_PEER_DETACH);
SAME(VQP_EVENT_QP_RESUMED, VMCI_EVENT_QP_RESUMED);
SAME_SIZE(struct vqp_handle, struct vmci_handle);
SAME_AT(struct vqp_handle, resource, struct vmci_handle, resource);
SAME_SIZE(struct vqp_datagram, struct vmci_datagram);
SAME_AT(struct vqp_datagram, src, struct vmci_datagram, src);
SAME_AT(struct vqp_datagram, payload_size, struct vmci_datagram, payload_size);
SAME_SIZE(struct vqp_queue_header, struct vmci_queue_header);
SAME_AT(struct vqp_queue_header, producer_tail, struct vmci_queue_header,
	producer_tail);
SAME_AT(struct vqp_queue_header, consumer_head, struct vmci_queue_header,
	consumer_head);
SAME_SIZE(struct vqp_event_data, struct vmci_event_data_max);

/* Opaque to clients: one side of a pair of the core. */
struct vmci_qp {
	struct vqp_qpair qpair;
};

static struct vqp_handle ours(struct vmci_handle handle)
{
	return (struct vqp_handle){ handle.context, handle.resource };
}

static struct vmci_handle theirs(struct vqp_handle handle)
{
	return (struct vmci_handle){ handle.context, handle.resource };
}

/* ---- Datagrams.  Their receiver returns a number that nobody reads. */

struct linux_receiver {
	vmci_datagram_recv_cb receive;
	void *data;
};

/* By resource id. */
static DEFINE_XARRAY(linux_receivers);

static void linux_receive(void *argument, const struct vqp_datagram *datagram)
{
	const struct linux_receiver *receiver = argument;

	/* The receiver may write to it: it is a copy that nobody else reads. */
	receiver->receive(receiver->data, (struct vmci_datagram *)datagram);
}

int vmci_datagram_create_handle_priv(u32 resource_id, u32 flags,
				     u32 priv_flags,
				     vmci_datagram_recv_cb recv_cb,
				     void *client_data,
				     struct vmci_handle *out_handle)
{
	struct vqp_endpoint_options options = {
		.resource = resource_id,
		.flags = flags,
		.privilege = priv_flags,
		.receive = linux_receive,
	};
	struct linux_receiver *receiver;
	struct vqp_handle handle;
	int status;

	if (!out_handle || !recv_cb)
		return VMCI_ERROR_INVALID_ARGS;
	receiver = kmalloc(sizeof(*receiver), GFP_KERNEL);
	if (!receiver)
		return VMCI_ERROR_NO_MEM;
	receiver->receive = recv_cb;
	receiver->data = client_data;
	options.argument = receiver;
	handle = (struct vqp_handle){ VMCI_INVALID_ID, resource_id };
	status = vqp_core_endpoint_create(vqp_linux.core, &options, &handle);
	vqp_linux_trace_endpoint_create(handle, status);
	if (status < 0) {
		kfree(receiver);
		return status;
	}
	if (xa_err(xa_store(&linux_receivers, handle.resource, receiver,
			    GFP_KERNEL))) {
		vqp_core_endpoint_destroy(vqp_linux.core, handle);
		kfree(receiver);
		return VMCI_ERROR_NO_MEM;
	}
	*out_handle = theirs(handle);
	return VMCI_SUCCESS;
}
EXPORT_SYMBOL_GPL(vmci_datagram_create_handle_priv);

int vmci_datagram_create_handle(u32 resource_id, u32 flags,
				vmci_datagram_recv_cb recv_cb,
				void *client_data,
				struct vmci_handle *out_handle)
{
	return vmci_datagram_create_handle_priv(resource_id, flags,
						VMCI_DEFAULT_PROC_PRIVILEGE_FLAGS,
						recv_cb, client_data,
						out_handle);
}
EXPORT_SYMBOL_GPL(vmci_datagram_create_handle);

int vmci_datagram_destroy_handle(struct vmci_handle handle)
{
	/* First, because a new endpoint may get the id after the destroy. */
	struct linux_receiver *receiver = xa_erase(&linux_receivers,
						   handle.resource);
	int status;

	if (!receiver)
		return VMCI_ERROR_NOT_FOUND;
	status = vqp_core_endpoint_destroy(vqp_linux.core, ours(handle));
	vqp_linux_trace_endpoint_destroy(ours(handle), status);
	kfree(receiver);
	return status;
}
EXPORT_SYMBOL_GPL(vmci_datagram_destroy_handle);

int vmci_datagram_send(struct vmci_datagram *msg)
{
	return vqp_core_send(vqp_linux.core, (struct vqp_datagram *)msg,
			     msg + 1);
}
EXPORT_SYMBOL_GPL(vmci_datagram_send);

int vmci_send_datagram(struct vmci_datagram *dg)
{
	return vqp_core_hypercall(vqp_linux.core, (struct vqp_datagram *)dg,
				  dg + 1);
}
EXPORT_SYMBOL_GPL(vmci_send_datagram);

/* ---- Contexts. */

u32 vmci_get_context_id(void)
{
	return vqp_core_context_id(vqp_linux.core);
}
EXPORT_SYMBOL_GPL(vmci_get_context_id);

/* In a guest no context belongs to another user, and none has privileges. */
bool vmci_is_context_owner(u32 context_id, kuid_t uid)
{
	return false;
}
EXPORT_SYMBOL_GPL(vmci_is_context_owner);

u32 vmci_context_get_priv_flags(u32 context_id)
{
	return VMCI_NO_PRIVILEGE_FLAGS;
}
EXPORT_SYMBOL_GPL(vmci_context_get_priv_flags);

static DEFINE_MUTEX(linux_vsock_mutex);
static vmci_vsock_cb linux_vsock;

static void linux_vsock_call(void)
{
	if (linux_vsock && vqp_linux.ready)
		linux_vsock(false);
}

void vqp_linux_ready(bool ready)
{
	mutex_lock(&linux_vsock_mutex);
	vqp_linux.ready = ready;
	linux_vsock_call();
	mutex_unlock(&linux_vsock_mutex);
}

int vmci_register_vsock_callback(vmci_vsock_cb callback)
{
	int status = 0;

	mutex_lock(&linux_vsock_mutex);
	if (callback && linux_vsock) {
		status = -EBUSY;
	} else {
		linux_vsock = callback;
		linux_vsock_call();
	}
	mutex_unlock(&linux_vsock_mutex);
	return status;
}
EXPORT_SYMBOL_GPL(vmci_register_vsock_callback);

/* ---- Doorbells. */

int vmci_doorbell_create(struct vmci_handle *handle, u32 flags, u32 priv_flags,
			 vmci_callback notify_cb, void *client_data)
{
	struct vqp_doorbell_options options = {
		.flags = flags,
		.privilege = priv_flags,
		.ring = notify_cb,
		.argument = client_data,
	};
	struct vqp_handle name;
	int status;

	if (!handle)
		return VMCI_ERROR_INVALID_ARGS;
	name = ours(*handle);
	status = vqp_core_doorbell_create(vqp_linux.core, &options, &name);
	vqp_linux_trace_doorbell_create(name, status);
	if (status >= 0)
		*handle = theirs(name);
	return status;
}
EXPORT_SYMBOL_GPL(vmci_doorbell_create);

int vmci_doorbell_destroy(struct vmci_handle handle)
{
	int status = vqp_core_doorbell_destroy(vqp_linux.core, ours(handle));

	vqp_linux_trace_doorbell_destroy(ours(handle), status);
	return status;
}
EXPORT_SYMBOL_GPL(vmci_doorbell_destroy);

int vmci_doorbell_notify(struct vmci_handle handle, u32 priv_flags)
{
	return vqp_core_doorbell_notify(vqp_linux.core, ours(handle),
					priv_flags);
}
EXPORT_SYMBOL_GPL(vmci_doorbell_notify);

/* ---- Events. */

struct linux_teller {
	vmci_event_cb tell;
	void *data;
};

static void linux_tell(uint32_t id, const struct vqp_event_data *data,
		       const struct vqp_qpair *origin, void *argument)
{
	const struct linux_teller *teller = argument;

	teller->tell(id, (const struct vmci_event_data *)data, teller->data);
}

/* Several threads may deliver an event when one of them unsubscribes. */
static void linux_told(void *teller)
{
	kfree(teller);
}

int vmci_event_subscribe(u32 event, vmci_event_cb callback,
			 void *callback_data, u32 *subid)
{
	struct linux_teller *teller;
	int status;

	if (!subid || !callback)
		return VMCI_ERROR_INVALID_ARGS;
	teller = kmalloc(sizeof(*teller), GFP_KERNEL);
	if (!teller)
		return VMCI_ERROR_NO_MEM;
	teller->tell = callback;
	teller->data = callback_data;
	status = vqp_core_event_subscribe_owned(vqp_linux.core, event,
						linux_tell, linux_told, teller,
						subid);
	if (status < 0)
		kfree(teller);
	return status;
}
EXPORT_SYMBOL_GPL(vmci_event_subscribe);

int vmci_event_unsubscribe(u32 subid)
{
	return vqp_core_event_unsubscribe(vqp_linux.core, subid);
}
EXPORT_SYMBOL_GPL(vmci_event_unsubscribe);

/* Endpoints that a client did not destroy before it was unloaded. */
void vqp_linux_kpi_fini(void)
{
	struct linux_receiver *receiver;
	unsigned long id;

	xa_for_each(&linux_receivers, id, receiver)
		vmci_datagram_destroy_handle(vmci_make_handle(VMCI_INVALID_ID,
							      id));
	xa_destroy(&linux_receivers);
}

/* ---- Queue pairs. */

int vmci_qpair_alloc(struct vmci_qp **qpair, struct vmci_handle *handle,
		     u64 produce_qsize, u64 consume_qsize, u32 peer, u32 flags,
		     u32 priv_flags)
{
	struct vqp_qpair_options options = {
		.produce_bytes = produce_qsize,
		.consume_bytes = consume_qsize,
		.peer = peer,
		.flags = flags,
		.privilege = priv_flags,
	};
	struct vqp_qpair *made;
	struct vqp_handle name;
	int status;

	if (!qpair || !handle)
		return VMCI_ERROR_INVALID_ARGS;
	name = ours(*handle);
	status = vqp_core_qpair_alloc(vqp_linux.core, &options, &name, &made);
	vqp_linux_trace_qpair_alloc(name, &options, status);
	if (status < 0)
		return status;
	*handle = theirs(name);
	*qpair = container_of(made, struct vmci_qp, qpair);
	return VMCI_SUCCESS;
}
EXPORT_SYMBOL_GPL(vmci_qpair_alloc);

int vmci_qpair_detach(struct vmci_qp **qpair)
{
	struct vqp_qpair *mine;
	struct vqp_handle name;
	int status;

	if (!qpair || !*qpair)
		return VMCI_ERROR_INVALID_ARGS;
	mine = &(*qpair)->qpair;
	*qpair = NULL;
	name = vqp_core_qpair_handle(mine);
	status = vqp_core_qpair_detach(vqp_linux.core, &mine);
	vqp_linux_trace_qpair_detach(name, status);
	return status;
}
EXPORT_SYMBOL_GPL(vmci_qpair_detach);

/* The API's queries take a const pair; ours may mark the pair broken. */
static struct vqp_pair *pair_of(const struct vmci_qp *qpair)
{
	return (struct vqp_pair *)&qpair->qpair.pair;
}

int vmci_qpair_get_produce_indexes(const struct vmci_qp *qpair,
				   u64 *producer_tail, u64 *consumer_head)
{
	if (!qpair)
		return VMCI_ERROR_INVALID_ARGS;
	return vqp_pair_produce_indexes(pair_of(qpair), producer_tail,
					consumer_head);
}
EXPORT_SYMBOL_GPL(vmci_qpair_get_produce_indexes);

int vmci_qpair_get_consume_indexes(const struct vmci_qp *qpair,
				   u64 *consumer_tail, u64 *producer_head)
{
	if (!qpair)
		return VMCI_ERROR_INVALID_ARGS;
	return vqp_pair_consume_indexes(pair_of(qpair), consumer_tail,
					producer_head);
}
EXPORT_SYMBOL_GPL(vmci_qpair_get_consume_indexes);

s64 vmci_qpair_produce_free_space(const struct vmci_qp *qpair)
{
	return qpair ? vqp_pair_produce_free(pair_of(qpair)) :
		       VMCI_ERROR_INVALID_ARGS;
}
EXPORT_SYMBOL_GPL(vmci_qpair_produce_free_space);

s64 vmci_qpair_consume_free_space(const struct vmci_qp *qpair)
{
	return qpair ? vqp_pair_consume_free(pair_of(qpair)) :
		       VMCI_ERROR_INVALID_ARGS;
}
EXPORT_SYMBOL_GPL(vmci_qpair_consume_free_space);

s64 vmci_qpair_produce_buf_ready(const struct vmci_qp *qpair)
{
	return qpair ? vqp_pair_produce_ready(pair_of(qpair)) :
		       VMCI_ERROR_INVALID_ARGS;
}
EXPORT_SYMBOL_GPL(vmci_qpair_produce_buf_ready);

/*
 * Clients read the bytes that a departed peer left.  After those, the event
 * tells them that the peer is gone; they take an error here for a damaged pair.
 */
s64 vmci_qpair_consume_buf_ready(const struct vmci_qp *qpair)
{
	struct vqp_pair *pair;
	s64 ready;

	if (!qpair)
		return VMCI_ERROR_INVALID_ARGS;
	pair = pair_of(qpair);
	ready = vqp_pair_consume_ready(pair);
	if (ready < 0 && vqp_load_relaxed(&pair->rx.broken) == VQP_BROKEN_LOST)
		return 0;
	return ready;
}
EXPORT_SYMBOL_GPL(vmci_qpair_consume_buf_ready);

/*
 * Clients notify the peer of bytes and of space by datagrams.  The peer must
 * then find them, so nothing is published lazily here.
 */
ssize_t vmci_qpair_enqueue(struct vmci_qp *qpair, const void *buf,
			   size_t buf_size, int mode)
{
	if (!qpair || !buf)
		return VMCI_ERROR_INVALID_ARGS;
	return vqp_pair_enqueue(pair_of(qpair), buf, buf_size);
}
EXPORT_SYMBOL_GPL(vmci_qpair_enqueue);

ssize_t vmci_qpair_dequeue(struct vmci_qp *qpair, void *buf, size_t buf_size,
			   int mode)
{
	ssize_t n;

	if (!qpair || !buf)
		return VMCI_ERROR_INVALID_ARGS;
	n = vqp_pair_dequeue(pair_of(qpair), buf, buf_size);
	if (n > 0)
		vqp_rx_publish(&pair_of(qpair)->rx);
	return n;
}
EXPORT_SYMBOL_GPL(vmci_qpair_dequeue);

ssize_t vmci_qpair_peek(struct vmci_qp *qpair, void *buf, size_t buf_size,
			int mode)
{
	if (!qpair || !buf)
		return VMCI_ERROR_INVALID_ARGS;
	return vqp_pair_peek(pair_of(qpair), buf, buf_size);
}
EXPORT_SYMBOL_GPL(vmci_qpair_peek);

/*
 * Spans lie in a mapping of ours.  copy_from_iter() would search for it among
 * all mappings of the kernel, under a lock that all processors share, so here
 * it is _copy_from_iter(), and not for a second span of nothing.
 */
ssize_t vmci_qpair_enquev(struct vmci_qp *qpair, struct msghdr *msg,
			  size_t iov_size, int mode)
{
	struct vqp_span span[2];
	size_t copied, want;
	ssize_t n;

	if (!qpair || !msg)
		return VMCI_ERROR_INVALID_ARGS;
	want = msg_data_left(msg);
	if (!want)
		return vqp_pair_enqueuev(pair_of(qpair), NULL, 0);
	n = vqp_tx_reserve(&pair_of(qpair)->tx, want, span);
	if (n < 0)
		return n;
	copied = _copy_from_iter(span[0].base, span[0].length, &msg->msg_iter);
	if (span[1].length > 0)
		copied += _copy_from_iter(span[1].base, span[1].length,
					  &msg->msg_iter);
	if (copied != n) {
		/* A message that was copied in part is not sent. */
		iov_iter_revert(&msg->msg_iter, copied);
		return VMCI_ERROR_INVALID_ARGS;
	}
	vqp_tx_commit(&pair_of(qpair)->tx, n);
	return n;
}
EXPORT_SYMBOL_GPL(vmci_qpair_enquev);

/* Copy the whole readable span to the caller, or nothing. */
static ssize_t linux_peek(struct vmci_qp *qpair, struct msghdr *msg)
{
	struct vqp_span span[2];
	size_t copied, want;
	ssize_t n;

	if (!qpair || !msg)
		return VMCI_ERROR_INVALID_ARGS;
	want = msg_data_left(msg);
	if (!want)
		return vqp_pair_peekv(pair_of(qpair), NULL, 0);
	n = vqp_rx_peek(&pair_of(qpair)->rx, want, span);
	if (n < 0)
		return n;
	copied = _copy_to_iter(span[0].base, span[0].length, &msg->msg_iter);
	if (span[1].length > 0)
		copied += _copy_to_iter(span[1].base, span[1].length,
					&msg->msg_iter);
	if (copied != n) {
		iov_iter_revert(&msg->msg_iter, copied);
		return VMCI_ERROR_INVALID_ARGS;
	}
	return n;
}

ssize_t vmci_qpair_dequev(struct vmci_qp *qpair, struct msghdr *msg,
			  size_t iov_size, int mode)
{
	ssize_t n = linux_peek(qpair, msg);

	if (n > 0)
		vqp_rx_release(&pair_of(qpair)->rx, n);
	return n;
}
EXPORT_SYMBOL_GPL(vmci_qpair_dequev);

ssize_t vmci_qpair_peekv(struct vmci_qp *qpair, struct msghdr *msg,
			 size_t iov_size, int mode)
{
	return linux_peek(qpair, msg);
}
EXPORT_SYMBOL_GPL(vmci_qpair_peekv);
