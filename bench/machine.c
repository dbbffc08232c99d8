/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What Linux and the processor report about the machine. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "clock.h"

#define CPU_FOLDER "/sys/devices/system/cpu/cpu0/"

/* The first line of a file that begins with `start`; false if none does. */
static bool
first_line(const char *path, const char *start, char *line, size_t length)
{
	FILE *file = fopen(path, "re");
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line, (int)length, file) != NULL)
		found = strncmp(line, start, strlen(start)) == 0;
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return found;
}

/* Read a setting.  If the file lists all choices, take the one in brackets. */
static void
write_setting(struct json *json, const char *key, const char *path)
{
	char line[128], *value = line;

	if (!first_line(path, "", line, sizeof(line))) {
		json_null(json, key);
		return;
	}
	if (strchr(line, '[') != NULL) {
		value = strchr(line, '[') + 1;
		value[strcspn(value, "]")] = '\0';
	}
	json_string(json, key, value);
}

static void
write_cpu(struct json *json)
{
	char line[256];
	const char *name = NULL;

	/* Linux names the model on x86 only. */
	if (first_line("/proc/cpuinfo", "model name", line, sizeof(line)))
		name = strchr(line, ':');
	json_string(json, "cpu", name != NULL ? name + 2 : "unknown");
}

static void
write_os(struct json *json)
{
	char line[256];
	char *name = NULL;

	if (first_line("/etc/os-release", "PRETTY_NAME=", line, sizeof(line)))
		name = strchr(line, '"');
	if (name != NULL)
		name[1 + strcspn(name + 1, "\"")] = '\0';
	json_string(json, "os", name != NULL ? name + 1 : "Linux");
}

/* The hypervisor's signature; false on bare metal. */
static bool
hypervisor(char name[13])
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned a, b, c, d;

	/* Leaf 1, ECX bit 31: a hypervisor sets it to announce itself. */
	if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & (1u << 31)) == 0)
		return false;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	name[12] = '\0';
	return true;
#else
	char line[13];

	if (!first_line("/sys/hypervisor/type", "", line, sizeof(line)))
		return false;
	memcpy(name, line, sizeof(line));
	return true;
#endif
}

static void
write_hypervisor(struct json *json)
{
	char name[13];
	bool virtual = hypervisor(name);

	json_bool(json, "virtual", virtual);
	if (virtual)
		json_string(json, "hypervisor", name);
	else
		json_null(json, "hypervisor");
}

void
machine_write(struct json *json, const struct topo *topo)
{
	struct utsname system;

	uname(&system);
	write_cpu(json);
	json_integer(json, "cpus_online",
	    (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	json_string(json, "kernel", system.release);
	write_os(json);
	write_hypervisor(json);
	json_integer(json, "l1d_bytes", topo_cache_bytes(topo, TOPO_L1D));
	json_integer(json, "l2_bytes", topo_cache_bytes(topo, TOPO_L2));
	json_integer(json, "l3_bytes", topo_cache_bytes(topo, TOPO_L3));
	json_integer(json, "memory_bytes", (uint64_t)sysconf(_SC_PHYS_PAGES) *
	    (uint64_t)sysconf(_SC_PAGESIZE));
	write_setting(json, "transparent_hugepage",
	    "/sys/kernel/mm/transparent_hugepage/enabled");
	write_setting(json, "governor", CPU_FOLDER "cpufreq/scaling_governor");
	json_number(json, "tsc_ghz", clock_ticks_per_ns());
}

void
machine_load(struct machine_load *load)
{
	char line[512], *at = line + strlen("cpu");

	memset(load, 0, sizeof(*load));
	getloadavg(load->average, 3);
	if (!first_line("/proc/stat", "cpu ", line, sizeof(line)))
		return;
	/* user nice system idle iowait irq softirq and, last, steal */
	for (unsigned i = 0; i < 8; i++) {
		load->stolen_ticks = strtod(at, &at);
		load->ticks += load->stolen_ticks;
	}
}

double
machine_steal_percent(const struct machine_load *before,
    const struct machine_load *after)
{
	double ticks = after->ticks - before->ticks;

	return ticks > 0 ? 100 * (after->stolen_ticks -
	    before->stolen_ticks) / ticks : 0;
}
