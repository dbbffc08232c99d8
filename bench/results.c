/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Writes the JSON document around the rows. */
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "peer.h"

/* Write the rows of one table. */
static void
write_table(struct json *json, const char *key, const struct suite *suite,
    enum bench_table table)
{
	json_array(json, key);
	for (size_t i = 0; i < suite->cases.count; i++) {
		struct bench_case *one = suite->cases.list[i];

		if (one->table == table && one->write != NULL)
			one->write(one, json);
	}
	json_array_end(json);
}

static void
write_limits(struct json *json, struct suite *suite)
{
	json_object(json, "limits");
	write_table(json, "memcpy", suite, BENCH_MEMCPY);
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
	write_table(json, "stream", suite, BENCH_STREAM);
	json_object_end(json);
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
	for (size_t i = 0; i < suite->cases.count; i++) {
		const struct bench_case *one = suite->cases.list[i];
		char text[128];

		if (one->errors == 0)
			continue;
		snprintf(text, sizeof(text), "FAILED, %llu errors: %s",
		    (unsigned long long)one->errors, one->name);
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
	struct bench_tally sum = { 0 };
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
	write_table(&json, "throughput", suite, BENCH_THROUGHPUT);
	write_table(&json, "latency", suite, BENCH_LATENCY);
	write_table(&json, "open_loop", suite, BENCH_OPEN_LOOP);
	write_limits(&json, suite);
	write_table(&json, "driver", suite, BENCH_DRIVER);
	json_object_end(&json);
	written = ferror(json.file) == 0;
	if (fclose(json.file) != 0 || !written) {
		fprintf(stderr, "%s: cannot be written: %s\n", path,
		    strerror(errno));
		return false;
	}
	return true;
}
