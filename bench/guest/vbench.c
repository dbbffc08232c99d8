/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What AF_VSOCK costs in a guest; bench/guests.py runs this program.
 *
 *	vbench DIVISOR PASSES [spin]
 *
 * Every case prints a pair of lines,
 *
 *	begin CASE BYTES COUNT
 *	end CASE BYTES COUNT ns ELAPSED idle IDLE irq INTERRUPTS
 *
 * for COUNT messages or round trips of BYTES.  DIVISOR makes the counts
 * smaller; the whole list of cases runs PASSES times.  Nothing else is written
 * between the two lines, so what the device reports between them belongs to the
 * case.
 *
 * With `spin` a process of the lowest class runs whenever no other process
 * does.  It is for QEMU's -icount, where time is instructions and an idle
 * processor skips to its next timer, so that everything that waits for the host
 * would time out.  The spinner executes two instructions a turn, of 2 ns each,
 * so its share is known exactly: IDLE, which is 0 without the spinner.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "guest_socket.h"

#define HOST		2
#define LOCAL_PORT	7000
/* The port on which guests.py lets vqp-host echo. */
#define ECHO_PORT	7
#define SINK_PORT	9
#define SOURCE_PORT	19
#define DATAGRAM_PORT	5007
#define MOST		65536
#define TURN_NS		4

static volatile uint64_t *turns;
static unsigned divisor = 1;
static unsigned char buffer[MOST];

static struct {
	const char *name;
	size_t bytes;
	unsigned count;
	uint64_t ns, turns;
	unsigned long irq;
} now;

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Count the device's interrupts on one processor. */
static unsigned long
interrupts(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	unsigned long sum = 0, one;
	char line[512];

	if (file == NULL)
		fail("/proc/interrupts");
	while (fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, "vmci") != NULL &&
		    sscanf(line, " %*[^:]: %lu", &one) == 1)
			sum += one;
	fclose(file);
	return sum;
}

static void
pause_ms(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

static void
begin(const char *name, size_t bytes, unsigned count)
{
	now.name = name;
	now.bytes = bytes;
	now.count = count;
	printf("begin %s %zu %u\n", name, bytes, count);
	tcdrain(STDOUT_FILENO);
	pause_ms(20);
	now.irq = interrupts();
	now.turns = *turns;
	now.ns = clock_ns();
}

static void
end(void)
{
	const uint64_t ns = clock_ns() - now.ns;
	const uint64_t idle = (*turns - now.turns) * TURN_NS;

	pause_ms(20);
	printf("end %s %zu %u ns %llu idle %llu irq %lu\n", now.name,
	    now.bytes, now.count, (unsigned long long)ns,
	    (unsigned long long)idle, interrupts() - now.irq);
	tcdrain(STDOUT_FILENO);
}

static void
send_all(int fd, size_t bytes)
{
	for (size_t at = 0; at < bytes; ) {
		ssize_t n = send(fd, buffer + at, bytes - at, MSG_NOSIGNAL);

		if (n <= 0)
			fail("send");
		at += (size_t)n;
	}
}

/*
 * Read until all expected bytes arrived; return less at the end of the stream.
 */
static size_t
receive_all(int fd, size_t bytes)
{
	for (size_t at = 0; at < bytes; ) {
		ssize_t n = recv(fd, buffer + at, bytes - at, 0);

		if (n < 0)
			fail("recv");
		if (n == 0)
			return 0;
		at += (size_t)n;
	}
	return bytes;
}

/*
 * The peer of a connection within the guest, in a process of its own.  It
 * answers every `each` messages with as many bytes as the test requests.
 */
static pid_t
local_peer(int from, size_t bytes, unsigned each, size_t answer)
{
	const pid_t child = fork();
	int fd;

	if (child < 0)
		fail("fork");
	if (child > 0)
		return child;
	fd = accept(from, NULL, NULL);
	if (fd < 0)
		fail("accept");
	for (unsigned i = 1; receive_all(fd, bytes) != 0; i++)
		if (i % each == 0)
			send_all(fd, answer);
	_exit(0);
}

static void
one_way(const char *name, int fd, size_t bytes, unsigned count, int ends)
{
	begin(name, bytes, count);
	for (unsigned i = 0; i < count; i++)
		send_all(fd, bytes);
	/*
	 * Wait until the peer has all of it.  A peer in the guest says so,
	 * because its close may take a second; the host closes its side.
	 */
	if (ends)
		shutdown(fd, SHUT_WR);
	if (recv(fd, buffer, 1, 0) != !ends)
		fail("the answer");
	end();
	close(fd);
}

static void
trips(const char *name, int fd, size_t bytes, unsigned count)
{
	begin(name, bytes, count);
	for (unsigned i = 0; i < count; i++) {
		send_all(fd, bytes);
		if (receive_all(fd, bytes) == 0)
			fail("the end");
	}
	end();
	close(fd);
}

static void
datagrams(size_t bytes, unsigned count)
{
	struct sockaddr_vm a = address(VMADDR_CID_ANY, VMADDR_PORT_ANY);
	int fd = socket(AF_VSOCK, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		fail("datagram socket");
	a = address(HOST, DATAGRAM_PORT);
	begin("host-datagram", bytes, count);
	for (unsigned i = 0; i < count; i++)
		if (sendto(fd, buffer, bytes, 0, (struct sockaddr *)&a,
		        sizeof(a)) != (ssize_t)bytes ||
		    recv(fd, buffer, bytes, 0) != (ssize_t)bytes)
			fail("datagram");
	end();
	close(fd);
}

static void
streams(unsigned cid, size_t bytes, unsigned count)
{
	int from = listener(LOCAL_PORT), fd;
	pid_t peer;

	count /= divisor;
	peer = local_peer(from, bytes, count, 1);
	one_way("local", dial(cid, LOCAL_PORT), bytes, count, 0);
	waitpid(peer, NULL, 0);
	close(from);

	one_way("to-host", dial(HOST, SINK_PORT), bytes, count, 1);

	fd = dial(HOST, SOURCE_PORT);
	begin("from-host", bytes, count);
	for (unsigned i = 0; i < count; i++)
		if (receive_all(fd, bytes) == 0)
			fail("the end");
	end();
	close(fd);
}

static void
all_trips(unsigned cid, unsigned count)
{
	int from = listener(LOCAL_PORT);
	pid_t peer = local_peer(from, 64, 1, 64);

	count /= divisor;
	trips("local-trip", dial(cid, LOCAL_PORT), 64, count);
	waitpid(peer, NULL, 0);
	close(from);
	trips("host-trip", dial(HOST, ECHO_PORT), 64, count);
	datagrams(64, count);
}

static pid_t
spinner(void)
{
	const struct sched_param none = { 0 };
	const pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
		fail("SCHED_IDLE");
	__asm__ volatile("1: incq (%0); jmp 1b" : : "r"(turns) : "memory");
	_exit(1);
}

int
main(int argc, char **argv)
{
	unsigned cid, passes = 1;
	pid_t idle = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		divisor = (unsigned)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		passes = (unsigned)strtoul(argv[2], NULL, 0);
	if (divisor == 0)
		divisor = 1;
	turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turns == MAP_FAILED)
		fail("mmap");
	if (argc > 3 && strcmp(argv[3], "spin") == 0)
		idle = spinner();
	cid = own_cid();
	while (passes-- > 0) {
		streams(cid, 64, 16384);
		streams(cid, 1024, 8192);
		streams(cid, 4096, 4096);
		streams(cid, 65536, 512);
		all_trips(cid, 2048);
	}
	if (idle > 0) {
		kill(idle, SIGKILL);
		waitpid(idle, NULL, 0);
	}
	return 0;
}
