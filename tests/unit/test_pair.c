/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queue pairs and VMCI's copying verbs: their exact answers (docs/wire.md 4.3,
 * 4.9) towards an honest peer.
 */
#include <limits.h>

#include "loop.h"
#include "pattern.h"
#include "test.h"

static const enum vqp_layout layouts[] = { VQP_LAYOUT_COMPAT, VQP_LAYOUT_WIDE };

/* Empty both ends' rings and let them go on at these indices. */
static void
start_at(struct loop_pair *pair, uint64_t tail, uint64_t head)
{
	vqp_store_relaxed(pair->a.tx.tail_cell, tail);
	vqp_store_relaxed(pair->b.rx.head_cell, head);
	loop_pair_attach(pair);
}

TEST(names_of_status, "a status number has its name, another number none")
{
#define CHECK_NAME(name, number)					\
	CHECK_EQ(name, number);						\
	CHECK_EQ(strcmp(vqp_status_name(number), #name), 0);
	VQP_STATUS_LIST(CHECK_NAME)
	CHECK_EQ(strcmp(vqp_status_name(6), "unknown status"), 0);
	CHECK_EQ(strcmp(vqp_status_name(-42), "unknown status"), 0);
	CHECK_EQ(strcmp(vqp_status_name(INT64_MIN), "unknown status"), 0);
	/* Not -24, although its low word is. */
	CHECK_EQ(strcmp(vqp_status_name(-24 - (INT64_C(1) << 32)),
	    "unknown status"), 0);
}

TEST(status_numbers, "the numbers that leave the engine are VMCI's")
{
	CHECK_EQ(VQP_SUCCESS, 0);
	CHECK_EQ(VQP_ERROR_INVALID_ARGS, -2);
	CHECK_EQ(VQP_ERROR_PAYLOAD_TOO_LARGE, -11);
	CHECK_EQ(VQP_ERROR_INVALID_SIZE, -24);
	CHECK_EQ(VQP_ERROR_NO_SPACE, -35);
	CHECK_EQ(VQP_ERROR_NO_DATA, -36);
}

TEST(header_init, "a new header has the handle and zero indices")
{
	const struct vqp_handle handle = { 0x11223344, 0x55667788 };
	uint8_t page[LOOP_HEADER_BYTES] VQP_ALIGNED(8);
	const struct vqp_queue_header_wide *wide = (const void *)page;
	unsigned untouched = 0;

	memset(page, 0xee, sizeof(page));
	vqp_queue_header_init(page, handle);
	CHECK_EQ(wide->compat.handle.context, 0x11223344);
	CHECK_EQ(wide->compat.handle.resource, 0x55667788);
	CHECK_EQ(vqp_load_relaxed(&wide->compat.producer_tail), 0);
	CHECK_EQ(vqp_load_relaxed(&wide->compat.consumer_head), 0);
	CHECK_EQ(vqp_load_relaxed(&wide->producer_tail), 0);
	CHECK_EQ(vqp_load_relaxed(&wide->consumer_head), 0);
	for (size_t i = 0; i < sizeof(page); i++)
		untouched += page[i] == 0xee;
	CHECK_EQ(untouched, sizeof(page) - 24 - 16);
}

TEST(attach_refuses, "a pair that cannot be one is refused")
{
	enum { PRODUCE, CONSUME };
	static const struct {
		int side;		/* which queue is spoilt */
		uint64_t size;
		size_t header_shift;
		bool has_header, has_data;
		int status;
	} row[] = {
		{ PRODUCE, 64, 0, true, true, VQP_SUCCESS },
		{ CONSUME, 64, 0, true, true, VQP_SUCCESS },
		{ PRODUCE, 64, 0, false, true, VQP_ERROR_INVALID_ARGS },
		{ CONSUME, 64, 0, false, true, VQP_ERROR_INVALID_ARGS },
		{ PRODUCE, 64, 4, true, true, VQP_ERROR_INVALID_ARGS },
		{ CONSUME, 64, 1, true, true, VQP_ERROR_INVALID_ARGS },
		{ PRODUCE, 64, 0, true, false, VQP_ERROR_INVALID_ARGS },
		{ CONSUME, 64, 0, true, false, VQP_ERROR_INVALID_ARGS },
		{ PRODUCE, 0, 0, true, false, VQP_SUCCESS },
		{ CONSUME, 0, 0, true, false, VQP_SUCCESS },
		{ PRODUCE, 0, 0, false, false, VQP_ERROR_INVALID_ARGS },
		{ PRODUCE, UINT64_MAX, 0, true, true, VQP_ERROR_INVALID_ARGS },
		{ CONSUME, UINT64_C(1) << 63, 0, true, true,
		    VQP_ERROR_INVALID_ARGS },
	};
	struct vqp_pair_config config;
	struct loop_pair pair;
	struct vqp_pair end;

	for (int l = 0; l < 2; l++) {
		loop_pair_open(&pair, 64, layouts[l]);
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			struct vqp_queue *queue;

			config = pair.a_config;
			queue = row[i].side == PRODUCE ?
			    &config.produce : &config.consume;
			queue->size = row[i].size;
			queue->header = row[i].has_header ?
			    (uint8_t *)queue->header + row[i].header_shift :
			    NULL;
			if (!row[i].has_data)
				queue->data = NULL;
			CHECK_EQ(vqp_pair_attach(&end, &config),
			    row[i].status);
		}
		config = pair.a_config;
		config.produce.size = config.consume.size = 0;
		CHECK_EQ(vqp_pair_attach(&end, &config),
		    VQP_ERROR_INVALID_ARGS);
		config = pair.a_config;
		config.layout = (enum vqp_layout)2;
		CHECK_EQ(vqp_pair_attach(&end, &config),
		    VQP_ERROR_INVALID_ARGS);
		loop_pair_close(&pair);
	}
}

TEST(attach_misaligned, "a pair or an end off its alignment is refused")
{
	/* A struct of malloc() stands at any multiple of 16. */
	static uint8_t memory[sizeof(struct vqp_pair) + 128] VQP_ALIGNED(128);
	struct loop_pair pair;
	struct loop loop;

	loop_pair_open(&pair, 64, VQP_LAYOUT_COMPAT);
	loop_open(&loop, 64);
	for (size_t at = 0; at <= 128; at++) {
		const int status = at % 128 == 0 ?
		    VQP_SUCCESS : VQP_ERROR_INVALID_ARGS;
		void *there = memory + at;

		CHECK_EQ(vqp_tx_attach(there, &loop.ring), status);
		CHECK_EQ(vqp_rx_attach(there, &loop.ring), status);
		memset(memory, 0xee, sizeof(memory));
		CHECK_EQ(vqp_pair_attach(there, &pair.a_config), status);
		if (status == VQP_SUCCESS)
			continue;
		for (size_t i = 0; i < sizeof(memory); i++)
			CHECK_EQ(memory[i], 0xee);
	}
	loop_close(&loop);
	loop_pair_close(&pair);
}

TEST(attach_checks_indices, "each of the four indices is checked at attach")
{
	struct loop_pair pair;
	struct vqp_pair end;

	for (int l = 0; l < 2; l++) {
		struct vqp_cell64 *cell[4];

		loop_pair_open(&pair, 64, layouts[l]);
		cell[0] = pair.a.tx.tail_cell;
		cell[1] = pair.a.rx.head_cell;
		cell[2] = pair.b.tx.tail_cell;
		cell[3] = pair.b.rx.head_cell;
		for (int i = 0; i < 4; i++) {
			vqp_store_relaxed(cell[i], 64);
			CHECK_EQ(vqp_pair_attach(&end, &pair.a_config),
			    VQP_ERROR_INVALID_SIZE);
			vqp_store_relaxed(cell[i], 63);
			CHECK_EQ(vqp_pair_attach(&end, &pair.a_config),
			    VQP_SUCCESS);
		}
		loop_pair_close(&pair);
	}
}

TEST(layouts_on_the_wire, "the indices lie where the layout says, crossed")
{
	struct loop_pair pair;
	uint8_t bytes[40] = { 0 };

	for (int l = 0; l < 2; l++) {
		const bool wide = layouts[l] == VQP_LAYOUT_WIDE;
		const uint8_t *a, *b;
		uint64_t index;

		loop_pair_open_as(&pair, 50, 60, layouts[l], false);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 40), 40);
		CHECK_EQ(vqp_pair_enqueue(&pair.b, bytes, 30), 30);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, bytes, 20), 20);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, bytes, 10), 10);
		vqp_rx_publish(&pair.a.rx);
		vqp_rx_publish(&pair.b.rx);
		a = pair.a_config.produce.header;
		b = pair.b_config.produce.header;
		memcpy(&index, a + (wide ? 128 : 8), 8);
		CHECK_EQ(index, 40);
		memcpy(&index, a + (wide ? 256 : 16), 8);
		CHECK_EQ(index, 20);
		memcpy(&index, b + (wide ? 128 : 8), 8);
		CHECK_EQ(index, 30);
		memcpy(&index, b + (wide ? 256 : 16), 8);
		CHECK_EQ(index, 10);
		/* The other layout's places are not used. */
		memcpy(&index, a + (wide ? 8 : 128), 8);
		CHECK_EQ(index, 0);
		memcpy(&index, b + (wide ? 16 : 256), 8);
		CHECK_EQ(index, 0);
		CHECK_EQ(pair.a.handle.context, pair.a_config.handle.context);
		CHECK_EQ(pair.a.handle.resource, pair.a_config.handle.resource);
		loop_pair_close(&pair);
	}
}

/* docs/wire.md 4.3: size 10, tail 8, head 3. */
TEST(worked_example, "the wrap example of the specification comes out")
{
	uint8_t five[5], six[9], all[9];
	uint64_t tail, head;
	struct loop_pair pair;

	for (int l = 0; l < 2; l++) {
		uint8_t *data;

		loop_pair_open(&pair, 10, layouts[l]);
		start_at(&pair, 3, 3);
		pattern_fill(five, 0, 5);
		pattern_fill(six, 5, 6);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, five, 5), 5);
		CHECK_EQ(vqp_pair_produce_ready(&pair.a), 5);
		CHECK_EQ(vqp_pair_produce_free(&pair.a), 4);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, six, 6), 4);
		data = pair.a_config.produce.data;
		CHECK(pattern_matches(data + 8, 5, 2));
		CHECK(pattern_matches(data, 7, 2));
		CHECK_EQ(vqp_pair_produce_indexes(&pair.a, &tail, &head),
		    VQP_SUCCESS);
		CHECK_EQ(tail, 2);
		CHECK_EQ(head, 3);
		CHECK_EQ(vqp_pair_produce_free(&pair.a), 0);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, six, 1),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, all, 9), 9);
		CHECK(pattern_matches(all, 0, 9));
		CHECK_EQ(vqp_pair_dequeue(&pair.b, all, 1), VQP_ERROR_NO_DATA);
		loop_pair_close(&pair);
	}
}

TEST(queries_are_exact, "free and ready are VMCI's for every pair of indices")
{
	struct loop_pair pair;

	loop_pair_open(&pair, 7, VQP_LAYOUT_COMPAT);
	for (uint64_t t = 0; t < 7; t++) {
		for (uint64_t h = 0; h < 7; h++) {
			const int64_t room =
			    (int64_t)(t >= h ? 7 - (t - h) - 1 : h - t - 1);
			uint64_t tail = 99, head = 99;

			start_at(&pair, t, h);
			CHECK_EQ(vqp_pair_produce_free(&pair.a), room);
			CHECK_EQ(vqp_pair_produce_ready(&pair.a), 6 - room);
			CHECK_EQ(vqp_pair_consume_free(&pair.b), room);
			CHECK_EQ(vqp_pair_consume_ready(&pair.b), 6 - room);
			CHECK_EQ(vqp_pair_produce_indexes(&pair.a, &tail,
			    NULL), VQP_SUCCESS);
			CHECK_EQ(vqp_pair_produce_indexes(&pair.a, NULL,
			    &head), VQP_SUCCESS);
			CHECK_EQ(tail, t);
			CHECK_EQ(head, h);
			tail = head = 99;
			CHECK_EQ(vqp_pair_consume_indexes(&pair.b, &tail,
			    NULL), VQP_SUCCESS);
			CHECK_EQ(vqp_pair_consume_indexes(&pair.b, NULL,
			    &head), VQP_SUCCESS);
			CHECK_EQ(tail, t);
			CHECK_EQ(head, h);
			/* The other direction is empty. */
			CHECK_EQ(vqp_pair_produce_free(&pair.b), 6);
			CHECK_EQ(vqp_pair_consume_ready(&pair.a), 0);
		}
	}
	loop_pair_close(&pair);
}

TEST(short_counts, "enqueue takes what fits, dequeue gives what is there")
{
	uint8_t bytes[16], got[16];
	struct loop_pair pair;

	for (int l = 0; l < 2; l++) {
		loop_pair_open(&pair, 9, layouts[l]);
		pattern_fill(bytes, 0, sizeof(bytes));
		for (uint64_t at = 0; at < 9; at++) {
			start_at(&pair, at, at);
			CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 5), 5);
			CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes + 5, 5), 3);
			CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 5),
			    VQP_ERROR_NO_SPACE);
			CHECK_EQ(vqp_pair_peek(&pair.b, got, 16), 8);
			CHECK(pattern_matches(got, 0, 8));
			memset(got, 0, sizeof(got));
			CHECK_EQ(vqp_pair_peek(&pair.b, got, 2), 2);
			CHECK(pattern_matches(got, 0, 2));
			CHECK_EQ(vqp_pair_dequeue(&pair.b, got, 3), 3);
			CHECK(pattern_matches(got, 0, 3));
			CHECK_EQ(vqp_pair_dequeue(&pair.b, got, 16), 5);
			CHECK(pattern_matches(got, 3, 5));
			CHECK_EQ(vqp_pair_dequeue(&pair.b, got, 1),
			    VQP_ERROR_NO_DATA);
			CHECK_EQ(vqp_pair_peek(&pair.b, got, 1),
			    VQP_ERROR_NO_DATA);
		}
		loop_pair_close(&pair);
	}
}

TEST(all_or_nothing, "send and receive move a whole message or no byte")
{
	uint8_t bytes[16], got[16];
	struct loop_pair pair;

	loop_pair_open(&pair, 9, VQP_LAYOUT_COMPAT);
	pattern_fill(bytes, 0, sizeof(bytes));
	for (uint64_t at = 0; at < 9; at++) {
		start_at(&pair, at, at);
		CHECK_EQ(vqp_pair_receive(&pair.b, got, 1), VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 9),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, UINT64_MAX),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 5), 5);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 4), VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_produce_ready(&pair.a), 5);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes + 5, 3), 3);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 1), VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 9),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_pair_receive(&pair.b, got, 6), 6);
		CHECK(pattern_matches(got, 0, 6));
		memset(got, 0xee, sizeof(got));
		CHECK_EQ(vqp_pair_receive(&pair.b, got, 3), VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_receive(&pair.b, got, 9),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(got[0], 0xee);
		CHECK_EQ(vqp_pair_consume_ready(&pair.b), 2);
		CHECK_EQ(vqp_pair_receive(&pair.b, got, 2), 2);
		CHECK(pattern_matches(got, 6, 2));
	}
	loop_pair_close(&pair);
}

TEST(zero_lengths, "length 0 answers 0, or that the ring is full or empty")
{
	uint8_t bytes[8] = { 0 };
	struct loop_pair pair;

	loop_pair_open(&pair, 9, VQP_LAYOUT_COMPAT);
	for (uint64_t at = 0; at < 9; at++) {
		start_at(&pair, at, at);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, NULL, 0), 0);
		CHECK_EQ(vqp_pair_send(&pair.a, NULL, 0), 0);
		CHECK_EQ(vqp_pair_enqueuev(&pair.a, NULL, 0), 0);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, NULL, 0),
		    VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_receive(&pair.b, NULL, 0),
		    VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_peek(&pair.b, NULL, 0), VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_dequeuev(&pair.b, NULL, 0),
		    VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 8), 8);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, NULL, 0),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_send(&pair.a, NULL, 0), VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_enqueuev(&pair.a, NULL, 0),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, NULL, 0), 0);
		CHECK_EQ(vqp_pair_receive(&pair.b, NULL, 0), 0);
		CHECK_EQ(vqp_pair_peek(&pair.b, NULL, 0), 0);
		CHECK_EQ(vqp_pair_peekv(&pair.b, NULL, 0), 0);
		CHECK_EQ(vqp_pair_consume_ready(&pair.b), 8);
	}
	loop_pair_close(&pair);
}

/*
 * Eight bytes in pieces that are not neighbours in memory: cut where a bit is
 * set in `cuts`, with an empty piece at each cut and at the end.
 */
#define PIECES_MAX (1 + 2 * 8 + 1)

struct pieces {
	struct vqp_iovec piece[PIECES_MAX];
	uint64_t count;
	uint8_t row[8][8];	/* a piece begins a row, the rest is 0xee */
};

static void
pieces_cut(struct pieces *it, unsigned cuts)
{
	uint64_t count = 0;

	memset(it, 0, sizeof(*it));
	memset(it->row, 0xee, sizeof(it->row));
	it->piece[0].base = it->row[0];
	for (int i = 0; i < 8; i++, cuts >>= 1) {
		if (cuts & 1) {
			count += 2;
			it->piece[count].base = it->row[i];
		}
		it->piece[count].length++;
	}
	it->count = count + 2;
}

static void
pieces_fill(struct pieces *it)
{
	uint64_t position = 0;

	for (uint64_t i = 0; i < it->count; i++) {
		pattern_fill(it->piece[i].base, position, it->piece[i].length);
		position += it->piece[i].length;
	}
}

/* The first `n` bytes arrived, and nothing else was written. */
static void
pieces_check(const struct pieces *it, uint64_t n)
{
	unsigned written = 0;
	uint64_t position = 0;

	for (uint64_t i = 0; i < it->count && position < n; i++) {
		const struct vqp_iovec *piece = &it->piece[i];
		const uint64_t part = piece->length < n - position ?
		    piece->length : n - position;

		CHECK(pattern_matches(piece->base, position, part));
		position += part;
	}
	for (int i = 0; i < 64; i++)
		written += it->row[i / 8][i % 8] != 0xee;
	CHECK_EQ(written, n);
}

TEST(vectors, "pieces of any length wrap anywhere, and are left as they were")
{
	struct pieces from, from_before, to, to_before;
	struct loop_pair pair;

	for (uint64_t size = 2; size <= 9; size++) {
		loop_pair_open(&pair, size, layouts[size % 2]);
		for (unsigned k = 0; k < 256 * size; k++) {
			struct vqp_pair *a = &pair.a, *b = &pair.b;
			const unsigned cuts = k / (unsigned)size;

			pieces_cut(&from, cuts);
			pieces_fill(&from);
			from_before = from;
			pieces_cut(&to, cuts * 37 % 256);
			to_before = to;
			start_at(&pair, k % size, k % size);
			CHECK_EQ(vqp_pair_enqueuev(a, from.piece, from.count),
			    size - 1);
			CHECK_EQ(memcmp(&from, &from_before, sizeof(from)), 0);
			CHECK_EQ(vqp_pair_peekv(b, to.piece, to.count),
			    size - 1);
			pieces_check(&to, size - 1);
			to = to_before;
			CHECK_EQ(vqp_pair_dequeuev(b, to.piece, to.count),
			    size - 1);
			pieces_check(&to, size - 1);
			CHECK_EQ(memcmp(to.piece, to_before.piece,
			    sizeof(to.piece)), 0);
			CHECK_EQ(vqp_pair_dequeuev(b, to.piece, to.count),
			    VQP_ERROR_NO_DATA);
		}
		loop_pair_close(&pair);
	}
}

TEST(vector_totals, "lengths that add up to 2^63 or more are refused")
{
	uint8_t byte = 7;
	/* Compilers warn of such a copy, not knowing that none happens. */
	const volatile uint64_t huge = UINT64_C(1) << 63;
	const struct vqp_iovec too_long[4][3] = {
		{ { &byte, UINT64_C(1) << 62 }, { &byte, UINT64_C(1) << 62 } },
		/* Sums that wrap around to something small. */
		{ { &byte, 2 }, { &byte, UINT64_MAX } },
		{ { &byte, INT64_MAX }, { &byte, UINT64_MAX - 1 } },
		{ { &byte, INT64_MAX }, { &byte, INT64_MAX }, { &byte, 3 } },
	};
	/* The longest total there is; one byte of it is ever touched. */
	const struct vqp_iovec longest[2] = {
		{ &byte, 1 }, { &byte, INT64_MAX - 1 },
	};
	struct loop_pair pair;

	loop_pair_open(&pair, 2, VQP_LAYOUT_COMPAT);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(vqp_pair_enqueuev(&pair.a, too_long[i], 3),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_peekv(&pair.b, too_long[i], 3),
		    VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_dequeuev(&pair.b, too_long[i], 3),
		    VQP_ERROR_INVALID_ARGS);
	}
	CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, huge),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(vqp_pair_produce_ready(&pair.a), 0);
	CHECK_EQ(vqp_pair_enqueuev(&pair.a, longest, 2), 1);
	CHECK_EQ(vqp_pair_dequeue(&pair.b, &byte, huge),
	    VQP_ERROR_INVALID_ARGS);
	CHECK_EQ(vqp_pair_peek(&pair.b, &byte, huge),
	    VQP_ERROR_INVALID_ARGS);
	byte = 0;
	CHECK_EQ(vqp_pair_dequeuev(&pair.b, longest, 2), 1);
	CHECK_EQ(byte, 7);
	loop_pair_close(&pair);
}

TEST(directions_are_apart, "each direction has its own size, bytes and state")
{
	uint8_t bytes[64], got[64];
	struct loop_pair pair;

	for (int l = 0; l < 2; l++) {
		loop_pair_open_as(&pair, 5, 50, layouts[l], false);
		pattern_fill(bytes, 0, 64);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 64), 4);
		CHECK_EQ(vqp_pair_enqueue(&pair.b, bytes + 4, 60), 49);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, got, 64), 4);
		CHECK(pattern_matches(got, 0, 4));
		CHECK_EQ(vqp_pair_dequeue(&pair.a, got, 64), 49);
		CHECK(pattern_matches(got, 4, 49));
		/* One breaks, the other works on. */
		vqp_store_relaxed(pair.b.rx.head_cell, 5);
		CHECK_EQ(vqp_pair_produce_free(&pair.a),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_enqueue(&pair.b, bytes, 6), 6);
		CHECK_EQ(vqp_pair_receive(&pair.a, got, 6), 6);
		CHECK(pattern_matches(got, 0, 6));
		loop_pair_close(&pair);
	}
}

TEST(one_way_pairs, "a direction without bytes refuses, the other works")
{
	uint8_t bytes[8] = { 0 };
	uint64_t tail, head;
	struct loop_pair pair;

	for (int l = 0; l < 2; l++) {
		loop_pair_open_as(&pair, 0, 6, layouts[l], false);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes, 0),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_send(&pair.a, bytes, 0),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, bytes, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_receive(&pair.b, bytes, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_peek(&pair.b, bytes, 1),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_produce_free(&pair.a),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_produce_ready(&pair.a),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_consume_free(&pair.b),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_consume_ready(&pair.b),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_produce_indexes(&pair.a, &tail, &head),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_consume_indexes(&pair.b, &tail, &head),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_send(&pair.b, bytes, 5), 5);
		CHECK_EQ(vqp_pair_receive(&pair.a, bytes, 5), 5);
		loop_pair_close(&pair);
	}
}

TEST(one_byte_ring, "a ring of one byte is full and empty at once, for ever")
{
	uint8_t byte = 0;
	struct loop_pair pair;

	for (int l = 0; l < 2; l++) {
		loop_pair_open(&pair, 1, layouts[l]);
		CHECK_EQ(vqp_pair_produce_free(&pair.a), 0);
		CHECK_EQ(vqp_pair_consume_ready(&pair.b), 0);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, 1),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_enqueue(&pair.a, &byte, 0),
		    VQP_ERROR_NO_SPACE);
		CHECK_EQ(vqp_pair_send(&pair.a, &byte, 1),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_pair_dequeue(&pair.b, &byte, 1),
		    VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_receive(&pair.b, &byte, 1),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		loop_pair_close(&pair);
	}
}

TEST(mixed_with_ends, "copying verbs and in-place verbs share one stream")
{
	struct vqp_span out[2];
	uint8_t bytes[16], got[16];
	struct loop_pair pair;

	loop_pair_open(&pair, 16, VQP_LAYOUT_WIDE);
	pattern_fill(bytes, 0, 16);
	start_at(&pair, 14, 14);
	CHECK_EQ(vqp_tx_reserve(&pair.a.tx, 3, out), 3);
	vqp_copy(out[0].base, bytes, out[0].length);
	vqp_copy(out[1].base, bytes + 2, out[1].length);
	vqp_tx_stage(&pair.a.tx, 3);
	CHECK_EQ(vqp_pair_dequeue(&pair.b, got, 16), VQP_ERROR_NO_DATA);
	/* A copying verb publishes what was staged before it. */
	CHECK_EQ(vqp_pair_enqueue(&pair.a, bytes + 3, 4), 4);
	CHECK_EQ(vqp_rx_peek(&pair.b.rx, 2, out), 2);
	vqp_rx_stage(&pair.b.rx, 2);
	CHECK_EQ(vqp_pair_consume_ready(&pair.b), 7);
	CHECK_EQ(vqp_pair_dequeue(&pair.b, got, 16), 5);
	CHECK(pattern_matches(got, 2, 5));
	CHECK_EQ(vqp_pair_consume_ready(&pair.b), 0);
	loop_pair_close(&pair);
}

/* What the peer has not been shown of what was sent. */
static uint64_t
unseen(const struct loop_pair *pair)
{
	const struct vqp_tx *tx = &pair->a.tx;

	return vqp_ring_distance(vqp_load_relaxed(tx->tail_cell), tx->tail,
	    tx->size);
}

TEST(more_stays_unseen, "a message that more follow is seen by what follows")
{
	uint8_t bytes[32], got[32];
	struct vqp_span out[2];
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	pattern_fill(bytes, 0, 32);
	for (int verb = 0; verb < 6; verb++) {
		loop_pair_open(&pair, 31, layouts[verb % 2]);
		/* The fourth wraps. */
		start_at(&pair, 20, 20);
		for (uint64_t i = 0; i < 16; i += 4)
			CHECK_EQ(vqp_pair_send_more(a, bytes + i, 4), 4);
		CHECK_EQ(unseen(&pair), 16);
		CHECK_EQ(vqp_pair_produce_ready(a), 0);
		CHECK_EQ(vqp_pair_receive(b, got, 1), VQP_ERROR_NO_DATA);
		switch (verb) {
		case 0:
			CHECK_EQ(vqp_pair_send(a, bytes + 16, 4), 4);
			break;
		case 1:
			CHECK_EQ(vqp_pair_enqueue(a, bytes + 16, 4), 4);
			break;
		case 2:
			CHECK_EQ(vqp_pair_send_batch(a, bytes + 16, 2, 2), 2);
			break;
		case 3:
			CHECK_EQ(vqp_tx_reserve(&a->tx, 4, out), 4);
			pattern_fill_spans(out, 16);
			vqp_tx_commit(&a->tx, 4);
			break;
		case 4:
			CHECK_EQ(vqp_pair_send_more(a, bytes + 16, 4), 4);
			vqp_pair_flush(a);
			break;
		default:
			CHECK_EQ(vqp_pair_send_more(a, bytes + 16, 4), 4);
			vqp_tx_publish(&a->tx);
		}
		CHECK_EQ(unseen(&pair), 0);
		CHECK_EQ(vqp_pair_receive(b, got, 20), 20);
		CHECK(pattern_matches(got, 0, 20));
		loop_pair_close(&pair);
	}
}

TEST(more_answers, "send_more answers as send, and NO_SPACE keeps nothing back")
{
	uint8_t bytes[16], got[16];
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	pattern_fill(bytes, 0, 16);
	loop_pair_open(&pair, 9, VQP_LAYOUT_COMPAT);
	for (uint64_t at = 0; at < 9; at++) {
		start_at(&pair, at, at);
		CHECK_EQ(vqp_pair_send_more(a, NULL, 0), 0);
		CHECK_EQ(vqp_pair_send_more(a, bytes, 5), 5);
		CHECK_EQ(vqp_pair_send_more(a, NULL, 0), 0);
		CHECK_EQ(vqp_pair_send_more(a, bytes, 9),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(vqp_pair_send_more(a, bytes, UINT64_MAX),
		    VQP_ERROR_PAYLOAD_TOO_LARGE);
		CHECK_EQ(unseen(&pair), 5);
		CHECK_EQ(vqp_pair_send_more(a, bytes, 4), VQP_ERROR_NO_SPACE);
		CHECK_EQ(unseen(&pair), 0);
		CHECK_EQ(vqp_pair_send_more(a, bytes + 5, 3), 3);
		CHECK_EQ(vqp_pair_produce_ready(a), 5);
		CHECK_EQ(vqp_pair_send_more(a, NULL, 0), VQP_ERROR_NO_SPACE);
		CHECK_EQ(unseen(&pair), 0);
		CHECK_EQ(vqp_pair_receive(b, got, 8), 8);
		CHECK(pattern_matches(got, 0, 8));
	}
	loop_pair_close(&pair);

	loop_pair_open_as(&pair, 0, 6, VQP_LAYOUT_COMPAT, false);
	CHECK_EQ(vqp_pair_send_more(a, bytes, 1), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_pair_send_more(a, bytes, 0), VQP_ERROR_INVALID_SIZE);
	vqp_pair_flush(a);
	loop_pair_close(&pair);
}

/* README's example: a header with more to follow, and a payload. */
TEST(no_space_keeps_nothing, "NO_SPACE from any verb shows the peer what was sent")
{
	static uint8_t bytes[4096], got[4096];
	const struct vqp_iovec pieces[2] = { { bytes, 1 }, { bytes, 1 } };
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	for (int verb = 0; verb < 7; verb++) {
		/* A part of what is wanted is free, or nothing. */
		const bool full = verb >= 3;

		loop_pair_open(&pair, 4096, layouts[verb % 2]);
		start_at(&pair, 4000, 4000);
		CHECK(vqp_rx_may_sleep(&b->rx));
		if (full)
			CHECK_EQ(vqp_pair_send(a, bytes, 4079), 4079);
		CHECK_EQ(vqp_pair_send_more(a, bytes, 16), 16);
		CHECK_EQ(unseen(&pair), 16);
		CHECK_EQ(verb == 0 ? vqp_pair_send(a, bytes, 4090) :
		    verb == 1 ? vqp_pair_send_batch(a, bytes, 4090, 1) :
		    verb == 2 ? vqp_pair_send_more(a, bytes, 4090) :
		    verb == 3 ? vqp_pair_send_batch(a, bytes, 2, 3) :
		    verb == 4 ? vqp_pair_enqueue(a, bytes, 1) :
		    verb == 5 ? vqp_pair_enqueuev(a, pieces, 2) :
		    vqp_pair_enqueue(a, bytes, 0), VQP_ERROR_NO_SPACE);
		CHECK_EQ(unseen(&pair), 0);
		/* Seen, not announced: a sleeper is rung by the edge. */
		CHECK(vqp_tx_publish_edge(&a->tx));
		CHECK_EQ(vqp_pair_receive(b, got, full ? 4095 : 16),
		    full ? 4095 : 16);
		CHECK_EQ(vqp_pair_receive(b, got, 1), VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_send(a, bytes, 4090), 4090);
		loop_pair_close(&pair);
	}
}

/* A producer waits for just the space that was received and not given back. */
TEST(asking_gives_back, "a consumer that finds or asks for no bytes gives back")
{
	uint8_t bytes[64], got[64];
	const struct vqp_iovec piece = { got, 0 };
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	pattern_fill(bytes, 0, 64);
	for (int verb = 0; verb < 6; verb++) {
		loop_pair_open(&pair, 64, layouts[verb % 2]);
		CHECK_EQ(vqp_pair_send(a, bytes, 10), 10);
		CHECK_EQ(vqp_pair_receive(b, got, 10), 10);
		CHECK_EQ(vqp_pair_consume_ready(b), 0);
		CHECK_EQ(vqp_pair_send(a, bytes, 63), VQP_ERROR_NO_SPACE);
		CHECK_EQ(verb == 0 ? vqp_pair_dequeue(b, got, 0) :
		    verb == 1 ? vqp_pair_dequeuev(b, &piece, 1) :
		    verb == 2 ? vqp_pair_peek(b, got, 0) :
		    verb == 3 ? vqp_pair_receive(b, got, 0) :
		    verb == 4 ? vqp_pair_receive_batch(b, got, 1, 1) :
		    vqp_pair_poll(b),
		    verb == 5 ? 0 : VQP_ERROR_NO_DATA);
		CHECK_EQ(vqp_pair_send(a, bytes, 63), 63);
		CHECK_EQ(vqp_pair_poll(b), 63);
		CHECK_EQ(vqp_pair_receive(b, got, 3), 3);
		/* With bytes to read as well: who waits may want more. */
		CHECK_EQ(vqp_pair_produce_free(a), 0);
		CHECK_EQ(vqp_pair_poll(b), 60);
		CHECK_EQ(vqp_pair_produce_free(a), 3);
		loop_pair_close(&pair);
	}
}

TEST(poll_keeps_staged, "to ask gives back no byte that is still looked at")
{
	uint8_t bytes[64] = { 0 };
	struct vqp_span out[2];
	struct loop_pair pair;

	loop_pair_open(&pair, 64, VQP_LAYOUT_COMPAT);
	CHECK_EQ(vqp_pair_send(&pair.a, bytes, 20), 20);
	CHECK_EQ(vqp_pair_receive(&pair.b, bytes, 5), 5);
	CHECK_EQ(vqp_rx_peek(&pair.b.rx, 4, out), 4);
	vqp_rx_stage(&pair.b.rx, 4);
	CHECK_EQ(vqp_pair_poll(&pair.b), 15);
	CHECK_EQ(vqp_load_relaxed(pair.b.rx.head_cell), 5);
	loop_pair_close(&pair);
}

/* Bytes that wrap, so that the last of them lie beyond the soft limit. */
TEST(abandon_keeps_published, "what a peer that is gone had published is read")
{
	uint8_t bytes[64], got[64];
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	pattern_fill(bytes, 0, 64);
	for (uint64_t at = 0; at < 64; at++) {
		loop_pair_open(&pair, 64, layouts[at % 2]);
		start_at(&pair, at, at);
		CHECK_EQ(vqp_pair_send(a, bytes, 20), 20);
		/* Some of it was seen before, some was not. */
		CHECK_EQ(vqp_pair_peek(b, got, 20), 20);
		CHECK_EQ(vqp_pair_send(a, bytes + 20, 9), 9);
		vqp_pair_abandon(b);
		CHECK_EQ(vqp_pair_consume_ready(b), 29);
		CHECK_EQ(vqp_pair_consume_free(b), 34);
		CHECK_EQ(vqp_pair_poll(b), 29);
		CHECK_EQ(vqp_pair_receive(b, got, 24), 24);
		CHECK(pattern_matches(got, 0, 24));
		/* No more than there is, and no waiting for more. */
		CHECK_EQ(vqp_pair_receive(b, got, 6), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_receive_batch(b, got, 6, 2),
		    VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_receive_batch(b, got, 1, 2), 2);
		CHECK_EQ(vqp_pair_dequeue(b, got, 64), 3);
		CHECK(pattern_matches(got, 26, 3));
		CHECK_EQ(vqp_pair_consume_ready(b), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_consume_free(b), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_poll(b), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_dequeue(b, got, 64), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_receive(b, got, 1), VQP_ERROR_INVALID_SIZE);
		CHECK(!vqp_rx_may_sleep(&b->rx));
		/* What is below the soft limit still goes. */
		(void)vqp_pair_send(b, bytes, 63);
		CHECK_EQ(vqp_pair_send(b, bytes, 1), VQP_ERROR_INVALID_SIZE);
		loop_pair_close(&pair);
	}
}

TEST(abandon_finds_lie, "a lie that a peer left behind breaks its direction")
{
	struct loop_pair pair;
	uint8_t got[8];

	for (int query = 0; query < 2; query++) {
		loop_pair_open(&pair, 64, VQP_LAYOUT_COMPAT);
		CHECK_EQ(vqp_pair_send(&pair.b, "12345678", 8), 8);
		CHECK_EQ(vqp_pair_peek(&pair.a, got, 8), 8);
		vqp_store_relaxed(pair.b.tx.tail_cell, query == 0 ? 4 : 64);
		vqp_pair_abandon(&pair.a);
		CHECK_EQ(query == 0 ? vqp_rx_refill(&pair.a.rx, 9) :
		    vqp_pair_poll(&pair.a), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_load_relaxed(&pair.a.rx.broken), query == 0 ?
		    VQP_BROKEN_STEP : VQP_BROKEN_RANGE);
		vqp_store_relaxed(pair.b.tx.tail_cell, 8);
		CHECK_EQ(vqp_pair_poll(&pair.a), VQP_ERROR_INVALID_SIZE);
		CHECK_EQ(vqp_pair_dequeue(&pair.a, got, 16),
		    VQP_ERROR_INVALID_SIZE);
		loop_pair_close(&pair);
	}
}

TEST(abandon_keeps_reason, "a direction that is broken keeps its first reason")
{
	struct loop_pair pair;
	uint8_t got[1];

	loop_pair_open(&pair, 64, VQP_LAYOUT_COMPAT);
	vqp_store_relaxed(pair.b.tx.tail_cell, 64);
	CHECK_EQ(vqp_pair_dequeue(&pair.a, got, 1), VQP_ERROR_INVALID_SIZE);
	vqp_store_relaxed(pair.b.rx.head_cell, 64);
	CHECK_EQ(vqp_pair_produce_free(&pair.a), VQP_ERROR_INVALID_SIZE);
	vqp_pair_abandon(&pair.a);
	CHECK_EQ(vqp_load_relaxed(&pair.a.rx.broken), VQP_BROKEN_RANGE);
	CHECK_EQ(vqp_load_relaxed(&pair.a.tx.broken), VQP_BROKEN_RANGE);
	loop_pair_close(&pair);
}

/* A sixteenth of the ring, but within two bounds. */
TEST(more_by_chunks, "of a stream of MORE a chunk is seen when it is full")
{
	static const struct {
		uint64_t size, chunk;
	} row[] = {
		{ 10000, 4096 }, { 65536, 4096 }, { 100000, 6250 },
		{ 262144, 16384 }, { 1000000, 16384 },
	};
	static uint8_t bytes[VQP_BULK_BYTES], got[VQP_BULK_BYTES];

	for (int i = 0; i < 5; i++) {
		for (uint64_t length = 1; length <= VQP_BULK_BYTES;
		    length = length * 5 + 3) {
			struct loop_pair pair;
			uint64_t sent = 0, seen = 0;

			loop_pair_open(&pair, row[i].size, layouts[i % 2]);
			while (sent + length < row[i].size) {
				pattern_fill(bytes, sent, length);
				CHECK_EQ(vqp_pair_send_more(&pair.a, bytes,
				    length), length);
				sent += length;
				CHECK(sent - seen <= row[i].chunk + length);
				if (unseen(&pair) != 0)
					continue;
				CHECK(sent - seen >= row[i].chunk);
				seen = sent;
			}
			vqp_pair_flush(&pair.a);
			for (seen = 0; seen < sent; seen += length) {
				CHECK_EQ(vqp_pair_receive(&pair.b, got,
				    length), length);
				CHECK(pattern_matches(got, seen, length));
			}
			loop_pair_close(&pair);
		}
	}
}

TEST(batches, "a batch is whole messages, as many as fit or are there")
{
	uint8_t bytes[32], got[32];
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	pattern_fill(bytes, 0, 32);
	for (int l = 0; l < 2; l++) {
		loop_pair_open(&pair, 24, layouts[l]);
		for (uint64_t at = 0; at < 24; at++) {
			start_at(&pair, at, at);
			CHECK_EQ(vqp_pair_receive_batch(b, got, 5, 2),
			    VQP_ERROR_NO_DATA);
			CHECK_EQ(vqp_pair_send_batch(a, bytes, 5, 1), 1);
			/* 18 bytes are free: three messages and a rest. */
			CHECK_EQ(vqp_pair_send_batch(a, bytes + 5, 5, 5), 3);
			CHECK_EQ(vqp_pair_produce_ready(a), 20);
			CHECK_EQ(vqp_pair_send_batch(a, bytes, 5, 1),
			    VQP_ERROR_NO_SPACE);
			CHECK_EQ(vqp_pair_send_batch(a, bytes, 5, 3),
			    VQP_ERROR_NO_SPACE);
			CHECK_EQ(vqp_pair_send_batch(a, bytes + 20, 3, 2), 1);
			CHECK_EQ(vqp_pair_send_batch(a, bytes, 1, 1),
			    VQP_ERROR_NO_SPACE);
			/* One, and two whole ones; the rest stays. */
			CHECK_EQ(vqp_pair_receive_batch(b, got, 7, 1), 1);
			CHECK(pattern_matches(got, 0, 7));
			memset(got, 0xee, sizeof(got));
			CHECK_EQ(vqp_pair_receive_batch(b, got, 7, 4), 2);
			CHECK(pattern_matches(got, 7, 14));
			CHECK_EQ(got[14], 0xee);
			CHECK_EQ(vqp_pair_receive_batch(b, got, 7, 4),
			    VQP_ERROR_NO_DATA);
			CHECK_EQ(vqp_pair_receive_batch(b, got, 1, 9), 2);
			CHECK(pattern_matches(got, 21, 2));
		}
		loop_pair_close(&pair);
	}
}

TEST(batches_refused, "a batch of nothing, of too much or of giants is refused")
{
	/* Compilers warn of such a copy, not knowing that none happens. */
	const volatile uint64_t huge = UINT64_C(1) << 62;
	static const struct {
		uint64_t length, count;
	} row[] = {
		{ 0, 0 }, { 0, 1 }, { 1, 0 }, { 0, UINT64_MAX },
		{ UINT64_MAX, 2 }, { UINT64_C(1) << 32, UINT64_C(1) << 32 },
		{ UINT64_C(1) << 62, 2 }, { 2, UINT64_C(1) << 62 },
		/* The product wraps around to something small. */
		{ (UINT64_C(1) << 63) + 2, 2 }, { 3, 0x5555555555555556 },
	};
	uint8_t bytes[32] = { 0 };
	struct loop_pair pair;
	struct vqp_pair *a = &pair.a, *b = &pair.b;

	loop_pair_open(&pair, 9, VQP_LAYOUT_COMPAT);
	CHECK_EQ(vqp_pair_send(a, bytes, 4), 4);
	/* The small is at hand, then. */
	CHECK_EQ(vqp_pair_peek(b, bytes, 4), 4);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		CHECK_EQ(vqp_pair_send_batch(a, bytes, row[i].length,
		    row[i].count), VQP_ERROR_INVALID_ARGS);
		CHECK_EQ(vqp_pair_receive_batch(b, bytes, row[i].length,
		    row[i].count), VQP_ERROR_INVALID_ARGS);
	}
	CHECK_EQ(vqp_pair_send_batch(a, bytes, 9, 1),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
	CHECK_EQ(vqp_pair_send_batch(a, bytes, 8, 1), VQP_ERROR_NO_SPACE);
	CHECK_EQ(vqp_pair_send_batch(a, bytes, huge, 1),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
	CHECK_EQ(vqp_pair_receive_batch(b, bytes, 9, 1),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
	CHECK_EQ(vqp_pair_receive_batch(b, bytes, 8, 1), VQP_ERROR_NO_DATA);
	CHECK_EQ(vqp_pair_receive_batch(b, bytes, huge, 1),
	    VQP_ERROR_PAYLOAD_TOO_LARGE);
	CHECK_EQ(vqp_pair_consume_ready(b), 4);
	loop_pair_close(&pair);

	loop_pair_open_as(&pair, 0, 6, VQP_LAYOUT_COMPAT, false);
	CHECK_EQ(vqp_pair_send_batch(a, bytes, 1, 1), VQP_ERROR_INVALID_SIZE);
	CHECK_EQ(vqp_pair_receive_batch(b, bytes, 1, 1),
	    VQP_ERROR_INVALID_SIZE);
	loop_pair_close(&pair);
}

TEST_MAIN()
