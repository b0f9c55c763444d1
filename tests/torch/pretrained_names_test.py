#!/usr/bin/env python3
"""Plain PyTorch models, saved under PyTorch's names, give the same logits here.

    python pretrained_names_test.py PATH_OF_run_pretrained
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "reference"))
import files  # noqa: E402

PROGRAM = None


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class BasicBlock(nn.Module):
    """Of a ResNet; its projection is called `shortcut` as the file to imitate has it."""

    def __init__(self, inputs, outputs, stride, shortcut):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.name = shortcut
        projected = stride != 1 or inputs != outputs
        setattr(self, shortcut,
                nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
                if projected else nn.Sequential())

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y)) + getattr(self, self.name)(x)
        return functional.relu(y)


class ResNet(nn.Module):
    """Stem of 3 x 3, a ReLU behind it, four layers, mean over the last map."""

    def __init__(self, width, depths, shortcut="downsample", last="fc"):
        super().__init__()
        self.conv1, self.bn1 = conv(3, width, 3), nn.BatchNorm2d(width)
        inputs = width
        for section, depth in enumerate(depths, 1):
            outputs = width * 2 ** (section - 1)
            blocks = [BasicBlock(inputs if i == 0 else outputs, outputs,
                                 2 if i == 0 and section > 1 else 1, shortcut) for i in range(depth)]
            setattr(self, f"layer{section}", nn.Sequential(*blocks))
            inputs = outputs
        self.last = last
        setattr(self, last, nn.Linear(inputs, 10))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        for section in range(1, 5):
            x = getattr(self, f"layer{section}")(x)
        return getattr(self, self.last)(x.mean((2, 3)))


class WideBlock(nn.Module):
    """Pre-activation; a projection reads the activated input."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs, 3)
        self.convShortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x):
        y = functional.relu(self.bn1(x))
        skip = x if self.convShortcut is None else self.convShortcut(y)
        y = functional.relu(self.bn2(self.conv1(y)))
        return self.conv2(y) + skip


class WideSection(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.layer = nn.Sequential(*blocks)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """WRN-D-K with `base` channels in the stem: batch norm and ReLU before the pool."""

    def __init__(self, depth, widen, base):
        super().__init__()
        self.conv1 = conv(3, base, 3)
        inputs = base
        for section in range(1, 4):
            outputs = base * widen * 2 ** (section - 1)
            blocks = [WideBlock(inputs if i == 0 else outputs, outputs,
                                2 if i == 0 and section > 1 else 1) for i in range((depth - 4) // 6)]
            setattr(self, f"block{section}", WideSection(blocks))
            inputs = outputs
        self.bn1, self.fc = nn.BatchNorm2d(inputs), nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(functional.relu(self.bn1(x)).mean((2, 3)))


class PretrainedNamesTest(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)
        torch.manual_seed(3)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_ours(self, network, tensors, images):
        files.save(self.folder / "weights.safetensors", tensors)
        files.save(self.folder / "images.safetensors", {"images": images})
        return subprocess.run(
            [PROGRAM, network, *(str(self.folder / f"{name}.safetensors")
                                 for name in ("weights", "images", "logits"))],
            capture_output=True, text=True)

    def check(self, network, model, wrapper=""):
        for module in model.modules():  # as training leaves them
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
                module.running_mean.normal_(std=0.2)
                module.running_var.uniform_(0.5, 2)
        model.eval()
        images = torch.randn(3, 3, 32, 32)
        tensors = {wrapper + name: tensor for name, tensor in model.state_dict().items()}
        run = self.run_ours(network, tensors, images)
        self.assertEqual(run.returncode, 0, run.stderr)
        logits = files.load(self.folder / "logits.safetensors")[0]["logits"]
        with torch.no_grad():
            expected = model(images)
        self.assertGreater(expected.std().item(), 1e-2)
        self.assertLessEqual((logits - expected).abs().max().item(),
                             1e-5 * max(expected.abs().max().item(), 1))
        return tensors, images

    def test_resnet18_as_torchvision_names_it(self):
        self.check("resnet18@4+stem-relu", ResNet(4, [2, 2, 2, 2]))

    def test_resnet34_of_the_variants_for_small_images_in_parallel(self):
        self.check("resnet34@2+stem-relu", ResNet(2, [3, 4, 6, 3], "shortcut", "linear"),
                   wrapper="module.")

    def test_wide_residual_networks(self):
        self.check("wrn-16-2@4+final-relu", WideResNet(16, 2, 4))

    def test_another_width_is_told_with_its_first_tensor(self):
        tensors, images = self.check("resnet18@4+stem-relu", ResNet(4, [2, 2, 2, 2]))
        run = self.run_ours("resnet18@2+stem-relu", tensors, images)
        self.assertEqual(run.returncode, 1)
        self.assertIn("tensor stem.conv.weight ('conv1.weight' in the file): found 4x3x3x3 of F32; "
                      "the network needs 2x3x3x3 of F32", run.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
