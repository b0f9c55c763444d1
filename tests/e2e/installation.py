"""One Reluscape installation for tests: real processes on free ports, all state in one folder.

Used by tests/e2e and tests/fault. Standard library only.
"""

import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest


def require_fault_points(program):
    """Skips a test that kills `program` at a named place where its build has no such places."""
    if b"RELUSCAPE_KILL_AT" not in pathlib.Path(program).read_bytes():
        raise unittest.SkipTest(f"{program} is built without RELUSCAPE_FAULT_POINTS")


# What a program that is built with a sanitizer writes before it ends.
SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ")


class Installation:
    """Starts and kills reluscape-server and workers; talks to them through the real client."""

    def __init__(self, bin_dir, lease_seconds=2, data=None):
        """`data`: a data folder that is there already."""
        self.bin = pathlib.Path(bin_dir)
        self.lease_seconds = lease_seconds
        self.folder = tempfile.TemporaryDirectory(prefix="reluscape-test-")
        self.data = data or pathlib.Path(self.folder.name) / "data"
        self.data.mkdir(exist_ok=True)
        self.server = None
        self.workers = []
        self.grpc_port = 0
        self.http_port = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in [*self.workers, self.server]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        logs = {log.name: log.read_text(errors="replace") for log in sorted(self.data.glob("*.log"))}
        # One that ends by a report looks like one of those that these tests kill: others would do
        # its work and the test would pass.
        reported = [name for name, text in logs.items() if SANITIZER_REPORT.search(text)]
        if exception[0] is not None or reported:
            for name, text in logs.items():
                print(f"--- {name}\n{text[-20000 if name in reported else -4000:]}")
        self.folder.cleanup()
        if reported:
            raise RuntimeError(f"a sanitizer reports in {', '.join(reported)}")

    # ---- processes

    def start_server(self, *flags, kill_at="", environment=()):
        """Starts the coordinator; after a restart on the ports it had before."""
        (self.data / "server.json").unlink(missing_ok=True)
        self.server = self._start(
            "server.log",
            [self.bin / "reluscape-server", "--data-dir", self.data, "--grpc-port", self.grpc_port,
             "--http-port", self.http_port, "--lease-seconds", self.lease_seconds,
             "--sync-interval-ms", 200, *flags],
            kill_at, environment)
        self.wait_for(lambda: (self.data / "server.json").exists(), "the server listens")
        ports = json.loads((self.data / "server.json").read_text())
        self.grpc_port, self.http_port = ports["grpc_port"], ports["http_port"]

    def start_worker(self, worker_id, *flags, kill_at="", program="reluscape-worker",
                     artifact_dir=None, environment=(), before=None):
        """Starts a Worker; `program` may be the path of another one that takes the same flags."""
        process = self._start(
            f"{worker_id}.log",
            [self.bin / program, "--server", f"127.0.0.1:{self.grpc_port}", "--artifact-dir",
             artifact_dir or self.data / "artifacts", "--id", worker_id, *flags],
            kill_at, environment, before)
        self.workers.append(process)
        return process

    def _start(self, log, command, kill_at, environment, before=None):
        """`before` is called in the new process before the program starts."""
        if kill_at:
            require_fault_points(command[0])
        environment = dict(os.environ, RELUSCAPE_KILL_AT=kill_at, **dict(environment))
        with open(self.data / log, "ab") as output:
            return subprocess.Popen([str(word) for word in command], stdout=output, stderr=output,
                                    stdin=subprocess.DEVNULL, env=environment,
                                    preexec_fn=before)

    @staticmethod
    def kill(process):
        process.send_signal(signal.SIGKILL)
        process.wait()

    def wait_killed(self, process, timeout=120):
        """Waits until a fault point has killed `process`."""
        status = process.wait(timeout)
        assert status == -signal.SIGKILL, f"ended with {status} instead of by its fault point"

    # ---- the client

    def client(self, *words, check=True, text=None):
        run = subprocess.run(
            [str(self.bin / "reluscape"), "--server", f"127.0.0.1:{self.grpc_port}",
             *[str(word) for word in words]],
            capture_output=True, text=True, timeout=120, input=text)
        if SANITIZER_REPORT.search(run.stderr):
            raise RuntimeError(f"a sanitizer reports of reluscape {words}: {run.stderr}")
        if check and run.returncode != 0:
            raise AssertionError(f"reluscape {words} ended with {run.returncode}: {run.stderr}")
        return run

    def client_json(self, *words):
        return json.loads(self.client(*words, "--json").stdout)

    def submit(self, job):
        path = pathlib.Path(self.folder.name) / "job.json"
        path.write_text(json.dumps(job))
        return self.client_json("submit", path)["job"]

    def job(self, number):
        return self.client_json("show", number)

    def results(self, number):
        return self.client_json("results", number)

    def wait_for_job(self, number, timeout=300):
        """Waits until no Task of the Job is live; returns its document."""
        def ended():
            try:
                return self.job(number)["job"]["state"] != "RUNNING"
            except (AssertionError, json.JSONDecodeError):
                return False
        self.wait_for(ended, f"job {number} ends", timeout)
        return self.job(number)

    @staticmethod
    def wait_for(condition, what, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout} s in vain until {what}")
            time.sleep(0.05)

    # ---- the database

    def sql(self, query, *values):
        """Rows of a query on a connection of our own, as dicts."""
        connection = sqlite3.connect(f"file:{self.data}/reluscape.db?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()


def small_job(**changes):
    """A Job that a CPU trains in seconds: one small network, two Budgets, synthetic images."""
    job = {
        "name": "small",
        "data": {"set": "synthetic", "train_images": 200, "validation_images": 100,
                 "test_images": 100},
        "candidates": {"networks": ["resnet20@2"]},
        "budgets": {"fractions": [0.5, 0.1]},
        "stages": {
            "pretrain": {"epochs": 3, "batch": 50, "schedule": "one_cycle",
                         "learning_rate": 0.05},
            "linearize": {"batch": 10, "max_epochs": 200, "mask_learning_rate": 0.01,
                          "lambda": 0.01, "lambda_growth_per_epoch": 1.2},
            "fine_tune": {"epochs": 2, "batch": 50},
        },
        "seed": 7,
    }
    job.update(changes)
    return job
