"""Writes torchvision's classifiers with random weights as ONNX files: python3 export-classifiers.py FOLDER [NAME…]"""

import os
import sys
import warnings

import torch
import torchvision

warnings.filterwarnings("ignore")
folder, names = sys.argv[1], sys.argv[2:]
for name in names:
    path = os.path.join(folder, name + ".onnx")
    if os.path.exists(path):
        continue
    torch.manual_seed(0)
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    network = getattr(torchvision.models, name)(weights=None, **options).eval()
    torch.onnx.export(
        network,
        torch.zeros(1, 3, 224, 224),
        path + ".part",
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=13,
    )
    os.rename(path + ".part", path)
