#!/usr/bin/env python3
"""A search goes on over everything that dies: it ends, with every network once and no Task stuck.

Usage: search_test.py BIN_DIR SCRIPTED_WORKER [NETWORKS [WORKERS [STRATEGY]]]

With NETWORKS above the 24 of every build, a proof that takes longer: 1000 networks by four workers
run some minutes. Ends with a line that says what was found.
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))
from installation import Installation, small_job  # noqa: E402

FLAGS = ("--epoch-ms", "2", "--pretrain-epochs", "1", "--linearize-epochs", "3",
         "--fine-tune-epochs", "1", "--checkpoint-seconds", "0")


def job(networks, strategy):
    return small_job(
        name="search", budgets={"fractions": [0.2, 0.05]}, objectives=["relus", "macs"],
        candidates={"space": {"base_channels": [2, 3, 4, 5], "multipliers": [1.5, 2, 2.5, 3, 4, 5, 6],
                              "layouts": ["full", "thinned"]}},
        search={"strategy": strategy}, limits={"max_trainings": networks, "max_attempts": 100})


def check(here, number, networks):
    """Nothing twice, nothing stuck; the hypervolume only grows."""
    tasks = here.sql("SELECT state, count(*) AS n FROM tasks WHERE job_id = ? GROUP BY state", number)
    assert [row["state"] for row in tasks] == ["SUCCEEDED"], tasks
    candidates = here.sql("SELECT network_hash, results_seen, reason FROM candidates_v"
                          " WHERE job = ? ORDER BY candidate", number)
    assert len(candidates) == networks, len(candidates)
    assert len({row["network_hash"] for row in candidates}) == networks
    seen = [row["results_seen"] for row in candidates]
    assert seen == sorted(seen), seen
    assert all(row["reason"] for row in candidates)
    results = here.sql("SELECT count(*) AS n, count(DISTINCT candidate) AS c FROM results_v"
                       " WHERE job = ?", number)[0]
    assert (results["n"], results["c"]) == (2 * networks, networks), results
    grown = [row["hypervolume"] for row in here.sql(
        "SELECT hypervolume FROM hypervolume_v WHERE job = ? ORDER BY result", number)]
    assert grown == sorted(grown) and len(grown) == 2 * networks and grown[-1] > 0, grown[-3:]
    detail = here.job(number)
    assert detail["job"]["state"] == "FINISHED", detail["job"]
    assert abs(detail["job"]["hypervolume"] - grown[-1]) < 1e-9
    assert "limits.max_trainings" in detail["job"]["search_message"], detail["job"]
    return grown[-1]


def main():
    bin_dir, worker = sys.argv[1:3]
    networks, workers = (int(word) for word in (sys.argv[3:5] + ["24", "3"][len(sys.argv) - 3:])[:2])
    strategy = sys.argv[5] if len(sys.argv) > 5 else "ehvi"
    start = time.monotonic()
    with Installation(bin_dir, lease_seconds=2) as here:
        here.start_server()
        running = [here.start_worker(f"w{i}", *FLAGS, program=worker) for i in range(workers)]
        number = here.submit(job(networks, strategy))
        kills = 0
        for share in (0.2, 0.4, 0.6, 0.8):
            here.wait_for(lambda: here.sql("SELECT count(*) AS n FROM results")[0]["n"]
                          >= share * 2 * networks, f"{share} of the results are there", 3600)
            if kills % 2 == 0:
                here.kill(here.server)
                here.start_server()
            else:
                here.kill(running[0])
                running[0] = here.start_worker("w0", *FLAGS, program=worker)
            kills += 1
        here.wait_for_job(number, timeout=3600)
        hypervolume = check(here, number, networks)
    print(f"{networks} networks by {workers} workers and {strategy}, {kills} kills: every network once,"
          f" no task stuck, hypervolume {hypervolume:.4f}, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
