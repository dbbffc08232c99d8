# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A guest and its host for one script, programs on the host beside them, and
results in the form of the kernel's tests (KTAP).
"""
import contextlib
import os
import pathlib
import re
import socket
import sys
import tempfile
import threading
import time

import vm

CID = 16
HIGH_CID = 0x8bd824a9       # a signed number would be below 0
LOUD = r"BUG[: ]|Oops|WARNING:|Call Trace|panic"


class Results:
    """The results of one boot, kept until it has ended: other boots run beside
    it.
    """

    def __init__(self):
        self.kept = []      # (passed, or None for a comment; text)

    def line(self, good, name):
        self.kept.append((bool(good), name))

    def note(self, text):
        self.kept.append((None, text))

    def skip(self, name, why):
        self.line(True, "%s # SKIP %s" % (name, why))

    def console(self, name, lines):
        """The lines that a guest printed."""
        for line in lines:
            found = re.match(r"(not )?ok - (.*)", line)
            if found:
                self.line(not found.group(1), name + ": " +
                          found.group(2).strip())
            elif line.startswith("# "):
                self.note(line[2:])


class Report:
    """The results of all boots, printed and counted."""

    def __init__(self):
        self.count = self.failed = self.skipped = 0

    def add(self, results):
        for good, text in results.kept:
            if good is None:
                print("# " + text)
                continue
            self.count += 1
            self.failed += not good
            self.skipped += " # SKIP " in text
            print("%sok %d - %s" % ("" if good else "not ", self.count, text))
        sys.stdout.flush()


class Scene:
    """A script in a guest.  Use it as a context manager: at its end the guest
    has ended, and the results contain what the guest and its host reported.
    """

    def __init__(self, name, kernel, arguments, results, script, device="",
                 machine=None, files=(), host=(), seconds=240, cid=CID):
        self.name = name
        self.results = results
        self.seconds = seconds
        self.stop = threading.Event()
        self.threads = []
        self.hosts = 0
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(
            tempfile.TemporaryDirectory(prefix="vqp-")))
        self.link_path = self.folder / "link"
        self.path = self.folder / "vsock"
        self.options = [option.format(folder=self.folder)
                        for option in host]
        self.device = "vmci,id=v,cid=%d,socket=%s%s" % (
            cid, self.link_path, device and "," + device)
        self.start = (kernel, self.device, vm.initramfs(
            kernel, arguments.module, script, files))
        self.how = dict(machine or {}, name=name, echo=arguments.echo)

    def __enter__(self):
        with self.stack:    # if the host does not start, end the guest
            self.guest = self.stack.enter_context(vm.Machine(*self.start,
                                                             **self.how))
            self.new_host()
            self.stack = self.stack.pop_all()
        return self

    def new_host(self):
        """Start another host when there is none or it has died."""
        self.hosts += 1
        self.host = self.stack.enter_context(vm.Host(
            self.link_path, *self.options, "--vsock", self.path,
            name="%s-host-%d" % (self.name, self.hosts)))
        while self.host.process.poll() is None and \
                "ready" not in self.host.said():
            time.sleep(0.02)

    def check(self, good, name):
        self.results.line(good, self.name + ": " + name)

    def thread(self, function, *arguments):
        one = threading.Thread(target=function, args=arguments, daemon=True)
        one.start()
        self.threads.append(one)

    def __exit__(self, kind, *_):
        with self.stack:
            if kind is None:
                self.end()

    def end(self):
        ended = self.guest.wait("guest: done", self.seconds) and \
            self.guest.finish(30)
        self.stop.set()
        for one in self.threads:
            one.join(5)
        host_ended = vm.ended_well(self.host.process)
        self.results.console(self.name, self.guest.lines)
        self.check(bool(ended), "powered off")
        self.check(host_ended, "the host ended with it")
        loud = [line for line in self.guest.lines if re.search(LOUD, line)]
        self.check(not loud, "a quiet kernel log" +
                   "".join("\n# " + line for line in loud[:5]))


# ---- Programs on the host, at the Unix sockets of vqp-host.

def pattern(count):
    return bytes(((at * 2654435761 >> 13) ^ at >> 3) & 255
                 for at in range(count))


def listen(scene, port, talk):
    """For each connection of the guest to `port`, call talk(socket)."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("%s_%d" % (scene.path, port))
    listener.listen()
    listener.settimeout(0.2)

    def serve():
        while not scene.stop.is_set():
            try:
                one, _ = listener.accept()
            except socket.timeout:
                continue
            one.settimeout(60)
            with one, contextlib.suppress(OSError):
                talk(one)
        listener.close()
    scene.thread(serve)


def echo(one):
    while data := one.recv(65536):
        one.sendall(data)


def datagram_port(scene, port):
    """A socket to which vqp-host forwards what the guest sends to `port`."""
    peer = "%s_%d.dgram" % (scene.path, port)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.bind(peer + ".me")
    while not scene.stop.is_set() and not os.path.exists(peer):
        time.sleep(0.05)
    one.connect(peer)
    one.send(b"")
    return one


def datagram_echo(scene, port):
    """Send back each datagram to `port`."""
    def serve():
        with datagram_port(scene, port) as one:
            one.settimeout(0.2)
            while not scene.stop.is_set():
                # Eight bytes name the sender, and in the answer the receiver.
                with contextlib.suppress(OSError):
                    one.send(one.recv(70000))
    scene.thread(serve)


def everything(one):
    """All bytes until the end of the stream."""
    all_of_it = bytearray()
    while part := one.recv(65536):
        all_of_it += part
    return bytes(all_of_it)


def connect(path, port):
    """A socket that is connected to the guest's port.  Raises OSError if no
    program listens there.
    """
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(60)
    one.connect(str(path))
    one.sendall(b"CONNECT %d\n" % port)
    line = b""
    while not line.endswith(b"\n"):
        byte = one.recv(1)
        if not byte:
            one.close()
            raise ConnectionRefusedError("no OK, only %r" % line)
        line += byte
    if not re.fullmatch(rb"OK \d+\n", line):
        one.close()
        raise OSError("not OK but %r" % line)
    return one


def connect_and_echo(path, port, data):
    """Send, end the direction, and read back.  Returns the bytes, or the
    error.
    """
    try:
        with connect(path, port) as one:
            def send():
                with contextlib.suppress(OSError):
                    one.sendall(data)
                    one.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            back = everything(one)
            sender.join(60)
            return back
    except OSError as why:
        return str(why)
