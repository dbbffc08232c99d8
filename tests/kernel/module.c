/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The engine inside a Linux module: a pair whose two queues are the same one,
 * so that it answers itself.  Built by tests/kernel/run; nothing loads it.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include <vqp/pair.h>
#include <vqp/status.h>

#define RING_BYTES 4096

static int64_t
copy_through(struct vqp_pair *pair)
{
	static const char sent[] = "through the ring";
	char received[sizeof(sent)];
	int64_t n;

	n = vqp_pair_send(pair, sent, sizeof(sent));
	if (n < 0)
		return n;
	return vqp_pair_receive(pair, received, sizeof(received));
}

static int64_t
pass_in_place(struct vqp_pair *pair)
{
	struct vqp_span span[2];
	int64_t n;

	n = vqp_tx_reserve(&pair->tx, 64, span);
	if (n < 0)
		return n;
	memset(span[0].base, 0x5a, span[0].length);
	if (!vqp_tx_commit_edge(&pair->tx, (uint64_t)n))
		return VQP_ERROR_GENERIC;
	n = vqp_rx_peek(&pair->rx, 64, span);
	if (n < 0)
		return n;
	vqp_rx_release(&pair->rx, (uint64_t)n);
	return vqp_rx_may_sleep(&pair->rx) ? n : VQP_ERROR_GENERIC;
}

static int __init
module_start(void)
{
	const struct vqp_handle handle = { 0, VQP_INVALID_ID };
	struct vqp_pair_config config = { .handle = handle };
	struct vqp_pair *pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	void *header = kzalloc(PAGE_SIZE, GFP_KERNEL);
	void *data = kzalloc(RING_BYTES, GFP_KERNEL);
	int64_t n = VQP_ERROR_NO_MEM;

	if (pair == NULL || header == NULL || data == NULL)
		goto out;
	vqp_queue_header_init(header, handle);
	config.produce.header = header;
	config.produce.data = data;
	config.produce.size = RING_BYTES;
	config.consume = config.produce;
	n = vqp_pair_attach(pair, &config);
	if (n == VQP_SUCCESS)
		n = copy_through(pair);
	if (n >= 0)
		n = pass_in_place(pair);
	pr_info("vqp: %s\n", n < 0 ? vqp_status_name(n) : "passed");
out:
	kfree(data);
	kfree(header);
	kfree(pair);
	return n < 0 ? -EIO : 0;
}

static void __exit
module_stop(void)
{
}

module_init(module_start);
module_exit(module_stop);
MODULE_DESCRIPTION("The vqp engine in a kernel");
MODULE_LICENSE("Dual BSD/GPL");
