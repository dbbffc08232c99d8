/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The guest's side of a VMCI device, for shells.  A shell brings the device up
 * and passes its interrupts to the core; the core offers datagrams, doorbells,
 * events and queue pairs to clients.  These are the data paths DOORBELL and
 * MEETING of docs/architecture.md.  The bytes of queue pairs, path MESSAGE, do
 * not pass through the core (vqp/pair.h).
 *
 * "Context:" says where a function may be called, as in vqp_os.h:
 *	task	where code may sleep
 *	any	also where code may not sleep; the call may wait for the
 *		device, up to the limit
 * Elsewhere in this header a context is a party of VMCI, which has a context
 * id.
 *
 * Client callbacks run where the shell calls vqp_core_service(), or in a task
 * if they are DELAYED.  Events of local pairs run in the thread that caused
 * them.  The core holds no lock while it calls a callback, so a callback may
 * call every function here that may be called where it runs, and may destroy
 * the object that it belongs to.
 *
 * Every call may return these errors; they are not listed again:
 *	VQP_ERROR_UNAVAILABLE	the device is gone, broken or suspended, or it
 *				does not offer the service
 *	VQP_ERROR_TIMEOUT	the device did not answer within the limit:
 *				either it did not answer this call and is
 *				broken from now on, or it did not answer the
 *				call before and will be broken soon
 */
#ifndef VQP_CORE_H
#define VQP_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include <vqp/pair.h>
#include <vqp/status.h>
#include <vqp/wire_device.h>
#include <vqp_os.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vqp_core;

/*
 * ---- For the shell: the device's life.
 */

struct vqp_core_config {
	uint32_t budget;	/* datagrams of one service call; 0: 64 */
	uint64_t limit_ns;	/* of a wait for the device; 0: 1 s */
	/* Endpoints, doorbells and pairs together; 0: 2^20. */
	uint32_t resource_count_max;
};

/*
 * Create a core without a device.  Clients may create endpoints under context
 * ANY and subscribe to events.  Returns VQP_SUCCESS and *core, or
 * VQP_ERROR_NO_MEM; after that error the core does not use `os` any more.
 * Context: task.
 */
int vqp_core_create(struct vqp_os *os, const struct vqp_core_config *config,
    struct vqp_core **core);

/*
 * Bring up a device, the first one or a later one: agree on capabilities, give
 * the device the notification page, and link the existing doorbells.  `dma`
 * says that the registers are in BAR 1 and that datagrams go by DMA.
 * Interrupts stay off until vqp_core_start().
 *
 * Returns VQP_SUCCESS, or one of these errors, with everything undone:
 *	VQP_ERROR_DEVICE_NOT_FOUND	no device answers
 *	VQP_ERROR_UNAVAILABLE		the device has no datagrams, no context
 *					ids, or no DMA although `dma` is set;
 *					or pages are not 4 KiB and `dma` is
 *					false
 *	VQP_ERROR_ALREADY_EXISTS	there is a device already
 *	VQP_ERROR_NO_MEM
 *	another error	the device's answer to a call that it must know
 * If the device offers a capability and then refuses it, the core works
 * without that capability.
 *
 * Context: task.
 */
int vqp_core_plug(struct vqp_core *core, bool dma);

/*
 * Create a core and plug a device.  On an error there is no core, and `os` is
 * not used any more.  Errors and context as of those two calls.
 */
int vqp_core_attach(struct vqp_os *os, const struct vqp_core_config *config,
    bool dma, struct vqp_core **core);

/*
 * The VQP_CAUSE_ bits that the device will raise, one vector each.
 * Context: any.
 */
uint32_t vqp_core_causes(const struct vqp_core *core);

/*
 * Enable interrupts.  The shell has installed its handlers before this call.
 * Clients get an event QP_PEER_DETACH for each pair that was lost with an
 * earlier device and that had none yet, and one event QP_RESUMED if one of
 * those events had no subscriber.  QP_RESUMED is sent only then, because a
 * client such as Linux's vsock transport then gives up all its pairs, also the
 * local ones, which are not lost.
 * Context: task.
 */
void vqp_core_start(struct vqp_core *core);

/*
 * Read the causes from the device when all of them share one interrupt.
 * Returns the VQP_CAUSE_ bits for vqp_core_service(), or 0 if another device
 * raised the interrupt.
 * Context: any.
 */
uint32_t vqp_core_interrupt(struct vqp_core *core);

/*
 * Serve `causes`: receive datagrams and call the callbacks of doorbells.
 * Returns the causes that still have work after one budget, and those that
 * another thread brought during the call.  The shell calls again for them soon,
 * and lets other work run first.  Several threads may call at the same time:
 * for each work class one thread serves the causes of all of them.
 *
 * Context: any in which client callbacks may run.  The budget, the number of
 * doorbells and the time that callbacks take bound the call.
 */
uint32_t vqp_core_service(struct vqp_core *core, uint32_t causes);

/*
 * Disable interrupts, and wait for service calls that run.  Service calls have
 * no effect from here on.  The shell calls this before it removes its handlers.
 * Context: task, not in a callback.
 */
void vqp_core_stop(struct vqp_core *core);

/*
 * Remove the device, in order or after it was torn out: detach all pairs and
 * reset the device.  Clients keep their objects.  Pairs with other contexts are
 * lost: the core sends an event QP_PEER_DETACH for each that had none yet and
 * breaks its rings as vqp_pair_abandon() says, and the client can only detach
 * it.  Local pairs and endpoints go on working.  Doorbells are silent until the
 * next vqp_core_plug().  Calls vqp_core_stop() first if the shell did not.
 * Context: task, not in a callback.
 */
void vqp_core_unplug(struct vqp_core *core);

/*
 * Unplug, and free the core.  The shell has removed its handlers: no
 * vqp_core_interrupt() and no vqp_core_service() runs any more.
 *
 * Objects that clients still hold stay, and calls on them return UNAVAILABLE.
 * Memory that clients may read stays until they destroy those objects.  `os`
 * stays in use until then, and until deferred work has freed the objects that
 * were destroyed before; vqp_os_release() tells the shell.
 * Context: task, not in a callback.
 */
void vqp_core_detach(struct vqp_core *core);

/*
 * Power down, and up again.  Suspend stops the core and resets the device;
 * calls between the two return UNAVAILABLE.  Resume brings the device up as
 * vqp_core_plug() does and ends with vqp_core_start().  Pairs with other
 * contexts are lost, as by vqp_core_unplug().
 *
 * Resume returns VQP_SUCCESS, or an error of vqp_core_plug(); after an error
 * the device is broken.
 * Context: task, not in a callback.
 */
void vqp_core_suspend(struct vqp_core *core);
int vqp_core_resume(struct vqp_core *core);

/*
 * Before a reboot: reset the device, so that it stops writing to our memory.
 * Context: task.
 */
void vqp_core_shutdown(struct vqp_core *core);

/*
 * The device was torn out: the core never touches a register again.  The shell
 * still calls vqp_core_unplug() or vqp_core_detach().
 * Context: any.
 */
void vqp_core_gone(struct vqp_core *core);

/*
 * Counters of work done and of input refused since attach.
 */
#define VQP_CORE_COUNTER_LIST(counter)					\
	counter(datagrams_sent)						\
	counter(datagrams_received)					\
	counter(events_received)					\
	counter(bells_rung)			/* callbacks */		\
	counter(receive_passes)						\
	counter(receive_oversized)		/* dropped, too long */	\
	counter(receive_no_endpoint)		/* dropped, unknown */	\
	counter(receive_queue_full)		/* dropped, delayed */	\
	counter(receive_bad_source)		/* event not of 0:0 */	\
	counter(event_bad_size)						\
	counter(event_unknown)						\
	counter(event_bad_context)		/* not a guest's id */	\
	counter(interrupts_unknown)		/* unknown causes */	\
	counter(bad_results)			/* answers out of range */\
	counter(time_limits)			/* answers that never came */\
	counter(pairs_quarantined)		/* device refused detach */

#define VQP_CORE_COUNTER_MEMBER(name) uint64_t name;
struct vqp_core_counters {
	VQP_CORE_COUNTER_LIST(VQP_CORE_COUNTER_MEMBER)
};
#undef VQP_CORE_COUNTER_MEMBER

/* A snapshot.  Context: any. */
void vqp_core_counters(const struct vqp_core *core,
    struct vqp_core_counters *counters);

/*
 * ---- For clients: context ids.
 *
 * Our own context id, or VQP_INVALID_ID if the device does not say it.
 * Context: any.
 */
uint32_t vqp_core_context_id(struct vqp_core *core);

/*
 * ---- Datagrams.
 *
 * A receiver gets a complete datagram in our own copy, which is valid until the
 * receiver returns.  The datagrams of one endpoint come one at a time, in the
 * order in which the device delivered them.
 */
struct vqp_endpoint_options {
	uint32_t resource;	/* or VQP_RESOURCE_ANY: allocate */
	uint32_t flags;		/* VQP_DATAGRAM_ANY_CONTEXT, _DELAYED */
	uint32_t privilege;	/* VQP_PRIVILEGE_ bits */
	void (*receive)(void *argument, const struct vqp_datagram *datagram);
	void *argument;
};

/*
 * Create an endpoint.
 *
 * Returns VQP_SUCCESS and *handle, which is our context id (ANY with flag
 * ANY_CONTEXT) and the resource; or
 *	VQP_ERROR_INVALID_ARGS	no receiver, unknown flags, WELL_KNOWN, or
 *				unknown privilege bits
 *	VQP_ERROR_NO_RESOURCES	our context id is unknown
 *	VQP_ERROR_NO_HANDLE	no resource id is free
 *	VQP_ERROR_ALREADY_EXISTS	the resource id has an endpoint
 *	VQP_ERROR_NO_MEM
 * A DELAYED endpoint queues up to VQP_HOST_QUEUE_BYTES_MAX.  Datagrams beyond
 * that are dropped and counted.
 *
 * Context: task.
 */
int vqp_core_endpoint_create(struct vqp_core *core,
    const struct vqp_endpoint_options *options, struct vqp_handle *handle);

/*
 * Destroy an endpoint.
 *
 * Returns VQP_SUCCESS, or VQP_ERROR_NOT_FOUND.  If two threads destroy the
 * endpoint at the same time, the second gets VQP_ERROR_NOT_FOUND.  On return
 * the receiver does not run and will never run.  A receiver may destroy its own
 * endpoint: it then runs to its end and is never called again.
 *
 * Context: task; any from the endpoint's own receiver.
 */
int vqp_core_endpoint_destroy(struct vqp_core *core,
    struct vqp_handle handle);

/*
 * Send a datagram whose payload is at `payload`.  datagram->src must name one
 * of our endpoints; the core fills in our context id.
 *
 * Returns the number of bytes sent, header included, or
 *	VQP_ERROR_INVALID_ARGS	no datagram, longer than
 *				VQP_DATAGRAM_BYTES_MAX, or to context ANY
 *	VQP_ERROR_NO_HANDLE	the source is not one of our endpoints
 *	VQP_ERROR_NO_RESOURCES	our context id is unknown
 *	VQP_ERROR_GENERIC	the device's answer is not a valid one
 *	an error of the device or of the receiver's side
 *
 * Context: any.
 */
int64_t vqp_core_send(struct vqp_core *core,
    const struct vqp_datagram *datagram, const void *payload);

/*
 * Send a raw hypercall: the header, and payload_size bytes from `payload`.
 * Returns the device's answer, 32 bits with sign extension (the id that
 * GET_CONTEXT_ID returns is unsigned, so cast it to uint32_t), or
 *	VQP_ERROR_INVALID_ARGS	no datagram
 *	VQP_ERROR_PAYLOAD_TOO_LARGE	longer than any message can be, or too
 *				long for DMA and the device's ports do not work
 * Context: any.
 */
int64_t vqp_core_hypercall(struct vqp_core *core,
    const struct vqp_datagram *datagram, const void *payload);

/*
 * ---- Doorbells.  Notifications that come before the callback runs count as
 * one.
 */
struct vqp_doorbell_options {
	uint32_t flags;		/* VQP_DOORBELL_DELAYED */
	uint32_t privilege;
	void (*ring)(void *argument);
	void *argument;
};

/*
 * Create a doorbell.  *handle names it; if *handle is { INVALID, INVALID }, the
 * core allocates a name and stores it there.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	no callback, unknown flags or privilege bits,
 *				a context id that is not ours, resource ANY
 *	VQP_ERROR_NO_RESOURCES	all 4096 places are taken, or our context id
 *				is unknown
 *	VQP_ERROR_NO_HANDLE, VQP_ERROR_ALREADY_EXISTS, VQP_ERROR_NO_MEM
 *	an error of the device
 * Context: task.
 */
int vqp_core_doorbell_create(struct vqp_core *core,
    const struct vqp_doorbell_options *options, struct vqp_handle *handle);

/*
 * As vqp_core_endpoint_destroy(), and VQP_ERROR_INVALID_ARGS for the invalid
 * handle.
 */
int vqp_core_doorbell_destroy(struct vqp_core *core,
    struct vqp_handle handle);

/*
 * Notify a doorbell of any context.  Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	the invalid handle, unknown privilege bits
 *	an error of the device
 * Context: any.
 */
int vqp_core_doorbell_notify(struct vqp_core *core, struct vqp_handle handle,
    uint32_t privilege);

/*
 * ---- Events.  The bytes of a struct vqp_event_header from `event` on, and the
 * payload behind it.  Bytes that were not sent are zero.
 */
struct vqp_event_data {
	uint32_t event;
	uint32_t reserved;
	union {
		struct {
			uint32_t context;
			uint32_t reserved;
		} context;	/* CTX_ID_UPDATE, CTX_REMOVED */
		struct {
			struct vqp_handle handle;
			uint32_t peer;
			uint32_t reserved;
		} qpair;	/* QP_PEER_ATTACH, QP_PEER_DETACH */
		uint8_t bytes[16];
	} payload;
};

struct vqp_qpair;

/*
 * Subscribe to an event: the core calls `tell` for it.  `origin` is the side of
 * the pair that attached or detached if that side is our own (of a LOCAL pair),
 * otherwise NULL.
 *
 * Returns VQP_SUCCESS and *id, never 0; or
 *	VQP_ERROR_INVALID_ARGS	no callback, no id, or an event that guests do
 *				not get
 *	VQP_ERROR_NO_MEM, VQP_ERROR_NO_RESOURCES
 * If an event is being delivered during this call, the new subscriber does not
 * get it.
 * Context: task.
 */
int vqp_core_event_subscribe(struct vqp_core *core, uint32_t event,
    void (*tell)(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument), void *argument,
    uint32_t *id);

/*
 * The same with a callback at the end: the core calls `ended`, in a task, when
 * `tell` does not run and will never run, so `ended` may free the argument.
 */
int vqp_core_event_subscribe_owned(struct vqp_core *core, uint32_t event,
    void (*tell)(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument),
    void (*ended)(void *argument), void *argument, uint32_t *id);

/*
 * As vqp_core_endpoint_destroy().  Several threads may deliver events at the
 * same time: a callback that ends its own subscription does not wait for the
 * other threads.
 */
int vqp_core_event_unsubscribe(struct vqp_core *core, uint32_t id);

/*
 * ---- Queue pairs.
 *
 * The pair is one of the engine's: clients call the functions of vqp/pair.h on
 * it without the core.
 */
struct vqp_qpair {
	struct vqp_pair pair;
};

struct vqp_qpair_options {
	uint64_t produce_bytes;	/* data, without the header page */
	uint64_t consume_bytes;
	uint32_t peer;		/* context id, or VQP_CONTEXT_ANY */
	uint32_t flags;		/* VQP_QPAIR_ATTACH_ONLY, _LOCAL */
	uint32_t privilege;	/* 0: a guest can grant none */
};

/*
 * Create a pair, or attach to the pair that the peer created.  *handle names
 * it; if *handle is { INVALID, INVALID }, the core allocates a name and stores
 * it there.
 *
 * Returns VQP_SUCCESS_CREATED or VQP_SUCCESS_ATTACHED if the device says which,
 * VQP_SUCCESS if it does not; or
 *	VQP_ERROR_INVALID_ARGS	both sizes 0, a size of 1, unknown flags,
 *				NONBLOCK, PINNED, a bad handle
 *	VQP_ERROR_NO_RESOURCES	over 128 MiB or 16384 pairs in all, or our
 *				context id is unknown
 *	VQP_ERROR_PAYLOAD_TOO_LARGE	more pages than a call by DMA can name
 *				(34 MiB), and the device has no ports or does
 *				not accept calls there
 *	VQP_ERROR_NO_ACCESS	privileges are set; or LOCAL, and the handle or
 *				the peer is of another context
 *	VQP_ERROR_ALREADY_EXISTS	we have a pair of this handle already
 *	VQP_ERROR_UNAVAILABLE	LOCAL: both sides are attached
 *	VQP_ERROR_MISMATCH	LOCAL: sizes or flags differ from the creator's
 *	VQP_ERROR_NOT_FOUND	ATTACH_ONLY, and there is no such pair
 *	VQP_ERROR_NO_MEM, VQP_ERROR_NO_HANDLE
 *	an error of the device
 * After an error nothing is registered.
 *
 * Context: task.
 */
int vqp_core_qpair_alloc(struct vqp_core *core,
    const struct vqp_qpair_options *options, struct vqp_handle *handle,
    struct vqp_qpair **qpair);

/*
 * Detach from a pair, and set the pointer to NULL, also on an error.  No
 * function of vqp/pair.h may run on the pair at the same time.
 *
 * Returns 0 or more, or
 *	VQP_ERROR_INVALID_ARGS	no pair
 *	VQP_ERROR_NOT_FOUND	not a pair of this core
 *	an error of the device: it refused the detach and may still use the
 *	pages, so they stay in quarantine until the device is reset
 *
 * Context: task.
 */
int vqp_core_qpair_detach(struct vqp_core *core, struct vqp_qpair **qpair);

/* The handle of the pair, for peers.  Context: any. */
struct vqp_handle vqp_core_qpair_handle(const struct vqp_qpair *qpair);

#ifdef __cplusplus
}
#endif

#endif
