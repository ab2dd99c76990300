"""The checks tell right answers from the likely wrong ones, and so do the chapters' graded tests."""

import functools
import math
from pathlib import Path

import nbformat
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers import checks, data, losses, models

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's own about wrong answers
CHAPTERS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
TASKS = {  # the chapter, the cell with the answer, and the function in it
    "reconstruction": (1, "loss", "loss"),
    "walk": (1, "walk", "walk"),
    "energy": (2, "energy", "energy"),
    "compact": (2, "loss", "loss"),
    "smooth": (3, "loss", "loss"),
    "miss": (3, "miss", "miss"),
    "neighborhood_size": (4, "size-term", "neighborhood_size"),
    "learned": (4, "loss", "loss"),
}

# For each task: a part of the chapter's answer ("" for all of it), and other ways to write it.
RIGHT = {
    "reconstruction": {
        "": [
            "loss = losses.autoencoder",
            "def loss(model, images):\n"
            '    missed = F.binary_cross_entropy(model(images), images, reduction="sum")\n'
            '    return {"reconstruction": missed / len(images)}',
        ],
        'F.binary_cross_entropy_with_logits(logits, images, reduction="none")': [
            "F.softplus(logits) - images * logits",
            "-(images * logits.sigmoid().log() + (1 - images) * (1 - logits.sigmoid()).log())",
            "-torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(images)",
        ],
        "per_pixel.sum(dim=(1, 2, 3)).mean()": ["per_pixel.sum() / len(images)", "784 * per_pixel.mean()"],
    },
    "walk": {
        "torch.lerp(ends[0], ends[1], way)": [
            "ends[0] + way * (ends[1] - ends[0])",
            "(1 - way) * ends[0] + way * ends[1]",
            "torch.stack([ends[0] + i * (ends[1] - ends[0]) / (steps - 1) for i in range(steps)])",
        ],
        "model.decode(torch.lerp(ends[0], ends[1], way))": [
            "model.decoder(torch.lerp(ends[0], ends[1], way)).sigmoid()",
            "model.decode(torch.lerp(ends[0], ends[1], way)).detach()",
            "torch.cat([model.decode(torch.lerp(*ends, part)[None]) for part in way])",
        ],
        "model.encode(test_images[[start, end]])": [
            "torch.cat([model.encode(test_images[start]), model.encode(test_images[end])])",
            "model.encode(test_images)[[start, end]]",
        ],
    },
    "energy": {
        "": ["energy = losses.energy"],
        "0.5 * codes.square().sum(dim=1).mean()": [
            "(codes**2).sum() / (2 * len(codes))",
            "codes.norm(dim=1).square().mean() / 2",
            "sum(code @ code for code in codes) / len(codes) / 2",
            '0.5 * F.mse_loss(codes, torch.zeros_like(codes), reduction="sum") / codes.shape[0]',
        ],
    },
    "compact": {
        "": ["loss = losses.compact"],
        "model.decoder(codes)": ["model.decode(codes).logit()"],
        "energy(codes)": ["losses.energy(codes)", "energy(model.encode(images))"],
        "return {": ['return {"energy": 0} | {'],  # in another order
    },
    "smooth": {
        "": ["loss = losses.smooth"],
        "codes + SIZE * torch.randn_like(codes)": [
            "torch.randn(codes.shape) * SIZE + codes",
            "codes - SIZE * torch.randn(len(images), 12)",
            "codes + torch.normal(0.0, SIZE, codes.shape)",
            "codes + torch.normal(torch.zeros_like(codes), SIZE)",
            "codes + torch.empty_like(codes).normal_(std=SIZE)",
            "codes + torch.distributions.Normal(0.0, SIZE).sample(codes.shape)",
            "torch.distributions.Normal(codes, SIZE).rsample()",
        ],
    },
    "miss": {
        'F.binary_cross_entropy(model.decode(latents), images, reduction="none")': [
            'F.binary_cross_entropy_with_logits(model.decoder(latents), images, reduction="none")',
            "F.softplus(model.decoder(latents)) - images * model.decoder(latents)",
            "-(images * model.decode(latents).log() + (1 - images) * (1 - model.decode(latents)).log())",
        ],
        "pixels.sum(dim=(1, 2, 3))": [
            "pixels.flatten(1).sum(dim=1).detach()",
            "784 * pixels.mean(dim=(1, 2, 3))",
            "torch.stack([digit.sum() for digit in pixels])",
        ],
    },
    "neighborhood_size": {
        "": ["neighborhood_size = losses.neighborhood_size"],
        "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()": [
            "((sizes**2 - 1) / 2 - sizes.log()).sum() / len(sizes)",
            "0.5 * (sizes**2 - 1 - torch.log(sizes**2)).sum(dim=1).mean()",
            "-0.5 * (1 + 2 * sizes.log() - sizes.pow(2)).sum(dim=-1).mean(dim=0)",
            "kl_divergence(Normal(0.0, sizes), Normal(0.0, 1.0)).sum(dim=1).mean()",
        ],
    },
    "learned": {
        "": ["loss = losses.learned"],
        "model.neighborhoods(images)": [
            "model.encoder(images)",
            "(model.encode(images), model.encoder(images)[1])",
        ],
        "codes + sizes * torch.randn_like(codes)": [
            "codes - torch.randn(sizes.shape) * sizes",
            "codes + sizes * torch.normal(0.0, 1.0, codes.shape)",
            "codes + sizes.log().exp() * Normal(0.0, 1.0).sample(codes.shape)",
            "Normal(codes, sizes).rsample()",
        ],
        "losses.energy(codes)": ["0.5 * codes.square().sum(dim=1).mean()"],
        "neighborhood_size(sizes)": [
            "kl_divergence(Normal(codes, sizes), Normal(0.0, 1.0)).sum(dim=1).mean() - losses.energy(codes)"
        ],
    },
}

# The same for slips, each with words that its answer must contain.
WRONG = {
    "reconstruction": {
        "per_pixel.sum(dim=(1, 2, 3)).mean()": {
            "per_pixel.mean()": "averages over the pixels, too",
            "per_pixel.mean(dim=(1, 2, 3)).mean()": "averages over the pixels, too",
            "per_pixel.sum()": "adds up the whole batch",
            "per_pixel.sum(dim=0).mean()": "sums over the batch and averages over the pixels",
            "per_pixel.sum(dim=(1, 2, 3))": "shape (2048,)",
            "per_pixel": "shape (2048, 1, 28, 28)",
            "-per_pixel.sum(dim=(1, 2, 3)).mean()": "wrong sign",
            "per_pixel.sum(dim=(1, 2, 3)).mean().item()": "of type float",
            "per_pixel.sum(dim=(1, 2, 3)).mean().detach()": "without `.detach()`",
            "torch.tensor(per_pixel.sum(dim=(1, 2, 3)).mean())": "nothing can be learned",
            "torch.tensor(206.0)": "nothing can be learned",
            "206": "of type int",
            "None": "reconstruction is None",
            "AgreesWithAll()": "of type AgreesWithAll",
            "per_pixel.detach().sum() / len(images) + 0 * logits.sum()": "a part of it is detached",
        },
        'F.binary_cross_entropy_with_logits(logits, images, reduction="none")': {
            "F.binary_cross_entropy_with_logits(logits, images)": "stopped with IndexError",
            'F.binary_cross_entropy_with_logits(images, logits, reduction="none")': "wrong order",
            'F.binary_cross_entropy_with_logits(logits.sigmoid(), images, reduction="none")': "twice",
            'F.binary_cross_entropy(logits, images, reduction="none")': "stopped with RuntimeError",
            'F.binary_cross_entropy(images, logits.sigmoid(), reduction="none")': "wrong order",
            'F.mse_loss(logits.sigmoid(), images, reduction="none")': "is a squared difference; use",
            "(logits - images) ** 2": "squared difference from logits",
            "(logits.sigmoid() - images).abs()": "is an absolute difference",
            "-images * logits.sigmoid().log()": "another value than expected",
            'F.binary_cross_entropy_with_logits(logits, images / 255, reduction="none")': "another value",
        },
        "model.decoder(codes)": {
            "model.decode(codes)": "squeezes twice",
            "model(codes)": "stopped with ValueError: Images have shape",
            "model.decoder(codes.detach())": "cut off",
            "model.decoder(torch.randn_like(codes))": "did not get the codes",
            "model.decoder(model.encoder(images))": "`model.encode(images)` gives the codes alone",
            "model.decoder(codes + 0.2 * torch.randn_like(codes))": "did not get the codes",
            "model.decoder(latents=codes.detach())": "without a keyword",
            "images": "does not depend on what it was given",
        },
        '{"reconstruction": per_pixel.sum(dim=(1, 2, 3)).mean()}': {
            "per_pixel.sum(dim=(1, 2, 3)).mean()": "it returns a Tensor",
            '{"loss": per_pixel.sum(dim=(1, 2, 3)).mean()}': "its terms are loss; expected reconstruction",
            '{"reconstruction", per_pixel.sum(dim=(1, 2, 3)).mean()}': "it returns a set",
            "{}": "its terms are none",
            "None": "it returns nothing",
        },
    },
    "walk": {
        "torch.lerp(ends[0], ends[1], way)": {
            "torch.lerp(ends[1], ends[0], way)": "walks backward",
            "ends[0] + way * ends[1]": "overshoots",
            "way * (ends[1] - ends[0])": "starts at the origin",
            "ends[0] + way * (ends[0] - ends[1])": "walks away from `end`",
            "ends[:1].expand(steps, -1)": "every step is the code of `start`",
            "ends[1:].expand(steps, -1)": "every step is the code of `end`",
            "ends": "shape (2, 1, 28, 28)",
        },
        "torch.linspace(0, 1, steps)[:, None]": {
            "torch.linspace(0, 1, 12)[:, None]": "Use `steps`",
            "torch.linspace(0, 1, steps + 1)[:, None]": "8 pictures instead of 7",
            "torch.linspace(0, 1, steps)[1:-1, None]": "5 pictures instead of 7",
            "torch.arange(steps)[:, None] / steps": "stops before `end`",
            "torch.arange(1, steps + 1)[:, None] / steps": "begins after `start`",
            "torch.linspace(0, 1, steps + 2)[1:-1, None]": "leaves out both ends",
            "torch.linspace(0, 1, steps)": "stopped with RuntimeError",
            "torch.rand(steps, 1)": "in equal steps",
        },
        "model.decode(torch.lerp(ends[0], ends[1], way))": {
            "torch.lerp(ends[0], ends[1], way)": "it returns latents",
            "model.decoder(torch.lerp(ends[0], ends[1], way))": "it returns logits",
            "[model.decode(torch.lerp(*ends, part)[None]) for part in way]": "it returns a list",
            "model.decode(torch.lerp(ends[0], ends[1], way)).squeeze()": "shape (7, 28, 28)",
            "model.decode(torch.lerp(ends[0], ends[1], way)).numpy()": "of type ndarray",
            "model.decode(torch.lerp(ends[0], ends[1], way)).item()": "stopped with RuntimeError",
            "torch.lerp(*test_images[[start, end], None] / 255, way[..., None, None])": "the two pictures",
            "torch.lerp(*model.decode(ends), way[..., None, None])": "blends the two copies",
            "torch.zeros(steps, 1, 28, 28)": "another value",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "the walk is None",
        },
        "test_images[[start, end]]": {
            "test_images[[0, 1]]": "from the code of test digit `start`",
            "test_images[start:end]": "from the code of test digit `start`",
        },
    },
    "energy": {
        "0.5 * codes.square().sum(dim=1).mean()": {
            "codes.square().sum(dim=1).mean()": "lacks the half",
            "-0.5 * codes.square().sum(dim=1).mean()": "wrong sign",
            "0.5 * codes.square().mean()": "averages over the latent numbers. Sum",
            "codes.square().mean()": "averages over the latent numbers and lacks the half",
            "0.5 * codes.square().sum()": "adds up the whole batch. Average",
            "codes.square().sum()": "adds up the whole batch and lacks the half",
            "0.5 * codes.square().sum(dim=0).mean()": "the other way round",
            "0.5 * codes.norm(dim=1).mean()": "half the length",
            "codes.norm(dim=1).mean()": "is the length",
            "0.5 * codes.abs().sum(dim=1).mean()": "absolute values",
            "0.5 * codes.sum(dim=1).square().mean()": "square first, then sum",
            "0.5 * codes.mean(dim=0).square().sum()": "square first, then average",
            "0.5 * codes.var(dim=0, correction=0).sum()": "pull to the origin",
            "0.5 * (codes - 1).square().sum(dim=1).mean()": "another value than expected",
            "0.5 * codes.square().sum(dim=1)": "shape (256,)",
            "0.5 * codes.square().mean(dim=0)": "shape (12,)",
            "0.5 * codes.square().sum(dim=1).mean().item()": "of type float",
            "0.5 * codes.square().sum(dim=1).mean().detach()": "without `.detach()`",
            "0.5 * (codes * codes.detach()).sum(dim=1).mean()": "a part of it is detached",
            "torch.tensor(0.5 * codes.square().sum(dim=1).mean().item(), requires_grad=True)": "is detached",
            "0.5 * codes.numpy().square().sum()": "stopped with RuntimeError",
            "codes.log().sum(dim=1).mean()": "energy is nan",
            '{"energy": 0.5 * codes.square().sum(dim=1).mean()}': "of type dict",
            "torch.tensor(6.0)": "nothing can be learned",
            "6": "of type int",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "the function with `return`",
        },
    },
    "compact": {
        "energy(codes)": {
            "-energy(codes)": "wrong sign",
            "2 * energy(codes)": "lacks the half",
            "0.1 * energy(codes)": "energy has another value",
            "energy(codes).item()": "energy is of type float",
            "energy(codes).detach()": "energy does not depend",
            "energy(codes.detach())": "energy does not depend",
            "energy": "energy is of type function",
            "energy(images.flatten(1))": "energy does not depend",
            "energy(model.decoder(codes).flatten(1))": "called the decoder 2 times",
            "codes.square().mean()": "averages over the latent numbers",
            "codes.square()": "energy has the shape (2048, 12)",
            "torch.tensor(6.0)": "nothing can be learned",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "energy is None",
        },
        "model.decoder(codes)": {
            "model.decode(codes)": "squeezes twice",
            "codes": "stopped with ValueError",
            "model.decoder(codes.detach())": "cut off",
            "model.decoder(torch.randn(len(images), 12))": "did not get the codes",
            "model.decoder(codes + 0.2 * torch.randn_like(codes))": "did not get the codes",
        },
        "losses.reconstruction(model.decoder(codes), images)": {
            "losses.reconstruction(images, model.decoder(codes))": "wrong order",
            "losses.reconstruction(model.decoder(codes), images) / 784": "averages over the pixels",
            "losses.reconstruction(model.decoder(codes), images) + energy(codes)": "another value than",
            "losses.autoencoder(model, images)": "reconstruction is of type dict",
        },
        '"energy": energy(codes),': {
            "": "its terms are reconstruction; expected reconstruction, energy",
            '"Energy": energy(codes),': "its terms are reconstruction, Energy",
            '"energy": energy(codes), "sum": energy(codes)': "its terms are reconstruction, energy, sum",
        },
        "return {": {
            "terms = {": "it returns nothing",
            "return 0, {": "a tuple",
        },
    },
    "smooth": {
        "SIZE * torch.randn_like(codes)": {
            "0": "without noise",
            "torch.randn_like(codes)": "not multiplied by `SIZE`",
            "SIZE**2 * torch.randn_like(codes)": "SIZE squared",
            "SIZE**0.5 * torch.randn_like(codes)": "the root of SIZE",
            "torch.randn_like(codes) / SIZE": "divided by `SIZE`",
            "0.5 * torch.randn_like(codes)": "times as wide as `SIZE` = 0.2",
            "SIZE * (torch.randn_like(codes) + 0.5)": "not normal around 0",
            "SIZE * torch.rand_like(codes)": "one way only",
            "SIZE * torch.randn_like(codes).abs()": "one way only",
            "SIZE * (torch.rand_like(codes) - 0.5)": "0.29 times as wide",
            "SIZE * torch.randn_like(codes).sign()": "not normal",
            "SIZE * torch.randn(12)": "every digit got the same noise",
            "SIZE * torch.randn(1)": "every digit got the same noise",
            "SIZE": "every digit got the same noise",
            "SIZE * torch.randn(len(images), 1)": "all numbers of a digit got the same noise",
            "SIZE * codes * torch.randn_like(codes)": "multiplied by the codes",
        },
        "codes + SIZE * torch.randn_like(codes)": {
            "SIZE * torch.randn_like(codes)": "without the codes",
            "codes.detach() + SIZE * torch.randn_like(codes)": "cut off",
            "torch.normal(codes, SIZE)": "cut off",
            "torch.distributions.Normal(codes, SIZE).sample()": "cut off",
            "codes.add_(SIZE * torch.randn_like(codes))": "energy is that of the noisy codes",
            "model.encode((images + SIZE * torch.randn_like(images)).clamp(0, 1))": "Add `SIZE *",
        },
        "model.decoder(nearby)": {
            "model.decode(nearby)": "squeezes twice",
            "model.decoder(codes)": "without noise",
            "model.decoder(codes) + SIZE * torch.randn_like(images)": "without noise",
            "model.decoder(nearby).detach()": "reconstruction does not depend",
            "0.5 * (model.decoder(nearby) + model.decoder(nearby))": "called the decoder 2 times",
            "model.decoder(latents=nearby)": "without a keyword",
        },
        "losses.reconstruction(model.decoder(nearby), images)": {
            "-losses.reconstruction(model.decoder(nearby), images)": "wrong sign",
            "F.mse_loss(model.decoder(nearby).sigmoid(), images)": "mean squared difference",
            "losses.reconstruction(model.decoder(nearby), images).item()": "of type float",
        },
        "losses.energy(codes)": {
            "losses.energy(nearby)": "that of the noisy codes",
            "-losses.energy(codes)": "wrong sign",
            "losses.energy(codes.detach())": "energy does not depend",
            "6.0": "energy is of type float",
            "AgreesWithAll()": "of type AgreesWithAll",
        },
        "return {": {"terms = {": "it returns nothing"},
    },
    "miss": {
        "pixels.sum(dim=(1, 2, 3))": {
            "pixels.mean(dim=(1, 2, 3))": "averages over the pixels",
            "pixels.sum()": "one number for all digits",
            "pixels.sum(dim=(1, 2, 3)).mean()": "one number for all digits",
            "pixels.sum(dim=0)": "summed over the digits",
            "pixels.sum(dim=1)": "shape (9, 28, 28)",
            "pixels": "one number for each pixel",
            "-pixels.sum(dim=(1, 2, 3))": "wrong sign",
            "pixels.sum(dim=(1, 2, 3)) / len(images)": "each digit stands alone",
            "pixels.sum(dim=(1, 2, 3)).cumsum(dim=0)": "one after another",
            "pixels.sum(dim=(1, 2, 3)).mean().expand(len(images))": "Each digit has its own",
            "pixels.sum(dim=(1, 2, 3)).item()": "stopped with RuntimeError",
            "pixels.sum(dim=(1, 2, 3)).tolist()": "of type list",
            "pixels.sum(dim=(1, 2, 3)).numpy()": "of type ndarray",
            "torch.full((len(images),), 206.0)": "another value",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "the function with `return`",
        },
        'F.binary_cross_entropy(model.decode(latents), images, reduction="none")': {
            'F.binary_cross_entropy(images, model.decode(latents), reduction="none")': "wrong order",
            'F.binary_cross_entropy_with_logits(model.decode(latents), images, reduction="none")': "twice",
            'F.binary_cross_entropy(model.decoder(latents), images, reduction="none")': "stopped with",
            "F.binary_cross_entropy(model.decode(latents), images)": "stopped with IndexError",
            "(model.decode(latents) - images).square()": "squared differences",
            "(model.decode(latents) - images).abs()": "absolute differences",
            "-images * model.decode(latents).log()": "another value",
            'F.binary_cross_entropy(model(images), images, reduction="none")': "another value",
        },
    },
    "neighborhood_size": {
        "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()": {
            "(sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()": "lacks the half",
            "0.5 * (sizes.square() - 2 * sizes.log()).sum(dim=1).mean()": "lacks the minus 1",
            "0.5 * (sizes.square() - 1 + 2 * sizes.log()).sum(dim=1).mean()": "adds the logarithm",
            "0.5 * (sizes.square() - 1 - sizes.log()).sum(dim=1).mean()": "logarithm once",
            "0.5 * (sizes - 1 - 2 * sizes.log()).sum(dim=1).mean()": "where its square belongs",
            "0.5 * (sizes.square() - 1).sum(dim=1).mean()": "lacks the logarithm",
            "0.5 * (-1 - 2 * sizes.log()).sum(dim=1).mean()": "lacks the square",
            "0.5 * (sizes - 1).square().sum(dim=1).mean()": "squared distance from 1",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log10()).sum(dim=1).mean()": "base 10",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log2()).sum(dim=1).mean()": "base 2",
            "0.5 * (sizes.exp() - 1 - sizes).sum(dim=1).mean()": "logarithms of variances",
            "0.5 * ((2 * sizes).exp() - 1 - 2 * sizes).sum(dim=1).mean()": "takes the sizes for logarithms.",
            "0.5 * (sizes.square() + 1 - 2 * sizes.log()).sum(dim=1).mean()": "adds the 1",
            "-0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()": "wrong sign",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).mean()": "averages over the latent numbers",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum()": "adds up the whole batch",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=0).mean()": "the other way round",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1)": "shape (256,)",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean().item()": "of type float",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean().detach()": "without `.detach()`",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log().detach()).sum(dim=1).mean()": "is detached",
            "0.5 * (sizes.square() - 1 - 2 * math.log(sizes)).sum(dim=1).mean()": "stopped with",
            "(sizes - 2).log().sum()": "the price is nan",
            "torch.tensor(4.0)": "nothing can be learned",
            "4": "of type int",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "the function with `return`",
        },
    },
    "learned": {
        "sizes * torch.randn_like(codes)": {
            "0": "without noise",
            "torch.randn_like(codes)": "not multiplied by `sizes`",
            "0.2 * torch.randn_like(codes)": "one size for all",
            "sizes**2 * torch.randn_like(codes)": "sizes squared",
            "sizes.sqrt() * torch.randn_like(codes)": "the root of sizes",
            "sizes.exp() * torch.randn_like(codes)": "the exponential of sizes",
            "(0.5 * sizes).exp() * torch.randn_like(codes)": "as if of a log-variance",
            "torch.randn_like(codes) / sizes": "divided by `sizes`",
            "sizes * torch.rand_like(codes)": "one way only",
            "sizes": "every digit got the same noise",
            "sizes * torch.randn(12)": "every digit got the same noise",
            "sizes * torch.randn(len(images), 1)": "all numbers of a digit got the same noise",
            "sizes.detach() * torch.randn_like(codes)": "cut off",
            "sizes.mean() * torch.randn_like(codes)": "`sizes`",
        },
        "codes + sizes * torch.randn_like(codes)": {
            "sizes * torch.randn_like(codes)": "without the codes",
            "codes.detach() + sizes * torch.randn_like(codes)": "cut off",
            "torch.normal(codes, sizes)": "cut off",
            "Normal(codes, sizes).sample()": "cut off",
            "Normal(codes, sizes)": "stopped with",
        },
        "codes, sizes = model": {"sizes, codes = model": "size is nan"},
        "model.neighborhoods(images)": {"model.encode(images)": "stopped with ValueError"},
        "model.decoder(nearby)": {
            "model.decode(nearby)": "squeezes twice",
            "model.decoder(codes)": "without noise",
            "model.decoder(nearby).detach()": "reconstruction does not depend",
        },
        "losses.energy(codes)": {
            "losses.energy(nearby)": "that of the noisy codes",
            "losses.energy(codes.detach())": "energy does not depend",
            "2 * losses.energy(codes)": "lacks the half",
            "losses.energy(sizes)": "energy has another value",
        },
        "neighborhood_size(sizes)": {
            "-neighborhood_size(sizes)": "wrong sign",
            "neighborhood_size(sizes) / 12": "averages over the latent numbers",
            "neighborhood_size(sizes.detach())": "does not depend",
            "neighborhood_size(sizes).item()": "of type float",
            "neighborhood_size(sizes.log())": "size is nan",
            "neighborhood_size": "of type function",
            "kl_divergence(Normal(codes, sizes), Normal(0.0, 1.0)).sum(dim=1).mean()": "holds the energy",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "neighborhood size is None",
        },
        '"neighborhood size": neighborhood_size(sizes),': {
            "": "its terms are reconstruction, energy; expected",
            '"neighborhood_size": neighborhood_size(sizes),': "expected reconstruction, energy, neighborh",
        },
        "return {": {"terms = {": "it returns nothing"},
    },
}

ANYWHERE = {
    "{name} = torch.tensor(3.0)  # called already": "is Tensor, not a function. Pass it without parentheses",
    "{name} = None": "is NoneType, not a function",
    "{name} = lambda: 3.0": "stopped with TypeError",
    "def {name}(*_, **__): raise ValueError('Too\\n  bad')": "stopped with ValueError: Too bad.",
    "def {name}(*_, **__): raise KeyError": "stopped with KeyError.",
}


class AgreesWithAll:
    """A fake number, for which every comparison holds and every computation gives itself."""

    shape, requires_grad = (), True
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda *_: True
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __abs__ = __neg__ = lambda self, *_: self
    item = detach = double = mean = sum = all = lambda self, *_: self


load_mnist = functools.cache(data.load_mnist)
NAMES = {"torch": torch, "F": F, "math": math, "Normal": Normal, "kl_divergence": kl_divergence}
NAMES |= {"checks": checks, "losses": losses, "models": models, "AgreesWithAll": AgreesWithAll}


def each(table):
    return [
        pytest.param(task, part, other, *words, id=f"{task}: {other}")
        for task, parts in table.items()
        for part, others in parts.items()
        for other, *words in (others.items() if isinstance(others, dict) else ([other] for other in others))
    ]


@functools.cache
def cells(chapter):
    return {cell.id: cell.source for cell in nbformat.read(CHAPTERS[chapter - 1], as_version=4).cells}


def written(task, part="", other=None):
    """What is defined in a chapter after its answers, with one part of the task's written in another way."""
    chapter, answer, _ = TASKS[task]
    defined = {**NAMES, "test_images": load_mnist("test")[0]}
    for cell in (cell for number, cell, _ in TASKS.values() if number == chapter):
        exec(cells(chapter)[cell], defined)
    if other is not None:
        source = cells(chapter)[answer]
        assert part in source
        exec(source.replace(part, other) if part else other, defined)
    return defined


def said(capsys, task, defined):
    getattr(checks, task)(defined[TASKS[task][2]])
    return capsys.readouterr().out


def grade(task, defined):
    chapter, answer, _ = TASKS[task]
    exec(cells(chapter)[f"{answer}-test"], defined)


def expect_slip(capsys, task, defined, words):
    answer = said(capsys, task, defined)
    assert answer.startswith(f"{task}: not yet. ")
    assert answer.endswith(".\n")
    assert answer.count("\n") == 1
    assert words.casefold() in answer.casefold()
    with pytest.raises(Exception):  # noqa: B017, PT011
        grade(task, defined)


@pytest.fixture(autouse=True)
def seed_and_speed(monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(data, "load_mnist", load_mnist)


@pytest.mark.parametrize("task", TASKS)
def test_the_chapters_own_answer_is_right_with_any_numbers(capsys, task):
    defined = written(task)
    for seed in range(20):
        torch.manual_seed(seed)
        assert said(capsys, task, defined) == f"{task}: right.\n"
    for _ in range(3):
        grade(task, defined)


@pytest.mark.parametrize(("task", "part", "other"), each(RIGHT))
def test_an_answer_in_other_words_is_right(capsys, task, part, other):
    defined = written(task, part, other)
    assert said(capsys, task, defined) == f"{task}: right.\n"
    grade(task, defined)


@pytest.mark.parametrize(("task", "part", "other", "words"), each(WRONG))
def test_a_slip_is_named_and_gets_no_points(capsys, task, part, other, words):
    expect_slip(capsys, task, written(task, part, other), words)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("code", "words"), ANYWHERE.items())
def test_a_function_that_cannot_be_called_is_a_slip(capsys, task, code, words):
    expect_slip(capsys, task, written(task, "", code.format(name=TASKS[task][2])), words)


@pytest.mark.parametrize("task", TASKS)
def test_a_blank_is_not_written_yet(capsys, task):
    name = TASKS[task][2]
    defined = written(task, "", f"def {name}(*_, **__): raise checks.NotWrittenYetError('{name}')")
    sentence = f"{name} is not written yet. Write it in its cell above, and run that cell again.\n"
    assert said(capsys, task, defined) == sentence
    with pytest.raises(checks.NotWrittenYetError):
        grade(task, defined)


def test_jupyter_shows_one_line_for_a_blank():
    error = checks.NotWrittenYetError("loss")
    assert error._render_traceback_() == [str(error)]
    assert "\n" not in str(error)
