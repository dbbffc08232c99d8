/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "conform.h"

/* One run of one case. */
struct run {
	const struct conform_subject *subject;
	const struct conform_verbs *own;
	void *context;
	unsigned failures;
	bool skipped;
};

struct conform_case {
	const char *name;
	const char *sentence;
	void (*run)(struct run *run);
};

static const struct vqp_handle invalid = { VQP_INVALID_ID, VQP_INVALID_ID };

static void
equal(struct run *run, int line, const char *what, int64_t a, int64_t b)
{
	if (a == b || run->failures++ >= 5)
		return;
	run->subject->print("# conform.c:%d: not true: %s: %lld is not %lld\n",
	    line, what, (long long)a, (long long)b);
}

#define EQ(a, b)	equal(run, __LINE__, #a " == " #b,		\
			    (int64_t)(a), (int64_t)(b))
#define TRUE(a)		equal(run, __LINE__, #a, (a) ? 1 : 0, 1)
#define NEEDS(what) do {						\
	if (!(what)) {							\
		run->skipped = true;					\
		return;							\
	}								\
} while (0)

/* ---- Things of a case, that count. */

#define NOTED 32

struct noted {
	unsigned calls, wrong;
	uint64_t bytes;
	uint32_t event, peer;
	struct vqp_handle handle, src;
	uint8_t first[NOTED];		/* first byte of each */
};

static void
note_datagram(void *argument, const struct vqp_datagram *datagram)
{
	struct noted *noted = argument;
	const uint8_t *payload = (const uint8_t *)(datagram + 1);

	noted->src = datagram->src;
	noted->bytes = datagram->payload_size;
	if (noted->calls < NOTED && datagram->payload_size != 0)
		noted->first[noted->calls] = payload[0];
	for (uint64_t i = 1; i < datagram->payload_size; i++)
		noted->wrong += payload[i] != (uint8_t)(payload[0] + i);
	noted->calls++;
}

static void
note_ring(void *argument)
{
	((struct noted *)argument)->calls++;
}

static void
note_event(void *argument, uint32_t event, struct vqp_handle handle,
    uint32_t peer)
{
	struct noted *noted = argument;

	noted->calls++;
	noted->event = event;
	noted->handle = handle;
	noted->peer = peer;
}

static void
wait(struct run *run)
{
	run->subject->wait(run->subject->context);
}

static int
pair_alloc(struct run *run, uint64_t produce, uint64_t consume,
    uint32_t flags, struct vqp_handle *handle, void **pair)
{
	return run->own->pair_alloc(run->context, produce, consume,
	    VQP_CONTEXT_ANY, flags, 0, handle, pair);
}

/* Both ends of a local pair; false, and a failure, if there is none. */
static bool
local_pair(struct run *run, uint64_t produce, uint64_t consume,
    struct vqp_handle *handle, void **a, void **b)
{
	int status;

	*handle = invalid;
	*a = *b = NULL;
	status = pair_alloc(run, produce, consume, VQP_QPAIR_LOCAL, handle, a);
	TRUE(status >= 0);
	if (status < 0)
		return false;
	status = pair_alloc(run, consume, produce, VQP_QPAIR_LOCAL, handle, b);
	TRUE(status >= 0);
	if (status < 0) {
		TRUE(run->own->pair_detach(run->context, a) >= 0);
		return false;
	}
	return true;
}

static void
detach(struct run *run, void **pair)
{
	TRUE(run->own->pair_detach(run->context, pair) >= 0);
	TRUE(*pair == NULL);
}

static void
fill(uint8_t *at, uint64_t bytes, uint8_t first)
{
	for (uint64_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(first + i);
}

static bool
is_filled(const uint8_t *at, uint64_t bytes, uint8_t first)
{
	for (uint64_t i = 0; i < bytes; i++) {
		if (at[i] != (uint8_t)(first + i))
			return false;
	}
	return true;
}

/* ---- 4.2, 4.5: what a pair may be. */

static void
pair_refused(struct run *run)
{
	static const struct {
		uint64_t produce, consume;
		uint32_t flags, privilege;
		int status;
	} bad[] = {
		{ 0, 0, 0, 0, VQP_ERROR_INVALID_ARGS },
		{ 0, 0, VQP_QPAIR_LOCAL, 0, VQP_ERROR_INVALID_ARGS },
		{ UINT64_MAX, 2, 0, 0, VQP_ERROR_NO_RESOURCES },
		{ 2, UINT64_MAX, 0, 0, VQP_ERROR_NO_RESOURCES },
		{ VQP_QPAIR_BYTES_MAX, 2, 0, 0, VQP_ERROR_NO_RESOURCES },
		{ UINT64_C(1) << 63, UINT64_C(1) << 63, VQP_QPAIR_LOCAL, 0,
		    VQP_ERROR_NO_RESOURCES },
		{ 64, 64, VQP_QPAIR_NONBLOCK, 0, VQP_ERROR_INVALID_ARGS },
		{ 64, 64, VQP_QPAIR_PINNED, 0, VQP_ERROR_INVALID_ARGS },
		{ 64, 64, 64, 0, VQP_ERROR_INVALID_ARGS },
		{ 64, 64, VQP_QPAIR_LOCAL, VQP_PRIVILEGE_TRUSTED,
		    VQP_ERROR_NO_ACCESS },
		{ 64, 64, VQP_QPAIR_LOCAL | VQP_QPAIR_ATTACH_ONLY, 0,
		    VQP_ERROR_NOT_FOUND },
	};

	NEEDS(run->own->pair_alloc != NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vqp_handle handle = invalid;
		void *pair = NULL;

		/* With a name, ATTACH_ONLY has something to look for. */
		if ((bad[i].flags & VQP_QPAIR_ATTACH_ONLY) != 0) {
			handle.context = run->own->context_id(run->context);
			handle.resource = 4040;
		}
		EQ(run->own->pair_alloc(run->context, bad[i].produce,
		    bad[i].consume, VQP_CONTEXT_ANY, bad[i].flags,
		    bad[i].privilege, &handle, &pair), bad[i].status);
		TRUE(pair == NULL);
	}
}

static void
pair_names(struct run *run)
{
	struct vqp_handle handle, other = invalid;
	void *a, *b, *c = NULL;

	NEEDS(run->own->pair_alloc != NULL);
	if (!local_pair(run, 100, 50, &handle, &a, &b))
		return;
	EQ(handle.context, run->own->context_id(run->context));
	TRUE(handle.resource >= VQP_RESOURCE_FREE_MIN);
	TRUE(handle.resource != VQP_RESOURCE_ANY);
	EQ(pair_alloc(run, 50, 100, VQP_QPAIR_LOCAL, &handle, &c),
	    VQP_ERROR_UNAVAILABLE);
	EQ(pair_alloc(run, 50, 100, 0, &handle, &c),
	    VQP_ERROR_UNAVAILABLE);
	detach(run, &b);
	EQ(pair_alloc(run, 50, 100, 0, &handle, &c),
	    VQP_ERROR_MISMATCH);
	EQ(pair_alloc(run, 100, 50, VQP_QPAIR_LOCAL, &handle, &c),
	    VQP_ERROR_MISMATCH);
	EQ(pair_alloc(run, 50, 101, VQP_QPAIR_LOCAL, &handle, &c),
	    VQP_ERROR_MISMATCH);
	TRUE(pair_alloc(run, 50, 100, VQP_QPAIR_LOCAL | VQP_QPAIR_ATTACH_ONLY,
	    &handle, &c) >= 0);
	detach(run, &a);
	detach(run, &c);
	/* A name is not given twice at once, nor again right after. */
	TRUE(pair_alloc(run, 100, 50, VQP_QPAIR_LOCAL, &other, &a) >= 0);
	TRUE(other.resource != handle.resource);
	detach(run, &a);
	other = (struct vqp_handle){ handle.context + 1, 3000 };
	EQ(pair_alloc(run, 100, 50, VQP_QPAIR_LOCAL, &other, &a),
	    VQP_ERROR_NO_ACCESS);
}

static void
pair_detach_nothing(struct run *run)
{
	void *none = NULL;

	NEEDS(run->own->pair_detach != NULL);
	EQ(run->own->pair_detach(run->context, &none),
	    VQP_ERROR_INVALID_ARGS);
}

/* ---- 4.3, 4.9: rings. */

static void
ring_capacity(struct run *run)
{
	static const uint64_t sizes[] = { 2, 3, 10, 127, 4095, 4096, 4097 };
	uint8_t bytes[64], back[64];
	struct vqp_handle handle;
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const uint64_t size = sizes[i];
		uint64_t in = 0, out = 0;
		int64_t n;

		if (!local_pair(run, size, size, &handle, &a, &b))
			return;
		EQ(run->own->produce_free(a), size - 1);
		EQ(run->own->produce_ready(a), 0);
		EQ(run->own->dequeue(b, back, 1), VQP_ERROR_NO_DATA);
		for (;;) {
			fill(bytes, sizeof(bytes), (uint8_t)in);
			n = run->own->enqueue(a, bytes, sizeof(bytes));
			if (n < 0)
				break;
			TRUE(n > 0);
			in += (uint64_t)n;
		}
		EQ(n, VQP_ERROR_NO_SPACE);
		EQ(in, size - 1);
		EQ(run->own->produce_free(a), 0);
		EQ(run->own->consume_ready(b), size - 1);
		EQ(run->own->enqueue(a, bytes, 0), VQP_ERROR_NO_SPACE);
		while ((n = run->own->dequeue(b, back, sizeof(back))) > 0) {
			TRUE(is_filled(back, (uint64_t)n, (uint8_t)out));
			out += (uint64_t)n;
		}
		EQ(n, VQP_ERROR_NO_DATA);
		EQ(out, in);
		EQ(run->own->enqueue(a, bytes, 0), 0);
		EQ(run->own->dequeue(b, back, 0), VQP_ERROR_NO_DATA);
		detach(run, &a);
		detach(run, &b);
	}
}

static void
ring_wraps(struct run *run)
{
	uint8_t bytes[16], back[16];
	struct vqp_handle handle;
	uint64_t tail = 99, head = 99;
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL);
	/* The example of flow b3: ten bytes, tail 8, head 3. */
	if (!local_pair(run, 10, 0, &handle, &a, &b))
		return;
	fill(bytes, sizeof(bytes), 1);
	EQ(run->own->enqueue(a, bytes, 8), 8);
	EQ(run->own->dequeue(b, back, 3), 3);
	EQ(run->own->consume_ready(b), 5);
	/* Space is given back lazily, and at the latest for one who waits. */
	EQ(run->own->enqueue(a, bytes, 1), 1);
	EQ(run->own->dequeue(b, back, 6), 6);
	EQ(run->own->dequeue(b, back, 1), VQP_ERROR_NO_DATA);
	EQ(run->own->produce_free(a), 9);
	EQ(run->own->enqueue(a, bytes, 9), 9);
	EQ(run->own->enqueue(a, bytes, 1), VQP_ERROR_NO_SPACE);
	EQ(run->own->produce_indexes(a, &tail, &head), VQP_SUCCESS);
	EQ(tail, 8);
	EQ(head, 9);
	EQ(run->own->produce_indexes(a, NULL, NULL), VQP_SUCCESS);
	EQ(run->own->consume_indexes(b, &tail, NULL), VQP_SUCCESS);
	EQ(tail, 8);
	EQ(run->own->dequeue(b, back, 16), 9);
	TRUE(is_filled(back, 9, 1));
	detach(run, &a);
	detach(run, &b);
}

/* Rings of whole pages are mapped twice in a row: to the last byte of that. */
static void
ring_whole(struct run *run)
{
	static const uint64_t places[] = { 1, 4095, 4096, 4097, 8191 };
	static uint8_t bytes[8191], back[8191];
	struct vqp_handle handle;
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL);
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const int64_t place = (int64_t)places[i];

		if (!local_pair(run, 8192, 0, &handle, &a, &b))
			return;
		EQ(run->own->enqueue(a, bytes, places[i]), place);
		EQ(run->own->dequeue(b, back, places[i]), place);
		EQ(run->own->dequeue(b, back, 1), VQP_ERROR_NO_DATA);
		fill(bytes, sizeof(bytes), (uint8_t)i);
		EQ(run->own->enqueue(a, bytes, sizeof(bytes)), 8191);
		EQ(run->own->dequeue(b, back, sizeof(back)), 8191);
		TRUE(is_filled(back, sizeof(back), (uint8_t)i));
		detach(run, &a);
		detach(run, &b);
	}
}

static void
ring_of_nothing(struct run *run)
{
	struct vqp_handle handle;
	uint8_t byte = 1;
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL);
	if (!local_pair(run, 100, 0, &handle, &a, &b))
		return;
	EQ(run->own->dequeue(a, &byte, 1), VQP_ERROR_INVALID_SIZE);
	EQ(run->own->peek(a, &byte, 1), VQP_ERROR_INVALID_SIZE);
	EQ(run->own->enqueue(b, &byte, 1), VQP_ERROR_INVALID_SIZE);
	EQ(run->own->consume_ready(a), VQP_ERROR_INVALID_SIZE);
	EQ(run->own->produce_free(b), VQP_ERROR_INVALID_SIZE);
	EQ(run->own->enqueue(a, &byte, 1), 1);
	EQ(run->own->dequeue(b, &byte, 1), 1);
	detach(run, &a);
	detach(run, &b);
}

static void
ring_peek(struct run *run)
{
	uint8_t bytes[8], back[8];
	struct vqp_handle handle;
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL && run->own->peek != NULL);
	if (!local_pair(run, 100, 100, &handle, &a, &b))
		return;
	EQ(run->own->peek(b, back, 8), VQP_ERROR_NO_DATA);
	fill(bytes, 8, 40);
	EQ(run->own->enqueue(a, bytes, 8), 8);
	for (unsigned i = 0; i < 3; i++) {
		fill(back, 8, 0);
		EQ(run->own->peek(b, back, 8), 8);
		TRUE(is_filled(back, 8, 40));
		EQ(run->own->consume_ready(b), 8);
	}
	EQ(run->own->peek(b, back, 3), 3);
	EQ(run->own->dequeue(b, back, 8), 8);
	TRUE(is_filled(back, 8, 40));
	EQ(run->own->peek(b, back, 8), VQP_ERROR_NO_DATA);
	detach(run, &a);
	detach(run, &b);
}

static void
ring_vectors(struct run *run)
{
	uint8_t bytes[30], back[30];
	struct vqp_iovec in[3], out[2];
	struct vqp_handle handle;
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL && run->own->enqueuev != NULL);
	if (!local_pair(run, 20, 20, &handle, &a, &b))
		return;
	fill(bytes, sizeof(bytes), 7);
	in[0] = (struct vqp_iovec){ bytes, 5 };
	in[1] = (struct vqp_iovec){ bytes + 5, 0 };
	in[2] = (struct vqp_iovec){ bytes + 5, 10 };
	for (unsigned i = 0; i < 5; i++) {
		EQ(run->own->enqueuev(a, in, 3), 15);
		out[0] = (struct vqp_iovec){ back, 3 };
		out[1] = (struct vqp_iovec){ back + 3, 20 };
		fill(back, sizeof(back), 0);
		EQ(run->own->peekv(b, out, 2), 15);
		TRUE(is_filled(back, 15, 7));
		/* B22: the vector is as it was. */
		EQ(out[0].length, 3);
		EQ(out[1].length, 20);
		TRUE(out[1].base == back + 3);
		fill(back, sizeof(back), 0);
		EQ(run->own->dequeuev(b, out, 2), 15);
		TRUE(is_filled(back, 15, 7));
		EQ(run->own->dequeuev(b, out, 2), VQP_ERROR_NO_DATA);
	}
	in[2].length = 25;
	EQ(run->own->enqueuev(a, in, 3), 19);
	EQ(run->own->enqueuev(a, in, 3), VQP_ERROR_NO_SPACE);
	EQ(run->own->dequeuev(b, out, 2), 19);
	TRUE(is_filled(back, 19, 7));
	detach(run, &a);
	detach(run, &b);
}

static void
ring_both_ways(struct run *run)
{
	uint8_t bytes[50], back[50];
	uint64_t moved[2] = { 0, 0 };
	struct vqp_handle handle;
	void *end[2];

	NEEDS(run->own->pair_alloc != NULL);
	if (!local_pair(run, 4097, 63, &handle, &end[0], &end[1]))
		return;
	for (unsigned i = 0; i < 2000; i++) {
		const unsigned from = i % 3 == 0;
		const uint64_t n = 1 + i * 7 % 50;
		int64_t sent, got;

		fill(bytes, n, (uint8_t)moved[from]);
		sent = run->own->enqueue(end[from], bytes, n);
		got = run->own->dequeue(end[!from], back, sizeof(back));
		EQ(got, sent);
		if (sent <= 0 || got != sent)
			break;
		TRUE(is_filled(back, (uint64_t)got, (uint8_t)moved[from]));
		moved[from] += (uint64_t)sent;
	}
	detach(run, &end[0]);
	detach(run, &end[1]);
}

/* ---- 4.6: events of local pairs. */

static void
pair_events(struct run *run)
{
	struct noted came = { 0 }, went = { 0 };
	struct vqp_handle handle = invalid;
	uint32_t id[2];
	void *a, *b;

	NEEDS(run->own->pair_alloc != NULL && run->own->subscribe != NULL);
	EQ(run->own->subscribe(run->context, VQP_EVENT_QP_PEER_ATTACH,
	    note_event, &came, &id[0]), VQP_SUCCESS);
	EQ(run->own->subscribe(run->context, VQP_EVENT_QP_PEER_DETACH,
	    note_event, &went, &id[1]), VQP_SUCCESS);
	TRUE(pair_alloc(run, 64, 64, VQP_QPAIR_LOCAL, &handle, &a) >= 0);
	EQ(came.calls, 0);
	TRUE(pair_alloc(run, 64, 64, VQP_QPAIR_LOCAL, &handle, &b) >= 0);
	EQ(came.calls, 1);
	EQ(came.handle.resource, handle.resource);
	EQ(came.peer, run->own->context_id(run->context));
	EQ(went.calls, 0);
	detach(run, &a);
	EQ(went.calls, 1);
	EQ(went.handle.resource, handle.resource);
	detach(run, &b);
	EQ(went.calls, 1);
	EQ(came.calls, 1);
	EQ(run->own->unsubscribe(run->context, id[0]), VQP_SUCCESS);
	EQ(run->own->unsubscribe(run->context, id[1]), VQP_SUCCESS);
}

/* ---- 5: doorbells. */

/* A device may have no doorbells at all. */
static bool
has_bells(struct run *run)
{
	struct vqp_handle handle = invalid;
	struct noted noted = { 0 };
	int status;

	if (run->own->doorbell_create == NULL)
		return false;
	status = run->own->doorbell_create(run->context, 0, note_ring, &noted,
	    &handle);
	if (status == VQP_SUCCESS)
		EQ(run->own->doorbell_destroy(run->context, handle),
		    VQP_SUCCESS);
	return status != VQP_ERROR_UNAVAILABLE;
}

static void
bell_arguments(struct run *run)
{
	struct vqp_handle handle = invalid, half;
	struct noted noted = { 0 };

	NEEDS(has_bells(run));
	EQ(run->own->doorbell_create(run->context, 0, NULL, &noted, &handle),
	    VQP_ERROR_INVALID_ARGS);
	EQ(run->own->doorbell_create(run->context, 2, note_ring, &noted,
	    &handle), VQP_ERROR_INVALID_ARGS);
	EQ(run->own->doorbell_create(run->context, 0, note_ring, &noted,
	    NULL), VQP_ERROR_INVALID_ARGS);
	EQ(run->own->doorbell_notify(run->context, invalid),
	    VQP_ERROR_INVALID_ARGS);
	EQ(run->own->doorbell_destroy(run->context, invalid),
	    VQP_ERROR_INVALID_ARGS);
	half = (struct vqp_handle){ run->own->context_id(run->context),
	    99999 };
	EQ(run->own->doorbell_destroy(run->context, half),
	    VQP_ERROR_NOT_FOUND);
	EQ(run->own->doorbell_create(run->context, 0, note_ring, &noted,
	    &handle), VQP_SUCCESS);
	EQ(handle.context, run->own->context_id(run->context));
	TRUE(handle.resource >= VQP_RESOURCE_FREE_MIN);
	EQ(run->own->doorbell_create(run->context, 0, note_ring, &noted,
	    &handle), VQP_ERROR_ALREADY_EXISTS);
	EQ(run->own->doorbell_destroy(run->context, handle), VQP_SUCCESS);
	EQ(run->own->doorbell_destroy(run->context, handle),
	    VQP_ERROR_NOT_FOUND);
	EQ(noted.calls, 0);
}

/* Whoever can ring us: ourselves, or the peer. */
static bool
ring_us(struct run *run, struct vqp_handle handle, int *status)
{
	const struct conform_subject *subject = run->subject;

	if (subject->reaches_itself)
		*status = run->own->doorbell_notify(run->context, handle);
	else if (subject->peer != NULL &&
	    subject->peer->doorbell_notify != NULL)
		*status = subject->peer->doorbell_notify(
		    subject->peer_context, handle);
	else
		return false;
	return true;
}

static void
bell_rings(struct run *run)
{
	int status = 0;

	NEEDS(has_bells(run));
	for (uint32_t flags = 0; flags <= VQP_DOORBELL_DELAYED; flags++) {
		struct noted noted[3] = { { 0 } };
		struct vqp_handle handle[3];

		for (unsigned i = 0; i < 3; i++) {
			handle[i] = invalid;
			EQ(run->own->doorbell_create(run->context, flags,
			    note_ring, &noted[i], &handle[i]), VQP_SUCCESS);
		}
		if (!ring_us(run, handle[1], &status)) {
			run->skipped = true;
			goto out;
		}
		EQ(status, VQP_SUCCESS);
		wait(run);
		EQ(noted[0].calls, 0);
		EQ(noted[1].calls, 1);
		EQ(noted[2].calls, 0);
		/* Rings that come together may count as one, never as none. */
		for (unsigned i = 0; i < 10; i++)
			(void)ring_us(run, handle[2], &status);
		wait(run);
		TRUE(noted[2].calls >= 1 && noted[2].calls <= 10);
		EQ(noted[1].calls, 1);
		EQ(run->own->doorbell_destroy(run->context, handle[1]),
		    VQP_SUCCESS);
		(void)ring_us(run, handle[1], &status);
		TRUE(status < 0);
		wait(run);
		EQ(noted[1].calls, 1);
		handle[1] = invalid;
		EQ(run->own->doorbell_create(run->context, flags, note_ring,
		    &noted[1], &handle[1]), VQP_SUCCESS);
out:
		for (unsigned i = 0; i < 3; i++)
			EQ(run->own->doorbell_destroy(run->context,
			    handle[i]), VQP_SUCCESS);
	}
}

/* ---- 6: events. */

static void
event_arguments(struct run *run)
{
	struct noted noted = { 0 };
	uint32_t id[10], last = 0;

	NEEDS(run->own->subscribe != NULL);
	EQ(run->own->subscribe(run->context, VQP_EVENT_GUEST_COUNT,
	    note_event, &noted, &id[0]), VQP_ERROR_INVALID_ARGS);
	EQ(run->own->subscribe(run->context, UINT32_MAX, note_event, &noted,
	    &id[0]), VQP_ERROR_INVALID_ARGS);
	EQ(run->own->subscribe(run->context, 0, NULL, &noted, &id[0]),
	    VQP_ERROR_INVALID_ARGS);
	EQ(run->own->subscribe(run->context, 0, note_event, &noted, NULL),
	    VQP_ERROR_INVALID_ARGS);
	for (unsigned i = 0; i < 10; i++) {
		EQ(run->own->subscribe(run->context,
		    i % VQP_EVENT_GUEST_COUNT, note_event, &noted, &id[i]),
		    VQP_SUCCESS);
		TRUE(id[i] != 0 && id[i] != last);
		last = id[i];
	}
	for (unsigned i = 0; i < 10; i++) {
		EQ(run->own->unsubscribe(run->context, id[i]), VQP_SUCCESS);
		EQ(run->own->unsubscribe(run->context, id[i]),
		    VQP_ERROR_NOT_FOUND);
	}
	EQ(run->own->unsubscribe(run->context, 0), VQP_ERROR_NOT_FOUND);
	EQ(noted.calls, 0);
}

/* ---- 2.5, 2.7: datagrams. */

static void
datagram_arguments(struct run *run)
{
	struct noted noted = { 0 };
	struct vqp_handle handle, other;
	struct vqp_datagram datagram = { .payload_size = 8 };
	const uint8_t payload[8] = { 0 };

	NEEDS(run->own->endpoint_create != NULL);
	EQ(run->own->endpoint_create(run->context, VQP_RESOURCE_ANY,
	    VQP_DATAGRAM_WELL_KNOWN, note_datagram, &noted, &handle),
	    VQP_ERROR_INVALID_ARGS);
	EQ(run->own->endpoint_create(run->context, VQP_RESOURCE_ANY, 8,
	    note_datagram, &noted, &handle), VQP_ERROR_INVALID_ARGS);
	EQ(run->own->endpoint_create(run->context, VQP_RESOURCE_ANY, 0, NULL,
	    &noted, &handle), VQP_ERROR_INVALID_ARGS);
	EQ(run->own->endpoint_create(run->context, VQP_RESOURCE_ANY, 0,
	    note_datagram, &noted, &handle), VQP_SUCCESS);
	EQ(handle.context, run->own->context_id(run->context));
	TRUE(handle.resource >= VQP_RESOURCE_FREE_MIN);
	EQ(run->own->endpoint_create(run->context, handle.resource, 0,
	    note_datagram, &noted, &other), VQP_ERROR_ALREADY_EXISTS);

	EQ(run->own->send(run->context, NULL, NULL), VQP_ERROR_INVALID_ARGS);
	datagram.src = handle;
	datagram.dst = (struct vqp_handle){ VQP_CONTEXT_ANY, 1 };
	EQ(run->own->send(run->context, &datagram, payload),
	    VQP_ERROR_INVALID_ARGS);
	datagram.dst.context = VQP_CONTEXT_HOST;
	datagram.payload_size = VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 1;
	EQ(run->own->send(run->context, &datagram, payload),
	    VQP_ERROR_INVALID_ARGS);
	datagram.payload_size = UINT64_MAX - 23;
	EQ(run->own->send(run->context, &datagram, payload),
	    VQP_ERROR_INVALID_ARGS);
	datagram.payload_size = 8;
	datagram.src = invalid;
	EQ(run->own->send(run->context, &datagram, payload),
	    VQP_ERROR_NO_HANDLE);
	datagram.src = handle;
	datagram.src.resource ^= 0x100000;
	EQ(run->own->send(run->context, &datagram, payload),
	    VQP_ERROR_NO_HANDLE);
	EQ(run->own->endpoint_destroy(run->context, handle), VQP_SUCCESS);
	EQ(run->own->endpoint_destroy(run->context, handle),
	    VQP_ERROR_NOT_FOUND);
	datagram.src = handle;
	EQ(run->own->send(run->context, &datagram, payload),
	    VQP_ERROR_NO_HANDLE);
	EQ(noted.calls, 0);
}

static uint8_t message[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];

/* From one end to the other, each size, one by one and then in one go. */
static void
datagrams_between(struct run *run, const struct conform_verbs *from,
    void *from_context, const struct conform_verbs *to, void *to_context,
    uint32_t flags)
{
	static const uint32_t sizes[] = {
		0, 1, 7, 8, 9, 4040, 4072, 4073, 8192,
		VQP_DATAGRAM_PAYLOAD_BYTES_MAX
	};
	const unsigned count = sizeof(sizes) / sizeof(sizes[0]);
	struct noted noted = { 0 }, source = { 0 };
	struct vqp_datagram datagram;
	struct vqp_handle src, dst;

	EQ(from->endpoint_create(from_context, VQP_RESOURCE_ANY, 0,
	    note_datagram, &source, &src), VQP_SUCCESS);
	EQ(to->endpoint_create(to_context, VQP_RESOURCE_ANY, flags,
	    note_datagram, &noted, &dst), VQP_SUCCESS);
	dst.context = to->context_id(to_context);
	datagram = (struct vqp_datagram){ .dst = dst, .src = src };
	for (unsigned i = 0; i < count; i++) {
		fill(message, sizes[i], (uint8_t)(3 * i));
		datagram.payload_size = sizes[i];
		EQ(from->send(from_context, &datagram, message),
		    24 + sizes[i]);
		wait(run);
		EQ(noted.calls, i + 1);
		EQ(noted.bytes, sizes[i]);
		EQ(noted.src.context, from->context_id(from_context));
		EQ(noted.src.resource, src.resource);
		EQ(noted.first[i], sizes[i] == 0 ? 0 : (uint8_t)(3 * i));
	}
	noted.calls = 0;
	for (unsigned i = 0; i < NOTED; i++) {
		fill(message, 100 + i, (uint8_t)i);
		datagram.payload_size = 100 + i;
		EQ(from->send(from_context, &datagram, message), 124 + i);
	}
	wait(run);
	EQ(noted.calls, NOTED);
	for (unsigned i = 0; i < NOTED; i++)
		EQ(noted.first[i], i);
	EQ(noted.wrong, 0);
	EQ(to->endpoint_destroy(to_context, dst), VQP_SUCCESS);
	(void)from->send(from_context, &datagram, message);
	wait(run);
	EQ(noted.calls, NOTED);
	EQ(source.calls, 0);
	EQ(from->endpoint_destroy(from_context, src), VQP_SUCCESS);
}

static void
datagrams_to_self(struct run *run)
{
	NEEDS(run->own->endpoint_create != NULL &&
	    run->subject->reaches_itself);
	datagrams_between(run, run->own, run->context, run->own,
	    run->context, 0);
	datagrams_between(run, run->own, run->context, run->own,
	    run->context, VQP_DATAGRAM_DELAYED);
	datagrams_between(run, run->own, run->context, run->own,
	    run->context, VQP_DATAGRAM_ANY_CONTEXT);
}

static void
datagrams_from_peer(struct run *run)
{
	const struct conform_subject *subject = run->subject;

	NEEDS(subject->peer != NULL && subject->peer->send != NULL &&
	    run->own->endpoint_create != NULL);
	datagrams_between(run, subject->peer, subject->peer_context, run->own,
	    run->context, 0);
	datagrams_between(run, subject->peer, subject->peer_context, run->own,
	    run->context, VQP_DATAGRAM_DELAYED);
	datagrams_between(run, subject->peer, subject->peer_context, run->own,
	    run->context, VQP_DATAGRAM_DELAYED | VQP_DATAGRAM_ANY_CONTEXT);
}

static void
datagrams_to_peer(struct run *run)
{
	const struct conform_subject *subject = run->subject;

	NEEDS(subject->peer != NULL &&
	    subject->peer->endpoint_create != NULL && run->own->send != NULL);
	datagrams_between(run, run->own, run->context, subject->peer,
	    subject->peer_context, 0);
}

static void
datagram_to_nobody(struct run *run)
{
	struct noted noted = { 0 };
	struct vqp_datagram datagram = { .payload_size = 0 };

	NEEDS(run->own->endpoint_create != NULL);
	EQ(run->own->endpoint_create(run->context, VQP_RESOURCE_ANY, 0,
	    note_datagram, &noted, &datagram.src), VQP_SUCCESS);
	datagram.dst = (struct vqp_handle){ 0x7ffffff0, 5 };
	TRUE(run->own->send(run->context, &datagram, message) < 0);
	if (run->subject->peer != NULL) {
		datagram.dst = (struct vqp_handle){ VQP_CONTEXT_HOST,
		    0x7fffff00 };
		TRUE(run->own->send(run->context, &datagram, message) < 0);
	}
	EQ(run->own->endpoint_destroy(run->context, datagram.src),
	    VQP_SUCCESS);
	EQ(noted.calls, 0);
}

/* ---- With a peer: pairs that cross. */

static void
pair_moves(struct run *run, void *ours, void *theirs)
{
	const struct conform_verbs *peer = run->subject->peer;
	uint8_t bytes[200], back[200];

	for (unsigned i = 0; i < 300; i++) {
		const uint64_t n = 1 + i % 60;

		fill(bytes, n, (uint8_t)i);
		EQ(run->own->enqueue(ours, bytes, n), n);
		EQ(peer->dequeue(theirs, back, sizeof(back)), n);
		TRUE(is_filled(back, n, (uint8_t)i));
		EQ(peer->enqueue(theirs, bytes, n), n);
		EQ(run->own->dequeue(ours, back, sizeof(back)), n);
		TRUE(is_filled(back, n, (uint8_t)i));
	}
}

static void
pair_we_create(struct run *run)
{
	const struct conform_verbs *peer = run->subject->peer;
	void *peer_context = run->subject->peer_context;
	struct noted came = { 0 }, went = { 0 };
	struct vqp_handle handle = invalid;
	void *ours = NULL, *theirs = NULL;
	uint8_t byte = 9;
	uint32_t id[2];

	NEEDS(peer != NULL && peer->pair_alloc != NULL);
	EQ(run->own->subscribe(run->context, VQP_EVENT_QP_PEER_ATTACH,
	    note_event, &came, &id[0]), VQP_SUCCESS);
	EQ(run->own->subscribe(run->context, VQP_EVENT_QP_PEER_DETACH,
	    note_event, &went, &id[1]), VQP_SUCCESS);
	TRUE(pair_alloc(run, 200, 5000, 0, &handle, &ours) >= 0);
	/* What we say before the peer is there waits for it. */
	EQ(run->own->enqueue(ours, &byte, 1), 1);
	EQ(peer->pair_alloc(peer_context, 5000, 201, VQP_CONTEXT_ANY, 0, 0,
	    &handle, &theirs), VQP_ERROR_MISMATCH);
	EQ(came.calls, 0);
	TRUE(peer->pair_alloc(peer_context, 5000, 200, VQP_CONTEXT_ANY,
	    VQP_QPAIR_ATTACH_ONLY, 0, &handle, &theirs) >= 0);
	wait(run);
	EQ(came.calls, 1);
	EQ(came.handle.resource, handle.resource);
	EQ(came.peer, peer->context_id(peer_context));
	byte = 0;
	EQ(peer->dequeue(theirs, &byte, 1), 1);
	EQ(byte, 9);
	pair_moves(run, ours, theirs);
	/* The peer goes first: what it left can still be read. */
	EQ(peer->enqueue(theirs, &byte, 1), 1);
	TRUE(peer->pair_detach(peer_context, &theirs) >= 0);
	wait(run);
	EQ(went.calls, 1);
	EQ(run->own->dequeue(ours, &byte, 1), 1);
	EQ(run->own->dequeue(ours, &byte, 1), VQP_ERROR_NO_DATA);
	TRUE(peer->pair_alloc(peer_context, 5000, 200, VQP_CONTEXT_ANY, 0, 0,
	    &handle, &theirs) < 0);
	detach(run, &ours);
	EQ(run->own->unsubscribe(run->context, id[0]), VQP_SUCCESS);
	EQ(run->own->unsubscribe(run->context, id[1]), VQP_SUCCESS);
}

static void
pair_peer_creates(struct run *run)
{
	const struct conform_verbs *peer = run->subject->peer;
	void *peer_context = run->subject->peer_context;
	struct vqp_handle handle = { VQP_CONTEXT_HOST, 7777 };
	struct vqp_handle none = { VQP_CONTEXT_HOST, 7778 };
	void *ours = NULL, *theirs = NULL, *other = NULL;

	NEEDS(peer != NULL && peer->pair_alloc != NULL);
	handle.context = none.context = peer->context_id(peer_context);
	EQ(run->own->pair_alloc(run->context, 64, 64, handle.context,
	    VQP_QPAIR_ATTACH_ONLY, 0, &none, &ours), VQP_ERROR_NOT_FOUND);
	TRUE(peer->pair_alloc(peer_context, 5000, 200,
	    run->own->context_id(run->context), 0, 0, &handle, &theirs) >= 0);
	EQ(run->own->pair_alloc(run->context, 5000, 200, handle.context,
	    VQP_QPAIR_ATTACH_ONLY, 0, &handle, &ours), VQP_ERROR_MISMATCH);
	TRUE(run->own->pair_alloc(run->context, 200, 5000, handle.context,
	    VQP_QPAIR_ATTACH_ONLY, 0, &handle, &ours) >= 0);
	EQ(run->own->pair_alloc(run->context, 200, 5000, handle.context, 0, 0,
	    &handle, &other), VQP_ERROR_ALREADY_EXISTS);
	pair_moves(run, ours, theirs);
	detach(run, &ours);
	TRUE(peer->pair_detach(peer_context, &theirs) >= 0);
}

static void
bell_of_peer(struct run *run)
{
	const struct conform_verbs *peer = run->subject->peer;
	void *peer_context = run->subject->peer_context;
	struct vqp_handle handle = invalid;
	struct noted noted = { 0 };

	NEEDS(peer != NULL && peer->doorbell_create != NULL &&
	    run->own->doorbell_notify != NULL);
	EQ(peer->doorbell_create(peer_context, 0, note_ring, &noted,
	    &handle), VQP_SUCCESS);
	EQ(run->own->doorbell_notify(run->context, handle), VQP_SUCCESS);
	wait(run);
	EQ(noted.calls, 1);
	EQ(peer->doorbell_destroy(peer_context, handle), VQP_SUCCESS);
	TRUE(run->own->doorbell_notify(run->context, handle) < 0);
	wait(run);
	EQ(noted.calls, 1);
}

static void
context_id(struct run *run)
{
	const uint32_t id = run->own->context_id(run->context);

	TRUE(id > VQP_CONTEXT_HOST && id != VQP_CONTEXT_ANY);
	EQ(run->own->context_id(run->context), id);
}

/* ---- All of them. */

static const struct conform_case cases[] = {
	{ "context_id", "2.1: our id is that of a virtual machine",
	    context_id },
	{ "datagram_arguments", "2.5: what is no datagram or endpoint",
	    datagram_arguments },
	{ "datagrams_to_self", "2.7: all sizes, to ourselves, in order",
	    datagrams_to_self },
	{ "datagrams_from_peer", "2.7: all sizes, from a peer, in order",
	    datagrams_from_peer },
	{ "datagrams_to_peer", "2.5: all sizes, to a peer, in order",
	    datagrams_to_peer },
	{ "datagram_to_nobody", "2.5: who is not there is an error",
	    datagram_to_nobody },
	{ "pair_refused", "4.5: what cannot be a pair", pair_refused },
	{ "pair_names", "4.5: two ends, mirrored sizes, one name",
	    pair_names },
	{ "pair_detach_nothing", "4.9: no pair, no detach",
	    pair_detach_nothing },
	{ "pair_events", "4.6: ends of local pairs are told when they come "
	    "and go", pair_events },
	{ "ring_capacity", "4.3: N bytes hold N - 1", ring_capacity },
	{ "ring_wraps", "4.3: around the end, by the example", ring_wraps },
	{ "ring_whole", "4.3: all of a ring at once, from any place", ring_whole },
	{ "ring_of_nothing", "4.2: a direction of 0 bytes is INVALID_SIZE",
	    ring_of_nothing },
	{ "ring_peek", "4.9: a peek leaves all as it was", ring_peek },
	{ "ring_vectors", "4.9: vectors are bytes one behind the other",
	    ring_vectors },
	{ "ring_both_ways", "4.3: both directions, thousands of times",
	    ring_both_ways },
	{ "pair_we_create", "4.6: a peer attaches, and goes first",
	    pair_we_create },
	{ "pair_peer_creates", "4.7: we attach to a peer's",
	    pair_peer_creates },
	{ "bell_arguments", "5.3: what is no doorbell", bell_arguments },
	{ "bell_rings", "5.2: who is rung rings, and nobody else",
	    bell_rings },
	{ "bell_of_peer", "5.3: a peer's bell rings, too", bell_of_peer },
	{ "event_arguments", "6: subscriptions and their ids",
	    event_arguments },
};

static bool
same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return *a == *b;
}

unsigned
conform_run(const struct conform_subject *subject, const char *only)
{
	unsigned failed = 0, ran = 0;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = {
			.subject = subject,
			.own = subject->own,
			.context = subject->context,
		};

		if (only != NULL && !same(only, cases[i].name))
			continue;
		cases[i].run(&run);
		ran++;
		failed += run.failures != 0;
		subject->print("%s %u - %s.%s: %s%s\n",
		    run.failures != 0 ? "not ok" : "ok", ran, subject->name,
		    cases[i].name, cases[i].sentence,
		    run.skipped ? " # SKIP not for this subject" : "");
	}
	subject->print("1..%u\n", ran);
	return failed;
}
