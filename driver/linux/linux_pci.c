// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * vmw_vmci: the PCI device, its interrupt vectors and its life cycle.
 * driver/core does everything else.
 */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <uapi/linux/sched/types.h>

#include "linux_driver.h"

#ifndef PCI_IRQ_INTX		/* before 6.8 */
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

static bool disable_guest;
module_param(disable_guest, bool, 0);
MODULE_PARM_DESC(disable_guest, "Leave the device alone (default: 0)");

static bool disable_msi;
module_param(disable_msi, bool, 0);
MODULE_PARM_DESC(disable_msi, "Use neither MSI nor MSI-X (default: 0)");

static bool disable_msix;
module_param(disable_msix, bool, 0);
MODULE_PARM_DESC(disable_msix, "Do not use MSI-X (default: 0)");

struct vqp_os vqp_linux;
static DEFINE_MUTEX(vqp_linux_mutex);	/* serialises probe and remove */

/* ---- Interrupts: the handler reads shared causes, a thread serves them. */

struct linux_vector {
	uint32_t cause;		/* 0: all of them */
	atomic_t causes;	/* the handler's, for the thread */
};

static struct linux_vector linux_vectors[VQP_VECTOR_COUNT_MMIO];

/* After this many rounds in a row the interrupt thread lowers its policy. */
#define LINUX_ROUNDS	8

static irqreturn_t linux_interrupt(int irq, void *argument)
{
	struct linux_vector *vector = argument;
	uint32_t causes = vector->cause;

	if (!causes)
		causes = vqp_core_interrupt(vqp_linux.core);
	if (!causes)
		return IRQ_NONE;
	atomic_or(causes, &vector->causes);
	return IRQ_WAKE_THREAD;
}

/* Let threads of normal policy run too; saves the policy for linux_raise(). */
static void linux_lower(struct sched_attr *was)
{
	was->size = sizeof(*was);
	was->sched_policy = current->policy;
	was->sched_priority = current->rt_priority;
	if (current->sched_reset_on_fork)
		was->sched_flags = SCHED_FLAG_RESET_ON_FORK;
	if (was->sched_policy == SCHED_FIFO || was->sched_policy == SCHED_RR)
		sched_set_normal(current, 0);
}

/* Restore the policy, unless an administrator changed it in between. */
static void linux_raise(const struct sched_attr *was)
{
	if (was->sched_policy != current->policy &&
	    current->policy == SCHED_NORMAL)
		sched_setattr_nocheck(current, was);
}

static irqreturn_t linux_interrupt_thread(int irq, void *argument)
{
	struct linux_vector *vector = argument;
	struct sched_attr was = { 0 };
	unsigned int rounds = 0;
	uint32_t causes;

	while ((causes = atomic_xchg(&vector->causes, 0)) != 0) {
		causes = vqp_core_service(vqp_linux.core, causes);
		/* The work does not end: run at normal policy until it does. */
		if (causes && ++rounds == LINUX_ROUNDS)
			linux_lower(&was);
		atomic_or(causes, &vector->causes);
		cond_resched();
	}
	if (rounds >= LINUX_ROUNDS)
		linux_raise(&was);
	return IRQ_HANDLED;
}

static int linux_vectors_request(struct pci_dev *device, int count)
{
	int i, error;

	for (i = 0; i < count; i++) {
		linux_vectors[i].cause = count > 1 ? 1u << i : 0;
		atomic_set(&linux_vectors[i].causes, 0);
		error = request_threaded_irq(pci_irq_vector(device, i),
					     linux_interrupt,
					     linux_interrupt_thread,
					     count > 1 ? 0 : IRQF_SHARED,
					     "vmw_vmci", &linux_vectors[i]);
		if (!error)
			continue;
		linux_vectors[i].cause = 0;
		while (i-- > 0) {
			free_irq(pci_irq_vector(device, i), &linux_vectors[i]);
			linux_vectors[i].cause = 0;
		}
		return error;
	}
	return 0;
}

/* A vector per cause, or one for all.  Returns the number, or an error. */
static int linux_vectors_alloc(struct pci_dev *device, bool dma)
{
	int want = dma ? VQP_VECTOR_COUNT_MMIO : VQP_VECTOR_COUNT_PORT;
	unsigned int types = PCI_IRQ_ALL_TYPES;
	int count = 0, error;

	if (disable_msi)
		types = PCI_IRQ_INTX;
	else if (disable_msix)
		types = PCI_IRQ_INTX | PCI_IRQ_MSI;
	if (types & PCI_IRQ_MSIX)
		count = pci_alloc_irq_vectors(device, want, want,
					      PCI_IRQ_MSIX);
	if (count <= 0)
		count = pci_alloc_irq_vectors(device, 1, 1, types);
	if (count < 0)
		return count;
	error = linux_vectors_request(device, count);
	if (error)
		pci_free_irq_vectors(device);
	return error ? error : count;
}

static void linux_vectors_free(struct pci_dev *device)
{
	int i;

	for (i = 0; i < VQP_VECTOR_COUNT_MMIO; i++) {
		if (i == 0 || linux_vectors[i].cause)
			free_irq(pci_irq_vector(device, i), &linux_vectors[i]);
		linux_vectors[i].cause = 0;
	}
	pci_free_irq_vectors(device);
}

/* ---- The device. */

/* *base is NULL for a BAR without an address. */
static int linux_map_bar(struct pci_dev *device, int bar, void __iomem **base)
{
	*base = NULL;
	if (!pci_resource_start(device, bar))
		return 0;
	*base = pcim_iomap(device, bar, 0);
	if (*base)
		return 0;
	dev_err(&device->dev, "cannot map BAR %d\n", bar);
	return -ENOMEM;
}

/* Find the registers.  Returns 1 for DMA, 0 for ports, or an error. */
static int linux_map(struct vqp_os *os, struct pci_dev *device)
{
	void __iomem *bar = NULL;
	int error = 0;

	os->ports = NULL;
	if (pci_resource_len(device, VQP_BAR_PORT) >= VQP_BAR_PORT_BYTES)
		error = linux_map_bar(device, VQP_BAR_PORT, &os->ports);
	if (!error && pci_resource_len(device, VQP_BAR_MEMORY) ==
	    VQP_BAR_MEMORY_BYTES_MMIO)
		error = linux_map_bar(device, VQP_BAR_MEMORY, &bar);
	if (error)
		return error;
	os->registers = bar ? bar + VQP_MMIO_REG_OFFSET : os->ports;
	if (!os->registers) {
		dev_err(&device->dev, "no registers in BAR 0 or 1\n");
		return -ENXIO;
	}
	return bar ? 1 : 0;
}

static int linux_error(int status)
{
	switch (status) {
	case VQP_ERROR_NO_MEM:
		return -ENOMEM;
	case VQP_ERROR_ALREADY_EXISTS:
		return -EBUSY;
	case VQP_ERROR_TIMEOUT:
		return -ETIMEDOUT;
	default:
		return -ENXIO;
	}
}

static int linux_mask(struct pci_dev *device)
{
	uint32_t caps = vqp_os_reg_read(&vqp_linux, VQP_REG_CAPS);

	/* Narrow page numbers count our pages in 32 bits. */
	return dma_set_mask_and_coherent(&device->dev,
					 caps & VQP_CAP_PPN64 ?
					 DMA_BIT_MASK(64) :
					 DMA_BIT_MASK(32 + PAGE_SHIFT));
}

static int linux_plug(struct pci_dev *device)
{
	int status, count, dma;

	dma = linux_map(&vqp_linux, device);
	if (dma < 0)
		return dma;
	status = linux_mask(device);
	if (status)
		return status;
	vqp_linux_device_set(device);
	pci_set_master(device);
	status = vqp_core_plug(vqp_linux.core, dma);
	if (status < 0) {
		dev_err(&device->dev, "cannot use the device: %s\n",
			vqp_status_name(status));
		status = linux_error(status);
		goto master;
	}
	count = linux_vectors_alloc(device, dma);
	if (count < 0) {
		dev_err(&device->dev, "no interrupts: %d\n", count);
		status = count;
		goto plugged;
	}
	vqp_core_start(vqp_linux.core);
	dev_info(&device->dev, "context %u, %s, %d vector%s\n",
		 vqp_core_context_id(vqp_linux.core),
		 dma ? "DMA" : "ports", count, count > 1 ? "s" : "");
	return 0;
plugged:
	vqp_core_unplug(vqp_linux.core);
master:
	pci_clear_master(device);
	vqp_linux_device_set(NULL);
	return status;
}

static int linux_probe(struct pci_dev *device, const struct pci_device_id *id)
{
	int status;

	if (disable_guest)
		return -ENODEV;
	status = pcim_enable_device(device);
	if (status)
		return status;
	mutex_lock(&vqp_linux_mutex);
	if (vqp_linux.device) {
		dev_err(&device->dev, "a second device; %s is in use\n",
			pci_name(vqp_linux.device));
		status = -EBUSY;
	} else {
		status = linux_plug(device);
	}
	mutex_unlock(&vqp_linux_mutex);
	if (!status)
		vqp_linux_ready(true);
	return status;
}

static void linux_remove(struct pci_dev *device)
{
	vqp_linux_ready(false);
	mutex_lock(&vqp_linux_mutex);
	if (!pci_device_is_present(device))
		vqp_core_gone(vqp_linux.core);
	vqp_core_stop(vqp_linux.core);
	linux_vectors_free(device);
	vqp_core_unplug(vqp_linux.core);
	pci_clear_master(device);
	vqp_linux_device_set(NULL);
	vqp_linux.registers = NULL;
	vqp_linux.ports = NULL;
	mutex_unlock(&vqp_linux_mutex);
}

static void linux_shutdown(struct pci_dev *device)
{
	vqp_core_shutdown(vqp_linux.core);
}

static int __maybe_unused linux_suspend(struct device *device)
{
	vqp_core_suspend(vqp_linux.core);
	return 0;
}

static int __maybe_unused linux_resume(struct device *device)
{
	int status;

	pci_set_master(to_pci_dev(device));
	status = vqp_core_resume(vqp_linux.core);
	if (status < 0)
		dev_err(device, "lost in sleep: %s\n", vqp_status_name(status));
	return status < 0 ? linux_error(status) : 0;
}

static SIMPLE_DEV_PM_OPS(linux_pm, linux_suspend, linux_resume);

static const struct pci_device_id linux_ids[] = {
	{ PCI_DEVICE(VQP_PCI_VENDOR, VQP_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, linux_ids);

static struct pci_driver linux_driver = {
	.name = "vmw_vmci",
	.id_table = linux_ids,
	.probe = linux_probe,
	.remove = linux_remove,
	.shutdown = linux_shutdown,
	.driver.pm = &linux_pm,
};

static int __init linux_init(void)
{
	const struct vqp_core_config config = { 0 };
	int status;

	init_completion(&vqp_linux.released);
	init_rwsem(&vqp_linux.device_lock);
	spin_lock_init(&vqp_linux.mapped_lock);
	INIT_LIST_HEAD(&vqp_linux.mapped);
	vqp_linux.works = alloc_workqueue("vmw_vmci", 0, 0);
	if (!vqp_linux.works)
		return -ENOMEM;
	status = vqp_core_create(&vqp_linux, &config, &vqp_linux.core);
	if (status < 0) {
		status = linux_error(status);
		goto works;
	}
	vqp_linux_debugfs_init();
	status = pci_register_driver(&linux_driver);
	if (!status)
		return 0;
	vqp_linux_debugfs_fini();
	vqp_core_detach(vqp_linux.core);
works:
	destroy_workqueue(vqp_linux.works);
	return status;
}

static void __exit linux_exit(void)
{
	pci_unregister_driver(&linux_driver);
	vqp_linux_debugfs_fini();
	/* Clients are modules that use our symbols, and gone by now. */
	vqp_linux_kpi_fini();
	vqp_core_detach(vqp_linux.core);
	/* Queued work frees objects that ended: this waits for all of it. */
	destroy_workqueue(vqp_linux.works);
	if (!completion_done(&vqp_linux.released))
		pr_err("vmw_vmci: clients left something behind, and memory with it\n");
}

module_init(linux_init);
module_exit(linux_exit);

MODULE_DESCRIPTION("VMCI: queue pairs, datagrams and doorbells of a virtual machine");
MODULE_AUTHOR("the vqp developers");
MODULE_VERSION("1.1.6.0-vqp");
MODULE_LICENSE("Dual BSD/GPL");
