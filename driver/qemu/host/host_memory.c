/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A queue pair's pages, scattered over the guest's memory, mapped one behind
 * the other, so that the engine sees two rings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host_link.h"
#include "host_loop.h"

static int *files;
static uint32_t file_count;

/* The one that comes, piece by piece. */
static struct vqp_link_memory coming;
static uint8_t *memory;
static uint64_t memory_bytes;
static uint64_t mapped_bytes;
static uint32_t pieces_left;

void
host_memory_file(uint32_t index, int fd)
{
	if (index != file_count)
		host_die("file %u came as number %u", index, file_count);
	files = realloc(files, (file_count + 1) * sizeof(*files));
	if (files == NULL)
		host_die("out of memory");
	files[file_count++] = fd;
}

static void
drop(void)
{
	if (memory != NULL)
		munmap(memory, memory_bytes);
	memory = NULL;
	pieces_left = 0;
}

void
host_memory_begin(const struct vqp_link_memory *message)
{
	drop();
	coming = *message;
	memory_bytes = 2 * coming.page_bytes + coming.produce_bytes +
	    coming.consume_bytes;
	mapped_bytes = 0;
	pieces_left = coming.piece_count;
	if (pieces_left == 0) {
		host_say("the guest's memory is in no shared file");
		return;
	}
	if (coming.page_bytes < sizeof(struct vqp_queue_header) ||
	    coming.produce_bytes < coming.produce_size ||
	    coming.consume_bytes < coming.consume_size)
		host_die("from QEMU: memory that is less than its rings");
	memory = mmap(NULL, memory_bytes, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		memory = NULL;
		host_say("no address range of %llu bytes",
		    (unsigned long long)memory_bytes);
	}
}

static bool
map_piece(const struct vqp_link_piece *piece)
{
	if (piece->file >= file_count ||
	    piece->bytes > memory_bytes - mapped_bytes ||
	    mmap(memory + mapped_bytes, piece->bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, files[piece->file],
	    (off_t)piece->offset) == MAP_FAILED) {
		host_say("cannot map a piece of guest memory: %s",
		    strerror(errno));
		drop();
		return false;
	}
	mapped_bytes += piece->bytes;
	return true;
}

static void
hand_over(struct host_pair *pair)
{
	struct vqp_queue *produce = &pair->config.produce;
	struct vqp_queue *consume = &pair->config.consume;

	memset(&pair->config, 0, sizeof(pair->config));
	pair->config.handle = pair->handle;
	pair->config.layout = VQP_LAYOUT_COMPAT;
	produce->header = memory;
	produce->data = memory + coming.page_bytes;
	produce->size = coming.produce_size;
	consume->header = memory + coming.page_bytes + coming.produce_bytes;
	consume->data = (uint8_t *)consume->header + coming.page_bytes;
	consume->size = coming.consume_size;
	pair->memory = memory;
	pair->memory_bytes = memory_bytes;
	pair->mapped = true;
	memory = NULL;
}

bool
host_memory_pieces(const struct vqp_link_piece *pieces, uint64_t count,
    struct host_pair *pairs, struct host_pair **whole)
{
	*whole = NULL;
	for (uint64_t i = 0; i < count && memory != NULL; i++)
		if (!map_piece(&pieces[i]))
			return false;
	pieces_left -= (uint32_t)count;
	if (memory == NULL || pieces_left != 0 || mapped_bytes != memory_bytes)
		return false;
	for (; pairs != NULL; pairs = pairs->next)
		if (pairs->handle.context == coming.handle.context &&
		    pairs->handle.resource == coming.handle.resource &&
		    !pairs->mapped) {
			hand_over(pairs);
			*whole = pairs;
			return true;
		}
	drop();
	return true;
}

void
host_memory_unmap(struct host_pair *pair)
{
	if (pair->mapped)
		munmap(pair->memory, pair->memory_bytes);
	pair->mapped = false;
}
