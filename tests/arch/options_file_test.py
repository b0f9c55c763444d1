#!/usr/bin/env python3
"""Compares a program's options with its documented TOML file, in both directions.

Usage: options_file_test.py PROGRAM FILE.toml

Every option of `PROGRAM --help` must stand in the file once, with its default (or commented out, if
it has none) and a comment above it; every key of the file must be an option; and the program must
accept the file. Exit: 0 or 1, with one line per difference.
"""
import pathlib
import re
import subprocess
import sys
import tomllib

NOT_IN_FILES = {"help", "config", "version"}  # they make no sense there


def options_of(program):
    """Name -> default as --help prints it, None without one."""
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    options = {}
    for name, rest in re.findall(r"^  (?:-\w,)?--([a-z-]+)(.*)$", text, re.MULTILINE):
        kind = re.split(r" {2,}", rest)[0]  # "INT:INT in [0 - 65535]=8080", then the description
        options[name] = kind.split("=", 1)[1].split(" ")[0] if "=" in kind else None
    return {name: default for name, default in options.items() if name not in NOT_IN_FILES}


def keys_of(path):
    """Name -> (value, whether it is commented out, whether a comment stands above it)."""
    keys = {}
    before = ""
    for line in path.read_text().splitlines():
        match = re.match(r"(# )?([a-z-]+) = (.+)$", line)
        if match:
            value = tomllib.loads(f"value = {match[3]}")["value"]
            if match[2] in keys:
                raise ValueError(f"{match[2]} stands twice in {path}")
            keys[match[2]] = (value, bool(match[1]), before.startswith("#"))
        before = line
    return keys


def main(program, path):
    options, keys = options_of(program), keys_of(path)
    wrong = []
    if not options:
        wrong.append(f"no option found in {program} --help")
    for name in options.keys() - keys.keys():
        wrong.append(f"{path}: option --{name} is missing")
    for name in keys.keys() - options.keys():
        wrong.append(f"{path}: {name} is no option")
    for name in options.keys() & keys.keys():
        value, commented_out, explained = keys[name]
        if not explained:
            wrong.append(f"{path}: {name} has no comment above it")
        if not commented_out and str(value) != (options[name] or ""):
            wrong.append(f"{path}: {name} = {value!r}, but the default is {options[name]!r}")
    # It takes the file: what it complains about is the last flag alone.
    run = subprocess.run([program, "--config", path, "--log-level", "nonsense",
                          *(["--artifact-dir", "none"] if "artifact-dir" in keys else [])],
                         capture_output=True, text=True, timeout=60)
    if run.returncode != 2 or "log-level" not in run.stderr:
        wrong.append(f"{program} --config {path}: {run.stderr}")
    print("\n".join(wrong) or f"{len(options)} options agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
