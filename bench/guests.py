#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Linux's own vmw_vmci.ko and ours, on the same device, kernel and QEMU.

    guests.py [options]

Each boot runs guest/vbench.c on one of the two drivers, in turns:

  * with -icount, where time is instructions of 2 ns;
  * without, where it is this machine's time: medians over boots;
  * with the device's trace on, which counts the guest's requests.

    --module FILE  ours; otherwise build/kernel/cloud/vmw_vmci.ko
    --out FILE     otherwise build/bench/guests.json
    --boots N      of each without -icount (3)
    --commit ID    what was measured, for the file
    --show FILE    only print the table of a file
    --echo         show the guests' consoles

Exit status: 0 all well, 1 something failed, 77 this machine cannot run it.
"""
import argparse
import json
import pathlib
import re
import shutil
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "kernel"))
sys.path.insert(0, str(ROOT / "bench" / "report"))
import vm  # noqa: E402

from report import guest_text  # noqa: E402
from report_guests import SUBJECTS  # noqa: E402
from report_results import Fault, check_guests, read_json  # noqa: E402

CID = 16
INSTRUCTION_NS = 2
ICOUNT = ("-icount", "shift=1,sleep=off")
SCRIPT = """
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
check 'vbench' vbench {arguments}
"""
ACCESS = re.compile(r"vmci: (rd|wr)\d+(?:\*(\d+))? (\w+)")
# A guest accesses these registers to send, and all others to receive.
SENDING = ("DATA_OUT", "DATA_OUT_LOW", "DATA_OUT_HIGH", "RESULT_LOW",
           "RESULT_HIGH")
COUNTS = ("accesses", "port_bytes", "sent", "to_send", "to_receive")
END = re.compile(r"end (\S+) (\d+) (\d+) ns (\d+) idle (\d+) irq (\d+)")


class Failed(Exception):
    """A boot that did not do what it should."""


def cases_of(lines):
    """The numbers of vbench and of the trace, one dictionary for each case."""
    cases, inside = [], None
    for line in lines:
        if line.startswith("begin "):
            inside = dict.fromkeys(COUNTS, 0)
        elif found := END.search(line):
            name, *numbers = found.groups()
            size, count, ns, idle, irq = map(int, numbers)
            cases.append({"case": name, "bytes": size, "count": count,
                          "ns": ns, "busy_ns": ns - idle, "irq": irq,
                          **inside})
            inside = None
        elif inside is not None and (found := ACCESS.search(line)):
            verb, count, register = found.groups()
            inside["accesses"] += 1
            inside["port_bytes"] += int(count or 0)
            # With DMA, writing the low half of the address starts the
            # transfer.
            inside["sent"] += verb == "wr" and register in ("DATA_OUT",
                                                            "DATA_OUT_LOW")
            inside["to_send" if register in SENDING else "to_receive"] += 1
    return cases


def boot(kernel, subject, module, program, name, arguments, extra=(),
         options="", echo=False):
    name = f"bench-{subject}-{name}"
    print(f"# {name}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="vqp-") as folder:
        link = pathlib.Path(folder) / "link"
        with vm.Machine(
                kernel, f"vmci,cid={CID},socket={link}{options}",
                vm.initramfs(kernel, module, SCRIPT.format(
                    arguments=arguments), [("bin/vbench", program)]),
                name=name, extra=extra, echo=echo) as guest, \
            vm.Host(link, "--echo", "7", "--sink", "9", "--source", "19",
                    "--datagram-echo", "5007", name=name + "-host"):
            well = guest.wait("ok - vbench", 400)
            guest.finish(60)
        loud = [line for line in guest.lines if re.search(
            r"BUG:|Oops|WARNING:|Call Trace|panic|# vbench", line)]
        if not well or well.string.startswith("not") or loud:
            raise Failed(f"{name}: see {guest.log.name}\n" +
                         "\n".join(loud[:5]))
    return cases_of(guest.lines)


def units(case):
    """The divisor of a number: the bytes of a stream, or the trips."""
    return (case["count"] if case["case"].endswith(("-trip", "-datagram"))
            else case["count"] * case["bytes"])


def by_case(boots, measure):
    """Medians over the boots of one subject: {(case, bytes): value}."""
    found = {}
    for cases in boots:
        for case in cases:
            found.setdefault((case["case"], case["bytes"]), []).append(
                measure(case))
    return {key: (statistics.median(values), min(values), max(values))
            for key, values in found.items()}


def rows_of(boots, measure, **more):
    """The rows of both subjects; boots is {subject: [cases of a boot]}."""
    values = {subject: by_case(boots[subject], measure)
              for subject in SUBJECTS}
    rows = []
    for key in values["stock"]:
        row = {"case": key[0], "message_bytes": key[1], **more}
        for subject in SUBJECTS:
            row[subject], row[subject + "_min"], row[subject + "_max"] = \
                values[subject][key]
        rows.append(row)
    return rows


def made_for(module, kernel):
    return b"vermagic=%s " % kernel.release.encode() in module.read_bytes()


def measure(options):
    kernel = vm.Kernel()
    if not made_for(options.module, kernel):
        raise vm.Skip(f"{options.module} is not for Linux {kernel.release}")
    program = vm.build_program(ROOT / "bench" / "guest" / "vbench.c", kernel)
    modules = {"stock": None, "ours": options.module}

    def both(name, arguments, times=1, extra=(), device=""):
        boots = {subject: [] for subject in SUBJECTS}
        for i in range(times):
            for subject in SUBJECTS if i % 2 == 0 else SUBJECTS[::-1]:
                boots[subject].append(boot(
                    kernel, subject, modules[subject], program,
                    f"{name}-{i}", arguments, extra, device, options.echo))
        return boots

    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    data = {"schema_version": 1, "started_utc": started,
            "commit": options.commit, "kernel": kernel.release,
            "qemu": vm.output("qemu-system-x86_64", "--version").split()[3],
            "boots": options.boots, "instructions": [], "time": [],
            "exits": []}
    for device, text in (("port", ""), ("mmio", ",mmio=on")):
        boots = both("icount-" + device, "4 3 spin", extra=ICOUNT,
                     device=text)
        data["instructions"] += rows_of(
            boots, lambda case: case["busy_ns"] / INSTRUCTION_NS /
            units(case), device=device)
        # Also with -icount, so that guest and host interleave as they did
        # above.
        boots = both("exits-" + device, "4 3 spin", extra=ICOUNT,
                     device=text + ",trace=on")
        for what in COUNTS + ("irq",):
            data["exits"] += rows_of(
                boots, lambda case: case[what] / case["count"],
                device=device, what=what)
    boots = both("time", "2 3", options.boots)
    data["time"] = rows_of(boots, lambda case: case["ns"] / units(case),
                           device="port")
    return data


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--module", type=pathlib.Path, default=ROOT /
                        "build" / "kernel" / "cloud" / "vmw_vmci.ko")
    parser.add_argument("--out", type=pathlib.Path,
                        default=ROOT / "build" / "bench" / "guests.json")
    parser.add_argument("--boots", type=int, default=3)
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--show", type=pathlib.Path)
    parser.add_argument("--echo", action="store_true")
    options = parser.parse_args()
    width = shutil.get_terminal_size((100, 24)).columns
    if options.show:
        try:
            print(guest_text(check_guests(options.show,
                                          read_json(options.show)), width))
        except Fault as fault:
            print(f"guests.py: {fault}", file=sys.stderr)
            return 1
        return 0
    try:
        if not options.module.exists():
            raise vm.Skip(f"no {options.module}: tests/kernel/run "
                          "build/kernel CK_HEADERS cloud")
        data = measure(options)
    except vm.Skip as why:
        print(f"guests.py: {why}", file=sys.stderr)
        return 77
    except (Failed, TimeoutError) as why:
        print(f"guests.py: {why}", file=sys.stderr)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(data, indent=1) + "\n")
    print(guest_text(data, width))
    return 0


if __name__ == "__main__":
    sys.exit(main())
