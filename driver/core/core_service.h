/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The interrupt functions that the life cycle calls, besides those of
 * vqp_core.h.
 */
#ifndef CORE_SERVICE_H
#define CORE_SERVICE_H

#include "core_private.h"

/* Service calls have no effect until vqp_service_open(). */
void vqp_service_init(struct vqp_core *core);
void vqp_service_destroy(struct vqp_core *core);

/* Undo vqp_core_stop(). */
void vqp_service_open(struct vqp_core *core);

#endif
