#!/usr/bin/env python3
"""Compares Reluscape's stages with the plain PyTorch of stages.py, from equal weights and batches.

    python reference_test.py PATH_OF_reference_run

The program runs a small job and writes weights, batches and what it found as safetensors and JSON.
Loss, ReLU count and lambda must agree to 1e-4 over 20 steps of every stage and over a descent in
miniature that crosses two budgets while lambda rises three times; the kept units must be the same.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch

import files
import stages
from residual_network import ResidualNetwork

PROGRAM = None
TOLERANCE = 1e-4


class ReferenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        subprocess.run([PROGRAM, str(cls.folder)], check=True)
        cls.runs = json.loads((cls.folder / "runs.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def tensors(self, name):
        return files.load(self.folder / f"{name}.safetensors")[0]

    def network(self, name):
        return ResidualNetwork(width=2, depths=[3, 3, 3], side=32, classes=10).load(
            self.tensors(name))

    def batches(self, run):
        tensors = self.tensors(f"{run}_batches")
        return [[(tensors[f"images/{epoch}/{step}"], tensors[f"labels/{epoch}/{step}"])
                 for step in range(self.runs[run]["steps"])]
                for epoch in range(len(self.runs[run]["records"]))]

    def expect_equal(self, run, records):
        theirs = self.runs[run]["records"]
        self.assertEqual(len(theirs), len(records))
        for epoch, (their, own) in enumerate(zip(theirs, records)):
            for key, value in own.items():
                scale = max(abs(value), 1e-12)
                self.assertLessEqual(abs(their[key] - value), TOLERANCE * scale,
                                     f"{run}, epoch {epoch}, {key}: {their[key]} and {value}")

    def expect_close(self, theirs, network, tolerance):
        own = {name.removeprefix("sections."): tensor
               for name, tensor in network.state_dict().items()}
        for name, tensor in theirs.items():
            if not name.endswith(".mask"):
                self.assertTrue(torch.allclose(tensor, own[name], rtol=tolerance, atol=tolerance),
                                f"{name}: {(tensor - own[name]).abs().max()}")

    def test_pretrain(self):
        network = self.network("initial")
        settings = self.runs["pretrain"]["settings"]
        records = stages.pretrain(network, self.batches("pretrain"), settings)
        self.assertEqual(len(records), 20)
        self.assertGreater(records[0]["learning_rate"], records[-1]["learning_rate"])
        self.expect_equal("pretrain", records)
        self.expect_close(self.tensors("pretrained"), network, 1e-3)

    def descend(self, run, budgets):
        return stages.descend(self.network("pretrained"), self.network("pretrained").as_teacher(),
                              self.batches(run), self.runs[run]["settings"],
                              self.runs["distillation"], budgets)

    def test_first_steps_of_the_descent(self):
        records, _ = self.descend("first_steps", [100])
        self.assertEqual(len(records), 20)
        self.assertNotEqual(records[0]["lambda"], records[-1]["lambda"])
        self.expect_equal("first_steps", records)

    def test_descent_in_miniature(self):
        budgets = self.runs["descent"]["budgets"]
        records, snapshots = self.descend("descent", budgets)
        self.expect_equal("descent", records)
        self.assertGreaterEqual(len({record["lambda"] for record in records}), 4)
        self.assertEqual(sorted(snapshots), sorted(budgets))
        for budget, state in snapshots.items():
            masks = [tensor for name, tensor in state.items() if name.endswith(".mask")]
            own = stages.kept_indices(masks, budget)
            result = self.tensors(f"result_{budget}")
            names = [name.removeprefix("sections.") for name in state if name.endswith(".mask")]
            theirs = torch.cat([result[name].flatten() for name in names]).nonzero().flatten()
            self.assertTrue(torch.equal(own, theirs), f"kept units at {budget} differ")

    def test_fine_tunes(self):
        for budget in self.runs["descent"]["budgets"]:
            run = f"fine_tune_{budget}"
            network = self.network(f"snapshot_{budget}")
            result = self.tensors(f"result_{budget}")
            names = [name.removeprefix("sections.") for name in network.state_dict()
                     if name.endswith(".mask")]
            kept = stages.kept_indices([relu.mask for relu in network.relus()], budget)
            binary = torch.zeros(sum(relu.mask.numel() for relu in network.relus()))
            binary[kept] = 1
            for relu, name in zip(network.relus(), names):
                part, binary = binary[:relu.mask.numel()], binary[relu.mask.numel():]
                relu.freeze(part.reshape(relu.mask.shape))
                self.assertTrue(torch.equal(relu.mask, result[name].float()), name)
            records = stages.fine_tune(network, self.network("pretrained").as_teacher(),
                                       self.batches(run),
                                       self.runs[run]["settings"], self.runs["distillation"])
            self.expect_equal(run, records)
            self.expect_close(result, network, 1e-3)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
