/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The copying calls and what the oracle says to each.  Add a new one at the end
 * of its table, because inputs name calls by their place.
 */
#ifndef VERBS_H
#define VERBS_H

#include <vqp/pair.h>

#include "oracle.h"

/* The calls that send from one buffer, and from pieces. */
struct put_verb {
	int64_t (*call)(struct vqp_pair *, const void *, uint64_t);
	int64_t (*oracle)(struct oracle *, const uint8_t *, uint64_t);
	bool whole;		/* all or nothing */
};

static const struct put_verb put_verbs[] = {
	{ vqp_pair_enqueue, oracle_enqueue, false },
	{ vqp_pair_send, oracle_send, true },
	{ vqp_pair_send_more, oracle_send_more, true },
};

struct putv_verb {
	int64_t (*call)(struct vqp_pair *, const struct vqp_iovec *, uint64_t);
	int64_t (*oracle)(struct oracle *, const uint8_t *, uint64_t);
};

static const struct putv_verb putv_verbs[] = {
	{ vqp_pair_enqueuev, oracle_enqueue },
};

/* The calls that receive into one buffer, and into pieces. */
struct get_verb {
	int64_t (*call)(struct vqp_pair *, void *, uint64_t);
	int64_t (*oracle)(struct oracle *, uint8_t *, uint64_t);
	bool whole;
	bool stays;		/* the bytes stay in the ring */
};

static const struct get_verb get_verbs[] = {
	{ vqp_pair_dequeue, oracle_dequeue, false, false },
	{ vqp_pair_receive, oracle_receive, true, false },
	{ vqp_pair_peek, oracle_rx_peek, false, true },
};

struct getv_verb {
	int64_t (*call)(struct vqp_pair *, const struct vqp_iovec *, uint64_t);
	int64_t (*oracle)(struct oracle *, uint8_t *, uint64_t);
	bool stays;
};

static const struct getv_verb getv_verbs[] = {
	{ vqp_pair_dequeuev, oracle_dequeue, false },
	{ vqp_pair_peekv, oracle_rx_peek, true },
};

#endif
