"""The judge reads digits well, ships small, and can be rebuilt."""

import pytest
import torch

from experiments import judge as training_of_the_judge
from helpers import data, judge
from helpers.data import DamagedFileError


@pytest.fixture
def no_memory():
    """Let each test read the judge's file anew."""
    judge.shipped.cache_clear()
    yield
    judge.shipped.cache_clear()


def test_reads_digits_that_it_has_never_seen(test_set):
    assert judge.accuracy(*test_set) >= 0.994


def test_is_sure_that_random_pixels_are_an_8():
    """Which chapter 1 confesses."""
    torch.manual_seed(0)
    sure = judge.judge(torch.rand(100, 28, 28)).probabilities[:, 8]
    assert sure.min() > 0.9


def test_ships_in_less_than_a_megabyte():
    assert judge.PATH.stat().st_size < 1e6


def test_a_verdict_holds_features_and_probabilities(test_set):
    verdict = judge.judge(test_set[0][:1500])
    assert verdict.features.shape == (1500, judge.FEATURES)
    assert verdict.features.min() >= 0
    assert torch.allclose(verdict.probabilities.sum(dim=1), torch.ones(1500))
    alone = judge.judge(test_set[0][1400:1401])
    assert torch.allclose(alone.probabilities[0], verdict.probabilities[1400], atol=1e-5)
    assert torch.equal(judge.judge(test_set[0][1400]).probabilities, alone.probabilities)


def test_nothing_to_judge_is_said_in_words():
    with pytest.raises(ValueError, match="nothing to judge"):
        judge.judge(torch.rand(0, 28, 28))


def test_images_and_labels_of_other_types_are_answered_in_words(test_set):
    images, labels = test_set
    assert judge.accuracy(images[:100], labels[:100].numpy()) == judge.accuracy(
        images[:100], labels[:100].tolist()
    )
    with pytest.raises(ValueError, match="one-hot"):
        judge.accuracy(images[:100], torch.eye(10)[labels[:100]])
    with pytest.raises(TypeError, match="must be a torch tensor"):
        judge.judge(images[:100].numpy())


def test_the_judge_is_float32_whatever_torch_s_default_type_is(test_set, no_memory):
    try:
        torch.set_default_dtype(torch.float64)
        assert judge.judge(test_set[0][:10]).features.dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_rebuilding_trains_and_replaces_the_judge(tmp_path, monkeypatch, train_set, capsys, no_memory):
    images, labels = train_set[0][:3000], train_set[1][:3000]
    monkeypatch.setattr(data, "load_mnist", lambda split: (images, labels))
    monkeypatch.setattr(judge, "PATH", tmp_path / "judge.safetensors")
    monkeypatch.setattr(training_of_the_judge, "EPOCHS", 2)
    with pytest.raises(DamagedFileError, match=r"python -m experiments\.judge"):
        judge.judge(images[:10])
    training_of_the_judge.main()
    assert "test digits" in capsys.readouterr().out
    assert judge.accuracy(images, labels) > 0.8
