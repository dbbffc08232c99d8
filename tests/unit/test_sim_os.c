/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The simulator is a judge, so it is judged first: each breach of the seam's
 * contracts ends the program, what is allowed passes, and a run is its seed.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sim_os.h>
#include <test.h>

static struct vqp_os *os;
static struct vqp_os_lock lock_a, lock_b;
static struct vqp_os_event event;
static uint64_t seed;

static uint32_t
reg_read(void *device, uint32_t reg)
{
	(void)device;
	return reg;
}

static void
reg_write(void *device, uint32_t reg, uint32_t value)
{
	(void)device, (void)reg, (void)value;
}

static void
begin(void)
{
	struct sim_options options = { .seed = seed, .steps_max = 1000000 };
	struct sim_os_options machine = {
		.bus = { .reg_read = reg_read, .reg_write = reg_write },
		.worker_count = 1 + (uint32_t)(seed % 3),
		.mirror_percent = 50,
	};

	sim_begin(&options);
	os = sim_os_open(&machine);
	vqp_os_lock_init(&lock_a, VQP_OS_LOCK_TABLE);
	vqp_os_lock_init(&lock_b, VQP_OS_LOCK_RESOURCE);
	vqp_os_event_init(&event);
}

static void
end(void)
{
	vqp_os_lock_destroy(&lock_a);
	vqp_os_lock_destroy(&lock_b);
	vqp_os_event_destroy(&event);
	sim_os_close(os, false);
	sim_end();
}

/* What `breach` does must end the program, and nothing else of it may. */
static bool
is_caught(void (*breach)(void))
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(2);
		begin();
		breach();
		end();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
nothing(void)
{
}

static void
lock_twice(void)
{
	vqp_os_lock(&lock_a);
	vqp_os_lock(&lock_a);
}

static void
unlock_free(void)
{
	vqp_os_unlock(&lock_a);
}

static void
lock_backwards(void)
{
	vqp_os_lock(&lock_b);
	vqp_os_lock(&lock_a);
}

static void
lock_same_kind(void)
{
	struct vqp_os_lock other = { 0 };

	vqp_os_lock_init(&other, VQP_OS_LOCK_TABLE);
	vqp_os_lock(&lock_a);
	vqp_os_lock(&other);
}

static void
lock_in_order(void)
{
	vqp_os_lock(&lock_a);
	vqp_os_lock(&lock_b);
	vqp_os_unlock(&lock_a);
	vqp_os_unlock(&lock_b);
}

static void
alloc_locked(void)
{
	vqp_os_lock(&lock_a);
	vqp_os_alloc(os, 1);
}

static void
free_locked(void)
{
	void *memory = vqp_os_alloc(os, 1);

	vqp_os_lock(&lock_a);
	vqp_os_free(os, memory, 1);
}

static void
alloc_reading(void)
{
	struct vqp_os_read section;

	vqp_os_read_enter(os, &section);
	vqp_os_alloc(os, 1);
}

static void
pages_atomic(void)
{
	struct vqp_os_pages pages;

	sim_set_kind(SIM_ATOMIC);
	vqp_os_pages_alloc(os, 1, false, &pages);
}

static void
synchronize_reading(void)
{
	struct vqp_os_read section;

	vqp_os_read_enter(os, &section);
	vqp_os_synchronize(os);
}

static void
wait_locked(void)
{
	vqp_os_event_signal(&event);
	vqp_os_lock(&lock_a);
	vqp_os_event_wait(&event);
}

static void
wait_for_ever(void)
{
	vqp_os_event_wait(&event);
}

static void
free_other_size(void)
{
	vqp_os_free(os, vqp_os_alloc(os, 8), 9);
}

static void
free_twice(void)
{
	void *memory = vqp_os_alloc(os, 8);

	vqp_os_free(os, memory, 8);
	vqp_os_free(os, memory, 8);
}

static void
leak(void)
{
	vqp_os_alloc(os, 8);
}

static void
leak_pages(void)
{
	struct vqp_os_pages pages;

	vqp_os_pages_alloc(os, 3, false, &pages);
}

static void
leave_unread(void)
{
	struct vqp_os_read section = { 0 };

	vqp_os_read_leave(os, &section);
}

static void
leave_open(void)
{
	struct vqp_os_read section;

	vqp_os_read_enter(os, &section);
}

static void
event_unborn(void)
{
	struct vqp_os_event unborn = { 0 };

	vqp_os_event_signal(&unborn);
}

static void
work_unborn(void)
{
	struct vqp_os_work unborn = { 0 };

	vqp_os_work_queue(os, &unborn);
}

static void
release_twice(void)
{
	vqp_os_release(os);
	vqp_os_release(os);
}

static void
use_released(void)
{
	vqp_os_release(os);
	vqp_os_reg_read(os, 0);
}

static void
wait_alone(void *argument)
{
	(void)argument;
	vqp_os_event_wait(&event);
}

static void
never_ends(void)
{
	sim_spawn("waits", SIM_TASK, wait_alone, NULL);
	sim_sleep(1000);
}

static void
spin_for_ever(void)
{
	for (;;)
		vqp_os_relax(os);
}

/* As the clock of the processor looks, twice in a row. */
static void
loop_without_step(void)
{
	raise(SIGVTALRM);
	raise(SIGVTALRM);
}

static void
loop_with_steps(void)
{
	for (unsigned i = 0; i < 5; i++) {
		raise(SIGVTALRM);
		vqp_os_relax(os);
	}
}

TEST(breaches_are_caught, "what the seam's contracts forbid ends the program")
{
	CHECK(!is_caught(nothing));
	CHECK(is_caught(lock_twice));
	CHECK(is_caught(unlock_free));
	CHECK(is_caught(lock_backwards));
	CHECK(is_caught(lock_same_kind));
	CHECK(!is_caught(lock_in_order));
	CHECK(is_caught(alloc_locked));
	CHECK(is_caught(free_locked));
	CHECK(is_caught(alloc_reading));
	CHECK(is_caught(pages_atomic));
	CHECK(is_caught(synchronize_reading));
	CHECK(is_caught(wait_locked));
	CHECK(is_caught(wait_for_ever));
	CHECK(is_caught(free_other_size));
	CHECK(is_caught(free_twice));
	CHECK(is_caught(leak));
	CHECK(is_caught(leak_pages));
	CHECK(is_caught(leave_unread));
	CHECK(is_caught(leave_open));
	CHECK(is_caught(event_unborn));
	CHECK(is_caught(work_unborn));
	CHECK(is_caught(release_twice));
	CHECK(is_caught(use_released));
	CHECK(is_caught(never_ends));
	CHECK(is_caught(spin_for_ever));
	CHECK(is_caught(loop_without_step));
	CHECK(!is_caught(loop_with_steps));
}

/* ---- What is allowed. */

static struct vqp_os_work work[8];
static unsigned ran[64], ran_count, in_section;
static bool exclusive;

static void
work_run(void *argument)
{
	const unsigned i = (unsigned)((struct vqp_os_work *)argument - work);

	ran[ran_count++ % 64] = i;
	sim_point("test", i);
}

TEST(work_in_order, "work begins in the order in which it was queued")
{
	for (seed = 0; seed < 50; seed++) {
		begin();
		ran_count = 0;
		memset(work, 0, sizeof(work));
		for (unsigned i = 0; i < 8; i++) {
			vqp_os_work_init(&work[i], work_run, &work[i]);
			vqp_os_work_queue(os, &work[i]);
		}
		while (ran_count < 8)
			sim_sleep(1000);
		for (unsigned i = 0; i < 8; i++) {
			if (seed % 3 == 0)
				CHECK_EQ(ran[i], i);
			vqp_os_work_drain(os, &work[i]);
		}
		CHECK_EQ(ran_count, 8);
		end();
	}
}

TEST(drain_takes_or_waits, "after a drain an item does not run")
{
	for (seed = 0; seed < 100; seed++) {
		begin();
		ran_count = 0;
		memset(work, 0, sizeof(work));
		for (unsigned i = 0; i < 8; i++) {
			vqp_os_work_init(&work[i], work_run, &work[i]);
			vqp_os_work_queue(os, &work[i]);
		}
		for (unsigned i = 0; i < 8; i++)
			vqp_os_work_drain(os, &work[i]);
		ran[63] = ran_count;
		sim_sleep(100000);
		CHECK_EQ(ran_count, ran[63]);
		end();
	}
}

static void
enter_leave(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 20; i++) {
		vqp_os_lock(&lock_a);
		exclusive &= in_section++ == 0;
		sim_point("test", i);
		in_section--;
		vqp_os_unlock(&lock_a);
	}
}

static bool reading;

static void
reader(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 20; i++) {
		struct vqp_os_read section;

		vqp_os_read_enter(os, &section);
		reading = true;
		sim_point("test", i);
		reading = false;
		vqp_os_read_leave(os, &section);
	}
}

TEST(locks_exclude, "a lock is for one, handlers included; and sections end")
{
	exclusive = true;
	for (seed = 0; seed < 50; seed++) {
		struct sim_thread *thread[3];

		begin();
		thread[0] = sim_spawn("task", SIM_TASK, enter_leave, NULL);
		thread[1] = sim_spawn("handler", SIM_ATOMIC, enter_leave,
		    NULL);
		thread[2] = sim_spawn("reader", SIM_TASK, reader, NULL);
		for (unsigned i = 0; i < 10; i++) {
			const bool was = reading;

			vqp_os_synchronize(os);
			CHECK(!was || sim_step_count() > 0);
		}
		for (unsigned i = 0; i < 3; i++)
			sim_join(thread[i]);
		end();
	}
	CHECK(exclusive);
}

static uint64_t
run_once(void)
{
	struct sim_thread *thread[3];
	uint64_t hash;

	begin();
	for (unsigned i = 0; i < 3; i++)
		thread[i] = sim_spawn("task", SIM_TASK,
		    i == 2 ? reader : enter_leave, NULL);
	memset(work, 0, sizeof(work));
	for (unsigned i = 0; i < 8; i++) {
		vqp_os_work_init(&work[i], work_run, &work[i]);
		vqp_os_work_queue(os, &work[i]);
		vqp_os_work_drain(os, &work[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		sim_join(thread[i]);
	hash = sim_trace_hash();
	end();
	return hash;
}

TEST(a_run_is_its_seed, "a seed makes the same run again, another another")
{
	uint64_t last = 0;

	for (seed = 0; seed < 20; seed++) {
		const uint64_t first = run_once();

		CHECK_EQ(run_once(), first);
		CHECK(first != last);
		last = first;
	}
}

TEST(memory_by_bus, "the bus finds what is allocated, and nothing else")
{
	struct vqp_os_pages pages;
	struct vqp_os_dma dma;

	for (seed = 0; seed < 8; seed++) {
		begin();
		CHECK(vqp_os_pages_alloc(os, 5, true, &pages));
		for (unsigned i = 0; i < 5; i++) {
			uint8_t *at = (uint8_t *)pages.base + 4096 * i;

			CHECK(sim_os_bus(os, (pages.page_numbers[i] << 12) + 9,
			    4087) == at + 9);
			CHECK(sim_os_bus(os, (pages.page_numbers[i] << 12) + 9,
			    4088) == NULL);
			for (unsigned j = 0; j < i; j++)
				CHECK(pages.page_numbers[i] !=
				    pages.page_numbers[j]);
		}
		if (pages.mirrored) {
			volatile uint8_t *at = pages.base;

			at[4096] = 7;
			CHECK_EQ(at[5 * 4096], 7);
		}
		CHECK(vqp_os_dma_alloc(os, 10000, &dma));
		CHECK(sim_os_bus(os, dma.address + 4000, 6000) ==
		    (uint8_t *)dma.base + 4000);
		vqp_os_dma_free(os, &dma);
		vqp_os_pages_free(os, &pages);
		CHECK(sim_os_bus(os, dma.address, 1) == NULL);
		sim_os_fail_at(os, 2, false);
		CHECK(vqp_os_pages_alloc(os, 1, true, &pages));
		CHECK(!vqp_os_dma_alloc(os, 1, &dma));
		vqp_os_pages_free(os, &pages);
		end();
	}
}

TEST_MAIN()
