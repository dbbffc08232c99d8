/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passes the plain accesses of a program to the explorer, as the compiler
 * reports them: the engine and the models are compiled with -fsanitize=thread
 * and linked with this file instead of ThreadSanitizer's own library.
 */
#include "sim.h"

#define PLAIN(size)							\
	void __tsan_read##size(const void *at);				\
	void __tsan_write##size(const void *at);			\
	void __tsan_unaligned_read##size(const void *at);		\
	void __tsan_unaligned_write##size(const void *at);		\
	void __tsan_read##size(const void *at)				\
	{ sim_plain(at, size, false); }					\
	void __tsan_write##size(const void *at)				\
	{ sim_plain(at, size, true); }					\
	void __tsan_unaligned_read##size(const void *at)		\
	{ sim_plain(at, size, false); }					\
	void __tsan_unaligned_write##size(const void *at)		\
	{ sim_plain(at, size, true); }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(const void *at, size_t length);
void __tsan_write_range(const void *at, size_t length);
void *__tsan_memcpy(void *to, const void *from, size_t length);
void *__tsan_memset(void *to, int value, size_t length);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_init(void);
unsigned __tsan_atomic32_fetch_add(volatile unsigned *word, unsigned n,
    int order);

void
__tsan_read_range(const void *at, size_t length)
{
	sim_plain(at, length, false);
}

void
__tsan_write_range(const void *at, size_t length)
{
	sim_plain(at, length, true);
}

void *
__tsan_memcpy(void *to, const void *from, size_t length)
{
	sim_plain(from, length, false);
	sim_plain(to, length, true);
	return __builtin_memcpy(to, from, length);
}

void *
__tsan_memset(void *to, int value, size_t length)
{
	sim_plain(to, length, true);
	return __builtin_memset(to, value, length);
}

void
__tsan_func_entry(void *caller)
{
	(void)caller;
}

void
__tsan_func_exit(void)
{
}

void
__tsan_init(void)
{
}

/* test.h counts failures with this function. */
unsigned
__tsan_atomic32_fetch_add(volatile unsigned *word, unsigned n, int order)
{
	(void)order;
	*word += n;
	return *word - n;
}
