// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The OS layer of the core (driver/os/vqp_os.h) on Linux.
 */
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "linux_driver.h"

void *vqp_os_alloc(struct vqp_os *os, uint64_t bytes)
{
	/* kmalloc() aligns only powers of two to their size; we need 128. */
	if (bytes < PAGE_SIZE)
		bytes = roundup_pow_of_two(max_t(u64, bytes, VQP_OS_ALIGNMENT));
	return kvzalloc(bytes, GFP_KERNEL);
}

void vqp_os_free(struct vqp_os *os, void *memory, uint64_t bytes)
{
	kvfree(memory);
}

uint32_t vqp_os_page_shift(struct vqp_os *os)
{
	return PAGE_SHIFT;
}

/*
 * The shell's part of a struct vqp_os_pages.  A page has two references: one of
 * the DMA API until the page is unmapped, and one of ours, because clients may
 * read pages after the device or its driver is gone.
 */
struct linux_pages {
	struct list_head mapped;	/* on os->mapped, if there is `device` */
	struct device *device;		/* under device_lock */
	const uint64_t *numbers;
	uint32_t count;
	struct page *page[];	/* and, if mirrored, all but the first again */
};

/* Take the pages out of the device's reach.  Under device_lock. */
static void linux_pages_unmap(struct vqp_os *os, struct linux_pages *pages)
{
	uint32_t i;

	for (i = 0; i < pages->count && pages->page[i]; i++)
		dma_free_pages(pages->device, PAGE_SIZE, pages->page[i],
			       pages->numbers[i] << PAGE_SHIFT,
			       DMA_BIDIRECTIONAL);
	spin_lock(&os->mapped_lock);
	list_del(&pages->mapped);
	spin_unlock(&os->mapped_lock);
	put_device(pages->device);
	pages->device = NULL;
}

static void linux_pages_free(struct vqp_os *os, struct linux_pages *pages)
{
	uint32_t i;

	down_read(&os->device_lock);
	if (pages->device)
		linux_pages_unmap(os, pages);
	up_read(&os->device_lock);
	for (i = 0; i < pages->count && pages->page[i]; i++)
		put_page(pages->page[i]);
	kvfree(pages->numbers);
	kvfree(pages);
}

void vqp_linux_device_set(struct pci_dev *device)
{
	struct linux_pages *pages, *next;

	down_write(&vqp_linux.device_lock);
	vqp_linux.device = device;
	/*
	 * No mapping may outlive the driver.  Decrypted pages must stay
	 * decrypted while clients read them, and are behind no IOMMU.
	 */
	if (!device && !cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		list_for_each_entry_safe(pages, next, &vqp_linux.mapped,
					 mapped)
			linux_pages_unmap(&vqp_linux, pages);
	}
	up_write(&vqp_linux.device_lock);
}

/*
 * One page at a time, and no bounce buffers: the device uses these pages as
 * long as the pair exists.
 */
static bool linux_pages_fill(struct linux_pages *pages, uint64_t *numbers)
{
	dma_addr_t address;
	uint32_t i;

	for (i = 0; i < pages->count; i++) {
		pages->page[i] = dma_alloc_pages(pages->device, PAGE_SIZE,
						 &address, DMA_BIDIRECTIONAL,
						 GFP_KERNEL | __GFP_ZERO);
		if (!pages->page[i])
			return false;
		/* Never true; CONFIG_DMA_API_DEBUG demands the check. */
		if (dma_mapping_error(pages->device, address)) {
			__free_page(pages->page[i]);
			pages->page[i] = NULL;
			return false;
		}
		get_page(pages->page[i]);
		numbers[i] = address >> PAGE_SHIFT;
	}
	return true;
}

/* Pages shared with the device are not encrypted: map them decrypted. */
static pgprot_t linux_protection(void)
{
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return pgprot_decrypted(PAGE_KERNEL);
	return PAGE_KERNEL;
}

bool vqp_os_pages_alloc(struct vqp_os *os, uint32_t page_count, bool mirror,
			struct vqp_os_pages *pages)
{
	uint32_t mapped = mirror ? 2 * page_count - 1 : page_count;
	struct linux_pages *mine;
	bool filled = false;

	mine = kvzalloc(struct_size(mine, page, mapped), GFP_KERNEL);
	pages->page_numbers = kvcalloc(page_count, sizeof(uint64_t),
				       GFP_KERNEL);
	if (!mine || !pages->page_numbers) {
		kvfree(mine);
		kvfree(pages->page_numbers);
		return false;
	}
	mine->numbers = pages->page_numbers;
	mine->count = page_count;
	/* The device cannot be removed while we hold this lock. */
	down_read(&os->device_lock);
	if (os->device) {
		mine->device = get_device(&os->device->dev);
		spin_lock(&os->mapped_lock);
		list_add(&mine->mapped, &os->mapped);
		spin_unlock(&os->mapped_lock);
		filled = linux_pages_fill(mine, pages->page_numbers);
	}
	up_read(&os->device_lock);
	if (!filled)
		goto fail;
	if (mirror)
		memcpy(mine->page + page_count, mine->page + 1,
		       (page_count - 1) * sizeof(mine->page[0]));
	pages->base = vmap(mine->page, mapped, VM_MAP, linux_protection());
	if (!pages->base)
		goto fail;
	pages->page_count = page_count;
	pages->mirrored = mirror;
	pages->shell = mine;
	return true;
fail:
	linux_pages_free(os, mine);
	pages->base = NULL;
	return false;
}

void vqp_os_pages_free(struct vqp_os *os, struct vqp_os_pages *pages)
{
	vunmap(pages->base);
	linux_pages_free(os, pages->shell);
}

bool vqp_os_dma_alloc(struct vqp_os *os, uint64_t bytes,
		      struct vqp_os_dma *dma)
{
	dma_addr_t address;

	dma->base = dma_alloc_coherent(&os->device->dev, bytes, &address,
				       GFP_KERNEL);
	if (!dma->base)
		return false;
	dma->address = address;
	dma->bytes = bytes;
	return true;
}

/* The core frees this memory before the device is unplugged. */
void vqp_os_dma_free(struct vqp_os *os, struct vqp_os_dma *dma)
{
	dma_free_coherent(&os->device->dev, dma->bytes, dma->base,
			  dma->address);
}

uint32_t vqp_os_reg_read(struct vqp_os *os, uint32_t reg)
{
	return ioread32(os->registers + reg);
}

void vqp_os_reg_write(struct vqp_os *os, uint32_t reg, uint32_t value)
{
	iowrite32(value, os->registers + reg);
}

bool vqp_os_has_ports(struct vqp_os *os)
{
	return os->ports;
}

void vqp_os_stream_read(struct vqp_os *os, uint32_t reg, void *to,
			uint64_t bytes)
{
	ioread8_rep(os->ports + reg, to, bytes);
}

void vqp_os_stream_write(struct vqp_os *os, uint32_t reg, const void *from,
			 uint64_t bytes)
{
	iowrite8_rep(os->ports + reg, from, bytes);
}

/* One place initialises all locks; without keys lockdep sees one class. */
static struct lock_class_key linux_lock_keys[VQP_OS_LOCK_COUNT];

#define LINUX_LOCK_NAME(kind, name)		\
	[VQP_OS_LOCK_##kind] = name,
static const char *const linux_lock_names[] = {
	VQP_OS_LOCK_LIST(LINUX_LOCK_NAME)
};

void vqp_os_lock_init(struct vqp_os_lock *lock, enum vqp_os_lock_kind kind)
{
	spin_lock_init(&lock->lock);
	lockdep_set_class_and_name(&lock->lock, &linux_lock_keys[kind],
				   linux_lock_names[kind]);
}

void vqp_os_lock_destroy(struct vqp_os_lock *lock)
{
}

void vqp_os_lock(struct vqp_os_lock *lock) __acquires(&lock->lock)
{
	unsigned long flags;

	spin_lock_irqsave(&lock->lock, flags);
	lock->flags = flags;
}

void vqp_os_unlock(struct vqp_os_lock *lock) __releases(&lock->lock)
{
	spin_unlock_irqrestore(&lock->lock, lock->flags);
}

void vqp_os_read_enter(struct vqp_os *os, struct vqp_os_read *section)
	__acquires(RCU)
{
	rcu_read_lock();
}

void vqp_os_read_leave(struct vqp_os *os, struct vqp_os_read *section)
	__releases(RCU)
{
	rcu_read_unlock();
}

void vqp_os_synchronize(struct vqp_os *os)
{
	synchronize_rcu();
}

static void linux_work(struct work_struct *work)
{
	struct vqp_os_work *mine = container_of(work, struct vqp_os_work, work);

	mine->function(mine->argument);
}

void vqp_os_work_init(struct vqp_os_work *work, void (*function)(void *),
		      void *argument)
{
	INIT_WORK(&work->work, linux_work);
	work->function = function;
	work->argument = argument;
}

void vqp_os_work_queue(struct vqp_os *os, struct vqp_os_work *work)
{
	queue_work(os->works, &work->work);
}

void vqp_os_work_drain(struct vqp_os *os, struct vqp_os_work *work)
{
	cancel_work_sync(&work->work);
}

void vqp_os_event_init(struct vqp_os_event *event)
{
	init_completion(&event->completion);
}

void vqp_os_event_destroy(struct vqp_os_event *event)
{
}

void vqp_os_event_signal(struct vqp_os_event *event)
{
	complete(&event->completion);
}

void vqp_os_event_wait(struct vqp_os_event *event)
{
	wait_for_completion(&event->completion);
}

uint64_t vqp_os_now_ns(struct vqp_os *os)
{
	return ktime_get_ns();
}

void vqp_os_relax(struct vqp_os *os)
{
	cpu_relax();
}

uintptr_t vqp_os_self(struct vqp_os *os)
{
	uintptr_t self = (uintptr_t)current;

	if (in_hardirq())
		self |= 1;
	else if (in_serving_softirq())
		self |= 2;
	return self;
}

void vqp_os_log(struct vqp_os *os, enum vqp_os_level level,
		const char *format, ...)
{
	struct va_format line;
	va_list arguments;

	va_start(arguments, format);
	line.fmt = format;
	line.va = &arguments;
	switch (level) {
	case VQP_OS_ERROR:
		pr_err("vmw_vmci: %pV\n", &line);
		break;
	case VQP_OS_WARNING:
		pr_warn_ratelimited("vmw_vmci: %pV\n", &line);
		break;
	default:
		pr_info("vmw_vmci: %pV\n", &line);
	}
	va_end(arguments);
}

void vqp_os_release(struct vqp_os *os)
{
	complete(&os->released);
}
