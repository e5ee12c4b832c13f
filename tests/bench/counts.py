# SPDX-License-Identifier: Apache-2.0
"""What a figure's instructions are spent on: the emulator's plugin of plugin/count.c, and what it writes.

The functions' names are nm's for Orlop; Xen tells its own to dom0, which a test guest prints once. Beside the functions stand the
expensive instructions by kind, and what was executed below the function that finds an instruction's length ("decode"): the
emulator's AMD-V does not tell where the next instruction is, as processors do, so that part is left out of a comparison."""

import dataclasses
import os
import re
import subprocess

from lab import paths
from lab.emulator import TIME_SCALE

from run.guests import RUNNER

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugin", "count.c")
SLACK = 100  # how much less than its sample a figure may be, of each part
DECODER = {"orlop": "decoded_length", "xen": "svm_get_insn_len"}
SYMBOL = re.compile(r"^symbol ([0-9a-f]{16}) (\S+)\r?$", re.M)


def plugin(folder):
    """The plugin, built if it is older than its sources."""
    made = os.path.join(folder, "count.so")
    newest = max(os.path.getmtime(path) for path in (SOURCE, os.path.join(os.path.dirname(SOURCE), "interface.h")))
    if not os.path.exists(made) or os.path.getmtime(made) < newest:
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
                        "-o", made, SOURCE], check=True)
    return made


def _xen_symbols(path):
    guest = RUNNER.select(RUNNER.load_index(), ["symbols"])[0]
    outcome = RUNNER.run_guest(guest, image=paths.xen(), directory=os.path.join(paths.BUILD, "bench", "symbols-xen"),
                               scale=4 * TIME_SCALE)
    if outcome.result != "SUCCESS":
        raise paths.LabError(f"Xen's symbols: {outcome.result}: {outcome.reason}; see {outcome.log}")
    with open(outcome.log, encoding="utf-8", errors="replace") as f:
        found = {int(address, 16): name for address, name in reversed(SYMBOL.findall(f.read()))}
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{address:x} {name}\n" for address, name in sorted(found.items()))


def symbols(side, folder):
    """Path of a file of "ADDRESS NAME" lines, rising: the functions of a side."""
    if side == "xen":
        return paths.cached(f"xen-symbols-{paths.digest(paths.XEN_IMAGE)}", _xen_symbols)
    path = os.path.join(folder, "orlop.symbols")
    listed = subprocess.run(["nm", "-n", os.path.join(paths.BUILD, "orlop-syms")], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{row[0]} {row[2]}\n" for row in rows if len(row) == 3 and row[1] in "tT" and not row[2].startswith("__"))
    return path


def attached(guest, side, folder, out):
    """The guest, to be run with the plugin writing to the file out."""
    table = symbols(side, folder)
    with open(table, encoding="utf-8") as f:
        decoder = [line.split()[0] for line in f if line.split()[1].split(".")[0] == DECODER[side]]
    if not decoder:
        raise paths.LabError(f"{side} has no function {DECODER[side]}, which decoding is told from: tests/bench/counts.py is out of date")
    words = [plugin(folder), f"out={out}", f"symbols={table}", f"apart={decoder[0]}"]
    return dataclasses.replace(guest, emulator=("-plugin", ",".join(words)))


def parse(text):
    """What the plugin wrote, one dictionary for each operation in the order of the figures."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if words[0] == "operation":
            found.append({"total": int(words[2]), "decode": int(words[3]), "kind": {}, "function": {}})
        else:
            found[-1][words[0]][words[1]] = int(words[2])
    return found


def by_name(figures, text, overhead):
    """{operation: what it is spent on} for figures in the order in which they were printed; of a batch's operation, each
    part's share."""
    spent = parse(text)
    if len(spent) != len(figures):
        raise ValueError(f"{len(figures)} figures, but {len(spent)} in the plugin's file")
    made = {}
    for (name, figure), entry in zip(figures.items(), spent):
        whole = entry["total"] - overhead
        parts = round(whole / figure) if isinstance(figure, float) else 1
        # A lateness is the end of its sample only: what was decoded long before is not in it.
        decode = entry["decode"] if whole <= figure * parts + SLACK * parts else 0
        made[name] = {"decode": _share(decode, parts)}
        for table in ("kind", "function"):
            made[name][table] = {key: _share(count, parts) for key, count in entry[table].items()}
    return made


def _share(count, parts):
    return count if parts == 1 else round(count / parts, 1)
