#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A Linux guest in a minute of a small machine: Debian's cloud kernel, an
initial file system made here, QEMU's emulator with our device in it.  The
guest is an amd64 machine, or an arm64 one.

This installs nothing: downloads and built files are in build/vm/.  boot.py
uses them.

    vm.py ARCHITECTURE

prints two folders: the headers of the guest's kernel, and parts of its
source.  Exit status: 77 they are not available.
"""
import contextlib
import ctypes
import functools
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import typing

import qmp

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "vm"
QEMU = ROOT / "driver" / "qemu" / "vqp-qemu"
DEVICE = ROOT / "build" / "qemu" / "vmci.so"
HERE = pathlib.Path(__file__).resolve().parent
BUILT = ROOT / "build" / "kernel"
IMAGE = r"linux-image-6\.1\.0-[0-9]+-cloud-%s"
APPEND = "panic=-1 quiet mitigations=off nowatchdog"
SOURCE = "linux-source-6.1"
# Parts of the kernel's source: its tests of AF_VSOCK, and modules that Debian
# leaves out of some kernels.
SOURCE_PARTS = ("tools/testing/vsock", "tools/include",
                "drivers/misc/vmw_vmci", "net/vmw_vsock")


class Skip(Exception):
    """This machine cannot run it; the text says why."""


class Architecture(typing.NamedTuple):
    """The facts of a guest that depend on its processor."""
    name: str		# Debian's name
    qemu: str
    machine: str
    arguments: tuple	# for QEMU
    append: str		# for the kernel
    cross: str		# the prefix of its compiler's name

    def environment(self):
        """The environment for vqp-qemu and driver/qemu/build."""
        return {"VQP_QEMU": self.qemu, **os.environ}


ARCHITECTURES = {one.name: one for one in (
    # On a loaded machine the timer check of the IO-APIC fails, which does not
    # matter here.
    Architecture("amd64", "qemu-system-x86_64", "pc", (),
                 "console=ttyS0 no_timer_check edd=off tsc=unstable",
                 "x86_64-linux-gnu-"),
    Architecture("arm64", "qemu-system-aarch64", "virt",
                 ("-cpu", "cortex-a72"), "console=ttyAMA0",
                 "aarch64-linux-gnu-"),
)}


making = threading.RLock()


def once(function):
    """Do it once: boots run beside each other, and the first makes what all
    share.
    """
    cached = functools.lru_cache(None)(function)

    def call(*arguments):
        with making:
            return cached(*arguments)
    return call


def output(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True, **options).stdout


# ---- Debian's packages, as files: this installs none of them.

@functools.lru_cache(None)
def native():
    """The architecture of this machine."""
    if not shutil.which("apt-get"):
        raise Skip("no apt-get to fetch packages with")
    return output("dpkg", "--print-architecture").strip()


@functools.lru_cache(None)
def own_lists(architecture):
    """Options for an apt that knows an architecture which the machine's own
    apt need not know: its lists are in a folder of ours.
    """
    state = OUT / ("apt-" + architecture)
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = [part for option in (
        "APT::Architecture=" + architecture,
        "APT::Architectures::=" + architecture,
        "Dir::State::Lists=%s/lists" % state,
        "Dir::State::status=%s/status" % state,
        "Dir::Cache=%s" % state) for part in ("-o", option)]
    print("# fetching the lists of %s packages" % architecture, flush=True)
    apt("apt-get", options, "update")
    return options


def lists(architecture):
    """The machine's lists, if they are of that architecture, then ours."""
    if architecture == native():
        yield []
    yield own_lists(architecture)


def apt(program, options, *command):
    """The output of apt, or None."""
    done = subprocess.run(
        [program, "-qq", "-o", "APT::Sandbox::User=root", *options, *command],
        cwd=OUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout if done.returncode == 0 else None


@once
def package(name, architecture):
    """The package's file; downloads it unless it is there."""
    for each in (architecture, "all"):
        here = sorted(OUT.glob("%s_*_%s.deb" % (name, each)))
        if here:
            return here[-1]
    print("# fetching " + name, flush=True)
    for options in lists(architecture):
        if apt("apt-get", options, "download", name) is not None:
            return package(name, architecture)
    raise Skip("cannot download %s for %s" % (name, architecture))


def kernel_package(architecture):
    """The newest of Debian's cloud kernels."""
    here = sorted(OUT.glob(
        "linux-image-6.1.0-*-cloud-%s_*.deb" % architecture))
    if here:
        return here[-1]
    pattern = IMAGE % architecture
    for options in lists(architecture):
        names = re.findall(r"^(%s) " % pattern, apt(
            "apt-cache", options, "search", "--names-only",
            "^%s$" % pattern) or "", re.M)
        if names:
            return package(max(names, key=lambda one: int(
                one.split("-")[3])), architecture)
    raise Skip("apt knows no linux-image-6.1.0-*-cloud-" + architecture)


@once
def unpack(deb):
    folder = OUT / deb.name[:-4]
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", deb, new], check=True)
        new.rename(folder)
    return folder


def vmlinux(folder, image):
    """The uncompressed kernel, which boots in half the time of the bzImage."""
    plain = folder / "vmlinux"
    if plain.exists():
        return plain
    data = image.read_bytes()
    if data[0x202:0x206] != b"HdrS":	# not x86, or not compressed
        return image
    start = (data[0x1f1] + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
    length = struct.unpack_from("<I", data, 0x24c)[0]
    payload = data[start:start + length]
    for magic, command in ((b"\x02\x21\x4c\x18", ["lz4", "-dc"]),
                           (b"\xfd7zXZ", ["xz", "-dc", "--single-stream"])):
        if payload.startswith(magic) and shutil.which(command[0]):
            # The last four bytes are the length and not part of the stream.
            done = subprocess.run(command, input=payload[:-4],
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
            if done.stdout.startswith(b"\x7fELF"):
                plain.write_bytes(done.stdout)
                return plain
    return image


class Kernel:
    def __init__(self, architecture="amd64"):
        OUT.mkdir(parents=True, exist_ok=True)
        self.architecture = ARCHITECTURES[architecture]
        folder = unpack(kernel_package(architecture))
        self.packed = next((folder / "boot").glob("vmlinuz-*"))
        self.plain = vmlinux(folder, self.packed)
        self.release = next((folder / "lib/modules").iterdir()).name
        self.modules = folder / "lib/modules" / self.release / "kernel"

    def module(self, path):
        """The kernel's own module or, if it has none, the module that
        tests/kernel/run built from the kernel's source.
        """
        own = self.modules / path
        if own.exists():
            return own
        name = self.architecture.name
        built = BUILT / name / "stock" / path
        if not built.exists():
            raise Skip("no %s for %s: run tests/kernel/run build/kernel "
                       "build/dev/ck %s" % (own.name, self.release, name))
        return built

    def compiler(self):
        if self.architecture.name == native():
            return os.environ.get("CC", "gcc")
        compiler = self.architecture.cross + "gcc"
        if not shutil.which(compiler):
            raise Skip("no " + compiler)
        return compiler


# ---- What is needed to build modules for a kernel that is not installed.

def headers(kernel):
    """A folder of headers, as linux-headers-* installs it."""
    name = kernel.architecture.name
    tree = OUT / ("headers-%s" % kernel.release)
    made = tree / "usr" / "src" / ("linux-headers-" + kernel.release)
    if (made / "ready").exists():
        return made
    common = "linux-headers-%s-common" % kernel.release.split("-cloud-")[0]
    for one in (made.name, common):
        subprocess.run(["dpkg-deb", "-x", package(one, name), tree],
                       check=True)
    # The programs in it are this machine's, whatever the kernel's
    # architecture.
    series = ".".join(kernel.release.split(".")[:2])
    tools = pathlib.Path("/usr/lib/linux-kbuild-" + series)
    if not tools.exists():
        raise Skip("no %s: install linux-kbuild-%s" % (tools, series))
    (tree / "usr" / "lib").mkdir(exist_ok=True)
    link = tree / tools.relative_to("/")
    if not link.is_symlink():
        link.symlink_to(tools)
    (made / "Makefile").write_text("include %s/Makefile\n" %
                                   (made.parent / common))
    (made / "ready").touch()
    return made


@once
def source():
    """The parts of the kernel's source that SOURCE_PARTS names."""
    folder = OUT / SOURCE
    if folder.exists():
        return folder
    if not shutil.which("xz"):
        raise Skip("no xz")
    installed = pathlib.Path("/usr/src/%s.tar.xz" % SOURCE)
    if installed.exists():
        archive, deb = "cat '%s'" % installed, None
    else:
        deb = package(SOURCE, native())
        archive = "dpkg-deb --fsys-tarfile '%s' | tar -xO .%s" % (
            deb, installed)
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    subprocess.run(
        "set -o pipefail; %s | xz -dc -T 0 | tar -xC '%s' "
        "--strip-components=1 %s" % (archive, new, " ".join(
            "%s/%s" % (SOURCE, part) for part in SOURCE_PARTS)),
        shell=True, executable="/bin/bash", check=True)
    new.rename(folder)
    if deb:
        deb.unlink()
    return folder


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


@once
def build_program(source, kernel):
    """A program for guests, linked statically."""
    program = OUT / ("%s-%s" % (source.stem, kernel.architecture.name))
    subprocess.run([kernel.compiler(), "-std=c11", "-O2", "-static",
                    "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE",
                    "-I", ROOT / "bench" / "guest", source, "-o", program],
                   check=True)
    return program


def busybox(kernel):
    """The machine's busybox, if it is linked statically, or Debian's."""
    here = shutil.which("busybox")
    name = kernel.architecture.name
    if name == native() and here and b"INTERP" not in subprocess.run(
            ["readelf", "-lW", here], stdout=subprocess.PIPE).stdout:
        return pathlib.Path(here)
    return unpack(package("busybox-static", name)) / "bin" / "busybox"


def initramfs(kernel, vmci, script, extra=()):
    """The bytes of a file system that runs `script` once the guest has booted.
    """
    cpio = Cpio()
    for name in ("dev", "proc", "sys", "tmp"):
        cpio.folder(name)
    cpio.add("dev/console", 0o020600, major=5, minor=1)
    cpio.file("bin/busybox", busybox(kernel))
    cpio.file("bin/vtest", build_program(HERE / "guest" / "vtest.c", kernel))
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
    """Run before exec: kill this process when the script dies in any way."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine:
    """QEMU with a guest.  Its console is read as lines or, with `terminal`,
    connected to ours.  Use it as a context manager.
    """

    def __init__(self, kernel, device, file_system, name="guest",
                 machine=None, smp=1, memory=256, append="", extra=(),
                 packed=False, echo=False, terminal=False):
        architecture = kernel.architecture
        environment = architecture.environment()
        if not shutil.which(environment["VQP_QEMU"]):
            raise Skip("no " + environment["VQP_QEMU"])
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
            [QEMU, "-M", machine or architecture.machine,
             *architecture.arguments, "-accel", "tcg", "-m", str(memory),
             "-smp", str(smp), "-nodefaults", "-display", "none",
             "-no-reboot", "-serial", "mon:stdio" if terminal else "stdio",
             "-kernel",
             kernel.packed if packed else kernel.plain, "-initrd", image,
             "-append", " ".join((APPEND, architecture.append, append)),
             "-device", device, *monitor.arguments, *extra],
            env=environment,
            pass_fds=(monitor.fd,),
            stdin=None if terminal else subprocess.DEVNULL,
            stdout=None if terminal else subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            preexec_fn=die_with_parent)
        monitor.started()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout or ():
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
        """The match of each line with `pattern`, until the guest ends or the
        time is over.
        """
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
        """The first match, or None."""
        return next(self.each(pattern, seconds), None)

    def finish(self, seconds):
        """Wait until the guest powers off.  False if it does not."""
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
    """A program on the host, for as long as it is needed."""

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
        # A host of another test may have the same name and keeps its own
        # socket.
        log, path = tempfile.mkstemp(dir=OUT)
        os.replace(path, OUT / (name + ".log"))
        self.log = os.fdopen(log, "w+")
        self.process = subprocess.Popen([self.PROGRAM, link, *options],
                                        stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        preexec_fn=die_with_parent)

    def said(self):
        log = self.log.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode()

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


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in ARCHITECTURES:
        sys.exit(__doc__)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            folders = headers(Kernel(sys.argv[1])), source()
    except Skip as why:
        print(why, file=sys.stderr)
        return 77
    print("\n".join(map(str, folders)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
