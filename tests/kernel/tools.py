# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""VMware's own guest tools on our device: vmtoolsd of Debian's package
open-vm-tools in the guest, and driver/qemu/guestrpc.py on the host.
"""
import subprocess
import sys
import threading
import time

import programs
import scene
import vm

PACKAGE = "open-vm-tools"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
RESPONDER = vm.ROOT / "driver" / "qemu" / "guestrpc.py"
VALUE = "what the host says"
END_PORT = 6000
SCRIPT = r"""
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
tools() { timeout 60 backdoor /usr/bin/vmtoolsd "$@"; }
answers() { got=$(tools --cmd "$1" 2>&1); [ "$got" = "$2" ] || ! echo "# $got"; }
check 'context 0: a port that is nobodys' vtest refused 0 99
check 'info-get' answers 'info-get guestinfo.vqp' '@VALUE@'
check 'info-set' answers 'info-set guestinfo.set there and back' ''
check 'info-get what was set' answers 'info-get guestinfo.set' 'there and back'
check 'info-get of nothing' answers 'info-get guestinfo.none' 'No value found'
check 'nonsense' answers 'nonsense' 'Unknown command'
twenty()
{
	for i in 0 1 2 3 4 5 6 7 8 9; do
		answers "info-set guestinfo.$i $i" '' &&
		    answers "info-get guestinfo.$i" $i || return
	done
}
check '20 requests one after another' twenty
backdoor /usr/bin/vmtoolsd -n vmsvc >/tmp/daemon 2>&1 &
daemon=$!
check 'the host is done' vtest serve @END_PORT@ 1000
check 'the daemon is alive' kill -0 $daemon
tail -n 20 /tmp/daemon | sed 's/^/# /'
kill $daemon
wait $daemon
"""


def files(kernel):
    """The daemon, with every plugin whose libraries are on this machine."""
    root = vm.unpack(vm.package(PACKAGE, kernel.architecture.name))
    found = {"bin/backdoor": vm.build_program(vm.HERE / "guest/backdoor.c",
                                              kernel),
             "etc/passwd": "root:x:0:0::/:/bin/sh\n"}
    for path in sorted((root / LIBRARIES).glob("open-vm-tools/**/*.so")) + [
            root / "usr/bin/vmtoolsd"]:
        try:
            needed = programs.with_libraries(path, root / LIBRARIES)
        except vm.Skip:
            if path.suffix == ".so":
                continue
            raise
        found.update((name.removeprefix(str(root)[1:] + "/"), one)
                     for name, one in needed.items())
    return found


class Responder:
    """Runs guestrpc.py; use it as a context manager."""

    def __init__(self, path, *values):
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, RESPONDER, path, *values], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=vm.die_with_parent)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        self.lines.extend(line.rstrip() for line in self.process.stdout)

    def wait(self, line, seconds):
        end = time.monotonic() + seconds
        while line not in self.lines:
            if time.monotonic() > end or self.process.poll() is not None:
                return False
            time.sleep(0.05)
        return True

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)


def run(name, kernel, arguments, results):
    try:
        contents = files(kernel)
    except vm.Skip as why:
        results.skip(name, why)
        return
    script = SCRIPT.replace("@VALUE@", VALUE).replace("@END_PORT@",
                                                      str(END_PORT))
    with scene.Scene(name, kernel, arguments, results, script,
                     files=contents.items(),
                     host=("--hypervisor", "{folder}/tools")) as play, \
            Responder(str(play.folder / "tools"),
                      "guestinfo.vqp=" + VALUE) as responder:
        play.check(responder.wait("ready", 20), "guestrpc.py is ready")
        for request, answer in ((None, "'reset': 'OK ATR toolbox'"),
                                (None, "'Capabilities_Register': 'OK '"),
                                ("ping", "'ping': 'OK '"),
                                ("nonsense", "'nonsense': 'ERROR Unknown "
                                             "Command'"),
                                ("Set_Option broadcastIP 1",
                                 "'Set_Option broadcastIP 1': 'OK '")):
            if request:
                responder.ask(request)
            play.check(responder.wait(answer, 240), "the daemon: " + answer)
        play.guest.wait("guest: listening on %d" % END_PORT, 240)
        scene.connect_and_echo(play.path, END_PORT, bytes(1000))
        play.guest.wait("guest: done", 240)
        unknown = [line for line in responder.lines if "not known" in line]
        play.check(unknown == ["not known here: 'nonsense'"],
                   "all that the daemon asks is known")
        for line in responder.lines:
            results.note("guestrpc: " + line)
