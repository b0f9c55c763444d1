#!/usr/bin/env python3
"""The limits, the report and the judgements of tools/gpu_check.d, with stub parts and programs.

Usage: run_test.py ROOT
"""

import contextlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "gpu_check.d"))
import check  # noqa: E402
import job  # noqa: E402
import kernels  # noqa: E402
import processes  # noqa: E402
import speed  # noqa: E402
import training  # noqa: E402


def probe(gpu=None, torch="2.11.0+cu130"):
    found = {"torch": torch, "folder": "/nowhere/torch", "gpu": gpu, "capability": "9.0", "cudnn": 1}
    return f"print({json.dumps(json.dumps(found))})"


def shell(script):
    return ["sh", "-c", script]


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.pack = self.folder / "pack"
        (self.pack / "bin").mkdir(parents=True)
        (self.pack / "pack.json").write_text(
            json.dumps({"commit": "abc", "torch": "2.11.0+cu130", "cuda": "13.0"}))
        self.out = self.folder / "out"
        # main puts its own in their place.
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def run_parts(self, *parts, arguments=(), **machine):
        with mock.patch.object(check, "PROBE", probe(**machine)), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            status = check.main("usage", list(parts), [str(self.out), *arguments], self.pack)
        self.said = said.getvalue()
        self.rows = json.loads((self.out / "results.json").read_text())["rows"]
        self.report = (self.out / "report.md").read_text()
        return status

    def verdicts(self, part):
        return [(row["what"], row["verdict"]) for row in self.rows if row["part"] == part]

    def program(self, name, script):
        path = self.pack / "bin" / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    def test_a_part_that_hangs_or_fails_costs_only_itself(self):
        def hangs(context):
            process = context.command("hangs", shell("sleep 1000"))
            context.row("hangs", process.fate(), "", "FAILED")

        def fails(context):
            raise ValueError("of no use")

        def works(context):
            context.row("works", context.command("works", shell("echo 7")).output().strip())
        status = self.run_parts(check.Part("a", "A", 1.5, hangs), check.Part("b", "B", 60, fails),
                                check.Part("c", "C", None, works))
        self.assertEqual(status, 1)
        self.assertEqual(self.verdicts("a"), [("hangs", "FAILED")])
        self.assertRegex(self.report, r"\| hangs \| stopped after \d+ s, its limit \|")
        self.assertEqual(self.verdicts("b"), [("this part", "FAILED")])
        self.assertIn("ValueError: of no use", self.report)
        self.assertIn("| works | 7 |  | ok |", self.report)

    def wait_for(self, path):
        """What the file says, once it does."""
        deadline = time.monotonic() + 60
        while not path.exists() or not path.read_text():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return path.read_text()

    def test_what_a_program_started_ends_with_its_part(self):
        child = self.folder / "child"
        kept = []

        def leaves(context):
            kept.append(context.background(
                "ignores", shell(f"trap '' TERM; sleep 1000 & echo $! > {child}; wait")))
            self.wait_for(child)
        with mock.patch.object(processes, "PATIENCE_S", 0.2):
            self.run_parts(check.Part("a", "A", 60, leaves))
        self.assertIn("stopped", kept[0].fate())
        stat = pathlib.Path(f"/proc/{child.read_text().strip()}/stat")
        state = stat.read_text().split()[2] if stat.exists() else "gone"
        self.assertIn(state, ("Z", "X", "gone"))

    def test_no_program_begins_after_the_limit(self):
        def slow(context):
            context.command("long", shell("sleep 1000"))
            context.command("late", shell("true"))
        self.run_parts(check.Part("a", "A", 1.2, slow), check.Part("b", "B", None, slow),
                       arguments=["--seconds", "8"])
        self.assertEqual(self.verdicts("a"), [("the rest of this part", "no time left")])
        self.assertFalse(list((self.out / "logs").glob("*-late.txt")))

    def test_a_run_that_is_stopped_leaves_what_it_found(self):
        driver = self.folder / "driver.py"
        driver.write_text(
            "import pathlib, sys\n"
            f"sys.path.insert(0, {str(ROOT / 'tools' / 'gpu_check.d')!r})\n"
            "import check\n"
            f"check.PROBE = {probe()!r}\n"
            "def first(context): context.row('first', 'found')\n"
            "def second(context):\n"
            "    context.command('second', ['sh', '-c', f'echo $$ > {context.out}/begun; exec sleep 1000'])\n"
            "parts = [check.Part('a', 'A', None, first), check.Part('b', 'B', None, second),\n"
            "         check.Part('c', 'C', None, first)]\n"
            f"sys.exit(check.main('', parts, sys.argv[1:], pathlib.Path({str(self.pack)!r})))\n")
        for number, status in ((signal.SIGTERM, 1), (signal.SIGKILL, -9)):
            out = self.folder / number.name
            process = subprocess.Popen([sys.executable, driver, out], stdout=subprocess.DEVNULL)
            self.addCleanup(process.kill)
            program = int(self.wait_for(out / "begun"))
            process.send_signal(number)
            self.assertEqual(process.wait(60), status)
            rows = json.loads((out / "results.json").read_text())["rows"]
            self.assertIn(("a", "first", "found"),
                          [(row["part"], row["what"], row["found"]) for row in rows])
            text = (out / "report.md").read_text()
            self.assertRegex(text, r"## C\n\nNot reached\.")
            if number == signal.SIGTERM:
                self.assertIn("stopped by SIGTERM", text)
            else:
                os.kill(program, signal.SIGKILL)  # nobody was left to end it

    def test_the_machine_stands_first(self):
        self.assertEqual(self.run_parts(check.Part("a", "A", 60, lambda context: None)), 0)
        self.assertEqual(self.verdicts("machine"), [("PyTorch", "ok"), ("GPU", "no GPU")])
        self.assertEqual(self.verdicts("a"), [])

    def test_another_pytorch_is_told(self):
        part = check.Part("a", "A", 60, lambda context: None)
        self.assertEqual(self.run_parts(part, torch="2.10.0"), 1)
        self.assertIn("| PyTorch | 2.10.0 | 2.11.0 | FAILED |", self.report)

    def test_wrong_usage_is_named_before_anything_is_written(self):
        part = check.Part("a", "A", 60, lambda context: None)
        full = self.folder / "full"
        full.mkdir()
        (full / "file").touch()
        for arguments, words in (([], "OUT is missing"), ([str(full)], "is there already"),
                                 ([str(self.out), "--parts", "b"], "found 'b'; allowed: a"),
                                 ([str(self.out), "--resume", str(full)], "no reluscape.db"),
                                 ([str(self.out), "--seconds", "1"], "found 1; allowed: above 5")):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
                check.main("usage", [part], arguments, self.pack)
            self.assertEqual(end.exception.code, 2)
            self.assertIn(words, said.getvalue())
        self.assertFalse(self.out.exists())

    def test_an_earlier_folder_is_gone_on_with(self):
        earlier = self.folder / "earlier"
        earlier.mkdir()
        (earlier / "reluscape.db").touch()
        seen = []
        self.run_parts(check.Part("a", "A", 60, lambda context: seen.append(context.options.resume)),
                       arguments=["--resume", str(earlier)])
        self.assertEqual(seen, [earlier.resolve()])

    def gtest_row(self, results, status, gpu):
        document = {"failures": results.count("FAILED"),
                    "testsuites": [{"testsuite": [{"result": result} for result in results]}]}
        self.program("some_test", f"for word; do case $word in --gtest_output=json:*) cat > "
                     f"${{word#*:}} <<'END'\n{json.dumps(document)}\nEND\n;; esac; done\nexit {status}\n")
        found = []
        self.run_parts(check.Part("a", "A", 60, lambda context: found.append(
            kernels.gtest(context, "some_test", needs_gpu=True)[:2])), gpu=gpu)
        return found[0]

    def test_what_a_gpu_lets_be_skipped_has_not_passed(self):
        self.assertEqual(self.gtest_row(["COMPLETED", "SKIPPED"], 0, None), ("1 passed, 1 skipped", True))
        self.out = self.folder / "with"
        self.assertEqual(self.gtest_row(["COMPLETED", "SKIPPED"], 0, "a GPU"),
                         ("1 passed, 1 skipped", False))
        self.out = self.folder / "failed"
        self.assertEqual(self.gtest_row(["COMPLETED", "COMPLETED"], 9, "a GPU"),
                         ("2 passed; ended with 9", False))


class JudgementTest(unittest.TestCase):
    def test_noise_is_at_least_that_of_drawn_images(self):
        # Equal seeds: sqrt(0.25 / 100 * (1/2 + 1/2)).
        self.assertAlmostEqual(job.standard_error([0.5, 0.5], [0.5, 0.5], 100), 0.05)
        # Seeds that scatter: variances 0.02 and 0.02.
        self.assertAlmostEqual(job.standard_error([0.4, 0.6], [0.4, 0.6], 10**9), 0.02**0.5)

    def verdict(self, ours, theirs):
        class Run:
            def __init__(self, accuracies):
                self.accuracies = accuracies

            def results(self):
                return [{"report": {"budget": 7, "accuracy_validation": accuracy},
                         "provenance": {"validation_images": 10000}} for accuracy in self.accuracies]
        context = mock.Mock()
        job.compare(context, "x", Run(ours), Run(theirs))
        return context.row.call_args.args[3]

    def test_a_difference_within_three_standard_errors_is_noise(self):
        self.assertEqual(self.verdict([0.50, 0.51], [0.51, 0.52]), "ok")
        self.assertEqual(self.verdict([0.50, 0.51], [0.60, 0.61]), "FAILED")

    def test_curves_are_compared_place_by_place(self):
        def row(epoch, loss):
            return {"candidate": "1", "stage": "pretrain", "budget": "", "epoch": epoch, "loss": loss,
                    "relus": 3.0, "validation_accuracy": 0.5}
        one = [row("0", 2.0), row("1", 1.0)]
        self.assertAlmostEqual(training.farthest(one, [row("0", 2.0), row("1", 1.25)]), 0.2)
        self.assertIsNone(training.farthest(one, one[:1]))
        self.assertIsNone(training.farthest([], []))

    def test_the_words_of_a_step_that_is_not_recorded_are_those_of_the_log(self):
        self.assertIn(training.NOT_RECORDED, (ROOT / "worker/torch/step_graph.cc").read_text())

    def test_the_table_of_the_gated_relu_is_read(self):
        # As tests/bench/gated_relu_bench.cc prints it.
        said = ("C x H x W             PReLU ms  gated ms copy GB/s     gated  of copy\n"
                "  64x 32x 32  forward      2.120     2.090      10.0       9.0       90%\n"
                " 512x  4x  4  backward     3.680     0.770      10.0       4.7       47%\n")
        self.assertEqual(speed.GATED_LINE.findall(said),
                         [("64", "32", "forward", "90"), ("512", "4", "backward", "47")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
