/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E3, sleep against wake, on a machine with store buffers (x86-TSO), for a
 * stream of MESSAGES through a ring that holds ROOM of them, over and over
 * until all have arrived.  Indices count instead of wrapping: `head` and
 * `tail` are what memory says, and the window of an edge is the published
 * indices since the last one, as docs/ordering.md has it.
 *
 *	TX_FENCE=0, RX_FENCE=0	without the fence of that end: must fail
 *
 * Whoever must wait sleeps, the consumer on an empty ring, the producer on a
 * full one; a sleeper that nobody rings is an invalid end state.
 */
#ifndef TX_FENCE
#define TX_FENCE 1
#endif
#ifndef RX_FENCE
#define RX_FENCE 1
#endif
#ifndef MESSAGES
#define MESSAGES 5
#endif
#ifndef ROOM
#define ROOM 2
#endif
#define EMPTY 255		/* of a store buffer */

byte head, tail;
bool consumer_bell, producer_bell;

/* An index has one writer, and only its last store matters to the other. */
byte tail_buffer = EMPTY, head_buffer = EMPTY;

#define STORE(buffer, word, value)					\
	atomic { if							\
	:: buffer != EMPTY -> word = buffer				\
	:: else								\
	fi; buffer = value }
#define FENCE(buffer) buffer == EMPTY

active proctype memory()
{
end:	do
	:: atomic { tail_buffer != EMPTY -> tail = tail_buffer;
		tail_buffer = EMPTY }
	:: atomic { head_buffer != EMPTY -> head = head_buffer;
		head_buffer = EMPTY }
	od
}

active proctype producer()
{
	byte sent = 0, rung = 0, seen = 0;

	do
	:: sent == MESSAGES -> break
	:: sent < MESSAGES && sent - seen < ROOM ->
		/* vqp_tx_commit_edge */
		sent++;
		STORE(tail_buffer, tail, sent);
#if TX_FENCE
		FENCE(tail_buffer);
#endif
		atomic { if
		:: rung <= head && head < sent -> consumer_bell = true
		:: else
		fi; rung = sent }
	:: sent < MESSAGES && sent - seen == ROOM && sent - head < ROOM ->
		atomic { seen = head; if
		:: rung < seen -> rung = seen
		:: else
		fi }
	:: sent < MESSAGES && sent - seen == ROOM && sent - head == ROOM ->
		/* vqp_tx_may_sleep */
		STORE(tail_buffer, tail, sent);
#if TX_FENCE
		FENCE(tail_buffer);
#endif
		if
		:: sent - head == ROOM ->
			atomic { producer_bell -> producer_bell = false }
		:: else
		fi
	od
}

active proctype consumer()
{
	byte received = 0, rung = 0, seen = 0;

	do
	:: received == MESSAGES -> break
	:: received < MESSAGES && received < seen ->
		/* vqp_rx_release_edge; a producer asleep stands at tail, full
		 * for the head tail - ROOM */
		received++;
		STORE(head_buffer, head, received);
#if RX_FENCE
		FENCE(head_buffer);
#endif
		atomic { if
		:: rung + ROOM <= tail && tail < received + ROOM ->
			producer_bell = true
		:: else
		fi; rung = received }
	:: received < MESSAGES && received == seen && tail > received ->
		atomic { seen = tail; if
		:: rung + ROOM < seen -> rung = seen - ROOM
		:: else
		fi }
	:: received < MESSAGES && received == seen && tail == received ->
		/* vqp_rx_may_sleep */
		STORE(head_buffer, head, received);
#if RX_FENCE
		FENCE(head_buffer);
#endif
		if
		:: tail == received ->
			atomic { consumer_bell -> consumer_bell = false }
		:: else
		fi
	od
}
