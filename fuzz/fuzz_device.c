/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A guest that writes any register and any byte of its memory and makes any
 * hypercall, correct or corrupted, and host contexts that make any call they
 * may, also from within callbacks.  Limits are small, so that the input reaches
 * them.
 *
 * What must hold, besides no access out of bounds: the device does not use
 * memory that the guest may not use, and none at all while it is suspended or
 * after a reset; no allocation is larger than the largest hypercall; the source
 * of a message is its true sender; an answer is one of VMCI's numbers; at the
 * end everything that was taken has been released.
 *
 * Input: the first step is the configuration; each later step is a call, by the
 * numbers of enum call.
 */
#include <vqp_device.h>

#include "fuzz.h"

#define RAM_PAGES 16
#define RAM_BYTES (RAM_PAGES * PAGE)
#define RAM_BASE UINT64_C(0x100000)
#define CID 16
#define OTHER_CID 17
/* The bytes of the largest hypercall; a page list is no larger. */
#define LARGEST (24 + 40 + VQP_QPAIR_PAGE_COUNT_MAX * 8)

/* Below 16: the hypercall of that number; 12 to 15: a datagram. */
enum call {
	CALL_WRITE = 16,
	CALL_READ,
	CALL_DATA_IN,
	CALL_DATA_OUT,
	CALL_DMA,
	CALL_EMBEDDER,
	CALL_RESET_OR_THEN,	/* then: what the host does when called next */
	CALL_HOST,		/* and the eight numbers after it */
	CALLS = CALL_HOST + 9,
};

struct guest {
	struct vqp_device *device;
	uint8_t *ram;
	uint64_t mapped;
	bool suspended;
	bool level;
};

struct world {
	struct vqp_hub *hub;
	struct guest guest, other;
	struct vqp_program *host;
	uint64_t taken, taken_bytes;
	int64_t fail_after;
	/* What the host does when it is called next. */
	struct step then;
	bool has_then;
	bool closing;
};

static struct world world;

static void *
hub_alloc(void *context, size_t bytes)
{
	(void)context;
	MUST(bytes != 0);
	MUST(bytes <= LARGEST);
	if (world.fail_after == 0)
		return NULL;
	if (world.fail_after > 0)
		world.fail_after--;
	world.taken++;
	world.taken_bytes += bytes;
	MUST(world.taken_bytes < (1 << 20) * 64);
	return calloc(1, bytes);
}

static void
hub_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	world.taken--;
	world.taken_bytes -= bytes;
	free(memory);
}

static void
hub_log(void *context, uint32_t cid, enum vqp_device_count count,
    int64_t status)
{
	(void)context;
	(void)cid;
	MUST(strcmp(vqp_device_count_name(count), "unknown count") != 0);
	MUST(status < 0);
}

static uint8_t *
ram_at(struct guest *guest, uint64_t address, uint64_t bytes)
{
	MUST(!guest->suspended);
	MUST(bytes != 0 && bytes <= UINT64_MAX - address);
	if (address < RAM_BASE || bytes > RAM_BYTES ||
	    address - RAM_BASE > RAM_BYTES - bytes)
		return NULL;
	return guest->ram + (address - RAM_BASE);
}

static bool
guest_read(void *context, uint64_t address, void *to, uint64_t bytes)
{
	const uint8_t *at = ram_at(context, address, bytes);

	if (at != NULL)
		memcpy(to, at, bytes);
	return at != NULL;
}

static bool
guest_write(void *context, uint64_t address, const void *from, uint64_t bytes)
{
	uint8_t *at = ram_at(context, address, bytes);

	if (at != NULL)
		memcpy(at, from, bytes);
	return at != NULL;
}

/* Map only runs of pages: an embedder may refuse what it cannot map. */
static void *
guest_map(void *context, const uint64_t *addresses, uint32_t count,
    uint64_t page_bytes)
{
	struct guest *guest = context;
	void *at;

	MUST(count != 0);
	for (uint32_t i = 0; i < count; i++) {
		MUST(addresses[i] % page_bytes == 0);
		if (addresses[i] - addresses[0] != i * page_bytes)
			return NULL;
	}
	if (addresses[0] > UINT64_MAX - count * page_bytes)
		return NULL;
	at = ram_at(guest, addresses[0], count * page_bytes);
	guest->mapped += at != NULL;
	return at;
}

static void
guest_unmap(void *context, void *memory, uint32_t count, uint64_t page_bytes)
{
	struct guest *guest = context;

	MUST(guest->mapped > 0);
	MUST((uint8_t *)memory >= guest->ram);
	MUST((uint8_t *)memory + count * page_bytes <= guest->ram + RAM_BYTES);
	guest->mapped--;
}

static void
guest_interrupt(void *context, uint32_t vector, bool level)
{
	struct guest *guest = context;

	MUST(vector < 3);
	guest->level = level;
}

static void call(const struct step *step, bool nested);

static void
nest(void)
{
	const struct step step = world.then;

	if (!world.has_then || world.closing)
		return;
	world.has_then = false;
	call(&step, true);
}

static int
host_datagram(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	uint8_t last = 0;

	(void)context;
	MUST(datagram->dst.context == VQP_CONTEXT_HOST ||
	    vqp_vsock_is_hypervisor(datagram->dst));
	MUST(datagram->src.context == vqp_device_cid(world.guest.device) ||
	    datagram->src.context == vqp_device_cid(world.other.device) ||
	    datagram->src.context == VQP_CONTEXT_HOST);
	MUST(datagram->payload_size <= VQP_DATAGRAM_PAYLOAD_BYTES_MAX);
	if (datagram->payload_size > 0)
		last = ((const uint8_t *)payload)[datagram->payload_size - 1];
	nest();
	return last % 4 == 3 ? VQP_ERROR_INVALID_RESOURCE : 0;
}

static void
host_doorbell(void *context, struct vqp_handle handle)
{
	(void)context;
	MUST(handle.context == VQP_CONTEXT_HOST);
	nest();
}

static void
host_event(void *context, const struct vqp_event_header *event)
{
	(void)context;
	MUST(event->event == VQP_EVENT_CTX_REMOVED ||
	    event->event == VQP_EVENT_QP_PEER_ATTACH ||
	    event->event == VQP_EVENT_QP_PEER_DETACH);
	MUST_EQ(event->reserved, 0);
	nest();
}

static void
touch(const struct vqp_queue *queue)
{
	volatile uint8_t *byte = queue->header;

	if (byte == NULL)
		return;
	byte[0] = byte[PAGE - 1];
	byte = queue->data;
	if (queue->size > 0)
		byte[0] = byte[queue->size - 1];
}

static void
host_memory(void *context, struct vqp_handle handle,
    const struct vqp_qpair_memory *memory)
{
	(void)context;
	if (memory != NULL) {
		MUST_EQ(memory->handle.resource, handle.resource);
		touch(&memory->produce);
		touch(&memory->consume);
	}
	nest();
}

static void
open_guest(struct guest *guest, const struct step *step, uint32_t cid)
{
	const struct vqp_device_host host = { guest_read, guest_write,
	    guest_map, guest_unmap, guest_interrupt, guest };
	const struct vqp_device_config config = {
		.context = { cid, step->more & 1, (step->more >> 1) & 1 },
		.generation = (enum vqp_device_generation)(step->k & 1),
		.data_in = (enum vqp_data_in)((step->k >> 1) % 3),
	};

	memset(guest, 0, sizeof(*guest));
	guest->ram = calloc(1, RAM_BYTES);
	MUST_EQ(vqp_device_create(world.hub, &host, &config, &guest->device),
	    VQP_SUCCESS);
}

static void
close_guest(struct guest *guest)
{
	vqp_device_destroy(guest->device);
	MUST_EQ(guest->mapped, 0);
	free(guest->ram);
}

static void
open_host(uint32_t privileges)
{
	const struct vqp_program_calls calls = { host_datagram, host_doorbell,
	    host_event, host_memory, NULL };
	const struct vqp_context_config config = {
		.cid = VQP_CONTEXT_HOST, .privileges = privileges % 3,
	};

	if (vqp_program_create(world.hub, &config, &calls, &world.host) !=
	    VQP_SUCCESS)
		world.host = NULL;
}

/* There are few handles, so that calls often use the same one. */
static struct vqp_handle
handle_of(unsigned bits)
{
	static const uint32_t context[] = { CID, VQP_CONTEXT_HOST, OTHER_CID,
	    CID + 8, 0, 1, VQP_INVALID_ID, CID };
	struct vqp_handle handle = { context[bits & 7], 1024 + (bits >> 3 & 3) };

	if ((bits & 0xe0) == 0xe0)
		handle.resource = VQP_RESOURCE_ANY;
	else if ((bits & 0xe0) == 0xc0)
		handle.resource = bits & 8 ? VQP_VSOCK_RESOURCE_HYPERVISOR :
		    VQP_VSOCK_RESOURCE;
	return handle;
}

static struct guest *
guest_of(const struct step *step)
{
	return step_other(step) ? &world.other : &world.guest;
}

static const uint64_t sizes[] = { 0, 1, 100, 4096, 4097, 8192,
    VQP_QPAIR_BYTES_MAX, UINT64_MAX };

/*
 * Write a hypercall as a driver does, and perhaps corrupt one byte of it.
 * Returns its bytes.
 */
static uint64_t
build(const struct step *step, const struct step *bend, uint8_t *at)
{
	struct vqp_hypercall_qpair_alloc alloc = { .peer = VQP_CONTEXT_HOST };
	struct vqp_datagram datagram = {
		.dst = { 0, step_call(step) % CALLS },
		.src = { VQP_INVALID_ID, VQP_INVALID_ID },
	};
	const struct vqp_handle handle = handle_of(step->k);
	const uint64_t index = step->more & 7 ? step->more : 4095 + step->k;
	uint64_t bytes = 24;

	memset(at, 0, 512);
	switch (datagram.dst.resource) {
	case VQP_HYPERCALL_RESOURCES_QUERY:
		at[24] = step->k % 34;
		for (unsigned i = 0; i < 34; i++)
			at[32 + 4 * i] = (uint8_t)(i + step->more);
		bytes = 32 + UINT64_C(4) * (step->k % 34);
		break;
	case VQP_HYPERCALL_SET_NOTIFY_BITMAP:
		at[24] = step->k % 18;
		at[25] = (uint8_t)(RAM_BASE >> 20);
		at[28] = step->more;
		bytes = 32;
		break;
	case VQP_HYPERCALL_DOORBELL_LINK:
		memcpy(at + 24, &handle, 8);
		memcpy(at + 32, &index, 8);
		bytes = 40;
		break;
	case VQP_HYPERCALL_QPAIR_ALLOC: {
		const uint64_t width = bend->op & 1 ? 4 : 8;
		uint64_t pages;

		alloc.handle = handle;
		alloc.produce_size = sizes[step->more & 7];
		alloc.consume_size = sizes[step->more >> 3 & 7];
		alloc.flags = step->more >> 6;
		if (bend->op & 2)
			alloc.peer = VQP_CONTEXT_ANY;
		if (bend->op & 8)
			alloc.peer = VQP_CONTEXT_HYPERVISOR;
		pages = (alloc.produce_size + PAGE - 1) / PAGE +
		    (alloc.consume_size + PAGE - 1) / PAGE + 2;
		alloc.page_count = pages;
		memcpy(at, &alloc, sizeof(alloc));
		if (pages > 40)
			pages = 40;
		for (uint64_t i = 0; i < pages; i++) {
			const uint64_t ppn = RAM_BASE / PAGE + bend->k % 16 +
			    i;

			memcpy(at + 64 + i * width, &ppn, width);
		}
		bytes = 64 + pages * width;
		break;
	}
	case VQP_HYPERCALL_DOORBELL_UNLINK:
	case VQP_HYPERCALL_DOORBELL_NOTIFY:
	case VQP_HYPERCALL_QPAIR_DETACH:
		memcpy(at + 24, &handle, 8);
		bytes = 32;
		break;
	case 12:
	case 13:
	case 14:
	case 15:		/* a datagram to any context */
		datagram.dst = handle;
		datagram.src.context = datagram.dst.resource & 1 ? CID :
		    VQP_CONTEXT_ANY;
		datagram.src.resource = 5;
		bytes = 24 + step->more;
		at[bytes - 1] = step->k;
		break;
	default:
		bytes = 24 + (step->more & 15);
		break;
	}
	datagram.payload_size = bytes - 24;
	memcpy(at, &datagram, 24);
	if (bend->how != 0)
		at[bend->how % bytes] ^= bend->more;
	return bytes;
}

static const uint64_t registers[] = { VQP_REG_STATUS, VQP_REG_CONTROL,
    VQP_REG_ICR, VQP_REG_IMR, VQP_REG_DATA_OUT, VQP_REG_DATA_IN, VQP_REG_CAPS,
    VQP_REG_RESULT_LOW, VQP_REG_RESULT_HIGH, VQP_REG_DATA_OUT_LOW,
    VQP_REG_DATA_OUT_HIGH, VQP_REG_DATA_IN_LOW, VQP_REG_DATA_IN_HIGH,
    VQP_REG_GUEST_PAGE_SHIFT, 0x38, UINT64_MAX };

static void
dma(struct guest *guest, const struct step *step, bool receive)
{
	const struct vqp_dma_operation operation = { .busy = !receive,
	    .opcode = step->more & 3, .size = (uint32_t)step_number(step, 512,
	    0) };
	const uint64_t at = step->k % RAM_PAGES * PAGE;

	for (unsigned i = 0; i < 4 && (step->more & 3) == 1; i++) {
		const struct vqp_dma_element element = {
			RAM_BASE + (step->k + i * 5) % 20 * PAGE,
			i == 3 ? UINT64_MAX : step->more * 100u,
		};

		memcpy(guest->ram + at + 24 + 16 * i, &element, 16);
	}
	memcpy(guest->ram + at, &operation, 24);
	vqp_device_write(guest->device, receive ? VQP_REG_DATA_IN_HIGH :
	    VQP_REG_DATA_OUT_HIGH, 4, step->more >> 6);
	vqp_device_write(guest->device, receive ? VQP_REG_DATA_IN_LOW :
	    VQP_REG_DATA_OUT_LOW, 4, RAM_BASE + at);
}

static uint8_t bytes[70000];

static void
host_call(const struct step *step)
{
	const struct vqp_handle handle = handle_of(step->k);
	static const struct vqp_handle sources[] = { { VQP_CONTEXT_ANY, 7 },
	    { VQP_CONTEXT_HOST, 7 }, { 0, 15 }, { 0, 0 } };
	struct vqp_datagram datagram = { .dst = handle,
	    .src = sources[step->more & 3] };
	struct vqp_qpair_request request = { .handle = handle };
	struct vqp_qpair_memory memory;
	struct vqp_qpair_indexes indexes;

	if (world.host == NULL)
		return;
	switch (step_call(step) % CALLS - CALL_HOST) {
	case 0:
		datagram.payload_size = step_number(step, 4096, 69608);
		if (datagram.payload_size > VQP_DATAGRAM_PAYLOAD_BYTES_MAX)
			break;
		/*
		 * A host context may send as the hypervisor only to the control
		 * port of a guest.
		 */
		MUST(vqp_program_send(world.host, &datagram, bytes) < 0 ||
		    datagram.src.context != VQP_CONTEXT_HYPERVISOR ||
		    (datagram.src.resource == 15 && handle.resource == 1 &&
		    handle.context != VQP_CONTEXT_HOST));
		break;
	case 1:
		vqp_program_ring(world.host, handle);
		break;
	case 2:
		vqp_program_link(world.host, handle.resource);
		break;
	case 3:
		vqp_program_unlink(world.host, handle.resource);
		break;
	case 4:
		request.peer = step_other(step) ? VQP_CONTEXT_ANY : CID;
		request.consume_size = sizes[step->more & 7];
		request.produce_size = sizes[step->more >> 3 & 7];
		request.flags = step->more >> 6;
		request.shared = (step->how & 15) == 1 ? &world : NULL;
		vqp_program_qpair_alloc(world.host, &request);
		break;
	case 5:
		vqp_program_qpair_detach(world.host, handle);
		break;
	case 6:
		if (vqp_program_qpair_memory(world.host, handle, &memory) ==
		    VQP_SUCCESS) {
			touch(&memory.produce);
			touch(&memory.consume);
		}
		break;
	case 7:
		vqp_program_qpair_indexes(world.host, handle, &indexes);
		break;
	default: {
		struct vqp_program *host = world.host;

		world.host = NULL;
		vqp_program_destroy(host);
		break;
	}
	}
}

/* Try contexts, most of them invalid; a valid one is destroyed at once. */
static void
try_contexts(const struct step *step)
{
	const struct vqp_program_calls calls = { .context = NULL };
	const struct vqp_device_host host = { guest_read, guest_write,
	    guest_map, guest_unmap, guest_interrupt, &world.guest };
	const struct vqp_device_config config = {
		.context = {
			.cid = (uint32_t)step_number(step, 20, 16),
			.privileges = step_which(step),
		},
		.generation = (enum vqp_device_generation)(step->k % 3),
		.data_in = (enum vqp_data_in)(step->k / 3 % 4),
		.caps = step->k & 0x42,
	};
	struct vqp_program *program;
	struct vqp_device *device;

	if (vqp_program_create(world.hub, &config.context, &calls, &program) ==
	    VQP_SUCCESS) {
		MUST_EQ(vqp_program_count(program, VQP_COUNT_OVERSIZE), 0);
		MUST(vqp_program_cid(program) >= VQP_CONTEXT_HOST);
		vqp_program_destroy(program);
	}
	if (vqp_device_create(world.hub, &host, &config, &device) ==
	    VQP_SUCCESS) {
		MUST_EQ(vqp_device_count(device, VQP_COUNT_OVERSIZE), 0);
		vqp_device_destroy(device);
	}
	vqp_device_set_cid(world.other.device, config.context.cid);
	vqp_device_set_cid(world.other.device, OTHER_CID);
}

/* The calls that only the embedder makes, and never from within a callback. */
static void
embedder_call(struct guest *guest, const struct step *step)
{
	switch (step->more % 7) {
	case 0:
		vqp_device_suspend(guest->device);
		MUST_EQ(guest->mapped, 0);
		guest->suspended = true;
		break;
	case 1:
		guest->suspended = false;
		vqp_device_resume(guest->device, step->k & 1);
		break;
	case 2:
		vqp_device_set_interrupts(guest->device,
		    (enum vqp_interrupts)(step->k & 1));
		break;
	case 3:
		vqp_device_set_cid(world.guest.device,
		    step->k & 1 ? CID : CID + 8);
		break;
	case 4:
		if (world.host == NULL)
			open_host(step->k);
		break;
	case 5:
		try_contexts(step);
		break;
	default:
		world.fail_after = step->k & 1 ? step->k >> 1 & 7 : -1;
		break;
	}
}

static struct input *rest;

static void
call(const struct step *step, bool nested)
{
	struct guest *guest = guest_of(step);
	struct vqp_device *device = guest->device;
	struct step bend;
	uint8_t message[768];
	uint64_t n;

	if (step_call(step) % CALLS >= CALL_HOST) {
		host_call(step);
		return;
	}
	switch (step_call(step) % CALLS) {
	case CALL_WRITE:
		n = step_number(step, 4096, RAM_BASE);
		vqp_device_write(device, registers[step->more & 15],
		    step_which(step) != 3 ? 4 : step->more >> 4, n);
		break;
	case CALL_READ:
		vqp_device_read(device, registers[step->more & 15],
		    step_which(step) != 3 ? 4 : step->more >> 4);
		break;
	case CALL_DATA_IN:
		n = step->k * (step->more & 15 ? 1 : 250u);
		vqp_device_data_in(device, bytes, n);
		memset(bytes, 7, n);
		break;
	case CALL_DATA_OUT:
		memset(message, step->more, sizeof(message));
		vqp_device_data_out(device, message, step->k);
		break;
	case CALL_DMA:
		dma(guest, step, step_which(step) & 1);
		break;
	case CALL_EMBEDDER:
		if (!nested)
			embedder_call(guest, step);
		break;
	case CALL_RESET_OR_THEN:
		if (step->k & 1) {
			vqp_device_reset(device);
			if (!nested)
				MUST_EQ(guest->mapped, 0);
		} else {
			world.has_then = input_step(rest, &world.then);
		}
		break;
	default:
		input_step(rest, &bend);
		n = build(step, &bend, message);
		if (bend.op & 4) {	/* by DMA */
			memset(guest->ram, 0, 24);
			memcpy(guest->ram + 8, &n, 4);
			memcpy(guest->ram + 24, message, n);
			vqp_device_write(device, VQP_REG_DATA_OUT_HIGH, 4, 0);
			vqp_device_write(device, VQP_REG_DATA_OUT_LOW, 4,
			    RAM_BASE);
			break;
		}
		/* Through the port, in two parts. */
		vqp_device_data_out(device, message, bend.k % (n + 1));
		vqp_device_data_out(device, message + bend.k % (n + 1),
		    n - bend.k % (n + 1));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *input_bytes, size_t size)
{
	static const struct vqp_hub_limits limits = {
		.context_count = 3, .queue_bytes = 139264, .event_count = 3,
		.doorbell_count = 3, .qpair_count = 3, .qpair_bytes = 65536,
	};
	const struct vqp_hub_host host = { hub_alloc, hub_free, hub_log,
	    NULL };
	struct input input = { input_bytes, size };
	struct step step;

	memset(&world, 0, sizeof(world));
	memset(bytes, 7, sizeof(bytes));
	world.fail_after = -1;
	rest = &input;
	input_step(&input, &step);
	MUST_EQ(vqp_hub_create(&host, step.op & 2 ? NULL : &limits,
	    &world.hub), VQP_SUCCESS);
	open_guest(&world.guest, &step, CID);
	open_guest(&world.other, &step, OTHER_CID);
	open_host(step.how);
	/* Begin in the state after a driver's probe, or without a driver. */
	if ((step.op & 1) == 0) {
		for (int i = 0; i < 2; i++) {
			struct vqp_device *device = i == 0 ?
			    world.guest.device : world.other.device;

			vqp_device_write(device, VQP_REG_CAPS, 4,
			    vqp_device_read(device, VQP_REG_CAPS, 4));
			vqp_device_write(device, VQP_REG_IMR, 4, 3);
			vqp_device_write(device, VQP_REG_CONTROL, 4,
			    VQP_CONTROL_INT_ENABLE);
		}
	}
	while (input_step(&input, &step)) {
		int32_t result;

		call(&step, false);
		result = (int32_t)vqp_device_read(world.guest.device,
		    VQP_REG_RESULT_LOW, 4);
		MUST(result >= VQP_ERROR_WOULD_BLOCK);
		MUST_EQ(vqp_device_interrupt_level(world.guest.device),
		    world.guest.level && vqp_device_interrupt_level(
		    world.guest.device));
	}
	world.closing = true;
	if (world.host != NULL)
		vqp_program_destroy(world.host);
	close_guest(&world.guest);
	close_guest(&world.other);
	vqp_hub_destroy(world.hub);
	MUST_EQ(world.taken, 0);
	MUST_EQ(world.taken_bytes, 0);
	return 0;
}
