# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs that know nothing of vqp in a guest, and programs that know nothing
of AF_VSOCK on the host: this machine's Python and socat, and the kernel's own
tests of AF_VSOCK, built from Debian's source package of the kernel.
"""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import scene
import vm

sys.path.insert(0, str(vm.HERE / "guest"))
import talk  # noqa: E402

PYTHON = pathlib.Path("/usr/bin/python3")
# Compiled here, because the emulator would be slow at it.
COMPILE = r"""
import selectors, socket, sys
names = {getattr(one, "__file__", None) for one in sys.modules.values()}
import py_compile
for number, name in enumerate(sorted(names - {None, __file__})):
    compiled = "%s/%d.pyc" % (sys.argv[1], number)
    py_compile.compile(name, compiled, doraise=True, invalidation_mode=
                       py_compile.PycInvalidationMode.UNCHECKED_HASH)
    print(name, compiled)
"""
SCRIPT = r"""
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
"""
WITH_PYTHON = r"""
talk='/usr/bin/python3 -I -S /talk.py'
check 'Python: streams to the host' $talk stream
check 'Python: streams from the host' $talk listen
check 'Python: datagrams both ways' $talk datagram
"""
WITH_SOCAT = r"""
socat=/usr/bin/socat
check 'socat: a file to the host' $socat -u FILE:/data VSOCK-CONNECT:2:23
check 'socat: a file from the host' sh -c \
    "$socat -u VSOCK-CONNECT:2:24 CREATE:/tmp/24 && cmp /data /tmp/24"
check 'socat: there and back' sh -c \
    "$socat -t 60 - VSOCK-CONNECT:2:25 </data >/tmp/25 && cmp /data /tmp/25"
check 'socat: connected to by Python' \
    $socat -d -d -t 60 VSOCK-LISTEN:6100 EXEC:cat
check 'socat: connected to by socat' \
    $socat -d -d -t 60 VSOCK-LISTEN:6101 EXEC:cat
"""
# The kernel's tests, with both sides in this guest.  A failure ends the
# program.
WITH_SUITE = r"""
ip link set lo up
load vsock_diag
suite()		# PROGRAM SKIPPED...
{
	program=$1
	shift
	rm -f /tmp/server
	timeout 120 /$program --mode=server --control-port=1234 \
	    --peer-cid={cid} "$@" >/tmp/server 2>&1 &
	until grep -qs listening /tmp/server || ! kill -0 $!; do
		usleep 100000
	done
	timeout 120 /$program --mode=client --control-host=127.0.0.1 \
	    --control-port=1234 --peer-cid={cid} "$@" >/tmp/client 2>&1
	status=$?
	sed -n "s/^[0-9]* - \(.*\)\.\.\.ok$/ok - $program: \1/p" /tmp/client
	wait $!
	status="$status $?"
	[ "$status" = '0 0' ] || sed 's/^/# /' /tmp/server /tmp/client
	check "$program: server and client" [ "$status" = '0 0' ]
}
"""
SUITE_NAMES = "vsock_test", "vsock_diag_test"
# The tests of the suite that are not run, by name, and the reason.
NOT_RUN = {
    "SOCK_SEQPACKET": "the VMCI transport has streams and datagrams only",
    "SO_RCVLOWAT": "the transport wakes at the first byte, not at the 128th",
    "Connect": "counts the sockets of one end, and here are both",
}


def with_libraries(path, *folders):
    """An executable and the shared objects it names, at their own paths.
    `folders` are searched first.  Raises Skip if one is not on this machine.
    """
    said = vm.output("ldd", path, env={
        **os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))})
    missing = re.search(r"(\S+) => not found", said)
    if missing:
        raise vm.Skip("no %s for %s" % (missing[1], path))
    return {str(one)[1:]: pathlib.Path(one) for one in [path] + re.findall(
        r"(/\S+) \(0x", said)}


@vm.once
def python():
    if not PYTHON.exists():
        raise vm.Skip("no %s" % PYTHON)
    folder = vm.OUT / "python"
    folder.mkdir(exist_ok=True)
    script = folder / "compile.py"
    script.write_text(COMPILE)
    made = vm.output(PYTHON, "-I", "-S", script, folder)
    return {**with_libraries(PYTHON), "talk.py": vm.HERE / "guest/talk.py",
            **{name[1:] + "c": pathlib.Path(compiled)
               for name, compiled in map(str.split, made.splitlines())}}


def socat():
    path = shutil.which("socat")
    if not path:
        raise vm.Skip("no socat")
    return {**with_libraries(path), "data": talk.DATA}


def suite():
    """The files of the kernel's tests, and the commands for the guest."""
    tree = vm.source()
    here = tree / "tools" / "testing" / "vsock"
    files = {}
    commands = []
    for name in reversed(SUITE_NAMES):
        program = vm.OUT / name
        subprocess.run(
            [os.environ.get("CC", "gcc"), "-O2", "-w", "-D_GNU_SOURCE",
             "-fno-strict-aliasing", "-I" + str(here),
             "-I" + str(tree / "tools" / "include"), "-o", program,
             *(here / (part + ".c") for part in (
                 name, "timeout", "control", "util"))], check=True)
        files.update(with_libraries(program))
        files[name] = program
        listed = subprocess.run([program, "--list"], text=True,
                                stdout=subprocess.PIPE).stdout
        skipped = []
        for number, test in re.findall(r"^(\d+)\t(.*)$", listed, re.M):
            for what, why in NOT_RUN.items():
                if what in test:
                    skipped.append("--skip=" + number)
                    commands.append("echo 'ok - %s: %s # SKIP %s'" % (
                        name, test, why))
        commands.append("suite %s %s" % (name, " ".join(skipped)))
    return files, "\n".join(commands) + "\n"


# ---- The host's side.

class Talks:
    """The reports of the host's programs about their traffic with the guest."""

    def __init__(self, play):
        self.play = play
        self.said = {}

    def judge(self, name, function, *arguments):
        self.said[name] = "it has not ended"
        try:
            function(*arguments)
        except (OSError, AssertionError) as why:
            self.said[name] = repr(why)
        else:
            self.said[name] = None

    def expect(self, name, port, function):
        self.said[name] = "nobody came"
        scene.listen(self.play, port,
                     lambda one: self.judge(name, function, one))

    def report(self):
        for name, why in self.said.items():
            self.play.check(why is None, name + (": " + why if why else ""))


def send_all(one):
    one.sendall(talk.DATA)


def receive_all(one):
    assert scene.everything(one) == talk.DATA


def datagrams(play):
    """Answer the guest with its bytes reversed, then send it a question."""
    with scene.datagram_port(play, 5009) as one:
        one.settimeout(60)
        for size in talk.SIZES:
            got = one.recv(70000)
            assert got[8:] == talk.DATA[:size], size
            one.send(got[:8] + got[8:][::-1])
        assert play.guest.wait("guest: Python on 5100", 60)
        to = struct.pack("=II", scene.CID, 5100)
        for size in talk.SIZES:
            one.send(to + talk.DATA[:size])
            got = one.recv(70000)
            assert got == to + talk.DATA[:size][::-1], size


def with_python(play, talks):
    def connected(port, function):
        assert play.guest.wait("guest: Python on %d" % port, 120)
        function(scene.connect(play.path, port))

    talks.expect("Python of the host, 21", 21, talk.end_last)
    talks.expect("Python of the host, 22", 22, talk.end_first)
    for port, function in ((6001, talk.end_last), (6002, talk.end_first)):
        play.thread(talks.judge, "Python of the host, %d" % port, connected,
                    port, function)
    play.thread(talks.judge, "Python of the host, datagrams", datagrams,
                play)


def with_socat(play, talks):
    def connected():
        assert play.guest.wait(r"listening on AF=40 .*\b6100\b", 120)
        assert scene.connect_and_echo(play.path, 6100, talk.DATA) == talk.DATA

    def connected_by_socat():
        assert play.guest.wait(r"listening on AF=40 .*\b6101\b", 120)
        done = subprocess.run(
            ["socat", "-t", "60", "-", "UNIX-CONNECT:%s" % play.path],
            input=b"CONNECT 6101\n" + talk.DATA, stdout=subprocess.PIPE,
            timeout=120)
        first, _, rest = done.stdout.partition(b"\n")
        assert first.startswith(b"OK ") and rest == talk.DATA, first[:80]

    talks.expect("what socat sent", 23, receive_all)
    talks.expect("what socat received", 24, send_all)
    play.stack.enter_context(vm.Beside(
        "socat", "-t", "60", "UNIX-LISTEN:%s_25" % play.path, "EXEC:cat"))
    play.thread(talks.judge, "Python to socat", connected)
    play.thread(talks.judge, "socat to socat", connected_by_socat)


def run(name, kernel, arguments, results):
    if kernel.architecture.name != vm.native():
        results.skip(name, "this machine's programs do not run there")
        return
    script = SCRIPT
    files = {}
    hosts = []
    parts = ((python, WITH_PYTHON, with_python),
             (socat, WITH_SOCAT, with_socat))
    for part, commands, host in parts:
        try:
            files.update(part())
            script += commands
            hosts.append(host)
        except vm.Skip as why:
            results.skip("%s: %s" % (name, part.__name__), why)
    try:
        of_suite, commands = suite()
        files.update(of_suite)
        script += WITH_SUITE.replace("{cid}", str(scene.CID)) + commands
        files["modules/vsock_diag.ko"] = kernel.module(
            "net/vmw_vsock/vsock_diag.ko")
    except vm.Skip as why:
        results.skip(name + ": suite", why)
    with scene.Scene(name, kernel, arguments, results, script,
                     files=files.items(),
                     host=("--datagram", "5009")) as play:
        talks = Talks(play)
        for host in hosts:
            host(play, talks)
        play.guest.wait("guest: done", 240)
        talks.report()
