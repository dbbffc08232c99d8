/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The cells there are. */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "burst.h"
#include "traffic.h"

static const uint64_t message_bytes[] = { 8, 64, 256, 1024, 16384, 65536 };
static const uint64_t ring_bytes[] = { 65536, 1048576 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define STREAM_BLOCK_BYTES 16384

/* Round trips ask for latency: small messages, and any ring is empty. */
#define ROUND_TRIP_BYTES 64
#define ROUND_TRIP_RING 65536

/* Open loops ask what that latency becomes under load. */
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
matches(const regex_t *filter, const char *name)
{
	return regexec(filter, name, 0, NULL, 0) == 0;
}

static bool
add_cell(struct suite *suite, const struct cell *cell)
{
	size_t count = suite->cell_count;

	/* Room doubles whenever it is used up: at every power of two. */
	if ((count & (count - 1)) == 0) {
		size_t room = count == 0 ? 1 : 2 * count;
		struct cell *cells = realloc(suite->cells,
		    room * sizeof(*cells));

		if (cells == NULL) {
			fprintf(stderr, "suite: no memory\n");
			return false;
		}
		suite->cells = cells;
	}
	suite->cells[suite->cell_count++] = *cell;
	return true;
}

/* Both ways to wait, unless the peer knows but one. */
static bool
add_shape(struct suite *suite, const regex_t *filter, const struct peer *peer,
    enum topo_relation relation, struct peer_shape shape)
{
	for (unsigned pause = 0; pause < (peer->sleeps ? 1 : 2); pause++) {
		struct cell cell = {
			.peer = peer,
			.relation = relation,
			.crew = &suite->crew[relation],
			.tally = &suite->tally[relation],
		};
		const struct peer_menu *menu;

		shape.pause = pause != 0;
		menu = peer->menu(&shape);
		if (menu == NULL || menu->mode[shape.mode] == NULL)
			continue;
		cell.shape = shape;
		cell_name(&cell);
		if (matches(filter, cell.name) && !add_cell(suite, &cell))
			return false;
	}
	return true;
}

static bool
add_layouts(struct suite *suite, const regex_t *filter,
    const struct peer *peer, enum topo_relation relation,
    struct peer_shape shape)
{
	if (!peer->layouts)
		return add_shape(suite, filter, peer, relation, shape);
	shape.layout = PEER_LAYOUT_COMPAT;
	if (!add_shape(suite, filter, peer, relation, shape))
		return false;
	shape.layout = PEER_LAYOUT_WIDE;
	return add_shape(suite, filter, peer, relation, shape);
}

static bool
add_rates(struct suite *suite, const regex_t *filter, const struct peer *peer,
    enum topo_relation relation, struct peer_shape shape)
{
	if (shape.mode != PEER_OPEN_LOOP)
		return add_layouts(suite, filter, peer, relation, shape);
	for (size_t i = 0; i < COUNT(rates_per_s); i++) {
		shape.rate_per_s = rates_per_s[i];
		if (!add_layouts(suite, filter, peer, relation, shape))
			return false;
	}
	return true;
}

static bool
add_peer(struct suite *suite, const regex_t *filter, const struct peer *peer,
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
				    filter, peer, relation, shape))
					return false;
			}
		}
	}
	return true;
}

/* Ring by ring, so that all ways to store are neighbours. */
static bool
add_streams(struct suite *suite, const regex_t *filter,
    enum topo_relation relation)
{
	for (size_t i = 0; i < COUNT(ring_bytes); i++) {
		const struct peer_shape shape = {
			.mode = PEER_IN_PLACE,
			.message_bytes = STREAM_BLOCK_BYTES,
			.ring_bytes = ring_bytes[i],
		};

		for (unsigned j = 0; peer_streams[j] != NULL; j++)
			if (!add_shape(suite, filter, peer_streams[j],
			    relation, shape))
				return false;
	}
	return true;
}

static bool
add_relation(struct suite *suite, const regex_t *filter,
    enum topo_relation relation)
{
	for (unsigned i = 0; peers[i] != NULL; i++)
		if (peers[i]->missing == NULL &&
		    !add_peer(suite, filter, peers[i], relation))
			return false;
	return add_streams(suite, filter, relation);
}

/* One thread copies: any pair's will do. */
static void
add_limits(struct suite *suite, const regex_t *filter,
    enum topo_relation relation)
{
	struct memcpy_limit limits[MEMCPY_LIMITS];
	unsigned count = memcpy_limits_open(limits, &suite->crew[relation],
	    suite->topo);

	for (unsigned i = 0; i < count; i++)
		if (matches(filter, limits[i].name))
			suite->limits[suite->limit_count++] = limits[i];
}

/* Waking a thread decides most of them, wherever it is: one pair will do. */
static void
add_drivers(struct suite *suite, const regex_t *filter,
    enum topo_relation relation)
{
	struct driver_cell cells[DRIVER_CELLS];
	unsigned count = driver_cells_open(cells, relation,
	    &suite->crew[relation], &suite->tally[relation]);

	for (unsigned i = 0; i < count; i++)
		if (matches(filter, cells[i].name))
			suite->drivers[suite->driver_count++] = cells[i];
}

bool
suite_open(struct suite *suite, const regex_t *filter)
{
	bool any = false;

	memset(suite, 0, sizeof(*suite));
	suite->topo = topo_open();
	if (suite->topo == NULL)
		return false;
	topo_pairs(suite->topo, suite->pairs);
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		enum topo_relation relation = (enum topo_relation)i;

		if (!suite->pairs[i].present)
			continue;
		if (!any) {
			add_limits(suite, filter, relation);
			add_drivers(suite, filter, relation);
		}
		any = true;
		if (!add_relation(suite, filter, relation))
			return false;
	}
	return true;
}

void
suite_close(struct suite *suite)
{
	for (size_t i = 0; i < suite->cell_count; i++)
		cell_close(&suite->cells[i]);
	for (unsigned i = 0; i < suite->limit_count; i++)
		memcpy_limit_close(&suite->limits[i]);
	for (unsigned i = 0; i < suite->driver_count; i++)
		driver_cell_close(&suite->drivers[i]);
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		for (unsigned j = 0; j < PROBE_CLASSES; j++)
			samples_free(&suite->tally[i].line_ns[j]);
		if (suite->started[i])
			crew_close(&suite->crew[i]);
	}
	free(suite->cells);
	topo_close(suite->topo);
}

void
suite_list(const struct suite *suite, FILE *file)
{
	for (unsigned i = 0; i < suite->limit_count; i++)
		fprintf(file, "%s\n", suite->limits[i].name);
	for (unsigned i = 0; i < suite->driver_count; i++)
		fprintf(file, "%s\n", suite->drivers[i].name);
	for (size_t i = 0; i < suite->cell_count; i++)
		fprintf(file, "%s\n", suite->cells[i].name);
}

bool
suite_start(struct suite *suite)
{
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		if (!suite->pairs[i].present)
			continue;
		if (!crew_open(&suite->crew[i], suite->topo, &suite->pairs[i],
		    BURST_ARENA_BYTES))
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
			if (!suite->crew[i].worker[j].real_time)
				return false;
	return true;
}

bool
suite_same_row(const struct cell *a, const struct cell *b)
{
	return strcmp(a->peer->name, b->peer->name) == 0 &&
	    a->relation == b->relation &&
	    a->shape.mode == b->shape.mode &&
	    a->shape.layout == b->shape.layout &&
	    a->shape.message_bytes == b->shape.message_bytes &&
	    a->shape.ring_bytes == b->shape.ring_bytes &&
	    a->shape.rate_per_s == b->shape.rate_per_s;
}
