/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The options of vqp-host. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

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
"  --receive PORT=FILE    keep what comes in that file; both take regular files\n"
"                         only, since a FIFO would hold up every stream\n"
"  --vsock PATH           a guest that connects to port N reaches the Unix\n"
"                         socket PATH_N; who connects to PATH and writes\n"
"                         \"CONNECT N\" reaches the guest's port N\n"
"  --hypervisor PATH      a guest that connects to port N of context 0, as\n"
"                         open-vm-tools does, reaches the socket PATH_N\n"
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
"  --no-confine           keep all rights, for a debugger or sanitizer\n"
"\n"
"Files and sockets are opened at the start.  Then it drops its capabilities,\n"
"can open no file, start no program and make no socket, and only connects to\n"
"PATH_N.  If the system refuses that, it does not start.\n"
"\n"
"Each stream and pair that ends is told on standard error, with its\n"
"throughput.\n";

#define PAIR_BYTES	262144

static const struct option known[] = {
	{ "echo", required_argument, NULL, HOST_ECHO },
	{ "sink", required_argument, NULL, HOST_SINK },
	{ "source", required_argument, NULL, HOST_SOURCE },
	{ "send", required_argument, NULL, HOST_SEND },
	{ "receive", required_argument, NULL, HOST_RECEIVE },
	{ "datagram-echo", required_argument, NULL, HOST_DATAGRAM_ECHO },
	{ "datagram", required_argument, NULL, HOST_DATAGRAM },
	{ "pair-echo", required_argument, NULL, HOST_PAIR_ECHO },
	{ "pair-sink", required_argument, NULL, HOST_PAIR_SINK },
	{ "pair-source", required_argument, NULL, HOST_PAIR_SOURCE },
	{ "doorbell", required_argument, NULL, HOST_DOORBELL },
	{ "ring", required_argument, NULL, HOST_RING },
	{ "vsock", required_argument, NULL, 'v' },
	{ "hypervisor", required_argument, NULL, 'y' },
	{ "cid", required_argument, NULL, 'c' },
	{ "no-confine", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* `argument` is what was wrong, or where it stood. */
static bool
wrong(FILE *err, const char *argument, const char *what)
{
	fprintf(err, "vqp-host: %s: %s\n\n%s", argument, what, usage);
	return false;
}

/* Read the number at `text`, at most `most`; *end points behind it. */
static bool
number(FILE *err, char *text, uint64_t most, uint64_t *value, char **end)
{
	errno = 0;
	*value = strtoull(text, end, 0);
	return (*text >= '0' && *text <= '9' && errno == 0 &&
	    *value <= most) || wrong(err, text, "no number, or too large");
}

/* PORT, or CONTEXT:PORT of a pair. */
static bool
port_of(FILE *err, struct host_service *service, bool pair, char *argument,
    char **end)
{
	uint64_t value;

	if (!number(err, argument, UINT32_MAX, &value, end))
		return false;
	service->port = (uint32_t)value;
	if (**end != ':' || !pair)
		return true;
	service->context = service->port;
	if (!number(err, *end + 1, UINT32_MAX, &value, end))
		return false;
	service->port = (uint32_t)value;
	return true;
}

static bool
add_service(struct host_options *options, enum host_service_kind kind,
    char *argument, FILE *err)
{
	struct host_service *service = host_alloc(sizeof(*service));
	const bool pair = kind >= HOST_PAIR_ECHO && kind <= HOST_PAIR_SOURCE;
	const bool file = kind == HOST_SEND || kind == HOST_RECEIVE;
	char *end;

	service->next = options->services;
	options->services = service;
	service->kind = kind;
	service->fd = -1;
	service->bytes = pair ? PAIR_BYTES : 0;
	if (!port_of(err, service, pair, argument, &end))
		return false;
	if (*end == '=' && file) {
		service->file = end + 1;
		return true;
	}
	if (*end == '=' && (pair || kind == HOST_SOURCE) &&
	    !number(err, end + 1, UINT64_MAX, &service->bytes, &end))
		return false;
	return (*end == '\0' && !file) || wrong(err, argument, file ?
	    "a file is to be named, PORT=FILE" :
	    "there is more than was expected");
}

static bool
set_cid(struct host_options *options, char *argument, FILE *err)
{
	uint64_t cid;
	char *end;

	if (!number(err, argument, UINT32_MAX, &cid, &end))
		return false;
	options->cid = (uint32_t)cid;
	return *end == '\0' || wrong(err, argument, "no context");
}

/* Check what is wrong only between options. */
static bool
whole(struct host_options *options, int argc, char **argv, FILE *err)
{
	if (optind + 1 != argc)
		return wrong(err, optind < argc ? argv[optind + 1] : "LINK",
		    optind < argc ? "one LINK is enough" : "is missing");
	options->link = argv[optind];
	if (options->hypervisor != NULL && options->cid != VQP_CONTEXT_HOST)
		return wrong(err, "--hypervisor",
		    "context 2 alone serves context 0, so not with --cid");
	for (const struct host_service *service = options->services;
	    service != NULL; service = service->next)
		if (service->kind == HOST_DATAGRAM && options->vsock == NULL)
			return wrong(err, "--datagram", "needs --vsock");
	return true;
}

int
host_options_parse(struct host_options *options, int argc, char **argv,
    FILE *err)
{
	bool good = true;
	int option;

	*options = (struct host_options){ .cid = VQP_CONTEXT_HOST,
	    .patient = true };
	optind = 0;		/* reset getopt: it may have been used */
	while (good && (option = getopt_long(argc, argv, "h", known,
	    NULL)) != -1)
		switch (option) {
		case 'v':
			options->vsock = optarg;
			break;
		case 'y':
			options->hypervisor = optarg;
			break;
		case 'c':
			good = set_cid(options, optarg, err);
			break;
		case 'n':
			options->no_confine = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case '?':
			return 2;
		default:
			good = add_service(options,
			    (enum host_service_kind)option, optarg, err);
		}
	return good && whole(options, argc, argv, err) ? -1 : 2;
}

void
host_options_free(struct host_options *options)
{
	struct host_service *service = options->services, *next;

	for (; service != NULL; service = next) {
		next = service->next;
		free(service);
	}
	options->services = NULL;
}
