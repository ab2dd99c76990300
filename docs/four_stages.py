"""Draw the README's picture: blind samples of the four shipped models, side by side."""

from pathlib import Path

from helpers import checkpoints, losses, plots

TITLES = ("1. Autoencoder", "2. Compact latent space", "3. Smooth neighborhoods", "4. Learned neighborhoods")

samples = [checkpoints.load(chapter).sample(64, seed=1) for chapter in losses.STAGES]
picture = plots.galleries(dict(zip(TITLES, samples, strict=True)))
Path(__file__).with_suffix(".png").write_bytes(picture.png())
