/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which service serves which port, and one turn of all services. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

static struct host_end *
end_of(struct host *host, const struct host_service *service)
{
	switch (service->kind) {
	case HOST_ECHO:
		return host_end_echo(host);
	case HOST_SINK:
		return host_end_sink(host);
	case HOST_SOURCE:
		return host_end_source(host, service->bytes);
	case HOST_SEND:
		return host_end_send_file(host, service->fd);
	case HOST_RECEIVE:
		return host_end_receive_file(host, service->fd);
	default:
		return NULL;
	}
}

static struct host_end *
answer(struct host *host, uint32_t port, bool hypervisor, bool *later)
{
	const struct host_service *service = host->options->services;

	*later = false;
	if (hypervisor)
		return host->options->hypervisor == NULL ? NULL :
		    host_unix_dial(host, port, true, later);
	while (service != NULL && (service->port != port ||
	    service->kind >= HOST_DATAGRAM_ECHO))
		service = service->next;
	if (service != NULL)
		return end_of(host, service);
	return host->options->vsock == NULL ? NULL :
	    host_unix_dial(host, port, false, later);
}

static void
datagram(struct host *host, const struct vqp_datagram *datagram,
    const void *payload)
{
	if (datagram->dst.resource == VQP_VSOCK_RESOURCE ||
	    vqp_vsock_is_hypervisor(datagram->dst))
		host_stream_datagram(host, datagram, payload);
	else
		host_datagram_take(host, datagram, payload);
}

static struct host_end *
endless_source(struct host *host)
{
	return host_end_source(host, 0);
}

static void
serve_pair(struct host *host, const struct host_service *service)
{
	const struct vqp_handle handle = {
		service->context == 0 ? host->link.cid : service->context,
		service->port,
	};

	host_raw_serve(host, handle, service->bytes,
	    service->kind == HOST_PAIR_ECHO ? host_end_echo :
	    service->kind == HOST_PAIR_SINK ? host_end_sink : endless_source);
}

/* Begin a service that needs no stream to begin. */
static void
begin(struct host *host, const struct host_service *service)
{
	switch (service->kind) {
	case HOST_DATAGRAM_ECHO:
		host_datagram_echo(host, service->port);
		break;
	case HOST_DATAGRAM:
		host_datagram_unix(host, host->options->vsock,
		    service->port);
		break;
	case HOST_PAIR_ECHO:
	case HOST_PAIR_SINK:
	case HOST_PAIR_SOURCE:
		serve_pair(host, service);
		break;
	case HOST_DOORBELL:
		host_raw_count(host, service->port);
		break;
	case HOST_RING:
		host_raw_ring(host, service->port);
		break;
	default:
		break;
	}
}

static const struct host_link_calls calls = {
	.datagram = datagram,
	.event = host_stream_event,
	.doorbell = host_raw_doorbell,
	.refused = host_stream_refused,
};

void
host_init(struct host *host, FILE *log)
{
	memset(host, 0, sizeof(*host));
	host->log = log;
	host->loop.fd = -1;
	host->link.calls = &calls;
	host->link.watch.fd = -1;
	host->link.asked_last = &host->link.asked;
	host->door.watch.fd = -1;
	host->dialler_fd = -1;
	host->streams.listener = answer;
}

/*
 * Open a regular file; for anything else return -1 with the host failed.  The
 * host has one thread, and opening a FIFO or a terminal would stop every stream
 * until another process opens its other side.
 */
static int
open_regular(struct host *host, const char *path, int flags)
{
	/*
	 * Non-blocking: the open of a FIFO waits for its other side, and some
	 * regular files in /proc wait as well.
	 */
	const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0666);
	const int error = errno;
	struct stat is;

	if ((fd < 0 ? stat(path, &is) : fstat(fd, &is)) == 0 &&
	    !S_ISREG(is.st_mode))
		host_fail(host, "%s: exists and is not a regular file", path);
	else if (fd < 0)
		host_fail(host, "%s: %s", path, strerror(error));
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Open all that has a path now, since the confined process can open none. */
static void
open_files(struct host *host)
{
	for (struct host_service *s = host->options->services; s != NULL;
	    s = s->next) {
		if (s->file == NULL)
			continue;
		s->fd = open_regular(host, s->file, s->kind == HOST_SEND ?
		    O_RDONLY : O_WRONLY | O_CREAT);
	}
}

static void
close_files(struct host_options *options)
{
	struct host_service *s = options == NULL ? NULL : options->services;

	for (; s != NULL; s = s->next) {
		if (s->file != NULL && s->fd >= 0)
			close(s->fd);
		s->fd = -1;
	}
}

/* Datagram services open a path; the others begin after confinement. */
static void
begin_all(struct host *host, bool with_path)
{
	for (const struct host_service *s = host->options->services;
	    s != NULL && host->state == HOST_RUNS; s = s->next)
		if ((s->kind == HOST_DATAGRAM) == with_path)
			begin(host, s);
}

static void
serve(struct host *host, bool confined)
{
	open_files(host);
	if (host->options->hypervisor != NULL && host->state == HOST_RUNS)
		host_unix_fits(host, host->options->hypervisor);
	if (host->options->vsock != NULL && host->state == HOST_RUNS)
		host_unix_listen(host, host->options->vsock);
	begin_all(host, true);
	if (host->state == HOST_RUNS && confined && !host_confine(host))
		host_fail(host, "not started");
	host_stream_init(host);
	begin_all(host, false);
	host_link_settle(host);
	if (host->state == HOST_RUNS)
		host_say(host, "context %u of guest %u, ready",
		    host->link.cid, host->link.guest_cid);
}

void
host_open(struct host *host, struct host_options *options)
{
	host->options = options;
	if (!host_loop_open(host))
		host_fail(host, "epoll: %m");
	host_link_open(host, options->link, options->cid);
	serve(host, !options->no_confine);
}

void
host_open_at(struct host *host, struct host_options *options, int fd)
{
	host->options = options;
	if (!host_loop_open(host))
		host_fail(host, "epoll: %m");
	host_link_open_at(host, fd, options->cid);
	serve(host, false);
}

/* After QEMU ended: let slow readers read the guest's last bytes. */
static bool
last_turn(struct host *host, int milliseconds)
{
	int wait;

	host_link_lost(host);
	host_unix_close(host);
	if (!host_stream_last(host, &wait))
		return false;
	host_loop_turn(host, host_sooner(wait, milliseconds));
	return true;
}

bool
host_turn(struct host *host, int milliseconds)
{
	int wait;

	if (host->state == HOST_OVER)
		return last_turn(host, milliseconds);
	if (host->state != HOST_RUNS)
		return false;
	wait = host_sooner(host_sooner(host_stream_work(host),
	    host_raw_work(host)), host_sooner(host_unix_work(host),
	    milliseconds));
	wait = host_sooner(wait, host_said_work(host));
	if (host->state == HOST_RUNS)
		host_loop_turn(host, wait);
	return host->state != HOST_FAILED;
}

void
host_close(struct host *host)
{
	/* From here on, what a program still sends is ignored. */
	if (host->state == HOST_RUNS)
		host->state = HOST_OVER;
	host_said_work(host);
	host_stream_close(host);
	host_raw_close(host);
	host_datagram_close(host);
	host_unix_close(host);
	host_link_close(host);
	host_memory_close(host);
	host_loop_close(host);
	host_confine_close(host);
	close_files(host->options);
}
