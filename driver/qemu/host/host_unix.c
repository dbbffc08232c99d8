/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Programs of the host that know nothing of VMCI: a guest that connects to
 * port N reaches who listens at <path>_N; who connects to <path> and says
 * "CONNECT N" is connected to the guest's port N, after "OK <own port>".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

struct unix_end {
	struct host_end end;	/* first: it is cast back */
	struct unix_end *next, **at;	/* of callers, until CONNECT */
	struct host_watch watch;
	int fd;
	uint32_t own_port;
	uint32_t line_bytes;
	char line[32];
};

static struct unix_end *
of(struct host_end *end)
{
	return (struct unix_end *)end;
}

static void
leave_callers(struct unix_end *u)
{
	if (u->at == NULL)
		return;
	*u->at = u->next;
	if (u->next != NULL)
		u->next->at = u->at;
	u->at = NULL;
}

/* Watch for one direction more; the loop is told once for each wait. */
static int64_t
wait_for(struct host *host, struct unix_end *u, uint32_t events)
{
	host_watch_set(host, &u->watch, u->watch.events | events);
	return HOST_WAIT;
}

static int64_t
take(struct host *host, struct host_end *end, const struct iovec span[2])
{
	const struct msghdr message = {
		.msg_iov = (struct iovec *)span, .msg_iovlen = 2,
	};
	const ssize_t n = sendmsg(of(end)->fd, &message,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ?
	    wait_for(host, of(end), EPOLLOUT) : HOST_BROKEN;
}

static int64_t
give(struct host *host, struct host_end *end, const struct iovec span[2])
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)span, .msg_iovlen = 2,
	};
	const ssize_t n = recvmsg(of(end)->fd, &message, MSG_DONTWAIT);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ?
	    wait_for(host, of(end), EPOLLIN) : HOST_BROKEN;
}

static void
finish(struct host *host, struct host_end *end)
{
	(void)host;
	shutdown(of(end)->fd, SHUT_WR);
}

static void
open_end(struct host *host, struct host_end *end)
{
	char line[32];
	const int n = snprintf(line, sizeof(line), "OK %u\n",
	    of(end)->own_port);

	(void)host;
	(void)!send(of(end)->fd, line, (size_t)n, MSG_NOSIGNAL);
}

static void
close_end(struct host *host, struct host_end *end)
{
	leave_callers(of(end));
	host_watch_remove(host, &of(end)->watch);
	close(of(end)->fd);
	if (host->door.watch.fd >= 0)
		host_watch_set(host, &host->door.watch, EPOLLIN);
	free(end);
}

static void
ready(struct host *host, struct host_watch *watch, uint32_t events)
{
	struct unix_end *u = (struct unix_end *)((char *)watch -
	    offsetof(struct unix_end, watch));

	/* Told once; who still has to wait asks again. */
	host_watch_set(host, watch, watch->events & ~events &
	    (EPOLLIN | EPOLLOUT));
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		host_watch_remove(host, watch);
	host_stream_wake(u->end.stream);
}

static struct unix_end *
new_end(int fd)
{
	struct unix_end *u = host_alloc(sizeof(*u));

	u->end.take = take;
	u->end.give = give;
	u->end.finish = finish;
	u->end.close = close_end;
	u->fd = fd;
	u->watch.fd = -1;
	return u;
}

static bool
address_of(struct sockaddr_un *address, const char *format, const char *path,
    uint32_t port)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	return (size_t)snprintf(address->sun_path, sizeof(address->sun_path),
	    format, path, port) < sizeof(address->sun_path);
}

struct host_end *
host_unix_dial(struct host *host, const char *path, uint32_t port)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	struct unix_end *u;

	if (fd < 0 || !address_of(&address, "%s_%u", path, port) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	u = new_end(fd);
	if (host_watch_add(host, &u->watch, fd, 0, ready))
		return &u->end;
	close_end(host, &u->end);
	return NULL;
}

/*
 * ---- CONNECT.
 */

static void
connect_line(struct host *host, struct host_watch *watch, uint32_t events)
{
	struct unix_end *u = (struct unix_end *)((char *)watch -
	    offsetof(struct unix_end, watch));
	unsigned port;
	char last;

	(void)events;
	/* A byte at a time: what is behind the line is the stream. */
	if (u->line_bytes == sizeof(u->line) - 1 ||
	    recv(u->fd, &u->line[u->line_bytes], 1, MSG_DONTWAIT) != 1) {
		close_end(host, &u->end);
		return;
	}
	if (u->line[u->line_bytes++] != '\n')
		return;
	u->line[u->line_bytes] = '\0';
	if (sscanf(u->line, "CONNECT %u%c", &port, &last) != 2 ||
	    last != '\n') {
		close_end(host, &u->end);
		return;
	}
	leave_callers(u);
	watch->ready = ready;
	host_watch_set(host, watch, 0);
	u->end.open = open_end;
	u->own_port = (uint32_t)host_stream_connect(host,
	    host->link.guest_cid, port, &u->end);
}

static void
acceptable(struct host *host, struct host_watch *watch, uint32_t events)
{
	const int fd = accept4(watch->fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct unix_end *u;

	(void)events;
	if (fd < 0) {
		/* Until one is closed there is none to be had. */
		if (errno == EMFILE || errno == ENFILE)
			host_watch_set(host, watch, 0);
		return;
	}
	u = new_end(fd);
	u->next = host->door.callers;
	u->at = &host->door.callers;
	if (u->next != NULL)
		u->next->at = &u->next;
	host->door.callers = u;
	if (!host_watch_add(host, &u->watch, fd, EPOLLIN, connect_line))
		close_end(host, &u->end);
}

void
host_unix_listen(struct host *host, const char *path)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	host->door.watch.fd = fd;
	unlink(path);
	if (fd < 0 || !address_of(&address, "%s", path, 0) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 16) != 0 || !host_watch_add(host, &host->door.watch,
	    fd, EPOLLIN, acceptable))
		host_fail(host, "%s: %s", path, strerror(errno));
}

void
host_unix_close(struct host *host)
{
	const int fd = host->door.watch.fd;

	host_watch_remove(host, &host->door.watch);
	if (fd >= 0)
		close(fd);
	while (host->door.callers != NULL)
		close_end(host, &host->door.callers->end);
}
