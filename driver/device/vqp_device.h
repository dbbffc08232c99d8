/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The hypervisor's side of the wire: what a guest's driver finds behind its
 * registers.  Roads 2 and 3 end here.  An embedder (QEMU, a broker, the
 * simulator) supplies memory and interrupts and passes accesses on; the rest
 * is portable.
 *
 *	struct vqp_hub		where contexts meet: who may talk to whom, the
 *				queue pairs, the limits
 *	struct vqp_device	a guest, plugged into a hub: its register file
 *	struct vqp_program	a program on the host, plugged into a hub
 *
 * Calls.  All calls on one hub and on what is plugged into it are for one
 * thread at a time; the caller serialises (QEMU's big lock, a broker's loop).
 * There are no locks inside, and nothing waits: each call is bounded by its
 * arguments and the limits of the hub.  Context: task.
 *
 * Calls back.  A program's functions (struct vqp_program_calls) may call
 * anything of this header, also destroy their own program, but must not
 * destroy the hub or a device, suspend or resume one, nor access the registers
 * of the device that is being served; such an access is refused and counted.
 * The functions of the two host tables must not call into the hub at all, but
 * for accesses of registers from within `interrupt`, which are refused, too.
 *
 * Trust.  Nothing a guest writes is believed: each structure is copied once
 * and the copy is judged; a length is judged before memory is taken for it.
 * What is refused is counted under a name and told to the log function.
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
 * ---- What is counted, one of each for every context: refusals, and the few
 * events that tell an administrator which limit was met.  A name says what
 * happened; a limit's name ends in "-limit".
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

/* The name of a count; "unknown count" for a number that is none. */
const char *vqp_device_count_name(enum vqp_device_count count);

/*
 * ---- The hub.
 */

/* What a hub asks of the world. */
struct vqp_hub_host {
	/*
	 * `bytes` bytes of zeros, aligned for any type, or NULL.  Never for
	 * more than a datagram may have or a limit of the hub allows.
	 */
	void *(*alloc)(void *context, size_t bytes);
	/* Give back what alloc() gave; `bytes` as then; never NULL. */
	void (*free)(void *context, void *memory, size_t bytes);
	/*
	 * `count` went up for context `cid`, and `status` was answered.  A
	 * guest can bring this about as often as it likes: limit the rate.
	 * May be NULL.
	 */
	void (*log)(void *context, uint32_t cid, enum vqp_device_count count,
	    int64_t status);
	void *context;		/* first argument of all of them */
};

/* Zero in any of them: the default, which is VMCI's where it has one. */
struct vqp_hub_limits {
	uint32_t context_count;		/* 4096 contexts plugged in */
	/* Of each context: */
	uint64_t queue_bytes;		/* 139264 of datagrams not yet read */
	uint32_t event_count;		/* 1024 events, beside these */
	uint32_t doorbell_count;	/* 4096 */
	uint32_t qpair_count;		/* 16384 it is an end of */
	/* Of each guest, and of any one pair: */
	uint64_t qpair_bytes;		/* 134217728 of data, not more */
};

/*
 * A new hub with nothing plugged in, in *hub.  *host and *limits are copied;
 * limits may be NULL for the defaults.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	no alloc or free, or more than 128 MiB of
 *				queue pairs asked for
 *	VQP_ERROR_NO_MEM	alloc said so
 */
int vqp_hub_create(const struct vqp_hub_host *host,
    const struct vqp_hub_limits *limits, struct vqp_hub **hub);

/* Free a hub from which everything was unplugged; anything left is a bug of
 * the caller's and stops the program. */
void vqp_hub_destroy(struct vqp_hub *hub);

/*
 * Who may talk to whom (docs/wire.md 2.3).  A guest and a program may, and two
 * programs; two guests only when both are of the same domain and that is not
 * 0.  Whoever may talk still may not if one of the two is RESTRICTED and the
 * other is not TRUSTED.  Everyone may talk to itself.
 */
struct vqp_context_config {
	/*
	 * Its id.  VQP_CONTEXT_FREE_MIN to VQP_CONTEXT_FREE_MAX, or for a
	 * program VQP_CONTEXT_HOST; or VQP_CONTEXT_ANY for the lowest free
	 * one from VQP_CONTEXT_FREE_MIN up.
	 */
	uint32_t cid;
	/* VQP_PRIVILEGE_ bits; a guest cannot be TRUSTED, no one both. */
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
 * What DATA_IN gives (docs/wire.md 2.6).  All of them are right for drivers
 * that follow its algorithm; they differ in what the embedder must see.
 *
 *	IMAGE	any piece of a read at any time, single bytes included: what
 *		comes is laid out when a transaction begins
 *	STREAM	each vqp_device_data_in() is one whole string instruction
 *	PIECE	each vqp_device_data_in() ends where a page of the guest's
 *		buffer ends; a longer one is taken for several such
 *
 * STREAM and PIECE waste no reads; single bytes read through
 * vqp_device_read() are lost on them.
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
	 * nobody reads ICR.  This is so at first.
	 */
	VQP_INTERRUPTS_EXCLUSIVE,
	/*
	 * One vector, MSI or INTx: ICR says what it was, reading clears it,
	 * and the level is high as long as it is not 0.
	 */
	VQP_INTERRUPTS_SHARED,
};

/* What a device asks of the world. */
struct vqp_device_host {
	/*
	 * Copy between us and `bytes` bytes of guest memory at a bus address.
	 * False, and nothing promised of the bytes, when any of it is no
	 * memory the guest may use; the addresses are the guest's and may be
	 * anything, but address + bytes does not wrap.  Writes happen in
	 * order, and an aligned one of 4 or 8 bytes at once: the guest may be
	 * watching.
	 */
	bool (*read)(void *context, uint64_t address, void *to, uint64_t bytes);
	bool (*write)(void *context, uint64_t address, const void *from,
	    uint64_t bytes);
	/*
	 * Map `count` pages of guest memory one behind the other, readable and
	 * writable, the i-th at the bus address addresses[i], each of
	 * `page_bytes` bytes and aligned to that.  The same page may come
	 * twice.  Returns the first byte, aligned to 8, or NULL when a page is
	 * no ordinary memory of this guest, or cannot be mapped so.  Mapped
	 * until unmap() with the same numbers.
	 */
	void *(*map)(void *context, const uint64_t *addresses, uint32_t count,
	    uint64_t page_bytes);
	void (*unmap)(void *context, void *memory, uint32_t count,
	    uint64_t page_bytes);
	/*
	 * EXCLUSIVE: a message for `vector`, an enum vqp_vector; level is true.
	 * SHARED: vector is 0; the level of the line, told at each change and
	 * again, true, at each new cause.  Who has MSI sends a message when it
	 * is true; who has INTx sets the line.
	 *
	 * A guest may aim a message at its own device.  An access of registers
	 * that comes in before this returns is refused and counted
	 * (nested-access), and a change of interrupts is not taken.
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
	 * NOTIFICATIONS, PPN64, and with MMIO DMA_DATAGRAM.  Without one its
	 * part of the device is absent.
	 */
	uint32_t caps;
};

/*
 * Plug in a guest; *device is it, as after a reset.  *host and *config are
 * copied.
 *
 * Returns VQP_SUCCESS, or
 *	VQP_ERROR_INVALID_ARGS	a host function missing, or a configuration
 *				that the comments above exclude
 *	VQP_ERROR_ALREADY_EXISTS	the id is taken
 *	VQP_ERROR_NO_RESOURCES	the hub's context_count is reached
 *	VQP_ERROR_NO_MEM	alloc said so
 */
int vqp_device_create(struct vqp_hub *hub, const struct vqp_device_host *host,
    const struct vqp_device_config *config, struct vqp_device **device);

/*
 * Unplug a guest: vqp_device_reset(), then CTX_REMOVED to every context that
 * could talk to it.  No function of its host table is called afterwards.
 */
void vqp_device_destroy(struct vqp_device *device);

/*
 * As the guest's RESET, for the embedder's own resets: everything the guest
 * brought about is gone.  The notification page and the pages of queue pairs
 * are unmapped, their peers are told (PEER_DETACH); doorbells, waiting
 * datagrams and events, a half-written DATA_OUT, half-read DATA_IN,
 * capabilities, mask and causes are dropped; the level falls.
 */
void vqp_device_reset(struct vqp_device *device);

/*
 * The guest accesses `width` (1, 2, 4 or 8) bytes of the register window at
 * `offset`.  Registers are read and written 4 bytes wide and aligned; the two
 * data ports take 1, 2 or 4 bytes, the lowest first.  What is nothing of this
 * reads as all ones and writes to nowhere, and counts as bad-register.
 *
 * A write to DATA_OUT, or to the low half of a DMA address, may carry out a
 * whole hypercall, calls to programs included, before it returns.
 */
uint64_t vqp_device_read(struct vqp_device *device, uint64_t offset,
    uint32_t width);
void vqp_device_write(struct vqp_device *device, uint64_t offset,
    uint32_t width, uint64_t value);

/*
 * The same for many bytes of the data ports at once, as a string instruction
 * moves them; any length, also 0.  Time is linear in the bytes, and a stretch
 * of DATA_OUT that is being swallowed costs none.
 */
void vqp_device_data_out(struct vqp_device *device, const void *bytes,
    uint64_t length);
void vqp_device_data_in(struct vqp_device *device, void *bytes,
    uint64_t length);

/* The guest's interrupts arrive differently from now on. */
void vqp_device_set_interrupts(struct vqp_device *device,
    enum vqp_interrupts interrupts);

/* SHARED: the level of the line now.  EXCLUSIVE: false. */
bool vqp_device_interrupt_level(const struct vqp_device *device);

/* The context id, which GET_CONTEXT_ID answers. */
uint32_t vqp_device_cid(const struct vqp_device *device);

/*
 * Give the guest another id, as a migration does, and tell it: CTX_ID_UPDATE.
 * Datagrams it still sends in the name of the old id are sent in that of the
 * new one.  Queue pairs and doorbells stay.
 *
 * Returns VQP_SUCCESS, also for the id it has, or INVALID_ARGS or
 * ALREADY_EXISTS as vqp_device_create().  VQP_CONTEXT_ANY is not allowed.
 */
int vqp_device_set_cid(struct vqp_device *device, uint32_t cid);

/*
 * The guest's memory is about to go, or to be copied: nothing of it is touched
 * from here until vqp_device_resume().  Programs lose the memory of its queue
 * pairs first (calls.memory); the headers are copied aside, so that
 * vqp_program_qpair_indexes() can still answer.  Rings, datagrams and events
 * are kept for later.  The guest must not run; a hypercall or a DMA operation
 * that needs its memory would be refused: UNAVAILABLE.  Idempotent.
 */
void vqp_device_suspend(struct vqp_device *device);

/*
 * The memory is there again, perhaps elsewhere: it is mapped anew, programs
 * get theirs back, rings that were kept arrive.  A pair whose pages are gone
 * is lost: the guest's end is detached, and it counts as qpair-lost.  The same for
 * a lost notification page: bad-notify-page.
 *
 * Call with restored true when the guest was resumed from an image, or moved:
 * it is told QP_RESUMED, and looks at all its pairs.  So it is also when a
 * pair was lost.
 */
void vqp_device_resume(struct vqp_device *device, bool restored);

/* How often something was refused or met a limit, since creation. */
uint64_t vqp_device_count(const struct vqp_device *device,
    enum vqp_device_count count);

/*
 * ---- A program on the host.
 *
 * It is a context like a guest: it has an id, is sent datagrams, rings and
 * events, and is an end of queue pairs.  It has no queue: what arrives is
 * handed over at once.  Several may share an id by standing behind one
 * vqp_program that sorts by resource.
 */

/*
 * A queue pair's memory as one end sees it: `produce` is the queue this end
 * fills.  Both fit into struct vqp_pair_config, with VQP_LAYOUT_COMPAT.
 */
struct vqp_qpair_memory {
	struct vqp_handle handle;
	struct vqp_queue produce;
	struct vqp_queue consume;
	/* Or, between two programs, what the creator named; else NULL. */
	void *shared;
};

/* Any of them may be NULL: not interested. */
struct vqp_program_calls {
	/*
	 * A datagram came, with datagram->payload_size bytes at `payload`, all
	 * valid during this call only.  Its src is the sender, checked.  Its
	 * dst.context is the program's own id; the program of id
	 * VQP_CONTEXT_HOST also receives what guests send to the stream
	 * sockets of context 0, with dst { VQP_CONTEXT_HYPERVISOR,
	 * VQP_VSOCK_RESOURCE_HYPERVISOR }.
	 * Returns 0 or more when it was taken.  Otherwise the sender is
	 * answered this error; for a resource that is nobody's,
	 * VQP_ERROR_INVALID_RESOURCE, which is also what a NULL says.
	 */
	int (*datagram)(void *context, const struct vqp_datagram *datagram,
	    const void *payload);
	/* One of its doorbells was rung. */
	void (*doorbell)(void *context, struct vqp_handle handle);
	/*
	 * PEER_ATTACH, PEER_DETACH (a struct vqp_event_qpair) or CTX_REMOVED
	 * (a struct vqp_event_context); valid during this call only.
	 */
	void (*event)(void *context, const struct vqp_event_header *event);
	/*
	 * The memory of one of its pairs came (`memory` is valid during this
	 * call only, what it points to until the next), or goes: NULL, and
	 * when the call returns nothing of it may be touched any more.  The
	 * order is attach or PEER_ATTACH after it came, PEER_DETACH after it
	 * went.
	 */
	void (*memory)(void *context, struct vqp_handle handle,
	    const struct vqp_qpair_memory *memory);
	void *context;		/* first argument of all of them */
};

/*
 * Plug in a program.  *config and *calls are copied.  Results as
 * vqp_device_create().
 */
int vqp_program_create(struct vqp_hub *hub,
    const struct vqp_context_config *config,
    const struct vqp_program_calls *calls, struct vqp_program **program);

/*
 * Unplug it: its queue pairs are detached, peers are told, CTX_REMOVED goes to
 * every context that could talk to it.  From the first moment on none of its
 * functions is called but `memory` with NULL.
 */
void vqp_program_destroy(struct vqp_program *program);

uint32_t vqp_program_cid(const struct vqp_program *program);
uint64_t vqp_program_count(const struct vqp_program *program,
    enum vqp_device_count count);

/*
 * Send datagram->payload_size bytes at `payload`.  src.context must be the
 * program's own id or VQP_CONTEXT_ANY, which becomes it.  The program of id
 * VQP_CONTEXT_HOST may also send from { VQP_CONTEXT_HYPERVISOR,
 * VQP_VSOCK_RESOURCE_HYPERVISOR } to VQP_VSOCK_RESOURCE of a guest.
 *
 * Returns the bytes accepted, 24 + payload_size, or
 *	VQP_ERROR_INVALID_ARGS	dst.context is VQP_CONTEXT_ANY
 *	VQP_ERROR_PAYLOAD_TOO_LARGE	more than 69608 bytes
 *	VQP_ERROR_NO_ACCESS	src is another's, or a privilege forbids it
 *	VQP_ERROR_DST_UNREACHABLE	no such context; 0 is none
 *	VQP_ERROR_INVALID_RESOURCE	dst.resource is VQP_RESOURCE_ANY
 *	VQP_ERROR_NO_RESOURCES	the guest's queue_bytes are used up
 *	VQP_ERROR_UNAVAILABLE	the guest has no driver at work
 *	VQP_ERROR_NO_MEM	alloc said so
 * or what a receiving program answered.
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
 * Have a doorbell of that resource id, or have it no longer.
 *
 * Link returns VQP_SUCCESS, or INVALID_ARGS (VQP_RESOURCE_ANY),
 * DUPLICATE_ENTRY, NO_RESOURCES (doorbell_count), NO_MEM; unlink VQP_SUCCESS
 * or NOT_FOUND.
 */
int vqp_program_link(struct vqp_program *program, uint32_t resource);
int vqp_program_unlink(struct vqp_program *program, uint32_t resource);

/* What a queue pair is to be like; sizes as this end calls them. */
struct vqp_qpair_request {
	struct vqp_handle handle;
	uint32_t peer;		/* a context id, or VQP_CONTEXT_ANY */
	uint32_t flags;		/* VQP_QPAIR_ bits */
	uint64_t produce_size;	/* data bytes */
	uint64_t consume_size;
	/*
	 * Between two programs the hub has no memory to map: the creator names
	 * it with any pointer, a file descriptor's holder say, and who
	 * attaches gets that.  NULL: a guest brings the memory.
	 */
	void *shared;
};

/*
 * Create a queue pair, or attach to it if it exists; the checks and their
 * order are those of docs/wire.md 4.7.  Memory that is there already comes by
 * calls.memory before this returns; otherwise when a guest attaches.
 *
 * Returns VQP_SUCCESS_CREATED, VQP_SUCCESS_ATTACHED, or
 *	VQP_ERROR_NO_RESOURCES	too large, or qpair_count is reached
 *	VQP_ERROR_INVALID_ARGS	a handle with an ANY in it, unknown flags,
 *				LOCAL, both sizes 0, or `shared` for a pair
 *				that has memory
 *	VQP_ERROR_ALREADY_EXISTS	this context is an end of it already
 *	VQP_ERROR_NOT_FOUND	ATTACH_ONLY, and there is none
 *	VQP_ERROR_NO_ACCESS	create: handle.context is neither ours nor the
 *				peer's; attach: a privilege forbids it, or the
 *				creator wants another peer
 *	VQP_ERROR_DST_UNREACHABLE	the peer is nobody we may talk to
 *	VQP_ERROR_UNAVAILABLE	it has two ends, or lost one, or has no memory
 *				for us to attach to
 *	VQP_ERROR_MISMATCH	flags or sizes do not fit the creator's
 *	VQP_ERROR_NO_MEM	alloc said so
 */
int vqp_program_qpair_alloc(struct vqp_program *program,
    const struct vqp_qpair_request *request);

/*
 * Stop being an end of a pair; calls.memory says NULL first if it has memory.
 *
 * Returns VQP_SUCCESS, or VQP_SUCCESS_LAST_DETACH when nobody is left, or
 *	VQP_ERROR_NOT_FOUND	there is no such pair
 *	VQP_ERROR_NOT_ATTACHED	we are no end of it
 */
int vqp_program_qpair_detach(struct vqp_program *program,
    struct vqp_handle handle);

/* The memory again, as calls.memory told it.  Returns VQP_SUCCESS, NOT_FOUND,
 * NOT_ATTACHED, or VQP_ERROR_NOT_READY while there is none. */
int vqp_program_qpair_memory(struct vqp_program *program,
    struct vqp_handle handle, struct vqp_qpair_memory *memory);

/* The four indices of a pair, as this end calls them. */
struct vqp_qpair_indexes {
	uint64_t produce_tail, produce_head;
	uint64_t consume_tail, consume_head;
};

/*
 * The indices in the guest's headers, or in their copies while it is
 * suspended.  They are the guest's word: stored as found, and judged.
 *
 * Returns VQP_SUCCESS, NOT_FOUND, NOT_ATTACHED (also with neither headers nor
 * copies), or VQP_ERROR_INVALID_SIZE when one lies outside its ring; a ring of
 * 0 bytes is not judged.
 */
int vqp_program_qpair_indexes(struct vqp_program *program,
    struct vqp_handle handle, struct vqp_qpair_indexes *indexes);

#ifdef __cplusplus
}
#endif

#endif
