#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""No call of a ring or of a pair may cost more instructions than it did.

    budget.py CK_HEADERS             compare with budget.txt
    budget.py CK_HEADERS --update    rewrite budget.txt

CK_HEADERS: as CMake stages Concurrency Kit in build/<preset>/ck.  Counts every
path of budget.c under valgrind's callgrind, built as the dev preset builds.
Before it compares, it tests itself: it calls each path twice but counts one
call, and then every path must be too expensive.

Other compilers make other instructions: without gcc 12 for x86-64, or without
valgrind, the exit status is 77 and the last line says why.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE = HERE / "budget.txt"
CALLS = 64
GCC, MACHINE = "12", "x86_64-linux-gnu"

# An unrelated change may move one register from free to saved, which costs a
# push and a pop; in a long path several registers may move.
SLACK, SLACK_PERCENT = 2, 3

FLAGS = ["gcc", "-std=c11", "-O2", "-g", "-DNDEBUG"]
INCLUDE = ["-I%s" % (ROOT / "engine" / path) for path in
           ("include", "atomic/ck", "atomic/ck_md")]


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          universal_newlines=True).stdout


def unfit():
    """The reason why this machine can measure nothing, or None."""
    for tool in "gcc", "valgrind":
        if not shutil.which(tool):
            return "no " + tool
    version = output("gcc", "-dumpversion").strip().split(".")[0]
    machine = output("gcc", "-dumpmachine").strip()
    if (version, machine) != (GCC, MACHINE):
        return "the table is for gcc %s, %s, and this is gcc %s, %s" % (
            GCC, MACHINE, version, machine)
    return None


def build(ck, folder):
    program = folder / "budget"
    include = INCLUDE + ["-isystem", str(ck)]
    engine = []
    for source in sorted((ROOT / "engine").glob("*.c")):
        engine.append(str(folder / (source.stem + ".o")))
        subprocess.run(FLAGS + include + [
            "-fPIC", "-fno-semantic-interposition", "-ffreestanding", "-c",
            str(source), "-o", engine[-1]], check=True)
    subprocess.run(FLAGS + include + [
        "-D_GNU_SOURCE", "-I%s" % (ROOT / "tests/support"),
        str(HERE / "budget.c"), *engine, "-o", str(program)], check=True)
    return program


def count(program, folder, calls):
    """The instructions of every path in this many calls, and the functions it
    calls.
    """
    profile = folder / "profile"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=budget_*",
         "--compress-strings=no", "--compress-pos=no",
         "--callgrind-out-file=%s" % profile, str(program), str(calls)],
        stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    costs, callees, path = {}, {}, None
    for line in profile.read_text().splitlines():
        if line.startswith("fn="):
            name = line[len("fn="):]
            path = None
            if name.startswith("budget_"):
                path = name[len("budget_"):]
        elif path and line.startswith("cfn="):
            callees.setdefault(path, set()).add(line[len("cfn="):])
        elif path and re.match(r"\d", line):
            # The cost of a call includes everything that was called.
            costs[path] = costs.get(path, 0) + int(line.split()[1])
    return costs, callees


def each(costs, callees, calls):
    """The cost of one call by path, and the faults found."""
    wrong = []
    for path, cost in costs.items():
        if cost % calls:
            wrong.append("%s: %d calls cost %d: not all the same" %
                         (path, calls, cost))
        slow = [name for name in callees.get(path, ()) if
                not name.startswith("vqp_copy")]
        if "_fast" in path and slow:
            wrong.append("%s: calls %s" % (path, ", ".join(sorted(slow))))
    return {path: cost // calls for path, cost in costs.items()}, wrong


def read_table(text):
    table = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            path, instructions = line.split()
            if path in table:
                sys.exit("%s: two lines for %s" % (TABLE.name, path))
            table[path] = int(instructions)
    return table


def slack(budget):
    return max(SLACK, budget * SLACK_PERCENT // 100)


def compare(budgets, counts):
    """What is wrong, and what is merely better, as sentences."""
    wrong, better = [], []
    for path in sorted(budgets.keys() | counts.keys()):
        if path not in counts:
            wrong.append("%s: a budget, and no such path" % path)
        elif path not in budgets:
            wrong.append("%s: a path without a budget" % path)
        elif counts[path] > budgets[path] + slack(budgets[path]):
            wrong.append("%s: %d instructions, and %d were enough" %
                         (path, counts[path], budgets[path]))
        elif counts[path] < budgets[path]:
            better.append("%s: %d instructions: the budget of %d may be "
                          "lowered" % (path, counts[path], budgets[path]))
    return wrong, better


def self_test(counts, twice):
    """The faults that the comparison would not notice."""
    missed = []

    def expect(what, faults, budgets, now):
        named = {line.split(":")[0] for line in compare(budgets, now)[0]}
        if named != set(faults):
            missed.append("self-test: %s: %s" % (
                what, ", ".join(sorted(named ^ set(faults)))))

    expect("as it was", (), counts, counts)
    expect("called twice", counts, counts, twice)
    expect("just above the slack", counts, counts,
           {path: n + slack(n) + 1 for path, n in counts.items()})
    expect("just within the slack", (), counts,
           {path: n + slack(n) for path, n in counts.items()})
    expect("cheaper", (), {path: n + 1 for path, n in counts.items()}, counts)
    expect("a path too many", ["tx_new"], counts, {**counts, "tx_new": 1})
    expect("a line too many", ["tx_gone"], {**counts, "tx_gone": 1}, counts)
    return missed


def rewrite(counts):
    head = "".join(line + "\n" for line in TABLE.read_text().splitlines() if
                   line.startswith("#"))
    TABLE.write_text(head + "".join(
        "%-34s%6d\n" % item for item in sorted(counts.items())))


def main(ck, update):
    why = unfit()
    if why:
        print("skipped: " + why)
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program = build(ck, folder)
        counts, wrong = each(*count(program, folder, CALLS), CALLS)
        twice, _ = each(*count(program, folder, 2 * CALLS), CALLS)
    wrong += self_test(counts, twice)
    if update and not wrong:
        rewrite(counts)
    more, better = compare(read_table(TABLE.read_text()), counts)
    for line in better:
        print(line)
    for line in wrong + more:
        print("not ok " + line)
    print("%d paths, %d wrong" % (len(counts), len(wrong + more)))
    return 1 if wrong or more or not counts else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--update"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], len(sys.argv) == 3))
