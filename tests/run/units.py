# SPDX-License-Identifier: Apache-2.0
"""Unit tests: programs of tests/unit/, built with sanitizers over arch/host and run by make. Their own output (cmocka's)
goes to the log; here it is counted. And the tests of ./bench's report."""

import os
import re
import subprocess
import sys
import time

from lab import paths

from .context import Failure


def make(context, target):
    """Runs make; gives its output, or fails with the first line that tells an error."""
    log = os.path.join(context.folder, "log")
    with open(log, "w+", encoding="utf-8", errors="replace") as f:
        status = subprocess.run(["make", "-C", paths.TOP, target], stdout=f, stderr=subprocess.STDOUT,
                                check=False).returncode
        f.seek(0)
        text = f.read()
    if status:
        told = [line for line in text.splitlines() if re.search(r"error:|\[  FAILED  \]|ERROR: |\*\*\*", line)]
        raise Failure(f"make {target} ended with {status}: " + (told[0].strip() if told else "see " + log))
    return text


def unit(context):
    """Files of the hypervisor and the tools as ordinary programs, under ASan and UBSan."""
    text = make(context, "unit")
    passed = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
    if not passed:
        raise Failure("make unit reports no passed test")
    return f"{passed} cases"


def sched_sim(context):
    """Ten simulated seconds of 100 vCPUs on 8 CPUs: shares by weight, latency beside hogs, caps, affinity."""
    program = os.path.join(paths.BUILD, "unit", "sched_sim")
    log = os.path.join(context.folder, "log")
    with open(log, "w+", encoding="utf-8", errors="replace") as f:
        for command in (["make", "-s", "-C", os.path.join(paths.TOP, "tests", "unit"), program], [program]):
            if subprocess.run(command, stdout=f, stderr=subprocess.STDOUT, check=False).returncode:
                raise Failure("a promise is not kept, see " + log)
        f.seek(0)
        text = f.read()
    worst = max(float(x) for x in re.findall(r"distance from the share by weight\s+([\d.]+)", text))
    return f"worst distance from a fair share {worst} %"


def emulator(context):
    """The instruction emulator against the bare CPU and Unicorn: random cases of all that it claims, no difference."""
    program = os.path.join(paths.BUILD, "unit", "emulator")
    log = os.path.join(context.folder, "log")
    cases, unicorn = ("5400000", "50000") if context.long else ("150000", "4000")
    commands = [["make", "-s", "-C", os.path.join(paths.TOP, "tests", "unit"), program]]
    # One seed is always the same, the other is told: with it a difference can be had again.
    seeds = ["1", str(int(time.time()))]
    commands += [[program, "--cases", cases, "--unicorn", unicorn, "--seed", seed] for seed in seeds]
    with open(os.path.join(paths.TOP, "docs", "emulator.md"), encoding="utf-8") as f:
        documented = f.read()
    with open(log, "w+", encoding="utf-8", errors="replace") as f:
        for command in commands:
            print(*command, file=f, flush=True)
            if subprocess.run(command, stdout=f, stderr=subprocess.STDOUT, check=False).returncode:
                raise Failure(f"a difference, or no end (seeds {' and '.join(seeds)}), see {log}")
        f.seek(0)
        text = f.read()
    claimed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    if f"```\n{claimed}```\n" not in documented:
        raise Failure("docs/emulator.md does not list what `emulator --list` says")
    compared = sum(int(n) for n in re.findall(r"^emulator: (\d+) cases compared, 0 differences$", text, re.M))
    return f"{compared} cases, seeds {' and '.join(seeds)}"


def bench_report(context):
    """What ./bench makes of figures: rows, ratios, comparisons, and nothing dropped."""
    done = subprocess.run([sys.executable, "-B", "-m", "unittest", "bench.test_report", "bench.test_systems"], capture_output=True, text=True,
                          cwd=os.path.join(paths.TOP, "tests"), check=False,
                          env={**os.environ, "PYTHONPATH": os.path.join(paths.TOP, "scripts")})
    with open(os.path.join(context.folder, "log"), "w", encoding="utf-8") as f:
        f.write(done.stderr)
    counted = re.search(r"^Ran (\d+) tests", done.stderr, re.M)
    if done.returncode or not counted:
        raise Failure("see " + f.name)
    return f"{counted.group(1)} cases"


TESTS = {"unit": unit, "sched-sim": sched_sim, "emulator": emulator, "bench-report": bench_report}
