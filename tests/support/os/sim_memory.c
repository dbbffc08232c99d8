/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The memory of a simulated machine: allocations, pages and DMA memory on the
 * bus, failing requests, and checks for writes after a free.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim_private.h"

void (*sim_on_pages)(void);

void
sim_os_fail_at(struct vqp_os *os, uint64_t n, bool all)
{
	os->fail_at = n == 0 ? 0 : os->requests + n;
	os->fail_all = all;
}

void
sim_os_fail_rate(struct vqp_os *os, uint32_t per_million)
{
	os->fail_per_million = per_million;
}

uint64_t
sim_os_requests(const struct vqp_os *os)
{
	return os->requests;
}

uint64_t
sim_os_bytes_live(const struct vqp_os *os)
{
	return os->bytes_live;
}

static bool
is_short(struct vqp_os *os, const char *where)
{
	bool fails;

	os->requests++;
	fails = os->fail_at != 0 && (os->requests == os->fail_at ||
	    (os->fail_all && os->requests > os->fail_at));
	if (os->fail_per_million != 0 &&
	    rng_below(&sim.rng, 1000000) < os->fail_per_million)
		fails = true;
	if (fails)
		sim_note("%s fails for want of memory", where);
	return fails;
}

static struct memory **
bucket(struct vqp_os *os, const void *base)
{
	return &os->memory[((uintptr_t)base >> 4) % BUCKETS];
}

static struct memory *
memory_new(struct vqp_os *os, enum memory_kind kind, uint8_t *base,
    uint64_t bytes)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	struct memory **at = bucket(os, base);

	if (memory == NULL || base == NULL)
		abort();
	memory->kind = kind;
	memory->base = base;
	memory->bytes = bytes;
	memory->next = *at;
	*at = memory;
	os->bytes_live += bytes;
	return memory;
}

static void
memory_poison(struct memory *memory)
{
	memset(memory->base, POISON, (size_t)memory->bytes);
	if (memory->mapped != 0)
		mprotect(memory->base, (size_t)(memory->mapped -
		    2 * memory->guard), PROT_NONE);
#ifdef SIM_ASAN
	if (memory->mapped == 0)
		ASAN_POISON_MEMORY_REGION(memory->base,
		    (size_t)memory->bytes);
#endif
}

/* Returns the offset of the first byte that is not poison, or `bytes`. */
static uint64_t
poison_ends(const uint8_t *base, uint64_t bytes)
{
	uint64_t i = 0;

	/*
	 * Comparing the memory with itself, one byte further on, is fast and
	 * nearly always enough.
	 */
	if (bytes != 0 && base[0] == POISON &&
	    memcmp(base, base + 1, (size_t)bytes - 1) == 0)
		return bytes;
	while (i < bytes && base[i] == POISON)
		i++;
	return i;
}

void
sim_memory_release(struct memory *memory)
{
	uint64_t i;

#ifdef SIM_ASAN
	if (memory->mapped == 0)
		ASAN_UNPOISON_MEMORY_REGION(memory->base,
		    (size_t)memory->bytes);
#endif
	if (memory->mapped != 0)
		mprotect(memory->base, (size_t)memory->bytes,
		    PROT_READ | PROT_WRITE);
	i = poison_ends(memory->base, memory->bytes);
	if (i < memory->bytes)
		sim_fail("byte %llu of %llu was written after the memory was "
		    "freed", (unsigned long long)i,
		    (unsigned long long)memory->bytes);
	if (memory->mapped != 0) {
		/* Free its pages, too, because a machine may live long. */
		madvise(memory->base, (size_t)memory->bytes, MADV_REMOVE);
		munmap(memory->base - memory->guard,
		    (size_t)memory->mapped);
	} else {
		free(memory->base);
	}
	free(memory->page_numbers);
	free(memory);
}

/*
 * Remove memory from the machine, but keep it for a while to detect writes to
 * it.
 */
static void
memory_retire(struct vqp_os *os, const void *base, enum memory_kind kind,
    uint64_t bytes, const char *where)
{
	struct memory **link = bucket(os, base);
	struct memory *memory;

	while (*link != NULL && (*link)->base != base)
		link = &(*link)->next;
	memory = *link;
	if (memory == NULL)
		sim_fail("%s() of what is not allocated", where);
	if (memory->kind != kind || memory->bytes != bytes)
		sim_fail("%s() of %llu bytes as %llu", where,
		    (unsigned long long)memory->bytes,
		    (unsigned long long)bytes);
	*link = memory->next;
	os->bytes_live -= bytes;
	memory_poison(memory);
	memory->next = NULL;
	*sim.freed_last = memory;
	sim.freed_last = &memory->next;
	sim.freed_bytes += bytes;
	while (sim.freed_bytes > QUARANTINE_BYTES_MAX &&
	    sim.freed_first != memory) {
		struct memory *old = sim.freed_first;

		sim.freed_first = old->next;
		sim.freed_bytes -= old->bytes;
		sim_memory_release(old);
	}
}

void *
vqp_os_alloc(struct vqp_os *os, uint64_t bytes)
{
	void *memory;

	sim_machine_check(os, "alloc");
	sim_may_sleep("alloc");
	sim_point("alloc", bytes);
	if (bytes == 0)
		sim_fail("alloc() of no bytes");
	if (bytes > UINT64_C(1) << 30 || is_short(os, "alloc"))
		return NULL;
	if (posix_memalign(&memory, VQP_OS_ALIGNMENT, (size_t)bytes) != 0)
		return NULL;
	memset(memory, 0, (size_t)bytes);
	memory_new(os, MEMORY_ALLOC, memory, bytes);
	return memory;
}

void
vqp_os_free(struct vqp_os *os, void *memory, uint64_t bytes)
{
	sim_machine_check(os, "free");
	sim_may_sleep("free");
	sim_point("free", bytes);
	if (memory != NULL)
		memory_retire(os, memory, MEMORY_ALLOC, bytes, "free");
}

uint32_t
vqp_os_page_shift(struct vqp_os *os)
{
	sim_machine_check(os, "page_shift");
	return (uint32_t)__builtin_ctzll(os->page_bytes);
}

static void
bus_add(struct vqp_os *os, struct memory *memory, uint64_t i)
{
	struct bus_page *page = calloc(1, sizeof(*page));
	struct bus_page **at =
	    &os->bus[memory->page_numbers[i] % BUCKETS];

	if (page == NULL)
		abort();
	page->number = memory->page_numbers[i];
	page->at = memory->base + i * os->page_bytes;
	page->memory = memory;
	page->next = *at;
	*at = page;
}

static void
bus_remove(struct vqp_os *os, struct memory *memory, uint64_t count)
{
	if (memory->forgotten)
		return;
	memory->forgotten = true;
	for (uint64_t i = 0; i < count; i++) {
		struct bus_page **link =
		    &os->bus[memory->page_numbers[i] % BUCKETS];
		struct bus_page *page;

		while ((*link)->number != memory->page_numbers[i])
			link = &(*link)->next;
		page = *link;
		*link = page->next;
		free(page);
	}
}

/*
 * Take `bytes` of the machine's memory, between two pages without access.  If
 * mirrored, everything but the first page is mapped once more after the last
 * page.
 */
static struct memory *
ram_new(struct vqp_os *os, enum memory_kind kind, uint64_t bytes,
    bool mirrored)
{
	const uint64_t again = mirrored ? bytes - os->page_bytes : 0;
	const uint64_t mapped = bytes + again + 2 * os->page_bytes;
	uint8_t *base = mmap(NULL, (size_t)mapped, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct memory *memory;

	if (base == MAP_FAILED)
		abort();
	base += os->page_bytes;
	if (mmap(base, (size_t)bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, os->ram, (off_t)os->ram_next) ==
	    MAP_FAILED || (mirrored && mmap(base + bytes, (size_t)again,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, os->ram,
	    (off_t)(os->ram_next + os->page_bytes)) == MAP_FAILED))
		abort();
	memory = memory_new(os, kind, base, bytes);
	memory->mapped = mapped;
	memory->guard = os->page_bytes;
	memory->offset = os->ram_next;
	memory->page_numbers = calloc((size_t)(bytes / os->page_bytes),
	    sizeof(uint64_t));
	if (memory->page_numbers == NULL)
		abort();
	os->ram_next += bytes;
	return memory;
}

static const struct bus_page *
bus_find(const struct vqp_os *os, uint64_t address)
{
	const struct bus_page *page =
	    os->bus[(address / os->page_bytes) % BUCKETS];

	while (page != NULL && page->number != address / os->page_bytes)
		page = page->next;
	return page;
}

void *
sim_os_bus(struct vqp_os *os, uint64_t address, uint64_t bytes)
{
	const struct bus_page *page = bus_find(os, address);
	uint64_t offset;

	if (page == NULL)
		return NULL;
	offset = address % os->page_bytes;
	if (page->memory->kind == MEMORY_DMA) {
		offset += (uint64_t)(page->at - page->memory->base);
		return bytes <= page->memory->bytes - offset ?
		    page->memory->base + offset : NULL;
	}
	return bytes <= os->page_bytes - offset ? page->at + offset : NULL;
}

void *
sim_os_map(struct vqp_os *os, const uint64_t *addresses, uint32_t count)
{
	uint8_t *base;

	for (uint32_t i = 0; i < count; i++) {
		if (addresses[i] % os->page_bytes != 0 ||
		    bus_find(os, addresses[i]) == NULL)
			return NULL;
	}
	base = mmap(NULL, (size_t)((count + 2) * os->page_bytes), PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	base += os->page_bytes;
	for (uint32_t i = 0, run; i < count; i += run) {
		const struct bus_page *page = bus_find(os, addresses[i]);
		const uint64_t offset = page->memory->offset +
		    (uint64_t)(page->at - page->memory->base);

		for (run = 1; i + run < count; run++) {
			const struct bus_page *next =
			    bus_find(os, addresses[i + run]);

			if (next->memory != page->memory ||
			    next->at != page->at + run * os->page_bytes)
				break;
		}
		if (mmap(base + i * os->page_bytes,
		    (size_t)(run * os->page_bytes), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, os->ram, (off_t)offset) ==
		    MAP_FAILED)
			abort();
	}
	os->maps_alive++;
	return base;
}

void
sim_os_unmap(struct vqp_os *os, void *memory, uint32_t count)
{
	if (os->maps_alive-- == 0)
		sim_fail("unmap of what is not mapped");
	munmap((uint8_t *)memory - os->page_bytes,
	    (size_t)((count + 2) * os->page_bytes));
}

bool
vqp_os_pages_alloc(struct vqp_os *os, uint32_t page_count, bool mirror,
    struct vqp_os_pages *pages)
{
	const uint64_t bytes = page_count * os->page_bytes;
	struct memory *memory;
	bool mirrored;

	sim_machine_check(os, "pages_alloc");
	sim_may_sleep("pages_alloc");
	sim_point("pages_alloc", page_count);
	if (page_count == 0)
		sim_fail("pages_alloc() of no pages");
	if (is_short(os, "pages_alloc"))
		return false;
	mirrored = mirror && page_count > 1 &&
	    rng_below(&sim.rng, 100) < os->options.mirror_percent;
	memory = ram_new(os, MEMORY_PAGES, bytes, mirrored);
	for (uint32_t i = 0; i < page_count; i++) {
		/* Page numbers are never neighbours and not in order. */
		memory->page_numbers[i] = os->page_next +
		    2 * (i ^ (i + 1 < page_count || (i & 1) != 0 ? 1 : 0));
		bus_add(os, memory, i);
	}
	os->page_next += 2 * (uint64_t)page_count + 3;
	*pages = (struct vqp_os_pages){
		.base = memory->base,
		.page_numbers = memory->page_numbers,
		.page_count = page_count,
		.mirrored = mirrored,
		.shell = memory,
	};
	if (sim_on_pages != NULL)
		sim_on_pages();
	return true;
}

void
vqp_os_pages_free(struct vqp_os *os, struct vqp_os_pages *pages)
{
	struct memory *memory = pages->shell;

	sim_machine_check(os, "pages_free");
	sim_may_sleep("pages_free");
	sim_point("pages_free", pages->page_count);
	if (memory == NULL || memory->base != pages->base ||
	    memory->page_numbers != pages->page_numbers)
		sim_fail("pages_free() of other pages than were allocated");
	bus_remove(os, memory, pages->page_count);
	memory_retire(os, pages->base, MEMORY_PAGES,
	    pages->page_count * os->page_bytes, "pages_free");
}

void
sim_os_forget(struct vqp_os *os)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct memory *memory = os->memory[i]; memory != NULL;
		    memory = memory->next) {
			if (memory->kind == MEMORY_DMA)
				sim_fail("DMA memory outlives its device");
			if (memory->kind == MEMORY_PAGES)
				bus_remove(os, memory,
				    memory->bytes / os->page_bytes);
		}
	}
}

bool
vqp_os_dma_alloc(struct vqp_os *os, uint64_t bytes, struct vqp_os_dma *dma)
{
	const uint64_t count = (bytes + os->page_bytes - 1) / os->page_bytes;
	struct memory *memory;

	sim_machine_check(os, "dma_alloc");
	sim_may_sleep("dma_alloc");
	sim_point("dma_alloc", bytes);
	if (is_short(os, "dma_alloc"))
		return false;
	memory = ram_new(os, MEMORY_DMA, count * os->page_bytes, false);
	for (uint64_t i = 0; i < count; i++) {
		memory->page_numbers[i] = os->page_next + i;
		bus_add(os, memory, i);
	}
	*dma = (struct vqp_os_dma){
		.base = memory->base,
		.address = os->page_next * os->page_bytes,
		.bytes = bytes,
		.shell = memory,
	};
	os->page_next += count + 3;
	return true;
}

void
vqp_os_dma_free(struct vqp_os *os, struct vqp_os_dma *dma)
{
	struct memory *memory = dma->shell;

	sim_machine_check(os, "dma_free");
	sim_may_sleep("dma_free");
	sim_point("dma_free", dma->bytes);
	if (memory == NULL || memory->base != dma->base)
		sim_fail("dma_free() of what was not allocated");
	bus_remove(os, memory, memory->bytes / os->page_bytes);
	memory_retire(os, dma->base, MEMORY_DMA, memory->bytes, "dma_free");
}
