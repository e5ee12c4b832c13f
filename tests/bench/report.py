# SPDX-License-Identifier: Apache-2.0
"""Figures of both sides to rows, rows to a table and to JSON, and two JSON files to their differences.

A row is the JSON object of one operation: name, mode, what, orlop, xen, ratio. A figure that a side lacks is None, and so is then
the ratio; such rows stay in the table and in the JSON, and are counted apart. Where it is known what the figures are spent on
(counts.py), the decoding of instructions that only this emulator makes necessary is left out of orlop and xen and stands under
"decode", and "kind" and "function" hold, for each side, the expensive instructions and the instructions by function."""

import math

LESS, MORE = "Orlop", "Xen"
# What counts as a change from one run to the next: operations' counts repeat to the digit, those of whole systems nearly.
CHANGE, CHANGE_OF_SYSTEMS = 0.01, 0.03


def ratio(orlop, xen):
    """Orlop's share of Xen's figure, to four digits; None if either lacks."""
    return round(orlop / xen, 4) if orlop is not None and xen else None


def geomean(ratios):
    """The geometric mean of the ratios that there are, to four digits; None of none."""
    logs = [math.log(value) for value in ratios if value]
    return round(math.exp(sum(logs) / len(logs)), 4) if logs else None


def rows(operations, figures, spent=None):
    """One row for each operation; figures is {(mode, side): {name: figure}}, spent the same of what they are spent on. An
    operation that a run printed without being in the catalogue is a row, too."""
    listed = [(operation.name, operation.mode, operation.what) for operation in operations]
    known = {(name, mode) for name, mode, _ in listed}
    for (mode, _), measured in figures.items():
        for name in measured:
            if (name, mode) not in known:
                known.add((name, mode))
                listed.append((name, mode, "not in tests/bench/operations"))
    return [_row(name, mode, what, figures, spent or {}) for name, mode, what in listed]


def _row(name, mode, what, figures, spent):
    row = {"name": name, "mode": mode, "what": what}
    details = {}
    for side in ("orlop", "xen"):
        row[side] = figures.get((mode, side), {}).get(name)
        details[side] = spent.get((mode, side), {}).get(name)
        if row[side] is not None and details[side] and details[side]["decode"]:
            row[side] = round(row[side] - details[side]["decode"], 1)
    row["ratio"] = ratio(row["orlop"], row["xen"])
    for part in ("decode", "kind", "function"):
        if any(details.values()):
            row[part] = {side: entry[part] for side, entry in details.items() if entry}
    return row


def result(made):
    """The JSON document of rows: the geometric means first, the rows by rising ratio, those that lack a side at the end."""
    complete = sorted((row for row in made if row["ratio"] is not None), key=lambda row: row["ratio"])
    lacking = [row for row in made if row["ratio"] is None]
    modes = sorted({row["mode"] for row in complete})
    return {
        "geomean_ratio_instructions": geomean(row["ratio"] for row in complete),
        "geomean_by_mode": {mode: geomean(row["ratio"] for row in complete if row["mode"] == mode) for mode in modes},
        "over_half": sum(1 for row in complete if row["ratio"] > 0.5),
        "lacking": len(lacking),
        "operations": complete + lacking,
    }


def _figure(value):
    return "-" if value is None else str(value)


def ahead(row):
    """Who needs fewer, and by how much; or what is missing."""
    if row["ratio"] is None:
        missing = [side for side in ("orlop", "xen") if row[side] is None]
        return "not measured on " + " and ".join({"orlop": "Orlop", "xen": "Xen"}[side] for side in missing)
    if row["ratio"] == 1:
        return "even"
    if row["ratio"] < 1:
        return f"{LESS} by {row['xen'] - row['orlop']:.10g}"
    return f"{MORE} by {row['orlop'] - row['xen']:.10g}"


# The expensive instructions that the table has columns for; rarer ones are in the JSON.
COLUMNS = (("cr3", "cr3_write"), ("invlpg", "invlpg"), ("msr", "wrmsr", "rdmsr"), ("iret", "iret"), ("vmrun", "vmrun"), ("lock", "locked"))


def expensive(row, kinds):
    """How many of the kinds both sides execute, "ours:theirs"; empty where neither does or it is not known."""
    told = row.get("kind")
    if not told:
        return ""
    both = [sum(told.get(side, {}).get(kind, 0) for kind in kinds) for side in ("orlop", "xen")]
    return ":".join(f"{count:.4g}" for count in both) if any(both) else ""


def table(document, unit="instructions"):
    """The terminal's table, widest ratio last, geometric means below."""
    counted = any("kind" in row for row in document["operations"])
    columns = COLUMNS if counted else ()
    lines = [f"{'operation':36} {'mode':10} {'Orlop':>9} {'Xen':>9} {'ratio':>7}"
             + "".join(f"{column[0]:>8}" for column in columns) + f"  ahead ({unit})"]
    for row in document["operations"]:
        share = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
        lines.append(f"{row['name']:36} {row['mode']:10} {_figure(row['orlop']):>9} {_figure(row['xen']):>9} {share:>7}"
                     + "".join(f"{expensive(row, column[1:]):>8}" for column in columns) + f"  {ahead(row)}")
    if counted:
        lines += ["", "expensive instructions as Orlop's:Xen's; decoding of instructions that AMD-V would tell the length of is left out"]
    lines += _summary(document)
    return "\n".join(lines)


def _summary(document):
    complete = [row for row in document["operations"] if row["ratio"] is not None]
    lines = ["", f"{len(complete)} figures, {sum(1 for row in complete if row['ratio'] <= 0.5)} at or below half of Xen's, "
                 f"{sum(1 for row in complete if row['ratio'] > 1)} above Xen's; {document['lacking']} lack a side"]
    for mode, mean in document["geomean_by_mode"].items():
        lines.append(f"geometric mean of {mode + ':':12} {mean:.3f}")
    if document["geomean_ratio_instructions"] is not None:
        lines.append(f"geometric mean of all:         {document['geomean_ratio_instructions']:.3f}")
    return lines


def compare(old, new):
    """What became of each figure since an older document: lines of text, and whether any of Orlop's grew."""
    before, now = (_by_key(document) for document in (old, new))
    lines, worse = [], False
    for key, row in now.items():
        was = before.get(key, {"orlop": None})["orlop"]
        text = _change(was, row["orlop"], CHANGE if "mode" in row else CHANGE_OF_SYSTEMS)
        if text:
            lines.append(f"{key[0]:36} {key[1]:10} {_figure(was):>9} {_figure(row['orlop']):>9}  {text}")
            worse |= text.startswith(("worse", "lost"))
    common = [key for key in now if key in before and "mode" in now[key]]
    means = [geomean(document[key]["ratio"] for key in common) for document in (before, now)]
    lines.append(f"geometric mean of the {len(common)} figures in both: {_figure(means[0])} before, {_figure(means[1])} now; "
                 f"{len(lines)} changed")
    return lines, worse


def _by_key(document):
    """Rows by name and mode; those of the machine and of systems, which have no mode, by group and by what they are as well."""
    rows = {(row["name"], row["mode"]): row for row in document["operations"]}
    return {**rows, **{(row["name"], row.get("group", "machine"), row["what"]): row for row in document.get("macro", [])}}


def _change(was, now, least):
    """How a figure changed by more than the least share; empty if it did not."""
    if was is None or now is None:
        return "" if was is now else "new" if was is None else "lost: measured before"
    if abs(now - was) <= least * was:
        return ""
    return f"{'worse' if now > was else 'better'} by {abs(now / was - 1):.1%}" if was else "changed"
