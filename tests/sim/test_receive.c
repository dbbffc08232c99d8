/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The receive path of the core against each way in which a device may serve it
 * (docs/wire.md 2.6, and by DMA).  Whatever a host sends while the driver
 * reads, in all sizes, arrives unchanged and in order, and nothing else
 * arrives.
 */
#include <stdlib.h>

#include <effort.h>
#include <sim_rig.h>
#include <test.h>

#define WORKLOADS 3000
#define BATCH 100		/* workloads before a device is replaced */
#define DATAGRAMS 24

static struct rig_hub hub;
static struct rig_guest guest;
static struct vqp_program *program;
static struct vqp_handle endpoint;
static uint8_t sent[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
static uint64_t seed;
static unsigned expected, received, wrong;
static uint64_t length[DATAGRAMS];

static uint8_t
byte_of(unsigned number, uint64_t i)
{
	return (uint8_t)(seed * 5 + number * 11 + i * 3 + (i >> 8));
}

static void
receive(void *argument, const struct vqp_datagram *datagram)
{
	const uint8_t *at = (const uint8_t *)(datagram + 1);
	const unsigned number = received++;

	(void)argument;
	if (number >= expected || datagram->payload_size != length[number] ||
	    datagram->src.context != VQP_CONTEXT_HOST ||
	    datagram->src.resource != number) {
		wrong++;
		return;
	}
	for (uint64_t i = 0; i < datagram->payload_size; i++)
		wrong += at[i] != byte_of(number, i);
}

static uint64_t
random_length(struct rng *rng)
{
	switch (rng_below(rng, 10)) {
	case 0:
		return rng_below(rng, VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1);
	case 1:
		return 4096 * (1 + rng_below(rng, 16)) - 60 +
		    rng_below(rng, 70);
	case 2:
		return VQP_DATAGRAM_PAYLOAD_BYTES_MAX - rng_below(rng, 30);
	case 3:
		return 4000 + rng_below(rng, 100);
	default:
		return rng_below(rng, 120);
	}
}

static void
workload(struct rng *rng)
{
	const unsigned count = 1 + (unsigned)rng_below(rng, DATAGRAMS);
	unsigned turns = 0;

	received = 0;
	for (expected = 0; expected < count;) {
		const struct vqp_datagram datagram = {
			endpoint, { VQP_CONTEXT_HOST, expected },
			random_length(rng)
		};
		int64_t result;

		for (uint64_t i = 0; i < datagram.payload_size; i++)
			sent[i] = byte_of(expected, i);
		length[expected++] = datagram.payload_size;
		do {
			result = vqp_program_send(program, &datagram, sent);
			if (result == VQP_ERROR_NO_RESOURCES)
				sim_sleep(10000);
		} while (result == VQP_ERROR_NO_RESOURCES);
		if (result < 0)
			sim_fail("not sent: %s", vqp_status_name(result));
		if (rng_below(rng, 3) == 0)
			sim_sleep(rng_below(rng, 30000));
	}
	while (received < expected && turns++ < 10000)
		sim_sleep(10000);
	sim_sleep(30000);
	CHECK_EQ(received, expected);
}

static void
batch(bool mmio, enum vqp_data_in data_in)
{
	const struct sim_options options = { .seed = seed, .quiet = true };
	const struct vqp_context_config host = { .cid = VQP_CONTEXT_HOST };
	const struct vqp_program_calls calls = { .context = NULL };
	const struct rig_options machine = {
		.mmio = mmio,
		.shared = seed % 2 != 0,
		.data_in = data_in,
		.cid = 100,
		.budget = seed % 3 == 0 ? 3 : 0,
		.workers = 1,
		.late_interrupts = seed % 5 == 0 ? 300 : 0,
		.more_interrupts = seed % 7 == 0 ? 300 : 0,
		.late_answers = seed % 4 == 0 ? 300 : 0,
	};
	const struct vqp_endpoint_options receiver = {
		.resource = VQP_RESOURCE_ANY,
		.receive = receive,
	};
	struct rng rng = { seed };

	sim_begin(&options);
	rig_hub_open(&hub, NULL);
	CHECK_EQ(vqp_program_create(hub.hub, &host, &calls, &program), 0);
	rig_open(&guest, &hub, &machine);
	CHECK_EQ(rig_load(&guest), 0);
	CHECK_EQ(vqp_core_endpoint_create(guest.core, &receiver, &endpoint),
	    0);
	for (unsigned i = 0; i < BATCH; i++)
		workload(&rng);
	vqp_core_endpoint_destroy(guest.core, endpoint);
	rig_unload(&guest);
	rig_close(&guest);
	vqp_program_destroy(program);
	rig_hub_close(&hub);
	sim_end();
}

static void
workloads(bool mmio, enum vqp_data_in data_in)
{
	wrong = 0;
	for (seed = 1; seed <= effort(WORKLOADS) / BATCH; seed++)
		batch(mmio, data_in);
	CHECK_EQ(wrong, 0);
}

TEST(image, "2.6: an image per transaction: exact over all workloads")
{
	workloads(false, VQP_DATA_IN_IMAGE);
}

TEST(stream, "2.6: a continuous stream: exact over all workloads")
{
	workloads(false, VQP_DATA_IN_STREAM);
}

TEST(piece, "2.6: pieces that begin at pages: exact over all workloads")
{
	workloads(false, VQP_DATA_IN_PIECE);
}

TEST(dma, "1.9: by DMA: exact over all workloads")
{
	workloads(true, VQP_DATA_IN_IMAGE);
}

TEST_MAIN()
