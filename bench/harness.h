/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Google Benchmark, seen from C.  It keeps the register of benchmarks, runs
 * each once a round in random order, and tells which failed.  C++ is entered
 * once per benchmark and round; nothing of it is in a measured loop.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Once, before anything else. */
void harness_open(void);

/*
 * Have `run(arg)` called in every round: it answers the seconds it measured,
 * or less than 0 if it failed, which it has reported itself.
 */
void harness_register(const char *name, double (*run)(void *arg), void *arg);

/*
 * Run all that is registered once, each at a random place.  Returns how many
 * failed.
 */
unsigned harness_round(void);

#ifdef __cplusplus
}
#endif

#endif
