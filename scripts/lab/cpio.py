# SPDX-License-Identifier: Apache-2.0
"""Archives for the kernel's initramfs ("newc" format, Linux Documentation/driver-api/early-userspace).

An Archive is filled in memory by path and written out in sorted order with fixed times, so that the same
content gives the same bytes. The layout inside is that of a merged-/usr Debian."""

import os
import re
import stat
import subprocess

MERGED = ("bin", "sbin", "lib", "lib64")


class Archive:
    def __init__(self):
        self.entries = {}

    def _place(self, path):
        """Normal form of a path: no leading slash, /bin and /lib under /usr, parents present."""
        path = os.path.normpath("/" + path).lstrip("/")
        if path.split("/")[0] in MERGED and "/" in path:
            path = "usr/" + path
        parent = os.path.dirname(path)
        if parent:
            self.directory(parent)
        return path

    def directory(self, path, mode=0o755):
        path = self._place(path)
        self.entries.setdefault(path, (stat.S_IFDIR | mode, b"", 0, 0))

    def file(self, path, data, mode=0o644):
        """A regular file with the given content (bytes or text)."""
        if isinstance(data, str):
            data = data.encode()
        self.entries[self._place(path)] = (stat.S_IFREG | mode, data, 0, 0)

    def link(self, path, target):
        self.entries[self._place(path)] = (stat.S_IFLNK | 0o777, target.encode(), 0, 0)

    def node(self, path, major, minor, mode=0o600):
        self.entries[self._place(path)] = (stat.S_IFCHR | mode, b"", major, minor)

    def has(self, path):
        path = os.path.normpath("/" + path).lstrip("/")
        return path in self.entries or "usr/" + path in self.entries

    def merged_usr(self):
        """The root's links of a merged-/usr system."""
        for name in MERGED:
            self.directory("usr/" + name)
            self.entries[name] = (stat.S_IFLNK | 0o777, f"usr/{name}".encode(), 0, 0)

    def copy(self, source, path=None, mode=None):
        """A file of this system, under the same path when none is given; links are followed."""
        with open(source, "rb") as f:
            data = f.read()
        self.file(path or source, data, mode or stat.S_IMODE(os.stat(source).st_mode))

    def program(self, source, path=None):
        """A file, and when it is a dynamic program the libraries that ldd names for it."""
        self.copy(source, path, 0o755)
        done = subprocess.run(["ldd", source], capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            found = re.search(r"(?:=> )?(/\S+) \(0x", line)
            if found and not self.has(found.group(1)):
                self.copy(found.group(1))

    def tobytes(self):
        out = []
        for number, path in enumerate(sorted(self.entries), 1):
            mode, data, major, minor = self.entries[path]
            out.append(_record(number, path, mode, data, major, minor))
        out.append(_record(0, "TRAILER!!!", 0, b"", 0, 0))
        total = b"".join(out)
        return total + b"\0" * (-len(total) % 512)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(self.tobytes())


def _record(number, path, mode, data, major, minor):
    name = path.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in fields) + name
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)
