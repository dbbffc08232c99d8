/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the life cycle needs of queue pairs.
 */
#ifndef CORE_QPAIR_H
#define CORE_QPAIR_H

#include "core_private.h"

void vqp_qpairs_init(struct vqp_core *core);
void vqp_qpairs_destroy(struct vqp_core *core);

/* The device forgets all pairs: mark them, and free what it refused to. */
void vqp_qpairs_lose(struct vqp_core *core);

/* Tell clients of the pairs that were lost. */
void vqp_qpairs_tell(struct vqp_core *core);

/* A pair was lost since the last call, and no client was there to be told. */
bool vqp_qpairs_unheard(struct vqp_core *core);

/* Lose them one by one, each with a word to the device. */
void vqp_qpairs_detach(struct vqp_core *core);

#endif
