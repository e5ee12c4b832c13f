# SPDX-License-Identifier: Apache-2.0
"""The command line of ./check, the choice of tests, and the report.

The tests themselves come from catalogue.py. Here they are chosen, run (two at a time when they spend their time in an
emulator) and counted. The last line is always "N passed, N failed, N skipped"."""

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import time
import traceback

from lab import images, paths

from . import catalogue
from .context import Context, Failure, Skip


def main():
    options = _options()
    tests = _chosen(catalogue.everything(options.on), options)
    if options.list:
        for test in tests:
            print(f"{test.name:22} {test.groups[0]:7} {test.summary}{'  (--long)' if test.long else ''}")
        return 0
    started = time.monotonic()
    _prepare(options, tests)
    outcomes = _run_all(tests, options)
    return _report(outcomes, time.monotonic() - started, _logs(options))


def _options():
    parser = argparse.ArgumentParser(prog="./check", description="Runs Orlop's tests.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="tests or groups; all of the default set if none")
    parser.add_argument("--list", action="store_true", help="name the tests and what each one shows")
    parser.add_argument("--long", action="store_true", help="full sizes and durations")
    parser.add_argument("--on", choices=["orlop", "xen"], default="orlop", help="the hypervisor under test")
    parser.add_argument("--tools", choices=["orlop", "xen"], help="whose tools serve dom0 (default: those that belong "
                        "to the hypervisor)")
    parser.add_argument("--record", action="store_true", help="with --on xen: note what dom0's and guests' kernels complain "
                        "of there (tests/run/kernel_log.py)")
    parser.add_argument("--jobs", type=int, default=2, help="emulators at once (default 2)")
    parser.add_argument("--no-build", action="store_true", help="take build/ as it is")
    options = parser.parse_args()
    options.tools = options.tools or options.on
    if options.record and options.on != "xen":
        parser.error("--record takes what real Xen does: it goes with --on xen")
    return options


def _chosen(tests, options):
    if options.names:
        known = {test.name for test in tests} | {group for test in tests for group in test.groups}
        for name in options.names:
            if name not in known:
                sys.exit(f"check: no test or group '{name}' (./check --list)")
        return [test for test in tests if {test.name, *test.groups} & set(options.names)]
    return [test for test in tests if options.long or options.list or not test.long]


def _prepare(options, tests):
    """Installs what is missing and builds what the tests stand on. A part that does not build is a failed test of its own,
    see catalogue.py."""
    if subprocess.run([os.path.join(paths.TOP, "scripts", "deps.sh")], check=False).returncode:
        sys.exit("check: packages are missing")
    if not options.no_build:
        for part in _parts(options):
            log = os.path.join(_logs(options), f"build-{part}.log")
            os.makedirs(os.path.dirname(log), exist_ok=True)
            with open(log, "wb") as f:
                subprocess.run(["make", "-C", paths.TOP, part], stdout=f, stderr=subprocess.STDOUT, check=False)
    if any(test.emulator for test in tests):
        try:
            images.dom0_small(options.tools == "xen")
            images.guest_small()
            paths.kernel_unpacked()
        except paths.LabError as error:
            sys.exit(f"check: {error}")


def _logs(options):
    """Where logs go: those of real Xen beside ours, to be compared."""
    return os.path.join(paths.BUILD, "check" if options.on == "orlop" else "check-on-xen")


def _parts(options):
    """What has to be built for the hypervisor and the tools chosen; test guests always."""
    parts = {"hypervisor": options.on == "orlop", "toolstack": options.tools == "orlop", "guests": True}
    return [part for part, needed in parts.items() if needed]


def _run_all(tests, options):
    """Tests without an emulator first, one by one; then the others over the given number of jobs."""
    outcomes = [_run_one(test, options) for test in tests if not test.emulator]
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, options.jobs)) as pool:
        waiting = [pool.submit(_run_one, test, options) for test in tests if test.emulator]
        outcomes += [future.result() for future in concurrent.futures.as_completed(waiting)]
    return outcomes


def _run_one(test, options):
    """Runs one test in a log folder of its own; gives (test, verdict, reason)."""
    folder = os.path.join(_logs(options), test.name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    started = time.monotonic()
    try:
        reason = test.run(Context(options, folder)) or ""
        verdict = "PASS"
    except Skip as skip:
        verdict, reason = "SKIP", str(skip)
    except Failure as failure:
        verdict, reason = "FAIL", str(failure)
    except Exception as error:  # a fault of the test itself fails it, and must not stop the others
        verdict, reason = "FAIL", f"{type(error).__name__}: {error}"
        with open(os.path.join(folder, "traceback"), "w", encoding="utf-8") as f:
            traceback.print_exc(file=f)
    seconds = time.monotonic() - started
    line = f"{verdict} {test.name} ({seconds:.0f} s)" + (f": {reason}" if reason else "")
    print(line, flush=True)
    with open(os.path.join(folder, "verdict"), "w", encoding="utf-8") as f:
        f.write(line + "\n")
    return test, verdict, reason


def _report(outcomes, seconds, logs):
    failed = [test.name for test, verdict, _ in outcomes if verdict == "FAIL"]
    count = {verdict: sum(1 for _, v, _ in outcomes if v == verdict) for verdict in ("PASS", "FAIL", "SKIP")}
    print(f"took {seconds / 60:.1f} minutes; logs in {os.path.relpath(logs)}/")
    if failed:
        print("failed: " + " ".join(failed))
    print(f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped")
    return 1 if failed else 0
