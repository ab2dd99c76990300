"""Draw the README's first picture, blind samples of the four shipped models side by side.

``python -m experiments.four_chapters`` writes ``docs/four_chapters.png``.
"""

from pathlib import Path

from helpers import checkpoints, losses, plots

TITLES = ("1. Autoencoder", "2. Compact latent space", "3. Smooth neighborhoods", "4. Learned neighborhoods")

samples = [checkpoints.load(chapter).sample(64, seed=1) for chapter in losses.BY_CHAPTER]
picture = plots.galleries(dict(zip(TITLES, samples, strict=True)))
(Path(__file__).parent.parent / "docs" / "four_chapters.png").write_bytes(picture.png())
