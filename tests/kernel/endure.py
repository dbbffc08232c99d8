# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a guest must survive: its host is killed under load and replaced, its
modules are loaded and unloaded again and again, and thousands of connections
come and go.
"""
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
    results.note("%s: seed %d" % (name, seed))
    moment = random.Random(seed)
    with scene.Scene(
            name, kernel, arguments, results,
            LOAD + KILLED.format(rounds=" ".join(map(str, rounds))),
            "mmio=on", {"smp": 2},
            host=("--echo", "7", "--sink", "9", "--source", "19",
                  "--datagram-echo", "5007")) as play:
        # Connect, and read not one byte.
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


# The kernel records which caller allocated each object; for a module that is
# gone it has addresses only.  Free memory covers what has no such record: the
# rings of eight streams are 4 MiB, and two measurements differ by up to 1.3
# MiB.
ROUNDS = r"""
mount -t debugfs debug /sys/kernel/debug
orphans()
{{
	# vsock's registrations, which stay, and the lock that a method of ACPI
	# keeps from the first probe on.
	awk -v known='proto_register|misc_register|acpi_ds_begin_method' '
	BEGIN {{ RS = "" }}
	/ 0xffffffff[0-9a-f]+/ && $0 !~ known {{
		printf "# in %s:\n%s\n", FILENAME, $0
		left = 1
	}}
	END {{ exit left }}' /sys/kernel/debug/slab/kmalloc-*/alloc_traces
}}
free_kib()
{{
	sleep 1
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree:/ {{ print $2 }}' /proc/meminfo
}}
load vsock
unused()	# MODULE
{{
	read -r uses </sys/module/$1/refcnt && [ "$uses" = 0 ]
}}
round()		# NUMBER
{{
	insmod /modules/vmw_vmci.ko &&
	    insmod /modules/vmw_vsock_vmci_transport.ko || return
	case $1 in
	*0)	vtest echo 2 7 200000 && vtest local {cid} 100000 &&
		    vtest burst 2 5007 20 || return
		sleep 2		# for what is closed to be gone
		;;
	esac
	rmmod vmw_vsock_vmci_transport && unused vmw_vmci && rmmod vmw_vmci
}}
rounds()	# FROM TO
{{
	for i in $(seq $1 $2); do
		round $i || return
	done
}}
check 'the first 20 rounds' rounds 1 20
before=$(free_kib)
check '{count} rounds' rounds 21 {count}
for try in 1 2 3 4 5; do
	after=$(free_kib)
	[ $((before - after)) -ge {lost} ] || break
done
echo "# {count} rounds: free before $before KiB, after $after KiB"
check 'no memory is lost' [ $((before - after)) -lt {lost} ]
check 'nothing uses vsock' unused vsock
check 'nothing of a module remains' orphans
"""


def rounds(name, kernel, arguments, results):
    if not arguments.module:
        results.skip(name, "the stock driver's memory is its own matter")
        return
    with scene.Scene(
            name, kernel, arguments, results,
            ROUNDS.format(cid=scene.CID, count=100, lost=2048),
            machine={"append": "slub_debug=U,kmalloc-*"},
            host=("--echo", "7", "--datagram-echo", "5007")):
        pass


# Connections that are each closed after 100 bytes.  For each one the stock
# driver waits for RCU's grace periods, and it has memory for 256.  The guest's
# clock counts its instructions, 500 million a second, so only waiting is
# measured, on a busy machine too.
STOCK = r"""
load vsock
load stock
load vmw_vsock_vmci_transport
vtest churn 2 9 1000 0 1
vtest churn 2 9 500 50 1
vtest sustain 2 9 5
unload vmw_vsock_vmci_transport
unload vmw_vmci
echo "guest: ours"
"""
CHURN = r"""
load vmw_vmci
load vmw_vsock_vmci_transport
check '5000 connections in a row' vtest churn 2 9 5000 0 1
check '50 connections a second' vtest churn 2 9 500 50 1
check '64 connections at a time' vtest churn 2 9 1280 0 64
vtest sustain 2 9 5
unload vmw_vsock_vmci_transport
unload vmw_vmci
"""


def churn(name, kernel, arguments, results):
    if not arguments.module:
        results.skip(name, "measured beside our driver, in one guest")
        return
    stock = kernel.module("drivers/misc/vmw_vmci/vmw_vmci.ko")
    with scene.Scene(name, kernel, arguments, results, STOCK + CHURN,
                     "mmio=on", {"extra": ("-icount", "shift=1")},
                     [("modules/stock.ko", stock)],
                     ("--sink", "9")) as play:
        rates = [float(found.group(1)) for found in play.guest.each(
            r"^# sustained: ([0-9.]+) a second", play.seconds)]
        play.check(len(rates) == 2 and rates[1] >= 2 * rates[0],
                   "twice the stock driver's rate: %s a second" %
                   " and ".join(map(str, rates)))
