# SPDX-License-Identifier: Apache-2.0
"""Tests of what whole systems' marks come to; ./check bench-report runs them."""

import os
import tempfile
import unittest
from unittest import mock

from . import doc, events, macro, page, report, system_rows, systems
from .systems import IDS

STEP = {"hypervisor": 100, "kernel": 10, "program": 1, "copied": 5, "decode": 40}


def _marks(*numbers):
    """Marks with one step of instructions before each."""
    return [(number, {field: (i + 1) * count for field, count in STEP.items()}) for i, number in enumerate(numbers)]


def _made_run(kind):
    """The marks of one guest's part of the scenario, in their order."""
    made = [IDS[f"{kind}_create_first"], events.ENTRY, IDS[f"{kind}_create_first"] + 1, events.INIT]
    for name in ("list", "destroy", "create_second"):
        made += [IDS[f"{kind}_{name}"], events.ENTRY, IDS[f"{kind}_{name}"] + 1] if name == "create_second" else \
                [IDS[f"{kind}_{name}"], IDS[f"{kind}_{name}"] + 1]
    made.append(events.INIT)
    for name in (*systems.WORK, *system_rows.TRANSFERS):
        made += [IDS[f"{kind}_{name}"], IDS[f"{kind}_{name}"] + 1]
    return made + [IDS[f"{kind}_destroy"], IDS[f"{kind}_destroy"] + 1]


class Marks(unittest.TestCase):
    def test_numbers_are_apart(self):
        numbers = {events.ENTRY, events.INIT} | {number + i for number in IDS.values() for i in (0, 1)}
        self.assertEqual(len(numbers), 2 + 2 * len(IDS))
        self.assertLess(max(numbers), 256)

    def test_reading(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "events")
            with open(path, "w", encoding="ascii") as f:
                f.write("10 5 4 3 2 1\n11 50 40 30 20 10\n")
            made = events.stretch(events.read(path), 10)
        self.assertEqual(made, {"hypervisor": 36, "kernel": 36, "program": 27, "copied": 18, "decode": 9, "total": 99})

    def test_stretches(self):
        found = events.stretches(_marks(10, 11, 10, events.ENTRY, 11, 10), 10)
        self.assertEqual([one["total"] for one in found], [71, 142])
        self.assertEqual(events.stretch(_marks(events.ENTRY, 10, events.ENTRY), 10, events.ENTRY)["total"], 71)
        with self.assertRaises(events.Missing):
            events.stretch(_marks(10, 11), 10, which=1)


class Rows(unittest.TestCase):
    def test_guest_and_its_work(self):
        marks = _marks(*_made_run("pv"))
        made = system_rows.of_guest(marks, "pv")
        self.assertEqual((made["create_pv_first"].value, made["create_pv_init"].value), (71, 3 * 71))
        self.assertEqual(made["pv_write"].value, round(71 / systems.BYTES, 3))
        bare = [(number, {**figures, "hypervisor": 0, "decode": 0}) for number, figures in
                _marks(*(IDS[f"bare_{name}"] + i for name in systems.WORK for i in (0, 1)))]
        work = system_rows.of_work(marks, bare, "pv")
        self.assertEqual(work["pv_process"].value, round(60 / systems.WORK_COUNT, 1))
        self.assertEqual(work["pv_process"].bare, round(11 / systems.WORK_COUNT, 1))
        with self.assertRaises(events.Missing):
            system_rows.of_work(marks, [], "pv")

    def test_idle(self):
        marks = _marks(*[IDS["idle_create"], events.ENTRY, IDS["idle_destroy"], IDS["idle_destroy"] + 1] * 2)
        left = [("before", "90000", "0", "70000"), ("with", "50000", "0", "60000"),
                ("before", "80000", "0", "50000"), ("with", "63000", "0", "49000")]
        made = system_rows.of_idle(marks, left)
        self.assertEqual((made["idle_host"].value, made["idle_dom0"].value), (17000 * 4 - 64 * 1024, 1000))

    def test_many(self):
        create, lists, end = (IDS[f"many_{name}"] for name in ("create", "list", "destroy"))
        marks = _marks(create, events.ENTRY, create, events.ENTRY, lists, lists + 1, lists, lists + 1, end, end + 1)
        left = [("0", "3000", "0", "9000"), ("1", "2000", "0", "8000"), ("2", "1900", "0", "8000")]
        made = system_rows.of_many(marks, left)
        self.assertEqual((made["many_count"].value, made["many_host"].value, made["many_dom0"].value), (2, 1100 * 4 / 2 - 2048, 500))
        self.assertEqual(made["many_create_growth"].curve, [71, 71])
        with self.assertRaises(events.Missing):
            system_rows.of_many(marks, left + [("3", "1", "0", "1")])
        with self.assertRaises(events.Missing):
            system_rows.of_many([], [])

    def test_sides_beside_each_other(self):
        figure = system_rows.Figure
        rows = system_rows.rows({"orlop": {"pv_file": figure(50, {"kernel": 1}, 700.0), "many_count": figure(200), "many_list": figure(10)},
                                 "xen": {"pv_file": figure(-4), "many_count": figure(40), "many_list": figure(100)}})
        self.assertEqual([row["name"] for row in rows], ["pv_file", "many_list"])
        self.assertIsNone(rows[0]["ratio"])
        self.assertEqual((rows[0]["bare"], rows[1]["ratio"]), (700.0, 0.1))
        self.assertIn("200 on orlop, 40 on xen", rows[1]["what"])
        self.assertIn("(bare: 700.0)", macro.table(rows))
        lacking = system_rows.rows({"orlop": {"pv_file": figure(50)}})
        self.assertEqual((lacking[0]["xen"], lacking[0]["ratio"]), (None, None))
        self.assertIn("| - |", doc._whole(lacking))

    def test_a_run_that_fails_keeps_what_it_had_measured(self):
        bare = _marks(*(IDS[f"bare_{name}"] + i for name in systems.WORK for i in (0, 1)))

        def run(side, group, _place, _folder, _count):
            self.assertEqual(group, "systems")
            return _marks(*_made_run("pv")), [], "PVH stood still" if side == "xen" else None

        with mock.patch.object(systems, "run", run), mock.patch.object(systems, "run_bare", lambda *_: (bare, None)):
            rows, failures = system_rows.measure(["systems"], "/nowhere", lambda _: None, 200)
        self.assertIn("PVH stood still", failures)
        self.assertIn("create_pv_first", [row["name"] for row in rows if row["ratio"] == 1])
        self.assertNotIn("create_pvh_first", [row["name"] for row in rows])
        self.assertEqual(sum("pvh" in row["name"] for row in rows), 0)
        self.assertEqual(len(failures), 1 + 2 * 3)  # and each side: no idle guest, no PVH guest, no work in one

    def test_page_has_curves_and_parts(self):
        figure = system_rows.Figure
        rows = system_rows.rows({"orlop": {"many_create_growth": figure(1, {"kernel": 5}, curve=[5, 6, 7])}})
        text = page.page({**report.result([]), "macro": rows, "measured": {"date": "today"}})
        self.assertEqual(text.count("<polyline"), 1)
        self.assertIn("<td>kernel<td>5", text)


if __name__ == "__main__":
    unittest.main()
