# SPDX-License-Identifier: Apache-2.0
"""Instructions from the hypervisor's first to dom0's first, counted by the emulator.

On Xen 4.17: 5.52 G with the distribution's xz kernel, 1.03 G with an uncompressed one."""

import os
import struct
import subprocess

from lab import paths, probe
from run.context import Failure

MOST = {"xz kernel": 5.0e9, "uncompressed kernel": 0.25e9}


def _dom0_entry():
    """Virtual address of the kernel's PV entry, out of its Xen notes."""
    done = subprocess.run(["readelf", "-n", paths.kernel_unpacked()], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for number, line in enumerate(lines):
        # Type 1 of the owner Xen is XEN_ELFNOTE_ENTRY; readelf prints it by its name among the generic types.
        if line.split()[:1] == ["Xen"] and "NT_VERSION" in line:
            data = bytes.fromhex("".join(lines[number + 1].split(":")[1].split()))
            return struct.unpack("<Q", data[:8])[0]
    raise Failure("the kernel has no note that tells its PV entry")


def start_cost(context):
    """Orlop starts dom0 within 5.0 G instructions (xz kernel) and 0.25 G (uncompressed)."""
    entry = _dom0_entry()
    told = {}
    for name, kernel in (("xz kernel", paths.kernel()), ("uncompressed kernel", paths.kernel_unpacked())):
        machine = context.machine(kernel=kernel, cpus=1, dom0_cpus=1, memory="1G", icount=True)
        first = probe.elf_entry(machine.hypervisor)
        told[name] = probe.instructions_between(machine, first, entry, context.folder)
        os.unlink(machine.initrd)
    text = ", ".join(f"{count / 1e9:.3f} G with {name}" for name, count in told.items())
    if context.on == "orlop":
        context.require(all(count <= MOST[name] for name, count in told.items()), text)
    return text


TESTS = {"dom0-start-cost": start_cost}
