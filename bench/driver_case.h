/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The cost of the driver's services: datagrams, doorbells, and creating queue
 * pairs.  Hub, device and driver core are in this process (user_machine.h), so
 * the time is that of our own code and of the C library's locks and threads.
 * It contains no hypervisor and no exit to one.
 */
#ifndef BENCH_DRIVER_CASE_H
#define BENCH_DRIVER_CASE_H

#include <stdbool.h>

#include "case.h"
#include "topo.h"
#include "worker_pair.h"

/*
 * Add all cases of the driver.  The first worker of the pair makes the calls;
 * the second worker opens the machine, whose threads therefore run on its
 * processor.  False with a message on stderr.
 */
bool driver_cases_add(struct bench_cases *cases, enum topo_relation relation,
    struct worker_pair *pair, struct bench_tally *tally);

#endif
