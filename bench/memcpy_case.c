/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* memcpy() between two halves of a piece of memory. */
#include "memcpy_limit.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "quiet.h"

/* About a millisecond's worth, and the piece a single call copies at most. */
#define SAMPLE_BYTES ((uint64_t)16 << 20)
#define PIECE_BYTES ((uint64_t)1 << 20)

#define HANG_SECONDS 5

/*
 * A hypervisor may report a last cache of hundreds of MiB, and a memory of
 * four times that takes longer to touch than a run has.  Where a cache really
 * is that large, the limit "dram" is too high.
 */
#define DRAM_BYTES_MAX ((uint64_t)512 << 20)
/* To touch it takes a second, and much more on a busy machine. */
#define OPEN_SECONDS 60

/* Go on copying where the last call stopped. */
static void
copy_on(struct memcpy_limit *limit, uint64_t bytes)
{
	uint64_t half = limit->bytes / 2;
	uint64_t piece = half < PIECE_BYTES ? half : PIECE_BYTES;

	for (uint64_t done = 0; done < bytes; done += piece) {
		uint8_t *from = limit->arena.base + limit->at;

		memcpy(from + half, from, piece);
		__asm__ __volatile__("" : : "r"(from) : "memory");
		limit->at = limit->at + 2 * piece <= half ?
		    limit->at + piece : 0;
	}
}

/* On the thread that copies, so that the pages are of its node. */
static void
open_memory(void *arg)
{
	struct memcpy_limit *limit = arg;

	arena_open(&limit->arena, limit->bytes);
}

static void
copy(void *arg)
{
	struct memcpy_limit *limit = arg;
	struct quiet quiet;
	uint64_t start;

	/* What is to lie in a cache must first get there. */
	if (limit->bytes <= SAMPLE_BYTES)
		copy_on(limit, limit->bytes / 2);
	quiet_begin(&quiet);
	start = clock_ticks();
	copy_on(limit, SAMPLE_BYTES);
	limit->ns = clock_ns(clock_ticks() - start);
	limit->quiet = quiet_end(&quiet, false);
}

static void
idle(void *arg)
{
	(void)arg;
}

double
memcpy_limit_sample(struct memcpy_limit *limit, bool *hung)
{
	*hung = limit->arena.base == NULL &&
	    !crew_run(limit->crew, open_memory, idle, limit, OPEN_SECONDS);
	if (!*hung && limit->arena.base == NULL) {
		fprintf(stderr, "%s: no memory\n", limit->name);
		return -1;
	}
	*hung = *hung ||
	    !crew_run(limit->crew, copy, idle, limit, HANG_SECONDS);
	if (*hung) {
		fprintf(stderr, "%s: hangs\n", limit->name);
		return -1;
	}
	if (limit->quiet)
		samples_add(&limit->gib_per_s, (double)SAMPLE_BYTES /
		    limit->ns * 1e9 / (1 << 30));
	return limit->ns * 1e-9;
}

static void
add(struct memcpy_limit limits[MEMCPY_LIMITS], unsigned *count,
    struct crew *crew, const char *level, uint64_t bytes)
{
	struct memcpy_limit *limit = &limits[(*count)++];

	*limit = (struct memcpy_limit){
		.level = level,
		.bytes = bytes,
		.crew = crew,
	};
	snprintf(limit->name, sizeof(limit->name), "limit/memcpy/%s", level);
}

unsigned
memcpy_limits_open(struct memcpy_limit limits[MEMCPY_LIMITS],
    struct crew *crew, const struct topo *topo)
{
	static const char *const levels[] = { "l1", "l2", "l3" };
	uint64_t largest = (uint64_t)1 << 20;
	uint64_t dram;
	unsigned count = 0;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t cache = topo_cache_bytes(topo,
		    (enum topo_cache)(TOPO_L1D + i));

		if (cache == 0)
			continue;
		/* Half of it: there is more to keep than the bytes. */
		add(limits, &count, crew, levels[i], cache / 2);
		largest = cache;
	}
	dram = 4 * largest;
	add(limits, &count, crew, "dram",
	    dram < DRAM_BYTES_MAX ? dram : DRAM_BYTES_MAX);
	return count;
}

void
memcpy_limit_close(struct memcpy_limit *limit)
{
	samples_free(&limit->gib_per_s);
	if (limit->arena.base != NULL)
		arena_close(&limit->arena);
}
