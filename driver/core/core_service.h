/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the life cycle needs of interrupts, beside what vqp_core.h has.
 */
#ifndef CORE_SERVICE_H
#define CORE_SERVICE_H

#include "core_private.h"

/* Stopped, until vqp_service_open(). */
void vqp_service_init(struct vqp_core *core);
void vqp_service_destroy(struct vqp_core *core);

/* Undo vqp_core_stop(). */
void vqp_service_open(struct vqp_core *core);

#endif
