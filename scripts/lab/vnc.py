# SPDX-License-Identifier: Apache-2.0
"""A picture of a display by VNC (RFC 6143), and as much of its text as tells whether a screen has appeared.

Raw encoding and 32 bits a pixel are what every server speaks. Text modes come as pictures too: a screen's size and how
its pixels differ are what a test can judge; a PNG file keeps the picture for people."""

import socket
import struct
import time
import zlib


class VncError(Exception):
    """The server said or did what a server does not."""


class Display:
    """One connection to a server without or with a password, which is not checked here (security type None only)."""

    def __init__(self, host, port, timeout=30):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.settimeout(timeout)
        version = self._take(12)
        if not version.startswith(b"RFB "):
            raise VncError(f"no VNC server: {version!r}")
        self.socket.sendall(b"RFB 003.008\n")
        kinds = self._take(self._take(1)[0])
        if 1 not in kinds:
            raise VncError(f"the server wants a password: {list(kinds)}")
        self.socket.sendall(b"\x01")
        if self._take(4) != b"\0\0\0\0":
            raise VncError("the server refuses us")
        self.socket.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", self._take(4))
        self._take(16)
        self._take(struct.unpack(">I", self._take(4))[0])
        # 32 bits, 24 of them used, little-endian, true colour, red 16, green 8, blue 0.
        self.socket.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        # Raw, and telling of changes of size (-223).
        self.socket.sendall(struct.pack(">BxHii", 2, 2, 0, -223))
        self.pixels = bytearray(self.width * self.height * 4)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _take(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise VncError("the server hung up")
            data += part
        return data

    def refresh(self):
        """Asks for the whole picture and waits for it."""
        while True:
            self.socket.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
            if self._update():
                return

    def _update(self):
        """One message of the server; true when it brought the whole picture."""
        kind = self._take(1)[0]
        if kind == 2:
            return False
        if kind == 3:
            self._take(3)
            self._take(struct.unpack(">I", self._take(4))[0])
            return False
        if kind:
            raise VncError(f"message {kind} is not known")
        area, whole = 0, True
        for _ in range(struct.unpack(">xH", self._take(3))[0]):
            x, y, width, height, encoding = struct.unpack(">HHHHi", self._take(12))
            if encoding == -223:
                self.width, self.height = width, height
                self.pixels = bytearray(width * height * 4)
                whole = False
                continue
            for line in range(y, y + height):
                start = (line * self.width + x) * 4
                self.pixels[start:start + width * 4] = self._take(width * 4)
            area += width * height
        return whole and area >= self.width * self.height

    def colours(self):
        """How many pixels have each colour, most frequent first: [(0xRRGGBB, count)]."""
        counts = {}
        for (value,) in struct.iter_unpack("<I", self.pixels):
            value &= 0xffffff
            counts[value] = counts.get(value, 0) + 1
        return sorted(counts.items(), key=lambda pair: -pair[1])

    def save(self, path):
        """Writes the picture as a PNG file."""
        lines = bytearray()
        for line in range(self.height):
            part = self.pixels[line * self.width * 4:(line + 1) * self.width * 4]
            rgb = bytearray(self.width * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = part[2::4], part[1::4], part[0::4]
            lines += b"\0" + rgb
        with open(path, "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n")
            for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)),
                               (b"IDAT", zlib.compress(bytes(lines))), (b"IEND", b"")):
                f.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def wait_for_picture(host, port, good, timeout, path=None):
    """Looks at the display every few seconds until good(display) is true; gives whether it was. The last picture is kept."""
    until = time.monotonic() + timeout
    while True:
        with Display(host, port) as display:
            display.refresh()
            if path:
                display.save(path)
            if good(display):
                return True
        if time.monotonic() > until:
            return False
        time.sleep(3)
