# SPDX-License-Identifier: Apache-2.0
"""dom0's drivers on the emulator's devices: disks on virtio, AHCI, NVMe and USB, network cards virtio and e1000, with
message-signalled interrupts and, with pci=nomsi, by the IO-APIC's lines.

Each disk is written and read back by checksum; each card carries data to a server outside the emulator and back."""

import hashlib
import os
import re
import socket
import threading

from lab.emulator import drive
from run.kernel_log import check_dom0_log

DISKS = {"virtio": "", "ahci": "", "nvme": "", "usb": ",bus=usb.0"}


# QEMU 7.2's NVMe misses a doorbell now and then when it works by its line (docs/status.md): sooner or later the driver gives it up.
NVME_BY_LINE_MOST = 256


class Echo:
    """A TCP server on the loopback that sends everything back; the emulator's user network leads dom0 to it."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(peer,), daemon=True).start()

    @staticmethod
    def _echo(peer):
        with peer:
            while data := peer.recv(65536):
                peer.sendall(data)


def _devices(context, sizes):
    """Emulator arguments for all disks and cards; the disks are sparse files in the test's folder."""
    args = ["-device", "qemu-xhci,id=usb"]
    for kind, bus in DISKS.items():
        path = os.path.join(context.folder, f"{kind}.img")
        with open(path, "wb") as f:
            f.truncate(sizes[kind] << 20)
        args += drive(path, kind, name=kind, serial=f"disk-{kind}", bus=bus, snapshot=False)
    args += ["-netdev", "user,id=n0,net=10.0.2.0/24", "-device", "virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01"]
    args += ["-netdev", "user,id=n1,net=10.0.3.0/24", "-device", "e1000,netdev=n1,mac=52:54:00:00:00:02"]
    return args


def _find_disks(dom0, sizes):
    """{kind: device} by what sysfs tells of each disk."""
    dom0.wait_for("[ $(ls -d /sys/block/vd* /sys/block/sd* /sys/block/nvme* 2>/dev/null | wc -l) = 4 ]", 60)
    found = {}
    listed = dom0.run("for d in /sys/block/vd* /sys/block/sd* /sys/block/nvme*; do "
                      "echo ${d##*/} $(cat $d/size) $(readlink $d); done")
    for name, sectors, link in re.findall(r"^(\w+) (\d+) (\S+)$", listed, re.M):
        kind = ("usb" if "/usb" in link else "nvme" if name.startswith("nvme") else
                "virtio" if name.startswith("vd") else "ahci")
        if int(sectors) == sizes[kind] * 2048:
            found[kind] = name
    return found


def _try_disk(context, dom0, kind, device, size):
    """Writes the whole disk, each megabyte with its number and the disk's name, reads it back past the cache, and looks at the
    file outside. It is written in large pieces: busybox's tee writes 1 KB at a time, for which the kernel first reads each page
    of the disk."""
    dom0.run("sha256sum </tmp/fifo >/tmp/wrote & sum=$!; "
             f"i=0; while [ $i -lt {size} ]; do printf %06d%10s $i {kind}; cat /tmp/block; i=$((i+1)); done | tee /tmp/fifo |"
             f" dd of=/dev/{device} bs=1M iflag=fullblock 2>/dev/null; wait $sum; sync; echo 3 >/proc/sys/vm/drop_caches", 1800)
    wrote = dom0.run("cut -c1-64 /tmp/wrote").strip()
    read = dom0.run(f"sha256sum </dev/{device} | cut -c1-64", 1800).strip()
    context.require(wrote == read, f"{kind}: read back {read[:12]}, wrote {wrote[:12]}")
    with open(os.path.join(context.folder, f"{kind}.img"), "rb") as f:
        outside = hashlib.file_digest(f, "sha256").hexdigest()
    context.require(outside == wrote, f"{kind}: the disk holds {outside[:12]}, dom0 wrote {wrote[:12]}")
    os.unlink(os.path.join(context.folder, f"{kind}.img"))


def _try_card(context, dom0, mac, net, port, size):
    """Sends data through one card to the echo server and back."""
    card = dom0.run(f"grep -l {mac} /sys/class/net/*/address").strip().split("/")[4]
    dom0.run(f"ip addr add {net}.15/24 dev {card}; ip link set {card} up")
    dom0.wait_for(f"ping -c 1 -W 2 {net}.2 >/dev/null", 60)
    dom0.run(f"dd if=/dev/urandom of=/tmp/data bs=1M count={size} 2>/dev/null")
    back = dom0.run(f"nc {net}.2 {port} </tmp/data | head -c {size << 20} | cmp - /tmp/data && echo same", 600)
    context.require("same" in back, f"{card}: what came back is not what was sent")


def _keep_nvme_busy(dom0, device):
    """Some commands at once to the NVMe disk, five times a second from now on. QEMU 7.2's NVMe, working by its line, sometimes
    takes the driver's shadow doorbell for read before it has asked for the next ring of it, and then holds the line although
    nothing is left to be read, without any hypervisor too; a pair of completions lets go of it. For the same reason dom0 has
    noirqdebug: 100,000 interrupts in vain, which come together on a busy machine, would make it switch the line off for good."""
    dom0.run(f"(while :; do dd if=/dev/{device} of=/dev/null bs=2M count=1 iflag=direct; sleep 0.2; done) >/dev/null 2>&1 &")


def devices(kernel_args, wanted_interrupt):
    def run(context):
        """filled in below"""
        sizes = dict.fromkeys(DISKS, 1024 if context.long else 24)
        if "nomsi" in kernel_args:
            sizes["nvme"] = min(sizes["nvme"], NVME_BY_LINE_MOST)
        with Echo() as echo, context.dom0(kernel_args=kernel_args + " services=no", memory="1G", dom0_memory="512M",
                                          devices=_devices(context, sizes)) as dom0:
            disks = _find_disks(dom0, sizes)
            context.require(set(disks) == set(DISKS), f"disks found: {disks}")
            dom0.run("mkfifo /tmp/fifo; head -c $((1048576-16)) /dev/urandom >/tmp/block")
            if "nomsi" in kernel_args:
                _keep_nvme_busy(dom0, disks["nvme"])
            for kind, device in disks.items():
                _try_disk(context, dom0, kind, device, sizes[kind])
            for mac, net in (("52:54:00:00:00:01", "10.0.2"), ("52:54:00:00:00:02", "10.0.3")):
                _try_card(context, dom0, mac, net, echo.port, 32 if context.long else 4)
            interrupts = dom0.run("grep -e xen-pirq /proc/interrupts")
            context.require(re.search(wanted_interrupt, interrupts), f"no {wanted_interrupt} among the interrupts")
            check_dom0_log(context, dom0)
            return "MB: " + ", ".join(f"{kind} {size}" for kind, size in sorted(sizes.items()))

    run.__doc__ = ("Disks and cards work with MSI and MSI-X." if not kernel_args else
                   "Disks and cards work with the IO-APIC's lines alone (pci=nomsi).")
    return run


TESTS = {
    "dom0-devices": devices("", r"-msi"),
    "dom0-devices-intx": devices("pci=nomsi noirqdebug", r"-ioapic-level.*(?:ahci|nvme|virtio|xhci)"),
}
