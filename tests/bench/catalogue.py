# SPDX-License-Identifier: Apache-2.0
"""What there is to measure: the file `operations` beside this one, and which run of a test guest gives each mode."""

import dataclasses
import os

HERE = os.path.dirname(os.path.abspath(__file__))
# A mode is a kind of guest and its place; each is one run of a test guest (tests/guests/index).
MODES = {
    "pv64": "bench-domu",
    "pv64-dom0": "bench",
    "pv64-pair": "bench-pairs",
    "pvh64": "bench-pvh",
    "pvh64-pair": "bench-pairs-pvh",
}


class UnknownName(Exception):
    """A name that is neither an operation nor a mode."""


@dataclasses.dataclass(frozen=True)
class Operation:
    name: str
    mode: str
    what: str


def operations(path=os.path.join(HERE, "operations")):
    """All operations, one entry for each mode, in the order of the file."""
    found = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            name, modes, what = line.split(None, 2)
            found += [Operation(name, mode, what.strip()) for mode in modes.split(",")]
    return found


def select(everything, names):
    """Those that a list of operations, modes and NAME/MODE means; all for an empty list."""
    def spellings(operation):
        return {operation.name, operation.mode, f"{operation.name}/{operation.mode}"}

    known = set().union(*(spellings(operation) for operation in everything))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownName("no such operation or mode: " + " ".join(unknown) + " (./bench --list)")
    return [operation for operation in everything if not names or spellings(operation) & set(names)]
