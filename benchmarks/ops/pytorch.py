"""Steps of steps.ts in PyTorch, on the processor: one step for each line on the standard input.

Written for Debian's python3-torch 1.13 and python3-torchvision 0.14. `ops.ts --pytorch` runs it with /usr/bin/python3
and measures; by hand: pytorch.py --threads 2 --repeat 15 cnn
"""

import argparse
import statistics
import sys
import time

import torch
import torchvision
from torch import nn
from torch.nn import functional as F


def cnn(batch=32):
    """32C3-64C3-pool-128-10 on samples of 28×28, Adam."""
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )
    return model, torch.optim.Adam(model.parameters(), lr=1e-3), (batch, 1, 28, 28), 10


def mobilenet_v2(batch=16):
    model = torchvision.models.mobilenet_v2()
    return model, torch.optim.SGD(model.parameters(), lr=0.01), (batch, 3, 96, 96), 1000


def resnet_18(batch=16):
    model = torchvision.models.resnet18()
    return model, torch.optim.SGD(model.parameters(), lr=0.01), (batch, 3, 64, 64), 1000


def features():
    """MobileNetV2's forward pass: no optimizer."""
    return torchvision.models.mobilenet_v2(), None, (16, 3, 224, 224), 1000


STEPS = {
    "cnn": cnn, "cnn, batch 8": lambda: cnn(8),
    "mobilenet-v2": mobilenet_v2, "mobilenet-v2, batch 2": lambda: mobilenet_v2(2),
    "resnet-18": resnet_18, "resnet-18, batch 2": lambda: resnet_18(2),
    "features": features, "mobilenet-v2 features": features,
}


def runner(name):
    """A function that does one step, of training or forward only, and waits for its end."""
    torch.manual_seed(1)
    model, optimizer, shape, classes = STEPS[name]()
    x = torch.randn(shape)
    if optimizer is None:
        model.eval()
        return torch.inference_mode()(lambda: model(x).sum().item())
    model.train()
    target = torch.arange(shape[0]) % classes

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def serve(step):
    print("ready", flush=True)
    for _ in sys.stdin:
        step()
        print("done", flush=True)


def measure(name, step, repeat, warmup=3):
    times = []
    for _ in range(warmup + repeat):
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    print(f"{name}: {statistics.median(times[warmup:]):.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=0, help="measure here, the median of so many steps")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    step = runner(args.step)
    if args.repeat:
        measure(args.step, step, args.repeat)
    else:
        serve(step)


if __name__ == "__main__":
    main()
