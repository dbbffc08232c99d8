/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The life of a device in the hands of the driver core: part F and H of the
 * hostile-peer matrix, abi 1.5 to 1.8.
 */
#include <stdlib.h>

#include "core_case.h"

TEST(attach_in_order, "abi 1.7: what is written, and interrupts last of all")
{
	FOR_EACH_BARE_CASE() {
		mock.caps |= 0x7fffff43;	/* 71: all that we do not know */
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		CHECK_EQ(mock.caps_acked, VQP_CAP_DATAGRAM |
		    VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64 |
		    (case_dma ? VQP_CAP_DMA_DATAGRAM : 0));
		CHECK_EQ(mock.page_shift, case_dma ? 12 : 0);
		CHECK_EQ(mock.imr, 0);
		CHECK_EQ(mock.enables, 0);
		CHECK(mock.has_bitmap);
		CHECK(mock_bitmap(&mock) != NULL);
		CHECK(mock_count(&mock, VQP_HYPERCALL_RESOURCES_QUERY) >= 1);
		vqp_core_start(mock.core);
		CHECK_EQ(mock.enables, 1);
		CHECK_EQ(mock.imr, vqp_core_causes(mock.core));
		CHECK_EQ(vqp_core_causes(mock.core), case_dma ? 7 : 3);
		CHECK_EQ(vqp_core_context_id(mock.core), MOCK_CID);
		/* F7: masked before anything is taken down. */
		vqp_core_stop(mock.core);
		CHECK_EQ(mock.imr, 0);
		CHECK_EQ(mock.disables, 1);
		CHECK_EQ(vqp_core_service(mock.core, 7), 0);
	}
}

static unsigned inside, served;

static void
receive_inside(void *argument, const struct vqp_datagram *datagram)
{
	(void)argument, (void)datagram;
	inside++;
	for (unsigned i = 0; i < 5; i++)
		sim_point("test", i);
	inside--;
	served++;
}

static void
ring_inside(void *argument)
{
	inside++;
	for (unsigned i = 0; i < 20; i++)
		sim_point("test", i);
	inside--;
	receive_inside(argument, NULL);
}

static void
serve(void *argument)
{
	(void)vqp_core_service(mock.core, *(const uint32_t *)argument);
}

TEST(stop_waits, "abi 1.8: when stop returns no service runs, nor begins")
{
	FOR_EACH_CASE() {
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.receive = receive_inside,
		};
		const struct vqp_doorbell_options bell_options = {
			.ring = ring_inside,
		};
		struct vqp_handle handle, bell = { VQP_INVALID_ID,
		    VQP_INVALID_ID };
		struct sim_thread *thread[2];
		uint32_t cause;
		unsigned before;

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &bell_options,
		    &bell), VQP_SUCCESS);
		for (unsigned round = 0; round < 30; round++) {
			mock_datagram(&mock, case_host, handle, NULL, 0);
			mock_bitmap(&mock)[0] = 1;
			/* One lane, the other, and both at once. */
			cause = round % 3 == 2 ? VQP_CAUSE_DATAGRAM |
			    VQP_CAUSE_NOTIFICATION : round % 3 == 0 ?
			    VQP_CAUSE_DATAGRAM : VQP_CAUSE_NOTIFICATION;
			for (unsigned i = 0; i < 2; i++)
				thread[i] = sim_spawn("serves", SIM_TASK,
				    serve, &cause);
			for (unsigned i = 0; i < round; i++)
				sim_point("test", i);
			vqp_core_stop(mock.core);
			CHECK_EQ(inside, 0);
			for (unsigned i = 0; i < 2; i++)
				sim_join(thread[i]);
			CHECK_EQ(inside, 0);
			before = served;
			CHECK_EQ(vqp_core_service(mock.core, cause), 0);
			CHECK_EQ(served, before);
			vqp_core_suspend(mock.core);
			CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
			mock.in_at = mock.in_bytes;
		}
		CHECK(served > 0);
		vqp_core_endpoint_destroy(mock.core, handle);
		vqp_core_doorbell_destroy(mock.core, bell);
	}
}

TEST(case_71_no_datagrams, "71: without datagrams, or without DMA, no core")
{
	static const uint32_t useless[] = {
		0, ~VQP_CAP_DATAGRAM, VQP_CAP_NOTIFICATIONS,
	};

	for (unsigned i = 0; i < 3; i++) {
		FOR_EACH_BARE_CASE() {
			mock.caps = useless[i];
			CHECK_EQ(mock_attach(&mock), VQP_ERROR_UNAVAILABLE);
			mock.core = NULL;
		}
	}
	FOR_EACH_BARE_CASE() {
		mock.caps &= ~VQP_CAP_DMA_DATAGRAM;
		if (case_dma) {
			CHECK_EQ(mock_attach(&mock), VQP_ERROR_UNAVAILABLE);
			mock.core = NULL;
		}
	}
	FOR_EACH_BARE_CASE() {
		mock.caps = UINT32_MAX;
		CHECK_EQ(mock_attach(&mock), VQP_ERROR_DEVICE_NOT_FOUND);
		CHECK_EQ(mock.message_count, 0);
		mock.core = NULL;
	}
}

static void
pull_at_last(struct mock *device, const struct vqp_datagram *datagram)
{
	if (datagram->dst.resource == VQP_HYPERCALL_GET_CONTEXT_ID)
		sim_os_pull(device->os);
}

TEST(plugged_twice, "a core has one device at a time, and none that went at once")
{
	FOR_EACH_CASE() {
		CHECK_EQ(vqp_core_plug(mock.core, case_dma),
		    VQP_ERROR_ALREADY_EXISTS);
		CHECK_EQ(mock.enables, 1);
		CHECK_EQ(mock.resets, 0);
	}
	FOR_EACH_BARE_CASE() {
		mock.sees = pull_at_last;
		CHECK_EQ(mock_attach(&mock), VQP_ERROR_DEVICE_NOT_FOUND);
		CHECK_EQ(case_bytes(), 0);
		mock.core = NULL;
	}
}

TEST(large_pages_by_ports, "a device by ports is not told of pages of 64 KiB")
{
	static const uint32_t shifts[] = { 13, 14, 16 };

	for (unsigned i = 0; i < 3; i++) {
		mock_open_paged(&mock, i, shifts[i]);
		CHECK_EQ(mock_attach(&mock), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(sim_os_log_count(mock.os), 1);
		CHECK_EQ(mock.accesses, 0);
		mock.core = NULL;
		mock_close(&mock);
	}
}

TEST(case_71_caps_change, "71: capabilities that change after the ack do not")
{
	FOR_EACH_BARE_CASE() {
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
		const struct vqp_qpair_options options = {
			.produce_bytes = 64,
			.peer = VQP_CONTEXT_ANY,
		};
		struct vqp_qpair *qpair;

		mock.caps_later = VQP_CAP_HYPERCALL;
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		vqp_core_start(mock.core);
		CHECK_EQ(vqp_core_qpair_alloc(mock.core, &options, &handle,
		    &qpair), 0);
		/* Page numbers are as wide as was agreed. */
		CHECK_EQ(mock_last(&mock, VQP_HYPERCALL_QPAIR_ALLOC)->bytes,
		    64 + 3 * 8);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(case_71_narrow, "71: without PPN64 page numbers are 32 bits wide")
{
	FOR_EACH_BARE_CASE() {
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
		const struct vqp_qpair_options options = {
			.produce_bytes = 64,
			.peer = VQP_CONTEXT_ANY,
		};
		struct vqp_qpair *qpair;

		mock.caps &= ~VQP_CAP_PPN64;
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		CHECK_EQ(mock.caps_acked & VQP_CAP_PPN64, 0);
		vqp_core_start(mock.core);
		CHECK_EQ(vqp_core_qpair_alloc(mock.core, &options, &handle,
		    &qpair), 0);
		CHECK_EQ(mock_last(&mock, VQP_HYPERCALL_QPAIR_ALLOC)->bytes,
		    64 + 3 * 4);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(case_73_query,
    "73: what RESOURCES_QUERY does not list is tried, and the device answers")
{
	static const uint32_t lists[] = {
		(1u << VQP_HYPERCALL_COUNT) - 1,
		1u << VQP_HYPERCALL_GET_CONTEXT_ID,
		(1u << VQP_HYPERCALL_COUNT) - 1 -
		    (1u << VQP_HYPERCALL_GET_CONTEXT_ID),
	};

	FOR_EACH_BARE_CASE() {
		for (unsigned list = 0; list < 3; list++) {
			struct vqp_handle handle = { VQP_INVALID_ID,
			    VQP_INVALID_ID };
			struct counted rung = { 0 };
			const struct vqp_qpair_options options = {
				.produce_bytes = 64,
				.peer = VQP_CONTEXT_ANY,
			};
			struct vqp_qpair *qpair;
			int status;

			mock.known = lists[list];
			mock.answers[VQP_HYPERCALL_QPAIR_ALLOC] = false;
			status = mock_attach(&mock);
			if (list == 2) {
				CHECK_EQ(status, VQP_ERROR_UNAVAILABLE);
				mock.core = NULL;
				continue;
			}
			CHECK_EQ(status, VQP_SUCCESS);
			vqp_core_start(mock.core);
			status = vqp_core_qpair_alloc(mock.core, &options,
			    &handle, &qpair);
			CHECK_EQ(status, 0);
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core,
			    case_bell(&rung, 0)), VQP_SUCCESS);
			/* And it may know as little as it says. */
			mock.answers[VQP_HYPERCALL_QPAIR_ALLOC] = true;
			mock.answer[VQP_HYPERCALL_QPAIR_ALLOC] =
			    VQP_ERROR_INVALID_RESOURCE;
			handle.context = handle.resource = VQP_INVALID_ID;
			CHECK_EQ(vqp_core_qpair_alloc(mock.core, &options,
			    &handle, &qpair), VQP_ERROR_INVALID_RESOURCE);
			vqp_core_detach(mock.core);
			mock.core = NULL;
			mock_reopen(&mock);
		}
	}
}

TEST(case_73_query_answers,
    "73: only exactly 1 says that there are context ids")
{
	static const int32_t answers[] = {
		0, 2, 3, -1, -2, INT32_MIN, INT32_MAX
	};

	for (unsigned i = 0; i < 7; i++) {
		FOR_EACH_BARE_CASE() {
			mock.answers[VQP_HYPERCALL_RESOURCES_QUERY] = true;
			mock.answer[VQP_HYPERCALL_RESOURCES_QUERY] =
			    answers[i];
			CHECK(mock_attach(&mock) < 0);
			mock.core = NULL;
			/* It may have been given our memory: reset. */
			CHECK(mock.resets >= 1);
		}
	}
}

TEST(case_76_attach_fails_anywhere,
    "76, 98, F5: each request for memory may fail at attach, and leaks nothing")
{
	FOR_EACH_BARE_CASE() {
		unsigned n = 1;

		for (; n < 100; n++) {
			const uint64_t before = sim_os_requests(mock.os);
			int status;

			sim_os_fail_at(mock.os, n, case_seed % 2 != 0);
			status = mock_attach(&mock);
			sim_os_fail_at(mock.os, 0, false);
			if (status == VQP_SUCCESS) {
				vqp_core_detach(mock.core);
				mock.core = NULL;
				mock_reopen(&mock);
				if (sim_os_requests(mock.os) < before + n)
					break;
				continue;	/* done without */
			}
			CHECK_EQ(status, VQP_ERROR_NO_MEM);
			CHECK_EQ(case_bytes(), 0);
			mock.core = NULL;
		}
		CHECK(n > 3 && n < 100);
	}
}

/* One operation of each kind; its answer. */
static struct counted counted;

static int
operate(unsigned which)
{
	const struct vqp_endpoint_options endpoint = {
		.resource = VQP_RESOURCE_ANY,
		.flags = which == 1 ? VQP_DATAGRAM_DELAYED : 0,
		.receive = count_receive,
		.argument = &counted,
	};
	const struct vqp_doorbell_options doorbell = {
		.ring = count_ring,
		.argument = &counted,
	};
	const struct vqp_qpair_options pair = {
		.produce_bytes = 5000,
		.consume_bytes = 64,
		.peer = VQP_CONTEXT_ANY,
		.flags = which == 5 ? VQP_QPAIR_LOCAL : 0,
	};
	struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
	struct vqp_qpair *qpair;
	uint32_t id;
	int status;

	switch (which) {
	case 0:
	case 1:
		status = vqp_core_endpoint_create(mock.core, &endpoint,
		    &handle);
		if (status == VQP_SUCCESS)
			CHECK_EQ(vqp_core_endpoint_destroy(mock.core, handle),
			    VQP_SUCCESS);
		return status;
	case 2:
		status = vqp_core_doorbell_create(mock.core, &doorbell,
		    &handle);
		if (status == VQP_SUCCESS)
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
			    VQP_SUCCESS);
		return status;
	case 3:
		status = vqp_core_event_subscribe(mock.core, 2, count_event,
		    &counted, &id);
		if (status == VQP_SUCCESS)
			CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id),
			    VQP_SUCCESS);
		return status;
	default:
		status = vqp_core_qpair_alloc(mock.core, &pair, &handle,
		    &qpair);
		if (status >= 0)
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		return status;
	}
}

TEST(case_98_nth_allocation,
    "98: each request for memory of each operation may fail: error, no leak")
{
	FOR_EACH_CASE() {
		const uint64_t bytes = case_bytes();

		for (unsigned which = 0; which < 6; which++) {
			unsigned n = 1, failed = 0;

			for (; n < 50; n++) {
				int status;

				sim_os_fail_at(mock.os, n, false);
				status = operate(which);
				sim_os_fail_at(mock.os, 0, false);
				CHECK_EQ(case_bytes(), bytes);
				if (status >= 0)
					break;
				failed++;
				CHECK_EQ(status, VQP_ERROR_NO_MEM);
			}
			CHECK(failed >= 1 && n < 50);
			CHECK(operate(which) >= 0);
		}
	}
}

/* ---- 97: what leaves us holds no byte that nobody meant. */

static void
audit_zero(const uint8_t *at, uint64_t from, uint64_t to, unsigned which)
{
	for (uint64_t i = from; i < to; i++) {
		if (at[i] != 0)
			printf("# byte %llu of hypercall %u is 0x%02x\n",
			    (unsigned long long)i, which, at[i]);
		CHECK_EQ(at[i], 0);
	}
}

static unsigned audited[VQP_HYPERCALL_COUNT];

static void
audit(struct mock *device, const struct vqp_datagram *datagram)
{
	static const uint8_t ones[8] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	const struct mock_message *message =
	    &device->message[device->message_count - 1];
	const unsigned which = datagram->dst.resource;
	const uint8_t *at = message->at;

	if (datagram->dst.context != VQP_CONTEXT_HYPERVISOR ||
	    which >= VQP_HYPERCALL_COUNT)
		return;
	audited[which]++;
	CHECK(memcmp(at + 8, ones, 8) == 0);
	CHECK_EQ(datagram->payload_size, message->bytes - 24);
	switch (which) {
	case VQP_HYPERCALL_RESOURCES_QUERY:
		audit_zero(at, 28, 32, which);
		CHECK_EQ(message->bytes, 32 + 4 * at[24]);
		break;
	case VQP_HYPERCALL_GET_CONTEXT_ID:
		CHECK_EQ(message->bytes, 24);
		break;
	case VQP_HYPERCALL_SET_NOTIFY_BITMAP:
		CHECK_EQ(message->bytes, 32);
		if ((device->caps_acked & VQP_CAP_PPN64) == 0)
			audit_zero(at, 28, 32, which);
		break;
	case VQP_HYPERCALL_DOORBELL_LINK:
		CHECK_EQ(message->bytes, 40);
		audit_zero(at, 34, 40, which);
		break;
	case VQP_HYPERCALL_QPAIR_ALLOC:
		break;
	default:
		CHECK_EQ(message->bytes, 32);
		break;
	}
}

/* The stack below us full of something that would be seen. */
static __attribute__((noinline)) void
poison_stack(void)
{
	volatile uint8_t stack[16384];

	for (unsigned i = 0; i < sizeof(stack); i++)
		stack[i] = 0xa5;
}

TEST(case_97_leak_audit,
    "97, F15: each byte of each message is one that was meant")
{
	memset(audited, 0, sizeof(audited));
	for (unsigned narrow = 0; narrow < 2; narrow++) {
		FOR_EACH_BARE_CASE() {
			struct vqp_handle handle;
			struct vqp_datagram datagram;
			const uint8_t byte = 9;

			if (narrow)
				mock.caps &= ~VQP_CAP_PPN64;
			mock.sees = audit;
			poison_stack();
			CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
			vqp_core_start(mock.core);
			for (unsigned i = 0; i < 6; i++) {
				poison_stack();
				CHECK(operate(i) >= 0);
			}
			poison_stack();
			vqp_core_doorbell_notify(mock.core, case_host, 0);
			handle = case_endpoint(&counted, 0);
			datagram = (struct vqp_datagram){ case_host, handle,
			    1 };
			poison_stack();
			CHECK_EQ(vqp_core_send(mock.core, &datagram, &byte),
			    25);
			/* Not padded: no byte more than was said. */
			CHECK_EQ(mock.message[mock.message_count - 1].bytes,
			    25);
			vqp_core_endpoint_destroy(mock.core, handle);
		}
	}
	for (unsigned i = 0; i <= 5; i++)
		CHECK(audited[i] > 0);
	CHECK(audited[10] > 0 && audited[11] > 0);
}

TEST(case_99_silence,
    "99, L3, L4: of a device that never answers each call ends within limits")
{
	for (unsigned which = 0; which < 6; which++) {
		FOR_EACH_CASE() {
			const uint64_t begin = sim_now_ns();
			int status;

			if (!case_dma)
				continue;
			mock.never_busy_done = true;
			status = operate(which);
			CHECK(sim_now_ns() - begin < 100 * 1000 * 1000);
			if (which == 2 || which == 4)
				CHECK(status == VQP_ERROR_TIMEOUT ||
				    status == VQP_ERROR_UNAVAILABLE);
			(void)vqp_core_service(mock.core, VQP_CAUSE_DATAGRAM);
		}
	}
}

TEST(case_99_attach_silence, "99: attaching to a silent device ends, too")
{
	FOR_EACH_BARE_CASE() {
		mock.never_busy_done = true;
		if (case_dma) {
			const int status = mock_attach(&mock);

			CHECK(status == VQP_ERROR_TIMEOUT ||
			    status == VQP_ERROR_UNAVAILABLE);
			mock.core = NULL;
		}
	}
}

/* ---- Clients that stay behind. */

TEST(case_74_left_behind,
    "74, B21: what clients hold outlives the core, answers, and is freed last")
{
	FOR_EACH_CASE() {
		struct counted here = { 0 };
		struct vqp_handle endpoint = case_endpoint(&here,
		    case_seed % 2 ? VQP_DATAGRAM_DELAYED : 0);
		struct vqp_handle bell = case_bell(&here, 0);
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
		struct vqp_handle other = handle;
		const struct vqp_qpair_options options = {
			.produce_bytes = 64,
			.consume_bytes = 64,
			.peer = VQP_CONTEXT_ANY,
		};
		const struct vqp_qpair_options local = {
			.produce_bytes = 64,
			.consume_bytes = 64,
			.peer = VQP_CONTEXT_ANY,
			.flags = VQP_QPAIR_LOCAL,
		};
		uint32_t id = case_subscribe(2, &here);
		struct vqp_qpair *qpair, *mine;
		struct vqp_datagram datagram = { case_host, endpoint, 0 };
		struct vqp_core *core = mock.core;
		uint8_t byte = 1;
		uint64_t pulled = case_seed % 3;

		CHECK_EQ(vqp_core_qpair_alloc(core, &options, &handle, &qpair),
		    0);
		CHECK(vqp_core_qpair_alloc(core, &local, &other, &mine) >= 0);
		if (pulled == 1) {
			sim_os_pull(mock.os);
			vqp_core_gone(core);
		}
		vqp_core_detach(core);
		CHECK(!sim_os_released(mock.os));
		CHECK(pulled == 1 || mock.resets >= 1);
		mock.core = NULL;
		CHECK_EQ(vqp_core_send(core, &datagram, NULL),
		    VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(vqp_core_doorbell_notify(core, case_host, 0),
		    VQP_ERROR_UNAVAILABLE);
		/* The memory of a pair may still be looked at. */
		(void)vqp_pair_enqueue(&qpair->pair, &byte, 1);
		(void)vqp_pair_dequeue(&qpair->pair, &byte, 1);
		CHECK_EQ(vqp_core_endpoint_destroy(core, endpoint),
		    VQP_SUCCESS);
		CHECK_EQ(vqp_core_doorbell_destroy(core, bell), VQP_SUCCESS);
		CHECK_EQ(vqp_core_event_unsubscribe(core, id), VQP_SUCCESS);
		(void)vqp_core_qpair_detach(core, &qpair);
		sim_os_settle(mock.os);
		CHECK(!sim_os_released(mock.os));
		(void)vqp_core_qpair_detach(core, &mine);
		sim_os_settle(mock.os);
		CHECK(sim_os_released(mock.os));
	}
}

TEST(case_74_gone, "74: after the device is gone no register is touched")
{
	FOR_EACH_CASE() {
		struct counted here = { 0 };
		struct vqp_handle endpoint = case_endpoint(&here, 0);
		struct vqp_handle bell = case_bell(&here, 0);
		uint64_t accesses;

		vqp_core_gone(mock.core);
		accesses = mock.accesses;
		(void)operate(0);
		CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(operate(4), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(vqp_core_interrupt(mock.core), 0);
		CHECK_EQ(vqp_core_service(mock.core, 7), 0);
		vqp_core_shutdown(mock.core);
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_ERROR_UNAVAILABLE);
		vqp_core_endpoint_destroy(mock.core, endpoint);
		vqp_core_doorbell_destroy(mock.core, bell);
		vqp_core_detach(mock.core);
		mock.core = NULL;
		CHECK_EQ(mock.accesses, accesses);
		sim_os_settle(mock.os);
		CHECK(sim_os_released(mock.os));
	}
}

TEST(case_75_suspend,
    "75, F29: asleep nothing works, awake all bells are linked, pairs broken")
{
	FOR_EACH_CASE() {
		struct counted detached = { 0 }, resumed = { 0 }, rung = { 0 };
		struct counted received = { 0 };
		struct vqp_handle bell = case_bell(&rung, 0);
		struct vqp_handle endpoint = case_endpoint(&received, 0);
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
		struct vqp_handle local_handle = handle;
		struct vqp_qpair_options options = {
			.produce_bytes = 64,
			.consume_bytes = 64,
			.peer = VQP_CONTEXT_ANY,
		};
		struct vqp_qpair *qpair, *mine;
		uint32_t id[2];
		uint8_t byte = 5;

		id[0] = case_subscribe(VQP_EVENT_QP_PEER_DETACH, &detached);
		id[1] = case_subscribe(VQP_EVENT_QP_RESUMED, &resumed);
		CHECK_EQ(vqp_core_qpair_alloc(mock.core, &options, &handle,
		    &qpair), 0);
		options.flags = VQP_QPAIR_LOCAL;
		CHECK(vqp_core_qpair_alloc(mock.core, &options, &local_handle,
		    &mine) >= 0);
		vqp_core_suspend(mock.core);
		CHECK_EQ(mock.resets, 1);
		CHECK(!mock.has_bitmap);
		CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(vqp_core_service(mock.core, 7), 0);
		mock.cid = 0x8888;
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		CHECK(mock.has_bitmap);
		CHECK_EQ(mock.enables, 2);
		CHECK_EQ(detached.calls, 1);
		CHECK_EQ(detached.event.payload.qpair.handle.resource,
		    handle.resource);
		/* At which clients would give up `mine`, too. */
		CHECK_EQ(resumed.calls, 0);
		CHECK_EQ(vqp_core_context_id(mock.core), 0x8888);
		/* The bell, under the id of now. */
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_DOORBELL_LINK), 2);
		mock_bitmap(&mock)[0] = 1;
		mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
		CHECK_EQ(rung.calls, 1);
		/* The rings. */
		while (vqp_pair_enqueue(&qpair->pair, &byte, 1) >= 0)
			;
		CHECK_EQ(vqp_pair_enqueue(&qpair->pair, &byte, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_dequeue(&qpair->pair, &byte, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_enqueue(&mine->pair, &byte, 1), 1);
		CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
		CHECK(vqp_core_qpair_detach(mock.core, &mine) >= 0);
		/* The endpoint. */
		endpoint.context = 0x8888;
		mock_datagram(&mock, case_host, endpoint, &byte, 1);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(received.calls, 1);
		vqp_core_endpoint_destroy(mock.core, endpoint);
		bell.context = 0x8888;
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, bell),
		    VQP_SUCCESS);
		vqp_core_event_unsubscribe(mock.core, id[0]);
		vqp_core_event_unsubscribe(mock.core, id[1]);
	}
}

TEST(received_before_the_sleep,
    "75: of what came before a suspend nothing comes after, nor keeps it back")
{
	FOR_EACH_CASE() {
		struct counted here = { 0 };
		struct vqp_handle handle = case_endpoint(&here, 0);
		unsigned calls;

		/* More than the budget: some were read, and not delivered. */
		for (unsigned i = 0; i < 100; i++)
			mock_datagram(&mock, case_host, handle, NULL, 0);
		CHECK(vqp_core_service(mock.core, VQP_CAUSE_DATAGRAM) != 0);
		calls = here.calls;
		CHECK(calls < 100);
		vqp_core_suspend(mock.core);
		mock.in_at = mock.in_bytes;
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(here.calls, calls);
		/* The device is asked for more, and forgets that it was. */
		mock.never_busy_done = true;
		(void)vqp_core_service(mock.core, VQP_CAUSE_DATAGRAM);
		mock.never_busy_done = false;
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		mock_datagram(&mock, case_host, handle, NULL, 0);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(here.calls, calls + 1);
		vqp_core_endpoint_destroy(mock.core, handle);
	}
}

static bool
make_one(struct vqp_qpair **qpair, uint32_t flags)
{
	struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
	const struct vqp_qpair_options options = {
		.produce_bytes = 64,
		.peer = VQP_CONTEXT_ANY,
		.flags = flags,
	};

	return vqp_core_qpair_alloc(mock.core, &options, &handle, qpair) >= 0;
}

TEST(case_75_gone_on_the_way,
    "75: pairs are told lost when the device goes while it is brought up again")
{
	FOR_EACH_CASE() {
		struct counted told = { 0 };
		struct vqp_qpair *qpair;
		uint32_t id = case_subscribe(VQP_EVENT_QP_PEER_DETACH, &told);

		CHECK(make_one(&qpair, 0));
		vqp_core_suspend(mock.core);
		mock.sees = pull_at_last;
		CHECK_EQ(vqp_core_resume(mock.core),
		    VQP_ERROR_DEVICE_NOT_FOUND);
		mock.sees = NULL;
		CHECK_EQ(told.calls, 1);
		CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
		vqp_core_unplug(mock.core);
		CHECK_EQ(told.calls, 1);
		vqp_core_event_unsubscribe(mock.core, id);
	}
}

static void
again(unsigned how)
{
	switch (how) {
	case 0:
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		return;
	case 1:
		break;
	default:
		/* A wait that has no end breaks the device. */
		mock.never_busy_done = case_dma;
		(void)vqp_core_doorbell_notify(mock.core,
		    (struct vqp_handle){ VQP_CONTEXT_HOST, 5 }, 0);
		mock.never_busy_done = false;
		sim_sleep(100000);
	}
	vqp_core_unplug(mock.core);
	CHECK_EQ(vqp_core_plug(mock.core, case_dma), VQP_SUCCESS);
	vqp_core_start(mock.core);
}

TEST(resumed_if_nobody_heard,
    "QP_RESUMED, at which all pairs end, is for a loss that nobody heard of")
{
	FOR_EACH_CASE() {
		const unsigned how = (unsigned)case_seed % 3;
		struct counted resumed = { 0 }, detached = { 0 };
		struct vqp_qpair *host, *local;
		uint32_t id[2];

		id[0] = case_subscribe(VQP_EVENT_QP_RESUMED, &resumed);
		CHECK(make_one(&local, VQP_QPAIR_LOCAL));
		/* Nothing is lost: nothing is said. */
		again(how);
		CHECK_EQ(resumed.calls, 0);
		CHECK(make_one(&host, 0));
		again(how);
		CHECK_EQ(resumed.calls, 1);
		/* Once. */
		again(how);
		CHECK_EQ(resumed.calls, 1);
		CHECK(vqp_core_qpair_detach(mock.core, &host) >= 0);
		id[1] = case_subscribe(VQP_EVENT_QP_PEER_DETACH, &detached);
		CHECK(make_one(&host, 0));
		again(how);
		CHECK_EQ(detached.calls, 1);
		CHECK_EQ(resumed.calls, 1);
		CHECK(vqp_core_qpair_detach(mock.core, &host) >= 0);
		CHECK(vqp_core_qpair_detach(mock.core, &local) >= 0);
		vqp_core_event_unsubscribe(mock.core, id[0]);
		vqp_core_event_unsubscribe(mock.core, id[1]);
	}
}

TEST(case_75_without_an_id,
    "75: the id of before is not ours if the device does not say so again")
{
	FOR_EACH_CASE() {
		CHECK_EQ(vqp_core_context_id(mock.core), MOCK_CID);
		vqp_core_suspend(mock.core);
		mock.cid = VQP_ERROR_NO_ACCESS;
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		CHECK_EQ(vqp_core_context_id(mock.core), VQP_INVALID_ID);
	}
}

TEST(plugged_without_a_page,
    "98: a device without memory for its notification page has no old one")
{
	FOR_EACH_CASE() {
		struct counted detached = { 0 };
		struct vqp_qpair *qpair;
		uint32_t id = case_subscribe(VQP_EVENT_QP_PEER_DETACH,
		    &detached);

		CHECK(make_one(&qpair, 0));
		vqp_core_unplug(mock.core);
		/* Its clients are told, and the device was. */
		CHECK_EQ(detached.calls, 1);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_DETACH), 1);
		CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
		vqp_core_event_unsubscribe(mock.core, id);
		CHECK_EQ(sim_os_log_count(mock.os), 0);
		sim_os_fail_at(mock.os, 1, false);
		CHECK_EQ(vqp_core_plug(mock.core, case_dma), VQP_SUCCESS);
		sim_os_fail_at(mock.os, 0, false);
		CHECK_EQ(sim_os_log_count(mock.os), 1);
		CHECK_EQ(mock.caps_acked & VQP_CAP_NOTIFICATIONS, 0);
		CHECK(!mock.has_bitmap);
		vqp_core_start(mock.core);
	}
}

TEST(case_75_does_not_come_back,
    "75: a device that is not there after a suspend leaves a broken core")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
		const struct vqp_qpair_options options = {
			.produce_bytes = 64,
			.peer = VQP_CONTEXT_ANY,
		};
		struct vqp_qpair *qpair;

		CHECK_EQ(vqp_core_qpair_alloc(mock.core, &options, &handle,
		    &qpair), 0);
		vqp_core_suspend(mock.core);
		mock.caps = case_seed % 2 ? UINT32_MAX : 0;
		CHECK(vqp_core_resume(mock.core) < 0);
		CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
		CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
	}
}

static void
start_does_nothing(void)
{
	const uint64_t accesses = mock.accesses;

	vqp_core_start(mock.core);
	CHECK_EQ(mock.accesses, accesses);
}

TEST(start_in_its_time,
    "abi 1.7: start lets through a device that was brought up, and no other")
{
	FOR_EACH_CASE() {
		/* One that works. */
		start_does_nothing();
		/* One that sleeps. */
		vqp_core_suspend(mock.core);
		start_does_nothing();
		CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		/* One that broke. */
		if (case_dma) {
			mock.never_busy_done = true;
			CHECK_EQ(operate(4), VQP_ERROR_TIMEOUT);
			mock.never_busy_done = false;
			start_does_nothing();
			CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
		}
		/* None. */
		vqp_core_unplug(mock.core);
		start_does_nothing();
		CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
		/* Nor have we an id: who gave it went. */
		CHECK_EQ(vqp_core_context_id(mock.core), VQP_INVALID_ID);
	}
}

TEST(b20_shutdown, "B20: at a shutdown the device is made to forget us")
{
	FOR_EACH_CASE() {
		vqp_core_shutdown(mock.core);
		CHECK_EQ(mock.resets, 1);
		CHECK(!mock.has_bitmap);
		CHECK_EQ(mock.imr, 0);
		CHECK_EQ(operate(2), VQP_ERROR_UNAVAILABLE);
	}
}

/* ---- A suspend in the midst of calls. */

static bool busy;
static unsigned allocs;

static int
make_pair(struct vqp_qpair **qpair)
{
	struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
	const struct vqp_qpair_options options = {
		.produce_bytes = 64,
		.consume_bytes = 64,
		.peer = VQP_CONTEXT_ANY,
	};

	return vqp_core_qpair_alloc(mock.core, &options, &handle, qpair);
}

static void
make_pairs(void *argument)
{
	(void)argument;
	while (busy) {
		struct vqp_qpair *qpair;

		if (make_pair(&qpair) < 0) {
			sim_sleep(1000);
			continue;
		}
		allocs++;
		sim_point("test", 0);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(suspend_in_the_midst,
    "75: a pair that is made while the device is put to sleep is lost, too")
{
	FOR_EACH_CASE() {
		struct sim_thread *thread[3];

		busy = true;
		for (unsigned i = 0; i < 3; i++)
			thread[i] = sim_spawn("pairs", SIM_TASK, make_pairs,
			    NULL);
		for (unsigned i = 0; i < 10; i++) {
			sim_sleep(20000);
			vqp_core_suspend(mock.core);
			CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		}
		busy = false;
		for (unsigned i = 0; i < 3; i++)
			sim_join(thread[i]);
		CHECK_EQ(case_counters().pairs_quarantined, 0);
	}
	CHECK(allocs > 0);
}

static bool held;

static void
hold(void)
{
	sim_on_pages = NULL;
	held = true;
	sim_wait(&held, "hold");
}

static void
make_one_pair(void *status)
{
	struct vqp_qpair *qpair;

	*(int *)status = make_pair(&qpair);
}

TEST(other_device_in_the_midst,
    "74: no device is told of pages that were for the one before")
{
	FOR_EACH_CASE() {
		struct sim_thread *thread;
		int status = VQP_SUCCESS;

		held = false;
		sim_on_pages = hold;
		thread = sim_spawn("pair", SIM_TASK, make_one_pair, &status);
		while (!held)
			sim_sleep(1000);
		vqp_core_unplug(mock.core);
		sim_os_forget(mock.os);
		CHECK_EQ(vqp_core_plug(mock.core, case_dma), VQP_SUCCESS);
		vqp_core_start(mock.core);
		sim_wake(&held);
		sim_join(thread);
		CHECK_EQ(status, VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC), 0);
	}
}

/* Falls silent after the query: when it is asked for our id. */
static void
silent_after_query(struct mock *device, const struct vqp_datagram *datagram)
{
	if (datagram->dst.resource == VQP_HYPERCALL_RESOURCES_QUERY &&
	    mock_count(device, VQP_HYPERCALL_RESOURCES_QUERY) == 1)
		device->never_busy_done = true;
}

TEST(silent_while_plugged,
    "53: a device that falls silent while it is brought up is not taken")
{
	FOR_EACH_BARE_CASE() {
		if (!case_dma)
			continue;
		mock.sees = silent_after_query;
		CHECK_EQ(mock_attach(&mock), VQP_ERROR_TIMEOUT);
		CHECK(mock.resets > 0);
		mock.core = NULL;
	}
}

TEST(broken_is_told, "53: pairs of a device that broke are lost, and told so")
{
	static const uint8_t bytes[64];
	volatile uint64_t half = 50;

	FOR_EACH_CASE() {
		struct vqp_qpair_options options = {
			.produce_bytes = 100,
			.consume_bytes = 100,
			.peer = VQP_CONTEXT_ANY,
		};
		struct vqp_handle handle = { UINT32_MAX, UINT32_MAX };
		struct counted told = { 0 };
		struct vqp_qpair *qpair;
		uint32_t id;

		if (!case_dma)
			continue;
		id = case_subscribe(VQP_EVENT_QP_PEER_DETACH, &told);
		CHECK(vqp_core_qpair_alloc(mock.core, &options, &handle,
		    &qpair) >= 0);
		mock.never_busy_done = true;
		CHECK_EQ(vqp_core_doorbell_notify(mock.core, handle, 0),
		    VQP_ERROR_TIMEOUT);
		sim_sleep(1000000);
		CHECK_EQ(told.calls, 1);
		/* As soon as more is asked for than was accepted before. */
		(void)vqp_pair_send(&qpair->pair, bytes, half);
		CHECK_EQ(vqp_pair_send(&qpair->pair, bytes, half),
		    VQP_ERROR_INVALID_SIZE);
		CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
		CHECK_EQ(vqp_core_event_unsubscribe(mock.core, id),
		    VQP_SUCCESS);
	}
}

TEST_MAIN()
