"""What ships loads, is complete and small, and can be rebuilt; damage is noticed."""

import shutil
import subprocess
import sys

import pytest
import torch

from experiments import ship
from experiments.files import write_weights
from helpers import checkpoints, data, losses, metrics, scoreboard, training
from helpers.data import DamagedFileError
from helpers.models import Autoencoder

SHIPPED = [(chapter, latent_dim) for chapter in losses.BY_CHAPTER for latent_dim in checkpoints.WIDTHS]


@pytest.mark.parametrize(("chapter", "latent_dim"), SHIPPED)
def test_every_shipped_model_reconstructs_its_digits(chapter, latent_dim, test_set):
    model = checkpoints.load(chapter, latent_dim)
    images = test_set[0][:1000]
    assert model.latent_dim == latent_dim
    assert next(model.parameters()).dtype == torch.float32
    misses = (model(images) - images[:, None] / 255).abs().mean()
    average = images.float().mean(dim=0) / 255
    assert misses < 0.75 * (average - images / 255).abs().mean()


@pytest.mark.parametrize("chapter", [1, 2, 3])
def test_the_shipped_model_of_a_short_training_is_a_typical_one(chapter):
    of_it = f"chapter == {chapter} and sampler == 'blind' and metric == 'Fréchet distance'"
    trainings = scoreboard.ten_trainings().query(of_it)["value"]
    found = metrics.score(checkpoints.load(chapter).sample(metrics.SAMPLES, seed=0))["Fréchet distance"]
    assert abs(found - trainings.median()) < (trainings.max() - trainings.min()) / 4


def test_shipped_models_load_where_torch_s_default_type_is_float64():
    try:
        torch.set_default_dtype(torch.float64)
        assert checkpoints.load(4, latent_dim=2).sample(2).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_epilogue_s_model_samples_like_every_other():
    model = checkpoints.load("epilogue")
    samples = model.sample(500, seed=3)
    assert samples.shape == (500, 1, 28, 28)
    assert torch.allclose(samples[:100], model.sample(100, seed=3), atol=1e-3)
    found = metrics.score(model.sample(metrics.SAMPLES, seed=0))
    assert found["Fréchet distance"] <= 0.6
    assert found["recognizable"] >= 0.92
    assert found["coverage"] >= 0.91
    assert checkpoints.epilogue_path().stat().st_size <= 3e6


def test_all_nine_together_are_small():
    files = sorted(checkpoints.FOLDER.glob("*.safetensors"))
    assert len(files) == len(SHIPPED) + 1 == 9
    assert sum(file.stat().st_size for file in files) < 35e6


@pytest.mark.parametrize("arguments", [(0,), (5,), ("4",), (1.0,), ([1, 2],), (4, 3)])
def test_unknown_models_are_answered_in_words(arguments):
    with pytest.raises(ValueError, match="No model ships"):
        checkpoints.load(*arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of this test's own, with one of the shipped models."""
    shutil.copy(checkpoints.path(4, 2), tmp_path)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    return tmp_path


def flip_a_byte(file):
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        flip_a_byte,
    ],
)
def test_damage_is_named_with_its_remedy(folder, damage):
    file = checkpoints.path(4, 2)
    damage(file)
    with pytest.raises(DamagedFileError, match="git checkout") as caught:
        checkpoints.load(4, 2)
    assert file.name in str(caught.value)


def test_rebuilding_replaces_a_model_whole(folder, train_set, monkeypatch):
    monkeypatch.setattr(data, "load_mnist", lambda split: (train_set[0][:512], None))
    monkeypatch.setattr(ship, "EPOCHS_BY_DIM", {2: {4: 1}, 12: {4: 1}})
    before = checkpoints.load(4, 2).state_dict()
    ship.main(["4"])
    assert {file.name for file in folder.iterdir()} == {checkpoints.path(4, d).name for d in (2, 12)}
    after = checkpoints.load(4, 2).state_dict()
    assert not torch.equal(before["decoder.pixels.weight"], after["decoder.pixels.weight"])


def test_rebuilding_the_epilogue_trains_both_networks(folder, train_set, monkeypatch):
    monkeypatch.setattr(data, "load_mnist", lambda split: (train_set[0][:1024], None))
    monkeypatch.setattr(checkpoints, "SHIPPED_EPILOGUE_WIDTH", 16)
    monkeypatch.setattr(ship, "EPILOGUE_EPOCHS", 1)
    monkeypatch.setattr(ship, "EPILOGUE_FLOW_EPOCHS", 1)
    monkeypatch.setattr(ship, "EPILOGUE_FLOW_BATCH_SIZE", 64)
    ship.main(["epilogue"])
    model = checkpoints.load("epilogue")
    torch.manual_seed(0)
    new = checkpoints.new_epilogue()
    for name in ("autoencoder.decoder.pixels.weight", "leave.weight"):
        assert not torch.allclose(model.state_dict()[name], new.state_dict()[name], atol=1e-3)


def test_an_interrupt_leaves_the_shipped_model_alone(folder, train_set, monkeypatch):
    monkeypatch.setattr(data, "load_mnist", lambda split: (train_set[0][:512], None))
    monkeypatch.setattr(training, "fit", lambda *_, **__: [{"epoch": 0.5, "reconstruction": 500.0}])
    before = checkpoints.path(4, 2).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        ship.rebuild(4, 2)
    assert checkpoints.path(4, 2).read_bytes() == before


def test_weights_survive_half_precision(folder):
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=2, width=8)
    write_weights(model, folder / "model.safetensors")
    for name, value in checkpoints.read(folder / "model.safetensors", rebuild="").items():
        assert torch.allclose(value.float(), model.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_the_command_refuses_unknown_chapters():
    command = [sys.executable, "-m", "experiments.ship", "7"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert "1 to 4 and epilogue" in result.stderr
