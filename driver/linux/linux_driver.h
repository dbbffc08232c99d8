/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Declarations that the files of the Linux shell share. */
#ifndef LINUX_DRIVER_H
#define LINUX_DRIVER_H

#include <linux/mutex.h>
#include <linux/pci.h>

#include <vqp_core.h>

/*
 * A machine has one VMCI device, and clients of the module outlive it.  So
 * there is one of these structs, and devices come and go.
 */
struct vqp_os {
	struct vqp_core *core;		/* from load to unload */
	struct workqueue_struct *works;
	struct rw_semaphore device_lock;	/* against a change of: */
	struct pci_dev *device;		/* NULL without one */
	spinlock_t mapped_lock;		/* of the next */
	struct list_head mapped;	/* pages that the device can reach */
	bool ready;			/* under linux_kpi.c's mutex */
	void __iomem *registers;	/* in one of the BARs */
	void __iomem *ports;		/* BAR 0, or NULL without it */
	struct completion released;	/* the core is gone */
};

extern struct vqp_os vqp_linux;

/* Set or clear the device; waits for page allocations.  linux_os.c */
void vqp_linux_device_set(struct pci_dev *device);

/* Whether a device works now; notifies the sockets.  linux_kpi.c */
void vqp_linux_ready(bool ready);

/* The stock driver, too, exports it from a header of its own.  linux_kpi.c */
struct vmci_datagram;
int vmci_send_datagram(struct vmci_datagram *dg);

/* Destroy the endpoints that clients left, at unload.  linux_kpi.c */
void vqp_linux_kpi_fini(void);

/*
 * Tracepoints (linux_trace.h), out of line: their headers would change the
 * checksums of linux_kpi.c.  linux_debugfs.c
 */
void vqp_linux_trace_endpoint_create(struct vqp_handle handle, int status);
void vqp_linux_trace_endpoint_destroy(struct vqp_handle handle, int status);
void vqp_linux_trace_doorbell_create(struct vqp_handle handle, int status);
void vqp_linux_trace_doorbell_destroy(struct vqp_handle handle, int status);
void vqp_linux_trace_qpair_alloc(struct vqp_handle handle,
				 const struct vqp_qpair_options *options,
				 int status);
void vqp_linux_trace_qpair_detach(struct vqp_handle handle, int status);

/* linux_debugfs.c */
void vqp_linux_debugfs_init(void);
void vqp_linux_debugfs_fini(void);

#endif
