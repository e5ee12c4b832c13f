# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark guests and reads what they print.

The running itself is that of tests/guests/run. A guest prints "bench NAME VALUE" for each operation; as a domU its lines
come through the host guest's relay, with "dN| " before them."""

import dataclasses
import os
import re

from lab import paths
from lab.emulator import TIME_SCALE

from run.guests import RUNNER

from .catalogue import MODES

LINE = re.compile(r"^(?:\(XEN\) )?(?:d\d+\| )?bench (\w+) (\d+(?:\.\d+)?)\r?$", re.M)
SIDES = ("orlop", "xen")


class RunFailed(Exception):
    """A benchmark guest did not come to its end; the text says which, where and why."""


def parse(log):
    """{operation: figure} out of a serial log; whole numbers stay whole."""
    return {name: float(value) if "." in value else int(value) for name, value in LINE.findall(log)}


def guest_of(mode):
    """The line of the index that measures the mode."""
    return RUNNER.select(RUNNER.load_index(), [MODES[mode]])[0]


def run(mode, side, folder, guest=None):
    """One run of a mode on "orlop" or "xen"; gives {operation: figure}. The log is folder/MODE-SIDE/serial.log."""
    place = os.path.join(folder, f"{mode}-{side}")
    outcome = RUNNER.run_guest(guest or guest_of(mode), image=paths.hypervisor(side), directory=place, scale=2 * TIME_SCALE)
    if outcome.result != "SUCCESS":
        raise RunFailed(f"{mode} on {side}: {outcome.result}: {outcome.reason or 'no reason given'}; see {outcome.log}")
    with open(outcome.log, encoding="utf-8", errors="replace") as f:
        return parse(f.read())


def versions():
    """What was measured against what, for the record."""
    def first_line(side):
        with open(paths.hypervisor(side), "rb") as f:
            return {"image": os.path.basename(paths.hypervisor(side)), "digest": paths.digest(f.read())}

    return {side: first_line(side) for side in SIDES}
