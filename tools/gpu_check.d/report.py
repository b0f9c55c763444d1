"""What was found: results.json and report.md, both rewritten with every row."""

import json
import os
import platform
import time

OK, FAILED, MISSED, MEASURED = "ok", "FAILED", "missed", "measured"
NO_GPU, NO_TIME = "no GPU", "no time left"
EXPLAINED = ("`missed`: a target of speed was not reached; `measured`: a number without one; "
             "`no GPU`: nothing to be had here; `no time left`: not begun or not through.")


class Report:
    def __init__(self, out, parts):
        self._out, self._rows, self._begin = out, [], time.monotonic()
        self._titles = {part.name: part.title for part in parts}
        self._seconds = {}
        self._head = {}

    def head(self, pack, arguments):
        self._head = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                      "commit": pack["commit"], "built_for_torch": pack["torch"],
                      "command": " ".join(["run", *map(str, arguments)]),
                      "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
        self._write()

    def add(self, part, what, found, expected, verdict, more):
        self._rows.append({"part": part, "what": what, "found": str(found), "expected": str(expected),
                           "verdict": verdict, **more})
        self._write()
        print(f"[{time.monotonic() - self._begin:5.0f} s] {part}: {what}: {found or '-'}"
              f"{f' (expected: {expected})' if expected else ''}: {verdict}", flush=True)

    def end(self, part):
        self._seconds[part] = time.monotonic() - self._begin - sum(self._seconds.values())
        self._write()

    def failed(self):
        return [row for row in self._rows if row["verdict"] == FAILED]

    def text(self):
        head = self._head
        lines = ["# Check on a GPU", "",
                 f"{head['date']}, commit {head['commit']}, built for PyTorch "
                 f"{head['built_for_torch']}; `{head['command']}`; {head['cores']} cores, Python "
                 f"{head['python']}. {EXPLAINED}"]
        for part, title in self._titles.items():
            seconds = f", {self._seconds[part]:.0f} s" if part in self._seconds else ""
            lines += ["", f"## {title}{seconds}", ""]
            rows = [row for row in self._rows if row["part"] == part]
            if not rows:
                lines.append("Not reached.")
                continue
            lines += ["| What | Found | Expected | |", "|---|---|---|---|"]
            lines += ["| " + " | ".join(row[key].replace("|", "\\|").replace("\n", " ") for key in
                                        ("what", "found", "expected", "verdict")) + " |"
                      for row in rows]
        counts = {}
        for row in self._rows:
            counts[row["verdict"]] = counts.get(row["verdict"], 0) + 1
        lines += ["", "In all: " + ", ".join(f"{count} {verdict}" for verdict, count in
                                             sorted(counts.items())) + ".", ""]
        return "\n".join(lines)

    def _write(self):
        document = {**self._head, "seconds": self._seconds, "rows": self._rows}
        for name, content in (("results.json", json.dumps(document, indent=1) + "\n"),
                              ("report.md", self.text())):
            part = self._out / f".{name}"
            part.write_text(content, encoding="utf-8")
            os.replace(part, self._out / name)
