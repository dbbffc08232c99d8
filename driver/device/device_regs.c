/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The register file: what a guest reads and writes, and what a reset clears.
 */
#include "device_private.h"

void
vqp_device_drop_datagrams(struct vqp_device *device)
{
	while (device->head != NULL) {
		struct device_message *message = device->head;

		device->head = message->next;
		vqp_device_free_message(device, message);
	}
	device->tail = &device->head;
	device->queue_bytes = 0;
	device->event_count = 0;
	device->events_lost = false;
	vqp_device_free_message(device, device->in);
	device->in = NULL;
	device->image_left = 0;
	device->image_count = 0;
	device->swallow = 0;
	/* The datagram that is being carried out is still in use. */
	if (!device->serving)
		vqp_device_out_clear(device);
}

void
vqp_device_reset(struct vqp_device *device)
{
	struct hub_context *context = &device->context;

	device->enabled = false;
	device->imr = 0;
	device->causes = 0;
	vqp_device_deliver(device, 0);
	/* First refuse new datagrams, rings and pairs; then drop the old. */
	device->caps = 0;
	vqp_hub_drop_links(context);
	vqp_device_drop_notify(device);
	vqp_hub_qpair_detach_all(context);
	vqp_device_drop_datagrams(device);
	device->causes = 0;
	/* Discard the rest of a datagram that was cut in two: no success. */
	device->result = VQP_ERROR_UNAVAILABLE;
	device->page_shift = VQP_PAGE_SHIFT_DEFAULT;
	device->out_high = 0;
	device->in_high = 0;
	device->cid_before = context->cid;
}

/*
 * ---- Writes.
 */

static void
write_control(struct vqp_device *device, uint32_t value)
{
	switch (value) {
	case VQP_CONTROL_RESET:
		vqp_device_reset(device);
		break;
	case VQP_CONTROL_INT_ENABLE:
		device->enabled = true;
		vqp_device_deliver(device, 0);
		break;
	case VQP_CONTROL_INT_DISABLE:
		device->enabled = false;
		vqp_device_deliver(device, 0);
		break;
	default:
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_CONTROL,
		    VQP_ERROR_INVALID_ARGS);
	}
}

static void
write_imr(struct vqp_device *device, uint32_t value)
{
	uint32_t known = VQP_CAUSE_DATAGRAM | VQP_CAUSE_NOTIFICATION;

	if (device->generation == VQP_DEVICE_MMIO)
		known |= VQP_CAUSE_DMA_DATAGRAM;
	if ((value & ~known) != 0)
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_IMR,
		    VQP_ERROR_INVALID_ARGS);
	device->imr = value & known;
	vqp_device_deliver(device, 0);
}

/*
 * Each write replaces the previous one: a driver that takes over after a crash
 * negotiates its capabilities again.
 */
static void
write_caps(struct vqp_device *device, uint32_t value)
{
	if ((value & ~device->caps_offered) != 0)
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_CAPS,
		    VQP_ERROR_INVALID_ARGS);
	device->caps = value & device->caps_offered;
}

static void
write_page_shift(struct vqp_device *device, uint32_t value)
{
	if (value < VQP_PAGE_SHIFT_DEFAULT || value > PAGE_SHIFT_MAX)
		vqp_hub_refuse(&device->context, VQP_COUNT_BAD_PAGE_SHIFT,
		    VQP_ERROR_INVALID_ARGS);
	else
		device->page_shift = value;
}

static void
bad_register(struct vqp_device *device)
{
	vqp_hub_refuse(&device->context, VQP_COUNT_BAD_REGISTER,
	    VQP_ERROR_INVALID_ARGS);
}

/* The registers of DMA datagrams; absent until the guest acknowledged them. */
static void
write_dma(struct vqp_device *device, uint64_t offset, uint32_t value)
{
	if ((device->caps & VQP_CAP_DMA_DATAGRAM) == 0) {
		bad_register(device);
		return;
	}
	switch (offset) {
	case VQP_REG_DATA_OUT_LOW:
		vqp_device_dma_send(device,
		    (uint64_t)device->out_high << 32 | value);
		break;
	case VQP_REG_DATA_OUT_HIGH:
		device->out_high = value;
		break;
	case VQP_REG_DATA_IN_LOW:
		vqp_device_dma_receive(device,
		    (uint64_t)device->in_high << 32 | value);
		break;
	case VQP_REG_DATA_IN_HIGH:
		device->in_high = value;
		break;
	default:
		write_page_shift(device, value);
	}
}

static bool
is_port_width(uint32_t width)
{
	return width == 1 || width == 2 || width == 4;
}

void
vqp_device_write(struct vqp_device *device, uint64_t offset, uint32_t width,
    uint64_t value)
{
	if (vqp_device_nested(device))
		return;
	if (offset == VQP_REG_DATA_OUT && is_port_width(width)) {
		uint8_t bytes[4];

		for (uint32_t i = 0; i < width; i++)
			bytes[i] = (uint8_t)(value >> (8 * i));
		vqp_device_data_out(device, bytes, width);
		return;
	}
	if (width != 4) {
		bad_register(device);
		return;
	}
	switch (offset) {
	case VQP_REG_CONTROL:
		write_control(device, (uint32_t)value);
		break;
	case VQP_REG_IMR:
		write_imr(device, (uint32_t)value);
		break;
	case VQP_REG_CAPS:
		write_caps(device, (uint32_t)value);
		break;
	case VQP_REG_DATA_OUT_LOW:
	case VQP_REG_DATA_OUT_HIGH:
	case VQP_REG_DATA_IN_LOW:
	case VQP_REG_DATA_IN_HIGH:
	case VQP_REG_GUEST_PAGE_SHIFT:
		write_dma(device, offset, (uint32_t)value);
		break;
	default:
		bad_register(device);
	}
}

/*
 * ---- Reads.
 */

static uint64_t
read_word(struct vqp_device *device, uint64_t offset)
{
	switch (offset) {
	case VQP_REG_STATUS:
		return device->enabled ? VQP_STATUS_INT_ON : 0;
	case VQP_REG_ICR:
		return vqp_device_read_icr(device);
	case VQP_REG_IMR:
		return device->imr;
	case VQP_REG_CAPS:
		return device->caps_offered;
	case VQP_REG_RESULT_LOW:
		return (uint32_t)device->result;
	case VQP_REG_RESULT_HIGH:
		return (uint64_t)device->result >> 32;
	case VQP_REG_GUEST_PAGE_SHIFT:
		if ((device->caps_offered & VQP_CAP_DMA_DATAGRAM) != 0)
			return device->page_shift;
		break;
	default:
		break;
	}
	bad_register(device);
	return UINT32_MAX;
}

uint64_t
vqp_device_read(struct vqp_device *device, uint64_t offset, uint32_t width)
{
	const uint64_t ones = width >= 8 ? UINT64_MAX :
	    (UINT64_C(1) << (8 * width)) - 1;

	if (vqp_device_nested(device))
		return ones;
	if (offset == VQP_REG_DATA_IN && is_port_width(width)) {
		uint8_t bytes[4];
		uint64_t value = 0;

		vqp_device_data_in(device, bytes, width);
		for (uint32_t i = 0; i < width; i++)
			value |= (uint64_t)bytes[i] << (8 * i);
		return value;
	}
	if (width == 4)
		return read_word(device, offset);
	bad_register(device);
	return ones;
}
