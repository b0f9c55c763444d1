#!/usr/bin/env python3
"""What killed workers and an outage leave in the artifact folder goes, and nothing else; archived and
deleted jobs free their files; two databases never share a folder.

Usage: leftovers_test.py BIN_DIR SCRIPTED_WORKER [unittest arguments]
"""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import Installation, small_job  # noqa: E402

BIN_DIR, WORKER = "", ""
SWEEP_AGE_S = 3600
FILE_LIMIT = 4096  # above checkpoints and snapshots of the scripted trainer, below its results
NOT_POSSIBLE, UNFIT = 6, 8  # base/exit_codes.h


class LeftoversTest(unittest.TestCase):
    def setUp(self):
        self.here = self.enterContext(Installation(BIN_DIR))
        self.artifacts = self.here.data / "artifacts"

    def start_server(self):
        self.here.start_server("--sweep-age-seconds", SWEEP_AGE_S)

    def worker(self, worker_id, **options):
        return self.here.start_worker(worker_id, "--epoch-ms", 20, "--checkpoint-seconds", 0,
                                      "--log-level", "error", program=WORKER, **options)

    def files(self):
        """Names of everything below the folder's 256 folders."""
        return {path.name for path in self.artifacts.glob("*/*")}

    def named(self):
        """Of the files that rows name."""
        return {f"{row['sha256']}.safetensors" for row in self.here.sql("SELECT sha256 FROM artifacts")}

    def gone(self, names, what):
        self.here.wait_for(lambda: not self.files() & names, what)

    def kill_a_worker_while_it_writes(self):
        """Its result is longer than the files that it may write: the kernel kills it in between."""
        worker = self.worker("torn", before=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT)))
        self.assertEqual(worker.wait(60), -signal.SIGXFSZ)
        parts = {name for name in self.files() if ".safetensors.part-" in name}
        self.assertEqual(len(parts), 1, self.files())
        return parts

    def outage(self):
        """The worker goes on without a coordinator, and dies before it can tell what it stored."""
        worker = self.worker("alone")
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM tasks WHERE worker = 'alone' AND "
                                                 "checkpoint_sha256 IS NOT NULL"), "a checkpoint")
        self.here.kill(self.here.server)
        self.here.wait_for(lambda: len(self.files() - self.named()) > 20, "files without a row")
        self.here.kill(worker)

    def refused(self, *words):
        run = self.here.client(*words, check=False)
        self.assertEqual(run.returncode, NOT_POSSIBLE, run)
        return run.stderr

    def test_leftovers_go_and_nothing_else(self):
        self.start_server()
        finished = self.here.submit(small_job())
        parts = self.kill_a_worker_while_it_writes()
        whole = self.worker("whole")
        self.assertEqual(self.here.wait_for_job(finished)["job"]["state"], "FINISHED")
        whole.terminate()
        self.assertEqual(whole.wait(20), 0)

        long = small_job(name="long", stages={**small_job()["stages"],
                                              "pretrain": {"epochs": 100000, "batch": 50}})
        unfinished = self.here.submit(long)
        self.outage()

        # Old is everything but one, also what rows name and what is not ours.
        unknown = self.files() - self.named() - parts
        young = unknown.pop()
        foreign = self.artifacts / young[:2] / "notes.txt"
        foreign.write_text("mine")
        old = time.time() - 2 * SWEEP_AGE_S
        for path in self.artifacts.rglob("*"):
            if path.is_file() and path.name != young:
                os.utime(path, (old, old))
        self.start_server()
        self.gone(parts | unknown, "the leftovers are swept")
        # Checkpoints that were replaced before the outage go by their rows, at the same time or
        # before.
        self.here.wait_for(lambda: self.files() == self.named() | {young, "notes.txt"},
                           "the folder is what rows name")
        used = {f"{row['sha']}.safetensors" for row in self.here.sql(
            "SELECT artifact_sha256 AS sha FROM results UNION "
            "SELECT artifact_sha256 FROM snapshots UNION "
            "SELECT checkpoint_sha256 FROM tasks WHERE checkpoint_sha256 IS NOT NULL UNION "
            "SELECT weights_sha256 FROM tasks WHERE weights_sha256 IS NOT NULL")}
        self.assertEqual(self.named(), used)
        self.assertGreaterEqual(len(used), 6)  # a pretrain, two snapshots, two results, a checkpoint
        log = (self.here.data / "server.log").read_text()
        self.assertIn("no row names them", log)

        self.second_database_is_refused()
        self.jobs_are_archived_and_deleted(finished, unfinished)
        self.assertEqual(self.files(), {young, "notes.txt"})
        # A worker may still be told of what it worked on.
        self.assertEqual(self.here.sql("SELECT count(*) AS n FROM tasks")[0]["n"], 0)

    def second_database_is_refused(self):
        before = self.files()
        other = pathlib.Path(self.here.folder.name) / "other"
        command = [str(pathlib.Path(BIN_DIR) / "reluscape-server"), "--data-dir", str(other),
                   "--artifact-dir", str(self.artifacts), "--grpc-port", "0", "--http-port", "0",
                   "--lease-seconds", "1", "--sync-interval-ms", "200", "--sweep-age-seconds", "1"]

        def refusal():
            run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(run.returncode, UNFIT, run)
            self.assertIn(str(self.artifacts), run.stderr)
            return run.stderr
        self.assertIn("belongs to another database", refusal())
        # Nor a copy of the database, as long as the coordinator runs.
        for path in other.glob("reluscape.db*"):
            path.unlink()
        with contextlib.closing(sqlite3.connect(self.here.data / "reluscape.db")) as database, \
                contextlib.closing(sqlite3.connect(other / "reluscape.db")) as copy:
            database.backup(copy)
        self.assertIn(f"locked by process {self.here.server.pid}", refusal())
        self.here.kill(self.here.server)
        shutil.rmtree(other)
        self.assertIn("belongs to another database", refusal())
        self.assertEqual(self.files(), before)
        self.start_server()

    def jobs_are_archived_and_deleted(self, finished, unfinished):
        here = self.here
        results = here.results(finished)["results"]
        kept = {f"{result['report']['artifact']['sha256']}.safetensors" for result in results}
        needed = {f"{row['sha256']}.safetensors" for row in here.sql(
            "SELECT sha256 FROM job_artifacts_v WHERE job = ?", finished)} - kept
        self.assertIn("is running", self.refused("archive", unfinished))
        answer = here.client_json("archive", finished)
        self.assertEqual((answer["files"], answer["job"]["keeps"]), (len(needed), "results"))
        self.gone(needed, "what is not kept goes")
        self.assertLessEqual(kept, self.files())
        self.assertIn("archived", here.client("show", finished).stdout)
        self.assertIn("is archived", self.refused("add-budgets", finished, "--relus", 10))
        out = pathlib.Path(here.folder.name) / "exported"
        here.client("export", finished, results[0]["result"], "--out", out)
        here.client("archive", finished, "--keep", "nothing")
        self.gone(kept, "nothing is kept")
        self.assertIn("were removed on", self.refused("export", finished, results[0]["result"],
                                                      "--out", out.with_name("none")))
        after = here.results(finished)["results"]
        self.assertEqual([r["report"] for r in after], [r["report"] for r in results])

        self.assertIn("--yes", self.refused("delete", finished))
        self.assertIn("with 2 results", here.client("delete", finished, "--yes").stdout)
        self.assertEqual(here.client("show", finished, check=False).returncode, 4)
        with self.assertRaises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"http://127.0.0.1:{here.http_port}/api/jobs/{finished}")
        self.assertEqual(error.exception.code, 404)
        self.assertIn(f"there is no job {finished}", error.exception.read().decode())
        error.exception.close()

        self.assertIn("is running", self.refused("delete", unfinished, "--yes"))
        here.client("cancel", unfinished)
        here.client("delete", unfinished, "--yes")
        here.wait_for(lambda: not self.named(), "their files are forgotten")


if __name__ == "__main__":
    BIN_DIR, WORKER = sys.argv[1], sys.argv[2]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
