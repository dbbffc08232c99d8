/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Endpoints of streams that need no program: echo, sink, source, a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host.h"

#define ECHO_BYTES	65536

struct builtin {
	struct host_end end;	/* first: it is cast back */
	bool finished;
	bool deaf;		/* echo: the guest does not read any more */
	uint64_t at;		/* source, files: place in the stream */
	uint64_t bytes;		/* source: all of them, or 0: no limit */
	int fd;			/* files: the service's */
	uint64_t echo_at, echo_bytes;
	uint8_t echo[];
};

static struct builtin *
of(struct host_end *end)
{
	return (struct builtin *)end;
}

static void
finish(struct host *host, struct host_end *end)
{
	(void)host;
	of(end)->finished = true;
}

static void
close_builtin(struct host *host, struct host_end *end)
{
	(void)host;
	free(end);
}

/* Discards what comes, and sends nothing. */
static int64_t
take_nothing(struct host *host, struct host_end *end,
    const struct iovec span[2])
{
	(void)host;
	(void)end;
	return (int64_t)(span[0].iov_len + span[1].iov_len);
}

static int64_t
give_nothing(struct host *host, struct host_end *end,
    const struct iovec span[2])
{
	(void)host;
	(void)span;
	return of(end)->finished ? 0 : HOST_WAIT;
}

static struct builtin *
new_builtin(uint64_t room)
{
	struct builtin *b = host_alloc(sizeof(*b) + room);

	b->end.take = take_nothing;
	b->end.give = give_nothing;
	b->end.finish = finish;
	b->end.close = close_builtin;
	return b;
}

/*
 * ---- Echo.
 */

static int64_t
echo_take(struct host *host, struct host_end *end, const struct iovec span[2])
{
	struct builtin *b = of(end);
	uint64_t n = 0;

	if (of(end)->deaf)
		return take_nothing(host, end, span);
	if (b->echo_at < b->echo_bytes)
		return HOST_WAIT;
	for (int i = 0; i < 2; i++) {
		uint64_t part = span[i].iov_len;

		if (part > ECHO_BYTES - n)
			part = ECHO_BYTES - n;
		if (part > 0)
			memcpy(b->echo + n, span[i].iov_base, part);
		n += part;
	}
	b->echo_at = 0;
	b->echo_bytes = n;
	return (int64_t)n;
}

static int64_t
echo_give(struct host *host, struct host_end *end, const struct iovec span[2])
{
	struct builtin *b = of(end);
	uint64_t n = 0;

	(void)host;
	if (b->echo_at == b->echo_bytes)
		return b->finished ? 0 : HOST_WAIT;
	for (int i = 0; i < 2; i++) {
		uint64_t part = span[i].iov_len;

		if (part > b->echo_bytes - b->echo_at)
			part = b->echo_bytes - b->echo_at;
		if (part > 0)
			memcpy(span[i].iov_base, b->echo + b->echo_at, part);
		b->echo_at += part;
		n += part;
	}
	return (int64_t)n;
}

static void
echo_refuse(struct host *host, struct host_end *end)
{
	(void)host;
	of(end)->deaf = true;
}

struct host_end *
host_end_echo(struct host *host)
{
	struct builtin *b = new_builtin(ECHO_BYTES);

	(void)host;
	b->end.take = echo_take;
	b->end.give = echo_give;
	b->end.refuse = echo_refuse;
	return &b->end;
}

/*
 * ---- Sink and source.
 */

struct host_end *
host_end_sink(struct host *host)
{
	(void)host;
	return &new_builtin(0)->end;
}

/* The byte at a place of every generated stream (tests/kernel/guest). */
static uint8_t
pattern(uint64_t at)
{
	return (uint8_t)((at * UINT64_C(2654435761)) >> 13 ^ at >> 3);
}

static int64_t
source_give(struct host *host, struct host_end *end, const struct iovec span[2])
{
	struct builtin *b = of(end);
	int64_t n = 0;

	(void)host;
	for (int i = 0; i < 2; i++)
		for (uint64_t j = 0; j < span[i].iov_len; j++) {
			if (b->bytes != 0 && b->at == b->bytes)
				return n;
			((uint8_t *)span[i].iov_base)[j] = pattern(b->at++);
			n++;
		}
	return n;
}

struct host_end *
host_end_source(struct host *host, uint64_t bytes)
{
	struct builtin *b = new_builtin(0);

	(void)host;
	b->bytes = bytes;
	b->end.give = source_give;
	return &b->end;
}

/*
 * ---- Files.
 */

static int64_t
moved(struct host *host, ssize_t n)
{
	if (n < 0)
		host_say(host, "the file of a stream: %s", strerror(errno));
	return n < 0 ? HOST_BROKEN : n;
}

/* Each stream has its own position in the file, which is opened once. */
static int64_t
file_give(struct host *host, struct host_end *end,
    const struct iovec span[2])
{
	struct builtin *b = of(end);
	const ssize_t n = preadv(b->fd, span, 2, (off_t)b->at);

	b->at += n > 0 ? (uint64_t)n : 0;
	return moved(host, n);
}

static int64_t
file_take(struct host *host, struct host_end *end,
    const struct iovec span[2])
{
	struct builtin *b = of(end);
	const ssize_t n = pwritev(b->fd, span, 2, (off_t)b->at);

	b->at += n > 0 ? (uint64_t)n : 0;
	return moved(host, n);
}

/* Truncate only when a stream begins: the old contents may be all there is. */
static void
file_empty(struct host *host, struct host_end *end)
{
	(void)host;
	(void)!ftruncate(of(end)->fd, 0);
}

struct host_end *
host_end_send_file(struct host *host, int fd)
{
	struct builtin *b = new_builtin(0);

	(void)host;
	b->fd = fd;
	b->end.give = file_give;
	return &b->end;
}

struct host_end *
host_end_receive_file(struct host *host, int fd)
{
	struct builtin *b = new_builtin(0);

	(void)host;
	b->fd = fd;
	b->end.open = file_empty;
	b->end.take = file_take;
	return &b->end;
}
