/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The hypervisor's side of VMCI: what a guest's driver finds behind its
 * registers.  The data paths DOORBELL and MEETING of docs/architecture.md end
 * here.  An embedder (QEMU, a broker, the simulator) supplies memory and
 * interrupts and passes accesses on; the rest is portable.
 *
 *	struct vqp_hub		where contexts meet: who may talk to whom, the
 *				queue pairs, the limits
 *	struct vqp_device	a guest, plugged into a hub: its register file
 *	struct vqp_program	a host context, plugged into a hub
 *
 * Calls.  One thread at a time may call functions on a hub and on what is
 * plugged into it; the caller serialises (QEMU's big lock, a broker's loop).
 * The code has no locks, and nothing waits: each call is bounded by its
 * arguments and the limits of the hub.  Context: task.
 *
 * Callbacks.  The functions of a host context (struct vqp_program_calls) may
 * call anything of this header and may destroy their own context.  They must
 * not destroy the hub or a device, suspend or resume one, or access the
 * registers of the device that is being served; such an access is refused and
 * counted.  The functions of vqp_hub_host and vqp_device_host must not call
 * into the hub.  A register access from within `interrupt` does no harm: it is
 * refused and counted.
 *
 * Trust.  The device trusts nothing that a guest writes: it copies each
 * structure once and checks the copy; it checks a length before it allocates
 * memory for it.  Each refusal is counted under a name and passed to the log
 * function.
 */
#ifndef VQP_DEVICE_H
#define VQP_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vqp/pair.h>
#include <vqp/status.h>
#include <vqp/wire.h>
#include <vqp/wire_device.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vqp_hub;
struct vqp_device;
struct vqp_program;

/*
 * ---- Counters, one of each for every context: refusals, and the few events
 * that tell an administrator which limit was met.  A name says what happened;
 * a limit's name ends in "-limit".
 */
#define VQP_DEVICE_COUNT_LIST(count)					\
	/* Registers. */						\
	count(VQP_COUNT_BAD_REGISTER, "bad-register")			\
	count(VQP_COUNT_BAD_CONTROL, "bad-control")			\
	count(VQP_COUNT_BAD_CAPS, "bad-caps")				\
	count(VQP_COUNT_BAD_PAGE_SHIFT, "bad-page-shift")		\
	count(VQP_COUNT_BAD_IMR, "bad-imr")				\
	count(VQP_COUNT_NESTED_ACCESS, "nested-access")			\
	count(VQP_COUNT_BAD_DMA, "bad-dma")				\
	count(VQP_COUNT_BAD_ADDRESS, "bad-address")			\
	count(VQP_COUNT_DMA_SHORT, "dma-short")				\
	/* Hypercalls and datagrams from this context. */		\
	count(VQP_COUNT_OVERSIZE, "oversize")				\
	count(VQP_COUNT_BAD_HYPERCALL, "bad-hypercall")			\
	count(VQP_COUNT_UNKNOWN_HYPERCALL, "unknown-hypercall")		\
	count(VQP_COUNT_SPOOFED_SOURCE, "spoofed-source")		\
	count(VQP_COUNT_BAD_DESTINATION, "bad-destination")		\
	count(VQP_COUNT_UNREACHABLE, "unreachable")			\
	count(VQP_COUNT_DENIED, "denied")				\
	count(VQP_COUNT_REFUSED_BY_PEER, "refused-by-peer")		\
	count(VQP_COUNT_NO_MEMORY, "no-memory")				\
	/* Towards this context. */					\
	count(VQP_COUNT_QUEUE_LIMIT, "queue-bytes-limit")		\
	count(VQP_COUNT_EVENT_LIMIT, "event-limit")			\
	count(VQP_COUNT_NOT_LISTENING, "not-listening")			\
	/* Doorbells. */						\
	count(VQP_COUNT_BAD_DOORBELL, "bad-doorbell")			\
	count(VQP_COUNT_DOORBELL_LIMIT, "doorbell-limit")		\
	count(VQP_COUNT_NO_DOORBELL, "no-doorbell")			\
	count(VQP_COUNT_BAD_NOTIFY_PAGE, "bad-notify-page")		\
	/* Queue pairs. */						\
	count(VQP_COUNT_QPAIR_REFUSED, "qpair-refused")			\
	count(VQP_COUNT_QPAIR_BYTES_LIMIT, "qpair-bytes-limit")		\
	count(VQP_COUNT_QPAIR_COUNT_LIMIT, "qpair-limit")		\
	count(VQP_COUNT_QPAIR_BAD_PAGES, "qpair-bad-pages")		\
	count(VQP_COUNT_QPAIR_LOST, "qpair-lost")			\
	/* Plugging in. */						\
	count(VQP_COUNT_CONTEXT_LIMIT, "context-limit")

#define VQP_DEVICE_COUNT_ENUMERATOR(name, text) name,
enum vqp_device_count {
	VQP_DEVICE_COUNT_LIST(VQP_DEVICE_COUNT_ENUMERATOR)
	VQP_DEVICE_COUNTS
};
#undef VQP_DEVICE_COUNT_ENUMERATOR

/* The name of a count; "unknown count" for a number outside the enum. */
const char *vqp_device_count_name(enum vqp_device_count count);

/*
 * ---- The hub.
 */

/* What a hub needs from its embedder. */
struct vqp_hub_host {
	/*
	 * `bytes` bytes of zeros, aligned for any type, or NULL.  `bytes` is
	 * never more than the largest datagram or a limit of the hub.
	 */
	void *(*alloc)(void *context, size_t bytes);
	/* Free what alloc() returned, with the same `bytes`; never NULL. */
	void (*free)(void *context, void *memory, size_t bytes);
	/*
	 * `count` went up for context `cid`, and `status` was returned.  A
	 * guest can cause this as often as it likes: limit the rate.
	 * May be NULL.
	 */
	void (*log)(void *context, uint32_t cid, enum vqp_device_count count,
	    int64_t status);
	void *context;		/* first argument of all of them */
};

/* Zero in any field: the default, which is VMCI's where VMCI has one. */
struct vqp_hub_limits {
	uint32_t context_count;		/* 4096 contexts plugged in */
	/* Of each context: */
	uint64_t queue_bytes;		/* 139264 of datagrams not yet read */
	uint32_t event_count;		/* 1024 events, in addition */
	uint32_t doorbell_count;	/* 4096 */
	uint32_t qpair_count;		/* 16384 it is a side of */
	/* Of each guest, and of any one pair: */
	uint64_t qpair_bytes;		/* 134217728 of data, the maximum */
};

/*
 * Create a hub with nothing plugged in, in *hub.  *host and *limits are copied;
 * limits may be NULL for the defaults.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	no alloc or free, or a qpair_bytes above
 *				128 MiB
 *	VQP_ERROR_NO_MEM	alloc returned NULL
 */
int vqp_hub_create(const struct vqp_hub_host *host,
    const struct vqp_hub_limits *limits, struct vqp_hub **hub);

/*
 * Free a hub from which everything was unplugged.  Anything left is a bug of
 * the caller, and aborts.
 */
void vqp_hub_destroy(struct vqp_hub *hub);

/*
 * Who may talk to whom (docs/wire.md 2.3).  A guest and a host context may, and
 * two host contexts may; two guests may only when both are of the same domain
 * and the domain is not 0.  Among these, a RESTRICTED context may talk only to
 * a TRUSTED one.  Every context may talk to itself.
 */
struct vqp_context_config {
	/*
	 * The id: VQP_CONTEXT_FREE_MIN to VQP_CONTEXT_FREE_MAX, or for a host
	 * context VQP_CONTEXT_HOST; or VQP_CONTEXT_ANY for the lowest free id
	 * from VQP_CONTEXT_FREE_MIN up.
	 */
	uint32_t cid;
	/* VQP_PRIVILEGE_ bits; a guest cannot be TRUSTED; never both bits. */
	uint32_t privileges;
	uint32_t domain;
};

/*
 * ---- A guest.
 */

enum vqp_device_generation {
	/* Registers in BAR 0; two vectors. */
	VQP_DEVICE_PORT,
	/* The same, also in BAR 1, and DMA datagrams; three vectors. */
	VQP_DEVICE_MMIO,
};

/*
 * What DATA_IN returns (docs/wire.md 2.6).  All three are right for drivers
 * that follow its algorithm; they differ in what the embedder must know.
 *
 *	IMAGE	any piece of a read at any time, single bytes included: the
 *		device lays out what comes when a transaction begins
 *	STREAM	each vqp_device_data_in() is one whole string instruction
 *	PIECE	each vqp_device_data_in() ends where a page of the guest's
 *		buffer ends; a longer one counts as several of these
 *
 * STREAM and PIECE waste no reads, but lose single bytes that are read through
 * vqp_device_read().
 */
enum vqp_data_in {
	VQP_DATA_IN_IMAGE,
	VQP_DATA_IN_STREAM,
	VQP_DATA_IN_PIECE,
};

/*
 * How the guest's interrupts arrive now; the embedder knows from PCI
 * configuration space (docs/wire.md 1.6).
 */
enum vqp_interrupts {
	/*
	 * MSI-X with a vector for each cause: each cause is a message, and
	 * the driver does not read ICR.  This is the initial state.
	 */
	VQP_INTERRUPTS_EXCLUSIVE,
	/*
	 * One vector, MSI or INTx: ICR holds the causes, a read clears it, and
	 * the level is high while ICR is not 0.
	 */
	VQP_INTERRUPTS_SHARED,
};

/* What a device needs from its embedder. */
struct vqp_device_host {
	/*
	 * Copy between `to` or `from` and `bytes` bytes of guest memory at a
	 * bus address.  Return false when any of it is not memory that the
	 * guest may use; the bytes are then undefined.  The guest chooses the
	 * address, so it may be anything, but address + bytes does not wrap.
	 * Writes happen in order, and an aligned write of 4 or 8 bytes is one
	 * access: the guest may poll it.
	 */
	bool (*read)(void *context, uint64_t address, void *to, uint64_t bytes);
	bool (*write)(void *context, uint64_t address, const void *from,
	    uint64_t bytes);
	/*
	 * Map `count` pages of guest memory as one contiguous range, readable
	 * and writable.  Page i is at the bus address addresses[i]; each has
	 * `page_bytes` bytes and is aligned to that.  A page may occur twice.
	 * Returns the first byte, aligned to 8, or NULL when a page is not
	 * ordinary memory of this guest or cannot be mapped like this.  The
	 * mapping stays until unmap() with the same arguments.
	 */
	void *(*map)(void *context, const uint64_t *addresses, uint32_t count,
	    uint64_t page_bytes);
	void (*unmap)(void *context, void *memory, uint32_t count,
	    uint64_t page_bytes);
	/*
	 * EXCLUSIVE: send a message for `vector`, an enum vqp_vector; level is
	 * true.  SHARED: vector is 0, and `level` is the level of the line; the
	 * call comes at each change, and with true again at each new cause.
	 * With MSI, send a message when it is true; with INTx, set the line.
	 *
	 * A guest may aim a message at its own device.  An access of registers
	 * before this returns is refused and counted (nested-access), and a
	 * change of interrupts is ignored.
	 */
	void (*interrupt)(void *context, uint32_t vector, bool level);
	void *context;		/* first argument of all of them */
};

struct vqp_device_config {
	struct vqp_context_config context;
	enum vqp_device_generation generation;
	enum vqp_data_in data_in;
	/*
	 * Capabilities to offer, or 0 for all that are implemented: DATAGRAM,
	 * NOTIFICATIONS, PPN64, and with MMIO DMA_DATAGRAM.  Without a
	 * capability its part of the device is absent.
	 */
	uint32_t caps;
};

/*
 * Plug in a guest; *device is in the state after a reset.  *host and *config
 * are copied.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	a host function is missing, or the comments
 *				above exclude the configuration
 *	VQP_ERROR_ALREADY_EXISTS	the id is taken
 *	VQP_ERROR_NO_RESOURCES	the hub's context_count is reached
 *	VQP_ERROR_NO_MEM	alloc returned NULL
 */
int vqp_device_create(struct vqp_hub *hub, const struct vqp_device_host *host,
    const struct vqp_device_config *config, struct vqp_device **device);

/*
 * Unplug a guest: vqp_device_reset(), then CTX_REMOVED to every context that
 * could talk to it.  No function of its host table is called afterwards.
 */
void vqp_device_destroy(struct vqp_device *device);

/*
 * The same as the guest's RESET, for the embedder's own resets: everything the
 * guest set up is gone.  The notification page and the pages of queue pairs
 * are unmapped, and the peers are notified (PEER_DETACH).  Doorbells, waiting
 * datagrams and events, a half-written DATA_OUT, a half-read DATA_IN,
 * capabilities, mask and causes are dropped; the level falls.
 */
void vqp_device_reset(struct vqp_device *device);

/*
 * The guest accesses `width` (1, 2, 4 or 8) bytes of the register window at
 * `offset`.  Registers are read and written 4 bytes wide and aligned; the two
 * data ports take 1, 2 or 4 bytes, the lowest first.  Any other read returns
 * all ones, any other write has no effect, and both count as bad-register.
 *
 * A write to DATA_OUT, or to the low half of a DMA address, may carry out a
 * whole hypercall, callbacks to host contexts included, before it returns.
 */
uint64_t vqp_device_read(struct vqp_device *device, uint64_t offset,
    uint32_t width);
void vqp_device_write(struct vqp_device *device, uint64_t offset,
    uint32_t width, uint64_t value);

/*
 * The same for many bytes of the data ports at once, as a string instruction
 * moves them; any length, also 0.  Time is linear in the bytes, except for
 * bytes of DATA_OUT that are discarded, which take none.
 */
void vqp_device_data_out(struct vqp_device *device, const void *bytes,
    uint64_t length);
void vqp_device_data_in(struct vqp_device *device, void *bytes,
    uint64_t length);

/* From now on the guest's interrupts arrive in this way. */
void vqp_device_set_interrupts(struct vqp_device *device,
    enum vqp_interrupts interrupts);

/* SHARED: the level of the line now.  EXCLUSIVE: false. */
bool vqp_device_interrupt_level(const struct vqp_device *device);

/* The context id, which GET_CONTEXT_ID returns. */
uint32_t vqp_device_cid(const struct vqp_device *device);

/*
 * Give the guest another id, as a migration does, and notify it:
 * CTX_ID_UPDATE.  A datagram that the guest still sends with its old id as the
 * source leaves with the new one.  Queue pairs and doorbells stay.
 *
 * Returns VQP_SUCCESS, also for the id it has, or INVALID_ARGS or
 * ALREADY_EXISTS as vqp_device_create().  VQP_CONTEXT_ANY is not allowed.
 */
int vqp_device_set_cid(struct vqp_device *device, uint32_t cid);

/*
 * Call before the guest's memory goes or is copied: the device does not touch
 * it until vqp_device_resume().  First, host contexts lose the memory of its
 * queue pairs (calls.memory); the headers are copied, so that
 * vqp_program_qpair_indexes() still works.  Notifications of doorbells,
 * datagrams and events are kept for later.  The guest must not run: a hypercall
 * or a DMA operation that needs its memory is refused with UNAVAILABLE.
 * Idempotent.
 */
void vqp_device_suspend(struct vqp_device *device);

/*
 * The memory is there again, perhaps at other addresses: the device maps it,
 * host contexts get theirs again, and the notifications of doorbells that were
 * kept arrive.  A pair whose pages are gone is lost: the guest's side is
 * detached, and qpair-lost counts it.  A lost notification page counts as
 * bad-notify-page.
 *
 * Call with restored true when the guest was resumed from an image, or moved:
 * the guest gets QP_RESUMED, on which a client such as Linux's vsock transport
 * gives up all its pairs.  It also gets QP_RESUMED when a pair was lost.
 */
void vqp_device_resume(struct vqp_device *device, bool restored);

/* How often this was refused, or this limit was met, since creation. */
uint64_t vqp_device_count(const struct vqp_device *device,
    enum vqp_device_count count);

/*
 * ---- A host context: a program of the host as a context of the hub.
 *
 * It is a context like a guest: it has an id, gets datagrams, notifications of
 * doorbells and events, and is a side of queue pairs.  It has no queue: what
 * arrives is handed over at once.  Several programs may share an id, behind one
 * vqp_program that sorts by resource.
 */

/*
 * A queue pair's memory seen from one side: `produce` is the queue that this
 * side fills.  Both fit into struct vqp_pair_config, with VQP_LAYOUT_COMPAT.
 */
struct vqp_qpair_memory {
	struct vqp_handle handle;
	struct vqp_queue produce;
	struct vqp_queue consume;
	/* Between two host contexts: the creator's pointer; else NULL. */
	void *shared;
};

/* Any of them may be NULL: not interested. */
struct vqp_program_calls {
	/*
	 * A datagram came, with datagram->payload_size bytes at `payload`;
	 * both are valid during this call only.  src is the sender, checked.
	 * dst.context is the host context's own id.  The context with the id
	 * VQP_CONTEXT_HOST also receives what guests send to the stream
	 * sockets of context 0, with dst { VQP_CONTEXT_HYPERVISOR,
	 * VQP_VSOCK_RESOURCE_HYPERVISOR }.
	 * Return 0 or more to accept it.  Otherwise the sender gets this
	 * error; return VQP_ERROR_INVALID_RESOURCE for a resource that has no
	 * receiver, which is also the answer when this function is NULL.
	 */
	int (*datagram)(void *context, const struct vqp_datagram *datagram,
	    const void *payload);
	/* One of the context's doorbells was rung. */
	void (*doorbell)(void *context, struct vqp_handle handle);
	/*
	 * PEER_ATTACH, PEER_DETACH (a struct vqp_event_qpair) or CTX_REMOVED
	 * (a struct vqp_event_context); valid during this call only.
	 */
	void (*event)(void *context, const struct vqp_event_header *event);
	/*
	 * The memory of one of its pairs came, or goes.  `memory` is valid
	 * during this call; what it points to, until the next call for this
	 * pair.  NULL: the memory goes, and must not be touched once the call
	 * returns.  Memory comes before the attach or PEER_ATTACH, and goes
	 * before the PEER_DETACH.
	 */
	void (*memory)(void *context, struct vqp_handle handle,
	    const struct vqp_qpair_memory *memory);
	void *context;		/* first argument of all of them */
};

/*
 * Plug in a host context.  *config and *calls are copied.  Results as
 * vqp_device_create().
 */
int vqp_program_create(struct vqp_hub *hub,
    const struct vqp_context_config *config,
    const struct vqp_program_calls *calls, struct vqp_program **program);

/*
 * Unplug it: its queue pairs are detached, peers are notified, and every
 * context that could talk to it gets CTX_REMOVED.  From the start of this call
 * none of its functions is called except `memory` with NULL.
 */
void vqp_program_destroy(struct vqp_program *program);

uint32_t vqp_program_cid(const struct vqp_program *program);
uint64_t vqp_program_count(const struct vqp_program *program,
    enum vqp_device_count count);

/*
 * Send datagram->payload_size bytes at `payload`.  src.context must be the
 * context's own id, or VQP_CONTEXT_ANY, which is replaced by it.  The context
 * with the id VQP_CONTEXT_HOST may also send from { VQP_CONTEXT_HYPERVISOR,
 * VQP_VSOCK_RESOURCE_HYPERVISOR } to VQP_VSOCK_RESOURCE of a guest.
 *
 * Returns the bytes accepted, 24 + payload_size, or
 *	VQP_ERROR_INVALID_ARGS	dst.context is VQP_CONTEXT_ANY
 *	VQP_ERROR_PAYLOAD_TOO_LARGE	more than 69608 bytes
 *	VQP_ERROR_NO_ACCESS	src is another's, or a privilege forbids it
 *	VQP_ERROR_DST_UNREACHABLE	no such context; 0 is none
 *	VQP_ERROR_INVALID_RESOURCE	dst.resource is VQP_RESOURCE_ANY
 *	VQP_ERROR_NO_RESOURCES	the guest's queue_bytes are used up
 *	VQP_ERROR_UNAVAILABLE	the guest has no active driver
 *	VQP_ERROR_NO_MEM	alloc returned NULL
 * or the error of a receiving host context.
 */
int64_t vqp_program_send(struct vqp_program *program,
    const struct vqp_datagram *datagram, const void *payload);

/*
 * Ring the doorbell `handle` of any context.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	the handle has an ANY in it
 *	VQP_ERROR_NO_ACCESS	a privilege forbids it
 *	VQP_ERROR_NOT_FOUND	no such context, or it has no such doorbell
 */
int vqp_program_ring(struct vqp_program *program, struct vqp_handle handle);

/*
 * Add or remove a doorbell with this resource id.
 *
 * Link returns VQP_SUCCESS, or INVALID_ARGS (VQP_RESOURCE_ANY),
 * DUPLICATE_ENTRY, NO_RESOURCES (doorbell_count), NO_MEM; unlink VQP_SUCCESS
 * or NOT_FOUND.
 */
int vqp_program_link(struct vqp_program *program, uint32_t resource);
int vqp_program_unlink(struct vqp_program *program, uint32_t resource);

/* A request for a queue pair; sizes are named from this side. */
struct vqp_qpair_request {
	struct vqp_handle handle;
	uint32_t peer;		/* a context id, or VQP_CONTEXT_ANY */
	uint32_t flags;		/* VQP_QPAIR_ bits */
	uint64_t produce_size;	/* data bytes */
	uint64_t consume_size;
	/*
	 * Between two host contexts the hub has no memory to map: the creator
	 * passes any pointer, for instance to the holder of a descriptor, and
	 * the side that attaches gets it.  NULL: a guest brings the memory.
	 */
	void *shared;
};

/*
 * Create a queue pair, or attach to it if it exists; the checks and their
 * order are those of docs/wire.md 4.7.  If the memory is there already,
 * calls.memory comes before this returns; otherwise when a guest attaches.
 *
 * Returns VQP_SUCCESS_CREATED, VQP_SUCCESS_ATTACHED, or
 *	VQP_ERROR_NO_RESOURCES	too large, or qpair_count is reached
 *	VQP_ERROR_INVALID_ARGS	a handle with an ANY in it, unknown flags,
 *				LOCAL, both sizes 0, or `shared` for a pair
 *				that has memory
 *	VQP_ERROR_ALREADY_EXISTS	this context is a side of it already
 *	VQP_ERROR_NOT_FOUND	ATTACH_ONLY, and there is no such pair
 *	VQP_ERROR_NO_ACCESS	create: handle.context is neither this context
 *				nor the peer; attach: a privilege forbids it,
 *				or the creator named another peer
 *	VQP_ERROR_DST_UNREACHABLE	this context may not talk to the peer
 *	VQP_ERROR_UNAVAILABLE	the pair has two sides, or lost one, or has no
 *				memory that this context can attach to
 *	VQP_ERROR_MISMATCH	flags or sizes do not fit the creator's
 *	VQP_ERROR_NO_MEM	alloc returned NULL
 */
int vqp_program_qpair_alloc(struct vqp_program *program,
    const struct vqp_qpair_request *request);

/*
 * Leave a pair.  If the pair has memory, calls.memory comes with NULL first.
 *
 * Returns VQP_SUCCESS, or VQP_SUCCESS_LAST_DETACH when no side is left, or
 *	VQP_ERROR_NOT_FOUND	there is no such pair
 *	VQP_ERROR_NOT_ATTACHED	this context is not a side of it
 */
int vqp_program_qpair_detach(struct vqp_program *program,
    struct vqp_handle handle);

/*
 * The memory again, as calls.memory reported it.  Returns VQP_SUCCESS,
 * NOT_FOUND, NOT_ATTACHED, or VQP_ERROR_NOT_READY while there is none.
 */
int vqp_program_qpair_memory(struct vqp_program *program,
    struct vqp_handle handle, struct vqp_qpair_memory *memory);

/* The four indices of a pair, named from this side. */
struct vqp_qpair_indexes {
	uint64_t produce_tail, produce_head;
	uint64_t consume_tail, consume_head;
};

/*
 * The indices in the guest's headers, or in their copies while the guest is
 * suspended.  The guest can write anything there: the values are stored as
 * found, and checked.
 *
 * Returns VQP_SUCCESS, NOT_FOUND, NOT_ATTACHED (also with neither headers nor
 * copies), or VQP_ERROR_INVALID_SIZE when an index lies outside its ring; a
 * ring of 0 bytes is not checked.
 */
int vqp_program_qpair_indexes(struct vqp_program *program,
    struct vqp_handle handle, struct vqp_qpair_indexes *indexes);

#ifdef __cplusplus
}
#endif

#endif
