"""How close training comes to the machine's limit, beside the usual ways.

``python -m experiments.benchmark_training`` measures in one run and in turns, because machines are shared
and noisy: compare ratios, not seconds. It takes some ten minutes on two cores. Four questions: what share of
the machine's own matrix-multiply rate does ``fit`` reach; how much faster is the same small model by ``fit``
than through a DataLoader; how long do the usual tutorial's VAE and ours take to the same test loss; and how
do time and memory grow with the number of images and of latent numbers?
"""

import contextlib
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from helpers import data, losses, training
from helpers.models import Autoencoder, as_batch

TURNS = 3
DEVICE = training.best_device()
TUTORIAL = {"batch_size": 128, "epochs": 10, "lr": 1e-3}


class TutorialVAE(nn.Module):
    """784-400-20 and back, as in pytorch/examples and most tutorials."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
        self.decoder = nn.Sequential(
            nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Unflatten(1, (1, 28, 28))
        )

    def neighborhoods(self, images):
        codes, log_variances = self.encoder(images).chunk(2, dim=1)
        return codes, (0.5 * log_variances).exp()


class PilDigits(Dataset):
    """Digits one by one, each through PIL and ToTensor, as torchvision's MNIST gives them."""

    def __init__(self, images):
        data.torchvision_datasets()  # first, where torchvision's compiled part is missing
        from torchvision.transforms import ToTensor

        self.images, self.to_tensor = images.numpy(), ToTensor()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.to_tensor(Image.fromarray(self.images[i])), 0


def seconds(work, *arguments, **settings):
    """Time a call, up to the moment when the device is done with it."""
    start = time.perf_counter()
    work(*arguments, **settings)
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def operations(model, images):
    """How many floating point operations the matrix multiplications of one training step take."""
    with FlopCounterMode(display=False) as counter:
        sum(losses.learned(model.train(), images).values()).backward()
    return counter.get_total_flops()


def multiply_rate(dtype, size=2048, repeats=10):
    """Floating point operations a second of square matrix multiplications."""
    a, b = torch.randn(2, size, size, device=DEVICE).to(dtype)
    product = a @ b

    def multiply():
        for _ in range(repeats):
            torch.mm(a, b, out=product)

    seconds(multiply)
    return repeats * 2 * size**3 / seconds(multiply)


def in_float32():
    """Make ``fit`` compute in float32 whatever the hardware can do."""
    return mock.patch.object(training, "mixed_precision", return_value=contextlib.nullcontext())


def share_of_the_machine(images):
    """Print what share of the matrix-multiply rate ``fit`` reaches, for each precision and batch size."""
    precisions = {"float32": in_float32}
    if isinstance(training.mixed_precision(DEVICE), torch.autocast):
        precisions["bfloat16"] = contextlib.nullcontext
    else:
        print("This machine has no bfloat16 instructions: fit computes in float32 only.")
    for batch_size in (256, 512):
        step = operations(Autoencoder(), as_batch(images[:batch_size])) / batch_size
        rates = {}
        for precision, patched in precisions.items():
            found = []
            for _ in range(TURNS):
                machine = multiply_rate(getattr(torch, precision))
                with patched():
                    took = seconds(
                        training.fit, Autoencoder(), losses.learned, images, epochs=1, batch_size=batch_size
                    )
                found.append((len(images) // batch_size * batch_size / took, machine))
            rates[precision] = statistics.median(rate for rate, _ in found)
            share = statistics.median(rate * step / machine for rate, machine in found)
            limit = statistics.median(machine for _, machine in found)
            print(
                f"batch {batch_size}, {precision}: {rates[precision]:,.0f} images a second, {share:.0%} of "
                f"the machine's {limit / 1e9:.0f} billion operations a second"
            )
        if "bfloat16" in rates:
            print(f"batch {batch_size}: bfloat16 is {rates['bfloat16'] / rates['float32']:.2f} times as fast")


def through_a_dataloader(model, dataset, epochs):
    """The loop of most tutorials."""
    model.to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=TUTORIAL["lr"])
    for _ in range(epochs):
        for images, _ in DataLoader(dataset, TUTORIAL["batch_size"], shuffle=True):
            loss = sum(losses.learned(model, images.to(DEVICE)).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.cpu()


def beside_the_dataloader(images, dataset):
    """Print how many images a second the same small model trains on, by ``fit`` and by a DataLoader."""
    ours, theirs = [], []
    for _ in range(TURNS):
        theirs.append(seconds(through_a_dataloader, TutorialVAE(), dataset, epochs=1))
        with in_float32():
            settings = {"epochs": 1, "batch_size": TUTORIAL["batch_size"]}
            ours.append(seconds(training.fit, TutorialVAE(), losses.learned, images, **settings))
    ratio = statistics.median(slow / fast for slow, fast in zip(theirs, ours, strict=True))
    print(
        f"784-400-20, batch {TUTORIAL['batch_size']}: {len(images) / statistics.median(ours):,.0f} images a "
        f"second by fit, {len(images) / statistics.median(theirs):,.0f} through DataLoader and ToTensor, "
        f"{ratio:.1f} times as many"
    )


def to_the_same_test_loss(images, test_images, dataset):
    """Print how long the tutorial's VAE takes for its ten epochs, and ours to the same test loss, once."""
    torch.manual_seed(0)
    tutorial = TutorialVAE()
    theirs = seconds(through_a_dataloader, tutorial, dataset, TUTORIAL["epochs"])
    goal = test_loss(tutorial, test_images)
    print(f"the tutorial's VAE: {goal:.1f} nats after {TUTORIAL['epochs']} epochs and {theirs:.0f} s")
    for epochs in range(1, TUTORIAL["epochs"] + 1):
        torch.manual_seed(0)
        model = Autoencoder()
        ours = seconds(training.fit, model, losses.learned, images, epochs=epochs)
        reached = test_loss(model, test_images)
        print(f"ours: {reached:.1f} nats after {epochs} epochs and {ours:.0f} s, {ours / theirs:.2f} of that")
        if reached <= goal:
            return
    print("ours did not reach the tutorial's test loss")


def test_loss(model, images):
    torch.manual_seed(0)
    return sum(training.evaluate(model, losses.learned, images).values())


def growth():
    """Print the time and the peak memory of one epoch for more images and for more latent numbers."""
    for latent_dim, share in [(12, 1), (12, 4), (12, 16), (2, 4), (64, 4)]:
        command = [sys.executable, __file__, str(latent_dim), str(share)]
        print(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def one_epoch(latent_dim, share, unit=15_000):
    """Train for one epoch in a process of its own and print what it took."""
    images = data.load_mnist("train")[0][:unit].repeat(share, 1, 1)
    took = seconds(training.fit, Autoencoder(latent_dim), losses.learned, images, epochs=1)
    print(f"{len(images):,} images, {latent_dim} latent numbers: {took:.1f} s, peak {peak_memory():.2f} GB")


def peak_memory():
    """The most memory that this process has held, in GB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says includes the parent's peak here
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30


def main():
    images, test_images = data.load_mnist("train")[0], data.load_mnist("test")[0]
    dataset = PilDigits(images)
    growth()
    share_of_the_machine(images)
    beside_the_dataloader(images, dataset)
    to_the_same_test_loss(images, test_images, dataset)


if __name__ == "__main__":
    one_epoch(*map(int, sys.argv[1:])) if len(sys.argv) > 1 else main()
