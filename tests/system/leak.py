# SPDX-License-Identifier: Apache-2.0
"""Guests come and go and leave nothing: after many create/destroy cycles, some cut short at random moments of the
guest's boot, free memory, event channels, domains and store nodes are back at exactly the first figure.

What is counted, and how, is census/census.c; the store is counted by its listing. The first figure is taken after one cycle, when
dom0 has its first page of grant handles and its kernel has what it keeps for good."""

import os
import random
import subprocess

from lab import paths

CENSUS = os.path.join(paths.TOP, "tests", "system", "census", "census.c")


def census_program(context):
    """Path of the counting program, built for this run."""
    out = os.path.join(context.folder, "census")
    subprocess.run(["gcc", "-Wall", "-Werror", "-O2", "-o", out, CENSUS, "-lxenctrl"], check=True)
    return out


def figure(dom0):
    """What the host holds, once it has come to rest (freed memory may still be being scrubbed)."""
    before = None
    for _ in range(20):
        now = dom0.run("census; echo nodes=$(xenstore-ls -f | wc -l)"
                       " loops=$(ls -d /sys/block/loop*/loop 2>/dev/null | wc -l)"
                       " vifs=$(ls -d /sys/class/net/vif* 2>/dev/null | wc -l)").split()
        if now == before:
            return now
        before = now
        dom0.run("sleep 0.5")
    return before


def leak(context):
    """Free memory, event channels, domains and store nodes return after create/destroy cycles."""
    cycles, kills = (200, 20) if context.long else (10, 4)
    chance = random.Random(1)
    files = {**context.guest_files(), "/usr/bin/census": census_program(context)}
    with context.dom0(files=files, dom0_memory="768M") as dom0:
        disk = context.make_disk(dom0, "/tmp/disk.img", 16)
        dom0.put("/etc/xen/demo.cfg", context.guest("demo", addr="10.77.0.2", memory=96, disks=[disk]))

        def cycle(wait_up, pause=0.0):
            dom0.run(f"{context.tool} create /etc/xen/demo.cfg", 120)
            if wait_up:
                dom0.wait_for("ping -c 1 -W 1 10.77.0.2 >/dev/null", 120)
            else:
                dom0.run(f"sleep {pause:.2f}")
            dom0.run(f"{context.tool} destroy demo", 60)

        cycle(True)
        first = figure(dom0)
        for number in range(cycles):
            cycle(number % 5 == 0)
        now = figure(dom0)
        context.require(now == first, f"after {cycles} cycles: {now}, at first: {first}")
        for _ in range(kills):
            cycle(False, chance.uniform(0, 6))
        now = figure(dom0)
        context.require(now == first, f"after {kills} kills in boot: {now}, at first: {first}")
        return f"{' '.join(first)}, at the end {now[0]}"


TESTS = {"leak": leak}
