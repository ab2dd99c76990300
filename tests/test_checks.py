"""The checks, and so the grading of a homework, tell right answers from the likely wrong ones."""

import functools
import itertools
import math
from pathlib import Path

import nbformat
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers import checks, data, flow, losses, models, questions

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
    "direction": (5, "loss", "loss"),
    "follow": (5, "follow", "follow"),
}

DECODES = ["model.decoder(codes)", "model.decoder.forward(codes)", "model.logits(codes=codes)"]

STANDARD = "((codes - codes.mean(0)) / codes.std(0)).detach()"
FROZEN = "{name: weight.detach() for name, weight in model.decoder.named_parameters()}"
HALF_DETACHED = "model.encoder.code(model.encoder.hidden((images.flatten(1) - 0.1307) / 0.3081).detach())"
SEEDED = "generator=torch.Generator().manual_seed(0)"
OWN_WAY = """way = [points]
    for step in range(steps):
        passed = torch.full((len(points), 1), step / steps)
        points = points + model.direction(points, passed) / steps
        way.append(points)
"""
CLONED = OWN_WAY.replace("points = points +", "points +=").replace("(points)\n", "(points.clone())\n")
CLONED = CLONED.replace("[points]", "[points.clone()]")
SOME, SEEN = "0.2 * torch.randn_like(codes)", f"0.2 * torch.randn(codes.shape, {SEEDED})"

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
        "model.logits(codes)": [
            *DECODES,
            "torch.cat([model.logits(code[None]) for code in codes])",
            "model.logits(torch.cat([codes, codes]))[: len(codes)]",
        ],
        "per_pixel.sum(dim=(1, 2, 3)).mean()": [
            "per_pixel.flatten(1).sum(dim=1).mean()",
            "sum(digit.sum() for digit in per_pixel) / len(per_pixel)",
            "per_pixel.mean(dim=0).sum()",
            'torch.einsum("nchw->n", per_pixel).mean()',
            "per_pixel.sum() / len(images)",
            "784 * per_pixel.mean()",
        ],
        "return": ["model(images[:1].expand_as(images))\n    return"],
    },
    "walk": {
        "torch.lerp(ends[0], ends[1], way)": [
            "torch.cat([1 - way, way], dim=1) @ ends",
            "ends[1] - way.flip(0) * (ends[1] - ends[0])",
            "torch.einsum('sk,kd->sd', torch.cat([1 - way, way], dim=1), ends)",
            "F.interpolate(ends.T[None], size=steps, mode='linear', align_corners=True)[0].T",
            "ends[0] + way * (ends[1] - ends[0])",
            "(1 - way) * ends[0] + way * ends[1]",
            "torch.stack([ends[0] + i * (ends[1] - ends[0]) / (steps - 1) for i in range(steps)])",
        ],
        "model.decode(torch.lerp(ends[0], ends[1], way))": [
            "model.logits(torch.lerp(ends[0], ends[1], way)).sigmoid()",
            "model.decode(torch.lerp(ends[0], ends[1], way)).detach()",
            "torch.cat([model.decode(torch.lerp(*ends, part)[None]) for part in way])",
            "model.decoder(torch.lerp(ends[0], ends[1], way)).sigmoid()",
        ],
        "model.encode(test_images[[start, end]])": [
            "torch.stack([model.encode(test_images[i : i + 1])[0] for i in (start, end)])",
            "model.encode(test_images)[torch.tensor([start, end])]",
            "torch.cat([model.encode(test_images[start]), model.encode(test_images[end])])",
            "model.encode(test_images)[[start, end]]",
        ],
    },
    "energy": {
        "": ["energy = losses.energy"],
        "0.5 * codes.square().sum(dim=1).mean()": [
            "0.5 * torch.einsum('nd,nd->n', codes, codes).mean()",
            "0.5 * (codes @ codes.T).diagonal().mean()",
            "torch.linalg.vector_norm(codes, dim=1).pow(2).mean() / 2",
            "0.5 * codes.pow(2).mean(dim=0).sum()",
            "0.5 * codes.shape[1] * codes.square().mean()",
            "-(Normal(0.0, 1.0).log_prob(codes) + 0.5 * math.log(2 * math.pi)).sum(dim=1).mean()",
            "torch.stack([0.5 * (code * code).sum() for code in codes]).mean()",
            "0.5 * (codes * codes).sum(axis=-1).mean()",
            "kl_divergence(Normal(codes, 1.0), Normal(0.0, 1.0)).sum(dim=1).mean()",
            "0.5 * sum(number.square().mean() for number in codes.T)",
            "(codes**2).sum() / (2 * len(codes))",
            "codes.norm(dim=1).square().mean() / 2",
            "sum(code @ code for code in codes) / len(codes) / 2",
            '0.5 * F.mse_loss(codes, torch.zeros_like(codes), reduction="sum") / codes.shape[0]',
        ],
    },
    "compact": {
        "": ["loss = losses.compact"],
        "model.logits(codes)": [*DECODES, "model.decode(codes).logit()"],
        "energy(codes)": [
            "energy(codes=codes)",
            "0.5 * codes.square().sum(dim=1).mean()",
            "0.5 * (codes**2).sum() / len(images)",
            "(lambda some: energy(some))(codes)",
            "globals()['energy'](codes)",
            "sum(energy(code[None]) for code in codes) / len(codes)",
            "losses.energy(codes)",
            "energy(model.encode(images))",
        ],
        "return {": [
            'return {"energy": 0} | {',  # in another order
            "assert model(images).shape == images.shape\n    return {",
        ],
    },
    "smooth": {
        "": ["loss = losses.smooth"],
        "codes + SIZE * torch.randn_like(codes)": [
            "torch.randn(codes.shape) * SIZE + codes",
            "codes - SIZE * torch.randn(len(images), codes.shape[1])",
            "codes + torch.normal(0.0, SIZE, codes.shape)",
            "codes + torch.normal(torch.zeros_like(codes), SIZE)",
            "codes + torch.empty_like(codes).normal_(std=SIZE)",
            "codes + torch.distributions.Normal(0.0, SIZE).sample(codes.shape)",
            "torch.distributions.Normal(codes, SIZE).rsample()",
            "torch.stack([code + SIZE * torch.randn(code.shape) for code in codes])",
            "codes + SIZE * torch.randn_like(codes, dtype=torch.float64)",
        ],
        "model.logits(nearby)": [
            "0.5 * (model.logits(nearby) + model.logits(nearby))",
            "model.logits(torch.cat([nearby, nearby]))[: len(nearby)]",
            "(model.logits(nearby) + model.decoder.forward(nearby)) / 2",
            "model.decoder(nearby)",
            "model.logits(codes=nearby)",
            "model.decoder.forward(nearby)",
            "torch.cat([model.decoder(one[None]) for one in nearby])",
            "torch.cat([model.logits(some) for some in nearby.split(100)])",
        ],
    },
    "miss": {
        'F.binary_cross_entropy(model.decode(codes), images, reduction="none")': [
            'F.binary_cross_entropy_with_logits(model.logits(codes), images, reduction="none")',
            "F.softplus(model.logits(codes)) - images * model.logits(codes)",
            'F.binary_cross_entropy_with_logits(model.decoder.forward(codes), images, reduction="none")',
            "-(images * model.decode(codes).log() + (1 - images) * (1 - model.decode(codes)).log())",
        ],
        "pixels.sum(dim=(1, 2, 3))": [
            "pixels.flatten(1).sum(1)",
            "pixels.sum((-1, -2, -3))",
            "pixels.sum(dim=1).sum(dim=1).sum(dim=1)",
            "pixels.reshape(len(images), -1) @ torch.ones(784)",
            'torch.einsum("nchw->n", pixels)',
            "torch.tensor([digit.sum().item() for digit in pixels])",
            "pixels.squeeze(1).sum(dim=(1, 2)).double()",
            "pixels.flatten(1).sum(dim=1).detach()",
            "784 * pixels.mean(dim=(1, 2, 3))",
            "torch.stack([digit.sum() for digit in pixels])",
        ],
    },
    "neighborhood_size": {
        "": ["neighborhood_size = losses.neighborhood_size"],
        "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()": [
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).mean(dim=0).sum()",
            "(0.5 * (sizes - 1) * (sizes + 1) - sizes.log()).sum(dim=1).mean()",
            "sum(0.5 * (size.square() - 1).sum() - size.log().sum() for size in sizes) / len(sizes)",
            "0.5 * sizes.shape[1] * (sizes.square() - 1 - 2 * sizes.log()).mean()",
            "0.5 * (torch.exp(2 * sizes.log()) - 1 - 2 * sizes.log()).sum(dim=1).mean()",
            "0.5 * (sizes.square().sum(1) - sizes.shape[1] - 2 * sizes.log().sum(1)).mean()",
            "0.5 * ((sizes.square() - 1).sum() - 2 * sizes.log().sum()) / sizes.shape[0]",
            "-(sizes.log() + 0.5 * (1 - sizes.square())).sum() / len(sizes)",
            "torch.stack([(s * s / 2 - 0.5 - s.log()).sum() for s in sizes]).mean()",
            "0.5 * (sizes.square() - 1 - sizes.square().log()).sum(dim=1).mean()",
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
            "torch.addcmul(codes, sizes, torch.randn_like(sizes))",
            "torch.stack([c + s * torch.randn_like(c) for c, s in zip(codes, sizes)])",
            "codes - torch.randn(sizes.shape) * sizes",
            "codes + sizes * torch.normal(0.0, 1.0, codes.shape)",
            "codes + sizes.log().exp() * Normal(0.0, 1.0).sample(codes.shape)",
            "Normal(codes, sizes).rsample()",
        ],
        "model.logits(nearby)": [
            "model.decoder(nearby)",
            "model.logits(codes=nearby)",
            "model.decoder.forward(nearby)",
            "torch.cat([model.logits(codes=one[None]) for one in nearby])",
        ],
        "losses.energy(codes)": ["0.5 * codes.square().sum(dim=1).mean()"],
        "neighborhood_size(sizes)": [
            "kl_divergence(Normal(codes, sizes), Normal(0.0, 1.0)).sum(dim=1).mean() - losses.energy(codes)"
        ],
    },
    "direction": {
        "": [
            "loss = losses.direction",
            "def loss(model, codes):\n"
            "    start, passed = torch.randn_like(codes), torch.rand(len(codes), 1)\n"
            "    way = codes - start\n"
            "    found = model.direction(start + passed * way, passed)\n"
            '    return {"direction": F.mse_loss(found, way, reduction="sum") / len(codes)}',
        ],
        "torch.randn_like(codes)  # (batch, 16): a random point for each code": [
            "torch.randn(codes.shape)",
            "-torch.randn(len(codes), codes.shape[1])",
            "torch.normal(0.0, 1.0, codes.shape)",
            "torch.distributions.Normal(0.0, 1.0).sample(codes.shape)",
            "torch.empty_like(codes).normal_()",
            "torch.randn_like(codes, requires_grad=True)",
        ],
        "torch.randn_like(codes[:, :1]).sigmoid()": [
            "torch.rand_like(codes[:, :1])",
            "torch.rand(len(codes), 1)",
            "torch.rand(codes.shape[0])[:, None]",
            "torch.empty(len(codes), 1).uniform_()",
            "(torch.arange(len(codes))[:, None] + torch.rand(len(codes), 1)) / len(codes)",
            "(2 * torch.randn(len(codes), 1)).sigmoid()",
            "torch.rand(len(codes), 1).sqrt()",
            "torch.sin(torch.rand(len(codes), 1) * torch.pi / 2) ** 2",
            "torch.randint(21, (len(codes), 1)) / 20",
            "torch.linspace(0, 1, len(codes))[torch.randperm(len(codes))][:, None]",
            "(0.5 + 0.25 * torch.randn(len(codes), 1)).clamp(0, 1)",
        ],
        "torch.lerp(start, codes, passed)": [
            "start + passed * (codes - start)",
            "(1 - passed) * start + passed * codes",
            "torch.lerp(codes, start, 1 - passed)",
            "codes - (1 - passed) * (codes - start)",
        ],
        "model.direction(here, passed) - (codes - start)": [
            "codes - start - model.direction(here, passed)",
            "model.direction(here, passed) + start - codes",
            "torch.cat([model.direction(h[None], p[None]) for h, p in zip(here, passed)]) - (codes - start)",
            "model.direction(points=here, passed=passed) - (codes - start)",
            "model.direction(here, passed) - (codes - here) / (1 - passed)",
        ],
        "missed.square().sum(dim=1).mean()": [
            "(missed**2).sum() / len(codes)",
            "missed.norm(dim=1).square().mean()",
            "codes.shape[1] * missed.square().mean()",
            "torch.einsum('nd,nd->n', missed, missed).mean()",
            "missed.square().mean(dim=0).sum()",
        ],
        'return {"direction"': ['model.autoencoder.requires_grad_(False)\n    return {"direction"'],
    },
    "follow": {
        "": [
            "follow = flow.LatentDiffusion.follow",
            "def follow(model, points, steps=20):\n"
            "    way = torch.empty(steps + 1, *points.shape)\n"
            "    way[0] = points\n"
            "    for i, t in enumerate(torch.linspace(0, 1, steps + 1)[:-1]):\n"
            "        way[i + 1] = way[i] + model.direction(way[i], t.expand(len(points), 1)) / steps\n"
            "    return way",
            "def follow(model, points, steps=20):\n"
            "    def rest(points, step):\n"
            "        if step == steps:\n"
            "            return [points]\n"
            "        moved = points + model.direction(points, 0 * points[:, :1] + step / steps) / steps\n"
            "        return [points, *rest(moved, step + 1)]\n"
            "    return torch.stack(rest(points, 0))",
        ],
        "torch.full((len(points), 1), step / steps)": [
            "torch.ones(len(points), 1) * step / steps",
            "points.new_full((len(points), 1), step / steps)",
            "torch.full_like(points[:, :1], step / steps)",
            "torch.tensor([[step / steps]]).expand(len(points), 1)",
            "torch.linspace(0, 1, steps + 1)[step].repeat(len(points), 1)",
        ],
        "points + model.direction(points, passed) / steps": [
            "model.direction(points, passed) / steps + points",
            "points + (1 / steps) * model.direction(points, passed)",
            "torch.add(points, model.direction(points, passed), alpha=1 / steps)",
            "way[-1] + model.direction(way[-1], passed) / steps",
            "points.detach() + model.direction(points, passed).detach() / steps",
            "(model.direction(points, passed) / steps).add_(points)",
        ],
        "torch.stack(way)": [
            "torch.stack(way, dim=0)",
            "torch.stack(tuple(way))",
            "torch.cat(way).reshape(steps + 1, *points.shape)",
            "torch.cat([some[None] for some in way])",
            "torch.stack(way, dim=1).transpose(0, 1)",
        ],
        OWN_WAY: [f"points = points.clone()\n    {CLONED}"],
    },
}

# The same for slips, each with words that its answer must contain.
WRONG = {
    "reconstruction": {
        "per_pixel.sum(dim=(1, 2, 3)).mean()": {
            "per_pixel.mean()": "averages over the pixels, too",
            "per_pixel.mean(dim=(1, 2, 3)).mean()": "averages over the pixels, too",
            "per_pixel.sum()": "adds up the whole batch",
            "per_pixel.sum(dim=0).mean()": "sums over digits and averages over pixels",
            "per_pixel.sum(dim=(1, 2, 3))": "has the shape (",
            "per_pixel": ", 1, 28, 28), not that of one number",
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
            'F.mse_loss(logits.sigmoid(), images, reduction="none")': "has squared differences; use",
            "(logits - images) ** 2": "squared differences from logits",
            "(logits.sigmoid() - images).abs()": "has absolute differences",
            "-images * logits.sigmoid().log()": "another value than expected",
            'F.binary_cross_entropy_with_logits(logits, images / 255, reduction="none")': "another value",
        },
        "model.logits(codes)": {
            "model.decode(codes)": "squeezes twice",
            "model(codes)": "stopped with ValueError: Images have shape",
            "model.logits(codes.detach())": "cut off",
            "model.logits(torch.randn_like(codes))": "did not get the codes",
            "model.logits(model.encoder(images))": "`model.encode(images)` gives the codes alone",
            "model.logits(codes + 0.2 * torch.randn_like(codes))": "did not get the codes",
            "model.logits(codes=codes.detach())": "cut off",
            "images": "decodes 0 points",
            "model.logits(codes.flip(0))": "did not get the codes",
            "model.requires_grad_(False).logits(codes)": "weights that cannot be trained",
            f"torch.func.functional_call(model.decoder, {FROZEN}, codes)": "a part of it is detached",
        },
        '{"reconstruction": per_pixel.sum(dim=(1, 2, 3)).mean()}': {
            "per_pixel.sum(dim=(1, 2, 3)).mean()": "it returns a Tensor",
            '{"loss": per_pixel.sum(dim=(1, 2, 3)).mean()}': "its terms are loss; expected reconstruction",
            '{"reconstruction", per_pixel.sum(dim=(1, 2, 3)).mean()}': "it returns a set",
            "{}": "its terms are none",
            "None": "it returns nothing",
        },
        "model.encode(images)": {
            HALF_DETACHED: "cut off",
            "model.encode(images).clamp(-5, 5)": "did not get the codes",
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
            "ends": "has 2 pictures, not",
        },
        "torch.linspace(0, 1, steps)[:, None]": {
            "torch.linspace(0, 1, 12)[:, None]": "has 12 pictures, not",
            "torch.linspace(0, 1, steps + 1)[:, None]": "with both ends",
            "torch.linspace(0, 1, steps)[1:-1, None]": "with both ends",
            "torch.arange(steps)[:, None] / steps": "stops before `end`",
            "torch.arange(1, steps + 1)[:, None] / steps": "begins after `start`",
            "torch.linspace(0, 1, steps + 2)[1:-1, None]": "leaves out both ends",
            "torch.linspace(0, 1, steps)": "stopped with",
            "torch.rand(steps, 1)": "in equal steps",
        },
        "model.decode(torch.lerp(ends[0], ends[1], way))": {
            "torch.lerp(ends[0], ends[1], way)": "it returns codes",
            "model.logits(torch.lerp(ends[0], ends[1], way))": "it returns logits",
            "[model.decode(torch.lerp(*ends, part)[None]) for part in way]": "of type list",
            "model.decode(torch.lerp(ends[0], ends[1], way)).squeeze()": ", 28, 28), not (",
            "model.decode(torch.lerp(ends[0], ends[1], way)).numpy()": "stopped with RuntimeError",
            "model.decode(torch.lerp(ends[0], ends[1], way)).item()": "stopped with RuntimeError",
            "torch.lerp(*test_images[[start, end], None] / 255, way[..., None, None])": "the two pictures",
            "torch.lerp(*model.decode(ends), way[..., None, None])": "blends the two copies",
            "torch.zeros(steps, 1, 28, 28)": "another value",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "it is None",
        },
        "test_images[[start, end]]": {
            "test_images[[0, 1]]": "from the code of test digit `start`",
            "test_images[start:end]": "stopped with IndexError",
            "test_images[[5, 9]]": "from the code of test digit `start`",
            "test_images[sorted([start, end])]": "walks backward",
        },
        "torch.linspace(0, 1, steps)": {"torch.linspace(0, 1, 7)": "has 7 pictures, not"},
        "ends[0], ends[1]": {"*ends.reshape(2, 12)": "fewer latent numbers than 12"},
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
            "0.5 * codes.reshape(-1, 12).square().sum(dim=1).mean()": "counts on 12 latent numbers",
            "6 * codes.square().mean()": "counts on 12 latent numbers",
            "0.5 * codes.square().sum() / 256": "another value than expected",
            "0.5 * (codes - 1).square().sum(dim=1).mean()": "another value than expected",
            "0.5 * codes.square().sum(dim=1)": "not that of one number",
            "0.5 * codes.square().mean(dim=0)": "not that of one number",
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
            "0.5 * codes.clamp(-50, 50).square().sum(dim=1).mean()": "far from the origin",
            "(0.5 * codes.square().sum(dim=1).mean()).clamp(max=9999)": "far from the origin",
            "(0.5 * codes.square().sum(dim=1).mean()).clamp(min=0.1)": "near the origin",
            "0.5 * codes.square().mean(dim=0).clamp(min=0.05).sum()": "near the origin",
        },
    },
    "compact": {
        "energy(codes)": {
            "-energy(codes)": "wrong sign",
            "torch.maximum(energy(codes), torch.tensor(0.5))": "near the origin",
            "2 * energy(codes)": "lacks the half",
            "0.1 * energy(codes)": "energy has another value",
            "energy(codes).item()": "energy is of type float",
            "energy(codes).detach()": "energy does not depend",
            "energy(codes.detach())": "energy does not depend",
            "energy": "energy is of type function",
            "energy(images.flatten(1))": "energy does not depend",
            "energy(model.logits(codes).flatten(1))": "another value than expected",
            "codes.square().mean()": "averages over the latent numbers",
            "codes.square()": "energy has the shape (",
            "torch.tensor(6.0)": "nothing can be learned",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "energy is None",
            "energy(codes.clamp(-100, 100))": "far from the origin",
            "energy(codes).clamp(max=9999)": "far from the origin",
            f"energy({HALF_DETACHED})": "a part of it is detached",
        },
        "model.logits(codes)": {
            "model.decode(codes)": "squeezes twice",
            "codes": "stopped with ValueError",
            "model.logits(codes.detach())": "cut off",
            "model.logits(torch.randn(codes.shape))": "did not get the codes",
            "model.logits(codes + 0.2 * torch.randn_like(codes))": "did not get the codes",
        },
        "losses.reconstruction(model.logits(codes), images)": {
            "losses.reconstruction(images, model.logits(codes))": "wrong order",
            "losses.reconstruction(model.logits(codes), images) / 784": "averages over the pixels",
            "losses.reconstruction(model.logits(codes), images) + energy(codes)": "another value than",
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
            "model.decode(codes[1:])\n    return {": "points for",
            "model.logits(codes).sum().backward(retain_graph=True)\n    return {": "it changes the model",
            "[weight.data.mul_(0.9) for weight in model.parameters()]\n    return {": "it changes the model",
        },
    },
    "smooth": {
        "SIZE * torch.randn_like(codes)": {
            "0": "without noise",
            "torch.randn_like(codes)": "not multiplied by `SIZE`",
            "SIZE**2 * torch.randn_like(codes)": "SIZE squared",
            "SIZE**0.5 * torch.randn_like(codes)": "the root of SIZE",
            "torch.randn_like(codes) / SIZE": "divided by `SIZE`",
            "0.5 * torch.randn_like(codes)": "times as wide as `SIZE` (0.2)",
            "SIZE * (torch.randn_like(codes) + 0.5)": "not normal around 0",
            "SIZE * torch.rand_like(codes)": "one way only",
            "SIZE * torch.randn_like(codes).abs()": "one way only",
            "SIZE * (torch.rand_like(codes) - 0.5)": "0.29 times as wide",
            "SIZE * torch.randn_like(codes).sign()": "not normal",
            "SIZE * torch.randn(12)": "stopped with RuntimeError",
            "SIZE * torch.randn(codes.shape[1])": "digits share their noise",
            "SIZE * torch.randn(1)": "noise",
            "SIZE": "one way only",
            "SIZE * torch.randn(len(images), 1)": "the numbers share their noise",
            "SIZE * codes * torch.randn_like(codes)": "multiplied by the codes",
            "SIZE * torch.randn(len(images), 12)": "fewer latent numbers than 12",
            "SIZE * torch.randn(len(codes) // 2, codes.shape[1]).repeat(2, 1)": "digits share",
            "SIZE * torch.randn(len(codes) // 4, codes.shape[1]).repeat_interleave(4, 0)": "digits share",
            "SIZE * torch.randn(len(codes), codes.shape[1] // 2).repeat(1, 2)": "the numbers share",
            f"SIZE * torch.randn(codes.shape, {SEEDED})": "the same in each call",
            "(torch.manual_seed(0), SIZE * torch.randn_like(codes))[1]": "the same in each call",
            f"SIZE * (0.9 * torch.randn_like(codes) + 0.436 * {STANDARD})": "goes along with the codes",
        },
        "codes + SIZE * torch.randn_like(codes)": {
            "SIZE * torch.randn_like(codes)": "without the codes",
            "codes.detach() + SIZE * torch.randn_like(codes)": "cut off",
            "torch.normal(codes, SIZE)": "cut off",
            "torch.distributions.Normal(codes, SIZE).sample()": "cut off",
            "codes.add_(SIZE * torch.randn_like(codes))": "energy is that of the noisy codes",
            "model.encode((images + SIZE * torch.randn_like(images)).clamp(0, 1))": "the numbers share",
        },
        "model.logits(nearby)": {
            "model.decode(nearby)": "squeezes twice",
            "model.logits(codes)": "without noise",
            "model.logits(codes) + SIZE * torch.randn_like(images)": "without noise",
            "model.logits(nearby).detach()": "reconstruction does not depend",
            f"torch.func.functional_call(model.decoder, {FROZEN}, nearby)": "a part of it is detached",
        },
        "losses.reconstruction(model.logits(nearby), images)": {
            "-losses.reconstruction(model.logits(nearby), images)": "wrong sign",
            "F.mse_loss(model.logits(nearby).sigmoid(), images)": "And sum over the pixels",
            "losses.reconstruction(model.logits(nearby), images).item()": "of type float",
        },
        "losses.energy(codes)": {
            "losses.energy(nearby)": "that of the noisy codes",
            "losses.energy(codes).clamp(min=0.5)": "near the origin",
            "-losses.energy(codes)": "wrong sign",
            "losses.energy(codes.detach())": "energy does not depend",
            "6.0": "energy is of type float",
            "AgreesWithAll()": "of type AgreesWithAll",
        },
        "return {": {"terms = {": "it returns nothing"},
        "model.encode(images)": {
            HALF_DETACHED: "cut off",
            "model.encode(images).clamp(-100, 100)": "far from the origin",
        },
    },
    "miss": {
        "pixels.sum(dim=(1, 2, 3))": {
            "pixels.mean(dim=(1, 2, 3))": "averages over the pixels",
            "pixels.sum()": "one number for all digits",
            "pixels.sum(dim=(1, 2, 3)).mean()": "one number for all digits",
            "pixels.sum(dim=0)": "summed over the digits",
            "pixels.sum(dim=1)": ", 28, 28), not (",
            "pixels": "one number for each pixel",
            "-pixels.sum(dim=(1, 2, 3))": "wrong sign",
            "pixels.sum(dim=(1, 2, 3)) / len(images)": "each stands alone",
            "pixels.sum(dim=(1, 2, 3)).cumsum(dim=0)": "one after another",
            "pixels.sum(dim=(1, 2, 3)).mean().expand(len(images))": "the average of all",
            "pixels.sum(dim=(1, 2, 3)).item()": "stopped with RuntimeError",
            "pixels.sum(dim=(1, 2, 3)).tolist()": "of type list",
            "pixels.sum(dim=(1, 2, 3)).numpy()": "stopped with RuntimeError",
            "torch.full((len(images),), 206.0)": "another value",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "the function with `return`",
        },
        'F.binary_cross_entropy(model.decode(codes), images, reduction="none")': {
            'F.binary_cross_entropy(images, model.decode(codes), reduction="none")': "wrong order",
            'F.binary_cross_entropy_with_logits(model.decode(codes), images, reduction="none")': "twice",
            'F.binary_cross_entropy(model.logits(codes), images, reduction="none")': "stopped with",
            "F.binary_cross_entropy(model.decode(codes), images)": "stopped with IndexError",
            "(model.decode(codes) - images).square()": "squared differences",
            "(model.decode(codes) - images).abs()": "absolute differences",
            "-images * model.decode(codes).log()": "another value",
            'F.binary_cross_entropy(model(images), images, reduction="none")': "another value",
        },
        "model.decode(codes)": {
            "model.decode(codes + 0.2 * torch.randn_like(codes))": "noise of its own",
            f"model.decode(codes + 0.2 * torch.randn(codes.shape, {SEEDED}))": "another value",
            "model.decode(codes.reshape(-1, 12))": "fewer latent numbers than 12",
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
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1)": "not that of one number",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean().item()": "of type float",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean().detach()": "without `.detach()`",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log().detach()).sum(dim=1).mean()": "is detached",
            "0.5 * (sizes.square() - 1 - 2 * math.log(sizes)).sum(dim=1).mean()": "stopped with",
            "(sizes - 2).log().sum()": "size is nan",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).reshape(-1, 12).sum(dim=1).mean()": "counts on 12",
            "0.5 * (sizes.square() - 1 - 2 * sizes.log()).mean(dim=0).clamp(min=0.1).sum()": "sizes near 1",
            "torch.tensor(4.0)": "nothing can be learned",
            "4": "of type int",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "the function with `return`",
            "0.5 * (sizes**2 - 1 - 2 * sizes.clamp(min=0.02).log()).sum(dim=1).mean()": "near the origin",
            "0.5 * (sizes.clamp(max=99) ** 2 - 1 - 2 * sizes.log()).sum(dim=1).mean()": "far from the origin",
            "(0.5 * (sizes**2 - 1 - 2 * sizes.log()).sum(dim=1).mean()).clamp(min=0.5)": "for sizes near 1",
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
            "(0.5 * sizes).exp() * torch.randn_like(codes)": "log-variance",
            "torch.randn_like(codes) / sizes": "divided by `sizes`",
            "sizes * torch.rand_like(codes)": "one way only",
            "sizes": "one way only",
            "sizes * torch.randn(12)": "fewer latent numbers than 12",
            "sizes * torch.randn(codes.shape[1])": "digits share their noise",
            "sizes * torch.randn(len(images), 1)": "the numbers share their noise",
            "sizes.detach() * torch.randn_like(codes)": "cut off",
            "sizes.mean() * torch.randn_like(codes)": "`sizes`",
            "sizes.clamp(max=99) * torch.randn_like(codes)": "far from the origin",
            "sizes.clamp(min=0.02) * torch.randn_like(codes)": "near the origin",
            "sizes * torch.randn(len(codes) // 2, codes.shape[1]).repeat(2, 1)": "digits share",
            "sizes * torch.randn(len(codes), codes.shape[1] // 2).repeat(1, 2)": "the numbers share",
            f"sizes * torch.randn(codes.shape, {SEEDED})": "the same in each call",
        },
        "codes + sizes * torch.randn_like(codes)": {
            "sizes * torch.randn_like(codes)": "without the codes",
            "codes.detach() + sizes * torch.randn_like(codes)": "cut off",
            "torch.normal(codes, sizes)": "cut off",
            "Normal(codes, sizes).sample()": "cut off",
            "Normal(codes, sizes)": "stopped with",
        },
        "codes, sizes = model": {"sizes, codes = model": "noise"},
        "model.neighborhoods(images)": {"model.encode(images)": "stopped with ValueError"},
        "model.logits(nearby)": {
            "model.decode(nearby)": "squeezes twice",
            "model.logits(codes)": "without noise",
            "model.logits(nearby).detach()": "reconstruction does not depend",
            f"torch.func.functional_call(model.decoder, {FROZEN}, nearby)": "a part of it is detached",
        },
        "losses.energy(codes)": {
            "losses.energy(nearby)": "that of the noisy codes",
            "losses.energy(codes.detach())": "energy does not depend",
            "2 * losses.energy(codes)": "lacks the half",
            "losses.energy(sizes)": "energy has another value",
            "losses.energy(codes.clamp(-100, 100))": "far from the origin",
        },
        "neighborhood_size(sizes)": {
            "-neighborhood_size(sizes)": "wrong sign",
            "neighborhood_size(sizes) / 12": "another value",
            "neighborhood_size(sizes.detach())": "does not depend",
            "neighborhood_size(sizes).item()": "of type float",
            "neighborhood_size(sizes.log())": "size is nan",
            "neighborhood_size": "of type function",
            "kl_divergence(Normal(codes, sizes), Normal(0.0, 1.0)).sum(dim=1).mean()": "holds the energy",
            "AgreesWithAll()": "of type AgreesWithAll",
            "None": "neighborhood size is None",
            "neighborhood_size(sizes.clamp(min=0.02))": "near the origin",
            "neighborhood_size(sizes.clamp(max=99))": "far from the origin",
            "neighborhood_size(sizes).clamp(min=0.5)": "for sizes near 1",
        },
        ', "neighborhood size": size}': {
            "}": "its terms are reconstruction, energy; expected",
            ', "neighborhood_size": size}': "expected reconstruction, energy, neighborh",
        },
        "return {": {"terms = {": "it returns nothing"},
    },
    "direction": {
        "": {
            "def loss(model, codes): return codes.square().mean()": "it returns a Tensor",
            "def loss(model, codes): pass": "it returns nothing",
            "def loss(model, codes): return {'way': codes.sum()}": "its terms are way; expected direction",
            "def loss(model, codes): return {'direction': codes.square().mean()}": "it asks for 0 directions",
        },
        "torch.randn_like(codes)  # (batch, 16): a random point for each code": {
            "torch.rand_like(codes)": "push one way only",
            "0.5 * torch.randn_like(codes)": "do not lie between random ones",
            "torch.zeros_like(codes)": "no random points are mixed in",
            "torch.randn(codes.shape[1])": "all digits share one random point",
            "torch.randn_like(codes[:1])": "all digits share one random point",
            "torch.randn(len(codes), 1).expand(codes.shape)": "numbers share their noise",
            f"torch.randn(codes.shape, {SEEDED})": "the random points are the same in each call",
            f"torch.randn(codes.shape, {SEEDED})[torch.randperm(len(codes))]": "the same in each call",
            f"0.8 * {STANDARD} + 0.6 * torch.randn_like(codes)": "random points go along with the codes",
            "torch.randn_like(codes).sort(dim=0).values.gather(0, codes.argsort(dim=0).argsort(dim=0))": (
                "random points go along with the codes"
            ),
            "torch.randn(len(codes) // 2, codes.shape[1]).repeat(2, 1)": "digits share their random points",
            "torch.randn(len(codes) // 2, codes.shape[1]).repeat_interleave(2, 0)": "digits share their",
            "torch.randn(len(codes) // 12, codes.shape[1]).repeat(12, 1)": "digits share their random points",
            "torch.randn(codes.shape[0], 16)": "Models have more or fewer latent numbers than 16",
            "torch.randn(codes.shape[0], 12)": "Models have more or fewer latent numbers than 12",
        },
        "torch.randn_like(codes[:, :1]).sigmoid()": {
            "torch.rand(1).expand(len(codes), 1)": "all digits share one time",
            "torch.full((len(codes), 1), 0.5)": "all digits share one time",
            "torch.randn(len(codes), 1)": "share of the way, from 0 to 1",
            "torch.randint(20, (len(codes), 1)).float()": "share of the way, from 0 to 1",
            "0.5 * torch.rand(len(codes), 1)": "not spread from 0 to 1",
            "torch.randn(len(codes), 1).clamp(0, 1)": "too many digits share a time",
            "0.001 + 0.998 * torch.randint(2, (len(codes), 1))": "too many digits share a time",
            "0.2 + 0.6 * torch.randint(2, (len(codes), 1))": "too many digits share a time",
            "torch.rand(10, 1).repeat(len(codes), 1)[: len(codes)]": "not yet. Too many digits share a time",
            "start[:, :1].sigmoid()": "times go along with the random points",
            "(start.sum(1, keepdim=True) / codes.shape[1] ** 0.5).sigmoid()": "along with the random points",
            "codes[:, :1].sigmoid()": "times go along with the codes",
            f"(torch.randn_like(start) + {STANDARD})[:, :1].sigmoid()": "times go along with the codes",
            "0.5": "one number for each point",
            "torch.linspace(0, 0.999, len(codes))[:, None]": "the times are the same in each call",
            "torch.rand(len(codes))": "it stopped with",
            "torch.rand_like(codes)": "it stopped with ValueError: Points have shape",
        },
        "torch.lerp(start, codes, passed)": {
            "torch.lerp(codes, start, passed)": "the way runs backward",
            "codes": "the network gets the codes",
            "start": "the network gets the random points, at any time",
            "codes + start": "adds noise to the whole code",
            "codes + (1 - passed) * start": "adds noise to the whole code",
            "codes + passed * start": "adds noise to the whole code",
            "start + passed * codes": "not multiplied by what is left",
            "passed * codes": "no random points are mixed in",
            "codes.lerp_(start, 1 - passed)": "it changes the codes",
            "torch.lerp(start, codes, passed)\n    passed = torch.rand_like(passed)": "told another time",
            "(start + codes) / 2": "told another time",
        },
        "model.direction(here, passed) - (codes - start)": {
            "model.direction(here, 1 - passed) - (codes - start)": "the way runs backward",
            "model.direction(here, passed) - (start - codes)": "points backward",
            "model.direction(here, passed) + (codes - start)": "points backward",
            "model.direction(here, passed) - codes": "compared with the code",
            "model.direction(here, passed) - start": "compared with the random point",
            "model.direction(here, passed) - (codes - here)": "compared with the rest of the way",
            "model.direction(here, passed) - (here - start)": "compared with the way behind",
            "model.direction(here, passed) - here": "compared with where we are",
            "model.direction(here, passed)": "not compared with anything",
            "model.direction(here, passed) - passed * (codes - start)": "compared with the way behind",
            "model.direction(here, passed).detach() - (codes - start)": "does not depend",
            "(model.direction(here, passed) - (codes - start)).clamp(-99, 99)": "far from the origin",
            "model.direction(here, passed) - 2 * (codes - start)": "another value",
            "model.direction(here, passed) - model.direction(codes, passed)": "directions for",
            "model.direction(here, torch.rand_like(passed)) - (codes - start)": "told another time",
            "model.direction(here, passed**2) - (codes - start)": "told another time",
        },
        "missed.square().sum(dim=1).mean()": {
            "missed.square().mean()": "averages over the latent numbers",
            "missed.square().sum()": "adds up the whole batch",
            "missed.square().mean(dim=1).sum()": "the other way round",
            "-missed.square().sum(dim=1).mean()": "wrong sign",
            "0.5 * missed.square().sum(dim=1).mean()": "a half that nobody asked for",
            "missed.norm(dim=1).mean()": "is the length",
            "missed.abs().sum(dim=1).mean()": "absolute differences",
            "missed.sum(dim=1).square().mean()": "squares the sum",
            "missed.mean(dim=0).square().sum()": "squares the average",
            "16 * missed.square().mean()": "not yet. The direction counts on 16 latent numbers",
            "missed.square().sum(dim=1)": "direction has the shape",
            "missed.square().sum(dim=1).mean().item()": "of type float",
            "missed.square().sum(dim=1).mean().detach()": "does not depend",
            "missed.square().sum(dim=1).mean() + model.leave.bias.sum()": "another value",
            "None": "direction is None",
        },
        "return {": {
            "model.autoencoder.decoder.pixels.bias.data.zero_()\n    return {": "it changes the model",
            "missed.sum().backward(retain_graph=True)\n    return {": "it changes the model",
            "model.requires_grad_(False)\n    return {": "weights that cannot be trained",
            "codes.zero_()\n    return {": "it changes the codes",
        },
    },
    "follow": {
        "torch.full((len(points), 1), step / steps)": {
            "torch.zeros(len(points), 1)": "asks at a time of 0",
            "torch.ones(len(points), 1)": "asks at a time of 1",
            "torch.full((len(points), 1), float(step))": "counts steps",
            "torch.full((len(points), 1), (step + 1) / steps)": "asks a step too late",
            "torch.full((len(points), 1), 1 - step / steps)": "lets the time run backward",
            "torch.full((len(points), 1), step / (steps - 1))": "last step begin at a time of 1",
            "torch.full((len(points), 1), step / 20)": "another value",
            "torch.full((len(points),), step / steps)": "it stopped with ValueError: Points have shape",
            "step / steps": "a column, (N, 1): one number for each point",
            "torch.full((16, 1), step / steps)": "Models have more or fewer latent numbers than 16",
        },
        "points + model.direction(points, passed) / steps": {
            "points - model.direction(points, passed) / steps": "walks backward",
            "points + model.direction(points, passed)": "takes the whole way in each step",
            "points + model.direction(points, passed) / (steps + 1)": "divides by `steps + 1`",
            "points + model.direction(way[0], passed) / steps": "asks from the start",
            "points + 0 * model.direction(points, passed) / steps": "stands still",
            "points + model.direction(points, passed) / 20": "another value",
            "model.direction(points, passed) / steps": "another value",
            "points + (model.direction(points, passed) / steps).clamp(-5, 5)": "",
            "points + model.direction(points, passed) / min(steps, 20)": "another value",
            "points + model.direction(points, passed) / max(steps, 5)": "another value",
        },
        "return torch.stack(way)": {
            "return points": "at one time only",
            "return torch.stack(way[1:])": "the start and the end of each step",
            "return torch.stack(way[:-1])": "the start and the end of each step",
            "return torch.cat(way)": "is one long list",
            "return torch.stack(way).flip(0)": "begins with the last point",
            "return torch.stack(way, dim=1)": "First come the times",
            "return (torch.stack(way), way[0].zero_())[0]": "it changes the points",
            "return (torch.stack(way), model.leave.weight.data.zero_())[0]": "it changes the model",
            "return (torch.stack(way), torch.stack(way).sum().backward())[0]": "it changes the model",
            "return (torch.stack(way), model.requires_grad_(False))[0]": "weights that cannot be trained",
            "return way": "of type list",
            "return model.decode(points)": "has the shape",
            "torch.stack(way)": "None",
        },
        "range(steps)": {
            "range(20)": "has the shape",
            "range(steps - 1)": "the start and the end of each step",
            "range(steps + 1)": "has the shape",
        },
        "steps=20": {"steps": "give it a default: `steps=20`", "steps=10": "give it a default: `steps=20`"},
        OWN_WAY: {
            CLONED: "it changes the points",
            CLONED.replace("points.clone()", "points"): "the end at all times: `+=` changes",
            CLONED.replace("append(points.clone())", "append(points)"): "the end at all times but one",
            OWN_WAY.replace("for step in range(steps)", "t = 0.0\n    while t < 1")
            .replace("step / steps", "t")
            .replace("append(points)", "append(points)\n        t += 1 / steps"): "not yet. It has",
        },
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
NAMES |= {"flow": flow, "checks": checks, "losses": losses, "models": models, "AgreesWithAll": AgreesWithAll}


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


def expect_slip(capsys, task, defined, words):
    answer = said(capsys, task, defined)
    assert answer.startswith(f"{task}: not yet. ")
    assert answer.endswith(".\n")
    assert answer.count("\n") == 1
    assert words.casefold() in answer.casefold()


@pytest.fixture(autouse=True)
def seed_and_speed(monkeypatch):
    torch.manual_seed(0)
    seeds = itertools.count()
    monkeypatch.setattr(torch, "seed", lambda: torch.manual_seed(next(seeds)))
    monkeypatch.setattr(data, "load_mnist", load_mnist)


@pytest.fixture
def restored():
    """Undo what a test, or the answer that it tries, sets in torch."""
    yield
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("task", TASKS)
def test_the_chapters_own_answer_is_right_with_any_numbers(capsys, task):
    defined = written(task)
    for _ in range(10):
        assert said(capsys, task, defined) == f"{task}: right.\n"


@pytest.mark.parametrize(("task", "part", "other"), each(RIGHT))
def test_an_answer_in_other_words_is_right(capsys, task, part, other):
    defined = written(task, part, other)
    assert said(capsys, task, defined) == f"{task}: right.\n"


@pytest.mark.parametrize(("task", "part", "other", "words"), each(WRONG))
def test_a_slip_is_named(capsys, task, part, other, words):
    defined = written(task, part, other)
    expect_slip(capsys, task, defined, words)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("code", "words"), ANYWHERE.items())
def test_a_function_that_cannot_be_called_is_a_slip(capsys, task, code, words):
    defined = written(task, "", code.format(name=TASKS[task][2]))
    expect_slip(capsys, task, defined, words)


@pytest.mark.parametrize("task", TASKS)
def test_a_blank_is_not_written_yet(capsys, task):
    name = TASKS[task][2]
    defined = written(task, "", f"def {name}(*_, **__): raise checks.NotWrittenYetError('{name}')")
    sentence = f"{name} is not written yet. Write it in its cell above, and run that cell again.\n"
    assert said(capsys, task, defined) == sentence


@pytest.mark.parametrize("task", TASKS)
def test_a_check_answers_alike_without_gradients_or_in_float64(capsys, task, restored):
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    assert said(capsys, task, written(task)) == f"{task}: right.\n"
    assert torch.get_default_dtype() == torch.float64
    assert not torch.is_grad_enabled()


UNRULY = """
def {name}(*_, **__):
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
"""


def test_points_that_an_answer_changes_are_told_alike_where_gradients_are_off(capsys, restored):
    torch.set_grad_enabled(False)  # as in a notebook, where a homework asks, too
    expect_slip(capsys, "follow", written("follow", OWN_WAY, CLONED), "it changes the points")
    model = flow.LatentDiffusion(models.Autoencoder(8, width=8), width=8)
    question = questions.Question((model, torch.randn(9, 8), 7))
    reply = questions.ask(written("follow", OWN_WAY, CLONED)["follow"], question)
    assert not reply.error
    assert not reply.kept


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("code", ["", UNRULY])
def test_a_check_leaves_torch_as_it_was(capsys, task, code, restored):
    state = torch.get_rng_state()
    said(capsys, task, written(task, "", code.format(name=TASKS[task][2])))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("task", TASKS)
def test_each_call_of_a_check_tries_other_numbers(task, monkeypatch):
    monkeypatch.undo()
    given = []
    for _ in range(2):
        torch.manual_seed(0)
        calls = []
        getattr(checks, task)(lambda *arguments, calls=calls: calls.append(arguments))
        given.append(torch.as_tensor(calls[0][:2][-1]))  # images, codes, sizes, or the digit at the start
    assert not torch.equal(*given)


def test_jupyter_shows_one_line_for_a_blank():
    error = checks.NotWrittenYetError("loss")
    assert error._render_traceback_() == [str(error)]
    assert "\n" not in str(error)
