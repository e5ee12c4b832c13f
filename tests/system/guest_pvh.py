# SPDX-License-Identifier: Apache-2.0
"""The distribution's kernel, packed as it is shipped, as a PVH guest: what guest_pv.py asks of a paravirtualized one."""

import base64
import os
import sys

from lab import bootdisk, images, paths
from lab.emulator import drive
from run.kernel_log import check_dom0_log, check_kernel_log

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest_pv

PVH = ["type = 'pvh'"]


# TCG 7.2 may deliver an injected interrupt twice when the CPU's thread is called off right after VMRUN, which happens all
# the time when several CPUs take turns in one thread. A guest's kernel does not survive that: one CPU.
def _guest(vcpus):
    return guest_pv.guest_io(vcpus, extra=PVH, kernel=paths.kernel, sizes=(16, 4), need=guest_pv.need_hvm, cpus=1, dom0_cpus=1)


guest_pvh, guest_pvh_smp = _guest(1), _guest(4)
guest_pvh.__doc__ = "A stock PVH guest with 1 vCPU: ping, TCP and disk, by checksum."
guest_pvh_smp.__doc__ = "The same with 4 vCPUs."

# The first time it has its menu start it otherwise, and boots again; the second time it is done.
GRUB_TASK = """
grep -q round=second /proc/cmdline && dmesg -r && echo "second round: over" && poweroff -f
ping -c 3 -W 5 10.77.0.1 && echo "ping: good"
modprobe -a ext4 && mount -t ext4 /dev/xvda1 /mnt && echo "kernel: $(sha256sum </mnt/boot/vmlinuz | cut -c1-64)"
sed -i s/round=first/round=second/ /mnt/boot/grub/grub.cfg && umount /mnt && reboot -f
"""


def guest_pvh_grub(context):
    """GRUB for PVH guests starts the kernel that the menu on the guest's own disk names, and by the menu as the guest changes it."""
    disk = os.path.join(context.folder, "own.img")
    task = base64.b64encode(GRUB_TASK.encode()).decode()
    bootdisk.own_menu(disk, paths.kernel(), images.guest_small(), f"console=hvc0 quiet addr=10.77.0.2 round=first task={task}",
                      context.folder)
    with context.dom0(files={paths.PVH_GRUB: paths.pvh_grub()}, devices=drive(disk, "virtio", name="own"), cpus=1, dom0_cpus=1,
                      memory="4G", dom0_memory="768M") as dom0:
        guest_pv.need_hvm(context, dom0)
        config = (f"name = 'own'\ntype = 'pvh'\nmemory = 256\nvcpus = 1\nkernel = '{paths.PVH_GRUB}'\n"
                  "disk = ['phy:/dev/vda,xvda,w']\nvif = ['bridge=xenbr0']\n")
        dom0.put("/etc/xen/own.cfg", config.encode())
        dom0.run(f"{context.tool} create /etc/xen/own.cfg", 180)
        # Between the two it has no name for a moment.
        context.guest_says(dom0, "own", "^second round: over", 900)
        dom0.wait_for(f"! {context.tool} domid own 2>/dev/null >&2", 60)
        log = context.guest_log(dom0, "own")
        check_kernel_log(context, log, "guest-dmesg")
        check_dom0_log(context, dom0)
    context.require(log.count("Reading (xen/xvda,msdos1)/boot/grub/grub.cfg") == 2, "GRUB did not read the disk's menu twice")
    context.require(log.count("guest: up with 1 vCPUs") == 2, "the guest was not up twice")
    context.require("ping: good" in log, "the guest's ping of dom0 failed")
    context.require(guest_pv.said(log, "kernel") == paths.sha256(paths.kernel()), "the kernel on the guest's disk is another one")
    os.unlink(disk)


TESTS = {"guest-pvh": guest_pvh, "guest-pvh-smp": guest_pvh_smp, "guest-pvh-grub": guest_pvh_grub}
