#!/usr/bin/env python3
"""A job comes to the same results, bit for bit, with a coordinator and with reluscape-train.

Usage: equal_test.py BIN_DIR
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import Installation  # noqa: E402
from train_test import tiny_job  # noqa: E402

BIN_DIR = ""
# What a result is, beside numbers that a database gives and times.
SAME = ("name", "network", "network_hash", "budget", "relus", "relus_with_stem", "macs",
        "parameters", "accuracy_soft", "accuracy_trimmed", "accuracy_validation", "accuracy_test",
        "latency", "costs", "off_front", "on_front", "seeds", "recipe", "measurement", "layers", "classes",
        "artifact_sha256", "artifact_bytes", "origin")


def essence(results):
    # Programs of one build folder may come from different commits after a partial build.
    for result in results:
        result["measurement"].pop("build_commit")
    return sorted(({key: result[key] for key in SAME} for result in results),
                  key=lambda result: (result["name"], result["seeds"]["pretrain"],
                                      result["budget"]))


class EqualTest(unittest.TestCase):
    def compare(self, job, fewest_results):
        here = self.enterContext(Installation(BIN_DIR))
        here.start_server()
        here.start_worker("w", "--threads", "1")
        number = here.submit(job)
        self.assertEqual(here.wait_for_job(number)["job"]["state"], "FINISHED")
        here.client("unseal", number)

        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "job.json").write_text(json.dumps(job))
        subprocess.run([pathlib.Path(BIN_DIR) / "reluscape-train", folder / "job.json", "--out",
                        folder / "out", "--threads", "1", "--unseal"], check=True, timeout=300)
        alone = json.loads((folder / "out" / "results.json").read_text())["results"]
        self.assertGreaterEqual(len(alone), fewest_results)
        self.assertEqual(essence(alone), essence(here.front(number)["results"]))

    def test_descents(self):
        self.compare(tiny_job(candidates={"networks": ["resnet20@2"], "replicates": 2}), 4)

    def test_networks_that_are_trained_whole(self):
        job = tiny_job(candidates={"deepreduce": [
            {"backbone": "resnet18@2", "max_culled": 1, "channel_scales": [1]}]})
        del job["budgets"]
        job["stages"] = {"pretrain": {"epochs": 1, "batch": 20}}
        self.compare(job, 1)


if __name__ == "__main__":
    BIN_DIR = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
