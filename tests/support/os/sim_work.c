/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The work of a simulated machine, the threads that run it, and completions. */
#include "sim_private.h"

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
			/*
			 * It is running and was queued again: it must wait for
			 * the first run to end.
			 */
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
		/* `work` may be freed now: only its address is compared. */
		if (self->held_count != 0 || self->read_count != 0 ||
		    self->kind != SIM_TASK)
			sim_fail("work returns with a lock or read section");
		self->working = NULL;
		sim_wake(&os->worker);
		sim_point("work_end", 0);
	}
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
	/* The waiter may destroy the event at once. */
	sim_step("signalled", 0);
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
