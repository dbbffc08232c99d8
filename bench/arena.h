/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One block of memory from which every subject takes its rings, so that all
 * subjects get the same kind of pages: the kernel is advised to make them huge,
 * and they are touched beforehand.
 */
#ifndef BENCH_ARENA_H
#define BENCH_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct arena {
	uint8_t *base;
	size_t size;
	size_t used;
};

/* Map `size` bytes and touch them, on the caller's node.  False: no memory. */
bool arena_open(struct arena *arena, size_t size);
void arena_close(struct arena *arena);

/*
 * Returns bytes of undefined content; `align` is a power of two.  NULL when the
 * arena is used up.
 */
void *arena_take(struct arena *arena, size_t bytes, size_t align);

/*
 * Take everything back, and leave out the first `skip` bytes, which are whole
 * pages.  The physical lines that a subject gets change its speed for as long
 * as it has them, so each burst gets other lines.
 */
void arena_reset(struct arena *arena, size_t skip);

#ifdef __cplusplus
}
#endif

#endif
