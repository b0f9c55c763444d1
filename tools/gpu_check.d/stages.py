"""Every stage with recorded steps against the same with eager ones and against plain PyTorch."""

import signal
import sys

import kernels
import report
import training

# Two steps an epoch: one that is recorded after three, and the smaller one that never is.
EPOCHS = 20
STEPS = f"pretrain, descent and fine-tune of {EPOCHS} epochs"
PRECISIONS = ("float32", "tf32", "bfloat16")
JOB = {
    "name": "stages",
    "data": {"set": "synthetic", "train_images": 56, "validation_images": 40, "test_images": 40},
    "candidates": {"networks": ["resnet18@4"]},
    "budgets": {"fractions": [0.5]},
    "stages": {
        "pretrain": {"epochs": EPOCHS, "batch": 40, "learning_rate": 0.05},
        "linearize": {"batch": 40, "max_epochs": 100, "mask_learning_rate": 0.02, "lambda": 0.02},
        "fine_tune": {"epochs": EPOCHS, "batch": 40},
    },
    "seed": 7,
}
# Kernels that are chosen by timing add up in another order in every process.
CHOSEN_TOLERANCE = 1e-3
KILL_EPOCHS = 15  # so that every stage is cut at least once
MOST_STARTS = 15
FEWEST_STARTS = 3  # below that nothing was killed
FLAGS = ("--checkpoint-seconds", "0")


def job(precision, deterministic):
    return {**JOB, "stages": {**JOB["stages"], "precision": precision,
                              "deterministic": deterministic}}


def reference(context, device, precision):
    script = context.pack / "tests" / "torch" / "reference" / "reference_test.py"
    what = (f"tests/torch/reference, {device}, {precision}: 20 steps of each stage and a descent in "
            "miniature")
    command = [sys.executable, script, context.pack / "bin" / "tests_torch_reference_run"]
    if device != "cpu":
        command += ["--device", device, "--precision", precision]
    process = context.command(f"reference-{device}-{precision}", command, 60)
    passed = process.status == 0
    lines = process.output().strip().splitlines()
    context.row(what, lines[-1] if passed and lines else process.fate(),
                "as plain PyTorch on the CPU in float32, as near as the test says",
                report.OK if passed else report.FAILED,
                **({} if passed else {"output": process.output()[-2000:]}))


def finished(context, run, process):
    if process.status == 0 and run.results():
        return True
    context.row(run.name, process.fate(), "the job finishes", report.FAILED,
                output=process.output()[-2000:])
    return False


def train(context, name, precision, deterministic, *flags):
    """The run and what it said; None where it failed, which is said."""
    run = training.Training(context, name, job(precision, deterministic))
    process = run.run(context.device, *FLAGS, *flags, seconds=40)
    return (run, process.output()) if finished(context, run, process) else None


def compare(context, what, run, other, exact):
    difference = training.farthest(run.epochs(), other.epochs())
    same = training.files(run.results()) == training.files(other.results())
    if exact:
        passed = same and training.curve(run.epochs()) == training.curve(other.epochs())
        expected = "bit for bit"
    else:
        passed = difference is not None and difference <= CHOSEN_TOLERANCE
        expected = f"losses within {CHOSEN_TOLERANCE:g}"
    found = ("other epochs" if difference is None else
             f"losses within {difference:.1e}, weights and masks {'equal' if same else 'differ'}")
    context.row(what, found, expected, report.OK if passed else report.FAILED, difference=difference)


def recorded_against_eager(context, precision):
    """The recorded run; None where it failed."""
    what = f"{precision}, deterministic: {STEPS}, recorded against eager"
    if not context.gpu:
        context.no_gpu(what, "bit for bit")
        return None
    recorded = train(context, f"recorded-{precision}", precision, True)
    if recorded is None:
        return None
    run, said = recorded
    failures = [line for line in said.splitlines() if training.NOT_RECORDED in line]
    context.row(f"{precision}: steps are recorded", failures[0] if failures else "yes", "yes",
                report.FAILED if failures else report.OK)
    eager = train(context, f"eager-{precision}", precision, True, "--no-cuda-graphs")
    if eager:
        compare(context, what, run, eager[0], exact=True)
    return run


def in_pieces(context, whole):
    """The same, but killed in the middle of an epoch again and again."""
    run = training.Training(context, "killed", job("float32", True))
    starts, process = 0, None
    while starts < MOST_STARTS and (process is None or process.status == -signal.SIGKILL):
        process = run.run(context.device, *FLAGS, seconds=40,
                          kill_at=f"worker.mid_epoch@{KILL_EPOCHS}")
        starts += 1
    what = f"float32, deterministic: killed within an epoch and gone on with, {starts} starts"
    if starts < FEWEST_STARTS:
        context.row(what, process.fate(), f"at least {FEWEST_STARTS} starts", report.FAILED)
    elif finished(context, run, process):
        compare(context, f"{what}, against one start", run, whole, exact=True)


def chosen(context):
    """As jobs are by default: with kernels that cuDNN finds fastest."""
    recorded = train(context, "recorded-chosen", "float32", False)
    eager = train(context, "eager-chosen", "float32", False, "--no-cuda-graphs")
    if recorded and eager:
        compare(context, f"float32: {STEPS}, recorded against eager", recorded[0], eager[0],
                exact=False)


def check(context):
    if context.gpu:
        kernels.row(context, "worker/torch/step_graph_test", "all pass; on a GPU none is skipped",
                    kernels.gtest(context, "worker_torch_step_graph_test", needs_gpu=True))
        reference(context, "cuda", "float32")
    else:
        context.no_gpu("step_graph_test: 20 replayed steps are those of the host")
        reference(context, "cpu", "float32")
        context.no_gpu(f"tests/torch/reference, cuda, {', '.join(PRECISIONS)}")
    runs = {precision: recorded_against_eager(context, precision) for precision in PRECISIONS}
    whole = runs.get("float32")
    if not context.gpu:
        own = train(context, "whole", "float32", True)
        whole = own and own[0]
    if whole:
        in_pieces(context, whole)
    if context.gpu:
        chosen(context)
        for precision in PRECISIONS[1:]:
            reference(context, "cuda", precision)
