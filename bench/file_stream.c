/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The case with real input, and the example to read.  Two processes share a
 * queue pair in a memfd, with one eventfd for each direction to wake the peer.
 * One process streams a file into the queue pair; the other receives it into
 * memory and checks its SHA-256.  The program does the same through a pipe and
 * through a Unix socket pair, in turns.
 *
 * The clock runs from just before the first byte is sent until the last byte is
 * received.  It does not count reading the file (which is in memory
 * beforehand), creating and mapping the channel, forking and hashing.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <vqp/pair.h>

#include "clock.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define HEADER_BYTES (4 * KIB)	/* one page for each side's indices */
#define PIECE_BYTES (64 * KIB)	/* the most that one call sends or receives */
#define SPIN_TURNS 1000		/* polls of the ring before sleeping */
#define SLEEP_MS 100		/* then check whether the peer lives */
#define STALL_SECONDS 60	/* for a transfer, and one more per 16 MiB */

enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

struct options {
	const char *path;	/* NULL: the compiler's largest binary */
	const char *out;	/* NULL: standard output */
	uint64_t ring_bytes;
	uint64_t rounds;
	bool quiet;
};

struct source {
	const char *name;	/* without the path */
	uint8_t *bytes;
	uint64_t length;
	unsigned char sha256[32];
};

/* How the two processes reach each other, for one transfer. */
struct channel {
	int fd[2];		/* receive from, send to; or memfd and -1 */
	int bell[2];		/* wakes receiver, sender; or -1 */
	uint64_t ring_bytes;
	struct vqp_pair pair;
	void *mapped;		/* the pair's pages, or NULL */
};

struct subject {
	const char *name;
	bool (*open)(struct channel *);
	/* Each process calls it after the fork, before the clock starts. */
	bool (*attach)(struct channel *, bool sending);
	bool (*send)(struct channel *, const uint8_t *, uint64_t);
	bool (*receive)(struct channel *, uint8_t *, uint64_t);
};

struct result {
	double *seconds;	/* one per round, sorted at the end */
	bool sha256_ok;		/* in every round */
};

/* What signals tell the receiving process. */
static volatile sig_atomic_t sender_gone;
static volatile sig_atomic_t stalled;

/*
 * The sender's clock at its first byte; the receiver reads it after it reaped
 * the sender.
 */
static struct timespec *first_byte;

/* The processors of the receiver and the sender; -1: not pinned. */
static int processor[2] = { -1, -1 };

/* ---- A queue pair between two processes. */

/*
 * Create the shared pages: two headers, then the ring.  All of the memory is
 * allocated and sealed here, so that neither process can meet a SIGBUS.
 */
static bool
vqp_open(struct channel *channel)
{
	const uint64_t bytes = 2 * HEADER_BYTES + channel->ring_bytes;
	const struct vqp_handle handle = { 0, 0 };
	uint8_t *base;
	int fd;

	fd = memfd_create("vqp_file_stream", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		warn("memfd_create");
		return false;
	}
	channel->fd[0] = fd;
	for (int i = 0; i < 2; i++) {
		channel->bell[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (channel->bell[i] < 0) {
			warn("eventfd");
			return false;
		}
	}
	errno = posix_fallocate(fd, 0, (off_t)bytes);
	if (errno != 0 || fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		warn("memfd of %llu bytes", (unsigned long long)bytes);
		return false;
	}
	base = mmap(NULL, 2 * HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (base == MAP_FAILED) {
		warn("mmap of the queue headers");
		return false;
	}
	vqp_queue_header_init(base, handle);
	vqp_queue_header_init(base + HEADER_BYTES, handle);
	munmap(base, 2 * HEADER_BYTES);
	return true;
}

/*
 * Map the pages and take one side of the queue pair.  The two processes mirror
 * each other: what one produces the other consumes.  Nothing flows back, so the
 * second ring has no bytes.
 */
static bool
vqp_attach(struct channel *channel, bool sending)
{
	const uint64_t bytes = 2 * HEADER_BYTES + channel->ring_bytes;
	uint8_t *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, channel->fd[0], 0);
	const struct vqp_queue forth = {
		.header = base,
		.data = base + 2 * HEADER_BYTES,
		.size = channel->ring_bytes,
	};
	const struct vqp_queue back = { .header = base + HEADER_BYTES };
	const struct vqp_pair_config config = {
		.layout = VQP_LAYOUT_WIDE,
		.produce = sending ? forth : back,
		.consume = sending ? back : forth,
	};
	int status;

	if (base == MAP_FAILED) {
		warn("mmap of the queue pair");
		return false;
	}
	channel->mapped = base;
	status = vqp_pair_attach(&channel->pair, &config);
	if (status != VQP_SUCCESS)
		warnx("vqp_pair_attach: %s", vqp_status_name(status));
	return status == VQP_SUCCESS;
}

static void
ring(int bell)
{
	const uint64_t once = 1;

	/* The write fails only after 2^64 unread notifications. */
	(void)!write(bell, &once, sizeof(once));
}

/*
 * A signal ends the sleep early.  So does the timeout, soon after a peer died
 * without a notification.
 */
static void
sleep_until_rung(int bell)
{
	struct pollfd wait = { .fd = bell, .events = POLLIN };
	uint64_t times;

	if (poll(&wait, 1, SLEEP_MS) > 0)
		(void)!read(bell, &times, sizeof(times));
}

static uint64_t
piece(uint64_t length)
{
	return length < PIECE_BYTES ? length : PIECE_BYTES;
}

/* A side that finds nothing to do polls for a while and then sleeps. */
static bool
vqp_send(struct channel *channel, const uint8_t *from, uint64_t length)
{
	struct vqp_pair *pair = &channel->pair;
	unsigned turns = 0;

	while (length != 0) {
		int64_t n = vqp_pair_enqueue(pair, from, piece(length));

		if (n == VQP_ERROR_NO_SPACE) {
			if (++turns < SPIN_TURNS)
				clock_pause();
			else if (vqp_tx_may_sleep(&pair->tx))
				sleep_until_rung(channel->bell[1]);
			continue;
		}
		if (n < 0) {
			warnx("vqp_pair_enqueue: %s", vqp_status_name(n));
			return false;
		}
		if (vqp_tx_publish_edge(&pair->tx))
			ring(channel->bell[0]);
		from += n;
		length -= (uint64_t)n;
		turns = 0;
	}
	return true;
}

static bool
vqp_receive(struct channel *channel, uint8_t *to, uint64_t length)
{
	struct vqp_pair *pair = &channel->pair;
	unsigned turns = 0;

	while (length != 0) {
		/*
		 * Load the flags first: the sender's last bytes are in the ring
		 * before the sender is gone.
		 */
		bool last_look = sender_gone || stalled;
		int64_t n = vqp_pair_dequeue(pair, to, piece(length));

		if (n == VQP_ERROR_NO_DATA && !last_look) {
			if (++turns < SPIN_TURNS)
				clock_pause();
			else if (vqp_rx_may_sleep(&pair->rx))
				sleep_until_rung(channel->bell[0]);
			continue;
		}
		if (n < 0) {
			warnx("%llu bytes missing: %s",
			    (unsigned long long)length, vqp_status_name(n));
			return false;
		}
		if (vqp_rx_publish_edge(&pair->rx))
			ring(channel->bell[1]);
		to += n;
		length -= (uint64_t)n;
		turns = 0;
	}
	return true;
}

/* ---- The same through a pipe and a Unix socket pair. */

static bool
pipe_open(struct channel *channel)
{
	if (pipe2(channel->fd, O_CLOEXEC) != 0) {
		warn("pipe");
		return false;
	}
	/*
	 * As large as the ring, or as large as the system allows: a smaller
	 * pipe is no error.
	 */
	(void)fcntl(channel->fd[1], F_SETPIPE_SZ, (int)channel->ring_bytes);
	return true;
}

static bool
socket_open(struct channel *channel)
{
	const int bytes = (int)channel->ring_bytes;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel->fd)) {
		warn("socketpair");
		return false;
	}
	/* As with the pipe, only root may exceed the system's limit. */
	if (setsockopt(channel->fd[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
	    sizeof(bytes)) != 0)
		(void)setsockopt(channel->fd[1], SOL_SOCKET, SO_SNDBUF, &bytes,
		    sizeof(bytes));
	return true;
}

/*
 * Each process closes the peer's descriptors, so that a closed side shows as
 * EOF.
 */
static bool
fd_attach(struct channel *channel, bool sending)
{
	close(channel->fd[!sending]);
	channel->fd[!sending] = -1;
	return true;
}

static bool
fd_send(struct channel *channel, const uint8_t *from, uint64_t length)
{
	while (length != 0) {
		ssize_t n = write(channel->fd[1], from, length);

		if (n < 0) {
			warn("write");
			return false;
		}
		from += n;
		length -= (uint64_t)n;
	}
	return true;
}

static bool
fd_receive(struct channel *channel, uint8_t *to, uint64_t length)
{
	while (length != 0) {
		ssize_t n = read(channel->fd[0], to, length);

		if (n < 0 && errno == EINTR && !stalled)
			continue;
		if (n <= 0) {
			warnx("%llu bytes missing: %s",
			    (unsigned long long)length,
			    n == 0 ? "end of file" : strerror(errno));
			return false;
		}
		to += n;
		length -= (uint64_t)n;
	}
	return true;
}

static const struct subject subjects[] = {
	{ "vqp", vqp_open, vqp_attach, vqp_send, vqp_receive },
	{ "pipe", pipe_open, fd_attach, fd_send, fd_receive },
	{ "unix_socket", socket_open, fd_attach, fd_send, fd_receive },
};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static void
channel_close(struct channel *channel)
{
	if (channel->mapped != NULL)
		munmap(channel->mapped, 2 * HEADER_BYTES + channel->ring_bytes);
	for (int i = 0; i < 2; i++) {
		if (channel->fd[i] >= 0)
			close(channel->fd[i]);
		if (channel->bell[i] >= 0)
			close(channel->bell[i]);
	}
}

/* ---- One transfer. */

static void
on_signal(int number)
{
	if (number == SIGCHLD)
		sender_gone = 1;
	else
		stalled = 1;
}

static void
catch_signals(void)
{
	/*
	 * Without SA_RESTART, so that the signal ends a read() that nobody will
	 * answer.
	 */
	const struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = SA_NOCLDSTOP,
	};

	sigaction(SIGCHLD, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	/*
	 * A write to a peer that is gone returns an error instead of raising a
	 * signal.
	 */
	signal(SIGPIPE, SIG_IGN);
}

/* Raise the alarm after `seconds` and then every second; 0 turns it off. */
static void
set_alarm(uint64_t seconds)
{
	const struct itimerval timer = {
		.it_interval = { .tv_sec = 1 },
		.it_value = { .tv_sec = (time_t)seconds },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/*
 * Run before everything else on this machine for the milliseconds of a
 * transfer.  Without the right to do so, the load of the machine slows all
 * subjects alike.
 */
static void
set_priority(int policy, int priority)
{
	const struct sched_param parameters = { .sched_priority = priority };

	(void)sched_setscheduler(0, policy, &parameters);
}

/* sched_getaffinity() said that we may use both processors. */
static void
pin(int which)
{
	cpu_set_t set;

	if (which < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)which, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		warn("cannot pin to processor %d", which);
}

/* The first two processors we may use, if there are two. */
static void
choose_processors(void)
{
	cpu_set_t set;
	int found[2], count = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && count < 2; i++) {
		if (CPU_ISSET((size_t)i, &set))
			found[count++] = i;
	}
	if (count == 2)
		memcpy(processor, found, sizeof(processor));
}

static void
sender_main(const struct subject *subject, struct channel *channel,
    const struct source *file, pid_t receiver)
{
	bool sent;

	/* Kill the sender when the receiver dies. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != receiver)
		_exit(EXIT_FAILED);
	pin(processor[1]);
	if (!subject->attach(channel, true))
		_exit(EXIT_FAILED);
	set_priority(SCHED_FIFO, 1);
	clock_gettime(CLOCK_MONOTONIC, first_byte);
	sent = subject->send(channel, file->bytes, file->length);
	_exit(sent ? EXIT_OK : EXIT_FAILED);
}

static double
seconds_since(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) +
	    1e-9 * (double)(to->tv_nsec - from->tv_nsec);
}

/*
 * Reap the sender.  True if it exited normally and this process did not kill
 * it.
 */
static bool
sender_ended(pid_t sender)
{
	int status;

	if (waitpid(sender, &status, 0) != sender) {
		warn("waitpid");
		return false;
	}
	if (WIFSIGNALED(status) && !stalled)
		warnx("the sender was ended by signal %d", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OK;
}

/*
 * Stream the file from a new process into `target`, and store the seconds that
 * took.  Returns false, with a message, if not all bytes arrived.
 */
static bool
transfer(const struct subject *subject, uint64_t ring_bytes,
    const struct source *file, uint8_t *target, double *seconds)
{
	struct channel channel = {
		.fd = { -1, -1 }, .bell = { -1, -1 }, .ring_bytes = ring_bytes,
	};
	const pid_t receiver = getpid();
	struct timespec last_byte;
	bool received = false;
	pid_t sender;

	sender_gone = stalled = 0;
	if (!subject->open(&channel)) {
		channel_close(&channel);
		return false;
	}
	sender = fork();
	if (sender < 0) {
		warn("fork");
		channel_close(&channel);
		return false;
	}
	if (sender == 0)
		sender_main(subject, &channel, file, receiver);

	set_alarm(STALL_SECONDS + file->length / (16 * MIB));
	if (subject->attach(&channel, false)) {
		set_priority(SCHED_FIFO, 1);
		received = subject->receive(&channel, target, file->length);
	}
	clock_gettime(CLOCK_MONOTONIC, &last_byte);
	set_priority(SCHED_OTHER, 0);
	set_alarm(0);
	if (!received) {
		if (stalled)
			warnx("gave up: it took too long");
		kill(sender, SIGKILL);
	}
	channel_close(&channel);
	if (!sender_ended(sender))
		received = false;
	/* An empty file has neither a first nor a last byte. */
	*seconds = file->length == 0 ? 0 :
	    seconds_since(first_byte, &last_byte);
	return received;
}

/* ---- The file. */

static bool
sha256(const uint8_t *bytes, uint64_t length, unsigned char digest[32])
{
	if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) == 1)
		return true;
	warnx("libcrypto cannot compute a SHA-256");
	return false;
}

/* Touch the memory here, so that the measured part meets no page fault. */
static void *
populated(uint64_t bytes, int sharing)
{
	void *base = mmap(NULL, bytes == 0 ? 1 : bytes, PROT_READ | PROT_WRITE,
	    sharing | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (base == MAP_FAILED)
		err(EXIT_FAILED, "%llu bytes of memory",
		    (unsigned long long)bytes);
	return base;
}

/*
 * Read all of the file into memory.  On failure, end the program with a message
 * that says what is wrong.
 */
static void
source_read(struct source *file, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat status;
	uint64_t done = 0;
	int fd;

	file->name = slash == NULL ? path : slash + 1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0)
		err(EXIT_FAILED, "%s", path);
	if (S_ISDIR(status.st_mode))
		errx(EXIT_FAILED, "%s: is a directory", path);
	if (!S_ISREG(status.st_mode))
		errx(EXIT_FAILED, "%s: is not a regular file", path);
	file->length = (uint64_t)status.st_size;
	file->bytes = populated(file->length, MAP_PRIVATE);
	while (done < file->length) {
		ssize_t n = read(fd, file->bytes + done, file->length - done);

		if (n < 0)
			err(EXIT_FAILED, "%s", path);
		if (n == 0)
			errx(EXIT_FAILED, "%s: became shorter while it was "
			    "read", path);
		done += (uint64_t)n;
	}
	close(fd);
	if (!sha256(file->bytes, file->length, file->sha256))
		exit(EXIT_FAILED);
}

/* The largest program of the installed compiler: every developer has one. */
static void
compiler_binary(char path[], size_t path_bytes)
{
	static const char *const commands[] = {
		"cc -print-prog-name=cc1plus 2>/dev/null",
		"cc -print-prog-name=cc1 2>/dev/null",
		"cc -print-prog-name=lto1 2>/dev/null",
	};
	off_t largest = -1;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		FILE *answer = popen(commands[i], "r");
		char line[4096];
		struct stat status;

		if (answer == NULL)
			err(EXIT_FAILED, "popen");
		if (fgets(line, sizeof(line), answer) == NULL)
			line[0] = '\0';
		pclose(answer);
		line[strcspn(line, "\n")] = '\0';
		if (stat(line, &status) == 0 && status.st_size > largest &&
		    strlen(line) < path_bytes) {
			strcpy(path, line);
			largest = status.st_size;
		}
	}
	if (largest < 0)
		errx(EXIT_FAILED, "no compiler to take a binary of: name a "
		    "file");
}

/* ---- Rounds and results. */

static int
compare_doubles(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The median of a sorted array. */
static double
median(const double *sorted, uint64_t count)
{
	return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/*
 * Run all rounds.  Each round measures every subject once and begins with
 * another one.  Returns false if a transfer failed; a wrong hash is a result.
 */
static bool
run_rounds(const struct options *options, const struct source *file,
    struct result results[])
{
	uint8_t *target = populated(file->length, MAP_SHARED);

	for (uint64_t round = 0; round < options->rounds; round++) {
		for (uint64_t turn = 0; turn < SUBJECTS; turn++) {
			uint64_t i = (round + turn) % SUBJECTS;
			unsigned char digest[32];

			/*
			 * Without this, the bytes of the previous round would
			 * pass the check.
			 */
			memset(target, 0xa5, file->length);
			if (!transfer(&subjects[i], options->ring_bytes, file,
			    target, &results[i].seconds[round])) {
				warnx("%s: round %llu failed",
				    subjects[i].name,
				    (unsigned long long)round + 1);
				return false;
			}
			if (!sha256(target, file->length, digest))
				return false;
			if (memcmp(digest, file->sha256, sizeof(digest)) != 0)
				results[i].sha256_ok = false;
		}
	}
	for (uint64_t i = 0; i < SUBJECTS; i++)
		qsort(results[i].seconds, options->rounds, sizeof(double),
		    compare_doubles);
	return true;
}

static double
gib_per_s(uint64_t bytes, double seconds)
{
	return seconds > 0 ? (double)bytes / (double)GIB / seconds : 0;
}

static void
print_table(const struct options *options, const struct source *file,
    const struct result results[])
{
	fprintf(stderr, "%s, %llu bytes, ring of %llu bytes, %llu rounds",
	    file->name, (unsigned long long)file->length,
	    (unsigned long long)options->ring_bytes,
	    (unsigned long long)options->rounds);
	if (processor[0] >= 0)
		fprintf(stderr, ", processors %d and %d", processor[0],
		    processor[1]);
	fprintf(stderr, "\n%-12s %10s %10s %10s %8s  %s\n", "", "median ms",
	    "min", "max", "GiB/s", "SHA-256");
	for (uint64_t i = 0; i < SUBJECTS; i++) {
		const double *seconds = results[i].seconds;
		double middle = median(seconds, options->rounds);

		fprintf(stderr, "%-12s %10.3f %10.3f %10.3f %8.2f  %s\n",
		    subjects[i].name, 1e3 * middle, 1e3 * seconds[0],
		    1e3 * seconds[options->rounds - 1],
		    gib_per_s(file->length, middle),
		    results[i].sha256_ok ? "ok" : "WRONG");
	}
}

/* Escape the name: a file name may contain any byte. */
static void
print_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		const unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (byte < ' ')
			fprintf(out, "\\u%04x", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void
print_json(FILE *out, const struct options *options,
    const struct source *file, const struct result results[])
{
	const double vqp_median = median(results[0].seconds, options->rounds);

	fprintf(out, "{\n  \"schema_version\": 1,\n  \"file\": ");
	print_json_string(out, file->name);
	fprintf(out, ",\n  \"file_bytes\": %llu,\n  \"ring_bytes\": %llu,\n"
	    "  \"sha256\": \"", (unsigned long long)file->length,
	    (unsigned long long)options->ring_bytes);
	for (size_t i = 0; i < sizeof(file->sha256); i++)
		fprintf(out, "%02x", file->sha256[i]);
	fprintf(out, "\",\n  \"rounds\": %llu,\n  \"subjects\": [",
	    (unsigned long long)options->rounds);
	for (uint64_t i = 0; i < SUBJECTS; i++) {
		const double *seconds = results[i].seconds;
		const double middle = median(seconds, options->rounds);

		fprintf(out, "%s\n    {\"name\": \"%s\", "
		    "\"seconds_median\": %.9f, \"seconds_min\": %.9f, "
		    "\"seconds_max\": %.9f, \"gib_per_s_median\": %.6f, "
		    "\"ratio_to_vqp\": ", i == 0 ? "" : ",", subjects[i].name,
		    middle, seconds[0], seconds[options->rounds - 1],
		    gib_per_s(file->length, middle));
		/*
		 * The ratio of the rates: below 1, this subject is slower than
		 * vqp.
		 */
		if (middle > 0)
			fprintf(out, "%.6f", vqp_median / middle);
		else
			fprintf(out, "null");
		fprintf(out, ", \"sha256_ok\": %s}",
		    results[i].sha256_ok ? "true" : "false");
	}
	fprintf(out, "\n  ]\n}\n");
}

/* ---- The command line. */

static const char help[] =
"usage: vqp_file_stream [options] [FILE]\n"
"Stream FILE from one process to another through a queue pair, a pipe and a\n"
"Unix socket pair, and check what arrives.  Without FILE: the largest binary\n"
"of the installed compiler.  The two processes are pinned to the first two\n"
"processors they may use; taskset(1) chooses others.\n"
"\n"
"  --ring BYTES    ring and buffer size, 4096 to 1073741824 (1048576)\n"
"  --rounds N      transfers of each kind, 1 to 10000 (21)\n"
"  --out OUT       write the JSON to the file OUT (standard output)\n"
"  --quiet         no table on standard error\n"
"  --help, --version\n"
"\n"
"Exit status: 0 all arrived intact, 1 something failed, 2 wrong usage.\n";

static uint64_t
parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    number < min || number > max)
		errx(EXIT_USAGE, "%s: '%s' is not a number from %llu to %llu",
		    option, text, (unsigned long long)min,
		    (unsigned long long)max);
	return number;
}

static void
parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "ring", required_argument, NULL, 'r' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "out", required_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options){ .ring_bytes = MIB, .rounds = 21 };
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'r':
			options->ring_bytes = parse_number("--ring", optarg,
			    4 * KIB, GIB);
			break;
		case 'n':
			options->rounds = parse_number("--rounds", optarg, 1,
			    10000);
			break;
		case 'o':
			options->out = optarg;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		case 'v':
			printf("vqp_file_stream, ring ABI %d\n", VQP_RING_ABI);
			exit(EXIT_OK);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind > 1)
		errx(EXIT_USAGE, "more than one file: '%s'", argv[optind + 1]);
	options->path = argv[optind];
}

int
main(int argc, char **argv)
{
	struct result results[SUBJECTS];
	struct options options;
	struct source file;
	char compiler[4096];
	bool intact = true;
	FILE *out = stdout;

	parse_options(&options, argc, argv);
	if (options.path == NULL) {
		compiler_binary(compiler, sizeof(compiler));
		options.path = compiler;
	}
	source_read(&file, options.path);
	if (options.out != NULL) {
		out = fopen(options.out, "w");
		if (out == NULL)
			err(EXIT_FAILED, "%s", options.out);
	}

	first_byte = populated(sizeof(*first_byte), MAP_SHARED);
	choose_processors();
	pin(processor[0]);
	catch_signals();
	for (uint64_t i = 0; i < SUBJECTS; i++) {
		results[i].seconds = calloc(options.rounds, sizeof(double));
		if (results[i].seconds == NULL)
			err(EXIT_FAILED, "results");
		results[i].sha256_ok = true;
	}
	if (!run_rounds(&options, &file, results))
		return EXIT_FAILED;
	if (!options.quiet)
		print_table(&options, &file, results);
	print_json(out, &options, &file, results);
	if (fflush(out) != 0 || ferror(out) || fclose(out) != 0)
		err(EXIT_FAILED, "%s",
		    options.out == NULL ? "standard output" : options.out);
	for (uint64_t i = 0; i < SUBJECTS; i++)
		intact = intact && results[i].sha256_ok;
	return intact ? EXIT_OK : EXIT_FAILED;
}
