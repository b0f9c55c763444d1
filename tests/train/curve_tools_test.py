#!/usr/bin/env python3
"""tools/mask_spread and tools/curve_figure on folders as reluscape-train leaves them, and
tools/results_figure on tables as the client prints them.

Usage: curve_tools_test.py ROOT
"""

import csv
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path()
HEADER = ("job,task,epoch,candidate,replicate,stage,budget,attempt,loss,train_accuracy,"
          "validation_accuracy,learning_rate,lambda,relus,seconds,name\r\n")
SVG = "{http://www.w3.org/2000/svg}"


def safetensors(metadata, masks):
    header, data = {"__metadata__": metadata}, b""
    for name, values in masks.items():
        content = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)],
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class ToolTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_tool(self, name, *arguments):
        return subprocess.run([sys.executable, ROOT / "tools" / name, *arguments],
                              capture_output=True, text=True)


class MaskSpreadTest(ToolTest):
    def setUp(self):
        super().setUp()
        (self.folder / "artifacts" / "00").mkdir(parents=True)
        results = [{"candidate": 4, "name": "net", "seeds": {"linearize": 70}},
                   {"candidate": 9, "name": "net", "seeds": {"linearize": 80}}]
        for job, result in enumerate(results, 1):
            (self.folder / f"results-{job}.json").write_text(json.dumps({"results": [result]}))

    def store(self, name, content):
        (self.folder / "artifacts" / "00" / f"{name}.safetensors").write_bytes(content)

    def store_snapshot(self, name, seed, epoch, masks):
        count = sum(value > 0.01 for values in masks.values() for value in values)
        self.store(name, safetensors({"kind": "snapshot", "seed": str(seed), "epoch": str(epoch),
                                      "relus": str(count), "threshold": "0.01"}, masks))

    def table(self):
        run = self.run_tool("mask_spread", self.folder, "--csv")
        self.assertEqual(run.returncode, 0, run.stderr)
        return list(csv.DictReader(run.stdout.splitlines()))

    def test_a_lockstep_descent_differs_from_one_that_has_chosen(self):
        # Ten values each, half of them above the threshold.
        self.store_snapshot("a", 80, 3, {"x.mask": [0.011, 0.012, 0.0, 0.0], "y.mask":
                                         [0.013, 0.014, 0.015, 0.0, 0.0, 0.0]})
        self.store_snapshot("b", 70, 5, {"x.mask": [0.2, 0.9, 0.0, 0.0], "y.mask":
                                         [0.5, 0.7, 0.4, 0.0, 0.0, 0.0]})
        chosen, lockstep = self.table()
        self.assertEqual([chosen[key] for key in ("replicate", "epoch", "relus", "p10", "p50",
                                                  "p90", "near", "mean")],
                         ["0", "5", "5", "0.200", "0.500", "0.900", "0.200", "0.270"])
        # By hand: mean of squares (0.04 + 0.81 + 0.25 + 0.49 + 0.16) / 10 - 0.27^2 = 0.1021.
        self.assertEqual(chosen["deviation"], "0.320")
        self.assertEqual([lockstep[key] for key in ("replicate", "epoch", "near")],
                         ["1", "3", "1.000"])

    def test_only_masks_of_snapshots_count(self):
        self.store_snapshot("a", 70, 1, {"x.mask": [0.5], "x.weight": [100.0]})
        self.store("b", safetensors({"kind": "result"}, {"x.mask": [1.0]}))
        (row,) = self.table()
        self.assertEqual(row["mean"], "0.500")

    def test_no_value_above_the_threshold(self):
        self.store_snapshot("a", 70, 1, {"x.mask": [0.0, 0.01]})
        (row,) = self.table()
        self.assertEqual((row["relus"], row["p50"]), ("0", ""))

    def test_broken_files_are_named(self):
        whole = safetensors({"kind": "snapshot", "seed": "70", "epoch": "1", "relus": "1",
                             "threshold": "0.01"}, {"x.mask": [0.5, 0.5]})
        for content in (b"", b"\xff" * 64, struct.pack("<Q", 2) + b"[]", whole[:-4],
                        struct.pack("<Q", 9) + b"not JSON."):
            self.store("bad", content)
            run = self.run_tool("mask_spread", self.folder)
            self.assertEqual(run.returncode, 1, content)
            self.assertIn("bad.safetensors", run.stderr)
            self.assertNotIn("Traceback", run.stderr)

    def test_a_folder_without_results_is_named(self):
        run = self.run_tool("mask_spread", self.folder / "none")
        self.assertEqual(run.returncode, 1)
        self.assertIn("results-*.json", run.stderr)


class CurveFigureTest(ToolTest):
    # Two epochs of pretrain, three of a descent that passes 40 in its second, two of a fine-tune,
    # and another candidate.
    ROWS = ["1,1,0,1,0,pretrain,,1,2,0.1,0.2,0.1,,100,1,n", "1,1,1,1,0,pretrain,,1,2,0.1,0.3,0.1,,100,1,n",
            "1,2,0,1,0,linearize,,1,2,0.1,0.3,0.1,0.001,100,1,n",
            "1,2,1,1,0,linearize,,1,2,0.1,0.25,0.1,0.01,39,1,n",
            "1,2,2,1,0,linearize,,1,2,0.1,0.2,0.1,0.1,10,1,n",
            "1,3,0,1,0,fine-tune,40,1,2,0.1,0.28,0.1,,40,1,n",
            "1,3,1,1,0,fine-tune,40,1,2,0.1,0.29,0.1,,40,1,n",
            "1,9,0,2,1,pretrain,,1,2,0.1,0.99,0.1,,100,1,n"]

    def curves(self, rows=None, header=HEADER):
        path = self.folder / "epochs.csv"
        path.write_bytes((header + "".join(row + "\r\n" for row in rows or self.ROWS)).encode())
        return path

    def lines(self, *arguments):
        out = self.folder / "out.svg"
        run = self.run_tool("curve_figure", out, "a < b", *arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        drawn = ElementTree.parse(out).getroot().findall(f"{SVG}polyline")
        return [(line.get("stroke"), "stroke-dasharray" in line.attrib,
                 [float(point.split(",")[0]) for point in line.get("points").split()])
                for line in drawn]

    def test_three_panels_and_fine_tunes_where_their_budget_was_passed(self):
        self.curves()
        lines = self.lines(f"run={self.folder}")
        # ReLUs and accuracy: whole and dashed; lambda: the descent alone.
        self.assertEqual([(dashed, len(xs)) for _, dashed, xs in lines],
                         [(False, 5), (True, 2), (False, 3), (False, 5), (True, 2)])
        whole, dashed = lines[0][2], lines[1][2]
        self.assertEqual(dashed, whole[4:] + [2 * whole[4] - whole[3]])

    def test_runs_have_colours_of_their_own(self):
        path = self.curves()
        lines = self.lines(f"a={path}", f"b={self.folder}")
        self.assertEqual(len({colour for colour, _, _ in lines}), 2)

    def test_what_cannot_be_drawn_is_named(self):
        for rows, header, words in (([self.ROWS[0].replace("0.2,", "nan,")], HEADER, "nan"),
                                    (self.ROWS, HEADER.replace("lambda", "l"), "column lambda"),
                                    ([], HEADER, "no epochs")):
            self.curves(rows or [""], header)
            run = self.run_tool("curve_figure", self.folder / "out.svg", "t",
                                f"x={self.folder}")
            self.assertEqual(run.returncode, 1)
            self.assertIn("epochs.csv", run.stderr)
            self.assertIn(words, run.stderr)
        run = self.run_tool("curve_figure", self.folder / "out.svg", "t", "no-equals-sign")
        self.assertEqual(run.returncode, 2)


class ResultsFigureTest(ToolTest):
    HEADER = "rank,name,budget,relus,accuracy_validation,on_front"
    # Two networks, the first with two replicates of one budget.
    ROWS = ["1,a<b,100,100,0.5,false", "2,a<b,100,98,0.7,true", "3,a<b,1000,1000,0.8,false",
            "4,other,1000,990,0.9,true"]

    def run_figure(self, rows, header=HEADER):
        path = self.folder / "results.csv"
        path.write_bytes("".join(line + "\r\n" for line in [header, *rows]).encode())
        return self.run_tool("results_figure", self.folder / "out.svg", "x & y", path)

    def test_a_dot_per_result_and_a_line_of_means_per_network(self):
        run = self.run_figure(self.ROWS)
        self.assertEqual(run.returncode, 0, run.stderr)
        svg = ElementTree.parse(self.folder / "out.svg").getroot()
        dots = [(float(dot.get("cx")), float(dot.get("cy")), dot.get("fill") != "white")
                for dot in svg.iter(f"{SVG}circle")]
        self.assertEqual([filled for _, _, filled in dots], [False, True, False, True])
        lines = [[tuple(map(float, point.split(","))) for point in line.get("points").split()]
                 for line in svg.iter(f"{SVG}polyline")]
        self.assertEqual([len(line) for line in lines], [2, 1])
        # The mean of 50 and 70 % lies half-way between the two dots; more ReLUs are further right,
        # a higher accuracy is further up.
        self.assertAlmostEqual(lines[0][0][1], (dots[0][1] + dots[1][1]) / 2, delta=0.2)
        self.assertGreater(lines[0][1][0], lines[0][0][0])
        self.assertLess(lines[0][1][1], lines[0][0][1])
        self.assertIn("a<b", [text.text for text in svg.iter(f"{SVG}text")])

    def test_what_cannot_be_drawn_is_named(self):
        for rows, header, words in (([], self.HEADER, "no results"),
                                    (self.ROWS, self.HEADER.replace("budget", "b"), "no column budget"),
                                    (["1,a,1,1,many,true"], self.HEADER, "many"),
                                    (["1,a,1,0,0.5,true"], self.HEADER, "0 ReLUs"),
                                    (["1,a,1,1,nan,true"], self.HEADER, "nan")):
            run = self.run_figure(rows, header)
            self.assertEqual(run.returncode, 1)
            self.assertIn(words, run.stderr)
        self.assertEqual(self.run_tool("results_figure").returncode, 2)


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv.pop(1))
    unittest.main()
