# SPDX-License-Identifier: Apache-2.0
"""Rows of whole systems: what the marks of systems.py come to.

A side's run gives {row's key: Figure}; rows() puts both sides beside each other. A row has what a row of macro.py has, and "parts",
for each side: where its instructions were executed (events.py). Of work in guests the figure is what it costs more than
under the same kernel on the bare emulator, whose own figure stands under "bare"."""

import dataclasses
import os

from . import events, report, systems
from .systems import IDS, KINDS

SIDES = ("orlop", "xen")
PAGE_KB = 4
MEGABYTE_KB = 1024
IDLE_MB = 64
TINY_MB = 2
WORK_NAMES = {"process": "fork, exec and wait for a process", "pipe": "a byte through a pipe to another process and back",
              "file": "make, write (4 kB) and remove a file", "pages": "first touch of a page of new memory"}
WORK_EACH = {"process": 1, "pipe": 16, "file": 8, "pages": 64}
TRANSFERS = {"write": "written to a disk", "read": "read from a disk", "send": "sent to dom0 by TCP", "take": "taken from dom0 by TCP"}


@dataclasses.dataclass(frozen=True)
class Figure:
    value: float
    parts: dict | None = None
    bare: float | None = None
    curve: list | None = None  # the same of each guest, in their order


def _figure(stretch, divisor=1, digits=0):
    parts = {name: _rounded(stretch[name] / divisor, digits) for name in ("hypervisor", "kernel", "program", "copied", "decode")}
    return Figure(_rounded(stretch["total"] / divisor, digits), parts)


def _rounded(value, digits):
    return round(value, digits) if digits else round(value)


def of_guest(marks, kind):
    """Figures of the scenario's part pv or pvh."""
    first, second = IDS[f"{kind}_create_first"], IDS[f"{kind}_create_second"]
    made = {
        f"create_{kind}_first": _figure(events.stretch(marks, first, events.ENTRY)),
        f"create_{kind}_again": _figure(events.stretch(marks, second, events.ENTRY)),
        f"create_{kind}_init": _figure(events.stretch(marks, second, events.INIT)),
        f"list_{kind}": _figure(events.stretch(marks, IDS[f"{kind}_list"])),
        f"destroy_{kind}": _figure(events.stretch(marks, IDS[f"{kind}_destroy"], which=1)),
    }
    for name in TRANSFERS:
        made[f"{kind}_{name}"] = _figure(events.stretch(marks, IDS[f"{kind}_{name}"]), systems.BYTES, 3)
    return made


def of_work(marks, bare, kind):
    """What each kind of work costs a guest more than the bare kernel."""
    made = {}
    for name, each in WORK_EACH.items():
        count = systems.WORK_COUNT * each
        here, there = events.stretch(marks, IDS[f"{kind}_{name}"]), events.stretch(bare, IDS[f"bare_{name}"])
        more = {field: here[field] - there[field] for field in here}
        made[f"{kind}_{name}"] = dataclasses.replace(_figure(more, count, 1), bare=round(there["total"] / count, 1))
    return made


def of_idle(marks, left):
    """An idle guest's place: what the host and dom0 lack while it is there, its own memory aside; of the second one."""
    before, there = [line for line in left if line[0] == "before"][-1], [line for line in left if line[0] == "with"][-1]
    pages, available = (int(before[i]) - int(there[i]) for i in (1, 3))
    return {"idle_host": Figure(pages * PAGE_KB - IDLE_MB * MEGABYTE_KB), "idle_dom0": Figure(available),
            "idle_create": _figure(events.stretch(marks, IDS["idle_create"], events.ENTRY, 1)),
            "idle_destroy": _figure(events.stretch(marks, IDS["idle_destroy"], which=1))}


def of_many(marks, left):
    """Many small guests alive, as many as the last line tells."""
    created = events.stretches(marks, IDS["many_create"], events.ENTRY)
    lists = events.stretches(marks, IDS["many_list"])
    destroyed = events.stretches(marks, IDS["many_destroy"])
    left = [line for line in left if line[0].isdigit()]
    count = int(left[-1][0]) if left else 0
    if len(created) < 2 or len(created) != count or len(lists) < 2 or not destroyed:
        raise events.Missing(f"{count} creations were expected, {len(created)} came; {len(lists)} lists, {len(destroyed)} ends")
    pages, available = (int(left[0][i]) - int(left[-1][i]) for i in (1, 3))
    # The first one of all also pays for what dom0 loads and keeps; the second is the yardstick.
    return {"many_create_second": _figure(created[1]), "many_create_last": _figure(created[-1]),
            "many_create_growth": Figure(round(created[-1]["total"] / created[1]["total"], 3), curve=[one["total"] for one in created]),
            "many_list": _figure(lists[-1]), "many_list_few": _figure(lists[0]),
            "many_destroy": _figure(sorted(destroyed, key=lambda one: one["total"])[len(destroyed) // 2]),
            "many_host": Figure(round(pages * PAGE_KB / count - TINY_MB * MEGABYTE_KB, 1)),
            "many_dom0": Figure(round(available / count, 1)),
            "many_count": Figure(count)}


def _guest_rows():
    for kind in KINDS:
        yield f"create_{kind}_first", "instructions", f"create of the demonstration {kind.upper()} guest until its first instruction"
        yield f"create_{kind}_again", "instructions", "the same, the same kernel for the second time"
        yield f"create_{kind}_init", "instructions", "the second creation, until the guest's first process"
        yield f"list_{kind}", "instructions", f"list with dom0 and this {kind.upper()} guest"
        yield f"destroy_{kind}", "instructions", f"destroy of this {kind.upper()} guest"
    yield "idle_create", "instructions", f"create of a tiny PV guest of {IDLE_MB} MB until its first instruction"
    yield "idle_destroy", "instructions", "destroy of it"
    yield "idle_host", "kB", "what the host lacks while it is there, its own memory aside"
    yield "idle_dom0", "kB", "what dom0 has available less while it is there"
    for kind in KINDS:
        for name, what in WORK_NAMES.items():
            yield f"{kind}_{name}", "instructions over bare", f"{kind.upper()} guest: {what}"
        for name, what in TRANSFERS.items():
            yield f"{kind}_{name}", "instructions a byte", f"{kind.upper()} guest: {what}"


def _many_rows(counts):
    told = " and ".join(str(count) for count in sorted(set(counts.values())))
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} on {side}" for side, count in counts.items())
    yield "many_create_second", "instructions", "create of the second tiny guest of 2 MB until its first instruction"
    yield "many_create_last", "instructions", f"create of the last one, with as many alive ({told})"
    yield "many_create_growth", "ratio", "the last creation against the second"
    yield "many_list_few", "instructions", "list with one of them"
    yield "many_list", "instructions", f"list with all of them ({told})"
    yield "many_destroy", "instructions", "destroy of one of them"
    yield "many_host", "kB", "what the host lacks for each, its own memory aside"
    yield "many_dom0", "kB", "what dom0 has available less for each"


def rows(figures):
    """Rows of {side: {key: Figure}}; what neither side has is left out, what one lacks stays, as in the other tables."""
    counts = {side: measured["many_count"].value for side, measured in figures.items() if "many_count" in measured}
    made = []
    for key, unit, what in [*_guest_rows(), *_many_rows(counts)]:
        found = {side: figures.get(side, {}).get(key) for side in SIDES}
        if any(found.values()):
            made.append(_row(key, unit, what, found))
    return made


def _row(key, unit, what, found):
    values = {side: figure.value if figure else None for side, figure in found.items()}
    row = {"name": key, "group": "systems", "unit": unit, "what": what, **values, "ratio": report.ratio(*(values[side] for side in SIDES))}
    if any(value is not None and value <= 0 for value in values.values()):
        row["ratio"] = None  # a share of nothing, or of less, says nothing
    parts = {side: figure.parts for side, figure in found.items() if figure and figure.parts}
    bare = [figure.bare for figure in found.values() if figure and figure.bare is not None]
    curves = {side: figure.curve for side, figure in found.items() if figure and figure.curve}
    return {**row, **({"parts": parts} if parts else {}), **({"bare": bare[0]} if bare else {}), **({"curve": curves} if curves else {})}


def measure(groups, folder, say, count):
    """Rows of the groups "systems" and "many" (count guests), and what failed. What a run that failed had measured stays."""
    figures, failures, bare = {side: {} for side in SIDES}, [], []
    if "systems" in groups:
        say("systems on the bare emulator")
        bare, failure = systems.run_bare(os.path.join(folder, "systems-bare"), folder)
        failures += [failure] if failure else []
    for side in SIDES:
        for group in groups:
            say(f"{group} on {side}")
            place = os.path.join(folder, f"{group}-{side}")
            marks, left, failure = systems.run(side, group, place, folder, count)
            failures += [failure] if failure else []
            for what in _made_of(group, marks, left, bare):
                try:
                    figures[side].update(what())
                except (events.Missing, IndexError) as missing:
                    failures.append(f"{group} on {side}: {missing or 'lines of what is left lack'}")
    return rows(figures), failures


def _made_of(group, marks, left, bare):
    """What each part of a group is made by."""
    if group == "many":
        yield lambda: of_many(marks, left)
        return
    yield lambda: of_idle(marks, left)
    for kind in KINDS:
        yield lambda kind=kind: of_guest(marks, kind)
        yield lambda kind=kind: of_work(marks, bare, kind)
