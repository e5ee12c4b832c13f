# SPDX-License-Identifier: Apache-2.0
"""Drives QEMU: a Machine says what to emulate, an Emulator is one run of it with its serial console.

The console goes to a log file whole and is matched by regular expressions in order, each wait with a time limit. What
is inside the machine (dom0's shell, guests) is dom0.py's."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

from . import paths

# TCG 7.2 faults PV kernels wrongly under SMAP, and its RDTSCP intercept lacks the next RIP. With XSAVE, programs in dom0
# on real Xen lose register contents (segmentation faults after fork) as soon as a busy guest runs beside, even on
# one CPU; with FXSAVE alone they do not.
CPU_DEFAULT = "max,-smap,-smep,-pku,-rdtscp,-xsave,-avx,-avx2,-fma"
# The monitor's words for what the CPUs do and which interrupts wait; the hypervisor's keys for the same, after the
# sequence that leads the serial line to it.
STATE_COMMANDS = ("info registers -a", "info pic", "info lapic")
SWITCH_INPUT = "\x01\x01\x01"
STATE_KEYS = "qrei"
TIME_SCALE = float(os.environ.get("ORLOP_TIME_SCALE", "1"))


class Timeout(Exception):
    """What was waited for did not come in time."""


class Ended(Exception):
    """The emulator ended while something was waited for."""


class Machine:
    """What is emulated. boot is "kernel" (multiboot by the emulator's own loader), or a disk image with a
    firmware ("bios", "uefi") that finds its loader on it. threads is "single" (all CPUs take turns in one thread of the
    host: for tests, of which several run at once) or "multi"."""

    def __init__(self, hypervisor=None, hypervisor_args="", kernel=None, kernel_args="", initrd=None, cpus=2,
                 memory="2G", cpu=CPU_DEFAULT, machine="q35", icount=False, devices=(), firmware=None,
                 threads="single"):
        self.hypervisor = hypervisor
        self.hypervisor_args = hypervisor_args
        self.kernel = kernel
        self.kernel_args = kernel_args
        self.initrd = initrd
        self.cpus = cpus
        self.memory = memory
        self.cpu = cpu
        self.machine = machine
        self.icount = icount
        self.devices = list(devices)
        self.firmware = firmware
        self.threads = threads

    def command(self, monitor=None):
        """The emulator's argument list; monitor is the path of a socket for it."""
        args = ["qemu-system-x86_64", "-machine", self.machine, "-accel", f"tcg,thread={self.threads}", "-cpu", self.cpu,
                "-m", self.memory, "-smp", str(self.cpus), "-display", "none",
                "-monitor", f"unix:{monitor},server=on,wait=off" if monitor else "none", "-serial", "stdio", "-no-reboot", "-nodefaults"]
        if self.icount:
            args += ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm", "-seed", "1"]
        if self.hypervisor:
            modules = [f"{self.kernel} {self.kernel_args}".strip()] if self.kernel else []
            modules += [self.initrd] if self.initrd else []
            args += ["-kernel", self.hypervisor, "-append", self.hypervisor_args]
            if modules:
                args += ["-initrd", ",".join(module.replace(",", ",,") for module in modules)]
        if self.firmware == "uefi":
            args += ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                     "-drive", "if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd"]
        return args + self.devices


class Emulator:
    """One run. Use as a context manager: the emulator is dead afterwards, whatever happened."""

    def __init__(self, machine, log):
        self.machine = machine
        self.log = log
        self.text = ""
        self.position = 0
        self.changed = threading.Condition()
        self.process = None
        self.pump = None
        self.folder = tempfile.TemporaryDirectory(prefix="orlop-emulator-")  # a socket's path must be short
        self.monitor = os.path.join(self.folder.name, "monitor")

    def __enter__(self):
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        command = self.machine.command(self.monitor)
        with open(self.log + ".command", "w", encoding="utf-8") as f:
            f.write(" ".join(f"'{arg}'" if re.search(r"[^\w=./,:-]", arg) else arg for arg in command) + "\n")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0)
        self.pump = threading.Thread(target=self._read, daemon=True)
        self.pump.start()
        return self

    def __exit__(self, kind, *_):
        if kind is Timeout and self.process.poll() is None:
            self._say_state()
        self.process.kill()
        self.process.wait()
        self.pump.join(10)
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()

    def _say_state(self):
        """For whoever looks for the reason of a silence: the CPUs' registers into LOG.state, and the hypervisor's own
        dumps, if it still listens, into the log."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(3)
            monitor.connect(self.monitor)
            monitor.sendall("".join(f"{line}\n" for line in STATE_COMMANDS).encode())
            with open(self.log + ".state", "wb") as f, contextlib.suppress(TimeoutError):
                while data := monitor.recv(65536):
                    f.write(data)
        self.write(SWITCH_INPUT)
        for key in STATE_KEYS:
            self.write(key)
            time.sleep(1)

    def _read(self):
        with open(self.log, "wb") as log:
            while True:
                data = self.process.stdout.read(65536)
                if not data:
                    break
                log.write(data)
                log.flush()
                with self.changed:
                    self.text += data.decode("utf-8", "replace").replace("\r", "")
                    self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def expect(self, pattern, timeout):
        """Waits for the regular expression in what has come since the last match; gives the match."""
        until = time.monotonic() + timeout * TIME_SCALE
        with self.changed:
            while True:
                found = re.compile(pattern, re.M).search(self.text, self.position)
                if found:
                    self.position = found.end()
                    return found
                if not self.pump.is_alive():
                    raise Ended(f"the emulator ended before /{pattern}/ came; last line: {self.last_line()}")
                left = until - time.monotonic()
                if left <= 0:
                    raise Timeout(f"no /{pattern}/ in {timeout} s; last line: {self.last_line()}")
                self.changed.wait(min(left, 1))

    def wait_end(self, timeout):
        """Waits for the machine to power off (or reset: the emulator is told not to reboot)."""
        try:
            self.process.wait(timeout * TIME_SCALE)
        except subprocess.TimeoutExpired:
            raise Timeout(f"the machine did not end in {timeout} s; last line: {self.last_line()}") from None
        self.pump.join(10)

    def write(self, text):
        os.write(self.process.stdin.fileno(), text.encode())

    def last_line(self):
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else "(nothing came)"


def drive(path, kind, name="d0", snapshot=True, serial=None, bus=""):
    """Arguments for a disk image on one kind of controller: virtio, ahci, nvme, usb, ide."""
    back = f"file={path},format=raw,if=none,id={name},snapshot={'on' if snapshot else 'off'},cache=unsafe"
    tail = f",serial={serial}" if serial else ""
    front = {
        "virtio": ["-device", f"virtio-blk-pci,drive={name}{tail}{bus}"],
        "ahci": ["-device", f"ide-hd,drive={name}{tail}{bus}"],
        "ide": ["-device", f"ide-hd,drive={name}{tail}{bus}"],
        "nvme": ["-device", f"nvme,drive={name},serial={serial or name}{bus}"],
        "usb": ["-device", f"usb-storage,drive={name}{tail}{bus}"],
    }[kind]
    return ["-drive", back, *front]


def network(model, name="n0", mac="52:54:00:12:34:56"):
    """Arguments for a network card of the model, on the emulator's own user network."""
    return ["-netdev", f"user,id={name}", "-device", f"{model},netdev={name},mac={mac}"]
