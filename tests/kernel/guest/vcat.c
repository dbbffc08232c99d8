/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * netcat for AF_VSOCK, for the shell of a guest:
 *
 *	vcat CID PORT	connect, or
 *	vcat -l PORT	wait for one connection;
 *
 * then standard input goes there, and what comes to standard output, until the
 * peer ends.
 */
#include <poll.h>

#include "guest_socket.h"

static int
accepted(unsigned port)
{
	const int fd = listener(port), one = accept(fd, NULL, NULL);

	if (one < 0)
		fail("accept");
	close(fd);
	return one;
}

/* Move what is there.  0 at the end. */
static int
move(int from, int to)
{
	char buffer[65536];
	ssize_t n = read(from, buffer, sizeof(buffer)), m;

	if (n < 0)
		fail("read");
	for (ssize_t at = 0; at < n; at += m) {
		m = write(to, buffer + at, (size_t)(n - at));
		if (m < 0)
			fail("write");
	}
	return n > 0;
}

int
main(int argc, char **argv)
{
	struct pollfd p[2] = {
		{ .fd = 0, .events = POLLIN },
		{ .events = POLLIN },
	};

	if (argc != 3) {
		fprintf(stderr, "usage: vcat CID PORT, or vcat -l PORT\n");
		return 2;
	}
	p[1].fd = strcmp(argv[1], "-l") == 0 ?
	    accepted((unsigned)strtoul(argv[2], NULL, 0)) :
	    dial((unsigned)strtoul(argv[1], NULL, 0),
		(unsigned)strtoul(argv[2], NULL, 0));
	for (;;) {
		if (poll(p, 2, -1) < 0)
			fail("poll");
		if (p[1].revents != 0 && !move(p[1].fd, 1))
			return 0;
		if (p[0].revents != 0 && !move(0, p[1].fd)) {
			shutdown(p[1].fd, SHUT_WR);
			p[0].fd = -1;
		}
	}
}
