/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The cases of the driver: one machine, one host context, and one thread that
 * calls both.
 */
#include "driver_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user_machine.h>
#include <vqp_core.h>
#include <vqp_device.h>

#include "clock.h"
#include "histogram.h"
#include "quiet.h"
#include "spin.h"

#define BURST_NS 1.5e6
/*
 * The length of a burst whose calls are timed one by one: each call is long, or
 * a pause precedes it.
 */
#define TIMED_BURST_NS 3e6
/* A pause before each call that lets the interrupt thread fall asleep again. */
#define NAP_NS 30e3
#define DEADLINE_NS 2e9
#define HANG_SECONDS 10

#define FIRST_CALLS 8
#define ATTEMPTS 6

#define GUEST 20
#define PROGRAM_RESOURCE 7
#define ENDPOINTS_FROM 4096
/*
 * The number of names that are looked up in turn, enough to reach every bucket
 * of the table.
 */
#define LOOKUP_NAMES 4096

/* The number of datagrams that a guest's queue of 4096 bytes holds. */
#define DRIVER_BATCH 32

enum driver_operation {
	DRIVER_SEND,		/* guest to host context's function */
	DRIVER_DISPATCH,	/* host context to guest's callback */
	DRIVER_DISPATCH_BATCH,	/* DRIVER_BATCH, until the last arrived */
	DRIVER_ROUND_TRIP,	/* to the guest's callback, which answers */
	DRIVER_RING_PROGRAM,	/* guest rings, host's function runs */
	DRIVER_RING_GUEST,	/* host rings, guest's callback runs */
	DRIVER_LOOKUP,		/* search endpoints, find nothing */
	DRIVER_PAIR,		/* create a queue pair and detach it */
	DRIVER_ATTACH		/* attach second side of a local pair */
};

enum driver_transport {
	DRIVER_PORT,		/* registers and string instructions */
	DRIVER_DMA,
	DRIVER_LOCAL		/* the device is not used */
};

struct driver_case {
	struct bench_case base;	/* first */
	enum driver_operation operation;
	enum driver_transport transport;
	uint64_t bytes;		/* of the payload, or of one ring of a pair */
	uint64_t endpoints;	/* existing ones, for DRIVER_LOOKUP; else 0 */
	enum topo_relation relation;
	struct worker_pair *pair;
	struct bench_tally *tally;

	uint64_t calls;		/* calls of the next burst */
	uint64_t calls_total;	/* calls of all bursts that count */
	struct samples ns;	/* per call: bursts' means, or medians */
	struct histogram *latencies;	/* in ticks, if each call is timed */
};

struct world {
	const struct driver_case *self;
	struct vqp_machine *machine;
	struct vqp_core *core;
	struct vqp_program *program;
	struct vqp_handle endpoint;
	struct vqp_handle bell;
	uint64_t endpoint_count;	/* created so far */
	bool bell_created;
	int64_t status;		/* the status of the failed call, or 0 */

	uint64_t calls;
	bool times_each;
	double ns;		/* duration of all calls */
	bool quiet;
	bool finished;
	uint64_t expected;	/* arrivals; set while none is due */
	struct spin spin;
	bool abandoned;
	struct histogram latencies;
	uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];

	/* The receiver of a message writes it, the sender polls it. */
	uint64_t arrived __attribute__((aligned(128)));
	uint64_t arrived_ticks;
	uint64_t mismatches;
} __attribute__((aligned(128)));

/*
 * ---- Arriving.
 */

static void
arrive(struct world *world)
{
	if (world->times_each && world->arrived + 1 == world->expected)
		world->arrived_ticks = clock_ticks_past_loads();
	__atomic_store_n(&world->arrived, world->arrived + 1,
	    __ATOMIC_RELEASE);
}

static void
check(struct world *world, const struct vqp_datagram *datagram,
    const void *payload)
{
	const uint8_t *byte = payload;
	uint64_t bytes = world->self->bytes;

	if (datagram->payload_size != bytes || (bytes != 0 &&
	    (byte[0] != world->payload[0] ||
	    byte[bytes - 1] != world->payload[bytes - 1])))
		world->mismatches++;
}

/* Runs in the host context, with the hub's lock held. */
static int
program_datagram(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	struct world *world = context;

	check(world, datagram, payload);
	arrive(world);
	return VQP_SUCCESS;
}

static void
program_doorbell(void *context, struct vqp_handle handle)
{
	(void)handle;
	arrive(context);
}

static int64_t
guest_send(struct world *world)
{
	const struct vqp_datagram datagram = {
		.dst = { VQP_CONTEXT_HOST, PROGRAM_RESOURCE },
		.src = world->endpoint,
		.payload_size = world->self->bytes,
	};

	return vqp_core_send(world->core, &datagram, world->payload);
}

/* Runs in the guest, in the interrupt thread. */
static void
guest_datagram(void *argument, const struct vqp_datagram *datagram)
{
	struct world *world = argument;

	check(world, datagram, datagram + 1);
	if (world->self->operation != DRIVER_ROUND_TRIP)
		arrive(world);
	else if (guest_send(world) < 0)
		world->mismatches++;
}

static void
guest_ring(void *argument)
{
	arrive(argument);
}

/*
 * ---- Calling.  Each function makes world->calls calls; on failure it returns
 * false and sets world->status.
 */

static bool
failed(struct world *world, int64_t status)
{
	world->status = status;
	return false;
}

/* Check a synchronous message: it has arrived already, or it never will. */
static bool
all_arrived(struct world *world)
{
	return world->arrived == world->expected ||
	    failed(world, VQP_ERROR_GENERIC);
}

static bool
send(struct world *world)
{
	for (uint64_t i = 0; i < world->calls; i++) {
		int64_t status = guest_send(world);

		if (status < 0)
			return failed(world, status);
	}
	world->expected += world->calls;
	return all_arrived(world);
}

static bool
ring_program(struct world *world)
{
	const struct vqp_handle bell = { VQP_CONTEXT_HOST, PROGRAM_RESOURCE };

	for (uint64_t i = 0; i < world->calls; i++) {
		int status = vqp_core_doorbell_notify(world->core, bell, 0);

		if (status < 0)
			return failed(world, status);
	}
	world->expected += world->calls;
	return all_arrived(world);
}

static bool
lookup(struct world *world)
{
	struct vqp_datagram datagram = {
		.dst = { VQP_CONTEXT_HOST, PROGRAM_RESOURCE },
		.src = world->endpoint,
	};

	for (uint64_t i = 0; i < world->calls; i++) {
		int64_t status;

		datagram.src.resource = (uint32_t)(ENDPOINTS_FROM +
		    world->endpoint_count + i % LOOKUP_NAMES);
		status = vqp_core_send(world->core, &datagram, NULL);
		if (status != VQP_ERROR_NO_HANDLE)
			return failed(world, status);
	}
	return true;
}

static void
nap(void)
{
	uint64_t end = clock_ticks() +
	    (uint64_t)(NAP_NS * clock_ticks_per_ns());

	while (clock_ticks() < end)
		clock_pause();
}

/*
 * The host context sends its datagrams, or rings, and waits until all arrived.
 */
static bool
from_program(struct world *world,
    int64_t (*post)(const struct world *world), unsigned count)
{
	for (uint64_t i = 0; i < world->calls; i++) {
		uint64_t start;
		int64_t status = 0;

		nap();
		world->expected += count;
		start = clock_ticks();
		vqp_machine_lock(world->machine);
		for (unsigned j = 0; j < count && status >= 0; j++)
			status = post(world);
		vqp_machine_unlock(world->machine);
		if (status < 0)
			return failed(world, status);
		while (__atomic_load_n(&world->arrived, __ATOMIC_ACQUIRE) !=
		    world->expected)
			if (!spin_again(&world->spin))
				return failed(world, VQP_ERROR_TIMEOUT);
		histogram_add(&world->latencies, world->arrived_ticks - start);
	}
	return true;
}

static int64_t
post_datagram(const struct world *world)
{
	const struct vqp_datagram datagram = {
		.dst = world->endpoint,
		.src = { VQP_CONTEXT_HOST, PROGRAM_RESOURCE },
		.payload_size = world->self->bytes,
	};

	return vqp_program_send(world->program, &datagram, world->payload);
}

static int64_t
post_ring(const struct world *world)
{
	return vqp_program_ring(world->program, world->bell);
}

static bool
dispatch(struct world *world)
{
	return from_program(world, post_datagram, 1);
}

static bool
dispatch_batch(struct world *world)
{
	return from_program(world, post_datagram, DRIVER_BATCH);
}

static bool
ring_guest(struct world *world)
{
	return from_program(world, post_ring, 1);
}

static bool
pairs(struct world *world)
{
	bool local = world->self->transport == DRIVER_LOCAL;
	bool attach = world->self->operation == DRIVER_ATTACH;
	const struct vqp_qpair_options options = {
		.produce_bytes = world->self->bytes,
		.consume_bytes = world->self->bytes,
		.peer = local ? VQP_CONTEXT_ANY : VQP_CONTEXT_HOST,
		.flags = local ? VQP_QPAIR_LOCAL : 0,
	};

	for (uint64_t i = 0; i < world->calls; i++) {
		struct vqp_handle handle = {
			VQP_CONTEXT_ANY, VQP_RESOURCE_ANY
		};
		struct vqp_qpair *first = NULL, *second = NULL;
		uint64_t start = clock_ticks();
		int status = vqp_core_qpair_alloc(world->core, &options,
		    &handle, &first);

		if (status >= 0 && attach) {
			start = clock_ticks();
			status = vqp_core_qpair_alloc(world->core, &options,
			    &handle, &second);
			histogram_add(&world->latencies,
			    clock_ticks() - start);
		}
		if (second != NULL)
			(void)vqp_core_qpair_detach(world->core, &second);
		if (first != NULL) {
			int detached = vqp_core_qpair_detach(world->core,
			    &first);

			status = status < 0 ? status : detached;
		}
		if (status < 0)
			return failed(world, status);
		if (!attach)
			histogram_add(&world->latencies,
			    clock_ticks() - start);
	}
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct world *world);
	bool times_each;
} operations[] = {
	[DRIVER_SEND] = { "send", send, false },
	[DRIVER_DISPATCH] = { "dispatch", dispatch, true },
	[DRIVER_DISPATCH_BATCH] = { "dispatch_batch", dispatch_batch, true },
	[DRIVER_ROUND_TRIP] = { "round_trip", dispatch, true },
	[DRIVER_RING_PROGRAM] = { "ring_program", ring_program, false },
	[DRIVER_RING_GUEST] = { "ring_guest", ring_guest, true },
	[DRIVER_LOOKUP] = { "lookup", lookup, false },
	[DRIVER_PAIR] = { "pair", pairs, true },
	[DRIVER_ATTACH] = { "attach", pairs, true },
};

static const char *
operation_name(enum driver_operation operation)
{
	return operations[operation].name;
}

static const char *
transport_name(enum driver_transport transport)
{
	static const char *const names[] = {
		[DRIVER_PORT] = "port",
		[DRIVER_DMA] = "dma",
		[DRIVER_LOCAL] = "local",
	};

	return names[transport];
}

/* True if each call is timed, so that there are percentiles. */
static bool
times_each(const struct driver_case *self)
{
	return operations[self->operation].times_each;
}

/*
 * ---- Jobs of the workers.
 */

static int
create_endpoints(struct world *world)
{
	uint64_t count = world->self->endpoints;
	struct vqp_endpoint_options options = {
		.receive = guest_datagram,
		.argument = world,
	};
	int status = VQP_SUCCESS;

	if (count == 0)
		count = 1;
	while (status >= 0 && world->endpoint_count < count) {
		options.resource = (uint32_t)(ENDPOINTS_FROM +
		    world->endpoint_count);
		status = vqp_core_endpoint_create(world->core, &options,
		    &world->endpoint);
		if (status >= 0)
			world->endpoint_count++;
	}
	return status;
}

static int
create_program(struct world *world)
{
	const struct vqp_context_config config = { .cid = VQP_CONTEXT_HOST };
	const struct vqp_program_calls calls = {
		.datagram = program_datagram,
		.doorbell = program_doorbell,
		.context = world,
	};
	int status;

	vqp_machine_lock(world->machine);
	status = vqp_program_create(vqp_machine_hub(world->machine), &config,
	    &calls, &world->program);
	if (status >= 0)
		status = vqp_program_link(world->program, PROGRAM_RESOURCE);
	vqp_machine_unlock(world->machine);
	return status;
}

static int
create_bell(struct world *world)
{
	const struct vqp_doorbell_options options = {
		.ring = guest_ring,
		.argument = world,
	};
	int status;

	world->bell = (struct vqp_handle){ VQP_INVALID_ID, VQP_INVALID_ID };
	status = vqp_core_doorbell_create(world->core, &options, &world->bell);
	world->bell_created = status >= 0;
	return status;
}

static void
open_world(void *arg)
{
	struct world *world = arg;
	const struct vqp_machine_config config = {
		.generation = world->self->transport == DRIVER_PORT ?
		    VQP_DEVICE_PORT : VQP_DEVICE_MMIO,
		.cid = GUEST,
	};
	int status = vqp_machine_open(&config, &world->machine);

	if (status >= 0) {
		world->core = vqp_machine_core(world->machine);
		status = create_program(world);
	}
	if (status >= 0)
		status = create_endpoints(world);
	if (status >= 0)
		status = create_bell(world);
	world->status = status < 0 ? status : 0;
}

static void
close_world(void *arg)
{
	struct world *world = arg;
	struct vqp_handle handle = world->endpoint;

	if (world->machine == NULL)
		return;
	if (world->bell_created)
		(void)vqp_core_doorbell_destroy(world->core, world->bell);
	for (uint64_t i = 0; i < world->endpoint_count; i++) {
		handle.resource = (uint32_t)(ENDPOINTS_FROM + i);
		(void)vqp_core_endpoint_destroy(world->core, handle);
	}
	if (world->program != NULL) {
		vqp_machine_lock(world->machine);
		vqp_program_destroy(world->program);
		vqp_machine_unlock(world->machine);
	}
	vqp_machine_close(world->machine);
}

static void
measure(void *arg)
{
	struct world *world = arg;
	bool (*run)(struct world *) = operations[world->self->operation].run;
	uint64_t calls = world->calls;
	struct quiet quiet;
	uint64_t start;

	world->calls = calls / 4 + 1;
	if (!run(world))
		return;
	world->calls = calls;
	histogram_reset(&world->latencies);
	quiet_begin(&quiet);
	start = clock_ticks();
	world->finished = run(world);
	world->ns = clock_ns(clock_ticks() - start);
	world->quiet = quiet_end(&quiet, false);
}

/*
 * ---- Samples.
 */

static double
fail(struct driver_case *self, const char *what, int64_t status)
{
	char text[64];

	snprintf(text, sizeof(text), "%s (status %" PRId64 ")", what, status);
	return bench_case_fail(&self->base, text);
}

static void
record(struct driver_case *self, const struct world *world)
{
	self->tally->total++;
	if (!world->quiet) {
		self->tally->switched++;
		return;
	}
	self->calls_total += world->calls;
	samples_add(&self->ns, world->times_each ?
	    clock_ns(histogram_quantile(&world->latencies, 0.5)) :
	    world->ns / (double)world->calls);
	if (world->times_each)
		bench_merge(&self->latencies, &world->latencies);
}

/*
 * Repeat until a burst has the right length.  False: the worker pair is lost.
 */
static bool
run_bursts(struct driver_case *self, struct world *world)
{
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		world->calls = self->calls;
		world->finished = false;
		world->spin.deadline = clock_ticks() +
		    (uint64_t)(DEADLINE_NS * clock_ticks_per_ns());
		if (!worker_pair_run(self->pair, measure, worker_idle, world,
		    HANG_SECONDS))
			return false;
		if (!world->finished)
			return true;
		self->calls = bench_next_count(world->calls, world->ns,
		    world->times_each ? TIMED_BURST_NS : BURST_NS);
		if (self->calls <= 2 * world->calls)
			return true;
	}
	return true;
}

/*
 * Open a new machine and run one burst on it.  Keep the sample unless something
 * disturbed it.
 */
static double
driver_case_sample(struct bench_case *base, bool *hung)
{
	struct driver_case *self = (struct driver_case *)base;
	static struct world world;	/* a hung thread still uses it */
	double seconds;

	memset(&world, 0, sizeof(world));
	world.self = self;
	world.times_each = times_each(self);
	world.spin.pause = true;
	world.spin.abandoned = &world.abandoned;
	for (size_t i = 0; i < sizeof(world.payload); i++)
		world.payload[i] = (uint8_t)(i * 7 + 1);
	if (self->calls == 0)
		self->calls = FIRST_CALLS;

	*hung = !worker_pair_run(self->pair, worker_idle, open_world, &world,
	    HANG_SECONDS);
	if (!*hung && world.status == 0)
		*hung = !run_bursts(self, &world);
	if (*hung)
		return fail(self, "hangs", 0);
	if (!world.finished)
		seconds = fail(self, "refused", world.status);
	else if (world.mismatches != 0)
		seconds = fail(self, "datagrams arrived wrong", 0);
	else
		seconds = world.ns * 1e-9;
	*hung = !worker_pair_run(self->pair, worker_idle, close_world, &world,
	    HANG_SECONDS);
	if (*hung)
		return fail(self, "hangs at its end", 0);
	if (seconds >= 0)
		record(self, &world);
	return seconds;
}

static void
driver_case_write(struct bench_case *base, struct json *json)
{
	struct driver_case *self = (struct driver_case *)base;

	if (self->ns.count == 0)
		return;
	json_object(json, NULL);
	json_string(json, "operation", operation_name(self->operation));
	json_string(json, "transport", transport_name(self->transport));
	json_integer(json, "bytes", self->bytes);
	json_integer(json, "endpoints", self->endpoints);
	json_string(json, "relation", topo_relation_name(self->relation));
	json_integer(json, "samples", self->ns.count);
	json_integer(json, "calls", self->calls_total);
	json_number(json, "ns_median", samples_median(&self->ns));
	json_number(json, "ns_min", samples_min(&self->ns));
	json_number(json, "ns_max", samples_max(&self->ns));
	json_number(json, "ns_mad", samples_mad(&self->ns));
	if (self->latencies != NULL)
		bench_write_quantiles(json, self->latencies);
	json_integer(json, "errors", self->base.errors);
	json_object_end(json);
}

static void
driver_case_close(struct bench_case *base)
{
	struct driver_case *self = (struct driver_case *)base;

	samples_free(&self->ns);
	free(self->latencies);
	free(self);
}

/*
 * ---- Which there are.
 */

struct adding {
	struct bench_cases *cases;
	enum topo_relation relation;
	struct worker_pair *pair;
	struct bench_tally *tally;
	bool failed;
};

static void
add(struct adding *adding, enum driver_operation operation,
    enum driver_transport transport, uint64_t bytes, uint64_t endpoints)
{
	struct driver_case *self;

	if (adding->failed)
		return;
	self = calloc(1, sizeof(*self));
	if (self == NULL) {
		adding->failed = !bench_cases_add(adding->cases, NULL);
		return;
	}
	self->operation = operation;
	self->transport = transport;
	self->bytes = bytes;
	self->endpoints = endpoints;
	self->relation = adding->relation;
	self->pair = adding->pair;
	self->tally = adding->tally;
	self->base.table = BENCH_DRIVER;
	self->base.sample = driver_case_sample;
	self->base.write = driver_case_write;
	self->base.close = driver_case_close;
	if (operation == DRIVER_LOOKUP)
		snprintf(self->base.name, sizeof(self->base.name),
		    "driver/lookup/%" PRIu64, endpoints);
	else
		snprintf(self->base.name, sizeof(self->base.name),
		    "driver/%s/%s/%" PRIu64 "B", operation_name(operation),
		    transport_name(transport), bytes);
	adding->failed = !bench_cases_add(adding->cases, &self->base);
}

bool
driver_cases_add(struct bench_cases *cases, enum topo_relation relation,
    struct worker_pair *pair, struct bench_tally *tally)
{
	static const uint64_t sent[] = {
		0, 64, 4096, VQP_DATAGRAM_PAYLOAD_BYTES_MAX
	};
	static const uint64_t rings[] = { 65536, 1048576 };
	struct adding adding = { cases, relation, pair, tally, false };

	for (unsigned i = 0; i < 2; i++) {
		enum driver_transport transport = i == 0 ? DRIVER_PORT :
		    DRIVER_DMA;

		for (unsigned j = 0; j < 4; j++)
			add(&adding, DRIVER_SEND, transport, sent[j], 0);
		for (unsigned j = 1; j < 3; j++) {
			add(&adding, DRIVER_DISPATCH, transport, sent[j], 0);
			add(&adding, DRIVER_DISPATCH_BATCH, transport, sent[j],
			    0);
		}
		add(&adding, DRIVER_ROUND_TRIP, transport, 64, 0);
		add(&adding, DRIVER_RING_PROGRAM, transport, 0, 0);
		add(&adding, DRIVER_RING_GUEST, transport, 0, 0);
	}
	for (uint64_t count = 1; count <= 10000; count *= 100)
		add(&adding, DRIVER_LOOKUP, DRIVER_LOCAL, 0, count);
	for (unsigned i = 0; i < 2; i++) {
		add(&adding, DRIVER_PAIR, DRIVER_LOCAL, rings[i], 0);
		add(&adding, DRIVER_PAIR, DRIVER_DMA, rings[i], 0);
		add(&adding, DRIVER_ATTACH, DRIVER_LOCAL, rings[i], 0);
	}
	return !adding.failed;
}
