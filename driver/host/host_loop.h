/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One thread, one epoll: each watch has a descriptor and the function that is
 * called when the descriptor can be read or written.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define HOST_BATCH	64

struct host;

struct host_watch {
	int fd;			/* -1: not watched */
	uint32_t events;	/* EPOLLIN, EPOLLOUT; may be 0 */
	void (*ready)(struct host *host, struct host_watch *watch,
	    uint32_t events);
};

struct host_loop {
	int fd;			/* -1: none */
	struct epoll_event batch[HOST_BATCH];
	int batch_count;
};

/* False if the system refuses an epoll; errno has the reason. */
bool host_loop_open(struct host *host);
void host_loop_close(struct host *host);

/* False if the system refuses one more watch; errno has the reason. */
bool host_watch_add(struct host *host, struct host_watch *watch, int fd,
    uint32_t events, void (*ready)(struct host *host,
    struct host_watch *watch, uint32_t events));
void host_watch_set(struct host *host, struct host_watch *watch,
    uint32_t events);
/* Forget it, also events that were fetched already; fd stays open. */
void host_watch_remove(struct host *host, struct host_watch *watch);

/* Wait, at most that long (-1: no limit), and call what is ready. */
void host_loop_turn(struct host *host, int milliseconds);

/* The shorter of two such waits. */
static inline int
host_sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t host_now_ms(void);	/* monotonic */
/*
 * Zeros, aligned for a struct vqp_pair.  Without memory the process ends, so a
 * caller that allocates for a guest must bound how much.
 */
void *host_alloc(uint64_t bytes);
/*
 * The lines of one format: the first HOST_LINES in an hour are written.  Those
 * beyond are counted, and one line gives their number: after a second, and then
 * each time after twice as long.  So a guest that causes lines, as fast as it
 * likes, gets at most HOST_LINES + 12 of one format in an hour.
 */
#define HOST_FORMATS	48
#define HOST_LINES	64

struct host_said {
	const char *format;
	int64_t hour_end;
	uint32_t lines;		/* in this hour */
	uint32_t wait_s;	/* before those left out are reported */
	uint64_t left_out;
	int64_t tell_at;	/* if some are */
	char last[120];		/* the last one left out */
};

/* Report the lines left out, if it is time.  As host_stream_work(). */
int host_said_work(struct host *host);

/* Log one line for the user, or count it. */
void host_say(struct host *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Log why, once: no turn follows, and nothing more is sent to QEMU. */
void host_fail(struct host *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
