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

from . import counts
from .catalogue import MODES

LINE = re.compile(r"^(?:\(XEN\) )?(?:d\d+\| )?bench (\w+) (\d+(?:\.\d+)?)\r?$", re.M)
OVERHEAD = re.compile(r"overhead (\d+)")
SIDES = ("orlop", "xen")


class RunFailed(Exception):
    """A benchmark guest did not come to its end; the text says which, where and why."""


def parse(log):
    """{operation: figure} out of a serial log; whole numbers stay whole."""
    return {name: float(value) if "." in value else int(value) for name, value in LINE.findall(log)}


def guest_of(mode):
    """The line of the index that measures the mode."""
    return RUNNER.select(RUNNER.load_index(), [MODES[mode]])[0]


def run(mode, side, folder, counted=False):
    """One run of a mode on "orlop" or "xen"; gives {operation: figure} and, if counted, {operation: what it is spent on}.
    The log is folder/MODE-SIDE/serial.log."""
    place = os.path.join(folder, f"{mode}-{side}")
    os.makedirs(place, exist_ok=True)
    guest, spent = guest_of(mode), os.path.join(place, "counts")
    if counted:
        guest = counts.attached(guest, side, folder, spent)
    log = _log_of(mode, side, guest, place)
    figures = parse(log)
    if not counted:
        return figures, {}
    with open(spent, encoding="utf-8") as f:
        return figures, counts.by_name(figures, f.read(), int(OVERHEAD.search(log).group(1)))


def run_wall(mode, side, folder):
    """One run without the instruction clock; gives {operation: ticks of the host's TSC}."""
    place = os.path.join(folder, f"{mode}-{side}-wall")
    return parse(_log_of(mode, side, dataclasses.replace(guest_of(mode), icount=False), place, "wall"))


def run_guest(name, side, place):
    """One run of any guest of the index that prints figures."""
    return parse(_log_of(name, side, RUNNER.select(RUNNER.load_index(), [name])[0], place))


def _log_of(mode, side, guest, place, args=""):
    outcome = RUNNER.run_guest(guest, image=paths.hypervisor(side), directory=place, extra_args=args, scale=4 * TIME_SCALE)
    if outcome.result != "SUCCESS":
        raise RunFailed(f"{mode} on {side}: {outcome.result}: {outcome.reason or 'no reason given'}; see {outcome.log}")
    with open(outcome.log, encoding="utf-8", errors="replace") as f:
        return f.read()


def versions():
    """What was measured against what, for the record."""
    return {side: {"image": os.path.basename(paths.hypervisor(side)), "digest": paths.digest(paths.hypervisor(side))} for side in SIDES}
