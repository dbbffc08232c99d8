/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Puts each call into a function of its own, for codegen.py to disassemble. */
#include <vqp/ring.h>

uint64_t
census_load_relaxed(const struct vqp_cell64 *cell)
{
	return vqp_load_relaxed(cell);
}

uint64_t
census_load_acquire(const struct vqp_cell64 *cell)
{
	return vqp_load_acquire(cell);
}

void
census_store_relaxed(struct vqp_cell64 *cell, uint64_t value)
{
	vqp_store_relaxed(cell, value);
}

void
census_store_release(struct vqp_cell64 *cell, uint64_t value)
{
	vqp_store_release(cell, value);
}

uint8_t
census_swap8_full(struct vqp_cell8 *cell, uint8_t value)
{
	return vqp_swap8_full(cell, value);
}

void
census_fence_full(void)
{
	vqp_fence_full();
}

/* The place of the pointer to the peer's cell in a producer or consumer. */
const struct vqp_cell64 *
census_tx_foreign(const struct vqp_tx *tx)
{
	return tx->head_cell;
}

const struct vqp_cell64 *
census_rx_foreign(const struct vqp_rx *rx)
{
	return rx->tail_cell;
}

/* Every call; the slow halves are functions of their own. */
int
census_tx_attach(struct vqp_tx *tx, const struct vqp_ring *ring)
{
	return vqp_tx_attach(tx, ring);
}

int
census_rx_attach(struct vqp_rx *rx, const struct vqp_ring *ring)
{
	return vqp_rx_attach(rx, ring);
}

int64_t
census_tx_reserve(struct vqp_tx *tx, uint64_t want, struct vqp_span out[2])
{
	return vqp_tx_reserve(tx, want, out);
}

int64_t
census_rx_peek(struct vqp_rx *rx, uint64_t want, struct vqp_span out[2])
{
	return vqp_rx_peek(rx, want, out);
}

void
census_tx_stage(struct vqp_tx *tx, uint64_t n)
{
	vqp_tx_stage(tx, n);
}

void
census_rx_stage(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_stage(rx, n);
}

void
census_tx_publish(struct vqp_tx *tx)
{
	vqp_tx_publish(tx);
}

void
census_ring_snapshot(const struct vqp_cell64 *own,
    const struct vqp_cell64 *foreign, uint64_t *mine, uint64_t *theirs)
{
	vqp_ring_snapshot(own, foreign, mine, theirs);
}

void
census_rx_publish(struct vqp_rx *rx)
{
	vqp_rx_publish(rx);
}

void
census_tx_commit(struct vqp_tx *tx, uint64_t n)
{
	vqp_tx_commit(tx, n);
}

void
census_rx_release(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_release(rx, n);
}

void
census_rx_release_lazy(struct vqp_rx *rx, uint64_t n)
{
	vqp_rx_release_lazy(rx, n);
}

bool
census_tx_publish_edge(struct vqp_tx *tx)
{
	return vqp_tx_publish_edge(tx);
}

bool
census_rx_publish_edge(struct vqp_rx *rx)
{
	return vqp_rx_publish_edge(rx);
}

bool
census_tx_commit_edge(struct vqp_tx *tx, uint64_t n)
{
	return vqp_tx_commit_edge(tx, n);
}

bool
census_rx_release_edge(struct vqp_rx *rx, uint64_t n)
{
	return vqp_rx_release_edge(rx, n);
}

bool
census_tx_may_sleep(struct vqp_tx *tx)
{
	return vqp_tx_may_sleep(tx);
}

bool
census_rx_may_sleep(struct vqp_rx *rx)
{
	return vqp_rx_may_sleep(rx);
}

int64_t
census_tx_query(struct vqp_tx *tx, uint64_t *tail, uint64_t *head)
{
	return vqp_tx_query(tx, tail, head);
}

int64_t
census_rx_query(struct vqp_rx *rx, uint64_t *tail, uint64_t *head)
{
	return vqp_rx_query(rx, tail, head);
}
