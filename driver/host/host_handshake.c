/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The handshake of a stream:
 *
 *	guest connects			we connect
 *	REQUEST2 ->			<- REQUEST2
 *	<- NEGOTIATE2	ASKED		NEGOTIATE2 ->
 *	OFFER ->			<- OFFER	OFFERED
 *	<- ATTACH	OPEN		ATTACH ->	OPEN
 */
#include <sys/random.h>

#include "host_stream_private.h"

#define RING_BYTES	262144
#define RING_BYTES_MIN	128
#define PROTOCOL_QSTATE	1	/* the protocol that REQUEST2 offers */
#define PORT_MIN	1024
#define RESOURCE_MIN	1024

/* Retry a program with a full backlog; a Linux guest waits 2 s in all. */
#define DIAL_MS		1000
#define DIAL_AGAIN_MS_MAX	40
#define NAMES_MAX	8
#define HALF_OPEN_MAX	128

/*
 * A guest that leaves may leave a full ring, and its bytes are kept until the
 * endpoint has taken them.  At most 128 MiB for all streams together: beyond
 * that a stream is refused.
 */
#define STREAMS_MAX	512

static uint64_t
agree_size(uint64_t asked)
{
	return asked >= RING_BYTES_MIN && asked <= RING_BYTES ? asked :
	    RING_BYTES;
}

/* True when there is no room for one more stream. */
static bool
too_many(struct host *host)
{
	const bool was_full = host->streams.full;
	unsigned count = 0;

	for (const struct host_stream *stream = host->streams.first;
	    stream != NULL; stream = stream->next)
		count += stream->state != STATE_DEAD;
	host->streams.full = count >= STREAMS_MAX;
	if (host->streams.full && !was_full)
		host_say(host, "%u streams are open, or closed with unread "
		    "bytes: no more until one ends",
		    count);
	return host->streams.full;
}

/* Count the handshakes that a guest began and has not finished. */
static bool
too_many_half_open(const struct host *host)
{
	unsigned count = 0;

	for (const struct host_stream *stream = host->streams.first;
	    stream != NULL; stream = stream->next)
		count += stream->state == STATE_ASKED && !stream->ours;
	return count >= HALF_OPEN_MAX;
}

static void
negotiate(struct host *host, struct host_stream *stream)
{
	const union vqp_vsock_body body = { .size = stream->size };

	host_control_say(host, stream, VQP_VSOCK_NEGOTIATE2, PROTOCOL_QSTATE,
	    &body);
}

static void
say_handle(struct host *host, struct host_stream *stream,
    enum vqp_vsock_type type)
{
	const union vqp_vsock_body body = { .handle = stream->link.handle };

	host_control_say(host, stream, type, 0, &body);
}

/*
 * The old REQUEST asks for the notifications of the old protocol, which
 * vqp-host does not support: bytes would move only until a ring is full.
 */
void
host_handshake_request(struct host *host, uint32_t cid,
    const struct vqp_vsock_packet *packet)
{
	const bool hypervisor = vqp_vsock_is_hypervisor(packet->datagram.dst);
	struct host_end *end = NULL;
	struct host_stream *stream;
	bool later = false;

	if (packet->type == VQP_VSOCK_REQUEST2 &&
	    (packet->protocol & PROTOCOL_QSTATE) != 0 &&
	    packet->body.size != 0 && !too_many_half_open(host) &&
	    !too_many(host))
		end = host->streams.listener(host, packet->dst_port,
		    hypervisor, &later);
	if (end == NULL && !later) {
		host_control_reset_stranger(host, cid, packet);
		return;
	}
	stream = host_stream_new(host, cid, packet->src_port,
	    packet->dst_port, end);
	stream->size = agree_size(packet->body.size);
	stream->hypervisor = hypervisor;
	if (end != NULL) {
		negotiate(host, stream);
		return;
	}
	stream->dial_until = host_now_ms() + DIAL_MS;
	stream->retry_at = host_now_ms() + stream->retry_ms;
}

void
host_handshake_dial(struct host *host, struct host_stream *stream, int64_t now)
{
	bool later;

	stream->end = host->streams.listener(host, stream->own_port,
	    stream->hypervisor, &later);
	if (stream->end != NULL) {
		stream->end->stream = stream;
		stream->retry_ms = RETRY_MS;
		stream->deadline = now + HANDSHAKE_MS;
		negotiate(host, stream);
	} else if (later && now < stream->dial_until) {
		if (stream->retry_ms < DIAL_AGAIN_MS_MAX)
			stream->retry_ms *= 2;
		stream->retry_at = now + stream->retry_ms;
	} else {
		host_stream_reset(host, stream);
	}
}

/*
 * A socket of the guest asks with the name of an existing stream.  The socket
 * of that stream is gone, though its memory may still be there: a guest closes
 * first and detaches later.  A stream that the host began is different: its
 * name has a listener's port, which two sockets of the guest can share, and the
 * older socket would receive any answer.
 */
void
host_handshake_request_again(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	if (stream->ours)
		return;
	host_stream_part(host, stream);
	host_handshake_request(host, stream->cid, packet);
}

static void
no_pair(struct host *host, struct host_stream *stream, int64_t status)
{
	host_say(host, "%u:%u: no queue pair: %s", stream->cid, stream->port,
	    vqp_status_name(status));
	host_stream_reset(host, stream);
}

/* Attach to the pair that the guest offered. */
static void
pair_attached(struct host *host, struct host_pair *link, int64_t status)
{
	struct host_stream *stream = (struct host_stream *)link;

	if (status >= 0 && !host_stream_attach(stream))
		status = VQP_ERROR_NO_MEM;	/* not mapped: logged */
	if (status < 0) {
		no_pair(host, stream, status);
		return;
	}
	host_stream_open_up(host, stream);
	say_handle(host, stream, VQP_VSOCK_ATTACH);
}

/*
 * Random start: the guest may still hold sockets of a previous vqp-host and
 * would mistake our packets for its.
 */
static uint32_t
somewhere(struct host *host, uint32_t min)
{
	uint32_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		host_fail(host, "cannot get a random number");
	return min + value % (UINT32_MAX / 2);
}

void
host_handshake_init(struct host *host)
{
	host->streams.last_port = somewhere(host, PORT_MIN);
	host->streams.last_resource = somewhere(host, RESOURCE_MIN);
}

/* True if a pair has that name: one of ours, or one that the guest made. */
static bool
name_taken(int64_t status)
{
	return status == VQP_ERROR_ALREADY_EXISTS ||
	    status == VQP_ERROR_UNAVAILABLE ||
	    status == VQP_ERROR_MISMATCH || status == VQP_ERROR_NO_ACCESS;
}

void
host_handshake_offer(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	const struct vqp_handle handle = packet->body.handle;

	if (stream->ours || stream->state != STATE_ASKED ||
	    stream->end == NULL || stream->link.opening ||
	    handle.context != stream->cid) {
		host_stream_reset(host, stream);
		return;
	}
	stream->link.leaving = host_stream_leaving;
	stream->link.opened = pair_attached;
	host_pair_open(host, &stream->link, handle, stream->cid,
	    VQP_QPAIR_ATTACH_ONLY, stream->size);
}

/* Open a pair under a name that is free, as far as the host knows. */
static uint32_t
next_name(uint32_t *last, uint32_t min)
{
	if (++*last < min || *last == UINT32_MAX)
		*last = min;
	return *last;
}

/* A pair of a name that nobody has, as far as we know. */
static void
create_pair(struct host *host, struct host_stream *stream)
{
	struct vqp_handle handle = { .context = host->link.cid };

	handle.resource = next_name(&host->streams.last_resource,
	    RESOURCE_MIN);
	host_pair_open(host, &stream->link, handle, stream->cid, 0,
	    stream->size);
}

static void
pair_created(struct host *host, struct host_pair *link, int64_t status)
{
	struct host_stream *stream = (struct host_stream *)link;

	if (name_taken(status) && ++stream->names_tried < NAMES_MAX) {
		/* From the second try on names are random: no guest guesses. */
		host->streams.last_resource = somewhere(host, RESOURCE_MIN);
		create_pair(host, stream);
	} else if (status < 0) {
		no_pair(host, stream, status);
	} else {
		stream->state = STATE_OFFERED;
		say_handle(host, stream, VQP_VSOCK_OFFER);
	}
}

void
host_handshake_negotiate(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	if (!stream->ours || stream->state != STATE_ASKED ||
	    stream->link.opening || packet->body.size < RING_BYTES_MIN ||
	    packet->body.size > RING_BYTES ||
	    packet->protocol != PROTOCOL_QSTATE) {
		host_stream_reset(host, stream);
		return;
	}
	stream->size = packet->body.size;
	stream->link.leaving = host_stream_leaving;
	stream->link.opened = pair_created;
	create_pair(host, stream);
}

void
host_handshake_attach(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	if (stream->state != STATE_OFFERED ||
	    packet->body.handle.context != stream->link.handle.context ||
	    packet->body.handle.resource != stream->link.handle.resource ||
	    !host_stream_attach(stream))
		host_stream_reset(host, stream);
	else
		host_stream_open_up(host, stream);
}

static void
request(struct host *host, struct host_stream *stream)
{
	const union vqp_vsock_body body = { .size = RING_BYTES };

	host_control_say(host, stream, VQP_VSOCK_REQUEST2, PROTOCOL_QSTATE,
	    &body);
}

void
host_handshake_resend(struct host *host, struct host_stream *stream)
{
	if (stream->state == STATE_OFFERED)
		say_handle(host, stream, VQP_VSOCK_OFFER);
	else if (stream->state != STATE_ASKED)
		say_handle(host, stream, VQP_VSOCK_ATTACH);
	else if (stream->ours)
		request(host, stream);
	else
		negotiate(host, stream);
}

int64_t
host_stream_connect(struct host *host, uint32_t cid, uint32_t port,
    struct host_end *end)
{
	struct host_stream *stream;
	uint32_t own_port;

	if (too_many(host))
		return VQP_ERROR_NO_RESOURCES;
	do
		own_port = next_name(&host->streams.last_port, PORT_MIN);
	while (host_stream_find(host, cid, port, own_port, false) != NULL);
	stream = host_stream_new(host, cid, port, own_port, end);
	stream->ours = true;
	request(host, stream);
	return stream->own_port;
}
