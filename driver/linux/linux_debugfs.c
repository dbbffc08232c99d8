// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the driver did and refused: /sys/kernel/debug/vmw_vmci/counters, one
 * `name number` a line (vqp_core.h).  And the tracepoints' one definition.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "linux_driver.h"

#define CREATE_TRACE_POINTS
#include "linux_trace.h"

static struct dentry *linux_folder;

static int linux_counters_show(struct seq_file *file, void *unused)
{
	struct vqp_core_counters counters;

	vqp_core_counters(vqp_linux.core, &counters);
	seq_printf(file, "context %u\n", vqp_core_context_id(vqp_linux.core));
#define SHOW(name) seq_printf(file, #name " %llu\n", counters.name);
	VQP_CORE_COUNTER_LIST(SHOW)
#undef SHOW
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(linux_counters);

void vqp_linux_debugfs_init(void)
{
	linux_folder = debugfs_create_dir("vmw_vmci", NULL);
	debugfs_create_file("counters", 0444, linux_folder, NULL,
			    &linux_counters_fops);
}

void vqp_linux_debugfs_fini(void)
{
	debugfs_remove_recursive(linux_folder);
}

#define NAMED(what)							\
void vqp_linux_trace_##what(struct vqp_handle handle, int status)	\
{									\
	trace_vmci_##what(handle.context, handle.resource, status);	\
}

NAMED(endpoint_create)
NAMED(endpoint_destroy)
NAMED(doorbell_create)
NAMED(doorbell_destroy)
NAMED(qpair_detach)

void vqp_linux_trace_qpair_alloc(struct vqp_handle handle,
				 const struct vqp_qpair_options *options,
				 int status)
{
	trace_vmci_qpair_alloc(handle.context, handle.resource,
			       options->produce_bytes, options->consume_bytes,
			       options->peer, options->flags, status);
}
