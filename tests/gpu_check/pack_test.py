#!/usr/bin/env python3
"""What tools/gpu_check takes for a LibTorch, what it leaves out, and what it refuses.

Usage: pack_test.py ROOT
"""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
TOOL = ROOT / "tools" / "gpu_check"
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("gpu_check", str(TOOL))
gpu_check = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_check", loader))
loader.exec_module(gpu_check)

VERSION = "__version__ = '2.11.0+cu130'\ncuda: Optional[str] = '13.0'\n"


class PackTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write_torch(self, version="from typing import Optional\n" + VERSION):
        folder = self.folder / "site" / "torch"
        folder.mkdir(parents=True)
        (folder / "version.py").write_text(version)
        return folder

    def test_a_folder_is_taken_by_itself_or_by_what_holds_it(self):
        torch = self.write_torch()
        for given in (torch, torch.parent):
            self.assertEqual(gpu_check.torch_folder(given, self.folder),
                             (torch, "2.11.0+cu130", "13.0"))

    def test_a_wheel_is_unpacked_once(self):
        wheel = self.folder / "torch-2.11.0.whl"
        with zipfile.ZipFile(wheel, "w") as file:
            file.write(self.write_torch() / "version.py", "torch/version.py")
        folder, version, _ = gpu_check.torch_folder(wheel, self.folder / "build")
        self.assertEqual(version, "2.11.0+cu130")
        (folder / "version.py").write_text("__version__ = '1'\n")
        self.assertEqual(gpu_check.torch_folder(wheel, self.folder / "build"), (folder, "1", None))

    def test_what_brings_no_libtorch_is_named(self):
        (self.folder / "file.whl").write_text("no archive")
        for name in ("none", "file.whl"):
            with self.assertRaisesRegex(gpu_check.Unusable, f"--torch: .*{name}.*; allowed: "):
                gpu_check.torch_folder(self.folder / name, self.folder / "build")

    def test_only_what_the_machine_has_is_left_out(self):
        for name in ("libc.so.6", "libstdc++.so.6", "ld-linux-x86-64.so.2", "libgomp.so.1",
                     "libcudart.so.13", "libcudnn_graph.so.9", "libcublasLt.so.13", "libnccl.so.2"):
            self.assertTrue(gpu_check.LEFT_OUT.fullmatch(name), name)
        for name in ("libcrypto.so.3", "libcurl.so.4", "libabsl_base.so.20220623", "libprotobuf.so.32",
                     "libmd.so.0", "libdl_of_ours.so.1"):
            self.assertFalse(gpu_check.LEFT_OUT.fullmatch(name), name)

    def test_what_cannot_be_packed_is_refused_before_anything_is_built(self):
        images = self.folder / "images.tar"
        images.touch()
        torch = self.write_torch()
        for pack, archive, words in ((torch, images, "is there already; allowed: a new or empty"),
                                     ("new", "missing.tar", "found no file missing.tar")):
            run = subprocess.run([sys.executable, TOOL, "--pack", pack, "--torch", torch, "--images",
                                  archive], cwd=self.folder, capture_output=True, text=True)
            self.assertEqual(run.returncode, 1, run.stderr)
            self.assertIn(words, run.stderr)
        self.assertEqual(subprocess.run([sys.executable, TOOL], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
