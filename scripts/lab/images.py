# SPDX-License-Identifier: Apache-2.0
"""The small images: initramfs archives for dom0 and for the demonstration guest.

What is heavy and stands still (busybox, drivers, the distribution's tools) is made once per recipe and kept in the
cache; our own programs come as a second archive behind it, made at every start. The full Debian is in debian.py."""

import glob
import os
import re
import shutil
import subprocess

from . import paths
from .cpio import Archive

DOM0_MODULES = """
    xenfs xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xen-blkback xen-netback xen-acpi-processor
    bridge tun loop ext4 crc32c_generic crc32c-intel
    virtio_pci virtio_blk virtio_net virtio_console virtio_rng
    ahci ata_piix ata_generic sd_mod sr_mod nvme e1000 e1000e xhci_pci usb-storage uas
""".split()

GUEST_MODULES = """
    xen-blkfront xen-netfront ext4 crc32c_generic crc32c-intel ata_piix ahci sd_mod sr_mod isofs e1000
""".split()

# What stock hotplug scripts and comparisons want beyond busybox.
DOM0_PROGRAMS = """
    /bin/bash /sbin/losetup /usr/bin/flock /usr/bin/stat /sbin/ip /sbin/brctl /usr/bin/getopt
    /usr/bin/logger /usr/bin/setsid /sbin/mke2fs
    /usr/bin/xenstore-ls /usr/bin/xenstore-read /usr/bin/xenstore-write /usr/bin/xenstore-list
    /usr/bin/xenstore-exists /usr/bin/xenstore-rm /usr/bin/xenstore-watch /usr/bin/xenstore-chmod
""".split()

DEVICE_MODEL = "/usr/libexec/xen-qemu-system-i386"
XEN_BIN = "/usr/lib/xen-4.17/bin"
XEN_PROGRAMS = "xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper lsevtchn xen-diag".split()


def dom0_small(xen=False):
    """Path of the small dom0's archive, with the distribution's Xen tools in it when xen."""
    def make(path):
        archive = _base("dom0-init", DOM0_MODULES)
        for program in DOM0_PROGRAMS:
            archive.program(_found(program), program)
        archive.copy(os.path.join(paths.DATA, "testshell"), "/usr/bin/testshell", 0o755)
        archive.file("/etc/passwd", "root::0:0:root:/root:/bin/sh\n")
        archive.file("/etc/group", "root:x:0:\nadm:x:4:\ntty:x:5:\n")
        archive.copy(_found("/lib/x86_64-linux-gnu/libgcc_s.so.1"))  # loaded by pthread_cancel, not linked
        if xen:
            _add_xen_tools(archive)
        archive.write(path)

    kind = "xen" if xen else "orlop"
    return paths.cached(f"dom0-small-{kind}-{_recipe(xen)}.cpio", make)


def guest_small():
    """Path of the demonstration guest's archive."""
    def make(path):
        _base("guest-init", GUEST_MODULES).write(path)

    return paths.cached(f"guest-small-{_recipe(False)}.cpio", make)


def device_model():
    """What dom0 must hold to start HVM guests: {path: path}, the distribution's firmware and device model."""
    found = [DEVICE_MODEL, "/usr/lib/xen-4.17/boot/hvmloader", "/usr/share/seabios/bios-256k.bin"]
    found += glob.glob("/usr/share/seabios/vgabios-*.bin") + glob.glob("/usr/share/qemu/vgabios-*.bin")
    found += glob.glob("/usr/lib/ipxe/qemu/*.rom") + glob.glob("/usr/share/qemu/*.rom")
    found += ["/usr/share/qemu/keymaps/" + name for name in ("en-us", "common", "modifiers")]
    _found(DEVICE_MODEL)
    return {path: path for path in found if os.path.exists(path)}


def overlay(extra=None):
    """Bytes of the archive with our own programs and with extra files {path: bytes or source path}."""
    archive = Archive()
    archive.merged_usr()
    for program in sorted(glob.glob(os.path.join(paths.BUILD, "bin", "*"))):
        archive.program(program, "/usr/sbin/" + os.path.basename(program))
    init = os.path.join(paths.TOP, "toolstack", "orlop.init")
    if os.path.exists(init):
        archive.copy(init, "/etc/init.d/orlop", 0o755)
    for path, content in (extra or {}).items():
        if isinstance(content, bytes):
            archive.file(path, content, 0o755)
        elif os.access(content, os.X_OK):
            archive.program(content, path)
        else:
            archive.copy(content, path)
    return archive.tobytes()


def joined(out, base, extra=None):
    """Writes the initramfs that is the base archive and then the overlay; gives its path."""
    shutil.copyfile(base, out)
    with open(out, "ab") as f:
        f.write(overlay(extra))
    return out


def _recipe(xen):
    """What the content of an image depends on: this file, the init scripts, the packages' versions."""
    wanted = ["busybox-static", "linux-image-amd64", "iproute2", "bash", "xenstore-utils", "libc6"]
    if xen:
        wanted += ["xen-utils-4.17", "xen-utils-common"]
    versions = subprocess.run(["dpkg-query", "-W", *wanted], capture_output=True, check=False).stdout
    files = sorted(glob.glob(os.path.join(paths.DATA, "*"))) + [__file__, Archive.__init__.__code__.co_filename]
    return paths.digest(versions + paths.kernel_version().encode(), *filter(os.path.isfile, files))


def _found(program):
    if not os.path.exists(program):
        raise paths.LabError(f"no {program}: run scripts/deps.sh images")
    return program


def _base(init, modules):
    """Busybox with all its names, the drivers, and the init script."""
    archive = Archive()
    archive.merged_usr()
    for name in "proc sys dev run tmp root etc var/log var/lib var/cache mnt boot".split():
        archive.directory(name)
    archive.link("/var/run", "/run")
    archive.link("/var/lock", "/run")
    archive.node("/dev/console", 5, 1)
    archive.node("/dev/null", 1, 3, 0o666)
    busybox = _found("/bin/busybox")
    archive.copy(busybox, "/usr/bin/busybox", 0o755)
    names = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout
    for name in names.split():
        if name != "bin/busybox":
            archive.link(name, "/usr/bin/busybox")
    # The kernel calls these two when it is told to shut down from outside; init here is no daemon to ask.
    for name in ("poweroff", "reboot"):
        archive.file(f"/usr/sbin/{name}", f"#!/bin/sh\nexec /usr/bin/busybox {name} -f\n", 0o755)
    _add_modules(archive, modules)
    archive.copy(os.path.join(paths.DATA, init), "/init", 0o755)
    archive.copy(os.path.join(paths.DATA, "profile"), "/etc/profile", 0o644)
    return archive


def _add_modules(archive, names):
    """The named drivers with all that they depend on, and the index files cut down to those."""
    tree = paths.module_tree()
    depends = {}
    with open(os.path.join(tree, "modules.dep"), encoding="ascii") as f:
        for line in f:
            target, needs = line.rstrip("\n").split(":")
            depends[target] = needs.split()
    by_name = {_module_name(path): path for path in depends}
    chosen = set()
    for name in names:
        path = by_name.get(name.replace("-", "_"))
        if path:
            chosen.update([path, *depends[path]])
        elif not _is_builtin(tree, name):
            raise paths.LabError(f"kernel {paths.kernel_version()} has no module {name}")
    for path in chosen:
        archive.copy(os.path.join(tree, path))
    kept = {_module_name(path) for path in chosen}
    archive.file(os.path.join(tree, "modules.dep"),
                 "".join(f"{path}: {' '.join(depends[path])}\n" for path in sorted(chosen)))
    with open(os.path.join(tree, "modules.alias"), encoding="ascii") as f:
        lines = [line for line in f if line.split()[-1].replace("-", "_") in kept]
    archive.file(os.path.join(tree, "modules.alias"), "".join(lines))
    archive.copy(os.path.join(tree, "modules.builtin"))


def _module_name(path):
    return re.sub(r"\.ko(\.xz)?$", "", os.path.basename(path)).replace("-", "_")


def _is_builtin(tree, name):
    with open(os.path.join(tree, "modules.builtin"), encoding="ascii") as f:
        return any(_module_name(line.strip()) == name.replace("-", "_") for line in f)


def _add_xen_tools(archive):
    """The distribution's Xen 4.17 tools and hotplug scripts."""
    for name in XEN_PROGRAMS:
        source = os.path.join(XEN_BIN, name)
        if not os.path.exists(source):
            raise paths.LabError(f"no {source}: run scripts/deps.sh xen-oracle")
        archive.program(source)
        archive.link("/usr/sbin/" + name, source)
    for script in sorted(glob.glob("/etc/xen/scripts/*")):
        archive.copy(script)
    archive.copy("/etc/xen/xl.conf")
