/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines that a guest or a program can cause as often as it likes: the first
 * ten of each kind in an hour are written.  Those beyond are counted, and one
 * line gives their number: after a second, and then each time after twice as
 * long, which is at most 12 times an hour.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"

#include "qemu_vmci.h"

#define LINES_AN_HOUR	10
#define HOUR_MS		3600000

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

/* Report the lines left out, of the kinds whose time has come. */
static void
tell(void *opaque)
{
	const int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
	VmciState *s = opaque;
	int64_t next = INT64_MAX;

	for (unsigned kind = 0; kind < SAY_KINDS; kind++) {
		VmciSaid *said = &s->said[kind];

		if (said->left_out == 0)
			continue;
		if (said->tell_at > now) {
			next = MIN(next, said->tell_at);
			continue;
		}
		warn_report("vmci: %s: %" PRIu64 " more in %u s",
		    kind_name(kind), said->left_out, said->wait_s);
		said->left_out = 0;
		said->wait_s *= 2;
	}
	if (next != INT64_MAX)
		timer_mod(s->said_timer, next);
}

/* Count a line that is not written. */
static void
leave_out(VmciState *s, VmciSaid *said, int64_t now)
{
	if (said->left_out++ == 0) {
		said->tell_at = now + said->wait_s * INT64_C(1000);
		tell(s);
	}
}

void
vmci_say(VmciState *s, unsigned kind, const char *format, ...)
{
	const int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
	VmciSaid *said = &s->said[kind];
	g_autofree char *text = NULL;
	va_list arguments;

	if (said->left_out == 0 && now >= said->hour_end) {
		said->hour_end = now + HOUR_MS;
		said->lines = 0;
		said->wait_s = 1;
	}
	if (said->lines == LINES_AN_HOUR) {
		leave_out(s, said, now);
		return;
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
	s->said_timer = timer_new_ms(QEMU_CLOCK_REALTIME, tell, s);
}

void
vmci_say_exit(VmciState *s)
{
	timer_free(s->said_timer);
	s->said_timer = NULL;
}
