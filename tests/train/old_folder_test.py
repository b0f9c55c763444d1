#!/usr/bin/env python3
"""A data folder of the first version opens in this one, and a job in it goes on.

The folder is tests/train/folder_1: the job file, the artifacts, and the database as SQL text.

Usage: old_folder_test.py PROGRAM [unittest arguments]
       old_folder_test.py PROGRAM --make   make the folder anew: only before a version is released
"""

import contextlib
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""
FIXTURE = pathlib.Path(__file__).parent / "folder_1"
JOB = {
    "name": "first version",
    "data": {"set": "synthetic", "train_images": 60, "validation_images": 40, "test_images": 40},
    "candidates": {"networks": ["resnet20@1"]},
    "budgets": {"fractions": [0.6]},
    "stages": {
        "pretrain": {"epochs": 2, "batch": 20, "learning_rate": 0.05, "schedule": "one_cycle"},
        "linearize": {"batch": 10, "max_epochs": 100, "mask_learning_rate": 0.02, "lambda": 0.02,
                      "lambda_growth_per_epoch": 1.2},
        "fine_tune": {"epochs": 2, "batch": 20},
    },
    "objectives": ["relus", "cheetah.online_s@wan"],
    "limits": {"costs": ["papers.online_s <= 10"]},
    "seed": 7,
}


def train(job, out):
    return subprocess.run([PROGRAM, str(job), "--out", str(out), "--threads", "1"],
                          capture_output=True, text=True, timeout=300)


def make():
    """Writes FIXTURE as this version leaves it."""
    with tempfile.TemporaryDirectory() as root:
        out = pathlib.Path(root) / "out"
        job = pathlib.Path(root) / "job.json"
        job.write_text(json.dumps(JOB, indent=2) + "\n")
        run = train(job, out)
        assert run.returncode == 0, run.stderr
        shutil.rmtree(FIXTURE, ignore_errors=True)
        FIXTURE.mkdir()
        shutil.copy(job, FIXTURE / "job.json")
        shutil.copytree(out / "artifacts", FIXTURE / "artifacts")
        with contextlib.closing(sqlite3.connect(out / "reluscape.db")) as database:
            lines = [f"PRAGMA {name} = {database.execute(f'PRAGMA {name}').fetchone()[0]};"
                     for name in ("application_id", "user_version")]
            # Views are no part of a version: every start makes them anew.
            lines += [line for line in database.iterdump() if not line.startswith("CREATE VIEW")]
        (FIXTURE / "database.sql").write_text("\n".join(lines) + "\n")


class OldFolderTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.out = self.root / "out"
        shutil.copytree(FIXTURE / "artifacts", self.out / "artifacts")
        with contextlib.closing(sqlite3.connect(self.out / "reluscape.db")) as database:
            database.executescript((FIXTURE / "database.sql").read_text())

    def sql(self, query):
        with contextlib.closing(sqlite3.connect(self.out / "reluscape.db")) as database:
            return database.execute(query).fetchall()

    def results(self):
        return self.sql("SELECT budget, relus, accuracy_validation, artifact_sha256, recipe"
                        " FROM results_v ORDER BY relus DESC")

    def test_a_job_that_has_ended_is_shown_as_it_was(self):
        stored = self.sql("SELECT budget, relus, accuracy_validation, artifact_sha256"
                          " FROM results ORDER BY relus DESC")
        epochs = self.sql("SELECT count(*) FROM stage_progress")
        self.assertEqual(len(stored), 1)
        run = train(FIXTURE / "job.json", self.out)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("goes on with job 1", run.stderr)
        self.assertEqual([row[:4] for row in self.results()], stored)
        self.assertEqual(self.sql("SELECT count(*) FROM stage_progress"), epochs)
        self.assertEqual(self.sql("SELECT count(*) FROM front_v"), [(1,)])
        self.assertEqual(self.sql("SELECT value FROM job_settings_v"
                                  " WHERE name = 'pretrain.learning_rate'"), [(0.05,)])
        document = json.loads((self.out / "results-1.json").read_text())
        self.assertEqual(document["results"][0]["report"]["artifact"]["sha256"], stored[0][3])

    def test_a_job_goes_on_from_where_it_was(self):
        job = dict(json.loads((FIXTURE / "job.json").read_text()))
        job["budgets"]["fractions"].append(0.5)
        more = self.root / "more.json"
        more.write_text(json.dumps(job))
        pretrained = self.sql("SELECT * FROM stage_progress WHERE task_id IN"
                              " (SELECT task_id FROM tasks WHERE stage = 'pretrain')")
        run = train(more, self.out)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("which gets 1 budget more", run.stderr)
        self.assertEqual(len(self.results()), 2)
        self.assertEqual(self.sql("SELECT * FROM stage_progress WHERE task_id IN"
                                  " (SELECT task_id FROM tasks WHERE stage = 'pretrain')"),
                         pretrained)

    def test_the_same_settings_are_the_same_recipe(self):
        job = dict(json.loads((FIXTURE / "job.json").read_text()), seed=8)
        (self.root / "other.json").write_text(json.dumps(job))
        run = train(self.root / "other.json", self.out)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("begins job 2", run.stderr)
        old, new = self.sql("SELECT recipe FROM jobs ORDER BY job_id")
        self.assertEqual(old, new)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    if sys.argv[1:] == ["--make"]:
        make()
    else:
        unittest.main()
