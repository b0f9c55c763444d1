"""Programs that are run under a limit of time, with all that they start."""

import os
import signal
import subprocess
import time

PATIENCE_S = 5  # between SIGTERM and SIGKILL; reluscape-train leaves its folder within it


class Process:
    """Its output goes to a file: a pipe would hang with what a killed program leaves behind."""

    def __init__(self, command, log, environment):
        self._log, self._begin = log, time.monotonic()
        self.status = None  # of the end; None while it runs, and where it was stopped
        self.seconds = 0.0
        self._stopped = False
        with open(log, "wb") as file:
            file.write((" ".join(map(str, command)) + "\n").encode())
            file.flush()
            self._skip = file.tell()
            try:
                self._process = subprocess.Popen(
                    [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file,
                    stderr=subprocess.STDOUT, env=environment, start_new_session=True)
            except OSError as error:
                file.write(f"{error}\n".encode())
                self._process, self.status = None, 127

    def wait(self, seconds):
        """Until it ends, or `seconds` have passed: then it and what it started are stopped."""
        if self._process is None or self.status is not None:
            return
        try:
            self.status = self._process.wait(max(0, seconds))
            self._end_group(signal.SIGKILL)  # whoever it left behind
        except subprocess.TimeoutExpired:
            self.stop()
        self.seconds = time.monotonic() - self._begin

    def stop(self):
        if self._process is None or self._process.poll() is not None:
            return
        self._stopped = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._end_group(number)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                continue  # after SIGKILL: it hangs in the driver, and stays behind
            break
        self._end_group(signal.SIGKILL)
        self.seconds = time.monotonic() - self._begin

    def _end_group(self, number):
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass

    def output(self):
        with open(self._log, "rb") as file:
            file.seek(self._skip)
            return file.read().decode(errors="replace")

    def fate(self):
        """How it ended, in words."""
        if self._stopped:
            return f"stopped after {self.seconds:.0f} s, its limit"
        if self.status is not None and self.status < 0:
            return f"ended by {signal.Signals(-self.status).name}"
        return f"ended with {self.status}"
