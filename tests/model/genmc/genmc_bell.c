/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E4: the device stores its data and then sets the byte, twice.  The driver
 * swaps the byte to 0 and, if it was set, reads the data.  Either the last read
 * saw all data whose ring the driver took, or the byte is still set.  With
 * -DWEAK_SWAP the swap is a load and a plain store, and this must fail.
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stddef.h>

#include <vqp/atomic.h>

#define RINGS 2
#define LOOKS 2

static struct vqp_cell64 data;
static struct vqp_cell8 flag;
static uint64_t seen;

static uint8_t
take(void)
{
#ifdef WEAK_SWAP
	const uint8_t was = __atomic_load_n(&flag.v_, __ATOMIC_RELAXED);

	__atomic_store_n(&flag.v_, 0, __ATOMIC_RELAXED);
	return was;
#else
	return vqp_swap8_full(&flag, 0);
#endif
}

static void *
device(void *unused)
{
	for (uint64_t i = 1; i <= RINGS; i++) {
		vqp_store_relaxed(&data, i);
		__atomic_store_n(&flag.v_, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void *
driver(void *unused)
{
	for (int i = 0; i < LOOKS; i++) {
		if (take() != 0)
			seen = vqp_load_relaxed(&data);
	}
	return unused;
}

int
main(void)
{
	pthread_t threads[2];

	pthread_create(&threads[0], NULL, device, NULL);
	pthread_create(&threads[1], NULL, driver, NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert(seen == RINGS || vqp_swap8_full(&flag, 0) != 0);
	return 0;
}
