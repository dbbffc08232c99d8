#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Which lines and branches of engine/ do the corpora reach?

    coverage.py BUILD CORPUS_FOLDER...

BUILD: the fuzz folder of a build with VQP_FUZZ.  Each further folder has
corpora, named by target, beside the committed ones.  Prints the missed lines
and a table, and fails when a figure is below that in coverage.txt.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

FUZZ = pathlib.Path(__file__).resolve().parent
ENGINE = str(FUZZ.parent / "engine") + os.sep


def replay(build, folders):
    """Run all corpora; a function that asks llvm-cov about them."""
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


def engine_file(path):
    return path[len(ENGINE):] if path.startswith(ENGINE) else None


def read_lines(lcov):
    """How often each line ran: {file: {line: count}}."""
    lines, name = collections.defaultdict(collections.Counter), None
    for record in lcov.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            name = engine_file(rest)
        elif name and kind == "DA":
            line, count = rest.split(",")[:2]
            lines[name][int(line)] += int(count)
    return lines


def read_branches(text):
    """How often each way of a condition was taken, in all the copies of an
    inline function: {file: {(line, column, way): count}}."""
    branches = collections.defaultdict(collections.Counter)
    for file in json.loads(text)["data"][0]["files"]:
        name = engine_file(file["filename"])
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
                print("missed: engine/%s:%d" % (name, line))
        for (line, _, way), count in sorted(branches[name].items()):
            if count == 0 and lines[name][line] != 0:
                print("missed: engine/%s:%d, never %s" % (name, line, way))
    figures = {}
    for what, table in (("lines", lines), ("branches", branches)):
        figures[what] = percent([count for counts in table.values()
                                 for count in counts.values()])
    print("%-28s%8s%10s" % ("engine/", "lines", "branches"))
    for name in sorted(lines):
        print("%-28s%7.1f%%%9.1f%%" % (name, percent(lines[name].values()),
                                       percent(branches[name].values())))
    print("%-28s%7.1f%%%9.1f%%" % ("all", figures["lines"],
                                   figures["branches"]))

    status = 0
    for record in (FUZZ / "coverage.txt").read_text().splitlines():
        what, least = record.split()
        if figures[what] < float(least):
            print("FAILED: %s %.1f, recorded in fuzz/coverage.txt: %s" % (
                what, figures[what], least))
            status = 1
    return status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
