/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the programs of a Linux guest share: vbench.c and tests/kernel/guest. */
#ifndef GUEST_SOCKET_H
#define GUEST_SOCKET_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

/* Everything takes long under an emulator. */
#define PATIENCE_MS	60000

static inline void
fail(const char *what)
{
	fprintf(stderr, "# %s: %s: %s\n", program_invocation_short_name, what,
	    strerror(errno));
	exit(1);
}

static inline struct sockaddr_vm
address(unsigned cid, unsigned port)
{
	struct sockaddr_vm a;

	memset(&a, 0, sizeof(a));
	a.svm_family = AF_VSOCK;
	a.svm_cid = cid;
	a.svm_port = port;
	return a;
}

/* Linux gives a connect 2 s, so try again until PATIENCE_MS have passed. */
static inline int
dial(unsigned cid, unsigned port)
{
	struct sockaddr_vm a = address(cid, port);
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience,
	    sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		fail("connect");
	return fd;
}

static inline int
listener(unsigned port)
{
	struct sockaddr_vm a = address(VMADDR_CID_ANY, port);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, 4) != 0)
		fail("listen");
	return fd;
}

static inline unsigned
own_cid(void)
{
	unsigned cid = 0;
	int fd = open("/dev/vsock", O_RDONLY);

	if (fd < 0 || ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) != 0)
		fail("local cid");
	close(fd);
	return cid;
}

#endif
