/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets to and from host contexts (vqp_link.h): socket=PATH accepts several
 * programs, chardev=ID one at a time.  QEMU never waits for a program, except
 * until it has released a queue pair's memory.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "chardev/char-socket.h"
#include "sysemu/sysemu.h"
#include "qapi/error.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "qemu_link.h"

/* Packets of one program that are read before others get a turn. */
#define READ_BATCH	64
/* Programs connected at a time, with HELLO or without. */
#define PROGRAMS_MAX	64
/* Bytes that a program did not read, or that came while QEMU waited. */
#define OUT_BYTES_MAX	(UINT64_C(8) << 20)
#define IN_BYTES_MAX	(UINT64_C(4) << 20)
#define ACCEPT_AGAIN_MS	200

struct VmciLink {
	const VmciLinkCalls *calls;
	int fd;			/* of socket=, or -1 */
	char *path;
	struct stat made;	/* the socket that QEMU made */
	QEMUTimer *accept_again;
	uint32_t program_count;
	Notifier at_exit;
	QLIST_HEAD(, VmciProgram) programs;
	VmciProgram *by_chardev;	/* one of them, or NULL */
};

static void update_handlers(VmciProgram *p);

/* Why a call failed; NULL if the program merely ended. */
static const char *
reason(int error)
{
	return error == EPIPE || error == ECONNRESET ? NULL :
	    strerror(error);
}

/*
 * ---- Out.
 */

/* The memory that a kept packet takes. */
static uint64_t
packet_bytes(const VmciPacket *packet)
{
	return sizeof(*packet) + packet->length;
}

static void
free_packet(VmciPacket *packet)
{
	if (packet->fd >= 0)
		close(packet->fd);
	g_free(packet);
}

static void
drop_packets(VmciPackets *packets)
{
	VmciPacket *packet;

	while ((packet = QSIMPLEQ_FIRST(packets)) != NULL) {
		QSIMPLEQ_REMOVE_HEAD(packets, next);
		free_packet(packet);
	}
}

/* True when the packet was sent, or cannot be sent any more. */
static bool
try_send(VmciProgram *p, VmciPacket *packet)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	const size_t first = p->stream != NULL ?
	    offsetof(VmciPacket, length) : offsetof(VmciPacket, bytes);
	const size_t at = first + packet->sent;
	const size_t end = offsetof(VmciPacket, bytes) + packet->length;
	struct iovec iov = { (uint8_t *)packet + at, end - at };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (packet->fd >= 0 && packet->sent == 0) {
		struct cmsghdr *header = &control.align;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header->cmsg_len = CMSG_LEN(sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(header), &packet->fd, sizeof(int));
	}
	n = sendmsg(p->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0) {
		packet->sent += (uint32_t)n;
		return at + (size_t)n == end;
	}
	if (errno == EAGAIN || errno == EINTR)
		return false;
	vmci_link_break(p, reason(errno));
	return true;
}

	/* The packet was sent, so its doorbell may be queued again. */
static void
was_sent(VmciProgram *p, const VmciPacket *packet)
{
	struct vqp_link_message message;
	struct vqp_handle handle;

	memcpy(&message, packet->bytes, sizeof(message));
	if (message.type != VQP_LINK_DOORBELL)
		return;
	memcpy(&handle, packet->bytes + sizeof(message), sizeof(handle));
	g_hash_table_remove(p->rung, GUINT_TO_POINTER(handle.resource));
}

static void
flush(VmciProgram *p)
{
	VmciPacket *packet;

	while ((packet = QSIMPLEQ_FIRST(&p->out)) != NULL &&
	    try_send(p, packet)) {
		QSIMPLEQ_REMOVE_HEAD(&p->out, next);
		p->out_bytes -= packet_bytes(packet);
		was_sent(p, packet);
		free_packet(packet);
	}
}

void
vmci_link_send(VmciProgram *p, enum vqp_link_type type, uint32_t tag,
    const void *body, size_t body_bytes, const void *more, size_t more_bytes,
    int fd)
{
	const struct vqp_link_message message = { type, tag };
	const size_t length = sizeof(message) + body_bytes + more_bytes;
	VmciPacket *packet;

	if (p->broken)
		return;
	packet = g_malloc(sizeof(*packet) + length);
	packet->length = (uint32_t)length;
	packet->sent = 0;
	packet->fd = fd;
	memcpy(packet->bytes, &message, sizeof(message));
	memcpy(packet->bytes + sizeof(message), body, body_bytes);
	if (more_bytes > 0)
		memcpy(packet->bytes + sizeof(message) + body_bytes, more,
		    more_bytes);
	if (QSIMPLEQ_EMPTY(&p->out) && try_send(p, packet)) {
		g_free(packet);
		return;
	}
	/* Without a free descriptor send none: the program can ask again. */
	packet->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	QSIMPLEQ_INSERT_TAIL(&p->out, packet, next);
	p->out_bytes += packet_bytes(packet);
	if (p->out_bytes > OUT_BYTES_MAX)
		vmci_link_break(p, "it does not read what it is sent");
	update_handlers(p);
}

/*
 * ---- In.
 */

static VmciPacket *
new_packet(const uint8_t *bytes, uint32_t length)
{
	VmciPacket *packet = g_malloc(sizeof(*packet) + length);

	packet->fd = -1;
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
	return packet;
}

/* True if recv() failed only because there is nothing to read now. */
static void
received_none(VmciProgram *p, ssize_t n)
{
	if (n == 0)
		vmci_link_break(p, NULL);
	else if (errno != EAGAIN && errno != EINTR)
		vmci_link_break(p, reason(errno));
}

static VmciPacket *
receive_stream(VmciProgram *p)
{
	uint32_t length, whole;
	ssize_t n;

	for (;;) {
		whole = sizeof(length);
		if (p->stream_bytes >= sizeof(length)) {
			memcpy(&length, p->stream, sizeof(length));
			if (length > VQP_LINK_BYTES_MAX) {
				vmci_link_break(p, "a packet that is too long");
				return NULL;
			}
			whole += length;
			if (p->stream_bytes == whole)
				break;
		}
		n = recv(p->fd, p->stream + p->stream_bytes,
		    whole - p->stream_bytes, MSG_DONTWAIT);
		if (n <= 0) {
			received_none(p, n);
			return NULL;
		}
		p->stream_bytes += (uint32_t)n;
	}
	p->stream_bytes = 0;
	return new_packet(p->stream + sizeof(length), length);
}

/* The next packet of the socket, or NULL. */
static VmciPacket *
receive(VmciProgram *p)
{
	uint8_t bytes[VQP_LINK_BYTES_MAX];
	ssize_t n;

	if (p->stream != NULL)
		return receive_stream(p);
	n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
	if (n <= 0)
		received_none(p, n);
	else if (n > VQP_LINK_BYTES_MAX)
		vmci_link_break(p, "a packet that is too long");
	else
		return new_packet(bytes, (uint32_t)n);
	return NULL;
}

static VmciPacket *
next_packet(VmciProgram *p)
{
	VmciPacket *packet = QSIMPLEQ_FIRST(&p->in);

	if (packet == NULL)
		return receive(p);
	QSIMPLEQ_REMOVE_HEAD(&p->in, next);
	p->in_bytes -= packet_bytes(packet);
	return packet;
}

static void
readable(void *opaque)
{
	VmciProgram *p = opaque;

	for (int i = 0; i < READ_BATCH && !p->broken; i++) {
		VmciPacket *packet = next_packet(p);

		if (packet == NULL)
			break;
		p->s->link->calls->take(p, packet->bytes, packet->length);
		free_packet(packet);
	}
	if (!p->broken && !QSIMPLEQ_EMPTY(&p->in))
		qemu_bh_schedule(p->later);
}

static void
writable(void *opaque)
{
	VmciProgram *p = opaque;

	flush(p);
	update_handlers(p);
}

static void
update_handlers(VmciProgram *p)
{
	if (p->broken)
		qemu_set_fd_handler(p->fd, NULL, NULL, NULL);
	else
		qemu_set_fd_handler(p->fd, readable,
		    QSIMPLEQ_EMPTY(&p->out) ? NULL : writable, p);
}

static bool
is_released(const VmciPacket *packet, struct vqp_handle handle)
{
	struct vqp_link_message message;

	if (packet->length != sizeof(message) + sizeof(handle))
		return false;
	memcpy(&message, packet->bytes, sizeof(message));
	return message.type == VQP_LINK_RELEASED &&
	    memcmp(packet->bytes + sizeof(message), &handle,
	    sizeof(handle)) == 0;
}

bool
vmci_link_wait_released(VmciProgram *p, struct vqp_handle handle)
{
	const int64_t end = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
	    p->s->release_ms;

	while (!p->broken) {
		const int64_t left = end -
		    qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
		struct pollfd wait = { .fd = p->fd, .events = POLLIN };
		VmciPacket *packet;

		if (left <= 0) {
			vmci_link_break(p, "it did not release a queue pair's "
			    "memory in time; the guest may already reuse it");
			break;
		}
		flush(p);
		if (!QSIMPLEQ_EMPTY(&p->out))
			wait.events |= POLLOUT;
		poll(&wait, 1, (int)left);
		packet = receive(p);
		if (packet == NULL)
			continue;
		if (is_released(packet, handle)) {
			free_packet(packet);
			return true;
		}
		QSIMPLEQ_INSERT_TAIL(&p->in, packet, next);
		p->in_bytes += packet_bytes(packet);
		if (p->in_bytes > IN_BYTES_MAX)
			vmci_link_break(p, "it sends more than can be kept "
			    "until it releases a queue pair's memory");
		qemu_bh_schedule(p->later);
	}
	return false;
}

/*
 * ---- Coming and going.
 */

void
vmci_link_break(VmciProgram *p, const char *why)
{
	if (p->broken)
		return;
	p->broken = true;
	if (why != NULL)
		vmci_say(p->s, SAY_CUT_OFF, "a program on the host is "
		    "cut off: %s", why);
	update_handlers(p);
	qemu_bh_schedule(p->later);
}

static void
close_program(VmciProgram *p)
{
	VmciLink *link = p->s->link;

	p->broken = true;
	if (link->by_chardev == p) {
		link->by_chardev = NULL;
		qemu_chr_fe_disconnect(&p->s->chardev);
	}
	link->calls->exit(p);
	qemu_set_fd_handler(p->fd, NULL, NULL, NULL);
	close(p->fd);
	drop_packets(&p->in);
	drop_packets(&p->out);
	qemu_bh_delete(p->later);
	QLIST_REMOVE(p, next);
	link->program_count--;
	g_free(p->stream);
	g_free(p);
}

void
vmci_link_reap(VmciProgram *but)
{
	VmciProgram *p, *next;

	QLIST_FOREACH_SAFE(p, &but->s->link->programs, next, next) {
		struct pollfd look = { .fd = p->fd };

		if (p != but && (p->broken || (poll(&look, 1, 0) > 0 &&
		    (look.revents & POLLHUP) != 0)))
			close_program(p);
	}
}

static void
later(void *opaque)
{
	VmciProgram *p = opaque;

	if (p->broken)
		close_program(p);
	else
		readable(p);
}

static VmciProgram *
new_program(VmciState *s, int fd)
{
	VmciProgram *p = g_new0(VmciProgram, 1);

	p->s = s;
	p->fd = fd;
	p->later = qemu_bh_new(later, p);
	QSIMPLEQ_INIT(&p->in);
	QSIMPLEQ_INIT(&p->out);
	QLIST_INSERT_HEAD(&s->link->programs, p, next);
	s->link->program_count++;
	s->link->calls->init(p);
	update_handlers(p);
	return p;
}

static void
acceptable(void *opaque)
{
	VmciState *s = opaque;
	VmciLink *link = s->link;
	const int fd = accept4(link->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && link->program_count < PROGRAMS_MAX) {
		new_program(s, fd);
		return;
	}
	if (fd >= 0) {
		vmci_say(s, SAY_ACCEPT, "a program is refused: %u "
		    "are connected", PROGRAMS_MAX);
		close(fd);
	} else if (errno != EAGAIN && errno != EINTR &&
	    errno != ECONNABORTED) {
		/* Any descriptor may be closed next, so try again later. */
		vmci_say(s, SAY_ACCEPT, "a program cannot be accepted "
		    "now: %s", strerror(errno));
		qemu_set_fd_handler(link->fd, NULL, NULL, NULL);
		timer_mod(link->accept_again, ACCEPT_AGAIN_MS +
		    qemu_clock_get_ms(QEMU_CLOCK_REALTIME));
	}
}

static void
accept_again(void *opaque)
{
	VmciState *s = opaque;

	qemu_set_fd_handler(s->link->fd, acceptable, NULL, s);
}

/*
 * The chardev listens, connects and reconnects; this file sends and receives
 * through its socket.  To wait for RELEASED, it reads the socket directly.
 */
static int
chardev_can_read(void *opaque)
{
	return 0;
}

static void
chardev_opened(VmciState *s)
{
	SocketChardev *socket =
	    SOCKET_CHARDEV(qemu_chr_fe_get_driver(&s->chardev));
	struct sockaddr_storage name = { 0 };
	socklen_t length = sizeof(name);
	int fd = -1;

	if (socket->ioc == QIO_CHANNEL(socket->sioc) &&
	    getsockname(socket->sioc->fd, (struct sockaddr *)&name,
	    &length) == 0 && name.ss_family == AF_UNIX)
		fd = fcntl(socket->sioc->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		vmci_say(s, SAY_CHARDEV, "chardev: guest memory can be "
		    "passed over a plain Unix socket only");
		qemu_chr_fe_disconnect(&s->chardev);
		return;
	}
	s->link->by_chardev = new_program(s, fd);
	s->link->by_chardev->stream = g_malloc(sizeof(uint32_t) +
	    VQP_LINK_BYTES_MAX);
}

static void
chardev_event(void *opaque, QEMUChrEvent event)
{
	VmciState *s = opaque;
	VmciProgram *p = s->link->by_chardev;

	if (event == CHR_EVENT_OPENED) {
		chardev_opened(s);
	} else if (event == CHR_EVENT_CLOSED && p != NULL) {
		s->link->by_chardev = NULL;
		vmci_link_break(p, NULL);
	}
}

/* Remove the socket, if it is still the one that QEMU made. */
static void
remove_socket(const VmciLink *link)
{
	struct stat now;

	if (lstat(link->path, &now) == 0 &&
	    now.st_dev == link->made.st_dev && now.st_ino == link->made.st_ino)
		unlink(link->path);
}

/* QEMU ends without unplugging its devices, so this removes the socket. */
static void
at_exit(Notifier *notifier, void *data)
{
	remove_socket(container_of(notifier, VmciLink, at_exit));
}

/*
 * Remove a socket that a QEMU that ended left there, and nothing else.  Returns
 * NULL, or what is wrong with the path.
 */
static const char *
clear_path(const struct sockaddr_un *address)
{
	struct stat there;
	int fd, error;

	if (lstat(address->sun_path, &there) != 0)
		return NULL;	/* bind() will say what it is */
	if (!S_ISSOCK(there.st_mode))
		return "exists and is not a socket";
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	error = fd < 0 || connect(fd, (const struct sockaddr *)address,
	    sizeof(*address)) == 0 ? 0 : errno;
	if (fd >= 0)
		close(fd);
	if (error != ECONNREFUSED)
		return "another process listens there";
	unlink(address->sun_path);
	return NULL;
}

static bool
start_socket(VmciState *s, Error **errp)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	VmciLink *link = s->link;
	const char *wrong;
	int fd;

	/* An abstract socket, without a path, would have no permissions. */
	if (s->socket[0] == '\0' ||
	    strlen(s->socket) >= sizeof(address.sun_path)) {
		error_setg(errp, "vmci: socket=%s is empty or too long",
		    s->socket);
		return false;
	}
	strcpy(address.sun_path, s->socket);
	wrong = clear_path(&address);
	if (wrong != NULL) {
		error_setg(errp, "vmci: socket=%s: %s", s->socket, wrong);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address,
	    sizeof(address)) != 0 || listen(fd, PROGRAMS_MAX) != 0) {
		error_setg_errno(errp, errno, "vmci: socket=%s", s->socket);
		if (fd >= 0)
			close(fd);
		return false;
	}
	link->fd = fd;
	link->path = g_strdup(s->socket);
	lstat(link->path, &link->made);
	link->at_exit.notify = at_exit;
	qemu_add_exit_notifier(&link->at_exit);
	link->accept_again = timer_new_ms(QEMU_CLOCK_REALTIME, accept_again,
	    s);
	qemu_set_fd_handler(fd, acceptable, NULL, s);
	return true;
}

/* Memory is being unplugged; its descriptor is still open. */
static void
ram_block_removed(RAMBlockNotifier *notifier, void *host, size_t size,
    size_t size_max)
{
	VmciState *s = container_of(notifier, VmciState, ram_notifier);
	ram_addr_t offset;
	RAMBlock *block = qemu_ram_block_from_host(host, false, &offset);
	const int fd = block == NULL ? -1 : qemu_ram_get_fd(block);
	VmciProgram *p;

	if (fd >= 0)
		QLIST_FOREACH(p, &s->link->programs, next)
			s->link->calls->file_goes(p, fd);
}

bool
vmci_link_start(VmciState *s, const VmciLinkCalls *calls, Error **errp)
{
	Chardev *chardev = qemu_chr_fe_get_driver(&s->chardev);

	if (chardev != NULL && object_dynamic_cast(OBJECT(chardev),
	    TYPE_CHARDEV_SOCKET) == NULL) {
		error_setg(errp, "vmci: chardev=%s is not a socket",
		    chardev->label);
		return false;
	}
	s->link = g_new0(VmciLink, 1);
	s->link->calls = calls;
	s->link->fd = -1;
	QLIST_INIT(&s->link->programs);
	s->ram_notifier.ram_block_removed = ram_block_removed;
	ram_block_notifier_add(&s->ram_notifier);
	if (s->socket != NULL && !start_socket(s, errp))
		return false;
	if (chardev != NULL)
		qemu_chr_fe_set_handlers(&s->chardev, chardev_can_read, NULL,
		    chardev_event, NULL, s, NULL, true);
	return true;
}

void
vmci_link_stop(VmciState *s)
{
	VmciLink *link = s->link;

	if (link == NULL)
		return;
	ram_block_notifier_remove(&s->ram_notifier);
	qemu_chr_fe_set_handlers(&s->chardev, NULL, NULL, NULL, NULL, NULL,
	    NULL, true);
	while (!QLIST_EMPTY(&link->programs))
		close_program(QLIST_FIRST(&link->programs));
	if (link->fd >= 0) {
		timer_free(link->accept_again);
		qemu_set_fd_handler(link->fd, NULL, NULL, NULL);
		close(link->fd);
		qemu_remove_exit_notifier(&link->at_exit);
		remove_socket(link);
		g_free(link->path);
	}
	g_free(link);
	s->link = NULL;
}
