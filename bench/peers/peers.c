/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The list of subjects. */
#include <stddef.h>

#include "peer.h"

const struct peer *const peers[] = {
	&peer_vqp, &peer_vqp_same_core, &peer_vqp_near, &peer_vqp_far,
	&peer_ck_ring, &peer_boost, &peer_moodycamel,
	&peer_atomic_queue, &peer_dpdk, &peer_pipe, &peer_unix,
	&peer_vmci, NULL
};
