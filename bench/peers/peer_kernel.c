/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The two queues that every system has: a pipe and a Unix stream socket, both
 * blocking.  Their buffers are as large as the rings of the other subjects, as
 * far as the system allows.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

/* The `out` and `in` of a side are descriptors. */
TRAFFIC_INLINE int
descriptor(void *end)
{
	return (int)(intptr_t)end;
}

TRAFFIC_INLINE int64_t
write_some(void *out, const void *from, uint64_t bytes)
{
	return write(descriptor(out), from, bytes);
}

TRAFFIC_INLINE int64_t
read_some(void *in, void *to, uint64_t bytes)
{
	return read(descriptor(in), to, bytes);
}

/* The few bytes of a round trip always pass in one call. */
TRAFFIC_INLINE bool
put(void *out, const void *from, uint64_t bytes)
{
	return write_some(out, from, bytes) == (int64_t)bytes;
}

TRAFFIC_INLINE bool
get(void *in, void *to, uint64_t bytes)
{
	return read_some(in, to, bytes) == (int64_t)bytes;
}

static bool
open_pipes(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	(void)arena;
	for (unsigned i = 0; i < 2; i++) {
		int fd[2];

		if (pipe2(fd, O_CLOEXEC) != 0)
			return false;
		fcntl(fd[1], F_SETPIPE_SZ, (int)shape->ring_bytes);
		link->end[i].out = (void *)(intptr_t)fd[1];
		link->end[1 - i].in = (void *)(intptr_t)fd[0];
	}
	return true;
}

static void
close_pipes(struct peer_link *link)
{
	for (unsigned i = 0; i < 2; i++) {
		close(descriptor(link->end[i].out));
		close(descriptor(link->end[i].in));
	}
}

static bool
open_sockets(const struct peer_shape *shape, struct arena *arena,
    struct peer_link *link)
{
	/* The kernel doubles this number to account for its own overhead. */
	int bytes = (int)shape->ring_bytes;
	int fd[2];

	(void)arena;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		/*
		 * Without the right to force the size, the kernel allows
		 * wmem_max at most.
		 */
		if (setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
		    sizeof(bytes)) != 0)
			setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &bytes,
			    sizeof(bytes));
		link->end[i].out = link->end[i].in = (void *)(intptr_t)fd[i];
	}
	return true;
}

static void
close_sockets(struct peer_link *link)
{
	for (unsigned i = 0; i < 2; i++)
		close(descriptor(link->end[i].out));
}

#define LOOPS(bytes)							\
	TRAFFIC_STREAM(copy_##bytes, bytes, write_some, read_some)	\
	TRAFFIC_ROUND_TRIP(round_trip_##bytes, bytes, put, get)		\
	static const struct peer_menu pipe_##bytes = { {		\
		[PEER_COPY] = &copy_##bytes,				\
		[PEER_ROUND_TRIP] = &round_trip_##bytes,		\
	}, open_pipes };						\
	static const struct peer_menu unix_##bytes = { {		\
		[PEER_COPY] = &copy_##bytes,				\
		[PEER_ROUND_TRIP] = &round_trip_##bytes,		\
	}, open_sockets };

TRAFFIC_SIZES(LOOPS)

static const struct peer_menu *
pipe_menu(const struct peer_shape *shape)
{
	switch (shape->message_bytes) {
#define PIPE_CASE(bytes) case bytes: return &pipe_##bytes;
	TRAFFIC_SIZES(PIPE_CASE)
	}
	return NULL;
}

static const struct peer_menu *
unix_menu(const struct peer_shape *shape)
{
	switch (shape->message_bytes) {
#define UNIX_CASE(bytes) case bytes: return &unix_##bytes;
	TRAFFIC_SIZES(UNIX_CASE)
	}
	return NULL;
}

const struct peer peer_pipe = {
	.name = "pipe",
	.package = "",
	.note = "pipe(2), blocking, F_SETPIPE_SZ",
	.sleeps = true,
	.menu = pipe_menu,
	.close = close_pipes,
};

const struct peer peer_unix = {
	.name = "unix",
	.package = "",
	.note = "socketpair(2), SOCK_STREAM, blocking, SO_SNDBUF",
	.sleeps = true,
	.menu = unix_menu,
	.close = close_sockets,
};
