/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Puts each ordered access of the driver core into a function of its own, for
 * codegen.py to disassemble.  This file is compiled and never run.
 */
#include "core_call.h"
#include "core_resource.h"
#include "core_state.h"

#define APART __attribute__((noinline))

APART struct vqp_resource *vqp_resource_at(const struct vqp_cell64 *link);
APART void vqp_resource_link(struct vqp_cell64 *link,
    struct vqp_resource *resource);
APART void vqp_core_state_set(struct vqp_core *core,
    enum vqp_core_state state);
APART void vqp_dma_begin(struct vqp_dma_operation *operation,
    uint32_t busy, uint32_t opcode);
APART uint32_t vqp_dma_busy(const struct vqp_dma_operation *operation);
APART void vqp_core_epoch_next(struct vqp_core *core);
enum vqp_core_state census_core_state(const struct vqp_core *core);
uint64_t census_core_epoch(const struct vqp_core *core);

#include "core_call.c"
#include "core_resource.c"
#include "core_state.c"

enum vqp_core_state
census_core_state(const struct vqp_core *core)
{
	return vqp_core_state(core);
}

uint64_t
census_core_epoch(const struct vqp_core *core)
{
	return vqp_core_epoch(core);
}
