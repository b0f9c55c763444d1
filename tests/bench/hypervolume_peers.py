#!/usr/bin/env python3
"""Compares search/pareto's hypervolume with pymoo's on random fronts of 2, 3 and 4 objectives.

    python3 -m venv /tmp/pymoo && /tmp/pymoo/bin/pip install pymoo
    python3 tests/bench/hypervolume_peers.py build/tests/tests_bench_hypervolume --venv /tmp/pymoo
    python3 tests/bench/hypervolume_peers.py PROGRAM --venv VENV --sizes 10 1000 --seeds 3

Fronts are parts of a sphere seen from inside and from outside (convex and concave) and a plane, all
of points that do not dominate each other, and clouds, in which most are dominated. The reference
point is 1.1 in all objectives of the unit box. Prints for every shape and size the largest relative
difference over the seeds and the median milliseconds of both sides, which for the program leave out
starting and reading; ends with 1 where a difference is above --tolerance.
"""

import argparse
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys

REFERENCE = 1.1
# Runs in the virtual environment: a front a line as JSON in, value and milliseconds a line out.
PEER = """
import json, sys, time
import numpy
from pymoo.indicators.hv import HV
for line in sys.stdin:
    points = numpy.array(json.loads(line))
    indicator = HV(ref_point=numpy.full(points.shape[1], %r))
    start = time.perf_counter()
    value = float(indicator(points))
    print(repr(value), (time.perf_counter() - start) * 1e3, flush=True)
""" % REFERENCE


def draw(shape, size, objectives, generator):
    """Points of one shape in the unit box."""
    points = []
    for _ in range(size):
        values = [abs(generator.gauss(0, 1)) + 1e-9 for _ in range(objectives)]
        if shape == "cloud":
            points.append([generator.random() for _ in range(objectives)])
        elif shape == "plane":
            points.append([value / sum(values) for value in values])
        else:
            length = math.sqrt(sum(value * value for value in values))
            on_sphere = [value / length for value in values]
            points.append(on_sphere if shape == "concave" else [1 - v for v in on_sphere])
    return points


def ours(program, points):
    lines = [" ".join(map(repr, point)) for point in [[REFERENCE] * len(points[0])] + points]
    done = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          check=True)
    value, milliseconds = done.stdout.split()
    return float(value), float(milliseconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--venv", required=True, type=pathlib.Path, help="that pymoo is installed in")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100, 300])
    parser.add_argument("--objectives", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-9)
    args = parser.parse_args()

    peer = subprocess.Popen([args.venv / "bin" / "python3", "-c", PEER], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    worst = 0.0
    print(f"{'objectives':>10} {'shape':>8} {'points':>7} {'difference':>11} {'ours ms':>9} "
          f"{'pymoo ms':>9}")
    for objectives in args.objectives:
        for shape in ["convex", "concave", "plane", "cloud"]:
            for size in args.sizes:
                differences, our_times, their_times = [], [], []
                for seed in range(args.seeds):
                    generator = random.Random(f"{objectives} {shape} {size} {seed}")
                    points = draw(shape, size, objectives, generator)
                    value, milliseconds = ours(args.program, points)
                    print(json.dumps(points), file=peer.stdin, flush=True)
                    other, other_milliseconds = map(float, peer.stdout.readline().split())
                    differences.append(abs(value - other) / other)
                    our_times.append(milliseconds)
                    their_times.append(other_milliseconds)
                worst = max(worst, *differences)
                print(f"{objectives:>10} {shape:>8} {size:>7} {max(differences):>11.2e} "
                      f"{statistics.median(our_times):>9.3f} {statistics.median(their_times):>9.3f}")
    peer.stdin.close()
    peer.wait()
    print(f"largest relative difference: {worst:.2e} (tolerance {args.tolerance:.0e})")
    return 1 if worst > args.tolerance else 0


if __name__ == "__main__":
    sys.exit(main())
