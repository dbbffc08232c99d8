/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the life cycle and interrupts need of doorbells.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include "core_private.h"

/* False on shortage; destroyed all the same. */
bool vqp_bells_init(struct vqp_core *core);
void vqp_bells_destroy(struct vqp_core *core);

/* The notification page.  False on shortage. */
bool vqp_bells_page_alloc(struct vqp_core *core);
void vqp_bells_page_free(struct vqp_core *core);

static inline bool
vqp_bells_have_page(const struct vqp_core *core)
{
	return core->bells.page.base != NULL;
}

/* Tell the device of the page.  An answer of the device's. */
int64_t vqp_bells_register(struct vqp_core *core);

/* Tell the device of all doorbells: it knows none. */
void vqp_bells_relink(struct vqp_core *core);

/* Call whatever the device set. */
void vqp_bells_scan(struct vqp_core *core);

#endif
