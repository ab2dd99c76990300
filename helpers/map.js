// The map of a latent space of two numbers: axes, codes, neighborhoods, and the cross that a hand moves.

import {
  DIGIT_SIDE, KEYS_STAY_HERE, box, clamp, element, onNewColors, paintDigit, sharpCanvas, toggle,
} from "./page.js";

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
  const side = BACKDROP_SIDE * DIGIT_SIDE;
  const [sheet, row] = [side, DIGIT_SIDE].map((height) => element("canvas", { width: side, height }));
  const places = [...Array(BACKDROP_SIDE).keys()];
  const at = ([low, high], place) => low + ((place + 0.5) / BACKDROP_SIDE) * (high - low);
  for (const down of places) {
    const codes = places.map((across) => [at(edges[0], across), at(edges[1], BACKDROP_SIDE - 1 - down)]);
    decode(codes, (pixels, across) => paintDigit(row, pixels, across));
    sheet.getContext("2d").drawImage(row, 0, down * DIGIT_SIDE);
  }
  return sheet;
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

/** A map whose cross stands at `point`, and the switches that belong to it. */
export function buildMap(content, decode, point, signal) {
  const scale = mapScale(content.edges);
  const picture = buildMapPicture(content, decode, scale, signal);
  const cross = buildCross(content.edges, scale, point, signal);
  const frame = box("explorer-map", picture.canvas, cross.canvas);
  return { frame, switches: picture.switches, drawPicture: picture.draw, drawCross: cross.draw };
}
