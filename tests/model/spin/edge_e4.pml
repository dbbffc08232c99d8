/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * E4, the doorbell's byte, with store buffers (x86-TSO).  The device, which is
 * on the other side of the memory and stores straight into it, fills, sets the
 * byte and raises; an interrupt is pending or not.  The driver takes one,
 * swaps the byte to 0 and looks at its queue if the byte was set.
 *
 * SWAP=0 makes the swap a load and a plain store, which waits in the buffer
 * while the driver looks: must fail, by a driver that waits for an interrupt
 * with a message unread.
 */
#ifndef SWAP
#define SWAP 1
#endif
#define MESSAGES 3
#define EMPTY 255

byte tail;
byte flag;
bool interrupt;
byte flag_buffer = EMPTY;	/* the driver's */

active proctype memory()
{
end:	do
	:: atomic { flag_buffer != EMPTY -> flag = flag_buffer;
		flag_buffer = EMPTY }
	od
}

active proctype device()
{
	do
	:: tail < MESSAGES ->
		tail++;
		flag = 1;
		interrupt = true
	:: else -> break
	od
}

active proctype driver()
{
	byte seen = 0, was;

	do
	:: seen == MESSAGES -> break
	:: seen < MESSAGES ->
		atomic { interrupt -> interrupt = false };
#if SWAP
		atomic { flag_buffer == EMPTY -> was = flag; flag = 0 };
#else
		/* a load sees the own buffer first */
		atomic { if
		:: flag_buffer != EMPTY -> was = flag_buffer
		:: else -> was = flag
		fi };
		atomic { if
		:: flag_buffer != EMPTY -> flag = flag_buffer
		:: else
		fi; flag_buffer = 0 };
#endif
		if
		:: was != 0 -> seen = tail
		:: else
		fi
	od
}
