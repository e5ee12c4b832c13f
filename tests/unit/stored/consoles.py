#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console daemon beside the store daemon, over a Xen made of files: output, input, logs, a guest that floods, a
restart of either daemon, a guest that dies, nonsense in the ring.

    consoles.py --fakexen FILE --daemon STORED --consoled FILE"""

import argparse
import mmap
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from xsclient import INTRODUCE, READ, WRITE, Guest, Socket, set_domains, virq

IN_CONS, IN_PROD, OUT_CONS, OUT_PROD = 3072, 3076, 3080, 3084  # struct xencons_interface


class Console:
    """A guest's side of its console ring."""

    def __init__(self, directory, domid):
        self.dir, self.domid = directory, domid
        with open(f"{directory}/console-{domid}", "wb") as f:
            f.write(bytes(4096))
        fd = os.open(f"{directory}/console-{domid}", os.O_RDWR)
        self.page = mmap.mmap(fd, 4096)
        os.close(fd)

    def word(self, offset, value=None):
        if value is not None:
            self.page[offset:offset + 4] = struct.pack("<I", value & 0xffffffff)
        return struct.unpack("<I", self.page[offset:offset + 4])[0]

    def kick(self):
        fd = os.open(f"{self.dir}/console-events", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, struct.pack("<I", 1000 + self.domid))
        os.close(fd)

    def print(self, data):
        prod = self.word(OUT_PROD)
        for i, byte in enumerate(data):
            self.page[1024 + ((prod + i) & 2047)] = byte
        self.word(OUT_PROD, prod + len(data))
        self.kick()

    def room(self):
        return 2048 - (self.word(OUT_PROD) - self.word(OUT_CONS) & 0xffffffff)


class Host:
    """The two daemons and dom0's client."""

    def __init__(self, options):
        self.options = options
        self.dir = tempfile.mkdtemp(prefix="consoles-")
        os.mkdir(self.dir + "/run")
        with open(self.dir + "/ring-0", "wb") as f:
            f.write(bytes(4096))
        with open(self.dir + "/xsd_port", "w", encoding="ascii") as f:
            f.write("3")
        set_domains(self.dir, {0: "-"})
        self.env = dict(os.environ, FAKEXEN_DIR=self.dir, XENSTORED_RUNDIR=self.dir + "/run",
                        LD_PRELOAD=options.fakexen)
        self.stored = self.consoled = self.client = None
        self.start_stored()
        self.start_consoled()

    def start_stored(self):
        if self.stored:
            self.stored.kill()
            self.stored.wait()
            os.unlink(self.dir + "/run/socket")
        self.stored = subprocess.Popen([self.options.daemon, "-N"], env=self.env, stderr=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(self.dir + "/run/socket"), "the store daemon's socket")
        self.client = Socket(self.dir + "/run/socket")

    def start_consoled(self):
        if self.consoled:
            self.consoled.kill()
            self.consoled.wait()
        self.consoled = subprocess.Popen(
            [self.options.consoled, "-i", "--log=guest", f"--log-dir={self.dir}/log", f"--pid-file={self.dir}/pid"],
            env=dict(self.env, FAKEXEN_EVTCHN="console-events"), stderr=subprocess.DEVNULL)

    def write(self, path, value):
        self.client.call(WRITE, f"{path}\0{value}".encode())

    def tty(self, domid):
        answer = self.client.call(READ, f"/local/domain/{domid}/console/tty\0".encode())
        return answer.decode() if isinstance(answer, bytes) else None

    def guest(self, domid, **nodes):
        set_domains(self.dir, {0: "-", domid: "-"})
        Guest(self.dir, domid)
        console = Console(self.dir, domid)
        self.write(f"/local/domain/{domid}/name", f"guest{domid}")
        for key, value in {"ring-ref": 1, "port": 2, "type": "xenconsoled", "limit": 100000, **nodes}.items():
            self.write(f"/local/domain/{domid}/console/{key}", value)
        self.client.call(INTRODUCE, f"{domid}\0001\0007\0".encode())
        return console

    def end(self):
        for process in (self.consoled, self.stored):
            process.kill()
            process.wait()
        shutil.rmtree(self.dir)


def wait_for(condition, what, seconds=10):
    end = time.time() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.time() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


def open_tty(host, domid):
    name = wait_for(lambda: host.tty(domid), "a terminal")
    return name, os.open(name, os.O_RDWR | os.O_NOCTTY)


def read_until(tty, wanted, seconds=10):
    got, end = b"", time.time() + seconds
    while wanted not in got:
        if not select.select([tty], [], [], max(0, end - time.time()))[0]:
            raise AssertionError(f"{wanted!r} did not come, but {got[-80:]!r}")
        got += os.read(tty, 65536)
    return got


def basics(host, console):
    _, tty = open_tty(host, 5)
    console.print(b"hello\n")
    read_until(tty, b"hello\n")
    os.write(tty, b"typed")
    wait_for(lambda: console.word(IN_PROD) == 5, "input")
    assert bytes(console.page[:5]) == b"typed"
    # Input waits while the guest's ring is full and goes on when there is room.
    os.write(tty, b"x" * 1500)
    wait_for(lambda: console.word(IN_PROD) == 1024, "a full input ring")
    console.word(IN_CONS, 1024)
    console.kick()
    wait_for(lambda: console.word(IN_PROD) == 1505, "the rest of the input")
    with open(host.dir + "/log/guest-guest5.log", "rb") as f:
        assert f.read() == b"hello\n"
    return tty


def flood(host, console, tty):
    """Nobody reads: the daemon takes so much and no more, and keeps the newest."""
    sent, end = 0, time.time() + 1.5
    while time.time() < end:
        room = console.room()
        if room:
            console.print(b"f" * room)
            sent += room
        else:
            time.sleep(0.001)
    assert sent > 100000, "the flood was too small to say anything"
    time.sleep(0.4)
    wait_for(lambda: console.room() == 2048, "the rest of the flood")
    console.print(b"last")
    got = read_until(tty, b"last")
    assert len(got) <= 100000 + 65536, f"{len(got)} bytes were kept, the limit is 100000"
    log = os.path.getsize(host.dir + "/log/guest-guest5.log")
    assert log == sent + 6 + 4, f"the log has {log} bytes of {sent + 10}"


def nonsense(console, tty):
    prod = console.word(OUT_PROD)
    console.word(OUT_PROD, console.word(OUT_CONS) + 5000)
    console.kick()
    time.sleep(0.2)
    console.word(OUT_PROD, prod)
    console.print(b"mended\n")
    read_until(tty, b"mended\n")


def restarts(host, console, tty):
    host.start_stored()
    console.print(b"store is back\n")
    read_until(tty, b"store is back\n")
    os.close(tty)
    host.write("/local/domain/5/console/tty", "")  # the new daemon's terminal may well have the old one's name
    host.start_consoled()
    _, tty = open_tty(host, 5)
    console.print(b"console daemon is back\n")
    read_until(tty, b"console daemon is back\n")
    return tty


def death(host, console, tty):
    console.print(b"last words\n")
    set_domains(host.dir, {0: "-", 5: "d"})
    virq(host.dir)
    read_until(tty, b"last words\n")
    fds = f"/proc/{host.consoled.pid}/fd"
    def terminal_open():
        try:
            return any("ptmx" in os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds))
        except FileNotFoundError:  # one was closed between the two looks
            return True

    wait_for(lambda: not terminal_open(), "the terminal's end", 15)


def others(host):
    """A console that is another daemon's is left alone."""
    host.guest(6, type="ioemu")
    time.sleep(0.3)
    assert host.tty(6) is None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fakexen", required=True)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--consoled", required=True)
    host = Host(parser.parse_args())
    try:
        console = host.guest(5)
        tty = basics(host, console)
        flood(host, console, tty)
        nonsense(console, tty)
        tty = restarts(host, console, tty)
        death(host, console, tty)
        others(host)
        print("consoles: output, input, flood, nonsense, restarts, death: all well")
    except AssertionError as e:
        sys.exit(f"consoles: {e}")
    finally:
        host.end()


if __name__ == "__main__":
    main()
