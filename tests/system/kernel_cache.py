# SPDX-License-Identifier: Apache-2.0
"""Packed kernels are unpacked once and kept (toolstack/domain/kernel_cache.c; its own cases are tests/unit/test_kernel_cache.c)."""

import gzip
import os

from lab import paths
from run.context import GUEST_LOG, Skip

FOLDER = "/var/cache/orlop"
LONG_AGO = 1000  # seconds since 1970


def _packed(context):
    """The distribution's kernel in gzip, which takes a tenth of the time that its own xz does."""
    path = os.path.join(context.folder, "vmlinux.gz")
    with open(paths.kernel_unpacked(), "rb") as f, gzip.open(path, "wb", compresslevel=1) as out:
        out.write(f.read())
    return path


def _start(context, dom0):
    dom0.run(f"rm -f {GUEST_LOG.format('demo')}")
    dom0.run(f"{context.tool} create /etc/xen/demo.cfg", 180)
    context.guest_says(dom0, "demo", "guest: up with 1 vCPUs", 180)
    dom0.run(f"{context.tool} destroy demo")


def _entries(dom0):
    return dom0.run(f"ls {FOLDER} | grep -v '^key$' || :").split()


def kernel_cache(context):
    """A second guest of the same packed kernel starts from the kept one; a damaged one is made again."""
    if context.tools != "orlop":
        raise Skip("stock tools keep no kernels")
    packed = _packed(context)
    with context.dom0(files=context.guest_files(kernel=packed), cpus=1, dom0_cpus=1, dom0_memory="768M") as dom0:
        os.unlink(packed)
        dom0.put("/etc/xen/demo.cfg", context.guest("demo"))
        _start(context, dom0)
        first = _entries(dom0)
        context.require(len(first) == 1, f"in {FOLDER} is not one kernel: {first}")
        rights = dom0.run(f"stat -c '%a %u' {FOLDER} {FOLDER}/key {FOLDER}/{first[0]}").splitlines()
        context.require(rights == ["700 0", "600 0", "600 0"], f"rights of the folder, its key and the kernel: {rights}")
        kept = f"{FOLDER}/{first[0]}"
        dom0.run(f"touch -d @{LONG_AGO} {kept}")
        inode = dom0.run(f"stat -c %i {kept}")
        _start(context, dom0)
        used, same = dom0.run(f"stat -c '%Y %i' {kept}").split()
        context.require(int(used) > LONG_AGO and same == inode.strip(), "the second guest did not use the kept kernel")
        # In the middle of its code.
        dom0.run(f"printf OOPS | dd of={kept} bs=1 seek=20000000 conv=notrunc 2>/dev/null")
        _start(context, dom0)
        context.require(_entries(dom0) == first, f"in {FOLDER} is another set of kernels: {_entries(dom0)}")
        context.require(dom0.run(f"stat -c %i {kept}") != inode, "a damaged kernel was left where it was")
        # The folder belongs to others: it is left alone, and guests are made without it.
        dom0.run(f"rm {kept} && chmod 777 {FOLDER}")
        _start(context, dom0)
        context.require(not _entries(dom0), "a kernel was kept where others may write")


TESTS = {"kernel-cache": kernel_cache}
