/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The case of a queue in one shape between one pair of processors.  Its samples
 * are kept apart by where the hypervisor had placed the two processors when
 * they were taken.
 */
#ifndef BENCH_QUEUE_CASE_H
#define BENCH_QUEUE_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "case.h"
#include "histogram.h"
#include "peer.h"
#include "probe.h"
#include "samples.h"
#include "worker_pair.h"

struct queue_case {
	struct bench_case base;	/* first */
	const struct peer *peer;
	struct peer_shape shape;
	enum topo_relation relation;
	struct worker_pair *pair;
	struct bench_tally *tally;
	/*
	 * The case that differs only in how it waits, and shares our rows; or
	 * NULL.
	 */
	struct queue_case *other_wait;

	uint64_t messages;	/* messages of the next burst */
	/* Per message or round trip; for an open loop the bursts' medians. */
	struct samples ns[PROBE_CLASSES];
	struct histogram *latencies[PROBE_CLASSES];	/* in ticks, or NULL */
};

/*
 * Add the cases of a shape: one for each way to wait that the peer knows, or
 * none if the peer does not offer the shape.  False with a message on stderr.
 */
bool queue_cases_add(struct bench_cases *cases, const struct peer *peer,
    struct peer_shape shape, enum topo_relation relation,
    struct worker_pair *pair, struct bench_tally *tally);

#endif
