/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines for the log that a guest or a program can bring about as often as it
 * likes: of each kind ten at once, and then one that says how many more there
 * were.  While it goes on, the windows grow, from a second to an hour.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"

#include "qemu_vmci.h"

#define LINES_A_WINDOW	10
#define WINDOW_S_MAX	3600

static const char *
kind_name(unsigned kind)
{
	switch (kind) {
	case SAY_CUT_OFF:
		return "programs cut off";
	case SAY_ACCEPT:
		return "programs not accepted";
	case SAY_CHARDEV:
		return "chardev";
	case SAY_MEMORY:
		return "memory that cannot be shared";
	default:
		return vqp_device_count_name(kind);
	}
}

/* End the windows whose time has come; those that were full grow. */
static void
end_windows(VmciState *s)
{
	const int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
	int64_t next = INT64_MAX;

	for (unsigned kind = 0; kind < SAY_KINDS; kind++) {
		VmciSaid *said = &s->said[kind];

		if (said->window_end == 0)
			continue;
		if (said->window_end <= now) {
			if (said->left_out == 0) {
				memset(said, 0, sizeof(*said));
				continue;
			}
			warn_report("vmci: %s: %" PRIu64 " more in %u s",
			    kind_name(kind), said->left_out, said->window_s);
			said->window_s = MIN(said->window_s * 2,
			    WINDOW_S_MAX);
			said->window_end = now + said->window_s * 1000;
			said->lines = 0;
			said->left_out = 0;
		}
		next = MIN(next, said->window_end);
	}
	if (next != INT64_MAX)
		timer_mod(s->said_timer, next);
}

static void
window_ended(void *opaque)
{
	end_windows(opaque);
}

void
vmci_say(VmciState *s, unsigned kind, const char *format, ...)
{
	VmciSaid *said = &s->said[kind];
	g_autofree char *text = NULL;
	va_list arguments;

	if (said->lines == LINES_A_WINDOW) {
		said->left_out++;
		return;
	}
	if (said->window_end == 0) {
		said->window_s = 1;
		said->window_end = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
		    1000;
		end_windows(s);
	}
	said->lines++;
	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (kind < VQP_DEVICE_COUNTS)
		info_report("vmci: %s", text);
	else
		warn_report("vmci: %s", text);
}

void
vmci_say_init(VmciState *s)
{
	s->said_timer = timer_new_ms(QEMU_CLOCK_REALTIME, window_ended, s);
}

void
vmci_say_exit(VmciState *s)
{
	timer_free(s->said_timer);
	s->said_timer = NULL;
}
