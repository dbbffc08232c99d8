/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A subject of the benchmarks: something that carries messages from one thread
 * to another. vqp is one subject, its peers are the others; all run the loops
 * of traffic.h around their own calls.
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
	PEER_COPY,		/* copied in and out, each published */
	PEER_COPY_MORE,		/* published when the sender waits */
	PEER_COPY_BATCH,	/* published PEER_BATCH at a time */
	PEER_IN_PLACE,		/* written and read in the ring */
	PEER_IN_PLACE_BATCH,
	PEER_ROUND_TRIP,	/* PEER_COPY there and back */
	PEER_OPEN_LOOP,		/* PEER_COPY at a fixed rate */
	PEER_MODES
};

#define PEER_BATCH 32

/* The place of vqp's indices.  The peers have no choice: PEER_LAYOUT_NONE. */
enum peer_layout { PEER_LAYOUT_NONE, PEER_LAYOUT_COMPAT, PEER_LAYOUT_WIDE };

/* What a case demands of a subject. */
struct peer_shape {
	enum peer_mode mode;
	enum peer_layout layout;
	uint64_t message_bytes;
	uint64_t ring_bytes;
	uint64_t rate_per_s;	/* for PEER_OPEN_LOOP, else 0 */
	bool pause;		/* between two polls */
	const void *config;	/* of the peer */
};

/*
 * What one thread holds: the queue it sends to and the queue it receives from.
 */
struct peer_end {
	void *out;
	void *in;
};

/*
 * The first thread of a pair sends and the second receives; in a round trip the
 * first thread begins.
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

/*
 * Each loop passes this many messages.  False: the other side did not do its
 * part.
 */
struct peer_loops {
	bool (*side[2])(struct traffic *traffic, const struct peer_end *end,
	    uint64_t messages);
};

/* What a peer offers for one message size. */
struct peer_menu {
	const struct peer_loops *mode[PEER_MODES];	/* NULL: not offered */
	/* Take rings from the arena, for both directions. */
	bool (*open)(const struct peer_shape *shape, struct arena *arena,
	    struct peer_link *link);
};

struct peer {
	const char *name;
	const char *package;	/* Debian's; "" if every system has it */
	const char *missing;	/* why it is absent, or NULL */
	const char *note;	/* how it is used */
	bool layouts;		/* compat and wide, not PEER_LAYOUT_NONE */
	bool sleeps;		/* waits in the kernel, does not poll */
	const char *stores;	/* for a limit: how it stores; else NULL */

	/* Returns NULL for a shape that this peer does not offer. */
	const struct peer_menu *(*menu)(const struct peer_shape *shape);
	/* Frees what did not come from the arena; or NULL. */
	void (*close)(struct peer_link *link);
	const char *role;	/* NULL: a peer to compare vqp with */
	const void *config;	/* for open(), in the shape; or NULL */
};

/* vqp, and the subjects shown beside it that are not its peers. */
#define PEER_ROLE_VQP "vqp"
#define PEER_ROLE_VARIANT "variant"	/* vqp with a fixed choice */
#define PEER_ROLE_BASELINE "baseline"	/* what vqp replaces */

/* The initializer of a peer whose package was absent when this was compiled. */
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
 * These are not peers but the limit of one direction: whole blocks, written and
 * read in place, with nothing around them.  NULL at the end.
 */
extern const struct peer *const peer_streams[];

#ifdef __cplusplus
}
#endif

#endif
