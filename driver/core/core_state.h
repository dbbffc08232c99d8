/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state of the device, the references to the core, and the counters.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "core_private.h"

enum vqp_core_state {
	VQP_CORE_UNPLUGGED,	/* there is no device */
	VQP_CORE_STARTING,	/* only the starting thread talks to it */
	VQP_CORE_WORKING,
	VQP_CORE_SUSPENDED,	/* reset; it knows nothing of us */
	VQP_CORE_BROKEN,	/* protocol error or stuck; reset, not used */
	VQP_CORE_GONE,		/* torn out; no register access any more */
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

/* The agreed VQP_CAP_ bits.  They may change with the next device. */
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

/* Whether datagrams go by DMA. */
static inline bool
vqp_core_dma(const struct vqp_core *core)
{
	return vqp_load_relaxed(&core->life.dma) != 0;
}

/* This thread may send messages to the device. */
static inline bool
vqp_core_talks(const struct vqp_core *core)
{
	enum vqp_core_state state = vqp_core_state(core);

	return state == VQP_CORE_WORKING || (state == VQP_CORE_STARTING &&
	    vqp_load_relaxed(&core->life.starter) == vqp_os_self(core->os));
}

/* The device accepts calls again, although clients may not call it yet. */
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
 * Counts how often a device was reset or replaced.  The device has forgotten
 * all that was sent to it in an earlier epoch.
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
 * The core calls `free` after the last vqp_core_put(), and `broken` in a task
 * each time the device broke.
 */
void vqp_life_init(struct vqp_core *core, void (*free)(struct vqp_core *),
    void (*broken)(void *core));

/* Wait for `broken` if it runs, and cancel it if it is queued. */
void vqp_life_drain(struct vqp_core *core);

void vqp_life_destroy(struct vqp_core *core);

/* For the device that will be started next. */
void vqp_core_dma_set(struct vqp_core *core, bool dma);

/* Only this thread talks to the device until the state changes. */
void vqp_core_starting(struct vqp_core *core);

/* The starting thread has brought the device up, see vqp_core_is_up(). */
void vqp_core_up(struct vqp_core *core);

/* Tell the device which of its capabilities are used. */
void vqp_core_agree(struct vqp_core *core, uint32_t caps);

void vqp_core_state_set(struct vqp_core *core, enum vqp_core_state state);

/* There is a device whose registers may be used. */
bool vqp_core_present(const struct vqp_core *core);

/* Reset the device: no interrupts, and no more access to our memory. */
void vqp_core_reset(struct vqp_core *core);

/*
 * The device broke the protocol beyond repair, or is stuck.
 * Context: any.
 */
void vqp_core_fail(struct vqp_core *core, const char *why);

/* Drop a reference; the last one frees the core.  Context: any. */
void vqp_core_put(struct vqp_core *core);

/* Take a reference; false if the core is being detached. */
bool vqp_core_get(struct vqp_core *core);

/* vqp_core_get() fails from here on. */
void vqp_core_close(struct vqp_core *core);

#endif
