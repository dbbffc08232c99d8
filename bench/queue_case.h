/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One cell of the table: a subject and a shape between one pair of
 * processors, and the samples it has so far, by where the hypervisor had put
 * the two when they were taken.
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "crew.h"
#include "histogram.h"
#include "peer.h"
#include "probe.h"
#include "samples.h"

/* What happened to the bursts of all cells of a relation. */
struct cell_tally {
	uint64_t total;
	uint64_t moved;		/* left out: the pair moved meanwhile */
	uint64_t switched;	/* left out: a thread was not left alone */
	struct samples line_ns[PROBE_CLASSES];	/* bare line round trips */
};

struct cell {
	char name[64];
	const struct peer *peer;
	struct peer_shape shape;
	enum topo_relation relation;
	struct crew *crew;
	struct cell_tally *tally;

	uint64_t messages;	/* that the next burst will pass */
	/* Per message or round trip; of an open loop the bursts' medians. */
	struct samples ns[PROBE_CLASSES];
	struct histogram *latencies[PROBE_CLASSES];	/* in ticks, or NULL */
	uint64_t errors;	/* wrong messages, bursts that failed */
};

/* Fill in the name, from what the cell is. */
void cell_name(struct cell *cell);

/* "tight", "pause", or "block" for a subject that waits in the kernel. */
const char *cell_spin_name(const struct cell *cell);

/* "copy" and so on. */
const char *cell_mode_name(enum peer_mode mode);

/* "compat", "wide", or NULL. */
const char *cell_layout_name(enum peer_layout layout);

/*
 * One burst, or more until they have the right length, and one sample if
 * nothing disturbed it.  Returns the seconds measured, or less than 0, with a
 * message on stderr, if messages were wrong or missing.  `*hung` is set when
 * the crew is lost.
 */
double cell_sample(struct cell *cell, bool *hung);

/* Free what the cell owns. */
void cell_close(struct cell *cell);

#endif
