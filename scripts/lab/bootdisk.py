# SPDX-License-Identifier: Apache-2.0
"""Disks with GRUB, made without loop devices or mounts: such as a PC's BIOS boots, and such as hold only what a GRUB that is
started from elsewhere reads.

Sector 0 is GRUB's boot.img with a partition table; its core image, which carries the menu, follows in the gap before the one
partition at 1 MiB: an ext4 file system that mke2fs fills from a folder, or a whole image that is there already."""

import os
import shutil
import struct
import subprocess

from . import paths

SECTOR = 512
FIRST = 2048  # sectors before the partition
GRUB = "/usr/lib/grub/i386-pc"
MODULES = "biosdisk part_msdos ext2 normal linux serial terminal echo test".split()

MENU = """serial --unit=0 --speed=115200
terminal_output serial console
echo GRUB starts the kernel
linux (hd0,msdos1){kernel} {arguments}
initrd (hd0,msdos1){initrd}
boot
"""


# As grub-mkconfig writes it into a system's own /boot/grub, for whichever GRUB comes to read it.
OWN_MENU = """set timeout=0
menuentry 'the system on this disk' {{
    insmod part_msdos
    insmod ext2
    insmod gzio
    search --no-floppy --file --set=root {kernel}
    linux {kernel} {arguments}
    initrd {initrd}
}}
"""


def small(path, kernel, initrd, arguments, work):
    """Writes a disk with nothing but a kernel and its initrd, and GRUB that starts them; gives its path."""
    filesystem = _filesystem({"boot/vmlinuz": kernel, "boot/initrd.img": initrd}, work)
    make(path, filesystem, MENU.format(kernel="/boot/vmlinuz", initrd="/boot/initrd.img", arguments=arguments), work)
    os.unlink(filesystem)
    return path


def own_menu(path, kernel, initrd, arguments, work):
    """The same, but GRUB itself is not on it: only its menu, /boot/grub/grub.cfg."""
    menu = os.path.join(work, "own-grub.cfg")
    with open(menu, "w", encoding="utf-8") as f:
        f.write(OWN_MENU.format(kernel="/boot/vmlinuz", initrd="/boot/initrd.img", arguments=arguments))
    filesystem = _filesystem({"boot/vmlinuz": kernel, "boot/initrd.img": initrd, "boot/grub/grub.cfg": menu}, work)
    _write(path, filesystem, bytes(SECTOR), b"")
    os.unlink(filesystem)
    return path


def make(path, filesystem, menu, work):
    """Writes the disk of an ext4 image and GRUB with the menu."""
    with open(os.path.join(GRUB, "boot.img"), "rb") as f:
        _write(path, filesystem, f.read(SECTOR), _core(menu, work))


def _filesystem(files, work):
    """Path of an ext4 image that holds the files {path in it: path here}."""
    tree, image = os.path.join(work, "boot-tree"), os.path.join(work, "boot.ext4")
    for name, source in files.items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        shutil.copyfile(source, os.path.join(tree, name))
    size = sum(map(os.path.getsize, files.values())) // (1 << 20) + 16
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, image, f"{size}M"], stdout=subprocess.DEVNULL, check=True)
    shutil.rmtree(tree)
    return image


def _write(path, filesystem, sector, core):
    """The disk: its first sector with the partition table put into it, what follows in the gap, the partition."""
    sectors = (os.path.getsize(filesystem) + SECTOR - 1) // SECTOR
    boot = bytearray(sector)
    # One active partition of type Linux, by its sectors alone.
    boot[446:510] = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", FIRST, sectors) + bytes(48)
    boot[510:512] = b"\x55\xaa"
    subprocess.run(["dd", f"if={filesystem}", f"of={path}", "bs=1M", "seek=1", "conv=sparse", "status=none"], check=True)
    with open(path, "r+b") as f:
        f.truncate((FIRST + sectors) * SECTOR)
        f.write(boot)
        f.write(core)


def disc(path, tree, files, menu):
    """Writes a disc that boots by GRUB: files {name: source} in its root; tree is a folder to make and remove."""
    os.makedirs(os.path.join(tree, "boot", "grub"))
    for name, source in files.items():
        shutil.copyfile(source, os.path.join(tree, name))
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w", encoding="utf-8") as f:
        f.write(menu)
    done = subprocess.run(["grub-mkrescue", "-d", GRUB, "-o", path, tree], capture_output=True, text=True, check=False)
    shutil.rmtree(tree)
    if done.returncode:
        raise paths.LabError("grub-mkrescue failed: " + done.stderr[-500:])


def _core(menu, work):
    """GRUB's core image with the menu in it, as it lies from sector 1 on."""
    config, out = os.path.join(work, "grub.cfg"), os.path.join(work, "core.img")
    with open(config, "w", encoding="utf-8") as f:
        f.write(menu)
    done = subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB, "-p", "/boot/grub", "-c", config, "-o", out, *MODULES],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise paths.LabError("grub-mkimage failed: " + done.stderr[-500:])
    with open(out, "rb") as f:
        core = f.read()
    if len(core) > (FIRST - 1) * SECTOR:
        raise paths.LabError("GRUB's core image does not fit before the partition")
    return core
