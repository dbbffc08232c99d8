/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A queue pair's pages are scattered over the guest's memory; they are mapped
 * contiguously, so that the engine sees two rings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

/* More than the memory backends of a machine. */
#define FILES_MAX	4096

void
host_memory_file(struct host *host, uint32_t index, int fd)
{
	struct host_memory *memory = &host->memory;
	int *files = memory->files;

	if (index > memory->file_count || index == FILES_MAX) {
		host_fail(host, "from QEMU: file %u came as number %u", index,
		    memory->file_count);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (index == memory->file_count) {
		files = host_alloc((index + UINT64_C(1)) * sizeof(*files));
		if (index != 0)
			memcpy(files, memory->files, index * sizeof(*files));
		free(memory->files);
		memory->files = files;
		files[memory->file_count++] = -1;
	}
	if (files[index] >= 0)
		close(files[index]);
	files[index] = fd;
	if (fd < 0)
		host_say(host, "file %u of the guest's memory came without "
		    "its descriptor: none is left", index);
}

void
host_memory_no_file(struct host *host, uint32_t index)
{
	struct host_memory *memory = &host->memory;

	if (index >= memory->file_count || memory->files[index] < 0)
		return;
	close(memory->files[index]);
	memory->files[index] = -1;
}

static void
drop(struct host_memory *memory)
{
	if (memory->base != NULL)
		munmap(memory->base, memory->bytes);
	memory->base = NULL;
	memory->pieces_left = 0;
}

void
host_memory_begin(struct host *host, const struct vqp_link_memory *message)
{
	struct host_memory *memory = &host->memory;

	drop(memory);
	memory->coming = *message;
	memory->bytes = 2 * message->page_bytes + message->produce_bytes +
	    message->consume_bytes;
	memory->mapped_bytes = 0;
	memory->pieces_left = message->piece_count;
	if (memory->pieces_left == 0) {
		host_say(host, "the guest's memory is not in a shared file");
		return;
	}
	if (message->page_bytes < sizeof(struct vqp_queue_header) ||
	    message->page_bytes > VQP_QPAIR_BYTES_MAX ||
	    message->produce_bytes > 2 * VQP_QPAIR_BYTES_MAX ||
	    message->consume_bytes > 2 * VQP_QPAIR_BYTES_MAX ||
	    message->produce_bytes < message->produce_size ||
	    message->consume_bytes < message->consume_size) {
		host_fail(host,
		    "from QEMU: memory that does not fit its rings");
		return;
	}
	memory->base = mmap(NULL, memory->bytes, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory->base == MAP_FAILED) {
		memory->base = NULL;
		host_say(host, "no address range of %llu bytes",
		    (unsigned long long)memory->bytes);
	}
}

/* A mapping beyond the end of its file would raise SIGBUS when touched. */
static bool
lies_beyond(int fd, const struct vqp_link_piece *piece)
{
	const off_t end = lseek(fd, 0, SEEK_END);

	/* A memory device has no end to seek to. */
	return end >= 0 && (piece->bytes > (uint64_t)end ||
	    piece->offset > (uint64_t)end - piece->bytes);
}

static bool
map_piece(struct host *host, const struct vqp_link_piece *piece,
    int64_t *lacking)
{
	struct host_memory *memory = &host->memory;
	bool inside;

	if (piece->file < memory->file_count &&
	    memory->files[piece->file] < 0) {
		host_say(host, "a queue pair lies in file %u, which came "
		    "without its descriptor: requested again", piece->file);
		*lacking = piece->file;
		drop(memory);
		return false;
	}
	inside = piece->file < memory->file_count &&
	    piece->bytes <= memory->bytes - memory->mapped_bytes &&
	    !lies_beyond(memory->files[piece->file], piece);
	if (!inside || mmap(memory->base + memory->mapped_bytes, piece->bytes,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	    memory->files[piece->file], (off_t)piece->offset) == MAP_FAILED) {
		host_say(host, "cannot map a piece of guest memory: %s",
		    inside ? strerror(errno) : "it is not inside a file");
		drop(memory);
		return false;
	}
	memory->mapped_bytes += piece->bytes;
	return true;
}

static void
hand_over(struct host_memory *memory, struct host_pair *pair)
{
	const struct vqp_link_memory *coming = &memory->coming;
	struct vqp_queue *produce = &pair->config.produce;
	struct vqp_queue *consume = &pair->config.consume;

	memset(&pair->config, 0, sizeof(pair->config));
	pair->config.handle = pair->handle;
	pair->config.layout = VQP_LAYOUT_COMPAT;
	produce->header = memory->base;
	produce->data = memory->base + coming->page_bytes;
	produce->size = coming->produce_size;
	consume->header = memory->base + coming->page_bytes +
	    coming->produce_bytes;
	consume->data = (uint8_t *)consume->header + coming->page_bytes;
	consume->size = coming->consume_size;
	pair->memory = memory->base;
	pair->memory_bytes = memory->bytes;
	pair->had_memory = pair->mapped = true;
	memory->base = NULL;
}

bool
host_memory_pieces(struct host *host, const struct vqp_link_piece *pieces,
    uint64_t count, struct host_pair *pairs, struct host_pair **whole,
    int64_t *lacking)
{
	struct host_memory *memory = &host->memory;
	const struct vqp_handle *handle = &memory->coming.handle;

	*whole = NULL;
	*lacking = -1;
	for (uint64_t i = 0; i < count && memory->base != NULL; i++)
		if (!map_piece(host, &pieces[i], lacking))
			return false;
	memory->pieces_left -= (uint32_t)count;
	if (memory->base == NULL || memory->pieces_left != 0 ||
	    memory->mapped_bytes != memory->bytes)
		return false;
	for (; pairs != NULL; pairs = pairs->next)
		if (pairs->handle.context == handle->context &&
		    pairs->handle.resource == handle->resource &&
		    !pairs->had_memory && !pairs->closing) {
			hand_over(memory, pairs);
			*whole = pairs;
			return true;
		}
	drop(memory);
	return true;
}

void
host_memory_unmap(struct host_pair *pair)
{
	if (pair->mapped)
		munmap(pair->memory, pair->memory_bytes);
	pair->mapped = false;
}

void
host_memory_close(struct host *host)
{
	struct host_memory *memory = &host->memory;

	drop(memory);
	for (uint32_t i = 0; i < memory->file_count; i++)
		if (memory->files[i] >= 0)
			close(memory->files[i]);
	free(memory->files);
	memory->files = NULL;
	memory->file_count = 0;
}
