// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A client of vmw_vmci that stays while the device sleeps, goes and comes: a
 * doorbell, an endpoint, a pair with the host and one with itself.
 *
 *	/sys/module/vmci_resident/parameters/check	write: all of it works
 *	/sys/module/vmci_resident/parameters/seen	events: attached detached
 *							resumed
 *	bells=0			it has no doorbell
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vmw_vmci_api.h>
#include <linux/vmw_vmci_defs.h>

#define RESIDENT_BYTES	8192
#define RESIDENT_HOST	2

static struct vmci_handle resident_bell, resident_end, resident_name;
static struct vmci_qp *resident_host, *resident_local[2];
static u32 resident_subscription[3];
static atomic_t resident_seen[3], resident_told;
static struct vmci_handle resident_host_name;
static DECLARE_COMPLETION(resident_rung);
static DECLARE_COMPLETION(resident_got);

static const u32 resident_events[3] = {
	VMCI_EVENT_QP_PEER_ATTACH,
	VMCI_EVENT_QP_PEER_DETACH,
	VMCI_EVENT_QP_RESUMED,
};

static bool resident_has_bell = true;
module_param_named(bells, resident_has_bell, bool, 0444);

static const char resident_text[] = "said before and read after";

static void resident_ring(void *unused)
{
	complete(&resident_rung);
}

static int resident_receive(void *unused, struct vmci_datagram *datagram)
{
	complete(&resident_got);
	return VMCI_SUCCESS;
}

static void resident_tell(u32 id, const struct vmci_event_data *data,
			  void *seen)
{
	const struct vmci_event_payload_qp *lost =
		vmci_event_data_const_payload(data);

	atomic_inc(seen);
	if (data->event == VMCI_EVENT_QP_PEER_DETACH &&
	    vmci_handle_is_equal(lost->handle, resident_host_name))
		atomic_inc(&resident_told);
}

/* A doorbell of ours that we ring, and a datagram to ourselves. */
static int resident_reach(void)
{
	struct vmci_datagram self = {
		.dst = vmci_make_handle(vmci_get_context_id(),
					resident_end.resource),
		.src = resident_end,
	};
	int status;

	if (resident_has_bell) {
		reinit_completion(&resident_rung);
		status = vmci_doorbell_notify(resident_bell, 0);
		if (status < 0)
			return status;
		if (!wait_for_completion_timeout(&resident_rung, 10 * HZ))
			return VMCI_ERROR_TIMEOUT;
	}
	reinit_completion(&resident_got);
	status = vmci_datagram_send(&self);
	if (status < 0)
		return status;
	if (!wait_for_completion_timeout(&resident_got, 10 * HZ))
		return VMCI_ERROR_TIMEOUT;
	return VMCI_SUCCESS;
}

/* What one end said last time, then the same for the next. */
static int resident_talk(void)
{
	char text[sizeof(resident_text)];

	if (vmci_qpair_dequeue(resident_local[1], text, sizeof(text), 0) !=
	    sizeof(text) || memcmp(text, resident_text, sizeof(text)))
		return VMCI_ERROR_QUEUEPAIR_NODATA;
	if (vmci_qpair_enqueue(resident_local[0], resident_text,
			       sizeof(text), 0) != sizeof(text))
		return VMCI_ERROR_QUEUEPAIR_NOSPACE;
	return VMCI_SUCCESS;
}

static int resident_pair(struct vmci_qp **pair, struct vmci_handle *name,
			 u32 peer, u32 flags)
{
	return vmci_qpair_alloc(pair, name, RESIDENT_BYTES, RESIDENT_BYTES,
				peer, flags, VMCI_NO_PRIVILEGE_FLAGS);
}

static unsigned int resident_renewed;

/* One that was lost says so, and there can be another. */
static int resident_renew(void)
{
	struct vmci_handle name = VMCI_INVALID_HANDLE;
	int status;

	if (resident_host &&
	    vmci_qpair_produce_free_space(resident_host) >= 0)
		return VMCI_SUCCESS;
	if (resident_host) {
		resident_renewed++;
		vmci_qpair_detach(&resident_host);
	}
	status = resident_pair(&resident_host, &name, RESIDENT_HOST, 0);
	resident_host_name = name;
	return status;
}

static int resident_check(const char *value, const struct kernel_param *param)
{
	int reach = resident_reach(), talk = resident_talk();
	int renew = resident_renew();

	if (reach >= 0 && talk >= 0 && renew >= 0)
		return 0;
	pr_info("vmci_resident: reach %d, talk %d, renew %d\n", reach, talk,
		renew);
	return -EIO;
}

static const struct kernel_param_ops resident_check_ops = {
	.set = resident_check,
};
module_param_cb(check, &resident_check_ops, NULL, 0200);

static int resident_seen_show(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d %d %d %u %d\n",
			  atomic_read(&resident_seen[0]),
			  atomic_read(&resident_seen[1]),
			  atomic_read(&resident_seen[2]), resident_renewed,
			  atomic_read(&resident_told));
}

static const struct kernel_param_ops resident_seen_ops = {
	.get = resident_seen_show,
};
module_param_cb(seen, &resident_seen_ops, NULL, 0444);

static void resident_end_all(void)
{
	int i;

	for (i = 0; i < 2; i++)
		if (resident_local[i])
			vmci_qpair_detach(&resident_local[i]);
	if (resident_host)
		vmci_qpair_detach(&resident_host);
	for (i = 0; i < 3; i++)
		if (resident_subscription[i])
			vmci_event_unsubscribe(resident_subscription[i]);
	if (!vmci_handle_is_invalid(resident_bell))
		vmci_doorbell_destroy(resident_bell);
	if (!vmci_handle_is_invalid(resident_end))
		vmci_datagram_destroy_handle(resident_end);
}

static int resident_begin_all(void)
{
	u32 self = vmci_get_context_id();
	int status, i;

	if (resident_has_bell) {
		status = vmci_doorbell_create(&resident_bell,
					      VMCI_FLAG_DELAYED_CB,
					      VMCI_NO_PRIVILEGE_FLAGS,
					      resident_ring, NULL);
		if (status < 0)
			return status;
	}
	status = vmci_datagram_create_handle(VMCI_INVALID_ID, 0,
					     resident_receive, NULL,
					     &resident_end);
	if (status < 0)
		return status;
	for (i = 0; i < 3; i++) {
		status = vmci_event_subscribe(resident_events[i],
					      resident_tell,
					      &resident_seen[i],
					      &resident_subscription[i]);
		if (status < 0)
			return status;
	}
	status = resident_pair(&resident_local[0], &resident_name, self,
			       VMCI_QPFLAG_LOCAL);
	if (status < 0)
		return status;
	status = resident_pair(&resident_local[1], &resident_name, self,
			       VMCI_QPFLAG_LOCAL);
	if (status < 0)
		return status;
	vmci_qpair_enqueue(resident_local[0], resident_text,
			   sizeof(resident_text), 0);
	return resident_renew();
}

static int __init resident_init(void)
{
	int status;

	resident_bell = resident_end = resident_name = VMCI_INVALID_HANDLE;
	status = resident_begin_all();
	if (status >= 0)
		return 0;
	pr_info("vmci_resident: %d\n", status);
	resident_end_all();
	return -EIO;
}

static void __exit resident_exit(void)
{
	resident_end_all();
}

module_init(resident_init);
module_exit(resident_exit);

MODULE_DESCRIPTION("A client of vmw_vmci that outlives its device");
MODULE_LICENSE("Dual BSD/GPL");
