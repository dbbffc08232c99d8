# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a guest must outlive: its host killed under load and another in its
place, and its modules loaded and unloaded again and again."""
import random

import scene

LOAD = """
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
"""
KILLED = """
for i in {rounds}; do
	check "$i: the end of all streams, and one of the next host" vtest outlive 2 $i
	for try in $(seq 100); do
		vtest echo 2 7 1 2>/dev/null && break
		usleep 100000
	done
	check "$i: a stream to the next host" vtest echo 2 7 200000
	check "$i: datagrams to the next host" vtest burst 2 5007 50
done
"""


def killed(name, kernel, arguments, results):
    rounds = range(1, 11)
    data = scene.pattern(200000)
    seed = random.randrange(1 << 32)
    print("# %s: seed %d" % (name, seed), flush=True)
    moment = random.Random(seed)
    with scene.Scene(
            name, kernel, arguments, results,
            LOAD + KILLED.format(rounds=" ".join(map(str, rounds))),
            "mmio=on", {"smp": 2},
            host=("--echo", "7", "--sink", "9", "--source", "19",
                  "--datagram-echo", "5007")) as play:
        # Connected, and not a byte is read.
        scene.listen(play, 11, lambda one: play.stop.wait())
        for i in rounds:
            if not play.guest.wait("guest: listening %d$" % i, 120):
                break
            with scene.connect(play.path, 6000):
                if not play.guest.wait("guest: loaded %d$" % i, 120):
                    break
                play.stop.wait(moment.uniform(0, 0.5))
                play.host.process.kill()
                play.host.process.wait()
                play.new_host()
            if not play.guest.wait("guest: outlived %d$" % i, 120):
                break
            back = scene.connect_and_echo(play.path, 6000, data)
            play.check(back == data, "%d: connected to the guest" % i +
                       ("" if isinstance(back, bytes) else ": " + back))
