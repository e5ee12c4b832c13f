# SPDX-License-Identifier: Apache-2.0
"""All tests that there are, as one list: builds, static checks, unit tests, test guests, system tests.

A test is a name, a group, a line that says what it shows, and run(context), which gives a remark or raises Failure or
Skip. System tests are the files of tests/system/: each defines TESTS, a dictionary of name to function."""

import dataclasses
import glob
import importlib.util
import os
from typing import Callable

from lab import paths

from . import guests, statics, units

PARTS = ("hypervisor", "toolstack", "guests")


@dataclasses.dataclass
class Test:
    name: str
    groups: tuple
    summary: str
    run: Callable
    long: bool = False
    emulator: bool = False


def everything(on):
    """The tests that make sense on the hypervisor: those of our own build only when it is ours."""
    tests = []
    if on == "orlop":
        tests += [Test(f"build-{part}", ("build",), f"make {part}", _build(part)) for part in PARTS]
        tests += [Test(name, ("static",), _summary(run), run) for name, run in statics.TESTS.items()]
        tests += [Test(name, ("unit",), _summary(run), run) for name, run in units.TESTS.items()]
    tests += [Test(f"guest/{name}", ("guests", *groups), "test guest " + " with ".join(modules), run, emulator=True)
              for name, groups, modules, run in guests.index()
              if on == "xen" or "symbols" not in groups]  # Xen tells its symbols to dom0; of ours the build knows
    for path in sorted(glob.glob(os.path.join(paths.TOP, "tests", "system", "*.py"))):
        module = _module(path)
        long = getattr(module, "LONG", ())
        for name, run in module.TESTS.items():
            tests.append(Test(name, ("system",), _summary(run), run, long=name in long, emulator=True))
    return tests


def _build(part):
    """The build itself was done before the tests; here its outcome is looked up by doing it again, for nothing."""
    return lambda context: units.make(context, part) and ""


def _module(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _summary(run):
    return (getattr(run, "__doc__", None) or "").strip().split("\n")[0]
