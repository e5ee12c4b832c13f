# SPDX-License-Identifier: Apache-2.0
"""Wall-clock times: what instruction counts cannot say, as far as an emulator can say it.

Without the instruction clock the guests' TSC is the host's. Each mode is run on Orlop, on Xen, on Orlop, and so on, so that what
else the machine does meets both alike; of each operation a run gives the median of 25, and the report the median of the runs
with the lowest and the highest."""

import statistics

from . import report, runs

# Waiting for a moment in nanoseconds, which ticks of the host's TSC are not.
INSTRUCTIONS_ONLY = ("timer_virq_late",)


def measure(modes, rounds, folder, say):
    """{(mode, side): {name: [a figure of each run]}} and what failed."""
    figures, failures = {}, []
    for mode in modes:
        for number in range(rounds):
            for side in runs.SIDES:
                say(f"{mode} on {side}, run {number + 1} of {rounds}")
                try:
                    for name, figure in runs.run_wall(mode, side, folder).items():
                        figures.setdefault((mode, side), {}).setdefault(name, []).append(figure)
                except runs.RunFailed as failure:
                    failures.append(str(failure))
    return figures, failures


def document(operations, figures):
    """Rows like those of instruction counts, of medians; "spread" holds each side's lowest and highest."""
    middle = {key: {name: round(statistics.median(values), 1) for name, values in measured.items()}
              for key, measured in figures.items()}
    rows = [row for row in report.rows(operations, middle) if row["name"] not in INSTRUCTIONS_ONLY]
    for row in rows:
        values = {side: figures.get((row["mode"], side), {}).get(row["name"]) for side in runs.SIDES}
        row["spread"] = {side: [min(found), max(found)] for side, found in values.items() if found}
    made = report.result(rows)
    made["geomean_ratio_wall"] = made.pop("geomean_ratio_instructions")
    return made


def table(made):
    """The terminal's table: medians in ticks of the host's TSC, and how far the runs lie apart."""
    lines = [f"{'operation':36} {'mode':10} {'Orlop':>10} {'spread':>17} {'Xen':>10} {'spread':>17} {'ratio':>7}"]
    for row in made["operations"]:
        cells = "".join(f" {row[side] if row[side] is not None else '-':>10} {_spread(row, side):>17}" for side in runs.SIDES)
        share = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
        lines.append(f"{row['name']:36} {row['mode']:10}{cells} {share:>7}")
    mean = made["geomean_ratio_wall"]
    lines.append(f"\ngeometric mean of all ratios: {'-' if mean is None else format(mean, '.3f')}; {made['lacking']} lack a side")
    return "\n".join(lines)


def _spread(row, side):
    low_high = row["spread"].get(side)
    return f"{low_high[0]:g}..{low_high[1]:g}" if low_high else "-"
