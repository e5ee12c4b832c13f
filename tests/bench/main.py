# SPDX-License-Identifier: Apache-2.0
"""The command line of ./bench: what to measure, in which way, and where the report goes."""

import argparse
import json
import os
import subprocess
import sys
import time

from lab import paths

from . import catalogue, doc, macro, page, report, runs, system_rows, wall

FOLDER = os.path.join(paths.BUILD, "bench")
LATEST = os.path.join(FOLDER, "latest.json")
SELECTED = os.path.join(FOLDER, "selected.json")
WALL = os.path.join(FOLDER, "wall.json")
DEPENDENCIES = ("build", "emulator", "images", "xen-oracle")
# What is measured beside the operations, by the names that choose it.
GROUPS = {
    "machine": "from the hypervisor's start to dom0's, and the hypervisor's memory",
    "systems": "create, list, destroy; an idle guest's memory; processes, pipes, files, pages, disk and network in PV and PVH guests",
    "many": "many small guests alive: create, list, destroy, memory of each (only by name or with --long)",
}
MANY = 200


def main():
    """Status 0 when everything chosen was measured on both sides, 1 when something lacks, failed, or (--compare) grew."""
    options = _options()
    try:
        groups, names = _chosen_groups(options)
        chosen = [] if groups and not names and options.names else catalogue.select(catalogue.operations(), names)
        old = _read(options.show or options.compare) if options.show or options.compare else None
    except (catalogue.UnknownName, ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if options.show:
        _show(old, options.show)
        if options.docs:
            doc.update(old)
        return 0
    if options.list:
        for operation in chosen:
            print(f"{operation.name:36} {operation.mode:10} {operation.what}")
        for group in groups:
            print(f"{group:47} {GROUPS[group]}")
        return 0
    if not options.no_build and not _build():
        return 1
    return _measure_wall(chosen, options) if options.wall else _measure(chosen, groups, old, options)


def _chosen_groups(options):
    """The groups that the names mean, and the other names."""
    if not options.names:
        return [group for group in GROUPS if group != "many" or options.long or options.list], []
    return [group for group in GROUPS if group in options.names], [name for name in options.names if name not in GROUPS]


def _options():
    parser = argparse.ArgumentParser(prog="./bench", description="Measures Orlop beside Debian's Xen 4.17: the same guests in "
                                     "the same emulator, in instructions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="operations, modes, or NAME/MODE, and of " + ", ".join(GROUPS) +
                        "; all if none")
    parser.add_argument("--list", action="store_true", help="name the operations, their modes, and what each one does")
    parser.add_argument("--compare", metavar="OLD.json", help="tell what changed since; status 1 if a figure of Orlop's grew")
    parser.add_argument("--show", metavar="FILE.json", help="print the table of a report and write its page again; measure nothing")
    parser.add_argument("--docs", action="store_true", help="with --show: put its tables into docs/performance.md")
    parser.add_argument("--json", metavar="FILE", help="where the report goes (default build/bench/latest.json, or selected.json "
                        "beside it if names were given)")
    parser.add_argument("--wall", nargs="?", type=int, const=3, metavar="RUNS", help="wall-clock times instead, medians of so many "
                        "runs (3) on each side, in turn; the report goes to build/bench/wall.json")
    parser.add_argument("--long", action="store_true", help="also what takes long: many")
    parser.add_argument("--guests", type=int, default=MANY, metavar="N", help=f"how many of them (default {MANY})")
    parser.add_argument("--no-counts", action="store_true", help="without the emulator's plugin: no expensive instructions, no "
                        "functions, and decoding stays in the figures of PVH guests")
    parser.add_argument("--no-build", action="store_true", help="take build/ as it is")
    options = parser.parse_args()
    if options.wall is not None and (options.wall < 1 or options.compare):
        parser.error("--wall takes a number of runs, and nothing to compare with")
    if options.wall and set(options.names) & set(GROUPS):
        parser.error("--wall takes operations and modes only")
    if options.guests < 3:
        parser.error("--guests takes three at least")
    options.json = options.json or (WALL if options.wall else SELECTED if options.names else LATEST)
    return options


def _read(path):
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    if not isinstance(document, dict) or "operations" not in document:
        raise ValueError(f"{path} is no report of ./bench")
    return document


def _build():
    """Packages, hypervisor, tools and test guests; False after saying what went wrong."""
    os.makedirs(FOLDER, exist_ok=True)
    if subprocess.run([os.path.join(paths.TOP, "scripts", "deps.sh"), *DEPENDENCIES], check=False).returncode:
        return False
    log = os.path.join(FOLDER, "build.log")
    with open(log, "wb") as f:
        if subprocess.run(["make", "-C", paths.TOP, "hypervisor", "toolstack", "guests"], stdout=f, stderr=subprocess.STDOUT, check=False).returncode:
            print(f"bench: the build failed, see {log}", file=sys.stderr)
            return False
    return True


def _modes(chosen):
    return [mode for mode in catalogue.MODES if any(operation.mode == mode for operation in chosen)]


def _say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _measure(chosen, groups, old, options):
    started = time.monotonic()
    figures, spent, failures = _figures(_modes(chosen), not options.no_counts)
    wanted = {(operation.name, operation.mode) for operation in chosen}
    made = [row for row in report.rows(chosen, figures, spent) if not options.names or (row["name"], row["mode"]) in wanted]
    document = report.result(made)
    if groups:
        document["macro"], failed = _measure_groups(groups, options)
        failures += failed
    _write(document, failures, started, options.json)
    _show(document, options.json)
    worse = False
    if old:
        lines, worse = report.compare(old, document)
        print("\nsince " + options.compare + ":")
        print("\n".join(lines))
    _tell_end(document, options.json)
    return 1 if failures or document["lacking"] or worse else 0


def _measure_groups(groups, options):
    rows, failures = macro.measure(FOLDER, _say) if "machine" in groups else ([], [])
    rest = [group for group in groups if group != "machine"]
    made, failed = system_rows.measure(rest, FOLDER, _say, options.guests) if rest else ([], [])
    return rows + made, failures + failed


def _measure_wall(chosen, options):
    started = time.monotonic()
    figures, failures = wall.measure(_modes(chosen), options.wall, FOLDER, _say)
    names = {operation.name for operation in chosen}
    document = wall.document(chosen, {key: {name: values for name, values in measured.items() if name in names}
                                      for key, measured in figures.items()})
    _write(document, failures, started, options.json)
    print(wall.table(document))
    _tell_end(document, options.json)
    return 1 if failures or document["lacking"] else 0


def _write(document, failures, started, path):
    document["failures"] = failures
    document["measured"] = {"date": time.strftime("%Y-%m-%d %H:%M"), "seconds": round(time.monotonic() - started), **runs.versions()}
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(document, f, indent=1)
        f.write("\n")


def _show(document, path):
    """The table here, and the HTML page beside the JSON and by its name."""
    if document["operations"]:
        print(report.table(document) + "\n")
    if "macro" in document:
        print(macro.table(document["macro"]))
    with open(os.path.splitext(path)[0] + ".html", "w", encoding="utf-8") as f:
        f.write(page.page(document))


def _tell_end(document, path):
    print(f"took {document['measured']['seconds']} s; report in {os.path.relpath(path)}")
    for failure in document["failures"]:
        _say(failure)


def _figures(modes, counted):
    """{(mode, side): {name: figure}} of all runs, the same of what they are spent on, and what failed."""
    figures, spent, failures = {}, {}, []
    for mode in modes:
        for side in runs.SIDES:
            _say(f"{mode} on {side}")
            try:
                figures[mode, side], spent[mode, side] = runs.run(mode, side, FOLDER, counted)
            except (runs.RunFailed, paths.LabError, ValueError) as failure:
                failures.append(str(failure))
    return figures, spent, failures
