/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What can stand behind a stream. */
#ifndef HOST_END_H
#define HOST_END_H

#include <sys/un.h>

#include "host_stream.h"

/* ---- host_end.c: what stands between an end and a ring, or a person. */
/*
 * Call once after vqp_pair_attach() on a ring that had no earlier host end: it
 * takes the first edge, which would wake the guest for nothing.
 */
void host_end_begin(struct vqp_pair *pair);

/*
 * As the end's take() and give(), with all there is in the ring or all it has
 * room for; take: 0 for an empty one, give: HOST_WAIT for a full one.  `tell`
 * is set if the guest is to be told of it.
 */
int64_t host_end_take(struct host *host, struct host_end *end,
    struct vqp_pair *pair, bool *tell);
int64_t host_end_give(struct host *host, struct host_end *end,
    struct vqp_pair *pair, bool *tell);
/* Take all there is, and throw it away. */
int64_t host_end_discard(struct vqp_pair *pair, bool *tell);
/* Bytes and throughput of one that is over and began at `since`. */
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
	struct host_watch watch;	/* that listens */
	struct unix_end *callers;	/* that have not said CONNECT yet */
	int64_t callers_at;		/* when to look at these */
	int64_t again_at;		/* when to accept again; 0: now */
};

/* Listen at `path` for "CONNECT <port>\n". */
void host_unix_listen(struct host *host, const char *path);
/*
 * Bind `fd`, in the place of a socket that nobody uses any more, and of nothing
 * else.  False: why was said, and the host has failed.
 */
bool host_unix_bind(struct host *host, int fd,
    const struct sockaddr_un *address, int type);
/* As host_stream_work(). */
int host_unix_work(struct host *host);
/*
 * Whether <path>_<port> is an address for every port.  False: the length was
 * said, and the host has failed.
 */
bool host_unix_fits(struct host *host, const char *path);
/*
 * A stream to the socket <path>_<port>, of --hypervisor or --vsock; as a
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

/* Be an end of this pair, again and again, with an end of that kind. */
void host_raw_serve(struct host *host, struct vqp_handle handle,
    uint64_t size, struct host_end *(*make_end)(struct host *host));
/* Have a doorbell, and say how often it was rung. */
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
	/* From a program of the host, with the address before it. */
	uint8_t bytes[sizeof(struct vqp_handle) +
	    VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
};

/* Send back what comes to this port. */
void host_datagram_echo(struct host *host, uint32_t port);
/* The Unix socket <path>_<port>.dgram is this port. */
void host_datagram_unix(struct host *host, const char *path, uint32_t port);
void host_datagram_take(struct host *host,
    const struct vqp_datagram *datagram, const void *payload);
void host_datagram_close(struct host *host);

#endif
