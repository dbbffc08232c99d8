/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Proves one call of the shipped ring.h, from any private state that the
 * invariant allows, for any size up to VMCI's 128 MiB, whatever the peer's
 * index is at each load.  Reservations and readable spans lie inside the ring,
 * answers are the documented ones, and the invariant holds afterwards.  That is
 * the whole induction step, because a side keeps nothing but its private state.
 */
#ifdef VQP_MODEL_STUB
#include <cbmc.h>
#endif
#include <stdlib.h>

#include <vqp/ring.h>

/* CBMC reads a single file. */
#include <ring.c>
#include <tune.c>

#define SIZE_MAX_BYTES (UINT64_C(128) << 20)

void cbmc_tx(void);
void cbmc_rx(void);

struct vqp_tx nondet_tx(void);
struct vqp_rx nondet_rx(void);

static struct vqp_cell64 tail_cell, head_cell;

static void
offer_is_inside(int64_t n, uint64_t want, const struct vqp_span span[2])
{
	__CPROVER_assert(want == 0 ? n == 0 : n >= 1 && (uint64_t)n <= want,
	    "an offer is 1 to want");
	__CPROVER_assert(span[0].length + span[1].length == (uint64_t)n,
	    "its spans add up");
	__CPROVER_assert(span[0].length <= (uint64_t)n, "and do not wrap");
	__CPROVER_assert(__CPROVER_w_ok(span[0].base, span[0].length),
	    "the first lies in the ring");
	__CPROVER_assert(__CPROVER_w_ok(span[1].base, span[1].length),
	    "the second lies in the ring");
}

static uint8_t *
any_ring(uint64_t size)
{
	uint8_t *data;

	__CPROVER_assume(size >= 1 && size <= SIZE_MAX_BYTES);
	data = malloc((size_t)size);
	__CPROVER_assume(data != NULL);
	return data;
}

/*
 * True for a state that vqp_tx_set_soft() may have left, also after later
 * calls.
 */
static bool
tx_sound(const struct vqp_tx *tx)
{
	return tx->tail < tx->size && tx->head_seen < tx->size &&
	    tx->soft >= tx->tail && tx->soft < tx->size &&
	    (tx->head_seen <= tx->tail || tx->soft < tx->head_seen);
}

void
cbmc_tx(void)
{
	struct vqp_tx tx = nondet_tx();
	const uint64_t want = nondet_uint64(), n = nondet_uint64();
	struct vqp_span span[2];
	int64_t offered;

	tx.data = any_ring(tx.size);
	tx.mirrored = false;
	tx.tail_cell = &tail_cell;
	tx.head_cell = &head_cell;
	__CPROVER_assume(tx_sound(&tx));

	offered = vqp_tx_reserve(&tx, want, span);
	__CPROVER_assert(tx_sound(&tx), "reserve keeps the invariant");
	if (offered < 0) {
		__CPROVER_assert(offered == VQP_ERROR_NO_SPACE ||
		    offered == VQP_ERROR_INVALID_SIZE, "a documented error");
		return;
	}
	offer_is_inside(offered, want, span);
	__CPROVER_assume(n <= (uint64_t)offered);
	if (nondet_uint8() != 0)
		vqp_tx_commit(&tx, n);
	else
		(void)vqp_tx_commit_edge(&tx, n);
	__CPROVER_assert(tx_sound(&tx), "commit keeps the invariant");
	(void)vqp_tx_may_sleep(&tx);
	__CPROVER_assert(tx_sound(&tx), "may_sleep keeps the invariant");
}

static bool
rx_sound(const struct vqp_rx *rx)
{
	return rx->head < rx->size && rx->tail_seen < rx->size &&
	    rx->soft >= rx->head && rx->soft < rx->size &&
	    (rx->tail_seen < rx->head || rx->soft <= rx->tail_seen) &&
	    rx->tune.backoff <= VQP_GATE_PAUSES_MAX &&
	    rx->given_back < rx->size;
}

void
cbmc_rx(void)
{
	struct vqp_rx rx = nondet_rx();
	const uint64_t want = nondet_uint64(), n = nondet_uint64();
	struct vqp_span span[2];
	int64_t offered;

	rx.data = any_ring(rx.size);
	rx.mirrored = false;
	rx.tail_cell = &tail_cell;
	rx.head_cell = &head_cell;
	rx.can = (uint8_t)vqp_cpu_can();
	__CPROVER_assume(rx_sound(&rx));

	offered = vqp_rx_peek(&rx, want, span);
	__CPROVER_assert(rx_sound(&rx), "peek keeps the invariant");
	if (offered < 0) {
		__CPROVER_assert(offered == VQP_ERROR_NO_DATA ||
		    offered == VQP_ERROR_INVALID_SIZE, "a documented error");
		return;
	}
	offer_is_inside(offered, want, span);
	__CPROVER_assume(n <= (uint64_t)offered);
	switch (nondet_uint8() % 3) {
	case 0:
		vqp_rx_release(&rx, n);
		break;
	case 1:
		vqp_rx_release_lazy(&rx, n);
		break;
	default:
		(void)vqp_rx_release_edge(&rx, n);
	}
	__CPROVER_assert(rx_sound(&rx), "release keeps the invariant");
	(void)vqp_rx_may_sleep(&rx);
	__CPROVER_assert(rx_sound(&rx), "may_sleep keeps the invariant");
}
