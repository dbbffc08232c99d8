// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Memory runs out once, in a kernel that has no fault injection: of the
 * allocations made by vmw_vmci, or by the kernel for it, one fails.
 *
 *	/sys/module/vmci_failing/parameters/left	write N: the Nth from now
 *							on; 0: none.  read: how
 *							many it still takes
 *	/sys/module/vmci_failing/parameters/where	who made the last that
 *							failed
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#define FAILING_DEPTH	24

static DEFINE_SPINLOCK(failing_lock);
static int failing_left;
static atomic_t failing_spared;
static char failing_chain[1024], failing_where[1024];

/* Under failing_lock. */
static bool failing_is_ours(void)
{
	unsigned long chain[FAILING_DEPTH];
	unsigned int count = stack_trace_save(chain, FAILING_DEPTH, 0);
	unsigned int used = 0, i;

	for (i = 0; i < count; i++)
		used += scnprintf(failing_chain + used,
				  sizeof(failing_chain) - used, "%ps ",
				  (void *)chain[i]);
	return strstr(failing_chain, "[vmw_vmci]");
}

static bool failing_now(unsigned long argument)
{
	gfp_t how = (__force gfp_t)argument;
	unsigned long flags;
	bool fails = false;

	if (READ_ONCE(failing_left) <= 0 || !in_task() ||
	    how & __GFP_NOFAIL || atomic_read(&failing_spared))
		return false;
	spin_lock_irqsave(&failing_lock, flags);
	if (failing_left > 0 && failing_is_ours()) {
		fails = --failing_left == 0;
		if (fails)
			memcpy(failing_where, failing_chain,
			       sizeof(failing_where));
	}
	spin_unlock_irqrestore(&failing_lock, flags);
	return fails;
}

/* Of the kernel's two functions that may refuse, which argument says how. */
static int failing_slab(struct kretprobe_instance *call, struct pt_regs *regs)
{
	*(bool *)call->data = failing_now(regs_get_kernel_argument(regs, 1));
	return 0;
}

static int failing_page(struct kretprobe_instance *call, struct pt_regs *regs)
{
	*(bool *)call->data = failing_now(regs_get_kernel_argument(regs, 0));
	return 0;
}

static int failing_return(struct kretprobe_instance *call,
			  struct pt_regs *regs)
{
	if (*(bool *)call->data)
		regs_set_return_value(regs, 1);
	return 0;
}

static int failing_spare(struct kretprobe_instance *call,
			 struct pt_regs *regs)
{
	atomic_inc(&failing_spared);
	return 0;
}

static int failing_spare_no_more(struct kretprobe_instance *call,
				 struct pt_regs *regs)
{
	atomic_dec(&failing_spared);
	return 0;
}

#define ASKED(function, entry)				\
	{						\
		.kp.symbol_name = function,		\
		.entry_handler = entry,			\
		.handler = failing_return,		\
		.data_size = sizeof(bool),		\
		.maxactive = 64,			\
	}
#define SPARED(function)				\
	{						\
		.kp.symbol_name = function,		\
		.entry_handler = failing_spare,		\
		.handler = failing_spare_no_more,	\
	}

/* The last are of the kernel, which does not bear it or does not tell. */
static struct kretprobe failing_probes[] = {
	ASKED("should_failslab", failing_slab),
	ASKED("should_fail_alloc_page", failing_page),
	SPARED("acpi_pci_irq_enable"),
	SPARED("register_irq_proc"),
	SPARED("register_handler_proc"),
	SPARED("kobject_uevent_env"),
};

static int failing_set(const char *value, const struct kernel_param *param)
{
	unsigned long flags;
	int left, error = kstrtoint(value, 0, &left);

	if (error)
		return error;
	spin_lock_irqsave(&failing_lock, flags);
	failing_left = left;
	spin_unlock_irqrestore(&failing_lock, flags);
	return 0;
}

static const struct kernel_param_ops failing_ops = {
	.set = failing_set,
	.get = param_get_int,
};
module_param_cb(left, &failing_ops, &failing_left, 0600);

static int failing_tell(char *text, const struct kernel_param *param)
{
	return sprintf(text, "%s\n", failing_where);
}

static const struct kernel_param_ops failing_where_ops = {
	.get = failing_tell,
};
module_param_cb(where, &failing_where_ops, NULL, 0400);

static void failing_unregister(int count)
{
	while (count-- > 0)
		unregister_kretprobe(&failing_probes[count]);
}

static int __init failing_init(void)
{
	int error, i;

	for (i = 0; i < ARRAY_SIZE(failing_probes); i++) {
		error = register_kretprobe(&failing_probes[i]);
		if (error) {
			pr_err("vmci_failing: no %s: %d\n",
			       failing_probes[i].kp.symbol_name, error);
			failing_unregister(i);
			return error;
		}
	}
	return 0;
}

static void __exit failing_exit(void)
{
	failing_unregister(ARRAY_SIZE(failing_probes));
}

module_init(failing_init);
module_exit(failing_exit);
MODULE_DESCRIPTION("Allocations for vmw_vmci fail, one at a time");
MODULE_LICENSE("Dual BSD/GPL");
