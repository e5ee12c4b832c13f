# SPDX-License-Identifier: Apache-2.0
"""Test guests as tests: one per line of tests/guests/index. How one is run and judged is tests/guests/run's business,
which this file loads."""

import importlib.machinery
import importlib.util
import os
import sys

from lab import paths
from lab.emulator import TIME_SCALE

from .context import Failure, Skip

FOLDER = os.path.join(paths.TOP, "tests", "guests")


def _runner():
    """The runner of test guests, a script without the usual ending, as a module."""
    loader = importlib.machinery.SourceFileLoader("guest_runner", os.path.join(FOLDER, "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("guest_runner", loader))
    sys.modules["guest_runner"] = module
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


RUNNER = _runner()


def index():
    """The test guests as (name, groups, modules, run function)."""
    return [(guest.name, guest.group, guest.modules, _run(guest)) for guest in RUNNER.load_index()]


def _run(guest):
    def run(context):
        image = paths.hypervisor(context.on)
        outcome = RUNNER.run_guest(guest, image=image, directory=context.folder, scale=2 * TIME_SCALE)
        if outcome.result == "SKIP":
            raise Skip(outcome.reason)
        if outcome.result != "SUCCESS":
            raise Failure(f"{outcome.result}: {outcome.reason}")

    return run
