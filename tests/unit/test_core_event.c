/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events of the driver core: part D of the hostile-peer matrix, and abi 6.
 */
#include <stdlib.h>

#include "core_case.h"
#include "core_private.h"

static void
event(uint32_t number, const void *rest, uint64_t bytes)
{
	mock_event(&mock, number, rest, bytes);
	mock_serve(&mock, VQP_CAUSE_DATAGRAM);
}

TEST(case_57_unknown, "57: an unknown event is dropped and counted")
{
	static const uint32_t unknown[] = {
		5, 6, 7, 8, 0x80000000, UINT32_MAX, 0x10000
	};

	FOR_EACH_CASE() {
		struct counted told = { 0 };
		uint32_t id[VQP_EVENT_GUEST_COUNT];

		for (uint32_t i = 0; i < VQP_EVENT_GUEST_COUNT; i++)
			id[i] = case_subscribe(i, &told);
		for (unsigned i = 0; i < 7; i++)
			event(unknown[i], "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
		CHECK_EQ(told.calls, 0);
		CHECK_EQ(case_counters().event_unknown, 7);
		for (uint32_t i = 0; i < VQP_EVENT_GUEST_COUNT; i++)
			vqp_core_event_unsubscribe(mock.core, id[i]);
	}
}

TEST(case_58_too_short,
    "58: an event shorter than its kind needs is told to nobody")
{
	/* By event: the bytes that it needs, from the number on. */
	static const uint64_t needs[] = { 12, 12, 4, 20, 20 };
	static const uint8_t rest[24] = { 0x34, 0x12, 0, 0, 9, 0, 0, 0, 7 };

	FOR_EACH_CASE() {
		for (uint32_t i = 0; i < VQP_EVENT_GUEST_COUNT; i++) {
			struct counted told = { 0 };
			uint32_t id = case_subscribe(i, &told);

			for (uint64_t bytes = 0; bytes <= 24; bytes++) {
				const unsigned calls = told.calls;

				event(i, rest, bytes);
				CHECK_EQ(told.calls - calls,
				    bytes >= needs[i] && bytes >= 4);
				CHECK(told.calls == calls ||
				    told.event.event == i);
			}
			vqp_core_event_unsubscribe(mock.core, id);
		}
		CHECK(case_counters().event_bad_size > 20);
	}
}

TEST(case_59_too_long, "59: what an event has beyond what we know is left out")
{
	uint8_t rest[216];

	memset(rest, 0x77, sizeof(rest));
	FOR_EACH_CASE() {
		struct counted told = { 0 };
		uint32_t id = case_subscribe(VQP_EVENT_QP_PEER_ATTACH, &told);

		event(VQP_EVENT_QP_PEER_ATTACH, rest, 224);
		CHECK(told.calls <= 1);
		event(VQP_EVENT_QP_PEER_ATTACH, rest, 24);
		CHECK(told.calls >= 1);
		CHECK_EQ(told.event.payload.qpair.handle.context, 0x77777777);
		CHECK_EQ(told.event.reserved, 0);
		vqp_core_event_unsubscribe(mock.core, id);
	}
}

static void
count_end(void *argument)
{
	(*(unsigned *)argument)++;
}

static void
tell_nobody(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	(void)id, (void)data, (void)origin, (void)argument;
}

TEST(ends_with_its_core,
    "B21: who stays behind is told of its end once, and nobody comes after it")
{
	FOR_EACH_CASE() {
		struct vqp_core *core = mock.core;
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.flags = VQP_DATAGRAM_ANY_CONTEXT,
			.receive = count_receive,
		};
		struct vqp_handle handle;
		unsigned ends = 0;
		uint32_t id, other;

		CHECK_EQ(vqp_core_event_subscribe_owned(core,
		    VQP_EVENT_QP_RESUMED, tell_nobody, count_end, &ends, &id),
		    VQP_SUCCESS);
		vqp_core_detach(core);
		mock.core = NULL;
		CHECK_EQ(vqp_core_event_subscribe(core, VQP_EVENT_QP_RESUMED,
		    tell_nobody, NULL, &other), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(vqp_core_endpoint_create(core, &options, &handle),
		    VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(ends, 0);
		CHECK_EQ(vqp_core_event_unsubscribe(core, id), VQP_SUCCESS);
		CHECK_EQ(ends, 1);
		sim_os_settle(mock.os);
		CHECK(sim_os_released(mock.os));
	}
}

TEST(case_59_zero_behind,
    "59: what was not sent reads as zero in what a subscriber is told")
{
	FOR_EACH_CASE() {
		struct counted told = { 0 };
		uint32_t id = case_subscribe(VQP_EVENT_QP_RESUMED, &told);

		memset(&told.event, 0xaa, sizeof(told.event));
		event(VQP_EVENT_QP_RESUMED, NULL, 4);
		CHECK_EQ(told.calls, 1);
		/* An event is no datagram for an endpoint. */
		CHECK_EQ(case_counters().receive_no_endpoint, 0);
		for (unsigned i = 0; i < 16; i++)
			CHECK_EQ(told.event.payload.bytes[i], 0);
		CHECK_EQ(told.event.reserved, 0);
		/* What is reserved says nothing, whatever was sent. */
		mock_datagram(&mock, (struct vqp_handle){ 0, 0 },
		    (struct vqp_handle){ MOCK_CID, VQP_RESOURCE_EVENTS },
		    (const uint32_t[2]){ VQP_EVENT_QP_RESUMED, UINT32_MAX }, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(told.calls, 2);
		CHECK_EQ(told.event.reserved, 0);
		vqp_core_event_unsubscribe(mock.core, id);
	}
}

TEST(case_61_context_ids,
    "61, B13, B14: an id nobody can have is refused; else the device is asked")
{
	static const uint32_t lies[] = { 0, 1, 2, UINT32_MAX, 0xffffff9c };

	FOR_EACH_CASE() {
		struct counted told = { 0 }, counted = { 0 };
		uint32_t id = case_subscribe(VQP_EVENT_CTX_ID_UPDATE, &told);
		struct vqp_handle handle = case_endpoint(&counted, 0);
		uint32_t context[2] = { 0, 0 };

		for (unsigned i = 0; i < 5; i++) {
			context[0] = lies[i];
			event(VQP_EVENT_CTX_ID_UPDATE, context, 16);
			CHECK_EQ(vqp_core_context_id(mock.core), MOCK_CID);
		}
		CHECK_EQ(told.calls, 0);
		CHECK_EQ(case_counters().event_bad_context, 5);
		/* Another's id, while the device knows better. */
		context[0] = 0x5000;
		event(VQP_EVENT_CTX_ID_UPDATE, context, 16);
		CHECK_EQ(vqp_core_context_id(mock.core), MOCK_CID);
		/* The truth. */
		mock.cid = 0x5000;
		for (unsigned i = 0; i < 100; i++)
			event(VQP_EVENT_CTX_ID_UPDATE, context, 16);
		CHECK_EQ(vqp_core_context_id(mock.core), 0x5000);
		CHECK_EQ(told.event.payload.context.context, 0x5000);
		/* A device that answers nonsense is not believed either. */
		mock.cid = -1;
		context[0] = 0x6000;
		event(VQP_EVENT_CTX_ID_UPDATE, context, 16);
		CHECK_EQ(vqp_core_context_id(mock.core), 0x5000);
		/* What was made under the old id is reached under the new. */
		context[0] = 0x8bd824a9;
		mock.cid = (int32_t)context[0];
		event(VQP_EVENT_CTX_ID_UPDATE, context, 16);
		CHECK_EQ(vqp_core_context_id(mock.core), 0x8bd824a9);
		CHECK_EQ(told.event.payload.context.context, 0x8bd824a9);
		handle.context = 0x8bd824a9;
		mock_datagram(&mock, case_host, handle, "x", 1);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 1);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
		    VQP_SUCCESS);
		vqp_core_event_unsubscribe(mock.core, id);
	}
}

TEST(case_61_error_is_no_id, "B13: an error is never taken for a context id")
{
	static const int32_t errors[] = { -1, -20, -100, 0, 1, 2 };

	for (unsigned i = 0; i < 6; i++) {
		FOR_EACH_BARE_CASE() {
			struct counted counted = { 0 };
			const struct vqp_endpoint_options options = {
				.resource = VQP_RESOURCE_ANY,
				.receive = count_receive,
				.argument = &counted,
			};
			struct vqp_datagram datagram = { case_host, { 0, 0 },
			    1 };
			const struct vqp_doorbell_options bell = {
				.ring = count_ring,
			};
			const struct vqp_qpair_options pair = {
				.produce_bytes = 64, .peer = VQP_CONTEXT_ANY,
			};
			struct vqp_handle handle;
			struct vqp_qpair *qpair;

			mock.cid = errors[i];
			if (mock_attach(&mock) != VQP_SUCCESS) {
				mock.core = NULL;
				continue;
			}
			vqp_core_start(mock.core);
			CHECK_EQ(vqp_core_context_id(mock.core),
			    VQP_INVALID_ID);
			/* An id that nobody has is a lie. */
			CHECK_EQ(case_counters().bad_results != 0,
			    errors[i] >= 0);
			CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
			    &handle), VQP_ERROR_NO_RESOURCES);
			/* Nor has what is sent a source. */
			datagram.src = case_endpoint(&counted,
			    VQP_DATAGRAM_ANY_CONTEXT);
			CHECK_EQ(vqp_core_send(mock.core, &datagram, "x"),
			    VQP_ERROR_NO_RESOURCES);
			CHECK_EQ(vqp_core_endpoint_destroy(mock.core,
			    datagram.src), VQP_SUCCESS);
			handle = (struct vqp_handle){ VQP_INVALID_ID,
			    VQP_INVALID_ID };
			CHECK_EQ(vqp_core_doorbell_create(mock.core, &bell,
			    &handle), VQP_ERROR_NO_RESOURCES);
			CHECK_EQ(vqp_core_qpair_alloc(mock.core, &pair,
			    &handle, &qpair), VQP_ERROR_NO_RESOURCES);
			/* And it is asked again. */
			mock.cid = 0x1234;
			CHECK_EQ(vqp_core_context_id(mock.core), 0x1234);
		}
	}
}

TEST(id_has_no_sign, "2.1: an id of 2^31 and above is one like any other")
{
	static const uint32_t ids[] = { 0x8bd824a9, 0x80000000, 0xffffff9b, 3 };

	for (unsigned i = 0; i < 4; i++) {
		FOR_EACH_BARE_CASE() {
			struct counted counted = { 0 };
			const struct vqp_endpoint_options options = {
				.resource = VQP_RESOURCE_ANY,
				.receive = count_receive,
				.argument = &counted,
			};
			struct vqp_handle handle;

			mock.cid = (int32_t)ids[i];
			CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
			vqp_core_start(mock.core);
			CHECK_EQ(vqp_core_context_id(mock.core), ids[i]);
			CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
			    &handle), VQP_SUCCESS);
			CHECK_EQ(handle.context, ids[i]);
			mock_datagram(&mock, case_host, handle, "x", 1);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(counted.calls, 1);
			CHECK_EQ(case_counters().bad_results, 0);
			CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
			    VQP_SUCCESS);
		}
	}
}

/* ---- 62: subscribers that come and go while they are told. */

static struct changing {
	uint32_t id;
	uint32_t other;
	unsigned calls;
	int status;
	bool over;
	struct counted late;
	uint32_t late_id;
} changing;

static void
unsubscribe_myself(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	(void)data, (void)origin, (void)argument;
	if (changing.over)
		sim_fail("told after it unsubscribed itself");
	changing.calls++;
	CHECK_EQ(id, changing.id);
	changing.status = vqp_core_event_unsubscribe(mock.core, id);
	changing.over = true;
}

static void
unsubscribe_other(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	(void)id, (void)data, (void)origin;
	if (changing.calls++ == 0)
		changing.status = vqp_core_event_unsubscribe(mock.core,
		    changing.other);
	((struct counted *)argument)->destroyed = true;
}

static void
subscribe_new(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	(void)id, (void)data, (void)origin, (void)argument;
	if (changing.calls++ == 0)
		changing.late_id = case_subscribe(VQP_EVENT_QP_RESUMED,
		    &changing.late);
}

TEST(case_62_changes_while_told,
    "62: one may unsubscribe itself, another, and subscribe, while it is told")
{
	FOR_EACH_CASE() {
		struct counted other = { 0 };
		uint32_t id;

		memset(&changing, 0, sizeof(changing));
		CHECK_EQ(vqp_core_event_subscribe(mock.core,
		    VQP_EVENT_QP_RESUMED, unsubscribe_myself, NULL,
		    &changing.id), VQP_SUCCESS);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		CHECK_EQ(changing.calls, 1);
		CHECK_EQ(changing.status, VQP_SUCCESS);

		memset(&changing, 0, sizeof(changing));
		CHECK_EQ(vqp_core_event_subscribe(mock.core,
		    VQP_EVENT_QP_RESUMED, unsubscribe_other, &other, &id),
		    VQP_SUCCESS);
		changing.other = case_subscribe(VQP_EVENT_QP_RESUMED, &other);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		CHECK_EQ(changing.calls, 2);
		CHECK_EQ(changing.status, VQP_SUCCESS);
		CHECK(other.calls <= 1);
		vqp_core_event_unsubscribe(mock.core, id);

		memset(&changing, 0, sizeof(changing));
		CHECK_EQ(vqp_core_event_subscribe(mock.core,
		    VQP_EVENT_QP_RESUMED, subscribe_new, NULL, &id),
		    VQP_SUCCESS);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		CHECK_EQ(changing.late.calls, 0);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		CHECK_EQ(changing.late.calls, 1);
		vqp_core_event_unsubscribe(mock.core, id);
		vqp_core_event_unsubscribe(mock.core, changing.late_id);
	}
}

static void
unsubscribe_both(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	(void)data, (void)origin, (void)argument;
	changing.calls++;
	CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id), VQP_SUCCESS);
	CHECK_EQ(vqp_core_event_unsubscribe(mock.core, changing.other),
	    VQP_SUCCESS);
	/* Long enough for the next to be freed, and its memory used again. */
	sim_os_settle(mock.os);
}

TEST(case_62_stale_link,
    "62: the walk goes on although the one that is told and the next are gone")
{
	FOR_EACH_CASE() {
		struct counted other = { 0 }, last = { 0 };
		uint32_t id[2];

		memset(&changing, 0, sizeof(changing));
		CHECK_EQ(vqp_core_event_subscribe(mock.core,
		    VQP_EVENT_QP_RESUMED, unsubscribe_both, NULL, &id[0]),
		    VQP_SUCCESS);
		changing.other = case_subscribe(VQP_EVENT_QP_RESUMED, &other);
		id[1] = case_subscribe(VQP_EVENT_QP_RESUMED, &last);
		event(VQP_EVENT_QP_RESUMED, NULL, 8);
		CHECK_EQ(changing.calls, 1);
		CHECK_EQ(other.calls, 0);
		CHECK_EQ(last.calls, 1);
		CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id[1]),
		    VQP_SUCCESS);
	}
}

static void
churn(void *argument)
{
	for (unsigned i = 0; i < 30; i++) {
		struct counted *counted = argument;
		uint32_t id = case_subscribe(VQP_EVENT_QP_RESUMED, counted);

		sim_point("test", i);
		CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id),
		    VQP_SUCCESS);
		counted->destroyed = true;
		sim_point("test", i);
		counted->destroyed = false;
	}
}

TEST(case_62_unsubscribe_waits,
    "62, L8: nobody is told after its unsubscribe has returned; all others are")
{
	FOR_EACH_CASE() {
		struct counted counted[3] = { { 0 } }, always[2] = { { 0 } };
		struct sim_thread *thread[3];
		uint32_t first, last;

		first = case_subscribe(VQP_EVENT_QP_RESUMED, &always[0]);
		for (unsigned i = 0; i < 3; i++)
			thread[i] = sim_spawn("churns", SIM_TASK, churn,
			    &counted[i]);
		last = case_subscribe(VQP_EVENT_QP_RESUMED, &always[1]);
		for (unsigned i = 0; i < 30; i++)
			event(VQP_EVENT_QP_RESUMED, NULL, 8);
		for (unsigned i = 0; i < 3; i++)
			sim_join(thread[i]);
		CHECK_EQ(always[0].calls, 30);
		CHECK_EQ(always[1].calls, 30);
		vqp_core_event_unsubscribe(mock.core, first);
		vqp_core_event_unsubscribe(mock.core, last);
	}
}

TEST(case_63_ids,
    "63: ids are never 0 nor given twice; unknown ones are told so")
{
	FOR_EACH_CASE() {
		struct counted told = { 0 };
		uint32_t id[200], last = 0;

		for (unsigned i = 0; i < 200; i++) {
			id[i] = case_subscribe(i % 5, &told);
			CHECK(id[i] != 0 && id[i] != last);
			last = id[i];
		}
		CHECK_EQ(vqp_core_event_unsubscribe(mock.core, 0),
		    VQP_ERROR_NOT_FOUND);
		CHECK_EQ(vqp_core_event_unsubscribe(mock.core, 0xdead),
		    VQP_ERROR_NOT_FOUND);
		for (unsigned i = 0; i < 200; i++) {
			CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id[i]),
			    VQP_SUCCESS);
			CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id[i]),
			    VQP_ERROR_NOT_FOUND);
		}
		CHECK_EQ(vqp_core_event_subscribe(mock.core, 5, count_event,
		    &told, id), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_core_event_subscribe(mock.core, 0, NULL, &told,
		    id), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_core_event_subscribe(mock.core, 0, count_event,
		    &told, NULL), VQP_ERROR_INVALID_ARGS);
	}
}

TEST(case_63_all_were_given,
    "63: when all ids were given once a live one is passed over")
{
	FOR_EACH_CASE() {
		struct counted told = { 0 };
		uint32_t id[4];

		id[0] = case_subscribe(1, &told);
		id[1] = case_subscribe(2, &told);
		mock.core->events.sequence = UINT32_MAX;
		mock.core->events.id = id[0] - 1;
		id[2] = case_subscribe(3, &told);
		CHECK_EQ(id[2], id[1] + 1);
		mock.core->events.id = UINT32_MAX;
		id[3] = case_subscribe(1, &told);
		CHECK(id[3] != 0 && id[3] != id[0] && id[3] != id[1] &&
		    id[3] != id[2]);
		for (unsigned i = 0; i < 4; i++)
			CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id[i]),
			    VQP_SUCCESS);
	}
}

TEST(case_42_storm, "42, F21: a storm of events needs no memory to be told")
{
	static const uint32_t rest[4] = { MOCK_CID, 1234, VQP_CONTEXT_HOST, 0 };

	FOR_EACH_CASE() {
		struct counted told[8] = { { 0 } };
		uint32_t id[8];
		uint64_t requests;

		for (unsigned i = 0; i < 8; i++)
			id[i] = case_subscribe(VQP_EVENT_QP_PEER_ATTACH,
			    &told[i]);
		requests = sim_os_requests(mock.os);
		sim_os_fail_at(mock.os, 1, true);
		for (unsigned i = 0; i < 500; i++)
			event(VQP_EVENT_QP_PEER_ATTACH, rest, 24);
		CHECK_EQ(sim_os_requests(mock.os), requests);
		sim_os_fail_at(mock.os, 0, false);
		for (unsigned i = 0; i < 8; i++) {
			CHECK_EQ(told[i].calls, 500);
			vqp_core_event_unsubscribe(mock.core, id[i]);
		}
	}
}

TEST_MAIN()
