/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a guest does with AF_VSOCK, one case at a time; exit status 0 if all of
 * it was right, and a line on standard error if not.  Bytes are a pattern that
 * depends on their place in the stream.
 *
 *	vtest cid WANTED		the context id is this
 *	vtest echo CID PORT BYTES	send, get the same back, end of stream
 *	vtest sink CID PORT BYTES	send only
 *	vtest source CID PORT BYTES	receive that many and no more
 *	vtest serve PORT BYTES		accept one, send back what it sends
 *	vtest torn CID PORT		memory that ends before a message does
 *	vtest refused CID PORT		nobody listens
 *	vtest nowhere CID PORT		no way leads there
 *	vtest local CID BYTES		both ends here
 *	vtest datagram CID PORT BYTES	one there and back
 *	vtest burst CID PORT COUNT	many small ones there and back
 *	vtest nobody CID PORT		a datagram for a port that is nobody's
 *	vtest outlive CID NAME		streams and datagrams to a host that dies
 *	vtest churn CID PORT COUNT RATE CLIENTS
 *					so many short streams, so many a second
 *					(0: as fast as it goes), by so many
 *	vtest sustain CID PORT SECONDS	how many a second go on and on
 *
 * Of what goes on while something happens to the device.  FILE is there from
 * when it is up until it may end:
 *
 *	vtest stream CID PORT FILE	back and forth, or until it is lost
 *	vtest idle CID PORT FILE	asleep until it is lost
 *	vtest unread CID PORT FILE	what came before is read after
 *	vtest keep CID PORT FILE	a datagram before and one after, one socket
 *	vtest sleep			as for an image to hibernate with, and back
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/suspend_ioctls.h>

#include "guest_socket.h"

#define CHUNK	65536

static void
wrong(const char *what, long long a, long long b)
{
	fprintf(stderr, "# vtest: %s (%lld, %lld)\n", what, a, b);
	exit(1);
}

static unsigned char
pattern(unsigned long long at)
{
	return (unsigned char)((at * 2654435761u) >> 13 ^ at >> 3);
}

static void
fill(unsigned char *buffer, size_t n, unsigned long long at)
{
	for (size_t i = 0; i < n; i++)
		buffer[i] = pattern(at + i);
}

static void
judge(const unsigned char *buffer, size_t n, unsigned long long at)
{
	for (size_t i = 0; i < n; i++)
		if (buffer[i] != pattern(at + i))
			wrong("another byte at", (long long)(at + i),
			    buffer[i]);
}

/*
 * Send `out` bytes of the pattern and receive `in`, whichever goes; then tell
 * the peer, and see it end.
 */
static void
exchange(int fd, unsigned long long out, unsigned long long in)
{
	static unsigned char to[CHUNK], from[CHUNK];
	unsigned long long sent = 0, received = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (out == 0)
		shutdown(fd, SHUT_WR);
	while (sent < out || received < in) {
		struct pollfd p = { .fd = fd };

		p.events = (short)((sent < out ? POLLOUT : 0) |
		    (received < in ? POLLIN : 0));
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			wrong("stuck", (long long)sent, (long long)received);
		if (sent < out && (p.revents & POLLOUT) != 0) {
			size_t want = out - sent < CHUNK ? out - sent : CHUNK;

			fill(to, want, sent);
			n = send(fd, to, want, MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN)
				fail("send");
			sent += n > 0 ? (size_t)n : 0;
			if (sent == out)
				shutdown(fd, SHUT_WR);
		}
		if (received < in && (p.revents & (POLLIN | POLLHUP)) != 0) {
			n = recv(fd, from, sizeof(from), 0);
			if (n == 0)
				wrong("ended early", (long long)received,
				    (long long)in);
			if (n < 0 && errno != EAGAIN)
				fail("recv");
			if (n > 0) {
				judge(from, (size_t)n, received);
				received += (size_t)n;
			}
		}
		if ((p.revents & (POLLERR | POLLHUP)) != 0 && sent < out)
			wrong("peer left", (long long)sent, p.revents);
	}
	/* The end of the stream, and not a byte more. */
	fcntl(fd, F_SETFL, 0);
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	n = recv(fd, from, sizeof(from), 0);
	if (n > 0)
		wrong("more than was asked", n, (long long)in);
	if (n < 0)
		fail("end of stream");
	close(fd);
}

static void
timed(int fd, unsigned long long out, unsigned long long in)
{
	struct timespec a, b;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &a);
	exchange(fd, out, in);
	clock_gettime(CLOCK_MONOTONIC, &b);
	seconds = (double)(b.tv_sec - a.tv_sec) +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	if (out + in >= 1000000)
		printf("# %llu bytes in %.3f s, %.1f MB/s\n", out + in,
		    seconds, (double)(out + in) / seconds / 1e6);
}

static int
accept_one(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int one;

	if (poll(&p, 1, PATIENCE_MS) <= 0)
		wrong("nobody came", 0, 0);
	one = accept(fd, NULL, NULL);
	if (one < 0)
		fail("accept");
	return one;
}

/* Send everything back, in order, until the peer ends. */
static void
serve(int fd, unsigned long long bytes)
{
	static unsigned char buffer[CHUNK];
	unsigned long long total = 0;
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		for (ssize_t at = 0; at < n; ) {
			ssize_t m = send(fd, buffer + at, (size_t)(n - at),
			    MSG_NOSIGNAL);

			if (m <= 0)
				fail("send");
			at += m;
		}
		total += (size_t)n;
	}
	if (n < 0)
		fail("recv");
	if (total != bytes)
		wrong("served", (long long)total, (long long)bytes);
	close(fd);
}

/*
 * A message of which a part cannot be read is not sent, nor is its beginning;
 * what cannot be written to is not lost.  The peer sends all back.
 */
static void
torn(int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 100;
	unsigned char *last, back[4 * 100];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	last = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (last == MAP_FAILED || munmap(last + page, page) != 0)
		fail("mmap");
	last += page - bytes;
	fill(last, bytes, 0);
	n = send(fd, last, 2 * bytes, MSG_NOSIGNAL);
	if (n >= 0)
		wrong("sent what is not there", n, 0);
	if (send(fd, last, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		fail("send");
	if (poll(&p, 1, PATIENCE_MS) <= 0)
		wrong("nothing came", 0, 0);
	n = recv(fd, last + bytes / 2, bytes, 0);
	if (n >= 0)
		wrong("received into what is not there", n, 0);
	shutdown(fd, SHUT_WR);
	n = recv(fd, back, sizeof(back), MSG_WAITALL);
	if (n != (ssize_t)bytes)
		wrong("bytes that came", n, (long long)bytes);
	judge(back, bytes, 0);
	close(fd);
}

static void
local(unsigned cid, unsigned long long bytes)
{
	int fd = listener(7000), status;
	pid_t child = fork();

	if (child == 0) {
		exchange(dial(cid, 7000), bytes, bytes);
		exit(0);
	}
	serve(accept_one(fd), bytes);
	if (waitpid(child, &status, 0) != child || status != 0)
		wrong("the other end", status, 0);
}

static int
datagram_socket(void)
{
	struct sockaddr_vm a = address(VMADDR_CID_ANY, VMADDR_PORT_ANY);
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(AF_VSOCK, SOCK_DGRAM, 0), size = 1 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		fail("datagram socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void
send_datagram(int fd, struct sockaddr_vm to, size_t bytes, unsigned seed)
{
	static unsigned char buffer[80000];
	ssize_t n;

	fill(buffer, bytes, seed);
	n = sendto(fd, buffer, bytes, 0, (struct sockaddr *)&to, sizeof(to));
	if (n < 0)
		fail("sendto");
	if ((size_t)n != bytes)
		wrong("sent", n, (long long)bytes);
}

static void
receive_datagram(int fd, struct sockaddr_vm from, size_t bytes, unsigned seed)
{
	static unsigned char buffer[80000];
	struct sockaddr_vm a;
	socklen_t length = sizeof(a);
	ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0,
	    (struct sockaddr *)&a, &length);

	if (n < 0)
		fail("recvfrom");
	if ((size_t)n != bytes)
		wrong("received", n, (long long)bytes);
	if (a.svm_cid != from.svm_cid || a.svm_port != from.svm_port)
		wrong("from", a.svm_cid, a.svm_port);
	judge(buffer, bytes, seed);
}

static void
burst(unsigned cid, unsigned port, unsigned count)
{
	int fd = datagram_socket();

	/* As many at a time as the smallest queue on the way holds. */
	for (unsigned done = 0; done < count; ) {
		unsigned n = count - done < 50 ? count - done : 50;

		for (unsigned i = 0; i < n; i++)
			send_datagram(fd, address(cid, port),
			    (done + i) * 37 % 1000 + 1, done + i);
		for (unsigned i = 0; i < n; i++)
			receive_datagram(fd, address(cid, port),
			    (done + i) * 37 % 1000 + 1, done + i);
		done += n;
	}
}

/* A child that sends, or receives, until it is told that the peer is gone. */
static void
until_end(int fd, int sends)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	static unsigned char buffer[CHUNK];
	ssize_t n;

	if (fork() != 0)
		return;
	setsockopt(fd, SOL_SOCKET, sends ? SO_SNDTIMEO : SO_RCVTIMEO,
	    &patience, sizeof(patience));
	do
		n = sends ? send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL) :
		    recv(fd, buffer, sizeof(buffer), 0);
	while (n > 0);
	if (n < 0 && errno == EAGAIN)
		fail(sends ? "nobody ended a send" : "nobody ended a recv");
	exit(0);
}

/* One that waits in poll() for the same. */
static void
until_hangup(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

	if (fork() != 0)
		return;
	if (poll(&p, 1, PATIENCE_MS) <= 0)
		wrong("nobody ended a poll", 0, 0);
	exit(0);
}

/* Datagrams there and back, lost or not, until it is killed. */
static pid_t
storm(unsigned cid, unsigned port)
{
	static unsigned char buffer[2000];
	struct sockaddr_vm to = address(cid, port);
	pid_t child = fork();
	int fd;

	if (child != 0)
		return child;
	fd = datagram_socket();
	for (;;) {
		sendto(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&to,
		    sizeof(to));
		while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
			;
	}
}

/*
 * Each kind of stream, idle and busy, ours and one of the host's; the host
 * echoes on 7, reads on 9, reads nothing on 11 and sends on 19.  When all have
 * ended, but are not closed, the next host connects to the same port.
 */
static void
outlive(unsigned cid, const char *name)
{
	int listening = listener(6000), status, echo, busy = 8;
	pid_t child, datagrams;

	printf("guest: listening %s\n", name);
	until_end(accept_one(listening), 0);
	until_end(dial(cid, 7), 0);
	until_hangup(dial(cid, 7));
	until_end(dial(cid, 9), 1);
	until_end(dial(cid, 11), 1);
	until_end(dial(cid, 19), 0);
	echo = dial(cid, 7);
	until_end(echo, 0);
	until_end(echo, 1);
	datagrams = storm(cid, 5007);
	printf("guest: loaded %s\n", name);
	while (busy > 0) {
		child = wait(&status);
		if (child == datagrams || status != 0)
			wrong("a child", child == datagrams, status);
		busy--;
	}
	kill(datagrams, SIGKILL);
	printf("guest: outlived %s\n", name);
	serve(accept_one(listening), 200000);
}

/* ---- Connections that come and go. */

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Connect, 100 bytes, close; 0 or why not. */
static int
short_stream(unsigned cid, unsigned port)
{
	struct sockaddr_vm to = address(cid, port);
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0), error = 0;
	unsigned char bytes[100];

	if (fd < 0)
		return errno;
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience,
	    sizeof(patience));
	fill(bytes, sizeof(bytes), 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) != sizeof(bytes))
		error = errno;
	close(fd);
	return error;
}

/* A child's share; its exit status says whether one of them failed. */
static void
churn_share(unsigned cid, unsigned port, unsigned count, unsigned rate)
{
	double begin = seconds_now();
	unsigned failed = 0;

	for (unsigned i = 0; i < count; i++) {
		double early = rate == 0 ? 0 :
		    begin + (double)i / rate - seconds_now();
		int error;

		if (early > 0)
			usleep((useconds_t)(early * 1e6));
		error = short_stream(cid, port);
		if (error != 0 && failed++ == 0)
			fprintf(stderr, "# vtest: connection %u: %s\n", i,
			    strerror(error));
	}
	if (failed != 0)
		fprintf(stderr, "# vtest: %u of %u failed\n", failed, count);
	exit(failed != 0);
}

static void
churn(unsigned cid, unsigned port, unsigned count, unsigned rate,
    unsigned clients)
{
	double begin = seconds_now();
	unsigned bad = 0;
	int status;

	for (unsigned i = 0; i < clients; i++) {
		if (fork() == 0)
			churn_share(cid, port, count / clients, rate);
	}
	for (unsigned i = 0; i < clients; i++)
		bad += wait(&status) < 0 || status != 0;
	printf("# %u connections by %u: %.0f a second\n", count, clients,
	    count / (seconds_now() - begin));
	exit(bad != 0);
}

/*
 * What a driver can do for ever: the first streams are free, since nothing of
 * an earlier one is in their way.
 */
static void
sustain(unsigned cid, unsigned port, unsigned seconds)
{
	unsigned done = 0, failed = 0;
	double begin = 0, now;

	for (unsigned i = 0; i < 300; i += short_stream(cid, port) == 0)
		;
	begin = seconds_now();
	while ((now = seconds_now()) < begin + seconds) {
		if (short_stream(cid, port) == 0)
			done++;
		else
			failed++;
	}
	printf("# sustained: %.1f a second, %u failed\n",
	    done / (now - begin), failed);
}

/* ---- While something happens. */

static void
up(const char *file)
{
	if (close(open(file, O_CREAT | O_WRONLY, 0644)) != 0)
		fail(file);
}

static bool
may_end(const char *file)
{
	return access(file, F_OK) != 0;
}

/* Lost: whoever holds the socket holds what the driver has for it. */
static void
lost(int fd, const char *file, const char *how, unsigned long long at)
{
	printf("# %s after %llu bytes\n", how, at);
	while (!may_end(file))
		usleep(20000);
	close(fd);
}

/* What came back, 0 for nothing yet, -1 if there will be no more. */
static ssize_t
take_back(int fd, unsigned long long at, const char **how)
{
	static unsigned char from[CHUNK];
	ssize_t n = recv(fd, from, sizeof(from), MSG_DONTWAIT);

	if (n > 0)
		judge(from, (size_t)n, at);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		*how = n == 0 ? "ended" : strerror(errno);
	return n == 0 ? -1 : n;
}

static void
stream(int fd, const char *file)
{
	static unsigned char to[CHUNK];
	unsigned long long sent = 0, received = 0;
	const char *how = NULL;
	bool is_up = false;
	ssize_t n;

	while (!is_up || !may_end(file)) {
		struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

		if (sent - received >= sizeof(to))
			p.events = POLLIN;
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			wrong("stuck", (long long)sent, (long long)received);
		if ((p.events & POLLOUT) != 0) {
			fill(to, 4000, sent);
			n = send(fd, to, 4000, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN) {
				lost(fd, file, strerror(errno), received);
				return;
			}
			sent += n > 0 ? (size_t)n : 0;
		}
		n = take_back(fd, received, &how);
		if (n < 0) {
			lost(fd, file, how, received);
			return;
		}
		received += (size_t)n;
		if (!is_up && received > 100000) {
			is_up = true;
			up(file);
		}
	}
	printf("# goes on after %llu bytes\n", received);
	close(fd);
}

/* Asleep when it happens: that is what is to wake it. */
static void
idle(int fd, const char *file)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	ssize_t n;
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	up(file);
	/* With a time limit it is not restarted after a suspend. */
	do
		n = recv(fd, &byte, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		wrong("not told of the loss", n, errno);
	lost(fd, file, n == 0 ? "ended" : strerror(errno), 0);
}

/* Whatever became of the peer, what it had sent is ours; then the end. */
static void
unread(int fd, const char *file)
{
	unsigned char bytes[1000];
	ssize_t n;

	fill(bytes, sizeof(bytes), 0);
	if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(bytes))
		fail("send");
	while ((n = recv(fd, bytes, sizeof(bytes), MSG_PEEK)) !=
	    (ssize_t)sizeof(bytes)) {
		if (n <= 0)
			fail("peek");
		usleep(1000);
	}
	up(file);
	while (!may_end(file))
		usleep(20000);
	memset(bytes, 0, sizeof(bytes));
	n = recv(fd, bytes, sizeof(bytes), MSG_WAITALL);
	if (n != (ssize_t)sizeof(bytes))
		wrong("not all of what had come", n, errno);
	judge(bytes, sizeof(bytes), 0);
	n = recv(fd, bytes, 1, MSG_DONTWAIT);
	if (n > 0 || (n < 0 && errno != EAGAIN))
		wrong("no end behind it", n, errno);
}

/* Bytes in order from one end to the other. */
static void
pass(int from, int to, unsigned long long at)
{
	unsigned char bytes[1000];

	fill(bytes, sizeof(bytes), at);
	if (send(from, bytes, sizeof(bytes), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(bytes))
		fail("send");
	memset(bytes, 0, sizeof(bytes));
	if (recv(to, bytes, sizeof(bytes), MSG_WAITALL) !=
	    (ssize_t)sizeof(bytes))
		fail("recv");
	judge(bytes, sizeof(bytes), at);
}

/* A stream within the guest, used before what happens and after it. */
static void
near(unsigned port, const char *file)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int listening = listener(port), end[2];

	end[0] = dial(own_cid(), port);
	end[1] = accept_one(listening);
	for (int i = 0; i < 2; i++) {
		setsockopt(end[i], SOL_SOCKET, SO_RCVTIMEO, &patience,
		    sizeof(patience));
		pass(end[i], end[i ^ 1], 0);
	}
	up(file);
	while (!may_end(file))
		usleep(20000);
	for (int i = 0; i < 2; i++)
		pass(end[i], end[i ^ 1], 1000);
}

static void
keep(struct sockaddr_vm peer, const char *file)
{
	int fd = datagram_socket();

	send_datagram(fd, peer, 1000, 5);
	receive_datagram(fd, peer, 1000, 5);
	up(file);
	while (!may_end(file))
		usleep(20000);
	send_datagram(fd, peer, 1000, 6);
	receive_datagram(fd, peer, 1000, 6);
}

/*
 * Devices are frozen, an image is made in memory, devices thaw; then nobody
 * wants the image.
 */
static void
sleep_for_image(void)
{
	int fd = open("/dev/snapshot", O_RDONLY), kept = 0;

	if (fd < 0 || ioctl(fd, SNAPSHOT_FREEZE) != 0)
		fail("freeze");
	if (ioctl(fd, SNAPSHOT_CREATE_IMAGE, &kept) != 0 || kept != 1)
		fail("image");
	ioctl(fd, SNAPSHOT_FREE);
	if (ioctl(fd, SNAPSHOT_UNFREEZE) != 0)
		fail("unfreeze");
}

int
main(int argc, char **argv)
{
	unsigned long a[5] = { 0 };
	const char *verb = argc > 1 ? argv[1] : "";
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 2; i < argc && i < 7; i++)
		a[i - 2] = strtoul(argv[i], NULL, 0);
	if (strcmp(verb, "cid") == 0) {
		if (own_cid() != a[0])
			wrong("context id", own_cid(), (long long)a[0]);
	} else if (strcmp(verb, "echo") == 0) {
		timed(dial((unsigned)a[0], (unsigned)a[1]), a[2], a[2]);
	} else if (strcmp(verb, "sink") == 0) {
		timed(dial((unsigned)a[0], (unsigned)a[1]), a[2], 0);
	} else if (strcmp(verb, "source") == 0) {
		timed(dial((unsigned)a[0], (unsigned)a[1]), 0, a[2]);
	} else if (strcmp(verb, "serve") == 0) {
		fd = listener((unsigned)a[0]);
		printf("guest: listening on %lu\n", a[0]);
		serve(accept_one(fd), a[1]);
	} else if (strcmp(verb, "torn") == 0) {
		torn(dial((unsigned)a[0], (unsigned)a[1]));
	} else if (strcmp(verb, "refused") == 0 ||
	    strcmp(verb, "nowhere") == 0) {
		struct sockaddr_vm to = address((unsigned)a[0],
		    (unsigned)a[1]);

		fd = socket(AF_VSOCK, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			wrong("connected", (long long)a[0], (long long)a[1]);
		if (verb[0] == 'n' ? errno != ENODEV :
		    errno != ECONNRESET && errno != EHOSTUNREACH)
			fail("connect");
	} else if (strcmp(verb, "local") == 0) {
		local((unsigned)a[0], a[1]);
	} else if (strcmp(verb, "datagram") == 0) {
		struct sockaddr_vm peer = address((unsigned)a[0],
		    (unsigned)a[1]);

		fd = datagram_socket();
		send_datagram(fd, peer, a[2], 5);
		receive_datagram(fd, peer, a[2], 5);
	} else if (strcmp(verb, "burst") == 0) {
		burst((unsigned)a[0], (unsigned)a[1], (unsigned)a[2]);
	} else if (strcmp(verb, "nobody") == 0) {
		struct sockaddr_vm to = address((unsigned)a[0],
		    (unsigned)a[1]);

		if (sendto(datagram_socket(), "x", 1, 0,
		    (struct sockaddr *)&to, sizeof(to)) >= 0 ||
		    errno != EHOSTUNREACH)
			fail("sent to nobody");
	} else if (strcmp(verb, "outlive") == 0 && argc == 4) {
		outlive((unsigned)a[0], argv[3]);
	} else if (strcmp(verb, "churn") == 0) {
		churn((unsigned)a[0], (unsigned)a[1], (unsigned)a[2],
		    (unsigned)a[3], (unsigned)a[4]);
	} else if (strcmp(verb, "sustain") == 0) {
		sustain((unsigned)a[0], (unsigned)a[1], (unsigned)a[2]);
	} else if (strcmp(verb, "stream") == 0) {
		stream(dial((unsigned)a[0], (unsigned)a[1]), argv[4]);
	} else if (strcmp(verb, "idle") == 0) {
		idle(dial((unsigned)a[0], (unsigned)a[1]), argv[4]);
	} else if (strcmp(verb, "unread") == 0) {
		unread(dial((unsigned)a[0], (unsigned)a[1]), argv[4]);
	} else if (strcmp(verb, "keep") == 0) {
		keep(address((unsigned)a[0], (unsigned)a[1]), argv[4]);
	} else if (strcmp(verb, "near") == 0) {
		near((unsigned)a[1], argv[4]);
	} else if (strcmp(verb, "sleep") == 0) {
		sleep_for_image();
	} else {
		fprintf(stderr, "# vtest: no case '%s'\n", verb);
		return 2;
	}
	return 0;
}
