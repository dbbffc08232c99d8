/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How objects of the driver core end: nobody waits for a grace period but the
 * reaper, what an object held is free at once, and what waits is bounded.
 */
#include "core_case.h"

static const struct vqp_handle invalid = { VQP_INVALID_ID, VQP_INVALID_ID };

#define MIB (UINT64_C(1) << 20)

static int
alloc(uint64_t bytes_each, uint32_t flags, struct vqp_qpair **qpair)
{
	const struct vqp_qpair_options options = {
		.produce_bytes = bytes_each,
		.consume_bytes = bytes_each,
		.peer = VQP_CONTEXT_ANY,
		.flags = flags,
	};
	struct vqp_handle handle = invalid;

	return vqp_core_qpair_alloc(mock.core, &options, &handle, qpair);
}

/*
 * Whether all of the budget can be had: what is over it is refused before pages
 * are asked for, which there are none of here.
 */
static bool
has_budget(void)
{
	struct vqp_qpair *qpair;
	int status;

	sim_os_fail_at(mock.os, 3, true);
	status = alloc(64 * MIB, VQP_QPAIR_LOCAL, &qpair);
	sim_os_fail_at(mock.os, 0, false);
	CHECK(status == VQP_ERROR_NO_MEM || status == VQP_ERROR_NO_RESOURCES);
	return status == VQP_ERROR_NO_MEM;
}

/* ---- A grace period that does not end until we say so. */

static bool reads, may_leave;

static void
read_on(void *argument)
{
	struct vqp_os_read section;

	(void)argument;
	vqp_os_read_enter(mock.os, &section);
	reads = true;
	while (!may_leave)
		sim_wait(&may_leave, "read on");
	vqp_os_read_leave(mock.os, &section);
}

static struct sim_thread *
reader_begin(void)
{
	struct sim_thread *thread;

	reads = may_leave = false;
	thread = sim_spawn("reads on", SIM_TASK, read_on, NULL);
	while (!reads)
		sim_sleep(1000);
	return thread;
}

static void
reader_end(struct sim_thread *thread)
{
	may_leave = true;
	sim_wake(&may_leave);
	sim_join(thread);
}

/* ---- Cases. */

TEST(end_waits_for_nobody,
    "ends wait for no read section, and what they held is free at once")
{
	FOR_EACH_CASE() {
		struct sim_thread *reader = reader_begin();
		const uint64_t bytes = sim_os_bytes_live(mock.os);
		/* Once more than the budget, were it held until all left. */
		const uint64_t each = case_seed == 0 && !case_dma ?
		    MIB / 4 : MIB / 64;
		struct counted counted = { 0 };
		struct vqp_qpair *qpair;

		for (unsigned i = 0; i < 300; i++) {
			CHECK_EQ(alloc(each, 0, &qpair), 0);
			CHECK_EQ(vqp_core_event_unsubscribe(mock.core,
			    case_subscribe(2, &counted)), 0);
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
			CHECK_EQ(vqp_core_endpoint_destroy(mock.core,
			    case_endpoint(&counted, i % 2 ?
			    VQP_DATAGRAM_DELAYED : 0)), 0);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core,
			    case_bell(&counted, 0)), 0);
		}
		CHECK(sim_os_bytes_live(mock.os) > bytes);
		CHECK(sim_os_bytes_live(mock.os) < bytes + 300 * 4096);
		reader_end(reader);
		CHECK_EQ(case_bytes(), bytes);
	}
}

/* ---- The last to leave has signalled, and holds the lock still. */

static bool inside, ending, has_ended;

static void
receive_until_ending(void *argument, const struct vqp_datagram *datagram)
{
	(void)argument, (void)datagram;
	inside = true;
	while (!ending)
		sim_sleep(1000);
	/* Its end waits for us by now. */
	sim_sleep(1000000);
}

static void
see_end(void *argument)
{
	(void)argument;
	while (!has_ended)
		sim_sleep(1000);
	sim_os_settle(mock.os);
}

static void
serve_last(void *argument)
{
	(void)argument;
	meeting_plan(see_end, "signalled", 1);
	mock_serve(&mock, VQP_CAUSE_DATAGRAM);
}

TEST(last_has_left,
    "what ends is not free before the last to leave has let go of its lock")
{
	FOR_EACH_CASE() {
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.receive = receive_until_ending,
		};
		struct vqp_handle handle = invalid;
		struct sim_thread *thread;

		inside = ending = has_ended = false;
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		mock_datagram(&mock, case_host, handle, NULL, 0);
		thread = sim_spawn("serves", SIM_TASK, serve_last, NULL);
		while (!inside)
			sim_sleep(1000);
		ending = true;
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
		    VQP_SUCCESS);
		has_ended = true;
		sim_join(thread);
		CHECK(meeting_end());
	}
}

static unsigned ended;

static void
end_many(void *argument)
{
	struct counted counted = { 0 };

	(void)argument;
	for (unsigned i = 0; i < 2500; i++) {
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core,
		    case_endpoint(&counted, 0)), VQP_SUCCESS);
		ended++;
	}
}

TEST(due_is_bounded,
    "while a grace period lasts, no more than a bound waits for its end")
{
	FOR_EACH_CASE() {
		const uint64_t bytes = sim_os_bytes_live(mock.os);
		struct sim_thread *reader, *thread[2];
		struct counted counted = { 0 };

		if (case_seed > 1)
			continue;
		reader = reader_begin();
		ended = 0;
		for (unsigned i = 0; i < 2; i++)
			thread[i] = sim_spawn("ends", SIM_TASK, end_many,
			    NULL);
		sim_sleep(UINT64_C(10000000000));
		CHECK(!sim_is_done(thread[0]) || !sim_is_done(thread[1]));
		CHECK(ended > 1000 && ended < 4500);
		reader_end(reader);
		sim_join(thread[0]);
		sim_join(thread[1]);
		CHECK_EQ(ended, 5000);
		CHECK_EQ(case_bytes(), bytes);
		/* What was freed is not counted any more. */
		reader = reader_begin();
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core,
		    case_endpoint(&counted, 0)), VQP_SUCCESS);
		reader_end(reader);
	}
}

TEST(release_is_last,
    "the core is released after all that waits for a grace period is free")
{
	FOR_EACH_CASE() {
		struct sim_thread *reader = reader_begin();
		struct counted counted = { 0 };
		struct vqp_qpair *qpair;

		CHECK_EQ(alloc(64, 0, &qpair), 0);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core,
		    case_endpoint(&counted, 0)), VQP_SUCCESS);
		vqp_core_detach(mock.core);
		mock.core = NULL;
		sim_sleep(1000000);
		CHECK(!sim_os_released(mock.os));
		reader_end(reader);
		CHECK_EQ(case_bytes(), 0);
		CHECK(sim_os_released(mock.os));
	}
}

TEST(budget_comes_back,
    "32: no way to fail or to end keeps a part of the pairs' budget")
{
	FOR_EACH_CASE() {
		struct vqp_qpair *qpair = NULL;

		for (unsigned n = 1, i = 0; i < 2; n = 1, i++) {
			int status = VQP_ERROR_NO_MEM;

			for (; n < 50 && status < 0; n++) {
				sim_os_fail_at(mock.os, n, false);
				status = alloc(5000, i == 0 ? 0 :
				    VQP_QPAIR_LOCAL, &qpair);
				sim_os_fail_at(mock.os, 0, false);
				if (status >= 0)
					CHECK_EQ(vqp_core_qpair_detach(
					    mock.core, &qpair), 0);
			}
			CHECK(n > 4 && n < 50);
		}
		mock.answers[VQP_HYPERCALL_QPAIR_ALLOC] = true;
		for (int32_t answer = -3; answer < 4; answer += 2) {
			mock.answer[VQP_HYPERCALL_QPAIR_ALLOC] = answer;
			CHECK(alloc(5000, 0, &qpair) < 0);
		}
		CHECK(has_budget());
		/* Out of use until it is reset, and so is its budget. */
		mock.answers[VQP_HYPERCALL_QPAIR_DETACH] = true;
		mock.answer[VQP_HYPERCALL_QPAIR_DETACH] = VQP_ERROR_NO_ACCESS;
		CHECK_EQ(alloc(5000, 0, &qpair), VQP_ERROR_GENERIC);
		CHECK(!has_budget());
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		CHECK(has_budget());
	}
}

TEST(budget_without_a_name, "32: nor does a pair for which there is no name")
{
	const struct vqp_core_config config = { .resource_count_max = 1 };

	FOR_EACH_BARE_CASE() {
		struct counted counted = { 0 };
		struct vqp_qpair *qpair;
		struct vqp_handle handle;

		CHECK_EQ(vqp_core_attach(mock.os, &config, mock.dma,
		    &mock.core), VQP_SUCCESS);
		vqp_core_start(mock.core);
		handle = case_endpoint(&counted, 0);
		CHECK_EQ(alloc(64, 0, &qpair), VQP_ERROR_NO_HANDLE);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
		    VQP_SUCCESS);
		CHECK(has_budget());
	}
}

TEST_MAIN()
