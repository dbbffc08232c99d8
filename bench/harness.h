/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Google Benchmark, as C code sees it.  It keeps the list of benchmarks, runs
 * each one once a round in random order, and tells which ones failed.  C++ is
 * entered once per benchmark and round; no measured loop contains any of it.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Call this once, before anything else. */
void harness_open(void);

/*
 * Have `run(arg)` called in every round.  It returns the seconds it measured,
 * or less than 0 after it reported a failure.
 */
void harness_register(const char *name, double (*run)(void *arg), void *arg);

/*
 * Run everything that is registered once, in random order.  Returns how many
 * failed.
 */
unsigned harness_round(void);

#ifdef __cplusplus
}
#endif

#endif
