# SPDX-License-Identifier: Apache-2.0
"""Debian's own tools on the hypervisor, as shipped: xl over libxl, xenstored, xenconsoled.

What they ask of the hypervisor is more than our tools ask, so that these, which serve the other tests, do not show what is missing.
Whatever --tools says, dom0 has Debian's here; with --on xen too."""

import json
import re

from lab.images import XEN_BIN

from run.context import GUEST_LOG

# The guest gives a sum of what dom0 put on its disk, writes something of its own behind it, and goes on talking.
TASK = """
dd if=/dev/xvda bs=1M count=1 2>/dev/null | sha256sum | cut -c1-64 | sed 's/^/read: /'
dd if=/dev/urandom of=/tmp/block bs=1M count=1 2>/dev/null
dd if=/tmp/block of=/dev/xvda bs=1M seek=1 conv=fsync 2>/dev/null
sha256sum /tmp/block | cut -c1-64 | sed 's/^/wrote: /'
ping -c 3 -W 10 10.77.0.1 >/dev/null && echo "ping: good"
i=0; while :; do i=$((i+1)); echo "count $i"; sleep 0.2; done
"""


class Xl:
    """xl in dom0: what a command says must be no complaint, and match."""

    def __init__(self, context, dom0):
        self.context, self.dom0 = context, dom0

    def __call__(self, command, *patterns, timeout=60):
        output = self.dom0.run(f"xl {command} 2>&1", timeout)
        complaint = re.search(r"^.*\b(error|failed|unable)\b.*$", output, re.M | re.I)
        self.context.require(not complaint, f"xl {command}: {complaint and complaint.group(0)!r}")
        for pattern in patterns:
            self.context.require(re.search(pattern, output, re.M), f"xl {command}: no {pattern!r} in {output[-600:]!r}")
        return output


def _sum(dom0, path, megabyte):
    return dom0.run(f"dd if={path} bs=1M skip={megabyte} count=1 2>/dev/null | sha256sum").split()[0]


def _said(context, log, word):
    found = re.search(rf"^{word}: (\S+)$", log, re.M)
    context.require(found, f"the guest did not say '{word}:'")
    return found.group(1)


def _facts(context, dom0, xl):
    """Of the host: who the tools are, what they find."""
    for daemon in ("xenstored", "xenconsoled"):
        program = dom0.run(f"readlink /proc/$(cat /run/{daemon}.pid)/exe").strip()
        context.require(program == f"{XEN_BIN}/{daemon}", f"{daemon} is {program}")
    xl("info", r"^xen_version +: 4\.17[.-]", r"^nr_cpus +: 2$", r"^total_memory +: \d+$", r"^free_memory +: [1-9]\d+$",
       r"^hw_caps +: [0-9a-f]{8}(:[0-9a-f]{8}){7}$", r"^xen_scheduler +: credit2$", r"^xen_caps +: .*xen-3\.0-x86_64")
    xl("list", r"^Domain-0 +0 +\d+ +2 +r----- ")
    xl("dmesg | grep -c '^('", r"^[1-9]\d+$")  # the lines themselves could be the hypervisor's own on the console


def _devices(context, dom0, xl, log):
    """Of the guest: its disk and its network card, as the store tells of them and as they work."""
    xl("block-list stock", r"^51712 +0 +1 +4 ")
    xl("network-list stock", r"^0 +0 +[0-9a-f:]{17} +0 +4 ")
    context.require(_said(context, log, "read") == _sum(dom0, "/tmp/disk.img", 0), "the guest read other data than its disk has")
    context.require(_said(context, log, "wrote") == _sum(dom0, "/tmp/disk.img", 1), "the disk has other data than the guest wrote")
    context.require("ping: good" in log, "the guest's ping of dom0 failed")


def _pause(context, dom0, xl):
    lines = f"wc -l <{GUEST_LOG.format('stock')}"
    xl("pause stock")
    xl("list stock", r"^stock +1 +128 +2 +--p--- ")
    before = dom0.run(f"sleep 1; {lines}; sleep 2; {lines}").split()
    context.require(before[0] == before[1], f"a paused guest went on: {before}")
    xl("unpause stock")
    dom0.wait_for(f"[ $({lines}) -gt {before[1]} ]", 30)


def stock_tools(context):
    """Debian's xl, xenstored and xenconsoled: facts, a PV guest with disk and network from create to its shutdown, another destroyed."""
    context = context.with_tools("xen")
    with context.dom0(files=context.guest_files()) as dom0:
        xl = Xl(context, dom0)
        _facts(context, dom0, xl)
        disk = context.make_disk(dom0, "/tmp/disk.img", 2)
        dom0.run("dd if=/dev/urandom of=/tmp/disk.img bs=1M count=1 conv=notrunc 2>/dev/null")
        free = xl("info free_memory")
        config = context.guest("stock", task=TASK, addr="10.77.0.2", memory=128, vcpus=2, disks=[disk])
        dom0.put("/etc/xen/stock.cfg", config)
        xl("create /etc/xen/stock.cfg", timeout=120)
        context.guest_says(dom0, "stock", "guest: up with 2 vCPUs")
        context.guest_says(dom0, "stock", "count 3")
        _devices(context, dom0, xl, context.guest_log(dom0, "stock"))
        xl("list stock", r"^stock +1 +128 +2 +[-r][-b]---- +\d+\.\d$")
        listed = xl("list -l stock")
        context.require(json.loads(listed[listed.index("["):])[0]["domid"] == 1, f"unexpected list -l: {listed!r}")
        xl("vcpu-list stock", r"^stock +1 +0 +\d .* all / all$", r"^stock +1 +1 +\S+ .* all / all$")
        _pause(context, dom0, xl)
        xl("shutdown -w stock", timeout=120)
        dom0.wait_for("! xl domid stock 2>/dev/null >&2", 60)
        dom0.put("/etc/xen/other.cfg", context.guest("other", memory=96))
        xl("create -p /etc/xen/other.cfg", timeout=120)
        xl("list other", r"^other +2 +96 +1 +--p--- ")
        xl("destroy other")
        # To the page it is leak's business: dom0's backends keep a few of their first guest, and xl tells megabytes.
        dom0.wait_for(f"[ $(xl info free_memory) -ge {int(free) - 1} ]", 30)
        context.require(dom0.run("xl list | wc -l").strip() == "2", "a guest that is gone is still listed")
        return f"free memory {free.strip()} MB, then {xl('info free_memory').strip()} MB"


TESTS = {"stock-tools": stock_tools}
