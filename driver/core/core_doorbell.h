/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the life cycle and interrupts need of doorbells.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include "core_private.h"

/* Tell the device of the page.  An answer of the device's. */
int64_t vqp_bells_register(struct vqp_core *core);
void vqp_bells_relink(struct vqp_core *core);
void vqp_bells_scan(struct vqp_core *core);

#endif
