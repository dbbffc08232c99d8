#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What gcc and clang make of engine and driver core, for one processor.

    codegen.py x86-64|arm64 CK_HEADERS [CHECK]

CK_HEADERS is a folder with Concurrency Kit's headers and no ck_md.h, as CMake
stages it in build/<preset>/ck.  CHECK picks the function check_<CHECK>.

Each trap that once cost a barrier, an assembly or a call has its check here,
and a control that falls into the trap on purpose, to show that the check
would see it.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRIPLES = {"x86-64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
LEVELS = ("-O1", "-O2", "-O3", "-Os")    # at -O0 CK asks for __popcountdi2
FLAGS = ["-std=c11", "-ffreestanding", "-fno-stack-protector", "-Wall",
         "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
KERNEL = {
    "x86-64": ["-mno-sse", "-mgeneral-regs-only", "-mno-red-zone", "-fno-pie",
               "-mcmodel=kernel"],
    "arm64": ["-mgeneral-regs-only", "-fno-pie"],
}

# What each function does to order memory, instruction by instruction.  For a
# function on one cell the access itself is listed, too.  A slow half appears
# under its own name.
QUIET = {"census_tx_reserve", "census_rx_peek", "census_tx_stage",
         "census_rx_stage", "census_tx_query", "census_rx_query",
         "census_tx_attach", "census_rx_attach",
         "vqp_tx_stage_slow", "vqp_rx_stage_slow",
         "census_tx_foreign", "census_rx_foreign"}
ATTACH = {"vqp_tx_attach", "vqp_rx_attach"}
PUBLISH = {"census_rx_publish"}
# gcc may publish in either branch.
COMMIT = {"census_tx_publish", "census_tx_commit", "census_rx_release",
          "vqp_tx_commit_slow", "vqp_rx_release_slow"}
LAZY = {"census_rx_release_lazy", "vqp_rx_release_lazy_slow"}
EDGE = {"census_tx_publish_edge", "census_rx_publish_edge",
        "census_tx_commit_edge", "census_rx_release_edge",
        "census_tx_may_sleep", "census_rx_may_sleep"}
# On x86-64 with CK the producer's store fence, which is out of line, comes
# last.
SETTLES = {"census_tx_publish", "census_tx_commit", "vqp_tx_commit_slow"}
SETTLES_EDGE = {"census_tx_publish_edge", "census_tx_commit_edge",
                "census_tx_may_sleep"}
QUERY = {"vqp_tx_query", "vqp_rx_query", "census_ring_snapshot"}
REFILL = {"vqp_rx_refill", "vqp_rx_refill_evicting"}
# The loop of a query, also as clang unrolls it.
QUERY_TRIES = 8
SNAPSHOT = {word: (" ".join([word] * 2), " ".join([word] * 2 * QUERY_TRIES))
            for word in ("ish", "ldar")}
# Loads of our index and of the peer's.  The last load of the last try decides
# nothing, so a compiler may drop it.
SNAPSHOT_LOADS = {(2, 1), (2 * QUERY_TRIES, QUERY_TRIES),
                  (2 * QUERY_TRIES - 1, QUERY_TRIES)}
ORDER = {
    ("x86-64", "ck"): {
        "census_load_relaxed": "", "census_load_acquire": "",
        "census_store_relaxed": "", "census_store_release": "",
        "census_swap8_full": "xchg", "census_fence_full": "fence",
        **dict.fromkeys(QUIET | ATTACH | PUBLISH | COMMIT | LAZY, ""),
        **dict.fromkeys(EDGE, "fence"),
        **dict.fromkeys(SETTLES, "sfence"),
        **dict.fromkeys(SETTLES_EDGE, "fence sfence"),
        "vqp_tx_reserve_slow": "", **dict.fromkeys(REFILL, ""),
        **dict.fromkeys(QUERY, ""),
    },
    ("arm64", "ck"): {
        "census_load_relaxed": "ldr", "census_load_acquire": "ldr ish",
        "census_store_relaxed": "str", "census_store_release": "ish str",
        "census_swap8_full": "ish ishst ldxrb stxrb ish ishst",
        "census_fence_full": "ish",
        **dict.fromkeys(QUIET, ""), **dict.fromkeys(ATTACH, "ish ish"),
        **dict.fromkeys(PUBLISH, "ish ish"),
        **dict.fromkeys(COMMIT, ("ish ish", "ish ish ish ish")),
        "census_rx_release_lazy": "ish",
        "vqp_rx_release_lazy_slow": ("ish ish ish", "ish ish ish ish ish"),
        **dict.fromkeys(EDGE, "ish ish ish"),
        **dict.fromkeys(QUERY, SNAPSHOT["ish"]),
        "vqp_tx_reserve_slow": "ish",
        **dict.fromkeys(REFILL, "ish ish ish"),
    },
    ("arm64", "gnu"): {
        "census_load_relaxed": "ldr", "census_load_acquire": "ldar",
        "census_store_relaxed": "str", "census_store_release": "stlr",
        "census_swap8_full": "ish ldaxrb stlxrb ish",
        "census_fence_full": "ish",
        **dict.fromkeys(QUIET, ""), **dict.fromkeys(ATTACH, "ldar ldar"),
        **dict.fromkeys(PUBLISH, "stlr stlr"),
        **dict.fromkeys(COMMIT, ("stlr stlr", "stlr stlr stlr stlr")),
        "census_rx_release_lazy": "stlr",
        "vqp_rx_release_lazy_slow": ("stlr stlr stlr", "stlr stlr stlr stlr",
                                     "stlr stlr stlr stlr stlr stlr",
                                     "stlr stlr stlr stlr stlr"),
        **dict.fromkeys(EDGE, "stlr stlr ish"),
        **dict.fromkeys(QUERY, SNAPSHOT["ldar"]),
        "vqp_tx_reserve_slow": "ldar",
        **dict.fromkeys(REFILL, "ldar stlr stlr"),
    },
}
ORDER["x86-64", "gnu"] = {
    **ORDER["x86-64", "ck"], "census_swap8_full": "fence xchg fence",
    **dict.fromkeys(SETTLES, ""), **dict.fromkeys(SETTLES_EDGE, "fence")}

# The instructions that order memory in the driver core, on arm64.
CORE = {
    ("ck", "acquire"): "ish", ("ck", "release"): "ish",
    ("gnu", "acquire"): "ldar", ("gnu", "release"): "stlr",
}
CORE_FUNCTIONS = {
    "vqp_resource_at": "acquire", "vqp_resource_link": "release",
    "census_core_state": "acquire", "vqp_core_state_set": "release",
    "census_core_epoch": "acquire", "vqp_core_epoch_next": "release",
    "vqp_dma_busy": "acquire", "vqp_dma_begin": "release"}

# How often a function loads the peer's index, through the pointer that its
# producer or consumer keeps.
LOADS = {
    **dict.fromkeys(EDGE | REFILL | {"vqp_tx_reserve_slow"}, 1),
    **dict.fromkeys(QUIET | PUBLISH | COMMIT | LAZY, 0)}


class World:
    """One processor, with the folder that the objects go to."""

    def __init__(self, target, ck, folder):
        self.target, self.ck, self.folder = target, ck, folder
        triple = TRIPLES[target]
        self.compilers = {"gcc": [triple + "-gcc"],
                          "clang": ["clang", "--target=" + triple]}
        self.objdump = triple + "-objdump"

    def compile(self, source, *flags, cc="gcc", backend="ck", first=None):
        """Compile; returns the object, or None with the compiler's messages."""
        name = "-".join(re.sub(r"\W+", "", str(word)) for word in
                        (source.stem, cc, backend, first, *flags))
        to = self.folder / (name + ".o")
        done = subprocess.run(
            self.compilers[cc] + FLAGS + list(flags) +
            (["-I" + str(first)] if first else []) +
            ["-I" + str(ROOT / "engine" / path) for path in
             ("include", "atomic/" + backend, "atomic/ck_md")] +
            ["-isystem", str(self.ck), "-c", str(source), "-o", str(to)],
            stderr=subprocess.PIPE, universal_newlines=True)
        return (to if done.returncode == 0 else None), done.stderr.strip()

    def functions(self, to):
        """The instructions of an object, by function."""
        text = subprocess.run(
            [self.objdump, "-d", "--no-show-raw-insn", str(to)],
            check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
        found = {}
        for line in text.splitlines():
            start = re.match(r"[0-9a-f]+ <(\w+)[\w.]*>:", line)
            if start:
                body = found.setdefault(start.group(1), [])
            elif re.match(r"\s+[0-9a-f]+:\t", line):
                body.append(" ".join(line.split("\t")[1:]))
        return found


def order(name, body):
    """The instructions of a function that order memory."""
    words = []
    for line in body:
        plain = re.match(r"(ldr|str)\b", line)
        if plain and re.match(r"census_(load|store)_", name):
            words.append(plain.group(1))
        elif re.match(r"mfence|lock or", line):
            words.append("fence")
        elif re.match(r"sfence", line):
            words.append("sfence")
        elif re.match(r"xchg .*\(", line):
            words.append("xchg")
        else:
            words += re.findall(r"^(?:dmb )?(ldar|stlr|lda?xrb|stl?xrb|"
                                r"ish|ishst)\b", line)
    return " ".join(words)


def foreign_loads(body, offset=None, pointers=()):
    """Loads through the pointer at `offset` of a producer or consumer, or
    through these registers.
    """
    pointers, loads = set(pointers), 0
    for line in body:
        load = re.match(r"(?:lda?r|ldp) (x\d+)(?:, (x\d+))?, "
                        r"\[(x\d+)(?:, #(\d+))?\]", line)
        if load and load.group(3) in pointers and not load.group(4):
            loads += 1
        written = re.match(r"(?!st|cmp|cb|tb)\w+ x(\d+),(?: x(\d+), \[)?",
                           line)
        if written:
            pointers -= {"x" + str(number) for number in written.groups()}
        if load:
            at = int(load.group(4) or 0)
            pointers |= {register for register, place in
                         ((load.group(1), at), (load.group(2), at + 8))
                         if register and place == offset}
    return loads


# ---- The checks.  Each yields what is wrong.

def check_constants(world, cc, level):
    """wide constants assemble"""
    to, said = world.compile(HERE / "constants.c", level, cc=cc)
    if not to:
        yield said


def check_constants_control(world, cc):
    """control: the same constants stored by CK alone do not assemble"""
    if world.compile(HERE / "constants.c", "-DRAW", "-O2", cc=cc)[0]:
        yield "they do: the engine need not launder them any more"


def check_objects(world, cc, backend, level):
    """the engine's objects call nothing and keep nothing"""
    objects = []
    for source in sorted((ROOT / "engine").glob("*.c")):
        for kernel in ([], KERNEL[world.target]):
            to, said = world.compile(source, level, *kernel, cc=cc,
                                     backend=backend)
            if not to:
                yield said
            objects.append(str(to))
    tidy = subprocess.run(
        [sys.executable, str(ROOT / "tests/tidy/tidy.py"), "--objects"] +
        objects, stdout=subprocess.PIPE, universal_newlines=True)
    if tidy.returncode != 0:
        yield tidy.stdout.strip()


def census(world, cc, backend, first=None):
    """The functions of the census, and the slow halves that they call."""
    flags = ["-O2"]
    if world.target == "arm64":
        flags.append("-mno-outline-atomics")
    found = {}
    for source in HERE / "census.c", ROOT / "engine/ring.c":
        to, said = world.compile(source, *flags, cc=cc, backend=backend,
                                 first=first)
        if not to:
            raise SystemExit(said)
        found.update(world.functions(to))
    return found


def check_order(world, cc, backend):
    """every barrier is there, and no other"""
    found = census(world, cc, backend)
    for name, expected in ORDER[world.target, backend].items():
        got = order(name, found[name])
        if got not in (expected if isinstance(expected, tuple) else
                       (expected,)):
            yield "%s: '%s', not %r" % (name, got, expected)
    for name in found:
        if name not in ORDER[world.target, backend] and (
                name.startswith("census_") or order(name, found[name])):
            yield "%s: '%s', and no line" % (name, order(name, found[name]))


def check_foreign_loads(world, cc, backend):
    """a verb loads the peer's index as often as it must: once, or never"""
    found = census(world, cc, backend)
    offset = {end: int(re.search(r"#(\d+)\]", found[
        "census_%s_foreign" % end][0]).group(1)) for end in ("tx", "rx")}
    for name, expected in LOADS.items():
        end = re.search("_([tr]x)_", name).group(1)
        loads = foreign_loads(found[name], offset[end])
        if loads != expected:
            yield "%s: %d loads, not %d" % (name, loads, expected)
    # A query takes both words by address: ours, the peer's, ours again.
    own, foreign = (foreign_loads(found["census_ring_snapshot"], None, {register})
                    for register in ("x0", "x1"))
    if (own, foreign) not in SNAPSHOT_LOADS:
        yield "census_ring_snapshot: %d loads of our index, %d of the peer's" % (
            own, foreign)


def check_core(world, cc, backend):
    """each edge of the driver core is in its object code"""
    to, said = world.compile(
        HERE / "census_core.c", "-O2", "-D_GNU_SOURCE",
        *("-I%s" % (ROOT / "driver" / room) for room in
          ("core", "os", "user")), cc=cc, backend=backend)
    if not to:
        raise SystemExit(said)
    found = world.functions(to)
    for name, kind in CORE_FUNCTIONS.items():
        got = order(name, found[name])
        if got != CORE[backend, kind]:
            yield "%s: '%s', not '%s'" % (name, got, CORE[backend, kind])


def check_foreign_md_control(world, cc):
    """control: with amd64's ck_md.h the release barrier is gone"""
    amd64 = world.folder / "md"
    amd64.mkdir(exist_ok=True)
    (amd64 / "ck_md.h").write_text("#define CK_MD_TSO\n"
                                   "#define CK_PR_DISABLE_DOUBLE\n")
    got = order("census_store_release", census(
        world, cc, "ck", first=amd64)["census_store_release"])
    if got != "str":
        yield "census_store_release: '%s'" % got


def check_one_processor(world, cc):
    """a module that believes in one processor keeps its lock prefix"""
    to, said = world.compile(HERE / "processors.c", "-O2", "-DCK_MD_UMP",
                             cc=cc)
    if not to:
        yield said
    elif not any("lock" in line for line in
                 world.functions(to)["processors_add"]):
        yield "no lock prefix"


def check_one_processor_refused(world, cc):
    """CK included before the engine, without lock prefix, is refused"""
    to, said = world.compile(HERE / "processors.c", "-O2", "-DCK_MD_UMP",
                             "-DCK_FIRST", cc=cc)
    if to:
        yield "it compiles"
    elif "without the lock prefix" not in said:
        yield said


def plan(world):
    for cc in world.compilers:
        for level in LEVELS:
            yield check_constants, cc, level
            for backend in ("ck", "gnu"):
                yield check_objects, cc, backend, level
        for backend in ("ck", "gnu"):
            yield check_order, cc, backend
        if world.target == "x86-64":
            yield check_constants_control, cc
            yield check_one_processor, cc
            yield check_one_processor_refused, cc
        else:
            for backend in ("ck", "gnu"):
                yield check_foreign_loads, cc, backend
                if cc == "gcc":     # clang has no C library for arm64
                    yield check_core, cc, backend
            yield check_foreign_md_control, cc


def main(target, ck, only=None):
    with tempfile.TemporaryDirectory() as folder:
        world = World(target, ck, pathlib.Path(folder))
        checks = [check for check in plan(world) if
                  only is None or check[0].__name__ == "check_" + only]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(
                lambda check: list(check[0](world, *check[1:])), checks))
    for check, wrong in zip(checks, answers):
        print("%s %s: %s" % ("not ok" if wrong else "ok",
                             " ".join(check[1:]), check[0].__doc__))
        for what in wrong:
            print("#   " + what.replace("\n", "\n#   "))
    return 1 if any(answers) or not checks else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in TRIPLES:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
