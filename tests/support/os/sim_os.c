/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Simulations and their machines (see sim_os.h), and all that belongs to
 * neither threads, memory, registers, locks nor work.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

	/*
	 * Work may release the machine last; like a shell, wait until it
	 * returns.
	 */
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
	/* Sometimes a task is descheduled for longer than it expected. */
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
