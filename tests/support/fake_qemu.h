/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A QEMU and a guest for vqp-host, at the other end of a socketpair and on the
 * same thread. vqp-host is linked with
 * --wrap=sendmsg,recvmsg,recv,clock_gettime,epoll_wait,epoll_ctl, and each
 * packet of the host is answered before its sendmsg() returns.  A read that
 * would wait without end reports the end of the socket instead.
 */
#ifndef FAKE_QEMU_H
#define FAKE_QEMU_H

#include <stdio.h>
#include <time.h>

#include "host.h"

#define FAKE_CID	16
#define FAKE_RAM_BYTES	(UINT64_C(8) << 20)
#define FAKE_PAGE	4096

struct fake_packet {
	struct fake_packet *next;
	uint32_t type, tag;
	uint64_t bytes;			/* of the body */
	uint8_t body[];
};

/* A queue pair whose memory the host has received. */
struct fake_pair {
	struct vqp_link_alloc call;
	uint64_t offset;		/* in the guest's memory */
	struct vqp_pair guest;		/* the guest's side */
	bool live;
};

struct fake_qemu {
	int fd, host_fd;
	bool is_stream;
	int ram_fd;
	uint8_t *ram;
	uint64_t ram_used;
	bool file_sent;
	struct fake_pair *pairs;
	unsigned pair_count, pair_max;
	/* What the host sent and the test has not read. */
	struct fake_packet *first, **last;
	struct fake_packet *taken;	/* by fake_qemu_next() */
	bool forgets;			/* keep no packet */
	/* What it answers next. */
	int64_t send_status;		/* of SEND; 0: the correct one */
	int64_t alloc_status;		/* of ALLOC, if negative */
	int64_t ring_status;
	bool silent;			/* answer nothing */
	bool to_hypervisor;		/* fake_guest_say(): to context 0 */
	unsigned starved;		/* reads that would never end */
	int64_t now_ms;			/* waits advance it; 0: machine's */
	unsigned watch_room;		/* watches the loop still accepts */
	/* Replaces these answers for a packet; or NULL. */
	void (*answer)(struct fake_qemu *qemu,
	    const struct fake_packet *packet);
};

/*
 * SOCK_SEQPACKET, or SOCK_STREAM as a chardev's.  Only one may be open at a
 * time.
 */
void fake_qemu_open(struct fake_qemu *qemu, int type);
void fake_qemu_close(struct fake_qemu *qemu);

/* Send to the host, with `fd_count` descriptors.  False: its socket is full. */
bool fake_qemu_send(struct fake_qemu *qemu, uint32_t type, uint32_t tag,
    const void *body, uint64_t bytes, const int *fds, unsigned fd_count);
/* Send these bytes unchanged. */
bool fake_qemu_send_raw(struct fake_qemu *qemu, const void *bytes,
    uint64_t length, const int *fds, unsigned fd_count);
/* Answer a packet as QEMU does. */
void fake_qemu_answer(struct fake_qemu *qemu,
    const struct fake_packet *packet);
/* The pair's guest detaches: QEMU revokes the memory and tells the host. */
void fake_qemu_detach(struct fake_qemu *qemu, struct vqp_handle handle);

/* Discard everything that the host sent. */
void fake_qemu_forget(struct fake_qemu *qemu);
/* The next packet of that type, valid until the next call; NULL: none. */
const struct fake_packet *fake_qemu_next(struct fake_qemu *qemu,
    uint32_t type);
/* The live pair with this handle; NULL: none. */
struct fake_pair *fake_qemu_pair(struct fake_qemu *qemu,
    struct vqp_handle handle);

/* The guest sends a datagram; resource 15 belongs to context 0. */
void fake_guest_send(struct fake_qemu *qemu, uint32_t own_resource,
    uint32_t resource, const void *payload, uint64_t bytes);
/* Send a control packet of the guest's stream own_port to our `port`. */
void fake_guest_say(struct fake_qemu *qemu, uint8_t type, uint32_t own_port,
    uint32_t port, uint16_t protocol, const union vqp_vsock_body *body);
/* Returns the host's next control packet, or type 255. */
struct vqp_vsock_packet fake_guest_hear(struct fake_qemu *qemu);

#endif
