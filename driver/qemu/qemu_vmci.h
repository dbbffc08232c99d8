/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the QEMU shell share.  All of it runs under QEMU's big
 * lock, which gives driver/device the one thread at a time that it needs.
 */
#ifndef QEMU_VMCI_H
#define QEMU_VMCI_H

#include "chardev/char-fe.h"
#include "exec/ramlist.h"
#include "hw/pci/pci.h"
#include "qemu/timer.h"

#include <vqp_device.h>

#define TYPE_VMCI "vmci"
OBJECT_DECLARE_SIMPLE_TYPE(VmciState, VMCI)

/* How often a fault is injected: every n-th time; 0 for never. */
typedef struct VmciFault {
	uint32_t every;
	uint32_t count;
} VmciFault;

/* The position in the stream of DATA_IN, to find its headers. */
typedef struct VmciCorrupt {
	VmciFault fault;
	uint32_t header_at;
	uint64_t payload_left;
	uint64_t size;
	bool filler;
} VmciCorrupt;

typedef struct VmciTrace {
	bool on;
	uint32_t out_bytes;	/* of a run of DATA_OUT not yet logged */
	uint32_t in_bytes;
	uint8_t out_head[24];
	uint8_t in_head[24];
} VmciTrace;

/* Log lines that a guest or a program can cause, beside refusals. */
enum {
	SAY_CUT_OFF = VQP_DEVICE_COUNTS,
	SAY_ACCEPT,
	SAY_CHARDEV,
	SAY_MEMORY,
	SAY_KINDS
};

/* Lines of one kind: ten in an hour are written, the others counted. */
typedef struct VmciSaid {
	int64_t hour_end;	/* ms */
	uint32_t lines;		/* in this hour */
	uint32_t wait_s;	/* before those left out are logged */
	uint64_t left_out;
	int64_t tell_at;	/* if some are */
} VmciSaid;

typedef struct VmciMapping VmciMapping;
typedef struct VmciLink VmciLink;
typedef struct VmciLinkCalls VmciLinkCalls;
typedef struct VmciProgram VmciProgram;

struct VmciState {
	PCIDevice parent_obj;

	MemoryRegion bar_port;
	MemoryRegion bar_memory;
	MemoryRegion registers;
	struct vqp_hub *hub;
	struct vqp_device *device;
	bool exclusive;		/* the guest uses a vector for each cause */
	bool gone;		/* removed, as the guest sees it */

	/* Properties. */
	uint32_t cid;
	uint32_t caps;
	uint32_t vectors;
	bool mmio;
	bool msix;
	bool msi;
	bool intx;
	bool ppn64;
	bool log;
	char *socket;
	CharBackend chardev;
	uint32_t release_ms;

	VmciTrace trace;
	VmciFault drop_irq;
	VmciFault double_irq;
	VmciFault short_result;
	bool result_fresh;	/* not read since the last datagram */
	bool result_short;
	VmciCorrupt corrupt;
	uint32_t late_busy_us;
	bool deaf_port, no_port;
	QEMUTimer *late_timer;
	uint64_t late_address;
	uint64_t send_address;

	VmciSaid said[SAY_KINDS];
	QEMUTimer *said_timer;
	RAMBlockNotifier ram_notifier;
	QLIST_HEAD(, VmciMapping) mappings;
	uint32_t piece_count;	/* of those that this device mapped */
	VmciLink *link;
};

/* ---- qemu_memory.c */

/*
 * A run of pages of a mapping, in a file that others can map.  The piece holds
 * the region: without it the descriptor could be reused for another file.
 */
typedef struct VmciPiece {
	MemoryRegion *region;
	uint64_t offset;
	uint64_t bytes;
} VmciPiece;

struct VmciMapping {
	QLIST_ENTRY(VmciMapping) next;
	uint8_t *memory;
	uint64_t bytes;
	bool ours;		/* mapped by us; else it is QEMU's own */
	MemoryRegion *region;	/* if it is */
	uint32_t piece_count;
	VmciPiece *pieces;
	const char *unshared;	/* why there are none; else NULL */
};

bool vmci_memory_read(void *opaque, uint64_t address, void *to,
    uint64_t bytes);
bool vmci_memory_write(void *opaque, uint64_t address, const void *from,
    uint64_t bytes);
void *vmci_memory_map(void *opaque, const uint64_t *addresses, uint32_t count,
    uint64_t page_bytes);
void vmci_memory_unmap(void *opaque, void *memory, uint32_t count,
    uint64_t page_bytes);
/* The smallest mapping that begins there and has that many bytes, or NULL. */
const VmciMapping *vmci_memory_find(VmciState *s, const void *memory,
    uint64_t bytes);

/* The descriptor of a piece; it stays the region's. */
int vmci_piece_fd(const VmciPiece *piece);

/* ---- qemu_say.c */

/* Write a line of that kind, or count it if there were too many. */
void vmci_say(VmciState *s, unsigned kind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void vmci_say_init(VmciState *s);
void vmci_say_exit(VmciState *s);

/* ---- qemu_trace.c */

void vmci_trace_read(VmciState *s, hwaddr offset, unsigned width,
    uint64_t value);
void vmci_trace_write(VmciState *s, hwaddr offset, unsigned width,
    uint64_t value);
void vmci_trace_line(VmciState *s, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* ---- qemu_fault.c */

/* True if this fault is due now. */
bool vmci_fault(VmciFault *fault);
uint64_t vmci_fault_read(VmciState *s, hwaddr offset, unsigned width,
    uint64_t value);
void vmci_fault_write(VmciState *s, hwaddr offset, unsigned width,
    uint64_t value);
/* A write to the guest by DMA: true when it is held back. */
bool vmci_fault_dma(VmciState *s, uint64_t address, void *bytes,
    uint64_t length);
void vmci_fault_init(VmciState *s);
void vmci_fault_reset(VmciState *s);
void vmci_fault_exit(VmciState *s);

/* ---- qemu_link.c */

bool vmci_link_start(VmciState *s, const VmciLinkCalls *calls, Error **errp);
void vmci_link_stop(VmciState *s);

/* ---- qemu_program.c */

extern const VmciLinkCalls vmci_program_calls;

#endif
