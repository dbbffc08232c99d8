/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An operating system in a jar: vqp_os.h for a simulator that runs on one
 * thread of the machine.  Its own threads are coroutines; every call of the
 * seam is a point where another may go on, chosen by a seed; time is virtual.
 * So a run is its seed, and a failure can be had again.
 *
 * It holds the core to the seam's contracts.  Breaking one ends the program,
 * after every thread's last call has been printed: sleeping where that is not
 * allowed, locks taken twice or out of order, memory freed with a wrong size or
 * used after, things used before init, leaks, nobody left to run, and a loop
 * that calls nothing of the seam for 10 s.
 *
 * The thread that calls sim_begin() is one of them, so a test calls the core as
 * any client would.
 */
#ifndef SIM_OS_H
#define SIM_OS_H

#include <stdbool.h>
#include <stdint.h>

#include <rng.h>
#include <vqp_os.h>

/* Where and as what a thread may run. */
enum sim_kind {
	SIM_TASK,		/* may sleep */
	SIM_ATOMIC,		/* a handler: may not */
};

struct sim_options {
	uint64_t seed;
	bool trace;		/* print every step */
	bool quiet;		/* not the log of the core */
	uint64_t steps_max;	/* 0: 50 million; more is a livelock */
};

/*
 * Begin a simulation, or end it: then all threads that were spawned must have
 * returned, but for the workers, and all memory be free.
 */
void sim_begin(const struct sim_options *options);
void sim_end(void);

/* A number that two runs of one seed have in common, of all that happened. */
uint64_t sim_trace_hash(void);
uint64_t sim_step_count(void);

/* End the program, with every thread's last call; printf's format. */
_Noreturn void sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Called first by sim_fail(), to say how to see it again; or NULL. */
extern void (*sim_on_fail)(void);
/* A line of the trace; free when it is off. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Threads.  sim_join() waits until it has returned.  sim_point() may let
 * others go on; where says in what call.  sim_sleep() is for tasks.
 */
struct sim_thread *sim_spawn(const char *name, enum sim_kind kind,
    void (*run)(void *), void *argument);
void sim_join(struct sim_thread *thread);
bool sim_is_done(const struct sim_thread *thread);
/* Another thread does not run while it is stopped; with a lock, it goes on. */
void sim_stop(struct sim_thread *thread, bool stopped);
void sim_point(const char *where, uint64_t value);
/* Called in every step, by the thread that takes it; or NULL. */
extern void (*sim_on_step)(const char *where);
void sim_sleep(uint64_t nanoseconds);
/* Wait until somebody wakes this channel; and wake all who wait for it. */
void sim_wait(const void *channel, const char *where);
void sim_wake(const void *channel);
/* Of the thread that runs. */
enum sim_kind sim_kind(void);
void sim_set_kind(enum sim_kind kind);
/* The scheduler's dice, for all that belongs to the world and not the test. */
struct rng *sim_rng(void);
uint64_t sim_now_ns(void);

/*
 * The device as the guest's machine sees it: a bus.  A stream comes in as many
 * pieces as the scheduler likes.
 */
struct sim_bus {
	void *device;
	uint32_t (*reg_read)(void *device, uint32_t reg);
	void (*reg_write)(void *device, uint32_t reg, uint32_t value);
	void (*stream_read)(void *device, uint32_t reg, uint8_t *to,
	    uint64_t bytes);
	void (*stream_write)(void *device, uint32_t reg, const uint8_t *from,
	    uint64_t bytes);
	bool whole_reads;	/* a stream that is read comes in one piece */
};

/* One guest's machine. */
struct sim_os_options {
	const char *name;
	struct sim_bus bus;
	uint32_t worker_count;		/* 0: 1 */
	uint64_t first_page;		/* page numbers of the bus; 0: 256 */
	uint32_t mirror_percent;	/* how often pages come mirrored */
	uint32_t page_shift;		/* of its pages; 0: 12 */
};

struct vqp_os *sim_os_open(const struct sim_os_options *options);
/* Everything given back, released if it must be, or the program ends. */
void sim_os_close(struct vqp_os *os, bool must_be_released);
bool sim_os_released(const struct vqp_os *os);
/* Sleep until it has no work left: what the core frees later is free then. */
void sim_os_settle(struct vqp_os *os);
/* A machine without I/O ports. */
void sim_os_no_ports(struct vqp_os *os);
/* The device was pulled out: all reads are ones. */
void sim_os_pull(struct vqp_os *os);

/*
 * Shortage: the n-th request from now on fails (1: the next), and so do each
 * one after it if `all`; 0: none.  sim_os_requests() counts them.
 */
void sim_os_fail_at(struct vqp_os *os, uint64_t n, bool all);
/* Of a million requests so many fail. */
void sim_os_fail_rate(struct vqp_os *os, uint32_t per_million);
uint64_t sim_os_requests(const struct vqp_os *os);
uint64_t sim_os_bytes_live(const struct vqp_os *os);
/* Lines the core logged, and the last of them. */
uint64_t sim_os_log_count(const struct vqp_os *os);

/*
 * Memory by bus address, as a device reaches it: NULL unless all of it is a
 * guest's and lies in one page or one piece of DMA memory.
 */
void *sim_os_bus(struct vqp_os *os, uint64_t address, uint64_t bytes);

/* Called by whoever was given pages, in the call that did; or NULL. */
extern void (*sim_on_pages)(void);

/*
 * The driver let go of its device: the bus reaches none of its pages any more.
 * Who looks at them still does.
 */
void sim_os_forget(struct vqp_os *os);

/*
 * Pages of the bus one behind the other, at an address of their own, so that
 * what is touched after the unmap is caught; NULL if one is not a guest's.
 */
void *sim_os_map(struct vqp_os *os, const uint64_t *addresses, uint32_t count);
void sim_os_unmap(struct vqp_os *os, void *memory, uint32_t count);

#endif
