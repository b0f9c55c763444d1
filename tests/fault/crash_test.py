#!/usr/bin/env python3
"""Kills real processes at named points and checks that no accepted result is lost or doubled.

Usage: crash_test.py BIN_DIR WORKER [unittest arguments]
WORKER is reluscape-worker, or the path of the scripted worker, whose trainer plays curves instead
of training: every rule here is about processes, messages and rows, and holds for both.
"""

import signal
import sys
import time
import unittest

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import Installation, small_job  # noqa: E402

BIN_DIR, WORKER = "", ""
RESULTS = "SELECT candidate_id, budget, count(*) AS n FROM results GROUP BY 1, 2"
CHECKPOINT_ALWAYS = ("--checkpoint-seconds", "0")


class CrashTest(unittest.TestCase):
    def setUp(self):
        self.here = self.enterContext(Installation(BIN_DIR))

    def use_long_leases(self):
        self.here.lease_seconds = 20

    def worker(self, worker_id, kill_at=""):
        return self.here.start_worker(worker_id, *CHECKPOINT_ALWAYS, kill_at=kill_at,
                                      program=WORKER)

    def expect_complete(self, job):
        """Every Budget of every Candidate has exactly one Result."""
        detail = self.here.wait_for_job(job)
        self.assertEqual(detail["job"]["state"], "FINISHED", detail)
        wanted = sum(len(candidate["budgets"]) for candidate in detail["candidates"])
        rows = self.here.sql(RESULTS)
        self.assertEqual(len(rows), wanted)
        self.assertEqual({row["n"] for row in rows}, {1})
        self.assertEqual(len(self.here.results(job)["results"]), wanted)
        return detail

    def epochs(self, stage):
        return self.here.sql(
            "SELECT epoch, attempt FROM learning_curves_v WHERE stage = ? ORDER BY task, epoch",
            stage)

    def test_worker_killed_mid_epoch_resumes_from_its_checkpoint(self):
        self.here.start_server()
        worker = self.worker("first", kill_at="worker.mid_epoch@3")
        job = self.here.submit(small_job())
        self.here.wait_killed(worker)
        self.worker("second")
        self.expect_complete(job)
        # Two epochs were finished and stored before the kill in the third: the second Attempt
        # goes on with the third.
        self.assertEqual([(row["epoch"], row["attempt"]) for row in self.epochs("pretrain")],
                         [(0, 1), (1, 1), (2, 2)])

    def test_worker_killed_after_its_report_loses_nothing(self):
        self.here.start_server()
        for passage in (1, 2, 3):  # after pretrain, linearize and a fine-tune was accepted
            if passage == 1:
                worker = self.worker("w", kill_at="worker.after_report@1")
                job = self.here.submit(small_job())
            else:
                worker = self.worker("w", kill_at="worker.after_report@1")
            self.here.wait_killed(worker)
            done = self.here.sql("SELECT count(*) AS n FROM tasks WHERE state = 'SUCCEEDED'")
            self.assertEqual(done[0]["n"], passage)
        self.worker("w")
        detail = self.expect_complete(job)
        attempts = [task["attempt"] for task in detail["candidates"][0]["tasks"]
                    if task["state"] == "SUCCEEDED"]
        self.assertEqual(len(attempts), 4)

    def coordinator_killed_at(self, point):
        self.here.start_server(kill_at=point)
        self.worker("w")
        job = self.here.submit(small_job())
        for _ in range(3):  # every restart is killed again, at the next success
            self.here.wait_killed(self.here.server)
            self.here.start_server(kill_at=point)
        self.here.wait_killed(self.here.server)
        self.here.start_server()
        self.expect_complete(job)

    def test_coordinator_killed_before_its_commit(self):
        # Nothing of the call is stored, so the same success arrives again after each restart: a
        # fourth start without the fault lets it through.
        self.here.start_server(kill_at="coordinator.before_commit")
        self.worker("w")
        job = self.here.submit(small_job())
        self.here.wait_killed(self.here.server)
        self.assertEqual(
            self.here.sql("SELECT count(*) AS n FROM tasks WHERE state = 'SUCCEEDED'")[0]["n"], 0)
        self.here.start_server()
        self.expect_complete(job)

    def test_coordinator_killed_after_its_commit(self):
        self.coordinator_killed_at("coordinator.after_commit")

    def test_coordinator_killed_before_its_answer(self):
        self.coordinator_killed_at("coordinator.before_answer")

    def test_coordinator_killed_while_workers_train(self):
        self.use_long_leases()
        self.here.start_server()
        self.worker("a")
        self.worker("b")
        job = self.here.submit(small_job(candidates={"networks": ["resnet20@2", "resnet20@3"]}))
        self.here.wait_for(lambda: self.epochs("pretrain"), "the first epoch is stored")
        self.here.kill(self.here.server)
        time.sleep(1)
        self.here.start_server()
        detail = self.expect_complete(job)
        # The restarted coordinator takes no Task from a Worker that went on.
        for candidate in detail["candidates"]:
            self.assertEqual([task["attempt"] for task in candidate["tasks"]], [1, 1, 1, 1])

    def test_a_worker_that_is_stopped_hands_its_task_back_within_five_seconds(self):
        self.here.start_server()
        worker = self.worker("first")
        job = self.here.submit(small_job())
        self.here.wait_for(lambda: self.epochs("pretrain"), "the first epoch is stored")
        begin = time.monotonic()
        worker.send_signal(signal.SIGINT)
        self.assertEqual(worker.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 5)
        events = [row["kind"] for row in self.here.sql("SELECT kind FROM events ORDER BY event_id")]
        self.assertIn("task.handed_back", events)
        self.assertNotIn("lease.expired", events)
        self.worker("second")
        self.expect_complete(job)

    def test_a_worker_that_keeps_dying_fails_the_job_and_says_so(self):
        self.here.start_server()
        job = self.here.submit(small_job(limits={"max_attempts": 2}))
        for _ in range(2):
            self.here.wait_killed(self.worker("w", kill_at="worker.mid_epoch@1"))
        detail = self.here.wait_for_job(job)
        self.assertEqual(detail["job"]["state"], "FAILED")
        messages = [task["message"] for task in detail["candidates"][0]["tasks"]
                    if task["state"] == "FAILED"]
        self.assertEqual(len(messages), 1)
        self.assertIn("2", messages[0])


if __name__ == "__main__":
    BIN_DIR, WORKER = sys.argv[1], sys.argv[2]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
