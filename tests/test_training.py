"""The loop learns, reports, stops when asked, and answers mistakes in words."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers import losses, plots, training
from helpers.models import Autoencoder, as_batch


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Autoencoder(latent_dim=3, width=32)


@pytest.fixture(scope="module")
def images(train_set):
    return train_set[0][:1024]


def fit(model, loss, images, **settings):
    return training.fit(model, loss, images, **{"epochs": 2, "batch_size": 64} | settings)


@pytest.mark.parametrize("chapter", losses.BY_CHAPTER)
def test_learns_every_chapter_s_loss_and_reports_it(model, images, chapter):
    history = fit(model, losses.BY_CHAPTER[chapter], images, epochs=30)
    names = ["epoch", *losses.BY_CHAPTER[chapter](model, as_batch(images[:4]))]
    assert list(history[0]) == names
    assert history[-1]["epoch"] == 30
    assert len(history) == 30 * 16
    average_digit = history[0]["reconstruction"]  # which is what a new decoder paints
    assert history[-1]["reconstruction"] < 0.75 * average_digit
    assert not model.training
    assert next(model.parameters()).device.type == "cpu"


def test_a_trained_model_keeps_no_gradients(model, images):
    training.fit(model, losses.autoencoder, images, epochs=1, batch_size=8)
    assert all(weight.grad is None for weight in model.parameters())


def test_the_same_seed_gives_the_same_model(images):
    def train(seed):
        torch.manual_seed(0)
        model = Autoencoder(latent_dim=3, width=32)
        fit(model, losses.smooth, images, seed=seed)
        return model.encode(images)

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_the_history_is_watched_after_every_epoch(model, images):
    lengths = []
    fit(model, losses.autoencoder, images, epochs=3, watch=lambda history: lengths.append(len(history)))
    assert lengths == [16, 32, 48]


def test_the_bar_puts_the_loss_into_words(model, images, capsys):
    fit(model, losses.compact, images)
    shown = capsys.readouterr().err
    assert "epoch 2 of 2" in shown
    assert "reconstruction" in shown
    assert "+ energy" in shown
    assert "nats per digit" in shown
    assert training.in_words({"reconstruction": 80.0, "energy": 4.0}).endswith(
        "80.0 + energy 4.0 = 84.0 nats per digit"
    )
    assert training.in_words({"loss": 80.0}) == "loss 80.0 nats per digit"


@pytest.mark.parametrize(
    "settings", [{"epochs": 0}, {"epochs": 1.5}, {"epochs": -1}, {"batch_size": 0}, {"batch_size": "64"}]
)
def test_odd_numbers_of_epochs_and_batches_are_answered_in_words(model, images, settings):
    with pytest.raises(ValueError, match="must be a whole number from 1 up"):
        fit(model, losses.autoencoder, images, **settings)


def test_numpy_s_whole_numbers_are_whole_numbers(model, images):
    settings = {"epochs": np.int64(1), "batch_size": np.int32(512)}
    assert fit(model, losses.autoencoder, images, **settings)[-1]["epoch"] == 1


def test_a_watch_that_raises_costs_no_training(model, images, capsys):
    def broken(history):
        raise ZeroDivisionError("of the watch")

    assert fit(model, losses.autoencoder, images, watch=broken)[-1]["epoch"] == 2
    assert capsys.readouterr().out.count("The watch stopped with ZeroDivisionError: of the watch") == 1


@pytest.mark.parametrize("loss", [lambda model, batch: -model.encode(batch).square().mean(), None])
def test_the_live_loss_shows_losses_of_0_and_below(model, images, loss):
    """Also one that stays at 0, as with weights of 0."""
    loss = loss or (lambda model, batch: 0 * model.encode(batch).sum())
    history = fit(model, loss, images, epochs=1, watch=plots.live_loss())
    assert plots.loss_curve(history).png().startswith(b"\x89PNG")


def test_training_is_the_same_where_gradients_are_switched_off_globally(images):
    def trained():
        torch.manual_seed(0)
        model = Autoencoder(latent_dim=3, width=32)
        return fit(model, losses.learned, images, epochs=1)

    with torch.no_grad():
        quiet = trained()
        assert not torch.is_grad_enabled()
    assert quiet == trained()


def test_training_works_where_torch_s_default_type_is_float64(images):
    try:
        torch.set_default_dtype(torch.float64)
        history = fit(Autoencoder(latent_dim=3, width=32), losses.learned, images, epochs=1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert history[-1]["epoch"] == 1


def test_weight_decay_is_what_it_says_and_none_by_default(images):
    def length(**settings):
        torch.manual_seed(0)
        model = Autoencoder(latent_dim=3, width=32)
        fit(model, losses.compact, images, epochs=4, **settings)
        return model.decoder.hidden[0].weight.norm()

    assert length(weight_decay=0.0) == length()
    assert length(weight_decay=5.0) < 0.9 * length()


def test_an_interrupt_keeps_what_was_learned(model, images, capsys):
    before = model.encode(images)

    def impatient(history):
        if len(history) == 16:
            raise KeyboardInterrupt

    history = fit(model, losses.autoencoder, images, epochs=3, watch=impatient)
    assert len(history) == 16
    assert "Interrupted in epoch 2 of 3" in capsys.readouterr().out
    assert not torch.equal(model.encode(images), before)
    assert not model.training


def test_an_interrupt_keeps_no_weights_that_are_nan(model, images, capsys):
    def breaks(model, batch):
        if not training.is_finite(model):
            raise KeyboardInterrupt
        return (model.encode(batch) * 0).sqrt().sum()  # whose slope is infinite at 0

    fit(model, breaks, images)
    assert "Interrupted" in capsys.readouterr().out
    assert model.encode(images).isfinite().all()


def test_a_model_that_is_nan_already_is_answered_in_words(model, images):
    model.decoder.hidden[0].weight.data[0] = torch.nan
    with pytest.raises(FloatingPointError, match="Weights became NaN"):
        fit(model, losses.autoencoder, images)
    assert not model.training


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_is_reported_with_its_epoch_and_undone(model, images, bad):
    calls = 0

    def breaks_in_epoch_2(model, batch):
        nonlocal calls
        calls += 1
        return losses.autoencoder(model, batch)["reconstruction"] * (bad if calls == 20 else 1)

    with pytest.raises(FloatingPointError, match=r"became (nan|inf) in epoch 2 of 2"):
        fit(model, breaks_in_epoch_2, images)
    assert model.encode(images).isfinite().all()


MISTAKES = {
    "forgot to return": (lambda model, batch: None, TypeError, "NoneType, not a tensor"),
    "a Python number": (
        lambda model, batch: losses.autoencoder(model, batch)["reconstruction"].item(),
        TypeError,
        "float, not a tensor",
    ),
    "no mean": (
        lambda model, batch: model.encode(batch),
        ValueError,
        r"shape \(64, 3\), but a loss is a single",
    ),
    "one bad term": (
        lambda model, batch: {"energy": model.encode(batch).square().sum(dim=1)},
        ValueError,
        r"The energy has shape \(64,\)",
    ),
    "detached": (lambda model, batch: model.encode(batch).detach().mean(), ValueError, "does not depend"),
    "no terms": (lambda model, batch: {}, ValueError, "does not depend"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_loss_is_answered_in_words(model, images, mistake):
    loss, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=message):
        fit(model, loss, images)
    assert not model.training


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda images: images.flatten(1), ValueError, "expected"),
        (lambda images: images.float(), ValueError, "Divide images"),
        (lambda images: images.long(), TypeError, "expected uint8"),
        (lambda images: images.numpy(), TypeError, "must be a torch tensor"),
        (lambda images: images[:10], ValueError, "10 images do not fill one batch of 64"),
    ],
)
def test_wrong_images_are_answered_in_words(model, images, wrong, error, message):
    with pytest.raises(error, match=message):
        fit(model, losses.autoencoder, wrong(images))


def test_bfloat16_only_where_the_processor_has_it(monkeypatch):
    cpu = torch.device("cpu")
    for flags, used in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert isinstance(training.mixed_precision(cpu), torch.autocast) == used
    assert not isinstance(training.mixed_precision(torch.device("mps")), torch.autocast)


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(1, 1, "cuda"), (0, 1, "meta"), (0, 0, "cpu")])
def test_the_fastest_device_is_chosen(monkeypatch, cuda, mps, expected):
    zeros = torch.zeros
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    monkeypatch.setattr(torch, "zeros", lambda n, device: zeros(n, device="meta"))  # stands in for MPS
    assert training.best_device().type == expected


def test_an_mps_that_cannot_allocate_is_not_chosen(monkeypatch):
    def out_of_memory(*_, **__):
        raise RuntimeError("MPS backend out of memory")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", out_of_memory)
    assert training.best_device().type == "cpu"


def test_weights_that_become_nan_without_the_loss_are_noticed_and_undone(model, images):
    calls = 0

    def breaks_the_last_step(model, batch):
        nonlocal calls
        calls += 1
        if calls == 32:  # the square root's slope is infinite at 0
            return (model.encode(batch) * 0).sqrt().sum()
        return losses.autoencoder(model, batch)["reconstruction"]

    with pytest.raises(FloatingPointError, match="Weights became NaN"):
        fit(model, breaks_the_last_step, images)
    assert model.encode(images).isfinite().all()


def test_training_in_bfloat16_keeps_the_loss_in_float32(model, images, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(training, "best_device", lambda: torch.device("cpu"))
    types = set()

    def loss(model, batch):
        assert torch.is_autocast_enabled("cpu")
        terms = losses.learned(model, batch)
        types.update(term.dtype for term in terms.values())
        return terms

    fit(model, loss, images, epochs=1)
    assert types == {torch.float32}


def test_the_optimizer_is_torch_s_to_the_last_digit(model, images, monkeypatch):
    fit(model, losses.compact, images, weight_decay=0.3)
    monkeypatch.setattr(training, "AdamW", torch.optim.AdamW)
    torch.manual_seed(0)
    other = Autoencoder(latent_dim=3, width=32)
    fit(other, losses.compact, images, weight_decay=0.3)
    assert torch.equal(model.encode(images), other.encode(images))


def test_training_does_without_the_layer_for_compiling():
    code = "import sys, torch; from helpers import losses, models, training\n"
    code += "images = torch.rand(64, 28, 28)\n"
    code += "training.fit(models.Autoencoder(), losses.learned, images, epochs=1, batch_size=32)\n"
    code += "print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_evaluate_gives_the_mean_of_all_parts(model, train_set):
    images = train_set[0][:2500]
    found = training.evaluate(model, losses.compact, images)
    whole = losses.compact(model, as_batch(images))
    assert found == pytest.approx({name: term.item() for name, term in whole.items()}, rel=1e-5)
    assert training.evaluate(model, losses.compact, images[0]).keys() == found.keys()


def test_evaluate_gives_every_term_of_any_loss(model, images):
    terms = training.evaluate(model, losses.compact, images)
    assert list(terms) == ["reconstruction", "energy"]
    alone = training.evaluate(model, lambda model, batch: losses.compact(model, batch)["energy"], images)
    assert alone == {"loss": pytest.approx(terms["energy"])}
