#!/usr/bin/env python3
"""Runs reluscape-train on tiny jobs: its folder, its refusals, and that a kill changes nothing.

Usage: train_test.py PROGRAM [unittest arguments]
"""

import contextlib
import csv
import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import require_fault_points  # noqa: E402

PROGRAM = ""
ALWAYS = ("--checkpoint-seconds", "0", "--threads", "1")


def tiny_job(**changes):
    """Two seconds of one core or so: one small network, two budgets, synthetic images."""
    job = {
        "name": "tiny",
        "data": {"set": "synthetic", "train_images": 60, "validation_images": 40,
                 "test_images": 40},
        "candidates": {"networks": ["resnet20@2"]},
        "budgets": {"fractions": [0.6, 0.3]},
        "stages": {
            "pretrain": {"epochs": 2, "batch": 20, "learning_rate": 0.05},
            "linearize": {"batch": 10, "max_epochs": 100, "mask_learning_rate": 0.02,
                          "lambda": 0.02, "lambda_growth_per_epoch": 1.2},
            "fine_tune": {"epochs": 2, "batch": 20},
        },
        "seed": 7,
    }
    job.update(changes)
    return job


def polynomials(result):
    return sum(layer["polynomials"] for layer in result["report"]["layers"])


class Folder:
    """A job file and the data folder that reluscape-train makes of it."""

    def __init__(self, test, job=None):
        self.root = pathlib.Path(test.enterContext(
            tempfile.TemporaryDirectory(prefix="reluscape-train-")))
        self.out = self.root / "out"
        self.write(tiny_job() if job is None else job)

    def write(self, job):
        (self.root / "job.json").write_text(job if isinstance(job, str) else json.dumps(job))

    def command(self, *flags):
        return [PROGRAM, str(self.root / "job.json"), "--out", str(self.out), *flags]

    def run(self, *flags, kill_at=""):
        if kill_at:
            require_fault_points(PROGRAM)
        return subprocess.run(self.command(*flags), capture_output=True, text=True, timeout=300,
                              env=dict(os.environ, RELUSCAPE_KILL_AT=kill_at))

    def job(self, number=1):
        return json.loads((self.out / f"job-{number}.json").read_text())

    def results(self, number=1):
        return json.loads((self.out / f"results-{number}.json").read_text())["results"]

    def sql(self, query, *values):
        database = sqlite3.connect(f"file:{self.out / 'reluscape.db'}?mode=ro", uri=True)
        with contextlib.closing(database):
            return database.execute(query, values).fetchall()

    def epochs(self):
        with open(self.out / "epochs.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def essence(self):
        """All that must not depend on interruptions: numbers, masks and weights by their hashes."""
        results = []
        for result in self.results():
            for key in ("seconds", "attempt", "created_at_ms"):
                del result[key]
            results.append(result)
        epochs = [{key: value for key, value in row.items() if key not in ("attempt", "seconds")}
                  for row in self.epochs()]
        return results, epochs


class TrainTest(unittest.TestCase):
    reference = None  # what an undisturbed start comes to

    def undisturbed(self):
        if TrainTest.reference is None:
            folder = Folder(self)
            run = folder.run(*ALWAYS)
            self.assertEqual(run.returncode, 0, run.stderr)
            TrainTest.reference = folder.essence()
            self.check_folder(folder, run)
        return TrainTest.reference

    def check_folder(self, folder, run):
        """Everything that the program says and leaves of a job that has finished."""
        self.assertIn("2 results", run.stdout)
        self.assertIn("sealed until `--unseal`", run.stdout)
        self.assertNotIn("test %", run.stdout)
        self.assertIn("begins job 1", run.stderr)
        self.assertIn("pretrain done, epoch 2 of 2", run.stderr)
        self.assertEqual(folder.job()["job"]["state"], "FINISHED")
        results = folder.results()
        self.assertEqual(len(results), 2)
        self.assertTrue(any(result["on_front"] for result in results))
        for result in results:
            self.assertIsNone(result["accuracy_test"])
            self.assertEqual(sum(layer["kept"] for layer in result["report"]["layers"]), result["report"]["relus"])
            self.assertEqual(result["report"]["relus"], result["report"]["budget"])
            images, correct = (sum(one[key] for one in result["report"]["classes"])
                               for key in ("images", "correct"))
            self.assertEqual(images, result["provenance"]["validation_images"])
            self.assertAlmostEqual(correct / images, result["report"]["accuracy_validation"])
            self.assertEqual(len({one["name"] for one in result["report"]["classes"]}),
                             len(result["report"]["classes"]))
            self.assertEqual(result["provenance"]["threads"], 1)
            own = next((folder.out / "results").glob(f"{result['result']:03d}-*"))
            weights = (own / "weights.safetensors").read_bytes()
            self.assertEqual(hashlib.sha256(weights).hexdigest(), result["report"]["artifact"]["sha256"])
            self.assertEqual(json.loads((own / "result.json").read_text()), result)
            architecture = json.loads((own / "architecture.json").read_text())
            self.assertEqual(architecture["network"], result["network"])
        job = json.loads(folder.job()["spec_json"])
        self.assertEqual(job["stages"]["fine_tune"]["epochs"], 2)
        self.assertIn("momentum", job["stages"]["pretrain"])  # a default, filled in
        stages = [row["stage"] for row in folder.epochs()]
        self.assertEqual(stages.count("pretrain"), 2)
        self.assertEqual(stages.count("fine-tune"), 4)
        self.assertEqual({row["job"] for row in folder.epochs()}, {"1"})
        self.assertEqual(folder.sql("SELECT count(*) FROM front_v WHERE job = 1")[0][0],
                         sum(result["on_front"] for result in results))

    def test_killed_at_many_moments_it_ends_with_the_same_results(self):
        expected = self.undisturbed()
        folder = Folder(self)
        kills = 0
        for moment in ("worker.mid_epoch@1", "coordinator.before_commit@1",
                       "coordinator.after_commit@1", "worker.mid_epoch@2", "train.before_export@2",
                       "worker.mid_epoch@3", "worker.after_report@1", "coordinator.before_commit@1",
                       "worker.mid_epoch@2", "train.before_export@1",
                       "coordinator.after_commit@1"):
            run = folder.run(*ALWAYS, kill_at=moment)
            if run.returncode == 0:
                break
            self.assertEqual(run.returncode, -signal.SIGKILL, f"{moment}: {run.stderr}")
            kills += 1
        self.assertGreaterEqual(kills, 6)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(folder.essence(), expected)
        self.assertEqual(folder.sql("SELECT * FROM lost_attempts"), [])
        self.assertEqual(folder.sql("SELECT * FROM events WHERE kind = 'lease.expired'"), [])
        self.assertEqual({path.stem for path in folder.out.glob("artifacts/*/*")},
                         {sha for (sha,) in folder.sql("SELECT sha256 FROM artifacts")})
        leftovers = [path.name for path in folder.out.rglob("*.part*")]
        self.assertEqual(leftovers, [])

    def test_removed_relus_become_polynomials_that_are_counted_priced_and_exported(self):
        # Six layers: polynomials of polynomials through many layers may diverge, as users are told.
        job = tiny_job(candidates={
            "networks": ["basic:side=32:classes=10:m=2:blocks=1x1x1:multipliers=2x2"]})
        identity = Folder(self, job)
        self.assertEqual(identity.run(*ALWAYS).returncode, 0)
        job = json.loads(json.dumps(job))
        job["stages"]["linearize"]["replacement"] = "polynomial"
        folder = Folder(self, job)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("polynomials", run.stdout)
        units = folder.job()["candidates"][0]["relus"]
        costs = {result["report"]["budget"]: result["costs"] for result in identity.results()}
        for result in folder.results():
            self.assertEqual(polynomials(result), units - result["report"]["relus"])
            for layer in result["report"]["layers"]:
                self.assertEqual(layer["polynomials"], layer["units"] - layer["kept"])
                if layer["polynomials"] > 0:
                    self.assertLess(layer["input_min"], layer["input_max"])
            for metric in ("delphi_server_garbler.online_s@wan", "cheetah.online_bytes@lan",
                           "spu_semi2k.online_bytes@lan"):
                if metric in result["costs"]:
                    self.assertGreater(result["costs"][metric]["value"],
                                       costs[result["report"]["budget"]][metric]["value"])
            self.assertIn("delphi_server_garbler.online_s@wan", result["costs"])
            own = next((folder.out / "results").glob(f"{result['result']:03d}-*"))
            header = (own / "weights.safetensors").read_bytes()
            length = int.from_bytes(header[:8], "little")
            tensors = json.loads(header[8:8 + length])
            self.assertEqual(tensors["__metadata__"]["polynomials"], str(polynomials(result)))
            for layer in result["report"]["layers"]:
                self.assertEqual(tensors[layer["layer"] + ".polynomial"]["shape"][0], 3)

        # Killed and started again, it ends the same, bit for bit.
        again = Folder(self, job)
        kills = 0
        for moment in ("worker.mid_epoch@3", "coordinator.after_commit@1", "worker.mid_epoch@6",
                       "coordinator.before_commit@1"):
            run = again.run(*ALWAYS, kill_at=moment)
            if run.returncode == 0:
                break
            self.assertEqual(run.returncode, -signal.SIGKILL, f"{moment}: {run.stderr}")
            kills += 1
        self.assertGreaterEqual(kills, 2)
        self.assertEqual(again.run(*ALWAYS).returncode, 0)
        self.assertEqual(again.essence(), folder.essence())

    def test_polynomials_that_blow_up_are_said_to_have_diverged(self):
        job = tiny_job()
        job["stages"]["linearize"].update(replacement="polynomial", weight_learning_rate=1e9)
        folder = Folder(self, job)
        run = folder.run(*ALWAYS)
        self.assertNotEqual(run.returncode, 0)
        message = folder.job()["job"]["message"]
        self.assertIn("DIVERGED", message)
        self.assertIn("range_penalty", message)

    def test_ctrl_c_ends_it_within_five_seconds_and_the_same_command_goes_on(self):
        expected = self.undisturbed()
        folder = Folder(self)
        process = subprocess.Popen(folder.command(*ALWAYS), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while len(folder.epochs() if (folder.out / "epochs.csv").exists() else []) < 3:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll(), "ended before it could be stopped")
            time.sleep(0.02)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=30)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(process.returncode, 130, text)
        self.assertIn("the same command goes on", text)
        self.assertEqual(folder.job()["job"]["state"], "RUNNING")
        self.assertEqual(folder.sql("SELECT count(*) FROM tasks WHERE state = 'LEASED'")[0][0], 0)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("goes on with job 1", run.stderr)
        self.assertIn(", attempt 2)", run.stderr)
        self.assertEqual(folder.sql("SELECT * FROM lost_attempts"), [])
        self.assertEqual(folder.essence(), expected)

    def test_a_folder_takes_several_jobs(self):
        folder = Folder(self)
        folder.run(*ALWAYS, kill_at="worker.mid_epoch@1")
        job = tiny_job(seed=8)
        job["stages"]["pretrain"]["epochs"] = 1
        folder.write(job)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("begins job 2", run.stderr)
        self.assertEqual(len(folder.results(2)), 2)
        # The first one waits for its own command, of which nothing but the numbers is another.
        self.assertEqual(folder.sql("SELECT state FROM jobs"), [("RUNNING",), ("FINISHED",)])
        expected, _ = self.undisturbed()
        folder.write(tiny_job())
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("goes on with job 1", run.stderr)
        keys = ("name", "report", "seeds")
        self.assertEqual([[one[key] for key in keys] for one in folder.results(1)],
                         [[one[key] for key in keys] for one in expected])
        rows = folder.epochs()
        self.assertEqual([sum(row["job"] == job for row in rows if row["stage"] == "pretrain")
                          for job in ("1", "2")], [2, 1])
        self.assertEqual(len(list((folder.out / "results").iterdir())), 4)

    def test_two_processes_do_not_share_a_folder(self):
        folder = Folder(self)
        process = subprocess.Popen(folder.command(*ALWAYS), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not (folder.out / "job-1.json").exists():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 6, run.stderr)
        self.assertIn("another coordinator uses this database", run.stderr)

    def test_an_order_of_criticality_is_measured_and_followed_in_one_folder(self):
        folder = Folder(self, {
            "name": "order", "kind": "criticality", "data": tiny_job()["data"],
            "candidates": {"networks": ["resnet18@2"]},
            "stages": {"pretrain": {"epochs": 1, "batch": 20}}})
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        order = folder.job()["criticality"][0]["order"]
        self.assertIn(f"order {','.join(map(str, order))}", run.stdout)
        job = tiny_job(candidates={"deepreduce": [
            {"backbone": "resnet18@2", "max_culled": 1, "channel_scales": [1],
             "order_from_job": 1}]})
        del job["budgets"]
        job["stages"] = {"pretrain": {"epochs": 1, "batch": 20}}
        folder.write(job)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("begins job 2", run.stderr)
        origins = {origin for (origin,) in folder.sql(
            "SELECT origin FROM candidates WHERE job_id = 2 AND role = 'whole'")}
        self.assertTrue(origins)
        for origin in origins:
            self.assertIn("job 1", origin)
        # What only another folder has is refused.
        job["candidates"]["deepreduce"][0]["order_from_job"] = 9
        folder.write(job)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 3, run.stderr)
        self.assertIn("order_from_job", run.stderr)

    def test_images_that_cannot_be_used_end_it_with_the_reason_until_they_are_mended(self):
        folder = Folder(self, tiny_job(data={"set": "cifar10", "train_images": 60,
                                             "validation_images": 40, "test_images": 40}))
        data = ("--data", f"cifar10={folder.root / 'images'}")
        begin = time.monotonic()
        run = folder.run(*ALWAYS, *data)
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(run.returncode, 6, run.stderr)
        self.assertIn("it cannot use data set cifar10: ", run.stderr)
        self.assertIn("the same command goes on when this is mended", run.stderr)
        again = folder.run(*ALWAYS, *data)
        self.assertEqual(again.returncode, 6, again.stderr)
        self.assertIn("goes on with job 1", again.stderr)
        self.assertEqual(folder.sql("SELECT * FROM lost_attempts"), [])

    def with_and_without_later_budgets(self, linearize, fractions, later):
        """What a job comes to that gets `later` when it has ended, and one that has all at once."""
        job = tiny_job(budgets={"fractions": fractions})
        job["stages"]["linearize"].update(linearize)
        added = Folder(self, job)
        self.assertEqual(added.run(*ALWAYS).returncode, 0)
        for more in later:
            job["budgets"]["fractions"] = [*job["budgets"]["fractions"], more]
            added.write(job)
            run = added.run(*ALWAYS)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertNotIn("leased task 1 ", run.stderr)
            self.assertIn("goes on with job 1", run.stderr)
            self.assertIn("gets 1 budget more", run.stderr)
        at_once = Folder(self, job)
        self.assertEqual(at_once.run(*ALWAYS).returncode, 0)
        return added.essence(), at_once.essence()

    def test_budgets_added_later_come_to_what_all_at_once_come_to(self):
        # The descent ends with an epoch; within one; and the added budget was passed by the very
        # comparison that ended it.
        for linearize, fractions, later in (({}, [0.6], [0.3]),
                                            ({"check_interval_steps": 2}, [0.6], [0.4, 0.2]),
                                            ({"mask_learning_rate": 0.1}, [0.6], [0.59])):
            with self.subTest(linearize=linearize):
                added, at_once = self.with_and_without_later_budgets(linearize, fractions, later)
                self.assertEqual(len(added[0]), 1 + len(later))
                self.assertEqual(added, at_once)

    def test_every_method_takes_budgets_later(self):
        for linearize, fractions, later in (
                ({"method": "autorep", "density_weight": 500, "mask_learning_rate": 0.05}, [0.6],
                 [0.5]),
                ({"method": "senet", "planned_epochs": 2}, [0.6], [0.3]),
                ({"method": "magnitude"}, [0.3], [0.6])):
            with self.subTest(linearize=linearize):
                added, at_once = self.with_and_without_later_budgets(linearize, fractions, later)
                self.assertEqual(len(added[0]), 2)
                if linearize["method"] == "autorep":
                    continue  # its pull depends on the smallest budget that it knows
                self.assertEqual(sorted(result["report"]["artifact"]["sha256"] for result in added[0]),
                                 sorted(result["report"]["artifact"]["sha256"] for result in at_once[0]))

    def test_budgets_that_a_descent_has_passed_are_refused(self):
        folder = Folder(self, tiny_job(budgets={"fractions": [0.3]}))
        self.assertEqual(folder.run(*ALWAYS).returncode, 0)
        before = folder.essence()
        folder.write(tiny_job(budgets={"fractions": [0.3, 0.6]}))
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 3, run.stderr)
        self.assertIn("budgets: found 12902 for resnet20@2 (candidate 1); allowed: 1 to 6450",
                      run.stderr)
        folder.write(tiny_job(budgets={"fractions": [0.3]}))
        self.assertEqual(folder.run(*ALWAYS).returncode, 0)
        self.assertEqual(folder.essence(), before)

    def test_wrong_input_is_refused_before_anything_is_written(self):
        folder = Folder(self, tiny_job(budgets={"relus": [10**9]}, objectives=["beauty"]))
        run = folder.run()
        self.assertEqual(run.returncode, 3, run.stderr)
        self.assertIn("objectives[0]: found \"beauty\"", run.stderr)
        folder.write(tiny_job(budgets={"relus": [10**9]}))
        self.assertIn("budgets.relus[0]: found 1000000000", folder.run().stderr)
        job = tiny_job()
        job["stages"]["linearize"].update(method="senet", layer_shares=[1, 2, 3])
        folder.write(job)
        run = folder.run()
        self.assertEqual(run.returncode, 3, run.stderr)
        self.assertIn("stages.linearize.layer_shares: found 3 entries; allowed: none, or 18, one "
                      "for each ReLU layer of resnet20@2", run.stderr)
        folder.write(tiny_job(data={"set": "cifar10"}))
        run = folder.run()
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn("--data cifar10=PATH", run.stderr)
        self.assertEqual(folder.run("--device", "abacus").returncode, 2)
        self.assertEqual(folder.run("--data", "nonsense").returncode, 2)
        self.assertFalse(folder.out.exists())
        (folder.root / "job.json").unlink()
        self.assertEqual(folder.run().returncode, 4)
        folder.write(tiny_job())
        folder.out.mkdir()
        (folder.out / "thesis.tex").write_text("x")
        run = folder.run()
        self.assertEqual(run.returncode, 6, run.stderr)
        self.assertEqual([path.name for path in folder.out.iterdir()],
                         ["thesis.tex"])

    def test_a_descent_that_does_not_arrive_is_reported(self):
        job = tiny_job()
        job["stages"]["linearize"] = {"batch": 10, "max_epochs": 1, "lambda": 1e-9}
        folder = Folder(self, job)
        run = folder.run(*ALWAYS)
        self.assertEqual(run.returncode, 7, run.stderr)
        self.assertIn("INFEASIBLE", run.stderr)
        document = folder.job()
        self.assertEqual(document["job"]["state"], "FAILED")
        self.assertIn("job-1.json says which failed", run.stderr)
        tasks = document["candidates"][0]["tasks"]
        self.assertEqual([task["state"] for task in tasks],
                         ["SUCCEEDED", "FAILED", "CANCELLED", "CANCELLED"])
        self.assertIn("INFEASIBLE", tasks[1]["message"])
        # Nothing is left to do, and nothing is tried again.
        again = folder.run(*ALWAYS)
        self.assertEqual(again.returncode, 7, again.stderr)
        self.assertNotIn("leased", again.stderr)

    def test_unsealing_is_recorded_and_stays(self):
        folder = Folder(self, tiny_job(budgets={"fractions": [0.6]}))
        self.assertEqual(folder.run(*ALWAYS).returncode, 0)
        self.assertIsNone(folder.job()["job"]["unsealed_at_ms"])
        run = folder.run("--unseal", *ALWAYS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("test %", run.stdout)
        since = folder.job()["job"]["unsealed_at_ms"]
        self.assertAlmostEqual(since / 1000, time.time(), delta=120)
        results = folder.results()
        self.assertGreaterEqual(results[0]["accuracy_test"], 0)
        self.assertEqual(folder.run(*ALWAYS).returncode, 0)
        self.assertEqual(folder.job()["job"]["unsealed_at_ms"], since)
        self.assertEqual(folder.results(), results)


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
