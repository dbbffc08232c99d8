/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The rights that vqp-host drops before a guest can reach it.  A guest that
 * took over the process could do no more than vqp-host does: it could not open
 * a file, start a program, or reach a network or another process.
 */
#ifndef HOST_CONFINE_H
#define HOST_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct host;

/*
 * Drop all capabilities, set no_new_privs, and refuse every system call that
 * serving does not need (EPERM).  If there are Unix sockets to connect to, a
 * separate process is started before; it only connects to <path>_<port>, and
 * ends with this process.
 *
 * This cannot be undone.  False if the system refused a part of it; the reason
 * was logged.
 */
bool host_confine(struct host *host);

#define HOST_DIAL_NOBODY	(-1)
/* A program listens, but its backlog is full. */
#define HOST_DIAL_LATER		(-2)
/*
 * Returns a stream connected to <vsock>_<port> (or <hypervisor>_<port>), made
 * by the process that may connect, or one of the errors above.
 */
int host_dial(struct host *host, bool hypervisor, uint32_t port);

void host_confine_close(struct host *host);

#endif
