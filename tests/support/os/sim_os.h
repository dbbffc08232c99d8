/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A simulated operating system: vqp_os.h for a simulator that runs on one
 * thread of the machine.  Its own threads are coroutines.  Every call of the OS
 * layer is a point where another thread may go on, and a seed decides which
 * one.  Time is virtual.  So a seed determines a run, and a failure can be
 * repeated.
 *
 * The simulator checks that the core keeps the contracts of the OS layer.  It
 * ends the program, after printing every thread's last call, on these faults:
 * sleeping where that is not allowed, locks taken twice or out of order, memory
 * freed with a wrong size or used after it was freed, objects used before init,
 * leaks, no thread left to run, and a loop that makes no call of the OS layer
 * for 10 s.
 *
 * The thread that calls sim_begin() is one of the simulated threads, so a test
 * calls the core as any client would.
 */
#ifndef SIM_OS_H
#define SIM_OS_H

#include <stdbool.h>
#include <stdint.h>

#include <rng.h>
#include <vqp_os.h>

/* The kind of context that a thread runs in. */
enum sim_kind {
	SIM_TASK,		/* may sleep */
	SIM_ATOMIC,		/* a handler: may not sleep */
};

struct sim_options {
	uint64_t seed;
	bool trace;		/* print every step */
	bool quiet;		/* do not print the core's log */
	uint64_t steps_max;	/* 0: 50 million; more is a livelock */
};

/*
 * Begin or end a simulation.  At its end, all threads that were spawned must
 * have returned, except for the workers, and all memory must be free.
 */
void sim_begin(const struct sim_options *options);
void sim_end(void);

/* A hash of all that happened; two runs of one seed have the same hash. */
uint64_t sim_trace_hash(void);
uint64_t sim_step_count(void);

/*
 * End the program after printing every thread's last call; takes printf's
 * format.
 */
_Noreturn void sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* sim_fail() calls this first, to print how to repeat the run; or NULL. */
extern void (*sim_on_fail)(void);
/* Print a line of the trace; costs nothing when the trace is off. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Threads. sim_join() waits until the thread has returned.  sim_point() may let
 * other threads go on; `where` names the call.  sim_sleep() is for tasks.
 */
struct sim_thread *sim_spawn(const char *name, enum sim_kind kind,
    void (*run)(void *), void *argument);
void sim_join(struct sim_thread *thread);
bool sim_is_done(const struct sim_thread *thread);
/*
 * Stop a thread or let it go on; a stopped thread that holds a lock still runs.
 */
void sim_stop(struct sim_thread *thread, bool stopped);
void sim_point(const char *where, uint64_t value);
/* The running thread calls this in each of its steps; or NULL. */
extern void (*sim_on_step)(const char *where);
void sim_sleep(uint64_t nanoseconds);
/*
 * Wait until another thread wakes this channel; and wake all that wait for it.
 */
void sim_wait(const void *channel, const char *where);
void sim_wake(const void *channel);
/* About the running thread. */
enum sim_kind sim_kind(void);
void sim_set_kind(enum sim_kind kind);
/*
 * The scheduler's random numbers, for all that belongs to the simulated world
 * and not to the test.
 */
struct rng *sim_rng(void);
uint64_t sim_now_ns(void);

/*
 * The device as the guest's machine sees it: a bus.  The scheduler decides in
 * how many pieces a stream arrives.
 */
struct sim_bus {
	void *device;
	uint32_t (*reg_read)(void *device, uint32_t reg);
	void (*reg_write)(void *device, uint32_t reg, uint32_t value);
	void (*stream_read)(void *device, uint32_t reg, uint8_t *to,
	    uint64_t bytes);
	void (*stream_write)(void *device, uint32_t reg, const uint8_t *from,
	    uint64_t bytes);
	bool whole_reads;	/* a stream is read in one piece */
};

/* The options of one guest's machine. */
struct sim_os_options {
	const char *name;
	struct sim_bus bus;
	uint32_t worker_count;		/* 0: 1 */
	uint64_t first_page;		/* page numbers of the bus; 0: 256 */
	uint32_t mirror_percent;	/* how often pages are mirrored */
	uint32_t page_shift;		/* of its pages; 0: 12 */
};

struct vqp_os *sim_os_open(const struct sim_os_options *options);
/*
 * Close a machine.  Unless everything was released, the program ends;
 * must_be_released also demands vqp_os_release().
 */
void sim_os_close(struct vqp_os *os, bool must_be_released);
bool sim_os_released(const struct vqp_os *os);
/*
 * Sleep until the machine has no work left, so that what the core frees later
 * is free.
 */
void sim_os_settle(struct vqp_os *os);
/* Make it a machine without I/O ports. */
void sim_os_no_ports(struct vqp_os *os);
/* Pull the device out: all reads return ones. */
void sim_os_pull(struct vqp_os *os);

/*
 * Make requests for memory fail: the n-th from now on (1: the next), and all
 * after it if `all`; 0: none.  sim_os_requests() counts the requests.
 */
void sim_os_fail_at(struct vqp_os *os, uint64_t n, bool all);
/* Make this many of a million requests fail. */
void sim_os_fail_rate(struct vqp_os *os, uint32_t per_million);
uint64_t sim_os_requests(const struct vqp_os *os);
uint64_t sim_os_bytes_live(const struct vqp_os *os);
/* The number of lines that the core logged, and the last line. */
uint64_t sim_os_log_count(const struct vqp_os *os);

/*
 * Find memory by its bus address, as a device does.  Returns NULL unless all of
 * it belongs to the guest and lies in one page or one piece of DMA memory.
 */
void *sim_os_bus(struct vqp_os *os, uint64_t address, uint64_t bytes);

/*
 * Called in each call that hands out pages, by the thread that receives them;
 * or NULL.
 */
extern void (*sim_on_pages)(void);

/*
 * The driver gave up its device: the bus reaches none of its pages any more.
 * Code that holds their addresses still reaches them.
 */
void sim_os_forget(struct vqp_os *os);

/*
 * Map pages of the bus in a row, at an address of their own, so that an access
 * after the unmap is caught.  Returns NULL if a page does not belong to the
 * guest.
 */
void *sim_os_map(struct vqp_os *os, const uint64_t *addresses, uint32_t count);
void sim_os_unmap(struct vqp_os *os, void *memory, uint32_t count);

#endif
