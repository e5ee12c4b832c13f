# SPDX-License-Identifier: Apache-2.0
"""What the command does to a running guest beside its life: facts, vCPUs, scheduling, memory size, debug keys, the log.

The same text for orlop and for stock xl (--tools xen): both stand on the same control interface."""

import json
import re


def commands(context):
    """info, list -l, vcpu-list, vcpu-pin, sched-credit2, mem-set, debug-keys, dmesg, rename on a running guest."""
    tool = context.tool
    with context.dom0(files=context.guest_files()) as dom0:

        def require(command, pattern):
            output = dom0.run(f"{tool} {command}")
            context.require(re.search(pattern, output, re.M), f"{tool} {command}: {output[-600:]!r}")

        dom0.put("/etc/xen/demo.cfg", context.guest("demo", memory=96, vcpus=2, extra=["maxmem = 128"]))
        dom0.run(f"{tool} create /etc/xen/demo.cfg", 120)
        context.guest_says(dom0, "demo", "guest: up with 2 vCPUs")
        require("info", r"^xen_scheduler +: credit2$")
        require("info", r"^nr_cpus +: 2$")
        listed = dom0.run(f"{tool} list -l demo")
        context.require(json.loads(listed[listed.index("["):])[0]["domid"] == 1, f"unexpected list -l: {listed!r}")
        require("vcpu-list demo", r"^demo +1 +1 +\d .* all / all$")
        dom0.run(f"{tool} vcpu-pin demo 0 1 && {tool} vcpu-pin demo 1 all 0")
        require("vcpu-list demo", r"^demo +1 +0 +\S+ +\S+ +\S+  1 / all$")
        require("vcpu-list demo", r"^demo +1 +1 +\S+ +\S+ +\S+  all / 0$")
        dom0.run(f"{tool} vcpu-set demo 1")
        dom0.wait_for(f"{tool} list demo | grep -q '^demo  *1  *[0-9]*  *1 '", 30)
        dom0.run(f"{tool} sched-credit2 -d demo -w 512 -c 50")
        require("sched-credit2 -d demo", r"^demo +1 +512 +50$")
        require("sched-credit2", r"^Cpupool Pool-0: ratelimit=\d+us$")
        dom0.run(f"{tool} mem-set demo 88")
        dom0.wait_for(f"{tool} list demo | grep -q '^demo  *1  *88 '", 30)
        status, _ = dom0.run(f"{tool} mem-set demo 200", check=False)
        context.require(status == 1, "more memory than maxmem was not refused")
        # To dom0's console, not through a pipe: the log must end though dom0 prints it.
        dom0.run(f"{tool} debug-keys h; {tool} dmesg", 120)
        require("dmesg | grep -c 'list the keys'", r"^[2-9]$")
        dom0.run(f"{tool} rename demo other && {tool} domid other")
        dom0.run(f"{tool} destroy other")


TESTS = {"commands": commands}
