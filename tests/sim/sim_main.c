/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 *	sim_main [--seed N] [--seeds COUNT] [--jobs J] [--twice] [--trace]
 *
 * Runs the worlds of the seeds from N on.  A world that fails prints how to
 * repeat it.  --twice runs each world once more and compares what happened.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_world.h"

static const char *const fault_name[FAULT_KINDS] = {
	"none", "context-id", "spurious", "halt", "suspend", "unplug",
	"reset", "pull", "stuck"
};
static struct world_plan plan;
static const char *program_name;

static void
how_again(void)
{
	world_plan_print(&plan);
	printf("# again: %s --seed %llu --trace\n", program_name,
	    (unsigned long long)plan.seed);
}

/* Faults that the core stops on by itself, and accesses to missing memory. */
static void
fatal(int number)
{
	signal(number, SIG_DFL);
	printf("# sim: signal %d\n", number);
	how_again();
	fflush(stdout);
	raise(number);
}

static uint64_t
number(const char *text)
{
	char *end;
	const uint64_t value = strtoull(text, &end, 0);

	if (*text == '\0' || *end != '\0') {
		printf("Bail out!  no number: %s\n", text);
		exit(2);
	}
	return value;
}

static void
print_tally(void)
{
	const struct world_tally *all = &world_tally;

	printf("# %llu worlds, %llu steps: %llu datagrams sent, %llu received;"
	    " %llu bells rang; %llu events; %llu pairs, %llu with data, "
	    "%llu bytes\n# faults:", (unsigned long long)all->worlds,
	    (unsigned long long)all->steps, (unsigned long long)all->sent,
	    (unsigned long long)all->received, (unsigned long long)all->bells,
	    (unsigned long long)all->events, (unsigned long long)all->pairs,
	    (unsigned long long)all->met, (unsigned long long)all->bytes);
	for (unsigned i = 1; i < FAULT_KINDS; i++)
		printf(" %s %llu", fault_name[i],
		    (unsigned long long)all->faults[i]);
	printf("\n");
}

/* Run every jobs-th world, in a process of its own. */
static void
run(uint64_t first, uint64_t count, uint64_t job, uint64_t jobs, bool twice,
    bool trace)
{
	for (uint64_t i = job; i < count; i += jobs) {
		uint64_t hash;

		world_plan(&plan, first + i);
		if (trace)
			world_plan_print(&plan);
		hash = world_run(&plan, trace);
		if (twice && world_run(&plan, false) != hash) {
			printf("# a second run of it is another\n");
			how_again();
			exit(1);
		}
	}
	print_tally();
}

int
main(int argc, char **argv)
{
	uint64_t first = 1, count = 1, jobs = 1;
	bool twice = false, trace = false;
	unsigned failed = 0;

	program_name = argv[0];
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			first = number(argv[++i]);
		else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			count = number(argv[++i]);
		else if (strcmp(argv[i], "--jobs") == 0 && i + 1 < argc)
			jobs = number(argv[++i]);
		else if (strcmp(argv[i], "--twice") == 0)
			twice = true;
		else if (strcmp(argv[i], "--trace") == 0)
			trace = true;
		else
			return printf("Bail out!  unknown argument: %s\n",
			    argv[i]), 2;
	}
	sim_on_fail = how_again;
	signal(SIGSEGV, fatal);
	signal(SIGBUS, fatal);
	signal(SIGILL, fatal);
	if (jobs <= 1) {
		run(first, count, 0, 1, twice, trace);
	} else {
		for (uint64_t job = 0; job < jobs; job++) {
			const pid_t child = fork();

			if (child == 0) {
				run(first, count, job, jobs, twice, false);
				exit(0);
			}
			if (child < 0)
				return 2;
		}
		for (uint64_t job = 0; job < jobs; job++) {
			int status;

			failed += wait(&status) < 0 || status != 0;
		}
	}
	printf("1..1\n%sok 1 - worlds: %llu from %llu on, all rules hold\n",
	    failed != 0 ? "not " : "", (unsigned long long)count,
	    (unsigned long long)first);
	return failed != 0;
}
