/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the fuzz targets share: how they read an input, and how a target stops.
 *
 * An input is a sequence of steps of four bytes.  The first steps describe what
 * is opened, and each target says how many they are.  Each later step is a
 * call, or an argument that the step before it requested.  A step keeps its
 * meaning whatever is removed or inserted before it.  Numbers are relative to
 * the ring, so that interesting numbers differ in one byte only.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* libFuzzer's entry: run one input, and leave nothing behind. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct step {
	uint8_t op;	/* bits 0-6: the call; bit 7: the other direction */
	uint8_t how;	/* bits 0-3: kind of number; 4-7: variant */
	uint8_t k;	/* the number */
	uint8_t more;	/* further arguments of the call */
};

struct input {
	const uint8_t *at;
	size_t left;	/* bytes */
};

/* Returns the next step, or false and zeros after the last one. */
static inline bool
input_step(struct input *input, struct step *step)
{
	memset(step, 0, sizeof(*step));
	if (input->left < sizeof(*step))
		return false;
	memcpy(step, input->at, sizeof(*step));
	input->at += sizeof(*step);
	input->left -= sizeof(*step);
	return true;
}

static inline unsigned
step_call(const struct step *step)
{
	return step->op & 127;
}

static inline bool
step_other(const struct step *step)
{
	return step->op >> 7 != 0;
}

static inline unsigned
step_which(const struct step *step)
{
	return step->how >> 4;
}

/*
 * Returns the number that a step means, for a ring of `size` bytes with an
 * index `near`.
 */
static inline uint64_t
step_number(const struct step *step, uint64_t size, uint64_t near)
{
	const uint64_t k = step->k;

	switch (step->how & 15) {
	case 0:
		return k;
	case 1:
		return k << 6;
	case 2:
		return size - k;
	case 3:
		return size + k;
	case 4:
		return size / 256 * k + size % 256 * k / 256;
	case 5:
		return near + k;
	case 6:
		return near - k;
	case 7:
		return size == 0 ? 0 : (near + k) % size;
	case 8:
		return size == 0 ? 0 : (near + size - k % size) % size;
	case 9:
		return (UINT64_C(1) << 31) + k;
	case 10:
		return UINT32_MAX - k;
	case 11:
		return (UINT64_C(1) << 32) + k;
	case 12:
		return (UINT64_C(1) << 62) - k;
	case 13:
		return (UINT64_C(1) << 63) + k;
	case 14:
		return INT64_MAX - k;
	default:
		return UINT64_MAX - k;
	}
}

#define PAGE 4096

/* No ring is larger, unless its bytes are never touched. */
#define RING_BYTES_MAX (UINT64_C(4) * PAGE + 256)

/*
 * Returns the size that a step means, at least 1: tiny, small, about a page,
 * awkward.
 */
static inline uint64_t
step_ring_size(const struct step *step)
{
	const uint64_t k = step->k;

	switch (step->how & 3) {
	case 0:
		return 1 + k % 16;
	case 1:
		return 1 + k;
	case 2:
		return PAGE - 128 + k;
	default:
		return 1 + 61 * k;
	}
}

/* Returns the part of n bytes that a byte means: 0 none, 255 all. */
static inline uint64_t
part_of(uint64_t n, uint8_t part)
{
	return part == 255 ? n : n / 256 * part + n % 256 * part / 256;
}

#define MUST(truth) \
	((truth) ? (void)0 : must_fail(__FILE__, __LINE__, #truth))

#define MUST_EQ(a, b) \
	must_equal(__FILE__, __LINE__, #a " == " #b, (int64_t)(a), \
	    (int64_t)(b))

static inline _Noreturn void
must_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
	abort();
}

static inline void
must_equal(const char *file, int line, const char *what, int64_t a, int64_t b)
{
	if (a == b)
		return;
	fprintf(stderr, "%lld is not %lld\n", (long long)a, (long long)b);
	must_fail(file, line, what);
}

#endif
