/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Both sides of a ring, or of a pair, in one program.  The bytes of a ring are
 * a heap block of exactly its size, so that AddressSanitizer guards both ends;
 * a mirrored ring has a page without access on each side.  If memory is not
 * available, the program ends.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <vqp/pair.h>

#define LOOP_HEADER_BYTES 4096

static inline void *
loop_must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

#ifdef __linux__
static inline uint64_t
loop_page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline bool
loop_can_mirror(uint64_t size)
{
	return size != 0 && size % loop_page() == 0;
}

/* Map `size` bytes twice in a row, between two pages without access. */
static inline uint8_t *
loop_mirror_open(uint64_t size)
{
	const uint64_t page = loop_page();
	const int fd = memfd_create("vqp-test", MFD_CLOEXEC);
	uint8_t *base = mmap(NULL, (size_t)(2 * size + 2 * page), PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || base == MAP_FAILED || ftruncate(fd, (off_t)size) != 0)
		abort();
	base += page;
	for (int i = 0; i < 2; i++, base += size) {
		if (mmap(base, (size_t)size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			abort();
	}
	close(fd);
	return base - 2 * size;
}

static inline void
loop_mirror_close(uint8_t *data, uint64_t size)
{
	const uint64_t page = loop_page();

	munmap(data - page, (size_t)(2 * size + 2 * page));
}
#else
static inline bool
loop_can_mirror(uint64_t size)
{
	(void)size;
	return false;
}

static inline uint8_t *
loop_mirror_open(uint64_t size)
{
	(void)size;
	abort();
}

static inline void
loop_mirror_close(uint8_t *data, uint64_t size)
{
	(void)data;
	(void)size;
}
#endif

static inline uint8_t *
loop_data_open(uint64_t size, bool mirrored)
{
	if (size == 0)
		return NULL;
	if (mirrored)
		return loop_mirror_open(size);
	return (uint8_t *)loop_must(malloc((size_t)size));
}

static inline void
loop_data_close(uint8_t *data, uint64_t size, bool mirrored)
{
	if (mirrored && size != 0)
		loop_mirror_close(data, size);
	else
		free(data);
}

/* One ring with its producer and its consumer. */
struct loop {
	struct vqp_tx tx;
	struct vqp_rx rx;
	struct vqp_ring ring;
	struct vqp_cell64 tail_cell;	/* w:tx r:rx e:E1,E3 */
	struct vqp_cell64 head_cell;	/* w:rx r:tx e:E2,E3 */
};

/* Attach both sides again, at these indices. */
static inline void
loop_start(struct loop *loop, uint64_t tail, uint64_t head)
{
	vqp_store_relaxed(&loop->tail_cell, tail);
	vqp_store_relaxed(&loop->head_cell, head);
	if (vqp_tx_attach(&loop->tx, &loop->ring) != VQP_SUCCESS ||
	    vqp_rx_attach(&loop->rx, &loop->ring) != VQP_SUCCESS)
		abort();
}

static inline void
loop_open_as(struct loop *loop, uint64_t size, bool mirrored)
{
	/*
	 * The hook backend takes the address of a cell before the first store,
	 * so give the cells a value here.
	 */
	loop->tail_cell.v_ = loop->head_cell.v_ = 0;
	loop->ring = (struct vqp_ring){
		.data = loop_data_open(size, mirrored),
		.size = size,
		.mirrored = mirrored,
		.tail_cell = &loop->tail_cell,
		.head_cell = &loop->head_cell,
	};
	loop_start(loop, 0, 0);
}

static inline void
loop_open(struct loop *loop, uint64_t size)
{
	loop_open_as(loop, size, false);
}

static inline void
loop_close(struct loop *loop)
{
	loop_data_close((uint8_t *)loop->ring.data, loop->ring.size,
	    loop->ring.mirrored);
}

/* A pair with both its sides: what a produces, b consumes. */
struct loop_pair {
	struct vqp_pair a, b;
	struct vqp_pair_config a_config, b_config;
};

static inline void
loop_queue_open(struct vqp_queue *queue, uint64_t size, bool mirrored,
    struct vqp_handle handle)
{
	queue->header = loop_must(aligned_alloc(LOOP_HEADER_BYTES,
	    LOOP_HEADER_BYTES));
	vqp_queue_header_init(queue->header, handle);
	queue->data = loop_data_open(size, mirrored);
	queue->size = size;
	queue->mirrored = mirrored;
}

static inline void
loop_queue_close(struct vqp_queue *queue)
{
	loop_data_close((uint8_t *)queue->data, queue->size, queue->mirrored);
	free(queue->header);
}

/* Attach both sides again, at the indices in the headers. */
static inline void
loop_pair_attach(struct loop_pair *pair)
{
	if (vqp_pair_attach(&pair->a, &pair->a_config) != VQP_SUCCESS ||
	    vqp_pair_attach(&pair->b, &pair->b_config) != VQP_SUCCESS)
		abort();
}

static inline void
loop_pair_open_as(struct loop_pair *pair, uint64_t a_to_b, uint64_t b_to_a,
    enum vqp_layout layout, bool mirrored)
{
	const struct vqp_handle handle = { 3, 1024 };

	pair->a_config = (struct vqp_pair_config){
		.handle = handle,
		.layout = layout,
	};
	loop_queue_open(&pair->a_config.produce, a_to_b, mirrored, handle);
	loop_queue_open(&pair->a_config.consume, b_to_a, mirrored, handle);
	pair->b_config = pair->a_config;
	pair->b_config.produce = pair->a_config.consume;
	pair->b_config.consume = pair->a_config.produce;
	loop_pair_attach(pair);
}

static inline void
loop_pair_open(struct loop_pair *pair, uint64_t size, enum vqp_layout layout)
{
	loop_pair_open_as(pair, size, size, layout, false);
}

static inline void
loop_pair_close(struct loop_pair *pair)
{
	loop_queue_close(&pair->a_config.produce);
	loop_queue_close(&pair->a_config.consume);
}

#endif
