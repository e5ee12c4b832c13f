# SPDX-License-Identifier: Apache-2.0
"""What a guest's loaded page tables show of the hypervisor, seen from outside: the emulator is stopped while all CPUs run a guest
in ring 3, and the tables that CR3 names are walked in its memory."""

import json
import os
import re
import socket
import struct
import subprocess
import tempfile
import time

from lab import paths
from lab.emulator import Machine
from run.context import Failure, Skip

PAGE = 4096
AREA = 8 * PAGE
# Slots of the hypervisor: of their own in an isolated guest's tables are the M2P and the guest's descriptors.
SLOTS = set(range(256, 272)) - {256, 260}
FRAME_TABLE, DIRECT_MAP = 0xffff818000000000, 0xffff830000000000
CPU_WITH_MELTDOWN = "Skylake-Server,-smap,-smep,-pku,-rdtscp"


class Monitor:
    """The emulator's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise Failure(f"the emulator's monitor: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def cpus(self):
        """Of each CPU: its ring, its CR3, and the stack area that its TSS is in."""
        text = self.ask("human-monitor-command", **{"command-line": "info registers -a"})
        found = []
        for cpu in re.split(r"^CPU#\d+", text, flags=re.M)[1:]:
            tss = int(re.search(r"^TR =\w+ (\w+)", cpu, re.M).group(1), 16)
            found.append((int(re.search(r"CPL=(\d)", cpu).group(1)), int(re.search(r"CR3=(\w+)", cpu).group(1), 16),
                          tss // AREA * AREA))
        return found

    def table(self, address):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "page")
            self.ask("pmemsave", val=address, size=PAGE, filename=name)
            with open(name, "rb") as f:
                return struct.unpack("<512Q", f.read())


def mapped(monitor, table, level=4, base=0):
    """Addresses of what the table maps in the hypervisor's slots, by pages or larger pieces."""
    pages = set()
    for index, entry in enumerate(monitor.table(table)):
        va = base + (index << (12 + 9 * (level - 1)))
        if level == 4:
            va |= 0xffff000000000000
        if not entry & 1 or (level == 4 and index not in SLOTS):
            continue
        if level == 1 or entry & 0x80:
            pages.add(va)
        else:
            pages |= mapped(monitor, entry & 0xffffffffff000, level - 1, va)
    return pages


def own(area):
    """What may be seen by a guest on the CPU with this stack area."""
    symbols = dict(reversed(line.split()[::2]) for line in subprocess.run(
        ["nm", os.path.join(paths.BUILD, "orlop-syms")], capture_output=True, text=True, check=True).stdout.splitlines())
    start, end, idt = (int(symbols[name], 16) for name in ("__text_start", "__text_entry_end", "idt"))
    return {idt} | set(range(start, end, PAGE)) | {area + n * PAGE for n in (0, 1, 2, 7)}


def while_spinning(context, hypervisor_args):
    """Pages mapped on each CPU while it runs the guest, with the CPU's stack area."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "monitor")
        machine = Machine(hypervisor=paths.orlop(), kernel=os.path.join(paths.BUILD, "guests", "spin-pv64.elf"),
                          hypervisor_args=f"com1=115200,8n1 console=com1 dom0_mem=64M dom0_max_vcpus=2 {hypervisor_args}",
                          kernel_args="seconds=600", cpu=CPU_WITH_MELTDOWN, memory="512M",
                          devices=["-qmp", f"unix:{path},server=on,wait=off"])
        with context.emulator(machine) as emulator:
            emulator.expect("Test: spinning", 60)
            monitor = Monitor(path)
            for _ in range(200):
                monitor.ask("stop")
                cpus = monitor.cpus()
                if all(ring == 3 for ring, _, _ in cpus):
                    return [(mapped(monitor, cr3), area) for _, cr3, area in cpus]
                monitor.ask("cont")
                time.sleep(0.02)
    raise Failure("the CPUs were never all in the guest")


def isolation(context):
    """On a CPU with Meltdown a guest's page tables show the entry code, the IDT and its CPU's stacks, nothing else of the
    hypervisor; with spec-ctrl=no they show all."""
    if context.on != "orlop":
        raise Skip("looks at Orlop's own addresses")
    seen = while_spinning(context, "")
    context.require(len({area for _, area in seen}) == 2, "not two CPUs with stacks of their own")
    for pages, area in seen:
        context.require(pages == own(area), f"mapped for a guest: {sorted(map(hex, pages ^ own(area)))[:5]}")
    for pages, _ in while_spinning(context, "spec-ctrl=no"):
        wanted = {FRAME_TABLE, DIRECT_MAP}.union(*(own(area) for _, area in seen))
        context.require(wanted <= pages, f"not mapped with spec-ctrl=no: {sorted(map(hex, wanted - pages))[:5]}")
    return f"{len(seen[0][0])} pages of the hypervisor mapped on each CPU"


TESTS = {"isolation": isolation}
