/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What can stand behind a stream. */
#ifndef HOST_END_H
#define HOST_END_H

#include "host_stream.h"

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

/* ---- host_datagram.c */
/* Send back what comes to this port. */
void host_datagram_echo(uint32_t port);
/* The Unix socket <path>_<port>.dgram is this port. */
void host_datagram_unix(const char *path, uint32_t port);
void host_datagram_take(const struct vqp_datagram *datagram,
    const void *payload);

#endif
