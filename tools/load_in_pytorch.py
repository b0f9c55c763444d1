#!/usr/bin/env python3
"""Rebuilds a network that `reluscape export` saved as a PyTorch module.

    python tools/load_in_pytorch.py FOLDER            prints what it holds
    from load_in_pytorch import load; network = load("FOLDER")

FOLDER holds architecture.json and weights.safetensors, folded or not. The module takes images as
N x 3 x side x side, normalised as in training (data_sets.md), and gives N x classes logits. A ReLU
that linearization removed passes its input on, or is a polynomial of degree 2 where the file holds
`<layer>.polynomial`, 3 x channels: c0, c1 and c2. Needs PyTorch alone.
"""

import json
import pathlib
import struct
import sys

import torch
from torch import nn
from torch.nn import functional

TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "I32": torch.int32,
         "U8": torch.uint8}
EPSILON = 1e-5  # of batch norm
SMALLEST_NORM = 1e-12  # of a Dirac filter


def read_safetensors(path):
    """The tensors of a safetensors file by name, and its metadata. ValueError where it is broken."""
    content = pathlib.Path(path).read_bytes()
    if len(content) < 8:
        raise ValueError(f"{path}: only {len(content)} bytes long")
    (length,) = struct.unpack("<Q", content[:8])
    if length > len(content) - 8:
        raise ValueError(f"{path}: its header would pass the end of the file")
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__", {})
    data = memoryview(bytearray(content[8 + length:]))
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        elements = 1
        for size in entry["shape"]:
            elements *= size
        dtype = TYPES.get(entry["dtype"])
        if dtype is None or not 0 <= begin <= end <= len(data) or \
                end - begin != elements * dtype.itemsize:
            raise ValueError(f"{path}: tensor {name} does not fit its type, shape or place")
        flat = torch.frombuffer(data[begin:end], dtype=dtype) if end > begin else torch.empty(
            0, dtype=dtype)
        tensors[name] = flat.clone().reshape(entry["shape"])
    return tensors, metadata


class Operation(nn.Module):
    """One entry of architecture.json's `operations` with its tensors."""

    PARAMETERS = ("weight", "bias", "dirac_a", "dirac_b", "polynomial")
    BUFFERS = ("running_mean", "running_var", "mask")

    def __init__(self, entry, tensors):
        super().__init__()
        self.entry = entry
        self.kind = entry["kind"]
        for part in self.PARAMETERS + self.BUFFERS:
            tensor = tensors.pop(f"{entry['name']}.{part}", None)
            if tensor is None:
                setattr(self, part, None)
            elif part in self.PARAMETERS:
                setattr(self, part, nn.Parameter(tensor))
            else:
                self.register_buffer(part, tensor.float())

    def forward(self, x, *others):
        entry = self.entry
        if self.kind == "conv":
            return functional.conv2d(x, self.kernel(), self.bias, entry["stride"],
                                     entry["padding"])
        if self.kind == "batch_norm":
            return functional.batch_norm(x, self.running_mean, self.running_var, self.weight,
                                         self.bias, self.training, 0.1, EPSILON)
        if self.kind == "relu":
            channels = entry["relu_channels"]
            head = x[:, :channels]
            if self.mask is None:
                head = functional.relu(head)
            else:
                head = self.mask * functional.relu(head) + (1 - self.mask) * self.removed(head)
            return head if channels == x.shape[1] else torch.cat([head, x[:, channels:]], 1)
        if self.kind == "average_pool":
            return functional.avg_pool2d(x, entry["kernel"], entry["stride"], entry["padding"])
        if self.kind == "max_pool":
            return functional.max_pool2d(x, entry["kernel"], entry["stride"], entry["padding"])
        if self.kind == "downsample":
            x = x[:, :, ::entry["stride"], ::entry["stride"]]
            return functional.pad(x, (0, 0, 0, 0, 0, entry["output"][0] - x.shape[1]))
        if self.kind == "scale":
            return x * self.weight
        if self.kind == "add":
            return x + others[0]
        if self.kind == "linear":
            return functional.linear(x.flatten(1), self.weight, self.bias)[..., None, None]
        raise ValueError(f"operation {entry['name']}: unknown kind {self.kind}")

    def removed(self, x):
        """What stands in the place of a removed ReLU: x, or c2 x^2 + c1 x + c0 by channel."""
        if self.polynomial is None:
            return x
        c0, c1, c2 = self.polynomial[:, :, None, None]
        return (c2 * x + c1) * x + c0

    def kernel(self):
        """The convolution's weight; of a Dirac one a * identity + b * w / |w|."""
        if self.dirac_a is None:
            return self.weight
        identity = torch.zeros_like(self.weight)
        middle = self.weight.shape[2] // 2
        for channel in range(min(self.weight.shape[:2])):
            identity[channel, channel, middle, middle] = 1
        norm = self.weight.flatten(1).norm(dim=1).clamp_min(SMALLEST_NORM)
        return (self.dirac_a[:, None, None, None] * identity
                + (self.dirac_b / norm)[:, None, None, None] * self.weight)


class ExportedNetwork(nn.Module):
    """The operations one after the other; in evaluation mode at first."""

    def __init__(self, architecture, tensors):
        super().__init__()
        tensors = dict(tensors)
        self.operations = nn.ModuleList(
            Operation(entry, tensors) for entry in architecture["operations"])
        if tensors:
            raise ValueError(f"tensors of no operation: {', '.join(sorted(tensors))}")
        self.eval()

    def forward(self, images):
        values = []
        for operation in self.operations:
            if operation.kind == "input":
                values.append(images)
            else:
                values.append(operation(*(values[i] for i in operation.entry["inputs"])))
        return values[-1].flatten(1)


def load(folder):
    """The network in `folder`, in evaluation mode."""
    folder = pathlib.Path(folder)
    architecture = json.loads((folder / "architecture.json").read_text())
    tensors, _ = read_safetensors(folder / "weights.safetensors")
    return ExportedNetwork(architecture, tensors)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: load_in_pytorch.py FOLDER")
    network = load(sys.argv[1])
    relus = sum(int(operation.mask.sum()) for operation in network.operations
                if operation.kind == "relu" and operation.mask is not None)
    polynomials = sum(int((1 - operation.mask).sum()) for operation in network.operations
                      if operation.kind == "relu" and operation.polynomial is not None)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    side = network.operations[0].entry["output"][1]
    with torch.no_grad():
        logits = network(torch.zeros(1, 3, side, side))
    print(f"{len(network.operations)} operations, {parameters} parameters, {relus} ReLUs, "
          f"{polynomials} polynomials, "
          f"{logits.shape[1]} classes, images of side {side}")


if __name__ == "__main__":
    main()
