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

struct host_asked;

/* A queue pair we are an end of, mapped or not yet. */
struct host_pair {
	struct host_pair *next;
	struct vqp_handle handle;
	bool opening;		/* the answer has not come yet */
	bool closing;		/* ... and nobody wants it any more */
	bool had_memory;	/* it came; it comes once for each open */
	bool mapped;
	struct vqp_pair_config config;	/* while it is */
	uint8_t *memory;
	uint64_t memory_bytes;
	/* Memory is about to go: what is needed of it is to be taken now. */
	void (*leaving)(struct host *host, struct host_pair *pair);
	void (*arrived)(struct host *host, struct host_pair *pair);	/* or NULL */
	/* What host_pair_open() came to; as vqp_program_qpair_alloc(). */
	void (*opened)(struct host *host, struct host_pair *pair,
	    int64_t status);
};

/* The result of a request; not called when the socket breaks before. */
typedef void host_done(struct host *host, void *context, int64_t status);

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
	struct host_asked *asked, **asked_last;	/* results come in order */
	struct host_pair *pairs;	/* no two of one handle */
	uint32_t last_tag;
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
 * Connect to the socket at `path`, or use `fd`, and be `cid`.  As with all
 * below, a socket that breaks is a state of the host and no error of the call.
 */
void host_link_open(struct host *host, const char *path, uint32_t cid);
void host_link_open_at(struct host *host, int fd, uint32_t cid);
/*
 * QEMU has ended.  The guest's memory is there as long as it is mapped: pairs
 * take what they need of it, as when the guest leaves.
 */
void host_link_lost(struct host *host);
void host_link_close(struct host *host);
/* Read until all requests are answered; not from within a call back. */
void host_link_settle(struct host *host);

/* Ask, and go on: `done` is called later, with `context`. */
void host_link_ask(struct host *host, enum vqp_link_type type,
    const void *body, uint64_t bytes, host_done *done, void *context);
/* BIND or LINK: datagrams to this resource of ours, or rings of it. */
void host_link_have(struct host *host, enum vqp_link_type type,
    uint32_t resource, host_done *done, void *context);
/* The same, and nobody hears of the result. */
void host_link_tell(struct host *host, enum vqp_link_type type,
    const void *body, uint64_t bytes);
/* Send a datagram; of tag 0 nobody is told the result. */
void host_link_post(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, uint32_t tag);
/* Send a datagram, and hear what became of it. */
void host_link_send(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, host_done *done, void *context);

/*
 * Be an end of a queue pair; pair->opened() tells.  Before this returns:
 * VQP_ERROR_ALREADY_EXISTS, when we are one of that handle already, or have
 * asked to be and not heard.
 */
void host_pair_open(struct host *host, struct host_pair *pair,
    struct vqp_handle handle, uint32_t peer, uint32_t flags, uint64_t size);
/*
 * Detach, if need be; nothing of the pair is called afterwards.  While it is
 * still `opening`, it must not be freed, or opened anew.
 */
void host_pair_close(struct host *host, struct host_pair *pair);

/* ---- host_memory.c */

/* fd: -1 if it came without.  No file: close it. */
void host_memory_file(struct host *host, uint32_t index, int fd);
void host_memory_no_file(struct host *host, uint32_t index);
void host_memory_begin(struct host *host,
    const struct vqp_link_memory *message);
/*
 * True when the last piece is there; then who it is for: NULL, nobody.  If not,
 * `lacking` may be a file that they lie in and that has no descriptor, or -1.
 */
bool host_memory_pieces(struct host *host, const struct vqp_link_piece *pieces,
    uint64_t count, struct host_pair *pairs, struct host_pair **whole,
    int64_t *lacking);
void host_memory_unmap(struct host_pair *pair);
void host_memory_close(struct host *host);

#endif
