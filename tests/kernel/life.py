# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What may happen to a guest's device while its sockets are in use: sleep,
removal, another driver, an IOMMU, no memory, a host that lies.  These are
variants of boot.py.

A script runs in the guest.  Its line "guest: wants ..." calls the function
that STEPS has for these words; the guest itself checks whether it took effect.
"""
import os
import struct

import qdevice
import scene
import vm

# The sockets in use: a busy stream, a stream asleep, a stream with bytes that
# are not read yet, and a datagram socket.  Each one runs until its file says
# that it may end.
BESIDE = r"""
begin()		# VERB PORT
{
	vtest $1 2 $2 /tmp/$1 &
	eval "beside_$1=$!"
	while [ ! -e /tmp/$1 ] && eval "kill -0 \$beside_$1"; do
		sleep 0.1
	done
	[ -e /tmp/$1 ]
	result $? "$1 is up"
}

finish()	# VERB NAME
{
	rm -f /tmp/$1
	eval "wait \$beside_$1"
	result $? "$2"
}

begin_all()
{
	begin stream 7
	begin idle 7
	begin unread 7
	begin keep 5007
	begin near 7001
}

finish_all()	# AFTER-WHAT
{
	finish stream "a stream goes on or is lost $1"
	finish idle "who sleeps is woken $1"
	finish unread "what came before is read $1"
	finish keep "a datagram socket works on $1"
	finish near "a stream within the guest goes on $1"
}

# The device works, for those who stayed and for those who come.
works()		# AFTER-WHAT
{
	check "the resident client $1" sh -c 'echo 1 >$resident/check'
	check "a stream $1" vtest echo 2 7 300000
	check "a local stream $1" vtest local 16 100000
	check "a large datagram $1" vtest datagram 2 5007 60000
}

# As long as it is false, up to a minute.
until_true()	# COMMAND...
{
	for until_try in $(seq 600); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

"""
WITH_RESIDENT = r"""
export resident=/sys/module/vmci_resident/parameters
driver=/sys/bus/pci/drivers/vmw_vmci
device=$(basename $(dirname $(grep -l 0x0740 /sys/bus/pci/devices/*/device)))
counters=/sys/kernel/debug/vmw_vmci/counters
mount -t debugfs debugfs /sys/kernel/debug
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
load vmci_resident
"""

SUSPEND = r"""
asleep()	# STATE
{
	echo "guest: wants to be woken from $1"
	echo $1 >/sys/power/state
	asleep_status=$?
	echo "guest: awake from $1"
	return $asleep_status
}

# A key wakes it from s2idle.
echo enabled >/sys/bus/serio/devices/serio0/power/wakeup
for state in freeze mem; do
	begin_all
	check "suspend: $state" asleep $state
	finish_all "after $state"
	works "after $state"
done
begin_all
check 'hibernation: freeze and thaw' vtest sleep
finish_all 'after a thaw'
works 'after a thaw'
check 'a resident client was told of its pair each time' \
    sh -c '[ "$(cut -d " " -f 5 $resident/seen)" = 3 ]'
check 'and never that all pairs are lost' \
    sh -c '[ "$(cut -d " " -f 3 $resident/seen)" = 0 ]'
check 'and found its pair lost each time' \
    sh -c '[ "$(cut -d " " -f 4 $resident/seen)" = 3 ]'
"""


# The stock driver does not handle sleep: its device stays as it is.
THAW = r"""
load vsock
load vmw_vmci
load vmw_vsock_vmci_transport
begin near 7001
begin keep 5007
check 'freeze and thaw' vtest sleep
finish near 'a stream within the guest goes on'
finish keep 'a datagram socket works on'
check 'a stream' vtest echo 2 7 300000
"""

UNPLUG = r"""
unplugged()	# HOW
{
	check "the device is gone: $1" \
	    until_true [ ! -e /sys/bus/pci/devices/$device ]
	finish stream "a stream ends with it"
	finish idle "who sleeps is woken by it"
	finish unread "what came before is read"
	check 'nobody is reached' sh -c '! vtest echo 2 7 1 2>/dev/null'
	check 'and nobody waits' sh -c '! echo 1 2>/dev/null >$resident/check'
}

plugged()	# HOW
{
	check "the device is back: $1" until_true bound
	check 'and its host' until_true sh -c 'vtest echo 2 7 1 2>/dev/null'
	finish keep "a datagram socket works on"
	finish near "a stream within the guest goes on"
	works "after it"
}

bound()
{
	device=$(cd $driver && ls -d 0000:* 2>/dev/null)
}

# As if the bridge to ISA were another of its kind.
echo 8086 7000 >$driver/new_id
check 'a second device is refused' sh -c \
    'dmesg | grep -q "a second device" && dmesg | grep -q "with error -16"'
echo 8086 7000 >$driver/remove_id

begin_all
echo 1 >/sys/bus/pci/devices/$device/remove
unplugged sysfs
echo 1 >/sys/bus/pci/rescan
plugged rescan

begin_all
echo 'guest: wants to lose its device'
unplugged hotplug
echo 'guest: wants a device'
plugged hotplug

begin_all
echo 'guest: wants its device torn out'
check 'it answers no more' until_true sh -c \
    "od -An -tx1 -N2 /sys/bus/pci/devices/$device/config | grep 'ff ff'"
vtest echo 2 7 1 2>/dev/null
echo 1 >/sys/bus/pci/devices/$device/remove
unplugged 'torn out'
echo 'guest: wants another device'
plugged 'another'
"""

REBIND = r"""
check 'the module stays while it is used' sh -c '! rmmod vmw_vmci 2>/dev/null'

# Connections all the time: what they find is theirs to bear.
touch /tmp/load
while [ -e /tmp/load ]; do
	timeout 2 vtest echo 2 7 50000 >/dev/null 2>&1
	timeout 2 vtest datagram 2 5007 30000 >/dev/null 2>&1
done &
load=$!
begin near 7001
for round in 1 2 3 4 5 6; do
	begin stream 7
	begin idle 7
	begin unread 7
	check "unbind, round $round" sh -c "echo $device >$driver/unbind"
	check "bind, round $round" sh -c "echo $device >$driver/bind"
	finish stream "a stream ends with it"
	finish idle "who sleeps is woken by it"
	finish unread "what came before is read"
done
rm /tmp/load
wait $load
finish near 'a stream within the guest goes on'
works 'after it was bound again'

begin_all
check 'the transport stays while it is used' \
    sh -c '! rmmod vmw_vsock_vmci_transport 2>/dev/null'
override=/sys/bus/pci/devices/$device/driver_override
echo nobody >$override
echo $device >$driver/unbind
check 'it is of another driver' \
    sh -c "! echo $device 2>/dev/null >$driver/bind"
finish stream "a stream ends with it"
finish idle "who sleeps is woken by it"
finish unread "what came before is read"
echo >$override
check 'and then ours' sh -c "echo $device >/sys/bus/pci/drivers_probe"
finish keep 'a datagram socket works on'
finish near 'a stream within the guest goes on'
works 'after an override'

again()		# PARAMETER...
{
	unload vmw_vsock_vmci_transport
	unload vmw_vmci
	load vmw_vmci "$@"
	load vmw_vsock_vmci_transport
}

# msi or msix, for each interrupt.
kinds()
{
	echo $(cat /sys/bus/pci/devices/$device/msi_irqs/* 2>/dev/null)
}

echo $device >$driver/unbind
unload vmci_resident
again
load vmci_resident
works 'after a second load'
check 'three of MSI-X' [ "$(kinds)" = 'msix msix msix' ]
unload vmci_resident
again disable_msix=1
load vmci_resident
works 'without MSI-X'
check 'one of MSI' [ "$(kinds)" = msi ]
unload vmci_resident
again disable_msi=1
load vmci_resident
works 'without MSI'
check 'none of MSI' [ "$(kinds)" = '' ]
unload vmci_resident
again disable_guest=1
check 'the device is left alone' [ ! -e $driver/$device ]
check 'there is no way to a host' vtest nowhere 2 7
echo 0 >/sys/bus/pci/drivers_autoprobe
again
echo $device >$driver/bind
check 'a device that came after the transport' vtest echo 2 7 1000
"""


# Indices of both rings, in the headers that the host writes (hostile-peer
# matrix, A).
LIES = (262144, 262145, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1)
HOSTILE = r"""
counted()	# COUNTER
{
	[ $(sed -n "s/^$1 //p" $counters) -gt 0 ]
}

echo 'guest: wants to be lied to'
check 'who is nobody is counted' until_true counted receive_no_endpoint
for lie in LIES; do
	begin idle 7
	finish idle "index $lie ends that stream"
done
echo 'guest: wants an honest host'
check 'and its host' until_true sh -c 'vtest echo 2 7 1 2>/dev/null'
works 'after the lies'
""".replace("LIES", " ".join(map(str, LIES)))

# In bytes, of the memory that the device can reach.
IOMMU = r"""
trace=/sys/kernel/tracing
mount -t tracefs tracefs $trace
reach()		# EVENT SIZE
{
	sed -n "s/.* $1: .*[ _]size=\([0-9]*\).*/\1/p" $trace/trace |
	    awk '{ sum += $1 } END { print sum + 0 }'
}

as_many()
{
	echo "# mapped $(reach map), unmapped $(reach unmap)"
	[ $(reach map) -gt 1000000 ] && [ $(reach map) = $(reach unmap) ]
}

# Objects of the kernel, one for each device on the bus.
devices()
{
	cat /sys/kernel/debug/slab/kmalloc-*/alloc_traces |
	    awk '/pci_alloc_dev/ { sum += $1 } END { print sum + 0 }'
}

one_less()	# THAN
{
	[ $(devices) = $(($1 - 1)) ]
}

check 'behind an IOMMU' grep -q DMA /sys/bus/pci/devices/$device/iommu_group/type
works 'behind an IOMMU'
echo $device >$driver/unbind
echo 8192 >$trace/buffer_size_kb
echo 1 >$trace/events/iommu/enable
echo $device >$driver/bind
works 'after it was bound again'
begin stream 7
begin idle 7
echo $device >$driver/unbind
check 'nothing stays mapped' as_many
before=$(devices)
echo 1 >/sys/bus/pci/devices/$device/remove
finish stream 'a stream ends with it'
finish idle 'and then lets go of its memory'
check 'nobody keeps the device' until_true one_less $before
check 'which was not mapped' as_many
echo 1 >/sys/bus/pci/rescan
check 'the device is back' until_true [ -e $driver/$device ]
works 'after it was found again'
echo $device >$driver/unbind
unload vmci_resident
unload vmw_vsock_vmci_transport
unload vmw_vmci
check 'after all nothing is mapped' as_many

# Last, as the trace is emptied with the module that has these events.
load vmw_vmci
echo 1 >$trace/events/vmw_vmci/enable
load vmci_resident
unload vmci_resident
for event in endpoint_create endpoint_destroy doorbell_create doorbell_destroy \
    qpair_detach; do
	check "the trace of $event" \
	    grep -q " vmci_$event: [0-9:]* status 0" $trace/trace
done
check 'the trace of qpair_alloc' grep -q \
    'vmci_qpair_alloc: .* 8192, 8192 peer 2 flags 0x0 status 4' $trace/trace
"""


# Each allocation of a probe fails once.  Then the probe fails with that error,
# or everything works as usual, or the log says what the device must do
# without.
FAILURES = r"""
failing=/sys/module/vmci_failing/parameters
load vmci_failing
unload vmci_resident
said()
{
	dmesg | sed -n 's/^[^]]*] //; /vmw_vmci/p'
}

kind()		# FILE
{
	sed -n 's/.*context [0-9]*, \([^,]*\).*/\1/p' $1
}

# It has bells, datagrams and pairs that work, and is talked to as usual.
whole()		# PARAMETERS-OF-THE-CLIENT
{
	insmod /modules/vmci_resident.ko "$@" 2>/dev/null || return
	{ echo 1 >$resident/check; } 2>/dev/null
	whole_status=$?
	rmmod vmci_resident
	[ $whole_status = 0 ] && [ "$(kind /tmp/said)" = "$(kind /tmp/usual)" ]
}

# Told of no doorbells, it has none, and all the rest.
as_told()
{
	if grep -q 'no doorbells' /tmp/said; then
		! whole && whole bells=0
	else
		whole
	fi
}

# Bind and unbind; `left`: what was not reached, `outcome`: good or not.
probe()		# N, the allocation that fails
{
	dmesg -c >/dev/null
	echo $1 >$failing/left
	{ echo $device; } >$driver/bind 2>/tmp/why
	probe_status=$?
	left=$(cat $failing/left)
	echo 0 >$failing/left
	said >/tmp/said
	outcome=good
	if [ $probe_status = 0 ]; then
		as_told || outcome=lame
		echo $device >$driver/unbind
	elif ! grep -q 'Cannot allocate memory' /tmp/why; then
		outcome=other
	fi
}

echo $device >$driver/unbind
: >/tmp/usual
probe 0
cp /tmp/said /tmp/usual
count=1
bad=0
bells_lost=0
probe 1
while [ $left = 0 ]; do
	bells_lost=$((bells_lost + $(grep -c 'no doorbells' /tmp/said)))
	if [ $outcome != good ]; then
		bad=$((bad + 1))
		echo "# $count: $outcome, $(cat $failing/where)"
		sed 's/^/# /' /tmp/why /tmp/said
	fi
	count=$((count + 1))
	probe $count
done
echo "# $((count - 1)) allocations"
check 'a probe allocates' [ $count -gt 10 ]
check 'and once does without doorbells' [ $bells_lost -gt 0 ]
check 'each failure is borne or told of' [ $bad = 0 ]
check 'without one all is as usual' cmp /tmp/said /tmp/usual
echo $device >$driver/bind
load vmci_resident
works 'after all of them'
"""

NEGOTIATE2, OFFER, ATTACH, WROTE, REQUEST2 = 12, 3, 4, 5, 11


def control(program, kind, to_port, body=b"", proto=0, source=1, cut=32):
    """Send a control packet of stream sockets from port 7 of the host."""
    packet = struct.pack("<BBHIII", 1, kind, proto, 7, to_port, 0) + body
    return program.send((program.guest, 1), (2, source),
                        packet.ljust(32, b"\0")[:cut])


def heard(program, kind):
    """The ports and the rest of the guest's next packet of this kind."""
    while True:
        body = program.wait(program.DATAGRAM, seconds=60)[24:]
        if body[1] == kind:
            return struct.unpack_from("<I", body, 4)[0], body[16:]


def lie(program, index):
    port, size = heard(program, REQUEST2)
    control(program, NEGOTIATE2, port, size, proto=1)
    _, offer = heard(program, OFFER)
    handle = struct.unpack_from("<II", offer)
    size = struct.unpack_from("<Q", size)[0]
    program.alloc(handle, size, size, program.guest, 1)
    _, pieces = program.memory()
    # The first page is our header: tail and head.  Write them before the guest
    # learns that it is connected, because vsock wakes no thread for a broken
    # queue.
    number, _, offset, _ = pieces[0]
    os.pwrite(program.files[number], struct.pack("<QQ", index, index),
              offset + 8)
    control(program, ATTACH, port, offer)
    control(program, WROTE, port)


def malformed(program):
    """The guest answers none of them with more than a reset (C46 to C52, G84).
    """
    for kind in (*range(16), 255):
        for cut in (0, 1, 16, 31, 32):
            for source in (1, 2, 15):
                control(program, kind, 7000, b"\xff" * 16, 0xffff, source,
                        cut)
    for resource in (0, 1, 2, 1023, 1024, 5007, 0xfffffffe, 0xffffffff):
        for size in (0, 1, 23, 24, 4096, 69608):
            program.send((program.guest, resource), (2, 0), b"\xff" * size)
            program.send((program.guest, resource), (0, 0), b"\xff" * size)


def deceive(play):
    play.host.__exit__()
    with qdevice.Program(play) as program:
        program.guest = scene.CID
        program.bind(1)
        malformed(program)
        for index in LIES:
            lie(program, index)
        play.guest.wait("guest: wants an honest host", 120)


def remove(play):
    play.guest.ask("device_del", id="v")
    # vqp-host is connected to the device and ends with it.
    play.check(vm.ended_well(play.host.process, 60),
               "the host ends with the device")


def add(play):
    play.guest.ask("human-monitor-command", **{
        "command-line": "device_add " + play.device})
    play.new_host()


def tear_out(play):
    play.guest.ask("qom-set", path="/machine/peripheral/v",
                   property="x-gone", value=True)


def replace(play):
    remove(play)
    add(play)


def wake(play, state):
    while not play.guest.wait("guest: awake from " + state, 1):
        if state == "freeze":
            play.guest.ask("send-key", keys=[{"type": "qcode",
                                              "data": "spc"}])
        elif play.guest.ask("query-status")["status"] == "suspended":
            play.guest.ask("system_wakeup")


class Life:
    def __init__(self, options, script, resident=True, **machine):
        self.options = options
        self.script = BESIDE + (WITH_RESIDENT if resident else "") + script
        self.resident = resident
        self.machine = machine


# The words of a line "guest: wants ...".
STEPS = {
    "to be woken from freeze": lambda play: wake(play, "freeze"),
    "to be woken from mem": lambda play: wake(play, "mem"),
    "to lose its device": remove,
    "a device": add,
    "its device torn out": tear_out,
    "another device": replace,
    "to be lied to": deceive,
    "an honest host": scene.Scene.new_host,
}

# A kernel started as PVH does not resume from S3.
VARIANTS = {
    "hostile-mmio": Life("mmio=on", HOSTILE),
    "hostile-port": Life("vectors=1", HOSTILE),
    "suspend-mmio": Life("mmio=on", SUSPEND, packed=True),
    "suspend-port": Life("", SUSPEND, packed=True),
    "thaw": Life("mmio=on", THAW, resident=False, packed=True),
    "unplug-mmio": Life("mmio=on", UNPLUG),
    "unplug-port": Life("vectors=1", UNPLUG),
    "rebind-smp": Life("mmio=on", REBIND, smp=2),
    "failures-mmio": Life("mmio=on", FAILURES),
    "failures-port": Life("", FAILURES),
    "iommu": Life("mmio=on", IOMMU, machine="q35",
                  append="intel_iommu=on slub_debug=U,kmalloc-*",
                  extra=("-device", "intel-iommu")),
}


def run(name, kernel, arguments, results):
    variant = VARIANTS[name]
    if not arguments.module and variant.resident:
        results.skip(name, "for our driver alone")
        return
    files = []
    if variant.resident:
        for name_of in ("vmci_resident.ko", "vmci_failing.ko"):
            files.append(("modules/" + name_of,
                          arguments.module.with_name(name_of)))
    with scene.Scene(
            name, kernel, arguments, results, variant.script,
            variant.options, variant.machine, files,
            ("--echo", "7", "--datagram-echo", "5007")) as play:
        for found in play.guest.each("guest: (?:wants (.*)|done)", 240):
            if not found.group(1):
                break
            STEPS[found.group(1)](play)
