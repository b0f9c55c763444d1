#!/usr/bin/env python3
"""What README.md prints works: its commands, as printed, in their order, in one shell.

Usage: readme_test.py SOURCE_DIR BUILD_DIR [unittest arguments]

SOURCE_DIR is a checkout, BUILD_DIR its built tree with LibTorch, whose programs lie in BUILD_DIR/bin.
A folder with links to both stands for the clone, so that nothing is written into either. Of what is
printed INSTEAD alone is changed. The commands of the other documents are looked at without being
run: a command, subcommand or option that the programs do not have fails.

Everything runs on one core: two threads that share a machine with other work wait for each other
most of the time.
"""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path()
BUILD = pathlib.Path()

# What is not run as it is printed, and why. Each must occur in README.md.
INSTEAD = {
    # Installs packages and builds, and trains for minutes: the same script, with the built programs
    # and a job of seconds.
    "./tools/quickstart":
        "./tools/quickstart --programs build/bin --job docs/jobs/tiny-search.json",
    # A place holder: a small data set in CIFAR-10's binary format.
    "cifar10=PATH": "cifar10=images",
}
# Commands that stay in the foreground of a terminal of their own, and what they print when they are
# ready for the others.
STAYS_UP = {
    "./tools/quickstart": "it stays up until Ctrl-C",
    "reluscape up": "Ctrl-C stops it",
}

# Ends with the first command that fails, whose output is the last. What stays up is stopped at the
# end; a signal, as Python cannot have been the parent of what a script started.
PRELUDE = r"""
set -euo pipefail
kept=()
stop_all() {
  status=$?
  trap - EXIT
  for pid in "${kept[@]}"; do kill -TERM "$pid" 2> /dev/null || true; done
  wait
  exit "$status"
}
trap stop_all EXIT
trap 'exit 143' TERM
stay_up() { # stay_up TEXT COMMAND...: starts the command, waits until it has printed TEXT
  local text=$1 log pid
  shift
  log=$(mktemp -p .)
  "$@" > "$log" 2>&1 &
  pid=$!
  kept+=("$pid")
  until grep -qF "$text" "$log"; do
    kill -0 "$pid" 2> /dev/null || { cat "$log" >&2; echo "ended: $*" >&2; exit 1; }
    sleep 0.1
  done
  cat "$log"
}
"""


def blocks(document):
    """The code of a Markdown text: (kind, line number, lines) per block; kind "indented" has none."""
    kind, start, lines = None, 0, []
    found, blank = [], True
    for number, line in enumerate(document.splitlines(), start=1):
        fence = re.match(r"^```(\S*)\s*$", line)
        if kind is None and fence:
            kind, start, lines = fence[1] or "unnamed", number, []
        elif kind not in (None, "indented"):
            if fence:
                found.append((kind, start, lines))
                kind = None
            else:
                lines.append(line)
        elif re.match(r"^ {4}\S", line) and (blank or kind == "indented"):
            if kind is None:
                kind, start, lines = "indented", number, []
            lines.append(line[4:])
        elif kind == "indented" and line.strip():
            found.append((kind, start, lines))
            kind = None
        blank = not line.strip()
    if kind is not None:
        found.append((kind, start, lines))
    return found


def commands(lines):
    """Command lines without their comments; a line that ends in a backslash goes on in the next."""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+#\s.*$", "", line).strip()
        if line and not line.startswith("# "):
            yield line


def write_small_cifar10(folder):
    """Ten images per file: a label byte, then 3072 bytes of pixels."""
    folder.mkdir()
    names = [f"data_batch_{part}.bin" for part in range(1, 6)] + ["test_batch.bin"]
    for part, name in enumerate(names):
        (folder / name).write_bytes(
            b"".join(bytes([label]) + bytes((label * 25 + part + i) % 256 for i in range(3072))
                     for label in range(10)))


class ReadmeTest(unittest.TestCase):
    def test_its_commands_run_in_order_in_one_shell(self):
        text = (SOURCE / "README.md").read_text(encoding="utf-8")
        script, run, used = [PRELUDE], 0, set()
        for kind, number, lines in blocks(text):
            # Text is output. Anything else would be commands that nobody runs.
            self.assertIn(kind, ("sh", "text"), f"README.md:{number}: mark this block sh or text")
            if kind == "text":
                continue
            for line in commands(lines):
                stays = next((key for key in STAYS_UP if line.startswith(key)), None)
                printed = line
                for key in INSTEAD:
                    if key in line:
                        used.add(key)
                        line = line.replace(key, INSTEAD[key])
                self.assertNotRegex(re.sub("'[^']*'", "", line), r"(?<![\w$])[A-Z]{3,}\b",
                                    f"a place holder that this test does not know: {line}")
                script.append(f"printf '%s\\n' {shlex.quote('$ ' + printed)}")
                script.append(f"stay_up {shlex.quote(STAYS_UP[stays])} {line}" if stays else line)
                run += 1
        self.assertEqual(used, set(INSTEAD), "no longer in README.md")
        self.assertGreater(run, 10)
        with tempfile.TemporaryDirectory(prefix="reluscape-readme-") as name:
            clone = pathlib.Path(name) / "clone"
            clone.mkdir()
            for entry in SOURCE.iterdir():
                if not entry.name.startswith("build") and entry.name != "reluscape-data":
                    (clone / entry.name).symlink_to(entry)
            (clone / "build").symlink_to(BUILD)
            write_small_cifar10(clone / "images")
            self.run_shell("\n".join(script), clone, home=pathlib.Path(name))
            # What the commands say that they leave.
            for file in ("network/weights.safetensors", "alone/results", "job.json"):
                self.assertTrue((clone / file).exists(), file)
            # Installed programs find their libraries from anywhere.
            for program in ("reluscape", "reluscape-server", "reluscape-worker",
                            "reluscape-train"):
                help_text = subprocess.run(
                    [pathlib.Path(name) / ".local" / "bin" / program, "--help"], cwd="/",
                    capture_output=True, text=True, timeout=60)
                self.assertEqual(help_text.returncode, 0, help_text.stderr)

    def run_shell(self, script, folder, home):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("RELUSCAPE_")}
        environment.update(HOME=str(home), CUDA_VISIBLE_DEVICES="")
        with subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, start_new_session=True) as shell:
            try:
                output, _ = shell.communicate(timeout=600)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGTERM)
                output, _ = shell.communicate(timeout=60)
        self.assertEqual(shell.returncode, 0, output)


class DocumentedCommandsTest(unittest.TestCase):
    """Every command line of every document is one that the programs know."""

    helps = {}

    def help_of(self, *words):
        if words not in self.helps:
            run = subprocess.run([BUILD / "bin" / words[0], *words[1:], "--help"],
                                 capture_output=True, text=True, timeout=60)
            self.helps[words] = run.stdout if run.returncode == 0 else None
        return self.helps[words]

    def test_their_programs_subcommands_and_options_exist(self):
        documents = [*SOURCE.glob("*.md"), *(SOURCE / "docs").glob("*.md")]
        looked_at = 0
        for document in documents:
            for kind, number, lines in blocks(document.read_text(encoding="utf-8")):
                if kind == "json":
                    continue
                for line in commands(lines):
                    words = re.match(r"(?:build/bin/)?(reluscape(?:-\w+)?) (.*)", line)
                    if not words:
                        continue
                    looked_at += 1
                    arguments = words[2].split()
                    command = [words[1]]
                    if words[1] == "reluscape":
                        command.append(next(
                            (word for word in arguments if not word.startswith("-")), "--help"))
                    where = f"{document.name}:{number}: {line}"
                    text = self.help_of(*command)
                    self.assertIsNotNone(text, f"{where}: there is no {' '.join(command)}")
                    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", words[2]):
                        self.assertRegex(text, rf"{option}(?![\w-])",
                                         f"{where}: {' '.join(command)} has no {option}")
        self.assertGreater(looked_at, 20)

    def test_those_that_need_neither_coordinator_nor_images_run(self):
        alone = re.compile(r"reluscape (describe|equalize|estimate|example-job|published)\b[^|<>]*$")
        done = 0
        for document in sorted((SOURCE / "docs").glob("*.md")):
            for kind, number, lines in blocks(document.read_text(encoding="utf-8")):
                for line in commands(lines):
                    if kind == "json" or not alone.match(line) or re.search(r"\b[A-Z]{3,}\b", line):
                        continue
                    run = subprocess.run(
                        ["bash", "-c", line], capture_output=True, text=True, timeout=120,
                        env=dict(os.environ, PATH=f"{BUILD}/bin:{os.environ['PATH']}"))
                    self.assertEqual(run.returncode, 0,
                                     f"{document.name}:{number}: {line}\n{run.stderr}")
                    done += 1
        self.assertGreater(done, 5)


if __name__ == "__main__":
    SOURCE, BUILD = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
