# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A Linux guest in a minute of a small machine: Debian's cloud kernel, an
initial file system made here, QEMU's emulator with our device in it.

Nothing is installed.  What is downloaded and made lies in build/vm/.  See
boot.py for what is done with it.
"""
import ctypes
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

import qmp

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "vm"
QEMU = ROOT / "driver" / "qemu" / "vqp-qemu"
DEVICE = ROOT / "build" / "qemu" / "vmci.so"
HERE = pathlib.Path(__file__).resolve().parent
IMAGE = r"linux-image-6\.1\.0-[0-9]+-cloud-amd64"
# On a loaded machine the timer check of the IO-APIC fails: not of interest.
APPEND = "console=ttyS0 no_timer_check panic=-1 quiet mitigations=off " \
    "edd=off tsc=unstable nowatchdog"


class Skip(Exception):
    """This machine cannot run it; why."""


def output(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True, **options).stdout


# ---- The kernel.

def download(package):
    """Debian's package as a file, installed nowhere."""
    if not shutil.which("apt-get"):
        raise Skip("no apt-get to fetch %s with" % package)
    print("# fetching " + package, flush=True)
    if subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root",
                       "download", package], cwd=OUT,
                      stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("cannot download " + package)
    return sorted(OUT.glob(package + "_*.deb"))[-1]


def find_deb():
    """The package of the kernel, downloaded unless it is there."""
    here = sorted(OUT.glob("linux-image-6.1.0-*-cloud-amd64_*.deb"))
    if here:
        return here[-1]
    if not shutil.which("apt-cache"):
        raise Skip("no apt to find a kernel with")
    names = re.findall(r"^(%s) " % IMAGE, output(
        "apt-cache", "search", "--names-only", "^%s$" % IMAGE), re.M)
    if not names:
        raise Skip("apt knows no linux-image-6.1.0-*-cloud-amd64")
    return download(max(names, key=lambda name: int(name.split("-")[3])))


def unpack(deb):
    folder = OUT / deb.name[:-4]
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", deb, new], check=True)
        new.rename(folder)
    return folder


def vmlinux(folder, image):
    """The kernel itself, which boots in half the time of the bzImage."""
    plain = folder / "vmlinux"
    if plain.exists():
        return plain
    data = image.read_bytes()
    start = (data[0x1f1] + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
    length = struct.unpack_from("<I", data, 0x24c)[0]
    payload = data[start:start + length]
    for magic, command in ((b"\x02\x21\x4c\x18", ["lz4", "-dc"]),
                           (b"\xfd7zXZ", ["xz", "-dc", "--single-stream"])):
        if payload.startswith(magic) and shutil.which(command[0]):
            # The last four bytes are the length, not part of the stream.
            done = subprocess.run(command, input=payload[:-4],
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
            if done.stdout.startswith(b"\x7fELF"):
                plain.write_bytes(done.stdout)
                return plain
    return image


class Kernel:
    def __init__(self):
        OUT.mkdir(parents=True, exist_ok=True)
        folder = unpack(find_deb())
        self.packed = next((folder / "boot").glob("vmlinuz-*"))
        self.plain = vmlinux(folder, self.packed)
        self.release = next((folder / "lib/modules").iterdir()).name
        self.modules = folder / "lib/modules" / self.release / "kernel"

    def module(self, path):
        return self.modules / path


# ---- The initial file system: cpio in the "newc" format.

class Cpio:
    def __init__(self):
        self.parts = []
        self.inode = 0
        self.folders = set()

    def add(self, name, mode, data=b"", major=0, minor=0):
        self.inode += 1
        raw = name.encode() + b"\0"
        head = b"070701" + b"".join(b"%08X" % field for field in (
            self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor,
            len(raw), 0)) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), data,
                       b"\0" * (-len(data) % 4)]

    def folder(self, name):
        if name not in self.folders:
            self.folders.add(name)
            self.add(name, 0o040755)

    def file(self, name, data, mode=0o755):
        for parent in reversed(pathlib.PurePath(name).parents[:-1]):
            self.folder(str(parent))
        if isinstance(data, str):
            data = data.encode()
        elif not isinstance(data, bytes):
            data = pathlib.Path(data).read_bytes()
        self.add(name, 0o100000 | mode, data)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def build_program(source):
    """A program of guests, linked statically."""
    program = OUT / source.stem
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-O2", "-static",
                    "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE",
                    "-I", ROOT / "bench" / "guest", source, "-o", program],
                   check=True)
    return program


def initramfs(kernel, vmci, script, extra=()):
    """Bytes of a file system that runs `script` once it is up."""
    busybox = shutil.which("busybox")
    if not busybox or b"INTERP" in subprocess.run(
            ["readelf", "-lW", busybox], stdout=subprocess.PIPE).stdout:
        raise Skip("no static busybox: install busybox-static")
    cpio = Cpio()
    for name in ("dev", "proc", "sys", "tmp"):
        cpio.folder(name)
    cpio.add("dev/console", 0o020600, major=5, minor=1)
    cpio.file("bin/busybox", pathlib.Path(busybox))
    cpio.file("bin/vtest", build_program(HERE / "guest" / "vtest.c"))
    cpio.file("init", HERE / "guest" / "init")
    cpio.file("script", script)
    cpio.file("modules/vsock.ko", kernel.module("net/vmw_vsock/vsock.ko"))
    cpio.file("modules/vmw_vsock_vmci_transport.ko", kernel.module(
        "net/vmw_vsock/vmw_vsock_vmci_transport.ko"))
    cpio.file("modules/vmw_vmci.ko", vmci or kernel.module(
        "drivers/misc/vmw_vmci/vmw_vmci.ko"))
    for name, path in extra:
        cpio.file(name, path)
    return cpio.finish()


# ---- The machine.

def die_with_parent():
    """Before exec: be killed if the script is, however that happens."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine:
    """QEMU with a guest; its console as lines.  Use as a context manager."""

    def __init__(self, kernel, device, file_system, name="guest",
                 machine="pc", smp=1, memory=256, append="", extra=(),
                 packed=False, echo=False):
        if not shutil.which("qemu-system-x86_64"):
            raise Skip("no qemu-system-x86_64")
        if not DEVICE.exists():
            raise Skip("no %s: run driver/qemu/build" % DEVICE)
        image = OUT / (name + ".cpio")
        image.write_bytes(file_system)
        self.log = open(OUT / (name + ".log"), "w")
        self.lines = []
        self.echo = echo
        self.changed = threading.Condition()
        self.done = False
        monitor = qmp.Monitor()
        self.ask = monitor.ask
        self.process = subprocess.Popen(
            [QEMU, "-M", machine, "-accel", "tcg", "-m", str(memory),
             "-smp", str(smp), "-nodefaults", "-display", "none",
             "-no-reboot", "-serial", "stdio", "-kernel",
             kernel.packed if packed else kernel.plain, "-initrd", image,
             "-append", APPEND + " " + append, "-device", device,
             *monitor.arguments, *extra],
            pass_fds=(monitor.fd,), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", preexec_fn=die_with_parent)
        monitor.started()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            if self.echo:
                sys.stdout.write("# " + line)
            with self.changed:
                self.lines.append(line.rstrip("\r\n"))
                self.changed.notify_all()
        with self.changed:
            self.done = True
            self.changed.notify_all()

    def each(self, pattern, seconds):
        """The match of each line with `pattern`, until it ends or for so
        long."""
        wanted = re.compile(pattern)
        end = time.monotonic() + seconds
        at = 0
        while True:
            with self.changed:
                while at == len(self.lines):
                    left = end - time.monotonic()
                    if self.done or left <= 0:
                        return
                    self.changed.wait(left)
                line = self.lines[at]
            at += 1
            found = wanted.search(line)
            if found:
                yield found

    def wait(self, pattern, seconds):
        """The first, or None."""
        return next(self.each(pattern, seconds), None)

    def finish(self, seconds):
        """Wait for it to power off.  False if it does not."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.reader.join(5)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join(5)
        self.log.close()


class Beside:
    """A program of the host, for as long as it is needed."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def ended_well(process, seconds=5):
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        return False


class Host:
    """vqp-host beside a Machine whose device has socket=LINK."""

    PROGRAM = ROOT / "build" / "qemu" / "vqp-host"

    def __init__(self, link, *options, name="host", seconds=30):
        end = time.monotonic() + seconds
        while not link.exists():
            if time.monotonic() > end:
                raise TimeoutError("QEMU made no %s" % link)
            time.sleep(0.02)
        OUT.mkdir(parents=True, exist_ok=True)
        self.log = open(OUT / (name + ".log"), "w+")
        self.process = subprocess.Popen([self.PROGRAM, link, *options],
                                        stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        preexec_fn=die_with_parent)

    def said(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
