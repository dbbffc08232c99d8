/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How a program of models judges an exploration: a model as written must hold
 * in all runs; a model with a fault must fail, at an access that the fault
 * applies to.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdlib.h>
#include <time.h>

#include "sim.h"
#include "test.h"

/* More runs than any model here needs; they take some minutes. */
#define MODEL_RUNS_MAX 20000000

static inline void
model_explore(const struct sim_model *model, const struct sim_fault *fault,
    struct sim_report *report)
{
	const clock_t begin = clock();

	sim_explore(model, fault, MODEL_RUNS_MAX, report);
	printf("# %8llu runs, %llu redundant, %.2f s\n",
	    (unsigned long long)report->runs,
	    (unsigned long long)report->redundant,
	    (double)(clock() - begin) / CLOCKS_PER_SEC);
	if (report->failed &&
	    (fault == NULL || getenv("VQP_MODEL_SHOW") != NULL))
		sim_print();
}

static inline void
model_holds(const struct sim_model *model)
{
	struct sim_report report;

	model_explore(model, NULL, &report);
	CHECK(!report.failed);
	CHECK(report.runs != 0);
}

/* `why` is the beginning of the violation's text. */
static inline void
model_fails(const struct sim_model *model, struct sim_fault fault,
    const char *why)
{
	struct sim_report report;

	printf("# weakened: %s%s%s\n", fault.thread,
	    fault.cell != NULL ? ", " : "", fault.cell != NULL ?
	    fault.cell : "");
	model_explore(model, &fault, &report);
	CHECK(report.weakened != 0);
	CHECK(report.failed);
	if (report.failed && strncmp(report.why, why, strlen(why)) != 0)
		test_fail(__FILE__, __LINE__, report.why);
}

#endif
