/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state of the device, the references to the core, and the counters.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "core_private.h"

enum vqp_core_state {
	VQP_CORE_UNPLUGGED,	/* there is no device */
	VQP_CORE_STARTING,	/* only the starter talks to it */
	VQP_CORE_WORKING,
	VQP_CORE_SUSPENDED,	/* it forgot us */
	VQP_CORE_BROKEN,	/* it lied or is stuck; reset, and left alone */
	VQP_CORE_GONE,		/* torn out; no register is touched any more */
};

#define VQP_CORE_COUNT(core, name)					\
	vqp_core_count(&(core)->life.counter[				\
	    offsetof(struct vqp_core_counters, name) / sizeof(uint64_t)])

static inline void
vqp_core_count(struct vqp_cell64 *counter)
{
	vqp_add_relaxed(counter, 1);
}

static inline enum vqp_core_state
vqp_core_state(const struct vqp_core *core)
{
	/* E6: what was agreed on is in place /before/ the state says so */
	return (enum vqp_core_state)vqp_load_acquire(&core->life.state);
}

/* What was agreed on, VQP_CAP_ bits.  The next device may agree otherwise. */
static inline uint32_t
vqp_core_caps(const struct vqp_core *core)
{
	return (uint32_t)vqp_load_relaxed(&core->life.caps);
}

static inline bool
vqp_core_agreed(const struct vqp_core *core, uint32_t cap)
{
	return (vqp_core_caps(core) & cap) != 0;
}

/* How the device is talked to. */
static inline bool
vqp_core_dma(const struct vqp_core *core)
{
	return vqp_load_relaxed(&core->life.dma) != 0;
}

static inline bool
vqp_core_talks(const struct vqp_core *core)
{
	enum vqp_core_state state = vqp_core_state(core);

	return state == VQP_CORE_WORKING || (state == VQP_CORE_STARTING &&
	    vqp_load_relaxed(&core->life.starter) == vqp_os_self(core->os));
}

/* The device knows us again, although clients do not talk to it yet. */
static inline bool
vqp_core_is_up(const struct vqp_core *core)
{
	return vqp_load_relaxed(&core->life.is_up) != 0;
}

static inline bool
vqp_core_works(const struct vqp_core *core)
{
	return vqp_core_state(core) == VQP_CORE_WORKING;
}

/*
 * How often a device forgot all that it knew of us: what it was told in an
 * earlier epoch it does not know.
 */
static inline uint64_t
vqp_core_epoch(const struct vqp_core *core)
{
	/* E6: the device forgot us /before/ the epoch says so */
	return vqp_load_acquire(&core->life.epoch);
}

/* Begin another epoch.  One caller at a time. */
void vqp_core_epoch_next(struct vqp_core *core);

static inline void
vqp_table_lock(struct vqp_core *core)
{
	vqp_os_lock(&core->life.table_lock);
}

static inline void
vqp_table_unlock(struct vqp_core *core)
{
	vqp_os_unlock(&core->life.table_lock);
}

/*
 * `free` is called when nobody needs the core any more, and `broken` in a task
 * whenever the device broke.
 */
void vqp_life_init(struct vqp_core *core, void (*free)(struct vqp_core *),
    void (*broken)(void *core));

/* `broken` has run for all that happened before. */
void vqp_life_drain(struct vqp_core *core);

void vqp_life_destroy(struct vqp_core *core);

/* Of the device that is about to be started. */
void vqp_core_dma_set(struct vqp_core *core, bool dma);

/* Only this thread talks to the device, until the state is another. */
void vqp_core_starting(struct vqp_core *core);

/* The starter has agreed with the device, see vqp_core_is_up(). */
void vqp_core_up(struct vqp_core *core);

/* Tell the device which of its capabilities are used. */
void vqp_core_agree(struct vqp_core *core, uint32_t caps);

void vqp_core_state_set(struct vqp_core *core, enum vqp_core_state state);

/* Registers answer, and writing one means something. */
bool vqp_core_present(const struct vqp_core *core);

/* No interrupt, and everything forgotten: our memory is ours alone again. */
void vqp_core_reset(struct vqp_core *core);

/* The device lied about what cannot be skipped, or is stuck.  Any. */
void vqp_core_fail(struct vqp_core *core, const char *why);

/* An object of a client's is gone; the last takes the core along.  Any. */
void vqp_core_put(struct vqp_core *core);

/* One more, unless the core is being detached. */
bool vqp_core_get(struct vqp_core *core);

/* Nobody gets one any more. */
void vqp_core_close(struct vqp_core *core);

#endif
