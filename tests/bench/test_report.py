# SPDX-License-Identifier: Apache-2.0
"""Tests of what needs no emulator: reading logs, ratios, the rows that lack a side, comparing, choosing. ./check bench-report
runs them."""

import json
import re
import unittest

from . import catalogue, counts, doc, page, report, runs, wall
from .catalogue import Operation

LOG = """Test: cost of operations in instructions
d1| overhead 8
d1| bench hc_null 150\r
bench plain 12
(XEN) d1| bench each 110.4
d1| bench broken
d1| benchmark hc_null 9
d1| Test result: SUCCESS
"""
COUNTS = """operation 0 153 40
kind sysret 1
function (guest) 19
function do_it 134
operation 1 339 0
function do_it 339
"""
OPERATIONS = [Operation("hc_null", "pv64", "nothing"), Operation("each", "pv64", "one of many"), Operation("hc_null", "pvh64", "nothing")]
FIGURES = {("pv64", "orlop"): {"hc_null": 150, "each": 100.5}, ("pv64", "xen"): {"hc_null": 300, "each": 402.0, "extra": 7},
           ("pvh64", "xen"): {"hc_null": 5000}}


def _document(figures=None):
    return report.result(report.rows(OPERATIONS, figures or FIGURES))


class Reading(unittest.TestCase):
    def test_lines_of_dom0_domu_and_xens_console(self):
        self.assertEqual(runs.parse(LOG), {"hc_null": 150, "plain": 12, "each": 110.4})

    def test_every_mode_is_a_test_guest(self):
        for mode in catalogue.MODES:
            self.assertTrue(runs.guest_of(mode).icount)

    def test_what_figures_are_spent_on(self):
        spent = counts.by_name({"hc_null": 150, "each": 10.5}, COUNTS, 3)
        self.assertEqual(spent["hc_null"], {"decode": 40, "kind": {"sysret": 1}, "function": {"(guest)": 19, "do_it": 134}})
        self.assertEqual(spent["each"]["function"], {"do_it": 10.6})
        self.assertEqual(counts.by_name({"late": 40, "each": 10.5}, COUNTS, 3)["late"]["decode"], 0)
        with self.assertRaises(ValueError):
            counts.by_name({"hc_null": 150}, COUNTS, 3)

    def test_decoding_is_left_out(self):
        spent = {("pv64", "orlop"): counts.by_name({"hc_null": 150, "each": 100.5}, COUNTS, 3)}
        row = report.rows(OPERATIONS, FIGURES, spent)[0]
        self.assertEqual((row["orlop"], row["decode"]["orlop"], row["ratio"]), (110, 40, report.ratio(110, 300)))
        self.assertEqual(report.expensive(row, ("sysret", "iret")), "1:0")
        self.assertEqual(report.expensive(row, ("vmrun",)), "")


class Catalogue(unittest.TestCase):
    def test_operations_have_known_modes_once(self):
        found = [(operation.name, operation.mode) for operation in catalogue.operations()]
        self.assertEqual(len(found), len(set(found)))
        self.assertLessEqual({mode for _, mode in found}, set(catalogue.MODES))

    def test_selection(self):
        self.assertEqual(catalogue.select(OPERATIONS, []), OPERATIONS)
        self.assertEqual(catalogue.select(OPERATIONS, ["hc_null/pvh64"]), OPERATIONS[2:])
        self.assertEqual(catalogue.select(OPERATIONS, ["pv64"]), OPERATIONS[:2])
        with self.assertRaises(catalogue.UnknownName):
            catalogue.select(OPERATIONS, ["hc_nil"])


class Rows(unittest.TestCase):
    def test_ratio_and_mean(self):
        self.assertEqual(report.ratio(1, 4), 0.25)
        self.assertEqual(report.ratio(1, 3), 0.3333)
        self.assertIsNone(report.ratio(None, 4))
        self.assertIsNone(report.ratio(4, None))
        self.assertEqual(report.geomean([0.25, 1.0]), 0.5)
        self.assertIsNone(report.geomean([]))

    def test_document(self):
        document = _document()
        self.assertEqual([(row["name"], row["mode"]) for row in document["operations"]],
                         [("each", "pv64"), ("hc_null", "pv64"), ("hc_null", "pvh64"), ("extra", "pv64")])
        self.assertEqual(document["geomean_ratio_instructions"], report.geomean([0.25, 0.5]))
        self.assertEqual(document["lacking"], 2)
        self.assertEqual(next(iter(document)), "geomean_ratio_instructions")
        self.assertEqual(json.loads(json.dumps(document)), document)

    def test_table_drops_nothing(self):
        text = report.table(_document())
        self.assertRegex(text, r"hc_null +pv64 +150 +300 +0\.500  Orlop by 150\n")
        self.assertRegex(text, r"hc_null +pvh64 +- +5000 +-  not measured on Orlop\n")
        self.assertRegex(text, r"extra +pv64 +- +7 +-  not measured on Orlop\n")
        self.assertIn("2 figures, 2 at or below half of Xen's, 0 above Xen's; 2 lack a side", text)
        self.assertEqual(len(re.findall("geometric mean", text)), 2)


class Wall(unittest.TestCase):
    def test_medians_and_spread(self):
        figures = {("pv64", "orlop"): {"hc_null": [150, 130, 900], "timer_virq_late": [1]}, ("pv64", "xen"): {"hc_null": [600]}}
        made = wall.document(OPERATIONS, figures)
        row = made["operations"][0]
        self.assertEqual((row["orlop"], row["xen"], row["ratio"]), (150, 600, 0.25))
        self.assertEqual(row["spread"], {"orlop": [130, 900], "xen": [600, 600]})
        self.assertEqual(made["geomean_ratio_wall"], 0.25)
        self.assertNotIn("timer_virq_late", wall.table(made))
        self.assertRegex(wall.table(made), r"hc_null +pvh64 +- +- +- +- +-\n")


class Page(unittest.TestCase):
    def test_stands_alone_and_drops_nothing(self):
        spent = {("pv64", "orlop"): counts.by_name({"hc_null": 150, "each": 100.5}, COUNTS, 3)}
        document = report.result(report.rows(OPERATIONS, FIGURES, spent))
        text = page.page({**document, "measured": {"date": "today"}})
        self.assertEqual(text.count("<tr title="), len(document["operations"]))
        self.assertEqual(text.count("<circle"), len(document["operations"]) - document["lacking"])
        self.assertIn("<td>do_it<td>134", text)
        self.assertNotRegex(text, "https?:|src=|<link|<script")


class Document(unittest.TestCase):
    def test_tables_go_to_their_places(self):
        text = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"
        self.assertEqual(doc.filled(text, "x", "new"), "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n")
        with self.assertRaises(ValueError):
            doc.filled(text, "y", "new")


class Comparing(unittest.TestCase):
    def _compare(self, **now):
        changed = {key: dict(value) for key, value in FIGURES.items()}
        changed["pv64", "orlop"].update(now)
        return report.compare(_document(), _document(changed))

    def test_the_same(self):
        lines, worse = self._compare()
        self.assertFalse(worse)
        self.assertEqual(len(lines), 1)

    def test_worse_and_better(self):
        lines, worse = self._compare(hc_null=165)
        self.assertTrue(worse)
        self.assertRegex(lines[0], r"hc_null +pv64 +150 +165  worse by 10.0%")
        lines, worse = self._compare(hc_null=75)
        self.assertFalse(worse)
        self.assertIn("better by 50.0%", lines[0])

    def test_systems(self):
        def document(orlop):
            return {**_document(), "macro": [{"name": "create", "group": "systems", "what": "a guest", "orlop": orlop}]}

        self.assertEqual(report.compare(document(1000), document(1020))[1], False)
        lines, worse = report.compare(document(1000), document(1100))
        self.assertTrue(worse)
        self.assertRegex(lines[0], r"create +systems +1000 +1100  worse by 10.0%")

    def test_lost_and_new(self):
        lines, worse = self._compare(hc_null=None, extra=9)
        self.assertTrue(worse)
        self.assertTrue(any("lost" in line for line in lines))
        self.assertTrue(any("new" in line for line in lines))


if __name__ == "__main__":
    unittest.main()
