# SPDX-License-Identifier: Apache-2.0
"""Whole systems, measured in instructions: Debian's kernel as dom0 and as guest, with Orlop's tools on Orlop and with the
distribution's own on its Xen; and the same kernel on the bare emulator.

One run of the emulator measures many things. dom0 does them by itself (programs/scenario), marks where each begins and ends
(programs/macro.c), and the plugin of events.py tells what was executed in between: by everybody, since one CPU does all of it."""

import base64
import os
import re
import subprocess

from lab import images, paths
from lab.cpio import Archive
from lab.emulator import Emulator, Ended, Machine, Timeout

from . import events

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
GUESTS = os.path.join(paths.TOP, "tests", "guests")
KINDS = ("pv", "pvh")
WORK = ("process", "pipe", "file", "pages")
WORK_COUNT = 64
BYTES = 8 << 20
STEPS = ["nothing", "idle_create", "idle_destroy", "many_create", "many_list", "many_destroy"]
STEPS += [f"{kind}_{what}" for kind in KINDS for what in ("create_first", "create_second", "list", "destroy")]
STEPS += [f"{kind}_{what}" for kind in ("bare", *KINDS) for what in (*WORK, "write", "read", "send", "take")]
# The marks of a step: an even number where it begins, the next one where it ends.
IDS = {name: 10 + 2 * i for i, name in enumerate(STEPS)}
GUEST = """name = '{name}'
type = '{kind}'
memory = 128
vcpus = 1
kernel = '/boot/vmlinuz'
ramdisk = '/boot/guest.img'
extra = 'console=hvc0 quiet nokaslr norandmaps rdinit=/usr/bin/bench-init addr=10.77.0.2 task={task}'
vif = ['mac=00:16:3e:00:00:01,bridge=xenbr0']
disk = ['phy:/dev/loop0,xvda,w']
"""
IDLE = """type = 'pv'
memory = 2
vcpus = 1
kernel = '/boot/idle'
"""
# The scenario's parts that one run of the emulator does, the machine's memory and dom0's.
GROUPS = {"systems": ("idle pv pvh", "2G", "768M"), "many": ("many", "3G", "1G")}
PATIENCE = 3600  # seconds for a run
NOTE_ENTRY, NOTE_PHYS32_ENTRY = 1, 18


def programs(folder):
    """{path in dom0: path here} of what dom0 runs, built."""
    made = {name: os.path.join(folder, name) for name in ("macro", "idle", "census")}
    strict = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
    script = os.path.join(GUESTS, "lib", "guest.lds")
    census = os.path.join(paths.TOP, "tests", "system", "census", "census.c")
    for command in ([*strict, "-static", "-o", made["macro"], os.path.join(HERE, "macro.c")],
                    [*strict, "-o", made["census"], census, "-lxenctrl"],
                    ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096",
                     "-Wl,--no-warn-rwx-segments", "-I", GUESTS, "-T", script, "-o", made["idle"],
                     os.path.join(HERE, "idle.S")]):
        subprocess.run(command, check=True)
    return {"/usr/bin/macro": made["macro"], "/usr/bin/census": made["census"], "/boot/idle": made["idle"],
            "/usr/bin/scenario": os.path.join(HERE, "scenario")}


def guest_image(folder):
    """The small guest's initramfs with our program in it; as it lies in dom0, and under the bare kernel."""
    made = os.path.join(folder, "guest.img")
    archive = Archive()
    archive.merged_usr()
    archive.copy(os.path.join(folder, "macro"), "/usr/bin/macro", 0o755)
    archive.link("/usr/bin/bench-init", "macro")
    with open(images.guest_small(), "rb") as base, open(made, "wb") as out:
        out.write(base.read() + archive.tobytes())
    return made


def _work(kind):
    return f"macro work {IDS[kind + '_process']} {WORK_COUNT}"


def _task(kind):
    """What a guest does, coded for its kernel's command line."""
    lines = [_work(kind), f"macro disk {IDS[kind + '_write']} /dev/xvda {BYTES}",
             f"macro send {IDS[kind + '_send']} 10.77.0.1 7001 {BYTES}",
             f"macro take {IDS[kind + '_take']} 10.77.0.1 7001 {BYTES}"]
    return base64.b64encode(" && ".join(lines).encode()).decode()


def _dom0_files(folder, side, parts, count):
    told = {"tool": "xl" if side == "xen" else "orlop", "bytes": BYTES, "count": count}
    told.update({f"id_{name}": number for name, number in IDS.items()})
    files = {**programs(folder), "/boot/vmlinuz": paths.kernel(), "/boot/guest.img": guest_image(folder), "/etc/xen/idle.cfg": IDLE.encode(),
             "/etc/bench": ("".join(f"{name}={value}\n" for name, value in told.items()) + f'parts="{parts}"\n').encode()}
    files.update({f"/etc/xen/{kind}.cfg": GUEST.format(name=kind, kind=kind, task=_task(kind)).encode() for kind in KINDS})
    return files


def entries():
    """Where the distribution's kernel begins as PV and as PVH guest, out of its Xen notes."""
    told = subprocess.run(["objcopy", "-O", "binary", "--only-section=.notes", paths.kernel_unpacked(), "/dev/stdout"],
                          capture_output=True, check=True).stdout
    found, at = {}, 0
    while at + 12 <= len(told):
        name, size, kind = (int.from_bytes(told[at + 4 * i:at + 4 * i + 4], "little") for i in range(3))
        value = at + 12 + (name + 3) // 4 * 4
        if told[at + 12:at + 12 + name] == b"Xen\0":
            found[kind] = int.from_bytes(told[value:value + size], "little")
        at = value + (size + 3) // 4 * 4
    if not {NOTE_ENTRY, NOTE_PHYS32_ENTRY} <= set(found):
        raise paths.LabError("the kernel has no notes that tell its entries")
    return found[NOTE_ENTRY], found[NOTE_PHYS32_ENTRY]


def run(side, group, place, folder, count=0, more=()):
    """One run of a group of the scenario's parts; gives its marks, its lines "bench: left", and what went wrong, or None."""
    parts, memory, dom0_memory = GROUPS[group]
    os.makedirs(place, exist_ok=True)
    initrd = images.joined(os.path.join(place, "initrd.img"), images.dom0_small(side == "xen"), _dom0_files(folder, side, parts, count))
    machine = Machine(hypervisor=paths.hypervisor(side), kernel=paths.kernel_unpacked(), initrd=initrd, cpus=1, memory=memory, icount=True,
                      hypervisor_args=f"com1=115200,8n1 console=com1 loglvl=warning dom0_mem={dom0_memory} dom0_max_vcpus=1",
                      kernel_args=f"console=hvc0 quiet nokaslr norandmaps tools={side} run=/usr/bin/scenario",
                      devices=events.arguments(folder, os.path.join(place, "events"), side, entries(), more))

    def wait(emulator):
        ended = emulator.expect(r"bench: (end|failed.*)$", PATIENCE).group(1)
        return None if ended == "end" else ended

    text, failure = _emulated(machine, place, wait)
    os.unlink(initrd)
    left = re.findall(r"bench: left (\S+) pages=(\d+) .*dom0=(\d+) available=(\d+)", text)
    return events.read(os.path.join(place, "events")), left, failure and f"{group} on {side}: {failure}"


def run_bare(place, folder):
    """The same work under the same kernel without a hypervisor; gives its marks, and what went wrong, or None."""
    os.makedirs(place, exist_ok=True)
    programs(folder)
    task = base64.b64encode(f"{_work('bare')} && poweroff -f".encode()).decode()
    machine = Machine(cpus=1, memory="128M", icount=True, devices=[
        "-kernel", paths.kernel(), "-initrd", guest_image(folder),
        "-append", f"console=ttyS0 quiet nokaslr norandmaps rdinit=/usr/bin/bench-init task={task}",
        *events.arguments(folder, os.path.join(place, "events"))])
    _, failure = _emulated(machine, place, lambda emulator: emulator.wait_end(PATIENCE))
    return events.read(os.path.join(place, "events")), failure and f"the bare kernel: {failure}"


def _emulated(machine, place, wait):
    """Runs the machine until wait(emulator) is through; gives the console's text, and what went wrong, or None."""
    log = os.path.join(place, "serial.log")
    with Emulator(machine, log) as emulator:
        try:
            failure = wait(emulator)
        except (Timeout, Ended) as error:
            failure = str(error)
        return emulator.text, failure and f"{failure}; see {log}"
