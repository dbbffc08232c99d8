/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program on the other side of the socket: packets (qemu_link.c) and what
 * they mean (qemu_program.c).
 */
#ifndef QEMU_LINK_H
#define QEMU_LINK_H

#include "qemu_vmci.h"

#include "vqp_link.h"

typedef struct VmciPacket {
	QSIMPLEQ_ENTRY(VmciPacket) next;
	int fd;			/* to pass along, or -1; closed with it */
	uint32_t sent;		/* on a stream: bytes sent so far */
	/* Contiguous, as they are sent on a stream. */
	uint32_t length;
	uint8_t bytes[];
} VmciPacket;

typedef QSIMPLEQ_HEAD(VmciPackets, VmciPacket) VmciPackets;

struct VmciProgram {
	QLIST_ENTRY(VmciProgram) next;
	VmciState *s;
	int fd;
	bool broken;		/* will be closed; send nothing more */
	uint8_t *stream;	/* chardev=: a packet that comes, and its length */
	uint32_t stream_bytes;
	QEMUBH *later;
	VmciPackets in;		/* came while we waited for another */
	VmciPackets out;	/* the socket was full */
	uint64_t in_bytes;	/* of these, with the cost of each */
	uint64_t out_bytes;

	struct vqp_program *program;	/* after HELLO */
	GHashTable *bound;	/* resources it takes datagrams for */
	bool hypervisor;	/* and for the stream sockets of context 0 */
	GHashTable *rung;	/* doorbells of which a ring is in `out` */
	GArray *files;		/* of struct stat: those it has; none: zeros */
};

/* What packets mean; the link calls these without knowing it. */
struct VmciLinkCalls {
	void (*init)(VmciProgram *p);
	void (*take)(VmciProgram *p, const uint8_t *bytes, size_t length);
	/* A file of the guest's memory is about to go: close it. */
	void (*file_goes)(VmciProgram *p, int fd);
	void (*exit)(VmciProgram *p);
};

/* Send a packet; `fd` may be -1 and stays the caller's.  Never waits. */
void vmci_link_send(VmciProgram *p, enum vqp_link_type type, uint32_t tag,
    const void *body, size_t body_bytes, const void *more, size_t more_bytes,
    int fd);
/* Read until the program releases that pair; false if it takes too long. */
bool vmci_link_wait_released(VmciProgram *p, struct vqp_handle handle);
/* Close it later: a caller may still use it. */
void vmci_link_break(VmciProgram *p, const char *why);

/* Close programs that ended without QEMU having read it, except one. */
void vmci_link_reap(VmciProgram *but);

#endif
