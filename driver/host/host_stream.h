/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stream sockets of the guest as the host sees them: the control protocol of
 * docs/wire.md 14 in datagrams, the bytes in a queue pair.
 *
 * Each stream has an endpoint on the host (struct host_end).  The endpoint
 * takes bytes that the guest sent and gives bytes for it, in place: straight
 * out of the ring and into it.
 */
#ifndef HOST_STREAM_H
#define HOST_STREAM_H

#include <sys/uio.h>

#include "host_link.h"

struct host_stream;

/* Not now: the endpoint calls host_stream_wake() when that has changed. */
#define HOST_WAIT	(-1)
/* The endpoint is broken: reset the stream. */
#define HOST_BROKEN	(-2)
/* The endpoint takes no more bytes, ever; it may still give some. */
#define HOST_GONE	(-3)

struct host_end {
	/*
	 * The guest's bytes: returns how many were taken, HOST_WAIT, HOST_GONE
	 * or HOST_BROKEN.  With none to take: HOST_GONE, if that is known.
	 */
	int64_t (*take)(struct host *host, struct host_end *end,
	    const struct iovec span[2]);
	/* Give bytes for the guest; 0: no more will come. */
	int64_t (*give)(struct host *host, struct host_end *end,
	    const struct iovec span[2]);
	/* The guest will send nothing more, and all it sent was taken. */
	void (*finish)(struct host *host, struct host_end *end);
	/* The guest reads no more: give() is not called.  May be NULL. */
	void (*refuse)(struct host *host, struct host_end *end);
	/* The stream is open, if the host began it.  May be NULL. */
	void (*open)(struct host *host, struct host_end *end);
	/* The stream is over; the endpoint frees itself. */
	void (*close)(struct host *host, struct host_end *end);
	struct host_stream *stream;
};

/*
 * Return a new endpoint for a port of ours or of context 0, or NULL.  Then
 * `later` says whether a program listens that will accept after a while.
 */
typedef struct host_end *host_listener(struct host *host, uint32_t port,
    bool hypervisor, bool *later);

/* RSTs of refused connections: the newest of them can be sent again. */
#define HOST_RESETS	64

struct host_reset {
	uint32_t tag;		/* 0: none */
	uint32_t cid, port, own_port;
	bool hypervisor;
	bool unsaid;		/* the guest had no room for it */
	uint64_t number;	/* counts up; 0: this place is free */
	int64_t until;		/* its program waits until then */
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
	bool full;		/* and that was logged */
	bool moved;		/* bytes, since host_stream_last() */
	int64_t patience;	/* of host_stream_last(); 0: not called yet */
};

void host_stream_init(struct host *host);
/* Close every endpoint; QEMU notifies the guest when the socket closes. */
void host_stream_close(struct host *host);
void host_stream_datagram(struct host *host,
    const struct vqp_datagram *datagram, const void *payload);
void host_stream_event(struct host *host, const struct vqp_event_qpair *event);
void host_stream_refused(struct host *host, uint32_t tag, int64_t status);

/* Connect to a port of the guest.  Returns our own port, or an error. */
int64_t host_stream_connect(struct host *host, uint32_t cid, uint32_t port,
    struct host_end *end);

/* The endpoint can take or give again. */
void host_stream_wake(struct host_stream *stream);

/*
 * Move bytes and check deadlines.  Returns milliseconds until the next call is
 * due, or -1 for none.
 */
int host_stream_work(struct host *host);

/*
 * The same after the guest is gone: its last bytes go to programs as long as
 * these read.  False when no program has to be waited for.
 */
bool host_stream_last(struct host *host, int *wait);

#endif
