# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The life of a stream, docs/streams.md: each row with a program in the guest
and one on the host, begun by either; then a guest that leaves for good.
"""
import os
import socket
import sys
import time

import programs
import scene
import vm

sys.path.insert(0, str(vm.HERE / "guest"))
import life_of_stream as life  # noqa: E402

SCRIPT = r"""
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
/usr/bin/python3 -I -S /life_of_stream.py guest
dmesg | grep -iE 'vmci|vsock|warn|bug:|oops' | tail -n 20
check 'the last bytes' /usr/bin/python3 -I -S /life_of_stream.py last
"""


class HostSide:
    """What a row needs of a program on the host, at the Unix sockets of
    vqp-host.  With a port it listens at PATH_PORT.
    """

    def __init__(self, play, port=None):
        self.one = None
        self.play = play
        self.held = []
        if port is not None:
            self.path = "%s_%d" % (play.path, port)
            self.listener = None
            self.rebind()

    def rebind(self):
        self.unlisten()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.listener.settimeout(0.2)

    def unlisten(self):
        if self.listener:
            self.listener.close()
            os.unlink(self.path)

    def accept(self):
        one = None
        while one is None:
            try:
                one, _ = self.listener.accept()
            except socket.timeout:
                assert not self.play.stop.is_set(), "nobody came"
        one.settimeout(life.PATIENCE)
        self.held.append(one)
        return one

    def close(self):
        for one in self.held:
            one.close()


def judge(accept, function, side):
    """The reason why the result is wrong, or an empty text."""
    try:
        if accept:
            side.one = side.accept()
        function(side)
    except (OSError, AssertionError) as why:
        return ": %r" % why
    finally:
        side.close()
    return ""


def connected_by_guest(play, number):
    name, _, function = life.ROWS[number]
    side = HostSide(play, life.HOST_PORT + number)

    def serve():
        why = judge(number not in life.BY_GUEST, function, side)
        play.check(not why, "connected by the guest: " + name + why)
        side.unlisten()
    play.thread(serve)


def connect_to_guest(play, number):
    name, _, function = life.ROWS[number]
    side = HostSide(play)
    try:
        side.one = scene.connect(play.path, life.GUEST_PORT + number)
    except OSError as why:
        play.check(False, "connected to the guest: %s: %r" % (name, why))
        return
    side.held.append(side.one)
    side.one.settimeout(life.PATIENCE)
    why = judge(False, function, side)
    play.check(not why, "connected to the guest: " + name + why)


def read_last(play):
    """The last bytes that a guest sent, read after it was switched off."""
    side = HostSide(play, life.LAST_PORT)

    def read(side):
        play.guest.process.wait(240)
        life.everything(side.one, life.TO_HOST, pause=0.02)

    def serve():
        why = judge(True, read, side)
        play.check(not why, "read when the guest is off" + why)
        side.unlisten()
    play.thread(serve)


def run(name, kernel, arguments, results):
    try:
        files = dict(programs.python())
    except vm.Skip as why:
        results.skip(name, why)
        return
    files["life_of_stream.py"] = vm.HERE / "guest/life_of_stream.py"
    with scene.Scene(name, kernel, arguments, results, SCRIPT, "mmio=on",
                     files=files.items()) as play:
        for number in range(len(life.ROWS)):
            connected_by_guest(play, number)
        read_last(play)
        if play.guest.wait("guest: rows are waiting", 180):
            for number in range(len(life.ROWS)):
                if number not in life.BY_GUEST:
                    connect_to_guest(play, number)
