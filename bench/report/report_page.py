# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Shows a run as one HTML file that needs no other file and no script."""
import html
import math

from report_goals import HEAD, goal_texts, goals_summary, verdicts
from report_guests import INTRO, guest_card, guest_tables, send_texts
from report_results import (
    FEW_SAMPLES, LEVEL, MODES, PERCENTILES, RELATIONS, SCORE_HEAD, absent,
    by_operation, bytes_text, card, cell_text, digits, driver_text, in_order,
    is_wrong, line_name, noise, ns_text, operation_name, operation_text,
    percent_text, placement_order, placement_text, rate_text, row_mark,
    score_texts, scores, times_text, verdict, warnings)


# ---- Charts.

# Light and dark colour, dash and marker, in the order of the subjects.  The
# list always contains all subjects, measured or not, so a subject keeps its
# colour.  Variants of vqp are in the tables only, because they would hide vqp.
# No fact is shown by colour alone.
STYLES = (
    ("#c2410c", "#ff8a4c", "", "circle"),
    ("#0b62b0", "#5aaeff", "", "diamond"),
    ("#007a55", "#34d399", "", "triangle"),
    ("#b0307e", "#f08cc8", "", "plus"),
    ("#8a6a00", "#e6c229", "", "square"),
    ("#6a45c4", "#b09bff", "", "cross"),
    ("#6b7280", "#9ca3af", "2 3", "square"),
    ("#374151", "#d1d5db", "2 3", "triangle"),
    ("#00798c", "#4dd0e1", "8 2", "diamond"),
    ("#7c4a1e", "#d6a071", "8 2", "cross"),
)
COMPAT_DASH = "5 3"
MARKERS = {
    "circle": "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z",
    "square": "M-2.8 -2.8h5.6v5.6h-5.6Z",
    "triangle": "M0 -3.6L3.4 2.6H-3.4Z",
    "diamond": "M0 -3.9L3.9 0L0 3.9L-3.9 0Z",
    "cross": "M-2.8 -2.8L2.8 2.8M-2.8 2.8L2.8 -2.8",
    "plus": "M-3.5 0H3.5M0 -3.5V3.5",
}


class Palette:
    """A class name, a dash and a marker for every line of a run."""

    def __init__(self, results):
        order = [name for name, role in results.roles.items()
                 if role != "variant"]
        order += sorted({line.subject for line in results.lines} -
                        set(results.roles))
        self.lines = [line for line in results.lines
                      if line.subject in order]
        self.names = {line: f"s{i}" for i, line in enumerate(self.lines)}
        self.styles = {line: STYLES[order.index(line.subject) % len(STYLES)]
                       for line in self.lines}

    def css(self, dark):
        return "".join(f".{name}{{--c:{self.styles[line][dark]}}}"
                       for line, name in self.names.items())

    def stroke(self, line):
        dash = (COMPAT_DASH if line.layout == "compat"
                else self.styles[line][2])
        return (f'class="line {self.names[line]}"' +
                (f' stroke-dasharray="{dash}"' if dash else ""))

    def marker(self, line, x, y, tip=""):
        shape = MARKERS[self.styles[line][3]]
        title = f"<title>{html.escape(tip)}</title>" if tip else ""
        return (f'<path class="mark {self.names[line]}" '
                f'transform="translate({x:.1f} {y:.1f})" d="{shape}">'
                f"{title}</path>")

    def legend(self, lines):
        items = "".join(
            '<li><svg width="34" height="12" viewBox="0 0 34 12" '
            f'aria-hidden="true"><path {self.stroke(line)} d="M1 6H33"/>'
            f"{self.marker(line, 17, 6)}</svg> "
            f"{html.escape(line_name(line))}</li>" for line in lines)
        return f'<ul class="legend">{items}</ul>'


class Axis:
    """A logarithmic axis from `low` to `high`, `start` to `end` in pixels."""

    def __init__(self, low, high, start, end, ticks):
        self.low, self.high = low, high
        self.start, self.end = start, end
        self.ticks = [(value, text) for value, text in ticks
                      if low <= value <= high]

    def at(self, value):
        value = min(max(value, self.low), self.high)
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def around(low, high, text):
    """An axis from the round number below `low` to the one above `high`.

    Round numbers begin with 1, 2 or 5; if there are many, only those with 1
    are labelled.
    """
    every = [(step, step * 10.0 ** power)
             for power in range(math.floor(math.log10(low)) - 1,
                                math.ceil(math.log10(high)) + 2)
             for step in (1, 2, 5)]
    first = max(i for i, mark in enumerate(every) if mark[1] <= low)
    last = max(min(i for i, mark in enumerate(every) if mark[1] >= high),
               first + 1)
    few = last - first < 8
    return (every[first][1], every[last][1],
            [(value, text(value)) for step, value in every
             if few or step == 1])


class Chart:
    """Lines over two logarithmic axes, drawn for a phone's width."""

    WIDTH, HEIGHT = 360, 300
    LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 42
    CHARACTER = 7  # the widest character, at 12 px
    count = 0

    def __init__(self, title, x_name, y_name, x, y):
        Chart.count += 1
        self.title, self.x_name, self.y_name = title, x_name, y_name
        self.x = Axis(*x[:2], self.LEFT, self.WIDTH - self.RIGHT, x[2])
        self.y = Axis(*y[:2], self.HEIGHT - self.BOTTOM, self.TOP, y[2])
        self.parts = []

    def curve(self, palette, line, points):
        """A line through points, cut where it first leaves the chart at the
        top.
        """
        inside = next((i for i, point in enumerate(points)
                       if point[1] > self.y.high), len(points))
        path = "L".join(f"{self.x.at(x):.1f} {self.y.at(y):.1f}"
                        for x, y in points[:inside + 1])
        self.parts.append(f'<path {palette.stroke(line)} d="M{path}"/>')

    def mark(self, palette, line, x, y, tip):
        if y <= self.y.high:
            self.parts.append(palette.marker(line, self.x.at(x), self.y.at(y),
                                             f"{line_name(line)}, {tip}"))

    def limit(self, value, text, beside):
        """A level with its name "above left" or "below right" of it."""
        y = self.y.at(value)
        name, x, down = {
            "above left": ("limit-name", self.x.start + 5, -5),
            "below right": ("limit-name end", self.x.end - 5, 14),
        }[beside]
        self.parts.append(
            f'<path class="limit" d="M{self.x.start} {y:.1f}'
            f'H{self.x.end}"/><text class="{name}" x="{x}" '
            f'y="{y + down:.1f}">{html.escape(text)}</text>')

    def svg(self, description):
        base, right = self.y.start, self.x.end
        frame = []
        for value, text in self.y.ticks:
            y = self.y.at(value)
            frame.append(f'<path class="grid" d="M{self.LEFT} {y:.1f}'
                         f'H{right}"/><text class="y" x="{self.LEFT - 6}" '
                         f'y="{y + 4:.1f}">{html.escape(text)}</text>')
        for value, text in self.x.ticks:
            x = self.x.at(value)
            middle = min(x, self.WIDTH - self.CHARACTER / 2 * len(text))
            frame.append(f'<path class="grid" d="M{x:.1f} {self.TOP}V{base}'
                         f'"/><text class="x" x="{middle:.1f}" '
                         f'y="{base + 16}">{html.escape(text)}</text>')
        name = f"chart{Chart.count}"
        return (
            f'<svg class="chart" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" '
            f'role="img" aria-labelledby="{name}t {name}d">'
            f'<title id="{name}t">{html.escape(self.title)}</title>'
            f'<desc id="{name}d">{html.escape(description)}</desc>'
            f'{"".join(frame)}'
            f'<text class="name" x="6" y="14">{html.escape(self.y_name)}'
            f'</text><text class="name end" x="{right}" '
            f'y="{self.HEIGHT - 6}">{html.escape(self.x_name)}</text>'
            f'{"".join(self.parts)}</svg>')


def figure(chart, caption, description):
    return (f"<figure>{chart.svg(description)}"
            f"<figcaption>{html.escape(caption)}</figcaption></figure>")


def throughput_figure(results, palette, placement, ring, mode):
    table = results.throughput[placement, ring, mode]
    rates = [row["gib_per_s_median"] for tables in results.throughput.values()
             for rows in tables.values() for row in rows.values()]
    rates += [row["gib_per_s_median"]
              for row in results.stream_limit.values()]
    caption = f"{MODES[mode]}; ring of {bytes_text(ring)}"
    chart = Chart(f"Throughput, {placement.found}, {caption}",
                  "bytes of a message", "GiB/s",
                  (results.sizes[0] / 1.2, results.sizes[-1] * 1.2,
                   [(size, bytes_text(size).replace(" KiB", "K")
                     .replace(" MiB", "M").replace(" B", ""))
                    for size in results.sizes]),
                  around(min(rates), max(rates), "{:g}".format))
    limit = results.stream_limit.get((placement, ring))
    if limit:
        rate = limit["gib_per_s_median"]
        chart.limit(rate, f"stream limit {digits(rate)}", "above left")
    said = []
    # vqp comes last, so that it is drawn on top.
    for line in reversed(palette.lines):
        rows = [row for size, row in sorted(table.get(line, {}).items())
                if not is_wrong(row)]
        if not rows:
            continue
        chart.curve(palette, line, [
            (row["message_bytes"], row["gib_per_s_median"]) for row in rows])
        for row in rows:
            chart.mark(
                palette, line, row["message_bytes"], row["gib_per_s_median"],
                f"{bytes_text(row['message_bytes'])}: "
                f"{digits(row['gib_per_s_median'])} GiB/s, "
                f"{ns_text(row['ns_per_message_median'])} per message, "
                f"{row['samples']} samples")
        said.append(f"{line_name(line)} "
                    f"{digits(rows[0]['gib_per_s_median'])} to "
                    f"{digits(rows[-1]['gib_per_s_median'])} GiB/s")
    return figure(chart, caption, "; ".join(reversed(said)))


def distribution(histogram):
    """Points (1 / (1 - share not above), upper edge in ns) of a histogram."""
    total = sum(count for _, count in histogram)
    points, below = [], 0
    for edge, count in histogram:
        if count == 0 or edge <= 0:
            continue
        # The slowest trip stands where 1 of `total` would stand.
        points.append((total / max(total - below, 1), edge))
        below += count
        points.append((total / max(total - below, 1), edge))
    return points


def percentile_ticks(high):
    ticks = [(2, "50 %"), (10, "90 %"), (100, "99 %")]
    for i in range(3, math.ceil(math.log10(high)) + 1):
        ticks.append((10 ** i, f"{'99.' + '9' * (i - 2)} %"))
    # With more than five labels, one would overlap the next.
    return ticks if len(ticks) <= 5 else ticks[::2]


def polled(table):
    """Without queues that sleep: they are 100 times slower; the tables have
    them.
    """
    return {line: row for line, row in table.items()
            if row.get("histogram") and row.get("spin") != "block"}


def trip_figure(results, palette, placement, ring, size):
    table = polled(results.latency[placement, ring, size])
    if not table:
        return ""
    curves = {line: distribution(row["histogram"])
              for line, row in table.items()}
    limit = results.line_limit.get(placement)
    fastest = [points[0][1] for points in curves.values()]
    y = around(min(fastest + ([limit["median_ns"]] if limit else [])),
               max(row["p999_ns"] for row in table.values()),
               lambda ns: ns_text(ns, "{:g}".format))
    right = max(x for points in curves.values()
                for x, edge in points if edge <= y[1])
    caption = f"{bytes_text(size)} there and back; ring of {bytes_text(ring)}"
    chart = Chart(f"Round trips, {placement.found}, {caption}",
                  "share of round trips not slower", "time",
                  (1, 1.5 * max(right, 10), percentile_ticks(right)), y)
    if limit:
        chart.limit(limit["median_ns"],
                    f"one cache line {ns_text(limit['median_ns'])}",
                    "below right")
    for line in filter(table.__contains__, reversed(palette.lines)):
        chart.curve(palette, line, curves[line])
        for x, (key, name) in zip((2, 10, 100, 1000), PERCENTILES):
            if x <= right:
                chart.mark(palette, line, x, table[line][key],
                           f"{name}: {ns_text(table[line][key])}")
    said = [f"{line_name(line)} median {ns_text(table[line]['p50_ns'])}, "
            f"p99 {ns_text(table[line]['p99_ns'])}"
            for line in palette.lines if line in table]
    return figure(chart, caption, "; ".join(said))


# ---- The page.

CSS = """
:root{color-scheme:light dark;--bg:#fff;--ink:#1b2027;--soft:#57606a;
--rule:#d5dbe1;--panel:#f5f7f9;--warn:#fff3e0;--warn-ink:#7a3d00;
--h0:#f9b8a0;--h1:#fde0d5;--h2:#eef0f2;--h3:#d9efe4;--h4:#aedfc8;--h5:#7fcbab;
--bar:#c2410c}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1100px;padding:16px;background:var(--bg);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.25rem;margin:2.2em 0 .4em;
border-bottom:1px solid var(--rule)}h3{font-size:1.05rem;margin:1.6em 0 .3em}
p,ul{max-width:80ch}a{color:inherit}code,pre{font:.9em ui-monospace,
monospace}pre{background:var(--panel);padding:10px;overflow-x:auto}
.lead{font-size:1.15rem}.soft,.caption,figcaption,small{color:var(--soft)}
.caption{font-size:.9rem;margin:1em 0 .2em}
.warn{background:var(--warn);color:var(--warn-ink);padding:8px 12px;
border-radius:4px;max-width:none}.warn ul{margin:0;padding-left:1.2em}
dl{display:grid;grid-template-columns:minmax(7em,auto) 1fr;gap:2px 14px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.charts{display:grid;gap:8px 16px;
grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr))}
figure{margin:0;max-width:520px}figcaption{text-align:center;font-size:.9rem}
.chart{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}
.chart text{fill:var(--soft)}.chart .y,.chart .end{text-anchor:end}
.chart .x{text-anchor:middle}.chart .name{fill:var(--ink)}
.grid{stroke:var(--rule)}.limit{stroke:var(--ink);stroke-dasharray:1 3;
stroke-width:1.5}.chart .limit-name{fill:var(--ink);font-size:11px}
.line{fill:none;stroke:var(--c);stroke-width:1.6;stroke-linejoin:round}
.mark{fill:var(--c);stroke:var(--c);stroke-width:1.4}
.s0,.s1{stroke-width:2.2}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;padding:0;
margin:.4em 0;max-width:none;font-size:.9rem}
.legend svg{vertical-align:-1px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;
font-size:.9rem}
th,td{padding:3px 9px;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule)}
th:first-child{text-align:left;position:sticky;left:0;background:var(--bg)}
thead th{border-bottom:2px solid var(--rule)}
td small,th small{display:block;font-weight:400}
.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}
.h3{background:var(--h3)}.h4{background:var(--h4)}.h5{background:var(--h5)}
.heat small{color:inherit}
.key{display:flex;flex-wrap:wrap;gap:4px;font-size:.85rem}
.key span{padding:1px 8px}
td.note{white-space:normal;min-width:15em}
td.bar{width:40%;min-width:120px;text-align:left}
td.bar span{display:block;height:.9em;background:var(--soft)}
td.bar .vqp{background:var(--bar)}
summary{cursor:pointer;color:var(--soft);margin:.4em 0}
@media (max-width:600px){dl{display:block}dd{margin:0 0 .4em}
th,td{padding:3px 6px}
th:first-child{white-space:normal;min-width:8.5em;max-width:10em}}
"""
DARK = """
:root{--bg:#14181d;--ink:#e8ecf0;--soft:#a3adb8;--rule:#343c45;
--panel:#1d232a;--warn:#3a2a12;--warn-ink:#ffcf91;
--h0:#8a3219;--h1:#55291d;--h2:#2a3037;--h3:#1d4536;--h4:#19604a;--h5:#107a5b;
--bar:#ff8a4c}
"""
HEAT = ((0.7, "h0", "below 0.7"), (1 - LEVEL, "h1", f"to {1 - LEVEL:g}"),
        (1 + LEVEL, "h2", f"level, to {1 + LEVEL:g}"), (1.5, "h3", "to 1.5"),
        (3, "h4", "to 3"), (math.inf, "h5", "above 3"))

NOT_SAID = (
    "Round trips are closed-loop: the next message goes out when the answer "
    "to the last one is back. A system that receives at a rate of its own, "
    "whether or not the queue keeps up, sees more than these percentiles: "
    "they omit what would have waited (coordinated omission). The open loops "
    "do not, at two rates.",
    "The two sides are threads of one process that poll, each on a processor "
    "of its own. Waking a sleeping side costs tens of microseconds, whatever "
    "the queue; only the pipe, the socket, the driver's interrupt thread and "
    "the file case, which is two processes, pay it here.",
    "In a virtual machine the hypervisor moves virtual processors between "
    "cores about once a second. Every sample is labelled by a probe before "
    "and after it; what hwloc says of the machine is only a hint there.",
    "Percentiles beyond 99.9 % are mostly the machine: interrupts, and time "
    "that the hypervisor gives to others. The bare cache line has them too.",
    "One machine, one compiler, one afternoon. Take the ratios within a run; "
    "nanoseconds of two machines are not comparable.",
)


def table_html(caption, head, rows, css=""):
    """Cells are (html, class); the first cell of a row is its heading."""
    def row_html(first, *others):
        return (f'<tr><th scope="row">{first[0]}</th>' +
                "".join(f'<td class="{name}">{inner}</td>'
                        for inner, name in others) + "</tr>")

    body = "".join(row_html(*row) for row in rows)
    heads = "".join(f'<th scope="col">{html.escape(text)}</th>'
                    for text in head)
    caption = html.escape(caption)
    return (f'<p class="caption" aria-hidden="true">{caption}</p>'
            f'<div class="scroll" tabindex="0" role="region" '
            f'aria-label="{caption}"><table class="{css}">'
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
            "</div>")


def plain(text):
    return (html.escape(str(text)), "")


def list_html(pairs):
    items = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}"
                    "</dd>" for name, text in pairs)
    return f"<dl>{items}</dl>"


def bullets(texts):
    return ("<ul>" + "".join(f"<li>{html.escape(text)}</li>"
                             for text in texts) + "</ul>")


def details(summary, inner):
    return (f"<details><summary>{html.escape(summary)}</summary>{inner}"
            "</details>")


def throughput_table(results, placement, ring, mode):
    table = results.throughput[placement, ring, mode]
    rows = []
    for line in filter(table.__contains__, results.lines):
        row = [plain(line_name(line))]
        for size in results.sizes:
            cell = table[line].get(size)
            row.append(("", "") if cell is None else (
                f"{digits(cell['ns_per_message_median'])}{row_mark(cell)}"
                f"<small>± {digits(cell['ns_per_message_mad'])}, "
                f"n {cell['samples']}, "
                f"{html.escape(cell.get('spin') or '?')}</small>", ""))
        rows.append(row)
    return table_html(
        f"ns per message: median ± median deviation, samples, polling; "
        f"{MODES[mode]}, ring of {bytes_text(ring)}",
        [""] + [bytes_text(size) for size in results.sizes], rows)


def throughput_html(results, palette):
    parts = ['<h2 id="throughput">Throughput</h2><p>Up and to the left is '
             "better. The dotted line is the limit: the same bytes written by "
             "one processor and read by the other with no queue at all.</p>"]
    for placement in results.placements:
        shown = {mode: [ring for ring in results.rings if
                        (placement, ring, mode) in results.throughput]
                 for mode in MODES}
        if not any(shown.values()):
            continue
        parts.append(
            f"<h3>{html.escape(placement_text(results, placement))}</h3>" +
            palette.legend([line for line in palette.lines if any(
                line in results.throughput[placement, ring, mode]
                for mode in MODES for ring in shown[mode])]))

        def charts(modes):
            return '<div class="charts">' + "".join(
                throughput_figure(results, palette, placement, ring, mode)
                for mode in modes for ring in shown[mode]) + "</div>"

        others = [mode for mode in MODES if mode != "copy" and shown[mode]]
        parts.append(charts(["copy"]))
        if others:
            parts.append(details("More follows; batches; in place",
                                 charts(others)))
        parts.append(details("The same as tables", "".join(
            throughput_table(results, placement, ring, mode)
            for mode in MODES for ring in shown[mode])))
    return "".join(parts)


def trip_table(results, placement, ring, size):
    table = results.latency[placement, ring, size]
    keys = ["mean_ns"] + [key for key, _ in PERCENTILES]
    rows = [[plain(line_name(line))] +
            [plain(digits(table[line][key]) + row_mark(table[line]))
             for key in keys] +
            [plain(f"{table[line]['round_trips']:,}"),
             plain(table[line].get("spin") or "?")]
            for line in filter(table.__contains__, results.lines)]
    return table_html(
        f"round trip, ns: {bytes_text(size)}, ring of {bytes_text(ring)}",
        ["", "mean"] + [name for _, name in PERCENTILES] +
        ["round trips", "polling"], rows)


def latency_html(results, palette):
    parts = ['<h2 id="latency">Round trips</h2><p>Down is better; the curve '
             "says which share of all round trips took no longer. A round "
             "trip is a message there and its answer back, through one queue "
             "each way. The charts end a little above the slowest p99.9; the "
             "tables go to the end, and hold those who sleep in the kernel."
             "</p>"]
    for placement in results.placements:
        trips = results.trips(placement)
        if not trips:
            continue
        parts.append(
            f"<h3>{html.escape(placement_text(results, placement))}</h3>" +
            palette.legend([line for line in palette.lines if any(
                line in polled(results.latency[placement, ring, size])
                for ring, size in trips)]) + '<div class="charts">' + "".join(
                trip_figure(results, palette, placement, *trip)
                for trip in trips) + "</div>" +
            details("The same as tables", "".join(
                trip_table(results, placement, *trip) for trip in trips)))
    return "".join(parts)


def open_loop_html(results):
    if not results.open_loop:
        return ""
    parts = ['<h2 id="open-loop">Open loop</h2><p>A source with a clock of '
             "its own: messages are due at a fixed rate, and the time counts "
             "from when a message was due, however late it was sent. Who "
             "cannot keep up falls behind until the burst of some "
             "milliseconds ends: then only the order of magnitude says "
             "anything.</p>"]
    keys = ["mean_ns"] + [key for key, _ in PERCENTILES]
    for placement in results.placements:
        loads = results.loads(placement)
        if loads:
            parts.append("<h3>" + html.escape(
                placement_text(results, placement)) + "</h3>")
        for load in loads:
            ring, size, rate = load
            table = results.open_loop[placement, *load]
            parts.append(table_html(
                f"from due to received, ns: {bytes_text(size)} at "
                f"{rate_text(rate)}, ring of {bytes_text(ring)}",
                ["", "mean"] + [name for _, name in PERCENTILES] +
                ["timed", "polling"],
                [[plain(line_name(line))] +
                 [plain(digits(table[line][key]) + row_mark(table[line]))
                  for key in keys] +
                 [plain(f"{table[line]['messages']:,}"),
                  plain(table[line].get("spin") or "?")]
                 for line in filter(table.__contains__, results.lines)]))
    return "".join(parts)


def heat_class(ratio):
    return next(name for bound, name, _ in HEAT if ratio <= bound)


def ratio_html(results):
    key = "".join(f'<span class="{name}">{html.escape(text)}</span>'
                  for _, name, text in HEAT)
    parts = ['<h2 id="ratios">vqp against the best peer, and against the '
             "limit</h2><p>Above 1 vqp is faster than the fastest peer of "
             "that very case, which is named below the ratio; the percentage "
             "is how much of the limit vqp reaches. Round trips are judged by "
             f"their median. A ~ marks fewer than {FEW_SAMPLES} samples.</p>"
             f'<p class="key">{key}</p>']
    columns = sorted({s.size for s in results.standings})
    for placement in results.placements:
        rows = {}
        for s in results.standings:
            if s.placement == placement:
                rows.setdefault((s.ring, s.line, s.mode), {})[s.size] = s
        if not rows:
            continue
        order = list(MODES) + ["round_trip"]
        body = []
        for row in sorted(rows, key=lambda row: (
                row[0], results.lines.index(row[1]),
                in_order(order, row[2]))):
            ring, line, mode = row
            cells = [(f"{html.escape(line_name(line))}, "
                      f"{MODES.get(mode, 'round trip')}"
                      f"<small>ring of {bytes_text(ring)}</small>", "")]
            for size in columns:
                s = rows[row].get(size)
                if s is None:
                    cells.append(("", ""))
                    continue
                share = (f"<small>{percent_text(s.of_limit)} of limit</small>"
                         if s.of_limit is not None else "")
                if s.ratio is None:
                    cells.append((f"–<small>no peer</small>{share}", ""))
                    continue
                cells.append((
                    f"{times_text(s.ratio)}{'~' if s.few else ''}<small>"
                    f"{html.escape(line_name(s.peer))}</small>{share}",
                    heat_class(s.ratio)))
            body.append(cells)
        parts.append(table_html(
            placement_text(results, placement),
            [""] + [bytes_text(size) for size in columns], body, "heat"))
    return "".join(parts)


def limits_html(results):
    parts = ['<h2 id="limits">Limits of this machine</h2>']
    if results.memcpy:
        parts.append(table_html(
            "one thread copying, by where the bytes lie",
            ["", "bytes", "GiB/s"],
            [[plain(row["level"]), plain(bytes_text(row["bytes"])),
              plain(digits(row["gib_per_s_median"]))]
             for row in results.memcpy]))
    at = sorted(results.line_limit, key=placement_order)
    if at:
        parts.append(table_html(
            "one cache line, there and back",
            ["", "median ns", "min ns", "samples"],
            [[plain(f"{p.found} ({p.relation})"),
              plain(digits(results.line_limit[p]["median_ns"])),
              plain(digits(results.line_limit[p]["min_ns"])),
              plain(results.line_limit[p]["samples"])]
             for p in at]))
    if results.stream_limit:
        parts.append(table_html(
            "bytes written by one processor and read by the other, no queue",
            ["", "ring", "GiB/s", "samples"],
            [[plain(f"{p.found} ({p.relation})"), plain(bytes_text(ring)),
              plain(digits(row["gib_per_s_median"])),
              plain(row["samples"])]
             for (p, ring), row in sorted(
                 results.stream_limit.items(),
                 key=lambda item: (placement_order(item[0][0]),
                                   item[0][1]))]))
    return "".join(parts)


def driver_html(results):
    if not results.driver:
        return ""
    relation = results.driver[0]["relation"]
    relation = RELATIONS.get(relation, relation)
    parts = ['<h2 id="driver">The driver</h2><p>What the services around the '
             "queue pairs cost. Hub, device and driver core are in one "
             "process, without a hypervisor: it is the time of our own code, "
             "of locks and of waking a thread; a real device adds its exits. "
             "One thread calls; the interrupt thread runs on another "
             f"processor ({html.escape(relation)}). Where each call is timed "
             "the median is that of the bursts' medians, and the percentiles "
             "are of all calls; elsewhere it is that of the bursts' means."
             "</p>"]
    keys = ["ns_median", "ns_mad", "ns_min", "ns_max"] + [
        key for key, _ in PERCENTILES]
    for operation, some in by_operation(results.driver):
        parts.append(
            f"<h3>{html.escape(operation_name(operation))}</h3>"
            f"<p>{html.escape(operation_text(operation))}</p>" + table_html(
                "ns", ["", "median", "median deviation", "min", "max"] +
                [f"{name} of calls" for _, name in PERCENTILES] +
                ["calls", "samples"],
                [[plain(driver_text(row))] +
                 [plain(digits(row[key]) + row_mark(row)
                        if key in row else "–") for key in keys] +
                 [plain(f"{row['calls']:,}"), plain(row["samples"])]
                 for row in some]))
    return "".join(parts)


def file_html(stream):
    if not stream:
        return ""
    best = max(subject["gib_per_s_median"] for subject in stream["subjects"])
    rows = []
    for subject in stream["subjects"]:
        share = subject["gib_per_s_median"] / best if best else 0
        ratio = subject["ratio_to_vqp"]
        rows.append([
            plain(subject["name"]),
            plain(digits(subject["gib_per_s_median"])),
            (f'<span class="{html.escape(subject["name"])}" '
             f'style="width:{100 * share:.1f}%"></span>', "bar"),
            plain(f"{1e3 * subject['seconds_median']:.2f}"),
            plain(f"{1e3 * subject['seconds_min']:.2f} to "
                  f"{1e3 * subject['seconds_max']:.2f}"),
            plain(times_text(ratio) if ratio is not None else "–"),
            plain("ok" if subject["sha256_ok"] else "WRONG")])
    return ('<h2 id="file">A real file between two processes</h2><p>'
            f"{html.escape(stream['file'])}, "
            f"{bytes_text(stream['file_bytes'])}, from memory to memory, "
            f"through a ring (or buffer) of {bytes_text(stream['ring_bytes'])}"
            f"; {stream['rounds']} rounds, the three in turns. The clock runs "
            "from the first byte sent to the last one received; the SHA-256 "
            "is computed afterwards.</p>" + table_html(
                f"SHA-256 {stream['sha256']}",
                ["", "GiB/s", "", "median ms", "min to max", "rate / vqp's",
                 "SHA-256"], rows))


def guests_html(guests):
    if not guests:
        return ""
    parts = ['<h2 id="guests">Linux guests</h2><p>'
             f"{html.escape(INTRO)} {html.escape(guest_card(guests))}.</p>"
             "<p>Instructions are counted by the emulator (-icount), with "
             "those of an idle processor left out, and each is 2 ns there. "
             "It has no caches and no real exits: what a copy or an access "
             "of a register costs on hardware is not in these numbers. "
             "Accesses count a string of bytes through a port as one.</p>"]
    parts += [table_html(caption, head, [
        [(html.escape(text), heat_class(ratio) if ratio else "")
         for text, ratio in row] for row in rows], "heat")
        for caption, head, rows in guest_tables(guests)]
    return "".join(parts) + bullets(send_texts(guests["exits"]))


def score_html(results):
    rows = [[plain(name)] + [plain(text) for text in score_texts(score)] +
            [(html.escape(f"{cell_text(score.lowest)}, against "
                          f"{line_name(score.lowest.peer)}"), "note")]
            for name, score in scores(results)]
    return table_html(
        f"best peer's time / vqp's, by case; level: within {LEVEL:g} of 1",
        ["", *SCORE_HEAD, "lowest at"], rows) if rows else ""


def goals_html(results):
    found = verdicts(results)
    if not found:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in HEAD)
    rows = "".join("<tr>" + "".join(
        f"<td>{html.escape(text)}</td>" for text in goal_texts(one)) + "</tr>"
        for one in found)
    return (f'<h2 id="goals">Goals</h2><p>{goals_summary(found)}. A goal is a '
            "ratio to the best peer of the same case, run and class.</p>"
            f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr>'
            f"</thead><tbody>{rows}</tbody></table></div>")


def html_report(results):
    palette = Palette(results)
    warned = warnings(results)
    warn = f'<div class="warn">{bullets(warned)}</div>' if warned else ""
    missing = absent(results)
    commit = results.run.get("commit", "unknown")
    repeat = "./bench/run" + (" --quick" if results.run.get("quick") else "")
    if commit.endswith("+dirty"):
        repeat = (f"git checkout {commit.removesuffix('+dirty')}"
                  f"  # and what was not committed then\n{repeat}")
    elif commit != "unknown":
        repeat = f"git checkout {commit}\n{repeat}"
    built = [("compiler", f"{results.run.get('compiler', '?')} "
                          f"{results.run.get('flags', '')}"),
             ("Google Benchmark", results.run.get("benchmark_version", "?")),
             ("topology", results.data["topology"].get("synthetic", "?"))]
    peers = [(subject["name"], " ".join(filter(None, (
        subject.get("note"), subject.get("package") and
        f"(package {subject['package']})"))) or "-")
        for subject in results.data["subjects"]
        if subject.get("present", True)]
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>vqp benchmark, commit {html.escape(commit)}</title>
<style>{CSS}{palette.css(False)}
@media (prefers-color-scheme:dark){{{DARK}{palette.css(True)}}}</style></head>
<body><header><p class="soft">vqp benchmark</p>
<h1>VMCI queue pairs beside the queues one would take instead</h1>
<p class="lead">{html.escape(verdict(results))}</p>
{warn}{score_html(results)}{list_html(card(results))}</header><main>
{goals_html(results)}
{throughput_html(results, palette)}
{latency_html(results, palette)}
{open_loop_html(results)}
{ratio_html(results)}
{driver_html(results)}
{file_html(results.file_stream)}
{guests_html(results.guests)}
{limits_html(results)}
<h2 id="noise">Noise</h2>{list_html(noise(results))}
{bullets(results.run.get("notes", []))}
<h2 id="absent">Not measured</h2>
{list_html(missing) if missing else "<p>Nothing is missing.</p>"}
<h2 id="not-said">What the numbers do not say</h2>{bullets(NOT_SAID)}
<h2 id="repeat">Subjects, build, and how to repeat it</h2>
{list_html(peers + built)}
<pre>{html.escape(repeat)}</pre>
<p>The numbers behind this page: <code>results.json</code> beside it. The
method: <code>docs/benchmarks.md</code>.</p>
</main></body></html>
"""
