/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A test case is a property: a failure prints its name first, and its sentence
 * says what must hold.  The linker collects the cases of a program; the program
 * prints its results in TAP, or runs the one case that its argument names.
 *
 *	TEST(name, "sentence") { CHECK(...); CHECK_EQ(..., ...); }
 *	TEST_MAIN()
 *
 * A failed check is reported and the case continues.  The only function this
 * needs is printf, so that the same cases can run in a kernel.
 */
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct test_case {
	const char *name;
	const char *sentence;
	void (*run)(void);
};

/*
 * The case that is running.  Each member is one word, so that threads may fail,
 * too.
 */
struct test_state {
	unsigned failures;
	const char *skipped;	/* the reason, or NULL */
};

extern struct test_state test_state;
extern const struct test_case *const __start_test_cases[];
extern const struct test_case *const __stop_test_cases[];

/* gcc would reorder the cases. */
#if __has_attribute(no_reorder)
#define TEST_IN_ORDER no_reorder, used
#else
#define TEST_IN_ORDER used
#endif

#define TEST(name_, sentence_)						\
	static void test_run_##name_(void);				\
	static const struct test_case test_case_##name_ = {		\
		#name_, sentence_, test_run_##name_			\
	};								\
	__attribute__((TEST_IN_ORDER, section("test_cases")))		\
	static const struct test_case *const test_link_##name_ =	\
	    &test_case_##name_;						\
	static void test_run_##name_(void)

#define CHECK(truth)							\
	((truth) ? (void)0 : test_fail(__FILE__, __LINE__, #truth))

/*
 * Compare any two integers; shown as signed, so that status codes are readable.
 */
#define CHECK_EQ(a, b)							\
	test_equal(__FILE__, __LINE__, #a " == " #b,			\
	    (long long)(a), (long long)(b))

/* Return from a case that this machine cannot run. */
#define SKIP(why) do {							\
	test_state.skipped = (why);					\
	return;								\
} while (0)

/* Limits a loop that fails at every turn to five messages. */
static inline bool
test_count_failure(void)
{
	return __atomic_add_fetch(&test_state.failures, 1,
	    __ATOMIC_RELAXED) <= 5;
}

static inline void
test_fail(const char *file, int line, const char *what)
{
	if (test_count_failure())
		printf("# %s:%d: not true: %s\n", file, line, what);
}

static inline void
test_equal(const char *file, int line, const char *what, long long a,
    long long b)
{
	if (a != b && test_count_failure())
		printf("# %s:%d: not true: %s: %lld (0x%llx) is not "
		    "%lld (0x%llx)\n", file, line, what,
		    a, (unsigned long long)a, b, (unsigned long long)b);
}

static inline int
test_main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	unsigned ran = 0, skipped = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);	/* a crash loses nothing */
	for (const struct test_case *const *link = __start_test_cases;
	    link < __stop_test_cases; link++) {
		const struct test_case *test = *link;

		if (only != NULL && strcmp(only, test->name) != 0)
			continue;
		test_state = (struct test_state){ 0, NULL };
		test->run();
		ran++;
		failed += test_state.failures != 0;
		skipped += test_state.skipped != NULL;
		printf("%s %u - %s: %s%s%s\n",
		    test_state.failures != 0 ? "not ok" : "ok", ran,
		    test->name, test->sentence,
		    test_state.skipped != NULL ? " # SKIP " : "",
		    test_state.skipped != NULL ? test_state.skipped : "");
	}
	if (ran == 0) {
		printf("Bail out!  no test named %s\n", only);
		return 1;
	}
	printf("1..%u\n", ran);
	if (failed != 0)
		return 1;
	return skipped == ran ? 77 : 0;
}

#define TEST_MAIN()							\
	struct test_state test_state;					\
	int main(int argc, char **argv) { return test_main(argc, argv); }

#endif
