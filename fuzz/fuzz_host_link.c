/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A QEMU that sends anything to vqp-host: packets of any type, length and
 * numbers, with no descriptor, one or many; descriptors of memory, of less
 * memory than the packet says, or of something else; answers to requests that
 * are late, wrong, repeated or missing.
 *
 * What must hold, besides no access out of bounds: the host ends or continues;
 * at the end no descriptor, mapping or allocation is left.
 *
 * Input: the first step selects the kind of control socket (bit 0: a chardev's)
 * and the answers to requests until the connection is up.  Each later step is a
 * call by the numbers of enum call, or, while the host waits for an answer,
 * that answer.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host_world.h"

enum call {
	CALL_RESULT,		/* and the next types, in order */
	CALL_DATAGRAM, CALL_DOORBELL, CALL_EVENT, CALL_FILE, CALL_MEMORY,
	CALL_PIECES, CALL_NO_MEMORY, CALL_GUEST,
	CALL_BYTES,		/* any bytes */
	CALL_TURN,
	CALL_END,
	CALL_ANSWER,		/* as QEMU does */
	CALL_ANSWER_NOT,
	CALLS,
};

static uint8_t body[VQP_LINK_BYTES_MAX + 64];

static struct step
next(void)
{
	struct step step;

	input_step(&world.input, &step);
	return step;
}

static uint64_t
number(void)
{
	const struct step step = next();

	return step_number(&step, PAIR_BYTES, VQP_LINK_BYTES_MAX);
}

static struct vqp_handle
handle_of(uint8_t more)
{
	static const struct vqp_handle handles[] = {
		{ VQP_CONTEXT_HOST, PAIR_NUMBER }, { FAKE_CID, 50 },
		{ VQP_CONTEXT_HOST, DOORBELL }, { 0, 0 },
	};

	return handles[more % COUNT(handles)];
}

/*
 * Create descriptors of memory, of less memory, of something unmappable, or
 * none.
 */
static unsigned
descriptors(uint8_t more, int fds[4])
{
	const unsigned count = more & 3;

	for (unsigned i = 0; i < count; i++) {
		if ((more >> 2 & 1) != 0) {
			fds[i] = eventfd(0, EFD_CLOEXEC);
		} else if ((more >> 3 & 1) != 0) {
			fds[i] = memfd_create("less", MFD_CLOEXEC);
			MUST_EQ(ftruncate(fds[i], PAGE), 0);
		} else {
			fds[i] = dup(world.qemu.ram_fd);
		}
	}
	return count;
}

static uint64_t
fill_memory(const struct step *step)
{
	struct vqp_link_memory memory = {
		.handle = handle_of(step->more),
		.produce_size = PAIR_BYTES, .consume_size = PAIR_BYTES,
		.page_bytes = PAGE, .produce_bytes = PAGE,
		.consume_bytes = PAGE, .piece_count = 1,
	};
	uint64_t *const field[] = {
		&memory.produce_size, &memory.consume_size,
		&memory.page_bytes, &memory.produce_bytes,
		&memory.consume_bytes,
	};

	if (step_which(step) < COUNT(field))
		*field[step_which(step)] = number();
	else if (step_which(step) == COUNT(field))
		memory.piece_count = (uint32_t)number();
	memcpy(body, &memory, sizeof(memory));
	return sizeof(memory);
}

static uint64_t
fill_pieces(const struct step *step)
{
	struct vqp_link_piece piece = { .bytes = 4 * PAGE };
	const uint64_t count = step->k % 4;

	if ((step_which(step) & 1) != 0)
		piece.file = (uint32_t)number();
	if ((step_which(step) & 2) != 0)
		piece.offset = number();
	if ((step_which(step) & 4) != 0)
		piece.bytes = number();
	if ((step_which(step) & 8) != 0)
		return number() % sizeof(body);
	for (uint64_t i = 0; i < count; i++)
		memcpy(body + i * sizeof(piece), &piece, sizeof(piece));
	return count * sizeof(piece);
}

static uint64_t
fill_datagram(const struct step *step)
{
	struct vqp_datagram datagram = {
		.dst = { VQP_CONTEXT_HOST, step->more % 8 < 2 ?
		    VQP_VSOCK_RESOURCE : DATAGRAM_PORT },
		.src = { FAKE_CID, VQP_VSOCK_RESOURCE },
		.payload_size = step->k,
	};
	struct vqp_vsock_packet packet = {
		.version = 1, .type = step->k % 16, .src_port = 2000,
		.dst_port = ECHO_PORT, .protocol = 1, .body.size = 4096,
	};

	memcpy(body + sizeof(datagram), &packet.version,
	    sizeof(packet) - sizeof(datagram));
	if (step->more % 8 == 0)
		datagram.payload_size = sizeof(packet) - sizeof(datagram);
	if (step->more % 8 == 3)
		datagram.payload_size = number();
	memcpy(body, &datagram, sizeof(datagram));
	return sizeof(datagram) + (step->more < 128 ?
	    datagram.payload_size : number()) % VQP_LINK_BYTES_MAX;
}

static uint64_t
fill_event(const struct step *step)
{
	const struct vqp_event_qpair event = {
		.header.event = VQP_EVENT_QP_PEER_DETACH,
		.handle = handle_of(step->more),
	};

	memcpy(body, &event, sizeof(event));
	return sizeof(event);
}

/* Write the body of that call's packet; returns its correct length. */
static uint64_t
fill(enum call call, const struct step *step)
{
	const struct vqp_link_result result = { (int64_t)(int8_t)step->k };
	const struct vqp_link_guest guest = { .cid = step->k };
	const struct vqp_link_file file = { .index = step->k };
	const struct vqp_handle handle = handle_of(step->more);

	switch (call) {
	case CALL_DATAGRAM:
		return fill_datagram(step);
	case CALL_MEMORY:
		return fill_memory(step);
	case CALL_PIECES:
		return fill_pieces(step);
	case CALL_EVENT:
		return fill_event(step);
	case CALL_RESULT:
		memcpy(body, &result, sizeof(result));
		return sizeof(result);
	case CALL_FILE:
		memcpy(body, &file, sizeof(file));
		return sizeof(file);
	case CALL_GUEST:
		memcpy(body, &guest, sizeof(guest));
		return sizeof(guest);
	default:
		memcpy(body, &handle, sizeof(handle));
		return sizeof(handle);
	}
}

/* `tag` of a result: the tag of the request, or one near it. */
static void
send_packet(const struct step *step, uint32_t tag)
{
	const enum call call = step_call(step) % CALLS;
	uint64_t length = fill(call, step);
	int fds[4];
	const unsigned fd_count = call == CALL_FILE ?
	    descriptors(step->more, fds) : step->more == 255 ?
	    descriptors(1, fds) : 0;

	if (step_other(step))	/* an invalid length */
		length = number() % sizeof(body);
	fake_qemu_send(&world.qemu, VQP_LINK_RESULT + call, tag, body,
	    length, fds, fd_count);
	for (unsigned i = 0; i < fd_count; i++)
		close(fds[i]);
}

static void
act(const struct step *step, const struct fake_packet *asked)
{
	switch (step_call(step) % CALLS) {
	case CALL_BYTES:
		memset(body, step->k, sizeof(body));
		fake_qemu_send_raw(&world.qemu, body, step->more, NULL, 0);
		break;
	case CALL_TURN:
		world_later(step);
		if (asked == NULL)
			host_turn(&world.host, 0);
		break;
	case CALL_END:
		shutdown(world.qemu.fd, SHUT_WR);
		break;
	case CALL_ANSWER:
		if (asked != NULL)
			fake_qemu_answer(&world.qemu, asked);
		break;
	case CALL_ANSWER_NOT:
		break;
	default:
		send_packet(step, asked != NULL ? asked->tag :
		    (UINT32_C(0x80000000) | step->more));
	}
}

/* Take steps until one says that it was the answer. */
static void
answer(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	struct step step;

	for (int i = 0; i < 4 && input_step(&world.input, &step); i++) {
		act(&step, packet);
		if (step_call(&step) % CALLS >= CALL_ANSWER)
			return;
	}
	fake_qemu_answer(qemu, packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct step step;

	world.input = (struct input){ bytes, size };
	step = next();
	world_open((step.op & 1) != 0 ? SOCK_STREAM : SOCK_SEQPACKET);
	if ((step.op & 2) != 0)
		world.qemu.answer = answer;
	host_open_at(&world.host, &world.options, world.qemu.host_fd);
	world.qemu.answer = answer;
	while (world.host.state == HOST_RUNS &&
	    input_step(&world.input, &step))
		act(&step, NULL);
	host_turn(&world.host, 0);
	host_turn(&world.host, 0);
	world_close();
	return 0;
}
