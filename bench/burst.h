/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One measurement: a millisecond or two of messages of one shape between the
 * two threads of a worker pair, with a probe before and after.  A burst is
 * short, so that the machine has no time to change under it; many bursts make a
 * number.
 */
#ifndef BENCH_BURST_H
#define BENCH_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include "worker_pair.h"
#include "histogram.h"
#include "peer.h"
#include "probe.h"

enum burst_outcome {
	BURST_DONE,
	BURST_NOT_OFFERED,	/* no memory, or no descriptors */
	BURST_ABANDONED,	/* not all messages passed in time */
	BURST_HUNG		/* a thread hangs: the pair is lost */
};

struct burst_result {
	double ns;		/* for all messages */
	double probe_ns[2];	/* before and after */
	bool quiet;		/* nothing disturbed either thread */
	uint64_t mismatches;	/* messages that were not what was sent */
};

/*
 * The memory that each worker needs; the rings lie in the memory of the first
 * worker.
 */
#define BURST_ARENA_BYTES ((size_t)8 << 20)

/*
 * Pass `messages` from the first thread of the pair to the second, or make as
 * many round trips, after a warm-up.  One-way time runs from the first thread's
 * first message, into an empty ring, to the second thread's last message: one
 * thread stamps the start and the other stamps the end, with the same clock.
 *
 * The first thread times each round trip; the second thread times some messages
 * of an open loop.  These times are added to `latencies` in ticks; pass NULL
 * for other modes.
 *
 * The result is valid only for BURST_DONE.
 */
enum burst_outcome burst_run(struct worker_pair *pair, const struct peer *peer,
    const struct peer_shape *shape, uint64_t messages,
    struct histogram *latencies, struct burst_result *result);

#endif
