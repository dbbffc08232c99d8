/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The cases of a queue: bursts become samples, and samples become rows of
 * results.
 */
#include "queue_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "burst.h"
#include "clock.h"

/*
 * A burst is long compared with a probe and the cost of a start.  It is short
 * compared with the second or so after which a hypervisor moves a processor.
 */
#define BURST_NS 1.5e6
/* An open loop needs longer bursts: its lateness builds up over time. */
#define OPEN_LOOP_NS 3e6

/* A case begins with a guess and approaches the right length. */
#define FIRST_MESSAGES 64
#define ATTEMPTS 8

#define GIB ((double)(1 << 30))

static const char *
mode_name(enum peer_mode mode)
{
	static const char *const names[PEER_MODES] = {
		[PEER_COPY] = "copy",
		[PEER_COPY_MORE] = "copy_more",
		[PEER_COPY_BATCH] = "copy_batch",
		[PEER_IN_PLACE] = "in_place",
		[PEER_IN_PLACE_BATCH] = "in_place_batch",
		[PEER_ROUND_TRIP] = "round_trip",
		[PEER_OPEN_LOOP] = "open_loop",
	};

	return names[mode];
}

/* NULL if the peer has no layouts. */
static const char *
layout_name(enum peer_layout layout)
{
	switch (layout) {
	case PEER_LAYOUT_COMPAT:
		return "compat";
	case PEER_LAYOUT_WIDE:
		return "wide";
	case PEER_LAYOUT_NONE:
		break;
	}
	return NULL;
}

static const char *
spin_name(const struct queue_case *self)
{
	if (self->peer->sleeps)
		return "block";
	return self->shape.pause ? "pause" : "tight";
}

/* Compose the name of a case from its parameters. */
static void
set_name(struct queue_case *self)
{
	const char *kind = self->peer->stores != NULL ? self->peer->stores :
	    layout_name(self->shape.layout);
	char rate[24] = "";

	if (self->shape.rate_per_s != 0)
		snprintf(rate, sizeof(rate), "@%" PRIu64 "M",
		    self->shape.rate_per_s / 1000000);
	snprintf(self->base.name, sizeof(self->base.name),
	    "%s%s/%s%s%s/%" PRIu64 "B/%" PRIu64 "KiB/%s/%s",
	    mode_name(self->shape.mode), rate, self->peer->name,
	    kind != NULL ? ":" : "", kind != NULL ? kind : "",
	    self->shape.message_bytes, self->shape.ring_bytes >> 10,
	    topo_relation_name(self->relation), spin_name(self));
}

static void
record(struct queue_case *self, const struct burst_result *result,
    uint64_t messages, const struct histogram *latencies)
{
	struct bench_tally *tally = self->tally;
	enum probe_class found = probe_classify(result->probe_ns[0]);

	tally->total++;
	if (!result->quiet) {
		tally->switched++;
		return;
	}
	if (probe_classify(result->probe_ns[1]) != found) {
		tally->moved++;
		return;
	}
	samples_add(&tally->line_ns[found], result->probe_ns[0]);
	samples_add(&tally->line_ns[found], result->probe_ns[1]);
	samples_add(&self->ns[found], self->shape.mode == PEER_OPEN_LOOP ?
	    clock_ns(histogram_quantile(latencies, 0.5)) :
	    result->ns / (double)messages);
	if (latencies != NULL)
		bench_merge(&self->latencies[found], latencies);
}

static double
queue_case_sample(struct bench_case *base, bool *hung)
{
	struct queue_case *self = (struct queue_case *)base;
	static struct histogram burst_latencies;
	struct histogram *latencies = self->shape.mode == PEER_ROUND_TRIP ||
	    self->shape.mode == PEER_OPEN_LOOP ? &burst_latencies : NULL;
	struct burst_result result;
	uint64_t messages;

	if (self->messages == 0)
		self->messages = self->shape.rate_per_s == 0 ? FIRST_MESSAGES :
		    (uint64_t)((double)self->shape.rate_per_s * 1e-9 *
		    OPEN_LOOP_NS);
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		messages = self->messages;
		switch (burst_run(self->pair, self->peer, &self->shape,
		    messages, latencies, &result)) {
		case BURST_DONE:
			break;
		case BURST_NOT_OFFERED:
			return bench_case_fail(base,
			    "no memory or descriptors for it");
		case BURST_ABANDONED:
			return bench_case_fail(base,
			    "messages did not arrive in time");
		case BURST_HUNG:
			*hung = true;
			return bench_case_fail(base, "hangs");
		}
		if (result.mismatches != 0) {
			self->base.errors += result.mismatches - 1;
			return bench_case_fail(base, "messages arrived wrong");
		}
		if (self->shape.rate_per_s == 0)
			self->messages = bench_next_count(messages, result.ns,
			    BURST_NS);
		if (self->messages <= 2 * messages)
			break;
	}
	record(self, &result, messages, latencies);
	return result.ns * 1e-9;
}

/*
 * ---- Rows of results.
 */

/*
 * A row shows the faster of the two ways to wait, so that no peer is judged by
 * one that does not suit it.  A median of few samples means little, so a way
 * with less than half as many samples as the other does not count.  NULL if
 * neither has samples.
 */
static struct queue_case *
faster(struct queue_case *self, enum probe_class found)
{
	struct queue_case *other = self->other_wait;
	struct samples *ours = &self->ns[found], *theirs;

	if (other == NULL)
		return ours->count != 0 ? self : NULL;
	theirs = &other->ns[found];
	if (ours->count == 0 && theirs->count == 0)
		return NULL;
	if (ours->count * 2 < theirs->count)
		return other;
	if (theirs->count * 2 < ours->count)
		return self;
	return samples_median(theirs) < samples_median(ours) ? other : self;
}

static void
write_errors(struct json *json, const struct queue_case *self)
{
	uint64_t sum = self->base.errors;

	if (self->other_wait != NULL)
		sum += self->other_wait->base.errors;
	json_integer(json, "errors", sum);
}

/* Write both ways to wait, not only the faster one. */
static void
write_spins(struct json *json, struct queue_case *self,
    enum probe_class found)
{
	json_object(json, "by_spin");
	for (; self != NULL; self = self->other_wait) {
		struct samples *ns = &self->ns[found];

		if (ns->count == 0)
			continue;
		json_object(json, spin_name(self));
		json_integer(json, "samples", ns->count);
		json_number(json, "ns_per_message_median", samples_median(ns));
		json_object_end(json);
	}
	json_object_end(json);
}

static double
gib_per_s(const struct queue_case *best, double ns)
{
	return (double)best->shape.message_bytes / ns * 1e9 / GIB;
}

static void
write_layout(struct json *json, const struct queue_case *best)
{
	const char *layout = layout_name(best->shape.layout);

	if (layout != NULL)
		json_string(json, "layout", layout);
	else
		json_null(json, "layout");
}

static void
write_place(struct json *json, const struct queue_case *best,
    enum probe_class found)
{
	json_string(json, "relation", topo_relation_name(best->relation));
	json_string(json, "class", probe_class_name(found));
}

/*
 * Write the rows of `first` and its other_wait in a class; `best` is the faster
 * of the two.
 */
static void
write_throughput_row(struct json *json, struct queue_case *best,
    struct queue_case *first, enum probe_class found)
{
	struct samples *ns = &best->ns[found];

	json_object(json, NULL);
	json_string(json, "subject", best->peer->name);
	json_string(json, "mode", mode_name(best->shape.mode));
	write_layout(json, best);
	json_integer(json, "message_bytes", best->shape.message_bytes);
	json_integer(json, "ring_bytes", best->shape.ring_bytes);
	write_place(json, best, found);
	json_string(json, "spin", spin_name(best));
	json_integer(json, "samples", ns->count);
	json_number(json, "ns_per_message_median", samples_median(ns));
	json_number(json, "ns_per_message_min", samples_min(ns));
	json_number(json, "ns_per_message_max", samples_max(ns));
	json_number(json, "ns_per_message_mad", samples_mad(ns));
	json_number(json, "gib_per_s_median",
	    gib_per_s(best, samples_median(ns)));
	write_spins(json, first, found);
	write_errors(json, first);
	json_object_end(json);
}

static void
write_histogram(struct json *json, const struct histogram *histogram)
{
	json_array(json, "histogram");
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (histogram->bucket[i] != 0)
			json_pair(json, clock_ns(histogram_upper_edge(i)),
			    histogram->bucket[i]);
	json_array_end(json);
}

static void
write_latency_row(struct json *json, struct queue_case *best,
    struct queue_case *first, enum probe_class found)
{
	const struct histogram *latencies = best->latencies[found];
	bool trips = best->shape.mode == PEER_ROUND_TRIP;

	json_object(json, NULL);
	json_string(json, "subject", best->peer->name);
	write_layout(json, best);
	json_integer(json, "message_bytes", best->shape.message_bytes);
	json_integer(json, "ring_bytes", best->shape.ring_bytes);
	write_place(json, best, found);
	json_string(json, "spin", spin_name(best));
	json_integer(json, "samples", best->ns[found].count);
	if (!trips)
		json_integer(json, "rate_per_s", best->shape.rate_per_s);
	json_integer(json, trips ? "round_trips" : "messages",
	    latencies->count);
	bench_write_quantiles(json, latencies);
	write_errors(json, first);
	if (trips)
		write_histogram(json, latencies);
	json_object_end(json);
}

static void
write_stream_row(struct json *json, struct queue_case *best,
    struct queue_case *first, enum probe_class found)
{
	struct samples *ns = &best->ns[found];

	json_object(json, NULL);
	json_integer(json, "ring_bytes", best->shape.ring_bytes);
	write_place(json, best, found);
	json_string(json, "stores", best->peer->stores);
	json_integer(json, "samples", ns->count);
	json_number(json, "gib_per_s_median",
	    gib_per_s(best, samples_median(ns)));
	write_errors(json, first);
	json_object_end(json);
}

static void
queue_case_write(struct bench_case *base, struct json *json)
{
	static void (*const write_row[])(struct json *, struct queue_case *,
	    struct queue_case *, enum probe_class) = {
		[BENCH_THROUGHPUT] = write_throughput_row,
		[BENCH_LATENCY] = write_latency_row,
		[BENCH_OPEN_LOOP] = write_latency_row,
		[BENCH_STREAM] = write_stream_row,
	};
	struct queue_case *self = (struct queue_case *)base;

	for (unsigned i = 0; i < PROBE_CLASSES; i++) {
		enum probe_class found = (enum probe_class)i;
		struct queue_case *best = faster(self, found);

		if (best != NULL)
			write_row[base->table](json, best, self, found);
	}
}

static void
queue_case_close(struct bench_case *base)
{
	struct queue_case *self = (struct queue_case *)base;

	for (unsigned i = 0; i < PROBE_CLASSES; i++) {
		samples_free(&self->ns[i]);
		free(self->latencies[i]);
	}
	free(self);
}

/*
 * ---- Which there are.
 */

static enum bench_table
table_of(const struct queue_case *self)
{
	if (self->peer->stores != NULL)
		return BENCH_STREAM;
	switch (self->shape.mode) {
	case PEER_ROUND_TRIP:
		return BENCH_LATENCY;
	case PEER_OPEN_LOOP:
		return BENCH_OPEN_LOOP;
	default:
		return BENCH_THROUGHPUT;
	}
}

/* Add a case for each way to wait, or one case if the peer has only one way. */
bool
queue_cases_add(struct bench_cases *cases, const struct peer *peer,
    struct peer_shape shape, enum topo_relation relation,
    struct worker_pair *pair, struct bench_tally *tally)
{
	struct queue_case *first = NULL;

	for (unsigned pause = 0; pause < (peer->sleeps ? 1 : 2); pause++) {
		const struct peer_menu *menu;
		struct queue_case *self;
		size_t count = cases->count;

		shape.pause = pause != 0;
		menu = peer->menu(&shape);
		if (menu == NULL || menu->mode[shape.mode] == NULL)
			continue;
		self = calloc(1, sizeof(*self));
		if (self == NULL)
			return bench_cases_add(cases, NULL);
		self->peer = peer;
		self->shape = shape;
		self->relation = relation;
		self->pair = pair;
		self->tally = tally;
		self->base.table = table_of(self);
		self->base.sample = queue_case_sample;
		self->base.write = first == NULL ? queue_case_write : NULL;
		self->base.close = queue_case_close;
		set_name(self);
		if (!bench_cases_add(cases, &self->base))
			return false;
		if (cases->count == count)
			continue;	/* the filter has freed it */
		if (first != NULL)
			first->other_wait = self;
		else
			first = self;
	}
	return true;
}
