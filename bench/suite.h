/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Everything that is measured on this machine: every subject in every shape it
 * offers, between every pair of processors there is.  The services of the
 * driver beside queue pairs are measured between the first pair only.
 */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "case.h"
#include "topo.h"
#include "worker_pair.h"

struct suite {
	struct topo *topo;
	struct topo_pair pairs[TOPO_RELATIONS];
	struct worker_pair workers[TOPO_RELATIONS];
	bool started[TOPO_RELATIONS];
	struct bench_tally tally[TOPO_RELATIONS];
	struct bench_cases cases;
};

/*
 * Find the pairs of processors and the cases between them whose names match
 * `filter`.  Starts no thread.  False with a message on stderr.
 */
bool suite_open(struct suite *suite, const regex_t *filter);
void suite_close(struct suite *suite);

/* Print one name a line. */
void suite_list(const struct suite *suite, FILE *file);

/* Start the threads of the pairs.  False with a message on stderr. */
bool suite_start(struct suite *suite);

/* True if all threads run at real-time priority. */
bool suite_is_real_time(const struct suite *suite);

#endif
