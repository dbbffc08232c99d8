/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Interrupts: read the causes from the device and serve them.  One thread at a
 * time serves each work class, also the causes that other threads bring.
 */
#include "core_doorbell.h"
#include "core_receive.h"
#include "core_service.h"
#include "core_state.h"

void
vqp_service_init(struct vqp_core *core)
{
	vqp_os_lock_init(&core->service.lock, VQP_OS_LOCK_SERVICE);
	vqp_os_event_init(&core->service.idle);
	core->service.stopped = true;
}

void
vqp_service_destroy(struct vqp_core *core)
{
	vqp_os_event_destroy(&core->service.idle);
	vqp_os_lock_destroy(&core->service.lock);
}

void
vqp_service_open(struct vqp_core *core)
{
	vqp_os_lock(&core->service.lock);
	core->service.stopped = core->service.stopping = false;
	vqp_os_unlock(&core->service.lock);
}

uint32_t
vqp_core_causes(const struct vqp_core *core)
{
	uint32_t causes = VQP_CAUSE_DATAGRAM;

	if (vqp_core_agreed(core, VQP_CAP_NOTIFICATIONS))
		causes |= VQP_CAUSE_NOTIFICATION;
	if (vqp_core_dma(core))
		causes |= VQP_CAUSE_DMA_DATAGRAM;
	return causes;
}

uint32_t
vqp_core_interrupt(struct vqp_core *core)
{
	uint32_t causes;

	if (!vqp_core_works(core))
		return 0;
	causes = vqp_os_reg_read(core->os, VQP_REG_ICR);
	if (causes == VQP_ICR_DEVICE_GONE) {
		vqp_core_gone(core);
		return 0;
	}
	if ((causes & ~vqp_core_causes(core)) != 0)
		VQP_CORE_COUNT(core, interrupts_unknown);
	return causes & vqp_core_causes(core);
}

/* Whether a thread serves any work class.  Under service.lock. */
static bool
vqp_service_busy(const struct vqp_service *service)
{
	return service->lane[VQP_LANE_RECEIVE].busy ||
	    service->lane[VQP_LANE_BELLS].busy;
}

/* The causes to serve now, or 0 if another thread serves this work class. */
static uint32_t
vqp_lane_enter(struct vqp_core *core, struct vqp_lane *lane, uint32_t causes)
{
	uint32_t mine = 0;

	vqp_os_lock(&core->service.lock);
	if (!core->service.stopped && causes != 0) {
		lane->causes |= causes;
		if (!lane->busy) {
			lane->busy = true;
			mine = lane->causes;
			lane->causes = 0;
		}
	}
	vqp_os_unlock(&core->service.lock);
	return mine;
}

/* Returns the causes that arrived since; the caller brings them again. */
static uint32_t
vqp_lane_leave(struct vqp_core *core, struct vqp_lane *lane)
{
	uint32_t more;

	vqp_os_lock(&core->service.lock);
	lane->busy = false;
	more = core->service.stopped ? 0 : lane->causes;
	lane->causes = 0;
	if (core->service.stopping && !vqp_service_busy(&core->service))
		vqp_os_event_signal(&core->service.idle);
	vqp_os_unlock(&core->service.lock);
	return more;
}

uint32_t
vqp_core_service(struct vqp_core *core, uint32_t causes)
{
	struct vqp_lane *receive = &core->service.lane[VQP_LANE_RECEIVE];
	struct vqp_lane *bells = &core->service.lane[VQP_LANE_BELLS];
	uint32_t more = 0, mine;

	causes &= vqp_core_causes(core);
	mine = vqp_lane_enter(core, bells, causes & VQP_CAUSE_NOTIFICATION);
	if (mine != 0) {
		vqp_bells_scan(core);
		more |= vqp_lane_leave(core, bells);
	}
	mine = vqp_lane_enter(core, receive,
	    causes & ~VQP_CAUSE_NOTIFICATION);
	if (mine != 0) {
		if (vqp_receive_serve(core, mine))
			more |= VQP_CAUSE_DATAGRAM;
		more |= vqp_lane_leave(core, receive);
	}
	return more;
}

void
vqp_core_stop(struct vqp_core *core)
{
	bool busy;

	if (vqp_core_present(core)) {
		vqp_os_reg_write(core->os, VQP_REG_IMR, 0);
		vqp_os_reg_write(core->os, VQP_REG_CONTROL,
		    VQP_CONTROL_INT_DISABLE);
	}
	vqp_os_lock(&core->service.lock);
	core->service.stopped = true;
	busy = vqp_service_busy(&core->service);
	core->service.stopping = busy;
	vqp_os_unlock(&core->service.lock);
	/*
	 * The thread that signals may still hold the lock: the shell keeps the
	 * core until that thread's service call has returned.
	 */
	if (busy)
		vqp_os_event_wait(&core->service.idle);
}
