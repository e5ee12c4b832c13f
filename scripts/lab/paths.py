# SPDX-License-Identifier: Apache-2.0
"""Where things are: the tree, the build, the cache, the distribution's kernel, the hypervisors.

Makes the two derived files that need no recipe of their own: the kernel unpacked from its bzImage, and
Xen's image unpacked from its .gz. Images are in images.py."""

import contextlib
import fcntl
import glob
import gzip
import hashlib
import lzma
import os
import struct
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("O", os.path.join(TOP, "build"))
CACHE = os.environ.get("ORLOP_CACHE", os.path.join(os.path.expanduser("~"), ".cache", "orlop"))
DATA = os.path.join(TOP, "scripts", "images")
XEN_IMAGE = "/boot/xen-4.17-amd64.gz"
PVH_GRUB = "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"


class LabError(Exception):
    """Something the lab needs is absent or went wrong; the text says what and what to do."""


def kernel():
    """Path of the newest installed distribution kernel."""
    found = glob.glob("/boot/vmlinuz-*-amd64")
    if not found:
        raise LabError("no /boot/vmlinuz-*-amd64: run scripts/deps.sh images")
    return max(found, key=lambda path: [int(n) if n.isdigit() else 0
                                        for n in path.replace("-", ".").split(".")])


def kernel_version():
    return os.path.basename(kernel())[len("vmlinuz-"):]


def module_tree():
    return os.path.join("/lib/modules", kernel_version())


def digest(*parts):
    """A short name for content: each part is bytes, or a path standing for the file's content."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            with open(part, "rb") as f:
                part = f.read()
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def sha256(path):
    """The whole sum of a file, as sha256sum prints it."""
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


@contextlib.contextmanager
def cache_lock(name):
    """Only one at a time makes what is called name."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, f".lock-{name}"), "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def cached(name, make):
    """Path of CACHE/name, a file or a folder, made by make(temporary path) the first time."""
    path = os.path.join(CACHE, name)
    if os.path.exists(path):
        return path
    with cache_lock(name), tempfile.TemporaryDirectory(prefix=".new-", dir=CACHE) as scratch:
        if not os.path.exists(path):
            make(os.path.join(scratch, "it"))
            os.rename(os.path.join(scratch, "it"), path)
    return path


def kernel_unpacked():
    """The distribution's kernel as plain ELF, taken out of its bzImage (boot protocol 2.08: payload)."""
    source = kernel()

    def make(path):
        with open(source, "rb") as f:
            image = f.read()
        setup = image[0x1f1] or 4
        offset, length = struct.unpack_from("<II", image, 0x248)
        start = (setup + 1) * 512 + offset
        payload = image[start:start + length]
        if payload[:6] == b"\xfd7zXZ\0":
            elf = lzma.LZMADecompressor().decompress(payload)
        elif payload[:2] == b"\x1f\x8b":
            elf = gzip.decompress(payload[:-4])
        else:
            raise LabError(f"{source}: payload is neither xz nor gzip")
        if elf[:4] != b"\x7fELF":
            raise LabError(f"{source}: payload is no ELF file")
        with open(path, "wb") as f:
            f.write(elf)

    return cached(f"vmlinux-{kernel_version()}-{os.path.getsize(source)}", make)


def xen():
    """Xen 4.17 as the emulator's loader wants it: the multiboot image out of Debian's .gz."""
    if not os.path.exists(XEN_IMAGE):
        raise LabError(f"no {XEN_IMAGE}: run scripts/deps.sh xen-oracle")

    def make(path):
        with gzip.open(XEN_IMAGE) as f, open(path, "wb") as out:
            out.write(f.read())

    return cached(f"xen-4.17-{digest(XEN_IMAGE)}.elf", make)


def pvh_grub():
    """Path of the distribution's GRUB that is a PVH guest's kernel."""
    if not os.path.exists(PVH_GRUB):
        raise LabError(f"no {PVH_GRUB}: run scripts/deps.sh hvm")
    return PVH_GRUB


def orlop():
    """Orlop's multiboot image out of the build."""
    path = os.path.join(BUILD, "orlop.elf")
    if not os.path.exists(path):
        raise LabError(f"no {path}: run make hypervisor")
    return path


def hypervisor(which):
    """Path of the image of "orlop" or "xen"."""
    return {"orlop": orlop, "xen": xen}[which]()
