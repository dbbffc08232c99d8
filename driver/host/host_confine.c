/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "host_confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

#if defined(__x86_64__)
#define ARCHITECTURE	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE	AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE	0	/* refused by host_confine() */
#endif

/*
 * ---- System calls.
 */

enum judge {
	ALWAYS,
	WITHOUT,		/* allowed if the argument has none of these */
	EQUAL,			/* allowed if the argument is this */
};

struct rule {
	int number;
	enum judge judge;
	unsigned argument;
	uint32_t value;
};

static const struct rule serving[] = {
	/* Descriptors that are open, or arrive through QEMU's socket. */
	{ .number = SYS_read }, { .number = SYS_write },
	{ .number = SYS_writev },
	{ .number = SYS_preadv }, { .number = SYS_pwritev },
	{ .number = SYS_recvmsg }, { .number = SYS_sendmsg },
	{ .number = SYS_recvfrom }, { .number = SYS_sendto },
	{ .number = SYS_accept4 }, { .number = SYS_shutdown },
	{ .number = SYS_getsockopt }, { .number = SYS_ftruncate },
	{ .number = SYS_fstat }, { .number = SYS_lseek },
	{ .number = SYS_close },
	/* The loop. */
#ifdef SYS_epoll_wait
	{ .number = SYS_epoll_wait },
#endif
#ifdef SYS_poll
	{ .number = SYS_poll },
#endif
	{ .number = SYS_epoll_pwait }, { .number = SYS_epoll_ctl },
	{ .number = SYS_ppoll }, { .number = SYS_clock_gettime },
	{ .number = SYS_clock_nanosleep }, { .number = SYS_restart_syscall },
	{ .number = SYS_rt_sigreturn }, { .number = SYS_getrandom },
	{ .number = SYS_futex },
	/* Memory, but never executable memory. */
	{ SYS_mmap, WITHOUT, 2, PROT_EXEC },
	{ SYS_mprotect, WITHOUT, 2, PROT_EXEC },
	{ .number = SYS_munmap }, { .number = SYS_mremap },
	{ .number = SYS_brk }, { .number = SYS_madvise },
	{ .number = SYS_exit }, { .number = SYS_exit_group },
};

static const struct rule dialling[] = {
	{ SYS_socket, EQUAL, 0, AF_UNIX },
	{ .number = SYS_connect }, { .number = SYS_recvfrom },
	{ .number = SYS_sendmsg }, { .number = SYS_close },
	{ .number = SYS_restart_syscall }, { .number = SYS_rt_sigreturn },
	{ .number = SYS_exit }, { .number = SYS_exit_group },
};

#define RULE_INSTRUCTIONS	5
#define PROGRAM_MAX	(5 + RULE_INSTRUCTIONS * \
    sizeof(serving) / sizeof(serving[0]))
#define LOAD(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
    (uint32_t)(field))
#define JUMP(test, k, yes, no) (struct sock_filter)BPF_JUMP(BPF_JMP | \
    (test) | BPF_K, (uint32_t)(k), (yes), (no))
#define RETURN(k) (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (k))

#define REFUSED	(SECCOMP_RET_ERRNO | EPERM)

/* Write the instructions of a rule, all of which return; how many. */
static unsigned short
translate(const struct rule *rule, struct sock_filter *to)
{
	/* On both architectures an argument's low half comes first. */
	const size_t argument = offsetof(struct seccomp_data, args) +
	    rule->argument * sizeof(uint64_t);

	if (rule->judge == ALWAYS) {
		to[0] = JUMP(BPF_JEQ, rule->number, 0, 1);
		to[1] = RETURN(SECCOMP_RET_ALLOW);
		return 2;
	}
	to[0] = JUMP(BPF_JEQ, rule->number, 0, 4);
	to[1] = LOAD(argument);
	to[2] = rule->judge == EQUAL ? JUMP(BPF_JEQ, rule->value, 0, 1) :
	    JUMP(BPF_JSET, rule->value, 1, 0);
	to[3] = RETURN(SECCOMP_RET_ALLOW);
	to[4] = RETURN(REFUSED);
	return RULE_INSTRUCTIONS;
}

/* Refuse all other system calls from now on.  On false, errno has the error. */
static bool
allow_only(const struct rule *rules, size_t count)
{
	struct sock_filter filter[PROGRAM_MAX] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		JUMP(BPF_JEQ, ARCHITECTURE, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	for (size_t i = 0; i < count; i++)
		program.len = (unsigned short)(program.len +
		    translate(&rules[i], &filter[program.len]));
	filter[program.len++] = RETURN(REFUSED);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool
drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { { 0 } };

	return syscall(SYS_capset, &header, none) == 0;
}

static bool
give_up(const struct rule *rules, size_t count)
{
	return drop_capabilities() &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    allow_only(rules, count);
}

/*
 * ---- Connecting, in a process of its own: the confined process may not.
 */

struct number {
	uint32_t hypervisor;	/* which path */
	uint32_t port;
};

static const char *
path_of(const struct host_options *options, const struct number *number)
{
	return number->hypervisor != 0 ? options->hypervisor : options->vsock;
}

static int
dial(const struct host_options *options, const struct number *number)
{
	const char *path = path_of(options, number);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	int result = HOST_DIAL_NOBODY;

	if (fd < 0)
		return result;
	if (path != NULL && (size_t)snprintf(address.sun_path,
	    sizeof(address.sun_path), "%s_%u", path, number->port) <
	    sizeof(address.sun_path)) {
		if (connect(fd, (struct sockaddr *)&address,
		    sizeof(address)) == 0)
			return fd;
		if (errno == EAGAIN)
			result = HOST_DIAL_LATER;
	}
	close(fd);
	return result;
}

/* Send one byte: with the descriptor, or the error instead of it. */
static bool
answer(int to, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	signed char result = (signed char)(fd < 0 ? fd : 0);
	struct iovec iov = { &result, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == 1;
}

/* Receive port numbers and send connected sockets until the host ends. */
static void __attribute__((noreturn))
serve_dials(const struct host_options *options, int socket)
{
	struct number number;
	bool good;

	prctl(PR_SET_NAME, "vqp-host-dial");
	/* Close all other descriptors: this process needs none of them. */
	if (dup2(socket, 0) != 0 ||
	    syscall(SYS_close_range, 1U, ~0U, 0U) != 0 ||
	    !give_up(dialling, sizeof(dialling) / sizeof(dialling[0])))
		_exit(1);
	do {
		int fd = -1;

		good = recv(0, &number, sizeof(number), 0) ==
		    sizeof(number);
		if (good) {
			fd = dial(options, &number);
			good = answer(0, fd);
		}
		if (fd >= 0)
			close(fd);
	} while (good);
	_exit(0);
}

static bool
start_dialler(struct host *host)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	switch (fork()) {
	case 0:
		serve_dials(host->options, fds[1]);
	case -1:
		close(fds[0]);
		close(fds[1]);
		return false;
	default:
		close(fds[1]);
		host->dialler_fd = fds[0];
		return true;
	}
}

int
host_dial(struct host *host, bool hypervisor, uint32_t port)
{
	const struct number number = { hypervisor, port };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	signed char result;
	struct iovec iov = { &result, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const struct cmsghdr *header;
	int fd = HOST_DIAL_NOBODY;

	if (host->dialler_fd < 0)
		return dial(host->options, &number);
	/* The process connects without waiting, so this call is short. */
	if (send(host->dialler_fd, &number, sizeof(number), MSG_NOSIGNAL) !=
	    sizeof(number) || recvmsg(host->dialler_fd, &message,
	    MSG_CMSG_CLOEXEC) != 1) {
		host_say(host, "the process that connects to %s_%u is gone",
		    path_of(host->options, &number), port);
		return HOST_DIAL_NOBODY;
	}
	header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	else if (result == HOST_DIAL_LATER)
		fd = HOST_DIAL_LATER;
	if (fd < 0 && (message.msg_flags & MSG_CTRUNC) != 0)
		host_say(host, "cannot connect to port %u: %s", port,
		    strerror(EMFILE));
	return fd;
}

bool
host_confine(struct host *host)
{
	if ((host->options->vsock != NULL || host->options->hypervisor !=
	    NULL) && !start_dialler(host)) {
		host_say(host, "cannot start a process: %m");
		return false;
	}
	if (ARCHITECTURE != 0 &&
	    give_up(serving, sizeof(serving) / sizeof(serving[0])))
		return true;
	host_say(host, "the system refuses to confine it (%m); with "
	    "--no-confine it runs unconfined");
	return false;
}

void
host_confine_close(struct host *host)
{
	if (host->dialler_fd >= 0)
		close(host->dialler_fd);
	host->dialler_fd = -1;
}
