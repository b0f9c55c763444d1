#!/usr/bin/env python3
"""Real workers on real files: one has no data, a broken image, another copy, no room for artifacts,
or all of it at once, beside one that is right. The job ends with the artifacts of an undisturbed run.

Usage: wrong_data_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import resource
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import Installation, small_job  # noqa: E402
from job_test import write_image_folder  # noqa: E402

BIN_DIR = ""


def stripes_job(**data):
    return small_job(data={"set": "stripes", "classes": 3, "side": 16, **data},
                     budgets={"relus": [500]})


def no_room():
    """No file of this process grows beyond 64 kB: what a full disk is to it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))


class WrongDataTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.right = pathlib.Path(cls.folder.name) / "right"
        write_image_folder(cls.right)
        with Installation(BIN_DIR, lease_seconds=10) as here:
            here.start_server()
            cls.start(here, "only", cls.right)
            number = here.submit(stripes_job())
            here.wait_for_job(number)
            results = here.results(number)["results"]
        cls.data_hash = results[0]["provenance"]["data_hash"]
        cls.expected = [(r["report"]["budget"], r["report"]["artifact"]) for r in results]
        assert len(cls.expected) == 1

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @staticmethod
    def start(here, worker_id, data, **options):
        return here.start_worker(worker_id, "--threads", "1", "--checkpoint-seconds", "0", "--data",
                                 f"stripes={data}", **options)

    def setUp(self):
        self.here = self.enterContext(Installation(BIN_DIR, lease_seconds=10))
        self.here.start_server()

    def copy(self, name):
        """Another copy of the images, to be spoilt."""
        path = pathlib.Path(self.here.folder.name) / name
        shutil.copytree(self.right, path)
        return path

    def changed_copy(self):
        path = self.copy("changed")
        # One image of another class: what a disk, a tool or a colleague may have done.
        shutil.copy(path / "train" / "across" / "001.png", path / "train" / "down" / "001.png")
        return path

    def wait_for_message(self, number, words):
        self.here.wait_for(lambda: words in self.here.job(number)["job"]["message"],
                           f"the job says {words!r}")

    def expect_as_undisturbed(self, number, dead=""):
        """No Attempt was lost but of the worker `dead`, which was killed."""
        detail = self.here.wait_for_job(number)
        self.assertEqual(detail["job"]["state"], "FINISHED", detail["job"]["message"])
        results = self.here.results(number)["results"]
        self.assertEqual([(r["report"]["budget"], r["report"]["artifact"]) for r in results], self.expected)
        lost = self.here.sql("SELECT detail FROM events WHERE worker <> ? AND kind IN"
                             " ('task.retried', 'lease.expired', 'task.failed')", dead)
        self.assertEqual(lost, [])

    def test_no_folder_a_broken_image_and_no_room(self):
        # The built-in images are drawn, so this one comes to train and finds no room for the result.
        number = self.here.submit(stripes_job())
        self.start(self.here, "nofolder", "/nowhere/stripes")
        self.wait_for_message(number, "/nowhere/stripes")
        broken = self.copy("broken")
        image = broken / "train" / "down" / "003.png"
        image.write_bytes(image.read_bytes()[:60])
        self.start(self.here, "broken", broken)
        self.here.wait_for(lambda: any("down/003.png" in text for text in
                                       self.here.job(number)["job"]["obstacles"]),
                           "the broken image is named")
        self.start(self.here, "noroom", self.right, before=no_room)
        self.here.wait_for(lambda: self.here.sql(
            "SELECT 1 FROM events WHERE kind = 'task.handed_back' AND worker = 'noroom'"),
            "the full one hands its task back")
        self.here.wait_for(lambda: any("noroom" in text for text in
                                       self.here.job(number)["job"]["obstacles"]),
                           "the full one is named")
        listing = self.here.client("workers").stdout
        for words in ("/nowhere/stripes", "down/003.png", "File too large"):
            self.assertIn(words, listing)
        self.start(self.here, "right", self.right)
        self.expect_as_undisturbed(number)

    def test_another_copy_where_the_job_states_its_hash(self):
        self.start(self.here, "wrong", self.changed_copy())
        number = self.here.submit(stripes_job(hash=self.data_hash))
        self.wait_for_message(number, self.data_hash)
        self.start(self.here, "right", self.right)
        self.expect_as_undisturbed(number)

    def test_another_copy_first_and_a_choice(self):
        # It pretrains and ends in the descent: alone and alive it might end the whole job.
        wrong = self.start(self.here, "wrong", self.changed_copy(), kill_at="worker.mid_epoch@5")
        number = self.here.submit(stripes_job())
        self.here.wait_killed(wrong)
        trained = self.here.sql("SELECT state FROM tasks WHERE stage = 'pretrain'")
        self.assertEqual(trained, [{"state": "SUCCEEDED"}])
        self.start(self.here, "right", self.right)
        self.wait_for_message(number, "2 copies of data set stripes")
        self.here.client("data", number, "--use", self.data_hash)
        self.expect_as_undisturbed(number, dead="wrong")

    def test_a_copy_that_is_mended_is_used_without_a_restart(self):
        changed = self.changed_copy()
        self.start(self.here, "w", changed)
        number = self.here.submit(stripes_job(hash=self.data_hash))
        self.wait_for_message(number, self.data_hash)
        shutil.rmtree(changed)
        shutil.copytree(self.right, changed)
        self.expect_as_undisturbed(number)


if __name__ == "__main__":
    BIN_DIR = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
