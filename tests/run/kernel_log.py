# SPDX-License-Identifier: Apache-2.0
"""Judging the kernel's log: which lines complain, and which of those real Xen's dom0 has too."""

import os
import re

from lab import paths

from .context import Failure

COMPLAINT = re.compile(r"WARNING:|BUG:|\bBUG\b.*at|Oops|Call Trace|xen:.*(?:fail|error|unable|cannot)|"
                       r"(?:fail|error|unable).*\bxen\b|Xen.*(?:fail|error)|general protection|unhandled|"
                       r"soft lockup|hung task|rcu_preempt.*stall|clocksource.*unstable|nobody cared", re.I)


def complaints(text):
    """Lines of a kernel log that complain, without time stamps and numbers that vary."""
    found = []
    for line in text.splitlines():
        line = re.sub(r"^\[[^\]]*\] *", "", line.strip())
        if COMPLAINT.search(line):
            found.append(line)
    return found


def known_complaints():
    """Patterns of complaints that real Xen's dom0 has too (file known_complaints beside this one)."""
    path = os.path.join(paths.TOP, "tests", "system", "known_complaints")
    with open(path, encoding="utf-8") as f:
        return [re.compile(line.strip()) for line in f if line.strip() and not line.startswith("#")]


def check_kernel_log(context, text, name="dmesg"):
    """Keeps the log in the test's folder and fails when it holds a complaint that is not known."""
    with open(os.path.join(context.folder, name), "w", encoding="utf-8") as f:
        f.write(text)
    known = known_complaints()
    news = [line for line in complaints(text) if not any(pattern.search(line) for pattern in known)]
    if news:
        raise Failure(f"{len(news)} complaints in the kernel's log: " + "; ".join(news[:3]))
