#!/usr/bin/env python3
"""What the configure step says of a LibTorch that is missing, too old, or of the old C++ ABI, and what
it tells one with CUDA.

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
    def configure(self, version=None, flags="", script="", **variables):
        """Configures against a LibTorch of that version, which runs `script`; returns (succeeded,
        output)."""
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
                    f'set(Torch_FOUND TRUE)\nset(TORCH_CXX_FLAGS "{flags}")\n{script}')
                (torch / "TorchConfigVersion.cmake").write_text(VERSION_FILE.format(version=version))
            environment = {k: v for k, v in os.environ.items()
                           if k not in ("Torch_DIR", "CMAKE_PREFIX_PATH", "TORCH_CUDA_ARCH_LIST")}
            environment.update(variables)
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

    def nvcc(self, says):
        """A script as it may stand in the PATH in front of the real one."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        (folder / "toolkit").mkdir()
        path = folder / "nvcc"
        path.write_text(f"#!/bin/sh\necho '{says.format(folder=folder)}' >&2\n")
        path.chmod(0o755)
        return folder, str(path)

    def test_one_with_cuda_is_told_where_the_toolkit_is(self):
        tells = ('message(STATUS "toolkit ${CUDA_TOOLKIT_ROOT_DIR}, nvcc ${CMAKE_CUDA_COMPILER}, nvrtc '
                 '${CUDA_nvrtc_LIBRARY}, for $ENV{TORCH_CUDA_ARCH_LIST}")\n')
        folder, nvcc = self.nvcc("#$ TOP={folder}/toolkit/../toolkit")
        toolkit = folder / "toolkit"
        succeeded, output = self.configure("2.11.0", script=tells, CUDACXX=nvcc)
        self.assertTrue(succeeded, output)
        self.assertIn(f"toolkit {toolkit}, nvcc {toolkit}/bin/nvcc", output)
        self.assertIn("for 7.5;8.0;9.0+PTX", output)
        self.assertNotIn("NOTFOUND", output)
        _, output = self.configure("2.11.0", script=tells, CUDACXX=nvcc, TORCH_CUDA_ARCH_LIST="9.0")
        self.assertIn("for 9.0", output)

    def test_an_nvcc_that_is_none_does_not_keep_one_without_cuda_away(self):
        _, nvcc = self.nvcc("hello")
        succeeded, output = self.configure("2.11.0", CUDACXX=nvcc)
        self.assertTrue(succeeded, output)
        self.assertIn("does not say where its CUDA Toolkit is", output)


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
