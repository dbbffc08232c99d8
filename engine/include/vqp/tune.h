/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What makes a ring fast where it happens to run: how far away the peer is,
 * whether to wait before a poll, to evict lines that were read, to prefetch
 * those that will be written, and how much to publish at once.  Measured while
 * the ring runs, or told.  Only hints: whatever is decided here, no byte is
 * wrong.  Nothing here knows a ring; it takes and returns numbers.
 */
#ifndef VQP_TUNE_H
#define VQP_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include <vqp/atomic.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How far away the other end is: what may be fast, never what is right. */
enum vqp_placement {
	VQP_PLACEMENT_MEASURED,		/* unknown, or it changes */
	VQP_PLACEMENT_SAME_CORE,	/* two threads of one core */
	VQP_PLACEMENT_NEAR,		/* one last-level cache */
	VQP_PLACEMENT_FAR,		/* none */
};

/* How far away the other end is, told or as the looks at it find. */
struct vqp_distance {
	uint32_t ticks;		/* 0 unknown */
	uint8_t looks;		/* modulo 256 */
	bool told;
};

/*
 * Does giving lines back pay?  Processors differ by a factor of two either
 * way within one last-level cache, and producers by the way they store between
 * two.  So a consumer finds out: it times some windows of the stream with and
 * without, keeps what was better, and asks again ever more seldom.
 */
enum vqp_trial_step {
	VQP_TRIAL_KEEP,
	VQP_TRIAL_THIS,		/* time what we do */
	VQP_TRIAL_SETTLE,	/* do the other: it shows a lap later, or two
				   if there is a backlog */
	VQP_TRIAL_OTHER,	/* time it */
};

struct vqp_trial {
	uint64_t left;		/* bytes to the end of the window */
	uint64_t since;		/* ticks at its begin */
	uint64_t ticks[2];	/* the best window without, and with */
	uint32_t windows;	/* to the end of the step */
	uint32_t keep;		/* windows between two trials */
	enum vqp_trial_step step;
	bool gives_back;
	bool far;		/* what it is about */
};

/* What a producer knows, to be fast. */
struct vqp_tune_tx {
	uint64_t chunk;			/* what is published though more follows */
	struct vqp_distance distance;	/* to the consumer */
};

/* What a consumer knows, to be fast. */
struct vqp_tune_rx {
	struct vqp_trial trial;
	struct vqp_distance distance;	/* to the producer */
	uint16_t backoff;		/* pauses before the next poll */
};

/*
 * Where the ends stand to each other, by what a look at a line costs that the
 * other end has just written, beyond what one costs that it has not: one
 * core, one last-level cache, farther.  Measured 0 to 30, 80 to 130 and 310
 * on Zen 4 at 2.6 GHz (docs/decisions/0006-give-lines-back.md).
 */
#define VQP_TICKS_NEAR 36
#define VQP_TICKS_FAR 256
/* A copy that is worth more thought than a fast path has, bytes. */
#define VQP_BULK_BYTES 4096
/* Of a consumer's looks that may be timed, one in so many is. */
#define VQP_LOOKS 8
/* An offer beside which the time of a clock is nothing, bytes. */
#define VQP_MEDIUM_BYTES 1024
/* An offer that is never given back, so the distance is not asked, bytes. */
#define VQP_LARGE_BYTES 16384
/* About a microsecond. */
#define VQP_GATE_PAUSES_MAX 64
#define VQP_GATE_BYTES 128
/* Lines are given back every so many bytes; more at once are not worth it. */
#define VQP_GIVE_BACK_BYTES 4096
/* A ring that a cache of one core can hold. */
#define VQP_FETCH_RING_BYTES 524288
/* Of staged messages so many bytes are published, though more may follow. */
#define VQP_MORE_BYTES 4096
#define VQP_MORE_BYTES_MAX 16384
/* A trial's windows: a quarter of a ring, so many bytes at least. */
#define VQP_TRIAL_BYTES 65536
#define VQP_TRIAL_WINDOWS 4
#define VQP_TRIAL_SETTLE_WINDOWS 8
#define VQP_TRIAL_KEEP_MIN 256
#define VQP_TRIAL_KEEP_MAX 4096

static inline bool
vqp_is_far(const struct vqp_distance *distance)
{
	return distance->ticks > VQP_TICKS_FAR;
}

static inline bool
vqp_is_near(const struct vqp_distance *distance)
{
	return distance->ticks > VQP_TICKS_NEAR && !vqp_is_far(distance);
}

/* A poll took so many ticks beyond those of the clock. */
static inline void
vqp_distance_learn(struct vqp_distance *distance, uint64_t ticks)
{
	if (ticks >= 8 * VQP_TICKS_FAR)
		return;
	if (ticks > 2 * VQP_TICKS_FAR)
		ticks = 2 * VQP_TICKS_FAR;
	/* The last of many weighs a quarter. */
	distance->ticks = distance->ticks == 0 ? (uint32_t)ticks :
	    (3 * distance->ticks + (uint32_t)ticks) / 4;
}

void vqp_tune_tx_start(struct vqp_tune_tx *tune, uint64_t size,
    enum vqp_placement placement);
void vqp_tune_rx_start(struct vqp_tune_rx *tune, enum vqp_placement placement);

/*
 * A line that is to be written must first come from where it was read.  To
 * ask for it ahead is worth a quarter of the time in a small ring within one
 * last-level cache.  Out of a large one lines leave by themselves, farther
 * away it gains nothing, and on one core it costs.
 */
static inline bool
vqp_tune_prefetches(const struct vqp_tune_tx *tune, uint64_t size)
{
	return vqp_is_near(&tune->distance) && size <= VQP_FETCH_RING_BYTES;
}

/* A lone small message of `want` bytes leaves its reader no time to evict. */
static inline bool
vqp_tune_is_lone(const struct vqp_tune_rx *tune, uint64_t want)
{
	return tune->backoff == 0 && want < VQP_MEDIUM_BYTES;
}

/*
 * Whether the lines of the `n` bytes last read may be evicted.  Not on one
 * core, nor many at once: those of a large message, whose producer stores past
 * the caches, or lines long gone by themselves.
 */
static inline bool
vqp_tune_may_evict(const struct vqp_tune_rx *tune, uint64_t n)
{
	return tune->distance.ticks > VQP_TICKS_NEAR &&
	    n <= 2 * VQP_GIVE_BACK_BYTES;
}

/*
 * Lines of `n` bytes, last read from a ring of `size`, may be evicted: does
 * the trial do so?
 */
bool vqp_tune_evicts(struct vqp_tune_rx *tune, uint64_t n, uint64_t size);

/*
 * Wait before a poll.  A consumer that polls after every message takes the
 * tail's line from a producer that streams, each time; so when a poll finds
 * more than was wanted, the next one waits a little longer, and when not, half
 * as long: a microsecond at most.  Returns whether there is time for a clock,
 * too: if it waited, and for larger amounts now and then.
 */
static inline bool
vqp_tune_wait(const struct vqp_tune_rx *tune, uint64_t want)
{
	for (uint16_t i = 0; i < tune->backoff; i++)
		vqp_pause();
	return tune->backoff != 0 || (want >= VQP_MEDIUM_BYTES &&
	    want < VQP_LARGE_BYTES);
}

/* A poll of a ring of `size` found `found` bytes; `want` were wanted. */
static inline void
vqp_tune_polled(struct vqp_tune_rx *tune, uint64_t found, uint64_t want,
    uint64_t size)
{
	if (found <= want) {
		tune->backoff /= 2;
		return;
	}
	/* Several messages a pause, or many bytes: near, less is no stream. */
	if (!vqp_is_far(&tune->distance) &&
	    found < (uint64_t)tune->backoff * VQP_GATE_BYTES &&
	    (want == 0 || found / want < (uint64_t)tune->backoff * 4))
		tune->backoff /= 2;
	else if (found >= size / 4)		/* the producer may wait */
		tune->backoff = tune->backoff / 2 | 1;
	else if (tune->backoff < VQP_GATE_PAUSES_MAX / 2)
		tune->backoff = (uint16_t)(2 * tune->backoff + 1);
	else
		tune->backoff = VQP_GATE_PAUSES_MAX;
}

#ifdef __cplusplus
}
#endif

#endif
