/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The register file of a device: each register of docs/wire.md 1.3, interrupts
 * in both kinds, reset, and what a hostile guest may do to them (hostile-peer
 * matrix, part F, as far as it is a device's business).
 */
#include "fake_host.h"
#include "test.h"

static const struct vqp_handle host_endpoint = { VQP_CONTEXT_HOST, 5000 };
static const struct vqp_handle any = { VQP_INVALID_ID, VQP_INVALID_ID };

static struct fake_hub hub;
static struct fake_guest guest;
static struct fake_program host;

static void
open_as(enum vqp_device_generation generation, uint32_t caps)
{
	const struct vqp_device_config config = {
		.context = { .cid = 16 },
		.generation = generation,
		.caps = caps,
	};

	fake_hub_open(&hub, NULL);
	CHECK_EQ(fake_guest_create(&guest, &hub, &config), VQP_SUCCESS);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, 0);
}

static void
close_all(void)
{
	fake_program_close(&host);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

/* From the host, 24 bytes. */
static int64_t
send_one(void)
{
	const struct vqp_datagram datagram = {
		.dst = { 16, 1024 }, .src = { VQP_CONTEXT_ANY, 5000 },
	};

	return vqp_program_send(host.program, &datagram, NULL);
}

TEST(after_creation, "each register reads as after a reset")
{
	open_as(VQP_DEVICE_MMIO, 0);
	CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), 0);
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 0);
	CHECK_EQ(fake_read32(&guest, VQP_REG_IMR), 0);
	CHECK_EQ(fake_read32(&guest, VQP_REG_CAPS), 0x3c);
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_UNAVAILABLE);
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_HIGH), UINT32_MAX);
	CHECK_EQ(fake_read32(&guest, VQP_REG_GUEST_PAGE_SHIFT), 12);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), 0);
	close_all();
}

TEST(generations, "the port device offers no DMA and has no page shift")
{
	open_as(VQP_DEVICE_PORT, 0);
	CHECK_EQ(fake_read32(&guest, VQP_REG_CAPS), 0x1c);
	CHECK_EQ(fake_read32(&guest, VQP_REG_GUEST_PAGE_SHIFT), UINT32_MAX);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), 1);
	close_all();
	/* Nor are they there for a driver that did not ask for them. */
	open_as(VQP_DEVICE_MMIO, 0);
	fake_write32(&guest, VQP_REG_CAPS, VQP_CAP_DATAGRAM);
	fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, 14);
	CHECK_EQ(fake_read32(&guest, VQP_REG_GUEST_PAGE_SHIFT), 12);
	fake_write32(&guest, VQP_REG_DATA_OUT_LOW, FAKE_BASE);
	fake_write32(&guest, VQP_REG_DATA_IN_LOW, FAKE_BASE);
	CHECK_EQ(guest.touches, 0);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), 3);
	close_all();
}

TEST(bad_registers, "what is no register reads all ones and writes nowhere")
{
	static const struct {
		uint64_t offset;
		uint32_t width;
	} bad[] = {
		{ VQP_REG_CONTROL, 4 }, { VQP_REG_DATA_OUT, 4 },
		{ VQP_REG_DATA_OUT_LOW, 4 }, { VQP_REG_DATA_IN_HIGH, 4 },
		{ 0x38, 4 }, { 0x40, 4 }, { UINT64_MAX, 4 }, { 0x01, 4 },
		{ VQP_REG_CAPS, 1 }, { VQP_REG_CAPS, 2 }, { VQP_REG_ICR, 8 },
		{ VQP_REG_DATA_IN, 8 }, { VQP_REG_CAPS, 0 },
		{ VQP_REG_CAPS, 3 },
	};
	uint64_t count = 0;

	open_as(VQP_DEVICE_PORT, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const uint64_t value = vqp_device_read(guest.device,
		    bad[i].offset, bad[i].width);
		const uint64_t ones = bad[i].width == 8 ? UINT64_MAX :
		    (UINT64_C(1) << (8 * bad[i].width)) - 1;

		CHECK_EQ(value, ones);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), ++count);
	}
	for (uint64_t offset = 0; offset < 0x80; offset++) {
		if (offset == VQP_REG_DATA_OUT)
			continue;
		vqp_device_write(guest.device, offset, 2, UINT64_MAX);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), ++count);
	}
	/* The data port has no such widths, and takes nothing of them. */
	for (uint32_t width = 0; width < 10; width++) {
		if (width == 1 || width == 2 || width == 4)
			continue;
		vqp_device_write(guest.device, VQP_REG_DATA_OUT, width, 0);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), ++count);
	}
	/* Registers that are only read. */
	fake_write32(&guest, VQP_REG_STATUS, 1);
	fake_write32(&guest, VQP_REG_ICR, 1);
	fake_write32(&guest, VQP_REG_RESULT_LOW, 1);
	fake_write32(&guest, VQP_REG_RESULT_HIGH, 1);
	fake_write32(&guest, VQP_REG_DATA_IN, 1);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), count + 5);
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_UNAVAILABLE);
	close_all();
}

TEST(control, "one command a write: enable, disable, reset, else refused")
{
	open_as(VQP_DEVICE_PORT, 0);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), VQP_STATUS_INT_ON);
	fake_write32(&guest, VQP_REG_CONTROL, 0);
	fake_write32(&guest, VQP_REG_CONTROL, 3);
	fake_write32(&guest, VQP_REG_CONTROL, 7);
	fake_write32(&guest, VQP_REG_CONTROL, UINT32_MAX);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_CONTROL), 4);
	CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), VQP_STATUS_INT_ON);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_DISABLE);
	CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), 0);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_CONTROL), 4);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_RESET);
	CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), 0);
	close_all();
}

/* F 71 */
TEST(caps_negotiation, "F 71: only offered bits are taken, PPN64 only when acked")
{
	const uint64_t high = UINT64_C(1) << 32 | FAKE_PPN(0);

	open_as(VQP_DEVICE_PORT, VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS |
	    VQP_CAP_PPN64);
	CHECK_EQ(fake_read32(&guest, VQP_REG_CAPS), 0x1c);
	/* Off until acked: the high half of the page number is padding. */
	CHECK_EQ(fake_set_notify(&guest, high), VQP_SUCCESS);
	fake_write32(&guest, VQP_REG_CAPS, UINT32_MAX);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_CAPS), 1);
	CHECK_EQ(fake_read32(&guest, VQP_REG_CAPS), 0x1c);
	CHECK_EQ(fake_set_notify(&guest, high), VQP_ERROR_INVALID_ARGS);
	/* All ones did not turn on what was not offered. */
	fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, 12);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_REGISTER), 1);
	/* A driver after a crashed one says anew, and less. */
	fake_write32(&guest, VQP_REG_CAPS, 0x0c);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_CAPS), 1);
	CHECK_EQ(fake_set_notify(&guest, high), VQP_SUCCESS);
	fake_write32(&guest, VQP_REG_CAPS, 0);
	CHECK_EQ(send_one(), VQP_ERROR_UNAVAILABLE);
	close_all();
}

TEST(no_notifications, "without the capability its hypercalls are not there")
{
	const struct vqp_handle bell = { 16, 1024 };

	open_as(VQP_DEVICE_PORT, VQP_CAP_DATAGRAM);
	CHECK_EQ(fake_read32(&guest, VQP_REG_CAPS), VQP_CAP_DATAGRAM);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)),
	    VQP_ERROR_INVALID_RESOURCE);
	CHECK_EQ(fake_link(&guest, bell, 0), VQP_ERROR_INVALID_RESOURCE);
	CHECK_EQ(guest.map_calls, 0);
	close_all();
}

TEST(bad_configuration, "a device that cannot be one is not created")
{
	struct vqp_device_config config = { .context = { .cid = 16 } };
	struct vqp_device_host none = { 0 };
	struct vqp_device *device;

	fake_hub_open(&hub, NULL);
	CHECK_EQ(vqp_device_create(hub.hub, &none, &config, &device),
	    VQP_ERROR_INVALID_ARGS);
	config.caps = VQP_CAP_DMA_DATAGRAM;
	CHECK_EQ(fake_guest_create(&guest, &hub, &config),
	    VQP_ERROR_INVALID_ARGS);
	config.caps = 1u << 6;
	CHECK_EQ(fake_guest_create(&guest, &hub, &config),
	    VQP_ERROR_INVALID_ARGS);
	config.caps = 0;
	config.generation = (enum vqp_device_generation)2;
	CHECK_EQ(fake_guest_create(&guest, &hub, &config),
	    VQP_ERROR_INVALID_ARGS);
	config.generation = VQP_DEVICE_PORT;
	config.data_in = (enum vqp_data_in)3;
	CHECK_EQ(fake_guest_create(&guest, &hub, &config),
	    VQP_ERROR_INVALID_ARGS);
	fake_hub_close(&hub);
}

/* F 72 */
TEST(page_shift, "F 72: page shifts other than 12 to 16 are refused")
{
	static const uint32_t bad[] = { 0, 1, 11, 17, 31, 32, 63, 64, 0x10c,
	    UINT32_MAX };

	open_as(VQP_DEVICE_MMIO, 0);
	fake_write32(&guest, VQP_REG_CAPS, 0x3c);
	for (uint32_t shift = 12; shift <= 16; shift++) {
		fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, shift);
		CHECK_EQ(fake_read32(&guest, VQP_REG_GUEST_PAGE_SHIFT), shift);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, bad[i]);
		CHECK_EQ(fake_read32(&guest, VQP_REG_GUEST_PAGE_SHIFT), 16);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_PAGE_SHIFT), i + 1);
	}
	/* The unit of page numbers is 64 KiB now. */
	CHECK_EQ(fake_set_notify(&guest, FAKE_BASE >> 16), VQP_SUCCESS);
	CHECK_EQ(fake_set_notify(&guest, UINT64_C(1) << 48),
	    VQP_ERROR_INVALID_ARGS);
	close_all();
}

TEST(exclusive_vectors, "one message for each cause, without ICR")
{
	const struct vqp_handle bell = { 16, 1024 };

	open_as(VQP_DEVICE_PORT, 0);
	fake_write32(&guest, VQP_REG_CAPS, 0x1c);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell, 7), VQP_SUCCESS);
	/* Before the guest is ready: kept. */
	CHECK_EQ(send_one(), 24);
	CHECK_EQ(vqp_program_ring(host.program, bell), VQP_SUCCESS);
	fake_write32(&guest, VQP_REG_IMR, VQP_CAUSE_NOTIFICATION);
	CHECK_EQ(guest.interrupts[0] + guest.interrupts[1], 0);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	CHECK_EQ(guest.interrupts[0], 0);
	CHECK_EQ(guest.interrupts[1], 1);
	fake_write32(&guest, VQP_REG_IMR, 3);
	CHECK_EQ(guest.interrupts[0], 1);
	CHECK_EQ(guest.interrupts[1], 1);
	CHECK_EQ(send_one(), 24);
	CHECK_EQ(guest.interrupts[0], 2);
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 0);
	CHECK(!vqp_device_interrupt_level(guest.device));
	close_all();
}

static bool fell;

static void
see_level(struct fake_guest *of)
{
	fell |= !of->level;
}

TEST(shared_vector, "ICR says the causes, reading clears, the level follows")
{
	const struct vqp_handle bell = { 16, 1024 };
	unsigned before;

	open_as(VQP_DEVICE_PORT, 0);
	vqp_device_set_interrupts(guest.device, VQP_INTERRUPTS_SHARED);
	fake_write32(&guest, VQP_REG_CAPS, 0x1c);
	CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_SUCCESS);
	CHECK_EQ(fake_link(&guest, bell, 7), VQP_SUCCESS);
	CHECK_EQ(send_one(), 24);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 0);	/* masked */
	fake_write32(&guest, VQP_REG_IMR, 3);
	CHECK(guest.level && vqp_device_interrupt_level(guest.device));
	CHECK_EQ(guest.interrupts[0], 1);
	CHECK_EQ(vqp_program_ring(host.program, bell), VQP_SUCCESS);
	CHECK_EQ(guest.interrupts[0], 2);	/* a new cause */
	CHECK_EQ(send_one(), 24);
	CHECK_EQ(guest.interrupts[0], 2);	/* the same again */
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 3);
	CHECK(!guest.level && !vqp_device_interrupt_level(guest.device));
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 0);
	/* A mask hides what is pending, and the level with it. */
	CHECK_EQ(send_one(), 24);
	CHECK(guest.level);
	fake_write32(&guest, VQP_REG_IMR, 2);
	CHECK(!guest.level);
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 0);
	fake_write32(&guest, VQP_REG_IMR, 1);
	CHECK(guest.level);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_DISABLE);
	CHECK(!guest.level);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	CHECK(guest.level);
	/* To vectors of their own: the line falls, what waits is sent there. */
	before = guest.interrupts[0];
	guest.interrupt_hook = see_level;
	vqp_device_set_interrupts(guest.device, VQP_INTERRUPTS_EXCLUSIVE);
	CHECK(fell);
	CHECK_EQ(guest.interrupts[1], 0);
	CHECK_EQ(guest.interrupts[0], before + 1);
	CHECK(!vqp_device_interrupt_level(guest.device));
	close_all();
}

TEST(imr_unknown_bits, "IMR keeps the causes there are")
{
	open_as(VQP_DEVICE_PORT, 0);
	fake_write32(&guest, VQP_REG_IMR, UINT32_MAX);
	CHECK_EQ(fake_read32(&guest, VQP_REG_IMR), 3);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_IMR), 1);
	close_all();
	open_as(VQP_DEVICE_MMIO, 0);
	fake_write32(&guest, VQP_REG_IMR, 7);
	CHECK_EQ(fake_read32(&guest, VQP_REG_IMR), 7);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_IMR), 0);
	close_all();
}

TEST(reset_forgets, "a reset drops all that the guest brought about")
{
	const struct vqp_handle bell = { 16, 1024 };
	const struct fake_qpair qpair = { .handle = { 16, 1025 },
	    .peer = VQP_CONTEXT_HOST, .produce = 4096, .consume = 4096,
	    .page = 10 };
	const struct vqp_qpair_request request = { .handle = { 16, 1025 },
	    .peer = 16, .produce_size = 4096, .consume_size = 4096 };
	const uint8_t half[30] = { 0 };

	for (int by_register = 0; by_register < 2; by_register++) {
		open_as(VQP_DEVICE_MMIO, 0);
		vqp_device_set_interrupts(guest.device, VQP_INTERRUPTS_SHARED);
		fake_write32(&guest, VQP_REG_CAPS, 0x3c);
		guest.ppn64 = true;
		fake_write32(&guest, VQP_REG_IMR, 7);
		fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
		fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, 12);
		CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_SUCCESS);
		CHECK_EQ(fake_link(&guest, bell, 7), VQP_SUCCESS);
		CHECK_EQ(fake_qpair_alloc(&guest, &qpair),
		    VQP_SUCCESS_CREATED);
		CHECK_EQ(vqp_program_qpair_alloc(host.program, &request),
		    VQP_SUCCESS_ATTACHED);
		CHECK_EQ(send_one(), 24);
		fake_write32(&guest, VQP_REG_GUEST_PAGE_SHIFT, 14);
		fake_write32(&guest, VQP_REG_DATA_OUT_HIGH, 1);
		fake_write32(&guest, VQP_REG_DATA_IN_HIGH, 1);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_BAD_PAGE_SHIFT), 0);
		vqp_device_data_out(guest.device, half, sizeof(half));
		CHECK(guest.level);
		CHECK(guest.mapped > 0);
		CHECK_EQ(host.events, 0);

		if (by_register)
			fake_write32(&guest, VQP_REG_CONTROL,
			    VQP_CONTROL_RESET);
		else
			vqp_device_reset(guest.device);
		CHECK(!guest.level);
		CHECK_EQ(guest.mapped, 0);
		CHECK_EQ(host.events, 1);
		CHECK_EQ(host.event[0].event, VQP_EVENT_QP_PEER_DETACH);
		CHECK_EQ(host.event[0].cid, 16);
		CHECK(!host.has_memory);
		CHECK_EQ(vqp_program_ring(host.program, bell),
		    VQP_ERROR_NOT_FOUND);
		CHECK_EQ(send_one(), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), 0);
		CHECK_EQ(fake_read32(&guest, VQP_REG_IMR), 0);
		CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), 0);
		CHECK_EQ(fake_read32(&guest, VQP_REG_GUEST_PAGE_SHIFT), 12);
		/* The notification page is not taken up again. */
		vqp_device_suspend(guest.device);
		vqp_device_resume(guest.device, false);
		CHECK_EQ(guest.mapped, 0);
		/* The half datagram is gone, the next one is whole. */
		CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID,
		    NULL, 0), 16);
		/* And a driver starts anew. */
		fake_write32(&guest, VQP_REG_CAPS, 0x3c);
		CHECK_EQ(fake_set_notify(&guest, FAKE_PPN(0)), VQP_SUCCESS);
		CHECK_EQ(fake_link(&guest, bell, 7), VQP_SUCCESS);
		/* Nothing is left of the high words of DMA. */
		memset(guest.memory, 0, 3 * sizeof(struct vqp_dma_operation));
		fake_write32(&guest, VQP_REG_DATA_IN_LOW, FAKE_BASE);
		CHECK_EQ(guest.memory[0], 1);
		fake_write32(&guest, VQP_REG_DATA_OUT_LOW, FAKE_BASE);
		CHECK_EQ(guest.memory[0], 0);
		close_all();
	}
}

TEST(result_stays, "RESULT is the last answer, as often as it is read")
{
	open_as(VQP_DEVICE_PORT, 0);
	CHECK_EQ(fake_hypercall(&guest, 14, NULL, 0),
	    VQP_ERROR_INVALID_RESOURCE);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_LOW), UINT32_MAX);
		CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_HIGH), UINT32_MAX);
	}
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_HIGH), 0);
	close_all();
}

static void
touch_registers(struct fake_program *program, const char *call)
{
	const uint8_t byte = 0;
	uint8_t in[8];

	(void)program;
	if (strcmp(call, "datagram") != 0)
		return;
	CHECK_EQ(fake_read32(&guest, VQP_REG_ICR), UINT32_MAX);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_RESET);
	vqp_device_data_out(guest.device, &byte, 1);
	vqp_device_data_in(guest.device, in, sizeof(in));
	CHECK_EQ(in[7], VQP_DATAGRAM_FILLER);
	in[0] = 0;
	vqp_device_data_in(guest.device, in, 1);
	CHECK_EQ(in[0], VQP_DATAGRAM_FILLER);
	CHECK_EQ(fake_count(&guest, VQP_COUNT_NESTED_ACCESS), 5);
}

TEST(nested_access, "a program cannot use the registers of who is served")
{
	open_as(VQP_DEVICE_PORT, 0);
	host.hook = touch_registers;
	CHECK_EQ(fake_send(&guest, host_endpoint, any, NULL, 0), 24);
	CHECK_EQ(host.datagrams, 1);
	close_all();
}

static void
touch_from_interrupt(struct fake_guest *of)
{
	uint8_t in[8];

	fake_write32(of, VQP_REG_DATA_IN_LOW, 0);
	fake_write32(of, VQP_REG_CONTROL, VQP_CONTROL_RESET);
	CHECK_EQ(fake_read32(of, VQP_REG_ICR), UINT32_MAX);
	vqp_device_data_in(of->device, in, sizeof(in));
	CHECK_EQ(in[7], VQP_DATAGRAM_FILLER);
	vqp_device_set_interrupts(of->device, VQP_INTERRUPTS_SHARED);
}

TEST(interrupt_at_itself, "a message that a guest aims at its own registers")
{
	open_as(VQP_DEVICE_MMIO, 0);
	fake_write32(&guest, VQP_REG_CAPS, 0x3c);
	fake_write32(&guest, VQP_REG_IMR, 7);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	guest.interrupt_hook = touch_from_interrupt;
	for (uint32_t i = 1; i <= 3; i++) {
		CHECK_EQ(send_one(), 24);
		CHECK_EQ(guest.interrupts[0], i);
		CHECK_EQ(fake_count(&guest, VQP_COUNT_NESTED_ACCESS), 4 * i);
	}
	guest.interrupt_hook = NULL;
	CHECK_EQ(fake_read32(&guest, VQP_REG_STATUS), VQP_STATUS_INT_ON);
	close_all();
}

static void
reset_guest(struct fake_program *program, const char *call)
{
	(void)program;
	if (strcmp(call, "datagram") == 0)
		vqp_device_reset(guest.device);
}

TEST(reset_within, "what a reset cuts in two is no success")
{
	const struct vqp_handle bell = { VQP_CONTEXT_HOST, 5001 };
	const struct {
		struct vqp_datagram datagram;
		struct vqp_handle handle;
	} ring = { { { VQP_CONTEXT_HYPERVISOR, VQP_HYPERCALL_DOORBELL_NOTIFY },
	    { VQP_CONTEXT_ANY, VQP_RESOURCE_ANY }, sizeof(bell) }, bell };

	open_as(VQP_DEVICE_PORT, 0);
	CHECK_EQ(vqp_program_link(host.program, bell.resource), VQP_SUCCESS);
	vqp_device_data_out(guest.device, &ring, sizeof(ring));
	CHECK_EQ(fake_read32(&guest, VQP_REG_RESULT_LOW), VQP_SUCCESS);
	vqp_device_data_out(guest.device, &ring, 24);
	vqp_device_reset(guest.device);
	vqp_device_data_out(guest.device, &ring.handle, sizeof(bell));
	CHECK_EQ((int32_t)fake_read32(&guest, VQP_REG_RESULT_LOW),
	    VQP_ERROR_UNAVAILABLE);
	close_all();
}

TEST(reset_from_a_call, "a program may reset the guest that it serves")
{
	uint8_t payload[100] = { 1 };

	open_as(VQP_DEVICE_PORT, 0);
	host.hook = reset_guest;
	CHECK_EQ(fake_send(&guest, host_endpoint, any, payload, 100), 124);
	CHECK_EQ(fake_hypercall(&guest, VQP_HYPERCALL_GET_CONTEXT_ID, NULL, 0),
	    16);
	close_all();
}

TEST(count_names, "each count has a name of its own")
{
	for (int i = 0; i < VQP_DEVICE_COUNTS; i++)
		for (int j = 0; j < i; j++)
			CHECK(strcmp(vqp_device_count_name(
			    (enum vqp_device_count)i), vqp_device_count_name(
			    (enum vqp_device_count)j)) != 0);
	CHECK_EQ(strcmp(vqp_device_count_name(VQP_COUNT_QUEUE_LIMIT),
	    "queue-bytes-limit"), 0);
	CHECK_EQ(strcmp(vqp_device_count_name(VQP_DEVICE_COUNTS),
	    "unknown count"), 0);
	open_as(VQP_DEVICE_PORT, 0);
	CHECK_EQ(fake_count(&guest, VQP_DEVICE_COUNTS), 0);
	CHECK_EQ(vqp_program_count(host.program, VQP_DEVICE_COUNTS), 0);
	close_all();
}

TEST_MAIN()
