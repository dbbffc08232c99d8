/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Doorbells and interrupts of the driver core: part E of the hostile-peer
 * matrix, abi 5, and the defects of the stock tables.
 */
#include <stdlib.h>

#include "core_case.h"

#define BELLS 4096

static uint64_t
linked_index(unsigned message)
{
	uint64_t index;

	memcpy(&index, mock.message[message].at + 32, sizeof(index));
	return index;
}

/* The place of the bell that was linked last. */
static uint64_t
last_index(void)
{
	const struct mock_message *link =
	    mock_last(&mock, VQP_HYPERCALL_DOORBELL_LINK);
	uint64_t index;

	memcpy(&index, link->at + 32, sizeof(index));
	return index;
}

static void
ring(uint64_t index, uint8_t byte)
{
	mock_bitmap(&mock)[index] = byte;
	mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
}

TEST(case_64_all_ones,
    "64: of a page full of ones each bell rings once, and no other")
{
	FOR_EACH_CASE() {
		struct counted counted[40] = { { 0 } };
		struct vqp_handle handle[40];

		for (unsigned i = 0; i < 40; i++)
			handle[i] = case_bell(&counted[i],
			    i % 3 == 0 ? VQP_DOORBELL_DELAYED : 0);
		for (unsigned round = 1; round <= 20; round++) {
			for (unsigned i = 0; i < BELLS; i++)
				mock_bitmap(&mock)[i] = 0xff;
			mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
			sim_sleep(1000000);
			for (unsigned i = 0; i < 40; i++)
				CHECK_EQ(counted[i].calls, round);
			mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
			sim_sleep(1000000);
			CHECK_EQ(counted[7].calls, round);
		}
		for (unsigned i = 0; i < 40; i++) {
			vqp_core_doorbell_destroy(mock.core, handle[i]);
			counted[i].destroyed = true;
		}
	}
}

TEST(case_65_other_bits,
    "65: only bit 0 of a byte rings, whatever is beside it")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_bell(&counted, 0);
		const uint64_t index = last_index();

		for (unsigned byte = 0; byte < 256; byte++) {
			const unsigned calls = counted.calls;

			ring(index, (uint8_t)byte);
			CHECK_EQ(counted.calls - calls, byte & 1);
		}
		vqp_core_doorbell_destroy(mock.core, handle);
	}
}

/* The device sets bits while they are looked at. */
static bool setting;
static unsigned rung_after;
static uint64_t set_index;

static void
set_bits(void *argument)
{
	(void)argument;
	while (setting) {
		mock_bitmap(&mock)[set_index] = 1;
		sim_point("test", 0);
	}
}

TEST(case_65_while_scanning, "65, E4: what is rung during a scan is not lost")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_bell(&counted, 0);
		struct sim_thread *thread;

		set_index = last_index();
		setting = true;
		thread = sim_spawn("device", SIM_TASK, set_bits, NULL);
		for (unsigned i = 0; i < 50; i++) {
			(void)vqp_core_service(mock.core,
			    VQP_CAUSE_NOTIFICATION);
			sim_point("test", i);
		}
		setting = false;
		sim_join(thread);
		rung_after = counted.calls;
		mock_bitmap(&mock)[set_index] = 1;
		mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
		CHECK_EQ(counted.calls, rung_after + 1);
		CHECK_EQ(mock_bitmap(&mock)[set_index], 0);
		vqp_core_doorbell_destroy(mock.core, handle);
	}
}

TEST(case_66_destroyed,
    "66: a ring for a destroyed bell calls nobody, at most the next one there")
{
	FOR_EACH_CASE() {
		struct counted old = { 0 }, new = { 0 };
		struct vqp_handle handle = case_bell(&old, 0);
		const uint64_t index = last_index();

		mock_bitmap(&mock)[index] = 1;
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_SUCCESS);
		old.destroyed = true;
		handle = case_bell(&new, 0);
		mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
		CHECK_EQ(old.calls, 0);
		CHECK(new.calls <= 1);
		vqp_core_doorbell_destroy(mock.core, handle);
		ring(index, 1);
	}
}

static void
serve_bells(void *argument)
{
	(void)argument;
	mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
}

TEST(case_68_destroy_delayed,
    "68, F4: no callback after destroy, with work queued, running or neither")
{
	FOR_EACH_CASE() {
		for (unsigned i = 0; i < 60; i++) {
			struct counted counted = { 0 };
			struct vqp_handle handle = case_bell(&counted,
			    i % 2 ? VQP_DOORBELL_DELAYED : 0);
			struct sim_thread *thread;

			mock_bitmap(&mock)[last_index()] = 1;
			thread = sim_spawn("serves", SIM_TASK, serve_bells,
			    NULL);
			if (i % 3 == 0)
				sim_join(thread);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
			    VQP_SUCCESS);
			counted.destroyed = true;
			if (i % 3 != 0)
				sim_join(thread);
			sim_sleep(1000);
		}
	}
}

/* ---- Bells that end in their own callback. */

static struct vqp_handle suicide;
static unsigned suicides;

static void
destroy_myself(void *argument)
{
	(void)argument;
	suicides++;
	CHECK_EQ(vqp_core_doorbell_destroy(mock.core, suicide), VQP_SUCCESS);
	sim_point("test", 0);
}

TEST(case_68_destroys_itself,
    "B7: a bell may destroy itself when it is rung, immediate or delayed")
{
	FOR_EACH_CASE() {
		const struct vqp_doorbell_options options = {
			.flags = case_seed % 2 ? VQP_DOORBELL_DELAYED : 0,
			.ring = destroy_myself,
		};

		for (unsigned i = 0; i < 10; i++) {
			suicide = (struct vqp_handle){ VQP_INVALID_ID,
			    VQP_INVALID_ID };
			suicides = 0;
			CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
			    &suicide), VQP_SUCCESS);
			ring(last_index(), 1);
			sim_sleep(1000000);
			CHECK_EQ(suicides, 1);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core, suicide),
			    VQP_ERROR_NOT_FOUND);
		}
	}
}

/* A callback that makes and rings others: no lock is held (B7). */
static unsigned chain_rung;
static struct vqp_handle chain_other;
static struct counted chain_new;

static void
ring_chain(void *argument)
{
	(void)argument;
	CHECK_EQ(vqp_core_doorbell_notify(mock.core, chain_other, 0),
	    VQP_SUCCESS);
	if (chain_rung++ == 0)
		(void)case_bell(&chain_new, 0);
}

TEST(callbacks_may_call, "B7: a bell's callback may create and notify others")
{
	FOR_EACH_CASE() {
		struct vqp_doorbell_options options = { .ring = ring_chain };
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };
		struct counted other = { 0 };

		chain_rung = 0;
		memset(&chain_new, 0, sizeof(chain_new));
		chain_other = case_bell(&other, 0);
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		ring(last_index(), 1);
		CHECK_EQ(chain_rung, 1);
		CHECK_EQ(last_index() < BELLS, 1);
		vqp_core_doorbell_destroy(mock.core, handle);
		vqp_core_doorbell_destroy(mock.core, chain_other);
		handle = (struct vqp_handle){ MOCK_CID, 0 };
		memcpy(&handle.resource, mock_last(&mock,
		    VQP_HYPERCALL_DOORBELL_LINK)->at + 28, 4);
		vqp_core_doorbell_destroy(mock.core, handle);
	}
}

TEST(case_69_causes,
    "69: unknown causes are ignored, all ones mean the device is gone")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_bell(&counted, 0);
		unsigned messages;

		CHECK_EQ(vqp_core_interrupt(mock.core), 0);
		mock.icr = 0x7ffffff8;
		CHECK_EQ(vqp_core_interrupt(mock.core), 0);
		CHECK_EQ(case_counters().interrupts_unknown, 1);
		mock.icr = VQP_CAUSE_NOTIFICATION | 0x100;
		CHECK_EQ(vqp_core_interrupt(mock.core),
		    VQP_CAUSE_NOTIFICATION);
		/* All vectors at once, for nothing, again and again. */
		for (unsigned i = 0; i < 300; i++)
			CHECK_EQ(vqp_core_service(mock.core, UINT32_MAX), 0);
		CHECK_EQ(counted.calls, 0);
		mock.icr = VQP_ICR_DEVICE_GONE;
		CHECK_EQ(vqp_core_interrupt(mock.core), 0);
		CHECK_EQ(vqp_core_doorbell_notify(mock.core, case_host, 0),
		    VQP_ERROR_UNAVAILABLE);
		messages = mock.message_count;
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_SUCCESS);
		CHECK_EQ(mock.message_count, messages);
	}
}

TEST(case_70_and_b5_full,
    "70, B5: 4096 bells, two destroyed, two made; the 4097th is refused")
{
	static struct counted counted[BELLS];
	static struct vqp_handle handle[BELLS];
	static bool taken[BELLS];

	FOR_EACH_CASE() {
		const struct vqp_doorbell_options options = {
			.ring = count_ring,
			.argument = &counted[0],
		};
		struct vqp_handle more = { VQP_INVALID_ID, VQP_INVALID_ID };

		if (case_seed > 0)
			continue;
		memset(counted, 0, sizeof(counted));
		memset(taken, 0, sizeof(taken));
		for (unsigned i = 0; i < BELLS; i++) {
			handle[i] = case_bell(&counted[i], 0);
			CHECK(last_index() < BELLS);
			CHECK(!taken[last_index()]);
			taken[last_index()] = true;
			/* However many there are, the last of them rings. */
			if (i % 64 == 0)
				ring(last_index(), 1);
			CHECK_EQ(counted[i].calls, i % 64 == 0);
			counted[i].calls = 0;
		}
		for (unsigned round = 0; round < 50; round++) {
			const unsigned a = round * 81 % BELLS;
			const unsigned b = (round * 17 + 4095) % BELLS;
			uint64_t at[2];

			CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
			    &more), VQP_ERROR_NO_RESOURCES);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core,
			    handle[a]), VQP_SUCCESS);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core,
			    handle[b]), a == b ? VQP_ERROR_NOT_FOUND :
			    VQP_SUCCESS);
			handle[a] = case_bell(&counted[a], 0);
			at[0] = last_index();
			if (a != b) {
				handle[b] = case_bell(&counted[b], 0);
				at[1] = last_index();
				CHECK(at[0] < BELLS && at[1] < BELLS &&
				    at[0] != at[1]);
			}
		}
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options, &more),
		    VQP_ERROR_NO_RESOURCES);
		/* And those there are work. */
		for (unsigned i = 0; i < BELLS; i++)
			mock_bitmap(&mock)[i] = 1;
		mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
		for (unsigned i = 0; i < BELLS; i++) {
			CHECK_EQ(counted[i].calls, 1);
			CHECK_EQ(vqp_core_doorbell_destroy(mock.core,
			    handle[i]), VQP_SUCCESS);
		}
	}
}

TEST(create_and_notify,
    "abi 5.3: each argument is judged, each answer of the device's told")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_doorbell_options options = {
			.ring = count_ring,
			.argument = &counted,
		}, bad = options;
		struct vqp_handle any = { VQP_INVALID_ID, VQP_INVALID_ID };
		struct vqp_handle handle = any;
		const unsigned first = mock.message_count;

		bad.ring = NULL;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &bad, &handle),
		    VQP_ERROR_INVALID_ARGS);
		bad = options;
		bad.flags = 2;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &bad, &handle),
		    VQP_ERROR_INVALID_ARGS);
		bad.flags = 0;
		bad.privilege = 4;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &bad, &handle),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options, NULL),
		    VQP_ERROR_INVALID_ARGS);
		/* F22: a context that is not ours, half an ANY. */
		handle = (struct vqp_handle){ 0x999, 2000 };
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_INVALID_ARGS);
		handle = (struct vqp_handle){ MOCK_CID, VQP_INVALID_ID };
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(mock.message_count, first);

		handle = (struct vqp_handle){ MOCK_CID, 2000 };
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		CHECK_EQ(linked_index(first) < BELLS, 1);
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_ALREADY_EXISTS);
		CHECK_EQ(vqp_core_doorbell_notify(mock.core, handle, 0),
		    VQP_SUCCESS);
		CHECK_EQ(vqp_core_doorbell_notify(mock.core, any, 0),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_core_doorbell_notify(mock.core, handle, 4),
		    VQP_ERROR_INVALID_ARGS);
		mock.answers[VQP_HYPERCALL_DOORBELL_NOTIFY] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_NOTIFY] =
		    VQP_ERROR_NOT_FOUND;
		CHECK_EQ(vqp_core_doorbell_notify(mock.core, handle, 0),
		    VQP_ERROR_NOT_FOUND);
		/* Unlinking is not refused, whatever the device says. */
		mock.answers[VQP_HYPERCALL_DOORBELL_UNLINK] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_UNLINK] = -21;
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_SUCCESS);
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_ERROR_NOT_FOUND);
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, any),
		    VQP_ERROR_INVALID_ARGS);

		/* A link that fails leaves nothing, whatever its number. */
		mock.answers[VQP_HYPERCALL_DOORBELL_LINK] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_LINK] =
		    VQP_ERROR_NO_RESOURCES;
		handle = any;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_NO_RESOURCES);
		CHECK_EQ(handle.resource, VQP_INVALID_ID);
		mock.answer[VQP_HYPERCALL_DOORBELL_LINK] = 1;
		CHECK(vqp_core_doorbell_create(mock.core, &options,
		    &handle) < 0);
		mock.answers[VQP_HYPERCALL_DOORBELL_LINK] = false;
		handle = case_bell(&counted, 0);
		CHECK_EQ(last_index(), linked_index(first));
		vqp_core_doorbell_destroy(mock.core, handle);
	}
}

/* ---- Two that destroy, one that makes, one that rings. */

static struct vqp_handle shared;
static unsigned won;

static void
destroy_shared(void *argument)
{
	(void)argument;
	won += vqp_core_doorbell_destroy(mock.core, shared) == VQP_SUCCESS;
}

TEST(two_destroy, "F23: of two that destroy a bell at once one does")
{
	FOR_EACH_CASE() {
		for (unsigned i = 0; i < 30; i++) {
			struct counted counted = { 0 };
			struct sim_thread *thread[2];

			shared = case_bell(&counted, i % 2);
			won = 0;
			mock_bitmap(&mock)[last_index()] = 1;
			thread[0] = sim_spawn("a", SIM_TASK, destroy_shared,
			    NULL);
			thread[1] = sim_spawn("b", SIM_TASK, destroy_shared,
			    NULL);
			mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
			sim_join(thread[0]);
			sim_join(thread[1]);
			counted.destroyed = true;
			CHECK_EQ(won, 1);
		}
	}
}

TEST(refused_is_unlinked,
    "a bell that the device refused is unlinked: all may be linked meanwhile")
{
	FOR_EACH_CASE() {
		const struct vqp_doorbell_options options = {
			.ring = count_ring,
		};
		struct vqp_handle handle = { MOCK_CID, 700 }, told;

		mock.answers[VQP_HYPERCALL_DOORBELL_LINK] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_LINK] =
		    VQP_ERROR_NO_RESOURCES;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_NO_RESOURCES);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_DOORBELL_UNLINK), 1);
		memcpy(&told, mock_last(&mock,
		    VQP_HYPERCALL_DOORBELL_UNLINK)->at + 24, sizeof(told));
		CHECK_EQ(told.context, MOCK_CID);
		CHECK_EQ(told.resource, 700);
	}
}

/* The first link is one that the device has already. */
static void
answer_links(struct mock *at, const struct vqp_datagram *datagram)
{
	if (datagram->dst.resource == VQP_HYPERCALL_DOORBELL_UNLINK)
		at->answers[VQP_HYPERCALL_DOORBELL_LINK] = false;
}

TEST(linked_before,
    "a bell that was linked with all others meanwhile is linked once more")
{
	FOR_EACH_CASE() {
		const struct vqp_doorbell_options options = {
			.ring = count_ring,
		};
		struct vqp_handle handle = { MOCK_CID, 700 };

		mock.answers[VQP_HYPERCALL_DOORBELL_LINK] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_LINK] =
		    VQP_ERROR_DUPLICATE_ENTRY;
		mock.sees = answer_links;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_DOORBELL_LINK), 2);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_DOORBELL_UNLINK), 1);
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_SUCCESS);
		/* An answer that cannot be. */
		mock.sees = NULL;
		mock.answers[VQP_HYPERCALL_DOORBELL_LINK] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_LINK] = 1;
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_GENERIC);
		CHECK_EQ(case_counters().bad_results, 1);
	}
}

TEST(lost_is_said, "a bell that is not linked again after a sleep is said so")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct vqp_handle handle = case_bell(&counted, 0);

		vqp_core_suspend(mock.core);
		mock.answers[VQP_HYPERCALL_DOORBELL_LINK] = true;
		mock.answer[VQP_HYPERCALL_DOORBELL_LINK] =
		    VQP_ERROR_NO_RESOURCES;
		CHECK_EQ(vqp_core_resume(mock.core), VQP_SUCCESS);
		CHECK_EQ(sim_os_log_count(mock.os), 1);
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_SUCCESS);
	}
}

/* ---- A name that was guessed. */

#define GUESSED 700

static uintptr_t maker;
static bool guessing;
static unsigned ends[2];

/* Of the maker's bells the device has none, and it takes its time. */
static void
refuse_maker(struct mock *at, const struct vqp_datagram *datagram)
{
	(void)datagram;
	at->answers[VQP_HYPERCALL_DOORBELL_LINK] =
	    vqp_os_self(at->os) == maker;
	at->answer[VQP_HYPERCALL_DOORBELL_LINK] = VQP_ERROR_NO_RESOURCES;
}

static int
make_guessed(struct counted *counted)
{
	const struct vqp_doorbell_options options = {
		.ring = count_ring,
		.argument = counted,
	};
	struct vqp_handle handle = { MOCK_CID, GUESSED };

	return vqp_core_doorbell_create(mock.core, &options, &handle);
}

static void
destroy_guessed(void *argument)
{
	(void)argument;
	while (guessing) {
		ends[0] += vqp_core_doorbell_destroy(mock.core,
		    (struct vqp_handle){ MOCK_CID, GUESSED }) == VQP_SUCCESS;
		sim_sleep(100);
	}
}

static void
take_guessed(void *argument)
{
	while (guessing) {
		ends[1] += make_guessed(argument) == VQP_SUCCESS;
		sim_sleep(100);
	}
}

TEST(guessed_name_ends_once,
    "a bell that was refused ends once, whoever guessed and took its name")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct sim_thread *thread[2];

		maker = vqp_os_self(mock.os);
		mock.sees = refuse_maker;
		guessing = true;
		ends[0] = ends[1] = 0;
		thread[0] = sim_spawn("destroys", SIM_TASK, destroy_guessed,
		    NULL);
		thread[1] = sim_spawn("makes", SIM_TASK, take_guessed,
		    &counted);
		for (unsigned i = 0; i < 60; i++) {
			CHECK(make_guessed(&counted) < 0);
			sim_sleep(100);
		}
		guessing = false;
		sim_join(thread[0]);
		sim_join(thread[1]);
		ends[1] -= vqp_core_doorbell_destroy(mock.core,
		    (struct vqp_handle){ MOCK_CID, GUESSED }) == VQP_SUCCESS;
		/* Each that was made was ended, and some that were refused. */
		CHECK(ends[0] >= ends[1]);
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core,
		    (struct vqp_handle){ MOCK_CID, GUESSED }),
		    VQP_ERROR_NOT_FOUND);
	}
}

TEST(ends_before_the_start,
    "a bell that ends between a plug and its start is unlinked by the device")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		struct sim_thread *thread;

		shared = case_bell(&counted, 0);
		vqp_core_unplug(mock.core);
		CHECK_EQ(vqp_core_plug(mock.core, case_dma), VQP_SUCCESS);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_DOORBELL_LINK), 2);
		won = 0;
		thread = sim_spawn("ends", SIM_TASK, destroy_shared, NULL);
		sim_join(thread);
		CHECK_EQ(won, 1);
		CHECK_EQ(mock_count(&mock, VQP_HYPERCALL_DOORBELL_UNLINK), 1);
		vqp_core_start(mock.core);
	}
}

/* What the device knows of one bell. */
static bool is_linked;

static void
see_links(struct mock *mock_, const struct vqp_datagram *datagram)
{
	(void)mock_;
	if (datagram->dst.resource == VQP_HYPERCALL_DOORBELL_LINK)
		is_linked = true;
	else if (datagram->dst.resource == VQP_HYPERCALL_DOORBELL_UNLINK)
		is_linked = false;
}

TEST(ends_at_any_step_of_a_plug,
    "a bell that ends while all are linked anew does not stay linked")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		bool met = true;

		mock.sees = see_links;
		for (uint64_t step = 1; met; step++) {
			shared = case_bell(&counted, 0);
			vqp_core_unplug(mock.core);
			is_linked = false;
			won = 0;
			meeting_plan(destroy_shared, NULL, step);
			CHECK_EQ(vqp_core_plug(mock.core, case_dma),
			    VQP_SUCCESS);
			vqp_core_start(mock.core);
			met = meeting_end();
			if (met) {
				CHECK_EQ(won, 1);
				CHECK(!is_linked);
			}
		}
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, shared),
		    VQP_SUCCESS);
	}
}

static bool held;

static void
receive_held(void *argument, const struct vqp_datagram *datagram)
{
	(void)argument, (void)datagram;
	while (held)
		sim_sleep(10000);
}

static void
serve_datagrams(void *argument)
{
	(void)argument;
	mock_serve(&mock, VQP_CAUSE_DATAGRAM);
}

TEST(f10_two_lanes, "F10: a bell does not wait for a receiver that is slow")
{
	FOR_EACH_CASE() {
		const struct vqp_endpoint_options options = {
			.resource = VQP_RESOURCE_ANY,
			.receive = receive_held,
		};
		struct counted counted = { 0 };
		struct vqp_handle bell = case_bell(&counted, 0), endpoint;
		struct sim_thread *thread;

		CHECK_EQ(vqp_core_endpoint_create(mock.core, &options,
		    &endpoint), VQP_SUCCESS);
		held = true;
		mock_datagram(&mock, case_host, endpoint, NULL, 0);
		thread = sim_spawn("serves", SIM_TASK, serve_datagrams, NULL);
		sim_sleep(100000);
		ring(last_index(), 1);
		CHECK_EQ(counted.calls, 1);
		held = false;
		sim_join(thread);
		vqp_core_endpoint_destroy(mock.core, endpoint);
		vqp_core_doorbell_destroy(mock.core, bell);
	}
}

TEST(case_73_no_bells, "F6, 73: without notifications bells are refused")
{
	FOR_EACH_BARE_CASE() {
		struct counted counted = { 0 };
		const struct vqp_doorbell_options options = {
			.ring = count_ring,
			.argument = &counted,
		};
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };

		if (case_seed % 2) {
			mock.caps &= ~VQP_CAP_NOTIFICATIONS;
		} else {
			mock.answers[VQP_HYPERCALL_SET_NOTIFY_BITMAP] = true;
			mock.answer[VQP_HYPERCALL_SET_NOTIFY_BITMAP] = -13;
		}
		CHECK_EQ(mock_attach(&mock), VQP_SUCCESS);
		vqp_core_start(mock.core);
		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_ERROR_UNAVAILABLE);
		CHECK_EQ(sim_os_log_count(mock.os), case_seed % 2 == 0);
		CHECK_EQ(mock.caps_acked & VQP_CAP_NOTIFICATIONS, 0);
		CHECK_EQ(mock.imr & VQP_CAUSE_NOTIFICATION, 0);
		(void)case_endpoint(&counted, 0);
		vqp_core_endpoint_destroy(mock.core,
		    (struct vqp_handle){ MOCK_CID, VQP_RESOURCE_FREE_MIN });
	}
}

/* The device rings again while the callback looks at its queue. */
static void
ring_again(void *argument)
{
	struct counted *counted = argument;

	if (counted->calls++ == 0)
		*mock_bitmap(&mock) = 1;
}

TEST(rung_while_called, "E4: a ring during the callback is not erased")
{
	FOR_EACH_CASE() {
		struct counted counted = { 0 };
		const struct vqp_doorbell_options options = {
			.ring = ring_again,
			.argument = &counted,
		};
		struct vqp_handle handle = { VQP_INVALID_ID, VQP_INVALID_ID };

		CHECK_EQ(vqp_core_doorbell_create(mock.core, &options,
		    &handle), VQP_SUCCESS);
		*mock_bitmap(&mock) = 1;
		mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
		CHECK_EQ(counted.calls, 1);
		mock_serve(&mock, VQP_CAUSE_NOTIFICATION);
		CHECK_EQ(counted.calls, 2);
		CHECK_EQ(vqp_core_doorbell_destroy(mock.core, handle),
		    VQP_SUCCESS);
	}
}

TEST_MAIN()
