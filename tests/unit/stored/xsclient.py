# SPDX-License-Identifier: Apache-2.0
"""Speaks the XenStore protocol byte by byte, over the daemon's socket or as a guest over a shared
page (fakexen.c plays the hypervisor). Nothing here interprets: a test sees exactly what was sent."""

import mmap
import os
import socket
import struct
import time

(CONTROL, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TX_START, TX_END, INTRODUCE, RELEASE,
 GET_DOMAIN_PATH, WRITE, MKDIR, RM, SET_PERMS, WATCH_EVENT, ERROR, IS_INTRODUCED, RESUME,
 SET_TARGET) = range(20)
RESET_WATCHES, DIRECTORY_PART = 21, 22

HEADER = struct.Struct("<IIII")


class Closed(Exception):
    pass


class Client:
    """One connection: `call` gives (type, payload) of the reply and keeps events aside."""

    def __init__(self):
        self.served = True  # a daemon answers
        self.events = []
        self.buf = b""
        self.req_id = 1

    def send(self, kind, payload=b"", tx=0, length=None):
        self.req_id += 1
        size = len(payload) if length is None else length
        self.put(HEADER.pack(kind, self.req_id, tx, size))
        self.put(payload)  # apart, as Linux does
        return self.req_id

    def receive(self, timeout=2.0):
        end = time.time() + timeout
        while True:
            if len(self.buf) >= 16:
                kind, req, tx, size = HEADER.unpack(self.buf[:16])
                if len(self.buf) >= 16 + size:
                    body = self.buf[16:16 + size]
                    self.buf = self.buf[16 + size:]
                    return kind, req, tx, body
            if time.time() > end:
                return None
            self.buf += self.get(max(0, end - time.time()))

    def call(self, kind, payload=b"", tx=0):
        req = self.send(kind, payload, tx)
        while True:
            msg = self.receive()
            if msg is None:
                return "timeout"
            if msg[0] == WATCH_EVENT:
                self.events.append(msg[3])
                continue
            if msg[1] != req or msg[2] != tx:
                return ("mismatch", msg)
            if msg[0] == ERROR:
                return msg[3].rstrip(b"\0").decode()
            return msg[3] if msg[0] == kind else ("type", msg[0], msg[3])

    def drain(self, wait=0.05):
        while True:
            msg = self.receive(wait)
            if msg is None:
                break
            if msg[0] == WATCH_EVENT:
                self.events.append(msg[3])
            else:
                self.events.append(("unexpected", msg))
        out, self.events = self.events, []
        return out


class Socket(Client):
    def __init__(self, path):
        super().__init__()
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.connect(path)

    def put(self, data):
        self.s.sendall(data)

    def get(self, timeout):
        self.s.settimeout(max(timeout, 0.001))
        try:
            data = self.s.recv(65536)
        except socket.timeout:
            return b""
        except ConnectionResetError:
            raise Closed()
        if not data:
            raise Closed()
        return data


class Guest(Client):
    """A domain: owns the ring page and wakes the daemon by the fake event channel."""

    def __init__(self, directory, domid):
        super().__init__()
        self.domid, self.dir = domid, directory
        path = f"{directory}/ring-{domid}"
        fresh = not os.path.exists(path)
        with open(path, "a+b") as f:
            if fresh:
                f.write(bytes(4096))
        fd = os.open(path, os.O_RDWR)
        self.page = mmap.mmap(fd, 4096)
        os.close(fd)

    def word(self, offset, value=None):
        if value is not None:
            self.page[offset:offset + 4] = struct.pack("<I", value & 0xffffffff)
        return struct.unpack("<I", self.page[offset:offset + 4])[0]

    def kick(self):
        """Signals the daemon; where there is none, the next one looks at every ring anyway."""
        try:
            fd = os.open(f"{self.dir}/evtchn", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            os.write(fd, struct.pack("<I", 1000 + self.domid))
        except BrokenPipeError:
            pass
        os.close(fd)

    def put(self, data, timeout=20.0):
        end = time.time() + timeout
        while data:
            cons, prod = self.word(2048), self.word(2052)
            room = 1024 - ((prod - cons) & 0xffffffff)
            if room <= 0:
                if time.time() > end:
                    raise Closed()
                time.sleep(0.002)
                continue
            for i, byte in enumerate(data[:room]):
                self.page[(prod + i) & 1023] = byte
            self.word(2052, prod + min(room, len(data)))
            data = data[room:]
            if self.word(2048) == prod:
                self.kick()  # as Linux does: only if all that was sent before is consumed

    def get(self, timeout):
        end = time.time() + timeout
        while True:
            cons, prod = self.word(2056), self.word(2060)
            count = (prod - cons) & 0xffffffff
            if count:
                out = bytes(self.page[1024 + ((cons + i) & 1023)] for i in range(count))
                self.word(2056, prod)
                if self.word(2060) - cons >= 1024:
                    self.kick()  # as Linux does: only if there was no room
                return out
            if time.time() >= end:
                return b""
            time.sleep(0.001)


def set_domains(directory, domains):
    """domains: {domid: flags}"""
    tmp = f"{directory}/domains.new"
    with open(tmp, "w") as f:
        for domid, flags in domains.items():
            f.write(f"{domid} {flags}\n")
    os.rename(tmp, f"{directory}/domains")


def virq(directory):
    fd = os.open(f"{directory}/evtchn", os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, struct.pack("<I", 1))
    os.close(fd)
