# SPDX-License-Identifier: Apache-2.0
"""What the emulator's plugin of plugin/events.c writes: how much had been executed, and where, whenever a mark was.

A Stretch is what was executed between two marks: "total", its parts "hypervisor", "kernel" and "program", and of the total "copied",
what string instructions repeated. What was executed below the function that finds an instruction's length (counts.py) is in none
of them but stands under "decode"."""

import os
import subprocess

from lab import paths

from . import counts

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugin")
FIELDS = ("hypervisor", "kernel", "program", "copied", "decode")
ENTRY, INIT = 2, 3  # a guest's kernel begins; its first process does


class Missing(Exception):
    """A mark that should be there is not."""


def plugin(folder):
    """The plugin, built."""
    made = os.path.join(folder, "events.so")
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-o", made,
                    os.path.join(SOURCES, "events.c")], check=True)
    return made


def arguments(folder, out, side=None, entries=(), more=()):
    """The emulator's arguments that make it write marks to out; side: whose decoding is left out."""
    words = [plugin(folder), f"out={out}", *(f"entry={entry:#x}" for entry in entries), *more]
    if side:
        with open(counts.symbols(side, folder), encoding="utf-8") as f:
            found = [line.split()[0] for line in f if line.split()[1].split(".")[0] == counts.DECODER[side]]
        if not found:
            raise paths.LabError(f"{side} has no function {counts.DECODER[side]}: tests/bench/counts.py is out of date")
        words.append(f"apart={found[0]}")
    return ["-plugin", ",".join(words)]


def read(path):
    """[(number, {field: count})] in the order in which they happened."""
    found = []
    with open(path, encoding="ascii") as f:
        for line in f:
            number, *figures = (int(word) for word in line.split())
            found.append((number, dict(zip(FIELDS, figures))))
    return found


def stretches(events, first, last=None):
    """Each stretch from a mark of number first to the next one of number last (by itself first + 1)."""
    last = first + 1 if last is None else last
    begun, made = None, []
    for number, figures in events:
        if number == first:
            begun = figures
        elif number == last and begun:
            made.append(_between(begun, figures))
            begun = None
    return made


def stretch(events, first, last=None, which=0):
    """One of them, by its place."""
    found = stretches(events, first, last)
    if len(found) <= which:
        raise Missing(f"{which + 1} stretches from mark {first} to {first + 1 if last is None else last} were expected, {len(found)} came")
    return found[which]


def _between(begin, end):
    made = {field: end[field] - begin[field] for field in FIELDS}
    made["hypervisor"] -= made["decode"]
    made["total"] = made["hypervisor"] + made["kernel"] + made["program"]
    return made
