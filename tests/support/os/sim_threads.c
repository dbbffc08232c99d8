/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The simulator's threads and time: coroutines, the scheduler that chooses the
 * next thread, and the end of a failed simulation.  No address may reach the
 * trace or the scheduler, because addresses differ from run to run.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "sim_private.h"

struct sim sim;

/* For all simulations: whether a step happened since the last check. */
static volatile bool stepped;

/* Stacks are kept from one simulation to the next. */
static void *stacks[THREADS_MAX];
static unsigned stack_count;

void (*sim_on_fail)(void);
void (*sim_on_step)(const char *where);

/* ---- Failures and the trace. */

static const char *const state_name[] = {
	"ready", "waiting", "sleeping", "done"
};

_Noreturn void
sim_fail(const char *format, ...)
{
	static bool failing;
	va_list arguments;

	fflush(stdout);
	printf("# sim: ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n# sim: seed %llu, step %llu, %llu ns\n",
	    (unsigned long long)sim.options.seed,
	    (unsigned long long)sim.steps, (unsigned long long)sim.now_ns);
	for (unsigned i = 0; i < sim.thread_count; i++) {
		const struct sim_thread *thread = sim.thread[i];

		if (thread->state == DONE)
			continue;
		printf("# sim: %c thread %u %-14s %-8s in %s(%llu), %u locks, "
		    "%u read sections%s\n",
		    thread == sim.current ? '>' : ' ', thread->id,
		    thread->name, state_name[thread->state],
		    thread->where != NULL ? thread->where : "-",
		    (unsigned long long)thread->value, thread->held_count,
		    thread->read_count,
		    thread->kind == SIM_ATOMIC ? ", atomic" : "");
	}
	if (!failing && sim_on_fail != NULL) {
		failing = true;
		sim_on_fail();
	}
	fflush(stdout);
	abort();
}

void
sim_note(const char *format, ...)
{
	va_list arguments;

	if (!sim.options.trace)
		return;
	printf("# %8llu %-14s   ", (unsigned long long)sim.steps,
	    sim.current->name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static void
mix(uint64_t value)
{
	sim.hash = (sim.hash ^ value) * UINT64_C(0x100000001b3);
	sim.hash ^= sim.hash >> 29;
}

uint64_t
sim_trace_hash(void)
{
	return sim.hash;
}

uint64_t
sim_step_count(void)
{
	return sim.steps;
}

struct rng *
sim_rng(void)
{
	return &sim.rng;
}

uint64_t
sim_now_ns(void)
{
	return sim.now_ns;
}

/* ---- Threads. */

static void
switch_to(struct sim_thread *next)
{
	struct sim_thread *self = sim.current;

	if (next == self)
		return;
	sim.previous = self;
	sim.current = next;
	if (sim.options.trace)
		printf("# %8llu -> %s\n", (unsigned long long)sim.steps,
		    next->name);
#ifdef SIM_ASAN
	__sanitizer_start_switch_fiber(
	    self->state == DONE ? NULL : &self->fake_stack,
	    next->stack_bottom, next->stack_bytes);
#endif
#ifdef SIM_TSAN
	__tsan_switch_to_fiber(next->fiber, 0);
#endif
	swapcontext(&self->context, &next->context);
#ifdef SIM_ASAN
	__sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#endif
}

/* Choose the next thread: a ready one, or the first to wake up. */
static struct sim_thread *
choose(bool self_too)
{
	struct sim_thread *ready[THREADS_MAX], *first = NULL, *best;
	unsigned count = 0;

	for (;;) {
		for (unsigned i = 0; i < sim.thread_count; i++) {
			struct sim_thread *thread = sim.thread[i];

			if (thread->stopped)
				continue;
			if (thread->state == SLEEPING &&
			    thread->until_ns <= sim.now_ns)
				thread->state = READY;
			if (thread->state == READY &&
			    (self_too || thread != sim.current))
				ready[count++] = thread;
			else if (thread->state == SLEEPING && (first == NULL ||
			    thread->until_ns < first->until_ns))
				first = thread;
		}
		if (count != 0)
			break;
		if (first == NULL)
			return NULL;
		sim.now_ns = first->until_ns;
		first = NULL;
	}
	if (!sim.by_priority)
		return ready[rng_below(&sim.rng, count)];
	best = ready[0];
	for (unsigned i = 1; i < count; i++) {
		if (ready[i]->priority > best->priority)
			best = ready[i];
	}
	return best;
}

void
sim_step(const char *where, uint64_t value)
{
	struct sim_thread *self = sim.current;

	if (!sim.on)
		sim_fail("%s() outside of a simulation", where);
	self->where = where;
	self->value = value;
	stepped = true;
	sim.now_ns += 50;
	if (++sim.steps > sim.options.steps_max)
		sim_fail("no end after %llu steps",
		    (unsigned long long)sim.options.steps_max);
	mix(self->id);
	mix(value);
	mix((uint64_t)where[0] + ((uint64_t)where[1] << 8));
	if (sim.options.trace)
		printf("# %8llu %-14s %s(%llu)\n",
		    (unsigned long long)sim.steps, self->name, where,
		    (unsigned long long)value);
	if (sim_on_step != NULL)
		sim_on_step(where);
}

/* Do not go on until another thread makes this one ready. */
static void
stop(enum thread_state state)
{
	struct sim_thread *next;

	sim.current->state = state;
	next = choose(true);
	if (next == NULL)
		sim_fail("deadlock: nobody can go on");
	switch_to(next);
}

void
sim_point(const char *where, uint64_t value)
{
	struct sim_thread *self = sim.current;

	sim_step(where, value);
	if (sim.by_priority) {
		if (rng_below(&sim.rng, 4 * sim.switch_one_in) == 0)
			self->priority = rng_next(&sim.rng);
	} else if (rng_below(&sim.rng, sim.switch_one_in) != 0) {
		return;
	}
	switch_to(choose(true));
}

void
sim_give_way(const char *where, uint64_t value)
{
	struct sim_thread *next;

	sim_step(where, value);
	sim.current->priority = rng_next(&sim.rng) >> 32;
	next = choose(false);
	if (next != NULL && rng_below(&sim.rng, 8) != 0)
		switch_to(next);
}

void
sim_may_sleep(const char *where)
{
	const struct sim_thread *self = sim.current;

	if (self->held_count != 0)
		sim_fail("%s() with a lock held", where);
	if (self->read_count != 0)
		sim_fail("%s() in a read section", where);
	if (self->kind == SIM_ATOMIC)
		sim_fail("%s() in atomic context", where);
}

void
sim_wait(const void *channel, const char *where)
{
	sim.current->where = where;
	sim.current->channel = channel;
	stop(WAITING);
	sim.current->channel = NULL;
}

void
sim_wake(const void *channel)
{
	for (unsigned i = 0; i < sim.thread_count; i++) {
		if (sim.thread[i]->state == WAITING &&
		    sim.thread[i]->channel == channel)
			sim.thread[i]->state = READY;
	}
}

void
sim_sleep(uint64_t nanoseconds)
{
	sim_may_sleep("sim_sleep");
	sim_step("sleep", nanoseconds);
	sim.current->until_ns = sim.now_ns + nanoseconds;
	stop(SLEEPING);
}

enum sim_kind
sim_kind(void)
{
	return sim.current->kind;
}

void
sim_set_kind(enum sim_kind kind)
{
	sim.current->kind = kind;
}

static void
thread_main(void)
{
	struct sim_thread *self = sim.current;

#ifdef SIM_ASAN
	/* This also tells the sanitizer the first thread's stack. */
	__sanitizer_finish_switch_fiber(NULL, &sim.previous->stack_bottom,
	    &sim.previous->stack_bytes);
#endif
	self->run(self->argument);
	if (self->held_count != 0 || self->read_count != 0)
		sim_fail("%s returns with a lock or in a read section",
		    self->name);
	sim_step("return", 0);
	sim_wake(self);
	stop(DONE);
	abort();
}

static void *
stack_get(void)
{
	uint8_t *stack;

	if (stack_count != 0)
		return stacks[--stack_count];
	stack = mmap(NULL, STACK_BYTES + PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED || mprotect(stack, PAGE, PROT_NONE) != 0)
		abort();
	return stack + PAGE;
}

struct sim_thread *
sim_thread_new(const char *name, enum sim_kind kind)
{
	struct sim_thread *thread = calloc(1, sizeof(*thread));

	if (thread == NULL || sim.thread_count == THREADS_MAX)
		abort();
	thread->id = sim.thread_count;
	thread->name = name;
	thread->kind = kind;
	thread->priority = rng_next(&sim.rng);
	sim.thread[sim.thread_count++] = thread;
	return thread;
}

struct sim_thread *
sim_spawn(const char *name, enum sim_kind kind, void (*run)(void *),
    void *argument)
{
	struct sim_thread *thread = sim_thread_new(name, kind);

	thread->run = run;
	thread->argument = argument;
	thread->stack = stack_get();
	getcontext(&thread->context);
	thread->context.uc_stack.ss_sp = thread->stack;
	thread->context.uc_stack.ss_size = STACK_BYTES;
	thread->context.uc_link = NULL;
	makecontext(&thread->context, thread_main, 0);
#ifdef SIM_ASAN
	thread->stack_bottom = thread->stack;
	thread->stack_bytes = STACK_BYTES;
#endif
#ifdef SIM_TSAN
	thread->fiber = __tsan_create_fiber(0);
#endif
	return thread;
}

void
sim_join(struct sim_thread *thread)
{
	sim_may_sleep("sim_join");
	while (thread->state != DONE)
		sim_wait(thread, "join");
}

bool
sim_is_done(const struct sim_thread *thread)
{
	return thread->state == DONE;
}

void
sim_stop(struct sim_thread *thread, bool stopped)
{
	while (thread->held_count != 0)
		sim_sleep(50);
	thread->stopped = stopped;
}

void
sim_threads_free(void)
{
	for (unsigned i = 0; i < sim.thread_count; i++) {
		if (sim.thread[i]->stack != NULL)
			stacks[stack_count++] = sim.thread[i]->stack;
#ifdef SIM_TSAN
		if (i != 0)
			__tsan_destroy_fiber(sim.thread[i]->fiber);
#endif
		free(sim.thread[i]);
	}
}

/*
 * The signal may interrupt anything, but a loop without steps never ends by
 * itself.
 */
static void
look_for_steps(int number)
{
	(void)number;
	if (sim.on && !stepped)
		sim_fail("no step in %u s of the processor's", SILENT_SECONDS);
	stepped = false;
}

void
sim_look_every(unsigned seconds)
{
	const struct sigaction action = {
		.sa_handler = look_for_steps,
		.sa_flags = SA_RESTART,
	};
	const struct itimerval timer = {
		.it_interval.tv_sec = seconds,
		.it_value.tv_sec = seconds,
	};

	stepped = true;
	(void)sigaction(SIGVTALRM, &action, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &timer, NULL);
}
