/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the two threads of a worker pair do during one burst. */
#include "burst.h"

#include <string.h>

#include "clock.h"
#include "traffic.h"
#include "quiet.h"

/* A burst takes a thousandth of this time; a busy machine may stretch it. */
#define DEADLINE_NS 2e9
#define HANG_SECONDS 5

/*
 * A side that measures its surroundings while it runs must have finished before
 * the clock starts.  It gets eight laps of the ring, at least a quarter of the
 * burst, but at most two bursts.
 */
#define WARM_UP_LAPS 8

struct side {
	struct traffic traffic;
	struct arena *arena;
	uint64_t start;		/* in ticks, of the measured messages */
	uint64_t end;
	bool quiet;
	bool finished;
	/* How far this side has come; the other side polls it. */
	unsigned stage __attribute__((aligned(128)));
} __attribute__((aligned(128)));

struct burst {
	struct side side[2];
	struct probe probe;
	double probe_ns[2];
	bool abandoned;		/* both sides poll it; set at most once */

	/* These do not change while the threads run. */
	const struct peer_loops *loops;
	struct peer_link link;
	uint8_t *rings;		/* all memory the link took */
	size_t rings_bytes;
	uint64_t message_bytes;
	uint64_t messages;
	uint64_t warm_up;
	bool sleeps;
};

/* Take the sources and the sink of a side from that side's own memory. */
static bool
prepare(struct side *side, uint64_t bytes)
{
	uint64_t count = traffic_sources(bytes);
	uint8_t *source;

	source = arena_take(side->arena, count * bytes, 4096);
	side->traffic.source = source;
	side->traffic.sink = arena_take(side->arena, count * bytes, 4096);
	if (source == NULL || side->traffic.sink == NULL)
		return false;
	for (uint64_t i = 0; i < count; i++)
		traffic_fill(source + i * bytes, bytes, i);
	return true;
}

/*
 * Put the lines of the rings where they are after many laps: written by the
 * first side and read by the second.  Without this the messages of a short
 * burst would not complete one lap.
 */
static void
warm_lines(const struct burst *burst, unsigned me)
{
	for (size_t at = 0; at < burst->rings_bytes; at += 64) {
		volatile uint8_t *line = burst->rings + at;
		uint8_t same = *line;

		if (me == 0)
			*line = same;
	}
}

/* Wait until the other side has reached this stage. */
static bool
meet(struct burst *burst, unsigned me, unsigned stage)
{
	const unsigned *other = &burst->side[1 - me].stage;

	__atomic_store_n(&burst->side[me].stage, stage, __ATOMIC_RELEASE);
	while (__atomic_load_n(other, __ATOMIC_ACQUIRE) < stage)
		if (!spin_again(&burst->side[me].traffic.spin))
			return false;
	return true;
}

/* The first side stores the measured round trip. */
static bool
probe(struct burst *burst, unsigned me, double *ns)
{
	struct spin spin = burst->side[me].traffic.spin;

	spin.pause = true;
	return me == 0 ? probe_ping(&burst->probe, &spin, ns) :
	    probe_pong(&burst->probe, &spin);
}

static bool
take_part(struct burst *burst, unsigned me)
{
	struct side *side = &burst->side[me];
	const struct peer_end *end = &burst->link.end[me];
	struct quiet quiet;

	if (!prepare(side, burst->message_bytes))
		return false;
	if (me == 0)
		warm_lines(burst, me);
	if (!meet(burst, me, 1))
		return false;
	if (me == 1)
		warm_lines(burst, me);
	if (!probe(burst, me, &burst->probe_ns[0]) ||
	    !burst->loops->side[me](&side->traffic, end, burst->warm_up))
		return false;
	quiet_begin(&quiet);
	if (side->traffic.latencies != NULL)
		histogram_reset(side->traffic.latencies);
	/* Every warm-up message has been received, so the rings are empty. */
	if (!meet(burst, me, 2))
		return false;
	side->start = clock_ticks();
	if (!burst->loops->side[me](&side->traffic, end, burst->messages))
		return false;
	side->end = clock_ticks();
	side->quiet = quiet_end(&quiet, burst->sleeps);
	return meet(burst, me, 3) && probe(burst, me, &burst->probe_ns[1]);
}

static void
first_side(void *arg)
{
	struct burst *burst = arg;

	burst->side[0].finished = take_part(burst, 0);
}

static void
second_side(void *arg)
{
	struct burst *burst = arg;

	burst->side[1].finished = take_part(burst, 1);
}

/*
 * A random place in the first half of an arena; the second half is large enough
 * for the rings.
 */
static size_t
anywhere(void)
{
	static uint64_t state = 1;

	/* Only the upper bits of a linear congruential generator are random. */
	state = state * UINT64_C(6364136223846793005) + 1;
	return (size_t)(state >> 33) % (BURST_ARENA_BYTES / 2);
}

static enum burst_outcome
run(struct worker_pair *pair, struct burst *burst)
{
	if (!worker_pair_run(pair, first_side, second_side, burst,
	    HANG_SECONDS))
		return BURST_HUNG;
	return burst->side[0].finished && burst->side[1].finished ?
	    BURST_DONE : BURST_ABANDONED;
}

enum burst_outcome
burst_run(struct worker_pair *pair, const struct peer *peer,
    const struct peer_shape *shape, uint64_t messages,
    struct histogram *latencies, struct burst_result *result)
{
	static struct burst burst;	/* a hung thread still uses it */
	const struct peer_menu *menu = peer->menu(shape);
	struct arena *rings = &pair->worker[0].arena;
	uint64_t laps = WARM_UP_LAPS * shape->ring_bytes / shape->message_bytes;
	/* The side that receives the last message. */
	unsigned last = shape->mode == PEER_ROUND_TRIP ? 0 : 1;
	enum burst_outcome outcome;

	memset(&burst, 0, sizeof(burst));
	for (unsigned i = 0; i < 2; i++) {
		struct spin *spin = &burst.side[i].traffic.spin;

		burst.side[i].arena = &pair->worker[i].arena;
		arena_reset(burst.side[i].arena, anywhere());
		spin->pause = shape->pause;
		spin->deadline = clock_ticks() +
		    (uint64_t)(DEADLINE_NS * clock_ticks_per_ns());
		spin->abandoned = &burst.abandoned;
	}
	if (shape->rate_per_s != 0)
		burst.side[0].traffic.ticks_per_message =
		    1e9 / (double)shape->rate_per_s * clock_ticks_per_ns();
	burst.side[last].traffic.latencies = latencies;
	burst.loops = menu->mode[shape->mode];
	burst.message_bytes = shape->message_bytes;
	burst.messages = messages;
	burst.warm_up = laps > messages / 4 ? laps : messages / 4;
	if (burst.warm_up > 2 * messages)
		burst.warm_up = 2 * messages;
	burst.sleeps = peer->sleeps;
	burst.rings = rings->base + rings->used;
	if (!menu->open(shape, rings, &burst.link))
		return BURST_NOT_OFFERED;
	burst.rings_bytes = (size_t)(rings->base + rings->used - burst.rings);
	outcome = run(pair, &burst);
	if (peer->close != NULL)
		peer->close(&burst.link);
	if (outcome != BURST_DONE)
		return outcome;

	result->ns = clock_ns(burst.side[last].end - burst.side[0].start);
	result->probe_ns[0] = burst.probe_ns[0];
	result->probe_ns[1] = burst.probe_ns[1];
	result->quiet = burst.side[0].quiet && burst.side[1].quiet;
	result->mismatches = burst.side[0].traffic.mismatches +
	    burst.side[1].traffic.mismatches;
	return BURST_DONE;
}
