"""The digits are complete, unchanged, quick to read, and hard to lose."""

import gzip
import hashlib
import http.server
import shutil
import struct
import threading
from functools import partial

import platformdirs
import pytest
import torch

from helpers import data


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: folder)
    return folder


def test_all_seventy_thousand_digits_are_there(train_set, test_set):
    for (images, labels), n in ((train_set, 60_000), (test_set, 10_000)):
        assert images.shape == (n, 28, 28)
        assert images.dtype == torch.uint8
        assert labels.shape == (n,)
        assert labels.dtype == torch.int64
    assert train_set[1][:5].tolist() == [5, 0, 4, 1, 9]
    assert test_set[1][:5].tolist() == [7, 2, 1, 0, 4]


def test_unpacks_once_and_repairs_a_damaged_cache(cache):
    data.load_mnist("test")
    file = cache / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    written = file.stat().st_mtime_ns
    data.load_mnist("test")
    assert file.stat().st_mtime_ns == written
    good = file.read_bytes()
    file.write_bytes(good[:-1] + b"\x00")
    data.load_mnist("test")
    assert file.read_bytes() == good
    assert {path.name for path in file.parent.iterdir()} == set(data.MD5)


def test_an_unwritable_cache_falls_back_to_a_temporary_folder(cache):
    cache.write_text("a file stands where the cache folder should be")
    images, _ = data.load_mnist("test")
    assert len(images) == 10_000


def test_a_full_disk_falls_back_too_and_leaves_no_half_written_file(cache, monkeypatch):
    replace = data.os.replace

    def no_space(source, target):
        if cache in target.parents:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(data.os, "replace", no_space)
    images, _ = data.load_mnist("test")
    assert len(images) == 10_000
    assert list((cache / "MNIST" / "raw").iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:1000]), "cannot be unpacked"),
        (lambda file: file.write_bytes(b"not an archive"), "cannot be unpacked"),
        (
            lambda file: shutil.copy(file.with_name("train-labels-idx1-ubyte.xz"), file),
            "does not hold the original",
        ),
    ],
)
def test_a_damaged_bundle_is_named_with_its_remedy(cache, tmp_path, monkeypatch, damage, problem):
    bundle = shutil.copytree(data.BUNDLE, tmp_path / "bundle")
    monkeypatch.setattr(data, "BUNDLE", bundle)
    damage(bundle / "t10k-labels-idx1-ubyte.xz")
    with pytest.raises(data.DamagedFileError, match=problem) as caught:
        data.load_mnist("test")
    assert "t10k-labels-idx1-ubyte.xz" in str(caught.value)
    assert "git checkout" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"), [(("validation",), '"train" or "test"'), (("train", "cifar"), "choose one of")]
)
def test_unknown_names_are_answered_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load_mnist(*arguments)


def idx_gz(values):
    """The original format of MNIST: magic number, shape, bytes; gzipped."""
    header = struct.pack(f">HBB{values.dim()}I", 0, 8, values.dim(), *values.shape)
    return gzip.compress(header + values.numpy().tobytes())


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine with eight small images and labels in the original format."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "server"
    folder.mkdir()
    images = torch.randint(256, (8, 28, 28), dtype=torch.uint8)
    labels = torch.arange(8, dtype=torch.uint8)
    for split, shown in (("train", 255 - images), ("t10k", images)):
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(idx_gz(shown))
        (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(idx_gz(labels))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/", images, labels
        httpd.shutdown()


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist"])
def test_other_datasets_are_downloaded_by_torchvision(cache, server, monkeypatch, name):
    folder, url, images, labels = server
    files = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(folder.iterdir())]
    dataset = getattr(data.torchvision_datasets(), data.DATASETS[name])
    monkeypatch.setattr(dataset, "mirrors", [url])
    monkeypatch.setattr(dataset, "resources", files)
    loaded_images, loaded_labels = data.load_mnist("test", name)
    assert torch.equal(loaded_images, images)
    assert torch.equal(data.load_mnist("train", name)[0], 255 - images)
    assert torch.equal(loaded_labels, labels.long())


def test_without_the_internet_other_datasets_say_so(cache, monkeypatch):
    monkeypatch.setattr(data.torchvision_datasets().KMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(ConnectionError, match="needs the internet"):
        data.load_mnist("train", "kmnist")
