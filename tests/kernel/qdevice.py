# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Drives our device in QEMU without a guest: a script acts as the processor
(QEMU's qtest protocol) and, where needed, as the host context (vqp_link.h).
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import qmp

ROOT = pathlib.Path(__file__).resolve().parents[2]
QEMU = ROOT / "driver" / "qemu" / "vqp-qemu"

ANY = 0xffffffff
CID = 0x8bd824a9             # a signed number would be below 0
SLOT = 5
PORT, BAR1 = 0xc000, 0xfe000000
MMIO = BAR1 + 0x20000
RAM_MIB = 64
PAGE = 4096

# Registers.
STATUS, CONTROL, ICR, IMR, DATA_OUT, DATA_IN, CAPS = 0, 4, 8, 12, 16, 20, 24
RESULT_LOW, RESULT_HIGH, OUT_LOW, OUT_HIGH, IN_LOW, IN_HIGH, SHIFT = (
    0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34)
RESET, INT_ENABLE, INT_DISABLE = 1, 2, 4
DATAGRAM, NOTIFICATION, DMA = 1, 2, 4

# Hypercalls.
QUERY, GET_CID, SET_BITMAP, LINK, UNLINK, RING = range(6)
ALLOC, DETACH = 10, 11

# Guest memory: the addresses in use.
VECTORS, BITMAP, SEND, RECEIVE, PAGES = (
    0x100000, 0x101000, 0x200000, 0x280000, 0x400000)

NAMES = {-1: "INVALID_RESOURCE", -2: "INVALID_ARGS", -7: "NO_ACCESS",
         -9: "DUPLICATE_ENTRY", -10: "DST_UNREACHABLE",
         -11: "PAYLOAD_TOO_LARGE", -19: "NO_RESOURCES", -20: "UNAVAILABLE",
         -21: "NOT_FOUND", -22: "ALREADY_EXISTS", -24: "INVALID_SIZE",
         -31: "MISMATCH", -34: "NOT_ATTACHED"}


def header(dst, src, size):
    return struct.pack("<IIIIQ", *dst, *src, size)


def datagram(dst, src, payload=b""):
    return header(dst, src, len(payload)) + payload


def die_with_parent():
    """Run before exec: kill this process when the script dies in any way."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Qemu:
    """A machine that never runs, with a method for each thing a processor
    does.
    """

    def __init__(self, device, machine="pc", extra=()):
        self.folder = tempfile.mkdtemp(prefix="vqp-")
        self.link_path = os.path.join(self.folder, "link")
        self.chardev_path = os.path.join(self.folder, "chardev")
        qtest, qtest_end = socket.socketpair()
        self.qmp = qmp.Monitor()
        ends = (qtest_end.fileno(), self.qmp.fd)
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [QEMU, "-M", machine, "-accel", "tcg", "-S", "-nodefaults",
             "-m", str(RAM_MIB), "-display", "none",
             "-chardev", "socket,id=qtest,fd=%d" % ends[0],
             "-qtest", "chardev:qtest", "-qtest-log", "/dev/null",
             "-chardev", "socket,id=link,server=on,wait=off,path=" +
             self.chardev_path,
             "-device", "vmci,id=v,addr=%d,cid=%d,log=off,socket=%s%s" % (
                 SLOT, CID, self.link_path, device and "," + device),
             *self.qmp.arguments, *extra],
            pass_fds=ends, preexec_fn=die_with_parent,
            stdin=subprocess.DEVNULL, stderr=self.errors)
        qtest_end.close()
        self.qmp.started()
        qtest.settimeout(60)
        self.qtest = qtest
        self.replies = qtest.makefile("r")
        self.monitor = self.qmp.ask
        self.irqs = []

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        said = self.errors.read()
        self.errors.close()
        self.qtest.close()
        self.qmp.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return said

    def said(self):
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode()

    def ticks(self):
        return ticks(self.process.pid)

    def counts(self):
        text = self.monitor("qom-get", path="/machine/peripheral/v",
                            property="counts")
        return {name: int(n) for name, n in
                (part.split("=") for part in text.split())}

    def run(self, commands):
        """Send many commands at once: a round trip each would take most of the
        time.
        """
        answers = []
        for at in range(0, len(commands), 400):
            part = commands[at:at + 400]
            self.qtest.sendall(("\n".join(part) + "\n").encode())
            for command in part:
                while True:
                    line = self.replies.readline()
                    if not line:
                        raise EOFError("QEMU is gone")
                    if line.startswith("IRQ "):
                        self.irqs.append(tuple(line.split()[1:]))
                        continue
                    break
                if not line.startswith("OK"):
                    raise RuntimeError("%s: %s" % (command, line))
                answers.append(line[2:].strip())
        return answers

    def one(self, command):
        return self.run([command])[0]

    # Memory.

    def write(self, address, data):
        for at in range(0, len(data), 8192):
            part = data[at:at + 8192]
            self.one("write 0x%x 0x%x 0x%s" % (address + at, len(part),
                                               part.hex()))

    def read(self, address, size):
        return bytes.fromhex(self.one("read 0x%x 0x%x" % (address,
                                                          size))[2:])

    def read32(self, address):
        return struct.unpack("<I", self.read(address, 4))[0]

    def zero(self, address, size):
        self.one("memset 0x%x 0x%x 0x0" % (address, size))

    # Configuration space.

    def config(self, offset, value=None, width=4):
        select = "outl 0xcf8 0x%x" % (
            1 << 31 | SLOT << 11 | offset & ~3)
        port = 0xcfc + (offset & 3)
        size = {1: "b", 2: "w", 4: "l"}[width]
        if value is None:
            return int(self.run([select, "in%s 0x%x" % (size, port)])[1], 0)
        self.run([select, "out%s 0x%x 0x%x" % (size, port, value)])
        return None

    def capability(self, wanted):
        at = self.config(0x34, width=1)
        while at and self.config(at, width=1) != wanted:
            at = self.config(at + 1, width=1)
        return at


class Device:
    """What a driver does with the device, through ports or by MMIO and DMA."""

    def __init__(self, generation, options="", machine="pc", msix=True,
                 extra=()):
        self.dma = generation == "mmio"
        both = ",".join(part for part in (
            "mmio=on" if self.dma else "", options) if part)
        self.q = Qemu(both, machine, extra)
        q = self.q
        q.config(0x10, PORT)
        q.config(0x14, BAR1)
        q.config(0x18, 0)
        q.config(4, 7, 2)
        if msix:
            self.setup_msix()
        self.start()

    def close(self):
        return self.q.close()

    def setup_msix(self):
        q = self.q
        at = q.capability(0x11)
        q.config(at + 2, 0x8000, 2)
        self.vectors = (q.config(at + 2, width=2) & 0x7ff) + 1
        for i in range(self.vectors):
            q.write(BAR1 + 16 * i, struct.pack(
                "<IIII", VECTORS + 4 * i, 0, 0x51 + i, 0))

    # Registers.

    def rd(self, offset, width=4):
        size = {1: "b", 2: "w", 4: "l"}[width]
        if self.dma:
            return int(self.q.one("read%s 0x%x" % (
                {"b": "b", "w": "w", "l": "l"}[size], MMIO + offset)), 0)
        return int(self.q.one("in%s 0x%x" % (size, PORT + offset)), 0)

    def wr(self, offset, value):
        if self.dma:
            self.q.one("writel 0x%x 0x%x" % (MMIO + offset, value))
        else:
            self.q.one("outl 0x%x 0x%x" % (PORT + offset, value))

    def result(self):
        return struct.unpack("<i", struct.pack("<I", self.rd(
            RESULT_LOW)))[0]

    def start(self, caps=0x3c):
        """Reset, and do what a driver does up to INT_ENABLE."""
        self.wr(CONTROL, RESET)
        self.q.zero(VECTORS, 2 * PAGE)
        self.caps = caps & self.rd(CAPS)
        self.wr(CAPS, self.caps)
        if self.dma:
            self.wr(SHIFT, 12)
            self.wr(IN_HIGH, 0)
            self.wr(OUT_HIGH, 0)
        self.wr(IMR, 7 if self.dma else 3)
        self.wr(CONTROL, INT_ENABLE)

    def bitmap(self):
        return self.hyper(SET_BITMAP, struct.pack("<Q", BITMAP // PAGE))

    # Datagrams out.

    def out(self, data):
        """Write the bytes to DATA_OUT, whatever they say."""
        words = len(data) // 4 * 4
        self.q.run(["outl 0x%x 0x%x" % (PORT + DATA_OUT, word) for word in
                    struct.unpack("<%dI" % (words // 4), data[:words])] +
                   ["outb 0x%x 0x%x" % (PORT + DATA_OUT, byte)
                    for byte in data[words:]])

    def operation(self, address, busy, opcode, size, data):
        self.q.write(address, struct.pack("<IIIIQ", busy, opcode, size, 0,
                                          0) + data)

    def send(self, data):
        """Send a whole datagram as the driver does, and return the result."""
        if not self.dma:
            self.out(data)
            return self.result()
        self.operation(SEND, 1, 0, len(data), data)
        self.wr(OUT_LOW, SEND)
        busy, _, _, _, result = struct.unpack("<IIIIq", self.q.read(SEND,
                                                                    24))
        assert busy == 0, "still busy"
        short = self.result()
        # A context id is unsigned.
        assert result in (short, short & ANY), "two results: %d, %d" % (
            result, short)
        return short

    def hyper(self, number, payload=b""):
        return self.send(datagram((0, number), (ANY, ANY), payload))

    # Datagrams in.

    def receive(self):
        """All that DATA_IN gives before the filler: (header, payload)s."""
        data = b""
        if self.dma:
            self.q.write(RECEIVE, struct.pack("<IIIIQQQ", 0, 1, 1, 0, 0,
                                              RECEIVE + PAGE, 69632))
            self.wr(IN_LOW, RECEIVE)
            assert self.q.read32(RECEIVE) == 1, "no end of the operation"
            data = self.q.read(RECEIVE + PAGE, 69632)
        else:
            data = self.data_in(PAGE)
            size = struct.unpack_from("<Q", data, 16)[0]
            whole = PAGE
            if parse(data)[1] and size + 24 > PAGE:
                whole = 69632
                data += self.data_in(whole - PAGE)
            # If a driver would not recognise the filler, more filler follows
            # it.
            if whole - parse(data)[1] < 24:
                self.data_in(whole)
        return parse(data)[0]

    def data_in(self, size):
        return struct.pack("<%dI" % (size // 4), *(
            int(word, 0) for word in self.q.run(
                ["inl 0x%x" % (PORT + DATA_IN)] * (size // 4))))

    def events(self):
        return [item for item in self.receive() if item[0][2:4] == (0, 0)]

    # Queue pairs.

    def alloc(self, handle, produce, consume, peer=2, flags=0, pages=None,
              count=None):
        n = (produce + PAGE - 1) // PAGE + (consume + PAGE - 1) // PAGE + 2
        if pages is None:
            # Every second page, so that no two pages are neighbours by chance.
            pages = [PAGES // PAGE + 2 * i for i in range(min(n, 4096))]
        width = "Q" if self.caps & 0x10 else "I"
        return self.hyper(ALLOC, struct.pack(
            "<IIIIQQQ", *handle, peer, flags, produce, consume,
            len(pages) if count is None else count) +
            struct.pack("<%d%s" % (len(pages), width), *pages))

    def detach(self, handle):
        return self.hyper(DETACH, struct.pack("<II", *handle))


def parse(data):
    """The datagrams, as (header, payload), and the offset where they end."""
    items, at = [], 0
    while at + 24 <= len(data):
        head = struct.unpack_from("<IIIIQ", data, at)
        if head[1] == ANY:
            break
        items.append((head, data[at + 24:at + 24 + head[4]]))
        at += (24 + head[4] + 7) // 8 * 8
    return items, at


class Program:
    """A host context whose messages the script writes itself."""

    HELLO, BIND, UNBIND, SEND, LINK, UNLINK, RING, ALLOC, DETACH, \
        RELEASED, FILE_AGAIN = range(1, 12)
    RESULT, DATAGRAM, DOORBELL, EVENT, FILE, MEMORY, PIECES, NO_MEMORY, \
        GUEST, NO_FILE = range(32, 42)

    def __init__(self, machine, cid=2, privileges=0, version=1):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(str(machine.link_path))
        self.kept = []
        self.files = []
        self.cut_off = False
        self.lets_go = True
        self.changed = threading.Condition()
        # QEMU waits for RELEASED while our hypercall runs.
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.status = self.ask(self.HELLO, struct.pack(
            "<IIII", version, cid, privileges, 0))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join(5)
        self.socket.close()
        for fd in self.files:
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def post(self, kind, body=b"", tag=7):
        self.socket.send(struct.pack("<II", kind, tag) + body)

    def read(self):
        data = b"x"
        while data:
            try:
                data, fds, _, _ = socket.recv_fds(self.socket, 80000, 4)
            except OSError:
                data, fds = b"", []
            with self.changed:
                self.files += fds
                if data:
                    kind, tag = struct.unpack_from("<II", data)
                    self.kept.append((kind, tag, data[8:]))
                    if kind == self.NO_MEMORY and self.lets_go:
                        self.post(self.RELEASED, data[8:16])
                else:
                    self.cut_off = True
                self.changed.notify_all()

    def wait(self, kind, tag=None, seconds=20):
        """The body of the next message of this kind."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for i, message in enumerate(self.kept):
                    if message[0] == kind and tag in (None, message[1]):
                        del self.kept[i]
                        return message[2]
                if self.cut_off:
                    raise EOFError("cut off")
                if not self.changed.wait(end - time.monotonic()):
                    raise TimeoutError("no message %d" % kind)

    def ask(self, kind, body=b"", tag=7):
        self.post(kind, body, tag)
        return struct.unpack("<q", self.wait(self.RESULT, tag))[0]

    def is_cut_off(self):
        return until(lambda: self.cut_off)

    def send(self, dst, src, payload):
        return self.ask(self.SEND, datagram(dst, src, payload))

    def bind(self, resource, context=2):
        return self.ask(self.BIND, struct.pack("<II", context, resource))

    def unbind(self, resource, context=2):
        return self.ask(self.UNBIND, struct.pack("<II", context, resource))

    def alloc(self, handle, produce, consume, peer=CID, flags=0):
        return self.ask(self.ALLOC, struct.pack("<IIIIQQ", *handle, peer,
                                                flags, produce, consume))

    def detach(self, handle):
        return self.ask(self.DETACH, struct.pack("<II", *handle))

    def ring(self, handle):
        return self.ask(self.RING, struct.pack("<II", *handle))

    def memory(self):
        """(handle, sizes..., pieces) of a MEMORY message and its PIECES."""
        body = self.wait(self.MEMORY)
        fields = struct.unpack("<IIQQQQQII", body)
        pieces = []
        while len(pieces) < fields[7]:
            body = self.wait(self.PIECES)
            pieces += struct.iter_unpack("<IIQQ", body)
        return fields, pieces


def ticks(pid):
    """The processor time so far, in hundredths of a second."""
    with open("/proc/%d/stat" % pid) as stat:
        return sum(map(int, stat.read().split()[13:15]))


def until(condition, seconds=20):
    """Evaluate the condition until it is true: the machine may be busy."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
