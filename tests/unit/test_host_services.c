/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Queue pairs, doorbells and datagrams of vqp-host, without stream sockets. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "count_fds.h"
#include "host_rig.h"

static void
ring(uint32_t resource)
{
	const struct vqp_handle handle = { VQP_CONTEXT_HOST, resource };

	fake_qemu_send(&rig.qemu, VQP_LINK_DOORBELL, 0, &handle,
	    sizeof(handle), NULL, 0);
	rig_settle();
}

TEST(source, "a pair's source fills the ring, and again what was read")
{
	struct vqp_pair *guest;
	uint8_t bytes[2048];
	uint64_t total = 0;
	int64_t n;

	rig_open("--pair-source", "62=2048");
	guest = &rig.qemu.pairs[0].guest;
	for (int turn = 0; turn < 10; turn++) {
		rig_settle();
		while ((n = vqp_pair_dequeue(guest, bytes,
		    sizeof(bytes))) > 0)
			total += (uint64_t)n;
		CHECK_EQ(n, VQP_ERROR_NO_DATA);
		ring(62);
	}
	/* One byte of a ring stays empty. */
	CHECK_EQ(total, 10 * 2047);
	rig_close();
}

/* As tests/kernel/guest counts: the byte at a place of every source. */
static uint8_t
sourced(uint64_t at)
{
	return (uint8_t)(((at * 2654435761u) / 8192) ^ (at / 8));
}

TEST(source_bytes, "a source's bytes are those of the pattern, around the end")
{
	struct vqp_pair *guest;
	uint8_t bytes[2048];
	uint64_t at = 0, wrong = 0;

	rig_open("--pair-source", "62=2048");
	rig_settle();
	guest = &rig.qemu.pairs[0].guest;
	for (uint64_t turn = 0; turn < 60; turn++) {
		const uint64_t want = 1 + turn * 397 % 2000;
		const int64_t n = vqp_pair_dequeue(guest, bytes, want);

		/* Up to a quarter that was read may not be said yet. */
		CHECK(n == (int64_t)want || n >= 2047 - 512);
		for (int64_t i = 0; i < n; i++)
			wrong += bytes[i] != sourced(at++);
		ring(62);
	}
	CHECK_EQ(wrong, 0);
	rig_close();
}

/* Through an echo and back, as much as fits and in odd pieces. */
static void
goes_around(uint64_t bytes_max, unsigned turns)
{
	struct vqp_pair *guest = &rig.qemu.pairs[0].guest;
	uint8_t *out = malloc(bytes_max), *in = malloc(bytes_max);

	for (unsigned turn = 0; turn < turns; turn++) {
		const uint64_t want = 1 + (turn * UINT64_C(1237) +
		    bytes_max - 2) % (bytes_max - 1);
		uint64_t got = 0;

		for (uint64_t i = 0; i < want; i++)
			out[i] = (uint8_t)((i + turn) * 11 + i / 256);
		CHECK_EQ(vqp_pair_enqueue(guest, out, want), want);
		ring(60);
		for (int i = 0; i < 10 && got < want; i++) {
			const int64_t n = vqp_pair_dequeue(guest, in + got,
			    bytes_max - got);

			got += n > 0 ? (uint64_t)n : 0;
			rig_settle();
		}
		CHECK_EQ(got, want);
		CHECK(memcmp(in, out, want) == 0);
	}
	free(out);
	free(in);
}

TEST(pair_echo, "an echo of a pair gives back every byte, around the end")
{
	const unsigned before = count_fds();

	rig_open("--pair-echo", "60=4096");
	goes_around(4096, 40);
	rig_close();
	/* More than an echo holds at a time. */
	rig_open("--pair-echo", "60=262144");
	goes_around(262144, 5);
	fake_qemu_detach(&rig.qemu, rig.qemu.pairs[0].call.handle);
	rig_settle();
	CHECK(rig_said("pair 2:60: in "));
	rig_close();
	/* Nor is the guest's memory held any longer. */
	CHECK_EQ(count_fds(), before);
}

TEST(pair_rung, "the guest's bell is rung when it waits, with the pair's name")
{
	struct vqp_pair *guest;
	const struct fake_packet *sent;
	struct vqp_handle rung;
	uint8_t byte;

	rig_open("--pair-echo", "60=4096");
	guest = &rig.qemu.pairs[0].guest;
	CHECK_EQ(vqp_pair_dequeue(guest, &byte, 1), VQP_ERROR_NO_DATA);
	CHECK_EQ(vqp_pair_send(guest, "x", 1), 1);
	ring(60);
	sent = fake_qemu_next(&rig.qemu, VQP_LINK_RING);
	CHECK(sent != NULL && sent->bytes == sizeof(rung));
	if (sent != NULL) {
		memcpy(&rung, sent->body, sizeof(rung));
		CHECK_EQ(rung.context, FAKE_CID);
		CHECK_EQ(rung.resource, 60);
	}
	rig_close();
}

TEST(sink, "a sink takes all there is, and says how much at the end")
{
	static const uint8_t bytes[3000];
	struct vqp_pair *guest;

	rig_open("--pair-sink", "60=4096");
	guest = &rig.qemu.pairs[0].guest;
	for (unsigned i = 0; i < 7; i++) {
		CHECK_EQ(vqp_pair_enqueue(guest, bytes, 3000), 3000);
		ring(60);
		CHECK_EQ(vqp_pair_produce_free(guest), 4095);
	}
	CHECK_EQ(vqp_pair_consume_ready(guest), 0);
	/* What was written last is taken, too. */
	CHECK_EQ(vqp_pair_enqueue(guest, bytes, 500), 500);
	fake_qemu_detach(&rig.qemu, rig.qemu.pairs[0].call.handle);
	rig_settle();
	CHECK(rig_said("pair 2:60: in 21500, out 0 bytes, 0.000 s, 0.0 MB/s"));
	rig_close();
}

TEST(pair_in_the_guests_name, "16:62 is a pair of the guest's context")
{
	const struct vqp_handle handle = { FAKE_CID, 62 };

	rig_open("--pair-sink", "16:62");
	CHECK(fake_qemu_pair(&rig.qemu, handle) != NULL);
	CHECK_EQ(rig.qemu.pairs[0].call.peer, FAKE_CID);
	CHECK_EQ(rig.qemu.pairs[0].call.flags, 0);
	rig_close();
}

TEST(bad_pair_late, "a pair that ends after it moved bytes is looked at no more")
{
	const uint64_t bad = UINT64_MAX;

	rig_open("--pair-echo", "60=4096");
	CHECK_EQ(vqp_pair_send(&rig.qemu.pairs[0].guest, "abc", 3), 3);
	/* What the guest says to have read of ours, which comes second. */
	memcpy(rig.qemu.ram + 8192 + 16, &bad, sizeof(bad));
	ring(60);
	CHECK(rig_said("pair 2:60: the guest's index is invalid"));
	CHECK_EQ(host_raw_work(&rig.host), -1);
	rig_close();
}

TEST(bad_pair, "an index that is none ends the pair until the guest leaves")
{
	const struct vqp_handle handle = { VQP_CONTEXT_HOST, 60 };
	const uint64_t bad = UINT64_MAX;

	rig_open("--pair-echo", "60=4096");
	memcpy(rig.qemu.ram + 8192 + 8, &bad, sizeof(bad));
	ring(60);
	CHECK(rig_said("pair 2:60: the guest's index is invalid"));
	CHECK_EQ(rig.host.state, HOST_RUNS);
	fake_qemu_detach(&rig.qemu, handle);
	rig_settle();
	CHECK_EQ(vqp_pair_send(&rig.qemu.pairs[1].guest, "abc", 3), 3);
	ring(60);
	CHECK_EQ(vqp_pair_consume_ready(&rig.qemu.pairs[1].guest), 3);
	rig_close();
}

TEST(refused_pair, "a pair that QEMU refuses at the start is a failure")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--pair-echo", (char *)"60" };

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	rig.qemu.alloc_status = VQP_ERROR_NO_RESOURCES;
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("pair 2:60: VQP_ERROR_NO_RESOURCES"));
	rig_close();
}

TEST(pair_twice, "two services with one pair are a failure that names it")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--pair-echo", (char *)"60",
	    (char *)"--pair-sink", (char *)"60" };

	rig_prepare(SOCK_SEQPACKET, 6, argv);
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("pair 2:60: VQP_ERROR_ALREADY_EXISTS"));
	rig_close();
}

TEST(doorbells, "rings are counted and said; ours of others are not")
{
	rig_open("--doorbell", "63");
	ring(64);
	CHECK(!rig_said("doorbell"));
	ring(63);
	CHECK(rig_said("doorbell 2:63: heard 1"));
	rig_close();
}

TEST(rings, "the guest's doorbell is rung as soon as it is there, once")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--ring", (char *)"64" };

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	rig.qemu.ring_status = VQP_ERROR_NOT_FOUND;
	rig_start();
	rig_settle();
	CHECK(!rig_said("rung"));
	CHECK_EQ(host_raw_work(&rig.host), 100);
	rig.qemu.ring_status = VQP_SUCCESS;
	fake_qemu_forget(&rig.qemu);
	/* It is asked for again ten times a second. */
	host_turn(&rig.host, 1000);
	rig_settle();
	CHECK(rig_said("doorbell 16:64: rung 1"));
	CHECK_EQ(host_raw_work(&rig.host), -1);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_RING) != NULL);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_RING) == NULL);
	rig_close();
}

/* Always something to give, to a guest that reads it at once. */
static int64_t
give_more(struct host *host, struct host_end *end, const struct iovec io[2])
{
	const uint64_t n = io[0].iov_len < 1024 ? io[0].iov_len : 1024;
	char bytes[4096];

	(void)host;
	(void)end;
	while (vqp_pair_dequeue(&rig.qemu.pairs[0].guest, bytes,
	    sizeof(bytes)) > 0)
		;
	memset(io[0].iov_base, 0, n);
	return (int64_t)n;
}

static struct host_end *
endless(struct host *host)
{
	struct host_end *end = host_end_sink(host);

	end->give = give_more;
	return end;
}

TEST(pair_turns, "a pair that can always move goes on at once, after others")
{
	const struct vqp_handle handle = { VQP_CONTEXT_HOST, 60 };

	rig_open("--doorbell", "63");
	rig.qemu.forgets = true;
	host_raw_serve(&rig.host, handle, 4096, endless);
	host_link_settle(&rig.host);
	CHECK_EQ(host_raw_work(&rig.host), 0);
	CHECK_EQ(host_raw_work(&rig.host), 0);
	rig_close();
}

TEST(nothing_moved, "where no byte moves nobody is told")
{
	struct vqp_pair *guest;
	struct host_end *end;
	bool tell;

	rig_open("--pair-sink", "60=4096");
	rig_settle();
	guest = &rig.qemu.pairs[0].guest;
	end = host_end_sink(&rig.host);
	tell = true;
	CHECK_EQ(host_end_discard(guest, &tell), 0);
	CHECK(!tell);
	tell = true;
	CHECK_EQ(host_end_take(&rig.host, end, guest, &tell), 0);
	CHECK(!tell);
	while (vqp_pair_enqueue(guest, "x", 1) == 1)
		;
	tell = true;
	CHECK_EQ(host_end_give(&rig.host, end, guest, &tell), HOST_WAIT);
	CHECK(!tell);
	end->close(&rig.host, end);
	rig_close();
}

/*
 * ---- Datagrams.
 */

TEST(datagram_echo, "a datagram goes back to whoever sent it, as it was")
{
	static uint8_t payload[VQP_DATAGRAM_PAYLOAD_BYTES_MAX];
	const uint64_t lengths[] = { 0, 1, 100, sizeof(payload) };
	struct vqp_datagram header;

	rig_open("--datagram-echo", "9");
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < 4; i++) {
		const struct fake_packet *sent;

		fake_guest_send(&rig.qemu, 5, 9, payload, lengths[i]);
		rig_settle();
		sent = fake_qemu_next(&rig.qemu, VQP_LINK_SEND);
		CHECK(sent != NULL &&
		    sent->bytes == sizeof(header) + lengths[i]);
		if (sent == NULL)
			continue;
		/* Nobody is to hear what became of it. */
		CHECK_EQ(sent->tag, 0);
		memcpy(&header, sent->body, sizeof(header));
		CHECK_EQ(header.dst.context, FAKE_CID);
		CHECK_EQ(header.dst.resource, 5);
		CHECK_EQ(header.src.resource, 9);
		CHECK(memcmp(sent->body + sizeof(header), payload,
		    lengths[i]) == 0);
	}
	fake_guest_send(&rig.qemu, 5, 10, payload, 4);
	rig_settle();
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_SEND) == NULL);
	rig_close();
}

static int
datagram_program(const char *name, const char *to)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s",
	    rig.folder, name);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s",
	    rig.folder, to);
	CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)),
	    0);
	return fd;
}

/* A program at port 9, and a message of 12 bytes to the guest's port 5. */
static int
open_datagrams(char bytes[64])
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path, (char *)"--datagram", (char *)"9" };
	const struct vqp_handle to = { FAKE_CID, 5 };

	rig_prepare(SOCK_SEQPACKET, 6, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	rig_start();
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	fake_qemu_forget(&rig.qemu);
	memcpy(bytes, &to, sizeof(to));
	memcpy(bytes + sizeof(to), "ping", 4);
	return datagram_program("me", "v_9.dgram");
}

TEST(datagram_files, "a port's socket is closed with the host")
{
	const unsigned before = count_fds();
	char bytes[64];

	close(open_datagrams(bytes));
	rig_close();
	CHECK_EQ(count_fds(), before);
}

TEST(datagram_nothing, "a socket that has nothing after all changes nothing")
{
	char bytes[64];
	const int fd = open_datagrams(bytes);
	struct host_watch *watch = (struct host_watch *)
	    rig.host.datagrams.ports;

	CHECK_EQ(send(fd, bytes, 12, 0), 12);
	rig_settle();
	watch->ready(&rig.host, watch, EPOLLIN);
	fake_guest_send(&rig.qemu, 5, 9, "pong", 4);
	rig_settle();
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 12);
	close(fd);
	rig_close();
}

/* How many files whose names begin so are in the folder. */
static unsigned
files_of(const char *name)
{
	DIR *folder = opendir(rig.folder);
	const struct dirent *entry;
	unsigned count = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		count += strncmp(entry->d_name, name, strlen(name)) == 0;
	if (folder != NULL)
		closedir(folder);
	return count;
}

TEST(datagram_fits, "a port whose socket has no address is no other port's")
{
	char longest[98];
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", longest, (char *)"--datagram",
	    (char *)"4294967295" };

	rig_prepare(SOCK_SEQPACKET, 6, argv);
	memset(longest, '/', sizeof(longest) - 1);
	longest[96] = '\0';
	memcpy(longest, rig.folder, strlen(rig.folder));
	longest[95] = 'v';
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("_4294967295.dgram: too long for the address"));
	CHECK_EQ(files_of("v_"), 0);
	rig_close();
}

TEST(after_a_failure, "a service that fails is the last that begins")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path, (char *)"--datagram", (char *)"9",
	    (char *)"--datagram", (char *)"10" };
	char *sending[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path, (char *)"--send",
	    (char *)"9=/nowhere/file" };
	char path[80];

	rig_prepare(SOCK_SEQPACKET, 8, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	/* The last of the options begins. */
	snprintf(path, sizeof(path), "%s_10.dgram", rig.path);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("v_10.dgram: exists and is not a socket"));
	CHECK_EQ(files_of("v_9"), 0);
	rig_close();
	/* Nor does it listen, without a file that it is to send. */
	rig_prepare(SOCK_SEQPACKET, 6, sending);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("/nowhere/file: No such file"));
	CHECK_EQ(files_of("v"), 0);
	rig_close();
}

TEST(datagram_unix, "<path>_N.dgram is port N, eight bytes of address before")
{
	char bytes[64];
	const struct vqp_handle to = { FAKE_CID, 5 };
	const struct fake_packet *sent;
	const int fd = open_datagrams(bytes);

	CHECK_EQ(send(fd, bytes, 12, 0), 12);
	CHECK_EQ(send(fd, bytes, 7, 0), 7);	/* no address in it */
	rig_settle();
	sent = fake_qemu_next(&rig.qemu, VQP_LINK_SEND);
	CHECK(sent != NULL && sent->bytes == sizeof(struct vqp_datagram) + 4);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_SEND) == NULL);
	fake_guest_send(&rig.qemu, 5, 9, "pong", 4);
	rig_settle();
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 12);
	CHECK(memcmp(bytes, &to, sizeof(to)) == 0);
	CHECK(memcmp(bytes + sizeof(to), "pong", 4) == 0);
	close(fd);
	rig_close();
}

TEST(datagram_no_room, "what a guest has no room for is lost, and said")
{
	char bytes[64];
	const int fd = open_datagrams(bytes);

	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	CHECK_EQ(send(fd, bytes, 12, 0), 12);
	rig_settle();
	CHECK(rig_said("datagram to 16:5: VQP_ERROR_NO_RESOURCES"));
	rig.qemu.send_status = 0;
	fake_qemu_forget(&rig.qemu);
	CHECK_EQ(send(fd, bytes, 12, 0), 12);
	rig_settle();
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_SEND) != NULL);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_SEND) == NULL);
	close(fd);
	rig_close();
}

static unsigned sends;

static void
no_answer(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	(void)qemu;
	sends += packet->type == VQP_LINK_SEND;
}

TEST(datagrams_wait, "one of a port is under way, the program waits with others")
{
	char bytes[64];
	const int fd = open_datagrams(bytes);
	unsigned held = 0;

	sends = 0;
	rig.qemu.answer = no_answer;
	/* Until it would wait; Linux holds ten. */
	while (held < 1000 && send(fd, bytes, 12, MSG_DONTWAIT) == 12) {
		rig_settle();
		held++;
	}
	CHECK(held > 1 && held < 1000);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(sends, 1);
	close(fd);
	rig_close();
}

TEST(datagrams_unread, "a program that does not read loses some, and no more")
{
	char bytes[64];
	const int fd = open_datagrams(bytes);
	unsigned read = 0;

	CHECK_EQ(send(fd, bytes, 12, 0), 12);
	rig_settle();
	for (unsigned i = 0; i < 1000; i++) {
		fake_guest_send(&rig.qemu, 5, 9, &i, sizeof(i));
		rig_settle();
	}
	/* The first are there. */
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 12) {
		CHECK(memcmp(bytes + 8, &read, sizeof(read)) == 0);
		read++;
	}
	CHECK(read > 0 && read < 1000);
	fake_guest_send(&rig.qemu, 5, 9, "now", 3);
	rig_settle();
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 11);
	CHECK_EQ(rig.host.state, HOST_RUNS);
	close(fd);
	rig_close();
}

/*
 * ---- Files.
 */

/* Whether the host starts with that file; `name` may begin with a slash. */
static bool
starts_with(const char *option, const char *name)
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK", (char *)option,
	    rig.path };
	const char *file;

	snprintf(rig.path, sizeof(rig.path), "9=%s%s%s",
	    name[0] == '/' ? "" : rig.folder, name[0] == '/' ? "" : "/", name);
	file = rig.path + 2;
	CHECK_EQ(host_options_parse(&rig.options, 4, argv, stderr), -1);
	rig_start();
	if (rig.host.state == HOST_RUNS)
		return true;
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said(file));
	return false;
}

static void
make(int kind)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = -1;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s",
	    rig.folder, kind == S_IFIFO ? "fifo" :
	    kind == S_IFSOCK ? "socket" : "file");
	if (kind == S_IFIFO) {
		CHECK_EQ(mkfifo(address.sun_path, 0600), 0);
	} else if (kind == S_IFREG) {
		fd = open(address.sun_path, O_WRONLY | O_CREAT, 0600);
		CHECK(fd >= 0);
	} else {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_EQ(bind(fd, (struct sockaddr *)&address,
		    sizeof(address)), 0);
	}
	if (fd >= 0)
		close(fd);
}

TEST(no_regular_file, "what may make a read or write wait is no file to serve")
{
	static const char *const options[] = { "--send", "--receive" };
	static const char *const others[] = { "fifo", "socket", "/tmp",
	    "/dev/null", "/dev/zero" };
	char *argv[] = { (char *)"vqp-host", (char *)"LINK" };

	for (unsigned i = 0; i < 10; i++) {
		rig_prepare(SOCK_SEQPACKET, 2, argv);
		make(S_IFIFO);
		make(S_IFSOCK);
		CHECK(!starts_with(options[i / 5], others[i % 5]));
		CHECK(rig_said("exists and is not a regular file"));
		rig_close();
	}
	/* A FIFO that somebody is at already is none either. */
	for (unsigned i = 0; i < 2; i++) {
		char path[64];
		int fd;

		rig_prepare(SOCK_SEQPACKET, 2, argv);
		make(S_IFIFO);
		snprintf(path, sizeof(path), "%s/fifo", rig.folder);
		fd = open(path, O_RDWR);
		CHECK(!starts_with(options[i], "fifo"));
		CHECK(rig_said("exists and is not a regular file"));
		close(fd);
		rig_close();
	}
}

TEST(regular_file, "a file is served, a new one made, one to send must be there")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK" };

	for (unsigned i = 0; i < 4; i++) {
		const unsigned before = count_fds();

		rig_prepare(SOCK_SEQPACKET, 2, argv);
		if (i < 2)
			make(S_IFREG);
		CHECK_EQ(starts_with(i % 2 == 0 ? "--send" : "--receive",
		    "file"), i != 2);
		CHECK_EQ(rig_said("No such file or directory"), i == 2);
		rig_close();
		CHECK_EQ(count_fds(), before);
	}
}

TEST_MAIN()
