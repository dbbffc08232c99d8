/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The life cycle: bring a device up, suspend and resume it, take it down.
 */
#include "core_call.h"
#include "core_doorbell.h"
#include "core_event.h"
#include "core_qpair.h"
#include "core_receive.h"
#include "core_resource.h"
#include "core_service.h"
#include "core_state.h"

#define VQP_CORE_BUDGET		64
#define VQP_CORE_LIMIT_NS	UINT64_C(1000000000)
#define VQP_CORE_RESOURCE_COUNT	(UINT32_C(1) << 20)

/* A broken device was reset, so all pairs with others are lost.  Task. */
static void
vqp_core_broken(void *argument)
{
	struct vqp_core *core = argument;

	vqp_qpairs_lose(core);
	vqp_qpairs_tell(core);
}

/*
 * ---- Bring up.
 */

/*
 * Returns exactly 1 if the device knows the hypercall `number`.  The core asks
 * only about the one hypercall that it cannot work without, as all drivers do.
 * A device need not answer for the others; the core calls them, and the device
 * may refuse.
 */
static int64_t
vqp_core_query(struct vqp_core *core, uint32_t number)
{
	struct {
		struct vqp_hypercall_resources_query head;
		uint32_t number;
	} query = { .head = { .resource_count = 1 }, .number = number };

	return vqp_core_call(core, VQP_HYPERCALL_RESOURCES_QUERY,
	    &query.head.datagram, sizeof(query.head) + sizeof(number));
}

static uint32_t
vqp_core_want(const struct vqp_core *core, uint32_t offered)
{
	uint32_t want = VQP_CAP_DATAGRAM | (offered & VQP_CAP_PPN64);

	if (vqp_bells_have_page(core))
		want |= offered & VQP_CAP_NOTIFICATIONS;
	if (vqp_core_dma(core))
		want |= VQP_CAP_DMA_DATAGRAM;
	return want;
}

/* The same steps for a new device and for one that was reset. */
static int
vqp_core_bring_up(struct vqp_core *core)
{
	uint32_t offered = vqp_os_reg_read(core->os, VQP_REG_CAPS);
	int64_t answer;

	if (offered == VQP_ICR_DEVICE_GONE)
		return VQP_ERROR_DEVICE_NOT_FOUND;
	if ((offered & VQP_CAP_DATAGRAM) == 0 || (vqp_core_dma(core) &&
	    (offered & VQP_CAP_DMA_DATAGRAM) == 0))
		return VQP_ERROR_UNAVAILABLE;
	vqp_receive_reset(core);
	vqp_core_agree(core, vqp_core_want(core, offered));
	if (vqp_core_dma(core)) {
		vqp_os_reg_write(core->os, VQP_REG_GUEST_PAGE_SHIFT,
		    vqp_os_page_shift(core->os));
		vqp_os_reg_write(core->os, VQP_REG_DATA_IN_HIGH,
		    (uint32_t)(vqp_receive_address(core) >> 32));
		vqp_os_reg_write(core->os, VQP_REG_DATA_OUT_HIGH,
		    (uint32_t)(vqp_send_address(core) >> 32));
	}
	if (vqp_core_agreed(core, VQP_CAP_NOTIFICATIONS) &&
	    vqp_bells_register(core) != 0) {
		vqp_os_log(core->os, VQP_OS_WARNING,
		    "the device refused the notification page: no doorbells");
		vqp_core_agree(core, vqp_core_caps(core) &
		    ~VQP_CAP_NOTIFICATIONS);
	}
	answer = vqp_core_query(core, VQP_HYPERCALL_GET_CONTEXT_ID);
	if (answer != 1)
		return answer < 0 ? (int)answer : VQP_ERROR_UNAVAILABLE;
	vqp_context_forget(core);
	(void)vqp_core_context_ask(core);
	return VQP_SUCCESS;
}

/* Only the MMIO device has a register for the size of a page. */
static bool
vqp_core_pages_fit_device(const struct vqp_core *core)
{
	uint32_t shift = vqp_os_page_shift(core->os);

	if (vqp_core_dma(core) || shift == VQP_PAGE_SHIFT_DEFAULT)
		return true;
	vqp_os_log(core->os, VQP_OS_ERROR,
	    "pages of %u KiB, but a device without MMIO registers counts in 4 KiB",
	    1u << (shift - 10));
	return false;
}

/* The notification page, and the buffers for DMA. */
static int
vqp_core_memory_alloc(struct vqp_core *core)
{
	/* Without the page there are no doorbells; all the rest works. */
	if (!vqp_bells_page_alloc(core))
		vqp_os_log(core->os, VQP_OS_WARNING,
		    "no memory for the notification page: no doorbells");
	if (!vqp_core_dma(core) || (vqp_receive_memory_alloc(core) &&
	    vqp_send_memory_alloc(core)))
		return VQP_SUCCESS;
	return VQP_ERROR_NO_MEM;
}

static void
vqp_core_memory_free(struct vqp_core *core)
{
	vqp_send_memory_free(core);
	vqp_receive_memory_free(core);
	vqp_bells_page_free(core);
}

/* Bring it up with its doorbells; it may break or be torn out on the way. */
static int
vqp_core_bring_up_all(struct vqp_core *core)
{
	int status;

	vqp_core_starting(core);
	status = vqp_core_bring_up(core);
	if (status != VQP_SUCCESS)
		return status;
	/*
	 * A doorbell that is destroyed from here on must be unlinked in the
	 * device, which may have linked it again already.
	 */
	vqp_core_up(core);
	vqp_bells_relink(core);
	switch (vqp_core_state(core)) {
	case VQP_CORE_STARTING:
		return VQP_SUCCESS;
	case VQP_CORE_GONE:
		return VQP_ERROR_DEVICE_NOT_FOUND;
	default:
		return VQP_ERROR_TIMEOUT;
	}
}

int
vqp_core_plug(struct vqp_core *core, bool dma)
{
	int status;

	if (vqp_core_state(core) != VQP_CORE_UNPLUGGED)
		return VQP_ERROR_ALREADY_EXISTS;
	vqp_core_dma_set(core, dma);
	if (!vqp_core_pages_fit_device(core))
		return VQP_ERROR_UNAVAILABLE;
	status = vqp_core_memory_alloc(core);
	if (status == VQP_SUCCESS) {
		status = vqp_core_bring_up_all(core);
		/* The device may know some of our memory by now. */
		if (status != VQP_SUCCESS &&
		    status != VQP_ERROR_DEVICE_NOT_FOUND)
			vqp_core_reset(core);
	}
	if (status != VQP_SUCCESS) {
		vqp_core_state_set(core, VQP_CORE_UNPLUGGED);
		vqp_qpairs_lose(core);
		vqp_life_drain(core);
		vqp_core_memory_free(core);
	}
	return status;
}

static void
vqp_core_free(struct vqp_core *core)
{
	vqp_bells_destroy(core);
	vqp_receive_destroy(core);
	vqp_service_destroy(core);
	vqp_qpairs_destroy(core);
	vqp_send_destroy(core);
	vqp_life_destroy(core);
	vqp_os_free(core->os, core, sizeof(*core));
}

int
vqp_core_create(struct vqp_os *os, const struct vqp_core_config *config,
    struct vqp_core **made)
{
	struct vqp_core *core = vqp_os_alloc(os, sizeof(*core));

	if (core == NULL)
		return VQP_ERROR_NO_MEM;
	core->os = os;
	core->config = *config;
	if (core->config.budget == 0)
		core->config.budget = VQP_CORE_BUDGET;
	if (core->config.limit_ns == 0)
		core->config.limit_ns = VQP_CORE_LIMIT_NS;
	if (core->config.resource_count_max == 0)
		core->config.resource_count_max = VQP_CORE_RESOURCE_COUNT;
	vqp_life_init(core, vqp_core_free, vqp_core_broken);
	vqp_table_init(core);
	vqp_send_init(core);
	vqp_qpairs_init(core);
	vqp_service_init(core);
	if (!vqp_receive_init(core) || !vqp_bells_init(core)) {
		vqp_core_free(core);
		return VQP_ERROR_NO_MEM;
	}
	*made = core;
	return VQP_SUCCESS;
}

int
vqp_core_attach(struct vqp_os *os, const struct vqp_core_config *config,
    bool dma, struct vqp_core **made)
{
	struct vqp_core *core;
	int status = vqp_core_create(os, config, &core);

	if (status != VQP_SUCCESS)
		return status;
	status = vqp_core_plug(core, dma);
	if (status != VQP_SUCCESS) {
		vqp_core_free(core);
		return status;
	}
	*made = core;
	return VQP_SUCCESS;
}

void
vqp_core_start(struct vqp_core *core)
{
	static const struct vqp_event_data resumed = {
		.event = VQP_EVENT_QP_RESUMED,
	};

	vqp_service_open(core);
	if (vqp_core_state(core) != VQP_CORE_STARTING)
		return;
	vqp_core_state_set(core, VQP_CORE_WORKING);
	vqp_os_reg_write(core->os, VQP_REG_IMR, vqp_core_causes(core));
	vqp_os_reg_write(core->os, VQP_REG_CONTROL, VQP_CONTROL_INT_ENABLE);
	vqp_qpairs_tell(core);
	/* At this event clients give up all pairs, also local ones. */
	if (vqp_qpairs_unheard(core))
		(void)vqp_event_dispatch(core, &resumed, NULL);
}

/*
 * ---- Down, in stages.
 */

/* Stop all traffic with the device, reset it, and lose the pairs. */
static void
vqp_core_silence(struct vqp_core *core, enum vqp_core_state state)
{
	vqp_core_stop(core);
	if (vqp_core_talks(core))
		vqp_core_state_set(core, VQP_CORE_SUSPENDED);
	vqp_send_abort(core);
	vqp_core_reset(core);
	vqp_core_state_set(core, state);
	vqp_qpairs_lose(core);
}

void
vqp_core_suspend(struct vqp_core *core)
{
	if (vqp_core_works(core))
		vqp_core_silence(core, VQP_CORE_SUSPENDED);
}

void
vqp_core_shutdown(struct vqp_core *core)
{
	if (vqp_core_present(core))
		vqp_core_silence(core, VQP_CORE_SUSPENDED);
}

int
vqp_core_resume(struct vqp_core *core)
{
	int status;

	if (vqp_core_state(core) != VQP_CORE_SUSPENDED)
		return VQP_ERROR_UNAVAILABLE;
	status = vqp_core_bring_up_all(core);
	if (status != VQP_SUCCESS) {
		vqp_core_fail(core, "it did not come back after a suspend");
		vqp_qpairs_tell(core);
		return status;
	}
	vqp_core_start(core);
	return VQP_SUCCESS;
}

void
vqp_core_unplug(struct vqp_core *core)
{
	if (vqp_core_state(core) == VQP_CORE_UNPLUGGED)
		return;
	vqp_core_stop(core);
	if (vqp_core_works(core))
		vqp_qpairs_detach(core);
	vqp_core_silence(core, VQP_CORE_UNPLUGGED);
	vqp_life_drain(core);
	vqp_context_forget(core);
	vqp_core_memory_free(core);
	vqp_qpairs_tell(core);
}

void
vqp_core_detach(struct vqp_core *core)
{
	vqp_core_unplug(core);
	vqp_core_close(core);
	/* Objects that wait for the reaper still hold references. */
	vqp_core_put(core);
}
