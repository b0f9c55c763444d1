"""Jobs of reluscape-train, and what their folders hold."""

import csv
import json
import shutil

NOT_RECORDED = "not recorded as a CUDA graph"


class Training:
    def __init__(self, context, name, job, folder=None):
        self.context, self.name = context, name
        self.folder = folder or context.out / "jobs" / name
        self._file = context.out / "jobs" / f"{name}.json"
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(job, indent=1))

    def line(self, device, *flags):
        # Without a GPU jobs are small: with several threads they mostly wait for each other.
        if not self.context.gpu:
            flags = ("--threads", 1, *flags)
        return [self.context.pack / "bin" / "reluscape-train", self._file, "--out", self.folder,
                "--device", device, *flags]

    def run(self, device, *flags, seconds=None, kill_at=""):
        return self.context.command(self.name, self.line(device, *flags), seconds,
                                    {"RELUSCAPE_KILL_AT": kill_at} if kill_at else None)

    def start(self, device, *flags):
        return self.context.background(self.name, self.line(device, *flags))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def epochs(self, number=1):
        """Rows of the learning curves, with numbers for text."""
        path = self.folder / "epochs.csv"
        if not path.exists():
            return []
        with open(path, newline="", encoding="utf-8") as file:
            return [{**row, **{key: float(row[key]) for key in ("loss", "validation_accuracy",
                                                                "seconds", "relus")}}
                    for row in csv.DictReader(file) if row["job"] == str(number)]

    def results(self, number=1):
        path = self.folder / f"results-{number}.json"
        return json.loads(path.read_text())["results"] if path.exists() else []

    def job(self, number=1):
        path = self.folder / f"job-{number}.json"
        return json.loads(path.read_text()) if path.exists() else None


def files(results):
    """The hashes of their weights and masks."""
    return sorted(result["report"]["artifact"]["sha256"] for result in results)


def curve(epochs):
    """What repeats of it, by place."""
    return {(row["candidate"], row["stage"], row["budget"], row["epoch"]):
            (row["loss"], row["relus"], row["validation_accuracy"]) for row in epochs}


def farthest(one, other):
    """The largest relative difference of two curves' losses; None where they have not the same
    epochs."""
    one, other = curve(one), curve(other)
    if not one or one.keys() != other.keys():
        return None
    return max(abs(one[key][0] - other[key][0]) / max(abs(other[key][0]), 1e-12) for key in one)
