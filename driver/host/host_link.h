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

/* A queue pair that the host is a side of, mapped or not yet. */
struct host_pair {
	struct host_pair *next;
	struct vqp_handle handle;
	bool opening;		/* the answer has not come yet */
	bool closing;		/* ... and it will be closed at once */
	bool had_memory;	/* comes at most once for each open */
	bool mapped;
	struct vqp_pair_config config;	/* while it is mapped */
	uint8_t *memory;
	uint64_t memory_bytes;
	/* The memory is about to go: take what is needed of it now. */
	void (*leaving)(struct host *host, struct host_pair *pair);
	void (*arrived)(struct host *host, struct host_pair *pair);	/* or NULL */
	/* The result of host_pair_open(); as vqp_program_qpair_alloc(). */
	void (*opened)(struct host *host, struct host_pair *pair,
	    int64_t status);
};

/* The result of a request; not called when the socket breaks first. */
typedef void host_done(struct host *host, void *context, int64_t status);

struct host_link_calls {
	void (*datagram)(struct host *host,
	    const struct vqp_datagram *datagram, const void *payload);
	void (*event)(struct host *host,
	    const struct vqp_event_qpair *event);
	void (*doorbell)(struct host *host, struct vqp_handle handle);
	/* A post with that tag was refused. */
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
	uint8_t packet[VQP_LINK_BYTES_MAX];	/* being read */
};

/* The pages of a pair, which arrive as pieces of files. */
struct host_memory {
	int *files;
	uint32_t file_count;
	struct vqp_link_memory coming;
	uint8_t *base;		/* NULL: none is expected */
	uint64_t bytes;
	uint64_t mapped_bytes;
	uint32_t pieces_left;
};

/*
 * Connect to the socket at `path`, or use `fd`, with the id `cid`.  For all
 * functions below, a broken socket is a state of the host and not an error of
 * the call.
 */
void host_link_open(struct host *host, const char *path, uint32_t cid);
void host_link_open_at(struct host *host, int fd, uint32_t cid);
/*
 * QEMU has ended.  The guest's memory stays as long as it is mapped: pairs take
 * what they need of it, as when the guest detaches.
 */
void host_link_lost(struct host *host);
void host_link_close(struct host *host);
/* Read until all requests have results; not from within a callback. */
void host_link_settle(struct host *host);

/* Send a request and return: `done` is called later, with `context`. */
void host_link_ask(struct host *host, enum vqp_link_type type,
    const void *body, uint64_t bytes, host_done *done, void *context);
/* BIND or LINK: datagrams to this resource of ours, or its doorbell. */
void host_link_have(struct host *host, enum vqp_link_type type,
    uint32_t resource, host_done *done, void *context);
/* The same, without a callback for the result. */
void host_link_tell(struct host *host, enum vqp_link_type type,
    const void *body, uint64_t bytes);
/* Send a datagram; with tag 0 a refusal is not reported. */
void host_link_post(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, uint32_t tag);
/* Send a datagram, with a callback for its result. */
void host_link_send(struct host *host, const struct vqp_datagram *datagram,
    const void *payload, host_done *done, void *context);

/*
 * Become a side of a queue pair; pair->opened() gets the result.  Returns
 * VQP_ERROR_ALREADY_EXISTS at once if the host is a side of that handle already
 * or has asked to be and has no result yet.
 */
void host_pair_open(struct host *host, struct host_pair *pair,
    struct vqp_handle handle, uint32_t peer, uint32_t flags, uint64_t size);
/*
 * Detach, if attached; no function of the pair is called afterwards.  While the
 * pair is still `opening`, it must not be freed or opened again.
 */
void host_pair_close(struct host *host, struct host_pair *pair);

/* ---- host_memory.c */

/* fd is -1 if the file came without one.  Closes an fd that is not a file. */
void host_memory_file(struct host *host, uint32_t index, int fd);
void host_memory_no_file(struct host *host, uint32_t index);
void host_memory_begin(struct host *host,
    const struct vqp_link_memory *message);
/*
 * True when the last piece is there; then the pair it is for, or NULL for none.
 * If false, `lacking` may be a file that holds pieces and has no descriptor, or
 * -1.
 */
bool host_memory_pieces(struct host *host, const struct vqp_link_piece *pieces,
    uint64_t count, struct host_pair *pairs, struct host_pair **whole,
    int64_t *lacking);
void host_memory_unmap(struct host_pair *pair);
void host_memory_close(struct host *host);

#endif
