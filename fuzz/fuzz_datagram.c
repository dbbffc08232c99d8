/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A device that gives the driver core any bytes as datagrams and events, rings
 * any doorbell, and answers the core's calls with any number, while clients
 * come and go; through ports and by DMA.  The core runs in the simulator of
 * tests/support, which checks that the core keeps the contract of the OS layer.
 *
 * What must hold, besides no access out of bounds: a receiver gets what was
 * sent to its resource, whole, within the limit, and only while it lives; the
 * same holds for doorbells and subscribers; receiving ends; answers are VMCI's
 * numbers; at the end everything that was taken has been released.
 *
 * Input: the first step sets up the device; each later step is a call, by the
 * numbers of enum call.
 */
#include <mock_device.h>

#include "fuzz.h"

#define CLIENTS 4
#define FIRST 2000		/* resources of the clients */

enum call {
	CALL_DATAGRAM,		/* the next step has the payload */
	CALL_EVENT,
	CALL_BYTES,		/* unchanged */
	CALL_SERVE,
	CALL_INTERRUPT,
	CALL_RING,
	CALL_ANSWER,
	CALL_DEVICE,
	CALL_ENDPOINT,
	CALL_ENDPOINT_END,
	CALL_BELL,
	CALL_BELL_END,
	CALL_SUBSCRIBE,
	CALL_UNSUBSCRIBE,
	CALL_SEND,
	CALL_NOTIFY,
	CALL_PAIR,
	CALL_PAIR_END,
	CALL_SLEEP,
	CALL_UNPLUG,
	CALLS,
};

struct client {
	bool lives;
	bool ends_itself;
	struct vqp_handle handle;
	uint32_t id;
};

struct world {
	struct mock mock;
	struct client endpoint[CLIENTS], bell[CLIENTS], teller[CLIENTS];
	struct vqp_qpair *pair[CLIENTS];
};

static struct world world;

static void
status_must_be(int64_t status)
{
	MUST(status >= 0 ||
	    strcmp(vqp_status_name(status), "unknown status") != 0);
}

/*
 * The core passes on what a device answers, which may be none of VMCI's
 * numbers.
 */
static void
result_must_be(int64_t result)
{
	MUST(result <= VQP_DATAGRAM_BYTES_MAX || result > 0);
}

/*
 * Either the client ends itself or we end it: its callback may run until the
 * first caller to end it has returned.
 */
static void
ended(struct client *client, int status)
{
	MUST(status == VQP_SUCCESS || status == VQP_ERROR_NOT_FOUND);
	client->lives &= status != VQP_SUCCESS;
}

static void
receive(void *argument, const struct vqp_datagram *datagram)
{
	struct client *client = argument;
	const volatile uint8_t *payload = (const uint8_t *)(datagram + 1);

	MUST(client->lives);
	MUST_EQ(datagram->dst.resource, client->handle.resource);
	MUST(datagram->payload_size <= VQP_DATAGRAM_PAYLOAD_BYTES_MAX);
	/* Read it all, so that a sanitizer sees memory that is not there. */
	for (uint64_t i = 0; i < datagram->payload_size; i += 61)
		(void)payload[i];
	if (datagram->payload_size != 0)
		(void)payload[datagram->payload_size - 1];
	if (client->ends_itself)
		ended(client, vqp_core_endpoint_destroy(world.mock.core,
		    client->handle));
}

static void
ring(void *argument)
{
	struct client *client = argument;

	MUST(client->lives);
	if (client->ends_itself)
		ended(client, vqp_core_doorbell_destroy(world.mock.core,
		    client->handle));
}

static void
tell(uint32_t id, const struct vqp_event_data *data,
    const struct vqp_qpair *origin, void *argument)
{
	struct client *client = argument;

	(void)origin;
	/*
	 * Events arrive on several threads: one may be in the callback while
	 * another ends the client.
	 */
	MUST(client->lives || client->ends_itself);
	MUST(data->event < VQP_EVENT_GUEST_COUNT);
	if (client->ends_itself)
		ended(client, vqp_core_event_unsubscribe(world.mock.core, id));
}

static struct vqp_handle
handle_of(const struct step *step)
{
	static const uint32_t contexts[] = { MOCK_CID, 2, 0, UINT32_MAX, 1,
	    MOCK_CID + 1 };
	static const uint32_t resources[] = { FIRST, FIRST + 1, FIRST + 2,
	    FIRST + 3, 0, UINT32_MAX, 1, 1024 };
	struct vqp_handle handle = {
		contexts[step_which(step) % COUNT(contexts)],
		resources[step->more % COUNT(resources)],
	};

	return handle;
}

static void
give_datagram(const struct step *step, struct input *input)
{
	static uint8_t bytes[24 + VQP_DATAGRAM_PAYLOAD_BYTES_MAX + 64];
	struct step payload;
	struct vqp_datagram datagram = {
		.dst = handle_of(step),
	};
	uint64_t count;

	input_step(input, &payload);
	datagram.src = handle_of(&payload);
	datagram.payload_size = step_number(step,
	    VQP_DATAGRAM_PAYLOAD_BYTES_MAX, PAGE);
	memset(bytes, payload.k, sizeof(bytes));
	memcpy(bytes, &datagram, sizeof(datagram));
	count = datagram.payload_size;
	if (count > sizeof(bytes) - 24)
		count = payload.k;
	count += 24;
	/* The message is cut short, or padded as it should be. */
	if (payload.op & 1)
		mock_give(&world.mock, bytes, part_of(count, payload.more));
	else
		mock_give_padded(&world.mock, bytes, count);
}

static void
give_event(const struct step *step)
{
	uint32_t words[8] = {
		step->more, 0, step_other(step) ? MOCK_CID : step->k,
		FIRST + step->k % CLIENTS, 2,
	};

	mock_event(&world.mock, step->more & 63, words,
	    step->how % sizeof(words));
}

static void
endpoint(struct client *client, const struct step *step)
{
	struct vqp_endpoint_options options = {
		.resource = step->k & 1 ? VQP_RESOURCE_ANY :
		    (uint32_t)(FIRST + (client - world.endpoint)),
		.flags = step->k >> 1 & 7,
		.privilege = step->how >> 6,
		.receive = receive,
		.argument = client,
	};
	int status;

	if (client->lives)
		return;
	client->ends_itself = step->k >> 4 & 1;
	status = vqp_core_endpoint_create(world.mock.core, &options,
	    &client->handle);
	status_must_be(status);
	client->lives = status == VQP_SUCCESS;
}

static void
bell(struct client *client, const struct step *step)
{
	struct vqp_doorbell_options options = {
		.flags = step->k >> 1 & 3,
		.ring = ring,
		.argument = client,
	};
	int status;

	if (client->lives)
		return;
	client->ends_itself = step->k >> 4 & 1;
	client->handle = step->k & 1 ? handle_of(step) :
	    (struct vqp_handle){ UINT32_MAX, UINT32_MAX };
	status = vqp_core_doorbell_create(world.mock.core, &options,
	    &client->handle);
	/* The device may answer a link request with any number. */
	client->lives = status == VQP_SUCCESS;
	MUST(status <= 0);
}

static void
subscribe(struct client *client, const struct step *step)
{
	if (client->lives)
		return;
	client->ends_itself = step->k >> 4 & 1;
	client->lives = vqp_core_event_subscribe(world.mock.core,
	    step->k & 7, tell, client, &client->id) == VQP_SUCCESS;
}

static void
end(struct client *client, unsigned which)
{
	struct vqp_core *core = world.mock.core;

	if (!client->lives)
		return;
	if (which == CALL_ENDPOINT_END)
		ended(client, vqp_core_endpoint_destroy(core, client->handle));
	else if (which == CALL_BELL_END)
		ended(client, vqp_core_doorbell_destroy(core, client->handle));
	else
		ended(client, vqp_core_event_unsubscribe(core, client->id));
}

static void
send(const struct step *step)
{
	static const uint8_t payload[512];
	struct vqp_datagram datagram = {
		.dst = handle_of(step),
		.src = world.endpoint[step->k % CLIENTS].handle,
		.payload_size = step->k * 2,
	};

	if (step_other(step))
		datagram.payload_size = step_number(step,
		    VQP_DATAGRAM_PAYLOAD_BYTES_MAX, 0) | (UINT64_C(1) << 40);
	result_must_be(vqp_core_send(world.mock.core, &datagram, payload));
}

static void
pair(struct vqp_qpair **made, const struct step *step)
{
	struct vqp_qpair_options options = {
		.produce_bytes = (uint64_t)step->k * 100,
		.consume_bytes = step_other(step) ? step->k * 100 :
		    step_number(step, 8192, 64),
		.peer = VQP_CONTEXT_ANY,
		.flags = step->more >> 4,
	};
	struct vqp_handle handle = step->more & 8 ? handle_of(step) :
	    (struct vqp_handle){ UINT32_MAX, UINT32_MAX };

	/* Do not take more memory than this machine should hold. */
	if (*made != NULL || options.consume_bytes > 1 << 20)
		return;
	if (vqp_core_qpair_alloc(world.mock.core, &options, &handle, made) < 0)
		*made = NULL;
	else
		(void)vqp_pair_send(&(*made)->pair, "x", 1);
}

static void
device(const struct step *step)
{
	struct mock *mock = &world.mock;

	switch (step->k & 7) {
	case 0:
		mock->cid = (int32_t)step_number(step, MOCK_CID, 0);
		break;
	case 1:
		mock->icr = (uint32_t)step_number(step, 7, 0);
		break;
	case 2:
		mock->scribbles = step_other(step);
		break;
	case 3:
		mock->sends_answer = step_other(step);
		mock->send_answer = (int32_t)step_number(step, 24, 0);
		break;
	case 4:
		mock->caps_later = step_other(step) ? step->more : 0;
		break;
	case 5:
		mock->known = step->more;
		break;
	default:
		mock->busy_value = step->more;
	}
}

static void
answer(const struct step *step)
{
	struct mock *mock = &world.mock;
	unsigned number = step->more % VQP_HYPERCALL_COUNT;

	mock->answers[number] = step_other(step);
	mock->answer[number] = (int32_t)step_number(step, 5, 0);
}

static void
rings(const struct step *step)
{
	volatile uint8_t *page = world.mock.has_bitmap ?
	    mock_bitmap(&world.mock) : NULL;

	if (page != NULL)
		page[step->k] = step->more;
}

/*
 * Serve until nothing is left to do.  A core that sleeps leaves messages
 * behind; a core that reports more work gets to it in the end.
 */
static void
serve(uint32_t causes)
{
	struct mock *mock = &world.mock;

	for (unsigned idle = 0; causes != 0 && idle < 200; idle++) {
		const uint64_t at = mock->in_at;

		causes = vqp_core_service(mock->core, causes);
		MUST(causes == 0 || idle < 100);
		if (mock->dma && mock->in_at < mock->in_bytes && idle < 8)
			causes |= VQP_CAUSE_DATAGRAM;
		if (mock->in_at != at)
			idle = 0;
	}
}

static void
plug_again(void)
{
	vqp_core_unplug(world.mock.core);
	if (vqp_core_plug(world.mock.core, world.mock.dma) == VQP_SUCCESS)
		vqp_core_start(world.mock.core);
}

static void
call(const struct step *step, struct input *input)
{
	const unsigned which = step_call(step) % CALLS;
	struct vqp_core *core = world.mock.core;
	unsigned i = step->more % CLIENTS;

	switch (which) {
	case CALL_DATAGRAM:
		give_datagram(step, input);
		break;
	case CALL_EVENT:
		give_event(step);
		break;
	case CALL_BYTES:
		for (unsigned n = 0; n <= step->how; n++)
			mock_give(&world.mock, &step->k, 1);
		break;
	case CALL_SERVE:
		serve(step->k | 1);
		break;
	case CALL_INTERRUPT:
		(void)vqp_core_service(core, vqp_core_interrupt(core));
		break;
	case CALL_RING:
		rings(step);
		break;
	case CALL_ANSWER:
		answer(step);
		break;
	case CALL_DEVICE:
		device(step);
		break;
	case CALL_ENDPOINT:
		endpoint(&world.endpoint[i], step);
		break;
	case CALL_ENDPOINT_END:
		end(&world.endpoint[i], which);
		break;
	case CALL_BELL:
		bell(&world.bell[i], step);
		break;
	case CALL_BELL_END:
		end(&world.bell[i], which);
		break;
	case CALL_SUBSCRIBE:
		subscribe(&world.teller[i], step);
		break;
	case CALL_UNSUBSCRIBE:
		end(&world.teller[i], which);
		break;
	case CALL_SEND:
		send(step);
		break;
	case CALL_NOTIFY:
		(void)vqp_core_doorbell_notify(core, handle_of(step),
		    step->k & 3);
		break;
	case CALL_PAIR:
		pair(&world.pair[i], step);
		break;
	case CALL_PAIR_END:
		(void)vqp_core_qpair_detach(core, &world.pair[i]);
		break;
	case CALL_SLEEP:
		vqp_core_suspend(core);
		if (!step_other(step))
			(void)vqp_core_resume(core);
		break;
	default:
		plug_again();
	}
}

static void
close_all(void)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		end(&world.endpoint[i], CALL_ENDPOINT_END);
		end(&world.bell[i], CALL_BELL_END);
		end(&world.teller[i], CALL_UNSUBSCRIBE);
		(void)vqp_core_qpair_detach(world.mock.core, &world.pair[i]);
	}
	mock_close(&world.mock);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	struct step step;

	memset(&world, 0, sizeof(world));
	input_step(&input, &step);
	mock_open(&world.mock, step.k, step.op & 1);
	if (step.op & 2)
		world.mock.caps = step.more;
	if (mock_attach(&world.mock) == VQP_SUCCESS) {
		vqp_core_start(world.mock.core);
		while (input_step(&input, &step))
			call(&step, &input);
	}
	if (world.mock.core != NULL)
		close_all();
	else
		mock_close(&world.mock);
	return 0;
}
