#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The device in QEMU, register by register, without a guest: a few seconds.

    qtest.py [--list] [--sample=N] [NAME...]

With --sample, run one case in N, other ones with each commit.
A case whose name begins with a letter and a number is that line of the
hostile-peer matrix.  Most run for both generations.  Exit status: 0 all
passed, 1 something failed, 77 this machine cannot run it.
"""
import contextlib
import fcntl
import multiprocessing
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import qstreams
import tools
import vm

sys.path.insert(0, str(vm.ROOT / "tests/mutants"))
from run import commit  # noqa: E402

from qdevice import (
    ALLOC, ANY, BAR1, BITMAP, CAPS, CID, CONTROL, DATA_IN, GET_CID, ICR, IMR,
    IN_LOW, INT_DISABLE, INT_ENABLE, LINK, NAMES, OUT_LOW, PAGE, PAGES, PORT,
    QUERY, RAM_MIB, RECEIVE, RESET, RING, ROOT, SEND, SET_BITMAP, SHIFT, STATUS,
    UNLINK, VECTORS, Device, Program, datagram, header, ticks, until)

CASES = []


def case(name, *options, generations=("port", "mmio"), own=False):
    """With `own`, the case runs in a QEMU of its own, with these device
    options.
    """
    def add(function):
        for generation in generations:
            CASES.append((name, generation, ",".join(options),
                          own or bool(options), function))
        return function
    return add


def same(got, wanted):
    def text(value):
        return "%s (%s)" % (value, NAMES[value]) if \
            isinstance(value, int) and value in NAMES else repr(value)
    if got != wanted:
        raise AssertionError("%s, not %s" % (text(got), text(wanted)))


def handle(context, resource):
    return struct.pack("<II", context, resource)


def whole(d):
    """Check that the device still works, whatever was done to it."""
    d.start()
    same(d.hyper(GET_CID) & ANY, CID)
    same(d.bitmap(), 0)
    same(d.hyper(LINK, handle(CID, 700) + struct.pack("<Q", 7)), 0)
    same(d.hyper(RING, handle(CID, 700)), 0)
    same(d.q.read(BITMAP, 16), bytes(7) + b"\1" + bytes(8))


# ---- Coming up.

@case("probe")
def probe(d):
    same(d.rd(CAPS), 0x3c if d.dma else 0x1c)
    same(d.hyper(QUERY, struct.pack("<III", 1, 0, 1)), 1)
    same(d.hyper(QUERY, struct.pack("<IIIIII", 4, 0, 1, 99, 10, 3)), 0b1101)
    same(d.hyper(GET_CID) & ANY, CID)
    same(d.rd(STATUS), 1)
    whole(d)


@case("PCI identity")
def identity(d):
    q = d.q
    same(q.config(0), 0x074015ad)
    same(q.config(8), 0x08800010)
    same(q.config(0x2c), 0x074015ad)
    q.config(4, 0, 2)
    for offset, size in ((0x10, 64), (0x14, 0x40000 if d.dma else 0x2000)):
        q.config(offset, 0xffffffff)
        mask = ~3 if offset == 0x10 else ~15
        same(-(q.config(offset) & mask) & 0xffffffff, size)
    q.config(0x10, 0xc000)
    q.config(0x14, BAR1)
    q.config(0x18, 0)
    q.config(4, 7, 2)
    same(d.vectors, 3 if d.dma else 2)
    whole(d)


@case("one device in a machine", own=True, generations=("port",))
def second(d):
    said = subprocess.run(
        [ROOT / "driver/qemu/vqp-qemu", "-S", "-nodefaults", "-display",
         "none", "-device", "vmci", "-device", "vmci"],
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        timeout=20)
    same(said.returncode, 1)
    assert "only one VMCI device" in said.stderr, said.stderr


@case("bad properties", own=True, generations=("port",))
def bad_properties(d):
    for options, wanted in (("cid=15", "cid=15"), ("cid=0", "INVALID_ARGS"),
                            ("cid=4294967196", "from 16 to 4294967195"),
                            ("cid=4294967295", "from 16 to 4294967195"),
                            ("vectors=4", "at most 3"),
                            ("socket=/nowhere/at/all", "/nowhere/at/all"),
                            ("chardev=none -chardev null,id=none",
                             "is not a socket")):
        said = subprocess.run(
            [ROOT / "driver/qemu/vqp-qemu", "-S", "-nodefaults", "-display",
             "none", "-device", *("vmci," + options).split()], stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, text=True, timeout=20)
        same(said.returncode, 1)
        assert wanted in said.stderr, said.stderr


@case("the newer chipset", own=True)
def q35(d):
    other = Device("mmio" if d.dma else "port", machine="q35")
    try:
        whole(other)
    finally:
        other.close()


@case("system reset")
def system_reset(d):
    same(d.bitmap(), 0)
    same(d.hyper(LINK, handle(CID, 700) + struct.pack("<Q", 7)), 0)
    d.q.monitor("system_reset")
    assert until(lambda: d.q.config(4, width=2) & 7 == 0), "not reset"
    d.q.config(0x10, 0xc000)
    d.q.config(0x14, BAR1)
    d.q.config(0x18, 0)
    d.q.config(4, 7, 2)
    d.setup_msix()
    d.start()
    same(d.hyper(RING, handle(CID, 700)), -21)
    whole(d)


@case("small capabilities", "caps=0x14", generations=("port",))
def small_caps(d):
    same(d.rd(CAPS), 0x14)
    same(d.hyper(QUERY, struct.pack("<III", 1, 0, 2)), 0)
    assert d.bitmap() < 0


@case("page numbers of 32 bits", "ppn64=off")
def ppn32(d):
    same(d.rd(CAPS) & 0x10, 0)
    # FreeBSD leaves old stack contents in the other half.
    same(d.hyper(SET_BITMAP, struct.pack("<II", BITMAP // PAGE,
                                         0xdeadbeef)), 0)
    with Program(d.q) as p:
        same(p.status, 2)
        same(d.alloc((CID, 1), 8192, 4096), 4)
        same(p.alloc((CID, 1), 4096, 8192), 5)
        same(p.memory()[0][2:4], (4096, 8192))
        assert d.detach((CID, 1)) >= 0


# ---- Registers.

@case("F72 page shift of 0, 11, 63", generations=("mmio",))
def page_shift(d):
    for bad in (0, 11, 63, 0xffffffff):
        d.wr(SHIFT, bad)
        same(d.rd(SHIFT), 12)
    d.wr(SHIFT, 16)
    same(d.rd(SHIFT), 16)
    d.wr(CONTROL, RESET)
    same(d.rd(SHIFT), 12)
    whole(d)


@case("F71 capabilities that were not offered")
def odd_caps(d):
    d.wr(CAPS, 0xffffffff)
    same(d.rd(CAPS), 0x3c if d.dma else 0x1c)
    d.wr(CAPS, 0)
    whole(d)


@case("F73 resource queries cut short, too long, of nothing")
def queries(d):
    same(d.hyper(QUERY, b""), -2)
    same(d.hyper(QUERY, struct.pack("<I", 1)), -2)
    same(d.hyper(QUERY, struct.pack("<II", 1, 0)), -2)
    same(d.hyper(QUERY, struct.pack("<IIII", 1, 0, 1, 1)), -2)
    same(d.hyper(QUERY, struct.pack("<II", 0, 0)), 0)
    same(d.hyper(QUERY, struct.pack("<II", 32, 0) + bytes(128)), -2)
    same(d.hyper(QUERY, struct.pack("<II", 0xffffffff, 0)), -2)
    whole(d)


@case("F78 every register, every width, odd offsets")
def every_register(d):
    base, write, read = (BAR1 + 0x20000, "write", "read") if d.dma else \
        (0xc000, "out", "in")
    sizes = "bwlq" if d.dma else "bwl"
    commands = []
    for offset in range(64):
        for size in sizes:
            commands.append("%s%s 0x%x" % (read, size, base + offset))
            # This is no RESET, and no DMA operation at some address.
            commands.append("%s%s 0x%x 0x%x" % (
                write, size, base + offset, 0xfffffffc))
    d.q.run(commands)
    whole(d)


@case("F74 RESET forgets everything")
def reset(d):
    with Program(d.q) as p:
        same(d.bitmap(), 0)
        same(d.hyper(LINK, handle(CID, 5) + struct.pack("<Q", 5)), 0)
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(p.send((CID, 9), (2, 9), b"waits"), 24 + 5)
        if not d.dma:
            d.out(b"half a header")
        d.wr(CONTROL, RESET)
        p.wait(p.NO_MEMORY)
        same(struct.unpack_from("<I", p.wait(p.EVENT), 24)[0], 4)
        same(p.send((CID, 9), (2, 9), b""), -20)
        same(p.ring((CID, 5)), -21)
        same(d.result(), -20)
        d.start()
        same(d.receive(), [])
        # The host context is still one side of the pair.
        same(d.detach((CID, 1)), -34)
    whole(d)


@case("bus mastering off")
def no_bus_master(d):
    d.q.config(4, 3, 2)
    same(d.bitmap() if not d.dma else -2, -2)
    d.q.config(4, 7, 2)
    same(d.bitmap(), 0)


# ---- Interrupts.

@case("E69 held until enabled, and masked by IMR")
def interrupts(d):
    def fired():
        values = struct.unpack("<3I", d.q.read(VECTORS, 12))
        d.q.zero(VECTORS, 12)
        return values
    d.wr(CONTROL, INT_DISABLE)
    same(d.rd(STATUS), 0)
    to_self = datagram((CID, 9), (CID, 9), b"x")
    same(d.send(to_self), 25)
    same(fired(), (0, 0, 0))
    d.wr(CONTROL, INT_ENABLE)
    assert fired()[0] == 0x51, "no interrupt after INT_ENABLE"
    same(len(d.receive()), 1)
    d.wr(IMR, 0)
    fired()
    same(d.send(to_self), 25)
    same(fired(), (0, 0, 0))
    d.wr(IMR, 7 if d.dma else 3)
    assert fired()[0] == 0x51, "no interrupt after IMR"
    d.receive()
    fired()
    same(d.bitmap(), 0)
    same(d.hyper(LINK, handle(CID, 700) + struct.pack("<Q", 7)), 0)
    fired()
    same(d.hyper(RING, handle(CID, 700)), 0)
    same(fired()[1], 0x52)
    if d.dma:
        d.receive()
        same(fired()[2], 0x53)


@case("one vector for all", "vectors=1")
def one_vector(d):
    same(d.vectors, 1)
    same(d.send(datagram((CID, 9), (CID, 9), b"x")), 25)
    same(d.q.read32(VECTORS), 0x51)
    same(d.rd(ICR) & 1, 1)
    same(d.rd(ICR), 0)
    same(d.bitmap(), 0)
    d.rd(ICR)
    d.q.zero(VECTORS, 4)
    same(d.hyper(LINK, handle(CID, 700) + struct.pack("<Q", 7)), 0)
    same(d.hyper(RING, handle(CID, 700)), 0)
    same(d.q.read32(VECTORS), 0x51)
    same(d.rd(ICR) & 2, 2)


@case("MSI", "msix=off")
def by_msi(d):
    q = d.q
    q.config(d.q.capability(0x11) or 0x40, width=1)
    at = q.capability(5)
    assert at, "no MSI"
    same(q.capability(0x11), 0)
    q.config(at + 4, VECTORS)
    wide = q.config(at + 2, width=2) & 0x80
    if wide:
        q.config(at + 8, 0)
    q.config(at + (12 if wide else 8), 0x77, 2)
    q.config(at + 2, 1, 2)
    same(d.send(datagram((CID, 9), (CID, 9), b"x")), 25)
    same(q.read32(VECTORS), 0x77)
    same(d.rd(ICR) & 1, 1)


@case("a line", "msix=off", "msi=off")
def by_line(d):
    # Do what the firmware does: route the four lines to interrupts 10 and 11.
    d.q.run(["outl 0xcf8 0x80000860", "outl 0xcfc 0x0b0a0b0a",
             "irq_intercept_in ioapic"])
    same(d.send(datagram((CID, 9), (CID, 9), b"x")), 25)
    d.q.one("readb 0x0")
    assert [irq for irq in d.q.irqs if irq[0] == "raise"], d.q.irqs
    d.q.irqs.clear()
    same(d.rd(ICR) & 1, 1)
    d.q.one("readb 0x0")
    assert [irq for irq in d.q.irqs if irq[0] == "lower"], d.q.irqs


@case("interrupts aimed at the device's own registers", own=True,
      generations=("mmio",))
def own_registers(d):
    d.q.write(RECEIVE, struct.pack("<IIIIQQQ", 0, 1, 1, 0, 0, RECEIVE + PAGE,
                                   69632))
    for vector in range(3):
        d.q.write(BAR1 + 16 * vector, struct.pack(
            "<IIII", BAR1 + 0x20000 + IN_LOW, 0, RECEIVE, 0))
    same(d.send(datagram((CID, 9), (CID, 9), b"x")), 25)
    # No access is in progress, so QEMU's own guard against nesting does not
    # help.
    with Program(d.q) as p:
        before = d.q.counts().get("nested-access", 0)
        same(p.send((CID, 9), (2, 9), b"y"), 25)
        same(d.q.counts()["nested-access"], before + 1)
    same(d.q.read32(RECEIVE), 0)
    d.setup_msix()
    same([payload for _, payload in d.receive()][:2], [b"x", b"y"])


# ---- Datagrams.

@case("C46 sizes that no memory has")
def sizes(d):
    for size in (1 << 32, (1 << 32) - 24, (1 << 64) - 24, (1 << 64) - 8,
                 1 << 63, (1 << 64) - 1, 1 << 30):
        data = header((0, GET_CID), (ANY, ANY), size)
        assert d.send(data) < 0, "size %x was taken" % size
        d.start()
        same(d.hyper(GET_CID) & ANY, CID)
    whole(d)


@case("C48 a gigabyte is claimed, and a megabyte comes",
      generations=("port",))
def claimed(d):
    d.out(header((2, 5), (CID, 5), 1 << 30))
    d.out(bytes(100000))
    same(d.result(), -11)
    whole(d)


@case("C49 a bare header")
def bare(d):
    same(d.send(datagram((CID, 9), (CID, 9))), 24)
    same(d.receive(), [((CID, 9, CID, 9, 0), b"")])
    same(d.send(datagram((CID, 9), (ANY, 9))), 24)
    same(d.receive(), [((CID, 9, CID, 9, 0), b"")])


@case("C51 sources that lie")
def sources(d):
    with Program(d.q) as p:
        same(p.bind(5), 0)
        for source in ((17, 5), (0, 0), (0, 5), (2, 5), (CID ^ 1, 1)):
            same(d.send(datagram((2, 5), source, b"x")), -7)
        same(d.send(datagram((2, 5), (CID, 5), b"x")), 25)
        same(p.wait(p.DATAGRAM), datagram((2, 5), (CID, 5), b"x"))
        same(p.send((CID, 9), (CID, 9), b""), -7)
        same(p.send((CID, 9), (ANY, 9), b""), 24)
        same(d.receive(), [((CID, 9, 2, 9, 0), b"")])


@case("C51 streams of context 0")
def hypervisor(d):
    packet = datagram((0, 15), (CID, 1), bytes(range(32)))
    own = datagram((2, 15), (CID, 1), b"x")
    same(d.send(packet), -1)
    with Program(d.q, cid=17) as other, Program(d.q) as p:
        same(d.send(packet), -1)
        same(other.bind(15, 0), -7)
        same(p.bind(15), 0)
        same(d.send(packet), -1)
        same(p.bind(15, 0), 0)
        same(p.bind(15, 0), -9)
        same(d.send(packet), 56)
        same(p.wait(p.DATAGRAM), packet)
        same(d.send(own), 25)
        same(p.wait(p.DATAGRAM), own)
        # Only context 2 may answer in the name of context 0, and only to port
        # 1.
        same(other.send((CID, 1), (0, 15), b"x"), -7)
        same(p.send((CID, 0), (0, 15), b"x"), -7)
        same(p.send((17, 1), (0, 15), b"x"), -7)
        for source in ((0, 15), (0, 0)):
            same(d.send(datagram((2, 15), source, b"x")), -7)
        assert d.q.counts()["spoofed-source"] >= 2
        same(d.receive(), [])
        same(p.send((CID, 1), (0, 15), b"x"), 25)
        same(d.receive(), [((CID, 1, 0, 15, 1), b"x")])
        # A pair with peer 0 is the host's; its handle never names context 0.
        same(d.alloc((0, 1), 4096, 4096, peer=0), -7)
        same(d.alloc((CID, 1), 4096, 4096, peer=0), 4)
        same(other.alloc((CID, 1), 4096, 4096), -7)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(p.unbind(15, 0), 0)
        same(p.unbind(15, 0), -21)
        same(d.send(packet), -1)
        same(d.send(own), 25)
        for other_resource in (12, 13, 14, 16):
            same(d.hyper(other_resource, bytes(32)), -1)
    whole(d)


@case("C52 destinations that are none")
def destinations(d):
    same(d.send(datagram((77, 5), (CID, 5), b"x")), -10)
    same(d.send(datagram((2, 5), (CID, 5), b"x")), -10)
    same(d.send(datagram((ANY, 5), (CID, 5), b"x")), -2)
    same(d.send(datagram((CID, ANY), (CID, 5), b"x")), -1)
    same(d.hyper(12), -1)
    same(d.hyper(6, bytes(8)), -1)
    same(d.hyper(0x7fffffff), -1)
    with Program(d.q) as p:
        same(d.send(datagram((2, 5), (CID, 5), b"x")), -1)
        same(p.bind(5), 0)
        same(p.bind(5), -9)
        same(d.send(datagram((2, 5), (CID, 5), b"x")), 25)
        same(p.send((CID, ANY), (2, 5), b"x"), -1)
        same(p.send((77, 1), (2, 5), b"x"), -10)


@case("C47 every length, and the longest")
def lengths(d):
    with Program(d.q) as p:
        for size in (1, 7, 8, 4048, 4049, 4056, 4072, 4073, 5000, 69608):
            payload = bytes(i * 7 & 255 for i in range(size))
            same(p.send((CID, 9), (2, 5), payload), 24 + size)
            same(d.receive(), [((CID, 9, 2, 5, size), payload)])
        same(d.send(datagram((CID, 9), (CID, 9), bytes(69609))), -11)
        payload = os.urandom(69608)
        same(d.send(datagram((CID, 9), (CID, 9), payload)), 69632)
        same(d.receive(), [((CID, 9, CID, 9, 69608), payload)])
    whole(d)


@case("C54 a flood, in order, with a limit, and room for events")
def flood(d):
    with Program(d.q) as p:
        sent = 0
        while sent < 200:
            status = p.send((CID, 9), (2, 5), struct.pack("<I", sent) * 500)
            if status < 0:
                break
            sent += 1
        same(status, -19)
        assert 60 < sent < 80, sent
        # The queue reserves a place for an event.
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        numbers, events = [], 0
        for _ in range(300):
            items = d.receive()
            if not items:
                break
            for head, payload in items:
                if head[2:4] == (0, 0):
                    events += 1
                else:
                    numbers.append(struct.unpack_from("<I", payload)[0])
        same(numbers, list(range(sent)))
        same(events, 1)
        same(p.send((CID, 9), (2, 5), b"x"), 25)
    whole(d)


@case("C50 DMA operations that are none", generations=("mmio",))
def operations(d):
    good = datagram((0, GET_CID), (ANY, ANY))
    for opcode, size, data in (
            (0, 0, good), (0, 23, good), (0, 25, good + b"x"),
            (0, 0xffffffff, good), (1, 1, bytes(16)), (2, 24, good),
            (0xffffffff, 24, good), (1, 0, b""), (1, 1000, bytes(64)),
            (1, 1, struct.pack("<QQ", SEND, 1 << 40)),
            (1, 1, struct.pack("<QQ", (1 << 64) - 8, 24))):
        d.operation(SEND, 1, opcode, size, data)
        d.wr(OUT_LOW, SEND)
        assert d.result() < 0, (opcode, size)
    # Addresses without memory: the device's registers, the end of RAM,
    # nowhere.
    for address in (BAR1 + 0x20000, RAM_MIB << 20, (RAM_MIB << 20) - 8,
                    0xfffffff0, BAR1, 0xfee00000):
        d.wr(OUT_LOW, address)
        assert d.result() < 0, "%x" % address
        d.wr(IN_LOW, address)
    d.q.write(RECEIVE, struct.pack("<IIIIQQQ", 0, 1, 1, 0, 0,
                                   BAR1 + 0x20000, 69632))
    d.wr(IN_LOW, RECEIVE)
    whole(d)


# ---- Events.

@case("D60 an event that is the guest's own")
def forged(d):
    payload = struct.pack("<IIII", 0, 0, 99, 0)
    same(d.send(datagram((CID, 0), (0, 0), payload)), -7)
    with Program(d.q) as p:
        same(p.send((CID, 0), (0, 0), payload), -7)
        same(p.send((CID, 0), (2, 0), payload), 24 + 16)
        same(d.receive()[0][0][2:4], (2, 0))


@case("H97 what is reserved is zero")
def leaks(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(p.detach((CID, 1)), 0)
        attach, gone = d.events()
        same(attach, ((CID, 0, 0, 0, 24),
                      struct.pack("<IIIIII", 3, 0, CID, 1, 2, 0)))
        same(gone, ((CID, 0, 0, 0, 24),
                    struct.pack("<IIIIII", 4, 0, CID, 1, 2, 0)))
        assert d.detach((CID, 1)) >= 0
        d.q.write(RECEIVE + PAGE, b"\xaa" * 4096)
        same(p.send((CID, 9), (2, 9), b"abc"), 27)
        if d.dma:
            d.receive()
            same(d.q.read(RECEIVE + PAGE + 27, 5), bytes(5))


# ---- Doorbells.

@case("E65 only bit 0 of its byte")
def bit_zero(d):
    same(d.bitmap(), 0)
    d.q.write(BITMAP, b"\xa0" * PAGE)
    same(d.hyper(LINK, handle(CID, 5) + struct.pack("<Q", 4095)), 0)
    same(d.hyper(RING, handle(CID, 5)), 0)
    same(d.hyper(RING, handle(CID, 5)), 0)
    same(d.q.read(BITMAP, PAGE), b"\xa0" * 4095 + b"\xa1")
    same(d.q.read(BITMAP + PAGE, 8), bytes(8))


@case("E66 doorbells that are gone, and their bytes")
def gone_doorbell(d):
    same(d.bitmap(), 0)
    link = handle(CID, 5) + struct.pack("<Q", 3)
    same(d.hyper(LINK, link), 0)
    same(d.hyper(LINK, link), -9)
    same(d.hyper(UNLINK, handle(CID, 5)), 0)
    same(d.hyper(UNLINK, handle(CID, 5)), -21)
    same(d.hyper(RING, handle(CID, 5)), -21)
    same(d.q.read(BITMAP, 8), bytes(8))


@case("E67 doorbells of others")
def others_doorbell(d):
    same(d.bitmap(), 0)
    same(d.hyper(RING, handle(99, 5)), -10)
    same(d.hyper(RING, handle(ANY, 5)), -2)
    assert d.hyper(LINK, handle(2, 5) + struct.pack("<Q", 3)) < 0
    assert d.hyper(LINK, handle(99, 5) + struct.pack("<Q", 3)) < 0
    with Program(d.q) as p:
        same(p.ring((CID, 5)), -21)
        same(d.hyper(LINK, handle(CID, 5) + struct.pack("<Q", 3)), 0)
        same(p.ring((CID, 5)), 0)
        same(d.q.read(BITMAP, 8), bytes(3) + b"\1" + bytes(4))
        same(d.hyper(RING, handle(2, 6)), -21)
        same(p.ask(p.LINK, handle(0, 6)), 0)
        same(d.hyper(RING, handle(2, 6)), 0)
        same(p.wait(p.DOORBELL), handle(2, 6))
        same(p.ask(p.UNLINK, handle(0, 6)), 0)
        same(d.hyper(RING, handle(2, 6)), -21)
    same(d.hyper(RING, handle(2, 6)), -21)


@case("E70 more doorbells than there may be", generations=("port",))
def many_doorbells(d):
    same(d.bitmap(), 0)
    for index in (4096, 1 << 32, (1 << 64) - 1):
        same(d.hyper(LINK, handle(CID, 5) + struct.pack("<Q", index)), -2)
    data = b"".join(
        datagram((0, LINK), (ANY, ANY), handle(CID, 1000 + i) +
                 struct.pack("<Q", i)) for i in range(4096))
    d.out(data)
    same(d.result(), 0)
    same(d.hyper(LINK, handle(CID, 5) + struct.pack("<Q", 0)), -19)
    same(d.hyper(RING, handle(CID, 1000 + 4095)), 0)
    same(d.hyper(UNLINK, handle(CID, 1000)), 0)
    same(d.hyper(LINK, handle(CID, 5) + struct.pack("<Q", 0)), 0)


@case("E64 a notification page that is no memory")
def bad_page(d):
    for page in (BAR1 // PAGE, (RAM_MIB << 20) // PAGE, (1 << 52) - 1,
                 (1 << 64) - 1, 1 << 63):
        assert d.hyper(SET_BITMAP, struct.pack("<Q", page)) < 0, hex(page)
    same(d.hyper(SET_BITMAP, b"1234"), -2)
    whole(d)


# ---- Queue pairs.

@case("a queue pair from end to end")
def end_to_end(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 8192 + 100, 4096), 4)
        # The device writes the headers.
        same(d.q.read(PAGES, 24), struct.pack("<IIQQ", CID, 1, 0, 0))
        same(p.alloc((CID, 1), 4096, 8192 + 100,
                     flags=1), 5)
        fields, pieces = p.memory()
        same(fields[:7], (CID, 1, 4096, 8292, 4096, 4096, 12288))
        # What the host produces, the guest consumes: the last two pages.
        first = PAGES // PAGE
        same([(offset // PAGE, size) for _, _, offset, size in pieces],
             [(first + 2 * i, PAGE) for i in (4, 5, 0, 1, 2, 3)])
        d.q.write(PAGES + 2 * PAGE, b"by the guest")
        same(os.pread(p.files[0], 12, PAGES + 2 * PAGE), b"by the guest")
        os.pwrite(p.files[0], b"by the host", PAGES + 10 * PAGE)
        same(d.q.read(PAGES + 10 * PAGE, 11), b"by the host")
        assert d.detach((CID, 1)) >= 0
        same(p.wait(p.NO_MEMORY), handle(CID, 1))
        same(struct.unpack("<IIIIII", p.wait(p.EVENT)[24:]),
             (4, 0, CID, 1, CID, 0))


@case("a queue pair that the host creates")
def host_creates(d):
    with Program(d.q) as p:
        same(p.alloc((2, 1024), 4096, 4096), 4)
        same(p.alloc((2, 1024), 4096, 4096), -22)
        same(d.alloc((2, 1024), 4096, 4096, flags=1), 5)
        same(p.memory()[0][:2], (2, 1024))
        same(struct.unpack("<IIIIII", p.wait(p.EVENT)[24:]),
             (3, 0, 2, 1024, CID, 0))
        same(p.detach((2, 1024)), 0)
        same(d.events()[0][1][:4], struct.pack("<I", 4))
        assert d.detach((2, 1024)) >= 0
        same(d.detach((2, 1024)), -21)


@case("B24 sizes that do not mirror")
def mirror(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 8192, 4096), 4)
        for sizes_ in ((8192, 4096), (4096, 8191), (4096, 8193),
                       (4096, 12288), (4096, 0)):
            same(p.alloc((CID, 1), *sizes_), -31)
        same(p.alloc((CID, 1), 4096, 8192), 5)


@case("B25 flags")
def flags(d):
    with Program(d.q):
        for bad in (0x80000000, 0x10, 2, 3):
            same(d.alloc((CID, 1), 4096, 4096, flags=bad), -2)
        same(d.alloc((CID, 1), 4096, 4096), 4)


@case("B26 another than the named peer")
def named(d):
    with Program(d.q) as p, Program(d.q, cid=17) as other:
        same(other.status, 17)
        same(d.alloc((CID, 1), 4096, 4096, peer=2), 4)
        same(other.alloc((CID, 1), 4096, 4096), -7)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(len(d.events()), 1)


@case("B27 a third end, and one twice")
def third(d):
    with Program(d.q) as p, Program(d.q, cid=17) as other:
        same(d.alloc((CID, 1), 4096, 4096, peer=ANY), 4)
        same(d.alloc((CID, 1), 4096, 4096, peer=ANY), -22)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(p.alloc((CID, 1), 4096, 4096), -22)
        same(other.alloc((CID, 1), 4096, 4096), -20)
        same(other.detach((CID, 1)), -34)


@case("B28 attach to what is not there")
def attach_only(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 4096, 4096, flags=1), -21)
        same(p.alloc((CID, 1), 4096, 4096, flags=1), -21)
        same(d.detach((CID, 1)), -21)


@case("B29 restricted and trusted")
def privileges(d):
    with Program(d.q, privileges=1) as p:
        same(p.status, 2)
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), -7)
        same(p.bind(5), 0)
        same(d.send(datagram((2, 5), (CID, 5), b"x")), -7)


@case("B30 handles of others")
def handles(d):
    with Program(d.q):
        for context in (0, 1, 17, 99):
            same(d.alloc((context, 1), 4096, 4096), -7)
        same(d.alloc((ANY, 1), 4096, 4096), -2)
        same(d.alloc((CID, ANY), 4096, 4096), -2)
        # A handle in the name of the peer is allowed.
        same(d.alloc((2, 1), 4096, 4096), 4)


@case("B31 sizes without measure")
def measures(d):
    with Program(d.q):
        same(d.alloc((CID, 1), 0, 0, pages=[1, 2]), -2)
        for produce, consume in (((1 << 64) - 1, 2), (128 << 20, 1),
                                 (1 << 63, 1 << 63), (1 << 32, 1)):
            same(d.alloc((CID, 1), produce, consume, pages=[1, 2, 3]), -19)
        same(d.alloc((CID, 1), 0, 4096), 4)


@case("B32 to the limit of all bytes, and back", generations=("port",))
def byte_limit(d):
    with Program(d.q):
        # All pages may be the same one: the device does not mind.
        page = PAGES // PAGE
        for i in range(4):
            same(d.alloc((CID, 10 + i), 16 << 20, 16 << 20,
                         pages=[page] * 8194), 4)
        same(d.alloc((CID, 20), 4096, 0), -19)
        assert d.detach((CID, 10)) >= 0
        same(d.alloc((CID, 20), 4096, 0), 4)


@case("more pieces of memory than are mapped", generations=("mmio",))
def pieces(d):
    with Program(d.q):
        # The same page repeated: each repetition is a piece.
        page = PAGES // PAGE
        size = 1023 * PAGE + 1
        for i in range(16):
            same(d.alloc((CID, 10 + i), size, size, pages=[page] * 2050), 4)
        before = d.q.counts().get("qpair-bad-pages", 0)
        same(d.alloc((CID, 50), 4097, 4097, pages=[page] * 6), -2)
        same(d.q.counts()["qpair-bad-pages"], before + 1)
        # Pages in order need no new mapping.
        same(d.alloc((CID, 51), 4097, 4097,
                     pages=range(page, page + 6)), 4)
        assert d.detach((CID, 10)) >= 0
        same(d.alloc((CID, 50), 4097, 4097, pages=[page] * 6), 4)


@case("B33 page counts that do not fit the sizes")
def page_counts(d):
    with Program(d.q):
        page = PAGES // PAGE
        for count in (0, 1, 3, 5, (1 << 32) + 2, (1 << 64) - 1):
            same(d.alloc((CID, 1), 4096, 4096, count=count,
                         pages=[page + i for i in range(4)]), -2)
        same(d.alloc((CID, 1), 4096, 4096, count=4,
                     pages=[page + i for i in range(3)]), -2)
        same(d.alloc((CID, 1), 4096, 4096), 4)


@case("B34 pages that are no memory of the guest")
def odd_pages(d):
    with Program(d.q) as p:
        page = PAGES // PAGE
        for bad in (BAR1 // PAGE, (RAM_MIB << 20) // PAGE, 0xfee00,
                    (1 << 52) - 1, 1 << 44, 1 << 52, (1 << 64) - 1):
            for where in range(4):
                pages = [page + i for i in range(4)]
                pages[where] = bad
                same(d.alloc((CID, 1), 4096, 4096, pages=pages), -2)
        # Naming a page twice harms only the guest that did it.
        same(d.alloc((CID, 1), 4096, 4096, pages=[page] * 4), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        assert d.detach((CID, 1)) >= 0
        same(d.alloc((CID, 2), 4096, 4096, pages=[0, 1, 2, 3]), 4)


@case("B38 twice detached")
def twice(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(d.detach((CID, 1)), 0)
        same(d.detach((CID, 1)), -34)
        same(p.detach((CID, 1)), 3)
        same(p.detach((CID, 1)), -21)
        same(d.alloc((CID, 1), 4096, 4096), 4)


@case("B40 the host's program dies")
def dies(d):
    p = Program(d.q)
    same(d.alloc((CID, 1), 4096, 4096), 4)
    same(p.alloc((CID, 1), 4096, 4096), 5)
    d.events()
    p.close()
    seen = []
    assert until(lambda: (seen.extend(d.events()) or len(seen) >= 2)), seen
    same([struct.unpack_from("<I", payload)[0] for _, payload in seen],
         [4, 1])
    assert d.detach((CID, 1)) >= 0
    same(d.send(datagram((2, 5), (CID, 5), b"x")), -10)
    whole(d)


@case("B39 it does not let go", "release-ms=300")
def holds_on(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        p.lets_go = False
        assert d.detach((CID, 1)) >= 0
        same(p.wait(p.NO_MEMORY), handle(CID, 1))
        assert p.is_cut_off()
    whole(d)


# ---- The host contexts.

@case("H89 contexts that are not to be had", generations=("port",))
def hello(d):
    for cid in (0, 1, 3, 15, 0xffffff9c, 0xfffffffe):
        with Program(d.q, cid=cid) as p:
            same(p.status, -2)
            same(p.bind(5), -1000)
    with Program(d.q, cid=CID) as p:
        same(p.status, -22)
    with Program(d.q, privileges=3) as p:
        same(p.status, -2)
    with Program(d.q, version=2) as p:
        same(p.status, -30)
        same(p.ask(p.HELLO, struct.pack("<IIII", 1, 2, 0, 0)), 2)
        same(p.wait(p.GUEST), struct.pack("<II", CID, 0))
        same(p.ask(p.HELLO, struct.pack("<IIII", 1, 18, 0, 0)), -22)
    with Program(d.q, cid=ANY) as p:
        same(p.status, 16)


@case("H90 packets that are none", generations=("port",))
def packets(d):
    for bad in (b"x", b"1234567", struct.pack("<II", 0, 0),
                struct.pack("<II", 99, 0) + bytes(8),
                struct.pack("<II", Program.RESULT, 0) + bytes(8),
                struct.pack("<II", Program.BIND, 0) + bytes(7),
                struct.pack("<II", Program.BIND, 0) + bytes(9),
                struct.pack("<II", Program.ALLOC, 0) + bytes(39),
                bytes(70000)):
        with Program(d.q) as p:
            p.socket.send(bad)
            assert p.is_cut_off()
    with Program(d.q) as p:
        for size in (0, 1, 3, 5, 1 << 32, (1 << 64) - 20):
            same(p.ask(p.SEND, header((CID, 9), (2, 9), size) + b"1234"), -2)
        same(p.send((CID, 9), (2, 9), b"1234"), 28)
    whole(d)


@case("H95 pairs and doorbells of others", generations=("port",))
def strangers(d):
    with Program(d.q) as p, Program(d.q, cid=17) as other:
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(other.detach((CID, 1)), -34)
        same(other.detach((CID, 2)), -21)
        same(other.send((CID, 9), (2, 9), b""), -7)
        same(other.ring((CID, 9)), -21)


@case("H94 it goes with everything live, again and again",
      generations=("port",))
def goes(d):
    for _ in range(30):
        p = Program(d.q)
        assert until(lambda: p.status == 2 or p.ask(
            p.HELLO, struct.pack("<IIII", 1, 2, 0, 0)) == 2)
        for i in range(4):
            same(d.alloc((CID, 1 + i), 4096, 4096), 4)
            same(p.alloc((CID, 1 + i), 4096, 4096), 5)
        p.ask(p.LINK, handle(0, 6))
        p.bind(7)
        p.post(p.SEND, datagram((CID, 9), (2, 9), bytes(1000)))
        p.close()
        d.receive()
        assert until(lambda: d.hyper(RING, handle(2, 6)) == -21)
        for i in range(4):
            assert d.detach((CID, 1 + i)) >= 0
    whole(d)


@case("another takes the place of one that died", generations=("port",))
def successor(d):
    p = Program(d.q)
    for i in range(10):
        same(d.alloc((CID, i), 4096, 4096), 4)
        same(p.alloc((CID, i), 4096, 4096), 5)
        # This client connects but is not accepted: it speaks an unknown
        # version.
        other = Program(d.q, version=99)
        d.q.process.send_signal(signal.SIGSTOP)
        p.close()
        other.post(p.HELLO, struct.pack("<IIII", 1, 2, 0, 0), 8)
        d.q.process.send_signal(signal.SIGCONT)
        same(struct.unpack("<q", other.wait(p.RESULT, 8))[0], 2)
        assert d.detach((CID, i)) >= 0
        p = other
    p.close()
    whole(d)


# ---- docs/limits.md: what each client can make QEMU hold or do.

@case("a program that reads nothing", own=True, generations=("port",))
def reads_nothing(d):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
        one.connect(d.q.link_path)
        one.settimeout(10)
        asked = struct.pack("<IIII", Program.HELLO, 7, 1, 2) + bytes(8)
        try:
            for _ in range(400000):
                one.send(asked)
        except (BrokenPipeError, ConnectionResetError):
            asked = None
        same(asked, None)
    assert "it does not read what it is sent" in d.q.said(), d.q.said()
    whole(d)


@case("a program that talks instead of releasing memory",
      "release-ms=20000", generations=("port",))
def talks_on(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        p.lets_go = False

        def talk():
            p.wait(p.NO_MEMORY)
            with contextlib.suppress(OSError):
                for _ in range(200):
                    p.post(p.SEND, datagram((CID, 9), (2, 9), bytes(60000)))
        talker = threading.Thread(target=talk)
        talker.start()
        began = time.monotonic()
        assert d.detach((CID, 1)) >= 0
        assert time.monotonic() - began < 15, "it was waited for"
        talker.join()
        assert p.is_cut_off()
    assert "it sends more than can be kept" in d.q.said(), d.q.said()
    whole(d)


@case("more programs than may be", own=True, generations=("port",))
def many_programs(d):
    with contextlib.ExitStack() as held:
        ones = [held.enter_context(Program(d.q, cid=ANY)) for _ in range(63)]
        with Program(d.q, cid=ANY):
            same([one.status >= 16 for one in ones], [True] * 63)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
                one.connect(d.q.link_path)
                one.settimeout(10)
                same(one.recv(100), b"")
        # The connection may still be there.
        for _ in range(50):
            with contextlib.suppress(OSError, EOFError), \
                    Program(d.q, cid=ANY) as last:
                assert last.status >= 16
                break
            time.sleep(0.1)
        else:
            raise AssertionError("there is no room again")
    assert "a program is refused: 64 are connected" in d.q.said()


@case("more resources than may be bound", generations=("port",))
def many_bound(d):
    with Program(d.q) as p:
        for i in range(4096):
            p.post(p.BIND, handle(2, i))
        same([struct.unpack("<q", p.wait(p.RESULT))[0]
              for _ in range(4096)], [0] * 4096)
        same(p.bind(4096), -19)
        same(p.ask(p.UNBIND, handle(0, 5)), 0)
        same(p.bind(4096), 0)


@case("QEMU has no descriptor left", own=True, generations=("port",))
def qemu_no_descriptor(d):
    pid = d.q.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    there = len(os.listdir("/proc/%d/fd" % pid))
    with Program(d.q) as p, contextlib.ExitStack() as held:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (there, limits[1]))
        ones = [held.enter_context(socket.socket(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)) for _ in range(5)]
        for one in ones:
            one.settimeout(10)
            one.connect(d.q.link_path)
            one.send(struct.pack("<IIIIII", Program.HELLO, 7, 1, ANY, 0, 0))
        time.sleep(0.1)
        before = d.q.ticks()
        time.sleep(0.5)
        assert d.q.ticks() - before < 20, "busy with what it cannot do"
        # The clients that are already there are served.
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(len(p.files), 1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for one in ones:
            kind, _, status = struct.unpack("<IIq", one.recv(100))
            assert kind == Program.RESULT and status >= 16, status
    assert "cannot be accepted now: Too many open files" in d.q.said()


@case("what is there already at the path of the socket", own=True,
      generations=("port",))
def taken_path(d):
    file = os.path.join(d.q.folder, "file")
    dead = os.path.join(d.q.folder, "dead")
    with open(file, "w") as kept:
        kept.write("dear")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
        one.bind(dead)
    for path, words in ((file, "not a socket"), (dead, "at most 3"),
                        (d.q.link_path, "another process listens there"),
                        (d.q.chardev_path, "another process listens there")):
        said = subprocess.run(
            [ROOT / "driver/qemu/vqp-qemu", "-S", "-nodefaults", "-display",
             "none", "-device", "vmci,id=one,socket=" + path,
             "-device", "vmci,vectors=4"], stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, text=True, timeout=20)
        same(said.returncode, 1)
        if path != dead:
            assert words in said.stderr, said.stderr
    with open(file) as kept:
        same(kept.read(), "dear")
    assert not os.path.exists(dead), "it was not taken over"
    with Program(d.q) as p:
        same(p.status, 2)


@case("log lines that a guest brings about", "log=on", generations=("port",))
def log_lines(d):
    d.q.run(["outl 0x%x 0x80" % (PORT + CONTROL)] * 500)
    assert until(lambda: "bad-control: 490 more in 1 s" in d.q.said()), \
        d.q.said()
    d.wr(CAPS, 0xffffffff)
    said = d.q.said()
    same(len(re.findall("bad-control", said)), 11)
    assert "context %d: bad-caps (VQP_ERROR_INVALID_ARGS)" % CID in said, said
    same(d.q.counts()["bad-control"], 500)
    # Ten a second, which is within the limit of every short window.
    for _ in range(3):
        for _ in range(10):
            d.wr(CAPS, 0xffffffff)
        time.sleep(1.1)

    def more(said):
        return [int(n) for n in re.findall(r"bad-caps: (\d+) more in", said)]
    assert until(lambda: sum(more(d.q.said())) >= 11), d.q.said()
    said = d.q.said()
    assert sum(more(said)) <= 21 and len(more(said)) < 4, said
    same(len(re.findall("bad-caps", said)), 10 + len(more(said)))
    same(d.q.counts()["bad-caps"], 31)


# ---- Memory that is plugged and unplugged.

DIMM_PAGE = (4 << 30) // PAGE


def plug(d, name, mib):
    d.q.monitor("object-add", **{
        "qom-type": "memory-backend-memfd", "id": name, "size": mib << 20,
        "share": True})
    d.q.monitor("device_add", driver="pc-dimm", id="d" + name, memdev=name)


def unplug(d, name):
    d.q.monitor("device_del", id="d" + name)
    # Do what ACPI in a guest does: select slot 0, eject.
    d.q.run(["outl 0xa00 0x0", "outb 0xa14 0x8"])
    assert until(lambda: "d" + name not in str(d.q.monitor(
        "qom-list", path="/machine/peripheral")))
    d.q.monitor("object-del", id=name)


@case("a file that is asked for again", generations=("port",))
def file_again(d):
    with Program(d.q) as p:
        same(p.ask(p.FILE_AGAIN, struct.pack("<II", 0, 0)), -21)
        same(d.alloc((CID, 1), 4096, 4096), 4)
        same(p.alloc((CID, 1), 4096, 4096), 5)
        same(p.ask(p.FILE_AGAIN, struct.pack("<II", 0, 0)), 0)
        same([p.wait(p.FILE) for _ in range(2)], [bytes(8)] * 2)
        same(*(os.fstat(fd).st_ino for fd in p.files))
        for none in (1, 2, 1 << 31, ANY):
            same(p.ask(p.FILE_AGAIN, struct.pack("<II", none, 0)), -21)


@case("memory that is unplugged", own=True, generations=("port",))
def unplugged(d):
    d = Device("port", extra=("-m", "%d,slots=2,maxmem=1G" % RAM_MIB))
    try:
        with Program(d.q) as p:
            pages = [DIMM_PAGE + 2 * i for i in range(4)]
            plug(d, "one", 128)
            same(d.alloc((CID, 1), 4096, 4096, pages=pages), 4)
            unplug(d, "one")
            # Another client takes each of the next numbers.
            with contextlib.ExitStack() as held:
                for _ in range(8):
                    held.enter_context(socket.socket(
                        socket.AF_UNIX, socket.SOCK_SEQPACKET)).connect(
                            d.q.link_path)
                same(p.alloc((CID, 1), 4096, 4096), 5)
                same(p.wait(p.FILE), bytes(8))
                same(os.fstat(p.files[0]).st_size, 128 << 20)
                os.pwrite(p.files[0], b"still there", 2 * PAGE)
            assert d.detach((CID, 1)) >= 0
            same(p.detach((CID, 1)), 3)
            same(p.wait(p.NO_FILE), bytes(8))
            same(p.ask(p.FILE_AGAIN, bytes(8)), -21)
            # The index is free for another client.
            plug(d, "two", 256)
            same(d.alloc((CID, 2), 4096, 4096, pages=pages), 4)
            same(p.alloc((CID, 2), 4096, 4096), 5)
            same(p.wait(p.FILE), bytes(8))
            same(os.fstat(p.files[1]).st_size, 256 << 20)
            same(d.alloc((CID, 3), 4096, 4096), 4)
            same(p.alloc((CID, 3), 4096, 4096), 5)
            same(p.wait(p.FILE), struct.pack("<II", 1, 0))
    finally:
        d.close()


@case("huge pages", own=True, generations=("port",))
def huge_pages(d):
    count = RAM_MIB // 2
    with open("/proc/sys/vm/nr_hugepages", "r+") as pool:
        before = pool.read()
        pool.seek(0)
        pool.write("%d" % (int(before) + count))
        pool.flush()
        try:
            d = Device("port", extra=(
                "-object", "memory-backend-memfd,id=huge,size=%dM,share=on,"
                "hugetlb=on,hugetlbsize=2M" % RAM_MIB,
                "-machine", "memory-backend=huge"))
        finally:
            pool.seek(0)
            pool.write(before)
    try:
        with Program(d.q) as p:
            same(d.alloc((CID, 1), 4096, 4096), 4)
            same(d.alloc((CID, 2), 8192, 4096), -2)
            same(p.alloc((CID, 1), 4096, 4096), 5)
            same(p.memory()[1], [])
            same(len(p.files), 0)
        whole(d)
        same(d.q.said().count("the guest's memory has huge pages"), 2)
    finally:
        d.close()


# ---- vqp-host, and a guest that lies.

INVALID, REQUEST, NEGOTIATE, OFFER, ATTACH, WROTE, READ, RST, SHUTDOWN, \
    WAITING_WRITE, WAITING_READ, REQUEST2, NEGOTIATE2 = range(13)
ECHO, RING_BYTES = 7, 262144


class Guest:
    """The guest's side of stream sockets, packet by packet."""

    def __init__(self, d, *options, host=vm.Host):
        self.d = d
        self.peer = 2, 1
        self.host = host(pathlib.Path(d.q.link_path), "--echo",
                         str(ECHO), *options, name="qtest-host")
        assert until(lambda: "ready" in self.host.said()), self.host.said()
        self.kept = []
        self.left = set()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        alive = self.host.process.poll() is None
        self.host.__exit__()
        if kind is None:
            assert alive, "the host died: " + self.host.said()

    def say(self, kind, port, body=b"", dst_port=ECHO, proto=0, version=1):
        return self.d.send(datagram(self.peer, (CID, 1), struct.pack(
            "<BBHIII16s", version, kind, proto, port, dst_port, 0, body)))

    def look(self):
        """Read what arrived: packets of streams, and the pairs that the host
        left.
        """
        for head, payload in self.d.receive():
            if head[:4] == (CID, 1, *self.peer):
                self.kept.append(payload)
            elif head[2:4] == (0, 0):
                event, _, *pair = struct.unpack_from("<IIII", payload)
                if event == qstreams.PEER_DETACH:
                    self.left.add(tuple(pair))

    def next_packet(self):
        def any_came():
            self.look()
            return self.kept
        assert until(any_came), "nothing came: " + self.host.said()
        return self.kept.pop(0)

    def hear(self, port=None, dst_port=ECHO):
        """The next packet for this port: (type, protocol, body)."""
        payload = self.next_packet()
        _, kind, proto, src, dst, zero, body = struct.unpack("<BBHIII16s",
                                                             payload)
        same(zero, 0)
        if port is not None:
            same((src, dst), (dst_port, port))
        return kind, proto, body

    def is_served(self, port):
        """Other requests, which no test waited for, may be answered first."""
        def asked():
            self.look()
            return self.say(REQUEST2, port, struct.pack("<Q", RING_BYTES),
                            proto=1) == 56
        assert until(asked), "the host takes no packet"
        wanted = struct.pack("<II", ECHO, port)
        while True:
            payload = self.next_packet()
            if payload[4:12] == wanted:
                same(payload[1], NEGOTIATE2)
                return

    def detach_last(self, resource):
        """Detach after the host: an earlier detach would be the first one."""
        def host_left():
            self.look()
            return (CID, resource) in self.left
        assert until(host_left), "the host stays: " + self.host.said()
        same(self.d.detach((CID, resource)), 3)

    def request(self, port, size=RING_BYTES, dst_port=ECHO):
        same(self.say(REQUEST2, port, struct.pack("<Q", size), dst_port,
                      proto=1), 56)
        return self.hear(port, dst_port)

    def connect(self, port=2000, resource=50, dst_port=ECHO):
        same(self.request(port, dst_port=dst_port),
             (NEGOTIATE2, 1, struct.pack("<QQ", RING_BYTES, 0)))
        same(self.d.alloc((CID, resource), RING_BYTES, RING_BYTES,
                          peer=self.peer[0]), 4)
        self.left.discard((CID, resource))
        self.say(OFFER, port, handle(CID, resource), dst_port)
        same(self.hear(port, dst_port),
             (ATTACH, 0, handle(CID, resource) + bytes(8)))

    # The addresses where d.alloc() put the headers and the first page of data.
    OWN, DATA = PAGES, PAGES + 2 * PAGE
    PEER, PEER_DATA = PAGES + 65 * 2 * PAGE, PAGES + 66 * 2 * PAGE


@case("a stream by hand")
def by_hand(d):
    with Guest(d) as g:
        g.connect()
        d.q.write(g.DATA, b"hello, host")
        d.q.write(g.OWN + 8, struct.pack("<Q", 11))
        g.say(WROTE, 2000)
        same(g.hear(2000)[0], WROTE)
        same(d.q.read(g.PEER + 8, 16), struct.pack("<QQ", 11, 11))
        same(d.q.read(g.PEER_DATA, 11), b"hello, host")
        g.say(SHUTDOWN, 2000, struct.pack("<Q", 2))
        same(g.hear(2000), (SHUTDOWN, 0, struct.pack("<QQ", 2, 0)))
        same(g.hear(2000), (SHUTDOWN, 0, struct.pack("<QQ", 3, 0)))
        g.say(RST, 2000)
        assert until(lambda: "in 11, out 11" in g.host.said())
        g.detach_last(50)


@case("streams of context 0 by hand")
def hypervisor_by_hand(d):
    with tempfile.TemporaryDirectory() as folder, \
            socket.socket(socket.AF_UNIX) as listener:
        path = folder + "/tools"
        listener.bind(path + "_976")
        listener.listen()
        with Guest(d) as g:
            g.peer = 0, 15
            same(g.say(REQUEST2, 1023, struct.pack("<Q", 4096), 976,
                       proto=1), -1)
        with Guest(d, "--hypervisor", path, "--echo", "976") as g:
            # The same ports of two contexts are two streams.
            g.connect(1023, 50, 976)
            g.peer = 0, 15
            same(g.request(1023, dst_port=977)[0], RST)
            same(g.request(1023)[0], RST)
            g.connect(1023, 51, 976)
            one, _ = listener.accept()
            with one:
                d.q.write(g.DATA, b"to the host")
                d.q.write(g.OWN + 8, struct.pack("<Q", 11))
                g.say(WROTE, 1023, dst_port=976)
                same(one.recv(100), b"to the host")
                one.sendall(b"to the guest")
                same(g.hear(1023, 976)[0], WROTE)
                same(d.q.read(g.PEER_DATA, 12), b"to the guest")
                # A reset of one stream does not reset the other.
                g.peer = 2, 1
                g.say(RST, 1023, dst_port=976)
                assert until(lambda: "%d:1023 -> 976:" % CID in g.host.said())
                one.shutdown(socket.SHUT_WR)
                g.peer = 0, 15
                same(g.hear(1023, 976), (SHUTDOWN, 0, struct.pack("<QQ", 2,
                                                                  0)))
                g.say(RST, 1023, dst_port=976)
                same(one.recv(100), b"")
            assert until(lambda: "%d:1023 -> 0:976:" % CID in g.host.said())
            listener.close()
            same(g.request(1022, dst_port=976)[0], RST)
            # A packet that names no stream is answered from the address it was
            # sent to.
            g.say(OFFER, 1021, handle(CID, 60), 976)
            same(g.hear(1021, 976)[0], RST)
    whole(d)


@case("the guest is reset in the middle of streams")
def reset_streams(d):
    with Guest(d) as g:
        for i in range(5):
            g.connect(2000 + i, 50 + i)
        d.wr(CONTROL, RESET)
        d.start()
        # The previous streams are gone, and their ports are free again.
        assert until(lambda: len(re.findall(
            "-> 7: in 0, out 0", g.host.said())) == 5), g.host.said()
        d.receive()
        g.connect(2000, 50)


@case("what a guest wrote before it left")
def last_words(d):
    with tempfile.NamedTemporaryFile() as kept, \
            Guest(d, "--receive", "8=" + kept.name) as g:
        same(g.say(REQUEST2, 2000, struct.pack("<Q", RING_BYTES), 8, 1), 56)
        g.hear()
        same(d.alloc((CID, 50), RING_BYTES, RING_BYTES), 4)
        g.say(OFFER, 2000, handle(CID, 50), 8)
        same(g.hear()[0], ATTACH)
        d.q.write(g.DATA, b"famous last words")
        d.q.write(g.OWN + 8, struct.pack("<Q", 17))
        # The host sends not even a WROTE.
        same(d.detach((CID, 50)), 0)
        assert until(lambda: "in 17, out 0" in g.host.said())
        same(kept.read(), b"famous last words")


@case("A1 A2 A3 indices that are none, in a host's ring")
def bad_indices(d):
    with Guest(d) as g:
        for i, (at, value) in enumerate(
                (at, value) for at in (8, 16) for value in (
                    RING_BYTES, RING_BYTES + 1, 1 << 31, 1 << 32, 1 << 63,
                    (1 << 64) - 1)):
            g.connect(2000 + i, 50 + i)
            if at == 16:
                # The host loads the peer's head only when it has bytes to
                # send.
                d.q.write(g.OWN + 8, struct.pack("<Q", 5))
            d.q.write(g.OWN + at, struct.pack("<Q", value))
            g.say(WROTE, 2000 + i)
            same(g.hear(2000 + i)[0], RST)
            g.detach_last(50 + i)
        g.connect(3000, 90)


@case("a page in two parts of a pair")
def page_twice(d):
    pages = RING_BYTES // PAGE
    own = PAGES // PAGE
    data = own + 16
    back = data + pages + 4
    with Guest(d) as g:
        g.request(2000)
        # The header that the guest does not write is the first page of its
        # data.
        same(d.alloc((CID, 50), RING_BYTES, RING_BYTES, pages=[
            own, *range(data, data + pages),
            data, *range(back, back + pages)]), 4)
        g.say(OFFER, 2000, handle(CID, 50))
        same(g.hear(2000)[0], ATTACH)
        d.q.write((data + 1) * PAGE, b"A" * 9 * PAGE)
        d.q.write(own * PAGE + 8, struct.pack("<Q", 10 * PAGE))
        g.say(WROTE, 2000)
        assert until(lambda: d.q.read((back + 1) * PAGE, 9 * PAGE) ==
                     b"A" * 9 * PAGE)


@case("a guest that is deaf in the middle of streams")
def deaf_guest(d):
    with Guest(d) as g:
        for i in range(5):
            g.connect(2000 + i, 50 + i)
        g.host.process.send_signal(signal.SIGSTOP)
        d.q.write(g.OWN + 8, struct.pack("<Q", 5))
        for i in range(5):
            g.say(WROTE, 2000 + i)
            g.say(SHUTDOWN, 2000 + i, struct.pack("<Q", 3))
        d.wr(CAPS, d.caps & ~4)
        g.host.process.send_signal(signal.SIGCONT)
        assert until(lambda: "UNAVAILABLE" in g.host.said())
        d.start()
        g.is_served(3000)


@case("a guest that reads nothing and leaves")
def leaves_unread(d):
    with Guest(d) as g:
        g.connect()
        for _ in range(3):
            head, = struct.unpack("<Q", d.q.read(g.PEER + 16, 8))
            d.q.write(g.OWN + 8, struct.pack("<Q", (head - 1) % RING_BYTES))
            g.say(WROTE, 2000)
            time.sleep(0.1)
        d.detach((CID, 50))
        assert until(lambda: "-> %d" % ECHO in g.host.said())


@case("a doorbell behind all that a host can be sent", generations=("mmio",))
def bell_behind_all(d):
    with Guest(d, "--datagram-echo", "5007", "--doorbell", "63") as g:
        g.host.process.send_signal(signal.SIGSTOP)
        packet = datagram((2, 5007), (CID, 9), bytes(60000))
        for _ in range(200):
            if d.send(packet) < 0:
                break
        for _ in range(3):
            same(d.hyper(RING, handle(2, 63)), 0)
        g.host.process.send_signal(signal.SIGCONT)
        assert until(lambda: "doorbell 2:63: heard 1" in g.host.said())
        same(d.hyper(RING, handle(2, 63)), 0)
        assert until(lambda: "doorbell 2:63: heard 2" in g.host.said())


@case("a flood in the middle of offers", generations=("mmio",))
def offers_in_a_flood(d):
    def resident():
        with open("/proc/%d/statm" % g.host.process.pid) as statm:
            return int(statm.read().split()[1]) * PAGE
    with Guest(d) as g:
        before = resident()
        large = datagram((2, 1), (CID, 1), bytes(69608))
        d.operation(SEND, 1, 0, len(large), large)
        commands = []
        for i in range(12):
            for at, kind, body in (
                    (PAGES, REQUEST2, struct.pack("<Q", RING_BYTES)),
                    (PAGES + 8 * PAGE, OFFER, handle(CID, 7000 + i))):
                packet = datagram((2, 1), (CID, 1), struct.pack(
                    "<BBHIII16s", 1, kind, 1, 2000 + i, ECHO, 0, body))
                d.operation(at + 128 * i, 1, 0, len(packet), packet)
                commands.append("writel 0x%x 0x%x" % (
                    BAR1 + 0x20000 + OUT_LOW, at + 128 * i))
                commands += ["writel 0x%x 0x%x" % (
                    BAR1 + 0x20000 + OUT_LOW, SEND)] * 12
        grown = 0
        for _ in range(25):
            d.q.run(commands)
            grown = max(grown, resident() - before)
            d.receive()
        assert grown < 2 << 20, "it grew by %d KiB" % (grown >> 10)
        g.is_served(5000)


@case("lines of vqp-host that a guest brings about", generations=("mmio",))
def host_lines(d):
    with Guest(d) as g:
        commands = []
        for i in range(200):
            kind, body = ((REQUEST2, struct.pack("<Q", RING_BYTES)),
                          (OFFER, handle(CID, 7000)))[i % 2]
            packet = datagram((2, 1), (CID, 1), struct.pack(
                "<BBHIII16s", 1, kind, 1, 2000 + i // 2, ECHO, 0, body))
            d.operation(PAGES + 128 * i, 1, 0, len(packet), packet)
            commands.append("writel 0x%x 0x%x" % (
                BAR1 + 0x20000 + OUT_LOW, PAGES + 128 * i))
        d.q.run(commands)
        assert until(lambda: "more lines in 1 s, as this: %d:20" % CID in
                     g.host.said()), g.host.said()
        # 64 and the last one; on a slow machine another window may begin.
        assert g.host.said().count("no queue pair") < 100


@case("a host that has no descriptor left", generations=("port",))
def no_descriptor(d):
    path = os.path.join(d.q.folder, "vsock")
    with Guest(d, "--vsock", path) as g, contextlib.ExitStack() as held:
        limits = resource.prlimit(g.host.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(g.host.process.pid, resource.RLIMIT_NOFILE,
                         (16, limits[1]))

        ones = [held.enter_context(socket.socket(socket.AF_UNIX))
                for _ in range(24)]
        for one in ones:
            one.connect(path)
        time.sleep(0.2)
        before = ticks(g.host.process.pid)
        time.sleep(0.5)
        assert ticks(g.host.process.pid) - before < 20, \
            "it is busy with what it cannot do"
        # None of these is closed, so the descriptors must come from elsewhere.
        resource.prlimit(g.host.process.pid, resource.RLIMIT_NOFILE, limits)
        for one in ones:
            one.settimeout(10)
            one.sendall(b"CONNECT nowhere\n")
            same(one.recv(100), b"")
        assert "cannot accept a connection now: Too many open files" in \
            g.host.said()


# The limit that Firecracker and vhost-device-vsock share (docs/limits.md).
TAKEN = (b"CONNECT 22\n", b"connect 22\n", b"CoNNeCT 22\r\n",
         b"  CONNECT\t22 \n", b"CONNECT +22\n", b"CONNECT 00000000022\n",
         b"CONNECT 22 and what not\n", b"CONNECT \x0b\x0c22\n",
         b"CONNECT" + b" " * 22 + b"22\n")
REFUSED = (b"CONNECT22\n", b"CONNECT\n", b"CONNECT 4294967318\n",
           b"CONNECT 4294967296\n", b"CONNECT -22\n", b"CONNECT 0x16\n",
           b"CONNECT 22x\n", b"CONNECT +\n",
           b"CONNECTS 22\n", b"HELLO 22\n", b"\n", b" \n",
           b"CONNECT 22\0\n", b"CONNECT \xff22\n", b"CONNECT 22 \xff\n",
           b"CONNECT" + b" " * 23 + b"22\n", b"CONNECT\n22\n",
           b"CONNECT 99999999999999999999\n")


@case("lines that say CONNECT", generations=("port",))
def connect_lines(d):
    path = os.path.join(d.q.folder, "vsock")

    def asked():
        # The host gives the earlier ones up after 5 s, with a RST.
        return [struct.unpack_from("<BBHII", payload)[4]
                for head, payload in d.receive()
                if head[3] == 1 and payload[1] == REQUEST2]
    with Guest(d, "--vsock", path), contextlib.ExitStack() as held:
        def call(line):
            one = held.enter_context(socket.socket(socket.AF_UNIX))
            one.settimeout(10)
            one.connect(path)
            one.sendall(line)
            return one
        for line in TAKEN:
            call(line)
            ports = []
            assert until(lambda: ports.extend(asked()) or ports), line
            same(ports, [22])
        for line in REFUSED:
            # Close it with unread bytes, or without.
            with contextlib.suppress(ConnectionResetError):
                same((line, call(line).recv(100)), (line, b""))
        one = call(b"CON")
        time.sleep(0.05)
        one.sendall(b"NECT 4294967295\nand a stream")
        assert until(lambda: asked() == [ANY])
        one = call(b"CONNECT 22")
        one.shutdown(socket.SHUT_WR)
        same(one.recv(100), b"")


@case("64 callers at once", generations=("port",))
def many_callers(d):
    path = os.path.join(d.q.folder, "vsock")
    with Guest(d, "--vsock", path) as g, contextlib.ExitStack() as held:
        g.host.process.send_signal(signal.SIGSTOP)
        ones = [held.enter_context(socket.socket(socket.AF_UNIX))
                for _ in range(64)]
        for i, one in enumerate(ones):
            one.setblocking(False)
            one.connect(path)
            one.sendall(b"CONNECT %d\n" % (5000 + i))
        g.host.process.send_signal(signal.SIGCONT)
        ports = []
        assert until(lambda: ports.extend(
            struct.unpack_from("<BBHII", payload)[4]
            for head, payload in d.receive()
            if head[3] == 1 and payload[1] == REQUEST2) or
                     len(ports) == 64), len(ports)
        same(sorted(ports), list(range(5000, 5064)))


@case("what is there already at a path of vqp-host", generations=("port",))
def taken_vsock(d):
    def host(path, *more):
        with Program(d.q, cid=77):
            one = vm.Host(pathlib.Path(d.q.link_path), "--cid", "78",
                          "--vsock", path, *more, name="second-host")
            ended = until(lambda: "ready" in one.said() or
                          one.process.poll() is not None)
            status, said = one.process.poll(), one.said()
            one.__exit__()
            assert ended, said
            return status, said
    live = os.path.join(d.q.folder, "vsock")
    file = os.path.join(d.q.folder, "file")
    longest = os.path.join(d.q.folder, "x" * 96)[:96]
    for path in (file, file + "_5.dgram"):
        with open(path, "w") as kept:
            kept.write("dear")
    with Guest(d, "--vsock", live, "--datagram", "5"):
        for path, more, words in (
                (live, (), "already in use"),
                (file, (), "is not a socket"),
                (live + "2", ("--datagram", "5"), None),
                (live + "2", ("--datagram", "5"), None),
                (longest + "x", (), "has 97 bytes"),
                (longest, (), None)):
            status, said = host(path, *more)
            same(status, 1 if words else None)
            assert words is None or words in said, said
        os.link(live + "_5.dgram", live + "3_5.dgram")
        same(host(live + "3", "--datagram", "5")[0], 1)
        os.rename(file, file + "_5.dgram")
        same(host(file, "--datagram", "5")[0], 1)
        with open(file + "_5.dgram") as kept:
            same(kept.read(), "dear")
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(10)
            one.connect(live)
            one.sendall(b"CONNECT nowhere\n")
            same(one.recv(100), b"")


@case("vqp-host before QEMU", own=True, generations=("port",))
def before_qemu(d):
    path = pathlib.Path(d.q.folder) / "later"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(path))
    with vm.Host(path, name="early-host") as host:
        assert until(lambda: "waiting for QEMU" in host.said()), host.said()
        path.unlink()
        time.sleep(0.3)
        same(host.said().count("waiting for QEMU"), 1)
        os.symlink(d.q.link_path, path)
        assert until(lambda: "ready" in host.said()), host.said()


@case("a file that was received, and a stream that is not", generations=("port",))
def file_kept(d):
    path = pathlib.Path(d.q.folder) / "kept"
    path.write_text("all there is")
    with Guest(d, "--receive", "10=%s" % path) as g:
        g.say(REQUEST2, 2000, struct.pack("<Q", RING_BYTES), 10, proto=1)
        same(g.hear()[0], NEGOTIATE2)
        same(path.read_text(), "all there is")
        same(d.alloc((CID, 50), RING_BYTES, RING_BYTES), 4)
        g.say(OFFER, 2000, handle(CID, 50), 10)
        same(g.hear()[0], ATTACH)
        same(path.read_text(), "")


def rpc_field(kind, name, rest):
    return struct.pack(">II", kind, name) + rest


def rpc_text(text):
    return rpc_field(2, 2, struct.pack(">I", len(text)) + text)


def rpc_packet(body):
    return struct.pack(">I", len(body)) + body


@case("guestrpc.py and a guest that sends junk", generations=("port",))
def rpc_junk(_):
    data = rpc_field(1, 1, struct.pack(">II", 1, 0))

    def dial(port):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(10)
        one.connect("%s_%d" % (path, port))
        return one

    def ask(request):
        with dial(976) as one:
            one.sendall(rpc_packet(data + rpc_text(request)))
            length, = struct.unpack(">I", one.recv(4, socket.MSG_WAITALL))
            answer = one.recv(length, socket.MSG_WAITALL)
            same(answer[:16], data)
            return answer[28:]

    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/tools"
        with tools.Responder(path, "guestinfo.a=b") as responder:
            assert responder.wait("ready", 20), responder.lines
            for junk in (
                    b"\xff\xff\xff\xff", struct.pack(">I", 70000),
                    rpc_packet(b"x"), rpc_packet(data[:-1]),
                    rpc_packet(rpc_field(2, 2, b"\xff\xff\xff\xff")),
                    rpc_packet(rpc_field(2, 2, struct.pack(">I", 5) + b"x")),
                    rpc_packet(rpc_field(3, 2, bytes(8))),
                    rpc_packet(rpc_field(0, 2, bytes(8))),
                    rpc_packet(rpc_field(1, 2, bytes(8))),
                    rpc_packet(rpc_field(2, 1, bytes(4)))):
                for port in (975, 976):
                    with dial(port) as one:
                        one.sendall(junk)
                        while one.recv(4096):   # the first requests, of 975
                            pass
            # An answer without a request, twice: one may count as that to
            # "reset".
            with dial(975) as one, contextlib.suppress(OSError):
                one.sendall(rpc_packet(data + rpc_text(b"x")) * 9)
                while one.recv(4096):
                    pass
            same(ask(b"info-get guestinfo.a\0"), b"1 b")
            same(ask(b"info-get other.a"),
                 b"0 Only names that begin with guestinfo.")
            same(ask(b""), b"0 Unknown command")
            same(ask(b"info-set guestinfo.large " + bytes(65000)), b"1 ")
            with dial(976) as one:
                for i in range(1001):
                    one.sendall(rpc_packet(rpc_text(
                        b"info-set guestinfo.%d %d" % (i, i))))
                    got = one.recv(100)
                same(got[28 + 4:], b"0 No room for more values")
            many = [dial(976) for _ in range(65)]
            same(many[64].recv(1), b"")
            for one in many:
                one.close()
            assert until(lambda: ask(b"info-get guestinfo.a") == b"1 b")
            for i in range(200):
                same(ask(b"\33[2J%d" % i), b"0 Unknown command")
            # 60 a minute, and another minute may have begun.
            assert len(responder.lines) <= 120, responder.lines
            assert "\33" not in "".join(responder.lines)
            assert not any("ask was " in one or "rror" in one
                           for one in responder.lines), responder.lines


def children(pid):
    """The processes that `pid` started."""
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            yield int(entry.parent.name)


@case("vqp-host, and the process that connects for it, have no rights")
def confined(d):
    with tempfile.TemporaryDirectory() as folder, \
            Guest(d, "--vsock", folder + "/v") as g:
        started = list(children(g.host.process.pid))
        same(len(started), 1)
        for pid in (g.host.process.pid, *started):
            status = pathlib.Path("/proc/%d/status" % pid).read_text()
            for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t" +
                         16 * "0", "CapPrm:\t" + 16 * "0"):
                assert line in status, "%d: no %s" % (pid, line)
        g.connect()
        g.host.process.kill()
        assert until(lambda: not pathlib.Path("/proc/%d/fd/0" %
                                              started[0]).exists())
        g.host.process.wait()
        g.host = vm.Host(pathlib.Path(d.q.link_path), "--no-confine",
                         name="qtest-host")
        assert until(lambda: "ready" in g.host.said()), g.host.said()
        status = pathlib.Path("/proc/%d/status" % g.host.process.pid)
        assert "Seccomp:\t0" in status.read_text()


@case("the process that connects for vqp-host is killed",
      generations=("port",))
def no_dialler(d):
    path = os.path.join(d.q.folder, "vsock")
    with socket.socket(socket.AF_UNIX) as listener, \
            socket.socket(socket.AF_UNIX) as one, \
            Guest(d, "--vsock", path) as g:
        listener.bind(path + "_80")
        listener.listen()
        for pid in children(g.host.process.pid):
            os.kill(pid, signal.SIGKILL)
        same(g.request(2000, dst_port=80)[0], RST)
        assert "the process that connects to %s_80 is gone" % path in \
            g.host.said(), g.host.said()
        # Requests that need no such process are served.
        g.connect()
        one.connect(path)
        one.sendall(b"CONNECT 22\n")
        same(g.next_packet()[1], REQUEST2)
    os.unlink(path + "_80")


class PipedHost:
    """A vqp-host that prints into a pipe of one page."""

    def __init__(self, *arguments, name):
        self.text = ""
        self.pipe, theirs = os.pipe()
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PAGE)
        os.set_blocking(self.pipe, False)
        self.process = subprocess.Popen(
            [vm.Host.PROGRAM, *arguments], stderr=theirs,
            stdin=subprocess.DEVNULL, preexec_fn=vm.die_with_parent)
        # Open the pipe again, so that the host's own descriptor stays
        # blocking.
        self.again = os.open("/proc/self/fd/%d" % theirs,
                             os.O_WRONLY | os.O_NONBLOCK)
        os.close(theirs)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.again)
        os.close(self.pipe)

    def fill(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.again, b".")

    def said(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.text += os.read(self.pipe, PAGE).decode()
        return self.text


@case("a log that nobody reads", generations=("port",))
def unread_log(d):
    with Guest(d, host=PipedHost) as g:
        g.request(2000)
        g.host.fill()
        # The host must print a line, and then serve other requests.
        g.say(OFFER, 2000, handle(CID, 7000))
        g.say(REQUEST2, 2001, struct.pack("<Q", RING_BYTES), proto=1)
        time.sleep(0.3)
        g.look()
        same(g.kept, [])
        assert g.host.said()
        same(g.hear(2000)[0], RST)
        same(g.hear(2001)[0], NEGOTIATE2)


@case("options of vqp-host that are none", generations=("port",))
def bad_options(d):
    for options, what in (
            ((), "LINK"), (("x", "y"), "y"), (("x", "--echo", "-1"), "-1"),
            (("x", "--echo", "7=3"), "7=3"),
            (("x", "--source", "8=abc"), "abc"),
            (("x", "--pair-echo", "1:2=5k"), "1:2=5k"),
            (("x", "--hypervisor", "y", "--cid", "20"), "--hypervisor"),
            (("x", "--cid", "5z"), "5z"), (("x", "--send", "8"), "8"),
            (("x", "--echo", "4294967296"), "4294967296")):
        done = subprocess.run([vm.Host.PROGRAM, *options], text=True,
                              stderr=subprocess.PIPE, timeout=20)
        same(done.returncode, 2)
        assert done.stderr.startswith("vqp-host: %s: " % what), done.stderr


@case("an index that is none, before the host comes")
def bad_from_the_start(d):
    same(d.alloc((2, 60), RING_BYTES, RING_BYTES), 4)
    d.q.write(Guest.OWN + 8, struct.pack("<Q", RING_BYTES))
    with Guest(d, "--pair-echo", "60") as g:
        d.detach((2, 60))
        d.q.write(Guest.OWN + 8, bytes(16))
        assert until(lambda: d.alloc((2, 60), RING_BYTES, RING_BYTES) > 0)
        same(g.request(3000)[0], NEGOTIATE2)


@case("queue pairs without sockets, rung for")
def raw_pairs(d):
    same(d.bitmap(), 0)
    same(d.hyper(LINK, handle(CID, 60) + struct.pack("<Q", 3)), 0)
    # The guest connects first to one, the host to the others.
    same(d.alloc((CID, 60), RING_BYTES, RING_BYTES), 4)
    with Guest(d, "--pair-echo", "%d:60" % CID, "--pair-sink", "61",
               "--pair-source", "%d:62=%d" % (CID, RING_BYTES)) as g:
        def indices(of):
            return struct.unpack("<QQ", d.q.read(of + 8, 16))

        def ring(resource):
            same(d.hyper(RING, handle(2, resource)), 0)

        def ended(text, pair):
            assert d.detach(pair) >= 0
            assert until(lambda: text in g.host.said()), g.host.said()

        d.q.write(g.DATA, b"hello, host")
        d.q.write(g.OWN + 8, struct.pack("<Q", 11))
        ring(60)
        assert until(lambda: indices(g.PEER) == (11, 11)), g.host.said()
        same(d.q.read(g.PEER_DATA, 11), b"hello, host")
        # The ring was empty, and the host may have slept.
        assert until(lambda: d.q.read(BITMAP, 8) == bytes(3) + b"\1" +
                     bytes(4)), "the guest was not rung"
        ended("pair %d:60: in 11, out 11" % CID, (CID, 60))
        for n in (1000, 2000):
            # The host may not have left the previous pair yet.
            assert until(lambda: d.alloc((2, 61), RING_BYTES, RING_BYTES)
                         in (4, 5)), g.host.said()
            d.q.write(g.OWN + 8, struct.pack("<Q", n))
            ring(61)
            assert until(lambda: indices(g.PEER) == (0, n)), g.host.said()
            d.q.write(g.OWN + 8, struct.pack("<Q", n + 5))
            # Without a notification, the host still takes the bytes.
            ended("pair 2:61: in %d, out 0" % (n + 5), (2, 61))
        same(d.alloc((CID, 62), RING_BYTES, RING_BYTES), 5)
        full = RING_BYTES - 1
        assert until(lambda: indices(g.PEER) == (full, 0)), g.host.said()
        d.q.write(g.OWN + 16, struct.pack("<Q", full - 10))
        ring(62)
        assert until(lambda: indices(g.PEER) == (full - 11, 0))
        d.q.write(g.OWN + 16, struct.pack("<Q", RING_BYTES))
        ring(62)
        assert until(lambda: "pair %d:62: the guest's index is invalid" % CID
                     in g.host.said()), g.host.said()
        ended("pair %d:62: in 0, out %d" % (CID, full + full - 10), (CID, 62))


@case("doorbells of guest and host")
def raw_doorbells(d):
    same(d.bitmap(), 0)
    with Guest(d, "--doorbell", "60", "--ring", "61") as g:
        same(d.hyper(RING, handle(2, 61)), -21)
        for n in (1, 2):
            same(d.hyper(RING, handle(2, 60)), 0)
            assert until(lambda: "doorbell 2:60: heard %d\n" % n in
                         g.host.said()), g.host.said()
        same(d.hyper(LINK, handle(CID, 61) + struct.pack("<Q", 5)), 0)
        assert until(lambda: d.q.read(BITMAP, 8) == bytes(5) + b"\1" +
                     bytes(2)), "not rung: " + g.host.said()
        assert until(lambda: "doorbell %d:61: rung 1\n" % CID in
                     g.host.said())


@case("a host by a chardev", "chardev=link")
def by_chardev(d):
    with Program(d.q, cid=17) as other:
        d.q.link_path = d.q.chardev_path
        # Too short, too long, empty, and an end in the middle of a length.
        for said in (b"\4\0\0\0bad!", b"\xff" * 4, b"\0" * 4, b"\xff"):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(d.q.link_path)
                stranger.settimeout(10)
                stranger.sendall(said)
                if len(said) < 4:
                    stranger.shutdown(socket.SHUT_WR)
                same(stranger.recv(1), b"")
        with Guest(d, "--datagram-echo", "5007") as g:
            # More than a socket holds: one packet goes in parts.
            g.host.process.send_signal(signal.SIGSTOP)
            for _ in range(5):
                same(d.send(datagram((2, 5007), (CID, 5), b"x" * 60000)),
                     60024)
            g.host.process.send_signal(signal.SIGCONT)
            g.connect(3000, 90)
        by_hand(d)
        raw_pairs(d)
        reset_streams(d)
        same(other.bind(5), 0)


@case("G79 G80 packets of a stranger, resets in each state")
def strange_packets(d):
    with Guest(d) as g:
        g.connect()
        for kind in (RST, SHUTDOWN, OFFER, ATTACH):
            g.say(kind, 2001, struct.pack("<Q", 3))
            if kind != RST:
                same(g.hear(2001)[0], RST)
        same(g.request(2002)[0], NEGOTIATE2)
        g.say(RST, 2002)
        g.say(RST, 2002)
        same(g.request(2002)[0], NEGOTIATE2)
        d.q.write(g.DATA, b"x")
        d.q.write(g.OWN + 8, struct.pack("<Q", 1))
        g.say(WROTE, 2000)
        same(g.hear(2000)[0], WROTE)


@case("G81 G85 out of order, and pairs that are not offered rightly")
def out_of_order(d):
    with Guest(d) as g:
        for i, kind in enumerate((ATTACH, NEGOTIATE, NEGOTIATE2)):
            g.request(2000 + i)
            g.say(kind, 2000 + i, struct.pack("<Q", RING_BYTES), proto=1)
            same(g.hear(2000 + i)[0], RST)
        for i, bad in enumerate((handle(CID, 1), handle(2, 1),
                                 handle(ANY, ANY), handle(17, 1))):
            g.request(3000 + i)
            g.say(OFFER, 3000 + i, bad)
            same(g.hear(3000 + i)[0], RST)
        g.connect()
        g.say(OFFER, 2000, handle(CID, 50))
        same(g.hear(2000)[0], RST)


@case("G82 sizes of rings")
def ring_sizes(d):
    with Guest(d) as g:
        same(g.request(2000, 0)[0], RST)
        for i, size in enumerate((1, 127, RING_BYTES + 1, 1 << 32,
                                  (1 << 64) - 1)):
            same(g.request(2001 + i, size), (
                NEGOTIATE2, 1, struct.pack("<QQ", RING_BYTES, 0)))
        same(g.request(3000, 128)[2][:8], struct.pack("<Q", 128))


@case("G83 many that begin and do not finish", generations=("port",))
def half_open(d):
    with Guest(d) as g:
        d.out(b"".join(datagram((2, 1), (CID, 1), struct.pack(
            "<BBHIIIQQ", 1, REQUEST2, 1, 2000 + i, ECHO, 0, RING_BYTES, 0))
            for i in range(160)))
        answers = [g.hear()[0] for i in range(160)]
        same(answers, [NEGOTIATE2] * 128 + [RST] * 32)
        # After five seconds the host has forgotten them.
        same([g.hear()[0] for i in range(128)], [RST] * 128)
        same(g.request(5000)[0], NEGOTIATE2)


@case("G84 packets that are none, and old requests")
def no_packets(d):
    with Guest(d) as g:
        for kind in (0, 13, 255, WROTE, READ, WAITING_READ):
            g.say(kind, 2000)
            same(g.hear(2000)[0], RST)
        g.say(REQUEST2, 2000, struct.pack("<Q", RING_BYTES), proto=0)
        same(g.hear(2000)[0], RST)
        g.say(REQUEST2, 2000, struct.pack("<Q", RING_BYTES), proto=0xffff)
        same(g.hear(2000)[:2], (NEGOTIATE2, 1))
        g.say(REQUEST, 2001, struct.pack("<Q", RING_BYTES))
        same(g.hear(2001)[0], RST)
        same(d.send(datagram((2, 1), (CID, 1), bytes(31))), 55)
        same(d.send(datagram((2, 1), (CID, 9), bytes(32))), 56)
        g.say(REQUEST2, 2002, struct.pack("<Q", RING_BYTES), 99, 1)
        same(g.hear()[0], RST)
        same(d.receive(), [])


# ---- The rows of docs/streams.md.

def rows_of_streams():
    def add(name, run, number, late=False):
        @case(name, generations=("mmio",))
        def _(d):
            path = os.path.join(d.q.folder, "vsock")
            with Guest(d, "--vsock", path) as g:
                run(g, number, qstreams.Transport(d, late), path)

    for number, (name, _, _) in enumerate(qstreams.life.ROWS):
        # Without processes, as if the program closed.
        if name.startswith("the guest is killed"):
            continue
        add("guest connects: " + name, qstreams.run_row, number)
        # The boot runs all of these; it matters little which side connected.
        if "closes, data" in name:
            add("host connects: " + name, qstreams.run_row_of_host, number)
        if "same port" in name:
            add("guest connects: %s, and detaches late" % name,
                qstreams.run_row, number, True)


rows_of_streams()


@contextlib.contextmanager
def unread(d):
    """A guest's stream that a host program accepted but does not read."""
    path = os.path.join(d.q.folder, "vsock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + "_80")
        listener.listen()
        listener.settimeout(10)
        try:
            with Guest(d, "--vsock", path) as g:
                one = qstreams.Transport(d).dial(80)
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(10)
                    yield g, one, peer
        finally:
            os.unlink(path + "_80")


def reset_by_packet(one):
    one.t.say(RST, one.names)
    one.t.wait(lambda: one.peer_mode == 3, "the host detaches")


def say_nonsense(one):
    one.t.say(INVALID, one.names)


def reset_device(one):
    one.t.d.wr(CONTROL, RESET)


for word, how in (("resets it", reset_by_packet),
                  ("says what nobody does", say_nonsense),
                  ("is reset", reset_device)):
    @case("the guest of a stream %s, data to the host" % word,
          generations=("mmio",))
    def _(d, how=how):
        with unread(d) as (_, one, peer):
            one.sendall(qstreams.life.TO_HOST)
            how(one)
            qstreams.life.everything(peer, qstreams.life.TO_HOST, pause=0.02)


@case("QEMU is killed, data to the host", generations=("mmio",))
def killed_with_data(_):
    d = Device("mmio")
    try:
        path = os.path.join(d.q.folder, "vsock")
        host = vm.Host(pathlib.Path(d.q.link_path), "--vsock", path,
                       name="qtest-host")
        with host, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path + "_80")
            listener.listen()
            assert until(lambda: "ready" in host.said()), host.said()
            qstreams.Transport(d).dial(80).sendall(qstreams.life.TO_HOST)
            d.q.process.kill()
            assert until(lambda: "QEMU has ended" in host.said())
            with listener.accept()[0] as peer:
                time.sleep(0.2)
                qstreams.life.everything(peer, qstreams.life.TO_HOST)
                same(host.process.wait(5), 0)
    finally:
        d.close()


@case("a guest accepts, writes and leaves at once", generations=("mmio",))
def accepts_and_leaves(d):
    path = os.path.join(d.q.folder, "vsock")
    with Guest(d, "--vsock", path) as g, \
            socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(path)
        one.sendall(b"CONNECT 6000\n")
        t = qstreams.Transport(d)
        # The host receives everything that the guest did at once.
        peer = t.accept(lambda: g.host.process.send_signal(signal.SIGSTOP))
        peer.sendall(b"12:00")
        threading.Timer(0.3, g.host.process.send_signal,
                        [signal.SIGCONT]).start()
        peer.close()
        got = b"".join(iter(lambda: one.recv(99), b""))
        assert re.fullmatch(rb"OK \d+\n12:00", got), got


@case("a guest made the pairs that the host would make",
      generations=("mmio",))
def names_taken(d):
    path = os.path.join(d.q.folder, "vsock")
    with Guest(d, "--vsock", path), contextlib.ExitStack() as held:
        t = qstreams.Transport(d)
        names = []
        for i in range(2):
            one = held.enter_context(socket.socket(socket.AF_UNIX))
            one.settimeout(10)
            one.connect(path)
            one.sendall(b"CONNECT 6000\n")
            names.append(t.accept().handle)
            assert one.recv(20).startswith(b"OK ")
            for j in range(1, 30 if i == 0 else 1):
                same(d.alloc((2, names[0][1] + j), PAGE, PAGE,
                             pages=range(8192, 8196)), 4)
        assert not 0 <= names[1][1] - names[0][1] < 30, names


@case("a guest that has no room for an answer", generations=("mmio",))
def no_room_for_answers(d):
    with Guest(d, "--datagram-echo", "5007"):
        for _ in range(60):
            d.send(datagram((2, 5007), (CID, 9), bytes(60000)))
        t = qstreams.Transport(d)
        one = t.new((4000, ECHO))
        t.say(REQUEST2, one.names, struct.pack("<Q", RING_BYTES), 1)
        time.sleep(0.5)
        t.wait(lambda: one.state == "open", "ATTACH")
        one.sendall(b"hello")
        same(one.recv(5), b"hello")
        one.close()


@case("more streams than a host has", generations=("mmio",))
def too_many_streams(d):
    path = os.path.join(d.q.folder, "vsock")
    with Guest(d, "--vsock", path) as g, contextlib.ExitStack() as held:
        # All at the same time: the first is given up after 5 s.
        g.host.process.send_signal(signal.SIGSTOP)
        ones = []
        for _ in range(520):
            one = held.enter_context(socket.socket(socket.AF_UNIX))
            one.connect(path)
            one.settimeout(10)
            one.sendall(b"CONNECT 6000\n")
            ones.append(one)
        g.host.process.send_signal(signal.SIGCONT)
        same([one.recv(1) for one in ones[512:]], [b""] * 8)
        same(g.host.said().count("512 streams are open"), 1)
# ---- vqp-host, and a QEMU that lies.

class FakeQemu:
    """The QEMU that vqp-host connects to, packet by packet."""

    def __init__(self, folder, *options, **limits):
        self.path = pathlib.Path(folder) / "fake"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(self.path))
            door.listen(1)
            self.host = vm.Host(self.path, *options, name="fake-host")
            door.settimeout(10)
            self.socket = door.accept()[0]
        self.socket.settimeout(10)
        kind, tag, body = self.take()
        same((kind, body[:8]), (Program.HELLO, struct.pack("<II", 1, 2)))
        self.answer(tag, 2)
        self.say(Program.GUEST, struct.pack("<II", CID, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.host.__exit__()
        self.path.unlink()

    def take(self):
        data = self.socket.recv(80000)
        return *struct.unpack_from("<II", data), data[8:]

    def say(self, kind, body, tag=0, fd=None):
        socket.send_fds(self.socket, [struct.pack("<II", kind, tag) + body],
                        [fd] if fd is not None else [])

    def answer(self, tag, status):
        self.say(Program.RESULT, struct.pack("<q", status), tag)

    def serve(self, *kinds):
        """Answer requests until a packet of these types arrives: (tag, body).
        """
        while True:
            kind, tag, body = self.take()
            if kind in kinds:
                return tag, body
            self.answer(tag, 0)

    def packet(self, kind, port=2000, body=b"", dst_port=ECHO):
        self.say(Program.DATAGRAM, datagram((2, 1), (CID, 1), struct.pack(
            "<BBHIII16s", 1, kind, 1, port, dst_port, 0, body)))

    def said(self, kind):
        """The next packet of a stream that vqp-host sends."""
        while True:
            tag, body = self.serve(Program.SEND)
            self.answer(tag, len(body))
            if body[25] == kind:
                return body[24:]

    def ended(self):
        assert until(lambda: self.host.process.poll() is not None)
        return self.host.process.returncode, self.host.said()


@case("lengths that QEMU says wrong", generations=("port",))
def wrong_lengths(d):
    for kind, body in ((Program.DATAGRAM, header((2, 1), (CID, 1), 32)),
                       (Program.DATAGRAM, header((2, 1), (CID, 1), 1 << 63)),
                       (Program.DATAGRAM, bytes(23)),
                       (Program.RESULT, bytes(4)), (Program.GUEST, b""),
                       (Program.FILE, bytes(4)), (Program.MEMORY, bytes(8)),
                       (Program.PIECES, bytes(25)),
                       (Program.PIECES, bytes(24 * 1025)),
                       (Program.NO_MEMORY, bytes(9)),
                       (Program.EVENT, bytes(24)),
                       (Program.DOORBELL, bytes(4))):
        with FakeQemu(d.q.folder) as q:
            q.say(kind, body)
            status, said = q.ended()
            same(status, 1)
            assert "from QEMU: packet %d has a wrong length" % kind in said
    with FakeQemu(d.q.folder) as q:
        q.answer(0x80000099, 0)
        same(q.ended()[0], 1)
    with FakeQemu(d.q.folder, "--echo", str(ECHO)) as q:
        q.say(99, b"of a later version")
        q.packet(REQUEST2, body=struct.pack("<Q", RING_BYTES))
        q.said(NEGOTIATE2)


@case("an answer that does not come", generations=("port",))
def no_answer(d):
    with FakeQemu(d.q.folder, "--echo", str(ECHO)) as q:
        q.packet(REQUEST2, body=struct.pack("<Q", RING_BYTES))
        q.said(NEGOTIATE2)
        q.packet(OFFER, body=handle(CID, 50))
        tag, _ = q.serve(Program.ALLOC)
        # Others are served, and this one is given up in time.
        q.packet(REQUEST2, 2001, struct.pack("<Q", RING_BYTES))
        q.said(NEGOTIATE2)
        q.packet(OFFER, body=handle(CID, 50))
        q.said(RST)
        # The late answer grants the pair, and the host releases it again.
        q.answer(tag, 5)
        same(q.serve(Program.DETACH)[1], handle(CID, 50))


@case("a descriptor that was cut off", generations=("port",))
def cut_off(d):
    with FakeQemu(d.q.folder, "--echo", str(ECHO)) as q, \
            tempfile.TemporaryFile() as ram:
        ram.truncate(1 << 20)

        def attach(port):
            q.packet(REQUEST2, port, struct.pack("<Q", 4096))
            q.said(NEGOTIATE2)
            q.packet(OFFER, port, handle(CID, port))
            return q.serve(Program.ALLOC)[0]

        def memory(port):
            q.say(Program.MEMORY, struct.pack(
                "<IIQQQQQII", CID, port, 4096, 4096, 4096, 4096, 4096, 1, 0))
            q.say(Program.PIECES, struct.pack("<IIQQ", 0, 0, 0, 16384))

        first = attach(2000)
        pid = q.host.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (
            len(os.listdir("/proc/%d/fd" % pid)), limits[1]))
        q.say(Program.FILE, bytes(8), fd=ram.fileno())
        memory(2000)
        q.answer(first, 5)
        tag, body = q.serve(Program.FILE_AGAIN)
        same(body, bytes(8))
        q.said(RST)
        assert "file 0 of the guest's memory came without its descriptor" in \
            q.host.said(), q.host.said()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        q.say(Program.FILE, bytes(8), fd=ram.fileno())
        q.answer(tag, 0)
        second = attach(2001)
        memory(2001)
        q.answer(second, 5)
        q.said(ATTACH)
        files = os.listdir("/proc/%d/fd" % pid)
        q.say(Program.NO_FILE, bytes(8))
        assert until(lambda: len(os.listdir("/proc/%d/fd" % pid)) ==
                     len(files) - 1), "it keeps what was unplugged"


# ---- Injected faults.

@case("fault: every second interrupt is lost", "x-drop-irq=2")
def dropped(d):
    seen = []
    for _ in range(4):
        d.q.zero(VECTORS, 4)
        same(d.send(datagram((CID, 9), (CID, 9), b"x")), 25)
        seen.append(d.q.read32(VECTORS) != 0)
        d.wr(CONTROL, RESET)
        d.start()
    assert True in seen and False in seen, seen


@case("fault: results that are too small", "x-short-result=1")
def short(d):
    if not d.dma:
        same(d.send(datagram((CID, 9), (CID, 9), b"12345678")), 24)
        same(d.result(), 24)


@case("fault: a header that lies", "x-corrupt-header=1")
def corrupt(d):
    with Program(d.q) as p:
        same(p.send((CID, 9), (2, 9), b"12345678"), 32)
        if not d.dma:
            data = struct.pack("<8I", *(int(word, 0) for word in d.q.run(
                ["inl 0x%x" % (0xc000 + DATA_IN)] * 8)))
        else:
            d.receive()
            data = d.q.read(RECEIVE + PAGE, 32)
        assert struct.unpack_from("<Q", data, 16)[0] > 1 << 32


@case("fault: busy for long", "x-late-busy-us=200000", generations=("mmio",))
def late(d):
    d.operation(SEND, 1, 0, 24, datagram((0, GET_CID), (ANY, ANY)))
    # Send at once, because the time of a round trip is unknown.
    busy = d.q.run(["writel 0x%x 0x%x" % (BAR1 + 0x20000 + OUT_LOW, SEND),
                    "read 0x%x 0x4" % SEND])[1]
    same(busy, "0x01000000")
    same(d.result() & ANY, CID)
    assert until(lambda: d.q.read32(SEND) == 0), "busy for ever"


@case("fault: torn out", own=True)
def gone(d):
    with Program(d.q) as p:
        same(d.alloc((CID, 2048), 4096, 4096), 4)
        same(p.alloc((CID, 2048), 4096, 4096), 5)
        d.q.monitor("qom-set", path="/machine/peripheral/v",
                    property="x-gone", value=True)
        same(struct.unpack("<II", p.wait(p.NO_MEMORY)), (CID, 2048))
        same(d.rd(CAPS), ANY)
        same(d.q.config(0), ANY)


# ---- Running the cases.

def run_case(machines, name, generation, options, own, function):
    key = generation, options
    d = machines.pop(key, None)
    if d is None or own:
        d = Device(generation, options, msix="msix=off" not in options)
    said = ""
    try:
        d.start()
        function(d)
        assert d.q.process.poll() is None, "QEMU is gone"
        if own:
            said = d.close()
        else:
            machines[key] = d
        return None
    except Exception:       # pylint: disable=broad-except
        text = traceback.format_exc(limit=-2)
        said = d.close() or said
        return text + said


def run_cases(cases, done):
    """Put the name, the generation and the error text of each case into a
    queue, and None at the end.
    """
    vm.die_with_parent()
    machines = {}
    try:
        for one in cases:
            done.put((*one[:2], run_case(machines, *one)))
    finally:
        done.put(None)
        for d in machines.values():
            d.close()


def main(arguments):
    if arguments == ["--list"]:
        for name, generation, _, _, _ in CASES:
            print("%s (%s)" % (name, generation))
        return 0
    sample = re.fullmatch(r"--sample=([1-9]\d*)", (arguments or [""])[0])
    if sample:
        arguments = arguments[1:]
    if arguments and arguments[0].startswith("-"):
        print(__doc__)
        return 2
    if not shutil.which("qemu-system-x86_64"):
        print("1..0 # SKIP no qemu-system-x86_64")
        return 77
    build = subprocess.run([ROOT / "driver/qemu/build"],
                           stdout=subprocess.DEVNULL)
    if build.returncode != 0:
        return build.returncode
    chosen = [one for one in CASES if not arguments or
              any(part in "%s (%s)" % one[:2] for part in arguments)]
    if sample:
        # Most cases run twice, once for each generation, but not all.
        every = int(sample[1])
        part = int(commit(), 16) % every
        chosen = [one for i, one in enumerate(chosen)
                  if (i + i // 2) % every == part]
    print("KTAP version 1\n1..%d" % len(chosen), flush=True)
    done = multiprocessing.SimpleQueue()
    workers = [multiprocessing.Process(target=run_cases, args=(
        [one for one in chosen if one[1] == generation], done))
        for generation in ("port", "mmio")]
    for worker in workers:
        worker.start()
    said = passed = ended = 0
    while ended < len(workers):
        while done.empty() and any(one.is_alive() for one in workers):
            time.sleep(0.05)
        if done.empty():
            print("# a worker was killed")
            break
        one = done.get()
        if one is None:
            ended += 1
            continue
        name, generation, why = one
        said += 1
        passed += not why
        print("%sok %d - %s (%s)" % ("not " if why else "", said, name,
                                     generation), flush=True)
        if why:
            print(re.sub("^", "# ", why.rstrip(), flags=re.M))
    for worker in workers:
        worker.join()
    print("# %d passed, %d failed" % (passed, len(chosen) - passed))
    return 0 if passed == len(chosen) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
