/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the driver's services cost: datagrams, doorbells, the making of queue
 * pairs.  Hub, device and driver core are in this process (user_machine.h), so
 * this is the time of our own code and of the C library's locks and threads;
 * no hypervisor, and no exit to one.
 */
#ifndef BENCH_DRIVER_CASE_H
#define BENCH_DRIVER_CASE_H

#include <stdbool.h>

#include "case.h"
#include "topo.h"
#include "worker_pair.h"

/*
 * Add them all.  The first worker of the pair calls; the second one opens the
 * machine, whose threads so run where it does.  False with a message on stderr.
 */
bool driver_cases_add(struct bench_cases *cases, enum topo_relation relation,
    struct worker_pair *pair, struct bench_tally *tally);

#endif
