"""One training loop for all four chapters and the epilogue."""

import contextlib
import functools
import gc
import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from tqdm.auto import tqdm

from helpers import give_memory_back
from helpers.films import Film
from helpers.models import AT_A_TIME, Autoencoder, as_batch, in_a_batch, whole_number
from helpers.settings import (
    BATCH_SIZE,
    EPOCHS,
    MAP_DIM,
    MAP_EPOCHS,
    MAP_PEAK_LR,
    MAP_WIDTH,
    PEAK_LR,
    SMALL_EPOCHS,
    SMALL_WIDTH,
)

Terms = dict[str, Tensor]
History = list[dict[str, float]]
REPORTS_PER_EPOCH = 10


def fit(
    model: Autoencoder,
    loss: Callable[[Autoencoder, Tensor], Terms | Tensor],
    images: Tensor,
    *,
    epochs: int = EPOCHS,
    batch_size: int = BATCH_SIZE,
    peak_lr: float = PEAK_LR,
    weight_decay: float = 0.0,
    seed: int = 0,
    unit: str = "nats per digit",
    watch: Callable[[History], None] | None = None,
    film: Film | None = None,
) -> History:
    """Train ``model`` on ``images``, show the progress, and return the history of the loss.

    Interrupting the kernel stops early and keeps what the model has learned so far. The model comes
    back on the CPU, in evaluation mode.

    Args:
        model: trained in place.
        loss: called as ``loss(model, batch)`` with a float batch (batch_size, 1, 28, 28) from 0 to
            1; returns the terms of the loss by name, or one scalar. Their sum is minimized.
        images: see ``models.as_batch``; or points, floats (N, numbers), which the loss gets as they are.
        epochs: how often to go through all images.
        batch_size: images for each step.
        peak_lr: the highest learning rate of the one-cycle schedule (L. N. Smith and N. Topin,
            Super-convergence, 2018) for AdamW (I. Loshchilov and F. Hutter, Decoupled Weight Decay
            Regularization, 2019).
        weight_decay: AdamW's: each step takes off this share, times the learning rate, of every weight.
        seed: of the order of the images and of any noise in the loss.
        unit: of the loss, for the progress bar.
        watch: called with the history after every epoch, for example ``plots.live_loss()``. Whatever it
            raises is said in a line, and training goes on without it.
        film: keeps some moments of this training, for ``explorer.explore_film``.

    Returns:
        About ten entries for each epoch: ``"epoch"``, and the mean of every term since the entry before,
        in nats per digit.

    Raises:
        TypeError, ValueError: the loss, the images or a number are not what is described above.
        FloatingPointError: the loss became NaN or infinite; the model is put back to where it was
            after the last good epoch.
    """
    epochs, batch_size = whole_number("epochs", epochs), whole_number("batch_size", batch_size)
    as_examples(images[:1])
    steps = len(images) // batch_size
    if steps == 0:
        raise ValueError(f"{len(images)} images do not fill one batch of {batch_size}.")
    device = best_device()
    gc.collect()
    give_memory_back()
    torch.manual_seed(seed)
    model.to(device).train()
    images = images.to(device)
    optimizer = AdamW(model.parameters(), lr=peak_lr, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_lr, total_steps=epochs * steps)
    progress = Progress(epochs, steps, unit, watch)
    film = film or (lambda model, epoch, epochs: None)
    with _kept_whole(model, progress) as keep, torch.enable_grad():
        film(model, 0, epochs)
        for _ in range(epochs):
            for batch in shuffled_batches(images, batch_size):
                with mixed_precision(device):
                    terms = checked_terms(loss(model, batch))
                optimizer.zero_grad()
                sum(terms.values()).backward()
                optimizer.step()
                schedule.step()
                progress.add(terms)
                film(model, progress.epoch, epochs)
            keep()
    return progress.history


def fit_small(loss: Callable, images: Tensor, model: Autoencoder | None = None, **given) -> Autoencoder:
    """Return a small model after two epochs, where many models are to be compared.

    Args:
        loss: see ``fit``; called with whatever is ``given``, too.
        images: see ``models.as_batch``.
        model: to be trained; None for a new autoencoder of a smaller width.
        given: by name, for the loss.
    """
    torch.manual_seed(0)
    model = model or Autoencoder(width=SMALL_WIDTH)
    fit(model, functools.partial(loss, **given), images, epochs=SMALL_EPOCHS)
    return model


def film_map(
    loss: Callable, images: Tensor, filmed: Tensor, labels: Tensor, weight_decay: float = 0.0
) -> Film:
    """Train a small model with two latent numbers, and return a film of it for ``explorer.explore_film``.

    Args:
        loss, images, weight_decay: see ``fit``.
        filmed, labels: the digits whose codes to follow; see ``films.Film``.
    """
    torch.manual_seed(0)
    film = Film(filmed, labels)
    fit(
        Autoencoder(MAP_DIM, MAP_WIDTH),
        loss,
        images,
        epochs=MAP_EPOCHS,
        peak_lr=MAP_PEAK_LR,
        weight_decay=weight_decay,
        film=film,
    )
    return film


class AdamW(torch.optim.AdamW):
    """Torch's AdamW without the layer for torch.compile, which takes 70 MB and seconds at the first step."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)


@contextlib.contextmanager
def _kept_whole(model, progress):
    """Give back the model on the CPU, with finite weights, however training ends."""
    last_good = {}

    def keep():
        last_good.update(finite_weights(model))

    try:
        keep()
        yield keep
    except KeyboardInterrupt:
        if not is_finite(model):  # which the next report would have said
            model.load_state_dict(last_good)
        print(f"Interrupted in {progress.where}: the model keeps what it has learned so far.")
    except FloatingPointError:
        if last_good:
            model.load_state_dict(last_good)
        raise
    finally:
        progress.close()
        model.cpu().eval().zero_grad()  # gradients take as much memory as weights, and have done their work
        give_memory_back()


def evaluate(
    model: Autoencoder, loss: Callable[[Autoencoder, Tensor], Terms | Tensor], images: Tensor
) -> dict[str, float]:
    """Return the terms of a loss on ``images`` or points (see ``as_examples``), without training.

    It is asked for some hundred images at a time, and the mean over all of them is returned.
    """
    images, found = images if are_points(images) else in_a_batch(images), Counter()
    with torch.no_grad():
        for part in images.split(AT_A_TIME):
            terms = by_name(loss(model, as_examples(part)))
            found.update({name: term.item() * len(part) / len(images) for name, term in terms.items()})
    return dict(found)


def as_examples(batch: Tensor) -> Tensor:
    """Return images as the networks want them (``models.as_batch``), points (N, numbers) as they are."""
    return batch if are_points(batch) else as_batch(batch)


def are_points(batch: Tensor) -> bool:
    """Are these points (N, numbers), and no images?"""
    return (
        isinstance(batch, Tensor)
        and batch.dim() == 2
        and batch.is_floating_point()
        and batch.shape != (28, 28)
    )


def shuffled_batches(images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Yield batches of ``as_examples`` in random order; an incomplete last one is left out."""
    order = torch.randperm(len(images), device=images.device)
    for start in range(0, len(images) - batch_size + 1, batch_size):
        yield as_examples(images[order[start : start + batch_size]])


def finite_weights(model: Autoencoder) -> dict[str, Tensor]:
    """Return a copy of the weights; raise FloatingPointError where one is NaN or infinite."""
    if not is_finite(model):
        raise FloatingPointError("Weights became NaN or infinite. Try a smaller peak_lr.")
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def is_finite(model: Autoencoder) -> bool:
    """Is no weight NaN or infinite?"""
    return all(weight.isfinite().all() for weight in model.state_dict().values())


def by_name(loss: Terms | Tensor) -> Terms:
    """Return the terms of a loss by name; a loss that is a single tensor is called ``"loss"``."""
    return loss if isinstance(loss, dict) else {"loss": loss}


def checked_terms(loss: Terms | Tensor) -> Terms:
    """Return the loss as named scalar terms, or say in words what is wrong with it."""
    terms = by_name(loss)
    for name, term in terms.items():
        if not isinstance(term, Tensor):
            raise TypeError(
                f"The {name} is {type(term).__name__}, not a tensor. Does your loss function end "
                "with `return`, and compute with torch (no `.item()`, no `float()`)?"
            )
        if term.dim() != 0:
            raise ValueError(
                f"The {name} has shape {tuple(term.shape)}, but a loss is a single number: sum over "
                "pixels or latent numbers, then take the mean over the batch."
            )
    if not any(term.requires_grad for term in terms.values()):
        raise ValueError(
            "The loss does not depend on the model, so there is nothing to learn from. Compute it "
            "from `model.encode(images)` or `model.logits(codes)`, without `.detach()` or "
            "`torch.no_grad()`."
        )
    return terms


def best_device() -> torch.device:
    """Return the fastest device at hand: CUDA (or ROCm), Apple's MPS, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        with contextlib.suppress(RuntimeError):  # virtual machines on Macs name an MPS that cannot allocate
            return torch.zeros(1, device="mps").device
    return torch.device("cpu")


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager:
    """Compute in bfloat16 where the hardware has instructions for it, elsewhere in float32."""
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        flags = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
        supported = flags.get("avx512_bf16", False) or flags.get("amx_bf16", False)
    return torch.autocast(device.type, torch.bfloat16) if supported else contextlib.nullcontext()


class Progress:
    """The history of the loss, a progress bar that puts it into words, and a watch for NaN."""

    def __init__(self, epochs, steps, unit, watch):
        self.epochs, self.steps, self.unit, self.watch = epochs, steps, unit, watch
        self.history: History = []
        self._done = 0
        self._recent: list[Terms] = []
        self._bar = tqdm(total=epochs * steps, bar_format="{desc} {bar} {elapsed}<{remaining}{postfix}")
        self._bar.set_description_str(self.where)

    @property
    def where(self) -> str:
        """How far training is, in words: ``"epoch 2 of 8"``."""
        return f"epoch {min(self._done // self.steps + 1, self.epochs)} of {self.epochs}"

    @property
    def epoch(self) -> float:
        """How many epochs have passed."""
        return self._done / self.steps

    def add(self, terms: Terms):
        """Count one batch; report now and then, and at the end of an epoch."""
        self._recent.append({name: term.detach() for name, term in terms.items()})
        step = self._done % self.steps + 1
        if step % max(1, self.steps // REPORTS_PER_EPOCH) == 0 or step == self.steps:
            self._report()
        self._done += 1
        self._bar.update()
        if step == self.steps and self.watch:
            self._tell_the_watch()

    def _tell_the_watch(self):
        try:
            self.watch(self.history)
        except Exception as error:  # whatever somebody wrote there: training has been paid for
            print(f"The watch stopped with {type(error).__name__}: {error}. Training goes on without it.")
            self.watch = None

    def _report(self):
        means = {
            name: torch.stack([terms[name] for terms in self._recent]).mean().item()
            for name in self._recent[-1]
        }
        self._recent.clear()
        for name, mean in means.items():
            if not math.isfinite(mean):
                raise FloatingPointError(
                    f"The {name} became {mean} in {self.where}. Look for a logarithm or a division of "
                    "something that can reach 0, or try a smaller peak_lr."
                )
        self.history.append({"epoch": (self._done + 1) / self.steps, **means})
        self._bar.set_description_str(self.where, refresh=False)
        self._bar.set_postfix_str(in_words(means, self.unit))

    def close(self):
        """Leave the bar as it stands."""
        self._bar.close()


def in_words(means: dict[str, float], unit: str = "nats per digit") -> str:
    """``"reconstruction 80.1 + energy 4.0 = 84.1 nats per digit"``"""
    terms = " + ".join(f"{name} {mean:.1f}" for name, mean in means.items())
    total = f" = {sum(means.values()):.1f}" if len(means) > 1 else ""
    return f"{terms}{total} {unit}"
