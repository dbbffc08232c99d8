/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Interrupts: which causes happened, which of them the guest may see, and when
 * an interrupt is sent.  `causes` holds each cause that happened and was not
 * delivered, so a cause waits there before INT_ENABLE or while it is masked.
 */
#include "device_private.h"

static uint32_t
visible(const struct vqp_device *device)
{
	return device->enabled ? device->causes & device->imr : 0;
}

/*
 * A message is a write to an address of the guest's choice, which may be one
 * of our own registers.  Such an access is refused: it would find the device in
 * the middle of a change, and each interrupt could raise the next.
 */
static void
interrupt(struct vqp_device *device, uint32_t vector, bool level)
{
	device->interrupting = true;
	device->host.interrupt(device->host.context, vector, level);
	device->interrupting = false;
}

bool
vqp_device_nested(struct vqp_device *device)
{
	if (!device->serving && !device->interrupting)
		return false;
	vqp_hub_refuse(&device->context, VQP_COUNT_NESTED_ACCESS,
	    VQP_ERROR_UNAVAILABLE);
	return true;
}

void
vqp_device_deliver(struct vqp_device *device, uint32_t fresh)
{
	uint32_t causes = visible(device);

	if (device->interrupts == VQP_INTERRUPTS_EXCLUSIVE) {
		device->causes &= ~causes;
		for (uint32_t i = 0; causes != 0; i++, causes >>= 1)
			if ((causes & 1) != 0)
				interrupt(device, i, true);
		return;
	}
	if (causes != 0 && (!device->level || (causes & fresh) != 0)) {
		device->level = true;
		interrupt(device, 0, true);
	} else if (causes == 0 && device->level) {
		device->level = false;
		interrupt(device, 0, false);
	}
}

void
vqp_device_raise(struct vqp_device *device, uint32_t causes)
{
	const uint32_t fresh = causes & ~device->causes;

	device->causes |= causes;
	vqp_device_deliver(device, fresh);
}

void
vqp_device_set_interrupts(struct vqp_device *device,
    enum vqp_interrupts interrupts)
{
	if (interrupts == device->interrupts || device->interrupting)
		return;
	if (device->level) {
		device->level = false;
		interrupt(device, 0, false);
	}
	device->interrupts = interrupts;
	vqp_device_deliver(device, 0);
}

bool
vqp_device_interrupt_level(const struct vqp_device *device)
{
	return device->level;
}

uint32_t
vqp_device_read_icr(struct vqp_device *device)
{
	const uint32_t causes = visible(device);

	device->causes &= ~causes;
	vqp_device_deliver(device, 0);
	return causes;
}
