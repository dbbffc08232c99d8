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
"Ports are those of stream sockets; these options can be repeated:\n"
"\n"
"  --echo PORT            send back what arrives\n"
"  --sink PORT            discard what arrives\n"
"  --source PORT[=BYTES]  send a pattern, that many bytes of it\n"
"  --send PORT=FILE       send that file to each stream\n"
"  --receive PORT=FILE    write what arrives to that file; only regular files\n"
"                         are allowed: a FIFO would stop every stream\n"
"  --vsock PATH           a guest that connects to port N reaches the Unix\n"
"                         socket PATH_N; a program that connects to PATH and\n"
"                         writes \"CONNECT N\" reaches the guest's port N\n"
"  --hypervisor PATH      a guest that connects to port N of context 0, as\n"
"                         open-vm-tools does, reaches the socket PATH_N\n"
"\n"
"  --datagram-echo PORT   send back each datagram\n"
"  --datagram PORT        datagrams by the Unix socket PATH_PORT.dgram, with\n"
"                         eight bytes of address before each (needs --vsock)\n"
"\n"
"Without sockets: PAIR is N or CONTEXT:N, our context or the guest's:\n"
"\n"
"  --pair-echo PAIR[=BYTES], --pair-sink PAIR[=BYTES],\n"
"  --pair-source PAIR[=BYTES]\n"
"                         create that queue pair, or attach to the guest's, of\n"
"                         two rings of BYTES (262144) each; the guest rings\n"
"                         our doorbell N for bytes and for room, and vqp-host\n"
"                         rings the guest's doorbell N\n"
"  --doorbell N           have this doorbell, and log how often it was rung\n"
"  --ring N               ring the guest's doorbell, as soon as it exists\n"
"\n"
"  --cid CID              the context id of vqp-host, if not 2\n"
"  --no-confine           keep all rights, for a debugger or sanitizer\n"
"\n"
"Files and sockets are opened at the start.  Then vqp-host drops its\n"
"capabilities, can open no file, start no program and make no socket, and only\n"
"connects to PATH_N.  If the system refuses that, vqp-host does not start.\n"
"\n"
"Each stream and pair that ends is logged on standard error, with its\n"
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
	    *value <= most) || wrong(err, text, "not a number, or too large");
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
	    "needs a file: PORT=FILE" :
	    "unexpected text after the value");
}

static bool
set_cid(struct host_options *options, char *argument, FILE *err)
{
	uint64_t cid;
	char *end;

	if (!number(err, argument, UINT32_MAX, &cid, &end))
		return false;
	options->cid = (uint32_t)cid;
	return *end == '\0' || wrong(err, argument, "not a context id");
}

/* Check what is wrong only between options. */
static bool
whole(struct host_options *options, int argc, char **argv, FILE *err)
{
	if (optind + 1 != argc)
		return wrong(err, optind < argc ? argv[optind + 1] : "LINK",
		    optind < argc ? "only one LINK is allowed" : "is missing");
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
