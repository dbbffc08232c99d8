/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queue pairs and doorbells without sockets above them, as a driver of the
 * guest has them (vmci_qpair_alloc, vmci_doorbell_create).
 *
 * Each side creates pair C:N or attaches to it, whichever comes first.  A side
 * that moved bytes notifies the other when that may sleep (E3): the guest rings
 * our doorbell of number N, the host rings the guest's, if the guest has it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

#define TURN_BYTES	(1 << 20)
#define RETRY_MS	100

struct raw {
	struct host_pair link;	/* first: it is cast back */
	struct raw *next;
	struct vqp_handle handle;
	uint64_t size;
	struct host_end *(*make_end)(struct host *host);
	struct host_end *end;	/* while the guest is attached */
	struct vqp_pair pair;
	bool attached;		/* `pair` is usable */
	bool ready;		/* there may be work */
	bool left;		/* the guest detached; open it again */
	bool served;		/* it was opened at least once */
	int64_t open_at;	/* not before this time */
	uint64_t bytes_in, bytes_out;
	int64_t opened;
};

struct bell {
	struct bell *next;
	struct vqp_handle handle;
	bool ours;
	bool asked;		/* the last ring has no result yet */
	int64_t ring_at;	/* not before this time */
	uint64_t count, said;
};

/*
 * ---- Queue pairs.
 */

static void
ring_guest(struct host *host, const struct raw *raw)
{
	const struct vqp_handle handle = { host->link.guest_cid,
	    raw->handle.resource };

	host_link_tell(host, VQP_LINK_RING, &handle, sizeof(handle));
}

/* True if bytes moved in that direction. */
static bool
move(struct host *host, struct raw *raw, int64_t (*way)(struct host *host,
    struct host_end *end, struct vqp_pair *pair, bool *tell), uint64_t *bytes)
{
	bool tell;
	const int64_t n = way(host, raw->end, &raw->pair, &tell);

	if (n == HOST_BROKEN) {
		host_say(host, "pair %u:%u: the guest's index is invalid",
		    raw->handle.context, raw->handle.resource);
		raw->attached = false;
	}
	if (tell)
		ring_guest(host, raw);
	*bytes += n > 0 ? (uint64_t)n : 0;
	return n > 0;
}

static void
pump(struct host *host, struct raw *raw)
{
	const uint64_t begin = raw->bytes_in + raw->bytes_out;
	bool moved = true;

	while (raw->attached && moved && raw->bytes_in + raw->bytes_out -
	    begin < TURN_BYTES) {
		moved = move(host, raw, host_end_take, &raw->bytes_in);
		if (raw->attached)
			moved |= move(host, raw, host_end_give,
			    &raw->bytes_out);
	}
	raw->ready = raw->attached && moved;
}

static void
arrived(struct host *host, struct host_pair *link)
{
	struct raw *raw = (struct raw *)link;

	if (vqp_pair_attach(&raw->pair, &link->config) != VQP_SUCCESS) {
		host_say(host, "pair %u:%u: the guest's headers are invalid",
		    raw->handle.context, raw->handle.resource);
		return;
	}
	host_end_begin(&raw->pair);
	raw->end = raw->make_end(host);
	raw->bytes_in = raw->bytes_out = 0;
	raw->opened = host_now_ms();
	raw->attached = raw->ready = true;
}

/* Take what the guest wrote before it detached. */
static void
leaving(struct host *host, struct host_pair *link)
{
	struct raw *raw = (struct raw *)link;
	const uint64_t before = raw->bytes_in;

	/* More than a ring came: the guest wrote while it detached. */
	while (raw->attached && raw->bytes_in - before < raw->size &&
	    move(host, raw, host_end_take, &raw->bytes_in))
		;
	raw->attached = false;
	raw->left = true;
}

static void
no_pair(struct host *host, const struct raw *raw, int64_t status)
{
	host_fail(host, "pair %u:%u: %s", raw->handle.context,
	    raw->handle.resource, vqp_status_name(status));
}

static void
opened(struct host *host, struct host_pair *link, int64_t status)
{
	struct raw *raw = (struct raw *)link;

	if (status >= 0) {
		raw->served = true;
	} else if (!raw->served) {
		no_pair(host, raw, status);
	} else {
		/* The guest may have a new pair by now, of other sizes. */
		raw->left = true;
		raw->open_at = host_now_ms() + RETRY_MS;
	}
}

static void
open_pair(struct host *host, struct raw *raw)
{
	raw->link.arrived = arrived;
	raw->link.leaving = leaving;
	raw->link.opened = opened;
	raw->left = false;
	host_pair_open(host, &raw->link, raw->handle, host->link.guest_cid,
	    0, raw->size);
}

/* Begin with a new endpoint: no state of the last guest remains. */
static void
finish(struct host *host, struct raw *raw)
{
	char name[40];

	if (raw->end != NULL) {
		snprintf(name, sizeof(name), "pair %u:%u",
		    raw->handle.context, raw->handle.resource);
		host_end_say(host, name, raw->bytes_in, raw->bytes_out,
		    raw->opened);
		raw->end->close(host, raw->end);
		raw->end = NULL;
	}
	host_pair_close(host, &raw->link);
}

/* The first call for this pair: it waits for the answer, `opening`. */
static void
reopen(struct host *host, struct raw *raw)
{
	if (raw->link.opening || host_now_ms() < raw->open_at)
		return;
	finish(host, raw);
	open_pair(host, raw);
}

static void
linked(struct host *host, void *context, int64_t status)
{
	if (status < 0)
		no_pair(host, context, status);
}

void
host_raw_serve(struct host *host, struct vqp_handle handle, uint64_t size,
    struct host_end *(*make_end)(struct host *host))
{
	struct raw *raw = host_alloc(sizeof(*raw));

	raw->handle = handle;
	raw->size = size;
	raw->make_end = make_end;
	raw->next = host->raws.raws;
	host->raws.raws = raw;
	host_link_have(host, VQP_LINK_LINK, handle.resource, linked, raw);
	open_pair(host, raw);
}

/*
 * ---- Doorbells.
 */

static struct bell *
new_bell(struct host *host, uint32_t context, uint32_t resource)
{
	struct bell *bell = host_alloc(sizeof(*bell));

	bell->handle.context = context;
	bell->handle.resource = resource;
	bell->next = host->raws.bells;
	host->raws.bells = bell;
	return bell;
}

static void
bell_linked(struct host *host, void *context, int64_t status)
{
	const struct bell *bell = context;

	if (status < 0)
		host_fail(host, "doorbell %u: %s", bell->handle.resource,
		    vqp_status_name(status));
}

void
host_raw_count(struct host *host, uint32_t resource)
{
	struct bell *bell = new_bell(host, host->link.cid, resource);

	bell->ours = true;
	host_link_have(host, VQP_LINK_LINK, resource, bell_linked, bell);
}

void
host_raw_ring(struct host *host, uint32_t resource)
{
	new_bell(host, host->link.guest_cid, resource);
}

void
host_raw_doorbell(struct host *host, struct vqp_handle handle)
{
	for (struct raw *raw = host->raws.raws; raw != NULL; raw = raw->next)
		raw->ready |= raw->handle.resource == handle.resource;
	for (struct bell *bell = host->raws.bells; bell != NULL;
	    bell = bell->next)
		bell->count += bell->ours &&
		    bell->handle.resource == handle.resource;
}

static void
rang(struct host *host, void *context, int64_t status)
{
	struct bell *bell = context;

	(void)host;
	bell->asked = false;
	bell->count = status >= 0;
	bell->ring_at = host_now_ms() + RETRY_MS;
}

/* Log or ring what is due; true if it has to be tried again. */
static bool
bell_work(struct host *host, struct bell *bell, int64_t now)
{
	if (!bell->ours && bell->count == 0 && !bell->asked &&
	    now >= bell->ring_at) {
		bell->asked = true;
		host_link_ask(host, VQP_LINK_RING, &bell->handle,
		    sizeof(bell->handle), rang, bell);
	}
	if (bell->count != bell->said)
		host_say(host, "doorbell %u:%u: %s %llu", bell->handle.context,
		    bell->handle.resource, bell->ours ? "heard" : "rung",
		    (unsigned long long)bell->count);
	bell->said = bell->count;
	return !bell->ours && bell->count == 0;
}

int
host_raw_work(struct host *host)
{
	const int64_t now = host_now_ms();
	int wait = -1;

	for (struct raw *raw = host->raws.raws; raw != NULL; raw = raw->next) {
		if (raw->left)
			reopen(host, raw);
		if (raw->ready)
			pump(host, raw);
		if (raw->left && wait < 0)
			wait = RETRY_MS;
		if (raw->ready)
			wait = 0;
	}
	for (struct bell *bell = host->raws.bells; bell != NULL;
	    bell = bell->next)
		if (bell_work(host, bell, now) && wait < 0)
			wait = RETRY_MS;
	return wait;
}

void
host_raw_close(struct host *host)
{
	struct raw *raw;
	struct bell *bell;

	while ((raw = host->raws.raws) != NULL) {
		host->raws.raws = raw->next;
		finish(host, raw);
		free(raw);
	}
	while ((bell = host->raws.bells) != NULL) {
		host->raws.bells = bell->next;
		free(bell);
	}
}
