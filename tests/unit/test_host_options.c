/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The command line of vqp-host: what it takes, and how it refuses the rest. */
#include <stdlib.h>

#include "host.h"
#include "test.h"

static struct host_options options;
static char *said;

/* Parse; what was said is in `said` until the next call. */
static int
parse(const char *first, const char *second, const char *third)
{
	char *argv[] = { (char *)"vqp-host", (char *)first, (char *)second,
	    (char *)third, NULL };
	int argc = 1;
	size_t bytes;
	FILE *err;
	int status;

	while (argc < 4 && argv[argc] != NULL)
		argc++;
	argv[argc] = NULL;
	free(said);
	said = NULL;
	err = open_memstream(&said, &bytes);
	host_options_free(&options);
	status = host_options_parse(&options, argc, argv, err);
	fclose(err);
	return status;
}

static void
done(void)
{
	host_options_free(&options);
	free(said);
	said = NULL;
}

TEST(link_alone, "LINK alone is enough: context 2, no services")
{
	CHECK_EQ(parse("sock", NULL, NULL), -1);
	CHECK(strcmp(options.link, "sock") == 0);
	CHECK_EQ(options.cid, VQP_CONTEXT_HOST);
	CHECK(options.services == NULL);
	CHECK(options.vsock == NULL);
	done();
}

TEST(values, "each kind of service is taken with its numbers")
{
	static const struct {
		const char *option, *value;
		struct host_service is;
	} cases[] = {
		{ "--echo", "7", { .kind = HOST_ECHO, .port = 7 } },
		{ "--echo", "0x10", { .kind = HOST_ECHO, .port = 16 } },
		{ "--sink", "4294967295",
		    { .kind = HOST_SINK, .port = UINT32_MAX } },
		{ "--source", "8", { .kind = HOST_SOURCE, .port = 8 } },
		{ "--source", "8=9",
		    { .kind = HOST_SOURCE, .port = 8, .bytes = 9 } },
		{ "--datagram-echo", "5",
		    { .kind = HOST_DATAGRAM_ECHO, .port = 5 } },
		{ "--pair-echo", "60",
		    { .kind = HOST_PAIR_ECHO, .port = 60, .bytes = 262144 } },
		{ "--pair-sink", "16:61=5", { .kind = HOST_PAIR_SINK,
		    .context = 16, .port = 61, .bytes = 5 } },
		{ "--doorbell", "3", { .kind = HOST_DOORBELL, .port = 3 } },
		{ "--ring", "4", { .kind = HOST_RING, .port = 4 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct host_service *is;

		CHECK_EQ(parse("sock", cases[i].option, cases[i].value), -1);
		is = options.services;
		CHECK(is != NULL && is->next == NULL);
		if (is == NULL)
			continue;
		CHECK_EQ(is->kind, cases[i].is.kind);
		CHECK_EQ(is->context, cases[i].is.context);
		CHECK_EQ(is->port, cases[i].is.port);
		CHECK_EQ(is->bytes, cases[i].is.bytes);
	}
	CHECK_EQ(parse("sock", "--receive", "5=a=b"), -1);
	CHECK(strcmp(options.services->file, "a=b") == 0);
	done();
}

TEST(one_by_one, "an option sets what it names, and nothing else")
{
	CHECK_EQ(parse("sock", "--vsock", "v"), -1);
	CHECK(strcmp(options.vsock, "v") == 0 && options.hypervisor == NULL);
	CHECK(options.cid == VQP_CONTEXT_HOST && !options.no_confine);
	CHECK_EQ(parse("sock", "--hypervisor", "3"), -1);
	CHECK(strcmp(options.hypervisor, "3") == 0 && options.vsock == NULL);
	CHECK(options.cid == VQP_CONTEXT_HOST && !options.no_confine);
	CHECK_EQ(parse("sock", "--cid", "20"), -1);
	CHECK_EQ(options.cid, 20);
	CHECK(options.vsock == NULL && options.hypervisor == NULL);
	CHECK(!options.no_confine);
	CHECK_EQ(parse("sock", "--no-confine", NULL), -1);
	CHECK(options.no_confine);
	CHECK(options.vsock == NULL && options.hypervisor == NULL);
	CHECK_EQ(options.cid, VQP_CONTEXT_HOST);
	done();
}

TEST(refused, "what is wrong is named, and exits 2")
{
	static const struct {
		const char *argument[3];
		const char *names;
	} cases[] = {
		{ { NULL }, "vqp-host: LINK: is missing" },
		{ { "a", "b" }, "vqp-host: b: only one LINK is allowed" },
		{ { "a", "--echo", "" }, "vqp-host: : not a number" },
		{ { "a", "--echo", "-1" }, "vqp-host: -1: not a number" },
		{ { "a", "--echo", " 7" }, "vqp-host:  7: not a number" },
		{ { "a", "--echo", "4294967296" }, "4294967296: not a number" },
		{ { "a", "--echo", "99999999999999999999" }, "not a number" },
		{ { "a", "--echo", "7x" }, "7x: unexpected text" },
		{ { "a", "--echo", "7=1" }, "7=1: unexpected text" },
		{ { "a", "--source", "7=x" }, "vqp-host: x: not a number" },
		{ { "a", "--source", "7=1x" }, "7=1x: unexpected text" },
		{ { "a", "--source", "7=18446744073709551616" },
		    "not a number" },
		{ { "a", "--send", "7" }, "needs a file" },
		{ { "a", "--echo", "16:7" }, "16:7: unexpected text" },
		{ { "a", "--pair-echo", "16:" }, "vqp-host: : not a number" },
		{ { "a", "--datagram", "7" }, "--datagram: needs --vsock" },
		{ { "a", "--hypervisor=p", "--cid=20" },
		    "vqp-host: --hypervisor: context 2 alone" },
		{ { "a", "--cid", "x" }, "vqp-host: x: not a number" },
		{ { "a", "--cid", "5x" }, "vqp-host: 5x: not a context id" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(parse(cases[i].argument[0], cases[i].argument[1],
		    cases[i].argument[2]), 2);
		CHECK(strstr(said, cases[i].names) != NULL);
	}
	done();
}

TEST_MAIN()
