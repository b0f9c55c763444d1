#!/usr/bin/env python3
"""tools/load_in_pytorch.py gives the logits of LibTorch, of exported networks as they are and folded.

    python load_in_pytorch_test.py PATH_OF_export_networks
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import load_in_pytorch  # noqa: E402

PROGRAM = None
# Every family, skip mode, shortcut and ReLU layout that a name can ask for.
NETWORKS = ["resnet20@2", "resnet18@2+stem-relu", "hrn-2x2x@2:resnet20", "resnet50@2+imagenet-stem",
            "wrn-10-2@2", "vgg16@2+classifier:linear+pool:max", "resnet20@2+shortcut:downsample",
            "resnet20@4+reuse:2", "resnet20@2+skip:dirac+downsampling:average-pool",
            "resnet20@2+skip:dirac-ss:joins=section:source=stem:merge=scaled",
            "resnet20@2/polynomial", "resnet20@4+reuse:2/polynomial"]


class LoadInPytorchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        subprocess.run([PROGRAM, str(cls.folder), *NETWORKS], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_same_logits(self):
        for index, name in enumerate(NETWORKS):
            expected, _ = load_in_pytorch.read_safetensors(
                self.folder / str(index) / "expected.safetensors")
            for kind in ("plain", "folded"):
                with self.subTest(network=name, kind=kind):
                    network = load_in_pytorch.load(self.folder / str(index) / kind)
                    with torch.no_grad():
                        logits = network(expected["images"])
                    scale = expected["logits"].abs().max()
                    difference = (logits - expected["logits"]).abs().max()
                    self.assertLessEqual(difference.item(), 1e-5 * max(scale.item(), 1))
                    # Tells one network from another.
                    self.assertGreater(expected["logits"].std().item(), 1e-3)

    def test_folded_networks_have_no_batch_norm_behind_a_convolution(self):
        for index in range(len(NETWORKS)):
            document = json.loads(
                (self.folder / str(index) / "folded" / "architecture.json").read_text())
            operations = document["operations"]
            for operation in operations:
                if operation["kind"] == "batch_norm":
                    self.assertNotEqual(operations[operation["inputs"][0]]["kind"], "conv")

    def test_polynomials_stand_in_the_place_of_removed_relus(self):
        index = NETWORKS.index("resnet20@2/polynomial")
        for kind in ("plain", "folded"):
            network = load_in_pytorch.load(self.folder / str(index) / kind)
            images, _ = load_in_pytorch.read_safetensors(
                self.folder / str(index) / "expected.safetensors")
            with torch.no_grad():
                before = network(images["images"])
                for operation in network.operations:
                    if operation.kind == "relu":
                        self.assertEqual(tuple(operation.polynomial.shape),
                                         (3, operation.entry["relu_channels"]))
                        operation.polynomial = None
                self.assertGreater((network(images["images"]) - before).abs().max().item(), 1e-2)

    def test_broken_files_are_refused(self):
        copy = self.folder / "copy"
        shutil.copytree(self.folder / "0" / "plain", copy)
        weights = copy / "weights.safetensors"
        whole = weights.read_bytes()
        weights.write_bytes(whole[:-4])
        with self.assertRaises(ValueError):
            load_in_pytorch.load(copy)
        weights.write_bytes(b"abc")
        with self.assertRaises(ValueError):
            load_in_pytorch.load(copy)
        weights.write_bytes((self.folder / "1" / "plain" / "weights.safetensors").read_bytes())
        with self.assertRaisesRegex(ValueError, "tensors of no operation"):
            load_in_pytorch.load(copy)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
