/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A vqp-host with one service of each kind, and the checks that must hold for
 * it.
 */
#ifndef HOST_WORLD_H
#define HOST_WORLD_H

#include "count_fds.h"
#include "fake_qemu.h"
#include "fuzz.h"

/* The ports and resources of the services. */
#define ECHO_PORT	7
#define SOURCE_PORT	8
#define SINK_PORT	9
#define DATAGRAM_PORT	5
#define PAIR_NUMBER	60
#define PAIR_BYTES	4096
#define DOORBELL	63

static struct host_service services[] = {
	{ .kind = HOST_ECHO, .port = ECHO_PORT },
	{ .kind = HOST_SOURCE, .port = SOURCE_PORT, .bytes = 1000 },
	{ .kind = HOST_SINK, .port = SINK_PORT },
	{ .kind = HOST_DATAGRAM_ECHO, .port = DATAGRAM_PORT },
	{ .kind = HOST_PAIR_ECHO, .port = PAIR_NUMBER, .bytes = PAIR_BYTES },
	{ .kind = HOST_DOORBELL, .port = DOORBELL },
};

static struct world {
	struct fake_qemu qemu;
	struct host host;
	struct host_options options;
	struct input input;
	unsigned fd_count;
} world;

static inline void
world_open(int type)
{
	world.fd_count = count_fds();
	for (size_t i = 0; i < COUNT(services); i++)
		services[i].next = i + 1 < COUNT(services) ?
		    &services[i + 1] : NULL;
	world.options = (struct host_options){ .link = "",
	    .cid = VQP_CONTEXT_HOST, .services = services };
	fake_qemu_open(&world.qemu, type);
	world.qemu.now_ms = 1;
	world.qemu.forgets = true;
	host_init(&world.host, NULL);
}

/*
 * Advance the clock by a millisecond to half a minute.  The time comes from the
 * input, so that a run repeats.
 */
static inline void
world_later(const struct step *step)
{
	world.qemu.now_ms += INT64_C(1) << (step->k & 15);
}

/* Close everything and check that nothing is left, whatever the input was. */
static inline void
world_close(void)
{
	host_close(&world.host);
	MUST(world.host.streams.first == NULL);
	MUST(world.host.link.pairs == NULL);
	fake_qemu_close(&world.qemu);
	MUST_EQ(count_fds(), world.fd_count);
}

#endif
