/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The cases of a bare copy: memcpy() between the two halves of one block of
 * memory.
 */
#include "memcpy_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "quiet.h"

/* About a millisecond of copying; also the most that one call copies. */
#define SAMPLE_BYTES ((uint64_t)16 << 20)
#define PIECE_BYTES ((uint64_t)1 << 20)

#define HANG_SECONDS 5

/*
 * A hypervisor may report a last-level cache of hundreds of MiB.  Touching four
 * times that much would take longer than a run.  Where a cache really is that
 * large, the limit "dram" is too high.
 */
#define DRAM_BYTES_MAX ((uint64_t)512 << 20)
/* Touching the memory takes a second, and much longer on a busy machine. */
#define OPEN_SECONDS 60

/* Continue the copy where the last call stopped. */
static void
copy_on(struct memcpy_case *self, uint64_t bytes)
{
	uint64_t half = self->bytes / 2;
	uint64_t piece = half < PIECE_BYTES ? half : PIECE_BYTES;

	for (uint64_t done = 0; done < bytes; done += piece) {
		uint8_t *from = self->arena.base + self->at;

		memcpy(from + half, from, piece);
		__asm__ __volatile__("" : : "r"(from) : "memory");
		self->at = self->at + 2 * piece <= half ?
		    self->at + piece : 0;
	}
}

/* Runs on the thread that copies, so that the pages come from its node. */
static void
open_memory(void *arg)
{
	struct memcpy_case *self = arg;

	arena_open(&self->arena, self->bytes);
}

static void
copy(void *arg)
{
	struct memcpy_case *self = arg;
	struct quiet quiet;
	uint64_t start;

	/*
	 * Copy once before the clock starts, so that the bytes are in their
	 * cache.
	 */
	if (self->bytes <= SAMPLE_BYTES)
		copy_on(self, self->bytes / 2);
	quiet_begin(&quiet);
	start = clock_ticks();
	copy_on(self, SAMPLE_BYTES);
	self->ns = clock_ns(clock_ticks() - start);
	self->quiet = quiet_end(&quiet, false);
}

static bool
memcpy_case_open(struct bench_case *base, bool *hung)
{
	struct memcpy_case *self = (struct memcpy_case *)base;

	*hung = !worker_pair_run(self->pair, open_memory, worker_idle, self,
	    OPEN_SECONDS);
	if (*hung)
		(void)bench_case_fail(base, "hangs");
	else if (self->arena.base == NULL)
		(void)bench_case_fail(base, "no memory");
	return self->base.errors == 0;
}

static double
memcpy_case_sample(struct bench_case *base, bool *hung)
{
	struct memcpy_case *self = (struct memcpy_case *)base;

	*hung = !worker_pair_run(self->pair, copy, worker_idle, self,
	    HANG_SECONDS);
	if (*hung)
		return bench_case_fail(base, "hangs");
	if (self->quiet)
		samples_add(&self->gib_per_s, (double)SAMPLE_BYTES /
		    self->ns * 1e9 / (1 << 30));
	return self->ns * 1e-9;
}

static void
memcpy_case_write(struct bench_case *base, struct json *json)
{
	struct memcpy_case *self = (struct memcpy_case *)base;

	if (self->gib_per_s.count == 0)
		return;
	json_object(json, NULL);
	json_string(json, "level", self->level);
	json_integer(json, "bytes", self->bytes);
	json_integer(json, "samples", self->gib_per_s.count);
	json_number(json, "gib_per_s_median",
	    samples_median(&self->gib_per_s));
	json_object_end(json);
}

static void
memcpy_case_close(struct bench_case *base)
{
	struct memcpy_case *self = (struct memcpy_case *)base;

	samples_free(&self->gib_per_s);
	if (self->arena.base != NULL)
		arena_close(&self->arena);
	free(self);
}

static bool
add(struct bench_cases *cases, struct worker_pair *pair, const char *level,
    uint64_t bytes)
{
	struct memcpy_case *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return bench_cases_add(cases, NULL);
	self->base.table = BENCH_MEMCPY;
	self->base.open = memcpy_case_open;
	self->base.sample = memcpy_case_sample;
	self->base.write = memcpy_case_write;
	self->base.close = memcpy_case_close;
	self->level = level;
	self->bytes = bytes;
	self->pair = pair;
	snprintf(self->base.name, sizeof(self->base.name), "limit/memcpy/%s",
	    level);
	return bench_cases_add(cases, &self->base);
}

bool
memcpy_cases_add(struct bench_cases *cases, struct worker_pair *pair,
    const struct topo *topo)
{
	static const char *const levels[] = { "l1", "l2", "l3" };
	uint64_t largest = (uint64_t)1 << 20;
	uint64_t dram;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t cache = topo_cache_bytes(topo,
		    (enum topo_cache)(TOPO_L1D + i));

		if (cache == 0)
			continue;
		/* Use half of the cache: it holds more than these bytes. */
		if (!add(cases, pair, levels[i], cache / 2))
			return false;
		largest = cache;
	}
	dram = 4 * largest;
	return add(cases, pair, "dram",
	    dram < DRAM_BYTES_MAX ? dram : DRAM_BYTES_MAX);
}
