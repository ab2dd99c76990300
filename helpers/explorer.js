// What an explorer does in the page: decode, draw, and listen. Python's side is explorer.py; what is owed to
// ipywidgets and JupyterLab stands in a section of its own, near the end.

import { renderFilm } from "./film.js";
import { buildGuesser, distanceInWords, inWords } from "./guess.js";
import { buildComparison, buildMap } from "./map.js";
import { buildDecoder, buildEncoder, inflate, inflateWeights, unpackHalves } from "./network.js";
import { buildPad } from "./pad.js";
import {
  KEYS_STAY_HERE, PIXELS, REST_MILLISECONDS, box, button, clamp, digitCanvas, normals, paintDigit, spoken,
} from "./page.js";

const unpackBytes = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

/** What Python packed as bytes, as arrays. */
function unpackCodes({ codes, labels, sizes, ...rest }) {
  return { ...rest, codes: unpackHalves(codes), labels: unpackBytes(labels), sizes: sizes && unpackHalves(sizes) };
}

// --------------------------------------------------------------------------------- one point, one digit

const hundredths = (value) => (Math.round(100 * value) / 100 + 0).toFixed(2); // and no -0.00

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

function renderPoint({ controls, decoders: [decode], encoders: [encode], pad, content: packed, el, signal }) {
  const content = unpackCodes(packed);
  const point = heldBy(controls);
  const guess = buildGuesser(content);
  const digit = digitCanvas("A decoded digit");
  const [words, say] = spoken(signal, "explorer-words");
  const map = content.edges && buildMap(content, decode, point, signal);
  const drawn = pad && buildPad(pad, content.examples, ["its copy"], signal, showDrawing);
  const comparison = pad && content.sizes && buildComparison(content, signal);

  function draw() {
    const at = point.at();
    decode([at], (pixels) => paintDigit(digit, pixels));
    map?.drawCross(at);
    say(() => {
      const text = inWords(guess(at));
      digit.setAttribute("aria-label", `Decoded digit: ${text}`);
      return map ? `${text}, at ${at.map(hundredths).join(" and ")}` : text;
    });
  }
  function showDrawing(pixels) {
    const found = pixels && encode(pixels);
    map?.mark(found);
    comparison?.show(found?.size);
    if (found) {
      decode([found.code], (copy) => paintDigit(drawn.copies[0], copy));
      point.move(found.code.map((value, i) => clamp(value, [controls[i].get("min"), controls[i].get("max")])));
    }
    drawn.say(() => {
      if (!found) return "";
      const read = guess(found.code);
      drawn.copies[0].setAttribute("aria-label", `its copy: ${inWords(read)}`);
      return `Its code: ${inWords(read)}; ${distanceInWords(read)}.`;
    });
  }

  const toolbar = box("explorer-buttons", ...(map ? map.switches : pointButtons(content, point, signal)));
  toolbar.setAttribute("role", "group");
  toolbar.setAttribute("aria-label", "Explorer");
  const figure = box("explorer-figure", digit, words, toolbar);
  if (comparison) figure.append(comparison.canvas);
  el.append(box("explorer-panels", ...[drawn?.panel, map?.frame, figure].filter(Boolean)));
  onChange(controls, signal, draw);
  map?.drawPicture();
  drawn?.update();
  draw();
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
const FRAME_BUDGET = 8; // milliseconds of decoding; four models take some 4, without WebAssembly some 30

function renderDraws({ controls, decoders: promised, encoders, pad, content, el, signal }) {
  const decoders = promised.map((promise) => onceArrived(promise, signal, drawArrived));
  const [scale, choice] = controls; // where all rows have but one center, there is nothing to choose
  let found = null; // of the drawing, by each encoder
  let noise;
  const centerOf = (r) => {
    const { centers, spreads } = content.rows[r];
    if (choice && found) return [found[r].code, content.learned ? found[r].size : spreads[0]];
    const chosen = choice ? choice.get("index") : 0;
    return [centers[chosen], spreads[chosen]];
  };
  const positionOf = (r) => () => [scale.get("value"), ...centerOf(r)];
  const rows = content.rows.map((row, r) => buildRow(unpackCodes(row), decoders[r], positionOf(r)));
  const original = content.originals && buildOriginal(unpackBytes(content.originals));
  const [words, say] = spoken(signal, "explorer-unseen");
  const paint = inTurn(signal, rows.length, (r) => rows[r].paint(noise));
  const copies = choice ? ["its copy"] : content.rows.map(({ name }) => name);
  const drawn = pad && buildPad(pad, content.examples, copies, signal, showDrawing);

  function draw() {
    if (original && !found) original.paint(choice.get("index"));
    paint();
    say(() => rows.map((row) => row.inShort(noise)).join(". "));
  }
  function drawArrived() {
    draw();
    drawn?.update();
  }
  function drawAnew() {
    noise = Array.from({ length: DRAWS_IN_A_ROW }, () => normals(content.rows[0].dim));
    draw();
  }
  function showDrawing(pixels) {
    found = pixels && encoders.map((encode) => encode(pixels));
    found?.forEach(({ code }, r) => decoders[r]([code], (copy) => paintDigit(drawn.copies[r], copy)));
    if (choice && found) original.show(pixels);
    drawn.say(() => (found ? copiesInWords() : ""));
    if (choice) draw();
  }
  function copiesInWords() {
    return found.map(({ code }, r) => {
      const text = inWords(rows[r].guess(code));
      drawn.copies[r].setAttribute("aria-label", `${copies[r]}: ${text}`);
      return `${choice ? "Its code" : copies[r]}: ${text}`;
    }).join(". ");
  }

  const shown = original ? [original, ...rows] : rows;
  const table = shown.flatMap(({ name, canvas }) => [box("explorer-row-name", name), canvas]);
  const again = button(content.title, signal, drawAnew);
  const draws = box("explorer-draws", box("explorer-rows", ...table), box("explorer-buttons", again), words);
  el.append(box("explorer-panels", ...(drawn ? [drawn.panel] : []), draws));
  onChange(controls, signal, draw);
  const leaveDrawing = () => (found = null);
  choice?.on("change:index", leaveDrawing);
  signal.addEventListener("abort", () => choice?.off("change:index", leaveDrawing));
  drawAnew();
  drawn?.update();
}

/** A decoder that does nothing until its network has arrived, and then has `draw` called. */
function onceArrived(promise, signal, draw) {
  let decode = () => {};
  promise.then((arrived) => {
    decode = arrived;
    if (!signal.aborted) draw();
  });
  return (...given) => decode(...given);
}

/** A row of what `noise` decodes to around the chosen center. */
function buildRow({ name, ...codes }, decode, position) {
  const canvas = digitCanvas(name, DRAWS_IN_A_ROW);
  const guess = buildGuesser(codes);

  function pointOf(noise) {
    const [scale, center, spread] = position();
    return noise.map((value, j) => center[j] + scale * spread[j] * value);
  }
  const paint = (noises) => decode(noises.map(pointOf), (pixels, column) => paintDigit(canvas, pixels, column));
  function inShort(noises) {
    const read = noises.map((noise) => guess(pointOf(noise)));
    const text = read.map(({ digit, share, far }) => (far || share < 0.6 ? "unclear" : digit)).join(", ");
    canvas.setAttribute("aria-label", `${name}: ${text}`);
    return `${name}: ${text}`;
  }
  return { name, canvas, guess, inShort, paint };
}

function buildOriginal(pixels) {
  const canvas = digitCanvas("The chosen digit");
  canvas.classList.add("explorer-one");
  const show = (shares) => paintDigit(canvas, shares);
  const paint = (chosen) => {
    const ink = pixels.subarray(chosen * PIXELS, (chosen + 1) * PIXELS);
    show(Float32Array.from(ink, (value) => value / 255));
  };
  return { name: "the digit itself", canvas, paint, show };
}

/**
 * A function that has all `count` rows painted anew: as many in each frame as it has time for, one after the
 * other in a circle, so that none waits forever while the hand moves.
 */
function inTurn(signal, count, paint) {
  let [row, stale, frame] = [0, 0, 0];
  signal.addEventListener("abort", () => cancelAnimationFrame(frame));
  function paintSome() {
    const end = performance.now() + FRAME_BUDGET;
    do {
      paint(row);
      row = (row + 1) % count;
      stale--;
    } while (stale && performance.now() < end);
    frame = stale && requestAnimationFrame(paintSome);
  }
  return () => {
    stale = count;
    if (!frame) paintSome();
  };
}

// ------------------------------------------------------ what is owed to ipywidgets and JupyterLab

/** The widgets that a trait of an anywidget refers to. */
function widgetsIn(model, trait) {
  const ids = model.get(trait).map((reference) => reference.slice("IPY_MODEL_".length));
  return Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
}

const BUILT = Symbol("built"); // kept on the shared widget: one network for all explorers

/** A promise of what `build` makes of the weights that a widget holds, or that a page is still to receive. */
function networkIn(widget, build) {
  if (!widget[BUILT]) {
    const [shapes, weights, steps] = ["shapes", "weights", "steps"].map((name) => widget.get(name));
    widget[BUILT] = Promise.resolve(weights.arriving ?? weights)
      .then((arrived) => inflateWeights({ shapes, weights: arrived, steps }))
      .then((floats) => build(shapes, floats));
    widget.once("destroy", () => delete widget[BUILT]);
  }
  return widget[BUILT];
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
 * Make the ipywidgets controls around an explorer usable by keyboard and by ear: JupyterLab's command mode
 * would take their arrow keys, and ipywidgets gives its slider handles no name, and says a place for a choice.
 */
function adoptControls(el, signal) {
  const box = el.closest(".explorer, .explorer-stepped");
  if (!box) return;
  const controls = "[tabindex], button, select, input, [contenteditable]";
  const adopt = () => {
    for (const control of box.querySelectorAll(`:is(${controls}):not([data-lm-suppress-shortcuts])`)) {
      for (const [name, value] of Object.entries(KEYS_STAY_HERE)) control.setAttribute(name, value);
      const label = control.closest(".widget-inline-hbox")?.querySelector(".widget-label");
      if (control.isContentEditable) control.setAttribute("role", "textbox");
      if (label && control.getAttribute("role")) control.setAttribute("aria-label", label.textContent);
    }
    for (const handle of box.querySelectorAll("[role=slider]")) {
      const readout = handle.closest(".widget-inline-hbox")?.querySelector(".widget-readout");
      if (readout) handle.setAttribute("aria-valuetext", readout.textContent);
    }
  };
  const observer = new MutationObserver(adopt);
  observer.observe(box, { childList: true, subtree: true });
  signal.addEventListener("abort", () => observer.disconnect());
  adopt();
}

// ------------------------------------------------------------------------------------- the widget

export async function render({ model, el }) {
  const stopped = new AbortController();
  const { signal } = stopped;
  const networksIn = async (trait, build) =>
    (await widgetsIn(model, trait)).map((widget) => networkIn(widget, build));
  const promised = await networksIn("decoders", buildDecoder);
  const all = Promise.all(promised);
  const encoders = await Promise.all(await networksIn("encoders", buildEncoder));
  const controls = await widgetsIn(model, "controls");
  const [pad] = await widgetsIn(model, "pads");
  while (!el.isConnected) await new Promise(requestAnimationFrame);
  const { examples, ...rest } = model.get("content");
  const content = examples ? { ...rest, examples: await inflate(examples) } : rest;
  el.classList.add("explorer-page");
  const decoders = content.rows ? promised : await all; // rows come one by one
  const renderContent = content.epochs ? renderFilm : content.rows ? renderDraws : content.labels && renderPoint;
  await renderContent?.({ controls, decoders, encoders, pad, content, el, signal, heldBy, onChange });
  adoptControls(el, signal);
  saveOnceStill(pad ? [...controls, pad] : controls, signal);
  promised[0]?.then(() => (el.dataset.begun = ""));
  all.then(() => (el.dataset.drawn = ""));
  return () => {
    stopped.abort();
    el.replaceChildren();
  };
}
