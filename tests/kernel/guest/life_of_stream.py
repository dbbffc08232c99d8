# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Both sides of each row of docs/streams.md: what the guest's program does
and sees, and what the program of the host does and sees.  The functions of a
row know nothing but sockets; who runs them gives them a `Side`:

    one             the connected socket
    dial(port)      guest only: connect again, from that port of the guest
    accept()        host only: the socket of the guest's next connection
    rebind()        host only: the listener ends and another takes its place

In a guest this file is the program:

    life_of_stream.py guest [ROW...]
    life_of_stream.py last

It connects for each row, then listens for each row; a line a row says how it
went.  The second leaves bytes behind, for a host whose guest is switched off.
"""
import errno
import os
import socket
import sys
import time

DATA_BYTES = 400000
PATIENCE = 30
# A row that the guest begins uses the first port plus its number, one that
# the host begins the second.
HOST_PORT, GUEST_PORT = 3000, 6200
LAST_PORT = 2999
LOW_PORT = 1023


def pattern(seed, count=DATA_BYTES):
    block = bytes((i * 7 + seed) & 255 for i in range(509))
    return (block * (count // 509 + 1))[:count]


TO_HOST, TO_GUEST, THIRD = pattern(1), pattern(2), pattern(3)


# ---- What a side does.

def receive(one, count):
    got = b""
    while len(got) < count:
        part = one.recv(min(count - len(got), 65536))
        assert part, "ended after %d of %d bytes" % (len(got), count)
        got += part
    return got


def everything(one, wanted, pause=0):
    """All of `wanted`, then the end.  Reading makes some pauses first."""
    got = bytearray()
    while part := one.recv(65536):
        got += part
        if pause and len(got) < 200000:
            time.sleep(pause)
    assert len(got) == len(wanted), "%d of %d bytes" % (len(got), len(wanted))
    assert got == wanted, "other bytes"


def refused(one, seconds=PATIENCE):
    """Sending fails, if not at once; the bytes that were taken before."""
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end:
        try:
            sent += one.send(bytes(10000))
        except (BrokenPipeError, ConnectionResetError):
            return sent
        except OSError as why:
            # A Linux guest whose stream was detached has no other word.
            if why.errno == errno.ENOTCONN:
                return sent
            raise
    raise AssertionError("nobody refused %d bytes" % sent)


def ended(one):
    """There is nothing more to read."""
    assert one.recv(1) == b"", "a byte more"


def kill(one):
    """The process that has the socket is killed."""
    child = os.fork()
    if child == 0:
        time.sleep(PATIENCE)
        os._exit(1)
    one.close()
    os.kill(child, 9)
    os.waitpid(child, 0)


def close(one):
    one.close()


def close_unread(one):
    """On a Unix socket this is a reset."""
    while len(one.recv(1000, socket.MSG_PEEK)) < 1000:
        pass
    one.close()


# ---- The rows: (name, guest's side, host's side).

ROWS = []
# Begun by the guest alone: ports of the guest, or listeners of the host.
BY_GUEST = set()


def row(name, by_guest=False):
    def add(make):
        guest, host = make()
        if by_guest:
            BY_GUEST.add(len(ROWS))
        ROWS.append((name, guest, host))
        return make
    return add


def guest_leaves(how, word):
    @row("the guest %s, data to the host" % word)
    def _():
        def guest(side):
            side.one.sendall(TO_HOST)
            how(side.one)

        def host(side):
            time.sleep(0.2)
            everything(side.one, TO_HOST, pause=0.02)
            refused(side.one)
        return guest, host

    @row("the guest %s, data to the guest" % word)
    def _():
        def guest(side):
            receive(side.one, 1000)
            how(side.one)

        def host(side):
            refused(side.one)
            ended(side.one)
        return guest, host

    @row("the guest %s, data both ways" % word)
    def _():
        def guest(side):
            receive(side.one, 1000)
            side.one.sendall(TO_HOST)
            how(side.one)

        def host(side):
            refused(side.one)
            everything(side.one, TO_HOST, pause=0.02)
        return guest, host

    @row("the guest %s, nothing on its way" % word)
    def _():
        def guest(side):
            how(side.one)

        def host(side):
            ended(side.one)
            refused(side.one)
        return guest, host


guest_leaves(close, "closes")
guest_leaves(kill, "is killed")


@row("the guest ends sending, data to the host")
def _():
    def guest(side):
        side.one.sendall(TO_HOST)
        side.one.shutdown(socket.SHUT_WR)
        everything(side.one, TO_GUEST)

    def host(side):
        time.sleep(0.2)
        everything(side.one, TO_HOST, pause=0.02)
        side.one.sendall(TO_GUEST)
    return guest, host


@row("the guest ends sending, data to the guest")
def _():
    def guest(side):
        side.one.shutdown(socket.SHUT_WR)
        everything(side.one, TO_GUEST, pause=0.02)

    def host(side):
        side.one.sendall(TO_GUEST)
        ended(side.one)
    return guest, host


@row("the guest ends sending, nothing on its way")
def _():
    def guest(side):
        side.one.shutdown(socket.SHUT_WR)
        assert receive(side.one, 5) == b"hello"

    def host(side):
        ended(side.one)
        side.one.sendall(b"hello")
    return guest, host


@row("the guest ends receiving, data to the guest")
def _():
    def guest(side):
        receive(side.one, 1000)
        side.one.shutdown(socket.SHUT_RD)
        side.one.sendall(TO_HOST)

    def host(side):
        refused(side.one)
        everything(side.one, TO_HOST)
    return guest, host


@row("the guest ends receiving, data to the host")
def _():
    def guest(side):
        side.one.sendall(TO_HOST[:1000])
        side.one.shutdown(socket.SHUT_RD)
        side.one.sendall(TO_HOST[1000:])

    def host(side):
        refused(side.one)
        everything(side.one, TO_HOST, pause=0.02)
    return guest, host


@row("the guest closes and comes from the same port, data to the host", True)
def _():
    def guest(side):
        for data in (TO_HOST, THIRD):
            with side.dial(LOW_PORT) as one:
                one.sendall(data)

    def host(side):
        first, second = side.accept(), side.accept()
        everything(second, THIRD)
        everything(first, TO_HOST, pause=0.02)
    return guest, host


@row("the guest closes and comes from the same port, data to the guest", True)
def _():
    def guest(side):
        with side.dial(LOW_PORT) as one:
            receive(one, 1000)
        with side.dial(LOW_PORT) as one:
            everything(one, TO_GUEST)

    def host(side):
        first = side.accept()
        refused(first)
        with side.accept() as second:
            second.sendall(TO_GUEST)
        ended(first)
    return guest, host


@row("the guest closes and comes from the same port 50 times", True)
def _():
    def guest(side):
        for i in range(50):
            with side.dial(LOW_PORT) as one:
                one.sendall(b"READY=%02d\n" % i)

    def host(side):
        for i in range(50):
            with side.accept() as one:
                everything(one, b"READY=%02d\n" % i)
    return guest, host


def host_leaves(how, word):
    @row("the host %s, data to the guest" % word)
    def _():
        def guest(side):
            time.sleep(0.2)
            everything(side.one, TO_GUEST, pause=0.02)
            refused(side.one)

        def host(side):
            side.one.sendall(TO_GUEST)
            how(side.one)
        return guest, host

    @row("the host %s, data to the guest, which writes meanwhile" % word)
    def _():
        def guest(side):
            got = b""
            while part := side.one.recv(30000):
                got += part
                try:
                    side.one.send(b"go on")
                except (BrokenPipeError, ConnectionResetError):
                    pass
            assert got == TO_GUEST + THIRD, "%d bytes" % len(got)

        def host(side):
            side.one.sendall(TO_GUEST + THIRD)
            how(side.one)
        return guest, host

    @row("the host %s, data to the host" % word)
    def _():
        def guest(side):
            refused(side.one)
            ended(side.one)

        def host(side):
            receive(side.one, 1000)
            how(side.one)
        return guest, host

    @row("the host %s, nothing on its way" % word)
    def _():
        def guest(side):
            ended(side.one)
            refused(side.one)

        def host(side):
            how(side.one)
        return guest, host


host_leaves(close, "closes")
host_leaves(kill, "is killed")


@row("the host closes without having read, data to the guest")
def _():
    def guest(side):
        side.one.sendall(TO_HOST[:1000])
        everything(side.one, TO_GUEST, pause=0.02)
        refused(side.one)

    def host(side):
        side.one.sendall(TO_GUEST)
        close_unread(side.one)
    return guest, host


@row("the host closes without having read, nothing on its way")
def _():
    def guest(side):
        side.one.sendall(TO_HOST[:1000])
        ended(side.one)
        refused(side.one)

    def host(side):
        close_unread(side.one)
    return guest, host


@row("the host ends sending, data to the guest")
def _():
    def guest(side):
        time.sleep(0.2)
        everything(side.one, TO_GUEST, pause=0.02)
        side.one.sendall(TO_HOST)

    def host(side):
        side.one.sendall(TO_GUEST)
        side.one.shutdown(socket.SHUT_WR)
        everything(side.one, TO_HOST)
    return guest, host


@row("the host ends sending, data to the host")
def _():
    def guest(side):
        side.one.sendall(TO_HOST)
        ended(side.one)

    def host(side):
        side.one.shutdown(socket.SHUT_WR)
        everything(side.one, TO_HOST, pause=0.02)
    return guest, host


@row("the host ends sending, nothing on its way")
def _():
    def guest(side):
        ended(side.one)
        side.one.sendall(b"hello")

    def host(side):
        side.one.shutdown(socket.SHUT_WR)
        assert receive(side.one, 5) == b"hello"
    return guest, host


@row("the host ends receiving, data to the host")
def _():
    def guest(side):
        refused(side.one)
        everything(side.one, TO_GUEST)

    def host(side):
        receive(side.one, 1000)
        side.one.shutdown(socket.SHUT_RD)
        side.one.sendall(TO_GUEST)
    return guest, host


@row("the host ends receiving, data to the guest")
def _():
    def guest(side):
        time.sleep(0.2)
        refused(side.one)
        everything(side.one, TO_GUEST, pause=0.02)

    def host(side):
        side.one.sendall(TO_GUEST)
        side.one.shutdown(socket.SHUT_RD)
        time.sleep(0.5)
    return guest, host


@row("the host listens anew, data both ways", True)
def _():
    def guest(side):
        with side.dial() as first:
            first.sendall(TO_HOST)
            assert receive(first, 5) == b"again"
            with side.dial() as second:
                second.sendall(THIRD)
                everything(second, TO_GUEST)
            first.shutdown(socket.SHUT_WR)
            everything(first, TO_GUEST)

    def host(side):
        with side.accept() as first:
            side.rebind()
            first.sendall(b"again")
            with side.accept() as second:
                assert receive(second, len(THIRD)) == THIRD
                second.sendall(TO_GUEST)
            everything(first, TO_HOST, pause=0.02)
            first.sendall(TO_GUEST)
    return guest, host


# ---- The guest's program.

class GuestSide:
    def __init__(self, port):
        self.port = port
        self.one = None

    def dial(self, port=None):
        one = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        one.settimeout(PATIENCE)
        if port is not None:
            one.bind((socket.VMADDR_CID_ANY, port))
        one.connect((socket.VMADDR_CID_HOST, self.port))
        return one


def judge(name, function, side):
    why = ""
    try:
        function(side)
    except (OSError, AssertionError) as error:
        why = " # %r" % error
    if side.one is not None:
        side.one.close()
    print("%sok - %s%s" % ("not " if why else "", name, why), flush=True)


def guest(chosen):
    rows = [(i, name, function) for i, (name, function, _) in enumerate(ROWS)
            if not chosen or name in chosen]
    listeners = {}
    for i, _, _ in rows:
        if i not in BY_GUEST:
            one = listeners[i] = socket.socket(socket.AF_VSOCK,
                                               socket.SOCK_STREAM)
            one.settimeout(PATIENCE)
            one.bind((socket.VMADDR_CID_ANY, GUEST_PORT + i))
            one.listen()
    print("guest: rows are ready", flush=True)
    for i, name, function in rows:
        side = GuestSide(HOST_PORT + i)
        if i not in BY_GUEST:
            side.one = side.dial()
        judge("guest connects: " + name, function, side)
    print("guest: rows are waiting", flush=True)
    for i, name, function in rows:
        if i in listeners:
            side = GuestSide(0)
            side.one, _ = listeners[i].accept()
            side.one.settimeout(PATIENCE)
            judge("host connects: " + name, function, side)


def last():
    with GuestSide(LAST_PORT).dial() as one:
        one.sendall(TO_HOST)


if __name__ == "__main__":
    if sys.argv[1] == "last":
        last()
    else:
        guest(sys.argv[2:])
