/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams of the driver core against a device that lies: part C of the
 * hostile-peer matrix on the guest's side, and abi 2.4 to 2.7.
 */
#include <stdlib.h>

#include "core_case.h"
#include "core_private.h"

static uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];

static void
give_header(struct vqp_handle dst, uint64_t payload_size)
{
	const struct vqp_datagram datagram = { dst, case_host, payload_size };

	mock_give(&mock, &datagram, sizeof(datagram));
}

/* An honest datagram still arrives; or the core has given the device up. */
static void
is_alive_or_broken(struct counted *counted, struct vqp_handle handle,
    bool must_live)
{
	const unsigned calls = counted->calls;

	mock.in_at = mock.in_bytes = 0;
	mock.in_endless = false;
	payload[0] = 42;
	mock_datagram(&mock, case_host, handle, payload, 100);
	mock_serve(&mock, VQP_CAUSE_DATAGRAM);
	if (counted->calls == calls + 1) {
		CHECK_EQ(counted->last, 42);
		CHECK_EQ(counted->datagram.payload_size, 100);
		return;
	}
	CHECK(!must_live);
	CHECK_EQ(vqp_core_doorbell_notify(mock.core, case_host, 0),
	    VQP_ERROR_UNAVAILABLE);
}

TEST(case_46_wrapping_sizes,
    "46: a size that wraps is dropped and counted, and nothing hangs")
{
	static const uint64_t sizes[] = {
		(UINT64_C(1) << 32) - 24, UINT64_MAX - 23, UINT64_MAX - 7,
		UINT64_C(1) << 63, UINT64_MAX, UINT64_C(1) << 32,
	};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		FOR_EACH_CASE() {
			struct counted counted = { 0 };
			struct vqp_handle handle = case_endpoint(&counted, 0);

			give_header(handle, sizes[i]);
			mock_give(&mock, payload, 8192);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(counted.calls, 0);
			CHECK_EQ(case_counters().receive_oversized, 1);
			is_alive_or_broken(&counted, handle, false);
			CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
			    VQP_SUCCESS);
		}
	}
}

TEST(case_46_endless_lie,
    "46: the same lie over and over ends at the budget each time")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		give_header(handle, UINT64_MAX - 23);
		mock.in_endless = true;
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 0);
		CHECK(case_counters().receive_oversized >= 1);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_47_reassembly,
    "47: sizes around every edge of the buffer arrive whole, the rest not")
{
	static const uint64_t sizes[] = {
		0, 1, 7, 8, 4039, 4040, 4041, 4048, 4072, 4073, 8192, 65536,
		VQP_DATAGRAM_PAYLOAD_BYTES_MAX - 1,
		VQP_DATAGRAM_PAYLOAD_BYTES_MAX,
	};

	for (unsigned i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + 1);
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			mock_datagram(&mock, case_host, handle, payload,
			    sizes[i]);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(counted.calls, i + 1);
			CHECK_EQ(counted.datagram.payload_size, sizes[i]);
		}
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_47_one_too_long,
    "47: one byte more than a datagram may have is dropped as a whole")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		give_header(handle, VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1);
		mock_give(&mock, payload, sizeof(payload));
		mock_give(&mock, payload, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 0);
		is_alive_or_broken(&counted, handle, true);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_48_a_gigabyte,
    "48: of a datagram of 1 GiB little is read before the device is broken")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		give_header(handle, UINT64_C(1) << 30);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK(mock.in_reads <= 4 << 20);
		CHECK_EQ(counted.calls, 0);
		is_alive_or_broken(&counted, handle, false);
		if (!case_dma)
			CHECK(mock.resets >= 1);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_49_empty, "49: a datagram of 24 bytes is delivered without payload")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted,
		    case_seed % 2 ? VQP_DATAGRAM_DELAYED : 0);

		mock_datagram(&mock, case_host, handle, NULL, 0);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		sim_sleep(1000000);
		CHECK_EQ(counted.calls, 1);
		CHECK_EQ(counted.bytes, 0);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

/* The receiver sees memory of ours, which the device cannot change. */
static void *device_memory;
static bool saw_ours;

static void
see_whose(void *argument, const struct vqp_datagram *datagram)
{
	const uint8_t *at = (const uint8_t *)datagram;
	const uint8_t *theirs = device_memory;

	(void)argument;
	saw_ours = theirs == NULL || at < theirs ||
	    at >= theirs + VQP_DATAGRAM_BYTES_MAX;
}

TEST(case_50_header_once,
    "50: what a receiver is given does not lie where the device can write")
{
	FOR_EACH_CASE() {
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.receive = see_whose,
		};
		struct vqp_handle handle;

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		/* What the driver posted last is where the next one goes. */
		device_memory = NULL;
		saw_ours = false;
		mock_datagram(&mock, case_host, handle, payload, 64);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK(saw_ours);
		device_memory = mock.in_memory;
		CHECK(!case_dma || device_memory != NULL);
		saw_ours = false;
		mock_datagram(&mock, case_host, handle, payload, 64);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK(saw_ours);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_51_sources,
    "51: only 0:0 tells events, and only to resource 0")
{
	static const struct vqp_handle liars[] = {
		{ 0, 1 }, { 0, 15 }, { 1, 0 }, { 2, 0 }, { MOCK_CID, 0 },
		{ VQP_INVALID_ID, 0 }, { VQP_INVALID_ID, VQP_INVALID_ID },
		{ 0x999, 0 },
	};

	FOR_EACH_CASE() {
		const struct vqp_handle events = { MOCK_CID, 0 };
		const struct vqp_handle hypervisor = { 0, 0 };
		struct counted counted = { 0 }, told = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		uint32_t id = case_subscribe(VQP_EVENT_QP_RESUMED, &told);
		const uint32_t event[2] = { VQP_EVENT_QP_RESUMED, 0 };

		for (unsigned i = 0; i < sizeof(liars) / sizeof(liars[0]); i++)
			mock_datagram(&mock, liars[i], events, event, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(told.calls, 0);
		CHECK_EQ(case_counters().receive_bad_source,
		    sizeof(liars) / sizeof(liars[0]));
		/* The hypervisor to an endpoint: a datagram, and no event. */
		mock_datagram(&mock, hypervisor, handle, event, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 1);
		CHECK_EQ(told.calls, 0);
		mock_datagram(&mock, hypervisor, events, event, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(told.calls, 1);
		vqp_core_event_unsubscribe(mock.core, id);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(streams_of_hypervisor,
    "docs/wire.md 14: what goes to {0, 15} and comes from there is a datagram")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { { 0, 15 }, handle, 32 };
		struct vqp_datagram sent;

		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), 56);
		CHECK(mock_last(&mock, 15) != NULL);
		memcpy(&sent, mock_last(&mock, 15)->at, sizeof(sent));
		CHECK_EQ(sent.src.context, MOCK_CID);
		CHECK_EQ(sent.src.resource, handle.resource);
		mock_datagram(&mock, datagram.dst, handle, payload, 32);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 1);
		CHECK_EQ(counted.datagram.src.context, 0);
		CHECK_EQ(counted.datagram.src.resource, 15);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_52_destinations,
    "52: what is for others, for nobody or for everybody is dropped")
{
	FOR_EACH_CASE() {
		struct counted own = { 0 }, any = { 0 };
		struct vqp_handle handle = case_endpoint(&own, 0);
		struct vqp_handle any_handle =
		    case_endpoint(&any, VQP_DATAGRAM_ANY_CONTEXT);
		const struct vqp_handle wrong[] = {
			{ 0x999, handle.resource },
			{ VQP_INVALID_ID, handle.resource },
			{ 0, handle.resource },
			{ MOCK_CID, handle.resource + 1000 },
		};

		CHECK_EQ(any_handle.context, VQP_CONTEXT_ANY);
		for (unsigned i = 0; i < 4; i++)
			mock_datagram(&mock, case_host, wrong[i], payload, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(own.calls, 0);
		CHECK_EQ(case_counters().receive_no_endpoint, 4);
		any_handle.context = MOCK_CID;
		mock_datagram(&mock, case_host, any_handle, payload, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(any.calls, 1);
		/* The wildcard of a resource ends what is read. */
		handle.resource = VQP_RESOURCE_ANY;
		mock_datagram(&mock, case_host, handle, payload, 8);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(own.calls + any.calls, 1);
		vqp_core_endpoint_destroy(mock.core, any_handle);
		handle.resource = any_handle.resource - 1;
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_53_answers,
    "53: an answer that cannot be is an error, and so is none, in time")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { case_host, handle, 40 };
		const struct vqp_datagram call = { { VQP_CONTEXT_HYPERVISOR,
		    VQP_HYPERCALL_GET_CONTEXT_ID }, handle, 0 };
		uint64_t begin;
		int64_t result;

		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), 64);
		mock.sends_answer = true;
		mock.send_answer = 65;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_GENERIC);
		mock.send_answer = INT32_MAX;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_GENERIC);
		mock.send_answer = 63;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_GENERIC);
		mock.send_answer = 0;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_GENERIC);
		CHECK_EQ(case_counters().bad_results, 4);
		mock.send_answer = VQP_ERROR_NO_RESOURCES;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_NO_RESOURCES);
		mock.send_answer = INT32_MIN;
		CHECK(vqp_core_send(mock.core, &datagram, payload) < 0);
		mock.sends_answer = false;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), 64);
		/* What the hypervisor serves answers as it likes. */
		CHECK_EQ(vqp_core_send(mock.core, &call, payload), MOCK_CID);
		if (!case_dma) {
			vqp_core_endpoint_destroy(mock.core, handle);
			continue;
		}
		/* 99: busy is never cleared: within the limit an error. */
		mock.never_busy_done = true;
		begin = sim_now_ns();
		result = vqp_core_send(mock.core, &datagram, payload);
		CHECK(result == VQP_ERROR_TIMEOUT ||
		    result == VQP_ERROR_UNAVAILABLE);
		CHECK(sim_now_ns() - begin < 40 * 1000 * 1000);
		CHECK_EQ(case_counters().time_limits, 1);
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_UNAVAILABLE);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

/* 53: others are not kept from running while one waits for the device. */
static unsigned ticks;
static bool ticking;

static void
tick(void *argument)
{
	struct vqp_os_lock *lock = argument;

	while (ticking) {
		vqp_os_lock(lock);
		ticks++;
		vqp_os_unlock(lock);
		sim_sleep(100000);
	}
}

TEST(case_53_no_lock_while_waiting,
    "53: a call of another kind gets through while one waits for the device")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { case_host, handle, 40 };
		struct vqp_os_lock lock = { 0 };
		struct sim_thread *thread;

		vqp_os_lock_init(&lock, VQP_OS_LOCK_SERVICE);
		ticks = 0;
		ticking = true;
		thread = sim_spawn("ticks", SIM_TASK, tick, &lock);
		mock.never_busy_done = true;
		(void)vqp_core_send(mock.core, &datagram, payload);
		ticking = false;
		sim_join(thread);
		CHECK(!case_dma || ticks > 10);
		vqp_os_lock_destroy(&lock);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

struct later {
	struct vqp_handle src;
	int64_t result;
};

static void
send_later(void *argument)
{
	struct later *later = argument;
	const struct vqp_datagram datagram = { case_host, later->src, 40 };

	later->result = vqp_core_send(mock.core, &datagram, payload);
}

TEST(case_53_stopped_while_waiting,
    "53: one that is stopped while it waits for its answer keeps nobody back")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { case_host, handle, 8 };
		struct later later = { handle, 0 };
		struct sim_thread *thread;
		uint64_t begin;

		mock.busy_held = case_dma;
		thread = sim_spawn("stopped", SIM_TASK, send_later, &later);
		sim_sleep(10000);
		sim_stop(thread, true);
		if (case_dma)
			mock_answer(&mock);
		begin = sim_now_ns();
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), 32);
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), 32);
		CHECK(sim_now_ns() - begin < 5 * 1000 * 1000);
		sim_stop(thread, false);
		sim_join(thread);
		CHECK_EQ(later.result, 64);
		CHECK_EQ(case_counters().datagrams_sent, 3);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_53_stopped_while_unplugged,
    "53, 74: nor does the device wait for it to go")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		struct later later = { handle, 0 };
		struct sim_thread *thread;

		if (!case_dma) {
			vqp_core_endpoint_destroy(mock.core, handle);
			continue;
		}
		mock.busy_held = true;
		thread = sim_spawn("stopped", SIM_TASK, send_later, &later);
		sim_sleep(10000);
		sim_stop(thread, true);
		vqp_core_unplug(mock.core);
		sim_stop(thread, false);
		sim_join(thread);
		CHECK_EQ(later.result, VQP_ERROR_UNAVAILABLE);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_53_each_has_its_time,
    "53: who waits behind slow messages waits for each as long as it may take")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		struct later later[4];
		struct sim_thread *thread[4];

		if (!case_dma || case_seed > 1) {
			vqp_core_endpoint_destroy(mock.core, handle);
			continue;
		}
		mock.busy_held = true;
		for (unsigned i = 0; i < 4; i++) {
			later[i] = (struct later){ handle, 0 };
			thread[i] = sim_spawn("sends", SIM_TASK, send_later,
			    &later[i]);
		}
		/* The limit is 20 ms, and all of them take 48. */
		for (unsigned i = 0; i < 4; i++) {
			sim_sleep(12 * 1000 * 1000);
			mock_answer(&mock);
			mock.busy_held = i < 3;
		}
		for (unsigned i = 0; i < 4; i++) {
			sim_join(thread[i]);
			CHECK_EQ(later[i].result, 64);
		}
		CHECK_EQ(case_counters().time_limits, 0);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_53_never_mine,
    "53: who waits for one that is stopped, unanswered, does so for its time")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { case_host, handle, 40 };
		struct later later = { handle, 0 };
		struct sim_thread *thread;

		if (case_dma) {
			mock.busy_held = true;
			thread = sim_spawn("sends", SIM_TASK, send_later,
			    &later);
			while (mock.core->send.answer == NULL)
				sim_sleep(10000);
			sim_stop(thread, true);
			CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
			    VQP_ERROR_TIMEOUT);
			mock_answer(&mock);
			CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
			    64);
			sim_stop(thread, false);
			sim_join(thread);
			CHECK_EQ(later.result, 64);
		}
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_74_gone_as_it_sends,
    "74: all ones as an answer are none of a device that is not there")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { case_host, handle, 40 };
		uint64_t accesses;

		mock.sends_answer = true;
		mock.send_answer = -1;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), -1);
		mock.caps = mock.caps_later = UINT32_MAX;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_UNAVAILABLE);
		/* And it is not looked at again. */
		accesses = mock.accesses;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(mock.accesses, accesses);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(any_context, "2.3: an endpoint of ANY_CONTEXT hears what is for others")
{
	FOR_EACH_CASE() {
		struct counted ours = { 0 }, any = { 0 };
		struct vqp_handle handle[2] = { case_endpoint(&ours, 0),
		    case_endpoint(&any, VQP_DATAGRAM_ANY_CONTEXT) };

		for (unsigned i = 0; i < 2; i++) {
			mock_datagram(&mock, case_host, (struct vqp_handle){
			    0x9999, handle[i].resource }, "x", 1);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		}
		CHECK_EQ(ours.calls, 0);
		CHECK_EQ(any.calls, 1);
		for (unsigned i = 0; i < 2; i++)
			vqp_core_endpoint_destroy(mock.core, handle[i]);
	}
}

TEST(ids_begin_anew, "abi 8: behind the last id comes the first that is free")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle[3];

		handle[0] = case_endpoint(&counted, 0);
		CHECK_EQ(handle[0].resource, VQP_RESOURCE_FREE_MIN);
		mock.core->table.id = VQP_RESOURCE_ANY - 1;
		for (unsigned i = 1; i < 3; i++)
			handle[i] = case_endpoint(&counted, 0);
		CHECK_EQ(handle[1].resource, VQP_RESOURCE_ANY - 1);
		CHECK_EQ(handle[2].resource, VQP_RESOURCE_FREE_MIN + 1);
		for (unsigned i = 0; i < 3; i++)
			vqp_core_endpoint_destroy(mock.core, handle[i]);
	}
}

/* Bytes that came as they were sent. */
static uint64_t whole;

static void
compare(void *argument, const struct vqp_datagram *datagram)
{
	(void)argument;
	if (memcmp(datagram + 1, payload,
	    (size_t)datagram->payload_size) == 0)
		whole += datagram->payload_size;
}

TEST(case_47_in_two_parts,
    "47: a datagram that begins in what was read for another is whole")
{
	for (unsigned i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	FOR_EACH_CASE() {
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.receive = compare,
		};
		struct vqp_handle handle;

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		whole = 0;
		for (unsigned i = 0; i < 8; i++)
			mock_datagram(&mock, case_host, handle, payload,
			    i * 1500);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(whole, 28 * 1500);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(send_arguments, "abi 2.5: what cannot be sent never reaches the device")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		struct vqp_datagram datagram = { case_host, handle, 8 };
		const unsigned before = mock.message_count;

		CHECK_EQ(vqp_core_send(mock.core, NULL, NULL),
		    VQP_ERROR_INVALID_ARGS);
		datagram.payload_size = VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_INVALID_ARGS);
		datagram.payload_size = UINT64_MAX - 20;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_INVALID_ARGS);
		datagram.payload_size = 8;
		datagram.dst.context = VQP_CONTEXT_ANY;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_INVALID_ARGS);
		datagram.dst = case_host;
		datagram.src.resource += 5;
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_NO_HANDLE);
		datagram.src = (struct vqp_handle){ VQP_INVALID_ID,
		    VQP_INVALID_ID };
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
		    VQP_ERROR_NO_HANDLE);
		CHECK_EQ(mock.message_count, before);
		/* F20: ANY becomes our own id before it is on the wire. */
		datagram.src = (struct vqp_handle){ VQP_CONTEXT_ANY,
		    handle.resource };
		CHECK_EQ(vqp_core_send(mock.core, &datagram, payload), 32);
		memcpy(&datagram, mock.message[before].at, sizeof(datagram));
		CHECK_EQ(datagram.src.context, MOCK_CID);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

/* ---- 55: destroyed from within, and by two at once. */

struct suicide {
	struct vqp_handle handle;
	unsigned calls;
	int status;
	bool over;
};

static void
destroy_myself(void *argument, const struct vqp_datagram *datagram)
{
	struct suicide *suicide = argument;

	(void)datagram;
	if (suicide->over)
		sim_fail("called after it destroyed itself");
	suicide->calls++;
	suicide->status = vqp_core_endpoint_destroy(mock.core,
	    suicide->handle);
	suicide->over = true;
	sim_point("test", 0);
}

static unsigned destroyed, not_found;

static void
destroy_it(void *argument)
{
	const struct vqp_handle *handle = argument;
	const int status = vqp_core_endpoint_destroy(mock.core, *handle);

	destroyed += status == VQP_SUCCESS;
	not_found += status == VQP_ERROR_NOT_FOUND;
}

TEST(case_55_destroys_itself,
    "55: a receiver may destroy its endpoint, and is not called again")
{
	FOR_EACH_CASE() {
		struct suicide suicide = { .status = 1 };
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.flags = case_seed % 2 ? VQP_DATAGRAM_DELAYED : 0,
			.receive = destroy_myself,
			.argument = &suicide,
		};

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &suicide.handle), VQP_SUCCESS);
		for (unsigned i = 0; i < 5; i++)
			mock_datagram(&mock, case_host, suicide.handle,
			    payload, 30);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		sim_sleep(1000000);
		CHECK_EQ(suicide.calls, 1);
		CHECK_EQ(suicide.status, VQP_SUCCESS);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, suicide.handle),
		    VQP_ERROR_NOT_FOUND);
	}
}

static void
serve_in_a_thread(void *argument)
{
	(void)argument;
	mock_serve(&mock, VQP_CAUSE_DATAGRAM);
}

TEST(case_55_two_destroy,
    "55: of those that destroy at once one does, and nobody is called after")
{
	FOR_EACH_CASE() {
		for (unsigned round = 0; round < 20; round++) {
			struct counted counted = { 0 };
			struct vqp_handle handle = case_endpoint(&counted,
			    round % 2 ? VQP_DATAGRAM_DELAYED : 0);
			struct sim_thread *thread[4];

			for (unsigned i = 0; i < 4; i++)
				mock_datagram(&mock, case_host, handle,
				    payload, 100);
			destroyed = not_found = 0;
			for (unsigned i = 0; i < 3; i++)
				thread[i] = sim_spawn("destroys", SIM_TASK,
				    destroy_it, &handle);
			thread[3] = sim_spawn("serves", SIM_TASK,
			    serve_in_a_thread, NULL);
			for (unsigned i = 0; i < 3; i++)
				sim_join(thread[i]);
			counted.destroyed = true;
			sim_join(thread[3]);
			CHECK_EQ(destroyed, 1);
			CHECK_EQ(not_found, 2);
			sim_sleep(100000);
		}
	}
}

TEST(case_55_ids_are_not_reused,
    "55: an id is not given again while all others are free, nor a live one")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle kept = case_endpoint(&counted, 0), last;

		last = kept;
		for (unsigned i = 0; i < 300; i++) {
			struct vqp_handle handle = case_endpoint(&counted, 0);

			CHECK(handle.resource != kept.resource &&
			    handle.resource != last.resource);
			CHECK(handle.resource >= VQP_RESOURCE_FREE_MIN);
			last = handle;
			vqp_core_endpoint_destroy(mock.core, handle);
		}
		vqp_core_endpoint_destroy(mock.core, kept);
	}
}

TEST(case_56_no_ids_left,
    "56: when all there may be are taken, the answer is NO_HANDLE at once")
{
	FOR_EACH_BARE_CASE() {
		const struct vqp_core_config config = {
			.resource_count_max = 100,
		};
		struct counted counted = { 0 };
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.receive = count_receive,
			.argument = &counted,
		};
		struct vqp_handle handle[101];
		uint64_t steps;

		CHECK_EQ(vqp_core_attach(mock.os, &config, case_dma,
		    &mock.core),
		    VQP_SUCCESS);
		vqp_core_start(mock.core);
		for (unsigned i = 0; i < 100; i++)
			CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
			    &handle[i]), VQP_SUCCESS);
		steps = sim_step_count();
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle[100]), VQP_ERROR_NO_HANDLE);
		CHECK(sim_step_count() - steps < 1000);
		vqp_core_endpoint_destroy(mock.core, handle[7]);
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle[7]), VQP_SUCCESS);
		for (unsigned i = 0; i < 100; i++)
			vqp_core_endpoint_destroy(mock.core, handle[i]);
	}
}

TEST(create_arguments, "abi 8: what is no endpoint is refused")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_endpoint_options good = {
			.resource = 5000,
			.receive = count_receive,
			.argument = &counted,
		}, bad = good;
		struct vqp_handle handle = { 1, 2 }, other;

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &good, &handle),
		    VQP_SUCCESS);
		CHECK_EQ(handle.context, MOCK_CID);
		CHECK_EQ(handle.resource, 5000);
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &good, &other),
		    VQP_ERROR_ALREADY_EXISTS);
		bad.receive = NULL;
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &bad, &other),
		    VQP_ERROR_INVALID_ARGS);
		bad = good;
		bad.flags = VQP_DATAGRAM_WELL_KNOWN;
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &bad, &other),
		    VQP_ERROR_INVALID_ARGS);
		bad.flags = 8;
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &bad, &other),
		    VQP_ERROR_INVALID_ARGS);
		bad.flags = 0;
		bad.privilege = 4;
		CHECK_EQ(vqp_core_endpoint_create(mock.core, &bad, &other),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
		    VQP_SUCCESS);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
		    VQP_ERROR_NOT_FOUND);
	}
}

/* ---- 2.7: delayed endpoints. */

struct ordered {
	uint32_t next;
	unsigned calls, inside, wrong;
};

static void
receive_ordered(void *argument, const struct vqp_datagram *datagram)
{
	struct ordered *ordered = argument;
	uint32_t number;

	ordered->wrong += ordered->inside++ != 0;
	memcpy(&number, datagram + 1, sizeof(number));
	ordered->wrong += number < ordered->next;
	ordered->next = number + 1;
	ordered->calls++;
	sim_point("test", number);
	ordered->inside--;
}

TEST(delayed_in_order,
    "F1, L11: a delayed endpoint receives in order and one at a time")
{
	FOR_EACH_CASE() {
		struct ordered ordered = { 0 };
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.flags = VQP_DATAGRAM_DELAYED,
			.receive = receive_ordered,
			.argument = &ordered,
		};
		struct vqp_handle handle;
		uint32_t number[64] = { 0 };

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		for (number[0] = 0; number[0] < 300; number[0]++) {
			mock_datagram(&mock, case_host, handle, number,
			    4 + number[0] % 200);
			if (number[0] % 7 == 0)
				mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		}
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		sim_sleep(50000000);
		CHECK_EQ(ordered.calls, 300);
		CHECK_EQ(ordered.wrong, 0);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

static bool blocked;

static void
receive_blocked(void *argument, const struct vqp_datagram *datagram)
{
	(void)datagram;
	while (blocked)
		sim_sleep(10000);
	(*(unsigned *)argument)++;
}

TEST(case_54_delayed_is_bounded,
    "54: a delayed endpoint that does not keep up loses and counts, no memory")
{
	FOR_EACH_CASE() {
		unsigned calls = 0;
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.flags = VQP_DATAGRAM_DELAYED,
			.receive = receive_blocked,
			.argument = &calls,
		};
		struct vqp_handle handle;
		uint64_t bytes;

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		bytes = sim_os_bytes_live(mock.os);
		blocked = true;
		for (unsigned i = 0; i < 1000; i++) {
			mock_datagram(&mock, case_host, handle, payload,
			    1000);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		}
		CHECK_EQ(sim_os_bytes_live(mock.os), bytes);
		CHECK(case_counters().receive_queue_full > 500);
		blocked = false;
		sim_sleep(100000000);
		CHECK_EQ(calls + case_counters().receive_queue_full, 1000);
		mock_datagram(&mock, case_host, handle, payload, 1000);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		sim_sleep(1000000);
		CHECK_EQ(calls + case_counters().receive_queue_full, 1001);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(case_54_budget, "B10: one call of service does no more than its budget")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		for (unsigned i = 0; i < 300; i++)
			mock_datagram(&mock, case_host, handle, payload, 8);
		CHECK(vqp_core_service(mock.core, VQP_CAUSE_DATAGRAM) != 0);
		CHECK(counted.calls <= 64);
		CHECK(counted.calls >= 32);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 300);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(announced_meanwhile,
    "B10: what is announced while the budget is used up does not wait")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		for (unsigned i = 0; i < 100; i++)
			mock_datagram(&mock, case_host, handle, NULL, 0);
		CHECK(vqp_core_service(mock.core, VQP_CAUSE_DATAGRAM) != 0);
		CHECK(counted.calls < 100);
		mock_datagram(&mock, case_host, handle, NULL, 0);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 101);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

static bool serving;

static void
serve_always(void *argument)
{
	const struct vqp_handle dst = { MOCK_CID, 5000 };

	(void)argument;
	while (serving) {
		mock_datagram(&mock, case_host, dst, NULL, 0);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		sim_point("test", 0);
	}
}

TEST(found_is_whole,
    "E6: an endpoint that a datagram finds has a receiver")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		const struct vqp_endpoint_options options = {
			.resource = 5000,
			.receive = count_receive,
			.argument = &counted,
		};
		struct sim_thread *thread;
		struct vqp_handle handle;

		serving = true;
		thread = sim_spawn("serves", SIM_TASK, serve_always, NULL);
		for (unsigned i = 0; i < 50; i++) {
			counted.destroyed = false;
			CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
			    &handle), VQP_SUCCESS);
			if (i % 10 == 0)
				sim_sleep(10000);
			CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
			    VQP_SUCCESS);
			counted.destroyed = true;
		}
		serving = false;
		sim_join(thread);
		CHECK(counted.calls > 0);
	}
}

TEST(case_77_scribbles,
    "77: what the device writes over its orders changes nothing")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram datagram = { case_host, handle, 40 };

		mock.scribbles = true;
		mock.busy_value = UINT32_MAX;
		for (unsigned i = 0; i < 10; i++) {
			CHECK_EQ(vqp_core_send(mock.core, &datagram, payload),
			    64);
			mock_datagram(&mock, case_host, handle, payload,
			    6000 * i);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(counted.calls, i + 1);
		}
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(rest_is_asked_for,
    "wire 1.9: what a buffer's end cuts in two is fetched without another cause")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		uint32_t causes = VQP_CAUSE_DATAGRAM;

		/* More than a buffer, and its end is in one of them. */
		for (unsigned i = 0; i < 30; i++)
			mock_datagram(&mock, case_host, handle, payload, 3000);
		while (causes != 0)
			causes = vqp_core_service(mock.core, causes);
		CHECK_EQ(counted.calls, 30);
		CHECK_EQ(counted.bytes, 30 * 3000);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(torn_while_read,
    "74: the ones that are read where no device is are no end of a datagram")
{
	static const uint8_t ones[8] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};

	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		uint64_t accesses;

		if (!case_dma) {
			/* They may also be what was sent. */
			mock_datagram(&mock, case_host, handle, ones, 8);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(counted.calls, 1);
			mock_datagram(&mock, case_host, handle, ones, 8);
			mock.caps_later = UINT32_MAX;
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(counted.calls, 1);
			accesses = mock.accesses;
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
			CHECK_EQ(vqp_core_interrupt(mock.core), 0);
			CHECK_EQ(mock.accesses, accesses);
		}
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(behind_the_oversized,
    "wire 1.9: what is behind a datagram too long comes without another cause")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		uint32_t causes = VQP_CAUSE_DATAGRAM;

		if (case_dma) {
			give_header(handle, VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1);
			mock_give(&mock, payload, sizeof(payload));
			mock_datagram(&mock, case_host, handle, payload, 8);
			while (causes != 0)
				causes = vqp_core_service(mock.core, causes);
			CHECK_EQ(case_counters().receive_oversized, 1);
			CHECK_EQ(counted.calls, 1);
		}
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(rest_never_comes,
    "wire 1.9: without the rest of a datagram what came before is not read anew")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);
		const struct vqp_datagram inner = { handle, case_host, 56 };
		uint8_t bytes[3000] = { 0 };

		/* Where the rest of the last would end there is a whole one. */
		memcpy(bytes + sizeof(bytes) - 80, &inner, sizeof(inner));
		for (unsigned i = 0; i < 30; i++)
			mock_datagram(&mock, case_host, handle, bytes, 3000);
		/* A buffer, which ends in one of them; and nothing behind. */
		mock.in_bytes = VQP_DATAGRAM_BYTES_MAX;
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK(counted.calls >= VQP_DATAGRAM_BYTES_MAX / 3024);
		CHECK(counted.calls <= VQP_DATAGRAM_BYTES_MAX / 3024 + 1);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST(hypercall_limit, "a hypercall longer than any there is never leaves us")
{
	FOR_EACH_CASE() {
		struct vqp_datagram datagram = {
			.dst = { VQP_CONTEXT_HYPERVISOR, 100 },
			.src = { MOCK_CID, 0 },
		};
		const unsigned count = mock.message_count;

		CHECK_EQ(vqp_core_hypercall(mock.core, NULL, payload),
		    VQP_ERROR_INVALID_ARGS);
		datagram.payload_size = 1;
		CHECK_EQ(vqp_core_hypercall(mock.core, &datagram, NULL),
		    VQP_ERROR_INVALID_ARGS);
		datagram.payload_size =
		    sizeof(struct vqp_hypercall_qpair_alloc) +
		    VQP_QPAIR_PAGE_COUNT_MAX * sizeof(uint64_t) + 1;
		CHECK_EQ(vqp_core_hypercall(mock.core, &datagram, payload),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		datagram.payload_size = UINT64_MAX;
		CHECK_EQ(vqp_core_hypercall(mock.core, &datagram, payload),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(mock.message_count, count);
		/* One that would go by a port that is not there. */
		if (case_dma) {
			sim_os_no_ports(mock.os);
			datagram.payload_size = VQP_DATAGRAM_PAYLOAD_BYTES_MAX +
			    1;
			CHECK_EQ(vqp_core_hypercall(mock.core, &datagram,
			    payload), VQP_ERROR_PAYLOAD_TOO_LARGE);
			CHECK_EQ(mock.message_count, count);
		}
		datagram.payload_size = 8;
		CHECK(vqp_core_hypercall(mock.core, &datagram, payload) >= 0);
		CHECK_EQ(mock.message_count, count + 1);
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_hypercall(mock.core, &datagram, payload),
		    VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
	}
}

TEST(case_78_random_bytes, "78: random bytes to receive: nothing breaks us")
{
	struct rng rng = { 78 };

	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_endpoint(&counted, 0);

		for (unsigned round = 0; round < 200; round++) {
			uint8_t bytes[512];

			for (unsigned i = 0; i < sizeof(bytes); i++)
				bytes[i] = (uint8_t)(rng_below(&rng, 4) == 0 ?
				    rng_next(&rng) : 0);
			if (rng_below(&rng, 2) == 0) {
				memcpy(bytes, &handle, 8);
				memset(bytes + 17, 0, 7);
			}
			if (rng_below(&rng, 8) == 0)
				mock.icr = (uint32_t)rng_next(&rng);
			mock_give(&mock, bytes, 8 + rng_below(&rng, 500));
			mock_serve(&mock, vqp_core_interrupt(mock.core) |
			    VQP_CAUSE_DATAGRAM);
		}
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

TEST_MAIN()
