"""Helpers for the course "From Autoencoder to VAE": data, models, losses, training and pictures.

The chapters import the rooms by name, for example ``from helpers import data, plots``.
"""

import torch


def _define_missing_torchvision_operators():
    """Let ``import torchvision`` work where its compiled part does not fit this torch.

    The default package index pairs a CPU build of torch with a torchvision that was compiled for
    CUDA. Its compiled part then does not load, and the import stops at two operators that it only
    wants to annotate (pytorch/vision issues 8985 and 9077). Nothing in this course uses them, so an
    empty definition is enough. With matching builds the import succeeds and nothing is defined.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library  # the definitions live as long as this object


_torchvision_operators = _define_missing_torchvision_operators()
