"""Our kernels against the reference: the project's own tests of them, on the host and on the GPU."""

import json
import pathlib
import shutil

import report

SANITIZED = {"memcheck": "no access out of bounds", "racecheck": "no race in shared memory"}
SANITIZER_S = 20


def gtest(context, test, *, needs_gpu, arguments=(), before=(), seconds=60, environment=None):
    """Runs a test program; returns (found, whether it passed, process)."""
    document = context.out / "logs" / f"{test}.json"
    document.unlink(missing_ok=True)
    process = context.command(test, [*before, context.pack / "bin" / test,
                                     f"--gtest_output=json:{document}", *arguments],
                              seconds, environment)
    if not document.exists():
        return process.fate(), False, process
    results = [case["result"] for suite in json.loads(document.read_text())["testsuites"]
               for case in suite["testsuite"]]
    skipped = results.count("SKIPPED")
    failures = json.loads(document.read_text())["failures"]
    found = f"{len(results) - skipped - failures} passed"
    if failures:
        found += f", {failures} failed"
    if skipped:
        found += f", {skipped} skipped"
    # What is skipped where there is a GPU has not looked for it.
    passed = process.status == 0 and not (skipped and context.gpu and needs_gpu)
    if process.status != 0 and not failures:
        found += f"; {process.fate()}"
    return found, passed, process


def row(context, what, expected, result):
    found, passed, process = result
    context.row(what, found, expected, report.OK if passed else report.FAILED,
                **({} if passed else {"output": process.output()[-2000:]}))


def sanitizer(context):
    found = shutil.which("compute-sanitizer")
    if found:
        return found
    for folder in context.sanitizer_folders:
        for path in sorted(pathlib.Path(folder).rglob("compute-sanitizer")):
            if path.is_file():
                return path
    return None


def check(context):
    for name in ("gated_relu_cpu_test", "gated_relu_plan_test"):
        row(context, f"worker/torch/kernels/{name}", "all pass",
            gtest(context, f"worker_torch_kernels_{name}", needs_gpu=False))
    what = "worker/torch/gated_relu_test"
    row(context, what, "all pass; on a GPU none is skipped",
        gtest(context, "worker_torch_gated_relu_test", needs_gpu=True))
    if not context.gpu:
        context.no_gpu(f"{what}: GatedReluCudaTest: float32 and bfloat16, both layouts, both forms of "
                       "mask, sides 7 and 8, batches 5 and 300, against the slow form; bit for bit "
                       "again")
        context.no_gpu("compute-sanitizer")
        return
    tool = sanitizer(context)
    if tool is None:
        context.row("compute-sanitizer", "not on this machine", "", report.MEASURED)
        return
    for name, expected in SANITIZED.items():
        # Every tensor its own allocation, so that it sees where each one ends.
        what = f"GatedReluCudaTest under {name}"
        result = gtest(context, "worker_torch_gated_relu_test", needs_gpu=True,
                       arguments=["--gtest_filter=GatedReluCudaTest.Every*"],
                       before=[tool, "--tool", name, "--error-exitcode", 99], seconds=SANITIZER_S,
                       environment={"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"})
        if result[2].status is None:
            context.row(what, result[2].fate(), expected, report.NO_TIME)  # it is slow, no more
        else:
            row(context, what, expected, result)
