# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The goals, and how far a run meets them.

A goal is a ratio within one run and one class: the time of the best peer
divided by the time of vqp in the same case, unless the goal's row says
otherwise. vqp is measured by the better of its layouts. docs/benchmarks.md
says what the rows mean.
"""
import collections

from report_results import (
    bytes_text, digits, is_few, is_wrong, ns_text)

KIB = 1 << 10
LARGE = (KIB, 16 * KIB, 64 * KIB)
CLASSES = ("near", "far")

# measure() makes this; `ratio` is None where the cases have too few samples.
Found = collections.namedtuple("Found", "ratio by against")
# `near` and `far` are the ratios demanded in these classes, None for no goal.
# `measure` takes results and a placement.
Goal = collections.namedtuple("Goal", "name near far measure")
NOTHING = Found(None, "", "")


def best(found):
    """The highest of the measured ratios."""
    return max((one for one in found if one.ratio is not None),
               key=lambda one: one.ratio, default=NOTHING)


def worst(found):
    """The lowest ratio, if all were measured."""
    found = list(found)
    if not found or any(one.ratio is None for one in found):
        return NOTHING
    return min(found, key=lambda one: one.ratio)


def fastest(results, rows, measure, roles):
    """Time and line of the fastest line with one of these roles, or None.

    If the fastest has few samples, None: the second is not the fastest either.
    """
    told = [(row[measure], line) for line, row in rows.items()
            if results.role(line) in roles and not is_wrong(row)]
    found = min(told, default=None)
    return found if found and not is_few(rows[found[1]]) else None


def against(ours, theirs, mode=""):
    if ours is None or theirs is None:
        return NOTHING
    return Found(theirs[0] / ours[0], mode or (
        ours[1].subject if ours[1].subject != "vqp" else ""),
                 theirs[1].subject)


# ---- What can be measured.

def rows_of(results, at, ring, mode, size):
    return {line: sizes[size] for line, sizes in
            results.throughput.get((at, ring, mode), {}).items()
            if size in sizes}


def passed(size, ring, modes, role="peer"):
    """Our best in some modes against the best peer, which uses its own modes.
    """
    names = {"copy": "", "copy_more": "MORE", "copy_batch": "",
             "in_place": "in place", "in_place_batch": "in place"}

    def measure(results, at):
        return best(against(
            fastest(results, rows_of(results, at, ring, mode, size),
                    "ns_per_message_median", ("vqp",)),
            fastest(results, rows_of(results, at, ring,
                                     "copy" if mode == "copy_more" else mode,
                                     size),
                    "ns_per_message_median", (role,)), names[mode])
                    for mode in modes)
    return measure


def tripped(size):
    """Round trips, compared by their means: a clock may step by 10 ns."""
    def measure(results, at):
        return best(against(
            fastest(results, rows, "mean_ns", ("vqp",)),
            fastest(results, rows, "mean_ns", ("peer",)))
                    for (place, _, bytes_), rows in results.latency.items()
                    if (place, bytes_) == (at, size))
    return measure


def of_limit(results, at):
    """The worst share of the stream limit that large messages reach."""
    limit = results.stream_limit.get((at, KIB * KIB))
    if not limit or is_few(limit):
        return NOTHING

    def share(size):
        found = []
        for mode in ("copy", "copy_more", "in_place"):
            ours = fastest(results, rows_of(results, at, KIB * KIB, mode,
                                            size),
                           "ns_per_message_median", ("vqp",))
            if ours:
                gib_per_s = size / ours[0] * 1e9 / (1 << 30)
                found.append(Found(gib_per_s / limit["gib_per_s_median"],
                                   f"{mode} {bytes_text(size)}", ""))
        return best(found)
    return worst(map(share, LARGE))


def polled(row, spin):
    """A row as measured with this way to wait, or None if unknown.

    A row shows the better way; older results do not contain the other way.
    """
    if row.get("spin") == spin:
        return row
    if "by_spin" not in row:
        return None
    return {**row, "samples": 0, **row["by_spin"].get(spin, {})}


def adapted(results, at):
    """The worst case of vqp's choice at run time, against a fixed choice.

    Both wait in the same way, because the fixed variants know only one way.
    """
    found = []
    for (place, ring, mode), lines in results.throughput.items():
        sizes = {size for line, rows in lines.items()
                 if results.role(line) == "variant" for size in rows}
        for size in sizes if place == at else ():
            rows = rows_of(results, at, ring, mode, size)
            told = fastest(results, rows, "ns_per_message_median",
                           ("variant",))
            if told is None:
                continue
            spin = rows[told[1]].get("spin")
            ours = {line: polled(row, spin) for line, row in rows.items()
                    if results.role(line) == "vqp" and line.layout == "wide"}
            if None in ours.values():
                return NOTHING
            chosen = fastest(results, ours, "ns_per_message_median", ("vqp",))
            if chosen:
                found.append(Found(told[0] / chosen[0],
                                   f"{mode} {bytes_text(size)}",
                                   told[1].subject))
    return worst(found)


def offered(rate):
    """The median latency of an open loop: ours, and the best peer's."""
    def measure(results, at):
        rows = {line: row
                for (place, _, _, per_s), table in results.open_loop.items()
                if (place, per_s) == (at, rate)
                for line, row in table.items()}
        return (fastest(results, rows, "p50_ns", ("vqp",)),
                fastest(results, rows, "p50_ns", ("peer",)))
    return measure


def offered_near(rate):
    def measure(results, at):
        ours, theirs = offered(rate)(results, at)
        return against(ours, theirs)
    return measure


def offered_far(rate, below_ns):
    def measure(results, at):
        ours, _ = offered(rate)(results, at)
        if ours is None:
            return NOTHING
        return Found(below_ns / ours[0],
                     ns_text(ours[0]),
                     ns_text(below_ns))
    return measure


def goals():
    mib = KIB * KIB
    more = ("copy_more",)
    either = ("copy", "copy_more")
    table = [
        Goal("round trip, 8 B", 1.15, 1.3, tripped(8)),
        Goal("round trip, 64 B", 1.3, 1.2, tripped(64)),
        Goal("8 B, per call", 1.6, 1.5, passed(8, mib, ("copy",))),
        Goal("8 B, MORE", 2.2, 2.0, passed(8, mib, more)),
        Goal("8 B, batches of 32", 2.3, 5, passed(8, mib, ("copy_batch",))),
        Goal("64 B, per call", 5, 4.5, passed(64, mib, ("copy",))),
        Goal("64 B, per call, 64 KiB ring", 4, None,
             passed(64, 64 * KIB, ("copy",))),
        Goal("64 B, MORE or in place", 7, 11, passed(
            64, mib, more + ("in_place", "in_place_batch"))),
        Goal("256 B, per call", 1.3, 3.5, passed(256, mib, ("copy",))),
        Goal("256 B, MORE", 1.55, 9, passed(256, mib, more)),
        Goal("1 KiB", 1.1, 4, passed(KIB, mib, either)),
        Goal("16 KiB", 1.05, 2.4, passed(16 * KIB, mib, either)),
        Goal("64 KiB", 1.05, 2.4, passed(64 * KIB, mib, either)),
        Goal("share of stream limit, 1 KiB+", 0.95, 0.95, of_limit),
    ]
    for size, near, far in ((8, 14, 27), (64, 10, 20), (256, 5, 8),
                            (KIB, 2, 4), (64 * KIB, 1.2, 2.5)):
        table.append(Goal(f"kernel queue, {bytes_text(size)}", near,
                          far, passed(size, mib, either, "baseline")))
    table.append(Goal("adaptive choice, worst case", 0.95,
                      0.95, adapted))
    for rate, below_us in ((10_000_000, 2), (20_000_000, 3)):
        name = f"open loop {rate // 1_000_000} M/s"
        table.append(Goal(f"{name}, p50", 1 / 1.1, None, offered_near(rate)))
        table.append(Goal(f"{name}, {below_us} us / p50", None, 1,
                          offered_far(rate, 1000 * below_us)))
    return table


GOALS = goals()
# One goal in one class of one run; `met` is None where it was not measured.
Verdict = collections.namedtuple("Verdict", "goal found asked met ratio by "
                                 "against")


def verdicts(results):
    """Every goal in every class that the run saw, in the order of the table.
    """
    found = []
    for goal in GOALS:
        for name in CLASSES:
            asked = getattr(goal, name)
            places = [at for at in results.placements if at.found == name]
            if asked is None or not places:
                continue
            one = best(goal.measure(results, at) for at in places)
            found.append(Verdict(
                goal.name, name, asked,
                None if one.ratio is None else one.ratio >= asked,
                one.ratio, one.by, one.against))
    return found


HEAD = ("goal", "class", "asked", "found", "", "by / against")


def goal_texts(verdict):
    """The cells below HEAD; the last one says how vqp did it, and against
    what.
    """
    return [verdict.goal, verdict.found, digits(verdict.asked),
            "-" if verdict.ratio is None else digits(verdict.ratio),
            {True: "met", False: "not met", None: "-"}[verdict.met],
            " / ".join(filter(None, (verdict.by, verdict.against)))]


def goals_summary(found):
    met = sum(one.met is True for one in found)
    missed = sum(one.met is False for one in found)
    return (f"{met} of {met + missed} goals met" + (
        f", {len(found) - met - missed} not measured"
        if met + missed < len(found) else ""))


def goals_of_runs(runs):
    """One row for each goal and class: each run's ratio, and how often it was
    met.
    """
    table = collections.OrderedDict()
    for i, results in enumerate(runs):
        for one in verdicts(results):
            table.setdefault((one.goal, one.found, one.asked), {})[i] = one
    rows = []
    for (name, found, asked), by_run in table.items():
        met = [by_run[i].met for i in by_run if by_run[i].met is not None]
        rows.append([name, found, digits(asked)] + [
            digits(by_run[i].ratio)
            if i in by_run and by_run[i].ratio is not None else "-"
            for i in range(len(runs))] + [f"{sum(met)} of {len(met)}"])
    return rows
