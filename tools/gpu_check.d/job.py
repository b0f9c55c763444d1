"""One job on real images on the GPU, with graphs and without, and on the CPU."""

import math
import os
import statistics
import sys

import report
import stages
import training

BATCH = 32
SEEDS = 3
# Kind of docs/jobs/resnet18-fast.json, but so short that a CPU keeps up: lambda has to move faster.
STAGES = {
    "pretrain": {"epochs": 4, "batch": BATCH, "learning_rate": 0.05, "nesterov": True,
                 "schedule": "one_cycle"},
    "linearize": {"batch": BATCH, "mask_learning_rate": 0.02, "check_interval_steps": 5,
                  "max_epochs": 20, "lambda_schedule": "planned", "planned_epochs": 4,
                  "feedback_interval_steps": 2, "feedback_factor": 1.3, "lambda": 0.001},
    "fine_tune": {"epochs": 2, "batch": BATCH, "learning_rate": 0.01, "nesterov": True,
                  "schedule": "cosine"},
}
# A difference of means is noise up to so many of its standard errors.
STANDARD_ERRORS = 3


def begin(context, parts):
    """Unpacks the images beside the first parts, which time nothing."""
    if {"job", "anchor"} & set(parts):
        archive = next((context.pack / "images").iterdir())
        context.unpacking = context.background(
            "unpack", [sys.executable, "-m", "tarfile", "-e", archive, context.out / "images"],
            kept=True)


def unpacked(context):
    """The folder of the images, or None, which is said."""
    process = context.unpacking
    process.wait(context.left())
    if process.status != 0:
        context.row("images", process.fate(), "the archive is unpacked", report.FAILED,
                    output=process.output()[-2000:])
        return None
    return context.out / "images"


def data_flags(context, folder):
    return ("--data", f"cifar10={folder}", "--data-cache", context.out / "decoded")


def job(context, replicates, deterministic=False):
    train, validation = (3000, 3000) if context.gpu else (400, 300)
    return {"name": "real images",
            "data": {"set": "cifar10", "train_images": train, "validation_images": validation,
                     "test_images": 1000},
            "candidates": {"networks": ["resnet18@2"], "replicates": replicates},
            "budgets": {"fractions": [0.3, 0.1]},
            "stages": {**STAGES, "precision": "float32", "deterministic": deterministic}, "seed": 3}


def by_budget(results):
    found = {}
    for result in results:
        found.setdefault(result["report"]["budget"], []).append(result)
    return found


def counts(context, what, run):
    """That every result keeps exactly its budget, by its layers too."""
    wrong = [result for result in run.results()
             if not result["report"]["relus"] == result["report"]["budget"]
             == sum(layer["kept"] for layer in result["report"]["layers"])]
    budgets = by_budget(run.results())
    text = ", ".join(f"{budget:,} x {len(found)}" for budget, found in sorted(budgets.items()))
    context.row(f"{what}: ReLUs kept", text, "exactly the budget, in sum over the layers",
                report.FAILED if wrong or not budgets else report.OK)


def accuracies(results):
    return [result["report"]["accuracy_validation"] for result in results]


def standard_error(one, other, images_):
    """Of the difference of two means. A seed's accuracy scatters at least as a share of that many
    images does; by how much more, the seeds say."""
    share = statistics.fmean(one + other)
    drawn = share * (1 - share) / images_
    spread = statistics.fmean([statistics.variance(values) for values in (one, other)])
    return math.sqrt(max(spread, drawn) * (1 / len(one) + 1 / len(other)))


def compare(context, what, run, other):
    ours, theirs = by_budget(run.results()), by_budget(other.results())
    if ours.keys() != theirs.keys():
        context.row(f"{what}: budgets", f"{sorted(ours)} and {sorted(theirs)}", "equal", report.FAILED)
        return
    for budget in sorted(ours, reverse=True):
        one, two = accuracies(ours[budget]), accuracies(theirs[budget])
        error = standard_error(one, two, ours[budget][0]["provenance"]["validation_images"])
        difference = statistics.fmean(one) - statistics.fmean(two)
        context.row(
            f"{what}, {budget:,} ReLUs, validation accuracy, means of {len(one)} seeds",
            f"{100 * statistics.fmean(one):.2f} and {100 * statistics.fmean(two):.2f} %",
            f"within {STANDARD_ERRORS} standard errors, {100 * STANDARD_ERRORS * error:.2f} points",
            report.OK if abs(difference) <= STANDARD_ERRORS * error else report.FAILED,
            accuracies=[one, two])


def repeats(context, folder):
    runs = {}
    names = {"deterministic": (), "deterministic-again": ()}
    if context.gpu:
        names["deterministic-eager"] = ("--no-cuda-graphs",)
    for name, flags in names.items():
        run = training.Training(context, name, job(context, 1, deterministic=True))
        process = run.run(context.device, *data_flags(context, folder), *flags, seconds=40)
        if not stages.finished(context, run, process):
            return
        runs[name] = run
    first = runs["deterministic"]
    stages.compare(context, "deterministic: the same job again", runs["deterministic-again"], first,
                   exact=True)
    if context.gpu:
        stages.compare(context, "deterministic: with graphs and without", first,
                       runs["deterministic-eager"], exact=True)


def check(context):
    folder = unpacked(context)
    if folder is None:
        return
    flags = data_flags(context, folder)
    spec = job(context, SEEDS if context.gpu else 2)
    own = training.Training(context, context.device, spec)
    if not stages.finished(context, own, own.run(context.device, *flags)):
        return
    counts(context, context.device, own)
    if not context.gpu:
        context.no_gpu("the job on a GPU, with graphs and without, against the CPU")
        repeats(context, folder)
        return
    # Beside what comes next: it takes the longest, and is not timed.
    on_cpu = training.Training(context, "cpu", spec)
    threads = max(1, len(os.sched_getaffinity(0)) - 2)
    process = on_cpu.start("cpu", "--threads", threads, *flags)
    repeats(context, folder)
    eager = training.Training(context, "cuda-eager", spec)
    if stages.finished(context, eager, eager.run("cuda", "--no-cuda-graphs", *flags)):
        counts(context, "cuda without graphs", eager)
        compare(context, "with graphs and without", own, eager)
    process.wait(context.left())
    if process.status is None:
        context.row("the job on the CPU", process.fate(), "", report.NO_TIME)
    elif stages.finished(context, on_cpu, process):
        counts(context, "cpu", on_cpu)
        compare(context, "GPU and CPU", own, on_cpu)
