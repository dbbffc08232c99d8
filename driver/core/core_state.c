/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which state the device is in, and how many objects still need the core.  All
 * other files of the core build on this one; it calls none of them.
 */
#include "core_state.h"

void
vqp_core_state_set(struct vqp_core *core, enum vqp_core_state state)
{
	/* From a device that was torn out there is one way. */
	if (vqp_load_relaxed(&core->state) == VQP_CORE_GONE &&
	    state != VQP_CORE_UNPLUGGED)
		return;
	/* E6: what was agreed on is in place /before/ the state says so */
	vqp_store_release(&core->state, state);
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
	vqp_os_work_queue(core->os, &core->breaker);
	vqp_os_log(core->os, VQP_OS_ERROR,
	    "the device is out of order and was reset: %s", why);
}

void
vqp_core_epoch_next(struct vqp_core *core)
{
	/* E6: the device forgot us /before/ the epoch says so */
	vqp_store_release(&core->epoch, vqp_load_relaxed(&core->epoch) + 1);
}

void
vqp_core_free(struct vqp_core *core)
{
	struct vqp_os *os = core->os;

	vqp_os_event_destroy(&core->idle);
	vqp_os_lock_destroy(&core->pair_lock);
	vqp_os_lock_destroy(&core->service_lock);
	vqp_os_lock_destroy(&core->send.lock);
	vqp_os_lock_destroy(&core->table_lock);
	vqp_os_free(os, core->bell, VQP_BELL_COUNT * sizeof(core->bell[0]));
	vqp_os_free(os, core->receive.buffer, VQP_DATAGRAM_BYTES_MAX);
	vqp_os_free(os, core, sizeof(*core));
}

bool
vqp_core_get(struct vqp_core *core)
{
	bool lives;

	vqp_os_lock(&core->table_lock);
	lives = !core->closed;
	core->object_count += lives;
	vqp_os_unlock(&core->table_lock);
	return lives;
}

void
vqp_core_put(struct vqp_core *core)
{
	struct vqp_os *os = core->os;
	bool last;

	vqp_os_lock(&core->table_lock);
	last = --core->object_count == 0;
	vqp_os_unlock(&core->table_lock);
	if (!last)
		return;
	vqp_core_free(core);
	vqp_os_release(os);
}

void
vqp_core_counters(const struct vqp_core *core,
    struct vqp_core_counters *counters)
{
	uint64_t values[sizeof(*counters) / sizeof(uint64_t)];

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		values[i] = vqp_load_relaxed(&core->counter[i]);
	__builtin_memcpy(counters, values, sizeof(values));
}
