/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the driver core asks of an operating system: the only seam between
 * them.  Functions and not macros: the contract is written here once, each
 * shell implements it once, and a debugger can stop on it.  docs/porting.md
 * says in which order a shell is best written.
 *
 * <vqp_os_types.h> is the shell's, found by include path.  It defines
 *	struct vqp_os		what the shell knows of one device; opaque here
 *	struct vqp_os_lock	a lock for short sections
 *	struct vqp_os_read	what a read section keeps on its stack
 *	struct vqp_os_work	a piece of work; embedded in its owner
 *	struct vqp_os_event	what one thread waits for; embedded in its owner
 *
 * The core zeroes what it embeds before it is initialised.  At the right of
 * each group: from where the core calls it.
 *	task	may sleep
 *	any	also under a lock, in a read section, in the shell's handlers
 */
#ifndef VQP_OS_H
#define VQP_OS_H

#include <stdbool.h>
#include <stdint.h>

#include <vqp_os_types.h>

/* Of all memory here: a queue pair's struct needs it. */
#define VQP_OS_ALIGNMENT 128

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Memory of our own, zeroed, on a boundary of VQP_OS_ALIGNMENT.	task
 * Returns NULL on shortage.  Freed with the size it was asked for; NULL is
 * allowed there.
 */
void *vqp_os_alloc(struct vqp_os *os, uint64_t bytes);
void vqp_os_free(struct vqp_os *os, void *memory, uint64_t bytes);

/* Of a page as the device counts it, log2: 12 for 4 KiB.		any */
uint32_t vqp_os_page_shift(struct vqp_os *os);

/*
 * Pages to share with the device, zeroed: one behind the other for the CPU,
 * anywhere for the device, so that a shell needs no two that are neighbours.
 * If `mirror`, the shell may map all but the first once more behind the last,
 * and says in `mirrored` whether it did.				task
 * Returns false on shortage, and then nothing is allocated.
 *
 * After vqp_core_unplug() a shell may take them out of the device's reach; the
 * memory stays until it is freed.
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
 * Memory in one piece for the device too, zeroed, page aligned: a few dozen
 * KiB, asked for at attach only.					task
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
 * Registers, by their offset (enum vqp_reg); ports or memory, as the shell
 * found the device.							any
 * A write comes after all our earlier stores to memory, a read before all our
 * later loads.  Of a device that is gone every read is all ones.
 *
 * The streams move `bytes` bytes through one register, a byte at a time on the
 * wire.  They go by the ports, which a device with registers in memory has in
 * most machines, too: vqp_os_has_ports() says whether they are there.
 */
bool vqp_os_has_ports(struct vqp_os *os);
uint32_t vqp_os_reg_read(struct vqp_os *os, uint32_t reg);
void vqp_os_reg_write(struct vqp_os *os, uint32_t reg, uint32_t value);
void vqp_os_stream_read(struct vqp_os *os, uint32_t reg, void *to,
    uint64_t bytes);
void vqp_os_stream_write(struct vqp_os *os, uint32_t reg, const void *from,
    uint64_t bytes);

/*
 * The kinds of locks, in the order in which they nest: a thread that holds a
 * lock takes another one only of a later kind, so never two of one kind.  The
 * names are for checkers of lock orders (lockdep, WITNESS).
 */
#define VQP_OS_LOCK_LIST(kind)						\
	kind(SEND, "vqp_send")		/* the message to the device */	\
	kind(PAIR, "vqp_pair")		/* which pairs there are */	\
	kind(TABLE, "vqp_table")	/* which names there are */	\
	kind(RESOURCE, "vqp_resource")	/* who is inside a callback */	\
	kind(QUEUE, "vqp_queue")	/* of a delayed endpoint */	\
	kind(SERVICE, "vqp_service")	/* who serves interrupts */

#define VQP_OS_LOCK_KIND(kind, name) VQP_OS_LOCK_##kind,
enum vqp_os_lock_kind {
	VQP_OS_LOCK_LIST(VQP_OS_LOCK_KIND)
	VQP_OS_LOCK_COUNT,
};
#undef VQP_OS_LOCK_KIND

/*
 * A lock against every other context, the shell's handlers included: those do
 * not run on this CPU while it is held.  Spins; short sections only.	any
 */
void vqp_os_lock_init(struct vqp_os_lock *lock, enum vqp_os_lock_kind kind);
void vqp_os_lock_destroy(struct vqp_os_lock *lock);
void vqp_os_lock(struct vqp_os_lock *lock);
void vqp_os_unlock(struct vqp_os_lock *lock);

/*
 * A read section: what was found in one stays in memory until it ends.  Does
 * not exclude anybody.							any
 * The core takes locks inside, and never sleeps there.
 */
void vqp_os_read_enter(struct vqp_os *os, struct vqp_os_read *section);
void vqp_os_read_leave(struct vqp_os *os, struct vqp_os_read *section);

/* Wait until all read sections that had begun have ended.		task */
void vqp_os_synchronize(struct vqp_os *os);

/*
 * Run `function(argument)` soon, in a task.  Queueing needs no memory and never
 * fails; queueing again before it began is the same as once; an item never
 * runs beside itself, but beside others, or a client's that waits would hold
 * them up.  The function may free its own item.		queue: any
 * Drain takes an item off the queue, or waits until it has run.  A function
 * of another item may drain, too.			      drain: task
 */
void vqp_os_work_init(struct vqp_os_work *work, void (*function)(void *),
    void *argument);
void vqp_os_work_queue(struct vqp_os *os, struct vqp_os_work *work);
void vqp_os_work_drain(struct vqp_os *os, struct vqp_os_work *work);

/*
 * Wait for one signal; signals before the wait count.  Between signal and the
 * end of wait everything of the signaller happens before.	signal: any
 *							    wait: task
 */
void vqp_os_event_init(struct vqp_os_event *event);
void vqp_os_event_destroy(struct vqp_os_event *event);
void vqp_os_event_signal(struct vqp_os_event *event);
void vqp_os_event_wait(struct vqp_os_event *event);

/*
 * Nanoseconds of a clock that never goes back.				any
 * Something short to do in a loop that waits for the device.		any
 */
uint64_t vqp_os_now_ns(struct vqp_os *os);
void vqp_os_relax(struct vqp_os *os);

/*
 * Who runs: the same number in all that one thread (or handler) calls, another
 * in all that runs at the same time; never 0.				any
 */
uintptr_t vqp_os_self(struct vqp_os *os);

/* A line for the log, without a newline; printf's format.		any */
enum vqp_os_level {
	VQP_OS_ERROR,
	VQP_OS_WARNING,
	VQP_OS_INFO,
};

void vqp_os_log(struct vqp_os *os, enum vqp_os_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The core is gone and will not use `os` again.  The last call; at the end of
 * vqp_core_detach(), or later, when the last client lets go of what it holds,
 * or in deferred work.							any
 */
void vqp_os_release(struct vqp_os *os);

#ifdef __cplusplus
}
#endif

#endif
