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

TEST(header_init, "a new header has the handle and zero indices, no more")
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

TEST_MAIN()
