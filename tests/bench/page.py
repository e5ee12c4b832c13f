# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page: nothing is loaded from anywhere, the plots are SVG in the page.

Plots: how Orlop's and Xen's figures lie to each other, how the ratios are distributed in each mode, and, where it is known, the
functions that Orlop's instructions are spent in."""

import html
import math

from . import macro, report

COLOURS = {"pv64": "#1f77b4", "pv64-dom0": "#17becf", "pv64-pair": "#9467bd", "pvh64": "#d62728", "pvh64-pair": "#ff7f0e"}
STYLE = """body{font:15px/1.4 sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse;font-size:13px}
td,th{padding:1px 8px;text-align:right}td:first-child,td:nth-child(2),th:first-child{text-align:left}
tr:nth-child(even){background:#f4f4f4}.over{color:#b00}svg{background:#fcfcfc;border:1px solid #ddd}
svg text{font:11px sans-serif}details{margin:1em 0}"""
SIDE_COLOURS = {"orlop": "#1f77b4", "xen": "#d62728"}
PART_NAMES = ("hypervisor", "kernel", "program", "copied", "decode")
WIDTH, HEIGHT, EDGE = 720, 480, 50


def page(document):
    """The whole page as text."""
    complete = [row for row in document["operations"] if row["ratio"]]
    parts = ["<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Orlop beside Xen</title>", f"<style>{STYLE}</style>",
             "<h1>Orlop beside Xen 4.17</h1>", _summary(document)]
    if complete:
        parts += ["<h2>Each operation, both sides</h2>", _scatter(complete), "<h2>Distribution of the ratios</h2>", _distribution(complete)]
    if "macro" in document:
        parts += ["<h2>The machine as a whole</h2>", f"<pre>{html.escape(macro.table(document['macro']))}</pre>",
                  *(_curve(row) for row in document["macro"] if "curve" in row), *(_parts(row) for row in document["macro"] if "parts" in row)]
    parts += ["<h2>All figures</h2>", _table(document)]
    if any("function" in row for row in complete):
        parts += ["<h2>What Orlop's instructions are spent on</h2>", *(_profile(row) for row in complete if "function" in row)]
    return "\n".join(parts) + "\n"


def _summary(document):
    mean = document["geomean_ratio_instructions"]
    modes = "".join(f"<li>{html.escape(mode)}: {value:.3f}" for mode, value in document["geomean_by_mode"].items())
    return (f"<p>Instructions under the emulator's instruction clock, measured {html.escape(document['measured']['date'])}. Geometric "
            f"mean of Orlop's share of Xen's: <b>{'-' if mean is None else format(mean, '.3f')}</b>; {document['over_half']} figures above "
            f"half; {document['lacking']} lack a side.<ul>{modes}</ul>")


def _svg(content):
    return f"<svg width={WIDTH} height={HEIGHT} viewBox='0 0 {WIDTH} {HEIGHT}'>{''.join(content)}</svg>"


def _scale(value, low, high, start, end):
    """A place on an axis of decimal logarithms."""
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def _scatter(rows):
    top = math.ceil(math.log10(max(max(row["orlop"], row["xen"]) for row in rows)))

    def across(value):
        return _scale(max(value, 1), 0, top, EDGE, WIDTH - 10)

    def up(value):
        return _scale(max(value, 1), 0, top, HEIGHT - EDGE, 10)

    content = []
    for share, name in ((1, "as many"), (0.5, "half"), (0.1, "a tenth")):
        content.append(f"<line x1={across(1 / share):.0f} y1={up(1):.0f} x2={across(10 ** top):.0f} y2={up(share * 10 ** top):.0f} "
                       f"stroke='#bbb'/><text x={across(10 ** top) - 55:.0f} y={up(share * 10 ** top) + 14:.0f}>{name}</text>")
    for power in range(top + 1):
        content.append(f"<text x={across(10 ** power):.0f} y={HEIGHT - 30}>{10 ** power:,}</text>"
                       f"<text x=2 y={up(10 ** power):.0f}>{10 ** power:,}</text>")
    for row in rows:
        title = html.escape(f"{row['name']} ({row['mode']}): {row['orlop']} of {row['xen']}")
        content.append(f"<circle cx={across(row['xen']):.1f} cy={up(row['orlop']):.1f} r=4 fill='{COLOURS.get(row['mode'], '#333')}' "
                       f"fill-opacity=.6><title>{title}</title></circle>")
    content.append(f"<text x={WIDTH // 2} y={HEIGHT - 8}>Xen, instructions (Orlop's upwards)</text>")
    return _svg(content) + _legend(rows)


def _legend(rows):
    modes = sorted({row["mode"] for row in rows})
    return "<p>" + " ".join(f"<span style='color:{COLOURS.get(mode, '#333')}'>&#9679;</span> {html.escape(mode)}" for mode in modes)


def _distribution(rows):
    """Every ratio of a mode, sorted, from left to right: how much of the mode is below any share."""
    highest = max(1.0, max(row["ratio"] for row in rows))
    content = [f"<line x1={EDGE} x2={WIDTH - 10} y1={y:.0f} y2={y:.0f} stroke='#bbb'/><text x=5 y={y + 4:.0f}>{share}</text>"
               for share in (0, 0.33, 0.5, 1.0) for y in [HEIGHT - EDGE - share / highest * (HEIGHT - EDGE - 10)]]
    for mode in sorted({row["mode"] for row in rows}):
        ratios = sorted(row["ratio"] for row in rows if row["mode"] == mode)
        points = " ".join(f"{EDGE + (i + 0.5) / len(ratios) * (WIDTH - EDGE - 10):.1f},"
                          f"{HEIGHT - EDGE - ratio / highest * (HEIGHT - EDGE - 10):.1f}" for i, ratio in enumerate(ratios))
        content.append(f"<polyline points='{points}' fill=none stroke-width=2 stroke='{COLOURS.get(mode, '#333')}'/>")
    content.append(f"<text x={WIDTH // 2 - 150} y={HEIGHT - 20}>operations of a mode, by rising ratio of Orlop's to Xen's</text>")
    return _svg(content)


def _curve(row):
    """What each guest's creation took, by how many there were."""
    curves = {side: curve for side, curve in row["curve"].items() if len(curve) > 1}
    longest, highest = max(map(len, curves.values())), max(map(max, curves.values()))
    content = [f"<text x={EDGE} y=20>{highest:,}</text><text x={WIDTH - 60} y={HEIGHT - 20}>{longest} guests</text>"]
    for side, curve in curves.items():
        points = " ".join(f"{EDGE + i / (longest - 1) * (WIDTH - EDGE - 10):.1f},{HEIGHT - EDGE - count / highest * (HEIGHT - EDGE - 30):.1f}"
                          for i, count in enumerate(curve))
        content.append(f"<polyline points='{points}' fill=none stroke-width=2 stroke='{SIDE_COLOURS[side]}'/>"
                       f"<text x={WIDTH - 200} y={40 + 15 * len(content)} fill='{SIDE_COLOURS[side]}'>{side}, instructions of a creation</text>")
    return _svg(content)


def _parts(row):
    """Where a row's instructions were executed, by the sides that have it."""
    sides = [side for side in SIDE_COLOURS if side in row["parts"]]
    lines = "".join(f"<tr><td>{field}" + "".join(f"<td>{row['parts'][side].get(field, 0):,}" for side in sides) for field in PART_NAMES)
    heads = "".join(f"<th>{side}" for side in sides)
    return f"<details><summary>{html.escape(row['name'])}, where</summary><table><tr><th>{heads}{lines}</table></details>"


def _table(document):
    columns = [column[0] for column in report.COLUMNS]
    lines = ["<table><tr><th>operation<th>mode<th>Orlop<th>Xen<th>ratio" + "".join(f"<th>{column}" for column in columns) + "</tr>"]
    for row in document["operations"]:
        share = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
        mark = " class=over" if row["ratio"] is None or row["ratio"] > 0.5 else ""
        cells = [row["name"], row["mode"], *("-" if row[side] is None else f"{row[side]}" for side in ("orlop", "xen"))]
        lines.append(f"<tr title='{html.escape(row['what'], quote=True)}'>" + "".join(f"<td>{html.escape(cell)}" for cell in cells)
                     + f"<td{mark}>{share}" + "".join(f"<td>{report.expensive(row, column[1:])}" for column in report.COLUMNS) + "</tr>")
    return "\n".join(lines) + "</table><p>Expensive instructions as Orlop's:Xen's."


def _profile(row):
    functions = sorted(row["function"].get("orlop", {}).items(), key=lambda item: -item[1])
    listed = "".join(f"<tr><td>{html.escape(name)}<td>{count}</tr>" for name, count in functions)
    return f"<details><summary>{html.escape(row['name'])} ({html.escape(row['mode'])}), {row['orlop']}</summary><table>{listed}</table></details>"
