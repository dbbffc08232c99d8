/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The measured loops, written once.  A peer names its calls and the size of a
 * message.  The compiler then makes loops for this peer alone, with the calls
 * inlined and the size a constant, as in a program that uses the peer.
 *
 * Message i carries traffic_word(i) in every word.  Messages that are copied
 * come from PEER_SOURCES sources in turn, and the receiver checks their first
 * and last word.  Messages in place are written from a register and checked
 * word by word.
 *
 * This header compiles as C and as C++.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "peer.h"
#include "spin.h"

#define PEER_SOURCES 8

/* One thread's side of a burst. */
struct traffic {
	const uint8_t *source;	/* traffic_sources() messages, one by one */
	uint8_t *sink;		/* holds a batch, or one large message */
	struct spin spin;
	uint64_t mismatches;	/* messages that were not what was sent */
	struct histogram *latencies;	/* in ticks; NULL: not wanted */
	double ticks_per_message;	/* in an open loop */
};

#define TRAFFIC_INLINE static inline __attribute__((always_inline))

/* All message sizes. */
#define TRAFFIC_SIZES(size) \
	size(8) size(64) size(256) size(1024) size(16384) size(65536)

/*
 * All message sizes with all ring sizes, for peers that must know both at
 * compile time.
 */
#define TRAFFIC_SHAPES(shape) \
	shape(8, 65536) shape(64, 65536) shape(256, 65536) \
	shape(1024, 65536) shape(16384, 65536) \
	shape(8, 1048576) shape(64, 1048576) shape(256, 1048576) \
	shape(1024, 1048576) shape(16384, 1048576) shape(65536, 1048576)

/* Batches of larger messages fill a ring and gain nothing. */
#define TRAFFIC_BATCH_MAX_BYTES 1024

/*
 * In an open loop, reading the clock waits for the message, which takes half
 * the time between two messages.  So only some messages are timed, at a
 * distance that divides no ring.
 */
#define TRAFFIC_TIMED_EVERY 17

/* The number of messages that `source` must hold. */
TRAFFIC_INLINE uint64_t
traffic_sources(uint64_t bytes)
{
	return bytes <= TRAFFIC_BATCH_MAX_BYTES ? PEER_BATCH : PEER_SOURCES;
}

/* Never 0, because some queues reserve it. */
TRAFFIC_INLINE uint64_t
traffic_word(uint64_t message)
{
	return (message % PEER_SOURCES + 1) * UINT64_C(0x0101010101010101);
}

TRAFFIC_INLINE void
traffic_fill(void *at, uint64_t bytes, uint64_t message)
{
	uint64_t *word = (uint64_t *)at;

	for (uint64_t i = 0; i < bytes / 8; i++)
		word[i] = traffic_word(message);
}

/* 1 if any word is wrong, else 0. */
TRAFFIC_INLINE uint64_t
traffic_differs(const void *at, uint64_t bytes, uint64_t message)
{
	const uint64_t *word = (const uint64_t *)at;
	uint64_t difference = 0;

	for (uint64_t i = 0; i < bytes / 8; i++)
		difference |= word[i] ^ traffic_word(message);
	return difference != 0;
}

/* 1 if the first or the last word is wrong, else 0. */
TRAFFIC_INLINE uint64_t
traffic_ends_differ(const uint8_t *at, uint64_t bytes, uint64_t message)
{
	/* Force the whole copy, although only two words are checked. */
	__asm__ __volatile__("" : : "r"(at) : "memory");
	return traffic_differs(at, 8, message) |
	    traffic_differs(at + bytes - 8, 8, message);
}

/*
 * One message a call: put and get return false when the queue is full or empty.
 */
TRAFFIC_INLINE bool
traffic_produce(struct traffic *traffic, void *out, uint64_t messages,
    uint64_t bytes,
    bool (*put)(void *out, const void *from, uint64_t bytes))
{
	for (uint64_t i = 0; i < messages; i++) {
		const uint8_t *from =
		    traffic->source + i % PEER_SOURCES * bytes;

		while (!put(out, from, bytes))
			if (!spin_again(&traffic->spin))
				return false;
	}
	return true;
}

TRAFFIC_INLINE bool
traffic_consume(struct traffic *traffic, void *in, uint64_t messages,
    uint64_t bytes, bool (*get)(void *in, void *to, uint64_t bytes))
{
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages; i++) {
		while (!get(in, traffic->sink, bytes))
			if (!spin_again(&traffic->spin))
				return false;
		mismatches += traffic_ends_differ(traffic->sink, bytes, i);
	}
	traffic->mismatches += mismatches;
	return true;
}

/* put keeps a message unpublished until flush, or for a while. */
TRAFFIC_INLINE bool
traffic_produce_more(struct traffic *traffic, void *out, uint64_t messages,
    uint64_t bytes,
    bool (*put)(void *out, const void *from, uint64_t bytes),
    void (*flush)(void *out))
{
	for (uint64_t i = 0; i < messages; i++) {
		const uint8_t *from =
		    traffic->source + i % PEER_SOURCES * bytes;

		for (bool flushed = false; !put(out, from, bytes);
		    flushed = true) {
			if (!flushed)
				flush(out);
			if (!spin_again(&traffic->spin))
				return false;
		}
	}
	flush(out);
	return true;
}

/* Up to PEER_BATCH messages a call; put and get return how many. */
TRAFFIC_INLINE bool
traffic_produce_batch(struct traffic *traffic, void *out, uint64_t messages,
    uint64_t bytes, uint64_t (*put)(void *out, const uint8_t *from,
    uint64_t bytes, uint64_t count))
{
	for (uint64_t i = 0; i < messages;) {
		uint64_t at = i % PEER_BATCH;
		uint64_t count = PEER_BATCH - at;

		if (count > messages - i)
			count = messages - i;
		count = put(out, traffic->source + at * bytes, bytes, count);
		if (count == 0 && !spin_again(&traffic->spin))
			return false;
		i += count;
	}
	return true;
}

TRAFFIC_INLINE bool
traffic_consume_batch(struct traffic *traffic, void *in, uint64_t messages,
    uint64_t bytes, uint64_t (*get)(void *in, uint8_t *to, uint64_t bytes,
    uint64_t count))
{
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages;) {
		uint64_t count = PEER_BATCH;

		if (count > messages - i)
			count = messages - i;
		count = get(in, traffic->sink, bytes, count);
		if (count == 0 && !spin_again(&traffic->spin))
			return false;
		for (uint64_t j = 0; j < count; j++)
			mismatches += traffic_ends_differ(
			    traffic->sink + j * bytes, bytes, i + j);
		i += count;
	}
	traffic->mismatches += mismatches;
	return true;
}

/*
 * Up to `at_most` messages in the ring a call, beginning with `first`: fill
 * writes them with traffic_fill(); drain reads them with traffic_differs() and
 * adds up its results.  Both return how many.
 */
TRAFFIC_INLINE bool
traffic_produce_in_place(struct traffic *traffic, void *out,
    uint64_t messages, uint64_t bytes, uint64_t at_most,
    uint64_t (*fill)(void *out, uint64_t bytes, uint64_t count,
    uint64_t first))
{
	for (uint64_t i = 0; i < messages;) {
		uint64_t count = at_most;

		if (count > messages - i)
			count = messages - i;
		count = fill(out, bytes, count, i);
		if (count == 0 && !spin_again(&traffic->spin))
			return false;
		i += count;
	}
	return true;
}

TRAFFIC_INLINE bool
traffic_consume_in_place(struct traffic *traffic, void *in,
    uint64_t messages, uint64_t bytes, uint64_t at_most,
    uint64_t (*drain)(void *in, uint64_t bytes, uint64_t count,
    uint64_t first, uint64_t *mismatches))
{
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages;) {
		uint64_t count = at_most;

		if (count > messages - i)
			count = messages - i;
		count = drain(in, bytes, count, i, &mismatches);
		if (count == 0 && !spin_again(&traffic->spin))
			return false;
		i += count;
	}
	traffic->mismatches += mismatches;
	return true;
}

/*
 * A byte stream, for messages that may pass in parts: write and read return how
 * many bytes, 0 or less for none now.
 */
TRAFFIC_INLINE bool
traffic_produce_stream(struct traffic *traffic, void *out, uint64_t messages,
    uint64_t bytes,
    int64_t (*write_some)(void *out, const void *from, uint64_t bytes))
{
	for (uint64_t i = 0; i < messages; i++) {
		const uint8_t *from =
		    traffic->source + i % PEER_SOURCES * bytes;

		for (uint64_t done = 0; done < bytes;) {
			int64_t n = write_some(out, from + done, bytes - done);

			if (n > 0)
				done += (uint64_t)n;
			else if (!spin_again(&traffic->spin))
				return false;
		}
	}
	return true;
}

TRAFFIC_INLINE bool
traffic_consume_stream(struct traffic *traffic, void *in, uint64_t messages,
    uint64_t bytes, int64_t (*read_some)(void *in, void *to, uint64_t bytes))
{
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages; i++) {
		for (uint64_t done = 0; done < bytes;) {
			int64_t n = read_some(in, traffic->sink + done,
			    bytes - done);

			if (n > 0)
				done += (uint64_t)n;
			else if (!spin_again(&traffic->spin))
				return false;
		}
		mismatches += traffic_ends_differ(traffic->sink, bytes, i);
	}
	traffic->mismatches += mismatches;
	return true;
}

/*
 * There and back.  The clock is read once a trip, so no time is lost between
 * two trips.  It is a closed loop: the next trip begins when the last one
 * ended.
 */
TRAFFIC_INLINE bool
traffic_ping(struct traffic *traffic, const struct peer_end *end,
    uint64_t messages, uint64_t bytes,
    bool (*put)(void *out, const void *from, uint64_t bytes),
    bool (*get)(void *in, void *to, uint64_t bytes))
{
	uint64_t before = clock_ticks();
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages; i++) {
		const uint8_t *from =
		    traffic->source + i % PEER_SOURCES * bytes;
		uint64_t now;

		while (!put(end->out, from, bytes))
			if (!spin_again(&traffic->spin))
				return false;
		while (!get(end->in, traffic->sink, bytes))
			if (!spin_again(&traffic->spin))
				return false;
		now = clock_ticks();
		mismatches += traffic_ends_differ(traffic->sink, bytes, i);
		histogram_add(traffic->latencies, now - before);
		before = now;
	}
	traffic->mismatches += mismatches;
	return true;
}

TRAFFIC_INLINE bool
traffic_pong(struct traffic *traffic, const struct peer_end *end,
    uint64_t messages, uint64_t bytes,
    bool (*put)(void *out, const void *from, uint64_t bytes),
    bool (*get)(void *in, void *to, uint64_t bytes))
{
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages; i++) {
		const uint8_t *from =
		    traffic->source + i % PEER_SOURCES * bytes;

		while (!get(end->in, traffic->sink, bytes))
			if (!spin_again(&traffic->spin))
				return false;
		while (!put(end->out, from, bytes))
			if (!spin_again(&traffic->spin))
				return false;
		mismatches += traffic_ends_differ(traffic->sink, bytes, i);
	}
	traffic->mismatches += mismatches;
	return true;
}

/*
 * An open loop: message i is due at a time fixed beforehand, which it carries
 * in its first word, and its latency counts from that time.  A sender that is
 * late catches up as fast as it can; the delay counts in the latency of its
 * messages.
 */
TRAFFIC_INLINE bool
traffic_offer(struct traffic *traffic, void *out, uint64_t messages,
    uint64_t bytes,
    bool (*put)(void *out, const void *from, uint64_t bytes))
{
	uint64_t start = clock_ticks();
	uint64_t *message = (uint64_t *)traffic->sink;	/* otherwise unused */

	for (uint64_t i = 0; i < messages; i++) {
		uint64_t due = start +
		    (uint64_t)((double)i * traffic->ticks_per_message);

		while (clock_ticks() < due)
			;
		traffic_fill(message, bytes, i);
		message[0] = due;
		while (!put(out, message, bytes))
			if (!spin_again(&traffic->spin))
				return false;
	}
	return true;
}

TRAFFIC_INLINE bool
traffic_accept(struct traffic *traffic, void *in, uint64_t messages,
    uint64_t bytes, bool (*get)(void *in, void *to, uint64_t bytes))
{
	const uint64_t *message = (const uint64_t *)traffic->sink;
	uint64_t mismatches = 0;

	for (uint64_t i = 0; i < messages; i++) {
		while (!get(in, traffic->sink, bytes))
			if (!spin_again(&traffic->spin))
				return false;
		if (i % TRAFFIC_TIMED_EVERY == 0)
			histogram_add(traffic->latencies,
			    clock_ticks_past_loads() - message[0]);
		mismatches += traffic_differs(&message[1], bytes - 8, i);
	}
	traffic->mismatches += mismatches;
	return true;
}

/*
 * Define a `static const struct peer_loops name` of one mode from the calls it
 * needs.  A real program has one loop and calls a function in one place, where
 * it is inlined.  Here each function is called in many places, so the compiler
 * must be told to inline it.
 */
#define TRAFFIC_LOOPS(name, first, second)				\
	static __attribute__((flatten)) bool				\
	name##_first(struct traffic *traffic,				\
	    const struct peer_end *end, uint64_t messages)		\
	{								\
		return first;						\
	}								\
	static __attribute__((flatten)) bool				\
	name##_second(struct traffic *traffic,				\
	    const struct peer_end *end, uint64_t messages)		\
	{								\
		return second;						\
	}								\
	static const struct peer_loops name = {				\
		{ name##_first, name##_second }				\
	};

#define TRAFFIC_COPY(name, bytes, put, get)				\
	TRAFFIC_LOOPS(name,						\
	    traffic_produce(traffic, end->out, messages, bytes, put),	\
	    traffic_consume(traffic, end->in, messages, bytes, get))

#define TRAFFIC_COPY_MORE(name, bytes, put, flush, get)			\
	TRAFFIC_LOOPS(name, traffic_produce_more(traffic, end->out,	\
	    messages, bytes, put, flush), traffic_consume(traffic,	\
	    end->in, messages, bytes, get))

#define TRAFFIC_COPY_BATCH(name, bytes, put, get)			\
	TRAFFIC_LOOPS(name, traffic_produce_batch(traffic, end->out,	\
	    messages, bytes, put), traffic_consume_batch(traffic,	\
	    end->in, messages, bytes, get))

#define TRAFFIC_IN_PLACE(name, bytes, at_most, fill, drain)		\
	TRAFFIC_LOOPS(name, traffic_produce_in_place(traffic,		\
	    end->out, messages, bytes, at_most, fill),			\
	    traffic_consume_in_place(traffic, end->in, messages, bytes,	\
	    at_most, drain))

#define TRAFFIC_STREAM(name, bytes, write_some, read_some)		\
	TRAFFIC_LOOPS(name, traffic_produce_stream(traffic, end->out,	\
	    messages, bytes, write_some), traffic_consume_stream(	\
	    traffic, end->in, messages, bytes, read_some))

#define TRAFFIC_ROUND_TRIP(name, bytes, put, get)			\
	TRAFFIC_LOOPS(name,						\
	    traffic_ping(traffic, end, messages, bytes, put, get),	\
	    traffic_pong(traffic, end, messages, bytes, put, get))

#define TRAFFIC_OPEN_LOOP(name, bytes, put, get)			\
	TRAFFIC_LOOPS(name,						\
	    traffic_offer(traffic, end->out, messages, bytes, put),	\
	    traffic_accept(traffic, end->in, messages, bytes, get))

/*
 * The last line of a menu(): returns the peer's menu_<bytes> for the size, or
 * NULL.
 */
#define TRAFFIC_MENU_CASE(bytes) case bytes: return &menu_##bytes;
#define TRAFFIC_MENU(shape) do {					\
	switch ((shape)->message_bytes) {				\
	TRAFFIC_SIZES(TRAFFIC_MENU_CASE)				\
	}								\
	return NULL;							\
} while (0)

#endif
