/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagram sockets of the guest: a port is a resource, a message its payload.
 *
 * The Unix socket <path>_N.dgram stands for port N.  Each message through it
 * begins with eight bytes, a context id and a port: the receiver of a message
 * to the guest, the sender of one from it.  What comes from the guest goes to
 * the program that sent last; an empty message only makes its sender that
 * program.  A socket's queue holds about ten messages
 * (net.unix.max_dgram_qlen); messages that come while it is full are lost.
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

struct port {
	struct host_watch watch;	/* first: it is cast back */
	struct port *next;
	uint32_t number;
	bool echo;
	struct vqp_handle sent_to;	/* the last one, until its result */
	struct sockaddr_un peer;
	socklen_t peer_bytes;
};

static void
bound(struct host *host, void *context, int64_t status)
{
	const struct port *port = context;

	if (status < 0)
		host_fail(host, "datagram port %u: %s", port->number,
		    vqp_status_name(status));
}

static struct port *
new_port(struct host *host, uint32_t number)
{
	struct port *port = host_alloc(sizeof(*port));

	host_link_have(host, VQP_LINK_BIND, number, bound, port);
	port->number = number;
	port->watch.fd = -1;
	port->next = host->datagrams.ports;
	host->datagrams.ports = port;
	return port;
}

void
host_datagram_echo(struct host *host, uint32_t number)
{
	new_port(host, number)->echo = true;
}

/* Send one at a time: programs are read only as fast as QEMU answers. */
static void
sent(struct host *host, void *context, int64_t status)
{
	struct port *port = context;

	if (status < 0)
		host_say(host, "datagram to %u:%u: %s", port->sent_to.context,
		    port->sent_to.resource, vqp_status_name(status));
	host_watch_set(host, &port->watch, EPOLLIN);
}

/* From a program of the host. */
static void
readable(struct host *host, struct host_watch *watch, uint32_t events)
{
	struct port *port = (struct port *)watch;
	uint8_t *const bytes = host->datagrams.bytes;
	const size_t room = sizeof(host->datagrams.bytes);
	struct vqp_datagram datagram = { 0 };
	struct sockaddr_un from;
	socklen_t from_bytes = sizeof(from);
	const ssize_t n = recvfrom(watch->fd, bytes, room,
	    MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_bytes);

	(void)events;
	if (n < 0)
		return;
	if (from_bytes > sizeof(sa_family_t)) {
		port->peer = from;
		port->peer_bytes = from_bytes;
	}
	if ((size_t)n < sizeof(datagram.dst) || (size_t)n > room)
		return;
	memcpy(&datagram.dst, bytes, sizeof(datagram.dst));
	datagram.src.context = host->link.cid;
	datagram.src.resource = port->number;
	datagram.payload_size = (uint64_t)n - sizeof(datagram.dst);
	port->sent_to = datagram.dst;
	host_watch_set(host, watch, 0);
	host_link_send(host, &datagram, bytes + sizeof(datagram.dst), sent,
	    port);
}

void
host_datagram_unix(struct host *host, const char *path, uint32_t number)
{
	struct port *port = new_port(host, number);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (snprintf(address.sun_path, sizeof(address.sun_path),
	    "%s_%u.dgram", path, number) >= (int)sizeof(address.sun_path)) {
		host_fail(host, "%s_%u.dgram: too long for the address of a "
		    "socket, which has room for %zu bytes", path, number,
		    sizeof(address.sun_path) - 1);
		return;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	port->watch.fd = fd;
	if (!host_unix_bind(host, fd, &address, SOCK_DGRAM))
		return;
	if (!host_watch_add(host, &port->watch, fd, EPOLLIN, readable))
		host_fail(host, "%s: %s", address.sun_path, strerror(errno));
}

static void
to_program(struct port *port, const struct vqp_datagram *datagram,
    const void *payload)
{
	struct iovec iov[2] = {
		{ (void *)&datagram->src, sizeof(datagram->src) },
		{ (void *)payload, datagram->payload_size },
	};
	const struct msghdr message = {
		.msg_name = &port->peer, .msg_namelen = port->peer_bytes,
		.msg_iov = iov, .msg_iovlen = 2,
	};

	/* As with any datagram socket, messages that no one reads are lost. */
	if (port->peer_bytes != 0)
		(void)!sendmsg(port->watch.fd, &message,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
host_datagram_take(struct host *host, const struct vqp_datagram *datagram,
    const void *payload)
{
	struct port *port = host->datagrams.ports;
	struct vqp_datagram answer = *datagram;

	while (port != NULL && port->number != datagram->dst.resource)
		port = port->next;
	if (port == NULL)
		return;
	if (!port->echo) {
		to_program(port, datagram, payload);
		return;
	}
	answer.dst = datagram->src;
	answer.src = datagram->dst;
	host_link_post(host, &answer, payload, 0);
}

void
host_datagram_close(struct host *host)
{
	struct port *port;

	while ((port = host->datagrams.ports) != NULL) {
		const int fd = port->watch.fd;

		host->datagrams.ports = port->next;
		host_watch_remove(host, &port->watch);
		if (fd >= 0)
			close(fd);
		free(port);
	}
}
