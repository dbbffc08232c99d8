/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One measurement: a millisecond or two of messages of one shape between the
 * two threads of a worker pair, with a probe before and after.  Short, so that the
 * machine has no time to change under it; many of them make a number.
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
	BURST_NOT_OFFERED,	/* no memory, no descriptors */
	BURST_ABANDONED,	/* the messages did not all pass in time */
	BURST_HUNG		/* a thread never came back: the pair is lost */
};

struct burst_result {
	double ns;		/* for all messages */
	double probe_ns[2];	/* before and after */
	bool quiet;		/* both threads were left alone */
	uint64_t mismatches;	/* messages that were not what was sent */
};

/* The memory each worker of a worker pair needs; rings lie in the first one's. */
#define BURST_ARENA_BYTES ((size_t)8 << 20)

/*
 * Pass `messages` from the first thread of the pair to the second, or as many
 * round trips, after a warm-up.  One-way time runs from the first thread's
 * first message, into an empty ring, to the second thread's last: the start
 * is stamped by the one and the end by the other, with the same clock.
 *
 * Each round trip is timed by the first thread, some messages of an open loop
 * by the second, and added to `latencies` in ticks; NULL for other modes.
 *
 * The result is there only for BURST_DONE.
 */
enum burst_outcome burst_run(struct worker_pair *pair, const struct peer *peer,
    const struct peer_shape *shape, uint64_t messages,
    struct histogram *latencies, struct burst_result *result);

#endif
