#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Plant faults everywhere, by rule, and see which of them the tests miss.

    sweep.py FOLDER [options] [FILE...]

Copies the tree into FOLDER with all faults of operators.py in it, builds it
once, records which faults each test reaches, and runs these tests for each
fault until one fails.  FILE limits it to files whose path has that text in it.

    --sample N      draw N faults that are not judged yet
    --seed N        seed of the draw; else the name of the commit
    --sanitize      build with AddressSanitizer and UndefinedBehaviorSanitizer
    --slowest N     leave out tests that take more seconds; 30
    --tests PATTERN only tests whose names it matches
    --each N        seconds that one fault may take; 1000
    --again FILE    only faults that survived in the journal FILE
    --minutes N     stop after that; a run with the same FOLDER goes on
    --report FILE   no run: what the journals FOLDER/journal* hold, to FILE
    --jobs N        at the same time; as many as there are processors
    --least N       fail if fewer of a hundred faults are noticed; 100

Results are kept in FOLDER/journal, one line a fault.  Survivors that are
judged in judged.txt do not count.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import threading
import time

import operators

from run import commit

ROOT = pathlib.Path(__file__).resolve().parents[2]
JUDGED = ROOT / "tests" / "mutants" / "judged.txt"
ENGINE = ["-Iengine/include", "-Iengine/atomic/gnu"]
DRIVER = ENGINE + ["-Idriver/os", "-Idriver/core", "-Idriver/device",
                   "-Idriver/host", "-Itests/support/os",
                   "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64"]
# The places for faults: sources, which clang reads, and their headers.
PLACES = ["engine/*.c", "engine/include/vqp/*.h", "driver/core/*.[ch]",
          "driver/device/*.[ch]", "driver/host/*.[ch]"]
ROUNDS = 8          # rounds of building without faults that do not compile
SLOWEST = 30        # processor seconds; a slower test is left out
WORLDS = "20"       # of the simulator
TESTS_OUT = re.compile(r"\.ck$|\.long$|^stress_kill|^sim_main\.twice")


def key_of(fault, count):
    return "%s:%s:%s:%s#%d" % (fault.file, fault.function, fault.operator,
                               fault.text[:60], count)


class Planted:
    """The copy of the tree, with all its faults."""

    places = PLACES
    switch = operators.SWITCH

    def __init__(self, folder, only):
        self.tree = folder / "tree"
        self.texts, self.sites = {}, {}
        self.faults = {}            # number: (Fault, key)
        self.unfit = set()          # numbers
        self.plan(only)
        self.copy_all()

    def copy_all(self):
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True,
                               stdout=subprocess.PIPE, text=True).stdout
        for name in filter(None, names.split("\0")):
            self.copy(name)

    def copy(self, name):
        """Unchanged files keep their time stamps, for the build."""
        source, to = ROOT / name, self.tree / name
        if not source.is_file() or (to.exists() and (
                name in self.texts or
                to.read_bytes() == source.read_bytes())):
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to)

    def plan(self, only):
        names = [str(path.relative_to(ROOT)) for pattern in self.places
                 for path in sorted(ROOT.glob(pattern))]
        texts = {name: (ROOT / name).read_text() for name in names
                 if not only or any(part in name for part in only)}
        os.chdir(ROOT)
        number, seen = 0, collections.Counter()
        found, spans = {}, collections.defaultdict(list)
        for source in names:
            for flags in self.flags(source) if source.endswith(".c") else ():
                more, where = operators.sites(source, flags, texts)
                for name in more:
                    # Each file that includes a header reads it: plant each
                    # place only once.
                    for site in more[name]:
                        found.setdefault(name, {}).setdefault(
                            (site.start, site.end, site.operator), site)
                    spans[name] += where[name]
        for name in sorted(found):
            text = self.texts[name] = texts[name]
            self.sites[name] = []
            for _, site in sorted(found[name].items()):
                number += 1
                fault = operators.described(name, text, site, spans[name])
                key = key_of(fault, 0)
                seen[key] += 1
                self.faults[number] = (fault, key_of(fault, seen[key]))
                self.sites[name].append((number, site))
        if number >= operators.FAULTS_MAX:
            sys.exit("sweep: %d faults are too many" % number)

    def flags(self, source):
        """The arguments for clang: one list for each time that it reads the
        file.
        """
        yield DRIVER

    def write(self):
        for name, text in self.texts.items():
            changed = operators.rewrite(text, [
                one for one in self.sites[name] if one[0] not in self.unfit])
            path = self.tree / name
            if path.read_text() != changed:
                path.write_text(changed)
        header = self.tree / "fault.h"
        if not header.exists():
            header.write_text(self.switch % operators.FAULTS_MAX)

    def configure(self, sanitize):
        flags = "-O1 -w -include %s/fault.h" % self.tree
        command = ["cmake", "-G", "Ninja", "-S", self.tree, "-B",
                   self.tree / "build", "-DCMAKE_BUILD_TYPE=None",
                   "-DVQP_BACKENDS=gnu", "-DCMAKE_C_FLAGS=" + flags]
        if sanitize:
            command.append("-DVQP_SANITIZE=address,undefined")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def compile(self):
        return subprocess.run(
            ["ninja", "-C", self.tree / "build", "-k", "0"],
            stdout=subprocess.PIPE, text=True, errors="replace")

    def build(self, sanitize):
        self.write()
        self.configure(sanitize)
        for _ in range(ROUNDS):
            done = self.compile()
            if done.returncode == 0:
                return
            lines = re.findall(r"^(\S+?):(\d+):\d+: error",
                               done.stdout, re.M)
            before = len(self.unfit)
            for number, (fault, _) in self.faults.items():
                if any(path.endswith(fault.file) and line == str(fault.line)
                       for path, line in lines):
                    self.unfit.add(number)
            if len(self.unfit) == before:
                sys.exit("sweep: does not build:\n" + done.stdout[-3000:])
            self.write()
        sys.exit("sweep: still does not build")


class Test:
    """One case of a program, or a program that has none."""

    def __init__(self, name, command, folder):
        self.name, self.folder = name, folder
        self.command = command
        self.seconds = 30
        self.comes_by = set()

    def run(self, seconds, **environment):
        """None if it passed, or how it failed."""
        # A loop without end may cost a few seconds, and no memory.
        process = subprocess.Popen(
            ["sh", "-c", "ulimit -c 0 -t %d; exec \"$@\"" % (
                1 + 4 * self.seconds), "sh", *self.command], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            process_group=0, env={**os.environ, **environment})
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = "hangs"
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()
        return None if status in (0, 77) else str(status)

    def try_out(self, folder, slowest):
        """Measure its time, and find the faults it reaches.  False: the test
        is useless.  Results of an earlier run are used again.
        """
        seen = folder / re.sub(r"\W", "_", self.name)
        time_of = seen.with_suffix(".time")
        wrong = None
        if not time_of.exists() or time_of.stat().st_mtime < \
                os.stat(self.command[0]).st_mtime:
            seen.write_bytes(bytes(operators.FAULTS_MAX))
            wrong = Test(self.name, [
                "sh", "-c", "\"$@\"; s=$?; times >%s; exit $s" % time_of,
                "sh", *self.command], self.folder).run(
                    120, VQP_FAULT_SEEN=str(seen))
        if wrong:
            time_of.unlink(missing_ok=True)
        else:
            # The second line counts the processes that the shell waited for.
            self.seconds = sum(
                60 * int(minutes) + float(seconds) for minutes, seconds in
                re.findall(r"(\d+)m([\d.]+)s",
                           time_of.read_text().split("\n")[1]))
        if wrong or self.seconds > slowest:
            print("# left out: %s (%s, %.1f s)" % (
                self.name, wrong, self.seconds), flush=True)
            return False
        self.comes_by = {number for number, byte in
                         enumerate(seen.read_bytes()) if byte}
        return bool(self.comes_by)


def find_tests(planted, arguments):
    """The useful tests, the quickest first."""
    listed = json.loads(subprocess.run(
        ["ctest", "--show-only=json-v1"], cwd=planted.tree / "build",
        check=True, stdout=subprocess.PIPE).stdout)
    tests = []
    for one in listed["tests"]:
        if TESTS_OUT.search(one["name"]) or not one.get("command"):
            continue
        properties = {p["name"]: p["value"] for p in one["properties"]}
        if {"slow", "machine"} & set(properties.get("LABELS", ())):
            continue
        command, name = one["command"], one["name"]
        if name == "sim_main":
            command[1:] = ["--seeds", WORLDS]
        cases = cases_of(command) if len(command) == 1 else []
        for case in cases or [None]:
            test = Test("%s %s" % (name, case) if case else name,
                        command + [case] if case else command,
                        properties.get("WORKING_DIRECTORY"))
            tests.append(test)
    seen = planted.tree / "seen"
    seen.mkdir(exist_ok=True)
    tests = [test for test in tests if arguments.tests.search(test.name)]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        useful = list(pool.map(
            lambda test: test.try_out(seen, arguments.slowest), tests))
    return sorted((test for test, use in zip(tests, useful) if use),
                  key=lambda test: test.seconds)


def cases_of(command):
    program = pathlib.Path(command[0]).name.split(".")[0]
    source = next(ROOT.glob("tests/*/%s.c" % program), None)
    return re.findall(r"^TEST\((\w+),", source.read_text(), re.M) \
        if source else []


class Sweep:
    def __init__(self, planted, tests, journal, each):
        self.planted, self.tests, self.journal = planted, tests, journal
        self.each = each
        self.lock = threading.Lock()
        self.last = {}              # by function: the last killer
        self.kills = collections.Counter()      # by file and test

    def worth(self, fault, test):
        """The value of one second of this test: what it killed in the file,
        and whether it is about that file.
        """
        noun = re.sub(r".*_|\..*", "", pathlib.Path(fault.file).name)
        return (self.kills[fault.file, test.name] + (
            0.5 if noun in test.name else 0.1)) / (test.seconds + 0.03)

    def one(self, number):
        fault, key = self.planted.faults[number]
        place = (fault.file, fault.function)
        tests = [test for test in self.tests if number in test.comes_by]
        last = self.last.get(place)
        tests.sort(key=lambda test: (test is not last,
                                     -self.worth(fault, test)))
        killer, how = "", "survives" if tests else "unreached"
        left = self.each
        for test in tests:
            left -= test.seconds + 0.01
            if left < 0:
                break
            wrong = test.run(5 + 15 * test.seconds, VQP_FAULT=str(number))
            if wrong:
                killer, how = test.name, "killed"
                self.last[place] = test
                self.kills[fault.file, test.name] += 1
                break
        with self.lock:
            self.journal.write("\t".join((how, key, str(fault.line), killer))
                               + "\n")
            self.journal.flush()


def read_journal(path):
    """The last result of each key."""
    held = {}
    if path.exists():
        for line in path.read_text().splitlines():
            how, key, number, killer = line.split("\t")
            held[key] = (how, int(number), killer)
    return held


def read_judged():
    """What people decided about survivors: a pattern of keys, the verdict."""
    judged = []
    if JUDGED.exists():
        for line in JUDGED.read_text().splitlines():
            if line and not line.startswith("#"):
                verdict, key, _ = line.split("\t")
                judged.append((re.compile(re.escape(key).replace(
                    re.escape("*"), ".*") + "$"), verdict))
    return judged


def verdict_of(key, judged):
    return next((verdict for pattern, verdict in judged
                 if pattern.match(key)), "open")


VERDICTS = ("equivalent", "tuning", "unseen", "open")
ROOMS = ("engine", "driver/core", "driver/device", "driver/host",
         "driver/linux")


def row(name, counts):
    planted = sum(counts.values())
    # A fault that no test can distinguish does not count.
    real = planted - counts["equivalent"] - counts["tuning"]
    return "| %s | %d | %d | %s | %.1f %% | %.1f %% |" % (
        name, planted, counts["killed"],
        " | ".join("%d" % counts[one] for one in VERDICTS),
        100 * counts["killed"] / max(planted, 1),
        100 * counts["killed"] / max(real, 1))


def report(held):
    """The lines of a table, the faults that are not judged, and how many of a
    hundred faults were noticed.
    """
    judged = read_judged()
    counts = collections.defaultdict(collections.Counter)
    left = []
    for key, (how, line, _) in held.items():
        name = key.split(":")[0]
        verdict = how if how == "killed" else verdict_of(key, judged)
        counts[name][verdict] += 1
        for room in ROOMS:
            if name.startswith(room):
                counts[room + ", all"][verdict] += 1
        if verdict == "open":
            left.append((name, line, how, key))
    lines = ["| file | planted | killed | %s | killed | of real ones |" %
             " | ".join(VERDICTS),
             "| --- |" + " ---: |" * (4 + len(VERDICTS))]
    lines += [row(name, counts[name]) for name in sorted(counts)]
    killed = sum(how == "killed" for how, _, _ in held.values())
    return lines, [
        "%s:%d %s: %s" % (name, line, how, key.split(":", 1)[1])
        for name, line, how, key in sorted(left)
    ], 100 * killed / max(killed + len(left), 1)


def write_report(folder, to):
    held = {}
    for path in sorted(folder.glob("journal*")):
        for key, what in read_journal(path).items():
            if held.get(key, ("",))[0] != "killed":
                held[key] = what
    lines, left, _ = report(held)
    to.write_text("\n".join(lines + [""] + left) + "\n")
    return 0


def main(plant=Planted, find=find_tests, usage=__doc__):
    parser = argparse.ArgumentParser(usage=usage)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", default=commit())
    parser.add_argument("--sanitize", action="store_true")
    parser.add_argument("--slowest", type=float, default=SLOWEST)
    parser.add_argument("--tests", type=re.compile, default=re.compile(""))
    parser.add_argument("--each", type=float, default=1000)
    parser.add_argument("--least", type=float, default=100)
    parser.add_argument("--again", type=pathlib.Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_intermixed_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal"
    if arguments.report:
        return write_report(folder, arguments.report)
    planted = plant(folder, arguments.files)
    planted.build(arguments.sanitize)
    print("# %d faults, %d more do not compile" % (
        len(planted.faults) - len(planted.unfit), len(planted.unfit)),
        flush=True)
    tests = find(planted, arguments)
    print("# %d tests, %.1f s; the slowest: %s" % (
        len(tests), sum(test.seconds for test in tests), ", ".join(
            "%s %.1f" % (test.name, test.seconds) for test in tests[-9:])),
        flush=True)
    held = read_journal(path)
    numbers = [number for number, (_, key) in planted.faults.items()
               if number not in planted.unfit and key not in held]
    if arguments.again:
        again = read_journal(arguments.again)
        numbers = [number for number in numbers if again.get(
            planted.faults[number][1], ("",))[0] in ("survives", "unreached")]
    if arguments.sample:
        judged = read_judged()
        numbers = [number for number in numbers if verdict_of(
            planted.faults[number][1], judged) == "open"]
    # A run that is stopped has tried some faults of every file.
    random.Random(str(arguments.seed)).shuffle(numbers)
    if arguments.sample:
        numbers = numbers[:arguments.sample]
    else:
        numbers.sort(key=lambda number:
                     planted.faults[number][0].operator == "negate")
    end = time.monotonic() + 60 * (arguments.minutes or 1e6)
    with open(path, "a") as journal, concurrent.futures.ThreadPoolExecutor(
            arguments.jobs) as pool:
        sweep = Sweep(planted, tests, journal, arguments.each)

        def one(number):
            if time.monotonic() < end:
                sweep.one(number)
        for count, _ in enumerate(pool.map(one, numbers)):
            if count % 100 == 99:
                print("# %d of %d" % (count + 1, len(numbers)), flush=True)
    lines, left, noticed = report(read_journal(path))
    print("\n".join(lines + left))
    print("%.1f of a hundred faults were noticed" % noticed)
    return 0 if noticed >= arguments.least else 1


if __name__ == "__main__":
    sys.exit(main())
