#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Static tools must have no complaint about the engine's sources.

    static.py CHECK         fetch, shared, gcc or clang

    fetch    no function loads a word of the peer's twice (coccinelle)
    shared   only a backend touches a shared word (sparse)
    gcc      gcc -fanalyzer
    clang    clang --analyze

Each fault that a check must find is a mutant of tests/mutants/mutants.txt.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENGINE = ROOT / "engine"
SOURCES = sorted(str(path) for path in ENGINE.glob("*.c"))
INCLUDE = ["-I" + str(ENGINE / "include")]
# Contracts stand in for the bodies, so that no backend is checked.
NO_BACKEND = ["-I" + str(ROOT / "tests/proof/havoc")]
GNU = ["-I" + str(ENGINE / "atomic/gnu")]

CHECKS = {
    "fetch": ["spatch", "--very-quiet", "-D", "report", "--sp-file",
              str(HERE / "double_fetch.cocci"), "--no-includes",
              "--include-headers", str(ENGINE)],
    "shared": ["sparse", "-Wsparse-all", "-Wno-declaration-after-statement",
               "-std=gnu11"] + INCLUDE + NO_BACKEND + SOURCES,
    "gcc": ["gcc", "-std=c11", "-O2", "-fanalyzer", "-ffreestanding",
            "-fkeep-inline-functions", "-c",
            "-o", "/dev/null"] + INCLUDE + GNU,
    "clang": ["clang", "--analyze", "--analyzer-output", "text", "-std=c11",
              "-ffreestanding", "-Xclang", "-analyzer-config", "-Xclang",
              "max-nodes=50000"] + INCLUDE + GNU,
}


def reports(check):
    """The output of a tool, which is run once for each file if it needs that.
    """
    commands = [CHECKS[check]]
    if check in ("gcc", "clang"):
        commands = [CHECKS[check] + [source] for source in SOURCES]
    for command in commands:
        done = subprocess.run(command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              universal_newlines=True)
        yield done.stdout
        if done.returncode != 0:
            yield "%s: exit %d\n" % (command[0], done.returncode)


def main(check):
    said = "".join(reports(check))
    print(said + "%s: %s" % (check, "reports" if said else "no report"))
    return 1 if said else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
