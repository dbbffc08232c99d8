#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Plant faults in driver/linux, by rule, and see which of them boots miss.

    sweep_linux.py FOLDER [options] [FILE...]

Works as sweep.py does, with the same options; its tests are boots of
tests/kernel/boot.py.  They need what `tests/run kernel` builds.  One number of
--seed draws the same faults each time, as long as driver/linux is unchanged.
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import sweep

sys.path.append(str(sweep.ROOT / "tests" / "kernel"))
import boot     # noqa: E402
import scene    # noqa: E402
import vm       # noqa: E402

# A few boots that together reach nearly all of driver/linux.
BOOTS = ("mmio", "port-line", "unplug-port", "rebind-smp", "iommu",
         "suspend-mmio", "failures-mmio")
CLIENTS = ("vmci_conform.ko", "vmci_resident.ko", "vmci_failing.ko")
WRONG = re.compile("^not ok|" + scene.LOUD)
QUIET = 45      # seconds of silence: the guest hangs

# The number of the active fault stands after MARK in the module.  The module
# reports what it reaches to QEMU's debug console, in two bytes of seven bits.
MARK = b"vqp fault\0\0\0"
SWITCH = r"""
static volatile __attribute__((unused)) struct {
	char mark[12];
	int on;
} vqp_fault_is = { "vqp fault", 0 };
static __attribute__((unused)) char vqp_fault_seen[%d];
__attribute__((weak)) char vqp_fault_lock;
static inline __attribute__((unused)) int vqp_fault(int number)
{
	unsigned long flags;

	if (!vqp_fault_seen[number]) {
		vqp_fault_seen[number] = 1;
		__asm__ volatile("pushfq; popq %%0; cli" : "=r"(flags) : :
				 "memory");
		while (__sync_lock_test_and_set(&vqp_fault_lock, 1))
			;
		__asm__ volatile("outb %%b0, $0xe9" : : "a"(number >> 7));
		__asm__ volatile("outb %%b0, $0xe9" : : "a"(number & 127));
		__sync_lock_release(&vqp_fault_lock);
		if (flags & 0x200)
			__asm__ volatile("sti" : : : "memory");
	}
	return vqp_fault_is.on == number;
}
#define VQP_FAULT(n) vqp_fault(n)
"""


class Planted(sweep.Planted):
    places = ["driver/linux/*.c"]
    switch = SWITCH

    def plan(self, only):
        """A first build without faults shows how the kernel compiles the
        files.
        """
        self.out = self.tree / "build" / "linux"
        self.kernel = vm.Kernel()
        self.headers = vm.headers(self.kernel)
        if not (self.out / "vmw_vmci.ko").exists():
            self.copy_all()
            self.write()
            self.configure(False)
            done = self.compile()
            if done.returncode:
                sys.exit("sweep: does not build:\n" + done.stdout[-3000:])
        super().plan(only)

    def flags(self, source):
        """clang's tree of all declarations in the kernel's headers would take
        a gigabyte, so request only names that begin as this file's functions
        do.
        """
        path = self.out / source
        command = iter(shlex.split(path.with_name(
            "." + path.with_suffix(".o.cmd").name).read_text().split("\n")[0]))
        flags = []
        for part in command:
            if part == "-include":
                flags += [part, next(command)]
            elif re.match("-nostdinc|-std=|-[DIU]", part):
                flags.append(part)
        flags = [re.sub(r"^(-I)?\./", r"\1%s/" % self.headers, flag)
                 for flag in flags]
        names = re.findall(r"^\w[\w ]* \**(\w+)\(",
                           (sweep.ROOT / source).read_text(), re.M)
        for begin in sorted({name.split("_")[0] for name in names}):
            yield flags + ["-Xclang", "-ast-dump-filter=" + begin]

    def configure(self, _):
        subprocess.run([self.tree / "driver" / "linux" / "stage", self.out],
                       check=True)
        for name in CLIENTS:
            shutil.copyfile(vm.BUILT / "cloud" / name, self.out / name)

    def compile(self):
        return subprocess.run(
            ["make", "-k", "-C", self.headers, "M=%s" % self.out,
             "KCFLAGS=-w -include %s/fault.h" % self.tree, "modules"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace")


local = threading.local()       # seen: the file of the console


class Machine(vm.Machine):
    """A machine that ends on the first error, and has a name of its own."""

    def __init__(self, *arguments, name, extra=(), **how):
        lane = threading.current_thread().name.rsplit("_", 1)[-1]
        super().__init__(*arguments, name="%s-%s" % (name, lane), extra=(
            *extra, "-debugcon", "file:%s" % local.seen), **how)
        threading.Thread(target=self.watch, daemon=True).start()

    def wrong(self):
        return self.done or any(map(WRONG.search, self.lines))

    def watch(self):
        with self.changed:
            said = -1
            while len(self.lines) > said and not self.wrong():
                said = len(self.lines)
                self.changed.wait_for(
                    lambda: self.done or len(self.lines) > said, QUIET)
        if not self.done:
            os.killpg(self.process.pid, signal.SIGKILL)


class Boot:
    def __init__(self, name, planted):
        self.name, self.planted = name, planted
        self.seconds = 0
        self.comes_by = set()

    def run(self, _, VQP_FAULT="0"):
        """None if it passed, or what failed."""
        out = self.planted.out
        name = "%s-%s" % (self.name, VQP_FAULT)
        module = out / ("vmw_vmci-%s.ko" % name)
        module.write_bytes((out / "vmw_vmci.ko").read_bytes().replace(
            MARK + bytes(4), MARK + int(VQP_FAULT).to_bytes(4, "little")))
        local.seen = out / (name + ".seen")
        arguments = argparse.Namespace(
            arch="amd64", module=module, case=out / CLIENTS[0], echo=False)
        begin = time.monotonic()
        results = boot.boot(self.name, self.planted.kernel, arguments)
        self.seconds = self.seconds or time.monotonic() - begin
        module.unlink()
        said = local.seen.read_bytes()
        local.seen.unlink()
        self.comes_by = self.comes_by or {
            high << 7 | low for high, low in zip(said[::2], said[1::2])}
        wrong = next((text for good, text in results.kept if good is False),
                     None)
        print("# %s: %s" % (VQP_FAULT, wrong or "passed"), flush=True)
        return wrong


def find_boots(planted, arguments):
    vm.Machine = Machine
    # The core's largest queue pair takes as long as everything else.
    boot.VARIANTS["mmio"][1].clear()
    boots = [Boot(name, planted) for name in BOOTS
             if arguments.tests.search(name)]
    subprocess.run([vm.ROOT / "driver" / "qemu" / "build"], check=True,
                   stdout=subprocess.DEVNULL,
                   env=planted.kernel.architecture.environment())
    useful = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for one, wrong in zip(boots, pool.map(lambda one: one.run(0), boots)):
            print("# %s: %.1f s, comes by %d%s" % (
                one.name, one.seconds, len(one.comes_by),
                wrong and ", fails: " + wrong or ""), flush=True)
            if not wrong:
                useful.append(one)
    return sorted(useful, key=lambda one: one.seconds)


if __name__ == "__main__":
    sys.exit(sweep.main(Planted, find_boots, __doc__))
