#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The house rules as a test.

    tidy.py                     judge the tree
    tidy.py --objects FILE...   judge objects or libraries of the engine, and
                                of core and device: those named *vqp_core*
                                and *vqp_device*
    tidy.py --circles FILE...   judge libraries, or the objects of a folder: no
                                file may be in a circle with another

Complaints are `path:line: what`.  selftest.py plants a violation of each rule.
"""
import collections
import itertools
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "mutants"))
from run import read_mutants  # noqa: E402

MUTANTS = "tests/mutants/mutants.txt"

# The rules of includes.  The first entry whose folder a file is in applies.  It
# lists the folders or files of the tree that the file may include from, and
# the headers that are not in the tree or are chosen by the include path.
ANY = r".*"
FREESTANDING = r"std(int|def|bool)\.h"
ENGINE = "engine/include/"
ROOMS = (
    ("engine/atomic/ck/", ("engine/atomic/ck_md/", ENGINE + "vqp/cpu.h"),
     r"ck_(md|pr|cc)\.h"),
    ("engine/atomic/", (ENGINE + "vqp/cpu.h",), ""),
    ("engine/include/", (ENGINE,), FREESTANDING + r"|vqp_atomic_backend\.h"),
    ("engine/", (ENGINE,), FREESTANDING),
    ("driver/os/", (), FREESTANDING + r"|vqp_os_types\.h"),
    ("driver/core/", (ENGINE, "driver/os/", "driver/core/"), FREESTANDING),
    ("driver/device/", (ENGINE, "driver/device/"), FREESTANDING),
    ("driver/linux/", (ENGINE, "driver/os/", "driver/core/vqp_core.h",
                       "driver/linux/"), ANY),
    ("driver/freebsd/", (ENGINE, "driver/os/", "driver/core/vqp_core.h",
                         "driver/freebsd/"), ANY),
    ("driver/user/", (ENGINE, "driver/os/", "driver/core/", "driver/device/",
                      "driver/user/"), ANY),
    ("driver/host/", (ENGINE, "driver/host/"), ANY),
    ("driver/qemu/", (ENGINE, "driver/device/", "driver/host/vqp_link.h",
                      "driver/qemu/"), ANY),
    ("bench/test_", ("",), ANY),
    ("bench/", (ENGINE, "driver/core/vqp_core.h",
                "driver/device/vqp_device.h", "driver/user/include/",
                "driver/user/user_machine.h", "bench/"), ANY),
    ("fuzz/", (ENGINE, "driver/core/", "driver/device/", "tests/support/",
               "fuzz/"), ANY),
    ("tests/", ("",), ANY),
)
# The files of the driver core from the bottom up, each with the field of
# struct vqp_core that it alone uses.  A file may include headers of the rows
# above its own.
CORE = (
    ("core_state", "life"), ("core_resource", "table"), ("core_call", "send"),
    ("core_event", "events"), ("core_qpair", "pairs"),
    ("core_doorbell", "bells"), ("core_endpoint", ""),
    ("core_receive", "receive"), ("core_service", "service"),
    ("core_attach", ""),
)
CORE_COMMON = {"os", "config"}      # used by all, never changed
BY_PATH = {"vqp_atomic_backend.h", "vqp_os_types.h"}    # several, on purpose
SHIM = re.compile(r"(^|/)shim/")                        # C headers for kernels

C = (".c", ".h", ".cc")
SPDX = (".c", ".h", ".cc", ".py", ".sh", ".pml", ".cocci", ".cmake")
SPDX_NAMES = ("run", "CMakeLists.txt", "mutants.txt", "Kbuild", "Makefile")

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')
ORDERED = re.compile(r"\bvqp_(load_acquire|store_release|swap8_full|"
                     r"or8_full|fence_full|fence_past)\(")
LABEL = re.compile(r"\bE[1-9]: [^;]*/before/")
EDGE = re.compile(r"\b(E[1-9])\b")
MEMBER = re.compile(r"\s+(const )?struct vqp_cell(8|64) \*?(const )?\w+"
                    r"(\[\w+\])?;")
OWNER = re.compile(r"/\* w:[\w,]+ r:[\w,]+ e:(none|E[1-9](,E[1-9])*) \*/")
FUNCTION = re.compile(r"(\w+)\(")
LIBC = re.compile(r"\b(mem(cpy|set|move|cmp)|str[a-z]+|[mc]alloc|realloc|free|"
                  r"[a-z]*printf|abort|exit|assert)\s*\(")
DRIVER_CALLS = re.compile(r"vqp_\w+|mem(cpy|set|move|cmp)|"
                          r"_GLOBAL_OFFSET_TABLE_")
BELIEF = re.compile(r"\b(I (think|believe|guess)|should be safe|should work|"
                    r"probably|hopefully|presumably)\b")
VMCI = re.compile(r"\bVMCI_[A-Z]\w*")

# Of a page.
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)#:]+)")
TREE_PATH = re.compile(r"(?:^|(?<=[\s=\"'(]))(?:\./)?((?:engine|driver|tests|"
                       r"bench|fuzz|docs|\.ci)/[\w./-]*)(?=[\s\"';),]|$)")
BUILT = re.compile(r"cmake (?:--build|--workflow) --preset (\w+)")
TESTED = re.compile(r"ctest --preset (\w+)")
PUBLIC_SOCKET = re.compile(r"/tmp/(vmci|vsock|link)\b|socket=/tmp/|"
                           r"UNIX-\w+:/tmp/")

# The numbers that a page states, the table each was taken from, and how it is
# counted.
FIGURES = (
    (r"(\d+) goals of", "tests/proof/goals.txt",
     lambda rows: sum(int(row.split()[-1]) for row in rows)),
    (r"goals of (\d+) functions", "tests/proof/goals.txt", len),
    (r"each of (\d+) planted faults", "tests/proof/faults.txt", len),
    (r"(\d+) paths of the verbs", "tests/budget/budget.txt", len),
)

# A load of our own index from memory that the peer can write.
OWN = {"vqp_tx_": r"vqp_load_\w+\([^;]*\btail_cell\b",
       "vqp_rx_": r"vqp_load_\w+\([^;]*\bhead_cell\b",
       "": r"vqp_load_\w+\([^;]*\b(tx(->|\.)tail_cell|rx(->|\.)head_cell)\b"}


def tree_files(root):
    """The paths of the tree's text files, without the files of git and builds.
    """
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in
                            (".git", "build", "__pycache__"))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if b"\0" not in path.read_bytes()[:1024]:
                yield path.relative_to(root).as_posix(), path


def without_comments(lines):
    """The same lines, with comments replaced by blanks."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*",
                  lambda found: re.sub(r"[^\n]", " ", found.group()),
                  "\n".join(lines), flags=re.S)
    return text.split("\n")


def comment_above(lines, at):
    """The comment directly above the statement of line `at`, or ''."""
    at -= 1
    while at >= 0 and not lines[at].rstrip().endswith((";", "{", "}", ":",
                                                       "*/")):
        at -= 1
    if at < 0 or not lines[at].rstrip().endswith("*/"):
        return ""
    begin = at
    while "/*" not in lines[begin]:
        begin -= 1
    return " ".join(lines[begin:at + 1])


def judge_includes(path, lines, tree):
    room = next((room for room in ROOMS if path.startswith(room[0])), None)
    if room is None:
        yield 1, "lies in no room of the include table"
        return
    _, may, outside = room
    for i, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found.group(1)
        if name.startswith("../"):
            yield i, "include by relative path"
            continue
        inside = [] if name in BY_PATH else [
            other for other in tree if ("/" + other).endswith("/" + name) and
            not SHIM.search(other)]
        if inside:
            if not any(other.startswith(may) for other in inside):
                yield i, "%s may not include %s" % (room[0], inside[0])
        elif not re.fullmatch(outside, name):
            yield i, "%s may not include <%s>" % (room[0], name)


def judge_order(lines, code):
    for i, line in enumerate(code, 1):
        if ORDERED.search(line) and \
                not LABEL.search(comment_above(lines, i - 1)):
            yield i, "ordered access without an edge label above it"


def judge_cells(lines):
    inside = False
    for i, line in enumerate(lines, 1):
        if re.match(r"(struct|union) \w+ \{", line):
            inside = True
        elif line.startswith("}"):
            inside = False
        elif inside and MEMBER.match(line) and not OWNER.search(line):
            yield i, "shared word without its owner line"


def judge_own_index(code):
    function = ""
    for i, line in enumerate(code, 1):
        found = FUNCTION.match(line)
        function = found.group(1) if found else function
        for prefix, load in OWN.items():
            if function.startswith(prefix) and re.search(load, line):
                yield i, "own index read back from shared memory"
                break


def judge_file(path, lines, tree):
    """The faults of one file: (line, what)."""
    name = os.path.basename(path)
    if (name.endswith(SPDX) or name in SPDX_NAMES) and \
            not any("SPDX-License-Identifier: " in line for line in lines[:3]):
        yield 1, "no SPDX line"
    for i, line in enumerate(lines, 1):
        if not path.startswith("tests/tidy/") and BELIEF.search(line):
            yield i, "belief; write the edge or the measurement instead"
        if VMCI.search(line) and path != "docs/wire.md" and \
                not path.startswith("tests/") and \
                not path.endswith("_kpi.c"):
            yield i, "VMCI's own name outside docs/wire.md"
    if not path.endswith(C):
        return
    code = without_comments(lines)
    yield from judge_includes(path, lines, tree)
    if path.startswith(("engine/", "driver/", "bench/")) and \
            not path.startswith(("engine/atomic/",
                                 "engine/include/vqp/cpu.h")):
        yield from judge_order(lines, code)
        yield from judge_cells(lines)
        yield from judge_own_index(code)
    if path.startswith("driver/core/"):
        yield from judge_core(path, lines, code)
    if path.startswith("engine/"):
        for i, line in enumerate(code, 1):
            if LIBC.search(line):
                yield i, "libc in the engine"


def judge_page(path, lines, paths):
    """Check that what a page names exists; that in commands ctest comes after
    the preset is built; and that no socket is in a place open to everybody.
    """
    fenced = False
    built = set()
    for i, line in enumerate(lines, 1):
        fenced ^= line.startswith("```")
        if fenced or line.startswith("    "):
            code = [line] if line.isascii() else []
            built.update(BUILT.findall(line))
            for preset in set(TESTED.findall(line)) - built:
                yield i, "ctest before preset %s is built" % preset
            if PUBLIC_SOCKET.search(line):
                yield i, "a socket in /tmp"
        else:
            code = CODE.findall(line)
            built = built if not line else set()
        named = [word for part in code for word in TREE_PATH.findall(part)]
        named += [os.path.normpath(os.path.join(os.path.dirname(path), link))
                  for link in LINK.findall(line)]
        for word in named:
            if word.rstrip("/") not in paths:
                yield i, "there is no " + word


def judge_core(path, lines, code):
    """In the driver core each file uses only its own field, and calls only
    down.
    """
    files = [file for file, _ in CORE]
    owner = {field: file for file, field in CORE if field}
    me = os.path.splitext(os.path.basename(path))[0]
    if me == "core_private":
        inside = False
        for i, line in enumerate(code, 1):
            inside = line.startswith("struct vqp_core {") or \
                (inside and not line.startswith("}"))
            member = re.search(r"(\w+)(\[.*\])?;", line)
            if inside and member and member.group(1) not in owner and \
                    member.group(1) not in CORE_COMMON:
                yield i, "%s of struct vqp_core is no file's own" % \
                    member.group(1)
    elif me != "vqp_core" and me not in files:
        yield 1, "a file of the core without a row in tidy.py's CORE"
        return
    for i, line in enumerate(lines, 1):
        other = re.match(r'#include "(core_\w+)\.h"', line)
        if other and other.group(1) in files and me in files and \
                files.index(other.group(1)) > files.index(me):
            yield i, "%s may not include %s.h, which is above it" % (
                me, other.group(1))
    for i, line in enumerate(code, 1):
        for field in re.findall(r"\bcore\)?(?:->|\.)(\w+)", line):
            if owner.get(field, me) != me:
                yield i, "%s of struct vqp_core is %s.c's own" % (
                    field, owner[field])


def judge_figures(lines, files):
    """Check that a figure of a page equals the one in its table."""
    for i, line in enumerate(lines, 1):
        for pattern, table, count in FIGURES:
            rows = [row for row in files.get(table, [])
                    if row and not row.startswith("#")]
            for figure in re.findall(pattern, line):
                if int(figure) != count(rows):
                    yield i, "%s: %s has %d" % (
                        pattern.replace(r"(\d+)", figure), table,
                        count(rows))


def judge_names(paths):
    seen = collections.defaultdict(list)
    for path in paths:
        name = os.path.basename(path)
        if path.endswith(C) and name not in BY_PATH and not SHIM.search(path):
            seen[name].append(path)
    for name, same in seen.items():
        for path in same[1:]:
            yield path, 1, "a second %s; the first is %s" % (name, same[0])


def judge_edges(files):
    """Check that every edge of the code is in the catalogue and has a mutant.
    """
    catalogue = "\n".join(files.get("docs/ordering.md", []))
    mutants = "\n".join(files.get(MUTANTS, []))
    said = set()
    for path, lines in files.items():
        if not path.startswith(("engine/", "driver/")) or \
                not path.endswith(C):
            continue
        for i, line in enumerate(lines, 1):
            if not re.search(r"\bE[1-9]: ", line):
                continue
            for edge in set(EDGE.findall(line)) - said:
                said.add(edge)
                if not re.search(r"^%s\b" % edge, catalogue, re.M):
                    yield path, i, edge + " has no entry in docs/ordering.md"
                if not re.search(r"^mutant %s\b" % edge, mutants, re.M):
                    yield path, i, edge + " has no mutant in " \
                        "tests/mutants/mutants.txt"


def judge_mutants(path, lines, files):
    """Check that each fault of the list can be planted in exactly one place."""
    for mutant in read_mutants("\n".join(lines)):
        line = lines.index("mutant " + mutant.name) + 1
        if mutant.file not in files:
            yield path, line, "there is no " + mutant.file
            continue
        places = "\n".join(files[mutant.file]).count(mutant.old)
        if places != 1:
            yield path, line, "mutant %s applies in %d places" % (
                mutant.name, places)


def judge_tree(root):
    files = {}
    for path, full in tree_files(root):
        files[path] = full.read_text(errors="replace").split("\n")
    tree = [path for path in files if path.endswith(C)]
    everything = {part.as_posix() for path in files
                  for part in (pathlib.PurePosixPath(path),
                               *pathlib.PurePosixPath(path).parents)}
    for path, lines in files.items():
        for line, what in judge_file(path, lines, tree):
            yield path, line, what
        if path.endswith(".md"):
            for line, what in itertools.chain(
                    judge_page(path, lines, everything),
                    judge_figures(lines, files)):
                yield path, line, what
    yield from judge_names(files)
    yield from judge_edges(files)
    yield from judge_mutants(MUTANTS, files.get(MUTANTS, []), files)


def judge_library(library, symbols):
    """Check that there is no writable data and no undefined symbol, except for
    symbols of the library itself and, in core and device, what the compiler
    may call anywhere, the engine and the OS layer.
    """
    own = {name for _, kind, name in symbols if kind == "T"}
    driver = re.search("vqp_(core|device)", library)
    for file, kind, name in symbols:
        where = "%s:%s" % (library, file)
        if kind in "UwvC":
            if name not in own and \
                    not (driver and DRIVER_CALLS.fullmatch(name)):
                yield "%s: calls %s" % (where, name)
        elif kind in "bBdDgGsSu":
            yield "%s: keeps writable data: %s" % (where, name)


def judge_circles(library, symbols):
    """No file may name a file that names it, directly or through others.  A
    function that is only called through a pointer passed at run time is not
    named.
    """
    owner = {name: file for file, kind, name in symbols
             if kind in "TWVDBR"}
    uses = collections.defaultdict(lambda: collections.defaultdict(list))
    for file, kind, name in symbols:
        if kind == "U" and owner.get(name, file) != file:
            uses[file][owner[name]].append(name)
    reached = {}
    for file in list(uses):
        reached[file], todo = set(), [file]
        while todo:
            new = set(uses[todo.pop()]) - reached[file]
            reached[file] |= new
            todo += new
    for file in sorted(reached):
        for other, names in sorted(uses[file].items()):
            if file in reached.get(other, ()):
                yield "%s: in a circle: %s uses %s of %s" % (
                    library, file, ", ".join(sorted(names)), other)


def judge_objects(judge, paths):
    """Each archive is a library, and so are all objects of one folder."""
    text = subprocess.run(["nm", "-A"] + paths, check=True,
                          stdout=subprocess.PIPE,
                          universal_newlines=True).stdout
    libraries = collections.defaultdict(list)
    for where, kind, name in re.findall(r"^(.*):[0-9a-f ]* (\w) (.*)$", text,
                                        re.M):
        library, _, file = where.rpartition(":" if ":" in where else "/")
        libraries[library].append((file, kind, name))
    for library, symbols in libraries.items():
        yield from judge(library, symbols)


OBJECT_RULES = {"--objects": judge_library, "--circles": judge_circles}


def main(arguments):
    if not arguments:
        root = pathlib.Path(__file__).resolve().parents[2]
        complaints = ["%s:%d: %s" % complaint for complaint in
                      sorted(set(judge_tree(root)))]
    elif arguments[0] in OBJECT_RULES and len(arguments) > 1:
        complaints = list(judge_objects(OBJECT_RULES[arguments[0]],
                                        arguments[1:]))
    else:
        sys.exit(__doc__)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
