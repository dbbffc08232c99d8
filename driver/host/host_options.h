/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the command line asks for. */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum host_service_kind {
	/* Streams to a port. */
	HOST_ECHO, HOST_SINK, HOST_SOURCE, HOST_SEND, HOST_RECEIVE,
	/* No streams. */
	HOST_DATAGRAM_ECHO, HOST_DATAGRAM, HOST_PAIR_ECHO, HOST_PAIR_SINK,
	HOST_PAIR_SOURCE, HOST_DOORBELL, HOST_RING,
};

struct host_service {
	struct host_service *next;
	enum host_service_kind kind;
	uint32_t context;	/* of a pair; 0 for ours */
	uint32_t port;
	const char *file;
	int fd;			/* of the file while it is open */
	uint64_t bytes;		/* of a source, or of each ring of a pair */
};

struct host_options {
	const char *link;	/* QEMU's socket */
	const char *vsock;	/* Unix sockets for ports, or NULL */
	const char *hypervisor;	/* the same for ports of context 0 */
	uint32_t cid;
	bool patient;		/* wait until a process listens at `link` */
	bool no_confine;
	struct host_service *services;	/* the last one first */
};

/*
 * Parse the command line.  -1: go on.  Otherwise the program's exit status: 0
 * after --help, 2 after an error, which was written to `err`.  Strings stay
 * those of argv.  Free the options in any case.
 */
int host_options_parse(struct host_options *options, int argc, char **argv,
    FILE *err);
void host_options_free(struct host_options *options);

#endif
