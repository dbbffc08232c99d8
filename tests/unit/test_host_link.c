/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The socket to QEMU: its greeting, memory that comes and goes, and every way
 * in which what comes on it may be wrong, which ends this host and nothing
 * else.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "count_fds.h"
#include "host_rig.h"

static const struct vqp_handle pair = { VQP_CONTEXT_HOST, 60 };

TEST(greeting, "HELLO with our context, then one BIND, and the guest is known")
{
	const struct fake_packet *sent;
	struct vqp_link_hello hello;
	char *argv[] = { (char *)"vqp-host", (char *)"LINK" };

	rig_prepare(SOCK_SEQPACKET, 2, argv);
	rig_start();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	CHECK_EQ(rig.host.link.cid, VQP_CONTEXT_HOST);
	CHECK_EQ(rig.host.link.guest_cid, FAKE_CID);
	sent = fake_qemu_next(&rig.qemu, VQP_LINK_HELLO);
	CHECK(sent != NULL && sent->bytes == sizeof(hello));
	memcpy(&hello, sent->body, sizeof(hello));
	CHECK_EQ(hello.version, VQP_LINK_VERSION);
	CHECK_EQ(hello.cid, VQP_CONTEXT_HOST);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_BIND) != NULL);
	CHECK(rig_said("context 2 of guest 16, ready"));
	rig_close();
}

static void
refuse_hello(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	const struct vqp_link_result result = { VQP_ERROR_ALREADY_EXISTS };

	fake_qemu_send(qemu, VQP_LINK_RESULT, packet->tag, &result,
	    sizeof(result), NULL, 0);
}

TEST(refused_hello, "a context that is taken: said by name, and no loop")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK" };

	rig_prepare(SOCK_SEQPACKET, 2, argv);
	rig.qemu.answer = refuse_hello;
	rig_start();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("context 2: VQP_ERROR_ALREADY_EXISTS"));
	CHECK(!host_turn(&rig.host, 0));
	rig_close();
}

static void
hear(struct host *host, void *context, int64_t status)
{
	(void)host;
	*(int64_t *)context = status;
}

TEST(qemu_ends, "QEMU that goes away is an end, not a failure")
{
	int64_t heard = 1;

	rig_open("--echo", "7");
	close(rig.qemu.fd);
	rig.qemu.fd = -1;
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_OVER);
	CHECK(rig_said("QEMU has ended"));
	/* Whoever asks now hears nothing, and waits for nothing. */
	host_link_have(&rig.host, VQP_LINK_BIND, 9, hear, &heard);
	host_link_settle(&rig.host);
	rig_close();
	CHECK_EQ(heard, 1);
}

TEST(sent_to_nobody, "QEMU that is gone when something is sent is an end, too")
{
	int64_t heard = 1;

	rig_open("--echo", "7");
	close(rig.qemu.fd);
	rig.qemu.fd = -1;
	host_link_have(&rig.host, VQP_LINK_BIND, 9, hear, &heard);
	CHECK_EQ(rig.host.state, HOST_OVER);
	CHECK(rig_said("QEMU has ended"));
	rig_close();
	CHECK_EQ(heard, 1);
}

TEST(on_a_chardev, "a SOCK_STREAM carries the same packets, behind lengths")
{
	rig_open_type(SOCK_STREAM, "--datagram-echo", "9");
	CHECK(rig.host.link.is_stream);
	fake_guest_send(&rig.qemu, 5, 9, "hello", 5);
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_SEND) != NULL);
	rig_close();
}

TEST(lost_in_a_packet, "a chardev that ends inside a packet is an end")
{
	const uint32_t length = 500;

	rig_open_type(SOCK_STREAM, "--echo", "7");
	CHECK_EQ(write(rig.qemu.fd, &length, 4), 4);
	CHECK_EQ(write(rig.qemu.fd, &length, 4), 4);
	shutdown(rig.qemu.fd, SHUT_WR);
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_OVER);
	rig_close();
}

TEST(last_byte, "the last byte of a chardev's packet may come alone")
{
	const uint32_t length = 1;

	rig_open_type(SOCK_STREAM, "--echo", "7");
	CHECK_EQ(write(rig.qemu.fd, &length, 4), 4);
	CHECK_EQ(write(rig.qemu.fd, "x", 1), 1);
	rig_settle();
	/* It was read, and then judged. */
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said("from QEMU: a packet that is too short"));
	rig_close();
}

TEST(too_long, "a packet longer than any is a failure, and is not read")
{
	const uint32_t length = VQP_LINK_BYTES_MAX + 1;

	rig_open_type(SOCK_STREAM, "--echo", "7");
	CHECK_EQ(write(rig.qemu.fd, &length, 4), 4);
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	rig_close();
}

/*
 * Every type at every length up to a little more than its body, zeros and
 * ones: nothing but an end of this host may come of it.
 */
TEST(any_length, "no packet of any type and length does harm")
{
	static uint8_t body[128];
	const uint8_t fill[] = { 0, 1, 0x7f, 0xff };

	rig_open("--pair-echo", "60=4096");
	for (uint32_t type = VQP_LINK_RESULT - 2; type < VQP_LINK_GUEST + 2;
	    type++)
		for (uint64_t length = 0; length < 120; length += 4) {
			memset(body, fill[length / 4 % 4], sizeof(body));
			fake_qemu_send(&rig.qemu, type, 0, body, length, NULL,
			    0);
			rig_settle();
			if (rig.host.state == HOST_RUNS)
				continue;
			rig_close();
			rig_open("--pair-echo", "60=4096");
		}
	rig_close();
}

TEST(memory_comes, "a pair's memory is mapped, and both see its bytes")
{
	const struct fake_pair *shared;
	char back[8] = "";

	rig_open("--pair-echo", "60=4096");
	shared = fake_qemu_pair(&rig.qemu, pair);
	CHECK(shared != NULL);
	CHECK_EQ(shared->call.produce_size, 4096);
	CHECK_EQ(vqp_pair_send(&rig.qemu.pairs[0].guest, "abc", 3), 3);
	fake_qemu_send(&rig.qemu, VQP_LINK_DOORBELL, 0, &pair, sizeof(pair),
	    NULL, 0);
	rig_settle();
	CHECK_EQ(vqp_pair_receive(&rig.qemu.pairs[0].guest, back, 3), 3);
	CHECK(memcmp(back, "abc", 3) == 0);
	rig_close();
}

TEST(memory_goes, "NO_MEMORY is answered at once, and the pages are left")
{
	const struct fake_packet *sent;
	struct vqp_handle released;

	rig_open("--pair-echo", "60=4096");
	fake_qemu_detach(&rig.qemu, pair);
	rig_settle();
	sent = fake_qemu_next(&rig.qemu, VQP_LINK_RELEASED);
	CHECK(sent != NULL);
	memcpy(&released, sent->body, sizeof(released));
	CHECK_EQ(released.resource, pair.resource);
	/* And it is there again for the next. */
	CHECK(fake_qemu_pair(&rig.qemu, pair) != NULL);
	rig_close();
}

/* The memory of `pair`, two rings of a page each, in one piece. */
static void
send_memory(const struct vqp_link_piece *piece)
{
	const struct vqp_link_memory memory = {
		.handle = pair, .produce_size = 4096, .consume_size = 4096,
		.page_bytes = 4096, .produce_bytes = 4096,
		.consume_bytes = 4096, .piece_count = 1,
	};

	fake_qemu_send(&rig.qemu, VQP_LINK_MEMORY, 0, &memory, sizeof(memory),
	    NULL, 0);
	fake_qemu_send(&rig.qemu, VQP_LINK_PIECES, 0, piece, sizeof(*piece),
	    NULL, 0);
	rig_settle();
}

TEST(memory_again, "memory of a pair that is not opened again is not taken")
{
	const struct vqp_link_piece piece = { .bytes = 16384 };

	rig_open("--pair-echo", "60=4096");
	CHECK_EQ(rig_mappings(), 1 + 1);
	/* At once: the host has not asked for the next pair. */
	fake_qemu_detach(&rig.qemu, pair);
	send_memory(&piece);
	CHECK(fake_qemu_pair(&rig.qemu, pair) != NULL);
	CHECK_EQ(rig_mappings(), 1 + 1);
	CHECK_EQ(rig.host.state, HOST_RUNS);
	rig_close();
}

TEST(memory_of_nobody, "memory of a pair that nobody opened is nobody's")
{
	const struct vqp_link_piece piece = { .bytes = 16384 };
	const struct vqp_link_memory memory = {
		.handle = { VQP_CONTEXT_HOST, 61 }, .produce_size = 4096,
		.consume_size = 4096, .page_bytes = 4096,
		.produce_bytes = 4096, .consume_bytes = 4096,
		.piece_count = 1,
	};
	struct host_pair other, *whole = &other;
	int64_t lacking;

	rig_open("--pair-echo", "60=4096");
	host_memory_begin(&rig.host, &memory);
	CHECK(host_memory_pieces(&rig.host, &piece, 1, rig.host.link.pairs,
	    &whole, &lacking));
	CHECK(whole == NULL);
	CHECK_EQ(lacking, -1);
	CHECK_EQ(rig_mappings(), 1 + 1);
	rig_close();
}

TEST(no_file, "pieces of a file that never came: said, and no pair")
{
	const struct vqp_link_piece piece = { .file = 9, .bytes = 16384 };

	rig_open("--echo", "7");
	send_memory(&piece);
	CHECK(rig_said("cannot map a piece of guest memory"));
	rig_close();
}

TEST(short_file, "pieces beyond the end of their file are not mapped")
{
	const struct vqp_link_piece piece = {
		.offset = FAKE_RAM_BYTES - 4096, .bytes = 16384,
	};

	rig_open("--pair-echo", "60=4096");
	send_memory(&piece);
	CHECK(rig_said("cannot map a piece of guest memory: it is not inside"));
	CHECK_EQ(rig.host.state, HOST_RUNS);
	rig_close();
}

TEST(no_descriptor, "a file without its descriptor is asked for again")
{
	const struct vqp_link_piece piece = { .bytes = 16384 };
	const struct vqp_link_file file = { 0 };

	rig_open("--echo", "7");
	fake_qemu_send(&rig.qemu, VQP_LINK_FILE, 0, &file, sizeof(file), NULL,
	    0);
	rig_settle();
	CHECK(rig_said("file 0 of the guest's memory came without"));
	send_memory(&piece);
	CHECK(fake_qemu_next(&rig.qemu, VQP_LINK_FILE_AGAIN) != NULL);
	CHECK_EQ(rig.host.state, HOST_RUNS);
	rig_close();
}

/* That packet ends this host, with these words. */
static void
ends_it(enum vqp_link_type type, const void *body, uint64_t bytes,
    const char *words)
{
	rig_open("--echo", "7");
	fake_qemu_send(&rig.qemu, type, 0, body, bytes, NULL, 0);
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	CHECK(rig_said(words));
	rig_close();
}

TEST(lies, "QEMU's lengths and numbers are not believed")
{
	struct vqp_datagram datagram = {
		.dst = { VQP_CONTEXT_HOST, VQP_VSOCK_RESOURCE },
		.src = { FAKE_CID, VQP_VSOCK_RESOURCE }, .payload_size = 1,
	};
	const struct vqp_link_file file = { .index = 2 };

	ends_it(VQP_LINK_DATAGRAM, &datagram, sizeof(datagram),
	    "from QEMU: packet");
	datagram.payload_size = UINT64_MAX - 7;
	ends_it(VQP_LINK_DATAGRAM, &datagram, sizeof(datagram),
	    "from QEMU: packet");
	ends_it(VQP_LINK_FILE, &file, sizeof(file),
	    "from QEMU: file 2 came as number");
}

TEST(lines, "of one format: 64 in an hour, then one for all the others")
{
	static const char format[] = "again, %d";
	unsigned count = 0;

	rig_open("--echo", "7");
	rig_later(1);
	for (int i = 0; i < 200; i++)
		host_say(&rig.host, format, i);
	host_say(&rig.host, "another");
	CHECK(rig_said("again, 63\n"));
	CHECK(!rig_said("again, 64\n"));
	CHECK(rig_said("another\n"));
	rig_later(1000);
	CHECK(rig_said("136 more lines in 1 s, as this: again, 199\n"));
	/* The next ones are told later. */
	for (int i = 0; i < 100; i++)
		host_say(&rig.host, format, 1000 + i);
	rig_later(1000);
	CHECK(!rig_said("100 more lines in 2 s"));
	rig_later(1000);
	CHECK(rig_said("100 more lines in 2 s, as this: again, 1099"));
	/* An hour after the first there is room for 64 more. */
	rig_later(3600000);
	host_say(&rig.host, format, 2000);
	CHECK(rig_said("again, 2000\n"));
	fflush(rig.host.log);
	for (const char *at = rig.log; (at = strstr(at, "again, ")) != NULL;
	    at++)
		count++;
	CHECK_EQ(count, 64 + 1 + 1 + 1);
	rig_close();
}

TEST(stray_descriptors, "a descriptor that no packet is to carry is closed")
{
	static const struct {
		uint32_t type;
		uint64_t bytes;
	} packets[] = {
		{ VQP_LINK_EVENT, 24 }, { VQP_LINK_FILE, 4 }, { 99, 8 },
		{ VQP_LINK_RESULT, 0 },
	};
	const uint8_t body[32] = { 0 };

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		const unsigned before = count_fds();
		int fds[3];

		rig_open("--echo", "7");
		fds[0] = fds[1] = fds[2] = rig.qemu.ram_fd;
		fake_qemu_send(&rig.qemu, packets[i].type, 0, body,
		    packets[i].bytes, fds, 3);
		fake_qemu_send_raw(&rig.qemu, body, 3, fds, 1);
		rig_settle();
		rig_close();
		CHECK_EQ(count_fds(), before);
	}
}

static void
datagram_first(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	qemu->answer = NULL;
	fake_guest_say(qemu, VQP_VSOCK_REQUEST2, 2000, 7, 1,
	    &(union vqp_vsock_body){ .size = 4096 });
	fake_qemu_answer(qemu, packet);
}

TEST(early_datagram, "a connection before the services are there is answered")
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--echo", (char *)"7" };

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	rig.qemu.answer = datagram_first;
	rig_start();
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_RUNS);
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	rig_close();
}

TEST(less_than_rings, "memory that is less than its rings ends the link")
{
	const struct vqp_link_memory memory = {
		.handle = pair, .produce_size = 8192, .consume_size = 4096,
		.page_bytes = 4096, .produce_bytes = 4096,
		.consume_bytes = 4096, .piece_count = 1,
	};

	rig_open("--echo", "7");
	fake_qemu_send(&rig.qemu, VQP_LINK_MEMORY, 0, &memory, sizeof(memory),
	    NULL, 0);
	rig_settle();
	CHECK_EQ(rig.host.state, HOST_FAILED);
	rig_close();
}

static void
agree_without_memory(struct fake_qemu *qemu, const struct fake_packet *packet)
{
	const struct vqp_link_result yes = { VQP_SUCCESS };

	if (packet->type == VQP_LINK_ALLOC)
		fake_qemu_send(qemu, VQP_LINK_RESULT, packet->tag, &yes,
		    sizeof(yes), NULL, 0);
	else
		fake_qemu_answer(qemu, packet);
}

/*
 * Whether that memory, in one piece of that file, becomes a pair; -1: it ends
 * the host.
 */
static int
becomes_of(const int *fd, struct vqp_link_memory memory,
    struct vqp_link_piece piece)
{
	char *argv[] = { (char *)"vqp-host", (char *)"LINK",
	    (char *)"--pair-echo", (char *)"60=4096" };
	const struct vqp_link_file file = { 0 };
	int mapped;

	rig_prepare(SOCK_SEQPACKET, 4, argv);
	rig.qemu.answer = agree_without_memory;
	rig_start();
	fake_qemu_send(&rig.qemu, VQP_LINK_FILE, 0, &file, sizeof(file),
	    fd != NULL ? fd : &rig.qemu.ram_fd, 1);
	fake_qemu_send(&rig.qemu, VQP_LINK_MEMORY, 0, &memory, sizeof(memory),
	    NULL, 0);
	fake_qemu_send(&rig.qemu, VQP_LINK_PIECES, 0, &piece, sizeof(piece),
	    NULL, 0);
	rig_settle();
	mapped = rig.host.link.pairs->mapped;
	if (rig.host.state != HOST_RUNS)
		mapped = -1;
	rig_close();
	return mapped;
}

static int
becomes(struct vqp_link_memory memory, struct vqp_link_piece piece)
{
	return becomes_of(NULL, memory, piece);
}

TEST(memory_fits, "memory is rings and headers to the byte, in its file")
{
	const struct vqp_link_memory good = {
		.handle = pair, .produce_size = 4096, .consume_size = 4096,
		.page_bytes = 4096, .produce_bytes = 4096,
		.consume_bytes = 4096, .piece_count = 1,
	};
	const struct vqp_link_piece whole = { .bytes = 16384 };
	const uint64_t most = UINT64_C(2) * VQP_QPAIR_BYTES_MAX;
	struct vqp_link_memory memory = good;
	struct vqp_link_piece piece = whole;
	const int empty = memfd_create("empty", MFD_CLOEXEC);

	CHECK_EQ(becomes(good, whole), 1);
	memory.page_bytes = 0;
	CHECK_EQ(becomes(memory, whole), -1);
	memory.page_bytes = sizeof(struct vqp_queue_header) - 1;
	CHECK_EQ(becomes(memory, whole), -1);
	memory.page_bytes = VQP_QPAIR_BYTES_MAX + 1;
	CHECK_EQ(becomes(memory, whole), -1);
	memory.page_bytes = UINT64_MAX;
	CHECK_EQ(becomes(memory, whole), -1);
	for (unsigned i = 0; i < 2; i++) {
		memory = good;
		*(i ? &memory.produce_bytes : &memory.consume_bytes) =
		    most + 1;
		CHECK_EQ(becomes(memory, whole), -1);
		*(i ? &memory.produce_bytes : &memory.consume_bytes) = 4095;
		CHECK_EQ(becomes(memory, whole), -1);
		*(i ? &memory.produce_bytes : &memory.consume_bytes) = most;
		CHECK_EQ(becomes(memory, whole), 0);
	}
	memory = good;
	memory.piece_count = 0;
	CHECK_EQ(becomes(memory, whole), 0);
	memory.piece_count = 2;
	CHECK_EQ(becomes(memory, whole), 0);
	/* The piece: too little, too much, at and beyond the file's end. */
	piece.bytes = 12288;
	CHECK_EQ(becomes(good, piece), 0);
	piece.bytes = 20480;
	CHECK_EQ(becomes(good, piece), 0);
	piece = whole;
	piece.file = 1;
	CHECK_EQ(becomes(good, piece), 0);
	piece.file = 0;
	piece.offset = FAKE_RAM_BYTES - 16384;
	CHECK_EQ(becomes(good, piece), 1);
	piece.offset += 4096;
	CHECK_EQ(becomes(good, piece), 0);
	piece.offset = UINT64_MAX - 4095;
	CHECK_EQ(becomes(good, piece), 0);
	/* A byte beyond it, and then a file of no byte at all. */
	piece.offset = FAKE_RAM_BYTES - 16384;
	memory = good;
	memory.consume_bytes = 4097;
	piece.bytes = 16385;
	CHECK_EQ(becomes(memory, piece), 0);
	CHECK_EQ(becomes_of(&empty, good, whole), 0);
	close(empty);
	piece.bytes = 2 * FAKE_RAM_BYTES;
	piece.offset = 0;
	CHECK_EQ(becomes(good, piece), 0);
}

static void
a_second_passes(void)
{
	rig.qemu.now_ms += 1000;
	host_said_work(&rig.host);
}

/* Lines with `what` so far; *more: what those of them that count say. */
static unsigned
count_lines(const char *what, uint64_t *more)
{
	unsigned lines = 0;

	*more = 0;
	fflush(rig.host.log);
	for (const char *at = rig.log; (at = strstr(at, what)) != NULL; at++) {
		const char *line = at;

		while (line > rig.log && line[-1] != '\n')
			line--;
		line += strlen("vqp-host: ");
		lines++;
		if (*line >= '0' && *line <= '9')
			*more += strtoull(line, NULL, 10);
	}
	return lines;
}

TEST(paced_log, "lines that come at any pace are told, and do not fill a disk")
{
	const unsigned paces[] = { 1, 60, 64, 65, 500 };
	const unsigned hours = 3;

	for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
		const uint64_t all = (uint64_t)paces[i] * hours * 3600;
		unsigned lines;
		uint64_t more;

		rig_open("--echo", "7");
		rig_later(1);
		for (unsigned s = 0; s < hours * 3600; s++) {
			for (unsigned n = 0; n < paces[i]; n++)
				host_say(&rig.host, "a line: %s", "paced");
			a_second_passes();
		}
		for (unsigned s = 0; s < 4096; s++)
			a_second_passes();
		lines = count_lines("a line: paced", &more);
		/* Those of the first hour are there, and none is lost. */
		CHECK(lines >= HOST_LINES);
		CHECK(lines <= hours * (HOST_LINES + 12));
		rig_close();
		/* Each line that tells of more has one of them. */
		CHECK(more < all && more + hours * HOST_LINES >= all);
	}
}

/* Nobody is there, and this process may have so many files more. */
static void
says_of_no_link(unsigned files, const char *words)
{
	struct host_options options = { .link = "/nowhere" };
	const int next = dup(0);	/* the lowest that is free */
	struct rlimit limit;
	struct host host;
	rlim_t most;
	char *log;
	size_t bytes;
	FILE *file = open_memstream(&log, &bytes);

	close(next);
	getrlimit(RLIMIT_NOFILE, &limit);
	most = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)next + files;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	host_init(&host, file);
	host_open(&host, &options);
	limit.rlim_cur = most;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(host.state, HOST_FAILED);
	host_close(&host);
	fclose(file);
	CHECK(strcmp(log, words) == 0);
	free(log);
}

TEST(no_link, "why there is no loop and no link is said, and nothing else")
{
	says_of_no_link(0, "vqp-host: epoll: Too many open files\n");
	says_of_no_link(1, "vqp-host: /nowhere: Too many open files\n");
	says_of_no_link(9, "vqp-host: /nowhere: No such file or directory\n");
}

TEST(several_hosts, "two hosts of one process share nothing")
{
	struct host other;

	host_init(&other, NULL);
	host_open(&other, &(struct host_options){ .link = "/nowhere" });
	CHECK_EQ(other.state, HOST_FAILED);
	rig_open("--echo", "7");
	host_close(&other);
	fake_guest_say(&rig.qemu, VQP_VSOCK_REQUEST2, 2000, 7, 1,
	    &(union vqp_vsock_body){ .size = 4096 });
	rig_settle();
	CHECK_EQ(fake_guest_hear(&rig.qemu).type, VQP_VSOCK_NEGOTIATE2);
	rig_close();
}

TEST_MAIN()
