/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The guest's side of a VMCI device, for shells: bring it up, hand it the
 * interrupts, and offer its clients what VMCI offers.  Roads 2 and 3; bytes of
 * queue pairs do not pass here (vqp/pair.h).
 *
 * Contexts, as in vqp_os.h:
 *	task	may sleep
 *	any	also in atomic context; may wait for the device, within the limit
 * Client callbacks run where the shell calls vqp_core_service(), or in a task
 * if DELAYED; local pairs' events in the thread that caused them.  No lock is
 * held in any of them, and they may call everything here that their context
 * allows, also to destroy what they belong to.
 *
 * Errors that every call may answer and that are not listed again:
 *	VQP_ERROR_UNAVAILABLE	the device is gone, broken, suspended, or this
 *				device does not offer the service
 *	VQP_ERROR_TIMEOUT	the device did not answer within the limit:
 *				to this call, and it is broken from now on,
 *				or to the one before it, and it will be soon
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
	uint32_t resource_count_max;	/* endpoints, bells, pairs; 0: 2^20 */
};

/*
 * A core without a device: clients may make endpoints under context ANY, and
 * subscribe.  Returns VQP_SUCCESS and *core, or VQP_ERROR_NO_MEM, and then `os`
 * is not used any more.
 * Context: task.
 */
int vqp_core_create(struct vqp_os *os, const struct vqp_core_config *config,
    struct vqp_core **core);

/*
 * Bring up a device, the first or another: agree on capabilities, give it the
 * notification page, link the bells there are.  `dma`: its registers are in
 * BAR 1, and datagrams go by DMA.  Interrupts stay off until vqp_core_start().
 *
 * Returns VQP_SUCCESS, or, with everything undone,
 *	VQP_ERROR_DEVICE_NOT_FOUND	no device answers
 *	VQP_ERROR_UNAVAILABLE		it has no datagrams, no DMA although
 *					it should, or no context ids; or the
 *					pages are not 4 KiB, and `dma` is false
 *	VQP_ERROR_ALREADY_EXISTS	there is a device already
 *	VQP_ERROR_NO_MEM
 *	another error	the device's answer to a call that it must know
 * A capability that the device offers and then refuses is done without.
 *
 * Context: task.
 */
int vqp_core_plug(struct vqp_core *core, bool dma);

/* Both.  On an error there is no core, and `os` is not used any more. */
int vqp_core_attach(struct vqp_os *os, const struct vqp_core_config *config,
    bool dma, struct vqp_core **core);

/* The VQP_CAUSE_ bits the device will raise: as many vectors.  Any. */
uint32_t vqp_core_causes(const struct vqp_core *core);

/*
 * Let interrupts through; the handlers are in place.  Clients are told what an
 * earlier device took with it: an event QP_PEER_DETACH for each pair, and
 * QP_RESUMED if one of those had no subscriber.  Whoever hears QP_RESUMED gives
 * up all pairs, and local ones are not lost.
 * Context: task.
 */
void vqp_core_start(struct vqp_core *core);

/*
 * One interrupt for all causes: ask the device which it was.  Returns the
 * VQP_CAUSE_ bits for vqp_core_service(), 0 if it was not ours.
 * Context: any.
 */
uint32_t vqp_core_interrupt(struct vqp_core *core);

/*
 * Do what `causes` announce: receive datagrams, ring bells.  Returns the
 * causes of which there is more to do than one budget, or that another thread
 * brought meanwhile; call again for them soon, and let others run before.  May be called from several threads at
 * once; one of them works, what the others bring is done too.
 *
 * Context: any in which client callbacks may run.  Bounded by the budget, by
 * the number of bells, and by the time the callbacks take.
 */
uint32_t vqp_core_service(struct vqp_core *core, uint32_t causes);

/*
 * No interrupt from here on, and no service call has an effect; waits for
 * those that run.  Before the shell takes the handlers down.
 * Context: task, not in a callback.
 */
void vqp_core_stop(struct vqp_core *core);

/*
 * The device goes away, in order or torn out: detach all pairs, make it forget
 * us.  Clients keep what they hold.  Pairs with others are lost: each gets an
 * event QP_PEER_DETACH, their rings are broken as vqp_pair_abandon() says, and
 * detaching them is all that is left to do; local pairs and endpoints live on, bells are silent until the
 * next vqp_core_plug().  Stops first, if vqp_core_stop() was not called.
 * Context: task, not in a callback.
 */
void vqp_core_unplug(struct vqp_core *core);

/*
 * Unplug, and free the core.  The shell has taken its handlers down: no
 * vqp_core_interrupt() and no vqp_core_service() runs any more.
 *
 * What clients still hold stays, and answers UNAVAILABLE.  Memory that they may
 * read stays until they end what they hold, and `os` until then and until
 * deferred work has freed what they ended before (vqp_os_release()).
 * Context: task, not in a callback.
 */
void vqp_core_detach(struct vqp_core *core);

/*
 * Power down and up again.  Suspend stops and makes the device forget us; what
 * is called in between answers UNAVAILABLE.  Resume brings it up as
 * vqp_core_plug() does, pairs with others are lost as there, and ends with
 * vqp_core_start().
 *
 * Returns VQP_SUCCESS, or an error of vqp_core_plug(), and then the device is
 * broken.
 * Context: task, not in a callback.
 */
void vqp_core_suspend(struct vqp_core *core);
int vqp_core_resume(struct vqp_core *core);

/* Before a reboot: the device forgets us, and writes to our memory no more. */
void vqp_core_shutdown(struct vqp_core *core);

/*
 * The device was torn out: never touch a register again.  Any.  The shell
 * still calls vqp_core_unplug() or vqp_core_detach().
 */
void vqp_core_gone(struct vqp_core *core);

/*
 * What was refused, and what was done, since attach.
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
	counter(event_bad_context)		/* id nobody can have */\
	counter(interrupts_unknown)		/* causes we know not */\
	counter(bad_results)			/* answers out of range */\
	counter(time_limits)			/* answers that stayed out */\
	counter(pairs_quarantined)		/* device refused detach */

#define VQP_CORE_COUNTER_MEMBER(name) uint64_t name;
struct vqp_core_counters {
	VQP_CORE_COUNTER_LIST(VQP_CORE_COUNTER_MEMBER)
};
#undef VQP_CORE_COUNTER_MEMBER

/* A snapshot.  Any. */
void vqp_core_counters(const struct vqp_core *core,
    struct vqp_core_counters *counters);

/*
 * ---- For clients: contexts.
 *
 * Our own id, or VQP_INVALID_ID if the device does not tell.  Any.
 */
uint32_t vqp_core_context_id(struct vqp_core *core);

/*
 * ---- Datagrams.
 *
 * A receiver gets a datagram whose bytes are our own copy, whole, and valid
 * until it returns.  Datagrams of one endpoint come in the order in which the
 * device gave them, one at a time.
 */
struct vqp_endpoint_options {
	uint32_t resource;	/* or VQP_RESOURCE_ANY: allocate */
	uint32_t flags;		/* VQP_DATAGRAM_ANY_CONTEXT, _DELAYED */
	uint32_t privilege;	/* VQP_PRIVILEGE_ bits */
	void (*receive)(void *argument, const struct vqp_datagram *datagram);
	void *argument;
};

/*
 * Returns VQP_SUCCESS and *handle: our context, or ANY if ANY_CONTEXT, and the
 * resource; or
 *	VQP_ERROR_INVALID_ARGS	no receiver, unknown flags, WELL_KNOWN, or
 *				unknown privilege bits
 *	VQP_ERROR_NO_RESOURCES	our context id is unknown
 *	VQP_ERROR_NO_HANDLE	no resource id is free
 *	VQP_ERROR_ALREADY_EXISTS	the resource id has an endpoint
 *	VQP_ERROR_NO_MEM
 * A DELAYED endpoint queues up to VQP_HOST_QUEUE_BYTES_MAX; what comes beyond
 * is dropped and counted.
 *
 * Context: task.
 */
int vqp_core_endpoint_create(struct vqp_core *core,
    const struct vqp_endpoint_options *options, struct vqp_handle *handle);

/*
 * Returns VQP_SUCCESS, or VQP_ERROR_NOT_FOUND, also to the second of two that
 * destroy at once.  On return the receiver does not run and never will, except
 * when it called itself: then it ends, and never runs again.
 *
 * Context: task; in its own receiver any.
 */
int vqp_core_endpoint_destroy(struct vqp_core *core,
    struct vqp_handle handle);

/*
 * Send.  The payload lies at `payload`.  datagram->src must be an endpoint of
 * ours; our context id is filled in.
 *
 * Returns the bytes taken, header included, or
 *	VQP_ERROR_INVALID_ARGS	no datagram, longer than
 *				VQP_DATAGRAM_BYTES_MAX, or to context ANY
 *	VQP_ERROR_NO_HANDLE	the source is no endpoint of ours
 *	VQP_ERROR_NO_RESOURCES	our context id is unknown
 *	VQP_ERROR_GENERIC	an answer that makes no sense
 *	an answer of the device's or of the receiver's side
 *
 * Context: any.
 */
int64_t vqp_core_send(struct vqp_core *core,
    const struct vqp_datagram *datagram, const void *payload);

/*
 * A call to the hypervisor as it is: the header, and payload_size bytes from
 * `payload`.  Returns the device's answer, its 32 bits with their sign (which
 * an id that GET_CONTEXT_ID answers has not: cast it), or
 *	VQP_ERROR_INVALID_ARGS	no datagram
 *	VQP_ERROR_PAYLOAD_TOO_LARGE	longer than any message, or than one by
 *				DMA for a device without working ports
 * Context: any.
 */
int64_t vqp_core_hypercall(struct vqp_core *core,
    const struct vqp_datagram *datagram, const void *payload);

/*
 * ---- Doorbells.  Rings that come together count as one.
 */
struct vqp_doorbell_options {
	uint32_t flags;		/* VQP_DOORBELL_DELAYED */
	uint32_t privilege;
	void (*ring)(void *argument);
	void *argument;
};

/*
 * *handle names the bell, or is { INVALID, INVALID }: allocate and store.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	no callback, unknown flags or privilege bits,
 *				a context that is not ours, resource ANY
 *	VQP_ERROR_NO_RESOURCES	all 4096 places are taken, or our context id
 *				is unknown
 *	VQP_ERROR_NO_HANDLE, VQP_ERROR_ALREADY_EXISTS, VQP_ERROR_NO_MEM
 *	an answer of the device's
 * Context: task.
 */
int vqp_core_doorbell_create(struct vqp_core *core,
    const struct vqp_doorbell_options *options, struct vqp_handle *handle);

/* As vqp_core_endpoint_destroy(); INVALID_ARGS for the invalid handle. */
int vqp_core_doorbell_destroy(struct vqp_core *core,
    struct vqp_handle handle);

/*
 * Ring somebody's bell.  Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	the invalid handle, unknown privilege bits
 *	an answer of the device's
 * Context: any.
 */
int vqp_core_doorbell_notify(struct vqp_core *core, struct vqp_handle handle,
    uint32_t privilege);

/*
 * ---- Events.  The bytes of a struct vqp_event_header and what follows it, from
 * `event` on, zero where nothing was sent.
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
 * Be told of an event.  `origin` is the end that came or went, if it is one
 * of ours (a LOCAL pair's), else NULL.
 *
 * Returns VQP_SUCCESS and *id, never 0; or
 *	VQP_ERROR_INVALID_ARGS	no callback, no id, an event no guest gets
 *	VQP_ERROR_NO_MEM, VQP_ERROR_NO_RESOURCES
 * An event that is being told already is not told to a newcomer.
 * Context: task.
 */
int vqp_core_event_subscribe(struct vqp_core *core, uint32_t event,
    void (*tell)(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument), void *argument,
    uint32_t *id);

/*
 * The same; `ended` is called, in a task, when `tell` does not run and never
 * will, so that the argument may be freed there.
 */
int vqp_core_event_subscribe_owned(struct vqp_core *core, uint32_t event,
    void (*tell)(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument),
    void (*ended)(void *argument), void *argument, uint32_t *id);

/*
 * As vqp_core_endpoint_destroy().  Several threads may be telling at once: who
 * unsubscribes while being told does not wait for the others.
 */
int vqp_core_event_unsubscribe(struct vqp_core *core, uint32_t id);

/*
 * ---- Queue pairs.
 *
 * The pair is the engine's, and its verbs are called without us.
 */
struct vqp_qpair {
	struct vqp_pair pair;
};

struct vqp_qpair_options {
	uint64_t produce_bytes;	/* data, without the header page */
	uint64_t consume_bytes;
	uint32_t peer;		/* context, or VQP_CONTEXT_ANY */
	uint32_t flags;		/* VQP_QPAIR_ATTACH_ONLY, _LOCAL */
	uint32_t privilege;	/* a guest has none to give: 0 */
};

/*
 * Create a pair, or attach to the one the peer created.  *handle names it, or
 * is { INVALID, INVALID }: allocate and store.
 *
 * Returns VQP_SUCCESS_CREATED or VQP_SUCCESS_ATTACHED as far as the device
 * tells, VQP_SUCCESS if it does not; or
 *	VQP_ERROR_INVALID_ARGS	both sizes 0, a size of 1, unknown flags,
 *				NONBLOCK, PINNED
 *	VQP_ERROR_NO_RESOURCES	over 128 MiB or 16384 pairs in all
 *	VQP_ERROR_PAYLOAD_TOO_LARGE	more pages than a DMA call can name
 *				(34 MiB), and the device has no ports, or does
 *				not take calls there
 *	VQP_ERROR_NO_ACCESS	privileges; or a LOCAL pair of others
 *	VQP_ERROR_ALREADY_EXISTS	we hold the handle already
 *	VQP_ERROR_UNAVAILABLE	LOCAL: both ends are taken
 *	VQP_ERROR_MISMATCH	LOCAL: other sizes or flags than the creator's
 *	VQP_ERROR_NOT_FOUND	ATTACH_ONLY, and there is none
 *	VQP_ERROR_NO_MEM, VQP_ERROR_NO_HANDLE
 *	an answer of the device's
 * and then nothing was registered.
 *
 * Context: task.
 */
int vqp_core_qpair_alloc(struct vqp_core *core,
    const struct vqp_qpair_options *options, struct vqp_handle *handle,
    struct vqp_qpair **qpair);

/*
 * Let go of a pair and forget the pointer: it is NULL afterwards, whatever is
 * answered.  No verb of the pair may run at the same time.
 *
 * Returns 0 or more, or
 *	VQP_ERROR_INVALID_ARGS	no pair
 *	VQP_ERROR_NOT_FOUND	not one of this core's
 *	an answer of the device's: it refused, may still use the pages, and so
 *	they stay out of use until it is reset
 *
 * Context: task.
 */
int vqp_core_qpair_detach(struct vqp_core *core, struct vqp_qpair **qpair);

/* Its name, for peers.  Any. */
struct vqp_handle vqp_core_qpair_handle(const struct vqp_qpair *qpair);

#ifdef __cplusplus
}
#endif

#endif
