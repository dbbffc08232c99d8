/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The doorbell functions that the life cycle and the interrupts call.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include "core_private.h"

/* False on shortage of memory; the caller still calls vqp_bells_destroy(). */
bool vqp_bells_init(struct vqp_core *core);
void vqp_bells_destroy(struct vqp_core *core);

/* The notification page.  False on shortage of memory. */
bool vqp_bells_page_alloc(struct vqp_core *core);
void vqp_bells_page_free(struct vqp_core *core);

static inline bool
vqp_bells_have_page(const struct vqp_core *core)
{
	return core->bells.page.base != NULL;
}

/* Give the device the notification page.  Returns the device's answer. */
int64_t vqp_bells_register(struct vqp_core *core);

/* Link all doorbells again after a reset, when the device knows none. */
void vqp_bells_relink(struct vqp_core *core);

/* Call the callback of each doorbell whose byte the device set. */
void vqp_bells_scan(struct vqp_core *core);

#endif
