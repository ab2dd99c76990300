"""Write what ships, whole or not at all."""

import os
from pathlib import Path
from uuid import uuid4

import pandas as pd
import safetensors.torch
from torch import nn

from helpers.checkpoints import sha256


def write_weights(model: nn.Module, path: Path) -> None:
    """Write a model's weights in half precision, with their checksum."""
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    write_atomically(path, safetensors.torch.save(weights, metadata={"sha256": sha256(weights)}))


def so_far(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return the table that a file holds so far, or an empty one."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside ``path``, then rename: nobody ever sees half a file."""
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}.unfinished")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
