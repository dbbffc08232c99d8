/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stream sockets of the guest as the host sees them: the control protocol of
 * docs/wire.md 14 on datagrams, the bytes in a queue pair.
 *
 * What is behind a stream on the host is an end: it takes bytes that the guest
 * sent and gives bytes for it, in place, straight out of and into the ring.
 */
#ifndef HOST_STREAM_H
#define HOST_STREAM_H

#include <sys/uio.h>

#include "host_link.h"

struct host_stream;

/* Not now; it calls host_stream_wake() when that has changed. */
#define HOST_WAIT	(-1)
/* It is broken: reset the stream. */
#define HOST_BROKEN	(-2)
/* Nobody will ever take these bytes; what it gives is another matter. */
#define HOST_GONE	(-3)

struct host_end {
	/*
	 * The guest's bytes: how many are taken, HOST_WAIT, HOST_GONE or
	 * HOST_BROKEN.  With none to take: HOST_GONE, if it is known.
	 */
	int64_t (*take)(struct host *host, struct host_end *end,
	    const struct iovec span[2]);
	/* How many are there for it now; 0: no more will come. */
	int64_t (*give)(struct host *host, struct host_end *end,
	    const struct iovec span[2]);
	/* The guest will send nothing more, and all it sent was taken. */
	void (*finish)(struct host *host, struct host_end *end);
	/* The guest reads nothing more: give() is not called.  May be NULL. */
	void (*refuse)(struct host *host, struct host_end *end);
	/* The stream is up, for one that we opened.  May be NULL. */
	void (*open)(struct host *host, struct host_end *end);
	/* It is over; the end frees itself. */
	void (*close)(struct host *host, struct host_end *end);
	struct host_stream *stream;
};

/*
 * Who answers for a port of ours or of context 0: a new end, or NULL; `later`
 * says whether somebody is there who will take one more in a while.
 */
typedef struct host_end *host_listener(struct host *host, uint32_t port,
    bool hypervisor, bool *later);

/* RSTs of connections that were refused: the last so many can be said again. */
#define HOST_RESETS	64

struct host_reset {
	uint32_t tag;		/* 0: none */
	uint32_t cid, port, own_port;
	bool hypervisor;
	bool unsaid;		/* the guest had no room for it */
	uint64_t number;	/* counts up; 0: this place is free */
	int64_t until;		/* its program waits no longer */
};

struct host_streams {
	struct host_stream *first;
	host_listener *listener;	/* from the start: a packet may be early */
	uint32_t last_tag, last_port, last_resource;
	struct host_reset resets[HOST_RESETS];
	uint64_t reset_number;	/* of the newest */
	uint32_t reset_count;	/* ever said */
	int64_t resets_at;	/* when to say them again; 0: none is unsaid */
	int64_t resets_ms;
	bool full;		/* and that was said */
	bool moved;		/* bytes, since host_stream_last() */
	int64_t patience;	/* of host_stream_last(); 0: not called yet */
};

void host_stream_init(struct host *host);
/* Every end is closed; the guest hears of it by the end of the link. */
void host_stream_close(struct host *host);
void host_stream_datagram(struct host *host,
    const struct vqp_datagram *datagram, const void *payload);
void host_stream_event(struct host *host, const struct vqp_event_qpair *event);
void host_stream_refused(struct host *host, uint32_t tag, int64_t status);

/* Connect to a port of the guest.  Our own port, or an error. */
int64_t host_stream_connect(struct host *host, uint32_t cid, uint32_t port,
    struct host_end *end);

/* The end can take or give again. */
void host_stream_wake(struct host_stream *stream);

/* Move bytes, look at clocks.  Milliseconds until it is to be called again;
 * -1 for never. */
int host_stream_work(struct host *host);

/*
 * The same when there is no guest any more: what it had sent goes to those who
 * read it, as long as they do.  False when nobody has to be waited for.
 */
bool host_stream_last(struct host *host, int *wait);

#endif
