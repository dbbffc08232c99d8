/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The socket to QEMU (vqp_link.h), and the queue pairs whose memory came
 * through it.  One link to a process.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <vqp/pair.h>
#include <vqp/wire_device.h>

#include "vqp_link.h"

/* A queue pair we are an end of, mapped or not yet. */
struct host_pair {
	struct host_pair *next;
	struct vqp_handle handle;
	bool mapped;
	struct vqp_pair_config config;	/* while it is */
	uint8_t *memory;
	uint64_t memory_bytes;
	/* Memory is about to go: what is needed of it is to be taken now. */
	void (*leaving)(struct host_pair *pair);
	void (*arrived)(struct host_pair *pair);	/* or NULL */
};

struct host_link_calls {
	void (*datagram)(const struct vqp_datagram *datagram,
	    const void *payload);
	void (*event)(const struct vqp_event_qpair *event);
	void (*doorbell)(struct vqp_handle handle);
	/* A post with that tag was not taken. */
	void (*refused)(uint32_t tag, int64_t status);
};

extern uint32_t host_cid;	/* ours */
extern uint32_t host_guest_cid;

/* Connect, be `cid`, or end the program. */
void host_link_open(const char *path, uint32_t cid,
    const struct host_link_calls *calls);
/* What came while requests were answered. */
void host_link_deliver(void);
bool host_link_has_kept(void);

/* Ask and wait for the result. */
int64_t host_link_request(enum vqp_link_type type, const void *body,
    uint64_t bytes);
/* BIND or LINK: datagrams to this resource of ours, or rings of it. */
int64_t host_link_have(enum vqp_link_type type, uint32_t resource);
/* Send a datagram, and wait for no result; of tag 0 nobody is told. */
void host_link_post(const struct vqp_datagram *datagram, const void *payload,
    uint32_t tag);
/* Ring, and do not ask whether somebody heard. */
void host_link_ring(struct vqp_handle handle);
/* As host_link_post(), and wait. */
int64_t host_link_send(const struct vqp_datagram *datagram,
    const void *payload);

/* Be an end of a queue pair; status as of vqp_program_qpair_alloc(). */
int64_t host_pair_open(struct host_pair *pair, struct vqp_handle handle,
    uint32_t peer, uint32_t flags, uint64_t size);
/* Detach, if need be. */
void host_pair_close(struct host_pair *pair);

/* ---- host_memory.c */

void host_memory_file(uint32_t index, int fd);
void host_memory_begin(const struct vqp_link_memory *memory);
/* True when the last piece is there; then who it is for: NULL, nobody. */
bool host_memory_pieces(const struct vqp_link_piece *pieces, uint64_t count,
    struct host_pair *pairs, struct host_pair **whole);
void host_memory_unmap(struct host_pair *pair);

#endif
