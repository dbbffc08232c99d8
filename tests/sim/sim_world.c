/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Clients make random calls and keep account of them.  What must hold, in this
 * order of importance:
 *
 *	no callback runs after its destroy returned
 *	every byte that arrives is the one that was sent
 *	messages of one sender to one endpoint arrive in order, none twice
 *	no message is lost without an answer, a counter or a fault that says so
 *	a doorbell that was rung calls its callback
 *	a core never makes a request of a device that it should not make
 *	at the end nothing is left
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_world.h"

#define HOST WORLD_GUESTS	/* as an owner */
#define MAGIC UINT32_C(0x600dda7a)
#define PAIR_PUMP 300

struct world world;
struct world_tally world_tally;

struct endpoint {
	uint32_t uid;
	unsigned owner;
	struct vqp_handle handle;
	uint32_t flags;
	bool used, live, over;		/* over: its destroy returned */
	uint32_t next[WORLD_ACTORS + 1];	/* by sender */
	uint64_t sent, received;
	uint64_t doubtful;		/* refused, but may have arrived */
};

struct bell {
	unsigned owner;
	struct vqp_handle handle;
	uint32_t flags;
	bool used, live, over;
	uint64_t rung, called;		/* time of the last one */
};

struct subscription {
	unsigned owner;
	uint32_t id, event;
	bool live, over;
	uint64_t calls;
};

enum pair_kind { PAIR_NONE, PAIR_GUEST, PAIR_HOST, PAIR_LOCAL };

struct pair {
	enum pair_kind kind;
	uint32_t uid;
	unsigned owner;			/* the guest */
	struct vqp_handle handle;
	uint64_t produce, consume;	/* from the guest's view */
	struct vqp_qpair *end[2];	/* both sides, if it is local */
	bool busy;			/* a thread is using its sides */
	bool host_end, host_memory, host_busy;
	bool ended;			/* one side is gone */
	struct vqp_pair host;
	uint64_t sent[2], received[2];	/* by direction: 0 is from guest */
	unsigned attached, detached;	/* events */
};

struct actor {
	unsigned id;			/* from 1 */
	unsigned owner;
	struct rng rng;
	struct sim_thread *thread;
	uint32_t sequence;
	char name[24];
	uint8_t buffer[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
	uint8_t pump[PAIR_PUMP];
};

static struct endpoint endpoints[WORLD_THINGS];
static struct bell bells[WORLD_THINGS];
static struct subscription subscriptions[WORLD_THINGS];
static struct pair pairs[WORLD_THINGS];
static unsigned endpoint_count, bell_count, subscription_count, pair_count;
static struct actor actors[WORLD_ACTORS];
static unsigned actor_count;
static struct vqp_program *program;
static uint32_t watch[WORLD_GUESTS][2];

static const struct vqp_handle invalid = { VQP_INVALID_ID, VQP_INVALID_ID };

static struct vqp_core *
core_of(unsigned guest)
{
	return world.guest[guest].rig.core;
}

/* The current handle of an object: the ids of contexts change. */
static struct vqp_handle
address(unsigned owner, struct vqp_handle handle)
{
	if (owner != HOST && world.guest[owner].rig.device != NULL)
		handle.context = vqp_device_cid(world.guest[owner].rig.device);
	return handle;
}

/* ---- Datagrams. */

struct message {
	uint32_t magic, endpoint, sender, sequence;
	uint64_t length;
};

static uint8_t
byte_of(const struct message *message, uint64_t i)
{
	return (uint8_t)(message->sequence * 7 + message->sender * 31 + i +
	    (i >> 8));
}

static void
message_check(struct endpoint *endpoint, const void *payload, uint64_t bytes)
{
	const uint8_t *at = payload;
	struct message message;

	if (endpoint->owner != HOST && world.guest[endpoint->owner].muddled)
		return;
	if (bytes < sizeof(message))
		sim_fail("a datagram of %llu bytes", (unsigned long long)bytes);
	memcpy(&message, at, sizeof(message));
	if (message.magic != MAGIC || message.length != bytes ||
	    message.sender > WORLD_ACTORS)
		sim_fail("a datagram that nobody sent");
	if (message.endpoint != endpoint->uid)
		sim_fail("a datagram for %u comes to %u", message.endpoint,
		    endpoint->uid);
	for (uint64_t i = sizeof(message); i < bytes; i++) {
		if (at[i] != byte_of(&message, i))
			sim_fail("byte %llu of a datagram is not what was "
			    "sent", (unsigned long long)i);
	}
	sim_note("endpoint %u receives %llu bytes", endpoint->uid,
	    (unsigned long long)bytes);
	if (endpoint->over)
		sim_fail("endpoint %u is called after its destroy",
		    endpoint->uid);
	if (message.sequence < endpoint->next[message.sender])
		sim_fail("endpoint %u receives %u of %u after %u",
		    endpoint->uid, message.sequence, message.sender,
		    endpoint->next[message.sender] - 1);
	endpoint->next[message.sender] = message.sequence + 1;
	endpoint->received++;
}

static int64_t
send_bytes(struct actor *actor, unsigned from, struct vqp_handle src,
    struct endpoint *to, uint64_t bytes)
{
	struct message message = {
		MAGIC, to->uid, actor->id, actor->sequence++, bytes
	};
	const struct vqp_datagram datagram = {
		address(to->owner, to->handle), src, bytes
	};
	int64_t result;

	for (uint64_t i = 0; i < bytes; i++)
		actor->buffer[i] = byte_of(&message, i);
	memcpy(actor->buffer, &message, sizeof(message));
	to->sent++;
	sim_note("%llu bytes to endpoint %u of %u",
	    (unsigned long long)bytes, to->uid, to->owner);
	result = from == HOST ?
	    vqp_program_send(program, &datagram, actor->buffer) :
	    vqp_core_send(core_of(from), &datagram, actor->buffer);
	if (result < 0) {
		to->sent--;
		to->doubtful += from != HOST && world.guest[from].lossy;
	} else if (result != (int64_t)(24 + bytes)) {
		sim_fail("%llu bytes sent, %lld taken",
		    (unsigned long long)(24 + bytes), (long long)result);
	}
	return result;
}

static uint64_t
random_bytes(struct actor *actor)
{
	if (rng_below(&actor->rng, 1000) < world.plan->large)
		return sizeof(struct message) + rng_below(&actor->rng,
		    VQP_DATAGRAM_PAYLOAD_BYTES_MAX - sizeof(struct message) +
		    1);
	return sizeof(struct message) + rng_below(&actor->rng,
	    rng_below(&actor->rng, 4) == 0 ? 5000 : 60);
}

static struct endpoint *
pick_endpoint(struct actor *actor, unsigned owner, bool own)
{
	for (unsigned i = 0; i < 8 && endpoint_count != 0; i++) {
		struct endpoint *endpoint =
		    &endpoints[rng_below(&actor->rng, endpoint_count)];

		if (endpoint->live && (endpoint->owner == owner) == own)
			return endpoint;
	}
	return NULL;
}

static void
guest_receive(void *argument, const struct vqp_datagram *datagram)
{
	struct endpoint *endpoint = argument;

	message_check(endpoint, datagram + 1, datagram->payload_size);
	sim_point("receive", endpoint->uid);
	if (endpoint->uid % 5 == 1 && endpoint->received == 4 &&
	    endpoint->live) {
		/* Some endpoints destroy themselves after enough messages. */
		endpoint->live = false;
		(void)vqp_core_endpoint_destroy(core_of(endpoint->owner),
		    endpoint->handle);
		endpoint->over = true;
	}
}

static int
host_datagram(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	(void)context;
	for (unsigned i = 0; i < endpoint_count; i++) {
		struct endpoint *endpoint = &endpoints[i];

		if (endpoint->owner != HOST || !endpoint->live ||
		    endpoint->handle.resource != datagram->dst.resource)
			continue;
		message_check(endpoint, payload, datagram->payload_size);
		return VQP_SUCCESS;
	}
	return VQP_ERROR_INVALID_RESOURCE;
}

static void
make_endpoint(struct actor *actor)
{
	struct endpoint *endpoint;
	struct vqp_endpoint_options options = {
		.resource = VQP_RESOURCE_ANY,
		.receive = guest_receive,
	};
	int status;

	if (endpoint_count == WORLD_THINGS)
		return;
	endpoint = &endpoints[endpoint_count];
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->uid = endpoint_count++;
	endpoint->owner = actor->owner;
	if (actor->owner == HOST) {
		endpoint->handle = (struct vqp_handle){ VQP_CONTEXT_HOST,
		    5000 + endpoint->uid };
		endpoint->live = true;
		return;
	}
	if (rng_below(&actor->rng, 2) == 0)
		options.flags |= VQP_DATAGRAM_DELAYED;
	if (rng_below(&actor->rng, 4) == 0)
		options.flags |= VQP_DATAGRAM_ANY_CONTEXT;
	if (rng_below(&actor->rng, 4) == 0)
		options.resource = 100000 + endpoint->uid;
	endpoint->flags = options.flags;
	options.argument = endpoint;
	status = vqp_core_endpoint_create(core_of(actor->owner), &options,
	    &endpoint->handle);
	endpoint->live = status == VQP_SUCCESS;
	if (status != VQP_SUCCESS && status != VQP_ERROR_NO_MEM &&
	    status != VQP_ERROR_UNAVAILABLE && status != VQP_ERROR_TIMEOUT &&
	    status != VQP_ERROR_NO_RESOURCES)
		sim_fail("no endpoint: %s", vqp_status_name(status));
}

static void
destroy_endpoint(struct endpoint *endpoint)
{
	int status;

	endpoint->live = false;
	if (endpoint->owner == HOST) {
		endpoint->over = true;
		return;
	}
	status = vqp_core_endpoint_destroy(core_of(endpoint->owner),
	    endpoint->handle);
	endpoint->over = true;
	if (status != VQP_SUCCESS)
		sim_fail("endpoint %u is not there: %s", endpoint->uid,
		    vqp_status_name(status));
}

static void
send_something(struct actor *actor)
{
	struct endpoint *to = pick_endpoint(actor, actor->owner, false);
	struct endpoint *from = pick_endpoint(actor, actor->owner, true);

	if (to == NULL)
		return;
	if (actor->owner == HOST) {
		const struct vqp_handle src = { VQP_CONTEXT_HOST, 4000 };

		(void)send_bytes(actor, HOST, src, to, random_bytes(actor));
	} else if (from != NULL) {
		(void)send_bytes(actor, actor->owner, from->handle, to,
		    random_bytes(actor));
	}
}

/* ---- Doorbells. */

static void
bell_called(struct bell *bell)
{
	if (bell->over)
		sim_fail("bell %u rings after its destroy",
		    (unsigned)(bell - bells));
	bell->called = ++world.clock;
}

static void
guest_ring(void *argument)
{
	bell_called(argument);
	sim_point("ring", (uint64_t)((struct bell *)argument - bells));
}

static void
host_doorbell(void *context, struct vqp_handle handle)
{
	(void)context;
	for (unsigned i = 0; i < bell_count; i++) {
		if (bells[i].owner == HOST && bells[i].live &&
		    bells[i].handle.resource == handle.resource)
			bell_called(&bells[i]);
	}
}

static void
make_bell(struct actor *actor)
{
	struct vqp_doorbell_options options = { .ring = guest_ring };
	struct bell *bell;
	int status;

	if (bell_count == WORLD_THINGS)
		return;
	bell = &bells[bell_count++];
	memset(bell, 0, sizeof(*bell));
	bell->owner = actor->owner;
	if (actor->owner == HOST) {
		bell->handle = (struct vqp_handle){ VQP_CONTEXT_HOST,
		    9000 + bell_count };
		bell->live = vqp_program_link(program,
		    bell->handle.resource) == VQP_SUCCESS;
		return;
	}
	if (rng_below(&actor->rng, 2) == 0)
		options.flags = VQP_DOORBELL_DELAYED;
	bell->flags = options.flags;
	bell->handle = invalid;
	options.argument = bell;
	status = vqp_core_doorbell_create(core_of(actor->owner), &options,
	    &bell->handle);
	bell->live = status == VQP_SUCCESS;
	if (status > 0)
		sim_fail("a bell is made, and the answer is %d", status);
}

static void
destroy_bell(struct bell *bell)
{
	int status;

	bell->live = false;
	status = bell->owner == HOST ?
	    vqp_program_unlink(program, bell->handle.resource) :
	    vqp_core_doorbell_destroy(core_of(bell->owner), bell->handle);
	bell->over = true;
	if (status != VQP_SUCCESS)
		sim_fail("a bell is not there: %s", vqp_status_name(status));
}

static void
ring_something(struct actor *actor)
{
	const uint64_t now = ++world.clock;
	struct vqp_handle handle;
	struct bell *bell;
	int status;

	if (bell_count == 0)
		return;
	bell = &bells[rng_below(&actor->rng, bell_count)];
	if (!bell->live)
		return;
	handle = address(bell->owner, bell->handle);
	status = actor->owner == HOST ? vqp_program_ring(program, handle) :
	    vqp_core_doorbell_notify(core_of(actor->owner), handle, 0);
	if (status == VQP_SUCCESS && bell->live && bell->rung < now)
		bell->rung = now;
}

/* ---- Events. */

static struct pair *
find_pair(unsigned owner, struct vqp_handle handle)
{
	for (unsigned i = 0; i < pair_count; i++) {
		struct pair *pair = &pairs[i];

		if (pair->kind != PAIR_NONE && pair->owner == owner &&
		    pair->handle.resource == handle.resource &&
		    pair->handle.context == handle.context)
			return pair;
	}
	return NULL;
}

static void
watch_pairs(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	const struct world_guest *guest = argument;
	struct pair *pair = find_pair(guest->index,
	    data->payload.qpair.handle);

	(void)id, (void)origin;
	if (pair == NULL)
		return;
	pair->attached += data->event == VQP_EVENT_QP_PEER_ATTACH;
	pair->detached += data->event == VQP_EVENT_QP_PEER_DETACH;
}

static void
hear(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	struct subscription *subscription = argument;

	(void)origin;
	if (subscription->over)
		sim_fail("subscription %u is told after its end", id);
	if (data->event != subscription->event)
		sim_fail("event %u is told to who asked for %u", data->event,
		    subscription->event);
	subscription->calls++;
	sim_point("hear", id);
}

static void
make_subscription(struct actor *actor)
{
	struct subscription *subscription;

	if (subscription_count == WORLD_THINGS)
		return;
	subscription = &subscriptions[subscription_count++];
	memset(subscription, 0, sizeof(*subscription));
	subscription->owner = actor->owner;
	subscription->event = (uint32_t)rng_below(&actor->rng,
	    VQP_EVENT_GUEST_COUNT);
	subscription->live = vqp_core_event_subscribe(core_of(actor->owner),
	    subscription->event, hear, subscription, &subscription->id) ==
	    VQP_SUCCESS;
}

static void
end_subscription(struct subscription *subscription)
{
	int status;

	subscription->live = false;
	status = vqp_core_event_unsubscribe(core_of(subscription->owner),
	    subscription->id);
	subscription->over = true;
	if (status != VQP_SUCCESS)
		sim_fail("a subscription is not there");
}

/* ---- Queue pairs. */

static uint8_t
ring_byte(const struct pair *pair, unsigned direction, uint64_t i)
{
	return (uint8_t)(pair->uid * 31 + direction * 7 + i * 13 + (i >> 8));
}

/*
 * Send and receive on one side; `direction` is the direction in which it sends.
 */
static void
pump(struct actor *actor, struct pair *pair, struct vqp_pair *end,
    unsigned direction)
{
	uint8_t *bytes = actor->pump;
	uint64_t n = rng_below(&actor->rng, PAIR_PUMP);
	int64_t moved;

	for (uint64_t i = 0; i < n; i++)
		bytes[i] = ring_byte(pair, direction,
		    pair->sent[direction] + i);
	moved = vqp_pair_enqueue(end, bytes, n);
	sim_note("pair %u (%u): direction %u: %lld sent behind %llu",
	    pair->uid, (unsigned)pair->kind, direction, (long long)moved,
	    (unsigned long long)pair->sent[direction]);
	if (moved > 0)
		pair->sent[direction] += (uint64_t)moved;
	n = rng_below(&actor->rng, PAIR_PUMP);
	direction ^= 1;
	moved = vqp_pair_dequeue(end, bytes, n);
	sim_note("pair %u: direction %u: %lld received behind %llu",
	    pair->uid, direction, (long long)moved,
	    (unsigned long long)pair->received[direction]);
	for (int64_t i = 0; i < moved; i++) {
		if (bytes[i] != ring_byte(pair, direction,
		    pair->received[direction] + (uint64_t)i))
			sim_fail("pair %u: byte %llu of direction %u is "
			    "wrong", pair->uid, (unsigned long long)
			    pair->received[direction] + (uint64_t)i,
			    direction);
	}
	if (moved > 0)
		pair->received[direction] += (uint64_t)moved;
	if (pair->received[direction] > pair->sent[direction])
		sim_fail("pair %u: more comes out than went in", pair->uid);
}

static void
host_memory(void *context, struct vqp_handle handle,
    const struct vqp_qpair_memory *memory)
{
	struct vqp_pair_config config = { .layout = VQP_LAYOUT_COMPAT };
	struct pair *pair = NULL;

	(void)context;
	for (unsigned i = 0; i < pair_count && pair == NULL; i++) {
		if (pairs[i].host_end && pairs[i].handle.resource ==
		    handle.resource && pairs[i].handle.context ==
		    handle.context)
			pair = &pairs[i];
	}
	if (pair == NULL)
		sim_fail("memory of an unknown pair %x:%x", handle.context,
		    handle.resource);
	if (memory == NULL && pair->host_memory) {
		/*
		 * Publish what was staged and not yet published (vqp/pair.h).
		 */
		vqp_tx_publish(&pair->host.tx);
		vqp_rx_publish(&pair->host.rx);
	}
	pair->host_memory = memory != NULL;
	sim_note("pair %u: memory %s", pair->uid, memory != NULL ? "comes" :
	    "goes");
	if (memory == NULL)
		return;
	config.handle = handle;
	config.produce = memory->produce;
	config.consume = memory->consume;
	if (vqp_pair_attach(&pair->host, &config) != VQP_SUCCESS)
		sim_fail("pair %u: the host cannot attach", pair->uid);
}

static void
host_event(void *context, const struct vqp_event_header *event)
{
	(void)context;
	if (event->event != VQP_EVENT_QP_PEER_ATTACH &&
	    event->event != VQP_EVENT_QP_PEER_DETACH &&
	    event->event != VQP_EVENT_CTX_REMOVED)
		sim_fail("the host is told event %u", event->event);
}

static uint64_t
random_size(struct actor *actor)
{
	switch (rng_below(&actor->rng, 6)) {
	case 0:
		return 0;
	case 1:
		return 4096;
	case 2:
		return 2 + rng_below(&actor->rng, 20);
	default:
		return 2 + rng_below(&actor->rng, 9000);
	}
}

static struct pair *
new_pair(struct actor *actor, unsigned owner, enum pair_kind kind)
{
	struct pair *pair;

	if (pair_count == WORLD_THINGS)
		return NULL;
	pair = &pairs[pair_count];
	memset(pair, 0, sizeof(*pair));
	pair->uid = pair_count++;
	pair->owner = owner;
	pair->produce = random_size(actor);
	pair->consume = random_size(actor);
	if (pair->produce + pair->consume == 0)
		pair->produce = 77;
	pair->busy = true;
	pair->kind = kind;
	pair->handle = invalid;
	return pair;
}

static int
guest_alloc(struct pair *pair, unsigned end, uint32_t flags, uint32_t peer)
{
	const struct vqp_qpair_options options = {
		.produce_bytes = end == 0 ? pair->produce : pair->consume,
		.consume_bytes = end == 0 ? pair->consume : pair->produce,
		.peer = peer,
		.flags = flags,
	};
	struct vqp_handle handle = pair->handle;
	const int status = vqp_core_qpair_alloc(core_of(pair->owner),
	    &options, &handle, &pair->end[end]);

	if (status >= 0)
		pair->handle = handle;
	else
		pair->end[end] = NULL;
	return status;
}

static void
guest_pair(struct actor *actor)
{
	const uint64_t which = rng_below(&actor->rng, 4);
	struct pair *pair;
	int status;

	if (which == 0) {
		pair = new_pair(actor, actor->owner, PAIR_LOCAL);
		if (pair == NULL)
			return;
		if (guest_alloc(pair, 0, VQP_QPAIR_LOCAL, VQP_CONTEXT_ANY) < 0)
			pair->kind = PAIR_NONE;
		else
			(void)guest_alloc(pair, 1, VQP_QPAIR_LOCAL,
			    VQP_CONTEXT_ANY);
		pair->busy = false;
		return;
	}
	if (which == 1) {
		pair = new_pair(actor, actor->owner, PAIR_GUEST);
		if (pair == NULL)
			return;
		status = guest_alloc(pair, 0, 0, rng_below(&actor->rng, 2) ?
		    VQP_CONTEXT_HOST : VQP_CONTEXT_ANY);
		if (status < 0)
			pair->kind = PAIR_NONE;
		else if (status != VQP_SUCCESS_CREATED &&
		    !world.guest[actor->owner].lossy)
			sim_fail("a new pair is %d", status);
		pair->busy = false;
		return;
	}
	/* Attach to one of the host's queue pairs. */
	for (unsigned i = 0; i < pair_count; i++) {
		pair = &pairs[i];
		if (pair->kind != PAIR_HOST || pair->busy || pair->ended ||
		    pair->owner != actor->owner || pair->end[0] != NULL)
			continue;
		pair->busy = true;
		status = guest_alloc(pair, 0, rng_below(&actor->rng, 2) ?
		    VQP_QPAIR_ATTACH_ONLY : 0, VQP_CONTEXT_HOST);
		pair->busy = false;
		return;
	}
}

static void
guest_detach(struct pair *pair, unsigned end)
{
	struct world_guest *guest = &world.guest[pair->owner];
	int status;

	pair->ended = true;
	status = vqp_core_qpair_detach(core_of(pair->owner), &pair->end[end]);
	if (status < 0 && !guest->lossy)
		sim_fail("pair %u: detach: %s", pair->uid,
		    vqp_status_name(status));
	if (pair->end[end] != NULL)
		sim_fail("detach leaves a pointer");
}

static void
host_pair(struct actor *actor)
{
	struct vqp_qpair_request request = { .flags = 0 };
	struct pair *pair;
	unsigned guest;

	if (rng_below(&actor->rng, 2) == 0) {
		guest = (unsigned)rng_below(&actor->rng,
		    world.plan->guest_count);
		if (world.guest[guest].rig.device == NULL)
			return;
		pair = new_pair(actor, guest, PAIR_HOST);
		if (pair == NULL)
			return;
		pair->handle = (struct vqp_handle){ VQP_CONTEXT_HOST,
		    50000 + pair->uid };
		request.peer = vqp_device_cid(world.guest[guest].rig.device);
	} else {
		pair = NULL;
		for (unsigned i = 0; i < pair_count && pair == NULL; i++) {
			if (pairs[i].kind == PAIR_GUEST && !pairs[i].host_end &&
			    !pairs[i].ended && pairs[i].end[0] != NULL)
				pair = &pairs[i];
		}
		if (pair == NULL)
			return;
		request.peer = VQP_CONTEXT_ANY;
	}
	request.handle = pair->handle;
	request.produce_size = pair->consume;
	request.consume_size = pair->produce;
	pair->host_end = true;
	if (vqp_program_qpair_alloc(program, &request) < 0) {
		pair->host_end = false;
		if (pair->kind == PAIR_HOST)
			pair->kind = PAIR_NONE;
	}
	if (pair->kind != PAIR_GUEST)
		pair->busy = false;
}

static void
host_detach(struct pair *pair)
{
	pair->ended = true;
	(void)vqp_program_qpair_detach(program, pair->handle);
	if (pair->host_memory)
		sim_fail("pair %u: the host still has memory", pair->uid);
	pair->host_end = false;
}

static void
work_on_pair(struct actor *actor)
{
	struct pair *pair;
	bool ends;

	if (pair_count == 0)
		return;
	pair = &pairs[rng_below(&actor->rng, pair_count)];
	ends = rng_below(&actor->rng, 12) == 0;
	if (actor->owner == HOST) {
		if (!pair->host_end)
			return;
		if (ends)
			host_detach(pair);
		else if (pair->host_memory)
			pump(actor, pair, &pair->host, 1);
		return;
	}
	if (pair->kind == PAIR_NONE || pair->owner != actor->owner ||
	    pair->busy)
		return;
	pair->busy = true;
	for (unsigned i = 0; i < 2; i++) {
		if (pair->end[i] == NULL)
			continue;
		if (ends) {
			guest_detach(pair, i);
			break;
		}
		/*
		 * If the peer of a local pair is gone, this side would talk to
		 * itself.
		 */
		if (pair->kind != PAIR_LOCAL || !pair->ended)
			pump(actor, pair, &pair->end[i]->pair, i);
	}
	if (pair->kind == PAIR_LOCAL && pair->end[0] == NULL &&
	    pair->end[1] == NULL)
		pair->kind = PAIR_NONE;
	pair->busy = false;
}

/* ---- Actors. */

static void
guest_acts(struct actor *actor)
{
	struct rng *rng = &actor->rng;

	switch (rng_below(rng, 16)) {
	case 0:
		make_endpoint(actor);
		break;
	case 1:
		if (rng_below(rng, 3) == 0) {
			struct endpoint *endpoint = pick_endpoint(actor,
			    actor->owner, true);

			if (endpoint != NULL)
				destroy_endpoint(endpoint);
		} else {
			make_endpoint(actor);
		}
		break;
	case 2:
		make_bell(actor);
		break;
	case 3:
		if (bell_count != 0) {
			struct bell *bell =
			    &bells[rng_below(rng, bell_count)];

			if (bell->live && bell->owner == actor->owner)
				destroy_bell(bell);
		}
		break;
	case 4:
		make_subscription(actor);
		break;
	case 5:
		if (subscription_count != 0) {
			struct subscription *subscription = &subscriptions[
			    rng_below(rng, subscription_count)];

			if (subscription->live &&
			    subscription->owner == actor->owner)
				end_subscription(subscription);
		}
		break;
	case 6:
	case 7:
		guest_pair(actor);
		break;
	case 8:
	case 9:
	case 10:
		work_on_pair(actor);
		break;
	case 11:
	case 12:
		ring_something(actor);
		break;
	default:
		send_something(actor);
		break;
	}
}

static void
host_acts(struct actor *actor)
{
	struct rng *rng = &actor->rng;

	switch (rng_below(rng, 12)) {
	case 0:
		make_endpoint(actor);
		break;
	case 1:
		if (rng_below(rng, 4) == 0) {
			struct endpoint *endpoint = pick_endpoint(actor,
			    HOST, true);

			if (endpoint != NULL)
				destroy_endpoint(endpoint);
		} else {
			make_bell(actor);
		}
		break;
	case 2:
	case 3:
		host_pair(actor);
		break;
	case 4:
	case 5:
	case 6:
		work_on_pair(actor);
		break;
	case 7:
	case 8:
		ring_something(actor);
		break;
	default:
		send_something(actor);
		break;
	}
}

static void
actor_main(void *argument)
{
	struct actor *actor = argument;

	for (unsigned i = 0; i < world.plan->operations; i++) {
		if (actor->owner == HOST)
			host_acts(actor);
		else
			guest_acts(actor);
		sim_point("acted", i);
		if (rng_below(&actor->rng, 4) == 0)
			sim_sleep(rng_below(&actor->rng, 20000));
	}
}

static void
actor_begin(unsigned owner, const char *name)
{
	struct actor *actor = &actors[actor_count++];

	actor->id = actor_count;
	actor->owner = owner;
	actor->sequence = 0;
	actor->rng.state = world.plan->seed * 977 + actor->id;
	snprintf(actor->name, sizeof(actor->name), "%s%u", name, actor->id);
	actor->thread = sim_spawn(actor->name, SIM_TASK, actor_main, actor);
}

/* ---- The end. */

static void
settle(void)
{
	for (unsigned turn = 0, idle = 0; idle < 5; turn++) {
		bool quiet = true;

		if (turn > 2000)
			sim_fail("the world does not come to rest");
		sim_sleep(1000000);
		for (unsigned i = 0; i < world.plan->guest_count; i++) {
			struct world_guest *guest = &world.guest[i];

			if (guest->stuck || guest->gone)
				continue;
			if (turn < 3)
				rig_spurious(&guest->rig);
			quiet &= rig_is_idle(&guest->rig);
		}
		idle = quiet ? idle + 1 : 0;
	}
}

static void
judge_counters(const struct world_guest *guest)
{
	static const enum vqp_device_count never[] = {
		VQP_COUNT_BAD_REGISTER, VQP_COUNT_BAD_CONTROL,
		VQP_COUNT_BAD_CAPS, VQP_COUNT_BAD_PAGE_SHIFT,
		VQP_COUNT_BAD_IMR, VQP_COUNT_NESTED_ACCESS, VQP_COUNT_BAD_DMA,
		VQP_COUNT_OVERSIZE, VQP_COUNT_BAD_HYPERCALL,
		VQP_COUNT_UNKNOWN_HYPERCALL, VQP_COUNT_BAD_NOTIFY_PAGE,
		VQP_COUNT_QPAIR_BAD_PAGES, VQP_COUNT_BAD_ADDRESS,
		VQP_COUNT_SPOOFED_SOURCE, VQP_COUNT_BAD_DOORBELL,
	};
	/*
	 * Leave out the last two if the context id changed: a core that has not
	 * yet heard of its new id, or missed two changes, sends and links under
	 * an old id.  Leave out the last one if the guest was lossy: a core
	 * that links its doorbells again may meet a thread that links one.
	 */
	const unsigned count = sizeof(never) / sizeof(never[0]) -
	    (guest->any_cid_change ? 2 : guest->lossy ? 1 : 0);
	struct vqp_core_counters counters;

	vqp_core_counters(guest->rig.core, &counters);
	if (!guest->lossy && (counters.receive_oversized != 0 ||
	    counters.receive_bad_source != 0 || counters.event_bad_size != 0 ||
	    counters.event_unknown != 0 || counters.event_bad_context != 0 ||
	    counters.interrupts_unknown != 0 || counters.bad_results != 0 ||
	    counters.time_limits != 0 || counters.pairs_quarantined != 0))
		sim_fail("%s: the core complains of an honest device",
		    guest->rig.os_name);
	if (guest->rig.device == NULL ||
	    world.fault_counts[FAULT_RESET] != 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (vqp_device_count(guest->rig.device, never[i]) != 0)
			sim_fail("%s: the device complains of our core: %s",
			    guest->rig.os_name,
			    vqp_device_count_name(never[i]));
	}
}

static void
judge_guest(const struct world_guest *guest)
{
	struct vqp_core_counters counters;
	uint64_t missing = 0, dropped;

	judge_counters(guest);
	if (guest->lossy)
		return;
	vqp_core_counters(guest->rig.core, &counters);
	for (unsigned i = 0; i < endpoint_count; i++) {
		const struct endpoint *endpoint = &endpoints[i];

		if (!endpoint->live || endpoint->owner != guest->index)
			continue;
		if (endpoint->received > endpoint->sent + endpoint->doubtful)
			sim_fail("endpoint %u receives more than was sent",
			    endpoint->uid);
		if ((endpoint->flags & VQP_DATAGRAM_DELAYED) != 0 ||
		    guest->any_cid_change)
			missing += endpoint->sent > endpoint->received ?
			    endpoint->sent - endpoint->received : 0;
		else if (endpoint->received < endpoint->sent)
			sim_fail("endpoint %u: %llu sent, %llu received",
			    endpoint->uid, (unsigned long long)endpoint->sent,
			    (unsigned long long)endpoint->received);
	}
	/* A datagram for an id older than the last one has no endpoint. */
	dropped = counters.receive_queue_full +
	    (guest->any_cid_change ? counters.receive_no_endpoint : 0);
	if (missing > dropped)
		sim_fail("%s: %llu datagrams are missing, %llu were dropped",
		    guest->rig.os_name, (unsigned long long)missing,
		    (unsigned long long)dropped);
	for (unsigned i = 0; i < bell_count; i++) {
		const struct bell *bell = &bells[i];

		if (bell->live && bell->owner == guest->index &&
		    bell->rung > bell->called)
			sim_fail("bell %u of %s was rung and does not ring", i,
			    guest->rig.os_name);
	}
}

/* The guests received each event about the host's queue pairs exactly once. */
static void
judge_pairs(void)
{
	for (unsigned i = 0; i < pair_count; i++) {
		const struct pair *pair = &pairs[i];

		if (pair->kind == PAIR_NONE ||
		    world.guest[pair->owner].lossy ||
		    world.plan->hub_failures != 0)
			continue;
		if (pair->kind == PAIR_GUEST && pair->end[0] != NULL &&
		    pair->host_end && pair->attached != 1)
			sim_fail("pair %u: %u events that the host attached",
			    pair->uid, pair->attached);
		if (pair->detached > 2)
			sim_fail("pair %u: %u events of detach", pair->uid,
			    pair->detached);
	}
}

static void
judge_host(void)
{
	for (unsigned i = 0; i < endpoint_count; i++) {
		const struct endpoint *endpoint = &endpoints[i];
		bool late = false;

		/* Answers may be lost on their way back. */
		for (unsigned g = 0; g < world.plan->guest_count; g++)
			late |= world.guest[g].lossy;
		if (endpoint->live && endpoint->owner == HOST && !late &&
		    endpoint->received != endpoint->sent)
			sim_fail("endpoint %u of the host: %llu sent, %llu "
			    "received", endpoint->uid,
			    (unsigned long long)endpoint->sent,
			    (unsigned long long)endpoint->received);
	}
}

static void
let_go(unsigned owner)
{
	for (unsigned i = 0; i < endpoint_count; i++) {
		if (endpoints[i].live && endpoints[i].owner == owner)
			destroy_endpoint(&endpoints[i]);
	}
	for (unsigned i = 0; i < bell_count; i++) {
		if (bells[i].live && bells[i].owner == owner)
			destroy_bell(&bells[i]);
	}
	for (unsigned i = 0; i < subscription_count; i++) {
		if (subscriptions[i].live && subscriptions[i].owner == owner)
			end_subscription(&subscriptions[i]);
	}
	for (unsigned i = 0; i < pair_count; i++) {
		for (unsigned end = 0; end < 2; end++) {
			if (pairs[i].owner == owner &&
			    pairs[i].end[end] != NULL)
				guest_detach(&pairs[i], end);
		}
	}
	for (unsigned i = 0; i < 2; i++)
		(void)vqp_core_event_unsubscribe(core_of(owner),
		    watch[owner][i]);
}

static void
guest_begin(struct world_guest *guest, unsigned index)
{
	const struct rig_options *options = &world.plan->guest[index];

	memset(guest, 0, sizeof(*guest));
	guest->index = index;
	rig_open(&guest->rig, &world.hub, options);
	if (rig_load(&guest->rig) != VQP_SUCCESS)
		sim_fail("%s: no core", guest->rig.os_name);
	for (unsigned i = 0; i < 2; i++) {
		if (vqp_core_event_subscribe(guest->rig.core,
		    i == 0 ? VQP_EVENT_QP_PEER_ATTACH :
		    VQP_EVENT_QP_PEER_DETACH, watch_pairs, guest,
		    &watch[index][i]) != VQP_SUCCESS)
			sim_fail("no subscription");
	}
	sim_os_fail_rate(guest->rig.os, world.plan->alloc_failures);
}

static void
guest_end(struct world_guest *guest)
{
	struct vqp_core *core = guest->rig.core;

	sim_os_fail_rate(guest->rig.os, 0);
	if (!world.plan->leave_behind)
		let_go(guest->index);
	guest->lossy = true;
	rig_unload(&guest->rig);
	if (world.plan->leave_behind) {
		guest->rig.core = core;
		let_go(guest->index);
		guest->rig.core = NULL;
	}
	sim_os_settle(guest->rig.os);
	if (!sim_os_released(guest->rig.os))
		sim_fail("%s: the core is not gone", guest->rig.os_name);
	rig_close(&guest->rig);
}

static void
tally(void)
{
	struct world_tally *all = &world_tally;

	all->worlds++;
	all->steps += sim_step_count();
	for (unsigned i = 0; i < endpoint_count; i++) {
		all->sent += endpoints[i].sent;
		all->received += endpoints[i].received;
	}
	for (unsigned i = 0; i < bell_count; i++)
		all->bells += bells[i].called != 0;
	for (unsigned i = 0; i < subscription_count; i++)
		all->events += subscriptions[i].calls;
	for (unsigned i = 0; i < pair_count; i++) {
		all->pairs++;
		all->met += pairs[i].received[0] + pairs[i].received[1] != 0;
		all->bytes += pairs[i].received[0] + pairs[i].received[1];
	}
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		all->faults[i] += world.fault_counts[i];
}

uint64_t
world_run(const struct world_plan *plan, bool trace)
{
	const struct sim_options options = {
		.seed = plan->seed,
		.trace = trace,
		.quiet = true,
		.steps_max = 20 * 1000 * 1000,
	};
	const struct vqp_context_config host = { .cid = VQP_CONTEXT_HOST };
	const struct vqp_program_calls calls = {
		host_datagram, host_doorbell, host_event, host_memory, NULL
	};
	struct sim_thread *faults;
	uint64_t hash;

	memset(&world, 0, sizeof(world));
	world.plan = plan;
	endpoint_count = bell_count = subscription_count = pair_count = 0;
	actor_count = 0;
	sim_begin(&options);
	rig_hub_open(&world.hub, NULL);
	if (vqp_program_create(world.hub.hub, &host, &calls, &program) !=
	    VQP_SUCCESS)
		sim_fail("no program");
	for (unsigned i = 0; i < plan->guest_count; i++)
		guest_begin(&world.guest[i], i);
	world.hub.fail_per_million = plan->hub_failures;
	for (unsigned i = 0; i < plan->guest_count; i++) {
		for (unsigned j = 0; j < plan->clients; j++)
			actor_begin(i, "client");
	}
	for (unsigned i = 0; i < plan->hosts; i++)
		actor_begin(HOST, "host");
	faults = sim_spawn("faults", SIM_TASK, world_faults, NULL);
	for (unsigned i = 0; i < actor_count; i++)
		sim_join(actors[i].thread);
	world.over = true;
	sim_join(faults);
	world.hub.fail_per_million = 0;
	settle();
	for (unsigned i = 0; i < plan->guest_count; i++)
		judge_guest(&world.guest[i]);
	judge_pairs();
	judge_host();
	tally();
	for (unsigned i = 0; i < plan->guest_count; i++)
		guest_end(&world.guest[i]);
	for (unsigned i = 0; i < pair_count; i++) {
		if (pairs[i].host_end)
			host_detach(&pairs[i]);
	}
	vqp_program_destroy(program);
	rig_hub_close(&world.hub);
	hash = sim_trace_hash();
	sim_end();
	return hash;
}
