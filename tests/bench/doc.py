# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/performance.md anew from a report; the text between them is written by hand.

A table stands between two comments, <!-- NAME --> and <!-- end of NAME -->."""

import os
import re

from lab import paths

from . import macro, report

PATH = os.path.join(paths.TOP, "docs", "performance.md")
FUNCTIONS = 6


def update(document):
    """Puts the tables of what the report has into the file; gives its path."""
    with open(PATH, encoding="utf-8") as f:
        text = f.read()
    tables = (("summary", _summary), ("figures", _figures), ("functions", _functions)) if document["operations"] else ()
    for name, table in tables:
        text = filled(text, name, table(document))
    for group in ("machine", "systems"):
        rows = [row for row in document.get("macro", []) if row.get("group", "machine") == group]
        if rows:
            text = filled(text, group, _whole(rows))
    with open(PATH, "w", encoding="utf-8") as f:
        f.write(text)
    return PATH


def filled(text, name, table):
    """The text with the table in its place."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.S)
    if not place.search(text):
        raise ValueError(f"{PATH} has no place for {name}")
    return place.sub(lambda found: f"{found.group(1)}{table}\n{found.group(2)}", text)


def _share(row):
    return "-" if row["ratio"] is None else f"{row['ratio']:.3f}"


def _summary(document):
    lines = ["| mode | operations | at or below half | geometric mean |", "|---|--:|--:|--:|"]
    complete = [row for row in document["operations"] if row["ratio"] is not None]
    for mode, mean in [*document["geomean_by_mode"].items(), ("all", document["geomean_ratio_instructions"])]:
        rows = [row for row in complete if mode in ("all", row["mode"])]
        lines.append(f"| {mode} | {len(rows)} | {sum(1 for row in rows if row['ratio'] <= 0.5)} | {mean:.3f} |")
    return "\n".join(lines) + f"\n\nMeasured {document['measured']['date']}; operations that lack a side: {document['lacking']}."


def _whole(rows):
    lines = ["| what | Orlop | Xen | ratio |", "|---|--:|--:|--:|"]
    for row in rows:
        figures = ["-" if row[side] is None else f"{row[side]:,}" for side in ("orlop", "xen")]
        lines.append(f"| {row['name']}: {macro.told(row)} | {' | '.join(figures)} | {_share(row)} |")
    return "\n".join(lines)


def _figures(document):
    columns = [column[0] for column in report.COLUMNS]
    lines = ["| operation | mode | Orlop | Xen | ratio | " + " | ".join(columns) + " |", "|---|---|--:|--:|--:|" + "--:|" * len(columns)]
    for row in document["operations"]:
        cells = [row["name"], row["mode"], *("-" if row[side] is None else str(row[side]) for side in ("orlop", "xen")), _share(row)]
        lines.append("| " + " | ".join(cells + [report.expensive(row, column[1:]) for column in report.COLUMNS]) + " |")
    return "\n".join(lines)


def _functions(document):
    lines = ["| operation | mode | Orlop's instructions, by function |", "|---|---|---|"]
    for row in document["operations"]:
        spent = row.get("function", {}).get("orlop")
        if not spent or row["mode"] == "pv64-dom0":
            continue
        first = sorted(spent.items(), key=lambda item: -item[1])
        told = [f"{name} {count:g}" for name, count in first[:FUNCTIONS]]
        rest = sum(count for _, count in first[FUNCTIONS:])
        lines.append(f"| {row['name']} | {row['mode']} | {', '.join(told + ([f'rest {rest:g}'] if rest else []))} |")
    return "\n".join(lines)
