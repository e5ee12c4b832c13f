# SPDX-License-Identifier: Apache-2.0
"""Test guests as tests: one per line of tests/guests/index, run by tests/guests/run, which prints PASS, FAIL or SKIP."""

import dataclasses
import os
import re
import subprocess
import sys

from lab import paths
from lab.emulator import TIME_SCALE

from .context import Failure, Skip

FOLDER = os.path.join(paths.TOP, "tests", "guests")


@dataclasses.dataclass
class Guest:
    name: str
    group: str
    timeout: int
    summary: str = ""

    def run(self, context):
        """Runs this guest alone on the hypervisor under test."""
        log = os.path.join(context.folder, "log")
        with open(log, "w+", encoding="utf-8", errors="replace") as f:
            try:
                subprocess.run([sys.executable, os.path.join(FOLDER, "run"), "--on", context.on, self.name],
                               stdout=f, stderr=subprocess.STDOUT, check=False,
                               timeout=(self.timeout + 60) * TIME_SCALE)
            except subprocess.TimeoutExpired:
                raise Failure(f"no end in {self.timeout + 60} s") from None
            f.seek(0)
            text = f.read()
        told = re.findall(rf"^(PASS|FAIL|SKIP)\s+{re.escape(self.name)}\b[ :]*(.*)$", text, re.M)
        if not told:
            raise Failure("the runner of test guests gave no verdict; see " + log)
        verdict, reason = told[-1]
        if verdict == "FAIL":
            raise Failure(reason)
        if verdict == "SKIP":
            raise Skip(reason)
        return reason


def index():
    """The test guests; none where there is no index."""
    path = os.path.join(FOLDER, "index")
    if not os.path.exists(path):
        return []
    found = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            fields = dict(field.split("=", 1) for field in line.split("#")[0].split() if "=" in field)
            if fields:
                found.append(Guest(fields["name"], fields["group"], int(fields.get("timeout", 60))))
    return found
