# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""QEMU's monitor (QMP), on a socket that QEMU inherits."""
import json
import socket


class Monitor:
    def __init__(self, seconds=20):
        self.socket, self.end = socket.socketpair()
        self.socket.settimeout(seconds)
        self.fd = self.end.fileno()
        self.arguments = ["-chardev", "socket,id=qmp,fd=%d" % self.fd,
                          "-mon", "chardev=qmp,mode=control"]
        self.lines = self.socket.makefile("r")
        self.greeted = False

    def started(self):
        """QEMU has its end of the socket now; no other process may keep it."""
        self.end.close()

    def ask(self, verb, **arguments):
        if not self.greeted:
            self.lines.readline()
            self.greeted = True
            self.ask("qmp_capabilities")
        self.socket.sendall(json.dumps({
            "execute": verb, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])

    def close(self):
        self.lines.close()
        self.socket.close()
