/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Decides which cases there are. */
#include "suite.h"

#include <stdio.h>
#include <string.h>

#include "burst.h"
#include "driver_case.h"
#include "memcpy_case.h"
#include "queue_case.h"
#include "traffic.h"

static const uint64_t message_bytes[] = { 8, 64, 256, 1024, 16384, 65536 };
static const uint64_t ring_bytes[] = { 65536, 1048576 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define STREAM_BLOCK_BYTES 16384

/*
 * Round trips measure latency, so messages are small and any ring is nearly
 * empty.
 */
#define ROUND_TRIP_BYTES 64
#define ROUND_TRIP_RING 65536

/* Open loops measure what that latency becomes under load. */
#define OPEN_LOOP_BYTES 64
#define OPEN_LOOP_RING 65536
static const uint64_t rates_per_s[] = { 10000000, 20000000 };

static bool
is_asked(const struct peer_shape *shape)
{
	switch (shape->mode) {
	case PEER_COPY_BATCH:
	case PEER_IN_PLACE_BATCH:
		return shape->message_bytes <= TRAFFIC_BATCH_MAX_BYTES;
	case PEER_ROUND_TRIP:
		return shape->message_bytes <= ROUND_TRIP_BYTES &&
		    shape->ring_bytes == ROUND_TRIP_RING;
	case PEER_OPEN_LOOP:
		return shape->message_bytes == OPEN_LOOP_BYTES &&
		    shape->ring_bytes == OPEN_LOOP_RING;
	default:
		return true;
	}
}

static bool
add_shape(struct suite *suite, const struct peer *peer,
    enum topo_relation relation, struct peer_shape shape)
{
	return queue_cases_add(&suite->cases, peer, shape, relation,
	    &suite->workers[relation], &suite->tally[relation]);
}

static bool
add_layouts(struct suite *suite, const struct peer *peer,
    enum topo_relation relation, struct peer_shape shape)
{
	if (!peer->layouts)
		return add_shape(suite, peer, relation, shape);
	shape.layout = PEER_LAYOUT_COMPAT;
	if (!add_shape(suite, peer, relation, shape))
		return false;
	shape.layout = PEER_LAYOUT_WIDE;
	return add_shape(suite, peer, relation, shape);
}

static bool
add_rates(struct suite *suite, const struct peer *peer,
    enum topo_relation relation, struct peer_shape shape)
{
	if (shape.mode != PEER_OPEN_LOOP)
		return add_layouts(suite, peer, relation, shape);
	for (size_t i = 0; i < COUNT(rates_per_s); i++) {
		shape.rate_per_s = rates_per_s[i];
		if (!add_layouts(suite, peer, relation, shape))
			return false;
	}
	return true;
}

static bool
add_peer(struct suite *suite, const struct peer *peer,
    enum topo_relation relation)
{
	for (unsigned mode = 0; mode < PEER_MODES; mode++) {
		for (size_t i = 0; i < COUNT(ring_bytes); i++) {
			for (size_t j = 0; j < COUNT(message_bytes); j++) {
				struct peer_shape shape = {
					.mode = (enum peer_mode)mode,
					.message_bytes = message_bytes[j],
					.ring_bytes = ring_bytes[i],
					.config = peer->config,
				};

				if (is_asked(&shape) && !add_rates(suite,
				    peer, relation, shape))
					return false;
			}
		}
	}
	return true;
}

/* All ways to store of one ring size come next to each other. */
static bool
add_streams(struct suite *suite, enum topo_relation relation)
{
	for (size_t i = 0; i < COUNT(ring_bytes); i++) {
		const struct peer_shape shape = {
			.mode = PEER_IN_PLACE,
			.message_bytes = STREAM_BLOCK_BYTES,
			.ring_bytes = ring_bytes[i],
		};

		for (unsigned j = 0; peer_streams[j] != NULL; j++)
			if (!add_shape(suite, peer_streams[j], relation,
			    shape))
				return false;
	}
	return true;
}

static bool
add_relation(struct suite *suite, enum topo_relation relation)
{
	for (unsigned i = 0; peers[i] != NULL; i++)
		if (peers[i]->missing == NULL &&
		    !add_peer(suite, peers[i], relation))
			return false;
	return add_streams(suite, relation);
}

/*
 * Add the cases that need only one pair of processors: a copy by one thread,
 * and the driver, where the cost of waking a thread decides most.
 */
static bool
add_once(struct suite *suite, enum topo_relation relation)
{
	struct worker_pair *pair = &suite->workers[relation];

	return memcpy_cases_add(&suite->cases, pair, suite->topo) &&
	    driver_cases_add(&suite->cases, relation, pair,
	    &suite->tally[relation]);
}

bool
suite_open(struct suite *suite, const regex_t *filter)
{
	bool any = false;

	memset(suite, 0, sizeof(*suite));
	suite->cases.filter = filter;
	suite->topo = topo_open();
	if (suite->topo == NULL)
		return false;
	topo_pairs(suite->topo, suite->pairs);
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		enum topo_relation relation = (enum topo_relation)i;

		if (!suite->pairs[i].present)
			continue;
		if (!any && !add_once(suite, relation))
			return false;
		any = true;
		if (!add_relation(suite, relation))
			return false;
	}
	return true;
}

void
suite_close(struct suite *suite)
{
	bench_cases_close(&suite->cases);
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		for (unsigned j = 0; j < PROBE_CLASSES; j++)
			samples_free(&suite->tally[i].line_ns[j]);
		if (suite->started[i])
			worker_pair_close(&suite->workers[i]);
	}
	topo_close(suite->topo);
}

void
suite_list(const struct suite *suite, FILE *file)
{
	for (size_t i = 0; i < suite->cases.count; i++)
		fprintf(file, "%s\n", suite->cases.list[i]->name);
}

bool
suite_start(struct suite *suite)
{
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		if (!suite->pairs[i].present)
			continue;
		if (!worker_pair_open(&suite->workers[i], suite->topo,
		    &suite->pairs[i], BURST_ARENA_BYTES))
			return false;
		suite->started[i] = true;
	}
	return true;
}

bool
suite_is_real_time(const struct suite *suite)
{
	for (unsigned i = 0; i < TOPO_RELATIONS; i++)
		for (unsigned j = 0; suite->started[i] && j < 2; j++)
			if (!suite->workers[i].worker[j].real_time)
				return false;
	return true;
}
