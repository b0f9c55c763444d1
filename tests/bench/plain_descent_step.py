"""SNL's descent step as a plain PyTorch script has it: eager, the teacher in evaluation mode under
no_grad, the mask by its formula, Adam with PyTorch's defaults; contiguous in float32, with
convolutions in TF32 where that is asked for, or under autocast in bfloat16 with channels last.

    python3 plain_descent_step.py FOLDER WIDTH CLASSES THREADS float32|tf32|bfloat16 cpu|cuda

reads FOLDER/start.safetensors, prints a line and answers every line "STEPS" on stdin as
descent_step_bench.cc does. ResNet18 (SNL's: no ReLU behind the stem) of base width WIDTH.
"""

import pathlib
import resource
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "torch" / "reference"))
import files  # noqa: E402
import residual_network  # noqa: E402
import stages  # noqa: E402

LAMBDA = 1e-5  # SNL's public code, as are the learning rate, the temperature and the weights below
RATE = 1e-3
DISTILLATION = {"temperature": 4, "weight": 1, "cross_entropy_weight": 1}


class PublishedRelu(residual_network.MaskedRelu):
    def forward(self, x):
        return self.mask * torch.relu(x) + (1 - self.mask) * x


def make(width, classes, tensors):
    residual_network.MaskedRelu = PublishedRelu
    network = residual_network.ResidualNetwork(width, [2, 2, 2, 2], 32, classes)
    return network.load(tensors)


def peak_kib(device):
    """Of this process on a CPU, of its tensors on a GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(folder, width, classes, threads, precision, device):
    torch.set_num_threads(threads)
    if device == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = precision == "tf32"  # PyTorch's default: on
    tensors, _ = files.load(pathlib.Path(folder) / "start.safetensors")
    images, labels = tensors.pop("batch.images"), tensors.pop("batch.labels")
    narrow = precision == "bfloat16"
    form = torch.channels_last if narrow else torch.contiguous_format
    images, labels = images.to(device, memory_format=form), labels.to(device)
    student = make(width, classes, tensors).to(device, memory_format=form)
    teacher = make(width, classes, tensors).eval().requires_grad_(False)
    teacher.to(device, memory_format=form)
    # The teacher keeps all its ReLUs.
    for block in teacher.modules():
        if isinstance(block, residual_network.Block):
            block.relu1, block.relu2 = torch.nn.ReLU(), torch.nn.ReLU()
    masks = [relu.mask for relu in student.relus()]
    optimizer = torch.optim.Adam(student.parameters(), lr=RATE)

    def step():
        with torch.autocast(device, torch.bfloat16, enabled=narrow):
            with torch.no_grad():
                target = teacher(images)
            logits = student(images)
        loss = stages.distillation(logits.float(), target.float(), labels, DISTILLATION)
        loss = loss + LAMBDA * sum(mask.abs().sum() for mask in masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    print("ready", flush=True)
    for line in sys.stdin:
        start, processor_start = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            loss = step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        processor = time.process_time() - processor_start
        print(f"{seconds:.9g} {processor:.9g} {loss.item():.9g} {peak_kib(device)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), *sys.argv[5:])
