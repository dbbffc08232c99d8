/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What can stand behind a stream. */
#ifndef HOST_END_H
#define HOST_END_H

#include "host_stream.h"

/* ---- host_end.c: what stands between an end and a ring, or a person. */
/*
 * As the end's take() and give(), with all there is in the ring or all it has
 * room for; take: 0 for an empty one, give: HOST_WAIT for a full one.  `tell`
 * is set if the guest is to be told of it.
 */
int64_t host_end_take(struct host_end *end, struct vqp_pair *pair,
    bool *tell);
int64_t host_end_give(struct host_end *end, struct vqp_pair *pair,
    bool *tell);
/* Bytes and throughput of one that is over and began at `since`. */
void host_end_say(const char *name, uint64_t bytes_in, uint64_t bytes_out,
    int64_t since);

/* ---- host_builtin.c: services for tests and for moving a file. */
struct host_end *host_end_echo(void);
struct host_end *host_end_sink(void);
/* `bytes` of a pattern; 0: as long as the guest reads. */
struct host_end *host_end_source(uint64_t bytes);
struct host_end *host_end_send_file(const char *path);
struct host_end *host_end_receive_file(const char *path);

/* ---- host_unix.c: Unix sockets, as Firecracker has them. */
/* Listen at `path` for "CONNECT <port>\n". */
void host_unix_listen(const char *path);
/* A stream to the socket <path>_<port>, or NULL. */
struct host_end *host_unix_dial(const char *path, uint32_t port);

/* ---- host_raw.c: queue pairs and doorbells, without sockets. */
/* Be an end of this pair, again and again, with an end of that kind. */
void host_raw_serve(struct vqp_handle handle, uint64_t size,
    struct host_end *(*make_end)(void));
/* Have a doorbell, and say how often it was rung. */
void host_raw_count(uint32_t resource);
/* Ring the guest's doorbell, once it has it. */
void host_raw_ring(uint32_t resource);
void host_raw_doorbell(struct vqp_handle handle);
/* As host_stream_work(). */
int host_raw_work(void);

/* ---- host_datagram.c */
/* Send back what comes to this port. */
void host_datagram_echo(uint32_t port);
/* The Unix socket <path>_<port>.dgram is this port. */
void host_datagram_unix(const char *path, uint32_t port);
void host_datagram_take(const struct vqp_datagram *datagram,
    const void *payload);

#endif
