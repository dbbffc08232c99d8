/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The socket to QEMU (vqp_link.h), and the queue pairs whose memory came
 * through it.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <vqp/pair.h>
#include <vqp/wire_device.h>

#include "host_loop.h"
#include "vqp_link.h"

struct host_kept;

/* A queue pair we are an end of, mapped or not yet. */
struct host_pair {
	struct host_pair *next;
	struct vqp_handle handle;
	bool mapped;
	struct vqp_pair_config config;	/* while it is */
	uint8_t *memory;
	uint64_t memory_bytes;
	/* Memory is about to go: what is needed of it is to be taken now. */
	void (*leaving)(struct host *host, struct host_pair *pair);
	void (*arrived)(struct host *host, struct host_pair *pair);	/* or NULL */
};

struct host_link_calls {
	void (*datagram)(struct host *host,
	    const struct vqp_datagram *datagram, const void *payload);
	void (*event)(struct host *host,
	    const struct vqp_event_qpair *event);
	void (*doorbell)(struct host *host, struct vqp_handle handle);
	/* A post with that tag was not taken. */
	void (*refused)(struct host *host, uint32_t tag, int64_t status);
};

struct host_link {
	const struct host_link_calls *calls;
	uint32_t cid;		/* ours */
	uint32_t guest_cid;	/* 0: not known yet */
	struct host_watch watch;
	bool is_stream;		/* a chardev's: a packet follows its length */
	struct host_kept *kept_first, **kept_last;
	struct host_pair *pairs;
	uint32_t last_tag;
	uint32_t answered;	/* tag */
	int64_t last_status;	/* of that one */
	uint8_t packet[VQP_LINK_BYTES_MAX];	/* that is being read */
};

/* Pages as they come, in pieces of files. */
struct host_memory {
	int *files;
	uint32_t file_count;
	struct vqp_link_memory coming;
	uint8_t *base;		/* NULL: none comes */
	uint64_t bytes;
	uint64_t mapped_bytes;
	uint32_t pieces_left;
};

/*
 * Connect to the socket at `path`, or use `fd`, and be `cid`.  As
 * with all below, a socket that breaks is a state of the host and no error of
 * the call: requests answer DEVICE_NOT_FOUND from then on.
 */
void host_link_open(struct host *host, const char *path, uint32_t cid);
void host_link_open_at(struct host *host, int fd, uint32_t cid);
void host_link_close(struct host *host);
/* What came while requests were answered. */
void host_link_deliver(struct host *host);
bool host_link_has_kept(const struct host *host);

/* Ask and wait for the result. */
int64_t host_link_request(struct host *host, enum vqp_link_type type,
    const void *body, uint64_t bytes);
/* BIND or LINK: datagrams to this resource of ours, or rings of it. */
int64_t host_link_have(struct host *host, enum vqp_link_type type,
    uint32_t resource);
/* Send a datagram, and wait for no result; of tag 0 nobody is told. */
void host_link_post(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, uint32_t tag);
/* Ring, and do not ask whether somebody heard. */
void host_link_ring(struct host *host, struct vqp_handle handle);
/* As host_link_post(), and wait. */
int64_t host_link_send(struct host *host,
    const struct vqp_datagram *datagram, const void *payload);

/* Be an end of a queue pair; status as of vqp_program_qpair_alloc(). */
int64_t host_pair_open(struct host *host, struct host_pair *pair,
    struct vqp_handle handle, uint32_t peer, uint32_t flags, uint64_t size);
/* Detach, if need be. */
void host_pair_close(struct host *host, struct host_pair *pair);

/* ---- host_memory.c */

void host_memory_file(struct host *host, uint32_t index, int fd);
void host_memory_begin(struct host *host,
    const struct vqp_link_memory *message);
/* True when the last piece is there; then who it is for: NULL, nobody. */
bool host_memory_pieces(struct host *host, const struct vqp_link_piece *pieces,
    uint64_t count, struct host_pair *pairs, struct host_pair **whole);
void host_memory_unmap(struct host_pair *pair);
void host_memory_close(struct host *host);

#endif
