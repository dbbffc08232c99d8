/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * vqp-host: the host of a guest in QEMU, `-device vmci,socket=LINK`.  It is
 * CID 2 to the guest, and serves the guest's stream and datagram sockets, and
 * queue pairs and doorbells without sockets.
 */
#include <signal.h>

#include "host.h"

int
main(int argc, char **argv)
{
	static struct host host;
	struct host_options options;
	int status = host_options_parse(&options, argc, argv, stderr);

	if (status < 0) {
		signal(SIGPIPE, SIG_IGN);
		host_init(&host, stderr);
		host_open(&host, &options);
		while (host_turn(&host, -1))
			;
		status = host.state == HOST_FAILED;
		host_close(&host);
	}
	host_options_free(&options);
	return status;
}
