/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state of the device, and the references to the core.  All other files of
 * the core build on this one; it calls none of them.
 */
#include "core_state.h"

void
vqp_life_init(struct vqp_core *core, void (*free)(struct vqp_core *),
    void (*broken)(void *core))
{
	struct vqp_life *life = &core->life;

	vqp_os_lock_init(&life->table_lock, VQP_OS_LOCK_TABLE);
	vqp_os_work_init(&life->breaker, broken, core);
	life->object_count = 1;
	life->free = free;
	vqp_core_state_set(core, VQP_CORE_UNPLUGGED);
}

void
vqp_life_drain(struct vqp_core *core)
{
	vqp_os_work_drain(core->os, &core->life.breaker);
}

void
vqp_life_destroy(struct vqp_core *core)
{
	vqp_os_lock_destroy(&core->life.table_lock);
}

void
vqp_core_dma_set(struct vqp_core *core, bool dma)
{
	vqp_store_relaxed(&core->life.dma, dma);
}

/* Clients that waited for the device cannot send while it is started. */
void
vqp_core_starting(struct vqp_core *core)
{
	vqp_store_relaxed(&core->life.starter, vqp_os_self(core->os));
	vqp_store_relaxed(&core->life.is_up, false);
	vqp_core_state_set(core, VQP_CORE_STARTING);
}

void
vqp_core_up(struct vqp_core *core)
{
	vqp_store_relaxed(&core->life.is_up, true);
}

void
vqp_core_agree(struct vqp_core *core, uint32_t caps)
{
	vqp_store_relaxed(&core->life.caps, caps);
	vqp_os_reg_write(core->os, VQP_REG_CAPS, caps);
}

void
vqp_core_state_set(struct vqp_core *core, enum vqp_core_state state)
{
	/* GONE is final: only UNPLUGGED may follow. */
	if (vqp_load_relaxed(&core->life.state) == VQP_CORE_GONE &&
	    state != VQP_CORE_UNPLUGGED)
		return;
	/* E6: what was agreed on is in place /before/ the state says so */
	vqp_store_release(&core->life.state, state);
}

bool
vqp_core_present(const struct vqp_core *core)
{
	enum vqp_core_state state = vqp_core_state(core);

	return state != VQP_CORE_GONE && state != VQP_CORE_UNPLUGGED;
}

void
vqp_core_reset(struct vqp_core *core)
{
	if (!vqp_core_present(core))
		return;
	vqp_os_reg_write(core->os, VQP_REG_IMR, 0);
	vqp_os_reg_write(core->os, VQP_REG_CONTROL, VQP_CONTROL_INT_DISABLE);
	vqp_os_reg_write(core->os, VQP_REG_CONTROL, VQP_CONTROL_RESET);
}

void
vqp_core_gone(struct vqp_core *core)
{
	if (vqp_core_present(core))
		vqp_core_state_set(core, VQP_CORE_GONE);
}

void
vqp_core_fail(struct vqp_core *core, const char *why)
{
	enum vqp_core_state state = vqp_core_state(core);

	if (state != VQP_CORE_WORKING && state != VQP_CORE_STARTING)
		return;
	vqp_core_state_set(core, VQP_CORE_BROKEN);
	vqp_core_reset(core);
	vqp_os_work_queue(core->os, &core->life.breaker);
	vqp_os_log(core->os, VQP_OS_ERROR,
	    "device protocol error, device reset: %s", why);
}

void
vqp_core_epoch_next(struct vqp_core *core)
{
	uint64_t epoch = vqp_load_relaxed(&core->life.epoch);

	/* E6: the device forgot us /before/ the epoch says so */
	vqp_store_release(&core->life.epoch, epoch + 1);
}

bool
vqp_core_get(struct vqp_core *core)
{
	bool lives;

	vqp_table_lock(core);
	lives = !core->life.closed;
	core->life.object_count += lives;
	vqp_table_unlock(core);
	return lives;
}

void
vqp_core_put(struct vqp_core *core)
{
	struct vqp_os *os = core->os;
	bool last;

	vqp_table_lock(core);
	last = --core->life.object_count == 0;
	vqp_table_unlock(core);
	if (!last)
		return;
	core->life.free(core);
	vqp_os_release(os);
}

void
vqp_core_close(struct vqp_core *core)
{
	vqp_table_lock(core);
	core->life.closed = true;
	vqp_table_unlock(core);
}

void
vqp_core_counters(const struct vqp_core *core,
    struct vqp_core_counters *counters)
{
	uint64_t values[sizeof(*counters) / sizeof(uint64_t)];

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		values[i] = vqp_load_relaxed(&core->life.counter[i]);
	__builtin_memcpy(counters, values, sizeof(values));
}
