# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Python's sockets in a guest.  Bytes are a pattern, or the pattern backwards;
whatever is not as it should be ends this with an exception.

    talk.py stream      end first, then be answered; and the other way
    talk.py listen      be connected to on 6001, then on 6002
    talk.py datagram    ask a port of the host, then be asked on 5100
"""
import socket
import sys

HOST = 2
COUNT = 1 << 20
DATA = (bytes(range(256)) * 2 + b"vqp" * 7)[:509] * (COUNT // 509 + 1)
DATA = DATA[:COUNT]
BACK = DATA[::-1]
SIZES = (1, 100, 4072, 60000)


def everything(one):
    parts = []
    while part := one.recv(65536):
        parts.append(part)
    return b"".join(parts)


def new(kind):
    one = socket.socket(socket.AF_VSOCK, kind)
    one.settimeout(60)
    return one


def connected(port):
    one = new(socket.SOCK_STREAM)
    one.connect((HOST, port))
    assert one.getpeername() == (HOST, port), one.getpeername()
    return one


def accepted(port):
    with new(socket.SOCK_STREAM) as listener:
        listener.bind((socket.VMADDR_CID_ANY, port))
        listener.listen()
        print("guest: Python on %d" % port, flush=True)
        one, peer = listener.accept()
    assert peer[0] == HOST, peer
    one.settimeout(60)
    return one


def end_first(one):
    with one:
        one.sendall(DATA)
        one.shutdown(socket.SHUT_WR)
        assert everything(one) == BACK


def end_last(one):
    with one:
        assert everything(one) == DATA
        one.sendall(BACK)


def datagram():
    with new(socket.SOCK_DGRAM) as one:
        one.bind((socket.VMADDR_CID_ANY, 5100))
        for size in SIZES:
            one.sendto(DATA[:size], (HOST, 5009))
            got, peer = one.recvfrom(1 << 17)
            assert got == DATA[:size][::-1] and peer == (HOST, 5009), peer
        print("guest: Python on 5100", flush=True)
        for size in SIZES:
            got, peer = one.recvfrom(1 << 17)
            assert got == DATA[:size] and peer == (HOST, 5009), peer
            one.sendto(got[::-1], peer)


if __name__ == "__main__":
    case = sys.argv[1]
    if case == "stream":
        end_first(connected(21))
        end_last(connected(22))
    elif case == "listen":
        end_first(accepted(6001))
        end_last(accepted(6002))
    else:
        datagram()
