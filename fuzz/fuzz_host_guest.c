/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A guest that sends anything to vqp-host, through an honest QEMU: control
 * packets of stream sockets in any order and with any numbers, offers of queue
 * pairs that exist or do not, datagrams, doorbells, and any bytes in the pages
 * that it shares, above all the indices, while the host works.
 *
 * What must hold, besides no access out of bounds: the host continues whatever
 * the guest does; at the end no descriptor or allocation is left.
 *
 * Input: the first step selects the kind of control socket (bit 0: a
 * chardev's); each later step is a call by the numbers of enum call.
 */
#include <sys/socket.h>

#include "host_world.h"

enum call {
	CALL_SAY = 0,		/* below 16: a control packet of that type */
	CALL_INDEX = 16,	/* write an index into a header */
	CALL_WRITE,		/* bytes into a ring, as an honest guest */
	CALL_READ,
	CALL_SCRIBBLE,		/* over a page */
	CALL_DATAGRAM,
	CALL_RING,
	CALL_DETACH,
	CALL_EVENT,
	CALL_REFUSE,		/* QEMU's answers from now on */
	CALL_CONNECT,		/* a whole handshake */
	CALL_HOST_CONNECTS,
	CALL_TURN,
	CALLS,
};

static uint32_t host_port;	/* of the host's last stream */

static uint32_t
port_of(uint8_t which)
{
	static const uint32_t ports[] = { ECHO_PORT, SOURCE_PORT, SINK_PORT,
	    99 };

	return (which & 4) != 0 ? host_port : ports[which & 3];
}

static struct fake_pair *
some_pair(uint8_t which)
{
	return world.qemu.pair_count == 0 ? NULL :
	    &world.qemu.pairs[which % world.qemu.pair_count];
}

static void
say(const struct step *step)
{
	union vqp_vsock_body body = { .size = PAIR_BYTES };
	const struct fake_pair *pair = some_pair(step->more >> 3);
	struct step more;

	switch (step_which(step)) {
	case 1:			/* a pair that exists */
		if (pair != NULL)
			body.handle = pair->call.handle;
		break;
	case 2:			/* one that the guest may create */
		body.handle = (struct vqp_handle){ FAKE_CID, step->k };
		break;
	case 3:
		body.size = step->k;
		break;
	case 4:
		input_step(&world.input, &more);
		body.size = step_number(&more, PAIR_BYTES, 262144);
		break;
	default:
		break;
	}
	fake_guest_say(&world.qemu, step->op & 15, 2000 + (step->k & 3),
	    port_of(step->more), step_other(step) ? 0 : 1, &body);
}

static void
write_index(const struct step *step)
{
	struct fake_pair *pair = some_pair(step->more >> 3);
	struct step more;
	uint64_t value, at;

	input_step(&world.input, &more);
	if (pair == NULL)
		return;
	value = step_number(&more, pair->call.produce_size, step->k);
	at = pair->offset + (step_other(step) ? 0 : PAGE +
	    (pair->call.produce_size + PAGE - 1) / PAGE * PAGE);
	memcpy(world.qemu.ram + at + 8 + (step->more & 1) * 8, &value,
	    sizeof(value));
}

static void
scribble(const struct step *step)
{
	const struct fake_pair *pair = some_pair(step->more >> 3);

	if (pair != NULL)
		memset(world.qemu.ram + pair->offset, step->k, PAGE);
}

/* The writer is honest, but the headers may hold anything. */
static void
move(const struct step *step, bool writes)
{
	static uint8_t bytes[8192];
	struct fake_pair *pair = some_pair(step->more >> 3);
	const uint64_t n = step_number(step, 1024, 4096) % sizeof(bytes);

	if (pair == NULL)
		return;
	if (writes)
		(void)vqp_pair_enqueue(&pair->guest, bytes, n);
	else
		(void)vqp_pair_dequeue(&pair->guest, bytes, n);
}

static void
datagram(const struct step *step)
{
	static uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];

	fake_guest_send(&world.qemu, step->k, (step->more & 1) != 0 ?
	    DATAGRAM_PORT : VQP_VSOCK_RESOURCE, payload,
	    step_number(step, 32, sizeof(payload)) % sizeof(payload));
}

static void
link_packet(uint32_t type, const struct step *step)
{
	const struct fake_pair *pair = some_pair(step->more >> 3);
	struct vqp_event_qpair event = {
		.header.event = step->k, .handle = { FAKE_CID, step->more },
	};
	const struct vqp_handle bell = { VQP_CONTEXT_HOST,
	    step_other(step) ? step->k : PAIR_NUMBER };

	if (pair != NULL)
		event.handle = pair->call.handle;
	if (type == VQP_LINK_EVENT)
		fake_qemu_send(&world.qemu, type, 0, &event, sizeof(event),
		    NULL, 0);
	else
		fake_qemu_send(&world.qemu, type, 0, &bell, sizeof(bell),
		    NULL, 0);
}

static void
refuse(const struct step *step)
{
	const int64_t status = -(int64_t)(step->k % 64);

	if ((step->more & 1) != 0)
		world.qemu.send_status = status;
	if ((step->more & 2) != 0)
		world.qemu.alloc_status = status;
	if ((step->more & 4) != 0)
		world.qemu.ring_status = status;
}

/* A handshake that succeeds, unless QEMU refuses. */
static void
connect_guest(const struct step *step)
{
	const uint32_t port = 2000 + (step->k & 3);
	union vqp_vsock_body body = { .size = PAIR_BYTES };

	fake_guest_say(&world.qemu, VQP_VSOCK_REQUEST2, port,
	    port_of(step->more), 1, &body);
	host_turn(&world.host, 0);
	body.size = 0;
	body.handle = (struct vqp_handle){ FAKE_CID, 50 + (step->k & 15) };
	fake_guest_say(&world.qemu, VQP_VSOCK_OFFER, port,
	    port_of(step->more), 0, &body);
	host_turn(&world.host, 0);
}

static void
act(const struct step *step)
{
	struct fake_pair *pair;
	int64_t port;

	switch (step_call(step) % CALLS) {
	case CALL_INDEX:
		write_index(step);
		break;
	case CALL_WRITE:
	case CALL_READ:
		move(step, step_call(step) % CALLS == CALL_WRITE);
		break;
	case CALL_SCRIBBLE:
		scribble(step);
		break;
	case CALL_DATAGRAM:
		datagram(step);
		break;
	case CALL_RING:
	case CALL_EVENT:
		link_packet(step_call(step) % CALLS == CALL_RING ?
		    VQP_LINK_DOORBELL : VQP_LINK_EVENT, step);
		break;
	case CALL_DETACH:
		pair = some_pair(step->more >> 3);
		if (pair != NULL)
			fake_qemu_detach(&world.qemu, pair->call.handle);
		break;
	case CALL_REFUSE:
		refuse(step);
		break;
	case CALL_CONNECT:
		connect_guest(step);
		break;
	case CALL_HOST_CONNECTS:
		port = host_stream_connect(&world.host, FAKE_CID,
		    2000 + (step->k & 3), host_end_echo(&world.host));
		host_port = port < 0 ? 0 : (uint32_t)port;
		break;
	case CALL_TURN:
		world_later(step);
		host_turn(&world.host, 0);
		break;
	default:
		say(step);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct step step;

	world.input = (struct input){ bytes, size };
	input_step(&world.input, &step);
	world_open((step.op & 1) != 0 ? SOCK_STREAM : SOCK_SEQPACKET);
	host_open_at(&world.host, &world.options, world.qemu.host_fd);
	MUST_EQ(world.host.state, HOST_RUNS);
	/* Set what would begin at a random number, so that runs repeat. */
	world.host.streams.last_port = world.host.streams.last_resource =
	    host_port = 1024;
	while (input_step(&world.input, &step)) {
		act(&step);
		if (step_other(&step) || (step.how & 8) != 0)
			host_turn(&world.host, 0);
	}
	for (int i = 0; i < 4; i++)
		host_turn(&world.host, 0);
	MUST_EQ(world.host.state, HOST_RUNS);
	MUST_EQ(world.qemu.starved, 0);
	world_close();
	return 0;
}
