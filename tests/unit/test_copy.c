/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine's own copy: every length and alignment where its shape changes. */
#include <stdlib.h>
#include <string.h>

#include <vqp/copy.h>

#include "pattern.h"
#include "test.h"

#define LENGTH_MAX 420
#define ALIGN_MAX 17
#define GUARD 64
#define BUFFER (GUARD + ALIGN_MAX + LENGTH_MAX + GUARD)

static bool
all_are(const uint8_t *bytes, uint64_t n, uint8_t value)
{
	for (uint64_t i = 0; i < n; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

typedef void copy_function(uint8_t *, const uint8_t *, uint64_t);

static void
copy_plain(uint8_t *to, const uint8_t *from, uint64_t n)
{
	vqp_copy(to, from, n);
}

static void
copy_past(uint8_t *to, const uint8_t *from, uint64_t n)
{
	vqp_copy_past(to, from, n);
	vqp_fence_past();
}

static void
check_every_length_and_alignment(copy_function *copy)
{
	static uint8_t from[BUFFER], to[BUFFER];

	pattern_fill(from, 0, sizeof(from));
	for (uint64_t n = 0; n <= LENGTH_MAX; n++) {
		for (uint64_t a = 0; a <= ALIGN_MAX; a++) {
			for (uint64_t b = 0; b <= ALIGN_MAX; b++) {
				uint8_t *at = to + GUARD + b;

				memset(to, 0xee, sizeof(to));
				copy(at, from + GUARD + a, n);
				CHECK(pattern_matches(at, GUARD + a, n));
				CHECK(all_are(to, GUARD + b, 0xee));
				CHECK(all_are(at + n, GUARD, 0xee));
			}
		}
	}
	CHECK(pattern_matches(from, 0, sizeof(from)));
}

TEST(every_length_and_alignment, "exactly the bytes asked for are copied")
{
	check_every_length_and_alignment(copy_plain);
}

TEST(past_the_caches, "exactly those, too, when they go past the caches")
{
	check_every_length_and_alignment(copy_past);
}

#ifdef VQP_CPU_COPIES_WIDE
static void
copy_wide(uint8_t *to, const uint8_t *from, uint64_t n)
{
	vqp_copy_as(VQP_CAN_COPY_WIDE, to, from, n);
}

static void
copy_string(uint8_t *to, const uint8_t *from, uint64_t n)
{
	vqp_copy_string(to, from, n);
}

TEST(wide, "exactly those, too, in registers of 32 bytes")
{
	if ((vqp_cpu_can() & VQP_CAN_COPY_WIDE) == 0)
		SKIP("a processor without AVX2");
	check_every_length_and_alignment(copy_wide);
}

/* What a kernel's vqp_copy() does with larger ones. */
TEST(strings, "exactly those, too, by the processor's own copy")
{
	check_every_length_and_alignment(copy_string);
}
#endif

/* AddressSanitizer guards blocks of exactly the copied length. */
TEST(exact_blocks, "no byte outside either block is touched")
{
	for (uint64_t n = 1; n <= LENGTH_MAX; n++) {
		uint8_t *from = malloc((size_t)n), *to = malloc((size_t)n);

		CHECK(from != NULL && to != NULL);
		pattern_fill(from, n, n);
		vqp_copy(to, from, n);
		CHECK(pattern_matches(to, n, n));
		free(from);
		free(to);
	}
}

TEST(fetching, "lines fetched ahead change nothing about a copy")
{
	for (uint64_t n = 0; n <= 3 * VQP_FETCH_BYTES; n += 31) {
		uint8_t *from = malloc((size_t)n + 1);
		uint8_t *to = malloc((size_t)n + 1);

		CHECK(from != NULL && to != NULL);
		pattern_fill(from, n, n);
		to[n] = 0xee;
		vqp_copy_fetching(to, from, n);
		CHECK(pattern_matches(to, n, n));
		CHECK_EQ(to[n], 0xee);
		free(from);
		free(to);
	}
}

#define CHECK_CONSTANT_LENGTH(n) do {					\
	memset(to, 0xee, sizeof(to));					\
	vqp_copy(to, from + 3, n);					\
	CHECK(pattern_matches(to, 3, n));				\
	CHECK(all_are(to + (n), sizeof(to) - (n), 0xee));		\
} while (0)

TEST(constant_lengths, "a length the compiler knows copies the same bytes")
{
	uint8_t from[256], to[256];

	pattern_fill(from, 0, sizeof(from));
	CHECK_CONSTANT_LENGTH(0);
	CHECK_CONSTANT_LENGTH(1);
	CHECK_CONSTANT_LENGTH(2);
	CHECK_CONSTANT_LENGTH(3);
	CHECK_CONSTANT_LENGTH(4);
	CHECK_CONSTANT_LENGTH(7);
	CHECK_CONSTANT_LENGTH(8);
	CHECK_CONSTANT_LENGTH(15);
	CHECK_CONSTANT_LENGTH(16);
	CHECK_CONSTANT_LENGTH(17);
	CHECK_CONSTANT_LENGTH(31);
	CHECK_CONSTANT_LENGTH(32);
	CHECK_CONSTANT_LENGTH(33);
	CHECK_CONSTANT_LENGTH(64);
	CHECK_CONSTANT_LENGTH(65);
	CHECK_CONSTANT_LENGTH(128);
	CHECK_CONSTANT_LENGTH(200);
}

TEST_MAIN()
