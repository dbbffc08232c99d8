/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * vqp-host: the host of a guest in QEMU, `-device vmci,socket=LINK`.  It is
 * CID 2 there, and serves stream and datagram sockets of the guest.
 */
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
"LINK is the socket that QEMU made: -device vmci,socket=LINK.\n"
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
"  --cid CID              be another context than 2\n"
"\n"
"Each stream that ends is told on standard error, with its throughput.\n";

enum kind { ECHO, SINK, SOURCE, SEND, RECEIVE, DATAGRAM_ECHO, DATAGRAM };

struct service {
	struct service *next;
	enum kind kind;
	uint32_t port;
	const char *value;	/* behind '='; NULL for none */
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
	{ "vsock", required_argument, NULL, 'v' },
	{ "cid", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
wrong(const char *what)
{
	fprintf(stderr, "vqp-host: %s\n\n%s", what, usage);
	exit(2);
}

static void
add_service(enum kind kind, char *argument)
{
	struct service *service = host_alloc(sizeof(*service));
	char *end;

	service->kind = kind;
	service->port = (uint32_t)strtoul(argument, &end, 0);
	if (end == argument || (*end != '\0' && *end != '='))
		wrong("that is no port");
	service->value = *end == '=' ? end + 1 : NULL;
	if (service->value == NULL && (kind == SEND || kind == RECEIVE))
		wrong("--send and --receive need a file");
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
		return host_end_source(service->value == NULL ? 0 :
		    strtoull(service->value, NULL, 0));
	case SEND:
		return host_end_send_file(service->value);
	case RECEIVE:
		return host_end_receive_file(service->value);
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

int
main(int argc, char **argv)
{
	static const struct host_link_calls calls = {
		.datagram = datagram,
		.event = host_stream_event,
		.refused = host_stream_refused,
	};
	uint32_t cid = VQP_CONTEXT_HOST;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (option) {
		case 'v': vsock_path = optarg; break;
		case 'c': cid = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 'h': fputs(usage, stdout); return 0;
		case '?': return 2;
		default: add_service((enum kind)option, optarg);
		}
	if (optind + 1 != argc)
		wrong("which LINK?");
	signal(SIGPIPE, SIG_IGN);
	host_loop_init();
	host_link_open(argv[optind], cid, &calls);
	host_stream_init(answer);
	if (vsock_path != NULL)
		host_unix_listen(vsock_path);
	for (struct service *s = services; s != NULL; s = s->next) {
		if (s->kind == DATAGRAM_ECHO)
			host_datagram_echo(s->port);
		else if (s->kind == DATAGRAM && vsock_path == NULL)
			wrong("--datagram needs --vsock");
		else if (s->kind == DATAGRAM)
			host_datagram_unix(vsock_path, s->port);
	}
	host_say("context %u of guest %u, ready", host_cid, host_guest_cid);
	for (;;) {
		int wait;

		host_link_deliver();
		wait = host_stream_work();
		/* Requests of that work may have brought something. */
		host_loop_turn(host_link_has_kept() ? 0 : wait);
	}
}
