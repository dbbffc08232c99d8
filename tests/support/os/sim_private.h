/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of the simulator share: sim_threads.c is below all others, and
 * sim_os.c above them.
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
#define SILENT_SECONDS 5	/* of the processor, with no step: a loop */
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
	struct vqp_os_work *working;	/* a worker's item */
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
	uint64_t mapped;	/* of pages, DMA: what to unmap, with guards */
	uint64_t guard;		/* one of them, bytes */
	uint64_t offset;	/* in the machine's memory */
	uint64_t *page_numbers;	/* of pages and DMA */
	bool forgotten;		/* by the bus */
	struct memory *next;
};

/* Which page of memory a page number of the bus is. */
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
	/* The way of choosing who goes on, of this seed. */
	bool by_priority;
	uint64_t switch_one_in;
	uint64_t reads_began;
	unsigned locks_alive, events_alive;
	/* What is freed stays poisoned for a while. */
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
/* All of them, when the simulation is over. */
void sim_threads_free(void);
/* Fail if in so many seconds of the processor there was no step; 0: never. */
void sim_look_every(unsigned seconds);
void sim_step(const char *where, uint64_t value);
/* As a point, but others come first, since this one waits for them. */
void sim_give_way(const char *where, uint64_t value);
/* Fail unless the thread may sleep here. */
void sim_may_sleep(const char *where);

/* ---- sim_memory.c */

/* Of the quarantine: fail if it was written to, then free it. */
void sim_memory_release(struct memory *memory);

/* ---- sim_work.c */

void sim_worker_main(void *os);
bool sim_os_works(const struct vqp_os *os);

#endif
