# SPDX-License-Identifier: Apache-2.0
"""dom0's test shell over the serial console: run a command, get its output and status.

Lines are sent in pieces, each after the echo of the one before: a hypervisor's console ring and a UART are short, and a
line sent whole would lose its middle. The other end is scripts/images/testshell."""

import base64
import os
import re

from .emulator import TIME_SCALE, Timeout

PIECE = 48
# Lines of the hypervisor and of guests' early consoles, which may break into any line of dom0's.
HYPERVISOR_LINE = re.compile(r"\((?:XEN|orlop|d\d+)\) .*\n?")


class CommandFailed(Exception):
    """A command in dom0 ended with another status than 0."""


class Dom0:
    def __init__(self, emulator):
        self.emulator = emulator
        self.number = 0

    def wait_up(self, timeout=180):
        """Waits for the test shell's first word."""
        self.emulator.expect(r"@@0:0@@\n", timeout)

    def send(self, text):
        """Types text, paced by its echo."""
        for start in range(0, len(text), PIECE):
            piece = text[start:start + PIECE]
            self.emulator.write(piece)
            # The echo may be broken by lines of kernels and hypervisor; a lost one must not stop the test.
            try:
                self.emulator.expect(re.escape(piece.rstrip("\n")[-8:]), 5 / TIME_SCALE)
            except Timeout:
                pass

    def run(self, command, timeout=60, check=True):
        """Runs a shell command (one line) in dom0; gives its output, or (status, output) without check."""
        self.number += 1
        before = self.emulator.position
        self.send(f"{self.number} {command}\n")
        self.emulator.position = before  # waiting for a lost echo may have run past the mark
        start = self.emulator.expect(rf"@@{self.number}\n", timeout).end()
        found = self.emulator.expect(rf"@@{self.number}:(\d+)@@\n", timeout)
        output = self.emulator.text[start:found.start()]
        output = HYPERVISOR_LINE.sub("", output)
        status = int(found.group(1))
        if not check:
            return status, output
        if status:
            raise CommandFailed(f"dom0: '{command}' ended with {status}: {output.strip()[-400:]}")
        return output

    def put(self, path, data):
        """Writes a small file (bytes) in dom0."""
        text = base64.b64encode(data).decode()
        self.run(f"mkdir -p {os.path.dirname(path)} && echo {text} | base64 -d >{path}")

    def wait_for(self, command, timeout=60):
        """Repeats a command in dom0 (there, once a second) until it ends well."""
        tries = int(timeout * TIME_SCALE)
        return self.run(f"n=0; until {command}; do n=$((n+1)); [ $n -lt {tries} ] || break; sleep 1; done;"
                        f" [ $n -lt {tries} ]", timeout * 3 + 30)
