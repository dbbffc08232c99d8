/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of the simulator share.  sim_threads.c is the lowest of them
 * and sim_os.c the highest.
 */
#ifndef SIM_PRIVATE_H
#define SIM_PRIVATE_H

#include <stddef.h>
#include <ucontext.h>

#include "sim_os.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIM_TSAN 1
#endif
#endif

#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SIM_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define ALIVE UINT32_C(0x51ba11fe)
#define THREADS_MAX 256
#define STACK_BYTES (512 * 1024)
#define HELD_MAX 8
#define SILENT_SECONDS 5	/* without a step: a loop */
#define QUARANTINE_BYTES_MAX (UINT64_C(8) << 20)
#define POISON 0xdd
#define RAM_BYTES (UINT64_C(1) << 40)	/* sparse */
#define PAGE UINT64_C(4096)
#define PAGE_SHIFT 12

enum thread_state { READY, WAITING, SLEEPING, DONE };

struct sim_thread {
	unsigned id;
	const char *name;
	enum sim_kind kind;
	enum thread_state state;
	bool is_worker;
	bool stopped;			/* by sim_stop() */
	void (*run)(void *);
	void *argument;
	const void *channel;
	uint64_t until_ns;
	uint64_t priority;
	const char *where;
	uint64_t value;
	struct vqp_os_lock *held[HELD_MAX];
	unsigned held_count;
	unsigned read_count;
	struct vqp_os_work *working;	/* the item a worker runs */
	ucontext_t context;
	void *stack;
#ifdef SIM_ASAN
	void *fake_stack;
	const void *stack_bottom;
	size_t stack_bytes;
#endif
#ifdef SIM_TSAN
	void *fiber;
#endif
};

enum memory_kind { MEMORY_ALLOC, MEMORY_PAGES, MEMORY_DMA };

struct memory {
	enum memory_kind kind;
	uint8_t *base;
	uint64_t bytes;
	uint64_t mapped;	/* of pages and DMA: to unmap, with guards */
	uint64_t guard;		/* bytes of one guard */
	uint64_t offset;	/* in the machine's memory */
	uint64_t *page_numbers;	/* of pages and DMA */
	bool forgotten;		/* the bus does not reach it */
	struct memory *next;
};

/* Maps a page number of the bus to a page of memory. */
struct bus_page {
	uint64_t number;
	uint8_t *at;
	struct memory *memory;
	struct bus_page *next;
};

#define BUCKETS 1024

struct vqp_os {
	struct sim_os_options options;
	unsigned id;
	bool released, pulled, no_ports;
	struct memory *memory[BUCKETS];
	struct bus_page *bus[BUCKETS];
	uint64_t bytes_live;
	uint64_t page_next, page_bytes;
	int ram;
	uint64_t ram_next, maps_alive;
	uint64_t requests, fail_at;
	bool fail_all;
	uint32_t fail_per_million;
	uint64_t log_count;
	struct vqp_os_read *readers;
	struct vqp_os_work *work_first, **work_last;
	struct sim_thread *worker[4];
	bool closing;
	char name[16];
	char worker_name[4][24];
	struct vqp_os *next;
};

/* The simulation. */
struct sim {
	bool on;
	struct sim_options options;
	struct rng rng;
	struct sim_thread *thread[THREADS_MAX];
	unsigned thread_count;
	struct sim_thread *current, *previous;
	uint64_t steps, now_ns, hash;
	/* How this seed chooses the next thread. */
	bool by_priority;
	uint64_t switch_one_in;
	uint64_t reads_began;
	unsigned locks_alive, events_alive;
	/* Freed memory stays poisoned for a while. */
	struct memory *freed_first, **freed_last;
	uint64_t freed_bytes;
	struct vqp_os *machines;
	unsigned machine_count;
};

extern struct sim sim;

static inline void
sim_machine_check(const struct vqp_os *os, const char *where)
{
	if (os == NULL || os->closing)
		sim_fail("%s() of no machine", where);
	if (os->released)
		sim_fail("%s() after vqp_os_release()", where);
}

/* ---- sim_threads.c */

struct sim_thread *sim_thread_new(const char *name, enum sim_kind kind);
/* Free all threads after the simulation. */
void sim_threads_free(void);
/* Fail if this many seconds of processor time pass without a step; 0: never. */
void sim_look_every(unsigned seconds);
void sim_step(const char *where, uint64_t value);
/*
 * Like a point, but other threads come first, because this one waits for them.
 */
void sim_give_way(const char *where, uint64_t value);
/* Fail unless the thread may sleep here. */
void sim_may_sleep(const char *where);

/* ---- sim_memory.c */

/* Take memory from the quarantine: fail if it was written to, then free it. */
void sim_memory_release(struct memory *memory);

/* ---- sim_work.c */

void sim_worker_main(void *os);
bool sim_os_works(const struct vqp_os *os);

#endif
