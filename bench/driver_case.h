/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the driver's services cost: datagrams, doorbells, the making of queue
 * pairs.  Hub, device and driver core are in this process (user_machine.h), so
 * this is the time of our own code and of the C library's locks and threads;
 * no hypervisor, and no exit to one.
 */
#ifndef BENCH_DRIVER_CELL_H
#define BENCH_DRIVER_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "cell.h"
#include "crew.h"
#include "histogram.h"
#include "samples.h"

/* As many as a guest's queue holds of 4096 bytes. */
#define DRIVER_BATCH 32

enum driver_operation {
	DRIVER_SEND,		/* a guest's datagram, to the program's function */
	DRIVER_DISPATCH,	/* a program's, to the guest's callback */
	DRIVER_DISPATCH_BATCH,	/* DRIVER_BATCH together, to the last one */
	DRIVER_ROUND_TRIP,	/* a program's, and the callback's back to it */
	DRIVER_RING_PROGRAM,	/* a guest rings, to the program's function */
	DRIVER_RING_GUEST,	/* a program rings, to the guest's callback */
	DRIVER_LOOKUP,		/* of a source among endpoints, in vain */
	DRIVER_PAIR,		/* make a queue pair, and let go of it */
	DRIVER_ATTACH		/* attach the second end of a local one */
};

enum driver_transport {
	DRIVER_PORT,		/* registers and string instructions */
	DRIVER_DMA,
	DRIVER_LOCAL		/* the device is not asked */
};

struct driver_cell {
	char name[48];
	enum driver_operation operation;
	enum driver_transport transport;
	uint64_t bytes;		/* of payload, or of a pair each way */
	uint64_t endpoints;	/* that there are; of DRIVER_LOOKUP, else 0 */
	enum topo_relation relation;
	struct crew *crew;
	struct cell_tally *tally;

	uint64_t calls;		/* that the next burst makes */
	uint64_t calls_total;	/* of the bursts that count */
	struct samples ns;	/* of a call: the bursts' means, or medians */
	struct histogram *latencies;	/* in ticks, if each call is timed */
	uint64_t errors;
};

#define DRIVER_CELLS 32

/* Returns how many of DRIVER_CELLS there are. */
unsigned driver_cells_open(struct driver_cell cells[DRIVER_CELLS],
    enum topo_relation relation, struct crew *crew, struct cell_tally *tally);
void driver_cell_close(struct driver_cell *cell);

/* "send" and so on; "port", "dma" or "local". */
const char *driver_operation_name(enum driver_operation operation);
const char *driver_transport_name(enum driver_transport transport);

/* Is each call timed, and has the cell percentiles? */
bool driver_cell_times_each(const struct driver_cell *cell);

/*
 * A new machine, a burst on it, and one sample unless it was disturbed.  The
 * crew's first thread calls; the second one opens the machine, whose threads so
 * run where it does.  Returns the seconds measured, or less than 0, with a
 * message on stderr; `*hung` is set when the crew is lost.
 */
double driver_cell_sample(struct driver_cell *cell, bool *hung);

#endif
