/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How VMCI behaves, written once: cases over an abstract subject, so that the
 * simulator, the shell in userspace and both kernels are held to the same
 * ones.  docs/wire.md has the numbers of the sections.
 *
 * The cases need a subject and its way to print, and nothing else of the world
 * they run in: no libc, no more than a page of stack.  They run in a task.
 */
#ifndef CONFORM_H
#define CONFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vqp/copy.h>
#include <vqp/pair.h>
#include <vqp/status.h>
#include <vqp/wire_device.h>

/* What a receiver is told; valid during the call. */
typedef void conform_receive_fn(void *argument,
    const struct vqp_datagram *datagram);
typedef void conform_ring_fn(void *argument);
/* `handle`: of an event of queue pairs. */
typedef void conform_event_fn(void *argument, uint32_t event,
    struct vqp_handle handle, uint32_t peer);

/*
 * The verbs of one end.  All of them answer as docs/wire.md says; `pair` is the
 * subject's own.  What a subject cannot do is NULL, and cases that need it are
 * skipped.
 */
struct conform_verbs {
	uint32_t (*context_id)(void *context);

	int (*endpoint_create)(void *context, uint32_t resource,
	    uint32_t flags, conform_receive_fn *receive, void *argument,
	    struct vqp_handle *handle);
	int (*endpoint_destroy)(void *context, struct vqp_handle handle);
	int64_t (*send)(void *context, const struct vqp_datagram *datagram,
	    const void *payload);

	int (*doorbell_create)(void *context, uint32_t flags,
	    conform_ring_fn *ring, void *argument, struct vqp_handle *handle);
	int (*doorbell_destroy)(void *context, struct vqp_handle handle);
	int (*doorbell_notify)(void *context, struct vqp_handle handle);

	int (*subscribe)(void *context, uint32_t event,
	    conform_event_fn *tell, void *argument, uint32_t *id);
	int (*unsubscribe)(void *context, uint32_t id);

	int (*pair_alloc)(void *context, uint64_t produce_bytes,
	    uint64_t consume_bytes, uint32_t peer, uint32_t flags,
	    uint32_t privilege, struct vqp_handle *handle, void **pair);
	int (*pair_detach)(void *context, void **pair);
	int64_t (*enqueue)(void *pair, const void *from, uint64_t length);
	int64_t (*dequeue)(void *pair, void *to, uint64_t length);
	int64_t (*peek)(void *pair, void *to, uint64_t length);
	int64_t (*enqueuev)(void *pair, const struct vqp_iovec *vector,
	    uint64_t count);
	int64_t (*dequeuev)(void *pair, const struct vqp_iovec *vector,
	    uint64_t count);
	int64_t (*peekv)(void *pair, const struct vqp_iovec *vector,
	    uint64_t count);
	int64_t (*produce_free)(void *pair);
	int64_t (*produce_ready)(void *pair);
	int64_t (*consume_free)(void *pair);
	int64_t (*consume_ready)(void *pair);
	int (*produce_indexes)(void *pair, uint64_t *tail, uint64_t *head);
	int (*consume_indexes)(void *pair, uint64_t *tail, uint64_t *head);
};

struct conform_subject {
	const char *name;
	const struct conform_verbs *own;
	void *context;			/* first argument of own's */
	/* Another context, in the same hands; or NULL. */
	const struct conform_verbs *peer;
	void *peer_context;
	bool reaches_itself;		/* datagrams, rings to its own context */
	/* All that was sent has arrived, and all callbacks have run. */
	void (*wait)(void *context);
	void (*print)(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));
};

/*
 * Run all cases, or the one that is named, and print TAP.  Returns how many
 * failed.
 */
unsigned conform_run(const struct conform_subject *subject, const char *only);

#endif
