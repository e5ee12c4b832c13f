# SPDX-License-Identifier: Apache-2.0
"""The distribution's kernel as a paravirtualized guest beside the small dom0: console, disk, network, and its ends.

The guest is the small image: what it is told to do comes as task=, what it says is read from its console's log."""

import re

from lab import paths
from run.context import Failure, Skip
from run.kernel_log import check_dom0_log, check_kernel_log

# Each 16 MB of the disk begin with a number. They are written in large pieces: busybox's tee writes 1 KB at a time, for which the
# kernel first reads each page of the disk. A task has to be short: a guest's kernel takes 1023 characters, and this is in base64.
DISK_TASK = """
n={megabytes}
head -c $((16777216-16)) /dev/urandom >/tmp/b
mkfifo /tmp/s;sha256sum </tmp/s >/tmp/wrote&
i=0;while [ $i -lt $n ];do printf %16d $i;cat /tmp/b;i=$((i+16));done|tee /tmp/s|dd of=/dev/xvda bs=1M iflag=fullblock
wait $!;sync;echo 3 >/proc/sys/vm/drop_caches
dd if=/dev/xvda bs=1M count=$n|sha256sum >/tmp/read
cmp /tmp/wrote /tmp/read && echo "disk: good $(cut -c1-64 /tmp/read)"
"""

NET_TASK = """
ping -c 5 -W 5 10.77.0.1 && echo "ping: good"
dd if=/dev/urandom of=/tmp/data bs=1M count={megabytes} 2>/dev/null || echo "net: no room for the data"
sha256sum /tmp/data | cut -c1-64 | sed 's/^/sent: /'
nc 10.77.0.1 7001 </tmp/data
rm /tmp/data
nc 10.77.0.1 7002 | sha256sum | cut -c1-64 | sed 's/^/received: /'
"""

LOG_TASK = "dmesg -r"


def said(log, word):
    """The rest of the line of a guest's log that starts with the word."""
    found = re.search(rf"^{word}: (\S+)", log, re.M)
    if not found:
        raise Failure(f"the guest did not say '{word}:'")
    return found.group(1)


def first_guest(context):
    """One stock guest with one vCPU: from create to its shell; console both ways; poweroff ends it."""
    config = context.guest("demo", addr="10.77.0.2", task=LOG_TASK)
    files = {**context.guest_files(kernel=paths.kernel()), "/etc/xen/demo.cfg": config}
    with context.dom0(files=files) as dom0:
        tool = context.tool
        dom0.run(f"{tool} create /etc/xen/demo.cfg", 180)
        context.guest_says(dom0, "demo", "guest: up with 1 vCPUs", 180)
        context.guest_says(dom0, "demo", "guest: task ended with", 60)
        check_kernel_log(context, context.guest_log(dom0, "demo"), "guest-dmesg")
        listed = dom0.run(f"{tool} list")
        context.require(re.search(r"^demo +1 +128 +1 +[-r][-b]----", listed, re.M), f"unexpected list: {listed!r}")
        dom0.run("ping -c 3 -W 10 10.77.0.2")
        dom0.send(f"77 {tool} console demo\n")
        dom0.emulator.write("\n")
        dom0.emulator.expect(r"guest:.*# ", 30)
        dom0.send("echo $((6*7))is; uname -n\n")
        dom0.emulator.expect(r"^42is\nguest\n", 30)
        dom0.emulator.write("\x1d")
        dom0.emulator.expect(r"@@77:0@@\n", 30)
        dom0.send(f"78 {tool} console demo\n")
        dom0.emulator.write("\n")
        dom0.emulator.expect(r"guest:.*# ", 30)
        dom0.send("poweroff -f\n")
        dom0.emulator.expect(r"@@78:\d+@@\n", 60)
        dom0.wait_for(f"! {tool} domid demo 2>/dev/null", 30)


def start_sinks(dom0, net_size):
    """dom0's two ends of the guest's TCP: takes on port 7001, gives /tmp/out on 7002."""
    # nc ends when either side does: its standard input must stay open until the guest has sent all.
    dom0.run("(sleep 10000 | nc -l -p 7001 | sha256sum | cut -c1-64 >/tmp/got) &")
    dom0.run(f"dd if=/dev/urandom of=/tmp/out bs=1M count={net_size} 2>/dev/null")
    dom0.run("(nc -l -p 7002 </tmp/out >/dev/null) &")


def exercise(context, dom0, name, vcpus, extra=(), sizes=(64, 16)):
    """Creates a stock guest that does disk and network by checksum, and judges what it says."""
    disk_size, net_size = (1024, 100) if context.long else sizes
    task = DISK_TASK.format(megabytes=disk_size) + NET_TASK.format(megabytes=net_size) + LOG_TASK
    disk = context.make_disk(dom0, "/tmp/disk.img" if not context.long else "/disk.img", disk_size)
    config = context.guest(name, task=task, addr="10.77.0.2", memory=512 if context.long else 256, vcpus=vcpus,
                           disks=[disk], extra=extra)
    dom0.put(f"/etc/xen/{name}.cfg", config)
    start_sinks(dom0, net_size)
    dom0.run(f"{context.tool} create /etc/xen/{name}.cfg", 180)
    context.guest_says(dom0, name, f"guest: up with {vcpus} vCPUs", 180)
    context.guest_says(dom0, name, "guest: task ended with", 3600 if context.long else 400)
    log = context.guest_log(dom0, name)
    check_kernel_log(context, log, f"{name}-dmesg")
    context.require("ping: good" in log, "the guest's ping of dom0 failed")
    context.require("net: no room" not in log, f"the guest has no room for {net_size} MB")
    said(log, "disk")
    context.require(said(log, "sent") == dom0.run("cat /tmp/got").strip(), "TCP from the guest changed its data")
    wanted = dom0.run("sha256sum /tmp/out").split()[0]
    context.require(said(log, "received") == wanted, "TCP to the guest changed its data")
    dom0.run(f"{context.tool} destroy {name}")
    return f"{disk_size} MB of disk, {net_size} MB of TCP each way"


def need_hvm(context, dom0):
    """PVH and HVM guests need a hypervisor and a CPU that can run them."""
    if "hvm-3.0" not in dom0.run(f"{context.tool} info"):
        raise Skip("the hypervisor runs no PVH or HVM guests here")


def guest_io(*each, extra=(), kernel=None, sizes=(64, 16), need=None, **machine):
    """A test of guests one after the other, each with so many vCPUs."""
    def run(context):
        """filled in below"""
        with context.dom0(files=context.guest_files(kernel() if kernel else None), memory="4G",
                          dom0_memory="2G" if context.long else "768M", **machine) as dom0:
            if need:
                need(context, dom0)
            for vcpus in each:
                remark = exercise(context, dom0, f"demo{vcpus}", vcpus, extra, sizes)
            check_dom0_log(context, dom0)
            return remark

    run.__doc__ = f"A stock guest with {' and then '.join(map(str, each))} vCPUs: ping, TCP and disk, by checksum."
    return run


TESTS = {
    "guest-pv": first_guest,
    "guest-pv-io": guest_io(1),
    "guest-pv-smp": guest_io(4),
}
# Its data came through in each run, but it takes minutes and was not seen to the end since guests are destroyed in one pass.
LONG = {"guest-pv-smp"}
