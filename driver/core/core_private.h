/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of the core share.  vqp_os.h says in which order its locks
 * nest:
 *
 *	send.lock	the one message that the device may be working on
 *	pair_lock	which ends and rings there are
 *	table_lock	what has a name: writers only, lookup takes none
 *	resource.lock	who is being called, and whether it still may be
 *	endpoint.lock	the queue of a DELAYED endpoint
 *	service_lock	who works in which lane
 */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <vqp_core.h>

/*
 * Something with a name that may be found without a lock, called, and
 * destroyed at any moment, also by what it calls.  The owner embeds it.
 *
 * Found in a read section, entered under its lock: whoever is entered will be
 * waited for.  An unlinked one is no longer found; a dying one is no longer
 * entered.  So when the last visitor has left, the owner gives back at once all
 * that it holds, which only visitors can reach.  A read section can still stand
 * on the object itself: the reaper frees it after a grace period, one for all
 * objects that are due.
 */
enum vqp_resource_type {
	VQP_RESOURCE_ENDPOINT,
	VQP_RESOURCE_DOORBELL,
	VQP_RESOURCE_QPAIR,
	VQP_RESOURCE_SUBSCRIPTION,
};

/* One visit, on the visitor's stack. */
struct vqp_call {
	struct vqp_call *next;
	uintptr_t self;
};

struct vqp_resource {
	struct vqp_cell64 next;		/* w:core r:core e:E6 */
	struct vqp_core *core;
	/* Give back what the owner holds, not itself.  In a task; nobody is in. */
	void (*finish)(struct vqp_resource *resource);
	uint64_t bytes;			/* of the owner */
	struct vqp_handle handle;
	enum vqp_resource_type type;
	bool any_context;		/* an endpoint of ANY_CONTEXT */

	struct vqp_os_lock lock;
	struct vqp_call *calls;		/* under lock; who is in */
	bool unlinked;			/* under lock */
	bool dying;			/* under lock */
	bool orphan;			/* under lock; the reaper finishes it */
	struct vqp_os_event left;	/* by the last, if not an orphan */
	struct vqp_resource *reap_next;	/* under table_lock */
};

/*
 * docs/wire.md 5.1: a notification page is 4096 bytes; eight are looked at
 * together.
 */
#define VQP_BELL_COUNT		4096
#define VQP_BELL_WORD_COUNT	(VQP_BELL_COUNT / 8)

union vqp_bell_word {
	struct vqp_cell64 word;		/* w:device,core r:core e:E4 */
	struct vqp_cell8 byte[8];	/* w:device,core r:core e:E4 */
};

/* Of one kind of service: who works, and what came meanwhile. */
struct vqp_lane {
	bool busy;
	uint32_t causes;
};

enum vqp_lane_of {
	VQP_LANE_RECEIVE,
	VQP_LANE_BELLS,
	VQP_LANE_COUNT,
};

/* Datagrams on their way from the device.  Of who works in the lane. */
struct vqp_receive {
	uint8_t *buffer;	/* VQP_DATAGRAM_BYTES_MAX, ours alone */
	uint64_t at, end;	/* bytes not looked at yet */
	bool open;		/* there are such bytes */

	/* By DMA: */
	struct vqp_os_dma dma;
	uint64_t held;		/* bytes in buffer of a datagram in two parts */
	bool wanted;		/* the device has something */
	bool posted;		/* and was asked for it */
};

enum vqp_core_state {
	VQP_CORE_UNPLUGGED,	/* there is no device */
	VQP_CORE_STARTING,	/* only the starter talks to it */
	VQP_CORE_WORKING,
	VQP_CORE_SUSPENDED,	/* it forgot us */
	VQP_CORE_BROKEN,	/* it lied or is stuck; reset, and left alone */
	VQP_CORE_GONE,		/* torn out; no register is touched any more */
};

struct vqp_send {
	struct vqp_os_lock lock;
	struct vqp_os_dma dma;
	int64_t *answer;	/* under lock; who waits wants it there, or NULL */
	uint64_t count;		/* under lock; messages that the device was told */
};

struct vqp_rings;
struct vqp_end;

#define VQP_TABLE_BITS 10

/*
 * With more than this with the reaper, whoever ends an object waits for a grace
 * period of its own, so that a client in a loop cannot outrun the reaper.  An
 * object is a few hundred bytes.
 */
#define VQP_CORE_DUE_MAX	4096

/*
 * A DMA operation's header in a page of its own, as Linux has it, and what is
 * received in the pages behind.
 */
#define VQP_CORE_DMA_OFFSET	4096
#define VQP_CORE_DMA_BYTES	(VQP_CORE_DMA_OFFSET + VQP_DATAGRAM_BYTES_MAX)

struct vqp_core {
	struct vqp_os *os;
	struct vqp_core_config config;
	struct vqp_cell64 state;	/* w:core r:core e:E6 */
	struct vqp_cell64 starter;	/* w:core r:core e:none */
	struct vqp_cell64 is_up;	/* w:core r:core e:none */
	struct vqp_cell64 context;	/* w:core r:core e:none */
	struct vqp_cell64 dma;		/* w:core r:core e:none */
	struct vqp_cell64 caps;		/* w:core r:core e:none */

	struct vqp_os_lock table_lock;
	struct vqp_cell64 bucket[1 << VQP_TABLE_BITS];	/* w:core r:core e:E6 */
	struct vqp_cell64 subscription[VQP_EVENT_GUEST_COUNT]; /* w:core r:core e:E6 */
	uint64_t subscription_sequence;	/* under table_lock; of the last */
	uint32_t subscription_id;	/* under table_lock; the last */
	uint32_t resource_id;		/* under table_lock; the next to try */
	uint32_t resource_count;	/* under table_lock; linked */
	uint32_t object_count;		/* under table_lock; allocated, and 1 */
	bool closed;			/* under table_lock; no more of them */
	struct vqp_resource *reap;	/* under table_lock */
	uint32_t due_count;		/* under table_lock; with the reaper */
	struct vqp_os_work reaper;
	struct vqp_os_work breaker;	/* after the device broke */

	struct vqp_send send;

	struct vqp_os_lock service_lock;
	struct vqp_lane lane[VQP_LANE_COUNT];	/* under service_lock */
	bool stopped;			/* under service_lock */
	bool stopping;			/* under service_lock */
	struct vqp_os_event idle;	/* the lanes, after stopping */
	struct vqp_receive receive;

	struct vqp_os_pages bell_page;
	struct vqp_cell64 *bell;	/* w:core r:core e:E6 */
	struct vqp_cell64 bell_word_count;	/* w:core r:core e:none */
	uint64_t bell_used[VQP_BELL_COUNT / 64];	/* under table_lock */

	struct vqp_os_lock pair_lock;
	struct vqp_end *ends;		/* under pair_lock */
	struct vqp_rings *quarantine;	/* under pair_lock */
	uint64_t pair_bytes;		/* under pair_lock */
	uint32_t pair_count;		/* under pair_lock */
	uint64_t pair_epoch;		/* under pair_lock; pairs were lost */
	bool pair_unheard;		/* under pair_lock; and nobody told */

	struct vqp_cell64 counter[sizeof(struct vqp_core_counters) /
	    sizeof(uint64_t)];		/* w:core r:core e:none */
};

#define VQP_CORE_COUNT(core, name)					\
	vqp_core_count(&(core)->counter[					\
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
	return (enum vqp_core_state)vqp_load_acquire(&core->state);
}

/* What was agreed on: a VQP_CAP_ bit.  The next device may agree otherwise. */
static inline bool
vqp_core_agreed(const struct vqp_core *core, uint32_t cap)
{
	return (vqp_load_relaxed(&core->caps) & cap) != 0;
}

/* How the device is talked to. */
static inline bool
vqp_core_dma(const struct vqp_core *core)
{
	return vqp_load_relaxed(&core->dma) != 0;
}

static inline bool
vqp_core_talks(const struct vqp_core *core)
{
	enum vqp_core_state state = vqp_core_state(core);

	return state == VQP_CORE_WORKING || (state == VQP_CORE_STARTING &&
	    vqp_load_relaxed(&core->starter) == vqp_os_self(core->os));
}

static inline bool
vqp_core_works(const struct vqp_core *core)
{
	return vqp_core_state(core) == VQP_CORE_WORKING;
}

/*
 * Copy what the device may still be writing, once: whoever judges `to` judges
 * what he will use.
 */
static inline void
vqp_core_snapshot(void *to, const void *from, uint64_t bytes)
{
	__builtin_memcpy(to, from, (size_t)bytes);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* Padded as it comes from the device.  The payload is within a limit of ours. */
static inline uint64_t
vqp_datagram_padded(const struct vqp_datagram *datagram)
{
	uint64_t bytes = sizeof(*datagram) + datagram->payload_size;

	return (bytes + VQP_DATAGRAM_ALIGN - 1) &
	    ~(uint64_t)(VQP_DATAGRAM_ALIGN - 1);
}

/*
 * core_state.c
 */

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

void vqp_core_free(struct vqp_core *core);

/* Another, after the device forgot all pairs.  Any. */
uint64_t vqp_qpairs_epoch(struct vqp_core *core);

/*
 * core_resource.c
 */
void vqp_resource_init(struct vqp_resource *resource, struct vqp_core *core,
    enum vqp_resource_type type, uint64_t bytes,
    void (*finish)(struct vqp_resource *));

/* End one that was never added.  Puts the core. */
void vqp_resource_discard(struct vqp_resource *resource);

/*
 * Give it a name, and let it be found, and destroyed, by others.  A handle with
 * resource ANY gets a free one.  VQP_SUCCESS, _NO_HANDLE, _ALREADY_EXISTS.
 */
int vqp_resource_add(struct vqp_resource *resource,
    struct vqp_handle *handle);

/* Take the name away, if it has one: only one caller gets it. */
struct vqp_resource *vqp_resource_take(struct vqp_core *core,
    enum vqp_resource_type type, struct vqp_handle handle);

/* The same for this one; false if somebody took its name away before. */
bool vqp_resource_withdraw(struct vqp_resource *resource);

/* Find by name, and enter; NULL if there is none.  Any. */
struct vqp_resource *vqp_resource_enter(struct vqp_core *core,
    enum vqp_resource_type type, struct vqp_handle handle,
    struct vqp_call *call);

/* Is there one that lives? */
bool vqp_resource_exists(struct vqp_core *core, enum vqp_resource_type type,
    struct vqp_handle handle);

bool vqp_call_enter(struct vqp_resource *resource, struct vqp_call *call);
void vqp_call_leave(struct vqp_resource *resource, struct vqp_call *call);

/*
 * End one that was taken: waits for its visitors, finishes it and hands it to
 * the reaper; inside one of its own calls, leaves all that to the last visitor.
 * It, and with it the core, may be gone on return.
 */
void vqp_resource_end(struct vqp_resource *resource);

/* The reaper's work. */
void vqp_resource_reap(void *core);

struct vqp_resource *vqp_resource_at(const struct vqp_cell64 *link);
void vqp_resource_link(struct vqp_cell64 *link, struct vqp_resource *resource);

/*
 * core_call.c
 */

/*
 * `busy` and `opcode` as the one word they are: what the driver writes and the
 * device answers.
 */
void vqp_dma_begin(struct vqp_dma_operation *operation, uint32_t busy,
    uint32_t opcode);
uint32_t vqp_dma_busy(const struct vqp_dma_operation *operation);

/* A message in the pieces it is made of. */
struct vqp_message {
	const void *head;
	uint64_t head_bytes;
	const void *body;
	uint64_t body_bytes;
	const struct vqp_os_pages *pages[2];	/* their numbers follow */
	uint64_t epoch;		/* of pair_epoch, before there were pages */
	bool early;		/* of anybody, while the device is started */
};

/* Talk to the device, also while it is being brought up.  Any. */
int64_t vqp_core_exchange(struct vqp_core *core,
    const struct vqp_message *message);

/* A call of one piece with a header that we fill in. */
int64_t vqp_core_call(struct vqp_core *core, enum vqp_hypercall number,
    struct vqp_datagram *call, uint64_t bytes);

/* No message is with the device. */
void vqp_send_abort(struct vqp_core *core);

/* The id of a virtual machine, and no error that was taken for one. */
static inline bool
vqp_context_is_guest(uint32_t context)
{
	return context > VQP_CONTEXT_HOST && context <= VQP_CONTEXT_FREE_MAX;
}

/* Ask the device for our context id, believe only what can be one.  Any. */
uint32_t vqp_core_context_ask(struct vqp_core *core);

/*
 * core_endpoint.c
 */

/*
 * Call the receiver of an endpoint that was entered, or queue the datagram if it
 * is DELAYED.  One thread at a time.
 */
void vqp_endpoint_receive(struct vqp_resource *resource,
    const struct vqp_datagram *datagram);

/*
 * core_receive.c
 */

/* Whether there is more to do. */
bool vqp_receive_serve(struct vqp_core *core, uint32_t causes);
void vqp_receive_reset(struct vqp_core *core);

/*
 * core_doorbell.c
 */
/* Tell the device of the page.  An answer of the device's. */
int64_t vqp_bells_register(struct vqp_core *core);
void vqp_bells_relink(struct vqp_core *core);
void vqp_bells_scan(struct vqp_core *core);

/*
 * core_event.c
 */

/* A datagram that claims to be an event, whole and our own copy. */
void vqp_event_receive(struct vqp_core *core,
    const struct vqp_datagram *datagram);

/* How many subscribers were told. */
uint32_t vqp_event_dispatch(struct vqp_core *core,
    const struct vqp_event_data *data, const struct vqp_qpair *origin);

/*
 * core_qpair.c
 */

/* The device forgets all pairs: mark them, and free what it refused to. */
void vqp_qpairs_lose(struct vqp_core *core);

/* Tell clients of the pairs that were lost. */
void vqp_qpairs_tell(struct vqp_core *core);

/* A pair was lost since the last call, and no client was there to be told. */
bool vqp_qpairs_unheard(struct vqp_core *core);

/* Lose them one by one, each with a word to the device. */
void vqp_qpairs_detach(struct vqp_core *core);

#endif
