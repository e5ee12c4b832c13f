# SPDX-License-Identifier: Apache-2.0
"""Judging a Linux kernel's log: which lines complain, and which of those the same kernel says on real Xen too.

What it says on real Xen stands in two files of tests/system: complaints_on_xen, recorded there by ./check --on xen --record,
one line each with all numbers as #; and known_complaints, expressions for what varies or depends on the CPU model, with the
reason. A line in neither fails the test, on Xen as well, so that the record stays complete."""

import os
import re

from lab import paths

from .context import Failure

COMPLAINT = re.compile(r"WARNING:|BUG:|\bBUG\b.*at|\bOops\b|Call Trace|xen.*(?:fail|error|unable|cannot)|"
                       r"(?:fail|error|unable).*\bxen\b|general protection|unhandled|segfault|"
                       r"soft lockup|hung task|rcu.*stall|clocksource.*unstable|nobody cared|I/O error", re.I)
# A line of the log: its level where it was asked for (dmesg -r), its time, its text.
LINE = re.compile(r"(?:<(\d+)>)?\[ *\d+\.\d{6}\] (.*)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
ERROR_LEVEL = 3
FOLDER = os.path.join(paths.TOP, "tests", "system")
RECORD = os.path.join(FOLDER, "complaints_on_xen")


def complaints(text):
    """The kernel's lines in a log or on a console that complain, by their level or by their words."""
    found = []
    for level, said in LINE.findall(text):
        if COMPLAINT.search(said) or (level and int(level) & 7 <= ERROR_LEVEL):
            found.append(said.strip())
    return found


def normal(line):
    """A line without the numbers that vary from run to run."""
    return re.sub(r"\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b", "#", line)


def _lines(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
        return [line.strip() for line in f if line.strip() and not line.startswith("#")]


def check_kernel_log(context, text, name="dmesg"):
    """Keeps the log in the test's folder and fails when it holds a complaint that is not known from real Xen."""
    with open(os.path.join(context.folder, name), "w", encoding="utf-8") as f:
        f.write(text)
    known = [re.compile(line) for line in _lines("known_complaints")]
    recorded = set(_lines("complaints_on_xen"))
    news = [line for line in complaints(text)
            if normal(line) not in recorded and not any(pattern.search(line) for pattern in known)]
    if news and context.record:
        with open(RECORD, "a", encoding="utf-8") as f:
            f.writelines(f"{line}\n" for line in dict.fromkeys(map(normal, news)))
    elif news:
        raise Failure(f"{len(news)} complaints in the kernel's log: " + "; ".join(news[:3]))


def check_dom0_log(context, dom0):
    """The same for dom0's kernel, with the levels of its lines."""
    check_kernel_log(context, COLOUR.sub("", dom0.run("dmesg -r")))
