/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The oracle is slow and obvious on purpose: it uses nothing of how the engine
 * works.
 */
#include <stdlib.h>

#include <vqp/ring.h>

#include "oracle.h"

void
oracle_open(struct oracle *oracle, uint64_t size, uint64_t start)
{
	oracle->bytes = malloc((size_t)size);
	if (oracle->bytes == NULL)
		abort();
	oracle->size = size;
	oracle->tail_staged = oracle->tail = oracle->tail_rung = start;
	oracle->head_staged = oracle->head_lazy = start;
	oracle->head = start;
	/*
	 * Earlier notifications are unknown, so begin with the head of a full
	 * ring.
	 */
	oracle->head_rung = start + 1 - size;
}

void
oracle_close(struct oracle *oracle)
{
	free(oracle->bytes);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bytes that the producer may still stage: one byte always stays empty. */
static uint64_t
room(const struct oracle *oracle)
{
	return oracle->size - 1 - (oracle->tail_staged - oracle->head);
}

int64_t
oracle_tx_reserve(const struct oracle *oracle, uint64_t want)
{
	if (room(oracle) == 0)
		return VQP_ERROR_NO_SPACE;
	return (int64_t)smaller(want, room(oracle));
}

void
oracle_tx_stage(struct oracle *oracle, const uint8_t *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		oracle->bytes[oracle->tail_staged % oracle->size] = from[i];
		oracle->tail_staged++;
	}
}

void
oracle_tx_publish(struct oracle *oracle)
{
	oracle->tail = oracle->tail_staged;
}

/*
 * A notification is due if the consumer may have slept at a tail since the last
 * one.
 */
bool
oracle_tx_publish_edge(struct oracle *oracle)
{
	const uint64_t rung = oracle->tail_rung;

	oracle_tx_publish(oracle);
	oracle->tail_rung = oracle->tail;
	return oracle->head >= rung && oracle->head < oracle->tail;
}

int64_t
oracle_rx_peek(struct oracle *oracle, uint8_t *to, uint64_t want)
{
	const uint64_t ready = oracle->tail - oracle->head_staged;

	if (ready < want || ready == 0)
		oracle->head = oracle->head_lazy;
	if (ready == 0)
		return VQP_ERROR_NO_DATA;
	want = smaller(want, ready);
	for (uint64_t i = 0; i < want; i++)
		to[i] = oracle->bytes[(oracle->head_staged + i) %
		    oracle->size];
	return (int64_t)want;
}

void
oracle_rx_stage(struct oracle *oracle, uint64_t n)
{
	oracle->head_staged += n;
}

void
oracle_rx_publish(struct oracle *oracle)
{
	oracle->head = oracle->head_lazy = oracle->head_staged;
}

/*
 * A notification is due if the producer may have slept, with a full ring, at a
 * head since the last one.
 */
bool
oracle_rx_publish_edge(struct oracle *oracle)
{
	const uint64_t rung = oracle->head_rung;
	/* The head at which this tail fills the ring, plus the size. */
	const uint64_t full = oracle->tail + 1;

	oracle_rx_publish(oracle);
	oracle->head_rung = oracle->head;
	return full >= rung + oracle->size &&
	    full < oracle->head + oracle->size;
}

void
oracle_rx_release_lazy(struct oracle *oracle, uint64_t n)
{
	oracle_rx_stage(oracle, n);
	oracle->head_lazy = oracle->head_staged;
	if (n > VQP_GIVE_BACK_BYTES ||
	    oracle->head_lazy - oracle->head > oracle->size / 4)
		oracle_rx_publish(oracle);
}

bool
oracle_tx_may_sleep(struct oracle *oracle)
{
	oracle_tx_publish(oracle);
	return oracle_free(oracle) == 0;
}

bool
oracle_rx_may_sleep(struct oracle *oracle)
{
	oracle_rx_publish(oracle);
	return oracle_ready(oracle) == 0;
}

int64_t
oracle_enqueue(struct oracle *oracle, const uint8_t *from, uint64_t length)
{
	const int64_t n = oracle_tx_reserve(oracle, length);

	if (n > 0)
		oracle_tx_stage(oracle, from, (uint64_t)n);
	/* A full ring publishes, too: the staged release can make space. */
	if (n != 0)
		oracle_tx_publish(oracle);
	return n;
}

int64_t
oracle_send(struct oracle *oracle, const uint8_t *from, uint64_t length)
{
	if (length >= oracle->size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (length > room(oracle)) {
		oracle_tx_publish(oracle);
		return VQP_ERROR_NO_SPACE;
	}
	return oracle_enqueue(oracle, from, length);
}

int64_t
oracle_send_more(struct oracle *oracle, const uint8_t *from, uint64_t length)
{
	if (length >= oracle->size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (length > room(oracle) || room(oracle) == 0) {
		oracle_tx_publish(oracle);
		return VQP_ERROR_NO_SPACE;
	}
	oracle_tx_stage(oracle, from, length);
	return (int64_t)length;
}

int64_t
oracle_send_batch(struct oracle *oracle, const uint8_t *from, uint64_t length,
    uint64_t count)
{
	const uint64_t fit = length == 0 ? 0 : room(oracle) / length;

	if (length == 0 || count == 0 || length > INT64_MAX / count)
		return VQP_ERROR_INVALID_ARGS;
	if (length >= oracle->size)
		return VQP_ERROR_PAYLOAD_TOO_LARGE;
	if (fit == 0) {
		oracle_tx_publish(oracle);
		return VQP_ERROR_NO_SPACE;
	}
	count = smaller(count, fit);
	oracle_enqueue(oracle, from, count * length);
	return (int64_t)count;
}

int64_t
oracle_dequeue(struct oracle *oracle, uint8_t *to, uint64_t length)
{
	const int64_t n = oracle_rx_peek(oracle, to, length);

	if (n > 0)
		oracle_rx_release_lazy(oracle, (uint64_t)n);
	return n;
}

int64_t
oracle_receive(struct oracle *oracle, uint8_t *to, uint64_t length)
{
	const uint64_t ready = oracle->tail - oracle->head_staged;

	if (length <= ready)
		return oracle_dequeue(oracle, to, length);
	/* A span that falls short publishes what was released lazily. */
	oracle->head = oracle->head_lazy;
	return length >= oracle->size ?
	    VQP_ERROR_PAYLOAD_TOO_LARGE : VQP_ERROR_NO_DATA;
}

int64_t
oracle_receive_batch(struct oracle *oracle, uint8_t *to, uint64_t length,
    uint64_t count)
{
	const uint64_t ready = oracle->tail - oracle->head_staged;
	uint64_t whole;

	if (length == 0 || count == 0 || length > INT64_MAX / count)
		return VQP_ERROR_INVALID_ARGS;
	whole = smaller(count, ready / length);
	if (ready / length < count)
		oracle->head = oracle->head_lazy;
	if (whole == 0)
		return length >= oracle->size ?
		    VQP_ERROR_PAYLOAD_TOO_LARGE : VQP_ERROR_NO_DATA;
	oracle_dequeue(oracle, to, whole * length);
	return (int64_t)whole;
}

uint64_t
oracle_ready(const struct oracle *oracle)
{
	return oracle->tail - oracle->head;
}

uint64_t
oracle_free(const struct oracle *oracle)
{
	return oracle->size - 1 - oracle_ready(oracle);
}

uint64_t
oracle_unread(const struct oracle *oracle)
{
	return oracle->tail - oracle->head_lazy;
}
