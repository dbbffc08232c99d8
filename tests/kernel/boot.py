#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Linux's drivers on our device, in QEMU, with a host that is not QEMU.

    boot.py [options] [VARIANT...]

Each variant of the device is one boot: the modules are loaded, then stream
and datagram sockets carry bytes whose values are checked, between guest and
vqp-host in both directions and within the guest.  Other boots:

    programs    Python, socat and the kernel's own tests of AF_VSOCK
    tools       open-vm-tools; it and context 0 send each other requests
    streams     every row of docs/streams.md, begun by either side
    killed      the host dies under load, ten times, and is replaced
    rounds      our driver is loaded and unloaded a hundred times
    churn       thousands of connections, and how many a second beside stock's
    and those of life.py, of our driver while things happen to the device

Results are in the form of the kernel's tests (KTAP).

    --module FILE   this vmw_vmci.ko, not the kernel's own
    --arch NAME     the guest's: amd64, or arm64, whose stock modules, and whose
                    --module and --case, `tests/kernel/run` builds
    --case FILE     load this module, whose results are in the kernel's log
    --all           every variant and the other boots, not the usual ones
    --list          name them
    --jobs N        run N boots at a time; otherwise one for each processor, 8
                    at most
    --echo          show the guest's console, of one boot at a time

Exit status: 0 all passed, 1 something failed, 77 this machine cannot run it.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import traceback

import endure
import life
import programs
import scene
import streams
import tools
import vm

PAIR = 77
DOORBELLS = 0x8
MEGABYTE = 1 << 20

# Name: options of the device, options of the machine, how many interrupts it
# uses, and the capabilities that the driver must accept.  With DMA, the guest
# has a context id that a signed number would show as negative.
VARIANTS = {
    "port": ("", {"memory": 512}, 2, 0x1c),
    "mmio": ("mmio=on", {"memory": 512}, 3, 0x3c),
    "port-1-vector": ("vectors=1", {}, 1, 0x1c),
    "mmio-msi": ("mmio=on,msix=off", {}, 1, 0x3c),
    "port-msi": ("msix=off", {}, 1, 0x1c),
    "port-line": ("msix=off,msi=off", {}, 1, 0x1c),
    "port-ppn32": ("ppn64=off", {}, 2, 0x0c),
    "mmio-ppn32": ("mmio=on,ppn64=off", {}, 3, 0x2c),
    "mmio-1-vector": ("mmio=on,vectors=1", {}, 1, 0x3c),
    "port-no-doorbells": ("caps=0x14", {}, 2, 0x14),
    "port-q35": ("", {"machine": "q35"}, 2, 0x1c),
    "mmio-smp": ("mmio=on", {"smp": 2}, 3, 0x3c),
    "port-smp": ("", {"smp": 2}, 2, 0x1c),
    "mmio-late-busy": ("mmio=on,x-late-busy-us=2000", {}, 3, 0x3c),
    "mmio-deaf-port": ("mmio=on,x-deaf-port=on", {"memory": 512}, 3, 0x3c),
    "mmio-no-port": ("mmio=on,x-no-port=on", {"memory": 512}, 3, 0x3c),
    "port-double-irq": ("x-double-irq=3", {}, 2, 0x1c),
}
STOCK = """
check 'capabilities are {0:#x}' sh -c \\
    'dmesg | grep -q "Using capabilities {0:#x}"'
"""
# insmod tries twice when the module refuses to stay loaded.
CASE = r"""
load {0} host={1} {2}
dmesg | sed -n 's/^\[[^]]*\] *\(\(not \)*ok\) [0-9]* -* */\1 - kernel: /p' |
    awk '!seen[$0]++'
rmmod {0} 2>/dev/null
"""
# Boots that are no variants of the device.
SCENES = {
    "programs": programs.run,
    "tools": tools.run,
    "streams": streams.run,
    "killed": endure.killed,
    "rounds": endure.rounds,
    "churn": endure.churn,
    **{name: life.run for name in life.VARIANTS},
}
USUAL = {"amd64": ("port", "mmio", "port-1-vector", "mmio-msi", "port-ppn32"),
         "arm64": ("mmio",)}
ONLY_AMD64 = {"port-q35", "iommu", "tools", "failures-mmio",
              "failures-port"}

SCRIPT = r"""
load vsock
load vmw_vmci
{case}load vmw_vsock_vmci_transport
{stock}
check '{vectors} interrupts' sh -c \
    'test $(grep -c vmci /proc/interrupts) = {vectors}'
check 'context id' vtest cid {cid}
check 'local stream' vtest local {cid} 300000
check 'echo of 1 byte' vtest echo 2 7 1
check 'echo of 12 bytes' vtest echo 2 7 12
check 'echo of 4 MiB' vtest echo 2 7 {four}
check 'sink of 4 MiB' vtest sink 2 9 {four}
check 'source of 4 MiB' vtest source 2 19 {four}
check 'memory that is not there' vtest torn 2 7
check 'a port that is nobodys' vtest refused 2 99
check 'context 0, which nobody serves' vtest refused 0 976
check 'datagram of 1 byte' vtest datagram 2 5007 1
check 'datagram of 4072 bytes' vtest datagram 2 5007 4072
check 'datagram of 5000 bytes' vtest datagram 2 5007 5000
check 'datagram of 69608 bytes' vtest datagram 2 5007 69608
check 'burst of 500 datagrams' vtest burst 2 5007 500
check 'datagrams of a Unix socket' sh -c \
    'for i in 1 100 4072 60000; do vtest datagram 2 5008 $i || exit 1; done'
check '8 streams at once' sh -c 'all=
    for i in 1 2 3 4 5 6 7 8; do vtest echo 2 7 200000 & all="$all $!"; done
    for one in $all; do wait $one || exit 1; done'
check 'datagram to a resource that is nobodys' vtest nobody 2 5999
check 'Unix socket of the host' vtest echo 2 8 {one}
check '20 connections' sh -c \
    'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
     vtest echo 2 7 5000 || exit 1; done'
check 'served a connection of the host' vtest serve 6000 {one}
check 'sent a file' vtest sink 2 10 {one}
dmesg | grep -iE 'vmci|vsock|warn|bug:|oops' | tail -n 20
unload vmw_vsock_vmci_transport
unload vmw_vmci
load vmw_vmci
load vmw_vsock_vmci_transport
check 'echo after a second load' vtest echo 2 7 100000
"""


def run_variant(name, kernel, arguments, results):
    options, machine, vectors, caps = VARIANTS[name]
    if arguments.arch == "arm64" and not arguments.module and \
            "mmio=on" not in options.split(","):
        results.skip(name, "the stock driver has no ports on arm64")
        return
    if "msi=off" in options.split(",") and not arguments.module:
        results.skip(name, "the stock driver has no interrupt without MSI")
        return
    cid = scene.HIGH_CID if "mmio=on" in options else scene.CID
    pair = PAIR if arguments.case and caps & DOORBELLS else 0
    # With DMA the stock driver loses a datagram that is too long and reports
    # success.
    large = ""
    if "memory" in machine and (arguments.module or "mmio=on" not in options):
        large = "large=64 large_refused=%d" % ("-port=on" in options)
    script = SCRIPT.format(
        cid=cid, vectors=vectors, four=4 * MEGABYTE, one=MEGABYTE,
        case=CASE.format(arguments.case.stem, pair, large)
        if arguments.case else "",
        stock="" if arguments.module else STOCK.format(caps))
    files = [("modules/" + arguments.case.name, arguments.case)] \
        if arguments.case else []
    data = scene.pattern(MEGABYTE)
    with scene.Scene(
            name, kernel, arguments, results, script, options, machine,
            files, ("--echo", "7", "--sink", "9", "--source",
                    "19=%d" % (4 * MEGABYTE), "--receive",
                    "10={folder}/kept", "--datagram-echo", "5007",
                    "--datagram", "5008", "--pair-echo", str(PAIR)),
            cid=cid) as play:
        scene.listen(play, 8, scene.echo)
        scene.datagram_echo(play, 5008)
        if play.guest.wait("guest: listening on 6000", 240):
            back = scene.connect_and_echo(play.path, 6000, data)
            play.check(back == data, "connected to the guest" +
                       ("" if isinstance(back, bytes) else ": " + back))
        play.guest.wait("ok - sent a file", 240)
        kept = play.folder / "kept"
        play.check(kept.exists() and kept.read_bytes() == data,
                   "the file that was received")
        if pair:
            play.check("pair 2:%d: in %d, out %d" % (
                pair, 4 * MEGABYTE, 4 * MEGABYTE) in play.host.said(),
                "the host told of its queue pair")


def boot(name, kernel, arguments):
    """Run one of VARIANTS or SCENES."""
    results = scene.Results()
    try:
        if arguments.arch != "amd64" and name in ONLY_AMD64:
            raise vm.Skip("a machine of amd64 alone")
        SCENES.get(name, run_variant)(name, kernel, arguments, results)
    except vm.Skip as why:
        results.skip(name, why)
    except Exception:   # nothing else would name the boot
        for line in traceback.format_exc().splitlines():
            results.note(line)
        results.line(False, name + ": the test itself")
    return results


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--module", type=pathlib.Path)
    parser.add_argument("--arch", choices=vm.ARCHITECTURES, default="amd64")
    parser.add_argument("--case", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--echo", action="store_true")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("variants", nargs="*")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join([*VARIANTS, *SCENES]))
        return 0
    names = arguments.variants or (
        [*VARIANTS, *SCENES] if arguments.all else USUAL[arguments.arch])
    unknown = [name for name in names
               if name not in VARIANTS and name not in SCENES]
    if unknown:
        parser.error("no variant " + ", ".join(unknown))
    build = subprocess.run(
        [vm.ROOT / "driver" / "qemu" / "build"], stdout=subprocess.DEVNULL,
        env=vm.ARCHITECTURES[arguments.arch].environment())
    if build.returncode != 0:
        return build.returncode
    try:
        kernel = vm.Kernel(arguments.arch)
    except vm.Skip as why:
        print("1..0 # SKIP %s" % why)
        return 77
    print("KTAP version 1\n# Linux %s, %s" % (
        kernel.release, arguments.module or "its own vmw_vmci"), flush=True)
    report = scene.Report()
    pool = concurrent.futures.ThreadPoolExecutor(
        1 if arguments.echo else arguments.jobs)
    try:
        for done in concurrent.futures.as_completed(
                pool.submit(boot, name, kernel, arguments) for name in names):
            report.add(done.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    print("1..%d\n# %d passed, %d failed" % (
        report.count, report.count - report.failed, report.failed))
    if report.count == report.skipped:
        print("every boot was skipped")
        return 77
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
