/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams and hypercalls of a device, through the port and by DMA: part C of
 * the hostile-peer matrix as far as a device can be lied to, and F 77.
 */
#include <stdlib.h>

#include "fake_host.h"
#include "test.h"

#define ALL (VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64)
#define DMA (ALL | VQP_CAP_DMA_DATAGRAM)

static const struct vqp_handle endpoint = { VQP_CONTEXT_HOST, 5000 };
static const struct vqp_handle hypervisor = { 0, 15 };
static const struct vqp_handle anybody = { VQP_INVALID_ID, VQP_INVALID_ID };
static const struct vqp_handle own = { 16, 1030 };

/* With eight bytes more. */
static const struct vqp_datagram short_one = { { VQP_CONTEXT_HOST, 5000 },
    { 16, 1030 }, 8 };

static struct fake_hub hub;
static struct fake_guest guest;
static struct fake_program host;
static uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 8];
static uint8_t got[VQP_DATAGRAM_BYTES_MAX];

static void
open_all(uint32_t caps, const struct vqp_hub_limits *limits)
{
	fake_hub_open(&hub, limits);
	fake_guest_open(&guest, &hub, 16, caps);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, 0);
	guest.dma = (caps & VQP_CAP_DMA_DATAGRAM) != 0;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + 1);
}

static void
close_all(void)
{
	fake_program_close(&host);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

static int64_t
host_sends(uint64_t payload_size)
{
	const struct vqp_datagram datagram = {
		.dst = { 16, 1024 }, .src = endpoint,
		.payload_size = payload_size,
	};

	return vqp_program_send(host.program, &datagram, payload);
}

TEST(query, "RESOURCES_QUERY has a bit for each hypercall there is")
{
	uint32_t ask[2 + 32] = { 31 };

	open_all(ALL, NULL);
	for (uint32_t i = 0; i < 31; i++)
		ask[2 + i] = i;
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 8 + 31 * 4), 0xc3f);
	ask[0] = 1;
	ask[2] = VQP_HYPERCALL_GET_CONTEXT_ID;
	ask[1] = 0xdeadbeef;		/* reserved: never read */
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 12), 1);
	ask[0] = 0;
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 8), 0);
	/* F 73: cut short, too long, too many. */
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 7), VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 12), VQP_ERROR_INVALID_ARGS);
	ask[0] = 2;
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 12), VQP_ERROR_INVALID_ARGS);
	ask[0] = 32;
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 8 + 32 * 4),
	    VQP_ERROR_INVALID_ARGS);
	ask[0] = UINT32_MAX;
	CHECK_EQ(fake_hypercall(&guest, 0, ask, 8 + 31 * 4),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_HYPERCALL), 5);
	close_all();
}

TEST(every_length, "a hypercall of a length that is not its own is refused")
{
	static const uint64_t right[VQP_HYPERCALL_COUNT] = {
		[VQP_HYPERCALL_SET_NOTIFY_BITMAP] = 8,
		[VQP_HYPERCALL_DOORBELL_LINK] = 16,
		[VQP_HYPERCALL_DOORBELL_UNLINK] = 8,
		[VQP_HYPERCALL_DOORBELL_NOTIFY] = 8,
		[VQP_HYPERCALL_QPAIR_ALLOC] = 10000,
		[VQP_HYPERCALL_QPAIR_DETACH] = 8,
	};

	open_all(ALL, NULL);
	for (uint32_t call = 1; call < 18; call++) {
		for (uint64_t n = 0; n < 80; n++) {
			const int32_t result = fake_hypercall(&guest, call,
			    payload, n);

			if (call == VQP_VSOCK_RESOURCE_HYPERVISOR)
				CHECK_EQ(result, 24 + (int32_t)n);
			else if (call >= VQP_HYPERCALL_COUNT ||
			    (call >= VQP_HYPERCALL_DATAGRAM_REQUEST_MAP &&
			    call <= VQP_HYPERCALL_EVENT_UNSUBSCRIBE))
				CHECK_EQ(result, VQP_ERROR_INVALID_RESOURCE);
			else if (n != right[call] &&
			    (call != VQP_HYPERCALL_QPAIR_ALLOC || n < 40))
				CHECK_EQ(result, VQP_ERROR_INVALID_ARGS);
		}
	}
	close_all();
}

TEST(pieces, "DATA_OUT in pieces of any size is the same datagram")
{
	const uint64_t sizes[] = { 0, 1, 7, 8, 4096, 69608 };

	for (uint64_t cut = 1; cut < 60; cut += cut < 30 ? 1 : 7) {
		open_all(ALL, NULL);
		for (size_t i = 0; i < 6; i++) {
			const struct vqp_datagram datagram = { endpoint, own,
			    sizes[i] };
			uint8_t *all = malloc(24 + sizes[i]);

			memcpy(all, &datagram, 24);
			memcpy(all + 24, payload, sizes[i]);
			for (uint64_t at = 0; at < 24 + sizes[i]; at += cut)
				vqp_device_data_out(guest.device, all + at,
				    24 + sizes[i] - at < cut ?
				    24 + sizes[i] - at : cut);
			CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_LOW),
			    24 + sizes[i]);
			CHECK_EQ(host.last.payload_size, sizes[i]);
			CHECK_EQ(memcmp(host.payload, payload, sizes[i]), 0);
			free(all);
		}
		CHECK_EQ(host.datagrams, 6);
		close_all();
	}
	open_all(ALL, NULL);
	guest.by_bytes = true;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 100), 124);
	CHECK_EQ(host.last.src.resource, 1030);
	/* Four bytes at once, as a wide port access has them. */
	guest.by_bytes = false;
	for (int i = 0; i < 4; i++)
		vqp_device_write(guest.device, VQP_REG_DATA_OUT, 4,
		    i < 2 ? (i == 1 ? VQP_HYPERCALL_GET_CONTEXT_ID : 0) :
		    UINT32_MAX);
	vqp_device_write(guest.device, VQP_REG_DATA_OUT, 4, 0);
	vqp_device_write(guest.device, VQP_REG_DATA_OUT, 2, 0);
	vqp_device_write(guest.device, VQP_REG_DATA_OUT, 2, 0);
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_LOW), 16);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), 0);
	close_all();
}

TEST(both_ways, "a datagram arrives whole, through the port and by DMA")
{
	for (int dma = 0; dma < 2; dma++) {
		open_all(dma ? DMA : ALL, NULL);
		for (uint64_t n = 0; n <= VQP_DATAGRAM_PAYLOAD_BYTES_MAX;
		    n += 1 + n * 3) {
			CHECK_EQ(fake_send(&guest, endpoint, own, payload, n),
			    24 + n);
			CHECK_EQ(host.last.src.context, 16);
			CHECK_EQ(host.last.src.resource, 1030);
			CHECK_EQ(host.last.dst.resource, 5000);
			CHECK_EQ(memcmp(host.payload, payload, n), 0);
			CHECK_EQ(host_sends(n), 24 + n);
			CHECK_EQ(fake_receive(&guest, got, sizeof(got)),
			    24 + n);
			CHECK_EQ(memcmp(got + 24, payload, n), 0);
		}
		close_all();
	}
}

TEST(refused_by_program, "what the receiving program answers is the result")
{
	open_all(ALL, NULL);
	host.answer = VQP_ERROR_INVALID_RESOURCE;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 10),
	    VQP_ERROR_INVALID_RESOURCE);
	host.answer = VQP_ERROR_NO_RESOURCES;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 10),
	    VQP_ERROR_NO_RESOURCES);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_REFUSED_BY_PEER), 2);
	host.answer = 77;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 10), 34);
	close_all();
}

/* C 46, 47, 48 */
TEST(lying_lengths, "C 46-48: a length beyond the maximum is answered, swallowed")
{
	static const uint64_t lies[] = {
		VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1, 100000, 262209,
		UINT64_C(1) << 30, UINT64_C(0xffffffe8), UINT64_MAX - 23,
		UINT64_MAX - 7, UINT64_C(1) << 63, UINT64_MAX,
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		for (int call = 0; call < 3; call++) {
			struct vqp_datagram datagram = { endpoint, anybody,
			    lies[i] };
			uint64_t left = lies[i];

			open_all(ALL, NULL);
			if (call > 0)
				datagram.dst.context = 0;
			if (call == 1)
				datagram.dst.resource = 0;
			if (call == 2)
				datagram.dst.resource =
				    VQP_HYPERCALL_QPAIR_ALLOC;
			hub.largest = 0;
			vqp_device_data_out(guest.device, &datagram, 24);
			if (call == 2 && lies[i] <= 262208) {
				CHECK_EQ(hub.largest, 24 + lies[i]);
				close_all();
				continue;
			}
			/* At once, and without memory for it. */
			CHECK_EQ((int32_t)fake_read32(&guest,
			    VQP_REG_RESULT_LOW), VQP_ERROR_PAYLOAD_TOO_LARGE);
			CHECK_EQ(hub.largest, 0);
			CHECK_EQ(fake_count(&guest, VQP_COUNT_OVERSIZE), 1);
			CHECK_EQ(host.datagrams, 0);
			if (left <= UINT64_C(1) << 20) {
				while (left > 60000) {
					vqp_device_data_out(guest.device,
					    payload, 60000);
					left -= 60000;
				}
				/* Its end, and the next, in one piece. */
				memcpy(got, payload, left);
				memcpy(got + left, &short_one, 24);
				memset(got + left + 24, 0, 8);
				vqp_device_data_out(guest.device, got,
				    left + 32);
				CHECK_EQ(fake_read32(&guest,
				    VQP_REG_RESULT_LOW), 32);
				CHECK_EQ(host.datagrams, 1);
			} else {
				/* Nobody can send as much: a reset helps. */
				vqp_device_data_out(guest.device, payload,
				    sizeof(payload));
				fake_write32(&guest, VQP_REG_CONTROL,
				    VQP_CONTROL_RESET);
			}
			CHECK_EQ(fake_hypercall(&guest,
			    VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0), 16);
			close_all();
		}
	}
}

TEST(no_memory_for_large, "a large hypercall without memory is swallowed too")
{
	const struct vqp_datagram datagram = { { 0, VQP_HYPERCALL_QPAIR_ALLOC },
	    anybody, 131124 };

	open_all(ALL & ~VQP_CAP_PPN64, NULL);
	hub.fail_after = 0;
	/* A small one, the first of all too, needs none. */
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	vqp_device_data_out(guest.device, &datagram, 24);
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_NO_MEM);
	hub.fail_after = -1;
	for (int i = 0; i < 131124; i += 4)
		vqp_device_data_out(guest.device, payload, 4);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	close_all();
}

/* C 49 */
TEST(empty_datagram, "C 49: a datagram of its header alone is delivered")
{
	open_all(ALL, NULL);
	CHECK_EQ(fake_send(&guest, endpoint, own, NULL, 0), 24);
	CHECK_EQ(host.datagrams, 1);
	CHECK_EQ(host_sends(0), 24);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 24);
	close_all();
}

/* C 51 */
TEST(sources, "C 51: a source is our own or ANY, and leaves as our own")
{
	static const uint32_t lies[] = { 0, 1, 2, 15, 17, 0x7fffffff,
	    0xfffffffe };
	struct vqp_handle src = { 0, 1030 };

	for (int dma = 0; dma < 2; dma++) {
		open_all(dma ? DMA : ALL, NULL);
		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			src.context = lies[i];
			CHECK_EQ(fake_send(&guest, endpoint, src, payload, 8),
			    VQP_ERROR_NO_ACCESS);
			CHECK_EQ(fake_send(&guest, (struct vqp_handle){ 0, 1 },
			    src, NULL, 0), VQP_ERROR_NO_ACCESS);
		}
		CHECK_EQ(fake_count(&guest, VQP_COUNT_SPOOFED_SOURCE), 14);
		CHECK_EQ(host.datagrams, 0);
		src.context = VQP_CONTEXT_ANY;
		CHECK_EQ(fake_send(&guest, endpoint, src, payload, 8), 32);
		CHECK_EQ(host.last.src.context, 16);
		CHECK_EQ(host.last.src.resource, 1030);
		CHECK_EQ(fake_send(&guest, endpoint, anybody, payload, 8), 32);
		CHECK_EQ(host.last.src.context, 16);
		/* Of a program the same. */
		CHECK_EQ(vqp_program_send(host.program, &(struct vqp_datagram){
		    .dst = { 16, 1 }, .src = { 0, 0 } }, NULL),
		    VQP_ERROR_NO_ACCESS);
		CHECK_EQ(vqp_program_count(host.program,
		    VQP_COUNT_SPOOFED_SOURCE), 1);
		close_all();
	}
}

TEST(to_hypervisor,
    "docs/wire.md 14: packets to {0, 15} reach the host's program and no other")
{
	struct fake_program other;

	for (int dma = 0; dma < 2; dma++) {
		open_all(dma ? DMA : ALL, NULL);
		fake_program_open(&other, &hub, 17, 0);
		CHECK_EQ(fake_send(&guest, hypervisor, own, payload, 32), 56);
		CHECK_EQ(host.last.dst.context, 0);
		CHECK_EQ(host.last.dst.resource, 15);
		CHECK_EQ(host.last.src.context, 16);
		CHECK_EQ(host.last.src.resource, 1030);
		CHECK_EQ(memcmp(host.payload, payload, 32), 0);
		host.answer = VQP_ERROR_INVALID_RESOURCE;
		CHECK_EQ(fake_send(&guest, hypervisor, own, payload, 32),
		    VQP_ERROR_INVALID_RESOURCE);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_REFUSED_BY_PEER), 1);
		CHECK_EQ(host.datagrams, 2);
		/* What else context 0 has stays a hypercall, known or not. */
		for (uint32_t call = 0; call < 32; call++)
			if (call != 15)
				fake_hypercall(&guest, call, payload, 32);
		CHECK_EQ(host.datagrams, 2);
		CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID,
		    NULL, 0), 16);
		if (!dma) {
			CHECK_EQ(fake_send(&guest, hypervisor, own, payload,
			    VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1),
			    VQP_ERROR_PAYLOAD_TOO_LARGE);
		}
		fake_program_close(&host);
		/* A guest's connect() calls this EHOSTUNREACH. */
		CHECK_EQ(fake_send(&guest, hypervisor, own, payload, 32),
		    VQP_ERROR_INVALID_RESOURCE);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_UNREACHABLE), 1);
		fake_program_open(&host, &hub, VQP_CONTEXT_HOST,
		    VQP_PRIVILEGE_RESTRICTED);
		CHECK_EQ(fake_send(&guest, hypervisor, own, payload, 32),
		    VQP_ERROR_NO_ACCESS);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_DENIED), 1);
		CHECK_EQ(host.datagrams + other.datagrams, 0);
		fake_program_close(&other);
		close_all();
	}
}

static int64_t
sends_as(struct fake_program *program, struct vqp_handle src,
    struct vqp_handle dst)
{
	const struct vqp_datagram datagram = { dst, src, 32 };

	return vqp_program_send(program->program, &datagram, payload);
}

/* C 51 */
TEST(as_hypervisor,
    "C 51: the host alone is {0, 15}, and to a guest's control port alone")
{
	static const struct {
		struct vqp_handle src, dst;
		int64_t result;
	} row[] = {
		{ { 0, 15 }, { 16, 1 }, 56 },
		{ { 0, 15 }, { 16, 0 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 15 }, { 16, 2 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 15 }, { 16, 15 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 15 }, { 16, VQP_INVALID_ID }, VQP_ERROR_NO_ACCESS },
		{ { 0, 0 }, { 16, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 1 }, { 16, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 14 }, { 16, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 0, VQP_INVALID_ID }, { 16, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 1, 15 }, { 16, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 15 }, { 17, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 15 }, { 2, 1 }, VQP_ERROR_NO_ACCESS },
		{ { 0, 15 }, { 99, 1 }, VQP_ERROR_DST_UNREACHABLE },
		{ { 0, 15 }, { VQP_INVALID_ID, 1 }, VQP_ERROR_INVALID_ARGS },
		{ { 2, 15 }, { 0, 15 }, VQP_ERROR_DST_UNREACHABLE },
	};
	const struct vqp_handle port = { 16, 1 }, to_host = { 2, 1 };
	struct fake_program other;
	struct vqp_datagram datagram;
	uint64_t spoofed = 0;

	open_all(ALL, NULL);
	fake_program_open(&other, &hub, 17, 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		CHECK_EQ(sends_as(&host, row[i].src, row[i].dst),
		    row[i].result);
		spoofed += row[i].result == VQP_ERROR_NO_ACCESS;
	}
	CHECK_EQ(vqp_program_count(host.program, VQP_COUNT_SPOOFED_SOURCE),
	    spoofed);
	CHECK_EQ(host.datagrams + other.datagrams, 0);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 56);
	memcpy(&datagram, got, sizeof(datagram));
	CHECK_EQ(datagram.src.context, 0);
	CHECK_EQ(datagram.src.resource, 15);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 0);
	CHECK_EQ(sends_as(&other, hypervisor, port), VQP_ERROR_NO_ACCESS);
	CHECK_EQ(vqp_program_count(other.program, VQP_COUNT_SPOOFED_SOURCE),
	    1);
	/* Not a guest either, to the host, to itself or to the hypervisor. */
	CHECK_EQ(fake_send(&guest, to_host, hypervisor, payload, 32),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(fake_send(&guest, port, hypervisor, payload, 32),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(fake_send(&guest, hypervisor, hypervisor, payload, 32),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_SPOOFED_SOURCE), 3);
	CHECK_EQ(host.datagrams, 0);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 0);
	fake_program_close(&other);
	close_all();
}

/* C 52 */
TEST(destinations, "C 52: wildcards and strangers receive nothing")
{
	open_all(ALL, NULL);
	CHECK_EQ(fake_send(&guest, anybody, own, payload, 8),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_send(&guest, (struct vqp_handle){ 2, VQP_INVALID_ID },
	    own, payload, 8), VQP_ERROR_INVALID_RESOURCE);
	/* Towards a guest it would read as the end of the stream. */
	CHECK_EQ(fake_send(&guest, (struct vqp_handle){ 16, VQP_INVALID_ID },
	    own, payload, 8), VQP_ERROR_INVALID_RESOURCE);
	CHECK_EQ(fake_send(&guest, (struct vqp_handle){ 1, 1 }, own, payload,
	    8), VQP_ERROR_DST_UNREACHABLE);
	CHECK_EQ(fake_send(&guest, (struct vqp_handle){ 17, 1 }, own, payload,
	    8), VQP_ERROR_DST_UNREACHABLE);
	CHECK_EQ(host.datagrams, 0);
	/* To itself: the device loops it. */
	CHECK_EQ(fake_send(&guest, (struct vqp_handle){ 16, 1 }, own, payload,
	    8), 32);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 32);
	CHECK_EQ(vqp_program_send(host.program, &(struct vqp_datagram){
	    .dst = { 0, 1 }, .src = { 2, 0 } }, NULL),
	    VQP_ERROR_DST_UNREACHABLE);
	CHECK_EQ(vqp_program_send(host.program, &(struct vqp_datagram){
	    .dst = { 16, 1 }, .src = { 2, 0 },
	    .payload_size = VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1 }, payload),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
	close_all();
}

/* C 54 */
TEST(flood, "C 54: bytes are bounded, events have their reserve, order is kept")
{
	struct vqp_datagram datagram;
	uint32_t event;
	uint64_t n = 0, events = 0;

	open_all(ALL, NULL);
	while (host_sends(1000) > 0)
		n++;
	/* 1024 bytes each: the next would reach 139264. */
	CHECK_EQ(n, 135);
	CHECK_EQ(hub.logged, VQP_COUNT_QUEUE_LIMIT);
	CHECK_EQ(hub.logged_status, VQP_ERROR_NO_RESOURCES);
	CHECK_EQ(hub.logged_cid, 16);
	for (int i = 0; i < 100000; i++) {
		CHECK_EQ(vqp_device_set_cid(guest.device,
		    i % 2 == 0 ? 17 : 16), VQP_SUCCESS);
	}
	CHECK_EQ(fake_count(&guest, VQP_COUNT_EVENT_LIMIT), 100000 - 1024);
	CHECK(hub.taken < 135 + 1024 + 16);
	/* Ordinary ones first, for they came first. */
	for (uint64_t i = 0; i < n; i++)
		CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 1024);
	while (fake_receive(&guest, got, sizeof(got)) != 0) {
		memcpy(&datagram, got, sizeof(datagram));
		memcpy(&event, got + 24, 4);
		CHECK_EQ(datagram.src.context, 0);
		CHECK_EQ(datagram.src.resource, 0);
		CHECK_EQ(datagram.dst.resource, 0);
		CHECK_EQ(event, events < 1024 ? VQP_EVENT_CTX_ID_UPDATE :
		    VQP_EVENT_QP_RESUMED);
		events++;
	}
	/* What was lost is told in one: look for yourself. */
	CHECK_EQ(events, 1025);
	CHECK_EQ(host_sends(1000), 1024);
	close_all();
}

TEST(flood_and_reset, "a reset gives the queue back, and tells of no loss before")
{
	const struct vqp_hub_limits limits = { .event_count = 3,
	    .queue_bytes = 5000 };

	open_all(ALL, &limits);
	for (int round = 0; round < 3; round++) {
		fake_write32(&guest, VQP_REG_CAPS, ALL);
		for (uint32_t i = 0; i < 6; i++)
			CHECK_EQ(vqp_device_set_cid(guest.device, 17 - i % 2),
			    VQP_SUCCESS);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_EVENT_LIMIT),
		    3 * ((unsigned)round + 1));
		for (uint32_t i = 0; i < 5; i++)
			CHECK_EQ(host_sends(1000), i < 4 ? 1024 :
			    (int)VQP_ERROR_NO_RESOURCES);
		vqp_device_reset(guest.device);
	}
	fake_write32(&guest, VQP_REG_CAPS, ALL);
	CHECK_EQ(vqp_device_set_cid(guest.device, 17), VQP_SUCCESS);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 40);
	CHECK_EQ(got[24], VQP_EVENT_CTX_ID_UPDATE);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 0);
	close_all();
}

TEST(one_message_limit, "a queue takes two of the largest datagrams less a byte")
{
	open_all(ALL, NULL);
	CHECK_EQ(host_sends(VQP_DATAGRAM_PAYLOAD_BYTES_MAX), 69632);
	CHECK_EQ(host_sends(VQP_DATAGRAM_PAYLOAD_BYTES_MAX),
	    VQP_ERROR_NO_RESOURCES);
	CHECK_EQ(host_sends(VQP_DATAGRAM_PAYLOAD_BYTES_MAX - 1), 69631);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 69632);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 69631);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 0);
	close_all();
}

/*
 * ---- DMA.
 */

static void
put_operation(uint64_t page, uint32_t busy, uint32_t opcode, uint32_t size)
{
	const struct vqp_dma_operation operation = { .busy = busy,
	    .opcode = opcode, .size = size, .result = 0x1122334455667788 };

	memcpy(guest.memory + page * FAKE_PAGE, &operation, 24);
}

static void
put_element(uint64_t page, unsigned i, uint64_t address, uint64_t length)
{
	const struct vqp_dma_element element = { address, length };

	memcpy(guest.memory + page * FAKE_PAGE + 24 + 16 * i, &element, 16);
}

static struct vqp_dma_operation
get_operation(uint64_t page)
{
	struct vqp_dma_operation operation;

	memcpy(&operation, guest.memory + page * FAKE_PAGE, 24);
	return operation;
}

static void
start(enum vqp_reg reg, uint64_t page)
{
	fake_write32(&guest, reg, (uint32_t)(FAKE_BASE + page * FAKE_PAGE));
}

TEST(dma_hypercalls, "DMA: the result is in the register and in the header")
{
	struct vqp_datagram datagram = { { 0, 1 }, anybody, 0 };

	open_all(DMA, NULL);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	CHECK_EQ(fake_hypercall(&guest, 16, NULL, 0),
	    VQP_ERROR_INVALID_RESOURCE);
	/* Gathered from three pieces. */
	put_operation(1, 1, VQP_DMA_SCATTER, 4);
	put_element(1, 0, FAKE_BASE + 2 * FAKE_PAGE + 4090, 6);
	put_element(1, 1, FAKE_BASE + 7 * FAKE_PAGE, 0);
	put_element(1, 2, FAKE_BASE + 3 * FAKE_PAGE, 17);
	put_element(1, 3, FAKE_BASE + 5 * FAKE_PAGE, 1);
	memcpy(guest.memory + 2 * FAKE_PAGE + 4090, &datagram, 6);
	memcpy(guest.memory + 3 * FAKE_PAGE, (uint8_t *)&datagram + 6, 17);
	memcpy(guest.memory + 5 * FAKE_PAGE, (uint8_t *)&datagram + 23, 1);
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_LOW), 16);
	CHECK_EQ(get_operation(1).busy, 0);
	CHECK_EQ(get_operation(1).result, 16);
	close_all();
}

/* F 77 */
TEST(dma_garbage, "F 77: garbage in a DMA header moves nothing it does not say")
{
	static const struct {
		uint32_t opcode, size;
	} bad[] = {
		{ 2, 24 }, { UINT32_MAX, 24 }, { 0, 0 }, { 0, 23 }, { 0, 25 },
		{ 0, UINT32_MAX }, { 1, 0 }, { 1, 1 }, { 1, UINT32_MAX },
		{ 0, 262233 },
	};
	const struct vqp_datagram datagram = { { 0, 1 }, anybody, 0 };

	open_all(DMA, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_operation(1, 0xdeadbeef, bad[i].opcode, bad[i].size);
		memcpy(guest.memory + FAKE_PAGE + 24, &datagram, 24);
		start(VQP_REG_DATA_OUT_LOW, 1);
		CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(get_operation(1).busy, 0);
		CHECK_EQ((int64_t)get_operation(1).result, (int32_t)
		    fake_read32(&guest, VQP_REG_RESULT_LOW));
	}
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_DMA), 10);
	/* A datagram that says it is longer, or shorter, than the operation. */
	put_operation(1, 1, VQP_DMA_INLINE, 32);
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ((int32_t)get_operation(1).result, VQP_ERROR_INVALID_ARGS);
	/* A header that is there, and a payload that is not. */
	put_operation(1, 1, VQP_DMA_SCATTER, 2);
	put_element(1, 0, FAKE_BASE + 2 * FAKE_PAGE, 24);
	put_element(1, 1, FAKE_BASE - 8, 8);
	memcpy(guest.memory + 2 * FAKE_PAGE, &short_one, 24);
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ((int32_t)get_operation(1).result, VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(host.datagrams, 0);
	put_element(1, 1, FAKE_BASE, 8);
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ(get_operation(1).result, 32);
	CHECK_EQ(host.datagrams, 1);
	/* No memory there, or at the end of all addresses. */
	fake_write32(&guest, VQP_REG_DATA_OUT_HIGH, 1);
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_INVALID_ARGS);
	fake_write32(&guest, VQP_REG_DATA_OUT_HIGH, UINT32_MAX);
	fake_write32(&guest, VQP_REG_DATA_IN_HIGH, UINT32_MAX);
	for (uint32_t low = 0xffffffff; low > 0xffffffc0; low--) {
		fake_write32(&guest, VQP_REG_DATA_OUT_LOW, low);
		fake_write32(&guest, VQP_REG_DATA_IN_LOW, low);
	}
	CHECK_EQ(guest.interrupts[2], 0);
	CHECK(fake_count(&guest, VQP_COUNT_BAD_ADDRESS) > 64);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_DMA), 11);
	close_all();
}

TEST(dma_suspended, "DMA of a guest that is away is refused, counted, untouched")
{
	const struct vqp_datagram datagram = { { 0, 1 }, anybody, 0 };
	const struct vqp_dma_operation *operation;
	uint64_t touches;

	open_all(DMA, NULL);
	operation = (const void *)(guest.memory + FAKE_PAGE);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	CHECK_EQ(host_sends(100), 124);
	put_operation(1, 1, VQP_DMA_INLINE, 24);
	memcpy(guest.memory + FAKE_PAGE + 24, &datagram, 24);
	vqp_device_suspend(guest.device);
	touches = guest.touches;
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_DMA), 1);
	start(VQP_REG_DATA_IN_LOW, 1);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_DMA), 2);
	CHECK_EQ(hub.logged_status, VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(guest.touches, touches);
	CHECK_EQ(operation->busy, 1);
	/* And it goes on where it was. */
	vqp_device_resume(guest.device, false);
	start(VQP_REG_DATA_OUT_LOW, 1);
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_LOW), 16);
	put_operation(1, 0, VQP_DMA_INLINE, 4000);
	start(VQP_REG_DATA_IN_LOW, 1);
	CHECK_EQ(get_operation(1).busy, 1);
	close_all();
}

/* A guest with DMA whose port lays out images, before it says its caps. */
static void
open_image(void)
{
	const struct vqp_device_config config = { .context = { .cid = 16 },
	    .generation = VQP_DEVICE_MMIO, .data_in = VQP_DATA_IN_IMAGE };

	fake_hub_open(&hub, NULL);
	CHECK_EQ(fake_guest_create(&guest, &hub, &config), VQP_SUCCESS);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, 0);
}

TEST(image_after_reset, "a reset in the midst of an image begins another")
{
	uint8_t page[4096];

	open_image();
	for (int round = 0; round < 3; round++) {
		fake_write32(&guest, VQP_REG_CAPS, ALL);
		CHECK_EQ(host_sends(round == 2 ? 0 : 1000),
		    round == 2 ? 24 : 1024);
		vqp_device_data_in(guest.device, page, 24 + 100 *
		    (unsigned)round);
		CHECK(page[4] != VQP_DATAGRAM_FILLER);
		vqp_device_reset(guest.device);
		memset(page, 0, sizeof(page));
		vqp_device_data_in(guest.device, page, 4096);
		for (int i = 0; i < 4096; i++)
			if (page[i] != VQP_DATAGRAM_FILLER) {
				CHECK_EQ(page[i], VQP_DATAGRAM_FILLER);
				break;
			}
	}
	close_all();
}

TEST(dma_large_pair, "DMA takes the page list of the largest queue pair")
{
	const struct fake_qpair qpair = { .handle = { 16, 1024 }, .peer = 2,
	    .produce = (64 << 20) + 1, .consume = (64 << 20) - 1 };
	const struct vqp_datagram half = { { 0, VQP_HYPERCALL_QPAIR_ALLOC },
	    anybody, 100000 };

	open_all(DMA, NULL);
	/* The port has half of one that is smaller. */
	vqp_device_data_out(guest.device, &half, sizeof(half));
	vqp_device_data_out(guest.device, payload, 100);
	CHECK_EQ(fake_qpair_alloc(&guest, &qpair), VQP_SUCCESS_CREATED);
	CHECK_EQ(fake_qpair_detach(&guest, qpair.handle),
	    VQP_SUCCESS_LAST_DETACH);
	close_all();
}

TEST(dma_receive, "DMA receive: whole datagrams, a terminator, one interrupt")
{
	struct vqp_datagram datagram;
	uint64_t n = 0;

	open_all(DMA, NULL);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(host_sends(1001), 1025);
	CHECK_EQ(host_sends(60000), 60024);
	/* Scattered over two pieces of odd sizes; four fit and a half. */
	memset(guest.memory + 10 * FAKE_PAGE, 0xee, 4 * FAKE_PAGE);
	put_operation(1, 0, VQP_DMA_SCATTER, 2);
	put_element(1, 0, FAKE_BASE + 10 * FAKE_PAGE, 4096 + 3);
	put_element(1, 1, FAKE_BASE + 12 * FAKE_PAGE, 500);
	guest.interrupts[0] = 0;
	start(VQP_REG_DATA_IN_LOW, 1);
	CHECK_EQ(get_operation(1).busy, 1);
	CHECK_EQ(guest.interrupts[2], 1);
	CHECK_EQ(guest.interrupts[0], 1);	/* more is waiting */
	memmove(guest.memory + 10 * FAKE_PAGE + 4099, guest.memory +
	    12 * FAKE_PAGE, 500);
	for (int i = 0; i < 4; i++) {
		uint8_t *at = guest.memory + 10 * FAKE_PAGE + i * 1032;

		memcpy(&datagram, at, 24);
		CHECK_EQ(datagram.payload_size, 1001);
		CHECK_EQ(memcmp(at + 24, payload, 1001), 0);
		for (int j = 1025; j < 1032; j++)
			CHECK_EQ(at[j], 0);
	}
	memcpy(&datagram, guest.memory + 10 * FAKE_PAGE + 4 * 1032, 24);
	CHECK_EQ(datagram.dst.resource, VQP_RESOURCE_ANY);
	/* Not a byte beyond the terminator. */
	for (int i = 4 * 1032 + 24; i < 4599; i++)
		n += guest.memory[10 * FAKE_PAGE + i] != 0xee;
	CHECK_EQ(n, 0);
	/* The rest. */
	put_operation(1, 0, VQP_DMA_SCATTER, 1);
	put_element(1, 0, FAKE_BASE + 10 * FAKE_PAGE, 69632);
	start(VQP_REG_DATA_IN_LOW, 1);
	memcpy(&datagram, guest.memory + 10 * FAKE_PAGE, 24);
	CHECK_EQ(datagram.payload_size, 1001);
	memcpy(&datagram, guest.memory + 10 * FAKE_PAGE + 1032, 24);
	CHECK_EQ(datagram.payload_size, 60000);
	/* Nothing waits: a terminator alone. */
	start(VQP_REG_DATA_IN_LOW, 1);
	memcpy(&datagram, guest.memory + 10 * FAKE_PAGE, 24);
	CHECK_EQ(datagram.dst.resource, VQP_RESOURCE_ANY);
	CHECK_EQ(guest.interrupts[2], 3);
	CHECK_EQ(guest.interrupts[0], 1);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_DMA_SHORT), 0);
	close_all();
}

TEST(dma_receive_short, "a posted buffer that is too small loses nothing")
{
	open_all(DMA, NULL);
	CHECK_EQ(host_sends(1000), 1024);
	guest.interrupts[0] = 0;
	for (uint32_t size = 0; size < 1024; size += 31) {
		put_operation(1, 0, VQP_DMA_INLINE, size);
		memset(guest.memory + FAKE_PAGE + 24, 0xee, 1200);
		start(VQP_REG_DATA_IN_LOW, 1);
		CHECK_EQ(get_operation(1).busy, 1);
		for (uint32_t i = size; i < 1100; i++)
			CHECK_EQ(guest.memory[FAKE_PAGE + 24 + i], 0xee);
	}
	CHECK_EQ(guest.interrupts[0], 0);	/* no storm */
	CHECK(fake_count(&guest, VQP_COUNT_DMA_SHORT) > 0);
	/* Where a page is missing, it stays in the queue too. */
	put_operation(1, 0, VQP_DMA_SCATTER, 2);
	put_element(1, 0, FAKE_BASE + 10 * FAKE_PAGE, 100);
	put_element(1, 1, 0, 69632);
	start(VQP_REG_DATA_IN_LOW, 1);
	put_element(1, 1, UINT64_MAX - 10, UINT64_MAX);
	start(VQP_REG_DATA_IN_LOW, 1);
	put_operation(1, 0, VQP_DMA_SCATTER, UINT32_MAX);
	put_operation(511, 0, VQP_DMA_SCATTER, UINT32_MAX);
	start(VQP_REG_DATA_IN_LOW, 511);
	put_operation(1, 0, VQP_DMA_INLINE, 1024);
	start(VQP_REG_DATA_IN_LOW, 1);
	CHECK_EQ(memcmp(guest.memory + FAKE_PAGE + 48, payload, 1000), 0);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_ADDRESS), 2);
	close_all();
}

/* C 50 */
TEST(dma_read_once, "C 50: DMA reads the header once, the rest once")
{
	open_all(DMA, NULL);
	guest.touches = 0;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 1000), 1024);
	/* Operation, header, payload; result, busy. */
	CHECK_EQ(guest.touches, 5);
	close_all();
}

TEST(dma_aborts_port, "a DMA operation gives up what the port has half of")
{
	open_all(DMA, NULL);
	vqp_device_data_out(guest.device, payload, 20);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	guest.dma = false;
	/* Of another length. */
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 8), 32);
	CHECK_EQ(host.last.payload_size, 8);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	close_all();
}

TEST(dma_ends_swallowing, "a DMA operation gives up what the port swallows")
{
	const struct vqp_datagram lie = { endpoint, own, 100000 };

	open_all(DMA, NULL);
	vqp_device_data_out(guest.device, &lie, sizeof(lie));
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	guest.dma = false;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 8), 32);
	close_all();
}

TEST(more_is_said, "who has read one datagram is told of the next")
{
	open_all(ALL, NULL);
	CHECK_EQ(host_sends(100), 124);
	CHECK_EQ(host_sends(100), 124);
	guest.interrupts[0] = 0;
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 124);
	CHECK(guest.interrupts[0] > 0);
	guest.interrupts[0] = 0;
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 124);
	CHECK_EQ(guest.interrupts[0], 0);
	close_all();
}

TEST(dma_drains_image, "DMA may take what the port has begun to lay out")
{
	uint8_t page[4096];

	open_image();
	fake_write32(&guest, VQP_REG_CAPS, DMA);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(host_sends(0), 24);
	vqp_device_data_in(guest.device, page, 24);
	put_operation(1, 0, VQP_DMA_INLINE, 4000);
	start(VQP_REG_DATA_IN_LOW, 1);
	vqp_device_data_in(guest.device, page + 24, 4096 - 24);
	for (int i = 24; i < 4096; i++)
		CHECK_EQ(page[i], VQP_DATAGRAM_FILLER);
	CHECK_EQ(host_sends(0), 24);
	vqp_device_data_in(guest.device, page, 4096);
	CHECK(page[4] != VQP_DATAGRAM_FILLER);
	close_all();
}

static void
echo(struct fake_program *program, const char *call)
{
	struct vqp_datagram datagram = {
		.dst = program->last.src, .src = program->last.dst,
		.payload_size = program->last.payload_size,
	};

	if (strcmp(call, "datagram") != 0)
		return;
	CHECK_EQ(vqp_program_send(program->program, &datagram,
	    program->payload), 24 + datagram.payload_size);
}

TEST(answer_at_once, "a program may answer a datagram while it is delivered")
{
	open_all(ALL, NULL);
	host.hook = echo;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 500), 524);
	CHECK_EQ(fake_receive(&guest, got, sizeof(got)), 524);
	CHECK_EQ(memcmp(got + 24, payload, 500), 0);
	close_all();
}

static void
leave(struct fake_program *program, const char *call)
{
	if (strcmp(call, "datagram") == 0)
		vqp_program_destroy(program->program);
}

TEST(leave_at_once, "a program may unplug while a datagram is delivered")
{
	open_all(ALL, NULL);
	host.hook = leave;
	host.answer = VQP_ERROR_INVALID_RESOURCE;
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 500),
	    VQP_ERROR_INVALID_RESOURCE);
	CHECK_EQ(fake_send(&guest, endpoint, own, payload, 500),
	    VQP_ERROR_DST_UNREACHABLE);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

TEST_MAIN()
