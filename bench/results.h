/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Writes the outcome of a run as JSON, schema_version 1.  There is one row for
 * every combination of what was varied; the measurements are its columns, with
 * units in their names.  report.py makes tables from it.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdbool.h>
#include <time.h>

#include "machine.h"
#include "suite.h"

#define RESULTS_SCHEMA_VERSION 2

/* The facts of a run. */
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

/*
 * Returns why the numbers of this build mean nothing, or NULL if they are
 * valid.
 */
const char *results_spoiled(void);

/* False with a message on stderr if the file cannot be written. */
bool results_write(const char *path, struct suite *suite,
    const struct results_run *run);

#endif
