/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* From bursts to samples. */
#include "cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "burst.h"

/*
 * Long against a probe and the cost of a start, short against the second or
 * so after which a hypervisor moves a processor.
 */
#define BURST_NS 1.5e6
/* How late an open loop is shows a little later. */
#define OPEN_LOOP_NS 3e6

/* From a first guess to the right length in steps of at most GROWTH. */
#define FIRST_MESSAGES 64
#define GROWTH 32
#define ATTEMPTS 8

const char *
cell_mode_name(enum peer_mode mode)
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

const char *
cell_layout_name(enum peer_layout layout)
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

const char *
cell_spin_name(const struct cell *cell)
{
	if (cell->peer->sleeps)
		return "block";
	return cell->shape.pause ? "pause" : "tight";
}

void
cell_name(struct cell *cell)
{
	const char *kind = cell->peer->stores != NULL ? cell->peer->stores :
	    cell_layout_name(cell->shape.layout);
	char rate[24] = "";

	if (cell->shape.rate_per_s != 0)
		snprintf(rate, sizeof(rate), "@%" PRIu64 "M",
		    cell->shape.rate_per_s / 1000000);
	snprintf(cell->name, sizeof(cell->name),
	    "%s%s/%s%s%s/%" PRIu64 "B/%" PRIu64 "KiB/%s/%s",
	    cell_mode_name(cell->shape.mode), rate, cell->peer->name,
	    kind != NULL ? ":" : "", kind != NULL ? kind : "",
	    cell->shape.message_bytes, cell->shape.ring_bytes >> 10,
	    topo_relation_name(cell->relation), cell_spin_name(cell));
}

/* What the next burst passes, given how long the last took. */
static void
adjust(struct cell *cell, double ns)
{
	double factor = BURST_NS / ns;

	if (cell->shape.rate_per_s != 0 || (factor > 0.5 && factor < 2))
		return;
	if (factor > GROWTH)
		factor = GROWTH;
	cell->messages = (uint64_t)((double)cell->messages * factor) + 1;
}

static void
record(struct cell *cell, const struct burst_result *result,
    uint64_t messages, const struct histogram *latencies)
{
	struct cell_tally *tally = cell->tally;
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
	samples_add(&cell->ns[found], cell->shape.mode == PEER_OPEN_LOOP ?
	    clock_ns(histogram_quantile(latencies, 0.5)) :
	    result->ns / (double)messages);
	if (latencies == NULL)
		return;
	if (cell->latencies[found] == NULL)
		cell->latencies[found] = calloc(1, sizeof(*latencies));
	if (cell->latencies[found] != NULL)
		histogram_merge(cell->latencies[found], latencies);
}

static double
fail(struct cell *cell, const char *what)
{
	fprintf(stderr, "%s: %s\n", cell->name, what);
	cell->errors++;
	return -1;
}

double
cell_sample(struct cell *cell, bool *hung)
{
	static struct histogram burst_latencies;
	struct histogram *latencies = cell->shape.mode == PEER_ROUND_TRIP ||
	    cell->shape.mode == PEER_OPEN_LOOP ? &burst_latencies : NULL;
	struct burst_result result;
	uint64_t messages;

	if (cell->messages == 0)
		cell->messages = cell->shape.rate_per_s == 0 ? FIRST_MESSAGES :
		    (uint64_t)((double)cell->shape.rate_per_s * 1e-9 *
		    OPEN_LOOP_NS);
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		messages = cell->messages;
		switch (burst_run(cell->crew, cell->peer, &cell->shape,
		    messages, latencies, &result)) {
		case BURST_DONE:
			break;
		case BURST_NOT_OFFERED:
			return fail(cell, "no memory or descriptors for it");
		case BURST_ABANDONED:
			return fail(cell, "messages did not arrive in time");
		case BURST_HUNG:
			*hung = true;
			return fail(cell, "hangs");
		}
		if (result.mismatches != 0) {
			cell->errors += result.mismatches - 1;
			return fail(cell, "messages arrived wrong");
		}
		adjust(cell, result.ns);
		if (cell->messages <= 2 * messages)
			break;
	}
	record(cell, &result, messages, latencies);
	return result.ns * 1e-9;
}

void
cell_close(struct cell *cell)
{
	for (unsigned i = 0; i < PROBE_CLASSES; i++) {
		samples_free(&cell->ns[i]);
		free(cell->latencies[i]);
	}
}
