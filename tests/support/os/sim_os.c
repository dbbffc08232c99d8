/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The simulator's threads, time and memory, and the seam on top of them: see
 * sim_os.h.  No address may reach the trace or the scheduler: they differ from
 * run to run.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim_private.h"

void
sim_begin(const struct sim_options *options)
{
	if (sim.on)
		sim_fail("a simulation in a simulation");
	memset(&sim, 0, sizeof(sim));
	sim.options = *options;
	if (sim.options.steps_max == 0)
		sim.options.steps_max = 50 * 1000 * 1000;
	sim.rng.state = options->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	sim.on = true;
	sim.now_ns = 1000;
	sim.by_priority = rng_below(&sim.rng, 4) == 0;
	sim.switch_one_in = UINT64_C(1) << (1 + rng_below(&sim.rng, 5));
	sim.freed_last = &sim.freed_first;
	sim.current = sim_thread_new("main", SIM_TASK);
#ifdef SIM_TSAN
	sim.current->fiber = __tsan_get_current_fiber();
#endif
	sim_look_every(SILENT_SECONDS);
}

void
sim_end(void)
{
	struct sim_thread *first = sim.thread[0];

	if (sim.current != first)
		sim_fail("sim_end() in another thread than sim_begin()");
	if (sim.machines != NULL)
		sim_fail("machine %s is still open", sim.machines->name);
	for (unsigned i = 1; i < sim.thread_count; i++) {
		if (sim.thread[i]->state != DONE)
			sim_fail("thread %s never ends", sim.thread[i]->name);
	}
	if (sim.locks_alive != 0 || sim.events_alive != 0)
		sim_fail("%u locks and %u events were not destroyed",
		    sim.locks_alive, sim.events_alive);
	while (sim.freed_first != NULL) {
		struct memory *memory = sim.freed_first;

		sim.freed_first = memory->next;
		sim_memory_release(memory);
	}
	sim_threads_free();
	sim.on = false;
	sim_look_every(0);
}

/* ---- Machines. */

void
sim_worker_main(void *argument)
{
	struct vqp_os *os = argument;
	struct sim_thread *self = sim.current;

	for (;;) {
		struct vqp_os_work *work = os->work_first;
		bool beside = false;

		if (work == NULL) {
			if (os->closing)
				return;
			sim_wait(&os->work_first, "worker");
			continue;
		}
		for (unsigned i = 0; i < 4; i++) {
			if (os->worker[i] != NULL &&
			    os->worker[i]->working == work)
				beside = true;
		}
		if (beside) {
			/* It runs, and was queued again: in its turn. */
			sim_wait(&os->worker, "worker");
			continue;
		}
		os->work_first = work->next;
		if (os->work_first == NULL)
			os->work_last = &os->work_first;
		work->next = NULL;
		work->queued = false;
		self->working = work;
		sim_point("work_begin", 0);
		work->function(work->argument);
		/* It may be gone now: only its address is looked at. */
		if (self->held_count != 0 || self->read_count != 0 ||
		    self->kind != SIM_TASK)
			sim_fail("work returns with a lock or read section");
		self->working = NULL;
		sim_wake(&os->worker);
		sim_point("work_end", 0);
	}
}

struct vqp_os *
sim_os_open(const struct sim_os_options *options)
{
	struct vqp_os *os = calloc(1, sizeof(*os));
	uint32_t workers = options->worker_count;

	if (os == NULL)
		abort();
	os->options = *options;
	os->id = sim.machine_count++;
	os->page_next = options->first_page != 0 ? options->first_page : 256;
	os->page_bytes = UINT64_C(1) << (options->page_shift != 0 ?
	    options->page_shift : PAGE_SHIFT);
	os->work_last = &os->work_first;
	os->ram = memfd_create("ram", MFD_CLOEXEC);
	if (os->ram < 0 || ftruncate(os->ram, (off_t)RAM_BYTES) != 0)
		abort();
	snprintf(os->name, sizeof(os->name), "%s", options->name != NULL ?
	    options->name : "guest");
	for (unsigned i = 0; i < (workers == 0 ? 1 : workers) && i < 4; i++) {
		snprintf(os->worker_name[i], sizeof(os->worker_name[i]),
		    "%s.work%u", os->name, i);
		os->worker[i] = sim_spawn(os->worker_name[i], SIM_TASK,
		    sim_worker_main, os);
	}
	os->next = sim.machines;
	sim.machines = os;
	return os;
}

bool
sim_os_works(const struct vqp_os *os)
{
	for (unsigned i = 0; i < 4; i++) {
		if (os->worker[i] != NULL && os->worker[i]->working != NULL)
			return true;
	}
	return os->work_first != NULL;
}

void
sim_os_settle(struct vqp_os *os)
{
	while (sim_os_works(os))
		sim_sleep(1000);
}

void
sim_os_close(struct vqp_os *os, bool must_be_released)
{
	struct vqp_os **link = &sim.machines;

	/* The last to let go may be work: as a shell, wait for its return. */
	if (must_be_released)
		sim_os_settle(os);
	if (must_be_released && !os->released)
		sim_fail("%s: no vqp_os_release()", os->name);
	if (sim_os_works(os))
		sim_fail("%s: work is left", os->name);
	if (os->readers != NULL)
		sim_fail("%s: somebody is still in a read section", os->name);
	for (unsigned i = 0; i < BUCKETS; i++) {
		if (os->memory[i] != NULL)
			sim_fail("%s: leak of %llu bytes in all; one of %llu",
			    os->name, (unsigned long long)os->bytes_live,
			    (unsigned long long)os->memory[i]->bytes);
	}
	if (os->maps_alive != 0)
		sim_fail("%s: the device still maps pages", os->name);
	os->closing = true;
	sim_wake(&os->work_first);
	for (unsigned i = 0; i < 4; i++) {
		if (os->worker[i] != NULL)
			sim_join(os->worker[i]);
	}
	while (*link != os)
		link = &(*link)->next;
	*link = os->next;
	close(os->ram);
	free(os);
}

bool
sim_os_released(const struct vqp_os *os)
{
	return os->released;
}

void
sim_os_no_ports(struct vqp_os *os)
{
	os->no_ports = true;
}

bool
vqp_os_has_ports(struct vqp_os *os)
{
	sim_machine_check(os, "has_ports");
	return !os->no_ports;
}

void
sim_os_pull(struct vqp_os *os)
{
	os->pulled = true;
}

uint64_t
sim_os_log_count(const struct vqp_os *os)
{
	return os->log_count;
}

/* ---- Work, and events. */

void
vqp_os_work_init(struct vqp_os_work *work, void (*function)(void *),
    void *argument)
{
	if (work->alive == ALIVE && work->queued)
		sim_fail("work_init() of what is queued");
	*work = (struct vqp_os_work){
		.alive = ALIVE,
		.function = function,
		.argument = argument,
	};
}

void
vqp_os_work_queue(struct vqp_os *os, struct vqp_os_work *work)
{
	sim_machine_check(os, "work_queue");
	if (work->alive != ALIVE)
		sim_fail("work_queue() of what is no work");
	sim_point("work_queue", work->queued);
	if (work->queued)
		return;
	work->queued = true;
	work->os = os;
	work->next = NULL;
	*os->work_last = work;
	os->work_last = &work->next;
	sim_wake(&os->work_first);
	sim_point("work_queued", 0);
}

static bool
is_working(const struct vqp_os *os, const struct vqp_os_work *work)
{
	for (unsigned i = 0; i < 4; i++) {
		if (os->worker[i] != NULL && os->worker[i]->working == work)
			return true;
	}
	return false;
}

void
vqp_os_work_drain(struct vqp_os *os, struct vqp_os_work *work)
{
	sim_machine_check(os, "work_drain");
	sim_may_sleep("work_drain");
	if (work->alive != ALIVE)
		sim_fail("work_drain() of what is no work");
	if (sim.current->working == work)
		sim_fail("work drains itself");
	sim_point("work_drain", 0);
	for (;;) {
		if (work->queued && rng_below(&sim.rng, 2) == 0) {
			struct vqp_os_work **link = &os->work_first;

			while (*link != work)
				link = &(*link)->next;
			*link = work->next;
			if (*link == NULL)
				os->work_last = link;
			work->queued = false;
			sim_wake(&os->worker);
		}
		if (!work->queued && !is_working(os, work))
			break;
		if (is_working(os, work))
			sim_wait(&os->worker, "work_drain");
		else
			sim_point("work_drain", 1);
	}
}

void
vqp_os_event_init(struct vqp_os_event *event)
{
	if (event->alive == ALIVE)
		sim_fail("event_init() twice");
	*event = (struct vqp_os_event){ .alive = ALIVE };
	sim.events_alive++;
}

void
vqp_os_event_destroy(struct vqp_os_event *event)
{
	sim_point("event_destroy", 0);
	if (event->alive != ALIVE || event->waiter != NULL)
		sim_fail("event_destroy() of no event, or one waited for");
	event->alive = 0;
	sim.events_alive--;
}

void
vqp_os_event_signal(struct vqp_os_event *event)
{
	sim_point("event_signal", 0);
	if (event->alive != ALIVE)
		sim_fail("event_signal() of no event");
	event->signals++;
	sim_wake(event);
	/* No step behind it: the waiter may destroy it at once. */
}

void
vqp_os_event_wait(struct vqp_os_event *event)
{
	sim_may_sleep("event_wait");
	sim_point("event_wait", 0);
	if (event->alive != ALIVE || event->waiter != NULL)
		sim_fail("event_wait() of no event, or by two");
	event->waiter = sim.current;
	while (event->signals == 0)
		sim_wait(event, "event_wait");
	event->signals--;
	event->waiter = NULL;
	sim_point("event_waited", 0);
}

/* ---- Time, and the rest. */

uint64_t
vqp_os_now_ns(struct vqp_os *os)
{
	sim_machine_check(os, "now_ns");
	return sim.now_ns;
}

void
vqp_os_relax(struct vqp_os *os)
{
	const struct sim_thread *self = sim.current;

	sim_machine_check(os, "relax");
	sim.now_ns += 1000;
	/* One in a while is stopped by others for longer than it hoped. */
	if (self->kind == SIM_TASK && self->held_count == 0 &&
	    self->read_count == 0 && rng_below(&sim.rng, 64) == 0)
		sim_sleep(rng_below(&sim.rng, 500000));
	else
		sim_give_way("relax", 0);
}

uintptr_t
vqp_os_self(struct vqp_os *os)
{
	sim_machine_check(os, "self");
	return sim.current->id + 1;
}

void
vqp_os_log(struct vqp_os *os, enum vqp_os_level level, const char *format, ...)
{
	static const char *const level_name[] = { "error", "warning", "info" };
	va_list arguments;

	sim_machine_check(os, "log");
	sim_point("log", level);
	os->log_count++;
	if (sim.options.quiet && !sim.options.trace)
		return;
	printf("# %s: %s: ", os->name, level_name[level]);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

void
vqp_os_release(struct vqp_os *os)
{
	sim_machine_check(os, "release");
	sim_point("release", 0);
	if (os->released)
		sim_fail("release() twice");
	os->released = true;
}
