# SPDX-License-Identifier: Apache-2.0
"""Counts instructions between two addresses that a machine reaches, under -icount.

The emulator's GDB server stops it at the addresses; its monitor reads the ACPI PM timer there. With shift=0 virtual time is
one nanosecond an instruction, so the timer's 3.579545 MHz give the count to within 280 instructions."""

import os
import re
import socket
import struct
import subprocess
import time

from .emulator import TIME_SCALE, Timeout

PM_TIMER = 0x608  # where SeaBIOS puts it on a q35
TIMER_HZ = 3579545
TIMER_BITS = 24


def elf_entry(path):
    """Physical address of an ELF file's entry: that in its header, moved as the segment around it is."""
    with open(path, "rb") as f:
        image = f.read(4096)
    if image[4] == 2:
        entry, table = struct.unpack_from("<QQ", image, 24)
        size, count = struct.unpack_from("<HH", image, 54)
        segments = [struct.unpack_from("<I4xQQQQQ", image, table + i * size) for i in range(count)]
    else:
        entry, table = struct.unpack_from("<II", image, 24)
        size, count = struct.unpack_from("<HH", image, 42)
        segments = [struct.unpack_from("<IIIIII", image, table + i * size) for i in range(count)]
    for kind, _, virtual, physical, _, in_memory in segments:
        if kind == 1 and virtual <= entry < virtual + in_memory:
            return entry - virtual + physical
    return entry


class _Gdb:
    """As much of GDB's remote protocol as setting breakpoints and going on takes."""

    def __init__(self, path):
        self.socket = _connected(path)
        self.rest = b""

    def packet(self):
        while True:
            found = re.search(rb"\$([^#]*)#..", self.rest)
            if found:
                self.rest = self.rest[found.end():]
                self.socket.sendall(b"+")
                return found.group(1)
            data = self.socket.recv(4096)
            if not data:
                raise Timeout("the emulator ended before the address was reached")
            self.rest += data

    def ask(self, text, wait=True):
        body = text.encode()
        self.socket.sendall(b"$" + body + b"#%02x" % (sum(body) % 256))
        return self.packet() if wait else None


class _Monitor:
    """The emulator's human monitor on a socket."""

    def __init__(self, path):
        self.socket = _connected(path)
        self._until_prompt()

    def _until_prompt(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            data = self.socket.recv(4096)
            if not data:
                raise Timeout("the emulator's monitor is gone")
            text += data
        return text.decode("ascii", "replace")

    def ask(self, text):
        self.socket.sendall(text.encode() + b"\n")
        return self._until_prompt()


def _connected(path):
    until = time.monotonic() + 20 * TIME_SCALE
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(path)
            return link
        except OSError:
            link.close()
            if time.monotonic() > until:
                raise Timeout(f"the emulator did not open {path}") from None
            time.sleep(0.1)


def instructions_between(machine, first, last, folder, timeout=900):
    """Runs the machine (with icount) from its start; gives the instructions executed from address first to last."""
    gdb_path, monitor_path = (os.path.join(folder, name) for name in ("gdb.socket", "monitor.socket"))
    command = machine.command()
    command[command.index("-monitor") + 1] = f"unix:{monitor_path},server=on,wait=off"
    command[command.index("stdio")] = "file:" + os.path.join(folder, "serial.log")
    command += ["-S", "-gdb", f"unix:{gdb_path},server=on,wait=off"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        gdb, monitor = _Gdb(gdb_path), _Monitor(monitor_path)
        gdb.socket.settimeout(timeout * TIME_SCALE)
        gdb.ask("?")
        _run_to(gdb, first)
        start = _timer(monitor)
        ticks, before = 0, start
        gdb.ask(f"Z1,{last:x},1")
        gdb.ask("c", wait=False)
        gdb.socket.settimeout(0.2)
        until = time.monotonic() + timeout * TIME_SCALE
        # The timer wraps every 4.7 G instructions: look at it more often than that while the machine runs.
        while True:
            try:
                gdb.packet()
                break
            except socket.timeout:
                now = _timer(monitor)
                ticks, before = ticks + (now - before) % (1 << TIMER_BITS), now
                if time.monotonic() > until:
                    raise Timeout(f"address {last:#x} was not reached in {timeout} s") from None
        ticks += (_timer(monitor) - before) % (1 << TIMER_BITS)
        return ticks * 1_000_000_000 // TIMER_HZ
    finally:
        process.kill()
        process.wait()


def _run_to(gdb, address):
    gdb.ask(f"Z1,{address:x},1")
    gdb.ask("c")
    gdb.ask(f"z1,{address:x},1")


def _timer(monitor):
    found = re.search(r"= 0x([0-9a-f]+)", monitor.ask(f"i /w {PM_TIMER:#x}"))
    return int(found.group(1), 16) & ((1 << TIMER_BITS) - 1)
