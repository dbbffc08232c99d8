/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a vqp-host that was taken over cannot do: each attempt is made inside,
 * in a process that confined itself as the program does.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "host_rig.h"

struct attempt {
	const char *what;
	long number;
	long arguments[6];
};

#define TEXT(text)	((long)(uintptr_t)(text))

static const struct attempt attempts[] = {
	{ "open", SYS_openat, { AT_FDCWD, TEXT("/etc/passwd"), O_RDONLY } },
	{ "create", SYS_openat, { AT_FDCWD, TEXT("/tmp/vqp-no"),
	    O_WRONLY | O_CREAT, 0600 } },
	{ "openat2", SYS_openat2, { AT_FDCWD, TEXT("/etc/passwd") } },
	{ "unlink", SYS_unlinkat, { AT_FDCWD, TEXT("/tmp/vqp-no") } },
	{ "rename", SYS_renameat2, { AT_FDCWD, TEXT("/tmp/vqp-no"), AT_FDCWD,
	    TEXT("/tmp/vqp-no2") } },
	{ "exec", SYS_execve, { TEXT("/bin/true") } },
	{ "execveat", SYS_execveat, { AT_FDCWD, TEXT("/bin/true") } },
	{ "a process", SYS_clone, { 17 } },
	{ "clone3", SYS_clone3, { 0 } },
	{ "ptrace", SYS_ptrace, { PTRACE_TRACEME } },
	{ "another's memory", SYS_process_vm_readv, { 1 } },
	{ "a signal", SYS_kill, { 1, 0 } },
	{ "the network", SYS_socket, { AF_INET, SOCK_STREAM } },
	{ "the network, 6", SYS_socket, { AF_INET6, SOCK_DGRAM } },
	{ "netlink", SYS_socket, { AF_NETLINK, SOCK_RAW } },
	{ "a Unix socket", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	{ "connect", SYS_connect, { 0 } },
	{ "bind", SYS_bind, { 0 } },
	{ "ioctl", SYS_ioctl, { 0, 0x5413 } },
	{ "code", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "a namespace", SYS_unshare, { CLONE_NEWUSER } },
	{ "mount", SYS_mount, { 0 } },
	{ "another user", SYS_setuid, { 0 } },
	{ "prctl", SYS_prctl, { PR_SET_NAME, TEXT("x") } },
	{ "io_uring", SYS_io_uring_setup, { 1 } },
	{ "bpf", SYS_bpf, { 0 } },
	{ "keys", SYS_keyctl, { 0 } },
};

#define ATTEMPTS	(sizeof(attempts) / sizeof(attempts[0]))

/* What the child saw, in memory that both have. */
struct report {
	int error[ATTEMPTS];	/* 0: it succeeded */
	bool confined, dialled, refused_dial, full, mapped, ends;
};

static struct report *report;

/* Who listens at <vsock>_80. */
static int listener;

/* The process that connected holds none of it: the end of ours is one. */
static bool
ends(struct host *host)
{
	const int fd = host_dial(host, false, 80);
	char byte;

	close(fd);
	/* It has done with that one when it answers for the next. */
	(void)host_dial(host, false, 81);
	return recv(accept4(listener, NULL, NULL, SOCK_NONBLOCK), &byte, 1,
	    0) == 0;
}

/* What serving takes must go on. */
static void
try_serving(struct host *host)
{
	const char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED, rig.qemu.ram_fd, 0);
	int fd;

	report->ends = ends(host);
	fd = host_dial(host, false, 80);
	report->mapped = memory != MAP_FAILED && memory[0] == 0;
	report->dialled = fd >= 0 && write(fd, "hello", 5) == 5;
	report->refused_dial = host_dial(host, false, 81) ==
	    HOST_DIAL_NOBODY;
	/* listen(1) takes two. */
	report->full = host_dial(host, false, 80) >= 0 &&
	    host_dial(host, false, 80) == HOST_DIAL_LATER;
}

static void
inside(void)
{
	report->confined = host_confine(&rig.host);
	for (size_t i = 0; i < ATTEMPTS && report->confined; i++) {
		const long *a = attempts[i].arguments;

		if (syscall(attempts[i].number, a[0], a[1], a[2], a[3], a[4],
		    a[5]) < 0)
			report->error[i] = errno;
	}
	try_serving(&rig.host);
	/* Not _exit(), before which a sanitizer asks for more. */
	syscall(SYS_exit_group, 0);
}

static int
listen_at_80(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s_80",
	    rig.path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	return fd;
}

TEST(refusals, "no file, program, process, network or code can be had inside")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path };
	char bytes[8];
	int stream, status;
	pid_t child;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	rig_prepare(SOCK_SEQPACKET, 4, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	rig.host.options = &rig.options;
	listener = listen_at_80();
	fflush(NULL);
	child = fork();
	if (child == 0)
		inside();
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	stream = accept(listener, NULL, NULL);
	if (report->confined) {
		for (size_t i = 0; i < ATTEMPTS; i++) {
			if (report->error[i] != EPERM)
				printf("# %s\n", attempts[i].what);
			CHECK_EQ(report->error[i], EPERM);
		}
		CHECK(report->dialled);
		CHECK(report->refused_dial);
		CHECK(report->full);
		CHECK(report->mapped);
		CHECK(report->ends);
		CHECK_EQ(recv(stream, bytes, sizeof(bytes), MSG_DONTWAIT), 5);
	}
	close(stream);
	close(listener);
	rig_close();
	/* An emulator of user space has none. */
	if (!report->confined && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		SKIP("this machine has no seccomp");
	CHECK(report->confined);
}

TEST_MAIN()
