/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Injected faults, to test how a driver handles them: interrupts that are lost
 * or doubled, a header with a false size, a result that is too small, a DMA
 * operation that stays busy for long.
 */
#include "qemu/osdep.h"

#include "qemu_vmci.h"

bool
vmci_fault(VmciFault *fault)
{
	if (fault->every == 0 || ++fault->count < fault->every)
		return false;
	fault->count = 0;
	return true;
}

/*
 * ---- A header's payload_size.  The code follows the stream as the driver
 * does, so it must use the true size here.
 */

static void
follow(VmciCorrupt *c, uint8_t *byte)
{
	if (c->payload_left > 0) {
		c->payload_left--;
		return;
	}
	/* Filler looks like dst.resource of all ones; groups are of eight. */
	if (c->header_at >= 4 && c->header_at < 8)
		c->filler = c->filler && *byte == VQP_DATAGRAM_FILLER;
	if (c->header_at >= 16) {
		c->size |= (uint64_t)*byte << (8 * (c->header_at - 16));
		if (c->header_at == 20 && vmci_fault(&c->fault))
			*byte ^= 0xa5;
	}
	c->header_at++;
	if (c->header_at == 8 && c->filler) {
		c->header_at = 0;
	} else if (c->header_at == 24) {
		c->payload_left = QEMU_ALIGN_UP(c->size, 8);
		c->header_at = 0;
	}
	if (c->header_at == 0) {
		c->size = 0;
		c->filler = true;
	}
}

/*
 * ---- Where faults are injected.
 */

uint64_t
vmci_fault_read(VmciState *s, hwaddr offset, unsigned width, uint64_t value)
{
	if (offset == VQP_REG_DATA_IN && s->corrupt.fault.every != 0) {
		for (unsigned i = 0; i < width; i++) {
			uint8_t byte = (uint8_t)(value >> (8 * i));
			const uint8_t was = byte;

			follow(&s->corrupt, &byte);
			value ^= (uint64_t)(byte ^ was) << (8 * i);
		}
	}
	if (offset == VQP_REG_RESULT_LOW) {
		if (s->result_fresh)
			s->result_short = value > 24 &&
			    value <= VQP_DATAGRAM_BYTES_MAX &&
			    vmci_fault(&s->short_result);
		s->result_fresh = false;
		if (s->result_short)
			value -= 8;
	}
	return value;
}

void
vmci_fault_write(VmciState *s, hwaddr offset, unsigned width, uint64_t value)
{
	if (offset == VQP_REG_DATA_OUT || offset == VQP_REG_DATA_OUT_LOW)
		s->result_fresh = true;
	/* The high half of these drivers is 0. */
	if (offset == VQP_REG_DATA_OUT_LOW && width == 4)
		s->send_address = value;
}

bool
vmci_fault_dma(VmciState *s, uint64_t address, void *bytes, uint64_t length)
{
	if (s->late_busy_us != 0 && length == 4 &&
	    address == s->send_address) {
		s->late_address = address;
		timer_mod(s->late_timer,
		    qemu_clock_get_us(QEMU_CLOCK_REALTIME) + s->late_busy_us);
		return true;
	}
	if (length > 8)
		for (uint64_t i = 0; i < length; i++)
			follow(&s->corrupt, (uint8_t *)bytes + i);
	return false;
}

static void
late_busy(void *opaque)
{
	VmciState *s = opaque;

	address_space_stl_le(pci_get_address_space(PCI_DEVICE(s)),
	    s->late_address, 0, MEMTXATTRS_UNSPECIFIED, NULL);
}

void
vmci_fault_reset(VmciState *s)
{
	s->corrupt.header_at = 0;
	s->corrupt.payload_left = 0;
	s->corrupt.size = 0;
	s->corrupt.filler = true;
	s->result_fresh = false;
	s->result_short = false;
	timer_del(s->late_timer);
}

void
vmci_fault_init(VmciState *s)
{
	s->late_timer = timer_new_us(QEMU_CLOCK_REALTIME, late_busy, s);
	vmci_fault_reset(s);
}

void
vmci_fault_exit(VmciState *s)
{
	timer_free(s->late_timer);
	s->late_timer = NULL;
}
