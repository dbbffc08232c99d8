/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the host sends to the guest about streams: control packets, and RST for
 * a packet without a stream, or for a stream that never opened.  A program in
 * the guest waits for that RST, so it is sent again if the guest had no room.
 */
#include <string.h>

#include "host_stream_private.h"

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
	packet->type = (uint8_t)type;
	packet->src_port = own_port;
	packet->dst_port = port;
}

/* Make the packet that fill_packet() wrote come from context 0. */
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

void
host_control_say(struct host *host, struct host_stream *stream,
    enum vqp_vsock_type type, uint16_t protocol,
    const union vqp_vsock_body *body)
{
	struct vqp_vsock_packet packet;

	fill_packet(host, &packet, type, stream->cid, stream->port,
	    stream->own_port);
	packet.protocol = protocol;
	if (stream->hypervisor)
		from_hypervisor(&packet);
	if (body != NULL)
		packet.body = *body;
	post(host, &packet, stream->tag | (type == VQP_VSOCK_REQUEST2 ||
	    type == VQP_VSOCK_NEGOTIATE2 || type == VQP_VSOCK_OFFER ||
	    type == VQP_VSOCK_ATTACH));
}

void
host_control_shut(struct host *host, struct host_stream *stream, uint64_t mode)
{
	const union vqp_vsock_body body = { .mode = stream->shut | mode };

	if (body.mode == stream->shut)
		return;
	stream->shut = body.mode;
	host_control_say(host, stream, VQP_VSOCK_SHUTDOWN, 0, &body);
}

/*
 * ---- RST.
 */

static void
say_reset(struct host *host, struct host_reset *reset)
{
	struct vqp_vsock_packet packet;

	reset->unsaid = false;
	reset->tag = RESET_TAG | (host->streams.reset_count++ &
	    (RESET_TAG - 1));
	fill_packet(host, &packet, VQP_VSOCK_RST, reset->cid, reset->port,
	    reset->own_port);
	if (reset->hypervisor)
		from_hypervisor(&packet);
	post(host, &packet, reset->tag);
}

void
host_control_forget(struct host *host, uint32_t cid, uint32_t port,
    uint32_t own_port)
{
	for (unsigned i = 0; i < HOST_RESETS; i++) {
		struct host_reset *reset = &host->streams.resets[i];

		if (reset->cid == cid && reset->port == port &&
		    reset->own_port == own_port)
			*reset = (struct host_reset){ 0 };
	}
}

/* Replace the oldest entry. */
void
host_control_reset(struct host *host, uint32_t cid, uint32_t port,
    uint32_t own_port, bool hypervisor)
{
	struct host_reset *resets = host->streams.resets, *oldest = resets;

	host_control_forget(host, cid, port, own_port);
	for (unsigned i = 1; i < HOST_RESETS; i++)
		if (resets[i].number < oldest->number)
			oldest = &resets[i];
	*oldest = (struct host_reset){
		.cid = cid, .port = port, .own_port = own_port,
		.hypervisor = hypervisor,
		.number = ++host->streams.reset_number,
		.until = host_now_ms() + HANDSHAKE_MS,
	};
	say_reset(host, oldest);
}

void
host_control_refused(struct host *host, uint32_t tag, int64_t status)
{
	struct host_streams *streams = &host->streams;
	struct host_reset *reset = streams->resets;

	while (reset < &streams->resets[HOST_RESETS] && reset->tag != tag)
		reset++;
	if (reset == &streams->resets[HOST_RESETS] ||
	    status != VQP_ERROR_NO_RESOURCES)
		return;
	reset->unsaid = true;
	if (streams->resets_at == 0) {
		streams->resets_ms = RETRY_MS;
		streams->resets_at = host_now_ms() + RETRY_MS;
	}
}

int
host_control_work(struct host *host, int64_t now)
{
	struct host_streams *streams = &host->streams;
	bool any = false;

	if (streams->resets_at == 0)
		return -1;
	if (now < streams->resets_at)
		return (int)(streams->resets_at - now);
	for (unsigned i = 0; i < HOST_RESETS; i++) {
		struct host_reset *reset = &streams->resets[i];

		reset->unsaid &= now < reset->until;
		any |= reset->unsaid;
		if (reset->unsaid)
			say_reset(host, reset);
	}
	if (!any) {
		streams->resets_at = 0;
		return -1;
	}
	/* With an increased wait: the next refusal backs off further. */
	if (streams->resets_ms < RETRY_MS_MAX)
		streams->resets_ms *= 2;
	streams->resets_at = now + streams->resets_ms;
	return (int)streams->resets_ms;
}

void
host_control_reset_stranger(struct host *host, uint32_t cid,
    const struct vqp_vsock_packet *asked)
{
	host_control_reset(host, cid, asked->src_port, asked->dst_port,
	    vqp_vsock_is_hypervisor(asked->datagram.dst));
}
