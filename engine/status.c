/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The names of result numbers, for people who read logs. */
#include <vqp/status.h>

const char *
vqp_status_name(int64_t status)
{
	switch (status) {
#define STATUS_CASE(name, number) case name: return #name;
	VQP_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
	}
	return "unknown status";
}
