/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The benchmark program.  It measures everything the suite holds, round after
 * round in random order, and writes the results as JSON.  Its messages to
 * people go to stderr.
 */
#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "harness.h"
#include "peer.h"
#include "progress.h"
#include "results.h"
#include "suite.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* messages wrong or missing, or no result */
	EXIT_USAGE = 2,
	EXIT_NO_MATCH = 3,
	EXIT_SKIPPED = 77	/* fewer than two processors */
};

#define SECONDS_FULL 240
#define SECONDS_QUICK 30
#define ROUNDS_AT_LEAST 5

static const char usage[] =
"usage: vqp_bench [options]\n"
"  --out FILE      write the results there (results.json)\n"
"  --quick         measure for 30 seconds, not for 4 minutes\n"
"  --seconds N     measure for N seconds, and 5 rounds at least\n"
"  --rounds N      measure everything N times, however long it takes\n"
"  --filter REGEX  only what matches (extended regular expression)\n"
"  --list          name what would be measured, and stop\n"
"  --commit TEXT   what was built, for the record\n"
"  --help          this text\n"
"  --version       the version\n"
"Exit: 0 done, 1 failed, 2 wrong usage, 3 nothing matches,\n"
"77 fewer than two processors.\n";

struct options {
	const char *out;
	const char *filter;
	const char *commit;
	double seconds;
	unsigned rounds;	/* 0: as many as the seconds allow */
	bool quick;
	bool list;
};

static struct suite suite;
static struct progress progress;
static bool hung;
static volatile sig_atomic_t interrupted;

static void
interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* The first signal ends the run; the second one ends the program. */
static void
catch_signals(void)
{
	struct sigaction action = {
		.sa_handler = interrupt,
		.sa_flags = (int)(SA_RESTART | SA_RESETHAND),
	};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static double
run_case(void *arg)
{
	struct bench_case *one = arg;

	if (interrupted || hung)
		return 0;
	progress_step(&progress, one->name);
	/* A case that failed once would fail again and take its time. */
	return one->errors != 0 ? -1 : one->sample(one, &hung);
}

/* A case that fails here has an error, so it fails in every round. */
static void
open_cases(void)
{
	for (size_t i = 0; i < suite.cases.count && !hung; i++) {
		struct bench_case *one = suite.cases.list[i];

		if (one->open != NULL)
			(void)one->open(one, &hung);
	}
}

/* Returns the number of complete rounds. */
static unsigned
run_rounds(const struct options *options, unsigned *failed)
{
	unsigned rounds = 0;
	double last = 0;

	harness_open();
	for (size_t i = 0; i < suite.cases.count; i++)
		harness_register(suite.cases.list[i]->name, run_case,
		    suite.cases.list[i]);

	progress_begin(&progress, suite.cases.count, options->rounds,
	    options->seconds);
	for (;;) {
		double elapsed = progress_elapsed(&progress);
		double round = elapsed - last;

		last = elapsed;
		if (options->rounds != 0 ? rounds == options->rounds :
		    rounds >= ROUNDS_AT_LEAST &&
		    elapsed + round > options->seconds)
			break;
		*failed = harness_round();
		if (interrupted || hung)
			break;
		rounds++;
	}
	progress_end(&progress);
	return rounds;
}

static void
print_pairs(void)
{
	for (unsigned i = 0; i < TOPO_RELATIONS; i++) {
		const char *name = topo_relation_name((enum topo_relation)i);
		const struct topo_pair *pair = &suite.pairs[i];

		if (pair->present)
			fprintf(stderr, "%s: processors %u and %u\n", name,
			    pair->cpu_a, pair->cpu_b);
		else
			fprintf(stderr, "%s: not on this machine\n", name);
	}
	for (unsigned i = 0; peers[i] != NULL; i++)
		if (peers[i]->missing != NULL)
			fprintf(stderr, "%s: skipped, %s %s\n", peers[i]->name,
			    peers[i]->package, peers[i]->missing);
	if (results_spoiled() != NULL)
		fprintf(stderr, "%s\n", results_spoiled());
}

/* Parse a number above 0, or end the program. */
static double
number(const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value > 0) || value > 1e6) {
		fprintf(stderr, "--%s: not a number above 0: %s\n", option,
		    text);
		exit(EXIT_USAGE);
	}
	return value;
}

static void
parse(struct options *options, int argc, char **argv)
{
	enum { OUT, QUICK, SECONDS, ROUNDS, FILTER, LIST, COMMIT, HELP,
	    VERSION };
	static const struct option known[] = {
		{ "out", required_argument, NULL, OUT },
		{ "quick", no_argument, NULL, QUICK },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "rounds", required_argument, NULL, ROUNDS },
		{ "filter", required_argument, NULL, FILTER },
		{ "list", no_argument, NULL, LIST },
		{ "commit", required_argument, NULL, COMMIT },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options){
		.out = "results.json", .filter = "", .commit = "unknown",
	};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case OUT:
			options->out = optarg;
			break;
		case QUICK:
			options->quick = true;
			break;
		case SECONDS:
			options->seconds = number("seconds", optarg);
			break;
		case ROUNDS:
			options->rounds = (unsigned)number("rounds", optarg);
			break;
		case FILTER:
			options->filter = optarg;
			break;
		case LIST:
			options->list = true;
			break;
		case COMMIT:
			options->commit = optarg;
			break;
		case HELP:
			fputs(usage, stdout);
			exit(EXIT_OK);
		case VERSION:
			puts("vqp_bench " BENCH_VERSION);
			exit(EXIT_OK);
		default:
			fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "unexpected: %s\n%s", argv[optind], usage);
		exit(EXIT_USAGE);
	}
	if (options->seconds == 0)
		options->seconds = options->quick ? SECONDS_QUICK :
		    SECONDS_FULL;
}

static void
open_suite(const struct options *options)
{
	regex_t filter;
	int wrong = regcomp(&filter, options->filter,
	    REG_EXTENDED | REG_NOSUB);

	if (wrong != 0) {
		char why[128];

		regerror(wrong, &filter, why, sizeof(why));
		fprintf(stderr, "--filter: %s: %s\n", options->filter, why);
		exit(EXIT_USAGE);
	}
	if (!suite_open(&suite, &filter))
		exit(EXIT_FAILED);
	regfree(&filter);
}

static bool
has_pair(void)
{
	for (unsigned i = 0; i < TOPO_RELATIONS; i++)
		if (suite.pairs[i].present)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	struct results_run run = { 0 };
	struct options options;
	unsigned failed = 0;
	uint64_t start;

	parse(&options, argc, argv);
	open_suite(&options);
	if (!has_pair()) {
		fprintf(stderr, "two processors are needed\n");
		return EXIT_SKIPPED;
	}
	if (suite.cases.count == 0) {
		fprintf(stderr, "--filter: nothing matches %s\n",
		    options.filter);
		return EXIT_NO_MATCH;
	}
	if (options.list) {
		suite_list(&suite, stdout);
		return EXIT_OK;
	}

	print_pairs();
	clock_calibrate();
	machine_load(&run.before);
	run.started = time(NULL);
	run.quick = options.quick;
	run.commit = options.commit;
	start = clock_monotonic_ns();
	if (!suite_start(&suite))
		return EXIT_FAILED;
	catch_signals();
	open_cases();
	run.rounds = run_rounds(&options, &failed);
	run.seconds = (double)(clock_monotonic_ns() - start) * 1e-9;
	run.interrupted = interrupted != 0;
	machine_load(&run.after);

	if (!results_write(options.out, &suite, &run))
		return EXIT_FAILED;
	printf("%s: %u rounds of %zu in %.0f s%s\n", options.out, run.rounds,
	    progress.per_round, run.seconds,
	    failed != 0 || hung ? ", FAILED" : "");
	fflush(stdout);
	if (hung)
		_exit(EXIT_FAILED);	/* a thread hangs: do not wait for it */
	suite_close(&suite);
	return failed != 0 ? EXIT_FAILED : EXIT_OK;
}
