/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One vqp-host: a context of one guest, and all services there.  A process can
 * have several; they share nothing.
 */
#ifndef HOST_H
#define HOST_H

#include <stdio.h>

#include "host_confine.h"
#include "host_end.h"
#include "host_link.h"
#include "host_loop.h"
#include "host_options.h"
#include "host_stream.h"

enum host_state {
	HOST_RUNS,
	HOST_OVER,		/* QEMU has ended */
	HOST_FAILED,		/* the reason was logged */
};

struct host {
	enum host_state state;
	FILE *log;		/* for host_say(); or NULL */
	struct host_said said[HOST_FORMATS];
	struct host_options *options;
	struct host_loop loop;
	struct host_link link;
	struct host_memory memory;
	struct host_streams streams;
	struct host_door door;
	struct host_raws raws;
	struct host_datagrams datagrams;
	int dialler_fd;		/* of host_confine(); -1: none */
};

/* Initialise; host_close() may follow at once. */
void host_init(struct host *host, FILE *log);

/*
 * Connect to QEMU, open what the options name, confine the process, and begin
 * all services.  The options stay the caller's and must outlive the host.
 * host->state says whether this worked; if not, the reason was logged.
 */
void host_open(struct host *host, struct host_options *options);
/*
 * As host_open(), but on a connected socket to QEMU, and without confinement.
 * The host closes the socket.
 */
void host_open_at(struct host *host, struct host_options *options, int fd);

/*
 * Serve what is due, then wait for more, at most that many milliseconds (-1:
 * no limit).  False if that was the last turn: see host->state.
 */
bool host_turn(struct host *host, int milliseconds);

/* End every stream and pair, and free all memory. */
void host_close(struct host *host);

#endif
