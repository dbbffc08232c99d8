/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets to and from QEMU.  Each packet is handled when it is read, and none
 * waits for another: a guest decides which packets, and how many, come before a
 * result.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

struct host_asked {
	struct host_asked *next;
	uint32_t tag;
	host_done *done;
	void *context;
};

/* Callers choose the tags of posts; tags of requests have this bit. */
#define REQUEST_TAG	UINT32_C(0x80000000)
#define NOBODYS_TAG	0

#define DIAL_AGAIN_MS	200

/* A guest that was switched off is not an error. */
static void
ended(struct host *host, int error)
{
	if (error != EPIPE && error != ECONNRESET) {
		host_fail(host, "the socket to QEMU: %s", strerror(error));
	} else if (host->state == HOST_RUNS) {
		host_say(host, "QEMU has ended");
		host->state = HOST_OVER;
	}
}

/*
 * ---- Out.
 */

static void
send_packet(struct host *host, enum vqp_link_type type, uint32_t tag,
    const void *body, uint64_t body_bytes, const void *more,
    uint64_t more_bytes)
{
	const struct host_link *link = &host->link;
	struct vqp_link_message message = { type, tag };
	uint32_t length = (uint32_t)(sizeof(message) + body_bytes +
	    more_bytes);
	struct iovec iov[4] = {
		{ &length, link->is_stream ? sizeof(length) : 0 },
		{ &message, sizeof(message) },
		{ (void *)body, body_bytes },
		{ (void *)more, more_bytes },
	};
	struct msghdr packet = { .msg_iov = iov, .msg_iovlen = 4 };

	while (host->state == HOST_RUNS &&
	    sendmsg(link->watch.fd, &packet, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			ended(host, errno);
}

/*
 * ---- In.
 */

static struct host_pair *
find_pair(const struct host *host, struct vqp_handle handle)
{
	struct host_pair *pair = host->link.pairs;

	while (pair != NULL && (pair->handle.context != handle.context ||
	    pair->handle.resource != handle.resource))
		pair = pair->next;
	return pair;
}

static void
memory_leaves(struct host *host, struct host_pair *pair)
{
	if (pair->mapped && pair->leaving != NULL)
		pair->leaving(host, pair);
	host_memory_unmap(pair);
}

static void
memory_goes(struct host *host, const uint8_t *body)
{
	struct vqp_handle handle;
	struct host_pair *pair;

	memcpy(&handle, body, sizeof(handle));
	pair = find_pair(host, handle);
	if (pair != NULL)
		memory_leaves(host, pair);
	send_packet(host, VQP_LINK_RELEASED, 0, body,
	    sizeof(struct vqp_handle), NULL, 0);
}

static void
memory_comes(struct host *host, const uint8_t *body, uint64_t length)
{
	struct vqp_link_piece pieces[VQP_LINK_PIECES_MAX];
	struct vqp_link_file file = { 0 };
	struct host_pair *pair;
	int64_t lacking;

	memcpy(pieces, body, length);
	if (host_memory_pieces(host, pieces, length / sizeof(pieces[0]),
	    host->link.pairs, &pair, &lacking)) {
		if (pair != NULL && pair->arrived != NULL)
			pair->arrived(host, pair);
	} else if (lacking >= 0) {
		file.index = (uint32_t)lacking;
		send_packet(host, VQP_LINK_FILE_AGAIN, NOBODYS_TAG, &file,
		    sizeof(file), NULL, 0);
	}
}

static void
result_came(struct host *host, uint32_t tag, int64_t status)
{
	struct host_link *link = &host->link;
	struct host_asked *asked = link->asked;

	if ((tag & REQUEST_TAG) == 0) {
		if (status < 0 && tag != NOBODYS_TAG)
			link->calls->refused(host, tag, status);
		return;
	}
	if (asked == NULL || asked->tag != tag) {
		host_fail(host, "from QEMU: a result without a request");
		return;
	}
	link->asked = asked->next;
	if (link->asked == NULL)
		link->asked_last = &link->asked;
	asked->done(host, asked->context, status);
	free(asked);
}

/* The bytes of a body, or the least if it varies; 0: unknown type. */
static uint64_t
body_bytes(enum vqp_link_type type)
{
	switch (type) {
	case VQP_LINK_RESULT:
		return sizeof(struct vqp_link_result);
	case VQP_LINK_DATAGRAM:
		return sizeof(struct vqp_datagram);
	case VQP_LINK_EVENT:
		return sizeof(struct vqp_event_header);
	case VQP_LINK_FILE:
	case VQP_LINK_NO_FILE:
		return sizeof(struct vqp_link_file);
	case VQP_LINK_MEMORY:
		return sizeof(struct vqp_link_memory);
	case VQP_LINK_PIECES:
		return sizeof(struct vqp_link_piece);
	case VQP_LINK_DOORBELL:
	case VQP_LINK_NO_MEMORY:
		return sizeof(struct vqp_handle);
	case VQP_LINK_GUEST:
		return sizeof(struct vqp_link_guest);
	default:
		return 0;
	}
}

static bool
is_right(enum vqp_link_type type, const uint8_t *body, uint64_t length)
{
	const uint64_t want = body_bytes(type);
	struct vqp_datagram datagram;

	if (type == VQP_LINK_PIECES)
		return length % want == 0 &&
		    length / want <= VQP_LINK_PIECES_MAX;
	if (type == VQP_LINK_EVENT)
		return length >= want;
	if (type != VQP_LINK_DATAGRAM)
		return length == want;
	if (length < want)
		return false;
	memcpy(&datagram, body, sizeof(datagram));
	return datagram.payload_size == length - want;
}

/* What the guest causes: datagrams, events, doorbells. */
static void
deliver(struct host *host, enum vqp_link_type type, const uint8_t *body,
    uint64_t length)
{
	const struct host_link_calls *calls = host->link.calls;
	struct vqp_datagram datagram;
	struct vqp_event_qpair event;
	struct vqp_handle handle;

	switch (type) {
	case VQP_LINK_DATAGRAM:
		memcpy(&datagram, body, sizeof(datagram));
		calls->datagram(host, &datagram, body + sizeof(datagram));
		break;
	case VQP_LINK_EVENT:
		if (length != sizeof(event))
			break;
		memcpy(&event, body, sizeof(event));
		calls->event(host, &event);
		break;
	default:
		memcpy(&handle, body, sizeof(handle));
		calls->doorbell(host, handle);
	}
}

/* *fd, if there is one, stays the caller's unless this sets it to -1. */
static void
take_packet(struct host *host, const uint8_t *bytes, uint64_t length, int *fd)
{
	struct vqp_link_message message;
	struct vqp_link_result result;
	struct vqp_link_memory memory;
	struct vqp_link_file file;
	struct vqp_link_guest guest;
	const uint8_t *body = bytes + sizeof(message);

	memcpy(&message, bytes, sizeof(message));
	length -= sizeof(message);
	if (body_bytes(message.type) == 0)
		return;		/* a type of a later QEMU */
	if (!is_right(message.type, body, length)) {
		host_fail(host, "from QEMU: packet %u has a wrong length",
		    message.type);
		return;
	}
	switch (message.type) {
	case VQP_LINK_RESULT:
		memcpy(&result, body, sizeof(result));
		result_came(host, message.tag, result.status);
		break;
	case VQP_LINK_FILE:
		memcpy(&file, body, sizeof(file));
		host_memory_file(host, file.index, *fd);
		*fd = -1;
		break;
	case VQP_LINK_NO_FILE:
		memcpy(&file, body, sizeof(file));
		host_memory_no_file(host, file.index);
		break;
	case VQP_LINK_MEMORY:
		memcpy(&memory, body, sizeof(memory));
		host_memory_begin(host, &memory);
		break;
	case VQP_LINK_PIECES:
		memory_comes(host, body, length);
		break;
	case VQP_LINK_NO_MEMORY:
		memory_goes(host, body);
		break;
	case VQP_LINK_GUEST:
		memcpy(&guest, body, sizeof(guest));
		host->link.guest_cid = guest.cid;
		break;
	default:
		deliver(host, message.type, body, length);
	}
}

static bool
receive_whole(struct host *host, void *to, size_t bytes)
{
	ssize_t n;

	for (size_t at = 0; at < bytes; at += (size_t)n) {
		n = recv(host->link.watch.fd, (uint8_t *)to + at, bytes - at,
		    MSG_WAITALL);
		if (n <= 0) {
			ended(host, n < 0 ? errno : EPIPE);
			return false;
		}
	}
	return true;
}

/* The size of a stream's packet whose length has begun; -1 if it breaks. */
static ssize_t
receive_rest(struct host *host, uint32_t *length, size_t here)
{
	if (!receive_whole(host, (uint8_t *)length + here,
	    sizeof(*length) - here))
		return -1;
	if (*length > sizeof(host->link.packet)) {
		host_fail(host, "from QEMU: a packet that is too long");
		return -1;
	}
	return receive_whole(host, host->link.packet, *length) ?
	    (ssize_t)*length : -1;
}

/* The descriptor that came with a packet; -1: none, or it was truncated. */
static int
descriptor_of(struct msghdr *packet)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(packet);
	int fd = -1;

	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* Read one packet; wait for it unless `now`.  False: there is none. */
static bool
read_packet(struct host *host, bool now)
{
	struct host_link *link = &host->link;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	uint32_t length;
	struct iovec iov = { link->packet, sizeof(link->packet) };
	struct msghdr packet = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n;
	int fd;

	if (link->is_stream) {
		iov.iov_base = &length;
		iov.iov_len = sizeof(length);
	}
	if (host->state != HOST_RUNS)
		return false;
	n = recvmsg(link->watch.fd, &packet, MSG_CMSG_CLOEXEC |
	    (now ? MSG_DONTWAIT : 0));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		ended(host, n < 0 ? errno : EPIPE);
		return false;
	}
	fd = descriptor_of(&packet);
	if (link->is_stream)
		n = receive_rest(host, &length, (size_t)n);
	if (n >= (ssize_t)sizeof(struct vqp_link_message))
		take_packet(host, link->packet, (uint64_t)n, &fd);
	else if (n >= 0)
		host_fail(host, "from QEMU: a packet that is too short");
	if (fd >= 0)
		close(fd);
	return host->state == HOST_RUNS;
}

static void
readable(struct host *host, struct host_watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	for (int i = 0; i < 64 && read_packet(host, true); i++)
		;
}

void
host_link_settle(struct host *host)
{
	while (host->state == HOST_RUNS && host->link.asked != NULL)
		read_packet(host, false);
}

/*
 * ---- Verbs.
 */

static void
ask(struct host *host, enum vqp_link_type type, const void *body,
    uint64_t bytes, const void *more, uint64_t more_bytes, host_done *done,
    void *context)
{
	struct host_link *link = &host->link;
	struct host_asked *asked = host_alloc(sizeof(*asked));

	asked->tag = ++link->last_tag | REQUEST_TAG;
	asked->done = done;
	asked->context = context;
	*link->asked_last = asked;
	link->asked_last = &asked->next;
	send_packet(host, type, asked->tag, body, bytes, more, more_bytes);
}

void
host_link_ask(struct host *host, enum vqp_link_type type, const void *body,
    uint64_t bytes, host_done *done, void *context)
{
	ask(host, type, body, bytes, NULL, 0, done, context);
}

void
host_link_have(struct host *host, enum vqp_link_type type, uint32_t resource,
    host_done *done, void *context)
{
	const struct vqp_handle handle = { host->link.cid, resource };

	host_link_ask(host, type, &handle, sizeof(handle), done, context);
}

void
host_link_tell(struct host *host, enum vqp_link_type type, const void *body,
    uint64_t bytes)
{
	send_packet(host, type, NOBODYS_TAG, body, bytes, NULL, 0);
}

void
host_link_post(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, uint32_t tag)
{
	send_packet(host, VQP_LINK_SEND, tag, datagram, sizeof(*datagram),
	    payload, datagram->payload_size);
}

void
host_link_send(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, host_done *done, void *context)
{
	ask(host, VQP_LINK_SEND, datagram, sizeof(*datagram), payload,
	    datagram->payload_size, done, context);
}

/* Unmap the pair: no guest memory stays mapped outside the list. */
static void
take_out(struct host *host, struct host_pair *pair)
{
	struct host_pair **at = &host->link.pairs;

	memory_leaves(host, pair);
	while (*at != NULL && *at != pair)
		at = &(*at)->next;
	if (*at != NULL)
		*at = pair->next;
}

static void
detach(struct host *host, struct host_pair *pair)
{
	take_out(host, pair);
	host_link_tell(host, VQP_LINK_DETACH, &pair->handle,
	    sizeof(pair->handle));
}

static void
pair_opened(struct host *host, void *context, int64_t status)
{
	struct host_pair *pair = context;
	const bool closing = pair->closing;

	pair->opening = pair->closing = false;
	if (status < 0)
		take_out(host, pair);
	else if (closing)
		detach(host, pair);
	if (!closing)
		pair->opened(host, pair, status);
}

void
host_pair_open(struct host *host, struct host_pair *pair,
    struct vqp_handle handle, uint32_t peer, uint32_t flags, uint64_t size)
{
	const struct vqp_link_alloc call = {
		.handle = handle, .peer = peer, .flags = flags,
		.produce_size = size, .consume_size = size,
	};

	/* QEMU's messages about a pair's memory carry the handle only. */
	if (find_pair(host, handle) != NULL) {
		pair->opened(host, pair, VQP_ERROR_ALREADY_EXISTS);
		return;
	}
	pair->handle = handle;
	pair->had_memory = pair->mapped = false;
	pair->opening = true;
	pair->next = host->link.pairs;
	host->link.pairs = pair;
	host_link_ask(host, VQP_LINK_ALLOC, &call, sizeof(call), pair_opened,
	    pair);
}

void
host_pair_close(struct host *host, struct host_pair *pair)
{
	const struct host_pair *at = host->link.pairs;

	while (at != NULL && at != pair)
		at = at->next;
	if (at == NULL)
		return;
	pair->leaving = NULL;
	/* The owner of the memory is known only with the answer. */
	pair->closing = pair->opening && host->state == HOST_RUNS;
	pair->opening = pair->closing;
	if (!pair->closing)
		detach(host, pair);
}

static int
dial(const struct sockaddr_un *address, int type)
{
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0 || connect(fd, (const struct sockaddr *)address,
	    sizeof(*address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* A connected socket, of either type; or -1, and the reason was logged. */
static int
connect_to(struct host *host, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		host_fail(host, "%s: too long for the address of a socket",
		    path);
		return -1;
	}
	strcpy(address.sun_path, path);
	for (bool said = false; ; said = true) {
		fd = dial(&address, SOCK_SEQPACKET);
		if (fd < 0 && errno == EPROTOTYPE)
			fd = dial(&address, SOCK_STREAM);
		if (fd >= 0 || !host->options->patient ||
		    (errno != ENOENT && errno != ECONNREFUSED))
			break;
		if (!said)
			host_say(host, "%s: nobody listens there yet, "
			    "waiting for QEMU", path);
		poll(NULL, 0, DIAL_AGAIN_MS);
	}
	if (fd < 0)
		host_fail(host, "%s: %s", path, strerror(errno));
	return fd;
}

static void
hello_done(struct host *host, void *context, int64_t status)
{
	(void)context;
	if (status < 0)
		host_fail(host, "context %u: %s", host->link.cid,
		    vqp_status_name(status));
	else
		host->link.cid = (uint32_t)status;
}

void
host_link_open_at(struct host *host, int fd, uint32_t cid)
{
	const struct vqp_link_hello hello = {
		.version = VQP_LINK_VERSION, .cid = cid,
	};
	struct host_link *link = &host->link;
	int type = 0;
	socklen_t type_bytes = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes);
	link->is_stream = type == SOCK_STREAM;
	link->watch.fd = fd;
	link->cid = cid;
	if (!host_watch_add(host, &link->watch, fd, EPOLLIN, readable))
		host_fail(host, "epoll: %s", strerror(errno));
	host_link_ask(host, VQP_LINK_HELLO, &hello, sizeof(hello), hello_done,
	    NULL);
	/* Nothing is bound yet, so the guest can cause nothing here. */
	while (host->state == HOST_RUNS && link->guest_cid == 0)
		read_packet(host, false);
}

void
host_link_open(struct host *host, const char *path, uint32_t cid)
{
	const int fd = connect_to(host, path);

	if (fd >= 0)
		host_link_open_at(host, fd, cid);
}

void
host_link_lost(struct host *host)
{
	struct host_link *link = &host->link;
	const int fd = link->watch.fd;

	host_watch_remove(host, &link->watch);
	if (fd >= 0)
		close(fd);
	for (struct host_pair *pair = link->pairs; pair != NULL;
	    pair = pair->next)
		memory_leaves(host, pair);
}

void
host_link_close(struct host *host)
{
	struct host_link *link = &host->link;
	struct host_asked *asked;

	host_link_lost(host);
	while ((asked = link->asked) != NULL) {
		link->asked = asked->next;
		free(asked);
	}
	link->asked_last = &link->asked;
}
