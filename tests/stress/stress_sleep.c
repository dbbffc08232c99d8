/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E3 on a real machine: ends that sleep whenever they may and ring whenever
 * they are told to, and then the same race alone, again and again.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "effort.h"
#include "loop.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"
#include "wait.h"

/* A bell that nobody rang for so long was forgotten, not late. */
#define LOST_AFTER_SECONDS 10

static uint64_t
milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Two threads, two bells, one ring. */
static struct sleepers {
	struct loop loop;
	uint64_t total;
	unsigned silent;	/* of ten verbs, how many ask for no edge */
	sem_t producer_bell, consumer_bell;
	unsigned naps;
} sleepers;

/* Sleep until rung; or say who lost a wakeup, and go on as if rung. */
static void
nap(sem_t *bell, const char *who)
{
	struct timespec deadline;

	__atomic_add_fetch(&sleepers.naps, 1, __ATOMIC_RELAXED);
	clock_gettime(CLOCK_REALTIME, &deadline);
	if (test_state.failures == 0)
		deadline.tv_sec += LOST_AFTER_SECONDS;
	while (sem_timedwait(bell, &deadline) != 0) {
		if (errno == ETIMEDOUT) {
			test_fail(__FILE__, __LINE__, who);
			return;
		}
	}
}

static void *
sleepy_produce(void *arg)
{
	struct vqp_tx *tx = &sleepers.loop.tx;
	struct rng rng = { 1 };
	uint64_t sent = 0;

	while (sent < sleepers.total) {
		const uint64_t want = 1 + rng_below(&rng, tx->size - 1);
		struct vqp_span out[2];
		const int64_t n = vqp_tx_reserve(tx, want, out);

		if (n == VQP_ERROR_NO_SPACE) {
			/* What was published silently is announced now. */
			if (vqp_tx_publish_edge(tx))
				sem_post(&sleepers.consumer_bell);
			if (vqp_tx_may_sleep(tx))
				nap(&sleepers.producer_bell,
				    "the producer's wakeup came");
			continue;
		}
		pattern_fill_spans(out, sent);
		sent += (uint64_t)n;
		if (rng_below(&rng, 10) < sleepers.silent)
			vqp_tx_commit(tx, (uint64_t)n);
		else if (vqp_tx_commit_edge(tx, (uint64_t)n))
			sem_post(&sleepers.consumer_bell);
	}
	if (vqp_tx_publish_edge(tx))
		sem_post(&sleepers.consumer_bell);
	return arg;
}

static void
sleepy_consume(void)
{
	struct vqp_rx *rx = &sleepers.loop.rx;
	struct rng rng = { 2 };
	uint64_t got = 0;

	/* The producer may send a little more than the total; it can stay. */
	while (got < sleepers.total) {
		const uint64_t want = 1 + rng_below(&rng, rx->size - 1);
		struct vqp_span out[2];
		const int64_t n = vqp_rx_peek(rx, want, out);

		if (n == VQP_ERROR_NO_DATA) {
			if (vqp_rx_publish_edge(rx))
				sem_post(&sleepers.producer_bell);
			if (vqp_rx_may_sleep(rx))
				nap(&sleepers.consumer_bell,
				    "the consumer's wakeup came");
			continue;
		}
		CHECK(pattern_matches_spans(out, got));
		got += (uint64_t)n;
		if (rng_below(&rng, 10) < sleepers.silent)
			vqp_rx_release_lazy(rx, (uint64_t)n);
		else if (vqp_rx_release_edge(rx, (uint64_t)n))
			sem_post(&sleepers.producer_bell);
	}
	if (vqp_rx_publish_edge(rx))
		sem_post(&sleepers.producer_bell);
}

static void
sleep_through(uint64_t size, unsigned silent)
{
	pthread_t thread;

	loop_open(&sleepers.loop, size);
	sleepers.total = effort(4000 * (size - 1));
	sleepers.silent = silent;
	sem_init(&sleepers.producer_bell, 0, 0);
	sem_init(&sleepers.consumer_bell, 0, 0);
	CHECK_EQ(pthread_create(&thread, NULL, sleepy_produce, NULL), 0);
	sleepy_consume();
	CHECK_EQ(pthread_join(thread, NULL), 0);
	sem_destroy(&sleepers.producer_bell);
	sem_destroy(&sleepers.consumer_bell);
	loop_close(&sleepers.loop);
}

TEST(sleep_at_edges, "ends that ask at every message lose no wakeup")
{
	static const uint64_t sizes[] = { 2, 3, 5, 64, 1000 };

	for (int i = 0; i < 5; i++)
		sleep_through(sizes[i], 0);
	CHECK(sleepers.naps != 0);
}

TEST(sleep_after_silence, "ends that ask now and then lose no wakeup")
{
	static const uint64_t sizes[] = { 2, 3, 5, 64, 1000 };

	for (int i = 0; i < 5; i++)
		sleep_through(sizes[i], 7);
}

TEST(sleep_at_the_last, "ends that ask only before they sleep lose none")
{
	static const uint64_t sizes[] = { 2, 3, 5, 64, 1000 };

	for (int i = 0; i < 5; i++)
		sleep_through(sizes[i], 10);
}

/*
 * The race alone.  In each round both ends start together, publish, and look
 * at the other.  If the one went to sleep and the other rang no bell, each saw
 * the other's old index: two stores waited in two store buffers.  What both
 * answered is compared a round later, so that a round is one meeting.
 */
#define RACE_MILLISECONDS 1000

struct racer {
	uint64_t round;			/* arrived in; the other looks */
	bool answer[2];			/* of this round and the one before */
	uint8_t pad[128 - 10];		/* each racer its own cache lines */
} VQP_ALIGNED(128);

static struct race {
	struct loop loop;
	struct racer producer, consumer;
	bool (*produce)(struct vqp_tx *tx);
	bool (*consume)(struct vqp_rx *rx);
	bool last[2];			/* of this round and the one before */
} race;

/* Meet the other in round `round`; the last to come sets off first. */
static void
meet(struct racer *us, const struct racer *other, uint64_t round)
{
	unsigned waits = 0;

	__atomic_store_n(&us->round, round, __ATOMIC_RELEASE);
	while (__atomic_load_n(&other->round, __ATOMIC_ACQUIRE) < round)
		stand_ready(&waits);
}

/*
 * Set off at once, mostly; now and then late, since the other may always be
 * later than we are.
 */
static void
dawdle(struct rng *rng)
{
	const uint64_t late = rng_below(rng, 1024);

	for (uint64_t i = 0; late < 256 && i < late; i++)
		__asm__ __volatile__("");
}

static void *
race_produce(void *arg)
{
	struct rng rng = { 3 };
	unsigned waits = 0;

	for (uint64_t round = 1;; round++) {
		struct vqp_span out[2];
		bool answer;

		/* Until the last round is over. */
		while (vqp_tx_reserve(&race.loop.tx, 1, out) != 1)
			stand_ready(&waits);
		meet(&race.producer, &race.consumer, round);
		if (race.last[round % 2])
			return arg;
		dawdle(&rng);
		answer = race.produce(&race.loop.tx);
		race.producer.answer[round % 2] = answer;
	}
}

/* In a ring of 64 bytes with `unread` in it at the start of every round. */
static void
race_rounds(uint64_t unread, bool (*produce)(struct vqp_tx *),
    bool (*consume)(struct vqp_rx *))
{
	const uint64_t end = milliseconds_now() + effort(RACE_MILLISECONDS);
	struct rng rng = { 4 };
	uint64_t round, lost = 0;
	unsigned waits = 0;
	pthread_t thread;

	memset(&race, 0, sizeof(race));
	loop_open(&race.loop, 64);
	loop_start(&race.loop, unread, 0);
	race.produce = produce;
	race.consume = consume;
	/* The first comparison is of a round that was not. */
	race.consumer.answer[0] = true;
	CHECK_EQ(pthread_create(&thread, NULL, race_produce, NULL), 0);
	for (round = 1;; round++) {
		const bool last = round % 64 == 0 && milliseconds_now() > end;
		struct vqp_span out[2];

		/* Until the last round is over. */
		while (vqp_rx_peek(&race.loop.rx, 1, out) != 1)
			stand_ready(&waits);
		race.last[round % 2] = last;
		meet(&race.consumer, &race.producer, round);
		lost += !race.producer.answer[(round - 1) % 2] &&
		    !race.consumer.answer[(round - 1) % 2];
		if (last)
			break;
		dawdle(&rng);
		race.consumer.answer[round % 2] = race.consume(&race.loop.rx);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	loop_close(&race.loop);
	if (lost != 0)
		printf("# lost wakeups: %llu of %llu rounds\n",
		    (unsigned long long)lost, (unsigned long long)round);
	CHECK_EQ(lost, 0);
}

/* Both answer whether they ring the other, or stay awake themselves. */

static bool
produce_edge(struct vqp_tx *tx)
{
	return vqp_tx_commit_edge(tx, 1);
}

static bool
consume_sleep(struct vqp_rx *rx)
{
	vqp_rx_stage(rx, 1);
	return !vqp_rx_may_sleep(rx);
}

static bool
produce_sleep(struct vqp_tx *tx)
{
	vqp_tx_stage(tx, 1);
	return !vqp_tx_may_sleep(tx);
}

static bool
consume_edge(struct vqp_rx *rx)
{
	return vqp_rx_release_edge(rx, 1);
}

TEST(race_on_empty, "commit_edge rings or rx_may_sleep sees the byte")
{
	race_rounds(1, produce_edge, consume_sleep);
}

TEST(race_on_full, "release_edge rings or tx_may_sleep sees the space")
{
	race_rounds(62, produce_sleep, consume_edge);
}

TEST_MAIN()
