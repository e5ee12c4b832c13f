# SPDX-License-Identifier: Apache-2.0
"""Installed as a Debian machine has it: found by Debian's own 20_linux_xen under /boot, loaded gzipped by GRUB, on BIOS
and on UEFI (OVMF)."""

import os
import re

from lab import grub, images, paths
from lab.dom0 import Dom0
from lab.emulator import Machine
from run.kernel_log import check_dom0_log


def boot(firmware):
    def run(context):
        """filled in below"""
        if context.on == "xen":
            image, name = paths.XEN_IMAGE, "xen-4.17-amd64.gz"
        else:
            image, name = os.path.join(paths.BUILD, "orlop.gz"), "xen-4.17.99-orlop.gz"
        initrd = images.joined(os.path.join(context.folder, "initrd.img"), context.dom0_image())
        iso, menu = grub.disk(context.folder, image, name, initrd,
                              "com1=115200,8n1 console=com1 dom0_mem=512M dom0_max_vcpus=2",
                              f"console=hvc0 tools={context.tools} run=testshell")
        with open(os.path.join(context.folder, "grub.cfg"), "w", encoding="utf-8") as f:
            f.write(menu)
        context.require(re.search(rf"multiboot2\s+/{re.escape(name)} placeholder", menu),
                        "20_linux_xen did not take the image as multiboot2")
        machine = Machine(firmware=firmware, memory="2G", devices=[
            "-drive", f"file={iso},format=raw,if=none,id=cd,readonly=on", "-device", "ide-cd,drive=cd"])
        with context.emulator(machine) as emulator:
            dom0 = Dom0(emulator)
            dom0.wait_up(600)
            efi = dom0.run("[ -d /sys/firmware/efi ] && echo efi || echo bios").strip()
            context.require(efi == ("efi" if firmware == "uefi" else "bios"), f"dom0 sees {efi} firmware")
            context.require("Domain-0" in dom0.run(f"{context.tool} list"), "no Domain-0 in the list")
            check_dom0_log(context, dom0)
        os.unlink(iso)
        os.unlink(initrd)

    run.__doc__ = f"GRUB on {firmware.upper()} boots it from the menu that 20_linux_xen writes."
    return run


TESTS = {"boot-grub-menu": boot("bios"), "boot-uefi-menu": boot("uefi")}
