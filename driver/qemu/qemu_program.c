/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packets of a host context: each request is a call of vqp_device.h, each
 * callback is a packet.
 */
#include "qemu/osdep.h"
#include "exec/cpu-common.h"

#include <sys/stat.h>

#include "qemu_link.h"

/* Beyond this many unread bytes, datagrams to the program are refused. */
#define DATAGRAM_BYTES_MAX	(UINT64_C(4) << 20)
#define BOUND_MAX	4096

/*
 * ---- From the hub to the program.
 */

static int
take_datagram(void *context, const struct vqp_datagram *datagram,
    const void *payload)
{
	VmciProgram *p = context;
	const bool bound = datagram->dst.context == VQP_CONTEXT_HYPERVISOR ?
	    p->hypervisor : g_hash_table_contains(p->bound,
	    GUINT_TO_POINTER(datagram->dst.resource));

	if (!bound)
		return VQP_ERROR_INVALID_RESOURCE;
	if (p->out_bytes > DATAGRAM_BYTES_MAX)
		return VQP_ERROR_NO_RESOURCES;
	vmci_link_send(p, VQP_LINK_DATAGRAM, 0, datagram, sizeof(*datagram),
	    payload, datagram->payload_size, -1);
	return VQP_SUCCESS;
}

static void
take_doorbell(void *context, struct vqp_handle handle)
{
	VmciProgram *p = context;

	/* Rings coalesce: at most one of each waits, and none is lost. */
	if (!g_hash_table_add(p->rung, GUINT_TO_POINTER(handle.resource)))
		return;
	vmci_link_send(p, VQP_LINK_DOORBELL, 0, &handle, sizeof(handle), NULL,
	    0, -1);
	if (QSIMPLEQ_EMPTY(&p->out))
		g_hash_table_remove(p->rung,
		    GUINT_TO_POINTER(handle.resource));
}

static void
take_event(void *context, const struct vqp_event_header *event)
{
	vmci_link_send(context, VQP_LINK_EVENT, 0, event,
	    sizeof(event->datagram) + event->datagram.payload_size, NULL, 0,
	    -1);
}

static bool
is_file(const struct stat *known, const struct stat *now)
{
	return known->st_dev == now->st_dev && known->st_ino == now->st_ino;
}

static struct stat *
file_at(VmciProgram *p, uint32_t index)
{
	return &g_array_index(p->files, struct stat, index);
}

/* The index of a file among the program's files; their count if absent. */
static uint32_t
find_file(VmciProgram *p, const struct stat *file)
{
	uint32_t i = 0;

	while (i < p->files->len && !is_file(file_at(p, i), file))
		i++;
	return i;
}

/* The program's index of a file, which is sent if it is new. */
static uint32_t
file_index(VmciProgram *p, int fd)
{
	const struct stat none = { 0 };
	struct vqp_link_file file = { 0 };
	struct stat now;

	fstat(fd, &now);
	file.index = find_file(p, &now);
	if (file.index < p->files->len)
		return file.index;
	file.index = find_file(p, &none);
	if (file.index == p->files->len)
		g_array_append_val(p->files, none);
	*file_at(p, file.index) = now;
	vmci_link_send(p, VQP_LINK_FILE, 0, &file, sizeof(file), NULL, 0, fd);
	return file.index;
}

static void
file_goes(VmciProgram *p, int fd)
{
	struct vqp_link_file file = { 0 };
	struct stat now;

	if (fstat(fd, &now) != 0)
		return;
	file.index = find_file(p, &now);
	if (file.index == p->files->len)
		return;
	memset(file_at(p, file.index), 0, sizeof(now));
	vmci_link_send(p, VQP_LINK_NO_FILE, 0, &file, sizeof(file), NULL, 0,
	    -1);
}

typedef struct Again {
	VmciProgram *p;
	struct vqp_link_file file;
	bool sent;
} Again;

static int
send_if_it_is(RAMBlock *block, void *opaque)
{
	Again *again = opaque;
	const int fd = qemu_ram_get_fd(block);
	struct stat now;

	if (fd < 0 || fstat(fd, &now) != 0 ||
	    !is_file(file_at(again->p, again->file.index), &now))
		return 0;
	vmci_link_send(again->p, VQP_LINK_FILE, 0, &again->file,
	    sizeof(again->file), NULL, 0, fd);
	again->sent = true;
	return 1;
}

/* Send a file again whose descriptor did not arrive. */
static int64_t
send_file_again(VmciProgram *p, const void *body)
{
	Again again = { .p = p };

	memcpy(&again.file, body, sizeof(again.file));
	if (again.file.index < p->files->len)
		qemu_ram_foreach_block(send_if_it_is, &again);
	return again.sent ? VQP_SUCCESS : VQP_ERROR_NOT_FOUND;
}

/* Append the pieces of one part; returns the reason if there are none. */
static const char *
add_pieces(VmciProgram *p, GArray *pieces, const VmciMapping *mapping)
{
	if (mapping == NULL)
		return NULL;
	for (uint32_t i = 0; i < mapping->piece_count; i++) {
		const VmciPiece *from = &mapping->pieces[i];
		struct vqp_link_piece piece = {
			.file = file_index(p, vmci_piece_fd(from)),
			.offset = from->offset,
			.bytes = from->bytes,
		};

		g_array_append_val(pieces, piece);
	}
	return mapping->unshared;
}

static uint64_t
mapped_bytes(const VmciMapping *mapping)
{
	return mapping == NULL ? 0 : mapping->bytes;
}

static void
memory_came(VmciProgram *p, const struct vqp_qpair_memory *memory)
{
	const uint64_t header = sizeof(struct vqp_queue_header);
	const struct vqp_queue *produce = &memory->produce;
	const struct vqp_queue *consume = &memory->consume;
	/* A ring of no bytes has no data, and no mapping of it. */
	const VmciMapping *part[4] = {
		vmci_memory_find(p->s, produce->header, header),
		vmci_memory_find(p->s, produce->data, produce->size),
		vmci_memory_find(p->s, consume->header, header),
		vmci_memory_find(p->s, consume->data, consume->size),
	};
	const char *unshared = NULL;
	GArray *pieces = g_array_new(false, false,
	    sizeof(struct vqp_link_piece));
	struct vqp_link_memory message = {
		.handle = memory->handle,
		.produce_size = produce->size,
		.consume_size = consume->size,
		.page_bytes = mapped_bytes(part[0]),
		.produce_bytes = mapped_bytes(part[1]),
		.consume_bytes = mapped_bytes(part[3]),
	};

	for (unsigned i = 0; unshared == NULL && i < G_N_ELEMENTS(part); i++)
		unshared = add_pieces(p, pieces, part[i]);
	if (unshared != NULL) {
		vmci_say(p->s, SAY_MEMORY, "a program on the host cannot "
		    "map a queue pair: %s", unshared);
		g_array_set_size(pieces, 0);
	}
	message.piece_count = pieces->len;
	vmci_link_send(p, VQP_LINK_MEMORY, 0, &message, sizeof(message), NULL,
	    0, -1);
	for (guint at = 0; at < pieces->len; at += VQP_LINK_PIECES_MAX) {
		const guint n = MIN(pieces->len - at, VQP_LINK_PIECES_MAX);

		vmci_link_send(p, VQP_LINK_PIECES, 0, &g_array_index(pieces,
		    struct vqp_link_piece, at),
		    n * sizeof(struct vqp_link_piece), NULL, 0, -1);
	}
	g_array_free(pieces, true);
}

/* After this returns, the guest may use the pages for anything. */
static void
take_memory(void *context, struct vqp_handle handle,
    const struct vqp_qpair_memory *memory)
{
	VmciProgram *p = context;

	if (p->broken)
		return;
	if (memory != NULL) {
		memory_came(p, memory);
		return;
	}
	vmci_link_send(p, VQP_LINK_NO_MEMORY, 0, &handle, sizeof(handle),
	    NULL, 0, -1);
	vmci_link_wait_released(p, handle);
}

/*
 * ---- From the program to the hub.
 */

static int64_t
hello(VmciProgram *p, const void *body)
{
	const struct vqp_program_calls calls = {
		.datagram = take_datagram, .doorbell = take_doorbell,
		.event = take_event, .memory = take_memory, .context = p,
	};
	struct vqp_context_config config = { 0 };
	struct vqp_link_hello hello;
	int status;

	memcpy(&hello, body, sizeof(hello));
	if (hello.version != VQP_LINK_VERSION)
		return VQP_ERROR_OBSOLETE;
	if (p->program != NULL)
		return VQP_ERROR_ALREADY_EXISTS;
	/* It may replace a killed program whose end was not read yet. */
	vmci_link_reap(p);
	config.cid = hello.cid;
	config.privileges = hello.privileges;
	status = vqp_program_create(p->s->hub, &config, &calls, &p->program);
	return status < 0 ? status :
	    (int64_t)vqp_program_cid(p->program);
}

static int64_t
send_datagram(VmciProgram *p, const uint8_t *body, size_t length)
{
	struct vqp_datagram datagram;

	memcpy(&datagram, body, sizeof(datagram));
	if (datagram.payload_size != length - sizeof(datagram))
		return VQP_ERROR_INVALID_ARGS;
	return vqp_program_send(p->program, &datagram,
	    body + sizeof(datagram));
}

static int64_t
alloc(VmciProgram *p, const void *body)
{
	struct vqp_link_alloc call;
	struct vqp_qpair_request request = { { 0 } };

	memcpy(&call, body, sizeof(call));
	request.handle = call.handle;
	request.peer = call.peer;
	request.flags = call.flags;
	request.produce_size = call.produce_size;
	request.consume_size = call.consume_size;
	return vqp_program_qpair_alloc(p->program, &request);
}

static int64_t
bind_hypervisor(VmciProgram *p)
{
	if (vqp_program_cid(p->program) != VQP_CONTEXT_HOST)
		return VQP_ERROR_NO_ACCESS;
	if (p->hypervisor)
		return VQP_ERROR_DUPLICATE_ENTRY;
	p->hypervisor = true;
	return VQP_SUCCESS;
}

static int64_t
bind_resource(VmciProgram *p, struct vqp_handle handle)
{
	if (handle.resource == VQP_RESOURCE_ANY)
		return VQP_ERROR_INVALID_ARGS;
	if (vqp_vsock_is_hypervisor(handle))
		return bind_hypervisor(p);
	if (g_hash_table_size(p->bound) >= BOUND_MAX)
		return VQP_ERROR_NO_RESOURCES;
	return g_hash_table_add(p->bound, GUINT_TO_POINTER(handle.resource)) ?
	    VQP_SUCCESS : VQP_ERROR_DUPLICATE_ENTRY;
}

static int64_t
unbind_resource(VmciProgram *p, struct vqp_handle handle)
{
	bool had;

	if (vqp_vsock_is_hypervisor(handle)) {
		had = p->hypervisor;
		p->hypervisor = false;
	} else {
		had = g_hash_table_remove(p->bound,
		    GUINT_TO_POINTER(handle.resource));
	}
	return had ? VQP_SUCCESS : VQP_ERROR_NOT_FOUND;
}

static int64_t
handle_verb(VmciProgram *p, enum vqp_link_type type, const void *body)
{
	struct vqp_handle handle;

	memcpy(&handle, body, sizeof(handle));
	switch (type) {
	case VQP_LINK_BIND:
		return bind_resource(p, handle);
	case VQP_LINK_UNBIND:
		return unbind_resource(p, handle);
	case VQP_LINK_LINK:
		return vqp_program_link(p->program, handle.resource);
	case VQP_LINK_UNLINK:
		return vqp_program_unlink(p->program, handle.resource);
	case VQP_LINK_RING:
		return vqp_program_ring(p->program, handle);
	default:
		return vqp_program_qpair_detach(p->program, handle);
	}
}

/* The bytes of a request's body; for SEND the least; 0: not a request. */
static size_t
body_bytes(enum vqp_link_type type)
{
	switch (type) {
	case VQP_LINK_HELLO:
		return sizeof(struct vqp_link_hello);
	case VQP_LINK_SEND:
		return sizeof(struct vqp_datagram);
	case VQP_LINK_ALLOC:
		return sizeof(struct vqp_link_alloc);
	case VQP_LINK_BIND:
	case VQP_LINK_UNBIND:
	case VQP_LINK_LINK:
	case VQP_LINK_UNLINK:
	case VQP_LINK_RING:
	case VQP_LINK_DETACH:
	case VQP_LINK_RELEASED:
		return sizeof(struct vqp_handle);
	case VQP_LINK_FILE_AGAIN:
		return sizeof(struct vqp_link_file);
	default:
		return 0;
	}
}

static int64_t
carry_out(VmciProgram *p, enum vqp_link_type type, const uint8_t *body,
    size_t length)
{
	if (type == VQP_LINK_HELLO)
		return hello(p, body);
	if (p->program == NULL)
		return VQP_ERROR_BAD_CONTEXT;
	if (type == VQP_LINK_SEND)
		return send_datagram(p, body, length);
	if (type == VQP_LINK_FILE_AGAIN)
		return send_file_again(p, body);
	return type == VQP_LINK_ALLOC ? alloc(p, body) :
	    handle_verb(p, type, body);
}

static void
take_packet(VmciProgram *p, const uint8_t *bytes, size_t length)
{
	struct vqp_link_message message;
	struct vqp_link_result result;
	size_t want;

	if (length < sizeof(message)) {
		vmci_link_break(p, "a packet that is too short");
		return;
	}
	memcpy(&message, bytes, sizeof(message));
	bytes += sizeof(message);
	length -= sizeof(message);
	want = body_bytes(message.type);
	if (want == 0 || length < want ||
	    (length > want && message.type != VQP_LINK_SEND)) {
		vmci_link_break(p, "a packet of unknown type or odd length");
		return;
	}
	if (message.type == VQP_LINK_RELEASED)
		return;		/* late: QEMU no longer waits for it */
	result.status = carry_out(p, message.type, bytes, length);
	vmci_link_send(p, VQP_LINK_RESULT, message.tag, &result,
	    sizeof(result), NULL, 0, -1);
	if (message.type == VQP_LINK_HELLO && result.status >= 0) {
		const struct vqp_link_guest guest = {
			.cid = vqp_device_cid(p->s->device),
		};

		vmci_link_send(p, VQP_LINK_GUEST, 0, &guest, sizeof(guest),
		    NULL, 0, -1);
	}
}

static void
program_init(VmciProgram *p)
{
	p->bound = g_hash_table_new(NULL, NULL);
	p->rung = g_hash_table_new(NULL, NULL);
	p->files = g_array_new(false, true, sizeof(struct stat));
}

static void
program_exit(VmciProgram *p)
{
	if (p->program != NULL)
		vqp_program_destroy(p->program);
	p->program = NULL;
	g_hash_table_destroy(p->bound);
	g_hash_table_destroy(p->rung);
	g_array_free(p->files, true);
}

const VmciLinkCalls vmci_program_calls = {
	.init = program_init, .take = take_packet, .file_goes = file_goes,
	.exit = program_exit,
};
