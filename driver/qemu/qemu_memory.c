/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory for driver/device: copies as the device's bus master, and views
 * in which scattered pages are contiguous.  Such a view needs memory that lies
 * in a file, as memory-backend-memfd,share=on gives; a program on the host maps
 * the same file (data path MESSAGE of docs/architecture.md).
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "exec/memory.h"
#include "exec/ramblock.h"

#include <sys/mman.h>

#include "qemu_vmci.h"

/*
 * The region and offset of an address.  *bytes becomes how many bytes from
 * there on, at most as many as it was, are ordinary memory that the guest may
 * write.  NULL if none are.
 */
static MemoryRegion *
translate(VmciState *s, uint64_t address, hwaddr *offset, hwaddr *bytes)
{
	AddressSpace *space = pci_get_address_space(PCI_DEVICE(s));
	MemoryRegion *region = address_space_translate(space, address, offset,
	    bytes, true, MEMTXATTRS_UNSPECIFIED);

	if (*bytes == 0 || !memory_access_is_direct(region, true))
		return NULL;
	return region;
}

/* True if all of it is ordinary memory: a register must not be read. */
static bool
is_memory(VmciState *s, uint64_t address, uint64_t bytes)
{
	while (bytes > 0) {
		hwaddr offset, n = bytes;

		if (translate(s, address, &offset, &n) == NULL)
			return false;
		address += n;
		bytes -= n;
	}
	return true;
}

bool
vmci_memory_read(void *opaque, uint64_t address, void *to, uint64_t bytes)
{
	VmciState *s = opaque;

	RCU_READ_LOCK_GUARD();
	return is_memory(s, address, bytes) &&
	    address_space_read(pci_get_address_space(PCI_DEVICE(s)), address,
	    MEMTXATTRS_UNSPECIFIED, to, bytes) == MEMTX_OK;
}

bool
vmci_memory_write(void *opaque, uint64_t address, const void *from,
    uint64_t bytes)
{
	VmciState *s = opaque;
	AddressSpace *space = pci_get_address_space(PCI_DEVICE(s));
	g_autofree uint8_t *changed = NULL;
	MemTxResult result;

	RCU_READ_LOCK_GUARD();
	if (!is_memory(s, address, bytes))
		return false;
	if (s->corrupt.fault.every != 0 || s->late_busy_us != 0) {
		changed = g_memdup2(from, bytes);
		if (vmci_fault_dma(s, address, changed, bytes))
			return true;
		from = changed;
	}
	/* Earlier writes are visible before this one; words are whole. */
	smp_wmb();
	if (bytes == 4 && address % 4 == 0)
		address_space_stl_le(space, address, ldl_le_p(from),
		    MEMTXATTRS_UNSPECIFIED, &result);
	else if (bytes == 8 && address % 8 == 0)
		address_space_stq_le(space, address, ldq_le_p(from),
		    MEMTXATTRS_UNSPECIFIED, &result);
	else
		result = address_space_write(space, address,
		    MEMTXATTRS_UNSPECIFIED, from, bytes);
	return result == MEMTX_OK;
}

/* Where the pages are: runs of them, in files or in QEMU's own mapping. */
typedef struct Runs {
	GArray *pieces;		/* of VmciPiece, used if all are in files */
	uint8_t *start;		/* if QEMU's mapping is contiguous */
	MemoryRegion *region;
	const char *unshared;	/* why not all are in files that can be mapped */
} Runs;

int
vmci_piece_fd(const VmciPiece *piece)
{
	return memory_region_get_fd(piece->region);
}

/* Why pages of this region cannot be mapped one by one; NULL: they can. */
static const char *
why_unshared(const MemoryRegion *region, uint64_t page_bytes)
{
	RAMBlock *block = region->ram_block;

	if (memory_region_get_fd((MemoryRegion *)region) < 0 ||
	    !qemu_ram_is_shared(block))
		return "the guest's memory is not in a shared file; start with "
		    "-object memory-backend-memfd,id=ram,size=...,share=on "
		    "-machine memory-backend=ram";
	if (page_bytes % qemu_ram_pagesize(block) != 0)
		return "the guest's memory has huge pages, which cannot be "
		    "mapped in parts; start without hugetlb=on or hugetlbfs, "
		    "transparent huge pages do";
	return NULL;
}

static bool
add_page(VmciState *s, Runs *runs, uint64_t at, uint64_t address,
    uint64_t page_bytes)
{
	hwaddr offset, n = page_bytes;
	MemoryRegion *region = translate(s, address, &offset, &n);
	VmciPiece piece, *last;
	uint8_t *view;

	if (region == NULL || n < page_bytes)
		return false;
	view = (uint8_t *)memory_region_get_ram_ptr(region) + offset;
	if (at == 0) {
		runs->region = region;
		runs->start = view;
	} else if (runs->region != region || runs->start == NULL ||
	    view != runs->start + at) {
		runs->start = NULL;
	}
	piece.region = region;
	piece.offset = offset;
	piece.bytes = page_bytes;
	if (runs->unshared == NULL)
		runs->unshared = why_unshared(region, page_bytes);
	if (runs->unshared != NULL)
		return runs->start != NULL;
	last = runs->pieces->len == 0 ? NULL : &g_array_index(runs->pieces,
	    VmciPiece, runs->pieces->len - 1);
	if (last != NULL && last->region == region &&
	    last->offset + last->bytes == offset)
		last->bytes += page_bytes;
	else
		g_array_append_val(runs->pieces, piece);
	return true;
}

/* Each piece is a mapping of QEMU, which may have 65 530 and then ends. */
#define PIECES_MAX	32768

static uint8_t *
map_pieces(const Runs *runs, uint64_t bytes)
{
	uint8_t *memory = mmap(NULL, bytes, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at = memory;

	if (memory == MAP_FAILED)
		return NULL;
	for (guint i = 0; i < runs->pieces->len; i++) {
		const VmciPiece *piece = &g_array_index(runs->pieces,
		    VmciPiece, i);

		if (mmap(at, piece->bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, vmci_piece_fd(piece),
		    (off_t)piece->offset) == MAP_FAILED) {
			munmap(memory, bytes);
			return NULL;
		}
		at += piece->bytes;
	}
	return memory;
}

static void *
map_runs(VmciState *s, Runs *runs, uint64_t bytes)
{
	VmciMapping *mapping = g_new0(VmciMapping, 1);

	mapping->bytes = bytes;
	if (runs->start != NULL) {
		mapping->memory = runs->start;
		mapping->region = runs->region;
		memory_region_ref(mapping->region);
	} else {
		mapping->memory = runs->pieces->len > PIECES_MAX -
		    s->piece_count ? NULL : map_pieces(runs, bytes);
		mapping->ours = true;
	}
	if (mapping->memory == NULL) {
		g_free(mapping);
		return NULL;
	}
	s->piece_count += mapping->ours ? runs->pieces->len : 0;
	mapping->unshared = runs->unshared;
	if (runs->unshared == NULL) {
		mapping->piece_count = runs->pieces->len;
		mapping->pieces = g_memdup2(runs->pieces->data,
		    runs->pieces->len * sizeof(VmciPiece));
	}
	for (uint32_t i = 0; i < mapping->piece_count; i++)
		memory_region_ref(mapping->pieces[i].region);
	QLIST_INSERT_HEAD(&s->mappings, mapping, next);
	return mapping->memory;
}

void *
vmci_memory_map(void *opaque, const uint64_t *addresses, uint32_t count,
    uint64_t page_bytes)
{
	VmciState *s = opaque;
	Runs runs = { 0 };
	bool good = true;
	void *memory = NULL;

	RCU_READ_LOCK_GUARD();
	runs.pieces = g_array_new(false, false, sizeof(VmciPiece));
	for (uint32_t i = 0; good && i < count; i++)
		good = add_page(s, &runs, i * page_bytes, addresses[i],
		    page_bytes);
	if (good)
		memory = map_runs(s, &runs, count * page_bytes);
	else if (runs.unshared != NULL)
		vmci_say(s, SAY_MEMORY, "a queue pair of scattered pages "
		    "is refused: %s", runs.unshared);
	g_array_free(runs.pieces, true);
	return memory;
}

void
vmci_memory_unmap(void *opaque, void *memory, uint32_t count,
    uint64_t page_bytes)
{
	VmciState *s = opaque;
	VmciMapping *mapping;

	QLIST_FOREACH(mapping, &s->mappings, next)
		if (mapping->memory == memory &&
		    mapping->bytes == count * page_bytes)
			break;
	g_assert(mapping != NULL);
	QLIST_REMOVE(mapping, next);
	if (mapping->ours) {
		munmap(mapping->memory, mapping->bytes);
		s->piece_count -= mapping->piece_count;
	} else {
		memory_region_unref(mapping->region);
	}
	for (uint32_t i = 0; i < mapping->piece_count; i++)
		memory_region_unref(mapping->pieces[i].region);
	g_free(mapping->pieces);
	g_free(mapping);
}

const VmciMapping *
vmci_memory_find(VmciState *s, const void *memory, uint64_t bytes)
{
	VmciMapping *mapping, *found = NULL;

	/* A guest may name a page twice, so the address is not enough. */
	QLIST_FOREACH(mapping, &s->mappings, next)
		if (mapping->memory == memory && mapping->bytes >= bytes &&
		    (found == NULL || mapping->bytes < found->bytes))
			found = mapping;
	return found;
}
