/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The queue pair functions that the life cycle calls.
 */
#ifndef CORE_QPAIR_H
#define CORE_QPAIR_H

#include "core_private.h"

void vqp_qpairs_init(struct vqp_core *core);
void vqp_qpairs_destroy(struct vqp_core *core);

/*
 * The device forgot all pairs: break their rings, and free those that are in
 * quarantine.
 */
void vqp_qpairs_lose(struct vqp_core *core);

/* Send clients an event QP_PEER_DETACH for each lost pair. */
void vqp_qpairs_tell(struct vqp_core *core);

/* True if, since the last call, such an event had no subscriber. */
bool vqp_qpairs_unheard(struct vqp_core *core);

/* Ask the device to detach each pair, before the device goes away. */
void vqp_qpairs_detach(struct vqp_core *core);

#endif
