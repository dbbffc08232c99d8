/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * All streams: the packets that come for them, and their turns.
 *
 * Notifications are WROTE and READ packets; the rings decide when one is due
 * (E3).  A packet is accepted only if it comes from the other side of exactly
 * the stream that it names.
 */
#include <stdlib.h>
#include <string.h>

#include "host_stream_private.h"

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
take_packet(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet)
{
	stream->retry_ms = RETRY_MS;
	switch (packet->type) {
	case VQP_VSOCK_REQUEST:
	case VQP_VSOCK_REQUEST2:
		host_handshake_request_again(host, stream, packet);
		break;
	case VQP_VSOCK_NEGOTIATE2:
		host_handshake_negotiate(host, stream, packet);
		break;
	case VQP_VSOCK_OFFER:
		host_handshake_offer(host, stream, packet);
		break;
	case VQP_VSOCK_ATTACH:
		host_handshake_attach(host, stream, packet);
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
		host_stream_part(host, stream);
		break;
	default:
		/* INVALID and NEGOTIATE: an old protocol only. */
		host_stream_reset(host, stream);
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
	stream = host_stream_find(host, datagram->src.context, packet.src_port,
	    packet.dst_port, vqp_vsock_is_hypervisor(datagram->dst));
	if (stream != NULL)
		take_packet(host, stream, &packet);
	else if (packet.type == VQP_VSOCK_REQUEST ||
	    packet.type == VQP_VSOCK_REQUEST2)
		host_handshake_request(host, datagram->src.context, &packet);
	else if (packet.type != VQP_VSOCK_RST)
		host_control_reset_stranger(host, datagram->src.context,
		    &packet);
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
				host_stream_die(host, stream);
			else
				on_shutdown(stream, BOTH_SHUTDOWN);
		}
}

/* Send a packet later that the guest had no room for; back off each time. */
void
host_stream_refused(struct host *host, uint32_t tag, int64_t status)
{
	struct host_stream *stream = host->streams.first;

	if ((tag & RESET_TAG) != 0) {
		host_control_refused(host, tag, status);
		return;
	}
	while (stream != NULL && stream->tag != (tag & ~UINT32_C(1)))
		stream = stream->next;
	if (stream == NULL || stream->state == STATE_DEAD ||
	    stream->state == STATE_REST)
		return;
	if (status != VQP_ERROR_NO_RESOURCES) {
		host_say(host, "%u:%u: %s", stream->cid, stream->port,
		    vqp_status_name(status));
		host_stream_part(host, stream);
		return;
	}
	if (!stream->unsaid_handshake && !stream->unsaid) {
		stream->retry_at = host_now_ms() + stream->retry_ms;
		if (stream->retry_ms < RETRY_MS_MAX)
			stream->retry_ms *= 2;
	}
	if ((tag & 1) != 0)
		stream->unsaid_handshake = true;
	else
		stream->unsaid = true;
}

/*
 * ---- Each turn.
 */

static void
resend(struct host *host, struct host_stream *stream)
{
	const bool handshake = stream->unsaid_handshake;
	const uint64_t mode = stream->shut;

	stream->unsaid_handshake = stream->unsaid = false;
	if (handshake)
		host_handshake_resend(host, stream);
	if (stream->state < STATE_OPEN)
		return;
	host_control_say(host, stream, VQP_VSOCK_WROTE, 0, NULL);
	host_control_say(host, stream, VQP_VSOCK_READ, 0, NULL);
	stream->shut = 0;
	host_control_shut(host, stream, mode);
}

/* Free dead streams; no caller holds one at this point. */
static void
bury(struct host *host)
{
	for (struct host_stream **at = &host->streams.first; *at != NULL; ) {
		struct host_stream *stream = *at;

		/* The answer to its open is still to come. */
		if (stream->state != STATE_DEAD || stream->link.opening) {
			at = &stream->next;
			continue;
		}
		*at = stream->next;
		free(stream);
	}
}

/* True if the stream has to send, or dial, again. */
static bool
retries(const struct host_stream *stream)
{
	return (stream->state == STATE_ASKED && stream->end == NULL) ||
	    ((stream->unsaid_handshake || stream->unsaid) &&
	    stream->state != STATE_REST);
}

/* Returns milliseconds until the stream needs its next turn, or -1. */
static int
work(struct host *host, struct host_stream *stream, int64_t now)
{
	int wait = -1;

	if (stream->deadline != 0 && now >= stream->deadline) {
		/* If it was open, both sides know its end: send nothing. */
		if (stream->state < STATE_OPEN)
			host_stream_reset(host, stream);
		else
			host_stream_die(host, stream);
		return -1;
	}
	if (retries(stream) && now >= stream->retry_at) {
		if (stream->end == NULL && stream->state == STATE_ASKED)
			host_handshake_dial(host, stream, now);
		else
			resend(host, stream);
	}
	stream->ready |= stream->look_at != 0 && now >= stream->look_at;
	if (stream->ready && stream->state >= STATE_OPEN)
		host_bytes_pump(host, stream);
	if (stream->state == STATE_DEAD)
		return -1;
	if (stream->look_at != 0)
		wait = (int)stream->look_ms;
	if (stream->deadline != 0)
		wait = host_sooner(wait, (int)(stream->deadline - now));
	if (retries(stream))
		wait = host_sooner(wait, stream->retry_at > now ?
		    (int)(stream->retry_at - now) : 0);
	return stream->ready && stream->state >= STATE_OPEN ? 0 : wait;
}

int
host_stream_work(struct host *host)
{
	const int64_t now = host_now_ms();
	int wait = host_control_work(host, now);

	for (struct host_stream *stream = host->streams.first; stream != NULL;
	    stream = stream->next)
		if (stream->state != STATE_DEAD)
			wait = host_sooner(wait, work(host, stream, now));
	bury(host);
	return wait;
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
host_stream_init(struct host *host)
{
	const struct vqp_handle hypervisor = { VQP_CONTEXT_HYPERVISOR,
	    VQP_VSOCK_RESOURCE_HYPERVISOR };

	host_handshake_init(host);
	host_link_have(host, VQP_LINK_BIND, VQP_VSOCK_RESOURCE, bound, NULL);
	/*
	 * Without --hypervisor do not bind: the device then answers that
	 * there is no such resource, which says more than a RST of each port.
	 */
	if (host->options->hypervisor != NULL)
		host_link_ask(host, VQP_LINK_BIND, &hypervisor,
		    sizeof(hypervisor), bound, NULL);
}

bool
host_stream_last(struct host *host, int *wait)
{
	struct host_streams *streams = &host->streams;
	const int64_t now = host_now_ms();

	if (streams->patience == 0 || streams->moved)
		streams->patience = now + LINGER_MS;
	streams->moved = false;
	for (struct host_stream *stream = streams->first; stream != NULL;
	    stream = stream->next) {
		host_stream_part(host, stream);
		if (stream->state == STATE_DEAD)
			host_pair_close(host, &stream->link);
	}
	*wait = host_stream_work(host);
	if (streams->first != NULL && now >= streams->patience)
		host_say(host, "the guest's last bytes were not read");
	*wait = host_sooner(*wait, (int)(streams->patience - now));
	return streams->first != NULL && now < streams->patience;
}

void
host_stream_close(struct host *host)
{
	for (struct host_stream *stream = host->streams.first; stream != NULL;
	    stream = stream->next) {
		host_stream_die(host, stream);
		host_pair_close(host, &stream->link);
	}
	bury(host);
}
