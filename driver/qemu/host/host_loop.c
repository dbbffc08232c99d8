/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The loop of vqp-host. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <vqp/pair.h>

#include "host_loop.h"

#define BATCH	64

static int loop_fd = -1;
static struct epoll_event batch[BATCH];
static int batch_count;

void
host_loop_init(void)
{
	loop_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop_fd < 0)
		host_die("epoll: %s", strerror(errno));
}

void
host_watch_add(struct host_watch *watch, int fd, uint32_t events,
    void (*ready)(struct host_watch *watch, uint32_t events))
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	watch->fd = fd;
	watch->events = events;
	watch->ready = ready;
	if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		host_die("epoll: %s", strerror(errno));
}

void
host_watch_set(struct host_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (watch->fd < 0 || watch->events == events)
		return;
	watch->events = events;
	if (epoll_ctl(loop_fd, EPOLL_CTL_MOD, watch->fd, &event) != 0)
		host_die("epoll: %s", strerror(errno));
}

void
host_watch_remove(struct host_watch *watch)
{
	if (watch->fd < 0)
		return;
	epoll_ctl(loop_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
	for (int i = 0; i < batch_count; i++)
		if (batch[i].data.ptr == watch)
			batch[i].data.ptr = NULL;
}

void
host_loop_turn(int milliseconds)
{
	batch_count = epoll_wait(loop_fd, batch, BATCH, milliseconds);
	for (int i = 0; i < batch_count; i++) {
		struct host_watch *watch = batch[i].data.ptr;

		if (watch != NULL)
			watch->ready(watch, batch[i].events);
	}
	batch_count = 0;
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

	if (posix_memalign(&memory, _Alignof(struct vqp_pair),
	    (size_t)bytes) != 0)
		host_die("out of memory");
	return memset(memory, 0, (size_t)bytes);
}

static void
say(const char *format, va_list arguments)
{
	fputs("vqp-host: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void
host_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	exit(1);
}

void
host_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}
