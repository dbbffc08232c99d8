/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One stream: from REQUEST2, ours or the guest's, to the last RST.
 *
 *	guest connects			we connect
 *	REQUEST2 ->			<- REQUEST2
 *	<- NEGOTIATE2	ASKED		NEGOTIATE2 ->
 *	OFFER ->			<- OFFER	OFFERED
 *	<- ATTACH	OPEN		ATTACH ->	OPEN
 *
 * Wake-ups travel as WROTE and READ; when they are due, the rings' edges say
 * (E3).  A packet is believed only if it comes from the other end of the very
 * stream it names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host.h"

#define RING_BYTES	262144
#define RING_BYTES_MIN	128
#define PROTOCOL_QSTATE	1	/* what REQUEST2 offers */
#define PORT_MIN	1024
#define RESOURCE_MIN	1024

#define HANDSHAKE_MS	5000
#define LINGER_MS	10000
#define RETRY_MS	5
#define TURN_BYTES	(1 << 20)
#define HALF_OPEN_MAX	128

#define RECEIVE_SHUTDOWN	1
#define SEND_SHUTDOWN	2
#define BOTH_SHUTDOWN	3

enum state {
	STATE_ASKED,		/* one of the two sent REQUEST2 */
	STATE_OFFERED,		/* we sent OFFER */
	STATE_OPEN,
	STATE_LINGER,		/* all is said; the guest is to close */
	STATE_DEAD,
};

struct host_stream {
	struct host_pair link;	/* first: it is cast back */
	struct host_stream *next;
	enum state state;
	bool ours;		/* we connected */
	bool hypervisor;	/* the guest connected to context 0 */
	uint32_t tag;
	uint32_t cid, port, own_port;
	uint64_t size;
	struct host_end *end;
	struct vqp_pair pair;
	bool attached;		/* `pair` is usable */
	bool ready;		/* there may be work */
	bool guest_finished;	/* sends nothing more */
	bool guest_deaf;	/* reads nothing more */
	bool took_all;		/* and the end knows */
	bool gave_all;
	bool resend_wrote, resend_read;
	int64_t deadline;	/* 0 for none */
	int64_t opened;
	uint64_t bytes_in, bytes_out;
	/* What the guest had sent when its memory went. */
	uint8_t *rest;
	uint64_t rest_at, rest_bytes;
};

/*
 * ---- Control packets.
 */

static void
fill_packet(const struct host *host, struct vqp_vsock_packet *packet,
    enum vqp_vsock_type type, uint32_t cid, uint32_t port, uint32_t own_port)
{
	memset(packet, 0, sizeof(*packet));
	packet->datagram.dst.context = cid;
	packet->datagram.dst.resource = VQP_VSOCK_RESOURCE;
	packet->datagram.src.context = host->link.cid;
	packet->datagram.src.resource = VQP_VSOCK_RESOURCE;
	packet->datagram.payload_size = sizeof(*packet) -
	    sizeof(packet->datagram);
	packet->version = VQP_VSOCK_VERSION;
	packet->type = type;
	packet->src_port = own_port;
	packet->dst_port = port;
}

/* As fill_packet() left it, but from context 0. */
static void
from_hypervisor(struct vqp_vsock_packet *packet)
{
	packet->datagram.src.context = VQP_CONTEXT_HYPERVISOR;
	packet->datagram.src.resource = VQP_VSOCK_RESOURCE_HYPERVISOR;
}

static void
post(struct host *host, const struct vqp_vsock_packet *packet, uint32_t tag)
{
	host_link_post(host, &packet->datagram, &packet->version, tag);
}

static void
say(struct host *host, struct host_stream *stream, enum vqp_vsock_type type,
    uint16_t protocol, const union vqp_vsock_body *body)
{
	struct vqp_vsock_packet packet;

	fill_packet(host, &packet, type, stream->cid, stream->port,
	    stream->own_port);
	packet.protocol = protocol;
	if (stream->hypervisor)
		from_hypervisor(&packet);
	if (body != NULL)
		packet.body = *body;
	post(host, &packet, stream->tag);
}

static void
say_mode(struct host *host, struct host_stream *stream, uint64_t mode)
{
	const union vqp_vsock_body body = { .mode = mode };

	say(host, stream, VQP_VSOCK_SHUTDOWN, 0, &body);
}

/* Nobody is there.  Never in answer to a RST. */
static void
reset_stranger(struct host *host, uint32_t cid,
    const struct vqp_vsock_packet *asked)
{
	struct vqp_vsock_packet packet;

	fill_packet(host, &packet, VQP_VSOCK_RST, cid, asked->src_port,
	    asked->dst_port);
	if (vqp_vsock_is_hypervisor(asked->datagram.dst))
		from_hypervisor(&packet);
	post(host, &packet, UINT32_C(0x7fffffff));
}

/*
 * ---- Life.
 */

static struct host_stream *
new_stream(struct host *host, uint32_t cid, uint32_t port, uint32_t own_port,
    struct host_end *end)
{
	struct host_stream *stream = host_alloc(sizeof(*stream));

	stream->tag = ++host->streams.last_tag & UINT32_C(0x3fffffff);
	stream->cid = cid;
	stream->port = port;
	stream->own_port = own_port;
	stream->end = end;
	end->stream = stream;
	stream->deadline = host_now_ms() + HANDSHAKE_MS;
	stream->next = host->streams.first;
	host->streams.first = stream;
	return stream;
}

/* It is over, in whatever state; freed by the next host_stream_work(). */
static void
die(struct host *host, struct host_stream *stream)
{
	struct host_end *end = stream->end;

	if (stream->state == STATE_DEAD)
		return;
	if (stream->state >= STATE_OPEN) {
		char name[48];

		snprintf(name, sizeof(name), "%u:%u %s %s%u", stream->cid,
		    stream->port, stream->ours ? "<-" : "->",
		    stream->hypervisor ? "0:" : "", stream->own_port);
		host_end_say(host, name, stream->bytes_in, stream->bytes_out,
		    stream->opened);
	}
	stream->state = STATE_DEAD;
	stream->attached = false;
	stream->end = NULL;
	end->close(host, end);
	host_pair_close(host, &stream->link);
	free(stream->rest);
	stream->rest = NULL;
}

static void
reset(struct host *host, struct host_stream *stream)
{
	say(host, stream, VQP_VSOCK_RST, 0, NULL);
	die(host, stream);
}

static struct host_stream *
find(struct host *host, uint32_t cid, uint32_t port, uint32_t own_port,
    bool hypervisor)
{
	struct host_stream *stream = host->streams.first;

	while (stream != NULL && (stream->cid != cid ||
	    stream->port != port || stream->own_port != own_port ||
	    stream->hypervisor != hypervisor ||
	    stream->state == STATE_DEAD))
		stream = stream->next;
	return stream;
}

/*
 * The guest's memory goes: its last bytes are saved, nothing can be sent.  A
 * guest that closes leaves at once, so they often are still in the ring.
 */
static void
leaving(struct host *host, struct host_pair *link)
{
	struct host_stream *stream = (struct host_stream *)link;
	int64_t ready;

	(void)host;
	if (!stream->attached)
		return;
	ready = vqp_pair_consume_ready(&stream->pair);
	if (ready > 0) {
		stream->rest = host_alloc((uint64_t)ready);
		ready = vqp_pair_dequeue(&stream->pair, stream->rest,
		    (uint64_t)ready);
		stream->rest_bytes = ready > 0 ? (uint64_t)ready : 0;
	}
	stream->attached = false;
	stream->guest_finished = true;
	stream->guest_deaf = true;
	stream->ready = true;
}

static bool
attach(struct host_stream *stream)
{
	const bool good = stream->link.mapped &&
	    vqp_pair_attach(&stream->pair, &stream->link.config) ==
	    VQP_SUCCESS;

	stream->attached = good;
	return good;
}

static void
open_up(struct host *host, struct host_stream *stream)
{
	stream->state = STATE_OPEN;
	stream->deadline = 0;
	stream->opened = host_now_ms();
	stream->ready = true;
	if (stream->end->open != NULL)
		stream->end->open(host, stream->end);
}

/*
 * ---- Handshake.
 */

static uint64_t
agree_size(uint64_t asked)
{
	return asked >= RING_BYTES_MIN && asked <= RING_BYTES ? asked :
	    RING_BYTES;
}

/* Handshakes that a guest began and has not finished. */
static bool
too_many(const struct host *host)
{
	unsigned count = 0;

	for (const struct host_stream *stream = host->streams.first;
	    stream != NULL; stream = stream->next)
		count += stream->state == STATE_ASKED && !stream->ours;
	return count >= HALF_OPEN_MAX;
}

static void
on_request(struct host *host, uint32_t cid,
    const struct vqp_vsock_packet *packet)
{
	const bool second = packet->type == VQP_VSOCK_REQUEST2;
	struct host_end *end = NULL;
	struct host_stream *stream;
	union vqp_vsock_body body = { .size = agree_size(packet->body.size) };

	if (packet->body.size != 0 && !too_many(host) &&
	    (!second || (packet->protocol & PROTOCOL_QSTATE) != 0))
		end = host->streams.listener(host, packet->dst_port,
		    vqp_vsock_is_hypervisor(packet->datagram.dst));
	if (end == NULL) {
		reset_stranger(host, cid, packet);
		return;
	}
	stream = new_stream(host, cid, packet->src_port, packet->dst_port, end);
	stream->size = body.size;
	stream->hypervisor = vqp_vsock_is_hypervisor(packet->datagram.dst);
	say(host, stream, second ? VQP_VSOCK_NEGOTIATE2 : VQP_VSOCK_NEGOTIATE,
	    second ? PROTOCOL_QSTATE : 0, &body);
}

static void
no_pair(struct host *host, struct host_stream *stream, int64_t status)
{
	host_say(host, "%u:%u: no queue pair: %s", stream->cid, stream->port,
	    vqp_status_name(status));
	reset(host, stream);
}

/* The guest's pair, that it offered. */
static void
pair_attached(struct host *host, struct host_pair *link, int64_t status)
{
	struct host_stream *stream = (struct host_stream *)link;
	const union vqp_vsock_body body = { .handle = link->handle };

	if (status < 0 || !attach(stream)) {
		no_pair(host, stream, status);
		return;
	}
	open_up(host, stream);
	say(host, stream, VQP_VSOCK_ATTACH, 0, &body);
}

static void
on_offer(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	const struct vqp_handle handle = packet->body.handle;

	if (stream->ours || stream->state != STATE_ASKED ||
	    stream->link.opening || handle.context != stream->cid) {
		reset(host, stream);
		return;
	}
	stream->link.leaving = leaving;
	stream->link.opened = pair_attached;
	host_pair_open(host, &stream->link, handle, stream->cid,
	    VQP_QPAIR_ATTACH_ONLY, stream->size);
}

/* A pair of a name that nobody has, as far as we know. */
static void
create_pair(struct host *host, struct host_stream *stream)
{
	struct vqp_handle handle = { .context = host->link.cid };

	if (++host->streams.last_resource < RESOURCE_MIN)
		host->streams.last_resource = RESOURCE_MIN;
	handle.resource = host->streams.last_resource;
	host_pair_open(host, &stream->link, handle, stream->cid, 0,
	    stream->size);
}

static void
pair_created(struct host *host, struct host_pair *link, int64_t status)
{
	struct host_stream *stream = (struct host_stream *)link;
	const union vqp_vsock_body body = { .handle = link->handle };

	/* One of ours, or what a guest kept of who was here before. */
	if (status == VQP_ERROR_ALREADY_EXISTS ||
	    status == VQP_ERROR_UNAVAILABLE) {
		create_pair(host, stream);
	} else if (status < 0) {
		no_pair(host, stream, status);
	} else {
		stream->state = STATE_OFFERED;
		say(host, stream, VQP_VSOCK_OFFER, 0, &body);
	}
}

static void
on_negotiate(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	const bool second = packet->type == VQP_VSOCK_NEGOTIATE2;

	if (!stream->ours || stream->state != STATE_ASKED ||
	    stream->link.opening || packet->body.size < RING_BYTES_MIN ||
	    packet->body.size > RING_BYTES ||
	    (second && packet->protocol != PROTOCOL_QSTATE)) {
		reset(host, stream);
		return;
	}
	stream->size = packet->body.size;
	stream->link.leaving = leaving;
	stream->link.opened = pair_created;
	create_pair(host, stream);
}

static void
on_attach(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	if (stream->state != STATE_OFFERED ||
	    packet->body.handle.context != stream->link.handle.context ||
	    packet->body.handle.resource != stream->link.handle.resource ||
	    !attach(stream))
		reset(host, stream);
	else
		open_up(host, stream);
}

int64_t
host_stream_connect(struct host *host, uint32_t cid, uint32_t port,
    struct host_end *end)
{
	const union vqp_vsock_body body = { .size = RING_BYTES };
	struct host_stream *stream;

	do {
		if (++host->streams.last_port < PORT_MIN)
			host->streams.last_port = PORT_MIN;
	} while (find(host, cid, port, host->streams.last_port, false) !=
	    NULL);
	stream = new_stream(host, cid, port, host->streams.last_port, end);
	stream->ours = true;
	say(host, stream, VQP_VSOCK_REQUEST2, PROTOCOL_QSTATE, &body);
	return stream->own_port;
}

/*
 * ---- Bytes.
 */

/* From the ring, or from what was left of it, to the end. */
static int64_t
take_some(struct host *host, struct host_stream *stream)
{
	struct iovec io[2] = { { 0 }, { 0 } };
	bool tell;
	int64_t n;

	if (!stream->attached) {
		io[0].iov_base = stream->rest + stream->rest_at;
		io[0].iov_len = stream->rest_bytes - stream->rest_at;
		n = io[0].iov_len == 0 ? 0 :
		    stream->end->take(host, stream->end, io);
		stream->rest_at += n > 0 ? (uint64_t)n : 0;
		return n;
	}
	n = host_end_take(host, stream->end, &stream->pair, &tell);
	if (tell)
		say(host, stream, VQP_VSOCK_READ, 0, NULL);
	return n;
}

static int64_t
give_some(struct host *host, struct host_stream *stream)
{
	bool tell;
	const int64_t n = host_end_give(host, stream->end, &stream->pair,
	    &tell);

	if (tell)
		say(host, stream, VQP_VSOCK_WROTE, 0, NULL);
	return n;
}

/* Both directions have ended, or the guest went. */
static void
conclude(struct host *host, struct host_stream *stream)
{
	if (!stream->attached) {
		if (stream->took_all)
			die(host, stream);
		return;
	}
	if (!stream->took_all || !stream->gave_all ||
	    stream->state != STATE_OPEN)
		return;
	say_mode(host, stream, BOTH_SHUTDOWN);
	stream->state = STATE_LINGER;
	stream->deadline = host_now_ms() + LINGER_MS;
}

static void
pump(struct host *host, struct host_stream *stream)
{
	uint64_t moved = 0;
	int64_t in = 1, out = 1;

	stream->ready = false;
	if (stream->guest_deaf)
		stream->gave_all = stream->end->deaf = true;
	while ((in > 0 || out > 0) && moved < TURN_BYTES) {
		in = stream->took_all ? 0 : take_some(host, stream);
		out = stream->gave_all || !stream->attached ? HOST_WAIT :
		    give_some(host, stream);
		if (in == HOST_BROKEN || out == HOST_BROKEN) {
			reset(host, stream);
			return;
		}
		stream->bytes_in += in > 0 ? (uint64_t)in : 0;
		stream->bytes_out += out > 0 ? (uint64_t)out : 0;
		moved += (in > 0 ? (uint64_t)in : 0) +
		    (out > 0 ? (uint64_t)out : 0);
		if (in == 0 && stream->guest_finished && !stream->took_all) {
			stream->took_all = true;
			stream->end->finish(host, stream->end);
			out = 1;	/* it may have more to give now */
		}
		if (out == 0 && !stream->gave_all) {
			stream->gave_all = true;
			say_mode(host, stream, SEND_SHUTDOWN);
		}
	}
	if (moved >= TURN_BYTES)
		stream->ready = true;
	conclude(host, stream);
}

void
host_stream_wake(struct host_stream *stream)
{
	stream->ready = true;
}

/*
 * ---- What comes in.
 */

static void
on_shutdown(struct host_stream *stream, uint64_t mode)
{
	stream->guest_deaf |= (mode & RECEIVE_SHUTDOWN) != 0;
	stream->guest_finished |= (mode & SEND_SHUTDOWN) != 0;
	stream->ready = true;
}

static void
on_reset(struct host *host, struct host_stream *stream)
{
	if (stream->state < STATE_OPEN || stream->state == STATE_LINGER) {
		die(host, stream);
		return;
	}
	/* As a clean end of both directions: what it sent is still there. */
	on_shutdown(stream, BOTH_SHUTDOWN);
	leaving(host, &stream->link);
	host_pair_close(host, &stream->link);
}

static void
take_packet(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	switch (packet->type) {
	case VQP_VSOCK_NEGOTIATE:
	case VQP_VSOCK_NEGOTIATE2:
		on_negotiate(host, stream, packet);
		break;
	case VQP_VSOCK_OFFER:
		on_offer(host, stream, packet);
		break;
	case VQP_VSOCK_ATTACH:
		on_attach(host, stream, packet);
		break;
	case VQP_VSOCK_WROTE:
	case VQP_VSOCK_READ:
	case VQP_VSOCK_WAITING_WRITE:
	case VQP_VSOCK_WAITING_READ:
		stream->ready = true;
		break;
	case VQP_VSOCK_SHUTDOWN:
		on_shutdown(stream, packet->body.mode);
		break;
	case VQP_VSOCK_RST:
		on_reset(host, stream);
		break;
	default:
		/* INVALID: it knows only the old request; we need the new. */
		reset(host, stream);
	}
}

void
host_stream_datagram(struct host *host,
    const struct vqp_datagram *datagram, const void *payload)
{
	struct vqp_vsock_packet packet;
	struct host_stream *stream;

	if (datagram->payload_size < sizeof(packet) - sizeof(*datagram) ||
	    datagram->src.resource != VQP_VSOCK_RESOURCE)
		return;
	packet.datagram = *datagram;
	memcpy(&packet.version, payload, sizeof(packet) - sizeof(*datagram));
	stream = find(host, datagram->src.context, packet.src_port,
	    packet.dst_port, vqp_vsock_is_hypervisor(datagram->dst));
	if (stream != NULL)
		take_packet(host, stream, &packet);
	else if (packet.type == VQP_VSOCK_REQUEST ||
	    packet.type == VQP_VSOCK_REQUEST2)
		on_request(host, datagram->src.context, &packet);
	else if (packet.type != VQP_VSOCK_RST)
		reset_stranger(host, datagram->src.context, &packet);
}

void
host_stream_event(struct host *host, const struct vqp_event_qpair *event)
{
	struct host_stream *stream = host->streams.first;

	if (event->header.event != VQP_EVENT_QP_PEER_DETACH)
		return;
	for (; stream != NULL; stream = stream->next)
		if (stream->state != STATE_DEAD &&
		    stream->link.handle.context == event->handle.context &&
		    stream->link.handle.resource == event->handle.resource) {
			if (stream->state < STATE_OPEN)
				die(host, stream);
			else
				on_shutdown(stream, BOTH_SHUTDOWN);
		}
}

/* A wake-up that the guest had no room for is not lost, but later. */
void
host_stream_refused(struct host *host, uint32_t tag, int64_t status)
{
	struct host_stream *stream = host->streams.first;

	while (stream != NULL && stream->tag != tag)
		stream = stream->next;
	if (stream == NULL || stream->state == STATE_DEAD)
		return;
	if (status == VQP_ERROR_NO_RESOURCES &&
	    stream->state >= STATE_OPEN) {
		stream->resend_wrote = stream->resend_read = true;
		return;
	}
	host_say(host, "%u:%u: %s", stream->cid, stream->port,
	    vqp_status_name(status));
	die(host, stream);
}

/*
 * ---- Each turn.
 */

static void
resend(struct host *host, struct host_stream *stream)
{
	if (!stream->resend_wrote && !stream->resend_read)
		return;
	stream->resend_wrote = stream->resend_read = false;
	say(host, stream, VQP_VSOCK_WROTE, 0, NULL);
	say(host, stream, VQP_VSOCK_READ, 0, NULL);
	/* It may have been what was refused. */
	if (stream->gave_all && stream->state != STATE_DEAD)
		say_mode(host, stream, stream->state == STATE_LINGER ?
		    BOTH_SHUTDOWN : SEND_SHUTDOWN);
}

/* Free the dead: nobody holds one now. */
static void
bury(struct host *host)
{
	for (struct host_stream **at = &host->streams.first; *at != NULL; ) {
		struct host_stream *stream = *at;

		/* While it is opening, the answer is still to come. */
		if (stream->state != STATE_DEAD || stream->link.opening) {
			at = &stream->next;
			continue;
		}
		*at = stream->next;
		free(stream);
	}
}

int
host_stream_work(struct host *host)
{
	const int64_t now = host_now_ms();
	int wait = -1;

	for (struct host_stream *stream = host->streams.first; stream != NULL;
	    stream = stream->next) {
		if (stream->state == STATE_DEAD)
			continue;
		resend(host, stream);
		if (stream->ready && stream->state >= STATE_OPEN)
			pump(host, stream);
		if (stream->deadline != 0 && now >= stream->deadline &&
		    stream->state != STATE_DEAD)
			reset(host, stream);
		if (stream->deadline != 0)
			wait = host_sooner(wait, stream->deadline > now ?
			    (int)(stream->deadline - now) : 0);
		if (stream->ready && stream->state >= STATE_OPEN)
			wait = 0;
		if (stream->resend_wrote || stream->resend_read)
			wait = host_sooner(wait, RETRY_MS);
	}
	bury(host);
	return wait;
}

/*
 * Somewhere: a guest may still have sockets of a program that was here before,
 * and would take what we say for its.
 */
static uint32_t
somewhere(struct host *host, uint32_t min)
{
	uint32_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		host_fail(host, "no random number");
	return min + value % (UINT32_MAX / 2);
}

static void
bound(struct host *host, void *context, int64_t status)
{
	(void)context;
	if (status < 0)
		host_fail(host,
		    "the control port of stream sockets is taken");
}

void
host_stream_init(struct host *host, host_listener *listener)
{
	const struct vqp_handle hypervisor = { VQP_CONTEXT_HYPERVISOR,
	    VQP_VSOCK_RESOURCE_HYPERVISOR };

	host->streams.listener = listener;
	host->streams.last_port = somewhere(host, PORT_MIN);
	host->streams.last_resource = somewhere(host, RESOURCE_MIN);
	host_link_have(host, VQP_LINK_BIND, VQP_VSOCK_RESOURCE, bound, NULL);
	/*
	 * Not without a socket to serve: the device then answers a guest that
	 * nobody is there, which says more than a reset of each port does.
	 */
	if (host->options->hypervisor != NULL)
		host_link_ask(host, VQP_LINK_BIND, &hypervisor,
		    sizeof(hypervisor), bound, NULL);
}

void
host_stream_close(struct host *host)
{
	for (struct host_stream *stream = host->streams.first; stream != NULL;
	    stream = stream->next) {
		die(host, stream);
		host_pair_close(host, &stream->link);
	}
	bury(host);
}
