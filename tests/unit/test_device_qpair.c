/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The broker of queue pairs: every answer of docs/wire.md 4.7 by name and in
 * its order, events, memory, quiesce; part B of the hostile-peer matrix as far
 * as it is the device's business.
 */
#include <stdlib.h>

#include "effort.h"
#include "fake_host.h"
#include "test.h"

#define ALL (VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64)

static const struct vqp_handle handle = { 16, 1024 };

static struct fake_hub hub;
static struct fake_guest guest;
static struct fake_program host;

static void
open_limited(uint32_t privileges, const struct vqp_hub_limits *limits)
{
	fake_hub_open(&hub, limits);
	fake_guest_open(&guest, &hub, 16, ALL);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, privileges);
}

static void
open_all(void)
{
	open_limited(0, NULL);
}

static void
close_all(void)
{
	fake_program_close(&host);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

/* The pair that most cases start from, as the guest and the host see it. */
static struct fake_qpair
of_guest(void)
{
	const struct fake_qpair qpair = { .handle = handle, .peer = 2,
	    .produce = 5000, .consume = 100, .page = 1 };

	return qpair;
}

static struct vqp_qpair_request
of_host(void)
{
	const struct vqp_qpair_request request = { .handle = handle,
	    .peer = 16, .produce_size = 100, .consume_size = 5000 };

	return request;
}

static int32_t
guest_creates(void)
{
	const struct fake_qpair qpair = of_guest();

	return fake_qpair_alloc(&guest, &qpair);
}

static int
host_takes(void)
{
	const struct vqp_qpair_request request = of_host();

	return vqp_program_qpair_alloc(host.program, &request);
}

static int
host_leaves(void)
{
	return vqp_program_qpair_detach(host.program, handle);
}

/* The next event that the guest receives, or -1. */
static int
next_event(uint32_t *peer)
{
	struct vqp_event_qpair event;

	if (fake_receive(&guest, &event, sizeof(event)) == 0)
		return -1;
	CHECK_EQ(event.header.datagram.src.context, 0);
	CHECK_EQ(event.header.datagram.src.resource, 0);
	CHECK_EQ(event.header.datagram.dst.resource, 0);
	CHECK_EQ(event.header.reserved, 0);
	if (event.header.event >= VQP_EVENT_QP_PEER_ATTACH) {
		CHECK_EQ(event.header.datagram.payload_size, 24);
		CHECK_EQ(event.handle.resource, handle.resource);
		CHECK_EQ(event.reserved, 0);
		*peer = event.peer;
	}
	return (int)event.header.event;
}

TEST(guest_creates_host_attaches, "created, attached, used, detached: each told")
{
	struct vqp_pair_config config = { .handle = handle };
	struct vqp_pair ours, theirs;
	uint32_t peer = 0;
	uint8_t bytes[6000] = { 1, 2, 3 };

	open_all();
	memset(guest.memory + FAKE_PAGE, 0xee, 6 * FAKE_PAGE);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	/* Both headers are ready: handle, 0, 0. */
	for (int page = 1; page <= 4; page += 3) {
		uint64_t word[3];

		memcpy(word, guest.memory + page * FAKE_PAGE, 24);
		CHECK_EQ(word[0], handle.context |
		    (uint64_t)handle.resource << 32);
		CHECK_EQ(word[1] | word[2], 0);
	}
	CHECK_EQ(next_event(&peer), -1);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_PEER_ATTACH);
	CHECK_EQ(peer, 2);
	CHECK_EQ(host.events, 0);
	CHECK(host.has_memory);
	CHECK_EQ(host.memory.produce.size, 100);
	CHECK_EQ(host.memory.consume.size, 5000);
	CHECK(host.memory.shared == NULL);

	/* The engine meets itself there. */
	config.produce = host.memory.produce;
	config.consume = host.memory.consume;
	CHECK_EQ(vqp_pair_attach(&ours, &config), VQP_SUCCESS);
	config.produce = (struct vqp_queue){ guest.memory + FAKE_PAGE,
	    guest.memory + 2 * FAKE_PAGE, 5000, false };
	config.consume = (struct vqp_queue){ guest.memory + 4 * FAKE_PAGE,
	    guest.memory + 5 * FAKE_PAGE, 100, false };
	CHECK_EQ(vqp_pair_attach(&theirs, &config), VQP_SUCCESS);
	CHECK_EQ(vqp_pair_enqueue(&theirs, bytes, 6000), 4999);
	CHECK_EQ(vqp_pair_enqueue(&ours, bytes, 6000), 99);
	CHECK_EQ(vqp_pair_dequeue(&ours, bytes, 6000), 4999);
	CHECK_EQ(bytes[2], 3);

	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(guest.mapped, 0);
	CHECK(!host.has_memory);
	CHECK_EQ(host.events, 1);
	CHECK_EQ(host.event[0].event, VQP_EVENT_QP_PEER_DETACH);
	CHECK_EQ(host.event[0].cid, 16);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	close_all();
}

TEST(host_creates_guest_attaches, "a pair without memory waits for a guest's")
{
	struct vqp_qpair_memory memory;
	struct vqp_qpair_indexes indexes;
	struct vqp_queue_header *header;

	open_all();
	CHECK_EQ(host_takes(), VQP_SUCCESS_CREATED);
	CHECK_EQ(host.memory_calls, 0);
	CHECK_EQ(vqp_program_qpair_memory(host.program, handle, &memory),
	    VQP_ERROR_NOT_READY);
	CHECK_EQ(vqp_program_qpair_indexes(host.program, handle, &indexes),
	    VQP_ERROR_NOT_ATTACHED);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_ATTACHED);
	CHECK(host.has_memory);
	CHECK_EQ(host.events, 1);
	CHECK_EQ(host.event[0].event, VQP_EVENT_QP_PEER_ATTACH);
	CHECK_EQ(host.event[0].cid, 16);
	CHECK_EQ(vqp_program_qpair_memory(host.program, handle, &memory),
	    VQP_SUCCESS);
	CHECK_EQ(memory.produce.size, 100);
	CHECK(memory.produce.header == host.memory.produce.header);
	/* Each index is judged by the size of its own ring. */
	header = (void *)(guest.memory + FAKE_PAGE);
	vqp_store_relaxed(&header->producer_tail, 4000);
	CHECK_EQ(vqp_program_qpair_indexes(host.program, handle, &indexes),
	    VQP_SUCCESS);
	CHECK_EQ(indexes.consume_tail, 4000);
	/* The host leaves: the guest keeps its end. */
	CHECK_EQ(host_leaves(), VQP_SUCCESS);
	CHECK(!host.has_memory);
	CHECK_EQ(host.memory_calls, 2);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS_LAST_DETACH);
	CHECK_EQ(guest.mapped, 0);
	close_all();
}

/* B 31 */
TEST(sizes, "B 31: sizes are refused before memory is taken for them")
{
	static const struct {
		uint64_t produce, consume;
		int32_t result;
	} row[] = {
		{ 0, 0, VQP_ERROR_INVALID_ARGS },
		{ UINT64_MAX, 2, VQP_ERROR_NO_RESOURCES },
		{ 2, UINT64_MAX, VQP_ERROR_NO_RESOURCES },
		{ (128 << 20) + 1, 0, VQP_ERROR_NO_RESOURCES },
		{ 128 << 20, 1, VQP_ERROR_NO_RESOURCES },
		{ UINT64_C(1) << 63, UINT64_C(1) << 63,
		    VQP_ERROR_NO_RESOURCES },
		{ 0, 1, VQP_SUCCESS_CREATED },
		{ 1, 0, VQP_SUCCESS_CREATED },
		{ 4096, 4097, VQP_SUCCESS_CREATED },
		{ 64 << 20, 64 << 20, VQP_SUCCESS_CREATED },
	};

	open_all();
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_qpair qpair = of_guest();
		struct vqp_qpair_request request = of_host();
		uint64_t taken = hub.taken;

		qpair.produce = request.produce_size = row[i].produce;
		qpair.consume = request.consume_size = row[i].consume;
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair), row[i].result);
		if (row[i].result < 0) {
			CHECK_EQ(hub.taken, taken);
			CHECK_EQ(vqp_program_qpair_alloc(host.program,
			    &request), row[i].result);
			continue;
		}
		CHECK_EQ(fake_qpair_detach(&guest, handle),
		    VQP_SUCCESS_LAST_DETACH);
	}
	CHECK_EQ(fake_count(&guest, VQP_COUNT_QPAIR_BYTES_LIMIT), 5);
	close_all();
}

/* B 30 and the second row of the table */
TEST(arguments, "B 30: bad handles, flags and peers are refused")
{
	static const struct {
		uint32_t context, resource, peer, flags;
		int32_t result;
	} row[] = {
		{ VQP_INVALID_ID, 1024, 2, 0, VQP_ERROR_INVALID_ARGS },
		{ 16, VQP_INVALID_ID, 2, 0, VQP_ERROR_INVALID_ARGS },
		{ VQP_INVALID_ID, VQP_INVALID_ID, 2, 0,
		    VQP_ERROR_INVALID_ARGS },
		{ 16, 1024, 2, VQP_QPAIR_LOCAL, VQP_ERROR_INVALID_ARGS },
		{ 16, 1024, 2, 1u << 31, VQP_ERROR_INVALID_ARGS },
		{ 16, 1024, 2, 16, VQP_ERROR_INVALID_ARGS },
		/* B 28 */
		{ 16, 1024, 2, VQP_QPAIR_ATTACH_ONLY, VQP_ERROR_NOT_FOUND },
		{ 0, 1024, 2, 0, VQP_ERROR_NO_ACCESS },
		{ 1, 1024, 2, 0, VQP_ERROR_NO_ACCESS },
		{ 17, 1024, 2, 0, VQP_ERROR_NO_ACCESS },
		{ 2, 1024, VQP_CONTEXT_ANY, 0, VQP_ERROR_NO_ACCESS },
		{ 0, 1024, 0, 0, VQP_ERROR_NO_ACCESS },
		{ 16, 1024, 1, 0, VQP_ERROR_DST_UNREACHABLE },
		{ 16, 1024, 17, 0, VQP_ERROR_DST_UNREACHABLE },
		{ 16, 1024, 16, 0, VQP_ERROR_DST_UNREACHABLE },
		{ 16, 1024, 999, 0, VQP_ERROR_DST_UNREACHABLE },
		{ 2, 1024, 2, 0, VQP_SUCCESS_CREATED },
		{ 16, 1024, 0, 0, VQP_SUCCESS_CREATED },
		{ 16, 1024, VQP_CONTEXT_ANY, 0, VQP_SUCCESS_CREATED },
		{ 16, 1024, 2, VQP_QPAIR_NONBLOCK, VQP_SUCCESS_CREATED },
		{ 16, 0, 2, 0, VQP_SUCCESS_CREATED },
	};
	struct fake_guest other;

	open_all();
	fake_guest_open(&other, &hub, 17, ALL);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_qpair qpair = of_guest();
		const uint64_t taken = hub.taken;

		qpair.handle.context = row[i].context;
		qpair.handle.resource = row[i].resource;
		qpair.peer = row[i].peer;
		qpair.flags = row[i].flags;
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair), row[i].result);
		if (row[i].result > 0)
			CHECK_EQ(fake_qpair_detach(&guest, qpair.handle),
			    VQP_SUCCESS_LAST_DETACH);
		CHECK_EQ(hub.taken, taken);
		CHECK_EQ(guest.mapped, 0);
	}
	fake_guest_close(&other);
	close_all();
}

/* B 24, 25 */
TEST(mismatches, "B 24, 25: what does not mirror is refused, the pair stays")
{
	static const struct {
		uint64_t produce, consume;
		uint32_t flags;
		int result;
	} row[] = {
		{ 5000, 100, 0, VQP_ERROR_MISMATCH },
		{ 101, 5000, 0, VQP_ERROR_MISMATCH },
		{ 100, 4999, 0, VQP_ERROR_MISMATCH },
		{ 100, 5000 + 4096, 0, VQP_ERROR_MISMATCH },
		{ 100, 5000, VQP_QPAIR_LOCAL, VQP_ERROR_INVALID_ARGS },
		{ 100, 5000, 1u << 31, VQP_ERROR_INVALID_ARGS },
		{ 0, 0, 0, VQP_ERROR_INVALID_ARGS },
		{ 100, 5000, VQP_QPAIR_ATTACH_ONLY | VQP_QPAIR_NONBLOCK |
		    VQP_QPAIR_PINNED, VQP_SUCCESS_ATTACHED },
	};
	uint32_t peer;

	open_all();
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct vqp_qpair_request request = of_host();

		CHECK_EQ(next_event(&peer), -1);
		request.produce_size = row[i].produce;
		request.consume_size = row[i].consume;
		request.flags = row[i].flags;
		CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
		    row[i].result);
	}
	close_all();
}

/* B 26 */
TEST(named_peer, "B 26: only the named peer may attach, others cause no event")
{
	struct vqp_qpair_request request = of_host();
	struct fake_program other;
	uint32_t peer;

	open_all();
	fake_program_open(&other, &hub, 20, 0);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(next_event(&peer), -1);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	fake_program_close(&other);
	close_all();
}

TEST(strangers, "a guest cannot attach where it cannot talk, or in a row")
{
	const struct vqp_device_config config = {
		.context = { .cid = 17 }, .data_in = VQP_DATA_IN_STREAM,
	};
	struct fake_qpair pair = of_guest(), crossed = pair;
	struct fake_guest other;

	open_all();
	CHECK_EQ(fake_guest_create(&other, &hub, &config), VQP_SUCCESS);
	pair.peer = VQP_CONTEXT_ANY;
	crossed.produce = pair.consume;
	crossed.consume = pair.produce;
	CHECK_EQ(fake_qpair_alloc(&guest, &pair), VQP_SUCCESS_CREATED);
	CHECK_EQ(fake_qpair_alloc(&other, &crossed),
	    VQP_ERROR_DST_UNREACHABLE);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	fake_guest_close(&other);
	close_all();
}

TEST(one_bucket, "pairs are found whatever names the others have")
{
	struct fake_qpair pair = of_guest();
	struct vqp_qpair_request request = of_host();

	open_all();
	/* A table of buckets has a power of two of them. */
	for (uint32_t i = 0; i < 4; i++) {
		pair.handle.resource = request.handle.resource = i << 16;
		CHECK_EQ(fake_qpair_alloc(&guest, &pair), VQP_SUCCESS_CREATED);
		CHECK_EQ(fake_qpair_alloc(&guest, &pair),
		    VQP_ERROR_ALREADY_EXISTS);
	}
	for (uint32_t i = 0; i < 4; i++) {
		request.handle.resource = (i ^ 2) << 16;
		CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
		    VQP_SUCCESS_ATTACHED);
		CHECK_EQ(host.memory.handle.resource, (i ^ 2) << 16);
	}
	for (uint32_t i = 0; i < 4; i++) {
		const struct vqp_handle name = { 16, (i ^ 1) << 16 };

		CHECK_EQ(fake_qpair_detach(&guest, name), VQP_SUCCESS);
		CHECK_EQ(vqp_program_qpair_detach(host.program, name),
		    VQP_SUCCESS_LAST_DETACH);
	}
	close_all();
}

TEST(peer_hypervisor,
    "docs/wire.md 14: a pair with peer 0 is one with the host's program")
{
	struct vqp_qpair_request request = of_host();
	struct fake_qpair pair = of_guest();
	struct fake_program other;
	uint32_t peer = 99;

	open_all();
	fake_program_open(&other, &hub, 20, 0);
	pair.peer = VQP_CONTEXT_HYPERVISOR;
	CHECK_EQ(fake_qpair_alloc(&guest, &pair), VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_PEER_ATTACH);
	CHECK_EQ(peer, VQP_CONTEXT_HOST);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	/* The host's in the guest's name of it; no program has a peer 0. */
	CHECK_EQ(host_takes(), VQP_SUCCESS_CREATED);
	CHECK_EQ(fake_qpair_alloc(&guest, &pair), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	request.handle.context = 20;
	request.peer = VQP_CONTEXT_HYPERVISOR;
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_DST_UNREACHABLE);
	fake_program_close(&other);
	close_all();
}

/* B 27 */
TEST(third_party, "B 27: no third end, no end twice, no end after one left")
{
	struct vqp_qpair_request request = of_host();
	struct fake_qpair any = of_guest();
	struct fake_program other;

	open_all();
	any.peer = VQP_CONTEXT_ANY;
	fake_program_open(&other, &hub, 20, 0);
	CHECK_EQ(fake_qpair_alloc(&guest, &any), VQP_SUCCESS_CREATED);
	CHECK_EQ(fake_qpair_alloc(&guest, &any), VQP_ERROR_ALREADY_EXISTS);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(host_takes(), VQP_ERROR_ALREADY_EXISTS);
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(fake_qpair_alloc(&guest, &any), VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	CHECK_EQ(fake_qpair_alloc(&guest, &any), VQP_SUCCESS_CREATED);
	fake_program_close(&other);
	close_all();
}

/* B 29 */
TEST(privileges, "B 29: a RESTRICTED end needs a TRUSTED one, both ways")
{
	for (uint32_t restricted = 0; restricted < 2; restricted++) {
		for (uint32_t of_program = 0; of_program < 3; of_program++) {
			struct vqp_device_config config = {
				.context = { .cid = 16,
				    .privileges = restricted },
				.data_in = VQP_DATA_IN_STREAM,
			};
			const bool denied = (restricted == 1 ||
			    of_program == VQP_PRIVILEGE_RESTRICTED) &&
			    !(restricted == 1 &&
			    of_program == VQP_PRIVILEGE_TRUSTED);

			for (int host_first = 0; host_first < 2;
			    host_first++) {
				fake_hub_open(&hub, NULL);
				CHECK_EQ(fake_guest_create(&guest, &hub,
				    &config), VQP_SUCCESS);
				fake_program_open(&host, &hub, 2, of_program);
				if (host_first) {
					CHECK_EQ(host_takes(),
					    VQP_SUCCESS_CREATED);
					CHECK_EQ(guest_creates(), denied ?
					    (int)VQP_ERROR_NO_ACCESS :
					    (int)VQP_SUCCESS_ATTACHED);
				} else {
					CHECK_EQ(guest_creates(),
					    VQP_SUCCESS_CREATED);
					CHECK_EQ(host_takes(), denied ?
					    (int)VQP_ERROR_NO_ACCESS :
					    (int)VQP_SUCCESS_ATTACHED);
				}
				CHECK_EQ(fake_count(&guest, VQP_COUNT_DENIED) +
				    vqp_program_count(host.program,
				    VQP_COUNT_DENIED), denied);
				close_all();
			}
		}
	}
}

TEST(memory_rules, "one end brings memory: never two, never none")
{
	struct vqp_qpair_request request = of_host();
	struct fake_program other;
	struct vqp_qpair_memory memory;
	int token;

	open_all();
	fake_program_open(&other, &hub, 20, 0);
	/* Nobody brought any: a program cannot attach. */
	request.peer = VQP_CONTEXT_ANY;
	request.handle.context = 2;
	CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
	    VQP_SUCCESS_CREATED);
	request.produce_size = 5000;
	request.consume_size = 100;
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(vqp_program_qpair_detach(host.program, request.handle),
	    VQP_SUCCESS_LAST_DETACH);
	/* Two programs, memory named by the first; a guest's is too much. */
	request.shared = &token;
	CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
	    VQP_SUCCESS_CREATED);
	{
		struct fake_qpair qpair = of_guest();

		qpair.handle = request.handle;
		qpair.produce = 100;
		qpair.consume = 5000;
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(guest.mapped, 0);
	}
	request.produce_size = 100;
	request.consume_size = 5000;
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_ERROR_INVALID_ARGS);
	request.shared = NULL;
	CHECK_EQ(vqp_program_qpair_alloc(other.program, &request),
	    VQP_SUCCESS_ATTACHED);
	CHECK(other.memory.shared == &token);
	CHECK(other.memory.produce.header == NULL);
	CHECK_EQ(other.memory.produce.size, 100);
	CHECK_EQ(host.events, 1);
	CHECK_EQ(vqp_program_qpair_memory(host.program, request.handle,
	    &memory), VQP_SUCCESS);
	CHECK_EQ(memory.produce.size, 5000);
	CHECK_EQ(vqp_program_qpair_detach(host.program, request.handle),
	    VQP_SUCCESS);
	CHECK_EQ(other.events, 1);
	fake_program_close(&other);
	close_all();
}

/* B 32 */
TEST(limits, "B 32: bytes and pairs are bounded, and nothing drifts")
{
	struct vqp_hub_limits limits = { .qpair_count = 3 };
	struct fake_qpair qpair = of_guest();

	open_limited(0, &limits);
	for (uint32_t i = 0; i < 3; i++) {
		qpair.handle.resource = i;
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair),
		    VQP_SUCCESS_CREATED);
	}
	qpair.handle.resource = 3;
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_ERROR_NO_RESOURCES);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_QPAIR_COUNT_LIMIT), 1);
	CHECK_EQ(hub.logged, VQP_COUNT_QPAIR_COUNT_LIMIT);
	qpair.handle.resource = 1;
	CHECK_EQ(fake_qpair_detach(&guest, qpair.handle),
	    VQP_SUCCESS_LAST_DETACH);
	qpair.handle.resource = 3;
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_SUCCESS_CREATED);
	close_all();

	open_all();
	qpair.produce = 127 << 20;
	qpair.consume = (1 << 20) - 100;
	qpair.handle.resource = 1;
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_SUCCESS_CREATED);
	qpair.produce = 50;
	qpair.consume = 51;
	qpair.handle.resource = 2;
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_ERROR_NO_RESOURCES);
	qpair.consume = 50;
	for (uint64_t i = effort(2000); i > 0; i--) {
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair),
		    VQP_SUCCESS_CREATED);
		CHECK_EQ(fake_qpair_detach(&guest, qpair.handle),
		    VQP_SUCCESS_LAST_DETACH);
	}
	CHECK_EQ(fake_count(&guest, VQP_COUNT_QPAIR_BYTES_LIMIT), 1);
	close_all();
}

/* B 33 */
TEST(page_counts, "B 33: a page count that is not that of the sizes is refused")
{
	static const uint64_t counts[] = { 0, 1, 2, 4, 6, UINT32_MAX,
	    (UINT64_C(1) << 32) + 5, UINT64_MAX };
	const struct fake_qpair qpair = of_guest();
	uint64_t ppns[8];

	open_all();
	for (uint64_t i = 0; i < 8; i++)
		ppns[i] = FAKE_PPN(i);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns, 5,
		    counts[i]), VQP_ERROR_INVALID_ARGS);
		if (counts[i] <= 8)
			CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns,
			    counts[i], counts[i]), VQP_ERROR_INVALID_ARGS);
	}
	CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns, 4, 5),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns, 6, 5),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(guest.map_calls, 0);
	CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns, 5, 5),
	    VQP_SUCCESS_CREATED);
	close_all();
}

/* B 34, 35 */
TEST(page_lists, "B 34, 35: pages that are no memory of the guest are refused")
{
	static const uint64_t bad[] = { 0, FAKE_PPN(FAKE_PAGES), FAKE_PPN(0) -
	    1, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 44,
	    UINT64_C(1) << 52, (UINT64_C(1) << 52) + FAKE_PPN(3), UINT64_MAX,
	    (UINT64_C(1) << 32) + FAKE_PPN(3) };
	const struct fake_qpair qpair = of_guest();
	uint64_t ppns[5], refused = 0;

	open_all();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int at = 0; at < 5; at++) {
			const uint64_t taken = hub.taken;

			for (uint64_t j = 0; j < 5; j++)
				ppns[j] = FAKE_PPN(j);
			ppns[at] = bad[i];
			CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns,
			    5, 5), VQP_ERROR_INVALID_ARGS);
			CHECK_EQ(guest.mapped, 0);	/* none half way */
			CHECK_EQ(hub.taken, taken);
			refused++;
		}
	}
	CHECK_EQ(fake_count(&guest, VQP_COUNT_QPAIR_BAD_PAGES), refused);
	/* The same page everywhere: the guest harms itself alone. */
	for (int at = 0; at < 5; at++)
		ppns[at] = FAKE_PPN(9);
	CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns, 5, 5),
	    VQP_SUCCESS_CREATED);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	/* Attaching with bad pages leaves the creator's pair as it was. */
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	CHECK_EQ(host_takes(), VQP_SUCCESS_CREATED);
	ppns[3] = 0;
	CHECK_EQ(fake_qpair_alloc_pages(&guest, &qpair, ppns, 5, 5),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_ATTACHED);
	close_all();
}

TEST(short_page_numbers, "without PPN64 page numbers are four bytes each")
{
	fake_hub_open(&hub, NULL);
	fake_guest_open(&guest, &hub, 16, VQP_CAP_DATAGRAM);
	fake_program_open(&host, &hub, 2, 0);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	guest.ppn64 = true;
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	CHECK_EQ(guest_creates(), VQP_ERROR_INVALID_ARGS);
	close_all();
}

/* B 38, 41, H 95 */
TEST(detach_errors, "B 38: unknown, foreign, doubled and stale detaches fail")
{
	const struct vqp_handle nobody = { VQP_INVALID_ID, VQP_INVALID_ID };
	struct fake_program other;

	open_all();
	fake_program_open(&other, &hub, 20, 0);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_ERROR_NOT_FOUND);
	CHECK_EQ(fake_qpair_detach(&guest, nobody), VQP_ERROR_NOT_FOUND);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_program_qpair_detach(other.program, handle),
	    VQP_ERROR_NOT_ATTACHED);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS_LAST_DETACH);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_ERROR_NOT_FOUND);
	/* A new pair of the same name is another one. */
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_ERROR_NOT_ATTACHED);
	CHECK_EQ(host.events, 1);
	fake_program_close(&other);
	close_all();
}

/* B 42 */
TEST(attach_storm, "B 42: a storm of attaches and detaches keeps no memory")
{
	uint64_t taken;

	open_all();
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	for (uint64_t i = 0; i < effort(3000); i++) {
		CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
		CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
		CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
		CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	}
	taken = hub.taken;
	CHECK(taken < 1024 + 16);
	close_all();
}

/* B 44 */
TEST(quiesce, "B 44: while suspended the saved indices answer, judged as ever")
{
	struct vqp_qpair_indexes indexes;
	struct vqp_queue_header *header;
	uint32_t peer;

	open_all();
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_PEER_ATTACH);
	header = (void *)(guest.memory + FAKE_PAGE);
	vqp_store_relaxed(&header->producer_tail, 777);
	vqp_store_relaxed(&header->consumer_head, 5);
	/* The other queue's header lies behind its two pages. */
	header = (void *)(guest.memory + 4 * FAKE_PAGE);
	vqp_store_relaxed(&header->producer_tail, 33);
	vqp_store_relaxed(&header->consumer_head, 9);
	header = (void *)(guest.memory + FAKE_PAGE);
	vqp_device_suspend(guest.device);
	vqp_device_suspend(guest.device);
	CHECK_EQ(guest.mapped, 0);
	CHECK(!host.has_memory);
	CHECK_EQ(host.memory_calls, 2);
	/* What the guest's memory says now is not looked at. */
	vqp_store_relaxed(&header->producer_tail, 4000);
	CHECK_EQ(vqp_program_qpair_indexes(host.program, handle, &indexes),
	    VQP_SUCCESS);
	CHECK_EQ(indexes.consume_tail, 777);
	CHECK_EQ(indexes.consume_head, 9);
	CHECK_EQ(indexes.produce_tail, 33);
	CHECK_EQ(indexes.produce_head, 5);
	CHECK_EQ(guest_creates(), VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_ERROR_UNAVAILABLE);
	vqp_store_relaxed(&header->producer_tail, 5000);
	vqp_device_resume(guest.device, false);
	CHECK(host.has_memory);
	CHECK_EQ(next_event(&peer), -1);
	CHECK_EQ(vqp_program_qpair_indexes(host.program, handle, &indexes),
	    VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(indexes.consume_tail, 5000);
	vqp_device_suspend(guest.device);
	CHECK_EQ(vqp_program_qpair_indexes(host.program, handle, &indexes),
	    VQP_ERROR_INVALID_SIZE);
	vqp_device_resume(guest.device, true);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_RESUMED);
	/* The guest leaves while its memory is away. */
	vqp_device_suspend(guest.device);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS);
	CHECK_EQ(vqp_program_qpair_indexes(host.program, handle, &indexes),
	    VQP_ERROR_NOT_ATTACHED);
	vqp_device_resume(guest.device, false);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	close_all();
}

/* In which of its calls a program meddles. */
static const char *when;

static void
reset_and_unplug(struct fake_program *program, const char *call)
{
	if (strcmp(call, when) != 0)
		return;
	program->hook = NULL;
	vqp_device_reset(guest.device);
	vqp_program_destroy(program->program);
}

TEST(quiesce_all, "suspended and resumed, each pair of a guest, whatever its turn")
{
	struct fake_qpair qpair = of_guest();
	struct vqp_qpair_request request = of_host();
	struct vqp_qpair_memory memory;
	uint64_t mapped;

	open_all();
	for (uint32_t i = 0; i < 3; i++) {
		qpair.handle.resource = request.handle.resource = 1024 + i;
		qpair.page = 1 + 8 * i;
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair),
		    VQP_SUCCESS_CREATED);
		CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
		    VQP_SUCCESS_ATTACHED);
	}
	mapped = guest.mapped;
	for (int round = 0; round < 3; round++) {
		const uint64_t calls = host.memory_calls;

		vqp_device_suspend(guest.device);
		CHECK_EQ(guest.mapped, 0);
		CHECK_EQ(host.memory_calls, calls + 3);
		vqp_device_resume(guest.device, false);
		CHECK_EQ(guest.mapped, mapped);
		CHECK_EQ(host.memory_calls, calls + 6);
		for (uint32_t i = 0; i < 3; i++) {
			request.handle.resource = 1024 + i;
			CHECK_EQ(vqp_program_qpair_memory(host.program,
			    request.handle, &memory), VQP_SUCCESS);
		}
		/* Once more, when nothing is away. */
		vqp_device_resume(guest.device, false);
		CHECK_EQ(host.memory_calls, calls + 6);
	}
	for (uint32_t i = 0; i < 3; i++) {
		qpair.handle.resource = 1024 + i;
		CHECK_EQ(fake_qpair_detach(&guest, qpair.handle),
		    VQP_SUCCESS);
		CHECK_EQ(vqp_program_qpair_detach(host.program, qpair.handle),
		    VQP_SUCCESS_LAST_DETACH);
	}
	close_all();
}

TEST(gone_in_a_walk, "a program that resets the guest ends a walk over its pairs")
{
	for (int resumes = 0; resumes < 2; resumes++) {
		struct fake_qpair qpair = of_guest();
		struct vqp_qpair_request request = of_host();

		open_all();
		for (uint32_t i = 0; i < 3; i++) {
			qpair.handle.resource = 1024 + i;
			request.handle.resource = 1024 + i;
			qpair.page = 1 + 8 * i;
			CHECK_EQ(fake_qpair_alloc(&guest, &qpair),
			    VQP_SUCCESS_CREATED);
			CHECK_EQ(vqp_program_qpair_alloc(host.program,
			    &request), VQP_SUCCESS_ATTACHED);
		}
		if (resumes)
			vqp_device_suspend(guest.device);
		/* It leaves the pairs, too, so that they are freed. */
		when = resumes ? "memory" : "no memory";
		host.hook = reset_and_unplug;
		if (resumes)
			vqp_device_resume(guest.device, false);
		else
			vqp_device_suspend(guest.device);
		CHECK_EQ(guest.mapped, 0);
		vqp_device_resume(guest.device, false);
		CHECK_EQ(guest.mapped, 0);
		fake_guest_close(&guest);
		fake_hub_close(&hub);
	}
}

TEST(attach_while_suspended, "no memory to attach to while the guest is away")
{
	open_all();
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	vqp_device_suspend(guest.device);
	CHECK_EQ(host_takes(), VQP_ERROR_UNAVAILABLE);
	vqp_device_resume(guest.device, false);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	close_all();
}

TEST(lost_on_resume, "a pair whose pages are gone is lost, and both are told")
{
	uint32_t peer;

	open_all();
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_PEER_ATTACH);
	vqp_device_suspend(guest.device);
	guest.refuse = true;
	vqp_device_resume(guest.device, false);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_QPAIR_LOST), 1);
	CHECK_EQ(host.event[0].event, VQP_EVENT_QP_PEER_DETACH);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_RESUMED);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_ERROR_NOT_ATTACHED);
	CHECK_EQ(host_leaves(), VQP_SUCCESS_LAST_DETACH);
	close_all();
}

/* H 98 */
TEST(allocation_failures, "H 98: at each failing allocation nothing is left")
{
	const struct vqp_datagram hello = { { 16, 1030 }, { 2, 1 }, 0 };
	struct vqp_event_qpair event;
	int results = 0;
	uint32_t peer;

	open_all();
	for (int n = 0; n < 3; n++) {
		const uint64_t taken = hub.taken;

		hub.fail_after = n;
		if (guest_creates() == VQP_ERROR_NO_MEM)
			results++;
		else
			CHECK_EQ(fake_qpair_detach(&guest, handle),
			    VQP_SUCCESS_LAST_DETACH);
		hub.fail_after = -1;
		CHECK_EQ(hub.taken, taken);
		CHECK_EQ(guest.mapped, 0);
	}
	CHECK_EQ(results, 2);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_NO_MEMORY), 2);
	/* An event without memory: the guest is told to look, later. */
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	hub.fail_after = 0;
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	hub.fail_after = -1;
	/* With the next event, or with the next datagram that it reads. */
	CHECK_EQ(next_event(&peer), -1);
	CHECK_EQ(host_leaves(), VQP_SUCCESS);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_RESUMED);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_PEER_DETACH);
	CHECK_EQ(next_event(&peer), -1);
	CHECK_EQ(fake_qpair_detach(&guest, handle), VQP_SUCCESS_LAST_DETACH);
	CHECK_EQ(guest_creates(), VQP_SUCCESS_CREATED);
	hub.fail_after = 0;
	CHECK_EQ(host_takes(), VQP_SUCCESS_ATTACHED);
	hub.fail_after = -1;
	CHECK_EQ(vqp_program_send(host.program, &hello, NULL), 24);
	CHECK_EQ(fake_receive(&guest, &event, sizeof(event)), 24);
	CHECK_EQ(next_event(&peer), VQP_EVENT_QP_RESUMED);
	CHECK_EQ(next_event(&peer), -1);
	close_all();
}

/* What programs do from within the calls, each at each. */
static int then;

static void
meddle(struct fake_program *program, const char *call)
{
	if (strcmp(call, when) != 0)
		return;
	program->hook = NULL;
	switch (then) {
	case 0:
		vqp_program_qpair_detach(program->program, handle);
		break;
	case 1:
		vqp_device_reset(guest.device);
		break;
	case 2:
		vqp_program_destroy(program->program);
		program->program = NULL;
		break;
	default:		/* nothing is left of the pair; or its name */
		vqp_device_reset(guest.device);
		vqp_program_qpair_detach(program->program, handle);
		if (then == 4)
			host_takes();
		break;
	}
}

TEST(calls_within_calls, "a program may detach, reset, unplug in any call")
{
	static const char *const calls[] = { "memory", "no memory", "event" };

	for (int way = 0; way < 2 * 2 * 3 * 5; way++) {
		const bool host_first = way & 1, suspends = way & 2;
		int status;

		then = way / 4 % 5;
		when = calls[way / 20];
		open_all();
		host.hook = meddle;
		if (host_first)
			host_takes();
		guest_creates();
		if (!host_first)
			host_takes();
		if (suspends) {
			vqp_device_suspend(guest.device);
			vqp_device_resume(guest.device, true);
		}
		status = fake_qpair_detach(&guest, handle);
		if (then > 2 && !suspends && when == calls[1])
			CHECK_EQ(status, VQP_SUCCESS_LAST_DETACH);
		if (host.program != NULL)
			host_leaves();
		if (host.program != NULL)
			fake_program_close(&host);
		fake_guest_close(&guest);
		fake_hub_close(&hub);
	}
}

TEST_MAIN()
