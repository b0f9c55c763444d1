"""Anchors: results on the axes of the literature (docs/anchors.md), as far as the time allows."""

import json
import re
import statistics

import job
import report
import training

RELUS = 49152
EXPORT_S = 8  # from SIGTERM until the folder is left, and to read it
LEAST_S = 10


def anchors(context):
    """Job files. On a GPU the network and all images; elsewhere what exercises this script."""
    if not context.gpu:
        small = {"pretrain": {"epochs": 2, "batch": 32},
                 "linearize": {**job.STAGES["linearize"], "max_epochs": 40},
                 "fine_tune": {"epochs": 2, "batch": 32}}
        return [{"name": "anchor at a small size, fast",
                 "data": {"set": "cifar10", "train_images": 600, "validation_images": 300,
                          "test_images": 300},
                 "candidates": {"networks": ["resnet18@2"]}, "budgets": {"relus": [RELUS // 10]},
                 "stages": {"preset": "fast", **small}, "seed": 1}]
    common = {"data": {"set": "cifar10"}, "candidates": {"networks": ["resnet18@64"]},
              "budgets": {"relus": [RELUS]}, "seed": 1}
    # tf32 is what the public code computes in, with PyTorch's defaults.
    return [{**common, "name": "anchor, fast", "stages": {"preset": "fast", "precision": "bfloat16"}},
            {**common, "name": "anchor, snl-2022",
             "stages": {"preset": "snl-2022", "precision": "tf32"}}]


def number_of(run, name):
    """Of the newest job of that name in the folder; None where there is none."""
    numbers = [int(re.search(r"job-(\d+)", path.name)[1]) for path in run.folder.glob("job-*.json")
               if json.loads(path.read_text())["job"]["name"] == name]
    return max(numbers, default=None)


def progress(detail):
    return ", ".join(f"{task['stage']} {task['state']} {task['epochs_done']} of "
                     f"{task['epochs_planned']} epochs" for task in detail["candidates"][0]["tasks"])


def images_per_second(context, what, epochs, train_images):
    """Training images by the whole time of an epoch, which ends with the validation images. The
    first epoch of a stage also chooses kernels."""
    found = {}
    for stage in ("pretrain", "linearize", "fine-tune"):
        seconds = [row["seconds"] for row in epochs if row["stage"] == stage][1:]
        if seconds:
            found[stage] = train_images / statistics.median(seconds)
    if found:
        context.row(f"{what}: training images per second, evaluation in it",
                    ", ".join(f"{stage} {rate:,.0f}" for stage, rate in found.items()), "",
                    report.MEASURED, images_per_second=found)


def form(folder):
    """What the images are read from; JPEG is lossy."""
    endings = {path.suffix.lower() for path in folder.rglob("*") if path.is_file()}
    return "JPEG" if endings & {".jpg", ".jpeg"} else "official binary files"


def tell(context, what, run, number, process, images):
    detail = run.job(number)
    epochs, results = run.epochs(number), run.results(number)
    spec = json.loads(detail["spec_json"])
    state = detail["job"]["state"]
    if state == "FAILED" or (process.status not in (0, None) and process.status != 130):
        context.row(what, f"{state}; {process.fate()}; {progress(detail)}", "finishes", report.FAILED,
                    output=process.output()[-2000:])
        return False
    teacher = [row["validation_accuracy"] for row in epochs if row["stage"] == "pretrain"]
    for result in results:
        known = result["provenance"]
        test = result["accuracy_test"]
        context.row(
            f"{what}: {result['name']}, {result['report']['relus']:,} ReLUs, {known['precision']}, "
            f"seed {spec['seed']}",
            f"validation {100 * result['report']['accuracy_validation']:.2f} %, test "
            f"{'sealed' if test is None else f'{100 * test:.2f} %, read once'}; teacher "
            f"{100 * teacher[-1]:.2f} % (validation); {known['train_images']:,} training, "
            f"{known['validation_images']:,} validation, {known['test_images']:,} test images, {images}; "
            f"{sum(row['seconds'] for row in epochs) / 60:.1f} minutes on {known['device']}",
            "", report.MEASURED, result=result, teacher_validation=teacher[-1])
    if results:
        images_per_second(context, what, epochs, results[0]["provenance"]["train_images"])
    else:
        # The default of CIFAR-10: a tenth of 50,000 is held out.
        images_per_second(context, what, epochs, spec["data"]["train_images"] or 45000)
    if state != "FINISHED":
        context.row(what, progress(detail), f"goes on with --resume {run.folder}", report.NO_TIME)
    return state == "FINISHED"


def check(context):
    folder = job.unpacked(context)
    if folder is None:
        return
    for spec in anchors(context):
        run = training.Training(context, re.sub(r"\W+", "-", spec["name"]), spec,
                                context.options.resume or context.out / "anchor")
        seconds = context.left() - EXPORT_S
        if seconds < LEAST_S:
            context.row(spec["name"], "", "", report.NO_TIME)
            return
        process = run.run(context.device, "--unseal", *job.data_flags(context, folder),
                          seconds=seconds)
        number = number_of(run, spec["name"])
        if number is None:
            context.row(spec["name"], process.fate(), "begins", report.FAILED,
                        output=process.output()[-2000:])
            return
        if not tell(context, spec["name"], run, number, process, form(folder)):
            return
