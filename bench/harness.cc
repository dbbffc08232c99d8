/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The C++ side of the harness.  It avoids these traps of Google Benchmark
 * 1.7.1:
 *
 * - It exits 0 when a benchmark fails: our reporter counts the failures.
 * - Its own reporters say that Debian's library is a debug build, as if our
 *   code were one: our reporter prints nothing.
 * - It shuffles all repetitions of all benchmarks at once.  We want rounds,
 *   which a time budget or a signal can end with the same number of samples
 *   everywhere: each round is a new run with one repetition each.
 * - It would choose the iterations itself and divide times by them: we set one
 *   iteration and report the time ourselves.
 */
#include "harness.h"

#include <benchmark/benchmark.h>

namespace {

class Reporter : public benchmark::BenchmarkReporter {
public:
	bool
	ReportContext(const Context &) override
	{
		return true;
	}

	void
	ReportRuns(const std::vector<Run> &runs) override
	{
		for (const Run &run : runs)
			failed += run.error_occurred;
	}

	unsigned failed = 0;
};

}

void
harness_open(void)
{
	char name[] = "vqp_bench";
	char shuffle[] = "--benchmark_enable_random_interleaving";
	char *argv[] = { name, shuffle, nullptr };
	int argc = 2;

	benchmark::Initialize(&argc, argv);
}

void
harness_register(const char *name, double (*run)(void *arg), void *arg)
{
	auto body = [run, arg](benchmark::State &state) {
		for (auto _ : state) {
			double seconds = run(arg);

			if (seconds < 0)
				state.SkipWithError("failed");
			else
				state.SetIterationTime(seconds);
		}
	};

	benchmark::RegisterBenchmark(name, body)->Iterations(1)
	    ->Repetitions(1)->UseManualTime();
}

unsigned
harness_round(void)
{
	Reporter reporter;

	benchmark::RunSpecifiedBenchmarks(&reporter, ".");
	return reporter.failed;
}
