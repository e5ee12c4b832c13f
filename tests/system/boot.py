# SPDX-License-Identifier: Apache-2.0
"""The way a real machine starts: GRUB finds the compressed image on a disk and loads it by Multiboot 2, as Debian's menu
entries (20_linux_xen) do it, under BIOS and under UEFI."""

import os
import shutil
import subprocess

from lab import images, paths
from lab.dom0 import Dom0
from lab.emulator import Machine

MENU = """set timeout=0
serial --unit=0 --speed=115200
terminal_output serial
menuentry hypervisor {{
    {load} /boot/hypervisor.gz placeholder {hypervisor_args}
    {module} /boot/vmlinuz placeholder {kernel_args}
    {module} {nounzip} /boot/initrd.img
}}
"""


def disc(context, multiboot, extra_args):
    """A bootable disc (BIOS and UEFI) with GRUB, the hypervisor, Debian's kernel and the small dom0."""
    tree = os.path.join(context.folder, "disc")
    boot = os.path.join(tree, "boot")
    os.makedirs(os.path.join(boot, "grub"))
    source = os.path.join(paths.BUILD, "orlop.gz") if context.on == "orlop" else paths.XEN_IMAGE
    shutil.copyfile(source, os.path.join(boot, "hypervisor.gz"))
    shutil.copyfile(paths.kernel_unpacked(), os.path.join(boot, "vmlinuz"))
    images.joined(os.path.join(boot, "initrd.img"), images.dom0_small(context.on == "xen"))
    with open(os.path.join(boot, "grub", "grub.cfg"), "w", encoding="ascii") as f:
        f.write(MENU.format(
            load=multiboot, module=multiboot.replace("multiboot", "module"),
            nounzip="--nounzip" if multiboot == "multiboot2" else "",
            hypervisor_args=f"com1=115200,8n1 console=com1,vga loglvl=info dom0_mem=512M {extra_args}",
            kernel_args=f"console=hvc0 loglevel=7 tools={context.on} run=testshell"))
    out = os.path.join(context.folder, "disc.iso")
    made = subprocess.run(["grub-mkrescue", "-o", out, tree], capture_output=True, text=True, check=False)
    context.require(made.returncode == 0, f"grub-mkrescue: {made.stderr}")
    shutil.rmtree(tree)
    return out


def start(context, multiboot, extra_args="", **machine):
    image = disc(context, multiboot, extra_args)
    try:
        with context.emulator(Machine(devices=["-cdrom", image], memory="2G", **machine)) as emulator:
            dom0 = Dom0(emulator)
            dom0.wait_up(400)
            context.require("control_d" in dom0.run("cat /proc/xen/capabilities"), "dom0 has no control_d capability")
            efi = dom0.run("ls -d /sys/firmware/efi 2>/dev/null; true").strip()
            dom0.send("99 poweroff -f\n")
            emulator.wait_end(60)
            return efi
    finally:
        os.unlink(image)


def recognised(context):
    """The image is what 20_linux_xen looks for: Multiboot 2 in the first 32 kB, also through gzip."""
    for name in ("orlop.elf", "orlop.gz"):
        for kind in ("multiboot", "multiboot2"):
            told = subprocess.run(["grub-file", f"--is-x86-{kind}", os.path.join(paths.BUILD, name)], check=False)
            context.require(told.returncode == 0, f"grub-file does not take {name} for {kind}")


def grub(context):
    """GRUB on a BIOS machine loads the compressed image by Multiboot 2; dom0 comes up and powers off."""
    if context.on == "orlop":
        recognised(context)
    efi = start(context, "multiboot2")
    context.require(not efi, "dom0 sees EFI on a BIOS machine")


def grub_multiboot1(context):
    """The same by Multiboot 1, which older menus use."""
    start(context, "multiboot")


def uefi(context):
    """GRUB on a UEFI machine (OVMF): dom0 comes up with EFI runtime services and powers off."""
    efi = start(context, "multiboot2", "no-real-mode edd=off", firmware="uefi")
    context.require(efi == "/sys/firmware/efi", "dom0 has no /sys/firmware/efi")


TESTS = {"boot-grub": grub, "boot-grub-multiboot1": grub_multiboot1, "boot-uefi": uefi}
