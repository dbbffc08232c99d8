/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One piece of memory from which every subject takes its rings, so that all
 * of them get the same pages: advised to be huge, and touched beforehand.
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
 * Bytes of any content; `align` a power of two.  NULL when the arena is used
 * up.
 */
void *arena_take(struct arena *arena, size_t bytes, size_t align);

/*
 * Forget all that was taken, and leave out the first bytes, whole pages.
 * Which physical lines a subject gets makes a difference that lasts as long
 * as it has them: let them be others every time.
 */
void arena_reset(struct arena *arena, size_t skip);

#ifdef __cplusplus
}
#endif

#endif
