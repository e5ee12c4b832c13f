# SPDX-License-Identifier: Apache-2.0
"""The complete Debian 12 with systemd: as dom0, and as a paravirtualized guest with its disk and network.

The guest's work comes as task= on its command line and is run by the image's own unit; what it prints is read from its
console's log."""

import os
import re

from lab import debian
from lab.emulator import drive
from run.context import GUEST_LOG
from run.kernel_log import check_kernel_log

TASK = """
systemctl is-system-running --wait | sed 's/^/state: /'
ping -c 3 -W 5 10.77.0.1 >/dev/null && echo "ping: good"
dd if=/dev/urandom of=/var/tmp/data bs=1M count={megabytes} 2>/dev/null
one=$(sha256sum </var/tmp/data); sync; echo 3 >/proc/sys/vm/drop_caches
two=$(sha256sum </var/tmp/data); [ "$one" = "$two" ] && echo "disk: good"
sha256sum </var/tmp/data | cut -c1-64 | sed 's/^/sent: /'
nc -N 10.77.0.1 7001 </var/tmp/data
dmesg | grep -c -e WARNING: -e BUG: -e Oops | sed 's/^/complaints: /'
systemctl poweroff
"""


def guest(context):
    """A complete Debian guest reaches login, works by checksum on disk and network, and powers off."""
    system = debian.system()
    megabytes = 512 if context.long else 16
    files = {"/boot/vmlinuz": os.path.join(system, "vmlinuz"), "/boot/initrd.img": os.path.join(system, "initrd.img")}
    disk = drive(os.path.join(system, "root.ext4"), "virtio", name="guest")
    with context.dom0(files=files, devices=disk, memory="2G", dom0_memory="768M") as dom0:
        config = context.guest("deb", task=TASK.format(megabytes=megabytes), addr="10.77.0.2", memory=512, vcpus=2,
                               disks=["phy:/dev/vda,xvda,w"], ramdisk="/boot/initrd.img")
        dom0.put("/etc/xen/deb.cfg", config.replace(b"quiet", b"root=/dev/xvda rw"))
        dom0.run("(sleep 10000 | nc -l -p 7001 | sha256sum | cut -c1-64 >/tmp/got) &")
        dom0.run(f"{context.tool} create /etc/xen/deb.cfg", 180)
        context.guest_says(dom0, "deb", "root@debian", 600)
        context.guest_says(dom0, "deb", "^sent: ", 600)
        dom0.wait_for(f"! {context.tool} domid deb 2>/dev/null >&2", 300)
        log = context.guest_log(dom0, "deb")
        with open(os.path.join(context.folder, "guest.log"), "w", encoding="utf-8") as f:
            f.write(log)
        context.require("state: running" in log, "systemd does not tell 'running'")
        for word in ("ping: good", "disk: good", "complaints: 0"):
            context.require(word in log, f"the guest did not say '{word}'")
        sent = re.search(r"^sent: (\S+)", log, re.M).group(1)
        context.require(sent == dom0.run("cat /tmp/got").strip(), "TCP from the guest changed its data")


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
        check_kernel_log(context, dom0.run("dmesg"))
        os.unlink(tools)


TESTS = {"dom0-debian": host, "guest-pv-debian": guest}
# Minutes on two cores.
LONG = {"guest-pv-debian"}
