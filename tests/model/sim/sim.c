/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The explorer: a memory, threads as coroutines, and a depth-first search.
 * README.md explains the model and the search, in the order of this file.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sim.h"

#define MESSAGES_MAX 32		/* of a cell in one run; one bit each */
#define STEPS_MAX 256		/* of one run */
#define BYTES_MAX 64
#define AREAS_MAX 2
#define PRIVATE_MAX 16
#define STACK_BYTES 65536
#define NOBODY SIM_THREADS	/* start() and end() */

bool sim_reduce = true;

/* ---- Memory. */

/*
 * What a thread knows: the latest message of each cell, and, for each thread,
 * the time up to which all it did happened before.
 */
struct view {
	uint8_t message[SIM_CELLS];
	uint16_t clock[SIM_THREADS];
};

/*
 * A value that was stored in a cell, and the knowledge that an acquiring load
 * gains.
 */
struct message {
	uint64_t value;
	struct view view;
	uint8_t rank;		/* its place in the cell's order */
	bool by_swap;		/* directly follows the one before it */
	uint8_t writer;
	uint16_t step;
};

struct cell {
	const char *name;
	void *at;
	unsigned bytes;
	unsigned count;
	struct message message[MESSAGES_MAX];	/* in the order they came */
	uint8_t order[MESSAGES_MAX];		/* by rank */
	uint8_t weak[SIM_THREADS];		/* an enum sim_weakness each */
};

struct bell {
	bool rung;
	struct view view;
};

struct byte {
	uint8_t writer;
	uint16_t written;			/* store time; 0: never */
	uint16_t write_step;
	uint16_t read[SIM_THREADS];		/* when it was last read */
	uint16_t read_step[SIM_THREADS];
};

struct area {
	const char *name;
	const uint8_t *base;
	size_t length;
	struct byte *byte;
};

/* Everything that one run changes, except for the threads. */
static struct memory {
	unsigned cells, areas, bytes, privates;
	struct bell bell[SIM_BELLS];
	struct view fenced;			/* what all full fences know */
	struct area area[AREAS_MAX];
	struct byte byte[BYTES_MAX];
	struct { const void *at; unsigned owner; } private[PRIVATE_MAX];
} memory;
static struct cell cells[SIM_CELLS];

static unsigned
rank(unsigned cell, unsigned message)
{
	return cells[cell].message[message].rank;
}

static void
join_cells(struct view *to, const struct view *from)
{
	for (unsigned c = 0; c < memory.cells; c++) {
		if (rank(c, from->message[c]) > rank(c, to->message[c]))
			to->message[c] = from->message[c];
	}
}

static void
join(struct view *to, const struct view *from)
{
	join_cells(to, from);
	for (unsigned t = 0; t < SIM_THREADS; t++) {
		if (from->clock[t] > to->clock[t])
			to->clock[t] = from->clock[t];
	}
}

static unsigned
insert(struct cell *cell, unsigned after, uint64_t value, bool by_swap)
{
	const unsigned id = cell->count++;
	const unsigned at = cell->message[after].rank + 1u;

	if (id == MESSAGES_MAX)
		abort();
	for (unsigned r = id; r > at; r--) {
		cell->order[r] = cell->order[r - 1];
		cell->message[cell->order[r]].rank = (uint8_t)r;
	}
	cell->order[at] = (uint8_t)id;
	cell->message[id].rank = (uint8_t)at;
	cell->message[id].value = value;
	cell->message[id].by_swap = by_swap;
	if (at == id && cell->bytes == 1)
		*(uint8_t *)cell->at = (uint8_t)value;
	else if (at == id)
		*(uint64_t *)cell->at = value;
	return id;
}

/* ---- Threads. */

enum verb { LOAD, AWAIT, STORE, SWAP, FENCE, RING, WAIT, JOIN, DONE };

struct operation {
	enum verb verb;
	enum sim_order order;
	unsigned on;		/* a cell, a bell or a thread */
	uint64_t value;
};

static struct thread {
	struct view now;
	struct view acquired;	/* by relaxed loads, for the next fence */
	struct view released;	/* at the last fence, for relaxed stores */
	struct operation next;
	jmp_buf begin, here;
	ucontext_t context;
	bool has_stack, no_fence;
	uint8_t stack[STACK_BYTES] __attribute__((aligned(64)));
} threads[SIM_THREADS];

static const struct sim_model *model;
static const struct sim_fault *fault;
static struct sim_report *result;
static unsigned thread_count;
static unsigned running = NOBODY;
static bool starting;
static jmp_buf explorer;

/* The steps of this run, for the person who reads the report. */
static struct step {
	uint8_t thread;
	bool is_plain, is_write;
	struct operation operation;
	uint64_t value;
	unsigned message, newest;
} steps[STEPS_MAX];
static unsigned step_count;

/*
 * How a run, or a thread's way to its first operation, returned to the
 * explorer.
 */
static enum leave {
	LEAVE_STARTED, LEAVE_END, LEAVE_REDUNDANT, LEAVE_FAILED,
} left;

static _Noreturn void
leave(enum leave how)
{
	left = how;
	longjmp(explorer, 1);
}

static _Noreturn void
fail(const char *why)
{
	result->failed = true;
	snprintf(result->why, sizeof(result->why), "%s", why);
	leave(LEAVE_FAILED);
}

static struct step *
say(bool is_plain)
{
	struct step *step = &steps[step_count];

	if (step_count == STEPS_MAX)
		fail("a run takes more steps than STEPS_MAX");
	step_count++;
	memset(step, 0, sizeof(*step));
	step->thread = (uint8_t)running;
	step->is_plain = is_plain;
	return step;
}

/* The choices of an operation: messages to load, or to store after. */
static uint32_t
choices(unsigned t)
{
	const struct operation *next = &threads[t].next;
	const struct cell *cell = &cells[next->on];
	uint32_t mask = 0;
	unsigned newer;

	switch (next->verb) {
	case AWAIT:
		newer = rank(next->on, threads[t].now.message[next->on]) + 1;
		return newer < cell->count ?
		    UINT32_C(1) << cell->order[newer] : 0;
	case LOAD:
	case STORE:
	case SWAP:
		for (unsigned r = rank(next->on,
		    threads[t].now.message[next->on]); r < cell->count; r++) {
			if (next->verb == LOAD || r + 1 == cell->count ||
			    !cell->message[cell->order[r + 1]].by_swap)
				mask |= UINT32_C(1) << cell->order[r];
		}
		return mask;
	case FENCE:
	case RING:
		return 1;
	case WAIT:
		return memory.bell[next->on].rung;
	case JOIN:
		return threads[next->on].next.verb == DONE;
	case DONE:
		break;
	}
	return 0;
}

static void
store(struct thread *self, unsigned after, struct step *step)
{
	const struct operation *next = &self->next;
	struct cell *cell = &cells[next->on];
	const bool is_swap = next->verb == SWAP;
	const unsigned id = insert(cell, after, next->value, is_swap);
	struct message *message = &cell->message[id];

	self->now.message[next->on] = (uint8_t)id;
	message->view = next->order == SIM_RELEASE ? self->now : self->released;
	message->view.message[next->on] = (uint8_t)id;
	/* A swap passes on the knowledge of the message that it replaced. */
	if (is_swap)
		join(&message->view, &cell->message[after].view);
	message->writer = (uint8_t)running;
	message->step = (uint16_t)step_count;
	if (!is_swap)
		step->message = id;
	step->newest = cell->order[cell->count - 1];
}

static void
load(struct thread *self, unsigned id, bool acquires)
{
	self->now.message[self->next.on] = (uint8_t)id;
	join(acquires ? &self->now : &self->acquired,
	    &cells[self->next.on].message[id].view);
}

static uint64_t
perform(struct thread *self, unsigned choice)
{
	const struct operation *next = &self->next;
	struct cell *cell = &cells[next->on];
	struct step *step = say(false);
	uint16_t *clock = &self->now.clock[running];

	step->operation = *next;
	step->message = choice;
	switch (next->verb) {
	case LOAD:
	case AWAIT:
		step->value = cell->message[choice].value;
		step->newest = cell->order[cell->count - 1];
		load(self, choice, next->order == SIM_ACQUIRE);
		break;
	case STORE:
		step->value = next->value;
		store(self, choice, step);
		++*clock;
		break;
	case SWAP:
		step->value = cell->message[choice].value;
		load(self, choice, next->order == SIM_RELEASE);
		store(self, choice, step);
		++*clock;
		break;
	case FENCE:
		join(&self->now, &self->acquired);
		join_cells(&self->now, &memory.fenced);
		memory.fenced = self->now;
		self->released = self->now;
		++*clock;
		break;
	case RING:
		memory.bell[next->on].rung = true;
		join(&memory.bell[next->on].view, &self->now);
		++*clock;
		break;
	case WAIT:
		memory.bell[next->on].rung = false;
		join(&self->now, &memory.bell[next->on].view);
		break;
	case JOIN:
		join(&self->now, &threads[next->on].now);
		break;
	case DONE:
		break;
	}
	return step->value;
}

/* ---- The search. */

/*
 * A step of the current run: which thread moved, with which choice, and which
 * choices to skip because they were tried before, here or in another order.
 */
static struct node {
	uint32_t enabled[SIM_THREADS];
	uint32_t asleep[SIM_THREADS];
	unsigned thread, choice;
	struct operation operation;
} path[STEPS_MAX];
static unsigned path_length, path_at;

/*
 * True if the order of two threads' steps matters.  A load names the message it
 * reads, so it commutes with every store: an earlier store only adds a choice.
 */
static bool
dependent(const struct operation *a, const struct operation *b)
{
	const bool a_stores = a->verb == STORE || a->verb == SWAP;
	const bool b_stores = b->verb == STORE || b->verb == SWAP;
	const bool a_bell = a->verb == RING || a->verb == WAIT;
	const bool b_bell = b->verb == RING || b->verb == WAIT;

	if (a->verb == FENCE && b->verb == FENCE)
		return true;
	return a->on == b->on && ((a_stores && b_stores) || (a_bell && b_bell));
}

/* Select the next choice that this node has to try; false if there is none. */
static bool
node_next(struct node *node)
{
	for (unsigned t = 0; t < thread_count; t++) {
		const uint32_t todo = node->enabled[t] & ~node->asleep[t];

		if (todo != 0) {
			node->thread = t;
			node->choice = (unsigned)__builtin_ctz(todo);
			return true;
		}
	}
	return false;
}

static void
path_grow(void)
{
	struct node *node = &path[path_length];
	bool done = true, stuck = true;

	for (unsigned t = 0; t < thread_count; t++) {
		const struct node *before = node - 1;

		node->enabled[t] = choices(t);
		node->asleep[t] = 0;
		if (sim_reduce && path_length != 0 && t != before->thread &&
		    !dependent(&before->operation, &threads[t].next))
			node->asleep[t] = before->asleep[t];
		done &= threads[t].next.verb == DONE;
		stuck &= node->enabled[t] == 0;
	}
	if (done)
		leave(LEAVE_END);
	if (stuck)
		fail("a thread waits for what will not come");
	if (!node_next(node))
		leave(LEAVE_REDUNDANT);
	path_length++;
}

/* Return to the last node with a choice left to try; false if there is none. */
static bool
path_turn(void)
{
	while (path_length != 0) {
		struct node *node = &path[path_length - 1];

		node->asleep[node->thread] |= UINT32_C(1) << node->choice;
		if (node_next(node))
			return true;
		path_length--;
	}
	return false;
}

/*
 * Let the thread whose turn it is go on; returns when it is the caller's turn.
 */
static void
turn(void)
{
	const unsigned self = running;

	if (starting) {
		if (setjmp(threads[self].here) == 0)
			leave(LEAVE_STARTED);
		return;
	}
	if (path_at == path_length)
		path_grow();
	running = path[path_at].thread;
	if (running != self && setjmp(threads[self].here) == 0)
		longjmp(threads[running].here, 1);
}

static uint64_t
step(struct operation next)
{
	struct thread *self = &threads[running];
	struct node *node;

	self->next = next;
	turn();
	node = &path[path_at++];
	node->operation = self->next;
	return perform(self, node->choice);
}

static void
thread_main(void)
{
	setjmp(threads[running].begin);
	model->thread[running].run();
	threads[running].next.verb = DONE;
	turn();
	abort();
}

static void
thread_start(unsigned t)
{
	struct thread *self = &threads[t];

	memset(&self->now, 0, sizeof(self->now));
	self->now.clock[t] = 1;
	self->acquired = self->released = (struct view){ { 0 }, { 0 } };
	self->no_fence = fault->what == SIM_NO_FENCE &&
	    strcmp(fault->thread, model->thread[t].name) == 0;
	running = t;
	if (setjmp(explorer) != 0)
		return;
	if (self->has_stack)
		longjmp(self->begin, 1);
	self->has_stack = true;
	getcontext(&self->context);
	self->context.uc_stack.ss_sp = self->stack;
	self->context.uc_stack.ss_size = sizeof(self->stack);
	makecontext(&self->context, thread_main, 0);
	setcontext(&self->context);
}

static void
run(void)
{
	memset(&memory, 0, sizeof(memory));
	step_count = 0;
	path_at = 0;
	running = NOBODY;
	model->start();
	starting = true;
	left = LEAVE_STARTED;
	for (unsigned t = 0; t < thread_count && left == LEAVE_STARTED; t++)
		thread_start(t);
	starting = false;
	if (left == LEAVE_STARTED && setjmp(explorer) == 0) {
		if (path_length == 0)
			path_grow();
		running = path[0].thread;
		longjmp(threads[running].here, 1);
	}
	running = NOBODY;
	if (left == LEAVE_END && model->end != NULL && setjmp(explorer) == 0)
		model->end();
}

void
sim_explore(const struct sim_model *of, const struct sim_fault *weakened,
    uint64_t runs_max, struct sim_report *report)
{
	static const struct sim_fault none = { SIM_AS_WRITTEN, "", NULL };

	memset(report, 0, sizeof(*report));
	model = of;
	fault = weakened != NULL ? weakened : &none;
	result = report;
	for (thread_count = 0; thread_count < SIM_THREADS &&
	    model->thread[thread_count].name != NULL; thread_count++)
		;
	path_length = 0;
	do {
		run();
		if (left == LEAVE_REDUNDANT)
			report->redundant++;
		else
			report->runs++;
		if (!report->failed &&
		    report->runs + report->redundant > runs_max) {
			report->failed = true;
			snprintf(report->why, sizeof(report->why),
			    "not complete after %llu runs",
			    (unsigned long long)runs_max);
		}
	} while (!report->failed && path_turn());
}

/* ---- The calls of a model. */

void
sim_cell(const char *name, void *at, unsigned bytes)
{
	struct cell *cell = &cells[memory.cells];

	if (memory.cells++ == SIM_CELLS)
		abort();
	cell->name = name;
	cell->at = at;
	cell->bytes = bytes;
	cell->count = 1;
	cell->order[0] = 0;
	memset(&cell->message[0], 0, sizeof(cell->message[0]));
	cell->message[0].value =
	    bytes == 1 ? *(uint8_t *)at : *(uint64_t *)at;
	cell->message[0].writer = NOBODY;
	for (unsigned t = 0; t < thread_count; t++)
		cell->weak[t] = (uint8_t)(fault->cell != NULL &&
		    strcmp(fault->cell, name) == 0 &&
		    strcmp(fault->thread, model->thread[t].name) == 0 ?
		    fault->what : SIM_AS_WRITTEN);
}

void
sim_bytes(const char *name, const void *base, size_t length)
{
	struct area *area = &memory.area[memory.areas];

	if (memory.areas++ == AREAS_MAX || memory.bytes + length > BYTES_MAX)
		abort();
	area->name = name;
	area->base = (const uint8_t *)base;
	area->length = length;
	area->byte = &memory.byte[memory.bytes];
	memory.bytes += (unsigned)length;
}

void
sim_check(bool truth, const char *why)
{
	if (!truth)
		fail(why);
}

void
sim_outcome(unsigned outcome)
{
	result->outcomes |= UINT64_C(1) << outcome;
}

void
sim_await(const void *at)
{
	for (unsigned c = 0; c < memory.cells; c++) {
		if (cells[c].at == at) {
			step((struct operation){ .verb = AWAIT, .on = c });
			return;
		}
	}
	abort();
}

void
sim_join(const char *thread)
{
	for (unsigned t = 0; t < thread_count; t++) {
		if (strcmp(thread, model->thread[t].name) == 0) {
			step((struct operation){ .verb = JOIN, .on = t });
			return;
		}
	}
	abort();
}

void
sim_ring(unsigned bell)
{
	step((struct operation){ .verb = RING, .on = bell });
}

void
sim_wait(unsigned bell)
{
	step((struct operation){ .verb = WAIT, .on = bell });
}

/* ---- Operations. */

/* Find the named cell, or NULL for a cell of the running thread's own. */
static struct cell *
find(const void *at)
{
	unsigned i;

	if (running == NOBODY)
		return NULL;
	for (i = 0; i < memory.cells; i++) {
		if (cells[i].at == at)
			return &cells[i];
	}
	for (i = 0; i < memory.privates && memory.private[i].at != at; i++)
		;
	if (i == PRIVATE_MAX)
		abort();
	if (i == memory.privates) {
		memory.private[i].at = at;
		memory.private[i].owner = running;
		memory.privates++;
	}
	if (memory.private[i].owner != running)
		fail("two threads touch a cell that start() did not name");
	return NULL;
}

static bool
weak(const struct cell *cell, enum sim_weakness what)
{
	const bool yes = cell != NULL && cell->weak[running] == what;

	result->weakened += yes;
	return yes;
}

uint64_t
sim_load(const void *at, enum sim_order order)
{
	const struct cell *cell = find(at);

	if (cell == NULL)
		return *(const uint64_t *)at;
	if (order == SIM_ACQUIRE && weak(cell, SIM_LOAD_RELAXED))
		order = SIM_RELAXED;
	return step((struct operation){
	    LOAD, order, (unsigned)(cell - cells), 0 });
}

void
sim_store(void *at, uint64_t value, enum sim_order order)
{
	const struct cell *cell = find(at);

	if (cell == NULL) {
		*(uint64_t *)at = value;
		return;
	}
	if (order == SIM_RELEASE && weak(cell, SIM_STORE_RELAXED))
		order = SIM_RELAXED;
	step((struct operation){
	    STORE, order, (unsigned)(cell - cells), value });
}

void
sim_fence_full(void)
{
	if (running != NOBODY && threads[running].no_fence)
		result->weakened++;
	else if (running != NOBODY)
		step((struct operation){ .verb = FENCE });
}

uint64_t
sim_swap_full(void *at, uint64_t value)
{
	const struct cell *cell = find(at);
	struct operation swap = { SWAP, SIM_RELEASE, 0, value };
	uint64_t old;

	if (cell == NULL)
		abort();
	swap.on = (unsigned)(cell - cells);
	if (weak(cell, SIM_SWAP_PLAIN)) {
		old = sim_load(at, SIM_RELAXED);
		sim_store(at, value, SIM_RELAXED);
		return old;
	}
	if (weak(cell, SIM_SWAP_RELAXED)) {
		swap.order = SIM_RELAXED;
		return step(swap);
	}
	sim_fence_full();
	old = step(swap);
	sim_fence_full();
	return old;
}

/* ---- Plain accesses. */

static _Noreturn void
race(const struct area *area, size_t at, bool is_write, unsigned other,
    bool other_wrote, unsigned other_step)
{
	result->failed = true;
	snprintf(result->why, sizeof(result->why),
	    "race: %s %s %s[%zu] and nothing puts that after step %u, where "
	    "%s %s it", model->thread[running].name,
	    is_write ? "writes" : "reads", area->name, at, other_step,
	    model->thread[other].name, other_wrote ? "wrote" : "read");
	leave(LEAVE_FAILED);
}

static void
plain_byte(const struct area *area, size_t at, bool is_write)
{
	const struct view *now = &threads[running].now;
	struct byte *byte = &area->byte[at];

	if (byte->written > now->clock[byte->writer])
		race(area, at, is_write, byte->writer, true, byte->write_step);
	for (unsigned t = 0; is_write && t < thread_count; t++) {
		if (byte->read[t] > now->clock[t])
			race(area, at, true, t, false, byte->read_step[t]);
	}
	if (is_write) {
		byte->writer = (uint8_t)running;
		byte->written = now->clock[running];
		byte->write_step = (uint16_t)step_count;
	} else {
		byte->read[running] = now->clock[running];
		byte->read_step[running] = (uint16_t)step_count;
	}
}

void
sim_plain(const void *at, size_t length, bool is_write)
{
	if (running == NOBODY)
		return;
	for (unsigned i = 0; i < memory.areas; i++) {
		const struct area *area = &memory.area[i];
		struct step *step = NULL;

		for (size_t b = 0; b < length; b++) {
			const uintptr_t offset =
			    (uintptr_t)at + b - (uintptr_t)area->base;

			if (offset >= area->length)
				continue;
			if (step == NULL) {
				step = say(true);
				step->is_write = is_write;
				step->operation.on = i;
				step->message = (unsigned)offset;
			}
			step->value++;
			plain_byte(area, offset, is_write);
		}
	}
}

/* ---- The report. */

static void
print_message(const struct cell *cell, unsigned id)
{
	const struct message *message = &cell->message[id];

	if (message->writer == NOBODY)
		printf("from the start");
	else
		printf("of step %u", message->step);
}

static void
print_step(const struct step *step)
{
	static const char *const order[] = { "relaxed", "acquire", "release" };
	const struct operation *op = &step->operation;
	const struct cell *cell = &cells[op->on];

	if (step->is_plain) {
		printf("%s %s[%u], %u bytes", step->is_write ? "writes" : "reads",
		    memory.area[op->on].name, step->message,
		    (unsigned)step->value);
		return;
	}
	switch (op->verb) {
	case LOAD:
	case AWAIT:
		printf("%s %s  %s = %llu  ", op->verb == LOAD ? "load" :
		    "waited, load", order[op->order], cell->name,
		    (unsigned long long)step->value);
		print_message(cell, step->message);
		if (step->message != step->newest) {
			printf(", though there is %llu ", (unsigned long long)
			    cell->message[step->newest].value);
			print_message(cell, step->newest);
		}
		break;
	case STORE:
		printf("store %s  %s = %llu", order[op->order], cell->name,
		    (unsigned long long)op->value);
		if (step->message != step->newest)
			printf("  but before %llu in the word's order",
			    (unsigned long long)
			    cell->message[step->newest].value);
		break;
	case SWAP:
		printf("swap  %s = %llu, was %llu  ", cell->name,
		    (unsigned long long)op->value,
		    (unsigned long long)step->value);
		print_message(cell, step->message);
		break;
	case FENCE:
		printf("full fence");
		break;
	case RING:
		printf("rings bell %u", op->on);
		break;
	case WAIT:
		printf("wakes by bell %u", op->on);
		break;
	case JOIN:
		printf("has waited for %s", model->thread[op->on].name);
		break;
	case DONE:
		break;
	}
}

void
sim_print(void)
{
	if (!result->failed)
		return;
	for (unsigned i = 0; i < step_count; i++) {
		printf("# %3u  %-10s ", i + 1,
		    model->thread[steps[i].thread].name);
		print_step(&steps[i]);
		printf("\n");
	}
	for (unsigned t = 0; t < thread_count; t++) {
		const struct operation *next = &threads[t].next;

		if (next->verb == WAIT)
			printf("#      %-10s waits for bell %u\n",
			    model->thread[t].name, next->on);
		else if (next->verb == AWAIT)
			printf("#      %-10s waits for a change of %s\n",
			    model->thread[t].name, cells[next->on].name);
	}
	printf("#      %s\n", result->why);
}
