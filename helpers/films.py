"""A film of a training: the map of a latent space from moment to moment."""

import torch
from torch import Tensor

from helpers.models import PIXELS, Autoencoder, Decoder, as_batch, as_labels, whole_number

MOMENTS = 30


class Film:
    """What some moments of a training looked like, close together at first; give it to ``training.fit``.

    Attributes:
        labels: of the digits whose codes were kept, (N,).
        epochs: how many had passed at each moment.
        codes, sizes: at each moment, (N, latent_dim).

    Args:
        images: whose codes to keep, a few hundred; see ``models.as_batch``.
        labels: their digits, (N,); see ``models.as_labels``.
        moments: how many to keep, from before the first step to after the last.
    """

    def __init__(self, images: Tensor, labels: Tensor, moments: int = MOMENTS):
        self.images = as_batch(images)
        self.labels = as_labels(labels, images)
        self.moments = whole_number("moments", moments, least=2)
        self._begin()

    def _begin(self):
        self.epochs: list[float] = []
        self.codes: list[Tensor] = []
        self.sizes: list[Tensor] = []
        self._decoders: list[dict[str, Tensor]] = []

    @torch.no_grad()
    def __call__(self, model: Autoencoder, epoch: float, epochs: int) -> None:
        """Keep this moment if it is time, ``epoch`` of ``epochs`` having passed; 0 begins a new film."""
        if epoch == 0:
            self._begin()
        if epoch < epochs * (len(self.epochs) / (self.moments - 1)) ** 2:
            return
        codes, sizes = model.neighborhoods(self.images.to(next(model.parameters()).device))
        self.epochs.append(epoch)
        self.codes.append(codes.cpu())
        self.sizes.append(sizes.cpu())
        decoder = model.decoder.state_dict()
        self._decoders.append({name: weight.half().cpu() for name, weight in decoder.items()})

    @torch.no_grad()
    def logits(self, codes: Tensor) -> Tensor:
        """Return what the decoder of each moment makes of codes (N, latent_dim): (moments, N, 784)."""
        width, latent_dim = self._decoders[0]["hidden.0.weight"].shape
        decoder = Decoder(latent_dim, width).float()
        codes = codes.float()
        decoded = codes.new_empty(len(self._decoders), len(codes), PIXELS)
        for weights, moment in zip(self._decoders, decoded, strict=True):
            decoder.load_state_dict(weights)
            moment.copy_(decoder(codes).flatten(1))
        return decoded
