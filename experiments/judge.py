"""Train the judge, the ruler of all scores: ``python -m experiments.judge``, in a few minutes.

With another judge every score has to be measured again.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import trange

from experiments.files import write_weights
from helpers import data, judge
from helpers.judge import Judge
from helpers.models import as_batch

EPOCHS, BATCH_SIZE, PEAK_LR, MAX_SHIFT = 5, 128, 6e-3, 2


def train(network: nn.Module, images: Tensor, labels: Tensor) -> nn.Module:
    """Train a new judge on images (see ``models.as_batch``) and their labels (N,), and return it."""
    steps = len(images) // BATCH_SIZE
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_LR)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, total_steps=EPOCHS * steps)
    for _ in trange(EPOCHS, desc="Training the judge", unit="epoch"):
        for batch in torch.randperm(len(images))[: steps * BATCH_SIZE].view(steps, BATCH_SIZE):
            shift = torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (2,)).tolist()
            shifted = as_batch(images[batch]).roll(shift, dims=(2, 3))
            optimizer.zero_grad()
            F.cross_entropy(network(shifted)[1], labels[batch]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def main() -> None:
    """Train the judge on all of MNIST, put it in its place, and say how well it reads."""
    torch.manual_seed(0)
    write_weights(train(Judge(), *data.load_mnist("train")), judge.PATH)
    judge.shipped.cache_clear()
    print(
        f"The judge in {judge.PATH} reads {judge.accuracy(*data.load_mnist('test')):.2%} of the test digits."
    )


if __name__ == "__main__":
    main()
