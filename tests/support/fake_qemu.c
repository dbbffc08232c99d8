/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fake_qemu.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *to, size_t bytes, int flags);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_ctl(int fd, int what, int watched, struct epoll_event *event);
int __real_epoll_wait(int fd, struct epoll_event *events, int count,
    int milliseconds);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t bytes, int flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_epoll_ctl(int fd, int what, int watched, struct epoll_event *event);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int count,
    int milliseconds);

static struct fake_qemu *current;

static void
die(const char *what)
{
	perror(what);
	abort();
}

/*
 * ---- What the host sends.
 */

/*
 * Read one whole packet, its message before its body.  Returns 0 if there is
 * none.
 */
static size_t
read_packet(struct fake_qemu *qemu, uint8_t *bytes)
{
	uint32_t length = VQP_LINK_BYTES_MAX;
	ssize_t n;

	if (qemu->is_stream && __real_recv(qemu->fd, &length, sizeof(length),
	    MSG_DONTWAIT) != (ssize_t)sizeof(length))
		return 0;
	n = __real_recv(qemu->fd, bytes, length, MSG_DONTWAIT |
	    (qemu->is_stream ? MSG_WAITALL : 0));
	return n < (ssize_t)sizeof(struct vqp_link_message) ? 0 : (size_t)n;
}

static void
work(struct fake_qemu *qemu)
{
	static _Alignas(8) uint8_t bytes[VQP_LINK_BYTES_MAX];
	size_t length;

	while ((length = read_packet(qemu, bytes)) != 0) {
		const struct vqp_link_message *message = (void *)bytes;
		const size_t rest = length - sizeof(*message);
		struct fake_packet *packet = malloc(sizeof(*packet) + rest);

		packet->next = NULL;
		packet->type = message->type;
		packet->tag = message->tag;
		packet->bytes = rest;
		memcpy(packet->body, bytes + sizeof(*message), rest);
		*qemu->last = packet;
		qemu->last = &packet->next;
		if (qemu->answer != NULL)
			qemu->answer(qemu, packet);
		else if (!qemu->silent)
			fake_qemu_answer(qemu, packet);
		if (qemu->forgets)
			fake_qemu_forget(qemu);
	}
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	const ssize_t n = __real_sendmsg(fd, message, flags);

	if (n >= 0 && current != NULL && fd == current->host_fd)
		work(current);
	return n;
}

/* No other process could send, so this wait would never end. */
static bool
starves(int fd, ssize_t n, int flags)
{
	if (current == NULL || fd != current->host_fd || n >= 0 ||
	    errno != EAGAIN || (flags & MSG_DONTWAIT) != 0)
		return false;
	current->starved++;
	return true;
}

static int
no_wait(int fd, int flags)
{
	return current != NULL && fd == current->host_fd ?
	    flags | MSG_DONTWAIT : flags;
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	const ssize_t n = __real_recvmsg(fd, message, no_wait(fd, flags));

	return starves(fd, n, flags) ? 0 : n;
}

ssize_t
__wrap_recv(int fd, void *to, size_t bytes, int flags)
{
	const ssize_t n = __real_recv(fd, to, bytes, no_wait(fd, flags));

	return starves(fd, n, flags) ? 0 : n;
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (current == NULL || current->now_ms == 0)
		return __real_clock_gettime(clock, now);
	now->tv_sec = current->now_ms / 1000;
	now->tv_nsec = current->now_ms % 1000 * 1000000;
	return 0;
}

int
__wrap_epoll_ctl(int fd, int what, int watched, struct epoll_event *event)
{
	if (current != NULL && what == EPOLL_CTL_ADD) {
		if (current->watch_room == 0) {
			errno = ENOSPC;
			return -1;
		}
		current->watch_room--;
	}
	return __real_epoll_ctl(fd, what, watched, event);
}

/* Other processes use the machine's clock, so this wait takes real time. */
int
__wrap_epoll_wait(int fd, struct epoll_event *events, int count,
    int milliseconds)
{
	const int n = __real_epoll_wait(fd, events, count, milliseconds);

	if (n == 0 && current != NULL && current->now_ms != 0)
		current->now_ms += milliseconds;
	return n;
}

/*
 * ---- What QEMU sends.
 */

bool
fake_qemu_send_raw(struct fake_qemu *qemu, const void *bytes, uint64_t length,
    const int *fds, unsigned fd_count)
{
	uint32_t prefix = (uint32_t)length;
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov[2] = {
		{ &prefix, qemu->is_stream ? sizeof(prefix) : 0 },
		{ (void *)bytes, length },
	};
	struct msghdr packet = { .msg_iov = iov, .msg_iovlen = 2 };

	if (fd_count != 0) {
		packet.msg_control = control.bytes;
		packet.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds,
		    fd_count * sizeof(int));
	}
	return __real_sendmsg(qemu->fd, &packet, MSG_DONTWAIT |
	    MSG_NOSIGNAL) >= 0;
}

bool
fake_qemu_send(struct fake_qemu *qemu, uint32_t type, uint32_t tag,
    const void *body, uint64_t bytes, const int *fds, unsigned fd_count)
{
	const struct vqp_link_message message = { type, tag };
	uint8_t *whole = malloc(sizeof(message) + bytes);
	bool sent;

	memcpy(whole, &message, sizeof(message));
	if (bytes != 0)
		memcpy(whole + sizeof(message), body, bytes);
	sent = fake_qemu_send_raw(qemu, whole, sizeof(message) + bytes, fds,
	    fd_count);
	free(whole);
	return sent;
}

static void
result(struct fake_qemu *qemu, uint32_t tag, int64_t status)
{
	const struct vqp_link_result body = { status };

	fake_qemu_send(qemu, VQP_LINK_RESULT, tag, &body, sizeof(body), NULL,
	    0);
}

static uint64_t
page_up(uint64_t bytes)
{
	return (bytes + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
}

/*
 * Attach the guest's side, on its own mapping: the guest's produce queue is the
 * host's consume queue.
 */
static void
attach_guest(struct fake_qemu *qemu, struct fake_pair *pair)
{
	uint8_t *const base = qemu->ram + pair->offset;
	const uint64_t produce = page_up(pair->call.produce_size);
	struct vqp_pair_config config = {
		.handle = pair->call.handle,
		.consume = { .header = base, .data = base + FAKE_PAGE,
		    .size = pair->call.produce_size },
		.produce = { .header = base + FAKE_PAGE + produce,
		    .data = base + 2 * FAKE_PAGE + produce,
		    .size = pair->call.consume_size },
	};

	vqp_queue_header_init(config.produce.header, pair->call.handle);
	vqp_queue_header_init(config.consume.header, pair->call.handle);
	if (vqp_pair_attach(&pair->guest, &config) != VQP_SUCCESS)
		abort();
}

static void
send_memory(struct fake_qemu *qemu, const struct fake_pair *pair)
{
	const struct vqp_link_file file = { 0 };
	const struct vqp_link_memory memory = {
		.handle = pair->call.handle,
		.produce_size = pair->call.produce_size,
		.consume_size = pair->call.consume_size,
		.page_bytes = FAKE_PAGE,
		.produce_bytes = page_up(pair->call.produce_size),
		.consume_bytes = page_up(pair->call.consume_size),
		.piece_count = 2,
	};
	const struct vqp_link_piece pieces[2] = {
		{ .offset = pair->offset, .bytes = FAKE_PAGE },
		{ .offset = pair->offset + FAKE_PAGE, .bytes = FAKE_PAGE +
		    memory.produce_bytes + memory.consume_bytes },
	};

	if (!qemu->file_sent)
		fake_qemu_send(qemu, VQP_LINK_FILE, 0, &file, sizeof(file),
		    &qemu->ram_fd, 1);
	qemu->file_sent = true;
	fake_qemu_send(qemu, VQP_LINK_MEMORY, 0, &memory, sizeof(memory),
	    NULL, 0);
	fake_qemu_send(qemu, VQP_LINK_PIECES, 0, pieces, sizeof(pieces), NULL,
	    0);
}

static int64_t
alloc(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	struct vqp_link_alloc call;
	struct fake_pair *pair;
	uint64_t bytes;

	memcpy(&call, packet->body, sizeof(call));
	if (qemu->alloc_status < 0)
		return qemu->alloc_status;
	if (call.produce_size > FAKE_RAM_BYTES ||
	    call.consume_size > FAKE_RAM_BYTES)
		return VQP_ERROR_INVALID_ARGS;
	if (fake_qemu_pair(qemu, call.handle) != NULL)
		return VQP_ERROR_UNAVAILABLE;
	bytes = 2 * FAKE_PAGE + page_up(call.produce_size) +
	    page_up(call.consume_size);
	if (bytes > FAKE_RAM_BYTES - qemu->ram_used ||
	    qemu->pair_count == qemu->pair_max)
		return VQP_ERROR_NO_RESOURCES;
	pair = &qemu->pairs[qemu->pair_count++];
	pair->call = call;
	pair->offset = qemu->ram_used;
	pair->live = true;
	qemu->ram_used += bytes;
	attach_guest(qemu, pair);
	send_memory(qemu, pair);
	return VQP_SUCCESS;
}

void
fake_qemu_detach(struct fake_qemu *qemu, struct vqp_handle handle)
{
	struct fake_pair *pair = fake_qemu_pair(qemu, handle);
	const struct vqp_event_qpair event = {
		.header.event = VQP_EVENT_QP_PEER_DETACH, .handle = handle,
	};

	if (pair == NULL)
		return;
	pair->live = false;
	fake_qemu_send(qemu, VQP_LINK_NO_MEMORY, 0, &handle, sizeof(handle),
	    NULL, 0);
	fake_qemu_send(qemu, VQP_LINK_EVENT, 0, &event, sizeof(event), NULL,
	    0);
}

static int64_t
detach(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	struct vqp_handle handle;
	struct fake_pair *pair;

	memcpy(&handle, packet->body, sizeof(handle));
	pair = fake_qemu_pair(qemu, handle);
	if (pair == NULL)
		return VQP_ERROR_NOT_FOUND;
	pair->live = false;
	fake_qemu_send(qemu, VQP_LINK_NO_MEMORY, 0, &handle, sizeof(handle),
	    NULL, 0);
	return VQP_SUCCESS;
}

void
fake_qemu_answer(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	const struct vqp_link_guest guest = { .cid = FAKE_CID };
	struct vqp_link_hello hello;

	switch (packet->type) {
	case VQP_LINK_HELLO:
		memcpy(&hello, packet->body, sizeof(hello));
		result(qemu, packet->tag, (int64_t)hello.cid);
		fake_qemu_send(qemu, VQP_LINK_GUEST, 0, &guest, sizeof(guest),
		    NULL, 0);
		break;
	case VQP_LINK_SEND:
		result(qemu, packet->tag, qemu->send_status != 0 ?
		    qemu->send_status : (int64_t)packet->bytes);
		break;
	case VQP_LINK_ALLOC:
		result(qemu, packet->tag, alloc(qemu, packet));
		break;
	case VQP_LINK_DETACH:
		result(qemu, packet->tag, detach(qemu, packet));
		break;
	case VQP_LINK_RING:
		result(qemu, packet->tag, qemu->ring_status);
		break;
	case VQP_LINK_RELEASED:
		break;
	default:
		result(qemu, packet->tag, VQP_SUCCESS);
	}
}

/* ---- What a test calls. */

void
fake_qemu_open(struct fake_qemu *qemu, int type)
{
	int fds[2];

	memset(qemu, 0, sizeof(*qemu));
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0)
		die("socketpair");
	qemu->fd = fds[0];
	qemu->host_fd = fds[1];
	qemu->is_stream = type == SOCK_STREAM;
	qemu->last = &qemu->first;
	qemu->ram_fd = memfd_create("guest", MFD_CLOEXEC);
	if (qemu->ram_fd < 0 ||
	    ftruncate(qemu->ram_fd, (off_t)FAKE_RAM_BYTES) != 0)
		die("memfd");
	qemu->ram = mmap(NULL, FAKE_RAM_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED, qemu->ram_fd, 0);
	if (qemu->ram == MAP_FAILED)
		die("mmap");
	qemu->pair_max = 64;
	qemu->watch_room = UINT_MAX;
	if (posix_memalign((void **)&qemu->pairs, _Alignof(struct fake_pair),
	    qemu->pair_max * sizeof(struct fake_pair)) != 0)
		abort();
	memset(qemu->pairs, 0, qemu->pair_max * sizeof(struct fake_pair));
	current = qemu;
}

void
fake_qemu_forget(struct fake_qemu *qemu)
{
	struct fake_packet *packet;

	while ((packet = qemu->first) != NULL) {
		qemu->first = packet->next;
		free(packet);
	}
	qemu->last = &qemu->first;
}

void
fake_qemu_close(struct fake_qemu *qemu)
{
	current = NULL;
	fake_qemu_forget(qemu);
	free(qemu->taken);
	munmap(qemu->ram, FAKE_RAM_BYTES);
	close(qemu->ram_fd);
	if (qemu->fd >= 0)
		close(qemu->fd);
	free(qemu->pairs);
}

const struct fake_packet *
fake_qemu_next(struct fake_qemu *qemu, uint32_t type)
{
	struct fake_packet **at = &qemu->first, *packet;

	while (*at != NULL && (*at)->type != type)
		at = &(*at)->next;
	packet = *at;
	if (packet == NULL)
		return NULL;
	*at = packet->next;
	if (*at == NULL)
		qemu->last = at;
	free(qemu->taken);
	qemu->taken = packet;
	return packet;
}

struct fake_pair *
fake_qemu_pair(struct fake_qemu *qemu, struct vqp_handle handle)
{
	for (unsigned i = 0; i < qemu->pair_count; i++) {
		struct fake_pair *pair = &qemu->pairs[i];

		if (pair->live &&
		    pair->call.handle.context == handle.context &&
		    pair->call.handle.resource == handle.resource)
			return pair;
	}
	return NULL;
}

void
fake_guest_send(struct fake_qemu *qemu, uint32_t own_resource,
    uint32_t resource, const void *payload, uint64_t bytes)
{
	const struct vqp_datagram datagram = {
		.dst = { resource == VQP_VSOCK_RESOURCE_HYPERVISOR ?
		    VQP_CONTEXT_HYPERVISOR : VQP_CONTEXT_HOST, resource },
		.src = { FAKE_CID, own_resource }, .payload_size = bytes,
	};
	uint8_t *whole = malloc(sizeof(datagram) + bytes);

	memcpy(whole, &datagram, sizeof(datagram));
	if (bytes != 0)
		memcpy(whole + sizeof(datagram), payload, bytes);
	fake_qemu_send(qemu, VQP_LINK_DATAGRAM, 0, whole,
	    sizeof(datagram) + bytes, NULL, 0);
	free(whole);
}

void
fake_guest_say(struct fake_qemu *qemu, uint8_t type, uint32_t own_port,
    uint32_t port, uint16_t protocol, const union vqp_vsock_body *body)
{
	struct vqp_vsock_packet packet = {
		.version = VQP_VSOCK_VERSION, .type = type,
		.protocol = protocol, .src_port = own_port, .dst_port = port,
	};

	if (body != NULL)
		packet.body = *body;
	fake_guest_send(qemu, VQP_VSOCK_RESOURCE, qemu->to_hypervisor ?
	    VQP_VSOCK_RESOURCE_HYPERVISOR : VQP_VSOCK_RESOURCE,
	    &packet.version, sizeof(packet) - sizeof(packet.datagram));
}

struct vqp_vsock_packet
fake_guest_hear(struct fake_qemu *qemu)
{
	struct vqp_vsock_packet packet = { .type = 255 };
	const struct fake_packet *sent = fake_qemu_next(qemu, VQP_LINK_SEND);

	if (sent != NULL && sent->bytes == sizeof(packet))
		memcpy(&packet, sent->body, sizeof(packet));
	return packet;
}
