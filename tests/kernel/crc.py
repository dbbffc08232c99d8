#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Does our vmw_vmci.ko export what the kernel's own does?

    crc.py KERNEL OURS

Compares the checksums of prototypes in KERNEL/Module.symvers and
OURS/Module.symvers: with all equal, a module that was built for the one loads on
the other.
"""
import pathlib
import sys


def exports(folder):
    """A dictionary of symbols and their checksums, of vmw_vmci alone."""
    found = {}
    for line in (pathlib.Path(folder) / "Module.symvers").read_text() \
            .splitlines():
        crc, symbol, module = line.split("\t")[:3]
        if module.split("/")[-1] == "vmw_vmci":
            found[symbol] = crc
    return found


def main(kernel, ours):
    theirs, mine = exports(kernel), exports(ours)
    if not theirs:
        print("this kernel has no vmw_vmci")
        return 1
    for symbol in sorted(set(theirs) | set(mine)):
        if theirs.get(symbol) != mine.get(symbol):
            print("%s: theirs %s, ours %s" % (
                symbol, theirs.get(symbol), mine.get(symbol)))
    print("%d exports, %d equal" % (
        len(theirs), sum(mine.get(symbol) == crc
                         for symbol, crc in theirs.items())))
    return 0 if theirs == mine else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
