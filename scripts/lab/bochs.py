# SPDX-License-Identifier: Apache-2.0
"""A machine with VT-x and EPT: Bochs, which emulates both (QEMU's own emulation has neither).

GRUB loads the hypervisor from a CD made for the run, by multiboot 1: its multiboot 2 overwrites itself on Bochs' BIOS. What
Debian's Bochs demands besides: a display (that for VNC, which waits for nobody), no speaker, and a word for its debugger."""

import os
import re
import shutil
import subprocess

from . import paths

MODEL = "corei7_skylake_x"
IPS = 50_000_000  # its virtual second, and so the TSC's frequency

CONFIG = """config_interface: textconfig
display_library: rfb, options="timeout=0"
plugin_ctrl: speaker=false
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
megs: {megabytes}
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=1
clock: sync=none
ata0: enabled=1
ata0-master: type=cdrom, path={work}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={serial}
log: {work}/bochs.log
panic: action=fatal
error: action=report
info: action=report
"""

MENU = """serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
multiboot {hypervisor}
{modules}boot
"""


def command(work, hypervisor, options, modules, serial, cpus=1, memory="512M", model=MODEL):
    """The command line that boots hypervisor (multiboot image) with options and modules [(path, arguments)] in an emulator
    whose serial line goes to the file serial. Its CD and settings go to the folder work. It ends on reset."""
    if not shutil.which("bochs"):
        raise paths.LabError("no bochs: run scripts/deps.sh vtx")
    _disk(work, [(hypervisor, options), *modules])
    units = {"M": 1, "G": 1024}
    settings = CONFIG.format(work=work, serial=serial, cpus=cpus, model=model, ips=IPS,
                             megabytes=int(memory[:-1]) * units[memory[-1]])
    _write(work, "bochsrc", settings)
    _write(work, "debugger", "c\nq\n")
    return ["bochs", "-q", "-f", os.path.join(work, "bochsrc"), "-rc", os.path.join(work, "debugger")]


def _disk(work, images):
    tree = os.path.join(work, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "boot", "grub"))
    lines = []
    for number, (path, arguments) in enumerate(images):
        name = f"{number}-{os.path.basename(path)}"
        shutil.copyfile(path, os.path.join(tree, name))
        # GRUB counts characters of meaning to its shell; the name stands first in a module's command line, as elsewhere.
        lines.append(f"/{name} " + re.sub(r"([\\$;&|<>{}\"'#])", r"\\\1", arguments))
    menu = MENU.format(hypervisor=lines[0], modules="".join(f"module {line}\n" for line in lines[1:]))
    _write(tree, "boot/grub/grub.cfg", menu)
    done = subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "--fonts=", "--locales=", "--themes=",
                           "--install-modules=multiboot serial terminal iso9660 biosdisk normal boot", "-o",
                           os.path.join(work, "boot.iso"), tree],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise paths.LabError("grub-mkrescue failed: " + done.stderr[-500:])


def _write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text)
