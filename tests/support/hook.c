/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Records what the engine does through the hook backend. */
#include <stdlib.h>

#include "hook.h"

struct hook hook;

/* Set while the test's own function runs, whose operations do not count. */
static bool nested;

void
hook_enter(enum hook_verb verb, const void *cell)
{
	if (nested)
		return;
	if (hook.before != NULL) {
		nested = true;
		hook.before(verb, cell);
		nested = false;
	}
	if (!hook.recording)
		return;
	if (hook.steps == HOOK_STEPS)
		abort();
	hook.step[hook.steps].verb = verb;
	hook.step[hook.steps].cell = cell;
}

uint64_t
hook_leave(uint64_t value)
{
	if (!nested && hook.recording)
		hook.step[hook.steps++].value = value;
	return value;
}

void
hook_record(void)
{
	hook.steps = 0;
	hook.recording = true;
}

void
hook_stop(void)
{
	hook.recording = false;
}

unsigned
hook_loads(const void *cell)
{
	unsigned loads = 0;

	for (unsigned i = 0; i < hook.steps; i++) {
		const struct hook_step *step = &hook.step[i];

		if (step->cell == cell && (step->verb == HOOK_LOAD_RELAXED ||
		    step->verb == HOOK_LOAD_ACQUIRE))
			loads++;
	}
	return loads;
}
