/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The driver core under threads: some make things and end them, others find
 * them all the while, by datagrams, bells and events that come through a whole
 * device.  ThreadSanitizer sees what lookup without a lock relies on.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <effort.h>
#include <rng.h>
#include <test.h>
#include <user_machine.h>

#define CID 0x8bd824a9
#define NAMES 8			/* so few that threads meet */
#define FIRST 2000

/* What a callback must never see: a client whose end has returned. */
struct client {
	uint64_t alive;
	uint64_t calls;
	int inside;		/* callbacks that run now, endpoint: at most 1 */
};

#define ALIVE UINT64_C(0x616c697665616c69)

struct world {
	struct vqp_machine *machine;
	struct vqp_core *core;
	struct vqp_handle source;
	uint64_t rounds;
	int stop;
	uint64_t sent, received, rung, told;
};

struct worker {
	struct world *world;
	uint32_t seed;
};

static void
call(struct client *client, uint64_t *counter)
{
	CHECK_EQ(__atomic_load_n(&client->alive, __ATOMIC_ACQUIRE), ALIVE);
	client->calls++;
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

struct endpoint {
	struct client client;
	struct world *world;
};

static void
receive(void *argument, const struct vqp_datagram *datagram)
{
	struct endpoint *endpoint = argument;

	CHECK(datagram->payload_size <= 64);
	CHECK_EQ(__atomic_add_fetch(&endpoint->client.inside, 1,
	    __ATOMIC_ACQ_REL), 1);
	call(&endpoint->client, &endpoint->world->received);
	__atomic_sub_fetch(&endpoint->client.inside, 1, __ATOMIC_ACQ_REL);
}

static void
ring(void *argument)
{
	struct endpoint *endpoint = argument;

	call(&endpoint->client, &endpoint->world->rung);
}

/* Events of several threads may be told at once. */
static void
tell(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	struct endpoint *endpoint = argument;

	(void)id;
	(void)origin;
	CHECK(data->event == VQP_EVENT_QP_PEER_ATTACH);
	CHECK_EQ(__atomic_load_n(&endpoint->client.alive, __ATOMIC_ACQUIRE),
	    ALIVE);
	__atomic_add_fetch(&endpoint->world->told, 1, __ATOMIC_RELAXED);
}

static void
end(struct endpoint *endpoint)
{
	__atomic_store_n(&endpoint->client.alive, 0, __ATOMIC_RELEASE);
	free(endpoint);
}

static struct endpoint *
begin(struct world *world)
{
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

	endpoint->client.alive = ALIVE;
	endpoint->world = world;
	return endpoint;
}

/* Be there for a while, so that others find it. */
static void
linger(struct rng *rng)
{
	const struct timespec moment = { 0, (long)rng_below(rng, 200000) };

	nanosleep(&moment, NULL);
}

static void
endpoint_round(struct world *world, struct rng *rng)
{
	struct endpoint *endpoint = begin(world);
	struct vqp_endpoint_options options = {
		.resource = FIRST + (uint32_t)rng_below(rng, NAMES),
		.flags = rng_below(rng, 2) ? VQP_DATAGRAM_DELAYED : 0,
		.receive = receive,
		.argument = endpoint,
	};
	struct vqp_handle handle;
	int status = vqp_core_endpoint_create(world->core, &options, &handle);

	if (status == VQP_SUCCESS) {
		linger(rng);
		CHECK_EQ(vqp_core_endpoint_destroy(world->core, handle),
		    VQP_SUCCESS);
	} else {
		CHECK_EQ(status, VQP_ERROR_ALREADY_EXISTS);
	}
	end(endpoint);
}

static void
bell_round(struct world *world, struct rng *rng)
{
	struct endpoint *endpoint = begin(world);
	struct vqp_doorbell_options options = {
		.flags = rng_below(rng, 2) ? VQP_DOORBELL_DELAYED : 0,
		.ring = ring,
		.argument = endpoint,
	};
	struct vqp_handle handle = {
		CID, FIRST + (uint32_t)rng_below(rng, NAMES)
	};
	int status = vqp_core_doorbell_create(world->core, &options, &handle);

	/* A name that another thread just took away may still be linked. */
	if (status == VQP_SUCCESS) {
		linger(rng);
		CHECK_EQ(vqp_core_doorbell_destroy(world->core, handle),
		    VQP_SUCCESS);
	} else {
		CHECK(status == VQP_ERROR_ALREADY_EXISTS ||
		    status == VQP_ERROR_DUPLICATE_ENTRY);
	}
	end(endpoint);
}

static void
event_round(struct world *world, struct rng *rng)
{
	struct endpoint *endpoint = begin(world);
	uint32_t id;

	CHECK_EQ(vqp_core_event_subscribe(world->core,
	    VQP_EVENT_QP_PEER_ATTACH, tell, endpoint, &id), VQP_SUCCESS);
	linger(rng);
	CHECK_EQ(vqp_core_event_unsubscribe(world->core, id), VQP_SUCCESS);
	end(endpoint);
}

static void *
makers(void *argument)
{
	static void (*const rounds[])(struct world *, struct rng *) = {
		endpoint_round, bell_round, event_round,
	};
	struct worker *worker = argument;
	struct rng rng = { worker->seed };

	for (uint64_t i = 0; i < worker->world->rounds; i++)
		rounds[rng_below(&rng, 3)](worker->world, &rng);
	return NULL;
}

/* A local pair: its second end is an event. */
static void
pair_round(struct world *world)
{
	struct vqp_qpair_options options = {
		.produce_bytes = 4096,
		.consume_bytes = 100,
		.peer = VQP_CONTEXT_ANY,
		.flags = VQP_QPAIR_LOCAL,
	};
	struct vqp_handle handle = { VQP_CONTEXT_ANY, VQP_RESOURCE_ANY };
	struct vqp_qpair *first, *second;
	char byte = 'x';

	CHECK_EQ(vqp_core_qpair_alloc(world->core, &options, &handle, &first),
	    VQP_SUCCESS_CREATED);
	options.produce_bytes = 100;
	options.consume_bytes = 4096;
	CHECK_EQ(vqp_core_qpair_alloc(world->core, &options, &handle, &second),
	    VQP_SUCCESS_ATTACHED);
	CHECK_EQ(vqp_pair_send(&first->pair, &byte, 1), 1);
	byte = 0;
	CHECK_EQ(vqp_pair_receive(&second->pair, &byte, 1), 1);
	CHECK_EQ(byte, 'x');
	CHECK_EQ(vqp_core_qpair_detach(world->core, &first), VQP_SUCCESS);
	CHECK_EQ(vqp_core_qpair_detach(world->core, &second), VQP_SUCCESS);
}

static void *
finders(void *argument)
{
	struct worker *worker = argument;
	struct world *world = worker->world;
	struct rng rng = { worker->seed };
	char payload[64] = { 0 };

	while (!__atomic_load_n(&world->stop, __ATOMIC_ACQUIRE)) {
		struct vqp_datagram datagram = {
			.dst = { CID,
			    FIRST + (uint32_t)rng_below(&rng, NAMES) },
			.src = world->source,
			.payload_size = rng_below(&rng, 65),
		};
		int64_t n = vqp_core_send(world->core, &datagram, payload);

		CHECK(n == (int64_t)(24 + datagram.payload_size) ||
		    n == VQP_ERROR_NO_RESOURCES);
		if (n >= 0)
			__atomic_add_fetch(&world->sent, 1, __ATOMIC_RELAXED);
		(void)vqp_core_doorbell_notify(world->core, datagram.dst, 0);
		if (rng_below(&rng, 16) == 0)
			pair_round(world);
	}
	return NULL;
}

static void
nothing(void *argument, const struct vqp_datagram *datagram)
{
	(void)argument;
	(void)datagram;
}

static void
run(const struct vqp_machine_config *config)
{
	const struct vqp_endpoint_options source = {
		.resource = VQP_RESOURCE_ANY,
		.receive = nothing,
	};
	struct world world = { .rounds = effort(4000) };
	struct vqp_core_counters counters;
	struct worker workers[4];
	pthread_t threads[4];

	CHECK_EQ(vqp_machine_open(config, &world.machine), VQP_SUCCESS);
	world.core = vqp_machine_core(world.machine);
	CHECK_EQ(vqp_core_endpoint_create(world.core, &source, &world.source),
	    VQP_SUCCESS);
	for (unsigned i = 0; i < 4; i++) {
		workers[i] = (struct worker){ &world, i + 1 };
		pthread_create(&threads[i], NULL, i < 2 ? makers : finders,
		    &workers[i]);
	}
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	__atomic_store_n(&world.stop, 1, __ATOMIC_RELEASE);
	pthread_join(threads[2], NULL);
	pthread_join(threads[3], NULL);
	CHECK_EQ(vqp_core_endpoint_destroy(world.core, world.source),
	    VQP_SUCCESS);
	vqp_core_counters(world.core, &counters);
	CHECK_EQ(counters.datagrams_sent, world.sent);
	vqp_machine_close(world.machine);
	printf("# %llu received, %llu rung, %llu told\n",
	    (unsigned long long)world.received,
	    (unsigned long long)world.rung, (unsigned long long)world.told);
	CHECK(world.received > 0);
	CHECK(world.rung > 0);
	CHECK(world.told > 0);
}

TEST(ends_wait_by_ports,
    "nothing is called after its end returned, by ports and own vectors")
{
	static const struct vqp_machine_config config = {
		.generation = VQP_DEVICE_PORT,
		.cid = CID,
	};

	run(&config);
}

TEST(ends_wait_by_dma,
    "nothing is called after its end returned, by DMA and one interrupt")
{
	static const struct vqp_machine_config config = {
		.generation = VQP_DEVICE_MMIO,
		.cid = CID,
		.shared = true,
	};

	run(&config);
}

TEST(locks_nest_in_order,
    "a lock that is taken under one of a later kind, or its own, ends the "
    "program")
{
	static const struct {
		enum vqp_os_lock_kind first, second;
		bool allowed;
	} order[] = {
		{ VQP_OS_LOCK_TABLE, VQP_OS_LOCK_RESOURCE, true },
		{ VQP_OS_LOCK_RESOURCE, VQP_OS_LOCK_TABLE, false },
		{ VQP_OS_LOCK_TABLE, VQP_OS_LOCK_TABLE, false },
	};

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct vqp_os_lock first, second;
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			(void)freopen("/dev/null", "w", stderr);
			vqp_os_lock_init(&first, order[i].first);
			vqp_os_lock_init(&second, order[i].second);
			vqp_os_lock(&first);
			vqp_os_lock(&second);
			_exit(0);
		}
		CHECK(child > 0 && waitpid(child, &status, 0) == child);
		CHECK_EQ(WIFSIGNALED(status), !order[i].allowed);
	}
}

TEST_MAIN()
