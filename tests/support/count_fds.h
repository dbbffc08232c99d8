/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counts the open descriptors, for tests that check that none is left. */
#ifndef COUNT_FDS_H
#define COUNT_FDS_H

#include <fcntl.h>

/*
 * Counts the first 64.  Under qemu-user always 0: its recvmsg() has a buffer of
 * its own and forgets the descriptors that the caller's buffer has no space
 * for, which a kernel closes.
 */
static inline unsigned
count_fds(void)
{
	unsigned count = 0;

#ifndef VQP_TEST_EMULATED
	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
#endif
	return count;
}

#endif
