/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The loop of vqp-host. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

#define HOUR_MS	3600000

bool
host_loop_open(struct host *host)
{
	host->loop.fd = epoll_create1(EPOLL_CLOEXEC);
	return host->loop.fd >= 0;
}

void
host_loop_close(struct host *host)
{
	if (host->loop.fd >= 0)
		close(host->loop.fd);
	host->loop.fd = -1;
}

bool
host_watch_add(struct host *host, struct host_watch *watch, int fd,
    uint32_t events, void (*ready)(struct host *host,
    struct host_watch *watch, uint32_t events))
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (epoll_ctl(host->loop.fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return false;
	watch->fd = fd;
	watch->events = events;
	watch->ready = ready;
	return true;
}

void
host_watch_set(struct host *host, struct host_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (watch->fd < 0 || watch->events == events)
		return;
	watch->events = events;
	/* The epoll exists, so only a kernel without memory refuses. */
	if (epoll_ctl(host->loop.fd, EPOLL_CTL_MOD, watch->fd, &event) != 0)
		host_fail(host, "epoll: %m");
}

void
host_watch_remove(struct host *host, struct host_watch *watch)
{
	struct host_loop *loop = &host->loop;

	if (watch->fd < 0)
		return;
	epoll_ctl(loop->fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

void
host_loop_turn(struct host *host, int milliseconds)
{
	struct host_loop *loop = &host->loop;

	loop->batch_count = epoll_wait(loop->fd, loop->batch, HOST_BATCH,
	    milliseconds);
	for (int i = 0; i < loop->batch_count; i++) {
		struct host_watch *watch = loop->batch[i].data.ptr;

		if (watch != NULL)
			watch->ready(host, watch, loop->batch[i].events);
	}
	loop->batch_count = 0;
}

int64_t
host_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void *
host_alloc(uint64_t bytes)
{
	void *memory;

	if (bytes > SIZE_MAX || posix_memalign(&memory,
	    _Alignof(struct vqp_pair), (size_t)bytes) != 0) {
		fputs("vqp-host: out of memory\n", stderr);
		exit(1);
	}
	return memset(memory, 0, (size_t)bytes);
}

static void
say(struct host *host, const char *format, va_list arguments)
{
	if (host->log == NULL)
		return;
	fputs("vqp-host: ", host->log);
	vfprintf(host->log, format, arguments);
	fputc('\n', host->log);
}

void
host_fail(struct host *host, const char *format, ...)
{
	va_list arguments;

	if (host->state != HOST_RUNS)
		return;
	host->state = HOST_FAILED;
	va_start(arguments, format);
	say(host, format, arguments);
	va_end(arguments);
}

/* The format's own count; if there are too many formats, the last one's. */
static struct host_said *
find_said(struct host *host, const char *format)
{
	struct host_said *said = host->said;

	while (said < &host->said[HOST_FORMATS - 1] && said->format != NULL &&
	    said->format != format)
		said++;
	said->format = format;
	return said;
}

static void __attribute__((format(printf, 2, 3)))
say_line(struct host *host, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(host, format, arguments);
	va_end(arguments);
}

int
host_said_work(struct host *host)
{
	const int64_t now = host_now_ms();
	int wait = -1;

	for (struct host_said *said = host->said; said->format != NULL &&
	    said < &host->said[HOST_FORMATS]; said++) {
		if (said->left_out == 0)
			continue;
		if (now >= said->tell_at || host->state != HOST_RUNS) {
			say_line(host, "%llu more lines in %u s, as this: %s",
			    (unsigned long long)said->left_out,
			    said->wait_s, said->last);
			said->left_out = 0;
			said->wait_s *= 2;
			continue;
		}
		wait = host_sooner(wait, (int)(said->tell_at - now));
	}
	return wait;
}

void
host_say(struct host *host, const char *format, ...)
{
	struct host_said *said = find_said(host, format);
	const int64_t now = host_now_ms();
	va_list arguments;

	if (said->left_out == 0 && now >= said->hour_end) {
		said->hour_end = now + HOUR_MS;
		said->lines = 0;
		said->wait_s = 1;
	}
	va_start(arguments, format);
	if (said->lines < HOST_LINES) {
		said->lines++;
		say(host, format, arguments);
	} else {
		if (said->left_out++ == 0)
			said->tell_at = now + said->wait_s * INT64_C(1000);
		vsnprintf(said->last, sizeof(said->last), format, arguments);
	}
	va_end(arguments);
}
