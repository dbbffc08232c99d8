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

#include "host_link.h"
#include "host_loop.h"

struct kept {
	struct kept *next;
	uint64_t length;
	uint8_t bytes[];
};

/* Tags of posts are their callers'; those of requests have this bit. */
#define REQUEST_TAG	UINT32_C(0x80000000)
#define NOBODYS_TAG	0

uint32_t host_cid;
uint32_t host_guest_cid;

static struct host_watch watch = { .fd = -1 };
static bool is_stream;		/* a chardev's: a packet follows its length */
static struct host_link_calls calls;
static struct kept *kept_first, **kept_last = &kept_first;
static struct host_pair *pairs;
static uint32_t last_tag = REQUEST_TAG;
static int64_t last_status;
static uint32_t answered;	/* tag */

/* A guest that was switched off is no error. */
static void __attribute__((noreturn))
ended(int error)
{
	if (error != EPIPE && error != ECONNRESET)
		host_die("the socket to QEMU: %s", strerror(error));
	host_say("QEMU has ended");
	exit(0);
}

/*
 * ---- Out.
 */

static void
send_packet(enum vqp_link_type type, uint32_t tag, const void *body,
    uint64_t body_bytes, const void *more, uint64_t more_bytes)
{
	struct vqp_link_message message = { type, tag };
	uint32_t length = (uint32_t)(sizeof(message) + body_bytes +
	    more_bytes);
	struct iovec iov[4] = {
		{ &length, is_stream ? sizeof(length) : 0 },
		{ &message, sizeof(message) },
		{ (void *)body, body_bytes },
		{ (void *)more, more_bytes },
	};
	struct msghdr packet = { .msg_iov = iov, .msg_iovlen = 4 };

	while (sendmsg(watch.fd, &packet, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			ended(errno);
}

/*
 * ---- In.
 */

static struct host_pair *
find_pair(const uint8_t *body)
{
	struct host_pair *pair = pairs;
	struct vqp_handle handle;

	memcpy(&handle, body, sizeof(handle));
	while (pair != NULL && (pair->handle.context != handle.context ||
	    pair->handle.resource != handle.resource))
		pair = pair->next;
	return pair;
}

static void
memory_goes(const uint8_t *body)
{
	struct host_pair *pair = find_pair(body);

	if (pair != NULL && pair->mapped) {
		if (pair->leaving != NULL)
			pair->leaving(pair);
		host_memory_unmap(pair);
	}
	send_packet(VQP_LINK_RELEASED, 0, body, sizeof(struct vqp_handle),
	    NULL, 0);
}

static void
memory_comes(const uint8_t *body, uint64_t length)
{
	struct vqp_link_piece pieces[VQP_LINK_PIECES_MAX];
	struct host_pair *pair;

	if (length > sizeof(pieces))
		host_die("too many pieces");
	memcpy(pieces, body, length);
	if (host_memory_pieces(pieces, length / sizeof(pieces[0]), pairs,
	    &pair) && pair != NULL && pair->arrived != NULL)
		pair->arrived(pair);
}

/* True if it is for host_link_deliver(): whoever hears it may ask, too. */
static bool
result_came(uint32_t tag, const uint8_t *body)
{
	struct vqp_link_result result;

	memcpy(&result, body, sizeof(result));
	if ((tag & REQUEST_TAG) != 0) {
		answered = tag;
		last_status = result.status;
	}
	return (tag & REQUEST_TAG) == 0 && result.status < 0 &&
	    tag != NOBODYS_TAG;
}

static void
keep(const uint8_t *bytes, uint64_t length)
{
	struct kept *kept = host_alloc(sizeof(*kept) + length);

	kept->length = length;
	memcpy(kept->bytes, bytes, length);
	*kept_last = kept;
	kept_last = &kept->next;
}

static void
take_packet(const uint8_t *bytes, uint64_t length, int fd)
{
	struct vqp_link_message message;
	struct vqp_link_memory memory;
	struct vqp_link_file file;
	struct vqp_link_guest guest;
	const uint8_t *body = bytes + sizeof(message);

	memcpy(&message, bytes, sizeof(message));
	switch (message.type) {
	case VQP_LINK_RESULT:
		if (result_came(message.tag, body))
			keep(bytes, length);
		break;
	case VQP_LINK_FILE:
		memcpy(&file, body, sizeof(file));
		host_memory_file(file.index, fd);
		break;
	case VQP_LINK_MEMORY:
		memcpy(&memory, body, sizeof(memory));
		host_memory_begin(&memory);
		break;
	case VQP_LINK_PIECES:
		memory_comes(body, length - sizeof(message));
		break;
	case VQP_LINK_NO_MEMORY:
		memory_goes(body);
		break;
	case VQP_LINK_GUEST:
		memcpy(&guest, body, sizeof(guest));
		host_guest_cid = guest.cid;
		break;
	default:
		keep(bytes, length);
	}
}

static void
receive_whole(void *to, size_t bytes)
{
	ssize_t n;

	for (size_t at = 0; at < bytes; at += (size_t)n) {
		n = recv(watch.fd, (uint8_t *)to + at, bytes - at,
		    MSG_WAITALL);
		if (n <= 0)
			ended(n < 0 ? errno : EPIPE);
	}
}

/* A stream's packet, of whose length some bytes are here; how long it is. */
static ssize_t
receive_rest(void *packet, uint32_t *length, size_t here)
{
	receive_whole((uint8_t *)length + here, sizeof(*length) - here);
	if (*length > VQP_LINK_BYTES_MAX)
		host_die("from QEMU: a packet that is too long");
	receive_whole(packet, *length);
	return *length;
}

/* One packet; waits for it unless `now`.  False: there is none. */
static bool
read_packet(bool now)
{
	static uint8_t bytes[VQP_LINK_BYTES_MAX];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	uint32_t length;
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr packet = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header;
	ssize_t n;
	int fd = -1;

	if (is_stream) {
		iov.iov_base = &length;
		iov.iov_len = sizeof(length);
	}
	n = recvmsg(watch.fd, &packet, MSG_CMSG_CLOEXEC |
	    (now ? MSG_DONTWAIT : 0));
	header = CMSG_FIRSTHDR(&packet);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		ended(n < 0 ? errno : EPIPE);
	if (is_stream)
		n = receive_rest(bytes, &length, (size_t)n);
	if (n < (ssize_t)sizeof(struct vqp_link_message))
		host_die("from QEMU: a packet that is too short");
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	take_packet(bytes, (uint64_t)n, fd);
	return true;
}

static void
deliver(const uint8_t *bytes, uint64_t length)
{
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
		calls.datagram(&datagram, body + sizeof(datagram));
	} else if (message.type == VQP_LINK_EVENT &&
	    length == sizeof(event)) {
		memcpy(&event, body, sizeof(event));
		calls.event(&event);
	} else if (message.type == VQP_LINK_DOORBELL &&
	    length == sizeof(handle)) {
		memcpy(&handle, body, sizeof(handle));
		calls.doorbell(handle);
	} else if (message.type == VQP_LINK_RESULT) {
		memcpy(&result, body, sizeof(result));
		calls.refused(message.tag, result.status);
	}
}

void
host_link_deliver(void)
{
	while (kept_first != NULL) {
		struct kept *kept = kept_first;

		kept_first = kept->next;
		if (kept_first == NULL)
			kept_last = &kept_first;
		deliver(kept->bytes, kept->length);
		free(kept);
	}
}

bool
host_link_has_kept(void)
{
	return kept_first != NULL;
}

static void
readable(struct host_watch *unused, uint32_t events)
{
	(void)unused;
	(void)events;
	for (int i = 0; i < 64 && read_packet(true); i++)
		;
	host_link_deliver();
}

/*
 * ---- Verbs.
 */

static int64_t
ask(enum vqp_link_type type, const void *body, uint64_t bytes,
    const void *more, uint64_t more_bytes)
{
	const uint32_t tag = ++last_tag | REQUEST_TAG;

	send_packet(type, tag, body, bytes, more, more_bytes);
	while (answered != tag)
		read_packet(false);
	return last_status;
}

int64_t
host_link_request(enum vqp_link_type type, const void *body, uint64_t bytes)
{
	return ask(type, body, bytes, NULL, 0);
}

int64_t
host_link_have(enum vqp_link_type type, uint32_t resource)
{
	const struct vqp_handle handle = { host_cid, resource };

	return host_link_request(type, &handle, sizeof(handle));
}

void
host_link_ring(struct vqp_handle handle)
{
	send_packet(VQP_LINK_RING, NOBODYS_TAG, &handle, sizeof(handle), NULL,
	    0);
}

void
host_link_post(const struct vqp_datagram *datagram, const void *payload,
    uint32_t tag)
{
	send_packet(VQP_LINK_SEND, tag, datagram, sizeof(*datagram), payload,
	    datagram->payload_size);
}

int64_t
host_link_send(const struct vqp_datagram *datagram, const void *payload)
{
	return ask(VQP_LINK_SEND, datagram, sizeof(*datagram), payload,
	    datagram->payload_size);
}

int64_t
host_pair_open(struct host_pair *pair, struct vqp_handle handle, uint32_t peer,
    uint32_t flags, uint64_t size)
{
	const struct vqp_link_alloc call = {
		.handle = handle, .peer = peer, .flags = flags,
		.produce_size = size, .consume_size = size,
	};
	int64_t status;

	pair->handle = handle;
	pair->mapped = false;
	pair->next = pairs;
	pairs = pair;
	status = host_link_request(VQP_LINK_ALLOC, &call, sizeof(call));
	if (status < 0)
		pairs = pair->next;	/* nothing came between */
	return status;
}

void
host_pair_close(struct host_pair *pair)
{
	struct host_pair **at = &pairs;

	while (*at != NULL && *at != pair)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	pair->leaving = NULL;
	host_link_request(VQP_LINK_DETACH, &pair->handle,
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

void
host_link_open(const char *path, uint32_t cid,
    const struct host_link_calls *functions)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct vqp_link_hello hello = {
		.version = VQP_LINK_VERSION, .cid = cid,
	};
	int64_t status;
	int fd;

	calls = *functions;
	if (strlen(path) >= sizeof(address.sun_path))
		host_die("%s: too long for the address of a socket", path);
	strcpy(address.sun_path, path);
	fd = dial(&address, SOCK_SEQPACKET);
	if (fd < 0 && errno == EPROTOTYPE) {
		is_stream = true;
		fd = dial(&address, SOCK_STREAM);
	}
	if (fd < 0)
		host_die("%s: %s", path, strerror(errno));
	host_watch_add(&watch, fd, EPOLLIN, readable);
	status = host_link_request(VQP_LINK_HELLO, &hello, sizeof(hello));
	if (status < 0)
		host_die("context %u: %s", cid, vqp_status_name(status));
	host_cid = (uint32_t)status;
	while (host_guest_cid == 0)
		read_packet(false);
}
