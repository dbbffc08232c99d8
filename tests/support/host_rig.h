/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A vqp-host in this process, its QEMU, a folder, and the text that it printed.
 */
#ifndef HOST_RIG_H
#define HOST_RIG_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_qemu.h"
#include "test.h"

struct host_rig {
	struct fake_qemu qemu;
	struct host host;
	struct host_options options;
	char folder[32];
	char path[64];		/* for an option that takes a path */
	char *log;
	size_t log_bytes;
};

static struct host_rig rig;

/*
 * Set up all that must exist before the host starts; a case may then change
 * `rig.qemu`.
 */
static inline void
rig_prepare(int type, int argc, char **argv)
{
	memset(&rig, 0, sizeof(rig));
	strcpy(rig.folder, "/tmp/vqp-test-XXXXXX");
	if (mkdtemp(rig.folder) == NULL)
		abort();
	fake_qemu_open(&rig.qemu, type);
	rig.qemu.now_ms = 1;
	host_init(&rig.host, open_memstream(&rig.log, &rig.log_bytes));
	CHECK_EQ(host_options_parse(&rig.options, argc, argv, stderr), -1);
}

static inline void
rig_start(void)
{
	host_open_at(&rig.host, &rig.options, rig.qemu.host_fd);
}

/* rig_open("--echo", "7", ...) starts the host with those options. */
#define rig_open(...) rig_open_type(SOCK_SEQPACKET, __VA_ARGS__)

#define rig_open_type(type, ...) do {					\
	char *rig_argv[] = { (char *)"vqp-host", (char *)"LINK",	\
	    __VA_ARGS__, NULL };					\
									\
	rig_prepare(type, (int)(sizeof(rig_argv) /			\
	    sizeof(rig_argv[0])) - 1, rig_argv);			\
	rig_start();							\
	CHECK_EQ(rig.host.state, HOST_RUNS);				\
	fake_qemu_forget(&rig.qemu);					\
} while (0)

/* Run until the host has handled everything that arrived, except for timers. */
static inline void
rig_settle(void)
{
	for (int i = 0; i < 20 && host_turn(&rig.host, 0); i++)
		;
}

/*
 * Let this much time pass.  Only this function and waits advance the time, so a
 * slow machine changes nothing.
 */
static inline void
rig_later(int64_t milliseconds)
{
	rig.qemu.now_ms += milliseconds;
	rig_settle();
}

static inline bool
rig_said(const char *what)
{
	fflush(rig.host.log);
	return strstr(rig.log, what) != NULL;
}

/*
 * The number of mappings of the guest's memory: one by its QEMU, the rest by
 * the host.
 */
static inline unsigned
rig_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned count = 0;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, "/memfd:guest ") != NULL;
	if (maps != NULL)
		fclose(maps);
	return count;
}

static inline void
rig_empty_folder(void)
{
	DIR *folder = opendir(rig.folder);
	const struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	CHECK_EQ(rmdir(rig.folder), 0);
}

static inline void
rig_close(void)
{
	FILE *log = rig.host.log;

	host_close(&rig.host);
	fclose(log);
	free(rig.log);
	host_options_free(&rig.options);
	fake_qemu_close(&rig.qemu);
	rig_empty_folder();
}

#endif
