# SPDX-License-Identifier: Apache-2.0
"""The command line of ./bench: what to measure, in which way, and where the report goes."""

import argparse
import json
import os
import subprocess
import sys
import time

from lab import paths

from . import catalogue, report, runs

FOLDER = os.path.join(paths.BUILD, "bench")
LATEST = os.path.join(FOLDER, "latest.json")
SELECTED = os.path.join(FOLDER, "selected.json")
DEPENDENCIES = ("build", "emulator", "xen-oracle")


def main():
    """Status 0 when everything chosen was measured on both sides, 1 when something lacks, failed, or (--compare) grew."""
    options = _options()
    try:
        chosen = catalogue.select(catalogue.operations(), options.names)
        old = _read(options.compare) if options.compare else None
    except (catalogue.UnknownName, ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if options.list:
        for operation in chosen:
            print(f"{operation.name:36} {operation.mode:10} {operation.what}")
        return 0
    if not options.no_build and not _build():
        return 1
    return _measure(chosen, old, options)


def _options():
    parser = argparse.ArgumentParser(prog="./bench", description="Measures Orlop beside Debian's Xen 4.17: the same guests in "
                                     "the same emulator, in instructions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="operations, modes, or NAME/MODE; all if none")
    parser.add_argument("--list", action="store_true", help="name the operations, their modes, and what each one does")
    parser.add_argument("--compare", metavar="OLD.json", help="tell what changed since; status 1 if a figure of Orlop's grew")
    parser.add_argument("--json", metavar="FILE", help="where the report goes (default build/bench/latest.json, or selected.json "
                        "beside it if names were given)")
    parser.add_argument("--no-build", action="store_true", help="take build/ as it is")
    options = parser.parse_args()
    options.json = options.json or (SELECTED if options.names else LATEST)
    return options


def _read(path):
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    if not isinstance(document, dict) or "operations" not in document:
        raise ValueError(f"{path} is no report of ./bench")
    return document


def _build():
    """Packages, hypervisor and test guests; False after saying what went wrong."""
    os.makedirs(FOLDER, exist_ok=True)
    if subprocess.run([os.path.join(paths.TOP, "scripts", "deps.sh"), *DEPENDENCIES], check=False).returncode:
        return False
    log = os.path.join(FOLDER, "build.log")
    with open(log, "wb") as f:
        if subprocess.run(["make", "-C", paths.TOP, "hypervisor", "guests"], stdout=f, stderr=subprocess.STDOUT, check=False).returncode:
            print(f"bench: the build failed, see {log}", file=sys.stderr)
            return False
    return True


def _measure(chosen, old, options):
    started = time.monotonic()
    modes = [mode for mode in catalogue.MODES if any(operation.mode == mode for operation in chosen)]
    figures, failures = _figures(modes)
    wanted = {(operation.name, operation.mode) for operation in chosen}
    made = [row for row in report.rows(chosen, figures) if not options.names or (row["name"], row["mode"]) in wanted]
    document = report.result(made)
    document["failures"] = failures
    document["measured"] = {"date": time.strftime("%Y-%m-%d %H:%M"), "seconds": round(time.monotonic() - started), **runs.versions()}
    os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
    with open(options.json, "w", encoding="utf-8") as f:
        json.dump(document, f, indent=1)
        f.write("\n")
    print(report.table(document))
    print(f"took {document['measured']['seconds']} s; report in {os.path.relpath(options.json)}")
    for failure in failures:
        print(f"bench: {failure}", file=sys.stderr)
    worse = False
    if old:
        lines, worse = report.compare(old, document)
        print("\nsince " + options.compare + ":")
        print("\n".join(lines))
    return 1 if failures or document["lacking"] or worse else 0


def _figures(modes):
    """{(mode, side): {name: figure}} of all runs, and what failed of them."""
    figures, failures = {}, []
    for mode in modes:
        for side in runs.SIDES:
            print(f"bench: {mode} on {side}", file=sys.stderr, flush=True)
            try:
                figures[mode, side] = runs.run(mode, side, FOLDER)
            except (runs.RunFailed, paths.LabError) as failure:
                failures.append(str(failure))
    return figures, failures
