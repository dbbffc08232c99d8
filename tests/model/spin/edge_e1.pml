/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E1, data, where stores of one processor may reach memory out of order (PSO:
 * a buffer for each word).  The releasing store waits for the bytes; so does
 * the store fence between bytes stored past the caches and the tail, which
 * even x86-64 would put out of order (pair.c copy_in).
 *
 * RELEASE=0 takes that away and must fail.
 */
#ifndef RELEASE
#define RELEASE 1
#endif

byte data, tail;		/* memory */
byte data_buffer, tail_buffer;	/* the producer's; 0 is empty */

active proctype memory()
{
end:	do
	:: atomic { data_buffer != 0 -> data = data_buffer; data_buffer = 0 }
	:: atomic { tail_buffer != 0 -> tail = tail_buffer; tail_buffer = 0 }
	od
}

active proctype producer()
{
	data_buffer = 1;
#if RELEASE
	data_buffer == 0;
#endif
	tail_buffer = 1
}

active proctype consumer()
{
	tail == 1;
	assert(data == 1)
}
