#!/usr/bin/env python3
"""A job comes to the same results, bit for bit, with server and worker and with reluscape-train.

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
SAME = ("name", "network", "network_hash", "relus_with_stem", "macs", "parameters", "accuracy_test",
        "costs", "off_front", "on_front", "seeds", "recipe", "provenance", "report",
        "origin")


def essence(results):
    # Programs of one build folder may come from different commits after a partial build.
    for result in results:
        result["provenance"].pop("build_commit", None)
    return sorted(({key: result[key] for key in SAME} for result in results),
                  key=lambda result: (result["name"], result["seeds"]["pretrain"],
                                      result["report"]["budget"]))


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
        alone = json.loads((folder / "out" / "results-1.json").read_text())["results"]
        self.assertGreaterEqual(len(alone), fewest_results)
        self.assertEqual(essence(alone), essence(here.results(number)["results"]))
        return folder / "out", here.results(number)["results"]

    def test_descents(self):
        self.compare(tiny_job(candidates={"networks": ["resnet20@2"], "replicates": 2}), 4)

    def test_the_folder_is_one_that_a_server_goes_on_with(self):
        out, expected = self.compare(tiny_job(), 2)
        export = self.enterContext(tempfile.TemporaryDirectory())
        with Installation(BIN_DIR, data=out) as there:
            there.start_server()
            self.assertEqual(essence(there.results(1)["results"]), essence(expected))
            there.client("export", 1, 1, "--out", export)
            for name in ("weights.safetensors", "architecture.json", "result.json"):
                written = next((out / "results").glob(f"001-*/{name}"))
                self.assertEqual(pathlib.Path(export, name).read_bytes(), written.read_bytes())
            there.start_worker("w", "--threads", "1")
            self.assertEqual(there.submit(tiny_job(seed=9)), 2)
            self.assertEqual(there.wait_for_job(2)["job"]["state"], "FINISHED")
        # And back again.
        (out.parent / "job.json").write_text(json.dumps(tiny_job(seed=9)))
        again = subprocess.run([pathlib.Path(BIN_DIR) / "reluscape-train", out.parent / "job.json",
                                "--out", out, "--threads", "1"], check=True, timeout=300,
                               capture_output=True, text=True)
        self.assertIn("goes on with job 2", again.stderr)
        self.assertNotIn("leased", again.stderr)
        self.assertEqual(len(json.loads((out / "results-2.json").read_text())["results"]), 2)

    def test_networks_that_are_trained_whole(self):
        job = tiny_job(candidates={"deepreduce": [
            {"backbone": "resnet18@2", "max_culled": 1, "channel_scales": [1]}]})
        del job["budgets"]
        job["stages"] = {"pretrain": {"epochs": 1, "batch": 20}}
        self.compare(job, 1)


if __name__ == "__main__":
    BIN_DIR = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
