/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between a ring and an endpoint: in place, so the endpoint copies only. */
#include "host.h"

static void
to_iovec(struct iovec to[2], const struct vqp_span from[2])
{
	for (int i = 0; i < 2; i++) {
		to[i].iov_base = from[i].base;
		to[i].iov_len = from[i].length;
	}
}

void
host_end_begin(struct vqp_pair *pair)
{
	(void)vqp_tx_publish_edge(&pair->tx);
	(void)vqp_rx_publish_edge(&pair->rx);
}

int64_t
host_end_take(struct host *host, struct host_end *end, struct vqp_pair *pair,
    bool *tell)
{
	struct vqp_span spans[2];
	struct iovec io[2];
	int64_t n = vqp_rx_peek(&pair->rx, UINT64_MAX / 2, spans);

	*tell = false;
	if (n == VQP_ERROR_NO_DATA)
		return 0;
	if (n < 0)
		return HOST_BROKEN;
	to_iovec(io, spans);
	n = end->take(host, end, io);
	if (n > 0)
		*tell = vqp_rx_release_edge(&pair->rx, (uint64_t)n);
	return n;
}

int64_t
host_end_discard(struct vqp_pair *pair, bool *tell)
{
	struct vqp_span spans[2];
	const int64_t n = vqp_rx_peek(&pair->rx, UINT64_MAX / 2, spans);

	*tell = false;
	if (n == VQP_ERROR_NO_DATA)
		return 0;
	if (n < 0)
		return HOST_BROKEN;
	*tell = vqp_rx_release_edge(&pair->rx, (uint64_t)n);
	return n;
}

int64_t
host_end_give(struct host *host, struct host_end *end, struct vqp_pair *pair,
    bool *tell)
{
	struct vqp_span spans[2];
	struct iovec io[2];
	int64_t n = vqp_tx_reserve(&pair->tx, UINT64_MAX / 2, spans);

	*tell = false;
	if (n == VQP_ERROR_NO_SPACE)
		return HOST_WAIT;
	if (n < 0)
		return HOST_BROKEN;
	to_iovec(io, spans);
	n = end->give(host, end, io);
	if (n > 0)
		*tell = vqp_tx_commit_edge(&pair->tx, (uint64_t)n);
	return n;
}

void
host_end_say(struct host *host, const char *name, uint64_t bytes_in,
    uint64_t bytes_out, int64_t since)
{
	const double seconds = (double)(host_now_ms() - since) / 1000;
	const double bytes = (double)(bytes_in + bytes_out);

	host_say(host, "%s: in %llu, out %llu bytes, %.3f s, %.1f MB/s", name,
	    (unsigned long long)bytes_in, (unsigned long long)bytes_out,
	    seconds, seconds > 0 ? bytes / seconds / 1e6 : 0.0);
}
