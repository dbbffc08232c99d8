/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A subject of the benchmarks: something that carries messages from one
 * thread to another.  vqp is one, its peers are others; all run the loops of
 * traffic.h around their own verbs.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

#ifdef __cplusplus
extern "C" {
#endif

struct traffic;

enum peer_mode {
	PEER_COPY,		/* copied in and out, published each */
	PEER_COPY_MORE,		/* the same, published when the sender waits */
	PEER_COPY_BATCH,	/* the same, published PEER_BATCH at a time */
	PEER_IN_PLACE,		/* written and read in the ring */
	PEER_IN_PLACE_BATCH,
	PEER_ROUND_TRIP,	/* PEER_COPY there and back */
	PEER_OPEN_LOOP,		/* PEER_COPY at a fixed rate */
	PEER_MODES
};

#define PEER_BATCH 32

/* Where vqp's indices lie.  Peers have no choice: PEER_LAYOUT_NONE. */
enum peer_layout { PEER_LAYOUT_NONE, PEER_LAYOUT_COMPAT, PEER_LAYOUT_WIDE };

/* What is asked of a subject. */
struct peer_shape {
	enum peer_mode mode;
	enum peer_layout layout;
	uint64_t message_bytes;
	uint64_t ring_bytes;
	uint64_t rate_per_s;	/* of PEER_OPEN_LOOP, else 0 */
	bool pause;		/* between two looks */
	const void *config;	/* the peer's */
};

/* What one thread holds: where it sends to and where it receives from. */
struct peer_end {
	void *out;
	void *in;
};

/*
 * The first thread of a pair sends and the second receives; in a round trip
 * the first begins.
 */
struct peer_link {
	struct peer_end end[2];
};

/* Two queues, one for each direction, make a link. */
static inline bool
peer_link_queues(struct peer_link *link, void *there, void *back)
{
	link->end[0].out = link->end[1].in = there;
	link->end[1].out = link->end[0].in = back;
	return there != NULL && back != NULL;
}

/* Pass that many messages.  False: the other side did not do its part. */
struct peer_loops {
	bool (*side[2])(struct traffic *traffic, const struct peer_end *end,
	    uint64_t messages);
};

/* What a peer offers for one message size. */
struct peer_menu {
	const struct peer_loops *mode[PEER_MODES];	/* NULL: not offered */
	/* Rings from the arena, in both directions. */
	bool (*open)(const struct peer_shape *shape, struct arena *arena,
	    struct peer_link *link);
};

struct peer {
	const char *name;
	const char *package;	/* of Debian; "" for what every system has */
	const char *missing;	/* why it is not here, or NULL */
	const char *note;	/* how it is used */
	bool layouts;		/* compat and wide, not PEER_LAYOUT_NONE */
	bool sleeps;		/* waits in the kernel, not by looking */
	const char *stores;	/* of a limit, how it writes; else NULL */

	/* NULL for a shape that this peer does not offer. */
	const struct peer_menu *(*menu)(const struct peer_shape *shape);
	/* What the arena does not take back; or NULL. */
	void (*close)(struct peer_link *link);
	const char *role;	/* NULL: one of those vqp is held against */
	const void *config;	/* for its open(), in the shape; or NULL */
};

/* vqp, and what is shown beside it but is no peer of it. */
#define PEER_ROLE_VQP "vqp"
#define PEER_ROLE_VARIANT "variant"	/* vqp with a choice made for it */
#define PEER_ROLE_BASELINE "baseline"	/* what vqp is to replace */

/* The initializer of a peer whose package was not there to compile with. */
#define PEER_MISSING(name, package) {					\
	name, package, "not installed when vqp was configured", "",	\
	false, false, NULL, NULL, NULL, NULL, NULL			\
}

/* All subjects, vqp first; NULL at the end. */
extern const struct peer *const peers[];

extern const struct peer peer_vqp, peer_vqp_same_core, peer_vqp_near,
    peer_vqp_far, peer_ck_ring, peer_boost, peer_moodycamel,
    peer_atomic_queue, peer_dpdk, peer_pipe, peer_unix, peer_vmci;

/*
 * Not peers but the limit of one direction: whole blocks, written and read in
 * place, with nothing around them.  NULL at the end.
 */
extern const struct peer *const peer_streams[];

#ifdef __cplusplus
}
#endif

#endif
