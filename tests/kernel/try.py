# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The second half of driver/qemu/try, after everything is built: see there."""
import contextlib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import termios

import vm

SECONDS = 240
# Send the kernel's warnings to its log only.
SCRIPT = r"""
echo 4 >/proc/sys/kernel/printk
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
export PS1='guest# '
echo "${{PS1}}echo hello | vcat 2 7"
back=$(echo hello | vcat 2 7)
echo "$back"
if [ "$back" = hello ]; then
	{then}
else
	echo 'guest: no echo'
fi
"""
SHELL = "setsid cttyhack sh"
COMMAND = """echo 'guest: begin'
	sh /command </dev/null 2>&1
	echo "guest: status $?\""""
HINTS = """
A shell of the guest comes.  `exit` ends it all; Ctrl-A X does, too.

    vcat 2 80               in the guest reaches, of this machine,
    socat UNIX-LISTEN:{0}_80,fork EXEC:cat

    vcat -l 6000            in the guest is reached by
    (echo CONNECT 6000; cat) | socat - UNIX-CONNECT:{0}

vqp-host writes to {1}
"""


def build_module(kernel):
    folder = vm.OUT / "try"
    subprocess.run(
        ["make", "-s", "-C", vm.ROOT / "driver" / "linux",
         "KDIR=%s" % vm.headers(kernel), "OUT=%s" % folder],
        check=True, stdout=sys.stderr)
    return folder / "vmw_vmci.ko"


def run_shell(machine):
    settings = termios.tcgetattr(0)
    try:
        machine.process.wait()
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, settings)
    return 0


def run_command(machine):
    """Print what the command prints, and return its exit status."""
    begun = False
    for found in machine.each(r"^(guest: )?(.*)$", SECONDS):
        if begun and not found.group(1):
            print(found.group(2), flush=True)
        elif found.group(0) == "guest: begin":
            begun = True
        elif begun and (status := re.match(r"status (\d+)", found.group(2))):
            machine.finish(30)
            return int(status.group(1))
    print("try: no echo; the console is in %s" % machine.log.name,
          file=sys.stderr)
    return 1


def prepare(module, words):
    """Make the kernel and a file system for it."""
    kernel = vm.Kernel()
    files = [("bin/vcat", vm.build_program(
        vm.HERE / "guest" / "vcat.c", kernel))]
    if words:
        files.append(("command", (words[0] if len(words) == 1
                                  else shlex.join(words)) + "\n"))
    return kernel, vm.initramfs(
        kernel, build_module(kernel) if module else None,
        SCRIPT.format(then=COMMAND if words else SHELL), files)


def main():
    words = sys.argv[1:]
    module = words[:1] == ["--module"]
    words = words[module + 1:]
    if not words and not os.isatty(0):
        print("try: standard input is no terminal; give it -- COMMAND",
              file=sys.stderr)
        return 2
    # The messages of downloads and builds go beside the output of a command.
    with contextlib.redirect_stdout(sys.stderr):
        start = prepare(module, words)
    # Only its owner may enter this folder: its sockets open the guest's
    # memory.
    with tempfile.TemporaryDirectory(
            prefix="vqp-", dir=os.environ.get("XDG_RUNTIME_DIR")) as folder:
        link = pathlib.Path(folder, "link")
        vsock = pathlib.Path(folder, "vsock")
        if not words:
            print(HINTS.format(vsock, vm.OUT / "try-host.log"), flush=True)
        with vm.Machine(start[0], "vmci,socket=%s" % link, start[1],
                        name="try", terminal=not words) as machine, \
                vm.Host(link, "--echo", "7", "--vsock", vsock,
                        name="try-host"):
            return run_command(machine) if words else run_shell(machine)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except vm.Skip as why:
        print("try: %s" % why, file=sys.stderr)
        sys.exit(77)
    except TimeoutError as why:
        print("try: %s" % why, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
