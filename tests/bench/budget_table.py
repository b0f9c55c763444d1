#!/usr/bin/env python3
"""Trains 40 small networks on CIFAR-10 with two seeds and four budgets each, and writes what they came
to as a table: what tests/bench/budget_bench searches in.

Usage:  budget_table.py TRAIN IMAGES FOLDER TABLE [--threads N] [--workers N]
  TRAIN    reluscape-train
  IMAGES   CIFAR-10 as class folders or in its own format (docs/data-sets.md)
  FOLDER   reluscape-train's --out; what is done there is not done again
  TABLE    the CSV file to write
A network takes less than a minute on one core. The rows are those of the stored results.
"""
import argparse
import csv
import itertools
import json
import pathlib
import random
import sqlite3
import subprocess
import sys

NETWORKS = 40
FRACTIONS = [0.3, 0.15, 0.07, 0.03]
BASE_CHANNELS = [2, 3]
MULTIPLIERS = ["1", "1.5", "2", "3"]
LAYOUTS = ["", "+thinned"]
# From images to the last fine-tune in about 40 s: the order of networks is asked for, not how far
# they would come.
JOB = {
    "name": "table of budgets",
    "data": {"set": "cifar10", "train_images": 1000, "validation_images": 1000, "test_images": 100},
    "budgets": {"fractions": FRACTIONS},
    "stages": {
        "pretrain": {"epochs": 10, "batch": 32, "learning_rate": 0.1, "nesterov": True,
                     "weight_decay": 0.001, "schedule": "one_cycle", "warmup_fraction": 0.3},
        "linearize": {"max_epochs": 60, "batch": 64, "mask_learning_rate": 0.01, "lambda": 0.003,
                      "lambda_growth_per_epoch": 1.35, "check_interval_steps": 4},
        "fine_tune": {"epochs": 2, "batch": 32, "learning_rate": 0.01, "schedule": "cosine"},
        "augmentation": {"crop_padding": 2, "flip": True}},
    "objectives": ["relus"],
    "seed": 1,
}
COLUMNS = """SELECT name, replicate, budget, relus, macs, parameters, accuracy_validation,
 seconds_pretrain, seconds_linearize, seconds_fine_tune, threads, device, build_commit
 FROM results_v ORDER BY name, replicate, budget DESC"""


def networks():
    space = [f"hrn-{'x'.join(m)}x@{base}{layout}"
             for base, m, layout in itertools.product(
                 BASE_CHANNELS, itertools.product(MULTIPLIERS, repeat=3), LAYOUTS)]
    return sorted(random.Random(1).sample(space, NETWORKS))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--workers", default="1")
    arguments = parser.parse_args()
    job = {**JOB, "candidates": {"networks": networks(), "replicates": 2}}
    arguments.folder.parent.mkdir(parents=True, exist_ok=True)
    file = arguments.folder.with_suffix(".job.json")
    file.write_text(json.dumps(job, indent=2))
    run = subprocess.run([arguments.train, file, "--data", f"cifar10={arguments.images}", "--out",
                          arguments.folder, "--threads", arguments.threads, "--workers",
                          arguments.workers], check=False)
    database = sqlite3.connect(f"file:{arguments.folder / 'reluscape.db'}?mode=ro", uri=True)
    rows = database.execute(COLUMNS)
    with arguments.table.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column[0] for column in rows.description])
        writer.writerows(rows)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
