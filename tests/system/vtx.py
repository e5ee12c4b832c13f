# SPDX-License-Identifier: Apache-2.0
"""On a machine with VT-x and EPT, which the usual emulator has not: scripts/lab/bochs.py."""

import os
import shutil
import subprocess

from lab import paths
from lab.cpio import Archive
from lab.emulator import TIME_SCALE
from run.context import Failure, Skip
from run.guests import RUNNER

# Of a guest without any Xen tool around it: /init looks whether it runs as what it is meant to, and says so.
INIT = """#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
read -r type < /sys/hypervisor/type
read -r mode < /sys/hypervisor/guest_type
echo "$(busybox uname -r) runs on $type as $mode"
[ "$type $mode" = "xen PVH" ] && echo "Test result: SUCCESS"
busybox poweroff -f
"""


def _need_bochs():
    deps = os.path.join(paths.TOP, "scripts", "deps.sh")
    if not shutil.which("bochs") and subprocess.run([deps, "vtx"], check=False).returncode:
        raise Skip("no Bochs, and scripts/deps.sh vtx does not get it")


def _run(context, guest, scale):
    return RUNNER.run_guest(guest, hypervisor=context.on, image=paths.hypervisor(context.on),
                            directory=os.path.join(context.folder, guest.name), scale=scale * TIME_SCALE, vtx=True)


def vtx(context):
    """Test guests on a CPU with VT-x and EPT."""
    _need_bochs()
    failed, passed = [], 0
    for guest in RUNNER.select(RUNNER.load_index(), ["vtx"]):
        outcome = _run(context, guest, 4)
        passed += outcome.passed
        if not outcome.passed:
            failed.append(f"{guest.name} {outcome.result}: {outcome.reason}")
    if failed:
        raise Failure("; ".join(failed))
    return f"{passed} guests"


def _kernel_and_ramdisk(path):
    """Writes the distribution's kernel and, behind it, a ramdisk with INIT; gives the ramdisk's offset."""
    archive = Archive()
    archive.merged_usr()
    archive.copy("/bin/busybox", mode=0o755)
    archive.file("/init", INIT, 0o755)
    for folder in ("proc", "sys", "dev"):
        archive.directory(folder)
    archive.node("/dev/console", 5, 1)
    with open(paths.kernel_unpacked(), "rb") as f:
        kernel = f.read()
    kernel += b"\0" * (-len(kernel) % 4096)
    with open(path, "wb") as f:
        f.write(kernel + archive.tobytes())
    return len(kernel)


def vtx_pvh_debian(context):
    """Debian's kernel as PVH guest of 128 MB, which a test guest as dom0 builds, to its init and to its end."""
    _need_bochs()
    payload = os.path.join(context.folder, "kernel-and-ramdisk")
    offset = _kernel_and_ramdisk(payload)
    words = f"once seconds=600 pages=32768 ramdisk={offset} -- console=hvc0 loglevel=7"
    guest = RUNNER.Guest("linux-pvh", ["host-pv64.elf", payload], args=words, xen="dom0_mem=200M,max:200M", timeout=1800)
    outcome = _run(context, guest, 1)
    if outcome.result != "SUCCESS":
        raise Failure(f"{outcome.result}: {outcome.reason}")
    with open(outcome.log, encoding="utf-8", errors="replace") as log:
        text = log.read()
    # Bochs 2.7 tells in CPUID leaf 0xd, 1 the size of the area that is not compacted.
    if text.count("Call Trace") > text.count("XSAVE consistency problem: size 2432 != kernel_size 2688"):
        raise Failure("the guest's kernel complains: see its log")
    return f"{outcome.seconds:.0f} s"


TESTS = {"vtx": vtx, "vtx-pvh-debian": vtx_pvh_debian}
LONG = {"vtx", "vtx-pvh-debian"}
