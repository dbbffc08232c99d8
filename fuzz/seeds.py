#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Write the seeds of fuzz/corpus/, one file each, named by what it shows.

    seeds.py            write them
    seeds.py --check    complain about those that differ

A step is (call, number, more): four bytes, as fuzz.h reads them.
"""
import pathlib
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

# The calls, by their place in the targets' tables.
IN_PLACE = """tx_reserve tx_stage tx_commit tx_commit_edge tx_publish
    tx_publish_edge tx_may_sleep rx_peek rx_stage rx_release rx_release_edge
    rx_release_lazy rx_publish rx_publish_edge rx_may_sleep""".split()
HONEST = ["put", "putv", "get", "getv"] + IN_PLACE + [
    "query", "attach", "distance", "put_batch", "get_batch"]
HOSTILE = ["peer", "put", "putv", "get", "getv"] + IN_PLACE + [
    "produce_query", "consume_query", "attach", "distance", "put_batch",
    "get_batch"]
VERBS = {
    "enqueue": ("put", 0), "send": ("put", 1), "enqueuev": ("putv", 0),
    "dequeue": ("get", 0), "receive": ("get", 1), "peek": ("get", 2),
    "dequeuev": ("getv", 0), "peekv": ("getv", 1), "more": ("put", 2),
}

# Kinds of numbers: step_number().
PLAIN, TIMES64, BELOW_SIZE, ABOVE_SIZE, PART, NEAR, BELOW_NEAR, AHEAD, BACK, \
    ABOVE_2_31, BELOW_2_32, ABOVE_2_32, BELOW_2_62, ABOVE_2_63, BELOW_2_63, \
    BELOW_2_64 = range(16)
ALL = 255                       # as a part of 255


def plain(n):
    return n if isinstance(n, tuple) else (PLAIN, n)


def step(calls, name, number=0, more=0):
    """A call; a dash before the name means the other direction."""
    other = name.startswith("-")
    call, which = VERBS.get(name.lstrip("-"), (name.lstrip("-"), 0))
    kind, k = plain(number)
    return bytes([calls.index(call) | other << 7, kind | which << 4, k, more])


def number(n, more=0):
    """A step that is only a number: a piece, or what the peer writes."""
    kind, k = plain(n)
    return bytes([0, kind, k, more])


def ring(size, op=0, more=0):
    """The first step: tiny rings have up to 16 bytes, small ones 256, others a
    page.
    """
    if size <= 16:
        kind, k = 0, size - 1
    elif size <= 256:
        kind, k = 1, size - 1
    elif 3968 <= size < 3968 + 256:
        kind, k = 2, size - 3968
    else:
        kind, k = 3, (size - 1) // 61
    return bytes([op, kind, k, more])


def calls_of(calls):
    def run(*steps):
        return b"".join(one if isinstance(one, bytes) else step(calls, *one)
                        for one in steps)
    return run


honest = calls_of(HONEST)
hostile = calls_of(HOSTILE)
WIDE, MIRRORED = 1, 2
NO_BYTES, NOTHING_BACK = 4, 8
NEAR_BY, FAR_AWAY = (TIMES64, 2), (TIMES64, 5)

# Polls that find more than was wanted, time and again: the longest wait.
STREAM = honest(*[("enqueue", 10), ("dequeue", 1), ("dequeue", 9)] * 8)

# Enough bytes for all steps of one trial, in parts of 4 KiB.
LONG_STREAM = honest(*[("enqueue", (TIMES64, 128)), ("dequeue", (TIMES64, 64)),
                       ("dequeue", (TIMES64, 64))] * 250)

ORACLE = {
    "more-by-chunks": ring(12201) + honest(
        *[("more", (TIMES64, 16))] * 10 + [("dequeue", (TIMES64, 160))]),
    "more-until-full": ring(16) + honest(
        ("more", 6), ("more", 6), ("query",), ("more", 6), ("dequeue", 16),
        ("more", 1), ("tx_publish",), ("receive", 1)),
    "more-from-afar": ring(12201) + honest(
        ("distance", FAR_AWAY), ("enqueue", (ABOVE_SIZE, 0)),
        ("dequeue", (TIMES64, 190)), ("enqueue", (TIMES64, 64)),
        ("dequeue", (TIMES64, 64)), *[("more", (TIMES64, 8))] * 20 +
        [("more", 3), ("send", 9), ("dequeue", (TIMES64, 190))]),
    "batches": ring(64) + honest(
        ("put_batch", 30, 7), ("get_batch", 14, 7), ("get_batch", 60, 7),
        ("put_batch", 60, 9), ("put_batch", 60, 9), ("get_batch", 63, 9)),
    "batch-of-giants": ring(16) + honest(
        ("put_batch", 100, 20), ("get_batch", 100, 20), ("put_batch", 9, 9),
        ("put_batch", 9, 9), ("put_batch", 0, 9), ("get_batch", 0, 9)),
    "fetched-from-near": ring(12201) + honest(
        ("distance", NEAR_BY), ("enqueue", (ABOVE_SIZE, 0)),
        ("dequeue", (TIMES64, 190)), ("enqueue", (TIMES64, 80)),
        ("dequeue", (TIMES64, 80)), *[("send", (TIMES64, 8))] * 10 +
        [("dequeue", (TIMES64, 190))]),
    "tried-near": ring(12201) + honest(("distance", NEAR_BY)) + LONG_STREAM,
    "tried-far": ring(12201) + honest(("distance", FAR_AWAY)) + LONG_STREAM,
    "one-byte-ring": ring(1) + honest(
        ("enqueue", 1), ("dequeue", 1), ("query",), ("tx_may_sleep",),
        ("rx_may_sleep",), ("send", 1), ("receive", 1)),
    "full-and-empty": ring(8) + honest(
        ("enqueue", (ABOVE_SIZE, 0)), ("enqueue", 1), ("tx_may_sleep",),
        ("dequeue", (ABOVE_SIZE, 0)), ("dequeue", 1), ("rx_may_sleep",)),
    "wraps": ring(8, more=ALL) + honest(
        ("send", 5), ("peek", 5), ("receive", 5), ("-send", 7),
        ("-receive", 7)),
    "wraps-in-place": ring(8, more=ALL) + honest(
        ("tx_reserve", 5), ("tx_commit", 0, ALL), ("rx_peek", 5),
        ("rx_release", 0, ALL)),
    "wraps-mirrored": ring(4096, MIRRORED, ALL) + honest(
        ("tx_reserve", 100), ("tx_commit", 0, ALL), ("rx_peek", 100),
        ("rx_release", 0, 128), ("rx_release", 0, ALL), ("send", 200),
        ("receive", 200)),
    "peeks-again": ring(16) + honest(
        ("send", 9), ("receive", 1), ("peek", 3), ("peek", 3),
        ("receive", 8)),
    "wide": ring(100, WIDE) + honest(
        ("enqueue", 60), ("dequeue", 30), ("enqueue", 60), ("query",),
        ("dequeue", 99)),
    "staged-then-published": ring(16) + honest(
        ("tx_reserve", 6), ("tx_stage", 0, 128), ("query",), ("tx_stage", 0,
        ALL), ("tx_publish",), ("rx_peek", 6), ("rx_stage", 0, 128),
        ("query",), ("rx_publish",), ("rx_stage", 0, ALL),
        ("rx_publish_edge",)),
    "staged-around-the-end": ring(16, more=ALL) + honest(
        ("tx_reserve", 15), ("tx_stage", 0, 64), ("tx_stage", 0, 128),
        ("tx_commit_edge", 0, ALL), ("rx_peek", 15), ("rx_stage", 0, 64),
        ("rx_stage", 0, ALL), ("rx_release_edge",)),
    "edge-wakes-the-consumer": ring(16) + honest(
        ("rx_may_sleep",), ("tx_reserve", 3), ("tx_commit_edge", 0, ALL),
        ("tx_publish_edge",), ("dequeue", 3), ("rx_may_sleep",),
        ("enqueue", 2), ("tx_publish_edge",)),
    "edge-wakes-the-producer": ring(16) + honest(
        ("enqueue", 15), ("tx_may_sleep",), ("rx_peek", 4),
        ("rx_release_edge", 0, ALL), ("rx_publish_edge",), ("enqueue", 4),
        ("tx_may_sleep",), ("dequeue", 4), ("rx_publish_edge",)),
    "edge-window-follows": ring(9) + honest(
        *[("enqueue", 3), ("dequeue", 3)] * 5 + [("tx_publish_edge",),
        ("rx_publish_edge",)] + [("enqueue", 8), ("dequeue", 8)] * 3 +
        [("tx_publish_edge",), ("rx_publish_edge",)]),
    "lazy-by-quarter": ring(64) + honest(
        ("enqueue", 40), ("rx_peek", 40), ("rx_release_lazy", 0, 60),
        ("query",), ("rx_release_lazy", 0, 128), ("query",),
        ("rx_release_lazy", 0, ALL)),
    "lazy-by-short-offer": ring(64) + honest(
        ("enqueue", 8), ("rx_peek", 8), ("rx_release_lazy", 0, ALL),
        ("query",), ("rx_peek", 1), ("query",)),
    "lazy-by-receive": ring(64) + honest(
        ("enqueue", 8), ("rx_peek", 4), ("rx_release_lazy", 0, ALL),
        ("receive", 9), ("query",)),
    "pieces": ring(16, more=128) + honest(
        ("enqueuev", 0, 4), number(1), number(0), number(5), number(4),
        ("peekv", 0, 3), number(3), number(6), number(9),
        ("dequeuev", 0, 7), number(0), number(2), number(2), number(2),
        number(2), number(2), number(2)),
    "no-pieces": ring(16) + honest(
        ("enqueuev",), ("dequeuev",), ("enqueue", 3), ("peekv",),
        ("dequeuev", 0, 2), number(0), number(0)),
    "pieces-too-long": ring(16) + honest(
        ("enqueuev", 0, 2), number((BELOW_2_63, 0)), number(1),
        ("dequeuev", 0, 2), number((ABOVE_2_63, 0)), number((ABOVE_2_63, 0)),
        ("peekv", 0, 2), number((BELOW_2_64, 0)), number(2),
        ("enqueuev", 0, 2), number(3), number((BELOW_2_62, 9))),
    "send-all-or-nothing": ring(16) + honest(
        ("send", 10), ("send", 6), ("send", (BELOW_SIZE, 0)), ("send", 5),
        ("receive", 16), ("receive", 15), ("receive", 1)),
    "lengths-near-2-64": ring(16) + honest(
        ("enqueue", 4), *[(verb, (kind, 0)) for kind in (
            ABOVE_2_63, BELOW_2_63, BELOW_2_64)
            for verb in ("enqueue", "send", "peek", "receive", "dequeue")],
        ("tx_reserve", (BELOW_2_64, 0)), ("rx_peek", (BELOW_2_64, 0))),
    "lengths-of-nothing": ring(16) + honest(
        *[(verb,) for verb in ("enqueue", "dequeue", "peek", "send",
                               "receive", "tx_reserve", "rx_peek")] +
        [("enqueue", 15)] + [(verb,) for verb in (
            "enqueue", "dequeue", "peek", "send", "receive", "tx_reserve",
            "rx_peek", "tx_publish", "rx_publish")]),
    "every-small-length": ring(256) + honest(
        *[(verb, n) for n in (1, 2, 3, 4, 7, 8, 15, 16, 31, 33, 64, 65)
          for verb in ("send", "receive")]),
    "comes-back": ring(16) + honest(
        ("enqueue", 9), ("tx_reserve", 3), ("tx_stage", 0, ALL), ("attach",),
        ("query",), ("-attach",), ("rx_peek", 4), ("rx_stage", 0, ALL),
        ("-attach",), ("receive", 9), ("tx_publish_edge",)),
    "far-lines-given-back": ring(10000) + honest(
        ("distance", 100), *[("enqueue", (TIMES64, 32)),
                             ("dequeue", (TIMES64, 24)),
                             ("dequeue", (TIMES64, 8))] * 7,
        ("enqueue", (BELOW_SIZE, 1)), ("rx_peek", (BELOW_SIZE, 1)),
        ("rx_stage", 0, ALL), ("peek", 1)),
    "far-bulk-past-the-caches": ring(10000) + honest(
        ("distance", (TIMES64, 8)), *[
            ("enqueue", (TIMES64, 100)), ("enqueue", (BELOW_SIZE, 0)),
            ("dequeue", (BELOW_SIZE, 0))] * 4),
    "near-lines-stay": ring(10000) + honest(
        ("distance", 10), *[("enqueue", (TIMES64, 32)),
                            ("dequeue", (TIMES64, 24)),
                            ("dequeue", (TIMES64, 8))] * 5),
    "interrupted-look": ring(1000) + honest(
        ("distance", (TIMES64, 255)), *[("enqueue", (TIMES64, 20)),
                                        ("dequeue", (TIMES64, 20))] * 3),
    "longest-wait": ring(4096) + STREAM,
}

COMPAT_TAIL, COMPAT_HEAD, WIDE_TAIL, WIDE_HEAD = 1, 2, 16, 32
LIES = ((BELOW_SIZE, 0), (ABOVE_SIZE, 1), (ABOVE_2_31, 0), (BELOW_2_32, 0),
        (ABOVE_2_32, 0), (ABOVE_2_63, 0), (BELOW_2_64, 0))


def spoilt(layout, *steps):
    """Each lie in both words of the peer's, followed by the steps."""
    tail, head = (WIDE_TAIL, WIDE_HEAD) if layout else \
        (COMPAT_TAIL, COMPAT_HEAD)
    return hostile(*[one for lie in LIES for one in (
        ("peer", lie, tail), ("peer", lie, head), *steps, ("attach",))])


HOSTILE_SEEDS = {
    "batches-and-lies": ring(64) + hostile(
        ("put_batch", 60), ("put_batch", 60, 1), number((ABOVE_SIZE, 0)),
        ("get_batch", 60, 1), number((ABOVE_SIZE, 0)), ("more", 4),
        ("more", 70, 1), number(70)),
    "index-is-size-or-more": ring(16) + spoilt(
        0, ("send", (BELOW_SIZE, 0)), ("receive", 1)),
    "index-is-size-or-more-wide": ring(16, WIDE) + spoilt(
        1, ("enqueue", (BELOW_SIZE, 0)), ("dequeue", 1)),
    "index-beyond-a-wrapped-ring": ring(16) + hostile(
        ("enqueue", 10), ("peer", 10, COMPAT_HEAD), ("enqueue", 11),
        ("peer", (ABOVE_SIZE, 2), COMPAT_HEAD),
        ("tx_reserve", (BELOW_SIZE, 0)), ("enqueue", (BELOW_SIZE, 0))),
    "query-finds-the-lie": ring(16) + spoilt(
        0, *[(query, which) for which in range(3) for query in (
            "produce_query", "consume_query")]),
    "head-goes-back": ring(16) + hostile(
        ("enqueue", 9), ("peer", 5, COMPAT_HEAD), ("enqueue", 15),
        ("peer", 4, COMPAT_HEAD), ("enqueue", 15), ("tx_may_sleep",),
        ("produce_query",)),
    "head-passes-our-tail": ring(16) + hostile(
        ("enqueue", 9), ("peer", (AHEAD, 1), COMPAT_HEAD), ("enqueue", 15),
        ("send", 1)),
    "head-in-what-is-staged": ring(16) + hostile(
        ("tx_reserve", 9), ("tx_stage", 0, 0), ("tx_stage", ALL),
        ("peer", 5, COMPAT_HEAD), ("tx_reserve", (BELOW_SIZE, 0))),
    "tail-goes-back": ring(16) + hostile(
        ("peer", 9, COMPAT_TAIL), ("peek", 9), ("peer", 5, COMPAT_TAIL),
        ("dequeue", 15), ("rx_may_sleep",), ("consume_query",)),
    "tail-behind-our-head": ring(16) + hostile(
        ("peer", 9, COMPAT_TAIL), ("dequeue", 9),
        ("peer", (BACK, 1), COMPAT_TAIL), ("dequeue", 16)),
    "two-lies-in-one-reserve": ring(16) + hostile(
        ("enqueue", 3), ("tx_reserve", (BELOW_SIZE, 0), 3), number(2),
        number((ABOVE_SIZE, 4)), ("tx_reserve", (BELOW_SIZE, 0), 3),
        number(3), number((BELOW_2_64, 0))),
    "two-lies-in-one-peek": ring(16) + hostile(
        ("rx_peek", (BELOW_SIZE, 0), 3), number(5), number((ABOVE_SIZE, 4)),
        ("rx_peek", (BELOW_SIZE, 0), 3), number(6), number((BELOW_2_64, 0))),
    "lies-within-every-copy": ring(64) + hostile(*[
        one for verb in ("enqueue", "send", "dequeue", "receive", "peek")
        for one in ((verb, (BELOW_SIZE, 1), 3), number((AHEAD, 40)),
                    number((ABOVE_SIZE, 40)))]),
    "lies-within-every-vector": ring(64, WIDE) + hostile(*[
        one for verb in ("enqueuev", "peekv", "dequeuev")
        for one in ((verb, 2, 3), number(30), number(40),
                    number((AHEAD, 30)), number((BELOW_2_64, 0)))]),
    "lies-within-edges": ring(16) + hostile(*[
        one for lie in ((BELOW_2_64, 0), (BELOW_SIZE, 0), (AHEAD, 0), 3)
        for call in ("tx_commit_edge", "tx_publish_edge", "tx_may_sleep",
                     "rx_release_edge", "rx_publish_edge", "rx_may_sleep")
        for one in ((call, 0, 3), number(lie), number(lie))]),
    "lies-within-queries": ring(16) + hostile(*[
        one for which in range(3)
        for query in ("produce_query", "consume_query")
        for one in ((query, which, 1), number((AHEAD, which)))] + [
        ("produce_query", 0, 1), number((BELOW_SIZE, 0)), ("enqueue", 1),
        ("enqueue", 16), ("consume_query", 0, 1), number((BELOW_SIZE, 0)),
        ("dequeue", 16)]),
    "lies-within-attach": ring(16) + hostile(
        ("attach", 0, 15), number(3), number(5), number(7), number(9),
        ("enqueue", 16), ("dequeue", 16), ("attach", 0, 1),
        number((BELOW_SIZE, 0)), ("attach", 0, 8), number((BELOW_2_64, 0)),
        ("enqueue", 1)),
    "our-words-overwritten": ring(16) + hostile(
        ("enqueue", 3), ("-peer", (BELOW_2_64, 0), COMPAT_TAIL),
        ("-peer", (BELOW_SIZE, 0), COMPAT_HEAD), ("enqueue", 3),
        ("produce_query",), ("consume_query",), ("dequeue", 1),
        ("tx_publish",), ("rx_publish",), ("attach",)),
    "page-overwritten": ring(16, WIDE) + hostile(*[
        ("peer", (BELOW_2_64, 0), word) for word in range(0, 48, 3)] +
        [("enqueue", 16), ("dequeue", 1), ("attach",)]),
    "broken-then-every-verb": ring(16) + hostile(
        ("peer", (BELOW_2_64, 0), COMPAT_HEAD),
        ("peer", (BELOW_2_64, 0), COMPAT_TAIL), ("tx_reserve",
        (BELOW_SIZE, 0)), ("rx_peek", 1), ("peer", 0, COMPAT_HEAD),
        ("peer", 9, COMPAT_TAIL), *[
            (verb, 1) for verb in list(VERBS) + IN_PLACE],
        ("produce_query",), ("consume_query",), ("enqueue", 0)),
    "broken-with-an-offer-open": ring(16) + hostile(
        ("tx_reserve", 9), ("peer", 9, COMPAT_TAIL), ("rx_peek", 9),
        ("peer", (BELOW_SIZE, 0), COMPAT_HEAD), ("produce_query",),
        ("peer", (BELOW_SIZE, 0), COMPAT_TAIL), ("consume_query",),
        ("tx_stage", ALL), ("tx_publish",), ("rx_stage", ALL),
        ("rx_publish",), ("tx_reserve", 1), ("rx_peek", 1)),
    "no-bytes-out": ring(16, NO_BYTES) + hostile(
        *[(verb, 1) for verb in list(VERBS) + IN_PLACE],
        ("produce_query",), ("peer", 5, COMPAT_TAIL), ("dequeue", 5)),
    "no-bytes-in": ring(16, NO_BYTES | 128) + hostile(
        *[(verb, 1) for verb in list(VERBS) + IN_PLACE],
        ("consume_query",), ("enqueue", 5)),
    "mirrored-to-the-end": ring(4096, MIRRORED) + hostile(
        ("enqueue", (BELOW_SIZE, 2)), ("peer", (BACK, 1), COMPAT_HEAD),
        ("tx_reserve", (BELOW_SIZE, 0)), ("tx_commit", ALL),
        ("peer", (BELOW_SIZE, 1), COMPAT_TAIL),
        ("dequeue", (BELOW_SIZE, 3)), ("peer", (AHEAD, 7), COMPAT_TAIL),
        ("rx_peek", (BELOW_SIZE, 0)), ("rx_release_lazy", ALL)),
    "gives-back-around-the-end": ring(3970, more=12) + hostile(*[
        one for part in range(7) for one in (
            ("peer", (AHEAD, 200), COMPAT_TAIL), ("dequeue", 3),
            ("dequeue", 197), ("peer", (PART, 30 * part + 60), COMPAT_TAIL),
            ("dequeue", (TIMES64, 20)))]),
    "gives-nothing-back": ring(3970, NOTHING_BACK, 12) + hostile(*[
        one for part in range(5) for one in (
            ("peer", (AHEAD, 200), COMPAT_TAIL), ("dequeue", 3),
            ("dequeue", 197))]),
    "every-number": ring(16) + hostile(*[
        one for kind in range(16) for one in (
            ("peer", (kind, 5), COMPAT_HEAD), ("enqueue", (kind, 5)),
            ("attach",))]),
}


def pair(layout, produce, consume, *steps):
    """Each queue is (size, op, more, tail, head)."""
    sizes, indices = b"", b""
    for size, op, more, tail, head in (produce, consume):
        kind, k = plain(size)
        sizes += bytes([op, kind, k, more])
        tail, head = plain(tail), plain(head)
        indices += bytes([0, tail[0] | head[0] << 4, tail[1], head[1]])
    return number(layout) + sizes + indices + honest(*steps)


def queue(size, tail=0, head=0, op=0, more=0):
    return size, op, more, tail, head


GOOD = queue(16)
NO_HEADER, SHIFTED, NO_DATA = 1, 2, 4
PAIR = {
    "compat": pair(0, GOOD, GOOD, ("send", 3), ("receive", 3), ("-send", 3),
                   ("-receive", 3)),
    "wide": pair(1, GOOD, queue((TIMES64, 5)), ("send", 3), ("receive", 3),
                 ("-send", 200), ("-receive", 200)),
    "unknown-layout": pair(2, GOOD, GOOD),
    "unknown-layout-negative": pair((BELOW_2_64, 0), GOOD, GOOD),
    "no-bytes-at-all": pair(0, queue(0), queue(0)),
    "no-bytes-one-way": pair(0, queue(0), GOOD, *[
        (way + verb, 1) for way in ("", "-")
        for verb in list(VERBS) + HONEST[4:]]),
    "no-bytes-other-way": pair(1, GOOD, queue(0), *[
        (way + verb, 1) for way in ("", "-")
        for verb in list(VERBS) + HONEST[4:]]),
    "one-byte": pair(0, queue(1), queue(1), ("enqueue", 1), ("dequeue", 1)),
    "no-header": pair(0, queue(16, op=NO_HEADER), GOOD),
    "no-header-of-the-peer": pair(0, GOOD, queue(16, op=NO_HEADER)),
    "misaligned-header": pair(0, queue(16, op=SHIFTED, more=4), GOOD),
    "misaligned-header-of-the-peer":
        pair(1, GOOD, queue(16, op=SHIFTED, more=1)),
    "header-not-at-its-page":
        pair(0, queue(16, op=SHIFTED, more=8), GOOD, ("send", 1)),
    "no-data": pair(0, queue(16, op=NO_DATA), GOOD),
    "no-data-wanted": pair(0, queue(0, op=NO_DATA), GOOD, ("-send", 3)),
    "size-beyond-any-range": pair(0, queue((BELOW_2_64, 0)), GOOD),
    "size-beyond-any-range-in": pair(0, GOOD, queue((NEAR, 1))),
    "largest-size": pair(0, queue((NEAR, 0), (BELOW_SIZE, 1), 0),
                         queue((NEAR, 0), 0, (BELOW_SIZE, 1))),
    "sizes-add-up-to-nothing":
        pair(0, queue((ABOVE_2_63, 0)), queue((ABOVE_2_63, 0))),
    "tail-outside": pair(0, queue(16, (BELOW_SIZE, 0)), GOOD),
    "head-outside": pair(1, GOOD, queue(16, 0, (BELOW_2_64, 0))),
    "both-wrong": pair(0, queue(16, (BELOW_SIZE, 0)), queue(9, op=NO_DATA)),
    "bytes-were-there": pair(0, queue(16, 9, 5), queue(16, 3, 12),
                             ("receive", 4), ("-receive", 7), ("query",),
                             ("tx_publish_edge",), ("-rx_publish_edge",)),
    "was-full": pair(1, queue(16, 4, 5), GOOD, ("enqueue", 1),
                     ("tx_may_sleep",), ("rx_publish_edge",),
                     ("dequeue", 16), ("rx_publish_edge",)),
    "lengths-near-2-64": pair(0, queue(16, 9, 5), GOOD, *[
        (verb, (kind, 0)) for kind in (BELOW_2_64, ABOVE_2_63, BELOW_2_63)
        for verb in VERBS if verb[-1] != "v"]),
    "pieces-near-2-64": pair(0, queue(16, 9, 5), GOOD, *[
        one for verb in ("enqueuev", "peekv", "dequeuev")
        for one in ((verb, 0, 3), number(2), number((BELOW_2_63, 2)),
                    number(1), (verb, 0, 2), number((BELOW_2_62, 0)),
                    number((BELOW_2_62, 0)))]),
    **{"names-of-statuses-%d" % i: pair(first, GOOD, GOOD)
       for i, first in enumerate((
           5, (BELOW_2_64, 10), (BELOW_2_64, 26), (ABOVE_SIZE, 250),
           (ABOVE_SIZE, 200), (BELOW_SIZE, 250)))},
}

# A guest and its device; calls have the numbers of fuzz_device.c.
HYPERCALLS = """resources_query get_context_id set_notify link unlink notify
    map unmap subscribe unsubscribe qpair qpair_detach dg12 dg13 dg14
    dg""".split()
DEVICE_CALLS = HYPERCALLS + """write read data_in data_out dma embedder
    reset_or_then send ring host_link host_unlink host_qpair
    host_qpair_detach host_memory host_indexes host_leaves""".split()
REGISTERS = """status control icr imr data_out data_in caps result result_high
    out_low out_high in_low in_high page_shift none beyond""".split()
SUSPEND, RESUME, INTERRUPTS, NEW_ID, HOST_COMES, CONTEXTS, SHORTAGE = range(7)
OWN, OF_HOST, OF_OTHER = 0, 1, 2     # handles: context, then resource
CONTROL, CONTROL_15 = 0xc0, 0xc8     # the same, of these resources
HYPERVISOR = 4                       # a context, with CONTROL_15
NARROW, ANY_PEER, BY_DMA, PEER_0 = 1, 2, 4, 8
PAGE = 3                             # sizes[] of fuzz_device.c


def device(name, k=0, more=0, bend=(0, 0, 0, 0), which=0):
    """A call; the step after a hypercall may corrupt it."""
    other = name.startswith("-")
    name = name.lstrip("-")
    kind, k = plain(k)
    one = bytes([DEVICE_CALLS.index(name) | other << 7, kind | which << 4, k,
                 more])
    return one + bytes(bend) if name in HYPERCALLS else one


def bare(generation=0, data_in=0, privileges=0, trust=0):
    return bytes([1, trust, generation | data_in << 1, privileges])


def driven(generation=0, data_in=0, privileges=0, trust=0, limits=0):
    return bytes([limits, trust, generation | data_in << 1, privileges])


DEFAULT_LIMITS = 2


def calls(*steps):
    return b"".join(device(*one) for one in steps)


SIZES = PAGE | PAGE << 3
MET = calls(("qpair", OWN, SIZES), ("host_qpair", OWN, SIZES))
PROBE = calls(("set_notify", 15), ("resources_query", 1, 1),
              ("get_context_id",), ("link", OWN, 9))

DEVICE = {
    "nothing": bare(),
    "probe": bare() + calls(("read", 0, 6), ("write", 28, 6)) + PROBE +
        calls(("write", 3, 3), ("write", 2, 1), ("ring", OWN),
              ("read", 0, 2), ("unlink", OWN), ("unlink", OWN)),
    "every-hypercall": driven() + calls(*[(call, OWN) for call in HYPERCALLS]),
    "every-hypercall-by-dma": driven(1) + calls(*[
        (call, OWN, 0, (BY_DMA, 0, 0, 0)) for call in HYPERCALLS]),
    "bent-by-a-byte": driven() + b"".join(
        calls(("qpair", OWN, SIZES, (0, at, 0, 255)), ("write", 1, 1),
              ("write", 28, 6)) for at in range(8, 64, 4)),
    "pieces": driven() + calls(*[
        ("dg", OF_HOST, 40, (0, 0, cut, 0)) for cut in range(0, 64, 7)]),
    "length-of-2-64": driven() + calls(
        ("dg", OF_HOST, 40, (0, 23, 0, 255)), ("data_out", 255, 255),
        ("reset_or_then", 1), ("get_context_id",)),
    "met": driven() + MET + calls(
        ("host_memory", OWN), ("host_indexes", OWN), ("qpair", OWN, SIZES),
        ("qpair_detach", OWN), ("host_qpair_detach", OWN),
        ("qpair_detach", OWN)),
    "host-first": driven() + calls(
        ("host_qpair", OWN, SIZES), ("qpair", OWN, SIZES),
        ("host_qpair_detach", OWN), ("qpair_detach", OWN)),
    "host-alone": driven() + calls(
        ("host_qpair", (TIMES64, OF_HOST), SIZES), ("qpair", OF_HOST, SIZES),
        ("host_qpair_detach", OF_HOST)),
    "suspended": driven() + PROBE + MET + calls(
        ("embedder", 0, SUSPEND), ("host_indexes", OWN), ("ring", OWN),
        ("qpair", 8, SIZES), ("host_memory", OWN), ("embedder", 1, RESUME),
        ("host_memory", OWN)),
    "leaves-while-suspended": driven() + MET + calls(
        ("embedder", 0, SUSPEND), ("qpair_detach", OWN),
        ("host_indexes", OWN), ("embedder", 0, RESUME)),
    "reset-while-met": driven() + PROBE + MET + calls(("reset_or_then", 1)),
    "host-leaves-while-met": driven() + MET + calls(
        ("host_leaves",), ("embedder", 0, HOST_COMES), ("qpair_detach", OWN)),
    "echo": driven() + calls(
        ("reset_or_then", 0), ("send", OWN, 1), ("dg", OF_HOST, 40),
        ("data_in", 0, 0), ("data_in", 255, 0)),
    "host-leaves-in-a-call": driven() + calls(
        ("reset_or_then", 0), ("host_leaves",), ("dg", OF_HOST, 40),
        ("dg", OF_HOST, 40)),
    "reset-in-a-call": driven() + PROBE + MET + calls(
        ("reset_or_then", 0), ("reset_or_then", 1), ("dg", OF_HOST, 40),
        ("get_context_id",)),
    "detach-in-memory-call": driven() + calls(
        ("reset_or_then", 0), ("host_qpair_detach", OWN)) + MET,
    "leaves-in-memory-call": driven() + calls(
        ("reset_or_then", 0), ("host_leaves",)) + MET,
    "leaves-when-suspended": driven() + MET + calls(
        ("reset_or_then", 0), ("host_leaves",), ("embedder", 0, SUSPEND),
        ("embedder", 0, RESUME)),
    "detaches-when-the-peer-does": driven() + MET + calls(
        ("reset_or_then", 0), ("host_qpair_detach", OWN),
        ("qpair_detach", OWN)),
    "limits": driven() + calls(*[
        (call, resource << 3, SIZES) for resource in range(4)
        for call in ("link", "host_link", "qpair", "send", "send")] + [
        ("embedder", step, NEW_ID) for step in range(8)] + [
        ("data_in", 255, 0)] * 4),
    **{"streams-of-context-0-%d" % dma: driven(dma) + calls(
        ("dg", CONTROL_15 | HYPERVISOR, 40, (dma * BY_DMA, 0, 0, 0)),
        ("dg", CONTROL_15 | OF_HOST, 40), ("send", CONTROL | OWN, 2),
        ("send", CONTROL | OWN, 3), ("send", CONTROL_15 | OWN, 2),
        ("send", CONTROL | OF_HOST, 2), ("data_in", 255, 0),
        ("qpair", OWN, SIZES, (PEER_0, 0, 0, 0)), ("host_qpair", OWN, SIZES),
        ("qpair_detach", OWN), ("host_leaves",),
        ("dg", CONTROL_15 | HYPERVISOR, 40)) for dma in range(2)},
    "siblings": driven(privileges=2) + calls(
        ("dg", OF_OTHER, 40), ("-link", OF_OTHER, 9), ("-set_notify", 15),
        ("notify", OF_OTHER), ("qpair", OWN, SIZES, (ANY_PEER, 0, 0, 0)),
        ("-qpair", OWN, SIZES), ("-data_in", 255, 0)),
    "restricted": driven(privileges=1) + PROBE + MET + calls(
        ("dg", OF_HOST, 40), ("ring", OWN), ("send", OWN, 1)),
    "restricted-and-trusted": driven(privileges=1, trust=2) + MET + calls(
        ("dg", OF_HOST, 40)),
    "new-id": driven() + PROBE + calls(
        ("host_qpair", OWN, SIZES), ("embedder", 0, NEW_ID),
        ("dg", OF_HOST, 40), ("qpair", OWN, SIZES), ("data_in", 64, 1)),
    "level": driven() + calls(
        ("embedder", 1, INTERRUPTS), ("send", OWN, 1), ("read", 0, 2),
        ("send", OWN, 1), ("write", 4, 1), ("write", 2, 1),
        ("embedder", 0, INTERRUPTS)),
    **{"data-in-%d" % way: driven(0, way) + calls(
        ("send", (TIMES64, OWN), 1), ("send", (BELOW_SIZE, OWN), 1),
        ("data_in", 16, 0), ("send", (NEAR, OWN), 1), ("data_in", 7, 1),
        ("data_in", 255, 0), ("data_in", 255, 0), ("data_in", 255, 0),
        ("read", 0, 5)) for way in range(3)},
    "dma-receive": driven(1) + calls(
        ("send", (TIMES64, OWN), 1), ("send", OWN, 1),
        ("dma", 4, 1, None, 1), ("dma", (PART, 255), 0, None, 1),
        ("dma", 0, 0, None, 1)),
    "dma-garbage": driven(1) + calls(*[
        ("dma", (kind, 3), more, None, which) for kind in range(16)
        for more in (0, 1, 2, 64) for which in (0, 1)][:60]),
    **{"every-register-%d" % generation: driven(generation) + calls(*[
        (verb, 1, register | width << 4, None, 3 if width else 0)
        for register in range(16) for verb in ("read", "write")
        for width in range(3)]) for generation in range(2)},
    "control-and-caps": driven(1) + calls(*[
        ("write", n, register) for n in (0, 1, 2, 3, 4, 60, (BELOW_2_32, 0))
        for register in (1, 3, 6, 13)]),
    "links": driven() + calls(
        *[(call, handle, 9) for handle in (0, 0, 8, 16, 24, 1, 6, 0xe0)
          for call in ("link", "host_link")] +
        [("link", 0, 0), ("link", 1, 0)] +
        [(call, handle) for handle in (0, 8, 1, 2, 3, 4, 6, 0xe0)
         for call in ("ring", "notify", "unlink", "host_unlink")]),
    "strangers": driven() + calls(*[
        (call, handle, SIZES) for handle in (2, 3, 4, 5, 6, 0xe0, 0xe1)
        for call in ("dg", "send", "qpair", "host_qpair", "qpair_detach")]),
    "sizes": driven() + calls(*[
        (call, 0, produce | consume << 3) for call in ("qpair", "host_qpair")
        for produce in range(8) for consume in (0, 2, 7)]),
    "flags-and-sizes-that-differ": driven() + calls(
        ("qpair", OWN, SIZES), ("host_qpair", OWN, SIZES | 2 << 6),
        ("host_qpair", OWN, SIZES | 1), ("host_qpair", OWN, 2 | PAGE << 3),
        ("host_qpair", OWN, SIZES | 1 << 6), ("-host_qpair", 8, SIZES),
        ("qpair", 8, SIZES | 1 << 6), ("host_qpair", 24, SIZES | 1 << 6)),
    "shared-by-programs": driven() + calls(
        ("host_qpair", (TIMES64, 0), SIZES), ("host_memory", 0),
        ("host_indexes", 0), ("qpair", OWN, SIZES),
        ("host_qpair_detach", 0)),
    "pages-beyond": driven() + calls(*[
        ("qpair", OWN, SIZES, (0, 0, page, 0)) for page in (10, 12, 13, 15)] +
        [("set_notify", 17), ("set_notify", 15), ("set_notify", 14)]),
    "contexts": driven() + calls(*[
        ("embedder", (kind, k), CONTEXTS, None, which)
        for kind, k in ((0, 0), (0, 2), (0, 17), (0, 18), (0, 32), (0, 66),
                        (BELOW_2_32, 0), (NEAR, 3), (NEAR, 4))
        for which in range(4)]),
    "without-limits": driven(limits=DEFAULT_LIMITS) + PROBE + MET + calls(
        ("embedder", 4, CONTEXTS), ("embedder", 3, CONTEXTS),
        *[("embedder", (kind, 9), CONTEXTS) for kind in range(16)],
        *[("embedder", 1 | n << 1, SHORTAGE) if step == 0 else
          ("embedder", 16, CONTEXTS) for n in range(4) for step in (0, 1)]),
    "events-beyond-the-limit": driven(data_in=1) + calls(
        *[("embedder", step, NEW_ID) for step in range(8)],
        *[("data_in", 40, 1)] * 6),
    "rings-kept": driven() + calls(
        ("link", OWN, 9), ("ring", OWN), ("set_notify", 15),
        ("embedder", 0, SUSPEND), ("ring", OWN), ("set_notify", 14),
        ("link", 8, 9), ("embedder", 0, RESUME), ("embedder", 1, RESUME)),
    "lengths-off-by-some": driven() + b"".join(
        calls((call, OWN, SIZES, (0, 16, 0, 8))) + calls(("write", 1, 1),
                                                         ("write", 28, 6))
        for call in HYPERCALLS),
    "large-hypercall": driven() + calls(
        ("qpair", OWN, SIZES, (0, 18, 0, 2)), ("data_out", 255),
        ("reset_or_then", 1), ("embedder", 1, SHORTAGE),
        ("qpair", OWN, SIZES, (0, 18, 0, 2))),
    **{"nested-%s" % name: driven(1) + calls(
        ("reset_or_then", 0)) + device(name, 1, more)[:4] + calls(
            ("dg", OF_HOST, 40)) for name, more in (
                ("data_in", 1), ("data_out", 1), ("read", 2), ("write", 6),
                ("get_context_id", 0), ("dma", 1))},
    "refused-by-host": driven() + calls(
        *[("dg", answer << 3 | OF_HOST, 40) for answer in range(4)],
        ("dg", 1 << 5 | 2 << 3 | OF_HOST - 1, 43)),
    "queue-full": driven() + calls(*[("send", (NEAR, OWN), 1)] * 3,
                                   ("data_in", 255, 0)),
    "dma-scatter": driven(1) + calls(
        *[one for k in range(16) for one in (
            ("send", (TIMES64, OWN), 1), ("send", OWN, 1),
            ("dma", k, 1, None, 1))]),
    "image-drained-by-dma": driven(1) + calls(
        ("send", OWN, 1), ("send", OWN, 1), ("data_in", 4, 1),
        ("dma", (TIMES64, 8), 0, None, 1), ("data_in", 255, 0)),
    "dma-while-suspended": driven(1) + calls(
        ("embedder", 0, SUSPEND), ("dma", 4, 1, None, 1),
        ("write", 0, 9), ("qpair", OWN, SIZES)),
    "third-end": driven() + calls(
        ("host_qpair", OWN, SIZES), ("-qpair", OWN, SIZES),
        ("qpair", OWN, SIZES), ("-qpair", OWN, SIZES),
        ("-qpair_detach", OWN), ("host_memory", 8)),
    "indices-outside": driven() + MET + calls(
        ("dma", 0, 0), ("dma", 2, 0), ("host_indexes", OWN)),
    "page-shift": driven(1) + calls(*[
        one for shift in (0, 11, 12, 16, 17, 63) for one in (
            ("write", shift, 13), ("set_notify", 0),
            ("qpair", OWN, SIZES, (0, 0, 0, 0)))]),
    **{"no-memory-%d" % n: driven() + calls(
        ("embedder", 1 | n << 1, SHORTAGE), ("qpair", OWN, SIZES),
        ("link", OWN, 9), ("send", OWN, 1), ("host_qpair", OWN, SIZES),
        ("host_link", OWN)) for n in range(4)},
}

# A device and a core; calls have the numbers of fuzz_datagram.c.
CORE_CALLS = """datagram event bytes serve interrupt ring answer device endpoint
    endpoint_end bell bell_end subscribe unsubscribe send notify pair pair_end
    sleep unplug""".split()
ANY_NAME, ANY_CONTEXT, DELAYED, ITSELF = 1, 4, 8, 16
LOCAL, ONLY_ATTACH = 2 << 4, 1 << 4


def core(name, k=0, more=0, which=0):
    other = name.startswith("-")
    kind, k = plain(k)
    return bytes([CORE_CALLS.index(name.lstrip("-")) | other << 7,
                  kind | which << 4, k, more])


def core_datagram(k=0, to=0, whence=1, fill=7, cut=None, which=0):
    """A datagram to client `to`; cut: send only this part of 255."""
    return core("datagram", k, to, which) + bytes(
        [cut is not None, whence << 4, fill, cut or 0])


def core_seed(*steps, dma=0, caps=None):
    return bytes([dma | (caps is not None) << 1, 0, 1, caps or 0]) + b"".join(
        one if isinstance(one, bytes) else core(*one) for one in steps)


ENDPOINTS = (("endpoint", 0, 0), ("endpoint", DELAYED, 1),
             ("endpoint", ITSELF, 2), ("endpoint", ANY_CONTEXT, 3))
TELLERS = tuple(("subscribe", event, event) for event in range(4))
BELLS = (("bell", 0, 0), ("bell", 2, 1), ("bell", ITSELF, 2))
SIZES_TO_US = (0, 1, 8, 25, (1, 63), (1, 64), (5, 0), (BELOW_SIZE, 0))

CORE = {
    "%s%s" % (name, "-dma" if dma else ""): core_seed(*steps, dma=dma)
    for dma in (0, 1) for name, steps in {
        "nothing": (("serve",),),
        "sizes": ENDPOINTS + tuple(
            core_datagram(size, to) for size in SIZES_TO_US
            for to in range(4)) + (("serve",), ("serve",)),
        "lies": ENDPOINTS + tuple(
            one for kind in range(9, 16) for one in (
                core_datagram((kind, 0)), ("serve",))),
        "too-long": ENDPOINTS + (core_datagram((ABOVE_SIZE, 1)), ("serve",),
                                 core_datagram(1), ("serve",)),
        "names": ENDPOINTS + tuple(
            core_datagram(3, to, whence, which=which) for to in range(8)
            for whence in range(6) for which in range(6)) + (("serve",),),
        "cut": ENDPOINTS + tuple(
            one for part in (1, 100, 250) for one in (
                core_datagram(100, 0, cut=part), ("serve",))),
        "events": TELLERS + tuple(
            core("event", 5, event) for event in range(9)) + (
                bytes([CORE_CALLS.index("event"), 31, 3, 3]),
                bytes([CORE_CALLS.index("event") | 128, 12, 9, 0]),
                bytes([CORE_CALLS.index("event"), 2, 0, 1]), ("serve",)),
        "event-ends-itself": (("subscribe", 3 | ITSELF, 0),
                              ("subscribe", 3, 1),
                              bytes([1, 24, 3, 3]), ("serve",),
                              bytes([1, 24, 3, 3]), ("serve",)),
        "bells": BELLS + tuple(
            one for i in range(4) for one in (
                ("ring", i, 1), ("ring", i, 0xfe), ("serve", 3))) + (
                    ("bell_end", 0, 0), ("ring", 0, 255), ("serve", 3),
                    ("notify", 1, 0)),
        "bell-refused": (("-answer", 1, 3),) + BELLS + (
            ("-answer", (15, 1), 3),) + BELLS,
        "pairs": (("pair", 10, 0), ("pair", 10, 1 | LOCAL),
                  ("-pair", 10, 2 | LOCAL), ("pair_end", 0, 0),
                  ("pair_end", 0, 1), ("pair", 1, 3), ("pair", 0, 3),
                  ("pair", 5, 3 | ONLY_ATTACH)),
        "pair-kept": (("pair", 10, 0), ("-answer", (15, 6), 11),
                      ("pair_end", 0, 0), ("pair", 10, 0)),
        "pair-odd-answer": (("-answer", 77, 10), ("pair", 10, 0),
                            ("-answer", (15, 2), 10), ("pair", 10, 0)),
        "sends": ENDPOINTS + (
            ("send", 0, 1, 1), ("send", 1, 1, 1), ("-send", 0, 1, 1),
            ("-device", 3, 0), ("send", 2, 1, 1)),
        "sleeps": ENDPOINTS + BELLS + TELLERS + (
            ("pair", 10, 0), ("sleep",), core_datagram(3), ("serve",),
            ("ring", 0, 1), ("serve", 3), ("-sleep",), ("pair_end", 0, 0)),
        "unplugs": ENDPOINTS + BELLS + TELLERS + (
            ("pair", 10, 0), ("pair", 10, 1 | LOCAL), ("unplug",),
            core_datagram(3), ("serve",), ("ring", 0, 1), ("serve", 3),
            ("pair_end", 0, 0)),
        "new-id": ENDPOINTS + (("device", 0, 0), core_datagram(1),
                               bytes([1 | 128, 12, 9, 0]), ("serve",),
                               core_datagram(1), ("serve",)),
        "interrupts": (("device", 1), ("interrupt",), ("device", 1, 255),
                       bytes([7, 10, 1, 0]), ("interrupt",), ("interrupt",)),
        "scribbles": (("-device", 2),) + ENDPOINTS + (
            core_datagram(100), ("serve",), ("send", 0, 1, 1)),
        "rubbish": ENDPOINTS + (
            bytes([2, 255, 0, 0]), bytes([2, 255, 1, 0]), ("serve",),
            bytes([2, 255, 255, 0]), ("serve",)),
    }.items()
}
CORE.update({
    "caps-%d%s" % (caps, "-dma" if dma else ""): core_seed(
        *BELLS, ("pair", 10, 0), dma=dma, caps=caps)
    for dma in (0, 1) for caps in (0, 4, 8, 12, 36, 44, 60, 255)})

TARGETS = {
    "fuzz_ring_oracle": ORACLE,
    "fuzz_ring_hostile": HOSTILE_SEEDS,
    "fuzz_pair": PAIR,
    "fuzz_device": DEVICE,
    "fuzz_datagram": CORE,
}


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    status = 0
    for target, seeds in TARGETS.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, seed in seeds.items():
            path = CORPUS / target / name
            if not arguments:
                path.write_bytes(seed)
            elif not path.is_file() or path.read_bytes() != seed:
                print("corpus/%s/%s is not what seeds.py says" % (
                    target, name))
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
