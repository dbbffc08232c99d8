/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets to and from QEMU.  Requests wait for their result; datagrams, events
 * and refused posts that come meanwhile are kept for host_link_deliver(), but
 * memory is let go of at once, since QEMU waits for that.
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

struct host_kept {
	struct host_kept *next;
	uint64_t length;
	uint8_t bytes[];
};

/* Tags of posts are their callers'; those of requests have this bit. */
#define REQUEST_TAG	UINT32_C(0x80000000)
#define NOBODYS_TAG	0

/* A guest that was switched off is no error. */
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
find_pair(const struct host *host, const uint8_t *body)
{
	struct host_pair *pair = host->link.pairs;
	struct vqp_handle handle;

	memcpy(&handle, body, sizeof(handle));
	while (pair != NULL && (pair->handle.context != handle.context ||
	    pair->handle.resource != handle.resource))
		pair = pair->next;
	return pair;
}

static void
memory_goes(struct host *host, const uint8_t *body)
{
	struct host_pair *pair = find_pair(host, body);

	if (pair != NULL && pair->mapped) {
		if (pair->leaving != NULL)
			pair->leaving(host, pair);
		host_memory_unmap(pair);
	}
	send_packet(host, VQP_LINK_RELEASED, 0, body,
	    sizeof(struct vqp_handle), NULL, 0);
}

static void
memory_comes(struct host *host, const uint8_t *body, uint64_t length)
{
	struct vqp_link_piece pieces[VQP_LINK_PIECES_MAX];
	struct host_pair *pair;

	if (length > sizeof(pieces)) {
		host_fail(host, "from QEMU: too many pieces");
		return;
	}
	memcpy(pieces, body, length);
	if (host_memory_pieces(host, pieces, length / sizeof(pieces[0]),
	    host->link.pairs, &pair) && pair != NULL && pair->arrived != NULL)
		pair->arrived(host, pair);
}

/* True if it is for host_link_deliver(): whoever hears it may ask, too. */
static bool
result_came(struct host *host, uint32_t tag, const uint8_t *body)
{
	struct vqp_link_result result;

	memcpy(&result, body, sizeof(result));
	if ((tag & REQUEST_TAG) != 0) {
		host->link.answered = tag;
		host->link.last_status = result.status;
	}
	return (tag & REQUEST_TAG) == 0 && result.status < 0 &&
	    tag != NOBODYS_TAG;
}

static void
keep(struct host *host, const uint8_t *bytes, uint64_t length)
{
	struct host_kept *kept = host_alloc(sizeof(*kept) + length);

	kept->length = length;
	memcpy(kept->bytes, bytes, length);
	*host->link.kept_last = kept;
	host->link.kept_last = &kept->next;
}

static void
take_packet(struct host *host, const uint8_t *bytes, uint64_t length, int fd)
{
	struct vqp_link_message message;
	struct vqp_link_memory memory;
	struct vqp_link_file file;
	struct vqp_link_guest guest;
	const uint8_t *body = bytes + sizeof(message);

	memcpy(&message, bytes, sizeof(message));
	switch (message.type) {
	case VQP_LINK_RESULT:
		if (result_came(host, message.tag, body))
			keep(host, bytes, length);
		break;
	case VQP_LINK_FILE:
		memcpy(&file, body, sizeof(file));
		host_memory_file(host, file.index, fd);
		break;
	case VQP_LINK_MEMORY:
		memcpy(&memory, body, sizeof(memory));
		host_memory_begin(host, &memory);
		break;
	case VQP_LINK_PIECES:
		memory_comes(host, body, length - sizeof(message));
		break;
	case VQP_LINK_NO_MEMORY:
		memory_goes(host, body);
		break;
	case VQP_LINK_GUEST:
		memcpy(&guest, body, sizeof(guest));
		host->link.guest_cid = guest.cid;
		break;
	default:
		keep(host, bytes, length);
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

/* A stream's packet, of whose length some bytes are here; -1 if it breaks. */
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

/* The descriptor that came with a packet, or -1. */
static int
descriptor_of(struct msghdr *packet)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(packet);
	int fd = -1;

	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* One packet; waits for it unless `now`.  False: there is none. */
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
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

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
	if (link->is_stream)
		n = receive_rest(host, &length, (size_t)n);
	if (n < 0)
		return false;
	if (n < (ssize_t)sizeof(struct vqp_link_message)) {
		host_fail(host, "from QEMU: a packet that is too short");
		return false;
	}
	take_packet(host, link->packet, (uint64_t)n, descriptor_of(&packet));
	return true;
}

static void
deliver(struct host *host, const uint8_t *bytes, uint64_t length)
{
	const struct host_link_calls *calls = host->link.calls;
	struct vqp_link_message message;
	struct vqp_link_result result;
	struct vqp_datagram datagram;
	struct vqp_event_qpair event;
	struct vqp_handle handle;
	const uint8_t *body = bytes + sizeof(message);

	memcpy(&message, bytes, sizeof(message));
	length -= sizeof(message);
	if (message.type == VQP_LINK_DATAGRAM && length >= sizeof(datagram)) {
		memcpy(&datagram, body, sizeof(datagram));
		calls->datagram(host, &datagram, body + sizeof(datagram));
	} else if (message.type == VQP_LINK_EVENT &&
	    length == sizeof(event)) {
		memcpy(&event, body, sizeof(event));
		calls->event(host, &event);
	} else if (message.type == VQP_LINK_DOORBELL &&
	    length == sizeof(handle)) {
		memcpy(&handle, body, sizeof(handle));
		calls->doorbell(host, handle);
	} else if (message.type == VQP_LINK_RESULT) {
		memcpy(&result, body, sizeof(result));
		calls->refused(host, message.tag, result.status);
	}
}

void
host_link_deliver(struct host *host)
{
	struct host_link *link = &host->link;

	while (link->kept_first != NULL) {
		struct host_kept *kept = link->kept_first;

		link->kept_first = kept->next;
		if (link->kept_first == NULL)
			link->kept_last = &link->kept_first;
		deliver(host, kept->bytes, kept->length);
		free(kept);
	}
}

bool
host_link_has_kept(const struct host *host)
{
	return host->link.kept_first != NULL;
}

static void
readable(struct host *host, struct host_watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	for (int i = 0; i < 64 && read_packet(host, true); i++)
		;
	host_link_deliver(host);
}

/*
 * ---- Verbs.
 */

static int64_t
ask(struct host *host, enum vqp_link_type type, const void *body,
    uint64_t bytes, const void *more, uint64_t more_bytes)
{
	struct host_link *link = &host->link;
	const uint32_t tag = ++link->last_tag | REQUEST_TAG;

	send_packet(host, type, tag, body, bytes, more, more_bytes);
	while (host->state == HOST_RUNS && link->answered != tag)
		read_packet(host, false);
	return host->state == HOST_RUNS ? link->last_status :
	    VQP_ERROR_DEVICE_NOT_FOUND;
}

int64_t
host_link_request(struct host *host, enum vqp_link_type type,
    const void *body, uint64_t bytes)
{
	return ask(host, type, body, bytes, NULL, 0);
}

int64_t
host_link_have(struct host *host, enum vqp_link_type type, uint32_t resource)
{
	const struct vqp_handle handle = { host->link.cid, resource };

	return host_link_request(host, type, &handle, sizeof(handle));
}

void
host_link_ring(struct host *host, struct vqp_handle handle)
{
	send_packet(host, VQP_LINK_RING, NOBODYS_TAG, &handle,
	    sizeof(handle), NULL, 0);
}

void
host_link_post(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, uint32_t tag)
{
	send_packet(host, VQP_LINK_SEND, tag, datagram, sizeof(*datagram),
	    payload, datagram->payload_size);
}

int64_t
host_link_send(struct host *host, const struct vqp_datagram *datagram,
    const void *payload)
{
	return ask(host, VQP_LINK_SEND, datagram, sizeof(*datagram), payload,
	    datagram->payload_size);
}

int64_t
host_pair_open(struct host *host, struct host_pair *pair,
    struct vqp_handle handle, uint32_t peer, uint32_t flags, uint64_t size)
{
	const struct vqp_link_alloc call = {
		.handle = handle, .peer = peer, .flags = flags,
		.produce_size = size, .consume_size = size,
	};
	int64_t status;

	pair->handle = handle;
	pair->mapped = false;
	pair->next = host->link.pairs;
	host->link.pairs = pair;
	status = host_link_request(host, VQP_LINK_ALLOC, &call, sizeof(call));
	if (status < 0)
		host->link.pairs = pair->next;	/* nothing came between */
	return status;
}

void
host_pair_close(struct host *host, struct host_pair *pair)
{
	struct host_pair **at = &host->link.pairs;

	while (*at != NULL && *at != pair)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	pair->leaving = NULL;
	host_link_request(host, VQP_LINK_DETACH, &pair->handle,
	    sizeof(pair->handle));
	host_memory_unmap(pair);
	*at = pair->next;
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

/* Connected, to one of either kind; or -1, and why was said. */
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
	fd = dial(&address, SOCK_SEQPACKET);
	if (fd < 0 && errno == EPROTOTYPE)
		fd = dial(&address, SOCK_STREAM);
	if (fd < 0)
		host_fail(host, "%s: %s", path, strerror(errno));
	return fd;
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
	int64_t status;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes);
	link->is_stream = type == SOCK_STREAM;
	link->watch.fd = fd;
	if (!host_watch_add(host, &link->watch, fd, EPOLLIN, readable))
		host_fail(host, "epoll: %s", strerror(errno));
	status = host_link_request(host, VQP_LINK_HELLO, &hello,
	    sizeof(hello));
	if (status < 0)
		host_fail(host, "context %u: %s", cid,
		    vqp_status_name(status));
	link->cid = (uint32_t)status;
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
host_link_close(struct host *host)
{
	struct host_link *link = &host->link;
	const int fd = link->watch.fd;
	struct host_kept *kept;

	host_watch_remove(host, &link->watch);
	if (fd >= 0)
		close(fd);
	while ((kept = link->kept_first) != NULL) {
		link->kept_first = kept->next;
		free(kept);
	}
	link->kept_last = &link->kept_first;
}
