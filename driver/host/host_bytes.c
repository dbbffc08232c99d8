/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bytes of an open stream move both ways between the rings and the stream's
 * endpoint.  The stream is concluded when neither way has more to move.
 */
#include "host_stream_private.h"

#define LOOK_MS		5
#define LOOK_MS_MAX	1000
#define TURN_BYTES	(1 << 20)

/* From the ring, or from the bytes that were saved of it, to the endpoint. */
static int64_t
take_some(struct host *host, struct host_stream *stream)
{
	struct iovec io[2] = { { 0 }, { 0 } };
	bool tell;
	int64_t n;

	if (!stream->attached) {
		if (stream->rest_at == stream->rest_bytes)
			return 0;
		io[0].iov_base = stream->rest + stream->rest_at;
		io[0].iov_len = stream->rest_bytes - stream->rest_at;
		n = stream->end->take(host, stream->end, io);
		stream->rest_at += n > 0 ? (uint64_t)n : 0;
		return n;
	}
	n = host_end_take(host, stream->end, &stream->pair, &tell);
	if (tell)
		host_control_say(host, stream, VQP_VSOCK_READ, 0, NULL);
	return n;
}

static int64_t
give_some(struct host *host, struct host_stream *stream)
{
	bool tell;
	const int64_t n = host_end_give(host, stream->end, &stream->pair,
	    &tell);

	if (tell)
		host_control_say(host, stream, VQP_VSOCK_WROTE, 0, NULL);
	return n;
}

/*
 * No receiver will take what the guest sends.  Notify the guest, and discard
 * what it sends until it knows.  The discarded bytes make room in the ring: a
 * guest that polls for room notices only then that it cannot send.
 */
static void
nobody_takes(struct host *host, struct host_stream *stream)
{
	stream->took_all = true;
	if (stream->attached)
		host_control_shut(host, stream, RECEIVE_SHUTDOWN);
}

static int64_t
discard(struct host *host, struct host_stream *stream)
{
	bool tell;
	const int64_t n = host_end_discard(&stream->pair, &tell);

	if (tell)
		host_control_say(host, stream, VQP_VSOCK_READ, 0, NULL);
	return n;
}

static void
check_end_gone(struct host *host, struct host_stream *stream)
{
	const struct iovec none[2] = { { 0 }, { 0 } };

	if (stream->gave_all && !stream->took_all &&
	    stream->end->take(host, stream->end, none) == HOST_GONE)
		nobody_takes(host, stream);
}

/*
 * Nothing more will move.  The guest has what it did not read yet in its own
 * memory; the stream lingers so that packets under way find it.
 */
static void
conclude(struct host *host, struct host_stream *stream)
{
	if (!stream->took_all || !stream->gave_all ||
	    stream->state == STATE_LINGER)
		return;
	if (stream->state == STATE_REST) {
		host_stream_die(host, stream);
		return;
	}
	host_control_shut(host, stream, BOTH_SHUTDOWN);
	host_stream_close_end(host, stream);
	stream->state = STATE_LINGER;
	stream->deadline = host_now_ms() + LINGER_MS;
}

/* Move bytes in once.  Returns how many, HOST_WAIT or HOST_BROKEN. */
static int64_t
move_in(struct host *host, struct host_stream *stream)
{
	int64_t n;

	if (stream->took_all)
		return stream->attached ? discard(host, stream) : HOST_WAIT;
	n = take_some(host, stream);
	if (n == HOST_GONE) {
		nobody_takes(host, stream);
		return stream->attached ? discard(host, stream) : HOST_WAIT;
	}
	if (n == 0 && stream->guest_finished) {
		stream->took_all = true;
		stream->end->finish(host, stream->end);
	}
	if (n > 0)
		stream->bytes_in += (uint64_t)n;
	return n;
}

static int64_t
move_out(struct host *host, struct host_stream *stream)
{
	int64_t n;

	if (stream->gave_all)
		return HOST_WAIT;
	n = give_some(host, stream);
	if (n == 0) {
		stream->gave_all = true;
		host_control_shut(host, stream, SEND_SHUTDOWN);
	}
	if (n > 0)
		stream->bytes_out += (uint64_t)n;
	return n;
}

/*
 * Two changes come without a packet.  A guest that knows that this side does
 * not receive sends no READ any more, though it may still have bytes to get.
 * And nothing reports a program that stops receiving while its buffer is full.
 * So poll such streams, at growing intervals.
 */
static void
look_again(struct host_stream *stream, bool moved, bool end_waits)
{
	const bool guest_waits = !stream->gave_all &&
	    (stream->shut & RECEIVE_SHUTDOWN) != 0;

	stream->look_at = 0;
	if (!guest_waits && !end_waits)
		return;
	if (moved || stream->look_ms == 0)
		stream->look_ms = LOOK_MS;
	else if (stream->look_ms < LOOK_MS_MAX)
		stream->look_ms *= 2;
	stream->look_at = host_now_ms() + stream->look_ms;
}

void
host_bytes_pump(struct host *host, struct host_stream *stream)
{
	int64_t total = 0, in = 1, out = 1;

	stream->ready = false;
	if (!stream->attached)
		host_pair_close(host, &stream->link);
	if (!stream->attached && stream->state == STATE_LINGER) {
		host_stream_die(host, stream);
		return;
	}
	if (stream->guest_deaf && !stream->gave_all) {
		stream->gave_all = true;
		if (stream->end->refuse != NULL)
			stream->end->refuse(host, stream->end);
	}
	while ((in > 0 || out > 0) && total < TURN_BYTES) {
		in = move_in(host, stream);
		out = move_out(host, stream);
		if (in == HOST_BROKEN || out == HOST_BROKEN) {
			host_stream_reset(host, stream);
			return;
		}
		total += (in > 0 ? in : 0) + (out > 0 ? out : 0);
	}
	stream->ready = in > 0 || out > 0;
	host->streams.moved |= total > 0;
	check_end_gone(host, stream);
	look_again(stream, total > 0, in == HOST_WAIT && !stream->took_all);
	conclude(host, stream);
}
