/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The registers of a simulated machine's device, and the streams through its
 * ports.
 */
#include <string.h>

#include "sim_private.h"

uint32_t
vqp_os_reg_read(struct vqp_os *os, uint32_t reg)
{
	uint32_t value;

	sim_machine_check(os, "reg_read");
	sim_point("reg_read", reg);
	if (os->pulled)
		return UINT32_MAX;
	value = os->options.bus.reg_read(os->options.bus.device, reg);
	sim_note("reg 0x%02x is 0x%08x", (unsigned)reg, (unsigned)value);
	sim_point("reg_was_read", value);
	return value;
}

void
vqp_os_reg_write(struct vqp_os *os, uint32_t reg, uint32_t value)
{
	sim_machine_check(os, "reg_write");
	sim_point("reg_write", reg);
	sim_note("reg 0x%02x := 0x%08x", (unsigned)reg, (unsigned)value);
	if (!os->pulled)
		os->options.bus.reg_write(os->options.bus.device, reg, value);
	sim_point("reg_written", value);
}

/* The size of the next piece of a stream that has `bytes` left. */
static uint64_t
piece(uint64_t bytes, bool whole)
{
	uint64_t n = bytes;

	if (!whole && bytes > 1 && rng_below(&sim.rng, 4) == 0)
		n = 1 + rng_below(&sim.rng, bytes);
	return n;
}

void
vqp_os_stream_read(struct vqp_os *os, uint32_t reg, void *to, uint64_t bytes)
{
	uint8_t *at = to;

	sim_machine_check(os, "stream_read");
	while (bytes > 0) {
		const uint64_t n = piece(bytes, os->options.bus.whole_reads);

		sim_point("stream_read", n);
		if (os->pulled)
			memset(at, 0xff, (size_t)n);
		else
			os->options.bus.stream_read(os->options.bus.device,
			    reg, at, n);
		at += n;
		bytes -= n;
	}
}

void
vqp_os_stream_write(struct vqp_os *os, uint32_t reg, const void *from,
    uint64_t bytes)
{
	const uint8_t *at = from;

	sim_machine_check(os, "stream_write");
	if (os->no_ports)
		sim_fail("stream_write() without ports");
	while (bytes > 0) {
		const uint64_t n = piece(bytes, false);

		sim_point("stream_write", n);
		if (!os->pulled)
			os->options.bus.stream_write(os->options.bus.device,
			    reg, at, n);
		at += n;
		bytes -= n;
	}
}
