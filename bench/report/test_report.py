#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Does report.py judge correctly, and cope with what a machine may lack?

Runs alone: python3 bench/report/test_report.py
"""
import contextlib
import html.parser
import io
import json
import math
import os
import re
import tempfile
import unittest

import report
import report_goals
import report_guests
import report_page
import report_results

VARIANTS = ("vqp-near", "vqp-far")
PEERS = ("ck_ring", "boost_spsc_queue", "readerwriterqueue", "atomic_queue",
         "dpdk_ring", "pipe", "unix_socket")
SIZES = (8, 64, 256, 1024, 16384, 65536)
RINGS = (65536, 1048576)
NEAR = {"relation": "same_l3", "class": "near"}
FAR = {"relation": "same_l3", "class": "far"}


def throughput_row(subject, placed, size, ring, ns, **more):
    row = {"subject": subject, "mode": "copy", "layout": None,
           "message_bytes": size, "ring_bytes": ring, "spin": "pause",
           "samples": 31, "ns_per_message_median": ns,
           "ns_per_message_min": 0.9 * ns, "ns_per_message_max": 2 * ns,
           "ns_per_message_mad": 0.05 * ns,
           "gib_per_s_median": size / ns * 1e9 / 2 ** 30, "errors": 0}
    return {**row, **placed, **more}


def latency_row(subject, placed, size, p50, **more):
    # Half of the trips take the median, half of the rest are 1.25 times as
    # slow ...
    histogram = [[p50 * 1.25 ** i, 2 ** (15 - i)] for i in range(16)]
    row = {"subject": subject, "layout": None, "message_bytes": size,
           "ring_bytes": RINGS[0], "spin": "pause", "samples": 31,
           "round_trips": 2 ** 16 - 1, "mean_ns": 1.2 * p50, "p50_ns": p50,
           "p90_ns": 1.6 * p50, "p99_ns": 3 * p50, "p999_ns": 8 * p50,
           "max_ns": histogram[-1][0], "histogram": histogram}
    return {**row, **placed, **more}


def open_loop_row(subject, placed, rate, p50, **more):
    row = latency_row(subject, placed, 64, p50, rate_per_s=rate,
                      messages=10 ** 6, **more)
    del row["histogram"], row["round_trips"]
    return row


def driver_row(operation, transport, count, ns, endpoints=0, **more):
    row = {"operation": operation, "transport": transport, "bytes": count,
           "endpoints": endpoints, "relation": "same_l3", "samples": 31,
           "calls": 10 ** 5, "ns_median": ns, "ns_min": 0.9 * ns,
           "ns_max": 2 * ns, "ns_mad": 0.05 * ns, "errors": 0}
    return {**row, **more}


def sample_driver():
    timed = {"mean_ns": 21e3, "p50_ns": 20e3, "p90_ns": 30e3, "p99_ns": 49e3,
             "p999_ns": 7e4, "max_ns": 1e5}
    return [driver_row("send", transport, count, 70 + count / 40)
            for transport in ("dma", "port")
            for count in (0, 64, 4096, 69608)] + [
                driver_row("dispatch", "dma", 64, 2e4, **timed),
                driver_row("ring_guest", "port", 0, 2e4, **timed),
                driver_row("lookup", "local", 0, 118, endpoints=10000),
                driver_row("pair", "local", 65536, 8e4, **timed)]


def sample_results():
    """A whole run of two classes, with invented but possible numbers."""
    throughput, latency, open_loop = [], [], []
    for placed, factor in ((NEAR, 1), (FAR, 3)):
        for ring in RINGS:
            for size in SIZES:
                def row(subject, ns, **more):
                    throughput.append(throughput_row(
                        subject, placed, size, ring, factor * ns, **more))

                def cost(fixed):
                    return fixed + size / (31 if ring > 65536 else 12)

                for layout, fixed in (("wide", 2), ("compat", 2.4)):
                    row("vqp", cost(fixed), layout=layout)
                    row("vqp", cost(1), layout=layout, mode="copy_more")
                    row("vqp", cost(0.5), layout=layout, mode="copy_batch")
                    row("vqp", cost(1.5), layout=layout, mode="in_place")
                for subject, fixed in (("vqp-near", 1.9), ("vqp-far", 9)):
                    row(subject, cost(fixed))
                row("vmci", cost(40))
                for i, peer in enumerate(PEERS[:5]):
                    if ring > size:
                        row(peer, cost(15 + 3 * i))
                row("boost_spsc_queue", cost(1), mode="copy_batch")
                row("pipe", 500 + 2 * cost(90), spin="block")
                row("unix_socket", 1700 + cost(200), spin="block")
        for size in (8, 64):
            for layout in ("wide", "compat"):
                latency.append(latency_row("vqp", placed, size, 110 * factor,
                                           layout=layout))
            for i, peer in enumerate(PEERS[:5]):
                latency.append(latency_row(peer, placed, size,
                                           (150 + 15 * i) * factor))
            latency.append(latency_row("pipe", placed, size, 9000))
        for rate in (10 ** 7, 2 * 10 ** 7):
            for layout in ("wide", "compat"):
                open_loop.append(open_loop_row(
                    "vqp", placed, rate, 80 * factor, layout=layout))
            for i, peer in enumerate(PEERS[:5]):
                open_loop.append(open_loop_row(peer, placed, rate,
                                               (90 + 15 * i) * factor))
    pairs = [{"relation": relation, "present": relation == "same_l3",
              "cpu_a": 0, "cpu_b": 1} for relation in report_results.RELATIONS]
    return {
        "schema_version": 2,
        "run": {"started_utc": "2026-11-23T21:00:00Z", "seconds": 58.2,
                "quick": True, "rounds": 31, "commit": "2bc05cd",
                "engine_backend": "ck", "engine_build_type": "Release",
                "compiler": "GNU 12.2.0", "flags": "-O3",
                "benchmark_version": "1.7.1", "sched_fifo": True,
                "load_before": [0.1, 0.2, 0.3], "load_after": [1.9, 1, 0.5],
                "steal_percent": 0.3, "samples_total": 20000,
                "samples_moved": 210, "samples_switched": 57,
                "notes": ["The two ends are threads of one process."]},
        "machine": {"cpu": "Example CPU <9>", "cpus_online": 2,
                    "kernel": "6.1.0", "os": "Debian GNU/Linux 12",
                    "virtual": True, "hypervisor": "KVM", "l1d_bytes": 32768,
                    "l2_bytes": 1048576, "l3_bytes": 33554432,
                    "memory_bytes": 8 << 30, "governor": None,
                    "transparent_hugepage": "madvise", "tsc_ghz": 2.6},
        "topology": {"synthetic": "Package:1 L3:1 Core:2 PU:1",
                     "pairs": pairs, "class_thresholds_ns": {}},
        "subjects": [{"name": name, "role": role, "present": True,
                      "package": f"lib{name}-dev", "reason": "",
                      "note": "made up"} for name, role in
                     [("vqp", "vqp")] +
                     [(name, "variant") for name in VARIANTS] +
                     [(name, "peer") for name in PEERS] +
                     [("vmci", "baseline")]],
        "throughput": throughput,
        "latency": latency,
        "open_loop": open_loop,
        "driver": sample_driver(),
        "limits": {
            "memcpy": [{"level": level, "bytes": 1 << bits,
                        "gib_per_s_median": rate} for level, bits, rate in
                       (("l1", 14, 80), ("l2", 18, 50), ("l3", 22, 30),
                        ("dram", 27, 10))],
            "line_round_trip": [{**NEAR, "samples": 60, "median_ns": 90,
                                 "min_ns": 71},
                                {**FAR, "samples": 60, "median_ns": 390,
                                 "min_ns": 330}],
            "stream": [{**placed, "ring_bytes": ring, "samples": 31,
                        "gib_per_s_median": rate}
                       for placed, ring, rate in
                       ((NEAR, 65536, 11.6), (NEAR, 1048576, 31.6),
                        (FAR, 65536, 3.9), (FAR, 1048576, 11))]},
    }


def sample_file_stream():
    return {"schema_version": 1, "file": "cc1plus", "file_bytes": 35464168,
            "ring_bytes": 1048576, "sha256": "32" * 32, "rounds": 21,
            "subjects": [{"name": name, "seconds_median": seconds,
                          "seconds_min": 0.9 * seconds,
                          "seconds_max": 2 * seconds,
                          "gib_per_s_median": 0.033 / seconds,
                          "ratio_to_vqp": 0.0066 / seconds,
                          "sha256_ok": True} for name, seconds in
                         (("vqp", 0.0066), ("pipe", 0.021),
                          ("unix_socket", 0.0116))]}


def guest_row(case, count, stock, ours, **more):
    row = {"case": case, "message_bytes": count, "device": "port"}
    for subject, value in (("stock", stock), ("ours", ours)):
        row.update({subject: value, subject + "_min": 0.9 * value,
                    subject + "_max": 1.1 * value})
    return {**row, **more}


def sample_guests():
    cases = [guest_row("local", 64, 600, 300),
             guest_row("host-trip", 64, 36000, 54000)]
    return {"schema_version": 1, "kernel": "6.1.0-56-cloud-amd64",
            "qemu": "7.2.22", "commit": "2bc05cd", "boots": 3,
            "instructions": cases + [
                guest_row("host-datagram", 64, 36000, 36000, device="mmio")],
            "time": cases,
            "exits": [guest_row("host-datagram", 64, stock, ours, what=what)
                      for what, stock, ours in (
                          ("accesses", 4, 3), ("to_send", 3, 2),
                          ("to_receive", 1, 1), ("irq", 1, 0),
                          ("sent", 1, 1))]}


class Page(html.parser.HTMLParser):
    """A page whose elements must close in order and refer to nothing else."""

    VOID = ("meta", "path")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.references, self.svgs = [], [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.references += [attributes[name] for name in ("src", "href")
                            if name in attributes]
        self.svgs += tag == "svg"
        if tag not in self.VOID or tag == "path":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open, tag)
        self.open.pop()


class ReportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, data, name="results.json"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            if isinstance(data, str):
                file.write(data)
            else:
                json.dump(data, file)
        return path

    def run_report(self, *arguments):
        """Returns status, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = report.main(arguments)
            except SystemExit as stop:
                status = stop.code
        return status, out.getvalue(), err.getvalue()

    def show(self, data):
        """The table and the page of results that report.py must accept."""
        page = os.path.join(self.folder, "report.html")
        status, out, err = self.run_report(self.write(data), "--html", page)
        self.assertEqual((status, err), (0, ""))
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.check_page(text)
        return out, text

    def check_page(self, text):
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertEqual(page.references, [], "the page is self-contained")
        self.assertEqual(len(page.ids), len(set(page.ids)))
        self.assertIsNone(re.search(r"\b(nan|inf|None)\b", text))

    def standings(self, data):
        return report_results.Results(self.write(data)).standings


class Judging(ReportTest):
    def standing(self, data, **wanted):
        found = [s for s in self.standings(data)
                 if s.line == report_results.Line("vqp", "wide") and
                 all(getattr(s, key) == value
                     for key, value in wanted.items())]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_the_best_peer_is_the_fastest_of_the_case(self):
        s = self.standing(sample_results(), mode="copy", size=8,
                          ring=1048576, placement=report_results.Placement(
                              "same_l3", "near"))
        self.assertEqual(s.peer.subject, "ck_ring")
        self.assertAlmostEqual(s.ratio, (15 + 8 / 31) / (2 + 8 / 31))

    def test_a_mode_no_peer_offers_has_no_ratio(self):
        s = self.standing(sample_results(), mode="in_place", size=8,
                          ring=65536, placement=report_results.Placement(
                              "same_l3", "near"))
        self.assertIsNone(s.ratio)
        self.assertIsNone(s.peer)
        self.assertGreater(s.of_limit, 0)

    def test_more_follows_is_held_against_copies_one_by_one(self):
        s = self.standing(sample_results(), mode="copy_more", size=8,
                          ring=1048576, placement=report_results.Placement(
                              "same_l3", "near"))
        self.assertEqual(s.peer.subject, "ck_ring")
        self.assertAlmostEqual(s.ratio, (15 + 8 / 31) / (1 + 8 / 31))

    def test_variants_and_baselines_are_shown_and_are_no_peers(self):
        data = sample_results()
        for row in data["throughput"] + data["latency"]:
            if row["subject"] in VARIANTS + ("vmci",):
                row.update(ns_per_message_median=0.01, p50_ns=0.01)
        self.assertFalse({s.peer.subject for s in self.standings(data)
                          if s.peer} - set(PEERS))
        self.assertEqual({s.line.subject for s in self.standings(data)},
                         {"vqp"})
        out, text = self.show(data)
        for name in VARIANTS + ("vmci",):
            self.assertIn(f"  {name} ", out)
            self.assertIn(name, text)

    def test_the_first_schema_had_vqp_and_its_peers(self):
        data = sample_results()
        data["schema_version"] = 1
        for subject in data["subjects"]:
            del subject["role"]
        results = report_results.Results(self.write(data))
        self.assertEqual(results.role(report_results.Line("vqp", "")), "vqp")
        self.assertEqual(results.role(report_results.Line("dpdk_ring", "")),
                         "peer")

    def test_round_trips_are_judged_by_median_and_line(self):
        s = self.standing(sample_results(), mode="round_trip", size=8,
                          placement=report_results.Placement("same_l3",
                                                             "near"))
        self.assertAlmostEqual(s.ratio, 150 / 110)
        self.assertAlmostEqual(s.of_limit, 90 / 110)

    def test_a_case_of_one_sample_is_shown_and_not_judged(self):
        data = sample_results()
        for row in data["throughput"]:
            if row["subject"] == "vqp" and row["class"] == "near":
                row["samples"] = 1
        out, text = self.show(data)
        self.assertIn("~", out)
        self.assertNotIn("near (same_l3), vqp wide, throughput", out)
        self.assertIn("far (same_l3), vqp wide, throughput", out)

    def test_a_peer_of_one_sample_is_not_the_best_one(self):
        data = sample_results()
        for row in data["throughput"]:
            if row["subject"] == "ck_ring":
                row["samples"] = 1
        self.assertNotIn("ck_ring", {s.peer.subject for s in
                                     self.standings(data)
                                     if s.peer and s.mode == "copy"})

    def test_wrong_messages_are_named_and_fail_the_report(self):
        data = sample_results()
        row = next(row for row in data["throughput"]
                   if row["subject"] == "ck_ring")
        row["errors"] = 3
        status, out, _ = self.run_report(self.write(data))
        self.assertEqual(status, 1)
        self.assertIn("!", out)
        self.assertIn("warning: ck_ring delivered 3 wrong messages", out)

    def test_a_driver_that_failed_fails_the_report(self):
        data = sample_results()
        data["driver"][0]["errors"] = 1
        status, out, _ = self.run_report(self.write(data))
        self.assertEqual(status, 1)
        self.assertIn("warning: datagram to a program failed (DMA, 0 B)", out)

    def test_a_disturbed_run_is_called_so(self):
        data = sample_results()
        data["run"]["steal_percent"] = 4
        data["run"]["samples_switched"] = 9000
        out, text = self.show(data)
        self.assertIn("took 4 % of the time", out)
        self.assertIn("45 % of the samples", text)


class Lacking(ReportTest):
    def test_everything(self):
        data = sample_results()
        data["file_stream"] = sample_file_stream()
        out, text = self.show(data)
        self.assertIn("cc1plus", out)
        self.assertIn("Example CPU &lt;9&gt;", text)
        self.assertIn("no two processors: related as same_core", out)
        self.assertIn("datagram to a callback", out)
        self.assertIn('id="driver"', text)
        self.assertEqual(Page(text).svgs, text.count("</svg>"))

    def test_one_class(self):
        data = sample_results()
        for name in ("throughput", "latency", "open_loop"):
            data[name] = [row for row in data[name] if row["class"] == "far"]
        out, _ = self.show(data)
        self.assertIn("never measured as near or far as: smt, near", out)

    def test_no_peer_at_all(self):
        data = sample_results()
        for name in ("throughput", "latency", "open_loop"):
            data[name] = [row for row in data[name]
                          if row["subject"] == "vqp"]
        for subject in data["subjects"][1 + len(VARIANTS):]:
            subject.update(present=False, reason="not installed")
        out, _ = self.show(data)
        self.assertIn("no ck_ring: not installed (package libck_ring-dev)",
                      out)
        self.assertIn("No case holds samples enough", out)

    def test_an_unknown_peer_and_sizes(self):
        data = sample_results()
        data["throughput"] += [throughput_row("newer", NEAR, size, 4096, 9.5)
                               for size in (12, 96)]
        out, _ = self.show(data)
        self.assertIn("newer", out)

    def test_no_driver(self):
        data = sample_results()
        del data["driver"]
        out, text = self.show(data)
        self.assertNotIn("driver, ns", out)
        self.assertNotIn('id="driver"', text)

    def test_only_the_driver(self):
        data = sample_results()
        for name in ("throughput", "latency", "open_loop"):
            data[name] = []
        data["limits"] = {}
        data["driver"].append(driver_row("newer", "pigeon", 8, 3e9))
        out, text = self.show(data)
        self.assertRegex(out, r"ports, 69608 B +1810 +1629 +3620\n")
        self.assertRegex(out, r"among 10000 +118 ")
        self.assertRegex(out, r"\n  ports +20000 .* 20000 +49000\n")
        self.assertIn("pigeon, 8 B", out)
        self.assertLess(out.index("ports, 0 B"), out.index("DMA, 0 B"))
        self.assertIn("p99.9 of calls", text)

    def test_no_limits(self):
        data = sample_results()
        data["limits"] = {"memcpy": [], "line_round_trip": [], "stream": []}
        self.show(data)

    def test_only_round_trips(self):
        data = sample_results()
        data["throughput"] = []
        self.show(data)

    def test_only_open_loops(self):
        data = sample_results()
        data["throughput"] = data["latency"] = []
        out, text = self.show(data)
        self.assertIn("64 B at 20 M/s, ring of 64 KiB", out)
        self.assertIn("1.12×", out)  # 90 / 80
        self.assertIn("64 B at 20 M/s, ring of 64 KiB", text)

    def test_only_one_message_size(self):
        data = sample_results()
        data["latency"] = data["open_loop"] = []
        data["throughput"] = data["throughput"][:1]
        self.show(data)

    def test_only_limits(self):
        data = sample_results()
        data["throughput"] = data["latency"] = data["open_loop"] = []
        out, _ = self.show(data)
        self.assertIn("limit, memcpy in l1: 80.0 GiB/s", out)

    def test_no_histogram(self):
        data = sample_results()
        for row in data["latency"]:
            row["histogram"] = []
        self.show(data)

    def test_cells_without_samples_are_left_out(self):
        data = sample_results()
        for row in data["throughput"]:
            if row["subject"] == "pipe":
                row.update(samples=0, ns_per_message_median=None)
        out, _ = self.show(data)
        table = out[:out.index("round trip")]
        self.assertNotIn("pipe", table)

    def test_bare_results(self):
        data = {"schema_version": 1, "throughput":
                sample_results()["throughput"]}
        self.show(data)

    def test_empty_file(self):
        data = sample_results()
        data["file_stream"] = sample_file_stream()
        data["file_stream"]["file_bytes"] = 0
        for subject in data["file_stream"]["subjects"]:
            subject.update(seconds_median=0, gib_per_s_median=0,
                           ratio_to_vqp=None)
        self.show(data)


class Refusing(ReportTest):
    def refused(self, data, *words):
        path = (data if isinstance(data, str) and data.startswith("/")
                else self.write(data))
        status, out, err = self.run_report(path)
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err.count("\n"), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_missing_file(self):
        self.refused("/nonexistent/results.json", "No such file")

    def test_not_json(self):
        self.refused("{", "not JSON")
        self.refused("", "not JSON")
        self.refused("[]", "not a JSON object")

    def test_another_schema(self):
        data = sample_results()
        data["schema_version"] = 3
        self.refused(data, "schema_version is 3, not one of 1, 2")

    def test_no_results(self):
        self.refused({"schema_version": 1}, "holds no results")
        data = sample_results()
        for row in (data["throughput"] + data["latency"] +
                    data["open_loop"] + data["driver"]):
            row["samples"] = 0
        del data["limits"]
        self.refused(data, "holds no results")

    def test_rows_of_another_form(self):
        for key, value in (("ns_per_message_median", None),
                           ("message_bytes", "8"), ("relation", None),
                           ("gib_per_s_median", math.inf),
                           ("ring_bytes", 0)):
            data = sample_results()
            data["throughput"][3][key] = value
            self.refused(data, "throughput[3] has", f"'{key}'")
        self.refused({"schema_version": 1, "throughput": {}}, "not a list")
        self.refused({"schema_version": 1, "throughput": [7]},
                     "throughput[0] is not an object")
        self.refused({"schema_version": 1, "run": []}, "'run'")
        self.refused({"schema_version": 2, "subjects": [
            {"name": "vqp", "role": "judge"}]}, "subjects[0]", "'judge'")
        data = sample_results()
        data["latency"][0]["histogram"] = [[1, 2, 3]]
        self.refused(data, "latency[0]", "histogram")
        data = sample_results()
        data["driver"][2]["bytes"] = -1
        self.refused(data, "driver[2] has no number 'bytes'")
        data = sample_results()
        data["throughput"][3]["by_spin"] = {"pause": {"samples": 3}}
        self.refused(data, "throughput[3]", "by_spin")
        data = sample_results()
        data["file_stream"] = {"schema_version": 1, "subjects": []}
        self.refused(data, "file_stream")

    def test_usage(self):
        path = self.write(sample_results())
        for arguments in ((), ("--bogus",), (path, "--compare", path, path),
                          ("--compare", path, path, "--html", "x")):
            status, _, err = self.run_report(*arguments)
            self.assertEqual(status, 2)
            self.assertIn("usage:", err)

    def test_unwritable_page(self):
        status, _, err = self.run_report(self.write(sample_results()),
                                         "--html", "/nonexistent/page.html")
        self.assertEqual(status, 2)
        self.assertIn("/nonexistent/page.html: No such file", err)


class Merging(ReportTest):
    def test_the_file_case_is_added_to_the_results(self):
        path = self.write(sample_results())
        stream = self.write(sample_file_stream(), "stream.json")
        status, out, _ = self.run_report(path, "--file-stream", stream)
        self.assertEqual(status, 0)
        self.assertIn("cc1plus", out)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["file_stream"],
                             sample_file_stream())

    def test_a_wrong_hash_fails_the_report(self):
        data = sample_results()
        data["file_stream"] = sample_file_stream()
        data["file_stream"]["subjects"][1]["sha256_ok"] = False
        status, out, _ = self.run_report(self.write(data))
        self.assertEqual(status, 1)
        self.assertIn("warning: pipe did not deliver the file", out)


class Guests(ReportTest):
    def test_tables_and_page(self):
        data = sample_results()
        data["guests"] = sample_guests()
        out, text = self.show(data)
        self.assertRegex(out, r"stream within the guest, 64 B +600 +300 "
                         r"+0\.50× +1200 +600\n")
        self.assertRegex(out, r"round trip with the host, 64 B +36000 "
                         r"+54000 +1\.50×")
        self.assertRegex(out, r"host and back, 64 B +4\.00 +3\.00 +0\.75×")
        self.assertIn("accesses to send a datagram: stock 3.00, ours 2.00",
                      out)
        self.assertIn('id="guests"', text)
        self.assertNotIn('id="guests"', self.show(sample_results())[1])

    def test_fewer_is_better(self):
        one, other = report_guests.guest_tables(sample_guests())[0][2], \
            report_guests.guest_tables(sample_guests())[1][2]
        self.assertEqual(one[0][3], ("0.50×", 2))
        self.assertAlmostEqual(other[0][3][1], 1 / 1.5)

    def test_they_are_added_to_the_results(self):
        path = self.write(sample_results())
        guests = self.write(sample_guests(), "guests.json")
        status, out, _ = self.run_report(path, "--guests", guests)
        self.assertEqual(status, 0)
        self.assertIn("Linux 6.1.0-56-cloud-amd64", out)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["guests"], sample_guests())

    def test_not_of_the_schema(self):
        for change in (lambda guests: guests.pop("time"),
                       lambda guests: guests.pop("boots"),
                       lambda guests: guests["time"][0].pop("case"),
                       lambda guests: guests["time"][0].update(stock=0),
                       lambda guests: guests["exits"][0].update(ours="3")):
            data = sample_results()
            data["guests"] = sample_guests()
            change(data["guests"])
            status, out, err = self.run_report(self.write(data))
            self.assertEqual((status, out), (2, ""))
            self.assertIn("guests", err)


class Comparing(ReportTest):
    def compare(self, a, b):
        return self.run_report("--compare", self.write(a, "a.json"),
                               self.write(b, "b.json"))

    def test_twice_as_fast(self):
        a, b = sample_results(), sample_results()
        for row in b["throughput"]:
            if row["subject"] == "vqp":
                row["ns_per_message_median"] /= 2
        status, out, _ = self.compare(a, b)
        self.assertEqual(status, 0)
        for line in out.splitlines():
            if line.startswith("  vqp ") and "×" in line.split()[2]:
                self.assertIn(line.split()[2], ("2.00×", "1.00×"))
        self.assertIn("2.00×", out)

    def test_open_loops_are_compared(self):
        a, b = sample_results(), sample_results()
        for data in (a, b):
            data["throughput"] = data["latency"] = []
        for row in b["open_loop"]:
            row["p50_ns"] /= 4
        status, out, _ = self.compare(a, b)
        self.assertEqual(status, 0)
        self.assertIn("open loop at 20 M/s of 64 B", out)
        self.assertRegex(out, r"vqp wide +1\.00× +4\.00×")

    def test_the_driver_is_compared(self):
        a, b = sample_results(), sample_results()
        for row in b["driver"]:
            row["ns_median"] /= 2
        del a["driver"][0]
        status, out, _ = self.compare(a, b)
        self.assertEqual(status, 0)
        out = out[out.index("driver"):]
        self.assertRegex(out, r"\n  ports, 0 B +2\.00×\n")
        self.assertNotIn("DMA, 0 B", out)

    def test_a_change_within_the_noise_is_marked(self):
        a, b = sample_results(), sample_results()
        for row in b["throughput"]:
            row["ns_per_message_median"] *= 1.01
        _, out, _ = self.compare(a, b)
        self.assertIn("0.99×~", out)
        self.assertNotIn("0.99× ", out)

    def test_unlike_machines(self):
        b = sample_results()
        b["machine"]["l3_bytes"] *= 2
        status, out, err = self.compare(sample_results(), b)
        self.assertEqual((status, out), (2, ""))
        self.assertIn("unlike machines: l3_bytes: 33554432 and 67108864", err)

    def test_other_kernel_is_worth_a_word(self):
        b = sample_results()
        b["machine"]["kernel"] = "6.2.0"
        status, out, _ = self.compare(sample_results(), b)
        self.assertEqual(status, 0)
        self.assertIn("differs, kernel: '6.1.0' and '6.2.0'", out)

    def test_nothing_in_common(self):
        a, b = sample_results(), sample_results()
        a["latency"], b["throughput"], b["open_loop"] = [], [], []
        b["driver"] = []
        status, _, err = self.compare(a, b)
        self.assertEqual(status, 2)
        self.assertIn("no case in common", err)


class Goals(ReportTest):
    def verdict(self, data, name, found="near"):
        results = report_results.Results(self.write(data))
        return {(one.goal, one.found): one for one in
                report_goals.verdicts(results)}[name, found]

    def test_a_goal_is_a_ratio_to_the_best_peer(self):
        data = sample_results()
        one = self.verdict(data, "8 B, per call")
        fast = 2 + 8 / 31
        self.assertAlmostEqual(one.ratio, (15 + 8 / 31) / fast)
        self.assertTrue(one.met)
        self.assertEqual(one.against, PEERS[0])
        for row in data["throughput"]:
            if row["subject"] == PEERS[3] and row["mode"] == "copy":
                row["ns_per_message_median"] = 1.0
        one = self.verdict(data, "8 B, per call")
        self.assertFalse(one.met)
        self.assertEqual(one.against, PEERS[3])

    def test_more_is_held_against_copies(self):
        one = self.verdict(sample_results(), "256 B, MORE")
        self.assertAlmostEqual(one.ratio,
                               (15 + 256 / 31) / (1 + 256 / 31))

    def test_round_trips_go_by_their_means(self):
        data = sample_results()
        for row in data["latency"]:
            if row["subject"] == PEERS[0]:
                row["mean_ns"] = 1
        self.assertLess(self.verdict(data, "round trip, 8 B").ratio, 0.01)

    def test_the_baseline_is_no_peer(self):
        data = sample_results()
        for row in data["throughput"]:
            if row["subject"] == "vmci":
                row["ns_per_message_median"] = 0.5
        self.assertTrue(self.verdict(data, "8 B, per call").met)
        one = self.verdict(data, "kernel queue, 8 B")
        self.assertEqual((one.met, one.against), (False, "vmci"))

    def test_the_worst_case_of_the_adaptive_choice(self):
        data = sample_results()
        one = self.verdict(data, "adaptive choice, worst case")
        self.assertAlmostEqual(one.ratio, (1.9 + 8 / 31) / (2 + 8 / 31))
        for row in data["throughput"]:
            if (row["subject"] == "vqp-far" and row["class"] == "far" and
                    row["message_bytes"] == 1024):
                row["ns_per_message_median"] = 1
        one = self.verdict(data, "adaptive choice, worst case", "far")
        self.assertEqual((one.met, one.against), (False, "vqp-far"))
        self.assertIn("1 KiB", one.by)

    def rows_of_the_adaptive_choice(self, data, spin, **more):
        for row in data["throughput"]:
            if row["subject"] == "vqp" and row["layout"] == "wide":
                row.update(spin=spin, **more)

    def test_the_adaptive_choice_polls_as_those_who_are_told(self):
        name = "adaptive choice, worst case"
        data = sample_results()
        self.rows_of_the_adaptive_choice(
            data, "tight", by_spin={
                "tight": {"samples": 31, "ns_per_message_median": 0.5},
                "pause": {"samples": 31, "ns_per_message_median": 1e6}})
        self.assertLess(self.verdict(data, name).ratio, 0.01)
        # Facts that are unknown when a row has only the better way to wait.
        for row in data["throughput"]:
            row.pop("by_spin", None)
        self.assertIsNone(self.verdict(data, name).met)

    def test_a_way_to_poll_of_few_samples_is_not_judged(self):
        data = sample_results()
        self.rows_of_the_adaptive_choice(
            data, "tight", by_spin={
                "tight": {"samples": 31, "ns_per_message_median": 0.5},
                "pause": {"samples": 2, "ns_per_message_median": 1e6}})
        self.assertIsNone(
            self.verdict(data, "adaptive choice, worst case").met)

    def test_the_worst_share_of_the_limit(self):
        data = sample_results()
        before = self.verdict(data, "share of stream limit, 1 KiB+")
        for row in data["throughput"]:
            if row["subject"] == "vqp" and row["message_bytes"] == 16384:
                row["ns_per_message_median"] *= 10
        after = self.verdict(data, "share of stream limit, 1 KiB+")
        self.assertLess(after.ratio, 0.2 * before.ratio)
        self.assertIn("16 KiB", after.by)

    def test_an_open_loop_near_and_far(self):
        data = sample_results()
        data["open_loop"] = [
            latency_row(subject, placed, 64, p50, rate_per_s=10_000_000,
                        messages=1000)
            for placed, ours in ((NEAR, 105), (FAR, 2100))
            for subject, p50 in (("vqp", ours), (PEERS[0], 100))]
        self.assertTrue(self.verdict(data, "open loop 10 M/s, p50").met)
        one = self.verdict(data, "open loop 10 M/s, 2 us / p50", "far")
        self.assertFalse(one.met)
        self.assertAlmostEqual(one.ratio, 2000 / 2100)

    def test_too_few_samples_are_not_measured(self):
        data = sample_results()
        for row in data["throughput"]:
            row["samples"] = report_results.FEW_SAMPLES - 1
        one = self.verdict(data, "8 B, per call")
        self.assertIsNone(one.met)
        self.assertIsNone(one.ratio)

    def test_the_second_fastest_peer_does_not_stand_in(self):
        data = sample_results()
        for row in data["throughput"]:
            if row["subject"] == PEERS[0] and row["mode"] == "copy":
                row["samples"] = report_results.FEW_SAMPLES - 1
        for name in ("8 B, per call", "8 B, MORE", "64 KiB"):
            one = self.verdict(data, name)
            self.assertEqual((one.met, one.ratio, one.against),
                             (None, None, ""))
        # A case slower than the fastest may have any number of samples.
        for row in data["throughput"]:
            if row["subject"] == PEERS[0]:
                row["ns_per_message_median"] *= 100
        self.assertEqual(self.verdict(data, "8 B, per call").against,
                         PEERS[1])

    def test_several_runs(self):
        a, b = sample_results(), sample_results()
        for row in b["throughput"]:
            if row["subject"] == "vqp":
                row["ns_per_message_median"] *= 100
        paths = self.write(a, "a.json"), self.write(b, "b.json")
        status, out, _ = self.run_report("--goals", *paths)
        self.assertEqual(status, 0)
        self.assertRegex(out, r"8 B, per call +near .* 1 of 2\n")
        self.assertIn("run 2: " + paths[1], out)
        status, _, err = self.run_report("--goals", *paths, "--html", "x")
        self.assertEqual(status, 2)
        self.assertIn("no other option", err)


class Drawing(ReportTest):
    def test_a_narrow_screen_gets_every_column(self):
        results = report_results.Results(self.write(sample_results()))
        text = report.text_report(results, 60, False)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 60, line)
        for size in SIZES:
            self.assertIn(report_results.bytes_text(size), text)

    def test_colour_only_where_asked(self):
        results = report_results.Results(self.write(sample_results()))
        self.assertNotIn("\x1b", report.text_report(results, 100, False))
        self.assertIn("\x1b[32m", report.text_report(results, 100, True))

    def test_the_distribution_ends_at_the_slowest(self):
        points = report_page.distribution([[100, 90], [200, 9], [900, 1]])
        self.assertEqual(points[0], (1, 100))
        self.assertIn((10, 100), points)
        self.assertIn((10, 200), points)
        self.assertEqual(points[-1], (100, 900))

    def test_three_digits(self):
        for value, text in ((0, "0"), (0.01234, "0.0123"), (2.513, "2.51"),
                            (44.31, "44.3"), (612.4, "612"),
                            (75556, "75556")):
            self.assertEqual(report_results.digits(value), text)

    def test_labels_stay_inside_and_apart(self):
        ticks = [value for value, _ in report_page.percentile_ticks(10 ** 7)]
        self.assertLessEqual(len(ticks), 5)


if __name__ == "__main__":
    unittest.main()
