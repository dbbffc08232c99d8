/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a ring between two honest sides must do: VMCI's arithmetic and answers
 * (docs/wire.md 4.3) on counts that never wrap, one byte at a time, with
 * knowledge of both sides at once.  A call here has the name and the answers of
 * the engine's call; tests run both and compare.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stdint.h>

/* Counts of bytes since the start; an index is the count modulo the size. */
struct oracle {
	uint8_t *bytes;
	uint64_t size;
	uint64_t tail_staged, tail;	/* tail, head: as published */
	uint64_t head_staged, head_lazy, head;
	uint64_t tail_rung, head_rung;	/* at the last notification */
};

/* Open a ring of `size` (at least 1) bytes that is empty at index `start`. */
void oracle_open(struct oracle *oracle, uint64_t size, uint64_t start);
void oracle_close(struct oracle *oracle);

/* Producer: the length of a reservation; stage bytes of it; publish them. */
int64_t oracle_tx_reserve(const struct oracle *oracle, uint64_t want);
void oracle_tx_stage(struct oracle *oracle, const uint8_t *from, uint64_t n);
void oracle_tx_publish(struct oracle *oracle);
bool oracle_tx_publish_edge(struct oracle *oracle);

/* Consumer: a readable span, copied out; stage bytes of it; release them. */
int64_t oracle_rx_peek(struct oracle *oracle, uint8_t *to, uint64_t want);
void oracle_rx_stage(struct oracle *oracle, uint64_t n);
void oracle_rx_publish(struct oracle *oracle);
bool oracle_rx_publish_edge(struct oracle *oracle);
void oracle_rx_release_lazy(struct oracle *oracle, uint64_t n);

/*
 * True if this side may sleep.  Like the engine's calls, these publish first.
 */
bool oracle_tx_may_sleep(struct oracle *oracle);
bool oracle_rx_may_sleep(struct oracle *oracle);

/* The copying calls.  With NO_SPACE everything that was staged is published. */
int64_t oracle_enqueue(struct oracle *oracle, const uint8_t *from,
    uint64_t length);
int64_t oracle_send(struct oracle *oracle, const uint8_t *from,
    uint64_t length);
int64_t oracle_send_batch(struct oracle *oracle, const uint8_t *from,
    uint64_t length, uint64_t count);
int64_t oracle_dequeue(struct oracle *oracle, uint8_t *to, uint64_t length);
int64_t oracle_receive(struct oracle *oracle, uint8_t *to, uint64_t length);
int64_t oracle_receive_batch(struct oracle *oracle, uint8_t *to,
    uint64_t length, uint64_t count);

/*
 * When more follows, the engine may publish or not, unless the answer is
 * NO_SPACE.  The oracle publishes only then.
 */
int64_t oracle_send_more(struct oracle *oracle, const uint8_t *from,
    uint64_t length);

/* The bytes in the ring and the free bytes, by the published counts. */
uint64_t oracle_ready(const struct oracle *oracle);
uint64_t oracle_free(const struct oracle *oracle);

/*
 * The bytes in the ring as the consumer knows them: without those it released.
 */
uint64_t oracle_unread(const struct oracle *oracle);

#endif
