#!/usr/bin/env python3
"""Times the worker's descent step against plain PyTorch of the same wheel.

    .deps/venv/bin/python3 tests/bench/descent_step_bench.py build/tests/tests_bench_descent_step
    .deps/venv/bin/python3 tests/bench/descent_step_bench.py PROGRAM --widths 16 --steps 10
    .deps/venv/bin/python3 tests/bench/descent_step_bench.py PROGRAM --variants bfloat16
    .deps/venv/bin/python3 tests/bench/descent_step_bench.py PROGRAM --device cuda --against bfloat16
    .deps/venv/bin/python3 tests/bench/descent_step_bench.py PROGRAM --smoke

Both sides begin from the same weights and batch, with the same number of threads and the worker's
allocator setting, and live as long as the measurement; only one works at a time, in the order
A B B A, which gives one ratio. The script computes in what --against names: float32; tf32, which is
float32 as PyTorch sets it up (on a GPU its convolutions are in TF32; on a CPU the same as float32);
or bfloat16, under autocast with channels last. The worker is measured in each of the variants: its
precision, and whether the teacher's logits come out of a warm cache. TF32 is among them on a GPU,
bfloat16 there and on a CPU where oneDNN has instructions for it. Prints the losses of the first step, the seconds per step, the
median ratio with its range, and the peak memory of both processes (with --device cuda: of their
tensors); --json writes them to a file, too. The ratio of processor times says more than that of the
times where other programs use the machine; with one thread (--threads 1) it hardly depends on them.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("plain_descent_step.py")
CLASSES = 10  # of the images that the program draws
TF32 = 4e-3
# Variant: the program's arguments, and how far the loss of the first step may be from the script's,
# relative: rounding of float32, of logits to float16 (11 bits), of activations to bfloat16 (8 bits), of
# factors to TF32 (11 bits).
VARIANTS = {"float32": (("float32", "network"), 1e-4), "float32-cache": (("float32", "cache"), 2e-3),
            "tf32": (("tf32", "network"), TF32), "tf32-cache": (("tf32", "cache"), TF32),
            "bfloat16": (("bfloat16", "network"), 3e-2),
            "bfloat16-cache": (("bfloat16", "cache"), 3e-2)}
# The worker's KeepFreedMemory (worker/torch/device.cc) for a process that has no mallopt.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
             "MALLOC_TOP_PAD_": str(64 << 20), "MALLOC_ARENA_MAX": "1"}


class Side:
    """A process that answers a number of steps with times, loss and peak memory."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **ALLOCATOR})
        self.read()
        self.peak_kib = 0

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with {self.process.wait()}")
        return line.split()

    def run(self, steps):
        """Seconds and processor seconds per step, and the loss of the last one."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        seconds, processor, loss, peak = self.read()
        self.peak_kib = int(peak)
        return float(seconds) / steps, float(processor) / steps, float(loss)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def has_bfloat16(device):
    """Whether it pays there."""
    if device == "cuda":
        return True
    import torch  # seconds, which a caller that names its variants does not wait for
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def span(values, digits):
    return (f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to "
            f"{max(values):.{digits}f})")


def measure(program, variant, width, options):
    """Prints what it finds; returns it, too."""
    arguments, tolerance = VARIANTS[variant]
    batch, threads, steps, pairs = options.batch, options.threads, options.steps, options.pairs
    if options.against == "bfloat16":
        tolerance = 3e-2
    if options.device == "cuda" and (options.against == "tf32" or variant.startswith("tf32")):
        tolerance = max(tolerance, TF32)
    with tempfile.TemporaryDirectory() as folder:
        ours = Side([program, folder, f"resnet18@{width}", batch, threads, *arguments,
                     options.device])
        plain = Side([sys.executable, SCRIPT, folder, width, CLASSES, threads, options.against,
                      options.device])
        losses = [side.run(1)[2] for side in (plain, ours)]
        difference = abs(losses[0] - losses[1]) / abs(losses[0])
        print(f"{variant} against {options.against} on {options.device}, width {width}, batch "
              f"{batch}, {threads} threads: loss of the first step {losses[0]:.6f} and "
              f"{losses[1]:.6f}", flush=True)
        if not difference <= tolerance:
            raise SystemExit(f"error: the losses differ by {difference:.1e} relative, allowed are "
                             f"{tolerance:.0e}")
        for side in (plain, ours):
            # The first steps choose kernels, fill the allocator's pools and record the CUDA graph.
            side.run(2 if options.device == "cpu" else 5)
        times, processor = {plain: [], ours: []}, {plain: [], ours: []}
        for pair in range(pairs):
            order = [plain, ours, ours, plain] if pair % 2 == 0 else [ours, plain, plain, ours]
            taken = {side: [0.0, 0.0] for side in (plain, ours)}
            for side in order:
                for index, seconds in enumerate(side.run(steps)[:2]):
                    taken[side][index] += seconds / 2
            for side in (plain, ours):
                times[side].append(taken[side][0])
                processor[side].append(taken[side][1])
        for name, side in (("plain PyTorch", plain), ("worker", ours)):
            print(f"  {name:13} {span(times[side], 4)} s per step, {span(processor[side], 4)} s of "
                  f"processor time, peak {side.peak_kib / 1024:.0f} MiB")
        for name, values in (("time", times), ("processor time", processor)):
            ratios = [a / b for a, b in zip(values[plain], values[ours])]
            print(f"  ratio of {name} {span(ratios, 2)}, median of {pairs} pairs of {steps} steps",
                  flush=True)
        for side in (plain, ours):
            side.close()
        return {"width": width, "variant": variant, "against": options.against, "batch": batch,
                "device": options.device, "ratios": [a / b for a, b in zip(times[plain], times[ours])],
                "worker_s": times[ours], "script_s": times[plain],
                "worker_peak_mib": ours.peak_kib / 1024, "script_peak_mib": plain.peak_kib / 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 16])
    parser.add_argument("--variants", choices=VARIANTS, nargs="+")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--against", choices=["float32", "tf32", "bfloat16"],
                        default="float32", help="what the script computes in")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="steps at a time (3; on a GPU 100)")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="only shows that both run and agree")
    options = parser.parse_args()
    if options.steps is None:
        options.steps = 3 if options.device == "cpu" else 100
    if options.smoke:
        options.widths, options.batch, options.threads = [4], 16, 1
        options.steps, options.pairs = 2, 1
        options.variants = [name for name in VARIANTS if not name.startswith("tf32")]
    if not options.variants:
        fast = has_bfloat16(options.device)
        slow = (() if fast else ("bfloat16",)) + (() if options.device == "cuda" else ("tf32",))
        options.variants = [name for name in VARIANTS if not name.startswith(slow)]
        if not fast:
            print("bfloat16: left out, this processor has no instructions for it")
    found = [measure(options.program, variant, width, options)
             for width in options.widths for variant in options.variants]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
