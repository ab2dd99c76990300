// The networks in the page: what models.Decoder and models.Encoder compute, for eight digits at a time.
//
// Fully connected layers, with a SiLU after each but the last. Whoever changes models.py or this file keeps the
// other in mind; tests/browser/test_networks.py compares them.

const AT_ONCE = 8; // digits that share one reading of the weights
const [AVERAGE_PIXEL, PIXEL_SPREAD] = [0.1307, 0.3081]; // as in models.py
const MOST_LOG_SIZE = 20; // a pad full of ink asks for infinite neighborhoods

// --------------------------------------------------------------------------------- what Python has packed

function halfToFloat(half) {
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half >> 15 ? -size : size;
}

const FLOAT_OF_HALF = Float32Array.from({ length: 65536 }, (_, half) => halfToFloat(half));

/** Numbers in half precision, as explorer.py packs them, to floats. */
export function unpackHalves({ buffer, byteOffset, byteLength }) {
  const packed = new Uint16Array(buffer.slice(byteOffset, byteOffset + byteLength)); // a copy begins at an even byte
  const floats = new Float32Array(packed.length); // a loop takes a fifth of the time of Float32Array.from
  for (let i = 0; i < floats.length; i++) floats[i] = FLOAT_OF_HALF[packed[i]];
  return floats;
}

/** What zlib has deflated. */
export async function inflate(compressed) {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The weights that explorer.py has compressed. Halves come as all low bytes, then all high ones; where there are
 * `steps`, each byte counts those of its layer.
 */
export async function inflateWeights({ shapes, weights, steps }) {
  const bytes = await inflate(weights);
  if (!steps.length) {
    const halves = new Float32Array(bytes.length / 2);
    for (let i = 0; i < halves.length; i++) halves[i] = FLOAT_OF_HALF[bytes[i] | (bytes[halves.length + i] << 8)];
    return halves;
  }
  const floats = Float32Array.from(new Int8Array(bytes.buffer));
  let i = 0;
  shapes.forEach(([outputs, inputs], layer) => {
    for (const end = i + outputs * (inputs + 1); i < end; i++) floats[i] *= steps[layer];
  });
  return floats;
}

// ------------------------------------------------------------------------------------------- layers

// network.wat in WebAssembly, which a test assembles anew. Where it does not run, `multiply` takes its place.
export const ASSEMBLED =
  "AGFzbQEAAAABCgFgBn9/f39/fwACEAEEcGFnZQZtZW1vcnkCAAEDAgEABwwBCG11bHRpcGx5AAAK9QIB8gICBH8LeyAFQQJ0IQYgAiAFQQV0aiEJ" +
  "A0AgAf0JAgAiDSEOIAH9CQIEIg8hECAB/QkCCCIRIRIgAf0JAgwiEyEUIAIhCANAIAj9AAQAIQogCP0ABBAhCyAAIgf9CQIAIQwgDSAMIAr95gH9" +
  "5AEhDSAOIAwgC/3mAf3kASEOIAcgBmoiB/0JAgAhDCAPIAwgCv3mAf3kASEPIBAgDCAL/eYB/eQBIRAgByAGaiIH/QkCACEMIBEgDCAK/eYB/eQB" +
  "IREgEiAMIAv95gH95AEhEiAHIAZq/QkCACEMIBMgDCAK/eYB/eQBIRMgFCAMIAv95gH95AEhFCAAQQRqIQAgCEEgaiEIIAggCUkNAAsgAyAN/QsE" +
  "ACADIA79CwQQIAMgD/0LBCAgAyAQ/QsEMCADIBH9CwRAIAMgEv0LBFAgAyAT/QsEYCADIBT9CwRwIAAgBkEDbGohACABQRBqIQEgA0GAAWohAyAE" +
  "QQRrIgRBAEoNAAsL";
const FLOAT_BYTES = 4;
const MEMORY_PAGE = 65536;
let compiled;

/** Room for `count` floats, and a function that multiplies a layer within them. */
function workspace(count) {
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(ASSEMBLED), (letter) => letter.charCodeAt(0)));
    const memory = new WebAssembly.Memory({ initial: Math.ceil((count * FLOAT_BYTES) / MEMORY_PAGE) });
    const { exports } = new WebAssembly.Instance(compiled, { page: { memory } });
    const run = ({ matrix, bias, rows, inputs, output }, input) =>
      exports.multiply(...[matrix, bias, input, output].map((place) => FLOAT_BYTES * place), rows, inputs);
    return [new Float32Array(memory.buffer), run];
  } catch {
    const floats = new Float32Array(count); // an old browser, a page that forbids it, or no more memory
    return [floats, (layer, input, columns) => multiply(floats, layer, input, columns)];
  }
}

/** What network.wat does, in JavaScript, for the first `columns` digits. */
function multiply(floats, { matrix, bias, rows, inputs, output }, input, columns) {
  for (let row = 0; row < rows; row++) {
    const start = matrix + row * inputs;
    for (let column = 0; column < columns; column++) {
      let a = floats[bias + row], b = 0, c = 0, d = 0; // four sums at once keep the processor busy
      let [w, x] = [start, input + column];
      for (const end = start + inputs - 3; w < end; w += 4, x += 4 * AT_ONCE) {
        a += floats[w] * floats[x];
        b += floats[w + 1] * floats[x + AT_ONCE];
        c += floats[w + 2] * floats[x + 2 * AT_ONCE];
        d += floats[w + 3] * floats[x + 3 * AT_ONCE];
      }
      for (const end = start + inputs; w < end; w++, x += AT_ONCE) a += floats[w] * floats[x];
      floats[output + row * AT_ONCE + column] = a + b + c + d;
    }
  }
}

/**
 * A function that runs up to eight inputs through all layers and returns as many outputs, which it overwrites
 * next time.
 *
 * `shapes` holds [outputs, inputs] of each layer, `weights` each layer's matrix and bias in a row.
 */
function buildLayers(shapes, weights) {
  let [needed, taken] = [0, 0];
  const reserve = (count) => (needed += count) - count;
  const input = reserve(shapes[0][1] * AT_ONCE);
  const layers = shapes.map(([outputs, inputs]) => {
    const rows = 4 * Math.ceil(outputs / 4); // network.wat takes four at a time
    const places = { matrix: reserve(rows * inputs), bias: reserve(rows), output: reserve(rows * AT_ONCE) };
    return { outputs, inputs, rows, ...places };
  });
  const [floats, run] = workspace(needed);
  const fill = (place, count) => floats.set(weights.subarray(taken, (taken += count)), place);
  for (const { matrix, bias, outputs, inputs } of layers) {
    fill(matrix, outputs * inputs);
    fill(bias, outputs);
  }
  const last = layers.at(-1);
  const results = Array.from({ length: AT_ONCE }, () => new Float32Array(last.outputs));

  return (batch) => {
    batch.forEach((values, column) => {
      for (let i = 0; i < values.length; i++) floats[input + i * AT_ONCE + column] = values[i];
    });
    let place = input;
    for (const layer of layers) {
      run(layer, place, batch.length);
      place = layer.output;
      if (layer !== last) activate(floats.subarray(place, place + layer.outputs * AT_ONCE));
    }
    return batch.map((_, column) => {
      const result = results[column];
      for (let i = 0; i < result.length; i++) result[i] = floats[place + i * AT_ONCE + column];
      return result;
    });
  };
}

const sigmoid = (value) => 1 / (1 + Math.exp(-value));

function activate(values) {
  for (let i = 0; i < values.length; i++) values[i] *= sigmoid(values[i]);
}

/**
 * A function that decodes any number of codes and calls `each(pixels, i)` with the 784 pixels, 0 to 1, of each; it
 * overwrites them afterwards.
 */
export function buildDecoder(shapes, weights) {
  const run = buildLayers(shapes, weights);
  return (codes, each) => {
    for (let start = 0; start < codes.length; start += AT_ONCE) {
      run(codes.slice(start, start + AT_ONCE)).forEach((pixels, i) => {
        for (let p = 0; p < pixels.length; p++) pixels[p] = sigmoid(pixels[p]);
        each(pixels, start + i);
      });
    }
  };
}

/** A function from a digit of 784 pixels, 0 to 1, to its code and the size of its neighborhood along each number. */
export function buildEncoder(shapes, weights) {
  const run = buildLayers(shapes, weights);
  const dim = shapes.at(-1)[0] / 2;
  return (pixels) => {
    const [found] = run([Float32Array.from(pixels, (pixel) => (pixel - AVERAGE_PIXEL) / PIXEL_SPREAD)]);
    const size = (logarithm) => Math.exp(Math.min(logarithm, MOST_LOG_SIZE));
    return { code: [...found.subarray(0, dim)], size: Array.from(found.subarray(dim), size) };
  };
}
