# SPDX-License-Identifier: Apache-2.0
"""A disk that boots by GRUB, on BIOS and on UEFI, as a Debian machine with a hypervisor installed would.

The menu is written by Debian's own /etc/grub.d/20_linux_xen, run in a mount namespace where /boot is a staged tree
with the kernel, its initrd and the hypervisor's .gz. grub-mkrescue puts GRUB itself on the disk, for both firmwares."""

import os
import shutil
import subprocess

from . import paths

UUID = "2026-01-02-03-04-05-00"
HEAD = """serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
set default=0
"""
# Runs in the namespace: a file system of its own on /boot, as if /boot were a partition.
STAGE = """set -e
mount -t tmpfs boot /boot
cp -r "$ORLOP_STAGE"/. /boot/
/etc/grub.d/20_linux_xen
"""


def disk(work, hypervisor, name, initrd, hypervisor_args, kernel_args):
    """Writes work/boot.iso: hypervisor is a .gz to be installed as /boot/name. Gives (disk's path, menu's text)."""
    stage, tree = os.path.join(work, "stage"), os.path.join(work, "tree")
    for folder in (stage, tree):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    version = paths.kernel_version()
    shutil.copyfile(hypervisor, os.path.join(stage, name))
    shutil.copyfile(paths.kernel(), os.path.join(stage, f"vmlinuz-{version}"))
    shutil.copyfile(f"/boot/config-{version}", os.path.join(stage, f"config-{version}"))
    shutil.copyfile(initrd, os.path.join(stage, f"initrd.img-{version}"))
    menu = HEAD + _menu(stage, hypervisor_args, kernel_args)
    shutil.copytree(stage, tree, dirs_exist_ok=True)
    os.makedirs(os.path.join(tree, "boot", "grub"))
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w", encoding="utf-8") as f:
        f.write(menu)
    iso = os.path.join(work, "boot.iso")
    done = subprocess.run(["grub-mkrescue", "-o", iso, tree, "--", "-volume_date", "uuid", UUID.replace("-", "")],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise paths.LabError("grub-mkrescue failed: " + done.stderr[-500:])
    shutil.rmtree(stage)
    shutil.rmtree(tree)
    return iso, menu


def _menu(stage, hypervisor_args, kernel_args):
    """What 20_linux_xen writes for the staged /boot."""
    settings = {
        "ORLOP_STAGE": stage, "ORLOP_DISK_UUID": UUID, "grub_probe": os.path.join(paths.DATA, "grub-probe"),
        "pkgdatadir": "/usr/share/grub", "GRUB_DISTRIBUTOR": "Debian", "GRUB_DEVICE": "/dev/sda1",
        "GRUB_DEVICE_BOOT": "/dev/sr0", "GRUB_DEVICE_UUID": "", "GRUB_FS": "ext2",
        "GRUB_CMDLINE_XEN": hypervisor_args, "GRUB_CMDLINE_LINUX": kernel_args,
    }
    done = subprocess.run(["unshare", "--mount", "sh", "-c", STAGE], env={**os.environ, **settings},
                          capture_output=True, text=True, check=False)
    if done.returncode or "menuentry" not in done.stdout:
        raise paths.LabError("20_linux_xen wrote no menu: " + done.stderr[-500:])
    return done.stdout
