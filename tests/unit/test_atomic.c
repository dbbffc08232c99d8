/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The verbs of vqp/atomic.h, as each backend makes them. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <vqp/atomic.h>

#include "effort.h"
#include "test.h"
#include "wait.h"

struct neighbours {
	uint8_t before;
	struct vqp_cell64 word;		/* w:test r:test e:none */
	struct vqp_cell8 byte;		/* w:test r:test e:none */
	uint8_t after;
};

TEST(cells_are_frozen, "a cell is 8 bytes at a multiple of 8, or one byte")
{
	CHECK_EQ(sizeof(struct vqp_cell64), 8);
	CHECK_EQ(_Alignof(struct vqp_cell64), 8);
	CHECK_EQ(offsetof(struct neighbours, word), 8);
	CHECK_EQ(sizeof(struct vqp_cell8), 1);
	CHECK_EQ(offsetof(struct neighbours, byte), 16);
}

/*
 * The constant must reach the verb as one: x86 has stores that take no
 * immediate operand, or widen it by its sign.
 */
#define CHECK_CONSTANT(constant) do {					\
	vqp_store_relaxed(&cell, 1);					\
	vqp_store_relaxed(&cell, constant);				\
	CHECK_EQ(vqp_load_relaxed(&cell), constant);			\
	CHECK_EQ(vqp_load_acquire(&cell), constant);			\
	vqp_store_relaxed(&cell, 1);					\
	vqp_store_release(&cell, constant);				\
	CHECK_EQ(vqp_load_relaxed(&cell), constant);			\
	CHECK_EQ(vqp_load_acquire(&cell), constant);			\
} while (0)

TEST(wide_constants_survive, "a stored constant of any width is loaded back")
{
	struct vqp_cell64 cell;		/* w:test r:test e:none */

	CHECK_CONSTANT(UINT64_C(0));
	CHECK_CONSTANT(UINT64_C(0x7fffffff));
	CHECK_CONSTANT(UINT64_C(0x80000000));
	CHECK_CONSTANT(UINT64_C(0xffffffff));
	CHECK_CONSTANT(UINT64_C(0x20000000));
	CHECK_CONSTANT(UINT64_C(0x7fffffffffffffff));
	CHECK_CONSTANT(UINT64_C(0x8000000000000000));
	CHECK_CONSTANT(UINT64_C(0xffffffff80000000));
	CHECK_CONSTANT(UINT64_MAX);
}

TEST(swap_answers_the_old_byte, "swap8 exchanges one byte and no other")
{
	struct neighbours it = { .byte = { 0xa5 }, .after = 0x77 };

	vqp_store_relaxed(&it.word, UINT64_MAX);
	CHECK_EQ(vqp_swap8_full(&it.byte, 0), 0xa5);
	CHECK_EQ(vqp_swap8_full(&it.byte, 0xff), 0);
	CHECK_EQ(vqp_swap8_full(&it.byte, 1), 0xff);
	CHECK_EQ(vqp_swap8_full(&it.byte, 1), 1);
	CHECK_EQ(it.after, 0x77);
	CHECK_EQ(vqp_load_relaxed(&it.word), UINT64_MAX);
}

TEST(or_sets_bits, "or8 sets bits of one byte, keeps the others and the rest")
{
	struct neighbours it = { .byte = { 0xa4 }, .after = 0x77 };

	vqp_store_relaxed(&it.word, UINT64_MAX);
	vqp_or8_full(&it.byte, 1);
	CHECK_EQ(vqp_swap8_full(&it.byte, 0), 0xa5);
	vqp_or8_full(&it.byte, 0xff);
	CHECK_EQ(vqp_swap8_full(&it.byte, 0), 0xff);
	CHECK_EQ(it.after, 0x77);
	CHECK_EQ(vqp_load_relaxed(&it.word), UINT64_MAX);
}

static struct vqp_cell64 flipped;	/* w:flipper r:test e:none */
static struct vqp_cell64 flipper_stop;	/* w:test r:flipper e:none */

static void *
flipper(void *arg)
{
	while (vqp_load_relaxed(&flipper_stop) == 0) {
		vqp_store_relaxed(&flipped, UINT64_MAX);
		vqp_store_relaxed(&flipped, 0);
	}
	return arg;
}

TEST(words_are_whole, "a word is never seen half stored")
{
	pthread_t thread;
	unsigned waits = 0;
	uint64_t torn = 0;

	CHECK_EQ(pthread_create(&thread, NULL, flipper, NULL), 0);
	while (vqp_load_relaxed(&flipped) == 0)
		stand_aside(&waits);	/* until the other thread runs */
	for (uint64_t i = effort(2000000); i > 0; i--) {
		uint64_t value = vqp_load_relaxed(&flipped);

		torn += value != 0 && value != UINT64_MAX;
	}
	vqp_store_relaxed(&flipper_stop, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(torn, 0);
}

static struct vqp_cell8 contended;	/* w:adders r:adders e:none */

/* The byte is a lock here: what it guards is counted without loss. */
static void *
adder(void *arg)
{
	uint64_t *counter = arg;
	unsigned waits = 0;

	for (uint64_t i = effort(20000); i > 0; i--) {
		while (vqp_swap8_full(&contended, 1) != 0)
			stand_aside(&waits);
		++*counter;
		vqp_swap8_full(&contended, 0);
	}
	return NULL;
}

#define ADDEND		UINT64_C(0x100000001)
#define MEETINGS	100

static struct vqp_cell64 added;	/* w:counters r:counters e:none */
static struct vqp_cell64 met;	/* w:counters r:counters e:none */

/* Until the threads were seen at it at the same time; to *arg, how often. */
static void *
count_up(void *arg)
{
	uint64_t count = 0, before;
	unsigned meetings = 0;

	while (vqp_load_relaxed(&met) == 0 && count < effort(50000000)) {
		before = vqp_load_relaxed(&added);
		vqp_add_relaxed(&added, ADDEND);
		count++;
		if (vqp_load_relaxed(&added) != before + ADDEND &&
		    ++meetings == MEETINGS)
			vqp_store_relaxed(&met, 1);
	}
	*(uint64_t *)arg = count;
	return NULL;
}

TEST(add_loses_no_count, "two threads that add to one word lose nothing")
{
	uint64_t count[2];
	pthread_t thread;

	vqp_store_relaxed(&added, 7);
	vqp_store_relaxed(&met, 0);
	CHECK_EQ(pthread_create(&thread, NULL, count_up, &count[1]), 0);
	count_up(&count[0]);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(vqp_load_relaxed(&added),
	    7 + (count[0] + count[1]) * ADDEND);
}

TEST(swap_is_a_full_fence, "a lock made of swap8 loses no count")
{
	pthread_t thread;
	uint64_t counter = 0;

	CHECK_EQ(pthread_create(&thread, NULL, adder, &counter), 0);
	adder(&counter);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(counter, 2 * effort(20000));
}

TEST_MAIN()
