#!/usr/bin/env python3
"""A job with a pretrained file, through the real programs.

Usage: pretrained_test.py BIN_DIR [unittest arguments]
"""

import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest

from installation import Installation, small_job
from job_test import write_image_folder

BIN_DIR = ""
NETWORK = "resnet18@4"


def teacher_job():
    """Images that a small network tells apart after a few epochs."""
    job = small_job(data={"set": "stripes", "classes": 3, "side": 16, "validation_images": 60},
                    candidates={"networks": [NETWORK]}, budgets={"fractions": [0.5]})
    job["stages"]["pretrain"].update({"epochs": 6, "batch": 20})
    return job


def bringing(file, network=NETWORK):
    job = teacher_job()
    job["candidates"] = {"networks": [network],
                         "pretrained": [{"network": network, "file": str(file)}]}
    # What training would do is not what happens.
    job["stages"]["pretrain"]["epochs"] = 3
    return job


def edit(path, name, change):
    """Writes the tensors of the safetensors file at `path` anew, `name`'s bytes changed."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    begin, end = (8 + length + offset for offset in
                  json.loads(content[8:8 + length])[name]["data_offsets"])
    content[begin:end] = change(content[begin:end])
    path.write_bytes(content)


class PretrainedTest(unittest.TestCase):
    """One installation in which a first job has trained a teacher for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.here = cls.enterClassContext(Installation(BIN_DIR, lease_seconds=10))
        cls.here.start_server()
        cls.folder = pathlib.Path(cls.here.folder.name)
        cls.data = f"stripes={cls.folder / 'images'}"
        write_image_folder(cls.folder / "images", train=80)
        cls.here.start_worker("w", "--threads", "1", "--data", cls.data)
        cls.first = cls.here.submit(teacher_job())
        assert cls.here.wait_for_job(cls.first)["job"]["state"] == "FINISHED"
        weights = cls.here.sql("SELECT weights_sha256 AS sha FROM tasks WHERE stage = 'pretrain'")
        cls.sha = weights[0]["sha"]
        cls.teacher = cls.folder / "teacher.safetensors"
        shutil.copy(cls.here.data / "artifacts" / cls.sha[:2] / f"{cls.sha}.safetensors",
                    cls.teacher)

    def pretrain_of(self, job):
        return next(task for task in self.here.job(job)["candidates"][0]["tasks"]
                    if task["stage"] == "pretrain")

    def refused(self, job, status=3):
        path = self.folder / "job.json"
        path.write_text(json.dumps(job))
        answer = self.here.client("submit", path, check=False)
        self.assertEqual(answer.returncode, status, answer.stderr)
        return answer.stderr

    def numbers(self, results):
        return [{key: value for key, value in r["report"].items() if key != "artifact"}
                for r in results]

    def test_a_pretrained_teacher_gives_the_results_of_the_job_that_trained_it(self):
        # Relative to the job file, which lies in the same folder.
        job = self.here.submit(bringing("teacher.safetensors"))
        detail = self.here.wait_for_job(job)
        self.assertEqual(detail["job"]["state"], "FINISHED", detail)
        pretrain = self.pretrain_of(job)
        self.assertEqual((pretrain["epochs_done"], pretrain["epochs_planned"]), (1, 1))
        self.assertEqual(pretrain["last_epoch"]["learning_rate"], 0)
        self.assertEqual(pretrain["last_epoch"]["validation_accuracy"],
                         self.pretrain_of(self.first)["last_epoch"]["validation_accuracy"])
        # Same weights, same seeds of the other stages: the same descent and fine-tune.
        self.assertEqual(self.numbers(self.here.results(job)["results"]),
                         self.numbers(self.here.results(self.first)["results"]))
        # Where it comes from stands with candidate, result, database and artifact.
        expected = hashlib.sha256(self.teacher.read_bytes()).hexdigest()
        candidate = detail["candidates"][0]
        self.assertEqual(candidate["pretrained_file"], "teacher.safetensors")
        self.assertEqual(candidate["pretrained_sha256"], expected)
        self.assertIsNone(self.here.job(self.first)["candidates"][0]["pretrained_sha256"])
        result = self.here.results(job)["results"][0]
        self.assertEqual(result["origin"], "named, pretrained file teacher.safetensors")
        row = self.here.sql("SELECT pretrained_file AS file, pretrained_sha256 AS sha "
                            "FROM candidates_v WHERE job = ?", job)[0]
        self.assertEqual((row["file"], row["sha"]), ("teacher.safetensors", expected))
        out = self.folder / "export"
        self.here.client("export", job, result["result"], "--out", out)
        content = (out / "weights.safetensors").read_bytes()
        metadata = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])["__metadata__"]
        self.assertEqual(metadata["pretrained_file"], "teacher.safetensors")
        self.assertEqual(metadata["pretrained_sha256"], expected)

    def test_reluscape_train_takes_the_same_job_file(self):
        path = self.folder / "alone.json"
        path.write_text(json.dumps(bringing("teacher.safetensors")))
        command = [str(pathlib.Path(BIN_DIR) / "reluscape-train"), str(path), "--out",
                   str(self.folder / "alone"), "--threads", "1", "--data", self.data]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        out = self.folder / "alone"
        alone = json.loads((out / "results-1.json").read_text())
        self.assertEqual(self.numbers(alone["results"]),
                         self.numbers(self.here.results(self.first)["results"]))
        detail = json.loads((out / "job-1.json").read_text())
        self.assertEqual(detail["candidates"][0]["pretrained_file"], "teacher.safetensors")
        # The same command finds everything done; another file is another job.
        again = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        self.assertNotIn("leased", again.stderr)
        other = self.folder / "other.safetensors"
        shutil.copy(self.teacher, other)
        edit(other, "classifier.bias", lambda raw: struct.pack("<f", 0.5) + raw[4:])
        path.write_text(json.dumps(bringing("other.safetensors")))
        second = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        self.assertIn("begins job 2", second.stderr)

    def test_a_file_that_does_not_fit_is_refused_before_it_is_sent(self):
        artifacts = self.here.sql("SELECT count(*) AS n FROM artifacts")[0]["n"]
        error = self.refused(bringing("teacher.safetensors", "resnet18@8"))
        self.assertIn("candidates.pretrained[0].file: teacher.safetensors holds no weights of "
                      "resnet18@8: the file is of the network", error)
        broken = self.folder / "broken.safetensors"
        broken.write_bytes(self.teacher.read_bytes()[:-4])
        self.assertIn("broken.safetensors holds no weights of resnet18@4: safetensors: ",
                      self.refused(bringing("broken.safetensors")))
        infinite = self.folder / "infinite.safetensors"
        shutil.copy(self.teacher, infinite)
        edit(infinite, "section1.block1.bn1.weight", lambda raw: raw[:4] + b"\0\0\x80\x7f" + raw[8:])
        self.assertIn("tensor section1.block1.bn1.weight: element 1 is inf",
                      self.refused(bringing("infinite.safetensors")))
        self.assertIn("cannot open", self.refused(bringing("nowhere.safetensors"), status=4))
        job = bringing("teacher.safetensors")
        job["candidates"]["pretrained"][0]["network"] = "resnet34@4"
        self.assertIn("candidates.pretrained[0]", self.refused(job))
        self.assertEqual(self.here.sql("SELECT count(*) AS n FROM artifacts")[0]["n"], artifacts)

    def test_weights_that_guess_end_the_task_with_what_was_measured(self):
        guessing = self.folder / "guessing.safetensors"
        shutil.copy(self.teacher, guessing)
        edit(guessing, "classifier.weight", lambda raw: bytes(len(raw)))
        job = self.here.submit(bringing("guessing.safetensors"))
        detail = self.here.wait_for_job(job)
        self.assertEqual(detail["job"]["state"], "FAILED")
        pretrain = self.pretrain_of(job)
        self.assertEqual(pretrain["attempt"], 1)  # no retry cures it
        self.assertIn("REFUSED: pretrained file guessing.safetensors", pretrain["message"])
        self.assertIn("found a validation accuracy of 33.33 % on 60 images; allowed: above "
                      "44.44 %", pretrain["message"])

    def test_validate_only_reads_the_file_and_stores_nothing(self):
        path = self.folder / "job.json"
        copy = self.folder / "copy.safetensors"
        shutil.copy(self.teacher, copy)
        edit(copy, "classifier.bias", lambda raw: struct.pack("<f", 0.25) + raw[4:])
        sha = hashlib.sha256(copy.read_bytes()).hexdigest()
        path.write_text(json.dumps(bringing("copy.safetensors")))
        preview = self.here.client_json("submit", path, "--validate-only")["preview"]
        self.assertEqual(preview["networks"][0]["origin"],
                         "named, pretrained file copy.safetensors")
        self.assertFalse((self.here.data / "artifacts" / sha[:2] / f"{sha}.safetensors").exists())


if __name__ == "__main__":
    BIN_DIR = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
