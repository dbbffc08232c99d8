/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A peer that is killed, at any instruction.  It is a process of its own that
 * has mapped the pages itself; we are the survivor, and still at work when it
 * dies.  What it had published is there, not a byte more or other is, and then
 * comes the end.  Nothing is repaired: its successor attaches to the pages as
 * they were left, time and again.
 *
 * VQP_TEST_SEED in the environment chooses other instants; a failure says
 * which seed it had, though no seed repeats what a scheduler did.
 */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "effort.h"
#include "loop.h"
#include "pattern.h"
#include "rng.h"
#include "test.h"
#include "wait.h"

/* Peers that die one after the other on the same pages. */
#define GENERATIONS 5
/* The longest message, unless the ring is shorter: some are bulk. */
#define MESSAGE_MAX 6000
/* What takes so long hangs. */
#define HANGS_AFTER_SECONDS 20

/*
 * What a peer says of itself, in memory that outlives it: how far it has come
 * at least, told after the deed, and at most, told before.
 */
struct witness {
	uint64_t at_work;
	uint64_t sent[2];	/* bytes published, at least and at most */
	uint64_t received[2];	/* bytes whose space was given back */
	uint64_t wrong;		/* bytes it should not have received */
};

enum { LEAST, MOST };

/* One end and how far it has come. */
struct party {
	struct vqp_pair pair;
	struct rng rng;
	uint64_t sent, received;
	uint64_t send_salt, receive_salt;
	struct witness *witness;
	uint8_t bytes[MESSAGE_MAX];
};

/* The pages of a pair, as a descriptor that both processes have. */
struct pages {
	int memory;
	uint64_t size;
	bool mirrored;
	struct vqp_pair_config config;	/* all but the addresses */
};

/* The bytes of a generation are like no other's. */
static uint64_t
salt(uint64_t generation)
{
	return generation * UINT64_C(1000000007);
}

static uint64_t
nanoseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	    (uint64_t)now.tv_nsec;
}

/* Between what comes before and what comes after, for the compiler too. */
static void
tell(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static uint64_t
hear(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* ---- Pages. */

static uint64_t
whole_pages(uint64_t bytes)
{
	return (bytes + loop_page() - 1) / loop_page() * loop_page();
}

static void *
map_at(void *at, const struct pages *pages, uint64_t from, uint64_t bytes)
{
	void *memory = mmap(at, (size_t)bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | (at != NULL ? MAP_FIXED : 0), pages->memory,
	    (off_t)from);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

/* The header pages, and then the bytes of one ring and of the other. */
static void
map_queue(const struct pages *pages, unsigned which, struct vqp_queue *queue)
{
	const uint64_t bytes = whole_pages(pages->size);
	const uint64_t from = 2 * loop_page() + which * bytes;

	queue->header = map_at(NULL, pages, which * loop_page(), loop_page());
	queue->data = map_at(NULL, pages, from, bytes * (1 + pages->mirrored));
	if (pages->mirrored)
		map_at((uint8_t *)queue->data + bytes, pages, from, bytes);
	queue->size = pages->size;
	queue->mirrored = pages->mirrored;
}

static void
unmap_queue(const struct pages *pages, struct vqp_queue *queue)
{
	munmap(queue->header, (size_t)loop_page());
	munmap(queue->data, (size_t)whole_pages(pages->size) *
	    (1 + pages->mirrored));
}

/* As the survivor maps them, or as its peer does. */
static struct vqp_pair_config
map_pages(const struct pages *pages, bool peer)
{
	struct vqp_pair_config config = pages->config;

	map_queue(pages, peer, &config.produce);
	map_queue(pages, !peer, &config.consume);
	return config;
}

static void
open_pages(struct pages *pages, struct rng *rng, bool wide)
{
	static const uint64_t sizes[] = {
		2, 3, 40, 127, 4095, 4096, 4097, 65536, 65537,
	};
	static const enum vqp_placement placements[] = {
		VQP_PLACEMENT_MEASURED, VQP_PLACEMENT_NEAR, VQP_PLACEMENT_FAR,
	};
	uint64_t bytes;

	pages->size = sizes[rng_below(rng, 9)];
	pages->mirrored = loop_can_mirror(pages->size) &&
	    rng_below(rng, 2) == 0;
	pages->config = (struct vqp_pair_config){
		.handle = { 3, 1024 },
		.layout = wide ? VQP_LAYOUT_WIDE : VQP_LAYOUT_COMPAT,
		.placement = placements[rng_below(rng, 3)],
	};
	bytes = 2 * loop_page() + 2 * whole_pages(pages->size);
	/* Twice, since a mirrored ring is first mapped as one piece. */
	pages->memory = memfd_create("vqp-test", MFD_CLOEXEC);
	if (pages->memory < 0 ||
	    ftruncate(pages->memory, (off_t)(2 * bytes)) != 0)
		abort();
}

/* ---- What both do: one verb, with up to so many bytes. */

static uint64_t
message_length(struct rng *rng, uint64_t size)
{
	const uint64_t most = rng_below(rng, 8) == 0 ? MESSAGE_MAX :
	    rng_below(rng, 2) == 0 ? 600 : 32;

	return 1 + rng_below(rng, size - 1 < most ? size - 1 : most);
}

/* False if the ring is full; then all of ours is published. */
static bool
produce(struct party *us)
{
	struct vqp_pair *pair = &us->pair;
	const uint64_t length = message_length(&us->rng, pair->tx.size);
	const struct vqp_iovec pieces[2] = {
		{ us->bytes, length / 2 },
		{ us->bytes + length / 2, length - length / 2 },
	};
	const uint64_t at = us->sent + us->send_salt;
	const uint64_t verb = rng_below(&us->rng, 8);
	struct vqp_span out[2];
	int64_t n;

	tell(&us->witness->sent[MOST], us->sent + length);
	if (verb < 5)
		pattern_fill(us->bytes, at, length);
	switch (verb) {
	case 0:
		n = vqp_pair_enqueue(pair, us->bytes, length);
		break;
	case 1:
		n = vqp_pair_enqueuev(pair, pieces, 2);
		break;
	case 2:
		n = vqp_pair_send(pair, us->bytes, length);
		break;
	case 3:
		n = vqp_pair_send_more(pair, us->bytes, length);
		break;
	case 4:
		n = vqp_pair_send_batch(pair, us->bytes, 1, length);
		break;
	default:
		n = vqp_tx_reserve(&pair->tx, length, out);
		if (n < 0)
			break;
		pattern_fill_spans(out, at);
		if (verb == 5)
			vqp_tx_stage(&pair->tx, (uint64_t)n);
		else if (verb == 6)
			vqp_tx_commit(&pair->tx, (uint64_t)n);
		else
			vqp_tx_commit_edge(&pair->tx, (uint64_t)n);
		break;
	}
	if (n > 0)
		us->sent += (uint64_t)n;
	else
		CHECK_EQ(n, VQP_ERROR_NO_SPACE);
	if (n < 0)
		vqp_tx_publish(&pair->tx);
	if (n < 0 || (verb != 3 && verb != 5))
		tell(&us->witness->sent[LEAST], us->sent);
	return n > 0;
}

/* False if the ring is empty; then all of ours is given back. */
static bool
consume(struct party *us)
{
	struct vqp_pair *pair = &us->pair;
	const uint64_t length = message_length(&us->rng, pair->rx.size);
	const struct vqp_iovec pieces[2] = {
		{ us->bytes, length / 3 },
		{ us->bytes + length / 3, length - length / 3 },
	};
	const uint64_t at = us->received + us->receive_salt;
	const uint64_t verb = rng_below(&us->rng, 8);
	bool right = true, published = false;
	struct vqp_span out[2];
	int64_t n;

	tell(&us->witness->received[MOST], us->received + length);
	switch (verb) {
	case 0:
		n = vqp_pair_dequeue(pair, us->bytes, length);
		break;
	case 1:
		n = vqp_pair_dequeuev(pair, pieces, 2);
		break;
	case 2:
		n = vqp_pair_receive(pair, us->bytes, length);
		break;
	case 3:
		n = vqp_pair_receive_batch(pair, us->bytes, 1, length);
		break;
	default:
		n = vqp_rx_peek(&pair->rx, length, out);
		if (n < 0)
			break;
		right = pattern_matches_spans(out, at);
		if (verb == 4)
			vqp_rx_stage(&pair->rx, (uint64_t)n);
		else if (verb == 5)
			vqp_rx_release_lazy(&pair->rx, (uint64_t)n);
		else if (verb == 6)
			vqp_rx_release(&pair->rx, (uint64_t)n);
		else
			vqp_rx_release_edge(&pair->rx, (uint64_t)n);
		published = verb >= 6;
		break;
	}
	if (n > 0) {
		if (verb < 4)
			right = pattern_matches(us->bytes, at, (uint64_t)n);
		us->received += (uint64_t)n;
	} else {
		CHECK_EQ(n, VQP_ERROR_NO_DATA);
		vqp_rx_publish(&pair->rx);
		published = true;
	}
	if (!right)
		tell(&us->witness->wrong, us->witness->wrong + 1);
	if (published)
		tell(&us->witness->received[LEAST], us->received);
	return n > 0;
}

/* ---- The peer. */

/* What the peer does, and so we. */
struct trade {
	bool produces, consumes;
};

/* Until it is killed. */
static void __attribute__((noreturn))
peer_lives(struct party *peer, const struct pages *pages,
    const struct trade *trade)
{
	const struct vqp_pair_config config = map_pages(pages, true);
	unsigned waits = 0;

	if (vqp_pair_attach(&peer->pair, &config) != VQP_SUCCESS)
		_exit(1);
	tell(&peer->witness->at_work, 1);
	for (;;) {
		const bool sent = trade->produces && produce(peer);
		const bool received = trade->consumes && consume(peer);

		if (!sent && !received)
			stand_aside(&waits);
		if (test_state.failures != 0)
			_exit(2);
	}
}

/* A child, and a socket that hangs up when it dies. */
static pid_t
peer_born(struct party *peer, const struct pages *pages,
    const struct trade *trade, int *line)
{
	int end[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
		abort();
	fflush(stdout);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		/* No orphan outlives a test that was stopped. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(end[0]);
		peer_lives(peer, pages, trade);
	}
	close(end[1]);
	*line = end[0];
	return child;
}

static bool
is_dead(int line)
{
	struct pollfd hears = { .fd = line, .events = POLLIN };

	return poll(&hears, 1, 0) == 1;
}

/* ---- The survivor. */

/* One verb each way; false if neither did anything. */
static bool
trade_on(struct party *us, const struct trade *trade)
{
	const bool received = trade->produces && consume(us);
	const bool sent = trade->consumes && produce(us);

	return received || sent;
}

/* A moment within the first microseconds, or milliseconds, of its work. */
static uint64_t
moment_to_live(struct rng *rng)
{
	static const uint64_t most[] = { 2000, 50000, 500000, 3000000 };

	return rng_below(rng, most[rng_below(rng, 4)]);
}

/* The bytes that the dead peer has not given back: `sent` less its head. */
static uint64_t
position_of_head(struct party *us)
{
	const int64_t ready = vqp_pair_produce_ready(&us->pair);

	CHECK(ready >= 0);
	return us->sent - (uint64_t)ready;
}

/* A peer is born, works, and dies at a moment that it does not choose. */
static void
one_life(struct party *us, const struct pages *pages,
    const struct trade *trade, uint64_t generation, struct witness *witness)
{
	const uint64_t size = pages->size;
	const uint64_t end = nanoseconds_now() +
	    HANGS_AFTER_SECONDS * UINT64_C(1000000000);
	static struct party peer;
	uint64_t head, kill_at, now;
	bool killed = false, dead = false;
	unsigned waits = 0;
	int status = 0, line;
	pid_t child;

	/* It finds the indices as the last one left them, and so do we. */
	vqp_tx_publish(&us->pair.tx);
	head = trade->consumes ? position_of_head(us) : us->sent;
	memset(witness, 0, sizeof(*witness));
	witness->sent[LEAST] = witness->sent[MOST] = us->received;
	witness->received[LEAST] = witness->received[MOST] = head;
	peer.rng.state = rng_next(&us->rng);
	peer.sent = us->received;
	peer.received = head;
	peer.send_salt = us->receive_salt = salt(generation);
	peer.receive_salt = us->send_salt;
	peer.witness = witness;
	child = peer_born(&peer, pages, trade, &line);

	/* Now and then it dies before it has begun. */
	kill_at = rng_below(&us->rng, 16) == 0 ? 0 : UINT64_MAX;
	while (!dead) {
		now = nanoseconds_now();
		if (kill_at == UINT64_MAX && hear(&witness->at_work) != 0)
			kill_at = now + moment_to_live(&us->rng);
		if (!killed && (now >= kill_at || now >= end)) {
			CHECK(now < end);
			CHECK(!is_dead(line));
			kill(child, SIGKILL);
			killed = true;
		}
		dead = killed && is_dead(line);
		CHECK(now < end + end / 2);
		for (int i = 0; i < 8; i++) {
			if (!trade_on(us, trade))
				stand_aside(&waits);
		}
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(line);

	/* All that is left, and then the end: empty, full, and asleep. */
	if (trade->produces) {
		for (waits = 0; vqp_pair_consume_ready(&us->pair) > 0 &&
		    waits < 100 * size; waits++)
			consume(us);
		CHECK_EQ(vqp_pair_dequeue(&us->pair, us->bytes, 1),
		    VQP_ERROR_NO_DATA);
		CHECK(vqp_rx_may_sleep(&us->pair.rx));
		CHECK(us->received >= witness->sent[LEAST]);
		CHECK(us->received <= witness->sent[MOST]);
		CHECK_EQ(us->received % size,
		    vqp_load_relaxed(us->pair.rx.tail_cell));
		CHECK_EQ(us->witness->wrong, 0);
	}
	if (trade->consumes) {
		for (waits = 0; vqp_pair_produce_free(&us->pair) > 0 &&
		    waits < 100 * size; waits++)
			produce(us);
		CHECK_EQ(vqp_pair_enqueue(&us->pair, us->bytes, 1),
		    VQP_ERROR_NO_SPACE);
		CHECK(vqp_tx_may_sleep(&us->pair.tx));
		head = position_of_head(us);
		CHECK(head >= witness->received[LEAST]);
		CHECK(head <= witness->received[MOST]);
		CHECK_EQ(head % size,
		    vqp_load_relaxed(us->pair.tx.head_cell));
		CHECK_EQ(witness->wrong, 0);
	}
	CHECK_EQ(vqp_load_relaxed(&us->pair.tx.broken), VQP_INTACT);
	CHECK_EQ(vqp_load_relaxed(&us->pair.rx.broken), VQP_INTACT);
}

static void
lives(struct trade trade, uint64_t rounds)
{
	const char *chosen = getenv("VQP_TEST_SEED");
	const uint64_t seed = chosen != NULL ? strtoull(chosen, NULL, 0) : 1;
	struct witness *witness = mmap(NULL, 2 * sizeof(*witness),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct party us;
	uint64_t passed = 0;

	if (witness == MAP_FAILED)
		abort();
	us.rng.state = seed;
	us.witness = &witness[1];
	for (uint64_t round = 0; round < rounds; round++) {
		static struct pages pages;
		static struct vqp_pair_config config;

		if (round % GENERATIONS == 0) {
			open_pages(&pages, &us.rng,
			    round / GENERATIONS % 2 != 0);
			config = map_pages(&pages, false);
			vqp_queue_header_init(config.produce.header,
			    config.handle);
			vqp_queue_header_init(config.consume.header,
			    config.handle);
			CHECK_EQ(vqp_pair_attach(&us.pair, &config),
			    VQP_SUCCESS);
			us.sent = us.received = 0;
		}
		one_life(&us, &pages, &trade, round, &witness[0]);
		if (test_state.failures != 0) {
			printf("# VQP_TEST_SEED=%llu, round %llu: ring of "
			    "%llu bytes, layout %d, mirrored %d\n",
			    (unsigned long long)seed,
			    (unsigned long long)round,
			    (unsigned long long)pages.size,
			    (int)pages.config.layout, pages.mirrored);
			break;
		}
		if ((round + 1) % GENERATIONS == 0 || round + 1 == rounds) {
			passed += us.sent + us.received;
			unmap_queue(&pages, &config.produce);
			unmap_queue(&pages, &config.consume);
			close(pages.memory);
		}
	}
	munmap(witness, 2 * sizeof(*witness));
	printf("# %llu peers died, %llu bytes passed\n",
	    (unsigned long long)rounds, (unsigned long long)passed);
}

TEST(producer_dies, "what a dead producer published is read, and no byte more")
{
	lives((struct trade){ .produces = true }, effort(100));
}

TEST(consumer_dies, "a dead consumer leaves a full ring to its successor")
{
	lives((struct trade){ .consumes = true }, effort(100));
}

TEST(peer_dies, "one that did both leaves both rings as they were")
{
	lives((struct trade){ true, true }, effort(100));
}

TEST_MAIN()
