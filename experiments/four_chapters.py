"""Draw the README's first picture, blind samples of the shipped models side by side.

``python -m experiments.four_chapters`` writes ``docs/four_chapters.png``.
"""

from pathlib import Path

from helpers import checkpoints, plots

TITLES = {
    1: "1. Autoencoder",
    2: "2. Compact latent space",
    3: "3. Smooth neighborhoods",
    4: "4. Learned neighborhoods",
    "epilogue": "Epilogue: a learned cloud",
}


def main() -> None:
    """Draw it."""
    picture = plots.galleries(
        {title: checkpoints.load(chapter).sample(64, seed=1) for chapter, title in TITLES.items()}
    )
    (Path(__file__).parent.parent / "docs" / "four_chapters.png").write_bytes(picture.png())


if __name__ == "__main__":
    main()
