/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What vqp-host gives up before a guest can reach it, so that a guest that
 * took it over could not do more than vqp-host does: open a file, start a
 * program, reach a network or another process.
 */
#ifndef HOST_CONFINE_H
#define HOST_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct host;

/*
 * Drop all capabilities, promise to gain no privileges by exec, and refuse
 * every system call that serving does not take (EPERM).  If there are Unix
 * sockets to connect to, a process of its own is started before, which
 * connects to <path>_<port>, does nothing else, and ends with this one.
 *
 * For the rest of the process's life.  False if the system refused some of it;
 * why was said.
 */
bool host_confine(struct host *host);

#define HOST_DIAL_NOBODY	(-1)
/* Somebody listens, and has as many waiting as listen() was told. */
#define HOST_DIAL_LATER		(-2)
/*
 * A stream connected to <vsock>_<port> (or <hypervisor>_<port>), by whoever
 * may, or one of those.
 */
int host_dial(struct host *host, bool hypervisor, uint32_t port);

void host_confine_close(struct host *host);

#endif
