#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Answer the open-vm-tools of a guest as VMware would.

    vqp-host LINK --hypervisor PATH &
    guestrpc.py PATH [guestinfo.NAME=VALUE...]

In the guest `vmtoolsd --cmd 'info-get guestinfo.NAME'` prints such a value,
'info-set guestinfo.NAME VALUE' sets one, and the daemon (vmtoolsd -n vmsvc)
finds the host that it looks for.  Each line of standard input is a request to
the daemon (ping, OS_Halt, OS_Reboot, ...); its answer is printed.

This is an example: values are kept in memory, and nothing that a guest sends is
trusted.
"""
import asyncio
import collections
import contextlib
import struct
import sys
import threading
import time

# Ports of context 0: for requests of the guest, for requests of the host.
GUEST_ASKS, HOST_ASKS = 976, 975

# A packet is its length and a DataMap: fields of a type, an id and a value.
# A number is two words, the low one first.
NUMBER, STRING = 1, 2           # types
TYPE, PAYLOAD = 1, 2            # ids
DATA, PING = 1, 2               # values of TYPE
PACKET_BYTES_MAX = 65536 + 1024

# The most that one guest can make this program hold.
CONNECTIONS_MAX = 64
VALUES_MAX, VALUES_BYTES_MAX = 1000, 1 << 20
SECONDS = 60                    # for the rest of a packet, or for an answer
LINES_A_MINUTE = 60

# What vmtoolsd reports to its host; the answer is "1 ".
NOTED = (b"log", b"SetGuestInfo", b"vmx.set_option")
NOTED_PREFIXES = (b"tools.", b"vmx.capability.")


def pack(payload):
    body = struct.pack(">7I", NUMBER, TYPE, DATA, 0, STRING, PAYLOAD,
                       len(payload)) + payload
    return struct.pack(">I", len(body)) + body


def unpack(body):
    """TYPE and PAYLOAD, None for a missing one; ValueError if malformed."""
    fields = {}
    at = 0
    try:
        while at < len(body):
            kind, name = struct.unpack_from(">2I", body, at)
            at += 8
            if kind == NUMBER:
                low, high = struct.unpack_from(">2I", body, at)
                at += 8
                fields[name] = high << 32 | low
            elif kind == STRING:
                length, = struct.unpack_from(">I", body, at)
                at += 4 + length
                if at > len(body):
                    raise ValueError("a string longer than its packet")
                fields[name] = body[at - length:at]
            else:
                raise ValueError("a field of type %d" % kind)
    except struct.error as why:
        raise ValueError("a packet cut short") from why
    if not isinstance(fields.get(TYPE), (int, type(None))) or \
            not isinstance(fields.get(PAYLOAD), (bytes, type(None))):
        raise ValueError("a field of another type")
    return fields.get(TYPE), fields.get(PAYLOAD)


async def receive(reader):
    """unpack() of the next packet; EOFError at the end."""
    length, = struct.unpack(">I", await reader.readexactly(4))
    if length > PACKET_BYTES_MAX:
        raise ValueError("a packet of %d bytes" % length)
    return unpack(await asyncio.wait_for(reader.readexactly(length), SECONDS))


async def send(writer, payload):
    writer.write(pack(payload))
    await asyncio.wait_for(writer.drain(), SECONDS)


def shown(raw):
    """The bytes of a guest, safe to print on a terminal."""
    return ascii(raw[:200].decode("latin-1"))


class Log:
    """Lines on standard output; a guest cannot fill it."""

    def __init__(self):
        self.minute = self.lines = 0

    def __call__(self, text):
        minute = int(time.monotonic() / 60)
        if minute != self.minute:
            self.minute, self.lines = minute, 0
        self.lines += 1
        if self.lines < LINES_A_MINUTE:
            print(text, flush=True)
        elif self.lines == LINES_A_MINUTE:
            print("more, until the minute is over", flush=True)


class Daemon:
    """A daemon of the guest, which answers one request at a time."""

    def __init__(self, writer, say):
        self.writer = writer
        self.say = say
        self.waiting = collections.deque()
        self.asked = self.timer = None

    def ask(self, *requests):
        self.waiting.extend(requests)
        if self.asked is None and self.waiting:
            self.asked = self.waiting.popleft()
            self.writer.write(pack(self.asked))
            self.timer = asyncio.get_running_loop().call_later(
                SECONDS, self.late)

    def answered(self, payload):
        if self.asked is None:
            raise ValueError("an answer without a request")
        self.say("%s: %s" % (shown(self.asked), shown(payload)))
        self.end()
        self.ask()

    def late(self):
        self.say("no answer to %s for %d s" % (shown(self.asked), SECONDS))
        self.writer.transport.abort()

    def end(self):
        if self.timer is not None:
            self.timer.cancel()
        self.asked = None


class Host:
    def __init__(self, values):
        self.values = values
        self.say = Log()
        self.connections = 0
        self.daemons = []

    def answer(self, request):
        """The answer of VMware to a request of the guest."""
        request = request.rstrip(b"\0")
        verb, _, rest = request.partition(b" ")
        name, _, value = rest.partition(b" ")
        if verb in (b"info-get", b"info-set") and \
                not name.startswith(b"guestinfo."):
            return b"0 Only names that begin with guestinfo."
        if verb == b"info-get":
            found = self.values.get(name)
            return b"0 No value found" if found is None else b"1 " + found
        if verb == b"info-set":
            return self.keep(name, value)
        if verb in NOTED or verb.startswith(NOTED_PREFIXES):
            return b"1 "
        self.say("not known here: " + shown(request))
        return b"0 Unknown command"

    def keep(self, name, value):
        after = {**self.values, name: value}
        if len(after) > VALUES_MAX or \
                sum(map(len, [*after, *after.values()])) > VALUES_BYTES_MAX:
            return b"0 No room for more values"
        self.values = after
        return b"1 "

    async def guest_asks(self, reader, writer):
        while True:
            _, payload = await receive(reader)
            await send(writer, self.answer(payload or b""))

    async def host_asks(self, reader, writer):
        daemon = Daemon(writer, self.say)
        self.daemons.append(daemon)
        try:
            daemon.ask(b"reset", b"Capabilities_Register")
            while True:
                kind, payload = await receive(reader)
                # PING is the heartbeat of the daemon, once a second.
                if kind != PING and payload is not None:
                    daemon.answered(payload)
        finally:
            self.daemons.remove(daemon)
            daemon.end()

    def connected(self, talk):
        async def serve(reader, writer):
            if self.connections >= CONNECTIONS_MAX:
                self.say("one connection more than %d" % CONNECTIONS_MAX)
                writer.close()
                return
            self.connections += 1
            try:
                await talk(reader, writer)
            except (EOFError, OSError):
                pass            # the guest has closed it
            except ValueError as why:
                self.say("a connection is cut off: %s" % why)
            except asyncio.TimeoutError:
                self.say("a connection is cut off: nothing for %d s" % SECONDS)
            finally:
                self.connections -= 1
                writer.close()
        return serve

    def request(self, line):
        if not self.daemons:
            self.say("no daemon is connected")
        for daemon in self.daemons:
            daemon.ask(line)


def follow(loop, host):
    for line in sys.stdin.buffer:
        if line.strip():
            loop.call_soon_threadsafe(host.request, line.strip())


async def main(path, *values):
    host = Host(dict(one.encode().split(b"=", 1) for one in values))
    for port, talk in ((GUEST_ASKS, host.guest_asks),
                       (HOST_ASKS, host.host_asks)):
        await asyncio.start_unix_server(host.connected(talk),
                                        "%s_%d" % (path, port))
    threading.Thread(target=follow, daemon=True,
                     args=(asyncio.get_running_loop(), host)).start()
    host.say("ready")
    await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-") or \
            not all("=" in one for one in sys.argv[2:]):
        sys.exit(__doc__)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
