#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Which lines and branches of engine and driver do the corpora reach?

    coverage.py BUILD CORPUS_FOLDER...

BUILD: the fuzz folder of a build with VQP_FUZZ.  Each further folder has
corpora, named by target, that add to the committed ones.  Prints the missed
lines and a table, and fails when a figure is below that in coverage.txt.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

FUZZ = pathlib.Path(__file__).resolve().parent
ROOT = str(FUZZ.parent) + os.sep
ROOMS = ("engine/", "driver/device/", "driver/core/", "driver/host/")


def replay(build, folders):
    """Run all corpora; returns a function that queries llvm-cov about them."""
    objects, raws = [], []
    for program in sorted(build.glob("*.coverage")):
        corpora = [folder / program.stem for folder in folders
                   if (folder / program.stem).is_dir()]
        raws.append(str(program) + ".profraw")
        if subprocess.run([program] + corpora, stdout=subprocess.DEVNULL,
                          env={**os.environ, "LLVM_PROFILE_FILE": raws[-1]}
                          ).returncode != 0:
            sys.exit("coverage.py: %s fails on its corpus" % program)
        objects += ["-object", str(program)]
    if not raws:
        sys.exit("coverage.py: no programs in %s" % build)
    profile = str(build / "coverage.profdata")
    subprocess.run(["llvm-profdata", "merge", "-o", profile] + raws,
                   check=True)
    return lambda form: subprocess.run(
        ["llvm-cov", "export", "-format=" + form, "-instr-profile", profile] +
        objects, check=True, stdout=subprocess.PIPE,
        universal_newlines=True).stdout


def judged_file(path):
    """The name of a file in the tree, or None for a file that is not judged."""
    name = path[len(ROOT):] if path.startswith(ROOT) else ""
    return name if name.startswith(ROOMS) else None


def read_lines(lcov):
    """How often each line ran: {file: {line: count}}."""
    lines, name = collections.defaultdict(collections.Counter), None
    for record in lcov.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            name = judged_file(rest)
        elif name and kind == "DA":
            line, count = rest.split(",")[:2]
            lines[name][int(line)] += int(count)
    return lines


def read_branches(text):
    """How often each way of a condition was taken, over all copies of an
    inline function: {file: {(line, column, way): count}}.
    """
    branches = collections.defaultdict(collections.Counter)
    for file in json.loads(text)["data"][0]["files"]:
        name = judged_file(file["filename"])
        for line, column, _, _, true, false, *_ in file["branches"]:
            if name:
                branches[name][line, column, "true"] += true
                branches[name][line, column, "false"] += false
    return branches


def percent(counts):
    reached = sum(count > 0 for count in counts)
    return 100 * reached / len(counts) if counts else 100


def main(build, *folders):
    export = replay(
        pathlib.Path(build),
        [FUZZ / "corpus"] + [pathlib.Path(folder) for folder in folders])
    lines = read_lines(export("lcov"))
    branches = read_branches(export("text"))
    for name in sorted(lines):
        for line, count in sorted(lines[name].items()):
            if count == 0:
                print("missed: %s:%d" % (name, line))
        for (line, _, way), count in sorted(branches[name].items()):
            if count == 0 and lines[name][line] != 0:
                print("missed: %s:%d, never %s" % (name, line, way))
    figures = {}
    print("%-40s%8s%10s" % ("", "lines", "branches"))
    for name in sorted(lines):
        print("%-40s%7.1f%%%9.1f%%" % (name, percent(lines[name].values()),
                                       percent(branches[name].values())))
    for room in ROOMS:
        for what, table in (("lines", lines), ("branches", branches)):
            figures[room, what] = percent(
                [count for name, counts in table.items()
                 if name.startswith(room) for count in counts.values()])
        print("%-40s%7.1f%%%9.1f%%" % (room, figures[room, "lines"],
                                       figures[room, "branches"]))

    status = 0
    for record in (FUZZ / "coverage.txt").read_text().splitlines():
        room, what, least = record.split()
        if figures[room, what] < float(least):
            print("FAILED: %s %s %.1f, recorded in fuzz/coverage.txt: %s" % (
                room, what, figures[room, what], least))
            status = 1
    return status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
