#!/usr/bin/env python3
"""What the real programs leave with where they cannot work, and what `reluscape up` makes of it.

Usage: exit_status_test.py BIN_DIR [unittest arguments]

No GPU is shown to them, whether the machine has one or not.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import unittest

from installation import Installation

BIN_DIR = ""
NO_GPU = "LibTorch sees 0 CUDA devices"


class ExitStatusTest(unittest.TestCase):
    def setUp(self):
        self.here = Installation(BIN_DIR)
        self.enterContext(self.here)

    def log(self, name):
        return (self.here.data / name).read_text()

    def test_up_ends_where_no_worker_can_have_its_gpu(self):
        for device in ("cuda", "cuda:1"):
            run = subprocess.run(
                [self.here.bin / "reluscape", "up", "--data-dir", self.here.data / device,
                 "--grpc-port", "0", "--http-port", "0", "--workers", "2", "--device", device],
                capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
            self.assertEqual(run.returncode, 8, run.stderr)
            self.assertIn("worker-1 is unfit", run.stderr)
            self.assertIn("worker-2 is unfit", run.stderr)
            self.assertIn("no worker is left, everything stops", run.stderr)
            self.assertIn(NO_GPU, run.stderr)
            self.assertNotIn("started again", run.stderr)

    def test_a_worker_says_whether_a_restart_helps(self):
        self.here.start_server()
        working = self.here.start_worker("w", "--device", "cpu")
        self.here.wait_for(lambda: self.here.client_json("workers").get("workers"),
                           "the worker is known")
        twin = self.here.start_worker("w", "--device", "cpu")
        self.assertEqual(twin.wait(60), 8)
        self.assertIn("runs on this machine already", self.log("w.log"))
        self.assertEqual(self.here.start_worker("g", "--device", "cuda").wait(60), 8)
        self.assertIn(NO_GPU, self.log("g.log"))
        self.assertEqual(self.here.start_worker("x", "--device", "abacus").wait(60), 2)
        self.assertEqual(self.here.start_worker("no id", "--device", "cpu").wait(60), 2)
        self.assertIsNone(working.poll())
        working.send_signal(signal.SIGTERM)
        self.assertEqual(working.wait(60), 0)

    def test_a_coordinator_without_a_folder_or_a_database_of_its_own_is_unfit(self):
        connection = sqlite3.connect(self.here.data / "reluscape.db")
        connection.execute("CREATE TABLE diary (day TEXT)")
        connection.close()
        for folder, words in ((self.here.data, "is not one of Reluscape's"),
                              ("/proc/none", "cannot create /proc/none")):
            run = subprocess.run(
                [self.here.bin / "reluscape-server", "--data-dir", folder, "--grpc-port", "0",
                 "--http-port", "0"], capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, 8, run.stderr)
            self.assertIn(words, run.stderr)


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    BIN_DIR = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
