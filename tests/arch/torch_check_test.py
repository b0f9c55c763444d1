#!/usr/bin/env python3
"""What the configure step says of a LibTorch that is missing, too old, or of the old C++ ABI.

Usage: torch_check_test.py ROOT
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path()
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(check LANGUAGES NONE)
include({root}/tools/cmake/ReluscapeTorch.cmake)
"""
VERSION_FILE = """set(PACKAGE_VERSION "{version}")
set(PACKAGE_VERSION_COMPATIBLE TRUE)
"""


class TorchCheckTest(unittest.TestCase):
    def configure(self, version=None, flags=""):
        """Configures against a LibTorch of that version; returns (succeeded, output)."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "CMakeLists.txt").write_text(PROJECT.format(root=ROOT))
            torch = folder / "torch"
            torch.mkdir()
            message = folder / "protobuf/google/protobuf/message.h"
            message.parent.mkdir(parents=True)
            message.touch()
            if version:
                (torch / "TorchConfig.cmake").write_text(
                    f'set(Torch_FOUND TRUE)\nset(TORCH_CXX_FLAGS "{flags}")\n')
                (torch / "TorchConfigVersion.cmake").write_text(VERSION_FILE.format(version=version))
            environment = {k: v for k, v in os.environ.items()
                           if k not in ("Torch_DIR", "CMAKE_PREFIX_PATH")}
            run = subprocess.run(["cmake", "-S", folder, "-B", folder / "build", "-Wno-dev",
                                  f"-DTorch_DIR={torch}",
                                  f"-DProtobuf_INCLUDE_DIRS={folder / 'protobuf'}"],
                                 capture_output=True, text=True, env=environment)
            return run.returncode == 0, " ".join((run.stdout + run.stderr).split())

    def test_a_recent_one_is_taken(self):
        for version in ("2.7.0", "2.11.0", "2.13.0"):
            succeeded, output = self.configure(version, "-D_GLIBCXX_USE_CXX11_ABI=1")
            self.assertTrue(succeeded, output)
            self.assertIn(f"LibTorch {version}", output)

    def test_a_missing_one_is_told_with_the_ways_out(self):
        succeeded, output = self.configure()
        self.assertFalse(succeeded)
        self.assertIn("LibTorch was not found", output)
        self.assertIn("-DRELUSCAPE_WITH_TORCH=OFF", output)

    def test_an_old_one_is_refused(self):
        succeeded, output = self.configure("2.6.0", "-D_GLIBCXX_USE_CXX11_ABI=1")
        self.assertFalse(succeeded)
        self.assertIn("LibTorch 2.6.0", output)
        self.assertIn("needs 2.7 or newer", output)

    def test_the_old_abi_is_refused(self):
        succeeded, output = self.configure("2.9.0", "-D_GLIBCXX_USE_CXX11_ABI=0")
        self.assertFalse(succeeded)
        self.assertIn("old C++ ABI", output)


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
