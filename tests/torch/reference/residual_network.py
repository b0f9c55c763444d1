"""A basic-block residual network with masked ReLUs, as one would write it in PyTorch."""

import torch
from torch import nn
from torch.nn import functional


class MaskedRelu(nn.Module):
    """x where x > 0, else (1 - a) * x, with one a per unit, shared over the batch: which is
    a * relu(x) + (1 - a) * x."""

    def __init__(self, shape):
        super().__init__()
        self.mask = nn.Parameter(torch.ones(shape))

    def forward(self, x):
        return torch.where(x > 0, x, x * (1 - self.mask))

    def freeze(self, kept):
        del self.mask
        self.register_buffer("mask", kept)


def fold(conv, norm):
    """The convolution with the batch norm behind it, for inference."""
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
                       conv.padding)
    folded.weight = nn.Parameter(conv.weight * gain[:, None, None, None])
    folded.bias = nn.Parameter(norm.bias - norm.running_mean * gain)
    return folded, nn.Identity()


class Block(nn.Module):
    def __init__(self, inputs, width, side, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = MaskedRelu((width, side, side))
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = None
        if stride != 1 or inputs != width:
            self.shortcut = nn.ModuleDict({"conv": nn.Conv2d(inputs, width, 1, stride, bias=False),
                                           "bn": nn.BatchNorm2d(width)})
        self.relu2 = MaskedRelu((width, side, side))

    def forward(self, x):
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.shortcut is not None:
            x = self.shortcut["bn"](self.shortcut["conv"](x))
        return self.relu2(y + x)


class ResidualNetwork(nn.Module):
    """Stem without ReLU, sections of blocks whose widths double as their sides halve, pool, linear."""

    def __init__(self, width, depths, side, classes):
        super().__init__()
        self.stem = nn.ModuleDict({"conv": nn.Conv2d(3, width, 3, 1, 1, bias=False),
                                   "bn": nn.BatchNorm2d(width)})
        self.sections = nn.ModuleDict()
        inputs = width
        for number, depth in enumerate(depths, 1):
            blocks = nn.ModuleDict()
            for block in range(1, depth + 1):
                stride = 2 if number > 1 and block == 1 else 1
                side //= stride
                blocks[f"block{block}"] = Block(inputs, width, side, stride)
                inputs = width
            self.sections[f"section{number}"] = blocks
            width *= 2
        self.side = side
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.stem["bn"](self.stem["conv"](x))
        for blocks in self.sections.values():
            for block in blocks.values():
                x = block(x)
        return self.classifier(functional.avg_pool2d(x, self.side).flatten(1))

    def as_teacher(self):
        """In evaluation mode, without gradients, batch norms folded."""
        with torch.no_grad():
            self.stem["conv"], self.stem["bn"] = fold(self.stem["conv"], self.stem["bn"])
            for blocks in self.sections.values():
                for block in blocks.values():
                    block.conv1, block.bn1 = fold(block.conv1, block.bn1)
                    block.conv2, block.bn2 = fold(block.conv2, block.bn2)
                    if block.shortcut is not None:
                        block.shortcut["conv"], block.shortcut["bn"] = fold(
                            block.shortcut["conv"], block.shortcut["bn"])
        return self.eval().requires_grad_(False)

    def relus(self):
        return [module for module in self.modules() if isinstance(module, MaskedRelu)]

    def load(self, tensors):
        """Takes tensors by Reluscape's names; masks that `tensors` lacks stay."""
        own = {name.removeprefix("sections."): tensor for name, tensor in self.state_dict().items()
               if not name.endswith("num_batches_tracked")}
        missing = {name for name in own if name not in tensors and not name.endswith(".mask")}
        unknown = set(tensors) - set(own)
        if missing or unknown:
            raise ValueError(f"missing {sorted(missing)}, unknown {sorted(unknown)}")
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)
        return self

    def weights(self):
        return [tensor for name, tensor in self.named_parameters() if not name.endswith(".mask")]
