/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stream sockets of a guest that the test plays packet by packet, and the
 * Unix sockets behind them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "host_rig.h"

#define PORT	2000
#define RING	4096

static const struct vqp_handle ring = { FAKE_CID, 50 };

static void
say(uint8_t type, uint32_t port)
{
	fake_guest_say(&rig.qemu, type, PORT, port, 0, NULL);
	rig_settle();
}

static void
say_mode(uint32_t port, uint64_t mode)
{
	fake_guest_say(&rig.qemu, VQP_VSOCK_SHUTDOWN, PORT, port, 0,
	    &(union vqp_vsock_body){ .mode = mode });
	rig_settle();
}

static void
request(uint32_t port, bool hypervisor)
{
	rig.qemu.to_hypervisor = hypervisor;
	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, PORT, port, 1,
	    &(union vqp_vsock_body){ .size = RING });
	rig_settle();
}

/* The guest connects to a port, with that pair; NULL if it was reset. */
static struct vqp_pair *
connect_as(uint32_t own_port, uint32_t port, struct vqp_handle handle)
{
	struct fake_pair *pair;

	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, own_port, port, 1,
	    &(union vqp_vsock_body){ .size = RING });
	rig_settle();
	if (fake_guest_hear(&rig.qemu).type != VQP_VSOCK_NEGOTIATE2)
		return NULL;
	fake_guest_say(&rig.qemu, VQP_VSOCK_OFFER, own_port, port, 0,
	    &(union vqp_vsock_body){ .handle = handle });
	rig_settle();
	if (fake_guest_hear(&rig.qemu).type != VQP_VSOCK_ATTACH)
		return NULL;
	pair = fake_qemu_pair(&rig.qemu, handle);
	return pair == NULL ? NULL : &pair->guest;
}

static struct vqp_pair *
connect_to(uint32_t port)
{
	return connect_as(PORT, port, ring);
}

static int
unix_socket(const char *name, bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s",
	    rig.folder, name);
	if ((listens ? bind : connect)(fd, (struct sockaddr *)&address,
	    sizeof(address)) != 0 || (listens && listen(fd, 8) != 0))
		CHECK_EQ(errno, 0);
	return fd;
}

static void
open_with_vsock(void)
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path };

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	rig_start();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	fake_qemu_forget(&rig.qemu);
}

/* A program asks for the guest's port 22; the REQUEST2 of it. */
static struct vqp_vsock_packet
call_guest(const char *line, int *fd)
{
	struct vqp_vsock_packet packet;

	*fd = unix_socket("v", false);
	CHECK_EQ(write(*fd, line, strlen(line)), strlen(line));
	rig_settle();
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_REQUEST2);
	CHECK_EQ(packet.dst_port, 22);
	return packet;
}

/* The guest's answer to it. */
static void
answer(const struct vqp_vsock_packet *request, enum vqp_vsock_type type,
    union vqp_vsock_body body)
{
	fake_guest_say(&rig.qemu, (uint8_t)type, 22, request->src_port,
	    type == VQP_VSOCK_NEGOTIATE || type == VQP_VSOCK_NEGOTIATE2,
	    &body);
	rig_settle();
}

/* All of `text`, and nothing else, within a few turns. */
static void
check_reads(int fd, const char *text)
{
	char bytes[64];
	const size_t length = strlen(text);

	rig_settle();
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), length);
	CHECK(memcmp(bytes, text, length) == 0);
}

TEST(echo, "a stream's bytes come back, and it ends in both directions")
{
	struct vqp_pair *guest;
	char back[8] = "";

	rig_open("--echo", "7");
	guest = connect_to(7);
	CHECK(guest != NULL);
	CHECK_EQ(vqp_pair_send(guest, "hello", 5), 5);
	say(VQP_VSOCK_WROTE, 7);
	CHECK_EQ(vqp_pair_receive(guest, back, 5), 5);
	CHECK(memcmp(back, "hello", 5) == 0);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_WROTE);
	say_mode(7, 2);
	/* Nothing more comes; and now nothing more is taken either. */
	for (uint64_t mode = 2; mode <= 3; mode++) {
		const struct vqp_vsock_packet packet =
		    fake_guest_hear(&rig.qemu);

		CHECK_EQ(packet.type, VQP_VSOCK_SHUTDOWN);
		CHECK_EQ(packet.body.mode, mode);
	}
	say(VQP_VSOCK_RST, 7);
	fake_qemu_detach(&rig.qemu, ring);
	rig_settle();
	CHECK(rig_said("in 5, out 5 bytes, 0.000 s, 0.0 MB/s"));
	rig_close();
}

TEST(after_an_hour, "an open stream has no time limit")
{
	struct vqp_pair *guest;
	char back[8];

	rig_open("--echo", "7");
	rig_later(1);
	guest = connect_to(7);
	CHECK(guest != NULL);
	rig_later(3600000);
	CHECK_EQ(vqp_pair_send(guest, "hello", 5), 5);
	say(VQP_VSOCK_WROTE, 7);
	CHECK_EQ(vqp_pair_receive(guest, back, 5), 5);
	rig_close();
}

TEST(idle, "a stream where nothing happens is not looked at")
{
	rig_open("--echo", "7");
	CHECK(connect_to(7) != NULL);
	CHECK_EQ(host_stream_work(&rig.host), -1);
	/* Whatever the clock says. */
	rig_later(UINT32_MAX - 5);
	CHECK_EQ(host_stream_work(&rig.host), -1);
	rig_close();
}

TEST(no_protocol, "what is no REQUEST2 or NEGOTIATE2 names no protocol")
{
	static const char bytes[RING] = { 0 };
	struct vqp_vsock_packet packet;
	struct vqp_pair *guest;
	unsigned heard[16] = { 0 };

	rig_open("--echo", "7");
	guest = connect_to(7);
	CHECK(guest != NULL);
	/* Guests wait for bytes, and for room: they hear of both. */
	for (int i = 0; i < 3; i++) {
		char back[RING];

		while (vqp_pair_enqueue(guest, bytes, RING) > 0)
			;
		say(VQP_VSOCK_WROTE, 7);
		while (vqp_pair_dequeue(guest, back, RING) > 0)
			;
		say(VQP_VSOCK_READ, 7);
	}
	say_mode(7, 2);
	say(VQP_VSOCK_NEGOTIATE, 7);
	for (;;) {
		packet = fake_guest_hear(&rig.qemu);
		if (packet.type == 255)
			break;
		CHECK_EQ(packet.protocol, 0);
		CHECK(packet.type < 16);
		heard[packet.type % 16]++;
	}
	CHECK(heard[VQP_VSOCK_WROTE] > 0);
	CHECK(heard[VQP_VSOCK_READ] > 0);
	CHECK(heard[VQP_VSOCK_SHUTDOWN] > 0);
	CHECK(heard[VQP_VSOCK_RST] > 0);
	rig_close();
}

TEST(event_of_others, "a detach of another's pair, or another event, ends nothing")
{
	struct vqp_event_qpair event = {
		.header.event = VQP_EVENT_QP_PEER_DETACH, .handle = ring,
	};
	struct vqp_pair *guest;
	char back[8];

	rig_open("--echo", "7");
	guest = connect_to(7);
	CHECK(guest != NULL);
	for (int i = 0; i < 3; i++) {
		event.handle = ring;
		event.handle.context += i == 0;
		event.handle.resource += i == 1;
		event.header.event = i == 2 ? VQP_EVENT_QP_PEER_ATTACH :
		    VQP_EVENT_QP_PEER_DETACH;
		fake_qemu_send(&rig.qemu, VQP_LINK_EVENT, 0, &event,
		    sizeof(event), NULL, 0);
		rig_settle();
		CHECK_EQ(vqp_pair_send(guest, "hello", 5), 5);
		say(VQP_VSOCK_WROTE, 7);
		CHECK_EQ(vqp_pair_receive(guest, back, 5), 5);
	}
	rig_close();
}

TEST(strange_sender, "a control packet is whole, and from the control port")
{
	const struct vqp_vsock_packet packet = {
		.version = 1, .type = VQP_VSOCK_REQUEST2, .protocol = 1,
		.src_port = PORT, .dst_port = 7, .body.size = RING,
	};
	const uint64_t bytes = sizeof(packet) - sizeof(packet.datagram);

	rig_open("--echo", "7");
	fake_guest_send(&rig.qemu, 5, VQP_VSOCK_RESOURCE, &packet.version,
	    bytes);
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	fake_guest_send(&rig.qemu, VQP_VSOCK_RESOURCE, VQP_VSOCK_RESOURCE,
	    &packet.version, bytes - 1);
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	fake_guest_send(&rig.qemu, VQP_VSOCK_RESOURCE, VQP_VSOCK_RESOURCE,
	    &packet.version, bytes);
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	rig_close();
}

TEST(source_ends, "a source of so many bytes gives these, and then an end")
{
	struct vqp_pair *guest;
	struct vqp_vsock_packet packet;
	char bytes[200];

	rig_open("--source", "7=100");
	guest = connect_to(7);
	CHECK(guest != NULL);
	do
		packet = fake_guest_hear(&rig.qemu);
	while (packet.type == VQP_VSOCK_WROTE);
	CHECK_EQ(packet.type, VQP_VSOCK_SHUTDOWN);
	CHECK_EQ(packet.body.mode, 2);
	CHECK_EQ(vqp_pair_dequeue(guest, bytes, sizeof(bytes)), 100);
	CHECK_EQ(vqp_pair_consume_ready(guest), 0);
	rig_close();
}

TEST(path_in_use, "a socket that somebody listens at is not taken away")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path };
	int listener, fd;

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	listener = unix_socket("v", true);
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("/v: already in use"));
	fd = unix_socket("v", false);
	CHECK(fd >= 0);
	close(fd);
	close(listener);
	rig_close();
	/* One that nobody listens at any more is. */
	rig_prepare(SOCK_SEQPACKET, 4, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	close(unix_socket("v", true));
	rig_start();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	close(unix_socket("v", false));
	rig_close();
}

TEST(nobody, "a port that nobody serves is reset, a RST never answered")
{
	rig_open("--echo", "7");
	CHECK(connect_to(8) == NULL);
	fake_qemu_forget(&rig.qemu);
	say(VQP_VSOCK_RST, 8);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	say(VQP_VSOCK_WROTE, 8);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	rig_close();
}

/* To context 0, or not, and the answer is from there. */
static uint8_t
hear_from(bool hypervisor)
{
	const struct vqp_vsock_packet packet = fake_guest_hear(&rig.qemu);
	const struct vqp_handle src = packet.datagram.src;

	CHECK_EQ(vqp_vsock_is_hypervisor(src), hypervisor);
	CHECK(hypervisor || (src.context == VQP_CONTEXT_HOST &&
	    src.resource == VQP_VSOCK_RESOURCE));
	return packet.type;
}

TEST(hypervisor, "docs/wire.md 14: ports of context 0 and ours are apart")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--echo", (char *)"976", (char *)"--hypervisor",
	    rig.path };
	const struct fake_packet *sent;
	struct vqp_handle bound;
	unsigned binds = 0;
	int listener;

	rig_prepare(SOCK_SEQPACKET, 6, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/t", rig.folder);
	rig_start();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	while ((sent = fake_qemu_next(&rig.qemu, VQP_LINK_BIND)) != NULL) {
		memcpy(&bound, sent->body, sizeof(bound));
		binds += vqp_vsock_is_hypervisor(bound);
	}
	CHECK_EQ(binds, 1);
	fake_qemu_forget(&rig.qemu);
	/* Nobody listens there, though the echo has that port of ours. */
	request(976, true);
	CHECK_EQ(hear_from(true), VQP_VSOCK_RST);
	listener = unix_socket("t_976", true);
	request(976, true);
	CHECK_EQ(hear_from(true), VQP_VSOCK_NEGOTIATE2);
	/* The same ports at our own context: another stream. */
	request(976, false);
	CHECK_EQ(hear_from(false), VQP_VSOCK_NEGOTIATE2);
	say(VQP_VSOCK_RST, 976);
	rig.qemu.to_hypervisor = true;
	fake_guest_say(&rig.qemu, VQP_VSOCK_OFFER, PORT, 976, 0,
	    &(union vqp_vsock_body){ .handle = ring });
	rig_settle();
	CHECK_EQ(hear_from(true), VQP_VSOCK_ATTACH);
	CHECK(fake_qemu_pair(&rig.qemu, ring) != NULL);
	say(VQP_VSOCK_RST, 976);
	rig_settle();
	CHECK(rig_said("16:2000 -> 0:976"));
	close(listener);
	rig_close();
}

TEST(path_fits, "a path to which no port can be appended is refused at start")
{
	static const char *const names[] = { "--vsock", "--hypervisor" };
	char longest[98];

	for (int i = 0; i < 4; i++) {
		char *argv[] = { (char *)"vqp-host", (char *)"LINK",
		    (char *)names[i / 2], longest };
		const bool fits = i % 2 == 0;

		rig_prepare(SOCK_SEQPACKET, 4, argv);
		memset(longest, '/', sizeof(longest) - 1);
		longest[96 + !fits] = '\0';
		/* 107 bytes with "_4294967295"; slashes may be any number. */
		memcpy(longest, rig.folder, strlen(rig.folder));
		longest[95] = 'v';
		if (!fits)
			longest[96] = 'w';
		rig_start();
		CHECK_EQ(rig.host.state, fits ? HOST_RUNS : HOST_FAILED);
		CHECK_EQ(rig_said("has 97 bytes"), !fits);
		rig_close();
	}
}

TEST(no_hypervisor, "without --hypervisor context 0 is not asked for")
{
	const struct fake_packet *sent;
	struct vqp_handle bound;
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--echo", (char *)"976" };

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	rig_start();
	while ((sent = fake_qemu_next(&rig.qemu, VQP_LINK_BIND)) != NULL) {
		memcpy(&bound, sent->body, sizeof(bound));
		CHECK(!vqp_vsock_is_hypervisor(bound));
	}
	fake_qemu_forget(&rig.qemu);
	/* A QEMU that passes it on all the same finds no service. */
	request(976, true);
	CHECK_EQ(hear_from(true), VQP_VSOCK_RST);
	rig_close();
}

TEST(bad_index, "an index that is none resets that stream, and no other")
{
	struct vqp_queue_header *header;
	struct vqp_pair *guest;
	const uint64_t bad[] = { RING, RING + 1, UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_open("--echo", "7");
		guest = connect_to(7);
		CHECK(guest != NULL);
		/* The guest's produce queue lies behind the host's. */
		header = (struct vqp_queue_header *)(rig.qemu.ram +
		    rig.qemu.pairs[0].offset + FAKE_PAGE + RING);
		memcpy((char *)header + 8, &bad[i], 8);
		say(VQP_VSOCK_WROTE, 7);
		CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
		CHECK_EQ(rig.host.state, HOST_RUNS);
		rig_close();
	}
}

/*
 * A vqp-host with that option for port 8 and a file of `text`, whose path is
 * rig.path + 2, and a guest that is connected to it.
 */
static struct vqp_pair *
connect_to_file(const char *option, const char *text)
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK", (char *)option,
	    rig.path };
	struct vqp_pair *guest;
	int fd;

	rig_prepare(SOCK_SEQPACKET, 2, argv);
	host_options_free(&rig.options);
	snprintf(rig.path, sizeof(rig.path), "8=%s/kept", rig.folder);
	if (text[0] != '\0') {
		fd = open(rig.path + 2, O_WRONLY | O_CREAT, 0600);
		CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
		close(fd);
	}
	CHECK_EQ(host_options_parse(&rig.options, 4, argv, stderr), -1);
	rig_start();
	fake_qemu_forget(&rig.qemu);
	guest = connect_to(8);
	CHECK(guest != NULL);
	return guest;
}

TEST(last_words, "what the guest wrote before its memory went is taken")
{
	char bytes[16];
	struct vqp_pair *guest;
	int fd;

	guest = connect_to_file("--receive", "");
	CHECK_EQ(vqp_pair_send(guest, "last words", 10), 10);
	fake_qemu_detach(&rig.qemu, ring);
	rig_settle();
	fd = open(rig.path + 2, O_RDONLY);
	CHECK_EQ(read(fd, bytes, sizeof(bytes)), 10);
	CHECK(memcmp(bytes, "last words", 10) == 0);
	close(fd);
	rig_close();
}

TEST(file_ends, "the end of a file is an end, and nothing to be said")
{
	char back[8] = "";
	struct vqp_pair *guest;

	guest = connect_to_file("--send", "hello");
	CHECK_EQ(vqp_pair_receive(guest, back, 5), 5);
	CHECK(memcmp(back, "hello", 5) == 0);
	CHECK(!rig_said("the file of a stream"));
	rig_close();
}

TEST(broken_file, "a file that takes nothing: the guest hears, and why is said")
{
	struct vqp_pair *guest;
	int fd;

	guest = connect_to_file("--receive", "");
	/* One that can only be read stands for a full disk. */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(dup2(fd, rig.options.services->fd), rig.options.services->fd);
	close(fd);
	CHECK_EQ(vqp_pair_send(guest, "hello", 5), 5);
	say(VQP_VSOCK_WROTE, 8);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	CHECK(rig_said("the file of a stream: Bad file descriptor\n"));
	rig_close();
}

TEST(to_unix, "port N of the host is who listens at <path>_N")
{
	struct vqp_pair *guest;
	char back[8] = "";
	int listener, fd;

	open_with_vsock();
	CHECK(connect_to(80) == NULL);
	fake_qemu_forget(&rig.qemu);
	listener = unix_socket("v_80", true);
	guest = connect_to(80);
	CHECK(guest != NULL);
	fd = accept(listener, NULL, NULL);
	CHECK_EQ(vqp_pair_send(guest, "to host", 7), 7);
	say(VQP_VSOCK_WROTE, 80);
	check_reads(fd, "to host");
	CHECK_EQ(write(fd, "reply", 5), 5);
	rig_settle();
	CHECK_EQ(vqp_pair_receive(guest, back, 5), 5);
	CHECK(memcmp(back, "reply", 5) == 0);
	/* Half an end: the program sees it, and may still write. */
	say_mode(80, 2);
	CHECK_EQ(recv(fd, back, 8, MSG_DONTWAIT), 0);
	CHECK_EQ(write(fd, "late", 4), 4);
	rig_settle();
	CHECK_EQ(vqp_pair_receive(guest, back, 4), 4);
	close(fd);
	close(listener);
	rig_close();
}

TEST(from_unix, "CONNECT N is a stream to the guest's port N, after OK")
{
	const union vqp_vsock_body size = { .size = RING };
	struct vqp_vsock_packet packet;
	struct fake_pair *pair;
	char line[32], want[32];
	int fd;

	open_with_vsock();
	packet = call_guest("CONNECT 22\nhello", &fd);
	answer(&packet, VQP_VSOCK_NEGOTIATE2, size);
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_OFFER);
	pair = fake_qemu_pair(&rig.qemu, packet.body.handle);
	CHECK(pair != NULL);
	CHECK_EQ(pair->call.flags, 0);
	CHECK_EQ(pair->call.peer, FAKE_CID);
	CHECK_EQ(pair->call.handle.context, VQP_CONTEXT_HOST);
	answer(&packet, VQP_VSOCK_ATTACH, packet.body);
	snprintf(want, sizeof(want), "OK %u\n", packet.src_port);
	check_reads(fd, want);
	CHECK_EQ(vqp_pair_receive(&pair->guest, line, 5), 5);
	CHECK(memcmp(line, "hello", 5) == 0);
	close(fd);
	rig_close();
}

TEST(connect_lines, "CONNECT in every form that is one, and in none that is not")
{
	static const struct {
		const char *line;
		int64_t port;		/* -1: an end */
	} lines[] = {
		{ "CONNECT 22\n", 22 }, { "connect 22\n", 22 },
		{ "CoNNecT\t+22  \n", 22 }, { "  CONNECT 22\n", 22 },
		{ "CONNECT 0\n", 0 }, { "CONNECT 9\n", 9 },
		{ "CONNECT 0000000000022\n", 22 },
		{ "CONNECT 22 or 23\n", 22 },
		{ "CONNECT 4294967295\n", UINT32_MAX },
		{ "CONNECT 4294967296\n", -1 }, { "CONNECT\n", -1 },
		{ "CONNECT +\n", -1 }, { "CONNECT ++2\n", -1 },
		{ "CONNECT -2\n", -1 }, { "CONNECT 2:\n", -1 },
		{ "CONNECT 2/\n", -1 }, { "CONNECTS 2\n", -1 },
		{ "CONNEC 2\n", -1 }, { "CONNECT 2\x80\n", -1 },
		{ "\n", -1 }, { "22\n", -1 },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const size_t length = strlen(lines[i].line);
		struct vqp_vsock_packet packet;
		char byte;
		int fd;

		open_with_vsock();
		fd = unix_socket("v", false);
		CHECK_EQ(write(fd, lines[i].line, length), length);
		rig_settle();
		packet = fake_guest_hear(&rig.qemu);
		if (lines[i].port >= 0) {
			CHECK_EQ(packet.type, VQP_VSOCK_REQUEST2);
			CHECK_EQ(packet.dst_port, lines[i].port);
		} else {
			CHECK_EQ(packet.type, 255);
			CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
		}
		close(fd);
		rig_close();
	}
}

TEST(two_callers, "of programs that have not said CONNECT yet each is heard")
{
	int fd[3];
	char byte;

	open_with_vsock();
	rig_later(1);
	for (int i = 0; i < 3; i++) {
		fd[i] = unix_socket("v", false);
		rig_settle();
	}
	/* The one in the middle leaves. */
	close(fd[1]);
	rig_settle();
	CHECK_EQ(write(fd[0], "CONNECT 20\n", 11), 11);
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).dst_port, 20);
	rig_later(61000);
	CHECK_EQ(recv(fd[2], &byte, 1, MSG_DONTWAIT), 0);
	close(fd[0]);
	close(fd[2]);
	rig_close();
}

/* What the host said had no room; a second later there is some. */
static struct vqp_vsock_packet
said_again(void)
{
	rig_settle();
	rig.qemu.send_status = 0;
	fake_qemu_forget(&rig.qemu);
	rig_later(1000);
	return fake_guest_hear(&rig.qemu);
}

TEST(each_step_without_room, "each step of a handshake is said until there is room")
{
	union vqp_vsock_body body = { .size = RING };
	struct vqp_vsock_packet packet;
	uint32_t own;
	int fd;

	open_with_vsock();
	rig_later(1);
	fd = unix_socket("v", false);
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	CHECK_EQ(write(fd, "CONNECT 22\n", 11), 11);
	packet = said_again();
	CHECK_EQ(packet.type, VQP_VSOCK_REQUEST2);
	CHECK_EQ(packet.dst_port, 22);
	own = packet.src_port;
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	fake_guest_say(&rig.qemu, VQP_VSOCK_NEGOTIATE2, 22, own, 1, &body);
	packet = said_again();
	CHECK_EQ(packet.type, VQP_VSOCK_OFFER);
	CHECK(fake_qemu_pair(&rig.qemu, packet.body.handle) != NULL);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	close(fd);
	rig_close();

	rig_open("--echo", "7");
	rig_later(1);
	request(7, false);
	fake_qemu_forget(&rig.qemu);
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	fake_guest_say(&rig.qemu, VQP_VSOCK_OFFER, PORT, 7, 0,
	    &(union vqp_vsock_body){ .handle = ring });
	CHECK_EQ(said_again().type, VQP_VSOCK_ATTACH);
	CHECK_EQ(fake_qemu_pair(&rig.qemu, ring)->call.flags,
	    VQP_QPAIR_ATTACH_ONLY);
	rig_close();
}

TEST(refused_without_room, "a wrong answer to OFFER: RST, said until there is room")
{
	struct vqp_vsock_packet packet;
	int fd;

	open_with_vsock();
	rig_later(1);
	packet = call_guest("CONNECT 22\n", &fd);
	answer(&packet, VQP_VSOCK_NEGOTIATE2,
	    (union vqp_vsock_body){ .size = RING });
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_OFFER);
	packet.body.handle.resource++;
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	fake_guest_say(&rig.qemu, VQP_VSOCK_ATTACH, 22, packet.src_port, 0,
	    &packet.body);
	CHECK_EQ(said_again().type, VQP_VSOCK_RST);
	close(fd);
	rig_close();
}

TEST(refused_from_unix, "a guest that refuses ends the program's stream")
{
	struct vqp_vsock_packet packet;
	char byte;
	int fd;

	open_with_vsock();
	packet = call_guest("CONNECT 22\n", &fd);
	answer(&packet, VQP_VSOCK_RST, (union vqp_vsock_body){ 0 });
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(fd);
	rig_close();
}

TEST(old_protocol, "what speaks only the old protocol is reset, either way")
{
	const union vqp_vsock_body body = { .size = RING };
	struct vqp_vsock_packet packet;
	char byte;
	int listener, fd;

	open_with_vsock();
	listener = unix_socket("v_80", true);
	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST, PORT, 80, 1, &body);
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	/* The program that listens has not heard of it. */
	fcntl(listener, F_SETFL, O_NONBLOCK);
	CHECK_EQ(accept(listener, NULL, NULL), -1);
	packet = call_guest("CONNECT 22\n", &fd);
	answer(&packet, VQP_VSOCK_NEGOTIATE, body);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(fd);
	close(listener);
	rig_close();
}

TEST(no_command, "what is no CONNECT gets an end and reaches no guest")
{
	static const char *const lines[] = {
		"\n", "CONNECT\n", "CONNECT x\n", "CONNECT22\n",
		"CONNECT 4294967318\n", "GET / HTTP/1.1\r\n",
		"CONNECT 22222222222222222222222222222222222\n",
	};
	char bytes[64];

	open_with_vsock();
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const int fd = unix_socket("v", false);

		CHECK_EQ(write(fd, lines[i], strlen(lines[i])),
		    strlen(lines[i]));
		for (int turn = 0; turn < 4; turn++)
			rig_settle();
		errno = 0;
		CHECK(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0 &&
		    errno != EAGAIN);
		CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_SEND) == NULL);
		close(fd);
	}
	rig_close();
}

TEST(strange_order, "no order of control packets does more than a reset")
{
	union vqp_vsock_body body = { .size = RING };

	uint32_t port = PORT;

	rig_open("--echo", "7");
	for (uint8_t first = 0; first < 16; first++)
		for (uint8_t second = 0; second < 16; second++) {
			fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, ++port,
			    7, 1, &body);
			rig_settle();
			fake_guest_say(&rig.qemu, first, port, 7, 1, &body);
			fake_guest_say(&rig.qemu, second, port, 7, 1, &body);
			fake_guest_say(&rig.qemu, VQP_VSOCK_RST, port, 7, 0,
			    NULL);
			rig_settle();
			CHECK_EQ(rig.host.state, HOST_RUNS);
			fake_qemu_forget(&rig.qemu);
		}
	CHECK(rig.host.streams.first == NULL);
	rig_close();
}

/* The guest's pattern, so that a place in the stream has its byte. */
static void
fill_ring(struct vqp_pair *guest)
{
	uint8_t bytes[RING - 1];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	CHECK_EQ(vqp_pair_send(guest, bytes, sizeof(bytes)), RING - 1);
}

static void
check_ring_read(int fd)
{
	uint8_t bytes[RING];
	ssize_t n;

	n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_WAITALL);
	CHECK_EQ(n, RING - 1);
	for (ssize_t i = 0; i < n; i++)
		CHECK_EQ(bytes[i], (uint8_t)(i * 7));
	CHECK_EQ(recv(fd, bytes, 1, MSG_DONTWAIT), 0);
}

/* A guest and a program that is connected to it. */
static struct vqp_pair *
connect_through(int *listener, int *fd)
{
	struct vqp_pair *guest;

	open_with_vsock();
	*listener = unix_socket("v_80", true);
	guest = connect_to(80);
	CHECK(guest != NULL);
	*fd = accept(*listener, NULL, NULL);
	return guest;
}

TEST(deaf_program, "a program that ends receiving still sends")
{
	char byte = 'x', back[8] = "";
	struct vqp_vsock_packet packet;
	struct vqp_pair *guest;
	int listener, fd;

	guest = connect_through(&listener, &fd);
	CHECK_EQ(write(fd, "before", 6), 6);
	shutdown(fd, SHUT_RD);
	CHECK_EQ(vqp_pair_send(guest, &byte, 1), 1);
	say(VQP_VSOCK_WROTE, 80);
	do
		packet = fake_guest_hear(&rig.qemu);
	while (packet.type == VQP_VSOCK_WROTE);
	CHECK_EQ(packet.type, VQP_VSOCK_SHUTDOWN);
	CHECK_EQ(packet.body.mode, 1);
	/* What is sent all the same is thrown away: there is room again. */
	fill_ring(guest);
	say(VQP_VSOCK_WROTE, 80);
	CHECK_EQ(vqp_pair_produce_free(guest), RING - 1);
	CHECK_EQ(write(fd, "after", 5), 5);
	rig_settle();
	CHECK_EQ(vqp_pair_receive(guest, back, 6), 6);
	CHECK_EQ(vqp_pair_receive(guest, back, 5), 5);
	CHECK(memcmp(back, "after", 5) == 0);
	close(fd);
	rig_settle();
	packet = fake_guest_hear(&rig.qemu);
	while (packet.type == VQP_VSOCK_WROTE ||
	    packet.type == VQP_VSOCK_READ)
		packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.body.mode, 3);
	close(listener);
	rig_close();
}

TEST(silent_room, "a guest that was told of no receiver is looked at")
{
	struct vqp_pair *guest;
	uint8_t bytes[RING] = { 0 };
	int listener, fd, got = 0;

	guest = connect_through(&listener, &fd);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(write(fd, bytes, RING), RING);
	rig_settle();
	close(fd);
	CHECK_EQ(vqp_pair_send(guest, bytes, 1), 1);
	say(VQP_VSOCK_WROTE, 80);
	/* No READ from here on. */
	for (int i = 0; i < 100 && got < 3 * RING; i++) {
		const int64_t n = vqp_pair_dequeue(guest, bytes, RING);

		got += n > 0 ? (int)n : 0;
		host_turn(&rig.host, 10);
	}
	CHECK_EQ(got, 3 * RING);
	close(listener);
	rig_close();
}

TEST(same_name, "a port that comes again is another stream; both have all")
{
	struct vqp_pair *guest;
	int listener, fd;

	guest = connect_through(&listener, &fd);
	fill_ring(guest);
	/* Its memory has not gone yet. */
	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, PORT, 80, 1,
	    &(union vqp_vsock_body){ .size = RING });
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	check_ring_read(fd);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	close(fd);
	fd = accept(listener, NULL, NULL);
	say(VQP_VSOCK_RST, 80);
	close(fd);
	close(listener);
	rig_close();
}

TEST(reset_with_data, "a reset takes nothing back of what was sent")
{
	const uint8_t types[] = { VQP_VSOCK_RST, VQP_VSOCK_INVALID,
	    VQP_VSOCK_OFFER };
	struct vqp_pair *guest;
	int listener, fd;

	for (size_t i = 0; i < sizeof(types); i++) {
		guest = connect_through(&listener, &fd);
		fill_ring(guest);
		say(types[i], 80);
		check_ring_read(fd);
		close(fd);
		close(listener);
		rig_close();
	}
}

TEST(qemu_ends, "what was in the rings when QEMU ended is read")
{
	struct vqp_pair *guest;
	int listener, fd;

	guest = connect_through(&listener, &fd);
	fill_ring(guest);
	close(rig.qemu.fd);
	rig.qemu.fd = -1;
	for (int i = 0; i < 10 && host_turn(&rig.host, 0); i++)
		;
	CHECK_EQ(rig.host.state, HOST_OVER);
	CHECK(!host_turn(&rig.host, 0));
	check_ring_read(fd);
	close(fd);
	close(listener);
	rig_close();
}

TEST(names, "a guest that has all names of pairs is asked a few times")
{
	struct vqp_vsock_packet packet;
	unsigned tries = 0;
	int fd;

	open_with_vsock();
	packet = call_guest("CONNECT 22\n", &fd);
	rig.qemu.alloc_status = VQP_ERROR_ALREADY_EXISTS;
	answer(&packet, VQP_VSOCK_NEGOTIATE2,
	    (union vqp_vsock_body){ .size = RING });
	while (fake_qemu_next(&rig.qemu, VQP_LINK_ALLOC) != NULL)
		tries++;
	CHECK_EQ(tries, 8);
	CHECK(rig_said("no queue pair"));
	close(fd);
	rig_close();
}

TEST(no_room, "an answer that the guest had no room for is said again")
{
	rig_open("--echo", "7");
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, PORT, 7, 1,
	    &(union vqp_vsock_body){ .size = RING });
	rig_settle();
	rig.qemu.send_status = 0;
	fake_qemu_forget(&rig.qemu);
	/* Whoever waits as long as it asks is in time. */
	CHECK_EQ(host_stream_work(&rig.host), 5);
	for (int i = 0; i < 20; i++)
		host_turn(&rig.host, 10);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	rig_close();
}

TEST(handshake_time, "a handshake that a guest does not finish: RST after 5 s")
{
	rig_open("--echo", "7");
	rig_later(1);
	request(7, false);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	rig_later(4999);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	rig_later(1);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	CHECK(rig.host.streams.first == NULL);
	rig_close();
}

TEST(linger, "a stream whose program closed is detached after 10 s, unsaid")
{
	struct vqp_pair *guest;
	int listener, fd;

	guest = connect_through(&listener, &fd);
	CHECK(guest != NULL);
	rig_later(1);
	close(fd);
	rig_settle();
	fake_qemu_forget(&rig.qemu);
	/* What is sent to nobody is thrown away: there is room. */
	fill_ring(guest);
	say(VQP_VSOCK_WROTE, 80);
	CHECK_EQ(vqp_pair_produce_free(guest), RING - 1);
	fake_qemu_forget(&rig.qemu);
	rig_later(9999);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_DETACH) == NULL);
	rig_later(1);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_DETACH) != NULL);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	CHECK(rig.host.streams.first == NULL);
	close(listener);
	rig_close();
}

TEST(ever_later, "what a guest has no room for is tried after 5 ms to 320 ms")
{
	unsigned tries = 0;

	rig_open("--echo", "7");
	rig_later(1);
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	request(7, false);
	fake_qemu_forget(&rig.qemu);
	for (int i = 0; i < 1915; i++) {
		rig_later(1);
		while (fake_qemu_next(&rig.qemu, VQP_LINK_SEND) != NULL)
			tries++;
	}
	/* After 5, 10, ... 320 ms, and four times 320 more. */
	CHECK_EQ(tries, 11);
	rig_close();
}

TEST(silent_caller, "a program that does not say CONNECT has a minute")
{
	char byte;
	int fd;

	open_with_vsock();
	fd = unix_socket("v", false);
	rig_later(1);
	for (int i = 0; i < 59; i++)
		rig_later(1000);
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	rig_later(1000);
	rig_later(1000);
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(fd);
	rig_close();
}

TEST(no_descriptor, "who cannot be accepted is accepted 100 ms later")
{
	struct rlimit limit;
	char bytes[8] = "";
	rlim_t most;
	int fd, next;

	open_with_vsock();
	rig_later(1);
	fd = unix_socket("v", false);
	CHECK_EQ(write(fd, "no\n", 3), 3);
	getrlimit(RLIMIT_NOFILE, &limit);
	most = limit.rlim_cur;
	next = dup(fd);
	close(next);
	limit.rlim_cur = (rlim_t)next;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	rig_later(1);
	CHECK(rig_said("cannot accept a connection now: Too many open files"));
	limit.rlim_cur = most;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	rig_later(99);
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	rig_later(1);
	/* It said nonsense: an end shows that it was heard. */
	rig_later(1);
	CHECK(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 0);
	/* And nothing is waited for any more. */
	CHECK_EQ(host_unix_work(&rig.host), -1);
	close(fd);
	rig_close();
}

TEST(no_watch, "what the system does not watch is refused, and why is said")
{
	static const char *const words[] = { "vqp-host: epoll: No space left",
	    "/v: No space left", "/v_9.dgram: No space left" };
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path, (char *)"--datagram", (char *)"9" };
	char byte;
	int listener, fd;

	for (unsigned i = 0; i < 3; i++) {
		rig_prepare(SOCK_SEQPACKET, 6, argv);
		snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
		rig.qemu.watch_room = i;
		rig_start();
		CHECK_EQ(rig.host.state, HOST_FAILED);
		CHECK(rig_said(words[i]));
		rig_close();
	}
	/* Who calls, and who is called. */
	open_with_vsock();
	rig.qemu.watch_room = 0;
	fd = unix_socket("v", false);
	rig_settle();
	CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	listener = unix_socket("v_80", true);
	CHECK(connect_to(80) == NULL);
	rig.qemu.watch_room = 1;
	CHECK(connect_to(80) != NULL);
	close(listener);
	close(fd);
	rig_close();
}

/*
 * ---- Ends that always have something to give, and guests that read it.
 */


#define PART	1024	/* of each gift, at most */

struct fast {
	struct host_end end;
	struct vqp_pair *reader;
	uint64_t given;
	unsigned takes;		/* bytes, as long as there are some left */
	char took;		/* the last of them */
};

static struct fast fast[2];
static unsigned fast_count;

static int64_t
take_none(struct host *host, struct host_end *end, const struct iovec io[2])
{
	struct fast *one = (struct fast *)end;

	(void)host;
	if (one->takes == 0 || io[0].iov_len == 0)
		return HOST_WAIT;
	one->takes--;
	one->took = *(const char *)io[0].iov_base;
	return 1;
}

/*
 * A part of the ring, after the guest has read the one before; of a MiB the
 * last byte comes alone.
 */
static int64_t
give_part(struct host *host, struct host_end *end, const struct iovec io[2])
{
	struct fast *one = (struct fast *)end;
	const uint64_t left = (1 << 20) - one->given % (1 << 20);
	uint64_t n = left > PART ? PART : left > 1 ? left - 1 : 1;
	char bytes[RING];

	(void)host;
	if (one->reader == NULL)
		return HOST_WAIT;
	while (vqp_pair_dequeue(one->reader, bytes, sizeof(bytes)) > 0)
		;
	if (n > io[0].iov_len)
		n = io[0].iov_len;
	memset(io[0].iov_base, 0, n);
	one->given += n;
	return (int64_t)n;
}

static void
fast_over(struct host *host, struct host_end *end)
{
	(void)host;
	(void)end;
}

static struct host_end *
fast_end(struct host *host, uint32_t port, bool hypervisor, bool *later)
{
	struct host_end *end = &fast[fast_count++].end;

	(void)host;
	(void)port;
	(void)hypervisor;
	*later = false;
	*end = (struct host_end){ .take = take_none, .give = give_part,
	    .finish = fast_over, .close = fast_over };
	return end;
}

TEST(turns, "a stream that can always move has 1 MiB, then another its turn")
{
	const struct vqp_handle second = { FAKE_CID, 51 };

	memset(fast, 0, sizeof(fast));
	fast_count = 0;
	rig_open("--echo", "7");
	rig.host.streams.listener = fast_end;
	CHECK(connect_as(PORT, 8, ring) != NULL);
	CHECK(connect_as(PORT + 1, 8, second) != NULL);
	fast[0].reader = &fake_qemu_pair(&rig.qemu, ring)->guest;
	fast[1].reader = &fake_qemu_pair(&rig.qemu, second)->guest;
	rig.qemu.forgets = true;
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 2; i++) {
			fast[i].given = 0;
			host_stream_wake(fast[i].end.stream);
		}
		CHECK_EQ(host_stream_work(&rig.host), 0);
		CHECK_EQ(fast[0].given, 1 << 20);
		CHECK_EQ(fast[1].given, 1 << 20);
	}
	fast[0].reader = fast[1].reader = NULL;
	rig_close();
}

/* A stream to such an end, which takes so many bytes. */
static struct vqp_pair *
connect_fast(unsigned takes)
{
	struct vqp_pair *guest;

	memset(fast, 0, sizeof(fast));
	fast_count = 0;
	rig_open("--echo", "7");
	rig.host.streams.listener = fast_end;
	guest = connect_as(PORT, 8, ring);
	CHECK(guest != NULL);
	fast[0].takes = takes;
	return guest;
}

TEST(looked_at, "an end that takes nothing is looked at ever more seldom")
{
	struct vqp_pair *guest = connect_fast(0);
	int wait = 5;

	CHECK_EQ(vqp_pair_send(guest, "hello", 5), 5);
	say(VQP_VSOCK_WROTE, 8);
	for (int i = 0; i < 12; i++) {
		CHECK_EQ(host_stream_work(&rig.host), wait);
		rig.qemu.now_ms += wait;
		wait = wait < 1000 ? 2 * wait : wait;
	}
	/* What is taken makes it worth a look. */
	fast[0].takes = 1;
	CHECK_EQ(host_stream_work(&rig.host), 5);
	rig_close();
}

TEST(last_patience, "when QEMU ended, who takes nothing for 10 s is left")
{
	struct vqp_pair *guest = connect_fast(0);

	CHECK_EQ(vqp_pair_send(guest, "hello", 5), 5);
	close(rig.qemu.fd);
	rig.qemu.fd = -1;
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_OVER);
	rig.qemu.now_ms += 9000;
	fast[0].takes = 1;
	host_stream_wake(fast[0].end.stream);
	CHECK(host_turn(&rig.host, 0));
	CHECK_EQ(fast[0].took, 'h');
	/* Ten more from there. */
	CHECK(host_turn(&rig.host, 0));
	rig.qemu.now_ms += 9999;
	CHECK(host_turn(&rig.host, 0));
	CHECK(!rig_said("last bytes were not read"));
	rig.qemu.now_ms += 1;
	CHECK(!host_turn(&rig.host, 0));
	CHECK(rig_said("last bytes were not read"));
	rig_close();
}

TEST(full, "of streams there are 512; one line says that there are no more")
{
	static struct host_end ends[513];
	unsigned lines = 0;

	rig_open("--echo", "7");
	rig.qemu.forgets = true;
	for (unsigned i = 0; i < 513; i++) {
		ends[i] = (struct host_end){ .take = take_none,
		    .give = give_part, .finish = fast_over,
		    .close = fast_over };
		CHECK_EQ(host_stream_connect(&rig.host, FAKE_CID, 22,
		    &ends[i]) < 0, i == 512);
		CHECK_EQ(rig_said("512 streams are open"), i == 512);
	}
	CHECK(host_stream_connect(&rig.host, FAKE_CID, 22, &ends[512]) < 0);
	for (const char *at = rig.log; (at = strstr(at, "512 streams")) != NULL;
	    at++)
		lines++;
	CHECK_EQ(lines, 1);
	rig_close();
}

/*
 * ---- Two pairs of one handle: memory says no more than the handle.
 */

/* An ALLOC that is to be answered later; all else at once. */
static uint64_t held[64];	/* the packet, aligned */
static unsigned held_count;
static unsigned mapped_at_release;

static void
hold_alloc(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	if (packet->type == VQP_LINK_RELEASED)
		mapped_at_release = rig_mappings();
	if (packet->type != VQP_LINK_ALLOC) {
		fake_qemu_answer(qemu, packet);
		return;
	}
	held_count++;
	CHECK(sizeof(*packet) + packet->bytes <= sizeof(held));
	memcpy(held, packet, sizeof(*packet) + packet->bytes);
}

static void
hold(void)
{
	held_count = 0;
	mapped_at_release = UINT32_MAX;
	rig.qemu.answer = hold_alloc;
}

/* A stream of that port of the guest's, up to its OFFER of `ring`. */
static void
offer(uint32_t own_port)
{
	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, own_port, 7, 1,
	    &(union vqp_vsock_body){ .size = RING });
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	fake_guest_say(&rig.qemu, VQP_VSOCK_OFFER, own_port, 7, 0,
	    &(union vqp_vsock_body){ .handle = ring });
	rig_settle();
}

TEST(offered_twice, "of two streams with one pair the second is reset")
{
	struct vqp_vsock_packet packet;

	rig_open("--echo", "7");
	hold();
	offer(PORT);
	offer(PORT + 1);
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_RST);
	CHECK_EQ(packet.dst_port, PORT + 1);
	CHECK(rig_said("16:2001: no queue pair: VQP_ERROR_ALREADY_EXISTS"));
	CHECK_EQ(held_count, 1);
	/* The first has its memory, and gives it back. */
	fake_qemu_answer(&rig.qemu, (const struct fake_packet *)held);
	rig_settle();
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_ATTACH);
	CHECK_EQ(packet.dst_port, PORT);
	CHECK(rig_mappings() > 1);
	say(VQP_VSOCK_RST, 7);
	CHECK_EQ(rig_mappings(), 1);
	CHECK(rig.host.streams.first == NULL);
	rig_close();
}

TEST(offered_while_open, "RELEASED is true, whoever else offers that pair")
{
	rig_open("--echo", "7");
	CHECK(connect_to(7) != NULL);
	CHECK(rig_mappings() > 1);
	hold();
	offer(PORT + 1);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	CHECK_EQ(held_count, 0);
	fake_qemu_detach(&rig.qemu, ring);
	rig_settle();
	CHECK_EQ(mapped_at_release, 1);
	rig_close();
}

TEST(own_name, "a stream of ours gets no pair that a service has")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--vsock", rig.path, (char *)"--pair-echo",
	    (char *)"2000" };
	struct vqp_vsock_packet packet;
	int fd;

	rig_prepare(SOCK_SEQPACKET, 6, argv);
	snprintf(rig.path, sizeof(rig.path), "%s/v", rig.folder);
	rig_start();
	fake_qemu_forget(&rig.qemu);
	rig.host.streams.last_resource = 1999;
	packet = call_guest("CONNECT 22\n", &fd);
	answer(&packet, VQP_VSOCK_NEGOTIATE2,
	    (union vqp_vsock_body){ .size = RING });
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_OFFER);
	CHECK(packet.body.handle.resource != 2000);
	/* QEMU was not asked for that one: it would say who has it. */
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_ALLOC) != NULL);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_ALLOC) == NULL);
	close(fd);
	rig_close();
}

TEST(offered_again, "a pair that a stream has left is another's to offer")
{
	rig_open("--echo", "7");
	for (unsigned i = 0; i < 3; i++) {
		CHECK(connect_to(7) != NULL);
		say(VQP_VSOCK_RST, 7);
		fake_qemu_forget(&rig.qemu);
	}
	rig_close();
}

TEST(refused_with_memory, "of a pair that is refused nothing stays mapped")
{
	struct vqp_link_result no = { VQP_ERROR_NO_RESOURCES };

	for (int gone = 0; gone < 2; gone++) {
		struct fake_packet *packet = (struct fake_packet *)held;
		uint32_t tag;

		rig_open("--echo", "7");
		hold();
		offer(PORT);
		CHECK_EQ(held_count, 1);
		/* Its memory comes, and a result that nobody asked for. */
		tag = packet->tag;
		packet->tag = 0;
		fake_qemu_answer(&rig.qemu, packet);
		rig_settle();
		CHECK(rig_mappings() > 1);
		if (gone)
			say(VQP_VSOCK_RST, 7);
		fake_qemu_send(&rig.qemu, VQP_LINK_RESULT, tag, &no,
		    sizeof(no), NULL, 0);
		rig_settle();
		CHECK_EQ(rig_mappings(), 1);
		CHECK_EQ(fake_guest_hear(&rig.qemu).type,
		    gone ? 255 : VQP_VSOCK_RST);
		CHECK(rig.host.streams.first == NULL);
		rig_close();
	}
}

TEST(not_mapped, "a pair whose memory is not mapped is refused, with that reason")
{
	const struct vqp_link_result yes = { VQP_SUCCESS };

	rig_open("--echo", "7");
	hold();
	offer(PORT);
	fake_qemu_send(&rig.qemu, VQP_LINK_RESULT,
	    ((struct fake_packet *)held)->tag, &yes, sizeof(yes), NULL, 0);
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	CHECK(rig_said("no queue pair: VQP_ERROR_NO_MEM"));
	rig_close();
}

TEST(reset_no_room, "a RST that the guest had no room for is said again")
{
	rig_open("--echo", "7");
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	request(8, false);
	/* That name becomes a stream: no RST may hit it. */
	rig.qemu.send_status = 0;
	request(7, false);
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	say(VQP_VSOCK_ATTACH, 7);
	rig.qemu.send_status = 0;
	request(7, false);
	fake_qemu_forget(&rig.qemu);
	for (int i = 0; i < 20; i++)
		host_turn(&rig.host, 10);
	CHECK_EQ(fake_guest_hear(&rig.qemu).src_port, 8);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	rig_close();
}

TEST(reset_no_other, "a stream takes the RST of its own name back, and no other")
{
	const uint32_t ports[] = { PORT, PORT + 1, PORT };
	const uint32_t own[] = { 7, 8, 8 };
	unsigned heard = 0;

	rig_open("--echo", "7", "--sink", "8");
	rig_later(1);
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	/* What is no stream is reset, and each RST has no room. */
	for (int i = 0; i < 3; i++)
		fake_guest_say(&rig.qemu, VQP_VSOCK_ATTACH, ports[i], own[i],
		    0, NULL);
	rig_settle();
	rig.qemu.send_status = 0;
	/* The last name is a stream's from now on. */
	request(8, false);
	fake_qemu_forget(&rig.qemu);
	rig_later(1000);
	for (int i = 0; i < 3; i++) {
		const struct vqp_vsock_packet packet =
		    fake_guest_hear(&rig.qemu);

		if (packet.type != VQP_VSOCK_RST)
			continue;
		CHECK(packet.dst_port == PORT + 1 || packet.src_port == 7);
		heard++;
	}
	CHECK_EQ(heard, 2);
	rig_close();
}

/* Nobody at port 8, says the host to a socket of that context; `status`. */
static void
reset_of(uint32_t context, uint32_t own_port, int64_t status)
{
	struct vqp_vsock_packet packet = {
		.datagram = {
			.dst = { VQP_CONTEXT_HOST, VQP_VSOCK_RESOURCE },
			.src = { context, VQP_VSOCK_RESOURCE },
			.payload_size = sizeof(packet) -
			    sizeof(packet.datagram),
		},
		.version = VQP_VSOCK_VERSION, .type = VQP_VSOCK_ATTACH,
		.src_port = own_port, .dst_port = 8,
	};

	rig.qemu.send_status = status;
	fake_qemu_send(&rig.qemu, VQP_LINK_DATAGRAM, 0, &packet,
	    sizeof(packet), NULL, 0);
	rig_settle();
	rig.qemu.send_status = 0;
}

TEST(reset_of_another, "a RST is held for the name of its context")
{
	rig_open("--sink", "8");
	rig_later(1);
	reset_of(FAKE_CID + 1, PORT, VQP_ERROR_NO_RESOURCES);
	/* Another's socket has those two ports. */
	request(8, false);
	fake_qemu_forget(&rig.qemu);
	rig_later(1000);
	CHECK_EQ(fake_guest_hear(&rig.qemu).datagram.dst.context,
	    FAKE_CID + 1);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	rig_close();
}

TEST(reset_forgotten, "the refusal of a RST that is no more held repeats none")
{
	const struct vqp_link_result no = { VQP_ERROR_NO_RESOURCES };
	const struct fake_packet *sent;
	uint32_t tag;

	rig_open("--echo", "7");
	rig_later(1);
	reset_of(FAKE_CID, PORT, 0);
	sent = fake_qemu_next(&rig.qemu, VQP_LINK_SEND);
	CHECK(sent != NULL);
	tag = sent != NULL ? sent->tag : 0;
	for (uint32_t port = 1; port <= HOST_RESETS; port++)
		reset_of(FAKE_CID, PORT + port, 0);
	fake_qemu_forget(&rig.qemu);
	fake_qemu_send(&rig.qemu, VQP_LINK_RESULT, tag, &no, sizeof(no), NULL,
	    0);
	rig_settle();
	CHECK_EQ(host_stream_work(&rig.host), -1);
	rig_later(1000);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, 255);
	rig_close();
}

/* What was said without room comes again, from that stream alone. */
static void
check_said_again(uint32_t own_port, struct vqp_pair *guest)
{
	struct vqp_vsock_packet packet;

	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	CHECK_EQ(vqp_pair_send(guest, "x", 1), 1);
	fake_guest_say(&rig.qemu, VQP_VSOCK_WROTE, own_port, 7, 0, NULL);
	packet = said_again();
	CHECK_EQ(packet.type, VQP_VSOCK_WROTE);
	while (packet.type != 255) {
		CHECK_EQ(packet.dst_port, own_port);
		packet = fake_guest_hear(&rig.qemu);
	}
}

TEST(tags_begin_again, "after 2^29 streams no tag is nobody's or another's")
{
	struct vqp_pair *guest[4];

	rig_open("--echo", "7");
	rig_later(1);
	for (uint32_t i = 0; i < 4; i++) {
		if (i == 2)
			rig.host.streams.last_tag = 0x3ffffffe;
		guest[i] = connect_as(PORT + i, 7,
		    (struct vqp_handle){ FAKE_CID, 50 + i });
		CHECK(guest[i] != NULL);
	}
	for (uint32_t i = 0; i < 4; i++)
		check_said_again(PORT + i, guest[i]);
	rig_close();
}

TEST(names_begin_again, "no port and no pair of ours has the name of any")
{
	struct vqp_vsock_packet packet;
	int fd[2];

	open_with_vsock();
	rig.host.streams.last_port = UINT32_MAX - 1;
	rig.host.streams.last_resource = UINT32_MAX - 1;
	packet = call_guest("CONNECT 22\n", &fd[0]);
	CHECK_EQ(packet.src_port, 1024);
	answer(&packet, VQP_VSOCK_NEGOTIATE2,
	    (union vqp_vsock_body){ .size = RING });
	packet = fake_guest_hear(&rig.qemu);
	CHECK_EQ(packet.type, VQP_VSOCK_OFFER);
	CHECK_EQ(packet.body.handle.resource, 1024);
	/* That port is still in use when its turn comes again. */
	rig.host.streams.last_port = UINT32_MAX - 1;
	packet = call_guest("CONNECT 22\n", &fd[1]);
	CHECK_EQ(packet.src_port, 1025);
	close(fd[0]);
	close(fd[1]);
	rig_close();
}

TEST(reset_open, "the RST of an open stream is said once: its pair goes, too")
{
	rig_open("--echo", "7");
	rig_later(1);
	CHECK(connect_to(7) != NULL);
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	say(VQP_VSOCK_NEGOTIATE, 7);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_RST);
	CHECK(fake_qemu_pair(&rig.qemu, ring) == NULL);
	CHECK_EQ(said_again().type, 255);
	rig_close();
}

TEST(resets_held, "of RSTs without room the last 64 are held")
{
	struct vqp_vsock_packet packet;

	rig_open("--echo", "7");
	rig.qemu.send_status = VQP_ERROR_NO_RESOURCES;
	for (uint32_t port = 1000; port < 1100; port++) {
		request(port, false);
		fake_qemu_forget(&rig.qemu);
	}
	rig.qemu.send_status = 0;
	for (int i = 0; i < 40; i++)
		host_turn(&rig.host, 10);
	for (unsigned count = 0;; count++) {
		packet = fake_guest_hear(&rig.qemu);
		if (packet.type == 255) {
			CHECK_EQ(count, 64);
			break;
		}
		CHECK_EQ(packet.type, VQP_VSOCK_RST);
		CHECK(packet.src_port >= 1036);
	}
	rig_close();
}

/* Guests' sockets `from` to `to` ask for port 80; how many are answered so. */
static unsigned
crowd(uint32_t from, uint32_t to, uint8_t type)
{
	unsigned heard = 0;

	for (uint32_t port = from; port < to; port++)
		fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, port, 80, 1,
		    &(union vqp_vsock_body){ .size = RING });
	for (int i = 0; i < 20; i++)
		host_turn(&rig.host, 10);
	for (;;) {
		const uint8_t got = fake_guest_hear(&rig.qemu).type;

		if (got == 255)
			return heard;
		CHECK_EQ(got, type);
		heard++;
	}
}

TEST(full_backlog, "a program's full backlog is waited for, and its end is heard")
{
	unsigned refused = 0;
	int listener, one, two;

	open_with_vsock();
	listener = unix_socket("v_80", true);
	/* Two, says Linux. */
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(crowd(3000, 3004, VQP_VSOCK_NEGOTIATE2), 2);
	one = accept(listener, NULL, NULL);
	two = accept(listener, NULL, NULL);
	CHECK_EQ(crowd(0, 0, VQP_VSOCK_NEGOTIATE2), 2);
	/* Of one that waits nothing can be offered yet. */
	CHECK_EQ(crowd(3004, 3007, 255), 0);
	fake_guest_say(&rig.qemu, VQP_VSOCK_OFFER, 3004, 80, 0,
	    &(union vqp_vsock_body){ .handle = ring });
	CHECK_EQ(crowd(0, 0, VQP_VSOCK_RST), 1);
	/* One that gives up is forgotten, one that waits on is refused. */
	fake_guest_say(&rig.qemu, VQP_VSOCK_RST, 3005, 80, 0, NULL);
	for (int i = 0; i < 6; i++)
		refused += crowd(0, 0, VQP_VSOCK_RST);
	CHECK_EQ(refused, 1);
	CHECK_EQ(crowd(3007, 3008, 255), 0);
	close(listener);
	CHECK_EQ(crowd(0, 0, VQP_VSOCK_RST), 1);
	close(one);
	close(two);
	rig_close();
}

TEST_MAIN()
