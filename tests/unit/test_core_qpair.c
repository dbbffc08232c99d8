/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queue pairs of the driver core: part B of the hostile-peer matrix on the
 * guest's side, abi 4.2 to 4.6.
 */
#include <stdlib.h>

#include "core_case.h"
#include "core_private.h"

static const struct vqp_handle invalid = { VQP_INVALID_ID, VQP_INVALID_ID };

static int
alloc(uint64_t produce, uint64_t consume, uint32_t flags,
    struct vqp_handle *handle, struct vqp_qpair **qpair)
{
	const struct vqp_qpair_options options = {
		.produce_bytes = produce,
		.consume_bytes = consume,
		.peer = VQP_CONTEXT_ANY,
		.flags = flags,
	};

	return vqp_core_qpair_alloc(mock.core, &options, handle, qpair);
}

/* Refused, and nothing was allocated nor said to the device. */
static void
is_refused(uint64_t produce, uint64_t consume, uint32_t flags, int status)
{
	struct vqp_handle handle = invalid;
	struct vqp_qpair *qpair = NULL;
	const uint64_t bytes = case_bytes();
	const unsigned count = mock.message_count;

	CHECK_EQ(alloc(produce, consume, flags, &handle, &qpair), status);
	CHECK(qpair == NULL);
	CHECK_EQ(case_bytes(), bytes);
	CHECK_EQ(mock.message_count, count);
}

TEST(case_31_sizes, "31: sizes that cannot be are refused before all else")
{
	FOR_EACH_CASE() {
		is_refused(0, 0, 0, VQP_ERROR_INVALID_ARGS);
		is_refused(UINT64_MAX, 2, 0, VQP_ERROR_NO_RESOURCES);
		is_refused(2, UINT64_MAX, 0, VQP_ERROR_NO_RESOURCES);
		is_refused((UINT64_C(128) << 20) + 1, 0, 0,
		    VQP_ERROR_NO_RESOURCES);
		is_refused(UINT64_C(64) << 20, (UINT64_C(64) << 20) + 1, 0,
		    VQP_ERROR_NO_RESOURCES);
		is_refused(UINT64_C(1) << 63, UINT64_C(1) << 63, 0,
		    VQP_ERROR_NO_RESOURCES);
		is_refused(UINT64_MAX - 4095, 4096, 0,
		    VQP_ERROR_NO_RESOURCES);
		is_refused(0, 0, VQP_QPAIR_LOCAL, VQP_ERROR_INVALID_ARGS);
		/* B18: no ring that can never hold a byte. */
		is_refused(1, 4096, 0, VQP_ERROR_INVALID_ARGS);
		is_refused(4096, 1, 0, VQP_ERROR_INVALID_ARGS);
	}
}

TEST(case_25_flags, "25, B24: flags that are unknown or never served, refused")
{
	FOR_EACH_CASE() {
		is_refused(64, 64, VQP_QPAIR_NONBLOCK, VQP_ERROR_INVALID_ARGS);
		is_refused(64, 64, VQP_QPAIR_PINNED, VQP_ERROR_INVALID_ARGS);
		is_refused(64, 64, 16, VQP_ERROR_INVALID_ARGS);
		is_refused(64, 64, UINT32_C(1) << 31, VQP_ERROR_INVALID_ARGS);
	}
}

TEST(case_30_handles, "30: names of nobody and of ANY are refused")
{
	static const struct vqp_handle bad[] = {
		{ 0, 2000 }, { 1, 2000 }, { VQP_INVALID_ID, 2000 },
		{ 0x999, VQP_INVALID_ID }, { 2, VQP_INVALID_ID },
	};

	FOR_EACH_CASE() {
		struct vqp_qpair *qpair = NULL;
		const unsigned count = mock.message_count;

		for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct vqp_handle handle = bad[i];

			CHECK(alloc(64, 64, 0, &handle, &qpair) < 0);
			CHECK(qpair == NULL);
		}
		CHECK_EQ(mock.message_count, count);
		CHECK_EQ(vqp_core_qpair_alloc(mock.core, NULL, NULL, NULL),
		    VQP_ERROR_INVALID_ARGS);
	}
}

TEST(case_28_and_answers,
    "28, 36: what the device refuses leaves nothing; unknown answers too")
{
	static const int32_t answers[] = {
		VQP_ERROR_NOT_FOUND, VQP_ERROR_NO_ACCESS, VQP_ERROR_MISMATCH,
		INT32_MIN, 1, 2, 3, 6, 1000, INT32_MAX,
	};

	FOR_EACH_CASE() {
		const uint64_t bytes = case_bytes();

		mock.answers[VQP_HYPERCALL_QPAIR_ALLOC] = true;
		for (unsigned i = 0; i < 10; i++) {
			struct vqp_handle handle = invalid;
			struct vqp_qpair *qpair = NULL;
			const unsigned detaches = mock_count(&mock,
			    VQP_HYPERCALL_QPAIR_DETACH);
			int status;

			mock.answer[VQP_HYPERCALL_QPAIR_ALLOC] = answers[i];
			status = alloc(5000, 3000, VQP_QPAIR_ATTACH_ONLY,
			    &handle, &qpair);
			CHECK(status < 0);
			if (answers[i] < 0)
				CHECK_EQ(status, answers[i]);
			else
				CHECK_EQ(mock_count(&mock,
				    VQP_HYPERCALL_QPAIR_DETACH), detaches + 1);
			CHECK(qpair == NULL);
			CHECK_EQ(case_bytes(), bytes);
		}
		if (case_seed % 2 != 0) {
			struct vqp_handle handle = invalid;
			struct vqp_qpair *qpair = NULL;

			/* An odd answer, and it does not let go of them. */
			mock.answers[VQP_HYPERCALL_QPAIR_DETACH] = true;
			mock.answer[VQP_HYPERCALL_QPAIR_DETACH] =
			    VQP_ERROR_NO_ACCESS;
			CHECK_EQ(alloc(5000, 3000, 0, &handle, &qpair),
			    VQP_ERROR_GENERIC);
			CHECK(case_bytes() > bytes + 8000);
			continue;
		}
		mock.answer[VQP_HYPERCALL_QPAIR_ALLOC] = 0;
		for (int32_t i = 0; i <= 5; i += i == 0 ? 4 : 1) {
			struct vqp_handle handle = invalid;
			struct vqp_qpair *qpair = NULL;

			mock.answer[VQP_HYPERCALL_QPAIR_ALLOC] = i;
			CHECK_EQ(alloc(5000, 3000, 0, &handle, &qpair), i);
			CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
		}
		CHECK_EQ(case_bytes(), bytes);
	}
}

TEST(alloc_on_the_wire,
    "abi 3: the message names each page once, headers first, sizes and peer")
{
	FOR_EACH_CASE() {
		struct vqp_hypercall_qpair_alloc call;
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair;
		const struct mock_message *message;

		CHECK_EQ(alloc(4097, 100, 0, &handle, &qpair), VQP_SUCCESS);
		message = mock_last(&mock, VQP_HYPERCALL_QPAIR_ALLOC);
		memcpy(&call, message->at, sizeof(call));
		CHECK_EQ(call.page_count, 5);
		CHECK_EQ(call.produce_size, 4097);
		CHECK_EQ(call.consume_size, 100);
		CHECK_EQ(call.peer, VQP_CONTEXT_ANY);
		CHECK_EQ(call.handle.context, MOCK_CID);
		CHECK_EQ(call.handle.resource, handle.resource);
		CHECK_EQ(message->bytes, 64 + 5 * 8);
		for (unsigned i = 0; i < 5; i++) {
			uint64_t number, other;

			memcpy(&number, message->at + 64 + 8 * i, 8);
			CHECK(sim_os_bus(mock.os, number * 4096, 4096) !=
			    NULL);
			for (unsigned j = 0; j < i; j++) {
				memcpy(&other, message->at + 64 + 8 * j, 8);
				CHECK(other != number);
			}
		}
		CHECK(vqp_core_qpair_detach(mock.core, &qpair) >= 0);
		CHECK(qpair == NULL);
	}
}

TEST(case_35_narrow_pages,
    "35, F16: a page number that does not fit is refused and not cut off")
{
	for (unsigned wide = 0; wide < 2; wide++) {
		for (uint64_t seed = 0; seed < 4; seed++) {
			struct vqp_handle handle = invalid;
			struct vqp_qpair *qpair = NULL;

			mock_open_high(&mock, seed, seed % 2 != 0,
			    UINT64_C(1) << 33);
			if (wide == 0)
				mock.caps &= ~VQP_CAP_PPN64;
			CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
			vqp_core_start(mock.core);
			if (wide == 0) {
				/* Nor does the notification page's. */
				CHECK(!mock.has_bitmap);
				CHECK_EQ(alloc(64, 64, 0, &handle, &qpair),
				    VQP_ERROR_NO_MEM);
				CHECK_EQ(mock_count(&mock,
				    VQP_HYPERCALL_QPAIR_ALLOC), 0);
			} else {
				CHECK(mock_bitmap(&mock) != NULL);
				CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
				vqp_core_qpair_detach(mock.core, &qpair);
			}
			/* LOCAL pairs are not the device's business. */
			handle = invalid;
			CHECK_EQ(alloc(64, 64, VQP_QPAIR_LOCAL, &handle,
			    &qpair), VQP_SUCCESS_CREATED);
			vqp_core_qpair_detach(mock.core, &qpair);
			mock_close(&mock);
		}
	}
}

TEST(case_35_each_ring,
    "35: every page of both rings fits, or the pair is refused")
{
	unsigned made = 0, refused = 0;

	/* From no page that fits, page by page, to nothing else. */
	for (uint64_t below = 20; below < 60; below++) {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair;
		const uint8_t *number;

		mock_open_high(&mock, below, below % 2 != 0,
		    (UINT64_C(1) << 32) - below);
		mock.caps &= ~VQP_CAP_PPN64;
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		vqp_core_start(mock.core);
		if (alloc(4096, 4096, 0, &handle, &qpair) < 0) {
			refused++;
			mock_close(&mock);
			continue;
		}
		made++;
		number = mock_last(&mock, VQP_HYPERCALL_QPAIR_ALLOC)->at + 64;
		for (unsigned i = 0; i < 4; i++) {
			uint32_t page;

			memcpy(&page, number + 4 * i, 4);
			CHECK(sim_os_bus(mock.os, page * UINT64_C(4096),
			    4096) != NULL);
		}
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		mock_close(&mock);
	}
	CHECK(made > 4 && refused > 4);
}

TEST(dma_above_4_gib,
    "abi 1.9: each DMA buffer is told by its own address, high word and low")
{
	/* The boundary of 4 GiB lies before, between, and behind the two. */
	for (uint64_t below = 0; below < 24; below++) {
		struct counted counted = { 0 };
		struct vqp_datagram datagram = { case_host, { 0, 0 }, 1 };

		mock_open_high(&mock, below, true,
		    (UINT64_C(1) << 20) - below);
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		vqp_core_start(mock.core);
		datagram.src = case_endpoint(&counted, 0);
		CHECK_EQ(vqp_core_send(mock.core, &datagram, "x"), 25);
		mock_datagram(&mock, case_host, datagram.src, "y", 1);
		mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		CHECK_EQ(counted.calls, 1);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, datagram.src),
		    VQP_SUCCESS);
		mock_close(&mock);
	}
}

/* All of the budget but `less` bytes, when the n-th request fails. */
static void
fails(uint64_t less, uint64_t n, uint32_t flags, struct vqp_handle handle,
    int status)
{
	struct vqp_qpair *qpair = NULL;

	sim_os_fail_at(mock.os, n, false);
	CHECK_EQ(alloc(2, (UINT64_C(128) << 20) - 2 - less, flags, &handle,
	    &qpair), status);
	CHECK(qpair == NULL);
	sim_os_fail_at(mock.os, 0, false);
}

TEST(case_32_budget,
    "32: what fails on the way takes nothing of the budget of all pairs")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = { MOCK_CID, 3000 };
		const uint64_t bytes = case_bytes();
		struct vqp_qpair *qpair;

		/* The end, the rings, the pages of one and of the other. */
		for (uint64_t i = 0; i < 8; i++) {
			fails(0, 1 + i % 4, i < 4 ? VQP_QPAIR_LOCAL : 0, handle,
			    VQP_ERROR_NO_MEM);
			CHECK_EQ(case_bytes(), bytes);
		}
		/* A name that another has; and what is left is all the rest. */
		CHECK_EQ(alloc(2, 2, 0, &handle, &qpair), 0);
		fails(4, 0, 0, handle, VQP_ERROR_ALREADY_EXISTS);
		fails(4, 4, 0, invalid, VQP_ERROR_NO_MEM);
		fails(3, 4, 0, invalid, VQP_ERROR_NO_RESOURCES);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		fails(0, 4, 0, invalid, VQP_ERROR_NO_MEM);
	}
}

TEST(case_32_limits, "32: 128 MiB in all and not a byte more, round by round")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair[9] = { NULL };

		/* No schedule matters here, and each takes seconds. */
		if (case_seed > 0)
			continue;
		for (unsigned i = 0; i < 8; i++) {
			handle = invalid;
			CHECK_EQ(alloc(UINT64_C(8) << 20, UINT64_C(8) << 20,
			    0, &handle, &qpair[i]), VQP_SUCCESS);
		}
		handle = invalid;
		CHECK_EQ(alloc(2, 2, 0, &handle, &qpair[8]),
		    VQP_ERROR_NO_RESOURCES);
		for (unsigned i = 0; i < 8; i++)
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair[i]),
			    0);
		for (unsigned i = 0; i < 100; i++) {
			handle = invalid;
			CHECK_EQ(alloc(2 + 171 * i, 0,
			    i % 2 ? VQP_QPAIR_LOCAL : 0, &handle, &qpair[0]), i % 2 ? 4 : 0);
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair[0]),
			    0);
			/* 16384 pairs would take half a minute. */
			CHECK_EQ(mock.core->pairs.count, 0);
			CHECK_EQ(mock.core->pairs.bytes, 0);
		}
		handle = invalid;
		CHECK_EQ(alloc(UINT64_C(16) << 20, UINT64_C(16) << 20,
		    0, &handle, &qpair[0]), VQP_SUCCESS);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair[0]), 0);
	}
}

TEST(l2_all_pages,
    "L2: a pair of 128 MiB is named to the device: by the port, also with DMA")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair = NULL;

		if (case_seed > 0)
			continue;
		CHECK_EQ(alloc(UINT64_C(64) << 20, UINT64_C(64) << 20, 0,
		    &handle, &qpair), VQP_SUCCESS);
		CHECK_EQ(mock_last(&mock, VQP_HYPERCALL_QPAIR_ALLOC)->bytes,
		    64 + 8 * (32768 + 2));
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(l2_too_many_pages,
    "L2: with no port, or one the device ignores, they are refused, not lost")
{
	FOR_EACH_CASE() {
		const uint64_t bytes = case_bytes();
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair = NULL;
		const unsigned messages = mock.message_count;

		if (!case_dma || case_seed > 2)
			continue;
		mock.deaf = true;
		/* An answer that the next message must not take for its own. */
		mock.result = VQP_SUCCESS_CREATED;
		if (case_seed % 2 == 0)
			sim_os_no_ports(mock.os);
		CHECK_EQ(alloc(UINT64_C(18) << 20, UINT64_C(18) << 20, 0,
		    &handle, &qpair), VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK(qpair == NULL);
		CHECK_EQ(sim_os_log_count(mock.os), 1);
		/* An unknown call, of which the answer is sure. */
		CHECK_EQ(mock.message_count, messages + case_seed % 2);
		CHECK_EQ(case_bytes(), bytes);
		/* What goes by DMA goes on, and the budget is whole. */
		mock.deaf = false;
		CHECK_EQ(alloc(UINT64_C(16) << 20, UINT64_C(16) << 20, 0,
		    &handle, &qpair), VQP_SUCCESS);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(l2_narrow_pages,
    "L2: of narrow page numbers a message without ports has twice as many")
{
	FOR_EACH_BARE_CASE() {
		/* 64 bytes, two headers, and so many pages in each ring. */
		const uint64_t most = (VQP_DATAGRAM_BYTES_MAX - 64) / 4 / 2 - 1;
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair = NULL;

		if (!case_dma || case_seed > 0)
			continue;
		mock.caps &= ~VQP_CAP_PPN64;
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		vqp_core_start(mock.core);
		sim_os_no_ports(mock.os);
		CHECK_EQ(alloc(most << 12, (most << 12) + 1, 0, &handle,
		    &qpair), VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC), 0);
		CHECK_EQ(alloc(most << 12, most << 12, 0, &handle, &qpair),
		    VQP_SUCCESS);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

static struct vqp_handle sends_from;

static void
send_one(void *argument)
{
	const struct vqp_datagram datagram = { case_host, sends_from, 0 };

	(void)argument;
	CHECK_EQ(vqp_core_send(mock.core, &datagram, NULL), 24);
}

static void
alloc_long(void *argument)
{
	struct vqp_handle handle = invalid;
	struct vqp_qpair *qpair = NULL;

	(void)argument;
	CHECK_EQ(alloc(UINT64_C(18) << 20, UINT64_C(18) << 20, 0, &handle,
	    &qpair), VQP_ERROR_PAYLOAD_TOO_LARGE);
}

TEST(l2_in_between,
    "L2: what others send while the device is slow is not taken for an answer")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct sim_thread *thread[2];

		if (!case_dma || case_seed > 2)
			continue;
		mock.deaf = true;
		sends_from = case_endpoint(&counted, 0);
		for (unsigned round = 0; round < 2; round++) {
			mock.busy_held = true;
			thread[0] = sim_spawn("allocs", SIM_TASK, alloc_long,
			    NULL);
			sim_sleep(2000000);
			thread[1] = sim_spawn("sends", SIM_TASK, send_one,
			    NULL);
			sim_sleep(1000000);
			mock_answer(&mock);
			sim_join(thread[0]);
			sim_join(thread[1]);
		}
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, sends_from),
		    VQP_SUCCESS);
	}
}

struct long_alloc {
	struct vqp_handle handle;
	struct vqp_qpair *qpair;
	int status;
};

static void
alloc_by_port(void *argument)
{
	struct long_alloc *made = argument;

	made->handle = invalid;
	made->status = alloc(UINT64_C(18) << 20, UINT64_C(18) << 20, 0,
	    &made->handle, &made->qpair);
}

TEST(l2_once,
    "L2: what goes by the port goes once, whoever sends in between")
{
	FOR_EACH_CASE() {
		struct long_alloc made = { .status = 1 };
		struct counted counted = { 0 };
		struct sim_thread *thread[2];

		if (!case_dma || case_seed > 0)
			continue;
		sends_from = case_endpoint(&counted, 0);
		mock.busy_held = true;
		thread[0] = sim_spawn("allocs", SIM_TASK, alloc_by_port,
		    &made);
		while (mock.core->send.answer == NULL)
			sim_sleep(10000);
		/* It is asked, and stopped once it has left the lock. */
		sim_stop(thread[0], true);
		sim_sleep(100000);
		mock_answer(&mock);
		thread[1] = sim_spawn("sends", SIM_TASK, send_one, NULL);
		sim_join(thread[1]);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC), 0);
		sim_stop(thread[0], false);
		sim_join(thread[0]);
		CHECK_EQ(made.status, VQP_SUCCESS);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC), 1);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &made.qpair), 0);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, sends_from),
		    VQP_SUCCESS);
	}
}

TEST(l2_never_alone,
    "L2: one that never gets its turn by the port fails in time, and unsent")
{
	FOR_EACH_CASE() {
		const uint64_t bytes = case_bytes();
		struct long_alloc made = { .status = 1 };
		struct counted counted = { 0 };
		struct sim_thread *allocs;
		unsigned turns = 0;

		if (!case_dma || case_seed > 0)
			continue;
		sends_from = case_endpoint(&counted, 0);
		mock.busy_held = true;
		allocs = sim_spawn("allocs", SIM_TASK, alloc_by_port, &made);
		for (;;) {
			struct sim_thread *sends;

			while (mock.core->send.answer == NULL &&
			    !sim_is_done(allocs))
				sim_sleep(10000);
			if (sim_is_done(allocs))
				break;
			CHECK(turns++ < 100);
			sim_stop(allocs, true);
			sim_sleep(100000);
			mock_answer(&mock);
			sends = sim_spawn("sends", SIM_TASK, send_one, NULL);
			sim_join(sends);
			mock.busy_held = turns < 100;
			sim_stop(allocs, false);
		}
		mock.busy_held = false;
		sim_join(allocs);
		CHECK_EQ(made.status, VQP_ERROR_TIMEOUT);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC), 0);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, sends_from),
		    VQP_SUCCESS);
		CHECK_EQ(case_bytes(), bytes);
	}
}

TEST(l2_other_device,
    "L2, 74: nor does it go to a device that the pages are not for")
{
	FOR_EACH_CASE() {
		struct long_alloc made = { .status = 1 };
		struct sim_thread *thread;

		if (!case_dma || case_seed > 0)
			continue;
		mock.busy_held = true;
		thread = sim_spawn("allocs", SIM_TASK, alloc_by_port, &made);
		while (mock.core->send.answer == NULL)
			sim_sleep(10000);
		sim_stop(thread, true);
		sim_sleep(100000);
		mock.busy_held = false;
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		sim_stop(thread, false);
		sim_join(thread);
		CHECK_EQ(made.status, VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC), 0);
	}
}

TEST(l2_not_believed,
    "L2: a device that takes a call that nobody knows is sent nothing by port")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair = NULL;

		if (!case_dma || case_seed > 0)
			continue;
		mock.takes_all = true;
		CHECK_EQ(alloc(UINT64_C(18) << 20, UINT64_C(18) << 20, 0,
		    &handle, &qpair), VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK(mock_last(&mock, VQP_HYPERCALL_QPAIR_ALLOC) == NULL);
	}
}

TEST(case_38_detach, "38: detaching twice, nothing, or another's is told so")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid, again;
		struct vqp_qpair *qpair, *copy, *none = NULL;

		CHECK_EQ(vqp_core_qpair_detach(mock.core, NULL),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &none),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		copy = qpair;
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		CHECK(qpair == NULL);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &copy),
		    VQP_ERROR_NOT_FOUND);
		CHECK(copy == NULL);
		/* F12: a name is not given again at once. */
		again = invalid;
		CHECK_EQ(alloc(64, 64, 0, &again, &qpair), 0);
		CHECK(again.resource != handle.resource);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(case_38_exists, "abi 4.5: a name we hold is not taken again")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = { MOCK_CID, 3000 };
		struct vqp_qpair *qpair, *other = NULL;

		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		CHECK_EQ(alloc(64, 64, 0, &handle, &other),
		    VQP_ERROR_ALREADY_EXISTS);
		CHECK_EQ(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &other),
		    VQP_ERROR_ALREADY_EXISTS);
		CHECK(other == NULL);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST(case_39_detach_refused,
    "39, B16: pages of a pair the device does not let go are not used again")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair;
		uint64_t page, bytes;

		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		bytes = case_bytes();
		memcpy(&page, mock_last(&mock,
		    VQP_HYPERCALL_QPAIR_ALLOC)->at + 64, 8);
		mock.answers[VQP_HYPERCALL_QPAIR_DETACH] = true;
		mock.answer[VQP_HYPERCALL_QPAIR_DETACH] = VQP_ERROR_NO_ACCESS;
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair),
		    VQP_ERROR_NO_ACCESS);
		CHECK(qpair == NULL);
		CHECK_EQ(case_counters().pairs_quarantined, 1);
		CHECK_EQ(sim_os_log_count(mock.os), 1);
		/* The device may write still, and it is nobody's memory. */
		CHECK(case_bytes() > bytes - 4096);
		*(volatile uint8_t *)sim_os_bus(mock.os, page * 4096, 1) = 1;
		/* Other pairs live on. */
		mock.answers[VQP_HYPERCALL_QPAIR_DETACH] = false;
		handle = invalid;
		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
	/* And mock_close() saw all of it given back after the reset. */
}

TEST(case_39_forgotten,
    "39: pages of a pair that the device does not know are free at once")
{
	FOR_EACH_CASE() {
		const uint64_t bytes = case_bytes();
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair;

		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		memset(mock.pair, 0, sizeof(mock.pair));
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		CHECK_EQ(case_counters().pairs_quarantined, 0);
		CHECK_EQ(case_bytes(), bytes);
	}
}

static void
alloc_lost(void *argument)
{
	struct vqp_handle handle = invalid;
	struct vqp_qpair *qpair;

	*(int *)argument = alloc(4096, 4096, 0, &handle, &qpair);
}

TEST(case_39_lost_and_kept,
    "39: pages of a pair that was lost as it was made are kept, if refused")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct sim_thread *allocs, *sends;
		uint64_t bytes;
		int status = 1;

		if (!case_dma)
			continue;
		sends_from = case_endpoint(&counted, 0);
		bytes = case_bytes();
		mock.busy_held = true;
		allocs = sim_spawn("allocs", SIM_TASK, alloc_lost, &status);
		while (mock.core->send.answer == NULL)
			sim_sleep(10000);
		sim_stop(allocs, true);
		sim_sleep(100000);
		/* It is agreed to; then the device sleeps, and wakes up. */
		mock_answer(&mock);
		sends = sim_spawn("sends", SIM_TASK, send_one, NULL);
		sim_join(sends);
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		mock.answers[VQP_HYPERCALL_QPAIR_DETACH] = true;
		mock.answer[VQP_HYPERCALL_QPAIR_DETACH] = VQP_ERROR_NO_ACCESS;
		sim_stop(allocs, false);
		sim_join(allocs);
		CHECK_EQ(status, VQP_ERROR_UNAVAILABLE);
		CHECK(case_bytes() >= bytes + 4 * 4096);
		vqp_core_suspend(mock.core);
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		CHECK_EQ(case_bytes(), bytes);
		CHECK_EQ(vqp_core_endpoint_destroy(mock.core, sends_from),
		    VQP_SUCCESS);
	}
}

/* As far as it gets. */
static void
alloc_and_detach(void *argument)
{
	struct vqp_handle handle = invalid;
	struct vqp_qpair *qpair;

	(void)argument;
	if (alloc(64, 64, 0, &handle, &qpair) >= 0)
		(void)vqp_core_qpair_detach(mock.core, &qpair);
}

TEST(case_39_unplugged_meanwhile,
    "39: a pair made while the device goes leaves no pages behind")
{
	FOR_EACH_CASE() {
		bool *refuses = &mock.answers[VQP_HYPERCALL_RESOURCES_QUERY];
		uint64_t bytes;

		vqp_core_unplug(mock.core);
		bytes = case_bytes();
		for (unsigned round = 0; round < 60; round++) {
			struct sim_thread *thread;

			CHECK_EQ(vqp_core_plug(mock.core, case_dma), 0);
			vqp_core_start(mock.core);
			thread = sim_spawn("alloc", SIM_TASK,
			    alloc_and_detach, NULL);
			sim_sleep(rng_below(sim_rng(), 1500));
			sim_stop(thread, true);
			vqp_core_unplug(mock.core);
			sim_stop(thread, false);
			if (round % 2 == 0) {
				*refuses = true;
				CHECK(vqp_core_plug(mock.core, case_dma) < 0);
				*refuses = false;
			}
			sim_join(thread);
			CHECK_EQ(case_bytes(), bytes);
		}
	}
}

static struct vqp_qpair *to_detach;

static void
detach_when_said(void *argument)
{
	while (!*(const bool *)argument)
		sim_point("test", 0);
	CHECK_EQ(vqp_core_qpair_detach(mock.core, &to_detach), VQP_SUCCESS);
}

/* The device was told of a first pair. */
static bool was_said;

static void
see_detach(struct mock *of, const struct vqp_datagram *datagram)
{
	(void)of;
	was_said |= datagram->dst.resource == VQP_HYPERCALL_QPAIR_DETACH;
}

TEST(case_39_said_before,
    "39: what the device would not let go as it went is no client's failure")
{
	FOR_EACH_CASE() {
		struct vqp_qpair *qpair[20];
		struct sim_thread *thread;

		for (unsigned i = 0; i < 20; i++) {
			struct vqp_handle handle = invalid;

			CHECK_EQ(alloc(64, 64, 0, &handle, &qpair[i]), 0);
		}
		/* The last one made is the first that it is told of. */
		to_detach = qpair[19];
		was_said = false;
		mock.sees = see_detach;
		mock.answers[VQP_HYPERCALL_QPAIR_DETACH] = true;
		mock.answer[VQP_HYPERCALL_QPAIR_DETACH] = VQP_ERROR_NO_ACCESS;
		thread = sim_spawn("detaches", SIM_TASK, detach_when_said,
		    &was_said);
		vqp_core_unplug(mock.core);
		sim_join(thread);
		CHECK_EQ(case_counters().pairs_quarantined, 0);
		CHECK_EQ(sim_os_log_count(mock.os), 0);
		for (unsigned i = 0; i < 19; i++)
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair[i]),
			    0);
	}
}

/* An alloc that the device may have heard of, but that got no answer. */
static unsigned unanswered;

static void
alloc_unanswered(void *argument)
{
	const uint64_t bytes = sim_os_bytes_live(mock.os);
	const unsigned resets = mock.resets;
	struct vqp_handle handle = invalid;
	struct vqp_qpair *qpair = NULL;

	(void)argument;
	CHECK_EQ(alloc(4096, 4096, 0, &handle, &qpair),
	    VQP_ERROR_UNAVAILABLE);
	if (mock.resets != resets)
		return;
	/* It may write into them until it is reset. */
	CHECK(sim_os_bytes_live(mock.os) >= bytes + 4 * 4096);
	unanswered++;
}

TEST(case_39_no_answer,
    "39: pages of a pair without an answer are kept until the device is reset")
{
	unanswered = 0;
	FOR_EACH_CASE() {
		struct sim_thread *thread;
		const uint64_t bytes = case_bytes();

		if (!case_dma)
			continue;
		for (unsigned i = 0; i < 20; i++) {
			mock.busy_held = true;
			thread = sim_spawn("allocs", SIM_TASK,
			    alloc_unanswered, NULL);
			sim_sleep(1000000);
			vqp_core_suspend(mock.core);
			mock.busy_held = false;
			sim_join(thread);
			CHECK_EQ(case_bytes(), bytes);
			CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		}
	}
	CHECK(unanswered > 0);
}

/* ---- A device that comes back with narrower page numbers. */

static uint64_t resume_at;

static void
resume_narrow(void *argument)
{
	(void)argument;
	mock.caps &= ~VQP_CAP_PPN64;
	CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
}

static void
suspend_wide(void *argument)
{
	(void)argument;
	vqp_core_suspend(mock.core);
	meeting.run = resume_narrow;
	meeting.where = NULL;
	meeting.left = resume_at;
}

/* Four pages. */
static void
see_alloc(struct mock *mock_, const struct vqp_datagram *datagram)
{
	if (datagram->dst.resource == VQP_HYPERCALL_QPAIR_ALLOC)
		CHECK_EQ(datagram->payload_size,
		    sizeof(struct vqp_hypercall_qpair_alloc) -
		    sizeof(*datagram) + 4 *
		    ((mock_->caps_acked & VQP_CAP_PPN64) != 0 ? 8U : 4U));
}

TEST(case_71_width_changes,
    "71: page numbers are as wide as the device that is told them agreed")
{
	FOR_EACH_CASE() {
		bool met = true;

		mock.sees = see_alloc;
		for (resume_at = 1; met; resume_at++) {
			struct vqp_handle handle = invalid;
			struct vqp_qpair *qpair = NULL;
			int status;

			vqp_core_suspend(mock.core);
			mock.caps |= VQP_CAP_PPN64;
			CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
			/* It works when it is asked, and no more after that. */
			meeting_plan(suspend_wide, "alloc", 1);
			status = alloc(4096, 4096, 0, &handle, &qpair);
			met = meeting.left == 0;
			CHECK(meeting_end());
			if (!met)
				resume_narrow(NULL);
			CHECK(status == VQP_ERROR_UNAVAILABLE || status == 0);
			if (status == 0)
				vqp_core_qpair_detach(mock.core, &qpair);
			/* Each message was whole, and it was answered. */
			CHECK(vqp_core_hypercall(mock.core,
			    &(struct vqp_datagram){ .dst = {
			    VQP_CONTEXT_HYPERVISOR,
			    VQP_HYPERCALL_GET_CONTEXT_ID },
			    .src = invalid }, NULL) >= 0);
		}
	}
}

static void
suspend_once(void)
{
	sim_on_pages = NULL;
	vqp_core_suspend(mock.core);
}

TEST(case_39_never_asked,
    "39: pages of which the device never heard are free at once")
{
	FOR_EACH_CASE() {
		for (unsigned i = 0; i < 2; i++) {
			const uint64_t bytes = case_bytes();
			struct vqp_handle handle = invalid;
			struct vqp_qpair *qpair = NULL;

			/* It falls asleep, and the second ring gets none. */
			sim_on_pages = suspend_once;
			sim_os_fail_at(mock.os, 4, false);
			CHECK_EQ(alloc(4096, 4096, i ? VQP_QPAIR_LOCAL : 0,
			    &handle, &qpair), VQP_ERROR_NO_MEM);
			sim_os_fail_at(mock.os, 0, false);
			CHECK_EQ(case_bytes(), bytes);
			CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		}
	}
}

TEST(case_41_strangers,
    "41: events of pairs that are not ours, twice or too early change nothing")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_event_qpair event;
		struct vqp_qpair *qpair;
		uint8_t byte = 9;

		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		memset(&event, 0, sizeof(event));
		for (unsigned i = 0; i < 6; i++) {
			event.handle = handle;
			event.handle.resource += i % 2;
			event.peer = i;
			mock_event(&mock, i < 3 ? VQP_EVENT_QP_PEER_DETACH :
			    VQP_EVENT_QP_PEER_ATTACH, &event.handle, 24);
			mock_serve(&mock, VQP_CAUSE_DATAGRAM);
		}
		CHECK_EQ(vqp_pair_enqueue(&qpair->pair, &byte, 1), 1);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

/* ---- LOCAL pairs. */

static struct {
	unsigned attached, detached;
	const struct vqp_qpair *origin;
	struct vqp_handle handle;
	uint32_t peer;
} local;

static void
see_local(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	struct vqp_handle handle = invalid;
	struct vqp_qpair *qpair;

	(void)id, (void)argument;
	local.attached += data->event == VQP_EVENT_QP_PEER_ATTACH;
	local.detached += data->event == VQP_EVENT_QP_PEER_DETACH;
	local.origin = origin;
	local.handle = data->payload.qpair.handle;
	local.peer = data->payload.qpair.peer;
	/* B15: no lock is held: another pair can come and go. */
	if (alloc(64, 0, 0, &handle, &qpair) >= 0)
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
}

TEST(local_pair, "abi 4.6, B15, B17: two ends here, data both ways, events")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *a, *b, *c = NULL;
		uint32_t id[2];
		uint8_t bytes[300], back[300];

		CHECK_EQ(vqp_core_event_subscribe(mock.core,
		    VQP_EVENT_QP_PEER_ATTACH, see_local, NULL, &id[0]), 0);
		CHECK_EQ(vqp_core_event_subscribe(mock.core,
		    VQP_EVENT_QP_PEER_DETACH, see_local, NULL, &id[1]), 0);
		for (unsigned round = 0; round < 4; round++) {
			const uint64_t p = 300 + 4096 * round;
			const uint64_t q = round % 2 ? 0 : 77;

			memset(&local, 0, sizeof(local));
			handle = invalid;
			CHECK_EQ(alloc(p, q, VQP_QPAIR_LOCAL |
			    VQP_QPAIR_ATTACH_ONLY, &handle, &a),
			    VQP_ERROR_NOT_FOUND);
			CHECK_EQ(alloc(p, q, VQP_QPAIR_LOCAL, &handle, &a),
			    VQP_SUCCESS_CREATED);
			/* Both headers have the name, as a device's have. */
			CHECK(memcmp(a->pair.tx.tail_cell - 1, &handle,
			    sizeof(handle)) == 0);
			CHECK(memcmp(a->pair.rx.tail_cell - 1, &handle,
			    sizeof(handle)) == 0);
			/* 24: neither swapped nor off by one. */
			CHECK_EQ(alloc(p, q, VQP_QPAIR_LOCAL, &handle, &b),
			    VQP_ERROR_MISMATCH);
			CHECK_EQ(alloc(q, p + 1, VQP_QPAIR_LOCAL, &handle,
			    &b), VQP_ERROR_MISMATCH);
			CHECK_EQ(alloc(q, p, 0, &handle, &b),
			    VQP_ERROR_MISMATCH);
			CHECK_EQ(local.attached, 0);
			CHECK_EQ(alloc(q, p, VQP_QPAIR_LOCAL |
			    (round % 2 ? VQP_QPAIR_ATTACH_ONLY : 0), &handle,
			    &b), VQP_SUCCESS_ATTACHED);
			CHECK_EQ(local.attached, 1);
			CHECK(local.origin == b);
			CHECK_EQ(local.peer, MOCK_CID);
			/* 27: a third. */
			CHECK_EQ(alloc(q, p, VQP_QPAIR_LOCAL, &handle, &c),
			    VQP_ERROR_UNAVAILABLE);
			for (unsigned i = 0; i < 300; i++)
				bytes[i] = (uint8_t)(i ^ round);
			CHECK_EQ(vqp_pair_enqueue(&a->pair, bytes, 299), 299);
			CHECK_EQ(vqp_pair_dequeue(&b->pair, back, 299), 299);
			CHECK(memcmp(bytes, back, 299) == 0);
			if (q != 0) {
				CHECK_EQ(vqp_pair_enqueue(&b->pair, bytes,
				    300), 76);
				CHECK_EQ(vqp_pair_dequeue(&a->pair, back,
				    300), 76);
			} else {
				CHECK_EQ(vqp_pair_dequeue(&a->pair, back, 1),
				    VQP_ERROR_INVALID_SIZE);
			}
			/* 43: either may go first. */
			CHECK_EQ(vqp_core_qpair_detach(mock.core,
			    round < 2 ? &a : &b), 0);
			CHECK_EQ(local.detached, 1);
			CHECK_EQ(alloc(round < 2 ? p : q, round < 2 ? q : p,
			    VQP_QPAIR_LOCAL, &handle, &c),
			    VQP_SUCCESS_ATTACHED);
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &c), 0);
			CHECK_EQ(vqp_core_qpair_detach(mock.core,
			    round < 2 ? &b : &a), 0);
			CHECK_EQ(local.detached, 2);
			CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_QPAIR_ALLOC),
			    mock_count(&mock, VQP_HYPERCALL_QPAIR_DETACH));
		}
		/* 43: a local pair in another's name. */
		handle = (struct vqp_handle){ 0x999, 3000 };
		CHECK_EQ(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &a),
		    VQP_ERROR_NO_ACCESS);
		vqp_core_event_unsubscribe(mock.core, id[0]);
		vqp_core_event_unsubscribe(mock.core, id[1]);
	}
}

TEST(local_last_words,
    "4.6: who detaches has said what it staged, and what it received")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *a, *b;
		uint8_t bytes[64] = { 1, 2, 3 }, back[64];

		CHECK_EQ(alloc(4096, 4096, VQP_QPAIR_LOCAL, &handle, &a),
		    VQP_SUCCESS_CREATED);
		CHECK_EQ(alloc(4096, 4096, VQP_QPAIR_LOCAL, &handle, &b),
		    VQP_SUCCESS_ATTACHED);
		CHECK_EQ(vqp_pair_send(&a->pair, bytes, 64), 64);
		CHECK_EQ(vqp_pair_dequeue(&b->pair, back, 64), 64);
		CHECK_EQ(vqp_pair_send_more(&b->pair, bytes, 64), 64);
		CHECK_EQ(vqp_pair_consume_ready(&a->pair), 0);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &b), 0);
		CHECK_EQ(vqp_pair_produce_free(&a->pair), 4095);
		CHECK_EQ(vqp_pair_dequeue(&a->pair, back, 64), 64);
		CHECK(memcmp(bytes, back, 64) == 0);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &a), 0);
	}
}

TEST(local_join_fails,
    "43: an end that cannot join leaves its side to the next")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *a, *b = NULL;
		struct vqp_cell64 *index;
		uint64_t honest;

		CHECK_EQ(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &a),
		    VQP_SUCCESS_CREATED);
		for (unsigned i = 0; i < 3; i++) {
			/* What a broken client left in the ring's header. */
			index = i % 2 ? a->pair.rx.head_cell :
			    a->pair.tx.tail_cell;
			honest = vqp_load_relaxed(index);
			vqp_store_relaxed(index, 64);
			CHECK(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &b) < 0);
			CHECK(b == NULL);
			vqp_store_relaxed(index, honest);
		}
		CHECK_EQ(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &b),
		    VQP_SUCCESS_ATTACHED);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &a), 0);
		/* The one that is left can not be joined, and stays. */
		index = b->pair.tx.tail_cell;
		vqp_store_relaxed(index, 64);
		CHECK(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &a) < 0);
		CHECK_EQ(vqp_core_qpair_handle(b).resource, handle.resource);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &b), 0);
		CHECK_EQ(alloc(64, 64, VQP_QPAIR_LOCAL, &handle, &a),
		    VQP_SUCCESS_CREATED);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &a), 0);
	}
}

/* Ends of local pairs by several threads at once. */
static void
come_and_go(void *argument)
{
	struct vqp_handle handle = { MOCK_CID, 4000 };
	struct vqp_qpair *qpair;

	for (unsigned i = 0; i < 20; i++) {
		const int status = alloc(64, 64, VQP_QPAIR_LOCAL, &handle,
		    &qpair);

		CHECK(status == VQP_SUCCESS_CREATED ||
		    status == VQP_SUCCESS_ATTACHED ||
		    status == VQP_ERROR_UNAVAILABLE ||
		    status == VQP_ERROR_ALREADY_EXISTS);
		sim_point("test", i);
		if (status >= 0)
			CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
	(*(unsigned *)argument)++;
}

TEST(local_pairs_race, "43: ends of a local pair come and go as they like")
{
	FOR_EACH_CASE() {
		struct sim_thread *thread[4];
		unsigned done = 0;

		for (unsigned i = 0; i < 4; i++)
			thread[i] = sim_spawn("ends", SIM_TASK, come_and_go,
			    &done);
		for (unsigned i = 0; i < 4; i++)
			sim_join(thread[i]);
		CHECK_EQ(done, 4);
	}
}

TEST(case_18_header_handle, "18, 19: nothing of the header but the indices")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair;
		uint64_t page;
		uint8_t *header, byte = 3;

		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		for (unsigned i = 0; i < 2; i++) {
			memcpy(&page, mock_last(&mock,
			    VQP_HYPERCALL_QPAIR_ALLOC)->at + 64 + 16 * i, 8);
			header = sim_os_bus(mock.os, page * 4096, 4096);
			memset(header, 0xff, 8);
			memset(header + 24, 0xff, 4096 - 24);
		}
		CHECK_EQ(vqp_pair_enqueue(&qpair->pair, &byte, 1), 1);
		CHECK_EQ(vqp_core_qpair_handle(qpair).resource,
		    handle.resource);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
		memcpy(&page, mock_last(&mock,
		    VQP_HYPERCALL_QPAIR_DETACH)->at + 24, 8);
		CHECK(memcmp(&page, &handle, 8) == 0);
	}
}

TEST(case_8_bad_indices, "8: indices of all ones break the pair, not us")
{
	FOR_EACH_CASE() {
		struct vqp_handle handle = invalid;
		struct vqp_qpair *qpair;
		uint64_t page;
		uint8_t byte = 3;

		CHECK_EQ(alloc(64, 64, 0, &handle, &qpair), 0);
		for (unsigned i = 0; i < 2; i++) {
			memcpy(&page, mock_last(&mock,
			    VQP_HYPERCALL_QPAIR_ALLOC)->at + 64 + 16 * i, 8);
			memset((uint8_t *)sim_os_bus(mock.os, page * 4096,
			    4096) + 8, 0xff, 16);
		}
		CHECK_EQ(vqp_pair_dequeue(&qpair->pair, &byte, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_produce_free(&qpair->pair),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_core_qpair_detach(mock.core, &qpair), 0);
	}
}

TEST_MAIN()
