#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Show what vqp_bench and vqp_file_stream measured.

The numbers are in results.json.  This program turns them into tables on the
screen (this file) and into one HTML file (report_page.py), or compares two
runs of one machine.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import textwrap

from report_goals import (
    HEAD, goal_texts, goals_of_runs, goals_summary, verdicts)
from report_guests import INTRO, guest_card, guest_tables, send_texts
from report_page import html_report
from report_results import (
    FEW_SAMPLES, Fault, LEVEL, MODES, PERCENTILES, Results, SCORE_HEAD, absent,
    by_operation, bytes_text, card, digits, driver_key, driver_text, in_order,
    is_few, line_name, noise, operation_name, percent_text, placement_text,
    rate_text, read_json, row_mark, score_texts, scores, times_text, verdict,
    warnings)


# ---- The table.

BOLD, GOOD, BAD = "1", "32", "31"


def style_of(ratio):
    if abs(ratio - 1) <= LEVEL:
        return ""
    return GOOD if ratio > 1 else BAD


def layout_table(rows, width):
    """Lines of a table whose first column is aligned left, the others right.

    A row is a list of (text, style).  A row with a single cell is a heading
    and may have any width.  Columns that do not fit go into another table
    below, which repeats the first column.  A row may end before its last
    column.
    """
    columns = max(len(row) for row in rows)
    widths = [max((len(row[i][0]) for row in rows
                   if len(row) > 1 and i < len(row)), default=0)
              for i in range(columns)]
    lines = []
    first = 1
    while first < columns:
        last = first + 1
        while (last < columns and
               widths[0] + sum(w + 2 for w in widths[first:last + 1])
               <= width):
            last += 1
        for row in rows:
            if 1 < len(row) <= first:
                continue
            cells = [(row[0][0] if len(row) == 1
                      else row[0][0].ljust(widths[0]), row[0][1])]
            for i in range(first, min(last, len(row))):
                cells.append(("  " + row[i][0].rjust(widths[i]), row[i][1]))
            lines.append(cells)
        lines.append([])
        first = last
    return lines


def paint(cells, colour):
    painted = "".join(f"\x1b[{style}m{text}\x1b[0m" if colour and style
                      else text for text, style in cells)
    return painted.rstrip()


def ratio_cell(standing):
    if standing is None or standing.ratio is None:
        return ("-", "")
    return (times_text(standing.ratio), style_of(standing.ratio))


def limit_cell(standing):
    if standing is None or standing.of_limit is None:
        return ("-", "")
    return (percent_text(standing.of_limit), "")


def mode_rows(results, placement, ring, mode):
    table = results.throughput[placement, ring, mode]
    rows = [[(MODES[mode], BOLD)]]
    for line in filter(table.__contains__, results.lines):
        row = [("  " + line_name(line), "")]
        for size in results.sizes:
            cell = table[line].get(size)
            row.append((digits(cell["ns_per_message_median"]) +
                        row_mark(cell) if cell else "-", ""))
        rows.append(row)
    for line in results.lines:
        ours = {s.size: s for s in results.standings
                if (s.placement, s.ring, s.mode, s.line) ==
                (placement, ring, mode, line)}
        if not ours:
            continue
        cells = [ours.get(size) for size in results.sizes]
        if any(s and s.ratio for s in cells):
            rows.append([("  best peer / " + line_name(line), "")] +
                        [ratio_cell(s) for s in cells])
        if any(s and s.of_limit for s in cells):
            rows.append([(f"  {line_name(line)} of limit", "")] +
                        [limit_cell(s) for s in cells])
    return rows


def trip_rows(results, placement):
    rows = [[("round trip, ns", BOLD), ("mean", BOLD)] +
            [(name, BOLD) for _, name in PERCENTILES] +
            [("best peer / it", BOLD), ("of limit", BOLD)]]
    for ring, size in results.trips(placement):
        table = results.latency[placement, ring, size]
        ours = {s.line: s for s in results.standings
                if (s.placement, s.ring, s.size, s.mode) ==
                (placement, ring, size, "round_trip")}
        rows.append([(f"{bytes_text(size)}, ring of {bytes_text(ring)}", "")])
        for line in filter(table.__contains__, results.lines):
            cell = table[line]
            row = [("  " + line_name(line), "")]
            row += [(digits(cell[key]) + row_mark(cell), "")
                    for key in ("mean_ns", *(key for key, _ in PERCENTILES))]
            if line in ours:
                row += [ratio_cell(ours[line]), limit_cell(ours[line])]
            rows.append(row)
    limit = results.line_limit.get(placement)
    if limit:
        rows.append([("limit: one cache line", ""), ("", ""),
                     (digits(limit["median_ns"]) + row_mark(limit), "")])
    return rows


def load_rows(results, placement):
    rows = [[("open loop, ns", BOLD), ("mean", BOLD)] +
            [(name, BOLD) for _, name in PERCENTILES] +
            [("best peer's p50 / its", BOLD)]]
    for load in results.loads(placement):
        ring, size, rate = load
        table = results.open_loop[placement, *load]
        peer = results.best_peer(table, "p50_ns")
        rows.append([(f"{bytes_text(size)} at {rate_text(rate)}, "
                      f"ring of {bytes_text(ring)}", "")])
        for line in filter(table.__contains__, results.lines):
            cell = table[line]
            row = [("  " + line_name(line), "")]
            row += [(digits(cell[key]) + row_mark(cell), "")
                    for key in ("mean_ns", *(key for key, _ in PERCENTILES))]
            if peer and results.role(line) == "vqp":
                ratio = table[peer]["p50_ns"] / cell["p50_ns"]
                row.append((times_text(ratio), style_of(ratio)))
            rows.append(row)
    return rows


def driver_rows(results):
    """Cases timed call by call have percentiles; the others have no tail."""
    rows = [[("driver, ns", BOLD)] +
            [(name, BOLD) for name in ("median", "min", "max")] +
            [(f"{name} of calls", BOLD) for name in ("p50", "p99")]]
    for operation, some in by_operation(results.driver):
        rows.append([(operation_name(operation), "")])
        rows += [[("  " + driver_text(row), "")] +
                 [(digits(row[key]) + row_mark(row), "")
                  for key in ("ns_median", "ns_min", "ns_max", "p50_ns",
                              "p99_ns") if key in row]
                 for row in some]
    return rows


def file_rows(stream):
    rows = [[("ms for the file", BOLD)] +
            [(name, BOLD) for name in ("median", "min", "max", "GiB/s",
                                       "rate / vqp's", "SHA-256")]]
    for subject in stream["subjects"]:
        rows.append([
            (f"  {subject['name']}", "")] +
            [(f"{1e3 * subject[key]:.3f}", "")
             for key in ("seconds_median", "seconds_min", "seconds_max")] +
            [(digits(subject["gib_per_s_median"]), ""),
             (times_text(subject["ratio_to_vqp"])
              if subject["ratio_to_vqp"] is not None else "-", ""),
             ("ok", "") if subject["sha256_ok"] else ("WRONG", BAD)])
    return rows


def file_text(stream):
    return (f"file: {stream['file']}, {bytes_text(stream['file_bytes'])}, "
            f"from process to process, ring of "
            f"{bytes_text(stream['ring_bytes'])}, {stream['rounds']} rounds")


def guest_text_lines(guests, width):
    lines = prose([f"Linux guests: {guest_card(guests)}"], width, BOLD)
    lines += prose([INTRO], width) + [[]]
    for caption, head, rows in guest_tables(guests):
        lines += layout_table(
            [[(caption, BOLD)], [(name, BOLD) for name in head]] +
            [[(text, style_of(ratio) if ratio else "") for text, ratio in row]
             for row in rows], width)
    return lines + prose(send_texts(guests["exits"]), width) + [[]]


def guest_text(guests, width, colour=False):
    return "\n".join(paint(line, colour)
                     for line in guest_text_lines(guests, width)).rstrip()


def prose(texts, width, style=""):
    """Sentences, each beginning on a line of its own, with further lines
    indented.
    """
    return [[(line, style)] for text in texts
            for line in textwrap.wrap(text, width, subsequent_indent="  ")]


def named(pairs):
    return [f"{name}: {text}" for name, text in pairs]


def placement_tables(results, placement, width):
    lines = prose([placement_text(results, placement)], width, BOLD) + [[]]
    for ring in results.rings:
        rows = [[(f"ring of {bytes_text(ring)}, ns", BOLD)] +
                [(bytes_text(size), BOLD) for size in results.sizes]]
        for mode in results.modes(placement, ring):
            rows += mode_rows(results, placement, ring, mode)
        if len(rows) > 1:
            lines += layout_table(rows, width)
    if results.trips(placement):
        lines += layout_table(trip_rows(results, placement), width)
    if results.loads(placement):
        lines += layout_table(load_rows(results, placement), width)
    return lines


def limits(results):
    """Each limit and its rate; the tables show the round trips."""
    said = [(f"memcpy in {row['level']}", row) for row in results.memcpy]
    said += [(f"stream {placement.found} ({placement.relation}), ring of "
              f"{bytes_text(ring)}", row)
             for (placement, ring), row in results.stream_limit.items()]
    return [(f"limit, {name}", f"{digits(row['gib_per_s_median'])} GiB/s")
            for name, row in said]


def score_table(results, width):
    if not scores(results):
        return []
    head = [("best peer / vqp", BOLD)] + [(name, BOLD) for name in SCORE_HEAD]
    return layout_table([head] + [
        [(name, "")] + [(text, "") for text in score_texts(score)]
        for name, score in scores(results)], width)


def goal_table(results, width):
    found = verdicts(results)
    if not found:
        return []
    styles = {True: GOOD, False: BAD, None: ""}
    return layout_table([[(name, BOLD) for name in HEAD]] + [
        [(text, styles[one.met]) if i == 4 else (text, "")
         for i, text in enumerate(goal_texts(one))] for one in found],
        width) + prose([goals_summary(found)], width, BOLD) + [[]]


def runs_report(runs, width, colour):
    """The goals over several runs; each run is judged against its own peers.
    """
    head = ["goal", "class", "asked"] + [
        f"run {i + 1}" for i in range(len(runs))] + ["met in"]
    lines = prose([f"run {i + 1}: {results.path}, commit "
                   f"{results.run.get('commit', 'unknown')}"
                   for i, results in enumerate(runs)], width) + [[]]
    lines += layout_table([[(name, BOLD) for name in head]] + [
        [(text, "") for text in row] for row in goals_of_runs(runs)], width)
    return "\n".join(paint(line, colour) for line in lines).rstrip()


def text_report(results, width, colour):
    """All texts, tables first: so the summary ends up just above the prompt.
    """
    lines = prose(named(card(results)), width) + [[]]
    for placement in results.placements:
        lines += placement_tables(results, placement, width)
    if results.driver:
        lines += layout_table(driver_rows(results), width)
    if results.file_stream:
        lines += prose([file_text(results.file_stream)], width, BOLD)
        lines += layout_table(file_rows(results.file_stream), width)
    if results.guests:
        lines += guest_text_lines(results.guests, width)
    lines += prose([f"~ fewer than {FEW_SAMPLES} samples: not judged"] +
                   named(limits(results)) + named(absent(results)) +
                   named(noise(results)) +
                   named(("note", text)
                         for text in results.run.get("notes", [])), width)
    lines += [[]] + goal_table(results, width)
    lines += score_table(results, width)
    lines += prose([verdict(results)], width, BOLD)
    lines += prose([f"warning: {text}" for text in warnings(results)], width,
                   BAD)
    return "\n".join(paint(line, colour) for line in lines)


# ---- Two runs.

# Two machines are alike if these facts agree; other differences are only
# mentioned.
SAME_MACHINE = ("cpu", "cpus_online", "virtual", "hypervisor", "l1d_bytes",
                "l2_bytes", "l3_bytes")
WORTH_A_WORD = (("machine", ("kernel", "os", "transparent_hugepage",
                             "governor")),
                ("run", ("engine_backend", "engine_build_type", "compiler",
                         "flags", "quick", "sched_fifo")))


def differences(a, b, keys):
    return [f"{key}: {a.get(key)!r} and {b.get(key)!r}"
            for key in keys if a.get(key) != b.get(key)]


def change(a, b, measure, deviation=None):
    """How many times faster b is, and whether both deviations hide the change.
    """
    hidden = deviation and (abs(a[measure] - b[measure]) <=
                            a[deviation] + b[deviation])
    ratio = a[measure] / b[measure]
    mark = "~" if hidden or is_few(a) or is_few(b) else ""
    return (times_text(ratio) + mark, "" if mark else style_of(ratio))


def compare(a, b, width, colour):
    """For each case, how many times faster the second run is."""
    unlike = differences(a.machine, b.machine, SAME_MACHINE)
    if unlike:
        raise Fault(f"{a.path} and {b.path} are of unlike machines: " +
                    "; ".join(unlike))
    lines = [[("times as fast as in the first run; ~ within the noise or "
               f"fewer than {FEW_SAMPLES} samples", BOLD)]]
    for name, keys in WORTH_A_WORD:
        for text in differences(a.data[name], b.data[name], keys):
            lines.append([(f"differs, {text}", "")])
    lines.append([])
    common = 0
    for key in sorted(a.throughput.keys() & b.throughput.keys(),
                      key=lambda key: (a.placements.index(key[0]), key[1],
                                       in_order(MODES, key[2]))):
        placement, ring, mode = key
        sizes = sorted(set(a.sizes) & set(b.sizes))
        rows = [[(f"{placement.found} ({placement.relation}), ring of "
                  f"{bytes_text(ring)}, {MODES.get(mode, mode)}", BOLD)],
                [("", "")] + [(bytes_text(size), "") for size in sizes]]
        for line in a.lines:
            first = a.throughput[key].get(line, {})
            second = b.throughput[key].get(line, {})
            both = first.keys() & second.keys()
            common += len(both)
            if both:
                rows.append([("  " + line_name(line), "")] + [
                    change(first[size], second[size], "ns_per_message_median",
                           "ns_per_message_mad") if size in both else ("-", "")
                    for size in sizes])
        if len(rows) > 2:
            lines += layout_table(rows, width)
    timed_a, timed_b = ({**results.latency, **results.open_loop}
                        for results in (a, b))
    for key in sorted(timed_a.keys() & timed_b.keys(),
                      key=lambda key: (len(key), key)):
        placement, ring, size, *rate = key
        kind = f"open loop at {rate_text(*rate)}" if rate else "round trip"
        rows = [[(f"{placement.found} ({placement.relation}), {kind} of "
                  f"{bytes_text(size)}, ring of {bytes_text(ring)}", BOLD)],
                [("", ""), ("mean", "")] +
                [(name, "") for _, name in PERCENTILES]]
        for line in a.lines:
            if line in timed_a[key] and line in timed_b[key]:
                common += 1
                rows.append([("  " + line_name(line), "")] + [
                    change(timed_a[key][line], timed_b[key][line], measure)
                    for measure in ("mean_ns",
                                    *(name for name, _ in PERCENTILES))])
        if len(rows) > 2:
            lines += layout_table(rows, width)
    before = {driver_key(row): row for row in a.driver}
    rows = [[("driver", BOLD)], [("", ""), ("median", "")]]
    for operation, some in by_operation(
            [row for row in b.driver if driver_key(row) in before]):
        rows.append([(operation_name(operation), "")])
        for row in some:
            common += 1
            rows.append([("  " + driver_text(row), ""), change(
                before[driver_key(row)], row, "ns_median", "ns_mad")])
    if len(rows) > 2:
        lines += layout_table(rows, width)
    if common == 0:
        raise Fault(f"{a.path} and {b.path} have no case in common")
    return "\n".join(paint(line, colour) for line in lines).rstrip()


# ---- The command.

def add_part(path, name, part_path):
    """Add to the results, and to their file, what another program measured."""
    data = read_json(path)
    data[name] = read_json(part_path)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


def main(arguments):
    parser = argparse.ArgumentParser(
        description="Print the table of a benchmark run, write its page, "
                    "compare two runs of one machine, or show the goals over "
                    "several.",
        epilog="Exit status: 0 all well, 1 the results hold errors, "
               "2 there is nothing to show.")
    parser.add_argument("results", nargs="?", metavar="RESULTS.json",
                        help="what vqp_bench wrote")
    parser.add_argument("--html", metavar="FILE", help="write the page there")
    parser.add_argument("--file-stream", metavar="FILE.json",
                        help="first add this to RESULTS.json: what "
                             "vqp_file_stream wrote")
    parser.add_argument("--guests", metavar="FILE.json",
                        help="the same, for what guests.py wrote")
    parser.add_argument("--compare", nargs=2, metavar=("A.json", "B.json"),
                        help="how many times faster B is than A, per case")
    parser.add_argument("--goals", nargs="+", metavar="RUN.json",
                        help="the goals over several runs of one machine")
    options = parser.parse_args(arguments)
    if sum(map(bool, (options.results, options.compare, options.goals))) != 1:
        parser.error("give either RESULTS.json, --compare A.json B.json or "
                     "--goals RUN.json...")
    if not options.results and (options.html or options.file_stream or
                                options.guests):
        parser.error("--compare and --goals go with no other option")

    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    try:
        if options.compare:
            first, second = map(Results, options.compare)
            print(compare(first, second, width, colour))
            return 0
        if options.goals:
            print(runs_report(list(map(Results, options.goals)), width,
                              colour))
            return 0
        if options.file_stream:
            add_part(options.results, "file_stream", options.file_stream)
        if options.guests:
            add_part(options.results, "guests", options.guests)
        results = Results(options.results)
        if options.html:
            with open(options.html, "w", encoding="utf-8") as file:
                file.write(html_report(results))
        print(text_report(results, width, colour))
    except Fault as fault:
        print(f"report.py: {fault}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"report.py: {error.filename}: {error.strerror}",
              file=sys.stderr)
        return 2
    intact = all(subject["sha256_ok"] for subject in
                 (results.file_stream or {}).get("subjects", []))
    return 0 if intact and not results.wrong else 1


if __name__ == "__main__":
    # The terminal may have another encoding, or the reader may close the pipe.
    sys.stdout.reconfigure(errors="replace")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
