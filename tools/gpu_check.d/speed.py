"""The descent step beside eager PyTorch, and the gated ReLU beside a copy of its memory."""

import json
import re
import statistics
import sys

import report

# The worker's variant, what the script computes in, and how many times as fast the worker is to be.
# tf32 is how PyTorch sets float32 up: the default of the public recipe.
AIMED = [("bfloat16", "bfloat16", 3), ("bfloat16", "tf32", 10), ("bfloat16-cache", "bfloat16", 3),
         ("bfloat16-cache", "tf32", 10)]
ALIKE = [("tf32", "tf32", None), ("float32", "float32", None)]
WIDTHS = (64, 16)
STEP_S = 40
COPY_TARGET = 80  # per cent of the bandwidth of a copy
GATED = {"bfloat16, channels last": ("--bf16", "--channels-last"),
         "float32, channels last": ("--channels-last",),
         "bfloat16, channels last, per channel": ("--bf16", "--channels-last", "--per-channel")}
GATED_LINE = re.compile(r"^\s*(\d+)x\s*(\d+)x\s*\d+\s+(forward|backward)\s+.*?(\d+)%\s*$", re.MULTILINE)


def span(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def step(context, width, variant, against, target, options):
    what = f"descent step, width {width}: worker in {variant}, eager PyTorch in {against}"
    expected = f"{target} times as fast" if target else ""
    document = context.out / "logs" / f"step-{width}-{variant}-{against}.json"
    process = context.command(f"descent-step-{width}-{variant}-{against}",
                              [sys.executable, context.pack / "tests" / "bench" /
                               "descent_step_bench.py", context.pack / "bin" /
                               "tests_bench_descent_step", "--device", context.device, "--variants",
                               variant, "--against", against, "--json", document, *options], STEP_S)
    if process.status != 0 or not document.exists():
        context.row(what, process.fate(), expected, report.FAILED, output=process.output()[-2000:])
        return
    (found,) = json.loads(document.read_text())
    ratio = statistics.median(found["ratios"])
    if target is None or not context.gpu:
        verdict = report.MEASURED
    else:
        verdict = report.OK if ratio >= target else report.MISSED
    context.row(what, f"{span(found['ratios'], 2)} times: {1e3 * statistics.median(found['worker_s']):.3g} "
                f"and {1e3 * statistics.median(found['script_s']):.3g} ms, "
                f"{found['worker_peak_mib']:.0f} and {found['script_peak_mib']:.0f} MiB",
                expected, verdict, **found)


def gated(context, what, flags):
    size = ("--batch", 1024, "--repeats", 5) if context.gpu else ("--batch", 2, "--repeats", 1,
                                                                     "--threads", 1)
    process = context.command("gated-relu", [context.pack / "bin" / "tests_bench_gated_relu",
                                             "--device", context.device, *size, *flags], STEP_S)
    lines = GATED_LINE.findall(process.output())
    if process.status != 0 or not lines:
        context.row(f"gated ReLU, {what}", process.fate(), "", report.FAILED,
                    output=process.output()[-2000:])
        return
    for direction in ("forward", "backward"):
        shares = {f"{channels}x{side}x{side}": int(share)
                  for channels, side, way, share in lines if way == direction}
        verdict = report.MEASURED
        if context.gpu:
            verdict = report.OK if min(shares.values()) >= COPY_TARGET else report.MISSED
        context.row(f"gated ReLU, {what}, {direction}, batch {size[1]}",
                    ", ".join(f"{shape}: {share} %" for shape, share in shares.items()),
                    f"{COPY_TARGET} % of a copy" if context.gpu else "", verdict, shares=shares)


def check(context):
    if context.gpu:
        for name, flags in GATED.items():
            gated(context, name, flags)
        for group in (AIMED, ALIKE):
            for width in WIDTHS:
                for variant, against, target in group:
                    step(context, width, variant, against, target,
                         ["--widths", width, "--steps", 50, "--pairs", 3])
    else:
        context.no_gpu("gated ReLU against the bandwidth of a copy", f"{COPY_TARGET} %")
        context.no_gpu("descent step at widths 64 and 16 against eager PyTorch", "3 and 10 times")
        gated(context, "float32, channels last", ("--channels-last",))
        step(context, 4, "float32", "tf32", None,
             ["--widths", 4, "--batch", 16, "--threads", 1, "--steps", 2, "--pairs", 1])
