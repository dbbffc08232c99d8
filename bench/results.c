/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* From cells to rows. */
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define GIB ((double)(1 << 30))

/*
 * Of two ways to wait a row shows the better one, so that no subject is
 * judged by one that does not suit it.  A median of few samples is no
 * median: one with less than half as many as the other does not count.
 */
static struct cell *
better(struct cell *cell, size_t count, enum probe_class found)
{
	struct cell *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < count; i++)
		if (cell[i].ns[found].count > most)
			most = cell[i].ns[found].count;
	for (size_t i = 0; i < count; i++) {
		struct samples *ns = &cell[i].ns[found];

		if (ns->count == 0 || ns->count * 2 < most)
			continue;
		if (best == NULL || samples_median(ns) <
		    samples_median(&best->ns[found]))
			best = &cell[i];
	}
	return best;
}

static void
write_errors(struct json *json, const struct cell *cell, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += cell[i].errors;
	json_integer(json, "errors", sum);
}

/* All ways to wait, not only the better one. */
static void
write_spins(struct json *json, struct cell *cell, size_t count,
    enum probe_class found)
{
	json_object(json, "by_spin");
	for (size_t i = 0; i < count; i++) {
		struct samples *ns = &cell[i].ns[found];

		if (ns->count == 0)
			continue;
		json_object(json, cell_spin_name(&cell[i]));
		json_integer(json, "samples", ns->count);
		json_number(json, "ns_per_message_median", samples_median(ns));
		json_object_end(json);
	}
	json_object_end(json);
}

static double
gib_per_s(const struct cell *cell, double ns)
{
	return (double)cell->shape.message_bytes / ns * 1e9 / GIB;
}

static void
write_layout(struct json *json, const struct cell *cell)
{
	const char *layout = cell_layout_name(cell->shape.layout);

	if (layout != NULL)
		json_string(json, "layout", layout);
	else
		json_null(json, "layout");
}

static void
write_place(struct json *json, const struct cell *cell, enum probe_class found)
{
	json_string(json, "relation", topo_relation_name(cell->relation));
	json_string(json, "class", probe_class_name(found));
}

/* Rows of results: the better `cell` of its group, in a class. */
static void
write_throughput_row(struct json *json, struct cell *cell,
    struct cell *group, size_t count, enum probe_class found)
{
	struct samples *ns = &cell->ns[found];

	json_object(json, NULL);
	json_string(json, "subject", cell->peer->name);
	json_string(json, "mode", cell_mode_name(cell->shape.mode));
	write_layout(json, cell);
	json_integer(json, "message_bytes", cell->shape.message_bytes);
	json_integer(json, "ring_bytes", cell->shape.ring_bytes);
	write_place(json, cell, found);
	json_string(json, "spin", cell_spin_name(cell));
	json_integer(json, "samples", ns->count);
	json_number(json, "ns_per_message_median", samples_median(ns));
	json_number(json, "ns_per_message_min", samples_min(ns));
	json_number(json, "ns_per_message_max", samples_max(ns));
	json_number(json, "ns_per_message_mad", samples_mad(ns));
	json_number(json, "gib_per_s_median",
	    gib_per_s(cell, samples_median(ns)));
	write_spins(json, group, count, found);
	write_errors(json, group, count);
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
write_quantiles(struct json *json, const struct histogram *latencies)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = {
		{ "p50_ns", 0.5 }, { "p90_ns", 0.9 }, { "p99_ns", 0.99 },
		{ "p999_ns", 0.999 },
	};

	json_number(json, "mean_ns", histogram_mean(latencies) /
	    clock_ticks_per_ns());
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		json_number(json, quantiles[i].key, clock_ns(
		    histogram_quantile(latencies, quantiles[i].q)));
	json_number(json, "max_ns", clock_ns(latencies->max));
}

static void
write_latency_row(struct json *json, struct cell *cell,
    struct cell *group, size_t count, enum probe_class found)
{
	const struct histogram *latencies = cell->latencies[found];
	bool trips = cell->shape.mode == PEER_ROUND_TRIP;

	json_object(json, NULL);
	json_string(json, "subject", cell->peer->name);
	write_layout(json, cell);
	json_integer(json, "message_bytes", cell->shape.message_bytes);
	json_integer(json, "ring_bytes", cell->shape.ring_bytes);
	write_place(json, cell, found);
	json_string(json, "spin", cell_spin_name(cell));
	json_integer(json, "samples", cell->ns[found].count);
	if (!trips)
		json_integer(json, "rate_per_s", cell->shape.rate_per_s);
	json_integer(json, trips ? "round_trips" : "messages",
	    latencies->count);
	write_quantiles(json, latencies);
	write_errors(json, group, count);
	if (trips)
		write_histogram(json, latencies);
	json_object_end(json);
}

static void
write_stream_row(struct json *json, struct cell *cell, struct cell *group,
    size_t count, enum probe_class found)
{
	struct samples *ns = &cell->ns[found];

	json_object(json, NULL);
	json_integer(json, "ring_bytes", cell->shape.ring_bytes);
	write_place(json, cell, found);
	json_string(json, "stores", cell->peer->stores);
	json_integer(json, "samples", ns->count);
	json_number(json, "gib_per_s_median",
	    gib_per_s(cell, samples_median(ns)));
	write_errors(json, group, count);
	json_object_end(json);
}

enum table { THROUGHPUT, LATENCY, OPEN_LOOP, STREAM };

static enum table
table_of(const struct cell *cell)
{
	if (cell->peer->stores != NULL)
		return STREAM;
	switch (cell->shape.mode) {
	case PEER_ROUND_TRIP:
		return LATENCY;
	case PEER_OPEN_LOOP:
		return OPEN_LOOP;
	default:
		return THROUGHPUT;
	}
}

/* One row for every group of cells of a table and every class it was in. */
static void
write_table(struct json *json, const char *key, struct suite *suite,
    enum table table)
{
	static void (*const write_row[])(struct json *, struct cell *,
	    struct cell *, size_t, enum probe_class) = {
		[THROUGHPUT] = write_throughput_row,
		[LATENCY] = write_latency_row,
		[OPEN_LOOP] = write_latency_row,
		[STREAM] = write_stream_row,
	};
	size_t count;

	json_array(json, key);
	for (size_t i = 0; i < suite->cell_count; i += count) {
		struct cell *cell = &suite->cells[i];

		for (count = 1; i + count < suite->cell_count &&
		    suite_same_row(cell, &cell[count]); count++)
			;
		for (unsigned j = 0; j < PROBE_CLASSES &&
		    table_of(cell) == table; j++) {
			enum probe_class found = (enum probe_class)j;
			struct cell *best = better(cell, count, found);

			if (best != NULL)
				write_row[table](json, best, cell, count,
				    found);
		}
	}
	json_array_end(json);
}

static void
write_limits(struct json *json, struct suite *suite)
{
	json_object(json, "limits");
	json_array(json, "memcpy");
	for (unsigned i = 0; i < suite->limit_count; i++) {
		struct memcpy_limit *limit = &suite->limits[i];

		if (limit->gib_per_s.count == 0)
			continue;
		json_object(json, NULL);
		json_string(json, "level", limit->level);
		json_integer(json, "bytes", limit->bytes);
		json_integer(json, "samples", limit->gib_per_s.count);
		json_number(json, "gib_per_s_median",
		    samples_median(&limit->gib_per_s));
		json_object_end(json);
	}
	json_array_end(json);
	json_array(json, "line_round_trip");
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		for (unsigned j = 0; j < PROBE_CLASSES; j++) {
			struct samples *ns = &suite->tally[i].line_ns[j];

			if (ns->count == 0)
				continue;
			json_object(json, NULL);
			json_string(json, "relation",
			    topo_relation_name((enum topo_relation)i));
			json_string(json, "class",
			    probe_class_name((enum probe_class)j));
			json_integer(json, "samples", ns->count);
			json_number(json, "median_ns", samples_median(ns));
			json_number(json, "min_ns", samples_min(ns));
			json_object_end(json);
		}
	}
	json_array_end(json);
	write_table(json, "stream", suite, STREAM);
	json_object_end(json);
}

static void
write_drivers(struct json *json, struct suite *suite)
{
	json_array(json, "driver");
	for (unsigned i = 0; i < suite->driver_count; i++) {
		struct driver_cell *cell = &suite->drivers[i];

		if (cell->ns.count == 0)
			continue;
		json_object(json, NULL);
		json_string(json, "operation",
		    driver_operation_name(cell->operation));
		json_string(json, "transport",
		    driver_transport_name(cell->transport));
		json_integer(json, "bytes", cell->bytes);
		json_integer(json, "endpoints", cell->endpoints);
		json_string(json, "relation",
		    topo_relation_name(cell->relation));
		json_integer(json, "samples", cell->ns.count);
		json_integer(json, "calls", cell->calls_total);
		json_number(json, "ns_median", samples_median(&cell->ns));
		json_number(json, "ns_min", samples_min(&cell->ns));
		json_number(json, "ns_max", samples_max(&cell->ns));
		json_number(json, "ns_mad", samples_mad(&cell->ns));
		if (cell->latencies != NULL)
			write_quantiles(json, cell->latencies);
		json_integer(json, "errors", cell->errors);
		json_object_end(json);
	}
	json_array_end(json);
}

static void
write_subjects(struct json *json)
{
	json_array(json, "subjects");
	for (unsigned i = 0; peers[i] != NULL; i++) {
		const struct peer *peer = peers[i];

		json_object(json, NULL);
		json_string(json, "name", peer->name);
		json_string(json, "role",
		    peer->role != NULL ? peer->role : "peer");
		json_string(json, "package", peer->package);
		json_bool(json, "present", peer->missing == NULL);
		json_string(json, "reason",
		    peer->missing != NULL ? peer->missing : "");
		json_string(json, "note", peer->note);
		json_object_end(json);
	}
	json_array_end(json);
}

static void
write_topology(struct json *json, const struct suite *suite)
{
	char text[1024];

	topo_describe(suite->topo, text, sizeof(text));
	json_object(json, "topology");
	json_string(json, "synthetic", text);
	json_array(json, "pairs");
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		const struct topo_pair *pair = &suite->pairs[i];

		json_object(json, NULL);
		json_string(json, "relation",
		    topo_relation_name((enum topo_relation)i));
		json_bool(json, "present", pair->present);
		if (pair->present) {
			json_integer(json, "cpu_a", pair->cpu_a);
			json_integer(json, "cpu_b", pair->cpu_b);
		}
		json_object_end(json);
	}
	json_array_end(json);
	json_object(json, "class_thresholds_ns");
	json_integer(json, "smt_below", PROBE_SMT_BELOW_NS);
	json_integer(json, "near_below", PROBE_NEAR_BELOW_NS);
	json_object_end(json);
	json_object_end(json);
}

const char *
results_spoiled(void)
{
#if !defined(__OPTIMIZE__)
	return "A BUILD FOR DEBUGGING: ITS NUMBERS MEAN NOTHING";
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return "A BUILD WITH SANITIZERS: ITS NUMBERS MEAN NOTHING";
#else
	return NULL;
#endif
}

static void
write_notes(struct json *json, const struct suite *suite,
    const struct results_run *run)
{
	json_array(json, "notes");
	json_string(json, NULL, "One-way times run from the sender's first "
	    "message, into an empty ring, to the receiver's last.");
	json_string(json, NULL, "Round trips are a closed loop: each begins "
	    "when the last has ended. Nothing is omitted from them, and they "
	    "show no queueing.");
	json_string(json, NULL, "An open loop's latencies run from the time "
	    "at which a message was due, whenever it was sent; one in 17 is "
	    "timed.");
	json_string(json, NULL, "The two ends are threads of one process.");
	if (results_spoiled() != NULL)
		json_string(json, NULL, results_spoiled());
	for (size_t i = 0; i < suite->cell_count; i++) {
		const struct cell *cell = &suite->cells[i];
		char text[128];

		if (cell->errors == 0)
			continue;
		snprintf(text, sizeof(text), "FAILED, %llu messages wrong or "
		    "missing: %s", (unsigned long long)cell->errors,
		    cell->name);
		json_string(json, NULL, text);
	}
	for (unsigned i = 0; i < suite->driver_count; i++) {
		char text[96];

		if (suite->drivers[i].errors == 0)
			continue;
		snprintf(text, sizeof(text), "FAILED: %s",
		    suite->drivers[i].name);
		json_string(json, NULL, text);
	}
	if (run->interrupted)
		json_string(json, NULL, "The run was interrupted.");
	if (!suite_is_real_time(suite))
		json_string(json, NULL, "Real-time priority was not allowed: "
		    "more bursts were disturbed than need be.");
	if (!clock_is_invariant())
		json_string(json, NULL, "The processor's counter changes its "
		    "rate: times may be wrong.");
	json_array_end(json);
}

static void
write_loads(struct json *json, const char *key,
    const struct machine_load *load)
{
	json_array(json, key);
	for (unsigned i = 0; i < 3; i++)
		json_number(json, NULL, load->average[i]);
	json_array_end(json);
}

static void
write_run(struct json *json, const struct suite *suite,
    const struct results_run *run)
{
	struct cell_tally sum = { 0 };
	struct tm utc;
	char started[32];

	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		sum.total += suite->tally[i].total;
		sum.moved += suite->tally[i].moved;
		sum.switched += suite->tally[i].switched;
	}
	gmtime_r(&run->started, &utc);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &utc);

	json_object(json, "run");
	json_string(json, "started_utc", started);
	json_number(json, "seconds", run->seconds);
	json_bool(json, "quick", run->quick);
	json_integer(json, "rounds", run->rounds);
	json_string(json, "commit", run->commit);
	json_string(json, "engine_backend", BENCH_BACKEND);
	json_string(json, "engine_build_type", BENCH_BUILD_TYPE);
	json_string(json, "compiler", BENCH_COMPILER);
	json_string(json, "flags", BENCH_FLAGS);
	json_string(json, "benchmark_version", BENCH_LIBRARY_VERSION);
	json_bool(json, "sched_fifo", suite_is_real_time(suite));
	write_loads(json, "load_before", &run->before);
	write_loads(json, "load_after", &run->after);
	json_number(json, "steal_percent",
	    machine_steal_percent(&run->before, &run->after));
	json_integer(json, "samples_total", sum.total);
	json_integer(json, "samples_moved", sum.moved);
	json_integer(json, "samples_switched", sum.switched);
	write_notes(json, suite, run);
	json_object_end(json);
}

bool
results_write(const char *path, struct suite *suite,
    const struct results_run *run)
{
	struct json json = { .file = fopen(path, "we") };
	bool written;

	if (json.file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	json_object(&json, NULL);
	json_integer(&json, "schema_version", RESULTS_SCHEMA_VERSION);
	write_run(&json, suite, run);
	json_object(&json, "machine");
	machine_write(&json, suite->topo);
	json_object_end(&json);
	write_topology(&json, suite);
	write_subjects(&json);
	write_table(&json, "throughput", suite, THROUGHPUT);
	write_table(&json, "latency", suite, LATENCY);
	write_table(&json, "open_loop", suite, OPEN_LOOP);
	write_limits(&json, suite);
	write_drivers(&json, suite);
	json_object_end(&json);
	written = ferror(json.file) == 0;
	if (fclose(json.file) != 0 || !written) {
		fprintf(stderr, "%s: cannot be written: %s\n", path,
		    strerror(errno));
		return false;
	}
	return true;
}
