#!/usr/bin/env python3
"""A drill, too long for every build: the coordinator, then workers, are killed as `kill -9` does, at
any moment, a hundred times each, while jobs run. Nothing that was accepted may be lost, doubled or
stuck, and every job must end with the results of an undisturbed run.

Usage: kill_drill.py BIN_DIR SCRIPTED_WORKER [KILLS [SEED]]

Ends with a line that says what was killed and found. Runs some six minutes with 100 kills.
"""

import json
import pathlib
import random
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/e2e")
from installation import Installation, small_job  # noqa: E402

FLAGS = ("--epoch-ms", "30", "--checkpoint-seconds", "0")


def job(seed):
    return small_job(seed=seed, candidates={"networks": ["resnet20@2", "resnet20@3"]},
                     limits={"max_attempts": 100})


def results(here, number):
    return sorted((r["name"], r["report"]["budget"], json.dumps(r["report"]))
                  for r in here.results(number)["results"])


def drill(bin_dir, worker, kills, rng, what):
    """Kills `what` that often; returns (kills, jobs, results)."""
    with Installation(bin_dir, lease_seconds=2) as here:
        here.start_server()

        def start(name):
            return here.start_worker(name, *FLAGS, program=worker)
        workers = {name: start(name) for name in ("a", "b", "c")}
        jobs = []
        last = {}  # results that were seen, by job
        killed = 0
        while killed < kills:
            if not jobs or here.sql("SELECT count(*) AS n FROM jobs WHERE state = 'RUNNING'"
                                    )[0]["n"] < 2:
                jobs.append(here.submit(job(len(jobs) + 1)))
            time.sleep(rng.uniform(0.05, 1.2))
            if what == "coordinator":
                here.kill(here.server)
                here.start_server()
            else:
                name = rng.choice(sorted(workers))
                here.kill(workers[name])
                workers[name] = start(name)
            killed += 1
            # What was there once stays.
            for row in here.sql("SELECT result_id AS id, relus, artifact_sha256 AS sha FROM results"):
                assert last.setdefault(row["id"], row) == row, f"result changed: {row}"
            gone = set(last) - {row["id"] for row in here.sql("SELECT result_id AS id FROM results")}
            assert not gone, f"results {gone} are gone"
        for number in jobs:
            detail = here.wait_for_job(number)
            assert detail["job"]["state"] == "FINISHED", detail["job"]["message"]
        doubled = here.sql("SELECT candidate_id, budget FROM results GROUP BY 1, 2"
                           " HAVING count(*) > 1")
        assert not doubled, doubled
        found = [results(here, number) for number in jobs]

    with Installation(bin_dir) as calm:
        calm.start_server()
        calm.start_worker("only", *FLAGS, program=worker)
        for seed, expected in enumerate(found, start=1):
            number = calm.submit(job(seed))
            calm.wait_for_job(number)
            assert results(calm, number) == expected, f"job {seed} differs from an undisturbed run"
    return killed, len(found), sum(len(one) for one in found)


def main():
    bin_dir, worker = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    kills = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    for what in ("coordinator", "workers"):
        begin = time.monotonic()
        killed, jobs, count = drill(bin_dir, worker, kills, rng, what)
        print(f"{what}: {killed} kills during {jobs} jobs; {count} results, none lost, doubled or"
              f" different from an undisturbed run; {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
