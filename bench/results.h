/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The outcome of a run as JSON, schema_version 1: one row for every
 * combination of what was varied, the measurements in its columns, units in
 * the names.  report.py makes tables of it.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdbool.h>
#include <time.h>

#include "machine.h"
#include "suite.h"

#define RESULTS_SCHEMA_VERSION 2

/* What a run was. */
struct results_run {
	time_t started;
	double seconds;
	bool quick;
	bool interrupted;
	unsigned rounds;
	const char *commit;
	struct machine_load before;
	struct machine_load after;
};

/* Why the numbers of this build mean nothing; NULL if they mean something. */
const char *results_spoiled(void);

/* False with a message on stderr if the file cannot be written. */
bool results_write(const char *path, struct suite *suite,
    const struct results_run *run);

#endif
