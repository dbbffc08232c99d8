/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the cases of the driver core share.  A case runs with the mock device
 * through ports and by DMA, under several schedules.
 */
#ifndef CORE_CASE_H
#define CORE_CASE_H

#include <stdlib.h>

#include <mock_device.h>
#include <test.h>

/*
 * Each seed is a schedule; its remainder modulo 2 or 3 selects variants of a
 * case.
 */
#define CASE_SEEDS (getenv("VQP_TEST_QUICK") != NULL ? 3U : 6U)

static struct mock mock;

/* for_each_case(): the body runs between mock_open() and mock_close(). */
static uint64_t case_seed;
static bool case_dma;

static inline bool
case_next(bool *begun, bool start)
{
	if (*begun) {
		mock_close(&mock);
		if (case_dma)
			case_seed++;
		case_dma = !case_dma;
	} else {
		case_seed = 0;
		case_dma = false;
		*begun = true;
	}
	if (case_seed == CASE_SEEDS)
		return false;
	if (start)
		mock_start(&mock, case_seed, case_dma);
	else
		mock_open(&mock, case_seed, case_dma);
	return true;
}

/* Run the body with an attached core; and without one. */
#define FOR_EACH_CASE()							\
	for (bool begun_ = false; case_next(&begun_, true);)
#define FOR_EACH_BARE_CASE()						\
	for (bool begun_ = false; case_next(&begun_, false);)

static inline struct vqp_core_counters
case_counters(void)
{
	struct vqp_core_counters counters;

	vqp_core_counters(mock.core, &counters);
	return counters;
}

/* What the core holds after everything that it frees later has been freed. */
static inline uint64_t
case_bytes(void)
{
	sim_os_settle(mock.os);
	return sim_os_bytes_live(mock.os);
}

/* An endpoint, a doorbell and a subscriber that only count. */
struct counted {
	unsigned calls;
	uint64_t bytes;
	uint8_t last;			/* first payload byte */
	bool destroyed;
	struct vqp_datagram datagram;
	struct vqp_event_data event;
};

static inline void
count_receive(void *argument, const struct vqp_datagram *datagram)
{
	struct counted *counted = argument;

	counted->calls++;
	counted->bytes += datagram->payload_size;
	counted->datagram = *datagram;
	if (datagram->payload_size != 0)
		counted->last = *(const uint8_t *)(datagram + 1);
	if (counted->destroyed)
		sim_fail("a receiver is called after its end");
}

static inline void
count_ring(void *argument)
{
	struct counted *counted = argument;

	counted->calls++;
	if (counted->destroyed)
		sim_fail("a bell rings after its end");
}

static inline void
count_event(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	struct counted *counted = argument;

	(void)id, (void)origin;
	counted->calls++;
	counted->event = *data;
	if (counted->destroyed)
		sim_fail("an event is told after its end");
}

static inline struct vqp_handle
case_endpoint(struct counted *counted, uint32_t flags)
{
	const struct vqp_endpoint_options options = {
		.resource = VQP_RESOURCE_ANY,
		.flags = flags,
		.receive = count_receive,
		.argument = counted,
	};
	struct vqp_handle handle = { 0, 0 };

	CHECK_EQ(vqp_core_endpoint_create(mock.core, &options, &handle),
	    VQP_SUCCESS);
	return handle;
}

static inline struct vqp_handle
case_bell(struct counted *counted, uint32_t flags)
{
	const struct vqp_doorbell_options options = {
		.flags = flags,
		.ring = count_ring,
		.argument = counted,
	};
	struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };

	CHECK_EQ(vqp_core_doorbell_create(mock.core, &options, &handle),
	    VQP_SUCCESS);
	return handle;
}

static inline uint32_t
case_subscribe(uint32_t event, struct counted *counted)
{
	uint32_t id = 0;

	CHECK_EQ(vqp_core_event_subscribe(mock.core, event, count_event,
	    counted, &id), VQP_SUCCESS);
	return id;
}

/*
 * Another thread runs while this thread is inside one step: until its function
 * returns or can go no further.  The step is the `left`-th call of the OS layer
 * named `where` by this thread; NULL stands for any call.
 */
struct meeting {
	void (*run)(void *);
	const char *where;
	uint64_t left;			/* 0: it has happened */
	uintptr_t self;			/* the thread that takes the step */
	struct sim_thread *thread;
	bool lasts;
};

static struct meeting meeting;

static inline void
meeting_step(const char *where)
{
	if (vqp_os_self(mock.os) != meeting.self || meeting.lasts ||
	    meeting.left == 0 || (meeting.where != NULL &&
	    strcmp(where, meeting.where) != 0) || --meeting.left != 0)
		return;
	meeting.lasts = true;
	meeting.thread = sim_spawn("meets", SIM_TASK, meeting.run, NULL);
	for (unsigned i = 0; i < 2000 && !sim_is_done(meeting.thread); i++)
		sim_point("meets", i);
	meeting.lasts = false;
}

/* Plan a meeting in a step that the caller will take. */
static inline void
meeting_plan(void (*run)(void *), const char *where, uint64_t left)
{
	meeting = (struct meeting){ .run = run, .where = where, .left = left,
	    .self = vqp_os_self(mock.os) };
	sim_on_step = meeting_step;
}

/* Returns false if the step never happened. */
static inline bool
meeting_end(void)
{
	sim_on_step = NULL;
	if (meeting.thread != NULL)
		sim_join(meeting.thread);
	return meeting.thread != NULL;
}

static const struct vqp_handle case_host = { VQP_CONTEXT_HOST, 77 };

#endif
