#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Each rule of tidy.py must accept a clean tree and reject a planted fault."""
import pathlib
import subprocess
import sys
import tempfile

import tidy

SPDX = "/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */\n"

MUTANT = """\
# SPDX-License-Identifier: x
mutant E1-tx
file engine/include/vqp/ring.h
dies gnu test_ring
-	vqp_store_release(tx->tail_cell, 1);
+	vqp_store_relaxed(tx->tail_cell, 1);
"""

CLEAN = {
    "engine/include/vqp/ring.h": SPDX + """\
#include <stdint.h>
#include <vqp_atomic_backend.h>
struct vqp_tx {
	struct vqp_cell64 *tail_cell;	/* w:us r:peer e:E1 */
};
static inline void
vqp_tx_publish(struct vqp_tx *tx)
{
	/* E1: peer sees our bytes /before/ the tail */
	vqp_store_release(tx->tail_cell, 1);
}
""",
    "engine/pair.c": SPDX + "#include <vqp/ring.h>\n",
    "engine/atomic/ck/vqp_atomic_backend.h": SPDX + "#include <ck_pr.h>\n",
    "engine/atomic/gnu/vqp_atomic_backend.h": SPDX,
    "driver/core/core_event.c": SPDX + "#include <vqp/ring.h>\n",
    "driver/core/vqp_core.h": SPDX,
    "driver/core/core_private.h": SPDX,
    "driver/device/vqp_device.h": SPDX,
    "driver/user/user_machine.h": SPDX,
    "driver/user/user_os.h": SPDX,
    "bench/driver.c": SPDX + "#include <user_machine.h>\n"
                             "#include <vqp_core.h>\n"
                             "#include <vqp_device.h>\n",
    "driver/user/include/vqp/user.h": SPDX,
    "fuzz/fuzz_pair.c": SPDX + "#include <test.h>\n#include <vqp/ring.h>\n",
    "tests/support/test.h": SPDX + "#include <stdio.h>\n",
    "tests/kernel/shim/stdint.h": SPDX + "#include <linux/types.h>\n",
    "tests/mutants/mutants.txt": MUTANT,
    "tests/proof/goals.txt": "# SPDX\n\nvqp_tx_stage 3 3\nvqp_rx_stage 4 4\n",
    "docs/proofs.md": "7 goals of 2 functions\n",
    "docs/ordering.md": "E1  data\n",
    "docs/wire.md": "VMCI_MAX_DG_SIZE\n\n"
                    "    cmake --build --preset dev\n\n"
                    "    ctest --preset dev; cat docs/wire.md driver/*.c\n"
                    "See driver/gone, `docs/wire.md` and [it](wire.md#1).\n",
}

# The rule, the file that breaks it, the text added at its end, the complaint.
PLANTED = (
    ("include", "engine/pair.c", "#include <stdio.h>\n",
     "engine/ may not include <stdio.h>"),
    ("include", "engine/atomic/ck/vqp_atomic_backend.h",
     "#include <ck_ring.h>\n", "engine/atomic/ck/ may not include <ck_ring.h>"),
    ("include", "engine/atomic/gnu/vqp_atomic_backend.h",
     "#include <stdint.h>\n", "engine/atomic/ may not include <stdint.h>"),
    ("include", "driver/core/core_event.c", '#include "vqp_device.h"\n',
     "driver/core/ may not include driver/device/vqp_device.h"),
    ("include", "driver/core/core_event.c", "#include <linux/slab.h>\n",
     "driver/core/ may not include <linux/slab.h>"),
    ("include", "bench/stream.c", '#include "test.h"\n',
     "bench/ may not include tests/support/test.h"),
    ("include", "bench/driver.c", '#include "core_private.h"\n',
     "bench/ may not include driver/core/core_private.h"),
    ("include", "bench/driver.c", "#include <user_os.h>\n",
     "bench/ may not include driver/user/user_os.h"),
    ("include", "bench/stream.c", '#include "../engine/pair.c"\n',
     "include by relative path"),
    ("include", "fuzz/fuzz_pair.c", "#include <vqp/user.h>\n",
     "fuzz/ may not include driver/user/include/vqp/user.h"),
    ("include", "stray.c", "", "lies in no room"),
    ("names", "tests/unit/pair.c", "", "a second pair.c"),
    ("order", "engine/pair.c", "\tvqp_fence_full();\n",
     "ordered access without an edge label"),
    ("order", "engine/pair.c", "\t/* all is well */\n\tn =\n"
     "\t    vqp_load_acquire(cell);\n",
     "ordered access without an edge label"),
    ("order", "engine/pair.c", "\t/* E1: bytes /before/ tail */\n\tn = 1;\n"
     "\tvqp_store_release(cell, n);\n",
     "ordered access without an edge label"),
    ("cells", "engine/pair.c", "struct end {\n\tstruct vqp_cell8 bell;\n};\n",
     "shared word without its owner line"),
    ("cells", "engine/pair.c",
     "struct end {\n\tconst struct vqp_cell64 *cell; /* the peer's */\n};\n",
     "shared word without its owner line"),
    ("libc", "engine/pair.c", "\tmemcpy(to, from, 8);\n",
     "libc in the engine"),
    ("belief", "docs/wire.md", "This should be safe.\n", "belief"),
    ("belief", "engine/pair.c", "/* I think it fits. */\n", "belief"),
    ("vmci", "engine/pair.c", "/* VMCI_ERROR_INVALID_ARGS */\n",
     "VMCI's own name"),
    ("edges", "engine/pair.c", "/* E2: reads /before/ the head */\n",
     "E2 has no entry in docs/ordering.md"),
    ("edges", "engine/pair.c", "/* E2: reads /before/ the head */\n",
     "E2 has no mutant"),
    ("mutants", "tests/mutants/mutants.txt",
     MUTANT.replace("E1-tx", "E1-gone").replace("cell, 1", "cell, 2"),
     "mutant E1-gone applies in 0 places"),
    ("mutants", "tests/mutants/mutants.txt", MUTANT.replace(
        "E1-tx", "E1-end").split("-\t")[0] + "-{\n", "applies in 2 places"),
    ("mutants", "tests/mutants/mutants.txt",
     MUTANT.replace("E1-tx", "E1-no").replace("ring.h", "king.h"),
     "there is no engine/include/vqp/king.h"),
    ("page", "docs/wire.md", "\n    docs/wire.md\n    ./tests/missing -x\n",
     "there is no tests/missing"),
    ("page", "docs/wire.md", "```\nmake -C driver/gone\n```\n",
     "there is no driver/gone"),
    ("page", "docs/wire.md", "\n    cmake --build --preset dev\n"
     "    ctest --preset asan -L unit\n",
     "ctest before preset asan is built"),
    ("page", "docs/wire.md", "\n    vqp-host /tmp/vmci --echo 7\n",
     "a socket in /tmp"),
    ("page", "docs/wire.md", "See `driver/gone.c`.\n",
     "there is no driver/gone.c"),
    ("page", "docs/wire.md", "See [it](../tests/gone.md#there).\n",
     "there is no tests/gone.md"),
    ("core", "driver/core/core_event.c", '#include "core_service.h"\n',
     "core_event may not include core_service.h, which is above it"),
    ("core", "driver/core/core_event.c", "\tobject->core->life.caps = 0;\n",
     "life of struct vqp_core is core_state.c's own"),
    ("core", "driver/core/core_stray.c", "",
     "a file of the core without a row"),
    ("core", "driver/core/core_private.h",
     "struct vqp_core {\n\tstruct vqp_os *os;\n\tbool stray;\n};\n",
     "stray of struct vqp_core is no file's own"),
    ("figures", "docs/proofs.md", "8 goals of 2 functions\n",
     "8 goals of: tests/proof/goals.txt has 7"),
    ("figures", "docs/proofs.md", "7 goals of 3 functions\n",
     "goals of 3 functions: tests/proof/goals.txt has 2"),
    ("own", "engine/pair.c", "vqp_tx_fill(tx)\n{\n"
     "\tn = vqp_load_relaxed(tail_cell);\n}\n", "own index read back"),
    ("own", "engine/pair.c", "fill(tx, rx)\n{\n"
     "\tn = vqp_load_relaxed(pair->rx.head_cell);\n}\n",
     "own index read back"),
)

# A library, the contents of its files, the complaint.  The engine calls
# nothing but itself; core and device may call the engine and what compilers
# call.
COPY = "void copy(char *a, const char *b, long n)" \
       "{ __builtin_memcpy(a, b, n); }"
OBJECTS = (
    ("engine", ["int twice(int n) { return 2 * n; }"], ""),
    ("engine", ["void out(void); void in(void) { out(); }"], "calls out"),
    ("engine", ["static int n; int count(void) { return ++n; }"],
     "writable data: n"),
    ("engine", ["void b(void); void a(void) { b(); }",
                "void b(void) { }"], ""),
    ("engine", ["int n = 1;"], "writable data: n"),
    ("engine", [COPY], "calls memcpy"),
    ("device", [COPY], ""),
    ("device", ["void vqp_x(void); void in(void) { vqp_x(); }"], ""),
    ("device", ["void out(void); void in(void) { out(); }"], "calls out"),
    ("device", ["int n = 1;"], "writable data: n"),
)
# The contents of a library's files, and the complaint about circles.
CIRCLES = (
    (["void b(void); void a(void) { b(); }",
      "void c(void); void b(void) { c(); }", "void c(void) { }"], ""),
    (["void b(void); void a(void) { b(); }",
      "void a(void); void b(void) { a(); }"], "1.o uses a of 0.o"),
    (["void b(void); void a(void) { b(); } void d(void) { }",
      "void c(void); void b(void) { c(); }",
      "void d(void); void c(void) { d(); }"], "2.o uses d of 0.o"),
    # A pointer that one file passes to the other.
    (["void b(void (*)(void)); static void a(void) { }"
      "void c(void) { b(a); }", "void b(void (*call)(void)) { call(); }"], ""),
)


def complaints(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            to = pathlib.Path(root, path)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text)
        return ["%s:%d: %s" % complaint for complaint in
                tidy.judge_tree(pathlib.Path(root))]


def object_complaints(judge, library, sources):
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for i, source in enumerate(sources):
            objects.append("%s/%d.o" % (folder, i))
            subprocess.run(["cc", "-O1", "-xc", "-c", "-", "-o", objects[-1]],
                           check=True, input=source, universal_newlines=True)
        archive = "%s/libvqp_%s_x.a" % (folder, library)
        subprocess.run(["ar", "rc", archive] + objects, check=True)
        return list(tidy.judge_objects(judge, [archive]))


def main():
    wrong = complaints(CLEAN)
    for rule, path, plant, expected in PLANTED:
        said = complaints({**CLEAN, path: CLEAN.get(path, SPDX) + plant})
        if not any(line.startswith(path + ":") and expected in line
                   for line in said):
            wrong.append("%s: not seen in %s: %s" % (rule, path, plant))
    bare = CLEAN["engine/pair.c"].replace(SPDX, "")
    if not any("no SPDX line" in line for line in
               complaints({**CLEAN, "engine/pair.c": bare})):
        wrong.append("spdx: not seen")
    for judge, library, sources, expected in (
            [(tidy.judge_library, *row) for row in OBJECTS] +
            [(tidy.judge_circles, "engine", *row) for row in CIRCLES]):
        said = object_complaints(judge, library, sources)
        if bool(said) != bool(expected) or expected not in "".join(said):
            wrong.append("objects: %s: said %s" % (sources, said))
    for what in wrong:
        print(what)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
