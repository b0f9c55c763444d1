#!/usr/bin/env python3
"""`ehvi` against `random` on CIFAR-10 images, with the same device time each.

Usage:  search_cifar10.py TRAIN IMAGES FOLDER ROWS [--seeds 3] [--hours 0.08]
  TRAIN    reluscape-train
  IMAGES   CIFAR-10 as class folders or in its own format (docs/data-sets.md)
  FOLDER   for the jobs' folders; what is done there is not done again
  ROWS     the CSV file to write, a row per strategy and seed; beside it ROWS with -curves before its
           ending: the hypervolume after every result
Each search has the device time of --hours on one thread. Then the networks of its final front are
trained again with another seed, by the same recipe, and scored by the test images, which have
selected nothing. Both hypervolumes are measured in one fixed box: errors up to that of guessing,
ReLUs by their logarithm.
"""
import argparse
import csv
import json
import math
import pathlib
import sqlite3
import subprocess
import sys

BOX = (100, 20000)  # ReLUs
CHANCE = 0.1
JOB = {
    "data": {"set": "cifar10", "train_images": 1000, "validation_images": 1000,
             "test_images": 2000},
    "budgets": {"fractions": [0.3, 0.15, 0.07, 0.03]},
    "stages": {
        "pretrain": {"epochs": 10, "batch": 32, "learning_rate": 0.1, "nesterov": True,
                     "weight_decay": 0.001, "schedule": "one_cycle", "warmup_fraction": 0.3},
        "linearize": {"max_epochs": 60, "batch": 64, "mask_learning_rate": 0.01, "lambda": 0.003,
                      "lambda_growth_per_epoch": 1.35, "check_interval_steps": 4},
        "fine_tune": {"epochs": 2, "batch": 32, "learning_rate": 0.01, "schedule": "cosine"},
        "augmentation": {"crop_padding": 2, "flip": True}},
    "objectives": ["relus"],
}
SPACE = {"base_channels": [2, 3], "multipliers": [1, 1.5, 2, 3], "layouts": ["full", "thinned"]}


def hypervolume(points):
    """Of (ReLUs, accuracy), as a part of the box."""
    area, best = 0.0, CHANCE
    scaled = sorted((max(0.0, math.log(relus / BOX[0]) / math.log(BOX[1] / BOX[0])), accuracy)
                    for relus, accuracy in points)
    for cost, accuracy in scaled:
        if cost < 1 and accuracy > best:
            area += (1 - cost) * (accuracy - best) / (1 - CHANCE)
            best = accuracy
    return area


class Folder:
    def __init__(self, arguments, name):
        self.arguments = arguments
        self.path = arguments.folder / name

    def run(self, job, *options):
        """Works on `job` until it has ended; ends this program where it fails."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.with_suffix(".job.json")
        file.write_text(json.dumps({**JOB, **job}, indent=2))
        run = subprocess.run([self.arguments.train, file, "--data",
                              f"cifar10={self.arguments.images}", "--out", self.path, "--threads",
                              "1", "--workers", "1", *options], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, check=False)
        if run.returncode != 0:
            sys.exit(f"{self.path}: {run.stderr[-2000:]}")

    def rows(self, query):
        database = sqlite3.connect(f"file:{self.path / 'reluscape.db'}?mode=ro", uri=True)
        return database.execute(query).fetchall()


def compare(arguments, strategy, seed):
    """The row and the curve of one search."""
    search = Folder(arguments, f"{strategy}-{seed}")
    search.run({"name": f"{strategy} {seed}", "candidates": {"space": SPACE},
                "search": {"strategy": strategy, "initial": 5}, "seed": seed,
                "limits": {"max_device_hours": arguments.hours}})
    found = search.rows("SELECT relus, accuracy_validation FROM results_v")
    front = [name for (name,) in search.rows("SELECT DISTINCT name FROM front_v ORDER BY name")]
    curve = search.rows("SELECT trainings, device_seconds, hypervolume FROM hypervolume_v"
                        " ORDER BY result")
    again = Folder(arguments, f"{strategy}-{seed}-again")
    again.run({"name": f"front of {strategy} {seed}", "candidates": {"networks": front},
               "seed": 1000 + seed}, "--unseal")
    fresh = again.rows("SELECT relus, accuracy_test FROM results_v")
    row = [strategy, seed, curve[-1][0], round(curve[-1][1], 1), len(front),
           round(hypervolume(found), 5), round(hypervolume(fresh), 5)]
    return row, [[strategy, seed, *point] for point in curve]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["train", "images", "folder", "rows"]:
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hours", type=float, default=0.08)
    arguments = parser.parse_args()
    rows, curves = [], []
    for seed in range(1, arguments.seeds + 1):
        for strategy in ["ehvi", "random"]:
            row, curve = compare(arguments, strategy, seed)
            rows.append(row)
            curves += curve
            print(*row, flush=True)
    beside = arguments.rows.with_name(f"{arguments.rows.stem}-curves{arguments.rows.suffix}")
    for file, header, lines in [
            (arguments.rows, ["strategy", "seed", "trainings", "device_seconds", "front_networks",
                              "hypervolume_validation", "hypervolume_fresh_test"], rows),
            (beside, ["strategy", "seed", "trainings", "device_seconds", "hypervolume"], curves)]:
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(lines)


if __name__ == "__main__":
    main()
