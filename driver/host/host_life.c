/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The life of a stream from its first packet to the last: how a stream begins,
 * opens, loses its guest and ends.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host_stream_private.h"

/* Refused packets find their stream by it, so no two that live share one. */
static uint32_t
new_tag(struct host *host)
{
	struct host_streams *streams = &host->streams;
	const struct host_stream *other;

	do {
		streams->last_tag = (streams->last_tag + 2) & TAG_MASK;
		other = streams->first;
		while (other != NULL && other->tag != streams->last_tag)
			other = other->next;
	} while (streams->last_tag == 0 || other != NULL);
	return streams->last_tag;
}

struct host_stream *
host_stream_new(struct host *host, uint32_t cid, uint32_t port,
    uint32_t own_port, struct host_end *end)
{
	struct host_stream *stream = host_alloc(sizeof(*stream));

	stream->tag = new_tag(host);
	stream->cid = cid;
	stream->port = port;
	stream->own_port = own_port;
	stream->end = end;
	if (end != NULL)
		end->stream = stream;
	host_control_forget(host, cid, port, own_port);
	stream->retry_ms = RETRY_MS;
	stream->deadline = host_now_ms() + HANDSHAKE_MS;
	stream->next = host->streams.first;
	host->streams.first = stream;
	return stream;
}

struct host_stream *
host_stream_find(struct host *host, uint32_t cid, uint32_t port,
    uint32_t own_port, bool hypervisor)
{
	struct host_stream *stream = host->streams.first;

	while (stream != NULL && (stream->cid != cid ||
	    stream->port != port || stream->own_port != own_port ||
	    stream->hypervisor != hypervisor ||
	    stream->state == STATE_REST || stream->state == STATE_DEAD))
		stream = stream->next;
	return stream;
}

void
host_stream_open_up(struct host *host, struct host_stream *stream)
{
	stream->state = STATE_OPEN;
	stream->deadline = 0;
	stream->opened = host_now_ms();
	stream->ready = true;
	if (stream->end->open != NULL)
		stream->end->open(host, stream->end);
}

void
host_stream_close_end(struct host *host, struct host_stream *stream)
{
	struct host_end *end = stream->end;

	stream->end = NULL;
	if (end != NULL)
		end->close(host, end);
}

void
host_stream_die(struct host *host, struct host_stream *stream)
{
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
	host_stream_close_end(host, stream);
	host_pair_close(host, &stream->link);
	free(stream->rest);
	stream->rest = NULL;
}

bool
host_stream_attach(struct host_stream *stream)
{
	const bool good = stream->link.mapped &&
	    vqp_pair_attach(&stream->pair, &stream->link.config) ==
	    VQP_SUCCESS;

	if (good)
		host_end_begin(&stream->pair);
	stream->attached = good;
	return good;
}

/*
 * The guest's memory goes: save the last bytes, and send nothing more.  A guest
 * that closes detaches at once, so its last bytes are often still in the ring.
 */
void
host_stream_leaving(struct host *host, struct host_pair *link)
{
	struct host_stream *stream = (struct host_stream *)link;
	int64_t ready;

	(void)host;
	if (!stream->attached)
		return;
	ready = stream->took_all ? 0 : vqp_pair_consume_ready(&stream->pair);
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
	if (stream->state == STATE_OPEN)
		stream->state = STATE_REST;
}

void
host_stream_part(struct host *host, struct host_stream *stream)
{
	if (stream->state != STATE_OPEN) {
		if (stream->state != STATE_REST)
			host_stream_die(host, stream);
		return;
	}
	host_stream_leaving(host, &stream->link);
	host_pair_close(host, &stream->link);
}

void
host_stream_reset(struct host *host, struct host_stream *stream)
{
	if (stream->state == STATE_REST) {
		host_stream_die(host, stream);
		return;
	}
	/* The detach of an open stream's pair notifies the guest as well. */
	if (stream->state < STATE_OPEN)
		host_control_reset(host, stream->cid, stream->port,
		    stream->own_port, stream->hypervisor);
	else
		host_control_say(host, stream, VQP_VSOCK_RST, 0, NULL);
	host_stream_part(host, stream);
}
