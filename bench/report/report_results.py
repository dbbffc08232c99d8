# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Reads, checks and judges what vqp_bench measured.

It judges only by ratios within a run: vqp against the best peer of the same
case, and against the measured limit of the same placement. docs/benchmarks.md
says what a case, a placement and a limit are.
"""
import collections
import itertools
import json
import math
import statistics

# Schema 2 has the roles of the subjects, and modes that schema 1 did not have.
SCHEMA_VERSIONS = (1, 2)

# A case with fewer samples is shown and marked, but left out of the verdict.
FEW_SAMPLES = 5
# Ratios nearer to 1 than this are level: two runs differ by this much.
LEVEL = 0.05
# Above these shares the run counts as disturbed.
STEAL_PERCENT = 1
SWITCHED_SHARE = 0.1

RELATIONS = {
    "same_core": "two threads of one core",
    "same_l2": "two cores of one L2 cache",
    "same_l3": "two cores of one L3 cache",
    "same_node": "two cores of one memory node",
    "other_node": "cores of two memory nodes",
}
CLASSES = {
    "smt": "as near as one core",
    "near": "as near as one L3 cache",
    "far": "farther than one L3 cache",
}
MODES = {
    "copy": "copied, one by one",
    "copy_more": "copied, more follows",
    "copy_batch": "copied, in batches",
    "in_place": "in place, one by one",
    "in_place_batch": "in place, in batches",
}
# No peer can say that more messages follow, so this mode of vqp is compared
# with peers that copy one message at a time.
JUDGED_AGAINST = {"copy_more": "copy"}
LAYOUTS = ("wide", "compat")
# The roles of subjects; vqp is compared with peers only.
ROLES = ("vqp", "variant", "peer", "baseline")
# The operations of the driver: key, name, and the meaning of the time.
OPERATIONS = {
    "send": ("datagram to a program",
             "A guest calls vqp_core_send() until it returns: the program's "
             "function has run in between, in the same thread."),
    "dispatch": ("datagram to a callback",
                 "A program's vqp_program_send() until the guest's callback "
                 "begins, by way of an interrupt thread that is asleep."),
    "dispatch_batch": ("32 datagrams to a callback",
                       "The same for 32 together, until the last callback "
                       "begins: one waking for all."),
    "round_trip": ("datagram there and back",
                   "A program's vqp_program_send(); the guest's callback "
                   "answers with vqp_core_send(), until the program's "
                   "function runs."),
    "ring_program": ("doorbell to a program",
                     "A guest calls vqp_core_doorbell_notify() until it "
                     "returns: the program's function has run in between."),
    "ring_guest": ("doorbell to a callback",
                   "A program's vqp_program_ring() until the guest's callback "
                   "begins, by way of an interrupt thread that is asleep."),
    "lookup": ("lookup in vain",
               "vqp_core_send() from a source that is not there, until it "
               "answers NO_HANDLE: the whole chain of one bucket is walked, "
               "as a source that is there on the average half of it; nothing "
               "is sent."),
    "pair": ("queue pair, alloc and detach",
             "vqp_core_qpair_alloc() and vqp_core_qpair_detach() together, of "
             "so many bytes each way; in this process memory comes from a "
             "memfd, mapped twice."),
    "attach": ("queue pair, attach",
               "vqp_core_qpair_alloc() of the second end of a local pair."),
}
TRANSPORTS = {"port": "ports", "dma": "DMA", "local": "local"}
PERCENTILES = (("p50_ns", "p50"), ("p90_ns", "p90"), ("p99_ns", "p99"),
               ("p999_ns", "p99.9"), ("max_ns", "max"))

PLACED = ("relation", "class")
GUEST_TEXTS = ("case", "device")
GUEST_NUMBERS = ("stock", "stock_min", "stock_max",
                 "ours", "ours_min", "ours_max")
GUEST_TABLES = ("instructions", "time", "exits")
TEXTS = {
    "throughput": ("subject", "mode") + PLACED,
    "latency": ("subject",) + PLACED,
    "open_loop": ("subject",) + PLACED,
    "driver": ("operation", "transport", "relation"),
    "line_round_trip": PLACED,
    "stream": PLACED,
    "memcpy": ("level",),
    "file_stream": ("file", "sha256"),
    "file_stream.subjects": ("name",),
    "guests": ("kernel", "qemu", "commit"),
    "guests.instructions": GUEST_TEXTS,
    "guests.time": GUEST_TEXTS,
    "guests.exits": GUEST_TEXTS + ("what",),
}
NUMBERS = {
    "throughput": ("message_bytes", "ring_bytes", "samples", "errors",
                   "ns_per_message_median", "ns_per_message_mad",
                   "gib_per_s_median"),
    "latency": ("message_bytes", "ring_bytes", "samples", "round_trips",
                "mean_ns") + tuple(key for key, _ in PERCENTILES),
    "open_loop": ("message_bytes", "ring_bytes", "rate_per_s", "samples",
                  "messages", "mean_ns") + tuple(
                      key for key, _ in PERCENTILES),
    "driver": ("bytes", "endpoints", "samples", "calls", "ns_median",
               "ns_min", "ns_max", "ns_mad", "errors"),
    "line_round_trip": ("samples", "median_ns", "min_ns"),
    "stream": ("ring_bytes", "samples", "gib_per_s_median"),
    "memcpy": ("bytes", "gib_per_s_median"),
    "file_stream": ("file_bytes", "ring_bytes", "rounds"),
    "file_stream.subjects": ("seconds_median", "seconds_min", "seconds_max",
                             "gib_per_s_median"),
    "guests": ("boots",),
    **{f"guests.{name}": ("message_bytes",) + GUEST_NUMBERS
       for name in GUEST_TABLES},
}
# These numbers may be 0; all others are above 0.  An empty file takes no time.
MAY_BE_ZERO = {
    "throughput": ("errors", "ns_per_message_mad"),
    "driver": ("bytes", "endpoints", "ns_mad", "errors"),
    "file_stream": ("file_bytes",),
    "file_stream.subjects": ("seconds_median", "seconds_min", "seconds_max",
                             "gib_per_s_median"),
    "guests.exits": GUEST_NUMBERS,
}
# Keys that the results may lack, and their default values.
SECTIONS = {"run": dict, "machine": dict, "topology": dict, "limits": dict,
            "subjects": list, "throughput": list, "latency": list,
            "open_loop": list, "driver": list}


class Fault(Exception):
    """What is wrong with the input, in words for the user."""


# ---- Reading.

def read_json(path):
    """Returns the object in a file of our schema, or raises a Fault."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            data = json.load(file)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Fault(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise Fault(f"{path}: not a JSON object")
    if data.get("schema_version") not in SCHEMA_VERSIONS:
        raise Fault(f"{path}: schema_version is "
                    f"{data.get('schema_version')!r}, not one of "
                    f"{', '.join(map(str, SCHEMA_VERSIONS))}")
    return data


def is_number(value):
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) and value >= 0)


def check_row(where, name, row):
    """Raises a Fault if an object does not follow the schema."""
    if not isinstance(row, dict):
        raise Fault(f"{where} is not an object")
    for key in TEXTS[name]:
        if not isinstance(row.get(key), str):
            raise Fault(f"{where} has no text '{key}'")
    for key in NUMBERS[name]:
        if not is_number(row.get(key)):
            raise Fault(f"{where} has no number '{key}'")
        if row[key] == 0 and key not in MAY_BE_ZERO.get(name, ()):
            raise Fault(f"{where} has a '{key}' of 0")


def measured(path, name, rows):
    """The rows that hold samples; raises a Fault if one breaks the schema."""
    if not isinstance(rows, list):
        raise Fault(f"{path}: '{name}' is not a list")
    kept = []
    for i, row in enumerate(rows):
        if isinstance(row, dict) and row.get("samples") == 0:
            continue
        check_row(f"{path}: {name}[{i}]", name, row)
        by_spin = row.get("by_spin", {})
        if not (isinstance(by_spin, dict) and all(
                isinstance(one, dict) and
                is_number(one.get("ns_per_message_median")) and
                is_number(one.get("samples")) for one in by_spin.values())):
            raise Fault(f"{path}: {name}[{i}] has no such 'by_spin'")
        for point in row.get("histogram", []):
            if not (isinstance(point, list) and len(point) == 2 and
                    all(map(is_number, point))):
                raise Fault(f"{path}: {name}[{i}] has no histogram of pairs")
        kept.append(row)
    return kept


def file_case(path, stream):
    """The file case, if there is one; raises a Fault if it breaks the schema.
    """
    if stream is None:
        return None
    check_row(f"{path}: file_stream", "file_stream", stream)
    subjects = measured(path, "file_stream.subjects", stream.get("subjects"))
    if not subjects:
        raise Fault(f"{path}: file_stream has no subjects")
    for subject in subjects:
        if not isinstance(subject.get("sha256_ok"), bool):
            raise Fault(f"{path}: {subject['name']} has no 'sha256_ok'")
        if not is_number(subject.get("ratio_to_vqp") or 0):
            raise Fault(f"{path}: {subject['name']} has no 'ratio_to_vqp'")
    return stream


def check_guests(path, guests):
    """What guests.py measured, if it ran; raises a Fault if it breaks the
    schema.
    """
    if guests is None:
        return None
    check_row(f"{path}: guests", "guests", guests)
    for name in GUEST_TABLES:
        measured(path, f"guests.{name}", guests.get(name))
    return guests


Line = collections.namedtuple("Line", "subject layout")
Placement = collections.namedtuple("Placement", "relation found")
# One case of one of our layouts: its row, the best peer's row, and the share
# of the limit; `ratio` and `peer` are None where no peer offers the case.
Standing = collections.namedtuple(
    "Standing", "line placement ring size mode row peer ratio few of_limit")

# The number of cases, the lowest Standing, and ratios.
Score = collections.namedtuple(
    "Score", "cases ahead level behind lowest median highest")
SCORE_HEAD = Score._fields


def line_name(line):
    return " ".join(filter(None, line))


def in_order(order, value):
    order = list(order)
    return order.index(value) if value in order else len(order)


def placement_order(placement):
    return (in_order(RELATIONS, placement.relation),
            in_order(CLASSES, placement.found))


def is_few(row):
    return row["samples"] < FEW_SAMPLES


def is_wrong(row):
    return row.get("errors", 0) != 0


def row_mark(row):
    return "!" if is_wrong(row) else "~" if is_few(row) else ""


class Results:
    """A run, ordered by placement."""

    def __init__(self, path):
        data = read_json(path)
        for name, kind in SECTIONS.items():
            if not isinstance(data.setdefault(name, kind()), kind):
                raise Fault(f"{path}: '{name}' is not a {kind.__name__}")
        self.path = path
        self.data = data
        self.run = data["run"]
        self.machine = data["machine"]
        self.file_stream = file_case(path, data.get("file_stream"))
        self.guests = check_guests(path, data.get("guests"))
        limits = data["limits"]
        throughput = measured(path, "throughput", data["throughput"])
        latency = measured(path, "latency", data["latency"])
        open_loop = measured(path, "open_loop", data["open_loop"])
        self.driver = sorted(measured(path, "driver", data["driver"]),
                             key=driver_order)
        rows = throughput + latency + open_loop
        self.wrong = [row for row in rows + self.driver if is_wrong(row)]
        self.roles = roles(path, data["subjects"])
        self.throughput = {}
        for row in throughput:
            table = self.throughput.setdefault(
                (placement_of(row), row["ring_bytes"], row["mode"]), {})
            table.setdefault(line_of(row), {})[row["message_bytes"]] = row
        self.latency = {}
        for row in latency:
            table = self.latency.setdefault(
                (placement_of(row), row["ring_bytes"], row["message_bytes"]),
                {})
            table[line_of(row)] = row
        self.open_loop = {}
        for row in open_loop:
            table = self.open_loop.setdefault(
                (placement_of(row), row["ring_bytes"], row["message_bytes"],
                 row["rate_per_s"]), {})
            table[line_of(row)] = row

        self.memcpy = measured(path, "memcpy", limits.get("memcpy", []))
        self.line_limit = {
            placement_of(row): row for row in
            measured(path, "line_round_trip",
                     limits.get("line_round_trip", []))}
        self.stream_limit = {
            (placement_of(row), row["ring_bytes"]): row for row in
            measured(path, "stream", limits.get("stream", []))}
        if not (rows or self.driver or self.memcpy or self.line_limit or
                self.stream_limit):
            raise Fault(f"{path}: holds no results")

        self.placements = sorted({placement_of(row) for row in rows},
                                 key=placement_order)
        self.lines = sorted({line_of(row) for row in rows},
                            key=self._line_order)
        self.rings = sorted({row["ring_bytes"] for row in rows})
        self.sizes = sorted({row["message_bytes"] for row in throughput})
        self.standings = list(self._standings())

    def role(self, line):
        return self.roles.get(line.subject, "peer")

    def _line_order(self, line):
        """vqp first, in both layouts, then the others by role and name."""
        return (ROLES.index(self.role(line)), line.subject,
                in_order(LAYOUTS, line.layout))

    def best_peer(self, cell, measure):
        """The fastest peer of a case that has enough samples, if there is one.
        """
        peers = [(is_few(row), row[measure], line)
                 for line, row in cell.items()
                 if self.role(line) == "peer" and not is_wrong(row)]
        return min(peers)[2] if peers else None

    def modes(self, placement, ring):
        return [mode for mode in MODES
                if (placement, ring, mode) in self.throughput]

    def trips(self, placement):
        """The ring and message sizes that have round trips in a placement."""
        return sorted(key[1:] for key in self.latency if key[0] == placement)

    def loads(self, placement):
        """The ring and message sizes and rates that have open loops in a
        placement.
        """
        return sorted(key[1:] for key in self.open_loop
                      if key[0] == placement)

    def pair(self, relation):
        """The two processors of a relation as text; empty if there are none.
        """
        for pair in self.data["topology"].get("pairs", []):
            if pair.get("relation") == relation and pair.get("present"):
                return f"processors {pair['cpu_a']} and {pair['cpu_b']}"
        return ""

    def missing_relations(self):
        return [pair["relation"]
                for pair in self.data["topology"].get("pairs", [])
                if not pair.get("present")]

    def skipped(self):
        return [subject for subject in self.data["subjects"]
                if not subject.get("present", True)]

    def _standings(self):
        for (placement, ring, mode), table in self.throughput.items():
            limit = self.stream_limit.get((placement, ring))
            peers = self.throughput.get(
                (placement, ring, JUDGED_AGAINST.get(mode, mode)), {})
            for size in self.sizes:
                yield from self._standings_of(
                    cell_of(table, size), cell_of(peers, size),
                    (placement, ring, size, mode), "ns_per_message_median",
                    lambda row: row["gib_per_s_median"] /
                    limit["gib_per_s_median"] if limit else None)
        for (placement, ring, size), cell in self.latency.items():
            limit = self.line_limit.get(placement)
            yield from self._standings_of(
                cell, cell, (placement, ring, size, "round_trip"), "p50_ns",
                lambda row: limit["median_ns"] / row["p50_ns"]
                if limit else None)

    def _standings_of(self, cell, peers, where, measure, of_limit):
        placement, ring, size, mode = where
        peer = self.best_peer(peers, measure)
        for line, row in cell.items():
            if self.role(line) != "vqp" or is_wrong(row):
                continue
            ratio = peers[peer][measure] / row[measure] if peer else None
            few = is_few(row) or (peer is not None and is_few(peers[peer]))
            yield Standing(line, placement, ring, size, mode, row, peer,
                           ratio, few, of_limit(row))


def roles(path, subjects):
    """The role of each subject, or a Fault; the first schema had only two
    roles.
    """
    named = {"vqp": "vqp"}
    for i, subject in enumerate(subjects):
        if not isinstance(subject, dict) or not isinstance(
                subject.get("name"), str):
            raise Fault(f"{path}: subjects[{i}] has no text 'name'")
        role = subject.get("role", named.get(subject["name"], "peer"))
        if role not in ROLES:
            raise Fault(f"{path}: subjects[{i}] has a 'role' of {role!r}")
        named[subject["name"]] = role
    return named


def driver_order(row):
    return (in_order(OPERATIONS, row["operation"]), row["operation"],
            in_order(TRANSPORTS, row["transport"]), row["bytes"],
            row["endpoints"])


def driver_key(row):
    return (row["operation"], row["transport"], row["bytes"],
            row["endpoints"])


def cell_of(table, size):
    return {line: rows[size] for line, rows in table.items() if size in rows}


def placement_of(row):
    return Placement(row["relation"], row["class"])


def line_of(row):
    return Line(row["subject"], row.get("layout") or "")


# ---- Words that the table and the page share.

def digits(value):
    """Three significant digits, but no trailing zeros after the point."""
    if value >= 100 or value == 0:
        return f"{value:.0f}"
    if value >= 1:
        return f"{value:.{1 if value >= 10 else 2}f}"
    return f"{value:.3g}"


def bytes_text(count):
    for unit, step in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << step:
            number = f"{count / (1 << step):.1f}"
            return f"{number[:-2] if number.endswith('.0') else number} {unit}"
    return f"{count} B"


def ns_text(ns, number=digits):
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= factor:
            return f"{number(ns / factor)} {unit}"
    return f"{number(ns)} ns"


def times_text(ratio):
    return f"{ratio:.2f}×" if ratio < 10 else f"{digits(ratio)}×"


def percent_text(share):
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def placement_text(results, placement):
    found = CLASSES.get(placement.found, "")
    relation = RELATIONS.get(placement.relation, placement.relation)
    where = results.pair(placement.relation)
    return (f"{placement.found}: measured {found}; {relation} by hwloc" +
            (f", {where}" if where else ""))


def operation_name(operation):
    return OPERATIONS.get(operation, (operation, ""))[0]


def operation_text(operation):
    return OPERATIONS.get(operation, ("", ""))[1]


def driver_text(row):
    """What distinguishes a row from the others of its operation."""
    if row["operation"] == "lookup":
        return f"among {row['endpoints']}"
    how = TRANSPORTS.get(row["transport"], row["transport"])
    if row["operation"].startswith("ring"):
        return how
    # The largest datagram has 69608 B; rounded to KiB it would name a size
    # that does not exist.
    exact = row["bytes"] % 1024 != 0
    return f"{how}, " + (f"{row['bytes']} B" if exact
                         else bytes_text(row["bytes"]))


def by_operation(rows):
    """Operations and their rows, in order."""
    return [(operation, list(some)) for operation, some in itertools.groupby(
        rows, key=lambda row: row["operation"])]


def rate_text(rate_per_s):
    return f"{rate_per_s / 1e6:g} M/s"


def cell_text(standing):
    return (f"{MODES.get(standing.mode, 'round trip')}, "
            f"{bytes_text(standing.size)}, "
            f"ring of {bytes_text(standing.ring)}")


def card(results):
    """The description of the machine: name and text of each line."""
    run, machine = results.run, results.machine
    caches = ", ".join(
        f"{name} {bytes_text(machine[key])}"
        for name, key in (("L1d", "l1d_bytes"), ("L2", "l2_bytes"),
                          ("L3", "l3_bytes"), ("memory", "memory_bytes"))
        if machine.get(key))
    kind = (f"virtual machine ({machine.get('hypervisor') or 'unknown'})"
            if machine.get("virtual") else "bare metal")
    quick = ", quick" if run.get("quick") else ""
    return [
        ("machine", f"{machine.get('cpu', 'unknown processor')}, "
                    f"{machine.get('cpus_online', '?')} processors, "
                    f"{kind}; {caches}"),
        ("system", f"{machine.get('os', '?')}, Linux "
                   f"{machine.get('kernel', '?')}; huge pages "
                   f"{machine.get('transparent_hugepage', '?')}, governor "
                   f"{machine.get('governor') or 'none'}, counter "
                   f"{machine.get('tsc_ghz', 0):.2f} GHz"),
        ("run", f"{run.get('started_utc', '?')}, commit "
                f"{run.get('commit', 'unknown')}, engine "
                f"{run.get('engine_backend', '?')} "
                f"{run.get('engine_build_type', '?')}, "
                f"{run.get('rounds', '?')} rounds in "
                f"{run.get('seconds', 0):.0f} s{quick}"),
    ]


def noise(results):
    """What may have disturbed the run: name and text of each line."""
    run = results.run
    total = run.get("samples_total", 0)

    def share(key):
        count = run.get(key, 0)
        return f"{count} of {total}" + (
            f" ({percent_text(count / total)})" if total else "")

    def load(key):
        return " ".join(f"{value:.2f}" for value in run.get(key, [])) or "?"

    return [
        ("load average", f"{load('load_before')} before, "
                         f"{load('load_after')} after (1, 5, 15 minutes)"),
        ("time stolen by the hypervisor", f"{run.get('steal_percent', 0):.2g} "
                                          "%"),
        ("samples dropped: moved", f"{share('samples_moved')}: the two "
         "threads were nearer or farther after the burst than before"),
        ("samples dropped: switched", f"{share('samples_switched')}: one of "
         "the two threads was not left alone"),
        ("real-time priority", "yes" if run.get("sched_fifo") else "no"),
    ]


def warnings(results):
    """What a reader must know before any number."""
    run = results.run
    said = []
    for row in results.wrong:
        if "operation" in row:
            said.append(f"{operation_name(row['operation'])} failed "
                        f"({driver_text(row)})")
            continue
        said.append(f"{line_name(line_of(row))} delivered {row['errors']} "
                    f"wrong messages ({row.get('mode', 'round trip')}, "
                    f"{bytes_text(row['message_bytes'])}, "
                    f"ring of {bytes_text(row['ring_bytes'])})")
    for subject in (results.file_stream or {}).get("subjects", []):
        if not subject["sha256_ok"]:
            said.append(f"{subject['name']} did not deliver the file "
                        "unchanged")
    if run.get("engine_build_type", "Release") != "Release":
        said.append(f"the engine was built as {run['engine_build_type']}, "
                    "not Release")
    if run.get("steal_percent", 0) > STEAL_PERCENT:
        said.append(f"the hypervisor took {run['steal_percent']:.2g} % of "
                    "the time away")
    total = run.get("samples_total", 0)
    switched = run.get("samples_switched", 0)
    if switched > SWITCHED_SHARE * total:
        said.append("the machine was busy: other threads disturbed "
                    f"{percent_text(switched / total)} of the samples")
    return said


def score_of(standings):
    """How often vqp is ahead, level and behind, and by how much."""
    judged = [s for s in standings if s.ratio is not None and not s.few]
    if not judged:
        return None
    ratios = [s.ratio for s in judged]
    ahead = sum(ratio > 1 + LEVEL for ratio in ratios)
    behind = sum(ratio < 1 - LEVEL for ratio in ratios)
    return Score(len(judged), ahead, len(judged) - ahead - behind, behind,
                 min(judged, key=lambda s: s.ratio),
                 statistics.median(ratios), max(ratios))


def scores(results):
    """A name and a score for each placement, layout and kind of case."""
    named = []
    for placement in results.placements:
        for line in results.lines:
            for kind, trips in (("throughput", False), ("round trip", True)):
                score = score_of(
                    s for s in results.standings
                    if s.placement == placement and s.line == line and
                    (s.mode == "round_trip") == trips)
                if score:
                    named.append((f"{placement.found} ({placement.relation})"
                                  f", {line_name(line)}, {kind}", score))
    return named


def score_texts(score):
    """The cells below SCORE_HEAD."""
    return [str(score.cases), str(score.ahead), str(score.level),
            str(score.behind), times_text(score.lowest.ratio),
            times_text(score.median), times_text(score.highest)]


def verdict(results):
    """The result of the run in a sentence or two."""
    best = results.lines[:1]  # vqp, in its wide layout if measured
    score = score_of(s for s in results.standings if s.line in best)
    if score is None:
        return "No case holds samples enough of vqp and of a peer."
    low = score.lowest
    return (f"{line_name(low.line)} is ahead of every peer in {score.ahead} "
            f"of {score.cases} cases, level in {score.level} and behind in "
            f"{score.behind}; {times_text(score.median)} the best peer in "
            f"the median. Its lowest case: {times_text(low.ratio)} "
            f"{line_name(low.peer)} ({low.placement.found}, "
            f"{cell_text(low)}).")


def absent(results):
    """What was not measured, and why: name and text."""
    said = [(f"no {subject['name']}", subject.get("reason", "") +
             (f" (package {subject['package']})" if subject.get("package")
              else "")) for subject in results.skipped()]
    relations = results.missing_relations()
    if relations:
        said.append(("no two processors", "related as " +
                     ", ".join(relations)))
    unseen = [name for name in CLASSES
              if name not in {at.found for at in results.placements}]
    if unseen:
        said.append(("never measured as near or far as", ", ".join(unseen)))
    return said
