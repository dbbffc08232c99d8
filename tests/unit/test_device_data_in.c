/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The three ways of DATA_IN against the algorithm that both stock drivers read
 * with (docs/wire.md 2.6), written here from its description.  Nothing may be
 * lost, doubled or changed, whatever the sizes and whenever they come.
 */
#include "effort.h"
#include "fake_host.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"

#define B VQP_DATAGRAM_BYTES_MAX
#define P 4096

static struct fake_hub hub;
static struct fake_guest guest;
static struct fake_program host;

static struct rng rng;
static uint64_t sent, received, bytes_sent;
static enum vqp_data_in way;
static unsigned piece;		/* how a read is cut up */
static uint64_t arrivals;	/* datagrams still to come between pieces */
static uint8_t buffer[B];

/* Sizes that meet page ends, and any. */
static uint64_t
random_payload(void)
{
	switch (rng_below(&rng, 6)) {
	case 0:
		return rng_below(&rng, 64);
	case 1:
		return 4096 - 24 - 32 + rng_below(&rng, 64);
	case 2:
		return 8192 - 24 - 32 + rng_below(&rng, 64);
	case 3:
		return VQP_DATAGRAM_PAYLOAD_BYTES_MAX - rng_below(&rng, 64);
	case 4:
		return rng_below(&rng, VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1);
	default:
		return rng_below(&rng, 1500);
	}
}

static void
send_one(void)
{
	static uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
	const struct vqp_datagram datagram = {
		.dst = { 16, 1024 }, .src = { VQP_CONTEXT_HOST, (uint32_t)sent },
		.payload_size = random_payload(),
	};

	pattern_fill(payload, sent * 7, datagram.payload_size);
	if (vqp_program_send(host.program, &datagram, payload) < 0)
		return;		/* the queue is full: it is not sent */
	sent++;
	bytes_sent += datagram.payload_size;
}

/* A string instruction, as the embedder of that way sees it. */
static void
read_port(uint8_t *to, uint64_t length)
{
	while (length > 0) {
		uint64_t n = length;

		if (way == VQP_DATA_IN_IMAGE && piece != 0)
			n = 1 + rng_below(&rng, piece);
		else if (way == VQP_DATA_IN_PIECE && piece != 0)
			n = length % P != 0 ? length % P : P;
		if (n > length)
			n = length;
		if (n == 1)
			*to = (uint8_t)vqp_device_read(guest.device,
			    VQP_REG_DATA_IN, 1);
		else
			vqp_device_data_in(guest.device, to, n);
		to += n;
		length -= n;
		if (arrivals > 0 && rng_below(&rng, 4) == 0) {
			arrivals--;
			send_one();
		}
	}
}

static void
dispatch(const struct vqp_datagram *datagram, const uint8_t *payload)
{
	CHECK_EQ(datagram->src.context, VQP_CONTEXT_HOST);
	CHECK_EQ(datagram->src.resource, received);
	CHECK_EQ(datagram->dst.context, 16);
	CHECK(pattern_matches(payload, received * 7, datagram->payload_size));
	received++;
}

/* docs/wire.md 2.6, steps 1 and 2. */
static void
driver_receives(void)
{
	uint64_t held = P, at = 0;

	read_port(buffer, P);
	for (;;) {
		struct vqp_datagram datagram;
		uint64_t left = held - at, size;

		memcpy(&datagram, buffer + at, sizeof(datagram));
		if (datagram.dst.resource == VQP_INVALID_ID && left <= P)
			break;
		if (datagram.dst.resource == VQP_INVALID_ID) {
			at = (at / P + 1) * P;
			continue;
		}
		size = (24 + datagram.payload_size + 7) / 8 * 8;
		if (size > B) {
			CHECK(size <= B);	/* never */
			return;
		}
		if (size > left) {
			if (at != 0)
				memmove(buffer, buffer + at, left);
			at = 0;
			held = B;
			read_port(buffer + left, B - left);
			memcpy(&datagram, buffer, sizeof(datagram));
		}
		dispatch(&datagram, buffer + at + 24);
		at += size;
		if (held - at < 24) {
			read_port(buffer, held);
			at = 0;
		}
	}
}

static void
run(enum vqp_data_in as, uint64_t seed)
{
	const struct vqp_device_config config = {
		.context = { .cid = 16 }, .data_in = as,
	};
	unsigned told = 0;

	rng.state = seed;
	way = as;
	sent = received = 0;
	CHECK_EQ(fake_guest_create(&guest, &hub, &config), VQP_SUCCESS);
	fake_write32(&guest, VQP_REG_CAPS, VQP_CAP_DATAGRAM);
	fake_write32(&guest, VQP_REG_IMR, VQP_CAUSE_DATAGRAM);
	fake_write32(&guest, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	piece = (unsigned)rng_below(&rng, 3) * 700;
	for (unsigned round = 0; round < 4; round++) {
		arrivals = as == VQP_DATA_IN_STREAM ? 0 : rng_below(&rng, 9);
		for (uint64_t n = rng_below(&rng, 9); n > 0; n--)
			send_one();
		if (rng_below(&rng, 8) == 0)
			driver_receives();	/* unasked */
		/* As often as the device asks, and no more. */
		while (told != guest.interrupts[0]) {
			told = guest.interrupts[0];
			driver_receives();
		}
		CHECK_EQ(received, sent);
	}
	fake_guest_close(&guest);
}

static void
run_all(enum vqp_data_in as)
{
	fake_hub_open(&hub, NULL);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, 0);
	for (uint64_t seed = effort(300); seed > 0 && test_state.failures == 0;
	    seed--) {
		run(as, seed);
		if (test_state.failures != 0)
			printf("# seed %llu\n", (unsigned long long)seed);
	}
	CHECK(bytes_sent > 0);
	fake_program_close(&host);
	fake_hub_close(&hub);
}

TEST(image, "IMAGE loses nothing, read in any pieces")
{
	run_all(VQP_DATA_IN_IMAGE);
}

TEST(stream, "STREAM loses nothing, read in whole strings")
{
	run_all(VQP_DATA_IN_STREAM);
}

TEST(page_pieces, "PIECE loses nothing, cut at pages or not")
{
	run_all(VQP_DATA_IN_PIECE);
}

TEST(piece_ends, "PIECE cuts no header at the end of a page of the guest's")
{
	const struct vqp_device_config config = { .context = { .cid = 16 },
	    .data_in = VQP_DATA_IN_PIECE };
	const struct vqp_datagram datagram = { .dst = { 16, 1024 },
	    .src = { VQP_CONTEXT_HOST, 1 }, .payload_size = 64 };
	uint8_t payload[64] = { 0 };
	struct vqp_datagram got;

	fake_hub_open(&hub, NULL);
	CHECK_EQ(fake_guest_create(&guest, &hub, &config), VQP_SUCCESS);
	fake_program_open(&host, &hub, VQP_CONTEXT_HOST, 0);
	fake_write32(&guest, VQP_REG_CAPS, VQP_CAP_DATAGRAM);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(vqp_program_send(host.program, &datagram, payload),
		    88);
	/* 100 bytes to the end of a page, and the next. */
	vqp_device_data_in(guest.device, buffer, 100 + P);
	for (int i = 88; i < 100; i++)
		CHECK_EQ(buffer[i], VQP_DATAGRAM_FILLER);
	memcpy(&got, buffer + 100, sizeof(got));
	CHECK_EQ(got.payload_size, 64);
	fake_program_close(&host);
	fake_guest_close(&guest);
	fake_hub_close(&hub);
}

TEST(nothing_there, "without datagrams every way gives filler")
{
	for (int as = VQP_DATA_IN_IMAGE; as <= VQP_DATA_IN_PIECE; as++) {
		const struct vqp_device_config config = {
			.context = { .cid = 16 },
			.data_in = (enum vqp_data_in)as,
		};

		fake_hub_open(&hub, NULL);
		CHECK_EQ(fake_guest_create(&guest, &hub, &config),
		    VQP_SUCCESS);
		memset(buffer, 0, sizeof(buffer));
		vqp_device_data_in(guest.device, buffer, sizeof(buffer));
		for (size_t i = 0; i < sizeof(buffer); i++)
			CHECK_EQ(buffer[i], VQP_DATAGRAM_FILLER);
		CHECK_EQ(vqp_device_read(guest.device, VQP_REG_DATA_IN, 4),
		    UINT32_MAX);
		fake_guest_close(&guest);
		fake_hub_close(&hub);
	}
}

TEST_MAIN()
