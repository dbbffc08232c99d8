/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The endpoints that a stream can have on the host. */
#ifndef HOST_END_H
#define HOST_END_H

#include <sys/un.h>

#include "host_stream.h"

/* ---- host_end.c: between an endpoint and a ring, or the log. */
/*
 * Call once after vqp_pair_attach() on a ring that no endpoint of the host used
 * before: it consumes the first notification, which would wake the guest for
 * nothing.
 */
void host_end_begin(struct vqp_pair *pair);

/*
 * As the endpoint's take() and give(), with all bytes in the ring or all its
 * room.  Take returns 0 for an empty ring, give HOST_WAIT for a full one.
 * `tell` is set if the guest must be notified.
 */
int64_t host_end_take(struct host *host, struct host_end *end,
    struct vqp_pair *pair, bool *tell);
int64_t host_end_give(struct host *host, struct host_end *end,
    struct vqp_pair *pair, bool *tell);
/* Take all bytes, and discard them. */
int64_t host_end_discard(struct vqp_pair *pair, bool *tell);
/* Log bytes and throughput of an endpoint that ended and began at `since`. */
void host_end_say(struct host *host, const char *name, uint64_t bytes_in,
    uint64_t bytes_out, int64_t since);

/* ---- host_builtin.c: services for tests and for moving a file. */
struct host_end *host_end_echo(struct host *host);
struct host_end *host_end_sink(struct host *host);
/* `bytes` of a pattern; 0: as long as the guest reads. */
struct host_end *host_end_source(struct host *host, uint64_t bytes);
/* From and to an open file, which stays the caller's. */
struct host_end *host_end_send_file(struct host *host, int fd);
struct host_end *host_end_receive_file(struct host *host, int fd);

/* ---- host_unix.c: Unix sockets, as Firecracker has them. */
struct unix_end;

struct host_door {
	struct host_watch watch;	/* of the listening socket */
	struct unix_end *callers;	/* that have not sent CONNECT yet */
	int64_t callers_at;		/* when to check their deadlines */
	int64_t again_at;		/* when to accept again; 0: now */
};

/* Listen at `path` for "CONNECT <port>\n". */
void host_unix_listen(struct host *host, const char *path);
/*
 * Bind `fd`, in the place of a socket that no process uses any more, but never
 * of anything else.  False: the reason was logged, and the host has failed.
 */
bool host_unix_bind(struct host *host, int fd,
    const struct sockaddr_un *address, int type);
/* As host_stream_work(). */
int host_unix_work(struct host *host);
/*
 * True if <path>_<port> fits into a socket address for every port.  False: the
 * length was logged, and the host has failed.
 */
bool host_unix_fits(struct host *host, const char *path);
/*
 * Make a stream to the socket <path>_<port>, of --hypervisor or --vsock; as a
 * host_listener.
 */
struct host_end *host_unix_dial(struct host *host, uint32_t port,
    bool hypervisor, bool *later);
void host_unix_close(struct host *host);

/* ---- host_raw.c: queue pairs and doorbells, without sockets. */
struct raw;
struct bell;

struct host_raws {
	struct raw *raws;
	struct bell *bells;
};

/* Serve this pair again and again, each time with such an endpoint. */
void host_raw_serve(struct host *host, struct vqp_handle handle,
    uint64_t size, struct host_end *(*make_end)(struct host *host));
/* Have a doorbell, and log how often it was rung. */
void host_raw_count(struct host *host, uint32_t resource);
/* Ring the guest's doorbell, once it has it. */
void host_raw_ring(struct host *host, uint32_t resource);
void host_raw_doorbell(struct host *host, struct vqp_handle handle);
/* As host_stream_work(). */
int host_raw_work(struct host *host);
void host_raw_close(struct host *host);

/* ---- host_datagram.c */
struct port;

struct host_datagrams {
	struct port *ports;
	/* A message of a program of the host, which begins with its address. */
	uint8_t bytes[sizeof(struct vqp_handle) +
	    VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
};

/* Send back every datagram to this port. */
void host_datagram_echo(struct host *host, uint32_t port);
/* Serve this port through the Unix socket <path>_<port>.dgram. */
void host_datagram_unix(struct host *host, const char *path, uint32_t port);
void host_datagram_take(struct host *host,
    const struct vqp_datagram *datagram, const void *payload);
void host_datagram_close(struct host *host);

#endif
