/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The wire against its reference.  The numbers and bytes below are written
 * out from docs/wire.md and never derived from the headers, so that a slip
 * there has to be made twice to go unseen.
 */
#include <string.h>

#include <vqp/status.h>
#include <vqp/wire.h>
#include <vqp/wire_device.h>

#include "test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROW(name, number) { name, number, #name }
static const struct {
	int64_t ours;
	int64_t number;
	const char *name;
} results[] = {
	ROW(VQP_SUCCESS_ATTACHED, 5),
	ROW(VQP_SUCCESS_CREATED, 4),
	ROW(VQP_SUCCESS_LAST_DETACH, 3),
	ROW(VQP_SUCCESS_ACCESS_GRANTED, 2),
	ROW(VQP_SUCCESS_ENTRY_DEAD, 1),
	ROW(VQP_SUCCESS, 0),
	ROW(VQP_ERROR_INVALID_RESOURCE, -1),
	ROW(VQP_ERROR_INVALID_ARGS, -2),
	ROW(VQP_ERROR_NO_MEM, -3),
	ROW(VQP_ERROR_DATAGRAM_FAILED, -4),
	ROW(VQP_ERROR_MORE_DATA, -5),
	ROW(VQP_ERROR_NO_MORE_DATAGRAMS, -6),
	ROW(VQP_ERROR_NO_ACCESS, -7),
	ROW(VQP_ERROR_NO_HANDLE, -8),
	ROW(VQP_ERROR_DUPLICATE_ENTRY, -9),
	ROW(VQP_ERROR_DST_UNREACHABLE, -10),
	ROW(VQP_ERROR_PAYLOAD_TOO_LARGE, -11),
	ROW(VQP_ERROR_INVALID_PRIV, -12),
	ROW(VQP_ERROR_GENERIC, -13),
	ROW(VQP_ERROR_PAGE_ALREADY_SHARED, -14),
	ROW(VQP_ERROR_CANNOT_SHARE_PAGE, -15),
	ROW(VQP_ERROR_CANNOT_UNSHARE_PAGE, -16),
	ROW(VQP_ERROR_NO_PROCESS, -17),
	ROW(VQP_ERROR_NO_DATAGRAM, -18),
	ROW(VQP_ERROR_NO_RESOURCES, -19),
	ROW(VQP_ERROR_UNAVAILABLE, -20),
	ROW(VQP_ERROR_NOT_FOUND, -21),
	ROW(VQP_ERROR_ALREADY_EXISTS, -22),
	ROW(VQP_ERROR_NOT_PAGE_ALIGNED, -23),
	ROW(VQP_ERROR_INVALID_SIZE, -24),
	ROW(VQP_ERROR_REGION_ALREADY_SHARED, -25),
	ROW(VQP_ERROR_TIMEOUT, -26),
	ROW(VQP_ERROR_DATAGRAM_INCOMPLETE, -27),
	ROW(VQP_ERROR_INCORRECT_IRQL, -28),
	ROW(VQP_ERROR_EVENT_UNKNOWN, -29),
	ROW(VQP_ERROR_OBSOLETE, -30),
	ROW(VQP_ERROR_MISMATCH, -31),
	ROW(VQP_ERROR_NOT_SET, -32),
	ROW(VQP_ERROR_NOT_OWNER, -33),
	ROW(VQP_ERROR_NOT_ATTACHED, -34),
	ROW(VQP_ERROR_NO_SPACE, -35),
	ROW(VQP_ERROR_NO_DATA, -36),
	ROW(VQP_ERROR_BUSMEM_INVALIDATION, -37),
	ROW(VQP_ERROR_MODULE_NOT_LOADED, -38),
	ROW(VQP_ERROR_DEVICE_NOT_FOUND, -39),
	ROW(VQP_ERROR_NOT_READY, -40),
	ROW(VQP_ERROR_WOULD_BLOCK, -41),
	ROW(VQP_ERROR_CLIENT_MIN, -500),
	ROW(VQP_ERROR_CLIENT_MAX, -550),
	ROW(VQP_ERROR_BAD_CONTEXT, -1000),
};
#undef ROW

TEST(results_are_numbered, "9: results have VMCI's numbers, and all of them")
{
#define ONE(name, number) +1
	CHECK_EQ(0 VQP_STATUS_LIST(ONE), COUNT(results));
#undef ONE
	for (size_t i = 0; i < COUNT(results); i++)
		CHECK_EQ(results[i].ours, results[i].number);
}

TEST(results_are_named, "9: a result has its name, another number has none")
{
	static const int64_t unknown[] = { 6, -42, -499, -501, -549, -551,
		-999, -1001, INT64_C(1) << 32, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < COUNT(results); i++)
		CHECK(strcmp(vqp_status_name(results[i].number),
		    results[i].name) == 0);
	for (size_t i = 0; i < COUNT(unknown); i++)
		CHECK(strcmp(vqp_status_name(unknown[i]),
		    "unknown status") == 0);
}

TEST(device_is_found, "1.1, 1.2: identity and the two shapes of BAR 1")
{
	CHECK_EQ(VQP_PCI_VENDOR, 0x15ad);
	CHECK_EQ(VQP_PCI_DEVICE, 0x0740);
	CHECK_EQ(VQP_PCI_CLASS, 0x088000);
	CHECK_EQ(VQP_PCI_REVISION, 0x10);

	CHECK_EQ(VQP_BAR_PORT, 0);
	CHECK_EQ(VQP_BAR_PORT_BYTES, 64);
	CHECK_EQ(VQP_BAR_MEMORY, 1);
	CHECK_EQ(VQP_BAR_MEMORY_BYTES_PORT, 8192);
	CHECK_EQ(VQP_BAR_MEMORY_BYTES_MMIO, 262144);
	CHECK_EQ(VQP_MMIO_MSIX_OFFSET, 0);
	CHECK_EQ(VQP_MMIO_MSIX_BYTES, 131072);
	CHECK_EQ(VQP_MMIO_REG_OFFSET, 131072);
	CHECK_EQ(VQP_MMIO_REG_BYTES, 65536);
}

TEST(registers_lie_there, "1.3: the offset of each register")
{
	CHECK_EQ(VQP_REG_STATUS, 0x00);
	CHECK_EQ(VQP_REG_CONTROL, 0x04);
	CHECK_EQ(VQP_REG_ICR, 0x08);
	CHECK_EQ(VQP_REG_IMR, 0x0c);
	CHECK_EQ(VQP_REG_DATA_OUT, 0x10);
	CHECK_EQ(VQP_REG_DATA_IN, 0x14);
	CHECK_EQ(VQP_REG_CAPS, 0x18);
	CHECK_EQ(VQP_REG_RESULT_LOW, 0x1c);
	CHECK_EQ(VQP_REG_RESULT_HIGH, 0x20);
	CHECK_EQ(VQP_REG_DATA_OUT_LOW, 0x24);
	CHECK_EQ(VQP_REG_DATA_OUT_HIGH, 0x28);
	CHECK_EQ(VQP_REG_DATA_IN_LOW, 0x2c);
	CHECK_EQ(VQP_REG_DATA_IN_HIGH, 0x30);
	CHECK_EQ(VQP_REG_GUEST_PAGE_SHIFT, 0x34);
	CHECK_EQ(VQP_PAGE_SHIFT_DEFAULT, 12);
}

TEST(bits_mean_that, "1.4, 1.6: register bits, causes and their vectors")
{
	CHECK_EQ(VQP_STATUS_INT_ON, 1);
	CHECK_EQ(VQP_CONTROL_RESET, 1);
	CHECK_EQ(VQP_CONTROL_INT_ENABLE, 2);
	CHECK_EQ(VQP_CONTROL_INT_DISABLE, 4);

	CHECK_EQ(VQP_CAP_HYPERCALL, 0x01);
	CHECK_EQ(VQP_CAP_GUESTCALL, 0x02);
	CHECK_EQ(VQP_CAP_DATAGRAM, 0x04);
	CHECK_EQ(VQP_CAP_NOTIFICATIONS, 0x08);
	CHECK_EQ(VQP_CAP_PPN64, 0x10);
	CHECK_EQ(VQP_CAP_DMA_DATAGRAM, 0x20);
	/* Signed, it would widen to 0xffffffff80000000. */
	CHECK_EQ(VQP_CAP_CLEAR_TO_ACK, 0x80000000LL);
	CHECK_EQ(VQP_CAPS_IMPLICIT, 0x0f);

	CHECK_EQ(VQP_CAUSE_DATAGRAM, 1);
	CHECK_EQ(VQP_CAUSE_NOTIFICATION, 2);
	CHECK_EQ(VQP_CAUSE_DMA_DATAGRAM, 4);
	CHECK_EQ(VQP_ICR_DEVICE_GONE, 0xffffffffLL);
	CHECK_EQ(VQP_VECTOR_DATAGRAM, 0);
	CHECK_EQ(VQP_VECTOR_NOTIFICATION, 1);
	CHECK_EQ(VQP_VECTOR_DMA_DATAGRAM, 2);
	CHECK_EQ(VQP_VECTOR_COUNT_PORT, 2);
	CHECK_EQ(VQP_VECTOR_COUNT_MMIO, 3);

	CHECK_EQ(VQP_DMA_INLINE, 0);
	CHECK_EQ(VQP_DMA_SCATTER, 1);
}

TEST(ids_name_that, "2.1, 2.2: contexts, resources, hypercall numbers")
{
	CHECK_EQ(VQP_INVALID_ID, 0xffffffffLL);
	CHECK_EQ(VQP_CONTEXT_HYPERVISOR, 0);
	CHECK_EQ(VQP_CONTEXT_WELL_KNOWN, 1);
	CHECK_EQ(VQP_CONTEXT_HOST, 2);
	CHECK_EQ(VQP_CONTEXT_FREE_MIN, 16);
	CHECK_EQ(VQP_CONTEXT_ANY, 0xffffffffLL);

	CHECK_EQ(VQP_RESOURCE_CONTEXT, 0);
	CHECK_EQ(VQP_RESOURCE_EVENTS, 0);
	CHECK_EQ(VQP_RESOURCE_HOST_VSOCK, 1);
	CHECK_EQ(VQP_RESOURCE_HOST_DVFILTER, 2);
	CHECK_EQ(VQP_RESOURCE_FREE_MIN, 1024);
	CHECK_EQ(VQP_RESOURCE_ANY, 0xffffffffLL);

	CHECK_EQ(VQP_HYPERCALL_RESOURCES_QUERY, 0);
	CHECK_EQ(VQP_HYPERCALL_GET_CONTEXT_ID, 1);
	CHECK_EQ(VQP_HYPERCALL_SET_NOTIFY_BITMAP, 2);
	CHECK_EQ(VQP_HYPERCALL_DOORBELL_LINK, 3);
	CHECK_EQ(VQP_HYPERCALL_DOORBELL_UNLINK, 4);
	CHECK_EQ(VQP_HYPERCALL_DOORBELL_NOTIFY, 5);
	CHECK_EQ(VQP_HYPERCALL_DATAGRAM_REQUEST_MAP, 6);
	CHECK_EQ(VQP_HYPERCALL_DATAGRAM_REMOVE_MAP, 7);
	CHECK_EQ(VQP_HYPERCALL_EVENT_SUBSCRIBE, 8);
	CHECK_EQ(VQP_HYPERCALL_EVENT_UNSUBSCRIBE, 9);
	CHECK_EQ(VQP_HYPERCALL_QPAIR_ALLOC, 10);
	CHECK_EQ(VQP_HYPERCALL_QPAIR_DETACH, 11);
	CHECK_EQ(VQP_HYPERCALL_COUNT, 12);

	CHECK_EQ(VQP_HYPERVISOR_VSOCK_LOOKUP, 12);
	CHECK_EQ(VQP_HYPERVISOR_HGFS, 13);
	CHECK_EQ(VQP_HYPERVISOR_UNITY, 14);
	CHECK_EQ(VQP_HYPERVISOR_RPC_PRIVILEGED, 15);
	CHECK_EQ(VQP_HYPERVISOR_RPC_UNPRIVILEGED, 16);
}

TEST(datagrams_fit, "2.3, 2.4, 3: privileges, datagram limits and flags")
{
	CHECK_EQ(VQP_PRIVILEGE_NONE, 0);
	CHECK_EQ(VQP_PRIVILEGE_RESTRICTED, 1);
	CHECK_EQ(VQP_PRIVILEGE_TRUSTED, 2);
	CHECK_EQ(VQP_PRIVILEGE_ALL, 3);

	CHECK_EQ(VQP_DATAGRAM_BYTES_MAX, 69632);
	CHECK_EQ(VQP_DATAGRAM_PAYLOAD_BYTES_MAX, 69608);
	CHECK_EQ(VQP_DATAGRAM_ALIGN, 8);
	CHECK_EQ(VQP_DATAGRAM_FILLER, 0xff);
	CHECK_EQ(VQP_HOST_QUEUE_BYTES_MAX, 139264);
	CHECK_EQ(VQP_HOST_EVENT_QUEUE_BYTES_MAX, 188416);
	CHECK_EQ(VQP_HOST_DELAYED_COUNT, 256);
	CHECK_EQ(VQP_DATAGRAM_WELL_KNOWN, 1);
	CHECK_EQ(VQP_DATAGRAM_ANY_CONTEXT, 2);
	CHECK_EQ(VQP_DATAGRAM_DELAYED, 4);

	CHECK_EQ(VQP_RESOURCES_QUERY_COUNT_MAX, 31);
}

TEST(events_are_numbered, "3.1: event ids, and which of them reach a guest")
{
	CHECK_EQ(VQP_EVENT_CTX_ID_UPDATE, 0);
	CHECK_EQ(VQP_EVENT_CTX_REMOVED, 1);
	CHECK_EQ(VQP_EVENT_QP_RESUMED, 2);
	CHECK_EQ(VQP_EVENT_QP_PEER_ATTACH, 3);
	CHECK_EQ(VQP_EVENT_QP_PEER_DETACH, 4);
	CHECK_EQ(VQP_EVENT_MEM_ACCESS_ON, 5);
	CHECK_EQ(VQP_EVENT_MEM_ACCESS_OFF, 6);
	CHECK_EQ(VQP_EVENT_GUEST_PAUSED, 7);
	CHECK_EQ(VQP_EVENT_GUEST_UNPAUSED, 8);
	CHECK_EQ(VQP_EVENT_GUEST_COUNT, 5);
	CHECK_EQ(VQP_EVENT_PAYLOAD_BYTES_MIN, 4);
	CHECK_EQ(VQP_EVENT_PAYLOAD_BYTES_MAX, 24);
}

TEST(qpairs_and_bells_fit, "4.2, 4.4, 5: queue pair limits and flags, bells")
{
	CHECK_EQ(VQP_QPAIR_BYTES_MAX, 134217728);
	CHECK_EQ(VQP_QPAIR_COUNT_MAX, 16384);
	CHECK_EQ(VQP_QPAIR_PINNED_BYTES_MAX, 32768);
	CHECK_EQ(VQP_QPAIR_PAGE_COUNT_MAX, 32771);
	/* The largest QPAIR_ALLOC there is, with short and with long PPNs. */
	CHECK_EQ(sizeof(struct vqp_hypercall_qpair_alloc) +
	    VQP_QPAIR_PAGE_COUNT_MAX * sizeof(uint32_t), 131148);
	CHECK_EQ(sizeof(struct vqp_hypercall_qpair_alloc) +
	    VQP_QPAIR_PAGE_COUNT_MAX * sizeof(uint64_t), 262232);

	CHECK_EQ(VQP_QPAIR_ATTACH_ONLY, 1);
	CHECK_EQ(VQP_QPAIR_LOCAL, 2);
	CHECK_EQ(VQP_QPAIR_NONBLOCK, 4);
	CHECK_EQ(VQP_QPAIR_PINNED, 8);
	CHECK_EQ(VQP_QPAIR_FLAGS_ALL, 15);
	CHECK_EQ(VQP_QPAIR_FLAGS_ASYMMETRIC, 12);

	CHECK_EQ(VQP_DOORBELL_RUNG, 1);
	CHECK_EQ(VQP_DOORBELL_DELAYED, 1);
}

TEST(vsock_is_numbered, "14: the control packet's resources and types")
{
	CHECK_EQ(VQP_VSOCK_RESOURCE, 1);
	CHECK_EQ(VQP_VSOCK_RESOURCE_HYPERVISOR, 15);
	CHECK_EQ(VQP_VSOCK_VERSION, 1);
	CHECK_EQ(VQP_VSOCK_INVALID, 0);
	CHECK_EQ(VQP_VSOCK_REQUEST, 1);
	CHECK_EQ(VQP_VSOCK_NEGOTIATE, 2);
	CHECK_EQ(VQP_VSOCK_OFFER, 3);
	CHECK_EQ(VQP_VSOCK_ATTACH, 4);
	CHECK_EQ(VQP_VSOCK_WROTE, 5);
	CHECK_EQ(VQP_VSOCK_READ, 6);
	CHECK_EQ(VQP_VSOCK_RST, 7);
	CHECK_EQ(VQP_VSOCK_SHUTDOWN, 8);
	CHECK_EQ(VQP_VSOCK_WAITING_WRITE, 9);
	CHECK_EQ(VQP_VSOCK_WAITING_READ, 10);
	CHECK_EQ(VQP_VSOCK_REQUEST2, 11);
	CHECK_EQ(VQP_VSOCK_NEGOTIATE2, 12);
}

/*
 * From here on whole messages: composed by field, compared by byte.  Values
 * have all bytes different, so that a swapped field or byte shows.
 */

/* A failed comparison shows the offset of the first wrong byte. */
static size_t
bytes_right(const void *composed, const uint8_t *expected, size_t n)
{
	const uint8_t *bytes = composed;
	size_t i = 0;

	while (i < n && bytes[i] == expected[i])
		i++;
	return i;
}

#define CHECK_BYTES(composed, expected) do {				\
	CHECK_EQ(sizeof(composed), sizeof(expected));			\
	CHECK_EQ(bytes_right(&(composed), (expected), sizeof(expected)), \
	    sizeof(expected));						\
} while (0)

static struct vqp_datagram
hypercall(uint32_t number, uint64_t payload_size)
{
	return (struct vqp_datagram){
		.dst = { VQP_CONTEXT_HYPERVISOR, number },
		.src = { VQP_CONTEXT_ANY, VQP_RESOURCE_ANY },
		.payload_size = payload_size,
	};
}

TEST(resources_query_bytes, "3: RESOURCES_QUERY of one, as drivers send it")
{
	static const uint8_t expected[] = {
		0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		12, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 0, 0,
	};
	const struct vqp_hypercall_resources_query query = {
		.datagram = hypercall(VQP_HYPERCALL_RESOURCES_QUERY, 8 + 4),
		.resource_count = 1,
	};
	const uint32_t resource = VQP_HYPERCALL_GET_CONTEXT_ID;
	uint8_t composed[sizeof(query) + sizeof(resource)];

	memcpy(composed, &query, sizeof(query));
	memcpy(composed + sizeof(query), &resource, sizeof(resource));
	CHECK_BYTES(composed, expected);
}

TEST(notify_bitmap_bytes, "3: a short page number is the long one's low half")
{
	static const uint8_t expected[] = {
		0, 0, 0, 0, 2, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		8, 0, 0, 0, 0, 0, 0, 0,
		0x0d, 0x0c, 0x0b, 0x0a, 0, 0, 0, 0,
	};
	const struct vqp_hypercall_set_notify_bitmap bitmap = {
		.datagram = hypercall(VQP_HYPERCALL_SET_NOTIFY_BITMAP, 8),
		.page_number = UINT32_C(0x0a0b0c0d),
	};

	CHECK_BYTES(bitmap, expected);
}

TEST(doorbell_link_bytes, "3: DOORBELL_LINK, byte by byte")
{
	static const uint8_t expected[] = {
		0, 0, 0, 0, 3, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		16, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
		0xff, 0x0f, 0, 0, 0, 0, 0, 0,
	};
	const struct vqp_hypercall_doorbell_link link = {
		.datagram = hypercall(VQP_HYPERCALL_DOORBELL_LINK, 16),
		.handle = { 0x11121314, 0x21222324 },
		.index = 4095,
	};

	CHECK_BYTES(link, expected);
}

TEST(handle_and_id_bytes, "3: hypercalls that carry a handle, or an id")
{
	static const uint8_t detach_expected[] = {
		0, 0, 0, 0, 11, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		8, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
	};
	static const uint8_t subscribe_expected[] = {
		0, 0, 0, 0, 8, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		8, 0, 0, 0, 0, 0, 0, 0,
		4, 0, 0, 0, 0, 0, 0, 0,
	};
	const struct vqp_hypercall_handle detach = {
		.datagram = hypercall(VQP_HYPERCALL_QPAIR_DETACH, 8),
		.handle = { 0x11121314, 0x21222324 },
	};
	const struct vqp_hypercall_id subscribe = {
		.datagram = hypercall(VQP_HYPERCALL_EVENT_SUBSCRIBE, 8),
		.id = VQP_EVENT_QP_PEER_DETACH,
	};

	CHECK_BYTES(detach, detach_expected);
	CHECK_BYTES(subscribe, subscribe_expected);
}

TEST(qpair_alloc_bytes, "3: QPAIR_ALLOC with long page numbers behind it")
{
	static const uint8_t expected[] = {
		0, 0, 0, 0, 10, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		72, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
		0x34, 0x33, 0x32, 0x31, 1, 0, 0, 0,
		0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,
		0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51,
		4, 0, 0, 0, 0, 0, 0, 0,
		0x68, 0x67, 0x66, 0x65, 0x64, 0x63, 0x62, 0x61,
		1, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 0, 0, 0, 0, 0, 0,
		3, 0, 0, 0, 0, 0, 0, 0,
	};
	static const uint64_t page_numbers[] = {
		UINT64_C(0x6162636465666768), 1, 2, 3
	};
	const struct vqp_hypercall_qpair_alloc alloc = {
		.datagram = hypercall(VQP_HYPERCALL_QPAIR_ALLOC, 40 + 4 * 8),
		.handle = { 0x11121314, 0x21222324 },
		.peer = 0x31323334,
		.flags = VQP_QPAIR_ATTACH_ONLY,
		.produce_size = UINT64_C(0x4142434445464748),
		.consume_size = UINT64_C(0x5152535455565758),
		.page_count = COUNT(page_numbers),
	};
	uint8_t composed[sizeof(alloc) + sizeof(page_numbers)];

	memcpy(composed, &alloc, sizeof(alloc));
	memcpy(composed + sizeof(alloc), page_numbers, sizeof(page_numbers));
	CHECK_BYTES(composed, expected);
}

TEST(event_bytes, "3.1: a new context id, and a peer that attached")
{
	static const uint8_t context_expected[] = {
		0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0,
		16, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0, 0, 0, 0,
	};
	static const uint8_t qpair_expected[] = {
		0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0,
		24, 0, 0, 0, 0, 0, 0, 0,
		3, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
		0x34, 0x33, 0x32, 0x31, 0, 0, 0, 0,
	};
	const struct vqp_event_context context = {
		.header = {
			.datagram = {
				.dst = { 0x01020304, VQP_RESOURCE_EVENTS },
				.src = { VQP_CONTEXT_HYPERVISOR,
				    VQP_RESOURCE_CONTEXT },
				.payload_size = 16,
			},
			.event = VQP_EVENT_CTX_ID_UPDATE,
		},
		.context = 0x11121314,
	};
	const struct vqp_event_qpair qpair = {
		.header = {
			.datagram = {
				.dst = { 0x01020304, VQP_RESOURCE_EVENTS },
				.src = { VQP_CONTEXT_HYPERVISOR,
				    VQP_RESOURCE_CONTEXT },
				.payload_size = 24,
			},
			.event = VQP_EVENT_QP_PEER_ATTACH,
		},
		.handle = { 0x11121314, 0x21222324 },
		.peer = 0x31323334,
	};

	CHECK_BYTES(context, context_expected);
	CHECK_BYTES(qpair, qpair_expected);
}

TEST(dma_operation_bytes, "1.9: an operation and one element of its list")
{
	static const uint8_t operation_expected[] = {
		0x04, 0x03, 0x02, 0x01, 1, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0, 0, 0, 0,
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,
	};
	static const uint8_t element_expected[] = {
		0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,
		0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,
	};
	const struct vqp_dma_operation operation = {
		.busy = 0x01020304,
		.opcode = VQP_DMA_SCATTER,
		.size = 0x11121314,
		.result = UINT64_C(0x2122232425262728),
	};
	const struct vqp_dma_element element = {
		.address = UINT64_C(0x3132333435363738),
		.length = UINT64_C(0x4142434445464748),
	};

	CHECK_BYTES(operation, operation_expected);
	CHECK_BYTES(element, element_expected);
}

TEST(vsock_packet_bytes, "14: control packets with a handle and with a wait")
{
	static const uint8_t offer_expected[] = {
		2, 0, 0, 0, 1, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0,
		32, 0, 0, 0, 0, 0, 0, 0,
		1, 3, 0x02, 0x01, 0x14, 0x13, 0x12, 0x11,
		0x24, 0x23, 0x22, 0x21, 0, 0, 0, 0,
		0x34, 0x33, 0x32, 0x31, 0x44, 0x43, 0x42, 0x41,
		0, 0, 0, 0, 0, 0, 0, 0,
	};
	static const uint8_t wait_expected[] = {
		0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51,
		0x68, 0x67, 0x66, 0x65, 0x64, 0x63, 0x62, 0x61,
	};
	struct vqp_vsock_packet packet;

	memset(&packet, 0, sizeof(packet));
	packet.datagram.dst.context = VQP_CONTEXT_HOST;
	packet.datagram.dst.resource = VQP_VSOCK_RESOURCE;
	packet.datagram.src.context = VQP_CONTEXT_ANY;
	packet.datagram.src.resource = VQP_VSOCK_RESOURCE;
	packet.datagram.payload_size = 32;
	packet.version = VQP_VSOCK_VERSION;
	packet.type = VQP_VSOCK_OFFER;
	packet.protocol = 0x0102;
	packet.src_port = 0x11121314;
	packet.dst_port = 0x21222324;
	packet.body.handle.context = 0x31323334;
	packet.body.handle.resource = 0x41424344;
	CHECK_BYTES(packet, offer_expected);

	packet.body.wait.generation = UINT64_C(0x5152535455565758);
	packet.body.wait.offset = UINT64_C(0x6162636465666768);
	CHECK_BYTES(packet.body, wait_expected);
}

TEST(queue_header_bytes, "4.1, 4.10: where each layout has its indices")
{
	static const uint8_t compat_expected[24] = {
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
		0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,
		0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,
	};
	static const uint8_t wide_expected[384] = {
		[128] = 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,
		[256] = 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,
	};
	struct vqp_queue_header compat;
	struct vqp_queue_header_wide wide;

	compat.handle.context = 0x11121314;
	compat.handle.resource = 0x21222324;
	vqp_store_relaxed(&compat.producer_tail, UINT64_C(0x3132333435363738));
	vqp_store_relaxed(&compat.consumer_head, UINT64_C(0x4142434445464748));
	CHECK_BYTES(compat, compat_expected);

	memset(&wide, 0, sizeof(wide));
	vqp_store_relaxed(&wide.producer_tail, UINT64_C(0x3132333435363738));
	vqp_store_relaxed(&wide.consumer_head, UINT64_C(0x4142434445464748));
	CHECK_BYTES(wide, wide_expected);
}

TEST_MAIN()
