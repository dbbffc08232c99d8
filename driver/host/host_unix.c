/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Programs of the host that do not know VMCI.  A guest that connects to port N
 * reaches the program that listens at <path>_N.  A program that connects to
 * <path> and writes "CONNECT N" is connected to the guest's port N, after
 * "OK <own port>".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

/* The longest line that Firecracker reads, its end included. */
#define LINE_BYTES_MAX	32
/* The time a caller has to write the line. */
#define LINE_MS		60000
#define ACCEPT_BATCH	64
#define ACCEPT_AGAIN_MS	100
/* "_4294967295" and the end of the string. */
#define PORT_BYTES	12

struct unix_end {
	struct host_end end;	/* first: it is cast back */
	struct unix_end *next, **at;	/* of callers, until CONNECT */
	int64_t deadline;		/* for that line */
	struct host_watch watch;
	int fd;
	uint32_t own_port;
	uint32_t line_bytes;
	char line[LINE_BYTES_MAX];
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

/* Watch for one more direction; the loop is called once for each wait. */
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
	/* The program reads no more; what it wrote before is still sent. */
	if (errno == EPIPE || errno == ECONNRESET)
		return HOST_GONE;
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
	/* It closed with bytes unread: this is the end of what it wrote. */
	if (errno == ECONNRESET)
		return 0;
	return errno == EAGAIN || errno == EINTR ?
	    wait_for(host, of(end), EPOLLIN) : HOST_BROKEN;
}

static void
finish(struct host *host, struct host_end *end)
{
	(void)host;
	shutdown(of(end)->fd, SHUT_WR);
}

/*
 * Discard what the program wrote before.  As long as its buffer is full, a
 * program that polls for room does not learn that there will never be any.
 */
static void
refuse(struct host *host, struct host_end *end)
{
	char bytes[16384];

	(void)host;
	shutdown(of(end)->fd, SHUT_RD);
	while (recv(of(end)->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
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
	free(end);
}

static void
ready(struct host *host, struct host_watch *watch, uint32_t events)
{
	struct unix_end *u = (struct unix_end *)((char *)watch -
	    offsetof(struct unix_end, watch));

	/* Events come once; an endpoint that still waits asks again. */
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
	u->end.refuse = refuse;
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

bool
host_unix_fits(struct host *host, const char *path)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path) -
	    PORT_BYTES;

	if (strlen(path) <= room)
		return true;
	host_fail(host, "%s: has %zu bytes; with _PORT behind it the address "
	    "of a socket has room for %zu", path, strlen(path), room);
	return false;
}

struct host_end *
host_unix_dial(struct host *host, uint32_t port, bool hypervisor, bool *later)
{
	const int fd = host_dial(host, hypervisor, port);
	struct unix_end *u;

	*later = fd == HOST_DIAL_LATER;
	if (fd < 0)
		return NULL;
	u = new_end(fd);
	if (host_watch_add(host, &u->watch, fd, 0, ready))
		return &u->end;
	close_end(host, &u->end);
	return NULL;
}

/*
 * ---- CONNECT.
 */

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Find the next word of a line, and the place behind it. */
static const char *
next_word(const char *at, const char **end)
{
	while (is_space(*at))
		at++;
	*end = at;
	while (**end != '\0' && !is_space(**end))
		++*end;
	return at;
}

/*
 * True for a line that both Firecracker and vhost-device-vsock accept: CONNECT
 * in upper or lower case, and a 32-bit number, as Rust reads one.  Words behind
 * the number are ignored.  docs/limits.md has the rule, and where the two
 * differ.
 */
static bool
connect_port(const char *line, uint32_t *port)
{
	const char *end, *word = next_word(line, &end);
	uint64_t n = 0;

	for (const char *at = line; *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80)
			return false;
	if (end - word != 7 || strncasecmp(word, "connect", 7) != 0)
		return false;
	word = next_word(end, &end);
	if (*word == '+')
		word++;
	if (word == end)
		return false;
	for (; word < end; word++) {
		if (*word < '0' || *word > '9')
			return false;
		n = n * 10 + (uint64_t)(*word - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*port = (uint32_t)n;
	return true;
}

/*
 * Read the line, and no byte behind it: those belong to the stream.  True when
 * the line is complete; *alive is false if it never will be.
 */
static bool
read_line(struct unix_end *u, bool *alive)
{
	ssize_t n;

	for (;;) {
		n = recv(u->fd, &u->line[u->line_bytes], 1, MSG_DONTWAIT);
		*alive = n > 0 || (n < 0 && (errno == EAGAIN ||
		    errno == EINTR));
		if (n != 1)
			return false;
		if (u->line[u->line_bytes] == '\n') {
			u->line[u->line_bytes] = '\0';
			return true;
		}
		/* A NUL within the line, or a line that is too long. */
		if (u->line[u->line_bytes] == '\0' ||
		    ++u->line_bytes == LINE_BYTES_MAX) {
			*alive = false;
			return false;
		}
	}
}

static void
connect_line(struct host *host, struct host_watch *watch, uint32_t events)
{
	struct unix_end *u = (struct unix_end *)((char *)watch -
	    offsetof(struct unix_end, watch));
	int64_t own_port;
	uint32_t port;
	bool alive;

	(void)events;
	if (!read_line(u, &alive)) {
		if (!alive)
			close_end(host, &u->end);
		return;
	}
	if (!connect_port(u->line, &port)) {
		close_end(host, &u->end);
		return;
	}
	leave_callers(u);
	watch->ready = ready;
	host_watch_set(host, watch, 0);
	u->end.open = open_end;
	own_port = host_stream_connect(host, host->link.guest_cid, port,
	    &u->end);
	if (own_port < 0)
		close_end(host, &u->end);
	else
		u->own_port = (uint32_t)own_port;
}

static void
new_caller(struct host *host, int fd)
{
	struct unix_end *u = new_end(fd);

	u->deadline = host_now_ms() + LINE_MS;
	u->next = host->door.callers;
	u->at = &host->door.callers;
	if (u->next != NULL)
		u->next->at = &u->next;
	host->door.callers = u;
	if (!host_watch_add(host, &u->watch, fd, EPOLLIN, connect_line))
		close_end(host, &u->end);
}

static void
acceptable(struct host *host, struct host_watch *watch, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		const int fd = accept4(watch->fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			new_caller(host, fd);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR ||
		    errno == ECONNABORTED)
			return;
		/* Any descriptor may be closed next, so try again later. */
		host_say(host, "cannot accept a connection now: %s",
		    strerror(errno));
		host_watch_set(host, watch, 0);
		host->door.again_at = host_now_ms() + ACCEPT_AGAIN_MS;
		return;
	}
}

int
host_unix_work(struct host *host)
{
	struct host_door *door = &host->door;
	const int64_t now = host_now_ms();
	struct unix_end *next;

	if (door->again_at != 0 && now >= door->again_at) {
		door->again_at = 0;
		host_watch_set(host, &door->watch, EPOLLIN);
	}
	/* If there are callers, check their deadlines once a second. */
	if (door->callers != NULL && now >= door->callers_at) {
		door->callers_at = now + 1000;
		for (struct unix_end *u = door->callers; u != NULL; u = next) {
			next = u->next;
			if (now >= u->deadline)
				close_end(host, &u->end);
		}
	}
	return host_sooner(door->again_at == 0 ? -1 : ACCEPT_AGAIN_MS,
	    door->callers == NULL ? -1 : 1000);
}

bool
host_unix_bind(struct host *host, int fd, const struct sockaddr_un *address,
    int type)
{
	const char *path = address->sun_path;
	struct stat there;
	int probe, error = 0;

	if (fd >= 0 && lstat(path, &there) == 0) {
		if (!S_ISSOCK(there.st_mode)) {
			host_fail(host, "%s: exists and is not a socket", path);
			return false;
		}
		probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
		if (probe < 0 || connect(probe,
		    (const struct sockaddr *)address, sizeof(*address)) != 0)
			error = errno;
		if (probe >= 0)
			close(probe);
		if (error != ECONNREFUSED) {
			host_fail(host, "%s: already in use", path);
			return false;
		}
		unlink(path);
	}
	if (fd >= 0 && bind(fd, (const struct sockaddr *)address,
	    sizeof(*address)) == 0)
		return true;
	host_fail(host, "%s: %s", path, strerror(errno));
	return false;
}

void
host_unix_listen(struct host *host, const char *path)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	host->door.watch.fd = fd;
	if (!host_unix_fits(host, path))
		return;
	address_of(&address, "%s", path, 0);
	if (!host_unix_bind(host, fd, &address, SOCK_STREAM))
		return;
	if (listen(fd, SOMAXCONN) != 0 || !host_watch_add(host,
	    &host->door.watch, fd, EPOLLIN, acceptable))
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
