// What an explorer does in the page: decode, draw, and listen. Python's side is explorer.py.
//
// `buildDecoder` computes what models.Decoder computes: fully connected layers with a SiLU after each
// but the last, which ends in a sigmoid. Whoever changes one keeps the other in mind.

const SIDE = 28;
const PIXELS = SIDE * SIDE;

// ---------------------------------------------------------------------------------------- decoding

/** Half-precision weights as explorer.py packs them (low bytes, then high bytes, deflated) to floats. */
export async function unpackWeights(packed) {
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(inflated).arrayBuffer());
  const table = new Float32Array(65536);
  for (let half = 0; half < table.length; half++) table[half] = halfToFloat(half);
  const weights = new Float32Array(bytes.length / 2);
  for (let i = 0; i < weights.length; i++) weights[i] = table[bytes[i] | (bytes[weights.length + i] << 8)];
  return weights;
}

function halfToFloat(half) {
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half >> 15 ? -size : size;
}

/**
 * A function from latents to the 784 pixels of a digit, 0 to 1. It returns the same array every time.
 *
 * `shapes` holds [outputs, inputs] of each layer, `weights` each layer's matrix and bias in a row.
 */
export function buildDecoder(shapes, weights) {
  let end = 0;
  const take = (count) => weights.subarray(end, (end += count));
  const layers = shapes.map(([outputs, inputs]) => ({
    matrix: take(outputs * inputs),
    bias: take(outputs),
    output: new Float32Array(outputs),
  }));
  const last = layers.at(-1);
  const run = (input, layer) => forward(layer, input, layer === last);
  return (latents) => layers.reduce(run, Float32Array.from(latents)); // one kind of array keeps `forward` fast
}

function forward({ matrix, bias, output }, input, isLast) {
  const whole = input.length - (input.length % 4);
  for (let row = 0, w = 0; row < output.length; row++) {
    let a = bias[row], b = 0, c = 0, d = 0; // four sums at once keep the processor busy
    for (let i = 0; i < whole; i += 4, w += 4) {
      a += matrix[w] * input[i];
      b += matrix[w + 1] * input[i + 1];
      c += matrix[w + 2] * input[i + 2];
      d += matrix[w + 3] * input[i + 3];
    }
    for (let i = whole; i < input.length; i++, w++) a += matrix[w] * input[i];
    const sum = a + b + c + d;
    const sigmoid = 1 / (1 + Math.exp(-sum));
    output[row] = isLast ? sigmoid : sum * sigmoid;
  }
  return output;
}

const DECODER = Symbol("decoder"); // kept on the shared widget model: one unpacked decoder for all explorers

async function decoderOf(widget) {
  const shapes = widget.get("shapes");
  if (!widget[DECODER]) {
    widget[DECODER] = unpackWeights(widget.get("weights")).then((weights) => buildDecoder(shapes, weights));
    widget.once("destroy", () => delete widget[DECODER]);
  }
  return widget[DECODER];
}

// ------------------------------------------------------------------------------- a guess, in words

const NEIGHBORS = 10;

/** A function from latents to a rough guess of the digit, by a vote of the nearest codes. */
function buildGuesser(codes, labels, dim) {
  const count = labels.length;
  const nearest = (point) => {
    const distances = Array.from({ length: count }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += (codes[i * dim + j] - point[j]) ** 2;
      return [sum, labels[i]];
    });
    return distances.sort((a, b) => a[0] - b[0]).slice(0, NEIGHBORS);
  };
  const reach = (neighbors) => neighbors.at(-1)[0];
  function usualReach() {
    const codeOf = (i) => codes.subarray(i * dim, (i + 1) * dim);
    const sorted = Array.from({ length: Math.min(count, 50) }, (_, i) => reach(nearest(codeOf(i)))).sort((a, b) => a - b);
    return sorted[Math.floor(0.95 * sorted.length)];
  }
  let far; // found out when first asked for, since it would hold up the first picture
  return (point) => {
    far ??= 1.5 ** 2 * usualReach();
    const neighbors = nearest(point);
    const votes = new Array(10).fill(0);
    for (const [, label] of neighbors) votes[label]++;
    const ranked = [...votes.keys()].sort((a, b) => votes[b] - votes[a]);
    const share = votes[ranked[0]] / neighbors.length;
    return { digit: ranked[0], rival: ranked[1], share, far: reach(neighbors) > far };
  };
}

const named = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

function inWords({ digit, rival, share, far }) {
  if (far) return `far from all codes, nearest to ${named(digit)}`;
  if (share >= 0.9) return `${named(digit)}, sure`;
  if (share >= 0.6) return `probably ${named(digit)}`;
  return `between ${named(digit)} and ${named(rival)}`;
}

// ----------------------------------------------------------------------------------------- drawing

function element(tag, properties = {}, attributes = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Paint digit number `place` of a canvas that holds a row of them: black ink on white paper. */
function paintDigit(canvas, pixels, place = 0) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < PIXELS; i++) {
    image.data.fill(Math.round(255 * (1 - pixels[i])), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, place * SIDE, 0);
}

const digitCanvas = (label, columns = 1) =>
  element(
    "canvas",
    { className: "explorer-digits", width: SIDE * columns, height: SIDE },
    { role: "img", "aria-label": label },
  );

/** Round tick marks between two ends, about six of them. */
function ticks([low, high]) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => +((first + i) * step).toPrecision(6));
}

const MAP = { size: 440, left: 52, bottom: 46, edge: 8 }; // in CSS pixels

/** Between the numbers of the map and the pixels of its canvas. */
function mapScale([[left, right], [low, high]]) {
  const width = MAP.size - MAP.left - MAP.edge;
  const height = MAP.size - MAP.bottom - MAP.edge;
  return {
    x: (value) => MAP.left + ((value - left) / (right - left)) * width,
    y: (value) => MAP.edge + ((high - value) / (high - low)) * height,
    perUnit: [width / (right - left), height / (high - low)],
    point: (x, y) => [
      clamp(left + ((x - MAP.left) / width) * (right - left), [left, right]),
      clamp(high - ((y - MAP.edge) / height) * (high - low), [low, high]),
    ],
  };
}

const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

function drawAxes(context, edges, scale, color) {
  Object.assign(context, { strokeStyle: color, fillStyle: color, font: "13px sans-serif", lineWidth: 1 });
  const [left, bottom] = [MAP.left, MAP.size - MAP.bottom];
  context.strokeRect(left, MAP.edge, MAP.size - left - MAP.edge, bottom - MAP.edge);
  context.textAlign = "center";
  for (const tick of ticks(edges[0])) context.fillText(tick, scale.x(tick), bottom + 17);
  context.fillText("latent number 1", (left + MAP.size) / 2, MAP.size - 8);
  context.textAlign = "right";
  for (const tick of ticks(edges[1])) context.fillText(tick, left - 6, scale.y(tick) + 4);
  context.save();
  context.translate(14, bottom / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText("latent number 2", 0, 0);
  context.restore();
}

function drawCodes(context, { codes, labels, colors }, scale) {
  context.globalAlpha = 0.6;
  labels.forEach((label, i) => {
    context.fillStyle = colors[label];
    context.fillRect(scale.x(codes[2 * i]) - 1, scale.y(codes[2 * i + 1]) - 1, 2, 2);
  });
  context.globalAlpha = 1;
}

const ELLIPSES = 300;

function drawNeighborhoods(context, { codes, labels, sizes, colors }, scale) {
  for (let i = 0; i < Math.min(ELLIPSES, labels.length); i++) {
    const [x, y] = [scale.x(codes[2 * i]), scale.y(codes[2 * i + 1])];
    const [width, height] = scale.perUnit.map((unit, axis) => unit * sizes[2 * i + axis]);
    context.strokeStyle = colors[labels[i]];
    context.beginPath();
    context.ellipse(x, y, width, height, 0, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Write each digit at the middle of its codes, for those who cannot tell the colors apart. */
function drawNames(context, { codes, labels, colors }, scale) {
  Object.assign(context, { font: "bold 14px sans-serif", textAlign: "center", lineWidth: 2 });
  for (const digit of new Set(labels)) {
    const own = [...labels.keys()].filter((i) => labels[i] === digit);
    const middle = (axis) => own.map((i) => codes[2 * i + axis]).sort((a, b) => a - b)[own.length >> 1];
    const [x, y] = [scale.x(middle(0)), scale.y(middle(1))];
    context.beginPath();
    context.arc(x, y, 10, 0, 2 * Math.PI);
    context.fillStyle = "white";
    context.fill();
    context.strokeStyle = colors[digit];
    context.stroke();
    context.fillStyle = "black";
    context.fillText(digit, x, y + 5);
  }
}

const BACKDROP = 16; // digits along each side of the map

/** A grid of decoded points that fills the map: what lies where. */
function decodeBackdrop(decode, edges) {
  const sheet = element("canvas", { width: BACKDROP * SIDE, height: BACKDROP * SIDE });
  const row = element("canvas", { width: BACKDROP * SIDE, height: SIDE });
  const at = ([low, high], i) => low + ((i + 0.5) / BACKDROP) * (high - low);
  for (let down = 0; down < BACKDROP; down++) {
    for (let across = 0; across < BACKDROP; across++) {
      paintDigit(row, decode([at(edges[0], across), at(edges[1], BACKDROP - 1 - down)]), across);
    }
    sheet.getContext("2d").drawImage(row, 0, down * SIDE);
  }
  return sheet;
}

function sharpCanvas(size, properties, attributes) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = element("canvas", { width: size * ratio, height: size * ratio, ...properties }, attributes);
  canvas.getContext("2d").scale(ratio, ratio);
  return canvas;
}

/** The map and the cross on it. `move` is called with the point that a hand or a key asks for. */
function buildMap(content, decode, { point, move, signal }) {
  const { edges, sizes } = content;
  const scale = mapScale(edges);
  const picture = sharpCanvas(MAP.size, { className: "explorer-map-picture" }, { "aria-hidden": "true" });
  const cross = sharpCanvas(
    MAP.size,
    { className: "explorer-map-cross", tabIndex: 0 },
    {
      role: "application",
      "aria-roledescription": "map",
      "aria-label": "Latent map. Arrow keys move the point, with Shift in larger steps.",
      "data-lm-suppress-shortcuts": "true",
    },
  );
  const shown = { neighborhoods: false, backdrop: false };
  let backdrop;

  function draw() {
    const context = picture.getContext("2d");
    context.clearRect(0, 0, MAP.size, MAP.size);
    const frame = [MAP.left, MAP.edge, MAP.size - MAP.left - MAP.edge, MAP.size - MAP.bottom - MAP.edge];
    context.save();
    context.beginPath();
    context.rect(...frame);
    context.clip();
    if (shown.backdrop) {
      backdrop ??= decodeBackdrop(decode, edges);
      context.globalAlpha = 0.35;
      context.drawImage(backdrop, ...frame);
    }
    drawCodes(context, content, scale);
    if (shown.neighborhoods) drawNeighborhoods(context, content, scale);
    drawNames(context, content, scale);
    context.restore();
    drawAxes(context, edges, scale, getComputedStyle(picture).color);
  }

  function drawCross(point) {
    const context = cross.getContext("2d");
    context.clearRect(0, 0, MAP.size, MAP.size);
    const [x, y] = [scale.x(point[0]), scale.y(point[1])];
    for (const [style, width] of [["white", 6], ["black", 2.5]]) {
      Object.assign(context, { strokeStyle: style, lineWidth: width });
      context.beginPath();
      context.moveTo(x - 11, y);
      context.lineTo(x + 11, y);
      context.moveTo(x, y - 11);
      context.lineTo(x, y + 11);
      context.stroke();
    }
  }

  const pin = followPointer(cross, signal, ({ clientX, clientY }) => {
    const box = cross.getBoundingClientRect();
    move(scale.point(((clientX - box.left) * MAP.size) / box.width, ((clientY - box.top) * MAP.size) / box.height));
  });
  cross.addEventListener("keydown", (event) => {
    const [across, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [];
    if (across === undefined) return;
    event.preventDefault();
    pin();
    const share = event.shiftKey ? 0.1 : 0.01;
    const moved = point().map((value, axis) => {
      return clamp(value + share * [across, up][axis] * (edges[axis][1] - edges[axis][0]), edges[axis]);
    });
    move(moved);
  }, { signal });

  const frame = element("div", { className: "explorer-map" });
  frame.append(picture, cross);
  const switches = [toggle("Backdrop of digits", signal, (on) => ((shown.backdrop = on), draw()))];
  if (sizes) switches.push(toggle("Neighborhoods", signal, (on) => ((shown.neighborhoods = on), draw())));
  onNewColors(picture, signal, draw);
  return { frame, switches, draw, drawCross };
}

/** The point follows a hovering pointer, a dragging finger, or nobody once a click or the returned function has pinned it. */
function followPointer(target, signal, move) {
  let pinned = false;
  let down = null;
  const pin = (on) => {
    pinned = on;
    target.classList.toggle("explorer-pinned", on);
  };
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down = [event.clientX, event.clientY];
    target.setPointerCapture(event.pointerId);
    move(event);
  }, { signal });
  target.addEventListener("pointermove", (event) => {
    if (down || (!pinned && !event.buttons)) move(event); // a pressed button drags something else across
  }, { signal });
  target.addEventListener("pointerup", (event) => {
    if (!down) return;
    const dragged = Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4;
    pin(dragged || !pinned);
    down = null;
  }, { signal });
  target.addEventListener("lostpointercapture", () => (down = null), { signal });
  return () => pin(true);
}

function button(text, signal, action) {
  const made = element("button", { type: "button", textContent: text, className: "explorer-button" });
  made.setAttribute("data-lm-suppress-shortcuts", "true");
  made.addEventListener("click", action, { signal });
  return made;
}

function toggle(text, signal, action) {
  const made = button(text, signal, () => {
    const on = made.getAttribute("aria-pressed") !== "true";
    made.setAttribute("aria-pressed", on);
    action(on);
  });
  made.setAttribute("aria-pressed", "false");
  return made;
}

/** Call `draw` whenever the page changes between light and dark. */
function onNewColors(element, signal, draw) {
  let color = getComputedStyle(element).color;
  const observer = new MutationObserver(() => {
    const now = getComputedStyle(element).color;
    if (now !== color) draw();
    color = now;
  });
  for (const root of [document.documentElement, document.body]) {
    observer.observe(root, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-theme"] });
  }
  signal.addEventListener("abort", () => observer.disconnect());
}

// ------------------------------------------------------------------------- what explorers have in common

const QUIET = 250; // milliseconds without a change, after which a screen reader may speak

/** Text that is read aloud once the hand rests. */
function spoken(signal, className) {
  const made = element("div", { className });
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  const say = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (made.textContent) made.setAttribute("aria-live", "polite"); // what stands there at first is not news
      made.textContent = words();
    }, QUIET);
  };
  return [made, say];
}

/** Call `draw` once for all changes of these traits that arrive together, before the next frame. */
function onChange(model, names, draw) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      draw();
    });
  };
  for (const name of names) model.on(`change:${name}`, soon);
}

/**
 * Tell Python of changes once the hand rests. Each message to the kernel keeps JupyterLab's own page busy,
 * and a message for every step of a drag halves the frames a second.
 */
function saveOnceStill(widgets, signal) {
  for (const widget of widgets.filter((widget) => !Object.hasOwn(widget, "save_changes"))) {
    const save = widget.save_changes.bind(widget);
    let timer;
    widget.save_changes = (...given) => {
      clearTimeout(timer);
      timer = setTimeout(save, QUIET, ...given);
    };
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      delete widget.save_changes;
      save();
    });
  }
}

/**
 * Make the ipywidgets controls around an explorer usable by keyboard and by name: JupyterLab's command
 * mode would take their arrow keys, and ipywidgets gives its slider handles no name.
 */
function adoptControls(el, signal) {
  const box = el.closest(".explorer");
  if (!box) return;
  const controls = "[tabindex], button, select, input, [contenteditable]";
  const adopt = () => {
    for (const control of box.querySelectorAll(`:is(${controls}):not([data-lm-suppress-shortcuts])`)) {
      control.setAttribute("data-lm-suppress-shortcuts", "true");
      const label = control.closest(".jupyter-widgets")?.querySelector(".widget-label");
      if (control.isContentEditable) control.setAttribute("role", "textbox");
      if (label && control.getAttribute("role")) control.setAttribute("aria-label", label.textContent);
    }
  };
  const observer = new MutationObserver(adopt);
  observer.observe(box, { childList: true, subtree: true });
  signal.addEventListener("abort", () => observer.disconnect());
  adopt();
}

const halves = (view) => {
  const table = new Uint16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  return Float32Array.from(table, halfToFloat);
};
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** The codes, labels and sizes that Python packed as bytes, as arrays. */
function unpackCodes({ codes, labels, sizes, ...rest }) {
  return { ...rest, codes: halves(codes), labels: bytes(labels), sizes: sizes && halves(sizes) };
}

function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

const normals = (count) => Array.from({ length: count }, normal);

// --------------------------------------------------------------------------------- one point, one digit

const WALK = { seconds: 4, steps: 8 }; // steps: for those who asked for less motion

function renderPoint({ model, save, decoders: [decode], content, el, signal }) {
  const { names, dim, range, edges } = content;
  const guess = buildGuesser(content.codes, content.labels, dim);
  const point = () => names.map((name) => model.get(name));
  const move = (values) => {
    names.forEach((name, i) => model.set(name, values[i]));
    save();
  };
  const digit = digitCanvas("A decoded digit");
  const [words, say] = spoken(signal, "explorer-words");
  const map = edges && buildMap(content, decode, { point, move, signal });
  const controls = map ? map.switches : walkButtons();

  function draw() {
    paintDigit(digit, decode(point()));
    map?.drawCross(point());
    say(() => {
      const text = inWords(guess(point()));
      digit.setAttribute("aria-label", `Decoded digit: ${text}`);
      return map ? `${text}, at ${point().map((value) => value.toFixed(2)).join(" and ")}` : text;
    });
  }

  function walkButtons() {
    const codeOf = (i) => [...content.codes.subarray(i * dim, (i + 1) * dim)];
    const realDigit = () => codeOf(Math.floor(Math.random() * content.labels.length));
    const walk = buildWalk(point, move, realDigit, signal);
    const go = (target) => () => {
      walk.stop();
      move(target());
    };
    return [
      button("Random point", signal, go(() => normals(dim).map((value) => clamp(value, range)))),
      button("A real digit", signal, go(realDigit)),
      walk.button,
      button("Reset", signal, go(() => new Array(dim).fill(0))),
    ];
  }

  const panels = element("div", { className: "explorer-panels" });
  const figure = element("div", { className: "explorer-figure" });
  const toolbar = element("div", { className: "explorer-buttons" }, { role: "group", "aria-label": "Explorer" });
  toolbar.append(...controls);
  figure.append(digit, words, toolbar);
  panels.append(...(map ? [map.frame] : []), figure);
  el.append(panels);
  onChange(model, names, draw);
  map?.draw();
  draw();
}

/** A button that plays the straight way to some real digit: smoothly, or step by step where motion is unwelcome. */
function buildWalk(point, move, realDigit, signal) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let way = null; // { start, end, done, at }: done from 0 to 1, at the point where the last step led
  let frame;

  const begin = () => (way = { start: point(), end: realDigit(), done: 0, at: point().join() });
  const leftByHand = () => way?.at !== point().join();
  function step(share) {
    way.done = Math.min(1, way.done + share);
    move(way.start.map((value, i) => value + way.done * (way.end[i] - value)));
    way.at = point().join();
    if (way.done === 1) stop();
  }
  function play(before) {
    frame = requestAnimationFrame((now) => {
      if (leftByHand()) return stop();
      step(Math.min(now - before, 100) / 1000 / WALK.seconds);
      if (way) play(now);
    });
  }
  function stop() {
    cancelAnimationFrame(frame);
    way = null;
    made.textContent = "Walk";
  }
  const made = button("Walk", signal, () => {
    if (calm.matches) {
      if (leftByHand()) begin();
      return step(1 / WALK.steps);
    }
    if (way) return stop();
    made.textContent = "Stop";
    begin();
    play(performance.now());
  });
  signal.addEventListener("abort", stop);
  return { button: made, stop };
}

// ----------------------------------------------------------------- rows of draws around centers

const DRAWS = 8;
const BUDGET = 8; // milliseconds of decoding in a frame; four models take some 40 for all their draws

function renderDraws({ model, decoders, content, el, signal }) {
  const { dim, title } = content;
  const guessers = content.rows.map(({ codes, labels }) => buildGuesser(halves(codes), bytes(labels), dim));
  const [words, say] = spoken(signal, "explorer-unseen");
  let noise = Array.from({ length: DRAWS }, () => normals(dim));
  let [column, stale, frame] = [0, 0, 0];
  signal.addEventListener("abort", () => cancelAnimationFrame(frame));

  const table = element("div", { className: "explorer-rows" });
  const canvases = content.rows.map(({ name }) => {
    const canvas = digitCanvas(name, DRAWS);
    const label = element("div", { className: "explorer-row-name", textContent: name });
    table.append(label, canvas);
    return canvas;
  });
  const original = content.originals && digitCanvas("The chosen digit");
  if (original) {
    table.prepend(element("div", { className: "explorer-row-name", textContent: "the digit itself" }), original);
    original.classList.add("explorer-one");
  }

  function draw() {
    const choice = model.get("choice");
    if (original) {
      const ink = bytes(content.originals).subarray(choice * PIXELS, (choice + 1) * PIXELS);
      paintDigit(original, Float32Array.from(ink, (value) => value / 255));
    }
    stale = DRAWS;
    if (!frame) paint();
    say(() => content.rows.map(inShort).join(". "));
  }

  /** Where draw number `i` of row `r` lies now. */
  function pointOf(r, i) {
    const { places } = content.rows[r];
    const { center, spread } = places[Math.min(model.get("choice"), places.length - 1)];
    return noise[i].map((value, j) => center[j] + model.get("scale") * spread[j] * value);
  }

  /** Paint stale columns, one after the other in a circle, so that none waits forever while the hand moves. */
  function paint() {
    const end = performance.now() + BUDGET;
    do {
      canvases.forEach((canvas, r) => paintDigit(canvas, decoders[r](pointOf(r, column)), column));
      column = (column + 1) % DRAWS;
      stale--;
    } while (stale && performance.now() < end);
    frame = stale && requestAnimationFrame(paint);
  }

  function inShort({ name }, r) {
    const read = noise.map((_, i) => guessers[r](pointOf(r, i)));
    const text = read.map(({ digit, share, far }) => (far || share < 0.6 ? "unclear" : digit)).join(", ");
    canvases[r].setAttribute("aria-label", `${name}: ${text}`);
    return `${name}: ${text}`;
  }

  const again = button(title, signal, () => {
    noise = Array.from({ length: DRAWS }, () => normals(dim));
    draw();
  });
  const toolbar = element("div", { className: "explorer-buttons" });
  toolbar.append(again);
  el.append(table, toolbar, words);
  onChange(model, ["choice", "scale"], draw);
  draw();
}

// ------------------------------------------------------------------------------------- the widget

export async function render({ model, el }) {
  const stopped = new AbortController();
  const widgetsIn = (trait) => {
    const ids = model.get(trait).map((reference) => reference.slice("IPY_MODEL_".length));
    return Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
  };
  if (!model.get("links").length) await new Promise((linked) => model.on("change:links", linked));
  const links = await widgetsIn("links");
  const decoders = await Promise.all((await widgetsIn("decoders")).map(decoderOf));
  while (!el.isConnected) await new Promise(requestAnimationFrame);
  const page = links[0].get("target")[0]; // what `model` stands for
  const content = model.get("content");
  const parts = { model, save: () => page.save_changes(), decoders, el, signal: stopped.signal };
  el.classList.add("explorer-page");
  if (content.rows) renderDraws({ ...parts, content });
  else renderPoint({ ...parts, content: unpackCodes(content) });
  adoptControls(el, stopped.signal);
  saveOnceStill([page, ...links.map((link) => link.get("source")[0])], stopped.signal);
  model.set("alive", true);
  model.save_changes();
  return () => {
    stopped.abort();
    el.replaceChildren();
  };
}
