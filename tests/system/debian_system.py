# SPDX-License-Identifier: Apache-2.0
"""The complete Debian 12 with systemd: as dom0, and as a guest with its disk and network.

The guest's work comes as task= on its command line and is run by the image's own unit; what it prints is read from its
console's log. Which of its three boots it is in it knows from a file on its disk."""

import base64
import os
import re

from lab import bootdisk, debian, images
from lab.emulator import drive
from run.context import GUEST_LOG, Skip
from run.kernel_log import check_dom0_log, check_kernel_log

# The disk's data: a random block again and again, each time with another number before it, so that no two places hold the same.
TASK = """cd /var/tmp
n=$(cat n||echo 0);echo $((n+1))>n;sync
systemctl is-system-running --wait|sed "s/^/boot $n: /"
[ $n = 1 ]&&echo c>/proc/sysrq-trigger
[ $n = 2 ]&&exec systemctl poweroff
ping -qc 3 -W 5 10.77.0.1&&echo ping: good
head -c 16M /dev/urandom>b
for i in $(seq {blocks});do echo $i;cat b;done|tee d|sha256sum>w
sync;echo 3 >/proc/sys/vm/drop_caches
sha256sum<d|cmp - w&&echo disk: good
head -c {net}M d|sha256sum|sed 's/^/sent: /'
head -c {net}M d|nc -N 10.77.0.1 7001
nc -d 10.77.0.1 7002|sha256sum|sed 's/^/received: /'
dmesg -r
systemctl reboot
"""


# For a PVH or HVM guest one CPU, for the reasons in guest_pvh.py and guest_hvm.py.
ONE_CPU = {"cpus": 1, "dom0_cpus": 1}
ENDS = ["on_reboot = 'restart'", "on_crash = 'restart'", "on_poweroff = 'destroy'"]


def direct(context, kind, vcpus, task):
    """A guest whose kernel is given: (files for dom0, the emulator's devices, configuration)."""
    system = debian.system()
    files = {"/boot/vmlinuz": os.path.join(system, "vmlinuz"), "/boot/initrd.img": os.path.join(system, "initrd.img")}
    text = context.guest("deb", task=task, addr="10.77.0.2", memory=512, vcpus=vcpus, disks=["phy:/dev/vda,xvda,w"],
                         ramdisk="/boot/initrd.img", extra=[f"type = '{kind}'", *ENDS])
    return files, drive(os.path.join(system, "root.ext4"), "virtio", name="guest"), text.replace(b"quiet", b"root=/dev/xvda rw")


# Whoever knows nothing of Xen has no hvc0 and no enX0, and a crash of his is a reset of the machine.
NOPV = "nopv xen_nopv net.ifnames=0 panic=1 console=ttyS0,115200 root=/dev/sda1"
NOPV_NET = "ip addr add 10.77.0.2/24 dev eth0;ip link set eth0 up\n"


def from_disk(context, vcpus, task, nopv):
    """The same for a guest that boots by GRUB from its own disk."""
    path = os.path.join(context.folder, "debian.img")
    arguments = NOPV if nopv else "console=ttyS0,115200 console=hvc0 root=/dev/xvda1 addr=10.77.0.2"
    task = base64.b64encode(((NOPV_NET if nopv else "") + task).encode()).decode()
    menu = bootdisk.MENU.format(kernel="/vmlinuz", initrd="/initrd.img", arguments=f"{arguments} rw task={task}")
    bootdisk.make(path, os.path.join(debian.system(), "root.ext4"), menu, context.folder)
    lines = ["name = 'deb'", "type = 'hvm'", "memory = 512", f"vcpus = {vcpus}", "hdtype = 'ahci'",
             "disk = ['phy:/dev/vda,hda,w']", "vif = ['bridge=xenbr0,model=e1000']", *ENDS]
    if nopv:
        lines.append("serial = 'file:/tmp/serial'")
    return images.device_model(), drive(path, "virtio", name="guest"), ("\n".join(lines) + "\n").encode()


def guest(vcpus, kind="pv", nopv=False):
    def run(context):
        """filled in below"""
        disk_size, net_size = (1024, 100) if context.long else (64, 16)
        task = TASK.format(blocks=disk_size // 16, net=net_size)
        files, disk, config = from_disk(context, vcpus, task, nopv) if kind == "hvm" else direct(context, kind, vcpus, task)
        with context.dom0(files=files, devices=disk, memory="2G", dom0_memory="768M", **({} if kind == "pv" else ONE_CPU)) as dom0:
            if kind != "pv" and "hvm-3.0" not in dom0.run(f"{context.tool} info"):
                raise Skip("the hypervisor runs no PVH or HVM guests here")
            dom0.put("/etc/xen/deb.cfg", config)
            # nc ends when either side does: its standard input must stay open until the guest has sent all.
            dom0.run("(sleep 10000 | nc -l -p 7001 | sha256sum >/tmp/got) &")
            dom0.run(f"dd if=/dev/urandom of=/tmp/out bs=1M count={net_size} 2>/dev/null")
            dom0.run("(nc -l -p 7002 </tmp/out >/dev/null) &")
            if nopv:  # each boot's device model would begin a file anew
                dom0.run(f"mkfifo /tmp/serial; (while cat /tmp/serial; do :; done >>{GUEST_LOG.format('deb')}) &")
            dom0.run(f"{context.tool} create /etc/xen/deb.cfg", 180)
            follow(context, dom0)
            return f"{disk_size} MB of disk, {net_size} MB of TCP each way, reboot, crash, poweroff"

    run.__doc__ = (f"A complete Debian {kind.upper()} guest with {vcpus} vCPU{'s' * (vcpus > 1)}{', without PV drivers' * nopv}: login, disk "
                   "and network by checksum; reboot, crash, poweroff.")
    return run


def follow(context, dom0):
    """Waits for the guest's login, its three boots and its end, and judges what it said."""
    try:
        context.guest_says(dom0, "deb", "root@debian", 600)
        for boot in range(3):
            context.guest_says(dom0, "deb", f"boot {boot}: ", 3600 if context.long else 600)
        dom0.wait_for(f"! {context.tool} domid deb 2>/dev/null >&2", 300)
    finally:
        log = context.guest_log(dom0, "deb")
        with open(os.path.join(context.folder, "guest.log"), "w", encoding="utf-8") as f:
            f.write(log)
    for boot in range(3):
        context.require(f"boot {boot}: running" in log, f"systemd does not tell 'running' in boot {boot}")
    for word in ("ping: good", "disk: good"):
        context.require(word in log, f"the guest did not say '{word}'")
    for word, path in (("sent", "/tmp/got"), ("received", "/tmp/out")):
        told = re.search(rf"{word}: (\w+)", log)
        sum_here = dom0.run(f"cat {path}" if word == "sent" else f"sha256sum {path}").split()[0]
        context.require(told and told.group(1) == sum_here, f"TCP changed what the guest has {word}")
    check_kernel_log(context, log.split("sysrq: Trigger a crash")[0], "guest-dmesg")
    check_dom0_log(context, dom0)


def host(context):
    """A complete Debian as dom0 reaches login, its services run, its log is clean, and it starts a guest."""
    system = debian.system()
    devices = drive(os.path.join(system, "root.ext4"), "virtio", name="root")
    tools = debian.tools_disk(os.path.join(context.folder, "tools.tar"))
    devices += drive(tools, "virtio", name="tools", serial="orlop-tools")
    with context.dom0(kernel=os.path.join(system, "vmlinuz"), initrd=os.path.join(system, "initrd.img"),
                      kernel_args="root=/dev/vda rw", devices=devices, memory="2G", dom0_memory="768M",
                      timeout=600) as dom0:
        state = dom0.run("systemctl is-system-running --wait", 300, check=False)[1].strip()
        failed = dom0.run("systemctl --failed --no-legend --plain").strip()
        context.require(state == "running", f"systemd tells '{state}', failed: {failed}")
        listed = dom0.run(f"{context.tool} list")
        context.require(re.search(r"^Domain-0 +0 +768 +2 +r", listed, re.M), f"unexpected list: {listed!r}")
        config = context.guest("small", addr="10.77.0.3", kernel="/boot/vmlinux")
        dom0.put("/etc/xen/small.cfg", config)
        dom0.run(f"{context.tool} create /etc/xen/small.cfg", 180)
        dom0.wait_for(f"grep -q 'guest: up' {GUEST_LOG.format('small')}", 180)
        dom0.run("ping -c 3 10.77.0.3")
        check_dom0_log(context, dom0)
        os.unlink(tools)


TESTS = {"dom0-debian": host, "guest-pv-debian": guest(1), "guest-pv-debian-smp": guest(4),
         "guest-pvh-debian": guest(1, "pvh"), "guest-pvh-debian-smp": guest(4, "pvh"), "guest-hvm-debian": guest(1, "hvm"),
         "guest-hvm-debian-smp": guest(4, "hvm"), "guest-hvm-nopv-debian": guest(1, "hvm", nopv=True),
         "guest-hvm-nopv-debian-smp": guest(4, "hvm", nopv=True)}
# Minutes on two cores.
LONG = {name for name in TESTS if name.startswith("guest-")}
