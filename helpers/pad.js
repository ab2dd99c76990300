// The pad on which a visitor draws: by mouse, finger or pen, or a real digit that is turned and shifted by keyboard.
// All explorers of a notebook show one and the same drawing, which a shared widget holds.

import { EMPTY, SIDE, asMnist, isEmpty, rigid } from "./drawing.js";
import {
  KEYS_STAY_HERE, PIXELS, box, button, clamp, digitCanvas, element, paintDigit, sharpCanvas, spoken, toggle,
} from "./page.js";

const PAPER = 280; // CSS pixels
const PER_PIXEL = PAPER / SIDE;
const TURN = Math.PI / 12;
const PENS = [0.5, 2.5];
const OTHERS_WAIT = 100; // milliseconds of rest
const BLANK = new Float32Array(PIXELS);
const LABEL =
  "Drawing pad. Draw with mouse, finger or pen. By keyboard: bring a real digit with the button below, then shift it with the arrow keys.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const REMEMBERED = Symbol.for("helpers.explorer.drawing"); // of this page, so that a restarted kernel's pad has it, too

/** What the widget of a pad holds, for all explorers: the drawing, and the bytes that a network sees. */
function heldBy(widget) {
  let own = false; // a change made here
  const get = () => ({ ...EMPTY, ...widget.get("drawing") });
  const set = (changes) => {
    const drawing = { ...get(), ...changes };
    globalThis[REMEMBERED] = drawing;
    own = true;
    widget.set({ drawing, pixels: btoa(String.fromCharCode(...asMnist(drawing))) });
    own = false;
    widget.save_changes();
  };
  if (isEmpty(get()) && globalThis[REMEMBERED]) set(globalThis[REMEMBERED]);
  return { get, set, isOwn: () => own };
}

/** The pixels (784) from 0 to 1 that a network sees, or null if nothing is drawn. */
function seenIn(widget) {
  if (isEmpty({ ...EMPTY, ...widget.get("drawing") })) return null;
  return Float32Array.from(atob(widget.get("pixels")), (letter) => letter.charCodeAt(0) / 255);
}

/**
 * A pad, what a network sees of its drawing, and a canvas for each copy that `names` tells of.
 *
 * `onDrawing(pixels)` is called for each change, with null once nothing is drawn. `examples` holds real digits.
 */
export function buildPad(widget, examples, names, signal, onDrawing) {
  const held = heldBy(widget);
  const paper = buildPaper(held, signal);
  const shown = ["as a network sees it", ...names].map((name) => ({ name, canvas: digitCanvas(name) }));
  const [seen, ...copies] = shown.map(({ canvas }) => canvas);
  const [words, say] = spoken(signal, "explorer-words");

  function update() {
    const pixels = seenIn(widget);
    paper.draw();
    paintDigit(seen, pixels ?? BLANK);
    if (!pixels) for (const copy of copies) paintDigit(copy, BLANK);
    onDrawing(pixels);
  }
  const small = ({ name, canvas }) => {
    const figure = element("figure", { className: "explorer-small" });
    figure.append(canvas, element("figcaption", { textContent: name }));
    return figure;
  };
  let timer;
  const changed = () => {
    clearTimeout(timer);
    if (held.isOwn()) update();
    else timer = setTimeout(update, OTHERS_WAIT); // the explorer under the hand comes first
  };
  widget.on("change:drawing", changed);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    widget.off("change:drawing", changed);
  });
  const figures = box("explorer-seen", ...shown.map(small));
  return { panel: box("explorer-pad", paper.canvas, padButtons(held, examples, signal), figures, words), copies, say, update };
}

function padButtons(held, examples, signal) {
  const realDigit = () => {
    const start = PIXELS * Math.floor((Math.random() * examples.length) / PIXELS);
    held.set({ ...EMPTY, centered: held.get().centered, digit: [...examples.subarray(start, start + PIXELS)] });
  };
  const turn = (by) => () => held.set({ turn: held.get().turn + by });
  const thicken = (by) => () => held.set({ pen: clamp(+(held.get().pen + by).toFixed(2), PENS) });
  const centered = toggle("Center and scale", signal, (on) => held.set({ centered: on }));
  centered.setAttribute("aria-pressed", held.get().centered);
  const clear = () => held.set({ ...EMPTY, centered: held.get().centered });
  const buttons = box(
    "explorer-buttons",
    button("Clear", signal, clear),
    button("Bring a real digit", signal, realDigit),
    button("Turn left", signal, turn(-TURN)),
    button("Turn right", signal, turn(TURN)),
    button("Thinner", signal, thicken(-0.25)),
    button("Thicker", signal, thicken(0.25)),
    centered,
  );
  buttons.setAttribute("role", "group");
  buttons.setAttribute("aria-label", "Drawing");
  return buttons;
}

/** The paper, on which strokes are drawn and arrow keys shift the drawing. */
function buildPaper(held, signal) {
  const canvas = sharpCanvas(
    PAPER,
    { className: "explorer-paper", tabIndex: 0 },
    { role: "application", "aria-roledescription": "drawing pad", "aria-label": LABEL, ...KEYS_STAY_HERE },
  );
  const pointOf = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const place = [((clientX - left) * SIDE) / width, ((clientY - top) * SIDE) / height];
    return rigid(held.get()).back(place).map((value) => +value.toFixed(2));
  };
  let pointer = null; // the last that drew; while it does, no other finger can
  const draws = (id) => id === pointer && canvas.hasPointerCapture(id);
  const add = (...points) => {
    const { strokes } = held.get();
    held.set({ strokes: [...strokes.slice(0, -1), [...strokes.at(-1), ...points]] });
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || draws(pointer)) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    held.set({ strokes: [...held.get().strokes, [pointOf(event)]] });
  }, { signal });
  canvas.addEventListener("pointermove", (event) => {
    if (!draws(event.pointerId)) return;
    const all = event.getCoalescedEvents?.() ?? [];
    add(...(all.length ? all : [event]).map(pointOf));
  }, { signal });
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    held.set({ shift: held.get().shift.map((value, axis) => clamp(value + arrow[axis], [-SIDE, SIDE])) });
  }, { signal });
  return { canvas, draw: () => drawPaper(canvas.getContext("2d"), held.get()) };
}

function drawPaper(context, drawing) {
  const { strokes, digit, pen } = drawing;
  const { there } = rigid(drawing);
  Object.assign(context, { fillStyle: "white", strokeStyle: "black", lineCap: "round", lineJoin: "round" });
  context.fillRect(0, 0, PAPER, PAPER);
  if (isEmpty(drawing)) return writeInvitation(context);
  if (digit) drawDigit(context, drawing);
  context.lineWidth = 2 * pen * PER_PIXEL;
  for (const stroke of strokes) {
    context.beginPath();
    stroke.map(there).forEach(([x, y], i) => {
      if (i === 0) context.moveTo(x * PER_PIXEL, y * PER_PIXEL);
      context.lineTo(x * PER_PIXEL, y * PER_PIXEL);
    });
    context.stroke();
  }
}

function writeInvitation(context) {
  Object.assign(context, { fillStyle: "#595959", font: "20px sans-serif", textAlign: "center" });
  context.fillText("Draw a digit here", PAPER / 2, PAPER / 2);
}

function drawDigit(context, { digit, pen, turn, shift }) {
  const upright = asMnist({ ...EMPTY, digit, pen, centered: false });
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  paintDigit(canvas, Float32Array.from(upright, (byte) => byte / 255));
  context.save();
  context.translate(...shift.map((value) => PAPER / 2 + value * PER_PIXEL));
  context.rotate(turn);
  context.globalCompositeOperation = "darken";
  context.drawImage(canvas, -PAPER / 2, -PAPER / 2, PAPER, PAPER);
  context.restore();
}
