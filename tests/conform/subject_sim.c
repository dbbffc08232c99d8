/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The conformance cases on a core and a device in the simulator, with a program
 * on the host as the peer: each generation and each way of the device's.
 */
#include <stdarg.h>
#include <stdlib.h>

#include <conform.h>
#include <sim_rig.h>
#include <test.h>

#define THINGS 16

static struct rig_hub hub;
static struct rig_guest guest;

/* ---- Our own end: the core. */

static uint32_t
own_context_id(void *context)
{
	(void)context;
	return vqp_core_context_id(guest.core);
}

static int
own_endpoint_create(void *context, uint32_t resource, uint32_t flags,
    conform_receive_fn *receive, void *argument, struct vqp_handle *handle)
{
	const struct vqp_endpoint_options options = {
		.resource = resource,
		.flags = flags,
		.receive = receive,
		.argument = argument,
	};

	(void)context;
	return vqp_core_endpoint_create(guest.core, &options, handle);
}

static int
own_endpoint_destroy(void *context, struct vqp_handle handle)
{
	(void)context;
	return vqp_core_endpoint_destroy(guest.core, handle);
}

static int64_t
own_send(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	(void)context;
	return vqp_core_send(guest.core, datagram, payload);
}

static int
own_doorbell_create(void *context, uint32_t flags, conform_ring_fn *ring,
    void *argument, struct vqp_handle *handle)
{
	const struct vqp_doorbell_options options = {
		.flags = flags,
		.ring = ring,
		.argument = argument,
	};

	(void)context;
	return vqp_core_doorbell_create(guest.core, &options, handle);
}

static int
own_doorbell_destroy(void *context, struct vqp_handle handle)
{
	(void)context;
	return vqp_core_doorbell_destroy(guest.core, handle);
}

static int
own_doorbell_notify(void *context, struct vqp_handle handle)
{
	(void)context;
	return vqp_core_doorbell_notify(guest.core, handle, 0);
}

static struct subscriber {
	uint32_t id;
	conform_event_fn *tell;
	void *argument;
} subscribers[THINGS];

static void
tell(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	const struct subscriber *subscriber = argument;

	(void)id, (void)origin;
	subscriber->tell(subscriber->argument, data->event,
	    data->payload.qpair.handle, data->payload.qpair.peer);
}

static int
own_subscribe(void *context, uint32_t event, conform_event_fn *tells,
    void *argument, uint32_t *id)
{
	int status;

	(void)context;
	for (unsigned i = 0; i < THINGS; i++) {
		struct subscriber *subscriber = &subscribers[i];

		if (subscriber->id != 0)
			continue;
		subscriber->tell = tells;
		subscriber->argument = argument;
		status = vqp_core_event_subscribe(guest.core, event,
		    tells != NULL ? tell : NULL, subscriber, id);
		if (status == VQP_SUCCESS)
			subscriber->id = *id;
		return status;
	}
	return VQP_ERROR_NO_MEM;
}

static int
own_unsubscribe(void *context, uint32_t id)
{
	(void)context;
	for (unsigned i = 0; i < THINGS; i++) {
		if (subscribers[i].id == id)
			subscribers[i].id = 0;
	}
	return vqp_core_event_unsubscribe(guest.core, id);
}

static int
own_pair_alloc(void *context, uint64_t produce_bytes, uint64_t consume_bytes,
    uint32_t peer, uint32_t flags, uint32_t privilege,
    struct vqp_handle *handle, void **pair)
{
	const struct vqp_qpair_options options = {
		.produce_bytes = produce_bytes,
		.consume_bytes = consume_bytes,
		.peer = peer,
		.flags = flags,
		.privilege = privilege,
	};
	struct vqp_qpair *qpair = NULL;
	const int status = vqp_core_qpair_alloc(guest.core, &options, handle,
	    &qpair);

	(void)context;
	*pair = qpair;
	return status;
}

static int
own_pair_detach(void *context, void **pair)
{
	struct vqp_qpair *qpair = *pair;
	const int status = vqp_core_qpair_detach(guest.core, &qpair);

	(void)context;
	*pair = qpair;
	return status;
}

/* The engine's verbs, on any kind of end: its pair comes first. */
static int64_t
enqueue(void *pair, const void *from, uint64_t length)
{
	return vqp_pair_enqueue(pair, from, length);
}

static int64_t
dequeue(void *pair, void *to, uint64_t length)
{
	return vqp_pair_dequeue(pair, to, length);
}

static int64_t
peek(void *pair, void *to, uint64_t length)
{
	return vqp_pair_peek(pair, to, length);
}

static int64_t
enqueuev(void *pair, const struct vqp_iovec *vector, uint64_t count)
{
	return vqp_pair_enqueuev(pair, vector, count);
}

static int64_t
dequeuev(void *pair, const struct vqp_iovec *vector, uint64_t count)
{
	return vqp_pair_dequeuev(pair, vector, count);
}

static int64_t
peekv(void *pair, const struct vqp_iovec *vector, uint64_t count)
{
	return vqp_pair_peekv(pair, vector, count);
}

static int64_t
produce_free(void *pair)
{
	return vqp_pair_produce_free(pair);
}

static int64_t
produce_ready(void *pair)
{
	return vqp_pair_produce_ready(pair);
}

static int64_t
consume_free(void *pair)
{
	return vqp_pair_consume_free(pair);
}

static int64_t
consume_ready(void *pair)
{
	return vqp_pair_consume_ready(pair);
}

static int
produce_indexes(void *pair, uint64_t *tail, uint64_t *head)
{
	return vqp_pair_produce_indexes(pair, tail, head);
}

static int
consume_indexes(void *pair, uint64_t *tail, uint64_t *head)
{
	return vqp_pair_consume_indexes(pair, tail, head);
}

#define RING_VERBS							\
	.enqueue = enqueue, .dequeue = dequeue, .peek = peek,		\
	.enqueuev = enqueuev, .dequeuev = dequeuev, .peekv = peekv,	\
	.produce_free = produce_free, .produce_ready = produce_ready,	\
	.consume_free = consume_free, .consume_ready = consume_ready,	\
	.produce_indexes = produce_indexes,				\
	.consume_indexes = consume_indexes

static const struct conform_verbs own = {
	.context_id = own_context_id,
	.endpoint_create = own_endpoint_create,
	.endpoint_destroy = own_endpoint_destroy,
	.send = own_send,
	.doorbell_create = own_doorbell_create,
	.doorbell_destroy = own_doorbell_destroy,
	.doorbell_notify = own_doorbell_notify,
	.subscribe = own_subscribe,
	.unsubscribe = own_unsubscribe,
	.pair_alloc = own_pair_alloc,
	.pair_detach = own_pair_detach,
	RING_VERBS
};

/* ---- The peer: a program on the host. */

static struct peer {
	struct vqp_program *program;
	uint32_t next;
	struct peer_end {
		struct vqp_pair pair;	/* first */
		bool used, has_memory;
		struct vqp_handle handle;
	} end[THINGS];
	struct peer_receiver {
		uint32_t resource;	/* 0: none */
		conform_receive_fn *receive;
		conform_ring_fn *ring;
		void *argument;
	} receiver[THINGS];
} peer;

static struct peer_receiver *
receiver_of(uint32_t resource)
{
	for (unsigned i = 0; i < THINGS; i++) {
		if (peer.receiver[i].resource == resource)
			return &peer.receiver[i];
	}
	return NULL;
}

static int
program_datagram(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	const struct peer_receiver *receiver =
	    receiver_of(datagram->dst.resource);
	uint8_t *whole;

	(void)context;
	if (receiver == NULL || receiver->receive == NULL)
		return VQP_ERROR_INVALID_RESOURCE;
	whole = malloc(sizeof(*datagram) + (size_t)datagram->payload_size);
	if (whole == NULL)
		return VQP_ERROR_NO_MEM;
	memcpy(whole, datagram, sizeof(*datagram));
	if (datagram->payload_size != 0)
		memcpy(whole + sizeof(*datagram), payload,
		    (size_t)datagram->payload_size);
	receiver->receive(receiver->argument,
	    (const struct vqp_datagram *)(const void *)whole);
	free(whole);
	return VQP_SUCCESS;
}

static void
program_doorbell(void *context, struct vqp_handle handle)
{
	const struct peer_receiver *receiver = receiver_of(handle.resource);

	(void)context;
	if (receiver != NULL && receiver->ring != NULL)
		receiver->ring(receiver->argument);
}

static struct peer_end *
end_of(struct vqp_handle handle)
{
	for (unsigned i = 0; i < THINGS; i++) {
		if (peer.end[i].used &&
		    peer.end[i].handle.context == handle.context &&
		    peer.end[i].handle.resource == handle.resource)
			return &peer.end[i];
	}
	return NULL;
}

static void
program_memory(void *context, struct vqp_handle handle,
    const struct vqp_qpair_memory *memory)
{
	struct peer_end *end = end_of(handle);
	struct vqp_pair_config config = { .layout = VQP_LAYOUT_COMPAT };

	(void)context;
	if (end == NULL)
		sim_fail("memory of an unknown pair");
	end->has_memory = memory != NULL;
	if (memory == NULL)
		return;
	config.handle = handle;
	config.produce = memory->produce;
	config.consume = memory->consume;
	if (vqp_pair_attach(&end->pair, &config) != VQP_SUCCESS)
		sim_fail("the peer cannot attach");
}

static uint32_t
peer_context_id(void *context)
{
	(void)context;
	return vqp_program_cid(peer.program);
}

static int
peer_add(conform_receive_fn *receive, conform_ring_fn *ring, void *argument,
    struct vqp_handle *handle)
{
	struct peer_receiver *receiver = receiver_of(0);

	if (receiver == NULL)
		return VQP_ERROR_NO_RESOURCES;
	*receiver = (struct peer_receiver){ 2000 + peer.next++, receive, ring,
	    argument };
	*handle = (struct vqp_handle){ vqp_program_cid(peer.program),
	    receiver->resource };
	return VQP_SUCCESS;
}

static int
peer_endpoint_create(void *context, uint32_t resource, uint32_t flags,
    conform_receive_fn *receive, void *argument, struct vqp_handle *handle)
{
	(void)context, (void)resource, (void)flags;
	return peer_add(receive, NULL, argument, handle);
}

static int
peer_endpoint_destroy(void *context, struct vqp_handle handle)
{
	struct peer_receiver *receiver = receiver_of(handle.resource);

	(void)context;
	if (receiver == NULL)
		return VQP_ERROR_NOT_FOUND;
	receiver->resource = 0;
	return VQP_SUCCESS;
}

static int64_t
peer_send(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	int64_t result;

	(void)context;
	do {
		result = vqp_program_send(peer.program, datagram, payload);
		if (result == VQP_ERROR_NO_RESOURCES)
			sim_sleep(10000);
	} while (result == VQP_ERROR_NO_RESOURCES);
	return result;
}

static int
peer_doorbell_create(void *context, uint32_t flags, conform_ring_fn *ring,
    void *argument, struct vqp_handle *handle)
{
	const int status = peer_add(NULL, ring, argument, handle);

	(void)context, (void)flags;
	return status != VQP_SUCCESS ? status :
	    vqp_program_link(peer.program, handle->resource);
}

static int
peer_doorbell_destroy(void *context, struct vqp_handle handle)
{
	(void)peer_endpoint_destroy(context, handle);
	return vqp_program_unlink(peer.program, handle.resource);
}

static int
peer_doorbell_notify(void *context, struct vqp_handle handle)
{
	(void)context;
	return vqp_program_ring(peer.program, handle);
}

static int
peer_pair_alloc(void *context, uint64_t produce_bytes, uint64_t consume_bytes,
    uint32_t with, uint32_t flags, uint32_t privilege,
    struct vqp_handle *handle, void **pair)
{
	const struct vqp_qpair_request request = {
		.handle = *handle,
		.peer = with,
		.flags = flags,
		.produce_size = produce_bytes,
		.consume_size = consume_bytes,
	};
	struct peer_end *end = peer.end;
	int status;

	(void)context, (void)privilege;
	while (end->used)
		end++;
	end->used = true;
	end->handle = *handle;
	status = vqp_program_qpair_alloc(peer.program, &request);
	if (status < 0)
		end->used = false;
	else
		*pair = end;
	return status;
}

static int
peer_pair_detach(void *context, void **pair)
{
	struct peer_end *end = *pair;
	const int status = vqp_program_qpair_detach(peer.program,
	    end->handle);

	(void)context;
	if (end->has_memory)
		sim_fail("the peer keeps memory");
	end->used = false;
	*pair = NULL;
	return status;
}

static const struct conform_verbs peers = {
	.context_id = peer_context_id,
	.endpoint_create = peer_endpoint_create,
	.endpoint_destroy = peer_endpoint_destroy,
	.send = peer_send,
	.doorbell_create = peer_doorbell_create,
	.doorbell_destroy = peer_doorbell_destroy,
	.doorbell_notify = peer_doorbell_notify,
	.pair_alloc = peer_pair_alloc,
	.pair_detach = peer_pair_detach,
	RING_VERBS
};

/* ---- The subject. */

static void
wait_until_idle(void *context)
{
	unsigned idle = 0;

	(void)context;
	while (idle < 5) {
		sim_sleep(50000);
		idle = rig_is_idle(&guest) ? idle + 1 : 0;
	}
}

static void
print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	/* The plan of a run is no line of ours: one for all of them. */
	if (format[0] != '1')
		vprintf(format, arguments);
	va_end(arguments);
}

static unsigned
run(uint64_t seed, const struct rig_options *options, const char *only)
{
	const struct sim_options simulation = { .seed = seed, .quiet = true };
	const struct vqp_context_config host = { .cid = VQP_CONTEXT_HOST };
	const struct vqp_program_calls calls = {
		.datagram = program_datagram,
		.doorbell = program_doorbell,
		.memory = program_memory,
	};
	const struct conform_subject subject = {
		.name = options->name,
		.own = &own,
		.peer = &peers,
		.reaches_itself = true,
		.wait = wait_until_idle,
		.print = print,
	};
	unsigned failed;

	memset(&peer, 0, sizeof(peer));
	sim_begin(&simulation);
	rig_hub_open(&hub, NULL);
	if (vqp_program_create(hub.hub, &host, &calls, &peer.program) !=
	    VQP_SUCCESS)
		sim_fail("no peer");
	rig_open(&guest, &hub, options);
	if (rig_load(&guest) != VQP_SUCCESS)
		sim_fail("no core");
	failed = conform_run(&subject, only);
	rig_unload(&guest);
	rig_close(&guest);
	vqp_program_destroy(peer.program);
	rig_hub_close(&hub);
	sim_end();
	return failed;
}

int
main(int argc, char **argv)
{
	const uint32_t narrow = VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS;
	const struct rig_options worlds[] = {
		{ .name = "ports-image", .data_in = VQP_DATA_IN_IMAGE },
		{ .name = "ports-stream", .data_in = VQP_DATA_IN_STREAM,
		    .shared = true },
		{ .name = "ports-piece", .data_in = VQP_DATA_IN_PIECE,
		    .caps = narrow },
		{ .name = "dma", .mmio = true },
		{ .name = "dma-shared", .mmio = true, .shared = true,
		    .late_answers = 300,
		    .caps = narrow | VQP_CAP_DMA_DATAGRAM },
		{ .name = "dma-budget", .mmio = true, .budget = 1,
		    .more_interrupts = 300, .late_interrupts = 300 },
	};
	const char *only = argc > 1 ? argv[1] : NULL;
	unsigned failed = 0;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	for (uint64_t seed = 1; seed <= 4; seed++) {
		for (unsigned i = 0; i < sizeof(worlds) / sizeof(worlds[0]);
		    i++) {
			struct rig_options options = worlds[i];

			options.cid = seed % 2 ? 0x8bd824a9 : 500;
			options.workers = 1 + (uint32_t)(seed % 3);
			failed += run(seed, &options, only);
		}
	}
	printf("# %u failed\n", failed);
	return failed != 0;
}
