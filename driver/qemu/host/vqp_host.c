/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * vqp-host: the host of a guest in QEMU, `-device vmci,socket=LINK`.  It is
 * CID 2 there, and serves stream and datagram sockets of the guest, and queue
 * pairs and doorbells without them.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_end.h"
#include "host_loop.h"

static const char usage[] =
"usage: vqp-host LINK [options]\n"
"\n"
"LINK is the socket that QEMU made: -device vmci,socket=LINK, or that of a\n"
"-chardev socket,path=LINK,... which the device has as chardev=.\n"
"Ports are of stream sockets, and any number of each can be given:\n"
"\n"
"  --echo PORT            send back what comes\n"
"  --sink PORT            throw away what comes\n"
"  --source PORT[=BYTES]  send a pattern, of so many bytes\n"
"  --send PORT=FILE       send that file to whoever connects\n"
"  --receive PORT=FILE    keep what comes in that file\n"
"  --vsock PATH           a guest that connects to port N reaches the Unix\n"
"                         socket PATH_N; who connects to PATH and writes\n"
"                         \"CONNECT N\" reaches the guest's port N\n"
"\n"
"  --datagram-echo PORT   send back each datagram\n"
"  --datagram PORT        datagrams by the Unix socket PATH_PORT.dgram, with\n"
"                         eight bytes of address before each (needs --vsock)\n"
"\n"
"Below sockets, PAIR is N or CONTEXT:N, the context ours or the guest's:\n"
"\n"
"  --pair-echo PAIR[=BYTES], --pair-sink PAIR[=BYTES],\n"
"  --pair-source PAIR[=BYTES]\n"
"                         create that queue pair, or attach to the guest's, of\n"
"                         two rings of so many bytes (262144); it has our\n"
"                         doorbell N rung for bytes and for room, and we ring\n"
"                         the guest's of that number\n"
"  --doorbell N           have it, and say how often the guest rang it\n"
"  --ring N               ring that of the guest, as soon as it is there\n"
"\n"
"  --cid CID              be another context than 2\n"
"\n"
"Each stream and pair that ends is told on standard error, with its\n"
"throughput.\n";

#define PAIR_BYTES	262144

enum kind {
	ECHO, SINK, SOURCE, SEND, RECEIVE,
	/* No streams. */
	DATAGRAM_ECHO, DATAGRAM, PAIR_ECHO, PAIR_SINK, PAIR_SOURCE, DOORBELL,
	RING,
};

struct service {
	struct service *next;
	enum kind kind;
	uint32_t context;	/* of a pair; 0 for ours */
	uint32_t port;
	const char *file;
	uint64_t bytes;		/* of a source, or of each ring of a pair */
};

static struct service *services;
static const char *vsock_path;

static const struct option options[] = {
	{ "echo", required_argument, NULL, ECHO },
	{ "sink", required_argument, NULL, SINK },
	{ "source", required_argument, NULL, SOURCE },
	{ "send", required_argument, NULL, SEND },
	{ "receive", required_argument, NULL, RECEIVE },
	{ "datagram-echo", required_argument, NULL, DATAGRAM_ECHO },
	{ "datagram", required_argument, NULL, DATAGRAM },
	{ "pair-echo", required_argument, NULL, PAIR_ECHO },
	{ "pair-sink", required_argument, NULL, PAIR_SINK },
	{ "pair-source", required_argument, NULL, PAIR_SOURCE },
	{ "doorbell", required_argument, NULL, DOORBELL },
	{ "ring", required_argument, NULL, RING },
	{ "vsock", required_argument, NULL, 'v' },
	{ "cid", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* `argument` is what was wrong, or where. */
static void __attribute__((noreturn))
wrong(const char *argument, const char *what)
{
	fprintf(stderr, "vqp-host: %s: %s\n\n%s", argument, what, usage);
	exit(2);
}

/* The number `text` begins with, no more than `most`; *end is behind it. */
static uint64_t
number(const char *text, uint64_t most, char **end)
{
	unsigned long long n;

	errno = 0;
	n = strtoull(text, end, 0);
	if (*text < '0' || *text > '9' || errno != 0 || n > most)
		wrong(text, "no number, or too large");
	return n;
}

static void
add_service(enum kind kind, char *argument)
{
	struct service *service = host_alloc(sizeof(*service));
	const bool pair = kind >= PAIR_ECHO && kind <= PAIR_SOURCE;
	const bool file = kind == SEND || kind == RECEIVE;
	char *end;

	service->kind = kind;
	service->bytes = pair ? PAIR_BYTES : 0;
	service->port = (uint32_t)number(argument, UINT32_MAX, &end);
	if (*end == ':' && pair) {
		service->context = service->port;
		service->port = (uint32_t)number(end + 1, UINT32_MAX, &end);
	}
	if (*end == '=' && file)
		service->file = end + 1;
	else if (*end == '=' && (pair || kind == SOURCE))
		service->bytes = number(end + 1, UINT64_MAX, &end);
	if (service->file == NULL && (*end != '\0' || file))
		wrong(argument, file ? "a file is to be named, PORT=FILE" :
		    "there is more than was expected");
	service->next = services;
	services = service;
}

static struct host_end *
end_of(const struct service *service)
{
	switch (service->kind) {
	case ECHO:
		return host_end_echo();
	case SINK:
		return host_end_sink();
	case SOURCE:
		return host_end_source(service->bytes);
	case SEND:
		return host_end_send_file(service->file);
	case RECEIVE:
		return host_end_receive_file(service->file);
	default:
		return NULL;
	}
}

static struct host_end *
answer(uint32_t port)
{
	const struct service *service = services;

	while (service != NULL && (service->port != port ||
	    service->kind >= DATAGRAM_ECHO))
		service = service->next;
	if (service != NULL)
		return end_of(service);
	return vsock_path == NULL ? NULL : host_unix_dial(vsock_path, port);
}

static void
datagram(const struct vqp_datagram *datagram, const void *payload)
{
	if (datagram->dst.resource == VQP_VSOCK_RESOURCE)
		host_stream_datagram(datagram, payload);
	else
		host_datagram_take(datagram, payload);
}

static struct host_end *
endless_source(void)
{
	return host_end_source(0);
}

static void
serve_pair(const struct service *service)
{
	const struct vqp_handle handle = {
		service->context == 0 ? host_cid : service->context,
		service->port,
	};

	host_raw_serve(handle, service->bytes,
	    service->kind == PAIR_ECHO ? host_end_echo :
	    service->kind == PAIR_SINK ? host_end_sink : endless_source);
}

/* Those that are not asked for by a stream. */
static void
begin(const struct service *service)
{
	switch (service->kind) {
	case DATAGRAM_ECHO:
		host_datagram_echo(service->port);
		break;
	case DATAGRAM:
		if (vsock_path == NULL)
			wrong("--datagram", "needs --vsock");
		host_datagram_unix(vsock_path, service->port);
		break;
	case PAIR_ECHO:
	case PAIR_SINK:
	case PAIR_SOURCE:
		serve_pair(service);
		break;
	case DOORBELL:
		host_raw_count(service->port);
		break;
	case RING:
		host_raw_ring(service->port);
		break;
	default:
		break;
	}
}

int
main(int argc, char **argv)
{
	static const struct host_link_calls calls = {
		.datagram = datagram,
		.event = host_stream_event,
		.doorbell = host_raw_doorbell,
		.refused = host_stream_refused,
	};
	uint32_t cid = VQP_CONTEXT_HOST;
	int option;
	char *end;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (option) {
		case 'v': vsock_path = optarg; break;
		case 'c':
			cid = (uint32_t)number(optarg, UINT32_MAX, &end);
			if (*end != '\0')
				wrong(optarg, "no context");
			break;
		case 'h': fputs(usage, stdout); return 0;
		case '?': return 2;
		default: add_service((enum kind)option, optarg);
		}
	if (optind + 1 != argc)
		wrong(optind < argc ? argv[optind + 1] : "LINK",
		    optind < argc ? "one LINK is enough" : "is missing");
	signal(SIGPIPE, SIG_IGN);
	host_loop_init();
	host_link_open(argv[optind], cid, &calls);
	host_stream_init(answer);
	if (vsock_path != NULL)
		host_unix_listen(vsock_path);
	for (struct service *s = services; s != NULL; s = s->next)
		begin(s);
	host_say("context %u of guest %u, ready", host_cid, host_guest_cid);
	for (;;) {
		int wait;

		host_link_deliver();
		wait = host_sooner(host_stream_work(), host_raw_work());
		/* Requests of that work may have brought something. */
		host_loop_turn(host_link_has_kept() ? 0 : wait);
	}
}
