/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Doorbells of a device: part E of the hostile-peer matrix, its device's side.
 */
#include "fake_host.h"
#include "test.h"

#define ALL (VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS | VQP_CAP_PPN64)

static struct fake_hub hub;
static struct fake_guest guest;
static struct fake_program host;

static void
open_limited(const struct vqp_hub_limits *limits)
{
	fake_hub_open(&hub, limits);
	fake_guest_open(&guest, &hub, 16, ALL);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, 0);
}

static void
open_all(void)
{
	open_limited(NULL);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_SUCCESS);
}

static void
close_all(void)
{
	fake_program_close(&host);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

static struct vqp_handle
bell(uint32_t resource)
{
	return (struct vqp_handle){ 16, resource };
}

static int32_t
unlink_bell(struct vqp_handle handle)
{
	return fake_handle_call(&guest, VQP_HYPERCALL_DOORBELL_UNLINK, handle);
}

static int32_t
guest_rings(struct vqp_handle handle)
{
	return fake_handle_call(&guest, VQP_HYPERCALL_DOORBELL_NOTIFY, handle);
}

/* E 65 */
TEST(only_bit_0, "E 65: a ring sets bit 0 of its byte and nothing else")
{
	open_all();
	memset(guest.memory, 0xa4, FAKE_PAGE);
	CHECK_EQ(fake_link(&guest, bell(1024), 0), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(1025), 4095), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(1026), 100), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(host.program, bell(1025)), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(host.program, bell(1025)), VQP_SUCCESS);
	CHECK_EQ(guest_rings(bell(1026)), VQP_SUCCESS);
	CHECK_EQ(guest.interrupts[1], 4);
	for (int i = 0; i < FAKE_PAGE; i++)
		CHECK_EQ(guest.memory[i],
		    i == 0 || i == 100 || i == 4095 ? 0xa5 : 0xa4);
	CHECK_EQ(guest.memory[FAKE_PAGE], 0);
	close_all();
}

TEST(indices, "an index must lie within the page")
{
	static const uint64_t bad[] = { 4096, 4097, UINT32_MAX,
	    UINT64_C(1) << 32, (UINT64_C(1) << 32) + 5, UINT64_MAX };

	open_all();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(fake_link(&guest, bell(1024), bad[i]),
		    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_DOORBELL), 6);
	CHECK_EQ(fake_link(&guest, bell(1024), 4095), VQP_SUCCESS);
	close_all();
}

TEST(links, "links are of our own handles, once each; unlink ends them")
{
	const struct vqp_handle stranger[] = { { 0, 1024 }, { 2, 1024 },
	    { 17, 1024 } };

	open_all();
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(fake_link(&guest, stranger[i], 1),
		    VQP_ERROR_NO_ACCESS);
		CHECK_EQ(unlink_bell(stranger[i]), VQP_ERROR_NOT_FOUND);
	}
	CHECK_EQ(fake_link(&guest, (struct vqp_handle){ VQP_INVALID_ID, 1 },
	    1), VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_link(&guest, bell(VQP_INVALID_ID), 1),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_link(&guest, bell(1024), 1), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(1024), 2), VQP_ERROR_DUPLICATE_ENTRY);
	CHECK_EQ(fake_link(&guest, bell(1025), 1), VQP_SUCCESS);
	CHECK_EQ(unlink_bell(bell(1024)), VQP_SUCCESS);
	CHECK_EQ(unlink_bell(bell(1024)), VQP_ERROR_NOT_FOUND);
	/* The index that both shared is still the other's. */
	CHECK_EQ(vqp_program_ring(host.program, bell(1025)), VQP_SUCCESS);
	CHECK_EQ(guest.memory[1], 1);
	close_all();
}

TEST(one_bucket, "bells are found whatever names the others have")
{
	open_all();
	/* A table of buckets has a power of two of them. */
	for (uint32_t i = 0; i < 4; i++)
		CHECK_EQ(fake_link(&guest, bell(i << 16), i), VQP_SUCCESS);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_EQ(fake_link(&guest, bell(i << 16), 9),
		    VQP_ERROR_DUPLICATE_ENTRY);
		CHECK_EQ(guest_rings(bell(i << 16)), VQP_SUCCESS);
		CHECK_EQ(guest.memory[i], 1);
	}
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_EQ(unlink_bell(bell((i ^ 1) << 16)), VQP_SUCCESS);
		CHECK_EQ(guest_rings(bell((i ^ 1) << 16)),
		    VQP_ERROR_NOT_FOUND);
	}
	close_all();
}

/* E 66 */
TEST(gone_bells, "E 66: a bell that was unlinked is not rung")
{
	open_all();
	CHECK_EQ(fake_link(&guest, bell(1024), 1), VQP_SUCCESS);
	CHECK_EQ(unlink_bell(bell(1024)), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)),
	    VQP_ERROR_NOT_FOUND);
	CHECK_EQ(guest_rings(bell(1024)), VQP_ERROR_NOT_FOUND);
	CHECK_EQ(guest.memory[1], 0);
	CHECK_EQ(guest.interrupts[1], 0);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_NO_DOORBELL), 1);
	close_all();
}

/* E 67 */
TEST(rights, "E 67: bells of others ring only where one may talk to them")
{
	struct vqp_device_config config = { .context = { .cid = 17 } };
	struct fake_guest other;
	struct fake_program restricted;
	const struct vqp_handle theirs = { 17, 1024 };

	for (uint32_t domain = 0; domain < 3; domain++) {
		open_all();
		config.context.domain = domain;
		CHECK_EQ(fake_guest_create(&other, &hub, &config),
		    VQP_SUCCESS);
		CHECK_EQ(fake_set_notify(&other, FAKE_PPN(0)), VQP_SUCCESS);
		CHECK_EQ(fake_link(&other, theirs, 3), VQP_SUCCESS);
		CHECK_EQ(guest_rings(theirs), VQP_ERROR_DST_UNREACHABLE);
		/* An id that nobody has looks the same. */
		CHECK_EQ(guest_rings((struct vqp_handle){ 18, 1024 }),
		    VQP_ERROR_DST_UNREACHABLE);
		CHECK_EQ(other.memory[3], 0);
		CHECK_EQ(vqp_program_ring(host.program, theirs), VQP_SUCCESS);
		CHECK_EQ(other.memory[3], 1);
		fake_guest_close(&other);
		close_all();
	}
	open_all();
	fake_program_open(&restricted, &hub, 20, VQP_PRIVILEGE_RESTRICTED);
	CHECK_EQ(fake_link(&guest, bell(1024), 3), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(restricted.program, bell(1024)),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(vqp_program_link(restricted.program, 9), VQP_SUCCESS);
	CHECK_EQ(guest_rings((struct vqp_handle){ 20, 9 }),
	    VQP_ERROR_NO_ACCESS);
	CHECK_EQ(guest_rings((struct vqp_handle){ VQP_INVALID_ID, 9 }),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(guest_rings((struct vqp_handle){ 20, VQP_INVALID_ID }),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(guest_rings((struct vqp_handle){ 2, 9 }),
	    VQP_ERROR_NOT_FOUND);
	CHECK_EQ(guest_rings((struct vqp_handle){ 0, 9 }),
	    VQP_ERROR_NOT_FOUND);
	CHECK_EQ(vqp_program_ring(host.program, (struct vqp_handle){ 99, 1 }),
	    VQP_ERROR_NOT_FOUND);
	fake_program_close(&restricted);
	close_all();
}

TEST(siblings, "guests of one domain ring each other")
{
	struct vqp_device_config config = { .context = { .domain = 5 } };
	struct fake_guest a, b;

	fake_hub_open(&hub, NULL);
	config.context.cid = 16;
	CHECK_EQ(fake_guest_create(&a, &hub, &config), VQP_SUCCESS);
	config.context.cid = 17;
	CHECK_EQ(fake_guest_create(&b, &hub, &config), VQP_SUCCESS);
	CHECK_EQ(fake_set_notify(&b, FAKE_PPN(0)), VQP_SUCCESS);
	CHECK_EQ(fake_link(&b, (struct vqp_handle){ 17, 1 }, 3), VQP_SUCCESS);
	CHECK_EQ(fake_handle_call(&a, VQP_HYPERCALL_DOORBELL_NOTIFY,
	    (struct vqp_handle){ 17, 1 }), VQP_SUCCESS);
	CHECK_EQ(b.memory[3], 1);
	fake_guest_close(&a);
	fake_guest_close(&b);
	fake_hub_close(&hub);
}

TEST(host_bells, "a guest rings what a program linked, and no more")
{
	const struct vqp_handle theirs = { 2, 77 };

	open_all();
	CHECK_EQ(guest_rings(theirs), VQP_ERROR_NOT_FOUND);
	CHECK_EQ(vqp_program_link(host.program, 77), VQP_SUCCESS);
	CHECK_EQ(vqp_program_link(host.program, 77),
	    VQP_ERROR_DUPLICATE_ENTRY);
	CHECK_EQ(vqp_program_link(host.program, VQP_INVALID_ID),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(guest_rings(theirs), VQP_SUCCESS);
	CHECK_EQ(host.rings, 1);
	CHECK_EQ(host.rung.resource, 77);
	CHECK_EQ(vqp_program_unlink(host.program, 77), VQP_SUCCESS);
	CHECK_EQ(vqp_program_unlink(host.program, 77), VQP_ERROR_NOT_FOUND);
	CHECK_EQ(guest_rings(theirs), VQP_ERROR_NOT_FOUND);
	close_all();
}

/* E 70 */
TEST(limit, "E 70: one bell too many is refused, the others keep working")
{
	const struct vqp_hub_limits limits = { .doorbell_count = 3 };

	open_limited(&limits);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_SUCCESS);
	for (uint32_t i = 0; i < 3; i++)
		CHECK_EQ(fake_link(&guest, bell(i), i), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(3), 3), VQP_ERROR_NO_RESOURCES);
	CHECK_EQ(hub.logged, VQP_COUNT_DOORBELL_LIMIT);
	CHECK_EQ(vqp_program_ring(host.program, bell(2)), VQP_SUCCESS);
	CHECK_EQ(unlink_bell(bell(0)), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(3), 3), VQP_SUCCESS);
	/* A reset gives all of them back. */
	vqp_device_reset(guest.device);
	for (uint32_t i = 0; i < 3; i++)
		CHECK_EQ(fake_link(&guest, bell(i), i), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(3), 3), VQP_ERROR_NO_RESOURCES);
	close_all();
	open_limited(NULL);
	for (uint32_t i = 0; i < 4096; i++)
		CHECK_EQ(fake_link(&guest, bell(i), i), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(4096), 0), VQP_ERROR_NO_RESOURCES);
	/* H 98 */
	CHECK_EQ(unlink_bell(bell(4095)), VQP_SUCCESS);
	hub.fail_after = 0;
	CHECK_EQ(fake_link(&guest, bell(4095), 0), VQP_ERROR_NO_MEM);
	hub.fail_after = -1;
	close_all();
}

TEST(no_page_yet, "rings wait for the page, and coalesce")
{
	open_limited(NULL);
	CHECK_EQ(fake_link(&guest, bell(1024), 9), VQP_SUCCESS);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(vqp_program_ring(host.program, bell(1024)),
		    VQP_SUCCESS);
	CHECK_EQ(guest.interrupts[1], 0);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(3)), VQP_SUCCESS);
	CHECK_EQ(guest.memory[3 * FAKE_PAGE + 9], 1);
	CHECK_EQ(guest.interrupts[1], 1);
	/* A second page takes over; nothing rings twice. */
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(4)), VQP_SUCCESS);
	CHECK_EQ(guest.memory[4 * FAKE_PAGE + 9], 0);
	CHECK_EQ(guest.mapped, 1);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)), VQP_SUCCESS);
	CHECK_EQ(guest.memory[4 * FAKE_PAGE + 9], 1);
	close_all();
}

TEST(bad_pages, "a notification page that is no memory leaves the one before")
{
	static const uint64_t bad[] = { 0, FAKE_PPN(FAKE_PAGES),
	    UINT64_C(1) << 52, UINT64_MAX };

	open_all();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(fake_set_notify(&guest, bad[i]),
		    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_NOTIFY_PAGE), 4);
	CHECK_EQ(guest.mapped, 1);
	CHECK_EQ(fake_link(&guest, bell(1024), 9), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)), VQP_SUCCESS);
	CHECK_EQ(guest.memory[9], 1);
	close_all();
}

TEST(suspended, "rings at a suspended guest arrive when it resumes")
{
	open_all();
	CHECK_EQ(fake_link(&guest, bell(1024), 9), VQP_SUCCESS);
	vqp_device_suspend(guest.device);
	CHECK_EQ(guest.mapped, 0);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)), VQP_SUCCESS);
	CHECK_EQ(guest.memory[9], 0);
	vqp_device_resume(guest.device, false);
	CHECK_EQ(guest.memory[9], 1);
	CHECK_EQ(guest.interrupts[1], 1);
	/* The page may be gone. */
	vqp_device_suspend(guest.device);
	guest.refuse = true;
	vqp_device_resume(guest.device, false);
	guest.refuse = false;
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_NOTIFY_PAGE), 1);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)), VQP_SUCCESS);
	CHECK_EQ(guest.interrupts[1], 1);
	/* And then it is no page any more, even if it comes back. */
	vqp_device_suspend(guest.device);
	vqp_device_resume(guest.device, false);
	CHECK_EQ(guest.mapped, 0);
	CHECK_EQ(guest.interrupts[1], 1);
	close_all();
}

TEST(large_pages, "the index of a larger page may be larger")
{
	const struct vqp_device_config config = { .context = { .cid = 16 },
	    .generation = VQP_DEVICE_MMIO };

	fake_hub_open(&hub, NULL);
	CHECK_EQ(fake_guest_create(&guest, &hub, &config), VQP_SUCCESS);
	fake_program_open(&host, &hub, 2, 0);
	fake_write32(&guest, VQP_REG_CAPS, 0x3c);
	fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, 14);
	CHECK_EQ(fake_link(&guest, bell(1), 16383), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell(2), 16384), VQP_ERROR_INVALID_ARGS);
	/* And if the page is smaller in the end, it is not beyond that. */
	fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, 12);
	CHECK_EQ(vqp_program_ring(host.program, bell(1)), VQP_SUCCESS);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(1)), VQP_SUCCESS);
	CHECK_EQ(vqp_program_ring(host.program, bell(1)), VQP_SUCCESS);
	for (int i = 0; i < 8 * FAKE_PAGE; i++)
		CHECK_EQ(guest.memory[i], 0);
	close_all();
}

/* E 64 */
TEST(all_ones, "E 64: what the guest writes into the page is not read")
{
	open_all();
	CHECK_EQ(fake_link(&guest, bell(1024), 9), VQP_SUCCESS);
	memset(guest.memory, 0xff, FAKE_PAGE);
	CHECK_EQ(vqp_program_ring(host.program, bell(1024)), VQP_SUCCESS);
	CHECK_EQ(guest.interrupts[1], 1);
	close_all();
}

TEST_MAIN()
