#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Plant each fault of mutants.txt and see that the named tests catch it.

    run.py FOLDER CK_HEADERS [--sample=N] [MUTANT...]

Works in FOLDER, on copies.  CK_HEADERS: as CMake stages Concurrency Kit in
build/<preset>/ck.  With --sample it tries one mutant in N, other ones with
each commit, and none that needs a device built for QEMU.
A mutant that survives one of its tests, does not apply or does not compile
is an error, and so is a test that fails without one.  At the end it
prints which test killed which mutant.
"""
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 150       # a test that runs longer hangs
COMPILERS = {"x86-64": "x86_64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}
TOOLS = {"fetch": "spatch", "shared": "sparse", "gcc": "gcc", "clang": "clang"}
FUZZ_RUNS = ["-runs=40000", "-seed=1", "-max_len=256"]

# How the programs of each build are compiled.
COMMON = ["-std=c11", "-D_GNU_SOURCE", "-pthread"]
WORLDS = {
    "gnu": ["-O0"],
    "ck": ["-O1"],
    "hook": ["-O1"],
    "core": ["-O1"],
    "sim": ["-O1", "-r", "-fsanitize=thread"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined",
             "-fno-sanitize-recover=all"],
    "count": ["-O1", "-g", "-fsanitize=address,undefined",
              "-fno-sanitize-recover=all"],
    "tsan": ["-O1", "-g", "-fsanitize=thread", "-Wno-tsan",
             "-DVQP_TEST_SLOW=10"],
    "fuzz": ["-O1", "-g", "-fsanitize=fuzzer,address,undefined",
             "-fno-sanitize-recover=all"],
}
BACKENDS = {"hook": "tests/support/atomic/hook", "ck": "engine/atomic/ck",
            "fuzz": "tests/support/atomic/hook", "sim": "tests/model/sim",
            "count": "tests/support/atomic/count"}

# The driver core and the device in the simulator, and what each program adds.
CORE_INCLUDES = ["driver/os", "driver/core", "tests/support/os",
                 "tests/sim", "tests/conform"]
CORE_SOURCES = {
    "": ("driver/core/*.c", "driver/device/*.c", "tests/support/os/*.c"),
    "sim_main": ("tests/sim/sim_*.c",),
    "subject_sim": ("tests/conform/conform.c",),
}


# vqp-host, with its QEMU in the same process (support/fake_qemu.c).
HOST_FLAGS = ["-D_GNU_SOURCE", "-Wl,--wrap=sendmsg,--wrap=recvmsg,--wrap=recv",
              "-Wl,--wrap=clock_gettime,--wrap=epoll_wait,--wrap=epoll_ctl"]


QEMU_HEADERS = list(ROOT.glob("build/qemu/headers-*/config-host.h"))


class Unfit(Exception):
    """The reason why a mutant, or a test, cannot be tried."""


class Mutant:
    def __init__(self, name):
        self.name, self.file = name, None
        self.tests = []             # tuples of words, as after `dies`
        self.old, self.new = "", ""


def read_mutants(text):
    """The mutants of mutants.txt, whose format is described at its top."""
    mutants = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if line.startswith("#") or not line:
            continue
        if word == "mutant":
            mutants.append(Mutant(rest))
        elif word == "file":
            mutants[-1].file = rest
        elif word == "dies":
            mutants[-1].tests.append(tuple(rest.split()))
        elif line[0] in " -+":
            if line[0] in " -":
                mutants[-1].old += line[1:] + "\n"
            if line[0] in " +":
                mutants[-1].new += line[1:] + "\n"
        else:
            sys.exit("mutants.txt: cannot read: " + line)
    for mutant in mutants:
        if not mutant.file or not mutant.tests or mutant.old == mutant.new:
            sys.exit("mutants.txt: %s: no file, test or change" % mutant.name)
    return mutants


def plant(mutant, root):
    """Apply the mutant to a copy of the tree."""
    path = root / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise Unfit("applies in %d places" % text.count(mutant.old))
    path.write_text(text.replace(mutant.old, mutant.new))


def missing(test):
    """What a test needs and this machine lacks, or None."""
    if test[0] == "qemu":
        return None if shutil.which("qemu-system-x86_64") and QEMU_HEADERS \
            else "QEMU, or driver/qemu/build has not fetched its headers"
    tool = {"codegen": COMPILERS, "static": TOOLS}.get(
        test[0], {test[1]: "clang" if test[0] == "fuzz" else "gcc"})[test[1]]
    return None if shutil.which(tool) else tool


def run(command):
    """The exit status, or None for a hang, and the output."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS,
            env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"})
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout.decode(errors="replace")


def build(root, ck, world, program):
    """Compile one test program of a tree; returns its path."""
    source = next(root.rglob(program + ".c"), None)
    if source is None:
        raise Unfit("no test program " + program)
    support = ["oracle.c"] + (["hook.c"] if world in ("hook", "fuzz") else [])
    backend = BACKENDS.get(world, "engine/atomic/gnu")
    sources = [source] + [root / "tests/support" / name for name in support]
    sources += root.glob("engine/*.c")
    if "device" in program:
        sources += root.glob("driver/device/*.c")
        if world != "fuzz":
            sources.append(root / "tests/support/fake_host.c")
    if world == "fuzz":
        sources += [root / "fuzz/mutate.c"]
        if "device" not in program:
            sources += [root / "fuzz/honest.c"]
    includes = ["engine/include", backend, "engine/atomic/gnu",
                "engine/atomic/ck_md", "driver/device", "tests/support"]
    if program == "stress_core":
        includes += ["driver/os", "driver/core", "driver/user"]
        for room in ("core", "device", "user"):
            sources += root.glob("driver/%s/*.c" % room)
    if program.startswith("test_host_"):
        includes.append("driver/host")
        sources += [path for path in root.glob("driver/host/*.c")
                    if path.name != "vqp_host.c"]
        sources.append(root / "tests/support/fake_qemu.c")
    if world == "core":
        includes += CORE_INCLUDES
        for pattern in CORE_SOURCES.get(program, ()) + CORE_SOURCES[""]:
            sources += [path for path in root.glob(pattern)
                        if path not in sources]
    to = root / ("%s-%s" % (world, program))
    status, said = run(
        ["clang" if world == "fuzz" else "gcc"] + COMMON + WORLDS[world] +
        ["-I%s" % (root / path) for path in includes] +
        ["-isystem", str(ck)] +
        (HOST_FLAGS if program.startswith("test_host_") else []) +
        [str(path) for path in sources] + ["-o", str(to)])
    if status == 0 and world == "sim":
        # The explorer is not instrumented, because it receives the reports
        # (plain.c).
        part, to = to, to.with_suffix(".sim")
        status, said = run(
            ["gcc"] + COMMON + ["-O2", "-I%s" % (root / backend), str(part)] +
            [str(path) for path in (root / backend).glob("*.c")] +
            ["-o", str(to)])
    if status != 0:
        raise Unfit("does not compile:\n" + said)
    return to


def verdict(status, said):
    """How a test failed, in a word or two; '' if it passed."""
    if status == 0:
        return ""
    if status is None:
        return "hangs"
    for pattern in (r"^# sim: (.*)", r"^not ok (?:\d+ - )?([^:\n]*)", r"(data race)",
                    r"AddressSanitizer: (\S+)", r"runtime error: (.*)",
                    r"^\S+:\d+: not true: (.*)"):
        found = re.search(pattern, said, re.M)
        if found:
            return found.group(1)
    return "signal %d" % -status if status < 0 else "exit %d" % status


def try_qemu(root, name):
    """Run a case of qtest.py, given by a part of its name, with a device of
    this tree.
    """
    for folder in ("build/qemu", ".ci"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / ".ci/need.sh", root / ".ci")
    for header in QEMU_HEADERS:
        link = root / "build/qemu" / header.parent.name
        if not link.exists():
            link.symlink_to(header.parent)
    status, said = run([str(root / "driver/qemu/build")])
    if status != 0:
        raise Unfit("does not compile:\n" + said)
    return verdict(*run([str(root / "tests/kernel/qtest.py"), name]))


def try_test(root, ck, test):
    if test[0] == "qemu":
        return try_qemu(root, " ".join(test[1:]))
    if test[0] == "codegen":
        return verdict(*run([
            sys.executable, str(root / "tests/codegen/codegen.py"), test[1],
            ck] + list(test[2:])))
    if test[0] == "static":
        return verdict(*run([
            sys.executable, str(root / "tests/static/static.py"), test[1]]))
    world, program, *case = test
    if world == "fuzz":
        case = FUZZ_RUNS + ["-artifact_prefix=%s/" % root,
                            str(root / "fuzz/corpus" / program)]
    return verdict(*run([str(build(root, ck, world, program))] + case))


def try_mutant(root, mutant, tests, ck):
    """The answer of each test on a copy of the tree with the mutant."""
    for part in ("engine", "driver", "fuzz", "tests"):
        shutil.copytree(ROOT / part, root / part)
    try:
        if mutant:
            plant(mutant, root)
        return [try_test(root, ck, test) for test in tests]
    except Unfit as unfit:
        return unfit
    finally:
        shutil.rmtree(root)


def commit():
    """The name of HEAD, or a fixed name if there is none."""
    status, said = run(["git", "-C", str(ROOT), "rev-parse", "HEAD"])
    return said.strip() if status == 0 else "0"


def print_killers(killed):
    """A killer is a build and a program; the mutants it killed follow its
    line.
    """
    print("\nwho killed whom")
    for killer in sorted(killed, key=lambda one: (-len(killed[one]), one)):
        print("%4d  %s" % (len(killed[killer]), killer))
        print(textwrap.fill(" ".join(killed[killer]), 100,
                            initial_indent=" " * 6,
                            subsequent_indent=" " * 6,
                            break_on_hyphens=False))
    print()


def main(folder, ck, *names):
    sample = [int(name[9:]) for name in names if name.startswith("--sample=")]
    names = [name for name in names if not name.startswith("--")]
    folder, ck = pathlib.Path(folder).resolve(), os.path.abspath(ck)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = time.monotonic()
    mutants = [mutant for mutant in
               read_mutants((ROOT / "tests/mutants/mutants.txt").read_text())
               if not names or mutant.name in names]
    if sample:
        mutants = [mutant for mutant in mutants
                   if all(test[0] != "qemu" for test in mutant.tests)]
        mutants = mutants[int(commit(), 16) % sample[0]::sample[0]]
    tests = {test: missing(test) for mutant in mutants
             for test in mutant.tests}
    # The tests must pass where no mutant is planted.
    plan = [(None, [test]) for test in tests if not tests[test]]
    plan += [(mutant, [test for test in mutant.tests if not tests[test]])
             for mutant in mutants]
    for test in tests:
        if tests[test]:
            print("skipped: %s: no %s" % (" ".join(test), tests[test]))

    errors = 0
    killed = collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(
            lambda i: try_mutant(folder / str(i), *plan[i], ck),
            range(len(plan)))
        for (mutant, tried), answer in zip(plan, answers):
            name = mutant.name if mutant else "none"
            if isinstance(answer, Unfit):
                errors += 1
                print("%-30s %s" % (name, answer), flush=True)
                continue
            for test, how in zip(tried, answer):
                wrong = bool(how) != bool(mutant)
                errors += wrong
                if mutant and how:
                    killer = killed[" ".join(test[:2])]
                    killer.extend([name] if name not in killer else [])
                print("%-30s %-36s %s%s" % (
                    name, " ".join(test), how or "passes",
                    "   <-- WRONG" if wrong else ""), flush=True)
    print_killers(killed)
    print("%d mutants, %d errors, %d s" % (
        len(mutants), errors, time.monotonic() - begin))
    return 1 if errors or not mutants else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
