/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What makes a ring fast where it happens to run: how far away the peer is,
 * whether to wait before a poll, whether to evict lines that were read or to
 * prefetch lines that will be written, and how much to publish at once.  All of
 * this is measured while the ring runs, or the caller states it.  These are
 * only hints: no decision made here can make a byte wrong.  Nothing here knows
 * a ring; the functions take and return numbers.
 */
#ifndef VQP_TUNE_H
#define VQP_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include <vqp/atomic.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the peer runs.  A performance hint; correctness never depends on it. */
enum vqp_placement {
	VQP_PLACEMENT_MEASURED,		/* unknown, or it changes */
	VQP_PLACEMENT_SAME_CORE,	/* two threads of one core */
	VQP_PLACEMENT_NEAR,		/* one last-level cache */
	VQP_PLACEMENT_FAR,		/* no common last-level cache */
};

/* How far away the peer is, as the caller stated it or as polls measured it. */
struct vqp_distance {
	uint32_t ticks;		/* 0: unknown */
	uint8_t looks;		/* polls counted, modulo 256 */
	bool told;
};

/*
 * Whether evicting consumed lines helps depends on the processor and the
 * distance, so the consumer measures both ways.  Processors differ by a factor
 * of two either way within one last-level cache, and producers between two by
 * the way they store.  The consumer times some windows of the stream with
 * eviction and some without, keeps the better way, and repeats the trial less
 * and less often.
 */
enum vqp_trial_step {
	VQP_TRIAL_KEEP,
	VQP_TRIAL_THIS,		/* time the present way */
	VQP_TRIAL_SETTLE,	/* use the other way: its effect shows a lap
				   later, or two if there is a backlog */
	VQP_TRIAL_OTHER,	/* time the other way */
};

struct vqp_trial {
	uint64_t left;		/* bytes left in this window */
	uint64_t since;		/* ticks when this window began */
	uint64_t ticks[2];	/* best window without and with eviction */
	uint32_t windows;	/* left in this step */
	uint32_t keep;		/* windows between two trials */
	enum vqp_trial_step step;
	bool gives_back;
	bool far;		/* the trial is for a far producer */
};

/* What a producer knows in order to be fast. */
struct vqp_tune_tx {
	uint64_t chunk;			/* bytes staged before a publish */
	struct vqp_distance distance;	/* to the consumer */
};

/* What a consumer knows in order to be fast. */
struct vqp_tune_rx {
	struct vqp_trial trial;
	struct vqp_distance distance;	/* to the producer */
	uint16_t backoff;		/* pauses before the next poll */
};

/*
 * The limits between the three distances, in ticks: one core, one last-level
 * cache, farther.  The distance is the time to load a line that the peer has
 * just written, less the time to load a line that the peer has not written.
 * Measured on Zen 4 at 2.6 GHz: 0 to 30, 80 to 130, and 310
 * (docs/decisions/0006-give-lines-back.md).
 */
#define VQP_TICKS_NEAR 36
#define VQP_TICKS_FAR 256
/*
 * Copies of this many bytes or more take the slow path, which picks a copy
 * kernel.
 */
#define VQP_BULK_BYTES 4096
/* The consumer times one poll in VQP_LOOKS, of those that may be timed. */
#define VQP_LOOKS 8
/*
 * For spans of this many bytes or more, the cost of reading a clock is nothing.
 */
#define VQP_MEDIUM_BYTES 1024
/*
 * Spans of this many bytes or more are never evicted, so the distance is not
 * measured.
 */
#define VQP_LARGE_BYTES 16384
/* The longest back-off, about a microsecond. */
#define VQP_GATE_PAUSES_MAX 64
#define VQP_GATE_BYTES 128
/* Lines are evicted this many bytes at a time; evicting more gains nothing. */
#define VQP_GIVE_BACK_BYTES 4096
/* The largest ring, in bytes, that a cache of one core can hold. */
#define VQP_FETCH_RING_BYTES 524288
/*
 * The bounds of `chunk`, bytes.  A producer that staged a chunk publishes it.
 */
#define VQP_MORE_BYTES 4096
#define VQP_MORE_BYTES_MAX 16384
/*
 * A window of a trial is a quarter of the ring, and at least VQP_TRIAL_BYTES.
 */
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

/* Learn from a poll that took `ticks` ticks beyond those of the clock. */
static inline void
vqp_distance_learn(struct vqp_distance *distance, uint64_t ticks)
{
	if (ticks >= 8 * VQP_TICKS_FAR)
		return;
	if (ticks > 2 * VQP_TICKS_FAR)
		ticks = 2 * VQP_TICKS_FAR;
	/* An average in which the last poll weighs a quarter. */
	distance->ticks = distance->ticks == 0 ? (uint32_t)ticks :
	    (3 * distance->ticks + (uint32_t)ticks) / 4;
}

void vqp_tune_tx_start(struct vqp_tune_tx *tune, uint64_t size,
    enum vqp_placement placement);
void vqp_tune_rx_start(struct vqp_tune_rx *tune, enum vqp_placement placement);

/*
 * Whether to prefetch.  A line must first come from the cache where it was read
 * before it can be written.  In a small ring within one last-level cache, a
 * prefetch saves a quarter of the time.  Lines of a large ring leave the cache
 * by themselves.  Farther away a prefetch gains nothing, and on one core it
 * costs.
 */
static inline bool
vqp_tune_prefetches(const struct vqp_tune_tx *tune, uint64_t size)
{
	return vqp_is_near(&tune->distance) && size <= VQP_FETCH_RING_BYTES;
}

/* A lone small message of `want` bytes leaves its consumer no time to evict. */
static inline bool
vqp_tune_is_lone(const struct vqp_tune_rx *tune, uint64_t want)
{
	return tune->backoff == 0 && want < VQP_MEDIUM_BYTES;
}

/*
 * Whether the lines of the `n` bytes last read may be evicted.  Not on one
 * core.  Not many lines at once either: they belong to a large message, whose
 * producer uses non-temporal stores, or they left the cache by themselves long
 * ago.
 */
static inline bool
vqp_tune_may_evict(const struct vqp_tune_rx *tune, uint64_t n)
{
	return tune->distance.ticks > VQP_TICKS_NEAR &&
	    n <= 2 * VQP_GIVE_BACK_BYTES;
}

/*
 * Whether to evict the lines of `n` bytes that were last read from a ring of
 * `size` bytes, and that may be evicted.  The trial decides, and counts the
 * bytes.
 */
bool vqp_tune_evicts(struct vqp_tune_rx *tune, uint64_t n, uint64_t size);

/*
 * Wait before a poll.  A consumer that polls after every message takes the line
 * of the tail from a streaming producer each time.  So when a poll finds more
 * than was wanted, the next one waits a little longer; when it does not, it
 * waits half as long; never more than a microsecond.  Returns whether the poll
 * may be timed: after a wait it may, and for a `want` from VQP_MEDIUM_BYTES to
 * below VQP_LARGE_BYTES.
 */
static inline bool
vqp_tune_wait(const struct vqp_tune_rx *tune, uint64_t want)
{
	for (uint16_t i = 0; i < tune->backoff; i++)
		vqp_pause();
	return tune->backoff != 0 || (want >= VQP_MEDIUM_BYTES &&
	    want < VQP_LARGE_BYTES);
}

/* A poll of a ring of `size` bytes found `found` bytes; `want` were wanted. */
static inline void
vqp_tune_polled(struct vqp_tune_rx *tune, uint64_t found, uint64_t want,
    uint64_t size)
{
	if (found <= want) {
		tune->backoff /= 2;
		return;
	}
	/*
	 * A stream brings several messages for each pause, or many bytes.  If
	 * the peer is not far and less was found, this is no stream.
	 */
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
