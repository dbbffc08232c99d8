/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The memory from which every subject takes its rings. */
#include "arena.h"

#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)	/* x86-64, and arm64 with 4 KiB pages */

bool
arena_open(struct arena *arena, size_t size)
{
	size_t skip;
	uint8_t *map;

	size = (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	map = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return false;
	/*
	 * The mapping may begin anywhere, so keep only the part that is
	 * aligned.
	 */
	skip = -(uintptr_t)map & (HUGE_PAGE - 1);
	if (skip != 0)
		munmap(map, skip);
	munmap(map + skip + size, HUGE_PAGE - skip);
	arena->base = map + skip;
	arena->size = size;
	arena->used = 0;
	/* Without huge pages the pages are small for every subject alike. */
	madvise(arena->base, size, MADV_HUGEPAGE);
	memset(arena->base, 0, size);
	return true;
}

void
arena_close(struct arena *arena)
{
	munmap(arena->base, arena->size);
}

void *
arena_take(struct arena *arena, size_t bytes, size_t align)
{
	size_t at = (arena->used + align - 1) & ~(align - 1);

	if (at > arena->size || bytes > arena->size - at)
		return NULL;
	arena->used = at + bytes;
	return arena->base + at;
}

void
arena_reset(struct arena *arena, size_t skip)
{
	arena->used = skip < arena->size ? skip & ~(size_t)4095 : arena->size;
}
