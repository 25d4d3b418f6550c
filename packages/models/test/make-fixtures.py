"""Writes fixtures/torchvision.json: parameter names and shapes of torchvision's networks, what they compute,
and where their weights are.

Run with PyTorch and torchvision installed: python3 make-fixtures.py
Weights and pictures come from an integer hash that the test repeats, so no weights are stored. The reference runs in float64.
"""
import json
import os

import numpy as np
import torch
import torchvision


def hashed(seed, n):
    """n numbers in [-1, 1), float32: a multiplicative hash of seed and position."""
    i = np.arange(n, dtype=np.uint64) + np.uint64(seed * 7919 + 1)
    h = (i * np.uint64(2654435761)) % np.uint64(2**32)
    h = ((h ^ (h >> np.uint64(15))) * np.uint64(2246822519)) % np.uint64(2**32)
    h = h ^ (h >> np.uint64(13))
    return (h.astype(np.float64) / 2**31 - 1).astype(np.float32)


def fill(model):
    for k, (name, value) in enumerate(model.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        u = hashed(k, value.numel()).astype(np.float64)
        if name.endswith("running_var"):
            u = 1 + u / 2
        elif name.endswith("running_mean") or name.endswith("bias"):
            u = u / 10
        elif value.dim() == 1:
            u = 1 + u / 4
        else:
            u = u * np.sqrt(6 / (value.numel() / value.shape[0]))
        value.copy_(torch.from_numpy(u.astype(np.float32)).reshape(value.shape))


out = {"torchvision": torchvision.__version__, "models": {}}
# Name, options, side of the picture.
NETWORKS = [
    ("mobilenet_v2", {}, 48),
    ("mobilenet_v2", {"width_mult": 0.35}, 48),
    ("resnet18", {}, 24),
    ("resnet34", {}, 24),
    ("squeezenet1_1", {}, 33),
]
for name, options, size in NETWORKS:
    model = torchvision.models.get_model(name, num_classes=10, **options).eval()
    key = " ".join([name, *(f"width {v}" for v in options.values())])
    with torch.no_grad():
        fill(model)
        x = torch.from_numpy(hashed(1000, 3 * size * size).reshape(1, 3, size, size))
        y = model.double()(x.double())
    out["models"][key] = {
        "size": size,
        "state": [[n, list(v.shape)] for n, v in model.state_dict().items()],
        "output": [float(v) for v in y[0]],
    }
out["addresses"] = {
    name: torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url for name, _, _ in NETWORKS
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "torchvision.json")
with open(path, "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
