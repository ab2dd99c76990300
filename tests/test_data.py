"""The digits are complete, unchanged, quick to read, and hard to lose."""

import gzip
import hashlib
import http.server
import os
import shutil
import struct
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import data

ORIGINAL_MD5 = {  # of the pixels and labels behind the headers of MNIST's four original files
    "train_images": "6510e85a72c3e9475c492d559d3770d2",
    "train_labels": "e86ee40d66677c011a9abda399ec8c4d",
    "test_images": "240610fa99e73bfa49df8e7fc24d3206",
    "test_labels": "073c3904dfbd3e141ff8aa01cfde6b15",
}


def test_all_seventy_thousand_digits_are_there(train_set, test_set):
    for (images, labels), n in ((train_set, 60_000), (test_set, 10_000)):
        assert images.shape == (n, 28, 28)
        assert images.dtype == torch.uint8
        assert labels.shape == (n,)
        assert labels.dtype == torch.int64
    assert train_set[1][:5].tolist() == [5, 0, 4, 1, 9]
    assert test_set[1][:5].tolist() == [7, 2, 1, 0, 4]


def test_the_archive_holds_the_original_bytes():
    with np.load(data.ARCHIVE) as archive:
        found = {name: hashlib.md5(archive[name].tobytes()).hexdigest() for name in archive.files}
    assert found == ORIGINAL_MD5


def with_a_flipped_byte(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 255
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"not an archive"),
        lambda file: file.write_bytes(file.read_bytes()[:100_000]),
        lambda file: with_a_flipped_byte(file, 5_000_000),
        lambda file: with_a_flipped_byte(file, 200),
        lambda file: np.savez(file, other=[1]),
        lambda file: np.savez(file, train_images=np.array([None]), train_labels=np.array([None])),
    ],
)
def test_a_damaged_archive_is_named_with_its_remedy(tmp_path, monkeypatch, damage):
    copy = tmp_path / "digits.npz"
    shutil.copy(data.ARCHIVE, copy)
    monkeypatch.setattr(data, "ARCHIVE", copy)
    damage(copy)
    with pytest.raises(data.DamagedFileError, match="git checkout -- digits"):
        data.load_mnist("train")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A copy of the archive, alone in its folder."""
    copy = tmp_path / "mnist" / "digits.npz"
    copy.parent.mkdir()
    shutil.copy(data.ARCHIVE, copy)
    monkeypatch.setattr(data, "ARCHIVE", copy)
    return copy


def test_unpacked_digits_are_the_same_and_read_from_their_file(archive, train_set):
    data.unpack()
    images, labels = data.load_mnist("train")
    assert torch.equal(images, train_set[0])
    assert torch.equal(labels, train_set[1])
    images[0] = 7  # in a kernel's own memory
    assert torch.equal(data.load_mnist("train")[0], train_set[0])
    if sys.platform == "linux":
        assert str(archive.with_name("train_images.npy")) in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("content", [b"", b"not what the archive holds"])
def test_an_unpacked_file_that_is_not_the_archive_s_is_passed_over_and_replaced(archive, content, test_set):
    unpacked = archive.with_name("test_images.npy")
    unpacked.write_bytes(content)
    assert torch.equal(data.load_mnist("test")[0], test_set[0])
    data.unpack()
    written = unpacked.stat().st_mtime_ns
    data.unpack()
    assert unpacked.stat().st_mtime_ns == written
    assert sorted(file.name for file in archive.parent.glob("test*")) == [
        "test_images.npy",
        "test_labels.npy",
    ]
    assert torch.equal(data.load_mnist("test")[0], test_set[0])


def test_nothing_but_the_archive_is_needed(tmp_path):
    """No cache, no place to write, no torchvision, and few digits where somebody asks for few."""
    code = """
import sys
sys.modules["torchvision"] = None
from helpers import data
print(len(data.load_mnist("test")[1]))
"""
    environment = os.environ | {"HOME": str(tmp_path / "nowhere"), "DIGITS_AT_MOST": "50"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.split("\n")[1] == "50", done.stderr
    assert "50 digits, to be quick" in done.stdout
    assert not (tmp_path / "nowhere").exists()


def test_a_split_that_does_not_exist_is_answered_in_words():
    with pytest.raises(ValueError, match='"train" or "test"'):
        data.load_mnist("validation")


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


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST"])
def test_other_datasets_are_downloaded_by_torchvision(tmp_path, server, monkeypatch, name):
    folder, url, images, labels = server
    files = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(folder.iterdir())]
    dataset = getattr(data.torchvision_datasets(), name)
    monkeypatch.setattr(dataset, "mirrors", [url])
    monkeypatch.setattr(dataset, "resources", files)
    loaded_images, loaded_labels = data.load_torchvision(name, tmp_path / "cache", train=False)
    assert torch.equal(loaded_images, images)
    assert torch.equal(data.load_torchvision(name, tmp_path / "cache", train=True)[0], 255 - images)
    assert torch.equal(loaded_labels, labels.long())


def dataset_of(pixels):
    """Make a class like torchvision's, whose pictures are ``pixels``."""
    return type(
        "Pictures",
        (),
        {
            "__init__": lambda self, root, download, letters=False: None,
            "__iter__": lambda self: iter([(Image.fromarray(picture), 7) for picture in pixels]),
        },
    )


def test_any_dataset_of_one_channel_of_28_by_28_will_do(monkeypatch):
    pixels = np.random.default_rng(0).integers(256, size=(3, 28, 28), dtype=np.uint8)
    monkeypatch.setattr(data.torchvision_datasets(), "Pictures", dataset_of(pixels), raising=False)
    images, labels = data.load_torchvision("Pictures", letters=True)
    assert (images.numpy() == pixels).all()
    assert labels.tolist() == [7, 7, 7]


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 3), (105, 105)])
def test_pictures_of_another_shape_are_refused_in_words(monkeypatch, shape):
    pictures = dataset_of(np.zeros((2, *shape), dtype=np.uint8))
    monkeypatch.setattr(data.torchvision_datasets(), "Pictures", pictures, raising=False)
    with pytest.raises(ValueError, match="one channel of 28 by 28"):
        data.load_torchvision("Pictures")


def test_what_torchvision_does_not_know_is_answered_in_words():
    with pytest.raises(ValueError, match="has no 'cifar'"):
        data.load_torchvision("cifar")
    with pytest.raises(ValueError, match="cannot be asked like that"):
        data.load_torchvision("KMNIST", traain=True)


def test_without_the_internet_other_datasets_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(data.torchvision_datasets().KMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(ConnectionError, match="needs the internet"):
        data.load_torchvision("KMNIST", tmp_path)
