# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The guest's transport of stream sockets, implemented on the registers of the
device: sockets for the rows of docs/streams.md without a guest.  It does the
same as Linux's vmci_transport.c, packet by packet.
"""
import struct
import threading
import time
import types

import streams
from qdevice import CID, PAGE, PAGES, VECTORS, datagram
from streams import life

INVALID, REQUEST, NEGOTIATE, OFFER, ATTACH, WROTE, READ, RST, SHUTDOWN, \
    WAITING_WRITE, WAITING_READ, REQUEST2, NEGOTIATE2 = range(13)
PEER_DETACH = 4
SIZE = 262144
RING_PAGES = SIZE // PAGE
SLOT_PAGES = 2 * (RING_PAGES + 1)
RECEIVE_MODE, SEND_MODE = 1, 2


class Transport:
    """With `late`, a closed socket detaches only after the next socket has
    sent its REQUEST2, as the kernel's work queue may do it.
    """

    def __init__(self, d, late=False):
        self.d = d
        self.late = late
        self.sockets = {}
        self.requests = []
        self.closed = []
        self.port = 5000
        self.resource = 2000
        self.slots = []
        self.slot_count = 0

    def say(self, kind, names, body=b"", proto=0):
        self.d.send(datagram((2, 1), (CID, 1), struct.pack(
            "<BBHIII16s", 1, kind, proto, *names, 0, body)))

    def poll(self):
        """Handle what arrived since the last interrupt for datagrams, if there
        was one.
        """
        if self.d.q.read32(VECTORS) == 0:
            return
        self.d.q.zero(VECTORS, 4)
        for head, payload in self.d.receive():
            if head[2:4] == (0, 0):
                event, _, *handle = struct.unpack_from("<IIII", payload)
                for one in self.sockets.values():
                    if event == PEER_DETACH and one.handle == tuple(handle):
                        one.detached()
            elif head[:4] == (CID, 1, 2, 1):
                _, kind, proto, src, dst, _, body = struct.unpack(
                    "<BBHIII16s", payload)
                self.hear(kind, (dst, src), body, proto)

    def hear_all(self):
        """Handle what the host sent to an earlier socket with these names."""
        while self.d.q.read32(VECTORS) != 0:
            self.poll()

    def hear(self, kind, names, body, proto):
        one = self.sockets.get(names)
        if one is not None:
            one.hear(kind, body, proto)
        elif kind == REQUEST2:
            self.requests.append((names, body))
        elif kind != RST:
            self.say(RST, names)

    def wait(self, condition, what):
        end = time.monotonic() + life.PATIENCE
        while not condition():
            assert time.monotonic() < end, "waited in vain: " + what
            self.poll()

    def new(self, names):
        if not self.slots:
            self.slots.append(self.slot_count)
            self.slot_count += 1
        one = Socket(self, names, PAGES // PAGE + SLOT_PAGES *
                     self.slots.pop())
        self.sockets[names] = one
        return one

    def dial(self, host_port, port=None):
        if port is None:
            self.port += 1
            port = self.port
        self.hear_all()
        one = self.new((port, host_port))
        self.say(REQUEST2, one.names, struct.pack("<Q", SIZE), 1)
        self.detach_closed()
        self.wait(lambda: one.state != "asked", "connect")
        if one.state != "open":
            raise ConnectionResetError("connect")
        return one

    def accept(self, before_attach=None):
        self.wait(lambda: self.requests, "accept")
        one = self.new(self.requests.pop(0)[0])
        one.before_attach = before_attach
        self.say(NEGOTIATE2, one.names, struct.pack("<Q", SIZE), 1)
        self.wait(lambda: one.state != "asked", "accept")
        return one

    def close(self, one):
        if self.sockets.get(one.names) is one:
            del self.sockets[one.names]
        self.closed.append(one)
        if not self.late:
            self.detach_closed()

    def detach_closed(self):
        for one in self.closed:
            if one.handle is not None:
                self.d.detach(one.handle)
            self.slots.append((one.page - PAGES // PAGE) // SLOT_PAGES)
        self.closed = []


class Socket:
    def __init__(self, transport, names, page):
        self.t = transport
        self.q = transport.d.q
        self.names = names
        self.page = page
        self.state = "asked"
        self.handle = None
        self.before_attach = None
        self.tail = self.head = 0
        self.peer_mode = self.own_mode = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def settimeout(self, _):
        pass

    # Packets.

    def detached(self):
        self.peer_mode = RECEIVE_MODE | SEND_MODE

    def hear(self, kind, body, proto):
        if self.state == "open":
            if kind == SHUTDOWN:
                self.peer_mode |= body[0]
            elif kind == RST:
                self.detached()
        elif kind == NEGOTIATE2 and proto == 1:
            self.t.resource += 1
            self.pair((CID, self.t.resource), 0)
            self.t.say(OFFER, self.names, struct.pack("<II", *self.handle))
        elif kind == OFFER:
            self.pair(struct.unpack_from("<II", body), 1)
            self.state = "open"
            if self.before_attach:
                self.before_attach()
            self.t.say(ATTACH, self.names, body)
        elif kind == ATTACH:
            self.state = "open"
        elif not self.t.late or kind not in (WROTE, READ, SHUTDOWN):
            # Late packets are for the previous socket; Linux gives up here,
            # too.
            self.state = "refused"
            if kind != RST:
                self.t.say(RST, self.names)

    def pair(self, handle, flags):
        self.handle = tuple(handle)
        status = self.t.d.alloc(self.handle, SIZE, SIZE, flags=flags, pages=[
            self.page + i for i in range(SLOT_PAGES)])
        assert status >= 0, "no pair: %d" % status

    # The rings.

    def own(self):
        return self.page * PAGE

    def peer(self):
        return (self.page + RING_PAGES + 1) * PAGE

    def index(self, header, offset):
        return struct.unpack("<Q", self.q.read(header + offset, 8))[0]

    def free(self):
        used = (self.tail - self.index(self.peer(), 16)) % SIZE
        return SIZE - 1 - used

    def ready(self):
        return (self.index(self.peer(), 8) - self.head) % SIZE

    def send(self, data):
        def may():
            return self.own_mode & SEND_MODE or \
                self.peer_mode & RECEIVE_MODE or self.free()
        self.t.poll()
        self.t.wait(may, "send")
        if (self.own_mode & SEND_MODE) or (self.peer_mode & RECEIVE_MODE):
            raise BrokenPipeError
        n = min(len(data), self.free(), 65536)
        first = min(n, SIZE - self.tail)
        self.q.write(self.own() + PAGE + self.tail, data[:first])
        self.q.write(self.own() + PAGE, data[first:n])
        self.tail = (self.tail + n) % SIZE
        self.q.write(self.own() + 8, struct.pack("<Q", self.tail))
        if SIZE - 1 - self.free() == n:
            self.t.say(WROTE, self.names)
        return n

    def sendall(self, data):
        at = 0
        while at < len(data):
            at += self.send(data[at:at + 65536])

    def recv(self, count):
        def may():
            return self.own_mode & RECEIVE_MODE or \
                self.ready() or self.peer_mode & SEND_MODE
        self.t.wait(may, "recv")
        n = min(count, self.ready(), SIZE - self.head)
        if self.own_mode & RECEIVE_MODE or n == 0:
            return b""
        data = self.q.read(self.peer() + PAGE + self.head, n)
        self.head = (self.head + n) % SIZE
        self.q.write(self.own() + 16, struct.pack("<Q", self.head))
        # Check after the write (E3): the ring may have become full since.
        was_full = SIZE - 1 - self.ready() == n
        if was_full and not self.peer_mode & RECEIVE_MODE:
            self.t.say(READ, self.names)
        return data

    def shutdown(self, how):
        self.own_mode |= how + 1
        self.t.say(SHUTDOWN, self.names, struct.pack("<Q", how + 1))

    def close(self):
        if self.state != "closed":
            self.state = "closed"
            self.t.close(self)


# ---- A row: the guest's side runs here, the host's side in a thread.

def run_row(guest, number, transport, path):
    _, guest_side, host_side = life.ROWS[number]
    by_guest = number in life.BY_GUEST
    play = types.SimpleNamespace(path=path, stop=threading.Event())
    port = life.HOST_PORT + number
    host = streams.HostSide(play, port)
    here = types.SimpleNamespace(
        one=None, dial=lambda own=None: transport.dial(port, own))
    why = []
    thread = threading.Thread(daemon=True, target=lambda: why.append(
        streams.judge(not by_guest, host_side, host)))
    thread.start()
    try:
        if not by_guest:
            here.one = here.dial()
        guest_side(here)
        if here.one is not None:
            here.one.close()
        transport.detach_closed()
        thread.join(life.PATIENCE)
    finally:
        play.stop.set()
        thread.join(1)
        host.unlisten()
    assert why == [""], "the host's program%s\n%s" % (
        why[0] if why else " has not ended", guest.host.said())


def run_row_of_host(guest, number, transport, path):
    """The same, begun by a program on the host."""
    _, guest_side, host_side = life.ROWS[number]
    play = types.SimpleNamespace(path=path, stop=threading.Event())
    host = streams.HostSide(play)
    why = []

    def connect_and_judge():
        host.one = streams.scene.connect(path, life.GUEST_PORT)
        host.held.append(host.one)
        why.append(streams.judge(False, host_side, host))
    thread = threading.Thread(target=connect_and_judge, daemon=True)
    thread.start()
    here = types.SimpleNamespace(one=transport.accept())
    guest_side(here)
    here.one.close()
    thread.join(life.PATIENCE)
    assert why == [""], "the host's program%s\n%s" % (
        why[0] if why else " has not ended", guest.host.said())
