#!/usr/bin/env python3
"""Jobs through the real programs: coordinator, LibTorch workers, database, client, HTTP.

Usage: job_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import random
import struct
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
import zlib

from installation import Installation, small_job

BIN_DIR = ""


def write_png(path, side, pixel):
    """A PNG of side x side RGB pixels; pixel(x, y) -> (r, g, b)."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(side)) for y in range(side))

    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body +
                struct.pack(">I", zlib.crc32(kind + body)))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_image_folder(root, side=16, train=40, test=10):
    """Three classes that differ in colour and direction, as an image folder."""
    rng = random.Random(1)
    for part, count in (("train", train), ("test", test)):
        for index, name in enumerate(("across", "down", "diagonal")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                phase = rng.randrange(8)

                def pixel(x, y, index=index, phase=phase):
                    stripe = (x, y, x + y)[index] + phase
                    value = 200 if stripe % 8 < 4 else 40
                    return tuple(min(255, value + rng.randrange(40)) for _ in range(3))

                write_png(folder / f"{number:03d}.png", side, pixel)


class JobTest(unittest.TestCase):
    def setUp(self):
        self.here = self.enterContext(Installation(BIN_DIR, lease_seconds=10))
        self.here.start_server()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.here.http_port}{path}",
                                    timeout=10) as answer:
            return json.load(answer)

    def run_job(self, job, *worker_flags):
        self.here.start_worker("w", *worker_flags)
        number = self.here.submit(job)
        detail = self.here.wait_for_job(number)
        self.assertEqual(detail["job"]["state"], "FINISHED", detail)
        return number, detail

    def test_a_job_leaves_results_that_say_how_they_were_measured(self):
        number, detail = self.run_job(small_job())
        candidate = detail["candidates"][0]
        found = self.here.results(number)["results"]
        self.assertEqual(sorted(result["report"]["budget"] for result in found),
                         sorted(candidate["budgets"]))
        for result in found:
            report = result["report"]
            self.assertEqual(report["relus"], report["budget"])
            self.assertEqual(sum(layer["kept"] for layer in report["layers"]), report["relus"])
            self.assertEqual(sum(layer["units"] for layer in report["layers"]),
                             candidate["relus"])
            for accuracy in ("accuracy_soft", "accuracy_trimmed", "accuracy_validation"):
                self.assertTrue(0 <= report[accuracy] <= 1)
            self.assertAlmostEqual(result["costs"]["papers.online_s"]["value"], 21.5e-6 * report["relus"])
            provenance = result["provenance"]
            self.assertEqual(len(provenance["data_hash"]), 64)
            self.assertEqual(len(provenance["split_hash"]), 64)
            self.assertEqual((provenance["train_images"], provenance["validation_images"],
                              provenance["test_images"]), (200, 100, 100))
            self.assertTrue(provenance["torch_version"])
            self.assertTrue(provenance["build_commit"])
            for stage in ("pretrain", "linearize", "fine_tune"):
                self.assertGreater(result["seconds"][stage], 0)
                self.assertGreater(result["seeds"][stage], 0)
        # The gateway serves the same document.
        self.assertEqual(self.get(f"/api/jobs/{number}/results")["results"], found)
        # What is on the front is what the stored results say, by the views too.
        view = self.here.sql("SELECT count(*) AS n FROM front_v WHERE job = ?", number)
        self.assertEqual(view[0]["n"], sum(result["on_front"] for result in found))

    def test_the_test_set_stays_sealed_until_it_is_unsealed(self):
        number, detail = self.run_job(small_job(budgets={"fractions": [0.5]}))
        candidate = detail["candidates"][0]["candidate"]
        out = pathlib.Path(self.here.folder.name) / "export"
        result = self.here.results(number)["results"][0]
        self.here.client("export", number, result["result"], "--out", out)
        sealed = json.dumps([self.here.results(number), self.here.job(number),
                             self.get(f"/api/candidates/{candidate}"),
                             self.here.sql("SELECT * FROM results_v"),
                             json.loads((out / "result.json").read_text())])
        self.assertIsNone(result["accuracy_test"])
        self.here.client("unseal", number)
        opened = self.here.results(number)["results"][0]["accuracy_test"]
        self.assertTrue(0 <= opened <= 1)
        self.assertIsNotNone(self.here.job(number)["job"]["unsealed_at_ms"])
        # 100 test images make every accuracy a multiple of 0.01: look for the field, not the value.
        for text in sealed.split('"accuracy_test": ')[1:]:
            self.assertTrue(text.startswith("null"), text[:40])
        # What was exported is the artifact, and it says which network it is.
        header = (out / "weights.safetensors").read_bytes()
        length = struct.unpack("<Q", header[:8])[0]
        tensors = json.loads(header[8:8 + length])
        masks = [name for name in tensors if name.endswith(".mask")]
        self.assertEqual(len(masks), len(result["report"]["layers"]))
        begin = 8 + length
        kept = sum(sum(header[begin + tensors[name]["data_offsets"][0]:
                              begin + tensors[name]["data_offsets"][1]]) for name in masks)
        self.assertEqual(kept, result["report"]["relus"])
        self.assertEqual(json.loads((out / "architecture.json").read_text())["network"],
                         result["network"])

    def test_runs_repeat(self):
        first, _ = self.run_job(small_job())
        second = self.here.submit(small_job())
        self.here.wait_for_job(second)

        def numbers(job):
            return [r["report"] for r in self.here.results(job)["results"]]

        self.assertEqual(numbers(first), numbers(second))

    def test_an_undisturbed_run_and_a_resumed_one_agree(self):
        first, _ = self.run_job(small_job(), "--checkpoint-seconds", "0", "--threads", "1")
        self.here.kill(self.here.workers[-1])
        dying = self.here.start_worker("dying", "--checkpoint-seconds", "0", "--threads", "1",
                                       kill_at="worker.mid_epoch@6")
        second = self.here.submit(small_job())
        self.here.wait_killed(dying)
        self.here.start_worker("heir", "--checkpoint-seconds", "0", "--threads", "1")
        self.here.wait_for_job(second)

        def artifacts(job):
            return [r["report"]["artifact"] for r in self.here.results(job)["results"]]

        self.assertEqual(artifacts(first), artifacts(second))

    def test_budgets_are_added_to_a_job_that_has_ended(self):
        both, _ = self.run_job(small_job(), "--threads", "1")
        number = self.here.submit(small_job(budgets={"fractions": [0.5]}))
        running = self.here.client("add-budgets", number, "--fractions", "0.1", check=False)
        self.assertEqual(running.returncode, 6, running.stderr)
        self.assertIn("add more once it has ended", running.stderr)
        self.here.wait_for_job(number)
        passed = self.here.client("add-budgets", number, "--relus", "20000", check=False)
        self.assertEqual(passed.returncode, 3, passed.stderr)
        self.assertIn("does not go back to larger counts", passed.stderr)
        answer = self.here.client_json("add-budgets", number, "--fractions", "0.1")
        self.assertEqual((answer["added"], answer["job"]["state"]), (1, "RUNNING"))
        detail = self.here.wait_for_job(number)
        self.assertEqual(detail["job"]["state"], "FINISHED", detail)
        self.assertEqual(json.loads(detail["spec_json"])["budgets"]["fractions"], [0.5, 0.1])
        # The same again changes nothing.
        again = self.here.client("add-budgets", number, "--fractions", "0.1")
        self.assertIn("nothing was added", again.stdout)
        self.assertEqual(self.here.client("add-budgets", number, check=False).returncode, 3)

        def numbers(job):
            return [r["report"] for r in self.here.results(job)["results"]]

        def curve(job):
            return self.here.sql("SELECT epoch, loss, train_accuracy, lambda, relus "
                                 "FROM learning_curves_v WHERE job = ? AND stage = 'linearize' "
                                 "ORDER BY epoch", job)

        # What both budgets from the start came to: the descent went on from its last state.
        self.assertEqual(numbers(number), numbers(both))
        self.assertEqual(curve(number), curve(both))
        attempts = {task["stage"]: task["attempt"] for task in detail["candidates"][0]["tasks"]}
        self.assertEqual((attempts["pretrain"], attempts["linearize"]), (1, 2))

    def test_a_fine_tune_starts_before_the_descent_ends(self):
        self.here.start_worker("a", "--threads", "1")
        self.here.start_worker("b", "--threads", "1")
        job = small_job(budgets={"fractions": [0.9, 0.02]})
        # A gentle descent: with a large lambda all masks cross the threshold in the same steps.
        job["stages"]["linearize"].update({"lambda": 0.0005, "check_interval_steps": 2})
        number = self.here.submit(job)
        self.here.wait_for_job(number)
        times = {}
        for row in self.here.sql(
                "SELECT e.kind, e.at_ms, t.stage FROM events e JOIN tasks t ON t.task_id = e.task_id "
                "WHERE e.kind IN ('task.leased', 'task.succeeded') ORDER BY e.event_id"):
            times.setdefault((row["kind"], row["stage"]), row["at_ms"])
        self.assertLess(times["task.leased", "fine-tune"], times["task.succeeded", "linearize"])

    def test_an_image_folder_is_trained_on(self):
        with tempfile.TemporaryDirectory() as folder:
            write_image_folder(pathlib.Path(folder))
            job = small_job(data={"set": "stripes", "classes": 3, "side": 16},
                            budgets={"relus": [500]})
            number, _ = self.run_job(job, "--data", f"stripes={folder}")
        result = self.here.results(number)["results"][0]
        self.assertEqual(result["provenance"]["validation_images"], 12)
        self.assertEqual(result["report"]["relus"], 500)

    def test_a_broken_image_keeps_the_job_waiting_and_names_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            write_image_folder(pathlib.Path(folder))
            broken = pathlib.Path(folder) / "train" / "down" / "003.png"
            whole = broken.read_bytes()
            broken.write_bytes(whole[:60])
            self.here.start_worker("w", "--data", f"stripes={folder}")
            number = self.here.submit(small_job(data={"set": "stripes", "classes": 3, "side": 16},
                                                budgets={"relus": [500]}))
            self.here.wait_for(
                lambda: "down/003.png" in self.here.job(number)["job"]["message"],
                "the file is named")
            broken.write_bytes(whole)
            detail = self.here.wait_for_job(number)
        self.assertEqual(detail["job"]["state"], "FINISHED")
        self.assertEqual({t["attempt"] for t in detail["candidates"][0]["tasks"]}, {1})

    def test_a_descent_that_cannot_end_fails_and_says_how_far_it_came(self):
        job = small_job()
        job["stages"]["linearize"] = {"max_epochs": 2, "lambda": 1e-9, "batch": 50}
        self.here.start_worker("w")
        number = self.here.submit(job)
        detail = self.here.wait_for_job(number)
        failed = [t for t in detail["candidates"][0]["tasks"] if t["state"] == "FAILED"]
        self.assertEqual([t["stage"] for t in failed], ["linearize"])
        self.assertIn("INFEASIBLE: linearize ended after max_epochs = 2", failed[0]["message"])
        self.assertIn("21504 ReLUs", failed[0]["message"])

    def test_validate_only_writes_nothing_and_every_error_is_told_at_once(self):
        path = pathlib.Path(self.here.folder.name) / "job.json"
        path.write_text(json.dumps(small_job()))
        preview = self.here.client_json("submit", path, "--validate-only")["preview"]
        self.assertEqual(preview["tasks"], {"pretrain": 1, "linearize": 1, "fine-tune": 2})
        self.assertEqual(preview["networks"][0]["relus"], 2 * 3 * 2 * (1024 + 2 * 256 + 4 * 64))
        self.assertEqual(self.get("/api/jobs")["jobs"], [])
        bad = small_job(seed=-1, budgets={"relus": [10**9]}, colour="red")
        bad["stages"]["pretrain"]["batch"] = 0
        path.write_text(json.dumps(bad))
        answer = self.here.client("submit", path, check=False)
        self.assertEqual(answer.returncode, 3)
        for field in ("seed", "colour", "stages.pretrain.batch"):
            self.assertIn(field, answer.stderr)
        self.assertEqual(self.get("/api/jobs")["jobs"], [])

    def test_cancel_ends_a_job_and_unknown_ids_are_told(self):
        self.here.start_worker("w")
        job = small_job()
        job["stages"]["pretrain"]["epochs"] = 10_000
        job["stages"]["pretrain"]["schedule"] = "constant"
        number = self.here.submit(job)
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM learning_curves_v"), "an epoch")
        self.here.client("cancel", number)
        self.assertEqual(self.here.wait_for_job(number)["job"]["state"], "CANCELLED")
        self.here.wait_for(
            lambda: not self.here.client_json("workers")["workers"][0]["tasks"], "the worker is free")
        self.assertEqual(self.here.client("show", 99, check=False).returncode, 4)
        with self.assertRaises(urllib.error.HTTPError) as error:
            self.get("/api/jobs/99")
        self.assertEqual(error.exception.code, 404)

    def test_a_worker_with_another_artifact_folder_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "reluscape-artifacts.id").write_text("another installation")
            worker = self.here.start_worker("w", artifact_dir=folder)
            self.assertEqual(worker.wait(30), 8)  # unfit: docs/cli.md
        self.assertIn("another installation", (self.here.data / "w.log").read_text())


if __name__ == "__main__":
    BIN_DIR = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
