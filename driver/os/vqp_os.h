/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The OS layer: all that the driver core needs of an operating system.  These
 * are functions and not macros, so that the contract is written here once, each
 * shell implements it once, and a debugger can stop on it.  docs/porting.md
 * says in which order to write a shell.
 *
 * The shell provides <vqp_os_types.h>, found by include path.  It defines
 *	struct vqp_os		the shell's data of one device; opaque here
 *	struct vqp_os_lock	a lock for short sections
 *	struct vqp_os_read	what a read section keeps on its stack
 *	struct vqp_os_work	a piece of work; embedded in its owner
 *	struct vqp_os_event	what one thread waits for; embedded in its owner
 *
 * The core zeroes the structs that it embeds before it initialises them.  The
 * word at the right of each group says from where the core calls it:
 *	task	may sleep
 *	any	also under a lock, in a read section, in the shell's handlers
 */
#ifndef VQP_OS_H
#define VQP_OS_H

#include <stdbool.h>
#include <stdint.h>

#include <vqp_os_types.h>

/* Alignment of all memory below; the struct of a queue pair needs it. */
#define VQP_OS_ALIGNMENT 128

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Private memory, zeroed, aligned to VQP_OS_ALIGNMENT.			task
 * Returns NULL on shortage.  The core frees it with the size that it asked for,
 * and may pass NULL to the free function.
 */
void *vqp_os_alloc(struct vqp_os *os, uint64_t bytes);
void vqp_os_free(struct vqp_os *os, void *memory, uint64_t bytes);

/* log2 of the size of a page as the device counts it: 12 for 4 KiB.	any */
uint32_t vqp_os_page_shift(struct vqp_os *os);

/*
 * Pages to share with the device, zeroed.  They are contiguous for the CPU and
 * may lie anywhere for the device, so a shell needs no contiguous bus memory.
 * If `mirror` is set, the shell may map all pages but the first once more
 * behind the last, and says in `mirrored` whether it did.		task
 * Returns false on shortage; then nothing is allocated.
 *
 * After vqp_core_unplug() a shell may unmap the pages from the device; the
 * memory stays until the core frees it.
 */
struct vqp_os_pages {
	void *base;
	uint64_t *page_numbers;	/* page_count bus addresses >> page shift */
	uint32_t page_count;
	bool mirrored;
	void *shell;		/* the shell's own */
};

bool vqp_os_pages_alloc(struct vqp_os *os, uint32_t page_count, bool mirror,
    struct vqp_os_pages *pages);
void vqp_os_pages_free(struct vqp_os *os, struct vqp_os_pages *pages);

/*
 * Memory that is contiguous for the device too, zeroed, page aligned: a few
 * dozen KiB, allocated only when a device is brought up.		task
 * Returns false on shortage.
 */
struct vqp_os_dma {
	void *base;
	uint64_t address;	/* for the device */
	uint64_t bytes;
	void *shell;
};

bool vqp_os_dma_alloc(struct vqp_os *os, uint64_t bytes,
    struct vqp_os_dma *dma);
void vqp_os_dma_free(struct vqp_os *os, struct vqp_os_dma *dma);

/*
 * Registers by offset (enum vqp_reg), in ports or in memory as the shell found
 * the device.								any
 * A write comes after all our earlier stores to memory, a read before all our
 * later loads.  Every read of a device that is gone returns all ones.
 *
 * The streams move `bytes` bytes through one register, a byte at a time on the
 * wire.  They use the ports.  In most machines a device with registers in
 * memory has ports too; vqp_os_has_ports() says whether they are there.
 */
bool vqp_os_has_ports(struct vqp_os *os);
uint32_t vqp_os_reg_read(struct vqp_os *os, uint32_t reg);
void vqp_os_reg_write(struct vqp_os *os, uint32_t reg, uint32_t value);
void vqp_os_stream_read(struct vqp_os *os, uint32_t reg, void *to,
    uint64_t bytes);
void vqp_os_stream_write(struct vqp_os *os, uint32_t reg, const void *from,
    uint64_t bytes);

/*
 * The kinds of locks, in the order in which they nest.  A thread that holds a
 * lock takes only locks of a later kind, so never two of the same kind.  The
 * names are for tools that check the lock order (lockdep, WITNESS).
 */
#define VQP_OS_LOCK_LIST(kind)						\
	kind(SEND, "vqp_send")		/* the message to the device */	\
	kind(PAIR, "vqp_pair")		/* the list of pairs */		\
	kind(TABLE, "vqp_table")	/* the table of names */	\
	kind(RESOURCE, "vqp_resource")	/* the pins of an object */	\
	kind(QUEUE, "vqp_queue")	/* of a delayed endpoint */	\
	kind(SERVICE, "vqp_service")	/* which thread serves a class */

#define VQP_OS_LOCK_KIND(kind, name) VQP_OS_LOCK_##kind,
enum vqp_os_lock_kind {
	VQP_OS_LOCK_LIST(VQP_OS_LOCK_KIND)
	VQP_OS_LOCK_COUNT,
};
#undef VQP_OS_LOCK_KIND

/*
 * A lock against every other context, the shell's handlers included: they do
 * not run on this CPU while it is held.  Spins; short sections only.	any
 */
void vqp_os_lock_init(struct vqp_os_lock *lock, enum vqp_os_lock_kind kind);
void vqp_os_lock_destroy(struct vqp_os_lock *lock);
void vqp_os_lock(struct vqp_os_lock *lock);
void vqp_os_unlock(struct vqp_os_lock *lock);

/*
 * A read section: an object that was found in the section stays in memory until
 * the section ends.  It excludes no other thread.			any
 * The core takes locks inside a section, and never sleeps there.
 */
void vqp_os_read_enter(struct vqp_os *os, struct vqp_os_read *section);
void vqp_os_read_leave(struct vqp_os *os, struct vqp_os_read *section);

/* Wait until all read sections that had begun have ended.		task */
void vqp_os_synchronize(struct vqp_os *os);

/*
 * Run `function(argument)` soon, in a task.  Queueing needs no memory and never
 * fails; an item that is queued twice before it began runs once.  An item never
 * runs at the same time as itself, but it does run at the same time as other
 * items: a client's function that waits must not hold them up.  The function
 * may free its own item.					queue: any
 * Drain removes an item from the queue, or waits until it has run.  The
 * function of another item may call it, too.		      drain: task
 */
void vqp_os_work_init(struct vqp_os_work *work, void (*function)(void *),
    void *argument);
void vqp_os_work_queue(struct vqp_os *os, struct vqp_os_work *work);
void vqp_os_work_drain(struct vqp_os *os, struct vqp_os_work *work);

/*
 * A completion: wait for one signal; a signal before the wait counts.  All that
 * the signaller did before the signal is visible after the wait.
 *					       signal: any, wait: task
 */
void vqp_os_event_init(struct vqp_os_event *event);
void vqp_os_event_destroy(struct vqp_os_event *event);
void vqp_os_event_signal(struct vqp_os_event *event);
void vqp_os_event_wait(struct vqp_os_event *event);

/*
 * Nanoseconds of a clock that never goes back.				any
 * A short pause in a loop that polls the device.			any
 */
uint64_t vqp_os_now_ns(struct vqp_os *os);
void vqp_os_relax(struct vqp_os *os);

/*
 * A number for the running thread or handler: the same in all that it calls,
 * different from any other that runs at the same time; never 0.	any
 */
uintptr_t vqp_os_self(struct vqp_os *os);

/* Log a line; printf's format, without a newline.			any */
enum vqp_os_level {
	VQP_OS_ERROR,
	VQP_OS_WARNING,
	VQP_OS_INFO,
};

void vqp_os_log(struct vqp_os *os, enum vqp_os_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The core is freed and does not use `os` again.  This is its last call, at the
 * end of vqp_core_detach() or later: when a client destroys the last object, or
 * in deferred work.							any
 */
void vqp_os_release(struct vqp_os *os);

#ifdef __cplusplus
}
#endif

#endif
