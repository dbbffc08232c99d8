/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One thread, one epoll: whoever has a descriptor says what is to be called
 * when it can be read or written.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct host_watch {
	int fd;			/* -1: not watched */
	uint32_t events;	/* EPOLLIN, EPOLLOUT; may be 0 */
	void (*ready)(struct host_watch *watch, uint32_t events);
};

void host_loop_init(void);
void host_watch_add(struct host_watch *watch, int fd, uint32_t events,
    void (*ready)(struct host_watch *watch, uint32_t events));
void host_watch_set(struct host_watch *watch, uint32_t events);
/* Forget it, also events of it that were fetched already; fd stays open. */
void host_watch_remove(struct host_watch *watch);

/* Wait, at most that long (-1: for ever), and call who is ready. */
void host_loop_turn(int milliseconds);

/* The shorter of two such waits. */
static inline int
host_sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t host_now_ms(void);	/* monotonic */
/* Zeros, aligned as a queue pair is; or the end. */
void *host_alloc(uint64_t bytes);
/* Say why on standard error, and end the program. */
void host_die(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void host_say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
