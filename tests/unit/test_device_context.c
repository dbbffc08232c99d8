/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Contexts: ids, who may talk to whom, removal, and what leaves the device;
 * part H of the hostile-peer matrix where it is a device model's.
 */
#include <string.h>

#include "fake_host.h"
#include "test.h"

#define ALL (VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64)

static struct fake_hub hub;

static int
try_program(uint32_t cid, uint32_t privileges)
{
	const struct vqp_context_config config = { cid, privileges, 0 };
	const struct vqp_program_calls calls = { .context = NULL };
	struct vqp_program *program;
	const int status = vqp_program_create(hub.hub, &config, &calls,
	    &program);

	if (status == VQP_SUCCESS)
		vqp_program_destroy(program);
	return status;
}

static int
try_guest(uint32_t cid, uint32_t privileges)
{
	const struct vqp_device_config config = {
		.context = { cid, privileges, 0 },
	};
	struct fake_guest guest;
	const int status = fake_guest_create(&guest, &hub, &config);

	if (status == VQP_SUCCESS)
		fake_guest_close(&guest);
	return status;
}

/* H 89 */
TEST(ids, "H 89: reserved ids are refused, ids are had once, ANY finds one")
{
	struct fake_program a, b;
	struct fake_guest guest;

	fake_hub_open(&hub, NULL);
	for (uint32_t cid = 0; cid < 16; cid++) {
		CHECK_EQ(try_guest(cid, 0), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(try_program(cid, 0), cid == 2 ? (int)VQP_SUCCESS :
		    (int)VQP_ERROR_INVALID_ARGS);
	}
	/* -1 is ANY, -2 to -100 are errors, all the others are ids. */
	for (uint32_t error = 2; error <= 100; error++) {
		CHECK_EQ(try_guest(0 - error, 0), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(try_program(0 - error, 0), VQP_ERROR_INVALID_ARGS);
	}
	CHECK_EQ(try_guest(0xffffff9b, 0), VQP_SUCCESS);
	CHECK_EQ(try_program(0xffffff9b, 0), VQP_SUCCESS);
	CHECK_EQ(try_guest(0x80000000, 0), VQP_SUCCESS);
	CHECK_EQ(try_guest(0x7fffffff, 0), VQP_SUCCESS);
	/* A guest cannot be trusted; no one is both. */
	CHECK_EQ(try_guest(16, VQP_PRIVILEGE_TRUSTED),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(try_guest(16, VQP_PRIVILEGE_RESTRICTED), VQP_SUCCESS);
	CHECK_EQ(try_program(16, VQP_PRIVILEGE_ALL), VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(try_program(16, 4), VQP_ERROR_INVALID_ARGS);
	fake_program_open(&a, &hub, VQP_CONTEXT_ANY, 0);
	CHECK_EQ(vqp_program_cid(a.program), 16);
	fake_guest_open(&guest, &hub, VQP_CONTEXT_ANY, ALL);
	CHECK_EQ(vqp_device_cid(guest.device), 17);
	CHECK_EQ(try_program(17, 0), VQP_ERROR_ALREADY_EXISTS);
	CHECK_EQ(try_guest(16, 0), VQP_ERROR_ALREADY_EXISTS);
	fake_program_close(&a);
	fake_program_open(&b, &hub, VQP_CONTEXT_ANY, 0);
	CHECK_EQ(vqp_program_cid(b.program), 16);
	fake_program_close(&b);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

TEST(one_bucket, "contexts are found whatever ids the others have")
{
	const struct vqp_datagram hello = { .src = { VQP_CONTEXT_ANY, 1 } };
	struct fake_program program[4];
	struct fake_guest guest;

	fake_hub_open(&hub, NULL);
	/* A table of buckets has a power of two of them. */
	for (uint32_t i = 0; i < 4; i++)
		fake_program_open(&program[i], &hub, 20 + 4096 * i, 0);
	fake_guest_open(&guest, &hub, 17, ALL);
	CHECK_EQ(vqp_device_set_cid(guest.device, 20 + 4096),
	    VQP_ERROR_ALREADY_EXISTS);
	CHECK_EQ(vqp_device_cid(guest.device), 17);
	CHECK_EQ(vqp_device_set_cid(guest.device, 20 + 4 * 4096),
	    VQP_SUCCESS);
	CHECK_EQ(try_program(17, 0), VQP_SUCCESS);
	for (uint32_t left = 4; left > 0; left--) {
		for (uint32_t i = 0; i < left; i++) {
			struct vqp_datagram datagram = hello;

			datagram.dst = (struct vqp_handle){ 20 + 4096 * i, 1 };
			CHECK_EQ(vqp_program_send(program[0].program,
			    &datagram, NULL), 24);
			CHECK_EQ(program[i].datagrams, 5 - left);
			CHECK_EQ(try_program(20 + 4096 * i, 0),
			    VQP_ERROR_ALREADY_EXISTS);
		}
		CHECK_EQ(try_program(20 + 4096 * left, 0), left == 4 ?
		    (int)VQP_ERROR_ALREADY_EXISTS : (int)VQP_SUCCESS);
		fake_program_close(&program[left - 1]);
	}
	CHECK_EQ(try_guest(20 + 4 * 4096, 0), VQP_ERROR_ALREADY_EXISTS);
	fake_guest_close(&guest);
	CHECK_EQ(try_guest(20 + 4 * 4096, 0), VQP_SUCCESS);
	CHECK_EQ(try_program(17, 0), VQP_SUCCESS);
	fake_hub_close(&hub);
}

TEST(context_limit, "a hub has as many contexts as it was told")
{
	const struct vqp_hub_limits limits = { .context_count = 1 };
	const struct vqp_hub_limits bad = { .qpair_bytes = (128 << 20) + 1 };
	const struct vqp_hub_host none = { 0 };
	struct fake_program a;
	struct vqp_hub *made;

	CHECK_EQ(vqp_hub_create(&none, NULL, &made), VQP_ERROR_INVALID_ARGS);
	fake_hub_open(&hub, &limits);
	{
		const struct vqp_hub_host host = { NULL, NULL, NULL, NULL };

		CHECK_EQ(vqp_hub_create(&host, &bad, &made),
		    VQP_ERROR_INVALID_ARGS);
	}
	fake_program_open(&a, &hub, 2, 0);
	CHECK_EQ(try_guest(16, 0), VQP_ERROR_NO_RESOURCES);
	CHECK_EQ(hub.logged, VQP_COUNT_CONTEXT_LIMIT);
	fake_program_close(&a);
	CHECK_EQ(try_guest(16, 0), VQP_SUCCESS);
	/* H 98 */
	for (int n = 0; n < 2; n++) {
		hub.fail_after = n;
		CHECK_EQ(try_guest(16, 0), VQP_ERROR_NO_MEM);
	}
	hub.fail_after = 0;
	CHECK_EQ(try_program(16, 0), VQP_ERROR_NO_MEM);
	hub.fail_after = -1;
	fake_hub_close(&hub);
}

/* docs/wire.md 2.3: neither, RESTRICTED, TRUSTED, against each other. */
TEST(deny_rule, "datagrams pass unless one is RESTRICTED, the other not TRUSTED")
{
	for (uint32_t from = 0; from < 3; from++) {
		for (uint32_t to = 0; to < 3; to++) {
			const bool denied = (from == 1 && to != 2) ||
			    (to == 1 && from != 2);
			struct fake_program a, b;
			const struct vqp_datagram datagram = {
				.dst = { 21, 1 }, .src = { 20, 1 },
			};

			fake_hub_open(&hub, NULL);
			fake_program_open(&a, &hub, 20, from);
			fake_program_open(&b, &hub, 21, to);
			CHECK_EQ(vqp_program_send(a.program, &datagram, NULL),
			    denied ? (int)VQP_ERROR_NO_ACCESS : 24);
			CHECK_EQ(b.datagrams, !denied);
			CHECK_EQ(vqp_program_count(a.program,
			    VQP_COUNT_DENIED), denied);
			fake_program_close(&a);
			/* And is told of its end only if it could talk. */
			CHECK_EQ(b.events, !denied);
			fake_program_close(&b);
			fake_hub_close(&hub);
		}
	}
}

TEST(siblings, "two guests talk only in one domain, and that not 0")
{
	for (uint32_t a = 0; a < 3; a++) {
		for (uint32_t b = 0; b < 3; b++) {
			struct vqp_device_config config = {
				.context = { 16, 0, a },
				.data_in = VQP_DATA_IN_STREAM,
			};
			const struct vqp_handle to = { 17, 1 };
			const struct vqp_handle src = { 16, 1 };
			struct fake_guest one, two;
			uint8_t got[64];

			fake_hub_open(&hub, NULL);
			CHECK_EQ(fake_guest_create(&one, &hub, &config),
			    VQP_SUCCESS);
			config.context.cid = 17;
			config.context.domain = b;
			CHECK_EQ(fake_guest_create(&two, &hub, &config),
			    VQP_SUCCESS);
			fake_write32(&two, VQP_REG_CAPS, ALL);
			CHECK_EQ(fake_send(&one, to, src, NULL, 0),
			    a == b && a != 0 ? 24 :
			    (int)VQP_ERROR_DST_UNREACHABLE);
			CHECK_EQ(fake_receive(&two, got, sizeof(got)),
			    a == b && a != 0 ? 24 : 0);
			fake_guest_close(&one);
			fake_guest_close(&two);
			fake_hub_close(&hub);
		}
	}
}

static void
destroy_other(struct fake_program *program, const char *call)
{
	struct fake_program *other = program->hook_arg;

	if (strcmp(call, "event") != 0 || other->program == NULL)
		return;
	vqp_program_destroy(other->program);
	other->program = NULL;
}

/* H 94 */
TEST(removal, "H 94: everyone who could talk is told of a removal once")
{
	struct fake_program program[4];
	struct fake_guest guest;
	struct vqp_event_context event;
	const struct vqp_qpair_request request = { .handle = { 20, 1024 },
	    .peer = 21, .produce_size = 10, .shared = program };
	struct vqp_qpair_request crossed = request;

	crossed.produce_size = 0;
	crossed.consume_size = 10;
	crossed.shared = NULL;
	fake_hub_open(&hub, NULL);
	fake_guest_open(&guest, &hub, 16, ALL);
	for (uint32_t i = 0; i < 4; i++)
		fake_program_open(&program[i], &hub, 20 + i, 0);
	CHECK_EQ(vqp_program_qpair_alloc(program[0].program, &request),
	    VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_program_qpair_alloc(program[1].program, &crossed),
	    VQP_SUCCESS_ATTACHED);
	CHECK_EQ(vqp_program_link(program[0].program, 1), VQP_SUCCESS);
	fake_program_close(&program[0]);
	CHECK_EQ(program[1].events, 2);
	CHECK_EQ(program[1].event[0].event, VQP_EVENT_QP_PEER_DETACH);
	CHECK_EQ(program[1].event[1].event, VQP_EVENT_CTX_REMOVED);
	CHECK_EQ(program[1].event[1].cid, 20);
	CHECK_EQ(program[2].events, 1);
	CHECK_EQ(fake_receive(&guest, &event, sizeof(event)), 40);
	CHECK_EQ(event.header.event, VQP_EVENT_CTX_REMOVED);
	CHECK_EQ(event.context, 20);
	/* H 97: every byte of it was set. */
	CHECK_EQ(event.header.reserved | event.reserved, 0);
	CHECK_EQ(fake_receive(&guest, &event, sizeof(event)), 0);
	/* 21 goes; 22, told of it, takes 23 along. */
	program[2].hook = destroy_other;
	program[2].hook_arg = &program[3];
	fake_program_close(&program[1]);
	CHECK_EQ(program[2].events, 3);
	CHECK_EQ(program[2].event[1].cid, 21);
	CHECK_EQ(program[2].event[2].cid, 23);
	CHECK_EQ(fake_receive(&guest, &event, sizeof(event)), 40);
	CHECK_EQ(event.context, 21);
	CHECK_EQ(fake_receive(&guest, &event, sizeof(event)), 40);
	CHECK_EQ(event.context, 23);
	fake_guest_close(&guest);
	CHECK_EQ(program[2].events, 4);
	CHECK_EQ(program[2].event[3].cid, 16);
	fake_program_close(&program[2]);
	fake_hub_close(&hub);
}

/* As VMware gives them out: a signed number would be below 0. */
#define NEW_ID 0x8bd824a9

TEST(new_id, "a guest with a new id is told, and its things come along")
{
	const struct vqp_handle bell = { 16, 1030 }, moved = { NEW_ID, 1030 };
	const struct vqp_handle endpoint = { 2, 1 }, old = { 16, 5 };
	const struct vqp_qpair_request request = { .handle = { 2, 1024 },
	    .peer = 16, .produce_size = 10, .consume_size = 10 };
	const struct fake_qpair qpair = { .handle = { 2, 1024 }, .peer = 2,
	    .produce = 10, .consume = 10 };
	struct vqp_event_context event;
	struct fake_program host;
	struct fake_guest guest;

	fake_hub_open(&hub, NULL);
	fake_guest_open(&guest, &hub, 16, ALL);
	fake_program_open(&host, &hub, 2, 0);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(500)), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell, 3), VQP_SUCCESS);
	CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
	    VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_device_set_cid(guest.device, 16), VQP_SUCCESS);
	CHECK_EQ(vqp_device_set_cid(guest.device, 2), VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(vqp_device_set_cid(guest.device, VQP_CONTEXT_ANY),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(vqp_device_set_cid(guest.device, NEW_ID), VQP_SUCCESS);
	CHECK_EQ(vqp_device_cid(guest.device), NEW_ID);
	CHECK_EQ(fake_receive(&guest, &event, sizeof(event)), 40);
	CHECK_EQ(event.header.event, VQP_EVENT_CTX_ID_UPDATE);
	CHECK_EQ(event.context, NEW_ID);
	CHECK_EQ(event.header.datagram.dst.context, NEW_ID);
	CHECK_EQ((uint32_t)fake_hypercall(&guest,
	    VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0), NEW_ID);
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_HIGH), 0);
	/* A datagram from before the event was read. */
	CHECK_EQ(fake_send(&guest, endpoint, old, NULL, 0), 24);
	CHECK_EQ(host.last.src.context, NEW_ID);
	CHECK_EQ(vqp_program_ring(host.program, bell), VQP_ERROR_NOT_FOUND);
	CHECK_EQ(vqp_program_ring(host.program, moved), VQP_SUCCESS);
	CHECK_EQ(guest.memory[500 * FAKE_PAGE + 3], 1);
	CHECK_EQ(fake_handle_call(&guest, VQP_HYPERCALL_DOORBELL_UNLINK, bell),
	    VQP_SUCCESS);
	/* The id before is believed, those before that one are not. */
	CHECK_EQ(vqp_device_set_cid(guest.device, NEW_ID + 1), VQP_SUCCESS);
	CHECK_EQ(fake_send(&guest, endpoint, moved, NULL, 0), 24);
	CHECK_EQ(host.last.src.context, NEW_ID + 1);
	CHECK_EQ(fake_send(&guest, endpoint, old, NULL, 0),
	    VQP_ERROR_NO_ACCESS);
	/* The pair that waits for the guest knows it still. */
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_SUCCESS_ATTACHED);
	/* A driver that begins anew has had no other id. */
	vqp_device_reset(guest.device);
	CHECK_EQ(fake_send(&guest, endpoint, moved, NULL, 0),
	    VQP_ERROR_NO_ACCESS);
	fake_program_close(&host);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

TEST(other_calls, "a program without functions hears nothing and harms nobody")
{
	const struct vqp_context_config config = { 2, 0, 0 };
	const struct vqp_program_calls calls = { .context = NULL };
	const struct fake_qpair qpair = { .handle = { 16, 1024 }, .peer = 2,
	    .produce = 10, .consume = 10 };
	const struct vqp_qpair_request request = { .handle = { 16, 1024 },
	    .peer = 16, .produce_size = 10, .consume_size = 10 };
	const struct vqp_handle endpoint = { 2, 1 }, src = { 16, 1 };
	struct vqp_qpair_memory memory;
	struct vqp_qpair_indexes indexes;
	struct vqp_program *program;
	struct fake_guest guest;

	fake_hub_open(&hub, NULL);
	fake_guest_open(&guest, &hub, 16, ALL);
	CHECK_EQ(vqp_program_create(hub.hub, &config, &calls, &program),
	    VQP_SUCCESS);
	CHECK_EQ(fake_send(&guest, endpoint, src, NULL, 0),
	    VQP_ERROR_INVALID_RESOURCE);
	CHECK_EQ(vqp_program_link(program, 1), VQP_SUCCESS);
	CHECK_EQ(fake_handle_call(&guest, VQP_HYPERCALL_DOORBELL_NOTIFY,
	    endpoint), VQP_SUCCESS);
	CHECK_EQ(vqp_program_qpair_memory(program, qpair.handle, &memory),
	    VQP_ERROR_NOT_FOUND);
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_program_qpair_indexes(program, qpair.handle, &indexes),
	    VQP_ERROR_NOT_ATTACHED);
	CHECK_EQ(vqp_program_qpair_alloc(program, &request),
	    VQP_SUCCESS_ATTACHED);
	CHECK_EQ(fake_qpair_detach(&guest, qpair.handle), VQP_SUCCESS);
	vqp_program_destroy(program);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

/* All that a program may ask for, while it is being unplugged. */
static unsigned refused;

static void
ask_at_the_end(struct fake_program *program, const char *call)
{
	const struct vqp_handle own = { 2, 1 }, other = { 16, 1 };
	const struct vqp_datagram datagram = { other, own, 0 };
	const struct vqp_qpair_request request = { .handle = { 2, 77 },
	    .peer = 16, .produce_size = 10, .consume_size = 10 };

	if (strcmp(call, "no memory") != 0)
		return;
	refused += vqp_program_link(program->program, 1) ==
	    VQP_ERROR_UNAVAILABLE;
	refused += vqp_program_ring(program->program, other) ==
	    VQP_ERROR_UNAVAILABLE;
	refused += vqp_program_send(program->program, &datagram, NULL) ==
	    VQP_ERROR_UNAVAILABLE;
	refused += vqp_program_qpair_alloc(program->program, &request) ==
	    VQP_ERROR_UNAVAILABLE;
	vqp_program_destroy(program->program);	/* which is under way */
}

TEST(asks_at_the_end, "a program that is being unplugged gets nothing new")
{
	const struct fake_qpair qpair = { .handle = { 16, 1024 }, .peer = 2,
	    .produce = 10, .consume = 10 };
	const struct vqp_qpair_request request = { .handle = { 16, 1024 },
	    .peer = 16, .produce_size = 10, .consume_size = 10 };
	struct fake_program program;
	struct fake_guest guest;

	fake_hub_open(&hub, NULL);
	fake_guest_open(&guest, &hub, 16, ALL);
	fake_program_open(&program, &hub, 2, 0);
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_SUCCESS_CREATED);
	CHECK_EQ(vqp_program_qpair_alloc(program.program, &request),
	    VQP_SUCCESS_ATTACHED);
	refused = 0;
	program.hook = ask_at_the_end;
	fake_program_close(&program);
	CHECK_EQ(refused, 4);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

TEST(ends_in_a_row, "who is being unplugged is told of no other's end")
{
	struct vqp_qpair_request request = { .handle = { 20, 1 }, .peer = 21,
	    .produce_size = 10, .shared = &request };
	struct fake_program going, other;

	fake_hub_open(&hub, NULL);
	fake_program_open(&going, &hub, 20, 0);
	fake_program_open(&other, &hub, 21, 0);
	/* Two pairs between two programs. */
	for (; request.handle.resource < 3; request.handle.resource++) {
		struct vqp_qpair_request crossed = { .handle = request.handle,
		    .peer = 20, .consume_size = 10 };

		CHECK_EQ(vqp_program_qpair_alloc(going.program, &request),
		    VQP_SUCCESS_CREATED);
		CHECK_EQ(vqp_program_qpair_alloc(other.program, &crossed),
		    VQP_SUCCESS_ATTACHED);
	}
	/* At the end of one the other goes, too: the second pair with it. */
	going.events = 0;
	other.hook = destroy_other;
	other.hook_arg = &other;
	fake_program_close(&going);
	CHECK_EQ(going.events, 0);
	CHECK(other.program == NULL);
	fake_hub_close(&hub);
}

static void *
no_memory(void *context, size_t bytes)
{
	(void)context, (void)bytes;
	return NULL;
}

static void
no_free(void *context, void *memory, size_t bytes)
{
	(void)context, (void)memory, (void)bytes;
}

TEST(no_hub, "a hub without memory or functions, or with limits too large")
{
	const struct vqp_hub_limits limits = {
		.qpair_bytes = VQP_QPAIR_BYTES_MAX + 1,
	};
	struct vqp_hub_host host = { .alloc = no_memory, .free = no_free };
	struct vqp_hub *made = NULL;

	CHECK_EQ(vqp_hub_create(&host, NULL, &made), VQP_ERROR_NO_MEM);
	CHECK_EQ(vqp_hub_create(&host, &limits, &made),
	    VQP_ERROR_INVALID_ARGS);
	host.free = NULL;
	CHECK_EQ(vqp_hub_create(&host, NULL, &made), VQP_ERROR_INVALID_ARGS);
	host = (struct vqp_hub_host){ .free = no_free };
	CHECK_EQ(vqp_hub_create(&host, NULL, &made), VQP_ERROR_INVALID_ARGS);
	CHECK(made == NULL);
}

TEST_MAIN()
