/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queue pairs and doorbells without sockets above them, as a driver of the
 * guest has them (vmci_qpair_alloc, vmci_doorbell_create).
 *
 * A pair C:N is created or attached to, whoever comes first.  Who moved bytes
 * rings when the other may sleep (E3): the guest our doorbell of number N, we
 * the guest's, if it has one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host_end.h"
#include "host_loop.h"

#define TURN_BYTES	(1 << 20)
#define RETRY_MS	100

struct raw {
	struct host_pair link;	/* first: it is cast back */
	struct raw *next;
	struct vqp_handle handle;
	uint64_t size;
	struct host_end *(*make_end)(void);
	struct host_end *end;	/* while the guest is there */
	struct vqp_pair pair;
	bool attached;		/* `pair` is usable */
	bool ready;		/* there may be work */
	bool left;		/* the guest did; to be opened again */
	uint64_t bytes_in, bytes_out;
	int64_t opened;
};

struct bell {
	struct bell *next;
	struct vqp_handle handle;
	bool ours;
	uint64_t count, said;
};

static struct raw *raws;
static struct bell *bells;

/*
 * ---- Queue pairs.
 */

static void
ring_guest(const struct raw *raw)
{
	const struct vqp_handle handle = { host_guest_cid,
	    raw->handle.resource };

	host_link_ring(handle);
}

/* True if bytes went that way. */
static bool
move(struct raw *raw, int64_t (*way)(struct host_end *end,
    struct vqp_pair *pair, bool *tell), uint64_t *bytes)
{
	bool tell;
	const int64_t n = way(raw->end, &raw->pair, &tell);

	if (n == HOST_BROKEN) {
		host_say("pair %u:%u: the guest's index is none",
		    raw->handle.context, raw->handle.resource);
		raw->attached = false;
	}
	if (tell)
		ring_guest(raw);
	*bytes += n > 0 ? (uint64_t)n : 0;
	return n > 0;
}

static void
pump(struct raw *raw)
{
	const uint64_t begin = raw->bytes_in + raw->bytes_out;
	bool moved = true;

	while (raw->attached && moved && raw->bytes_in + raw->bytes_out -
	    begin < TURN_BYTES) {
		moved = move(raw, host_end_take, &raw->bytes_in);
		if (raw->attached)
			moved |= move(raw, host_end_give, &raw->bytes_out);
	}
	raw->ready = raw->attached && moved;
}

static void
arrived(struct host_pair *link)
{
	struct raw *raw = (struct raw *)link;

	if (vqp_pair_attach(&raw->pair, &link->config) != VQP_SUCCESS) {
		host_say("pair %u:%u: the guest's headers are none",
		    raw->handle.context, raw->handle.resource);
		return;
	}
	raw->end = raw->make_end();
	raw->bytes_in = raw->bytes_out = 0;
	raw->opened = host_now_ms();
	raw->attached = raw->ready = true;
}

/* What the guest wrote before it left is still there. */
static void
leaving(struct host_pair *link)
{
	struct raw *raw = (struct raw *)link;
	const uint64_t before = raw->bytes_in;

	/* More than a ring came while it was leaving. */
	while (raw->attached && raw->bytes_in - before < raw->size &&
	    move(raw, host_end_take, &raw->bytes_in))
		;
	raw->attached = false;
	raw->left = true;
}

static int64_t
open_pair(struct raw *raw)
{
	raw->link.arrived = arrived;
	raw->link.leaving = leaving;
	raw->left = false;
	return host_pair_open(&raw->link, raw->handle, host_guest_cid, 0,
	    raw->size);
}

static void
reopen(struct raw *raw)
{
	char name[40];

	if (raw->end != NULL) {
		snprintf(name, sizeof(name), "pair %u:%u",
		    raw->handle.context, raw->handle.resource);
		host_end_say(name, raw->bytes_in, raw->bytes_out,
		    raw->opened);
		raw->end->close(raw->end);
		raw->end = NULL;
	}
	host_pair_close(&raw->link);
	/* The guest may have another there by now, of other sizes. */
	raw->left = open_pair(raw) < 0;
}

void
host_raw_serve(struct vqp_handle handle, uint64_t size,
    struct host_end *(*make_end)(void))
{
	struct raw *raw = host_alloc(sizeof(*raw));
	int64_t status = host_link_have(VQP_LINK_LINK, handle.resource);

	raw->handle = handle;
	raw->size = size;
	raw->make_end = make_end;
	raw->next = raws;
	raws = raw;
	if (status >= 0)
		status = open_pair(raw);
	if (status < 0)
		host_die("pair %u:%u: %s", handle.context, handle.resource,
		    vqp_status_name(status));
}

/*
 * ---- Doorbells.
 */

static struct bell *
new_bell(uint32_t context, uint32_t resource)
{
	struct bell *bell = host_alloc(sizeof(*bell));

	bell->handle.context = context;
	bell->handle.resource = resource;
	bell->next = bells;
	bells = bell;
	return bell;
}

void
host_raw_count(uint32_t resource)
{
	const int64_t status = host_link_have(VQP_LINK_LINK, resource);

	if (status < 0)
		host_die("doorbell %u: %s", resource,
		    vqp_status_name(status));
	new_bell(host_cid, resource)->ours = true;
}

void
host_raw_ring(uint32_t resource)
{
	new_bell(host_guest_cid, resource);
}

void
host_raw_doorbell(struct vqp_handle handle)
{
	for (struct raw *raw = raws; raw != NULL; raw = raw->next)
		raw->ready |= raw->handle.resource == handle.resource;
	for (struct bell *bell = bells; bell != NULL; bell = bell->next)
		bell->count += bell->ours &&
		    bell->handle.resource == handle.resource;
}

/* What is to be said of it, or done; true if it is to be tried again. */
static bool
bell_work(struct bell *bell)
{
	if (!bell->ours && bell->count == 0)
		bell->count = host_link_request(VQP_LINK_RING, &bell->handle,
		    sizeof(bell->handle)) >= 0;
	if (bell->count != bell->said)
		host_say("doorbell %u:%u: %s %llu", bell->handle.context,
		    bell->handle.resource, bell->ours ? "heard" : "rung",
		    (unsigned long long)bell->count);
	bell->said = bell->count;
	return !bell->ours && bell->count == 0;
}

int
host_raw_work(void)
{
	int wait = -1;

	for (struct raw *raw = raws; raw != NULL; raw = raw->next) {
		if (raw->left)
			reopen(raw);
		if (raw->ready)
			pump(raw);
		if (raw->left && wait < 0)
			wait = RETRY_MS;
		if (raw->ready)
			wait = 0;
	}
	for (struct bell *bell = bells; bell != NULL; bell = bell->next)
		if (bell_work(bell) && wait < 0)
			wait = RETRY_MS;
	return wait;
}
