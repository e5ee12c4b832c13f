# SPDX-License-Identifier: Apache-2.0
"""What a test is given: the hypervisor it runs on, its log folder, and short ways to boot and to talk.

A system test is the same text on Orlop and on Xen; what differs (the command's name, how a file becomes a disk) is
decided here."""

import base64
import contextlib
import copy
import os

from lab import images, paths
from lab.dom0 import Dom0
from lab.emulator import Emulator, Machine


class Failure(Exception):
    """The test found what must not be; the text is the reason."""


class Skip(Exception):
    """The test cannot say anything here; the text is the reason."""


DOM0_KERNEL_ARGS = "console=hvc0 loglevel=7"
MORE_ARGS = os.environ.get("ORLOP_HYPERVISOR_ARGS", "")
GUEST_LOG = "/var/log/xen/console/guest-{}.log"


class Context:
    def __init__(self, options, folder):
        self.on = options.on
        self.tools = options.tools
        self.long = options.long
        self.record = options.record
        self.folder = folder
        self.runs = 0

    @property
    def tool(self):
        """The name of the command."""
        return "xl" if self.tools == "xen" else "orlop"

    def with_tools(self, tools):
        """The same, with these tools in dom0 whatever was asked for."""
        other = copy.copy(self)
        other.tools = tools
        return other

    def require(self, condition, reason):
        if not condition:
            raise Failure(reason)

    def dom0_image(self):
        """The small dom0 with the tools under test."""
        return images.dom0_small(self.tools == "xen")

    def machine(self, dom0_memory="512M", dom0_cpus=2, files=None, kernel=None, kernel_args="", hypervisor_args="",
                run="testshell", initrd=None, **rest):
        """A Machine with the small dom0 on the hypervisor under test. files: {path in dom0: bytes or path here};
        initrd: a whole image instead of the small one."""
        initrd = initrd or images.joined(os.path.join(self.folder, f"initrd-{self.runs}.img"),
                                         self.dom0_image(), files)
        args = f"{DOM0_KERNEL_ARGS} tools={self.tools} run={run} {kernel_args}"
        return Machine(
            hypervisor=paths.hypervisor(self.on),
            hypervisor_args=f"com1=115200,8n1 console=com1 loglvl=info guest_loglvl=warning dom0_mem={dom0_memory} "
                            f"dom0_max_vcpus={dom0_cpus} {hypervisor_args} {MORE_ARGS}".strip(),
            kernel=kernel or paths.kernel_unpacked(), kernel_args=args.strip(), initrd=initrd, **rest)

    @contextlib.contextmanager
    def emulator(self, machine):
        """The machine running, its console in serial-N.log of the test's folder."""
        log = os.path.join(self.folder, f"serial-{self.runs}.log")
        self.runs += 1
        try:
            with Emulator(machine, log) as emulator:
                yield emulator
        finally:
            if machine.initrd and machine.initrd.startswith(self.folder) and os.path.exists(machine.initrd):
                os.unlink(machine.initrd)

    @contextlib.contextmanager
    def dom0(self, timeout=240, **options):
        """dom0 up, its test shell answering. Options are those of machine()."""
        with self.emulator(self.machine(**options)) as emulator:
            dom0 = Dom0(emulator)
            dom0.wait_up(timeout)
            yield dom0

    def guest_files(self, kernel=None):
        """What dom0 must hold to start small guests."""
        return {"/boot/vmlinuz": kernel or paths.kernel_unpacked(), "/boot/guest.img": images.guest_small()}

    def guest(self, name, task="", addr="", memory=128, vcpus=1, disks=(), extra=(), kernel="/boot/vmlinuz",
              ramdisk="/boot/guest.img"):
        """Bytes of a config file for a small guest; task is shell text run in it."""
        args = "console=hvc0 quiet"
        if addr:
            args += f" addr={addr}"
        if task:
            args += " task=" + base64.b64encode(task.encode()).decode()
        lines = [f"name = '{name}'", f"memory = {memory}", f"vcpus = {vcpus}", f"kernel = '{kernel}'",
                 f"ramdisk = '{ramdisk}'", f"extra = '{args}'"]
        if disks:
            lines.append("disk = [" + ", ".join(f"'{disk}'" for disk in disks) + "]")
        if addr:
            lines.append("vif = ['bridge=xenbr0']")
        return "\n".join([*lines, *extra]).encode() + b"\n"

    def make_disk(self, dom0, path, megabytes, device="xvda"):
        """A raw file in dom0 as a guest's disk; gives its entry for the config. Xen's xl has no way to attach a
        plain file without a device model, so there a loop device stands before it."""
        dom0.run(f"dd if=/dev/zero of={path} bs=1M count=0 seek={megabytes} 2>/dev/null")
        if self.tools == "xen":
            loop = dom0.run(f"/sbin/losetup -f --show {path}").strip()
            return f"phy:{loop},{device},w"
        return f"{path},raw,{device},w"

    def guest_says(self, dom0, name, pattern, timeout=120):
        """Waits until a line of the guest's console matches (grep's basic expressions)."""
        dom0.wait_for(f"grep -q -e '{pattern}' {GUEST_LOG.format(name)}", timeout)

    def guest_log(self, dom0, name):
        return dom0.run(f"cat {GUEST_LOG.format(name)}").replace("\r", "")
