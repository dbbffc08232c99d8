/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams from the device.
 */
#ifndef CORE_RECEIVE_H
#define CORE_RECEIVE_H

#include "core_private.h"

/* Whether there is more to do. */
bool vqp_receive_serve(struct vqp_core *core, uint32_t causes);
void vqp_receive_reset(struct vqp_core *core);

#endif
