/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace=on: each access of a register as a line on standard error.  A run of
 * bytes through a data port becomes one line, with the header at its start:
 *
 *	vmci: wr8*36 DATA_OUT  dst 0:0 src -1:-1 size 12
 *	vmci: rd32 RESULT_LOW (0x1c) = 0x1
 */
#include "qemu/osdep.h"

#include "qemu_vmci.h"

static const char *
register_name(hwaddr offset)
{
	switch (offset) {
	case VQP_REG_STATUS: return "STATUS";
	case VQP_REG_CONTROL: return "CONTROL";
	case VQP_REG_ICR: return "ICR";
	case VQP_REG_IMR: return "IMR";
	case VQP_REG_DATA_OUT: return "DATA_OUT";
	case VQP_REG_DATA_IN: return "DATA_IN";
	case VQP_REG_CAPS: return "CAPS";
	case VQP_REG_RESULT_LOW: return "RESULT_LOW";
	case VQP_REG_RESULT_HIGH: return "RESULT_HIGH";
	case VQP_REG_DATA_OUT_LOW: return "DATA_OUT_LOW";
	case VQP_REG_DATA_OUT_HIGH: return "DATA_OUT_HIGH";
	case VQP_REG_DATA_IN_LOW: return "DATA_IN_LOW";
	case VQP_REG_DATA_IN_HIGH: return "DATA_IN_HIGH";
	case VQP_REG_GUEST_PAGE_SHIFT: return "GUEST_PAGE_SHIFT";
	default: return "nothing";
	}
}

static void
tell_run(const char *verb, const char *port, uint32_t *bytes,
    const uint8_t *head)
{
	struct vqp_datagram datagram;

	if (*bytes == 0)
		return;
	memcpy(&datagram, head, sizeof(datagram));
	fprintf(stderr, "vmci: %s8*%u %s", verb, *bytes, port);
	if (*bytes >= sizeof(datagram) &&
	    datagram.dst.resource != VQP_RESOURCE_ANY)
		fprintf(stderr, "  dst %u:%u src %u:%u size %" PRIu64,
		    datagram.dst.context, datagram.dst.resource,
		    datagram.src.context, datagram.src.resource,
		    datagram.payload_size);
	fputc('\n', stderr);
	*bytes = 0;
}

static void
tell_runs(VmciTrace *trace)
{
	tell_run("wr", "DATA_OUT", &trace->out_bytes, trace->out_head);
	tell_run("rd", "DATA_IN", &trace->in_bytes, trace->in_head);
}

static void
add(uint32_t *bytes, uint8_t *head, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++, value >>= 8, (*bytes)++)
		if (*bytes < 24)
			head[*bytes] = (uint8_t)value;
}

void
vmci_trace_read(VmciState *s, hwaddr offset, unsigned width, uint64_t value)
{
	VmciTrace *trace = &s->trace;

	if (!trace->on)
		return;
	if (offset == VQP_REG_DATA_IN && width <= 4) {
		tell_run("wr", "DATA_OUT", &trace->out_bytes,
		    trace->out_head);
		add(&trace->in_bytes, trace->in_head, width, value);
		return;
	}
	tell_runs(trace);
	fprintf(stderr, "vmci: rd%u %s (0x%x) = 0x%" PRIx64 "\n", width * 8,
	    register_name(offset), (unsigned)offset, value);
}

void
vmci_trace_write(VmciState *s, hwaddr offset, unsigned width, uint64_t value)
{
	VmciTrace *trace = &s->trace;

	if (!trace->on)
		return;
	if (offset == VQP_REG_DATA_OUT && width <= 4) {
		tell_run("rd", "DATA_IN", &trace->in_bytes, trace->in_head);
		add(&trace->out_bytes, trace->out_head, width, value);
		return;
	}
	tell_runs(trace);
	fprintf(stderr, "vmci: wr%u %s (0x%x) = 0x%" PRIx64 "\n", width * 8,
	    register_name(offset), (unsigned)offset, value);
}

void
vmci_trace_line(VmciState *s, const char *format, ...)
{
	va_list arguments;

	if (!s->trace.on)
		return;
	tell_runs(&s->trace);
	fputs("vmci: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
