/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Run a program that may use VMware's backdoor port.  In VMware any program
 * may; QEMU's emulation of it (vmport) leaves the decision to the kernel.
 */
#include <stdio.h>
#include <sys/io.h>
#include <unistd.h>

#define BACKDOOR_PORT	0x5658
#define BACKDOOR_PORTS	8	/* those of string instructions, too */

int
main(int argc, char **argv)
{
	if (argc < 2 || ioperm(BACKDOOR_PORT, BACKDOOR_PORTS, 1) != 0) {
		perror("backdoor");
		return 126;
	}
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
