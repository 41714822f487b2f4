#!/usr/bin/env python3
"""The parts of bench/ that judge and draw, without a node: python3 bench/scripts_test.py"""
import contextlib, io, pathlib, sys, tempfile, unittest
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import instructions
from measure import checks_deploy, checks_load, load, page, svg_plot, verdict


def second(p99=10.0, codes=None, unsent=0):
    return {"codes": codes or {"200": 20}, "unsent": unsent, "p50_ms": 5.0, "p99_ms": p99}


class VerdictTest(unittest.TestCase):
    def test_limits_hold_the_median(self):
        self.assertEqual(verdict.at_least("a", "w", 3, [1, 3, 9], "x").status, "PASS")
        self.assertEqual(verdict.at_least("a", "w", 3, [1, 2.9, 9], "x").status, "FAIL")
        self.assertEqual(verdict.at_most("a", "w", 3, [1, 3, 9], "x").status, "PASS")
        self.assertEqual(verdict.at_most("a", "w", 3, [1, 3.1, 9], "x").status, "FAIL")
        self.assertEqual(verdict.at_most("d", "p99", 3, [1, 2, 4], "x", " more").text(), "PASS  d  p99: 2 x more (limit <= 3 x)  of 1 2 4")


class RecoveryTest(unittest.TestCase):
    before, overload = 4, 2

    def recovered(self, *after):
        calm, flood = [second(p99=40)] * 2 + [second()] * 2, [second(900, {"429": 5})] * 2
        return checks_load.recovered_after(calm + flood + list(after), self.before, self.overload)

    def test_counts_the_seconds_that_are_not_normal(self):
        self.assertEqual(self.recovered(second(), second()), 0)
        self.assertEqual(self.recovered(second(31), second(30)), 1)
        self.assertEqual(self.recovered(second(), second(codes={"200": 9, "429": 1}), second()), 2)
        self.assertEqual(self.recovered(second(unsent=1), second()), 1)

    def test_never_normal_is_infinite(self):
        self.assertEqual(self.recovered(second(), second(31)), float("inf"))


class SoakTest(unittest.TestCase):
    def test_growth_is_of_medians_so_that_one_reading_does_not_decide(self):
        self.assertAlmostEqual(checks_deploy.resident_growth([100] * 20 + [300] + [100] * 19, 20), 0)
        self.assertAlmostEqual(checks_deploy.resident_growth([100] * 20 + [110] * 20, 20), 0.1)


class InstructionsTest(unittest.TestCase):
    def judge(self, measured, baseline):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            return instructions.judge(measured, baseline), out.getvalue()

    def test_five_percent_more_fails_and_less_asks_for_an_update(self):
        self.assertFalse(self.judge({"parse": 1050}, {"parse": 1000})[0])
        self.assertTrue(self.judge({"parse": 1051}, {"parse": 1000})[0])
        failed, text = self.judge({"parse": 949}, {"parse": 1000})
        self.assertFalse(failed)
        self.assertIn("--update", text)

    def test_a_stage_that_is_not_written_down_fails(self):
        self.assertTrue(self.judge({"parse": 1}, {})[0])
        self.assertTrue(self.judge({}, {"parse": 1})[0])

    def test_reads_the_dump_of_each_stage(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "out.1").write_text("version: 1\ndesc: Trigger: Client Request: parse\n\ntotals: 1280\n")
            pathlib.Path(folder, "out").write_text("version: 1\ndesc: Trigger: Program termination\ntotals: 7\n")
            self.assertEqual(instructions.counted(folder), {"parse": 1280})


class PageTest(unittest.TestCase):
    rows = {"mlnode <new>": {(clients, 8): load.Row(clients, 8, clients * 50.0, 1, 2, 3.0, {"200": 9}) for clients in (1, 4, 16)},
            "broken": {(1, 8): load.Row(1, 8, 0, 0, 0, 0, {"0": 4})}}

    def test_plots_are_xml_and_hold_each_point(self):
        root = xml.fromstring(svg_plot.line_plot("Throughput & more", "documents/s", {"a <b>": [(1, 10), (4, 40)]}, {"one by one": 25}))
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(len(root.findall(f"{space}circle")), 2)
        first, last = root.find(f"{space}polyline").get("points").split()
        self.assertLess(float(first.split(",")[0]), float(last.split(",")[0]))
        self.assertGreater(float(first.split(",")[1]), float(last.split(",")[1]))  # more is higher
        self.assertIn("a <b>", [node.text for node in root.findall(f"{space}text")])

    def test_ceilings(self):
        self.assertEqual([svg_plot.nice_ceiling(value) for value in (0, 1, 1.1, 3, 701, 0.03)], [1, 1, 2, 5, 1000, 0.05])

    def test_page_is_written_with_its_plots_and_without_earlier_ones(self):
        about = {"texts": "2 texts", "precision": "f32", "rounds": 1, "seconds": 1, "command": "bench/compare", "load": 0.1}
        with tempfile.TemporaryDirectory() as folder:
            docs = pathlib.Path(folder)
            (docs / "benchmarks").mkdir()
            (docs / "benchmarks/old.svg").write_text("")
            page.write(page.Results(self.rows, {"docs_s": 190.0, "p50_ms": 10.0, "p99_ms": 20.0}), about, docs)
            self.assertEqual({path.name for path in (docs / "benchmarks").iterdir()}, {"throughput-8.svg", "p99-8.svg"})
            text = (docs / "benchmarks.md").read_text()
        self.assertIn("| mlnode <new> | 16 × 8 | 800 |", text)
        self.assertIn("| broken | 1 × 8 | 0 | 0.0 | 0.0 |  |  | 0: 4 |", text)
        self.assertIn("(benchmarks/throughput-8.svg)", text)


if __name__ == "__main__":
    unittest.main()
