# SPDX-License-Identifier: Apache-2.0
"""On a machine with VT-x and EPT, which the usual emulator has not: scripts/lab/bochs.py."""

import os
import shutil
import subprocess

from lab import paths
from lab.emulator import TIME_SCALE
from run.context import Failure, Skip
from run.guests import RUNNER


def vtx(context):
    """Test guests on a CPU with VT-x and EPT."""
    deps = os.path.join(paths.TOP, "scripts", "deps.sh")
    if not shutil.which("bochs") and subprocess.run([deps, "vtx"], check=False).returncode:
        raise Skip("no Bochs, and scripts/deps.sh vtx does not get it")
    failed, passed = [], 0
    for guest in RUNNER.select(RUNNER.load_index(), ["vtx"]):
        outcome = RUNNER.run_guest(guest, hypervisor=context.on, image=paths.hypervisor(context.on),
                                   directory=os.path.join(context.folder, guest.name), scale=4 * TIME_SCALE, vtx=True)
        passed += outcome.passed
        if not outcome.passed:
            failed.append(f"{guest.name} {outcome.result}: {outcome.reason}")
    if failed:
        raise Failure("; ".join(failed))
    return f"{passed} guests"


TESTS = {"vtx": vtx}
LONG = {"vtx"}
