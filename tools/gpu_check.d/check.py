"""Runs parts under limits of time and keeps the report up to date.

A part is a function of a Context: it runs programs with `command` and says what it found with `row`.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback
import typing

import processes
import report

RESERVE_S = 5  # of the whole: to stop a program and write the report
PROBE_S = 60
# In a process of its own: a driver may hang.
PROBE = """
import json, os, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "torch": torch.__version__, "folder": os.path.dirname(torch.__file__),
    "gpu": torch.cuda.get_device_name(0) if cuda else None,
    "capability": ".".join(map(str, torch.cuda.get_device_capability(0))) if cuda else None,
    "cudnn": torch.backends.cudnn.version() if cuda else None}))
"""


class OutOfTime(Exception):
    pass


class Stopped(BaseException):
    """SIGTERM or Ctrl-C; not an error that a part may catch."""


@dataclasses.dataclass
class Part:
    name: str
    title: str
    limit_s: typing.Optional[float]  # None: all that is left
    check: typing.Callable


class Context:
    """What a part sees."""

    def __init__(self, pack, out, options, report_, deadline):
        self.pack, self.out, self.options = pack, out, options
        self.gpu = None  # its name
        self.part = ""
        self.environment = dict(os.environ)
        self._report, self._whole, self._deadline = report_, deadline, deadline
        self._numbers = 0
        self._background, self._kept = [], []

    @property
    def device(self):
        return "cuda" if self.gpu else "cpu"

    def begin(self, part):
        self.part = part.name
        self._deadline = self._whole
        if part.limit_s is not None:
            self._deadline = min(self._whole, time.monotonic() + part.limit_s)

    def left(self):
        return self._deadline - time.monotonic()

    def row(self, what, found, expected="", verdict=report.OK, **more):
        """`more`: numbers for results.json alone."""
        self._report.add(self.part, what, found, expected, verdict, more)

    def no_gpu(self, what, expected=""):
        self.row(what, "", expected, report.NO_GPU)

    def _start(self, name, command, environment):
        self._numbers += 1
        log = self.out / "logs" / f"{self._numbers:02d}-{name}.txt"
        return processes.Process(command, log, {**self.environment, **(environment or {})})

    def command(self, name, command, seconds=None, environment=None):
        """Runs it to its end or to the limit; `name` is of the log. Raises OutOfTime where no time
        is left to begin with."""
        limit = self.left() if seconds is None else min(seconds, self.left())
        if limit < 1:
            raise OutOfTime
        process = self._start(name, command, environment)
        self._background.append(process)
        process.wait(limit)
        self._background.remove(process)
        return process

    def background(self, name, command, environment=None, kept=False):
        """Starts it; the caller waits for it, and it ends with its part, or if `kept` with the run."""
        process = self._start(name, command, environment)
        (self._kept if kept else self._background).append(process)
        return process

    def end_background(self, kept=False):
        for processes_ in [self._background] + ([self._kept] if kept else []):
            while processes_:
                processes_.pop().stop()


def probe(context):
    """Asks PyTorch for its GPU and tells where the programs find LibTorch and CUDA."""
    process = context.command("probe", [sys.executable, "-c", PROBE], PROBE_S)
    if process.status != 0:
        context.row("PyTorch", process.fate(), "can be imported", report.FAILED,
                    output=process.output()[-2000:])
        return {}
    found = json.loads(process.output().splitlines()[-1])
    folder = pathlib.Path(found.pop("folder"))
    libraries = [folder / "lib", *sorted(folder.parent.glob("nvidia/*/lib")),
                 pathlib.Path("/usr/local/cuda/lib64")]  # where PyTorch brings no CUDA of its own
    before = context.environment.get("LD_LIBRARY_PATH")
    context.environment["LD_LIBRARY_PATH"] = ":".join(map(str, libraries)) + (f":{before}" if before
                                                                              else "")
    context.sanitizer_folders = [folder.parent / "nvidia", pathlib.Path("/usr/local/cuda/bin")]
    context.gpu = found["gpu"]
    own, packed = found["torch"].split("+")[0], context.pack_info["torch"].split("+")[0]
    context.row("PyTorch", found["torch"], packed, report.OK if own == packed else report.FAILED)
    context.row("GPU", context.gpu or "", "", report.OK if context.gpu else report.NO_GPU)
    if context.gpu:
        context.row("compute capability, cuDNN", f"{found['capability']}, {found['cudnn']}", "",
                    report.MEASURED)
        if shutil.which("nvidia-smi"):
            driver = context.command("driver", ["nvidia-smi", "--format=csv,noheader",
                                                "--query-gpu=driver_version"], 20)
            context.row("driver", driver.output().strip() or driver.fate(), "", report.MEASURED)
    return found


def run_part(context, part):
    context.begin(part)
    try:
        part.check(context)
    except OutOfTime:
        context.row("the rest of this part", "", "", report.NO_TIME)
    except Exception as error:  # a part that fails costs only itself
        context.row("this part", f"{type(error).__name__}: {error}", "", report.FAILED,
                    output=traceback.format_exc()[-2000:])
    finally:
        context.end_background()


def parse(usage, parts, arguments):
    parser = argparse.ArgumentParser(usage=usage, add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("out", nargs="?", type=pathlib.Path)
    parser.add_argument("--parts", default=",".join(part.name for part in parts))
    parser.add_argument("--resume", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=470)
    options = parser.parse_args(arguments)
    if options.help:
        print(usage)
        raise SystemExit(0)
    names = [part.name for part in parts]
    chosen = options.parts.split(",")
    for name in chosen:
        if name not in names:
            parser.error(f"--parts: found '{name}'; allowed: {', '.join(names)}")
    if options.out is None:
        parser.error("OUT is missing: a new or empty folder")
    options.out = options.out.resolve()
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        parser.error(f"OUT: {options.out} is there already; allowed: a new or empty folder")
    if not options.seconds > RESERVE_S:
        parser.error(f"--seconds: found {options.seconds:g}; allowed: above {RESERVE_S}")
    if options.resume is not None:
        options.resume = options.resume.resolve()
        if not (options.resume / "reluscape.db").is_file():
            parser.error(f"--resume: found no reluscape.db in {options.resume}; allowed: the folder "
                         "anchor of an earlier OUT")
    return options, [part for part in parts if part.name in chosen]


def main(usage, parts, arguments=None, pack=pathlib.Path(__file__).resolve().parent, begin=None):
    """`begin`: called with the Context and the chosen parts' names before the first part."""
    options, parts = parse(usage, parts, arguments)
    deadline = time.monotonic() + options.seconds - RESERVE_S
    (options.out / "logs").mkdir(parents=True)
    machine = Part("machine", "The machine", PROBE_S, lambda context: probe(context))
    report_ = report.Report(options.out, [machine, *parts])
    context = Context(pack, options.out, options, report_, deadline)
    context.pack_info = json.loads((pack / "pack.json").read_text())
    report_.head(context.pack_info, arguments if arguments is not None else sys.argv[1:])

    def stop(number, _frame):
        raise Stopped(signal.Signals(number).name)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        if begin:
            begin(context, [part.name for part in parts])
        for part in [machine, *parts]:
            run_part(context, part)
            report_.end(part.name)
    except Stopped as stopped:
        report_.add(context.part or machine.name, "this part", f"stopped by {stopped}", "", report.FAILED, {})
    context.end_background(kept=True)
    print(report_.text(), flush=True)
    print(f"{options.out}/report.md, {options.out}/results.json", flush=True)
    return 1 if report_.failed() else 0
