# SPDX-License-Identifier: Apache-2.0
"""What concerns the machine as a whole: from the hypervisor's first instruction to dom0's, and the memory that the hypervisor keeps
for itself. dom0 is a test guest of some kilobytes, so that unpacking a kernel is not in it."""

import os
import struct

from lab import paths, probe
from lab.emulator import Machine

from run.guests import RUNNER

from . import report, runs

START = ("start_to_dom0", "from the hypervisor's first to dom0's first")
MEMORY = {"machine-1g": "on a machine of 1 GB", "machine-4g": "on a machine of 4 GB"}
ARGS = "com1=115200,8n1 console=com1 dom0_mem=64M,max:64M"


def _start(side, folder):
    """Instructions, waiting for the machine's clocks included, to within 280."""
    guest = RUNNER.select(RUNNER.load_index(), ["hello"])[0]
    kernel = os.path.join(paths.BUILD, "guests", guest.modules[0])
    with open(kernel, "rb") as f:
        entry = struct.unpack_from("<Q", f.read(32), 24)[0]
    machine = Machine(hypervisor=paths.hypervisor(side), hypervisor_args=ARGS, kernel=kernel, cpus=1, memory=guest.memory, cpu=guest.cpu,
                      icount=True)
    return probe.instructions_between(machine, probe.elf_entry(machine.hypervisor), entry, folder)


def measure(folder, say):
    """Rows as those of operations, with a unit; and what failed."""
    figures, failures = {}, []

    def attempt(name, side, run):
        say(f"{name} on {side}")
        place = os.path.join(folder, f"{name}-{side}")
        os.makedirs(place, exist_ok=True)
        try:
            figures[name, side] = run(place)
        except (runs.RunFailed, probe.Timeout, paths.LabError, OSError) as failure:
            failures.append(f"{name} on {side}: {failure}")

    for side in runs.SIDES:
        attempt(START[0], side, lambda place, side=side: _start(side, place))
        for name in MEMORY:
            attempt(name, side, lambda place, name=name, side=side: runs.run_guest(name, side, place)["hypervisor_memory_kb"])
    rows = [_row(START[0], "instructions", START[1], START[0], figures)]
    rows += [_row("hypervisor_memory", "kB", where, name, figures) for name, where in MEMORY.items()]
    return rows, failures


def _row(name, unit, what, key, figures):
    orlop, xen = (figures.get((key, side)) for side in runs.SIDES)
    return {"name": name, "group": "machine", "unit": unit, "what": what, "orlop": orlop, "xen": xen, "ratio": report.ratio(orlop, xen)}


TITLES = {"machine": "the machine as a whole", "systems": "Debian's kernel as dom0 and as guest, with the tools of each side"}


def table(rows):
    """Lines for the terminal, a block for each group."""
    lines = []
    for group, title in TITLES.items():
        listed = [row for row in rows if row.get("group", "machine") == group]
        if listed:
            width = max(len(title), *(len(f"{row['name']} {told(row)}") for row in listed))
            lines += [""] * bool(lines) + [f"{title:{width}} {'Orlop':>14} {'Xen':>14} {'ratio':>7}", *(_line(row, width) for row in listed)]
    return "\n".join(lines)


def _line(row, width):
    share = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
    figures = "".join(f" {'-' if row[side] is None else format(row[side], ','):>14}" for side in runs.SIDES)
    return f"{row['name'] + ' ' + told(row):{width}}{figures} {share:>7}"


def told(row):
    """What a row's figures are, in words."""
    return f"{row['what']}, {row['unit']}" + (f" (bare: {row['bare']:,})" if "bare" in row else "")
