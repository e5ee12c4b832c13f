# SPDX-License-Identifier: Apache-2.0
"""HVM guests: firmware, device model, and systems that boot from their own disks and discs.

One CPU, for the reason that guest_pvh.py gives, and because each access to a device of the device model is a turn of dom0's:
between CPUs of the emulator that takes many times longer. The disk is on an AHCI controller: the BIOS reads an IDE disk word by
word."""

import base64
import os
import sys

from lab import bootdisk, images, paths, vnc
from lab.emulator import drive
from run.context import GUEST_LOG
from run.kernel_log import check_dom0_log, check_kernel_log

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest_pv

CONFIG = """name = '{name}'
type = 'hvm'
memory = {memory}
vcpus = {vcpus}
hdtype = 'ahci'
{more}
"""
MACHINE = {"cpus": 1, "dom0_cpus": 1, "memory": "4G", "dom0_memory": "1G"}
DISK_MEGABYTES, NET_MEGABYTES = 16, 4
DISPLAY = ["-netdev", "user,id=n0,hostfwd=tcp:127.0.0.1:{}-10.0.2.15:5900", "-device", "virtio-net-pci,netdev=n0"]
LAST = "dmesg -r\nsync\npoweroff -f\n"


def config(name, memory=256, vcpus=1, more=""):
    return CONFIG.format(name=name, memory=memory, vcpus=vcpus, more=more).encode()


def own_disk(context, name, arguments, task):
    """A disk with GRUB, the distribution's kernel and the small guest, as the emulator's arguments (vda in dom0)."""
    arguments = f"quiet addr=10.77.0.2 {arguments} task={base64.b64encode(task.encode()).decode()}"
    path = os.path.join(context.folder, f"{name}.img")
    bootdisk.small(path, paths.kernel(), images.guest_small(), arguments, context.folder)
    return drive(path, "virtio", name="guest")


def boots(arguments, data, serial, vcpus):
    """A test: the guest boots from its disk, does disk and network by checksum, and powers itself off by ACPI."""
    def run(context):
        """filled in below"""
        task = (guest_pv.DISK_TASK.replace("/dev/xvda", data).format(megabytes=DISK_MEGABYTES) +
                guest_pv.NET_TASK.format(megabytes=NET_MEGABYTES) + LAST)
        devices = own_disk(context, "hvm", arguments, task)
        with context.dom0(files=images.device_model(), devices=devices, **MACHINE) as dom0:
            guest_pv.need_hvm(context, dom0)
            log = GUEST_LOG.format("hvm")
            second = context.make_disk(dom0, "/tmp/data.img", DISK_MEGABYTES, "hdb")
            more = f"disk = ['phy:/dev/vda,hda,w', '{second}']\nvif = ['bridge=xenbr0,model=e1000']"
            if serial:
                more += f"\nserial = 'file:{log}'"
            dom0.put("/etc/xen/hvm.cfg", config("hvm", vcpus=vcpus, more=more))
            guest_pv.start_sinks(dom0, NET_MEGABYTES)
            dom0.run(f"{context.tool} create /etc/xen/hvm.cfg", 180)
            try:
                context.guest_says(dom0, "hvm", f"guest: up with {vcpus} vCPUs", 900)
                dom0.wait_for(f"! {context.tool} domid hvm 2>/dev/null >&2", 1500)
            finally:
                said = context.guest_log(dom0, "hvm")
                with open(os.path.join(context.folder, "guest.log"), "w", encoding="utf-8") as f:
                    f.write(said)
            check_kernel_log(context, said, "guest-dmesg")
            check_dom0_log(context, dom0)
            context.require("ping: good" in said, "the guest's ping of dom0 failed")
            guest_pv.said(said, "disk")
            context.require(guest_pv.said(said, "sent") == dom0.run("cat /tmp/got").strip(), "TCP from the guest changed its data")
            wanted = dom0.run("sha256sum /tmp/out").split()[0]
            context.require(guest_pv.said(said, "received") == wanted, "TCP to the guest changed its data")
            left = dom0.run("ps | grep '[x]en-qemu-system' | wc -l; ls /var/run/xen | grep -c qmp", check=False)[1].split()
            context.require(left == ["0", "0"], f"the device model left something behind: {left}")
            os.unlink(os.path.join(context.folder, "hvm.img"))
            return f"{DISK_MEGABYTES} MB of disk, {NET_MEGABYTES} MB of TCP each way"

    return run


def disc(context, name, kernel):
    """A bootable disc whose GRUB starts a kernel at once; gives its path."""
    tree, out = os.path.join(context.folder, "tree"), os.path.join(context.folder, f"{name}.iso")
    bootdisk.disc(out, tree, {"kernel": kernel}, "linux16 /kernel\nboot\n")
    return out


# What a VGA makes of the text modes' colours; how exactly it turns 6 bits into 8 is its own affair.
BLUE, GREY, NEAR = 0x0000aa, 0xaaaaaa, 8


def share(display, wanted):
    """The part of the picture that has the colour."""
    def near(colour):
        return all(abs((colour >> shift & 0xff) - (wanted >> shift & 0xff)) < NEAR for shift in (0, 8, 16))

    return sum(count for colour, count in display.colours() if near(colour)) / (display.width * display.height)


def blue(display):
    """More than a third of the picture is the blue of text screens: memtest86+."""
    return share(display, BLUE) > 1 / 3


def dialog(display):
    """A grey dialog on a blue ground: newt, as the installer uses it."""
    return min(share(display, BLUE), share(display, GREY)) > 1 / 8


INSTALLER = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/"


def media(context):
    """memtest86+ and iPXE from a CD, the installer's first screen from a disk, seen by VNC; CDs are changed."""
    # The BIOS reads a CD word by word: for the installer's 50 MB that would take a quarter of an hour.
    installer = os.path.join(context.folder, "installer.img")
    bootdisk.small(installer, INSTALLER + "linux", INSTALLER + "initrd.gz", "vga=normal fb=false", context.folder)
    discs = {"memtest": disc(context, "memtest", "/boot/memtest86+x64.bin"), "ipxe": "/usr/lib/ipxe/ipxe.iso", "installer": installer}
    port = 5950 + os.getpid() % 40
    devices = [part.format(port) for part in DISPLAY]
    for number, path in enumerate(discs.values()):
        devices += drive(path, "virtio", name=f"disc{number}")
    with context.dom0(files=images.device_model(), devices=devices, **MACHINE) as dom0:
        guest_pv.need_hvm(context, dom0)
        dom0.run("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up")
        for number, (name, memory, good, boot) in enumerate((("memtest", 64, blue, "d"), ("ipxe", 64, None, "d"),
                                                             ("installer", 1024, dialog, "c"))):
            cd = f"/dev/vd{'abb'[number]}"
            disks = f"'{cd},raw,hdc,ro,cdrom'" + (", 'phy:/dev/vdc,hda,w'" if boot == "c" else "")
            more = (f"disk = [{disks}]\nvif = ['bridge=xenbr0,model=e1000,mac=00:16:3e:00:00:0{number + 1}']\n"
                    f"vnclisten = '10.0.2.15'\nboot = '{boot}'")
            dom0.put(f"/etc/xen/{name}.cfg", config(name, memory=memory, more=more))
            dom0.run(f"{context.tool} create /etc/xen/{name}.cfg", 180)
            if good:
                picture = os.path.join(context.folder, f"{name}.png")
                context.require(vnc.wait_for_picture("127.0.0.1", port, good, 1200, picture), f"{name}: its screen did not come")
            else:
                # It asks for an address: its card sends.
                dom0.wait_for("grep -qv '^0$' /sys/class/net/vif*-emu/statistics/rx_packets", 900)
            dom0.run(f"{context.tool} cd-eject {name} hdc && {context.tool} cd-insert {name} hdc {cd}")
            dom0.run(f"{context.tool} destroy {name}")
        for name in ("memtest", "installer"):
            os.unlink(discs[name])


guest_hvm = boots("console=ttyS0,115200 console=hvc0", "/dev/xvdb", False, 1)
guest_hvm.__doc__ = "A stock system boots by SeaBIOS and GRUB from its disk, with PV drivers: disk and network by checksum, poweroff."
guest_hvm_nopv = boots("nopv xen_nopv console=ttyS0,115200", "/dev/sdb", True, 1)
guest_hvm_nopv.__doc__ = "The same without any PV drivers: AHCI, e1000, the board's own timers, ACPI."

TESTS = {"guest-hvm": guest_hvm, "guest-hvm-nopv": guest_hvm_nopv, "guest-hvm-media": media}
