/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Implements the operations of vqp/atomic.h as calls into the test: each
 * operation is recorded, and a case may change shared words before it happens.
 * For one thread only.
 */
#ifndef VQP_ATOMIC_BACKEND_H
#define VQP_ATOMIC_BACKEND_H

#define VQP_CPU_OWN
#define VQP_CPU_TELLS_TIME true
#include <vqp/cpu.h>

#include <hook.h>

static inline uint64_t
vqp_load_relaxed(const struct vqp_cell64 *cell)
{
	hook_enter(HOOK_LOAD_RELAXED, &cell->v_);
	return hook_leave(cell->v_);
}

static inline uint64_t
vqp_load_acquire(const struct vqp_cell64 *cell)
{
	hook_enter(HOOK_LOAD_ACQUIRE, &cell->v_);
	hook.cpu.ticks += hook.cpu.distance;
	return hook_leave(cell->v_);
}

static inline void
vqp_store_relaxed(struct vqp_cell64 *cell, uint64_t value)
{
	hook_enter(HOOK_STORE_RELAXED, &cell->v_);
	cell->v_ = hook_leave(value);
}

static inline void
vqp_store_release(struct vqp_cell64 *cell, uint64_t value)
{
	hook_enter(HOOK_STORE_RELEASE, &cell->v_);
	cell->v_ = hook_leave(value);
}

static inline uint8_t
vqp_swap8_full(struct vqp_cell8 *cell, uint8_t value)
{
	uint8_t old;

	hook_enter(HOOK_SWAP8_FULL, &cell->v_);
	old = cell->v_;
	cell->v_ = (uint8_t)hook_leave(value);
	return old;
}

static inline void
vqp_or8_full(struct vqp_cell8 *cell, uint8_t bits)
{
	hook_enter(HOOK_OR8_FULL, &cell->v_);
	cell->v_ = (uint8_t)(cell->v_ | hook_leave(bits));
}

static inline void
vqp_add_relaxed(struct vqp_cell64 *cell, uint64_t n)
{
	hook_enter(HOOK_ADD_RELAXED, &cell->v_);
	cell->v_ += hook_leave(n);
}

static inline void
vqp_fence_full(void)
{
	hook_enter(HOOK_FENCE_FULL, NULL);
	hook_leave(0);
}

static inline void
vqp_pause(void)
{
	hook.cpu.pauses++;
}

/* Only an acquiring load takes time. */
static inline uint64_t
vqp_ticks(void)
{
	return hook.cpu.ticks;
}

static inline unsigned
vqp_cpu_can(void)
{
	return hook.cpu.give_back != NULL ? VQP_CAN_GIVE_BACK : 0;
}

static inline void
vqp_give_back(uint8_t *line)
{
	hook.cpu.give_back(line);
}

static inline void
vqp_fetch(uint8_t *line)
{
	if (hook.cpu.fetch != NULL)
		hook.cpu.fetch(line);
}

static inline void
vqp_store_past(void *to, uint64_t value)
{
	*(vqp_word *)to = value;
	hook.cpu.stored_past++;
}

static inline void
vqp_fence_past(void)
{
	hook_enter(HOOK_FENCE_PAST, NULL);
	hook_leave(0);
}

#endif
