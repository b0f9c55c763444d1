#!/usr/bin/env python3
"""A worker that is wrong in one way works beside one that is right: the job ends as if the wrong one
had not been there, with the results of an undisturbed run, and the user reads what was wrong.

Usage: wrong_worker_test.py BIN_DIR SCRIPTED_WORKER [unittest arguments]
All are real processes. The workers' trainer plays curves that depend on network, seed, budget and
epoch alone, so that results can be compared.
"""

import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import Installation, small_job  # noqa: E402

BIN_DIR, WORKER = "", ""
CHECKPOINT_ALWAYS = ("--checkpoint-seconds", "0")
UNFIT, SICK = 8, 9  # base/exit_codes.h


def job(**changes):
    changes.setdefault("candidates", {"networks": ["resnet20@2", "resnet20@3"]})
    return small_job(**changes)


class WrongWorkerTest(unittest.TestCase):
    expected = None  # results of an undisturbed run

    def setUp(self):
        # Long, so that a busy machine loses none; short where the test waits longer than a lease.
        waits = self._testMethodName in ("test_the_artifact_folder_is_away_for_a_moment",
                                         "test_pauses_of_each_and_of_both",
                                         "test_a_pause_of_a_worker")
        self.here = self.enterContext(Installation(BIN_DIR, lease_seconds=2 if waits else 20))
        self.here.start_server()

    def worker(self, worker_id, *flags, epoch_ms=20, **options):
        return self.here.start_worker(worker_id, "--epoch-ms", epoch_ms, *CHECKPOINT_ALWAYS,
                                      *flags, program=WORKER, **options)

    def flag_file(self, name="wrong"):
        path = pathlib.Path(self.here.folder.name) / name
        path.touch()
        return path

    def results(self, number):
        """What a user compares: everything but who measured it and when."""
        return sorted((r["name"], r["report"]["budget"], json.dumps(r["report"]))
                      for r in self.here.results(number)["results"])

    def expect_as_undisturbed(self, number, attempts=None):
        detail = self.here.wait_for_job(number, 60)
        self.assertEqual(detail["job"]["state"], "FINISHED", detail["job"]["message"])
        if WrongWorkerTest.expected is None:
            with Installation(BIN_DIR) as other:
                other.start_server()
                here, self.here = self.here, other
                self.worker("only")
                undisturbed = other.submit(job())
                other.wait_for_job(undisturbed)
                WrongWorkerTest.expected = self.results(undisturbed)
                self.here = here
        self.assertEqual(self.results(number), WrongWorkerTest.expected)
        self.assertEqual(len(WrongWorkerTest.expected), 4)
        if attempts is not None:
            lost = self.here.sql("SELECT count(*) AS n FROM events WHERE kind IN"
                                 " ('task.retried', 'lease.expired')")[0]["n"]
            self.assertEqual(lost, attempts)
        return detail

    def row(self, worker_id):
        rows = [w for w in self.here.client_json("workers")["workers"] if w["worker"] == worker_id]
        return rows[0] if rows else None

    def wait_for_problem(self, worker_id, words):
        def told():
            row = self.row(worker_id)
            texts = [row["problem"], *[d["problem"] for d in row["data"]]] if row else []
            return any(words in text for text in texts)
        self.here.wait_for(told, f"{worker_id} is said to have {words!r}")
        self.assertIn(words, self.here.client("workers").stdout)

    def log(self, worker_id):
        return (self.here.data / f"{worker_id}.log").read_text(errors="replace")

    # ---- data

    def test_data_that_cannot_be_used(self):
        missing = self.flag_file()
        self.worker("wrong", "--data-problem", f"@{missing}")
        number = self.here.submit(job())
        self.wait_for_problem("wrong", str(missing))
        self.assertIn(str(missing), self.here.job(number)["job"]["message"])
        self.worker("right")
        self.expect_as_undisturbed(number, attempts=0)
        self.assertIn(str(missing), self.log("wrong"))
        # Mended, it takes part without being started again.
        missing.unlink()
        self.here.submit(job(seed=8))
        self.here.wait_for(
            lambda: self.here.sql("SELECT 1 FROM events WHERE kind = 'task.leased'"
                                  " AND worker = 'wrong'"), "the mended worker gets a task")

    def test_data_that_fails_with_every_task(self):
        self.worker("wrong", "--fail-every", "--fail-kind", "data")
        number = self.here.submit(job())
        self.worker("right")
        self.expect_as_undisturbed(number, attempts=0)

    def test_two_copies_where_the_job_states_its_hash(self):
        right = self.worker("right")
        probe = self.here.submit(job())
        self.here.wait_for_job(probe)
        data_hash = self.here.results(probe)["results"][0]["provenance"]["data_hash"]
        right.send_signal(signal.SIGINT)
        self.assertEqual(right.wait(10), 0)

        self.worker("wrong", "--data-salt", "sixty changed images")
        stated = job()
        stated["data"] = dict(stated["data"], hash=data_hash)
        number = self.here.submit(stated)
        self.here.wait_for(lambda: data_hash in self.here.job(number)["job"]["message"],
                           "the wrong copy is named")
        self.worker("right")
        self.expect_as_undisturbed(number, attempts=0)

    def test_two_copies_wait_for_a_choice_with_the_wrong_worker_first(self):
        self.worker("wrong", "--data-salt", "sixty changed images")
        number = self.here.submit(job())
        self.here.wait_for(lambda: self.here.sql(
            "SELECT 1 FROM tasks WHERE stage = 'pretrain' AND state = 'SUCCEEDED'"),
            "something was trained on the wrong copy")
        self.worker("right")

        def copies():
            return self.here.job(number)["job"]["data_copies"]
        self.here.wait_for(lambda: len(copies()) == 2, "both copies are listed")
        listing = self.here.client("data", number).stdout
        for copy in copies():
            self.assertIn(copy["data_hash"], listing)
            for worker in copy["workers"]:
                self.assertIn(worker, listing)
        self.assertIn("--use", self.here.job(number)["job"]["message"])
        # What runs may end; then nothing begins.
        self.here.wait_for(lambda: not self.here.sql(
            "SELECT 1 FROM tasks WHERE state = 'LEASED'"), "what ran has ended")
        leased = "SELECT count(*) AS n FROM events WHERE kind = 'task.leased'"
        before = self.here.sql(leased)[0]["n"]
        time.sleep(1)
        self.assertEqual(self.here.sql(leased)[0]["n"], before)

        wanted = next(copy["data_hash"] for copy in copies() if copy["workers"] == ["right"])
        wrong = self.here.client("data", number, "--use", "00000000", check=False)
        self.assertEqual(wrong.returncode, 3, wrong.stderr)
        self.assertIn(wanted, wrong.stderr)
        answer = self.here.client_json("data", number, "--use", wanted[:8])
        self.assertGreater(answer["candidates"], 0)
        self.expect_as_undisturbed(number, attempts=0)
        hashes = {r["provenance"]["data_hash"] for r in self.here.results(number)["results"]}
        self.assertEqual(hashes, {wanted})
        self.assertIn(wanted, self.row("wrong") and " ".join(self.here.sql(
            "SELECT detail FROM events WHERE kind = 'job.data_chosen'")[0].values()))

    # ---- failures

    def test_a_worker_that_fails_at_once_every_time(self):
        wrong = self.worker("wrong", "--fail-every", "--fail-kind", "transient")
        number = self.here.submit(job(candidates={"networks": ["resnet20@2", "resnet20@3"],
                                                  "replicates": 1}))
        self.here.wait_for(lambda: self.here.sql(
            "SELECT 1 FROM events WHERE kind = 'task.retried'"), "it has failed once")
        self.worker("right")
        self.expect_as_undisturbed(number)
        # Three in a row at most, not as many as it can take in the time.
        retried = self.here.sql("SELECT count(*) AS n FROM events WHERE kind = 'task.retried'"
                                " AND worker = 'wrong'")[0]["n"]
        self.assertLessEqual(retried, 3)
        if retried == 3:
            self.assertEqual(wrong.wait(20), SICK)
            self.assertTrue(self.row("wrong")["quarantined"])
            self.assertIn("3 tasks in a row", self.log("wrong"))

    def test_a_lone_worker_that_always_fails_stops_by_itself(self):
        wrong = self.worker("wrong", "--fail-every", "--fail-kind", "transient")
        self.here.submit(job(limits={"max_attempts": 5}))
        self.assertEqual(wrong.wait(60), SICK)
        leases = self.here.sql("SELECT count(*) AS n FROM events WHERE kind = 'task.leased'")
        self.assertEqual(leases[0]["n"], 3)
        self.assertTrue(self.row("wrong")["quarantined"])
        self.assertIn("quarantined", self.here.client("workers").stdout)

    def test_results_that_cannot_be(self):
        for forgery, words in (("result", "result.relus: found 0"),
                               ("accuracy", "result.accuracy_validation"),
                               ("artifact", "is damaged")):
            with self.subTest(forgery):
                with Installation(BIN_DIR) as self.here:
                    self.here.start_server()
                    self.worker("wrong", "--forge", forgery)
                    number = self.here.submit(job())
                    self.here.wait_for(lambda: words in str(self.here.sql(
                        "SELECT detail FROM events WHERE kind = 'task.retried'")), words)
                    self.worker("right")
                    self.expect_as_undisturbed(number)

    def test_a_failure_of_the_job_is_retried_by_hand(self):
        wrong = self.worker("w", "--fail-stage", "linearize", "--fail-epoch", "3", "--fail-kind",
                            "infeasible")
        number = self.here.submit(job())
        self.assertEqual(self.here.wait_for_job(number)["job"]["state"], "FAILED")
        wrong.send_signal(signal.SIGINT)
        self.assertEqual(wrong.wait(10), 0)
        low = self.here.client("retry", number, "--max-epochs", "1", check=False)
        self.assertEqual(low.returncode, 3, low.stderr)
        self.assertIn("max_epochs: found 1", low.stderr)
        answer = self.here.client_json("retry", number, "--max-epochs", "300")
        self.assertEqual(answer["tasks"], 6)  # two linearizes with two fine-tunes each
        self.assertEqual(answer["job"]["state"], "RUNNING")
        self.worker("right")
        detail = self.expect_as_undisturbed(number)
        self.assertIn('"max_epochs": 300', detail["spec_json"])
        # From its last checkpoint: three epochs were done.
        epochs = self.here.sql("SELECT epoch, attempt FROM learning_curves_v WHERE candidate = 1"
                               " AND stage = 'linearize' ORDER BY epoch")
        self.assertEqual([row["attempt"] for row in epochs], [1, 1, 1, 2, 2, 2, 2, 2])
        again = self.here.client("retry", number, check=False)
        self.assertEqual(again.returncode, 6, again.stderr)

    # ---- storage

    def test_a_storage_that_fails_on_one_worker(self):
        away = self.flag_file()
        self.worker("wrong", "--storage-problem", f"@{away}")
        number = self.here.submit(job())
        self.wait_for_problem("wrong", str(away))
        self.assertIn(str(away), self.here.job(number)["job"]["message"])
        self.worker("right")
        self.expect_as_undisturbed(number, attempts=0)

    def test_a_storage_that_fails_on_all_workers_for_a_while(self):
        full = self.flag_file()
        self.worker("a", "--storage-problem", f"@{full}")
        self.worker("b", "--storage-problem", f"@{full}")
        number = self.here.submit(job())
        self.wait_for_problem("a", str(full))
        self.wait_for_problem("b", str(full))
        full.unlink()
        self.expect_as_undisturbed(number, attempts=0)

    def test_files_that_are_gone_or_damaged_are_made_again(self):
        slow = self.worker("first", kill_at="worker.mid_epoch@10")
        number = self.here.submit(job(candidates={"networks": ["resnet20@2", "resnet20@3"]}))
        self.here.wait_killed(slow)
        weights = self.here.sql("SELECT weights_sha256 AS sha FROM tasks"
                                " WHERE weights_sha256 IS NOT NULL")
        snapshots = self.here.sql("SELECT artifact_sha256 AS sha FROM snapshots")
        self.assertTrue(weights)
        files = [self.here.data / "artifacts" / row["sha"][:2] / (row["sha"] + ".safetensors")
                 for row in weights + snapshots]
        files[0].write_bytes(b"x" * files[0].stat().st_size)  # of the right size
        for file in files[1:]:
            file.unlink()
        self.worker("right")
        self.expect_as_undisturbed(number)
        self.assertTrue(self.here.sql("SELECT 1 FROM events WHERE kind = 'task.again'"))

    def test_the_artifact_folder_is_away_for_a_moment(self):
        self.worker("a")
        self.worker("b")
        number = self.here.submit(job())
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM learning_curves_v"), "an epoch")
        folder = self.here.data / "artifacts"
        folder.rename(self.here.data / "away")
        time.sleep(2 * self.here.lease_seconds)
        (self.here.data / "away").rename(folder)
        self.expect_as_undisturbed(number, attempts=0)

    # ---- builds and processes

    def test_workers_of_another_build_are_refused_and_named(self):
        number = self.here.submit(job())
        for flags, words in ((("--protocol", "7"), "protocol number 7"),
                             (("--behaviour", "7"), "behaviour number 7"),
                             (("--misread-recipe",), "recipe")):
            worker_id = f"wrong{flags[0]}"
            self.assertEqual(self.worker(worker_id, *flags).wait(20), UNFIT)
            self.assertIn(words, self.log(worker_id))
            self.assertIn(words, self.row(worker_id)["problem"])
        self.worker("right")
        self.expect_as_undisturbed(number, attempts=0)

    def test_forged_incarnations_cost_nothing(self):
        self.worker("w", epoch_ms=100)
        number = self.here.submit(job(limits={"max_attempts": 1}))
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM learning_curves_v"), "an epoch")
        for i in range(3):
            self.worker(f"forged-{i}", "--pretend-id", "w")
            self.here.wait_for(lambda: "worker id w is in use" in self.log(f"forged-{i}"),
                               "the forged one is kept out")
        self.expect_as_undisturbed(number, attempts=0)

    # ---- time

    def pause(self, processes, seconds):
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for process in processes:
            process.send_signal(signal.SIGCONT)

    def test_pauses_of_each_and_of_both(self):
        workers = [self.worker("a", epoch_ms=60), self.worker("b", epoch_ms=60)]
        number = self.here.submit(job(limits={"max_attempts": 1}))
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM learning_curves_v"), "an epoch")
        over = 1.5 * self.here.lease_seconds
        self.pause([self.here.server], over)
        time.sleep(0.3)
        self.pause([self.here.server, *workers], over)
        self.expect_as_undisturbed(number, attempts=0)

    def test_a_pause_of_a_worker(self):
        worker = self.worker("a", epoch_ms=60)
        number = self.here.submit(job(limits={"max_attempts": 2}))
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM learning_curves_v"), "an epoch")
        self.pause([worker], 1.5 * self.here.lease_seconds)
        self.expect_as_undisturbed(number)
        # It was the only one, and found its task where it had left it.
        self.assertTrue(self.here.sql("SELECT 1 FROM events WHERE kind = 'lease.found'"))
        self.assertEqual({row["attempt"] for row in self.here.sql("SELECT attempt FROM tasks")}, {1})

    def test_a_clock_that_is_stepped(self):
        # libfaketime reads the offset of the wall clock anew from a file.
        offset = pathlib.Path(self.here.folder.name) / "offset"
        offset.write_text("+0s\n")
        library = subprocess.run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"],
                                 capture_output=True, text=True, check=True).stdout.split()[0]
        self.here.kill(self.here.server)
        environment = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(offset),
                       "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
                       "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.here.start_server(environment=environment)
        self.worker("a", epoch_ms=60)
        number = self.here.submit(job(limits={"max_attempts": 1}))
        self.here.wait_for(lambda: self.here.sql("SELECT 1 FROM learning_curves_v"), "an epoch")
        for step in ("+2h", "-3h", "+0s"):
            offset.write_text(step + "\n")
            time.sleep(0.4)
        self.expect_as_undisturbed(number, attempts=0)
        times = [row["at_ms"] for row in self.here.sql("SELECT at_ms FROM events")]
        self.assertGreater(max(times) - min(times), 3600 * 1000)  # it was stepped

    def test_data_and_a_job_that_do_not_fit_leave_the_job_waiting_with_the_reason(self):
        self.worker("w", "--data-problem", "data.classes: found 10; allowed: 7")
        number = self.here.submit(job())
        self.here.wait_for(lambda: "data.classes: found 10" in self.here.job(number)["job"]
                           ["message"], "the reason is said")
        self.assertIn("data.classes: found 10", self.here.client("show", number).stdout)
        self.assertEqual(self.here.job(number)["job"]["state"], "RUNNING")


if __name__ == "__main__":
    BIN_DIR, WORKER = sys.argv[1], sys.argv[2]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
