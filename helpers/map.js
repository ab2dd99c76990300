// The map of a latent space of two numbers: axes, codes, neighborhoods, and the cross that a hand moves.

import {
  DIGIT_SIDE, KEYS_STAY_HERE, box, clamp, element, onNewColors, paintDigit, sharpCanvas, toggle,
} from "./page.js";
import { named } from "./guess.js";

/** Round tick marks between two ends, about six of them. */
function ticks([low, high]) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => +((first + i) * step).toPrecision(6));
}

export const MAP = { size: 440, left: 52, bottom: 46, edge: 8 }; // in CSS pixels

/** Between the numbers of the map and the pixels of its canvas. */
export function mapScale([[left, right], [low, high]]) {
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

function drawCodes(context, { codes, labels, colors }, scale, dot = 2) {
  context.globalAlpha = 0.6;
  labels.forEach((label, i) => {
    context.fillStyle = colors[label];
    context.fillRect(scale.x(codes[2 * i]) - dot / 2, scale.y(codes[2 * i + 1]) - dot / 2, dot, dot);
  });
  context.globalAlpha = 1;
}

const MOST_ELLIPSES = 300;
const BACKDROP_SIDE = 16; // digits
const NAME_RADIUS = 10; // pixels

function drawNeighborhoods(context, { codes, labels, sizes, colors }, scale) {
  for (let i = 0; i < Math.min(MOST_ELLIPSES, labels.length); i++) {
    context.strokeStyle = colors[labels[i]];
    const middle = [scale.x(codes[2 * i]), scale.y(codes[2 * i + 1])];
    strokeEllipse(context, middle, sizes.subarray(2 * i), scale.perUnit);
  }
}

/** Write each digit at the middle of its codes, for those who cannot tell the colors apart. */
function drawNames(context, { codes, labels, colors }, scale) {
  const digits = [...new Set(labels)];
  const middles = digits.map((digit) => {
    const own = [...labels.keys()].filter((i) => labels[i] === digit);
    const middle = (axis) => own.map((i) => codes[2 * i + axis]).sort((a, b) => a - b)[own.length >> 1];
    return [scale.x(middle(0)), scale.y(middle(1))];
  });
  apart(middles, 2 * NAME_RADIUS + 3).forEach((place, i) => drawName(context, digits[i], ...place, colors[digits[i]]));
}

/** Places that were closer than a distance, moved away from each other, so that names can be read. */
function apart(places, distance) {
  for (let round = 0; round < 100; round++)
    places = places.map(([x, y]) => {
      const pushes = places.map(([otherX, otherY]) => {
        const length = Math.hypot(x - otherX, y - otherY) || Infinity;
        const share = Math.max(distance - length, 0) / length / 2;
        return [(x - otherX) * share, (y - otherY) * share];
      });
      return pushes.reduce((sum, push) => [sum[0] + push[0], sum[1] + push[1]], [x, y]);
    });
  return places;
}

function drawName(context, digit, x, y, color) {
  Object.assign(context, { font: "bold 14px sans-serif", textAlign: "center", lineWidth: 2 });
  context.beginPath();
  context.arc(x, y, NAME_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = "white";
  context.fill();
  context.strokeStyle = color;
  context.stroke();
  context.fillStyle = "black";
  context.fillText(digit, x, y + 5);
}

/**
 * A grid of decoded points that fills the map, `side` digits each way: what lies where.
 *
 * `decode` takes a row of codes, and a function that is given the pixels of each.
 */
export function decodeBackdrop(decode, edges, side) {
  const length = side * DIGIT_SIDE;
  const [sheet, row] = [length, DIGIT_SIDE].map((height) => element("canvas", { width: length, height }));
  const places = [...Array(side).keys()];
  const at = ([low, high], place) => low + ((place + 0.5) / side) * (high - low);
  for (const down of places) {
    const codes = places.map((across) => [at(edges[0], across), at(edges[1], side - 1 - down)]);
    decode(codes, (pixels, across) => paintDigit(row, pixels, across));
    sheet.getContext("2d").drawImage(row, 0, down * DIGIT_SIDE);
  }
  return sheet;
}

/**
 * The codes, and what can be switched on below and above them.
 *
 * `content` and `backdrop` are asked for at every drawing; `dot` is a code's size, and `neighborhoods` tells
 * whether they are shown at first, or null where there are none.
 */
export function buildMapPicture({ edges, content, backdrop, dot, neighborhoods }, scale, signal) {
  const canvas = sharpCanvas(MAP.size, { className: "explorer-map-picture" }, { "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const frame = [MAP.left, MAP.edge, MAP.size - MAP.left - MAP.edge, MAP.size - MAP.bottom - MAP.edge];
  const shown = { neighborhoods, backdrop: false };

  function draw() {
    const now = content();
    context.clearRect(0, 0, MAP.size, MAP.size);
    context.save();
    context.beginPath();
    context.rect(...frame);
    context.clip();
    if (shown.backdrop) {
      context.globalAlpha = 0.35;
      context.drawImage(backdrop(), ...frame);
    }
    drawCodes(context, now, scale, dot);
    if (shown.neighborhoods) drawNeighborhoods(context, now, scale);
    drawNames(context, now, scale);
    context.restore();
    drawAxes(context, edges, scale, getComputedStyle(canvas).color);
  }

  const switches = [toggle("Backdrop of digits", signal, (on) => ((shown.backdrop = on), draw()))];
  if (neighborhoods !== null) {
    const made = toggle("Neighborhoods", signal, (on) => ((shown.neighborhoods = on), draw()));
    made.setAttribute("aria-pressed", neighborhoods);
    switches.push(made);
  }
  onNewColors(canvas, signal, draw);
  return { canvas, switches, draw };
}

function drawCross(context, x, y) {
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

/** The place of a drawing's code, a diamond, and its neighborhood if sizes were learned. */
function drawMark(context, { code, size }, { sizes, edges }, scale) {
  const [x, y] = [scale.x(clamp(code[0], edges[0])), scale.y(clamp(code[1], edges[1]))];
  for (const [style, width] of [["white", 6], ["black", 2.5]]) {
    Object.assign(context, { strokeStyle: style, lineWidth: width });
    strokePath(context, [[x, y - 9], [x + 9, y], [x, y + 9], [x - 9, y]]);
    if (sizes) strokeEllipse(context, [scale.x(code[0]), scale.y(code[1])], size, scale.perUnit);
  }
}

const COMPARED = [1, 8]; // digits beside whose neighborhoods that of a drawing is shown
const INSET = { width: 280, height: 120, largest: 38, name: 16 }; // in CSS pixels

/** The neighborhood of a drawing beside those of a 1 and an 8, enlarged alike. */
export function buildComparison({ labels, sizes, colors }, signal) {
  const canvas = sharpCanvas(INSET.width, { className: "explorer-inset" }, { role: "img" }, INSET.height);
  const context = canvas.getContext("2d");
  const others = COMPARED.map((digit) => ({ digit, i: labels.indexOf(digit) })).filter(({ i }) => i >= 0);
  let drawn = null;

  function draw() {
    canvas.hidden = !drawn;
    if (!drawn) return;
    const ink = getComputedStyle(canvas).color;
    const sizeOf = (i) => [...sizes.subarray(2 * i, 2 * i + 2)];
    const all = others.map(({ digit, i }) => ({ name: named(digit), size: sizeOf(i), color: colors[digit] }));
    all.unshift({ name: "yours", size: drawn, color: ink });
    const perUnit = INSET.largest / Math.max(...all.flatMap(({ size }) => size));
    context.clearRect(0, 0, INSET.width, INSET.height);
    Object.assign(context, { lineWidth: 3, font: "13px sans-serif", textAlign: "center", fillStyle: ink });
    all.forEach(({ name, size, color }, place) => {
      const x = ((place + 0.5) / all.length) * INSET.width;
      context.strokeStyle = color;
      strokeEllipse(context, [x, INSET.largest + 4], size, [perUnit, perUnit]);
      context.fillText(name, x, INSET.height - INSET.name);
    });
    const words = all.map(({ name, size }) => `${name} ${size.map((value) => value.toFixed(2)).join(" by ")}`);
    canvas.setAttribute("aria-label", `Sizes of neighborhoods, enlarged: ${words.join(", ")}`);
  }
  onNewColors(canvas, signal, draw);
  const show = (size) => {
    drawn = size;
    draw();
  };
  return { canvas, show };
}

function strokePath(context, points) {
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.closePath();
  context.stroke();
}

function strokeEllipse(context, [x, y], size, perUnit) {
  context.beginPath();
  context.ellipse(x, y, size[0] * perUnit[0], size[1] * perUnit[1], 0, 0, 2 * Math.PI);
  context.stroke();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** The cross at the point, which pointer and arrow keys move. */
export function buildCross(edges, scale, point, signal) {
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
  const context = canvas.getContext("2d");
  let mark = null;
  const draw = ([first, second]) => {
    context.clearRect(0, 0, MAP.size, MAP.size);
    mark?.(context);
    drawCross(context, scale.x(first), scale.y(second));
  };
  const setMark = (drawMark) => {
    mark = drawMark;
    draw(point.at());
  };
  return { canvas, draw, setMark };
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
    if (event.button !== 0 || (down && target.hasPointerCapture(down.id))) return; // one finger at a time
    down = { id: event.pointerId, x: event.clientX, y: event.clientY };
    target.setPointerCapture(event.pointerId);
    move(event);
  }, { signal });
  target.addEventListener("pointermove", (event) => {
    if (down ? down.id === event.pointerId : !pinned && !event.buttons) move(event); // a button drags something else
  }, { signal });
  target.addEventListener("pointerup", (event) => {
    if (down?.id !== event.pointerId) return;
    const dragged = Math.hypot(event.clientX - down.x, event.clientY - down.y) > 4;
    pin(dragged || !pinned);
    down = null;
  }, { signal });
  target.addEventListener("lostpointercapture", (event) => {
    if (down?.id === event.pointerId) down = null;
  }, { signal });
  return () => pin(true);
}

/** A map whose cross stands at `point`, and the switches that belong to it. */
export function buildMap(content, decode, point, signal) {
  const scale = mapScale(content.edges);
  let kept;
  const backdrop = () => (kept ??= decodeBackdrop(decode, content.edges, BACKDROP_SIDE));
  const neighborhoods = content.sizes ? false : null;
  const scene = { edges: content.edges, content: () => content, backdrop, neighborhoods };
  const picture = buildMapPicture(scene, scale, signal);
  const cross = buildCross(content.edges, scale, point, signal);
  const frame = box("explorer-map", picture.canvas, cross.canvas);
  const mark = (drawn) => cross.setMark(drawn && ((context) => drawMark(context, drawn, content, scale)));
  return { frame, switches: picture.switches, drawPicture: picture.draw, drawCross: cross.draw, mark };
}
