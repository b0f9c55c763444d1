"""Reads and writes safetensors files (huggingface/safetensors, README, "Format") with torch alone."""

import json
import struct

import torch

TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "I32": torch.int32,
         "U8": torch.uint8}
NAMES = {dtype: name for name, dtype in TYPES.items()}


def load(path):
    """Returns the tensors by name, and the metadata."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__", {})
    data = memoryview(bytearray(content[8 + length:]))
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = TYPES[entry["dtype"]]
        flat = (torch.frombuffer(data[begin:end], dtype=dtype).clone() if end > begin
                else torch.empty(0, dtype=dtype))
        tensors[name] = flat.reshape(entry["shape"])
    return tensors, metadata


def save(path, tensors):
    """Writes `tensors`, a dict."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + size]}
        data += bytes(tensor.detach().contiguous().view(-1).view(torch.uint8).tolist())
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
