/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the hook backend gives to a test: a record of the engine's operations in
 * their order, and a callback before each operation.
 */
#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hook_verb {
	HOOK_LOAD_RELAXED,
	HOOK_LOAD_ACQUIRE,
	HOOK_STORE_RELAXED,
	HOOK_STORE_RELEASE,
	HOOK_SWAP8_FULL,
	HOOK_FENCE_FULL,
	HOOK_FENCE_PAST,
	HOOK_OR8_FULL,
	HOOK_ADD_RELAXED,
};

struct hook_step {
	enum hook_verb verb;
	const void *cell;	/* NULL for a fence */
	uint64_t value;		/* loaded or stored; 0 for a fence */
};

#define HOOK_STEPS 64

/*
 * The processor of vqp/cpu.h, as far as a test defines it; at first it has none
 * of these abilities.
 */
struct hook_cpu {
	uint64_t distance;	/* ticks of each acquiring load */
	uint64_t ticks;
	uint64_t pauses;
	uint64_t stored_past;
	void (*give_back)(uint8_t *line);
	void (*fetch)(uint8_t *line);
};

struct hook {
	struct hook_cpu cpu;
	/*
	 * Called before each operation, if set; its own operations do not
	 * count.
	 */
	void (*before)(enum hook_verb verb, const void *cell);
	struct hook_step step[HOOK_STEPS];
	unsigned steps;
	bool recording;
};

extern struct hook hook;

/* The backend calls these at the beginning and at the end of each operation. */
void hook_enter(enum hook_verb verb, const void *cell);
uint64_t hook_leave(uint64_t value);

/* Begin an empty record; and stop recording. */
void hook_record(void);
void hook_stop(void);

/* Returns how many of the recorded loads read this cell. */
unsigned hook_loads(const void *cell);

#endif
