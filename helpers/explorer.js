// What an explorer does in the page: decode, draw, and listen. Python's side is explorer.py; what is owed to
// ipywidgets and JupyterLab stands in a section of its own, near the end.
//
// `buildDecoder` computes what models.Decoder computes: fully connected layers with a SiLU after each
// but the last, which ends in a sigmoid. Whoever changes one keeps the other in mind.

const DIGIT_SIDE = 28;
const PIXELS = DIGIT_SIDE * DIGIT_SIDE;

// ---------------------------------------------------------------------------------------- decoding

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
  const floats = new Float32Array(packed.length);
  for (let i = 0; i < floats.length; i++) floats[i] = FLOAT_OF_HALF[packed[i]];
  return floats;
}

const unpackBytes = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

/**
 * A function from a code to the 784 pixels of a digit, 0 to 1. It returns the same array every time.
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
  return (code) => layers.reduce(run, Float32Array.from(code)); // one kind of array keeps `forward` fast
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

// ------------------------------------------------------------------------------- a guess, in words

const VOTING_NEIGHBORS = 10;

/** A function from a point to a rough guess of the digit, by a vote of the nearest codes. */
function buildGuesser({ codes, labels, dim }) {
  const count = labels.length;
  const nearest = (point) => {
    const distances = Array.from({ length: count }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += (codes[i * dim + j] - point[j]) ** 2;
      return [sum, labels[i]];
    });
    return distances.sort((a, b) => a[0] - b[0]).slice(0, VOTING_NEIGHBORS);
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

function box(className, ...children) {
  const made = element("div", { className });
  made.append(...children);
  return made;
}

/** Paint digit number `place` of a canvas that holds a row of them: black ink on white paper. */
function paintDigit(canvas, pixels, place = 0) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(DIGIT_SIDE, DIGIT_SIDE);
  for (let i = 0; i < PIXELS; i++) {
    image.data.fill(Math.round(255 * (1 - pixels[i])), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, place * DIGIT_SIDE, 0);
}

const digitCanvas = (label, columns = 1) =>
  element(
    "canvas",
    { className: "explorer-digits", width: DIGIT_SIDE * columns, height: DIGIT_SIDE },
    { role: "img", "aria-label": label },
  );

const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

// ------------------------------------------------------------------------------------- the map

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

const MOST_ELLIPSES = 300;

function drawNeighborhoods(context, { codes, labels, sizes, colors }, scale) {
  for (let i = 0; i < Math.min(MOST_ELLIPSES, labels.length); i++) {
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

const BACKDROP_SIDE = 16; // digits

/** A grid of decoded points that fills the map: what lies where. */
function decodeBackdrop(decode, edges) {
  const sheet = element("canvas", { width: BACKDROP_SIDE * DIGIT_SIDE, height: BACKDROP_SIDE * DIGIT_SIDE });
  const row = element("canvas", { width: BACKDROP_SIDE * DIGIT_SIDE, height: DIGIT_SIDE });
  const at = ([low, high], i) => low + ((i + 0.5) / BACKDROP_SIDE) * (high - low);
  for (let down = 0; down < BACKDROP_SIDE; down++) {
    for (let across = 0; across < BACKDROP_SIDE; across++) {
      paintDigit(row, decode([at(edges[0], across), at(edges[1], BACKDROP_SIDE - 1 - down)]), across);
    }
    sheet.getContext("2d").drawImage(row, 0, down * DIGIT_SIDE);
  }
  return sheet;
}

function sharpCanvas(size, properties, attributes) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = element("canvas", { width: size * ratio, height: size * ratio, ...properties }, attributes);
  canvas.getContext("2d").scale(ratio, ratio);
  return canvas;
}

/** The codes, and what can be switched on below and above them. */
function buildMapPicture(content, decode, scale, signal) {
  const canvas = sharpCanvas(MAP.size, { className: "explorer-map-picture" }, { "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const frame = [MAP.left, MAP.edge, MAP.size - MAP.left - MAP.edge, MAP.size - MAP.bottom - MAP.edge];
  const shown = { neighborhoods: false, backdrop: false };
  let backdrop;

  function draw() {
    context.clearRect(0, 0, MAP.size, MAP.size);
    context.save();
    context.beginPath();
    context.rect(...frame);
    context.clip();
    if (shown.backdrop) {
      backdrop ??= decodeBackdrop(decode, content.edges);
      context.globalAlpha = 0.35;
      context.drawImage(backdrop, ...frame);
    }
    drawCodes(context, content, scale);
    if (shown.neighborhoods) drawNeighborhoods(context, content, scale);
    drawNames(context, content, scale);
    context.restore();
    drawAxes(context, content.edges, scale, getComputedStyle(canvas).color);
  }

  const switches = [toggle("Backdrop of digits", signal, (on) => ((shown.backdrop = on), draw()))];
  if (content.sizes) switches.push(toggle("Neighborhoods", signal, (on) => ((shown.neighborhoods = on), draw())));
  onNewColors(canvas, signal, draw);
  return { canvas, switches, draw };
}

function drawCross(context, x, y) {
  context.clearRect(0, 0, MAP.size, MAP.size);
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

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** The cross at the point, which pointer and arrow keys move. */
function buildCross(edges, scale, point, signal) {
  const label = "Latent map. Arrow keys move the point, with Shift in larger steps.";
  const canvas = sharpCanvas(
    MAP.size,
    { className: "explorer-map-cross", tabIndex: 0 },
    { role: "application", "aria-roledescription": "map", "aria-label": label, ...KEYS_STAY_HERE },
  );
  const pin = followPointer(canvas, signal, ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    point.move(scale.point(((clientX - left) * MAP.size) / width, ((clientY - top) * MAP.size) / height));
  });
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    pin();
    const share = event.shiftKey ? 0.1 : 0.01;
    const step = ([low, high], axis) => share * arrow[axis] * (high - low);
    point.move(point.at().map((value, axis) => clamp(value + step(edges[axis], axis), edges[axis])));
  }, { signal });
  const draw = ([first, second]) => drawCross(canvas.getContext("2d"), scale.x(first), scale.y(second));
  return { canvas, draw };
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

// ------------------------------------------------------------------------- what explorers have in common

function button(text, signal, action) {
  const made = element("button", { type: "button", textContent: text, className: "explorer-button" }, KEYS_STAY_HERE);
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

const REST_MILLISECONDS = 250; // without a change: then screen readers and Python may hear of the last one

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
    }, REST_MILLISECONDS);
  };
  return [made, say];
}

/** What Python packed as bytes, as arrays. */
function unpackCodes({ codes, labels, sizes, ...rest }) {
  return { ...rest, codes: unpackHalves(codes), labels: unpackBytes(labels), sizes: sizes && unpackHalves(sizes) };
}

const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const normals = (count) => Array.from({ length: count }, normal);

// --------------------------------------------------------------------------------- one point, one digit

const WALK = { seconds: 4, steps: 8 }; // steps: for those who asked for less motion

/** The point at which sliders stand. */
function heldBy(sliders) {
  const move = (values) => {
    sliders.forEach((slider, i) => {
      slider.set("value", values[i]);
      slider.save_changes();
    });
  };
  return { at: () => sliders.map((slider) => slider.get("value")), move };
}

function renderPoint({ controls, decoders: [decode], content: packed, el, signal }) {
  const content = unpackCodes(packed);
  const point = heldBy(controls);
  const guess = buildGuesser(content);
  const digit = digitCanvas("A decoded digit");
  const [words, say] = spoken(signal, "explorer-words");
  const map = content.edges && buildMap(content, decode, point, signal);

  function draw() {
    const at = point.at();
    paintDigit(digit, decode(at));
    map?.drawCross(at);
    say(() => {
      const text = inWords(guess(at));
      digit.setAttribute("aria-label", `Decoded digit: ${text}`);
      return map ? `${text}, at ${at.map((value) => value.toFixed(2)).join(" and ")}` : text;
    });
  }

  const toolbar = box("explorer-buttons", ...(map ? map.switches : pointButtons(content, point, signal)));
  toolbar.setAttribute("role", "group");
  toolbar.setAttribute("aria-label", "Explorer");
  el.append(box("explorer-panels", ...(map ? [map.frame] : []), box("explorer-figure", digit, words, toolbar)));
  onChange(controls, signal, draw);
  map?.drawPicture();
  draw();
}

function buildMap(content, decode, point, signal) {
  const scale = mapScale(content.edges);
  const picture = buildMapPicture(content, decode, scale, signal);
  const cross = buildCross(content.edges, scale, point, signal);
  const frame = box("explorer-map", picture.canvas, cross.canvas);
  return { frame, switches: picture.switches, drawPicture: picture.draw, drawCross: cross.draw };
}

function pointButtons({ codes, labels, dim, range }, point, signal) {
  const codeOf = (i) => [...codes.subarray(i * dim, (i + 1) * dim)];
  const realDigit = () => codeOf(Math.floor(Math.random() * labels.length));
  const walk = buildWalk(point, realDigit, signal);
  const go = (target) => () => {
    walk.stop();
    point.move(target());
  };
  return [
    button("Random point", signal, go(() => normals(dim).map((value) => clamp(value, range)))),
    button("A real digit", signal, go(realDigit)),
    walk.button,
    button("Reset", signal, go(() => new Array(dim).fill(0))),
  ];
}

/** A button that plays the straight way to some real digit: smoothly, or step by step where motion is unwelcome. */
function buildWalk(point, realDigit, signal) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let way = null; // { start, end, done, at }: done from 0 to 1, at the point where the last step led
  let frame;

  const begin = () => (way = { start: point.at(), end: realDigit(), done: 0, at: point.at().join() });
  const leftByHand = () => way?.at !== point.at().join();
  function step(share) {
    way.done = Math.min(1, way.done + share);
    point.move(way.start.map((value, i) => value + way.done * (way.end[i] - value)));
    way.at = point.at().join();
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

const DRAWS_IN_A_ROW = 8;
const FRAME_BUDGET = 8; // milliseconds of decoding; four models take some 40 for all their draws

function renderDraws({ controls, decoders, content, el, signal }) {
  const [scale, choice] = controls; // where all rows have but one center, there is nothing to choose
  const position = () => ({ scale: scale.get("value"), chosen: choice ? choice.get("index") : 0 });
  const rows = content.rows.map((row, r) => buildRow(unpackCodes(row), decoders[r], position));
  const original = content.originals && buildOriginal(unpackBytes(content.originals));
  const [words, say] = spoken(signal, "explorer-unseen");
  const paint = inTurn(signal, (column) => rows.forEach((row) => row.paint(noise[column], column)));
  let noise;

  function draw() {
    original?.paint(position().chosen);
    paint();
    say(() => rows.map((row) => row.inShort(noise)).join(". "));
  }
  function drawAnew() {
    noise = Array.from({ length: DRAWS_IN_A_ROW }, () => normals(content.rows[0].dim));
    draw();
  }

  const shown = original ? [original, ...rows] : rows;
  const table = shown.flatMap(({ name, canvas }) => [box("explorer-row-name", name), canvas]);
  const again = button(content.title, signal, drawAnew);
  el.append(box("explorer-rows", ...table), box("explorer-buttons", again), words);
  onChange(controls, signal, draw);
  drawAnew();
}

/** A row of what `noise` decodes to around the chosen center. */
function buildRow({ name, centers, spreads, ...codes }, decode, position) {
  const canvas = digitCanvas(name, DRAWS_IN_A_ROW);
  const guess = buildGuesser(codes);

  function pointOf(noise) {
    const { scale, chosen } = position();
    return noise.map((value, j) => centers[chosen][j] + scale * spreads[chosen][j] * value);
  }
  function inShort(noises) {
    const read = noises.map((noise) => guess(pointOf(noise)));
    const text = read.map(({ digit, share, far }) => (far || share < 0.6 ? "unclear" : digit)).join(", ");
    canvas.setAttribute("aria-label", `${name}: ${text}`);
    return `${name}: ${text}`;
  }
  return { name, canvas, inShort, paint: (noise, column) => paintDigit(canvas, decode(pointOf(noise)), column) };
}

function buildOriginal(pixels) {
  const canvas = digitCanvas("The chosen digit");
  canvas.classList.add("explorer-one");
  const paint = (chosen) => {
    const ink = pixels.subarray(chosen * PIXELS, (chosen + 1) * PIXELS);
    paintDigit(canvas, Float32Array.from(ink, (value) => value / 255));
  };
  return { name: "the digit itself", canvas, paint };
}

/**
 * A function that has all columns painted anew, a few in each frame, one after the other in a circle, so that
 * none waits forever while the hand moves.
 */
function inTurn(signal, paint) {
  let [column, stale, frame] = [0, 0, 0];
  signal.addEventListener("abort", () => cancelAnimationFrame(frame));
  function paintSome() {
    const end = performance.now() + FRAME_BUDGET;
    do {
      paint(column);
      column = (column + 1) % DRAWS_IN_A_ROW;
      stale--;
    } while (stale && performance.now() < end);
    frame = stale && requestAnimationFrame(paintSome);
  }
  return () => {
    stale = DRAWS_IN_A_ROW;
    if (!frame) paintSome();
  };
}

// ------------------------------------------------------ what is owed to ipywidgets and JupyterLab

const KEYS_STAY_HERE = { "data-lm-suppress-shortcuts": "true" }; // else JupyterLab's command mode takes them

/** The widgets that a trait of an anywidget refers to. */
function widgetsIn(model, trait) {
  const ids = model.get(trait).map((reference) => reference.slice("IPY_MODEL_".length));
  return Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
}

const DECODER = Symbol("decoder"); // kept on the shared widget: one for all explorers

function decoderOf(widget) {
  if (!widget[DECODER]) {
    widget[DECODER] = buildDecoder(widget.get("shapes"), unpackHalves(widget.get("weights")));
    widget.once("destroy", () => delete widget[DECODER]);
  }
  return widget[DECODER];
}

/** Call `draw` once for all changes of controls that arrive together, before the next frame. */
function onChange(controls, signal, draw) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      draw();
    });
  };
  for (const control of controls) {
    control.on("change:value change:index", soon);
    signal.addEventListener("abort", () => control.off("change:value change:index", soon));
  }
}

/**
 * Tell Python of changes once the hand rests. Each message to the kernel keeps JupyterLab's own page busy,
 * and a message for every step of a drag halves the frames a second.
 */
function saveOnceStill(controls, signal) {
  for (const control of controls.filter((control) => !Object.hasOwn(control, "save_changes"))) {
    const save = control.save_changes.bind(control);
    let timer;
    control.save_changes = (...given) => {
      clearTimeout(timer);
      timer = setTimeout(save, REST_MILLISECONDS, ...given);
    };
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      delete control.save_changes;
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
      for (const [name, value] of Object.entries(KEYS_STAY_HERE)) control.setAttribute(name, value);
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

// ------------------------------------------------------------------------------------- the widget

export async function render({ model, el }) {
  const stopped = new AbortController();
  const decoders = (await widgetsIn(model, "decoders")).map(decoderOf);
  const controls = await widgetsIn(model, "controls");
  while (!el.isConnected) await new Promise(requestAnimationFrame);
  const content = model.get("content");
  el.classList.add("explorer-page");
  (content.rows ? renderDraws : renderPoint)({ controls, decoders, content, el, signal: stopped.signal });
  adoptControls(el, stopped.signal);
  saveOnceStill(controls, stopped.signal);
  return () => {
    stopped.abort();
    el.replaceChildren();
  };
}
